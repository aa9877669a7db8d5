//! What the rest of Holdfast may tell the metrics: one small function an event.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Metrics;
use crate::domain::agent::MissedSlots;
use crate::domain::check::{Check, CheckKind, Outcome};
use crate::domain::ids::{CohortId, LocationId, PlaybookId, ProbeId, SignalId, TargetId};
use crate::domain::verdict::Verdict;
use crate::telemetry::labels::{ActivationMode, Detail, NoticeOutcome, TierLabel, TimeState};

impl Metrics {
    /// Counts a check that fills a slot; confirmations are evidence, not measurement.
    pub fn record_check(&self, check: &Check) {
        if check.kind == CheckKind::Confirmation {
            return;
        }
        let whose = (&check.target, &check.probe, &check.location);
        self.count_checks(whose, check.outcome, 1);
        if let Some(first) = check.steps.first() {
            let lag = Duration::from_micros(first.offset_us);
            self.schedule_lag.observe(lag.as_secs_f64());
        }
        match check.outcome {
            Outcome::Failed(reason) => {
                let labels = [check.target.as_str(), reason.as_str()];
                self.check_failures.with_label_values(&labels).inc();
            }
            Outcome::Passed | Outcome::Slow => self.record_times(check),
            Outcome::Inconclusive(_) | Outcome::Missed => {}
        }
    }

    fn record_times(&self, check: &Check) {
        let target = check.target.as_str();
        let seconds = Duration::from_millis(check.latency_ms.into()).as_secs_f64();
        self.check_duration.with_label_values(&[target]).observe(seconds);
        for step in &check.steps {
            for (phase, spent_us) in step.phases() {
                self.phase_duration
                    .with_label_values(&[target, phase.as_str()])
                    .observe(Duration::from_micros(spent_us).as_secs_f64());
            }
        }
    }

    /// Slots of a probe at a location went by while nobody was there to run them.
    pub fn record_missed(&self, missed: &MissedSlots) {
        let whose = (&missed.target, &missed.probe, &missed.location);
        self.count_checks(whose, missed.gap.outcome(), missed.slots.into());
    }

    pub(super) fn count_checks(
        &self,
        (target, probe, location): (&TargetId, &ProbeId, &LocationId),
        outcome: Outcome,
        checks: u64,
    ) {
        let counter = match self.detail {
            Detail::Probe => {
                let labels = [probe.as_str(), location.as_str(), outcome.class()];
                self.checks.with_label_values(&labels)
            }
            Detail::Target => {
                let together = together(target);
                self.checks.with_label_values(&[&together, "*", outcome.class()])
            }
        };
        counter.inc_by(checks);
    }

    /// What holds now for a target and a cohort.
    pub fn set_verdict(&self, target: &TargetId, cohort: &CohortId, verdict: Verdict) {
        for other in Verdict::ALL {
            self.verdict
                .with_label_values(&[target.as_str(), cohort.as_str(), other.as_str()])
                .set((other == verdict).into());
        }
    }

    /// Adds time to a state as it passes, and once at the start to *unknown* the time that went by
    /// while the service was away.
    pub fn add_state_time(
        &self,
        target: &TargetId,
        probe: &ProbeId,
        state: TimeState,
        spent: Duration,
    ) {
        let counter = match self.detail {
            Detail::Probe => {
                self.state_seconds.with_label_values(&[probe.as_str(), state.as_str()])
            }
            Detail::Target => {
                let together = together(target);
                self.state_seconds.with_label_values(&[together.as_str(), state.as_str()])
            }
        };
        counter.inc_by(spent.as_secs_f64());
    }

    /// How many outages of a target go on, and how many people are in their cohorts together.
    pub fn set_open_outages(&self, target: &TargetId, open: usize, users: u32) {
        self.outage_open.with_label_values(&[target.as_str()]).set(whole(open));
        self.users_affected.with_label_values(&[target.as_str()]).set(users.into());
    }

    /// A number that was read, in the unit of its configuration; not a number until it was.
    pub fn set_signal(&self, target: &TargetId, signal: &SignalId, value: f64) {
        self.signal.with_label_values(&[target.as_str(), signal.as_str()]).set(value);
    }

    /// When a number, or a feed's age, was last read.
    pub fn set_signal_read(&self, target: &TargetId, signal: &SignalId, at: Timestamp) {
        self.signal_read.with_label_values(&[target.as_str(), signal.as_str()]).set(seconds(at));
    }

    /// How long ago a feed last delivered.
    pub fn set_feed_age(&self, target: &TargetId, feed: &SignalId, seconds: f64) {
        self.feed_age.with_label_values(&[target.as_str(), feed.as_str()]).set(seconds);
    }

    /// Somebody said that it is not working for them.
    pub fn record_staff_report(&self, target: &TargetId) {
        self.staff_reports.with_label_values(&[target.as_str()]).inc();
    }

    /// An outage was detected this long after it began.
    pub fn record_detection(&self, delay: Duration) {
        self.detection_delay.observe(delay.as_secs_f64());
    }

    pub fn set_open_incidents(&self, severity: &str, open: usize) {
        self.incident_open.with_label_values(&[severity]).set(whole(open));
    }

