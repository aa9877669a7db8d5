//! One run: pages, records, segments, generation.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io;

use jiff::{SignedDuration, Timestamp};

use super::ledger::{Known, Ledger, LedgerError};
use super::map::{Mapped, map};
use super::quarantine::{self, Reason};
use super::sink::Sink;
use super::tally::{Fields, Tally};
use super::{CaptureError, Outcome, Report};
use crate::clock::Clock;
use crate::domain::mapping::{Collection, Mapping};
use crate::domain::records::{Hidden, Record, RecordKey, Tier};
use crate::sources::{PageRequest, Source};
use crate::vault::copy::{CopyError, read_pointer};
use crate::vault::epoch;
use crate::vault::manifest::{Build, Manifest};
use crate::vault::publish::{MIN_KEPT_GENERATIONS, Publisher};
use crate::vault::segment::SegmentEntry;
use crate::vault::site::Site;

/// Rows are asked for again from a little before the watermark: a source's clocks may differ, and
/// what has not changed is recognised and costs nothing.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);
/// More pages than any collection has: a source that never ends is at fault.
const MAX_PAGES: u32 = 1_000_000;

/// What a run is to do.
pub struct Assignment<'a> {
    pub site: &'a Site,
    pub mapping: &'a Mapping,
    pub build: Build,
    /// To seal to; a full build has one of its own.
    pub epoch: &'a str,
    pub clock: &'a Clock,
}

/// Reads everything that is due from `source` and publishes it, or quarantines it.
///
/// # Errors
/// See [`CaptureError`]; the generation in force is then as it was.
pub async fn build<S: Source>(task: &Assignment<'_>, source: &S) -> Result<Report, CaptureError> {
    let site = task.site;
    let _lock = lock(site)?;
    let (copy, key) = (site.copy(), site.manifest_key()?);
    let highest = site.capture_folder().join("highest");
    let publisher = Publisher {
        folder: &copy,
        key: &key,
        highest: &highest,
        kept_generations: MIN_KEPT_GENERATIONS,
    };
    publisher.tidy()?;
    let (number, previous) = publisher.next()?;
    let current = in_force(site, &highest)?;
    let ledger_key = site.ledger_key()?;
    let begun_at = task.clock.now();
    let mut run = Run {
        task,
        ledger: ledger(task, current.as_ref(), &ledger_key)?,
        sink: Sink::new(
            copy.segments(),
            epoch::read(site, task.epoch)?,
            task.build,
            next_sequence(task.build, current.as_ref()),
            begun_at,
        )
        .await?,
        tally: Tally::default(),
        written: HashSet::new(),
        removals: BTreeSet::new(),
    };
    run.read_all(source, current.as_ref()).await?;
    let (segments, ledger, tally) = run.finish().await?;

    let captured_at = tally.as_of.map_or(begun_at, |as_of| as_of.min(begun_at));
    let reasons = reasons(task.mapping, current.as_ref(), &ledger, &tally);
    let outcome = if reasons.is_empty() {
        let manifest = Manifest {
            site: site.name().to_owned(),
            number,
            build: task.build,
            source: task.mapping.source.clone(),
            created_at: task.clock.now(),
            captured_at,
            watermark: watermark(task.build, current.as_ref(), &tally),
            previous,
            segments: with_earlier(task.build, current, segments),
            counts: ledger.counts(),
            not_included: task.mapping.not_included.clone(),
        };
        ledger.save(&site.capture_folder(), number)?;
        publisher.publish(&manifest, &mut |_| Ok(()))?;
        Outcome::Published { generation: number }
    } else {
        publisher.tidy()?;
        Outcome::Quarantined { reasons }
    };
    Ok(report(task, outcome, (begun_at, captured_at), &ledger, tally))
}

/// A run while it reads.
struct Run<'a> {
    task: &'a Assignment<'a>,
    ledger: Ledger<'a>,
    sink: Sink,
    tally: Tally,
    /// What this run has written, in an incremental build.
    written: HashSet<RecordKey>,
    /// What has to go from a tier although a segment of this copy holds it.
    removals: BTreeSet<(Tier, RecordKey)>,
}

impl<'a> Run<'a> {
    async fn read_all<S: Source>(
        &mut self,
        source: &S,
        current: Option<&Manifest>,
    ) -> Result<(), CaptureError> {
        for collection in &self.task.mapping.collections {
            let since = match (self.task.build, current) {
                (Build::Incremental, Some(current)) => {
                    current.watermark.get(&collection.id).map(|at| *at - OVERLAP)
                }
                _ => None,
            };
            self.read(source, collection, since).await?;
        }
        Ok(())
    }

    async fn read<S: Source>(
        &mut self,
        source: &S,
        collection: &Collection,
        updated_since: Option<Timestamp>,
    ) -> Result<(), CaptureError> {
        let mut fields = Fields::of(collection, &self.task.mapping.shape);
        let mut request = PageRequest { updated_since, resume: None };
        for _ in 0..MAX_PAGES {
            let page = source.page(collection, &request).await?;
            self.tally.saw_as_of(page.as_of);
            for row in &page.rows {
                let mapped = map(self.task.mapping, collection, row);
                if !mapped.records.is_empty() {
                    fields.see(row);
                }
                self.take(collection, mapped).await?;
            }
            request.resume = page.next;
            if request.resume.is_none() {
                self.tally.close(fields, self.task.build == Build::Full);
                return Ok(());
            }
        }
        let fault = "the source's pages never end".to_owned();
        Err(crate::sources::SourceError::Shape { collection: collection.id.clone(), fault }.into())
    }

