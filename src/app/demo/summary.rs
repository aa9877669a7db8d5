//! What a scenario came to, from the files that the service wrote: its database, its audit trail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;

use crate::app::portal;
use crate::config::installation::{self, Installation};
use crate::config::targets;
use crate::continuity::views;
use crate::domain::check::Outcome;
use crate::domain::notice::{Channel, NoticeState};
use crate::domain::outage::Outage;
use crate::domain::verdict::Verdict;
use crate::reporting::accounting::figures::Figures;
use crate::reporting::files::{Format, write};
use crate::reporting::period::Period;
use crate::reporting::report;
use crate::reporting::report::Report;
use crate::store::continuity::find;
use crate::store::continuity::outbox::OutboxRow;
use crate::store::{Store, capture, detection, ledger, signals};
use crate::vault::audit::{self, Event};

/// A scenario lasts minutes, and a copy is captured every half of one.
const RUNS_AT_MOST: u32 = 1_000;

/// How a scenario ended. Instants are UTC, shares between 0 and 1.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub first_failed_at: Option<Timestamp>,
    pub detected_at: Option<Timestamp>,
    pub outages: Vec<OutageLine>,
    pub notices: Vec<NoticeLine>,
    pub acknowledged_at: Option<Timestamp>,
    /// What was read, by the id of the signal; ages in seconds.
    pub signals: BTreeMap<String, SignalLine>,
    /// None when the copy was never opened.
    pub snapshot: Option<SnapshotLine>,
    pub availability: Availability,
    pub report_files: Vec<PathBuf>,
}

