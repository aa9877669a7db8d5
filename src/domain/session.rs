//! Who somebody is while they are signed in: their account in the directory and how they proved it.
//!
//! An account is what the signed directory says of a person; a session is an account with the
//! assurance of one sign-in. What a session may see is decided in [`super::access`], never here.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{CohortId, OfficeId, PersonId};

/// What a person does, as far as pages differ by it.
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
pub enum Role {
    CaseWorker,
    CrisisWorker,
    Intake,
    TeamLeader,
    OnCallManager,
    PracticeLead,
    CulturalLead,
    CourtOfficer,
    YouthJusticeWorker,
    AgencyWorker,
    Student,
    PrivacyReviewer,
    Operations,
    Executive,
    ContinuityManager,
}

impl Role {
    pub const ALL: [Self; 15] = [
        Self::CaseWorker,
        Self::CrisisWorker,
        Self::Intake,
        Self::TeamLeader,
        Self::OnCallManager,
        Self::PracticeLead,
        Self::CulturalLead,
        Self::CourtOfficer,
        Self::YouthJusticeWorker,
        Self::AgencyWorker,
        Self::Student,
        Self::PrivacyReviewer,
        Self::Operations,
        Self::Executive,
        Self::ContinuityManager,
    ];

    /// The word on pages.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::CaseWorker => "Case worker",
            Self::CrisisWorker => "Crisis worker",
            Self::Intake => "Intake",
            Self::TeamLeader => "Team leader",
            Self::OnCallManager => "On-call manager",
            Self::PracticeLead => "Practice lead",
            Self::CulturalLead => "Cultural lead",
            Self::CourtOfficer => "Court officer",
            Self::YouthJusticeWorker => "Youth justice worker",
            Self::AgencyWorker => "Agency worker",
            Self::Student => "Student on placement",
            Self::PrivacyReviewer => "Privacy reviewer",
            Self::Operations => "Operations",
            Self::Executive => "Executive",
            Self::ContinuityManager => "Continuity manager",
        }
    }
}

/// A permission beyond the role, granted by name in the directory.
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
pub enum Authority {
    /// Records of the restricted tier.
    Restricted,
    /// Youth-offending records for somebody who works in child protection.
    YouthOffending,
    /// Child-protection records for somebody who works in youth justice.
    ChildProtection,
}

/// Offices whose cases a person covers on a shift, beside their own and their teams'.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    pub covers: Cover,
    /// Inclusive; none means from the directory's date.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub from_at: Option<Timestamp>,
    /// Exclusive; none means until the directory says otherwise.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub until_at: Option<Timestamp>,
}

impl Roster {
    /// Whether the shift is on at `now`.
    #[must_use]
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.from_at.is_none_or(|from| from <= now) && self.until_at.is_none_or(|until| now < until)
    }
}

/// Whose cases a shift covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cover {
    Everywhere,
    Offices(BTreeSet<OfficeId>),
}

/// What ties a person of another agency to us, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgencyTie {
    /// The agency's name as the case system writes it.
    pub agency: String,
    /// Who in the department answers for this account.
    pub sponsor: PersonId,
    #[schemars(with = "String")]
    pub ends_at: Timestamp,
}

/// A person as the directory knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub person: PersonId,
    pub name: String,
    pub roles: BTreeSet<Role>,
    /// The worker's record id in the case system, by which cases name their workers.
    #[serde(default)]
    pub staff_id: Option<String>,
    /// The cohort an open order names, so that a copy opened for some is not open to all.
    pub cohort: CohortId,
    pub office: OfficeId,
    /// Teams as the case system writes them.
    #[serde(default)]
    pub teams: BTreeSet<String>,
    /// Case ids of the case system that are this person's own.
    #[serde(default)]
    pub cases: BTreeSet<String>,
    #[serde(default)]
    pub rostered: Vec<Roster>,
    #[serde(default)]
    pub agency: Option<AgencyTie>,
    /// Who supervises a student.
    #[serde(default)]
    pub supervisor: Option<PersonId>,
    #[serde(default)]
    pub authorities: BTreeSet<Authority>,
    /// Persons in the case system this person declared as kin; it only ever restricts.
    #[serde(default)]
    pub kin: BTreeSet<String>,
    /// Where this person lives, compared with addresses on file; it only ever restricts.
    #[serde(default)]
    pub home_address: Option<String>,
    /// The last instant of the employment, exclusive.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ends_at: Option<Timestamp>,
}

impl Account {
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    #[must_use]
    pub fn has_authority(&self, authority: Authority) -> bool {
        self.authorities.contains(&authority)
    }

    /// Whether employment and sponsorship both run at `now`.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
            && self.agency.as_ref().is_none_or(|tie| now < tie.ends_at)
    }
}

/// How a person proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assurance {
    /// A passphrase and a time-based code, checked against the directory with nothing else up.
    PassphraseAndCode,
}

impl Assurance {
    /// The word in the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PassphraseAndCode => "passphrase-and-code",
        }
    }
}

/// Names a session in the audit trail; it opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionRef(pub String);

impl std::fmt::Display for SessionRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One sign-in of one person, as it stands at the moment of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub reference: SessionRef,
    pub account: Account,
    pub assurance: Assurance,
    pub signed_in_at: Timestamp,
    /// When it ends however busy it is.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether this session can be used at all at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.account.is_current(now)
    }

    /// The roles in words, for the head of a page.
    #[must_use]
    pub fn titles(&self) -> String {
        self.account.roles.iter().map(|role| role.title()).collect::<Vec<_>>().join(", ")
    }
}

/// Whom to ring, as every page of the portal and every refusal says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phones {
    /// The emergency number of the country: 000, 111.
    pub emergency: String,
    #[serde(default)]
    pub on_call_supervisor: Option<String>,
    /// Who approves an emergency removal.
    #[serde(default)]
    pub removal_approver: Option<String>,
    #[serde(default)]
    pub cultural_lead: Option<String>,
    /// The Aboriginal organisation, or the iwi partner, on call.
    #[serde(default)]
    pub community_partner: Option<String>,
    /// Who answers for a record nobody is named for, and confirms what a copy does not say.
    #[serde(default)]
    pub duty_line: Option<String>,
    /// Who takes questions about who saw what.
    #[serde(default)]
    pub privacy_officer: Option<String>,
}
