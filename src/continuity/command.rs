//! What people and other parts of Holdfast ask of continuity; each answer means it is durable.

use tokio::sync::{mpsc, oneshot};

use super::decide::{Input, Refusal};
use super::effect::EffectKey;
use crate::domain::ids::{
    ChecklistItemId, FunctionId, LocationId, PersonId, PlaybookId, PlaybookStepId,
};
use crate::domain::incident::{ActivationId, IncidentId};
use crate::domain::playbook::Ground;
use crate::store::staff_reports::StaffReport;

/// Commands waiting for the engine: people press buttons, so this is plenty.
pub const COMMAND_QUEUE: usize = 256;

/// Asks continuity for something; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle(mpsc::Sender<Asked>);

/// A command with where its answer goes.
#[derive(Debug)]
pub struct Asked {
    pub command: Command,
    pub answer: oneshot::Sender<Result<Answer, CommandError>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Something for one activation.
    Input(ActivationId, Input),
    /// By the link in a notice, or its row on the console.
    AcknowledgeNotice {
        notice: String,
        by: PersonId,
        via: String,
    },
    TakeIncident {
        incident: IncidentId,
        by: PersonId,
    },
    NoteIncident {
        incident: IncidentId,
        by: PersonId,
        words: String,
    },
    Start(StartRequest),
    Propose(StartRequest),
    EffectResult {
        key: EffectKey,
        result: Result<String, String>,
    },
    /// Entries not yet back in the system, for every activation that reconciles.
    Journal {
        open: u32,
    },
    Visits {
        open: u32,
    },
    /// Said by staff and in the store already.
    StaffReport(StaffReport),
    /// A number crossed a threshold: which signal and level, and the sentence that says so.
    Signal {
        signal: String,
        sentence: String,
    },
    /// A location's agent is silent, or reports again. May be said as often as it is so: it is told
    /// once.
    Agent {
        location: LocationId,
        silent: bool,
        sentence: String,
    },
}

/// A plan started, or proposed, by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRequest {
    pub playbook: PlaybookId,
    pub unit: String,
    /// The plan's own ground when none is given.
    pub ground: Option<Ground>,
    pub reason: String,
    pub by: PersonId,
    /// A drill.
    pub exercise: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    Started(ActivationId),
    /// What was acknowledged, in words for the page that says so.
    Acknowledged {
        words: String,
    },
}

/// Why a command was not carried out, as it is said to a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("there is no open activation '{0}'")]
    UnknownActivation(ActivationId),
    #[error("there is no open incident '{0}'")]
    UnknownIncident(IncidentId),
    #[error("there is no playbook '{0}'")]
    UnknownPlaybook(PlaybookId),
    #[error("there is no such notice")]
    UnknownNotice,
    #[error("this notice was written to somebody else")]
    NotTheirs,
    #[error("this plan is in force already: {0}")]
    InForce(ActivationId),
    #[error("it could not be written down, so it does not hold: {0}; try again")]
    NotDurable(String),
    #[error("Holdfast is stopping")]
    Stopping,
}

impl Handle {
    /// A handle and the engine's end of it.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(COMMAND_QUEUE);
        (Self(sender), receiver)
    }

    /// Asks, and waits until what follows is durable.
    ///
    /// # Errors
    /// When it was refused, could not be written, or Holdfast is stopping.
    pub async fn ask(&self, command: Command) -> Result<Answer, CommandError> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { command, answer };
        self.0.send(asked).await.map_err(|_| CommandError::Stopping)?;
        answered.await.map_err(|_| CommandError::Stopping)?
    }

    async fn input(&self, activation: &ActivationId, input: Input) -> Result<(), CommandError> {
        self.ask(Command::Input(activation.clone(), input)).await.map(|_| ())
    }

    /// Acknowledges a notice by its link; answers what was acknowledged.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn acknowledge_notice(
        &self,
        notice: &str,
        by: &PersonId,
        via: &str,
    ) -> Result<String, CommandError> {
        let (notice, by, via) = (notice.to_owned(), by.clone(), via.to_owned());
        match self.ask(Command::AcknowledgeNotice { notice, by, via }).await? {
            Answer::Acknowledged { words } => Ok(words),
            Answer::Done | Answer::Started(_) => Ok(String::new()),
        }
    }

    /// Acknowledges a step.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn acknowledge(
        &self,
        activation: &ActivationId,
        step: &PlaybookStepId,
        by: &PersonId,
        via: &str,
    ) -> Result<(), CommandError> {
        let (step, by, via) = (step.clone(), by.clone(), via.to_owned());
        self.input(activation, Input::Acknowledge { step, by, via }).await
    }

    /// Votes on a step; on standing down when `step` is none.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn vote(
        &self,
        activation: &ActivationId,
        step: Option<&PlaybookStepId>,
        by: &PersonId,
        (approve, reason): (bool, &str),
    ) -> Result<(), CommandError> {
        let (step, by, reason) = (step.cloned(), by.clone(), reason.to_owned());
        self.input(activation, Input::Answer { step, by, approve, reason }).await
    }

    /// Ticks a line of a checklist.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn tick(
        &self,
        activation: &ActivationId,
        (step, item): (&PlaybookStepId, &ChecklistItemId),
        by: &PersonId,
        proof: Option<&str>,
    ) -> Result<(), CommandError> {
        let (step, item) = (step.clone(), item.clone());
        let (by, proof) = (by.clone(), proof.map(str::to_owned));
        self.input(activation, Input::Tick { step, item, by, proof }).await
    }

    /// Stands a plan down without being asked.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn stand_down(
        &self,
        activation: &ActivationId,
        by: &PersonId,
        reason: &str,
    ) -> Result<(), CommandError> {
        let (by, reason) = (by.clone(), reason.to_owned());
        self.input(activation, Input::StandDown { by, reason }).await
    }

    /// Takes a suspended function up again.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn resume(
        &self,
        activation: &ActivationId,
        function: &FunctionId,
        by: &PersonId,
    ) -> Result<(), CommandError> {
        let (function, by) = (function.clone(), by.clone());
        self.input(activation, Input::Resume { function, by }).await
    }

    /// Accepts a proposed plan, or declines it with a reason.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn decide_proposal(
        &self,
        activation: &ActivationId,
        by: &PersonId,
        (accept, reason): (bool, &str),
    ) -> Result<(), CommandError> {
        let (by, reason) = (by.clone(), reason.to_owned());
        let input = if accept { Input::Accept { by } } else { Input::Decline { by, reason } };
        self.input(activation, input).await
    }

    /// Puts a plan in force by hand.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn start(&self, request: StartRequest) -> Result<ActivationId, CommandError> {
        match self.ask(Command::Start(request)).await? {
            Answer::Started(id) => Ok(id),
            Answer::Done | Answer::Acknowledged { .. } => Err(CommandError::Stopping),
        }
    }

    /// Gives the answer to an effect.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn effect_result(
        &self,
        key: EffectKey,
        result: Result<String, String>,
    ) -> Result<(), CommandError> {
        self.ask(Command::EffectResult { key, result }).await.map(|_| ())
    }
}
