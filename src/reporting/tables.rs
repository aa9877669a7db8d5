//! The report as tidy tables: one row an observation, one column a variable, one file a table.
//!
//! Shares are between 0 and 1, instants UTC, empty where there is nothing to say.

use jiff::Timestamp;

use super::accounting::figures::{Figures, Promise};
use super::report::{CohortReport, ProbeReport, Report, TargetReport};

/// A table by its name, as CSV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub csv: String,
}

/// Every table of the report; one without rows has its head.
///
/// # Errors
/// When a row cannot be written, which memory always can.
pub fn tables(report: &Report) -> Result<Vec<Table>, csv::Error> {
    let mut tables = vec![
        figures(report)?,
        user_minutes(report)?,
        slots(report)?,
        outages(report)?,
        answers(report)?,
        staff_reports(report)?,
    ];
    if !report.signals.is_empty() {
        tables.push(signals(report)?);
    }
    Ok(tables)
}

fn figures(report: &Report) -> Result<Table, csv::Error> {
    let mut table = Rows::new(&[
        "level",
        "target",
        "cohort",
        "probe",
        "location",
        "availability",
        "interval_low",
        "interval_high",
        "coverage",
        "worst_case",
        "checks",
        "objective",
        "promise",
    ])?;
    for target in &report.targets {
        table.figures(["target", &target.target, "", "", ""], &target.figures, None)?;
        for cohort in &target.cohorts {
            let names = ["cohort", &target.target, &cohort.cohort, "", ""];
            table.figures(names, &cohort.figures, None)?;
        }
        for probe in &target.probes {
            let names = ["probe", &target.target, "", &probe.probe, ""];
            table.figures(names, &probe.figures, Some(probe))?;
            for place in &probe.locations {
                let names = ["location", &target.target, "", &probe.probe, &place.location];
                table.figures(names, &place.figures, None)?;
            }
        }
    }
    table.finish("figures")
}

fn user_minutes(report: &Report) -> Result<Table, csv::Error> {
    let mut table =
        Rows::new(&["target", "cohort", "head_count", "state", "seconds", "user_minutes"])?;
    let cohorts = report.targets.iter().flat_map(|t| t.cohorts.iter().map(move |c| (t, c)));
    for (target, cohort) in cohorts {
        for (state, seconds, minutes) in states(cohort) {
            let minutes = minutes.map_or_else(String::new, |minutes| minutes.to_string());
            table.row(state_row(target, cohort, state, seconds, &minutes))?;
        }
    }
    table.finish("user-minutes")
}

fn state_row(
    target: &TargetReport,
    cohort: &CohortReport,
    state: &str,
    seconds: u64,
    minutes: &str,
) -> [String; 6] {
    let heads = cohort.head_count.to_string();
    let names = [&target.target, &cohort.cohort, &heads].map(String::clone);
    let [target, cohort, heads] = names;
    [target, cohort, heads, state.to_owned(), seconds.to_string(), minutes.to_owned()]
}

