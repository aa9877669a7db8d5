//! The list of metrics: name, help text in plain words, labels, buckets. Base units throughout.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry,
};

use super::Metrics;
use crate::telemetry::labels::Detail;

/// Seconds; the limit of buckets a histogram may have.
const MOST_BUCKETS: usize = 12;

/// Seconds, the most telling first: they fill up what the objectives leave.
const USUAL_BUCKETS: [f64; MOST_BUCKETS] =
    [1.0, 0.25, 5.0, 0.1, 10.0, 0.5, 2.0, 30.0, 0.05, 3.0, 60.0, 0.025];

/// Seconds from the first failure to the verdict.
const DELAY_BUCKETS: [f64; 11] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

/// Seconds by which a slot is run late.
const LAG_BUCKETS: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// Seconds between a slot and its run.
const LATENESS_BUCKETS: [f64; 11] =
    [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Registers every metric, without a value yet except for the version.
#[allow(clippy::too_many_lines, reason = "a table: one entry a metric, name beside help")]
pub(super) fn register(
    registry: Registry,
    objectives: &[Duration],
) -> Result<Metrics, prometheus::Error> {
    let r = &registry;
    let build = gauges(
        r,
        "holdfast_build_info",
        "Always 1; the label says which version of Holdfast runs.",
        &["version"],
    )?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    let buckets = buckets(objectives);
    Ok(Metrics {
        detail: Detail::default(),
        checks: counters(
            r,
            "holdfast_checks_total",
            "Scheduled checks by how they ended; confirmations are not counted.",
            &["probe", "location", "outcome"],
        )?,
        check_duration: histograms(
            r,
            "holdfast_check_duration_seconds",
            "Time from a check's intended start to its end, for checks that were served.",
            (&["target"], buckets.clone()),
        )?,
        phase_duration: histograms(
            r,
            "holdfast_phase_duration_seconds",
            "Time spent in a phase of one step, for checks that were served.",
            (&["target", "phase"], buckets),
        )?,
        check_failures: counters(
            r,
            "holdfast_check_failures_total",
            "Scheduled checks that failed, by reason.",
            &["target", "reason"],
        )?,
        verdict: gauges(
            r,
            "holdfast_verdict",
            "1 for the verdict that holds for this target and cohort, 0 for the others.",
            &["target", "cohort", "verdict"],
        )?,
        state_seconds: registered(
            r,
            CounterVec::new(
                Opts::new(
                    "holdfast_state_seconds_total",
                    "Time a probe has spent in each state; a gap is unknown, never up.",
                ),
                &["probe", "state"],
            )?,
        )?,
        outage_open: gauges(
            r,
            "holdfast_outage_open",
            "Outages of the target that are going on.",
            &["target"],
        )?,
        users_affected: gauges(
            r,
            "holdfast_users_affected",
            "Staff in the cohorts that an outage of the target affects now.",
            &["target"],
        )?,
        signal: measures(
            r,
            "holdfast_signal",
            "A number read from the target, in the unit of its probe file; NaN before it \
             was read.",
            &["target", "signal"],
        )?,
        feed_age: measures(
            r,
            "holdfast_feed_age_seconds",
            "How long ago a feed last delivered; NaN before it was measured.",
            &["target", "feed"],
        )?,
        signal_read: measures(
            r,
            "holdfast_signal_read_timestamp_seconds",
            "When a number or a feed's age was last read, since 1970; 0 before that.",
            &["target", "signal"],
        )?,
        signal_threshold: measures(
            r,
            "holdfast_signal_threshold",
            "From which number on a signal is at a level, in the unit of its probe file.",
            &["target", "signal", "level"],
        )?,
        feed_age_limit: measures(
            r,
            "holdfast_feed_age_limit_seconds",
            "How long ago a feed may last have delivered, by its probe file.",
            &["target", "feed"],
        )?,
        staff_reports: counters(
            r,
            "holdfast_staff_reports_total",
            "Times staff said that the target is not working for them.",
            &["target"],
        )?,
        detection_delay: histogram(
            r,
            "holdfast_detection_delay_seconds",
            "Time from an outage's first failed check to its detection.",
            &DELAY_BUCKETS,
        )?,
        incident_open: gauges(
            r,
            "holdfast_incident_open",
            "Incidents that are going on, by severity.",
            &["severity"],
        )?,
        activation_open: gauges(
            r,
            "holdfast_activation_open",
            "Playbooks in force, for real or as a drill.",
            &["playbook", "mode"],
        )?,
        step_pending: gauges(
            r,
            "holdfast_step_pending",
            "Steps of activations that are due and wait for a person or an action.",
            &["playbook"],
        )?,
        notices: counters(
            r,
            "holdfast_notices_total",
            "Attempts to deliver a notice, by how they ended.",
            &["channel", "outcome"],
        )?,
        notices_in_doubt: registered(
            r,
            IntGauge::new(
                "holdfast_notices_in_doubt",
                "Notices of which nobody can tell whether the receiver has them.",
            )?,
        )?,
        snapshot_captured: registered(
            r,
            Gauge::new(
                "holdfast_snapshot_captured_timestamp_seconds",
                "When the newest copy of the case file was made; 0 when there is none.",
            )?,
        )?,
        snapshot_verified: registered(
            r,
            Gauge::new(
                "holdfast_snapshot_verified_timestamp_seconds",
                "When a copy was last verified in full; 0 when never.",
            )?,
        )?,
        snapshot_records: gauges(
            r,
            "holdfast_snapshot_records",
            "Records in the newest copy, by tier.",
            &["tier"],
        )?,
        snapshot_openable: registered(
            r,
            IntGauge::new(
                "holdfast_snapshot_openable",
                "1 when the newest copy could be opened now, given an order; else 0.",
            )?,
        )?,
        portal_open: registered(
            r,
            IntGauge::new(
                "holdfast_portal_open",
                "1 while the copy is open to the people entitled to it; else 0.",
            )?,
        )?,
        break_glass: registered(
            r,
            IntCounter::new(
                "holdfast_break_glass_total",
                "Records opened without usual access; each of them is reviewed.",
            )?,
        )?,
        schedule_lag: histogram(
            r,
            "holdfast_schedule_lag_seconds",
            "Time from a slot's instant to the first request of its check.",
            &LAG_BUCKETS,
        )?,
        residual_records: gauges(
            r,
            "holdfast_probe_residual_records",
            "Synthetic records that probes may have left behind in the target; should be 0.",
            &["target"],
        )?,
        lateness: histogram(
            r,
            "holdfast_probe_lateness_seconds",
            "Time from a slot's instant to the start of its run: Holdfast's own delay.",
            &LATENESS_BUCKETS,
        )?,
        recent_lateness: Default::default(),
        lateness_percentile: measures(
            r,
            "holdfast_probe_lateness_percentile_seconds",
            "The lateness that so many of a hundred runs of the last minutes were within.",
            &["percentile"],
        )?,
        confirmation_budget: gauges(
            r,
            "holdfast_confirmation_budget",
            "Confirmations that may be in flight and be started in a second; less under strain.",
            &["target"],
        )?,
        stalls: registered(
            r,
            IntCounter::new(
                "holdfast_event_loop_stalls_total",
                "Times Holdfast stood still; failures meanwhile do not count.",
            )?,
        )?,
        clock_steps: registered(
            r,
            IntCounter::new(
                "holdfast_clock_steps_total",
                "Times the clock was stepped; checks meanwhile do not count.",
            )?,
        )?,
        suspends: registered(
            r,
            IntCounter::new(
                "holdfast_suspends_total",
                "Times this machine was suspended; checks meanwhile do not count.",
            )?,
        )?,
        readiness_faults: gauges(
            r,
            "holdfast_readiness_faults",
            "Overdue preparation: what would be missing if an outage began now.",
            &["kind"],
        )?,
        clock_offset: measures(
            r,
            "holdfast_clock_offset_seconds",
            "How far the clock of a location's agent is ahead of ours; NaN before it was \
             measured.",
            &["location"],
        )?,
        agent_heard: measures(
            r,
            "holdfast_agent_heard_timestamp_seconds",
            "When a location's agent last delivered, be it nothing; 0 when not since the start.",
            &["location"],
        )?,
        agent_dropped: gauges(
            r,
            "holdfast_agent_dropped_findings",
            "Checks that were lost because a location's agent could keep no more of them.",
            &["location"],
        )?,
        agent_refused: counters(
            r,
            "holdfast_agent_refused_findings_total",
            "What a location's agent delivered that is of nothing it is to probe.",
            &["location"],
        )?,
        spool_findings: registered(
            r,
            IntGauge::new(
                "holdfast_spool_findings",
                "Checks that this agent keeps until its hub has them; 0 on a hub.",
            )?,
        )?,
        spool_unreadable: registered(
            r,
            IntCounter::new(
                "holdfast_spool_unreadable_total",
                "Checks that this agent kept and could not read again; 0 on a hub.",
            )?,
        )?,
        config_last_reload: registered(
            r,
            IntGauge::new(
                "holdfast_config_last_reload_success",
                "1 when the files in force are the newest; 0 when those are wrong or await a \
                 restart.",
            )?,
        )?,
        last_tick: registered(
            r,
            Gauge::new(
                "holdfast_last_tick_timestamp_seconds",
                "When the scheduler last went round; old means that Holdfast itself stalls.",
            )?,
        )?,
        registry,
    })
}

/// At most [`MOST_BUCKETS`] ascending limits in seconds: the objectives first, so that the share
/// of checks within an objective is exact, then the usual ones.
fn buckets(objectives: &[Duration]) -> Vec<f64> {
    let mut limits: Vec<f64> = Vec::with_capacity(MOST_BUCKETS);
    for limit in objectives.iter().map(Duration::as_secs_f64).chain(USUAL_BUCKETS) {
        if limits.len() < MOST_BUCKETS && !limits.contains(&limit) {
            limits.push(limit);
        }
    }
    limits.sort_by(f64::total_cmp);
    limits
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

/// Gauges of what is no whole number.
fn measures(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<GaugeVec, prometheus::Error> {
    registered(registry, GaugeVec::new(Opts::new(name, help), labels)?)
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    (labels, buckets): (&[&str], Vec<f64>),
) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(name, help).buckets(buckets);
    registered(registry, HistogramVec::new(options, labels)?)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, prometheus::Error> {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    registered(registry, Histogram::with_opts(options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_limits_of_buckets_and_their_number_is_bounded() {
        let objectives = [Duration::from_millis(1500), Duration::from_secs(4)];
        let limits = buckets(&objectives);
        assert!(limits.contains(&1.5) && limits.contains(&4.0), "{limits:?}");
        assert_eq!(limits.len(), MOST_BUCKETS);
        assert!(limits.is_sorted(), "{limits:?}");
        let many: Vec<Duration> = (1..40).map(Duration::from_secs).collect();
        assert_eq!(buckets(&many).len(), MOST_BUCKETS);
    }
}
