//! Checks as bands: one strip a location, time from left to right.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::check::Outcome;
use crate::domain::ids::LocationId;
use crate::domain::target::Target;
use crate::store::ledger::Recorded;

use super::super::states::State;
use super::super::strip::Strip;

/// One location's checks over a stretch of time.
#[derive(Clone, Debug)]
pub struct Band {
    pub title: String,
    pub strip: Strip,
    pub checks: u32,
    pub failures: u32,
}

/// The stretch that bands show, cut into cells.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    pub cells: usize,
}

impl Window {
    /// Which cell an instant falls into.
    fn cell(&self, at: Timestamp) -> Option<usize> {
        let whole = i128::from(self.to.as_microsecond()) - i128::from(self.from.as_microsecond());
        let into = i128::from(at.as_microsecond()) - i128::from(self.from.as_microsecond());
        if whole <= 0 || into < 0 || into >= whole {
            return None;
        }
        usize::try_from(into * i128::try_from(self.cells).ok()? / whole).ok()
    }
}

/// A cell's checks, counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    passed: u32,
    slow: u32,
    failed: u32,
    other: u32,
}

impl Counts {
    fn take(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Slow => self.slow += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Inconclusive(_) | Outcome::Missed => self.other += 1,
        }
    }

    /// All failed is down, some failed comes and goes, nothing conclusive is not known.
    fn state(self) -> Option<State> {
        match self {
            Self { failed: 1.., passed: 0, slow: 0, .. } => Some(State::Down),
            Self { failed: 1.., .. } => Some(State::ComesAndGoes),
            Self { passed, slow, .. } if slow > 0 && slow >= passed => Some(State::Slow),
            Self { passed: 0, other: 0, .. } => None,
            Self { passed: 0, .. } => Some(State::NotKnown),
            _ => Some(State::Working),
        }
    }
}

/// One band a location of the target, in the order of the file.
#[must_use]
pub fn by_location(target: &Target, checks: &[Recorded], window: Window) -> Vec<Band> {
    let of = |id: &LocationId| {
        let here: Vec<&Recorded> = checks.iter().filter(|check| &check.location == id).collect();
        here
    };
    target
        .locations
        .iter()
        .map(|location| (location, of(&location.id)))
        .filter(|(_, checks)| !checks.is_empty())
        .map(|(location, checks)| band(&location.title, &checks, window))
        .collect()
}

/// The band of some checks.
#[must_use]
pub fn band(title: &str, checks: &[&Recorded], window: Window) -> Band {
    let mut cells = vec![Counts::default(); window.cells];
    let mut all = Counts::default();
    for check in checks {
        for slot in 0..check.slots {
            let offset = u64::try_from(check.interval_us).unwrap_or_default() * u64::from(slot);
            let at = check.slot_at.saturating_add(Duration::from_micros(offset));
            let Some(cell) = at.ok().and_then(|at| window.cell(at)) else { continue };
            cells[cell].take(check.outcome);
            all.take(check.outcome);
        }
    }
    let known = all.passed + all.slow + all.failed;
    let label = format!("{title}: {} of {known} checks failed, {} slow.", all.failed, all.slow);
    Band {
        title: title.to_owned(),
        strip: Strip { label, cells: cells.into_iter().map(Counts::state).collect() },
        checks: known,
        failures: all.failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{CheckKind, FailureReason};
    use crate::domain::ids::{ProbeId, TargetId};

    fn check(second: i64, outcome: Outcome, slots: u32) -> Recorded {
        Recorded {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("intake").unwrap(),
            location: LocationId::new("city").unwrap(),
            kind: CheckKind::Slot,
            slot_at: Timestamp::from_second(second).unwrap(),
            slots,
            interval_us: 10_000_000,
            latency_ms: 100,
            outcome,
        }
    }

    #[test]
    fn cells_say_the_worst_and_missed_slots_are_not_known() {
        let failed = Outcome::Failed(FailureReason::Timeout);
        let checks = [
            check(0, Outcome::Passed, 1),
            check(10, failed, 1),
            check(11, Outcome::Passed, 1),
            check(20, failed, 1),
            check(30, Outcome::Missed, 2),
            check(50, Outcome::Slow, 1),
        ];
        let window = Window {
            from: Timestamp::from_second(0).unwrap(),
            to: Timestamp::from_second(70).unwrap(),
            cells: 7,
        };
        let band = band("Adelaide", &checks.iter().collect::<Vec<_>>(), window);
        let expected = [
            Some(State::Working),
            Some(State::ComesAndGoes),
            Some(State::Down),
            Some(State::NotKnown),
            Some(State::NotKnown),
            Some(State::Slow),
            None,
        ];
        assert_eq!(band.strip.cells, expected);
        assert_eq!(band.strip.label, "Adelaide: 2 of 5 checks failed, 1 slow.");
    }
}