/// Each state of a cohort: seconds, and user-minutes where they are counted.
fn states(cohort: &CohortReport) -> [(&'static str, u64, Option<u64>); 5] {
    let (seconds, minutes) = (&cohort.seconds, &cohort.user_minutes);
    [
        ("up", seconds.up, None),
        ("slow", seconds.slow, Some(minutes.slow)),
        ("intermittent", seconds.intermittent, Some(minutes.intermittent)),
        ("down", seconds.down, Some(minutes.down)),
        ("unknown", seconds.unknown, Some(minutes.unknown)),
    ]
}

fn slots(report: &Report) -> Result<Table, csv::Error> {
    let mut table = Rows::new(&[
        "target",
        "probe",
        "location",
        "passed",
        "slow",
        "failed",
        "inconclusive",
        "missed",
        "absent",
        "p50_ms",
        "p95_ms",
        "p99_ms",
    ])?;
    for target in &report.targets {
        for probe in &target.probes {
            for place in &probe.locations {
                let slots = &place.slots;
                let counts = [
                    slots.passed,
                    slots.slow,
                    slots.failed,
                    slots.inconclusive,
                    slots.missed,
                    slots.absent,
                ];
                let quantiles = place.latency.map_or([None; 3], |latency| {
                    [Some(latency.p50_ms), Some(latency.p95_ms), Some(latency.p99_ms)]
                });
                let names = [&target.target, &probe.probe, &place.location].map(String::clone);
                let counts = counts.map(|count| count.to_string());
                let quantiles =
                    quantiles.map(|ms| ms.map_or_else(String::new, |ms| ms.to_string()));
                table.row(names.into_iter().chain(counts).chain(quantiles))?;
            }
        }
    }
    table.finish("slots")
}

fn outages(report: &Report) -> Result<Table, csv::Error> {
    let mut table = Rows::new(&[
        "outage",
        "target",
        "verdict",
        "sentence",
        "head_count",
        "began_at",
        "detected_at",
        "ended_at",
        "seconds_to_detect",
        "seconds",
    ])?;
    for outage in &report.outages {
        table.row([
            outage.outage.clone(),
            outage.target.clone(),
            outage.verdict.to_string(),
            outage.sentence.clone(),
            outage.head_count.to_string(),
            outage.began_at.to_string(),
            outage.detected_at.to_string(),
            instant(outage.ended_at),
            outage.seconds_to_detect.to_string(),
            outage.seconds.to_string(),
        ])?;
    }
    table.finish("outages")
}

fn answers(report: &Report) -> Result<Table, csv::Error> {
    let mut table = Rows::new(&[
        "kind",
        "id",
        "playbook",
        "unit",
        "ground",
        "phase",
        "exercise",
        "opened_at",
        "recovered_at",
        "stood_down_at",
        "closed_at",
        "notices",
    ])?;
    for incident in &report.incidents {
        let empty = String::new;
        table.row([
            "incident".to_owned(),
            incident.incident.clone(),
            empty(),
            empty(),
            empty(),
            empty(),
            empty(),
            incident.opened_at.to_string(),
            instant(incident.recovered_at),
            empty(),
            instant(incident.closed_at),
            incident.notices.to_string(),
        ])?;
    }
    for plan in &report.plans {
        table.row([
            "activation".to_owned(),
            plan.activation.clone(),
            plan.playbook.clone(),
            plan.unit.clone(),
            plan.ground.clone(),
            plan.phase.clone(),
            plan.exercise.to_string(),
            plan.opened_at.to_string(),
            String::new(),
            instant(plan.stood_down_at),
            instant(plan.closed_at),
            String::new(),
        ])?;
    }
    table.finish("incidents")
}

fn staff_reports(report: &Report) -> Result<Table, csv::Error> {
    let mut table = Rows::new(&[
        "target",
        "cohort",
        "task",
        "reports",
        "first_at",
        "last_at",
        "probes_agree",
        "probes_disagree",
        "probes_unknown",
        "disagreement",
    ])?;
    for line in &report.staff_reports {
        table.row([
            line.target.clone(),
            line.cohort.clone(),
            line.task.clone(),
            line.reports.to_string(),
            line.first_at.to_string(),
            line.last_at.to_string(),
            line.probes_agree.to_string(),
            line.probes_disagree.to_string(),
            line.probes_unknown.to_string(),
            line.disagreement.to_string(),
        ])?;
    }
    table.finish("staff-reports")
}

fn signals(report: &Report) -> Result<Table, csv::Error> {
    let mut table = Rows::new(&["target", "signal", "title", "least", "most", "last"])?;
    for line in &report.signals {
        table.row([
            line.target.clone(),
            line.signal.clone(),
            line.title.clone(),
            line.least.to_string(),
            line.most.to_string(),
            line.last.to_string(),
        ])?;
    }
    table.finish("signals")
}

/// Rows being written.
struct Rows(csv::Writer<Vec<u8>>);

impl Rows {
    fn new(head: &[&str]) -> Result<Self, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(head)?;
        Ok(Self(writer))
    }

    fn row(&mut self, fields: impl IntoIterator<Item = String>) -> Result<(), csv::Error> {
        self.0.write_record(fields)
    }

    fn figures(
        &mut self,
        names: [&str; 5],
        figures: &Figures,
        promised: Option<&ProbeReport>,
    ) -> Result<(), csv::Error> {
        let share = |share: Option<f64>| share.map_or_else(String::new, |share| share.to_string());
        let promise = promised.and_then(|probe| probe.availability);
        let fields = [
            share(figures.availability),
            share(figures.interval.map(|ends| ends.low)),
            share(figures.interval.map(|ends| ends.high)),
            figures.coverage.to_string(),
            figures.worst_case.to_string(),
            figures.checks.to_string(),
            share(promise.map(|promise| promise.objective)),
            promise.map_or("", |promise| word(promise.promise)).to_owned(),
        ];
        self.row(names.map(str::to_owned).into_iter().chain(fields))
    }

    fn finish(self, name: &'static str) -> Result<Table, csv::Error> {
        let bytes = self
            .0
            .into_inner()
            .map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
        Ok(Table { name, csv: String::from_utf8_lossy(&bytes).into_owned() })
    }
}

fn word(promise: Promise) -> &'static str {
    match promise {
        Promise::Met => "met",
        Promise::Missed => "missed",
        Promise::TooFewChecks { .. } | Promise::TooClose | Promise::TooLittleKnown => {
            "not-provable"
        }
    }
}

fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| at.to_string())
}
