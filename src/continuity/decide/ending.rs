//! How an activation is accepted, stood down, resumed when it fails again, reconciled and closed.

use jiff::Timestamp;

use super::draft::{Draft, Notice};
use super::{Refusal, answers, steps};
use crate::continuity::activation::{Progress, RECONCILE};
use crate::continuity::effect::{Act, Effect};
use crate::continuity::event::{Decided, Event, SkipReason};
use crate::continuity::standing::TargetStanding;
use crate::continuity::timers::after;
use crate::domain::ids::{PersonId, PlaybookStepId, RoleId};
use crate::domain::incident::Phase;
use crate::domain::length::Length;
use crate::domain::notice::NoticeKind;
use crate::domain::playbook::{Finished, IfNoAnswer, Step, Verb};

/// The step name under which the journal is counted, once a round.
pub const COUNT_JOURNAL: &str = "count-journal";

/// How long a refused offer to stand down rests when the plan does not say.
const OFFER_AGAIN_AFTER: Length = Length::from_secs(30 * 60);

/// Tells those who may activate the plan that it is proposed.
pub(super) fn ask_to_accept(draft: &mut Draft<'_>) {
    let roles = draft.plan.playbook.activates.clone();
    let recipients = draft.recipients(&roles);
    let say = Some(draft.state.header.reason.clone());
    draft.notify(
        recipients,
        Notice {
            step: "accept",
            kind: NoticeKind::PlanProposed,
            due_at: draft.now,
            say,
            act: Some(Act::Accept),
            life_safety: false,
        },
    );
}

pub(super) fn accept(draft: &mut Draft<'_>, by: &PersonId) -> Result<(), Refusal> {
    in_phase(draft, &[Phase::Proposed])?;
    entitled(draft, by, &[])?;
    draft.emit(Event::Accepted { by: by.clone() });
    answers::withdraw(draft, vec!["accept".to_owned()]);
    Ok(())
}

pub(super) fn decline(draft: &mut Draft<'_>, by: &PersonId, reason: &str) -> Result<(), Refusal> {
    in_phase(draft, &[Phase::Proposed])?;
    entitled(draft, by, &[])?;
    if reason.trim().is_empty() {
        return Err(Refusal::ReasonMissing);
    }
    draft.emit(Event::Declined { by: by.clone(), reason: reason.to_owned() });
    answers::withdraw(draft, vec!["accept".to_owned()]);
    Ok(())
}

/// The plan's target stands otherwise than before.
pub(super) fn target(draft: &mut Draft<'_>, standing: &TargetStanding) {
    if draft.state.standing.as_ref() == Some(standing) {
        return;
    }
    let fails = standing.verdict.is_outage();
    match draft.state.phase {
        Phase::Proposed => draft.emit(Event::TargetChanged(standing.clone())),
        Phase::Active => {
            draft.emit(Event::TargetChanged(standing.clone()));
            if !standing.recovered() && draft.state.stand_down.offered_at.is_some() {
                draft.emit(Event::StandDownWithdrawn { not_before: None });
                answers::withdraw(draft, vec!["stand-down".to_owned()]);
            }
            if fails {
                take_up_again(draft);
            }
        }
        Phase::StandingDown | Phase::Reconciling | Phase::Closed => {
            if !may_resume(draft) {
                return;
            }
            let counts = |standing: &TargetStanding| counts(draft, standing);
            let failed_before = draft.state.standing.as_ref().is_some_and(counts);
            let fails_again = counts(standing) && !failed_before;
            draft.emit(Event::TargetChanged(standing.clone()));
            if fails_again {
                draft.emit(Event::Relapsed);
            }
        }
        Phase::Declined => {}
    }
}

/// Steps left out because it had recovered are due after all.
fn take_up_again(draft: &mut Draft<'_>) {
    let playbook = draft.plan.playbook;
    for step in &playbook.steps {
        let left_out = draft.state.steps.get(&step.id).is_some_and(|state| {
            matches!(state.progress, Progress::Skipped { why: SkipReason::Recovered, .. })
        });
        if left_out {
            steps::begin(draft, step, draft.now);
        }
    }
}

/// Whether a failure belongs to this activation rather than to a new one.
fn may_resume(draft: &Draft<'_>) -> bool {
    match (draft.state.phase, draft.state.stood_down_at) {
        (Phase::StandingDown, _) | (_, None) => true,
        (_, Some(at)) => {
            let within = draft.plan.playbook.stand_down.resumes_within;
            within.is_some_and(|within| draft.now <= after(at, within))
        }
    }
}

