//! A real ledger of one hour, the real command, and files that agree with one another.
//!
//! 100 staff at two offices. Noarlunga is down from 09:10 to 09:20; the Report Line is slow from
//! 09:30 to 09:35 and nobody knows of it from 09:40 to 09:47. Everything is synthetic.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use holdfast::config::{installation, targets};
use holdfast::domain::agent::MissedSlots;
use holdfast::domain::check::{Check, CheckKind, FailureReason, Gap, Outcome};
use holdfast::domain::ids::{CohortId, LocationId, ProbeId, TargetId};
use holdfast::domain::incident::IncidentId;
use holdfast::domain::notice::{Channel, NoticeKind, Severity};
use holdfast::domain::outage::{DetectionEvent, Outage, OutageChange, OutageId, VerdictChange};
use holdfast::domain::verdict::{Scope, Verdict};
use holdfast::reporting::accounting::figures::{Figures, Promise};
use holdfast::reporting::files::json;
use holdfast::reporting::period::Period;
use holdfast::reporting::report;
use holdfast::reporting::report::{Report, StaffReportLine};
use holdfast::store::continuity::commit::{Commit, IncidentRow, NewNotice, commit};
use holdfast::store::ledger::{self, Entry};
use holdfast::store::staff_reports::{self, StaffReport};
use holdfast::store::{Store, detection};
use jiff::{SignedDuration, Timestamp};

use crate::support::root;

const INTERVAL_US: i64 = 60_000_000;
const FAILED: Outcome = Outcome::Failed(FailureReason::Timeout);

/// So many minutes after nine.
fn at(minute: i64) -> Timestamp {
    let nine: Timestamp = "2026-03-03T09:00:00+10:30".parse().unwrap();
    nine + SignedDuration::from_mins(minute)
}

fn target() -> TargetId {
    TargetId::new("c3ms").unwrap()
}

/// An installation in a folder of its own, with the hour on record.
async fn installation() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let fixture = root().join("tests/fixtures/report");
    std::fs::create_dir(folder.path().join("probes")).unwrap();
    for file in ["holdfast.yaml", "probes/c3ms.yaml"] {
        std::fs::copy(fixture.join(file), folder.path().join(file)).unwrap();
    }
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let store = Store::open(&folder.path().join("data/holdfast.db")).await.unwrap();
    fill(&store).await;
    store.close().await;
    let config = folder.path().join("holdfast.yaml");
    (folder, config)
}

async fn fill(store: &Store) {
    ledger::append(store, &entries()).await.unwrap();
    detection::record(store, &verdicts(), at(60)).await.unwrap();
    // Three while probes passed, one while nothing was known, one in the outage.
    let said = [
        ("report-line", 15, 18),
        ("report-line", 15, 19),
        ("report-line", 16, 20),
        ("report-line", 44, 46),
        ("noarlunga", 11, 12),
    ];
    for (number, (cohort, since, received)) in said.into_iter().enumerate() {
        let said = StaffReport {
            id: format!("{number:032x}"),
            target: target(),
            cohort: CohortId::new(cohort).unwrap(),
            task: "intake".into(),
            since_at: at(since),
            received_at: at(received),
        };
        staff_reports::add(store, &said).await.unwrap();
    }
    commit(store, &incident(), at(11)).await.unwrap();
}

fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for minute in 0..60 {
        for probe in ["search", "intake"] {
            let down = (10..20).contains(&minute);
            let outcome = if down { FAILED } else { Outcome::Passed };
            entries.push(check(probe, "noarlunga", minute, CheckKind::Slot, outcome));
        }
        let slow = (30..35).contains(&minute);
        let outcome = if slow { Outcome::Slow } else { Outcome::Passed };
        entries.push(check("search", "report-line", minute, CheckKind::Slot, outcome));
        // Five slots leave no trace, two more are on record as missed.
        if !(40..47).contains(&minute) {
            let kind = CheckKind::Slot;
            entries.push(check("intake", "report-line", minute, kind, Outcome::Passed));
        }
    }
    entries.push(Entry::Missed(MissedSlots {
        target: target(),
        probe: ProbeId::new("intake").unwrap(),
        location: LocationId::new("report-line").unwrap(),
        first_slot_at: at(45),
        slots: 2,
        interval_us: INTERVAL_US,
        gap: Gap::Away,
    }));
    // Extra runs on suspicion, which no figure may count.
    for minute in 10..14 {
        entries.push(check("search", "noarlunga", minute, CheckKind::Confirmation, FAILED));
    }
    entries
}

