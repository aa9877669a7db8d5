//! The part of a run that reads: pages into records, and records to where they are sealed.

use std::collections::{BTreeSet, HashSet};
use std::io;

use super::CaptureError;
use super::build::{Assignment, Progress};
use super::ledger::{Known, Ledger, Seen};
use super::map::{Mapped, Rejected, map};
use super::memory::Memory;
use super::passes::Passes;
use super::sink::Sink;
use super::tally::{Fields, Tally};
use crate::domain::mapping::Collection;
use crate::domain::records::{Hidden, Record, RecordId, RecordKey, RecordKind, Tier};
use crate::sources::{Page, PageRequest, Since, Source, SourceError};
use crate::vault::manifest::{Build, Manifest};
use crate::vault::segment::SegmentEntry;

/// More pages than any collection has: a source that never ends is at fault.
const MAX_PAGES: u32 = 1_000_000;
/// Pages that move while they are read are read again so often.
const MAX_PASSES: u32 = 6;

/// Kinds that records of other kinds name.
const IS_REFERRED_TO: [RecordKind; 4] =
    [RecordKind::Person, RecordKind::Case, RecordKind::Household, RecordKind::ConcernReport];

/// A run while it reads.
pub struct Run<'a> {
    task: &'a Assignment<'a>,
    ledger: Ledger<'a>,
    sink: Sink,
    tally: Tally,
    /// What is remembered with the generation to be published.
    memory: Memory,
    /// What was remembered with the one in force.
    before: Memory,
    /// What this run has written, in an incremental build.
    written: HashSet<RecordKey>,
    /// What has to go from a tier although a segment of this copy holds it.
    removals: BTreeSet<(Tier, RecordKey)>,
}

/// What a run leaves.
pub struct Finished<'a> {
    pub segments: Vec<SegmentEntry>,
    pub ledger: Ledger<'a>,
    pub tally: Tally,
    pub memory: Memory,
}

impl<'a> Run<'a> {
    pub fn new(
        task: &'a Assignment<'a>,
        ledger: Ledger<'a>,
        sink: Sink,
        (memory, before): (Memory, Memory),
    ) -> Self {
        let (written, removals) = (HashSet::new(), BTreeSet::new());
        Self { task, ledger, sink, tally: Tally::default(), memory, before, written, removals }
    }

    /// Reads everything that is due, and looks for what is gone when that is.
    ///
    /// # Errors
    /// See [`CaptureError`].
    pub async fn read_all<S: Source>(
        &mut self,
        source: &S,
        current: Option<&Manifest>,
    ) -> Result<(), CaptureError> {
        let task = self.task;
        for (at, collection) in task.mapping.collections.iter().enumerate() {
            let since = current.and_then(|current| self.since(collection, current));
            let mut fields = Fields::of(collection, &task.mapping.shape);
            self.read(source, (at, collection), since.as_ref(), &mut fields).await?;
            self.judge(collection, since.as_ref(), &fields)?;
        }
        let now = task.clock.now();
        match (task.build, task.mapping.origin.sweep_interval(), self.memory.swept_at) {
            (Build::Full, ..) => self.memory.swept_at = Some(now),
            (Build::Incremental, None, _) => {}
            (Build::Incremental, Some(every), Some(last))
                if now.duration_since(last).unsigned_abs() < every.duration() => {}
            (Build::Incremental, Some(_), _) => {
                self.sweep(source).await?;
                self.memory.swept_at = Some(now);
            }
        }
        Ok(())
    }

    /// What the run before ended with; none when a collection is to be read whole.
    fn since(&self, collection: &Collection, current: &Manifest) -> Option<Since> {
        if self.task.build == Build::Full {
            return None;
        }
        let overlap = self.task.mapping.origin.overlap().duration();
        let watermark = current.watermark.get(&collection.id);
        let updated_at = watermark.and_then(|at| at.checked_sub(overlap).ok());
        let remembered = self.before.collections.get(&collection.id);
        let state = remembered.and_then(|remembered| remembered.state.clone());
        (updated_at.is_some() || state.is_some()).then_some(Since { updated_at, state })
    }

