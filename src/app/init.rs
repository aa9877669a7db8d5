//! Writes a working installation into a folder: files to edit, secrets to fill in, keys.
//!
//! It writes nothing over: a file that is there already stops it before the first one is written.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::profiles::{COMMON_PLAYBOOKS, PROFILES, Profile};
use super::validate::INSTALLATION;
use crate::config::schemas;
use crate::vault::site::{self, Level};

const TEMPLATE: &str = include_str!("profile/holdfast.yaml");

/// What is known of an installation when its files are written.
#[derive(Debug)]
pub struct Choices {
    pub profile: Profile,
    pub level: Level,
    pub site: String,
    pub listen: SocketAddr,
    pub base_url: String,
    /// The other side of the profile's interface, where it has one.
    pub interface_url: Option<String>,
    pub relay: Relay,
    pub rehearsal: Option<Rehearsal>,
    /// File name under `secrets/` and what goes into it.
    pub secrets: Vec<(&'static str, SecretString)>,
    /// Wraps the custody key.
    pub custody_passphrase: SecretString,
}

/// The first mail relay.
#[derive(Debug)]
pub struct Relay {
    pub host: String,
    pub port: u16,
    pub security: &'static str,
}

/// What is quicker in a rehearsal, where everything is synthetic.
#[derive(Debug)]
pub struct Rehearsal {
    pub interval: String,
    pub writes: String,
    pub capture_interval: String,
    pub update_interval: String,
}

impl Choices {
    /// What a new installation begins with: no secret that is not one, nothing on the network but
    /// this machine, mail over its own relay.
    #[must_use]
    pub fn fresh(profile: Profile, site: String, custody_passphrase: SecretString) -> Self {
        Self {
            site,
            level: Level::Server,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            base_url: profile.base_url.to_owned(),
            interface_url: profile.interface.map(|interface| interface.base_url.to_owned()),
            relay: Relay { host: "127.0.0.1".to_owned(), port: 25, security: "plain" },
            rehearsal: None,
            secrets: Vec::new(),
            custody_passphrase,
            profile,
        }
    }
}

/// The profile of that name.
///
/// # Errors
/// When there is none; the message names those there are.
pub fn profile(name: &str) -> anyhow::Result<Profile> {
    let found = PROFILES.iter().find(|profile| profile.name == name);
    found.copied().with_context(|| {
        let names: Vec<_> = PROFILES.iter().map(|profile| profile.name).collect();
        format!("there is no profile '{name}': write one of {}", names.join(", "))
    })
}

/// Writes the installation. Returns the path of its `holdfast.yaml`.
///
/// # Errors
/// When the folder holds one of the files already or cannot be written.
pub fn write(folder: &Path, choices: &Choices, now: Timestamp) -> anyhow::Result<PathBuf> {
    let config = folder.join(INSTALLATION);
    let mut files = vec![(config.clone(), holdfast_yaml(choices)?)];
    let profile = &choices.profile;
    for (name, text) in profile.files {
        files.push((folder.join(name), (*text).to_owned()));
    }
    files.push((folder.join("directory.yaml"), directory_yaml(profile, now)?));
    let playbooks = match &choices.rehearsal {
        Some(_) => vec![profile.demo_playbook],
        None => [profile.playbooks, COMMON_PLAYBOOKS].concat(),
    };
    for (name, text) in &playbooks {
        files.push((folder.join(name), (*text).to_owned()));
    }
    for (path, text) in &mut files {
        let below = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        *text = schemas::hinted(&below, text);
    }
    for (name, text) in schemas::all() {
        files.push((folder.join("schemas").join(format!("{name}.json")), text));
    }
    if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        bail!("{} is there already: choose an empty folder", there.display());
    }
    for (path, text) in &files {
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    write_secrets(&folder.join("secrets"), &choices.secrets)?;
    let data = folder.join("data");
    std::fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
    let root = data.join(site::FOLDER);
    site::create(&root, &choices.site, choices.level, &choices.custody_passphrase, now)
        .context("making the site's keys")?;
    Ok(config)
}

fn holdfast_yaml(choices: &Choices) -> anyhow::Result<String> {
    let rehearsal = choices.rehearsal.as_ref();
    let context = minijinja::context! {
        unit => choices.profile.unit,
        time_zone => choices.profile.time_zone,
        listen => choices.listen.to_string(),
        origin => format!("http://{}", choices.listen),
        synthetic => rehearsal.is_some(),
        target => choices.profile.target,
        base_url => choices.base_url.as_str(),
        interface => choices.profile.interface.map(|interface| minijinja::context! {
            system => interface.system,
            url => choices.interface_url.as_deref().unwrap_or(interface.base_url),
            secret => interface.secret,
            file => interface.secret_file,
        }),
        captures => choices.profile.captures,
        interval => rehearsal.map(|r| r.interval.clone()),
        writes => rehearsal.map(|r| r.writes.clone()),
        hello => "localhost",
        smtp_host => choices.relay.host.as_str(),
        smtp_port => choices.relay.port,
        smtp_security => choices.relay.security,
        update_interval => rehearsal.map_or("5 min", |r| r.update_interval.as_str()),
        capture_interval => rehearsal.map_or("15 min", |r| r.capture_interval.as_str()),
    };
    let environment = minijinja::Environment::new();
    let text = environment.render_str(TEMPLATE, context).context("filling in holdfast.yaml")?;
    Ok(text + "\n")
}

/// The directory as of now: somebody left a week ago, somebody's sponsorship lasts another year.
fn directory_yaml(profile: &Profile, now: Timestamp) -> anyhow::Result<String> {
    let now = now.round(jiff::Unit::Second)?;
    let days = |count: i64| now.checked_add(SignedDuration::from_hours(24 * count));
    let context = minijinja::context! {
        a_week_ago => days(-7)?.to_string(),
        in_a_year => days(365)?.to_string(),
    };
    let environment = minijinja::Environment::new();
    let text = environment.render_str(profile.directory, context);
    Ok(text.context("filling in directory.yaml")? + "\n")
}

/// Secrets are readable by their owner alone.
fn write_secrets(folder: &Path, secrets: &[(&str, SecretString)]) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for (name, secret) in secrets {
        let path = folder.join(name);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("writing {}", path.display()))?;
        file.write_all(secret.expose_secret().as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::directory;

    /// As it begins, and as a demo has it.
    #[test]
    fn every_profile_is_written_without_a_fault() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        for profile in PROFILES {
            for demo in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let fresh = Choices::fresh(*profile, "test".into(), "synthetic".into());
                let rehearsal = demo.then(|| Rehearsal {
                    interval: "5 s".into(),
                    writes: profile.demo_writes.into(),
                    capture_interval: "30 s".into(),
                    update_interval: "15 s".into(),
                });
                let choices = Choices { rehearsal, level: Level::Demo, ..fresh };
                write(folder.path(), &choices, now).unwrap();
                let mut checked = super::super::validate::Checked::default();
                super::super::validate::check(folder.path(), &mut checked);
                let faults: Vec<_> = checked.faults.iter().map(ToString::to_string).collect();
                assert!(faults.is_empty(), "{}: {faults:#?}", profile.name);
                let plans = if demo { 1 } else { profile.playbooks.len() + COMMON_PLAYBOOKS.len() };
                let is_plan = |file: &str| file.contains("/playbooks/");
                let seen = checked.files.iter().filter(|one| is_plan(&one.file)).count();
                assert_eq!(seen, plans, "{}", profile.name);
            }
        }
    }

    #[test]
    fn directories_are_of_the_day_they_are_written() {
        let now: Timestamp = "2023-03-01T00:00:00Z".parse().unwrap();
        for profile in PROFILES {
            let text = directory_yaml(profile, now).unwrap();
            let people = directory::read("directory.yaml", &text).unwrap().people;
            let gone: Vec<_> = people.iter().filter(|one| !one.is_current(now)).collect();
            let ended = now - SignedDuration::from_hours(7 * 24);
            assert_eq!(gone.len(), 1, "{}: one left last week", profile.name);
            assert_eq!(gone[0].ends_at, Some(ended));
        }
    }
}
