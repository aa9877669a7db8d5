//! What capture remembers between runs: for each record a code of its key, a code of its content
//! and the segment it is in. Nothing in it says what the record was.
//!
//! ```text
//! holdfast/ledger/v1\n
//! generation u64 · segments u32 · entries u64
//! per segment: id 16 bytes · tier u8
//! per entry: key code 16 · content code 8 · kind u8 · segment u32
//! HMAC-SHA-256 over all of it, 32 bytes
//! ```
//!
//! Numbers are big-endian. Codes are HMAC-SHA-256 under the ledger key, cut to 16 and 8 bytes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::crypto::digest::{self, MacKey};
use crate::domain::records::{Record, RecordKey, RecordKind, Tier};
use crate::vault::durable;
use crate::vault::segment::SegmentId;

const MAGIC: &[u8] = b"holdfast/ledger/v1\n";
const ENTRY_BYTES: usize = 16 + 8 + 1 + 4;
const SEGMENT_BYTES: usize = 16 + 1;
const HEAD_BYTES: usize = 8 + 4 + 8;

type KeyCode = [u8; 16];
type ContentCode = [u8; 8];

/// The ledger of one generation.
pub struct Ledger<'a> {
    key: &'a MacKey,
    segments: Vec<(SegmentId, Tier)>,
    entries: HashMap<KeyCode, Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    content: ContentCode,
    kind: u8,
    segment: u32,
}

/// Codes of what was seen, which say nothing of it.
#[derive(Default)]
pub struct Seen(HashSet<KeyCode>);

impl Seen {
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// What the ledger knows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    New,
    /// Word for word what is in the copy.
    Unchanged,
    /// Another content, last written to this tier.
    Changed(Tier),
}

/// Why a ledger cannot be used: then a full build is due.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("there is no ledger of generation {0}")]
    Missing(u64),
    #[error("the ledger was changed or cut short")]
    Damaged,
    #[error("the ledger cannot be read or written: {0}")]
    Io(#[from] io::Error),
}

impl<'a> Ledger<'a> {
    /// An empty one, for a full build.
    #[must_use]
    pub fn new(key: &'a MacKey) -> Self {
        Self { key, segments: Vec::new(), entries: HashMap::new() }
    }

