//! Starts every probe at its slots, and confirmations when detection asks for them.
//!
//! One loop keeps all deadlines; runs are tasks of their own, bounded per target and per location,
//! so that a hanging target slows nobody else. Every slot ends as a check on the outgoing channel:
//! run, missed while the service was away, or inconclusive because the runs were all taken. After
//! the clock was set back, slots that have their end are run as confirmations: evidence alone.
//! Confirmations have a [`Budget`] of their own.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::budget::Budget;
use super::post::Post;
use super::run::{Setting, run};
use super::schedule::Slots;
use super::site_network::SiteNetworks;
use super::vigil::Vigil;
use crate::domain::agent::MissedSlots;
use crate::domain::check::{Check, CheckKind, Evidence, Gap, InconclusiveReason, Outcome};
use crate::domain::ids::{LocationId, ProbeId};
use crate::domain::target::{Location, Probe};
use crate::telemetry::metrics::Metrics;

/// Runs under way against one target; more would be load and not observation.
const RUNS_PER_TARGET: usize = 64;
/// Runs under way at one location, of whatever targets: its line and its ports are shared.
const RUNS_PER_LOCATION: usize = 512;
/// A slot that starts later than this was not observed: the machine slept or was stalled.
const LATEST_START: Duration = Duration::from_secs(5);

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
    Check { check: Check, interval_us: i64 },
    Missed(MissedSlots),
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
    budget: Arc<Mutex<Budget>>,
}

/// What is due when, the next first.
type Due = BinaryHeap<Reverse<(Timestamp, usize, Kind)>>;

/// Everything that is scheduled.
pub struct Scheduler {
    lanes: Vec<Lane>,
    posts: Vec<Post>,
    by_name: HashMap<(ProbeId, LocationId), usize>,
    reports: mpsc::Sender<Report>,
    vigil: Arc<Vigil>,
    networks: Arc<SiteNetworks>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
}

impl Scheduler {
    /// A schedule of every probe of these targets at each of its locations.
    #[must_use]
    pub fn new(
        settings: Vec<Arc<Setting>>,
        reports: mpsc::Sender<Report>,
        (vigil, metrics): (Arc<Vigil>, Arc<Metrics>),
    ) -> Self {
        let nothing = (Vec::new(), Vec::new(), HashMap::new());
        let (lanes, posts, by_name) = nothing;
        let (tasks, networks) = (TaskTracker::new(), Arc::default());
        let mut new = Self { lanes, posts, by_name, reports, vigil, networks, metrics, tasks };
        new.arrange(settings);
        new
    }

    /// Takes these settings. Bounds of targets and locations that were there before go on, with
    /// whatever is in flight under them.
    fn arrange(&mut self, settings: Vec<Arc<Setting>>) {
        let known = self.posts.iter().map(|post| (post.location.id.clone(), &post.line));
        let mut lines: HashMap<_, _> = known.map(|(id, line)| (id, Arc::clone(line))).collect();
        let known = self.posts.iter().map(|post| (post.name(), post.ended_at));
        let ended: HashMap<_, _> = known.collect();
        let mut posts = Vec::new();
        for (lane, setting) in settings.iter().enumerate() {
            let here = |id: &&LocationId| !setting.elsewhere.contains(*id);
            for probe in &setting.target.probes {
                for id in probe.locations.iter().filter(here) {
                    let Some(location) = setting.target.location(id) else { continue };
                    let (probe, location) = (Arc::clone(probe), location.clone());
                    let slots = Slots::of(&probe, id);
                    let line = lines.entry(id.clone());
                    let line = line.or_insert_with(|| Arc::new(Semaphore::new(RUNS_PER_LOCATION)));
                    let ended_at = ended.get(&(probe.id.clone(), id.clone()));
                    let ended_at = ended_at.copied().unwrap_or(Timestamp::MIN);
                    let line = Arc::clone(line);
                    posts.push(Post { lane, probe, location, line, slots, ended_at });
                }
            }
        }
        self.by_name = posts.iter().enumerate().map(|(at, post)| (post.name(), at)).collect();
        self.posts = posts;
        self.lanes = settings.into_iter().map(|setting| self.lane(setting)).collect();
    }

