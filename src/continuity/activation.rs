//! One activation: everything that is known of a plan in force, as its events left it.
//!
//! The state holds facts, not decisions: `decide` makes those and `apply` folds them in. It is
//! kept beside the events so that a start need not replay them; a test proves that both agree.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::effect::{EffectKey, OpenScope, Recipient};
use super::event::{Decided, Header, SkipReason};
use super::standing::TargetStanding;
use crate::domain::ids::{ChecklistItemId, FunctionId, PersonId, PlaybookStepId, RoleId};
use crate::domain::incident::Phase;
use crate::domain::playbook::AcknowledgedBy;

/// The step under which reconciling keeps its checklist.
pub const RECONCILE: &str = "reconcile";

/// One plan in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    pub header: Header,
    pub phase: Phase,
    /// When it was proposed or started.
    pub opened_at: Timestamp,
    /// T0 of the present round.
    pub t0: Timestamp,
    /// 1, and one more with every relapse.
    pub round: u32,
    /// The target the plan starts or ends by, as last heard of.
    pub standing: Option<TargetStanding>,
    pub steps: BTreeMap<PlaybookStepId, StepState>,
    /// Approvals people gave, which stand over relapses.
    pub approved_before: BTreeSet<PlaybookStepId>,
    /// Everyone told so far, with how they were reached.
    pub told: BTreeMap<PersonId, Recipient>,
    pub suspensions: Vec<Suspension>,
    /// How often each kind of effect of each step was asked for.
    pub occurrences: BTreeMap<String, u32>,
    pub stand_down: StandDownState,
    pub journal_open: Option<u32>,
    pub visits_open: u32,
    pub stood_down_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// Why it was declined, or stood down by hand.
    pub closing_words: Option<String>,
}

/// One step of the present round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    pub due_at: Timestamp,
    pub began_at: Timestamp,
    pub progress: Progress,
    pub approval: Option<ApprovalState>,
    pub acknowledgement: Option<AcknowledgementState>,
    pub checklist: Option<ChecklistState>,
    pub action: Option<ActionState>,
}

/// How far a step has come. A step that is not due yet has no state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// An answer, an acknowledgement, ticks or a result are awaited.
    Pending,
    Done {
        at: Timestamp,
    },
    Skipped {
        at: Timestamp,
        why: SkipReason,
    },
    Failed {
        at: Timestamp,
        why: String,
    },
}

/// A decision that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalState {
    pub asked_at: Timestamp,
    pub answer_by: Option<Timestamp>,
    pub votes_needed: u32,
    pub votes: BTreeSet<PersonId>,
    pub decided: Option<(Decided, Timestamp)>,
    /// Who refused, and why.
    pub refused: Option<(PersonId, String)>,
}

/// An acknowledgement that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgementState {
    pub by: AcknowledgedBy,
    /// Whoever was told first; *all* means these.
    pub first_told: BTreeSet<PersonId>,
    /// Everybody who may acknowledge, escalations included.
    pub told: BTreeSet<PersonId>,
    pub due_at: Timestamp,
    pub acknowledged: BTreeMap<PersonId, Timestamp>,
    pub satisfied_at: Option<Timestamp>,
    pub escalations: u32,
    /// When the next one is told; none when there is nobody left to tell.
    pub escalate_at: Option<Timestamp>,
}

/// A checklist that was handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistState {
    pub ticks: BTreeMap<ChecklistItemId, Tick>,
    pub remind_at: Option<Timestamp>,
    pub reminders: u32,
}

/// One line ticked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    pub by: PersonId,
    pub at: Timestamp,
    pub proof: Option<String>,
    /// The second person, where the list asks for one.
    pub checked_by: Option<PersonId>,
}

/// An effect on the copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionState {
    pub occurrence: u32,
    /// None for closing.
    pub opened: Option<OpenScope>,
    pub rehearsed: bool,
    pub attempts: u32,
    pub retry_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
    /// What came of it, in words.
    pub detail: String,
    pub undone: bool,
}

/// A function that is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    pub step: PlaybookStepId,
    pub function: FunctionId,
    pub risk_owner: RoleId,
    /// Who of that role accepted the risk.
    pub accepted_by: Option<PersonId>,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
}

/// Whether and how standing down is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandDownState {
    pub offered_at: Option<Timestamp>,
    pub approval: Option<ApprovalState>,
    /// Not offered again before, after a refusal.
    pub not_before: Option<Timestamp>,
    pub approved_by: Option<PersonId>,
}

impl Activation {
    /// The activation as its first event leaves it.
    #[must_use]
    pub fn begin(header: Header, phase: Phase, at: Timestamp) -> Self {
        Self {
            header,
            phase,
            opened_at: at,
            t0: at,
            round: 1,
            standing: None,
            steps: BTreeMap::new(),
            approved_before: BTreeSet::new(),
            told: BTreeMap::new(),
            suspensions: Vec::new(),
            occurrences: BTreeMap::new(),
            stand_down: StandDownState::default(),
            journal_open: None,
            visits_open: 0,
            stood_down_at: None,
            closed_at: None,
            closing_words: None,
        }
    }

    /// The key of an effect that was asked for `occurrence` times.
    #[must_use]
    pub fn key(&self, step: &str, occurrence: u32) -> EffectKey {
        EffectKey { activation: self.header.id.clone(), step: step.to_owned(), occurrence }
    }

    /// The key of the next effect of its kind.
    #[must_use]
    pub fn next_key(&self, step: &str) -> EffectKey {
        self.key(step, self.occurrences.get(step).copied().unwrap_or_default() + 1)
    }

    /// Whether the plan's target is known to be up again.
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.standing.as_ref().is_some_and(TargetStanding::recovered)
    }

    /// Whether a step was acknowledged as it asked.
    #[must_use]
    pub fn acknowledged(&self, step: &PlaybookStepId) -> bool {
        let state = self.steps.get(step).and_then(|step| step.acknowledgement.as_ref());
        state.is_some_and(|state| state.satisfied_at.is_some())
    }

    /// Whether a step was approved, by people or by its rule.
    #[must_use]
    pub fn approved(&self, step: &PlaybookStepId) -> bool {
        let decided = self.steps.get(step).and_then(|step| step.approval.as_ref()?.decided);
        decided.is_some_and(|(how, _)| matches!(how, Decided::Approved | Decided::ByRule))
            || self.approved_before.contains(step)
    }

    /// Functions set aside now.
    pub fn suspended(&self) -> impl Iterator<Item = &Suspension> {
        self.suspensions.iter().filter(|one| one.until.is_none())
    }
}

impl StepState {
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.progress == Progress::Pending
    }

    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.progress, Progress::Done { .. })
    }
}

impl ApprovalState {
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.decided.is_none()
    }
}

impl AcknowledgementState {
    /// Whether enough have acknowledged; somebody told by escalation counts as one.
    #[must_use]
    pub fn suffices(&self) -> bool {
        match self.by {
            AcknowledgedBy::Any(number) => self.acknowledged.len() >= number as usize,
            AcknowledgedBy::All => {
                let all = self.first_told.iter().all(|one| self.acknowledged.contains_key(one));
                let escalated = |one: &PersonId| !self.first_told.contains(one);
                all && !self.first_told.is_empty() || self.acknowledged.keys().any(escalated)
            }
        }
    }
}
