//! `holdfast demo`: see it work, on embedded defaults.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{CliError, print};
use crate::app::demo::{Options, run};
use crate::clock::Clock;

/// Runs a stand-in case system, a mail server and the service on this machine, all synthetic.
///
/// Example: holdfast demo --scenario march-2023
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Which case system stands in: c3ms, care, cyras, wa or nsw. Each has an outage of its own.
    #[arg(long, default_value = "c3ms")]
    profile: String,
    /// Ends after this outage, in one to three minutes, with a summary. Without it the demo plays
    /// the profile's outage and goes on until it is stopped.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// An empty folder for everything the demo writes; a temporary one when left out.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Ends with the summary as one JSON object; what happens meanwhile goes to standard error.
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub async fn run(self) -> Result<(), CliError> {
        let stop = CancellationToken::new();
        tokio::spawn(super::serve::cancel_on_signal(stop.clone()));
        let json = self.json;
        let say = move |line: String| {
            // Whoever watched may have closed the terminal; the demo goes on.
            let _ = match json {
                true => writeln!(std::io::stderr(), "{line}"),
                false => writeln!(std::io::stdout(), "{line}"),
            };
        };
        let Self { profile, scenario, listen, data, .. } = self;
        let ends = json;
        let options = Options { profile, scenario, ends, listen, data, say: Arc::new(say) };
        let summary = run(options, Clock::system(), stop).await?;
        if let (true, Some(summary)) = (json, summary) {
            print(serde_json::to_string(&summary).map_err(anyhow::Error::from)?)?;
        }
        Ok(())
    }
}