    /// Reads a collection, again and again while its pages move.
    async fn read<S: Source>(
        &mut self,
        source: &S,
        (at, collection): (usize, &Collection),
        since: Option<&Since>,
        fields: &mut Fields<'_>,
    ) -> Result<(), CaptureError> {
        let known = self.before.collections.get(&collection.id).map(|known| known.rows);
        let mut progress = Progress {
            collection: &collection.id,
            number: at + 1,
            collections: self.task.mapping.collections.len(),
            rows: 0,
            expected: known.filter(|_| since.is_none()),
        };
        let mut passes = Passes::default();
        for _ in 0..MAX_PASSES {
            passes.begin();
            let mut request = PageRequest { since: since.cloned(), resume: None };
            (progress.rows, fields.rows) = (0, 0);
            for page in 0.. {
                if page >= MAX_PAGES {
                    return Err(never_ends(collection));
                }
                let page = source.page(collection, &request).await?;
                progress.rows += page.rows.len() as u64;
                progress.expected = page.moving.and_then(|said| said.total).or(progress.expected);
                request.resume = page.next.clone();
                let ids = page.rows.iter().filter_map(|row| self.task.mapping.shape.id_of(row));
                passes.saw(&self.ledger, page.moving, ids);
                self.take_page(collection, page, fields).await?;
                (self.task.progress)(&progress);
                if request.resume.is_none() {
                    break;
                }
            }
            if passes.suffice() {
                return Ok(());
            }
        }
        Err(moves(collection))
    }

    async fn take_page(
        &mut self,
        collection: &Collection,
        page: Page,
        fields: &mut Fields<'_>,
    ) -> Result<(), CaptureError> {
        let mapping = self.task.mapping;
        self.tally.saw_as_of(page.as_of);
        self.tally.unreadable(&collection.id, &page.unreadable);
        fields.came |= !page.rows.is_empty();
        for (at, row) in page.rows.iter().enumerate() {
            let mapped = map(mapping, collection, row, page.changed_at);
            if !mapping.shape.says_deleted(row) {
                fields.see(row);
            }
            self.take(collection, mapped, page.places.get(at).map(String::as_str)).await?;
        }
        for id in page.gone.iter().map(|id| RecordId::new(id)) {
            self.tally.rows += 1;
            let Ok(id) = id else {
                self.tally.reject(vec![Rejected::without_id(&collection.id)], None);
                continue;
            };
            let kinds = collection.records.iter().map(|rule| rule.kind);
            self.forget(kinds.map(|kind| RecordKey { kind, id: id.clone() }));
        }
        if page.state.is_some() {
            self.memory.of(&collection.id).state = page.state;
        }
        Ok(())
    }

    /// What the rows of a collection as a whole say of the source.
    fn judge(
        &mut self,
        collection: &Collection,
        since: Option<&Since>,
        fields: &Fields<'_>,
    ) -> Result<(), CaptureError> {
        self.tally.close(fields, since.is_none());
        let empty_is_a_fault = self.task.mapping.origin.empty_is_a_fault();
        match since {
            // The newest row known was asked for again and did not come.
            Some(_) if !fields.came && empty_is_a_fault => {
                let why = format!(
                    "'{}' answered without any row, not even the newest that the copy has",
                    collection.id
                );
                return Err(CaptureError::FullDue(why));
            }
            // Too few rows to be sure by; all of them tell.
            Some(_) if fields.lacks_essential() => {
                let why = format!("'{}' answers without a field that is essential", collection.id);
                return Err(CaptureError::FullDue(why));
            }
            Some(_) => {}
            None => {
                let before = self.before.collections.get(&collection.id);
                let before = before.map_or(0, |before| before.rows);
                if fields.rows == 0 && before > 0 && empty_is_a_fault {
                    self.tally.empty.push((collection.id.clone(), before));
                }
                self.memory.of(&collection.id).rows = fields.rows;
            }
        }
        Ok(())
    }

    /// Compares all keys of the source with the copy. The ledger holds codes, and a code names no
    /// record that could be removed: what is gone makes a full build due, which leaves it out.
    async fn sweep<S: Source>(&self, source: &S) -> Result<(), CaptureError> {
        let mut seen = Seen::default();
        for collection in &self.task.mapping.collections {
            self.sweep_one(source, collection, &mut seen).await?;
        }
        match self.ledger.unseen(&seen) {
            0 => Ok(()),
            gone => Err(CaptureError::FullDue(format!(
                "{gone} records of the copy are gone from the source"
            ))),
        }
    }

