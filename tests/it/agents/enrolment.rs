//! Who may report, and for where.

use std::net::SocketAddr;
use std::time::Duration;

use holdfast::app::agent::keys::Folder;
use holdfast::app::agent::run::renew;
use holdfast::clock::Clock;
use holdfast::crypto::digest::Digest;
use holdfast::domain::agent::{
    ASKS, CHECKS, Delivery, ENROL, Finding, MissedSlots, Numbered, PLAN,
};
use holdfast::domain::check::{CheckKind, Gap};
use holdfast::domain::ids::{LocationId, ProbeId, TargetId};
use holdfast::probing::agent::uplink::Uplink;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::store::agents;
use holdfast::store::ledger::{self, Range};
use holdfast::web::agents::routes::{Needs, ROUTES, Route};
use reqwest::{Certificate, Client, Identity, StatusCode};
use serde_json::json;

use super::rig::{Agent, Hub, assert_whole, more_slots, noarlunga};
use crate::command::{complains, prints};
use crate::support::{eventually, standin};

/// Speaks as an agent would, with the certificate in its folder or with none.
fn client(agent: &Agent, identified: bool) -> Client {
    let read = |name: &str| std::fs::read(agent.path().join("data").join(name)).unwrap();
    let authority = Certificate::from_pem(&read("authority.pem")).unwrap();
    let builder = Client::builder().tls_certs_only([authority]);
    match identified {
        true => builder.identity(Identity::from_pem(&read("identity.pem")).unwrap()),
        false => builder,
    }
    .build()
    .unwrap()
}

fn url(hub: SocketAddr, path: &str) -> String {
    format!("https://{hub}{path}")
}

