//! Folds events into the state of an activation. It must not decide anything.

use jiff::Timestamp;

use super::activation::{
    AcknowledgementState, ActionState, Activation, ApprovalState, Progress, RECONCILE,
    StandDownState, StepState, Suspension, Tick,
};
use super::effect::{Act, NoticeRequest};
use super::event::{Decided, Event};
use crate::domain::ids::PlaybookStepId;
use crate::domain::incident::Phase;

/// The state after its first event; none when that is not a beginning.
#[must_use]
pub fn first(event: &Event, at: Timestamp) -> Option<Activation> {
    match event {
        Event::Started(header) => Some(Activation::begin(header.clone(), Phase::Active, at)),
        Event::Proposed(header) => Some(Activation::begin(header.clone(), Phase::Proposed, at)),
        _ => None,
    }
}

/// The state after one more event.
pub fn apply(state: &mut Activation, event: &Event, at: Timestamp) {
    match event {
        // Beginnings are handled by `first`.
        Event::Started(_) | Event::Proposed(_) | Event::NobodyHolds { .. } => {}
        Event::Accepted { .. } => {
            state.phase = Phase::Active;
            state.t0 = at;
        }
        Event::Declined { reason, .. } => {
            state.phase = Phase::Declined;
            state.closed_at = Some(at);
            state.closing_words = Some(reason.clone());
        }
        Event::TargetChanged(standing) => state.standing = Some(standing.clone()),
        Event::NoticeAsked(notice) => told(state, notice),
        Event::Told(recipients) => {
            for one in recipients {
                state.told.insert(one.person.clone(), one.clone());
            }
        }
        Event::JournalCounted { open } => state.journal_open = Some(*open),
        Event::VisitsCounted { open } => state.visits_open = *open,
        Event::Suspended { step, function, risk_owner } => state.suspensions.push(Suspension {
            step: step.clone(),
            function: function.clone(),
            risk_owner: risk_owner.clone(),
            accepted_by: None,
            from: at,
            until: None,
        }),
        Event::Resumed { function, .. } => {
            for one in state.suspensions.iter_mut().filter(|one| one.function == *function) {
                one.until.get_or_insert(at);
            }
        }
        Event::ApprovalAsked { .. } | Event::Voted { .. } | Event::Decided { .. } => {
            approval(state, event, at);
        }
        Event::StandDownOffered
        | Event::StandDownWithdrawn { .. }
        | Event::StandDownBegan { .. }
        | Event::StoodDown
        | Event::Relapsed
        | Event::Reconciling
        | Event::Closed => ending(state, event, at),
        _ => step(state, event, at),
    }
}

/// Events of one step.
fn step(state: &mut Activation, event: &Event, at: Timestamp) {
    match event {
        Event::StepBegan { step, due_at } => {
            state.steps.insert(
                step.clone(),
                StepState {
                    due_at: *due_at,
                    began_at: at,
                    progress: Progress::Pending,
                    approval: None,
                    acknowledgement: None,
                    checklist: None,
                    action: None,
                },
            );
        }
        Event::StepSkipped { step, why } => {
            progress(state, step, Progress::Skipped { at, why: *why });
        }
        Event::StepDone { step } => progress(state, step, Progress::Done { at }),
        Event::StepFailed { step, why } => {
            progress(state, step, Progress::Failed { at, why: why.clone() });
        }
        Event::ChecklistOpened { step, remind_at } => {
            if let Some(step) = state.steps.get_mut(step) {
                let list = step.checklist.get_or_insert_default();
                list.remind_at = *remind_at;
            }
        }
        Event::Ticked { step, item, by, proof } => {
            if let Some(list) = state.steps.get_mut(step).and_then(|s| s.checklist.as_mut()) {
                list.ticks
                    .entry(item.clone())
                    .and_modify(|tick| {
                        tick.checked_by.get_or_insert_with(|| by.clone());
                    })
                    .or_insert_with(|| Tick {
                        by: by.clone(),
                        at,
                        proof: proof.clone(),
                        checked_by: None,
                    });
            }
        }
        Event::Reminded { step, next_at } => {
            if let Some(list) = state.steps.get_mut(step).and_then(|s| s.checklist.as_mut()) {
                list.reminders += 1;
                list.remind_at = *next_at;
            }
        }
        Event::AcknowledgementAwaited { .. }
        | Event::Acknowledged { .. }
        | Event::Escalated { .. } => acknowledgement(state, event, at),
        _ => action(state, event, at),
    }
}

fn progress(state: &mut Activation, step: &PlaybookStepId, to: Progress) {
    if let Some(step) = state.steps.get_mut(step) {
        step.progress = to;
        if let Some(list) = &mut step.checklist {
            list.remind_at = None;
        }
    }
}

/// Everyone told is remembered, and may acknowledge the step the notice is for.
fn told(state: &mut Activation, notice: &NoticeRequest) {
    state.occurrences.insert(notice.key.step.clone(), notice.key.occurrence);
    for one in &notice.recipients {
        state.told.entry(one.person.clone()).or_insert_with(|| one.clone());
    }
    if let Some(Act::Acknowledge(step)) = &notice.act
        && let Some(waiting) = state.steps.get_mut(step).and_then(|s| s.acknowledgement.as_mut())
    {
        let persons = notice.recipients.iter().map(|one| one.person.clone());
        waiting.told.extend(persons);
        if waiting.first_told.is_empty() {
            waiting.first_told.clone_from(&waiting.told);
        }
    }
}

