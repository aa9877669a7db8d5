//! Draws the case of a family: status, allocation, reports, alerts, plan, notes and tasks.

use super::staff::Office;
use super::{Draft, Family, care, forms, legal, texts};
use crate::standin::model::Sensitivity;
use crate::standin::model::casework::{
    AlertKind, Case, CaseStatus, ConcernReport, ContractedTask, Note, NoteClass, NoteVersion,
    Reporter, RiskLevel, SafetyPlan, Screening, Task, TaskKind, Transfer,
};
use crate::standin::model::people::{Missing, Sighting};
use crate::standin::register::Kind;

/// Adds a case for a family and everything that hangs on it.
pub(super) fn add_case(draft: &mut Draft, family: &Family) {
    if family.children.is_empty() || family.adults.is_empty() {
        return;
    }
    let case = drawn_case(draft, family);
    draft.register.cases.put(case.clone());
    for _ in 0..draft.draw.between(1, 4) {
        add_concern_report(draft, family, &case);
    }
    add_alerts(draft, family, &case);
    let open = case.status != CaseStatus::Closed;
    let notes = if open { draft.draw.between(2, 9) } else { draft.draw.between(1, 3) };
    for _ in 0..notes {
        add_note(draft, family, &case);
    }
    if open {
        add_sightings(draft, family, &case);
        add_plan(draft, family, &case);
        add_tasks(draft, &case);
        add_transfer(draft, family.office, &case);
        legal::add_orders(draft, family, &case);
        care::add_care(draft, family, &case);
    }
}

fn drawn_case(draft: &mut Draft, family: &Family) -> Case {
    const STATUSES: [CaseStatus; 5] = [
        CaseStatus::Assessment,
        CaseStatus::Assessment,
        CaseStatus::FamilySupport,
        CaseStatus::Reunification,
        CaseStatus::Guardianship,
    ];
    const LEVELS: [RiskLevel; 5] = [
        RiskLevel::Low,
        RiskLevel::Moderate,
        RiskLevel::Moderate,
        RiskLevel::High,
        RiskLevel::VeryHigh,
    ];
    let id = draft.register.next_id(Kind::Cases);
    let title = format!("{} family", family.children[0].family_name);
    let mut case = forms::case(id, title, family.office, &draft.when);
    let opened_days = draft.draw.between(3, 1200);
    case.updated_at = draft.when.minutes(-draft.draw.between(30, opened_days * 1440));
    case.opened_on = draft.when.day(-opened_days);
    case.child_ids = family.children.iter().map(|child| child.id.clone()).collect();
    case.adult_ids =
        family.adults.iter().chain(&family.elsewhere).map(|adult| adult.id.clone()).collect();
    case.risk_level = LEVELS[draft.draw.below(LEVELS.len())];
    case.risk_assessed_on =
        draft.draw.chance(90).then(|| draft.when.day(-draft.draw.between(0, opened_days)));
    if draft.draw.chance(36) {
        case.status = CaseStatus::Closed;
        case.closed_on = Some(draft.when.day(-draft.draw.between(0, opened_days)));
        case.unallocated = false;
        case.key_worker_id = Some(family.office.worker_id(2));
        return case;
    }
    case.status = match family.office.slug {
        "youth-justice" => CaseStatus::YouthJustice,
        _ => STATUSES[draft.draw.below(STATUSES.len())],
    };
    case.voluntary = case.status == CaseStatus::FamilySupport && draft.draw.chance(60);
    share_out(draft, &mut case);
    if draft.draw.chance(2) {
        case.sensitivity = Sensitivity::Restricted;
        case.restricted_reason = Some("Adoption record".to_owned());
    }
    allocate(draft, family.office, &mut case);
    case
}

