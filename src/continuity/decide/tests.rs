//! The whole arc of a plan on a clock moved by hand, and that replaying its events agrees.

use proptest::prelude::*;

use super::*;
use crate::config::{people, playbooks};
use crate::continuity::activation::{Progress, RECONCILE};
use crate::continuity::effect::OpenScope;
use crate::continuity::event::{SkipReason, StartedBy};
use crate::continuity::record;
use crate::continuity::timers::timers;
use crate::domain::ids::{CohortId, PlaybookId, RoleId, TargetId};
use crate::domain::incident::ActivationId;
use crate::domain::playbook::Ground;
use crate::domain::verdict::Verdict;
use crate::store::continuity::commit::EventRow;

/// A plan in force on a clock of seconds from T0, with everything it ever asked for.
struct Arc {
    playbook: Playbook,
    people: People,
    channels: BTreeSet<Channel>,
    state: Activation,
    second: i64,
    rows: Vec<EventRow>,
    effects: Vec<(i64, Effect)>,
}

const T0: i64 = 1_677_625_200;

fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(T0 + second).unwrap()
}

fn person(id: &str) -> PersonId {
    PersonId::new(id).unwrap()
}

fn step(id: &str) -> PlaybookStepId {
    PlaybookStepId::new(id).unwrap()
}

fn standing(verdict: Verdict, since: i64) -> TargetStanding {
    TargetStanding {
        target: TargetId::new("c3ms").unwrap(),
        verdict,
        since: instant(since),
        sentence: "C3MS is down everywhere: every journey fails.".into(),
        cohorts: [CohortId::new("noarlunga").unwrap()].into(),
        everyone: false,
        head_count: 62,
    }
}

impl Arc {
    fn begin(exercise: bool) -> Self {
        let people = people::parse("p", include_str!("../../../playbooks/demo/people.yaml"));
        let source = include_str!("../../../playbooks/demo/march-2023.yaml");
        let playbook = playbooks::parse("m", source, playbooks::Known::default()).unwrap();
        let header = Header {
            id: ActivationId("march-2023-1".into()),
            playbook: PlaybookId::new("march-2023").unwrap(),
            playbook_version: 1,
            playbook_hash: "h".into(),
            title: "Case system down".into(),
            unit: "Southern region".into(),
            owner: RoleId::new("plan-owner").unwrap(),
            ground: Ground::ItOutage,
            reason: "C3MS is down everywhere.".into(),
            started_by: StartedBy::Signal,
            exercise,
            incident: None,
        };
        let mut arc = Self {
            state: Activation::begin(header.clone(), Phase::Active, instant(0)),
            playbook,
            people: people.unwrap(),
            channels: [Channel::Email].into(),
            second: 0,
            rows: Vec::new(),
            effects: Vec::new(),
        };
        let decision = start(arc.plan(), header, Some(standing(Verdict::Down, -5)), instant(0));
        arc.take(decision);
        arc
    }

    fn plan(&self) -> Plan<'_> {
        Plan { playbook: &self.playbook, people: &self.people, channels: &self.channels }
    }

    fn take(&mut self, decision: Decision) {
        let last = self.rows.last();
        let from = (
            last.map_or(0, |row| row.sequence),
            last.map_or("holdfast/activation/v1", |row| &row.hash),
        );
        let rows =
            record::chain(&self.state.header.id, from, &decision.events, instant(self.second));
        self.rows.extend(rows);
        self.state = decision.state;
        self.effects.extend(decision.effects.into_iter().map(|effect| (self.second, effect)));
    }

    fn input(&mut self, input: &Input) -> Result<(), Refusal> {
        let decision = decide(self.plan(), &self.state, input, instant(self.second))?;
        self.take(decision);
        Ok(())
    }

    /// Moves the clock, stopping wherever something is due.
    fn until(&mut self, second: i64) {
        for _ in 0..1_000 {
            let next = timers(&self.playbook, &self.state).into_iter().next();
            let Some((at, timer)) = next.filter(|(at, _)| *at <= instant(second)) else { break };
            self.second = self.second.max(at.as_second() - T0);
            self.input(&Input::Due(timer, at)).unwrap();
        }
        self.second = second;
    }

    fn acknowledge(&mut self, id: &str, by: &str) -> Result<(), Refusal> {
        self.input(&Input::Acknowledge { step: step(id), by: person(by), via: "link".into() })
    }

    fn target(&mut self, verdict: Verdict, since: i64) {
        self.input(&Input::Target(standing(verdict, since))).unwrap();
    }

    fn opened(&mut self, id: &str, occurrence: u32) {
        let result = Ok("copy 7, made at 08:30".to_owned());
        self.input(&Input::ActionResult { step: step(id), occurrence, result }).unwrap();
    }

    /// Notices as `second kind step persons`.
    fn notices(&self) -> Vec<String> {
        self.effects
            .iter()
            .filter_map(|(second, effect)| match effect {
                Effect::SendNotice(one) => {
                    let to: Vec<&str> =
                        one.recipients.iter().map(|one| one.person.as_str()).collect();
                    Some(format!("{second} {} {} {}", one.kind, one.key.step, to.join(",")))
                }
                _ => None,
            })
            .collect()
    }

    fn actions(&self) -> Vec<String> {
        self.effects
            .iter()
            .filter_map(|(second, effect)| match effect {
                Effect::OpenCopy { key, scope: OpenScope::Cohorts(cohorts) } => {
                    Some(format!("{second} open {}/{} {}", key.step, key.occurrence, cohorts.len()))
                }
                Effect::OpenCopy { key, .. } => Some(format!("{second} open {} all", key.step)),
                Effect::CloseCopy { opened_by, .. } => {
                    let keys: Vec<&str> = opened_by.iter().map(|key| key.step.as_str()).collect();
                    Some(format!("{second} close {}", keys.join(",")))
                }
                _ => None,
            })
            .collect()
    }

    fn skipped(&self, id: &str) -> Option<SkipReason> {
        match &self.state.steps.get(&step(id))?.progress {
            Progress::Skipped { why, .. } => Some(*why),
            _ => None,
        }
    }
}

