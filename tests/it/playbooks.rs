//! Every plan that ships: checked against its people and target, started by hand, carried through
//! two days, stood down and put back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdfast::config::playbooks::{self, Known};
use holdfast::config::{people, probes};
use holdfast::continuity::activation::Activation;
use holdfast::continuity::decide::{self, Decision, Input, Plan, Refusal};
use holdfast::continuity::effect::Effect;
use holdfast::continuity::event::{Event, Header, StartedBy};
use holdfast::continuity::timers::timers;
use holdfast::domain::ids::{PersonId, RoleId};
use holdfast::domain::incident::{ActivationId, Phase};
use holdfast::domain::notice::Channel;
use holdfast::domain::people::People;
use holdfast::domain::playbook::{Ground, Verb};
use jiff::Timestamp;

use crate::support::root;

/// A Wednesday morning in Adelaide.
const T0: &str = "2026-03-03T23:00:00Z";
/// The last step of any plan is within a day; reminders and re-asking go on for another.
const CARRIED_FOR: Duration = Duration::from_secs(49 * 3_600);

#[test]
fn there_is_a_plan_for_every_ground_and_each_can_be_carried_through() {
    assert_eq!(carried_through("c3ms", "playbooks/demo/people.yaml"), Ground::ALL.into());
}

#[test]
fn what_went_wrong_elsewhere_has_a_plan_that_can_be_carried_through() {
    for (profile, ground) in [
        ("care", Ground::StaleFeed),
        ("cyras", Ground::SlowService),
        ("wa", Ground::WorkforceDepletion),
        ("nsw", Ground::StaleFeed),
    ] {
        let people = format!("src/app/profile/{profile}/people.yaml");
        assert!(carried_through(profile, &people).contains(&ground), "{profile}");
    }
}

/// Every plan of a profile, carried through; says the grounds there are plans for.
fn carried_through(profile: &str, people: &str) -> BTreeSet<Ground> {
    let people = read(people, people::parse);
    let target = read(&format!("probes/{profile}.yaml"), probes::read);
    let cohorts: BTreeSet<_> = target.cohorts.iter().map(|cohort| cohort.id.clone()).collect();
    let targets = BTreeMap::from([(target.id, cohorts)]);
    let known = Known { people: Some(&people), targets: Some(&targets) };
    let mut grounds = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("playbooks").join(profile)).unwrap() {
        let path = format!("playbooks/{profile}/{}", entry.unwrap().file_name().display());
        let playbook = read(&path, |file, text| playbooks::parse(file, text, known));
        assert!(path.ends_with(&format!("/{}.yaml", playbook.id)), "{path} is {}", playbook.id);
        grounds.insert(playbook.ground);
        let channels = [Channel::Email, Channel::Console].into();
        let plan = Plan { playbook: &playbook, people: &people, channels: &channels };
        Rehearsal::start(plan).finish();
    }
    grounds
}

