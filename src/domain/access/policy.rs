//! The rules themselves, one small function each: ties, matters, conflicts, jurisdictions.

use jiff::Timestamp;

use super::{Basis, CaseTie, Jurisdiction, Listing, Matter, Opening, Subject};
use crate::domain::ids::OfficeId;
use crate::domain::session::{Account, Authority, Cover, Role, Session};

/// Why this role opens this record, if it does.
pub(super) fn basis(
    session: &Session,
    role: Role,
    subject: &Subject,
    opening: Option<&Opening>,
    now: Timestamp,
) -> Option<Basis> {
    let account = &session.account;
    let tied = subject.cases.iter().filter_map(|case| tie(account, role, case, now)).min();
    tied.or_else(|| {
        let by_reason = opening?;
        if by_reason.is_reviewed() {
            super::Action::OpenWithoutUsualAccess
                .roles()
                .contains(&role)
                .then_some(Basis::WithoutUsualAccess)
        } else {
            (role == Role::Intake).then_some(Basis::Screening)
        }
    })
}

/// How one case is tied to a person in one role, the closest tie first.
fn tie(account: &Account, role: Role, case: &CaseTie, now: Timestamp) -> Option<Basis> {
    let is_me = |staff: &Option<String>| staff.is_some() && *staff == account.staff_id;
    let own = account.cases.contains(&case.case) || is_me(&case.key_worker);
    let team = case.team.as_ref().is_some_and(|team| account.teams.contains(team));
    let rostered =
        || account.rostered.iter().any(|roster| roster.is_on(now) && covers(&roster.covers, case));
    match role {
        Role::Student => (own && account.supervisor.is_some()).then_some(Basis::Caseload),
        Role::AgencyWorker => {
            let tie = account.agency.as_ref().filter(|tie| now < tie.ends_at)?;
            case.agencies.contains(&tie.agency).then_some(Basis::Agency)
        }
        Role::CourtOfficer => case.before_court.then_some(Basis::BeforeCourt),
        Role::TeamLeader if case.unallocated => {
            let here = case.team.is_none()
                && case.office.as_deref().is_some_and(|office| is_office(office, &account.office));
            let supervises = is_me(&case.supervised_by);
            (supervises || here || team).then_some(Basis::Supervises)
        }
        // Intake knows everything exists, and opens with a reason even what its own team holds.
        Role::Intake => own.then_some(Basis::Caseload),
        Role::CaseWorker
        | Role::CrisisWorker
        | Role::TeamLeader
        | Role::OnCallManager
        | Role::PracticeLead
        | Role::CulturalLead
        | Role::YouthJusticeWorker => {
            if own {
                Some(Basis::Caseload)
            } else if team {
                Some(Basis::Team)
            } else {
                rostered().then_some(Basis::Rostered)
            }
        }
        Role::PrivacyReviewer | Role::Operations | Role::Executive | Role::ContinuityManager => {
            None
        }
    }
}

/// Whether the case system means this office: "Port Augusta" is `port-augusta`.
fn is_office(text: &str, office: &OfficeId) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).eq(office.as_str().split('-').map(str::to_owned))
}

fn covers(cover: &Cover, case: &CaseTie) -> bool {
    match cover {
        Cover::Everywhere => true,
        Cover::Offices(offices) => case
            .office
            .as_ref()
            .is_some_and(|office| offices.iter().any(|one| is_office(office, one))),
    }
}

/// The matters a role reads, authorities included.
pub(super) fn matters(session: &Session, role: Role) -> Vec<Matter> {
    let mut matters = match role {
        Role::CaseWorker
        | Role::CrisisWorker
        | Role::TeamLeader
        | Role::OnCallManager
        | Role::PracticeLead
        | Role::Student => CASE_FILE.to_vec(),
        Role::Intake => [CASE_FILE, &[Matter::ReportNarrative]].concat(),
        Role::CulturalLead => CULTURE.to_vec(),
        Role::CourtOfficer => COURT.to_vec(),
        Role::AgencyWorker => AGENCY.to_vec(),
        Role::YouthJusticeWorker => YOUTH_JUSTICE.to_vec(),
        Role::PrivacyReviewer | Role::Operations | Role::Executive | Role::ContinuityManager => {
            return Vec::new();
        }
    };
    if session.account.has_authority(Authority::YouthOffending) {
        matters.push(Matter::YouthOffending);
    }
    if role == Role::YouthJusticeWorker && session.account.has_authority(Authority::ChildProtection)
    {
        matters.extend_from_slice(CASE_FILE);
    }
    matters
}

