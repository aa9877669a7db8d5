//! The `holdfast` command: one file a verb.
//!
//! A verb reads its arguments, calls one function of `app` and prints what came of it. It must not
//! hold behaviour that the service needs too.

mod activation;
mod agent;
mod capture_run;
mod demo;
mod incident;
mod init;
mod passphrase;
mod people;
mod playbook;
mod probe;
mod register;
mod report;
mod schema;
mod serve;
mod snapshot;
mod validate;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiff::Timestamp;

use crate::config::diagnostics::Diagnostics;
use crate::config::installation::Installation;
use crate::store::Store;
use crate::telemetry::log::{self, LogFormat};

/// Resilience monitoring and continuity for a child protection case system.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, max_term_width = 100)]
struct Arguments {
    /// How the log is written: plain for people, json for collectors.
    #[arg(long, global = true, default_value = "plain", value_name = "FORMAT")]
    log_format: LogFormat,
    /// What is logged; the environment's HOLDFAST_LOG wins.
    #[arg(long, global = true, default_value = log::DEFAULT_FILTER, value_name = "FILTER")]
    log: String,
    #[command(subcommand)]
    verb: Verb,
}

/// Which installation a verb with verbs of its own is about, and how it prints.
#[derive(Debug, clap::Args)]
struct InstallationArgs {
    #[arg(long, global = true, default_value = "holdfast.yaml", value_name = "FILE")]
    config: PathBuf,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Demo),
    Init(init::Init),
    Serve(serve::Serve),
    Agent(agent::Agent),
    Validate(validate::Validate),
    Probe(probe::Probe),
    People(people::People),
    Activation(activation::Activation),
    Incident(incident::Incident),
    Playbook(playbook::Playbook),
    Register(register::Register),
    Report(report::Report),
    Schema(schema::Schema),
    Snapshot(snapshot::Snapshot),
    CaptureRun(capture_run::CaptureRun),
}

/// How a verb ended badly.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The files or arguments are wrong: exit status 2.
    #[error("{0}")]
    Files(#[from] Diagnostics),
    #[error("{0}")]
    Arguments(String),
    /// It failed: exit status 1.
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Diagnostics>() {
            Ok(faults) => Self::Files(faults),
            Err(error) => Self::Failed(error),
        }
    }
}

impl CliError {
    fn status(&self) -> u8 {
        match self {
            Self::Files(_) | Self::Arguments(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

/// Runs the command line of this process to its end.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = log::init(arguments.log_format, &arguments.log) {
        complain(&error);
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return ExitCode::from(1);
        }
    };
    let ended = runtime.block_on(async {
        match arguments.verb {
            Verb::Demo(verb) => verb.run().await,
            Verb::Init(verb) => verb.run(),
            Verb::Serve(verb) => verb.run().await,
            Verb::Agent(verb) => verb.run().await,
            Verb::Validate(verb) => verb.run(),
            Verb::Probe(verb) => verb.run().await,
            Verb::People(verb) => verb.run(),
            Verb::Activation(verb) => verb.run().await,
            Verb::Incident(verb) => verb.run().await,
            Verb::Playbook(verb) => verb.run(),
            Verb::Register(verb) => verb.run().await,
            Verb::Report(verb) => verb.run().await,
            Verb::Schema(verb) => verb.run(),
            Verb::Snapshot(verb) => verb.run().await,
            Verb::CaptureRun(verb) => verb.run().await,
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.status())
        }
    }
}

/// Says on standard error what went wrong; when that is closed nobody is there to be told.
fn complain(error: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "holdfast: {error}");
}

/// Prints a result as JSON.
///
/// # Errors
/// When standard output is closed.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    print(serde_json::to_string(value).map_err(anyhow::Error::from)?)
}

/// An instant as people read it, in the installation's zone.
#[must_use]
pub fn in_words(service: &Installation, at: Timestamp) -> String {
    at.to_zoned(service.time_zone.clone()).strftime("%a %-d %b %Y %H:%M").to_string()
}

/// What the service has recorded.
///
/// # Errors
/// When it has recorded nothing yet, or its database cannot be opened.
pub async fn recorded(service: &Installation) -> Result<Store, CliError> {
    let database = service.data.join("holdfast.db");
    if !database.exists() {
        let missing = anyhow::anyhow!("there is no {}: nothing is recorded", database.display());
        return Err(missing.into());
    }
    let store = Store::open(&database).await;
    store
        .map_err(|error| CliError::Failed(anyhow::Error::from(error).context("opening the record")))
}

/// Prints one line of a result.
///
/// # Errors
/// When standard output is closed.
pub fn print(line: impl std::fmt::Display) -> Result<(), CliError> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| CliError::Failed(error.into()))
}
