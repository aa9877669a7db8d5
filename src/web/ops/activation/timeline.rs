//! A plan in force as a timeline, in words: what is done, due, late, skipped and why.
//!
//! How each step stands is continuity's view; here it is said with names and times.

use crate::continuity::activation::{
    AcknowledgementState, ActionState, Activation, Progress as Known,
};
use crate::continuity::event::{Decided, SkipReason};
use crate::continuity::views::timeline::{ActivationView, ApprovalView, StepStatus, StepView};
use crate::domain::playbook::{IfNoAnswer, Playbook};

use super::super::super::names::{Names, counted, listed};
use super::super::super::states::Progress;
use super::super::super::times::{Moment, Times};
use super::asks::{self, Ask};

/// One step of the timeline.
pub struct Line {
    /// The step's id, for links into the page.
    pub id: String,
    pub progress: Progress,
    /// When it was, or will be, due; none for an ending that has not begun.
    pub at: Option<Moment>,
    pub title: String,
    /// What is known of it, a sentence each.
    pub words: Vec<String>,
    /// What somebody is asked at present.
    pub ask: Option<Ask>,
}

/// What the lines are made from.
pub struct Source<'a> {
    pub view: &'a ActivationView,
    pub state: &'a Activation,
    pub playbook: &'a Playbook,
    pub names: Names<'a>,
    pub times: &'a Times,
}

