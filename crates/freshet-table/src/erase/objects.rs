//! The objects of a bucket that are no table's: lines on their way lose what names someone, anything else that names them goes whole.
//! What cannot be read is said.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use freshet_ingest::envelope::gunzip;
use freshet_ingest::json::Json;
use freshet_ingest::normalize::Normalizer;
use freshet_ingest::transform::{BODIES_PREFIX, Fetched, line_pointers};
use freshet_schema::Contract;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use super::columns::is_in_parquet;
use super::frames::{copy_without, is_frame};
use super::lines::{Fate, Lines};
use super::names::Names;
use super::report::Place;
use super::table::Work;
use crate::error::Error;
use crate::lake::Lake;
use crate::landing::{self, LARGEST_OBJECT, Line};

/// Prefixes whose objects are lines on their way.
const LINES: [&str; 5] = ["landing", "quarantine", "spill", "errors", "raw"];
/// Those that hold what no table has yet.
const AHEAD: [&str; 3] = ["landing", "spill", "errors"];

/// Which objects are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Lines that are not in a table yet.
    Ahead,
    /// All.
    Whole,
}

/// Looks through a bucket. `label` stands before the places of a bucket that is not the lake's.
pub(crate) async fn look(
    work: &Work<'_>,
    names: &mut Names,
    normalizer: &Normalizer,
    extent: Extent,
    label: &str,
) -> Result<BTreeMap<String, Place>, Error> {
    let listed: Vec<ObjectMeta> = work.lake.store().list(None).try_collect().await.map_err(Error::object("list the bucket"))?;
    let folders = delta_folders(&listed);
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let mut bodies = Bodies::default();
    for object in listed {
        let key = object.location.to_string();
        let first = key.split('/').next().unwrap_or_default().to_owned();
        let has_lines = LINES.contains(&first.as_str());
        if (extent == Extent::Ahead && !AHEAD.contains(&first.as_str())) || (has_lines && key.starts_with(BODIES_PREFIX)) {
            if key.starts_with(BODIES_PREFIX) {
                bodies.all.push(object.location);
            }
            continue;
        }
        let place = places.entry(place_of(label, &key)).or_default();
        if has_lines {
            sift(work, names, normalizer, &object, &mut bodies, place).await?;
            continue;
        }
        match folders.iter().find(|folder| key.starts_with(folder.as_str())) {
            Some(folder) if is_known(work.contract, folder) => {}
            Some(_) => {
                if is_named(work.lake, names, &object, place).await? {
                    place.unread.push((key, "names them, in a Delta table that the contract does not know: erase it there".to_owned()));
                }
            }
            None if is_frame(&key) => sift_frame(work, names, &object, place).await?,
            None => {
                if is_named(work.lake, names, &object, place).await? {
                    place.deleted += 1;
                    if !work.is_dry {
                        landing::delete(work.lake, std::slice::from_ref(&object.location)).await?;
                    }
                }
            }
        }
    }
    if extent == Extent::Whole {
        bodies.clear(work, names, places.entry(place_of(label, BODIES_PREFIX)).or_default()).await?;
    }
    Ok(places)
}

fn place_of(label: &str, key: &str) -> String {
    let first = key.split_once('/').map_or("", |(first, _)| first);
    format!("{label}{first}/")
}

/// The folders that are Delta tables, with a slash at the end.
fn delta_folders(listed: &[ObjectMeta]) -> BTreeSet<String> {
    let folder = |object: &ObjectMeta| object.location.as_ref().split_once("_delta_log/").map(|(folder, _)| folder.to_owned());
    listed.iter().filter_map(folder).collect()
}

fn is_known(contract: &Contract, folder: &str) -> bool {
    contract.tables().any(|table| table.prefix() == folder.trim_end_matches('/'))
}

/// Bodies that lie apart from their lines.
#[derive(Default)]
struct Bodies {
    all: Vec<Path>,
    pointed: BTreeSet<String>,
    gone: BTreeSet<String>,
}

