//! `holdfast probe`: what is probed, one run now, why a verdict is what it is, and probes made of
//! what another program checks. One file a verb.

mod explain;
mod import;
mod residuals;
mod run;

use std::path::PathBuf;

use super::{CliError, in_words, print, print_json, recorded};
use crate::config::installation::{self, Installation};
use crate::config::targets;
use crate::domain::ids::LocationId;

/// Lists probes, runs one now and shows where its time went, explains a verdict, imports probes.
///
/// Example: holdfast probe run intake --at noarlunga
#[derive(Debug, clap::Args)]
pub struct Probe {
    #[arg(long, global = true, default_value = "holdfast.yaml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every probe with its interval, weight and locations.
    List,
    Run(run::Run),
    Explain(explain::Explain),
    Import(import::Import),
    Residuals(residuals::Residuals),
}

impl Probe {
    pub async fn run(self) -> Result<(), CliError> {
        let service = || installation::load(&self.config);
        match self.what {
            What::List => list(&service()?),
            What::Run(verb) => verb.run(&service()?).await,
            What::Explain(verb) => verb.run(&service()?).await,
            // It needs no installation: the file may be the first one of it.
            What::Import(verb) => verb.run(),
            What::Residuals(verb) => verb.run(&service()?).await,
        }
    }
}

fn list(service: &Installation) -> Result<(), CliError> {
    for target in &targets::load(service)? {
        for probe in &target.probes {
            let places: Vec<_> = probe.locations.iter().map(LocationId::as_str).collect();
            let every = probe.interval.as_secs();
            print(format!(
                "{}/{}: {}, {:?}, every {every} s at {}",
                target.id,
                probe.id,
                probe.title,
                probe.weight,
                places.join(", ")
            ))?;
        }
    }
    Ok(())
}
