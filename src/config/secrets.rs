//! Where secrets are: in files or environment variables of their own, never in configuration.
//!
//! It must not quote a secret, nor keep one longer than it takes to hand it on.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_saphyr::Spanned;

use super::diagnostics::Faults;

/// Where a secret is: exactly one of the two.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretFile {
    /// A file that holds it and nothing else; a line end at its end does not count.
    File(PathBuf),
    /// The name of an environment variable.
    Env(String),
}

/// Reads a secret from where the file says it is; the message never quotes it.
pub(super) fn secret(
    from: &Spanned<SecretFile>,
    folder: &Path,
    faults: &mut Faults,
) -> Option<SecretString> {
    match &from.value {
        SecretFile::File(path) => match std::fs::read_to_string(folder.join(path)) {
            Ok(text) => Some(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => {
                let path = folder.join(path);
                let why = match error.kind() {
                    std::io::ErrorKind::NotFound => "is not there".to_owned(),
                    _ => format!("cannot be read ({error})"),
                };
                let message = format!(
                    "the secret in {} {why}: write it into that file, alone and readable by \
                     the service alone",
                    path.display()
                );
                faults.at(from.defined, message);
                None
            }
        },
        SecretFile::Env(name) => match std::env::var(name) {
            Ok(text) => Some(SecretString::from(text)),
            Err(_) => {
                faults.at(from.defined, format!("the environment has no '{name}': set it"));
                None
            }
        },
    }
}
