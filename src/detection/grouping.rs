//! From the verdicts of cohorts to outages: which cohorts are in one, what explains the failures,
//! and which outage of before it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::view::View;
use crate::domain::ids::{CohortId, LocationId, ProbeId, StepId};
use crate::domain::outage::{DetectionEvent, Outage, OutageChange, OutageId};
use crate::domain::target::{Cohort, Target};
use crate::domain::verdict::{Scope, Verdict};

/// How long after the first verdict an outage waits to be told, so that journeys and offices that
/// fail together are told together.
const SETTLE_WINDOW: Duration = Duration::from_millis(1_500);
/// How far back failures are counted when a scope says how many it explains.
const EVIDENCE_WINDOW: Duration = Duration::from_secs(120);

/// The open outages of one target.
#[derive(Clone, Debug, Default)]
pub struct Outages {
    open: Vec<Outage>,
    /// When a cohort that is in no open outage was first seen to fail.
    waiting: BTreeMap<CohortId, Timestamp>,
    last_told_second: i64,
    told_in_second: u32,
}

/// Cohorts with one verdict and one set of failing probes.
struct Group {
    verdict: Verdict,
    scope: Scope,
    began_at: Timestamp,
}

impl Outages {
    #[must_use]
    pub fn new(open: Vec<Outage>) -> Self {
        Self { open, ..Self::default() }
    }

    #[must_use]
    pub fn open(&self) -> &[Outage] {
        &self.open
    }

    /// Compares what is seen with the open outages and tells the difference.
    pub fn update(&mut self, view: &View, now: Timestamp) -> Vec<DetectionEvent> {
        let groups = self.groups(view, now);
        let mut before = std::mem::take(&mut self.open);
        let mut events = Vec::new();
        for group in groups {
            let same = most_alike(&before, &group.scope.cohorts).map(|index| before.remove(index));
            let outage = match same {
                Some(outage) => continued(outage, group, view, &mut events, now),
                None => self.began(group, view, &mut events, now),
            };
            self.open.push(outage);
        }
        for outage in before {
            let ended_at = ended_at(&outage, view, now);
            let outage = Outage { ended_at: Some(ended_at), ..outage };
            events.push(DetectionEvent::Outage { change: OutageChange::Ended, outage });
        }
        events
    }

    /// Groups the failing cohorts, leaving out those that have not settled yet.
    fn groups(&mut self, view: &View, now: Timestamp) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for cohort in &view.target.cohorts {
            let Some((verdict, since, probes)) = self.failing(cohort, view) else {
                self.waiting.remove(&cohort.id);
                continue;
            };
            if !self.has_settled(cohort, &probes, now) {
                continue;
            }
            let same = groups
                .iter_mut()
                .find(|group| group.verdict == verdict && group.scope.probes == probes);
            match same {
                Some(group) => {
                    group.scope.cohorts.insert(cohort.id.clone());
                    group.began_at = group.began_at.min(since);
                }
                None => groups.push(Group {
                    verdict,
                    scope: Scope {
                        cohorts: [cohort.id.clone()].into(),
                        probes,
                        ..Scope::default()
                    },
                    began_at: since,
                }),
            }
        }
        for group in &mut groups {
            group.scope.everyone = group.scope.cohorts.len() == view.target.cohorts.len();
            group.scope.step = common_step(view, &group.scope);
        }
        groups
    }

    /// The cohort's outage verdict, since when, and the failing probes (none where all fail).
    ///
    /// A cohort of which nothing is known any more stays in the outage it was in: silence is not
    /// recovery.
    fn failing(
        &self,
        cohort: &Cohort,
        view: &View,
    ) -> Option<(Verdict, Timestamp, BTreeSet<ProbeId>)> {
        let standing = view.standings.get(&cohort.id)?;
        if standing.verdict == Verdict::Unknown {
            let outage = self.open.iter().find(|o| o.scope.cohorts.contains(&cohort.id))?;
            return Some((outage.verdict, outage.began_at, outage.scope.probes.clone()));
        }
        if !standing.verdict.is_outage() {
            return None;
        }
        let visible: Vec<_> =
            view.target.probes.iter().filter(|probe| cohort.sees(probe)).collect();
        let failing: BTreeSet<ProbeId> = visible
            .iter()
            .filter(|probe| view.probe_verdict(cohort, probe).verdict.is_outage())
            .map(|probe| probe.id.clone())
            .collect();
        let probes = if failing.len() == visible.len() { BTreeSet::new() } else { failing };
        Some((standing.verdict, standing.since, probes))
    }

    fn has_settled(&mut self, cohort: &Cohort, probes: &BTreeSet<ProbeId>, now: Timestamp) -> bool {
        if self.open.iter().any(|outage| outage.scope.cohorts.contains(&cohort.id)) {
            return true;
        }
        let first = *self.waiting.entry(cohort.id.clone()).or_insert(now);
        let waited = Duration::try_from(now.duration_since(first)).unwrap_or_default();
        // When every journey fails there is nothing left to wait for here.
        waited >= if probes.is_empty() { SETTLE_WINDOW / 2 } else { SETTLE_WINDOW }
    }

    fn began(
        &mut self,
        group: Group,
        view: &View,
        events: &mut Vec<DetectionEvent>,
        now: Timestamp,
    ) -> Outage {
        let outage = Outage {
            id: self.next_id(&view.target, now),
            target: view.target.id.clone(),
            verdict: group.verdict,
            scope: group.scope,
            began_at: group.began_at,
            detected_at: now,
            ended_at: None,
            head_count: 0,
            sentence: String::new(),
            locations: BTreeSet::new(),
            failures: 0,
            failures_explained: 0,
            confirmations: 0,
        };
        for cohort in &outage.scope.cohorts {
            self.waiting.remove(cohort);
        }
        let outage = described(outage, view, now);
        events.push(DetectionEvent::Outage { change: OutageChange::Began, outage: outage.clone() });
        outage
    }

    fn next_id(&mut self, target: &Target, now: Timestamp) -> OutageId {
        let second = now.as_second();
        self.told_in_second =
            if second == self.last_told_second { self.told_in_second + 1 } else { 1 };
        self.last_told_second = second;
        let stamp = now.strftime("%Y%m%dT%H%M%S");
        OutageId(format!("{}-{stamp}-{}", target.id, self.told_in_second))
    }
}

