//! Watches over the prober itself: an event loop that stalls, a clock that is stepped, a machine
//! that slept. What happened meanwhile says nothing of the target.
//!
//! The rule, for a check that ran through it:
//! - the wall clock moved by more than 500 ms against the monotonic one: *inconclusive (clock)*, or
//!   *inconclusive (prober)* when that is how long the machine was suspended;
//! - the loop stalled for at least 250 ms and a twentieth of the run, and the check failed by time
//!   or a cut connection: *inconclusive (prober)*;
//! - it was slow, and would not have been without our own delays: *inconclusive (prober)*.
//!
//! What the target said for itself, a status or a wrong page, stands. It must not look at a target.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::clock::{Clock, Stopwatch};
use crate::domain::check::{Check, Evidence, FailureReason, Gap, InconclusiveReason, Outcome};
use crate::telemetry::metrics::Metrics;

/// How often it is looked.
const TICK: Duration = Duration::from_millis(100);
/// A tick that comes later than this is a stall.
const STALL: Duration = Duration::from_millis(250);
/// A wall clock that moved by more than this was stepped; less is what keeping time does to it.
const STEP: SignedDuration = SignedDuration::from_millis(500);
/// A slot that went by is put down to what moved the clock so long ago at most.
const RECENT: Duration = Duration::from_secs(2);
/// A stall counts when the run spent at least this part of its time in it.
const TELLING_PART: u32 = 20;

/// What is watched, shared by everything that runs probes.
#[derive(Debug)]
pub struct Vigil {
    clock: Clock,
    /// Real time, whatever the clock is.
    watch: Stopwatch,
    seen: Mutex<Seen>,
    moved: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// When it was last looked; none before it is kept.
    at: Option<Duration>,
    /// What the wall clock read when the monotonic one was zero.
    origin: Timestamp,
    stalled: Duration,
    stalls: u64,
    steps: u64,
    /// How long the machine was suspended so far, and how often.
    asleep: Duration,
    suspends: u64,
    /// When the wall clock last moved by itself, and why.
    moved: Option<(Duration, Gap)>,
}

/// A moment to which a disturbance is reckoned from.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: Duration,
    stalled: Duration,
    steps: u64,
    suspends: u64,
}

/// What disturbed a run, and what it might have been without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Disturbance {
    ran: Duration,
    stalled: Duration,
    clock_stepped: bool,
    suspended: bool,
}

