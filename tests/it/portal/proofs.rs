//! The copy is proven once after a start and every night, and damage is a fault by morning.

use std::sync::Arc;
use std::time::Duration;

use holdfast::app::{copy, proofs};
use holdfast::clock::Clock;
use holdfast::config::installation;
use holdfast::store::capture::{Proof, status};
use holdfast::store::{Store, copy_readiness};
use holdfast::telemetry::labels::LabelSets;
use holdfast::telemetry::metrics::Metrics;
use jiff::{SignedDuration, Timestamp};

use super::C3ms;
use crate::support::eventually;

async fn scrubbed(store: &Store, after: Timestamp) -> Proof {
    eventually("the copy is proven", || async {
        status(store).await.unwrap().scrub.filter(|proof| proof.at >= after)
    })
    .await
}

#[tokio::test]
async fn the_copy_is_proven_every_night_and_damage_is_told() {
    // The store keeps whole microseconds.
    let now = Clock::system().now().round(jiff::Unit::Second).unwrap();
    let clock = Clock::manual(now);
    let c3ms = C3ms::captured(&clock).await;
    let service = installation::load(&c3ms.installed.config).unwrap();
    let store = Store::open(&service.data.join("holdfast.db")).await.unwrap();
    assert_eq!(status(&store).await.unwrap().scrub, None);
    let readiness_kinds = copy_readiness::KINDS.map(str::to_owned).to_vec();
    let labels = LabelSets { readiness_kinds, ..LabelSets::default() };
    let metrics = Arc::new(Metrics::new(&labels).unwrap());
    let (captures, _) = copy::captures(&service).unwrap();
    let day = Duration::from_secs(24 * 3600);
    let parts = (store.clone(), clock.clone(), Arc::clone(&metrics));
    let zone = service.time_zone.clone();
    let proving = tokio::spawn(proofs::keep_proving(captures, zone.clone(), day, parts));

    let first = scrubbed(&store, clock.now()).await;
    assert_eq!((first.generation, first.fault), (Some(1), None));
    let damaged = "holdfast_readiness_faults{kind=\"copy-damaged\"}";
    let shown = |count: u8| metrics.render().unwrap().contains(&format!("{damaged} {count}"));
    eventually("the gauge is set", || async { shown(0).then_some(()) }).await;

    let segments = std::fs::read_dir(c3ms.installed.site.copy().segments()).unwrap();
    let segment = segments.map(|entry| entry.unwrap().path()).min().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let night = eventually("the next proof is planned", || async { clock.next_deadline() }).await;
    let at = night.to_zoned(zone);
    assert_eq!((at.hour(), at.minute()), (2, 30));
    assert!(night.duration_since(clock.now()) <= SignedDuration::from_hours(25));
    clock.set(night);
    let second = scrubbed(&store, night).await;
    assert!(second.fault.is_some(), "{second:?}");
    eventually("the gauge is set", || async { shown(1).then_some(()) }).await;

    // Nor does it stop at a pointer that cannot be read.
    std::fs::write(c3ms.installed.site.copy().current(), "nonsense").unwrap();
    let night = eventually("the next proof is planned", || async {
        clock.next_deadline().filter(|deadline| *deadline > night)
    })
    .await;
    clock.set(night);
    let third = scrubbed(&store, night).await;
    assert!(third.fault.unwrap().contains("CURRENT"));
    proving.abort();
}
