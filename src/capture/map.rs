//! Rows into records by a mapping's rules: pure.
//!
//! What is wrong with a row is said by the names of fields, never by what stands in them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::domain::mapping::expression::{Expression, FieldPath};
use crate::domain::mapping::{Collection, Mapping, RecordRule, truth};
use crate::domain::records::{Record, RecordId, RecordKey};

/// What one row says.
#[derive(Debug, Default, PartialEq)]
pub struct Mapped {
    /// When the source last changed the row.
    pub updated_at: Option<Timestamp>,
    pub records: Vec<Record>,
    /// Keys that the row says do not exist (any more).
    pub absent: Vec<RecordKey>,
    /// Rules that could not be followed.
    pub rejected: Vec<Rejected>,
}

/// A record that could not be made of a row, without a word of its content.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Rejected {
    pub collection: String,
    /// The kind of record, or empty when the row itself is at fault.
    pub record: String,
    /// Our field, as far as it is known.
    pub field: String,
    pub fault: String,
}

impl Rejected {
    /// A row that names no record.
    #[must_use]
    pub fn without_id(collection: &str) -> Self {
        Self {
            collection: collection.to_owned(),
            record: String::new(),
            field: "id".to_owned(),
            fault: "there is no usable id".to_owned(),
        }
    }
}

/// Makes everything that the rules of a collection make of one row. Where rows do not say when they
/// changed, `changed_at` counts.
#[must_use]
pub fn map(
    mapping: &Mapping,
    collection: &Collection,
    row: &Value,
    changed_at: Option<Timestamp>,
) -> Mapped {
    let mut mapped = Mapped::default();
    let reject = |record: &str, field: &str, fault: &str| Rejected {
        collection: collection.id.clone(),
        record: record.to_owned(),
        field: field.to_owned(),
        fault: fault.to_owned(),
    };
    let shape = &mapping.shape;
    let id = text(shape.id.find(row)).and_then(|id| RecordId::new(&id).ok());
    let Some(id) = id else {
        mapped.rejected.push(Rejected::without_id(&collection.id));
        return mapped;
    };
    let absent = |rule: &RecordRule| RecordKey { kind: rule.kind, id: id.clone() };
    let updated_at = match &shape.updated_at {
        Some(path) => text(path.find(row)).and_then(|at| shape.instant(&at)),
        None => changed_at,
    };
    mapped.updated_at = updated_at;
    if shape.says_deleted(row) {
        // What is gone may not say when.
        mapped.absent = collection.records.iter().map(absent).collect();
        return mapped;
    }
    let Some(updated_at) = updated_at else {
        mapped.rejected.push(reject("", "updated_at", "there is no instant in the source's form"));
        return mapped;
    };
    for rule in &collection.records {
        if !rule.when.as_ref().is_none_or(|path| is_set(path.find(row))) {
            mapped.absent.push(absent(rule));
            continue;
        }
        match record(mapping, rule, row, (&id, updated_at)) {
            Ok(record) => mapped.records.push(record),
            Err((field, fault)) => {
                if field == "tier" {
                    // How sensitive it is now is not known: the version before may be too open.
                    mapped.absent.push(absent(rule));
                }
                mapped.rejected.push(reject(rule.kind.as_str(), &field, &fault));
            }
        }
    }
    mapped
}

/// Field and fault, both free of content.
type Fault = (String, String);

fn record(
    mapping: &Mapping,
    rule: &RecordRule,
    row: &Value,
    (id, updated_at): (&RecordId, Timestamp),
) -> Result<Record, Fault> {
    let mut fields = Map::new();
    for (name, expression) in &rule.fields {
        let value = evaluate(expression, row, mapping).map_err(|fault| (name.clone(), fault))?;
        if !value.is_null() {
            fields.insert(name.clone(), value);
        }
    }
    let word = |name: &str, expression| {
        evaluate(expression, row, mapping).map_err(|fault| (name.to_owned(), fault))
    };
    let header = json!({
        "id": id,
        "tier": word("tier", &rule.tier)?,
        "class": word("class", &rule.class)?,
        "source": mapping.source,
        "source_version": updated_at,
        "updated_at": updated_at,
    });
    fields.insert("header".to_owned(), header);
    build(rule, fields)
}

fn build(rule: &RecordRule, fields: Map<String, Value>) -> Result<Record, Fault> {
    let parse = |fields: Map<String, Value>| {
        serde_json::from_value::<Record>(json!({ rule.kind.as_str(): fields }))
    };
    parse(fields.clone()).map_err(|error| {
        // serde's message repeats the value, which is case data: find the field by leaving it out.
        let culprit = fields.keys().find(|name| {
            let mut without = fields.clone();
            without.remove(*name);
            parse(without).is_ok()
        });
        let missing = error.to_string();
        let missing = missing.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        match (culprit, missing) {
            (Some(name), _) => (name.clone(), "its value does not fit".to_owned()),
            (None, Some((name, _))) => (name.to_owned(), "it is needed and not set".to_owned()),
            (None, None) => (String::new(), "a needed value does not fit".to_owned()),
        }
    })
}

