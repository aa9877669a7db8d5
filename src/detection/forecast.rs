//! What detection would do, found by letting it: how many failures make an outage, how long that
//! takes, how often chance alone would do it, and what would change a verdict that is in force.
//!
//! Nothing here restates a threshold: runs are fed to the very tracks that judge checks, whole
//! outages to the very [`State`] that tells them, and the rate of false alarms is that of the
//! sequential tests' own Markov chain. It must not be asked in the way of a probe.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::track::{ChanceOfAlarm, FLAP_WINDOW, FLAPS, SILENT_INTERVALS, Track};
use super::{Input, State};
use crate::domain::check::{Check, CheckKind, FailureReason, Outcome};
use crate::domain::ids::{LocationId, ProbeId, TargetId};
use crate::domain::outage::{DetectionEvent, OutageChange};
use crate::domain::target::{Cohort, Probe, Target};
use crate::domain::verdict::Verdict;

/// Longer runs are not followed: no verdict waits for so many.
const LONGEST_RUN: u32 = 200;
/// Outages played for each fault; their phases and failures differ by the seed.
const PLAYED: u64 = 40;
/// Slots that pass before the fault, so that the verdict is *up*.
const BEFORE: i64 = 20;
/// An outage that is not told within so many slots is not told.
const PATIENCE: i64 = 400;
/// Detection is asked again this long after each check, as its clock would.
const TICKS: [Duration; 3] =
    [Duration::from_millis(800), Duration::from_millis(1_600), Duration::from_millis(2_600)];

/// What detection does with one probe at one location.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// False alarms by chance alone.
    pub false_alarms: ChanceOfAlarm,
    /// From *up*.
    pub failures_to_down: Option<u32>,
    pub slow_answers_to_slow: Option<u32>,
    /// Samples in a row from the first failure on, when every fourth is one.
    pub samples_to_intermittent: Option<u32>,
    /// From each verdict back to *up*.
    pub successes_from_down: Option<u32>,
    pub successes_from_intermittent: Option<u32>,
    pub successes_from_slow: Option<u32>,
    /// From *intermittent*, when nothing answers any more.
    pub failures_from_intermittent_to_down: Option<u32>,
    /// So many spells of being down within this time are one state: it comes and goes.
    pub spells_to_intermittent: usize,
    pub spells_within_s: u64,
    /// Intervals of silence after which nothing is known.
    pub silent_intervals: u32,
    pub delays: Vec<Delay>,
}

/// How long an outage goes on before it is told, waiting for answers apart.
#[derive(Clone, Debug, Serialize)]
pub struct Delay {
    pub fault: Fault,
    /// In seconds, over the outages that were played; none when most of them were not told.
    pub median_s: Option<f64>,
    /// Nine in ten were told within it.
    pub ninety_percent_s: Option<f64>,
    /// The verdicts told first, with how many of the outages had them.
    pub told_as: BTreeMap<Verdict, u32>,
    pub played: u32,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Nothing answers.
    HardDown,
    /// One request in four fails, by chance.
    OneInFour,
    /// Everything answers, later than promised.
    Slow,
}

/// The next checks that would make another verdict of one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// How each of them ends: failed, passed or slow.
    pub checks: &'static str,
    pub count: u32,
    pub verdict: Verdict,
}

/// What detection does with this probe at this location.
#[must_use]
pub fn forecast(target: &Target, probe: &Probe, location: &LocationId) -> Forecast {
    let track = Track::new(probe.interval);
    let run = |from: &Track, outcome: Outcome, to: Verdict| {
        let mut track = from.clone();
        run_to(&mut track, outcome, to).map(|count| (track, count))
    };
    let up = run(&track, Outcome::Passed, Verdict::Up).map_or(track, |(track, _)| track);
    let down = run(&up, FAILED, Verdict::Down);
    let slow = run(&up, Outcome::Slow, Verdict::Slow);
    let intermittent = one_in_four(&up);
    let back = |from: &Option<(Track, u32)>| {
        let (track, _) = from.as_ref()?;
        run(track, Outcome::Passed, Verdict::Up).map(|(_, count)| count)
    };
    let worse = intermittent.as_ref().and_then(|(track, _)| run(track, FAILED, Verdict::Down));
    let alone = alone(target, probe, location);
    let delay = |fault| played(&alone, location, fault);
    Forecast {
        false_alarms: Track::chance_of_alarm(probe.interval),
        failures_to_down: down.as_ref().map(|(_, count)| *count),
        slow_answers_to_slow: slow.as_ref().map(|(_, count)| *count),
        samples_to_intermittent: intermittent.as_ref().map(|(_, count)| *count),
        successes_from_down: back(&down),
        successes_from_intermittent: back(&intermittent),
        successes_from_slow: back(&slow),
        failures_from_intermittent_to_down: worse.map(|(_, count)| count),
        spells_to_intermittent: FLAPS,
        spells_within_s: FLAP_WINDOW.as_secs(),
        silent_intervals: SILENT_INTERVALS,
        delays: [Fault::HardDown, Fault::OneInFour, Fault::Slow].map(delay).into(),
    }
}

