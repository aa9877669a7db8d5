//! Figures computed by hand, and what holds for every ledger.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::figures::Figures;
use super::rollup::{CohortTime, Tracks, cohort_time};
use super::track::{SlotCounts, Track};
use super::*;
use crate::domain::check::{CheckKind, FailureReason, InconclusiveReason, Outcome};
use crate::domain::ids::{CohortId, LocationId, OfficeId, ProbeId, TargetId};
use crate::domain::target::{Cohort, Location, Objectives, Probe, ProbeKind, Target, Weight};
use crate::domain::verdict::Verdict;
use crate::store::ledger::Recorded;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const FAILED: Outcome = Outcome::Failed(FailureReason::Status);
const UP: TimeState = TimeState::Up;
const SLOW: TimeState = TimeState::Slow;
const DOWN: TimeState = TimeState::Down;
const UNKNOWN: TimeState = TimeState::Unknown;
const INTERMITTENT: TimeState = TimeState::Intermittent;

/// A row at `second`, one minute before the next.
fn row(second: i64, outcome: Outcome) -> Recorded {
    Recorded {
        target: TargetId::new("c3ms").unwrap(),
        probe: ProbeId::new("intake").unwrap(),
        location: LocationId::new("noarlunga").unwrap(),
        kind: CheckKind::Slot,
        slot_at: Timestamp::from_microsecond(second * SECOND).unwrap(),
        slots: 1,
        interval_us: MINUTE,
        latency_ms: 100,
        outcome,
    }
}

fn missed(second: i64, slots: u32) -> Recorded {
    Recorded { slots, latency_ms: 0, ..row(second, Outcome::Missed) }
}

/// The track over ten minutes.
fn track(rows: &[Recorded]) -> Track {
    track_of(rows, 0..10 * MINUTE)
}

fn track_of(rows: &[Recorded], period: std::ops::Range<i64>) -> Track {
    let mut track = Track::new(period.clone(), MINUTE);
    let within = period.start - MINUTE..period.end;
    rows.iter().for_each(|row| track.take(row, &within));
    track.finish();
    track
}

/// Stretches in seconds.
fn stretches(track: &Track) -> Vec<(i64, i64, TimeState)> {
    track.spans.iter().map(|s| (s.from / SECOND, s.to / SECOND, s.state)).collect()
}

fn passed(seconds: impl IntoIterator<Item = i64>) -> Vec<Recorded> {
    seconds.into_iter().map(|second| row(second, Outcome::Passed)).collect()
}

#[test]
fn a_gap_in_the_ledger_is_unknown() {
    let mut rows = passed([0, 60, 120]);
    rows.push(row(300, FAILED));
    rows.extend(passed([360, 420, 480, 540]));
    let track = track(&rows);
    assert_eq!(track.slots, SlotCounts { passed: 7, failed: 1, absent: 2, ..Default::default() });
    let expected = [(0, 180, UP), (180, 300, UNKNOWN), (300, 360, DOWN), (360, 600, UP)];
    assert_eq!(stretches(&track), expected);
    // 7 of 8 known minutes; 8 of 10 known; 7 of 10 if the gap was down.
    let figures = Figures::new(&track.tally(), track.slots.known());
    assert_eq!(figures.availability, Some(0.875));
    assert_eq!((figures.coverage, figures.worst_case), (0.8, 0.7));
}

#[test]
fn a_restart_leaves_missed_slots_that_are_counted_and_unknown() {
    let mut rows = passed([0, 60]);
    rows.push(missed(120, 5));
    rows.extend(passed([420, 480, 540]));
    let track = track(&rows);
    assert_eq!(track.slots, SlotCounts { passed: 5, missed: 5, ..Default::default() });
    assert_eq!(stretches(&track), [(0, 120, UP), (120, 420, UNKNOWN), (420, 600, UP)]);
}

#[test]
fn a_run_of_missed_slots_is_counted_once_over_the_pieces_it_reaches_into() {
    let run = missed(-120, 30);
    let period = 0..10 * MINUTE;
    let mut track = Track::new(period.clone(), MINUTE);
    track.take(&run, &(-MINUTE..4 * MINUTE));
    track.take(&run, &(4 * MINUTE..10 * MINUTE));
    track.finish();
    assert_eq!(track.slots, SlotCounts { missed: 10, ..Default::default() });
    assert_eq!(stretches(&track), [(0, 600, UNKNOWN)]);
}

