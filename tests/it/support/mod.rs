//! What several tests share: a stand-in case system, its probe file and waiting with a bound.

pub mod copy;
pub mod names;
pub mod observed;
pub mod reader;
pub mod served;
pub mod server;
pub mod small_disk;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::config::probes;
use holdfast::domain::target::{Probe, Target};
use holdfast::probing::browser::{Browsers, Programs};
use holdfast::probing::readings::Readings;
use holdfast::probing::run::Setting;
use holdfast::probing::tls::Tls;
use holdfast::probing::values::Secrets;
use holdfast::probing::writes::{Permission, Writes};
use holdfast::standin::{Standin, StandinConfig};
use holdfast::store::Store;
use secrecy::SecretString;

/// Longer than anything that is waited for takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The repository's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A small stand-in on a free port.
pub async fn standin(clock: &Clock) -> Standin {
    let config = StandinConfig { people: 200, ..StandinConfig::default() };
    Standin::start(config, clock.clone()).await.unwrap()
}

/// The shipped C3MS target, pointed at the stand-in and probing every `interval`.
pub fn c3ms(standin: &Standin, interval: Duration) -> Target {
    let path: PathBuf = root().join("probes/c3ms.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut target = probes::read("c3ms.yaml", &text).unwrap();
    target.base_url = probes::parse_base_url(&standin.url()).unwrap();
    for probe in &mut target.probes {
        let timeout = probe.timeout.min(interval);
        *probe = Arc::new(Probe { interval, timeout, ..Probe::clone(probe) });
    }
    target
}

/// What probes of the stand-in run with; they may write when `writes` says so.
pub fn setting(target: Target, clock: &Clock, writes: Option<Arc<Writes>>) -> Arc<Setting> {
    let secret = |text: &str| SecretString::from(text.to_owned());
    let secrets = [("username", "probe-1"), ("password", "synthetic-probe")];
    Arc::new(Setting {
        target: Arc::new(target),
        accounts: Secrets(secrets.map(|(name, text)| (name.to_owned(), secret(text))).into())
            .into(),
        tls: Tls::new(rustls::RootCertStore::empty(), None).unwrap(),
        browsers: browsers(),
        clock: clock.clone(),
        writes: writes.unwrap_or_else(Writes::never),
        readings: Readings::default(),
        elsewhere: Arc::default(),
    })
}

/// Permission to write into the test office, noted in the store.
pub fn writes(store: &Store, interval: Duration) -> Arc<Writes> {
    let test_office = "Test office (synthetic)".to_owned();
    Writes::allowed(Permission { interval, test_office, store: store.clone() })
}

/// What probes lodged that is still in the stand-in: reference and narrative.
pub fn lodged(standin: &Standin) -> Vec<(String, String)> {
    standin.read(|register| {
        let reports = register.concern_reports.iter();
        let ours = reports.filter(|report| report.concern_category == "synthetic probe");
        ours.map(|report| (report.id.clone(), report.narrative.clone())).collect()
    })
}

/// Browsers whose folder goes to where the system keeps what is thrown away.
pub fn browsers() -> Arc<Browsers> {
    let folder = std::env::temp_dir().join(format!("holdfast-browser-{}", std::process::id()));
    Arc::new(Browsers::new(Programs::usual(folder)))
}

/// Asks again until there is an answer; stops the test when there is none in [`PATIENCE`].
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let asking = async {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        loop {
            pause.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("{what} did not happen within {} s", PATIENCE.as_secs()),
    }
}

/// An address that nobody listened on a moment ago, for programs that want to be told theirs.
pub fn free_address() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
