//! A playbook: a continuity plan as a timeline of steps, already checked.
//!
//! `config` reads it from a file, `continuity` carries it out, pages print it. It must not know
//! how either is done. There is no expression language and no graph in it, on purpose: a manager
//! reads it from the top.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ids::{ChecklistItemId, CohortId, FunctionId, PlaybookId, PlaybookStepId};
use super::ids::{ProbeId, RoleId, TargetId};
use super::length::Length;
use super::notice::{Channel, NoticeKind};
use super::verdict::Verdict;

/// One plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playbook {
    pub id: PlaybookId,
    pub title: String,
    pub ground: Ground,
    pub version: u32,
    /// The role that answers for the plan.
    pub owner: RoleId,
    /// Roles that may start it by hand, and accept or decline a proposal.
    pub activates: Vec<RoleId>,
    pub review_by: Date,
    /// None for a plan that people start.
    pub start_when: Option<StartWhen>,
    pub one_activation_per: OneActivationPer,
    pub roles: BTreeMap<RoleId, RoleNeed>,
    /// In the order of the file; each has its own instant.
    pub steps: Vec<Step>,
    pub stand_down: StandDown,
    pub reconcile: Option<Reconcile>,
    pub drill: Option<Drill>,
}

/// Why a plan is activated.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    ItOutage,
    IntermittentService,
    SlowService,
    StaleFeed,
    WorkforceDepletion,
    LossOfKeyStaff,
    DemandSurge,
    LossOfBuilding,
    LossOfKeyEquipment,
    ThirdPartySupplier,
}

/// What may be in force only once at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OneActivationPer {
    Installation,
    Region,
    Unit,
}

/// The measured signal that starts a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartWhen {
    pub target: TargetId,
    /// Any of these.
    pub verdict: Vec<Verdict>,
    /// When only these probes fail, feeds mostly; empty for outages of the target itself.
    #[serde(default)]
    pub only: Vec<ProbeId>,
    /// Counted from when the outage began.
    pub held_for: Length,
    pub confirmed_by: Option<Corroboration>,
}

/// Independent evidence that has to agree; either kind suffices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corroboration {
    pub locations: Option<u32>,
    pub staff_reports: Option<u32>,
}

/// What a plan needs of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleNeed {
    /// In order of preference.
    pub reach: Vec<Channel>,
    pub at_least: u32,
    pub around_the_clock: bool,
}

/// One item of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub id: PlaybookStepId,
    /// In words, for the timeline; written from the verb when the file has none.
    pub title: String,
    /// From T0, the instant the plan came into force.
    pub at: Length,
    pub only_if: Option<Condition>,
    /// Asked before the verb is carried out.
    pub approve: Option<Approval>,
    pub verb: Verb,
}

/// What must hold when a step is due; a closed list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    Recovered,
    NotRecovered,
    Acknowledged(PlaybookStepId),
    NotAcknowledged(PlaybookStepId),
    Approved(PlaybookStepId),
    NotApproved(PlaybookStepId),
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Notify(Notify),
    /// A decision that only later conditions read.
    Approve,
    Do {
        action: Action,
        undo: Option<Undo>,
    },
    Checklist(Checklist),
    Suspend(Suspend),
    Resume(Resume),
    /// Takes back what these steps did.
    UndoOf {
        steps: Vec<PlaybookStepId>,
        not_while: Option<NotWhile>,
    },
}

/// A notice to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    pub to: Audience,
    pub message: NoticeKind,
    /// A paragraph of the plan's own words.
    pub say: Option<String>,
    pub must_acknowledge: Option<MustAcknowledge>,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    Roles(Vec<RoleId>),
    EveryoneToldSoFar,
}

/// A notice somebody has to answer for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MustAcknowledge {
    pub by: AcknowledgedBy,
    pub within: Length,
    pub if_nobody: Option<Escalation>,
}

/// How many have to acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcknowledgedBy {
    Any(u32),
    All,
}

/// Who is told when nobody acknowledges, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    pub notify: Vec<RoleId>,
    pub every: Length,
    pub up_to: u32,
}

/// A decision people take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: Vec<RoleId>,
    pub votes: u32,
    /// None waits for an answer.
    pub within: Option<Length>,
    pub if_no_answer: Option<IfNoAnswer>,
}

/// What happens when nobody decides in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IfNoAnswer {
    /// The copy's standard tier is opened for rostered staff, and the owner is told.
    OpenByRule,
    /// The step goes ahead, and the owner is told.
    ProceedByRule,
    /// The step is left out.
    Skip,
    /// Everybody asked is asked once more, after the same time.
    AskAgain,
}

/// An effect on the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    OpenCopy(CopyScope),
    CloseCopy,
}

/// For whom the copy is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyScope {
    Cohorts(BTreeSet<CohortId>),
    /// The cohorts the outage hits when the step is carried out.
    Outage,
    Everyone,
}

/// How an action is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    CloseCopy,
}