impl Bodies {
    /// Deletes those whose lines are gone, and those that no line points to and that name them.
    async fn clear(&self, work: &Work<'_>, names: &Names, place: &mut Place) -> Result<(), Error> {
        for body in &self.all {
            let is_gone = if self.pointed.contains(body.as_ref()) {
                self.gone.contains(body.as_ref())
            } else {
                let bytes = fetch(work.lake, body).await?.unwrap_or_default();
                names.is_in_body(gunzip(&bytes).as_deref().unwrap_or(&bytes))
            };
            if is_gone {
                place.deleted += 1;
                if !work.is_dry {
                    landing::delete(work.lake, std::slice::from_ref(body)).await?;
                }
            }
        }
        Ok(())
    }
}

/// Takes out of an object the lines that name them.
async fn sift(
    work: &Work<'_>,
    names: &mut Names,
    normalizer: &Normalizer,
    object: &ObjectMeta,
    bodies: &mut Bodies,
    place: &mut Place,
) -> Result<(), Error> {
    let key = object.location.to_string();
    if object.size > LARGEST_OBJECT {
        place.unread.push((key, "larger than any object that a writer of Freshet's makes".to_owned()));
        return Ok(());
    }
    let Some(content) = landing::fetch(work.lake, object).await? else {
        return Ok(());
    };
    let mut lines = content.lines().map_err(|source| Error::TemporaryFile { source })?;
    let mut kept = Kept::new(content.is_gzip().map_err(|source| Error::TemporaryFile { source })?);
    let mut gone = 0;
    loop {
        let line = match lines.next() {
            Line::End => break,
            Line::Broken => {
                place.unread.push((key.clone(), "cannot be unpacked to its end".to_owned()));
                break;
            }
            Line::Text(line) => line,
        };
        let mut fetched = Fetched::new();
        for pointer in pointers(line) {
            fetched.insert(pointer.clone(), fetch(work.lake, &Path::from(pointer.as_str())).await?.map(|bytes| bytes.to_vec()));
            bodies.pointed.insert(pointer);
        }
        let mut judge = Lines { names, normalizer, fetched: &fetched, now: work.options.now, bodies: Vec::new() };
        let fate = judge.judge(line);
        bodies.gone.extend(judge.bodies);
        match fate {
            Fate::Stays => kept.write(line),
            Fate::Goes => gone += 1,
            Fate::Shrinks(records, rest) => {
                gone += records;
                kept.write(&rest);
            }
        }
    }
    if gone == 0 {
        return Ok(());
    }
    place.rows += gone;
    let rest = kept.finish();
    if rest.is_some() {
        place.rewritten += 1;
    } else {
        place.deleted += 1;
    }
    if work.is_dry {
        return Ok(());
    }
    match rest {
        None => landing::delete(work.lake, std::slice::from_ref(&object.location)).await,
        Some(bytes) => replace(work.lake, object, bytes).await,
    }
}

/// Takes out of a frozen frame the rows of whom it is about; the whole of it where that is a shop.
async fn sift_frame(work: &Work<'_>, names: &Names, object: &ObjectMeta, place: &mut Place) -> Result<(), Error> {
    if names.is_shop() {
        if names.is_account_known() {
            place.deleted += 1;
            if !work.is_dry {
                landing::delete(work.lake, std::slice::from_ref(&object.location)).await?;
            }
        }
        return Ok(());
    }
    let Some(packed) = fetch(work.lake, &object.location).await? else {
        return Ok(());
    };
    let Ok(gone) = copy_without(names, GzDecoder::new(packed.as_ref()), std::io::sink()) else {
        place.unread.push((object.location.to_string(), "cannot be unpacked and read to its end".to_owned()));
        return Ok(());
    };
    if gone == 0 {
        return Ok(());
    }
    place.rows += gone;
    place.rewritten += 1;
    if work.is_dry {
        return Ok(());
    }
    let mut rest = GzEncoder::new(Vec::new(), Compression::fast());
    copy_without(names, GzDecoder::new(packed.as_ref()), &mut rest)
        .expect("what was read once is read again, and writing to memory cannot fail");
    replace(work.lake, object, rest.finish().expect("writing to memory cannot fail")).await
}

