//! How large events are, by the contract's own fixtures.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

/// The events of a source.
#[derive(Debug, Clone, Default, Serialize, PartialEq)]
pub(crate) struct SourceSize {
    /// How many fixtures were measured.
    pub(crate) fixtures: u64,
    /// The mean bytes of a body.
    pub(crate) mean_bytes: f64,
}

/// The mean body of each source's fixtures under a folder of the contract. The lake's own tables take no deliveries.
pub(crate) fn fixture_sizes(schemas: &Path) -> BTreeMap<String, SourceSize> {
    let mut sizes = BTreeMap::new();
    for source in folders(schemas) {
        let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let files = folders(&source.join("fixtures")).into_iter().flat_map(|table| entries(&table));
        let bodies: Vec<u64> =
            files.filter(|path| !path.to_string_lossy().ends_with(".rows.json")).filter_map(|path| body_bytes(&path)).collect();
        if name != "lake" && !bodies.is_empty() {
            #[expect(clippy::cast_precision_loss, reason = "sizes of small files")]
            let mean_bytes = bodies.iter().sum::<u64>() as f64 / bodies.len() as f64;
            sizes.insert(name, SourceSize { fixtures: bodies.len() as u64, mean_bytes });
        }
    }
    sizes
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn folders(folder: &Path) -> Vec<std::path::PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

fn body_bytes(path: &Path) -> Option<u64> {
    let fixture: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    Some(match fixture.get("body")? {
        Value::String(text) => text.len() as u64,
        body => body.to_string().len() as u64,
    })
}
