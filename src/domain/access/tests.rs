//! The decision table: each of the ten people of a profile with a page allowed and one refused,
//! and the properties no combination of facts may break.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::domain::ids::{CohortId, OfficeId};
use crate::domain::session::{Account, AgencyTie, Assurance, Cover, Roster};

const NOW: &str = "2023-03-01T09:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn session(roles: &[Role]) -> Session {
    Session {
        reference: SessionRef("s-1".into()),
        account: Account {
            person: PersonId::new("p-one").unwrap(),
            name: "Synthetic-Worker".into(),
            roles: roles.iter().copied().collect(),
            staff_id: Some("w-noarlunga-07".into()),
            cohort: CohortId::new("noarlunga").unwrap(),
            office: OfficeId::new("noarlunga").unwrap(),
            teams: BTreeSet::new(),
            cases: BTreeSet::new(),
            rostered: Vec::new(),
            agency: None,
            supervisor: None,
            authorities: BTreeSet::new(),
            kin: BTreeSet::new(),
            home_address: None,
            ends_at: None,
        },
        assurance: Assurance::PassphraseAndCode,
        signed_in_at: now(),
        expires_at: now() + std::time::Duration::from_secs(12 * 3600),
    }
}

fn subject() -> Subject {
    Subject {
        record: "P-1".into(),
        matter: Matter::Identity,
        restricted: false,
        jurisdictions: [Jurisdiction::ChildProtection].into(),
        cases: vec![CaseTie {
            case: "C-1".into(),
            team: Some("noarlunga-2".into()),
            office: Some("noarlunga".into()),
            key_worker: Some("w-noarlunga-01".into()),
            ..CaseTie::default()
        }],
        family: ["P-1".to_owned(), "P-2".to_owned()].into(),
        addresses: vec!["12 Example Street, Noarlunga".into()],
        conflicted: BTreeSet::new(),
        ring: Ring { who: "Noarlunga team 2".into(), phone: Some("(08) 5550 0121".into()) },
    }
}

fn open(session: &Session, subject: &Subject) -> Result<Grant, Refusal> {
    decide(session, Action::OpenPerson, subject, None, now())
}

fn everywhere() -> Vec<Roster> {
    vec![Roster { covers: Cover::Everywhere, from_at: None, until_at: None }]
}

#[test]
fn the_on_call_manager_reads_anything_on_shift_and_no_restricted_record() {
    let mut manager = session(&[Role::OnCallManager]);
    manager.account.rostered = everywhere();
    assert_eq!(open(&manager, &subject()).unwrap().basis(), Basis::Rostered);
    let hidden = Subject { restricted: true, ..subject() };
    assert_eq!(open(&manager, &hidden), Err(Refusal::NotHere));
    manager.account.rostered[0].until_at = Some(now());
    assert!(matches!(open(&manager, &subject()), Err(Refusal::NotYours { .. })), "shift is over");
}

#[test]
fn the_practice_lead_reads_the_teams_led_and_not_the_register() {
    let mut lead = session(&[Role::PracticeLead]);
    assert!(matches!(open(&lead, &subject()), Err(Refusal::NotYours { .. })));
    lead.account.teams.insert("noarlunga-2".into());
    assert_eq!(open(&lead, &subject()).unwrap().basis(), Basis::Team);
    assert!(permit(&lead, Action::ReadRegister, now()).is_err());
}

#[test]
fn the_cultural_lead_reads_culture_and_neither_health_nor_notes() {
    let mut lead = session(&[Role::CulturalLead]);
    lead.account.teams.insert("noarlunga-2".into());
    let grant = open(&lead, &subject()).unwrap();
    assert!(grant.shows(Matter::Culture, false));
    assert!(!grant.shows(Matter::Health, false) && !grant.shows(Matter::Note, false));
    assert_eq!(
        decide(&lead, Action::ReadCourt, &subject(), None, now()),
        Err(Refusal::Role(Action::ReadCourt))
    );
}

