//! The staff that an opened copy names: how to reach them, and who must not read about whom.

use std::collections::{BTreeSet, HashMap};

use crate::domain::records::{Record, RecordId, RecordKind, StaffRef, Worker};
use crate::vault::records::Records;
use crate::vault::segment::SegmentError;

/// Staff, by the id that cases name them with.
#[derive(Debug, Default)]
pub(super) struct Staff(HashMap<RecordId, Worker>);

impl Staff {
    /// # Errors
    /// When a block of records does not unpack.
    pub fn of(records: &Records) -> Result<Self, SegmentError> {
        let workers = records.of_kind(RecordKind::Worker)?.into_iter();
        let workers = workers.filter_map(|record| match record {
            Record::Worker(worker) => Some((worker.header.id.clone(), worker)),
            _ => None,
        });
        Ok(Self(workers.collect()))
    }

    /// A member of staff in words: "Robin Example, (08) 5550 0133".
    pub fn words(&self, staff: &StaffRef) -> String {
        let worker = self.0.get(&staff.id);
        let name = worker.map(|worker| &worker.name).or(staff.name.as_ref());
        let name = name.map_or_else(|| staff.id.to_string(), Clone::clone);
        match worker.and_then(|worker| worker.telephone.as_ref()) {
            Some(telephone) => format!("{name}, {telephone}"),
            None => name,
        }
    }
}

/// Who must not read about whom, from the newest list in the copy.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    people: HashMap<RecordId, BTreeSet<String>>,
    cases: HashMap<RecordId, BTreeSet<String>>,
    ring: HashMap<String, String>,
}

impl Conflicts {
    /// # Errors
    /// When a block of records does not unpack.
    pub fn of(records: &Records) -> Result<Self, SegmentError> {
        let mut conflicts = Self::default();
        for record in records.of_kind(RecordKind::StaffConflict)? {
            let Record::StaffConflict(conflict) = record else { continue };
            let staff = conflict.worker.to_string();
            for person in conflict.people {
                conflicts.people.entry(person).or_default().insert(staff.clone());
            }
            for case in conflict.cases {
                conflicts.cases.entry(case).or_default().insert(staff.clone());
            }
            if let Some(ring) = conflict.ring_instead {
                conflicts.ring.insert(staff, ring);
            }
        }
        Ok(conflicts)
    }

    /// Staff ids named for a person or a case.
    pub fn among<'a>(
        &'a self,
        people: impl Iterator<Item = &'a RecordId>,
        cases: impl Iterator<Item = &'a RecordId>,
    ) -> BTreeSet<String> {
        let people = people.filter_map(|id| self.people.get(id));
        let cases = cases.filter_map(|id| self.cases.get(id));
        people.chain(cases).flatten().cloned().collect()
    }

    /// Whom a member of staff rings instead.
    pub fn ring_instead(&self, staff: &str) -> Option<&String> {
        self.ring.get(staff)
    }
}
