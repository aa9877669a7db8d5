//! People, where they live and how they are related.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Header, RecordId};

/// A child, parent, carer or anybody else the case file names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    pub header: Header,
    /// As the source writes it, given name first.
    pub name: String,
    /// What they want to be called, where that differs.
    #[serde(default)]
    pub preferred_name: Option<String>,
    #[serde(default)]
    pub given_name: Option<String>,
    #[serde(default)]
    pub family_name: Option<String>,
    #[serde(default)]
    pub aliases: Vec<Alias>,
    /// True also when the day is not known; pages warn *before* they show the name.
    #[serde(default)]
    pub deceased: bool,
    #[serde(default)]
    pub deceased_on: Option<Date>,
    #[serde(default)]
    pub born_on: Option<Date>,
    #[serde(default)]
    pub birth_estimated: bool,
    #[serde(default)]
    pub sex: Option<Sex>,
    #[serde(default)]
    pub role: Option<PersonRole>,
    #[serde(default)]
    pub disability: Option<String>,
    #[serde(default)]
    pub language: Option<String>,
    /// The language an interpreter is needed for.
    #[serde(default)]
    pub interpreter: Option<String>,
    #[serde(default)]
    pub culture: Option<Culture>,
    /// Where they live; the household may be of the restricted tier and then is not found.
    #[serde(default)]
    pub household: Option<RecordId>,
    /// Set when they live somewhere that this tier does not hold: ring, do not conclude.
    #[serde(default)]
    pub address_withheld: bool,
    #[serde(default)]
    pub telephone: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
}

/// Another name somebody is known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub name: String,
    /// "former-name", "other-spelling".
    #[serde(default)]
    pub kind: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    Female,
    Male,
    Other,
}

/// What somebody is in the case file; age alone does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonRole {
    Child,
    Adult,
    Carer,
}

/// Cultural identity, always with who said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culture {
    /// "Aboriginal", "Māori", "Samoan".
    #[serde(default)]
    pub identity: Option<String>,
    /// Who said so: "the mother, 3 May 2022".
    #[serde(default)]
    pub stated_by: Option<String>,
    /// Country: "Adnyamathanha".
    #[serde(default)]
    pub country: Option<String>,
    #[serde(default)]
    pub language_group: Option<String>,
    /// Kin who may speak for the child.
    #[serde(default)]
    pub kin: Option<String>,
    #[serde(default)]
    pub organisation: Option<String>,
    #[serde(default)]
    pub iwi: Option<String>,
    #[serde(default)]
    pub hapu: Option<String>,
    #[serde(default)]
    pub whanau: Option<String>,
    #[serde(default)]
    pub marae: Option<String>,
}

/// Where people live together: a home, a refuge, a residential house.
///
/// When `protected`, address and telephone are withheld from `withheld_from` and their kin, in
/// results and print too. Refuges and protected carers are of the restricted tier altogether.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Household {
    pub header: Header,
    pub address: String,
    #[serde(default)]
    pub telephone: Option<String>,
    #[serde(default)]
    pub protected: bool,
    #[serde(default)]
    pub withheld_from: Vec<RecordId>,
    #[serde(default)]
    pub protected_because: Option<String>,
    /// How to get in: "gate code at the office", "dog in the yard".
    #[serde(default)]
    pub access: Option<String>,
}

/// How one person is related to another: `from` is the `kind` of `to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relationship {
    pub header: Header,
    pub from: RecordId,
    pub to: RecordId,
    pub kind: RelationshipKind,
    /// The source's own word, where it says more than `kind`: "maternal aunt".
    #[serde(default)]
    pub described: Option<String>,
    #[serde(default)]
    pub lives_with: bool,
    #[serde(default)]
    pub carer: bool,
    /// Contact between the two is restricted or forbidden.
    #[serde(default)]
    pub contact_restricted: bool,
    #[serde(default)]
    pub restriction: Option<String>,
    #[serde(default)]
    pub since_on: Option<Date>,
    #[serde(default)]
    pub ended_on: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationshipKind {
    Parent,
    StepParent,
    Child,
    Sibling,
    Grandparent,
    AuntOrUncle,
    Kin,
    Partner,
    ExPartner,
    Carer,
    LivesWith,
    Other,
}

impl Person {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        vec![&self.header.id]
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        Vec::new()
    }
}

impl Relationship {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        vec![&self.from, &self.to]
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        Vec::new()
    }
}

impl Household {
    pub(super) fn person_ids(&self) -> Vec<&RecordId> {
        Vec::new()
    }

    pub(super) fn case_ids(&self) -> Vec<&RecordId> {
        Vec::new()
    }
}