fn check(probe: &str, place: &str, minute: i64, kind: CheckKind, outcome: Outcome) -> Entry {
    let latency_ms = match outcome {
        Outcome::Passed => 400,
        Outcome::Slow => 3_600,
        _ => 10_000,
    };
    Entry::Check {
        check: Check {
            target: target(),
            probe: ProbeId::new(probe).unwrap(),
            location: LocationId::new(place).unwrap(),
            kind,
            slot_at: at(minute),
            finished_at: at(minute) + SignedDuration::from_millis(latency_ms.into()),
            latency_ms,
            outcome,
            steps: Vec::new(),
            evidence: None,
        },
        interval_us: INTERVAL_US,
    }
}

fn verdicts() -> Vec<DetectionEvent> {
    let cohort = || CohortId::new("noarlunga").unwrap();
    let change = |from, to, minute| {
        DetectionEvent::Verdict(VerdictChange {
            target: target(),
            cohort: cohort(),
            from,
            to,
            since: at(minute),
            detected_at: at(minute) + SignedDuration::from_secs(20),
        })
    };
    let outage = Outage {
        id: OutageId("c3ms-20260302T224020-1".into()),
        target: target(),
        verdict: Verdict::Down,
        scope: Scope { cohorts: [cohort()].into(), ..Scope::default() },
        began_at: at(10),
        detected_at: at(10) + SignedDuration::from_secs(20),
        ended_at: Some(at(20)),
        head_count: 62,
        sentence: "C3MS is down for Noarlunga: every journey fails.".into(),
        locations: [LocationId::new("noarlunga").unwrap()].into(),
        failures: 24,
        failures_explained: 24,
        confirmations: 4,
        widest: None,
    };
    vec![
        change(Verdict::Unknown, Verdict::Up, -60),
        change(Verdict::Up, Verdict::Down, 10),
        DetectionEvent::Outage { change: OutageChange::Ended, outage },
        change(Verdict::Down, Verdict::Up, 20),
    ]
}

fn incident() -> Commit {
    let id = IncidentId("INC-20260302-1".into());
    let notice = NewNotice {
        id: "0197-synthetic".into(),
        idempotency_key: "INC-20260302-1/ops/1".into(),
        incident: Some(id.clone()),
        activation: None,
        step: "ops".into(),
        person: None,
        role: "operations".into(),
        channel: Channel::Email,
        address: "operations@example.org".into(),
        kind: NoticeKind::DownFirst,
        severity: Severity::Critical,
        life_safety: false,
        subject: "C3MS is down for Noarlunga".into(),
        body: "Synthetic.".into(),
        link: None,
        message_id: "<synthetic@example.org>".into(),
        fallback: Vec::new(),
        give_up_at: at(600),
    };
    let incident = IncidentRow {
        id,
        opened_at: at(10) + SignedDuration::from_secs(20),
        recovered_at: Some(at(20)),
        closed_at: None,
        document: "{}".into(),
    };
    Commit { incident: Some(incident), notices: vec![notice], ..Commit::default() }
}

/// Runs `holdfast report` on the installation.
fn run(config: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["report", "--config"])
        .arg(config)
        .args(arguments)
        .output()
        .unwrap()
}

const HOUR: [&str; 4] = ["--from", "2026-03-03T09:00", "--to", "2026-03-03T10:00"];

