//! `holdfast schema`: JSON Schemas for editors.

use super::{CliError, print};
use crate::config::schemas;

/// Prints the JSON Schema of a kind of file, for the editor to check while you type.
///
/// Example: holdfast schema probes > probes.schema.json
#[derive(Debug, clap::Args)]
pub struct Schema {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    Installation,
    Agent,
    Probes,
    Playbooks,
    People,
    Directory,
    Mapping,
}

impl Schema {
    pub fn run(self) -> Result<(), CliError> {
        let name = match self.kind {
            Kind::Installation => "installation",
            Kind::Probes => "probes",
            Kind::Playbooks => "playbooks",
            Kind::People => "people",
            Kind::Directory => "directory",
            Kind::Mapping => "mapping",
            Kind::Agent => "agent",
        };
        let text = schemas::named(name)
            .ok_or_else(|| CliError::Arguments(format!("there is no schema of '{name}'")))?;
        print(text.trim_end())
    }
}
