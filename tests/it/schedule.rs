//! The schedule through steps of the clock and a suspended machine, on a clock moved by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast::app::parts;
use holdfast::clock::Clock;
use holdfast::domain::agent::MissedSlots;
use holdfast::domain::check::{CheckKind, Gap};
use holdfast::probing::scheduler::{Report, Scheduler};
use holdfast::probing::vigil::Vigil;
use holdfast::telemetry::metrics::Metrics;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::support::observed::sample;
use crate::support::server::Server;
use crate::support::{eventually, setting};

const INTERVAL_S: i64 = 10;

/// What ended each slot, in the order it was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<BTreeMap<Timestamp, Vec<Option<Gap>>>>>, Arc<Mutex<usize>>);

impl Told {
    fn all_of(mut received: mpsc::Receiver<Report>) -> Self {
        let told = Self::default();
        let taking = told.clone();
        tokio::spawn(async move {
            while let Some(report) = received.recv().await {
                taking.take(report);
            }
        });
        told
    }

    fn take(&self, report: Report) {
        let mut told = self.0.lock().unwrap();
        match report {
            Report::Check { check, .. } if check.kind == CheckKind::Slot => {
                told.entry(check.slot_at).or_default().push(None);
            }
            Report::Check { .. } => *self.1.lock().unwrap() += 1,
            Report::Missed(MissedSlots { first_slot_at: first, slots, gap, .. }) => {
                for number in 0..i64::from(slots) {
                    let at = first + SignedDuration::from_secs(number * INTERVAL_S);
                    told.entry(at).or_default().push(Some(gap));
                }
            }
        }
    }

    /// Slots between two instants that ended so.
    fn ended(&self, (from, to): (Timestamp, Timestamp), how: Option<Gap>) -> usize {
        let told = self.0.lock().unwrap();
        told.range(from..to).filter(|(_, ends)| **ends == vec![how]).count()
    }
}

/// Moves the clock on by whole seconds, each once every slot before it has its end.
async fn pass(clock: &Clock, told: &Told, seconds: i64) {
    for _ in 0..seconds {
        clock.set(clock.now() + SignedDuration::from_secs(1));
        settled(clock, told).await;
    }
}

/// Every slot up to now has an end, as far as one is known to be due.
async fn settled(clock: &Clock, told: &Told) {
    eventually("slots having their end", || async {
        let now = clock.now();
        let last = told.0.lock().unwrap().keys().next_back().copied();
        let due = last.is_none_or(|last| now < last + SignedDuration::from_secs(INTERVAL_S));
        due.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_slot_is_run_twice_or_lost_when_the_clock_moves_or_the_machine_sleeps() {
    let clock = Clock::manual("2023-03-01T09:00:00Z".parse().unwrap());
    let server = Server::start(|_| hyper::Response::default(), None).await;
    let url = format!("http://{}", server.address);
    let target = sample(("c3ms", &url), &[("here", "127.0.1.2")], 1, 10);
    let settings = vec![setting(target, &clock, None)];
    let metrics = Arc::new(Metrics::new(&parts::labels(None, &settings, &[])).unwrap());
    let vigil = Vigil::new(clock.clone());
    let keeping = tokio::spawn(Arc::clone(&vigil).keep(Arc::clone(&metrics)));
    let (reports, received) = mpsc::channel(64);
    let scheduler = Scheduler::new(settings.clone(), reports, (vigil, metrics));
    let (_confirm, confirmations) = mpsc::channel(1);
    let (_changes, configured) = watch::channel(settings);
    let stop = CancellationToken::new();
    let running = tokio::spawn(scheduler.run(confirmations, configured, stop.clone()));
    let told = Told::all_of(received);
    // The vigil has looked, and the first slot is waited for.
    eventually("the schedule", || async { clock.next_deadline() }).await;
    let pause = Duration::from_millis(300);
    tokio::time::sleep(pause).await;
    let first = eventually("a first slot", || async {
        clock.set(clock.now() + SignedDuration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(30)).await;
        told.0.lock().unwrap().keys().next().copied()
    })
    .await;
    pass(&clock, &told, 25).await;
    let mut moments = vec![first, clock.now()];

    clock.step(SignedDuration::from_secs(65));
    settled(&clock, &told).await;
    moments.push(clock.now());
    pass(&clock, &told, 20).await;
    let before = clock.now();
    moments.push(before);

    // Set back to where it was once: the slots there have their end, and are evidence alone.
    clock.step(SignedDuration::from_secs(-65));
    tokio::time::sleep(pause).await;
    let seen = server.connections();
    while clock.now() < before {
        clock.set(clock.now() + SignedDuration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    eventually("probing going on meanwhile", || async {
        (*told.1.lock().unwrap() >= 5 && server.connections() > seen + 5).then_some(())
    })
    .await;
    pass(&clock, &told, 20).await;
    moments.push(clock.now());
    clock.suspend(Duration::from_secs(120));
    settled(&clock, &told).await;
    moments.push(clock.now());
    pass(&clock, &told, 20).await;
    stop.cancel();
    running.await.unwrap();
    keeping.abort();

    let slots = told.0.lock().unwrap().clone();
    for (at, ends) in &slots {
        assert_eq!(ends.len(), 1, "{at} has one end: {ends:?}");
    }
    let at: Vec<Timestamp> = slots.into_keys().collect();
    for pair in at.windows(2) {
        let length = pair[1].duration_since(pair[0]).as_secs();
        assert_eq!(length, INTERVAL_S, "none is lost between {} and {}", pair[0], pair[1]);
    }
    let between = |index: usize| (moments[index], moments[index + 1]);
    assert!(told.ended(between(1), Some(Gap::Stepped)) >= 6, "{:?}", told.0.lock().unwrap());
    assert_eq!(told.ended(between(1), None), 0);
    assert!(told.ended(between(4), Some(Gap::Asleep)) >= 11, "{:?}", told.0.lock().unwrap());
    assert!(told.ended(between(2), None) >= 2 && told.ended(between(3), None) >= 2);
}
