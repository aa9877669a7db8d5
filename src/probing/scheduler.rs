//! Starts every probe at its slots, and confirmations when detection asks for them.
//!
//! One loop keeps all deadlines; runs are tasks of their own, bounded per target, so that a
//! hanging target slows nobody else. Every slot ends as a check on the outgoing channel: run,
//! missed while the service was away, or inconclusive because the target's runs were all taken.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::run::{Setting, run};
use super::schedule::Slots;
use crate::domain::check::{Check, CheckKind, Evidence, InconclusiveReason, Outcome};
use crate::domain::ids::{LocationId, ProbeId, TargetId};
use crate::domain::step::{Effect, Step};
use crate::domain::target::{Location, Probe, ProbeKind};

/// Runs under way against one target; more would be load and not observation.
const RUNS_PER_TARGET: usize = 64;
/// Confirmations have a lane of their own, so that suspicion is settled while slots are hanging.
const CONFIRMATIONS_PER_TARGET: usize = 16;
/// A slot that starts later than this was not observed: the machine slept or was stalled.
const LATEST_START: Duration = Duration::from_secs(5);
/// Slots missed in one stretch beyond this count are a gap that began before we were installed.
const MOST_MISSED_SLOTS: u32 = 1_000_000;

/// An extra run that detection asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    pub probe: ProbeId,
    pub location: LocationId,
    pub at: Timestamp,
}

/// What leaves the scheduler.
#[derive(Clone, Debug)]
pub enum Report {
    Check {
        check: Check,
        interval_us: i64,
    },
    Missed {
        target: TargetId,
        probe: ProbeId,
        location: LocationId,
        first: Timestamp,
        slots: u32,
        interval_us: i64,
    },
}

/// What a deadline is for; slots go first where both are due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Slot,
    Confirmation,
}

/// A target's setting with the bounds on its runs.
struct Lane {
    setting: Arc<Setting>,
    slots: Arc<Semaphore>,
    confirmations: Arc<Semaphore>,
}

/// A probe at a location, with when it runs.
struct Post {
    lane: usize,
    probe: Arc<Probe>,
    location: Location,
    slots: Slots,
}

/// Everything that is scheduled.
pub struct Scheduler {
    lanes: Vec<Lane>,
    posts: Vec<Post>,
    by_name: HashMap<(ProbeId, LocationId), usize>,
    reports: mpsc::Sender<Report>,
    tasks: TaskTracker,
}

impl Scheduler {
    /// A schedule of every probe of these targets at each of its locations.
    #[must_use]
    pub fn new(settings: Vec<Arc<Setting>>, reports: mpsc::Sender<Report>) -> Self {
        let mut posts = Vec::new();
        for (lane, setting) in settings.iter().enumerate() {
            for probe in &setting.target.probes {
                for id in &probe.locations {
                    let Some(location) = setting.target.location(id) else { continue };
                    let (probe, location) = (Arc::clone(probe), location.clone());
                    let slots = Slots::of(&probe, id);
                    posts.push(Post { lane, probe, location, slots });
                }
            }
        }
        let by_name = posts
            .iter()
            .enumerate()
            .map(|(index, post)| ((post.probe.id.clone(), post.location.id.clone()), index))
            .collect();
        let lanes = settings
            .into_iter()
            .map(|setting| Lane {
                setting,
                slots: Arc::new(Semaphore::new(RUNS_PER_TARGET)),
                confirmations: Arc::new(Semaphore::new(CONFIRMATIONS_PER_TARGET)),
            })
            .collect();
        Self { lanes, posts, by_name, reports, tasks: TaskTracker::new() }
    }

    /// Reports the slots that went by since the last one on record, as missed.
    pub async fn report_missed(&self, last: &[(ProbeId, LocationId, Timestamp)], now: Timestamp) {
        for (probe, location, last_slot_at) in last {
            let Some(post) = self.by_name.get(&(probe.clone(), location.clone())) else { continue };
            let post = &self.posts[*post];
            let slots = post.slots.between(*last_slot_at, now).min(MOST_MISSED_SLOTS);
            if slots > 0 {
                self.send_missed(post, post.slots.after(*last_slot_at), slots).await;
            }
        }
    }

