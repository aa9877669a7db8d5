//! An engine over a database in a temporary folder, on a clock moved by hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast::clock::Clock;
use holdfast::config::{people, playbooks, probes};
use holdfast::continuity::command::{Answer, Asked, Command, CommandError};
use holdfast::continuity::effect::Effect;
use holdfast::continuity::engine::{Engine, LoadedPlaybook, Settings};
use holdfast::continuity::notices::{Desk, Destination};
use holdfast::domain::ids::{CohortId, LocationId, PersonId, PlaybookStepId, RoleId, TargetId};
use holdfast::domain::length::Length;
use holdfast::domain::notice::{Channel, OpsNotices};
use holdfast::domain::outage::{DetectionEvent, Outage, OutageChange, OutageId, VerdictChange};
use holdfast::domain::verdict::{Scope, Verdict};
use holdfast::store::{Store, detection};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, mpsc, oneshot};

/// 09:30 on Wednesday 1 March 2023 in Adelaide.
pub const START: i64 = 1_677_625_200;

pub struct World {
    folder: tempfile::TempDir,
    /// The plan that may come into force, as it is written.
    plan: &'static str,
    pub clock: Clock,
    pub store: Store,
    pub engine: Engine,
    effects: mpsc::Receiver<Effect>,
    /// Everything asked of the copy and the journal so far, by key; asking again is not new.
    pub asked: BTreeSet<String>,
}

pub fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

pub fn person(id: &str) -> PersonId {
    PersonId::new(id).unwrap()
}

pub fn step(id: &str) -> PlaybookStepId {
    PlaybookStepId::new(id).unwrap()
}

impl World {
    /// With the demo's plan.
    pub async fn new() -> Self {
        Self::with(include_str!("../../../playbooks/demo/march-2023.yaml")).await
    }

    pub async fn with(plan: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(instant(0));
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        let (engine, effects) = load(&store, &clock, plan).await;
        Self { folder, plan, clock, store, engine, effects, asked: BTreeSet::new() }
    }

    /// Everything in memory is lost, as by SIGKILL; the database file stays.
    pub async fn stop_and_start(&mut self) {
        self.collect();
        self.store.close().await;
        self.store = Store::open(&self.folder.path().join("holdfast.db")).await.unwrap();
        (self.engine, self.effects) = load(&self.store, &self.clock, self.plan).await;
        self.engine.settle().await;
    }

    /// Moves the clock second by second, as the running engine would see it pass.
    pub async fn until(&mut self, second: i64) {
        let from = self.clock.now().as_second() - START;
        for second in from + 1..=second {
            self.clock.set(instant(second));
            self.engine.settle().await;
        }
        self.collect();
    }

    /// Moves the clock at once, as after a stop.
    pub fn jump(&self, second: i64) {
        self.clock.set(instant(second));
    }

    /// Detection records what it says before it tells anybody.
    pub async fn detect(&mut self, event: DetectionEvent) {
        let now = self.clock.now();
        detection::record(&self.store, std::slice::from_ref(&event), now).await.unwrap();
        self.engine.detected(&event).await;
        self.collect();
    }

    pub async fn ask(&mut self, command: Command) -> Result<Answer, CommandError> {
        let (answer, answered) = oneshot::channel();
        self.engine.answer(Asked { command, answer }).await;
        self.collect();
        answered.await.unwrap()
    }

    fn collect(&mut self) {
        while let Ok(effect) = self.effects.try_recv() {
            let (Effect::OpenCopy { key, .. }
            | Effect::CloseCopy { key, .. }
            | Effect::CountJournal { key }) = effect
            else {
                continue;
            };
            self.asked.insert(key.to_string());
        }
    }
}

async fn load(
    store: &Store,
    clock: &Clock,
    plan: &'static str,
) -> (Engine, mpsc::Receiver<Effect>) {
    let (effects, received) = mpsc::channel(64);
    let wakes = Arc::new(Notify::new());
    let engine = Engine::load(store.clone(), clock.clone(), settings(plan), effects, wakes);
    (engine.await.unwrap(), received)
}

fn settings(source: &'static str) -> Settings {
    let people = include_str!("../../../playbooks/demo/people.yaml");
    let playbook = playbooks::parse("plan.yaml", source, playbooks::Known::default()).unwrap();
    let link = |to: Destination| {
        Some(match to {
            Destination::Acknowledge { notice, person } => {
                format!("https://holdfast.example.org/acknowledge/{notice}.{person}")
            }
            Destination::Page(page) => format!("https://holdfast.example.org{page}"),
        })
    };
    let zone = TimeZone::get("Australia/Adelaide").unwrap();
    let target = include_str!("../../../probes/c3ms.yaml");
    let target = probes::read("c3ms.yaml", target).unwrap();
    Settings {
        playbooks: vec![LoadedPlaybook { playbook: Arc::new(playbook), source: source.into() }],
        people: Arc::new(people::parse("people.yaml", people).unwrap()),
        targets: vec![Arc::new(target)],
        channels: [Channel::Email].into(),
        ops_notices: Some(OpsNotices {
            notify: RoleId::new("ops-on-call").unwrap(),
            reach: vec![Channel::Email],
            webhooks: Vec::new(),
            from_verdict: Verdict::Slow,
            update_interval: Length::from_secs(60),
        }),
        desk: Desk::new(zone, "holdfast.example.org".into(), Arc::new(link)),
        unit: "Southern region".into(),
        changed: Arc::new(|| {}),
    }
}

/// An outage of C3MS at Noarlunga that began at `began` and may have ended.
pub fn outage(
    number: u32,
    verdict: Verdict,
    (began, detected, ended): (i64, i64, Option<i64>),
) -> DetectionEvent {
    let change = if ended.is_some() { OutageChange::Ended } else { OutageChange::Began };
    let how = if verdict == Verdict::Down { "is down" } else { "comes and goes" };
    let outage = Outage {
        id: OutageId(format!("c3ms-{number}")),
        target: TargetId::new("c3ms").unwrap(),
        verdict,
        scope: Scope { cohorts: [CohortId::new("noarlunga").unwrap()].into(), ..Scope::default() },
        began_at: instant(began),
        detected_at: instant(detected),
        ended_at: ended.map(instant),
        head_count: 62,
        sentence: format!("C3MS {how} for Noarlunga."),
        locations: [LocationId::new("noarlunga").unwrap()].into(),
        failures: 4,
        failures_explained: 4,
        confirmations: 2,
        widest: None,
    };
    DetectionEvent::Outage { change, outage }
}

pub fn served(to: Verdict, since: i64) -> DetectionEvent {
    DetectionEvent::Verdict(VerdictChange {
        target: TargetId::new("c3ms").unwrap(),
        cohort: CohortId::new("noarlunga").unwrap(),
        from: Verdict::Unknown,
        to,
        since: instant(since),
        detected_at: instant(since),
    })
}
