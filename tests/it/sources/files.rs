//! Drops of CSV and NDJSON: whole, half written, with a gap, with rows that cannot be read.

use std::path::Path;

use holdfast::crypto::digest::Digest;
use serde_json::{Value, json};

use super::{PERSONS, Rig, pairs};

const FIRST: &str = "id,name,born_on,changed\n1,Synthetic-One,2015-01-31,2023-03-01T00:00:00Z\n\
    00002,\"Synthetic, Two\nof them\",,2023-03-01T00:00:00Z\n";

fn mapping(more: &str) -> String {
    format!(
        "format: holdfast/mapping/v1
source: register
title: Register
time_zone: Australia/Adelaide
files:
  id: id
  updated_at: changed
  page_rows: 2
{more}collections:
  - id: persons
    records:
      - kind: person
{PERSONS}"
    )
}

/// The manifest of a drop, whose files are written here.
fn manifest(folder: &Path, sequence: u64, kind: &str, files: &[(&str, &str, bool)]) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|(name, text, deleted)| {
            std::fs::write(folder.join(name), text).unwrap();
            let csv = name.ends_with("csv");
            let rows = if csv { csv_rows(text) } else { text.lines().count() };
            json!({
                "collection": "persons", "name": name, "form": if csv { "csv" } else { "ndjson" },
                "sha256": Digest::of(text.as_bytes()), "rows": rows, "deleted": deleted
            })
        })
        .collect();
    json!({
        "format": "holdfast/drop/v1", "source": "register", "sequence": sequence, "kind": kind,
        "as_of": format!("2023-03-0{sequence}T09:00:00Z"), "files": files
    })
}

fn csv_rows(text: &str) -> usize {
    csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes()).byte_records().count()
}

fn drop_in(folder: &Path, sequence: u64, manifest: &Value) {
    let name = format!("drop-{sequence:010}.json");
    std::fs::write(folder.join(name), manifest.to_string()).unwrap();
}

async fn rig(folder: &Path, more: &str) -> Rig {
    Rig::new(&format!("file://{}", folder.display()), &mapping(more), false).await
}

#[tokio::test]
async fn drops_are_taken_in_order_and_a_missing_one_is_named() {
    let drops = tempfile::tempdir().unwrap();
    let folder = drops.path();
    let rig = rig(folder, "").await;
    rig.fails("there is no full drop in the folder").await;

    // Files without their manifest are no drop yet.
    let first = manifest(folder, 1, "full", &[("one.csv", FIRST, false)]);
    rig.fails("there is no full drop in the folder").await;
    drop_in(folder, 1, &first);
    let report = rig.capture().await;
    assert_eq!((report.rows, report.rejected.len()), (2, 0), "{report:?}");
    assert_eq!(report.captured_at, "2023-03-01T09:00:00Z".parse().unwrap());
    let people = pairs(&[("00002", "Synthetic, Two\nof them"), ("1", "Synthetic-One")]);
    assert_eq!(rig.names(), people);

    // Nothing new: the copy stays as old as the last drop.
    let report = rig.changes().await;
    assert_eq!((report.rows, report.captured_at), (0, "2023-03-01T09:00:00Z".parse().unwrap()));

    let line = |id: u32, name: &str| {
        json!({"id": id, "name": name, "changed": "2023-03-03T00:00:00Z"}).to_string() + "\n"
    };
    let news: String = (3..8).map(|id| line(id, &format!("Synthetic-{id}"))).collect();
    let third = manifest(folder, 3, "incremental", &[("three.ndjson", &news, false)]);
    drop_in(folder, 3, &third);
    rig.fails("drop 2 is missing, and drop 3 is there").await;
    let gone = "id\n1\n";
    let second = manifest(folder, 2, "incremental", &[("two.csv", gone, true)]);
    drop_in(folder, 2, &second);
    let report = rig.changes().await;
    assert_eq!((report.changed, report.removed), (5, 1), "{report:?}");
    assert_eq!(report.captured_at, "2023-03-03T09:00:00Z".parse().unwrap());
    let names = rig.names();
    assert_eq!((names.len(), names[0].0.as_str()), (6, "00002"), "{names:?}");

    // A full drop begins anew, whatever is missing before it.
    let fifth = manifest(folder, 5, "full", &[("five.ndjson", &news, false)]);
    drop_in(folder, 5, &fifth);
    let report = rig.capture().await;
    assert_eq!((report.build.as_str(), rig.names().len()), ("full", 5));
}

