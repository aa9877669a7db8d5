//! Values that fill templates: captured ones, secrets and those each run makes.
//!
//! Secrets never leave this file but into a request: nothing here prints them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::step::{Piece, RunValue, Template};

/// A target's secrets by name.
#[derive(Clone, Debug, Default)]
pub struct Secrets(pub BTreeMap<String, SecretString>);

/// What templates of one run are filled from.
#[derive(Debug)]
pub struct Values<'a> {
    captured: BTreeMap<String, String>,
    secrets: &'a Secrets,
    run_id: String,
    run_time: String,
    test_office: Option<String>,
}

/// A name that has no value although the file was checked: the step that captures it did not get
/// so far, or a secret was not supplied.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' has no value: nothing was captured, or holdfast.yaml names no such secret",
            self.0
        )
    }
}

impl<'a> Values<'a> {
    #[must_use]
    pub fn new(secrets: &'a Secrets, run_id: String, run_time: String) -> Self {
        Self { captured: BTreeMap::new(), secrets, run_id, run_time, test_office: None }
    }

    /// The same for a run that may write there.
    #[must_use]
    pub fn within(mut self, test_office: Option<&str>) -> Self {
        self.test_office = test_office.map(str::to_owned);
        self
    }

    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    #[must_use]
    pub fn run_time(&self) -> &str {
        &self.run_time
    }

    /// A value captured in this run.
    #[must_use]
    pub fn captured(&self, name: &str) -> Option<&str> {
        self.captured.get(name).map(String::as_str)
    }

    /// Keeps a captured value; a later one of the same name takes its place.
    pub fn keep(&mut self, name: &str, value: String) {
        self.captured.insert(name.to_owned(), value);
    }

    /// Captured values of these names, without any that holds a secret: for what is written down.
    #[must_use]
    pub fn untainted(&self, names: &BTreeSet<String>) -> BTreeMap<String, String> {
        let holds_secret = |value: &str| {
            let secrets = self.secrets.0.values().map(ExposeSecret::expose_secret);
            secrets.into_iter().any(|secret| !secret.is_empty() && value.contains(secret))
        };
        let named = self.captured.iter().filter(|(name, _)| names.contains(*name));
        let untainted = named.filter(|(_, value)| !holds_secret(value));
        untainted.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The text of a template.
    ///
    /// # Errors
    /// When a name has no value.
    pub fn fill(&self, template: &Template) -> Result<String, Unknown> {
        let mut text = String::new();
        for piece in &template.0 {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Captured(name) => {
                    text.push_str(self.captured.get(name).ok_or_else(|| Unknown(name.clone()))?)
                }
                Piece::Secret(name) => {
                    let secret = self.secrets.0.get(name).ok_or_else(|| Unknown(name.clone()))?;
                    text.push_str(secret.expose_secret());
                }
                Piece::Run(RunValue::Id) => text.push_str(&self.run_id),
                Piece::Run(RunValue::Time) => text.push_str(&self.run_time),
                Piece::TestOffice => text.push_str(
                    self.test_office
                        .as_ref()
                        .ok_or_else(|| Unknown("target.test_office".to_owned()))?,
                ),
            }
        }
        Ok(text)
    }

    /// The template as it stands in the file, for evidence: values are not shown.
    #[must_use]
    pub fn shown(template: &Template) -> String {
        template
            .0
            .iter()
            .map(|piece| match piece {
                Piece::Text(literal) => literal.clone(),
                Piece::Captured(name) => format!("${{{name}}}"),
                Piece::Secret(name) => format!("${{secret.{name}}}"),
                Piece::Run(RunValue::Id) => "${run.id}".to_owned(),
                Piece::Run(RunValue::Time) => "${run.time}".to_owned(),
                Piece::TestOffice => "${target.test_office}".to_owned(),
            })
            .collect()
    }

    /// A JSON value with the templates inside its strings filled.
    ///
    /// # Errors
    /// When a name has no value.
    pub fn fill_json(&self, value: &serde_json::Value) -> Result<serde_json::Value, Unknown> {
        use serde_json::Value;
        Ok(match value {
            Value::String(text) => {
                let template = Template::parse(text).map_err(|_| Unknown(text.clone()))?;
                Value::String(self.fill(&template)?)
            }
            Value::Array(items) => Value::Array(
                items.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?,
            ),
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, field)| Ok((name.clone(), self.fill_json(field)?)))
                    .collect::<Result<_, _>>()?,
            ),
            other => other.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_and_secrets_are_never_shown() {
        let secrets = Secrets([("pin".to_owned(), SecretString::from("0042"))].into());
        let mut values = Values::new(&secrets, "r1".into(), "now".into());
        values.keep("id", "00123".into());
        let template = Template::parse("/p/${id}?pin=${secret.pin}&run=${run.id}").unwrap();
        assert_eq!(values.fill(&template).unwrap(), "/p/00123?pin=0042&run=r1");
        assert_eq!(Values::shown(&template), "/p/${id}?pin=${secret.pin}&run=${run.id}");
        assert!(!format!("{secrets:?}{values:?}").contains("0042"));
        let missing = Template::parse("${secret.nip}").unwrap();
        assert_eq!(values.fill(&missing), Err(Unknown("nip".into())));
        values.keep("echo", "your PIN is 0042".into());
        let names = ["id", "echo", "other"].map(str::to_owned).into();
        assert_eq!(values.untainted(&names), [("id".into(), "00123".into())].into());
    }
}