#[test]
fn inconclusive_slots_say_nothing_of_the_target() {
    let mut rows = passed([0, 60, 120, 180, 240, 300, 360, 420, 480]);
    rows.push(row(540, Outcome::Inconclusive(InconclusiveReason::Credentials)));
    let track = track(&rows);
    assert_eq!(track.slots, SlotCounts { passed: 9, inconclusive: 1, ..Default::default() });
    assert_eq!(track.tally().unknown_us, 60_000_000);
    assert_eq!(track.tally().failed_us, 0);
}

#[test]
fn confirmations_are_never_counted() {
    let rows = passed((0..10).map(|minute| minute * 60));
    let mut with = rows.clone();
    with.push(Recorded { kind: CheckKind::Confirmation, ..row(541, FAILED) });
    let (with, without) = (track(&with), track(&rows));
    assert_eq!((with.slots, &with.spans), (without.slots, &without.spans));
    assert_eq!(with.latencies.len(), 10);
}

#[test]
fn the_slot_before_the_period_stands_for_its_first_moments_and_is_not_counted() {
    let track = track_of(&passed([-30, 30, 90]), 0..2 * MINUTE);
    assert_eq!(track.slots, SlotCounts { passed: 2, ..Default::default() });
    assert_eq!(stretches(&track), [(0, 120, UP)]);
    assert_eq!(track.last_slot, Some(90 * SECOND));
}

#[test]
fn slots_before_the_first_row_and_after_the_last_are_absent() {
    let track = track(&passed([245, 305]));
    // 5, 65, 125, 185 before; 365, 425, 485, 545 after.
    assert_eq!(track.slots, SlotCounts { passed: 2, absent: 8, ..Default::default() });
    assert_eq!(stretches(&track), [(0, 245, UNKNOWN), (245, 365, UP), (365, 600, UNKNOWN)]);
    let nothing = track_of(&[], 0..10 * MINUTE);
    assert_eq!(nothing.slots, SlotCounts { absent: 10, ..Default::default() });
    assert_eq!(stretches(&nothing), [(0, 600, UNKNOWN)]);
}

#[test]
fn a_shorter_interval_takes_over_where_it_begins() {
    let mut rows = passed([0, 60, 120]);
    // From 140 on, every 20 s.
    let quick = |second| Recorded { interval_us: 20 * SECOND, ..row(second, FAILED) };
    rows.extend((0..23).map(|at| quick(140 + at * 20)));
    let track = track(&rows);
    assert_eq!(track.slots, SlotCounts { passed: 3, failed: 23, ..Default::default() });
    assert_eq!(stretches(&track), [(0, 140, UP), (140, 600, DOWN)]);
}

#[test]
fn a_day_has_as_many_slots_as_it_has_minutes_there() {
    let zone = jiff::tz::TimeZone::get("Australia/Adelaide").unwrap();
    for (day, slots) in [("2026-04-05", 25 * 60), ("2026-10-04", 23 * 60), ("2026-03-01", 1_440)] {
        let period = super::super::period::Period::parse(day, day, zone.clone()).unwrap();
        let track = track_of(&[], period.micros());
        assert_eq!(track.slots.total(), slots, "{day}");
    }
}

/// Two essential probes and a supporting one, seen by `locations`.
fn target(locations: &[&str]) -> Target {
    let places: Vec<LocationId> = locations.iter().map(|id| LocationId::new(id).unwrap()).collect();
    let probe = |id: &str, weight| {
        Arc::new(Probe {
            id: ProbeId::new(id).unwrap(),
            target: TargetId::new("c3ms").unwrap(),
            title: id.to_owned(),
            kind: ProbeKind::Journey,
            weight,
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            locations: places.clone(),
            objectives: Objectives::default(),
            steps: Vec::new(),
            signals: Vec::new(),
            finally: Vec::new(),
            recover: Vec::new(),
        })
    };
    Target {
        id: TargetId::new("c3ms").unwrap(),
        title: "C3MS".into(),
        base_url: "http://127.0.0.1:9/".parse().unwrap(),
        systems: std::collections::BTreeMap::new(),
        time_zone: jiff::tz::TimeZone::UTC,
        networks: [].into(),
        locations: places
            .iter()
            .map(|id| Location {
                id: id.clone(),
                title: id.to_string(),
                source_address: None,
                reference_endpoints: Vec::new(),
            })
            .collect(),
        cohorts: vec![Cohort {
            id: CohortId::new("noarlunga").unwrap(),
            title: "Noarlunga".into(),
            head_count: 60,
            office: OfficeId::new("noarlunga").unwrap(),
            locations: places.clone(),
            networks: Vec::new(),
            telephone: None,
        }],
        probes: vec![
            probe("search", Weight::Essential),
            probe("intake", Weight::Essential),
            probe("letters", Weight::Supporting),
        ],
    }
}