    /// The ledger that was written with a generation.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn load(folder: &Path, generation: u64, key: &'a MacKey) -> Result<Self, LedgerError> {
        let bytes = match fs::read(path(folder, generation)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LedgerError::Missing(generation));
            }
            other => other?,
        };
        let (body, code) = bytes.split_last_chunk::<32>().ok_or(LedgerError::Damaged)?;
        if !digest::same(code, key.code(&[b"ledger", body]).as_bytes()) {
            return Err(LedgerError::Damaged);
        }
        let ledger = parse(body, generation, key).ok_or(LedgerError::Damaged)?;
        Ok(ledger)
    }

    /// Writes the ledger of a generation and forgets those before the one in force until now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, folder: &Path, generation: u64) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(MAGIC.len() + self.entries.len() * ENTRY_BYTES);
        let narrow = |length: usize| u32::try_from(length).map_err(io::Error::other);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&narrow(self.segments.len())?.to_be_bytes());
        bytes.extend_from_slice(&(self.entries.len() as u64).to_be_bytes());
        for (id, tier) in &self.segments {
            bytes.extend(digest::from_hex(id.as_str()).unwrap_or_default());
            bytes.push(tier_code(*tier));
        }
        for (code, entry) in &self.entries {
            bytes.extend_from_slice(code);
            bytes.extend_from_slice(&entry.content);
            bytes.push(entry.kind);
            bytes.extend_from_slice(&entry.segment.to_be_bytes());
        }
        let code = self.key.code(&[b"ledger", &bytes]);
        bytes.extend_from_slice(code.as_bytes());
        durable::replace(&path(folder, generation), &bytes)?;
        forget_before(folder, "ledger-", generation.saturating_sub(1))
    }

    /// Compares a record with what is in the copy.
    ///
    /// # Errors
    /// When the record cannot be written as JSON.
    pub fn compare(&self, record: &Record) -> io::Result<Known> {
        let Some(entry) = self.entries.get(&self.key_code(&record.key())) else {
            return Ok(Known::New);
        };
        if entry.content == self.content_code(record)? {
            return Ok(Known::Unchanged);
        }
        Ok(self.tier_of(entry).map_or(Known::New, Known::Changed))
    }

    /// The tier a record was last written to, if it is in the copy.
    #[must_use]
    pub fn tier(&self, key: &RecordKey) -> Option<Tier> {
        self.entries.get(&self.key_code(key)).and_then(|entry| self.tier_of(entry))
    }

    /// Notes that a record is now in a segment.
    ///
    /// # Errors
    /// When the record cannot be written as JSON.
    pub fn note(&mut self, record: &Record, segment: &SegmentId) -> io::Result<()> {
        let content = self.content_code(record)?;
        let tier = record.header().tier;
        let segment = self.segment_index(segment, tier)?;
        let kind = kind_code(record.kind());
        self.entries.insert(self.key_code(&record.key()), Entry { content, kind, segment });
        Ok(())
    }

    /// Notes that a record is gone; the tier it was in.
    pub fn remove(&mut self, key: &RecordKey) -> Option<Tier> {
        let entry = self.entries.remove(&self.key_code(key))?;
        self.tier_of(&entry)
    }

    /// Records alive, by tier and kind.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Tier, BTreeMap<RecordKind, u64>> {
        let mut counts: BTreeMap<Tier, BTreeMap<RecordKind, u64>> = BTreeMap::new();
        for entry in self.entries.values() {
            let kind = RecordKind::ALL.get(usize::from(entry.kind));
            if let (Some(tier), Some(kind)) = (self.tier_of(entry), kind) {
                *counts.entry(tier).or_default().entry(*kind).or_default() += 1;
            }
        }
        counts
    }

    /// Notes that the source still has a record, if the copy has it at all.
    pub fn see(&self, key: &RecordKey, seen: &mut Seen) {
        let code = self.key_code(key);
        if self.entries.contains_key(&code) {
            seen.0.insert(code);
        }
    }

    /// How many records of the copy were not seen.
    #[must_use]
    pub fn unseen(&self, seen: &Seen) -> u64 {
        (self.entries.len() - seen.0.len()) as u64
    }

    /// Notes a row of a collection by its id.
    pub fn count(&self, row: &str, counted: &mut Seen) {
        counted.0.insert(cut(self.key.code(&[b"row", row.as_bytes()]).as_bytes()));
    }

    fn tier_of(&self, entry: &Entry) -> Option<Tier> {
        self.segments.get(entry.segment as usize).map(|(_, tier)| *tier)
    }

    fn segment_index(&mut self, id: &SegmentId, tier: Tier) -> io::Result<u32> {
        // The segment being written is the last one added, or the one before.
        let known = self.segments.iter().rposition(|(known, _)| known == id);
        let index = known.unwrap_or_else(|| {
            self.segments.push((id.clone(), tier));
            self.segments.len() - 1
        });
        u32::try_from(index).map_err(io::Error::other)
    }

    fn key_code(&self, key: &RecordKey) -> KeyCode {
        let code =
            self.key.code(&[b"key", key.kind.as_str().as_bytes(), key.id.as_str().as_bytes()]);
        cut(code.as_bytes())
    }

    fn content_code(&self, record: &Record) -> io::Result<ContentCode> {
        let json = zeroize::Zeroizing::new(serde_json::to_vec(record)?);
        Ok(cut(self.key.code(&[b"content", &json]).as_bytes()))
    }
}

fn cut<const N: usize>(code: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| code[at])
}