/// What would make another verdict of the track's.
#[must_use]
pub fn turns(track: &Track) -> Vec<Turn> {
    let outcomes = [(FAILED, "failed"), (Outcome::Passed, "passed"), (Outcome::Slow, "slow")];
    let turn = |(outcome, checks)| {
        let mut next = track.clone();
        let from = next.verdict;
        let count = (1..=LONGEST_RUN).find(|count| {
            next.take(&check(outcome, after(track, *count)), false);
            next.verdict != from
        })?;
        // Slow answers that end an outage end it as passed ones do: said once.
        let news = outcome != Outcome::Slow || next.verdict == Verdict::Slow;
        news.then_some(Turn { checks, count, verdict: next.verdict })
    };
    outcomes.into_iter().filter_map(turn).collect()
}

const FAILED: Outcome = Outcome::Failed(FailureReason::Timeout);

/// Feeds equal checks until the track says so.
fn run_to(track: &mut Track, outcome: Outcome, to: Verdict) -> Option<u32> {
    let from = track.clone();
    (1..=LONGEST_RUN).find(|count| {
        track.take(&check(outcome, after(&from, *count)), false);
        track.verdict == to
    })
}

/// Feeds failures with three successes between, until the track says that it comes and goes.
fn one_in_four(up: &Track) -> Option<(Track, u32)> {
    let mut track = up.clone();
    let count = (1..=LONGEST_RUN).find(|count| {
        let outcome = if count % 4 == 1 { FAILED } else { Outcome::Passed };
        track.take(&check(outcome, after(up, *count)), false);
        track.verdict == Verdict::Intermittent
    })?;
    Some((track, count))
}

/// An instant after everything the track has seen, so many intervals on.
fn after(track: &Track, count: u32) -> Timestamp {
    let last = track.last_conclusive_at().unwrap_or(Timestamp::UNIX_EPOCH);
    last.checked_add(track.interval() * count).unwrap_or(last)
}

/// A check of no probe in particular: a track looks at its outcome and instant.
fn check(outcome: Outcome, at: Timestamp) -> Check {
    let probe = ProbeId::new("forecast").expect("a constant id");
    let (target, location) = (TargetId::new("forecast"), LocationId::new("forecast"));
    Check {
        target: target.expect("a constant id"),
        probe,
        location: location.expect("a constant id"),
        kind: CheckKind::Slot,
        slot_at: at,
        finished_at: at,
        latency_ms: 0,
        outcome,
        steps: Vec::new(),
        evidence: None,
    }
}

/// The target with this probe alone, seen from this location by one cohort.
fn alone(target: &Target, probe: &Probe, location: &LocationId) -> Arc<Target> {
    let here = vec![location.clone()];
    let probe = Probe { locations: here.clone(), ..probe.clone() };
    let cohort = target.cohorts.iter().find(|cohort| cohort.locations.contains(location));
    let cohort = cohort.cloned().map(|cohort| Cohort { locations: here, ..cohort });
    let cohorts = cohort.into_iter().collect();
    Arc::new(Target { probes: vec![Arc::new(probe)], cohorts, ..target.clone() })
}

fn played(target: &Arc<Target>, location: &LocationId, fault: Fault) -> Delay {
    let told = (0..PLAYED).filter_map(|seed| play(target, location, fault, seed));
    let (mut delays, mut told_as) = (Vec::new(), BTreeMap::new());
    for (delay, verdict) in told {
        delays.push(delay);
        *told_as.entry(verdict).or_default() += 1;
    }
    delays.sort();
    let played = u32::try_from(PLAYED).unwrap_or(u32::MAX);
    // What was not told comes after everything that was.
    let at = |place: usize| delays.get(place).map(Duration::as_secs_f64);
    let (half, most) = (PLAYED / 2, PLAYED * 9 / 10);
    let place = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    Delay { fault, median_s: at(place(half)), ninety_percent_s: at(place(most)), told_as, played }
}

