//! Steps: whether one is carried out, what carrying out means, and what came of it.

use jiff::Timestamp;

use super::draft::{Draft, Notice};
use super::ending;
use crate::continuity::effect::{Act, Effect, OpenScope};
use crate::continuity::event::{Event, SkipReason};
use crate::continuity::timers::after;
use crate::domain::ids::PlaybookStepId;
use crate::domain::incident::Phase;
use crate::domain::length::Length;
use crate::domain::notice::NoticeKind;
use crate::domain::playbook::{
    AcknowledgedBy, Action, Approval, Audience, Checklist, Condition, CopyScope, NotWhile, Notify,
    Resume, Step, Suspend, Verb,
};

/// An action that fails is tried this often before people have to do it.
const ACTION_ATTEMPTS: u32 = 5;
/// Between two attempts; an opening that fails now may work when the disk or the keeper is back.
const RETRY_AFTER: Length = Length::from_secs(10);
/// Whoever owns a risk is asked again after this time.
pub(super) const ACCEPT_RISK_WITHIN: Length = Length::from_secs(30 * 60);

/// A step is due: its condition decides, then its approval, then its verb.
pub(super) fn begin(draft: &mut Draft<'_>, step: &Step, due_at: Timestamp) {
    draft.emit(Event::StepBegan { step: step.id.clone(), due_at });
    if let Some(why) = step.only_if.as_ref().and_then(|condition| unmet(draft, condition)) {
        draft.emit(Event::StepSkipped { step: step.id.clone(), why });
        return;
    }
    match &step.approve {
        Some(approval) if !draft.state.approved_before.contains(&step.id) => {
            ask(draft, step, approval, due_at);
        }
        _ => carry_out(draft, step, due_at),
    }
}

/// Why a step is left out; none when its condition holds.
pub(super) fn unmet(draft: &Draft<'_>, condition: &Condition) -> Option<SkipReason> {
    let state = &draft.state;
    let (holds, why) = match condition {
        Condition::Recovered => (state.recovered(), SkipReason::NotRecovered),
        Condition::NotRecovered => (!state.recovered(), SkipReason::Recovered),
        Condition::Acknowledged(step) => (state.acknowledged(step), SkipReason::NotAcknowledged),
        Condition::NotAcknowledged(step) => (!state.acknowledged(step), SkipReason::Acknowledged),
        Condition::Approved(step) => (state.approved(step), SkipReason::NotApproved),
        Condition::NotApproved(step) => (!state.approved(step), SkipReason::Approved),
    };
    (!holds).then_some(why)
}

/// Asks for a step's approval, the first time and again.
pub(super) fn ask(draft: &mut Draft<'_>, step: &Step, approval: &Approval, due_at: Timestamp) {
    let answer_by = approval.within.map(|within| after(draft.now, within));
    let id = step.id.clone();
    draft.emit(Event::ApprovalAsked { step: Some(id.clone()), votes: approval.votes, answer_by });
    let recipients = draft.recipients(&approval.by);
    draft.notify(
        recipients,
        Notice {
            step: &format!("{id}.approve"),
            kind: NoticeKind::ApproveRequest,
            due_at,
            say: Some(step.title.clone()),
            act: Some(Act::Answer(id)),
            life_safety: true,
        },
    );
}

/// Carries out what a step says, once nothing stands in the way.
pub(super) fn carry_out(draft: &mut Draft<'_>, step: &Step, due_at: Timestamp) {
    match &step.verb {
        Verb::Notify(notify) => tell(draft, step, notify, due_at),
        Verb::Approve => draft.emit(Event::StepDone { step: step.id.clone() }),
        Verb::Do { action: Action::OpenCopy(scope), .. } => open(draft, step, scope),
        Verb::Do { action: Action::CloseCopy, .. } => {
            let opened = opened_by(draft, &draft.plan.playbook.steps);
            close(draft, step, opened);
        }
        Verb::Checklist(list) => hand_over(draft, &step.id, list, due_at),
        Verb::Suspend(suspend) => set_aside(draft, step, suspend, due_at),
        Verb::Resume(what) => resume(draft, step, what),
        Verb::UndoOf { steps, not_while } => {
            if *not_while == Some(NotWhile::AVisitIsOpen) && draft.state.visits_open > 0 {
                return;
            }
            let undone: Vec<Step> =
                steps.iter().filter_map(|id| draft.plan.playbook.step(id).cloned()).collect();
            let opened = opened_by(draft, &undone);
            close(draft, step, opened);
        }
    }
}

