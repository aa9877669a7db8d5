//! Exactly once, whoever is killed when, and whatever answer is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::check::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::rig::{Hub, assert_whole, more_slots};
use crate::support::{eventually, standin};

/// A line to the hub on which answers can be lost.
struct Line {
    address: SocketAddr,
    mute: Arc<AtomicBool>,
}

impl Line {
    async fn to(hub: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mute = Arc::new(AtomicBool::new(false));
        let muted = Arc::clone(&mute);
        tokio::spawn(async move {
            loop {
                let (agent, _) = listener.accept().await.unwrap();
                let Ok(hub) = TcpStream::connect(hub).await else { continue };
                let (from_agent, to_agent) = agent.into_split();
                let (from_hub, to_hub) = hub.into_split();
                tokio::spawn(carry(from_agent, to_hub, None));
                tokio::spawn(carry(from_hub, to_agent, Some(Arc::clone(&muted))));
            }
        });
        Self { address, mute }
    }
}

/// Carries bytes one way; while it is muted they are lost.
async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mute: Option<Arc<AtomicBool>>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if mute.as_ref().is_some_and(|mute| mute.load(Ordering::Relaxed)) {
            continue;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_before_it_heard_the_answer_delivers_once() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let served = hub.care.serve().await;
    let store = hub.care.store().await;
    let line = Line::to(hub.address).await;
    let mut agent = hub.enrol(line.address);
    agent.run();
    more_slots(&hub, &store, 8).await;
    // The hub has what comes now, and the agent does not hear that.
    line.mute.store(true, Ordering::Relaxed);
    let there = more_slots(&hub, &store, 1).await;
    agent.kill();
    let kept = agent.spooled().await;
    assert!(!kept.is_empty(), "what was not acknowledged is kept");
    line.mute.store(false, Ordering::Relaxed);
    agent.run();
    more_slots(&hub, &store, 12).await;
    agent.stop();
    let slots = hub.slots(&store).await;
    assert!(slots.len() > there);
    assert_whole(&slots);

    // Nor was anything counted twice.
    let counted = async || -> f64 {
        let metrics = served.metrics().await;
        let here = |name: &str| {
            name.starts_with("holdfast_checks_total") && name.contains("location=\"noarlunga\"")
        };
        metrics.iter().filter(|(name, _)| here(name)).map(|(_, count)| count).sum()
    };
    eventually("every slot being counted", || async {
        let recorded = u32::try_from(hub.slots(&store).await.len()).unwrap();
        (counted().await >= f64::from(recorded)).then_some(())
    })
    .await;
    let recorded = u32::try_from(hub.slots(&store).await.len()).unwrap();
    assert_eq!(counted().await.to_string(), recorded.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_killed_again_and_again_has_every_slot_once() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let mut served = hub.care.serve().await;
    let store = hub.care.store().await;
    let mut agent = hub.enrol(hub.address);
    agent.run();
    more_slots(&hub, &store, 8).await;
    for pause_ms in [0, 130, 310] {
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        served.kill();
        agent.says("the hub is not reached").await;
        served = hub.care.serve().await;
        more_slots(&hub, &store, 8).await;
    }
    agent.kill();
    agent.run();
    more_slots(&hub, &store, 8).await;
    agent.stop();
    let slots = hub.slots(&store).await;
    assert_whole(&slots);
    let lost = slots.iter().filter(|(_, _, ended)| *ended == Outcome::Missed).count();
    assert!(lost <= 8, "it probes while its hub is away: {lost} of {} are missed", slots.len());
}
