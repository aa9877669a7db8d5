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
    pub disability: Option<String>,
    #[serde(default)]
    pub language: Option<String>,
    /// The language an interpreter is needed for.
    #[serde(default)]
    pub interpreter: Option<String>,
    #[serde(default)]
    pub culture: Option<Culture>,
    /// Current one first. A protected address is never here.
    #[serde(default)]
    pub addresses: Vec<Address>,
    /// An address exists that the standard tier does not hold.
    #[serde(default)]
    pub address_protected: bool,
    #[serde(default)]
    pub telephones: Vec<String>,
}

/// Another name somebody is known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub name: String,
    /// "maiden name", "spelling in the police feed".
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    Female,
    Male,
    Other,
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
    pub iwi: Vec<String>,
    #[serde(default)]
    pub hapu: Option<String>,
    #[serde(default)]
    pub whanau: Option<String>,
    #[serde(default)]
    pub marae: Option<String>,
}

/// Where somebody lives or stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub text: String,
    /// "home", "refuge", "school", "work".
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub since: Option<Date>,
}

/// An address that must not be found by those who look for somebody: restricted tier only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProtectedAddress {
    pub header: Header,
    pub person: RecordId,
    pub address: Address,
    /// From whom: the people who must not learn it.
    #[serde(default)]
    pub withheld_from: Vec<RecordId>,
    #[serde(default)]
    pub reason: Option<String>,
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
    /// `from` must not learn that we called on `to`.
    #[serde(default)]
    pub must_not_learn: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationshipKind {
    Parent,
    StepParent,
    Child,
    Sibling,
    Grandparent,
    Kin,
    Partner,
    ExPartner,
    Carer,
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

of_person!(ProtectedAddress);
