//! Keeps a receiver that does not answer from delaying everybody else.
//!
//! After a failure it is left alone for a while that doubles up to a limit; then one attempt shows
//! whether it is back. It must not know what it guards.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// The first pause: long enough that a burst of notices does not wait for timeout after timeout.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause: a receiver that is back is used again within a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Breaker {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures_in_row: u32,
    /// Monotonic; closed when none or in the past.
    open_until: Option<Duration>,
}

impl Breaker {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Whether an attempt may be made now. While a first attempt after a pause is under way,
    /// others are held back for the shortest pause.
    pub fn may_try(&self) -> bool {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        match state.open_until {
            Some(until) if until > now => false,
            Some(_) => {
                state.open_until = Some(now.saturating_add(FIRST_PAUSE));
                true
            }
            None => true,
        }
    }

    /// The receiver talked to us.
    pub fn succeeded(&self) {
        *self.lock() = State::default();
    }

    /// The receiver could not be used.
    pub fn failed(&self) {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let pause = FIRST_PAUSE.saturating_mul(1 << state.failures_in_row.min(8));
        state.failures_in_row = state.failures_in_row.saturating_add(1);
        state.open_until = Some(now.saturating_add(pause.min(LONGEST_PAUSE)));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_with_the_first_answer() {
        let mut now: jiff::Timestamp = "2023-03-01T09:00:00Z".parse().unwrap();
        let clock = Clock::manual(now);
        let breaker = Breaker::new(clock.clone());
        for pause_s in [10, 20, 40, 60, 60] {
            assert!(breaker.may_try());
            breaker.failed();
            now += Duration::from_secs(pause_s - 1);
            clock.set(now);
            assert!(!breaker.may_try(), "before {pause_s} s");
            now += Duration::from_secs(1);
            clock.set(now);
        }
        assert!(breaker.may_try());
        assert!(!breaker.may_try(), "one attempt shows whether it is back");
        breaker.succeeded();
        assert!(breaker.may_try() && breaker.may_try());
    }
}
