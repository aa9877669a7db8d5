//! Reports of concern (notifications): the part everybody on the case may see, and the narrative
//! that stays with intake. Who made the report is in neither.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Header, RecordId};

/// A report of concern as shown outside intake: a category and a day, no source type, no time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConcernReport {
    pub header: Header,
    #[serde(default)]
    pub number: Option<String>,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    /// "neglect", "physical harm".
    pub concern: String,
    pub received_on: Date,
    #[serde(default)]
    pub screening: Option<Screening>,
    /// "24 hours", "10 days".
    #[serde(default)]
    pub response: Option<String>,
    #[serde(default)]
    pub response_due_at: Option<Timestamp>,
    #[serde(default)]
    pub responded_at: Option<Timestamp>,
    #[serde(default)]
    pub outcome: Option<String>,
    #[serde(default)]
    pub office: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Screening {
    Waiting,
    ScreenedIn,
    ScreenedOut,
}

/// What was reported, word for word: class [`super::Class::IntakeNarrative`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConcernNarrative {
    pub header: Header,
    pub report: RecordId,
    #[serde(default)]
    pub people: Vec<RecordId>,
    /// The report's, so that intake reads it from everybody in the case.
    #[serde(default)]
    pub case: Option<RecordId>,
    #[serde(default)]
    pub received_at: Option<Timestamp>,
    /// "school", "police": never who.
    #[serde(default)]
    pub source_type: Option<String>,
    pub text: String,
}

of_people_and_case!(ConcernReport, ConcernNarrative);
