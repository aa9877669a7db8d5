//! Opening a copy: from an open order to records and index in memory.
//!
//! ```text
//! open::standard(&site, &site.node_key()?, now)? -> Opened {
//!     order:      OpenOrder,            // who permitted it, for whom, until when
//!     generation: Manifest,             // number, captured_at, counts, not_included
//!     records:    Records,              // get(&key), of_person(&id, kinds), of_kind(kind), …
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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::copy::{CopyError, Pointer, read_pointer, write_pointer};
use super::epoch::{self, EpochError};
use super::manifest::Manifest;
use super::order::{self, OpenOrder, OrderError};
use super::records::{self, Codes, Part, Records};
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
    pub image: Zeroizing<Vec<u8>>,
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
    let mut keys: Vec<(&str, OpeningKey)> = Vec::new();
    let entries = || generation.segments.iter().filter(|entry| entry.tier == which);
    for entry in entries() {
        if !keys.iter().any(|(epoch, _)| *epoch == entry.epoch) {
            keys.push((&entry.epoch, epoch::open(site, &entry.epoch, which, key)?));
        }
    }
    let keyed = |entry: &'_ SegmentEntry| keys.iter().find(|(epoch, _)| *epoch == entry.epoch);
    let entries: Vec<(&SegmentEntry, &OpeningKey)> =
        entries().filter_map(|entry| Some((entry, &keyed(entry)?.1))).collect();
    let read = read_all(site, &entries, records.codes())?;
    for (content, (entry, _)) in read.into_iter().zip(&entries) {
        content.apply(entry.kind, &mut records, &mut index);
    }
    write_pointer(&highest(site), pointer).map_err(CopyError::Io)?;
    Ok(OpenedTier { generation, records, index })
}

/// Reads segments on as many threads as there are processors; what they hold is in their order.
fn read_all(
    site: &Site,
    entries: &[(&SegmentEntry, &OpeningKey)],
    codes: &Codes,
) -> Result<Vec<Content>, OpenError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed)
            && let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some((entry, key)) = entries.get(at)
        {
            let read = read_segment(site, entry, key, codes);
            failed.fetch_or(read.is_err(), Ordering::Relaxed);
            done.push((at, read));
        }
        done
    };
    let mut read: Vec<_> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(entries.len())).map(|_| scope.spawn(work)).collect();
        let mut read = work();
        for thread in others {
            // What a thread took with it must not be missing without a word.
            read.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        read
    });
    read.sort_unstable_by_key(|(at, _)| *at);
    read.into_iter().map(|(_, read)| read).collect()
}

fn read_segment(
    site: &Site,
    entry: &SegmentEntry,
    key: &OpeningKey,
    codes: &Codes,
) -> Result<Content, OpenError> {
    site.copy().verify_segment(entry)?;
    let read = || {
        let file = BufReader::new(File::open(site.copy().segment(&entry.id))?);
        let mut reader = SegmentReader::open(key, file)?;
        check_header(reader.header(), entry, site.name())?;
        let mut blocks = Blocks::default();
        while let Some(block) = reader.next_block()? {
            blocks.take(block)?;
        }
        match reader.end() {
            Some(end) if end.records == entry.records && end.tombstones == entry.tombstones => {
                blocks.content(entry.kind, codes)
            }
            _ => Err(SegmentError::Damaged("its counts are not the manifest's")),
        }
    };
    read().map_err(|fault| OpenError::Segment { segment: entry.id.to_string(), fault })
}

/// The blocks of a segment, sorted.
#[derive(Default)]
struct Blocks {
    records: Vec<Block>,
    directory: Vec<Zeroizing<Vec<u8>>>,
    tombstones: Vec<RecordKey>,
    rows: Vec<SearchRow>,
    image: Zeroizing<Vec<u8>>,
}

/// What a segment holds, before it is applied.
struct Content {
    part: Part,
    tombstones: Vec<RecordKey>,
    image: Zeroizing<Vec<u8>>,
    delta: IndexDelta,
}

impl Blocks {
    fn take(&mut self, block: Block) -> Result<(), SegmentError> {
        match block.kind {
            BlockKind::Records => self.records.push(block),
            BlockKind::Directory => self.directory.push(block.unpack()?),
            BlockKind::Tombstones => self.tombstones.extend(lines(&block)?),
            BlockKind::IndexRows => self.rows.extend(lines(&block)?),
            BlockKind::Image => self.image.extend_from_slice(&block.unpack()?),
            BlockKind::Canary | BlockKind::End => {
                return Err(SegmentError::Damaged("a block stands where it does not belong"));
            }
        }
        Ok(())
    }

    fn content(self, kind: SegmentKind, codes: &Codes) -> Result<Content, SegmentError> {
        let mut delta = IndexDelta { removed: self.tombstones.clone(), rows: self.rows };
        if kind == SegmentKind::Delta {
            delta.removed.extend(records::keys(&self.directory)?);
        }
        let part = Part::new(self.records, &self.directory, codes)?;
        Ok(Content { part, tombstones: self.tombstones, image: self.image, delta })
    }
}