#[test]
fn the_duty_manager_is_told_and_the_director_when_nobody_acknowledges() {
    let mut arc = Arc::begin(false);
    arc.until(14);
    assert_eq!(arc.notices(), ["0 down-first tell-duty p-duty-1"]);
    arc.until(34);
    assert_eq!(
        arc.notices()[1..],
        [
            "15 escalation tell-duty.if-nobody p-director",
            "20 approve-request open-offices.approve p-duty-1,p-director",
            "25 checklist field-safety p-region-south,p-region-north",
            "30 update open-offices.by-rule p-plan-owner",
        ]
    );
    arc.until(200);
    let escalations = arc.notices().iter().filter(|one| one.contains("escalation")).count();
    assert_eq!(escalations, 2, "up to 2 times and no more");
}

#[test]
fn an_acknowledgement_in_time_wakes_nobody_else() {
    let mut arc = Arc::begin(false);
    arc.until(10);
    assert_eq!(
        arc.acknowledge("tell-duty", "p-court"),
        Err(Refusal::NotEntitled(person("p-court")))
    );
    arc.acknowledge("tell-duty", "p-duty-1").unwrap();
    arc.acknowledge("tell-duty", "p-duty-1").unwrap();
    arc.until(100);
    assert!(!arc.notices().iter().any(|one| one.contains("escalation")));
    assert!(arc.state.steps[&step("tell-duty")].is_done());
}

#[test]
fn the_copy_opens_by_rule_and_by_approval() {
    let mut arc = Arc::begin(false);
    arc.until(25);
    assert_eq!(arc.actions(), ["5 open open-crisis/1 2"]);
    let vote = |by: &str, approve: bool| Input::Answer {
        step: Some(step("open-offices")),
        by: person(by),
        approve,
        reason: String::new(),
    };
    assert_eq!(arc.input(&vote("p-duty-1", false)), Err(Refusal::ReasonMissing));
    assert_eq!(arc.input(&vote("p-court", true)), Err(Refusal::NotEntitled(person("p-court"))));
    arc.input(&vote("p-director", true)).unwrap();
    assert_eq!(arc.input(&vote("p-duty-1", true)), Err(Refusal::NotAsked));
    arc.until(35);
    assert_eq!(arc.actions(), ["5 open open-crisis/1 2", "25 open open-offices/1 1"]);

    let mut silent = Arc::begin(false);
    silent.until(35);
    assert_eq!(silent.actions()[1], "30 open open-offices/1 1");
}

#[test]
fn an_opening_that_fails_is_tried_again_and_then_handed_to_people() {
    let mut arc = Arc::begin(false);
    arc.until(5);
    for attempt in 1..=5_u32 {
        let result = Err("no generation".to_owned());
        let input = Input::ActionResult { step: step("open-crisis"), occurrence: attempt, result };
        arc.input(&input).unwrap();
        arc.until(5 + 10 * i64::from(attempt));
    }
    let tried = arc.actions().iter().filter(|one| one.contains("open-crisis")).count();
    assert_eq!(tried, 5);
    let failed = &arc.state.steps[&step("open-crisis")].progress;
    assert!(matches!(failed, Progress::Failed { .. }));
    assert!(arc.notices().iter().any(|one| one.ends_with("open-crisis.failed p-plan-owner")));
}

