//! Everybody in the profile's directory, enrolled with a passphrase that is printed on the screen:
//! a demo's people are synthetic, and so are their secrets.

use anyhow::Context;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::config::directory::DirectoryFile;
use crate::crypto::passphrase::PassphraseHash;
use crate::crypto::sealed::OpeningKey;
use crate::crypto::totp::TotpSecret;
use crate::vault::directory::{Credential, Directory, Enrolled};
use crate::vault::site::Site;
use crate::vault::{directory, policy};

/// Everybody's passphrase in a demo.
pub const PASSPHRASE: &str = "synthetic people only";
/// Everybody's secret for codes in a demo, so that one entry in an authenticator serves for all.
pub const TOTP_SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// Enrols everybody and publishes the directory.
///
/// # Errors
/// When the site's keys or folder cannot be used.
pub fn enrol(site: &Site, file: DirectoryFile, now: Timestamp) -> anyhow::Result<()> {
    let signers = policy::create(site, &site.node_key()?);
    signers.context("making the policy key")?;
    let credential = Credential {
        passphrase: PassphraseHash::new(&SecretString::from(PASSPHRASE))?,
        totp: TotpSecret::from_base32(TOTP_SECRET)?,
    };
    let enrolled = |account| Enrolled { account, credential: Some(credential.clone()) };
    let people = file.people.into_iter().map(enrolled).collect();
    let number = directory::next_number(site)?;
    let review_key = OpeningKey::generate().sealing_key();
    let directory = Directory { number, issued_at: now, phones: file.phones, review_key, people };
    directory::publish(site, &directory, &policy::policy_key(site)?)?;
    Ok(())
}
