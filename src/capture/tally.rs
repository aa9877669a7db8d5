//! What a run has seen: names of fields and counts, never values.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::map::Rejected;
use crate::domain::mapping::{Collection, RowShape};
use crate::sources::Unreadable;

/// So many faults are told with their place in a file; the others are counted.
const PLACES: usize = 20;
/// So many changed rows without a field are no accident.
const ENOUGH_ROWS: u64 = 20;

/// Grows with the number of field names, not with the number of rows.
#[derive(Default)]
pub struct Tally {
    pub rows: u64,
    pub changed: u64,
    pub removed: u64,
    pub rejected_rows: u64,
    pub rejected: BTreeMap<Rejected, u64>,
    /// The first faults of rows that have a place, as in `persons.csv line 17: …`.
    pub rejected_at: Vec<String>,
    pub unmapped: BTreeSet<String>,
    pub vanished: BTreeSet<String>,
    /// Essential fields that no row has any more.
    pub lost: BTreeSet<String>,
    /// Collections without rows that had some, where that is a fault: how many there were.
    pub empty: Vec<(String, u64)>,
    /// Where the next incremental run begins, by collection.
    pub watermark: BTreeMap<String, Timestamp>,
    /// The oldest state that a page was said to show.
    pub as_of: Option<Timestamp>,
}

impl Tally {
    /// Notes what could not be made of one row, which stands at `place` if it has one.
    pub fn reject(&mut self, rejected: Vec<Rejected>, place: Option<&str>) {
        self.rejected_rows += u64::from(!rejected.is_empty());
        for fault in rejected {
            if let Some(place) = place.filter(|_| self.rejected_at.len() < PLACES) {
                let of = [fault.record.as_str(), &fault.field].join(" ");
                let of = of.trim();
                let colon = if of.is_empty() { "" } else { ": " };
                self.rejected_at.push(format!("{place}: {of}{colon}{}", fault.fault));
            }
            *self.rejected.entry(fault).or_default() += 1;
        }
    }

    /// Notes what could not be read as a row at all.
    pub fn unreadable(&mut self, collection: &str, rows: &[Unreadable]) {
        self.rows += rows.len() as u64;
        for row in rows {
            let rejected = Rejected {
                collection: collection.to_owned(),
                record: String::new(),
                field: String::new(),
                fault: row.fault.to_owned(),
            };
            self.reject(vec![rejected], Some(&row.place));
        }
    }

    pub fn saw_as_of(&mut self, as_of: Option<Timestamp>) {
        self.as_of = match (self.as_of, as_of) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }

    pub fn saw_change(&mut self, collection: &str, updated_at: Timestamp) {
        match self.watermark.get_mut(collection) {
            Some(watermark) => *watermark = updated_at.max(*watermark),
            None => {
                self.watermark.insert(collection.to_owned(), updated_at);
            }
        }
    }

    /// Closes a collection; `whole` when every row of it was read.
    pub fn close(&mut self, fields: &Fields<'_>, whole: bool) {
        let name = |field: &str| format!("{}.{field}", fields.collection);
        let unmapped = fields.seen.iter().filter(|field| !fields.expected.contains(field.as_str()));
        self.unmapped.extend(unmapped.map(|field| name(field)));
        if whole && fields.rows > 0 {
            let vanished = fields.read.iter().filter(|field| !fields.seen.contains(**field));
            self.vanished.extend(vanished.map(|field| name(field)));
        }
        if fields.rows >= if whole { 1 } else { ENOUGH_ROWS } {
            let lost = fields.essential.iter().filter(|field| !fields.set.contains(*field));
            self.lost.extend(lost.map(|field| name(field)));
        }
    }
}

/// The field names of one collection.
pub struct Fields<'a> {
    collection: &'a str,
    essential: &'a [String],
    read: BTreeSet<&'a str>,
    expected: BTreeSet<&'a str>,
    seen: BTreeSet<String>,
    /// Those of `essential` that some row had a value for.
    set: BTreeSet<String>,
    /// Rows that do not say they are deleted.
    pub rows: u64,
    /// Whether any row came, one that says it is deleted included.
    pub came: bool,
}

impl<'a> Fields<'a> {
    pub fn of(collection: &'a Collection, shape: &'a RowShape) -> Self {
        let read: BTreeSet<&str> = collection.reads().into_iter().collect();
        let mut expected = read.clone();
        expected.extend(shape.reads());
        expected.extend(collection.ignored.iter().map(String::as_str));
        Self {
            collection: &collection.id,
            essential: &collection.essential,
            read,
            expected,
            seen: BTreeSet::new(),
            set: BTreeSet::new(),
            rows: 0,
            came: false,
        }
    }

    /// Whether some essential field is not there in any row, not even without a value.
    pub fn lacks_essential(&self) -> bool {
        self.rows > 0 && self.essential.iter().any(|field| !self.seen.contains(field))
    }

    pub fn see(&mut self, row: &Value) {
        self.rows += 1;
        for name in row.as_object().into_iter().flat_map(|fields| fields.keys()) {
            if !self.seen.contains(name) {
                self.seen.insert(name.clone());
            }
        }
        for name in self.essential {
            if !row.get(name).is_none_or(Value::is_null) && !self.set.contains(name) {
                self.set.insert(name.clone());
            }
        }
    }
}
