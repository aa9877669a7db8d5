//! From what the store holds of a period to the report about it: pure, so that the same rows give
//! the same bytes.

use std::collections::BTreeMap;
use std::ops::Range;

use hdrhistogram::Histogram;
use jiff::Timestamp;

use super::accounting::figures::{Figures, Promise};
use super::accounting::rollup::{CohortTime, Tracks, cohort_time};
use super::accounting::track::{SlotCounts, Track, latencies};
use super::accounting::{METHOD, Tally, TimeState, verdicts};
use super::period::Period;
use super::report::{
    AvailabilityPromise, CohortReport, FORMAT, IncidentLine, Latency, LocationReport, NoticeCount,
    PlanLine, ProbeReport, Report, ReportPeriod, StateSeconds, TargetReport, UserMinutes,
};
use super::{outages, sentence, signals, staff, strips};
use crate::domain::ids::CohortId;
use crate::domain::outage::{Outage, VerdictChange};
use crate::domain::target::{Cohort, Probe, Target};
use crate::domain::verdict::Verdict;
use crate::store::detection::Standing;
use crate::store::signals::Range as SignalRange;
use crate::store::staff_reports::StaffReport;

/// What is known of one target over the period.
#[derive(Debug)]
pub struct Observed<'a> {
    pub target: &'a Target,
    /// Finished: their stretches reach to the end of the period.
    pub tracks: Tracks,
    /// Detected since the period began, oldest first.
    pub changes: Vec<VerdictChange>,
}

/// What the store holds of a period.
#[derive(Debug)]
pub struct Material<'a> {
    pub observed: Vec<Observed<'a>>,
    /// In force now.
    pub standings: Vec<Standing>,
    pub outages: Vec<Outage>,
    pub staff_reports: Vec<StaffReport>,
    pub signals: Vec<SignalRange>,
    pub incidents: Vec<IncidentLine>,
    pub plans: Vec<PlanLine>,
    pub notices: Vec<NoticeCount>,
}

/// One target's cohorts with what each had.
pub type CohortTimes = BTreeMap<CohortId, CohortTime>;

/// Makes the report.
#[must_use]
pub fn assemble(period: &Period, material: &Material) -> Report {
    let cells = strips::cells(period);
    let mut targets = Vec::new();
    let mut staff_reports = Vec::new();
    for observed in &material.observed {
        let times = cohort_times(period, observed, material);
        targets.push(target_report(period, &cells, observed, material, &times));
        staff_reports.extend(staff::lines(observed.target, &material.staff_reports, &times));
    }
    let of_target = |observed: &Observed| signals::lines(observed.target, &material.signals);
    let signal_lines = material.observed.iter().flat_map(of_target).collect();
    let tracks = || material.observed.iter().flat_map(|observed| observed.tracks.values());
    let watermark = tracks().filter_map(|track| track.last_slot).max();
    let lines = outages::lines(&material.outages, period);
    let titles = material.observed.iter().map(|o| (o.target.id.clone(), o.target.titles()));
    let mut report = Report {
        format: FORMAT.to_owned(),
        method: METHOD,
        synthetic: false,
        watermark: watermark.and_then(|at| Timestamp::from_microsecond(at).ok()),
        verdict: String::new(),
        targets,
        time_to_detect: outages::time_to_detect(&material.outages, period),
        time_to_restore: outages::time_to_restore(&material.outages, period),
        recurrences: outages::recurrences(&material.outages, period, &titles.collect()),
        outages: lines,
        incidents: material.incidents.clone(),
        plans: material.plans.clone(),
        notices: material.notices.clone(),
        staff_reports,
        signals: signal_lines,
        period: ReportPeriod {
            from: period.from,
            to: period.to,
            zone: period.zone.iana_name().unwrap_or("UTC").to_owned(),
            words: period.words(),
            slug: period.slug(),
            cells,
        },
    };
    report.verdict = sentence::verdict(&report);
    report
}

fn cohort_times(period: &Period, observed: &Observed, material: &Material) -> CohortTimes {
    let micros = period.micros();
    let of_cohort = |cohort: &Cohort| {
        let said = said_of(observed, material, cohort, &micros);
        let time = cohort_time(observed.target, cohort, &observed.tracks, &said, &micros);
        (cohort.id.clone(), time)
    };
    observed.target.cohorts.iter().map(of_cohort).collect()
}

/// Detection's verdicts for a cohort.
fn said_of(
    observed: &Observed,
    material: &Material,
    cohort: &Cohort,
    period: &Range<i64>,
) -> Vec<super::accounting::Span<Verdict>> {
    let changes: Vec<_> =
        observed.changes.iter().filter(|change| change.cohort == cohort.id).collect();
    let standing = material
        .standings
        .iter()
        .find(|s| s.target == observed.target.id && s.cohort == cohort.id)
        .map_or(Verdict::Unknown, |standing| standing.verdict);
    verdicts::timeline(&changes, standing, period)
}