/// One outage.
#[derive(Debug, Serialize)]
pub struct OutageLine {
    /// In words.
    pub scope: String,
    pub verdict: Verdict,
    pub began_at: Timestamp,
    pub detected_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// One notice to one person over one channel.
#[derive(Debug, Serialize)]
pub struct NoticeLine {
    pub role: String,
    pub channel: Channel,
    pub at: Timestamp,
    pub state: NoticeState,
}

/// The numbers of one signal.
#[derive(Debug, Serialize)]
pub struct SignalLine {
    pub least: f64,
    pub most: f64,
    pub last: f64,
}

/// The copy that was opened first.
#[derive(Debug, Serialize)]
pub struct SnapshotLine {
    pub generation: u64,
    pub captured_at: Option<Timestamp>,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// Records in that generation.
    pub records: u64,
}

/// Of the case system over the scenario, staff weighted by head count.
#[derive(Debug, Serialize)]
pub struct Availability {
    /// Of known time; none when nothing is known.
    pub known: Option<f64>,
    pub coverage: f64,
    /// With everything unknown counted as down.
    pub worst_case: f64,
}

/// Reads what is there, and writes the report of the scenario's time beside it.
///
/// # Errors
/// When a file cannot be read or written.
pub async fn sum_up(config: &Path, from: Timestamp, to: Timestamp) -> anyhow::Result<Summary> {
    let service = installation::load(config)?;
    let targets = targets::load(&service)?;
    let store = Store::open(&service.data.join("holdfast.db")).await?;
    let period = Period::new(from, to, service.time_zone.clone())?;
    let report = report(&store, &targets, period, to).await?.synthetic(service.file.synthetic);
    let folder = config.with_file_name("report");
    let outages = detection::outages(&store, from, to).await?;
    let notices = find::notices_between(&store, from, to).await?;
    let summary = Summary {
        first_failed_at: first_failed_at(&store, from, to).await?,
        detected_at: outages.iter().map(|outage| outage.detected_at).min(),
        outages: outages.into_iter().map(outage_line).collect(),
        notices: notices.into_iter().map(notice_line).collect(),
        acknowledged_at: acknowledged_at(&store, from, to).await?,
        signals: signal_lines(&store, from, to).await?,
        snapshot: snapshot(&store, &service).await?,
        availability: availability(&report)?,
        report_files: write(&report, &Format::ALL, &folder)?,
    };
    store.close().await;
    Ok(summary)
}

async fn signal_lines(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> anyhow::Result<BTreeMap<String, SignalLine>> {
    let ranges = signals::between(store, from, to).await?;
    let line = |range: signals::Range| {
        let signals::Range { least, most, last, .. } = range;
        (range.signal.to_string(), SignalLine { least, most, last })
    };
    Ok(ranges.into_iter().map(line).collect())
}

fn outage_line(outage: Outage) -> OutageLine {
    let Outage { sentence: scope, verdict, began_at, detected_at, ended_at, .. } = outage;
    OutageLine { scope, verdict, began_at, detected_at, ended_at }
}

fn notice_line(row: OutboxRow) -> NoticeLine {
    let at = row.settled_at.unwrap_or(row.created_at);
    NoticeLine { role: row.role, channel: row.channel, at, state: row.state }
}

async fn first_failed_at(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> anyhow::Result<Option<Timestamp>> {
    let everything = ledger::Range { target: None, probe: None, location: None, from, to };
    let checks = ledger::range(store, &everything).await?;
    let failed = checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed(_)));
    Ok(failed.map(|check| check.slot_at).min())
}

async fn acknowledged_at(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> anyhow::Result<Option<Timestamp>> {
    let mut all = Vec::new();
    for stored in find::activations_between(store, from, to).await? {
        if let Some((state, _)) = views::activation_and_plan(store, &stored.id).await? {
            let asked = state.steps.values().filter_map(|step| step.acknowledgement.as_ref());
            all.extend(asked.flat_map(|asked| asked.acknowledged.values().copied()));
        }
    }
    Ok(all.into_iter().min())
}

/// The audit trail says when the copy was opened and closed; it works without the database.
async fn snapshot(store: &Store, service: &Installation) -> anyhow::Result<Option<SnapshotLine>> {
    let trail = service.data.join(portal::AUDIT_FOLDER).join(portal::AUDIT_FILE);
    let entries = audit::entries(&trail).context("reading the audit trail")?;
    let opened = entries.iter().find_map(|entry| match entry.event {
        Event::CopyOpened { generation } => Some((generation, entry.at)),
        _ => None,
    });
    let Some((generation, opened_at)) = opened else { return Ok(None) };
    let closed = entries.iter().filter(|entry| matches!(entry.event, Event::CopyClosed { .. }));
    let runs = capture::runs(store, RUNS_AT_MOST).await?;
    let run = runs.iter().find(|run| run.generation() == Some(generation));
    let records = run.and_then(|run| match &run.end {
        Some(capture::RunEnd::Reported(row)) => Some(row.standard + row.restricted),
        _ => None,
    });
    Ok(Some(SnapshotLine {
        generation,
        captured_at: run.and_then(capture::CaptureRun::captured_at),
        opened_at,
        closed_at: closed.map(|entry| entry.at).max(),
        records: records.unwrap_or_default(),
    }))
}

fn availability(report: &Report) -> anyhow::Result<Availability> {
    let target = report.targets.first().context("the report is about no target")?;
    let Figures { availability: known, coverage, worst_case, .. } = target.figures;
    Ok(Availability { known, coverage, worst_case })
}

impl Summary {
    /// For a reader: one thing a line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![String::new(), "What it came to:".to_owned()];
        if let Some((failed, detected)) = self.first_failed_at.zip(self.detected_at) {
            lines
                .push(format!("  seen {:.1} s after the first failure", seconds(failed, detected)));
        }
        for outage in &self.outages {
            let lasted = outage.ended_at.map(|ended| seconds(outage.began_at, ended));
            let lasted = lasted.map_or("not over".to_owned(), |lasted| format!("{lasted:.0} s"));
            lines.push(format!("  {} ({lasted})", outage.scope));
        }
        let sent = self.notices.iter().filter(|one| one.state == NoticeState::Sent).count();
        lines.push(format!("  {sent} of {} notices sent", self.notices.len()));
        if let Some(copy) = &self.snapshot {
            let age = copy.captured_at.map_or(0.0, |at| seconds(at, copy.opened_at));
            lines.push(format!(
                "  the copy of {} records was opened {age:.0} s after it was captured",
                copy.records
            ));
        }
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        lines.push(format!(
            "  availability {} of known time, coverage {}, worst case {}",
            self.availability.known.map_or("not known".to_owned(), percent),
            percent(self.availability.coverage),
            percent(self.availability.worst_case)
        ));
        lines.extend(self.report_files.iter().map(|path| format!("  {}", path.display())));
        lines
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