/// Has another agency do part of the work; the department stays accountable.
fn share_out(draft: &mut Draft, case: &mut Case) {
    let agency = draft.draw.pick(&texts::AGENCIES).to_owned();
    if draft.draw.chance(15) {
        case.contracted_tasks.push(ContractedTask {
            agency: agency.clone(),
            task: "Parenting support, two visits a week".to_owned(),
            until_on: Some(draft.when.day(draft.draw.between(10, 180))),
        });
    }
    if draft.draw.chance(10) {
        case.case_management_agency = agency;
        case.takes_back_if =
            Some("A child is not seen for seven days, or a new report is screened in".to_owned());
    }
}

/// Gives the case to a worker; the first third of an office carries most, as real ones do.
fn allocate(draft: &mut Draft, office: &'static Office, case: &mut Case) {
    let carrying = (office.workers / 3).max(2);
    // The lesser of two draws leans towards the first ones.
    let drawn = draft.draw.below(carrying).min(draft.draw.below(carrying));
    let number = 2 + drawn;
    case.team = office.team(number);
    case.supervisor_id = office.leader_id(number);
    if draft.draw.chance(92) {
        let worker = office.worker_id(number);
        *draft.caseloads.entry(worker.clone()).or_default() += 1;
        case.key_worker_id = Some(worker);
        case.unallocated = false;
    }
}

fn add_concern_report(draft: &mut Draft, family: &Family, case: &Case) {
    const SCREENINGS: [Screening; 4] =
        [Screening::Tier1, Screening::Tier2, Screening::Tier3, Screening::ScreenedOut];
    let draw = &mut draft.draw;
    let fresh = case.status == CaseStatus::Assessment && draw.chance(12);
    let minutes = if fresh { draw.between(20, 1800) } else { draw.between(3000, 1_400_000) };
    let received_at = draft.when.minutes(-minutes);
    let screening = match fresh && draw.chance(25) {
        true => Screening::Waiting,
        false => SCREENINGS[draw.below(SCREENINGS.len())],
    };
    let due = match screening {
        Screening::Tier1 => Some(24),
        Screening::Tier2 => Some(7 * 24),
        Screening::Tier3 => Some(28 * 24),
        Screening::Waiting | Screening::ScreenedOut => None,
    };
    let response_due_at = due.map(|hours| draft.when.minutes(hours * 60 - minutes));
    let child = &family.children[draw.below(family.children.len())];
    let (name, phone, source_type) = texts::REPORTERS[draw.below(texts::REPORTERS.len())];
    let narrative = draw.pick(&texts::NARRATIVES);
    let worker = super::staff::office("report-line").worker_id(2 + draw.below(30));
    let report = ConcernReport {
        id: draft.register.next_id(Kind::ConcernReports),
        updated_at: received_at,
        received_at,
        child_ids: case.child_ids.clone(),
        case_id: Some(case.id.clone()),
        concern_category: draw.pick(&texts::CONCERNS).to_owned(),
        narrative: texts::fill(narrative, &child.given_names, &family.adults[0].given_names),
        reporter: Reporter {
            name: name.to_owned(),
            phone: phone.to_owned(),
            source_type: source_type.to_owned(),
        },
        screening,
        response_due_at,
        responded_at: (!fresh && due.is_some()).then(|| draft.when.minutes(600 - minutes)),
        outcome: (!fresh).then(|| draw.pick(&texts::OUTCOMES).to_owned()),
        lodged_by_worker_id: Some(worker),
        receiving_office: String::new(),
    };
    if fresh && report.response_due_at.is_some() {
        add_response_task(draft, case, &report);
    }
    draft.register.concern_reports.put(report);
}

fn add_response_task(draft: &mut Draft, case: &Case, report: &ConcernReport) {
    let Some(due_at) = report.response_due_at else { return };
    let task = Task {
        id: draft.register.next_id(Kind::Tasks),
        updated_at: report.updated_at,
        case_id: Some(case.id.clone()),
        child_ids: report.child_ids.clone(),
        concern_report_id: Some(report.id.clone()),
        kind: TaskKind::Response,
        title: format!("Respond to {}", report.id),
        clock_started_at: report.received_at,
        due_at,
        assigned_to_id: case.key_worker_id.clone(),
        done_at: None,
    };
    draft.register.tasks.put(task);
}

