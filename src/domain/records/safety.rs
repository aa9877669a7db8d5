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
    pub household: Option<RecordId>,
    #[serde(default)]
    pub raised_at: Option<Timestamp>,
    #[serde(default)]
    pub raised_by: Option<String>,
    #[serde(default)]
    pub review_on: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    Violence,
    Weapons,
    Dogs,
    Drugs,
    SelfHarm,
    /// Nothing but the rule in [`SafetyAlert::visit`].
    Visit,
    /// The hospital calls us at the birth.
    Newborn,
    /// Somebody must not learn that we called.
    MustNotLearn,
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
    /// In order.
    #[serde(default)]
    pub steps: Vec<String>,
    #[serde(default)]
    pub if_it_fails: Option<String>,
    #[serde(default)]
    pub agreed_with: Vec<RecordId>,
    #[serde(default)]
    pub agreed_on: Option<Date>,
    #[serde(default)]
    pub review_on: Option<Date>,
}

/// When a child was last seen, where and by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    pub header: Header,
    pub person: RecordId,
    pub seen_at: Timestamp,
    pub seen_by: String,
    #[serde(default)]
    pub worker: Option<RecordId>,
    #[serde(default)]
    pub place: Option<String>,
}

/// Somebody reported missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    pub header: Header,
    pub person: RecordId,
    pub since: Timestamp,
    #[serde(default)]
    pub police_told_at: Option<Timestamp>,
    #[serde(default)]
    pub police_reference: Option<String>,
    #[serde(default)]
    pub found_at: Option<Timestamp>,
}

/// A child not yet born.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unborn {
    pub header: Header,
    /// The child's own person record, made before the birth.
    pub person: RecordId,
    #[serde(default)]
    pub due_on: Option<Date>,
    #[serde(default)]
    pub hospital: Option<String>,
    /// What the hospital is to do at the birth.
    #[serde(default)]
    pub plan: Option<String>,
}

of_people_and_case!(SafetyAlert, SafetyPlan);
of_person!(Sighting, Missing, Unborn);
