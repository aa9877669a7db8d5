//! Where a child is placed, what keeps them well, and whom they see.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Header, Party, RecordId};

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
    /// The carer's or house's name as the source writes it.
    #[serde(default)]
    pub carer_name: Option<String>,
    #[serde(default)]
    pub telephone: Option<String>,
    /// None when it is protected.
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub agency: Option<Party>,
    #[serde(default)]
    pub from: Option<Date>,
    #[serde(default)]
    pub until: Option<Date>,
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
    pub allergies: Vec<String>,
    #[serde(default)]
    pub conditions: Vec<String>,
    #[serde(default)]
    pub medications: Vec<Medication>,
    /// Who may consent to treatment: "the chief executive for surgery, the carer for the rest".
    #[serde(default)]
    pub consents: Option<String>,
    #[serde(default)]
    pub doctor: Option<Party>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medication {
    pub name: String,
    #[serde(default)]
    pub dose: Option<String>,
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
    pub text: String,
    #[serde(default)]
    pub supervised: bool,
    /// Contact is not allowed at all.
    #[serde(default)]
    pub forbidden: bool,
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
