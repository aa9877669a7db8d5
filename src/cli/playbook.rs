//! `holdfast playbook`: the plans of this installation, on the screen and on paper.

use super::{CliError, InstallationArgs, print, print_json};
use crate::clock::Clock;
use crate::config::{installation, plans, targets};
use crate::documents::card::{Card, text};
use crate::domain::ids::PlaybookId;
use crate::domain::playbook::Playbook as Plan;

/// Lists the plans, shows one as text, prints one as a card for paper.
///
/// Example: holdfast playbook print case-system-down > case-system-down.html
#[derive(Debug, clap::Args)]
pub struct Playbook {
    #[command(flatten)]
    on: InstallationArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Every plan with its ground and whether it starts by itself.
    ///
    /// Example: holdfast playbook list
    List,
    /// One plan as text: every step with its time, who and what.
    ///
    /// Example: holdfast playbook show building-lost
    Show { playbook: PlaybookId },
    /// One plan as a page to print: ticks to make, room to write, whom to ring.
    ///
    /// Example: holdfast playbook print building-lost > building-lost.html
    Print {
        playbook: PlaybookId,
        /// As plain text, for a printer that knows nothing else.
        #[arg(long)]
        text: bool,
    },
}

impl Playbook {
    pub fn run(self) -> Result<(), CliError> {
        let service = installation::load(&self.on.config)?;
        let targets = targets::load(&service)?;
        let plans = plans::load(&service, Some(&targets))?;
        let all: Vec<&Plan> = plans.playbooks.iter().map(|(plan, _)| plan).collect();
        let (id, as_page) = match self.verb {
            Verb::List if self.on.json => return print_json(&all),
            Verb::List => return all.iter().copied().map(line).try_for_each(print),
            Verb::Show { playbook } => (playbook, false),
            Verb::Print { playbook, text } => (playbook, !text),
        };
        let found = all.into_iter().find(|plan| plan.id == id);
        let plan = found.ok_or_else(|| {
            CliError::Arguments(format!("there is no plan '{id}': see 'holdfast playbook list'"))
        })?;
        if self.on.json {
            return print_json(plan);
        }
        let card = Card::new(plan, &plans.people, &targets, Clock::system().now());
        match as_page {
            true => print(card.html().map_err(anyhow::Error::from)?),
            false => print(text(&card).trim_end()),
        }
    }
}

fn line(plan: &Plan) -> String {
    let starts = match &plan.start_when {
        Some(_) => "starts by itself or by hand",
        None => "starts by hand",
    };
    format!("{:<20} {}  ({}; {starts})", plan.id.as_str(), plan.title, plan.ground.title())
}
