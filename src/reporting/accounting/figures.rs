//! Three figures that are printed together, how sure they are, and whether a promise was kept.

use serde::{Deserialize, Serialize};

use super::Tally;

/// Quantile of the normal distribution for 95 %, both sides.
const Z: f64 = 1.959_963_984_540_054;
/// With less of the time known than this, known time alone proves nothing about the rest.
pub const LEAST_COVERAGE: f64 = 0.9;
/// Shares are kept to so many digits, and cut rather than rounded: 99.99999 % is not all.
const DIGITS: f64 = 1e6;

/// Availability, coverage and worst case, as shares of time between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Of known time; none when nothing is known.
    pub availability: Option<f64>,
    /// Of all time, how much is known.
    pub coverage: f64,
    /// Of all time, with everything unknown counted as down.
    pub worst_case: f64,
    /// Around the availability, as if checks were independent of one another.
    pub interval: Option<Interval>,
    /// Checks that the interval counts on.
    pub checks: u64,
}

/// Both ends of a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// Whether an objective was reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    Met,
    Missed,
    /// The interval holds the objective: so many checks in a period like this would decide.
    TooFewChecks {
        checks_needed: u64,
    },
    /// The availability is the objective itself, which no number of checks can tell apart.
    TooClose,
    /// Less than [`LEAST_COVERAGE`] of the time is known.
    TooLittleKnown,
}

impl Figures {
    #[must_use]
    pub fn new(tally: &Tally, checks: u64) -> Self {
        let (known, total) = (tally.known_us(), tally.total_us());
        let served = known - tally.failed_us;
        let availability = (known > 0).then(|| share(served, known));
        let interval = availability.filter(|_| checks > 0).map(|share| wilson(share, checks));
        Self {
            availability: availability.map(cut),
            coverage: cut(share(known, total)),
            worst_case: cut(share(served, total)),
            interval: interval.map(|ends| Interval {
                low: cut(ends.low),
                high: (ends.high * DIGITS).ceil() / DIGITS,
            }),
            checks,
        }
    }

    /// Whether `objective`, a share of known time, was reached.
    #[must_use]
    pub fn promise(&self, objective: f64) -> Promise {
        let Some(availability) = self.availability else { return Promise::TooLittleKnown };
        if self.coverage < LEAST_COVERAGE {
            let best_case = self.worst_case + 1.0 - self.coverage;
            let missed = best_case < objective;
            return if missed { Promise::Missed } else { Promise::TooLittleKnown };
        }
        match self.interval {
            Some(interval) if interval.low >= objective => Promise::Met,
            Some(interval) if interval.high < objective => Promise::Missed,
            _ => match checks_to_tell(availability, objective) {
                Some(checks_needed) => Promise::TooFewChecks { checks_needed },
                None => Promise::TooClose,
            },
        }
    }
}

/// The Wilson score interval at 95 %.
///
/// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
/// Journal of the American Statistical Association 22 (1927).
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "checks are counted in millions, not in 2^52")]
pub fn wilson(share: f64, checks: u64) -> Interval {
    let (n, z2) = (checks as f64, Z * Z);
    let middle = share + z2 / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Interval {
        low: ((middle - half) / scale).clamp(0.0, share),
        high: ((middle + half) / scale).clamp(share, 1.0),
    }
}

/// How many checks would tell `share` from `objective`: the Wilson interval holds the objective
/// exactly while `(share - objective)² ≤ z² · objective · (1 - objective) / n`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is positive and a float beyond the range becomes the largest integer"
)]
fn checks_to_tell(share: f64, objective: f64) -> Option<u64> {
    let apart = share - objective;
    let checks = Z * Z * objective * (1.0 - objective) / (apart * apart);
    checks.is_finite().then_some(checks.ceil() as u64)
}

#[allow(clippy::cast_precision_loss, reason = "a share of years in microseconds fits 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Cut to six digits; the small addend keeps 0.7 from becoming 0.699999.
fn cut(share: f64) -> f64 {
    (share * DIGITS + 1e-6).floor() / DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(up: u64, down: u64, unknown: u64) -> Tally {
        Tally { up_us: up, down_us: down, unknown_us: unknown, failed_us: down, ..Tally::default() }
    }

    #[test]
    fn unknown_time_is_neither_up_nor_hidden() {
        let figures = Figures::new(&tally(890, 10, 100), 900);
        assert_eq!(figures.availability, Some(0.988_888));
        assert_eq!((figures.coverage, figures.worst_case), (0.9, 0.89));
        let nothing = Figures::new(&tally(0, 0, 5), 0);
        assert_eq!((nothing.availability, nothing.coverage, nothing.interval), (None, 0.0, None));
    }

    #[test]
    fn the_interval_is_wilsons() {
        // Brown, Cai and DasGupta (2001) and every table: 8 of 10 gives 0.490 to 0.943.
        let ends = wilson(0.8, 10);
        assert!((ends.low - 0.490_16).abs() < 1e-4, "{ends:?}");
        assert!((ends.high - 0.943_32).abs() < 1e-4, "{ends:?}");
        let all = wilson(1.0, 100);
        assert!((all.low - 0.963_01).abs() < 1e-4 && (all.high - 1.0).abs() < 1e-12, "{all:?}");
    }

    #[test]
    fn a_promise_is_met_missed_or_not_provable() {
        let promise = |up, down, checks| Figures::new(&tally(up, down, 0), checks).promise(0.995);
        assert_eq!(promise(1_000, 0, 1_000), Promise::Met);
        assert_eq!(promise(900, 100, 1_000), Promise::Missed);
        // 0.995 · 0.005 · 3.8415 / 0.005² = 764.4…
        assert_eq!(promise(100, 0, 100), Promise::TooFewChecks { checks_needed: 765 });
        assert_eq!(promise(995, 5, 1_000), Promise::TooClose);
    }

    #[test]
    fn so_many_checks_do_prove_it() {
        for (share, objective) in [(1.0, 0.995), (0.999, 0.995), (0.99, 0.995), (0.92, 0.9)] {
            let needed = checks_to_tell(share, objective).unwrap();
            let proves = |checks| {
                let ends = wilson(share, checks);
                ends.low >= objective || ends.high < objective
            };
            assert!(proves(needed + 1) && !proves(needed - 1), "{share} {objective} {needed}");
        }
    }

    #[test]
    fn too_little_known_time_proves_nothing_but_a_miss() {
        assert_eq!(Figures::new(&tally(500, 0, 500), 500).promise(0.9), Promise::TooLittleKnown);
        assert_eq!(Figures::new(&tally(300, 200, 500), 500).promise(0.9), Promise::Missed);
        assert_eq!(Figures::new(&tally(0, 0, 500), 0).promise(0.9), Promise::TooLittleKnown);
    }
}
