//! `holdfast schema`: JSON Schemas for editors.

use super::{CliError, print};

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
    Mapping,
}

impl Schema {
    pub fn run(self) -> Result<(), CliError> {
        let schema = match self.kind {
            Kind::Installation => {
                schemars::schema_for!(crate::config::installation::InstallationFile).to_value()
            }
            Kind::Agent => schemars::schema_for!(crate::config::agent::AgentFile).to_value(),
            Kind::Probes => schemars::schema_for!(crate::config::probes::ProbeFile).to_value(),
            Kind::Playbooks => crate::config::playbooks::schema(),
            Kind::People => crate::config::people::schema(),
            Kind::Mapping => schemars::schema_for!(crate::config::mapping::MappingFile).to_value(),
        };
        print(format!("{schema:#}"))
    }
}
