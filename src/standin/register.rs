//! The stand-in's database: every record by id, and the order in which records changed.
//!
//! A change gets an instant later than every change before it, so paging by `(updated_at, id)`
//! never passes a record by. It is memory only and must not be asked the time: `now` is given.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::model::{Row, care, casework, legal, people, staff};

/// The place of a change in the order of changes.
pub type ChangeKey = (Timestamp, Arc<str>);

/// Records of one kind.
#[derive(Clone, Debug)]
pub struct Table<T> {
    rows: BTreeMap<Arc<str>, T>,
    tombstones: BTreeMap<Arc<str>, Timestamp>,
    changes: BTreeSet<ChangeKey>,
}

/// One entry of an export: the record as it is, or that it is gone.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Change<'a, T> {
    Live(&'a T),
    Deleted(Tombstone<'a>),
}

#[derive(Debug, Serialize)]
pub struct Tombstone<'a> {
    pub id: &'a str,
    /// Always true.
    pub deleted: bool,
    pub updated_at: Timestamp,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), tombstones: BTreeMap::new(), changes: BTreeSet::new() }
    }
}

impl<T: Row> Table<T> {
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(id)
    }

    /// Live records in the order of their ids.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many records were deleted.
    #[must_use]
    pub fn deleted(&self) -> usize {
        self.tombstones.len()
    }

    /// Adds or replaces a record under the instant it carries.
    pub fn put(&mut self, row: T) {
        let id: Arc<str> = row.id().into();
        self.forget_change(&id);
        self.changes.insert((row.updated_at(), Arc::clone(&id)));
        self.rows.insert(id, row);
    }

    /// Removes a record and leaves a tombstone; false when there is none.
    pub fn delete(&mut self, id: &str, at: Timestamp) -> bool {
        let Some((id, _)) = self.rows.get_key_value(id) else { return false };
        let id = Arc::clone(id);
        self.forget_change(&id);
        self.rows.remove(&id);
        self.changes.insert((at, Arc::clone(&id)));
        self.tombstones.insert(id, at);
        true
    }

    fn forget_change(&mut self, id: &Arc<str>) {
        let earlier = match self.rows.get(id) {
            Some(row) => Some(row.updated_at()),
            None => self.tombstones.remove(id),
        };
        if let Some(at) = earlier {
            self.changes.remove(&(at, Arc::clone(id)));
        }
    }

    /// Up to `limit` changes from `start` on in the order they happened, and the key of the last
    /// one when more follow.
    #[must_use]
    pub fn changes(&self, start: Bound<ChangeKey>, limit: usize) -> ChangesPage<'_, T> {
        let mut keys = self.changes.range((start, Bound::Unbounded));
        let mut page = ChangesPage { changes: Vec::new(), next: None };
        let mut last = None;
        for (at, id) in keys.by_ref().take(limit) {
            page.changes.push(match self.rows.get(id) {
                Some(row) => Change::Live(row),
                None => Change::Deleted(Tombstone { id, deleted: true, updated_at: *at }),
            });
            last = Some((*at, Arc::clone(id)));
        }
        if keys.next().is_some() {
            page.next = last;
        }
        page
    }
}

/// A stretch of the order of changes.
#[derive(Debug)]
pub struct ChangesPage<'a, T> {
    pub changes: Vec<Change<'a, T>>,
    /// Where to go on; none at the end.
    pub next: Option<ChangeKey>,
}

macro_rules! register {
    ($($variant:ident $field:ident: $row:ty, $name:literal, $prefix:literal $first:literal;)*) => {
        /// The kinds of record an export can be asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($variant,)*
        }

        impl Kind {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the export's address.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What ids begin with, and the number the first generated one has; the hundred
            /// before it belong to the situations.
            fn series(self) -> (&'static str, u32) {
                match self {
                    $(Self::$variant => ($prefix, $first),)*
                }
            }

            /// Whether an id of this kind is none of the documented situations'.
            #[must_use]
            pub fn is_generated(self, id: &str) -> bool {
                let number = id.rsplit('-').next().and_then(|number| number.parse::<u32>().ok());
                number.is_some_and(|number| number >= self.series().1)
            }

            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
            }
        }

        /// Every record of the stand-in.
        #[derive(Clone, Debug)]
        pub struct Register {
            $(pub $field: Table<$row>,)*
            last_change_at: Timestamp,
            numbers: BTreeMap<Kind, u32>,
        }

        impl Register {
            /// An empty register whose first change comes after `start`.
            #[must_use]
            pub fn new(start: Timestamp) -> Self {
                Self {
                    $($field: Table::default(),)*
                    last_change_at: whole_micros(start),
                    numbers: BTreeMap::new(),
                }
            }

            /// How many live and how many deleted records there are of a kind.
            #[must_use]
            pub fn counts(&self, kind: Kind) -> (usize, usize) {
                match kind {
                    $(Kind::$variant => (self.$field.len(), self.$field.deleted()),)*
                }
            }

            /// Hands one kind's table to `visitor`, which need not know the record type.
            pub fn visit<V: Visitor>(&self, kind: Kind, visitor: V) -> V::Output {
                match kind {
                    $(Kind::$variant => visitor.visit(&self.$field),)*
                }
            }
        }
    };
}