fn continued(
    outage: Outage,
    group: Group,
    view: &View,
    events: &mut Vec<DetectionEvent>,
    now: Timestamp,
) -> Outage {
    let differs = outage.verdict != group.verdict
        || outage.scope.cohorts != group.scope.cohorts
        || outage.scope.probes != group.scope.probes;
    let outage = Outage {
        verdict: group.verdict,
        scope: group.scope,
        began_at: outage.began_at.min(group.began_at),
        ..outage
    };
    if !differs {
        return outage;
    }
    let outage = described(outage, view, now);
    events.push(DetectionEvent::Outage { change: OutageChange::Changed, outage: outage.clone() });
    outage
}

/// The open outage that shares the most cohorts, if any shares one.
fn most_alike(open: &[Outage], cohorts: &BTreeSet<CohortId>) -> Option<usize> {
    open.iter()
        .enumerate()
        .map(|(index, outage)| (outage.scope.cohorts.intersection(cohorts).count(), index))
        .filter(|(shared, _)| *shared > 0)
        .max_by_key(|(shared, index)| (*shared, std::cmp::Reverse(*index)))
        .map(|(_, index)| index)
}

/// Fills in what follows from scope and evidence: head count, sentence, counts of failures.
fn described(mut outage: Outage, view: &View, now: Timestamp) -> Outage {
    let target = &view.target;
    let in_scope = |cohort: &&Cohort| outage.scope.cohorts.contains(&cohort.id);
    outage.head_count = target.cohorts.iter().filter(in_scope).map(|c| c.head_count).sum();
    outage.sentence = outage.scope.sentence(outage.verdict, &target.titles());
    let explained: BTreeSet<&LocationId> =
        target.cohorts.iter().filter(in_scope).flat_map(|cohort| &cohort.locations).collect();
    let from = now.checked_sub(EVIDENCE_WINDOW).unwrap_or(now);
    let (mut failures, mut within, mut confirmations) = (0, 0, 0);
    let mut locations = BTreeSet::new();
    for probe in &target.probes {
        for location in &probe.locations {
            let Some(track) = view.tracks.get(&(probe.id.clone(), location.clone())) else {
                continue;
            };
            let (failed, confirmed) = track.failures_since(from);
            failures += failed;
            let probes = &outage.scope.probes;
            if explained.contains(location) && (probes.is_empty() || probes.contains(&probe.id)) {
                within += failed;
                confirmations += confirmed;
                if failed > 0 || track.verdict.is_outage() {
                    locations.insert(location.clone());
                }
            }
        }
    }
    outage.failures = failures;
    outage.failures_explained = within;
    outage.confirmations = confirmations;
    outage.locations.extend(locations);
    outage
}

/// The step at which every failing track failed last, where it is one and the same.
fn common_step(view: &View, scope: &Scope) -> Option<StepId> {
    let mut steps = BTreeSet::new();
    for cohort in view.target.cohorts.iter().filter(|c| scope.cohorts.contains(&c.id)) {
        for probe in &view.target.probes {
            for location in &cohort.locations {
                let track = view.tracks.get(&(probe.id.clone(), location.clone()));
                let failing = track.filter(|t| t.verdict >= Verdict::Intermittent);
                steps.extend(failing.map(|track| track.failed_step.clone()));
            }
        }
    }
    let mut steps = steps.into_iter();
    steps.next().flatten().filter(|_| steps.next().is_none())
}

/// The last of its cohorts to be well again says when it ended.
fn ended_at(outage: &Outage, view: &View, now: Timestamp) -> Timestamp {
    let recovered = outage.scope.cohorts.iter().filter_map(|cohort| view.standings.get(cohort));
    let last = recovered.filter(|s| s.verdict == Verdict::Up).map(|s| s.since).max();
    last.unwrap_or(now).clamp(outage.began_at, now)
}
