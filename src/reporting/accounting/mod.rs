//! Accountable time: every slot of a period has one end, and a gap is *unknown*, never *up*.
//!
//! From rows of the ledger to stretches of time ([`track`]), from those to what each cohort had
//! ([`rollup`]), and from either to the three figures that belong together ([`figures`]). Pure: it
//! reads nothing and asks nobody for the time. Confirmations are never counted.

pub mod figures;
pub mod rollup;
pub mod track;
pub mod verdicts;

use serde::{Deserialize, Serialize};

/// The version of the method: the same ledger and the same version give the same figures.
pub const METHOD: u32 = 1;

/// What a moment is counted as.
///
/// Ordered so that a roll-up over essential probes is a maximum: what is known to fail outweighs
/// what is not known, and what is not known outweighs what works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeState {
    Up,
    Slow,
    Unknown,
    Intermittent,
    Down,
}

impl TimeState {
    pub const ALL: [Self; 5] =
        [Self::Up, Self::Slow, Self::Intermittent, Self::Down, Self::Unknown];

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Slow => "slow",
            Self::Unknown => "unknown",
            Self::Intermittent => "intermittent",
            Self::Down => "down",
        }
    }
}

/// A stretch of time in one state, in microseconds since the epoch, `to` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<S> {
    pub from: i64,
    pub to: i64,
    pub state: S,
}

impl<S> Span<S> {
    #[must_use]
    pub fn length(&self) -> u64 {
        u64::try_from(self.to - self.from).unwrap_or(0)
    }
}

/// Time by state, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub up_us: u64,
    pub slow_us: u64,
    pub intermittent_us: u64,
    pub down_us: u64,
    pub unknown_us: u64,
    /// Of all this, time in which a check failed. Less than intermittent and down together: while
    /// it comes and goes, some checks pass.
    pub failed_us: u64,
}

impl Tally {
    /// Counts a stretch; `failed` when checks failed in it.
    pub fn add(&mut self, state: TimeState, length_us: u64, failed: bool) {
        match state {
            TimeState::Up => self.up_us += length_us,
            TimeState::Slow => self.slow_us += length_us,
            TimeState::Unknown => self.unknown_us += length_us,
            TimeState::Intermittent => self.intermittent_us += length_us,
            TimeState::Down => self.down_us += length_us,
        }
        if failed {
            self.failed_us += length_us;
        }
    }

    /// Counts another tally `weight` times: for each of a cohort's staff, for instance.
    pub fn add_all(&mut self, other: &Self, weight: u64) {
        self.up_us += other.up_us * weight;
        self.slow_us += other.slow_us * weight;
        self.intermittent_us += other.intermittent_us * weight;
        self.down_us += other.down_us * weight;
        self.unknown_us += other.unknown_us * weight;
        self.failed_us += other.failed_us * weight;
    }

    #[must_use]
    pub fn of(&self, state: TimeState) -> u64 {
        match state {
            TimeState::Up => self.up_us,
            TimeState::Slow => self.slow_us,
            TimeState::Unknown => self.unknown_us,
            TimeState::Intermittent => self.intermittent_us,
            TimeState::Down => self.down_us,
        }
    }

    #[must_use]
    pub fn known_us(&self) -> u64 {
        self.up_us + self.slow_us + self.intermittent_us + self.down_us
    }

    #[must_use]
    pub fn total_us(&self) -> u64 {
        self.known_us() + self.unknown_us
    }
}

#[cfg(test)]
mod tests;
