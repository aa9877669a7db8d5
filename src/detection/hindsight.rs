//! What would have been said, had evidence come in time: history judged anew from the ledger.
//!
//! The same detection over the checks of a past stretch, at the instants they ended. It tells
//! history and nobody: what follows from it is never a notice. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Advance, Input, State};
use crate::domain::check::Check;
use crate::domain::outage::{DetectionEvent, Outage, VerdictChange};
use crate::domain::target::Target;

/// How long before a stretch evidence is looked at, so that it begins with what held.
pub const BEFORE: Duration = Duration::from_secs(600);
/// Longer than an outage waits to be told, shorter than silence.
const SETTLE: SignedDuration = SignedDuration::from_secs(2);
/// Looked at as often as the service does while evidence comes.
const STRIDE: SignedDuration = SignedDuration::from_millis(250);

/// Judges a stretch; checks are given in the order of their slots.
#[derive(Debug)]
pub struct Hindsight {
    state: State,
    looked_at: Timestamp,
    last_at: Option<Timestamp>,
    verdicts: Vec<VerdictChange>,
    outages: BTreeMap<String, Outage>,
}

/// What was found.
#[derive(Debug, Default, PartialEq)]
pub struct Judged {
    /// In the order of their detection.
    pub verdicts: Vec<VerdictChange>,
    /// As they were last; open where they outlast the stretch.
    pub outages: Vec<Outage>,
}

impl Hindsight {
    #[must_use]
    pub fn new(target: Arc<Target>, from: Timestamp) -> Self {
        Self {
            state: State::new(target, BTreeMap::new(), Vec::new()),
            looked_at: from,
            last_at: None,
            verdicts: Vec::new(),
            outages: BTreeMap::new(),
        }
    }

    /// Takes the next check.
    pub fn take(&mut self, check: &Check) {
        let at = check.finished_at.max(self.looked_at);
        self.pass(at);
        let advance = self.state.advance(Input::Check(check), at);
        self.note(advance);
        self.last_at = Some(at);
    }

    /// What was found up to `to`.
    #[must_use]
    pub fn finish(mut self, to: Timestamp) -> Judged {
        self.pass(to);
        Judged { verdicts: self.verdicts, outages: self.outages.into_values().collect() }
    }

    /// Lets time go by: what the last evidence left open settles, silence is noticed.
    fn pass(&mut self, to: Timestamp) {
        if let Some(settled_at) = self.last_at.and_then(|at| at.checked_add(SETTLE).ok())
            && settled_at < to
        {
            self.tick(settled_at);
            self.last_at = None;
        }
        if to.duration_since(self.looked_at) >= STRIDE {
            self.tick(to);
        }
    }

    fn tick(&mut self, at: Timestamp) {
        self.looked_at = at;
        let advance = self.state.advance(Input::Tick, at);
        self.note(advance);
    }

    fn note(&mut self, advance: Advance) {
        for event in advance.events {
            match event {
                DetectionEvent::Verdict(change) => self.verdicts.push(change),
                DetectionEvent::Outage { outage, .. } => {
                    self.outages.insert(outage.id.0.clone(), outage);
                }
            }
        }
    }
}