register! {
    Persons persons: people::Person, "persons", "P" 10_100;
    Households households: people::Household, "households", "H" 20_100;
    Relationships relationships: people::Relationship, "relationships", "R" 40_100;
    Cases cases: casework::Case, "cases", "C" 30_100;
    ConcernReports concern_reports: casework::ConcernReport, "concern-reports", "N" 50_100;
    SafetyAlerts safety_alerts: casework::SafetyAlert, "safety-alerts", "A" 60_100;
    SafetyPlans safety_plans: casework::SafetyPlan, "safety-plans", "S" 61_100;
    Orders orders: legal::Order, "orders", "O" 90_100;
    Hearings hearings: legal::Hearing, "hearings", "G" 95_100;
    Placements placements: care::Placement, "placements", "L" 45_100;
    Health health: care::HealthEssentials, "health", "M" 47_100;
    Contacts contacts: care::ContactArrangement, "contacts", "Q" 48_100;
    Notes notes: casework::Note, "notes", "T" 70_100;
    Tasks tasks: casework::Task, "tasks", "K" 80_100;
    Transfers transfers: casework::Transfer, "transfers", "X" 85_100;
    Workers workers: staff::Worker, "workers", "w" 100;
    Conflicts conflicts: staff::Conflict, "conflicts", "F" 99_100;
}

/// What is done with a table of whatever kind.
pub trait Visitor {
    type Output;
    fn visit<T: Row>(self, table: &Table<T>) -> Self::Output;
}

impl Register {
    /// A new id of a kind, never given before.
    pub fn next_id(&mut self, kind: Kind) -> String {
        let (prefix, first) = kind.series();
        let number = self.numbers.entry(kind).or_insert(first);
        let id = format!("{prefix}-{number}");
        *number += 1;
        id
    }

    /// The instant for a change made now: `now`, or a microsecond after the last one, because two
    /// changes of one instant could be torn apart by paging. Whole microseconds, because that is
    /// what the export's paging token carries.
    pub fn next_change_at(&mut self, now: Timestamp) -> Timestamp {
        let earliest = self
            .last_change_at
            .checked_add(SignedDuration::from_micros(1))
            .unwrap_or(self.last_change_at);
        self.last_change_at = whole_micros(now).max(earliest);
        self.last_change_at
    }

    /// The instant of the newest change.
    #[must_use]
    pub fn last_change_at(&self) -> Timestamp {
        self.last_change_at
    }
}

/// Drops what is finer than a microsecond.
#[must_use]
pub fn whole_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standin::model::staff::{Worker, WorkerRole};

    fn worker(id: &str, updated_at: Timestamp) -> Worker {
        Worker {
            id: id.into(),
            updated_at,
            name: "Synthetic Worker".into(),
            office: "Noarlunga".into(),
            team: "Assessment".into(),
            role: WorkerRole::CaseWorker,
            supervisor_id: None,
            phone: "(08) 5550 0001".into(),
            left_on: None,
        }
    }

    #[test]
    fn a_record_has_one_place_in_the_order_of_changes() {
        let start: Timestamp = "2023-03-01T00:00:00Z".parse().unwrap();
        let mut register = Register::new(start);
        for id in ["a", "b", "c"] {
            let at = register.next_change_at(start);
            register.workers.put(worker(id, at));
        }
        let at = register.next_change_at(start);
        register.workers.put(worker("a", at));
        let at = register.next_change_at(start);
        assert!(register.workers.delete("b", at));
        assert!(!register.workers.delete("b", at));

        let page = register.workers.changes(Bound::Unbounded, 10);
        let seen: Vec<String> = page
            .changes
            .iter()
            .map(|change| match change {
                Change::Live(worker) => worker.id.clone(),
                Change::Deleted(tombstone) => format!("-{}", tombstone.id),
            })
            .collect();
        assert_eq!(seen, ["c", "a", "-b"]);
        assert_eq!(page.next, None);
    }

    #[test]
    fn a_record_that_comes_back_loses_its_tombstone() {
        let start: Timestamp = "2023-03-01T00:00:00Z".parse().unwrap();
        let mut register = Register::new(start);
        register.workers.put(worker("a", start));
        let at = register.next_change_at(start);
        register.workers.delete("a", at);
        let at = register.next_change_at(start);
        register.workers.put(worker("a", at));
        assert_eq!(register.counts(Kind::Workers), (1, 0));
        assert_eq!(register.workers.changes(Bound::Unbounded, 10).changes.len(), 1);
    }

    #[test]
    fn kinds_read_back_by_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
        }
    }
}
