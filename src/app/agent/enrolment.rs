//! Enrols an agent: its key is made here and stays here, the hub certifies it once for a token.

use std::path::Path;

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::keys::Folder;
use super::token;
use crate::config::diagnostics::Diagnostic;
use crate::crypto::authority::{Request, Seen, fingerprint};
use crate::crypto::digest::Digest;
use crate::domain::agent::Enrolment;
use crate::domain::ids::LocationId;
use crate::probing::agent::uplink;
use crate::store::spool::Spool;

/// Who was enrolled.
#[derive(Debug)]
pub struct Enrolled {
    pub location: LocationId,
    pub seen: Seen,
    /// Of the hub's authority.
    pub fingerprint: Digest,
}

/// Enrols with a token. An agent that was enrolled before for the same location keeps its spool.
///
/// # Errors
/// When the token is none, the folder holds what another location found, or the hub refuses.
pub async fn enrol(hub: &Url, text: &SecretString, data: &Path) -> anyhow::Result<Enrolled> {
    let token = token::read(text).context(
        "this is no invitation: write what 'holdfast agent invite' printed at the hub, as it is",
    )?;
    let fingerprint = fingerprint(&token.authority).context("reading the invitation")?;
    let folder = Folder::take(data)?;
    if folder.spool().exists() {
        let spool = Spool::open(&folder.spool(), &token.location).await?;
        let (before, waiting) = (spool.location().clone(), spool.waiting().await?);
        spool.close().await;
        if before != token.location {
            bail!(
                "{} holds what was found at '{before}', of which {waiting} checks are not \
                 delivered: use another folder for '{}'",
                data.display(),
                token.location
            );
        }
    }
    let request = Request::make()?;
    let secret = token.secret.expose_secret().to_owned();
    let enrolment = Enrolment { token: secret, request: request.pem };
    let answer = uplink::enrol(hub, &token.authority, &enrolment).await?;
    let seen = Seen::in_pem(&answer.certificate).context("reading the certificate")?;
    folder.keep_authority(&token.authority)?;
    folder.keep_identity(&answer.certificate, &request.key_pem)?;
    Ok(Enrolled { location: answer.location, seen, fingerprint })
}

/// What to say where nobody was enrolled.
#[must_use]
pub fn missing(data: &Path) -> Diagnostic {
    let message = "holds no certificate: run 'holdfast agent enrol' with an invitation of the hub";
    let (file, message) = (data.display().to_string(), message.to_owned());
    Diagnostic { file, line: 0, column: 0, message }
}
