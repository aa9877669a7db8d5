//! `holdfast probe explain`: why a probe's verdict is what it is.

use super::CliError;
use crate::config::installation::Installation;
use crate::domain::ids::{LocationId, ProbeId};

/// Explains a probe.
#[derive(Debug, clap::Args)]
pub struct Explain {
    probe: ProbeId,
    #[arg(long, value_name = "LOCATION")]
    at: Option<LocationId>,
}

impl Explain {
    pub async fn run(self, _service: &Installation) -> Result<(), CliError> {
        Err(CliError::Arguments(format!("{} {:?}", self.probe, self.at)))
    }
}
