//! The line between an office and its hub, cut and healed: two network namespaces, two cables.
//!
//! Over one cable the agent reports, over the other it reaches the case system, so that it sees an
//! outage that its hub cannot hear of.

use std::process::Command;

use holdfast::clock::Clock;
use holdfast::domain::check::Outcome;
use holdfast::domain::notice::NoticeKind;
use holdfast::domain::verdict::Verdict;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::standin::{Standin, StandinConfig};
use holdfast::store::continuity::find;
use holdfast::store::detection;
use jiff::Timestamp;

use super::rig::{Hub, assert_whole, more_slots};
use crate::support::eventually;

/// An office of its own: a network namespace with a cable to the hub and one to the case system.
struct Office {
    name: String,
    /// Both ends of the cable to the hub, and of the one to the case system.
    hub: [String; 2],
    target: [String; 2],
    cable: String,
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.expect("'ip' is of Debian's package iproute2, which tests/run installs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "'ip {arguments}' failed: {said}\nThis test lays cables between network namespaces, which \
         takes root or CAP_NET_ADMIN and CAP_SYS_ADMIN: run it with them, it is not left out."
    );
}

impl Office {
    fn open() -> Self {
        // Several runs on one machine keep out of each other's way.
        let id = std::process::id() % 60_000;
        let net = |cable: u32, end: u32| {
            format!(
                "10.{}.{}.{}",
                180 + id / 256 / 8,
                id % 256,
                (id / 256 % 8) * 16 + cable * 4 + end
            )
        };
        let office = Self {
            name: format!("hfo{id}"),
            hub: [net(1, 1), net(1, 2)],
            target: [net(2, 1), net(2, 2)],
            cable: format!("hfh{id}"),
        };
        let Self { name, hub, target, cable } = &office;
        ip(&format!("netns add {name}"));
        for (near, far, ends) in
            [(cable.clone(), "line", hub), (format!("hft{id}"), "case", target)]
        {
            ip(&format!("link add {near} type veth peer name {far} netns {name}"));
            ip(&format!("addr add {}/30 dev {near}", ends[0]));
            ip(&format!("link set {near} up"));
            ip(&format!("-n {name} addr add {}/30 dev {far}", ends[1]));
            ip(&format!("-n {name} link set {far} up"));
        }
        ip(&format!("-n {name} link set lo up"));
        office
    }

    fn cut(&self) {
        ip(&format!("link set {} down", self.cable));
    }

