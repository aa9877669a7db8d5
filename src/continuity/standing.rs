//! How a target stands, put together from what detection says: the signal plans start and end by.
//!
//! Pure. It must not decide anything about a plan.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{CohortId, ProbeId, TargetId};
use crate::domain::outage::{DetectionEvent, Outage, OutageId};
use crate::domain::playbook::StartWhen;
use crate::domain::verdict::Verdict;

/// A target in one glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStanding {
    pub target: TargetId,
    /// The worst of its open outages; *up* when there is none and every cohort that was hit is
    /// known to be served again; *unknown* in between.
    pub verdict: Verdict,
    /// When the outage began, or when the target recovered.
    pub since: Timestamp,
    pub sentence: String,
    /// Whom it hits now.
    pub cohorts: BTreeSet<CohortId>,
    pub everyone: bool,
    pub head_count: u32,
}

impl TargetStanding {
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.verdict == Verdict::Up
    }
}

/// What is known of every target; rebuilt from the store at start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    outages: BTreeMap<OutageId, Outage>,
    cohorts: BTreeMap<(TargetId, CohortId), Verdict>,
    /// Cohorts hit since the target was last up, and when its last outage ended.
    hit: BTreeMap<TargetId, (BTreeSet<CohortId>, Option<Timestamp>)>,
}

impl Picture {
    /// Takes in what detection says, and names the target it is about.
    pub fn take(&mut self, event: &DetectionEvent) -> TargetId {
        match event {
            DetectionEvent::Verdict(change) => {
                let key = (change.target.clone(), change.cohort.clone());
                self.cohorts.insert(key, change.to);
                change.target.clone()
            }
            DetectionEvent::Outage { outage, .. } => {
                let (cohorts, ended_at) = self.hit.entry(outage.target.clone()).or_default();
                cohorts.extend(outage.scope.cohorts.iter().cloned());
                match outage.ended_at {
                    Some(at) => {
                        *ended_at = (*ended_at).max(Some(at));
                        self.outages.remove(&outage.id);
                    }
                    None => {
                        self.outages.insert(outage.id.clone(), outage.clone());
                    }
                }
                outage.target.clone()
            }
        }
    }

    /// How a target stands; none when nothing ever went wrong there as far as is known.
    #[must_use]
    pub fn standing(&self, target: &TargetId) -> Option<TargetStanding> {
        let open = || self.outages.values().filter(|outage| outage.target == *target);
        let Some(worst) = open().max_by_key(|outage| (outage.verdict, outage.head_count)) else {
            return self.after_the_last(target);
        };
        let cohorts: BTreeSet<_> =
            open().flat_map(|outage| outage.scope.cohorts.iter().cloned()).collect();
        Some(TargetStanding {
            target: target.clone(),
            verdict: worst.verdict,
            since: open().map(|outage| outage.began_at).min().unwrap_or(worst.began_at),
            sentence: worst.sentence.clone(),
            cohorts,
            everyone: open().any(|outage| outage.scope.everyone),
            head_count: open().map(|outage| outage.head_count).max().unwrap_or_default(),
        })
    }

    fn after_the_last(&self, target: &TargetId) -> Option<TargetStanding> {
        let (cohorts, ended_at) = self.hit.get(target)?;
        let served = |cohort: &CohortId| {
            let verdict = self.cohorts.get(&(target.clone(), cohort.clone()));
            verdict.is_none_or(|verdict| *verdict == Verdict::Up)
        };
        let verdict = if cohorts.iter().all(served) { Verdict::Up } else { Verdict::Unknown };
        let sentence = match verdict {
            Verdict::Up => "It works again.",
            _ => "The failures have stopped; not every office is known to be served again.",
        };
        Some(TargetStanding {
            target: target.clone(),
            verdict,
            since: (*ended_at)?,
            sentence: sentence.to_owned(),
            cohorts: BTreeSet::new(),
            everyone: false,
            head_count: 0,
        })
    }

    /// Since when a cohort is known to be served: the end of the last outage that hit it, or
    /// always. None while it is not known to be served.
    #[must_use]
    pub fn served_since(&self, target: &TargetId, cohort: &CohortId) -> Option<Timestamp> {
        let verdict = self.cohorts.get(&(target.clone(), cohort.clone()));
        let hit = |outage: &Outage| {
            outage.target == *target
                && (outage.scope.everyone || outage.scope.cohorts.contains(cohort))
        };
        if verdict != Some(&Verdict::Up) || self.outages.values().any(hit) {
            return None;
        }
        let last = self.hit.get(target).filter(|(cohorts, _)| cohorts.contains(cohort));
        Some(last.and_then(|(_, ended_at)| *ended_at).unwrap_or(Timestamp::MIN))
    }

    /// Open outages, by id.
    pub fn open(&self) -> impl Iterator<Item = &Outage> {
        self.outages.values()
    }

    /// When a plan's signal is fulfilled, and the outage that fulfils it: now, when the instant
    /// has passed; later, when it still has to hold. `feeds` and `staff_reports` are those of this
    /// target.
    #[must_use]
    pub fn fulfils(
        &self,
        when: &StartWhen,
        feeds: &BTreeSet<ProbeId>,
        staff_reports: u32,
    ) -> Option<(Timestamp, &Outage)> {
        self.outages
            .values()
            .filter(|outage| {
                outage.target == when.target
                    && is_meant(&outage.scope.probes, when, feeds)
                    && when.verdict.contains(&outage.verdict)
                    && when.confirmed_by.is_none_or(|needed| {
                        let locations = u32::try_from(outage.locations.len()).unwrap_or(u32::MAX);
                        needed.locations.is_some_and(|least| locations >= least)
                            || needed.staff_reports.is_some_and(|least| staff_reports >= least)
                    })
            })
            .map(|outage| {
                let at = outage.began_at.checked_add(when.held_for.duration());
                (at.unwrap_or(Timestamp::MAX), outage)
            })
            .min_by_key(|(at, _)| *at)
    }
}

