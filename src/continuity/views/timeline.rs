//! The plan in force as a timeline: what is done, due, late, skipped, and why.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{ActivationLine, NoticeView, activation_and_plan, activation_line, with_attempts};
use crate::continuity::activation::{
    Activation, ApprovalState, ChecklistState, Progress, RECONCILE, StepState, Suspension,
};
use crate::continuity::event::{Decided, Header, SkipReason};
use crate::continuity::standing::TargetStanding;
use crate::continuity::timers::after;
use crate::domain::ids::{ChecklistItemId, PersonId, PlaybookStepId, RoleId};
use crate::domain::incident::{ActivationId, Phase};
use crate::domain::playbook::{Checklist, ItemsFrom, Playbook, Proof, Step, Verb};
use crate::store::continuity::find;
use crate::store::{Store, StoreError};

/// A step that waits for longer than this without a time of its own is late.
const LATE_AFTER: Duration = Duration::from_secs(15 * 60);

/// An activation, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationView {
    pub line: ActivationLine,
    pub header: Header,
    pub t0: Timestamp,
    /// 1, and one more with every relapse.
    pub round: u32,
    pub standing: Option<TargetStanding>,
    pub steps: Vec<StepView>,
    pub stand_down: StandDownView,
    /// The steps of standing down.
    pub ending: Vec<StepView>,
    pub reconcile: Option<ChecklistView>,
    pub journal_open: Option<u32>,
    pub suspensions: Vec<Suspension>,
    /// In doubt first, then oldest first.
    pub notices: Vec<NoticeView>,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    Done,
    /// Waits for people or for an answer, and still has time.
    Due,
    /// Waits for longer than it should.
    Late,
    Skipped,
    Failed,
    /// Its time has not come.
    Ahead,
    /// The plan was stood down before its time came.
    NotReached,
}

/// One step on the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct StepView {
    pub id: PlaybookStepId,
    pub title: String,
    pub status: StepStatus,
    /// When it is or was due; none for steps of standing down that were not begun.
    pub due_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// One sentence: who acknowledged, why it was skipped, what is awaited.
    pub words: String,
    pub approval: Option<ApprovalView>,
    pub checklist: Option<ChecklistView>,
    /// Whether somebody may acknowledge it now.
    pub acknowledgeable: bool,
}

/// A decision on the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalView {
    pub asked_of: Vec<RoleId>,
    pub votes: u32,
    pub votes_needed: u32,
    pub answer_by: Option<Timestamp>,
    pub open: bool,
}

/// A checklist with its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChecklistView {
    pub step: PlaybookStepId,
    pub audience: RoleId,
    pub second_person: bool,
    pub lines: Vec<ChecklistLine>,
    pub open: bool,
}

/// One line of a checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChecklistLine {
    pub id: ChecklistItemId,
    pub text: String,
    pub must: bool,
    pub proof: Option<Proof>,
    /// Where what the line speaks of is listed.
    pub items_from: Option<ItemsFrom>,
    pub ticked_by: Option<(PersonId, Timestamp)>,
    pub given: Option<String>,
    pub checked_by: Option<PersonId>,
}

/// Whether standing down is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StandDownView {
    pub offered_at: Option<Timestamp>,
    pub approval: Option<ApprovalView>,
    pub asked_of: Vec<RoleId>,
}

/// One activation; none when there is none of that id.
///
/// # Errors
/// When the database cannot be read.
pub async fn activation(
    store: &Store,
    id: &ActivationId,
    now: Timestamp,
) -> Result<Option<ActivationView>, StoreError> {
    let Some((state, playbook)) = activation_and_plan(store, id).await? else { return Ok(None) };
    let notices = with_attempts(store, find::notices_of_activation(store, id).await?).await?;
    Ok(Some(ActivationView { notices, ..view(&state, &playbook, now) }))
}

/// The timeline of a state, without its notices.
#[must_use]
pub fn view(state: &Activation, playbook: &Playbook, now: Timestamp) -> ActivationView {
    let asked_of = playbook.stand_down.approve.by.clone();
    let approval = state.stand_down.approval.as_ref();
    let steps = |steps: &[Step]| steps.iter().map(|one| step(state, one, now)).collect();
    let reconcile = PlaybookStepId::new(RECONCILE).ok().and_then(|id| {
        let list = &playbook.reconcile.as_ref()?.checklist;
        let kept = state.steps.get(&id)?.checklist.as_ref()?;
        Some(checklist(&id, list, kept, state.phase == Phase::Reconciling))
    });
    let mut ending: Vec<StepView> = steps(&playbook.stand_down.steps);
    for one in ending.iter_mut().filter(|one| !state.steps.contains_key(&one.id)) {
        one.due_at = None;
        one.status = StepStatus::Ahead;
        one.words = String::new();
    }
    ActivationView {
        line: activation_line(state),
        header: state.header.clone(),
        t0: state.t0,
        round: state.round,
        standing: state.standing.clone(),
        steps: steps(&playbook.steps),
        stand_down: StandDownView {
            offered_at: state.stand_down.offered_at,
            approval: approval.map(|asked| approval_view(asked, &asked_of)),
            asked_of,
        },
        ending,
        reconcile,
        journal_open: state.journal_open,
        suspensions: state.suspensions.clone(),
        notices: Vec::new(),
    }
}

