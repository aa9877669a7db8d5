//! The demo as somebody watches it: a browser open on its pages, the service killed in the middle,
//! the summary read at the end.
//!
//! `HOLDFAST_PICTURES=folder` keeps the screenshots; those in `docs/` were made so.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use fantoccini::Locator;
use holdfast::clock::Clock;
use holdfast::crypto::totp::TotpSecret;
use serde_json::Value;

use crate::grafana::Prometheus;
use crate::web::browser::{Appearance, Browser, NARROW, WIDE};

/// Something is said more often than this while a scenario plays.
const SILENCE_AT_MOST: Duration = Duration::from_secs(100);

/// A demo under way.
struct Demo {
    process: Child,
    /// What it says on standard error, line by line.
    lines: Receiver<String>,
    heard: Vec<String>,
    folder: tempfile::TempDir,
    pictures: Option<PathBuf>,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(["demo", "--scenario", "march-2023", "--json", "--listen", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.path().join("demo"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stderr.take().unwrap());
        let (said, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| said.send(line))
        });
        let pictures = std::env::var_os("HOLDFAST_PICTURES").map(PathBuf::from);
        Self { process, lines, heard: Vec::new(), folder, pictures }
    }

    /// The next line that contains `words`.
    fn hear(&mut self, words: &str) -> String {
        self.hear_all(&[words])
    }

    /// The next line that contains each of `words`.
    fn hear_all(&mut self, words: &[&str]) -> String {
        loop {
            let line = self.lines.recv_timeout(SILENCE_AT_MOST).unwrap_or_else(|_| {
                panic!("nobody said {words:?}:\n{}", self.heard.join("\n"));
            });
            self.heard.push(line.clone());
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("demo")
    }

    /// Kills the service as nobody can prepare for.
    fn kill_service(&self) {
        let id = std::fs::read_to_string(self.data().join("serve.pid")).unwrap();
        assert!(Command::new("kill").args(["-KILL", id.trim()]).status().unwrap().success());
    }

    async fn picture(&self, browser: &Browser, name: &str) {
        let picture = browser.client.screenshot().await.unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        if let Some(folder) = &self.pictures {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
        }
    }

    fn end(mut self) -> (Value, Vec<String>) {
        let mut output = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        self.heard.extend(self.lines.try_iter());
        assert!(self.process.wait().unwrap().success(), "{}", self.heard.join("\n"));
        let last = output.lines().last().expect("it ends with an object");
        let mails = mails(&self.data().join("mail"));
        (serde_json::from_str(last).unwrap(), mails)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Both have ended by themselves unless the test failed.
        let _ = self.process.kill();
        if let Ok(id) = std::fs::read_to_string(self.data().join("serve.pid")) {
            let _ = Command::new("kill").args(["-KILL", id.trim()]).stderr(Stdio::null()).status();
        }
    }
}

/// Every mail that arrived, by its Message-ID.
fn mails(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.map(|text| header(&text, "Message-ID").to_owned()).collect()
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name}: {mail}"))
}

async fn open(origin: &str, appearance: Appearance, path: &str) -> Browser {
    let browser = Browser::start(appearance).await;
    browser.client.goto(&format!("{origin}{path}")).await.unwrap();
    browser
}

/// Signs in on the form that is open.
async fn sign_in(browser: &Browser, person: &str) {
    let secret = TotpSecret::from_base32("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").unwrap();
    let form = browser.client.form(Locator::Css("main form")).await.unwrap();
    let code = secret.code_at(Clock::system().now());
    for (name, value) in
        [("name", person), ("passphrase", "synthetic people only"), ("code", &code)]
    {
        form.set_by_name(name, value).await.unwrap();
    }
    press(browser, "main form .button").await;
    find(browser, "form[action='/sign-out']").await;
}

async fn press(browser: &Browser, selector: &str) {
    find(browser, selector).await.click().await.unwrap();
}

/// An element that is there, or soon will be.
async fn find(browser: &Browser, selector: &str) -> fantoccini::elements::Element {
    match browser.client.wait().for_element(Locator::Css(selector)).await {
        Ok(element) => element,
        Err(error) => {
            let page = browser.client.find(Locator::Css("body")).await.unwrap();
            panic!("{selector}: {error}: {}", page.text().await.unwrap());
        }
    }
}

async fn text(browser: &Browser, selector: &str) -> String {
    find(browser, selector).await.text().await.unwrap()
}

