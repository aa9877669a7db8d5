//! One probe of a few steps, run once against whatever a test started.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::config::probes;
use holdfast::domain::check::{Check, CheckKind, FailureReason, Outcome};
use holdfast::probing::browser::{Browsers, Programs};
use holdfast::probing::readings::Readings;
use holdfast::probing::run::{Setting, run};
use holdfast::probing::tls::Tls;
use holdfast::probing::values::Secrets;
use holdfast::probing::writes::Writes;
use secrecy::SecretString;

use crate::support::server::Authority;

/// The secret of every test here; no output may hold it.
pub const PASSWORD: &str = "synthetic-probe";

/// What a probe of these tests runs with.
pub struct Rig {
    pub base_url: String,
    pub networks: &'static str,
    pub source: Option<&'static str>,
    pub timeout: Duration,
    pub tls: Tls,
    pub browsers: Arc<Browsers>,
}

impl Rig {
    pub fn new() -> Self {
        Self {
            base_url: "http://127.0.0.1".to_owned(),
            networks: "127.0.0.0/8",
            source: None,
            timeout: Duration::from_secs(10),
            tls: Tls::new(rustls::RootCertStore::empty(), None).unwrap(),
            browsers: crate::support::browsers(),
        }
    }

    /// One that believes the certificates of an authority.
    pub fn trusting(authority: &Authority) -> Self {
        let tls = Tls::new(authority.roots(), None).unwrap();
        let tls = tls.with_own_authorities(authority.pem().as_bytes());
        Self { tls, ..Self::new() }
    }

    pub fn with_browsers_in(folder: PathBuf) -> Self {
        Self { browsers: Arc::new(Browsers::new(Programs::usual(folder))), ..Self::new() }
    }

    /// Runs the steps, written as in a file.
    pub async fn check(&self, steps: &str) -> Check {
        let steps = steps.trim().replace('\n', "\n      ");
        let source = self.source.map(|ip| format!(", source_address: {ip}")).unwrap_or_default();
        let (base_url, networks) = (&self.base_url, self.networks);
        let timeout_ms = self.timeout.as_millis();
        let text = format!(
            "format: holdfast/probes/v1
target: sample
title: Sample
base_url: {base_url}
time_zone: Australia/Adelaide
networks: [{networks}]
locations: [{{ id: here, title: Here{source} }}]
cohorts: [{{ id: office, title: Office, head_count: 1, office: office, locations: [here] }}]
secrets: [password]
probes:
  - id: one
    title: One
    kind: journey
    weight: essential
    interval: 1 h
    timeout: {timeout_ms} ms
    steps:
      {steps}
"
        );
        let target = probes::read("sample.yaml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let secrets = [("password".to_owned(), SecretString::from(PASSWORD))];
        let clock = Clock::system();
        let setting = Setting {
            target: Arc::new(target),
            accounts: Secrets(secrets.into()).into(),
            tls: self.tls.clone(),
            browsers: Arc::clone(&self.browsers),
            clock: clock.clone(),
            writes: Writes::never(),
            readings: Readings::default(),
            elsewhere: Arc::default(),
        };
        let (probe, location) = (&setting.target.probes[0], &setting.target.locations[0]);
        let check = run(&setting, probe, location, CheckKind::Slot, clock.now()).await;
        let told = serde_json::to_string(&check).unwrap();
        assert!(!told.contains(PASSWORD), "no secret in evidence: {told}");
        check
    }

    #[track_caller]
    pub fn passes(&self, steps: &str) -> impl Future<Output = Check> {
        let caller = std::panic::Location::caller();
        async move {
            let check = self.check(steps).await;
            assert_eq!(check.outcome, Outcome::Passed, "{caller}: {:?}", check.evidence);
            check
        }
    }

    /// The steps end with this failure, and with these words.
    #[track_caller]
    pub fn fails(
        &self,
        steps: &str,
        reason: FailureReason,
        words: &str,
    ) -> impl Future<Output = Check> {
        self.ends(steps, Outcome::Failed(reason), words)
    }

    #[track_caller]
    pub fn ends(&self, steps: &str, outcome: Outcome, words: &str) -> impl Future<Output = Check> {
        let caller = std::panic::Location::caller();
        async move {
            let check = self.check(steps).await;
            assert_eq!(check.outcome, outcome, "{caller}: {:?}", check.evidence);
            let detail = &check.evidence.as_ref().unwrap().detail;
            assert!(detail.contains(words), "{caller}: {detail}");
            check
        }
    }
}
