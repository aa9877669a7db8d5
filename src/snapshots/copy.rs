//! One opened generation in memory: records, index, and what decisions need of them.

use super::OpeningError;
use super::due::DueItem;
use super::staff::{Conflicts, Staff};
use crate::domain::records::{Record, RecordId, RecordKey, RecordKind, SearchRow};
use crate::index::{Change, Index, IndexError};
use crate::vault::open::Opened;
use crate::vault::order::Scope;
use crate::vault::records::Records;
use crate::vault::segment::SegmentError;

/// An opened copy. It is read through [`super::Portal`] alone.
pub struct Copy {
    pub(super) records: Records,
    pub(super) index: Index,
    pub(super) scope: Scope,
    pub(super) staff: Staff,
    pub(super) conflicts: Conflicts,
    /// Everything with a clock, soonest first.
    pub(super) due: Vec<DueItem>,
}

/// What decisions need of the records, and the records again.
struct Gathered {
    records: Records,
    staff: Staff,
    conflicts: Conflicts,
    due: Vec<DueItem>,
}

impl Gathered {
    fn of(records: Records) -> Result<Self, SegmentError> {
        let staff = Staff::of(&records)?;
        let conflicts = Conflicts::of(&records)?;
        let due = super::due::gather(&records, &staff)?;
        Ok(Self { records, staff, conflicts, due })
    }
}

/// An index made from the records, where the sealed one is of another version: a copy opens after
/// an upgrade too, though it takes a minute more.
async fn anew(records: &Records) -> Result<Index, OpeningError> {
    tracing::warn!("the copy's search index is of another version and is made anew");
    let mut rows = Vec::new();
    for kind in RecordKind::ALL {
        rows.extend(records.of_kind(*kind)?.iter().filter_map(SearchRow::of));
    }
    Ok(Index::open(&[], &[Change { removed: &[], rows: &rows }]).await?)
}

impl Copy {
    /// Loads the index, and beside it gathers what decisions need.
    ///
    /// # Errors
    /// When the index or a block of records is not readable.
    pub(super) async fn load(opened: Opened) -> Result<Self, OpeningError> {
        let (records, scope, parts) = (opened.records, opened.order.scope, opened.index);
        let gathering = tokio::task::spawn_blocking(move || Gathered::of(records));
        let changes: Vec<Change<'_>> = parts
            .deltas
            .iter()
            .map(|delta| Change { removed: &delta.removed, rows: &delta.rows })
            .collect();
        let index = Index::open(&parts.image, &changes).await;
        let gathered = gathering.await.map_err(|_| OpeningError::Stopped)??;
        let Gathered { records, staff, conflicts, due } = gathered;
        let index = match index {
            Err(IndexError::Image) => anew(&records).await?,
            index => index?,
        };
        Ok(Self { records, index, scope, staff, conflicts, due })
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
            .of_person(person, &[RecordKind::Case])?
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{open, sample};

    #[tokio::test]
    async fn an_index_of_another_version_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        // Its image is none that this program reads.
        sample::publish_two(&site);
        sample::permit(&site);
        let node = site.node_key().unwrap();
        let opened = open::standard(&site, &node, sample::now()).unwrap();
        let copy = Copy::load(opened).await.unwrap();
        let found = copy.index.search("ngati", 10).await.unwrap();
        assert_eq!(found.hits.len(), 1);
        assert_eq!(found.hits[0].key.id.as_str(), "P-1");
    }
}