/// Whether a plan is for what fails: the probes it names and no others, or the target itself.
fn is_meant(failing: &BTreeSet<ProbeId>, when: &StartWhen, feeds: &BTreeSet<ProbeId>) -> bool {
    match when.only.as_slice() {
        [] => failing.is_empty() || !failing.is_subset(feeds),
        only => !failing.is_empty() && failing.iter().all(|probe| only.contains(probe)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::length::Length;
    use crate::domain::outage::{OutageChange, VerdictChange};
    use crate::domain::playbook::Corroboration;
    use crate::domain::verdict::Scope;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_677_662_000 + second).unwrap()
    }

    fn outage(verdict: Verdict, ended_at: Option<Timestamp>) -> DetectionEvent {
        let cohort = CohortId::new("noarlunga").unwrap();
        let change = if ended_at.is_some() { OutageChange::Ended } else { OutageChange::Began };
        let outage = Outage {
            id: OutageId("c3ms-1".into()),
            target: TargetId::new("c3ms").unwrap(),
            verdict,
            scope: Scope { cohorts: [cohort].into(), ..Scope::default() },
            began_at: at(0),
            detected_at: at(3),
            ended_at,
            head_count: 62,
            sentence: "C3MS is down for Noarlunga: every journey fails.".into(),
            locations: ["noarlunga", "hub"]
                .map(|id| crate::domain::ids::LocationId::new(id).unwrap())
                .into(),
            failures: 4,
            failures_explained: 4,
            confirmations: 2,
            widest: None,
        };
        DetectionEvent::Outage { change, outage }
    }

    fn verdict(to: Verdict) -> DetectionEvent {
        DetectionEvent::Verdict(VerdictChange {
            target: TargetId::new("c3ms").unwrap(),
            cohort: CohortId::new("noarlunga").unwrap(),
            from: Verdict::Unknown,
            to,
            since: at(0),
            detected_at: at(3),
        })
    }

    #[test]
    fn a_target_is_up_only_when_those_hit_are_known_to_be_served() {
        let target = TargetId::new("c3ms").unwrap();
        let mut picture = Picture::default();
        assert_eq!(picture.standing(&target), None);
        picture.take(&verdict(Verdict::Down));
        picture.take(&outage(Verdict::Down, None));
        assert_eq!(picture.standing(&target).unwrap().verdict, Verdict::Down);
        picture.take(&outage(Verdict::Down, Some(at(60))));
        assert_eq!(picture.standing(&target).unwrap().verdict, Verdict::Unknown);
        picture.take(&verdict(Verdict::Up));
        let standing = picture.standing(&target).unwrap();
        assert!(standing.recovered());
        assert_eq!(standing.since, at(60));
    }

    #[test]
    fn a_signal_has_to_hold_and_to_be_confirmed() {
        let mut when = StartWhen {
            target: TargetId::new("c3ms").unwrap(),
            verdict: vec![Verdict::Down],
            only: Vec::new(),
            held_for: Length::from_secs(180),
            confirmed_by: Some(Corroboration { locations: Some(3), staff_reports: Some(3) }),
        };
        let mut picture = Picture::default();
        picture.take(&outage(Verdict::Down, None));
        let feeds = BTreeSet::new();
        assert_eq!(picture.fulfils(&when, &feeds, 2), None);
        assert_eq!(picture.fulfils(&when, &feeds, 3).unwrap().0, at(180));
        when.confirmed_by = Some(Corroboration { locations: Some(2), staff_reports: None });
        assert_eq!(picture.fulfils(&when, &feeds, 0).unwrap().0, at(180));
        picture.take(&outage(Verdict::Slow, None));
        assert_eq!(picture.fulfils(&when, &feeds, 0), None);
    }

    #[test]
    fn a_stale_feed_starts_the_plans_that_name_it_and_no_others() {
        let [police, health, search] =
            ["police-feed", "health-feed", "search"].map(|id| ProbeId::new(id).unwrap());
        let feeds: BTreeSet<_> = [police.clone(), health.clone()].into();
        let when = |only: &[&ProbeId]| StartWhen {
            target: TargetId::new("care").unwrap(),
            verdict: vec![Verdict::Down],
            only: only.iter().map(|id| (*id).clone()).collect(),
            held_for: Length::from_secs(180),
            confirmed_by: None,
        };
        let stale = [police.clone()].into();
        assert!(is_meant(&stale, &when(&[&police, &health]), &feeds));
        assert!(!is_meant(&stale, &when(&[&health]), &feeds));
        assert!(!is_meant(&stale, &when(&[]), &feeds), "the system itself works");
        let both = [police.clone(), search].into();
        assert!(is_meant(&both, &when(&[]), &feeds));
        assert!(!is_meant(&both, &when(&[&police]), &feeds));
        assert!(is_meant(&BTreeSet::new(), &when(&[]), &feeds), "every journey fails");
        assert!(!is_meant(&BTreeSet::new(), &when(&[&police]), &feeds));
    }
}
