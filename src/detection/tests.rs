//! Whole timelines over the shipped probes: what is told of an outage from its first failure to
//! its end.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::config::probes;
use crate::domain::check::{CheckKind, FailureReason, Outcome};
use crate::domain::outage::OutageChange;

/// A target whose probes all run once in a round of five seconds.
struct Timeline {
    state: State,
    second: i64,
    told: Vec<(OutageChange, Outage)>,
    /// Why what fails does.
    reason: FailureReason,
}

impl Timeline {
    fn new() -> Self {
        let text = include_str!("../../probes/c3ms.yaml");
        let target = Arc::new(probes::read("c3ms.yaml", text).unwrap());
        let state = State::new(target, BTreeMap::new(), Vec::new());
        Self { state, second: 1_000_000, told: Vec::new(), reason: FailureReason::Refused }
    }

    /// Runs every probe from everywhere, `rounds` times; `fails` says which of them fail.
    fn run(&mut self, rounds: u32, fails: impl Fn(&str, &str, u32) -> bool) -> &mut Self {
        let target = Arc::clone(&self.state.view.target);
        for round in 0..rounds {
            self.second += 5;
            let at = Timestamp::from_second(self.second).unwrap();
            for probe in &target.probes {
                for location in &probe.locations {
                    let failed = fails(location.as_str(), probe.id.as_str(), round);
                    let check = Check {
                        target: target.id.clone(),
                        probe: probe.id.clone(),
                        location: location.clone(),
                        kind: CheckKind::Slot,
                        slot_at: at,
                        finished_at: at,
                        latency_ms: 1,
                        outcome: match failed {
                            true => Outcome::Failed(self.reason),
                            false => Outcome::Passed,
                        },
                        steps: Vec::new(),
                        evidence: None,
                    };
                    self.advance(Input::Check(&check), at);
                }
            }
            self.advance(Input::Tick, at.checked_add(Duration::from_secs(2)).unwrap());
        }
        self
    }

    fn advance(&mut self, input: Input<'_>, now: Timestamp) {
        for event in self.state.advance(input, now).events {
            if let DetectionEvent::Outage { change, outage } = event {
                self.told.push((change, outage));
            }
        }
    }

    fn began(&self) -> usize {
        self.told.iter().filter(|(change, _)| *change == OutageChange::Began).count()
    }

    fn ended(&self) -> Vec<&str> {
        let ended = self.told.iter().filter(|(change, _)| *change == OutageChange::Ended);
        ended.map(|(_, outage)| outage.sentence.as_str()).collect()
    }
}

#[test]
fn what_recovers_piece_by_piece_is_one_outage_remembered_by_the_most_it_was() {
    let mut timeline = Timeline::new();
    timeline
        .run(5, |_, _, _| false)
        .run(6, |location, _, _| ["noarlunga", "elizabeth"].contains(&location))
        .run(6, |location, probe, _| location == "noarlunga" && probe == "intake")
        .run(12, |_, _, _| false);
    assert_eq!(timeline.began(), 1, "{:#?}", timeline.told);
    assert_eq!(
        timeline.ended(),
        ["C3MS is down for Elizabeth and Noarlunga: every journey fails."]
    );
    assert!(timeline.state.open_outages().is_empty());
}

#[test]
fn an_office_that_is_cut_off_is_told_as_its_network_and_not_as_the_target() {
    let mut timeline = Timeline::new();
    timeline.reason = FailureReason::SiteNetwork;
    timeline.run(5, |_, _, _| false).run(6, |location, _, _| location == "noarlunga");
    timeline.run(12, |_, _, _| false);
    assert_eq!(timeline.ended(), ["C3MS is not reached from Noarlunga: the network there fails."]);
}