fn target_report(
    period: &Period,
    cells: &[Timestamp],
    observed: &Observed,
    material: &Material,
    times: &CohortTimes,
) -> TargetReport {
    let target = observed.target;
    let micros = period.micros();
    let mut cohorts = Vec::new();
    let (mut people, mut looks, mut heads) = (Tally::default(), 0, 0);
    let mut user_minutes = UserMinutes::default();
    for cohort in &target.cohorts {
        let Some(time) = times.get(&cohort.id) else { continue };
        let said = said_of(observed, material, cohort, &micros);
        let weight = u64::from(cohort.head_count);
        people.add_all(&time.tally(), weight);
        looks += time.looks * weight;
        heads += weight;
        let strip = strips::strip(time, &said, cells, &micros);
        let hit = |outage: &&Outage| {
            outage.target == target.id && outage.scope.cohorts.contains(&cohort.id)
        };
        let outages = material.outages.iter().filter(hit).count();
        let report = cohort_report(cohort, time, strip, outages);
        user_minutes.add(&report.user_minutes);
        cohorts.push(report);
    }
    TargetReport {
        target: target.id.to_string(),
        title: target.title.clone(),
        // Cohorts may share a location, so together they are no more looks than one on average.
        figures: Figures::new(&people, looks.checked_div(heads).unwrap_or(0)),
        user_minutes,
        cohorts,
        probes: target.probes.iter().map(|p| probe_report(p, observed, &micros)).collect(),
    }
}

fn cohort_report(
    cohort: &Cohort,
    time: &CohortTime,
    strip: Vec<TimeState>,
    outages: usize,
) -> CohortReport {
    let tally = time.tally();
    let seconds = |state| rounded(tally.of(state), 1_000_000);
    CohortReport {
        cohort: cohort.id.to_string(),
        title: cohort.title.clone(),
        head_count: cohort.head_count,
        figures: Figures::new(&tally, time.looks),
        seconds: StateSeconds {
            up: seconds(TimeState::Up),
            slow: seconds(TimeState::Slow),
            intermittent: seconds(TimeState::Intermittent),
            down: seconds(TimeState::Down),
            unknown: seconds(TimeState::Unknown),
        },
        user_minutes: UserMinutes::of(&tally, cohort.head_count),
        outages: u32::try_from(outages).unwrap_or(u32::MAX),
        strip,
    }
}

impl UserMinutes {
    fn of(tally: &Tally, head_count: u32) -> Self {
        let minutes =
            |state| rounded(tally.of(state).saturating_mul(u64::from(head_count)), 60_000_000);
        Self {
            down: minutes(TimeState::Down),
            intermittent: minutes(TimeState::Intermittent),
            slow: minutes(TimeState::Slow),
            unknown: minutes(TimeState::Unknown),
        }
    }

    fn add(&mut self, other: &Self) {
        self.down += other.down;
        self.intermittent += other.intermittent;
        self.slow += other.slow;
        self.unknown += other.unknown;
    }
}

fn probe_report(probe: &Probe, observed: &Observed, period: &Range<i64>) -> ProbeReport {
    let (mut tally, mut slots) = (Tally::default(), SlotCounts::default());
    let mut all = latencies();
    let mut locations = Vec::new();
    for place in &probe.locations {
        let Some(track) = observed.tracks.get(&(probe.id.clone(), place.clone())) else { continue };
        tally.add_all(&track.tally(), 1);
        slots.add(&track.slots);
        all += &track.latencies;
        let title = observed.target.location(place).map(|location| location.title.clone());
        locations.push(location_report(place.to_string(), title, track));
    }
    let figures = Figures::new(&tally, slots.known());
    let availability = probe.objectives.availability.map(|objective| {
        let promise = figures.promise(objective);
        let provable_with_interval_seconds = match promise {
            Promise::TooFewChecks { checks_needed } => {
                let places = u64::try_from(locations.len()).unwrap_or(1);
                let length = u64::try_from(period.end - period.start).unwrap_or(0);
                // Rounded down: probing a little more often than needed still proves it.
                let seconds = length * places / checks_needed.max(1) / 1_000_000;
                (seconds > 0).then_some(seconds)
            }
            _ => None,
        };
        AvailabilityPromise { objective, promise, provable_with_interval_seconds }
    });
    ProbeReport {
        probe: probe.id.to_string(),
        title: probe.title.clone(),
        essential: probe.weight == crate::domain::target::Weight::Essential,
        interval_seconds: probe.interval.as_secs(),
        figures,
        slots,
        latency: latency(&all),
        latency_objective_ms: probe
            .objectives
            .latency
            .map(|length| u64::try_from(length.as_millis()).unwrap_or(u64::MAX)),
        availability,
        locations,
    }
}

fn location_report(location: String, title: Option<String>, track: &Track) -> LocationReport {
    LocationReport {
        title: title.unwrap_or_else(|| location.clone()),
        location,
        figures: Figures::new(&track.tally(), track.slots.known()),
        slots: track.slots,
        latency: latency(&track.latencies),
    }
}

fn latency(histogram: &Histogram<u64>) -> Option<Latency> {
    (!histogram.is_empty()).then(|| Latency {
        p50_ms: histogram.value_at_quantile(0.5),
        p95_ms: histogram.value_at_quantile(0.95),
        p99_ms: histogram.value_at_quantile(0.99),
        checks: histogram.len(),
    })
}

/// `part / whole`, half upwards.
fn rounded(part: u64, whole: u64) -> u64 {
    part.saturating_add(whole / 2) / whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_minutes_are_people_times_time_to_the_second() {
        // Down from 09:00:30 to 09:02:00: a minute and a half for each of 62.
        let tally = Tally { down_us: 90_000_000, slow_us: 29_000_000, ..Tally::default() };
        let minutes = UserMinutes::of(&tally, 62);
        assert_eq!((minutes.down, minutes.intermittent, minutes.slow), (93, 0, 30));
    }
}
