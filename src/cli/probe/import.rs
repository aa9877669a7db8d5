//! `holdfast probe import`: a probe file of what another program checks.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{CliError, print};
use crate::config::diagnostics::{Diagnostic, read};
use crate::config::import::blackbox::{self, Asked};
use crate::config::import::{Imported, hurl};
use crate::domain::network::Network;

/// A file beside a Hurl file that is larger than this is no body of a request.
const MAX_BODY_BYTES: u64 = 64 * 1024;

/// Makes a probe file of a blackbox_exporter configuration or of a Hurl file.
///
/// Says on standard error what it did not carry over, each with its line and what to do. The file
/// it writes passes `holdfast validate`. Passwords are never copied: they become secrets with a
/// name. Exit status 2 when the file is neither.
///
/// Example: holdfast probe import sign-in.hurl --variable host=care.example.gov --out probes/x.yaml
#[derive(Debug, clap::Args)]
pub struct Import {
    /// `blackbox.yml`, or a file that ends in `.hurl`.
    file: PathBuf,
    /// Where to write the probe file, which must not be there yet; standard output when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// For modules of blackbox_exporter: what to probe, as in `https://host/path`, `host:port` for
    /// TCP, `host` for DNS and ICMP.
    #[arg(long, value_name = "TARGET")]
    target: Vec<String>,
    /// A Prometheus configuration that says which module is probed with which targets.
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// For Hurl: the value of a variable, as `hurl --variable` takes it.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
    /// The networks that probes may reach; guessed from the addresses when left out.
    #[arg(long, value_name = "RANGE")]
    network: Vec<Network>,
}

impl Import {
    pub fn run(self) -> Result<(), CliError> {
        let text = read(&self.file).map_err(faulty)?;
        let name = self.file.display().to_string();
        let is_hurl = self.file.extension().is_some_and(|extension| extension == "hurl");
        let (imported, before) = if is_hurl {
            (self.hurl(&name, &text)?, Vec::new())
        } else {
            self.blackbox(&name, &text)?
        };
        match &self.out {
            None => print(imported.text.trim_end())?,
            Some(path) => {
                let mut file = std::fs::File::create_new(path).map_err(|error| {
                    let path = path.display();
                    CliError::Failed(anyhow::anyhow!("{path} cannot be written: {error}"))
                })?;
                file.write_all(imported.text.as_bytes()).map_err(anyhow::Error::from)?;
            }
        }
        for note in before.iter().chain(&imported.notes) {
            // When nobody reads them there is nobody to be told.
            let _ = writeln!(std::io::stderr(), "{note}");
        }
        Ok(())
    }

    fn hurl(&self, name: &str, text: &str) -> Result<Imported, CliError> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let file = |name: &str| text_beside(folder, name);
        let given = hurl::Given { variables: &self.variable, file: &file, networks: &self.network };
        let stem = self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let probe = stem.unwrap_or_else(|| "imported".to_owned());
        hurl::import(name, text, &probe, &given).map_err(faulty)
    }

    fn blackbox(&self, name: &str, text: &str) -> Result<(Imported, Vec<Diagnostic>), CliError> {
        let mut asked: Vec<Asked> = self.target.iter().cloned().map(Asked::by_hand).collect();
        let mut notes = Vec::new();
        if let Some(path) = &self.prometheus {
            let text = read(path).map_err(faulty)?;
            let (found, told) = blackbox::from_prometheus(&path.display().to_string(), &text)?;
            asked.extend(found);
            notes = told;
        }
        let imported = blackbox::import(name, text, &asked, &self.network).map_err(faulty)?;
        Ok((imported, notes))
    }
}

fn faulty(fault: Diagnostic) -> CliError {
    CliError::Files(fault.into())
}

/// Files below the folder alone, as Hurl has it.
fn text_beside(folder: &Path, name: &str) -> Option<String> {
    let path = Path::new(name);
    let below = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let path = folder.join(path);
    let small = below && std::fs::metadata(&path).is_ok_and(|it| it.len() <= MAX_BODY_BYTES);
    small.then(|| std::fs::read_to_string(path).ok()).flatten()
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as in NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
