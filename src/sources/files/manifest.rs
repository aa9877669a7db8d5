//! Manifests of drops: which there are, what each says, and whether its files are that.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use super::rows::Form;
use crate::crypto::digest::{Digest, Hasher};

const FORMAT: &str = "holdfast/drop/v1";
/// A manifest names files; more is something else.
const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;

/// A manifest as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    format: String,
    /// As in the mapping.
    source: String,
    pub sequence: u64,
    pub kind: DropKind,
    /// Up to when the register's changes are in it.
    pub as_of: Timestamp,
    pub files: Vec<DropFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropKind {
    /// Everything: what is not in it is gone.
    Full,
    /// What has changed since the drop before.
    Incremental,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropFile {
    pub collection: String,
    /// Beside the manifest.
    pub name: String,
    pub form: Form,
    pub sha256: Digest,
    pub rows: u64,
    /// Its rows are gone from the register; an id is enough.
    #[serde(default)]
    pub deleted: bool,
}

/// The numbers of the drops whose manifests are there.
pub fn sequences(folder: &Path) -> Result<BTreeSet<u64>, String> {
    let wrong =
        |error: io::Error| format!("the folder {} cannot be read ({error})", folder.display());
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name();
        let number = name.to_str().and_then(|name| {
            name.strip_prefix("drop-")?.strip_suffix(".json").filter(|digits| digits.len() == 10)
        });
        found.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
    }
    Ok(found)
}

/// Reads a manifest; what is wrong with it is said by the drop's number.
pub fn read(
    folder: &Path,
    sequence: u64,
    source: &str,
    collections: &[String],
) -> Result<Drop, String> {
    let mut text = String::new();
    let read = File::open(path(folder, sequence))
        .and_then(|file| file.take(MAX_MANIFEST_BYTES).read_to_string(&mut text));
    read.map_err(|error| format!("the manifest of drop {sequence} cannot be read ({error})"))?;
    let drop: Drop = serde_json::from_str(&text).map_err(|error| {
        format!(
            "the manifest of drop {sequence} is not whole ({error}): write it under another name \
             and rename it"
        )
    })?;
    check(&drop, sequence, source, collections)
        .map_err(|fault| format!("drop {sequence} {fault}"))?;
    Ok(drop)
}

fn check(drop: &Drop, sequence: u64, source: &str, collections: &[String]) -> Result<(), String> {
    if drop.format != FORMAT {
        return Err(format!("is of another format: write '{FORMAT}'"));
    }
    if drop.source != source {
        return Err(format!("is of '{}', and the mapping is of '{source}'", drop.source));
    }
    if drop.sequence != sequence {
        return Err(format!("calls itself number {}", drop.sequence));
    }
    for file in &drop.files {
        if Path::new(&file.name).file_name().is_none_or(|name| name != file.name.as_str()) {
            return Err("names a file that is not beside its manifest".to_owned());
        }
        if !collections.contains(&file.collection) {
            let name = &file.collection;
            return Err(format!("has a file of '{name}', which the mapping does not have"));
        }
        if file.deleted && drop.kind == DropKind::Full {
            return Err("is a full one and lists deletions: leave them out".to_owned());
        }
    }
    Ok(())
}

/// Whether a file is what its manifest says.
pub fn verify(folder: &Path, drop: &Drop, file: &DropFile) -> Result<(), String> {
    let digest = digest(&folder.join(&file.name)).map_err(|error| {
        format!("drop {}: {} cannot be read ({error})", drop.sequence, file.name)
    })?;
    if digest == file.sha256 {
        return Ok(());
    }
    Err(format!(
        "drop {} is not whole: {} is not the file that its manifest names",
        drop.sequence, file.name
    ))
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..length]);
    }
}

fn path(folder: &Path, sequence: u64) -> PathBuf {
    folder.join(format!("drop-{sequence:010}.json"))
}
