//! What an activation waits for by the clock, worked out from its state.
//!
//! Timers are never set or cancelled: they follow from the facts, so none can be forgotten and
//! none can fire for something that is over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::activation::{Activation, RECONCILE};
use crate::domain::ids::PlaybookStepId;
use crate::domain::incident::Phase;
use crate::domain::length::Length;
use crate::domain::playbook::Playbook;

/// Something that happens by the clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    StepDue(PlaybookStepId),
    /// Nobody acknowledged in time.
    Escalate(PlaybookStepId),
    /// Nobody decided in time.
    AnswerDue(PlaybookStepId),
    Remind(PlaybookStepId),
    RetryAction(PlaybookStepId),
    OfferStandDown,
    StandDownAnswerDue,
}

/// Every timer with its instant, earliest first; at one instant in the order of the plan.
#[must_use]
pub fn timers(playbook: &Playbook, state: &Activation) -> Vec<(Timestamp, Timer)> {
    let mut timers = Vec::new();
    if state.phase == Phase::Active {
        for step in playbook.steps.iter().filter(|step| !state.steps.contains_key(&step.id)) {
            timers.push((after(state.t0, step.at), Timer::StepDue(step.id.clone())));
        }
        timers.extend(stand_down(playbook, state));
    }
    let in_force = state.phase == Phase::Active;
    for (id, step) in &state.steps {
        let waiting = step.acknowledgement.as_ref().filter(|_| in_force);
        if let Some(at) = waiting.and_then(|waiting| waiting.escalate_at) {
            timers.push((at, Timer::Escalate(id.clone())));
        }
        if !step.is_pending() {
            continue;
        }
        let asked = step.approval.as_ref().filter(|asked| in_force && asked.is_open());
        if let Some(at) = asked.and_then(|asked| asked.answer_by) {
            timers.push((at, Timer::AnswerDue(id.clone())));
        }
        // Once people stand down, only what is left to reconcile is asked for again.
        let reminds = in_force || state.phase == Phase::Reconciling && id.as_str() == RECONCILE;
        let list = step.checklist.as_ref().filter(|_| reminds);
        if let Some(at) = list.and_then(|list| list.remind_at) {
            timers.push((at, Timer::Remind(id.clone())));
        }
        if let Some(at) = step.action.as_ref().and_then(|action| action.retry_at) {
            timers.push((at, Timer::RetryAction(id.clone())));
        }
    }
    timers.sort_by_key(|(at, _)| *at);
    timers
}

fn stand_down(playbook: &Playbook, state: &Activation) -> Option<(Timestamp, Timer)> {
    if let Some(asked) = state.stand_down.approval.as_ref().filter(|asked| asked.is_open()) {
        return asked.answer_by.map(|at| (at, Timer::StandDownAnswerDue));
    }
    let offer = playbook.stand_down.offer_when.as_ref()?;
    let up = state.standing.as_ref().filter(|standing| standing.verdict == offer.verdict)?;
    let at = after(up.since, offer.held_for);
    let at = state.stand_down.not_before.map_or(at, |not_before| at.max(not_before));
    state.stand_down.offered_at.is_none().then_some((at, Timer::OfferStandDown))
}

/// An instant a length later, at most the end of time.
#[must_use]
pub fn after(at: Timestamp, length: Length) -> Timestamp {
    at.checked_add(length.duration()).unwrap_or(Timestamp::MAX)
}
