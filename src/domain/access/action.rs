//! Everything a person can ask of Holdfast, and the roles that may ask it.
//!
//! One action per route: the route table in `web` names them, and the access matrix of the tests
//! is read off [`Action::roles`]. Whether a role may open one particular record is decided in the
//! parent module.

use serde::{Deserialize, Serialize};

use crate::domain::session::Role;

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The staff page, health and metrics: anybody on the staff network, no case data.
    ReadStaffPage,
    /// "It is not working for me."
    ReportNotWorking,
    SignIn,
    SignOut,
    /// The machine interface, for holders of a scoped token.
    ReadApi,

    FindPeople,
    OpenPerson,
    ScreenHousehold,
    ReadDue,
    ReadCourt,
    ReadCarerCall,
    ReadHandOver,
    OpenWithoutUsualAccess,
    ReviewOpenings,
    ReadWhoSawThis,

    ReadOperations,
    /// Acknowledge a step, tick a checklist item.
    ActOnStep,
    /// Approve, accept, decline, stand down.
    DecideActivation,
    StartActivation,
    Silence,
    DeclareMaintenance,
    ReadRegister,
    ReadReports,
}

impl Action {
    pub const ALL: [Self; 23] = [
        Self::ReadStaffPage,
        Self::ReportNotWorking,
        Self::SignIn,
        Self::SignOut,
        Self::ReadApi,
        Self::FindPeople,
        Self::OpenPerson,
        Self::ScreenHousehold,
        Self::ReadDue,
        Self::ReadCourt,
        Self::ReadCarerCall,
        Self::ReadHandOver,
        Self::OpenWithoutUsualAccess,
        Self::ReviewOpenings,
        Self::ReadWhoSawThis,
        Self::ReadOperations,
        Self::ActOnStep,
        Self::DecideActivation,
        Self::StartActivation,
        Self::Silence,
        Self::DeclareMaintenance,
        Self::ReadRegister,
        Self::ReadReports,
    ];

    /// The word in the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadStaffPage => "read-staff-page",
            Self::ReportNotWorking => "report-not-working",
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::ReadApi => "read-api",
            Self::FindPeople => "find-people",
            Self::OpenPerson => "open-person",
            Self::ScreenHousehold => "screen-household",
            Self::ReadDue => "read-due",
            Self::ReadCourt => "read-court",
            Self::ReadCarerCall => "read-carer-call",
            Self::ReadHandOver => "read-hand-over",
            Self::OpenWithoutUsualAccess => "open-without-usual-access",
            Self::ReviewOpenings => "review-openings",
            Self::ReadWhoSawThis => "read-who-saw-this",
            Self::ReadOperations => "read-operations",
            Self::ActOnStep => "act-on-step",
            Self::DecideActivation => "decide-activation",
            Self::StartActivation => "start-activation",
            Self::Silence => "silence",
            Self::DeclareMaintenance => "declare-maintenance",
            Self::ReadRegister => "read-register",
            Self::ReadReports => "read-reports",
        }
    }

    /// Whether anybody may ask it without signing in.
    #[must_use]
    pub const fn is_public(self) -> bool {
        matches!(self, Self::ReadStaffPage | Self::ReportNotWorking | Self::SignIn | Self::SignOut)
    }

    /// The roles that may ask it; none for public actions and for those that take a token.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::ReadStaffPage
            | Self::ReportNotWorking
            | Self::SignIn
            | Self::SignOut
            | Self::ReadApi => &[],
            Self::FindPeople | Self::OpenPerson => FRONT_LINE,
            Self::ScreenHousehold => &[Role::Intake, Role::CrisisWorker, Role::OnCallManager],
            Self::ReadDue => DUE,
            Self::ReadCourt => COURT,
            Self::ReadCarerCall => CARER_CALL,
            Self::ReadHandOver => HAND_OVER,
            Self::OpenWithoutUsualAccess => BREAK_GLASS,
            Self::ReviewOpenings => {
                &[Role::PrivacyReviewer, Role::PracticeLead, Role::CulturalLead]
            }
            Self::ReadWhoSawThis => &[Role::PrivacyReviewer],
            Self::ReadOperations => OPERATIONS_READERS,
            Self::ActOnStep => ON_THE_PLAN,
            Self::DecideActivation | Self::StartActivation => {
                &[Role::OnCallManager, Role::ContinuityManager, Role::Executive]
            }
            Self::Silence | Self::DeclareMaintenance => &[Role::Operations],
            Self::ReadRegister => &[Role::ContinuityManager, Role::Executive, Role::Operations],
            Self::ReadReports => {
                &[Role::Executive, Role::ContinuityManager, Role::Operations, Role::OnCallManager]
            }
        }
    }
}

/// Everybody who works with families.
const FRONT_LINE: &[Role] = &[
    Role::CaseWorker,
    Role::CrisisWorker,
    Role::Intake,
    Role::TeamLeader,
    Role::OnCallManager,
    Role::PracticeLead,
    Role::CulturalLead,
    Role::CourtOfficer,
    Role::YouthJusticeWorker,
    Role::AgencyWorker,
    Role::Student,
];

/// The department's own front line: neither students nor another agency's staff.
const BREAK_GLASS: &[Role] = &[
    Role::CaseWorker,
    Role::CrisisWorker,
    Role::TeamLeader,
    Role::OnCallManager,
    Role::PracticeLead,
    Role::CulturalLead,
    Role::CourtOfficer,
    Role::YouthJusticeWorker,
];

const DUE: &[Role] = &[
    Role::CaseWorker,
    Role::CrisisWorker,
    Role::Intake,
    Role::TeamLeader,
    Role::OnCallManager,
    Role::PracticeLead,
    Role::YouthJusticeWorker,
    Role::AgencyWorker,
];

const COURT: &[Role] = &[
    Role::CourtOfficer,
    Role::CaseWorker,
    Role::CrisisWorker,
    Role::TeamLeader,
    Role::OnCallManager,
    Role::PracticeLead,
];

const CARER_CALL: &[Role] = &[
    Role::CaseWorker,
    Role::CrisisWorker,
    Role::TeamLeader,
    Role::OnCallManager,
    Role::AgencyWorker,
];

const HAND_OVER: &[Role] = &[
    Role::YouthJusticeWorker,
    Role::CaseWorker,
    Role::CrisisWorker,
    Role::TeamLeader,
    Role::OnCallManager,
];

const OPERATIONS_READERS: &[Role] =
    &[Role::Operations, Role::OnCallManager, Role::ContinuityManager, Role::Executive];

const ON_THE_PLAN: &[Role] = &[
    Role::OnCallManager,
    Role::ContinuityManager,
    Role::Executive,
    Role::Operations,
    Role::TeamLeader,
    Role::PracticeLead,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_public_or_takes_a_role_or_a_token() {
        for action in Action::ALL {
            let takes_token = action == Action::ReadApi;
            assert_eq!(
                action.roles().is_empty(),
                action.is_public() || takes_token,
                "{}",
                action.as_str()
            );
        }
    }
}