fn delivery(location: &str, number: i64) -> Delivery {
    let finding = Finding::Missed(MissedSlots {
        target: TargetId::new("c3ms").unwrap(),
        probe: ProbeId::new("search").unwrap(),
        location: LocationId::new(location).unwrap(),
        first_slot_at: Clock::system().now(),
        slots: 1,
        interval_us: 2_000_000,
        gap: Gap::Away,
    });
    let findings = vec![Numbered { number, finding }];
    let spool = "test".to_owned();
    Delivery { spool, findings, behind: 0, dropped: 0, measured: None, troubles: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_agent_probes_its_location_and_the_hub_leaves_it_to_it() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let served = hub.care.serve().await;
    let store = hub.care.store().await;
    let faults = "holdfast_readiness_faults{kind=\"agent-silent\"}";
    served.shows(faults, |count| count == 1.0).await;
    let mut agent = hub.enrol(hub.address);
    assert_eq!(hub.slots(&store).await, [], "the hub does not probe there");
    agent.run();
    more_slots(&hub, &store, 8).await;
    assert_whole(&hub.slots(&store).await);
    served.shows(faults, |count| count == 0.0).await;
    let offset = "holdfast_clock_offset_seconds{location=\"noarlunga\"}";
    served.shows(offset, |offset| offset.abs() < 0.5).await;
    let listed = prints(&hub.care.folder, &["agent", "list"]);
    assert!(listed.contains("noarlunga") && listed.contains("certified until"), "{listed}");

    // Confirmations that detection asks for are run there.
    let here = "127.0.0.1".parse().unwrap();
    let fault = standin.apply(Fault::new(Effect::Status(503)).from(here)).unwrap();
    served.shows("holdfast_outage_open{target=\"c3ms\"}", |open| open == 1.0).await;
    let to = Clock::system().now();
    let range = Range { location: Some(noarlunga()), to, ..Range::default() };
    let rows = ledger::range(&store, &range).await.unwrap();
    let confirmed = rows.iter().filter(|row| row.kind == CheckKind::Confirmation);
    assert!(confirmed.count() > 0, "{rows:?}");
    standin.clear(&fault);
    served.shows("holdfast_outage_open{target=\"c3ms\"}", |open| open == 0.0).await;

    // Files read again at the hub reach the agent, which keeps them for when it is away.
    let probe_file = hub.care.folder.join("probes/c3ms.yaml");
    let text = std::fs::read_to_string(&probe_file).unwrap();
    std::fs::write(&probe_file, text + "\n# again\n").unwrap();
    let plans = || agent.log().matches("the hub's plan is in force").count();
    let before = plans();
    served.signal("-HUP");
    eventually("the next plan", || std::future::ready((plans() > before).then_some(()))).await;
    served.kill();
    agent.stop();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    agent.edit("targets:", &format!("listen: \"{free}\"\ntargets:"));
    agent.run();
    agent.says("plan=true").await;
    agent.says("the hub is not reached").await;
    eventually("a check that waits", || async move {
        let answer = reqwest::get(format!("http://{free}/healthz")).await.ok()?;
        let words = answer.text().await.ok()?;
        (words.contains("checks wait") && !words.contains(" 0 checks wait")).then_some(())
    })
    .await;
    agent.stop();
    assert!(!agent.spooled().await.is_empty(), "it probed without its hub");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once_for_an_hour_and_nothing_else_is() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let _served = hub.care.serve().await;
    let store = hub.care.store().await;
    let invitation = hub.invite();
    let agent = Agent::new(hub.address);
    assert!(agent.enrol(hub.address, &invitation).status.success());
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = agent.path().join("data").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o077
    };
    assert_eq!(mode("identity.pem"), 0, "the key is its owner's alone");
    let text = std::fs::read_to_string(&invitation).unwrap();
    assert!(!text.contains("PRIVATE"));

    let refused = |invitation: &std::path::Path| {
        let output = Agent::new(hub.address).enrol(hub.address, invitation);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, why) = refused(&invitation);
    assert_eq!(status, Some(1));
    assert!(why.contains("the token is wrong, used or expired"), "{why}");

    // Long over: its digest is all that the hub has.
    let secret = text.split('.').nth(2).unwrap();
    let hash = Digest::of(secret.as_bytes()).to_hex();
    let now = Clock::system().now();
    agents::invite(&store, &noarlunga(), &hash, now).await.unwrap();
    assert!(refused(&invitation).1.contains("expired"));
    agents::invite(&store, &noarlunga(), &hash, now + Duration::from_secs(60)).await.unwrap();

    // Another hub's certificate: its first contact trusts nobody else.
    let other = Hub::of(&standin, "127.0.0.1");
    let _other = other.care.serve().await;
    let output = Agent::new(other.address).enrol(other.address, &invitation);
    let why = String::from_utf8(output.stderr).unwrap();
    assert!(why.contains("not reached") && why.contains("certificate"), "{why}");

    // Tokens cannot be tried for long.
    let client = client(&agent, false);
    let guess = json!({ "token": "0".repeat(64), "request": "none" });
    let mut last = StatusCode::OK;
    for _ in 0..12 {
        let answer = client.post(url(hub.address, ENROL)).json(&guess).send().await.unwrap();
        last = answer.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_for_its_location_until_it_is_revoked() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let served = hub.care.serve().await;
    let mut agent = hub.enrol(hub.address);
    let stranger = client(&agent, false);
    for Route { path, needs, .. } in ROUTES {
        assert_eq!(*needs == Needs::Token, *path == ENROL, "{path}");
        let asked = match *path {
            PLAN => stranger.get(url(hub.address, path)),
            _ => stranger.post(url(hub.address, path)).json(&json!({})),
        };
        let status = asked.send().await.unwrap().status();
        assert_eq!(status == StatusCode::UNAUTHORIZED, *needs == Needs::Certificate, "{path}");
    }

    let known = client(&agent, true);
    let deliver = async |location: &str, number: i64| {
        let asked = known.post(url(hub.address, CHECKS)).json(&delivery(location, number));
        asked.send().await.unwrap().status()
    };
    assert_eq!(deliver("noarlunga", 1).await, StatusCode::OK);
    assert_eq!(deliver("elizabeth", 2).await, StatusCode::FORBIDDEN);
    // Nor is anything known of a probe that nobody configured.
    let mut invented = delivery("noarlunga", 2);
    let Finding::Missed(missed) = &mut invented.findings[0].finding else { unreachable!() };
    missed.probe = ProbeId::new("invented").unwrap();
    let asked = known.post(url(hub.address, CHECKS)).json(&invented);
    assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK);
    let refused = "holdfast_agent_refused_findings_total{location=\"noarlunga\"}";
    served.shows(refused, |count| count == 1.0).await;
    assert!(!served.metrics().await.keys().any(|name| name.contains("invented")));
    let probes = hub.slots(&hub.care.store().await).await;
    assert!(probes.iter().all(|(probe, ..)| probe == "search"), "{probes:?}");
    let huge = "x".repeat(5 * 1024 * 1024);
    let sent = known.post(url(hub.address, CHECKS)).body(huge).send().await;
    assert!(sent.map_or(true, |answer| !answer.status().is_success()), "it is bounded");

    // A clock that is off is shown, and says why nothing there is compared with others.
    let off = json!({ "measured": { "offset_us": 5_000_000, "delay_us": 2_000 } });
    let asked = known.post(url(hub.address, ASKS)).json(&off).send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::OK);
    let offset = "holdfast_clock_offset_seconds{location=\"noarlunga\"}";
    served.shows(offset, |offset| offset.to_string() == "5").await;
    served.shows("holdfast_readiness_faults{kind=\"agent-clock\"}", |count| count == 1.0).await;

    agent.run();
    agent.says("the hub's plan is in force").await;
    served.shows("holdfast_readiness_faults{kind=\"agent-clock\"}", |count| count == 0.0).await;
    let said = prints(&hub.care.folder, &["agent", "revoke", "noarlunga"]);
    assert!(said.contains("refused from now on"), "{said}");
    assert_eq!(deliver("noarlunga", 3).await, StatusCode::FORBIDDEN, "on an open connection too");
    agent.says("the hub refuses: the certificate for 'noarlunga' is revoked").await;
    let (status, why) = complains(&hub.care.folder, &["agent", "revoke", "noarlunga"]);
    assert_eq!(status, 2, "{why}");

    // Enrolled anew in the same folder it delivers what it kept.
    agent.stop();
    assert!(agent.enrol(hub.address, &hub.invite()).status.success());
    agent.run();
    let store = hub.care.store().await;
    more_slots(&hub, &store, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_with_a_key_of_its_own_and_used_at_once() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let _served = hub.care.serve().await;
    let agent = hub.enrol(hub.address);
    let folder = Folder::take(&agent.path().join("data")).unwrap();
    let before = folder.keys().unwrap().unwrap();
    let address: url::Url = format!("https://{}", hub.address).parse().unwrap();
    let uplink =
        Uplink::new(address.clone(), &before.authority, &before.identity, Clock::system()).unwrap();
    let renewed = renew(&folder, &uplink).await.unwrap();
    let after = folder.keys().unwrap().unwrap();
    assert_eq!((&after.seen, after.location), (&renewed, noarlunga()));
    assert_ne!(renewed.serial, before.seen.serial);
    let key = |identity: &str| identity[identity.find("PRIVATE KEY").unwrap()..].to_owned();
    assert_ne!(key(&before.identity), key(&after.identity), "no key is used twice");
    assert_eq!(uplink.plan().await.unwrap().plan.location, noarlunga());
    let shown = Uplink::new(address, &after.authority, &after.identity, Clock::system()).unwrap();
    assert!(shown.plan().await.is_ok(), "it is the one on disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_never_end_keep_nobody_out() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let _served = hub.care.serve().await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(tokio::net::TcpStream::connect(hub.address).await.unwrap());
    }
    let mut agent = hub.enrol(hub.address);
    agent.run();
    agent.says("the hub's plan is in force").await;
    drop(idle);
}