/// Rolls up tracks given as one letter a minute: u(p), s(low), d(own), anything else unknown.
fn rolled(locations: &[&str], tracks: &[(&str, &str, &str)], said: &[Span<Verdict>]) -> CohortTime {
    let target = target(locations);
    let minutes = i64::try_from(tracks[0].2.len()).unwrap();
    let period = 0..minutes * MINUTE;
    let mut all = Tracks::new();
    for (probe, location, letters) in tracks {
        let rows: Vec<Recorded> = letters
            .chars()
            .zip(0..)
            .map(|(letter, minute)| {
                row(
                    minute * 60,
                    match letter {
                        'u' => Outcome::Passed,
                        's' => Outcome::Slow,
                        'd' => FAILED,
                        _ => Outcome::Missed,
                    },
                )
            })
            .collect();
        let key = (ProbeId::new(probe).unwrap(), LocationId::new(location).unwrap());
        all.insert(key, track_of(&rows, period.clone()));
    }
    cohort_time(&target, &target.cohorts[0], &all, said, &period)
}

fn minutes(time: &CohortTime) -> Vec<(i64, TimeState)> {
    time.spans.iter().map(|s| ((s.to - s.from) / MINUTE, s.state.state)).collect()
}

#[test]
fn a_cohort_has_the_worst_of_its_essential_probes() {
    let time = rolled(
        &["n"],
        &[("search", "n", "uuuds.ud"), ("intake", "n", "uduu.duu"), ("letters", "n", "uuuuuu.d")],
        &[],
    );
    // Known to fail outweighs not known, which outweighs slow; letters' silence does not matter.
    let expected =
        [(1, UP), (1, DOWN), (1, UP), (1, DOWN), (1, UNKNOWN), (1, DOWN), (1, UP), (1, DOWN)];
    assert_eq!(minutes(&time), expected);
    // Search knows seven slots, intake seven.
    assert_eq!(time.looks, 7);
}

#[test]
fn a_supporting_probe_makes_it_slow_at_worst() {
    let time = rolled(
        &["n"],
        &[("search", "n", "uuu"), ("intake", "n", "uus"), ("letters", "n", "dsu")],
        &[],
    );
    assert_eq!(minutes(&time), [(3, SLOW)]);
    assert_eq!(time.tally().failed_us, 0);
}

#[test]
fn a_probe_that_fails_from_some_locations_comes_and_goes() {
    let both = |search_n, search_e| {
        let quiet = "uuu";
        rolled(
            &["n", "e"],
            &[
                ("search", "n", search_n),
                ("search", "e", search_e),
                ("intake", "n", quiet),
                ("intake", "e", quiet),
            ],
            &[],
        )
    };
    // Both fail; one fails; the other knows nothing.
    assert_eq!(minutes(&both("ddd", "du.")), [(1, DOWN), (1, INTERMITTENT), (1, DOWN)]);
    assert_eq!(both("ddd", "du.").tally().failed_us, 3 * 60_000_000);
}

