//! The work on a case: notes, tasks with their clocks, and transfers under way.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Header, RecordId, StaffRef};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub header: Header,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    pub at: Timestamp,
    /// "home visit", "telephone".
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub author: Option<String>,
    #[serde(default)]
    pub written_at: Option<Timestamp>,
    /// Above one when it was corrected.
    #[serde(default)]
    pub version: Option<u32>,
    pub text: String,
}

/// Something due, with the clock it runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub header: Header,
    pub kind: TaskKind,
    pub title: String,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    #[serde(default)]
    pub report: Option<RecordId>,
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    #[serde(default)]
    pub done_at: Option<Timestamp>,
    #[serde(default)]
    pub owner: Option<StaffRef>,
    #[serde(default)]
    pub team: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// A statutory response to a report of concern.
    Response,
    Visit,
    Filing,
    Review,
    HealthCheck,
    Other,
}

/// A case, child or young person handed from one team, office or agency to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    pub header: Header,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    pub from: String,
    pub to: String,
    #[serde(default)]
    pub requested_at: Option<Timestamp>,
    /// None while nobody has accepted: the giving side is still accountable.
    #[serde(default)]
    pub accepted_at: Option<Timestamp>,
    /// Who answers for the child until then.
    #[serde(default)]
    pub responsible_until_accepted: Option<String>,
    /// What has still to be handed over.
    #[serde(default)]
    pub outstanding: Vec<String>,
}

of_people_and_case!(Note, Task, Transfer);
