//! What the last minutes of checks say in figures: per location, and per office or team.
//!
//! Confirmations count here, unlike in availability: operations want to see every try.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::check::Outcome;
use crate::domain::ids::{LocationId, TargetId};
use crate::domain::target::{Cohort, Target};
use crate::domain::verdict::Verdict;
use crate::store::ledger::{self, Range, Recorded};
use crate::store::{Store, StoreError};

use super::super::times::latency;

/// What "just now" means for shares and latencies.
pub const RECENT_WINDOW: Duration = Duration::from_mins(5);
/// A location is silent when none of its slots was run for this many intervals.
const SILENT_INTERVALS: u32 = 3;

/// Checks of one target at one location within [`RECENT_WINDOW`].
#[derive(Clone, Debug, Default)]
pub struct Recent {
    latencies_ms: Vec<u32>,
    checks: u32,
    failures: u32,
    last_at: Option<Timestamp>,
}

/// The recent checks of every target, by target and location.
#[derive(Clone, Debug, Default)]
pub struct Figures(BTreeMap<(TargetId, LocationId), Recent>);

impl Figures {
    /// Reads the last minutes before `now`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let from = now.saturating_sub(RECENT_WINDOW).unwrap_or(now);
        let to = now.saturating_add(Duration::from_secs(1)).unwrap_or(now);
        let recorded = ledger::range(store, &Range { from, to, ..Range::default() }).await?;
        let mut figures = Self::default();
        for check in &recorded {
            figures.take(check);
        }
        Ok(figures)
    }

    fn take(&mut self, check: &Recorded) {
        let key = (check.target.clone(), check.location.clone());
        let recent = self.0.entry(key).or_default();
        if check.outcome == Outcome::Missed {
            return;
        }
        recent.last_at = recent.last_at.max(Some(check.slot_at));
        match check.outcome {
            Outcome::Passed | Outcome::Slow => recent.latencies_ms.push(check.latency_ms),
            Outcome::Failed(_) => recent.failures += 1,
            Outcome::Inconclusive(_) | Outcome::Missed => return,
        }
        recent.checks += 1;
    }

    /// When a check was last run there, within the window.
    #[must_use]
    pub fn last_at(&self, target: &TargetId, location: &LocationId) -> Option<Timestamp> {
        self.0.get(&(target.clone(), location.clone()))?.last_at
    }

    /// When any check was last run.
    #[must_use]
    pub fn latest(&self) -> Option<Timestamp> {
        self.0.values().filter_map(|recent| recent.last_at).max()
    }

    /// The one figure that says most of a verdict: how long, how often or how fast.
    #[must_use]
    pub fn telling(
        &self,
        target: &Target,
        cohort: &Cohort,
        verdict: Verdict,
        lasted: Option<&str>,
    ) -> String {
        let seen = self.seen_by(target, cohort);
        let for_how_long = || lasted.map_or_else(|| verdict.plain().to_lowercase(), str::to_owned);
        match verdict {
            Verdict::Down => for_how_long(),
            Verdict::Intermittent if seen.checks > 0 => {
                format!("{} %", seen.failures * 100 / seen.checks)
            }
            Verdict::Up | Verdict::Slow => {
                seen.median_ms().map_or_else(for_how_long, |median| latency(median.into()))
            }
            Verdict::Unknown => "silent".to_owned(),
            Verdict::Intermittent => for_how_long(),
        }
    }

    /// The checks of all locations that speak for a cohort.
    fn seen_by(&self, target: &Target, cohort: &Cohort) -> Recent {
        let mut seen = Recent::default();
        for location in &cohort.locations {
            if let Some(recent) = self.0.get(&(target.id.clone(), location.clone())) {
                seen.latencies_ms.extend(&recent.latencies_ms);
                seen.checks += recent.checks;
                seen.failures += recent.failures;
            }
        }
        seen
    }
}

impl Recent {
    fn median_ms(&self) -> Option<u32> {
        let mut sorted = self.latencies_ms.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// A location that has not been heard of for three intervals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    pub title: String,
    /// None when nothing was heard within [`RECENT_WINDOW`].
    pub last_at: Option<Timestamp>,
}

/// The locations that have gone silent, each once; any check of any target is a sign of life.
#[must_use]
pub fn silent(targets: &[Arc<Target>], figures: &Figures, now: Timestamp) -> Vec<Silent> {
    let mut signs: Vec<(String, Duration, Option<Timestamp>)> = Vec::new();
    for target in targets {
        for location in &target.locations {
            let here = target.probes.iter().filter(|one| one.locations.contains(&location.id));
            let Some(interval) = here.map(|probe| probe.interval).min() else { continue };
            let last_at = figures.last_at(&target.id, &location.id);
            match signs.iter_mut().find(|(title, ..)| *title == location.title) {
                Some((_, shortest, last)) => {
                    *shortest = interval.min(*shortest);
                    *last = last_at.max(*last);
                }
                None => signs.push((location.title.clone(), interval, last_at)),
            }
        }
    }
    signs
        .into_iter()
        .filter(|(_, interval, last_at)| {
            let age = last_at.map(|last| now.duration_since(last).unsigned_abs());
            age.is_none_or(|age| age > *interval * SILENT_INTERVALS)
        })
        .map(|(title, _, last_at)| Silent { title, last_at })
        .collect()
}
