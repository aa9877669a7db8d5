//! `holdfast.yaml`: what this installation is, where its files are and how it reaches the world.
//!
//! Paths are relative to the file they stand in. Secrets never stand in it: it names a file or an
//! environment variable that holds each. It must not open anything but text files.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_saphyr::Spanned;

use super::agents::{AgentsFile, AgentsSection, read_agents};
use super::diagnostics::{Diagnostic, Diagnostics, Faults, parse, read};
use super::secrets::{SecretFile, SecretPlace, secret};
use super::target_settings::{TargetFile, TargetSettings, address, read_targets};
use crate::domain::ids::TargetId;
use crate::domain::length::Length;
use crate::domain::network::Network;

/// The word the file begins with.
pub const FORMAT: &str = "holdfast/service/v1";

/// The file as it is written.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallationFile {
    /// `holdfast/service/v1`
    #[schemars(with = "String")]
    format: Spanned<String>,
    /// The organisational unit it serves, as plans, notices and the register name it; the host of
    /// `origin` when left out.
    pub unit: Option<String>,
    /// IANA name of the zone that pages and messages are written in.
    #[schemars(with = "String")]
    time_zone: Spanned<String>,
    /// Address and port of the pages.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// How people reach the pages, for links in messages.
    #[schemars(with = "String")]
    origin: Spanned<String>,
    /// Folder of the database, the copy and the keys.
    #[serde(default = "default_data")]
    data: PathBuf,
    #[serde(default = "default_probes")]
    probes: PathBuf,
    #[serde(default = "default_playbooks")]
    playbooks: PathBuf,
    #[serde(default = "default_people")]
    people: PathBuf,
    /// Who may sign in; `holdfast people compile` signs what stands there.
    #[serde(default = "default_directory")]
    directory: PathBuf,
    /// True when every person and case is synthetic; pages and messages then say so.
    #[serde(default)]
    pub synthetic: bool,
    /// Where `/metrics` may be read from.
    #[serde(default = "loopback")]
    pub metrics_networks: Vec<Network>,
    /// `target` when left out and there are more than 500 probes.
    pub metrics_detail: Option<MetricsDetail>,
    #[serde(default)]
    targets: BTreeMap<TargetId, TargetFile>,
    mail: Option<MailFile>,
    #[serde(default)]
    webhooks: BTreeMap<String, WebhookFile>,
    /// Who of IT operations is told of every outage at once.
    pub ops_notices: Option<super::ops_notices::RawOpsNotices>,
    snapshots: Option<SnapshotsFile>,
    /// Offices that probe for themselves, and where their agents report.
    agents: Option<AgentsFile>,
    /// Where the browser of browser steps is.
    pub browser: Option<super::browser_programs::BrowserFile>,
}

