//! Every fault as a client sees it, for its office and its path, and gone when cleared.

use std::error::Error;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::standin::faults::{Effect, Fault, WrongContent};
use holdfast::standin::scenario::Scenario;
use serde_json::{Value, json};

use super::{client_at, get, page, sign_in, signed_in, standin, text};

const OFFICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 1, 1));

/// The input/output error under a failed request.
fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

/// How a fresh connection from an office fails; none when it gets an answer.
async fn failure(office: u8, url: &str) -> Option<ErrorKind> {
    match client_at(office).get(url).send().await {
        Ok(_) => None,
        Err(error) => Some(io_kind(&error).unwrap_or(ErrorKind::Other)),
    }
}

#[tokio::test]
async fn refusing_everybody_closes_the_port_until_cleared() {
    let standin = standin(60).await;
    let url = format!("{}/sign-in", standin.url());
    let open = client_at(1);
    assert_eq!(get(&open, url.clone()).await.status(), 200);
    standin.apply(Fault::new(Effect::Refuse).named("all")).unwrap();
    // The accept loop hears of it a moment later.
    let mut seen = None;
    for _ in 0..100 {
        seen = failure(1, &url).await;
        if seen == Some(ErrorKind::ConnectionRefused) {
            break;
        }
    }
    assert_eq!(seen, Some(ErrorKind::ConnectionRefused));
    assert!(open.get(&url).send().await.is_err(), "an open connection is served no more");
    assert!(standin.clear("all"));
    let mut answered = false;
    for _ in 0..100 {
        answered = answered || failure(1, &url).await.is_none();
    }
    assert!(answered);
}

#[tokio::test]
async fn one_office_is_cut_off_and_the_others_are_served() {
    let standin = standin(60).await;
    let url = format!("{}/sign-in", standin.url());
    standin.apply(Fault::new(Effect::Refuse).from(OFFICE)).unwrap();
    assert!(failure(1, &url).await.is_some());
    assert_eq!(failure(2, &url).await, None);
    standin.clear_all();
    assert_eq!(failure(1, &url).await, None);
}

#[tokio::test]
async fn a_reset_strikes_its_path_only() {
    let standin = standin(60).await;
    let base = standin.url();
    standin.apply(Fault::new(Effect::Reset).path("/api/")).unwrap();
    let struck = failure(1, &format!("{base}/api/status")).await;
    assert_eq!(struck, Some(ErrorKind::ConnectionReset));
    assert_eq!(failure(1, &format!("{base}/sign-in")).await, None);
}

#[tokio::test]
async fn a_hang_lasts_as_long_as_its_fault() {
    let standin = standin(60).await;
    let url = format!("{}/api/status", standin.url());
    standin.apply(Fault::new(Effect::Hang).named("hang")).unwrap();
    let waiting = client_at(1).get(&url).send();
    let clearing = async {
        let impatient = client_at(1).get(&url).timeout(Duration::from_millis(300));
        assert!(impatient.send().await.unwrap_err().is_timeout());
        standin.clear("hang");
    };
    let (waited, ()) = tokio::join!(waiting, clearing);
    let let_go = waited.unwrap_err();
    assert!(!let_go.is_timeout(), "{let_go:?}");
    assert_eq!(failure(1, &url).await, None);
}

#[tokio::test]
async fn slow_is_right_and_late() {
    let standin = standin(60).await;
    standin.apply(Fault::new(Effect::Slow { ms: 300 }).path("/api/")).unwrap();
    let clock = Clock::system();
    let response = get(&client_at(1), format!("{}/api/status", standin.url())).await;
    assert!(clock.monotonic() >= Duration::from_millis(300));
    assert_eq!(response.json::<Value>().await.unwrap()["status"], "ok");
}

#[tokio::test]
async fn a_status_comes_for_its_share_and_says_which_node() {
    let standin = standin(60).await;
    let url = format!("{}/api/status", standin.url());
    standin.apply(Fault::new(Effect::Status(503)).share(0.5)).unwrap();
    let client = client_at(1);
    let mut failed = 0;
    for _ in 0..60 {
        let response = get(&client, url.clone()).await;
        assert!(response.headers()["x-c3ms-node"].to_str().unwrap().starts_with("app-"));
        failed += usize::from(response.status() == 503);
    }
    assert!((15..=45).contains(&failed), "{failed} of 60");
}

#[tokio::test]
async fn wrong_content_has_the_right_status() {
    let standin = standin(60).await;
    let base = standin.url();
    standin
        .apply(Fault::new(Effect::WrongContent(WrongContent::ErrorPage)).path("/sign-in"))
        .unwrap();
    let wrong = page(&client_at(1), format!("{base}/sign-in")).await;
    assert!(text(&wrong, "#message").unwrap().contains("unexpected error"));

    standin
        .apply(Fault::new(Effect::WrongContent(WrongContent::EmptyList)).path("/api/export"))
        .unwrap();
    let request = client_at(1).get(format!("{base}/api/export/notes"));
    let export: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!((&export["records"], &export["next"]), (&json!([]), &Value::Null));
    assert!(export["as_of"].is_string());
}

