//! Watches over the prober itself: an event loop that stalls, a clock that is stepped, a machine
//! that slept. What happened meanwhile says nothing of the target.
//!
//! The rule, for a check that ran through it:
//! - the wall clock moved by more than 500 ms against the monotonic one: *inconclusive (clock)*;
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
use crate::domain::check::{Check, Evidence, FailureReason, InconclusiveReason, Outcome};
use crate::telemetry::metrics::Metrics;

/// How often it is looked.
const TICK: Duration = Duration::from_millis(100);
/// A tick that comes later than this is a stall.
const STALL: Duration = Duration::from_millis(250);
/// A wall clock that moved by more than this was stepped; less is what keeping time does to it.
const STEP: SignedDuration = SignedDuration::from_millis(500);
/// A stall counts when the run spent at least this part of its time in it.
const TELLING_PART: u32 = 20;

/// What is watched, shared by everything that runs probes.
#[derive(Debug)]
pub struct Vigil {
    clock: Clock,
    /// Real time, whatever the clock is.
    watch: Stopwatch,
    seen: Mutex<Seen>,
    stepped: Notify,
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
}

/// A moment to which a disturbance is reckoned from.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: Duration,
    stalled: Duration,
    steps: u64,
}

/// What disturbed a run, and what it might have been without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Disturbance {
    ran: Duration,
    stalled: Duration,
    clock_stepped: bool,
}

impl Vigil {
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        let origin = origin(&clock);
        let seen = Seen { at: None, origin, stalled: Duration::ZERO, stalls: 0, steps: 0 };
        let (seen, stepped) = (Mutex::new(seen), Notify::new());
        Arc::new(Self { clock, watch: Stopwatch::start(), seen, stepped })
    }

    /// Looks for ever, and counts what it sees.
    pub async fn keep(self: Arc<Self>, metrics: Arc<Metrics>) {
        let mut before = self.look();
        loop {
            tokio::time::sleep(TICK).await;
            let seen = self.look();
            metrics.record_stalls(seen.stalls - before.stalls);
            metrics.record_clock_steps(seen.steps - before.steps);
            before = seen;
        }
    }

    /// Waits until the clock was stepped: what was planned by it has to be planned anew.
    pub async fn clock_stepped(&self) {
        self.stepped.notified().await;
    }

    /// The beginning of a run.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let seen = if self.is_kept() { self.look() } else { *self.lock() };
        Mark { at: self.watch.elapsed(), stalled: seen.stalled, steps: seen.steps }
    }

    /// A check as it counts: without what we did to it ourselves.
    #[must_use]
    pub fn judged(&self, mark: Mark, check: Check, objective: Option<Duration>) -> Check {
        let seen = if self.is_kept() { self.look() } else { *self.lock() };
        let disturbance = Disturbance {
            ran: self.watch.elapsed().saturating_sub(mark.at),
            stalled: seen.stalled.saturating_sub(mark.stalled),
            clock_stepped: seen.steps != mark.steps,
        };
        judged(check, objective, disturbance)
    }

    fn is_kept(&self) -> bool {
        self.lock().at.is_some()
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
        let origin = origin(&self.clock);
        let moved = origin.duration_since(seen.origin);
        if moved.abs() > STEP {
            seen.steps += 1;
            let moved_ms = i64::try_from(moved.as_millis()).unwrap_or(i64::MAX);
            tracing::warn!(moved_ms, "the clock was stepped, or this machine slept");
            self.stepped.notify_one();
        }
        // Slow drift is followed: keeping time is no step.
        seen.origin = origin;
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
    let Disturbance { ran, stalled, clock_stepped } = disturbance;
    if clock_stepped {
        let detail = "the clock was stepped while it ran";
        return ours(check, InconclusiveReason::Clock, detail.to_owned());
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
                Disturbance { ran: ms(ran), stalled: ms(stalled), clock_stepped: false };
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
        tokio::time::timeout(Duration::from_secs(5), vigil.clock_stepped()).await.unwrap();
        keeping.abort();
    }
}
