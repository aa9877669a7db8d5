//! What all kinds of sources have in common: files that say too little or too much.

use holdfast::config::mapping;

fn faults(section: &str, collection: &str) -> String {
    let text = format!(
        "format: holdfast/mapping/v1
source: c3ms
title: C3MS
time_zone: Australia/Adelaide
{section}
collections:
  - id: persons
    {collection}
    records:
      - {{ kind: person, tier: {{ constant: standard }}, class: {{ constant: general }}, fields: {{}} }}
"
    );
    mapping::read("c3ms.yaml", &text).map(drop).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_to_write() {
    let sql = "sql: { id: id, updated_at: updated_at, deleted: gone }";
    for (section, collection, said) in [
        ("", "path: /x", "c3ms.yaml: the kind of source is missing: add http_json, odata, sql or"),
        (
            "files: { id: id }\nsql: { id: id, updated_at: at, deleted: gone }",
            "ignored: []",
            "a second kind of source: keep one",
        ),
        ("http_json: { preset: primero-v3 }", "path: /x", "did you mean 'primero-v2'?"),
        ("http_json: { id: id }", "path: /x", "c3ms.yaml:5:12: the key 'updated_at' is missing"),
        (
            "sql: { id: id, updated_at: at }",
            "select: SELECT 1",
            "c3ms.yaml:5:6: nothing here finds rows that are gone: write 'deleted'",
        ),
        (sql, "path: /x", "'path' says nothing to sql: take it away"),
        (sql, "ignored: []", "has no 'select': add its query"),
        (sql, "select: DELETE FROM persons", "c3ms.yaml:8:13: the query does not read"),
        (sql, "select: SELECT 1; SELECT 2", "c3ms.yaml:8:13: one query a collection"),
        ("files: { id: id, delimiter: ab }", "ignored: []", "c3ms.yaml:5:29: write one character"),
        (
            "sql: { id: id, updated_at: at, deleted: gone, time_zone: Mars }",
            "select: SELECT 1",
            "no such time zone",
        ),
        (
            "sql: { id: id, updated_at: at, deleted: gone, instants: '%d/%m/%Y %H:%M:%S' }",
            "select: SELECT 1",
            "c3ms.yaml:5:57: a database compares texts of this form by their letters",
        ),
        (
            "odata: { id: id, updated_at: at, authorization: { header: { name: 'X Key' } } }",
            "path: /x",
            "wants the name of a header",
        ),
        (
            "odata: { id: id, updated_at: at, authorization: { oauth2: { token_url: login, \
             client_id: x } } }",
            "path: /x",
            "'token_url' is not an address",
        ),
        ("files: { id: id, page_rows: 0 }", "ignored: []", "write a page of 1 to 100000 rows"),
    ] {
        let told = faults(section, collection);
        assert!(told.contains(said), "{section}: {told}");
    }
}

#[test]
fn the_examples_of_the_guide_are_read() {
    let guide = std::fs::read_to_string(crate::support::root().join("docs/snapshots.md")).unwrap();
    let record = "\n      - { kind: person, tier: { constant: standard }, class: { constant: general }, \
                  fields: {} }";
    let mut read = Vec::new();
    for block in guide.split("```yaml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let kind = block.split(':').next().unwrap();
        if ["http_json", "odata", "sql"].contains(&kind) {
            let head = "format: holdfast/mapping/v1\nsource: c3ms\ntitle: C3MS\n\
                        time_zone: Australia/Adelaide\n";
            let text = format!("{head}{}", block.replace(" [ … ]", record));
            mapping::read("guide.yaml", &text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
            read.push(kind);
        }
    }
    assert_eq!(read, ["http_json", "odata", "sql"]);
}