fn add_alerts(draft: &mut Draft, family: &Family, case: &Case) {
    let adult = family.elsewhere.as_ref().unwrap_or(&family.adults[0]);
    let drawn = [
        (12, AlertKind::Violence, draft.draw.pick(&texts::ALERTS_VIOLENCE)),
        (4, AlertKind::Weapons, "Rifle seen in the house; licence not checked."),
        (10, AlertKind::Dog, draft.draw.pick(&texts::ALERTS_DOG)),
        (4, AlertKind::VisitWithPolice, "Visit with police only."),
        (8, AlertKind::VisitInPairs, "Visit in pairs."),
        (2, AlertKind::SelfHarm, "Self-harm in the last three months; ask directly."),
    ];
    for (percent, kind, text) in drawn {
        if !draft.draw.chance(percent) {
            continue;
        }
        let id = draft.register.next_id(Kind::SafetyAlerts);
        let raised_at = draft.when.minutes(-draft.draw.between(60, 500_000));
        let text = texts::fill(text, &family.children[0].given_names, &adult.given_names);
        let mut alert = forms::alert(id, kind, &text, raised_at);
        alert.case_id = Some(case.id.clone());
        match kind {
            AlertKind::Violence | AlertKind::Weapons => alert.person_id = Some(adult.id.clone()),
            AlertKind::SelfHarm => alert.person_id = Some(family.children[0].id.clone()),
            _ => alert.household_id = Some(family.household_id.clone()),
        }
        alert.review_on = Some(draft.when.day(draft.draw.between(-20, 90)));
        draft.register.safety_alerts.put(alert);
    }
}

fn add_note(draft: &mut Draft, family: &Family, case: &Case) {
    let id = draft.register.next_id(Kind::Notes);
    let days = draft.draw.between(0, 540);
    let written_at = draft.when.minutes(-(days * 1440 + draft.draw.between(30, 900)));
    let author_id = case.key_worker_id.clone().unwrap_or_else(|| case.supervisor_id.clone());
    let author = draft.register.workers.get(&author_id).map_or("", |w| w.name.as_str()).to_owned();
    let child = family.children[draft.draw.below(family.children.len())].given_names.clone();
    let adult = &family.adults[0].given_names;
    let draw = &mut draft.draw;
    let text = [
        draw.pick(&texts::NOTE_OPENINGS),
        draw.pick(&texts::NOTE_MIDDLES),
        draw.pick(&texts::NOTE_MIDDLES),
        draw.pick(&texts::NOTE_ENDINGS),
    ]
    .join(" ");
    let text = texts::fill(&text, &child, adult);
    let mut note = Note {
        kind: draw.pick(&texts::NOTE_KINDS).to_owned(),
        happened_at: written_at - jiff::SignedDuration::from_mins(draw.between(10, 900)),
        text,
        ..forms::note(id, case, (author_id, author), written_at)
    };
    if draw.chance(4) {
        note.class = NoteClass::Intake;
    } else if draw.chance(2) {
        note.class = NoteClass::LegalAdvice;
    }
    if draw.chance(10) {
        let because = draw.pick(&texts::CORRECTIONS);
        correct_once(&mut note, because);
    }
    draft.register.notes.put(note);
}

/// Keeps what the note said as its first version.
fn correct_once(note: &mut Note, because: &str) {
    note.history.push(NoteVersion {
        version: 1,
        written_at: note.written_at,
        author_id: note.author_id.clone(),
        text: note.text.clone(),
        corrected_because: because.to_owned(),
    });
    note.version = 2;
    note.text.push_str(" (Corrected: ");
    note.text.push_str(&because.to_lowercase());
    note.text.push_str(".)");
}

