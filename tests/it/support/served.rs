//! `holdfast serve` as its own process against a stand-in, to be killed and frozen.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use holdfast::standin::Standin;
use holdfast::store::Store;
use tempfile::TempDir;

use super::{eventually, free_address};
use crate::command::set_up;

/// An installation that probes a stand-in.
pub struct Installation {
    pub folder: PathBuf,
    url: String,
    _temporary: TempDir,
}

/// The service; killed when dropped.
pub struct Served {
    process: Child,
    log: PathBuf,
    url: String,
}

impl Installation {
    /// A rehearsal whose probes run every `interval`, with `more` keys under its target.
    pub fn of(standin: &Standin, interval: &str, more: &str) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let temporary = set_up();
        let folder = temporary.path().join("care");
        let listen = free_address();
        let path = folder.join("holdfast.yaml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("127.0.0.1:8080", listen.to_string()),
            ("\ndata:", "\nsynthetic: true\ndata:".to_owned()),
            (
                "    base_url: https://c3ms.example.gov\n",
                format!("    base_url: {}\n    interval: {interval}\n{more}", standin.url()),
            ),
        ] {
            assert!(text.contains(from), "{text}");
            text = text.replace(from, &to);
        }
        std::fs::write(path, text).unwrap();
        for (name, secret) in [("probe-username", "probe-1"), ("probe-password", "synthetic-probe")]
        {
            std::fs::write(folder.join("secrets").join(name), secret).unwrap();
        }
        Self { folder, url: format!("http://{listen}"), _temporary: temporary }
    }

    pub async fn store(&self) -> Store {
        Store::open(&self.folder.join("data/holdfast.db")).await.unwrap()
    }

    /// Starts the service, and waits until it answers.
    pub async fn serve(&self) -> Served {
        let log = self.folder.join("serve.log");
        let process = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .arg("serve")
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let served = Served { process, log, url: self.url.clone() };
        served.says("Holdfast is serving").await;
        served
    }
}

impl Served {
    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub async fn says(&self, words: &str) {
        eventually(words, || std::future::ready(self.log().contains(words).then_some(()))).await;
    }

    /// Its metrics by name and labels, as in `holdfast_outage_open{target="c3ms"}`.
    pub async fn metrics(&self) -> BTreeMap<String, f64> {
        let answer = reqwest::get(format!("{}/metrics", self.url)).await.unwrap();
        let text = answer.text().await.unwrap();
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }

    /// Waits until a metric has a value that is wanted.
    pub async fn shows(&self, metric: &str, wanted: impl Fn(f64) -> bool) -> f64 {
        eventually(metric, || async {
            self.metrics().await.get(metric).copied().filter(|value| wanted(*value))
        })
        .await
    }

    /// Sends a signal, as in `-STOP`.
    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Kills it as nobody can prepare for.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A stopped process takes a kill as any other does.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Changes a file of an installation.
pub fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} holds no {from}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}
