//! What capture remembers of a source between runs, beside the ledger: names and numbers, no row.
//!
//! ```text
//! holdfast/capture-memory/v1\n
//! JSON, then a line feed
//! HMAC-SHA-256 over both lines, in hex
//! ```
//!
//! A file belongs to one generation: a run that is not published leaves no trace in it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CaptureError;
use super::ledger::forget_before;
use crate::crypto::digest::{self, Digest, MacKey};
use crate::vault::durable;

const MAGIC: &str = "holdfast/capture-memory/v1\n";
const PREFIX: &str = "memory-";

/// What is remembered with one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Of the mapping and the address with which all was last read.
    pub asked: Option<Digest>,
    pub collections: BTreeMap<String, Remembered>,
    /// When all keys were last compared with the copy.
    pub swept_at: Option<Timestamp>,
}

/// Of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// What the source told to ask with: a delta link, the number of a drop.
    pub state: Option<String>,
    /// Rows that made records when all were last read.
    pub rows: u64,
}

impl Memory {
    /// What was remembered with a generation.
    ///
    /// # Errors
    /// A full build is due when there is nothing, or something was changed.
    pub fn load(folder: &Path, generation: u64, key: &MacKey) -> Result<Self, CaptureError> {
        let due = |why: &str| CaptureError::FullDue(why.to_owned());
        let bytes = match fs::read(path(folder, generation)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(due("it is not known where the run before ended"));
            }
            other => other?,
        };
        let damaged = || due("what is known of the run before was changed or cut short");
        let (body, code) = bytes.split_last_chunk::<64>().ok_or_else(damaged)?;
        if !digest::same(code, key.code(&[b"memory", body]).to_hex().as_bytes()) {
            return Err(damaged());
        }
        let json = body.strip_prefix(MAGIC.as_bytes()).ok_or_else(damaged)?;
        serde_json::from_slice(json).map_err(|_| damaged())
    }

    /// Writes what is remembered with a generation and forgets what no run goes on from.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, folder: &Path, generation: u64, key: &MacKey) -> io::Result<()> {
        let mut bytes = MAGIC.as_bytes().to_vec();
        serde_json::to_writer(&mut bytes, self)?;
        bytes.push(b'\n');
        let code = key.code(&[b"memory", &bytes]).to_hex();
        bytes.extend_from_slice(code.as_bytes());
        durable::replace(&path(folder, generation), &bytes)?;
        forget_before(folder, PREFIX, generation.saturating_sub(1))
    }

    /// What is remembered of a collection, to be changed.
    pub fn of(&mut self, collection: &str) -> &mut Remembered {
        self.collections.entry(collection.to_owned()).or_default()
    }
}

fn path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{generation:010}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_a_changed_or_missing_one_makes_a_full_build_due() {
        let folder = tempfile::tempdir().unwrap();
        let key = MacKey::new(&[7; 32]);
        let mut memory = Memory::default();
        memory.of("persons").state = Some("42".to_owned());
        for generation in 1..=3 {
            memory.save(folder.path(), generation, &key).unwrap();
        }
        assert_eq!(Memory::load(folder.path(), 3, &key).unwrap(), memory);
        let due = |generation, key: &MacKey| {
            matches!(Memory::load(folder.path(), generation, key), Err(CaptureError::FullDue(_)))
        };
        assert!(due(1, &key), "the first is forgotten");
        assert!(due(3, &MacKey::new(&[8; 32])));
        let file = path(folder.path(), 3);
        let bytes = fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&file, changed).unwrap();
            assert!(due(3, &key), "byte {at}");
        }
    }
}
