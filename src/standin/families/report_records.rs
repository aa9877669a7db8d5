//! Makes the concern reports of the documented situations, with the clocks that run for them.

use jiff::Timestamp;

use super::staff::office;
use super::{Draft, texts};
use crate::standin::model::casework::{Case, ConcernReport, Reporter, Screening, Task, TaskKind};
use crate::standin::situations as at;

/// What was reported, when, and what became of it.
struct Told {
    case_id: &'static str,
    received_at: Timestamp,
    category: &'static str,
    narrative: &'static str,
    screening: Screening,
    /// None while the response is open.
    outcome: Option<&'static str>,
}

pub(super) fn add(draft: &mut Draft) {
    let placed_at = draft.when.last_time_at(2);
    let earlier = [
        (at::NEWBORN_CASE, -2400, "Neglect", "Baby left alone for a night.", "Child removed"),
        (at::NEWBORN_CASE, -1700, "Parental substance use", "Positive at birth.", "Child removed"),
        (
            at::NEWBORN_CASE,
            -700,
            "Medical neglect",
            "Left the ward with the baby.",
            "Child removed",
        ),
        (
            at::PROTECTED_CASE,
            -300,
            "Domestic violence",
            "Police called at night.",
            "Not substantiated",
        ),
        (at::PROTECTED_CASE, -80, "Domestic violence", "She was strangled.", "Substantiated"),
    ];
    let earlier = earlier.map(|(case_id, days, category, narrative, outcome)| Told {
        case_id,
        received_at: draft.when.days(days),
        category,
        narrative,
        screening: Screening::Tier1,
        outcome: Some(outcome),
    });
    let open = [
        Told {
            case_id: at::NEWBORN_CASE,
            received_at: draft.when.days(-12),
            category: "Unborn child",
            narrative: "Antenatal clinic: 36 weeks, two visits in all.",
            screening: Screening::Tier2,
            outcome: None,
        },
        Told {
            case_id: at::PROTECTED_CASE,
            received_at: draft.when.hours(-19),
            category: "Domestic violence",
            narrative: "He asks around where the children go to school.",
            screening: Screening::Tier1,
            outcome: None,
        },
        Told {
            case_id: at::KIN_CASE,
            received_at: placed_at - jiff::SignedDuration::from_hours(2),
            category: "Inadequate supervision",
            narrative: "Police found the boy alone at the service station at midnight.",
            screening: Screening::Tier1,
            outcome: None,
        },
    ];
    for (position, told) in earlier.into_iter().chain(open).enumerate() {
        if let Some(case) = draft.register.cases.get(told.case_id).cloned() {
            add_report(draft, position + 1, &case, &told);
        }
    }
}

fn add_report(draft: &mut Draft, number: usize, case: &Case, told: &Told) {
    let hours = if told.screening == Screening::Tier1 { 24 } else { 7 * 24 };
    let due_at = told.received_at + jiff::SignedDuration::from_hours(hours);
    let (name, phone, source_type) = texts::REPORTERS[number % texts::REPORTERS.len()];
    let report = ConcernReport {
        id: format!("N-50{number:03}"),
        updated_at: told.received_at,
        received_at: told.received_at,
        child_ids: case.child_ids.clone(),
        case_id: Some(case.id.clone()),
        concern_category: told.category.to_owned(),
        narrative: told.narrative.to_owned(),
        reporter: Reporter {
            name: name.to_owned(),
            phone: phone.to_owned(),
            source_type: source_type.to_owned(),
        },
        screening: told.screening,
        response_due_at: Some(due_at),
        responded_at: told.outcome.map(|_| told.received_at + jiff::SignedDuration::from_hours(20)),
        outcome: told.outcome.map(str::to_owned),
        lodged_by_worker_id: Some(office("report-line").worker_id(3)),
        receiving_office: String::new(),
    };
    if told.outcome.is_none() {
        draft.register.tasks.put(Task {
            id: format!("K-800{:02}", 10 + number),
            updated_at: told.received_at,
            case_id: Some(case.id.clone()),
            child_ids: case.child_ids.clone(),
            concern_report_id: Some(report.id.clone()),
            kind: TaskKind::Response,
            title: format!("Respond to {}", report.id),
            clock_started_at: told.received_at,
            due_at,
            assigned_to_id: case.key_worker_id.clone(),
            done_at: None,
        });
    }
    draft.register.concern_reports.put(report);
}
