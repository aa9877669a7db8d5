//! What detection said of a target for one cohort, as stretches of a period.

use std::ops::Range;

use super::Span;
use crate::domain::outage::VerdictChange;
use crate::domain::verdict::Verdict;

/// The verdicts of a period, in order and without a gap.
///
/// `changes` are those detected since the period began, oldest first; `standing` is in force now,
/// and was in force throughout when nothing changed. Before the first verdict it is unknown.
#[must_use]
pub fn timeline(
    changes: &[&VerdictChange],
    standing: Verdict,
    period: &Range<i64>,
) -> Vec<Span<Verdict>> {
    let first = changes.first().map_or(standing, |change| change.from);
    let mut spans = vec![Span { from: period.start, to: period.end, state: first }];
    for change in changes {
        // A verdict's beginning lies before its detection, but never before the one it replaced.
        let Some(last) = spans.last_mut() else { break };
        let at = change.since.as_microsecond().clamp(last.from, period.end);
        last.to = at;
        spans.push(Span { from: at, to: period.end, state: change.to });
    }
    spans.retain(|span| span.from < span.to);
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{CohortId, TargetId};

    #[test]
    fn a_verdict_lasts_until_the_next_began() {
        let change = |from, to, second| VerdictChange {
            target: TargetId::new("c3ms").unwrap(),
            cohort: CohortId::new("noarlunga").unwrap(),
            from,
            to,
            since: jiff::Timestamp::from_second(second).unwrap(),
            detected_at: jiff::Timestamp::from_second(second + 5).unwrap(),
        };
        let (up, down) = (Verdict::Up, Verdict::Down);
        let changes = [change(up, down, 10), change(down, up, 30), change(up, down, 95)];
        let second = 1_000_000;
        let spans = timeline(&changes.iter().collect::<Vec<_>>(), down, &(0..90 * second));
        let found: Vec<_> =
            spans.iter().map(|span| (span.from / second, span.to / second, span.state)).collect();
        assert_eq!(found, [(0, 10, up), (10, 30, down), (30, 90, up)]);
        let still = timeline(&[], down, &(0..second));
        assert_eq!(still, [Span { from: 0, to: second, state: down }]);
    }
}