#[tokio::test]
async fn a_stale_feed_answers_and_stands_still() {
    let standin = standin(400).await;
    let url = format!("{}/api/export/notes?limit=2000", standin.url());
    let read = async || -> Value {
        let request = client_at(1).get(&url).bearer_auth("synthetic-capture");
        request.send().await.unwrap().json().await.unwrap()
    };
    let fault = Fault::new(Effect::Stale).path("/api/export").named("stale");
    standin.apply(fault).unwrap();
    let first = read().await;
    assert!(standin.change(100).added > 0);
    assert_eq!(read().await, first);
    standin.clear("stale");
    let fresh = read().await;
    assert_ne!(fresh["records"], first["records"]);
    assert!(fresh["as_of"].as_str() > first["as_of"].as_str());
}

#[tokio::test]
async fn nobody_new_gets_in_while_sign_in_is_broken() {
    let standin = standin(60).await;
    let base = standin.url();
    let inside = signed_in(&base, 1).await;
    standin.apply(Fault::new(Effect::SignInBroken)).unwrap();
    let answer = sign_in(&client_at(2), &base, "synthetic-probe").await;
    assert_eq!(answer.status(), 200);
    let told = text(&answer.text().await.unwrap(), "#error");
    assert_eq!(told.as_deref(), Some("Your session could not be created."));
    assert_eq!(get(&inside, format!("{base}/")).await.status(), 200);
}

#[tokio::test]
async fn the_control_api_works_while_everybody_is_refused() {
    let standin = standin(60).await;
    let control = format!("http://{}/standin", standin.control_addr());
    let client = client_at(1);
    assert_eq!(get(&client, format!("{control}/faults")).await.status(), 401);
    let send = async |request: reqwest::RequestBuilder| {
        request.bearer_auth("synthetic-control").send().await.unwrap()
    };
    let fault = json!({ "name": "all", "effect": "refuse" });
    let applied = send(client.post(format!("{control}/faults")).json(&fault)).await;
    assert_eq!(applied.json::<Value>().await.unwrap(), json!({ "name": "all" }));
    let slow = json!({ "effect": { "slow": { "ms": 900_000 } } });
    assert_eq!(send(client.post(format!("{control}/faults")).json(&slow)).await.status(), 422);
    let list: Value = send(client.get(format!("{control}/faults"))).await.json().await.unwrap();
    assert_eq!(list["faults"][0]["effect"], "refuse");
    assert_eq!(send(client.delete(format!("{control}/faults/all"))).await.status(), 204);
    assert_eq!(send(client.delete(format!("{control}/faults/all"))).await.status(), 404);
    let changed = send(client.post(format!("{control}/change?count=5"))).await;
    let changed: Value = changed.json().await.unwrap();
    assert!(changed["added"].is_u64() && changed["deleted"].is_u64());
}

#[tokio::test]
async fn a_scenario_plays_on_the_clock() {
    let start: jiff::Timestamp = "2023-03-01T22:30:00Z".parse().unwrap();
    let clock = Clock::manual(start);
    let config = holdfast::standin::StandinConfig { people: 60, ..Default::default() };
    let standin = holdfast::standin::Standin::start(config, clock.clone()).await.unwrap();
    let scenario = Scenario::parse(
        "format: holdfast/standin-scenario/v1\ntitle: Test\noffices: { noarlunga: 127.0.1.1 }\n\
         timeline:\n\
         \x20 - { at: 10 s, fault: { name: a, from: [noarlunga], effect: { status: 500 } } }\n\
         \x20 - { at: 20 s, clear: a }\n",
    )
    .unwrap();
    let url = format!("{}/api/status", standin.url());
    let status = async || get(&client_at(1), url.clone()).await.status().as_u16();
    let playing = async {
        scenario.play(&standin, &clock, |_| {}).await.unwrap();
    };
    let watching = async {
        assert_eq!(status().await, 200);
        advance(&clock, start + Duration::from_secs(10)).await;
        while status().await == 200 {}
        assert_eq!(get(&client_at(2), url.clone()).await.status(), 200);
        advance(&clock, start + Duration::from_secs(20)).await;
    };
    tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(playing, watching) })
        .await
        .unwrap();
    assert_eq!(status().await, 200);
}

/// Moves the clock once somebody waits for that instant.
async fn advance(clock: &Clock, at: jiff::Timestamp) {
    while clock.next_deadline() != Some(at) {
        tokio::task::yield_now().await;
    }
    clock.set(at);
}
