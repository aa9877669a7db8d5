//! What people answer, and what happens when they do not.

use jiff::Timestamp;

use super::draft::{Draft, Notice};
use super::{Refusal, ending, steps};
use crate::continuity::activation::{ChecklistState, RECONCILE};
use crate::continuity::effect::{Act, Effect};
use crate::continuity::event::{Decided, Event, SkipReason};
use crate::continuity::timers::after;
use crate::domain::ids::{ChecklistItemId, FunctionId, PersonId, PlaybookStepId, RoleId};
use crate::domain::notice::NoticeKind;
use crate::domain::playbook::{
    Audience, Checklist, Escalation, IfNoAnswer, Notify, Proof, Step, Verb,
};

/// A bound on reminders and repeated questions, so that nothing mails for ever.
const MOST_REPEATS: u32 = 48;

/// Somebody takes it. Acknowledging twice changes nothing.
pub(super) fn acknowledge(
    draft: &mut Draft<'_>,
    step: &PlaybookStepId,
    by: &PersonId,
    via: &str,
) -> Result<(), Refusal> {
    let plan = step_of(draft, step)?;
    let waiting = draft.state.steps.get(step).and_then(|step| step.acknowledgement.as_ref());
    let waiting = waiting.ok_or(Refusal::NotAsked)?;
    if waiting.acknowledged.contains_key(by) {
        return Ok(());
    }
    if !waiting.told.contains(by) && !draft.entitled(by, &asked(plan)) {
        return Err(Refusal::NotEntitled(by.clone()));
    }
    let (id, via) = (step.clone(), via.to_owned());
    draft.emit(Event::Acknowledged { step: id, by: by.clone(), via });
    if draft.state.acknowledged(step) {
        if draft.state.steps.get(step).is_some_and(|step| step.is_pending()) {
            draft.emit(Event::StepDone { step: step.clone() });
        }
        withdraw(draft, vec![format!("{step}.if-nobody")]);
    }
    Ok(())
}

/// Roles whose holders may acknowledge a step.
fn asked(step: &Step) -> Vec<RoleId> {
    match &step.verb {
        Verb::Notify(Notify { to: Audience::Roles(roles), must_acknowledge, .. }) => {
            let next = must_acknowledge.as_ref().and_then(|must| must.if_nobody.as_ref());
            roles.iter().chain(next.into_iter().flat_map(|next| &next.notify)).cloned().collect()
        }
        Verb::Suspend(suspend) => vec![suspend.risk_accepted_by.clone()],
        _ => Vec::new(),
    }
}

/// Nobody acknowledged in time: the next ones are told, again and again up to the plan's number.
pub(super) fn escalate(draft: &mut Draft<'_>, id: &PlaybookStepId, due_at: Timestamp) {
    let Some(step) = draft.plan.playbook.step(id) else { return };
    let waiting = draft.state.steps.get(id).and_then(|step| step.acknowledgement.as_ref());
    let Some(number) = waiting.map(|waiting| waiting.escalations + 1) else { return };
    let next = match &step.verb {
        Verb::Notify(notify) => {
            notify.must_acknowledge.as_ref().and_then(|must| must.if_nobody.clone())
        }
        Verb::Suspend(suspend) => Some(Escalation {
            notify: vec![suspend.risk_accepted_by.clone()],
            every: steps::ACCEPT_RISK_WITHIN,
            up_to: 3,
        }),
        _ => None,
    };
    let next_at =
        next.as_ref().filter(|next| number < next.up_to).map(|next| after(draft.now, next.every));
    draft.emit(Event::Escalated { step: id.clone(), number, next_at });
    let Some(next) = next else { return };
    let recipients = draft.recipients(&next.notify);
    if recipients.is_empty() {
        for role in next.notify {
            draft.emit(Event::NobodyHolds { step: id.clone(), role });
        }
        return;
    }
    let say = format!("Nobody has acknowledged: {} ({number} of {}).", step.title, next.up_to);
    draft.notify(
        recipients,
        Notice {
            step: &format!("{id}.if-nobody"),
            kind: NoticeKind::Escalation,
            due_at,
            say: Some(say),
            act: Some(Act::Acknowledge(id.clone())),
            life_safety: matches!(step.verb, Verb::Notify(_)),
        },
    );
}

