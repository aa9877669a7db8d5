//! A probe at a location: when it runs there, and which of its slots have their end.
//!
//! Pure: given the time. It must not run anything.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use super::schedule::Slots;
use crate::domain::check::CheckKind;
use crate::domain::ids::{LocationId, ProbeId};
use crate::domain::target::{Location, Probe};

/// Slots missed in one stretch beyond this count are a gap that began before we were installed.
const MOST_MISSED_SLOTS: u32 = 1_000_000;
/// A clock that was ahead by more than this is not believed in what it said had its end: else
/// nothing would count until that day comes.
const BELIEVED_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// A probe at a location.
#[derive(Debug)]
pub struct Post {
    /// Its target's, among the scheduler's.
    pub lane: usize,
    pub probe: Arc<Probe>,
    pub location: Location,
    /// Bounds the runs at this location.
    pub line: Arc<Semaphore>,
    pub slots: Slots,
    /// The last slot that has its end. Those before it have theirs, whatever the clock says.
    pub ended_at: Timestamp,
}

impl Post {
    #[must_use]
    pub fn name(&self) -> (ProbeId, LocationId) {
        (self.probe.id.clone(), self.location.id.clone())
    }

    /// As what the slot is run: one that has its end, because the clock was set back behind it, is
    /// evidence alone.
    pub fn take(&mut self, at: Timestamp) -> CheckKind {
        self.disbelieve(at);
        if at <= self.ended_at {
            return CheckKind::Confirmation;
        }
        self.ended_at = at;
        CheckKind::Slot
    }

    /// The slots from `first` on and before `now` that have no end: the first of them and how
    /// many. They have it now.
    pub fn miss(&mut self, first: Timestamp, now: Timestamp) -> Option<(Timestamp, u32)> {
        self.disbelieve(first);
        let first = first.max(self.slots.after(self.ended_at));
        if first >= now {
            return None;
        }
        let slots = 1 + self.slots.between(first, now);
        self.ended_at = self.slots.last_before(now);
        Some((first, slots.min(MOST_MISSED_SLOTS)))
    }

    fn disbelieve(&mut self, at: Timestamp) {
        if self.ended_at.duration_since(at) > BELIEVED_AHEAD {
            self.ended_at = self.slots.last_before(at);
        }
    }
}
