//! What a run has seen: names of fields and counts, never values.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::map::Rejected;
use crate::domain::mapping::{Collection, FieldPath, Shape};

/// Grows with the number of field names, not with the number of rows.
#[derive(Default)]
pub struct Tally {
    pub rows: u64,
    pub changed: u64,
    pub removed: u64,
    pub rejected_rows: u64,
    pub rejected: BTreeMap<Rejected, u64>,
    pub unmapped: BTreeSet<String>,
    pub vanished: BTreeSet<String>,
    /// Where the next incremental run begins, by collection.
    pub watermark: BTreeMap<String, Timestamp>,
    /// The oldest state that a page was said to show.
    pub as_of: Option<Timestamp>,
}

/// The field names of one collection.
pub struct Fields<'a> {
    collection: &'a str,
    read: BTreeSet<&'a str>,
    expected: BTreeSet<&'a str>,
    seen: BTreeSet<String>,
    rows: u64,
}

impl Tally {
    pub fn reject(&mut self, rejected: Vec<Rejected>) {
        self.rejected_rows += u64::from(!rejected.is_empty());
        for fault in rejected {
            *self.rejected.entry(fault).or_default() += 1;
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
    pub fn close(&mut self, fields: Fields<'_>, whole: bool) {
        let name = |field: &str| format!("{}.{field}", fields.collection);
        let unmapped = fields.seen.iter().filter(|field| !fields.expected.contains(field.as_str()));
        self.unmapped.extend(unmapped.map(|field| name(field)));
        if whole && fields.rows > 0 {
            let vanished = fields.read.iter().filter(|field| !fields.seen.contains(**field));
            self.vanished.extend(vanished.map(|field| name(field)));
        }
    }
}

impl<'a> Fields<'a> {
    pub fn of(collection: &'a Collection, shape: &'a Shape) -> Self {
        let read: BTreeSet<&str> = collection.reads().into_iter().collect();
        let of_shape = [Some(&shape.id), Some(&shape.updated_at), shape.deleted.as_ref()];
        let mut expected = read.clone();
        expected.extend(of_shape.into_iter().flatten().filter_map(FieldPath::first));
        expected.extend(collection.ignored.iter().map(String::as_str));
        Self { collection: &collection.id, read, expected, seen: BTreeSet::new(), rows: 0 }
    }

    pub fn see(&mut self, row: &Value) {
        self.rows += 1;
        for name in row.as_object().into_iter().flat_map(|fields| fields.keys()) {
            if !self.seen.contains(name) {
                self.seen.insert(name.clone());
            }
        }
    }
}
