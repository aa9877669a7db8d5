//! The outbox: leases, doubt, fallback, and that one bad mailbox blocks nobody.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast::channels::Delivery;
use holdfast::clock::Clock;
use holdfast::continuity::outbox::{Mark, Outbox};
use holdfast::domain::notice::{Channel, NoticeKind, NoticeState, Severity};
use holdfast::store::Store;
use holdfast::store::continuity::commit::{Commit, NewNotice, commit};
use holdfast::store::continuity::find;
use holdfast::store::continuity::outbox::{
    Attempt, OutboxRow, claim_batch, in_doubt, mark_data_sent, record_result, recover, settle_doubt,
};
use tokio::sync::Notify;

use super::world::{instant, person};

const LEASE: Duration = Duration::from_secs(60);

async fn store(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("holdfast.db")).await.unwrap()
}

fn notice(id: &str, life_safety: bool) -> NewNotice {
    NewNotice {
        id: id.into(),
        idempotency_key: format!("key-{id}"),
        incident: None,
        activation: None,
        step: "tell-duty".into(),
        person: Some(person("p-duty-1")),
        role: "after-hours-manager".into(),
        channel: Channel::Email,
        address: format!("{id}@example.org"),
        kind: NoticeKind::DownFirst,
        severity: Severity::Critical,
        life_safety,
        subject: "C3MS is down.".into(),
        body: "C3MS is down.".into(),
        link: None,
        message_id: format!("{id}@holdfast.example.org"),
        fallback: vec![(Channel::Console, "p-duty-1".into())],
        give_up_at: instant(4 * 3_600),
    }
}

async fn put(store: &Store, notices: Vec<NewNotice>) {
    commit(store, &Commit { notices, ..Commit::default() }, instant(0)).await.unwrap();
}

async fn state(store: &Store, id: &str) -> OutboxRow {
    find::notice(store, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn asking_twice_makes_one_row_and_claiming_twice_gives_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    put(&store, vec![notice("a", true)]).await;
    put(&store, vec![notice("a", true)]).await;
    let first = claim_batch(&store, instant(1), LEASE).await.unwrap();
    assert_eq!(first.len(), 1);
    assert!(claim_batch(&store, instant(2), LEASE).await.unwrap().is_empty());
    // The lease runs out: another sender gets it, and the first one has lost it.
    let second = claim_batch(&store, instant(62), LEASE).await.unwrap();
    assert_eq!(second.len(), 1);
    assert!(second[0].fence > first[0].fence);
    assert!(!mark_data_sent(&store, &first[0], instant(63)).await.unwrap());
    assert!(mark_data_sent(&store, &second[0], instant(63)).await.unwrap());
    let sent = Attempt::Sent("250".into());
    assert!(!record_result(&store, &first[0], &sent, instant(64)).await.unwrap());
    assert!(record_result(&store, &second[0], &sent, instant(64)).await.unwrap());
    assert_eq!(state(&store, "a").await.state, NoticeState::Sent);
}

#[tokio::test]
async fn a_sender_that_died_leaves_nothing_lost_and_doubt_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    put(&store, vec![notice("unsent", false), notice("life", true), notice("other", false)]).await;
    let claimed = claim_batch(&store, instant(1), LEASE).await.unwrap();
    assert_eq!(claimed.len(), 3);
    for row in claimed.iter().filter(|row| row.id != "unsent") {
        assert!(mark_data_sent(&store, row, instant(2)).await.unwrap());
    }
    // The process dies here.
    assert_eq!(recover(&store, instant(3)).await.unwrap(), 1);
    assert_eq!(state(&store, "unsent").await.state, NoticeState::Queued);
    assert_eq!(state(&store, "other").await.state, NoticeState::InDoubt);
    assert_eq!(state(&store, "life").await.state, NoticeState::Queued);
    let again = claim_batch(&store, instant(4), LEASE).await.unwrap();
    let life = again.iter().find(|row| row.id == "life").unwrap();
    let first = claimed.iter().find(|row| row.id == "life").unwrap();
    assert_eq!(life.message_id, first.message_id);
    // It is sent again once and no more.
    assert!(mark_data_sent(&store, life, instant(5)).await.unwrap());
    assert_eq!(recover(&store, instant(6)).await.unwrap(), 2);
    assert_eq!(state(&store, "life").await.state, NoticeState::InDoubt);
    assert!(settle_doubt(&store, "life", true, instant(7)).await.unwrap());
    assert_eq!(in_doubt(&store).await.unwrap(), 1);
}

#[tokio::test]
async fn a_refused_mailbox_goes_to_the_next_channel_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    put(&store, (0..20).map(|n| notice(&format!("n{n}"), n == 7)).collect()).await;
    let outbox = Outbox {
        store: store.clone(),
        clock: Clock::manual(instant(1)),
        wakes: Arc::new(Notify::new()),
        ended: Arc::new(|_, _| {}),
    };
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    let send = move |row: Arc<OutboxRow>, mark: Mark| {
        let seen = Arc::clone(&seen);
        async move {
            seen.lock().unwrap().push(row.id.clone());
            match row.id.as_str() {
                "n3" => Delivery::Refused { why: "550 no such user".into() },
                "n4" => Delivery::Temporary { why: "450 later".into(), retry_after: None },
                _ => match mark.data_sent().await {
                    Ok(()) => Delivery::Sent { answer: "250 ok".into() },
                    Err(why) => Delivery::Temporary { why: why.to_string(), retry_after: None },
                },
            }
        }
    };
    assert_eq!(outbox.pass(&send).await, 20);
    assert_eq!(order.lock().unwrap()[0], "n7", "life safety goes first");
    assert_eq!(state(&store, "n3").await.state, NoticeState::Failed);
    assert_eq!(state(&store, "n3-console").await.state, NoticeState::Sent);
    assert_eq!(state(&store, "n4").await.state, NoticeState::Queued);
    assert_eq!(state(&store, "n4").await.next_attempt_at, instant(6));
    assert_eq!(state(&store, "n19").await.state, NoticeState::Sent);
    let attempts = find::attempts(&store, "n19").await.unwrap();
    let outcomes: Vec<&str> = attempts.iter().map(|one| one.outcome.as_str()).collect();
    assert_eq!(outcomes, ["claimed", "data-sent", "sent"]);
}

#[tokio::test]
async fn a_notice_too_late_to_help_is_given_up_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    put(&store, vec![notice("a", false)]).await;
    assert!(claim_batch(&store, instant(5 * 3_600), LEASE).await.unwrap().is_empty());
    let row = state(&store, "a").await;
    assert_eq!(
        (row.state, row.answer.as_str()),
        (NoticeState::Failed, "given up: too late to help")
    );
    assert_eq!(state(&store, "a-console").await.state, NoticeState::Sent);
}