#[tokio::test]
async fn three_days_in_march_are_seen_told_carried_through_and_accounted_for() {
    let mut demo = Demo::start();
    let line = demo.hear("staff page");
    let origin = line.split_whitespace().last().unwrap().trim_end_matches('/').to_owned();
    let prometheus = Prometheus::scraping(origin.strip_prefix("http://").unwrap()).await;
    let staff = open(&origin, WIDE, "/?office=report-line").await;
    let operations = open(&origin, WIDE, "/sign-in?next=/ops").await;
    sign_in(&operations, "p-ops-1").await;

    demo.hear("Mail to ops-");
    staff.client.refresh().await.unwrap();
    let said = text(&staff, "h1").await;
    assert!(said.contains("C3MS is not working for Report Line"), "{said}");

    demo.hear("A crisis worker found a family");
    staff.client.refresh().await.unwrap();
    demo.picture(&staff, "staff").await;
    let worker = open(&origin, NARROW, "/sign-in?next=/portal").await;
    sign_in(&worker, "p-duty-1").await;
    worker.client.goto(&format!("{origin}/portal/person/P-10001")).await.unwrap();
    let banner = text(&worker, ".band").await;
    assert!(banner.contains("READ-ONLY COPY"), "{banner}");
    assert!(text(&worker, "#knock").await.contains("Before you knock"));
    demo.picture(&worker, "person").await;

    // In the middle of it, with a plan in force and notices on their way.
    demo.hear("connections are cut");
    demo.kill_service();

    demo.hear_all(&["Mail to ops-2@example.org: ", "C3MS is down for", "Noarlunga"]);
    // Sessions live in memory: whoever was signed in signs in again.
    operations.client.goto(&format!("{origin}/sign-in?next=/ops")).await.unwrap();
    sign_in(&operations, "p-ops-1").await;
    let said = text(&operations, "#banners").await;
    assert!(said.contains("Down. C3MS is down for") && said.contains("Noarlunga"), "{said}");
    let plans = text(&operations, "#plans").await;
    assert!(plans.contains("Case system down"), "{plans}");
    demo.picture(&operations, "operations").await;
    operations.client.find(Locator::Css("#plans a")).await.unwrap().click().await.unwrap();
    demo.picture(&operations, "plan").await;

    // The wallboard is over the very service, started again after it was killed.
    for (expression, shown) in [
        ("holdfast:verdict:code{cohort='noarlunga'} == 4", 4.0),
        ("holdfast_portal_open", 1.0),
        ("holdfast_activation_open{playbook='march-2023',mode='live'}", 1.0),
    ] {
        let number = prometheus.number(expression, Duration::from_secs(20)).await;
        assert_eq!(number, Ok(shown), "{expression}");
    }
    prometheus.shows_every_panel().await;

    demo.hear("What it came to");
    for words in ["agreed to stand down", "All clear"] {
        assert!(demo.heard.iter().any(|line| line.contains(words)), "{:#?}", demo.heard);
    }
    let error = demo.heard.iter().find(|line| line.contains(" ERROR "));
    assert_eq!(error, None, "nothing is wrong with Holdfast itself");
    for browser in [staff, operations, worker] {
        browser.close().await;
    }
    let (summary, mails) = demo.end();
    check(&summary);
    let distinct: BTreeSet<_> = mails.iter().collect();
    assert_eq!(distinct.len(), mails.len(), "no notice arrived twice: {mails:?}");
    let sent = summary["notices"].as_array().unwrap().iter().filter(|one| one["state"] == "sent");
    assert_eq!(sent.count(), mails.len(), "no notice was lost: {}", summary["notices"]);
}

/// The object that a scenario ends with.
fn check(summary: &Value) {
    let at = |value: &Value| -> jiff::Timestamp {
        value.as_str().unwrap_or_else(|| panic!("{summary:#}")).parse().unwrap()
    };
    let failed_at = at(&summary["first_failed_at"]);
    assert!(at(&summary["detected_at"]) >= failed_at);
    assert!(at(&summary["acknowledged_at"]) > failed_at);
    let outages = summary["outages"].as_array().unwrap();
    for (verdict, scope) in
        [("down", "Report Line"), ("down", "Noarlunga"), ("intermittent", "comes and goes")]
    {
        let found = outages.iter().any(|outage| {
            outage["verdict"] == verdict && outage["scope"].as_str().unwrap().contains(scope)
        });
        assert!(found, "{verdict} {scope}: {summary:#}");
    }
    for outage in outages {
        assert!(at(&outage["began_at"]) <= at(&outage["detected_at"]), "{outage:#}");
        assert!(at(&outage["began_at"]) < at(&outage["ended_at"]), "{outage:#}");
    }
    for notice in summary["notices"].as_array().unwrap() {
        assert_eq!((&notice["channel"], &notice["state"]), (&"email".into(), &"sent".into()));
        assert!(notice["role"].is_string() && at(&notice["at"]) > failed_at, "{notice:#}");
    }
    let copy = &summary["snapshot"];
    assert!(at(&copy["captured_at"]) < at(&copy["opened_at"]), "{copy:#}");
    assert!(at(&copy["opened_at"]) < at(&copy["closed_at"]), "{copy:#}");
    assert!(copy["generation"].as_u64() >= Some(1) && copy["records"].as_u64() > Some(5_000));
    let share = |name: &str| summary["availability"][name].as_f64().unwrap();
    assert!(0.0 < share("worst_case") && share("worst_case") <= share("known"));
    assert!(share("known") < 1.0 && share("coverage") <= 1.0);
    let files = summary["report_files"].as_array().unwrap();
    assert!(files.iter().any(|file| file.as_str().unwrap().ends_with(".html")), "{summary:#}");
}