const CASE_FILE: &[Matter] = &[
    Matter::Identity,
    Matter::Safety,
    Matter::Culture,
    Matter::Household,
    Matter::Responsibility,
    Matter::Legal,
    Matter::Placement,
    Matter::SafetyPlan,
    Matter::Health,
    Matter::Contact,
    Matter::Concern,
    Matter::Note,
    Matter::Task,
];

const CULTURE: &[Matter] = &[
    Matter::Identity,
    Matter::Safety,
    Matter::Culture,
    Matter::Household,
    Matter::Responsibility,
    Matter::Legal,
    Matter::Placement,
    Matter::Contact,
];

const COURT: &[Matter] = &[
    Matter::Identity,
    Matter::Safety,
    Matter::Household,
    Matter::Responsibility,
    Matter::Legal,
    Matter::Placement,
    Matter::Contact,
    Matter::Task,
];

/// What another agency needs for its part of a case: neither reports nor the department's notes.
const AGENCY: &[Matter] = &[
    Matter::Identity,
    Matter::Safety,
    Matter::Culture,
    Matter::Household,
    Matter::Responsibility,
    Matter::Legal,
    Matter::Placement,
    Matter::SafetyPlan,
    Matter::Health,
    Matter::Contact,
    Matter::Task,
];

/// What keeps a young person safe in custody, and their offending; nothing of the care file.
const YOUTH_JUSTICE: &[Matter] = &[
    Matter::Identity,
    Matter::Safety,
    Matter::Culture,
    Matter::Responsibility,
    Matter::Health,
    Matter::YouthOffending,
];

/// Kin by declaration, a shared address, or the case system's own list; never by surname.
pub(super) fn in_conflict(session: &Session, subject: &Subject) -> bool {
    let account = &session.account;
    let home = account.home_address.as_deref().map(normal_address);
    account.staff_id.as_ref().is_some_and(|id| subject.conflicted.contains(id))
        || account.kin.contains(&subject.record)
        || account.kin.iter().any(|kin| subject.family.contains(kin))
        || home.is_some_and(|home| {
            !home.is_empty()
                && subject.addresses.iter().any(|address| normal_address(address) == home)
        })
}

/// Letters and digits in lower case, so that punctuation and spacing do not hide a shared home.
fn normal_address(address: &str) -> String {
    address.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether the file lies wholly in a jurisdiction this person has no authority for.
pub(super) fn across_without_authority(session: &Session, subject: &Subject) -> bool {
    !subject.jurisdictions.is_empty()
        && !subject.jurisdictions.iter().any(|&one| in_reach(&session.account, one))
}

fn in_reach(account: &Account, jurisdiction: Jurisdiction) -> bool {
    let youth = account.has_role(Role::YouthJusticeWorker);
    match jurisdiction {
        Jurisdiction::YouthJustice => youth || account.has_authority(Authority::YouthOffending),
        Jurisdiction::ChildProtection => {
            account.roles.iter().any(|role| *role != Role::YouthJusticeWorker)
                || account.has_authority(Authority::ChildProtection)
        }
    }
}

/// What a result may say of somebody else's record.
pub(super) fn stranger_listing(session: &Session) -> Listing {
    let listings = session.account.roles.iter().map(|role| match role {
        Role::Intake | Role::CrisisWorker | Role::OnCallManager => Listing::Alerts,
        Role::CaseWorker
        | Role::TeamLeader
        | Role::PracticeLead
        | Role::CulturalLead
        | Role::CourtOfficer
        | Role::YouthJusticeWorker => Listing::Existence,
        Role::AgencyWorker
        | Role::Student
        | Role::PrivacyReviewer
        | Role::Operations
        | Role::Executive
        | Role::ContinuityManager => Listing::Hidden,
    });
    listings.max().unwrap_or(Listing::Hidden)
}
