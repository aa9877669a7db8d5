//! Names that change their mind: a run speaks to the addresses that were looked at, and to no
//! other, however often a name server is asked.
//!
//! In namespaces of their own, since it is the system that resolves names.

use std::net::Ipv4Addr;
use std::time::Duration;

use holdfast::domain::check::FailureReason;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;

use super::rig::Rig;
use crate::support::names::{NameServer, inside};
use crate::support::server::{Seen, Server};

/// Where the target is, and the only network it may be in.
const ALLOWED: Ipv4Addr = Ipv4Addr::new(127, 0, 5, 1);
const NETWORK: &str = "127.0.5.0/24";
const OURS: Ipv4Addr = Ipv4Addr::LOCALHOST;
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const LED_ASTRAY: &str = "led outside the target's networks";

/// `once` leads to the target the first time and then to this machine, `cloud` likewise to a
/// cloud's metadata; `partly` leads to both at once, `always` is honest.
fn answers(name: &str, times: usize) -> Vec<Ipv4Addr> {
    match (name, times) {
        ("once.example.gov" | "cloud.example.gov", 0) => vec![ALLOWED],
        ("once.example.gov", _) => vec![OURS],
        ("cloud.example.gov", _) => vec![METADATA],
        ("partly.example.gov", _) => vec![ALLOWED, OURS],
        ("always.example.gov", _) => vec![ALLOWED],
        _ => Vec::new(),
    }
}

/// Every connection ends with its answer, so that the next request needs a new one.
fn page(seen: &Seen) -> Response<Full<Bytes>> {
    let answer = Response::builder().header("connection", "close");
    let port = seen.headers["host"].to_str().unwrap().rsplit_once(':').unwrap().1.to_owned();
    let name = seen.line.trim_start_matches("GET /to/");
    if name.len() < seen.line.len() {
        let location = format!("http://{name}.example.gov:{port}/");
        return answer.status(302).header("location", location).body(Full::default()).unwrap();
    }
    let page = "<!doctype html><title>Synthetic</title><h1>Here</h1>";
    answer.header("content-type", "text/html").body(page.into()).unwrap()
}

/// The target, and on the same port of the other addresses servers that nobody may reach.
struct Servers {
    allowed: Server,
    forbidden: [Server; 2],
}

impl Servers {
    async fn start() -> Self {
        let allowed = Server::start_at((ALLOWED, 0).into(), page, None).await;
        let port = allowed.address.port();
        let ours = Server::start_at((OURS, port).into(), page, None).await;
        let metadata = Server::start_at((METADATA, port).into(), page, None).await;
        Self { allowed, forbidden: [ours, metadata] }
    }

    fn rig(&self, name: &str) -> Rig {
        let base_url = format!("http://{name}.example.gov:{}", self.allowed.address.port());
        Rig { base_url, networks: NETWORK, ..Rig::new() }
    }

    /// # Panics
    /// When somebody came where nobody may.
    fn nobody_came_astray(&self) {
        for server in &self.forbidden {
            assert!(server.connections() == 0, "{} was reached", server.address);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_mind_leads_nobody_astray() {
    if !inside("probing::rebinding::a_name_that_changes_its_mind_leads_nobody_astray") {
        return;
    }
    let (names, servers) = (NameServer::start(answers).await, Servers::start().await);
    let one = "- { id: one, http: { get: / } }";
    let two = "- { id: one, http: { get: / } }\n- { id: two, http: { get: /again } }";

    servers.rig("once").passes(one).await;
    assert_eq!(names.asked("once.example.gov"), 1, "what was looked at is what is connected to");
    // Its next connection looks again, and finds it elsewhere; now in one run.
    let check = servers.rig("cloud").fails(two, FailureReason::Redirect, LED_ASTRAY).await;
    let evidence = check.evidence.unwrap();
    assert_eq!(evidence.step.unwrap().as_str(), "two");
    assert_eq!(evidence.address.as_deref(), Some("169.254.169.254"));
    assert_eq!(names.asked("cloud.example.gov"), 2);
    servers.rig("once").fails(one, FailureReason::Redirect, LED_ASTRAY).await;
    servers.rig("partly").fails(one, FailureReason::Redirect, LED_ASTRAY).await;

    // A redirect's hop is looked at as the first one is.
    let hop = |name: &str| format!("- {{ id: one, http: {{ get: /to/{name}, redirects: 3 }} }}");
    let honest = servers.rig("always").passes(&hop("always")).await;
    assert_eq!(honest.steps.len(), 2);
    for name in ["once", "cloud", "partly"] {
        let rig = servers.rig("always");
        rig.fails(&hop(name), FailureReason::Redirect, LED_ASTRAY).await;
    }
    let tcp = format!("- {{ id: one, tcp: {{ port: {} }} }}", servers.allowed.address.port());
    servers.rig("always").passes(&tcp).await;
    servers.rig("once").fails(&tcp, FailureReason::Redirect, LED_ASTRAY).await;
    servers.nobody_came_astray();
}

/// The browser resolves nothing itself: its gate does, at each connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_led_no_further_than_a_request() {
    if !inside("probing::rebinding::a_browser_is_led_no_further_than_a_request") {
        return;
    }
    let (names, servers) = (NameServer::start(answers).await, Servers::start().await);
    let folder = tempfile::tempdir().unwrap();
    let rig = |name: &str| Rig {
        browsers: Rig::with_browsers_in(folder.path().to_owned()).browsers,
        timeout: Duration::from_secs(40),
        ..servers.rig(name)
    };
    let sitting = |first: &str, then: &str| {
        format!("- {{ id: sit, browser: {{ start: {first}, actions: [{{ goto: {then} }}] }} }}")
    };
    rig("always").passes(&sitting("/", "/to/always")).await;
    for name in ["once", "cloud"] {
        let check =
            rig(name).fails(&sitting("/", "/again"), FailureReason::Redirect, LED_ASTRAY).await;
        assert!(check.evidence.unwrap().detail.starts_with("action 1, goto '/again'"));
        assert!(names.asked(&format!("{name}.example.gov")) >= 2);
    }
    let check = rig("always").check(&sitting("/", "/to/once")).await;
    assert!(check.evidence.is_some(), "another host's page is not there");
    servers.nobody_came_astray();
}
