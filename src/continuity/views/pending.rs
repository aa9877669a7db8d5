//! What waits for one person: acknowledgements, decisions and checklists, over all plans in force.

use jiff::Timestamp;
use serde::Serialize;

use super::timeline::{self, ActivationView, ChecklistView, StepStatus};
use super::{ActivationLine, activation_and_plan, open_activations};
use crate::domain::ids::{PersonId, PlaybookStepId};
use crate::domain::incident::Phase;
use crate::domain::people::People;
use crate::store::{Store, StoreError};

/// One thing a person is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pending {
    pub activation: ActivationLine,
    pub what: PendingWhat,
    pub title: String,
    pub due_at: Option<Timestamp>,
    pub late: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PendingWhat {
    Acknowledge(PlaybookStepId),
    Decide(PlaybookStepId),
    Checklist(ChecklistView),
    StandDown,
    Accept,
}

/// What waits for a person now, plan by plan in the order in which they were opened.
///
/// # Errors
/// When the database cannot be read.
pub async fn pending(
    store: &Store,
    people: &People,
    person: &PersonId,
    now: Timestamp,
) -> Result<Vec<Pending>, StoreError> {
    let mut all = Vec::new();
    for line in open_activations(store).await? {
        let Some((state, playbook)) = activation_and_plan(store, &line.id).await? else {
            continue;
        };
        let holds = |roles: &[crate::domain::ids::RoleId]| {
            roles.iter().any(|role| people.may_answer(person, role, now))
        };
        let view = timeline::view(&state, &playbook, now);
        let mut add = |what, title: &str, due_at, late| {
            let (activation, title) = (line.clone(), title.to_owned());
            all.push(Pending { activation, what, title, due_at, late });
        };
        if state.phase == Phase::Proposed && holds(&playbook.activates) {
            add(PendingWhat::Accept, &playbook.title, None, false);
        }
        for step in &view.steps {
            let kept = state.steps.get(&step.id);
            let told = kept.and_then(|kept| kept.acknowledgement.as_ref());
            let late = step.status == StepStatus::Late;
            if step.acknowledgeable && told.is_some_and(|told| told.told.contains(person)) {
                let due_at = told.map(|told| told.due_at);
                add(PendingWhat::Acknowledge(step.id.clone()), &step.title, due_at, late);
            }
            let asked = step.approval.as_ref().filter(|asked| asked.open && holds(&asked.asked_of));
            if let Some(asked) = asked {
                add(PendingWhat::Decide(step.id.clone()), &step.title, asked.answer_by, late);
            }
        }
        for list in checklists(&view).filter(|list| holds(std::slice::from_ref(&list.audience))) {
            add(PendingWhat::Checklist(list.clone()), &playbook.title, None, false);
        }
        let offered = view.stand_down.approval.as_ref().filter(|asked| asked.open);
        if let Some(asked) = offered.filter(|asked| holds(&asked.asked_of)) {
            add(PendingWhat::StandDown, &playbook.title, asked.answer_by, false);
        }
    }
    Ok(all)
}

fn checklists(view: &ActivationView) -> impl Iterator<Item = &ChecklistView> {
    let of_steps = view.steps.iter().filter_map(|step| step.checklist.as_ref());
    of_steps.chain(&view.reconcile).filter(|list| list.open)
}
