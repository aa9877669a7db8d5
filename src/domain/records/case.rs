//! Cases: who is accountable, who manages and who works on them.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Header, RecordId, StaffRef};

/// A case of one or several children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub header: Header,
    /// The number staff say on the telephone; searchable.
    pub number: String,
    #[serde(default)]
    pub title: Option<String>,
    pub status: CaseStatus,
    /// The source's own word: "reunification".
    #[serde(default)]
    pub stage: Option<String>,
    #[serde(default)]
    pub opened_on: Option<Date>,
    #[serde(default)]
    pub closed_on: Option<Date>,
    /// The children the case is about.
    #[serde(default)]
    pub children: Vec<RecordId>,
    /// Parents, carers and other adults of the case.
    #[serde(default)]
    pub adults: Vec<RecordId>,
    #[serde(default)]
    pub risk: Option<RiskLevel>,
    #[serde(default)]
    pub risk_assessed_on: Option<Date>,
    #[serde(default)]
    pub summary: Option<String>,
    /// The office whose case it is, as the source calls it: `noarlunga`.
    #[serde(default)]
    pub office: Option<String>,
    #[serde(default)]
    pub team: Option<String>,
    #[serde(default)]
    pub agency: Option<String>,
    /// None means unallocated: `supervisor` then answers for it.
    #[serde(default)]
    pub key_worker: Option<StaffRef>,
    #[serde(default)]
    pub supervisor: Option<StaffRef>,
    #[serde(default)]
    pub accountability: Accountability,
    /// A voluntary family never looks statutory.
    #[serde(default)]
    pub voluntary: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseStatus {
    Open,
    Transferring,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskLevel {
    Low,
    Moderate,
    High,
    VeryHigh,
}

/// Who answers for what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accountability {
    /// Never delegated.
    #[serde(default)]
    pub safety: Option<Party>,
    #[serde(default)]
    pub case_management: Option<Party>,
    #[serde(default)]
    pub contracted_tasks: Vec<Party>,
    /// When the accountable one takes the case back: "placement breaks down".
    #[serde(default)]
    pub takes_back_if: Option<String>,
}

/// An organisation or team with what it does and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    pub name: String,
    /// What it does for the case.
    #[serde(default)]
    pub task: Option<String>,
    #[serde(default)]
    pub until_on: Option<Date>,
    #[serde(default)]
    pub telephone: Option<String>,
}

impl Case {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        self.children.iter().chain(&self.adults).collect()
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        vec![&self.header.id]
    }
}
