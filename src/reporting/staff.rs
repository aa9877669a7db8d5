//! What staff said, beside what probes found: never mixed, and a disagreement is printed as one.

use std::collections::BTreeMap;

use super::accounting::TimeState;
use super::assemble::CohortTimes;
use super::report::StaffReportLine;
use crate::domain::ids::{CohortId, ProbeId};
use crate::domain::target::Target;
use crate::store::staff_reports::StaffReport;

/// So many reports while probes passed are a disagreement; fewer may be one person's machine.
pub const DISAGREEMENT: u32 = 3;

/// One line a cohort and task, in the order of the configuration, then of the task.
#[must_use]
pub fn lines(
    target: &Target,
    reports: &[StaffReport],
    times: &CohortTimes,
) -> Vec<StaffReportLine> {
    let mut lines: BTreeMap<(usize, &CohortId, &str), StaffReportLine> = BTreeMap::new();
    for report in reports.iter().filter(|report| report.target == target.id) {
        let place = target.cohorts.iter().position(|cohort| cohort.id == report.cohort);
        let key = (place.unwrap_or(usize::MAX), &report.cohort, report.task.as_str());
        let line = lines.entry(key).or_insert_with(|| StaffReportLine {
            target: target.id.to_string(),
            cohort: report.cohort.to_string(),
            cohort_title: target
                .cohort(&report.cohort)
                .map_or_else(|| report.cohort.to_string(), |cohort| cohort.title.clone()),
            task: task_title(target, &report.task),
            reports: 0,
            first_at: report.received_at,
            last_at: report.received_at,
            probes_agree: 0,
            probes_disagree: 0,
            probes_unknown: 0,
            disagreement: false,
        });
        line.reports += 1;
        line.last_at = line.last_at.max(report.received_at);
        match found_meanwhile(report, times) {
            Found::Trouble => line.probes_agree += 1,
            Found::Working => line.probes_disagree += 1,
            Found::Nothing => line.probes_unknown += 1,
        }
        line.disagreement = line.probes_disagree >= DISAGREEMENT;
    }
    lines.into_values().collect()
}

/// What probes found while it did not work for somebody.
enum Found {
    Trouble,
    Working,
    Nothing,
}

fn found_meanwhile(report: &StaffReport, times: &CohortTimes) -> Found {
    let Some(time) = times.get(&report.cohort) else { return Found::Nothing };
    let until = report.received_at.as_microsecond();
    let tally = time.tally_in(&(report.since_at.as_microsecond().min(until - 1)..until));
    let trouble = [TimeState::Down, TimeState::Intermittent, TimeState::Slow];
    if trouble.iter().any(|state| tally.of(*state) > 0) {
        Found::Trouble
    } else if tally.up_us > tally.unknown_us {
        Found::Working
    } else {
        Found::Nothing
    }
}

fn task_title(target: &Target, task: &str) -> String {
    let probe = ProbeId::new(task).ok().and_then(|id| target.probe(&id).cloned());
    probe.map_or_else(|| "Something else".to_owned(), |probe| probe.title.clone())
}