#[test]
fn the_court_officer_reads_matters_before_the_court_and_no_health() {
    let officer = session(&[Role::CourtOfficer]);
    let mut before_court = subject();
    before_court.cases[0].before_court = true;
    let grant = open(&officer, &before_court).unwrap();
    assert!(grant.shows(Matter::Legal, false) && !grant.shows(Matter::Health, false));
    assert!(matches!(open(&officer, &subject()), Err(Refusal::NotYours { .. })));
}

#[test]
fn intake_knows_everybody_exists_and_opens_with_a_reason() {
    let intake = session(&[Role::Intake]);
    assert_eq!(listing(&intake, &subject(), now()), Listing::Alerts);
    let refused = open(&intake, &subject()).unwrap_err();
    assert!(matches!(
        refused,
        Refusal::NotYours { screening: true, without_usual_access: false, .. }
    ));
    let opening =
        Opening::new(&intake, &subject(), (ReasonCode::Screening, "Report about the baby"), now())
            .unwrap();
    assert!(!opening.is_reviewed());
    let grant = decide(&intake, Action::OpenPerson, &subject(), Some(&opening), now()).unwrap();
    assert_eq!(grant.basis(), Basis::Screening);
    assert!(grant.shows(Matter::ReportNarrative, false));
}

#[test]
fn the_crisis_worker_reads_on_shift_and_no_narrative() {
    let mut worker = session(&[Role::CrisisWorker]);
    worker.account.rostered = everywhere();
    let grant = open(&worker, &subject()).unwrap();
    assert!(grant.shows(Matter::Safety, false) && !grant.shows(Matter::ReportNarrative, false));
    assert!(permit(&worker, Action::ReviewOpenings, now()).is_err());
}

#[test]
fn the_agency_worker_reads_the_agencys_cases_until_the_end_date() {
    let mut worker = session(&[Role::AgencyWorker]);
    worker.account.agency = Some(AgencyTie {
        agency: "Example Family Services".into(),
        sponsor: PersonId::new("p-sponsor").unwrap(),
        ends_at: now() + std::time::Duration::from_secs(60),
    });
    assert_eq!(open(&worker, &subject()), Err(Refusal::NotHere));
    let mut theirs = subject();
    theirs.cases[0].agencies.insert("Example Family Services".into());
    let grant = open(&worker, &theirs).unwrap();
    assert!(!grant.shows(Matter::Note, false) && !grant.shows(Matter::Concern, false));
    let after = now() + std::time::Duration::from_secs(60);
    assert_eq!(
        decide(&worker, Action::OpenPerson, &theirs, None, after),
        Err(Refusal::SessionOver)
    );
}

#[test]
fn the_student_reads_own_cases_under_supervision_and_breaks_no_glass() {
    let mut student = session(&[Role::Student]);
    student.account.cases.insert("C-1".into());
    student.account.teams.insert("noarlunga-2".into());
    assert_eq!(open(&student, &subject()), Err(Refusal::NotHere), "nobody supervises");
    student.account.supervisor = PersonId::new("p-supervisor").ok();
    assert_eq!(open(&student, &subject()).unwrap().basis(), Basis::Caseload);
    let mut other = subject();
    other.cases[0].case = "C-2".into();
    assert_eq!(open(&student, &other), Err(Refusal::NotHere), "the team's case is not theirs");
    let reason = (ReasonCode::VisitNow, "I am at their door");
    assert!(Opening::new(&student, &other, reason, now()).is_err());
}

#[test]
fn last_weeks_leaver_reads_nothing() {
    let mut leaver = session(&[Role::CaseWorker]);
    leaver.account.cases.insert("C-1".into());
    assert!(open(&leaver, &subject()).is_ok());
    leaver.account.ends_at = "2023-02-22T00:00:00Z".parse().ok();
    assert_eq!(open(&leaver, &subject()), Err(Refusal::SessionOver));
    assert_eq!(listing(&leaver, &subject(), now()), Listing::Hidden);
}