/// Whether the plan is for a failure like this.
fn counts(draft: &Draft<'_>, standing: &TargetStanding) -> bool {
    let when = draft.plan.playbook.start_when.as_ref();
    standing.verdict.is_outage() && when.is_none_or(|when| when.verdict.contains(&standing.verdict))
}

/// It has worked for long enough: those who may agree are asked.
pub(super) fn offer(draft: &mut Draft<'_>, due_at: Timestamp) {
    draft.emit(Event::StandDownOffered);
    ask(draft, due_at);
}

fn ask(draft: &mut Draft<'_>, due_at: Timestamp) {
    let approval = &draft.plan.playbook.stand_down.approve;
    let answer_by = approval.within.map(|within| after(draft.now, within));
    draft.emit(Event::ApprovalAsked { step: None, votes: approval.votes, answer_by });
    let recipients = draft.recipients(&approval.by);
    draft.notify(
        recipients,
        Notice {
            step: "stand-down",
            kind: NoticeKind::StandDownOffer,
            due_at,
            say: None,
            act: Some(Act::StandDown),
            life_safety: false,
        },
    );
}

/// A vote for or against standing down.
pub(super) fn vote(
    draft: &mut Draft<'_>,
    by: &PersonId,
    approve: bool,
    reason: &str,
) -> Result<(), Refusal> {
    in_phase(draft, &[Phase::Active])?;
    let plan = draft.plan.playbook;
    let asked = draft.state.stand_down.approval.as_ref().filter(|asked| asked.is_open());
    asked.ok_or(Refusal::NotAsked)?;
    if !draft.entitled(by, &plan.stand_down.approve.by) {
        return Err(Refusal::NotEntitled(by.clone()));
    }
    if !approve && reason.trim().is_empty() {
        return Err(Refusal::ReasonMissing);
    }
    draft.emit(Event::Voted { step: None, by: by.clone(), approve, reason: reason.to_owned() });
    let votes = draft.state.stand_down.approval.as_ref().map_or(0, |asked| asked.votes.len());
    if !approve {
        draft.emit(Event::Decided { step: None, how: Decided::Refused });
        withdraw_offer(draft);
    } else if votes >= plan.stand_down.approve.votes as usize {
        draft.emit(Event::Decided { step: None, how: Decided::Approved });
        begin(draft, Some(by.clone()), String::new());
    }
    Ok(())
}

fn withdraw_offer(draft: &mut Draft<'_>) {
    let offer = draft.plan.playbook.stand_down.offer_when.as_ref();
    let rest = offer.map_or(OFFER_AGAIN_AFTER, |offer| offer.held_for);
    let not_before = Some(after(draft.now, rest));
    draft.emit(Event::StandDownWithdrawn { not_before });
}

/// Nobody answered the offer in time.
pub(super) fn unanswered(draft: &mut Draft<'_>) {
    match draft.plan.playbook.stand_down.approve.if_no_answer {
        Some(IfNoAnswer::OpenByRule | IfNoAnswer::ProceedByRule) => {
            draft.emit(Event::Decided { step: None, how: Decided::ByRule });
            begin(draft, None, "by rule: nobody answered".to_owned());
        }
        Some(IfNoAnswer::AskAgain) => ask(draft, draft.now),
        Some(IfNoAnswer::Skip) | None => {
            draft.emit(Event::Decided { step: None, how: Decided::NoAnswer });
            withdraw_offer(draft);
        }
    }
}

/// A person stands the plan down without being asked.
pub(super) fn by_hand(draft: &mut Draft<'_>, by: &PersonId, reason: &str) -> Result<(), Refusal> {
    in_phase(draft, &[Phase::Active])?;
    let roles = draft.plan.playbook.stand_down.approve.by.clone();
    entitled(draft, by, &roles)?;
    if reason.trim().is_empty() {
        return Err(Refusal::ReasonMissing);
    }
    begin(draft, Some(by.clone()), reason.to_owned());
    Ok(())
}

