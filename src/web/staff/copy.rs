//! The way to the read-only copy, as the staff page shows it: open for this office, or why not.
//!
//! It names nobody and reads nothing of the copy: that it is open, since when and how old it is.

use std::sync::Arc;

use crate::domain::target::{Cohort, Target};
use crate::snapshots::{OpenStatus, Status};
use crate::vault::order::Scope;

use super::super::names::listed;
use super::super::times::Times;
use super::office;

/// What is said of the copy, with a way in or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyWay {
    pub open: bool,
    pub words: String,
}

impl CopyWay {
    /// For readers of one office or team, or of one that nobody has chosen yet.
    #[must_use]
    pub fn new(
        status: &Status,
        targets: &[Arc<Target>],
        mine: Option<&Cohort>,
        times: &Times,
    ) -> Self {
        let Status::Open(status) = status else {
            let words = "The read-only copy is closed. It opens when a plan in force says so, and \
                         this page then shows the way.";
            return Self { open: false, words: words.to_owned() };
        };
        let made = made(status, times);
        let (open, words) = match (&status.scope, mine) {
            (Scope::Everyone, _) => (true, made),
            (Scope::Cohorts(open), Some(mine)) if open.contains(&mine.id) => (true, made),
            (Scope::Cohorts(_), Some(mine)) => {
                let others = titles(&status.scope, targets);
                let not_yet = format!("not for {}. Ring them, or your supervisor.", mine.title);
                (false, format!("The read-only copy is open for {others}, {not_yet}"))
            }
            (Scope::Cohorts(_), None) => {
                (true, format!("It is open for {} only. {made}", titles(&status.scope, targets)))
            }
        };
        Self { open, words }
    }
}

fn made(status: &OpenStatus, times: &Times) -> String {
    let made = times.moment(status.captured_at);
    format!(
        "Made at {}, {} old. Sign in with your passphrase and a code.",
        made.short(),
        made.age()
    )
}

/// The offices and teams it is open for, as people call them.
#[must_use]
pub fn titles(scope: &Scope, targets: &[Arc<Target>]) -> String {
    let Scope::Cohorts(open) = scope else { return "everybody".to_owned() };
    let known = office::all(targets);
    let known = known.into_iter().filter(|cohort| open.contains(&cohort.id));
    let titles: Vec<&str> = known.map(|cohort| cohort.title.as_str()).collect();
    if titles.is_empty() { "other offices".to_owned() } else { listed(&titles) }
}