#[test]
fn an_outage_that_lasts_narrows_to_whom_it_still_hits() {
    let mut timeline = Timeline::new();
    timeline
        .run(5, |_, _, _| false)
        .run(6, |location, _, _| ["noarlunga", "elizabeth"].contains(&location))
        .run(30, |location, _, _| location == "noarlunga");
    let open: Vec<_> = timeline.state.open_outages().iter().map(|o| o.sentence.as_str()).collect();
    assert_eq!(open, ["C3MS is down for Noarlunga: every journey fails."]);
    assert_eq!(timeline.began(), 1);
}

#[test]
fn an_office_that_fails_worse_than_the_others_is_an_outage_of_its_own() {
    // Every third check fails, elsewhere than at Noarlunga, where none passes.
    let now_and_then = |location: &str, probe: &str, round: u32| {
        location == "noarlunga" || (round as usize + probe.len() + location.len()).is_multiple_of(3)
    };
    let mut timeline = Timeline::new();
    timeline.run(5, |_, _, _| false).run(24, now_and_then);
    let mut open: Vec<_> =
        timeline.state.open_outages().iter().map(|o| (o.verdict, o.scope.cohorts.len())).collect();
    open.sort();
    assert_eq!(open, [(Verdict::Intermittent, 8), (Verdict::Down, 1)]);
}

#[test]
fn an_office_that_was_down_a_minute_ago_is_told_as_soon_the_second_time() {
    let mut timeline = Timeline::new();
    let down = |location: &str, _: &str, _| location == "noarlunga";
    timeline.run(5, |_, _, _| false).run(5, down).run(5, |_, _, _| false).run(4, down);
    let open: Vec<_> = timeline.state.open_outages().iter().map(|o| o.sentence.as_str()).collect();
    assert_eq!(open, ["C3MS is down for Noarlunga: every journey fails."]);
}

#[test]
fn nobody_reads_as_down_by_chance_where_everything_comes_and_goes() {
    for seed in 0..40_u64 {
        // Knuth's MMIX generator.
        let random = std::cell::Cell::new(seed);
        let one_in_four = || {
            let next = random.get().wrapping_mul(6_364_136_223_846_793_005);
            random.set(next.wrapping_add(1_442_695_040_888_963_407));
            (random.get() >> 33).is_multiple_of(4)
        };
        let mut timeline = Timeline::new();
        timeline
            .run(5, |_, _, _| false)
            .run(20, |location, _, _| location == "noarlunga" || one_in_four());
        let down = timeline.told.iter().filter(|(_, outage)| outage.verdict == Verdict::Down);
        let cohorts: BTreeSet<_> = down.flat_map(|(_, outage)| &outage.scope.cohorts).collect();
        assert_eq!(cohorts.len(), 1, "seed {seed}: {cohorts:?}");
    }
}

#[test]
fn what_fails_everywhere_at_once_is_one_outage_though_probes_find_out_one_by_one() {
    // The probes of an office begin to fail one round after another, and offices differ.
    let late = |location: &str, probe: &str| (location.len() + probe.len()) as u32 % 3;
    let mut timeline = Timeline::new();
    timeline
        .run(5, |_, _, _| false)
        .run(12, |location, probe, round| round >= late(location, probe));
    assert_eq!(timeline.began(), 1, "{:#?}", timeline.told);
    let open: Vec<_> = timeline.state.open_outages().iter().map(|o| o.sentence.as_str()).collect();
    assert_eq!(open, ["C3MS is down everywhere: every journey fails."]);
}

#[test]
fn who_has_less_trouble_than_the_others_is_told_apart_in_time() {
    let mut timeline = Timeline::new();
    timeline
        .run(5, |_, _, _| false)
        .run(30, |location, probe, _| location == "noarlunga" || probe == "intake");
    let mut open: Vec<_> =
        timeline.state.open_outages().iter().map(|o| o.sentence.as_str()).collect();
    open.sort_unstable();
    assert_eq!(open.len(), 2, "{open:?}");
    assert_eq!(open[1], "C3MS is down for Noarlunga: every journey fails.");
    assert!(open[0].contains("Youth Justice, only lodging an intake."), "{open:?}");
}

