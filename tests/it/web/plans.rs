//! Plans in force as rows of the store: one for the morning's outage, one rehearsed in the north.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast::config::{people, playbooks};
use holdfast::continuity::activation::Activation;
use holdfast::continuity::decide::{self, Decision, Input, Plan};
use holdfast::continuity::event::{Header, StartedBy};
use holdfast::continuity::standing::TargetStanding;
use holdfast::continuity::timers::timers;
use holdfast::domain::ids::{CohortId, PersonId, PlaybookStepId, TargetId};
use holdfast::domain::incident::ActivationId;
use holdfast::domain::notice::{Channel, NoticeKind, Severity};
use holdfast::domain::people::People;
use holdfast::domain::playbook::{Ground, Playbook};
use holdfast::domain::verdict::Verdict;
use holdfast::store::Store;
use holdfast::store::continuity::commit::{
    ActivationRow, Commit, NewNotice, PinnedPlaybook, commit,
};
use holdfast::store::continuity::outbox::{self, Attempt};
use jiff::Timestamp;

use super::sample::now;

pub const ACTIVATION: &str = "case-system-down-20260302-1";
pub const DRILL: &str = "case-system-down-20260302-2";

const PLAYBOOK: &str = include_str!("../../../playbooks/c3ms/case-system-down.yaml");
const PEOPLE: &str = include_str!("../../../playbooks/demo/people.yaml");

pub fn people() -> Arc<People> {
    Arc::new(people::parse("people.yaml", PEOPLE).unwrap())
}

pub fn playbook() -> Playbook {
    playbooks::parse("case-system-down.yaml", PLAYBOOK, playbooks::Known::default()).unwrap()
}

fn minutes_ago(minutes: u64) -> Timestamp {
    now() - Duration::from_secs(minutes * 60)
}

fn step(id: &str) -> PlaybookStepId {
    PlaybookStepId::new(id).unwrap()
}

/// A person's answer at an instant.
type Answered = (Timestamp, Input);

pub async fn fill(store: &Store) {
    let people = people();
    let by = |person: &str| PersonId::new(person).unwrap();
    let opened = |step_id: &str, at| {
        let result = Ok("open for Report Line and Crisis team, copy made at 09:15".to_owned());
        (at, Input::ActionResult { step: step(step_id), occurrence: 1, result })
    };
    let duty =
        people.holders(&holdfast::domain::ids::RoleId::new("after-hours-manager").unwrap(), now());
    let acknowledged =
        Input::Acknowledge { step: step("tell-duty"), by: duty[0].id.clone(), via: "link".into() };
    let answers = vec![opened("open-crisis", minutes_ago(14)), (minutes_ago(11), acknowledged)];
    keep(store, &people, (ACTIVATION, "Southern region", false), minutes_ago(15), answers).await;
    let ticked = Input::Tick {
        step: step("field-safety"),
        item: holdfast::domain::ids::ChecklistItemId::new("lone").unwrap(),
        by: by("p-region-north"),
        proof: None,
    };
    let answers = vec![opened("open-crisis", minutes_ago(74)), (minutes_ago(10), ticked)];
    keep(store, &people, (DRILL, "Northern region", true), minutes_ago(75), answers).await;
    notices(store).await;
}

/// Carries a plan out from `t0` to now and commits what is left.
async fn keep(
    store: &Store,
    people: &People,
    (id, unit, exercise): (&str, &str, bool),
    t0: Timestamp,
    mut answers: Vec<Answered>,
) {
    let playbook = playbook();
    let channels: BTreeSet<Channel> = [Channel::Email, Channel::Console].into();
    let plan = Plan { playbook: &playbook, people, channels: &channels };
    let header = Header {
        id: ActivationId(id.into()),
        playbook: playbook.id.clone(),
        playbook_version: playbook.version,
        playbook_hash: "sample".into(),
        title: playbook.title.clone(),
        unit: unit.into(),
        owner: playbook.owner.clone(),
        ground: Ground::ItOutage,
        reason: "C3MS is down for Noarlunga: every journey fails.".into(),
        started_by: StartedBy::Signal,
        exercise,
        incident: None,
    };
    let mut state = decide::start(plan, header, Some(standing()), t0).state;
    loop {
        let due = timers(&playbook, &state).into_iter().next();
        let answer = answers.first().map(|(at, _)| *at);
        let (at, input) = match (due, answer) {
            (_, Some(at)) if due_at(&playbook, &state).is_none_or(|due| at <= due) => {
                answers.remove(0)
            }
            (Some((at, timer)), _) if at <= now() => (at, Input::Due(timer, at)),
            _ => break,
        };
        let Decision { state: next, .. } = decide::decide(plan, &state, &input, at).unwrap();
        state = next;
    }
    let pinned = PinnedPlaybook {
        hash: "sample".into(),
        playbook: playbook.id.clone(),
        version: playbook.version,
        source: PLAYBOOK.into(),
        document: serde_json::to_string(&playbook).unwrap(),
    };
    let change =
        Commit { playbook: Some(pinned), activation: Some(row(&state)), ..Commit::default() };
    commit(store, &change, now()).await.unwrap();
}

