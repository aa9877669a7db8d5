//! A plan in force as a timeline: what is done, due, late, skipped and why.
//!
//! Made from the pinned plan and what is known of it; it decides nothing.

use crate::continuity::activation::{
    AcknowledgementState, ActionState, Activation, ApprovalState, Progress as Known, StepState,
};
use crate::continuity::event::{Decided, SkipReason};
use crate::domain::playbook::{Approval, IfNoAnswer, Playbook, Step, Verb};

use super::super::super::names::{Names, counted};
use super::super::super::states::Progress;
use super::super::super::times::{Moment, Times};
use super::asks::{self, Ask};

/// One step of the timeline.
pub struct Line {
    /// The step's id, for links into the page.
    pub id: String,
    pub progress: Progress,
    /// When it was, or will be, due.
    pub at: Moment,
    pub title: String,
    /// What is known of it, a sentence each.
    pub words: Vec<String>,
    /// What somebody is asked for now.
    pub ask: Option<Ask>,
}

/// What the lines are made from.
pub struct Source<'a> {
    pub playbook: &'a Playbook,
    pub activation: &'a Activation,
    pub names: Names<'a>,
    pub times: &'a Times,
}

impl Source<'_> {
    /// Every step of the plan, in order of its time; the ending once it has begun.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut steps: Vec<&Step> = self.playbook.steps.iter().collect();
        steps.sort_by_key(|step| step.at);
        let ending = self.playbook.stand_down.steps.iter();
        let begun = ending.filter(|step| self.activation.steps.contains_key(&step.id));
        steps.into_iter().chain(begun).map(|step| self.line(step)).collect()
    }

    fn line(&self, step: &Step) -> Line {
        let Some(state) = self.activation.steps.get(&step.id) else {
            return self.later(step);
        };
        let mut words = Vec::new();
        words.extend(state.acknowledgement.as_ref().map(|one| self.acknowledged(one)));
        words.extend(state.approval.as_ref().map(|one| self.approved(one, step.approve.as_ref())));
        words.extend(self.ticked(step, state));
        words.extend(state.action.as_ref().map(acted));
        words.extend(ended(&state.progress));
        Line {
            id: step.id.to_string(),
            progress: self.progress(state),
            at: self.times.moment(state.due_at),
            title: step.title.clone(),
            words,
            ask: asks::of(step, state, self),
        }
    }

    /// A step whose time has not come.
    fn later(&self, step: &Step) -> Line {
        let due_at = self.activation.t0.saturating_add(step.at.duration());
        let due = self.times.moment(due_at.unwrap_or(self.activation.t0));
        let over = self.activation.stood_down_at.is_some() || self.activation.phase.is_over();
        let (progress, words) = if over {
            (Progress::Skipped, "The plan ended before its time came.".to_owned())
        } else if due.at() <= self.times.now() {
            (Progress::Due, "Its time has come.".to_owned())
        } else {
            let condition = step.only_if.as_ref().map_or("", |_| ", if it still applies then");
            (Progress::Waiting, format!("Due {}{condition}.", due.relative()))
        };
        Line {
            id: step.id.to_string(),
            progress,
            at: due,
            title: step.title.clone(),
            words: vec![words],
            ask: None,
        }
    }

    fn progress(&self, state: &StepState) -> Progress {
        match &state.progress {
            Known::Done { .. } => Progress::Done,
            Known::Skipped { .. } => Progress::Skipped,
            Known::Failed { .. } => Progress::Failed,
            Known::Pending => {
                let acknowledge_by = state.acknowledgement.as_ref().map(|one| one.due_at);
                let answer_by = state.approval.as_ref().and_then(|one| one.answer_by);
                let by = acknowledge_by.or(answer_by);
                if by.is_some_and(|by| by < self.times.now()) {
                    Progress::Late
                } else {
                    Progress::Due
                }
            }
        }
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
            return format!("Acknowledged by {}.", super::super::super::names::listed(&who));
        }
        let told = self.names.persons(&state.told);
        let by = self.times.moment(state.due_at);
        let mut words = format!("Waits for {told} to acknowledge by {}", by.short());
        if state.due_at < self.times.now() {
            words = format!("Nobody of {told} acknowledged by {}", by.short());
        }
        if state.escalations > 0 {
            words.push_str(&format!(
                "; told further {}",
                counted(state.escalations as usize, "time")
            ));
        }
        if let Some(next) = state.escalate_at {
            words.push_str(&format!("; next {}", self.times.moment(next).relative()));
        }
        words + "."
    }

    /// How a decision stands, in words.
    #[must_use]
    pub fn approved(&self, state: &ApprovalState, rule: Option<&Approval>) -> String {
        let votes = self.names.persons(&state.votes);
        match state.decided {
            Some((Decided::Approved, at)) if votes.is_empty() => {
                format!("Approved at {}.", self.times.moment(at).short())
            }
            Some((Decided::Approved, at)) => {
                format!("Approved by {votes} at {}.", self.times.moment(at).short())
            }
            Some((Decided::ByRule, at)) => {
                format!("Went ahead by rule at {}: nobody answered.", self.times.moment(at).short())
            }
            Some((Decided::NoAnswer, at)) => {
                format!("Left out at {}: nobody answered.", self.times.moment(at).short())
            }
            Some((Decided::Refused, at)) => match &state.refused {
                Some((person, why)) => format!(
                    "Refused by {} at {}: {why}",
                    self.names.person(person),
                    self.times.moment(at).short()
                ),
                None => format!("Refused at {}.", self.times.moment(at).short()),
            },
            None => self.awaited(state, rule),
        }
    }

    fn awaited(&self, state: &ApprovalState, rule: Option<&Approval>) -> String {
        let mut words = format!("{} of {} votes", state.votes.len(), state.votes_needed);
        if let Some(rule) = rule {
            words.push_str(&format!("; {} may decide", self.names.roles(&rule.by)));
        }
        if let Some(by) = state.answer_by {
            let then = match rule.and_then(|rule| rule.if_no_answer) {
                Some(IfNoAnswer::OpenByRule | IfNoAnswer::ProceedByRule) => "it goes ahead by rule",
                Some(IfNoAnswer::AskAgain) => "they are asked again",
                Some(IfNoAnswer::Skip) => "it is left out",
                None => "it stays open",
            };
            let by = self.times.moment(by);
            words.push_str(&format!("; without an answer by {} {then}", by.short()));
        }
        words + "."
    }

    fn ticked(&self, step: &Step, state: &StepState) -> Option<String> {
        let (Verb::Checklist(list), Some(ticks)) = (&step.verb, &state.checklist) else {
            return None;
        };
        let audience = self.names.role(&list.audience);
        let done = list.items.iter().filter(|item| ticks.ticks.contains_key(&item.id)).count();
        let mut words = format!("{audience}: {done} of {} ticked", list.items.len());
        if let Some(next) = ticks.remind_at.filter(|_| state.is_pending()) {
            words.push_str(&format!("; reminded {}", self.times.moment(next).relative()));
        }
        Some(words + ".")
    }
}

fn acted(state: &ActionState) -> String {
    let mut words = match state.done_at {
        Some(_) if state.detail.is_empty() => "Carried out".to_owned(),
        Some(_) => state.detail.trim_end_matches('.').to_owned(),
        None if state.attempts > 0 => {
            format!("Tried {}", counted(state.attempts as usize, "time"))
        }
        None => "Under way".to_owned(),
    };
    if state.rehearsed {
        words.push_str(", rehearsed only");
    }
    if state.undone {
        words.push_str("; taken back since");
    }
    words + "."
}

fn ended(progress: &Known) -> Option<String> {
    match progress {
        Known::Skipped { why, .. } => Some(format!("Skipped: {}.", skipped(*why))),
        Known::Failed { why, .. } => Some(format!("Failed: {why}")),
        Known::Pending | Known::Done { .. } => None,
    }
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