fn begin(draft: &mut Draft<'_>, by: Option<PersonId>, reason: String) {
    let playbook = draft.plan.playbook;
    draft.emit(Event::StandDownBegan { by, reason });
    // Decisions about the outage have become pointless; work that was handed out has not.
    for step in &playbook.steps {
        let state = draft.state.steps.get(&step.id).filter(|state| state.is_pending());
        if state.is_some_and(|state| state.approval.as_ref().is_some_and(|a| a.is_open())) {
            let (id, how) = (step.id.clone(), Decided::NoAnswer);
            draft.emit(Event::Decided { step: Some(id.clone()), how });
            draft.emit(Event::StepSkipped { step: id, why: SkipReason::Recovered });
        }
    }
    let steps = playbook.steps.iter();
    let pointless =
        steps.flat_map(|s| [format!("{}.approve", s.id), format!("{}.if-nobody", s.id)]);
    let pointless = pointless.chain(["stand-down".to_owned()]).collect();
    answers::withdraw(draft, pointless);
    go_on(draft);
}

/// Carries on with the steps of standing down, as far as they go now.
pub(super) fn go_on(draft: &mut Draft<'_>) {
    let playbook = draft.plan.playbook;
    for step in &playbook.stand_down.steps {
        if !draft.state.steps.contains_key(&step.id) {
            steps::begin(draft, step, draft.now);
        }
        if holds_up(draft, step) {
            return;
        }
    }
    draft.emit(Event::StoodDown);
    let Some(reconcile) = &playbook.reconcile else {
        draft.emit(Event::Closed);
        return;
    };
    draft.emit(Event::Reconciling);
    if let Ok(id) = PlaybookStepId::new(RECONCILE) {
        steps::hand_over(draft, &id, &reconcile.checklist, draft.now);
    }
    let key = draft.state.key(COUNT_JOURNAL, draft.state.round);
    draft.effect(Effect::CountJournal { key });
    close_if_finished(draft);
}

/// Only the copy has to be closed before the next step; answers may come later.
fn holds_up(draft: &Draft<'_>, step: &Step) -> bool {
    let pending = draft.state.steps.get(&step.id).is_some_and(|state| state.is_pending());
    pending && matches!(step.verb, Verb::Do { .. } | Verb::UndoOf { .. })
}

pub(super) fn journal(draft: &mut Draft<'_>, open: u32) {
    if draft.state.journal_open != Some(open) {
        draft.emit(Event::JournalCounted { open });
    }
    close_if_finished(draft);
}

pub(super) fn visits(draft: &mut Draft<'_>, open: u32) {
    if draft.state.visits_open != open {
        draft.emit(Event::VisitsCounted { open });
    }
    if draft.state.phase != Phase::StandingDown || open > 0 {
        return;
    }
    let waits = |step: &&Step| {
        let state = draft.state.steps.get(&step.id);
        state.is_some_and(|state| state.is_pending() && state.action.is_none())
    };
    let held: Vec<&Step> = draft.plan.playbook.stand_down.steps.iter().filter(waits).collect();
    for step in held.into_iter().filter(|step| matches!(step.verb, Verb::UndoOf { .. })) {
        steps::carry_out(draft, step, draft.now);
    }
    go_on(draft);
}

/// Reconciling ends when what the plan waits for has come.
pub(super) fn close_if_finished(draft: &mut Draft<'_>) {
    let Some(reconcile) = &draft.plan.playbook.reconcile else { return };
    if draft.state.phase != Phase::Reconciling {
        return;
    }
    let id = PlaybookStepId::new(RECONCILE).ok();
    let state = id.as_ref().and_then(|id| draft.state.steps.get(id)?.checklist.as_ref());
    let ticked = state.is_some_and(|state| answers::complete(&reconcile.checklist, state));
    let finished = match reconcile.finished_when {
        Finished::JournalReconciled => ticked && draft.state.journal_open == Some(0),
        Finished::ChecklistDone => ticked,
    };
    if finished {
        if let Some(step) = id {
            draft.emit(Event::StepDone { step });
        }
        draft.emit(Event::Closed);
    }
}

fn in_phase(draft: &Draft<'_>, phases: &[Phase]) -> Result<(), Refusal> {
    let phase = draft.state.phase;
    if phases.contains(&phase) { Ok(()) } else { Err(Refusal::WrongPhase(phase)) }
}

/// Whoever may activate the plan, or holds one of `more`.
fn entitled(draft: &Draft<'_>, by: &PersonId, more: &[RoleId]) -> Result<(), Refusal> {
    let roles: Vec<RoleId> = draft.plan.playbook.activates.iter().chain(more).cloned().collect();
    if draft.entitled(by, &roles) { Ok(()) } else { Err(Refusal::NotEntitled(by.clone())) }
}
