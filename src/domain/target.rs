//! What is observed, from where, for whom: targets, locations, cohorts and their probes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::ids::{CohortId, LocationId, OfficeId, ProbeId, StepId, TargetId};
use super::network::Network;
use super::signal::{Measure, Signal};
use super::step::{Effect, Step};
use super::verdict::Titles;

/// A case system, or a feed between systems, with everything configured about it.
#[derive(Clone, Debug)]
pub struct Target {
    pub id: TargetId,
    pub title: String,
    /// Scheme, host and port that the paths of its steps are under.
    pub base_url: url::Url,
    /// Other sides of its interfaces, by the name that steps use.
    pub systems: BTreeMap<String, url::Url>,
    pub time_zone: jiff::tz::TimeZone,
    /// Addresses a probe of this target may speak to; nothing else, after name resolution.
    pub networks: Arc<[Network]>,
    pub locations: Vec<Location>,
    pub cohorts: Vec<Cohort>,
    pub probes: Vec<Arc<Probe>>,
}

/// Where we probe from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub id: LocationId,
    pub title: String,
    /// The local address to speak from; none for whichever the system picks.
    pub source_address: Option<IpAddr>,
    /// What answers a connection from there whenever its network works.
    pub reference_endpoints: Vec<std::net::SocketAddr>,
}

/// Staff who share fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    pub id: CohortId,
    pub title: String,
    pub head_count: u32,
    pub office: OfficeId,
    /// The locations whose checks speak for this cohort; at least one.
    pub locations: Vec<LocationId>,
    /// Where its staff's browsers come from, so that the staff page knows their office.
    pub networks: Vec<Network>,
    pub telephone: Option<String>,
}

/// Whether a probe's failure is the target's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Essential,
    /// Its verdict caps at slow in the roll-up.
    Supporting,
}

/// What a probe observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// An imitation of a staff task.
    Journey,
    /// Age of, or read-after-write across, an interface.
    Feed,
    /// A number that is read.
    Signal,
}

/// A configured, scheduled synthetic transaction.
#[derive(Clone, Debug)]
pub struct Probe {
    pub id: ProbeId,
    pub target: TargetId,
    pub title: String,
    pub kind: ProbeKind,
    pub weight: Weight,
    pub interval: Duration,
    /// For the whole journey, `finally` steps apart.
    pub timeout: Duration,
    pub locations: Vec<LocationId>,
    pub objectives: Objectives,
    pub steps: Vec<Step>,
    /// The numbers it reads; of a feed how old what it delivered is.
    pub signals: Vec<Signal>,
    /// Steps that always run, on a budget of their own.
    pub finally: Vec<Step>,
    /// Steps that find what a write left behind whose answer was lost; `${run.id}` is the lost
    /// run's there.
    pub recover: Vec<Step>,
}

/// What was promised of a probe.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Objectives {
    /// Share of known time, between 0 and 1.
    pub availability: Option<f64>,
    /// A passed journey that takes longer is slow.
    pub latency: Option<Duration>,
}

impl Target {
    #[must_use]
    pub fn probe(&self, id: &ProbeId) -> Option<&Arc<Probe>> {
        self.probes.iter().find(|probe| &probe.id == id)
    }

    #[must_use]
    pub fn location(&self, id: &LocationId) -> Option<&Location> {
        self.locations.iter().find(|location| &location.id == id)
    }

    #[must_use]
    pub fn cohort(&self, id: &CohortId) -> Option<&Cohort> {
        self.cohorts.iter().find(|cohort| &cohort.id == id)
    }

    /// Probes of what other systems send.
    pub fn feeds(&self) -> impl Iterator<Item = &Arc<Probe>> {
        self.probes.iter().filter(|probe| probe.kind == ProbeKind::Feed)
    }

    /// Every number that is read, as it is configured.
    pub fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.probes.iter().flat_map(|probe| &probe.signals)
    }

    /// Titles for sentences about this target.
    #[must_use]
    pub fn titles(&self) -> Titles {
        Titles {
            target: self.title.clone(),
            cohorts: self.cohorts.iter().map(|c| (c.id.clone(), c.title.clone())).collect(),
            probes: self.probes.iter().map(|p| (p.id.clone(), p.title.clone())).collect(),
            feeds: self.feeds().map(|p| p.id.clone()).collect(),
        }
    }
}

impl Cohort {
    /// Whether this probe, at some location, speaks for this cohort.
    #[must_use]
    pub fn sees(&self, probe: &Probe) -> bool {
        self.locations.iter().any(|location| probe.locations.contains(location))
    }
}

impl Probe {
    /// Every step, `finally` steps last.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.finally)
    }

    /// Whether it measures by writing at one side of an interface and reading at the other. Its
    /// read-only prefix says nothing then.
    #[must_use]
    pub fn crosses(&self) -> bool {
        let writes = |step: &Step| step.effect == Effect::Write;
        self.kind == ProbeKind::Feed && self.steps.iter().any(writes)
    }

    /// Whether it measures the age of what a feed delivered.
    #[must_use]
    pub fn measures_age(&self) -> bool {
        self.signals.iter().any(|signal| signal.measure == Measure::Age)
    }

    /// The step of that id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.all_steps().find(|step| &step.id == id)
    }
}
