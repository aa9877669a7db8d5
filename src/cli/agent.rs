//! `holdfast agent`: probing from another office. `invite`, `list` and `revoke` are the hub's,
//! `enrol` and `run` the agent's.

use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::serve::cancel_on_signal;
use super::{CliError, print, print_json};
use crate::app::agent::{enrolment, run};
use crate::app::agents::authority;
use crate::clock::Clock;
use crate::config::agent::hub;
use crate::config::installation::{self, Installation};
use crate::domain::agent::Measured;
use crate::domain::ids::LocationId;
use crate::store::{Store, agents};

/// Holds an invitation where `--token-file` names no file.
const TOKEN_VARIABLE: &str = "HOLDFAST_AGENT_TOKEN";

/// Probes from another office: invites, enrols and runs an agent there.
///
/// Example: holdfast agent invite noarlunga --config care/holdfast.yaml > noarlunga.invitation
#[derive(Debug, clap::Args)]
pub struct Agent {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// At the hub: prints an invitation for one agent, good once and for an hour.
    ///
    /// Example: holdfast agent invite noarlunga > noarlunga.invitation
    Invite {
        location: LocationId,
        #[command(flatten)]
        on: Hub,
    },
    /// At the hub: every agent, when it was last heard, its clock, its certificate's end.
    ///
    /// Example: holdfast agent list --json
    List {
        #[command(flatten)]
        on: Hub,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// At the hub: refuses an agent from now on, until it is invited anew.
    ///
    /// Example: holdfast agent revoke noarlunga
    Revoke {
        location: LocationId,
        #[command(flatten)]
        on: Hub,
    },
    /// At the office: makes the agent's key and has it certified with an invitation.
    ///
    /// The invitation is read from a file, or from the environment's HOLDFAST_AGENT_TOKEN.
    ///
    /// Example: holdfast agent enrol --hub https://hub.example.gov:8443 --token-file invitation
    Enrol {
        /// The hub's address, as in <https://hub.example.gov:8443>.
        #[arg(long, value_name = "URL")]
        hub: String,
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// The folder that agent.yaml names.
        #[arg(long, default_value = "data", value_name = "DIR")]
        data: PathBuf,
    },
    /// At the office: probes and reports, until told to stop.
    ///
    /// Example: holdfast agent run --config /etc/holdfast/agent.yaml
    Run {
        #[arg(long, default_value = "agent.yaml", value_name = "FILE")]
        config: PathBuf,
    },
}

/// Which hub a verb is about.
#[derive(Debug, clap::Args)]
struct Hub {
    #[arg(long, default_value = "holdfast.yaml", value_name = "FILE")]
    config: PathBuf,
}

/// An agent for printing.
#[derive(Serialize)]
struct Listed {
    location: LocationId,
    heard_at: Option<jiff::Timestamp>,
    clock_offset_seconds: Option<f64>,
    certified_until: Option<jiff::Timestamp>,
    dropped_findings: u64,
    /// What keeps it from its work, in words.
    troubles: Vec<String>,
}

impl Agent {
    pub async fn run(self) -> Result<(), CliError> {
        match self.verb {
            Verb::Invite { location, on } => invite(&on.config, &location).await,
            Verb::List { on, json } => list(&on.config, json).await,
            Verb::Revoke { location, on } => revoke(&on.config, &location).await,
            Verb::Enrol { hub, token_file, data } => enrol(&hub, token_file, &data).await,
            Verb::Run { config } => {
                let stop = CancellationToken::new();
                tokio::spawn(cancel_on_signal(stop.clone()));
                Ok(run::run(&config, Clock::system(), stop).await?)
            }
        }
    }
}

async fn opened(service: &Installation) -> Result<Store, CliError> {
    let store = Store::open(&service.data.join("holdfast.db")).await;
    store
        .map_err(|error| CliError::Failed(anyhow::Error::from(error).context("opening the record")))
}

fn is_agents(service: &Installation, location: &LocationId) -> Result<(), CliError> {
    let section = service.agents.as_ref();
    if section.is_some_and(|section| section.locations().contains(location)) {
        return Ok(());
    }
    let file = service.path.display();
    Err(CliError::Arguments(format!(
        "{file} does not name '{location}' under 'agents', 'locations'"
    )))
}

async fn invite(config: &Path, location: &LocationId) -> Result<(), CliError> {
    let service = installation::load(config)?;
    is_agents(&service, location)?;
    let (store, now) = (opened(&service).await?, Clock::system().now());
    let authority_of_hub = authority::open(&service.data, now)?;
    let invitation = authority::invite((&store, &authority_of_hub), location, now).await;
    store.close().await;
    let invitation = invitation?;
    print(invitation.token.expose_secret())?;
    // Beside the invitation and not in it: standard output goes into a file.
    super::complain(&format!(
        "this invitation is good once, until {}; the hub's fingerprint is {}",
        super::in_words(&service, invitation.expires_at),
        invitation.fingerprint
    ));
    Ok(())
}

async fn list(config: &Path, json: bool) -> Result<(), CliError> {
    let service = installation::load(config)?;
    let store = super::recorded(&service).await?;
    let all = agents::all(&store).await;
    store.close().await;
    let all = all.map_err(anyhow::Error::from)?;
    let listed = all.into_iter().map(|agent| Listed {
        troubles: agent.troubles.iter().map(|one| one.sentence(agent.location.as_str())).collect(),
        location: agent.location,
        heard_at: agent.heard_at,
        clock_offset_seconds: agent
            .offset_us
            .map(|offset_us| Measured { offset_us, delay_us: 0 }.offset().as_secs_f64()),
        certified_until: agent.certified_until,
        dropped_findings: agent.dropped,
    });
    let listed: Vec<Listed> = listed.collect();
    if json {
        return print_json(&listed);
    }
    if listed.is_empty() {
        return print("No agent is enrolled.");
    }
    listed.iter().map(|one| line(&service, one)).try_for_each(print)
}

fn line(service: &Installation, one: &Listed) -> String {
    let time = |at| super::in_words(service, at);
    let heard = one.heard_at.map_or("never heard".to_owned(), |at| {
        let ago = Clock::system().now().duration_since(at);
        let ago = SignedDuration::from_secs(ago.as_secs());
        format!("heard {} ({ago:#} ago)", time(at))
    });
    let clock = one
        .clock_offset_seconds
        .map_or("clock not measured".to_owned(), |offset| format!("clock {offset:+.3} s"));
    let certified = match one.certified_until {
        Some(at) => format!("certified until {}", time(at)),
        None => "revoked".to_owned(),
    };
    let dropped = match one.dropped_findings {
        0 => String::new(),
        count => format!("; {count} checks lost, its spool was full or damaged"),
    };
    let troubles = one.troubles.iter().map(|words| format!("\n  {words}"));
    let troubles: String = troubles.collect();
    format!("{:<18} {heard}; {clock}; {certified}{dropped}{troubles}", one.location.as_str())
}

async fn revoke(config: &Path, location: &LocationId) -> Result<(), CliError> {
    let service = installation::load(config)?;
    let store = super::recorded(&service).await?;
    let revoked = agents::revoke(&store, location, Clock::system().now()).await;
    store.close().await;
    match revoked.map_err(anyhow::Error::from)? {
        0 => Err(CliError::Arguments(format!(
            "no agent of '{location}' holds a certificate or an invitation"
        ))),
        _ => print(format!("The agent of {location} is refused from now on.")),
    }
}

async fn enrol(address: &str, token_file: Option<PathBuf>, data: &Path) -> Result<(), CliError> {
    let hub = hub(address).map_err(CliError::Arguments)?;
    let token = token(token_file)?;
    let enrolled = enrolment::enrol(&hub, &token, data).await?;
    let (location, ends_at) = (enrolled.location, enrolled.seen.ends_at);
    print(format!(
        "The agent of {location} is enrolled at {hub}, whose fingerprint is {}. Its certificate \
         is good until {ends_at} and renews itself. Next: write agent.yaml, and 'holdfast agent \
         run --config agent.yaml'.",
        enrolled.fingerprint
    ))
}

fn token(file: Option<PathBuf>) -> Result<SecretString, CliError> {
    match file {
        Some(path) => {
            let text = std::fs::read_to_string(&path);
            let text = text.with_context(|| format!("reading {}", path.display()));
            text.map(SecretString::from).map_err(|error| CliError::Arguments(format!("{error:#}")))
        }
        None => std::env::var(TOKEN_VARIABLE).map(SecretString::from).map_err(|_| {
            CliError::Arguments(format!("name a '--token-file', or set {TOKEN_VARIABLE}"))
        }),
    }
}
