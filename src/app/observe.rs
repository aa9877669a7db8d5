//! From probing to detection to the store: the loop that every check passes through.
//!
//! Storage and delivery are behind bounded channels, off the way from a check to its verdict. It
//! must not judge: detection does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::agents::{FromAgents, Word};
use super::records::{EVENT_QUEUE, keep_checks, keep_events};
use super::resume::{affected, resume, show_resumed, show_standing};
use super::unkept::ToLedger;
use super::upkeep::{hold_writes, keep_clean};
use crate::clock::Clock;
use crate::detection::{Advance, Input, Request, State};
use crate::domain::check::Check;
use crate::domain::ids::LocationId;
use crate::domain::outage::{DetectionEvent, Outage, OutageChange};
use crate::probing::run::Setting;
use crate::probing::scheduler::{Confirm, Report, Scheduler};
use crate::probing::vigil::Vigil;
use crate::store::ledger::Entry;
use crate::store::{Store, ledger};
use crate::telemetry::labels::TimeState;
use crate::telemetry::metrics::Metrics;
use crate::web::agents::desk::Desk;

/// Checks on their way to the ledger; at 2,000 a second this is five seconds of a stalled disk.
const LEDGER_QUEUE: usize = 10_000;
/// Reports on their way to detection, which takes microseconds for each.
const REPORT_QUEUE: usize = 4_096;
const CONFIRM_QUEUE: usize = 1_024;
/// Silence is looked for, and waiting outages are told, this often.
const TICK_INTERVAL: Duration = Duration::from_millis(250);
/// Time is added to the states of probes this often.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// What the loop works with.
pub struct Observation {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub settings: Vec<Arc<Setting>>,
    /// Told of every detection event once it is durable.
    pub told: mpsc::Sender<DetectionEvent>,
    /// Called when something changed that a page may show.
    pub changed: Arc<dyn Fn() + Send + Sync>,
    /// Where agents probe and not this process.
    pub agents: Option<FromAgents>,
}

/// Starts probing, detection and recording; they end in that order after `stop`. What is sent
/// back takes other settings, which are in force at once.
///
/// # Errors
/// When the store cannot say what was in force before.
pub async fn start(
    observation: Observation,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> anyhow::Result<watch::Sender<Vec<Arc<Setting>>>> {
    let Observation { store, clock, metrics, settings, told, changed, agents } = observation;
    let states = resume(&store, &settings, clock.now()).await?;
    let (reports, received) = mpsc::channel(REPORT_QUEUE);
    let (confirm, confirmations) = mpsc::channel(CONFIRM_QUEUE);
    let (entries, to_ledger) = mpsc::channel(LEDGER_QUEUE);
    let (events, to_events) = mpsc::channel(EVENT_QUEUE);

    let (changes, configured) = watch::channel(settings.clone());
    let clean = (store.clone(), Arc::clone(&metrics), configured.clone(), stop.clone());
    tasks.spawn(keep_clean(clean.0, clean.1, clean.2, clean.3));
    for state in &states {
        hold_writes(&settings, state);
    }
    let replanned = configured.clone();
    let vigil = Vigil::new(clock.clone());
    let watched = (Arc::clone(&vigil), Arc::clone(&metrics));
    let mut scheduler = Scheduler::new(settings.clone(), reports, watched);
    let last = ledger::last_slots(&store).await.context("reading the last slots")?;
    let started_at = clock.now();
    show_resumed(&metrics, &states, &last, started_at);
    let kept = Arc::clone(&metrics);
    // Where there are no agents, nobody speaks.
    let (words, desk) = match agents {
        Some(FromAgents { words, desk }) => (words, Some(desk)),
        None => (mpsc::channel(1).1, None),
    };
    let watch = Watch {
        words,
        desk,
        apart: BTreeSet::new(),
        states,
        settings,
        counted_at: clock.monotonic(),
        clock: clock.clone(),
        metrics,
        confirm,
        entries: ToLedger::new(entries),
        events,
    };
    let observing = async move {
        let vigil = tokio::spawn(vigil.keep(kept));
        let watching = tokio::spawn(watch.run(received, configured));
        scheduler.report_missed(&last, started_at).await;
        scheduler.run(confirmations, replanned, stop).await;
        let _ = watching.await;
        vigil.abort();
    };
    tasks.spawn(on_a_thread_of_its_own(observing).context("starting the observing thread")?);
    tasks.spawn(keep_checks(store.clone(), clock.clone(), to_ledger));
    tasks.spawn(keep_events(store, clock, to_events, told, changed));
    Ok(changes)
}

/// Runs probing and detection where nothing else runs: no page, no copy and no mail can keep a
/// slot waiting, and a check passes from one to the other without waking another thread.
///
/// Returns what ends when it has ended.
pub(super) fn on_a_thread_of_its_own(
    observing: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<impl Future<Output = ()> + Send> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ended, has_ended) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("observing".to_owned()).spawn(move || {
        runtime.block_on(observing);
        // Nobody waits for it when the service was told to stop at once.
        let _ = ended.send(());
    })?;
    Ok(async move {
        let _ = has_ended.await;
    })
}