fn due_at(playbook: &Playbook, state: &Activation) -> Option<Timestamp> {
    timers(playbook, state).first().map(|(at, _)| *at)
}

fn standing() -> TargetStanding {
    TargetStanding {
        target: TargetId::new("c3ms").unwrap(),
        verdict: Verdict::Down,
        since: minutes_ago(18),
        sentence: "C3MS is down for Noarlunga: every journey fails.".into(),
        cohorts: [CohortId::new("noarlunga").unwrap()].into(),
        everyone: false,
        head_count: 62,
    }
}

fn row(state: &Activation) -> ActivationRow {
    ActivationRow {
        id: state.header.id.clone(),
        playbook: state.header.playbook.clone(),
        playbook_hash: state.header.playbook_hash.clone(),
        unit: state.header.unit.clone(),
        ground: state.header.ground,
        phase: state.phase,
        exercise: state.header.exercise,
        incident: None,
        opened_at: state.opened_at,
        stood_down_at: state.stood_down_at,
        closed_at: state.closed_at,
        events_before: 0,
        events_after: 1,
        document: serde_json::to_string(state).unwrap(),
        timers: Vec::new(),
        suspensions: Vec::new(),
    }
}

/// One notice that arrived, one in doubt after a crash, one still queued.
async fn notices(store: &Store) {
    let notice = |id: &str, person: &str, kind| NewNotice {
        id: id.into(),
        idempotency_key: id.into(),
        incident: None,
        activation: Some(ActivationId(ACTIVATION.into())),
        step: "tell-duty".into(),
        person: Some(PersonId::new(person).unwrap()),
        role: "after-hours-manager".into(),
        channel: Channel::Email,
        address: "duty-1@example.org".into(),
        kind,
        severity: Severity::Critical,
        life_safety: false,
        subject: "C3MS is down for Noarlunga".into(),
        body: "C3MS is down for Noarlunga.".into(),
        link: None,
        message_id: format!("{id}@holdfast.example.org"),
        fallback: Vec::new(),
        give_up_at: now() + Duration::from_secs(3600),
    };
    let put = async |notices, at| {
        commit(store, &Commit { notices, ..Commit::default() }, at).await.unwrap();
    };
    put(vec![notice("n-1", "p-duty-1", NoticeKind::DownFirst)], minutes_ago(15)).await;
    let claimed =
        outbox::claim_batch(store, minutes_ago(15), Duration::from_secs(60)).await.unwrap();
    let sent = Attempt::Sent("250 accepted".into());
    outbox::mark_data_sent(store, &claimed[0], minutes_ago(15)).await.unwrap();
    outbox::record_result(store, &claimed[0], &sent, minutes_ago(15)).await.unwrap();
    put(vec![notice("n-2", "p-practice", NoticeKind::PlanStarted)], minutes_ago(10)).await;
    let claimed =
        outbox::claim_batch(store, minutes_ago(10), Duration::from_secs(60)).await.unwrap();
    outbox::mark_data_sent(store, &claimed[0], minutes_ago(10)).await.unwrap();
    outbox::recover(store, minutes_ago(9)).await.unwrap();
    put(vec![notice("n-3", "p-director", NoticeKind::ApproveRequest)], minutes_ago(5)).await;
}
