//! Runs the hearts over the store and the clock: one task, one input at a time.
//!
//! Detection events and commands come in over bounded channels; what follows from each is written
//! in one transaction before anything else hears of it. After a stop at any instant,
//! [`Engine::load`] finds the same state again, works through what the clock brought meanwhile and
//! asks again for effects nobody has answered.

mod commands;
mod incidents;
mod load;
mod plans;
mod remarks;
mod staff;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::activation::Activation;
use super::command::{Asked, CommandError};
use super::decide::Plan;
use super::effect::Effect;
use super::incident::Incident;
use super::notices::Desk;
use super::standing::Picture;
use super::timers::{Timer, timers};
use crate::clock::Clock;
use crate::domain::incident::{ActivationId, IncidentId};
use crate::domain::notice::{Channel, OpsNotices};
use crate::domain::outage::DetectionEvent;
use crate::domain::people::People;
use crate::domain::playbook::Playbook;
use crate::domain::target::Target;
use crate::store::{Store, StoreError};

/// When the store refuses, the engine looks again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Without anything due, the engine looks at the clock this often, as a bound.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Timers of one activation worked through in one go: a bound on a plan that would never end.
const MOST_TIMERS_AT_ONCE: usize = 1_000;

/// What continuity works with.
pub struct Settings {
    pub playbooks: Vec<LoadedPlaybook>,
    pub people: Arc<People>,
    /// What is observed, for the titles of targets and offices.
    pub targets: Vec<Arc<Target>>,
    /// Channels that are configured; the console always works.
    pub channels: BTreeSet<Channel>,
    pub ops_notices: Option<OpsNotices>,
    pub desk: Desk,
    /// The unit that plans started by a signal are for: the installation's own name.
    pub unit: String,
    /// Called when something changed that a page may show.
    pub changed: Arc<dyn Fn() + Send + Sync>,
}

/// A plan with the text it was read from, which is pinned when it comes into force.
#[derive(Clone, Debug)]
pub struct LoadedPlaybook {
    pub playbook: Arc<Playbook>,
    pub source: String,
}

/// The running part of continuity.
pub struct Engine {
    store: Store,
    clock: Clock,
    settings: Settings,
    picture: Picture,
    /// Incidents that are not closed.
    incidents: BTreeMap<IncidentId, Incident>,
    /// Activations that are open, or closed so recently that they may resume.
    activations: BTreeMap<ActivationId, Held>,
    said: staff::Said,
    /// Effects that whoever carries them out has not taken yet.
    backlog: VecDeque<Effect>,
    effects: mpsc::Sender<Effect>,
    outbox: Arc<Notify>,
    /// The store refused something: what is in it and what is here may differ.
    unsure: bool,
}

/// An activation with where its record stands.
struct Held {
    playbook: Arc<Playbook>,
    state: Activation,
    events: u64,
    last_hash: String,
}

impl Engine {
    /// Runs until `stop`; what was answered before is in the store.
    pub async fn run(
        mut self,
        mut detection: mpsc::Receiver<DetectionEvent>,
        mut commands: mpsc::Receiver<Asked>,
        stop: CancellationToken,
    ) {
        loop {
            self.settle().await;
            let wake_at = self.wake_at();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(asked) = commands.recv() => self.answer(asked).await,
                Some(event) = detection.recv() => self.detected(&event).await,
                () = self.clock.sleep_until(wake_at) => {}
            }
        }
    }

    /// Takes in what detection says.
    pub async fn detected(&mut self, event: &DetectionEvent) {
        let target = self.picture.take(event);
        if let DetectionEvent::Outage { outage, .. } = event {
            self.outage(outage).await;
        }
        self.target_changed(&target).await;
        self.settle().await;
    }

    /// Carries out one command; the answer goes out when it is durable.
    pub async fn answer(&mut self, asked: Asked) {
        let answer = self.command(asked.command).await;
        self.settle().await;
        // Whoever asked may have gone; what they asked for holds all the same.
        let _ = asked.answer.send(answer);
    }

    /// Works through everything that is due now.
    pub async fn settle(&mut self) {
        if std::mem::take(&mut self.unsure) {
            self.look_again().await;
        }
        self.start_plans().await;
        self.fire_timers().await;
        self.fire_incidents().await;
        self.tell_disagreements().await;
        self.flush_effects();
        self.forget_old();
    }

    /// The earliest instant at which the clock brings something.
    fn wake_at(&self) -> Timestamp {
        let now = self.clock.now();
        let later = |pause: Duration| now.checked_add(pause).unwrap_or(Timestamp::MAX);
        if self.unsure || !self.backlog.is_empty() {
            return later(AGAIN_AFTER);
        }
        let timers = self.activations.values().filter_map(|held| Some(held.next_timer()?.0));
        let rules = self.settings.ops_notices.as_ref();
        let incidents = self.incidents.values().filter_map(|one| one.next_at(rules?));
        let starts = self.next_starts();
        timers
            .chain(incidents)
            .chain(starts)
            .min()
            .unwrap_or(Timestamp::MAX)
            .min(later(LONGEST_SLEEP))
    }

    /// What a store's refusal means here: look again before going on.
    fn refused(&mut self, error: &dyn std::error::Error) -> CommandError {
        self.unsure = true;
        tracing::error!(%error, "continuity could not write; it looks again");
        CommandError::NotDurable(error.to_string())
    }

    fn flush_effects(&mut self) {
        while let Some(effect) = self.backlog.pop_front() {
            if let Err(full) = self.effects.try_send(effect) {
                self.backlog.push_front(full.into_inner());
                return;
            }
        }
    }

    fn forget_old(&mut self) {
        let now = self.clock.now();
        self.incidents.retain(|_, incident| incident.closed_at.is_none());
        let keep = |at: Timestamp| at.checked_add(load::MAY_RESUME).is_ok_and(|until| now < until);
        self.activations.retain(|_, held| held.state.closed_at.is_none_or(keep));
    }

    /// Activations as they stand, for tests and for whoever runs in the same process.
    pub fn activations(&self) -> impl Iterator<Item = &Activation> {
        self.activations.values().map(|held| &held.state)
    }
}

impl Held {
    fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        timers(&self.playbook, &self.state).into_iter().next()
    }
}

impl Settings {
    fn plan<'a>(&'a self, playbook: &'a Playbook) -> Plan<'a> {
        Plan { playbook, people: &self.people, channels: &self.channels }
    }
}

/// Why the engine cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the record of the activation '{0}' is broken: {1}")]
    Broken(ActivationId, super::record::BrokenRecord),
    #[error("the plan of the activation '{0}' is not in the store")]
    NoPlaybook(ActivationId),
    #[error("an incident in the store cannot be read")]
    Incident,
}
