//! Steps of a browser: headless Chromium at the stand-in case system.

use std::path::Path;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::check::{FailureReason, InconclusiveReason, Outcome};
use holdfast::probing::browser::{Browsers, Programs};
use holdfast::standin::Standin;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use tempfile::TempDir;

use super::rig::Rig;
use crate::support::server::{Seen, Server};
use crate::support::small_disk::SmallDisk;
use crate::support::{eventually, standin};

/// Signing in by filling and clicking, as staff do.
const SIGN_IN: &str = r##"
- id: sign-in
  browser:
    start: /sign-in
    actions:
      - fill: { select: "input[name=username]", text: probe-1 }
      - fill: { select: "input[name=password]", text: "${secret.password}" }
      - click: "form[action='/sign-in'] button"
      - expect_selector: "#signed-in-as"
      - expect_text: { select: h1, contains: EXPECTED }
      - goto: /persons?q=wojciechowski
      - wait: 100 ms
      - expect_text: { contains: All data is synthetic }
  expect: { html: [{ select: "#signed-in-as", test: { equals: probe-1 } }], within: 30 s }
  capture: { where: { url: whole } }
"##;

async fn rig(standin: &Standin) -> (Rig, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_browsers_in(folder.path().to_owned());
    let rig = Rig { base_url: standin.url(), timeout: Duration::from_secs(45), ..rig };
    (rig, folder)
}

/// Whether any process of this machine uses a profile of this folder.
fn is_in_use(folder: &Path) -> bool {
    let marker = folder.join("profiles").display().to_string();
    std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&marker)
    })
}

/// Every browser is closed, and its profile is gone.
async fn is_tidy(folder: &Path) {
    eventually("the browser is closed and cleared away", || async {
        // A folder for the running chromedriver, with nothing in it.
        let folders = std::fs::read_dir(folder.join("profiles")).into_iter().flatten();
        let profiles = folders.filter_map(|entry| std::fs::read_dir(entry.unwrap().path()).ok());
        let left = profiles.map(Iterator::count).sum::<usize>();
        (left == 0 && !is_in_use(folder)).then_some(())
    })
    .await;
}

