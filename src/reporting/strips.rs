//! A period cut into cells: days over weeks, otherwise a round length, one state each.

use std::ops::Range;

use jiff::Timestamp;

use super::accounting::rollup::CohortTime;
use super::accounting::{Span, TimeState};
use super::period::Period;
use crate::domain::verdict::Verdict;

/// From so many days on a cell is a day of the calendar.
const DAYS_FROM: i64 = 8;
/// No more cells than this otherwise; narrower ones cannot be told apart on paper.
const MOST_CELLS: i64 = 100;
/// Lengths of a cell in seconds, of which the shortest is taken that gives few enough cells.
const LENGTHS: [i64; 11] = [1, 5, 15, 60, 120, 300, 900, 1_800, 3_600, 7_200, 10_800];

/// Where the cells of the period begin.
#[must_use]
pub fn cells(period: &Period) -> Vec<Timestamp> {
    let seconds = period.to.duration_since(period.from).as_secs().max(1);
    if seconds > DAYS_FROM * 86_400 {
        return [period.from].into_iter().chain(period.midnights()).collect();
    }
    let fits = |length: &&i64| seconds / **length < MOST_CELLS;
    let length = LENGTHS.iter().find(fits).copied().unwrap_or(86_400);
    let starts = (0..).map(|at| period.from.as_second() + at * length);
    let inside =
        starts.take_while(|at| *at < period.to.as_second().max(period.from.as_second() + 1));
    inside.filter_map(|at| Timestamp::from_second(at).ok()).collect()
}

/// The worst that detection said in each cell; unknown where half of the cell's time is.
#[must_use]
pub fn strip(
    time: &CohortTime,
    said: &[Span<Verdict>],
    cells: &[Timestamp],
    period: &Range<i64>,
) -> Vec<TimeState> {
    let edge = |at: usize| cells.get(at).map_or(period.end, |at| at.as_microsecond());
    let cell = |at: usize| {
        let range = edge(at)..edge(at + 1);
        let overlaps = |span: &&Span<Verdict>| span.from < range.end && span.to > range.start;
        let worst = said.iter().filter(overlaps).map(|span| span.state).max();
        match worst {
            Some(Verdict::Down) => TimeState::Down,
            Some(Verdict::Intermittent) => TimeState::Intermittent,
            Some(Verdict::Slow) => TimeState::Slow,
            _ => {
                let tally = time.tally_in(&range);
                let silent = tally.unknown_us * 2 >= tally.total_us();
                if silent { TimeState::Unknown } else { TimeState::Up }
            }
        }
    };
    (0..cells.len()).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn count(from: &str, to: &str) -> usize {
        let zone = TimeZone::get("Australia/Adelaide").unwrap();
        cells(&Period::parse(from, to, zone).unwrap()).len()
    }

    #[test]
    fn cells_are_days_over_weeks_and_round_lengths_otherwise() {
        assert_eq!(count("2026-10-01", "2026-10-31"), 31);
        assert_eq!(count("2026-03-01", "2026-03-07"), 84);
        assert_eq!(count("2026-03-01", "2026-03-01"), 96);
        assert_eq!(count("2026-03-01T09:00", "2026-03-01T09:03"), 36);
        assert_eq!(count("2026-03-01T09:00", "2026-03-01T09:00:00.5"), 1);
    }
}
