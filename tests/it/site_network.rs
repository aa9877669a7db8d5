//! Whose network it is: an office from which no target is reached any more, and name servers that
//! are gone, through the scheduler and detection.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use holdfast::clock::Clock;
use holdfast::domain::check::{FailureReason, Outcome};
use holdfast::domain::outage::OutageChange;
use holdfast::domain::verdict::Verdict;
use holdfast::store::detection;
use holdfast::store::ledger::{self, Range};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::names::{NameServer, inside};
use crate::support::observed::{Observed, sample};
use crate::support::server::by_hand;
use crate::support::{eventually, setting};

const OFFICES: [(&str, &str); 2] = [("noarlunga", "127.0.1.2"), ("ceduna", "127.0.1.3")];
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere";

/// Addresses whose way to a server is cut.
type Cut = Arc<Mutex<BTreeSet<IpAddr>>>;

async fn server() -> (SocketAddr, Cut) {
    let cut = Cut::default();
    let held = Arc::clone(&cut);
    let address = by_hand(move |mut stream| {
        let cut = held.lock().unwrap().contains(&stream.peer_addr().unwrap().ip());
        async move {
            if cut {
                let _ = stream.set_zero_linger();
                return;
            }
            let mut request = [0; 2_048];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(ANSWER).await;
        }
    })
    .await;
    (address, cut)
}

async fn up(observed: &Observed, standings: usize) {
    eventually("every cohort being up", || async {
        let all = detection::standings(&observed.store).await.unwrap();
        (all.iter().filter(|one| one.verdict == Verdict::Up).count() == standings).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_from_which_nothing_is_reached_is_told_as_its_network() {
    let (clock, folder) = (Clock::system(), tempfile::tempdir().unwrap());
    let ((c3ms, c3ms_cut), (care, care_cut)) = (server().await, server().await);
    let targets = [("c3ms", c3ms), ("care", care)];
    let settings = targets.map(|(id, address)| {
        setting(sample((id, &format!("http://{address}")), &OFFICES, 2, 1), &clock, None)
    });
    let mut observed = Observed::start(folder.path(), settings.into(), &clock).await;
    up(&observed, 4).await;

    let noarlunga: IpAddr = "127.0.1.2".parse().unwrap();
    let cut_at = clock.now();
    c3ms_cut.lock().unwrap().insert(noarlunga);
    care_cut.lock().unwrap().insert(noarlunga);
    let mut told = BTreeSet::new();
    for _ in 0..2 {
        let began = observed.outage(OutageChange::Began).await;
        assert!(began.scope.site_network, "{began:?}");
        told.insert(began.sentence);
    }
    let words =
        |target| format!("{target} is not reached from NOARLUNGA: the network there fails.");
    assert_eq!(told, BTreeSet::from([words("C3MS"), words("CARE")]));
    let range = Range { from: cut_at, to: clock.now(), ..Range::default() };
    let rows = ledger::range(&observed.store, &range).await.unwrap();
    let lost = Outcome::Failed(FailureReason::SiteNetwork);
    assert!(rows.iter().filter(|row| row.outcome == lost).count() >= 4, "{rows:?}");
    let others = rows.iter().filter(|row| row.location.as_str() == "ceduna");
    assert!(others.map(|row| row.outcome).all(|outcome| outcome == Outcome::Passed), "{rows:?}");

    c3ms_cut.lock().unwrap().clear();
    care_cut.lock().unwrap().clear();
    for _ in 0..2 {
        observed.outage(OutageChange::Ended).await;
    }
    // One target alone that is not reached from there has failed itself.
    c3ms_cut.lock().unwrap().insert(noarlunga);
    let began = observed.outage(OutageChange::Began).await;
    assert_eq!(began.sentence, "C3MS is down for NOARLUNGA: every journey fails.");
    assert!(!began.scope.site_network);
    observed.end().await;
}

fn answers(name: &str, _: usize) -> Vec<Ipv4Addr> {
    match name {
        "c3ms.example.gov" => vec![Ipv4Addr::LOCALHOST],
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_name_server_is_no_failure_of_whoever_has_the_name() {
    let test = "site_network::a_dead_name_server_is_no_failure_of_whoever_has_the_name";
    if !inside(test) {
        return;
    }
    let (clock, folder) = (Clock::system(), tempfile::tempdir().unwrap());
    let (address, _) = server().await;
    let names = NameServer::start(answers).await;
    let url = format!("http://c3ms.example.gov:{}", address.port());
    let settings = vec![setting(sample(("c3ms", &url), &OFFICES, 1, 1), &clock, None)];
    let mut observed = Observed::start(folder.path(), settings, &clock).await;
    up(&observed, 2).await;
    drop(names);
    let began = observed.outage(OutageChange::Began).await;
    assert!(began.scope.site_network, "{began:?}");
    assert!(began.sentence.contains("is not reached from"), "{}", began.sentence);
    let names = NameServer::start(answers).await;
    observed.outage(OutageChange::Ended).await;
    observed.end().await;

    // A name that a name server does not know is the target's own fault.
    let url = format!("http://gone.example.gov:{}", address.port());
    let settings = vec![setting(sample(("gone", &url), &OFFICES, 1, 1), &clock, None)];
    let folder = tempfile::tempdir().unwrap();
    let mut observed = Observed::start(folder.path(), settings, &clock).await;
    let began = observed.outage(OutageChange::Began).await;
    assert!(!began.scope.site_network, "{began:?}");
    observed.end().await;
    drop(names);
}