#[test]
fn an_office_whose_clock_is_off_is_judged_by_itself() {
    let fails = |location: &str, _: &str, _: u32| location == "noarlunga" || location == "ceduna";
    let mut together = Timeline::new();
    together.run(3, |_, _, _| false).run(6, fails);
    assert_eq!(together.state.open_outages().len(), 1, "two offices that fail alike are one");

    let mut apart = Timeline::new();
    apart.state.set_apart([LocationId::new("ceduna").unwrap()].into());
    apart.run(3, |_, _, _| false).run(6, fails);
    let scopes = apart.state.open_outages().iter().map(|outage| outage.scope.cohorts.clone());
    let scopes: Vec<Vec<_>> =
        scopes.map(|cohorts| cohorts.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(scopes, [vec!["noarlunga"], vec!["ceduna"]]);
    apart.state.set_apart(BTreeSet::new());
    apart.run(30, |_, _, _| false);
    assert_eq!(apart.state.open_outages(), []);
}

#[test]
fn a_suspicion_where_the_clock_is_off_asks_nobody_elsewhere() {
    let asked = |apart: &[&str]| {
        let mut timeline = Timeline::new();
        timeline.state.set_apart(apart.iter().map(|at| LocationId::new(at).unwrap()).collect());
        timeline.run(3, |_, _, _| false);
        let target = Arc::clone(&timeline.state.view.target);
        let at = Timestamp::from_second(timeline.second + 5).unwrap();
        let check = Check {
            target: target.id.clone(),
            probe: target.probes[0].id.clone(),
            location: LocationId::new("ceduna").unwrap(),
            kind: CheckKind::Slot,
            slot_at: at,
            finished_at: at,
            latency_ms: 1,
            outcome: Outcome::Failed(FailureReason::Refused),
            steps: Vec::new(),
            evidence: None,
        };
        let requests = timeline.state.advance(Input::Check(&check), at).requests;
        requests.into_iter().map(|one| one.location.to_string()).collect::<BTreeSet<_>>()
    };
    assert!(asked(&[]).len() > 1);
    assert_eq!(asked(&["ceduna"]), ["ceduna".to_owned()].into());
    assert!(!asked(&["noarlunga"]).contains("noarlunga"));
}

#[test]
fn hindsight_finds_the_outage_that_nobody_told_with_its_beginning_and_end() {
    use super::hindsight::Hindsight;
    let target =
        Arc::new(probes::read("c3ms.yaml", include_str!("../../probes/c3ms.yaml")).unwrap());
    let from = Timestamp::from_second(1_000_000).unwrap();
    let mut hindsight = Hindsight::new(Arc::clone(&target), from);
    let at = |round: i64| from + jiff::SignedDuration::from_secs(5 * round);
    for round in 1..60 {
        for probe in &target.probes {
            let failed = (20..30).contains(&round);
            let check = Check {
                target: target.id.clone(),
                probe: probe.id.clone(),
                location: LocationId::new("noarlunga").unwrap(),
                kind: CheckKind::Slot,
                slot_at: at(round),
                finished_at: at(round),
                latency_ms: 1,
                outcome: match failed {
                    true => Outcome::Failed(FailureReason::Refused),
                    false => Outcome::Passed,
                },
                steps: Vec::new(),
                evidence: None,
            };
            hindsight.take(&check);
        }
    }
    let judged = hindsight.finish(at(60));
    assert_eq!(judged.outages.len(), 1, "{:?}", judged.outages);
    let outage = &judged.outages[0];
    assert_eq!((outage.began_at, outage.ended_at), (at(20), Some(at(30))));
    assert_eq!(outage.sentence, "C3MS is down for Noarlunga: every journey fails.");
    let here = judged.verdicts.iter().filter(|change| change.cohort.as_str() == "noarlunga");
    let became: Vec<_> = here.map(|change| change.to.as_str()).collect();
    assert_eq!(became, ["unknown", "up", "down", "up"]);
}
