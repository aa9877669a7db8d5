//! `holdfast init`: a folder with a working installation in it.

use std::path::{Path, PathBuf};

use super::{CliError, passphrase, print};
use crate::app::init::{Choices, profile, write};
use crate::app::{enrolment, portal};
use crate::clock::Clock;
use crate::config::installation;
use crate::vault::policy;

/// Writes a commented, working installation with its keys into a folder.
///
/// It asks for the custody passphrase, which opens sealed copies when this machine is gone: keep it
/// away from this machine.
///
/// Example: holdfast init care --profile c3ms
#[derive(Debug, clap::Args)]
pub struct Init {
    /// The folder: empty, or not there yet.
    folder: PathBuf,
    /// Whose probes and playbooks to begin with.
    #[arg(long, default_value = "c3ms", value_name = "NAME")]
    profile: String,
    /// Name of the site, as it will stand in every copy; the folder's own when left out.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// A file that holds the custody passphrase, instead of typing it.
    #[arg(long, value_name = "FILE")]
    custody_passphrase_file: Option<PathBuf>,
}

impl Init {
    pub fn run(self) -> Result<(), CliError> {
        let profile =
            profile(&self.profile).map_err(|error| CliError::Arguments(format!("{error:#}")))?;
        let file = self.custody_passphrase_file.as_deref();
        let custody = passphrase::read("The custody passphrase", file)?;
        let site = self.site.unwrap_or_else(|| name_of(&self.folder));
        let now = Clock::system().now();
        let config = write(&self.folder, &Choices::fresh(profile, site, custody), now)?;
        let service = installation::load(&config)?;
        let site = portal::site(&service.data)?;
        let signers = policy::create(&site, &site.node_key().map_err(anyhow::Error::from)?);
        signers.map_err(anyhow::Error::from)?;
        enrolment::compile(&service, now)?;
        print(next_steps(&self.folder, &service.origin))
    }
}

/// The last name of a path, as in `care` of `/etc/care`.
fn name_of(folder: &Path) -> String {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or("holdfast".into(), |name| name.to_string_lossy()).into_owned()
}

fn next_steps(folder: &Path, origin: &url::Url) -> String {
    let folder = folder.display();
    format!(
        "Holdfast is set up in {folder}; its keys are in {folder}/data/site. It starts as it is, \
         and says that nobody answers at the case system's address, which is an example.

Next:
  1. Name the case system: its address in {folder}/holdfast.yaml, its networks and your offices in
     {folder}/probes. Write name and password of a test account into
     {folder}/secrets/probe-username and probe-password, and the token of the export into
     capture-token beside them, each alone in its file.
  2. Name the people: who is told in {folder}/people.yaml, who may sign in in
     {folder}/directory.yaml. Those there now are invented. Then:
       holdfast validate {folder}
       holdfast people compile --config {folder}/holdfast.yaml
       holdfast people enrol PERSON --config {folder}/holdfast.yaml
  3. Run it, and open {origin}:
       holdfast serve --config {folder}/holdfast.yaml"
    )
}