/// How much metrics tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MetricsDetail {
    /// Each probe at each location.
    Probe,
    /// All probes of a target together.
    Target,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct MailFile {
    /// As in `Holdfast <holdfast@example.gov>`.
    from: String,
    /// This machine's name, as it greets a relay.
    hello: String,
    relays: Vec<RelayFile>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RelayFile {
    host: String,
    port: u16,
    #[serde(default)]
    security: SecurityFile,
    user: Option<String>,
    #[schemars(with = "Option<SecretFile>")]
    password: Option<Spanned<SecretFile>>,
    #[serde(default = "ten_seconds")]
    answer_timeout: Length,
}

/// How a relay is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityFile {
    Plain,
    #[default]
    StartTls,
    Tls,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct WebhookFile {
    url: String,
    #[schemars(with = "SecretFile")]
    secret: Spanned<SecretFile>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct SnapshotsFile {
    /// The mapping from the source's fields to records.
    mapping: PathBuf,
    /// Where the case system's export is: `https://…`, `postgres://USER@HOST/DATABASE`,
    /// `mysql://…`, `sqlite:///FILE` or `file:///FOLDER`.
    #[schemars(with = "String")]
    source_url: Spanned<String>,
    /// The export's token, key or password; left out where the source wants none.
    #[schemars(with = "Option<SecretFile>")]
    token: Option<Spanned<SecretFile>>,
    /// How often changes are captured; the age a copy may have is twice that.
    every: Length,
}

/// A checked installation.
#[derive(Debug)]
pub struct Installation {
    /// The file it was read from.
    pub path: PathBuf,
    pub file: InstallationFile,
    pub time_zone: jiff::tz::TimeZone,
    pub origin: url::Url,
    pub data: PathBuf,
    pub probes: PathBuf,
    pub playbooks: PathBuf,
    pub people: PathBuf,
    pub directory: PathBuf,
    pub targets: BTreeMap<TargetId, TargetSettings>,
    pub mail: Option<MailSection>,
    pub webhooks: BTreeMap<String, WebhookSection>,
    pub snapshots: Option<SnapshotsSection>,
    pub agents: Option<AgentsSection>,
    /// Secrets of probes and captures that are not there. The service runs without them, because
    /// pages, plans and the copy must; their probes end inconclusive and nothing is captured.
    pub missing: Vec<Diagnostic>,
}

/// How mail is sent.
#[derive(Debug)]
pub struct MailSection {
    pub from: String,
    pub hello: String,
    pub relays: Vec<RelaySection>,
}

/// One server that takes our mail.
#[derive(Debug)]
pub struct RelaySection {
    pub host: String,
    pub port: u16,
    pub security: SecurityFile,
    pub credentials: Option<(String, SecretString)>,
    pub answer_timeout: Length,
}

/// One system that is told of incidents.
#[derive(Debug)]
pub struct WebhookSection {
    pub url: String,
    pub secret: SecretString,
}

/// Where the copy comes from.
#[derive(Debug)]
pub struct SnapshotsSection {
    pub mapping: PathBuf,
    pub source_url: url::Url,
    /// Where that stands in the file: line and column.
    pub source_url_place: (u64, u64),
    /// Where the token stands, if there is one: the capture run reads it itself.
    pub token_from: Option<SecretPlace>,
    pub every: Length,
}

/// Beside those of HTTP.
const SOURCE_SCHEMES: [&str; 4] = ["postgres", "mysql", "sqlite", "file"];

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}
fn default_data() -> PathBuf {
    "data".into()
}
fn default_probes() -> PathBuf {
    "probes".into()
}
fn default_playbooks() -> PathBuf {
    "playbooks".into()
}
fn default_people() -> PathBuf {
    "people.yaml".into()
}
fn default_directory() -> PathBuf {
    "directory.yaml".into()
}
fn loopback() -> Vec<Network> {
    ["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse().ok()).collect()
}
fn ten_seconds() -> Length {
    Length::from_secs(10)
}

/// Reads `holdfast.yaml`.
///
/// # Errors
/// Every fault of it, secrets of mail and webhooks that are not where it says included.
pub fn load(path: &Path) -> Result<Installation, Diagnostics> {
    let (service, faults) = read_on(path)?;
    if faults.is_empty() { Ok(service) } else { Err(Diagnostics(faults)) }
}

/// Reads `holdfast.yaml` with its faults of content, so that the files it names can be checked too.
///
/// # Errors
/// The first fault of form: nothing can be said of its content.
pub fn read_on(path: &Path) -> Result<(Installation, Vec<Diagnostic>), Diagnostic> {
    let text = read(path)?;
    let name = path.display().to_string();
    let file: InstallationFile = parse(&name, &text)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let (mut faults, mut missing) = (Faults::new(&name), Faults::new(&name));
    if file.format.value != FORMAT {
        faults.at(file.format.defined, format!("unknown format: write '{FORMAT}'"));
    }
    let time_zone = jiff::tz::TimeZone::get(&file.time_zone.value).unwrap_or_else(|_| {
        let zone = &file.time_zone.value;
        let message = format!("unknown time zone '{zone}': write an IANA name");
        faults.at(file.time_zone.defined, message);
        jiff::tz::TimeZone::UTC
    });
    let origin = address(&file.origin, &mut faults);
    let targets = read_targets(&file.targets, file.synthetic, folder, (&mut faults, &mut missing));
    let agents = file.agents.as_ref().map(|agents| read_agents(agents, &mut faults));
    let mail = file.mail.as_ref().map(|mail| mail_section(mail, folder, &mut faults));
    let webhooks = webhooks(&file, folder, &mut faults);
    let snapshots =
        file.snapshots.as_ref().map(|s| snapshots(s, folder, &mut faults, &mut missing));
    let service = Installation {
        path: path.to_owned(),
        time_zone,
        origin,
        data: folder.join(&file.data),
        probes: folder.join(&file.probes),
        playbooks: folder.join(&file.playbooks),
        people: folder.join(&file.people),
        directory: folder.join(&file.directory),
        targets,
        mail,
        webhooks,
        snapshots,
        agents,
        missing: missing.take(),
        file,
    };
    Ok((service, faults.take()))
}

fn mail_section(mail: &MailFile, folder: &Path, faults: &mut Faults) -> MailSection {
    let mut relays = Vec::new();
    for relay in &mail.relays {
        let password = relay.password.as_ref().and_then(|from| secret(from, folder, faults));
        relays.push(RelaySection {
            host: relay.host.clone(),
            port: relay.port,
            security: relay.security,
            credentials: relay.user.clone().zip(password),
            answer_timeout: relay.answer_timeout,
        });
    }
    MailSection { from: mail.from.clone(), hello: mail.hello.clone(), relays }
}

fn webhooks(
    file: &InstallationFile,
    folder: &Path,
    faults: &mut Faults,
) -> BTreeMap<String, WebhookSection> {
    let mut webhooks = BTreeMap::new();
    for (name, hook) in &file.webhooks {
        if let Some(secret) = secret(&hook.secret, folder, faults) {
            webhooks.insert(name.clone(), WebhookSection { url: hook.url.clone(), secret });
        }
    }
    webhooks
}

/// The address of an export of any kind. Whether it is of the mapping's kind is asked when both are
/// known.
fn source_address(text: &Spanned<String>, faults: &mut Faults) -> url::Url {
    let parsed = url::Url::parse(&text.value).ok();
    let Some(url) = parsed.filter(|url| SOURCE_SCHEMES.contains(&url.scheme())) else {
        return address(text, faults);
    };
    if url.password().is_some() {
        let message = "a password stands here: take it out, and write it into the file of 'token'";
        faults.at(text.defined, message);
    }
    url
}

fn snapshots(
    file: &SnapshotsFile,
    folder: &Path,
    faults: &mut Faults,
    missing: &mut Faults,
) -> SnapshotsSection {
    let source_url = source_address(&file.source_url, faults);
    if let Some(token) = &file.token {
        // Only whether it is there: the capture run reads it itself.
        secret(token, folder, missing);
    }
    SnapshotsSection {
        mapping: folder.join(&file.mapping),
        source_url,
        source_url_place: (file.source_url.defined.line(), file.source_url.defined.column()),
        token_from: file.token.as_ref().map(|token| token.value.place(folder)),
        every: file.every,
    }
}
