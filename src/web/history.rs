//! From changes of a verdict to stretches of time, cells of a strip and a sentence.
//!
//! A stretch of which nothing was said is *not known*, never *working*.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::outage::VerdictChange;

use super::states::State;
use super::times::Times;

/// A stretch of time with one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub state: State,
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// The stretches of `[from, to)`, in order and without a gap.
///
/// `changes` are one target's for one cohort, oldest first; `standing` is the state in force.
#[must_use]
pub fn stretches(
    changes: &[&VerdictChange],
    standing: State,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Stretch> {
    let first = changes.first().map_or(standing, |change| change.from.into());
    let mut stretches = vec![Stretch { state: first, from, to }];
    for change in changes {
        // A verdict's beginning lies before its detection, but never before the one it replaced.
        let Some(last) = stretches.last_mut() else { break };
        let at = change.since.clamp(last.from, to);
        last.to = at;
        stretches.push(Stretch { state: change.to.into(), from: at, to });
    }
    stretches.retain(|stretch| stretch.from < stretch.to);
    stretches
}

/// `count` cells over `[from, to)`: the worst trouble in each, else not known where most of it is.
#[must_use]
pub fn cells(
    stretches: &[Stretch],
    from: Timestamp,
    to: Timestamp,
    count: usize,
) -> Vec<Option<State>> {
    let whole = micros_between(from, to);
    let edge = |at: usize| {
        let share = whole / i64::try_from(count.max(1)).unwrap_or(1);
        let offset = share.saturating_mul(i64::try_from(at).unwrap_or(i64::MAX));
        Timestamp::from_microsecond(from.as_microsecond().saturating_add(offset)).unwrap_or(to)
    };
    (0..count).map(|at| cell(stretches, edge(at), edge(at + 1))).collect()
}

fn cell(stretches: &[Stretch], from: Timestamp, to: Timestamp) -> Option<State> {
    let overlaps: Vec<(State, i64)> = stretches
        .iter()
        .map(|stretch| (stretch.state, micros_between(stretch.from.max(from), stretch.to.min(to))))
        .filter(|(_, length)| *length > 0)
        .collect();
    let worst = overlaps.iter().map(|(state, _)| *state).max()?;
    if worst > State::Working {
        return Some(worst);
    }
    let silent: i64 =
        overlaps.iter().filter(|(state, _)| *state == State::NotKnown).map(|(_, len)| len).sum();
    Some(if silent * 2 >= micros_between(from, to) { State::NotKnown } else { State::Working })
}

/// What happened, in words: "Down 13:05 to 14:10 Wed. Not known for 3 h."
#[must_use]
pub fn sentence(stretches: &[Stretch], times: &Times) -> String {
    /// More than this many are counted, not told.
    const TOLD: usize = 3;
    let mut told = Vec::new();
    let troubles: Vec<&Stretch> =
        stretches.iter().filter(|stretch| stretch.state > State::Working).collect();
    if troubles.len() > TOLD {
        told.push(format!("Trouble {} times; the last ones:", troubles.len()));
    }
    for trouble in troubles.iter().rev().take(TOLD).rev() {
        let from = times.moment(trouble.from).short();
        let how = trouble.state.word();
        told.push(if trouble.to >= times.now() {
            format!("{how} since {from}.")
        } else {
            format!("{how} {from} to {}.", times.moment(trouble.to).short())
        });
    }
    if troubles.is_empty() {
        told.push("No trouble seen.".to_owned());
    }
    let silent: Duration = stretches
        .iter()
        .filter(|stretch| stretch.state == State::NotKnown)
        .map(|stretch| stretch.to.duration_since(stretch.from).unsigned_abs())
        .sum();
    if silent >= Duration::from_mins(1) {
        told.push(format!("Not known for {}.", super::times::in_words(silent)));
    }
    told.join(" ")
}

fn micros_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_microsecond() - from.as_microsecond()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::ids::{CohortId, TargetId};
    use crate::domain::verdict::Verdict;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-03T{text}:00Z").parse().unwrap()
    }

    fn change(from: Verdict, to: Verdict, since: &str) -> VerdictChange {
        VerdictChange {
            target: TargetId::new("c3ms").unwrap(),
            cohort: CohortId::new("noarlunga").unwrap(),
            from,
            to,
            since: at(since),
            detected_at: at(since),
        }
    }

    #[test]
    fn a_strip_shows_the_worst_and_never_fills_silence_with_working() {
        let (unknown, up) = (Verdict::Unknown, Verdict::Up);
        let changes = [
            change(unknown, up, "02:00"),
            change(up, Verdict::Down, "05:10"),
            change(Verdict::Down, up, "05:20"),
        ];
        let changes: Vec<_> = changes.iter().collect();
        let stretches = stretches(&changes, State::Working, at("00:00"), at("08:00"));
        let cells = cells(&stretches, at("00:00"), at("08:00"), 8);
        let (unknown, up, down) = (Some(State::NotKnown), Some(State::Working), Some(State::Down));
        assert_eq!(cells, [unknown, unknown, up, up, up, down, up, up]);
        let times = Times::new(at("08:00"), TimeZone::UTC);
        assert_eq!(sentence(&stretches, &times), "Down 05:10 to 05:20. Not known for 2 h.");
    }

    #[test]
    fn without_a_change_the_standing_holds() {
        let stretches = stretches(&[], State::Slow, at("00:00"), at("01:00"));
        assert_eq!(stretches.len(), 1);
        let times = Times::new(at("01:00"), TimeZone::UTC);
        assert_eq!(sentence(&stretches, &times), "Slow since 00:00.");
    }
}
