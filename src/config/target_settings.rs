//! What an installation says of a target beside its probe file: where it is, and what it takes to
//! get in. `holdfast.yaml` and `agent.yaml` say it in the same words.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use secrecy::SecretString;
use serde_saphyr::Spanned;

use super::diagnostics::Faults;
use super::probe_signals::read_addresses;
use super::probes::parse_base_url;
use super::secrets::{SecretFile, secret};
use super::target_accounts::{AccountFile, read_accounts};
use super::target_tls::{TlsFile, TlsSettings, read_tls};
use super::target_writes::{WritesFile, WritesSection, read_writes};
use crate::domain::ids::TargetId;
use crate::domain::length::Length;

/// An entry under `targets` of `holdfast.yaml`.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetFile {
    /// In place of the probe file's.
    #[schemars(with = "Option<String>")]
    base_url: Option<Spanned<String>>,
    /// Addresses of other sides of its interfaces, in place of the probe file's.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    systems: BTreeMap<String, Spanned<String>>,
    /// Probes run at least this often, for a rehearsal.
    interval: Option<Length>,
    /// Probes that write do so only with this key.
    writes: Option<WritesFile>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SecretFile>")]
    secrets: BTreeMap<String, Spanned<SecretFile>>,
    /// Secrets that differ between the accounts probes take turns with; two accounts let one that
    /// expired be told from an outage.
    #[serde(default)]
    #[schemars(with = "Vec<BTreeMap<String, SecretFile>>")]
    accounts: Vec<Spanned<AccountFile>>,
    tls: Option<TlsFile>,
}

/// An entry under `targets` of `agent.yaml`: when probes run is the hub's to say, and agents do
/// not write.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentTargetFile {
    /// In place of the hub's, where the office reaches the target by another address.
    #[schemars(with = "Option<String>")]
    base_url: Option<Spanned<String>>,
    /// The same for other sides of its interfaces.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    systems: BTreeMap<String, Spanned<String>>,
    /// The address of this machine to speak to the target from, where it is another than the
    /// file's.
    source_address: Option<IpAddr>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SecretFile>")]
    secrets: BTreeMap<String, Spanned<SecretFile>>,
    /// Secrets that differ between the accounts probes take turns with.
    #[serde(default)]
    #[schemars(with = "Vec<BTreeMap<String, SecretFile>>")]
    accounts: Vec<Spanned<AccountFile>>,
    tls: Option<TlsFile>,
}

/// What is said of one target.
#[derive(Debug, Default)]
pub struct TargetSettings {
    pub base_url: Option<url::Url>,
    /// Of an agent's machine, where it speaks from; probe files say it of a hub's.
    pub source_address: Option<IpAddr>,
    pub systems: BTreeMap<String, url::Url>,
    pub interval: Option<Length>,
    pub writes: Option<WritesSection>,
    pub secrets: BTreeMap<String, SecretString>,
    /// Secrets of each account, in the order of the file; none where there is but one.
    pub accounts: Vec<BTreeMap<String, SecretString>>,
    pub tls: TlsSettings,
}

/// Reads the targets of a service; missing secrets are noted apart, for it starts without them.
pub(super) fn read_targets(
    files: &BTreeMap<TargetId, TargetFile>,
    synthetic: bool,
    folder: &Path,
    (faults, missing): (&mut Faults, &mut Faults),
) -> BTreeMap<TargetId, TargetSettings> {
    let mut targets = BTreeMap::new();
    for (id, file) in files {
        let access = Access {
            addresses: (file.base_url.as_ref(), &file.systems),
            secrets: &file.secrets,
            accounts: &file.accounts,
            tls: file.tls.as_ref(),
        };
        let settings = TargetSettings {
            interval: file.interval,
            writes: file.writes.as_ref().map(|writes| read_writes(writes, synthetic, faults)),
            ..access.read(folder, faults, missing)
        };
        targets.insert(id.clone(), settings);
    }
    targets
}

/// The same of an agent.
pub(super) fn read_agent_targets(
    files: &BTreeMap<TargetId, AgentTargetFile>,
    folder: &Path,
    (faults, missing): (&mut Faults, &mut Faults),
) -> BTreeMap<TargetId, TargetSettings> {
    let mut targets = BTreeMap::new();
    for (id, file) in files {
        let access = Access {
            addresses: (file.base_url.as_ref(), &file.systems),
            secrets: &file.secrets,
            accounts: &file.accounts,
            tls: file.tls.as_ref(),
        };
        let settings = TargetSettings {
            source_address: file.source_address,
            ..access.read(folder, faults, missing)
        };
        targets.insert(id.clone(), settings);
    }
    targets
}

/// What both kinds of file say of how to get at a target.
struct Access<'a> {
    addresses: (Option<&'a Spanned<String>>, &'a BTreeMap<String, Spanned<String>>),
    secrets: &'a BTreeMap<String, Spanned<SecretFile>>,
    accounts: &'a [Spanned<AccountFile>],
    tls: Option<&'a TlsFile>,
}

impl Access<'_> {
    fn read(&self, folder: &Path, faults: &mut Faults, missing: &mut Faults) -> TargetSettings {
        let (base_url, systems) = self.addresses;
        let mut settings = TargetSettings {
            base_url: base_url.map(|text| address(text, faults)),
            systems: read_addresses(systems, faults),
            accounts: read_accounts(self.accounts, folder, faults, missing),
            ..TargetSettings::default()
        };
        if let Some(tls) = self.tls {
            settings.tls = read_tls(tls, folder, faults, missing);
        }
        for (name, from) in self.secrets {
            if let Some(value) = secret(from, folder, missing) {
                settings.secrets.insert(name.clone(), value);
            }
        }
        settings
    }
}

/// An address; one that leads nowhere when it is at fault, which is noted.
pub(super) fn address(text: &Spanned<String>, faults: &mut Faults) -> url::Url {
    parse_base_url(&text.value).unwrap_or_else(|wrong| {
        faults.at(text.defined, wrong);
        url::Url::parse("http://invalid.invalid/").expect("a constant address")
    })
}
