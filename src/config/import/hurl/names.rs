//! Variables of a Hurl file: captured, given, or from outside.
//!
//! `{{name}}` becomes `${name}` where an earlier step captures it, the value itself where the file
//! or the command line gives it, and a secret where it comes from outside.

use std::collections::{BTreeMap, BTreeSet};

use super::Import;
use crate::config::import::draft::{is_secret, literal};

/// What is known of names at a place in the file.
#[derive(Debug, Default)]
pub struct Names {
    given: BTreeMap<String, String>,
    captured: BTreeSet<String>,
    told: BTreeSet<String>,
}

impl Names {
    /// Takes a value that is written down; one that looks like a secret is not kept, so that its
    /// name is asked for from outside.
    pub fn give(&mut self, name: &str, value: &str) {
        self.captured.remove(name);
        if !is_secret(name) {
            self.given.insert(name.to_owned(), value.to_owned());
        }
    }

    pub fn capture(&mut self, name: &str) {
        self.given.remove(name);
        self.captured.insert(name.to_owned());
    }

    /// The text with every name that has a value here replaced by it.
    pub fn resolved(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (name, value) in &self.given {
            out = out.replace(&format!("{{{{{name}}}}}"), value);
        }
        out
    }
}

impl Import<'_> {
    /// A text as our files have it.
    pub fn fill(&mut self, text: &str, line: u64) -> String {
        let text = self.names.resolved(text);
        let (mut out, mut rest) = (String::new(), text.as_str());
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inside, after)) = after.split_once("}}") else { break };
            out.push_str(&literal(before));
            out.push_str(&self.value(inside.trim(), line));
            rest = after;
        }
        out + &literal(rest)
    }

    /// A text that may hold what nobody should read: as it is when it is asked for by name, and
    /// else a secret.
    pub fn fill_secret(&mut self, name: &str, text: &str, line: u64) -> String {
        if text.contains("{{") || text.is_empty() {
            return self.fill(text, line);
        }
        self.note(line, format!(
            "'{name}' looks like a secret and was not copied: write it where 'holdfast.yaml' says \
             for the secret '{name}'"
        ));
        self.draft.secret(name)
    }

    fn value(&mut self, inside: &str, line: u64) -> String {
        let mut words = inside.split_whitespace();
        let name = words.next().unwrap_or_default();
        if words.clone().next().is_some() && !name.starts_with("getEnv") {
            self.note(line, format!("'{{{{{inside}}}}}': its filters are not carried over"));
        }
        if self.names.captured.contains(name) {
            return format!("${{{name}}}");
        }
        match name {
            "newUuid" => return "${run.id}".to_owned(),
            "newDate" => return "${run.time}".to_owned(),
            _ => {}
        }
        let variable =
            inside.strip_prefix("getEnv").map(|it| it.trim_matches([' ', '(', ')', '"']));
        let secret = variable.unwrap_or(name).to_owned();
        if self.names.told.insert(secret.clone()) {
            let from = match variable {
                Some(variable) => format!("{{ env: {variable} }}"),
                None => "{ file: … }".to_owned(),
            };
            let given = match is_secret(&secret) {
                true => String::new(),
                false => format!(", or import again with '--variable {secret}=VALUE'"),
            };
            self.note(
                line,
                format!(
                    "'{{{{{inside}}}}}' comes from outside: it is the secret '{secret}' now; write \
                     '{secret}: {from}' under 'targets: … secrets:' in holdfast.yaml{given}"
                ),
            );
        }
        self.draft.secret(&secret)
    }
}
