//! What an activation asks of the world, keyed so that asking twice changes nothing.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{CohortId, PersonId, PlaybookStepId, RoleId};
use crate::domain::incident::ActivationId;
use crate::domain::notice::{Channel, NoticeKind};

/// Names one effect for good; it is the idempotency key towards whoever carries it out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EffectKey {
    pub activation: ActivationId,
    /// The step, with what of it: `tell-duty`, `tell-duty.if-nobody`, `stand-down`.
    pub step: String,
    /// Counts from 1 within the step.
    pub occurrence: u32,
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.activation, self.step, self.occurrence)
    }
}

/// An effect as `decide` asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    SendNotice(NoticeRequest),
    OpenCopy {
        key: EffectKey,
        scope: OpenScope,
    },
    /// Closes what was opened under these keys.
    CloseCopy {
        key: EffectKey,
        opened_by: Vec<EffectKey>,
    },
    /// Notices asked for under these step names that have not gone out are no longer needed.
    WithdrawNotices {
        activation: ActivationId,
        steps: Vec<String>,
    },
    /// Asks how many journal entries are not yet back in the system.
    CountJournal {
        key: EffectKey,
    },
}

/// For whom the copy is opened, with the outage's cohorts filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenScope {
    Cohorts(BTreeSet<CohortId>),
    Everyone,
}

/// One message to several people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRequest {
    pub key: EffectKey,
    pub kind: NoticeKind,
    pub recipients: Vec<Recipient>,
    /// When it should have gone out, which is earlier than now after a stop.
    pub due_at: Timestamp,
    /// A paragraph of the plan's own, or what happened.
    pub say: Option<String>,
    /// What the reader is asked to do with the link.
    pub act: Option<Act>,
    /// Sent over every channel, and again when in doubt.
    pub life_safety: bool,
}

/// What a link in a notice is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    Acknowledge(PlaybookStepId),
    Answer(PlaybookStepId),
    Tick(PlaybookStepId),
    /// Agree to standing down, or refuse.
    StandDown,
    /// Accept a proposed plan, or decline it.
    Accept,
    Reconcile,
}

/// A person with the ways to reach them, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Recipient {
    pub person: PersonId,
    /// The role because of which they are told.
    pub role: RoleId,
    pub channels: Vec<Channel>,
}
