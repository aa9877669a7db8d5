//! How the agent's clock stands to the hub's, from many exchanges.
//!
//! Of the last eight the one that was least long on the way tells best: RFC 5905, section 10. An
//! exchange is at most half its delay wrong, so that two whose bounds do not meet say that a clock
//! was set meanwhile; what was measured before that is forgotten.

use std::collections::VecDeque;

use crate::domain::agent::Measured;

const REMEMBERED: usize = 8;
/// What a good clock drifts within the exchanges that are remembered, and our own rounding.
const DRIFT_US: i64 = 5_000;

/// The last measures.
#[derive(Debug, Default)]
pub struct Clocks(VecDeque<Measured>);

impl Clocks {
    /// Takes a measure in.
    pub fn take(&mut self, measured: Measured) {
        if self.best().is_some_and(|best| !agree(best, measured)) {
            self.0.clear();
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(measured);
    }

    /// The measure that tells best; none before the first exchange.
    #[must_use]
    pub fn best(&self) -> Option<Measured> {
        self.0.iter().copied().min_by_key(|measured| measured.delay_us)
    }
}

fn agree(one: Measured, other: Measured) -> bool {
    let apart = (one.offset_us - other.offset_us).abs();
    apart <= one.delay_us / 2 + other.delay_us / 2 + DRIFT_US
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best_of(measures: &[(i64, i64)]) -> i64 {
        let mut clocks = Clocks::default();
        for (offset_us, delay_us) in measures {
            clocks.take(Measured { offset_us: *offset_us, delay_us: *delay_us });
        }
        clocks.best().unwrap().offset_us
    }

    #[test]
    fn the_quickest_exchange_tells_best_and_a_step_forgets_the_others() {
        assert_eq!(best_of(&[(100_000, 900_000), (1_000, 4_000), (90_000, 300_000)]), 1_000);
        let stepped = [(0, 1_000), (0, 2_000), (5_000_000, 800_000)];
        assert_eq!(best_of(&stepped), 5_000_000, "no delay explains that");
        let mut many = vec![(1_000, 1_000)];
        many.extend([(2_000, 9_000); REMEMBERED]);
        assert_eq!(best_of(&many), 2_000, "what is long ago is forgotten");
    }
}