fn step(state: &Activation, plan: &Step, now: Timestamp) -> StepView {
    let kept = state.steps.get(&plan.id);
    let in_force = state.phase == Phase::Active;
    let due_at = kept.map_or_else(|| after(state.t0, plan.at), |kept| kept.due_at);
    let (status, ended_at) = match kept.map(|kept| &kept.progress) {
        None if in_force || state.phase == Phase::Proposed => (StepStatus::Ahead, None),
        None => (StepStatus::NotReached, None),
        Some(Progress::Done { at }) => (StepStatus::Done, Some(*at)),
        Some(Progress::Skipped { at, .. }) => (StepStatus::Skipped, Some(*at)),
        Some(Progress::Failed { at, .. }) => (StepStatus::Failed, Some(*at)),
        Some(Progress::Pending) => {
            let late = kept.is_some_and(|kept| deadline(kept) <= now);
            (if late { StepStatus::Late } else { StepStatus::Due }, None)
        }
    };
    let asked_of = plan.approve.as_ref().map(|approve| approve.by.clone()).unwrap_or_default();
    let waiting = kept.and_then(|kept| kept.acknowledgement.as_ref());
    StepView {
        id: plan.id.clone(),
        title: plan.title.clone(),
        status,
        due_at: Some(due_at),
        ended_at,
        words: kept.map(words).unwrap_or_default(),
        approval: kept
            .and_then(|kept| kept.approval.as_ref())
            .map(|asked| approval_view(asked, &asked_of)),
        checklist: kept.and_then(|kept| match &plan.verb {
            Verb::Checklist(list) => {
                Some(checklist(&plan.id, list, kept.checklist.as_ref()?, kept.is_pending()))
            }
            _ => None,
        }),
        acknowledgeable: in_force && waiting.is_some_and(|one| one.satisfied_at.is_none()),
    }
}

/// Until when a pending step has time.
fn deadline(kept: &StepState) -> Timestamp {
    let answer_by = kept.approval.as_ref().and_then(|asked| asked.answer_by);
    let acknowledge_by = kept.acknowledgement.as_ref().map(|waiting| waiting.due_at);
    let otherwise = kept.began_at.checked_add(LATE_AFTER).unwrap_or(Timestamp::MAX);
    acknowledge_by.or(answer_by).unwrap_or(otherwise)
}

/// One sentence about a step.
fn words(kept: &StepState) -> String {
    let mut words: Vec<String> = Vec::new();
    if let Some((how, _)) = kept.approval.as_ref().and_then(|asked| asked.decided.as_ref()) {
        let refused = kept.approval.as_ref().and_then(|asked| asked.refused.as_ref());
        words.push(match (how, refused) {
            (Decided::Approved, _) => "approved".to_owned(),
            (Decided::ByRule, _) => "by rule: nobody answered".to_owned(),
            (Decided::NoAnswer, _) => "nobody answered".to_owned(),
            (Decided::Refused, Some((by, why))) => format!("refused by {by}: {why}"),
            (Decided::Refused, None) => "refused".to_owned(),
        });
    } else if kept.approval.is_some() {
        words.push("waits for a decision".to_owned());
    }
    if let Some(waiting) = &kept.acknowledgement {
        match waiting.acknowledged.keys().next() {
            Some(by) => words.push(format!("acknowledged by {by}")),
            None => words.push("not acknowledged".to_owned()),
        }
        if waiting.escalations > 0 {
            words.push(format!("escalated {} times", waiting.escalations));
        }
    }
    if let Some(action) = &kept.action {
        if !action.detail.is_empty() {
            words.push(action.detail.clone());
        } else {
            words.push("asked for, no answer yet".to_owned());
        }
        if action.undone {
            words.push("taken back".to_owned());
        }
    }
    match &kept.progress {
        Progress::Skipped { why, .. } => words.push(skipped(*why).to_owned()),
        Progress::Failed { why, .. } => words.push(format!("failed: {why}")),
        Progress::Pending | Progress::Done { .. } => {}
    }
    words.join("; ")
}

fn skipped(why: SkipReason) -> &'static str {
    match why {
        SkipReason::Recovered => "left out: it had recovered",
        SkipReason::NotRecovered => "left out: it had not recovered",
        SkipReason::Acknowledged => "left out: it was acknowledged",
        SkipReason::NotAcknowledged => "left out: it was not acknowledged",
        SkipReason::Approved => "left out: it was approved",
        SkipReason::NotApproved => "left out: it was not approved",
        SkipReason::Refused => "left out: refused",
        SkipReason::NoAnswer => "left out: nobody answered",
        SkipReason::NothingToDo => "nothing to do",
    }
}

pub(super) fn approval_view(asked: &ApprovalState, asked_of: &[RoleId]) -> ApprovalView {
    ApprovalView {
        asked_of: asked_of.to_vec(),
        votes: u32::try_from(asked.votes.len()).unwrap_or(u32::MAX),
        votes_needed: asked.votes_needed,
        answer_by: asked.answer_by,
        open: asked.is_open(),
    }
}

fn checklist(
    step: &PlaybookStepId,
    list: &Checklist,
    kept: &ChecklistState,
    open: bool,
) -> ChecklistView {
    let line = |item: &crate::domain::playbook::ChecklistItem| {
        let tick = kept.ticks.get(&item.id);
        ChecklistLine {
            id: item.id.clone(),
            text: item.text.clone(),
            must: item.must,
            proof: item.proof,
            items_from: item.items_from,
            ticked_by: tick.map(|tick| (tick.by.clone(), tick.at)),
            given: tick.and_then(|tick| tick.proof.clone()),
            checked_by: tick.and_then(|tick| tick.checked_by.clone()),
        }
    };
    ChecklistView {
        step: step.clone(),
        audience: list.audience.clone(),
        second_person: list.second_person,
        lines: list.items.iter().map(line).collect(),
        open,
    }
}
