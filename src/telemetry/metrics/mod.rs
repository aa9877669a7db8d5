//! Every metric of Holdfast, in one struct over a registry of its own.
//!
//! Zeros are exported from the start for whatever is configured. It must not compute anything:
//! callers hand it what happened, by the typed functions in [`record`].

use std::time::Duration;

use prometheus::{
    CounterVec, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Registry, TextEncoder,
};

use super::labels::{
    ActivationMode, Detail, LabelSets, NoticeOutcome, TargetLabels, TierLabel, TimeState,
};
use crate::domain::check::{FailureReason, Outcome, Phase};
use crate::domain::verdict::Verdict;

mod catalogue;
mod lateness;
mod record;

use self::lateness::Recent;

/// What of the lateness is shown, in percent of the runs.
const LATENESS_PERCENTILES: [f64; 3] = [50.0, 99.0, 100.0];

/// What `/metrics` shows. Recording never blocks and never fails.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    detail: Detail,
    checks: IntCounterVec,
    check_duration: HistogramVec,
    phase_duration: HistogramVec,
    check_failures: IntCounterVec,
    verdict: IntGaugeVec,
    state_seconds: CounterVec,
    outage_open: IntGaugeVec,
    users_affected: IntGaugeVec,
    signal: GaugeVec,
    feed_age: GaugeVec,
    signal_read: GaugeVec,
    signal_threshold: GaugeVec,
    feed_age_limit: GaugeVec,
    staff_reports: IntCounterVec,
    detection_delay: Histogram,
    incident_open: IntGaugeVec,
    activation_open: IntGaugeVec,
    step_pending: IntGaugeVec,
    notices: IntCounterVec,
    notices_in_doubt: IntGauge,
    snapshot_captured: Gauge,
    snapshot_verified: Gauge,
    snapshot_records: IntGaugeVec,
    snapshot_openable: IntGauge,
    portal_open: IntGauge,
    break_glass: IntCounter,
    schedule_lag: Histogram,
    residual_records: IntGaugeVec,
    lateness: Histogram,
    recent_lateness: Recent,
    lateness_percentile: GaugeVec,
    confirmation_budget: IntGaugeVec,
    stalls: IntCounter,
    clock_steps: IntCounter,
    suspends: IntCounter,
    readiness_faults: IntGaugeVec,
    clock_offset: GaugeVec,
    agent_heard: GaugeVec,
    agent_dropped: IntGaugeVec,
    agent_refused: IntCounterVec,
    spool_findings: IntGauge,
    spool_unreadable: IntCounter,
    config_last_reload: IntGauge,
    last_tick: Gauge,
}

impl Metrics {
    /// Registers every metric and exports zeros for the configured label sets.
    ///
    /// # Errors
    /// When two metrics share a name or a name is malformed, which no configuration can cause.
    pub fn new(labels: &LabelSets) -> Result<Self, prometheus::Error> {
        let mut metrics = catalogue::register(Registry::new(), &labels.objectives)?;
        metrics.detail = labels.detail;
        metrics.declare(labels);
        metrics.config_last_reload.set(1);
        Ok(metrics)
    }

