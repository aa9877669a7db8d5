//! Expressions: how one value of a record is made of a row. They only describe; `capture` follows
//! them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Yes or no, however the source writes it: `true`, `1`, `yes`, `t`.
    Truth(FieldPath),
    /// A list in one text, as tables write it: `C-1; C-2`.
    Split(Split),
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

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    pub of: FieldPath,
    /// What stands between two items; spaces around them do not count.
    pub by: String,
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
    /// A field of the row itself, whatever characters its name has.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// The names from the outside in; empty for the item itself.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// What stands there in a row; null when nothing does.
    #[must_use]
    pub fn find<'a>(&self, row: &'a Value) -> &'a Value {
        const NOTHING: &Value = &Value::Null;
        self.0.iter().try_fold(row, |value, name| value.get(name)).unwrap_or(NOTHING)
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
            Self::Copy(path)
            | Self::Instant(path)
            | Self::DayOf(path)
            | Self::IsSet(path)
            | Self::Truth(path)
            | Self::Split(Split { of: path, .. }) => path.first().into_iter().for_each(read),
            Self::Words(words) => words.of.first().into_iter().for_each(read),
            Self::Each(each) => each.of.first().into_iter().for_each(read),
            Self::Join(Join { of, .. }) | Self::List(of) => {
                of.iter().filter_map(FieldPath::first).for_each(read);
            }
            Self::Object(fields) => fields.values().for_each(|field| field.reads(read)),
        }
    }
}
