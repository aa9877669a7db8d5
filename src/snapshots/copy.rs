//! One opened generation in memory: records, index, and what decisions need of them.

use std::collections::{BTreeSet, HashMap};

use super::OpeningError;
use super::due::DueItem;
use crate::domain::records::{Record, RecordId, RecordKey, RecordKind, StaffRef, Worker};
use crate::index::{Change, Index};
use crate::vault::open::Opened;
use crate::vault::order::Scope;
use crate::vault::records::Records;
use crate::vault::segment::SegmentError;

/// An opened copy. It is read through [`super::Portal`] alone.
pub struct Copy {
    pub(super) records: Records,
    pub(super) index: Index,
    pub(super) scope: Scope,
    /// Staff, by the id that cases name them with.
    pub(super) workers: HashMap<RecordId, Worker>,
    pub(super) conflicts: Conflicts,
    /// Everything with a clock, soonest first.
    pub(super) due: Vec<DueItem>,
}

/// Who must not read about whom, from the newest list in the copy.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    people: HashMap<RecordId, BTreeSet<String>>,
    cases: HashMap<RecordId, BTreeSet<String>>,
    ring: HashMap<String, String>,
}

impl Conflicts {
    /// Staff ids named for a person or a case.
    pub fn of<'a>(
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

impl Copy {
    /// Loads the index and gathers what decisions need.
    ///
    /// # Errors
    /// When the index or a block of records is not readable.
    pub(super) async fn load(opened: Opened) -> Result<Self, OpeningError> {
        let changes: Vec<Change<'_>> = opened
            .index
            .deltas
            .iter()
            .map(|delta| Change { removed: &delta.removed, rows: &delta.rows })
            .collect();
        let index = Index::open(&opened.index.image, &changes).await?;
        let mut copy = Self {
            records: opened.records,
            index,
            scope: opened.order.scope,
            workers: HashMap::new(),
            conflicts: Conflicts::default(),
            due: Vec::new(),
        };
        copy.gather_staff()?;
        copy.due = super::due::gather(&copy)?;
        Ok(copy)
    }

    fn gather_staff(&mut self) -> Result<(), SegmentError> {
        for record in self.records.of_kind(RecordKind::Worker)? {
            if let Record::Worker(worker) = record {
                self.workers.insert(worker.header.id.clone(), worker);
            }
        }
        for record in self.records.of_kind(RecordKind::StaffConflict)? {
            let Record::StaffConflict(conflict) = record else { continue };
            let staff = conflict.worker.to_string();
            for person in conflict.people {
                self.conflicts.people.entry(person).or_default().insert(staff.clone());
            }
            for case in conflict.cases {
                self.conflicts.cases.entry(case).or_default().insert(staff.clone());
            }
            if let Some(ring) = conflict.ring_instead {
                self.conflicts.ring.insert(staff, ring);
            }
        }
        Ok(())
    }

    pub(super) fn get(
        &self,
        kind: RecordKind,
        id: &RecordId,
    ) -> Result<Option<Record>, SegmentError> {
        self.records.get(&RecordKey { kind, id: id.clone() })
    }

    pub(super) fn person(
        &self,
        id: &RecordId,
    ) -> Result<Option<crate::domain::records::Person>, SegmentError> {
        Ok(match self.get(RecordKind::Person, id)? {
            Some(Record::Person(person)) => Some(person),
            _ => None,
        })
    }

    pub(super) fn household(
        &self,
        id: &RecordId,
    ) -> Result<Option<crate::domain::records::Household>, SegmentError> {
        Ok(match self.get(RecordKind::Household, id)? {
            Some(Record::Household(household)) => Some(household),
            _ => None,
        })
    }

    /// The cases a person is in, the open ones first.
    pub(super) fn cases_of(
        &self,
        person: &RecordId,
    ) -> Result<Vec<crate::domain::records::Case>, SegmentError> {
        let mut cases: Vec<_> = self
            .records
            .of_person(person)?
            .into_iter()
            .filter_map(|record| match record {
                Record::Case(case) => Some(case),
                _ => None,
            })
            .collect();
        cases.sort_by_key(|case| {
            (case.status == crate::domain::records::CaseStatus::Closed, case.header.id.clone())
        });
        Ok(cases)
    }

    /// A member of staff in words: "Robin Example, (08) 5550 0133".
    pub(super) fn staff_words(&self, staff: &StaffRef) -> String {
        let worker = self.workers.get(&staff.id);
        let name = worker.map(|worker| &worker.name).or(staff.name.as_ref());
        let name = name.map_or_else(|| staff.id.to_string(), Clone::clone);
        match worker.and_then(|worker| worker.telephone.as_ref()) {
            Some(telephone) => format!("{name}, {telephone}"),
            None => name,
        }
    }
}
