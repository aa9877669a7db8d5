//! Where a capture would rather read everything again than keep what may be too open or too old.

use std::process::Command;

use holdfast::domain::records::RecordKind;
use tempfile::TempDir;

use super::Rig;

/// Persons, some of them restricted, and relationships between them, in a file of SQLite.
struct Cases(TempDir);

const MAPPING: &str = "format: holdfast/mapping/v1
source: c3ms
title: C3MS
time_zone: Etc/UTC
sql:
  id: id
  updated_at: changed
  instants: '%Y-%m-%d %H:%M:%S'
  applied_at: SELECT '2023-03-01 10:00:00' AS at
  deleted: gone
collections:
  - id: persons
    select: SELECT * FROM persons
    ignored: [gone]
    records:
      - kind: person
        tier: { words: { of: level, map: { open: standard, sealed: restricted } } }
        class: { constant: general }
        fields: { name: { copy: name } }
  - id: relationships
    select: SELECT * FROM relationships
    ignored: [gone]
    records:
      - kind: relationship
        tier: { constant: standard }
        class: { constant: general }
        fields: { from: { copy: one }, to: { copy: other }, kind: { constant: sibling } }
";

impl Cases {
    /// Four persons and a hundred and fifty who never change; P-1 and P-2 are siblings.
    fn new() -> Self {
        let cases = Self(tempfile::tempdir().unwrap());
        cases.tell(
            "CREATE TABLE persons (id TEXT PRIMARY KEY, name TEXT, level TEXT, changed TEXT,
               gone INTEGER);
             CREATE TABLE relationships (id TEXT PRIMARY KEY, one TEXT, other TEXT, changed TEXT,
               gone INTEGER);
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 154)
             INSERT INTO persons
               SELECT 'P-' || n, 'Synthetic', 'open', '2023-03-01 08:00:00', 0 FROM n;
             INSERT INTO relationships VALUES ('R-1', 'P-1', 'P-2', '2023-03-01 08:00:00', 0),
               ('R-2', 'P-3', 'P-4', '2023-03-01 08:00:00', 0)",
        );
        cases
    }

    fn tell(&self, statements: &str) {
        let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
        let file = self.0.path().join("cases.sqlite");
        let mut python = Command::new("/usr/bin/python3");
        assert!(python.args(["-c", script]).arg(file).arg(statements).status().unwrap().success());
    }

    async fn rig(&self) -> Rig {
        let url = format!("sqlite://{}", self.0.path().join("cases.sqlite").display());
        Rig::new(&url, MAPPING, false).await
    }
}

fn ids(rig: &Rig, kind: RecordKind) -> Vec<String> {
    rig.records(kind).into_keys().filter(|id| id.len() == 3).collect()
}

#[tokio::test]
async fn who_becomes_restricted_takes_along_what_refers_to_them() {
    let cases = Cases::new();
    let rig = cases.rig().await;
    rig.capture().await;
    assert_eq!(ids(&rig, RecordKind::Relationship), ["R-1", "R-2"]);

    cases.tell(
        "UPDATE persons SET level = 'sealed', changed = '2023-03-01 09:00:00' WHERE id = 'P-2'",
    );
    let report = rig.capture().await;
    assert_eq!(report.build.as_str(), "full", "what refers to P-2 did not change");
    assert!(!ids(&rig, RecordKind::Person).contains(&"P-2".to_owned()));
    assert_eq!(ids(&rig, RecordKind::Relationship), ["R-2"], "R-1 says who the sibling of P-1 is");

    // What goes takes nothing along.
    cases.tell(
        "UPDATE relationships SET gone = 1, changed = '2023-03-01 09:40:00' WHERE id = 'R-2'",
    );
    rig.changes().await;
    assert_eq!(ids(&rig, RecordKind::Relationship), Vec::<String>::new());
}

#[tokio::test]
async fn the_next_run_begins_where_the_replica_had_come_to() {
    let cases = Cases::new();
    cases.tell("UPDATE persons SET changed = '2099-01-01 00:00:00' WHERE id = 'P-4'");
    let rig = cases.rig().await;
    let report = rig.capture().await;
    assert_eq!(report.captured_at, "2023-03-01T10:00:00Z".parse().unwrap());
    // A row of the future must not hide what the replica has yet to apply.
    let watermark = rig.generation().watermark["persons"];
    assert_eq!(watermark, report.captured_at);
    cases.tell(
        "UPDATE persons SET name = 'Synthetic-Late', changed = '2023-03-01 10:01:00' \
         WHERE id = 'P-1'",
    );
    rig.changes().await;
    assert_eq!(rig.records(RecordKind::Person)["P-1"]["name"], "Synthetic-Late");
}

#[tokio::test]
async fn another_mapping_reads_everything_again() {
    let cases = Cases::new();
    let rig = cases.rig().await;
    rig.capture().await;
    rig.changes().await;
    let stricter = "map: { open: restricted, sealed: restricted }";
    rig.map(&MAPPING.replace("map: { open: standard, sealed: restricted }", stricter));
    assert_eq!(rig.capture().await.build.as_str(), "full");
    assert!(rig.records(RecordKind::Person).is_empty(), "none of them changed");
    rig.changes().await;
}