    /// Runs slots and confirmations until told to stop, then waits for the runs under way.
    pub async fn run(self, mut confirmations: mpsc::Receiver<Confirm>, stop: CancellationToken) {
        let Some(clock) = self.lanes.first().map(|lane| lane.setting.clock.clone()) else {
            stop.cancelled().await;
            return;
        };
        let start = clock.now();
        let mut due: BinaryHeap<Reverse<(Timestamp, usize, Kind)>> = self
            .posts
            .iter()
            .enumerate()
            .map(|(index, post)| Reverse((post.slots.after(start), index, Kind::Slot)))
            .collect();
        loop {
            let next = due.peek().map_or(Timestamp::MAX, |Reverse((at, _, _))| *at);
            tokio::select! {
                () = stop.cancelled() => break,
                asked = confirmations.recv() => {
                    let Some(confirm) = asked else { break };
                    let name = (confirm.probe, confirm.location);
                    if let Some(index) = self.by_name.get(&name)
                        && !crosses(&self.posts[*index].probe)
                    {
                        due.push(Reverse((confirm.at, *index, Kind::Confirmation)));
                    }
                }
                () = clock.sleep_until(next) => {
                    let now = clock.now();
                    while let Some(Reverse((at, index, kind))) = due.peek().copied()
                        && at <= now
                    {
                        due.pop();
                        let post = &self.posts[index];
                        if kind == Kind::Slot {
                            let next = self.start_slot(post, at, now).await;
                            due.push(Reverse((next, index, Kind::Slot)));
                        } else {
                            self.start(post, CheckKind::Confirmation, at);
                        }
                    }
                }
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Starts the slot, or records it and the ones behind it as missed when it is long gone.
    /// Returns the next slot.
    async fn start_slot(&self, post: &Post, at: Timestamp, now: Timestamp) -> Timestamp {
        let late = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        if late <= LATEST_START {
            self.start(post, CheckKind::Slot, at);
            return post.slots.after(at);
        }
        let slots = 1 + post.slots.between(at, now);
        self.send_missed(post, at, slots.min(MOST_MISSED_SLOTS)).await;
        post.slots.after(now)
    }

    fn start(&self, post: &Post, kind: CheckKind, at: Timestamp) {
        let lane = &self.lanes[post.lane];
        let bound = match kind {
            CheckKind::Slot => &lane.slots,
            CheckKind::Confirmation => &lane.confirmations,
        };
        let permit = Arc::clone(bound).try_acquire_owned();
        if permit.is_err() && kind == CheckKind::Confirmation {
            return;
        }
        let (setting, probe) = (Arc::clone(&lane.setting), Arc::clone(&post.probe));
        let (location, reports) = (post.location.clone(), self.reports.clone());
        let interval_us = post.slots.interval_us();
        self.tasks.spawn(async move {
            let check = if permit.is_ok() {
                run(&setting, &probe, &location, kind, at).await
            } else {
                not_run(&probe, &location, at)
            };
            // When nobody listens any more the service is stopping.
            let _ = reports.send(Report::Check { check, interval_us }).await;
        });
    }

    async fn send_missed(&self, post: &Post, first: Timestamp, slots: u32) {
        let report = Report::Missed {
            target: post.probe.target.clone(),
            probe: post.probe.id.clone(),
            location: post.location.id.clone(),
            first,
            slots,
            interval_us: post.slots.interval_us(),
        };
        let _ = self.reports.send(report).await;
    }
}

/// Whether a probe measures by writing at one side and reading at the other: its read-only prefix,
/// all that a confirmation may run, would say that it works.
fn crosses(probe: &Probe) -> bool {
    let writes = |step: &Step| step.effect == Effect::Write;
    probe.kind == ProbeKind::Feed && probe.steps.iter().any(writes)
}

/// A slot that could not start because the bound on runs was reached: our own doing.
fn not_run(probe: &Probe, location: &Location, slot_at: Timestamp) -> Check {
    Check {
        target: probe.target.clone(),
        probe: probe.id.clone(),
        location: location.id.clone(),
        kind: CheckKind::Slot,
        slot_at,
        finished_at: slot_at,
        latency_ms: 0,
        outcome: Outcome::Inconclusive(InconclusiveReason::Prober),
        steps: Vec::new(),
        evidence: Some(Evidence {
            step: None,
            address: None,
            detail: format!("{RUNS_PER_TARGET} runs against this target were under way already"),
        }),
    }
}
