//! `holdfast demo --profile …` by the real program: each profile's outage, seen and told as what it
//! is.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// The longest plays a little over a minute where the machine is loaded.
const DEMO_TIMEOUT: Duration = Duration::from_secs(170);

/// Plays a profile's outage to its end; gives the closing object, and what was said meanwhile.
async fn play(profile: &str) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["demo", "--profile", profile, "--json", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("demo"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(DEMO_TIMEOUT, ended).await.expect("it ends by itself");
    let ended = ended.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{profile}: {said}");
    assert!(!said.contains("Somebody waits for something"), "{profile}: {said}");
    assert!(!said.contains(" ERROR "), "{profile}: {said}");
    let output = String::from_utf8(ended.stdout).unwrap();
    let last = output.lines().last().expect("it ends with an object");
    (serde_json::from_str(last).unwrap(), said)
}

/// The one outage there was.
fn only_outage(summary: &Value) -> (&str, &str) {
    let outages = summary["outages"].as_array().unwrap();
    assert_eq!(outages.len(), 1, "{summary:#}");
    assert!(outages[0]["ended_at"].is_string(), "it is over: {summary:#}");
    (outages[0]["verdict"].as_str().unwrap(), outages[0]["scope"].as_str().unwrap())
}

/// Who was told, each by mail that was sent.
fn told(summary: &Value) -> Vec<&str> {
    let notices = summary["notices"].as_array().unwrap();
    assert!(notices.iter().all(|one| one["state"] == "sent"), "{summary:#}");
    notices.iter().map(|one| one["role"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_police_feed_that_stands_still_is_told_as_a_stale_feed() {
    let (summary, said) = play("care").await;
    assert_eq!(only_outage(&summary), ("down", "CARE's police feed is stale everywhere."));
    let told = told(&summary);
    for role in ["ops-on-call", "intake-lead", "after-hours-manager"] {
        assert!(told.contains(&role), "{role}: {summary:#}");
    }
    let feeds = &summary["signals"];
    assert!(feeds["police-feed"]["most"].as_f64().unwrap() > 9.0 * 3_600.0, "{summary:#}");
    assert!(feeds["health-feed"]["most"].as_f64().unwrap() < 60.0, "{summary:#}");
    assert!(said.contains("CARE's police feed is stale everywhere."), "{said}");
    assert!(summary["snapshot"].is_null());
}

#[tokio::test]
async fn a_system_that_gets_slow_is_told_as_slow_and_where() {
    let (summary, _) = play("cyras").await;
    let sentence = "CYRAS is slow everywhere, only finding a person.";
    assert_eq!(only_outage(&summary), ("slow", sentence));
    let told = told(&summary);
    assert!(told.contains(&"ops-on-call") && told.contains(&"intake-lead"), "{summary:#}");
}

#[tokio::test]
async fn numbers_that_rise_are_told_once_and_are_no_outage() {
    let (summary, said) = play("wa").await;
    assert_eq!(summary["outages"], Value::Array(Vec::new()), "{summary:#}");
    assert!(summary["detected_at"].is_null());
    let cases = &summary["signals"]["unallocated-cases"];
    assert!(cases["least"].as_f64().unwrap() < 1_100.0, "{summary:#}");
    assert!(cases["most"].as_f64().unwrap() > 1_300.0, "{summary:#}");
    assert!(told(&summary).iter().all(|role| *role == "ops-on-call"), "{summary:#}");
    let about_cases =
        said.lines().filter(|line| line.contains("A number to look at: Assist: Cases with no"));
    assert_eq!(about_cases.count(), 1, "told once: {said}");
}

#[tokio::test]
async fn a_hand_over_that_stands_still_is_told_although_both_sides_answer() {
    let (summary, _) = play("nsw").await;
    let sentence = "ChildStory's hand-over to agencies is stale everywhere.";
    assert_eq!(only_outage(&summary), ("down", sentence));
    let told = told(&summary);
    assert!(told.contains(&"ops-on-call") && told.contains(&"intake-lead"), "{summary:#}");
}
