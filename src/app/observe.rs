//! From probing to detection to the store: the loop that every check passes through.
//!
//! Storage and delivery are behind bounded channels, off the way from a check to its verdict. It
//! must not judge: detection does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::resume::{affected, resume, show_resumed, show_standing};
use super::unkept::ToLedger;
use super::upkeep::{hold_writes, keep_clean};
use crate::clock::Clock;
use crate::detection::{Advance, Input, State};
use crate::domain::check::Check;
use crate::domain::outage::{DetectionEvent, Outage, OutageChange};
use crate::probing::run::Setting;
use crate::probing::scheduler::{Confirm, Report, Scheduler};
use crate::probing::vigil::Vigil;
use crate::store::ledger::{Entry, MissedRun};
use crate::store::{Store, detection, ledger};
use crate::telemetry::labels::TimeState;
use crate::telemetry::metrics::Metrics;

/// Checks on their way to the ledger; at 2,000 a second this is five seconds of a stalled disk.
const LEDGER_QUEUE: usize = 10_000;
/// Reports on their way to detection, which takes microseconds for each.
const REPORT_QUEUE: usize = 4_096;
const CONFIRM_QUEUE: usize = 1_024;
const EVENT_QUEUE: usize = 1_024;
/// Checks written in one transaction, and how long the first of them waits for the others. What a
/// transaction costs is its sync; a check that waits when the machine loses power is a gap.
const LEDGER_BATCH: usize = 2_048;
const LEDGER_DELAY: Duration = Duration::from_millis(500);
/// Silence is looked for, and waiting outages are told, this often.
const TICK_INTERVAL: Duration = Duration::from_millis(250);
/// Time is added to the states of probes this often.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// Step timings of passed checks are kept this long.
const DETAIL_WINDOW: Duration = Duration::from_secs(3_600);
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

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
    let Observation { store, clock, metrics, settings, told, changed } = observation;
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
    let watch = Watch {
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
fn on_a_thread_of_its_own(
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
            Report::Missed { target, probe, location, first, slots, interval_us, gap } => {
                self.metrics.record_missed((&target, &probe, &location), slots);
                Entry::Missed(MissedRun {
                    target,
                    probe,
                    location,
                    first_slot_at: first,
                    slots,
                    interval_us,
                    gap,
                })
            }
        };
        self.entries.send(entry);
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
            let state = match before.iter().position(|state| *state.target() == target.id) {
                Some(at) => before.swap_remove(at).reconfigured(target),
                None => State::new(target, BTreeMap::new(), Vec::new()),
            };
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
        for request in advance.requests {
            let confirm =
                Confirm { probe: request.probe, location: request.location, at: request.at };
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

/// Writes checks in batches; a failed batch is tried again until the disk takes it.
async fn keep_checks(store: Store, clock: Clock, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(LEDGER_BATCH);
    let mut pruned_at = clock.now();
    while entries.recv_many(&mut batch, LEDGER_BATCH).await > 0 {
        tokio::time::sleep(LEDGER_DELAY).await;
        while batch.len() < LEDGER_BATCH
            && let Ok(entry) = entries.try_recv()
        {
            batch.push(entry);
        }
        while let Err(error) = ledger::append(&store, &batch).await {
            let checks = batch.len();
            tracing::error!(%error, checks, "the ledger cannot be written; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
            if entries.is_closed() {
                break;
            }
        }
        batch.clear();
        let now = clock.now();
        if Duration::try_from(now.duration_since(pruned_at)).unwrap_or_default() >= PRUNE_INTERVAL {
            pruned_at = now;
            let before = now.checked_sub(DETAIL_WINDOW).unwrap_or(now);
            if let Err(error) = ledger::prune_details(&store, before).await {
                tracing::warn!(%error, "old step timings could not be forgotten");
            }
        }
    }
}

/// Writes what detection said, then passes it on: what others act on is durable.
async fn keep_events(
    store: Store,
    clock: Clock,
    mut events: mpsc::Receiver<DetectionEvent>,
    told: mpsc::Sender<DetectionEvent>,
    changed: Arc<dyn Fn() + Send + Sync>,
) {
    let mut batch = Vec::new();
    while events.recv_many(&mut batch, EVENT_QUEUE).await > 0 {
        while let Err(error) = detection::record(&store, &batch, clock.now()).await {
            tracing::error!(%error, "what was detected cannot be written; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
            if events.is_closed() {
                break;
            }
        }
        for event in batch.drain(..) {
            let _ = told.send(event).await;
        }
        changed();
    }
}
