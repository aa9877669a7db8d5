//! What is seen of a target: a track for each probe and location, and the roll-up to cohorts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::track::Track;
use crate::domain::check::{Check, Outcome};
use crate::domain::ids::{CohortId, LocationId, ProbeId};
use crate::domain::outage::{DetectionEvent, VerdictChange};
use crate::domain::target::{Cohort, Probe, Target, Weight};
use crate::domain::verdict::Verdict;

/// A target is restless when one in this many of its tracks elsewhere comes and goes.
const RESTLESS_ONE_IN: usize = 7;
/// That is looked at again after this time of slots.
const RESTLESS_INTERVAL: Duration = Duration::from_secs(1);

/// A verdict in force, with the instant its run of samples began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub verdict: Verdict,
    pub since: Timestamp,
}

/// Tracks and the verdicts that follow from them.
///
/// A target may have tens of thousands of probes, and a check must not cost a look at all of them:
/// tracks stand in one row, a probe's side by side.
#[derive(Clone, Debug)]
pub struct View {
    pub target: Arc<Target>,
    posts: Vec<Post>,
    by_probe: HashMap<ProbeId, Range<usize>>,
    by_location: HashMap<LocationId, Vec<usize>>,
    pub standings: BTreeMap<CohortId, Standing>,
    /// Locations whose instants do not compare with those of others.
    apart: BTreeSet<LocationId>,
    /// Where tracks came and went, and when that was looked at.
    unrest: Option<(Timestamp, HashMap<LocationId, usize>)>,
}

/// A probe at a location, with what is known of it.
#[derive(Clone, Debug)]
pub struct Post {
    pub probe: ProbeId,
    pub location: LocationId,
    pub track: Track,
}

/// What a check did to its track.
#[derive(Clone, Copy, Debug)]
pub struct Effect {
    /// Whose check it was.
    pub position: usize,
    pub changed: bool,
    /// Whether a confirmation would settle what it left open.
    pub suspicious: bool,
}

impl View {
    #[must_use]
    pub fn new(target: Arc<Target>, standings: BTreeMap<CohortId, Standing>) -> Self {
        let mut posts = Vec::new();
        let mut by_probe = HashMap::new();
        let mut by_location: HashMap<LocationId, Vec<usize>> = HashMap::new();
        for probe in &target.probes {
            let first = posts.len();
            for location in &probe.locations {
                by_location.entry(location.clone()).or_default().push(posts.len());
                let (probe_id, location) = (probe.id.clone(), location.clone());
                let track = Track::new(probe.interval);
                posts.push(Post { probe: probe_id, location, track });
            }
            by_probe.insert(probe.id.clone(), first..posts.len());
        }
        Self {
            target,
            posts,
            by_probe,
            by_location,
            standings,
            apart: BTreeSet::new(),
            unrest: None,
        }
    }

    /// Takes over the tracks of probes that are as they were before.
    pub fn take_over(&mut self, before: View) {
        self.apart.clone_from(&before.apart);
        let is_same = |id: &ProbeId| {
            let (was, is) = (before.target.probe(id), self.target.probe(id));
            // What a probe does has no equality of its own, but says all of itself.
            was.zip(is).is_some_and(|(was, is)| format!("{was:?}") == format!("{is:?}"))
        };
        let same: HashSet<ProbeId> =
            self.by_probe.keys().filter(|id| is_same(id)).cloned().collect();
        for post in before.posts {
            if same.contains(&post.probe)
                && let Some(position) = self.position(&post.probe, &post.location)
            {
                self.posts[position].track = post.track;
            }
        }
    }

    /// Says which locations stand apart: what is found there is judged by itself.
    pub fn set_apart(&mut self, locations: BTreeSet<LocationId>) {
        self.apart = locations;
        self.unrest = None;
    }

    /// Whether nothing of this cohort compares with what others see.
    #[must_use]
    pub fn stands_apart(&self, cohort: &CohortId) -> bool {
        let cohort = self.target.cohort(cohort);
        cohort.is_some_and(|one| one.locations.iter().all(|at| self.apart.contains(at)))
    }

    /// Whether what these cohorts go through may be one and the same.
    #[must_use]
    pub fn compare(&self, some: &BTreeSet<CohortId>, others: &BTreeSet<CohortId>) -> bool {
        !some.iter().chain(others).any(|cohort| self.stands_apart(cohort))
    }

    /// Where a cohort is seen from, as far as that compares; all of it where nothing does.
    pub fn seen_from<'a>(&'a self, cohort: &'a Cohort) -> impl Iterator<Item = &'a LocationId> {
        let none = self.stands_apart(&cohort.id);
        cohort.locations.iter().filter(move |at| none || !self.apart.contains(*at))
    }

