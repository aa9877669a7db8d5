//! What each case system has beside the pages of all of them, and their shipped probes against it.

use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::config::probes;
use holdfast::domain::check::{Check, CheckKind, FailureReason, Outcome};
use holdfast::domain::ids::ProbeId;
use holdfast::domain::signal::Reading;
use holdfast::domain::step::Until;
use holdfast::domain::target::{Probe, Target};
use holdfast::probing::readings::Readings;
use holdfast::probing::run::{Setting, run};
use holdfast::probing::values::Secrets;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::standin::system::System;
use holdfast::standin::{Standin, StandinConfig};
use holdfast::store::Store;
use tokio::sync::mpsc;

use crate::support::{root, setting, writes};

/// A case system with its shipped probes pointed at it.
struct Probed {
    standin: Standin,
    setting: Setting,
    readings: mpsc::Receiver<Reading>,
    _folder: tempfile::TempDir,
}

impl Probed {
    async fn start(system: System) -> Self {
        let clock = Clock::system();
        let config = StandinConfig { system, people: 200, pace: 3_600, ..StandinConfig::default() };
        let standin = Standin::start(config, clock.clone()).await.unwrap();
        let target = target(system, &standin);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        let writes = Some(writes(&store, Duration::from_millis(1)));
        let shared = Arc::into_inner(setting(target, &clock, writes)).unwrap();
        let (read, readings) = mpsc::channel(64);
        let secret = |(name, text): (&str, &str)| (name.to_owned(), text.into());
        let secrets = [
            ("username", "probe-1"),
            ("password", "synthetic-probe"),
            ("police_token", "synthetic-interface"),
            ("agency_token", "synthetic-interface"),
        ];
        let accounts = Secrets(secrets.map(secret).into()).into();
        let setting = Setting { accounts, readings: Readings::to(read), ..shared };
        Self { standin, setting, readings, _folder: folder }
    }

    async fn check(&self, probe: &str) -> Check {
        let probe = self.setting.target.probe(&ProbeId::new(probe).unwrap()).unwrap();
        let location = self.setting.target.location(&probe.locations[0]).unwrap();
        run(&self.setting, probe, location, CheckKind::Slot, self.setting.clock.now()).await
    }

    fn number(&mut self, signal: &str) -> f64 {
        let mut found = None;
        while let Ok(reading) = self.readings.try_recv() {
            if reading.signal.as_str() == signal {
                found = Some(reading.value);
            }
        }
        found.unwrap_or_else(|| panic!("'{signal}' was not read"))
    }
}

/// The shipped target, waiting two seconds where staff would wait minutes.
fn target(system: System, standin: &Standin) -> Target {
    let name = system.as_str();
    let text = std::fs::read_to_string(root().join(format!("probes/{name}.yaml"))).unwrap();
    let mut target = probes::read(name, &text).unwrap();
    target.base_url = probes::parse_base_url(&standin.url()).unwrap();
    for (other, url) in &mut target.systems {
        *url = probes::parse_base_url(&format!("{}/{other}", standin.url())).unwrap();
    }
    for probe in &mut target.probes {
        let mut hastened = Probe::clone(probe);
        for step in &mut hastened.steps {
            let interval = Duration::from_millis(100);
            step.until = step.until.map(|_| Until { interval, at_most: Duration::from_secs(2) });
        }
        *probe = Arc::new(hastened);
    }
    target
}

fn stale(path: &str) -> Fault {
    Fault::new(Effect::Stale).named("stale").path(path)
}

#[tokio::test]
async fn every_shipped_probe_passes_against_its_system() {
    for system in System::ALL {
        let probed = Probed::start(system).await;
        for probe in &probed.setting.target.probes {
            let check = probed.check(probe.id.as_str()).await;
            let name = format!("{}/{}", system.as_str(), probe.id);
            assert_eq!(check.outcome, Outcome::Passed, "{name}: {:?}", check.evidence);
        }
    }
}

#[tokio::test]
async fn a_feed_that_is_up_but_stale_has_failed_and_says_how_old_it_is() {
    let mut care = Probed::start(System::Care).await;
    care.standin.apply(stale("/api/feeds/police")).unwrap();
    // An hour behind a second: more than the 30 minutes allowed after half a second.
    let stale = crate::support::eventually("the feed being stale", || async {
        let check = care.check("police-feed").await;
        (check.outcome == Outcome::Failed(FailureReason::Stale)).then_some(check)
    })
    .await;
    let evidence = stale.evidence.unwrap();
    assert_eq!(evidence.step.unwrap().as_str(), "last-received");
    assert!(evidence.detail.contains("expected 30 min old at most"), "{}", evidence.detail);
    assert!(care.number("police-feed") > 1_800.0);
    assert_eq!(care.check("health-feed").await.outcome, Outcome::Passed, "only police");
    assert_eq!(care.check("search").await.outcome, Outcome::Passed, "CARE itself works");
    care.standin.clear_all();
    assert_eq!(care.check("police-feed").await.outcome, Outcome::Passed);
}

#[tokio::test]
async fn a_hand_over_that_does_not_arrive_is_stale_and_taken_back() {
    for (system, probe, side, back) in [
        (System::Care, "police-hand-over", "/api/notifications", "take-back"),
        (System::Nsw, "hand-over", "/agency", "withdraw"),
    ] {
        let probed = Probed::start(system).await;
        let arrives = probed.check(probe).await;
        assert_eq!(arrives.outcome, Outcome::Passed, "{:?}", arrives.evidence);
        let waited: Vec<_> = arrives.steps.iter().map(|step| step.step.as_str()).collect();
        assert_eq!(waited.iter().filter(|step| ["arrives", "accepted"].contains(step)).count(), 1);
        probed.standin.apply(stale(side)).unwrap();
        let stuck = probed.check(probe).await;
        assert_eq!(stuck.outcome, Outcome::Failed(FailureReason::Stale), "{:?}", stuck.evidence);
        let detail = stuck.evidence.unwrap().detail;
        assert!(detail.starts_with("did not appear within 2000 ms"), "{detail}");
        let taken_back = stuck.steps.iter().any(|step| step.step.as_str() == back);
        assert!(taken_back, "nothing is left behind: {:?}", stuck.steps);
    }
}

#[tokio::test]
async fn numbers_are_read_with_every_run_and_surge_on_demand() {
    let mut wa = Probed::start(System::Wa).await;
    wa.check("caseloads").await;
    let usual = wa.number("unallocated-cases");
    assert!((1_000.0..1_070.0).contains(&usual), "{usual}");
    wa.standin.apply(Fault::new(Effect::Surge { percent: 140 }).named("surge")).unwrap();
    assert_eq!(wa.check("caseloads").await.outcome, Outcome::Passed, "a number is no outage");
    assert!(wa.number("unallocated-cases") > usual * 1.3);
    wa.check("caseloads").await;
    assert!(wa.number("workers-over-18") > 0.0);
}
