//! A segment: an immutable sealed file of records of one tier. See `docs/formats.md`.
//!
//! Inside the age file is a versioned header and then blocks, each compressed by itself so that a
//! reader unpacks only what it shows. Nothing here knows about generations.

mod reader;
mod writer;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::crypto::digest::{self, Digest};
use crate::domain::records::{RecordKey, RecordKind, Tier};

pub use reader::{Block, SegmentError, SegmentReader};
pub use writer::SegmentWriter;
pub(in crate::vault) use writer::age_header;

/// Blocks are compressed when they hold this much.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// No block unpacks to more: one record is bounded by the source's body limit.
pub const MAX_BLOCK_BYTES: usize = 16 * 1024 * 1024;

const MAGIC: &[u8; 8] = b"HOLDFAST";
const VERSION: u8 = 1;
const MAX_HEADER_BYTES: usize = 4096;

/// Names a segment and its file: 32 lower-case hex digits, random.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SegmentId(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a segment's id: 32 lower-case hex digits are needed")]
pub struct InvalidSegmentId;

impl SegmentId {
    #[must_use]
    pub fn random() -> Self {
        Self(digest::to_hex(&digest::random()[..16]))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SegmentId {
    type Error = InvalidSegmentId;
    fn try_from(text: String) -> Result<Self, InvalidSegmentId> {
        match digest::from_hex(&text) {
            Some(bytes) if bytes.len() == 16 => Ok(Self(text)),
            _ => Err(InvalidSegmentId),
        }
    }
}

impl From<SegmentId> for String {
    fn from(id: SegmentId) -> Self {
        id.0
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmentKind {
    /// Records of a full build.
    Base,
    /// What changed since: records whole, tombstones, index rows.
    Delta,
    /// The search index of a full build.
    IndexImage,
}

/// What a segment says of itself: it repeats the manifest, so none can stand in for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentHeader {
    pub id: SegmentId,
    pub site: String,
    pub epoch: String,
    pub tier: Tier,
    pub kind: SegmentKind,
    /// Deltas apply in this order; base and image of a full build come first.
    pub sequence: u64,
    pub begun_at: Timestamp,
}

/// A finished segment as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentEntry {
    pub id: SegmentId,
    pub epoch: String,
    pub tier: Tier,
    pub kind: SegmentKind,
    pub sequence: u64,
    pub length_bytes: u64,
    /// Of the age header, up to and including its last line feed.
    pub header_sha256: Digest,
    pub file_sha256: Digest,
    pub records: u64,
    pub tombstones: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BlockKind {
    /// One synthetic text, first in every segment.
    Canary = 1,
    /// JSON lines: [`crate::domain::records::Record`].
    Records = 2,
    /// JSON lines: [`RecordKey`].
    Tombstones = 3,
    /// JSON lines: [`crate::domain::records::SearchRow`].
    IndexRows = 4,
    /// A piece of the SQLite image of the search index.
    Image = 5,
    /// JSON lines: [`DirectoryLine`].
    Directory = 6,
    /// [`End`], last in every segment.
    End = 7,
}

impl BlockKind {
    fn from_code(code: u8) -> Option<Self> {
        [
            Self::Canary,
            Self::Records,
            Self::Tombstones,
            Self::IndexRows,
            Self::Image,
            Self::Directory,
            Self::End,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == code)
    }
}

/// Where a record is in its segment and what it hangs on, so that opening unpacks no record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryLine {
    pub key: RecordKey,
    /// Counts the blocks of kind [`BlockKind::Records`] from zero.
    pub block: u32,
    pub offset: u32,
    pub length: u32,
    /// People, cases and households the record belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<RecordKey>,
}

/// The synthetic text that proves a segment opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    pub segment: SegmentId,
    pub text: String,
}

/// Closes a segment: what must have been seen by now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Blocks before this one.
    pub blocks: u64,
    pub records: u64,
    pub tombstones: u64,
    pub index_rows: u64,
}

const CANARY_TEXT: &str = "Synthetic canary: this is nobody's record";

/// The keys a record belongs to, other than its own.
fn links(record: &crate::domain::records::Record) -> Vec<RecordKey> {
    let of = |kind: RecordKind| {
        move |id: &crate::domain::records::RecordId| RecordKey { kind, id: id.clone() }
    };
    let mut links: Vec<RecordKey> = record
        .person_ids()
        .into_iter()
        .map(of(RecordKind::Person))
        .chain(record.case_ids().into_iter().map(of(RecordKind::Case)))
        .chain(record.household_ids().into_iter().map(of(RecordKind::Household)))
        .collect();
    let own = record.key();
    links.retain(|link| *link != own);
    links.sort_unstable();
    links.dedup();
    links
}
