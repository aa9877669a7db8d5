//! A bound on what one address, and everybody together, may send to a form without signing in.
//!
//! A whole office shares one address and reports in the same minute, so the bound is wide: it
//! stops a script, not a team.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const WINDOW: Duration = Duration::from_mins(1);
const PER_ADDRESS: u32 = 60;
const TOGETHER: u32 = 600;

/// Counts within fixed windows of a minute.
pub struct Throttle {
    per_address: u32,
    together: u32,
    counts: Mutex<Counts>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::of(PER_ADDRESS, TOGETHER)
    }
}

#[derive(Default)]
struct Counts {
    window: u64,
    together: u32,
    by_address: HashMap<IpAddr, u32>,
}

impl Throttle {
    /// So many a minute from one address, and from all of them together.
    #[must_use]
    pub fn of(per_address: u32, together: u32) -> Self {
        Self { per_address, together, counts: Mutex::default() }
    }

    /// Whether one more is taken from `address` at this monotonic reading.
    pub fn admits(&self, address: Option<IpAddr>, monotonic: Duration) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let window = monotonic.as_secs() / WINDOW.as_secs();
        if counts.window != window {
            *counts = Counts { window, ..Counts::default() };
        }
        if counts.together >= self.together {
            return false;
        }
        if let Some(address) = address {
            // Together they send no more than `together`, so no more of them are remembered.
            let count = counts.by_address.entry(address).or_default();
            if *count >= self.per_address {
                return false;
            }
            *count += 1;
        }
        counts.together += 1;
        true
    }

    /// How long until the count begins anew, in seconds.
    #[must_use]
    pub fn seconds_left(monotonic: Duration) -> u32 {
        let left = WINDOW.as_secs() - monotonic.as_secs() % WINDOW.as_secs();
        u32::try_from(left).unwrap_or(60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_bounded_and_another_is_not_hit_by_it() {
        let throttle = Throttle::default();
        let one = Some("10.1.1.1".parse().unwrap());
        let other = Some("10.2.2.2".parse().unwrap());
        let start = Duration::from_secs(120);
        for _ in 0..PER_ADDRESS {
            assert!(throttle.admits(one, start));
        }
        assert!(!throttle.admits(one, start));
        assert!(throttle.admits(other, start));
        assert!(throttle.admits(one, start + WINDOW), "a new minute counts anew");
    }

    #[test]
    fn everybody_together_is_bounded() {
        let throttle = Throttle::default();
        let taken = (0..2 * TOGETHER).filter(|_| throttle.admits(None, Duration::ZERO)).count();
        assert_eq!(taken, TOGETHER as usize);
        assert_eq!(Throttle::seconds_left(Duration::from_secs(59)), 1);
    }
}