    async fn take(&mut self, collection: &Collection, mapped: Mapped) -> Result<(), CaptureError> {
        self.tally.rows += 1;
        self.tally.reject(mapped.rejected);
        if let Some(updated_at) = mapped.updated_at {
            self.tally.saw_change(&collection.id, updated_at);
        }
        for record in mapped.records {
            self.keep(record).await?;
        }
        for key in mapped.absent {
            if let Some(tier) = self.ledger.remove(&key) {
                self.tally.removed += 1;
                self.removals.insert((tier, key));
            }
        }
        Ok(())
    }

    async fn keep(&mut self, record: Record) -> Result<(), CaptureError> {
        let record = self.classified(record);
        let key = record.key();
        let tier = record.header().tier;
        match self.ledger.compare(&record)? {
            Known::Unchanged => return Ok(()),
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
        let hidden = |kind, id: &crate::domain::records::RecordId| {
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

    async fn finish(mut self) -> Result<(Vec<SegmentEntry>, Ledger<'a>, Tally), CaptureError> {
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
        Ok((self.sink.finish().await?, self.ledger, self.tally))
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

/// One run at a time; the lock goes with the process.
fn lock(site: &Site) -> Result<File, CaptureError> {
    let file = File::create(site.capture_folder().join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(CaptureError::Busy),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

fn in_force(site: &Site, highest: &std::path::Path) -> Result<Option<Manifest>, CopyError> {
    let seen = read_pointer(highest)?;
    match site.copy().read_current(site.name(), &site.description().manifest, seen) {
        Ok((_, manifest)) => Ok(Some(manifest)),
        Err(CopyError::Nothing) if seen.is_none() => Ok(None),
        Err(error) => Err(error),
    }
}

fn ledger<'a>(
    task: &Assignment<'_>,
    current: Option<&Manifest>,
    key: &'a crate::crypto::digest::MacKey,
) -> Result<Ledger<'a>, CaptureError> {
    let current = match (task.build, current) {
        (Build::Full, _) => return Ok(Ledger::new(key)),
        (Build::Incremental, None) => {
            return Err(CaptureError::FullDue("there is no copy yet".to_owned()));
        }
        (Build::Incremental, Some(current)) => current,
    };
    if current.source != task.mapping.source {
        return Err(CaptureError::FullDue("the copy is of another source".to_owned()));
    }
    Ledger::load(&task.site.capture_folder(), current.number, key).map_err(|error| match error {
        LedgerError::Io(error) => CaptureError::Io(error),
        other => CaptureError::FullDue(other.to_string()),
    })
}

fn next_sequence(build: Build, current: Option<&Manifest>) -> u64 {
    let last = current.and_then(|manifest| manifest.segments.iter().map(|s| s.sequence).max());
    match build {
        Build::Full => 0,
        Build::Incremental => last.unwrap_or(0) + 1,
    }
}

fn reasons(
    mapping: &Mapping,
    current: Option<&Manifest>,
    ledger: &Ledger<'_>,
    tally: &Tally,
) -> Vec<Reason> {
    let before = current.map(|manifest| manifest.counts.clone()).unwrap_or_default();
    let fell = quarantine::reasons(&before, &ledger.counts(), mapping.quarantine_fall_percent);
    let rejected = quarantine::rejected(tally.rejected_rows, tally.rows);
    fell.into_iter().chain(rejected).collect()
}

fn watermark(
    build: Build,
    current: Option<&Manifest>,
    tally: &Tally,
) -> BTreeMap<String, Timestamp> {
    let mut watermark = match (build, current) {
        (Build::Incremental, Some(current)) => current.watermark.clone(),
        _ => BTreeMap::new(),
    };
    for (collection, at) in &tally.watermark {
        let known = watermark.entry(collection.clone()).or_insert(*at);
        *known = (*known).max(*at);
    }
    watermark
}

fn with_earlier(
    build: Build,
    current: Option<Manifest>,
    segments: Vec<SegmentEntry>,
) -> Vec<SegmentEntry> {
    let earlier = match build {
        Build::Full => Vec::new(),
        Build::Incremental => current.map(|manifest| manifest.segments).unwrap_or_default(),
    };
    earlier.into_iter().chain(segments).collect()
}

fn report(
    task: &Assignment<'_>,
    outcome: Outcome,
    (begun_at, captured_at): (Timestamp, Timestamp),
    ledger: &Ledger<'_>,
    tally: Tally,
) -> Report {
    let counts = ledger.counts();
    let total = |tier| counts.get(&tier).map_or(0, |kinds| kinds.values().sum());
    Report {
        build: task.build,
        outcome,
        begun_at,
        ended_at: task.clock.now(),
        captured_at,
        rows: tally.rows,
        changed: tally.changed,
        removed: tally.removed,
        standard: total(Tier::Standard),
        restricted: total(Tier::Restricted),
        rejected: tally.rejected.into_iter().collect(),
        unmapped: tally.unmapped.into_iter().collect(),
        vanished: tally.vanished.into_iter().collect(),
    }
}
