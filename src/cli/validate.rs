//! `holdfast validate`: everything `serve` would read, all faults at once.

use std::path::PathBuf;

use super::{CliError, print};
use crate::config::diagnostics::Diagnostics;
use crate::config::{installation, targets};

/// Checks the files that `serve` would read, or the probe files named.
///
/// Example: holdfast validate --config /etc/holdfast/holdfast.yaml
#[derive(Debug, clap::Args)]
pub struct Validate {
    #[arg(long, default_value = "holdfast.yaml", value_name = "FILE")]
    config: PathBuf,
    /// Probe files to check by themselves; the installation's files when none is named.
    files: Vec<PathBuf>,
}

impl Validate {
    pub fn run(self) -> Result<(), CliError> {
        if self.files.is_empty() {
            let service = installation::load(&self.config)?;
            let targets = targets::load(&service)?;
            for target in &targets {
                print(summary(target))?;
            }
            return Ok(());
        }
        let mut faults = Vec::new();
        for file in &self.files {
            match targets::load_file(file) {
                Ok(target) => print(format!("{}: {}", file.display(), summary(&target)))?,
                Err(Diagnostics(found)) => faults.extend(found),
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Diagnostics(faults).into()) }
    }
}

fn summary(target: &crate::domain::target::Target) -> String {
    format!(
        "{}: {} probes from {} locations for {} cohorts",
        target.title,
        target.probes.len(),
        target.locations.len(),
        target.cohorts.len()
    )
}