#[test]
fn the_privacy_reviewer_reviews_openings_and_reads_no_file() {
    let reviewer = session(&[Role::PrivacyReviewer]);
    assert_eq!(permit(&reviewer, Action::ReviewOpenings, now()), Ok(()));
    assert_eq!(open(&reviewer, &subject()), Err(Refusal::Role(Action::OpenPerson)));
}

#[test]
fn an_unallocated_case_is_the_team_leaders() {
    let mut leader = session(&[Role::TeamLeader]);
    let mut unallocated = subject();
    unallocated.cases[0].key_worker = None;
    unallocated.cases[0].unallocated = true;
    assert!(open(&leader, &unallocated).is_err());
    unallocated.cases[0].supervised_by = Some("w-noarlunga-07".into());
    assert_eq!(open(&leader, &unallocated).unwrap().basis(), Basis::Supervises);
    leader.account.staff_id = None;
    unallocated.cases[0].supervised_by = None;
    assert!(open(&leader, &unallocated).is_err(), "two unknowns are not the same person");
}

#[test]
fn youth_offending_and_child_protection_do_not_cross() {
    let mut worker = session(&[Role::YouthJusticeWorker]);
    worker.account.teams.insert("noarlunga-2".into());
    assert_eq!(open(&worker, &subject()), Err(Refusal::NotHere));
    let mut both = subject();
    both.jurisdictions.insert(Jurisdiction::YouthJustice);
    let grant = open(&worker, &both).unwrap();
    assert!(grant.shows(Matter::YouthOffending, false) && !grant.shows(Matter::Concern, false));
    let mut carer = session(&[Role::CaseWorker]);
    carer.account.teams.insert("noarlunga-2".into());
    assert!(!open(&carer, &both).unwrap().shows(Matter::YouthOffending, false));
    carer.account.authorities.insert(Authority::YouthOffending);
    assert!(open(&carer, &both).unwrap().shows(Matter::YouthOffending, false));
}

#[test]
fn kin_and_a_shared_home_conflict_and_a_surname_does_not() {
    let mut worker = session(&[Role::CaseWorker]);
    worker.account.cases.insert("C-1".into());
    worker.account.kin.insert("P-2".into());
    let refused = open(&worker, &subject()).unwrap_err();
    assert_eq!(refused.ring().unwrap().who, "Noarlunga team 2");
    worker.account.kin.clear();
    worker.account.home_address = Some("12 example street  Noarlunga".into());
    assert!(matches!(open(&worker, &subject()), Err(Refusal::Conflict(_))));
    assert_eq!(listing(&worker, &subject(), now()), Listing::Existence);
    worker.account.home_address = Some("13 Example Street, Noarlunga".into());
    assert!(open(&worker, &subject()).is_ok());
}

#[test]
fn a_protected_address_shows_to_its_own_workers_and_never_on_the_page_it_is_kept_from() {
    let protection = AddressProtection { protected: true, kept_from: ["P-9".to_owned()].into() };
    let mut worker = session(&[Role::CaseWorker]);
    worker.account.cases.insert("C-1".into());
    assert!(open(&worker, &subject()).unwrap().shows_address(&protection));
    let page_of_the_violent_one = Subject { record: "P-9".into(), ..subject() };
    assert!(!open(&worker, &page_of_the_violent_one).unwrap().shows_address(&protection));
    let stranger = session(&[Role::CaseWorker]);
    let reason = (ReasonCode::VisitNow, "I am at their door");
    let opening = Opening::new(&stranger, &subject(), reason, now()).unwrap();
    let grant = decide(&stranger, Action::OpenPerson, &subject(), Some(&opening), now()).unwrap();
    assert_eq!(grant.basis(), Basis::WithoutUsualAccess);
    assert!(!grant.shows_address(&protection));
    assert!(grant.shows_address(&AddressProtection::default()));
}

