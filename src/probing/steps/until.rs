//! Asking again until what is expected holds: how long something takes to cross an interface.

use std::time::Duration;

use super::Fault;
use crate::clock::Stopwatch;
use crate::domain::check::{FailureReason, Outcome, StepTiming};
use crate::domain::step::Until;

/// A step that is being repeated.
#[derive(Debug)]
pub struct Waiting {
    until: Until,
    /// Whether it asks for a page: one that is not there yet says so by its status.
    is_page: bool,
    watch: Stopwatch,
}

/// What follows from a try.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Ended(Result<(), Fault>),
    /// Ask again after this pause.
    Again(Duration),
}

impl Waiting {
    #[must_use]
    pub fn begin(until: Until, is_page: bool) -> Self {
        Self { until, is_page, watch: Stopwatch::start() }
    }

    /// Since the first try began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Whether to ask again: only for what is not there yet. A system that cannot be reached is
    /// not waited for; what still is not there in the end is stale.
    #[must_use]
    pub fn after(&self, tried: Result<(), Fault>) -> Next {
        self.next(tried, self.watch.elapsed())
    }

    fn next(&self, tried: Result<(), Fault>, elapsed: Duration) -> Next {
        let Until { interval, at_most } = self.until;
        match tried {
            Err(fault) if !self.is_not_there_yet(&fault) => Next::Ended(Err(fault)),
            Err(fault) if elapsed + interval > at_most => Next::Ended(Err(stale(fault, at_most))),
            Err(_) => Next::Again(interval),
            Ok(()) => Next::Ended(Ok(())),
        }
    }

    /// A query that a database refuses is wrong, and stays so.
    fn is_not_there_yet(&self, fault: &Fault) -> bool {
        use FailureReason::{Capture, Content, Status};
        match fault.outcome {
            Outcome::Failed(Content | Capture) => true,
            Outcome::Failed(Status) => self.is_page,
            _ => false,
        }
    }
}

/// Every try of a step as one: from the first one's start to the last one's end.
#[must_use]
pub fn as_one(tries: &[StepTiming]) -> Option<StepTiming> {
    let (first, last) = (tries.first()?, tries.last()?);
    let end_us = last.offset_us + last.total_us;
    let total_us = end_us.saturating_sub(first.offset_us);
    Some(StepTiming { offset_us: first.offset_us, total_us, ..last.clone() })
}

fn stale(fault: Fault, at_most: Duration) -> Fault {
    let detail = format!("did not appear within {} ms: {}", at_most.as_millis(), fault.detail);
    Fault { outcome: Outcome::Failed(FailureReason::Stale), detail, ..fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: FailureReason) -> Result<(), Fault> {
        Err(Fault::new(Outcome::Failed(reason), "expected status 200, got 404"))
    }

    #[test]
    fn what_is_not_there_is_waited_for_and_stale_in_the_end() {
        let second = Duration::from_secs(1);
        let waiting = Waiting::begin(Until { interval: second, at_most: 20 * second }, true);
        assert_eq!(waiting.next(Ok(()), second), Next::Ended(Ok(())));
        assert_eq!(waiting.next(failed(FailureReason::Status), second), Next::Again(second));
        let Next::Ended(Err(fault)) = waiting.next(failed(FailureReason::Content), 20 * second)
        else {
            panic!("it goes on waiting");
        };
        assert_eq!(fault.outcome, Outcome::Failed(FailureReason::Stale));
        assert!(fault.detail.starts_with("did not appear within 20000 ms"), "{}", fault.detail);
        let refused = failed(FailureReason::Refused);
        assert_eq!(waiting.next(refused.clone(), second), Next::Ended(refused));
        let (query, wrong) = (Waiting { is_page: false, ..waiting }, failed(FailureReason::Status));
        assert_eq!(query.next(wrong.clone(), second), Next::Ended(wrong), "a wrong query");
    }
}