fn evaluate(expression: &Expression, row: &Value, mapping: &Mapping) -> Result<Value, String> {
    Ok(match expression {
        Expression::Copy(path) => path.find(row).clone(),
        Expression::Constant(word) => Value::String(word.clone()),
        Expression::Join(join) => {
            let texts: Vec<String> =
                join.of.iter().filter_map(|path| text(path.find(row))).collect();
            if texts.is_empty() { Value::Null } else { texts.join(&join.with).into() }
        }
        Expression::Words(words) => match text(words.of.find(row)) {
            None => words.otherwise.clone().map_or(Value::Null, Value::String),
            Some(word) => match words.map.get(&word).or(words.otherwise.as_ref()) {
                Some(ours) => Value::String(ours.clone()),
                None if words.or_nothing => Value::Null,
                None => return Err(format!("'{}' holds a word that is not mapped", words.of)),
            },
        },
        Expression::List(paths) => {
            let mut items = Vec::new();
            for path in paths {
                match path.find(row) {
                    Value::Null => {}
                    Value::Array(several) => items.extend(several.iter().cloned()),
                    one => items.push(one.clone()),
                }
            }
            Value::Array(items)
        }
        Expression::Each(each) => match each.of.find(row) {
            Value::Array(items) => {
                let made = items.iter().map(|item| object(&each.fields, item, mapping));
                Value::Array(made.collect::<Result<_, _>>()?)
            }
            _ => Value::Null,
        },
        Expression::Object(fields) => object(fields, row, mapping)?,
        Expression::Instant(path) => json!(instant(row, path, mapping)?),
        Expression::DayOf(path) => {
            let zone = || mapping.time_zone.clone();
            json!(instant(row, path, mapping)?.map(|instant| instant.to_zoned(zone()).date()))
        }
        Expression::IsSet(path) => Value::Bool(is_set(path.find(row))),
        Expression::Truth(path) => truth(path.find(row)).map_or(Value::Null, Value::Bool),
        Expression::Split(split) => {
            let whole = text(split.of.find(row)).unwrap_or_default();
            let items = whole.split(&split.by).map(str::trim).filter(|item| !item.is_empty());
            items.map(Value::from).collect()
        }
    })
}

fn object(
    fields: &BTreeMap<String, Expression>,
    item: &Value,
    mapping: &Mapping,
) -> Result<Value, String> {
    let mut object = Map::new();
    for (name, expression) in fields {
        let value = evaluate(expression, item, mapping)?;
        if is_set(&value) {
            object.insert(name.clone(), value);
        }
    }
    Ok(if object.is_empty() { Value::Null } else { Value::Object(object) })
}

fn instant(row: &Value, path: &FieldPath, mapping: &Mapping) -> Result<Option<Timestamp>, String> {
    let Some(written) = text(path.find(row)) else { return Ok(None) };
    let read = mapping.shape.instant(&written);
    read.map(Some).ok_or_else(|| format!("'{path}' is not an instant in the source's form"))
}

/// Neither absent, null, false nor empty.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const MAPPING: &str = r"
format: holdfast/mapping/v1
source: c3ms
title: C3MS
time_zone: Australia/Adelaide
http_json:
  authorization: bearer
  rows: records
  id: id
  updated_at: updated_at
  deleted: deleted
  paging: { token: { parameter: after, next: next } }
  page_size: { parameter: limit, rows: 500 }
collections:
  - id: persons
    path: /persons
    ignored: [reporter]
    records:
      - kind: person
        tier: { words: { of: sensitivity, map: { open: standard }, otherwise: restricted } }
        class: { constant: general }
        fields:
          name: { join: { of: [given, family], with: ' ' } }
          sex: { words: { of: sex, map: { f: female, m: male } } }
          aliases: { each: { of: aka, fields: { name: { copy: . } } } }
          culture: { object: { iwi: { copy: culture/iwi } } }
          born_on: { day_of: born_at }
          deceased: { is_set: died_on }
      - kind: missing
        when: missing
        tier: { constant: standard }
        class: { constant: safety }
        fields: { person: { copy: id }, since: { copy: missing/since } }