fn parse<'a>(body: &[u8], generation: u64, key: &'a MacKey) -> Option<Ledger<'a>> {
    let body = body.strip_prefix(MAGIC)?;
    let (head, body) = body.split_at_checked(HEAD_BYTES)?;
    if u64::from_be_bytes(head[..8].try_into().ok()?) != generation {
        return None;
    }
    let segments = u32::from_be_bytes(head[8..12].try_into().ok()?) as usize;
    let entries = usize::try_from(u64::from_be_bytes(head[12..].try_into().ok()?)).ok()?;
    let (segment_bytes, entry_bytes) = body.split_at_checked(segments * SEGMENT_BYTES)?;
    if entry_bytes.len() != entries.checked_mul(ENTRY_BYTES)? {
        return None;
    }
    let segments = segment_bytes.chunks_exact(SEGMENT_BYTES).map(|bytes| {
        let (id, tier) = bytes.split_at(16);
        let id = SegmentId::try_from(digest::to_hex(id)).ok()?;
        Some((id, *Tier::ALL.get(usize::from(tier[0]))?))
    });
    let segments = segments.collect::<Option<Vec<_>>>()?;
    let entries = entry_bytes.chunks_exact(ENTRY_BYTES).map(|bytes| {
        let (code, rest) = bytes.split_first_chunk::<16>()?;
        let (content, rest) = rest.split_first_chunk::<8>()?;
        let (kind, segment) = rest.split_first()?;
        let segment = u32::from_be_bytes(segment.try_into().ok()?);
        Some((*code, Entry { content: *content, kind: *kind, segment }))
    });
    let entries = entries.collect::<Option<HashMap<_, _>>>()?;
    Some(Ledger { key, segments, entries })
}

fn tier_code(tier: Tier) -> u8 {
    match tier {
        Tier::Standard => 0,
        Tier::Restricted => 1,
    }
}

/// The position in [`RecordKind::ALL`]; a new version that moves kinds about bumps the magic.
fn kind_code(kind: RecordKind) -> u8 {
    let position = RecordKind::ALL.iter().position(|known| *known == kind);
    position.and_then(|position| u8::try_from(position).ok()).unwrap_or(u8::MAX)
}

fn path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("ledger-{generation:010}"))
}

/// Removes files of generations before the oldest that may still be gone on from.
pub(super) fn forget_before(folder: &Path, prefix: &str, oldest: u64) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if number.and_then(|number| number.parse::<u64>().ok()).is_some_and(|n| n < oldest) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: &str, name: &str, tier: &str) -> Record {
        let json = serde_json::json!({"person": {
            "header": {
                "id": id, "tier": tier, "class": "general", "source": "c3ms",
                "source_version": "1", "updated_at": "2023-03-01T00:00:00Z"
            },
            "name": name
        }});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn it_knows_what_changed_and_says_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let key = MacKey::new(&[7; 32]);
        let segment = SegmentId::random();
        let mut ledger = Ledger::new(&key);
        let first = person("P-1", "Synthetic-Planted", "standard");
        assert_eq!(ledger.compare(&first).unwrap(), Known::New);
        ledger.note(&first, &segment).unwrap();
        ledger.note(&person("P-2", "B", "restricted"), &SegmentId::random()).unwrap();
        ledger.save(folder.path(), 3).unwrap();

        let mut again = Ledger::load(folder.path(), 3, &key).unwrap();
        assert_eq!(again.compare(&first).unwrap(), Known::Unchanged);
        let renamed = person("P-1", "Renamed", "standard");
        assert_eq!(again.compare(&renamed).unwrap(), Known::Changed(Tier::Standard));
        assert_eq!(again.counts()[&Tier::Restricted][&RecordKind::Person], 1);
        assert_eq!(again.remove(&first.key()), Some(Tier::Standard));
        assert_eq!(again.tier(&first.key()), None);

        let bytes = fs::read(path(folder.path(), 3)).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"Planted"));
        assert!(!bytes.windows(3).any(|window| window == b"P-1"));
    }

    #[test]
    fn a_changed_foreign_or_older_ledger_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = MacKey::new(&[7; 32]);
        let mut ledger = Ledger::new(&key);
        ledger.note(&person("P-1", "A", "standard"), &SegmentId::random()).unwrap();
        for generation in 1..=3 {
            ledger.save(folder.path(), generation).unwrap();
        }
        assert!(matches!(Ledger::load(folder.path(), 1, &key), Err(LedgerError::Missing(1))));
        let other = MacKey::new(&[8; 32]);
        assert!(matches!(Ledger::load(folder.path(), 3, &other), Err(LedgerError::Damaged)));
        let file = path(folder.path(), 3);
        let bytes = fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&file, changed).unwrap();
            assert!(Ledger::load(folder.path(), 3, &key).is_err(), "byte {at}");
        }
        fs::copy(path(folder.path(), 2), &file).unwrap();
        assert!(Ledger::load(folder.path(), 3, &key).is_err());
    }
}