fn add_sightings(draft: &mut Draft, family: &Family, case: &Case) {
    for child in &family.children {
        let mut child = child.clone();
        if draft.draw.chance(85) {
            let worker_id =
                case.key_worker_id.clone().unwrap_or_else(|| case.supervisor_id.clone());
            let name = draft.register.workers.get(&worker_id).map_or("", |w| w.name.as_str());
            let by = format!("{name}, {}", case.office);
            child.last_sighted = Some(Sighting {
                at: draft.when.minutes(-draft.draw.between(60, 60_000)),
                by_worker_id: Some(worker_id),
                by,
                place: draft.draw.pick(&texts::SIGHTED_AT).to_owned(),
            });
        }
        if draft.draw.below(400) == 0 {
            let since = draft.when.minutes(-draft.draw.between(90, 4000));
            child.missing = Some(Missing {
                since,
                police_told_at: Some(since + jiff::SignedDuration::from_mins(45)),
                police_reference: Some(format!("SYN{:06}", draft.draw.below(1_000_000))),
            });
        }
        draft.register.persons.put(child);
    }
}

fn add_plan(draft: &mut Draft, family: &Family, case: &Case) {
    if !draft.draw.chance(30) {
        return;
    }
    let (child, adult) = (&family.children[0].given_names, &family.adults[0].given_names);
    let first = draft.draw.below(texts::PLAN_STEPS.len());
    let steps = (0..3)
        .map(|n| texts::PLAN_STEPS[(first + n) % texts::PLAN_STEPS.len()])
        .map(|step| texts::fill(step, child, adult))
        .collect();
    let agreed_days = draft.draw.between(1, 150);
    let plan = SafetyPlan {
        id: draft.register.next_id(Kind::SafetyPlans),
        updated_at: draft.when.days(-agreed_days),
        case_id: case.id.clone(),
        agreed_on: draft.when.day(-agreed_days),
        review_on: draft.when.day(90 - agreed_days),
        agreed_with_ids: family.adults.iter().map(|adult| adult.id.clone()).collect(),
        steps,
        if_it_fails: "Ring the crisis team on (08) 5550 0199, day and night.".to_owned(),
    };
    draft.register.safety_plans.put(plan);
}

fn add_tasks(draft: &mut Draft, case: &Case) {
    const TASKS: [(TaskKind, &str); 4] = [
        (TaskKind::Visit, "Monthly visit"),
        (TaskKind::Review, "Three-month review of the case plan"),
        (TaskKind::HealthCheck, "Health check of each child"),
        (TaskKind::Visit, "Visit to the placement"),
    ];
    for (kind, title) in TASKS {
        if !draft.draw.chance(30) {
            continue;
        }
        let due_at = draft.when.minutes(draft.draw.between(-9000, 40_000));
        let task = Task {
            id: draft.register.next_id(Kind::Tasks),
            updated_at: draft.when.days(-draft.draw.between(1, 40)),
            case_id: Some(case.id.clone()),
            child_ids: case.child_ids.clone(),
            concern_report_id: None,
            kind,
            title: title.to_owned(),
            clock_started_at: due_at - jiff::SignedDuration::from_hours(28 * 24),
            due_at,
            assigned_to_id: case.key_worker_id.clone(),
            done_at: None,
        };
        draft.register.tasks.put(task);
    }
}

fn add_transfer(draft: &mut Draft, from: &Office, case: &Case) {
    if !draft.draw.chance(4) {
        return;
    }
    let to = if from.slug == "elizabeth" { "Noarlunga" } else { "Elizabeth" };
    let requested_days = draft.draw.between(1, 40);
    let accepted = draft.draw.chance(60);
    let transfer = Transfer {
        id: draft.register.next_id(Kind::Transfers),
        updated_at: draft.when.days(-requested_days),
        case_id: case.id.clone(),
        from_office: from.title.to_owned(),
        to_office: to.to_owned(),
        requested_at: draft.when.days(-requested_days),
        accepted_at: accepted.then(|| draft.when.days(1 - requested_days)),
        responsible_until_accepted: from.title.to_owned(),
        outstanding: if accepted { Vec::new() } else { vec!["Joint visit".to_owned()] },
    };
    draft.register.transfers.put(transfer);
}
