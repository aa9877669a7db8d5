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
