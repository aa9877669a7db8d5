//! What happened to an activation, in order: the record everything else follows from.
//!
//! Events are stored with [`VERSION`] and chained by hash, so variants and fields are only ever
//! added. They carry names and counts, never case data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::effect::{NoticeRequest, OpenScope, Recipient};
use super::standing::TargetStanding;
use crate::domain::ids::{
    ChecklistItemId, FunctionId, PersonId, PlaybookId, PlaybookStepId, RoleId,
};
use crate::domain::incident::{ActivationId, IncidentId};
use crate::domain::playbook::{AcknowledgedBy, Ground};

/// Of the stored form; a reader understands this one and the one before.
pub const VERSION: u16 = 1;

/// What an activation begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub id: ActivationId,
    pub playbook: PlaybookId,
    pub playbook_version: u32,
    /// SHA-256 of the plan's file, in hexadecimal: the plan is pinned.
    pub playbook_hash: String,
    pub title: String,
    pub unit: String,
    pub owner: RoleId,
    pub ground: Ground,
    pub reason: String,
    pub started_by: StartedBy,
    /// A drill: nobody takes it for the real thing, and actions may be rehearsed.
    pub exercise: bool,
    pub incident: Option<IncidentId>,
}

/// Who or what started it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartedBy {
    /// The measured signal of the plan's `start_when`.
    Signal,
    Person(PersonId),
}

/// Why a step was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// It was only for as long as the target had not recovered.
    Recovered,
    NotRecovered,
    Acknowledged,
    NotAcknowledged,
    Approved,
    NotApproved,
    /// Asked, and refused.
    Refused,
    /// Asked, and nobody answered.
    NoAnswer,
    /// There was nothing to undo or to resume.
    NothingToDo,
}

/// How a decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    Approved,
    Refused,
    /// Nobody answered, and the plan says to go ahead.
    ByRule,
    /// Nobody answered, and the plan says to leave it.
    NoAnswer,
}

/// One thing that happened. `step` none means the decision to stand down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Started(Header),
    Proposed(Header),
    Accepted {
        by: PersonId,
    },
    Declined {
        by: PersonId,
        reason: String,
    },
    TargetChanged(TargetStanding),
    StepBegan {
        step: PlaybookStepId,
        due_at: Timestamp,
    },
    StepSkipped {
        step: PlaybookStepId,
        why: SkipReason,
    },
    StepDone {
        step: PlaybookStepId,
    },
    StepFailed {
        step: PlaybookStepId,
        why: String,
    },
    NoticeAsked(NoticeRequest),
    NobodyHolds {
        step: PlaybookStepId,
        role: RoleId,
    },
    AcknowledgementAwaited {
        step: PlaybookStepId,
        by: AcknowledgedBy,
        due_at: Timestamp,
    },
    Acknowledged {
        step: PlaybookStepId,
        by: PersonId,
        via: String,
    },
    Escalated {
        step: PlaybookStepId,
        number: u32,
        next_at: Option<Timestamp>,
    },
    ApprovalAsked {
        step: Option<PlaybookStepId>,
        votes: u32,
        answer_by: Option<Timestamp>,
    },
    Voted {
        step: Option<PlaybookStepId>,
        by: PersonId,
        approve: bool,
        reason: String,
    },
    Decided {
        step: Option<PlaybookStepId>,
        how: Decided,
    },
    CopyOpening {
        step: PlaybookStepId,
        occurrence: u32,
        scope: OpenScope,
        rehearsed: bool,
    },
    CopyClosing {
        step: PlaybookStepId,
        occurrence: u32,
        opened_by: Vec<PlaybookStepId>,
    },
    ActionDone {
        step: PlaybookStepId,
        occurrence: u32,
        detail: String,
    },
    ActionFailed {
        step: PlaybookStepId,
        occurrence: u32,
        why: String,
        retry_at: Option<Timestamp>,
    },
    ChecklistOpened {
        step: PlaybookStepId,
        remind_at: Option<Timestamp>,
    },
    Ticked {
        step: PlaybookStepId,
        item: ChecklistItemId,
        by: PersonId,
        proof: Option<String>,
    },
    Reminded {
        step: PlaybookStepId,
        next_at: Option<Timestamp>,
    },
    Suspended {
        step: PlaybookStepId,
        function: FunctionId,
        risk_owner: RoleId,
    },
    Resumed {
        function: FunctionId,
        by: Option<PersonId>,
    },
    StandDownOffered,
    /// It failed again before anybody agreed, or somebody refused.
    StandDownWithdrawn {
        not_before: Option<Timestamp>,
    },
    StandDownBegan {
        by: Option<PersonId>,
        reason: String,
    },
    StoodDown,
    Relapsed,
    Reconciling,
    JournalCounted {
        open: u32,
    },
    VisitsCounted {
        open: u32,
    },
    Told(Vec<Recipient>),
    Closed,
}
