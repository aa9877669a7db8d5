//! Case records: what a copy holds of the case system, in Holdfast's own words.
//!
//! Capture makes them through a mapping file, the vault seals them, the portal shows them. They are
//! pure types. Three rules shape them: the identity of a reporter has no field here, so it cannot
//! leave the source; what only intake may read is a record of its own ([`ConcernNarrative`]), so
//! that a class is decided per record and never per field; and an address is a [`Household`], a
//! record of its own, so that a refuge can be restricted while the people in it are not.

#[macro_use]
mod links;

mod care;
mod case;
mod concern;
mod fields;
mod hide;
mod legal;
mod person;
mod safety;
mod search;
mod staff;
mod work;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use care::{Allergy, ContactArrangement, HealthEssentials, Medication, Placement};
pub use case::{Accountability, Case, CaseStatus, Party, RiskLevel};
pub use concern::{ConcernNarrative, ConcernReport, Screening};
pub use hide::Hidden;
pub use legal::{Hearing, Order};
pub use person::{
    Alias, Culture, Household, Person, PersonRole, Relationship, RelationshipKind, Sex,
};
pub use safety::{AlertKind, Missing, SafetyAlert, SafetyPlan, Sighting, Unborn, VisitRule};
pub use search::SearchRow;
pub use staff::{StaffConflict, StaffRef, Worker};
pub use work::{Note, Task, TaskKind, Transfer};

/// A record's id as its source writes it: one to 128 printable characters without spaces, so that
/// it can stand in a URL path and in the audit trail.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId(Arc<str>);

/// Why a text is not a record's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a record's id has 1 to 128 letters, digits, '-', '_', '.' or ':', beginning with a letter or \
     digit"
)]
pub struct InvalidRecordId;

impl RecordId {
    /// # Errors
    /// When the text is not a record's id. The text is not repeated: it could be case data.
    pub fn new(text: &str) -> Result<Self, InvalidRecordId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let fits = text.len() <= 128
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(allowed);
        if fits { Ok(Self(text.into())) } else { Err(InvalidRecordId) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RecordId {
    type Error = InvalidRecordId;
    fn try_from(text: String) -> Result<Self, InvalidRecordId> {
        Self::new(&text)
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl std::str::FromStr for RecordId {
    type Err = InvalidRecordId;
    fn from_str(text: &str) -> Result<Self, InvalidRecordId> {
        Self::new(text)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sensitivity with keys of its own.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Opened by an open order.
    Standard,
    /// Opened by key holders only.
    Restricted,
}

impl Tier {
    pub const ALL: [Self; 2] = [Self::Standard, Self::Restricted];

    /// The word in files and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Restricted => "restricted",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of content a record is, for deciding who may read it. A class that a policy does not
/// know is refused.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Child protection case work.
    General,
    /// What keeps people alive: alerts, missing, unborn. The widest readership.
    Safety,
    /// Report narratives and intake notes: intake only.
    IntakeNarrative,
    Health,
    Legal,
    /// Youth-offending records: not across to child protection without authority, nor back.
    YouthJustice,
}

/// Where a record came from and how it is classified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Unique together with the record's kind.
    pub id: RecordId,
    pub tier: Tier,
    pub class: Class,
    /// The case system: `c3ms`.
    pub source: String,
    /// The source's own version of this record, compared for equality only.
    pub source_version: String,
    /// When the source last changed it.
    pub updated_at: Timestamp,
}

macro_rules! records {
    ($($kind:ident => $word:literal),+ $(,)?) => {
        /// One record of the copy.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Record {
            $($kind($kind)),+
        }

        /// The kinds of records.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum RecordKind {
            $($kind),+
        }

        impl RecordKind {
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The word in files, URLs and counts.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word),+
                }
            }

            /// The names of the fields that a record of this kind has, `header` first.
            #[must_use]
            pub fn fields(self) -> &'static [&'static str] {
                match self {
                    $(Self::$kind => fields::of::<$kind>()),+
                }
            }
        }

        impl Record {
            #[must_use]
            pub fn kind(&self) -> RecordKind {
                match self {
                    $(Self::$kind(_) => RecordKind::$kind),+
                }
            }

            #[must_use]
            pub fn header(&self) -> &Header {
                match self {
                    $(Self::$kind(record) => &record.header),+
                }
            }

            /// Moves the record to a tier.
            pub fn set_tier(&mut self, tier: Tier) {
                match self {
                    $(Self::$kind(record) => record.header.tier = tier),+
                }
            }

            /// Every person the record is about, for finding records by person.
            #[must_use]
            pub fn person_ids(&self) -> Vec<&RecordId> {
                match self {
                    $(Self::$kind(record) => record.person_ids()),+
                }
            }

            /// Every case the record belongs to, for finding records by case.
            #[must_use]
            pub fn case_ids(&self) -> Vec<&RecordId> {
                match self {
                    $(Self::$kind(record) => record.case_ids()),+
                }
            }
        }
    };
}

records! {
    Person => "person",
    Household => "household",
    Relationship => "relationship",
    Case => "case",
    Worker => "worker",
    StaffConflict => "staff-conflict",
    ConcernReport => "concern-report",
    ConcernNarrative => "concern-narrative",
    SafetyAlert => "safety-alert",
    SafetyPlan => "safety-plan",
    Sighting => "sighting",
    Missing => "missing",
    Unborn => "unborn",
    Order => "order",
    Hearing => "hearing",
    Placement => "placement",
    HealthEssentials => "health-essentials",
    ContactArrangement => "contact-arrangement",
    Note => "note",
    Task => "task",
    Transfer => "transfer",
}

impl RecordKind {
    /// Reads the word that [`RecordKind::as_str`] writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record's place in the copy: unique over all kinds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordKey {
    pub kind: RecordKind,
    pub id: RecordId,
}

impl Record {
    #[must_use]
    pub fn key(&self) -> RecordKey {
        RecordKey { kind: self.kind(), id: self.header().id.clone() }
    }

    /// Every household the record is about: those who live there, alerts on the address.
    #[must_use]
    pub fn household_ids(&self) -> Vec<&RecordId> {
        match self {
            Self::Household(household) => vec![&household.header.id],
            Self::Person(person) => person.household.iter().collect(),
            Self::SafetyAlert(alert) => alert.household.iter().collect(),
            Self::Placement(placement) => placement.household.iter().collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_one_word_each_and_serde_agrees() {
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::parse(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.fields()[0], "header");
        }
    }

    #[test]
    fn an_id_can_stand_in_a_path() {
        assert!(RecordId::new("P-000123").is_ok());
        for wrong in ["", "a b", "a/b", "..", "é", &"a".repeat(129)] {
            assert_eq!(RecordId::new(wrong), Err(InvalidRecordId));
        }
    }

    #[test]
    fn a_record_finds_its_people_and_cases() {
        let id = |text| RecordId::new(text).unwrap();
        let json = serde_json::json!({"relationship": {
            "header": {
                "id": "r-1", "tier": "standard", "class": "general", "source": "c3ms",
                "source_version": "4", "updated_at": "2023-03-01T00:00:00Z"
            },
            "from": "p-1", "to": "p-2", "kind": "parent", "contact_restricted": true
        }});
        let record: Record = serde_json::from_value(json).unwrap();
        assert_eq!(record.key(), RecordKey { kind: RecordKind::Relationship, id: id("r-1") });
        assert_eq!(record.person_ids(), [&id("p-1"), &id("p-2")]);
        assert!(record.case_ids().is_empty());
    }
}
