//! `holdfast probe run`: one run now, with where its time went.

use std::sync::Arc;

use super::{CliError, print};
use crate::app::parts::{self, Means};
use crate::clock::Clock;
use crate::config::installation::Installation;
use crate::config::targets;
use crate::domain::check::{Check, CheckKind, StepTiming};
use crate::domain::ids::{LocationId, ProbeId};
use crate::probing::run::run;

/// Runs a probe once, outside its slots; the run is not recorded.
#[derive(Debug, clap::Args)]
pub struct Run {
    probe: ProbeId,
    /// The location to run it at; its first one when left out.
    #[arg(long, value_name = "LOCATION")]
    at: Option<LocationId>,
    /// Prints the check as JSON.
    #[arg(long)]
    json: bool,
}

impl Run {
    pub async fn run(self, service: &Installation) -> Result<(), CliError> {
        let Self { probe: id, at, json } = self;
        let clock = Clock::system();
        let settings = parts::settings(&Means::of(service), targets::load(service)?, &clock, None)?;
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
