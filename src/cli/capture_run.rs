//! `holdfast capture-run`: one capture, as a child process of the service. Not for people.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::{CliError, print};
use crate::capture::run::{self, Ended, Task};
use crate::clock::Clock;
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
    #[arg(long, value_name = "FILE", required_unless_present = "token_env")]
    token_file: Option<PathBuf>,
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    token_env: Option<String>,
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
        let ended = run::run(&task, &Clock::system()).await;
        let json = serde_json::to_string(&ended).map_err(|error| CliError::Failed(error.into()))?;
        print(json)?;
        match ended {
            Ended::Report(_) | Ended::FullDue(_) => Ok(()),
            Ended::Failed(why) => Err(CliError::Failed(anyhow::anyhow!(why))),
        }
    }

    fn token(&self) -> Result<SecretString, CliError> {
        let text = match (&self.token_file, &self.token_env) {
            (Some(path), _) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            (None, Some(name)) => std::env::var(name).map_err(|error| error.to_string()),
            (None, None) => Err("no token was named".to_owned()),
        };
        let text = text.map_err(|fault| CliError::Arguments(format!("the token: {fault}")))?;
        Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

fn build(word: &str) -> Result<Build, String> {
    [Build::Full, Build::Incremental]
        .into_iter()
        .find(|build| build.as_str() == word)
        .ok_or_else(|| "write full or incremental".to_owned())
}
