//! Persons, where they live, and how they belong together.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::Sensitivity;

/// A child, a parent, a carer or anybody else a case speaks of.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// `P-10432`.
    pub id: String,
    pub updated_at: Timestamp,
    pub family_name: String,
    pub given_names: String,
    pub preferred_name: Option<String>,
    pub aliases: Vec<Alias>,
    /// None for an unborn child and where nobody knows.
    pub born_on: Option<Date>,
    pub born_on_estimated: bool,
    pub deceased_on: Option<Date>,
    pub unborn: Option<Unborn>,
    pub sex: Sex,
    pub role: PersonRole,
    pub disability: Option<String>,
    pub language: String,
    /// The interpreter to bring; none when none is needed.
    pub interpreter: Option<String>,
    pub culture: Culture,
    pub household_id: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub last_sighted: Option<Sighting>,
    pub missing: Option<Missing>,
    pub sensitivity: Sensitivity,
}

impl Person {
    /// Given names and family name, as printed.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.given_names, self.family_name)
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Alias {
    pub name: String,
    pub kind: AliasKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AliasKind {
    KnownAs,
    FormerName,
    OtherSpelling,
}

#[derive(Clone, Debug, Serialize)]
pub struct Unborn {
    pub due_on: Date,
    pub hospital: String,
    pub plan: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    Female,
    Male,
    Unspecified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonRole {
    Child,
    Adult,
    Carer,
}

/// Cultural identity and who said so; empty where nobody has asked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Culture {
    /// "Aboriginal", "Torres Strait Islander", "Māori", "Vietnamese" …
    pub identity: Option<String>,
    /// Who said so and when: "mother, at first visit".
    pub said_by: Option<String>,
    pub country: Option<String>,
    pub language_group: Option<String>,
    /// Kin to ask first, in words.
    pub kin: Option<String>,
    pub aboriginal_organisation: Option<String>,
    pub iwi: Option<String>,
    pub hapu: Option<String>,
    pub whanau: Option<String>,
    pub marae: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Sighting {
    pub at: Timestamp,
    pub by_worker_id: Option<String>,
    /// Name and position, also of people outside the department.
    pub by: String,
    pub place: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Missing {
    pub since: Timestamp,
    pub police_told_at: Option<Timestamp>,
    pub police_reference: Option<String>,
}

/// An address and those who live there.
#[derive(Clone, Debug, Serialize)]
pub struct Household {
    /// `H-20017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub address: Address,
    pub phone: Option<String>,
    /// Withheld from the persons below and everybody related to them.
    pub protected: bool,
    pub protected_from_ids: Vec<String>,
    pub protected_reason: Option<String>,
    /// Gate, stairs, where to park, in words.
    pub access: Option<String>,
    pub sensitivity: Sensitivity,
}

#[derive(Clone, Debug, Serialize)]
pub struct Address {
    /// `17 Example Street`.
    pub street: String,
    pub locality: String,
    pub postcode: String,
    pub state: String,
}

/// Read as "`person_id` is `kind` of `other_id`"; the opposite direction is not written.
#[derive(Clone, Debug, Serialize)]
pub struct Relationship {
    /// `R-40017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub person_id: String,
    pub kind: RelationshipKind,
    pub other_id: String,
    pub since_on: Option<Date>,
    pub ended_on: Option<Date>,
    pub contact_restricted: bool,
    /// By what and how, where contact is restricted.
    pub restriction: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationshipKind {
    Parent,
    Grandparent,
    Sibling,
    AuntOrUncle,
    Partner,
    FormerPartner,
    Carer,
    LivesWith,
}
