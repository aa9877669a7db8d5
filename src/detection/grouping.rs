//! From the verdicts of cohorts to outages: which cohorts are in one, what explains the failures,
//! and which outage of before it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::alike::{Failing, Group, grouped, most_alike};
use super::track::Track;
use super::view::View;
use crate::domain::ids::{CohortId, LocationId, ProbeId, StepId};
use crate::domain::outage::{DetectionEvent, Extent, Outage, OutageChange, OutageId};
use crate::domain::target::{Cohort, Probe, Target};
use crate::domain::verdict::{Scope, Verdict};

/// How long after the first verdict an outage waits to be told, so that journeys and offices that
/// fail together are told together.
const SETTLE_WINDOW: Duration = Duration::from_millis(1_500);
/// How far back failures are counted when a scope says how many it explains.
const EVIDENCE_WINDOW: Duration = Duration::from_secs(120);

/// What has been well for less than this still counts to the outage it was in, while that lasts.
const NARROW_AFTER: Duration = Duration::from_secs(60);

/// The open outages of one target.
#[derive(Clone, Debug, Default)]
pub struct Outages {
    open: Vec<Outage>,
    /// When a cohort that is in no open outage was first seen to fail.
    waiting: BTreeMap<CohortId, Timestamp>,
    last_told_second: i64,
    told_in_second: u32,
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

    /// Evidence that came late said when one of them began.
    pub fn began_earlier(&mut self, id: &OutageId, began_at: Timestamp) {
        for outage in self.open.iter_mut().filter(|outage| outage.id == *id) {
            outage.began_at = outage.began_at.min(began_at);
        }
    }

    /// Compares what is seen with the open outages and tells the difference.
    ///
    /// A cohort stays in its outage while it fails no worse than that: what recovers piece by
    /// piece is one outage that narrows. What fails anew joins an outage of its kind, takes over
    /// one that everybody left, or begins one.
    pub fn update(&mut self, view: &View, now: Timestamp) -> Vec<DetectionEvent> {
        let mut failing = self.failing_cohorts(view, now);
        let (mut events, mut left) = (Vec::new(), Vec::new());
        for outage in std::mem::take(&mut self.open) {
            match stayed(&outage, &mut failing, view, now) {
                Some(group) => self.open.push(continued(outage, group, view, &mut events, now)),
                None => left.push(outage),
            }
        }
        let (alone, failing): (BTreeMap<_, _>, BTreeMap<_, _>) =
            failing.into_iter().partition(|(cohort, _)| view.stands_apart(cohort));
        let alone = alone.into_iter().map(|(cohort, failing)| Group::new(cohort, failing));
        for group in grouped(failing).into_iter().chain(alone) {
            let outage = if let Some(index) = most_alike(&left, &group.cohorts) {
                continued(left.remove(index), group, view, &mut events, now)
            } else if let Some(index) = self.open.iter().position(|outage| {
                group.joins(outage, now) && view.compare(&group.cohorts, &outage.scope.cohorts)
            }) {
                let outage = self.open.remove(index);
                let group = plain(group.with(&outage), view);
                continued(outage, group, view, &mut events, now)
            } else {
                self.began(group, view, &mut events, now)
            };
            for cohort in &outage.scope.cohorts {
                self.waiting.remove(cohort);
            }
            self.open.push(outage);
        }
        let ended = left.into_iter().map(|outage| ended(outage, view, now));
        events.extend(
            ended.map(|outage| DetectionEvent::Outage { change: OutageChange::Ended, outage }),
        );
        events
    }

    /// The failing cohorts, leaving out those that have not settled yet.
    fn failing_cohorts(&mut self, view: &View, now: Timestamp) -> BTreeMap<CohortId, Failing> {
        let mut all = BTreeMap::new();
        for cohort in &view.target.cohorts {
            match self.failing(cohort, view) {
                None => {
                    self.waiting.remove(&cohort.id);
                }
                Some(failing) if self.has_settled(cohort, &failing.probes, now) => {
                    all.insert(cohort.id.clone(), failing);
                }
                Some(_) => {}
            }
        }
        all
    }

