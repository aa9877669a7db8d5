//! From probing to detection to the store: the loop that every check passes through.
//!
//! Storage and delivery are behind bounded channels, off the way from a check to its verdict. It
//! must not judge: detection does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::detection::{Advance, Input, Standing, State};
use crate::domain::check::Check;
use crate::domain::ids::{LocationId, ProbeId};
use crate::domain::outage::DetectionEvent;
use crate::domain::target::Target;
use crate::domain::verdict::Verdict;
use crate::probing::janitor::Janitor;
use crate::probing::run::Setting;
use crate::probing::scheduler::{Confirm, Report, Scheduler};
use crate::probing::vigil::Vigil;
use crate::store::ledger::{Entry, MissedRun, Range, Recorded};
use crate::store::{Store, compensations, detection, ledger};
use crate::telemetry::labels::TimeState;
use crate::telemetry::metrics::Metrics;

/// Checks on their way to the ledger; at 2,000 a second this is five seconds of a stalled disk.
const LEDGER_QUEUE: usize = 10_000;
/// Reports on their way to detection, which takes microseconds for each.
const REPORT_QUEUE: usize = 4_096;
const CONFIRM_QUEUE: usize = 1_024;
const EVENT_QUEUE: usize = 1_024;
/// Checks written in one transaction, and how long the first of them waits for the others.
const LEDGER_BATCH: usize = 512;
const LEDGER_DELAY: Duration = Duration::from_millis(100);
/// Silence is looked for, and waiting outages are told, this often.
const TICK_INTERVAL: Duration = Duration::from_millis(250);
/// Time is added to the states of probes this often.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// What the ledger holds from before a stop and is still evidence after it.
const RECALL_WINDOW: Duration = Duration::from_secs(600);
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