    fn heal(&self) {
        ip(&format!("link set {} up", self.cable));
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        // The cables go with it.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_cut_off_is_told_as_that_and_completes_the_record_when_it_is_back() {
    let office = Office::open();
    let standin = at(&office.target[0]).await;
    let hub = Hub::of(&standin, &office.hub[0]);
    let served = hub.care.serve().await;
    let store = hub.care.store().await;
    let mut agent = hub.enrol(hub.address);
    let vitals = format!("{}:8099", office.target[1]);
    agent.edit("targets:", &format!("listen: \"{vitals}\"\ntargets:"));
    agent.within = ["ip", "netns", "exec", &office.name].map(str::to_owned).to_vec();
    agent.run();
    let verdict = async || {
        let standings = detection::standings(&store).await.unwrap();
        standings.into_iter().find(|one| one.cohort.as_str() == "noarlunga").map(|one| one.verdict)
    };
    let is = async |wanted: Verdict| {
        eventually(wanted.as_str(), || async { (verdict().await == Some(wanted)).then_some(()) })
            .await;
    };
    is(Verdict::Up).await;
    let said = async || {
        let answer = reqwest::get(format!("http://{vitals}/healthz")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(said().await.0, 200);

    let cut_at = Clock::system().now();
    office.cut();
    agent.says("the hub is not reached").await;
    outage_meanwhile(&standin, &office, &vitals).await;
    served.says("Noarlunga is not reporting").await;
    let silent = "holdfast_readiness_faults{kind=\"agent-silent\"}";
    served.shows(silent, |count| count == 1.0).await;
    is(Verdict::Unknown).await;
    let (status, words) = said().await;
    assert_eq!(status, 503, "{words}");
    assert!(words.contains("not reporting since"), "{words}");
    let open = "holdfast_outage_open{target=\"c3ms\"}";
    assert_eq!(served.metrics().await[open], 0.0, "the target is not blamed");
    eventually("operations being told", || told(&store, NoticeKind::AgentSilent)).await;

    office.heal();
    let healed_at = Clock::system().now();
    served.says("Noarlunga reports again").await;
    served.shows(silent, |count| count == 0.0).await;
    eventually("operations being told of the end", || told(&store, NoticeKind::AgentHeard)).await;
    is(Verdict::Up).await;
    more_slots(&hub, &store, 8).await;
    agent.stop();

    let slots = hub.slots(&store).await;
    assert_whole(&slots);
    let during = |at: &Timestamp| (cut_at..healed_at).contains(at);
    let ended = |which: fn(&Outcome) -> bool| {
        slots.iter().filter(|(_, at, ended)| during(at) && which(ended)).count()
    };
    assert!(ended(|ended| matches!(ended, Outcome::Failed(_))) >= 8, "{slots:?}");
    assert_eq!(ended(|ended| *ended == Outcome::Missed), 0, "it probed all the time");

    // What it saw is history, and nobody was told late.
    let outages = detection::outages(&store, cut_at, Clock::system().now()).await.unwrap();
    assert_eq!(outages.len(), 1, "{outages:?}");
    let outage = &outages[0];
    assert!(
        during(&outage.began_at) && outage.ended_at.is_some_and(|at| during(&at)),
        "{outage:?}"
    );
    assert!(outage.detected_at >= healed_at, "it says when that was known: {outage:?}");
    assert!(outage.scope.cohorts.iter().all(|one| one.as_str() == "noarlunga"), "{outage:?}");
    let notices = find::notices_between(&store, cut_at, Timestamp::MAX).await.unwrap();
    let kinds: Vec<_> = notices.iter().map(|notice| notice.kind).collect();
    let of_agents =
        |kind: &NoticeKind| matches!(kind, NoticeKind::AgentSilent | NoticeKind::AgentHeard);
    assert!(!kinds.is_empty() && kinds.iter().all(of_agents), "{kinds:?}");
    assert_eq!(find::incidents(&store, cut_at, Timestamp::MAX, 10).await.unwrap().len(), 0);
}

/// The case system at that end of a cable.
async fn at(address: &str) -> Standin {
    let listen = format!("{address}:0").parse().unwrap();
    let config = StandinConfig { people: 200, listen, ..StandinConfig::default() };
    Standin::start(config, Clock::system()).await.unwrap()
}

/// An outage for that office alone, while its line is cut: it begins, is seen, and ends.
async fn outage_meanwhile(standin: &Standin, office: &Office, vitals: &str) {
    let fault = Fault::new(Effect::Status(503)).from(office.target[1].parse().unwrap());
    let fault = standin.apply(fault).unwrap();
    let checks = async |outcome: &str| -> f64 {
        let text = reqwest::get(format!("http://{vitals}/metrics")).await.unwrap();
        let text = text.text().await.unwrap();
        let label = format!("outcome=\"{outcome}\"");
        let lines = text.lines().filter(|line| line.starts_with("holdfast_checks_total"));
        let lines = lines.filter(|line| line.contains(&label));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    let more = async |outcome: &str, more: f64| {
        let before = checks(outcome).await;
        eventually(outcome, || async { (checks(outcome).await >= before + more).then_some(()) })
            .await;
    };
    more("failed", 16.0).await;
    standin.clear(&fault);
    more("passed", 16.0).await;
}

async fn told(store: &holdfast::store::Store, kind: NoticeKind) -> Option<Timestamp> {
    find::last_notice(store, kind, "noarlunga").await.unwrap()
}
