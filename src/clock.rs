//! The only place that asks the system for the time.
//!
//! A [`Clock`] is an argument everywhere else, so that tests move time by hand. It gives wall-clock
//! instants (for what is recorded), a monotonic reading (for durations) and waiting. It must not
//! know what anybody waits for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

/// Now, monotonic and waiting; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System { origin: Instant, booted_before: Duration },
    Manual(Arc<Manual>),
}

#[derive(Debug)]
struct Manual {
    now: watch::Sender<Timestamp>,
    /// What the wall clock read when the monotonic reading was zero; a step moves it.
    started_at: Mutex<Timestamp>,
    asleep: Mutex<Duration>,
    /// Instants somebody waits for, so that a test can step from deadline to deadline.
    deadlines: Mutex<Vec<Timestamp>>,
}

impl Clock {
    /// The machine's own clock.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn system() -> Self {
        Self(Kind::System { origin: Instant::now(), booted_before: since_boot() })
    }

    /// A clock that moves only when [`Clock::set`] is called.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        let (now, _) = watch::channel(start);
        Self(Kind::Manual(Arc::new(Manual {
            now,
            started_at: Mutex::new(start),
            asleep: Mutex::default(),
            deadlines: Mutex::new(Vec::new()),
        })))
    }

    /// The wall-clock instant now, in whole microseconds: what is kept can then be what is held.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System { .. } => {
                let now = Timestamp::now();
                Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
            }
            Kind::Manual(manual) => *manual.now.borrow(),
        }
    }

    /// Time since this clock was made, which no step of the wall clock moves.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Kind::System { origin, .. } => origin.elapsed(),
            Kind::Manual(manual) => {
                let now = *manual.now.borrow();
                let started_at = manual.started_at.lock().unwrap_or_else(PoisonError::into_inner);
                Duration::try_from(now.duration_since(*started_at)).unwrap_or_default()
            }
        }
    }

    /// How long this machine was suspended since this clock was made: no monotonic time passed, and
    /// the wall clock went on.
    #[must_use]
    pub fn asleep(&self) -> Duration {
        match &self.0 {
            Kind::System { origin, booted_before } => {
                since_boot().saturating_sub(*booted_before).saturating_sub(origin.elapsed())
            }
            Kind::Manual(manual) => *manual.asleep.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Waits until the wall clock reads `deadline` or later. Cancel-safe.
    ///
    /// The system clock is looked at again at least every second, so that a stepped clock or a
    /// suspended machine is noticed within that.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match &self.0 {
            Kind::System { .. } => loop {
                let left = Duration::try_from(deadline.duration_since(self.now()));
                match left {
                    Ok(left) if !left.is_zero() => {
                        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
                    }
                    _ => return,
                }
            },
            Kind::Manual(manual) => {
                let mut now = manual.now.subscribe();
                if *now.borrow() < deadline {
                    manual.lock_deadlines().push(deadline);
                }
                // The sender lives as long as the clock, so waiting cannot fail.
                let _ = now.wait_for(|now| *now >= deadline).await;
            }
        }
    }

    /// Waits for `length`: on the machine's clock whatever the wall clock is set to meanwhile.
    pub async fn sleep(&self, length: Duration) {
        if let Kind::System { .. } = self.0 {
            return tokio::time::sleep(length).await;
        }
        let deadline = self.now().checked_add(length).unwrap_or(Timestamp::MAX);
        self.sleep_until(deadline).await;
    }

    /// Moves a manual clock; the system clock does not follow orders.
    pub fn set(&self, now: Timestamp) {
        if let Kind::Manual(manual) = &self.0 {
            manual.lock_deadlines().retain(|deadline| *deadline > now);
            manual.now.send_replace(now);
        }
    }

    /// Steps a manual clock's wall time, as somebody does who sets a machine's clock.
    pub fn step(&self, by: jiff::SignedDuration) {
        if let Kind::Manual(manual) = &self.0 {
            let mut started_at = manual.started_at.lock().unwrap_or_else(PoisonError::into_inner);
            *started_at = started_at.checked_add(by).unwrap_or(*started_at);
            drop(started_at);
            let now = self.now();
            self.set(now.checked_add(by).unwrap_or(now));
        }
    }

    /// Suspends the machine of a manual clock for so long.
    pub fn suspend(&self, length: Duration) {
        if let Kind::Manual(manual) = &self.0 {
            *manual.asleep.lock().unwrap_or_else(PoisonError::into_inner) += length;
            self.step(jiff::SignedDuration::try_from(length).unwrap_or_default());
        }
    }

    /// The earliest instant somebody waits for on a manual clock.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        match &self.0 {
            Kind::System { .. } => None,
            Kind::Manual(manual) => manual.lock_deadlines().iter().min().copied(),
        }
    }
}

/// Time since the machine started, that in which it was suspended included.
fn since_boot() -> Duration {
    let read = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(read).unwrap_or_default()
}

impl Manual {
    fn lock_deadlines(&self) -> std::sync::MutexGuard<'_, Vec<Timestamp>> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures how long something took, on the machine's monotonic time whatever the clock is: I/O
/// does not slow down because a test moves the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Whole microseconds since the start.
    #[must_use]
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_whoever_waits() {
        let start: Timestamp = "2023-03-01T09:00:00Z".parse().unwrap();
        let clock = Clock::manual(start);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(5)).await }
        });
        tokio::task::yield_now().await;
        let deadline = start + Duration::from_secs(5);
        assert_eq!(clock.next_deadline(), Some(deadline));
        clock.set(deadline);
        waiting.await.unwrap();
        assert_eq!(clock.monotonic(), Duration::from_secs(5));
    }
}
