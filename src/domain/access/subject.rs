//! What is known of a record before it is opened: the facts a decision is made on, and no others.
//!
//! `snapshots` draws these facts from the copy; nothing here is shown to anybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The sort of thing a record says, which decides who may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matter {
    Identity,
    /// Alerts for the safety of workers and children, sightings, missing, unborn.
    Safety,
    Culture,
    Household,
    /// Who is accountable, who manages the case, contracted tasks.
    Responsibility,
    Legal,
    Placement,
    SafetyPlan,
    Health,
    Contact,
    /// Category, date and outcome of a report, without source or words.
    Concern,
    /// The words of a report and notes of intake: intake only.
    ReportNarrative,
    Note,
    Task,
    YouthOffending,
    /// A class this version does not know: refused always.
    Unknown,
}

impl Matter {
    pub const ALL: [Self; 16] = [
        Self::Identity,
        Self::Safety,
        Self::Culture,
        Self::Household,
        Self::Responsibility,
        Self::Legal,
        Self::Placement,
        Self::SafetyPlan,
        Self::Health,
        Self::Contact,
        Self::Concern,
        Self::ReportNarrative,
        Self::Note,
        Self::Task,
        Self::YouthOffending,
        Self::Unknown,
    ];

    /// The words on pages.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Identity => "Person",
            Self::Safety => "Safety and sightings",
            Self::Culture => "Culture",
            Self::Household => "Household and relationships",
            Self::Responsibility => "Cases and who is accountable",
            Self::Legal => "Orders and hearings",
            Self::Placement => "Placement",
            Self::SafetyPlan => "Safety plan",
            Self::Health => "Health",
            Self::Contact => "Contact",
            Self::Concern => "Reports",
            Self::ReportNarrative => "Words of reports",
            Self::Note => "Notes",
            Self::Task => "Tasks",
            Self::YouthOffending => "Youth justice",
            Self::Unknown => "Unknown",
        }
    }
}

/// Which part of the department a file belongs to; neither sees the other's without authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jurisdiction {
    ChildProtection,
    YouthJustice,
}

/// How a case is tied to people at work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseTie {
    /// The case system's id.
    pub case: String,
    /// Team, office and staff ids as the case system writes them.
    pub team: Option<String>,
    pub office: Option<String>,
    pub key_worker: Option<String>,
    /// Agencies that manage the case or carry contracted tasks, as the case system writes them.
    pub agencies: BTreeSet<String>,
    /// No key worker: a team leader supervises it.
    pub unallocated: bool,
    pub supervised_by: Option<String>,
    /// An order is in force or a hearing is listed.
    pub before_court: bool,
}

/// Whom to ring about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    pub who: String,
    pub phone: Option<String>,
}

/// The record somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The case system's id of the person or case.
    pub record: String,
    pub matter: Matter,
    pub restricted: bool,
    pub jurisdictions: BTreeSet<Jurisdiction>,
    pub cases: Vec<CaseTie>,
    /// Everybody in the family's files, for the comparison with declared kin.
    pub family: BTreeSet<String>,
    /// Addresses on file, for the comparison with the requester's own.
    pub addresses: Vec<String>,
    /// Staff ids the case system names as conflicted.
    pub conflicted: BTreeSet<String>,
    pub ring: Ring,
}

/// An address and from whom it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressProtection {
    pub protected: bool,
    /// Persons who must not learn it: on their pages it is withheld from every reader.
    pub kept_from: BTreeSet<String>,
}
