//! A target nobody here wrote: Roundup's demo tracker, from PyPI, running as its own process.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::config::probes;
use holdfast::domain::check::{Check, CheckKind, FailureReason, Outcome};
use holdfast::probing::run::{Setting, run};
use holdfast::probing::tls::Tls;
use holdfast::probing::values::Secrets;
use holdfast::vault::order::Scope;
use holdfast::vault::site::{self, Level};
use jiff::Timestamp;
use secrecy::SecretString;
use tempfile::TempDir;

use crate::support::copy::{Desk, Installed};
use crate::support::reader::Reader;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/roundup");

/// Installing takes a while on a machine that has it not yet.
const READY_WITHIN: Duration = Duration::from_secs(240);

/// The tracker, which goes away with this value; its items stay until the folder goes.
struct Tracker {
    folder: TempDir,
    port: u16,
    process: Child,
    client: reqwest::Client,
}

impl Tracker {
    async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        // The tracker wants to know its port beforehand: a free one, let go of at once.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        let process = spawn(folder.path(), port);
        // The tracker forks for every connection: none may stay open behind a test's back.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let mut tracker = Self { folder, port, process, client };
        tracker.wait().await;
        tracker
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn wait(&mut self) {
        let answers = async {
            loop {
                if self.client.get(self.url("/demo/")).send().await.is_ok() {
                    return;
                }
                let gone = self.process.try_wait().unwrap();
                assert!(gone.is_none(), "the tracker ended: {gone:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(READY_WITHIN, answers).await.expect("the tracker never answered");
    }

    /// Adds an item by the tracker's own API and tells its id.
    async fn add(&self, title: &str) -> String {
        let answer = self
            .client
            .post(self.url("/demo/rest/data/issue"))
            .basic_auth("admin", Some("admin"))
            .header("X-Requested-With", "rest")
            .header("Origin", self.url(""))
            .header("Referer", self.url("/demo/"))
            .json(&serde_json::json!({ "title": title, "priority": "1" }))
            .send()
            .await
            .unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        answer["data"]["id"].as_str().unwrap_or_else(|| panic!("not added: {answer}")).to_owned()
    }

    /// Changes an item, or retires it when there is no new title, as its API wants it: with the
    /// version that was read.
    async fn edit(&self, id: &str, title: Option<&str>) {
        let url = self.url(&format!("/demo/rest/data/issue/{id}"));
        let read = self.client.get(&url).basic_auth("admin", Some("admin")).send().await.unwrap();
        let version = read.headers()["etag"].clone();
        let request = match title {
            Some(title) => self.client.put(&url).json(&serde_json::json!({ "title": title })),
            None => self.client.delete(&url),
        };
        let answer = request
            .basic_auth("admin", Some("admin"))
            .header("X-Requested-With", "rest")
            .header("Origin", self.url(""))
            .header("Referer", self.url("/demo/"))
            .header("If-Match", version)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// An installation whose copy is of this tracker.
    fn installed(&self, folder: &Path, now: Timestamp) -> Installed {
        for name in ["mapping.yaml", "holdfast.yaml", "directory.yaml"] {
            let text = std::fs::read_to_string(format!("{FIXTURES}/{name}")).unwrap();
            let text = text.replace("http://127.0.0.1:8917", &self.url(""));
            std::fs::write(folder.join(name), text).unwrap();
        }
        std::fs::write(folder.join("password"), "admin\n").unwrap();
        let site = folder.join("data/site");
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let passphrase = "synthetic custody passphrase".into();
        site::create(&site, "synthetic", Level::Demo, &passphrase, now).unwrap();
        Installed::new(folder.join("holdfast.yaml"), now)
    }

    /// Ends it with the processes it forked, which share its listening socket.
    fn kill(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }

    /// Ends it and waits until nobody listens any more.
    async fn stop(&mut self) {
        self.kill();
        let closed = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), closed).await.expect("it still listens");
    }

    async fn start_again(&mut self) {
        self.process = spawn(self.folder.path(), self.port);
        self.wait().await;
    }

    /// Its probe file, as somebody would have written it for this address.
    fn probe_file(&self) -> String {
        let file = std::fs::read_to_string(format!("{FIXTURES}/probes.yaml")).unwrap();
        file.replace("http://127.0.0.1:8917", &self.url(""))
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(folder: &Path, port: u16) -> Child {
    Command::new(format!("{FIXTURES}/start"))
        .arg(folder)
        .arg(port.to_string())
        .process_group(0)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// One check of each of its probes from each location.
async fn checks(tracker: &Tracker) -> Vec<Check> {
    let target = probes::read("probes.yaml", &tracker.probe_file()).unwrap();
    let secret = |text: &str| SecretString::from(text.to_owned());
    let secrets = [("account", "demo"), ("password", "demo"), ("basic", "ZGVtbzpkZW1v")];
    let clock = Clock::system();
    let setting = Setting {
        target: Arc::new(target),
        accounts: Secrets(secrets.map(|(name, text)| (name.to_owned(), secret(text))).into())
            .into(),
        tls: Tls::new(rustls::RootCertStore::empty(), None).unwrap(),
        clock: clock.clone(),
        browsers: crate::support::browsers(),
        writes: holdfast::probing::writes::Writes::never(),
        readings: holdfast::probing::readings::Readings::default(),
        elsewhere: Arc::default(),
    };
    let mut checks = Vec::new();
    for probe in &setting.target.probes {
        for location in &setting.target.locations {
            checks.push(run(&setting, probe, location, CheckKind::Slot, clock.now()).await);
        }
    }
    checks
}

#[tokio::test]
async fn probes_use_it_as_its_people_do_and_see_it_go_and_come_back() {
    let mut tracker = Tracker::start().await;
    let empty = checks(&tracker).await;
    let find = empty.iter().find(|check| check.probe.as_str() == "search").unwrap();
    assert_eq!(find.outcome, Outcome::Failed(FailureReason::Content), "{find:?}");
    assert_eq!(find.evidence.as_ref().unwrap().step.as_ref().unwrap().as_str(), "find");

    tracker.add("Synthetic-Ngāti matter").await;
    for check in checks(&tracker).await {
        assert_eq!(check.outcome, Outcome::Passed, "{check:?}");
    }

    tracker.stop().await;
    for check in checks(&tracker).await {
        assert_eq!(check.outcome, Outcome::Failed(FailureReason::Refused), "{check:?}");
    }

    tracker.start_again().await;
    for check in checks(&tracker).await {
        assert_eq!(check.outcome, Outcome::Passed, "{check:?}");
    }
}

#[tokio::test]
async fn its_items_are_captured_and_found_in_the_portal_when_it_is_gone() {
    let mut tracker = Tracker::start().await;
    let kept = tracker.add("Synthetic-Ngāti matter").await;
    let changed = tracker.add("Synthetic-Before").await;
    let retired = tracker.add("Synthetic-Retired").await;
    let clock = Clock::system();
    let folder = TempDir::new().unwrap();
    let installed = tracker.installed(folder.path(), clock.now());
    let first = installed.capture().await;
    assert_eq!(first["outcome"]["published"]["generation"], 1, "{first}");
    for none in ["rejected", "unmapped", "vanished"] {
        assert_eq!(first[none], serde_json::json!([]), "{first}");
    }

    tracker.edit(&changed, Some("Synthetic-After")).await;
    tracker.edit(&retired, None).await;
    let second = installed.capture().await;
    assert_eq!(second["outcome"]["published"]["generation"], 2, "{second}");
    // A person, a case and a note each; the tracker comes with three users.
    assert_eq!((&first["standard"], &second["standard"]), (&12.into(), &9.into()), "{second}");

    tracker.stop().await;
    installed.order(Scope::Everyone, clock.now());
    let desk = Desk::serve(installed.portal(&clock)).await;
    assert_eq!(desk.open(&installed).await.generation, 2);
    let reader = Reader::sign_in(&desk.url, "p-desk", &clock).await.unwrap();
    let link = format!("/portal/person/{kept}");
    reader.find("ngati").await.expect(200, &["Synthetic-Ngāti matter", &link]);
    let page = reader.get(&link).await;
    page.expect(200, &["Synthetic-Ngāti matter", "messages and files of an item", "Opened"]);
    let page = reader.get(&format!("/portal/person/{changed}")).await;
    page.expect(200, &["Synthetic-After"]).without(&["Synthetic-Before"]);
    reader.find("retired").await.expect(200, &["Nobody in this copy matches"]);
    reader.get(&format!("/portal/person/{retired}")).await.expect(404, &[]);
}
