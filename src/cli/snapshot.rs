//! `holdfast snapshot`: the sealed copy by hand.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::{CliError, InstallationArgs, print};
use crate::capture::start::Captures;
use crate::capture::{Outcome, Report};
use crate::clock::Clock;
use crate::config::installation::{self, Installation};
use crate::domain::records::Tier;
use crate::store::{Store, capture};
use crate::vault::manifest::Manifest;
use crate::vault::publish::{MIN_KEPT_GENERATIONS, retained};
use crate::vault::site::{self, Site};
use crate::vault::{open, scrub};

/// Captures, lists and proves the sealed copies. Opening one is continuity's matter.
///
/// Example: holdfast snapshot capture --config /etc/holdfast/holdfast.yaml
#[derive(Debug, clap::Args)]
pub struct Snapshot {
    #[command(flatten)]
    on: InstallationArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Captures now: what has changed, or everything where that is due.
    Capture {
        /// Captures everything, with keys of its own.
        #[arg(long)]
        full: bool,
    },
    /// Lists the generations that are kept.
    List,
    /// Says how old the copy is, how the last run ended and what was proven.
    Status,
    /// Proves every byte of the copy; needs no key.
    Scrub,
    /// Opens every standard segment and reads its canary; shows nothing else.
    Trial,
}

impl Snapshot {
    pub async fn run(self) -> Result<(), CliError> {
        let service = installation::load(&self.on.config)?;
        let clock = Clock::system();
        match self.verb {
            Verb::Capture { full } => {
                let store = store(&service).await?;
                let report = captures(&service)?.capture(&store, full, &clock).await;
                self.show(&report.map_err(failed)?, lines)
            }
            Verb::List => {
                let list = generations(&site(&service)?)?;
                self.show(&list, |list| list.iter().map(Generation::line).collect())
            }
            Verb::Status => {
                let status = capture::status(&store(&service).await?).await.map_err(failed)?;
                let status = Status::of(&status, clock.now());
                self.show(&status, Status::lines)
            }
            Verb::Scrub => {
                let proven = scrub::scrub(&site(&service)?).map_err(failed)?;
                print(format!(
                    "generation {}: {} segments of {} generations are as they were published",
                    proven.generation, proven.segments, proven.generations
                ))
            }
            Verb::Trial => {
                let site = site(&service)?;
                let tried = scrub::trial(&site, &site.node_key().map_err(failed)?);
                let tried = tried.map_err(failed)?;
                let (number, segments) = (tried.generation.number, tried.segments);
                print(format!("generation {number}: {segments} standard segments open"))
            }
        }
    }

    fn show<T: Serialize>(
        &self,
        value: &T,
        lines: impl FnOnce(&T) -> Vec<String>,
    ) -> Result<(), CliError> {
        if self.on.json {
            return print(serde_json::to_string(value).map_err(failed)?);
        }
        lines(value).into_iter().try_for_each(print)
    }
}

/// A generation in a list.
#[derive(Serialize)]
struct Generation {
    number: u64,
    build: &'static str,
    captured_at: Timestamp,
    segments: usize,
    bytes: u64,
    standard: u64,
    restricted: u64,
}

impl Generation {
    fn of(manifest: &Manifest) -> Self {
        Self {
            number: manifest.number,
            build: manifest.build.as_str(),
            captured_at: manifest.captured_at,
            segments: manifest.segments.len(),
            bytes: manifest.segments.iter().map(|entry| entry.length_bytes).sum(),
            standard: manifest.total(Tier::Standard),
            restricted: manifest.total(Tier::Restricted),
        }
    }

    fn line(&self) -> String {
        format!(
            "{:>6}  {:<11}  captured {}  {} standard and {} restricted records in {} segments, \
             {} KiB",
            self.number,
            self.build,
            self.captured_at,
            self.standard,
            self.restricted,
            self.segments,
            self.bytes / 1024
        )
    }
}