    /// How the cohort fails, if it does.
    ///
    /// A cohort of which nothing is known any more stays in the outage it was in: silence is not
    /// recovery.
    fn failing(&self, cohort: &Cohort, view: &View) -> Option<Failing> {
        let standing = view.standings.get(&cohort.id)?;
        if standing.verdict == Verdict::Unknown {
            let outage = self.open.iter().find(|o| o.scope.cohorts.contains(&cohort.id))?;
            let (verdict, since) = (outage.verdict, outage.began_at);
            return Some(Failing { verdict, since, probes: outage.scope.probes.clone() });
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
        Some(Failing { verdict: standing.verdict, since: standing.since, probes })
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
            scope: scope(&group, view),
            began_at: group.began_at,
            detected_at: now,
            ended_at: None,
            head_count: 0,
            sentence: String::new(),
            locations: BTreeSet::new(),
            failures: 0,
            failures_explained: 0,
            confirmations: 0,
            widest: None,
        };
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

/// Those of an outage who fail still and no worse, taken out of `failing`; none when nobody does.
fn stayed(
    outage: &Outage,
    failing: &mut BTreeMap<CohortId, Failing>,
    view: &View,
    now: Timestamp,
) -> Option<Group> {
    let mut group: Option<Group> = None;
    let from = now.checked_sub(NARROW_AFTER).unwrap_or(now);
    for cohort in view.target.cohorts.iter().filter(|one| outage.scope.cohorts.contains(&one.id)) {
        let leaves = |failing: &Failing| {
            failing.verdict > outage.verdict || is_narrower(failing, outage, cohort, view, from)
        };
        let cohort = &cohort.id;
        if failing.get(cohort).is_none_or(leaves) {
            continue;
        }
        let one = failing.remove(cohort).map(|failing| Group::new(cohort.clone(), failing))?;
        match &mut group {
            Some(group) => group.add(one),
            None => group = Some(one),
        }
    }
    let mut group = plain(group?, view);
    linger(&mut group, outage, view, now);
    Some(group)
}

/// Names no probe where every one fails that these cohorts see.
fn plain(mut group: Group, view: &View) -> Group {
    let cohorts = || view.target.cohorts.iter().filter(|one| group.cohorts.contains(&one.id));
    let mut seen = view.target.probes.iter().filter(|probe| cohorts().any(|one| one.sees(probe)));
    if seen.all(|probe| group.probes.contains(&probe.id)) {
        group.probes.clear();
    }
    group
}

/// Whether fewer journeys fail for a cohort than for the others of its outage, and the rest have
/// been well for long: then it was put with them too soon.
fn is_narrower(
    failing: &Failing,
    outage: &Outage,
    cohort: &Cohort,
    view: &View,
    from: Timestamp,
) -> bool {
    let well_for_long = |probe: &&Arc<Probe>| {
        let standing = view.probe_verdict(cohort, probe);
        standing.verdict == Verdict::Up && standing.since <= from
    };
    let named = &outage.scope.probes;
    let mut others = view.target.probes.iter().filter(|probe| {
        cohort.sees(probe)
            && !failing.probes.contains(&probe.id)
            && (named.is_empty() || named.contains(&probe.id))
    });
    outage.verdict != Verdict::Intermittent
        && !failing.probes.is_empty()
        && outage.detected_at <= from
        && others.any(|probe| well_for_long(&probe))
}

/// Keeps what has only just recovered: recovery comes piece by piece, and each piece told as a
/// new scope would be noise.
fn linger(group: &mut Group, outage: &Outage, view: &View, now: Timestamp) {
    let from = now.checked_sub(NARROW_AFTER).unwrap_or(now);
    let recent = |cohort: &CohortId| {
        let standing = view.standings.get(cohort);
        standing.is_some_and(|standing| standing.verdict == Verdict::Up && standing.since > from)
    };
    group.cohorts.extend(outage.scope.cohorts.iter().filter(|cohort| recent(cohort)).cloned());
    if group.probes.is_empty() {
        return;
    }
    let cohorts = view.target.cohorts.iter().filter(|cohort| group.cohorts.contains(&cohort.id));
    let cohorts: Vec<&Cohort> = cohorts.collect();
    let recovered = view.target.probes.iter().any(|probe| {
        let named = outage.scope.probes.is_empty() || outage.scope.probes.contains(&probe.id);
        let just_now = |cohort: &&Cohort| {
            let standing = view.probe_verdict(cohort, probe);
            cohort.sees(probe) && standing.verdict == Verdict::Up && standing.since > from
        };
        named && !group.probes.contains(&probe.id) && cohorts.iter().any(just_now)
    });
    if recovered && outage.scope.probes.is_empty() {
        group.probes.clear();
    } else if recovered {
        group.probes.extend(outage.scope.probes.iter().cloned());
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
        || outage.scope.cohorts != group.cohorts
        || outage.scope.probes != group.probes;
    let outage = Outage {
        verdict: group.verdict,
        scope: scope(&group, view),
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
            let Some(track) = view.track(&probe.id, location) else {
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
    let extent = Extent::of(&outage);
    let wider = outage.widest.as_ref().is_none_or(|widest| extent.rank() >= widest.rank());
    if wider {
        outage.widest = Some(Box::new(extent));
    }
    outage
}

/// An outage that is over is remembered by the most it was.
fn ended(outage: Outage, view: &View, now: Timestamp) -> Outage {
    let ended_at = Some(ended_at(&outage, view, now));
    match outage.widest.as_deref().cloned() {
        Some(Extent { verdict, scope, head_count, sentence }) => {
            Outage { ended_at, verdict, scope, head_count, sentence, ..outage }
        }
        None => Outage { ended_at, ..outage },
    }
}

/// The group as a scope, with the step at which it fails where that is one and the same.
fn scope(group: &Group, view: &View) -> Scope {
    let scope = Scope {
        cohorts: group.cohorts.clone(),
        everyone: group.cohorts.len() == view.target.cohorts.len(),
        probes: group.probes.clone(),
        step: None,
        site_network: false,
    };
    let site_network = is_site_network(view, &scope);
    Scope { step: common_step(view, &scope), site_network, ..scope }
}

/// Whether every failing track failed last at the network of its place.
fn is_site_network(view: &View, scope: &Scope) -> bool {
    let failing: Vec<_> = failing_tracks(view, scope).collect();
    !failing.is_empty() && failing.iter().all(|track| track.failed_at_site_network)
}

fn failing_tracks<'a>(view: &'a View, scope: &'a Scope) -> impl Iterator<Item = &'a Track> {
    let cohorts = view.target.cohorts.iter().filter(|c| scope.cohorts.contains(&c.id));
    let locations = cohorts.flat_map(|cohort| view.seen_from(cohort));
    let tracks = locations.flat_map(|location| {
        view.target.probes.iter().filter_map(|probe| view.track(&probe.id, location))
    });
    tracks.filter(|track| track.verdict >= Verdict::Intermittent)
}

/// The step at which every failing track failed last, where it is one and the same.
fn common_step(view: &View, scope: &Scope) -> Option<StepId> {
    let steps: BTreeSet<_> =
        failing_tracks(view, scope).map(|track| track.failed_step.clone()).collect();
    let mut steps = steps.into_iter();
    steps.next().flatten().filter(|_| steps.next().is_none())
}

/// The last of its cohorts to be well again says when it ended.
fn ended_at(outage: &Outage, view: &View, now: Timestamp) -> Timestamp {
    let recovered = outage.scope.cohorts.iter().filter_map(|cohort| view.standings.get(cohort));
    let last = recovered.filter(|s| s.verdict == Verdict::Up).map(|s| s.since).max();
    last.unwrap_or(now).clamp(outage.began_at, now)
}
