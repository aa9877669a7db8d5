//! `holdfast probe`: what is probed, and one run now.

use std::path::PathBuf;
use std::sync::Arc;

use super::{CliError, in_words, print, print_json, recorded};
use crate::app::parts;
use crate::clock::Clock;
use crate::config::installation::{self, Installation};
use crate::config::targets;
use crate::domain::check::{Check, CheckKind, StepTiming};
use crate::domain::ids::{LocationId, ProbeId};
use crate::probing::run::run;
use crate::store::compensations::{self, Planned, SettledBy};

/// Lists probes, or runs one now and shows where its time went.
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
    /// Runs a probe once, outside its slots; the run is not recorded.
    Run {
        probe: ProbeId,
        /// The location to run it at; its first one when left out.
        #[arg(long, value_name = "LOCATION")]
        at: Option<LocationId>,
        /// Prints the check as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Synthetic records that probes wrote and that are not known to be taken back.
    Residuals {
        /// Says that the record of this run was taken back by hand.
        #[arg(long, value_name = "RUN")]
        settle: Option<String>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Probe {
    pub async fn run(self) -> Result<(), CliError> {
        let service = installation::load(&self.config)?;
        if let What::Residuals { settle, json } = self.what {
            return residuals(&service, settle, json).await;
        }
        let targets = targets::load(&service)?;
        match self.what {
            What::Residuals { .. } => Ok(()),
            What::List => {
                for target in &targets {
                    for probe in &target.probes {
                        let places: Vec<_> =
                            probe.locations.iter().map(LocationId::as_str).collect();
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
            What::Run { probe: id, at, json } => {
                let clock = Clock::system();
                let settings = parts::settings(&parts::Means::of(&service), targets, &clock, None)?;
                let found = settings.iter().find_map(|s| Some((s, s.target.probe(&id)?)));
                let (setting, probe) = found.ok_or_else(|| {
                    CliError::Arguments(format!("there is no probe '{id}': see 'probe list'"))
                })?;
                let place = at.or_else(|| probe.locations.first().cloned());
                let location = place.as_ref().and_then(|place| setting.target.location(place));
                let location = location.ok_or_else(|| {
                    CliError::Arguments(format!("'{id}' does not run there: see 'probe list'"))
                })?;
                let (setting, probe) = (Arc::clone(setting), Arc::clone(probe));
                let now = clock.now();
                let check = run(&setting, &probe, location, CheckKind::Confirmation, now).await;
                show(&check, json)
            }
        }
    }
}

async fn residuals(
    service: &Installation,
    settle: Option<String>,
    json: bool,
) -> Result<(), CliError> {
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

fn show(check: &Check, json: bool) -> Result<(), CliError> {
    if json {
        let text = serde_json::to_string_pretty(check).map_err(anyhow::Error::from)?;
        return print(text);
    }
    let reason = check.outcome.reason().map(|why| format!(" ({why})")).unwrap_or_default();
    print(format!("{}{reason} after {} ms", check.outcome.class(), check.latency_ms))?;
    if let Some(evidence) = &check.evidence {
        let step = evidence.step.as_ref().map_or("before the first step", |step| step.as_str());
        print(format!("  at {step}: {}", evidence.detail))?;
    }
    let end = check.steps.iter().map(|step| step.offset_us + step.total_us).max().unwrap_or(1);
    for step in &check.steps {
        print(waterfall(step, end))?;
    }
    Ok(())
}

/// One step as a bar on the run's time: name lookup `d`, connecting `c`, encryption `t`, waiting
/// `=`, body `>`.
fn waterfall(step: &StepTiming, end_us: u64) -> String {
    const WIDTH: u64 = 50;
    let cells = |us: u64| usize::try_from(us * WIDTH / end_us.max(1)).unwrap_or(0);
    let phase = |us: Option<u64>, mark: &str| mark.repeat(cells(us.unwrap_or(0)));
    let bar = phase(step.dns_us, "d")
        + &phase(step.connect_us, "c")
        + &phase(step.tls_us, "t")
        + &phase(step.first_byte_us, "=")
        + &phase(step.body_us, ">");
    let bar = if bar.is_empty() { "|".to_owned() } else { bar };
    let name = step.step.as_str();
    let ms = step.total_us / 1_000;
    format!("  {name:<16} {ms:>6} ms  {}{bar}", " ".repeat(cells(step.offset_us)))
}