/// A vote for or against a step.
pub(super) fn vote(
    draft: &mut Draft<'_>,
    id: &PlaybookStepId,
    by: &PersonId,
    (approve, reason): (bool, &String),
) -> Result<(), Refusal> {
    let step = step_of(draft, id)?;
    let approval = step.approve.as_ref().ok_or(Refusal::NotAsked)?;
    let asked = draft.state.steps.get(id).and_then(|step| step.approval.as_ref());
    let asked = asked.filter(|asked| asked.is_open()).ok_or(Refusal::NotAsked)?;
    if !draft.entitled(by, &approval.by) {
        return Err(Refusal::NotEntitled(by.clone()));
    }
    if !approve && reason.trim().is_empty() {
        return Err(Refusal::ReasonMissing);
    }
    if approve && asked.votes.contains(by) {
        return Ok(());
    }
    let (step_id, by, reason) = (Some(id.clone()), by.clone(), reason.clone());
    draft.emit(Event::Voted { step: step_id.clone(), by, approve, reason });
    let votes =
        draft.state.steps.get(id).and_then(|step| Some(step.approval.as_ref()?.votes.len()));
    if !approve {
        draft.emit(Event::Decided { step: step_id, how: Decided::Refused });
        draft.emit(Event::StepSkipped { step: id.clone(), why: SkipReason::Refused });
    } else if votes.is_some_and(|votes| votes >= approval.votes as usize) {
        draft.emit(Event::Decided { step: step_id, how: Decided::Approved });
        steps::carry_out(draft, step, draft.now);
    } else {
        return Ok(());
    }
    withdraw(draft, vec![format!("{id}.approve")]);
    Ok(())
}

/// Nobody decided in time: the plan's default holds.
pub(super) fn unanswered(draft: &mut Draft<'_>, id: &PlaybookStepId) {
    let Some(step) = draft.plan.playbook.step(id) else { return };
    let Some(approval) = &step.approve else { return };
    let asked_so_far = draft.state.occurrences.get(&format!("{id}.approve")).copied();
    match approval.if_no_answer {
        Some(IfNoAnswer::AskAgain) if asked_so_far.unwrap_or_default() < MOST_REPEATS => {
            steps::ask(draft, step, approval, draft.now);
            return;
        }
        Some(IfNoAnswer::OpenByRule | IfNoAnswer::ProceedByRule) => {
            draft.emit(Event::Decided { step: Some(id.clone()), how: Decided::ByRule });
            let words = format!(
                "Nobody answered in time, so the plan's rule holds: {}. This was done without a \
                 person's decision.",
                step.title
            );
            draft.tell_owner(&format!("{id}.by-rule"), words);
            steps::carry_out(draft, step, draft.now);
        }
        Some(IfNoAnswer::Skip | IfNoAnswer::AskAgain) | None => {
            draft.emit(Event::Decided { step: Some(id.clone()), how: Decided::NoAnswer });
            draft.emit(Event::StepSkipped { step: id.clone(), why: SkipReason::NoAnswer });
        }
    }
    withdraw(draft, vec![format!("{id}.approve")]);
}

/// Ticks a line; where a second person is asked for, their tick completes it.
pub(super) fn tick(
    draft: &mut Draft<'_>,
    (id, item): (&PlaybookStepId, &ChecklistItemId),
    by: &PersonId,
    proof: Option<&str>,
) -> Result<(), Refusal> {
    let list = checklist(draft, id).ok_or_else(|| Refusal::UnknownStep(id.clone()))?;
    let state = draft.state.steps.get(id).and_then(|step| step.checklist.as_ref());
    let state = state.ok_or(Refusal::NotAsked)?;
    let line = list.items.iter().find(|line| line.id == *item);
    let line = line.ok_or_else(|| Refusal::UnknownItem(item.clone()))?;
    let mut roles = draft.plan.playbook.activates.clone();
    roles.push(list.audience.clone());
    if !draft.entitled(by, &roles) {
        return Err(Refusal::NotEntitled(by.clone()));
    }
    match state.ticks.get(item) {
        Some(tick) if list.second_person && tick.checked_by.is_none() => {
            if tick.by == *by {
                return Err(Refusal::SecondPersonNeeded(by.clone()));
            }
        }
        Some(_) => return Ok(()),
        None => match (line.proof, proof) {
            (Some(Proof::Count), proof)
                if proof.is_none_or(|count| count.trim().parse::<u32>().is_err()) =>
            {
                return Err(Refusal::CountMissing);
            }
            (Some(Proof::Words), proof) if proof.is_none_or(|words| words.trim().is_empty()) => {
                return Err(Refusal::WordsMissing);
            }
            _ => {}
        },
    }
    let (step, item, by) = (id.clone(), item.clone(), by.clone());
    draft.emit(Event::Ticked { step, item, by, proof: proof.map(str::to_owned) });
    let state = draft.state.steps.get(id);
    let pending = state.is_some_and(|step| step.is_pending());
    let done = state.and_then(|step| step.checklist.as_ref()).is_some_and(|s| complete(list, s));
    if pending && done && id.as_str() != RECONCILE {
        draft.emit(Event::StepDone { step: id.clone() });
    }
    ending::close_if_finished(draft);
    Ok(())
}

