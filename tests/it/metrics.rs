//! The exposition as Prometheus's own linter sees it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use holdfast::domain::ids::{CohortId, LocationId, PlaybookId, ProbeId, SignalId, TargetId};
use holdfast::telemetry::labels::{Detail, LabelSets, ProbeLabels, TargetLabels};
use holdfast::telemetry::metrics::Metrics;

/// One of everything, so that every metric has a series.
fn one_of_each() -> LabelSets {
    LabelSets {
        detail: Detail::Probe,
        targets: vec![TargetLabels {
            target: TargetId::new("c3ms").unwrap(),
            cohorts: vec![CohortId::new("report-line").unwrap()],
            signals: vec![SignalId::new("unallocated-cases").unwrap()],
            feeds: vec![SignalId::new("police-feed").unwrap()],
            thresholds: vec![(SignalId::new("unallocated-cases").unwrap(), "worse", 1300.0)],
            age_limits: vec![(SignalId::new("police-feed").unwrap(), 1800.0)],
        }],
        probes: vec![ProbeLabels {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("search").unwrap(),
            locations: vec![LocationId::new("adelaide").unwrap()],
        }],
        playbooks: vec![PlaybookId::new("case-system-down").unwrap()],
        channels: vec!["email".into()],
        severities: vec!["major".into()],
        readiness_kinds: vec!["drill-overdue".into()],
        agents: vec![LocationId::new("adelaide").unwrap()],
        objectives: vec![Duration::from_secs(3)],
    }
}

/// What `promtool check metrics` says, and whether it is content.
fn promtool(exposition: &str) -> (bool, String) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool comes with Debian's package prometheus, which tests/run installs");
    promtool.stdin.take().unwrap().write_all(exposition.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn promtool_finds_nothing_to_say() {
    let exposition = Metrics::new(&one_of_each()).unwrap().render().unwrap();
    assert_eq!(promtool(&exposition), (true, String::new()));
    let (content, said) = promtool(&exposition.replace("holdfast_checks_total", "holdfast_checks"));
    assert!(!content && said.contains("_total"), "the linter let a bad name pass: {said}");
}
