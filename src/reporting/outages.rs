//! Outages of a period: one line each, how long detection and repair took, and what came back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::period::Period;
use super::report::{Mean, OutageLine, Recurrence};
use crate::domain::ids::{CohortId, ProbeId, TargetId};
use crate::domain::outage::Outage;
use crate::domain::verdict::Titles;

/// Below this many there is no mean.
const LEAST_FOR_A_MEAN: u32 = 3;

/// One line an outage, oldest first. What lies after the period is not told: an outage that ended
/// later is still open in it.
#[must_use]
pub fn lines(outages: &[Outage], period: &Period) -> Vec<OutageLine> {
    outages
        .iter()
        .map(|outage| OutageLine {
            outage: outage.id.to_string(),
            target: outage.target.to_string(),
            verdict: outage.verdict,
            sentence: outage.sentence.clone(),
            head_count: outage.head_count,
            began_at: outage.began_at,
            detected_at: outage.detected_at,
            ended_at: ended_within(outage, period),
            seconds_to_detect: seconds(outage.began_at, outage.detected_at),
            seconds: seconds(outage.began_at, ended_within(outage, period).unwrap_or(period.to)),
        })
        .collect()
}

/// From beginning to detection, of outages detected in the period.
#[must_use]
pub fn time_to_detect(outages: &[Outage], period: &Period) -> Mean {
    let within =
        |outage: &&Outage| period.from <= outage.detected_at && outage.detected_at < period.to;
    let lengths = outages.iter().filter(within);
    mean(lengths.map(|outage| seconds(outage.began_at, outage.detected_at)))
}

/// From beginning to end, of outages that ended in the period.
#[must_use]
pub fn time_to_restore(outages: &[Outage], period: &Period) -> Mean {
    let ends = outages.iter().filter_map(|outage| {
        let ended = ended_within(outage, period).filter(|ended| *ended >= period.from)?;
        Some(seconds(outage.began_at, ended))
    });
    mean(ends)
}

type Key<'a> = (&'a TargetId, &'a BTreeSet<CohortId>, &'a BTreeSet<ProbeId>);

/// Scopes hit more than once, most often first, then longest.
#[must_use]
pub fn recurrences(
    outages: &[Outage],
    period: &Period,
    titles: &BTreeMap<TargetId, Titles>,
) -> Vec<Recurrence> {
    let mut scopes: BTreeMap<Key, Vec<&Outage>> = BTreeMap::new();
    for outage in outages {
        let key = (&outage.target, &outage.scope.cohorts, &outage.scope.probes);
        scopes.entry(key).or_default().push(outage);
    }
    let mut found: Vec<Recurrence> = scopes
        .values()
        .filter(|hit| hit.len() > 1)
        .map(|hit| Recurrence {
            target: hit[0].target.to_string(),
            scope: titles
                .get(&hit[0].target)
                .map_or_else(|| hit[0].target.to_string(), |titles| hit[0].scope.words(titles)),
            outages: u32::try_from(hit.len()).unwrap_or(u32::MAX),
            seconds: hit
                .iter()
                .map(|outage| {
                    let end = ended_within(outage, period).unwrap_or(period.to);
                    seconds(outage.began_at.max(period.from), end)
                })
                .sum(),
        })
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse((one.outages, one.seconds)));
    found
}

fn ended_within(outage: &Outage, period: &Period) -> Option<Timestamp> {
    outage.ended_at.filter(|ended| *ended < period.to)
}

fn mean(lengths: impl Iterator<Item = u64>) -> Mean {
    let (n, sum) = lengths.fold((0_u32, 0), |(n, sum), length| (n + 1, sum + length));
    let mean_seconds = (n >= LEAST_FOR_A_MEAN).then(|| sum / u64::from(n));
    Mean { n, mean_seconds }
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::outage::OutageId;
    use crate::domain::verdict::{Scope, Verdict};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// An outage of one cohort, found after 10 s.
    fn outage(cohort: &str, began: i64, ended: Option<i64>) -> Outage {
        Outage {
            id: OutageId(format!("c3ms-{began}")),
            target: TargetId::new("c3ms").unwrap(),
            verdict: Verdict::Down,
            scope: Scope { cohorts: [CohortId::new(cohort).unwrap()].into(), ..Scope::default() },
            began_at: at(began),
            detected_at: at(began + 10),
            ended_at: ended.map(at),
            head_count: 11,
            sentence: "C3MS is down.".into(),
            locations: BTreeSet::new(),
            failures: 3,
            failures_explained: 3,
            confirmations: 0,
            widest: None,
        }
    }

    fn period() -> Period {
        Period::new(at(1_000), at(2_000), TimeZone::UTC).unwrap()
    }

    #[test]
    fn a_mean_needs_three() {
        let mut outages = vec![
            outage("ceduna", 1_000, Some(1_100)),
            outage("ceduna", 1_200, Some(1_400)),
            // Began before the period and was found before it, but ended in it.
            outage("noarlunga", 900, Some(1_200)),
        ];
        assert_eq!(time_to_detect(&outages, &period()), Mean { n: 2, mean_seconds: None });
        let restored = Mean { n: 3, mean_seconds: Some(200) };
        assert_eq!(time_to_restore(&outages, &period()), restored);
        outages.push(outage("noarlunga", 1_900, Some(2_500)));
        assert_eq!(time_to_detect(&outages, &period()), Mean { n: 3, mean_seconds: Some(10) });
        assert_eq!(time_to_restore(&outages, &period()), restored);
        let last = &lines(&outages, &period())[3];
        assert_eq!((last.ended_at, last.seconds), (None, 100), "what comes later is not told");
    }

    #[test]
    fn what_came_back_is_told_by_scope_within_the_period() {
        let outages = [
            outage("noarlunga", 900, Some(1_200)),
            outage("ceduna", 1_250, Some(1_300)),
            outage("noarlunga", 1_300, Some(1_400)),
        ];
        let titles = Titles {
            target: "C3MS".into(),
            cohorts: [(CohortId::new("noarlunga").unwrap(), "Noarlunga".into())].into(),
            ..Titles::default()
        };
        let titles = [(TargetId::new("c3ms").unwrap(), titles)].into();
        let found = recurrences(&outages, &period(), &titles);
        let noarlunga = Recurrence {
            target: "c3ms".into(),
            scope: "Noarlunga".into(),
            outages: 2,
            seconds: 300,
        };
        assert_eq!(found, [noarlunga]);
    }
}