#[test]
fn an_opening_needs_words_ends_and_holds_for_one_record_and_session() {
    let worker = session(&[Role::CaseWorker]);
    let short = (ReasonCode::VisitNow, "   because ");
    assert_eq!(Opening::new(&worker, &subject(), short, now()), Err(Refusal::WordsMissing));
    let reason = (ReasonCode::VisitNow, "I am at their door");
    let opening = Opening::new(&worker, &subject(), reason, now()).unwrap();
    let read = |session: &Session, subject: &Subject, at| {
        decide(session, Action::OpenPerson, subject, Some(&opening), at)
    };
    assert!(read(&worker, &subject(), now()).is_ok());
    let after = now() + OPENING_WINDOW;
    assert!(read(&worker, &subject(), after).is_err());
    let other_record = Subject { record: "P-3".into(), ..subject() };
    assert!(read(&worker, &other_record, now()).is_err());
    let mut other_session = worker.clone();
    other_session.reference = SessionRef("s-2".into());
    assert!(read(&other_session, &subject(), now()).is_err());
}

fn any_session() -> impl Strategy<Value = Session> {
    let roles = proptest::sample::subsequence(Role::ALL.to_vec(), 0..=4);
    (roles, any::<[bool; 6]>()).prop_map(
        |(roles, [cases, team, shift, agency, kin, restricted])| {
            let mut session = session(&roles);
            let account = &mut session.account;
            account.supervisor = PersonId::new("p-supervisor").ok();
            if cases {
                account.cases.insert("C-1".into());
            }
            if team {
                account.teams.insert("noarlunga-2".into());
            }
            if shift {
                account.rostered = everywhere();
            }
            if agency {
                account.agency = Some(AgencyTie {
                    agency: "Example Family Services".into(),
                    sponsor: PersonId::new("p-sponsor").unwrap(),
                    ends_at: Timestamp::MAX,
                });
            }
            if kin {
                account.kin.insert("P-2".into());
            }
            if restricted {
                account.authorities.insert(Authority::Restricted);
            }
            session
        },
    )
}

fn any_subject() -> impl Strategy<Value = Subject> {
    (proptest::sample::select(Matter::ALL.to_vec()), any::<[bool; 5]>()).prop_map(
        |(matter, [restricted, conflicted, agency, court, unallocated])| {
            let mut subject = Subject { matter, restricted, ..subject() };
            if conflicted {
                subject.conflicted.insert("w-noarlunga-07".into());
            }
            if agency {
                subject.cases[0].agencies.insert("Example Family Services".into());
            }
            subject.cases[0].before_court = court;
            subject.cases[0].unallocated = unallocated;
            subject
        },
    )
}

proptest! {
    #[test]
    fn no_grant_arises_from_a_conflict_an_unknown_matter_or_the_wrong_tier(
        session in any_session(),
        subject in any_subject(),
        code in proptest::sample::select(ReasonCode::ALL.to_vec()),
        action in proptest::sample::select(Action::ALL.to_vec()),
    ) {
        let opening = Opening::new(&session, &subject, (code, "I am at their door"), now());
        let opening = opening.ok();
        if let Ok(grant) = decide(&session, action, &subject, opening.as_ref(), now()) {
            prop_assert!(subject.matter != Matter::Unknown);
            prop_assert!(subject.conflicted.is_empty() && session.account.kin.is_empty());
            let may = session.account.has_authority(Authority::Restricted);
            prop_assert!(!subject.restricted || may);
            prop_assert!(!grant.shows(Matter::Unknown, false));
            prop_assert!(action.roles().iter().any(|role| session.account.has_role(*role)));
            let narrative = grant.shows(Matter::ReportNarrative, false);
            prop_assert!(!narrative || session.account.has_role(Role::Intake));
            prop_assert!(!grant.shows(Matter::YouthOffending, false)
                || session.account.has_role(Role::YouthJusticeWorker));
        }
        if session.account.roles.iter().all(|role| {
            matches!(role, Role::Student | Role::AgencyWorker | Role::PrivacyReviewer)
        }) && let Some(opening) = opening {
            prop_assert!(false, "{:?} opened without usual access", opening.code());
        }
    }
}
