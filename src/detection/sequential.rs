//! The sequential test behind every verdict: CUSUM on the log-likelihood ratio.
//!
//! Source: E. S. Page, "Continuous Inspection Schemes", Biometrika 41 (1954); the bound on false
//! alarms, one in at least `exp(threshold)` samples, is G. Lorden's (Annals of Mathematical
//! Statistics 42, 1971).

use jiff::Timestamp;

/// Two hypotheses about how often a sample is bad, as the scores they give it.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    bad: f64,
    good: f64,
}

impl Scores {
    /// Scores for telling rate `alternative` from rate `normal`, both strictly between 0 and 1.
    #[must_use]
    pub fn telling(alternative: f64, normal: f64) -> Self {
        Self { bad: (alternative / normal).ln(), good: ((1.0 - alternative) / (1.0 - normal)).ln() }
    }

    fn of(self, bad: bool) -> f64 {
        if bad { self.bad } else { self.good }
    }
}

/// A running test: how much speaks for the alternative, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cusum {
    sum: f64,
    /// The first bad sample of the present excursion.
    onset: Option<Timestamp>,
}

impl Cusum {
    /// Takes a sample in.
    pub fn take(&mut self, scores: Scores, bad: bool, at: Timestamp) {
        self.sum = (self.sum + scores.of(bad)).max(0.0);
        if self.sum <= 0.0 {
            self.onset = None;
        } else if bad && self.onset.is_none() {
            self.onset = Some(at);
        }
    }

    #[must_use]
    pub fn crossed(&self, threshold: f64) -> bool {
        self.sum >= threshold
    }

    /// When the excursion began: before the alarm, which is detection, came the onset.
    #[must_use]
    pub fn onset(&self) -> Option<Timestamp> {
        self.onset
    }

    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.sum <= 0.0
    }

    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The threshold that gives at most one false alarm in `samples` normal samples.
#[must_use]
pub fn threshold(samples: f64) -> f64 {
    samples.max(std::f64::consts::E).ln()
}

/// Excursions rarer than this are not followed to their end.
const NEGLIGIBLE: f64 = 1e-18;

/// How many samples pass between two false alarms on average, when each is bad with this chance.
///
/// It is the mean of the test's own Markov chain, whose states are how many bad and good samples
/// came since it was last at rest. An excursion from rest ends at rest again or in an alarm, so the
/// mean is that of one cycle over the chance that it ends in an alarm (A. Wald's identity; the
/// chain is D. Brook and D. A. Evans', Biometrika 59 (1972), without their rounding of states).
#[must_use]
pub fn samples_between_alarms(scores: Scores, threshold: f64, bad: f64) -> f64 {
    let sum = |(bads, goods): (u32, u32)| {
        scores.bad.mul_add(f64::from(bads), scores.good * f64::from(goods))
    };
    let (mut alarms, mut samples) = (0.0, 1.0);
    let mut next = vec![((1, 0), bad)];
    while !next.is_empty() {
        let mut mass: std::collections::BTreeMap<(u32, u32), f64> = Default::default();
        for (state, chance) in next {
            if sum(state) >= threshold {
                alarms += chance;
            } else if sum(state) > 0.0 && chance > NEGLIGIBLE {
                *mass.entry(state).or_default() += chance;
            }
        }
        samples += mass.values().sum::<f64>();
        next = mass
            .into_iter()
            .flat_map(|((bads, goods), chance)| {
                let worse = ((bads + 1, goods), chance * bad);
                [worse, ((bads, goods + 1), chance * (1.0 - bad))]
            })
            .collect();
    }
    samples / alarms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn four_failures_in_a_row_cross_and_one_does_not() {
        let scores = Scores::telling(0.95, 0.01);
        let limit = threshold(2.0 * 365.25 * 86_400.0 / 5.0);
        let mut test = Cusum::default();
        for second in 0..3 {
            test.take(scores, true, at(second));
            assert!(!test.crossed(limit));
        }
        test.take(scores, true, at(3));
        assert!(test.crossed(limit));
        assert_eq!(test.onset(), Some(at(0)));
    }

    /// Played at a threshold low enough to be crossed often.
    #[test]
    fn the_chain_gives_what_playing_gives() {
        let scores = Scores::telling(0.3, 0.01);
        let limit = threshold(1_000.0);
        let (mut test, mut alarms, mut random) = (Cusum::default(), 0, 7_u64);
        let samples = 4_000_000;
        for _ in 0..samples {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            test.take(scores, (random >> 33).is_multiple_of(20), at(0));
            if test.crossed(limit) {
                alarms += 1;
                test.reset();
            }
        }
        let exact = samples_between_alarms(scores, limit, 0.05);
        let ratio = f64::from(samples) / f64::from(alarms) / exact;
        assert!((ratio - 1.0).abs() < 0.02, "{exact} samples, played {ratio} times as many");
    }

    #[test]
    fn normal_samples_at_one_percent_alarm_less_often_than_the_bound() {
        let scores = Scores::telling(0.95, 0.01);
        let limit = threshold(1_000.0);
        let (mut test, mut alarms) = (Cusum::default(), 0);
        let mut random: u64 = 7;
        let samples: u32 = 400_000;
        for _ in 0..samples {
            // Knuth's MMIX generator: enough randomness for one in a hundred.
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            test.take(scores, (random >> 33).is_multiple_of(100), at(0));
            if test.crossed(limit) {
                alarms += 1;
                test.reset();
            }
        }
        assert!(alarms <= samples / 1_000, "{alarms} alarms");
    }
}
