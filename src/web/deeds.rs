//! What people decide on pages, handed on and answered: durable, or refused with a reason.
//!
//! A page is told that something was done only when it is on record.

use tokio::sync::{mpsc, oneshot};

use crate::continuity::decide::Input;
use crate::domain::ids::{PersonId, PlaybookId};
use crate::domain::incident::{ActivationId, IncidentId};
use crate::domain::playbook::Ground;

use super::error::WebError;

/// Decisions waiting to be carried out; each takes a write to the database.
pub const QUEUE: usize = 64;

/// One decision of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Somebody takes care of an incident.
    Take {
        incident: IncidentId,
        by: PersonId,
    },
    /// Somebody answers what a plan asks, or ends it.
    Answer {
        activation: ActivationId,
        input: Input,
    },
    Start(ByHand),
}

/// A plan started by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByHand {
    pub playbook: PlaybookId,
    pub unit: String,
    pub ground: Ground,
    pub reason: String,
    pub by: PersonId,
    /// A drill: marked in everything it sends.
    pub exercise: bool,
}

/// What came of a deed, once it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Noted,
    Started(ActivationId),
}

/// Why a deed was not carried out, as it is said to the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeedError {
    /// It is not possible now, or not for this person.
    #[error("{0}")]
    Refused(String),
    #[error("there is nothing of that number")]
    Missing,
    #[error("the records cannot be written")]
    Unavailable,
}

/// A deed with the way back for its answer.
#[derive(Debug)]
pub struct Asked {
    pub deed: Deed,
    pub answer: oneshot::Sender<Result<Done, DeedError>>,
}

/// Hands deeds to whoever carries them out.
#[derive(Clone, Debug)]
pub struct Deeds(mpsc::Sender<Asked>);

impl Deeds {
    /// The pages' end and the other one.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Asks for a deed and waits until it is on record.
    ///
    /// # Errors
    /// What the page says when it was not carried out.
    pub async fn ask(&self, deed: Deed) -> Result<Done, WebError> {
        let unavailable = || {
            WebError::Unavailable(
                "It was not taken: continuity is not running. Ring who has to know, and write it \
                 down."
                    .to_owned(),
            )
        };
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Asked { deed, answer }).map_err(|_| unavailable())?;
        match answered.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(DeedError::Refused(why))) => Err(WebError::Conflict(sentence(&why))),
            Ok(Err(DeedError::Missing)) => {
                Err(WebError::NotFound("There is nothing of that number."))
            }
            Ok(Err(DeedError::Unavailable)) | Err(_) => Err(unavailable()),
        }
    }
}

/// A refusal as a sentence.
fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
