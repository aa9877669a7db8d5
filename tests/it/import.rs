//! Probe files made of what other programs check, through the real binary: what is written and what
//! is said are compared whole with files beside the fixture, and what is written passes validation.
//!
//! The fixtures are ours, in the grammars that blackbox_exporter's and Hurl's documentation give.

use std::path::{Path, PathBuf};

use holdfast::clock::Clock;
use holdfast::config::import::hurl;
use holdfast::config::probes;
use holdfast::domain::check::{Check, CheckKind, Outcome};
use holdfast::probing::run::run;

use crate::command::{complains, holdfast, prints};
use crate::support::{setting, standin};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import")
}

/// Imports a fixture, and compares both with `NAME.yaml` and `NAME.notes`.
fn becomes(name: &str, arguments: &[&str]) {
    let whole = [&["probe", "import"], arguments].concat();
    let output = holdfast(&fixtures(), &whole);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{notes}");
    let text = String::from_utf8(output.stdout).unwrap();
    for (found, ending) in [(&text, "yaml"), (&notes, "notes")] {
        let expected = std::fs::read_to_string(fixtures().join(format!("{name}.{ending}")));
        let expected = expected.unwrap_or_default();
        assert_eq!(*found, expected, "{name}.{ending} is another: {found}");
    }
    assert!(!text.contains("not-copied"), "a password was copied");

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("imported.yaml");
    let again = [&whole[..], &["--out", out.to_str().unwrap()]].concat();
    assert_eq!(prints(&fixtures(), &again), "");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), text);
    let said = prints(folder.path(), &["validate", "imported.yaml"]);
    assert!(said.starts_with("imported.yaml: "), "{said}");
    let (status, complaint) = complains(&fixtures(), &again);
    assert_eq!(status, 1, "nothing is written over: {complaint}");
}

#[test]
fn a_journey_of_hurl_comes_over_whole() {
    becomes("journey", &["journey.hurl", "--variable", "host=care.example.gov"]);
}

#[test]
fn everything_hurl_does_and_probes_do_not_is_told() {
    becomes("left-behind", &["left-behind.hurl"]);
}

#[test]
fn every_module_of_blackbox_exporter_comes_over_or_is_told() {
    let prometheus = ["blackbox.yml", "--prometheus", "prometheus.yml"];
    becomes("blackbox", &[&prometheus[..], &["--network", "10.20.0.0/16"]].concat());
}

#[test]
fn modules_are_probed_with_targets_of_their_kind() {
    let by_hand = ["blackbox.yml", "--target", "https://care.example.gov/", "--target", "10.1.0.1"];
    let output = holdfast(&fixtures(), &[&["probe", "import"], &by_hand[..]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in ["id: http-2xx-care-example-gov", "id: ping-10-1-0-1", "id: dns-udp-10-1-0-1"] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(!text.contains("tcp:"), "{text}");
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("the module 'tcp_connect' is not carried over: no target"), "{notes}");
    assert!(notes.contains("no step speaks 'grpc'"), "{notes}");
}

#[test]
fn a_password_in_an_address_is_never_copied() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let modules = "modules:\n  web: { prober: http, http: { fail_if_ssl: true } }\n  \
                   tcp: { prober: tcp }\n";
    write("blackbox.yml", modules);
    let targets = [
        "https://care.example.gov/api?from=probe&token=not-copied#token=not-copied",
        "https://probe:not-copied@promis.example.gov/?api_key=not-copied",
        "ftp://probe:not-copied@promis.example.gov/?token=not-copied",
    ];
    let target = |one: &str| format!("      - targets: [\"{one}\"]\n");
    let targets: String = targets.into_iter().map(target).collect();
    let scrape = "scrape_configs:\n  - metrics_path: /probe\n    params: { module: [web] }\n    \
                  static_configs:\n";
    let bare = "  - metrics_path: /probe\n    params: { module: [tcp] }\n    static_configs:\n      \
                - targets: [\"probe:not-copied@irc.example.gov/?token=not-copied\"]\n";
    write("prometheus.yml", &format!("{scrape}{targets}{bare}"));
    let arguments = ["probe", "import", "blackbox.yml", "--prometheus", "prometheus.yml"];
    let output = holdfast(folder.path(), &arguments);
    let [text, notes] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{notes}");
    for said in [&text, &notes] {
        assert!(!said.contains("not-copied"), "{said}");
    }
    for expected in [
        "/api?from=probe&token=${secret.token}",
        "title: \"web of https://care.example.gov/api?from=probe&token=…\"",
        "Authorization: \"Basic ${secret.web_basic_auth}\"",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(notes.contains("the user in the target's address' was not copied"), "{notes}");
}

#[test]
fn what_is_neither_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.hurl", "modules: {}\n");
    write("a.yml", "scrape_configs: []\n");
    write("b.yml", "modules: { a: [ }\n");
    write("empty.hurl", "# nothing\n");
    for (file, expected) in [
        ("a.hurl", "a.hurl:1:1: is not Hurl here: a request is written as in"),
        ("empty.hurl", "empty.hurl: is not Hurl here"),
        ("a.yml", "a.yml: is no configuration of blackbox_exporter"),
        ("b.yml", "b.yml:1:"),
        ("gone.yml", "cannot be read"),
    ] {
        let (status, complaint) = complains(folder.path(), &["probe", "import", file]);
        assert_eq!(status, 2, "{complaint}");
        assert!(complaint.contains(expected), "{complaint}");
    }
}

/// Signing in at the stand-in, as a Hurl file has it.
const SIGNING_IN: &str = r#"
GET http://{{host}}/sign-in
HTTP 200
[Captures]
csrf: xpath "string(//input[@name='csrf']/@value)"
[Asserts]
xpath "//h1" == "Sign in"
body not contains "Could not connect"

POST http://{{host}}/sign-in
[Options]
location: true
[Form]
csrf: {{csrf}}
username: {{username}}
password: {{password}}
HTTP 200
[Asserts]
xpath "//h1" == "Home"
body not matches /(?i)locked/
"#;

async fn run_imported(text: &str) -> Check {
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let address = standin.url();
    let host = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let networks = ["127.0.0.0/8".parse().unwrap()];
    let variables = [("host".to_owned(), host)];
    let given = hurl::Given { variables: &variables, file: &|_| None, networks: &networks };
    let imported = hurl::import("sign-in.hurl", text, "sign-in", &given).unwrap();
    let target = probes::read("imported.yaml", &imported.text).unwrap();
    let setting = setting(target, &clock, None);
    let (probe, location) = (&setting.target.probes[0], &setting.target.locations[0]);
    run(&setting, probe, location, CheckKind::Slot, clock.now()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_imported_runs_and_fails_where_it_should() {
    let check = run_imported(SIGNING_IN).await;
    assert_eq!(check.outcome, Outcome::Passed, "{:?}", check.evidence);
    let unexpected = SIGNING_IN.replace("/(?i)locked/", "/Home/");
    let check = run_imported(&unexpected).await;
    let evidence = check.evidence.unwrap();
    assert_eq!(evidence.step.unwrap().as_str(), "post-sign-in");
    assert_eq!(evidence.detail, "expected the text not to match 'Home'");
}
