//! The one chromedriver process.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{Browsers, Programs, sitting};
use crate::domain::check::InconclusiveReason;
use crate::probing::steps::Fault;

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A chromedriver that said which port it listens on; ended when dropped.
#[derive(Debug)]
pub struct Driver {
    port: u16,
    process: Child,
    /// Kept open: it would end at the next word it cannot say.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Browsers {
    /// The port of the running chromedriver; starts one when there is none.
    pub(super) async fn driver_port(&self) -> Result<u16, Fault> {
        let mut driver = self.driver.lock().await;
        if let Some(running) = driver.as_mut()
            && matches!(running.process.try_wait(), Ok(None))
        {
            return Ok(running.port);
        }
        *driver = None;
        sitting::end_orphans(&self.programs.folder.join("profiles"));
        let starting = start(&self.programs);
        let started =
            tokio::time::timeout(START_TIMEOUT, starting).await.map_err(|_| absent())??;
        let port = started.port;
        *driver = Some(started);
        Ok(port)
    }
}

async fn start(programs: &Programs) -> Result<Driver, Fault> {
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
            return Ok(Driver { port, process, _output: lines });
        }
    }
    Err(absent())
}

fn absent() -> Fault {
    let detail = "chromedriver does not start: install it, or say where it is under 'browser'";
    Fault::inconclusive(InconclusiveReason::Prober, detail)
}