/// Starts probing, detection and recording; they end in that order after `stop`.
///
/// # Errors
/// When the store cannot say what was in force before.
pub async fn start(
    observation: Observation,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Observation { store, clock, metrics, settings, told, changed } = observation;
    let states = resume(&store, &settings, clock.now()).await?;
    let (reports, received) = mpsc::channel(REPORT_QUEUE);
    let (confirm, confirmations) = mpsc::channel(CONFIRM_QUEUE);
    let (entries, to_ledger) = mpsc::channel(LEDGER_QUEUE);
    let (events, to_events) = mpsc::channel(EVENT_QUEUE);

    keep_clean(&store, &metrics, &settings, (tasks, &stop)).await?;
    for state in &states {
        hold_writes(&settings, state);
    }
    let vigil = Vigil::new(clock.clone());
    let watched = (Arc::clone(&vigil), Arc::clone(&metrics));
    let scheduler = Scheduler::new(settings.clone(), reports, watched);
    let last = ledger::last_slots(&store).await.context("reading the last slots")?;
    let started_at = clock.now();
    show_resumed(&metrics, &states, &last, started_at);
    let vigil = vigil.keep(Arc::clone(&metrics));
    let stopped = stop.clone();
    tasks.spawn(async move { stopped.run_until_cancelled(vigil).await });
    let watch = Watch {
        states,
        settings,
        counted_at: clock.monotonic(),
        clock: clock.clone(),
        metrics,
        confirm,
        entries,
        events,
    };
    let observing = async move {
        let watching = tokio::spawn(watch.run(received));
        scheduler.report_missed(&last, started_at).await;
        scheduler.run(confirmations, stop).await;
        let _ = watching.await;
    };
    tasks.spawn(on_a_thread_of_its_own(observing).context("starting the observing thread")?);
    tasks.spawn(keep_checks(store.clone(), clock.clone(), to_ledger));
    tasks.spawn(keep_events(store, clock, to_events, told, changed));
    Ok(())
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

/// Shows what is in force from before, and counts the time since each probe's last slot, while
/// nobody probed, as not known.
fn show_resumed(
    metrics: &Metrics,
    states: &[State],
    last: &[(ProbeId, LocationId, Timestamp)],
    now: Timestamp,
) {
    let mut last_slots: HashMap<&ProbeId, Timestamp> = HashMap::new();
    for (probe, _, at) in last {
        let latest = last_slots.entry(probe).or_insert(*at);
        *latest = (*latest).max(*at);
    }
    for state in states {
        let target = state.configured();
        for cohort in &target.cohorts {
            if let Some(standing) = state.standing(&cohort.id) {
                metrics.set_verdict(&target.id, &cohort.id, standing.verdict);
            }
        }
        let open = state.open_outages();
        metrics.set_open_outages(&target.id, open.len(), affected(target, open));
        for probe in &target.probes {
            let away = last_slots.get(&probe.id).map_or(Duration::ZERO, |last_slot_at| {
                Duration::try_from(now.duration_since(*last_slot_at)).unwrap_or_default()
            });
            let unknown = TimeState::Verdict(Verdict::Unknown);
            metrics.add_state_time(&target.id, &probe.id, unknown, away);
        }
    }
}

/// Detection as it stood: verdicts and open outages from the store, recent checks recalled.
async fn resume(
    store: &Store,
    settings: &[Arc<Setting>],
    now: Timestamp,
) -> anyhow::Result<Vec<State>> {
    let standings = detection::standings(store).await.context("reading verdicts")?;
    let open = detection::open_outages(store).await.context("reading outages")?;
    let from = now.checked_sub(RECALL_WINDOW).unwrap_or(now);
    let mut states = Vec::new();
    for setting in settings {
        let target = &setting.target;
        let known: BTreeMap<_, _> = standings
            .iter()
            .filter(|standing| standing.target == target.id)
            .map(|s| (s.cohort.clone(), Standing { verdict: s.verdict, since: s.since }))
            .collect();
        let outages = open.iter().filter(|outage| outage.target == target.id).cloned().collect();
        let mut state = State::new(Arc::clone(target), known, outages);
        let range = Range { target: Some(target.id.clone()), from, to: now, ..Range::default() };
        for recorded in ledger::range(store, &range).await.context("reading recent checks")? {
            state.recall(&recalled(recorded));
        }
        states.push(state);
    }
    Ok(states)
}

/// A check as detection looks at it, from its row.
fn recalled(recorded: Recorded) -> Check {
    let latency = Duration::from_millis(u64::from(recorded.latency_ms));
    Check {
        target: recorded.target,
        probe: recorded.probe,
        location: recorded.location,
        kind: recorded.kind,
        slot_at: recorded.slot_at,
        finished_at: recorded.slot_at.checked_add(latency).unwrap_or(recorded.slot_at),
        latency_ms: recorded.latency_ms,
        outcome: recorded.outcome,
        steps: Vec::new(),
        evidence: None,
    }
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
    entries: mpsc::Sender<Entry>,
    events: mpsc::Sender<DetectionEvent>,
}

impl Watch {
    async fn run(mut self, mut received: mpsc::Receiver<Report>) {
        // An instant and not a pause: reports that come faster than ticks must not starve them.
        let mut tick_at = self.clock.now();
        loop {
            tokio::select! {
                report = received.recv() => match report {
                    Some(report) => self.take(report).await,
                    // Probing has ended, and with it every run under way.
                    None => return,
                },
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
            Report::Missed { target, probe, location, first, slots, interval_us } => {
                self.metrics.record_missed((&target, &probe, &location), slots);
                Entry::Missed(MissedRun {
                    target,
                    probe,
                    location,
                    first_slot_at: first,
                    slots,
                    interval_us,
                })
            }
        };
        if self.entries.try_send(entry).is_err() {
            tracing::error!("the ledger is behind: a check was not kept and counts as unknown");
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
                if *change == crate::domain::outage::OutageChange::Began {
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

/// Probes do not write to a target in an outage. That what other systems send is stale is none of
/// the target itself, and only writing on shows when it is over.
fn hold_writes(settings: &[Arc<Setting>], state: &State) {
    let setting = settings.iter().find(|setting| setting.target.id == *state.target());
    if let Some(setting) = setting {
        let titles = state.configured().titles();
        let of_target = |outage: &crate::domain::outage::Outage| !outage.scope.is_of_feeds(&titles);
        setting.writes.set_in_outage(state.open_outages().iter().any(of_target));
    }
}

/// Takes back what probes of these targets leave behind, from before this start too.
async fn keep_clean(
    store: &Store,
    metrics: &Arc<Metrics>,
    settings: &[Arc<Setting>],
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> anyhow::Result<()> {
    let open = compensations::open(store).await.context("reading what probes left behind")?;
    for setting in settings.iter().filter(|setting| Janitor::is_needed(setting, &open)) {
        let janitor = Janitor::new(Arc::clone(setting), store.clone(), Arc::clone(metrics));
        let stop = stop.clone();
        tasks.spawn(async move { stop.run_until_cancelled(janitor.run()).await });
    }
    Ok(())
}

/// Staff in the cohorts of open outages, each cohort counted once.
fn affected(target: &Target, open: &[crate::domain::outage::Outage]) -> u32 {
    let within = |id| open.iter().any(|outage| outage.scope.cohorts.contains(id));
    target.cohorts.iter().filter(|cohort| within(&cohort.id)).map(|cohort| cohort.head_count).sum()
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