impl Vigil {
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        let origin = origin(&clock);
        let seen = Seen {
            at: None,
            origin,
            stalled: Duration::ZERO,
            stalls: 0,
            steps: 0,
            asleep: clock.asleep(),
            suspends: 0,
            moved: None,
        };
        let (seen, moved) = (Mutex::new(seen), Notify::new());
        Arc::new(Self { clock, watch: Stopwatch::start(), seen, moved })
    }

    /// Looks for ever, and counts what it sees.
    pub async fn keep(self: Arc<Self>, metrics: Arc<Metrics>) {
        let mut before = self.look();
        loop {
            tokio::time::sleep(TICK).await;
            let seen = self.look();
            metrics.record_stalls(seen.stalls - before.stalls);
            metrics.record_clock_steps(seen.steps - before.steps);
            metrics.record_suspends(seen.suspends - before.suspends);
            before = seen;
        }
    }

    /// Waits until the clock was stepped or the machine was suspended: what was planned by the
    /// clock has to be planned anew.
    pub async fn clock_moved(&self) {
        self.moved.notified().await;
    }

    /// Why nobody was there for slots that are found to have gone by just now.
    #[must_use]
    pub fn gap(&self) -> Gap {
        let seen = self.seen();
        let moved = seen.moved.filter(|(at, _)| self.watch.elapsed().saturating_sub(*at) < RECENT);
        moved.map_or(Gap::Stalled, |(_, gap)| gap)
    }

    /// The beginning of a run.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let Seen { stalled, steps, suspends, .. } = self.seen();
        Mark { at: self.watch.elapsed(), stalled, steps, suspends }
    }

    /// A check as it counts: without what we did to it ourselves.
    #[must_use]
    pub fn judged(&self, mark: Mark, check: Check, objective: Option<Duration>) -> Check {
        let seen = self.seen();
        let disturbance = Disturbance {
            ran: self.watch.elapsed().saturating_sub(mark.at),
            stalled: seen.stalled.saturating_sub(mark.stalled),
            clock_stepped: seen.steps != mark.steps,
            suspended: seen.suspends != mark.suspends,
        };
        judged(check, objective, disturbance)
    }

    /// What was seen until now, where it is kept.
    fn seen(&self) -> Seen {
        let seen = *self.lock();
        if seen.at.is_some() { self.look() } else { seen }
    }

    /// Notes what happened since the last look. Runs look too when they end: after a freeze they
    /// may come before the tick that is late.
    fn look(&self) -> Seen {
        let mut seen = self.lock();
        let at = self.watch.elapsed();
        let late = seen.at.map_or(Duration::ZERO, |before| at.saturating_sub(before + TICK));
        if late > STALL {
            seen.stalled += late;
            seen.stalls += 1;
            let stalled_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(stalled_ms, "Holdfast stood still: failures meanwhile do not count");
        }
        seen.at = Some(at);
        // The suspension is read first: one that begins in between is told at the next look.
        let asleep = self.clock.asleep();
        let origin = origin(&self.clock);
        let slept = SignedDuration::try_from(asleep.saturating_sub(seen.asleep));
        let slept = slept.unwrap_or(SignedDuration::MAX);
        let stepped = origin.duration_since(seen.origin).saturating_sub(slept);
        if stepped.abs() > STEP {
            seen.steps += 1;
            let stepped_ms = i64::try_from(stepped.as_millis()).unwrap_or(i64::MAX);
            tracing::warn!(stepped_ms, "the clock was stepped: checks meanwhile do not count");
            seen.moved = Some((at, Gap::Stepped));
        }
        if slept > STEP {
            seen.suspends += 1;
            let slept_ms = i64::try_from(slept.as_millis()).unwrap_or(i64::MAX);
            tracing::warn!(slept_ms, "this machine was suspended: checks meanwhile do not count");
            seen.moved = Some((at, Gap::Asleep));
        }
        if seen.moved.is_some_and(|(moved_at, _)| moved_at == at) {
            self.moved.notify_one();
        }
        // Slow drift is followed: keeping time is no step.
        (seen.origin, seen.asleep) = (origin, asleep);
        *seen
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the wall clock read when the monotonic one was zero.
fn origin(clock: &Clock) -> Timestamp {
    let (now, since) = (clock.now(), clock.monotonic());
    now.checked_sub(since).unwrap_or(now)
}

fn judged(check: Check, objective: Option<Duration>, disturbance: Disturbance) -> Check {
    use FailureReason::{ConnectTimeout, Dns, Reset, Timeout};
    let Disturbance { ran, stalled, clock_stepped, suspended } = disturbance;
    if clock_stepped {
        let detail = "the clock was stepped while it ran";
        return ours(check, InconclusiveReason::Clock, detail.to_owned());
    }
    if suspended {
        let detail = "this machine was suspended while it ran";
        return ours(check, InconclusiveReason::Prober, detail.to_owned());
    }
    let latency = Duration::from_millis(check.latency_ms.into());
    let late = latency.saturating_sub(ran);
    let told = match check.outcome {
        Outcome::Failed(Timeout | ConnectTimeout | Dns | Reset) => {
            stalled > STALL && stalled >= ran / TELLING_PART
        }
        Outcome::Slow => {
            let own = late + stalled;
            own > STALL
                && objective.is_some_and(|objective| latency - own.min(latency) <= objective)
        }
        _ => false,
    };
    if !told {
        return check;
    }
    let (late_ms, stalled_ms) = (late.as_millis(), stalled.as_millis());
    let detail = format!(
        "Holdfast itself began {late_ms} ms late and stood still for {stalled_ms} ms; it would \
         have been: {}",
        check.outcome.class()
    );
    ours(check, InconclusiveReason::Prober, detail)
}

/// A check that says nothing of the target.
fn ours(check: Check, reason: InconclusiveReason, detail: String) -> Check {
    let before = check.evidence;
    let step = before.as_ref().and_then(|seen| seen.step.clone());
    let address = before.and_then(|seen| seen.address);
    let evidence = Some(Evidence { step, address, detail });
    Check { outcome: Outcome::Inconclusive(reason), evidence, ..check }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::CheckKind;
    use crate::domain::ids::{LocationId, ProbeId, TargetId};

    fn check(outcome: Outcome, latency_ms: u32) -> Check {
        let slot_at = "2023-03-01T09:00:00Z".parse().unwrap();
        Check {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("search").unwrap(),
            location: LocationId::new("noarlunga").unwrap(),
            kind: CheckKind::Slot,
            slot_at,
            finished_at: slot_at,
            latency_ms,
            outcome,
            steps: Vec::new(),
            evidence: None,
        }
    }

    #[test]
    fn our_own_delays_are_no_failure_of_the_target() {
        use FailureReason::{Status, Timeout};
        let ms = Duration::from_millis;
        let prober = Outcome::Inconclusive(InconclusiveReason::Prober);
        let (timeout, status) = (Outcome::Failed(Timeout), Outcome::Failed(Status));
        for (outcome, latency_ms, ran, stalled, expected) in [
            (timeout, 10_000, 10_000, 0, timeout),
            (timeout, 10_000, 10_000, 300, timeout),
            (timeout, 10_000, 10_000, 600, prober),
            (timeout, 30_000, 30_000, 29_000, prober),
            (status, 30_000, 30_000, 29_000, status),
            (Outcome::Passed, 30_000, 30_000, 29_000, Outcome::Passed),
            (Outcome::Slow, 3_100, 3_100, 200, Outcome::Slow),
            (Outcome::Slow, 3_100, 3_100, 300, prober),
            (Outcome::Slow, 6_000, 1_000, 0, prober),
            (Outcome::Slow, 6_000, 4_000, 0, Outcome::Slow),
        ] {
            let disturbance =
                Disturbance { ran: ms(ran), stalled: ms(stalled), ..Disturbance::default() };
            let told = judged(check(outcome, latency_ms), Some(ms(3_000)), disturbance);
            assert_eq!(told.outcome, expected, "{outcome:?} {latency_ms} {ran} {stalled}");
        }
        let stepped = Disturbance { clock_stepped: true, ..Disturbance::default() };
        let told = judged(check(Outcome::Passed, 100), None, stepped);
        assert_eq!(told.outcome, Outcome::Inconclusive(InconclusiveReason::Clock));
    }

    #[tokio::test]
    async fn a_stepped_clock_is_noticed_by_whoever_runs_and_whoever_plans() {
        let clock = Clock::manual("2023-03-01T09:00:00Z".parse().unwrap());
        let vigil = Vigil::new(clock.clone());
        let metrics = Arc::new(Metrics::new(&Default::default()).unwrap());
        let keeping = tokio::spawn(Arc::clone(&vigil).keep(Arc::clone(&metrics)));
        tokio::task::yield_now().await;
        let quiet = vigil.mark();
        clock.set(clock.now() + SignedDuration::from_secs(60));
        let passed = vigil.judged(quiet, check(Outcome::Passed, 100), None);
        assert_eq!(passed.outcome, Outcome::Passed, "time that passes is no step");
        let before = vigil.mark();
        clock.step(SignedDuration::from_millis(-700));
        let stepped = vigil.judged(before, check(Outcome::Passed, 100), None);
        assert_eq!(stepped.outcome, Outcome::Inconclusive(InconclusiveReason::Clock));
        tokio::time::timeout(Duration::from_secs(5), vigil.clock_moved()).await.unwrap();
        assert_eq!(vigil.gap(), Gap::Stepped);
        keeping.abort();
    }

    #[tokio::test]
    async fn a_suspended_machine_is_told_apart_from_a_stepped_clock() {
        let clock = Clock::manual("2023-03-01T09:00:00Z".parse().unwrap());
        let vigil = Vigil::new(clock.clone());
        let metrics = Arc::new(Metrics::new(&Default::default()).unwrap());
        let keeping = tokio::spawn(Arc::clone(&vigil).keep(Arc::clone(&metrics)));
        tokio::task::yield_now().await;
        assert_eq!(vigil.gap(), Gap::Stalled, "nothing else is known");
        let before = vigil.mark();
        clock.suspend(Duration::from_secs(600));
        let slept = vigil.judged(before, check(Outcome::Passed, 100), None);
        assert_eq!(slept.outcome, Outcome::Inconclusive(InconclusiveReason::Prober));
        assert!(slept.evidence.unwrap().detail.contains("suspended"));
        assert_eq!(vigil.gap(), Gap::Asleep);
        tokio::time::timeout(Duration::from_secs(5), vigil.clock_moved()).await.unwrap();
        // Both at once: the clock was also wrong when it woke.
        clock.suspend(Duration::from_secs(60));
        clock.step(SignedDuration::from_secs(-30));
        let Seen { steps, suspends, .. } = vigil.seen();
        assert_eq!((steps, suspends), (1, 2));
        let shown = || {
            let text = metrics.render().unwrap();
            ["holdfast_suspends_total 2", "holdfast_clock_steps_total 1"]
                .iter()
                .all(|line| text.contains(line))
        };
        let counted = async {
            while !shown() {
                tokio::time::sleep(TICK).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), counted).await.unwrap();
        keeping.abort();
    }
}