fn acknowledgement(state: &mut Activation, event: &Event, at: Timestamp) {
    match event {
        Event::AcknowledgementAwaited { step, by, due_at } => {
            if let Some(step) = state.steps.get_mut(step) {
                step.acknowledgement = Some(AcknowledgementState {
                    by: *by,
                    first_told: Default::default(),
                    told: Default::default(),
                    due_at: *due_at,
                    acknowledged: Default::default(),
                    satisfied_at: None,
                    escalations: 0,
                    escalate_at: Some(*due_at),
                });
            }
        }
        Event::Acknowledged { step, by, .. } => {
            let suspension =
                state.suspensions.iter_mut().find(|one| one.step == *step && one.until.is_none());
            if let Some(one) = suspension {
                one.accepted_by.get_or_insert_with(|| by.clone());
            }
            let waiting = state.steps.get_mut(step).and_then(|s| s.acknowledgement.as_mut());
            if let Some(waiting) = waiting {
                waiting.acknowledged.entry(by.clone()).or_insert(at);
                if waiting.suffices() {
                    waiting.satisfied_at.get_or_insert(at);
                    waiting.escalate_at = None;
                }
            }
        }
        Event::Escalated { step, number, next_at } => {
            let waiting = state.steps.get_mut(step).and_then(|s| s.acknowledgement.as_mut());
            if let Some(waiting) = waiting {
                waiting.escalations = *number;
                waiting.escalate_at = *next_at;
            }
        }
        _ => {}
    }
}

fn action(state: &mut Activation, event: &Event, at: Timestamp) {
    let (Event::CopyOpening { step, occurrence, .. }
    | Event::CopyClosing { step, occurrence, .. }
    | Event::ActionDone { step, occurrence, .. }
    | Event::ActionFailed { step, occurrence, .. }) = event
    else {
        return;
    };
    state.occurrences.insert(step.to_string(), *occurrence);
    if let Event::CopyClosing { opened_by, .. } = event {
        for opened in opened_by {
            if let Some(action) = state.steps.get_mut(opened).and_then(|s| s.action.as_mut()) {
                action.undone = true;
            }
        }
    }
    let Some(step) = state.steps.get_mut(step) else { return };
    let blank = ActionState {
        occurrence: *occurrence,
        opened: None,
        rehearsed: false,
        attempts: 0,
        retry_at: None,
        done_at: None,
        detail: String::new(),
        undone: false,
    };
    let action = step.action.get_or_insert(blank);
    action.occurrence = *occurrence;
    action.retry_at = None;
    match event {
        Event::CopyOpening { scope, rehearsed, .. } => {
            action.attempts += 1;
            action.opened = Some(scope.clone());
            action.rehearsed = *rehearsed;
        }
        Event::CopyClosing { .. } => action.attempts += 1,
        Event::ActionDone { detail, .. } => {
            action.done_at = Some(at);
            action.detail.clone_from(detail);
        }
        Event::ActionFailed { why, retry_at, .. } => {
            action.detail.clone_from(why);
            action.retry_at = *retry_at;
        }
        _ => {}
    }
}

fn approval(state: &mut Activation, event: &Event, at: Timestamp) {
    let (Event::ApprovalAsked { step, .. }
    | Event::Voted { step, .. }
    | Event::Decided { step, .. }) = event
    else {
        return;
    };
    let asked = match step {
        None => &mut state.stand_down.approval,
        Some(id) => match state.steps.get_mut(id) {
            Some(step) => &mut step.approval,
            None => return,
        },
    };
    match (event, asked) {
        (Event::ApprovalAsked { votes, answer_by, .. }, asked) => match asked {
            Some(again) => again.answer_by = *answer_by,
            None => {
                *asked = Some(ApprovalState {
                    asked_at: at,
                    answer_by: *answer_by,
                    votes_needed: *votes,
                    votes: Default::default(),
                    decided: None,
                    refused: None,
                });
            }
        },
        (Event::Voted { by, approve: true, .. }, Some(asked)) => {
            asked.votes.insert(by.clone());
        }
        (Event::Voted { by, approve: false, reason, .. }, Some(asked)) => {
            asked.refused = Some((by.clone(), reason.clone()));
        }
        (Event::Decided { how, .. }, Some(asked)) => {
            asked.decided = Some((*how, at));
            if let (Decided::Approved, Some(step)) = (how, step) {
                state.approved_before.insert(step.clone());
            }
        }
        _ => {}
    }
}

fn ending(state: &mut Activation, event: &Event, at: Timestamp) {
    match event {
        Event::StandDownOffered => {
            state.stand_down = StandDownState { offered_at: Some(at), ..Default::default() };
        }
        Event::StandDownWithdrawn { not_before } => {
            state.stand_down = StandDownState { not_before: *not_before, ..Default::default() };
        }
        Event::StandDownBegan { by, reason } => {
            state.phase = Phase::StandingDown;
            state.stand_down.approved_by.clone_from(by);
            if !reason.is_empty() {
                state.closing_words = Some(reason.clone());
            }
        }
        Event::StoodDown => state.stood_down_at = Some(at),
        Event::Relapsed => {
            state.phase = Phase::Active;
            state.round += 1;
            state.t0 = at;
            state.steps.clear();
            state.stand_down = StandDownState::default();
            state.stood_down_at = None;
            state.closed_at = None;
            state.closing_words = None;
            state.journal_open = None;
        }
        Event::Reconciling => {
            state.phase = Phase::Reconciling;
            if let Ok(step) = PlaybookStepId::new(RECONCILE) {
                self::step(state, &Event::StepBegan { step, due_at: at }, at);
            }
        }
        Event::Closed => {
            state.phase = Phase::Closed;
            state.closed_at = Some(at);
        }
        _ => {}
    }
}