/// Whether every line that must be ticked is; every line, when none must.
pub(super) fn complete(list: &Checklist, state: &ChecklistState) -> bool {
    let any_must = list.items.iter().any(|item| item.must);
    list.items.iter().filter(|item| item.must || !any_must).all(|item| {
        state
            .ticks
            .get(&item.id)
            .is_some_and(|tick| !list.second_person || tick.checked_by.is_some())
    })
}

/// A checklist of a step, or reconciling's.
pub(super) fn checklist<'a>(draft: &Draft<'a>, id: &PlaybookStepId) -> Option<&'a Checklist> {
    let playbook = draft.plan.playbook;
    if id.as_str() == RECONCILE {
        return playbook.reconcile.as_ref().map(|reconcile| &reconcile.checklist);
    }
    match &playbook.step(id)?.verb {
        Verb::Checklist(list) => Some(list),
        _ => None,
    }
}

/// A checklist is not finished.
pub(super) fn remind(draft: &mut Draft<'_>, id: &PlaybookStepId, due_at: Timestamp) {
    let Some(list) = checklist(draft, id) else { return };
    let Some(state) = draft.state.steps.get(id).and_then(|step| step.checklist.as_ref()) else {
        return;
    };
    let open: Vec<String> = list
        .items
        .iter()
        .filter(|item| !state.ticks.contains_key(&item.id))
        .map(|item| format!("- {}", item.text))
        .collect();
    let again = list.remind.filter(|_| state.reminders < MOST_REPEATS);
    let next_at = again.map(|every| after(draft.now, every));
    draft.emit(Event::Reminded { step: id.clone(), next_at });
    let recipients = draft.recipients(std::slice::from_ref(&list.audience));
    draft.notify(
        recipients,
        Notice {
            step: &format!("{id}.remind"),
            kind: NoticeKind::Reminder,
            due_at,
            say: (!open.is_empty()).then(|| open.join("\n")),
            act: Some(Act::Tick(id.clone())),
            life_safety: false,
        },
    );
}

/// Takes a function up again by hand.
pub(super) fn resume(
    draft: &mut Draft<'_>,
    function: &FunctionId,
    by: &PersonId,
) -> Result<(), Refusal> {
    let suspended = draft.state.suspended().find(|one| one.function == *function);
    let risk_owner = suspended.map(|one| one.risk_owner.clone());
    let risk_owner = risk_owner.ok_or_else(|| Refusal::NotSuspended(function.clone()))?;
    let mut roles = draft.plan.playbook.activates.clone();
    roles.push(risk_owner);
    if !draft.entitled(by, &roles) {
        return Err(Refusal::NotEntitled(by.clone()));
    }
    draft.emit(Event::Resumed { function: function.clone(), by: Some(by.clone()) });
    Ok(())
}

fn step_of<'a>(draft: &Draft<'a>, id: &PlaybookStepId) -> Result<&'a Step, Refusal> {
    draft.plan.playbook.step(id).ok_or_else(|| Refusal::UnknownStep(id.clone()))
}

/// Notices that have become pointless before they went out are not sent.
pub(super) fn withdraw(draft: &mut Draft<'_>, steps: Vec<String>) {
    let activation = draft.state.header.id.clone();
    draft.effect(Effect::WithdrawNotices { activation, steps });
}
