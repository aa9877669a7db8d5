//! Orders in force and hearings to come.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Header, RecordId};

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
    pub made_at: Option<Timestamp>,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    #[serde(default)]
    pub conditions: Vec<String>,
    /// In words: "application to extend to be filed".
    #[serde(default)]
    pub next_event: Option<String>,
    #[serde(default)]
    pub filing_due_at: Option<Timestamp>,
    #[serde(default)]
    pub revoked: bool,
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
    pub at: Timestamp,
    #[serde(default)]
    pub court: Option<String>,
    #[serde(default)]
    pub filing_due_at: Option<Timestamp>,
    /// Who appears for the department.
    #[serde(default)]
    pub officer: Option<String>,
    /// The team it belongs to, as the source calls it.
    #[serde(default)]
    pub team: Option<String>,
}

of_people_and_case!(Order, Hearing);
