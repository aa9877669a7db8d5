//! `holdfast validate`: everything `serve` would read, all faults at once.

use std::path::PathBuf;

use super::{CliError, print, print_json};
use crate::app::validate::{Checked, INSTALLATION, check};
use crate::config::diagnostics::Diagnostics;

/// Checks an installation with every file it names, or single files of any kind.
///
/// A folder stands for the `holdfast.yaml` in it. Each fault says file, line, column and what to
/// write; warnings name what the service starts without. Exit status 2 when there is a fault.
///
/// Example: holdfast validate care
#[derive(Debug, clap::Args)]
pub struct Validate {
    /// Folders and files; `holdfast.yaml` here when none is named.
    paths: Vec<PathBuf>,
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    config: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Validate {
    pub fn run(self) -> Result<(), CliError> {
        let mut paths = self.paths;
        paths.extend(self.config);
        if paths.is_empty() {
            paths.push(INSTALLATION.into());
        }
        let mut checked = Checked::default();
        for path in &paths {
            check(path, &mut checked);
        }
        if self.json {
            print_json(&checked)?;
        } else {
            for one in &checked.files {
                print(format!("{}: {}", one.file, one.holds))?;
            }
            for warning in &checked.warnings {
                print(format!("warning: {warning}"))?;
            }
        }
        match checked.faults.is_empty() {
            true => Ok(()),
            false => Err(Diagnostics(checked.faults).into()),
        }
    }
}
