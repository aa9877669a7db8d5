//! Passphrases are typed on the terminal, unseen and twice, or stand in a file; never in an
//! argument, where everybody on the machine could read them.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};

use super::CliError;
use crate::crypto::passphrase::CHARACTERS_AT_LEAST;

/// Reads a passphrase from `file`, or asks for it on the terminal.
///
/// # Errors
/// When it is too short, was typed differently the second time, or there is no terminal.
pub fn read(what: &str, file: Option<&Path>) -> Result<SecretString, CliError> {
    let passphrase = match file {
        Some(path) => from_file(path)?,
        None => from_terminal(what)?,
    };
    if passphrase.expose_secret().chars().count() < CHARACTERS_AT_LEAST {
        let words = format!(
            "{what} needs at least {CHARACTERS_AT_LEAST} characters: four or five words will do"
        );
        return Err(CliError::Arguments(words));
    }
    Ok(passphrase)
}

fn from_file(path: &Path) -> Result<SecretString, CliError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::Arguments(format!("{}: {error}", path.display())))?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn from_terminal(what: &str) -> Result<SecretString, CliError> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let terminal = terminal.context("there is no terminal to ask on: name a file instead")?;
    let first = ask(&terminal, &format!("{what}: "))?;
    let second = ask(&terminal, "The same once more: ")?;
    if first.expose_secret() != second.expose_secret() {
        return Err(CliError::Arguments("these were not the same: nothing was changed".to_owned()));
    }
    Ok(first)
}

fn ask(mut terminal: &File, words: &str) -> anyhow::Result<SecretString> {
    terminal.write_all(words.as_bytes())?;
    let unseen = Unseen::begin(terminal)?;
    let mut line = String::new();
    BufReader::new(terminal).read_line(&mut line)?;
    drop(unseen);
    terminal.write_all(b"\n")?;
    let passphrase = SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned());
    zeroize::Zeroize::zeroize(&mut line);
    Ok(passphrase)
}

/// While it lives, the terminal does not show what is typed.
struct Unseen<'a>(&'a File);

impl<'a> Unseen<'a> {
    fn begin(terminal: &'a File) -> anyhow::Result<Self> {
        stty(terminal, "-echo").context("the terminal would show it: name a file instead")?;
        Ok(Self(terminal))
    }
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        // The shell shows again what is typed when this fails.
        let _ = stty(self.0, "echo");
    }
}

fn stty(terminal: &File, setting: &str) -> anyhow::Result<()> {
    let stdin = Stdio::from(terminal.try_clone()?);
    let ended = Command::new("stty").arg(setting).stdin(stdin).status()?;
    anyhow::ensure!(ended.success(), "stty {setting} failed");
    Ok(())
}