#[test]
fn steps_for_an_outage_are_left_out_after_recovery_and_taken_up_when_it_fails_again() {
    let mut arc = Arc::begin(false);
    arc.until(18);
    arc.target(Verdict::Up, 17);
    arc.until(30);
    assert_eq!(arc.skipped("open-offices"), Some(SkipReason::Recovered));
    arc.target(Verdict::Down, 30);
    assert_eq!(arc.skipped("open-offices"), None);
    assert!(arc.state.steps[&step("open-offices")].approval.is_some());
}

#[test]
fn a_function_is_set_aside_with_an_owner_of_the_risk() {
    let mut arc = Arc::begin(false);
    arc.until(41);
    assert_eq!(
        arc.notices().into_iter().filter(|one| one.contains("suspended")).collect::<Vec<_>>(),
        ["40 suspended shed p-director", "40 suspended shed.told p-region-south,p-region-north"]
    );
    assert_eq!(arc.state.suspended().next().unwrap().accepted_by, None);
    arc.acknowledge("shed", "p-director").unwrap();
    assert_eq!(arc.state.suspended().next().unwrap().accepted_by, Some(person("p-director")));
}

#[test]
fn a_checklist_wants_its_proof_and_is_done_when_every_must_is_ticked() {
    let mut arc = Arc::begin(false);
    arc.until(26);
    let tick = |item: &str, proof: Option<&str>| Input::Tick {
        step: step("field-safety"),
        item: ChecklistItemId::new(item).unwrap(),
        by: person("p-region-south"),
        proof: proof.map(str::to_owned),
    };
    assert_eq!(arc.input(&tick("forms", None)), Err(Refusal::CountMissing));
    arc.input(&tick("forms", Some("12"))).unwrap();
    arc.input(&tick("lone", None)).unwrap();
    assert!(arc.state.steps[&step("field-safety")].is_pending());
    arc.input(&tick("due", None)).unwrap();
    assert!(arc.state.steps[&step("field-safety")].is_done());
    arc.until(200);
    assert!(!arc.notices().iter().any(|one| one.contains("reminder")));
}

/// Down, everything carried out, up, stood down by rule, reconciling.
fn stood_down() -> Arc {
    let mut arc = Arc::begin(false);
    arc.until(1);
    arc.acknowledge("tell-duty", "p-duty-1").unwrap();
    arc.until(6);
    arc.opened("open-crisis", 1);
    arc.until(31);
    arc.opened("open-offices", 1);
    arc.until(50);
    arc.target(Verdict::Up, 48);
    arc.until(74);
    assert_eq!(arc.state.phase, Phase::StandingDown, "the copy has to be closed first");
    arc.input(&Input::ActionResult {
        step: step("close"),
        occurrence: 1,
        result: Ok("closed".into()),
    })
    .unwrap();
    arc
}

#[test]
fn it_is_stood_down_when_health_is_sustained_and_closed_when_the_journal_is_at_zero() {
    let mut arc = stood_down();
    let notices = arc.notices();
    assert!(notices.contains(&"63 stand-down-offer stand-down p-duty-1,p-plan-owner".to_owned()));
    assert!(notices.contains(
        &"74 all-clear all-clear p-director,p-duty-1,p-plan-owner,p-region-north,p-region-south"
            .to_owned()
    ));
    assert_eq!(arc.actions().last().unwrap(), "73 close open-crisis,open-offices");
    assert_eq!(arc.state.suspended().count(), 0);
    assert_eq!(arc.state.phase, Phase::Reconciling);
    arc.input(&Input::Journal { open: 3 }).unwrap();
    assert_eq!(arc.state.phase, Phase::Reconciling);
    arc.input(&Input::Journal { open: 0 }).unwrap();
    assert_eq!(arc.state.phase, Phase::Closed);
    assert!(arc.state.steps[&step(RECONCILE)].is_done());
}

#[test]
fn a_relapse_resumes_the_same_activation_and_a_late_failure_does_not() {
    let mut arc = stood_down();
    arc.until(100);
    arc.target(Verdict::Down, 99);
    assert_eq!((arc.state.phase, arc.state.round), (Phase::Active, 2));
    arc.until(106);
    assert_eq!(arc.actions().last().unwrap(), "105 open open-crisis/2 2");
    assert!(arc.notices().contains(&"100 down-first tell-duty p-duty-1".to_owned()));

    let mut late = stood_down();
    late.until(74 + 61);
    late.target(Verdict::Down, 130);
    assert_eq!((late.state.phase, late.state.round), (Phase::Reconciling, 1));
}

