//! The whole arc, and that a stop between any two of its inputs changes nothing.

use holdfast::continuity::command::{Answer, Command, CommandError, StartRequest};
use holdfast::continuity::decide::Input;
use holdfast::continuity::effect::EffectKey;
use holdfast::continuity::record;
use holdfast::continuity::register::{RegisterQuery, register};
use holdfast::continuity::views::timeline::{self, StepStatus};
use holdfast::continuity::views::{self, pending};
use holdfast::domain::ids::PlaybookId;
use holdfast::domain::incident::{ActivationId, IncidentId, Phase};
use holdfast::domain::notice::{NoticeKind, NoticeState};
use holdfast::domain::playbook::Ground;
use holdfast::domain::verdict::Verdict;
use holdfast::store::continuity::find;
use holdfast::store::continuity::outbox::{Attempt, OutboxRow};
use holdfast::store::continuity::outbox::{claim_batch, mark_data_sent, record_result};

use super::world::{World, instant, outage, person, served, step};

/// What happens, and when, in seconds.
enum Happens {
    Nothing,
    Outage(u32, Verdict, (i64, i64, Option<i64>)),
    Served(Verdict),
    AcknowledgeByLink(NoticeKind, &'static str),
    Answered(&'static str, u32),
    Input(Input),
    Journal(u32),
}

fn activation() -> ActivationId {
    ActivationId("march-2023-20230228-1".into())
}

fn incident() -> IncidentId {
    IncidentId("INC-20230228-1".into())
}

/// Down, told, acknowledged late, opened, set aside, up, stood down, failed again, reconciled.
fn story() -> Vec<(i64, Happens)> {
    use Happens::{AcknowledgeByLink, Answered, Journal, Nothing, Outage, Served};
    let agree = |by: &str| Input::Answer {
        step: None,
        by: person(by),
        approve: true,
        reason: String::new(),
    };
    vec![
        (3, Served(Verdict::Down)),
        (3, Outage(1, Verdict::Down, (0, 3, None))),
        (9, Answered("open-crisis", 1)),
        (19, Nothing),
        (25, AcknowledgeByLink(NoticeKind::Escalation, "p-director")),
        (40, Answered("open-offices", 1)),
        (
            60,
            Happens::Input(Input::Acknowledge {
                step: step("shed"),
                by: person("p-director"),
                via: "console".into(),
            }),
        ),
        (70, Outage(1, Verdict::Down, (0, 3, Some(69)))),
        (70, Served(Verdict::Up)),
        (86, Happens::Input(agree("p-duty-1"))),
        (87, Answered("close", 1)),
        (100, Served(Verdict::Down)),
        (100, Outage(2, Verdict::Intermittent, (99, 100, None))),
        (107, Answered("open-crisis", 2)),
        (110, Outage(2, Verdict::Intermittent, (99, 100, Some(109)))),
        (110, Served(Verdict::Up)),
        (126, Happens::Input(agree("p-plan-owner"))),
        (127, Answered("close", 2)),
        (130, Journal(2)),
        (140, Journal(0)),
    ]
}

async fn play(world: &mut World, stop_between: bool) {
    for (second, happens) in story() {
        world.until(second).await;
        if stop_between {
            world.stop_and_start().await;
        }
        match happens {
            Happens::Nothing => {}
            Happens::Outage(number, verdict, times) => {
                world.detect(outage(number, verdict, times)).await;
            }
            Happens::Served(verdict) => world.detect(served(verdict, second)).await,
            Happens::AcknowledgeByLink(kind, by) => {
                let rows = find::notices_of_activation(&world.store, &activation()).await.unwrap();
                let told = |row: &&OutboxRow| row.kind == kind && row.person == Some(person(by));
                let notice = rows.iter().find(told).expect("the notice was asked for").id.clone();
                let (by, via) = (person(by), "link".to_owned());
                world.ask(Command::AcknowledgeNotice { notice, by, via }).await.unwrap();
            }
            Happens::Answered(step, occurrence) => {
                let (activation, step) = (activation(), step.to_owned());
                let key = EffectKey { activation, step, occurrence };
                assert!(world.asked.contains(&key.to_string()), "{key} was not asked for");
                let result = Ok("done".to_owned());
                world.ask(Command::EffectResult { key, result }).await.unwrap();
            }
            Happens::Input(input) => {
                world.ask(Command::Input(activation(), input)).await.unwrap();
            }
            Happens::Journal(open) => {
                world.ask(Command::Journal { open }).await.unwrap();
            }
        }
    }
}

/// Everything that was decided and asked for, as lines that can be compared.
async fn trace(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    for event in find::events(&world.store, &activation()).await.unwrap() {
        lines.push(format!("{} {} {}", event.at, event.document, event.hash));
    }
    for row in find::notices_of_incident(&world.store, &incident()).await.unwrap() {
        lines.push(format!("{} {} {} {}", row.created_at, row.id, row.subject, row.body));
    }
    for row in find::open_incidents(&world.store).await.unwrap() {
        lines.push(row.document);
    }
    lines.extend(world.asked.iter().cloned());
    lines
}

#[tokio::test]
async fn a_stop_between_any_two_inputs_loses_and_repeats_nothing() {
    let mut whole = World::new().await;
    play(&mut whole, false).await;
    let mut stopped = World::new().await;
    play(&mut stopped, true).await;
    let (whole_trace, stopped_trace) = (trace(&whole).await, trace(&stopped).await);
    assert!(whole_trace.len() > 60, "the story is told: {} lines", whole_trace.len());
    for (one, other) in whole_trace.iter().zip(&stopped_trace) {
        assert_eq!(one, other);
    }
    assert_eq!(whole_trace.len(), stopped_trace.len());

    let rows = find::events(&stopped.store, &activation()).await.unwrap();
    let state = record::replay(&rows).unwrap();
    assert_eq!((state.phase, state.round), (Phase::Closed, 2));
    let stored = find::activation_by_id(&stopped.store, &activation()).await.unwrap().unwrap();
    assert_eq!(serde_json::to_string(&state).unwrap(), stored.document);

    let mut changed = rows;
    changed[3].document = changed[3].document.replace("tell-duty", "tell-nobody");
    assert!(record::replay(&changed).is_err(), "a changed event breaks the chain");
}

#[tokio::test]
async fn operations_are_told_at_detection_and_once_in_the_interval() {
    let mut world = World::new().await;
    world.until(1).await;
    world.detect(outage(1, Verdict::Intermittent, (0, 1, None))).await;
    world.until(2).await;
    world.detect(outage(1, Verdict::Down, (0, 1, None))).await;
    let told = |rows: &[OutboxRow]| -> Vec<(i64, NoticeKind)> {
        let ops = rows.iter().filter(|row| row.activation.is_none());
        ops.map(|row| (row.created_at.as_second() - super::world::START, row.kind)).collect()
    };
    let rows = find::notices_of_incident(&world.store, &incident()).await.unwrap();
    assert_eq!(told(&rows), [(1, NoticeKind::DownFirst)]);
    assert!(rows[0].body.contains("C3MS comes and goes for Noarlunga."), "{}", rows[0].body);
    assert!(rows[0].body.contains("62 people are affected"), "{}", rows[0].body);
    assert!(rows[0].body.contains("INC-20230228-1"));
    world.until(62).await;
    world.detect(outage(1, Verdict::Down, (0, 1, Some(70)))).await;
    // A relapse within the hour joins; an outage two hours later opens another incident.
    world.until(200).await;
    world.detect(outage(2, Verdict::Down, (199, 200, None))).await;
    world.detect(outage(2, Verdict::Down, (199, 200, Some(201)))).await;
    let rows = find::notices_of_incident(&world.store, &incident()).await.unwrap();
    assert_eq!(
        told(&rows),
        [
            (1, NoticeKind::DownFirst),
            (61, NoticeKind::Update),
            (62, NoticeKind::Recovered),
            (200, NoticeKind::Update),
            (200, NoticeKind::Recovered),
        ]
    );
    let ops: Vec<&OutboxRow> = rows.iter().filter(|row| row.activation.is_none()).collect();
    assert_eq!(ops[0].in_reply_to, None);
    assert!(ops[1..].iter().all(|row| row.in_reply_to.as_ref() == Some(&ops[0].message_id)));
    world.jump(201 + 3_601);
    world.engine.settle().await;
    world.detect(outage(3, Verdict::Down, (9_000, 9_001, None))).await;
    let lines = views::incidents(&world.store, instant(0), instant(10_000)).await.unwrap();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].closed_at.is_some());
}