    #[must_use]
    pub fn track(&self, probe: &ProbeId, location: &LocationId) -> Option<&Track> {
        self.position(probe, location).map(|at| &self.posts[at].track)
    }

    /// The probe and location at a position.
    #[must_use]
    pub fn post(&self, position: usize) -> &Post {
        &self.posts[position]
    }

    fn position(&self, probe: &ProbeId, location: &LocationId) -> Option<usize> {
        self.by_probe.get(probe)?.clone().find(|at| self.posts[*at].location == *location)
    }

    /// Takes a check in; none when it is of a probe or place that is no longer configured, or too
    /// old to say anything.
    pub fn take(&mut self, check: &Check) -> Option<Effect> {
        let position = self.position(&check.probe, &check.location)?;
        let failed = matches!(check.outcome, Outcome::Failed(_));
        let unrest = failed && self.is_restless_elsewhere(&check.location, check.slot_at);
        let track = &mut self.posts[position].track;
        let was = track.verdict;
        let suspicious = track.take(check, unrest)?;
        Some(Effect { position, changed: track.verdict != was, suspicious })
    }

    /// Something of the post was heard at `now`.
    pub fn heard(&mut self, position: usize, now: Timestamp) {
        let post = &mut self.posts[position];
        post.track.heard(now, self.apart.contains(&post.location));
    }

    /// Up to `most` other journeys from the same location, and up to `most` other locations of the
    /// same journey: whoever may say where a failure ends.
    pub fn beside(&self, position: usize, most: usize) -> Vec<usize> {
        let Post { probe, location, .. } = &self.posts[position];
        let here = self.by_location.get(location).map_or(&[][..], Vec::as_slice);
        // Those that come next, so that another's failure asks others.
        let from = here.partition_point(|at| *at <= position);
        let here = here[from..].iter().chain(&here[..from]).copied();
        let elsewhere = self.by_probe.get(probe).cloned().unwrap_or_default();
        let others = |at: &usize| *at != position;
        let compares = |at: &usize| {
            !self.apart.contains(location) && !self.apart.contains(&self.posts[*at].location)
        };
        let elsewhere = elsewhere.filter(others).filter(compares).take(most);
        here.filter(others).take(most).chain(elsewhere).collect()
    }

    /// Whether many tracks of other locations come and go: what one office goes through by itself
    /// says nothing of chance. Looked at once in a while, for it looks at all of them.
    fn is_restless_elsewhere(&mut self, here: &LocationId, now: Timestamp) -> bool {
        let fresh = self.unrest.as_ref().is_some_and(|(looked_at, _)| {
            now.duration_since(*looked_at).unsigned_abs() < RESTLESS_INTERVAL
        });
        if !fresh {
            let mut restless: HashMap<LocationId, usize> = HashMap::new();
            let compares = |post: &&Post| !self.apart.contains(&post.location);
            let restless_posts = |post: &&Post| post.track.comes_and_goes(now);
            for post in self.posts.iter().filter(compares).filter(restless_posts) {
                *restless.entry(post.location.clone()).or_default() += 1;
            }
            self.unrest = Some((now, restless));
        }
        let restless = self.unrest.iter().flat_map(|(_, restless)| restless);
        let restless: usize = restless.filter(|(at, _)| *at != here).map(|(_, count)| count).sum();
        let elsewhere = self.posts.len() - self.by_location.get(here).map_or(0, Vec::len);
        restless > 1 && restless * RESTLESS_ONE_IN >= elsewhere
    }

    pub fn tick(&mut self, now: Timestamp) {
        self.posts.iter_mut().for_each(|post| post.track.tick(now));
    }

    /// The verdict of a probe for a cohort, from the cohort's locations.
    ///
    /// Where several locations speak for a cohort, it is down only when all of them that know
    /// anything say so.
    #[must_use]
    pub fn probe_verdict(&self, cohort: &Cohort, probe: &Probe) -> Standing {
        let posts = self.by_probe.get(&probe.id).cloned().unwrap_or_default();
        let known = || {
            let here = self.posts[posts.clone()].iter();
            let here = here.filter(|post| self.seen_from(cohort).any(|at| *at == post.location));
            here.map(|post| &post.track).filter(|track| track.verdict != Verdict::Unknown)
        };
        let Some(worst) = known().max_by_key(|track| track.verdict) else {
            return Standing { verdict: Verdict::Unknown, since: Timestamp::UNIX_EPOCH };
        };
        let all_down = known().all(|track| track.verdict == Verdict::Down);
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
