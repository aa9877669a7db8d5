//! `holdfast capture-run`: one capture, as a child process of the service. Not for people.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::{CliError, print};
use crate::capture::build::Progress;
use crate::capture::run::{self, Ended, Task};
use crate::clock::{Clock, Stopwatch};
use crate::vault::manifest::Build;

/// Captures once and prints one line of JSON.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct CaptureRun {
    #[arg(long, value_name = "DIR")]
    site: PathBuf,
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
    #[arg(long, value_name = "URL")]
    source_url: Url,
    #[arg(long, value_parser = build)]
    build: Build,
    #[arg(long)]
    epoch: String,
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    token_env: Option<String>,
    /// Shows on standard error how far it is.
    #[arg(long)]
    progress: bool,
}

impl CaptureRun {
    pub async fn run(self) -> Result<(), CliError> {
        let task = Task {
            token: self.token()?,
            site: self.site,
            mapping: self.mapping,
            source_url: self.source_url,
            build: self.build,
            epoch: self.epoch,
        };
        let line = ProgressLine::default();
        let show: &(dyn Fn(&Progress<'_>) + Sync) =
            if self.progress { &|progress| line.show(progress) } else { &|_| () };
        let ended = run::run(&task, &Clock::system(), show).await;
        line.clear();
        let json = serde_json::to_string(&ended).map_err(|error| CliError::Failed(error.into()))?;
        print(json)?;
        match ended {
            Ended::Report(_) | Ended::FullDue(_) => Ok(()),
            Ended::Failed(why) => Err(CliError::Failed(anyhow::anyhow!(why))),
        }
    }

    fn token(&self) -> Result<Option<SecretString>, CliError> {
        let text = match (&self.token_file, &self.token_env) {
            (Some(path), _) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            (None, Some(name)) => std::env::var(name).map_err(|error| error.to_string()),
            (None, None) => return Ok(None),
        };
        let text = text.map_err(|fault| CliError::Arguments(format!("the token: {fault}")))?;
        Ok(Some(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())))
    }
}

/// More often than this nobody can read.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// One line of a terminal, written over again and again.
#[derive(Default)]
struct ProgressLine {
    last: Mutex<Option<Stopwatch>>,
}

impl ProgressLine {
    fn show(&self, progress: &Progress<'_>) {
        let Ok(mut last) = self.last.lock() else { return };
        if last.as_ref().is_some_and(|last| last.elapsed() < SHOW_EVERY) {
            return;
        }
        *last = Some(Stopwatch::start());
        // Nobody is told less when a terminal has gone away.
        let _ = write!(std::io::stderr(), "\r\x1b[K{}", sentence(progress));
    }

    fn clear(&self) {
        if self.last.lock().is_ok_and(|last| last.is_some()) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn sentence(progress: &Progress<'_>) -> String {
    let Progress { collection, number, collections, rows, expected } = *progress;
    let of = match expected {
        Some(expected) if expected >= rows && expected > 0 => {
            format!(" of about {expected} ({} %)", rows * 100 / expected)
        }
        _ => String::new(),
    };
    format!("{number}/{collections} {collection}: {rows} rows{of}")
}

fn build(word: &str) -> Result<Build, String> {
    [Build::Full, Build::Incremental]
        .into_iter()
        .find(|build| build.as_str() == word)
        .ok_or_else(|| "write full or incremental".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_as_far_as_it_is_known() {
        let at = |rows, expected| {
            sentence(&Progress {
                collection: "persons",
                number: 2,
                collections: 17,
                rows,
                expected,
            })
        };
        assert_eq!(at(500, None), "2/17 persons: 500 rows");
        assert_eq!(at(500, Some(2_000)), "2/17 persons: 500 rows of about 2000 (25 %)");
        assert_eq!(at(500, Some(400)), "2/17 persons: 500 rows");
    }
}
