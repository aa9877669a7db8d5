//! One run: pages, records, segments, generation.

use std::collections::BTreeMap;
use std::fs::File;

use jiff::Timestamp;

use super::ledger::{Ledger, LedgerError};
use super::memory::Memory;
use super::quarantine::{self, Reason};
use super::reading::{Finished, Run};
use super::sink::Sink;
use super::tally::Tally;
use super::{CaptureError, Outcome, Report};
use crate::clock::Clock;
use crate::crypto::digest::Digest;
use crate::domain::mapping::Mapping;
use crate::domain::records::Tier;
use crate::sources::Source;
use crate::vault::copy::{CopyError, read_pointer};
use crate::vault::epoch;
use crate::vault::manifest::{Build, Manifest};
use crate::vault::publish::{MIN_KEPT_GENERATIONS, Publisher};
use crate::vault::segment::SegmentEntry;
use crate::vault::site::Site;

/// What a run is to do.
pub struct Assignment<'a> {
    pub site: &'a Site,
    pub mapping: &'a Mapping,
    /// Of the mapping's text and the source's address: of others, all is read again.
    pub asked: Digest,
    pub build: Build,
    /// To seal to; a full build has one of its own.
    pub epoch: &'a str,
    pub clock: &'a Clock,
    /// Told after every page.
    pub progress: &'a (dyn Fn(&Progress<'_>) + Sync),
}

/// How far a run has read.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    pub collection: &'a str,
    /// Counted from 1.
    pub number: usize,
    pub collections: usize,
    /// Of this collection, so far.
    pub rows: u64,
    /// As many as there are in all, as the source or the run before has it.
    pub expected: Option<u64>,
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
    let ledger = ledger(task, current.as_ref(), &ledger_key)?;
    let mut memory = match (task.build, &current) {
        (Build::Incremental, Some(current)) => {
            Memory::load(&site.capture_folder(), current.number, &ledger_key)?
        }
        _ => Memory::default(),
    };
    if task.build == Build::Incremental && memory.asked != Some(task.asked) {
        let why = "the mapping or the source's address is another than before";
        return Err(CaptureError::FullDue(why.to_owned()));
    }
    memory.asked = Some(task.asked);
    let sink = Sink::new(
        copy.segments(),
        epoch::read(site, task.epoch)?,
        task.build,
        next_sequence(task.build, current.as_ref()),
        begun_at,
    )
    .await?;
    // Of what the source had before, in a full build too.
    let before = match &current {
        Some(current) => Memory::load(&site.capture_folder(), current.number, &ledger_key).ok(),
        None => None,
    };
    let mut run = Run::new(task, ledger, sink, (memory, before.unwrap_or_default()));
    run.read_all(source, current.as_ref()).await?;
    let Finished { segments, ledger, tally, memory } = run.finish().await?;

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
            watermark: watermark(task.build, current.as_ref(), (&tally, captured_at)),
            previous,
            segments: with_earlier(task.build, current, segments),
            counts: ledger.counts(),
            not_included: task.mapping.not_included.clone(),
        };
        ledger.save(&site.capture_folder(), number)?;
        memory.save(&site.capture_folder(), number, &ledger_key)?;
        publisher.publish(&manifest, &mut |_| Ok(()))?;
        Outcome::Published { generation: number }
    } else {
        publisher.tidy()?;
        Outcome::Quarantined { reasons }
    };
    Ok(report(task, outcome, (begun_at, captured_at), &ledger, tally))
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
    let lost = tally.lost.iter().map(|field| Reason::Lost { field: field.clone() });
    let empty = tally.empty.iter().map(|(collection, before)| Reason::Empty {
        collection: collection.clone(),
        before: *before,
    });
    fell.into_iter().chain(rejected).chain(lost).chain(empty).collect()
}

/// Where the next run begins. Not behind the instant that this one shows: a replica may not have
/// applied yet what changed since, and where rows do not come in the order of their changes, one
/// that was read early may change while the last ones are read.
fn watermark(
    build: Build,
    current: Option<&Manifest>,
    (tally, captured_at): (&Tally, Timestamp),
) -> BTreeMap<String, Timestamp> {
    let mut watermark = match (build, current) {
        (Build::Incremental, Some(current)) => current.watermark.clone(),
        _ => BTreeMap::new(),
    };
    for (collection, at) in &tally.watermark {
        let at = captured_at.min(*at);
        let known = watermark.entry(collection.clone()).or_insert(at);
        *known = at.max(*known);
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
        rejected_at: tally.rejected_at,
        unmapped: tally.unmapped.into_iter().collect(),
        vanished: tally.vanished.into_iter().collect(),
    }
}