#[tokio::test]
async fn the_timeline_says_what_is_done_late_and_why() {
    let mut world = World::new().await;
    world.until(3).await;
    world.detect(outage(1, Verdict::Down, (0, 3, None))).await;
    world.until(20).await;
    let now = world.clock.now();
    let view = timeline::activation(&world.store, &activation(), now).await.unwrap().unwrap();
    let statuses: Vec<StepStatus> = view.steps.iter().map(|step| step.status).collect();
    assert_eq!(
        statuses,
        [
            StepStatus::Late,
            StepStatus::Due,
            StepStatus::Ahead,
            StepStatus::Ahead,
            StepStatus::Ahead
        ]
    );
    assert_eq!(view.steps[0].words, "not acknowledged; escalated 1 times");
    let (people, whom) = (demo_people(), person("p-director"));
    let director = pending::pending(&world.store, &people, &whom, now).await.unwrap();
    assert_eq!(director.len(), 1);
    assert_eq!(director[0].what, pending::PendingWhat::Acknowledge(step("tell-duty")));
    assert!(director[0].late);
    world.detect(outage(1, Verdict::Down, (0, 3, Some(20)))).await;
    world.until(26).await;
    let now = world.clock.now();
    let view = timeline::activation(&world.store, &activation(), now).await.unwrap().unwrap();
    assert_eq!(view.steps[2].status, StepStatus::Skipped);
    assert_eq!(view.steps[2].words, "left out: it had recovered");
    let incident = views::incident(&world.store, &incident()).await.unwrap().unwrap();
    assert_eq!(incident.activations.len(), 1);
    assert!(incident.notices.iter().any(|notice| notice.kind == NoticeKind::Recovered));
}

