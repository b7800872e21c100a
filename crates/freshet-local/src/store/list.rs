//! Listing a bucket in the order of its keys, walking only the folders that the prefix and the place need.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::sidecar::Sidecar;
use super::{ObjectInfo, Refusal, Store, failed};

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    /// Keys begin with this.
    pub(crate) prefix: String,
    /// Keys come after this.
    pub(crate) after: String,
    /// Keys are grouped up to this.
    pub(crate) delimiter: Option<String>,
    /// How many keys and groups at most.
    pub(crate) limit: usize,
}

/// One page of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Objects in the order of their keys.
    pub(crate) objects: Vec<ObjectInfo>,
    /// Groups in their order.
    pub(crate) groups: Vec<String>,
    /// The last key or group, where there is more.
    pub(crate) next: Option<String>,
}

impl Store {
    /// Lists a page.
    pub(crate) fn list(&self, bucket: &str, listing: &Listing) -> Result<Page, Refusal> {
        if !self.has_bucket(bucket) {
            return Err(Refusal::NoSuchBucket);
        }
        let mut keys = BTreeSet::new();
        let root = self.bucket_folder(bucket);
        let folder = listing.prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder.split('/').all(|part| !matches!(part, "." | "..")) {
            walk(&root.join(folder), &if folder.is_empty() { String::new() } else { format!("{folder}/") }, listing, &mut keys)?;
        }
        for entry in fs::read_dir(self.odd_folder(bucket)).into_iter().flatten().flatten() {
            if let Some(key) = self.odd_key(bucket, &entry.path()).filter(|key| key.starts_with(&listing.prefix) && *key > listing.after) {
                keys.insert(key);
            }
        }
        self.page(bucket, listing, keys)
    }

    fn page(&self, bucket: &str, listing: &Listing, keys: BTreeSet<String>) -> Result<Page, Refusal> {
        let mut page = Page::default();
        for key in keys {
            if page.objects.len() + page.groups.len() >= listing.limit
                && group(listing, &key).is_none_or(|name| page.groups.last() != Some(&name))
            {
                let last_object = page.objects.last().map(|info| info.key.clone());
                page.next = last_object.max(page.groups.last().cloned());
                break;
            }
            match group(listing, &key) {
                Some(name) if page.groups.last() == Some(&name) || name <= listing.after => {}
                Some(name) => page.groups.push(name),
                None => match self.find(bucket, &key) {
                    Ok((_, info)) => page.objects.push(info),
                    // Deleted since the folder was read.
                    Err(Refusal::NoSuchKey) => {}
                    Err(refusal) => return Err(refusal),
                },
            }
        }
        Ok(page)
    }

    fn odd_key(&self, bucket: &str, path: &Path) -> Option<String> {
        let name = path.file_name()?.to_str()?;
        let sidecar = self.meta_folder(bucket).join(name.get(..2)?).join(format!("{name}.json"));
        let sidecar: Sidecar = serde_json::from_slice(&fs::read(sidecar).ok()?).ok()?;
        Some(sidecar.key)
    }
}

fn group(listing: &Listing, key: &str) -> Option<String> {
    let delimiter = listing.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(&listing.prefix)?;
    rest.find(delimiter).map(|at| key[..listing.prefix.len() + at + delimiter.len()].to_owned())
}

/// Keys of a folder. A subfolder is entered where a key in it can begin with the prefix and come after the place; of
/// one that the delimiter makes a group, one key is enough.
fn walk(folder: &Path, beginning: &str, listing: &Listing, keys: &mut BTreeSet<String>) -> Result<(), Refusal> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(failed("list a bucket")(error).into()),
    };
    for entry in entries.flatten() {
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let inner = format!("{beginning}{name}/");
            let is_relevant = inner.starts_with(&listing.prefix) || listing.prefix.starts_with(&inner);
            let can_follow = inner > listing.after || listing.after.starts_with(&inner);
            if !is_relevant || !can_follow {
                continue;
            }
            let is_group =
                listing.delimiter.as_deref() == Some("/") && inner.len() > listing.prefix.len() && inner.starts_with(&listing.prefix);
            if is_group {
                if let Some(key) = first_key(&entry.path(), &inner) {
                    keys.insert(key);
                }
                continue;
            }
            walk(&entry.path(), &inner, listing, keys)?;
        } else {
            let key = format!("{beginning}{name}");
            if key.starts_with(&listing.prefix) && key > listing.after {
                keys.insert(key);
            }
        }
    }
    Ok(())
}

/// Any key of a folder: enough to know that its group is there.
fn first_key(folder: &Path, beginning: &str) -> Option<String> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let name = entry.file_name().to_str()?.to_owned();
        if !entry.file_type().ok()?.is_dir() {
            return Some(format!("{beginning}{name}"));
        }
        if let Some(key) = first_key(&entry.path(), &format!("{beginning}{name}/")) {
            return Some(key);
        }
    }
    None
}
