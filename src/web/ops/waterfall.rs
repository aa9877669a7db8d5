//! A run as a waterfall: one line a step, its waiting cut into phases.

use crate::domain::check::{self, StepTiming};

use super::super::times::latency;

/// Width of the drawing in its own units.
pub const WIDTH: f64 = 100.0;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub step: String,
    pub took: String,
    pub bars: Vec<Phase>,
    /// The phases in words, for those who listen.
    pub words: String,
}

/// A stretch of waiting.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// `dns`, `connect`, `first-byte`, `body` or `other`: the end of its class.
    pub kind: &'static str,
    pub x: f64,
    pub width: f64,
}

/// The lines of a run, drawn over its whole length.
#[must_use]
pub fn lines(steps: &[StepTiming]) -> Vec<Line> {
    let whole = steps.iter().map(|step| step.offset_us + step.total_us).max().unwrap_or(1).max(1);
    steps.iter().map(|step| line(step, whole)).collect()
}

fn line(step: &StepTiming, whole_us: u64) -> Line {
    let phases = phases(step);
    let mut at_us = step.offset_us;
    let mut bars = Vec::new();
    let mut words = Vec::new();
    for (kind, title, length_us) in phases {
        let width = share(length_us, whole_us);
        bars.push(Phase { kind, x: share(at_us, whole_us), width });
        words.push(format!("{title} {}", latency(length_us / 1000)));
        at_us += length_us;
    }
    Line {
        step: step.step.to_string(),
        took: latency(step.total_us / 1000),
        bars,
        words: words.join(", "),
    }
}

/// The phases in the order they happen; what none of them explains comes last.
fn phases(step: &StepTiming) -> Vec<(&'static str, &'static str, u64)> {
    let mut left_us = step.total_us;
    let mut phases = Vec::new();
    for (phase, length_us) in step.phases() {
        let length_us = length_us.min(left_us);
        if length_us > 0 {
            phases.push((phase.as_str(), title(phase), length_us));
            left_us -= length_us;
        }
    }
    if left_us > 0 {
        phases.push(("other", "the rest", left_us));
    }
    phases
}

fn title(phase: check::Phase) -> &'static str {
    match phase {
        check::Phase::Dns => "name resolution",
        check::Phase::Connect => "connecting",
        check::Phase::Tls => "agreeing on encryption",
        check::Phase::FirstByte => "waiting for the answer",
        check::Phase::Body => "reading",
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share of a drawing, two digits matter")]
fn share(length_us: u64, whole_us: u64) -> f64 {
    (length_us as f64 / whole_us as f64 * WIDTH * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::StepId;

    #[test]
    fn phases_fill_a_step_and_never_leave_it() {
        let step = StepTiming {
            step: StepId::new("search").unwrap(),
            offset_us: 100_000,
            total_us: 100_000,
            dns_us: None,
            connect_us: Some(20_000),
            tls_us: None,
            first_byte_us: Some(50_000),
            body_us: Some(900_000),
        };
        let line = &lines(&[step])[0];
        let kinds: Vec<_> = line.bars.iter().map(|bar| (bar.kind, bar.x, bar.width)).collect();
        assert_eq!(
            kinds,
            [("connect", 50.0, 10.0), ("first-byte", 60.0, 25.0), ("body", 85.0, 15.0)]
        );
        assert_eq!(line.words, "connecting 20 ms, waiting for the answer 50 ms, reading 30 ms");
    }
}
