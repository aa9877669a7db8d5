//! A mapping: how a source's rows become records, and how its pages are asked for.
//!
//! `config::mapping` reads it from a file, `sources` follows its origin, `capture` applies its
//! rules.

pub mod expression;
pub mod origin;
pub mod sorting;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use self::expression::{Expression, FieldPath};
use self::origin::Origin;
use super::instant_form::InstantForm;
use super::records::RecordKind;

/// A checked mapping file.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The case system's id, in every record's header.
    pub source: String,
    pub title: String,
    /// The zone in which an instant becomes a day.
    pub time_zone: jiff::tz::TimeZone,
    /// What kind of source it is, and how it is asked.
    pub origin: Origin,
    /// Where a row says who it is.
    pub shape: RowShape,
    /// Named on every page of the copy.
    pub not_included: Vec<String>,
    /// A kind that lost more than this share is quarantined.
    pub quarantine_fall_percent: u8,
    /// In order: what others refer to comes first.
    pub collections: Vec<Collection>,
}

/// What every row of a source says of itself, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowShape {
    /// A row's id.
    pub id: FieldPath,
    /// When a row last changed, in the form of `instants`. Without it a row is as old as the page
    /// it came in says.
    pub updated_at: Option<FieldPath>,
    /// Set in a row that says its record is deleted: true, an instant, anything but "no".
    pub deleted: Option<FieldPath>,
    /// False in a row that says its record is deleted. A row without the field is alive.
    pub enabled: Option<FieldPath>,
    /// How instants are written; RFC 3339 when left out.
    pub instants: Option<InstantForm>,
}

impl RowShape {
    /// Reads an instant as the source writes it.
    #[must_use]
    pub fn instant(&self, text: &str) -> Option<Timestamp> {
        match &self.instants {
            // A database's own instants are told as RFC 3339, whatever its texts look like.
            Some(form) => form.read(text).or_else(|| text.parse().ok()),
            None => text.parse().ok(),
        }
    }

    /// Writes an instant as the source reads it.
    #[must_use]
    pub fn write_instant(&self, at: Timestamp) -> String {
        self.instants.as_ref().map_or_else(|| at.to_string(), |form| form.write(at))
    }

    /// Whether a row says that its record is deleted.
    #[must_use]
    pub fn says_deleted(&self, row: &Value) -> bool {
        let says = |path: &Option<FieldPath>, answer| {
            path.as_ref().is_some_and(|path| truth(path.find(row)) == Some(answer))
        };
        says(&self.deleted, true) || says(&self.enabled, false)
    }

    /// A row's id as text, if it has one.
    #[must_use]
    pub fn id_of(&self, row: &Value) -> Option<String> {
        match self.id.find(row) {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }
    }

    /// The fields it reads, by their outermost names.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        let several = [self.updated_at.as_ref(), self.deleted.as_ref(), self.enabled.as_ref()];
        let all = several.into_iter().flatten().chain([&self.id]);
        all.filter_map(FieldPath::first)
    }
}

/// Yes or no as databases and files write it; none when nothing is said. What is neither, such as
/// the instant of a deletion, is yes.
#[must_use]
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Null => None,
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) => {
            let word = text.trim().to_ascii_lowercase();
            let no = matches!(word.as_str(), "false" | "f" | "no" | "n" | "0");
            (!word.is_empty()).then_some(!no)
        }
        Value::Array(items) => Some(!items.is_empty()),
        Value::Object(fields) => Some(!fields.is_empty()),
    }
}

/// One list of rows at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub id: String,
    pub place: Place,
    /// Fields known and left at the source on purpose.
    pub ignored: Vec<String>,
    /// Fields without which a row is not worth keeping: when they vanish, the run is quarantined.
    pub essential: Vec<String>,
    pub records: Vec<RecordRule>,
}

/// Where a source keeps a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Below the source's address, with parameters of every request.
    Path { path: String, query: BTreeMap<String, String> },
    /// What is asked of a database, and the columns that hold JSON as text.
    Select { query: String, json: Vec<String> },
    /// Files of a drop that name the collection.
    Files,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yes_and_no_are_known_in_the_words_of_databases_and_files() {
        for no in [json!(false), json!(0), json!("0"), json!("f"), json!("No "), json!("FALSE")] {
            assert_eq!(truth(&no), Some(false), "{no}");
        }
        for yes in [json!(true), json!(1), json!("t"), json!("2023-03-01T00:00:00Z")] {
            assert_eq!(truth(&yes), Some(true), "{yes}");
        }
        for nothing in [json!(null), json!(""), json!(" ")] {
            assert_eq!(truth(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_row_is_deleted_by_what_it_says_and_not_by_what_it_leaves_out() {
        let path = |name: &str| Some(FieldPath::try_from(name.to_owned()).unwrap());
        let shape = RowShape {
            id: path("id").unwrap(),
            updated_at: None,
            deleted: path("deleted_at"),
            enabled: path("enabled"),
            instants: None,
        };
        assert!(shape.says_deleted(&json!({"deleted_at": "2023-03-01"})));
        assert!(shape.says_deleted(&json!({"enabled": false})));
        assert!(!shape.says_deleted(&json!({"enabled": true, "deleted_at": null})));
        assert!(!shape.says_deleted(&json!({})), "a role may no longer see the field");
    }
}
