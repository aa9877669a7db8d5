//! What is seen of a target: a track for each probe and location, and the roll-up to cohorts.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::track::Track;
use crate::domain::check::{Check, Outcome};
use crate::domain::ids::{CohortId, LocationId, ProbeId};
use crate::domain::outage::{DetectionEvent, VerdictChange};
use crate::domain::target::{Cohort, Probe, Target, Weight};
use crate::domain::verdict::Verdict;

/// A target is restless when one in this many of its tracks comes and goes.
const RESTLESS_ONE_IN: usize = 7;

/// A verdict in force, with the instant its run of samples began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub verdict: Verdict,
    pub since: Timestamp,
}

/// Tracks and the verdicts that follow from them.
#[derive(Clone, Debug)]
pub struct View {
    pub target: Arc<Target>,
    pub tracks: BTreeMap<(ProbeId, LocationId), Track>,
    pub standings: BTreeMap<CohortId, Standing>,
}

/// What a check did to its track.
#[derive(Clone, Copy, Debug)]
pub struct Effect {
    pub changed: bool,
    /// Whether a confirmation would settle what it left open.
    pub suspicious: bool,
}

impl View {
    #[must_use]
    pub fn new(target: Arc<Target>, standings: BTreeMap<CohortId, Standing>) -> Self {
        let mut tracks = BTreeMap::new();
        for probe in &target.probes {
            for location in &probe.locations {
                tracks.insert((probe.id.clone(), location.clone()), Track::new(probe.interval));
            }
        }
        Self { target, tracks, standings }
    }

    /// Takes a check in; none when it is of a probe or place that is no longer configured.
    pub fn take(&mut self, check: &Check) -> Option<Effect> {
        let key = (check.probe.clone(), check.location.clone());
        let failed = matches!(check.outcome, Outcome::Failed(_));
        let unrest = failed && self.is_restless(&key, check.slot_at);
        let track = self.tracks.get_mut(&key)?;
        let was = track.verdict;
        let suspicious = track.take(check, unrest);
        Some(Effect { changed: track.verdict != was, suspicious })
    }

    /// Whether many of the other tracks come and go.
    fn is_restless(&self, key: &(ProbeId, LocationId), now: Timestamp) -> bool {
        let others = self.tracks.iter().filter(|(other, _)| *other != key);
        let restless = others.filter(|(_, track)| track.comes_and_goes(now)).count();
        restless > 1 && restless * RESTLESS_ONE_IN >= self.tracks.len()
    }

    pub fn tick(&mut self, now: Timestamp) {
        self.tracks.values_mut().for_each(|track| track.tick(now));
    }

    /// The verdict of a probe for a cohort, from the cohort's locations.
    ///
    /// Where several locations speak for a cohort, it is down only when all of them that know
    /// anything say so.
    #[must_use]
    pub fn probe_verdict(&self, cohort: &Cohort, probe: &Probe) -> Standing {
        let known: Vec<&Track> = cohort
            .locations
            .iter()
            .filter_map(|location| self.tracks.get(&(probe.id.clone(), location.clone())))
            .filter(|track| track.verdict != Verdict::Unknown)
            .collect();
        let worst = known.iter().max_by_key(|track| track.verdict);
        let Some(worst) = worst else {
            return Standing { verdict: Verdict::Unknown, since: Timestamp::UNIX_EPOCH };
        };
        let all_down = known.iter().all(|track| track.verdict == Verdict::Down);
        let verdict = match worst.verdict {
            Verdict::Down if !all_down => Verdict::Intermittent,
            other => other,
        };
        Standing { verdict, since: worst.since }
    }

    /// Recomputes every cohort's verdict and tells which are others than before.
    pub fn roll_up(&mut self, now: Timestamp) -> Vec<DetectionEvent> {
        let target = Arc::clone(&self.target);
        let mut events = Vec::new();
        for cohort in &target.cohorts {
            let became = self.cohort_standing(cohort, now);
            let before = self.standings.get(&cohort.id).copied();
            let from = before.map_or(Verdict::Unknown, |standing| standing.verdict);
            if before.is_some() && from == became.verdict {
                continue;
            }
            self.standings.insert(cohort.id.clone(), became);
            events.push(DetectionEvent::Verdict(VerdictChange {
                target: target.id.clone(),
                cohort: cohort.id.clone(),
                from,
                to: became.verdict,
                since: became.since,
                detected_at: now,
            }));
        }
        events
    }

    /// The worst of the cohort's essential probes; supporting ones cap at slow; anything essential
    /// unknown leaves it unknown unless something is known to fail.
    fn cohort_standing(&self, cohort: &Cohort, now: Timestamp) -> Standing {
        let mut worst: Option<Standing> = None;
        let mut unknown = false;
        for probe in self.target.probes.iter().filter(|probe| cohort.sees(probe)) {
            let mut standing = self.probe_verdict(cohort, probe);
            match (standing.verdict, probe.weight) {
                (Verdict::Unknown, weight) => {
                    unknown |= weight == Weight::Essential;
                    continue;
                }
                (verdict, Weight::Supporting) => standing.verdict = verdict.min(Verdict::Slow),
                (_, Weight::Essential) => {}
            }
            let rank = |standing: &Standing| (standing.verdict, Reverse(standing.since));
            worst = worst.into_iter().chain([standing]).max_by_key(rank);
        }
        match worst {
            Some(standing) if standing.verdict.is_outage() || !unknown => standing,
            _ => Standing { verdict: Verdict::Unknown, since: now },
        }
    }
}