/// Detection with its inputs and outputs.
struct Watch {
    /// What agents found.
    words: mpsc::Receiver<Word>,
    /// Where agents are asked.
    desk: Option<Arc<Desk>>,
    /// Where clocks are off.
    apart: BTreeSet<LocationId>,
    states: Vec<State>,
    settings: Vec<Arc<Setting>>,
    clock: Clock,
    /// Monotonic.
    counted_at: Duration,
    metrics: Arc<Metrics>,
    confirm: mpsc::Sender<Confirm>,
    entries: ToLedger,
    events: mpsc::Sender<DetectionEvent>,
}

impl Watch {
    async fn run(
        mut self,
        mut received: mpsc::Receiver<Report>,
        mut configured: watch::Receiver<Vec<Arc<Setting>>>,
    ) {
        // An instant and not a pause: reports that come faster than ticks must not starve them.
        let mut tick_at = self.clock.now();
        loop {
            // A clock that was set back must not put the tick off.
            let latest = self.clock.now().checked_add(TICK_INTERVAL).unwrap_or(tick_at);
            tick_at = tick_at.min(latest);
            tokio::select! {
                report = received.recv() => match report {
                    Some(report) => self.take(report).await,
                    // Probing has ended, and with it every run under way.
                    None => return,
                },
                Some(word) = self.words.recv() => self.hear(word).await,
                Ok(()) = configured.changed() => {
                    let settings = configured.borrow_and_update().clone();
                    self.reconfigure(settings).await;
                }
                () = self.clock.sleep_until(tick_at) => {
                    self.tick().await;
                    let now = self.clock.now();
                    tick_at = now.checked_add(TICK_INTERVAL).unwrap_or(now);
                }
            }
        }
    }

    async fn take(&mut self, report: Report) {
        let entry = match report {
            Report::Check { check, interval_us } => {
                self.observe(&check).await;
                Entry::Check { check, interval_us }
            }
            Report::Missed(missed) => {
                self.metrics.record_missed(&missed);
                Entry::Missed(missed)
            }
        };
        self.entries.send(entry);
    }

    /// What an agent found is in the ledger already.
    async fn hear(&mut self, word: Word) {
        match word {
            Word::Check(check) => self.observe(&check).await,
            Word::Recalled(checks) => {
                for check in &checks {
                    let state = self.states.iter_mut().find(|s| *s.target() == check.target);
                    if let Some(state) = state {
                        state.recall(check);
                    }
                }
            }
            Word::Earlier(outage, began_at) => {
                for state in &mut self.states {
                    state.began_earlier(&outage, began_at);
                }
            }
            Word::Apart(locations) => {
                self.apart.clone_from(&locations);
                for state in &mut self.states {
                    state.set_apart(locations.clone());
                }
            }
        }
    }

