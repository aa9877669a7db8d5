//! What a step asks of somebody now, as the form its line carries.
//!
//! Whether this person may answer is decided by continuity when they do.

use crate::continuity::views::timeline::{ChecklistView, StepView};
use crate::domain::playbook::{ItemsFrom, Proof};

use super::timeline::Source;

/// A form on a line of the timeline.
pub enum Ask {
    Acknowledge,
    Approve { question: String },
    Tick(Vec<TickLine>),
}

/// A line of a checklist.
pub struct TickLine {
    pub id: String,
    pub text: String,
    pub must: bool,
    /// What has to be given with the tick: "how many", "in words".
    pub proof: Option<&'static str>,
    /// The page that lists what the line speaks of, and its name.
    pub list: Option<(&'static str, &'static str)>,
    /// Who ticked it and when; none while it is open.
    pub ticked: Option<String>,
    /// Ticked by one, to be checked by a second person.
    pub second: bool,
}

/// The form of a step, when it waits for somebody.
pub fn of(step: &StepView, source: &Source<'_>) -> Option<Ask> {
    if step.approval.as_ref().is_some_and(|asked| asked.open) {
        return Some(Ask::Approve { question: format!("Go ahead with: {}?", step.title) });
    }
    match &step.checklist {
        Some(list) if list.open => Some(Ask::Tick(tick_lines(list, source))),
        _ => step.acknowledgeable.then_some(Ask::Acknowledge),
    }
}

/// The lines of a checklist with whoever ticked them.
pub fn tick_lines(list: &ChecklistView, source: &Source<'_>) -> Vec<TickLine> {
    list.lines
        .iter()
        .map(|line| TickLine {
            id: line.id.to_string(),
            text: line.text.clone(),
            must: line.must,
            proof: line.proof.map(|proof| match proof {
                Proof::Count => "how many",
                Proof::Words => "in words",
            }),
            list: line.items_from.and_then(|list| match list {
                ItemsFrom::DueDuringOutage => Some(("/portal/due", "What is due, in the copy")),
                ItemsFrom::DowntimeJournal => None,
            }),
            ticked: line.ticked_by.as_ref().map(|(by, at)| {
                let who = source.names.person(by);
                let at = source.times.moment(*at).short();
                let given = line.given.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
                let checked = line.checked_by.as_ref().map_or_else(String::new, |by| {
                    format!(", checked by {}", source.names.person(by))
                });
                format!("{who} at {at}{given}{checked}")
            }),
            second: list.second_person && line.ticked_by.is_some() && line.checked_by.is_none(),
        })
        .collect()
}
