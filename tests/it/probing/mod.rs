//! Probes against a real server that fails on demand, and steps of every kind against real servers.

mod browser;
mod dns;
mod icmp;
mod large;
pub mod programs;
mod rebinding;
pub mod rig;
mod smtp;
pub mod sql;
mod tcp;
mod tls;

use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::check::{Check, CheckKind, FailureReason, Outcome};
use holdfast::domain::ids::{LocationId, ProbeId};
use holdfast::probing::run::{Setting, run};
use holdfast::standin::faults::{Effect, Fault, WrongContent};

use crate::support::{c3ms, setting, standin};

async fn check(setting: &Setting, probe: &str, location: &str) -> Check {
    let probe = setting.target.probe(&ProbeId::new(probe).unwrap()).unwrap();
    let location = setting.target.location(&LocationId::new(location).unwrap()).unwrap();
    run(setting, probe, location, CheckKind::Slot, setting.clock.now()).await
}

fn fault(effect: Effect) -> Fault {
    Fault {
        name: "test".to_owned(),
        from: vec!["127.0.1.2".parse().unwrap()],
        path: None,
        node: None,
        share: 1.0,
        effect,
    }
}

#[tokio::test]
async fn every_journey_passes_and_its_steps_are_timed() {
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let setting = setting(c3ms(&standin, Duration::from_secs(5)), &clock, None);
    for probe in ["sign-in", "search", "case-notes", "intake"] {
        let check = check(&setting, probe, "noarlunga").await;
        assert_eq!(check.outcome, Outcome::Passed, "{probe}: {:?}", check.evidence);
        let steps: Vec<_> = check.steps.iter().map(|step| step.step.as_str()).collect();
        assert_eq!(steps[0], "sign-in-form");
        assert_eq!(*steps.last().unwrap(), "sign-out");
        assert!(check.steps[0].connect_us.is_some(), "the first step connects");
        assert!(check.steps.iter().all(|step| step.first_byte_us.is_some()));
    }
}

#[tokio::test]
async fn each_way_of_failing_has_its_reason_and_says_where() {
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let setting = setting(c3ms(&standin, Duration::from_millis(1_500)), &clock, None);
    for (effect, reason) in [
        (Effect::Reset, FailureReason::Reset),
        (Effect::Hang, FailureReason::Timeout),
        (Effect::Status(503), FailureReason::Status),
        (Effect::WrongContent(WrongContent::ErrorPage), FailureReason::Content),
        (Effect::SignInBroken, FailureReason::Content),
    ] {
        standin.apply(fault(effect)).unwrap();
        let here = check(&setting, "search", "noarlunga").await;
        let elsewhere = check(&setting, "search", "elizabeth").await;
        standin.clear_all();
        assert_eq!(here.outcome, Outcome::Failed(reason), "{effect:?}: {:?}", here.evidence);
        assert_eq!(elsewhere.outcome, Outcome::Passed, "only one office fails");
        let evidence = here.evidence.unwrap();
        assert!(evidence.step.is_some(), "{effect:?}");
        assert!(!evidence.detail.contains("synthetic-probe"), "no secret in evidence");
    }
}

#[tokio::test]
async fn a_slow_answer_is_slow_and_not_down() {
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let mut target = c3ms(&standin, Duration::from_secs(5));
    for probe in &mut target.probes {
        let mut slower = holdfast::domain::target::Probe::clone(probe);
        slower.objectives.latency = Some(Duration::from_millis(300));
        *probe = slower.into();
    }
    let setting = setting(target, &clock, None);
    standin.apply(fault(Effect::Slow { ms: 200 })).unwrap();
    let check = check(&setting, "sign-in", "noarlunga").await;
    assert_eq!(check.outcome, Outcome::Slow);
    assert!(check.latency_ms >= 400, "{} ms", check.latency_ms);
}

#[tokio::test]
async fn a_probe_goes_nowhere_but_to_its_networks() {
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let mut target = c3ms(&standin, Duration::from_secs(5));
    target.networks = ["10.0.0.0/8".parse().unwrap()].into();
    for base in [standin.url(), standin.url().replace("127.0.0.1", "localhost")] {
        let mut target = target.clone();
        target.base_url = base.parse().unwrap();
        let check = check(&setting(target, &clock, None), "sign-in", "noarlunga").await;
        let detail = check.evidence.unwrap().detail;
        assert!(detail.contains("outside the target's networks"), "{base}: {detail}");
    }
}

#[tokio::test]
async fn a_dead_server_refuses() {
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let target = c3ms(&standin, Duration::from_secs(5));
    standin.shutdown().await;
    let check = check(&setting(target, &clock, None), "sign-in", "noarlunga").await;
    assert_eq!(check.outcome, Outcome::Failed(FailureReason::Refused));
}
