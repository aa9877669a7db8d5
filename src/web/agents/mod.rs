//! Where agents report: the receiver of `/agent/v1/…`, over TLS with client certificates.
//!
//! A port of its own, with no page, cookie or session on it. It takes what agents found into the
//! store and hands it on; it must not judge it.
//!
//! [`listen`] takes connections and knows who is at the other end, [`routes`] decides who may do
//! what, [`desk`] remembers when each agent was heard and what is asked of it.

pub mod desk;
pub mod listen;
mod receive;
pub mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::crypto::authority::Authority;
use crate::domain::agent::{Finding, Numbered, Planned};
use crate::domain::ids::{LocationId, ProbeId, SignalId, TargetId};
use crate::store::Store;

use super::throttle::Throttle;
use desk::Desk;

/// Attempts to enrol in a minute, from one address and together. A token cannot be guessed; this
/// keeps trying from costing us anything.
const ENROLMENTS: (u32, u32) = (10, 100);

/// What is asked of the agent of each location: the files in force.
pub type Plans = BTreeMap<LocationId, Arc<Assignment>>;

/// What an agent is to probe, and of what its findings may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub planned: Planned,
    pub probes: BTreeSet<(TargetId, ProbeId)>,
    /// Numbers that are read there.
    pub signals: BTreeSet<(TargetId, SignalId)>,
}

impl Assignment {
    /// Whether a finding is of something that is probed there.
    #[must_use]
    pub fn covers(&self, finding: &Finding) -> bool {
        match finding {
            Finding::Check { .. } | Finding::Missed(_) => is_of(finding, &self.probes),
            Finding::Reading(read) => {
                self.signals.contains(&(read.target.clone(), read.signal.clone()))
            }
        }
    }
}

/// Whether a finding is of one of these probes; a number that was read is of none.
fn is_of(finding: &Finding, probes: &BTreeSet<(TargetId, ProbeId)>) -> bool {
    let among =
        |target: &TargetId, probe: &ProbeId| probes.contains(&(target.clone(), probe.clone()));
    match finding {
        Finding::Check { check, .. } => among(&check.target, &check.probe),
        Finding::Missed(missed) => among(&missed.target, &missed.probe),
        Finding::Reading(_) => false,
    }
}

/// What the receiver works with; handed in by `app`.
pub struct Agents {
    pub store: Store,
    pub clock: Clock,
    pub authority: Arc<Authority>,
    pub plans: watch::Receiver<Arc<Plans>>,
    pub desk: Arc<Desk>,
    /// What was delivered, once it is durable.
    pub delivered: mpsc::Sender<Delivered>,
    pub stop: CancellationToken,
    throttle: Throttle,
}

/// What of a delivery was not known before.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    pub location: LocationId,
    /// Of what the plan in force has; what an earlier one had is in the ledger and no more.
    pub findings: Vec<Numbered>,
    /// How many more the agent has behind these.
    pub behind: u64,
    pub dropped: u64,
    /// The slot of the earliest check that came too late to be judged as it comes.
    pub late_from: Option<Timestamp>,
    /// Findings that were not taken, because they are of nothing that was ever probed there.
    pub refused: usize,
}

/// What the receiver works with that others hold the other ends of.
pub struct Ends {
    pub plans: watch::Receiver<Arc<Plans>>,
    pub desk: Arc<Desk>,
    pub delivered: mpsc::Sender<Delivered>,
}

impl Agents {
    #[must_use]
    pub fn new(
        (store, clock): (Store, Clock),
        authority: Arc<Authority>,
        ends: Ends,
        stop: CancellationToken,
    ) -> Self {
        let Ends { plans, desk, delivered } = ends;
        let throttle = Throttle::of(ENROLMENTS.0, ENROLMENTS.1);
        Self { store, clock, authority, plans, desk, delivered, stop, throttle }
    }

    /// What is asked of a location's agent; none where no agent is configured.
    fn plan(&self, location: &LocationId) -> Option<Arc<Assignment>> {
        self.plans.borrow().get(location).cloned()
    }
}