/// How the copy stands, for printing.
#[derive(Serialize)]
struct Status {
    generation: Option<u64>,
    captured_at: Option<Timestamp>,
    age_seconds: Option<i64>,
    source_lag_seconds: Option<i64>,
    quarantined: Option<String>,
    openable: bool,
    scrubbed_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl Status {
    fn of(status: &capture::CopyStatus, now: Timestamp) -> Self {
        let published = status.published.as_ref();
        Self {
            generation: published.and_then(capture::CaptureRun::generation),
            captured_at: published.and_then(capture::CaptureRun::captured_at),
            age_seconds: status.freshness(now).map(|age| age.as_secs()),
            source_lag_seconds: status.source_lag().map(|lag| lag.as_secs()),
            quarantined: status.quarantined().map(str::to_owned),
            openable: status.is_openable(),
            scrubbed_at: status.scrub.as_ref().map(|proof| proof.at),
            tried_at: status.trial.as_ref().map(|proof| proof.at),
        }
    }

    fn lines(&self) -> Vec<String> {
        let Some((generation, captured_at)) = self.generation.zip(self.captured_at) else {
            return vec!["There is no copy yet: run 'holdfast snapshot capture'.".to_owned()];
        };
        let age = self.age_seconds.unwrap_or_default() / 60;
        let mut lines =
            vec![format!("Generation {generation}, captured at {captured_at}, {age} min ago.")];
        lines.push(match self.openable {
            true => "It has been opened for trial.".to_owned(),
            false => "It has NOT been opened for trial.".to_owned(),
        });
        lines.extend(self.quarantined.as_ref().map(|why| format!("Last run quarantined: {why}.")));
        lines
    }
}

fn sentence(report: &Report) -> String {
    let (changed, removed) = (report.changed, report.removed);
    match &report.outcome {
        Outcome::Published { generation } => format!(
            "Generation {generation} is in force ({} build): {changed} records written, {removed} \
             removed, {} standard and {} restricted in all.",
            report.build.as_str(),
            report.standard,
            report.restricted
        ),
        Outcome::Quarantined { reasons } => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            format!("Quarantined, the copy stays as it was: {}.", reasons.join("; "))
        }
    }
}

/// What became of a run, and what a person has to see to.
fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![sentence(report)];
    let mut tell = |what: &str, which: &[String]| {
        if !which.is_empty() {
            lines.push(format!("{what}: {}", which.join(", ")));
        }
    };
    tell("Fields that no rule reads", &report.unmapped);
    tell("Fields that no row has any more", &report.vanished);
    for (fault, times) in &report.rejected {
        let of = [fault.record.as_str(), &fault.field].join(" ");
        let fault = [fault.collection.clone(), format!("{} {}", of.trim(), fault.fault)];
        tell(&format!("Not taken, {times} times"), &[fault.join(": ")]);
    }
    tell("The first of them", &report.rejected_at);
    lines
}

fn generations(site: &Site) -> Result<Vec<Generation>, CliError> {
    let (pointer, _) = open::current(site).map_err(failed)?;
    let key = site.description().manifest;
    let kept = retained(&site.copy(), pointer, &key, MIN_KEPT_GENERATIONS).map_err(failed)?;
    Ok(kept.iter().map(Generation::of).collect())
}

fn captures(service: &Installation) -> Result<Captures, CliError> {
    let section = service.snapshots.as_ref().ok_or_else(|| {
        CliError::Arguments("the file has no 'snapshots': say where the export is".to_owned())
    })?;
    Ok(Captures {
        program: std::env::current_exe().map_err(failed)?,
        site: site_folder(&service.data),
        mapping: section.mapping.clone(),
        source_url: section.source_url.clone(),
        token_from: section.token_from.clone(),
        shows_progress: std::io::stderr().is_terminal(),
    })
}

fn site(service: &Installation) -> Result<Site, CliError> {
    Site::open(&site_folder(&service.data)).map_err(failed)
}

fn site_folder(data: &Path) -> PathBuf {
    data.join(site::FOLDER)
}

async fn store(service: &Installation) -> Result<Store, CliError> {
    Store::open(&service.data.join("holdfast.db")).await.map_err(failed)
}

fn failed(error: impl Into<anyhow::Error>) -> CliError {
    CliError::Failed(error.into())
}
