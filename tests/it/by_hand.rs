//! Continuity by hand: the command line asks the running service over its socket.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::command::{complains, prints, set_up};
use crate::support::eventually;

/// `holdfast serve` as a child process; killed when the test ends.
struct Service {
    child: Child,
    log: PathBuf,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// Starts it, and waits until it answers.
    async fn start(care: &Path) -> Self {
        let log = care.join("serve.log");
        let child = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .arg("serve")
            .current_dir(care)
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let service = Self { child, log };
        service.says("Holdfast is serving").await;
        service
    }

    async fn says(&self, words: &str) {
        let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
        eventually(words, || std::future::ready(log().contains(words).then_some(()))).await;
    }

    async fn end(mut self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let child = &mut self.child;
        eventually("its end", || std::future::ready(child.try_wait().unwrap())).await;
    }
}

/// A fresh installation on a port that is free.
fn care() -> (tempfile::TempDir, PathBuf) {
    let folder = set_up();
    let care = folder.path().join("care");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let path = care.join("holdfast.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("127.0.0.1:8080", &free.to_string())).unwrap();
    (folder, care)
}

fn start(by: &str) -> [&str; 11] {
    [
        "activation",
        "start",
        "workforce-depletion",
        "--unit",
        "Southern region",
        "--ground",
        "workforce-depletion",
        "--reason",
        "half of Noarlunga is ill",
        "--by",
        by,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_started_answered_and_stood_down_from_the_command_line() {
    let (_folder, care) = care();
    let (status, complaint) = complains(&care, &start("p-director"));
    assert_eq!(status, 1);
    assert!(complaint.contains("Holdfast is not running here, so nothing was done"), "{complaint}");
    assert!(complaint.contains("holdfast serve"), "{complaint}");

    let service = Service::start(&care).await;
    let socket = care.join("data/control.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (status, complaint) = complains(&care, &start("p-nobody"));
    assert_eq!(status, 1);
    assert!(complaint.contains("people.yaml has no person 'p-nobody'"), "{complaint}");
    let (_, complaint) = complains(&care, &start("p-court"));
    assert!(complaint.contains("p-court does not hold a role"), "{complaint}");

    let said = prints(&care, &start("p-director"));
    let id = said.trim().strip_prefix("In force: ").unwrap().to_owned();
    let (_, complaint) = complains(&care, &start("p-director"));
    assert!(complaint.contains("in force already"), "{complaint}");
    let said = prints(&care, &["activation", "list", "--json"]);
    let open: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(open[0]["id"], id);
    assert_eq!(open[0]["unit"], "Southern region");
    let acknowledge = ["activation", "acknowledge", &id, "tell", "--by", "p-director"];
    assert_eq!(prints(&care, &acknowledge).trim(), format!("Acknowledged: {id}"));
    let (_, complaint) = complains(&care, &["activation", "stand-down", &id, "--by", "p-court"]);
    assert!(complaint.contains("p-court does not hold a role"), "{complaint}");
    prints(&care, &["activation", "stand-down", &id, "--by", "p-director"]);

    let said = prints(&care, &["register", "--csv"]);
    let mut read = csv::Reader::from_reader(said.as_bytes());
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        read.deserialize().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["ground"], "workforce-depletion");
    assert_eq!(rows[0]["started_by"], "p-director");
    assert_eq!(rows[0]["phase"], "reconciling");
    let said = prints(&care, &["register", "--json", "--from", "2020-01-01", "--to", "2020-12-31"]);
    assert_eq!(said.trim(), "[]");
    service.end("-TERM").await;
    assert!(!socket.exists(), "it is removed at a stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_socket_is_replaced_and_nobody_else_may_take_it() {
    let (_folder, care) = care();
    Service::start(&care).await.end("-KILL").await;
    assert!(care.join("data/control.sock").exists(), "it was left behind");
    let service = Service::start(&care).await;
    prints(&care, &start("p-director"));
    let (status, complaint) = complains(&care, &["serve"]);
    assert_eq!(status, 1, "{complaint}");

    std::fs::write(care.join("words"), "four synthetic words here\n").unwrap();
    prints(&care, &["people", "enrol", "p-ops-1", "--passphrase-file", "words"]);
    service.says("a newer directory is in force").await;
    service.says("Holdfast serves without it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_listed_shown_and_noted() {
    let (_folder, care) = care();
    let config = care.join("holdfast.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    // Nobody listens there, and the file allows loopback: C3MS is down from the first slot.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = text.replace("https://c3ms.example.gov", &format!("http://{gone}"));
    let text = text.replace("    secrets:\n", "    interval: 5 s\n    secrets:\n");
    std::fs::write(&config, text).unwrap();
    let _service = Service::start(&care).await;
    let id = eventually("an incident", || {
        let listed = prints(&care, &["incident", "list", "--json"]);
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        std::future::ready(listed[0]["id"].as_str().map(str::to_owned))
    });
    let id = id.await;
    let note = ["incident", "note", &id, "supplier rung at 10:15", "--by", "p-ops-1"];
    assert_eq!(prints(&care, &note).trim(), "Noted.");
    let said = prints(&care, &["incident", "show", &id]);
    assert!(said.contains("p-ops-1: supplier rung at 10:15"), "{said}");
    let (_, complaint) = complains(&care, &["incident", "show", "INC-20200101-1"]);
    assert!(complaint.contains("there is no incident"), "{complaint}");
}

#[test]
fn a_plan_is_listed_shown_and_printed() {
    let folder = set_up();
    let care = folder.path().join("care");
    let said = prints(&care, &["playbook", "list"]);
    assert_eq!(said.lines().count(), 10, "{said}");
    let said = prints(&care, &["playbook", "show", "building-lost"]);
    assert!(said.contains("T0 + 10 min   The count at the assembly point"), "{said}");
    let said = prints(&care, &["playbook", "print", "building-lost"]);
    assert!(said.starts_with("<!doctype html>"), "{said}");
    let (status, complaint) = complains(&care, &["playbook", "show", "nothing"]);
    assert_eq!(status, 2);
    assert!(complaint.contains("holdfast playbook list"), "{complaint}");
}
