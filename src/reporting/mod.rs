//! Accounts for a period: what was available to whom, how much of it is known, what was lost.
//!
//! It reads the ledger, detection's outages and what staff said, and makes one [`Report`] from
//! which JSON, CSV, HTML and the console's page follow. It must not judge anew what detection
//! judged, and never counts a gap as up.

pub mod accounting;
pub mod assemble;
pub mod continuity;
pub mod files;
pub mod outages;
pub mod page;
pub mod period;
pub mod report;
pub mod sentence;
mod signals;
pub mod staff;
pub mod strips;
pub mod tables;

use std::borrow::Borrow;
use std::ops::Range;

use jiff::Timestamp;

use accounting::rollup::Tracks;
use accounting::track::Track;
use assemble::{Material, Observed, assemble};
use period::{InvalidPeriod, Period};
use report::Report;

use crate::domain::outage::VerdictChange;
use crate::domain::target::Target;
use crate::store::{Store, StoreError, detection, ledger, signals as store_signals, staff_reports};

/// The ledger is read in pieces of this length, so that a month of checks is never in memory.
const PIECE_US: i64 = 6 * 3_600 * 1_000_000;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The period asked for is wrong: ask for another.
    #[error(transparent)]
    Period(#[from] InvalidPeriod),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The report about `period`, which ends at `now` when it would end later.
///
/// # Errors
/// When the period has not begun or the store cannot be read.
pub async fn report(
    store: &Store,
    targets: &[impl Borrow<Target>],
    period: Period,
    now: Timestamp,
) -> Result<Report, ReportError> {
    let period = period.until(now)?;
    let mut observed = Vec::new();
    for target in targets {
        let target = target.borrow();
        let tracks = tracks(store, target, &period).await?;
        let changes =
            detection::verdict_changes(store, &target.id, period.from, Timestamp::MAX).await?;
        observed.push(Observed { target, tracks, changes: configured(changes, target) });
    }
    let answer = continuity::read(store, &period).await?;
    let material = Material {
        observed,
        standings: detection::standings(store).await?,
        outages: detection::outages(store, period.from, period.to).await?,
        staff_reports: staff_reports::between(store, period.from, period.to).await?,
        signals: store_signals::between(store, period.from, period.to).await?,
        incidents: answer.incidents,
        plans: answer.plans,
        notices: answer.notices,
    };
    Ok(assemble(&period, &material))
}

/// Every track of the target over the period, finished.
async fn tracks(store: &Store, target: &Target, period: &Period) -> Result<Tracks, StoreError> {
    let micros = period.micros();
    let mut tracks = Tracks::new();
    let mut longest = 0;
    for probe in &target.probes {
        let interval = i64::try_from(probe.interval.as_micros()).unwrap_or(i64::MAX);
        longest = longest.max(interval);
        for location in &probe.locations {
            let track = Track::new(micros.clone(), interval);
            tracks.insert((probe.id.clone(), location.clone()), track);
        }
    }
    // The last slot before the period stands for its first moments.
    let mut piece = micros.start - longest..(micros.start + PIECE_US).min(micros.end);
    while piece.start < micros.end {
        for row in ledger::range(store, &range_of(target, &piece)).await? {
            if let Some(track) = tracks.get_mut(&(row.probe.clone(), row.location.clone())) {
                track.take(&row, &piece);
            }
        }
        piece = piece.end..(piece.end + PIECE_US).min(micros.end);
    }
    tracks.values_mut().for_each(Track::finish);
    Ok(tracks)
}

fn range_of(target: &Target, piece: &Range<i64>) -> ledger::Range {
    let instant = |at| Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    ledger::Range {
        target: Some(target.id.clone()),
        from: instant(piece.start),
        to: instant(piece.end),
        ..ledger::Range::default()
    }
}

/// Changes for cohorts that are still configured.
fn configured(changes: Vec<VerdictChange>, target: &Target) -> Vec<VerdictChange> {
    changes.into_iter().filter(|change| target.cohort(&change.cohort).is_some()).collect()
}