fn tell(draft: &mut Draft<'_>, step: &Step, notify: &Notify, due_at: Timestamp) {
    let recipients = match &notify.to {
        Audience::EveryoneToldSoFar => draft.state.told.values().cloned().collect(),
        Audience::Roles(roles) => {
            for role in roles {
                if draft.recipients(std::slice::from_ref(role)).is_empty() {
                    let step = step.id.clone();
                    draft.emit(Event::NobodyHolds { step, role: role.clone() });
                }
            }
            draft.recipients(roles)
        }
    };
    let must = notify.must_acknowledge.as_ref();
    if let Some(must) = must {
        // Where there is nobody to wait for, the next ones are told at once.
        let within = if recipients.is_empty() { Length::from_secs(0) } else { must.within };
        draft.emit(Event::AcknowledgementAwaited {
            step: step.id.clone(),
            by: must.by,
            due_at: after(draft.now, within),
        });
    }
    draft.notify(
        recipients,
        Notice {
            step: step.id.as_str(),
            kind: notify.message,
            due_at,
            say: notify.say.clone(),
            act: must.map(|_| Act::Acknowledge(step.id.clone())),
            life_safety: must.is_some(),
        },
    );
    if must.is_none() {
        draft.emit(Event::StepDone { step: step.id.clone() });
    }
}

fn open(draft: &mut Draft<'_>, step: &Step, scope: &CopyScope) {
    let scope = match (scope, &draft.state.standing) {
        (CopyScope::Cohorts(cohorts), _) => OpenScope::Cohorts(cohorts.clone()),
        (CopyScope::Outage, Some(hit)) if !hit.everyone && !hit.cohorts.is_empty() => {
            OpenScope::Cohorts(hit.cohorts.clone())
        }
        // A plan started by hand has no measured scope: its people decided that it is needed.
        (CopyScope::Outage | CopyScope::Everyone, _) => OpenScope::Everyone,
    };
    let rehearsed = draft.rehearses(|drill| drill.actions);
    let key = draft.state.next_key(step.id.as_str());
    let (id, occurrence) = (step.id.clone(), key.occurrence);
    draft.emit(Event::CopyOpening {
        step: id.clone(),
        occurrence,
        scope: scope.clone(),
        rehearsed,
    });
    if rehearsed {
        let detail = "rehearsed, not opened".to_owned();
        draft.emit(Event::ActionDone { step: id.clone(), occurrence, detail });
        draft.emit(Event::StepDone { step: id });
    } else {
        draft.effect(Effect::OpenCopy { key, scope });
    }
}

/// Steps that opened the copy and were not undone.
fn opened_by(draft: &Draft<'_>, among: &[Step]) -> Vec<PlaybookStepId> {
    let open = |step: &&Step| {
        let action = draft.state.steps.get(&step.id).and_then(|step| step.action.as_ref());
        action.is_some_and(|action| action.opened.is_some() && !action.undone)
    };
    among.iter().filter(open).map(|step| step.id.clone()).collect()
}

fn close(draft: &mut Draft<'_>, step: &Step, opened_by: Vec<PlaybookStepId>) {
    let id = step.id.clone();
    if opened_by.is_empty() {
        draft.emit(Event::StepSkipped { step: id, why: SkipReason::NothingToDo });
        return;
    }
    let actions = opened_by.iter().filter_map(|id| draft.state.steps.get(id)?.action.as_ref());
    let rehearsed = actions.clone().all(|action| action.rehearsed);
    let keys = opened_by
        .iter()
        .zip(actions)
        .map(|(id, action)| draft.state.key(id.as_str(), action.occurrence))
        .collect();
    let key = draft.state.next_key(id.as_str());
    let occurrence = key.occurrence;
    draft.emit(Event::CopyClosing { step: id.clone(), occurrence, opened_by });
    if rehearsed {
        let detail = "rehearsed, nothing was open".to_owned();
        draft.emit(Event::ActionDone { step: id.clone(), occurrence, detail });
        draft.emit(Event::StepDone { step: id });
    } else {
        draft.effect(Effect::CloseCopy { key, opened_by: keys });
    }
}

/// Hands a checklist to those it is for.
pub(super) fn hand_over(
    draft: &mut Draft<'_>,
    step: &PlaybookStepId,
    list: &Checklist,
    due_at: Timestamp,
) {
    let remind_at = list.remind.map(|every| after(draft.now, every));
    draft.emit(Event::ChecklistOpened { step: step.clone(), remind_at });
    let recipients = draft.recipients(std::slice::from_ref(&list.audience));
    if recipients.is_empty() {
        draft.emit(Event::NobodyHolds { step: step.clone(), role: list.audience.clone() });
    }
    let lines: Vec<String> = list.items.iter().map(|item| format!("- {}", item.text)).collect();
    draft.notify(
        recipients,
        Notice {
            step: step.as_str(),
            kind: NoticeKind::Checklist,
            due_at,
            say: (!lines.is_empty()).then(|| lines.join("\n")),
            act: Some(Act::Tick(step.clone())),
            life_safety: false,
        },
    );
}

