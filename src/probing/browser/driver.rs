//! The one chromedriver process.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::profiles::Profiles;
use super::{Browsers, Programs};
use crate::probing::steps::Fault;

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A chromedriver that said which port it listens on; ended when dropped, and then its browsers.
#[derive(Debug)]
pub struct Driver {
    port: u16,
    process: Child,
    profiles: Profiles,
}

impl Driver {
    fn place(&self) -> (u16, PathBuf) {
        (self.port, self.profiles.path().to_owned())
    }
}

impl Browsers {
    /// The port of the running chromedriver and the folder for its browsers' profiles; starts one
    /// when there is none.
    pub(super) async fn driver(&self) -> Result<(u16, PathBuf), Fault> {
        let mut driver = self.driver.lock().await;
        if let Some(running) = driver.as_mut()
            && matches!(running.process.try_wait(), Ok(None))
        {
            return Ok(running.place());
        }
        let (ended, all) = (driver.take(), self.programs.profiles());
        let clearing = tokio::task::spawn_blocking(move || {
            drop(ended);
            Profiles::open(&all)
        });
        let profiles = clearing.await.ok().and_then(Result::ok).ok_or_else(|| {
            Fault::disk("the folder of the browsers' profiles cannot be made or locked")
        })?;
        let starting = tokio::time::timeout(START_TIMEOUT, start(&self.programs));
        let (port, process) = starting.await.map_err(|_| absent())??;
        Ok(driver.insert(Driver { port, process, profiles }).place())
    }
}

async fn start(programs: &Programs) -> Result<(u16, Child), Fault> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut process = Command::new(&programs.chromedriver)
        .arg("--port=0")
        // The service's environment may hold secrets; a browser has no business with them.
        .env_clear()
        .env("PATH", path)
        .env("HOME", &programs.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|_| absent())?;
    let output = process.stdout.take().ok_or_else(absent)?;
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let port = line.split_once("started successfully on port ").map(|(_, port)| port);
        if let Some(port) = port.and_then(|port| port.trim_end_matches('.').parse().ok()) {
            // It would stop at a word that nobody reads.
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut lines.into_inner(), &mut tokio::io::sink()).await;
            });
            return Ok((port, process));
        }
    }
    Err(absent())
}

fn absent() -> Fault {
    let detail = "chromedriver does not start: install it, or say where it is under 'browser'";
    Fault::prober(detail)
}
