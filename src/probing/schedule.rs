//! When a probe runs: absolute instants, spread by a stable hash, so that a restart or a reload
//! moves nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::ids::{LocationId, ProbeId};
use crate::domain::target::Probe;

/// Phases are multiples of this. Probes that are due in the same fiftieth of a second start on one
/// waking of the machine: waking costs as much as the check itself.
const PHASE_GRID_US: u64 = 20_000;

/// The slots of one probe at one location: `phase + k × interval` since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    interval_us: i64,
    phase_us: i64,
}

impl Slots {
    /// The slots of this probe at this location; the phase depends on nothing else.
    #[must_use]
    pub fn of(probe: &Probe, location: &LocationId) -> Self {
        Self::new(probe.interval, &probe.id, location)
    }

    fn new(interval: Duration, probe: &ProbeId, location: &LocationId) -> Self {
        let interval_us = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX).max(1);
        let hash = stable_hash(&[probe.as_str(), location.as_str()]);
        let phase = hash % interval_us.unsigned_abs();
        let phase = phase - phase % PHASE_GRID_US;
        Self { interval_us, phase_us: i64::try_from(phase).unwrap_or(0) }
    }

    #[must_use]
    pub fn interval_us(&self) -> i64 {
        self.interval_us
    }

    /// The first slot after `at`.
    #[must_use]
    pub fn after(&self, at: Timestamp) -> Timestamp {
        let since = at.as_microsecond() - self.phase_us;
        let next = (since.div_euclid(self.interval_us) + 1) * self.interval_us + self.phase_us;
        Timestamp::from_microsecond(next).unwrap_or(Timestamp::MAX)
    }

    /// The first slot at `at` or after it.
    #[must_use]
    pub fn from(&self, at: Timestamp) -> Timestamp {
        let just_before = at.as_microsecond().saturating_sub(1);
        self.after(Timestamp::from_microsecond(just_before).unwrap_or(at))
    }

    /// The last slot before `at`.
    #[must_use]
    pub fn last_before(&self, at: Timestamp) -> Timestamp {
        let last = self.from(at).as_microsecond().saturating_sub(self.interval_us);
        Timestamp::from_microsecond(last).unwrap_or(Timestamp::MIN)
    }

    /// How many slots lie after `last` and before `now`.
    #[must_use]
    pub fn between(&self, last: Timestamp, now: Timestamp) -> u32 {
        let index =
            |at: Timestamp| (at.as_microsecond() - self.phase_us).div_euclid(self.interval_us);
        let before_now = now.as_microsecond() - 1 - self.phase_us;
        let upto = before_now.div_euclid(self.interval_us);
        u32::try_from((upto - index(last)).max(0)).unwrap_or(u32::MAX)
    }
}

/// FNV-1a, 64 bits: the same on every machine and in every version, which the standard library's
/// hasher does not promise. <http://www.isthe.com/chongo/tech/comp/fnv/>
fn stable_hash(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    // FNV's low bits of short texts are alike; folding the high half in spreads them.
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slots(seconds: u64) -> Slots {
        Slots::new(
            Duration::from_secs(seconds),
            &ProbeId::new("sign-in").unwrap(),
            &LocationId::new("noarlunga").unwrap(),
        )
    }

    #[test]
    fn the_phase_is_the_same_for_ever() {
        let at: Timestamp = "2023-03-01T09:00:00Z".parse().unwrap();
        assert_eq!(slots(5).after(at).to_string(), slots(5).after(at).to_string());
        assert_eq!(stable_hash(&["a"]), 620_337_896_571_737_059);
    }

    #[test]
    fn probes_are_spread_over_the_interval_and_wake_the_machine_together() {
        let location = LocationId::new("noarlunga").unwrap();
        let phases: Vec<i64> = (0..1_000)
            .map(|n| ProbeId::new(&format!("probe-{n}")).unwrap())
            .map(|probe| Slots::new(Duration::from_secs(1), &probe, &location).phase_us)
            .collect();
        assert!(phases.iter().all(|phase| phase % 20_000 == 0 && *phase < 1_000_000));
        let tenths = |n: i64| phases.iter().filter(|phase| **phase / 100_000 == n).count();
        assert!((0..10).all(|n| (60..140).contains(&tenths(n))));
    }

    proptest! {
        #[test]
        fn slots_are_one_interval_apart_and_none_is_skipped(
            seconds in 1_u64..600, at in 0_i64..4_000_000_000_000_000, run in 1_u32..50,
        ) {
            let slots = slots(seconds);
            let start = Timestamp::from_microsecond(at).unwrap();
            let first = slots.after(start);
            prop_assert!(first > start);
            prop_assert!(first.as_microsecond() - at <= slots.interval_us());
            let mut last = first;
            for _ in 0..run {
                let next = slots.after(last);
                prop_assert_eq!(next.as_microsecond() - last.as_microsecond(), slots.interval_us());
                last = next;
            }
            prop_assert_eq!(slots.between(first, last), run - 1);
            prop_assert_eq!(slots.from(first), first);
            let just_before = start - jiff::SignedDuration::from_micros(1);
            prop_assert_eq!(slots.from(start), slots.after(just_before));
        }
    }
}
