//! `holdfast activation`: plans put in force, answered and stood down by hand.

use super::{CliError, InstallationArgs, in_words, print, print_json, recorded};
use crate::app::control;
use crate::config::installation::{self, Installation};
use crate::continuity::views::{ActivationLine, open_activations};
use crate::domain::ids::{PersonId, PlaybookId, PlaybookStepId};
use crate::domain::incident::ActivationId;
use crate::domain::playbook::Ground;
use crate::web::control::{Done, Order};

/// Starts a plan, lists plans in force, acknowledges a step, stands a plan down.
///
/// Listing reads the record; the others ask the running service, and what it answers is durable.
///
/// Example: holdfast activation start case-system-down --unit "Southern region" --ground it-outage
/// --reason "ring-around at 07:10" --by p-plan-owner
#[derive(Debug, clap::Args)]
pub struct Activation {
    #[command(flatten)]
    on: InstallationArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Puts a plan in force.
    ///
    /// Example: holdfast activation start workforce-depletion --unit "Southern region" --reason
    /// "half of Noarlunga is ill" --by p-director
    Start {
        playbook: PlaybookId,
        /// The organisational unit, as the register will have it.
        #[arg(long)]
        unit: String,
        /// The plan's own ground when left out.
        #[arg(long, value_parser = ground)]
        ground: Option<Ground>,
        /// Why: it is kept on the record.
        #[arg(long)]
        reason: String,
        /// Who starts it: a person of people.yaml whom the plan lets start it.
        #[arg(long, value_name = "PERSON")]
        by: PersonId,
        /// An exercise: marked in every notice.
        #[arg(long)]
        exercise: bool,
    },
    /// Plans that are not over, oldest first.
    ///
    /// Example: holdfast activation list --json
    List,
    /// Acknowledges a step, for somebody who said so.
    ///
    /// Example: holdfast activation acknowledge case-system-down-20260301-1 tell-duty --by p-duty-1
    Acknowledge {
        activation: String,
        step: PlaybookStepId,
        #[arg(long, value_name = "PERSON")]
        by: PersonId,
    },
    /// Stands a plan down: its ending begins, then what has to be put back.
    ///
    /// Example: holdfast activation stand-down case-system-down-20260301-1 --by p-plan-owner
    StandDown {
        activation: String,
        #[arg(long, value_name = "PERSON")]
        by: PersonId,
        #[arg(long, default_value = "stood down from the command line")]
        reason: String,
    },
}

impl Activation {
    pub async fn run(self) -> Result<(), CliError> {
        let service = installation::load(&self.on.config)?;
        let (order, words) = match self.verb {
            Verb::List => {
                let store = recorded(&service).await?;
                let open = open_activations(&store).await;
                store.close().await;
                return list(&service, &open.map_err(anyhow::Error::from)?, self.on.json);
            }
            Verb::Start { playbook, unit, ground, reason, by, exercise } => {
                (Order::Start { playbook, unit, ground, reason, by, exercise }, "In force")
            }
            Verb::Acknowledge { activation, step, by } => {
                let activation = ActivationId(activation);
                (Order::Acknowledge { activation, step, by }, "Acknowledged")
            }
            Verb::StandDown { activation, by, reason } => {
                let activation = ActivationId(activation);
                (Order::StandDown { activation, by, reason }, "Standing down")
            }
        };
        let done = control::ask(&service.data, &order).await?;
        if self.on.json {
            return print_json(&done);
        }
        let Done { activation } = done;
        print(format!("{words}: {}", activation.map(|id| id.0).unwrap_or_default()))
    }
}

fn list(service: &Installation, open: &[ActivationLine], json: bool) -> Result<(), CliError> {
    if json {
        return print_json(&open);
    }
    if open.is_empty() {
        return print("No plan is in force.");
    }
    open.iter().map(|one| line(service, one)).try_for_each(print)
}

fn line(service: &Installation, one: &ActivationLine) -> String {
    let exercise = if one.exercise { "EXERCISE: " } else { "" };
    format!(
        "{}  {}  since {}  {exercise}{}, {}",
        one.id,
        one.phase.title(),
        in_words(service, one.opened_at),
        one.title,
        one.unit
    )
}

fn ground(word: &str) -> Result<Ground, String> {
    Ground::parse(word).ok_or_else(|| {
        let known: Vec<&str> = Ground::ALL.iter().map(|ground| ground.as_str()).collect();
        format!("write one of {}", known.join(", "))
    })
}
