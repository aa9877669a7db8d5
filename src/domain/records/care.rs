//! Where a child is placed, what keeps them well, and whom they see.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Header, Party, RecordId, StaffRef};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    pub header: Header,
    pub child: RecordId,
    #[serde(default)]
    pub case: Option<RecordId>,
    /// "kinship care", "residential care".
    pub kind: String,
    #[serde(default)]
    pub carers: Vec<RecordId>,
    /// What the carer is to the child: "maternal aunt".
    #[serde(default)]
    pub carer_is: Option<String>,
    /// "approved", "provisional".
    #[serde(default)]
    pub carer_approval: Option<String>,
    #[serde(default)]
    pub household: Option<RecordId>,
    /// Set when it is somewhere that this tier does not hold: ring, do not conclude.
    #[serde(default)]
    pub address_withheld: bool,
    #[serde(default)]
    pub agency: Option<Party>,
    pub began_at: Timestamp,
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub placed_by: Option<StaffRef>,
    /// Who was consulted on the placement, or why not and by when.
    #[serde(default)]
    pub consulted: Option<String>,
    #[serde(default)]
    pub consents: Vec<String>,
    #[serde(default)]
    pub routines: Option<String>,
    #[serde(default)]
    pub school: Option<String>,
    #[serde(default)]
    pub emergency_contact: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthEssentials {
    pub header: Header,
    pub person: RecordId,
    #[serde(default)]
    pub allergies: Vec<Allergy>,
    #[serde(default)]
    pub conditions: Vec<String>,
    #[serde(default)]
    pub medications: Vec<Medication>,
    #[serde(default)]
    pub practitioner: Option<String>,
    #[serde(default)]
    pub last_check_on: Option<Date>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allergy {
    pub to: String,
    #[serde(default)]
    pub reaction: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medication {
    pub name: String,
    #[serde(default)]
    pub dose: Option<String>,
    /// When and how it is given.
    #[serde(default)]
    pub given: Option<String>,
}

/// Whom a child sees, how and under whose eyes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContactArrangement {
    pub header: Header,
    pub child: RecordId,
    #[serde(default)]
    pub with: Vec<RecordId>,
    #[serde(default)]
    pub case: Option<RecordId>,
    #[serde(default)]
    pub how_often: Option<String>,
    #[serde(default)]
    pub place: Option<String>,
    /// None when it is not supervised.
    #[serde(default)]
    pub supervised_by: Option<String>,
    #[serde(default)]
    pub next_at: Option<Timestamp>,
    #[serde(default)]
    pub suspended: bool,
    #[serde(default)]
    pub conditions: Option<String>,
}

impl Placement {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        std::iter::once(&self.child).chain(&self.carers).collect()
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        self.case.iter().collect()
    }
}

impl ContactArrangement {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        std::iter::once(&self.child).chain(&self.with).collect()
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        self.case.iter().collect()
    }
}

of_person!(HealthEssentials);
