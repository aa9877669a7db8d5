//! What a worker needs before knocking: alerts, plans, last sightings, the missing and the unborn.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Header, RecordId};

/// A danger to workers or to a child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SafetyAlert {
    pub header: Header,
    pub kind: AlertKind,
    /// Plain words: "Threatened a worker with a knife on 3 May 2022."
    pub text: String,
    #[serde(default)]
    pub visit: Option<VisitRule>,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub raised_on: Option<Date>,
    #[serde(default)]
    pub review_by: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    Violence,
    Weapons,
    Dogs,
    Drugs,
    SelfHarm,
    NewbornAlert,
    ProtectedAddress,
    ContactRestricted,
    Health,
    Other,
}

/// How to visit, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VisitRule {
    Alone,
    InPairs,
    WithPolice,
    NotAtHome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SafetyPlan {
    pub header: Header,
    #[serde(default)]
    pub people: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    pub text: String,
    #[serde(default)]
    pub agreed_with: Option<String>,
    #[serde(default)]
    pub in_force_from: Option<Date>,
    #[serde(default)]
    pub review_by: Option<Date>,
}

/// When a child was last seen, where and by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    pub header: Header,
    pub person: RecordId,
    pub seen_at: Timestamp,
    pub seen_by: String,
    #[serde(default)]
    pub place: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
}

/// Somebody reported missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    pub header: Header,
    pub person: RecordId,
    pub since: Timestamp,
    #[serde(default)]
    pub last_place: Option<String>,
    #[serde(default)]
    pub police_reference: Option<String>,
    #[serde(default)]
    pub found_at: Option<Timestamp>,
}

/// A child not yet born.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unborn {
    pub header: Header,
    pub mother: RecordId,
    #[serde(default)]
    pub case: Option<RecordId>,
    #[serde(default)]
    pub due_on: Option<Date>,
    #[serde(default)]
    pub hospital: Option<String>,
    /// What the hospital is to do at the birth.
    #[serde(default)]
    pub plan: Option<String>,
}

of_people_and_case!(SafetyAlert, SafetyPlan);
of_person!(Sighting, Missing);

impl Unborn {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        vec![&self.mother]
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        self.case.iter().collect()
    }
}