fn set_aside(draft: &mut Draft<'_>, step: &Step, suspend: &Suspend, due_at: Timestamp) {
    let id = step.id.clone();
    let (function, risk_owner) = (suspend.function.clone(), suspend.risk_accepted_by.clone());
    let words = format!(
        "Set aside until stand-down: {}. The risk is owned by the {}.",
        function.as_str().replace('-', " "),
        risk_owner.as_str().replace('-', " ")
    );
    draft.emit(Event::Suspended { step: id.clone(), function, risk_owner });
    draft.emit(Event::AcknowledgementAwaited {
        step: id.clone(),
        by: AcknowledgedBy::Any(1),
        due_at: after(draft.now, ACCEPT_RISK_WITHIN),
    });
    let mut notice = Notice {
        step: id.as_str(),
        kind: NoticeKind::Suspended,
        due_at,
        say: Some(words.clone()),
        act: Some(Act::Acknowledge(id.clone())),
        life_safety: false,
    };
    let owners = draft.recipients(std::slice::from_ref(&suspend.risk_accepted_by));
    let mut told = draft.recipients(&suspend.told);
    told.retain(|one| !owners.iter().any(|owner| owner.person == one.person));
    draft.notify(owners, notice);
    let told_key = format!("{id}.told");
    notice = Notice {
        step: &told_key,
        kind: NoticeKind::Suspended,
        due_at,
        say: Some(words),
        act: None,
        life_safety: false,
    };
    draft.notify(told, notice);
    draft.emit(Event::StepDone { step: id });
}

fn resume(draft: &mut Draft<'_>, step: &Step, what: &Resume) {
    let suspended: Vec<_> = draft
        .state
        .suspended()
        .map(|one| one.function.clone())
        .filter(|function| match what {
            Resume::EverythingSuspended => true,
            Resume::Function(one) => one == function,
        })
        .collect();
    let step = step.id.clone();
    if suspended.is_empty() {
        draft.emit(Event::StepSkipped { step, why: SkipReason::NothingToDo });
        return;
    }
    for function in suspended {
        draft.emit(Event::Resumed { function, by: None });
    }
    draft.emit(Event::StepDone { step });
}

/// The answer to an effect on the copy.
pub(super) fn result(
    draft: &mut Draft<'_>,
    step: &PlaybookStepId,
    occurrence: u32,
    result: &Result<String, String>,
) {
    let Some(action) = draft.state.steps.get(step).and_then(|step| step.action.as_ref()) else {
        return;
    };
    // An answer to an earlier attempt, or one that was given before, changes nothing.
    if action.occurrence != occurrence || action.done_at.is_some() || action.retry_at.is_some() {
        return;
    }
    let tries_left = action.attempts < ACTION_ATTEMPTS;
    let step = step.clone();
    match result {
        Ok(detail) => {
            draft.emit(Event::ActionDone {
                step: step.clone(),
                occurrence,
                detail: detail.clone(),
            });
            draft.emit(Event::StepDone { step });
        }
        Err(why) => {
            let retry_at = tries_left.then(|| after(draft.now, RETRY_AFTER));
            let failed =
                Event::ActionFailed { step: step.clone(), occurrence, why: why.clone(), retry_at };
            draft.emit(failed);
            if !tries_left {
                draft.emit(Event::StepFailed { step: step.clone(), why: why.clone() });
                let words = format!("The step '{step}' failed and has to be done by hand: {why}.");
                draft.tell_owner(&format!("{step}.failed"), words);
            }
        }
    }
    if draft.state.phase == Phase::StandingDown {
        ending::go_on(draft);
    }
}

/// Tries an action once more.
pub(super) fn retry(draft: &mut Draft<'_>, id: &PlaybookStepId) {
    let Some(step) = draft.plan.playbook.step(id) else { return };
    let Some(action) = draft.state.steps.get(id).and_then(|step| step.action.as_ref()) else {
        return;
    };
    if let Some(scope) = action.opened.clone() {
        let key = draft.state.next_key(id.as_str());
        let occurrence = key.occurrence;
        let (step, rehearsed) = (id.clone(), false);
        draft.emit(Event::CopyOpening { step, occurrence, scope: scope.clone(), rehearsed });
        draft.effect(Effect::OpenCopy { key, scope });
    } else {
        let opened_by = undone_by(draft, step);
        close(draft, step, opened_by);
    }
}

/// The steps whose opening this step takes back, when its first attempt failed.
fn undone_by(draft: &Draft<'_>, step: &Step) -> Vec<PlaybookStepId> {
    let opened = |id: &PlaybookStepId| {
        let action = draft.state.steps.get(id).and_then(|step| step.action.as_ref());
        action.is_some_and(|action| action.opened.is_some())
    };
    let all = draft.plan.playbook.steps.iter().map(|step| &step.id);
    match &step.verb {
        Verb::UndoOf { steps, .. } => steps.iter().filter(|id| opened(id)).cloned().collect(),
        _ => all.filter(|id| opened(id)).cloned().collect(),
    }
}
