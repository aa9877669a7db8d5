//! `holdfast incident`: what is on, and what people note on it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{CliError, InstallationArgs, in_words, print, print_json, recorded};
use crate::app::control;
use crate::clock::Clock;
use crate::config::installation::{self, Installation};
use crate::continuity::views::{self, ActivationLine, IncidentLine, IncidentView, Line};
use crate::domain::ids::PersonId;
use crate::domain::incident::IncidentId;
use crate::web::control::Order;

/// Incidents of this time are listed beside those that are open.
const LISTED_WINDOW: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Lists incidents, shows one with its history, notes something on one.
///
/// Example: holdfast incident note INC-20260301-1 --by p-ops-1 "supplier rung at 10:15"
#[derive(Debug, clap::Args)]
pub struct Incident {
    #[command(flatten)]
    on: InstallationArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Those that are open and those of the last seven days, newest first.
    ///
    /// Example: holdfast incident list
    List,
    /// One with its history, its plans and how many notices were written.
    ///
    /// Example: holdfast incident show INC-20260301-1
    Show { incident: String },
    /// Writes a line into its history.
    ///
    /// Example: holdfast incident note INC-20260301-1 "supplier rung at 10:15" --by p-ops-1
    Note {
        incident: String,
        words: String,
        #[arg(long, value_name = "PERSON")]
        by: PersonId,
    },
}

/// An incident for printing.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    line: IncidentLine,
    history: Vec<Line>,
    activations: Vec<ActivationLine>,
    notices: usize,
}

impl Incident {
    pub async fn run(self) -> Result<(), CliError> {
        let service = installation::load(&self.on.config)?;
        match self.verb {
            Verb::List => list(&service, self.on.json).await,
            Verb::Show { incident } => show(&service, incident, self.on.json).await,
            Verb::Note { incident, words, by } => {
                let order = Order::NoteIncident { incident: IncidentId(incident), by, words };
                let done = control::ask(&service.data, &order).await?;
                if self.on.json { print_json(&done) } else { print("Noted.") }
            }
        }
    }
}

async fn list(service: &Installation, json: bool) -> Result<(), CliError> {
    let now = Clock::system().now();
    let from = now.saturating_sub(LISTED_WINDOW).unwrap_or(now);
    let store = recorded(service).await?;
    let incidents = views::incidents(&store, from, Timestamp::MAX).await;
    store.close().await;
    let incidents = incidents.map_err(anyhow::Error::from)?;
    if json {
        return print_json(&incidents);
    }
    if incidents.is_empty() {
        return print("No incident is open, and there was none in the last seven days.");
    }
    incidents.iter().map(|one| line(service, one)).try_for_each(print)
}

async fn show(service: &Installation, id: String, json: bool) -> Result<(), CliError> {
    let id = IncidentId(id);
    let store = recorded(service).await?;
    let found = views::incident(&store, &id).await;
    store.close().await;
    let found = found.map_err(anyhow::Error::from)?;
    let Some(IncidentView { line: incident, history, activations, notices, .. }) = found else {
        let words = format!("there is no incident '{id}': see 'holdfast incident list'");
        return Err(CliError::Failed(anyhow::anyhow!(words)));
    };
    let shown = Shown { line: incident, history, activations, notices: notices.len() };
    if json {
        return print_json(&shown);
    }
    print(line(service, &shown.line))?;
    for told in &shown.history {
        print(format!("  {}  {}", in_words(service, told.at), told.words))?;
    }
    for plan in &shown.activations {
        print(format!("  plan {}: {}, {}", plan.id, plan.title, plan.phase.title()))?;
    }
    print(format!("  {} notices were written", shown.notices))
}

fn line(service: &Installation, one: &IncidentLine) -> String {
    let time = |at| in_words(service, at);
    let stands = match (one.closed_at, one.recovered_at, &one.taken_by) {
        (Some(at), ..) => format!("closed {}", time(at)),
        (None, Some(at), _) => format!("works again since {}", time(at)),
        (None, None, Some(by)) => format!("open since {}, taken by {by}", time(one.began_at)),
        (None, None, None) => format!("open since {}, nobody has taken it", time(one.began_at)),
    };
    format!("{}  {}  {stands}  {}", one.id, one.severity, one.sentence)
}