    async fn observe(&mut self, check: &Check) {
        let now = self.clock.now();
        self.metrics.record_check(check);
        let state = self.states.iter_mut().find(|state| *state.target() == check.target);
        if let Some(state) = state {
            let advance = state.advance(Input::Check(check), now);
            self.tell(advance).await;
        }
    }

    async fn tick(&mut self) {
        let now = self.clock.now();
        self.metrics.record_tick(now);
        self.count_time();
        for index in 0..self.states.len() {
            let advance = self.states[index].advance(Input::Tick, now);
            self.tell(advance).await;
        }
    }

    /// Adds the time since it was last done to the state that each probe is in.
    fn count_time(&mut self) {
        let now = self.clock.monotonic();
        let spent = now.saturating_sub(self.counted_at);
        if spent < COUNT_INTERVAL {
            return;
        }
        self.counted_at = now;
        for state in &self.states {
            for probe in &state.configured().probes {
                let verdict = TimeState::Verdict(state.probe_verdict(probe));
                self.metrics.add_state_time(&probe.target, &probe.id, verdict, spent);
            }
        }
    }

    /// Goes on with other settings: what did not change keeps what is known of it. An outage of a
    /// target that is no longer observed ends with that.
    async fn reconfigure(&mut self, settings: Vec<Arc<Setting>>) {
        let mut before = std::mem::take(&mut self.states);
        for setting in &settings {
            let target = Arc::clone(&setting.target);
            let mut state = match before.iter().position(|state| *state.target() == target.id) {
                Some(at) => before.swap_remove(at).reconfigured(target),
                None => State::new(target, BTreeMap::new(), Vec::new()),
            };
            state.set_apart(self.apart.clone());
            show_standing(&self.metrics, &state);
            hold_writes(&settings, &state);
            self.states.push(state);
        }
        self.settings = settings;
        let ended_at = Some(self.clock.now());
        for outage in before.iter().flat_map(State::open_outages) {
            tracing::info!(outage = %outage.id, "it is no longer observed, and ends with that");
            let outage = Outage { ended_at, ..outage.clone() };
            let event = DetectionEvent::Outage { change: OutageChange::Ended, outage };
            let _ = self.events.send(event).await;
        }
    }

    async fn tell(&mut self, advance: Advance) {
        let now = self.clock.now();
        let elsewhere = self.settings.first().map(|setting| Arc::clone(&setting.elsewhere));
        for Request { probe, location, at } in advance.requests {
            if let Some(desk) = &self.desk
                && elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.contains(&location))
            {
                let delay = Duration::try_from(at.duration_since(now)).unwrap_or_default();
                desk.ask(&location, probe, delay);
                continue;
            }
            let confirm = Confirm { probe, location, at };
            if self.confirm.try_send(confirm).is_err() {
                tracing::debug!("a confirmation was not asked for: too many are waiting");
            }
        }
        for event in advance.events {
            self.show(&event);
            // The store's task always drains; when it is gone the service is stopping.
            let _ = self.events.send(event).await;
        }
    }

    fn show(&self, event: &DetectionEvent) {
        match event {
            DetectionEvent::Verdict(change) => {
                self.metrics.set_verdict(&change.target, &change.cohort, change.to);
            }
            DetectionEvent::Outage { change, outage } => {
                tracing::info!(outage = %outage.id, ?change, "{}", outage.sentence);
                if *change == OutageChange::Began {
                    let delay = outage.detected_at.duration_since(outage.began_at);
                    self.metrics.record_detection(Duration::try_from(delay).unwrap_or_default());
                }
                if let Some(state) = self.states.iter().find(|s| *s.target() == outage.target) {
                    let open = state.open_outages();
                    let users = affected(state.configured(), open);
                    self.metrics.set_open_outages(&outage.target, open.len(), users);
                    hold_writes(&self.settings, state);
                }
            }
        }
    }
}
