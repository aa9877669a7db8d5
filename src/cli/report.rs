//! `holdfast report`: what a period was like, accounted for.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{CliError, print, recorded};
use crate::clock::Clock;
use crate::config::installation::{self, Installation};
use crate::config::targets;
use crate::domain::length::Length;
use crate::reporting::files::{Format, write};
use crate::reporting::period::Period;
use crate::reporting::{ReportError, report};

/// Writes the executive report of a period and prints the names of the files.
///
/// Example: holdfast report --from 2026-03-01 --to 2026-03-31 --format html,csv --out reports
#[derive(Debug, clap::Args)]
pub struct Report {
    #[arg(long, default_value = "holdfast.yaml", value_name = "FILE")]
    config: PathBuf,
    /// The first day, or an exact beginning (2026-03-01T09:30), in the installation's zone.
    #[arg(long, value_name = "DAY", required_unless_present = "last", requires = "to")]
    from: Option<String>,
    /// The last day, which counts, or an exact end.
    #[arg(long, value_name = "DAY", requires = "from")]
    to: Option<String>,
    /// Instead of days: up to now, as in '24 h' or '7 days'.
    #[arg(long, value_name = "LENGTH", conflicts_with = "from")]
    last: Option<Length>,
    #[arg(long, value_delimiter = ',', default_value = "html,csv,json", value_name = "FORMATS")]
    format: Vec<Format>,
    /// The folder to write into; it is made when it is not there.
    #[arg(long, default_value = ".", value_name = "DIR")]
    out: PathBuf,
}

impl Report {
    pub async fn run(self) -> Result<(), CliError> {
        let service = installation::load(&self.config)?;
        let targets = targets::load(&service)?;
        let now = Clock::system().now();
        let period = self.period(&service, now)?;
        let store = recorded(&service).await?;
        let made = report(&store, &targets, period, now).await;
        store.close().await;
        let report = match made {
            Ok(report) => report.synthetic(service.file.synthetic),
            Err(ReportError::Period(wrong)) => return Err(CliError::Arguments(wrong.to_string())),
            Err(error) => return Err(anyhow::Error::from(error).into()),
        };
        for path in write(&report, &self.format, &self.out).map_err(anyhow::Error::from)? {
            print(path.display())?;
        }
        Ok(())
    }

    fn period(&self, service: &Installation, now: Timestamp) -> Result<Period, CliError> {
        let zone = service.time_zone.clone();
        let period = match (&self.last, &self.from, &self.to) {
            (Some(last), ..) => {
                let from = now.saturating_sub(last.duration()).unwrap_or(now);
                Period::new(from, now, zone)
            }
            (None, Some(from), Some(to)) => Period::parse(from, to, zone),
            // The parser of arguments lets nothing else through.
            (None, ..) => return Err(CliError::Arguments("write --from and --to".to_owned())),
        };
        period.map_err(|wrong| CliError::Arguments(wrong.to_string()))
    }
}