impl Source<'_> {
    /// Every step of the plan by its time, then the ending once it has begun.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut steps: Vec<&StepView> = self.view.steps.iter().collect();
        steps.sort_by_key(|step| step.due_at);
        let ending = self.view.ending.iter().filter(|step| step.due_at.is_some());
        steps.into_iter().chain(ending).map(|step| self.line(step)).collect()
    }

    fn line(&self, step: &StepView) -> Line {
        Line {
            id: step.id.to_string(),
            progress: match step.status {
                StepStatus::Done => Progress::Done,
                StepStatus::Due => Progress::Due,
                StepStatus::Late => Progress::Late,
                StepStatus::Failed => Progress::Failed,
                StepStatus::Skipped | StepStatus::NotReached => Progress::Skipped,
                StepStatus::Ahead => Progress::Waiting,
            },
            at: step.due_at.map(|at| self.times.moment(at)),
            title: step.title.clone(),
            words: self.words(step),
            ask: asks::of(step, self),
        }
    }

    fn words(&self, step: &StepView) -> Vec<String> {
        let Some(state) = self.state.steps.get(&step.id) else {
            return vec![self.before_its_time(step)];
        };
        let mut words = Vec::new();
        words.extend(state.acknowledgement.as_ref().map(|one| self.acknowledged(one)));
        match (&state.approval, &step.approval) {
            (Some(decided), _) if decided.decided.is_some() => {
                words.extend(decided.decided.map(|how| self.decided(how, decided)));
            }
            (_, Some(asked)) => {
                let plan = self.playbook.step(&step.id).and_then(|plan| plan.approve.as_ref());
                words.push(self.awaited(asked, plan.and_then(|plan| plan.if_no_answer)));
            }
            _ => {}
        }
        if let Some(list) = &step.checklist {
            let done = list.lines.iter().filter(|line| line.ticked_by.is_some()).count();
            let audience = self.names.role(&list.audience);
            words.push(format!("{audience}: {done} of {} ticked.", list.lines.len()));
        }
        words.extend(state.action.as_ref().map(acted));
        match &state.progress {
            Known::Skipped { why, .. } => words.push(format!("Skipped: {}.", skipped(*why))),
            Known::Failed { why, .. } => words.push(format!("Failed: {why}")),
            Known::Pending | Known::Done { .. } => {}
        }
        words
    }

    fn before_its_time(&self, step: &StepView) -> String {
        if step.status == StepStatus::NotReached {
            return "The plan ended before its time came.".to_owned();
        }
        let conditional =
            self.playbook.step(&step.id).is_some_and(|planned| planned.only_if.is_some());
        let condition = if conditional { ", if it still applies then" } else { "" };
        let due = step.due_at.map_or_else(String::new, |at| self.times.moment(at).relative());
        format!("Due {due}{condition}.")
    }

    fn acknowledged(&self, state: &AcknowledgementState) -> String {
        if !state.acknowledged.is_empty() {
            let who: Vec<String> = state
                .acknowledged
                .iter()
                .map(|(person, at)| {
                    format!("{} at {}", self.names.person(person), self.times.moment(*at).short())
                })
                .collect();
            return format!("Acknowledged by {}.", listed(&who));
        }
        let told = self.names.persons(&state.told);
        let by = self.times.moment(state.due_at).short();
        let mut words = if state.due_at < self.times.now() {
            format!("Not acknowledged by {by}. Told: {told}")
        } else {
            format!("Waits until {by} for {told} to acknowledge")
        };
        if state.escalations > 0 {
            let further = counted(state.escalations as usize, "time");
            words.push_str(&format!("; further people told {further}"));
        }
        if let Some(next) = state.escalate_at {
            words.push_str(&format!("; next {}", self.times.moment(next).relative()));
        }
        words + "."
    }

    fn decided(
        &self,
        (how, at): (Decided, jiff::Timestamp),
        state: &crate::continuity::activation::ApprovalState,
    ) -> String {
        let at = self.times.moment(at).short();
        match (how, &state.refused) {
            (Decided::Approved, _) if state.votes.is_empty() => format!("Approved at {at}."),
            (Decided::Approved, _) => {
                format!("Approved by {} at {at}.", self.names.persons(&state.votes))
            }
            (Decided::ByRule, _) => format!("Went ahead by rule at {at}: nobody answered."),
            (Decided::NoAnswer, _) => format!("Left out at {at}: nobody answered."),
            (Decided::Refused, Some((person, why))) => {
                format!("Refused by {} at {at}: {why}", self.names.person(person))
            }
            (Decided::Refused, None) => format!("Refused at {at}."),
        }
    }

    /// Who decides, how many did, and what happens when nobody does.
    #[must_use]
    pub fn awaited(&self, asked: &ApprovalView, rule: Option<IfNoAnswer>) -> String {
        let who: Vec<String> = asked.asked_of.iter().map(|role| self.names.role(role)).collect();
        let mut words = format!("To decide: {}", who.join(" or "));
        if asked.votes_needed > 1 {
            words.push_str(&format!("; {} of {} votes so far", asked.votes, asked.votes_needed));
        }
        if let Some(by) = asked.answer_by {
            let then = match rule {
                Some(IfNoAnswer::OpenByRule | IfNoAnswer::ProceedByRule) => "it goes ahead by rule",
                Some(IfNoAnswer::AskAgain) => "they are asked again",
                Some(IfNoAnswer::Skip) => "it is left out",
                None => "it stays open",
            };
            let by = self.times.moment(by).short();
            words.push_str(&format!(". Without an answer by {by} {then}"));
        }
        words + "."
    }
}

fn acted(state: &ActionState) -> String {
    let mut words = match state.done_at {
        Some(_) if state.detail.is_empty() => "Carried out".to_owned(),
        Some(_) => capital(state.detail.trim_end_matches('.')),
        None if state.attempts > 0 => {
            format!("Tried {}, no answer yet", counted(state.attempts as usize, "time"))
        }
        None => "Asked for, no answer yet".to_owned(),
    };
    if state.undone {
        words.push_str("; taken back since");
    }
    words + "."
}

/// The sentence with a capital.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

fn skipped(why: SkipReason) -> &'static str {
    match why {
        SkipReason::Recovered => "it works again",
        SkipReason::NotRecovered => "it does not work yet",
        SkipReason::Acknowledged => "it was acknowledged",
        SkipReason::NotAcknowledged => "it was not acknowledged",
        SkipReason::Approved => "it was approved",
        SkipReason::NotApproved => "it was not approved",
        SkipReason::Refused => "it was refused",
        SkipReason::NoAnswer => "nobody answered",
        SkipReason::NothingToDo => "there was nothing to do",
    }
}
