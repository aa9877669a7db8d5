//! The loop that renews an agent's certificate, by a clock that is moved.

use std::sync::Arc;
use std::time::Duration;

use holdfast::app::agent::keys::Folder;
use holdfast::app::agent::run::{keep_certified, renew_at};
use holdfast::clock::Clock;
use holdfast::crypto::authority::Seen;
use holdfast::probing::agent::uplink::Uplink;

use super::rig::Hub;
use crate::support::{eventually, standin};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_when_it_is_time_and_tried_again_while_the_hub_is_away() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let served = hub.care.serve().await;
    let agent = hub.enrol(hub.address);
    let folder = Arc::new(Folder::take(&agent.path().join("data")).unwrap());
    let keys = folder.keys().unwrap().unwrap();
    let clock = Clock::manual(Clock::system().now());
    let address: url::Url = format!("https://{}", hub.address).parse().unwrap();
    let uplink = Uplink::new(address, &keys.authority, &keys.identity, clock.clone()).unwrap();
    let uplink = Arc::new(uplink);
    let shown = || folder.keys().unwrap().unwrap().seen;
    let waits_until = async |at| {
        eventually("the loop waiting", || async {
            (clock.next_deadline() == Some(at)).then_some(())
        })
        .await;
    };
    let renewed = async |before: &Seen| -> Seen {
        eventually("the renewal", || async { Some(shown()).filter(|seen| seen != before) }).await
    };
    let (mine, way) = (Arc::clone(&folder), Arc::clone(&uplink));
    let keeping = tokio::spawn(keep_certified(mine, way, keys.seen.clone(), clock.clone()));

    let first = renew_at(&keys.seen);
    waits_until(first).await;
    clock.set(first - Duration::from_secs(1));
    assert_eq!(clock.next_deadline(), Some(first), "not before it is time");
    clock.set(first);
    let second = renewed(&keys.seen).await;
    assert_ne!(second.serial, keys.seen.serial);
    assert!(uplink.plan().await.is_ok(), "it shows the new one");

    // The hub is away when the next is due: by this clock it is at once, and waits all the same.
    served.kill();
    let due = first + Duration::from_mins(10);
    waits_until(due).await;
    assert_eq!(shown(), second, "one at a time");
    clock.set(due);
    let again = due + Duration::from_mins(10);
    waits_until(again).await;
    assert_eq!(shown(), second, "the one before stays in use");
    let _served = hub.care.serve().await;
    clock.set(again);
    renewed(&second).await;
    assert!(uplink.plan().await.is_ok());
    keeping.abort();
}