/// Lines that stay, packed as they were.
struct Kept {
    gzip: Option<GzEncoder<Vec<u8>>>,
    plain: Vec<u8>,
    is_empty: bool,
}

impl Kept {
    fn new(is_gzip: bool) -> Self {
        let gzip = is_gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        Self { gzip, plain: Vec::new(), is_empty: true }
    }

    fn write(&mut self, line: &[u8]) {
        self.is_empty = false;
        if let Some(encoder) = &mut self.gzip {
            encoder.write_all(line).and_then(|()| encoder.write_all(b"\n")).expect("writing to memory cannot fail");
        } else {
            self.plain.extend_from_slice(line);
            self.plain.push(b'\n');
        }
    }

    fn finish(self) -> Option<Vec<u8>> {
        if self.is_empty {
            return None;
        }
        Some(match self.gzip {
            Some(encoder) => encoder.finish().expect("writing to memory cannot fail"),
            None => self.plain,
        })
    }
}

/// Writes an object again, unless it has changed or gone since it was read: then the next look sees what came of it.
async fn replace(lake: &Lake, object: &ObjectMeta, bytes: Vec<u8>) -> Result<(), Error> {
    let version = UpdateVersion { e_tag: object.e_tag.clone(), version: object.version.clone() };
    let options = PutOptions { mode: PutMode::Update(version), ..PutOptions::default() };
    match lake.store().put_opts(&object.location, bytes.into(), options).await {
        Ok(_) | Err(object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. }) => Ok(()),
        Err(source) => Err(Error::Object { tried: format!("write {} again", object.location), source }),
    }
}

/// The keys of bodies that a line points to, also from within an error record of Firehose.
fn pointers(line: &[u8]) -> Vec<String> {
    if memchr::memmem::find(line, b"rawData").is_some()
        && let Ok(json) = Json::parse(line)
        && let Some(Json::String(raw)) = json.get("rawData")
        && let Ok(data) = STANDARD.decode(raw.as_bytes())
    {
        return keys(&data);
    }
    keys(line)
}

/// The bodies that lie in the lake.
fn keys(data: &[u8]) -> Vec<String> {
    line_pointers(data).into_iter().filter(|pointer| pointer.starts_with(BODIES_PREFIX)).collect()
}

async fn fetch(lake: &Lake, location: &Path) -> Result<Option<Bytes>, Error> {
    let got = async { lake.store().get(location).await?.bytes().await };
    match got.await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(Error::Object { tried: format!("read {location}"), source }),
    }
}

/// Whether an object names them, whatever it is: a query's result, Parquet, text.
async fn is_named(lake: &Lake, names: &Names, object: &ObjectMeta, place: &mut Place) -> Result<bool, Error> {
    let key = object.location.to_string();
    if object.size > LARGEST_OBJECT {
        place.unread.push((key, "too large to be searched".to_owned()));
        return Ok(false);
    }
    let Some(bytes) = fetch(lake, &object.location).await? else {
        return Ok(false);
    };
    let bytes = if bytes.starts_with(&[0x1F, 0x8B]) {
        let Ok(unpacked) = gunzip(&bytes) else {
            place.unread.push((key, "cannot be unpacked".to_owned()));
            return Ok(false);
        };
        Bytes::from(unpacked)
    } else {
        bytes
    };
    if bytes.starts_with(b"PAR1") {
        let found = is_in_parquet(bytes, &|text| names.are_in_answer(text));
        return Ok(found.unwrap_or_else(|_| {
            place.unread.push((key, "no Parquet that can be read".to_owned()));
            false
        }));
    }
    // These pack what they hold.
    if bytes.starts_with(b"ORC") || bytes.starts_with(b"Obj\x01") {
        place.unread.push((key, "ORC and Avro cannot be searched".to_owned()));
        return Ok(false);
    }
    Ok(names.are_in_answer(&String::from_utf8_lossy(&bytes)))
}
