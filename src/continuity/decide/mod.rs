//! The heart: what follows from one input to an activation.
//!
//! Pure: given the pinned plan, the people, the state, the input and now, it answers with events
//! (which [`super::apply`] folds into the next state) and effects. It must not know who stores
//! the one or carries out the other.

mod answers;
mod draft;
mod ending;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::draft::Draft;
pub use self::ending::COUNT_JOURNAL;
use super::activation::Activation;
use super::effect::Effect;
use super::event::{Event, Header};
use super::standing::TargetStanding;
use super::timers::Timer;
use crate::domain::ids::{ChecklistItemId, FunctionId, PersonId, PlaybookStepId};
use crate::domain::incident::Phase;
use crate::domain::notice::Channel;
use crate::domain::people::People;
use crate::domain::playbook::Playbook;

/// What a decision is taken over.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// As pinned when the activation began.
    pub playbook: &'a Playbook,
    pub people: &'a People,
    /// Channels that can carry anything at all; the console always can.
    pub channels: &'a BTreeSet<Channel>,
}

/// One thing that reaches an activation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A timer, with the instant it was due at.
    Due(Timer, Timestamp),
    Target(TargetStanding),
    Acknowledge {
        step: PlaybookStepId,
        by: PersonId,
        via: String,
    },
    /// A vote on a step, or on standing down when `step` is none.
    Answer {
        step: Option<PlaybookStepId>,
        by: PersonId,
        approve: bool,
        reason: String,
    },
    Tick {
        step: PlaybookStepId,
        item: ChecklistItemId,
        by: PersonId,
        proof: Option<String>,
    },
    ActionResult {
        step: PlaybookStepId,
        occurrence: u32,
        result: Result<String, String>,
    },
    StandDown {
        by: PersonId,
        reason: String,
    },
    Resume {
        function: FunctionId,
        by: PersonId,
    },
    Accept {
        by: PersonId,
    },
    Decline {
        by: PersonId,
        reason: String,
    },
    /// Entries of the downtime journal that are not yet back in the system.
    Journal {
        open: u32,
    },
    /// Visits signed out and not back.
    Visits {
        open: u32,
    },
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When it was decided, which is when its events happened.
    pub at: Timestamp,
    /// The state with the events folded in.
    pub state: Activation,
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
}

/// Why a person's input was not accepted, as it is said to them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this plan has no step '{0}'")]
    UnknownStep(PlaybookStepId),
    #[error("nothing is asked here now: it is decided already, or not due yet")]
    NotAsked,
    #[error("{0} does not hold a role that may answer this")]
    NotEntitled(PersonId),
    #[error("this checklist has no line '{0}'")]
    UnknownItem(ChecklistItemId),
    #[error("give the number with the tick")]
    CountMissing,
    #[error("say in words what was done")]
    WordsMissing,
    #[error("a second person has to check this line: {0} entered it")]
    SecondPersonNeeded(PersonId),
    #[error("say why: the reason is kept on the record")]
    ReasonMissing,
    #[error("the plan is {}: this is not possible now", .0.as_str())]
    WrongPhase(Phase),
    #[error("'{0}' is not suspended")]
    NotSuspended(FunctionId),
}

/// Begins an activation, in force at once.
#[must_use]
pub fn start(
    plan: Plan<'_>,
    header: Header,
    standing: Option<TargetStanding>,
    now: Timestamp,
) -> Decision {
    let begun = Event::Started(header.clone());
    let mut draft = Draft::begin(plan, Activation::begin(header, Phase::Active, now), begun, now);
    if let Some(standing) = standing {
        draft.emit(Event::TargetChanged(standing));
    }
    draft.decision()
}

/// Proposes an activation, for a person to accept or decline.
#[must_use]
pub fn propose(plan: Plan<'_>, header: Header, now: Timestamp) -> Decision {
    let begun = Event::Proposed(header.clone());
    let state = Activation::begin(header, Phase::Proposed, now);
    let mut draft = Draft::begin(plan, state, begun, now);
    ending::ask_to_accept(&mut draft);
    draft.decision()
}

/// What follows from an input.
///
/// # Errors
/// When a person asks for something they may not do or that is not possible now; nothing follows
/// then.
pub fn decide(
    plan: Plan<'_>,
    state: &Activation,
    input: &Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let mut draft = Draft::of(plan, state.clone(), now);
    match input {
        Input::Due(timer, due_at) => due(&mut draft, timer, *due_at),
        Input::Target(standing) => ending::target(&mut draft, standing),
        Input::Acknowledge { step, by, via } => {
            answers::acknowledge(&mut draft, step, by, via)?;
        }
        Input::Answer { step: Some(step), by, approve, reason } => {
            answers::vote(&mut draft, step, by, (*approve, reason))?;
        }
        Input::Answer { step: None, by, approve, reason } => {
            ending::vote(&mut draft, by, *approve, reason)?;
        }
        Input::Tick { step, item, by, proof } => {
            answers::tick(&mut draft, (step, item), by, proof.as_deref())?;
        }
        Input::ActionResult { step, occurrence, result } => {
            steps::result(&mut draft, step, *occurrence, result);
        }
        Input::StandDown { by, reason } => ending::by_hand(&mut draft, by, reason)?,
        Input::Resume { function, by } => answers::resume(&mut draft, function, by)?,
        Input::Accept { by } => ending::accept(&mut draft, by)?,
        Input::Decline { by, reason } => ending::decline(&mut draft, by, reason)?,
        Input::Journal { open } => ending::journal(&mut draft, *open),
        Input::Visits { open } => ending::visits(&mut draft, *open),
    }
    Ok(draft.decision())
}

fn due(draft: &mut Draft<'_>, timer: &Timer, due_at: Timestamp) {
    match timer {
        Timer::StepDue(step) => {
            if let Some(step) = draft.plan.playbook.step(step) {
                steps::begin(draft, step, due_at);
            }
        }
        Timer::Escalate(step) => answers::escalate(draft, step, due_at),
        Timer::AnswerDue(step) => answers::unanswered(draft, step),
        Timer::Remind(step) => answers::remind(draft, step, due_at),
        Timer::RetryAction(step) => steps::retry(draft, step),
        Timer::OfferStandDown => ending::offer(draft, due_at),
        Timer::StandDownAnswerDue => ending::unanswered(draft),
    }
}