    /// Exports zeros for label sets that have no value yet, and every target as unknown.
    ///
    /// Call it again after a reload: gauges that hang on configuration start afresh, so that a
    /// target taken out does not stay down for ever; counters keep their values.
    pub fn declare(&self, labels: &LabelSets) {
        for gauges in [
            &self.verdict,
            &self.outage_open,
            &self.users_affected,
            &self.residual_records,
            &self.confirmation_budget,
            &self.incident_open,
            &self.activation_open,
            &self.step_pending,
            &self.readiness_faults,
            &self.agent_dropped,
        ] {
            gauges.reset();
        }
        for gauges in [
            &self.clock_offset,
            &self.agent_heard,
            &self.signal,
            &self.feed_age,
            &self.signal_read,
            &self.signal_threshold,
            &self.feed_age_limit,
        ] {
            gauges.reset();
        }
        self.show_lateness();
        self.declare_targets(labels);
        self.declare_probes(labels);
        for severity in &labels.severities {
            self.set_open_incidents(severity, 0);
        }
        for playbook in &labels.playbooks {
            for mode in ActivationMode::ALL {
                self.set_open_activations(playbook, *mode, 0);
            }
            self.set_pending_steps(playbook, 0);
        }
        for channel in &labels.channels {
            for outcome in NoticeOutcome::ALL {
                self.notices.with_label_values(&[channel.as_str(), outcome.as_str()]);
            }
        }
        for tier in TierLabel::ALL {
            self.snapshot_records.with_label_values(&[tier.as_str()]);
        }
        for location in &labels.agents {
            self.clock_offset.with_label_values(&[location.as_str()]).set(f64::NAN);
            self.agent_heard.with_label_values(&[location.as_str()]);
            self.set_agent_dropped(location, 0);
            self.record_refused_findings(location, 0);
        }
        for kind in &labels.readiness_kinds {
            self.set_readiness_faults(kind, 0);
        }
    }

    fn declare_targets(&self, labels: &LabelSets) {
        for entry in &labels.targets {
            let target = entry.target.as_str();
            for cohort in &entry.cohorts {
                self.set_verdict(&entry.target, cohort, Verdict::Unknown);
            }
            self.set_open_outages(&entry.target, 0, 0);
            for signal in &entry.signals {
                self.set_signal(&entry.target, signal, f64::NAN);
            }
            for feed in &entry.feeds {
                self.set_feed_age(&entry.target, feed, f64::NAN);
            }
            self.declare_limits(entry);
            self.set_residual_records(&entry.target, 0);
            self.staff_reports.with_label_values(&[target]);
            self.check_duration.with_label_values(&[target]);
            for phase in Phase::ALL {
                self.phase_duration.with_label_values(&[target, phase.as_str()]);
            }
            for reason in FailureReason::ALL {
                self.check_failures.with_label_values(&[target, reason.as_str()]);
            }
        }
    }

    /// What numbers are compared with, and that none was read yet.
    fn declare_limits(&self, entry: &TargetLabels) {
        let target = entry.target.as_str();
        for signal in entry.signals.iter().chain(&entry.feeds) {
            self.signal_read.with_label_values(&[target, signal.as_str()]).set(0.0);
        }
        for (signal, level, from) in &entry.thresholds {
            self.signal_threshold.with_label_values(&[target, signal.as_str(), level]).set(*from);
        }
        for (feed, seconds) in &entry.age_limits {
            self.feed_age_limit.with_label_values(&[target, feed.as_str()]).set(*seconds);
        }
    }

    fn declare_probes(&self, labels: &LabelSets) {
        for entry in &labels.probes {
            for location in &entry.locations {
                for outcome in Outcome::ALL {
                    self.count_checks((&entry.target, &entry.probe, location), outcome, 0);
                }
            }
            for state in TimeState::all() {
                self.add_state_time(&entry.target, &entry.probe, state, Duration::ZERO);
            }
        }
    }

    /// The exposition in Prometheus's text format 0.0.4.
    ///
    /// # Errors
    /// When a family is empty of metrics, which the registry does not hand out.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        self.show_lateness();
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn show_lateness(&self) {
        let told = self.recent_lateness.percentiles(LATENESS_PERCENTILES);
        for (percentile, seconds) in LATENESS_PERCENTILES.iter().zip(told) {
            self.lateness_percentile.with_label_values(&[&percentile.to_string()]).set(seconds);
        }
    }

    /// The names of all metrics that have a value, in alphabetical order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.registry.gather().iter().map(|family| family.name().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{Check, CheckKind};
    use crate::domain::ids::{CohortId, LocationId, ProbeId, SignalId, TargetId};
    use crate::telemetry::labels::ProbeLabels;

