//! The service as a child process, started again when it dies: what systemd does for a real one.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// Between a death and the next start.
const RESTART_AFTER: Duration = Duration::from_millis(500);
/// Deaths in a row after which something is wrong that a restart does not mend.
const DEATHS_AT_MOST: u32 = 5;
/// A child that lived this long died of something new.
const LIVED_LONG: Duration = Duration::from_secs(10);
/// How long an orderly end may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// Runs `holdfast serve` until `stop`; a child that dies is started again.
///
/// # Errors
/// When it cannot be started, or dies at once again and again.
pub async fn keep_serving(config: PathBuf, stop: CancellationToken) -> anyhow::Result<()> {
    // For whoever wants to see what a death does.
    let pid_file = config.with_file_name("serve.pid");
    let mut deaths = 0;
    loop {
        let mut child = start(&config)?;
        if let Some(id) = child.id() {
            std::fs::write(&pid_file, id.to_string())?;
        }
        let watch = crate::clock::Stopwatch::start();
        let ended = tokio::select! {
            () = stop.cancelled() => {
                std::fs::remove_file(&pid_file)?;
                return end(child).await;
            }
            ended = child.wait() => ended.context("waiting for the service")?,
        };
        anyhow::ensure!(ended.code() != Some(2), "the service refuses its files");
        deaths = if watch.elapsed() > LIVED_LONG { 1 } else { deaths + 1 };
        tracing::warn!(%ended, "the service ended; starting it again");
        anyhow::ensure!(
            deaths < DEATHS_AT_MOST,
            "the service ended at once {deaths} times: {ended}"
        );
        tokio::time::sleep(RESTART_AFTER).await;
    }
}

fn start(config: &PathBuf) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("finding this program")?;
    Command::new(program)
        .args(["--log", "warn", "serve", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting the service")
}

/// Asks the child to end in order, and ends it when it does not.
async fn end(mut child: Child) -> anyhow::Result<()> {
    if let Some(id) = child.id() {
        // The standard library sends no SIGTERM, and this program may not call into libc.
        let asked = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
        asked.context("asking the service to end")?;
    }
    let ended: ExitStatus = match tokio::time::timeout(STOP_TIMEOUT, child.wait()).await {
        Ok(ended) => ended?,
        Err(_) => {
            child.kill().await?;
            anyhow::bail!("the service did not end within {} s", STOP_TIMEOUT.as_secs());
        }
    };
    anyhow::ensure!(ended.success(), "the service ended with {ended}");
    Ok(())
}
