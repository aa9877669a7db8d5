//! What the pages need of continuity: who is who, which plans there are, and where decisions go.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::channels::link::LinkKey;
use crate::continuity::command::{CommandError, Handle};
use crate::continuity::readiness::{self, ReadinessFault};
use crate::domain::notice::Channel;
use crate::domain::people::People;
use crate::domain::playbook::Playbook;

use super::Web;
use super::error::WebError;

/// Handed in by `app` where continuity runs.
#[derive(Clone)]
pub struct Plans {
    /// Who is who, as configured last.
    pub people: watch::Receiver<Arc<People>>,
    /// The plans that can be started.
    pub playbooks: watch::Receiver<Arc<Vec<Arc<Playbook>>>>,
    /// Where decisions go; each answer means it is durable.
    pub continuity: Handle,
    /// That notices can go out by.
    pub channels: Arc<BTreeSet<Channel>>,
    /// Verifies the links in notices.
    pub links: Arc<LinkKey>,
}

impl Plans {
    /// What would be missing on the worst day, each thing once.
    #[must_use]
    pub fn overdue(&self, now: Timestamp) -> Vec<ReadinessFault> {
        let (playbooks, people) = (self.playbooks.borrow().clone(), self.people.borrow().clone());
        let plans = playbooks.iter().map(AsRef::as_ref);
        let mut faults = readiness::faults(plans, &people, &self.channels, now);
        let mut said = BTreeSet::new();
        faults.retain(|fault| said.insert(fault.words.clone()));
        faults
    }
}

impl Web {
    /// The plans of this machine.
    ///
    /// # Errors
    /// When continuity does not run here.
    pub fn plans(&self) -> Result<&Plans, WebError> {
        self.plans.as_ref().ok_or_else(|| {
            let words = "Plans are not carried out on this machine. Ring who has to know.";
            WebError::Unavailable(words.to_owned())
        })
    }

    /// Who is who now; nobody where continuity does not run.
    #[must_use]
    pub fn people(&self) -> Arc<People> {
        match &self.plans {
            Some(plans) => plans.people.borrow().clone(),
            None => Arc::new(nobody(self.zone.clone())),
        }
    }
}

fn nobody(zone: TimeZone) -> People {
    People { zone, persons: [].into(), roles: [].into(), rotas: [].into(), delegations: Vec::new() }
}

impl From<CommandError> for WebError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(_) | CommandError::NotTheirs | CommandError::InForce(_) => {
                Self::Conflict(sentence(&error.to_string()))
            }
            CommandError::UnknownActivation(_) => {
                Self::NotFound("There is no plan in force of that number.")
            }
            CommandError::UnknownIncident(_) => {
                Self::NotFound("There is no open incident of that number.")
            }
            CommandError::UnknownPlaybook(_) => Self::NotFound("There is no plan of that name."),
            CommandError::UnknownNotice => Self::NotFound("There is no notice of that number."),
            CommandError::NotDurable(_) | CommandError::Stopping => {
                tracing::error!(%error, "a decision was not kept");
                Self::Unavailable(
                    "It was not kept, so it does not hold. Try again; if it fails again, ring who \
                     has to know and write it down."
                        .to_owned(),
                )
            }
        }
    }
}

/// A refusal as a sentence.
fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