#[test]
fn an_agent_without_its_files_says_what_to_do() {
    let agent = Agent::new("127.0.0.1:1".parse().unwrap());
    let (status, why) = complains(agent.path(), &["agent", "run"]);
    assert_eq!(status, 2);
    assert!(why.contains("run 'holdfast agent enrol' with an invitation"), "{why}");
    agent.edit("username:", "usrname:");
    let said = prints(agent.path(), &["validate", "agent.yaml"]);
    assert!(said.contains("an agent that reports to https://127.0.0.1:1/"), "{said}");
    let text = std::fs::read_to_string(agent.path().join("agent.yaml")).unwrap();
    let indented: String = text.lines().map(|line| format!("   {line}\n")).collect();
    std::fs::write(agent.path().join("copied.yaml"), indented).unwrap();
    let said = prints(agent.path(), &["validate", "copied.yaml"]);
    assert!(said.contains("an agent that reports to"), "as it stands in the guide: {said}");
    agent.edit("hub: https", "hub: http");
    let (status, why) = complains(agent.path(), &["agent", "run"]);
    assert_eq!(status, 2);
    assert!(why.contains("agent.yaml:2:6: not a hub's address"), "{why}");
    let schema = prints(agent.path(), &["schema", "agent"]);
    assert!(schema.contains("\"hub\"") && !schema.contains("\"writes\""), "{schema}");
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_refuses_agents_where_nothing_is_or_where_probes_write() {
    let standin = standin(&Clock::system()).await;
    let hub = Hub::of(&standin, "127.0.0.1");
    let folder = &hub.care.folder;
    prints(folder, &["validate"]);
    crate::support::served::edit(folder, "holdfast.yaml", "[noarlunga]", "[noarlnga]");
    let (status, why) = complains(folder, &["validate"]);
    assert_eq!(status, 2);
    let expected = "no target has the location 'noarlnga': did you mean 'noarlunga'?";
    let line = why.lines().find(|line| line.contains(expected)).unwrap_or_else(|| panic!("{why}"));
    let text = std::fs::read_to_string(folder.join("holdfast.yaml")).unwrap();
    let (number, there) =
        (1..).zip(text.lines()).find(|(_, line)| line.contains("noarlnga")).unwrap();
    let column = there.find("noarlnga").unwrap() + 1;
    assert!(line.contains(&format!("holdfast.yaml:{number}:{column}: ")), "{line}");
    crate::support::served::edit(folder, "holdfast.yaml", "[noarlnga]", "[noarlunga]");
    let writes = "    interval: 2 s\n    writes: { interval: 15 min, test_office: \"Test\" }\n";
    crate::support::served::edit(folder, "holdfast.yaml", "    interval: 2 s\n", writes);
    let (_, why) = complains(folder, &["validate"]);
    assert!(why.contains("the probe 'intake' of 'c3ms' writes at 'noarlunga'"), "{why}");
}
