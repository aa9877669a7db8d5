//! Opening a copy: from an open order to records and index in memory.
//!
//! ```text
//! open::standard(&site, &site.node_key()?, now)? -> Opened {
//!     order:      OpenOrder,            // who permitted it, for whom, until when
//!     generation: Manifest,             // number, captured_at, counts, not_included
//!     records:    Records,              // get(&key), of_person(&id), of_case(&id), of_kind(kind)
//!     index:      IndexParts,           // image and deltas, for index::Index::open
//! }
//! ```
//!
//! `records` keeps its blocks packed in memory, so the files may be replaced or lost while the copy
//! is open. Which generation was opened is remembered: a lower one is refused from then on. This
//! module works with the database, the network and single sign-on all down; it does not decide
//! who may read, and leaves searching to `index`, which it does not know.

use std::fs::File;
use std::io::BufReader;

use jiff::Timestamp;

use super::copy::{CopyError, Pointer, read_pointer, write_pointer};
use super::epoch::{self, EpochError};
use super::manifest::Manifest;
use super::order::{self, OpenOrder, OrderError};
use super::records::Records;
use super::segment::{
    Block, BlockKind, SegmentEntry, SegmentError, SegmentHeader, SegmentKind, SegmentReader,
};
use super::site::{NodeKey, Site};
use crate::crypto::sealed::OpeningKey;
use crate::domain::records::{RecordKey, SearchRow, Tier};

/// An opened standard tier.
pub struct Opened {
    pub order: OpenOrder,
    pub generation: Manifest,
    pub records: Records,
    pub index: IndexParts,
}

/// One tier of a generation, in memory.
pub struct OpenedTier {
    pub generation: Manifest,
    pub records: Records,
    pub index: IndexParts,
}

/// What the search index is made of: the sealed image of the full build and what came after.
#[derive(Default)]
pub struct IndexParts {
    /// An SQLite image; empty when the tier has none.
    pub image: zeroize::Zeroizing<Vec<u8>>,
    /// To be applied in this order.
    pub deltas: Vec<IndexDelta>,
}

/// What one delta segment changes in the index: first the removals, then the rows, each of which
/// replaces the row of its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexDelta {
    /// Tombstones, and every key whose record the delta replaces.
    pub removed: Vec<RecordKey>,
    pub rows: Vec<SearchRow>,
}

/// Why a copy does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Ask continuity for an order.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// Take another copy, or capture a new one.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// This machine is not the opener, or the key is another's.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    #[error("segment {segment}: {fault}")]
    Segment { segment: String, fault: SegmentError },
}

/// Opens the standard tier on the open order beside `CURRENT`.
///
/// # Errors
/// See [`OpenError`].
pub fn standard(site: &Site, node: &NodeKey, now: Timestamp) -> Result<Opened, OpenError> {
    let order = order::read(site, now)?;
    let tier = tier(site, Tier::Standard, &node.opening)?;
    Ok(Opened { order, generation: tier.generation, records: tier.records, index: tier.index })
}

/// Opens a tier with the custody key, which a key holder's passphrase unwraps
/// ([`Site::custody_key`]): the only way to the restricted tier.
///
/// # Errors
/// See [`OpenError`].
pub fn with_custody(
    site: &Site,
    which: Tier,
    custody: &OpeningKey,
) -> Result<OpenedTier, OpenError> {
    tier(site, which, custody)
}

/// The generation in force, its signature checked and its number compared with the highest one
/// that this opener has opened. Opens nothing.
///
/// # Errors
/// See [`CopyError`].
pub fn current(site: &Site) -> Result<(Pointer, Manifest), CopyError> {
    let seen = read_pointer(&highest(site))?;
    site.copy().read_current(site.name(), &site.description().manifest, seen)
}

fn highest(site: &Site) -> std::path::PathBuf {
    site.opener_folder().join("highest")
}

