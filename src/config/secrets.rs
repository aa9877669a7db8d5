//! Where secrets are: in files or environment variables of their own, never in configuration.
//!
//! It must not quote a secret, nor keep one longer than it takes to hand it on.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_saphyr::Spanned;

use super::diagnostics::Faults;

/// Where a secret is: exactly one of the three.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretFile {
    /// A file that holds it and nothing else; a line end at its end does not count.
    File(PathBuf),
    /// The name of an environment variable.
    Env(String),
    /// The name of a credential that systemd hands over (`LoadCredential=`, `SetCredential=`).
    Credential(String),
}

/// Where a secret can be read, whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    File(PathBuf),
    Env(String),
}

impl SecretFile {
    /// The place, files being in `folder` unless they say otherwise.
    #[must_use]
    pub fn place(&self, folder: &Path) -> SecretPlace {
        match self {
            Self::File(path) => SecretPlace::File(folder.join(path)),
            Self::Env(name) => SecretPlace::Env(name.clone()),
            Self::Credential(name) => SecretPlace::File(credentials().join(name)),
        }
    }

    /// What to do when it is not there.
    fn advice(&self) -> String {
        match self {
            Self::File(_) => {
                "write it into that file, alone and readable by the service alone".to_owned()
            }
            Self::Env(name) => format!("set '{name}' in the service's environment"),
            Self::Credential(name) => format!(
                "start the service by systemd, with 'LoadCredential={name}:/path' in its unit"
            ),
        }
    }
}

/// Where systemd puts the credentials of a service: systemd.exec(5), "CREDENTIALS".
fn credentials() -> PathBuf {
    std::env::var_os("CREDENTIALS_DIRECTORY").map_or("/run/credentials".into(), PathBuf::from)
}

/// Reads a secret from where the file says it is; the message never quotes it.
pub(super) fn secret(
    from: &Spanned<SecretFile>,
    folder: &Path,
    faults: &mut Faults,
) -> Option<SecretString> {
    let why = match read(&from.value.place(folder)) {
        Ok(secret) => return Some(secret),
        Err(why) => why,
    };
    faults.at(from.defined, format!("{why}: {}", from.value.advice()));
    None
}

/// The secret, or why there is none.
fn read(place: &SecretPlace) -> Result<SecretString, String> {
    match place {
        // A line end at its end does not count.
        SecretPlace::File(path) => std::fs::read_to_string(path)
            .map(|text| SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => format!("the secret in {} is not there", path.display()),
                _ => format!("the secret in {} cannot be read ({error})", path.display()),
            }),
        SecretPlace::Env(name) => std::env::var(name)
            .map(SecretString::from)
            .map_err(|_| format!("the environment has no '{name}'")),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_read_without_its_line_end_and_a_missing_one_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pin"), "0042\n").unwrap();
        let place = |file: &SecretFile| read(&file.place(folder.path()));
        assert_eq!(place(&SecretFile::File("pin".into())).unwrap().expose_secret(), "0042");
        let credential = SecretFile::Credential("pin".to_owned());
        assert_eq!(
            place(&credential).unwrap_err(),
            "the secret in /run/credentials/pin is not there"
        );
        assert!(credential.advice().contains("LoadCredential=pin:/path"));
    }
}
