//! Which failing cohorts belong together: one verdict, and journeys in common.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::ids::{CohortId, ProbeId};
use crate::domain::outage::Outage;
use crate::domain::verdict::Verdict;

/// Every probe has run several times within this while after an outage was detected.
const ONSET_WINDOW: Duration = Duration::from_secs(30);

/// How a cohort fails: the verdict, since when, and the failing probes (none where all fail).
pub struct Failing {
    pub verdict: Verdict,
    pub since: Timestamp,
    pub probes: BTreeSet<ProbeId>,
}

/// Cohorts that fail alike.
pub struct Group {
    pub verdict: Verdict,
    pub cohorts: BTreeSet<CohortId>,
    pub probes: BTreeSet<ProbeId>,
    pub began_at: Timestamp,
}

impl Group {
    pub fn new(cohort: CohortId, failing: Failing) -> Self {
        let Failing { verdict, since, probes } = failing;
        Self { verdict, cohorts: [cohort].into(), probes, began_at: since }
    }

    pub fn add(&mut self, other: Self) {
        self.verdict = self.verdict.max(other.verdict);
        self.began_at = self.began_at.min(other.began_at);
        self.cohorts.extend(other.cohorts);
        // No probe named means every probe.
        if self.probes.is_empty() || other.probes.is_empty() {
            self.probes.clear();
        } else {
            self.probes.extend(other.probes);
        }
    }

    /// Whether it is of the same kind as others that fail with this verdict and these probes.
    ///
    /// Which journeys an intermittent failure has hit so far is chance, so they do not count. Nor
    /// do they at the `onset` of any: the others may be about to follow.
    fn is_like(&self, verdict: Verdict, probes: &BTreeSet<ProbeId>, onset: bool) -> bool {
        let by_chance = onset || verdict == Verdict::Intermittent;
        self.verdict == verdict && (by_chance || self.probes == *probes)
    }

    pub fn joins(&self, outage: &Outage, now: Timestamp) -> bool {
        let age = Duration::try_from(now.duration_since(outage.detected_at)).unwrap_or_default();
        self.is_like(outage.verdict, &outage.scope.probes, age < ONSET_WINDOW)
    }

    /// Together with those who are in the outage already.
    pub fn with(mut self, outage: &Outage) -> Self {
        self.add(Self {
            verdict: outage.verdict,
            cohorts: outage.scope.cohorts.clone(),
            probes: outage.scope.probes.clone(),
            began_at: outage.began_at,
        });
        self
    }
}

/// Puts cohorts together that fail alike.
pub fn grouped(failing: BTreeMap<CohortId, Failing>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (cohort, failing) in failing {
        let one = Group::new(cohort, failing);
        match groups.iter_mut().find(|group| group.is_like(one.verdict, &one.probes, false)) {
            Some(group) => group.add(one),
            None => groups.push(one),
        }
    }
    groups
}

/// The open outage that shares the most cohorts, if any shares one.
pub fn most_alike(open: &[Outage], cohorts: &BTreeSet<CohortId>) -> Option<usize> {
    open.iter()
        .enumerate()
        .map(|(index, outage)| (outage.scope.cohorts.intersection(cohorts).count(), index))
        .filter(|(shared, _)| *shared > 0)
        .max_by_key(|(shared, index)| (*shared, std::cmp::Reverse(*index)))
        .map(|(_, index)| index)
}