impl Content {
    fn apply(self, kind: SegmentKind, records: &mut Records, index: &mut IndexParts) {
        for key in &self.tombstones {
            records.remove(key);
        }
        match kind {
            SegmentKind::IndexImage => index.image = self.image,
            SegmentKind::Delta => index.deltas.push(self.delta),
            SegmentKind::Base => {}
        }
        records.add(self.part);
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::{durable, sample};
    use super::*;
    use crate::domain::records::{Record, RecordId, RecordKind};

    fn key(id: &str) -> RecordKey {
        RecordKey { kind: RecordKind::Person, id: RecordId::new(id).unwrap() }
    }

    fn open(site: &Site) -> Result<Opened, OpenError> {
        standard(site, &site.node_key().unwrap(), sample::now())
    }

    #[test]
    fn an_order_opens_the_standard_tier_and_only_that() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        sample::publish_two(&site);
        assert!(matches!(open(&site), Err(OpenError::Order(OrderError::None))));
        sample::permit(&site);
        let opened = open(&site).unwrap();
        assert!(matches!(opened.records.get(&key("P-1")).unwrap(), Some(Record::Person(person))
            if person.name == "Ngāti Synthetic"));
        assert!(opened.records.get(&key("P-2")).unwrap().is_none());
        assert_eq!(opened.index.image.as_slice(), b"an image");

        let node = site.node_key().unwrap();
        let refused = with_custody(&site, Tier::Restricted, &node.opening);
        assert!(matches!(refused, Err(OpenError::Epoch(EpochError::WrongKey { .. }))));
        let custody = site.custody_key(&sample::PASSPHRASE.into()).unwrap();
        let restricted = with_custody(&site, Tier::Restricted, &custody).unwrap();
        assert!(restricted.records.contains(&key("P-2")));
        assert!(!restricted.records.contains(&key("P-1")));
        assert!(with_custody(&site, Tier::Standard, &custody).is_ok());
    }

    #[test]
    fn deltas_replace_and_remove_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        let first = sample::publish_two(&site);
        let epoch = epoch::read(&site, &first.segments[0].epoch).unwrap();
        let person = |id, name| sample::person(id, name, Tier::Standard);
        let delta = |sequence, records: &[Record], gone: &[RecordKey]| {
            let what = (Tier::Standard, SegmentKind::Delta, sequence);
            sample::segment(&site, &epoch, what, records, gone)
        };
        let mut segments = first.segments;
        segments.push(delta(1, &[person("P-1", "Renamed"), person("P-3", "New")], &[]));
        segments.push(delta(2, &[], &[key("P-3")]));
        sample::publish(&site, segments, &mut |_| Ok(())).unwrap();
        sample::permit(&site);
        let opened = open(&site).unwrap();
        assert_eq!(opened.records.count(RecordKind::Person), 1);
        let of_person = opened.records.of_person(&key("P-1").id, RecordKind::ALL).unwrap();
        assert!(matches!(&of_person[..], [Record::Person(person)] if person.name == "Renamed"));
        assert!(!opened.records.contains(&key("P-3")));
        assert_eq!(opened.index.deltas[0].removed, [key("P-1"), key("P-3")]);
        assert_eq!(opened.index.deltas[0].rows.len(), 2);
        assert_eq!(opened.index.deltas[1].removed, [key("P-3")]);
    }

    #[test]
    fn a_generation_put_back_is_refused_once_a_later_one_was_opened() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        sample::publish_two(&site);
        let old = fs::read(site.copy().current()).unwrap();
        sample::publish_two(&site);
        sample::permit(&site);
        open(&site).unwrap();
        fs::write(site.copy().current(), old).unwrap();
        assert!(matches!(
            open(&site),
            Err(OpenError::Copy(CopyError::RolledBack { found: 1, seen: 2 }))
        ));
    }

    #[test]
    fn a_segment_of_another_tier_or_key_does_not_stand_in() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        let manifest = sample::publish_two(&site);
        sample::permit(&site);
        let [base, image, _] = &manifest.segments[..] else { panic!("three segments") };
        let (base, image) = (site.copy().segment(&base.id), site.copy().segment(&image.id));
        let bytes = fs::read(&base).unwrap();
        fs::copy(&image, &base).unwrap();
        assert!(matches!(open(&site), Err(OpenError::Copy(CopyError::Damaged { .. }))));
        fs::write(&base, bytes).unwrap();
        assert!(open(&site).is_ok());
    }

    /// Every file that opening reads.
    fn files_read(site: &Site, manifest: &Manifest) -> Vec<PathBuf> {
        let copy = site.copy();
        let standard = manifest.segments.iter().filter(|entry| entry.tier == Tier::Standard);
        let mut files: Vec<PathBuf> =
            standard.clone().map(|entry| copy.segment(&entry.id)).collect();
        let epoch = &manifest.segments[0].epoch;
        files.push(site.opener_folder().join("epochs").join(format!("{epoch}.standard")));
        files.extend([copy.current(), copy.generation(manifest.number), copy.open_order()]);
        files.push(site.root().join("site"));
        files
    }

    fn opens(site: &Site) -> bool {
        let again = Site::open(site.root()).ok();
        again.is_some_and(|site| {
            let node = site.node_key().ok();
            node.is_some_and(|node| standard(&site, &node, sample::now()).is_ok())
        })
    }

    #[test]
    fn every_byte_changed_and_every_cut_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        let manifest = sample::publish_two(&site);
        sample::permit(&site);
        assert!(opens(&site));
        for path in files_read(&site, &manifest) {
            let whole = fs::read(&path).unwrap();
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 1 << (at % 8);
                fs::write(&path, &changed).unwrap();
                assert!(!opens(&site), "{} changed at {at}", path.display());
            }
            for length in (0..whole.len()).step_by(13) {
                fs::write(&path, &whole[..length]).unwrap();
                assert!(!opens(&site), "{} cut at {length}", path.display());
            }
            durable::replace(&path, &whole).unwrap();
            assert!(opens(&site));
        }
    }
}