#[tokio::test]
async fn the_command_writes_files_that_agree() {
    let (folder, config) = installation().await;
    let out = folder.path().join("reports");
    let done = run(&config, &[&HOUR[..], &["--out", out.to_str().unwrap()]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed = String::from_utf8(done.stdout).unwrap();
    let files: Vec<PathBuf> = printed.lines().map(PathBuf::from).collect();
    assert_eq!(files.len(), 8, "{printed}");
    assert!(files.iter().all(|file| file.exists()), "{printed}");

    let text = |ending: &str| {
        let file = files.iter().find(|file| file.to_str().unwrap().ends_with(ending)).unwrap();
        std::fs::read_to_string(file).unwrap()
    };
    let report: Report = serde_json::from_str(&text(".json")).unwrap();
    by_hand(&report);
    let html = text(".html");
    assert!(html.contains(&report.verdict) && html.contains("89.18 %"), "{}", report.verdict);
    assert!(!html.contains("<script") && !html.contains("<link"), "it needs nothing else");
    let table = text("_figures.csv");
    let mut figures = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<csv::StringRecord> = figures.records().map(Result::unwrap).collect();
    // The target, two cohorts, two probes, each at two places.
    assert_eq!(rows.len(), 1 + 2 + 2 + 4);
    let known = report.targets[0].figures.availability.unwrap();
    assert_eq!((&rows[0][0], &rows[0][5]), ("target", known.to_string().as_str()));
    assert!(text("_user-minutes.csv").contains("c3ms,noarlunga,62,down,600,620"));
    assert!(text("_outages.csv").contains("C3MS is down for Noarlunga: every journey fails."));
    assert!(text("_staff-reports.csv").contains("report-line,Lodging an intake,4,"));
    assert!(text("_incidents.csv").contains("INC-20260302-1"));
    assert!(text("_slots.csv").contains("c3ms,intake,report-line,53,0,0,0,2,5,"));
}

/// Figures computed with pencil and paper.
fn by_hand(report: &Report) {
    let target = &report.targets[0];
    let [noarlunga, report_line] = &target.cohorts[..] else { panic!("two cohorts") };
    let shares =
        |figures: &Figures| (figures.availability.unwrap(), figures.coverage, figures.worst_case);
    assert_eq!(shares(&noarlunga.figures), (0.833_333, 1.0, 0.833_333));
    assert_eq!(shares(&report_line.figures), (1.0, 0.883_333, 0.883_333));
    // Of 6,000 user-minutes 5,734 are known and 620 were down.
    assert_eq!(shares(&target.figures), (0.891_873, 0.955_666, 0.852_333));
    let lost = (noarlunga.user_minutes.down, report_line.user_minutes.slow);
    assert_eq!(lost, (62 * 10, 38 * 5));
    assert_eq!(report_line.user_minutes.unknown, 38 * 7);
    assert_eq!(report.verdict, "C3MS missed 1 of 2 promises. 14 user-hours lost in 1 outage.");
    assert_eq!(report.watermark, Some(at(59)));
    assert_eq!(report.outages[0].seconds_to_detect, 20);
    assert_eq!(report.outages[0].seconds, 600);
    assert_eq!((report.time_to_detect.n, report.time_to_detect.mean_seconds), (1, None));
    let beside = |line: &StaffReportLine| {
        (line.probes_agree, line.probes_disagree, line.probes_unknown, line.disagreement)
    };
    let said: Vec<_> = report.staff_reports.iter().map(beside).collect();
    assert_eq!(said, [(1, 0, 0, false), (0, 3, 1, true)]);
    assert_eq!((report.incidents.len(), report.notices[0].notices), (1, 1));
    let search = &target.probes[0];
    assert_eq!((search.slots.passed, search.slots.slow, search.slots.failed), (105, 5, 10));
    let latency = search.latency.unwrap();
    // Three significant digits: 3,600 ms share a bucket with 3,601.
    let quantiles = (latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.checks);
    assert_eq!(quantiles, (400, 400, 3_601, 110));
    let intake = target.probes[1].availability.unwrap();
    let unproven = Promise::TooFewChecks { checks_needed: 2_613 };
    assert_eq!((intake.promise, intake.provable_with_interval_seconds), (unproven, Some(2)));
}

#[tokio::test]
async fn the_same_ledger_gives_the_same_bytes() {
    let (_folder, config) = installation().await;
    let service = installation::load(&config).unwrap();
    let targets = targets::load(&service).unwrap();
    let store = Store::open(&service.data.join("holdfast.db")).await.unwrap();
    let make = async |now| {
        let zone = service.time_zone.clone();
        let period = Period::parse(HOUR[1], HOUR[3], zone).unwrap();
        json(&report(&store, &targets, period, now).await.unwrap().synthetic(true)).unwrap()
    };
    let made = make(at(60)).await;
    assert_eq!(made, make(at(60 * 24 * 400)).await, "when it is made does not matter");
    let golden = root().join("tests/fixtures/report/report.json");
    if std::env::var_os("HOLDFAST_GOLDEN").is_some() {
        std::fs::write(&golden, &made).unwrap();
    }
    assert_eq!(made, std::fs::read_to_string(golden).unwrap(), "HOLDFAST_GOLDEN=1 writes it anew");
}

#[tokio::test]
async fn wrong_periods_are_refused_with_what_to_write() {
    let (folder, config) = installation().await;
    for (arguments, complaint) in [
        (["--from", "March", "--to", "2026-03-31"], "'March' is neither a date nor a time"),
        (["--from", "2026-03-31", "--to", "2026-03-01"], "the period ends before it begins"),
        (["--from", "2126-03-01", "--to", "2126-03-02"], "the period has not begun yet"),
    ] {
        let done = run(&config, &arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(complaint), "{said}");
    }
    let out = folder.path().join("last").display().to_string();
    let done = run(&config, &["--last", "24 h", "--format", "json", "--out", &out]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8(done.stdout).unwrap().lines().count(), 1);
}
