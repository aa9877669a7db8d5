//! Orders in force and hearings to come.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Header, RecordId, StaffRef};

/// A court order or a legal arrangement with a term.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub header: Header,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    /// "interim custody order", "intervention order".
    pub kind: String,
    #[serde(default)]
    pub court: Option<String>,
    #[serde(default)]
    pub file_number: Option<String>,
    #[serde(default)]
    pub made_on: Option<Date>,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    #[serde(default)]
    pub conditions: Vec<String>,
    /// In words: "application to extend to be filed".
    #[serde(default)]
    pub next_event: Option<String>,
    #[serde(default)]
    pub filing_due_at: Option<Timestamp>,
    /// Whom it keeps away.
    #[serde(default)]
    pub restrains: Option<RecordId>,
    #[serde(default)]
    pub protects: Vec<RecordId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hearing {
    pub header: Header,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    #[serde(default)]
    pub order: Option<RecordId>,
    pub kind: String,
    pub starts_at: Timestamp,
    #[serde(default)]
    pub court: Option<String>,
    #[serde(default)]
    pub room: Option<String>,
    /// What has to be filed.
    #[serde(default)]
    pub filing: Option<String>,
    #[serde(default)]
    pub filing_due_at: Option<Timestamp>,
    #[serde(default)]
    pub filed_at: Option<Timestamp>,
    /// Who appears for the department.
    #[serde(default)]
    pub officer: Option<StaffRef>,
    #[serde(default)]
    pub outcome: Option<String>,
}

of_people_and_case!(Hearing);

impl Order {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        self.people.iter().chain(&self.restrains).chain(&self.protects).collect()
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        self.case.iter().collect()
    }
}