    fn labels() -> LabelSets {
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
            objectives: vec![Duration::from_millis(1500)],
            ..LabelSets::default()
        }
    }

    fn check(kind: CheckKind, outcome: Outcome) -> Check {
        let slot_at = "2023-03-01T09:00:00Z".parse().unwrap();
        Check {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("search").unwrap(),
            location: LocationId::new("adelaide").unwrap(),
            kind,
            slot_at,
            finished_at: slot_at,
            latency_ms: 1400,
            outcome,
            steps: Vec::new(),
            evidence: None,
        }
    }

    fn shows(metrics: &Metrics, line: &str) -> bool {
        metrics.render().unwrap().lines().any(|shown| shown == line)
    }

    #[test]
    fn probes_of_a_target_can_be_counted_together() {
        let metrics = Metrics::new(&LabelSets { detail: Detail::Target, ..labels() }).unwrap();
        metrics.record_check(&check(CheckKind::Slot, Outcome::Passed));
        let line = r#"holdfast_checks_total{location="*",outcome="passed",probe="c3ms/*"} 1"#;
        assert!(shows(&metrics, line));
        assert!(!metrics.render().unwrap().contains(r#"probe="search""#));
    }

    #[test]
    fn zeros_stand_there_before_anything_happened() {
        let metrics = Metrics::new(&labels()).unwrap();
        for line in [
            r#"holdfast_checks_total{location="adelaide",outcome="failed",probe="search"} 0"#,
            r#"holdfast_check_failures_total{reason="site-network",target="c3ms"} 0"#,
            r#"holdfast_state_seconds_total{probe="search",state="maintenance"} 0"#,
            r#"holdfast_verdict{cohort="report-line",target="c3ms",verdict="unknown"} 1"#,
            r#"holdfast_verdict{cohort="report-line",target="c3ms",verdict="up"} 0"#,
            r#"holdfast_signal{signal="unallocated-cases",target="c3ms"} NaN"#,
            r#"holdfast_feed_age_seconds{feed="police-feed",target="c3ms"} NaN"#,
            r#"holdfast_feed_age_limit_seconds{feed="police-feed",target="c3ms"} 1800"#,
            r#"holdfast_signal_read_timestamp_seconds{signal="police-feed",target="c3ms"} 0"#,
            "holdfast_config_last_reload_success 1",
        ] {
            assert!(shows(&metrics, line), "{line} is not in\n{}", metrics.render().unwrap());
        }
    }

    #[test]
    fn a_confirmation_is_evidence_and_not_counted() {
        let metrics = Metrics::new(&labels()).unwrap();
        let failed = Outcome::Failed(FailureReason::Refused);
        metrics.record_check(&check(CheckKind::Confirmation, failed));
        metrics.record_check(&check(CheckKind::Slot, failed));
        metrics.record_check(&check(CheckKind::Slot, Outcome::Slow));
        for line in [
            r#"holdfast_check_failures_total{reason="refused",target="c3ms"} 1"#,
            r#"holdfast_checks_total{location="adelaide",outcome="failed",probe="search"} 1"#,
            r#"holdfast_check_duration_seconds_bucket{target="c3ms",le="1.5"} 1"#,
            r#"holdfast_check_duration_seconds_bucket{target="c3ms",le="1"} 0"#,
        ] {
            assert!(shows(&metrics, line), "{line} is not in\n{}", metrics.render().unwrap());
        }
    }

    #[test]
    fn after_a_reload_gauges_start_afresh_and_counters_go_on() {
        let metrics = Metrics::new(&labels()).unwrap();
        let target = TargetId::new("c3ms").unwrap();
        metrics.set_open_outages(&target, 1, 38);
        metrics.record_staff_report(&target);
        metrics.declare(&LabelSets::default());
        assert!(!metrics.names().contains(&"holdfast_outage_open".to_owned()));
        assert!(shows(&metrics, r#"holdfast_staff_reports_total{target="c3ms"} 1"#));
    }
}
