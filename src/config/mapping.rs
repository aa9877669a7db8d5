//! Mapping files: how a case system's export becomes records.
//!
//! Names of our fields are checked against the record types themselves, so a misspelt one is found
//! before anything is captured. It must not speak to a source, nor hold a secret.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::diagnostics::{Diagnostics, Faults, parse, unknown};
use crate::domain::mapping::{Collection, Expression, FieldPath, Mapping, RecordRule, Shape};
use crate::domain::records::RecordKind;

/// The word every mapping file begins with.
pub const FORMAT: &str = "holdfast/mapping/v1";

/// A mapping file as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingFile {
    /// `holdfast/mapping/v1`
    #[schemars(with = "String")]
    format: Spanned<String>,
    /// The case system's id.
    #[schemars(with = "String")]
    source: Spanned<String>,
    title: String,
    /// IANA name, as in `Australia/Adelaide`.
    #[schemars(with = "String")]
    time_zone: Spanned<String>,
    /// What is known to be missing from the copy, in words for every page.
    #[serde(default)]
    not_included: Vec<String>,
    #[serde(default = "default_fall")]
    #[schemars(with = "u8")]
    quarantine_fall_percent: Spanned<u8>,
    http_json: Shape,
    #[schemars(with = "Vec<CollectionFile>")]
    collections: Vec<Spanned<CollectionFile>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CollectionFile {
    id: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    ignored: Vec<String>,
    #[schemars(with = "Vec<RuleFile>")]
    records: Vec<Spanned<RuleFile>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    kind: RecordKind,
    when: Option<FieldPath>,
    tier: Expression,
    class: Expression,
    #[schemars(with = "BTreeMap<String, Expression>")]
    fields: BTreeMap<String, Spanned<Expression>>,
}

fn default_fall() -> Spanned<u8> {
    Spanned::new(20, serde_saphyr::Location::UNKNOWN, serde_saphyr::Location::UNKNOWN)
}

/// Reads a mapping file.
///
/// # Errors
/// Every fault with its place.
pub fn read(file: &str, text: &str) -> Result<Mapping, Diagnostics> {
    let raw: MappingFile = parse(file, text)?;
    let mut faults = Faults::new(file);
    if raw.format.value != FORMAT {
        faults.at(raw.format.defined, format!("write '{FORMAT}': this version reads no other"));
    }
    if crate::domain::ids::TargetId::new(&raw.source.value).is_err() {
        faults.at(raw.source.defined, "the source is an id, such as 'c3ms'");
    }
    if !(1..=99).contains(&raw.quarantine_fall_percent.value) {
        faults.at(raw.quarantine_fall_percent.defined, "write a share from 1 to 99 percent");
    }
    let time_zone = jiff::tz::TimeZone::get(&raw.time_zone.value).unwrap_or_else(|_| {
        let message = "no such time zone: write an IANA name, as in 'Australia/Adelaide'";
        faults.at(raw.time_zone.defined, message);
        jiff::tz::TimeZone::UTC
    });
    if raw.collections.is_empty() {
        faults.whole("there are no collections: nothing would be captured");
    }
    let mut ids = BTreeSet::new();
    let mut collections = Vec::new();
    for collection in raw.collections {
        if !ids.insert(collection.value.id.clone()) {
            let message = format!("the collection '{}' stands here twice", collection.value.id);
            faults.at(collection.defined, message);
        }
        collections.push(check_collection(collection, &mut faults));
    }
    faults.finish(Mapping {
        source: raw.source.value,
        title: raw.title,
        time_zone,
        shape: raw.http_json,
        not_included: raw.not_included,
        quarantine_fall_percent: raw.quarantine_fall_percent.value,
        collections,
    })
}

fn check_collection(raw: Spanned<CollectionFile>, faults: &mut Faults) -> Collection {
    let place = raw.defined;
    let raw = raw.value;
    if !raw.path.starts_with('/') {
        faults.at(place, format!("the path '{}' has to begin with '/'", raw.path));
    }
    if raw.records.is_empty() {
        faults.at(place, format!("the collection '{}' makes no records", raw.id));
    }
    let mut kinds = BTreeSet::new();
    let records = raw.records.into_iter().map(|rule| {
        if !kinds.insert(rule.value.kind) {
            // A record's id is its row's, so two of a kind would be one.
            let message = format!("a row can make one {} only", rule.value.kind);
            faults.at(rule.defined, message);
        }
        check_rule(rule.value, faults)
    });
    let records = records.collect();
    Collection { id: raw.id, path: raw.path, query: raw.query, ignored: raw.ignored, records }
}

fn check_rule(raw: RuleFile, faults: &mut Faults) -> RecordRule {
    // The header is made by capture, never mapped.
    let known = &raw.kind.fields()[1..];
    let mut fields = BTreeMap::new();
    for (name, expression) in raw.fields {
        if !known.contains(&name.as_str()) {
            faults.at(expression.defined, unknown(&format!("{} field", raw.kind), &name, known));
        }
        fields.insert(name, expression.value);
    }
    RecordRule { kind: raw.kind, when: raw.when, tier: raw.tier, class: raw.class, fields }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r"
format: holdfast/mapping/v1
source: c3ms
title: C3MS
time_zone: Australia/Adelaide
http_json:
  authorization: bearer
  rows: records
  id: id
  updated_at: updated_at
  paging: { token: { parameter: after, next: next } }
  page_size: { parameter: limit, rows: 500 }
collections:
  - id: persons
    path: /api/export/persons
    records:
      - kind: person
        tier: { constant: standard }
        class: { constant: general }
        fields:
          name: { join: { of: [given_names, family_name], with: ' ' } }
          born_on: { copy: born_on }
";

    fn faults(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from));
        read("c3ms.yaml", &GOOD.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_reads() {
        let mapping = read("c3ms.yaml", GOOD).unwrap();
        assert_eq!(mapping.collections[0].reads(), ["born_on", "given_names", "family_name"]);
        assert_eq!(mapping.quarantine_fall_percent, 20);
    }

    #[test]
    fn a_misspelt_field_is_named_with_its_place() {
        let said = faults("born_on: {", "borne_on: {");
        assert_eq!(
            said,
            "c3ms.yaml:22:21: unknown person field 'borne_on': did you mean 'born_on'?"
        );
        assert!(faults("copy: born_on", "copi: born_on").contains("did you mean 'copy'?"));
    }

    #[test]
    fn a_form_of_instants_that_says_too_little_is_refused_where_it_stands() {
        let dots = GOOD.replace("  id: id\n", "  id: id\n  instants: '%Y-%m-%d.%H:%M:%S'\n");
        let mapping = read("c3ms.yaml", &dots).unwrap();
        let at = mapping.shape.instant("2026-11-23.10:11:12");
        assert_eq!(at, Some("2026-11-23T10:11:12Z".parse().unwrap()));
        let day = dots.replace(".%H:%M:%S", "");
        let said = read("c3ms.yaml", &day).unwrap_err().to_string();
        let expected = "'%Y-%m-%d' does not say day and time to the second: \
                        write it as in '%Y-%m-%d.%H:%M:%S'";
        assert!(said.starts_with("c3ms.yaml:10:") && said.contains(expected), "{said}");
    }

    #[test]
    fn all_faults_come_at_once() {
        let twice = GOOD.replace("mapping/v1", "mapping/v9").replace("Adelaide", "Nowhere");
        let said = read("c3ms.yaml", &twice).unwrap_err().to_string();
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(faults("kind: person", "kind: persons").contains("did you mean 'person'?"));
        assert!(faults("path: /api", "path: api").contains("begin with '/'"));
    }
}
