//! `holdfast probe residuals`: what probes that write may have left behind.

use super::{CliError, in_words, print, print_json, recorded};
use crate::clock::Clock;
use crate::config::installation::Installation;
use crate::store::compensations::{self, Planned, SettledBy};

/// Synthetic records that probes wrote and that are not known to be taken back.
#[derive(Debug, clap::Args)]
pub struct Residuals {
    /// Says that the record of this run was taken back by hand.
    #[arg(long, value_name = "RUN")]
    settle: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Residuals {
    pub async fn run(self, service: &Installation) -> Result<(), CliError> {
        let Self { settle, json } = self;
        let store = recorded(service).await?;
        let open = compensations::open(&store).await.map_err(anyhow::Error::from)?;
        if let Some(run) = settle {
            let one = open.iter().find(|one| one.planned.run == run).ok_or_else(|| {
                CliError::Arguments(format!("nothing of the run '{run}' is left behind"))
            })?;
            let now = Clock::system().now();
            let settled = compensations::settle(&store, one.id, SettledBy::Person, now).await;
            settled.map_err(anyhow::Error::from)?;
            return print(format!("Settled: {run}"));
        }
        if json {
            return print_json(&open);
        }
        if open.is_empty() {
            return print("Nothing is left behind.");
        }
        for one in &open {
            let Planned { run, target, probe, location, step, planned_at, .. } = &one.planned;
            let fault = one.fault.as_deref().unwrap_or("not tried yet");
            let at = in_words(service, *planned_at);
            print(format!("{run}: {target}/{probe} at {location}, {step}, {at}"))?;
            let tries = one.attempts;
            print(format!("  tried {tries} times to take it back; the last time: {fault}"))?;
        }
        Ok(())
    }
}