/// Plays one outage: how long it went on before it was told, and as what.
fn play(
    target: &Arc<Target>,
    location: &LocationId,
    fault: Fault,
    seed: u64,
) -> Option<(Duration, Verdict)> {
    let probe = target.probes.first()?;
    let interval = i64::try_from(probe.interval.as_micros()).ok()?;
    let mut random = Random(seed);
    let start = 1_700_000_000_000_000_i64;
    let fault_at = start + BEFORE * interval + i64::from(random.percent()) * interval / 100;
    let mut state = State::new(Arc::clone(target), BTreeMap::new(), Vec::new());
    // The earliest first; what is due is a slot, a confirmation or a look at the clock.
    let mut due: BinaryHeap<std::cmp::Reverse<(i64, u8)>> = BinaryHeap::new();
    let (slot, confirmation, tick) = (0, 1, 2);
    for number in 0..BEFORE + PATIENCE {
        due.push(std::cmp::Reverse((start + number * interval, slot)));
    }
    while let Some(std::cmp::Reverse((at_us, what))) = due.pop() {
        let at = Timestamp::from_microsecond(at_us).ok()?;
        let advance = if what == tick {
            state.advance(Input::Tick, at)
        } else {
            let outcome = if at_us < fault_at { Outcome::Passed } else { fault.of(&mut random) };
            let kind = if what == slot { CheckKind::Slot } else { CheckKind::Confirmation };
            let check = Check {
                target: target.id.clone(),
                probe: probe.id.clone(),
                location: location.clone(),
                kind,
                ..check(outcome, at)
            };
            for wait in TICKS {
                let wait = i64::try_from(wait.as_micros()).ok()?;
                due.push(std::cmp::Reverse((at_us + wait, tick)));
            }
            state.advance(Input::Check(&check), at)
        };
        for request in advance.requests {
            due.push(std::cmp::Reverse((request.at.as_microsecond(), confirmation)));
        }
        for event in advance.events {
            if let DetectionEvent::Outage { change: OutageChange::Began, outage } = event {
                let delay = u64::try_from(at_us - fault_at).unwrap_or(0);
                return Some((Duration::from_micros(delay), outage.verdict));
            }
        }
    }
    None
}

impl Fault {
    fn of(self, random: &mut Random) -> Outcome {
        match self {
            Self::HardDown => FAILED,
            Self::OneInFour if random.percent() < 25 => FAILED,
            Self::OneInFour => Outcome::Passed,
            Self::Slow => Outcome::Slow,
        }
    }
}

/// The same numbers on every machine: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn percent(&mut self) -> u8 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u8::try_from((mixed ^ (mixed >> 31)) % 100).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::probes;

    fn shipped() -> Target {
        probes::read("c3ms.yaml", include_str!("../../probes/c3ms.yaml")).unwrap()
    }

    #[test]
    fn a_forecast_is_what_detection_does() {
        let target = shipped();
        let probe = target.probe(&ProbeId::new("search").unwrap()).unwrap();
        let forecast = forecast(&target, probe, &LocationId::new("noarlunga").unwrap());
        assert_eq!(forecast.failures_to_down, Some(4));
        assert_eq!(forecast.successes_from_down, Some(3));
        assert_eq!(forecast.slow_answers_to_slow, Some(4));
        assert!(forecast.samples_to_intermittent.is_some_and(|count| count > 12));
        assert_eq!(forecast.successes_from_intermittent, Some(13));
        let [down, one_in_four, slow] = &forecast.delays[..] else { panic!("three faults") };
        // Half an interval to the first failure, and confirmations a second apart.
        assert!(down.ninety_percent_s.is_some_and(|seconds| seconds < 40.0), "{down:?}");
        assert_eq!(down.told_as.get(&Verdict::Down), Some(&40), "{down:?}");
        assert!(one_in_four.median_s > down.median_s, "{one_in_four:?}");
        assert_eq!(slow.told_as.get(&Verdict::Slow), Some(&40), "{slow:?}");
    }

    #[test]
    fn what_would_change_a_verdict_is_what_changes_it() {
        let mut track = Track::new(Duration::from_secs(30));
        for count in 1..=5 {
            track.take(
                &check(Outcome::Passed, after(&Track::new(Duration::from_secs(30)), count)),
                false,
            );
        }
        for turn in turns(&track) {
            let outcome = match turn.checks {
                "failed" => FAILED,
                "slow" => Outcome::Slow,
                _ => Outcome::Passed,
            };
            let mut next = track.clone();
            for count in 1..turn.count {
                next.take(&check(outcome, after(&track, count)), false);
                assert_eq!(next.verdict, track.verdict);
            }
            next.take(&check(outcome, after(&track, turn.count)), false);
            assert_eq!(next.verdict, turn.verdict);
        }
        assert_eq!(turns(&track).len(), 2, "successes change nothing of what is up");
    }

    #[test]
    fn chance_alone_stays_within_the_budget_at_every_interval() {
        for seconds in [1, 5, 30, 60, 300, 3_600] {
            let chance = Track::chance_of_alarm(Duration::from_secs(seconds));
            assert!(chance.a_year < chance.budget_a_year, "{seconds} s: {chance:?}");
        }
    }
}
