//! A playbook file as it is written, before it is checked.
//!
//! Whatever can be wrong in a way serde does not see is kept as [`Text`] with its place, so that
//! all such faults are reported at once. Nothing outside `config::playbooks` sees these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::domain::ids::{
    ChecklistItemId, CohortId, FunctionId, PlaybookId, PlaybookStepId, ProbeId, RoleId, TargetId,
};
use crate::domain::length::Length;
use crate::domain::notice::Channel;
use crate::domain::playbook::{
    Ground, IfNoAnswer, ItemsFrom, OneActivationPer, Proof, Rehearsal, Undo, Until,
};
use crate::domain::verdict::Verdict;

/// A word or phrase and where it stands.
pub(super) type Text = Spanned<String>;

/// A continuity plan: a timeline of steps from T0, the instant the plan comes into force.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPlaybook {
    /// Always `holdfast/playbook/v1`.
    #[schemars(with = "String")]
    pub(super) format: Text,
    #[schemars(with = "PlaybookId")]
    pub(super) playbook: Text,
    #[schemars(with = "String")]
    pub(super) title: Text,
    pub(super) ground: Ground,
    pub(super) version: u32,
    /// The role that answers for the plan.
    #[schemars(with = "RoleId")]
    pub(super) owner: Text,
    /// Roles that may start the plan by hand and decide on a proposal.
    #[schemars(with = "Vec<RoleId>")]
    pub(super) activates: Vec<Text>,
    /// A date in quotes: "2027-03-01".
    #[schemars(with = "String")]
    pub(super) review_by: Text,
    pub(super) start_when: Option<RawStartWhen>,
    pub(super) one_activation_per: OneActivationPer,
    #[schemars(with = "BTreeMap<RoleId, RawRoleNeed>")]
    pub(super) roles: BTreeMap<String, Spanned<RawRoleNeed>>,
    #[schemars(with = "Vec<RawStep>")]
    pub(super) steps: Vec<Spanned<RawStep>>,
    pub(super) stand_down: RawStandDown,
    pub(super) reconcile: Option<RawReconcile>,
    pub(super) drill: Option<RawDrill>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStartWhen {
    #[schemars(with = "TargetId")]
    pub target: Text,
    pub verdict: Vec<Verdict>,
    /// Probes: the plan starts when no others fail. Name what other systems send here.
    #[serde(default)]
    #[schemars(with = "Vec<ProbeId>")]
    pub only: Vec<Text>,
    #[serde(rename = "for")]
    #[schemars(with = "Length")]
    pub held_for: Text,
    /// `2 locations`, `3 staff reports`, or both with `or` between.
    #[schemars(with = "Option<String>")]
    pub confirmed_by: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoleNeed {
    pub reach: Vec<Channel>,
    pub at_least: u32,
    #[serde(default)]
    pub around_the_clock: bool,
}

/// One step: `id`, `at`, one verb (`notify`, `approve`, `do`, `checklist`, `suspend`, `resume`,
/// `undo_of`) and what belongs to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    #[schemars(with = "PlaybookStepId")]
    pub id: Text,
    pub title: Option<String>,
    #[schemars(with = "Option<Length>")]
    pub at: Option<Text>,
    /// `recovered`, `not recovered`, `STEP acknowledged`, `STEP not acknowledged`,
    /// `STEP approved` or `STEP not approved`.
    #[schemars(with = "Option<String>")]
    pub only_if: Option<Text>,
    #[schemars(with = "Option<RawApproval>")]
    pub approve: Option<Spanned<RawApproval>>,
    /// A role, several separated by commas, or `everyone-told-so-far`.
    #[schemars(with = "Option<String>")]
    pub notify: Option<Text>,
    #[schemars(with = "Option<String>")]
    pub message: Option<Text>,
    /// A paragraph of the plan's own words, added to the notice.
    #[schemars(with = "Option<String>")]
    pub say: Option<Text>,
    #[schemars(with = "Option<RawMustAcknowledge>")]
    pub must_acknowledge: Option<Spanned<RawMustAcknowledge>>,
    /// `open-copy` or `close-copy`.
    #[serde(rename = "do")]
    #[schemars(with = "Option<String>")]
    pub action: Option<Text>,
    #[schemars(with = "Option<RawWith>")]
    pub with: Option<Spanned<RawWith>>,
    #[schemars(with = "Option<Undo>")]
    pub undo: Option<Spanned<Undo>>,
    #[schemars(with = "Option<RawChecklist>")]
    pub checklist: Option<Spanned<RawChecklist>>,
    #[schemars(with = "Option<RawSuspend>")]
    pub suspend: Option<Spanned<RawSuspend>>,
    /// `everything-suspended` or the name of a function.
    #[schemars(with = "Option<String>")]
    pub resume: Option<Text>,
    #[schemars(with = "Option<Vec<PlaybookStepId>>")]
    pub undo_of: Option<Spanned<Vec<Text>>>,
    /// `a visit is open`.
    #[schemars(with = "Option<String>")]
    pub not_while: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMustAcknowledge {
    /// `any 1`, `any 2` … or `all`.
    #[schemars(with = "String")]
    pub by: Text,
    #[schemars(with = "Length")]
    pub within: Text,
    pub if_nobody: Option<RawEscalation>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEscalation {
    #[schemars(with = "String")]
    pub notify: Text,
    /// `every 5 min`.
    #[schemars(with = "String")]
    pub repeat: Text,
    /// `6 times`.
    #[schemars(with = "String")]
    pub up_to: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApproval {
    #[schemars(with = "Vec<RoleId>")]
    pub by: Vec<Text>,
    #[schemars(with = "u32")]
    pub votes: Spanned<u32>,
    #[schemars(with = "Option<Length>")]
    pub within: Option<Text>,
    #[schemars(with = "Option<IfNoAnswer>")]
    pub if_no_answer: Option<Spanned<IfNoAnswer>>,
}

/// For whom the copy is opened: exactly one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWith {
    #[schemars(with = "Option<Vec<CohortId>>")]
    pub cohorts: Option<Vec<Text>>,
    pub scope: Option<RawScope>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawScope {
    Outage,
    Everyone,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChecklist {
    #[serde(rename = "for")]
    #[schemars(with = "RoleId")]
    pub audience: Text,
    #[serde(default)]
    #[schemars(with = "Vec<RawItem>")]
    pub items: Vec<RawItem>,
    pub items_from: Option<ItemsFrom>,
    /// `every 20 min`.
    #[schemars(with = "Option<String>")]
    pub remind: Option<Text>,
    #[serde(default)]
    pub second_person: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawItem {
    #[schemars(with = "ChecklistItemId")]
    pub id: Text,
    #[schemars(with = "String")]
    pub text: Text,
    #[serde(default)]
    pub must: bool,
    pub proof: Option<Proof>,
    pub items_from: Option<ItemsFrom>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSuspend {
    #[schemars(with = "FunctionId")]
    pub function: Text,
    pub until: Until,
    #[schemars(with = "RoleId")]
    pub risk_accepted_by: Text,
    #[serde(default)]
    #[schemars(with = "Vec<RoleId>")]
    pub told: Vec<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStandDown {
    pub offer_when: Option<RawOfferWhen>,
    pub approve: RawApproval,
    #[schemars(with = "Vec<RawStep>")]
    pub steps: Vec<Spanned<RawStep>>,
    pub if_it_fails_again: Option<RawFailsAgain>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOfferWhen {
    #[schemars(with = "TargetId")]
    pub target: Text,
    pub verdict: Verdict,
    #[serde(rename = "for")]
    #[schemars(with = "Length")]
    pub held_for: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFailsAgain {
    #[schemars(with = "Length")]
    pub within: Text,
    #[serde(rename = "do")]
    pub action: RawRelapse,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawRelapse {
    ResumeSameActivation,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReconcile {
    #[schemars(with = "RawChecklist")]
    pub checklist: Spanned<RawChecklist>,
    /// `downtime-journal reconciled` or `checklist done`.
    #[schemars(with = "String")]
    pub finished_when: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDrill {
    #[schemars(with = "Length")]
    pub every: Text,
    #[schemars(with = "String")]
    pub marks: Text,
    pub people: Rehearsal,
    pub actions: Rehearsal,
    /// `STEP.acknowledged_within`, `STEP.approved_within` or `STEP.done_within`, each with a time.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Length>")]
    pub pass_if: BTreeMap<String, Text>,
}