fn demo_people() -> holdfast::domain::people::People {
    let text = include_str!("../../../playbooks/demo/people.yaml");
    holdfast::config::people::parse("people.yaml", text).unwrap()
}

#[tokio::test]
async fn a_plan_is_started_by_hand_and_stands_in_the_register() {
    let mut world = World::new().await;
    let request = |by: &str, reason: &str| StartRequest {
        playbook: PlaybookId::new("march-2023").unwrap(),
        unit: "Secure care".into(),
        ground: Some(Ground::WorkforceDepletion),
        reason: reason.into(),
        by: person(by),
        exercise: false,
    };
    let refused = world.ask(Command::Start(request("p-court", "nine of ten are ill"))).await;
    assert!(matches!(refused, Err(CommandError::Refused(_))));
    let refused = world.ask(Command::Start(request("p-plan-owner", ""))).await;
    assert!(matches!(refused, Err(CommandError::Refused(_))));
    let started = world.ask(Command::Start(request("p-plan-owner", "nine of ten are ill"))).await;
    let Ok(Answer::Started(id)) = started else { panic!("{started:?}") };
    let twice = world.ask(Command::Start(request("p-plan-owner", "again"))).await;
    assert_eq!(twice, Err(CommandError::InForce(id.clone())));
    world.until(60).await;
    let by = person("p-plan-owner");
    let reason = "agency staff have arrived".to_owned();
    world.ask(Command::Input(id.clone(), Input::StandDown { by, reason })).await.unwrap();
    let query = RegisterQuery { ground: Some(Ground::WorkforceDepletion), ..Default::default() };
    let (from, to) = (instant(-10), instant(1_000));
    let entries = register(&world.store, (from, to), &query, world.clock.now()).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].unit, "Secure care");
    assert_eq!(entries[0].suspensions[0].function.as_str(), "non-urgent-assessments");
    let other = RegisterQuery { unit: Some("Elsewhere".into()), ..Default::default() };
    assert!(register(&world.store, (from, to), &other, instant(99)).await.unwrap().is_empty());
}

#[tokio::test]
async fn overdue_notices_after_a_stop_become_one_that_says_so() {
    let mut world = World::new().await;
    world.until(3).await;
    world.detect(outage(1, Verdict::Down, (0, 3, None))).await;
    world.jump(600);
    world.stop_and_start().await;
    let rows = find::notices_of_activation(&world.store, &activation()).await.unwrap();
    let late: Vec<&OutboxRow> = rows.iter().filter(|row| row.created_at == instant(600)).collect();
    let director: Vec<&&OutboxRow> =
        late.iter().filter(|row| row.person == Some(person("p-director"))).collect();
    assert_eq!(director.len(), 1, "one, not one for each");
    assert_eq!(director[0].kind, NoticeKind::CaughtUp);
    assert!(director[0].body.contains("Holdfast was stopped and has caught up."));
    assert!(director[0].body.contains("- escalation"), "{}", director[0].body);
    let by = person("p-director");
    let (notice, via) = (director[0].id.clone(), "link".to_owned());
    world.ask(Command::AcknowledgeNotice { notice, by, via }).await.unwrap();
    let state = world.engine.activations().next().unwrap();
    assert!(state.acknowledged(&step("tell-duty")));
}

#[tokio::test]
async fn a_notice_that_became_pointless_is_not_sent() {
    let mut world = World::new().await;
    world.until(3).await;
    world.detect(outage(1, Verdict::Down, (0, 3, None))).await;
    world.until(19).await;
    let acknowledge =
        Input::Acknowledge { step: step("tell-duty"), by: person("p-duty-1"), via: "x".into() };
    world.ask(Command::Input(activation(), acknowledge)).await.unwrap();
    let rows = find::notices_of_activation(&world.store, &activation()).await.unwrap();
    let escalation = rows.iter().find(|row| row.kind == NoticeKind::Escalation).unwrap();
    assert_eq!(escalation.state, NoticeState::Cancelled);
    let lease = std::time::Duration::from_secs(60);
    let claimed = claim_batch(&world.store, world.clock.now(), lease).await.unwrap();
    assert!(claimed.iter().all(|row| row.kind != NoticeKind::Escalation));
    for row in &claimed {
        assert!(mark_data_sent(&world.store, row, world.clock.now()).await.unwrap());
        let sent = Attempt::Sent("250 ok".into());
        assert!(record_result(&world.store, row, &sent, world.clock.now()).await.unwrap());
    }
}