fn tier(site: &Site, which: Tier, key: &OpeningKey) -> Result<OpenedTier, OpenError> {
    let (pointer, generation) = current(site)?;
    let mut records = Records::default();
    let mut index = IndexParts::default();
    let mut keys: Vec<(String, OpeningKey)> = Vec::new();
    for entry in generation.segments.iter().filter(|entry| entry.tier == which) {
        if !keys.iter().any(|(epoch, _)| *epoch == entry.epoch) {
            keys.push((entry.epoch.clone(), epoch::open(site, &entry.epoch, which, key)?));
        }
        let Some((_, epoch_key)) = keys.iter().find(|(epoch, _)| *epoch == entry.epoch) else {
            continue;
        };
        site.copy().verify_segment(entry)?;
        read_segment(site, entry, epoch_key, &mut records, &mut index)
            .map_err(|fault| OpenError::Segment { segment: entry.id.to_string(), fault })?;
    }
    write_pointer(&highest(site), pointer).map_err(CopyError::Io)?;
    Ok(OpenedTier { generation, records, index })
}

fn read_segment(
    site: &Site,
    entry: &SegmentEntry,
    key: &OpeningKey,
    records: &mut Records,
    index: &mut IndexParts,
) -> Result<(), SegmentError> {
    let file = BufReader::new(File::open(site.copy().segment(&entry.id))?);
    let mut reader = SegmentReader::open(key, file)?;
    check_header(reader.header(), entry, site.name())?;
    let mut content = Content::default();
    while let Some(block) = reader.next_block()? {
        content.take(block)?;
    }
    match reader.end() {
        Some(end) if end.records == entry.records && end.tombstones == entry.tombstones => {}
        _ => return Err(SegmentError::Damaged("its counts are not the manifest's")),
    }
    for key in &content.tombstones {
        records.remove(key);
    }
    match entry.kind {
        SegmentKind::IndexImage => index.image = std::mem::take(&mut content.image),
        SegmentKind::Delta => index.deltas.push(content.index_delta()),
        SegmentKind::Base => {}
    }
    records.add(content.blocks, content.directory)
}

/// What a segment held, before it is applied.
#[derive(Default)]
struct Content {
    blocks: Vec<Block>,
    directory: Vec<crate::vault::segment::DirectoryLine>,
    tombstones: Vec<RecordKey>,
    rows: Vec<SearchRow>,
    image: zeroize::Zeroizing<Vec<u8>>,
}

impl Content {
    fn take(&mut self, block: Block) -> Result<(), SegmentError> {
        match block.kind {
            BlockKind::Records => self.blocks.push(block),
            BlockKind::Directory => self.directory.extend(lines(&block)?),
            BlockKind::Tombstones => self.tombstones.extend(lines(&block)?),
            BlockKind::IndexRows => self.rows.extend(lines(&block)?),
            BlockKind::Image => self.image.extend_from_slice(&block.unpack()?),
            BlockKind::Canary | BlockKind::End => {
                return Err(SegmentError::Damaged("a block stands where it does not belong"));
            }
        }
        Ok(())
    }

    fn index_delta(&mut self) -> IndexDelta {
        let replaced = self.directory.iter().map(|line| line.key.clone());
        IndexDelta {
            removed: self.tombstones.iter().cloned().chain(replaced).collect(),
            rows: std::mem::take(&mut self.rows),
        }
    }
}

fn lines<T: serde::de::DeserializeOwned>(block: &Block) -> Result<Vec<T>, SegmentError> {
    let text = block.unpack()?;
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line)
                .map_err(|_| SegmentError::Damaged("a line is not understood"))
        })
        .collect()
}

/// A segment must be the one the manifest means, however it came under that name.
pub(in crate::vault) fn check_header(
    header: &SegmentHeader,
    entry: &SegmentEntry,
    site: &str,
) -> Result<(), SegmentError> {
    let same = header.id == entry.id
        && header.site == site
        && header.epoch == entry.epoch
        && header.tier == entry.tier
        && header.kind == entry.kind
        && header.sequence == entry.sequence;
    if same { Ok(()) } else { Err(SegmentError::Damaged("it is another segment")) }
}