";

    fn mapping() -> Mapping {
        config::mapping::read("test.yaml", MAPPING).unwrap()
    }

    fn row(changes: Value) -> Value {
        let mut row = json!({
            "id": "P-1", "updated_at": "2023-03-01T00:00:00Z", "given": "Ngāti",
            "family": "Synthetic", "sex": "f", "aka": ["Nati"], "culture": {"iwi": null},
            "born_at": "2015-05-02T20:00:00Z", "died_on": null, "missing": null,
            "sensitivity": "open"
        });
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    }

    fn mapped(changes: Value) -> Mapped {
        let mapping = mapping();
        map(&mapping, &mapping.collections[0], &row(changes), None)
    }

    #[test]
    fn a_row_makes_a_record_and_says_what_is_absent() {
        let mapped = mapped(json!({}));
        assert_eq!(mapped.rejected, []);
        let [Record::Person(person)] = &mapped.records[..] else { panic!("one person") };
        assert_eq!(person.name, "Ngāti Synthetic");
        assert_eq!(person.aliases[0].name, "Nati");
        assert_eq!(person.culture, None);
        assert!(!person.deceased);
        // Adelaide is ten and a half hours ahead then.
        assert_eq!(person.born_on, Some("2015-05-03".parse().unwrap()));
        assert_eq!(mapped.absent.len(), 1);
        assert_eq!(mapped.absent[0].kind.as_str(), "missing");
    }

    #[test]
    fn what_is_gone_need_not_say_when_and_an_unknown_tier_takes_the_record_away() {
        let gone = mapped(json!({"deleted": true, "updated_at": null}));
        assert_eq!((gone.rejected.len(), gone.absent.len(), gone.updated_at), (0, 2, None));

        let said = MAPPING.replace(", otherwise: restricted", "");
        let mapping = config::mapping::read("test.yaml", &said).unwrap();
        let row = row(json!({"sensitivity": "police"}));
        let mapped = map(&mapping, &mapping.collections[0], &row, None);
        assert_eq!((mapped.records.len(), mapped.rejected[0].field.as_str()), (0, "tier"));
        assert!(mapped.absent.iter().any(|key| key.kind.as_str() == "person"));
    }

    #[test]
    fn instants_are_read_in_the_form_of_the_source() {
        let said = MAPPING
            .replace("  id: id\n", "  id: id\n  instants: '%Y-%m-%d.%H:%M:%S'\n")
            .replace("since: { copy: missing/since }", "since: { instant: missing/since }");
        let mapping = config::mapping::read("test.yaml", &said).unwrap();
        let row = row(json!({
            "updated_at": "2026-11-23.10:11:12", "born_at": "2015-05-02.20:00:00",
            "missing": {"since": "2026-11-22.01:02:03"}
        }));
        let mapped = map(&mapping, &mapping.collections[0], &row, None);
        assert_eq!(mapped.rejected, []);
        let [Record::Person(person), Record::Missing(missing)] = &mapped.records[..] else {
            panic!("a person who is missing")
        };
        assert_eq!(mapped.updated_at, Some("2026-11-23T10:11:12Z".parse().unwrap()));
        assert_eq!(person.born_on, Some("2015-05-03".parse().unwrap()));
        assert_eq!(missing.since, "2026-11-22T01:02:03Z".parse().unwrap());
    }

    #[test]
    fn an_unknown_sensitivity_is_restricted() {
        let tier = |changes| mapped(changes).records[0].header().tier.as_str();
        assert_eq!(tier(json!({})), "standard");
        assert_eq!(tier(json!({"sensitivity": "secret"})), "restricted");
        assert_eq!(tier(json!({"sensitivity": null})), "restricted");
    }

    #[test]
    fn a_deleted_row_is_absence_of_everything_it_made() {
        let mapping = mapping();
        let row = json!({"id": "P-1", "deleted": true, "updated_at": "2023-03-01T00:00:00Z"});
        let mapped = map(&mapping, &mapping.collections[0], &row, None);
        assert_eq!((mapped.records.len(), mapped.absent.len()), (0, 2));
    }

    #[test]
    fn a_fault_names_the_field_and_never_the_value() {
        for (changes, field) in [
            (json!({"sex": "Synthetic-Secret"}), "sex"),
            (json!({"given": null, "family": null}), "name"),
            (json!({"born_at": "Synthetic-Secret"}), "born_on"),
            (json!({"aka": [{"Synthetic-Secret": 1}]}), "aliases"),
            (json!({"missing": {"since": "Synthetic-Secret"}}), ""),
            (json!({"id": "Synthetic Secret"}), "id"),
        ] {
            let rejected = mapped(changes).rejected;
            assert_eq!(rejected.len(), 1, "{field}");
            assert_eq!(rejected[0].field, field, "{rejected:?}");
            assert!(!format!("{rejected:?}").contains("Secret"), "{rejected:?}");
        }
    }
}
