//! What staff and operations are told of the read-only copy, and who may read the metrics.

use holdfast::snapshots::{OpenStatus, Status};
use holdfast::store::capture::{self, Proof, ProofKind, RunEnd, RunRow};
use holdfast::vault::order::Scope;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;

use super::pages::client;
use super::{Served, sample, serve};

/// One team out of all.
pub fn crisis_team() -> Scope {
    Scope::Cohorts(["crisis-team".parse().unwrap()].into())
}

async fn page(served: &Served, path: &str, cookie: &str) -> String {
    let answer = client().get(served.url(path)).header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    sample::clock().now() - SignedDuration::from_mins(minutes)
}

/// The sample's copy, open for these.
pub fn open(scope: Scope) -> Status {
    Status::Open(OpenStatus {
        generation: 7,
        captured_at: ago(12),
        opened_at: ago(3),
        order_expires_at: ago(-600),
        scope,
        not_included: vec![],
        records: 100,
    })
}

fn published(quarantined: Option<&str>) -> RunEnd {
    RunEnd::Reported(RunRow {
        build: "full".into(),
        ended_at: ago(11),
        captured_at: ago(12),
        generation: quarantined.is_none().then_some(7),
        quarantined: quarantined.map(str::to_owned),
        rows: 100,
        changed: 100,
        removed: 0,
        standard: 100,
        restricted: 0,
        rejected: 0,
        unmapped: vec![],
        vanished: vec![],
    })
}

async fn proven(served: &Served, kind: ProofKind, minutes_ago: i64, fault: Option<&str>) {
    let fault = fault.map(str::to_owned);
    let proof = Proof { kind, at: ago(minutes_ago), generation: Some(7), fault };
    capture::proven(&served.store, &proof).await.unwrap();
}

#[tokio::test]
async fn the_staff_page_shows_the_way_to_the_copy_or_says_that_there_is_none() {
    let served = serve().await;
    let way = "Open the read-only copy</a>";
    let mine = |office| format!("/?office={office}");
    let closed = page(&served, &mine("noarlunga"), "").await;
    assert!(closed.contains("The read-only copy is closed.") && !closed.contains(way), "{closed}");

    served.copy.send(open(crisis_team())).unwrap();
    let theirs = page(&served, &mine("crisis-team"), "").await;
    assert!(theirs.contains(way) && theirs.contains("12 min old"), "{theirs}");
    assert!(theirs.contains("button--huge\" href=\"/portal\""), "{theirs}");
    let not_mine = page(&served, &mine("noarlunga"), "").await;
    assert!(!not_mine.contains(way), "{not_mine}");
    assert!(not_mine.contains("open for Crisis team, not for Noarlunga"), "{not_mine}");

    served.copy.send(open(Scope::Everyone)).unwrap();
    assert!(page(&served, &mine("noarlunga"), "").await.contains(way));
}

#[tokio::test]
async fn operations_see_the_age_of_the_copy_and_whether_it_opens() {
    let served = serve().await;
    let ops = async || page(&served, "/ops", "__Host-holdfast=operations").await;
    assert!(ops().await.contains("There is no copy yet."));

    capture::begun(&served.store, "r-1", ago(12)).await.unwrap();
    capture::ended(&served.store, "r-1", &published(None)).await.unwrap();
    assert!(ops().await.contains("Generation 7 is not known to open: it has not been tried."));

    proven(&served, ProofKind::Trial, 10, None).await;
    proven(&served, ProofKind::Scrub, 9, None).await;
    served.copy.send(open(Scope::Everyone)).unwrap();
    let well = ops().await;
    for words in ["12 min, made at", "yes, proven 10 min ago", "open for everybody since"] {
        assert!(well.contains(words), "'{words}' is not in {well}");
    }
    let (_, section) = well.split_once("id=\"copy\"").unwrap();
    assert!(!section.contains("Overdue preparation"), "{section}");

    capture::begun(&served.store, "r-2", ago(2)).await.unwrap();
    let held = published(Some("person records fell from 100 to 3"));
    capture::ended(&served.store, "r-2", &held).await.unwrap();
    proven(&served, ProofKind::Scrub, 1, Some("segment 5 was cut short")).await;
    let ill = ops().await;
    for words in
        ["Overdue preparation", "fell from 100 to 3", "segment 5 was cut short", "last tried 1 min"]
    {
        assert!(ill.contains(words), "'{words}' is not in {ill}");
    }
}

#[tokio::test]
async fn metrics_answer_to_the_networks_that_are_named_alone() {
    let served = serve().await;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    for (from, status) in [("127.0.0.1", 200), ("127.0.0.2", 403)] {
        let client = Client::builder().local_address(Some(from.parse().unwrap())).build().unwrap();
        for (path, status) in [("/metrics", status), ("/healthz", 200)] {
            let answer = client.get(served.url(path)).send().await.unwrap();
            assert_eq!(answer.status(), status, "{path} from {from}");
        }
    }
}
