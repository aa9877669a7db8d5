//! From checks to verdicts, outages and requests for more evidence. Pure: given `now`, no I/O.
//!
//! [`State::advance`] is the heart: it takes one piece of evidence and returns what changed and
//! which confirmations would settle a suspicion. Confirmations are evidence here and nowhere else.

mod alike;
pub mod forecast;
mod grouping;
pub mod hindsight;
mod sequential;
#[cfg(test)]
mod tests;
mod track;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::check::Check;
use crate::domain::ids::{CohortId, LocationId, ProbeId, TargetId};
use crate::domain::outage::{DetectionEvent, Outage, OutageId};
use crate::domain::target::{Cohort, Probe, Target};
use crate::domain::verdict::Verdict;
use grouping::Outages;
pub use view::Standing;
use view::{Post, View};

/// How long after a failure it is asked again.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);
/// Confirmations of one suspicion at one location; then its slots must do.
const CONFIRMATIONS_A_SUSPICION: u8 = 6;
/// Within this time the same probe is not asked again at the same location.
const CONFIRM_APART: Duration = Duration::from_millis(800);

/// Others asked on one suspicion: at the same location, and elsewhere.
const ASKED_BESIDE: usize = 4;
/// Changes that come faster than this are rolled up together.
const ROLL_UP_INTERVAL: Duration = Duration::from_millis(100);

/// What detection is given.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    Check(&'a Check),
    /// Time went by: silence is looked for, and outages that waited are told.
    Tick,
}

/// An extra run that would settle a suspicion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub probe: ProbeId,
    pub location: LocationId,
    pub at: Timestamp,
}

/// What a piece of evidence led to.
#[derive(Clone, Debug, Default)]
pub struct Advance {
    pub events: Vec<DetectionEvent>,
    pub requests: Vec<Request>,
}

/// What is known of one probe at one location.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub verdict: Verdict,
    pub since: Timestamp,
    pub failed_in_a_row: u32,
    /// What would make it another verdict.
    pub turns: Vec<forecast::Turn>,
}

/// Everything detection knows of one target.
#[derive(Clone, Debug)]
pub struct State {
    view: View,
    outages: Outages,
    /// By position in the view.
    asked: HashMap<usize, Asked>,
    /// A verdict changed that was not rolled up yet.
    pending: bool,
    rolled_up_at: Timestamp,
}

/// What was asked of one probe at one location since its last suspicion began.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    at: Option<Timestamp>,
    confirmations: u8,
}

