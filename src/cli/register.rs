//! `holdfast register`: every plan that was in force between two days.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::{CliError, print, print_json, recorded};
use crate::clock::Clock;
use crate::config::installation;
use crate::continuity::activation::Suspension;
use crate::continuity::event::StartedBy;
use crate::continuity::register::{RegisterEntry, RegisterQuery, register};
use crate::domain::playbook::Ground;
use crate::reporting::period::Period;

/// Prints the register: which plans, for which units, on which grounds, what was set aside, how
/// long.
///
/// Example: holdfast register --from 2026-05-01 --to 2026-07-31 --csv > register.csv
#[derive(Debug, clap::Args)]
pub struct Register {
    #[arg(long, default_value = "holdfast.yaml", value_name = "FILE")]
    config: PathBuf,
    /// The first day, in the installation's zone; everything on record when left out.
    #[arg(long, value_name = "DAY", requires = "to")]
    from: Option<String>,
    /// The last day, which counts.
    #[arg(long, value_name = "DAY", requires = "from")]
    to: Option<String>,
    /// Drills as well.
    #[arg(long)]
    exercises: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Prints CSV with a line of headings.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// One activation, as other programs read it.
#[derive(Debug, Serialize)]
struct Row {
    activation: String,
    playbook: String,
    title: String,
    unit: String,
    ground: &'static str,
    plan_owner: String,
    started_at: Timestamp,
    /// A person's id, or `signal`.
    started_by: String,
    reason: String,
    exercise: bool,
    phase: &'static str,
    /// `function (risk owner: role, accepted by person)`, with semicolons between.
    suspended: String,
    stood_down_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    in_force_seconds: u64,
}

impl Register {
    pub async fn run(self) -> Result<(), CliError> {
        let service = installation::load(&self.config)?;
        let range = match self.from.as_deref().zip(self.to.as_deref()) {
            Some((from, to)) => {
                let period = Period::parse(from, to, service.time_zone.clone());
                let period = period.map_err(|wrong| CliError::Arguments(wrong.to_string()))?;
                (period.from, period.to)
            }
            None => (Timestamp::MIN, Timestamp::MAX),
        };
        let query = RegisterQuery { exercises: self.exercises, ..RegisterQuery::default() };
        let store = recorded(&service).await?;
        let entries = register(&store, range, &query, Clock::system().now()).await;
        store.close().await;
        let entries = entries.map_err(anyhow::Error::from)?;
        let rows: Vec<Row> = entries.iter().map(row).collect();
        match (self.json, self.csv) {
            (true, _) => print_json(&rows),
            (_, true) => write_csv(&rows),
            _ => print_lines(&rows, self.exercises),
        }
    }
}

fn row(entry: &RegisterEntry) -> Row {
    let suspended: Vec<String> = entry.suspensions.iter().map(suspension).collect();
    Row {
        activation: entry.id.to_string(),
        playbook: entry.playbook.to_string(),
        title: entry.title.clone(),
        unit: entry.unit.clone(),
        ground: entry.ground.as_str(),
        plan_owner: entry.owner.to_string(),
        started_at: entry.started_at,
        started_by: match &entry.started_by {
            StartedBy::Person(person) => person.to_string(),
            StartedBy::Signal => "signal".to_owned(),
        },
        reason: entry.reason.clone(),
        exercise: entry.exercise,
        phase: entry.phase.as_str(),
        suspended: suspended.join("; "),
        stood_down_at: entry.stood_down_at,
        closed_at: entry.closed_at,
        in_force_seconds: entry.in_force.as_secs(),
    }
}

fn suspension(one: &Suspension) -> String {
    let accepted = match &one.accepted_by {
        Some(person) => format!("accepted by {person}"),
        None => "not accepted by anybody".to_owned(),
    };
    format!("{} (risk owner: {}, {accepted})", one.function, one.risk_owner)
}

fn write_csv(rows: &[Row]) -> Result<(), CliError> {
    let mut writer = csv::Writer::from_writer(std::io::stdout());
    for row in rows {
        writer.serialize(row).map_err(anyhow::Error::from)?;
    }
    Ok(writer.flush().map_err(anyhow::Error::from)?)
}

fn print_lines(rows: &[Row], exercises: bool) -> Result<(), CliError> {
    for row in rows {
        let aside = if row.suspended.is_empty() { "nothing" } else { &row.suspended };
        let minutes = row.in_force_seconds / 60;
        print(format!(
            "{}  {}  {}  {}  {minutes} min  set aside: {aside}",
            row.activation, row.unit, row.ground, row.phase
        ))?;
    }
    let longest = rows.iter().map(|row| row.in_force_seconds / 60).max().unwrap_or_default();
    let grounds: Vec<String> = Ground::ALL
        .iter()
        .map(|ground| (ground, rows.iter().filter(|row| row.ground == ground.as_str()).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(ground, count)| format!("{count} {ground}"))
        .collect();
    match rows.len() {
        0 if exercises => print("No plan was in force, and none was practised."),
        0 => print("No plan was in force. Drills are left out: --exercises shows them."),
        count => {
            let plans = if count == 1 { "activation" } else { "activations" };
            print(format!("{count} {plans} ({}), the longest {longest} min.", grounds.join(", ")))
        }
    }
}
