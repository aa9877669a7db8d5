//! `holdfast people`: who may sign in, and what they prove themselves by.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::{CliError, InstallationArgs, passphrase, print, print_json};
use crate::app::enrolment::{self, Listed, Published};
use crate::clock::Clock;
use crate::config::installation;
use crate::domain::ids::PersonId;

/// Signs the directory, enrols people and lists them. A running service takes each change within
/// seconds.
///
/// Example: holdfast people enrol p-duty-1 --config care/holdfast.yaml
#[derive(Debug, clap::Args)]
pub struct People {
    #[command(flatten)]
    on: InstallationArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Everybody in the directory in force, and whether they can sign in.
    ///
    /// Example: holdfast people list --json
    List,
    /// Signs what directory.yaml says; who is enrolled stays so, who has left is out.
    ///
    /// Example: holdfast people compile --config care/holdfast.yaml
    Compile,
    /// Gives somebody a passphrase and a secret for codes, in place of earlier ones.
    ///
    /// Example: holdfast people enrol p-duty-1
    Enrol {
        person: PersonId,
        /// A file that holds the passphrase, instead of typing it.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
}

impl People {
    pub fn run(self) -> Result<(), CliError> {
        let service = installation::load(&self.on.config)?;
        let now = Clock::system().now();
        match self.verb {
            Verb::List => {
                let people = enrolment::list(&service, now)?;
                if self.on.json {
                    return print_json(&people);
                }
                people.iter().map(line).try_for_each(print)
            }
            Verb::Compile => {
                let published = enrolment::compile(&service, now)?;
                if self.on.json {
                    return print_json(&published);
                }
                words(&published).into_iter().try_for_each(print)
            }
            Verb::Enrol { person, passphrase_file } => {
                let what = format!("A passphrase for {person}");
                let passphrase = passphrase::read(&what, passphrase_file.as_deref())?;
                let link = enrolment::enrol(&service, &person, &passphrase, now)?;
                let link = link.expose_secret();
                if self.on.json {
                    return print(serde_json::json!({ "person": person, "otpauth": link }));
                }
                print(format!(
                    "{person} is enrolled. Put this into their authenticator now: it is not shown \
                     again.\n{link}"
                ))
            }
        }
    }
}

fn line(one: &Listed) -> String {
    let may = match (one.current, one.enrolled) {
        (false, _) => "not within the account's dates",
        (true, true) => "enrolled",
        (true, false) => "not enrolled yet",
    };
    format!("{:<18} {} ({}): {may}", one.person.as_str(), one.name, one.roles.join(", "))
}

fn words(published: &Published) -> Vec<String> {
    let Published { number, people, enrolled, .. } = published;
    let mut lines = vec![format!(
        "Directory {number} is in force: {people} people, {enrolled} of them can sign in."
    )];
    let named =
        |people: &[PersonId]| people.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ");
    if !published.joined.is_empty() {
        lines.push(format!("New: {}.", named(&published.joined)));
    }
    if !published.left.is_empty() {
        lines.push(format!("Out, at once: {}.", named(&published.left)));
    }
    lines
}