impl State {
    /// Knows nothing yet but what was in force when the service stopped.
    #[must_use]
    pub fn new(
        target: Arc<Target>,
        standings: BTreeMap<CohortId, Standing>,
        open: Vec<Outage>,
    ) -> Self {
        let view = View::new(target, standings);
        Self {
            view,
            outages: Outages::new(open),
            asked: HashMap::new(),
            pending: false,
            rolled_up_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// The same target, configured anew. What is known of a probe that did not change stays; a new
    /// or changed one is unknown, and what is gone is no longer looked at.
    #[must_use]
    pub fn reconfigured(self, target: Arc<Target>) -> Self {
        let mut standings = self.view.standings.clone();
        standings.retain(|cohort, _| target.cohort(cohort).is_some());
        let mut view = View::new(target, standings);
        view.take_over(self.view);
        Self { view, outages: self.outages, asked: HashMap::new(), pending: true, ..self }
    }

    /// Takes a check in without telling anybody: for what the ledger holds from before a stop.
    pub fn recall(&mut self, check: &Check) {
        self.view.take(check);
    }

    /// Says at which locations the clock is so far off that what they find does not compare with
    /// what others do: it is judged by itself, and asks and explains nothing elsewhere.
    pub fn set_apart(&mut self, locations: BTreeSet<LocationId>) {
        self.view.set_apart(locations);
        self.pending = true;
    }

    /// Says that an open outage began earlier than was known.
    pub fn began_earlier(&mut self, outage: &OutageId, began_at: Timestamp) {
        self.outages.began_earlier(outage, began_at);
    }

    /// Takes one piece of evidence in.
    ///
    /// What a check changed is rolled up at once, unless that was just done: then the next tick
    /// does it, so that a target where everything changes at once is looked at a few times a
    /// second and not at every check.
    pub fn advance(&mut self, input: Input<'_>, now: Timestamp) -> Advance {
        let (requests, due) = match input {
            Input::Check(check) => {
                let requests = self.take(check, now);
                let since = now.duration_since(self.rolled_up_at).unsigned_abs();
                (requests, self.pending && since >= ROLL_UP_INTERVAL)
            }
            Input::Tick => {
                self.view.tick(now);
                (Vec::new(), true)
            }
        };
        if !due {
            return Advance { events: Vec::new(), requests };
        }
        (self.pending, self.rolled_up_at) = (false, now);
        let mut events = self.view.roll_up(now);
        events.extend(self.outages.update(&self.view, now));
        Advance { events, requests }
    }

    /// The verdict in force of the target for a cohort.
    #[must_use]
    pub fn standing(&self, cohort: &CohortId) -> Option<Standing> {
        self.view.standings.get(cohort).copied()
    }

    /// How a probe stands for whoever it stands worst for.
    #[must_use]
    pub fn probe_verdict(&self, probe: &Probe) -> Verdict {
        let cohorts = self.view.target.cohorts.iter().filter(|cohort| cohort.sees(probe));
        let verdicts = cohorts.map(|cohort| self.view.probe_verdict(cohort, probe).verdict);
        verdicts.max().unwrap_or(Verdict::Unknown)
    }

    /// How a probe stands for one cohort.
    #[must_use]
    pub fn probe_standing(&self, cohort: &Cohort, probe: &Probe) -> Standing {
        self.view.probe_verdict(cohort, probe)
    }

    /// What is known of a probe at a location.
    #[must_use]
    pub fn seen(&self, probe: &ProbeId, location: &LocationId) -> Option<Seen> {
        let track = self.view.track(probe, location)?;
        Some(Seen {
            verdict: track.verdict,
            since: track.since,
            failed_in_a_row: track.failed_in_a_row(),
            turns: forecast::turns(track),
        })
    }

    /// The target as it is configured.
    #[must_use]
    pub fn configured(&self) -> &Target {
        &self.view.target
    }

    #[must_use]
    pub fn target(&self) -> &TargetId {
        &self.view.target.id
    }

    /// Outages that have not ended.
    #[must_use]
    pub fn open_outages(&self) -> &[Outage] {
        self.outages.open()
    }

    fn take(&mut self, check: &Check, now: Timestamp) -> Vec<Request> {
        let Some(effect) = self.view.take(check) else { return Vec::new() };
        self.view.heard(effect.position, now);
        self.pending |= effect.changed;
        if effect.changed || !effect.suspicious {
            self.asked.remove(&effect.position);
        }
        if !effect.suspicious {
            return Vec::new();
        }
        let at = now.checked_add(CONFIRM_AFTER).unwrap_or(now);
        let mut requests: Vec<Request> = self.ask(effect.position, at).into_iter().collect();
        // A first failure says nothing yet of where it ends: other journeys from here, and this
        // journey from elsewhere, are asked at once.
        let others = self.view.beside(effect.position, ASKED_BESIDE);
        requests.extend(others.into_iter().filter_map(|other| self.ask(other, now)));
        requests
    }

    fn ask(&mut self, position: usize, at: Timestamp) -> Option<Request> {
        let asked = self.asked.entry(position).or_default();
        let too_soon = asked.at.is_some_and(|asked| {
            Duration::try_from(at.duration_since(asked)).unwrap_or_default() < CONFIRM_APART
        });
        if too_soon || asked.confirmations >= CONFIRMATIONS_A_SUSPICION {
            return None;
        }
        *asked = Asked { at: Some(at), confirmations: asked.confirmations + 1 };
        let Post { probe, location, .. } = self.view.post(position);
        Some(Request { probe: probe.clone(), location: location.clone(), at })
    }
}