fn pictures(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder.join("pictures")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn staff_sign_in_and_search_in_a_real_browser() {
    let standin = standin(&Clock::system()).await;
    let (rig, folder) = rig(&standin).await;
    let check = rig.passes(&SIGN_IN.replace("EXPECTED", "Home")).await;
    let step = &check.steps[0];
    assert!(step.connect_us.is_some() && step.first_byte_us.is_some() && step.body_us.is_some());
    assert!(pictures(folder.path()).is_empty(), "only a failure leaves a picture");
    is_tidy(folder.path()).await;
}

#[tokio::test]
async fn a_page_that_is_not_as_expected_leaves_a_picture_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let standin = standin(&Clock::system()).await;
    let (mut rig, folder) = rig(&standin).await;
    rig.timeout = Duration::from_secs(12);
    let steps = SIGN_IN.replace("EXPECTED", "Elsewhere");
    let words = "action 5, expect 'Elsewhere' in 'h1': not done within";
    let check = rig.fails(&steps, FailureReason::Timeout, words).await;
    let evidence = check.evidence.unwrap();
    assert!(evidence.address.is_some());
    let pictures = pictures(folder.path());
    assert_eq!(pictures.len(), 1);
    let name = pictures[0].file_name().unwrap().to_str().unwrap();
    assert!(evidence.detail.ends_with(&format!("(picture {name})")), "{}", evidence.detail);
    assert!(name.starts_with("sample-one-sign-in-"), "{name}");
    assert_eq!(std::fs::read(&pictures[0]).unwrap()[1..4], *b"PNG");
    let mode = std::fs::metadata(&pictures[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    is_tidy(folder.path()).await;
}

#[tokio::test]
async fn a_browser_goes_nowhere_but_to_the_networks() {
    let standin = standin(&Clock::system()).await;
    let (mut rig, folder) = rig(&standin).await;
    rig.networks = "10.0.0.0/8";
    let quiet = Programs { pictures: false, ..Programs::usual(folder.path().to_owned()) };
    rig.browsers = Browsers::new(quiet).into();
    let step = "- { id: go, browser: { start: /sign-in } }";
    for base in [standin.url(), standin.url().replace("127.0.0.1", "localhost")] {
        rig.base_url = base;
        let words = "led outside the target's networks";
        rig.fails(step, FailureReason::Redirect, words).await;
    }
    assert!(pictures(folder.path()).is_empty(), "pictures are turned off");
    is_tidy(folder.path()).await;
}

#[tokio::test]
async fn a_browser_speaks_from_the_location_and_is_closed_when_time_is_up() {
    use holdfast::standin::faults::{Effect, Fault};
    let standin = standin(&Clock::system()).await;
    let (mut rig, folder) = rig(&standin).await;
    rig.source = Some("127.0.1.9");
    rig.timeout = Duration::from_secs(8);
    let fault = |effect| Fault {
        name: "test".to_owned(),
        from: vec!["127.0.1.9".parse().unwrap()],
        path: None,
        node: None,
        share: 1.0,
        effect,
    };
    let step = "- { id: go, browser: { start: /sign-in } }";
    standin.apply(fault(Effect::Status(503))).unwrap();
    let words = "the page was answered with status 503";
    rig.fails(step, FailureReason::Status, words).await;
    standin.clear_all();
    standin.apply(fault(Effect::Hang)).unwrap();
    rig.fails(step, FailureReason::Timeout, "the first page: ").await;
    is_tidy(folder.path()).await;
}

#[tokio::test]
async fn a_browser_that_a_dead_service_left_behind_is_ended() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};
    let standin = standin(&Clock::system()).await;
    let (rig, folder) = rig(&standin).await;
    // A folder that nobody holds, of this very number, and a program that still uses a profile.
    let profile = folder.path().join("profiles").join(std::process::id().to_string()).join("left");
    std::fs::create_dir_all(&profile).unwrap();
    let mut left = Command::new("sh")
        .args(["-c", "read nothing; exit", "sh"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    rig.passes("- { id: go, browser: { start: /sign-in } }").await;
    assert_eq!(left.wait().unwrap().signal(), Some(9), "it was ended");
    assert!(!profile.exists());
    is_tidy(folder.path()).await;
}

#[tokio::test]
async fn browsers_of_one_folder_leave_each_other_alone() {
    let standin = standin(&Clock::system()).await;
    let (rig, folder) = rig(&standin).await;
    let step = "- { id: go, browser: { start: /sign-in } }";
    rig.passes(step).await;
    let other = Rig::with_browsers_in(folder.path().to_owned());
    let other = Rig { base_url: standin.url(), timeout: rig.timeout, ..other };
    other.passes(step).await;
    drop(rig);
    other.passes(step).await;
    is_tidy(folder.path()).await;
}

#[tokio::test]
async fn without_a_browser_nothing_is_said_of_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let absent = Programs {
        chromedriver: folder.path().join("absent"),
        ..Programs::usual(folder.path().to_owned())
    };
    let rig = Rig { browsers: Browsers::new(absent).into(), ..Rig::new() };
    let outcome = Outcome::Inconclusive(InconclusiveReason::Prober);
    let step = "- { id: go, browser: { start: / } }";
    rig.ends(step, outcome, "chromedriver does not start").await;
}

#[tokio::test]
async fn without_room_for_a_profile_nothing_is_said_of_the_target() {
    let standin = standin(&Clock::system()).await;
    let disk = SmallDisk::mount();
    let rig = Rig { base_url: standin.url(), ..Rig::with_browsers_in(disk.path().to_owned()) };
    let outcome = Outcome::Inconclusive(InconclusiveReason::Disk);
    let step = "- { id: go, browser: { start: /sign-in } }";
    disk.fill();
    rig.ends(step, outcome, "").await;
    // Nor where the folder is not to be made at all.
    let file = disk.path().join("filler");
    let rig = Rig { base_url: standin.url(), ..Rig::with_browsers_in(file) };
    rig.ends(step, outcome, "the folder of the browsers' profiles cannot be made").await;
}

fn page(_: &Seen) -> Response<Full<Bytes>> {
    let text = "<!doctype html><title>Synthetic</title><h1>Here</h1>";
    Response::builder().header("content-type", "text/html").body(text.into()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_turn_at_the_browser_is_no_latency_of_the_target() {
    let server = Server::start(page, None).await;
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig {
        base_url: format!("http://{}", server.address),
        timeout: Duration::from_secs(40),
        ..Rig::with_browsers_in(folder.path().to_owned())
    };
    let long = "- { id: go, browser: { start: /, actions: [{ wait: 8 s }] } }";
    let quick = "- { id: go, browser: { start: / } }";
    rig.passes(quick).await;
    let asked = || server.requests().iter().filter(|seen| seen.line == "GET /").count();
    let before = asked();
    let third = async {
        eventually("two browsers being open", || async { (asked() >= before + 2).then_some(()) })
            .await;
        let watch = holdfast::clock::Stopwatch::start();
        (rig.passes(quick).await, watch.elapsed())
    };
    let (_, _, (check, took)) = tokio::join!(rig.passes(long), rig.passes(long), third);
    let latency = Duration::from_millis(check.latency_ms.into());
    assert!(took > latency + Duration::from_secs(4), "{took:?} with {latency:?} of latency");

    // What it then lacks of its time is our own lack.
    let hasty = Rig {
        timeout: Duration::from_secs(10),
        browsers: std::sync::Arc::clone(&rig.browsers),
        base_url: rig.base_url.clone(),
        ..Rig::new()
    };
    let before = asked();
    let third = async {
        eventually("two browsers being open", || async { (asked() >= before + 2).then_some(()) })
            .await;
        let late = "- { id: go, browser: { start: /, actions: [{ wait: 7 s }] } }";
        let outcome = Outcome::Inconclusive(InconclusiveReason::Prober);
        hasty.ends(late, outcome, "").await
    };
    let long = long.replace("8 s", "6 s");
    tokio::join!(rig.passes(&long), rig.passes(&long), third);
    is_tidy(folder.path()).await;
}