    fn lane(&self, setting: Arc<Setting>) -> Lane {
        let before = self.lanes.iter().find(|lane| lane.setting.target.id == setting.target.id);
        let (slots, budget) = match before {
            Some(before) => (Arc::clone(&before.slots), Arc::clone(&before.budget)),
            None => {
                let budget = Budget::new(setting.clock.monotonic());
                (Arc::new(Semaphore::new(RUNS_PER_TARGET)), Arc::new(Mutex::new(budget)))
            }
        };
        self.metrics.set_confirmation_budget(&setting.target.id, lock(&budget).allowed());
        Lane { setting, slots, budget }
    }

    /// Reports the slots that went by since the last one on record, as missed.
    pub async fn report_missed(
        &mut self,
        last: &[(ProbeId, LocationId, Timestamp)],
        now: Timestamp,
    ) {
        for (probe, location, last_slot_at) in last {
            let Some(index) = self.by_name.get(&(probe.clone(), location.clone())) else {
                continue;
            };
            let index = *index;
            self.posts[index].ended_at = *last_slot_at;
            let first = self.posts[index].slots.after(*last_slot_at);
            self.miss(index, first, (now, Gap::Away)).await;
        }
    }

    /// Runs slots and confirmations until told to stop, then waits for the runs under way.
    /// Other settings are in force as soon as they are received.
    pub async fn run(
        mut self,
        mut confirmations: mpsc::Receiver<Confirm>,
        mut configured: watch::Receiver<Vec<Arc<Setting>>>,
        stop: CancellationToken,
    ) {
        let Some(clock) = self.lanes.first().map(|lane| lane.setting.clock.clone()) else {
            stop.cancelled().await;
            return;
        };
        let mut due = self.planned(clock.now());
        loop {
            let next = due.peek().map_or(Timestamp::MAX, |Reverse((at, _, _))| *at);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.vigil.clock_moved() => self.plan_anew(&mut due, clock.now()).await,
                Ok(()) = configured.changed() => {
                    let settings = configured.borrow_and_update().clone();
                    due = self.reconfigured(settings, due, clock.now());
                }
                asked = confirmations.recv() => {
                    let Some(confirm) = asked else { break };
                    let name = (confirm.probe, confirm.location);
                    if let Some(index) = self.by_name.get(&name)
                        && !self.posts[*index].probe.crosses()
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
                        if kind == Kind::Slot {
                            let next = self.start_slot(index, at, now).await;
                            due.push(Reverse((next, index, Kind::Slot)));
                        } else {
                            self.start(&self.posts[index], CheckKind::Confirmation, at);
                        }
                    }
                }
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The next slot of every post.
    fn planned(&self, now: Timestamp) -> Due {
        let posts = self.posts.iter().enumerate();
        posts.map(|(index, post)| Reverse((post.slots.from(now), index, Kind::Slot))).collect()
    }

    /// Goes on with other settings: who has the same slots as before keeps the next of them, so
    /// that none is skipped and none is run twice.
    fn reconfigured(&mut self, settings: Vec<Arc<Setting>>, due: Due, now: Timestamp) -> Due {
        let (mut next, mut asked) = (HashMap::new(), Vec::new());
        for Reverse((at, index, kind)) in due {
            let post = &self.posts[index];
            match kind {
                Kind::Slot => drop(next.insert(post.name(), (post.slots, at))),
                Kind::Confirmation => asked.push((at, post.name())),
            }
        }
        self.arrange(settings);
        let slots = self.posts.iter().enumerate().map(|(index, post)| {
            let kept = next.get(&post.name()).filter(|(slots, _)| *slots == post.slots);
            let at = kept.map_or_else(|| post.slots.after(now), |(_, at)| *at);
            Reverse((at, index, Kind::Slot))
        });
        let asked = asked.into_iter().filter_map(|(at, name)| {
            Some(Reverse((at, *self.by_name.get(&name)?, Kind::Confirmation)))
        });
        slots.chain(asked).collect()
    }

    /// After a step of the clock or a suspension: slots that went by are missed, and those it set
    /// back to are in the future again.
    async fn plan_anew(&mut self, due: &mut Due, now: Timestamp) {
        let next = std::mem::replace(due, self.planned(now));
        let gap = self.vigil.gap();
        for Reverse((at, index, kind)) in next {
            if kind == Kind::Slot && at < now {
                self.miss(index, at, (now, gap)).await;
            }
        }
    }

    /// Starts the slot, or records it and the ones behind it as missed when it is long gone.
    /// Returns the next slot.
    async fn start_slot(&mut self, index: usize, at: Timestamp, now: Timestamp) -> Timestamp {
        let late = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        if late > LATEST_START {
            let gap = self.vigil.gap();
            self.miss(index, at, (now, gap)).await;
            return self.posts[index].slots.from(now);
        }
        let kind = self.posts[index].take(at);
        let post = &self.posts[index];
        if kind == CheckKind::Slot || !post.probe.crosses() {
            self.start(post, kind, at);
        }
        post.slots.after(at)
    }

    /// Records slots from the first one on and before `now` as missed, but those that have their
    /// end.
    async fn miss(&mut self, index: usize, first: Timestamp, (now, gap): (Timestamp, Gap)) {
        let post = &mut self.posts[index];
        let Some((first, slots)) = post.miss(first, now) else { return };
        let report = Report::Missed(MissedSlots {
            target: post.probe.target.clone(),
            probe: post.probe.id.clone(),
            location: post.location.id.clone(),
            first_slot_at: first,
            slots,
            interval_us: post.slots.interval_us(),
            gap,
        });
        let _ = self.reports.send(report).await;
    }

    fn start(&self, post: &Post, kind: CheckKind, at: Timestamp) {
        let lane = &self.lanes[post.lane];
        let (clock, budget) = (lane.setting.clock.clone(), Arc::clone(&lane.budget));
        let line = Arc::clone(&post.line).try_acquire_owned();
        let permit = match kind {
            CheckKind::Slot => Some(Arc::clone(&lane.slots).try_acquire_owned()),
            CheckKind::Confirmation if line.is_err() => return,
            CheckKind::Confirmation if !lock(&budget).take(clock.monotonic()) => return,
            CheckKind::Confirmation => None,
        };
        let (setting, probe) = (Arc::clone(&lane.setting), Arc::clone(&post.probe));
        let (location, reports) = (post.location.clone(), self.reports.clone());
        let (vigil, metrics) = (Arc::clone(&self.vigil), Arc::clone(&self.metrics));
        let networks = Arc::clone(&self.networks);
        let interval_us = post.slots.interval_us();
        self.tasks.spawn(async move {
            let check = match (&line, &permit) {
                (Err(_), _) => not_run(&probe, &location, (at, "from this location")),
                (_, Some(Err(_))) => not_run(&probe, &location, (at, "against this target")),
                _ => {
                    if kind == CheckKind::Slot {
                        let late = Duration::try_from(clock.now().duration_since(at));
                        metrics.record_lateness(late.unwrap_or_default());
                    }
                    let mark = vigil.mark();
                    // On the heap from the start: a task is moved three times when it is spawned.
                    let check = Box::pin(run(&setting, &probe, &location, kind, at)).await;
                    let check = vigil.judged(mark, check, probe.objectives.latency);
                    networks.judged(check, &location).await
                }
            };
            let allowed = {
                let mut budget = lock(&budget);
                budget.learn(check.outcome, clock.monotonic());
                if kind == CheckKind::Confirmation {
                    budget.give_back();
                }
                budget.allowed()
            };
            metrics.set_confirmation_budget(&check.target, allowed);
            drop((line, permit));
            // When nobody listens any more the service is stopping.
            let _ = reports.send(Report::Check { check, interval_us }).await;
        });
    }
}

fn lock(budget: &Mutex<Budget>) -> MutexGuard<'_, Budget> {
    budget.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A slot that could not start because a bound on runs was reached: our own doing.
fn not_run(probe: &Probe, location: &Location, (slot_at, bound): (Timestamp, &str)) -> Check {
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
            detail: format!("as many runs {bound} as there may be were under way already"),
        }),
    }
}
