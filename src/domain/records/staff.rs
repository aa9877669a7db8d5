//! Staff as the case system knows them, and whom they must not read about.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Header, RecordId};

/// A member of staff: whom to ring. They are not people of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    pub header: Header,
    pub name: String,
    #[serde(default)]
    pub office: Option<String>,
    #[serde(default)]
    pub team: Option<String>,
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub supervisor: Option<StaffRef>,
    #[serde(default)]
    pub telephone: Option<String>,
    #[serde(default)]
    pub left_on: Option<Date>,
}

/// Names a [`Worker`] in another record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffRef {
    /// The worker's record id, which the directory of sign-ins knows too.
    pub id: RecordId,
    /// For sources that give a name here and have no list of staff.
    #[serde(default)]
    pub name: Option<String>,
}

/// A member of staff who must not read a case or a person, being related to them for example. It
/// only ever restricts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StaffConflict {
    pub header: Header,
    pub worker: RecordId,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub cases: Vec<RecordId>,
    /// "aunt of the mother".
    #[serde(default)]
    pub relation: Option<String>,
    #[serde(default)]
    pub declared_at: Option<Timestamp>,
    /// Whom the refused worker rings.
    #[serde(default)]
    pub ring_instead: Option<String>,
}

impl Worker {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        Vec::new()
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        Vec::new()
    }
}

impl StaffConflict {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        self.people.iter().collect()
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        self.cases.iter().collect()
    }
}
