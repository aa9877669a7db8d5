//! What a step asks of somebody now, as the form its line carries.
//!
//! Whether this person may answer is decided by continuity when they do.

use crate::continuity::activation::StepState;
use crate::domain::playbook::{Checklist, Proof, Step, Verb};

use super::timeline::Source;

/// A form on a line of the timeline.
pub enum Ask {
    Acknowledge,
    Approve { question: String },
    Tick(Vec<TickLine>),
}

/// A line of a checklist.
pub struct TickLine {
    pub id: String,
    pub text: String,
    pub must: bool,
    /// What has to be given with the tick: "how many", "in words".
    pub proof: Option<&'static str>,
    /// Who ticked it and when; none while it is open.
    pub ticked: Option<String>,
    /// Ticked by one, to be checked by a second person.
    pub second: bool,
}

/// The form of a step, when it waits for somebody.
pub fn of(step: &Step, state: &StepState, source: &Source<'_>) -> Option<Ask> {
    if !state.is_pending() || source.activation.phase.is_over() {
        return None;
    }
    if state.approval.as_ref().is_some_and(|approval| approval.is_open()) {
        return Some(Ask::Approve { question: format!("Go ahead with: {}?", step.title) });
    }
    if let (Verb::Checklist(list), Some(_)) = (&step.verb, &state.checklist) {
        return Some(Ask::Tick(tick_lines(list, state, source)));
    }
    let awaited = state.acknowledgement.as_ref().is_some_and(|one| one.satisfied_at.is_none());
    awaited.then_some(Ask::Acknowledge)
}

fn tick_lines(list: &Checklist, state: &StepState, source: &Source<'_>) -> Vec<TickLine> {
    let ticks = state.checklist.as_ref().map(|checklist| &checklist.ticks);
    list.items
        .iter()
        .map(|item| {
            let tick = ticks.and_then(|ticks| ticks.get(&item.id));
            let second = list.second_person && tick.is_some_and(|one| one.checked_by.is_none());
            TickLine {
                id: item.id.to_string(),
                text: item.text.clone(),
                must: item.must,
                proof: item.proof.map(|proof| match proof {
                    Proof::Count => "how many",
                    Proof::Words => "in words",
                }),
                ticked: tick.map(|tick| {
                    let who = source.names.person(&tick.by);
                    let at = source.times.moment(tick.at).short();
                    let proof = tick.proof.as_ref().map(|p| format!(" ({p})")).unwrap_or_default();
                    format!("{who} at {at}{proof}")
                }),
                second,
            }
        })
        .collect()
}
