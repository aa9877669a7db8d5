//! Who may sign in: the directory is signed from its file, and people are enrolled into it.
//!
//! A secret is made or hashed here and handed back once; it must not be written anywhere but into
//! the sealed directory.

use anyhow::{Context, bail};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use super::portal;
use crate::config::diagnostics::{self, Diagnostics};
use crate::config::directory as file;
use crate::config::installation::Installation;
use crate::config::targets;
use crate::crypto::passphrase::PassphraseHash;
use crate::crypto::totp::TotpSecret;
use crate::domain::ids::PersonId;
use crate::vault::directory::{self, Credential, Directory, DirectoryError, Enrolled};
use crate::vault::policy;
use crate::vault::site::Site;

/// A directory that is in force now.
#[derive(Debug, Serialize)]
pub struct Published {
    pub number: u64,
    pub people: usize,
    /// How many of them can sign in.
    pub enrolled: usize,
    /// In this directory and not in the one before.
    pub joined: Vec<PersonId>,
    /// In the one before and not in this one.
    pub left: Vec<PersonId>,
}

/// Somebody in the directory.
#[derive(Debug, Serialize)]
pub struct Listed {
    pub person: PersonId,
    pub name: String,
    pub roles: Vec<&'static str>,
    pub enrolled: bool,
    /// Within the dates of the account.
    pub current: bool,
}

/// Signs what `directory.yaml` says. People who are enrolled stay so; who is not in the file any
/// more is out.
///
/// # Errors
/// When it or a probe file has faults, or the site's keys or folder cannot be used.
pub fn compile(service: &Installation, now: Timestamp) -> anyhow::Result<Published> {
    let path = &service.directory;
    let text = diagnostics::read(path).map_err(Diagnostics::from)?;
    let targets = targets::load(service)?;
    let written = file::read_beside(&path.display().to_string(), &text, Some(&targets))?;
    let site = portal::site(&service.data)?;
    let before = newest(&site)?;
    let known = |person: &PersonId| before.as_ref().and_then(|before| before.find(person));
    let credential = |person: &PersonId| known(person)?.credential.clone();
    let people: Vec<Enrolled> = written
        .people
        .into_iter()
        .map(|account| Enrolled { credential: credential(&account.person), account })
        .collect();
    let joined = people.iter().map(|one| &one.account.person);
    let joined = joined.filter(|person| known(person).is_none()).cloned().collect();
    let review_key = match &before {
        Some(before) => before.review_key.clone(),
        None => policy::create_review_key(&site).context("making the reviewers' key")?,
    };
    let number = directory::next_number(&site)?;
    let next = Directory { number, issued_at: now, phones: written.phones, review_key, people };
    let gone = before.iter().flat_map(|before| &before.people).map(|one| &one.account.person);
    let left = gone.filter(|person| next.find(person).is_none()).cloned().collect();
    directory::publish(&site, &next, &policy::policy_key(&site)?)?;
    let enrolled = next.people.iter().filter(|one| one.credential.is_some()).count();
    Ok(Published { number, people: next.people.len(), enrolled, joined, left })
}

/// Gives somebody of the directory in force a passphrase and a new secret for codes. Answers the
/// link that an authenticator takes, which is not kept.
///
/// # Errors
/// When nobody of that id is in the directory, the passphrase is too short, or the site's keys or
/// folder cannot be used.
pub fn enrol(
    service: &Installation,
    person: &PersonId,
    passphrase: &SecretString,
    now: Timestamp,
) -> anyhow::Result<SecretString> {
    let site = portal::site(&service.data)?;
    let mut next = in_force(&site)?;
    let Some(enrolled) = next.people.iter_mut().find(|one| one.account.person == *person) else {
        let path = service.directory.display();
        bail!(
            "'{person}' is not in the directory in force: add them to {path} and run 'holdfast \
             people compile' first"
        );
    };
    let totp = TotpSecret::generate();
    let link = totp.enrolment_link("Holdfast", person.as_str())?;
    enrolled.credential = Some(Credential { passphrase: PassphraseHash::new(passphrase)?, totp });
    next.number = directory::next_number(&site)?;
    next.issued_at = now;
    directory::publish(&site, &next, &policy::policy_key(&site)?)?;
    Ok(link)
}

/// Everybody in the directory in force.
///
/// # Errors
/// When there is none, or it is not to be believed.
pub fn list(service: &Installation, now: Timestamp) -> anyhow::Result<Vec<Listed>> {
    let directory = in_force(&portal::site(&service.data)?)?;
    let listed = |one: Enrolled| Listed {
        roles: one.account.roles.iter().map(|role| role.title()).collect(),
        current: one.account.is_current(now),
        enrolled: one.credential.is_some(),
        name: one.account.name,
        person: one.account.person,
    };
    Ok(directory.people.into_iter().map(listed).collect())
}

fn in_force(site: &Site) -> anyhow::Result<Directory> {
    let signers = policy::signers(site)?;
    Ok(directory::load(site, &site.node_key()?, &signers.policy)?)
}

/// None before the first one.
fn newest(site: &Site) -> anyhow::Result<Option<Directory>> {
    let signers = policy::signers(site)?;
    match directory::load(site, &site.node_key()?, &signers.policy) {
        Ok(directory) => Ok(Some(directory)),
        Err(DirectoryError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
