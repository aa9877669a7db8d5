//! What of history judged anew is news: verdicts of the location's cohorts, outages that were not
//! known, and what known ones are widened by. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::app::resume::RECALL_WINDOW;
use crate::detection::hindsight::Judged;
use crate::domain::ids::{CohortId, LocationId};
use crate::domain::outage::Outage;
use crate::domain::target::Target;
use crate::domain::verdict::Scope;
use crate::store::detection::Revision;

/// A stretch of a target's history, judged with what a location's agent delivered late.
pub struct Stretch<'a> {
    pub target: &'a Target,
    pub location: &'a LocationId,
    /// The slot of the earliest check that was late, and the instant of judging.
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Stretch<'_> {
    /// What history is revised with. An outage that goes on is told by detection, as far as it is
    /// recent.
    #[must_use]
    pub fn revision(&self, judged: Judged, known: &[Outage]) -> Revision {
        let speaks = |cohort: &&CohortId| {
            let cohort = self.target.cohort(cohort);
            cohort.is_some_and(|cohort| cohort.locations.contains(self.location))
        };
        let cohorts = self.target.cohorts.iter().map(|cohort| &cohort.id);
        let cohorts: Vec<CohortId> = cohorts.filter(speaks).cloned().collect();
        let mut verdicts = judged.verdicts;
        verdicts
            .retain(|change| cohorts.contains(&change.cohort) && change.detected_at >= self.from);
        let (mut outages, mut wider) = (Vec::new(), Vec::new());
        for outage in judged.outages {
            if !outage.scope.cohorts.iter().any(|cohort| cohorts.contains(cohort)) {
                continue;
            }
            let ended_at = outage.ended_at.or(self.told_by_detection_from(&outage));
            let outage = Outage { ended_at, ..outage };
            let mut same: Vec<&Outage> =
                known.iter().filter(|known| self.is_same(known, &outage)).collect();
            same.sort_by_key(|known| known.began_at);
            if !same.is_empty() {
                let parts = self.parts(&outage, &same);
                wider.extend(same.iter().map(|known| known.id.clone()).zip(parts));
            } else if outage.ended_at.is_some() && outage.detected_at >= self.from {
                outages.push(Outage { detected_at: self.to, ..outage });
            }
        }
        Revision { cohorts, verdicts, outages, wider }
    }

    /// Where an outage that has not ended becomes detection's, which recalls what is younger; none
    /// where all of it is.
    fn told_by_detection_from(&self, outage: &Outage) -> Option<Timestamp> {
        let from = self.to.checked_sub(RECALL_WINDOW).unwrap_or(self.to);
        (outage.began_at < from).then_some(from)
    }

    fn is_same(&self, known: &Outage, outage: &Outage) -> bool {
        known.target == outage.target
            && known.began_at <= outage.ended_at.unwrap_or(self.to)
            && known.ended_at.is_none_or(|ended| ended >= outage.began_at)
            && !known.scope.cohorts.is_disjoint(&outage.scope.cohorts)
    }

    /// What each of the known outages that were this one, oldest first, is widened by: no two of
    /// them come to lie over each other.
    fn parts(&self, outage: &Outage, known: &[&Outage]) -> Vec<Outage> {
        let part = |(index, one): (usize, &&Outage)| {
            let began_at = if index == 0 { outage.began_at } else { one.began_at };
            let next = known.get(index + 1).map(|next| next.began_at);
            let ended_at = match (next, outage.ended_at) {
                (Some(next), Some(ended)) => Some(next.min(ended)),
                (next, ended) => next.or(ended),
            };
            self.with_scope_of(Outage { began_at, ended_at, ..outage.clone() }, one)
        };
        known.iter().enumerate().map(part).collect()
    }

    /// The outage, for everybody that either was for.
    fn with_scope_of(&self, outage: Outage, known: &Outage) -> Outage {
        let (one, other) = (outage.scope, &known.scope);
        let cohorts: BTreeSet<CohortId> = one.cohorts.union(&other.cohorts).cloned().collect();
        // No probe named means every probe.
        let every = one.probes.is_empty() || other.probes.is_empty();
        let probes = one.probes.union(&other.probes).filter(|_| !every).cloned().collect();
        let scope = Scope {
            everyone: cohorts.len() == self.target.cohorts.len(),
            step: one.step.filter(|step| other.step.as_ref() == Some(step)),
            site_network: one.site_network && other.site_network,
            cohorts,
            probes,
        };
        let within = self.target.cohorts.iter().filter(|one| scope.cohorts.contains(&one.id));
        let head_count = within.map(|cohort| cohort.head_count).sum();
        let sentence = scope.sentence(outage.verdict, &self.target.titles());
        Outage { scope, head_count, sentence, ..outage }
    }
}
