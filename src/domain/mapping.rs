//! A mapping: how a source's rows become records, and how its pages are asked for.
//!
//! `config::mapping` reads it from a file, `sources` follows its shape, `capture` applies
//! its rules.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instant_form::InstantForm;
use super::length::Length;
use super::records::RecordKind;

/// A checked mapping file.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The case system's id, in every record's header.
    pub source: String,
    pub title: String,
    /// The zone in which an instant becomes a day.
    pub time_zone: jiff::tz::TimeZone,
    pub shape: Shape,
    /// Named on every page of the copy.
    pub not_included: Vec<String>,
    /// A kind that lost more than this share is quarantined.
    pub quarantine_fall_percent: u8,
    /// In order: what others refer to comes first.
    pub collections: Vec<Collection>,
}

/// How a source answers over HTTP with JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub authorization: Authorization,
    /// The list of rows in a page.
    pub rows: FieldPath,
    /// A row's id.
    pub id: FieldPath,
    /// When a row last changed, in the form of `instants`.
    pub updated_at: FieldPath,
    /// Set to true in a row that says its record is deleted.
    pub deleted: Option<FieldPath>,
    /// How instants are written; RFC 3339 when left out.
    pub instants: Option<InstantForm>,
    /// How current a page says its data is.
    pub as_of: Option<FieldPath>,
    pub paging: Paging,
    pub page_size: PageSize,
    /// The parameter that asks for rows changed at or after an instant. Without it every run is a
    /// full build.
    pub updated_since: Option<String>,
    #[serde(default = "default_timeout")]
    pub page_timeout: Length,
}

impl Shape {
    /// Reads an instant as the source writes it.
    #[must_use]
    pub fn instant(&self, text: &str) -> Option<Timestamp> {
        match &self.instants {
            Some(form) => form.read(text),
            None => text.parse().ok(),
        }
    }

    /// Writes an instant as the source reads it.
    #[must_use]
    pub fn write_instant(&self, at: Timestamp) -> String {
        self.instants.as_ref().map_or_else(|| at.to_string(), |form| form.write(at))
    }
}

fn default_timeout() -> Length {
    Length::from_secs(30)
}

/// How a request is authorised; the secret itself stands elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Authorization {
    /// `Authorization: Bearer SECRET`.
    Bearer,
    /// `Authorization: Basic`, with this user and the secret as password.
    Basic { user: String },
}

/// How the page after this one is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// A parameter that takes what the page before calls `next`; null is the end.
    Token { parameter: String, next: FieldPath },
    /// A parameter that counts pages; an incomplete page is the end.
    Number { parameter: String, first: u32 },
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageSize {
    pub parameter: String,
    pub rows: u32,
}

/// One list of rows at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub id: String,
    /// Below the source's address.
    pub path: String,
    /// Parameters of every request.
    pub query: BTreeMap<String, String>,
    /// Fields known and left at the source on purpose.
    pub ignored: Vec<String>,
    pub records: Vec<RecordRule>,
}

/// Makes one record of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRule {
    pub kind: RecordKind,
    /// The record exists only while this field is set.
    pub when: Option<FieldPath>,
    pub tier: Expression,
    pub class: Expression,
    pub fields: BTreeMap<String, Expression>,
}

/// Makes one value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expression {
    /// The field as it is.
    Copy(FieldPath),
    /// The same word for every row.
    Constant(String),
    /// Texts and numbers put together, absent ones left out.
    Join(Join),
    /// A coded word in our words.
    Words(Words),
    /// The values of several fields in one list, absent ones left out.
    List(Vec<FieldPath>),
    /// A list of objects, one for each item.
    Each(Each),
    /// An object; absent when nothing in it is set.
    Object(BTreeMap<String, Expression>),
    /// An instant in the source's form, as records write it.
    Instant(FieldPath),
    /// The day of an instant in the source's time zone.
    DayOf(FieldPath),
    /// Whether the field is set.
    IsSet(FieldPath),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub of: Vec<FieldPath>,
    #[serde(default)]
    pub with: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub of: FieldPath,
    pub map: BTreeMap<String, String>,
    /// For a word that `map` does not know, or none.
    pub otherwise: Option<String>,
    /// Leaves the value out for a word that `map` does not know. With neither, the record is
    /// rejected and the field reported.
    #[serde(default)]
    pub or_nothing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Each {
    pub of: FieldPath,
    pub fields: BTreeMap<String, Expression>,
}

/// Where a value is in a row: names separated by slashes, or `.` for the row or item itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath(Vec<String>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a field: write its name, or names separated by '/', or '.' for the item itself"
)]
pub struct InvalidFieldPath(String);

impl FieldPath {
    /// The names from the outside in; empty for the item itself.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The outermost name.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }
}

impl TryFrom<String> for FieldPath {
    type Error = InvalidFieldPath;
    fn try_from(text: String) -> Result<Self, InvalidFieldPath> {
        if text == "." {
            return Ok(Self(Vec::new()));
        }
        let names: Vec<String> = text.split('/').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            return Err(InvalidFieldPath(text));
        }
        Ok(Self(names))
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str(".") } else { f.write_str(&self.0.join("/")) }
    }
}

impl fmt::Debug for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl JsonSchema for FieldPath {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FieldPath".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl Expression {
    /// Every field of the row that the expression reads, by its outermost name.
    pub fn reads<'a>(&'a self, read: &mut dyn FnMut(&'a str)) {
        match self {
            Self::Constant(_) => {}
            Self::Copy(path) | Self::Instant(path) | Self::DayOf(path) | Self::IsSet(path) => {
                path.first().into_iter().for_each(read);
            }
            Self::Words(words) => words.of.first().into_iter().for_each(read),
            Self::Each(each) => each.of.first().into_iter().for_each(read),
            Self::Join(Join { of, .. }) | Self::List(of) => {
                of.iter().filter_map(FieldPath::first).for_each(read);
            }
            Self::Object(fields) => fields.values().for_each(|field| field.reads(read)),
        }
    }
}

impl Collection {
    /// Every field that the rules read, by its outermost name, in no order and perhaps repeated.
    #[must_use]
    pub fn reads(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for rule in &self.records {
            let mut read = |name| names.push(name);
            rule.when.iter().filter_map(FieldPath::first).for_each(&mut read);
            rule.tier.reads(&mut read);
            rule.class.reads(&mut read);
            rule.fields.values().for_each(|field| field.reads(&mut read));
        }
        names
    }
}
