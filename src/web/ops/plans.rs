//! Plans in force and what they ask of whoever reads, as lists on the console's pages.

use jiff::Timestamp;

use super::super::Web;
use super::super::gate::Visitor;
use super::super::times::Times;
use crate::continuity::views::ActivationLine;
use crate::continuity::views::pending::{Pending, PendingWhat, pending};
use crate::store::StoreError;

/// A plan in force, in a list.
pub struct PlanLine {
    pub id: String,
    pub title: String,
    pub words: String,
    pub tone: &'static str,
    pub phase: &'static str,
}

impl PlanLine {
    #[must_use]
    pub fn new(line: &ActivationLine, times: &Times) -> Self {
        let exercise = if line.exercise { "EXERCISE: " } else { "" };
        Self {
            id: line.id.to_string(),
            title: format!("{exercise}{}", line.title),
            words: format!("{}, since {}", line.unit, times.moment(line.opened_at).since()),
            tone: super::activation::tone(line.phase),
            phase: line.phase.title(),
        }
    }
}

/// Something a plan asks of the reader.
pub struct WaitingLine {
    pub title: String,
    pub words: String,
    /// Where it is answered.
    pub page: String,
    pub late: bool,
}

impl WaitingLine {
    fn new(one: &Pending, times: &Times) -> Self {
        let (words, place) = match &one.what {
            PendingWhat::Acknowledge(step) => ("Acknowledge", format!("#step-{step}")),
            PendingWhat::Decide(step) => ("Decide", format!("#step-{step}")),
            PendingWhat::Checklist(list) => ("Tick the checklist", format!("#step-{}", list.step)),
            PendingWhat::StandDown => ("Decide whether it is over", String::new()),
            PendingWhat::Accept => ("Accept or decline the plan", String::new()),
        };
        Self {
            title: one.title.clone(),
            words: match one.due_at {
                Some(due_at) => format!("{words}, by {}", times.moment(due_at).short()),
                None => words.to_owned(),
            },
            page: format!("/ops/activations/{}{place}", one.activation.id),
            late: one.late,
        }
    }
}

/// What waits for the reader, over all plans in force.
///
/// # Errors
/// When the database cannot be read.
pub async fn waiting(
    web: &Web,
    visitor: &Visitor,
    times: &Times,
) -> Result<Vec<WaitingLine>, StoreError> {
    let Some(session) = visitor.session() else { return Ok(Vec::new()) };
    let all = pending(&web.store, &web.people(), &session.account.person, times.now()).await?;
    Ok(all.iter().map(|one| WaitingLine::new(one, times)).collect())
}

/// What would be missing on the worst day, in words: so many of them, and how many more.
#[must_use]
pub fn overdue(web: &Web, now: Timestamp) -> Vec<String> {
    const SHOWN: usize = 6;
    let faults = web.plans.as_ref().map(|plans| plans.overdue(now)).unwrap_or_default();
    let mut words = web.probe_faults.borrow().clone();
    words.extend(faults.into_iter().map(|fault| fault.words));
    let more = words.len().saturating_sub(SHOWN);
    words.truncate(SHOWN);
    words.extend((more > 0).then(|| format!("And {more} more: see holdfast_readiness_faults.")));
    words
}