fn read<T, E: std::fmt::Display>(path: &str, parse: impl Fn(&str, &str) -> Result<T, E>) -> T {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    parse(path, &text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// One plan in force, with its people answering everything they are asked.
struct Rehearsal<'a> {
    plan: Plan<'a>,
    state: Activation,
    now: Timestamp,
    by: PersonId,
    unanswered: Vec<Effect>,
}

impl<'a> Rehearsal<'a> {
    fn start(plan: Plan<'a>) -> Self {
        let playbook = plan.playbook;
        let now: Timestamp = T0.parse().unwrap();
        let by = who(plan.people, &playbook.activates, now);
        let header = Header {
            id: ActivationId(format!("{}-1", playbook.id)),
            playbook: playbook.id.clone(),
            playbook_version: playbook.version,
            playbook_hash: String::new(),
            title: playbook.title.clone(),
            unit: "Southern region".into(),
            owner: playbook.owner.clone(),
            ground: playbook.ground,
            reason: "ring-around at 07:10".into(),
            started_by: StartedBy::Person(by.clone()),
            exercise: false,
            incident: None,
        };
        let begun = decide::start(plan, header, None, now);
        let mut rehearsal = Self { plan, state: begun.state.clone(), now, by, unanswered: vec![] };
        rehearsal.take(begun);
        rehearsal
    }

    fn finish(mut self) {
        let playbook = self.plan.playbook;
        let id = &playbook.id;
        let until = self.now + CARRIED_FOR;
        while let Some((at, timer)) = timers(playbook, &self.state).into_iter().next() {
            if at > until {
                break;
            }
            self.now = at;
            self.input(&Input::Due(timer, at)).unwrap();
            self.people_answer();
        }
        for step in &playbook.steps {
            assert!(self.state.steps.contains_key(&step.id), "{id}: {} never came", step.id);
        }
        let suspends = |verb: &Verb| matches!(verb, Verb::Suspend(_));
        let suspends = playbook.steps.iter().filter(|step| suspends(&step.verb)).count();
        assert_eq!(self.state.suspensions.len(), suspends, "{id}");

        let reason = "everything was done".to_owned();
        self.input(&Input::StandDown { by: self.by.clone(), reason }).unwrap();
        assert!(self.state.suspensions.iter().all(|one| one.until.is_some()), "{id}");
        self.put_back();
        assert_eq!(self.state.phase, Phase::Closed, "{id}");
    }

    /// Reconciling, entered by one and checked by another.
    fn put_back(&mut self) {
        let playbook = self.plan.playbook;
        let Some(reconcile) = &playbook.reconcile else { return };
        assert_eq!(self.state.phase, Phase::Reconciling, "{}", playbook.id);
        let list = &reconcile.checklist;
        let one = who(self.plan.people, std::slice::from_ref(&list.audience), self.now);
        let mut others: Vec<PersonId> = self.plan.people.persons.keys().cloned().collect();
        others.retain(|person| *person != one);
        for item in &list.items {
            let tick = |by: &PersonId| Input::Tick {
                step: "reconcile".parse().unwrap(),
                item: item.id.clone(),
                by: by.clone(),
                proof: Some("3".into()),
            };
            self.input(&tick(&one)).unwrap();
            let checked = others.iter().any(|other| self.input(&tick(other)).is_ok());
            assert!(checked, "{}: nobody can check {}", playbook.id, item.id);
        }
        self.input(&Input::Journal { open: 0 }).unwrap();
    }

    /// Whoever is asked for a decision agrees.
    fn people_answer(&mut self) {
        let asked = self.plan.playbook.steps.iter().filter(|step| step.approve.is_some());
        for step in asked.map(|step| step.id.clone()).collect::<Vec<_>>() {
            for by in self.plan.people.persons.keys() {
                let (step, by, reason) = (Some(step.clone()), by.clone(), String::new());
                // Most are not asked, or not yet.
                self.input(&Input::Answer { step, by, approve: true, reason }).ok();
            }
        }
    }

    fn input(&mut self, input: &Input) -> Result<(), Refusal> {
        let decision = decide::decide(self.plan, &self.state, input, self.now)?;
        self.take(decision);
        while let Some(effect) = self.unanswered.pop() {
            let (Effect::OpenCopy { key, .. } | Effect::CloseCopy { key, .. }) = effect else {
                continue;
            };
            let (step, occurrence) = (key.step.parse().unwrap(), key.occurrence);
            let result = Ok("done".to_owned());
            let input = Input::ActionResult { step, occurrence, result };
            let decision = decide::decide(self.plan, &self.state, &input, self.now)?;
            self.take(decision);
        }
        Ok(())
    }

    fn take(&mut self, decision: Decision) {
        let nobody = |event: &&Event| matches!(event, Event::NobodyHolds { .. });
        let nobody = decision.events.iter().find(nobody);
        assert!(nobody.is_none(), "{}: {nobody:?}", self.plan.playbook.id);
        self.state = decision.state;
        self.unanswered.extend(decision.effects);
    }
}

fn who(people: &People, roles: &[RoleId], now: Timestamp) -> PersonId {
    let entitled = |person: &&PersonId| roles.iter().any(|r| people.may_answer(person, r, now));
    people.persons.keys().find(entitled).expect("somebody holds the role").clone()
}
