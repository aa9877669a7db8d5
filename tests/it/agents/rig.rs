//! A hub whose Noarlunga is an agent's, and that agent: both the real program, to be killed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use holdfast::clock::Clock;
use holdfast::domain::agent::Finding;
use holdfast::domain::check::{CheckKind, Outcome};
use holdfast::domain::ids::LocationId;
use holdfast::standin::Standin;
use holdfast::store::Store;
use holdfast::store::ledger::{self, Range};
use holdfast::store::spool::Spool;
use jiff::{SignedDuration, Timestamp};

use crate::command::{holdfast, prints};
use crate::support::served::{Installation, edit};
use crate::support::{eventually, free_address};

/// What its probes run at.
pub const INTERVAL: SignedDuration = SignedDuration::from_secs(2);

pub fn noarlunga() -> LocationId {
    LocationId::new("noarlunga").unwrap()
}

/// An installation with an agent's location.
pub struct Hub {
    pub care: Installation,
    /// Where agents reach it.
    pub address: SocketAddr,
}

impl Hub {
    /// Listens for agents on a free port of this address.
    pub fn of(standin: &Standin, host: &str) -> Self {
        let care = Installation::of(standin, "2 s", "");
        let address = SocketAddr::new(host.parse().unwrap(), free_address().port());
        let section = format!(
            "\nagents: {{ listen: \"{address}\", names: [\"{host}\"], locations: [noarlunga] }}\n"
        );
        let path = care.folder.join("holdfast.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text + &section).unwrap();
        Self { care, address }
    }

    /// An invitation for Noarlunga, in a file.
    pub fn invite(&self) -> PathBuf {
        let path = self.care.folder.join("noarlunga.invitation");
        let text = prints(&self.care.folder, &["agent", "invite", "noarlunga"]);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// An agent's folder, enrolled and not yet running, that reports to `address`.
    pub fn enrol(&self, address: SocketAddr) -> Agent {
        let agent = Agent::new(address);
        let invitation = self.invite();
        let output = agent.enrol(self.address, &invitation);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        agent
    }

    /// The rows of Noarlunga by probe and slot, missed ones spread out.
    pub async fn slots(&self, store: &Store) -> Vec<(String, Timestamp, Outcome)> {
        let to = Clock::system().now();
        let range = Range { location: Some(noarlunga()), to, ..Range::default() };
        let mut slots = Vec::new();
        for row in ledger::range(store, &range).await.unwrap() {
            for slot in (0..row.slots).filter(|_| row.kind == CheckKind::Slot) {
                let at =
                    row.slot_at + SignedDuration::from_micros(row.interval_us) * slot.cast_signed();
                slots.push((row.probe.to_string(), at, row.outcome));
            }
        }
        slots.sort_by_key(|(probe, at, _)| (probe.clone(), *at));
        slots
    }
}

/// Every slot from a probe's first to its last is there, and once.
pub fn assert_whole(slots: &[(String, Timestamp, Outcome)]) {
    assert!(!slots.is_empty());
    for pair in slots.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let apart = pair[1].1.duration_since(pair[0].1);
        assert_eq!(apart, INTERVAL, "{pair:?}");
    }
}

/// An agent's folder, and its process while it runs.
pub struct Agent {
    folder: tempfile::TempDir,
    process: Option<Child>,
    /// Put before the program, as in `ip netns exec NAME`.
    pub within: Vec<String>,
}

impl Agent {
    pub fn new(hub: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let secrets = [("name", "probe-1"), ("password", "synthetic-probe")];
        for (name, secret) in secrets {
            std::fs::write(path.join(name), secret).unwrap();
        }
        let text = format!(
            "format: holdfast/agent/v1\nhub: https://{hub}\ntargets:\n  c3ms:\n    secrets:\n      \
             username: {{ file: name }}\n      password: {{ file: password }}\n"
        );
        std::fs::write(path.join("agent.yaml"), text).unwrap();
        Self { folder, process: None, within: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn edit(&self, from: &str, to: &str) {
        edit(self.path(), "agent.yaml", from, to);
    }

    pub fn enrol(&self, hub: SocketAddr, invitation: &Path) -> Output {
        let (hub, invitation) = (format!("https://{hub}"), invitation.to_str().unwrap());
        let enrol = ["agent", "enrol", "--hub", &hub, "--token-file", invitation];
        holdfast(self.path(), &enrol)
    }

    pub fn run(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = File::options().append(true).create(true).open(self.log_path()).unwrap();
        let program = env!("CARGO_BIN_EXE_holdfast").to_owned();
        let mut words = self.within.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["agent", "run"]).current_dir(self.path());
        self.process = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    pub fn signal(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Ends it as nobody can prepare for.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Ends it in order.
    pub fn stop(&mut self) {
        self.signal("-TERM");
        assert!(self.process.take().unwrap().wait().unwrap().success());
    }

    fn log_path(&self) -> PathBuf {
        self.path().join("agent.log")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub async fn says(&self, words: &str) {
        eventually(words, || std::future::ready(self.log().contains(words).then_some(()))).await;
    }

    /// What waits in its spool; it must not run.
    pub async fn spooled(&self) -> Vec<Finding> {
        let spool = Spool::open(&self.path().join("data/spool.db"), &noarlunga()).await.unwrap();
        let next = spool.next(1_000_000, usize::MAX).await.unwrap();
        spool.close().await;
        next.findings.into_iter().map(|one| one.finding).collect()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Waits until Noarlunga has so many more slots on record than it had.
pub async fn more_slots(hub: &Hub, store: &Store, more: usize) -> usize {
    let before = hub.slots(store).await.len();
    eventually("more slots of Noarlunga", || async {
        let now = hub.slots(store).await.len();
        (now >= before + more).then_some(now)
    })
    .await
}