    async fn sweep_one<S: Source>(
        &self,
        source: &S,
        collection: &Collection,
        seen: &mut Seen,
    ) -> Result<(), CaptureError> {
        let mut passes = Passes::default();
        for _ in 0..MAX_PASSES {
            passes.begin();
            let mut resume = None;
            for page in 0.. {
                if page >= MAX_PAGES {
                    return Err(never_ends(collection));
                }
                let page = source.keys(collection, resume.as_ref()).await?;
                for id in page.ids.iter().filter_map(|id| RecordId::new(id).ok()) {
                    for rule in &collection.records {
                        self.ledger.see(&RecordKey { kind: rule.kind, id: id.clone() }, seen);
                    }
                }
                passes.saw(&self.ledger, page.moving, page.ids.into_iter());
                resume = page.next;
                if resume.is_none() {
                    break;
                }
            }
            if passes.suffice() {
                return Ok(());
            }
        }
        Err(moves(collection))
    }

    async fn take(
        &mut self,
        collection: &Collection,
        mapped: Mapped,
        place: Option<&str>,
    ) -> Result<(), CaptureError> {
        self.tally.rows += 1;
        self.tally.reject(mapped.rejected, place);
        if let Some(updated_at) = mapped.updated_at {
            self.tally.saw_change(&collection.id, updated_at);
        }
        for record in mapped.records {
            self.keep(record).await?;
        }
        self.forget(mapped.absent.into_iter());
        Ok(())
    }

    fn forget(&mut self, keys: impl Iterator<Item = RecordKey>) {
        for key in keys {
            if let Some(tier) = self.ledger.remove(&key) {
                self.tally.removed += 1;
                self.removals.insert((tier, key));
            }
        }
    }

    async fn keep(&mut self, record: Record) -> Result<(), CaptureError> {
        let record = self.classified(record);
        let key = record.key();
        let tier = record.header().tier;
        match self.ledger.compare(&record)? {
            Known::Unchanged => return Ok(()),
            Known::Changed(Tier::Standard)
                if tier == Tier::Restricted
                    && self.task.build == Build::Incremental
                    && IS_REFERRED_TO.contains(&key.kind) =>
            {
                return Err(CaptureError::FullDue(format!(
                    "a {} became restricted, and every record that refers to it has to be \
                     looked at again",
                    key.kind
                )));
            }
            Known::Changed(before) if before != tier => {
                self.removals.insert((before, key.clone()));
            }
            Known::New | Known::Changed(_) => {}
        }
        let segment = self.sink.add(&record).await?;
        self.ledger.note(&record, &segment)?;
        self.tally.changed += 1;
        self.removals.remove(&(tier, key.clone()));
        if self.task.build == Build::Incremental {
            self.written.insert(key);
        }
        Ok(())
    }

    /// A standard record without any reference to a restricted one.
    fn classified(&self, record: Record) -> Record {
        if record.header().tier == Tier::Restricted {
            return record;
        }
        let hidden = |kind, id: &RecordId| {
            self.ledger.tier(&RecordKey { kind, id: id.clone() }) == Some(Tier::Restricted)
        };
        match record.without(&hidden) {
            Hidden::Clean(record) => record,
            Hidden::AboutHidden(mut record) => {
                record.set_tier(Tier::Restricted);
                record
            }
        }
    }

    /// Ends every segment.
    ///
    /// # Errors
    /// When one cannot be written.
    pub async fn finish(mut self) -> Result<Finished<'a>, CaptureError> {
        // A record that this run has already written goes by a segment laid over it.
        let full = self.task.build == Build::Full;
        let (late, early): (BTreeSet<_>, BTreeSet<_>) = std::mem::take(&mut self.removals)
            .into_iter()
            .partition(|(_, key)| full || self.written.contains(key));
        self.remove(early)?;
        if !late.is_empty() {
            self.sink.next_sequence()?;
            self.remove(late)?;
        }
        let segments = self.sink.finish().await?;
        Ok(Finished { segments, ledger: self.ledger, tally: self.tally, memory: self.memory })
    }

    fn remove(&mut self, removals: BTreeSet<(Tier, RecordKey)>) -> io::Result<()> {
        for tier in Tier::ALL {
            let of_tier = removals.iter().filter(|(of, _)| *of == tier);
            let keys: Vec<RecordKey> = of_tier.map(|(_, key)| key.clone()).collect();
            if !keys.is_empty() {
                self.sink.remove(tier, &keys)?;
            }
        }
        Ok(())
    }
}

fn never_ends(collection: &Collection) -> CaptureError {
    let fault = "the source's pages never end".to_owned();
    SourceError::Shape { collection: collection.id.clone(), fault }.into()
}

fn moves(collection: &Collection) -> CaptureError {
    let fault = format!("its pages move faster than they are read: {MAX_PASSES} passes differ");
    SourceError::Shape { collection: collection.id.clone(), fault }.into()
}