#[tokio::test]
async fn a_drop_that_is_not_whole_is_not_taken() {
    let drops = tempfile::tempdir().unwrap();
    let folder = drops.path();
    let rig = rig(folder, "").await;
    let whole = manifest(folder, 1, "full", &[("one.csv", FIRST, false)]);
    drop_in(folder, 1, &whole);
    let half = &FIRST[..FIRST.len() - 9];
    std::fs::write(folder.join("one.csv"), half).unwrap();
    rig.fails("drop 1 is not whole: one.csv is not the file that its manifest names").await;
    std::fs::remove_file(folder.join("one.csv")).unwrap();
    rig.fails("drop 1: one.csv cannot be read").await;
    std::fs::write(folder.join("one.csv"), FIRST).unwrap();
    let text = whole.to_string();
    std::fs::write(folder.join("drop-0000000001.json"), &text[..text.len() / 2]).unwrap();
    rig.fails("the manifest of drop 1 is not whole").await;

    for (change, words) in [
        (json!({"sequence": 7}), "drop 1 calls itself number 7"),
        (json!({"source": "another"}), "drop 1 is of 'another', and the mapping is of 'register'"),
        (json!({"format": "holdfast/drop/v9"}), "write 'holdfast/drop/v1'"),
        (json!({"files": []}), "has no file of 'persons'"),
    ] {
        let mut manifest = whole.clone();
        for (key, value) in change.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        drop_in(folder, 1, &manifest);
        rig.fails(words).await;
    }
    for (field, value, words) in [
        ("name", json!("../one.csv"), "a file that is not beside its manifest"),
        ("collection", json!("nobody"), "which the mapping does not have"),
        ("rows", json!(3), "one.csv has 2 rows, and its manifest says 3"),
    ] {
        let mut manifest = whole.clone();
        manifest["files"][0][field] = value;
        drop_in(folder, 1, &manifest);
        rig.fails(words).await;
    }
    drop_in(folder, 1, &whole);
    assert_eq!(rig.capture().await.rows, 2);
}

#[tokio::test]
async fn a_bad_row_is_named_by_file_and_line_and_not_by_what_it_says() {
    let drops = tempfile::tempdir().unwrap();
    let folder = drops.path();
    let rig = rig(folder, "  delimiter: ';'\n").await;
    let mut text = "id;name;born_on;changed\n".to_owned();
    for id in 0..400 {
        text.push_str(&format!("{id};Synthetic-{id};;2023-03-01T00:00:00Z\n"));
    }
    text.push_str("a;Synthetic;too;many;fields\n");
    text.push_str("b;Synthetic-B;31/01/2015;2023-03-01T00:00:00Z\n");
    let lines = "[\"Synthetic\"]\n{\"id\": \"c\", \"name\": \"Synthetic-C\", \
                 \"changed\": \"2023-03-01T00:00:00Z\"}\n";
    let files = [("one.csv", text.as_str(), false), ("two.ndjson", lines, false)];
    drop_in(folder, 1, &manifest(folder, 1, "full", &files));
    let report = rig.capture().await;
    assert_eq!(rig.names().len(), 401);
    assert_eq!(
        report.rejected_at,
        [
            "one.csv line 402: it has not as many fields as the first line",
            "one.csv line 403: person born_on: its value does not fit",
            "two.ndjson line 1: it is not a JSON object",
        ]
    );

    // So many that it is another format.
    let text = text.replace(";2023-03", ";2023/03");
    drop_in(folder, 2, &manifest(folder, 2, "full", &[("one.csv", &text, false)]));
    rig.quarantined("rows do not fit the mapping").await;
}

#[tokio::test]
async fn rows_without_an_instant_are_as_old_as_their_drop() {
    let drops = tempfile::tempdir().unwrap();
    let folder = drops.path();
    let url = format!("file://{}", folder.display());
    let mapping = mapping("").replace("  updated_at: changed\n", "");
    let rig = Rig::new(&url, &mapping, false).await;
    let text = "id,name\n1,Synthetic-One\n";
    drop_in(folder, 1, &manifest(folder, 1, "full", &[("one.csv", text, false)]));
    rig.capture().await;
    let person = rig.records(holdfast::domain::records::RecordKind::Person)["1"].clone();
    assert_eq!(person["header"]["updated_at"], "2023-03-01T09:00:00Z");
}

#[tokio::test]
async fn a_file_that_does_not_name_its_fields_tells_none_of_its_rows() {
    let drops = tempfile::tempdir().unwrap();
    let folder = drops.path();
    let rig = rig(folder, "").await;
    for (text, words) in [
        ("1,Synthetic-One\n2,Synthetic-Two\n", "the first line does not name 'id'"),
        ("id,Synthetic-One,Synthetic-One\n", "the first line names a field twice"),
    ] {
        drop_in(folder, 1, &manifest(folder, 1, "full", &[("one.csv", text, false)]));
        rig.fails(words).await;
    }
}
