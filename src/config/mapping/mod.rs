//! Mapping files: how a case system's export becomes records.
//!
//! Names of our fields are checked against the record types themselves, so a misspelt one is found
//! before anything is captured. It must not speak to a source, nor hold a secret.

mod origin;
mod presets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use self::origin::{FilesFile, HttpJsonFile, OdataFile, OriginFile, SqlFile};
use super::diagnostics::{Diagnostics, Faults, parse, unknown};
use super::select;
use crate::domain::mapping::expression::{Expression, FieldPath};
use crate::domain::mapping::origin::Origin;
use crate::domain::mapping::{Collection, Mapping, Place, RecordRule};
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
    #[schemars(with = "Option<HttpJsonFile>")]
    http_json: Option<Spanned<HttpJsonFile>>,
    #[schemars(with = "Option<OdataFile>")]
    odata: Option<Spanned<OdataFile>>,
    #[schemars(with = "Option<SqlFile>")]
    sql: Option<Spanned<SqlFile>>,
    #[schemars(with = "Option<FilesFile>")]
    files: Option<Spanned<FilesFile>>,
    #[schemars(with = "Vec<CollectionFile>")]
    collections: Vec<Spanned<CollectionFile>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CollectionFile {
    id: String,
    /// Of HTTP and OData: below the source's address.
    path: Option<String>,
    /// Of HTTP and OData: parameters of every request.
    #[serde(default)]
    query: BTreeMap<String, String>,
    /// Of SQL: the query, each of whose rows makes the records; it begins with SELECT or WITH.
    #[schemars(with = "Option<String>")]
    select: Option<Spanned<String>>,
    /// Of SQL: columns that hold JSON as text.
    #[serde(default)]
    json: Vec<String>,
    #[serde(default)]
    ignored: Vec<String>,
    /// Fields without which nothing is worth keeping: when no row has one any more, the run is
    /// quarantined.
    #[serde(default)]
    essential: Vec<String>,
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
    let mut raw: MappingFile = parse(file, text)?;
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
    let folder = Path::new(file).parent().unwrap_or(Path::new("."));
    let origin = only_origin(&mut raw, &mut faults);
    let origin =
        origin.and_then(|(section, place)| origin::read(section, place, folder, &mut faults));
    let Some((shape, origin)) = origin else {
        return Err(Diagnostics(faults.take()));
    };
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
        collections.push(check_collection(collection, &origin, &mut faults));
    }
    faults.finish(Mapping {
        source: raw.source.value,
        title: raw.title,
        time_zone,
        origin,
        shape,
        not_included: raw.not_included,
        quarantine_fall_percent: raw.quarantine_fall_percent.value,
        collections,
    })
}

/// The one section that says what kind of source it is, and where it stands.
fn only_origin(raw: &mut MappingFile, faults: &mut Faults) -> Option<(OriginFile, Location)> {
    let http_json = raw
        .http_json
        .take()
        .map(|section| (OriginFile::HttpJson(Box::new(section.value)), section.defined));
    let odata = raw
        .odata
        .take()
        .map(|section| (OriginFile::Odata(Box::new(section.value)), section.defined));
    let sql =
        raw.sql.take().map(|section| (OriginFile::Sql(Box::new(section.value)), section.defined));
    let files = raw
        .files
        .take()
        .map(|section| (OriginFile::Files(Box::new(section.value)), section.defined));
    let mut sections = [http_json, odata, sql, files].into_iter().flatten();
    let first = sections.next();
    if first.is_none() {
        faults.whole("the kind of source is missing: add http_json, odata, sql or files");
    }
    if let Some((_, place)) = sections.next() {
        faults.at(place, "a second kind of source: keep one, and write another mapping for it");
    }
    first
}

fn check_collection(
    raw: Spanned<CollectionFile>,
    origin: &Origin,
    faults: &mut Faults,
) -> Collection {
    let place = raw.defined;
    let mut raw = raw.value;
    if raw.records.is_empty() {
        faults.at(place, format!("the collection '{}' makes no records", raw.id));
    }
    let mut kinds = BTreeSet::new();
    let records = std::mem::take(&mut raw.records).into_iter().map(|rule| {
        if !kinds.insert(rule.value.kind) {
            // A record's id is its row's, so two of a kind would be one.
            let message = format!("a row can make one {} only", rule.value.kind);
            faults.at(rule.defined, message);
        }
        check_rule(rule.value, faults)
    });
    let records = records.collect();
    let id = raw.id.clone();
    let (ignored, essential) =
        (std::mem::take(&mut raw.ignored), std::mem::take(&mut raw.essential));
    Collection { place: check_place(raw, place, origin, faults), id, ignored, essential, records }
}

/// Where the collection is, in the terms of its kind of source and in no others.
fn check_place(
    raw: CollectionFile,
    place: Location,
    origin: &Origin,
    faults: &mut Faults,
) -> Place {
    let key = origin.key();
    let mut foreign = |is_there: bool, name: &str| {
        if is_there {
            faults.at(place, format!("'{name}' says nothing to {key}: take it away"));
        }
    };
    let (of_http, of_sql) = match origin {
        Origin::HttpJson(_) | Origin::Odata(_) => (true, false),
        Origin::Sql(_) => (false, true),
        Origin::Files(_) => (false, false),
    };
    foreign(!of_http && raw.path.is_some(), "path");
    foreign(!of_http && !raw.query.is_empty(), "query");
    foreign(!of_sql && raw.select.is_some(), "select");
    foreign(!of_sql && !raw.json.is_empty(), "json");
    if of_http {
        let path = raw.path.unwrap_or_default();
        if !path.starts_with('/') {
            faults.at(place, format!("the path '{path}' has to begin with '/'"));
        }
        return Place::Path { path, query: raw.query };
    }
    if !of_sql {
        return Place::Files;
    }
    let Some(select) = raw.select else {
        faults.at(place, format!("the collection '{}' has no 'select': add its query", raw.id));
        return Place::Files;
    };
    select::check(&select, "collection", faults);
    Place::Select { query: select.value.trim().to_owned(), json: raw.json }
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
