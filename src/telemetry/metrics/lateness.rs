//! How late runs start, in full resolution: quantiles of the last minutes, which the limits of a
//! Prometheus histogram cannot tell.
//!
//! It must not ask for the time: whoever goes round says when a minute is over.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use jiff::{SignedDuration, Timestamp};

/// Lateness beyond this is a slot that is not run any more.
const MOST_US: u64 = 60_000_000;
/// A thousandth of the value is told apart.
const DIGITS: u8 = 3;
const TURN: SignedDuration = SignedDuration::from_mins(1);

/// The lateness of the starts of the last one to two minutes.
#[derive(Debug)]
pub struct Recent(Mutex<Minutes>);

#[derive(Debug)]
struct Minutes {
    began_at: Option<Timestamp>,
    this: Histogram<u32>,
    last: Histogram<u32>,
}

impl Default for Recent {
    fn default() -> Self {
        let empty = || {
            let histogram = Histogram::new_with_bounds(1, MOST_US, DIGITS);
            histogram.expect("the bounds are in order and the digits at most five")
        };
        Self(Mutex::new(Minutes { began_at: None, this: empty(), last: empty() }))
    }
}

impl Recent {
    pub fn record(&self, lateness: std::time::Duration) {
        let late_us = u64::try_from(lateness.as_micros()).unwrap_or(u64::MAX);
        self.lock().this.saturating_record(late_us);
    }

    /// Forgets the minute before the last one when another is over.
    pub fn turn(&self, now: Timestamp) {
        let mut minutes = self.lock();
        let began_at = *minutes.began_at.get_or_insert(now);
        // A clock that was set back begins another minute as well.
        if now.duration_since(began_at).abs() < TURN {
            return;
        }
        let Minutes { this, last, .. } = &mut *minutes;
        std::mem::swap(this, last);
        this.reset();
        minutes.began_at = Some(now);
    }

    /// The lateness in seconds that so many of a hundred starts were within; 0 without any.
    #[must_use]
    pub fn percentiles<const N: usize>(&self, percents: [f64; N]) -> [f64; N] {
        let minutes = self.lock();
        let mut both = minutes.this.clone();
        // Their bounds are the same, so that one takes the other's values.
        let _ = both.add(&minutes.last);
        drop(minutes);
        percents.map(|percent| {
            let late_us = both.value_at_percentile(percent);
            std::time::Duration::from_micros(late_us).as_secs_f64()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Minutes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn quantiles_are_of_the_last_minutes_and_exact_to_a_thousandth() {
        let at = |second: i64| Timestamp::from_second(1_677_661_200 + second).unwrap();
        let recent = Recent::default();
        assert_eq!(recent.percentiles([50.0, 100.0]), [0.0, 0.0]);
        recent.turn(at(0));
        (1..=1_000).for_each(|ms| recent.record(Duration::from_millis(ms)));
        let near = |told: f64, expected: f64| {
            assert!((told - expected).abs() <= expected / 1_000.0, "{told} is not {expected}");
        };
        let [half, most, all] = recent.percentiles([50.0, 99.0, 100.0]);
        near(half, 0.5);
        near(most, 0.99);
        near(all, 1.0);
        recent.turn(at(59));
        recent.record(Duration::from_secs(5));
        recent.turn(at(60));
        (0..10_000).for_each(|_| recent.record(Duration::from_millis(2)));
        near(recent.percentiles([50.0])[0], 0.002);
        near(recent.percentiles([100.0])[0], 5.0);
        recent.turn(at(120));
        near(recent.percentiles([100.0])[0], 0.002);
        recent.turn(at(180));
        assert_eq!(recent.percentiles([100.0]), [0.0], "two minutes without a start");
    }
}
