//! Targets that take every connection and never answer, enough of them to fill every bound: nobody
//! else is kept waiting.

use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::check::{CheckKind, InconclusiveReason, Outcome};
use holdfast::domain::ids::TargetId;
use holdfast::store::ledger::{self, Range};
use jiff::SignedDuration;
use tokio::io::AsyncReadExt;

use crate::support::observed::{Observed, sample};
use crate::support::server::{Server, by_hand};
use crate::support::{eventually, setting};

/// With this many runs each of them is past its bound of 64, and together past a location's 512.
const HANGING: usize = 9;
const PROBES_EACH: usize = 72;

#[tokio::test(flavor = "multi_thread")]
async fn hanging_targets_keep_nobody_else_waiting_and_are_asked_less() {
    let (clock, folder) = (Clock::system(), tempfile::tempdir().unwrap());
    let deaf = by_hand(|mut stream| async move {
        // Held open as long as the other side does.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let quick = Server::start(|_| hyper::Response::default(), None).await;
    let stuck = [("stuck", "127.0.1.2")];
    let mut settings: Vec<_> = (1..=HANGING)
        .map(|number| {
            let (id, url) = (format!("hanging-{number}"), format!("http://{deaf}"));
            setting(sample((&id, &url), &stuck, PROBES_EACH, 4), &clock, None)
        })
        .collect();
    // One more by itself at a place, which is past its own bound before that of the place.
    let apart = [("apart", "127.0.1.4")];
    let url = format!("http://{deaf}");
    settings.push(setting(sample(("lone", &url), &apart, PROBES_EACH, 4), &clock, None));
    let url = format!("http://{}", quick.address);
    let free = [("free", "127.0.1.3")];
    settings.push(setting(sample(("quick", &url), &free, 20, 1), &clock, None));
    let observed = Observed::start(folder.path(), settings, &clock).await;

    let budget = |target: &str| format!("holdfast_confirmation_budget{{target=\"{target}\"}}");
    assert_eq!(observed.metric(&budget("hanging-1")), Some(32.0));
    eventually("the hanging targets being asked less", || async {
        let all = (1..=HANGING).map(|number| budget(&format!("hanging-{number}")));
        let asked: Vec<f64> = all.filter_map(|name| observed.metric(&name)).collect();
        asked.iter().all(|allowed| *allowed <= 4.0).then_some(())
    })
    .await;
    assert_eq!(observed.metric(&budget("quick")), Some(32.0), "the other one is not");
    let now = clock.now();
    let store = observed.end().await;

    let range = |target: &str, seconds| Range {
        target: Some(TargetId::new(target).unwrap()),
        from: now - SignedDuration::from_secs(seconds),
        to: now - SignedDuration::from_secs(1),
        ..Range::default()
    };
    let rows = ledger::range(&store, &range("quick", 11)).await.unwrap();
    let slots: Vec<_> = rows.iter().filter(|row| row.kind == CheckKind::Slot).collect();
    assert_eq!(slots.len(), 10 * 20, "every slot of ten seconds");
    assert!(slots.iter().all(|row| row.outcome == Outcome::Passed), "{slots:?}");
    let detailed = ledger::latest_detailed(&store, &range("quick", 11), false, 400).await.unwrap();
    let mut late: Vec<u64> = detailed.iter().map(|check| check.steps[0].offset_us).collect();
    late.sort_unstable();
    let p99 = Duration::from_micros(late[late.len() * 99 / 100]);
    assert!(p99 < Duration::from_millis(250), "{p99:?} late");

    // The bounds were reached, and who was turned away is on record as that.
    let mut turned_away = std::collections::BTreeSet::new();
    for target in ["hanging-1", "lone"] {
        let range = range(target, 11);
        for check in ledger::latest_detailed(&store, &range, true, 1_000).await.unwrap() {
            if check.check.outcome == Outcome::Inconclusive(InconclusiveReason::Prober) {
                turned_away.insert(check.evidence.unwrap().detail);
            }
        }
    }
    for bound in ["against this target", "from this location"] {
        let told = turned_away.iter().any(|detail| detail.contains(bound));
        assert!(told, "{bound}: {turned_away:?}");
    }
}