/// Lines to be ticked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    pub audience: RoleId,
    pub items: Vec<ChecklistItem>,
    /// Lines that come from elsewhere instead of, or after, `items`.
    pub items_from: Option<ItemsFrom>,
    pub remind: Option<Length>,
    /// Whoever ticks must not be the one who entered.
    pub second_person: bool,
}

/// One line of a checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItem {
    pub id: ChecklistItemId,
    pub text: String,
    /// The checklist is done when all of these are.
    pub must: bool,
    pub proof: Option<Proof>,
    pub items_from: Option<ItemsFrom>,
}

/// What has to be given with a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    Count,
    Words,
}

/// Lists that other parts of Holdfast keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ItemsFrom {
    DueDuringOutage,
    DowntimeJournal,
}

/// A function a unit stops doing, with whoever accepts the risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspend {
    pub function: FunctionId,
    pub until: Until,
    pub risk_accepted_by: RoleId,
    pub told: Vec<RoleId>,
}

/// Until when a function stays suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    StandDown,
    ResumedByHand,
}

/// What is taken up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resume {
    EverythingSuspended,
    Function(FunctionId),
}

/// What holds an undo back; a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotWhile {
    AVisitIsOpen,
}

/// How the plan ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandDown {
    pub offer_when: Option<OfferWhen>,
    pub approve: Approval,
    /// One after the other, each when the one before is done.
    pub steps: Vec<Step>,
    /// A failure within this time after stand-down resumes the same activation.
    pub resumes_within: Option<Length>,
}

/// When standing down is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferWhen {
    pub target: TargetId,
    pub verdict: Verdict,
    pub held_for: Length,
}

/// What has to be put back into the system before the activation is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconcile {
    pub checklist: Checklist,
    pub finished_when: Finished,
}

/// What ends reconciling; a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finished {
    JournalReconciled,
    ChecklistDone,
}

/// How the plan is practised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    pub every: Length,
    /// Put before every subject, so that nobody takes it for the real thing.
    pub marks: String,
    pub people: Rehearsal,
    pub actions: Rehearsal,
    pub pass_if: Vec<PassIf>,
}

/// Whether a drill really does something or only writes down that it would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rehearsal {
    Real,
    Rehearse,
}

/// One thing a drill is scored by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassIf {
    pub step: PlaybookStepId,
    pub measure: Measure,
    pub within: Length,
}

/// What is timed, from when the step was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    Acknowledged,
    Approved,
    Done,
}

impl Playbook {
    /// A step of the timeline or of stand-down.
    #[must_use]
    pub fn step(&self, id: &PlaybookStepId) -> Option<&Step> {
        self.steps.iter().chain(&self.stand_down.steps).find(|step| step.id == *id)
    }

    /// The channels over which this plan reaches a role, in order of preference.
    #[must_use]
    pub fn reach(&self, role: &RoleId) -> &[Channel] {
        self.roles.get(role).map_or(&[Channel::Email], |need| need.reach.as_slice())
    }
}

impl Ground {
    pub const ALL: [Self; 10] = [
        Self::ItOutage,
        Self::IntermittentService,
        Self::SlowService,
        Self::StaleFeed,
        Self::WorkforceDepletion,
        Self::LossOfKeyStaff,
        Self::DemandSurge,
        Self::LossOfBuilding,
        Self::LossOfKeyEquipment,
        Self::ThirdPartySupplier,
    ];

    /// The word in files and the register.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ItOutage => "it-outage",
            Self::IntermittentService => "intermittent-service",
            Self::SlowService => "slow-service",
            Self::StaleFeed => "stale-feed",
            Self::WorkforceDepletion => "workforce-depletion",
            Self::LossOfKeyStaff => "loss-of-key-staff",
            Self::DemandSurge => "demand-surge",
            Self::LossOfBuilding => "loss-of-building",
            Self::LossOfKeyEquipment => "loss-of-key-equipment",
            Self::ThirdPartySupplier => "third-party-supplier",
        }
    }

    /// In words, for pages and reports.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ItOutage => "IT outage",
            Self::IntermittentService => "Intermittent service",
            Self::SlowService => "Slow service",
            Self::StaleFeed => "Stale feed from another agency",
            Self::WorkforceDepletion => "Workforce depletion",
            Self::LossOfKeyStaff => "Loss of key staff",
            Self::DemandSurge => "Surge in demand",
            Self::LossOfBuilding => "Loss of building",
            Self::LossOfKeyEquipment => "Loss of key equipment",
            Self::ThirdPartySupplier => "Third-party supplier",
        }
    }

    /// Reads the word that [`Ground::as_str`] writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ground| ground.as_str() == word)
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grounds_read_back_the_words_of_the_files() {
        for ground in Ground::ALL {
            assert_eq!(serde_json::to_value(ground).unwrap(), ground.as_str());
            assert_eq!(Ground::parse(ground.as_str()), Some(ground));
        }
    }
}
