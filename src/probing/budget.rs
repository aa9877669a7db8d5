//! How much a target is asked beyond its slots: confirmations have a budget that gives way when
//! the target struggles, so that suspicion never adds to an outage.
//!
//! The rule is additive increase, multiplicative decrease. The budget is the number of
//! confirmations that may be in flight at once and be started in one second. Every five seconds:
//! when at least four runs ended and half of them were strained — slow, timed out, cut or answered
//! with an error — it is halved, down to one; otherwise it grows by four, up to thirty-two. Slots
//! are the promise and are not thinned: they are bounded in flight alone. Pure: given the time.

use std::time::Duration;

use crate::domain::check::{FailureReason, Outcome};

/// Most confirmations of one target in flight, and started in a second.
pub const MOST: usize = 32;
const LEAST: usize = 1;
const GROWTH: usize = 4;
const REVIEW_INTERVAL: Duration = Duration::from_secs(5);
/// Fewer runs than this say nothing of the target's strain.
const TELLING_RUNS: u32 = 4;
const SECOND: Duration = Duration::from_secs(1);

/// The budget of one target. Times are monotonic.
#[derive(Debug)]
pub struct Budget {
    allowed: usize,
    in_flight: usize,
    second_began_at: Duration,
    started: usize,
    reviewed_at: Duration,
    ended: u32,
    strained: u32,
}

impl Budget {
    #[must_use]
    pub fn new(now: Duration) -> Self {
        Self {
            allowed: MOST,
            in_flight: 0,
            second_began_at: now,
            started: 0,
            reviewed_at: now,
            ended: 0,
            strained: 0,
        }
    }

    /// Takes the right to one confirmation, if there is one; [`Budget::give_back`] ends it.
    pub fn take(&mut self, now: Duration) -> bool {
        self.review(now);
        if now.saturating_sub(self.second_began_at) >= SECOND {
            (self.second_began_at, self.started) = (now, 0);
        }
        let free = self.in_flight < self.allowed && self.started < self.allowed;
        if free {
            self.in_flight += 1;
            self.started += 1;
        }
        free
    }

    pub fn give_back(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Learns from a run of the target that ended, slots included.
    pub fn learn(&mut self, outcome: Outcome, now: Duration) {
        self.review(now);
        match outcome {
            Outcome::Passed => self.ended += 1,
            Outcome::Slow => self.strain(),
            Outcome::Failed(reason) if is_strain(reason) => self.strain(),
            Outcome::Failed(_) => self.ended += 1,
            Outcome::Inconclusive(_) | Outcome::Missed => {}
        }
    }

    #[must_use]
    pub fn allowed(&self) -> usize {
        self.allowed
    }

    fn strain(&mut self) {
        self.ended += 1;
        self.strained += 1;
    }

    fn review(&mut self, now: Duration) {
        if now.saturating_sub(self.reviewed_at) < REVIEW_INTERVAL {
            return;
        }
        let struggles = self.ended >= TELLING_RUNS && self.strained * 2 >= self.ended;
        self.allowed = if struggles {
            (self.allowed / 2).max(LEAST)
        } else {
            (self.allowed + GROWTH).min(MOST)
        };
        (self.reviewed_at, self.ended, self.strained) = (now, 0, 0);
    }
}

/// Failures that more requests would make worse. A closed port or a wrong page costs it nothing.
fn is_strain(reason: FailureReason) -> bool {
    use FailureReason::{ConnectTimeout, Reset, Status, Timeout};
    matches!(reason, ConnectTimeout | Reset | Status | Timeout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: Outcome = Outcome::Failed(FailureReason::Timeout);

    /// The budget after each of so many reviews with ten runs between them.
    fn reviewed(budget: &mut Budget, from: u64, outcome: Outcome, reviews: u64) -> Vec<usize> {
        let mut seen = Vec::new();
        for review in 0..reviews {
            let now = Duration::from_secs(5 * (from + review));
            (0..10).for_each(|_| budget.learn(outcome, now));
            let next = now + Duration::from_secs(5);
            if budget.take(next) {
                budget.give_back();
            }
            seen.push(budget.allowed());
        }
        seen
    }

    #[test]
    fn it_halves_under_strain_and_grows_back() {
        let mut budget = Budget::new(Duration::ZERO);
        assert_eq!(reviewed(&mut budget, 0, TIMEOUT, 6), [16, 8, 4, 2, 1, 1]);
        assert_eq!(
            reviewed(&mut budget, 6, Outcome::Passed, 9),
            [5, 9, 13, 17, 21, 25, 29, 32, 32]
        );
        let refused = Outcome::Failed(FailureReason::Refused);
        assert_eq!(reviewed(&mut budget, 15, refused, 2), [32, 32]);
    }

    proptest! {
        #[test]
        fn never_more_in_flight_nor_in_a_second_than_allowed(
            events in proptest::collection::vec((0_u8..4, 0_u64..300), 1..400),
        ) {
            let mut budget = Budget::new(Duration::ZERO);
            let (mut now, mut in_flight) = (Duration::ZERO, 0_usize);
            let mut started: Vec<Duration> = Vec::new();
            for (event, pause_ms) in events {
                now += Duration::from_millis(pause_ms);
                match event {
                    0 | 1 => if budget.take(now) {
                        in_flight += 1;
                        started.push(now);
                    },
                    2 => if in_flight > 0 {
                        budget.give_back();
                        in_flight -= 1;
                    },
                    _ => budget.learn(TIMEOUT, now),
                }
                prop_assert!(in_flight <= MOST);
                let late = started.iter().filter(|at| now.saturating_sub(**at) < SECOND).count();
                // Two seconds that touch may each have been used up.
                prop_assert!(late <= 2 * MOST);
            }
        }
    }
}