#[test]
fn while_detection_says_it_comes_and_goes_known_time_counts_as_that() {
    let said = [
        Span { from: 0, to: 90 * SECOND, state: Verdict::Up },
        Span { from: 90 * SECOND, to: 4 * MINUTE, state: Verdict::Intermittent },
        Span { from: 4 * MINUTE, to: 6 * MINUTE, state: Verdict::Up },
    ];
    let time = rolled(&["n"], &[("search", "n", "udud.u"), ("intake", "n", "uuuu.u")], &said);
    let seconds: Vec<_> = time
        .spans
        .iter()
        .map(|s| (s.from / SECOND, s.to / SECOND, s.state.state, s.state.failed))
        .collect();
    let expected = [
        (0, 60, UP, false),
        (60, 90, DOWN, true),
        (90, 120, INTERMITTENT, true),
        (120, 180, INTERMITTENT, false),
        (180, 240, INTERMITTENT, true),
        (240, 300, UNKNOWN, false),
        (300, 360, UP, false),
    ];
    assert_eq!(seconds, expected);
    let tally = time.tally();
    assert_eq!((tally.intermittent_us, tally.failed_us), (150_000_000, 120_000_000));
}

#[test]
fn time_is_cut_at_the_edges_that_are_asked_for() {
    let time = rolled(&["n"], &[("search", "n", "uddu"), ("intake", "n", "uuuu")], &[]);
    let tally = time.tally_in(&(30 * SECOND..90 * SECOND));
    assert_eq!((tally.up_us, tally.down_us), (30_000_000, 30_000_000));
    assert_eq!(time.tally_in(&(0..4 * MINUTE)), time.tally());
}

fn outcome() -> impl Strategy<Value = Option<Outcome>> {
    prop_oneof![
        4 => Just(Some(Outcome::Passed)),
        1 => Just(Some(Outcome::Slow)),
        2 => Just(Some(FAILED)),
        1 => Just(Some(Outcome::Inconclusive(InconclusiveReason::Prober))),
        1 => Just(Some(Outcome::Missed)),
        2 => Just(None),
    ]
}

#[test]
fn quantiles_come_from_merged_histograms_and_reach_the_slowest() {
    let slow = |second| Recorded { latency_ms: 61_000, ..row(second, Outcome::Slow) };
    let mut all = track(&passed((0..10).map(|minute| minute * 60))).latencies;
    let mut rows: Vec<Recorded> = (0..5).map(|minute| slow(minute * 60)).collect();
    rows.push(row(300, FAILED));
    all += track(&rows).latencies;
    assert_eq!(all.len(), 15, "a failure has no latency that counts");
    assert_eq!(all.value_at_quantile(0.5), 100);
    let slowest = all.value_at_quantile(0.95);
    assert!(slowest.abs_diff(61_000) <= 61, "{slowest}");
}

proptest! {
    /// Whatever the ledger holds, every slot and every moment is accounted for once.
    #[test]
    fn every_slot_and_moment_of_the_period_is_accounted_for(
        outcomes in proptest::collection::vec(outcome(), 1..120),
        phase in 0_i64..60, piece in 1_i64..40, start in 0_i64..3_000,
    ) {
        let rows: Vec<Recorded> = outcomes
            .iter()
            .zip(0..)
            .filter_map(|(outcome, slot)| outcome.map(|o| row(slot * 60 + phase, o)))
            .collect();
        let period = start * SECOND..(start + 3_600) * SECOND;
        let mut track = Track::new(period.clone(), MINUTE);
        let mut from = period.start - MINUTE;
        while from < period.end {
            let to = (from + piece * MINUTE).min(period.end);
            for row in &rows {
                let at = row.slot_at.as_microsecond();
                if from <= at && at < to {
                    track.take(row, &(from..to));
                }
            }
            from = to;
        }
        track.finish();
        let grid = (-10..200).map(|k| k * MINUTE + phase * SECOND);
        let due = if rows.iter().any(|r| {
            let at = r.slot_at.as_microsecond();
            at >= period.start - MINUTE && at < period.end
        }) {
            u64::try_from(grid.filter(|at| period.contains(at)).count()).unwrap()
        } else {
            60
        };
        prop_assert_eq!(track.slots.known() + track.slots.unknown(), due);
        let tally = track.tally();
        prop_assert_eq!(tally.total_us(), 3_600_000_000);
        for pair in track.spans.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
            prop_assert_ne!(pair[0].state, pair[1].state);
        }
        let figures = Figures::new(&tally, track.slots.known());
        let best = figures.worst_case + 1.0 - figures.coverage;
        if let Some(availability) = figures.availability {
            prop_assert!(figures.worst_case <= availability && availability <= best + 1e-5);
            let ends = figures.interval;
            prop_assert!(ends.is_none_or(|e| e.low <= availability && availability <= e.high));
        }
    }
}