#[test]
fn an_offer_is_withdrawn_when_it_fails_again_and_rests_when_refused() {
    let mut arc = Arc::begin(false);
    arc.until(20);
    arc.target(Verdict::Up, 20);
    arc.until(36);
    assert!(arc.state.stand_down.offered_at.is_some());
    arc.target(Verdict::Down, 36);
    assert!(arc.state.stand_down.offered_at.is_none());
    arc.target(Verdict::Up, 40);
    arc.until(56);
    let refuse = Input::Answer {
        step: None,
        by: person("p-duty-1"),
        approve: false,
        reason: "two offices still slow".into(),
    };
    arc.input(&refuse).unwrap();
    arc.until(70);
    assert!(arc.state.stand_down.offered_at.is_none());
    arc.until(71);
    assert!(arc.state.stand_down.offered_at.is_some(), "offered again after its time");
}

#[test]
fn the_copy_is_not_closed_while_a_visit_is_open() {
    let mut arc = Arc::begin(false);
    arc.until(6);
    arc.opened("open-crisis", 1);
    arc.input(&Input::Visits { open: 1 }).unwrap();
    let by = person("p-plan-owner");
    arc.input(&Input::StandDown { by, reason: "works again by phone".into() }).unwrap();
    assert_eq!(arc.actions(), ["5 open open-crisis/1 2"]);
    arc.input(&Input::Visits { open: 0 }).unwrap();
    assert_eq!(arc.actions().last().unwrap(), "6 close open-crisis");
}

#[test]
fn a_drill_rehearses_actions_and_opens_nothing() {
    let mut arc = Arc::begin(true);
    arc.until(60);
    assert!(arc.actions().is_empty());
    assert!(arc.state.steps[&step("open-crisis")].is_done());
    assert!(!arc.notices().is_empty(), "its people are real");
}

#[test]
fn a_proposal_waits_for_a_person_and_a_refusal_needs_a_reason() {
    let arc = Arc::begin(false);
    let proposed = propose(arc.plan(), arc.state.header.clone(), instant(0));
    let by = person("p-plan-owner");
    let decline = |reason: &str| Input::Decline { by: by.clone(), reason: reason.into() };
    let state = &proposed.state;
    assert_eq!(timers(&arc.playbook, state), []);
    let refused = decide(arc.plan(), state, &decline(" "), instant(5));
    assert_eq!(refused, Err(Refusal::ReasonMissing));
    let accepted = decide(arc.plan(), state, &Input::Accept { by: by.clone() }, instant(60));
    assert_eq!(accepted.unwrap().state.t0, instant(60));
    let declined = decide(arc.plan(), state, &decline("a rehearsal"), instant(60)).unwrap();
    assert_eq!(declined.state.phase, Phase::Declined);
}

proptest! {
    /// Whatever happens, in whatever order: the state is what its events say, the record's chain
    /// holds, and no effect is asked for twice under one key.
    #[test]
    fn replaying_the_events_yields_the_state(
        inputs in prop::collection::vec((0_u8..12, 0_i64..20), 1..60)
    ) {
        let mut arc = Arc::begin(false);
        for (what, pause) in inputs {
            let second = arc.second + pause;
            arc.until(second);
            let by = person("p-duty-1");
            let input = match what {
                0 => Input::Target(standing(Verdict::Up, second)),
                1 => Input::Target(standing(Verdict::Down, second)),
                2 => Input::Acknowledge { step: step("tell-duty"), by, via: "x".into() },
                3 => Input::Answer {
                    step: Some(step("open-offices")), by, approve: true, reason: String::new(),
                },
                4 => Input::Answer { step: None, by, approve: true, reason: String::new() },
                5 => Input::Answer { step: None, by, approve: false, reason: "no".into() },
                6 => Input::Journal { open: u32::from(pause > 10) },
                7 => Input::Visits { open: u32::from(pause > 10) },
                8 => Input::StandDown { by, reason: "by hand".into() },
                9 => Input::ActionResult {
                    step: step("close"), occurrence: 1, result: Ok("closed".into()),
                },
                10 => Input::ActionResult {
                    step: step("open-crisis"), occurrence: 1, result: Err("disk".into()),
                },
                _ => {
                    let by = person("p-director");
                    Input::Acknowledge { step: step("shed"), by, via: "x".into() }
                }
            };
            // Refusals are part of it: they must leave everything as it was.
            let before = arc.state.clone();
            if arc.input(&input).is_err() {
                prop_assert_eq!(&arc.state, &before);
            }
        }
        prop_assert_eq!(record::replay(&arc.rows), Ok(arc.state.clone()));
        let text = serde_json::to_string(&arc.state).unwrap();
        prop_assert_eq!(serde_json::from_str::<Activation>(&text).unwrap(), arc.state);
        let mut keys: Vec<String> = arc.effects.iter().filter_map(|(_, effect)| match effect {
            Effect::SendNotice(one) => Some(one.key.to_string()),
            Effect::OpenCopy { key, .. } | Effect::CloseCopy { key, .. } => Some(key.to_string()),
            _ => None,
        }).collect();
        let asked = keys.len();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), asked);
    }
}