    pub fn set_open_activations(&self, playbook: &PlaybookId, mode: ActivationMode, open: usize) {
        let labels = [playbook.as_str(), mode.as_str()];
        self.activation_open.with_label_values(&labels).set(whole(open));
    }

    pub fn set_pending_steps(&self, playbook: &PlaybookId, pending: usize) {
        self.step_pending.with_label_values(&[playbook.as_str()]).set(whole(pending));
    }

    /// One attempt to deliver one notice ended.
    pub fn record_notice(&self, channel: &str, outcome: NoticeOutcome) {
        self.notices.with_label_values(&[channel, outcome.as_str()]).inc();
    }

    pub fn set_notices_in_doubt(&self, count: usize) {
        self.notices_in_doubt.set(whole(count));
    }

    /// A new copy is in place, with this many records in the standard and the restricted tier.
    pub fn record_snapshot(&self, captured_at: Timestamp, standard: u64, restricted: u64) {
        self.snapshot_captured.set(seconds(captured_at));
        for (tier, records) in
            [(TierLabel::Standard, standard), (TierLabel::Restricted, restricted)]
        {
            let records = i64::try_from(records).unwrap_or(i64::MAX);
            self.snapshot_records.with_label_values(&[tier.as_str()]).set(records);
        }
    }

    /// Every byte of the newest copy was proved at this instant.
    pub fn record_snapshot_verified(&self, verified_at: Timestamp) {
        self.snapshot_verified.set(seconds(verified_at));
    }

    pub fn set_snapshot_openable(&self, openable: bool) {
        self.snapshot_openable.set(openable.into());
    }

    pub fn set_portal_open(&self, open: bool) {
        self.portal_open.set(open.into());
    }

    /// A record was opened without usual access.
    pub fn record_break_glass(&self) {
        self.break_glass.inc();
    }

    /// Synthetic records that were not taken back in their run's time.
    pub fn set_residual_records(&self, target: &TargetId, records: usize) {
        self.residual_records.with_label_values(&[target.as_str()]).set(whole(records));
    }

    /// A slot was started this long after its instant.
    pub fn record_lateness(&self, lateness: Duration) {
        self.lateness.observe(lateness.as_secs_f64());
        self.recent_lateness.record(lateness);
    }

    /// How many confirmations of a target may be in flight.
    pub fn set_confirmation_budget(&self, target: &TargetId, budget: usize) {
        self.confirmation_budget.with_label_values(&[target.as_str()]).set(whole(budget));
    }

    /// The event loop stood still so many times more.
    pub fn record_stalls(&self, stalls: u64) {
        self.stalls.inc_by(stalls);
    }

    /// The clock was stepped so many times more.
    pub fn record_clock_steps(&self, steps: u64) {
        self.clock_steps.inc_by(steps);
    }

    /// This machine was suspended so many times more.
    pub fn record_suspends(&self, suspends: u64) {
        self.suspends.inc_by(suspends);
    }

    pub fn set_readiness_faults(&self, kind: &str, faults: usize) {
        self.readiness_faults.with_label_values(&[kind]).set(whole(faults));
    }

    /// An agent last delivered at this instant.
    pub fn record_agent_heard(&self, location: &LocationId, at: Timestamp) {
        self.agent_heard.with_label_values(&[location.as_str()]).set(seconds(at));
    }

    /// How far an agent's clock is ahead, where that was measured.
    pub fn record_agent_offset(&self, location: &LocationId, offset: Option<SignedDuration>) {
        if let Some(offset) = offset {
            let offset = offset.as_secs_f64();
            self.clock_offset.with_label_values(&[location.as_str()]).set(offset);
        }
    }

    /// Findings of an agent that are of nothing it is to probe.
    pub fn record_refused_findings(&self, location: &LocationId, refused: usize) {
        let refused = u64::try_from(refused).unwrap_or(u64::MAX);
        self.agent_refused.with_label_values(&[location.as_str()]).inc_by(refused);
    }

    /// Findings in this agent's spool that could not be read.
    pub fn record_spool_unreadable(&self, findings: u64) {
        self.spool_unreadable.inc_by(findings);
    }

    /// Checks that were lost to the bound of an agent's spool, or to damage of it.
    pub fn set_agent_dropped(&self, location: &LocationId, dropped: u64) {
        let dropped = i64::try_from(dropped).unwrap_or(i64::MAX);
        self.agent_dropped.with_label_values(&[location.as_str()]).set(dropped);
    }

    /// How many findings of an agent its hub has not acknowledged.
    pub fn set_spool_findings(&self, waiting: u64) {
        self.spool_findings.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Whether the newest files are in force.
    pub fn record_reload(&self, succeeded: bool) {
        self.config_last_reload.set(succeeded.into());
    }

    /// The scheduler went round.
    pub fn record_tick(&self, now: Timestamp) {
        self.last_tick.set(seconds(now));
        self.recent_lateness.turn(now);
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn seconds(instant: Timestamp) -> f64 {
    instant.as_duration().as_secs_f64()
}

/// What stands for all probes of a target: no probe's id can be it.
fn together(target: &TargetId) -> String {
    format!("{target}/*")
}
