//! `agent.yaml`: which hub an agent reports to, and what it takes to get in at its targets.
//!
//! What is probed, and when, it has from its hub. Paths are relative to the file; secrets stand
//! in files or variables of their own, on the agent's machine alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_saphyr::Spanned;

use super::browser_programs::BrowserFile;
use super::diagnostics::{Diagnostic, Diagnostics, Faults, parse, read};
use super::target_settings::{AgentTargetFile, TargetSettings, read_agent_targets};
use crate::domain::ids::TargetId;

/// The word the file begins with.
pub const FORMAT: &str = "holdfast/agent/v1";

/// The file as it is written.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// `holdfast/agent/v1`
    #[schemars(with = "String")]
    format: Spanned<String>,
    /// The hub's address, as in `https://hub.example.gov:8443`.
    #[schemars(with = "String")]
    hub: Spanned<String>,
    /// Folder of the key, the plan and the spool; the one that `holdfast agent enrol` filled.
    #[serde(default = "default_data")]
    data: PathBuf,
    /// Address and port of `/healthz` and `/metrics`; none when left out.
    listen: Option<SocketAddr>,
    /// The address of this machine that probes speak from; whichever the system picks when left
    /// out.
    source_address: Option<IpAddr>,
    #[serde(default)]
    targets: BTreeMap<TargetId, AgentTargetFile>,
    /// Where the browser of browser steps is.
    browser: Option<BrowserFile>,
}

/// A checked agent.
#[derive(Debug)]
pub struct Agent {
    pub hub: url::Url,
    pub data: PathBuf,
    pub listen: Option<SocketAddr>,
    /// Where probes speak from, unless their target says otherwise.
    pub source_address: Option<IpAddr>,
    pub targets: BTreeMap<TargetId, TargetSettings>,
    pub browser: Option<BrowserFile>,
    /// Secrets that are not there; their probes end inconclusive.
    pub missing: Vec<Diagnostic>,
}

fn default_data() -> PathBuf {
    "data".into()
}

/// Reads `agent.yaml`.
///
/// # Errors
/// Every fault of it.
pub fn load(path: &Path) -> Result<Agent, Diagnostics> {
    let text = read(path)?;
    check(&path.display().to_string(), &text, path.parent().unwrap_or(Path::new(".")))
}

/// Reads the text of an `agent.yaml` whose files are in `folder`.
///
/// # Errors
/// Every fault of it.
pub fn check(name: &str, text: &str, folder: &Path) -> Result<Agent, Diagnostics> {
    let file: AgentFile = parse(name, text)?;
    let (mut faults, mut missing) = (Faults::new(name), Faults::new(name));
    if file.format.value != FORMAT {
        faults.at(file.format.defined, format!("unknown format: write '{FORMAT}'"));
    }
    let hub = hub(&file.hub.value).map_err(|wrong| faults.at(file.hub.defined, wrong)).ok();
    let targets = read_agent_targets(&file.targets, folder, (&mut faults, &mut missing));
    let agent = hub.map(|hub| Agent {
        hub,
        data: folder.join(&file.data),
        listen: file.listen,
        source_address: file.source_address,
        targets,
        browser: file.browser,
        missing: missing.take(),
    });
    // Without an address the fault was among the ones told.
    faults.finish(agent)?.ok_or_else(Diagnostics::default)
}

/// The address of a hub.
///
/// # Errors
/// What is wrong with the text.
pub fn hub(text: &str) -> Result<url::Url, String> {
    let url = super::probes::parse_base_url(text)?;
    if url.scheme() != "https" || url.path() != "/" || url.query().is_some() {
        return Err("not a hub's address: write it as in 'https://hub.example.gov:8443'".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.yaml");
        std::fs::write(&path, text).unwrap();
        let told = load(&path).unwrap_err().to_string();
        told.replace(&path.display().to_string(), "agent.yaml")
    }

    #[test]
    fn an_agent_has_its_own_secrets_and_neither_interval_nor_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.yaml");
        let text = "format: holdfast/agent/v1\nhub: https://hub.example.gov:8443\ntargets:\n  \
                    c3ms:\n    secrets: { username: { file: name } }\n";
        std::fs::write(&path, text).unwrap();
        let agent = load(&path).unwrap();
        assert_eq!(agent.data, folder.path().join("data"));
        assert_eq!(agent.missing.len(), 1, "it is not there, and that is no fault");
        for (more, fault) in [
            ("    interval: 5 s\n", "agent.yaml:6:5: unknown key 'interval'"),
            ("    writes: {}\n", "agent.yaml:6:5: unknown key 'writes'"),
        ] {
            assert!(told(&format!("{text}{more}")).starts_with(fault), "{more}");
        }
    }

    #[test]
    fn probes_speak_from_an_address_of_this_machine() {
        let whole = "format: holdfast/agent/v1\nhub: https://hub.example.gov\n\
                     source_address: 10.1.0.7\n";
        let text = format!("{whole}targets:\n  c3ms: {{ source_address: 10.2.0.7 }}\n");
        let agent = check("agent.yaml", &text, Path::new(".")).unwrap();
        assert_eq!(agent.source_address, Some("10.1.0.7".parse().unwrap()));
        let own = agent.targets.values().next().unwrap().source_address;
        assert_eq!(own, Some("10.2.0.7".parse().unwrap()));
        let told = told(&whole.replace("10.1.0.7", "10.1.0"));
        assert!(told.starts_with("agent.yaml:3:17: "), "{told}");
    }

    #[test]
    fn a_hub_is_spoken_to_over_tls() {
        let told = told("format: holdfast/agent/v1\nhub: http://hub.example.gov\n");
        let expected = "agent.yaml:2:6: not a hub's address: write it as in \
                        'https://hub.example.gov:8443'";
        assert_eq!(told, expected);
    }
}
