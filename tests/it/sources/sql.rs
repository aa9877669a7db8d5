//! Replicas: PostgreSQL, MariaDB and SQLite, read by key, changed while they are read.

use std::process::Command;

use holdfast::domain::records::RecordKind;
use serde_json::json;
use tempfile::TempDir;

use super::{Rig, SECRET, pairs};
use crate::probing::programs::{Program, folder, run};
use crate::probing::rig::PASSWORD;
use crate::probing::sql::{mariadb, postgres, postgres_program, standby};
use crate::support::eventually;
use crate::support::server::Authority;

/// Pages of three, so that what comes in pages does.
fn mapping(sql: &str, select: &str) -> String {
    format!(
        "format: holdfast/mapping/v1
source: c3ms
title: C3MS
time_zone: Australia/Adelaide
sql:
  id: id
  updated_at: changed
  page_rows: 3
{sql}collections:
  - id: persons
    select: {select}
    json: [kin]
    ignored: [n, weight, seen, at, tags, bytes, small, gone]
    records:
      - kind: person
        tier: {{ constant: standard }}
        class: {{ constant: general }}
        fields:
          name: {{ copy: name }}
          born_on: {{ copy: born }}
          deceased: {{ truth: dead }}
          culture: {{ object: {{ iwi: {{ copy: kin/iwi }} }} }}
          aliases: {{ each: {{ of: aka, fields: {{ name: {{ copy: . }} }} }} }}
"
    )
}

/// A database that statements can be told to.
trait Told {
    fn tell(&self, statements: &str);
}

struct Postgres(Program);

impl Told for Postgres {
    fn tell(&self, statements: &str) {
        let port = self.0.address.port();
        run(Command::new(postgres_program("psql"))
            .env("PGPASSWORD", PASSWORD)
            .args(["--host=127.0.0.1", "--username=probe", "--dbname=postgres", "--quiet"])
            .args([&format!("--port={port}"), "-v", "ON_ERROR_STOP=1", "-c", statements]));
    }
}

struct Mariadb(Program);

impl Told for Mariadb {
    fn tell(&self, statements: &str) {
        let port = self.0.address.port();
        run(Command::new("mariadb")
            .env("MYSQL_PWD", PASSWORD)
            .args(["--no-defaults", "--host=127.0.0.1", "--user=probe", "--database=cases"])
            .args([&format!("--port={port}"), "--skip-ssl", "-e", statements]));
    }
}

struct Sqlite(TempDir);

impl Told for Sqlite {
    fn tell(&self, statements: &str) {
        run(Command::new("/usr/bin/python3")
            .args([
                "-c",
                "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])",
            ])
            .arg(self.0.path().join("cases.sqlite"))
            .arg(statements));
    }
}

/// A rig whose secret is that of the servers, with their authority beside the mapping.
async fn rig(url: &str, mapping: &str, authority: &Authority) -> Rig {
    let rig = Rig::new(url, mapping, true).await;
    std::fs::write(rig.path().join("secret"), PASSWORD).unwrap();
    std::fs::write(rig.path().join("authority.pem"), authority.pem()).unwrap();
    rig
}

/// What holds of every engine: pages by key, changes with an overlap, soft deletes, rows that are
/// gone. Instants in `at(n)` are the n-th minute of an hour; ids 1 to 5 are there.
async fn keeps_up(rig: &Rig, told: &dyn Told, soft: &str) {
    // Many that never change: a copy of which much has changed would be captured in full.
    let many: Vec<String> =
        (1_000..1_100).map(|id| format!("({id}, 'Synthetic', '2023-03-01 08:00:00')")).collect();
    told.tell(&format!("INSERT INTO persons (id, name, changed) VALUES {}", many.join(", ")));
    let report = rig.capture().await;
    assert_eq!((report.rows, &report.rejected[..]), (105, &[][..]), "{report:?}");
    assert_eq!(report.unmapped, Vec::<String>::new());
    let all = ["1", "2", "3", "4", "5"].map(|id| (id, "Synthetic"));
    let mut expected = pairs(&all);
    assert_eq!(named(rig), expected);

    // Nothing has changed: what lies in the overlap is read again and recognised.
    let report = rig.changes().await;
    assert_eq!((report.rows, report.changed), (3, 0), "{report:?}");

    told.tell(
        "UPDATE persons SET name = 'Synthetic-Changed', changed = '2023-03-01 09:30:00' \
         WHERE id = 2; \
         INSERT INTO persons (id, name, changed) VALUES (6, 'Synthetic-New', '2023-03-01 09:30:00')",
    );
    let report = rig.changes().await;
    assert_eq!((report.changed, report.removed), (2, 0), "{report:?}");
    expected[1].1 = "Synthetic-Changed".to_owned();
    expected.push(("6".to_owned(), "Synthetic-New".to_owned()));
    assert_eq!(named(rig), expected);

    told.tell(soft);
    let report = rig.changes().await;
    assert_eq!((report.changed, report.removed), (0, 1), "{report:?}");
    expected.remove(0);
    assert_eq!(named(rig), expected);

    // Gone without a word: found by comparing the keys, and left out by a full build.
    told.tell("DELETE FROM persons WHERE id = 3");
    let report = rig.capture().await;
    assert_eq!(report.build.as_str(), "full");
    expected.remove(1);
    assert_eq!(named(rig), expected);

    // Deleted without a word of when: its key is there, and it is not.
    told.tell(
        "UPDATE persons SET gone = (SELECT said FROM (SELECT gone AS said FROM persons \
         WHERE id = 1) AS deleted) WHERE id = 5",
    );
    let report = rig.capture().await;
    assert_eq!(report.build.as_str(), "full");
    expected.remove(2);
    assert_eq!(named(rig), expected);
    rig.changes().await;
}

/// Those that are not of the many.
fn named(rig: &Rig) -> Vec<(String, String)> {
    rig.names().into_iter().filter(|(id, _)| id.len() < 4).collect()
}

const ENGINE: &str = "  deleted: gone\n  sweep_interval: 0 s\n  overlap: 2 min\n";

#[tokio::test]
async fn postgres_is_read_by_key_and_loses_nothing_on_the_way() {
    let authority = Authority::new();
    let server = Postgres(postgres(&authority).await);
    server.tell(
        "CREATE TABLE persons (id bigint PRIMARY KEY, name text, born date, dead boolean, \
         kin jsonb, aka text[], n bigint, weight numeric(20,4), seen timestamp, changed timestamptz, \
         bytes bytea, small real, gone timestamptz); \
         INSERT INTO persons (id, name, changed) SELECT i, 'Synthetic', \
         ('2023-03-01T09:0' || i || ':00Z')::timestamptz FROM generate_series(1, 5) i; \
         UPDATE persons SET born = '2015-01-31', dead = false, kin = '{\"iwi\": \"Synthetic-Iwi\"}', \
         aka = '{Synthetic-A,Synthetic-B}' WHERE id = 4",
    );
    let url = format!("postgres://probe@localhost:{}/postgres", server.0.address.port());
    let secure = format!("  authority: authority.pem\n{ENGINE}");
    let rig =
        rig(&url, &mapping(&secure, "SELECT * FROM persons -- all of them"), &authority).await;
    keeps_up(&rig, &server, "UPDATE persons SET gone = now(), changed = now() WHERE id = 1").await;
    let person = &rig.records(RecordKind::Person)["4"];
    assert_eq!(person["born_on"], "2015-01-31");
    assert_eq!(person["culture"]["iwi"], "Synthetic-Iwi");
    assert_eq!(person["aliases"][1]["name"], "Synthetic-B");
    assert_eq!(person["header"]["updated_at"], "2023-03-01T09:04:00Z");

    // Values as they are, whatever JSON would make of them: told by where they end up.
    server.tell("UPDATE persons SET changed = now() + interval '1 min' WHERE id = 5");
    for (value, told) in [
        ("12345678901234567.8901::numeric", "12345678901234567.8901"),
        ("9007199254740993::bigint", "9007199254740993"),
        ("0.1::real", "0.1"),
        ("'\\x00ff'::bytea", "00ff"),
        ("'2023-03-01 20:01:00'::timestamp", "2023-03-01T09:31:00Z"),
        ("'2023-03-01 20:01:00+10:30'::timestamptz", "2023-03-01T09:31:00Z"),
        ("'2023-03-01'::date", "2023-03-01"),
        ("true", "true"),
        ("'00123'::char(8)", "00123   "),
        ("'6f1e7d52-0000-4000-8000-000000000001'::uuid", "6f1e7d52-0000-4000-8000-000000000001"),
    ] {
        let select = format!("SELECT id, {value} AS name, changed FROM persons");
        let zone = format!("  time_zone: Australia/Adelaide\n{secure}");
        let joined = mapping(&zone, &select).replace("{ copy: name }", "{ join: { of: [name] } }");
        rig.map(&joined);
        let report = rig.try_capture(true).await.unwrap();
        assert_eq!(report.rejected, [], "{value}");
        assert_eq!(named(&rig)[0].1, told, "{value}");
    }

    refuses(&rig, &server, &secure).await;
}

#[tokio::test]
async fn a_standby_that_lags_makes_the_copy_as_old_as_what_it_has() {
    let authority = Authority::new();
    let primary = Postgres(postgres(&authority).await);
    primary.tell(
        "CREATE TABLE persons (id int PRIMARY KEY, name text, born date, dead boolean, kin jsonb, \
         aka text[], changed timestamptz, gone boolean); \
         INSERT INTO persons (id, name, changed) VALUES (1, 'Synthetic', now())",
    );
    let follower = Postgres(standby(&primary.0, &authority).await);
    let url = format!("postgres://probe@localhost:{}/postgres", follower.0.address.port());
    let secure = format!("  authority: authority.pem\n{ENGINE}");
    let rig = rig(&url, &mapping(&secure, "SELECT * FROM persons"), &authority).await;
    // Nobody changes anything, and yet the standby is current.
    let current = async || {
        let report = rig.capture().await;
        (report.captured_at == report.begun_at).then_some(report)
    };
    eventually("the standby catches up", current).await;

    let add = |id: u32| {
        primary.tell(&format!(
            "INSERT INTO persons (id, name, changed) VALUES ({id}, 'Synthetic', now())"
        ));
    };
    let catches_up_to = async |records: u64| {
        follower.tell("SELECT pg_wal_replay_resume()");
        let caught_up = async || (rig.capture().await.standard == records).then_some(());
        eventually("the standby applies it", caught_up).await;
    };
    // Behind since it was started: nothing says how far.
    follower.tell("SELECT pg_wal_replay_pause()");
    add(2);
    let unknown = async || rig.try_capture(false).await.err();
    let error = eventually("the standby has received what it does not apply", unknown).await;
    assert!(error.to_string().contains("its age is not known"), "{error}");
    catches_up_to(2).await;

    follower.tell("SELECT pg_wal_replay_pause()");
    add(3);
    let lags = async || {
        let report = rig.capture().await;
        (report.captured_at < report.begun_at).then_some(())
    };
    eventually("the copy is as old as the standby", lags).await;
    assert_eq!(rig.names().len(), 2);
    catches_up_to(3).await;
}

/// What a person has to see to, told without a row's content and without the secret.
async fn refuses(rig: &Rig, server: &Postgres, secure: &str) {
    for (select, words) in [
        ("SELECT id, name FROM persons", "the query has no column 'changed'"),
        ("SELECT * FROM nothing", "the database refused the query (code 42P01)"),
        ("SELECT 1/0 AS id, 'Synthetic' AS name, now() AS changed", "(code 22012)"),
        ("SELECT id, NULL::timestamptz AS changed FROM persons", "COALESCE(changed, created_at)"),
        ("SELECT id, changed::text AS changed FROM persons", "cast it to a timestamp"),
        ("SELECT pg_sleep(30), id, changed FROM persons", "longer than 'statement_timeout'"),
        ("SELECT id, repeat('x', 40000000) AS name, changed FROM persons", "fewer 'page_rows'"),
    ] {
        let seconds = if select.contains("sleep") { 1 } else { 60 };
        let brief = format!("  statement_timeout: {seconds} s\n{secure}");
        rig.map(&mapping(&brief, select));
        let error = rig.try_capture(true).await.unwrap_err().to_string();
        assert!(error.contains(words), "{select}: {error}");
    }
    server.tell(
        "CREATE FUNCTION add_one() RETURNS bigint LANGUAGE sql AS \
         'INSERT INTO persons (id) VALUES (99); SELECT 99::bigint'",
    );
    rig.map(&mapping(secure, "SELECT add_one() AS id, 'x' AS name, now() AS changed"));
    let error = rig.try_capture(true).await.unwrap_err().to_string();
    assert!(error.contains("code 25006"), "it cannot write: {error}");
    rig.map(&mapping(secure, "SELECT * FROM persons"));
    std::fs::write(rig.path().join("secret"), SECRET).unwrap();
    let error = rig.try_capture(true).await.unwrap_err().to_string();
    assert!(error.contains("refuses the export's credentials (code 28P01)"), "{error}");
    rig.map(&mapping(ENGINE, "SELECT * FROM persons"));
    let error = rig.try_capture(true).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn mariadb_is_read_by_key_and_loses_nothing_on_the_way() {
    let authority = Authority::new();
    let server = Mariadb(mariadb(&authority).await);
    server.tell(
        "CREATE TABLE persons (id BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(60), born DATE, \
         dead BOOLEAN, kin JSON, aka JSON, changed DATETIME(6), gone BOOLEAN DEFAULT FALSE); \
         INSERT INTO persons (id, name, changed) VALUES \
         (1, 'Synthetic', '2023-03-01 09:01:00'), (2, 'Synthetic', '2023-03-01 09:02:00'), \
         (3, 'Synthetic', '2023-03-01 09:03:00'), (4, 'Synthetic', '2023-03-01 09:04:00'), \
         (5, 'Synthetic', '2023-03-01 09:05:00'); \
         UPDATE persons SET born = '2015-01-31', dead = FALSE, kin = '{\"iwi\": \"Synthetic-Iwi\"}' \
         WHERE id = 4",
    );
    let url = format!("mysql://probe@localhost:{}/cases", server.0.address.port());
    let secure =
        format!("  authority: authority.pem\n  applied_at: SELECT UTC_TIMESTAMP()\n{ENGINE}");
    let rig = rig(&url, &mapping(&secure, "SELECT * FROM persons"), &authority).await;
    let soft =
        "UPDATE persons SET gone = TRUE, changed = '2023-03-01 09:31:00.000001' WHERE id = 1";
    keeps_up(&rig, &server, soft).await;
    let person = &rig.records(RecordKind::Person)["4"];
    assert_eq!(person["born_on"], "2015-01-31");
    assert_eq!(person["culture"]["iwi"], "Synthetic-Iwi");
    assert_eq!(person["header"]["updated_at"], "2023-03-01T09:04:00Z");

    for (value, told) in [
        ("CAST('12345678901234567.8901' AS DECIMAL(30,4))", "12345678901234567.8901"),
        ("CAST(9007199254740993 AS UNSIGNED)", "9007199254740993"),
        ("CAST(0.1 AS FLOAT)", "0.1"),
        ("UNHEX('00ff')", "00ff"),
        ("CAST('2023-03-01 20:01:00.5' AS DATETIME(1))", "2023-03-01T09:31:00.5Z"),
        ("CAST('2023-03-01' AS DATE)", "2023-03-01"),
        ("'00123'", "00123"),
        ("CAST('00123' AS CHAR) COLLATE utf8mb4_bin", "00123"),
        ("b'101' + 0", "5"),
    ] {
        let select = format!("SELECT id, {value} AS name, changed FROM persons");
        let zone = format!("  time_zone: Australia/Adelaide\n{secure}");
        let joined = mapping(&zone, &select).replace("{ copy: name }", "{ join: { of: [name] } }");
        rig.map(&joined);
        let report = rig.try_capture(true).await.unwrap();
        assert_eq!(report.rejected, [], "{value}");
        assert_eq!(named(&rig)[0].1, told, "{value}");
    }

    for (select, words) in [
        ("SELECT * FROM nothing", "the database refused the query (code 42S02)"),
        ("SELECT nothing FROM persons", "the database refused the query (code 42S22)"),
        ("SELECT id, name FROM persons", "the query has no column 'changed'"),
        ("SELECT id, CAST(changed AS CHAR) AS changed FROM persons", "cast it to DATETIME(6)"),
        ("SELECT id, SLEEP(30) AS name, changed FROM persons", "longer than 'statement_timeout'"),
    ] {
        rig.map(&mapping(&format!("  statement_timeout: 1 s\n{secure}"), select));
        let error = rig.try_capture(true).await.unwrap_err().to_string();
        assert!(error.contains(words), "{select}: {error}");
    }
}

#[tokio::test]
async fn a_file_of_sqlite_is_read_by_key_and_is_as_old_as_it_is() {
    let file = Sqlite(folder());
    file.tell(
        "CREATE TABLE persons (id INTEGER PRIMARY KEY, name TEXT, born TEXT, dead INTEGER, kin TEXT, \
         aka TEXT, changed TEXT, gone INTEGER); \
         INSERT INTO persons (id, name, changed) VALUES \
         (1, 'Synthetic', '2023-03-01 09:01:00'), (2, 'Synthetic', '2023-03-01 09:02:00'), \
         (3, 'Synthetic', '2023-03-01 09:03:00'), (4, 'Synthetic', '2023-03-01 09:04:00'), \
         (5, 'Synthetic', '2023-03-01 09:05:00'); \
         UPDATE persons SET dead = 1, born = '2015-01-31', kin = '{\"iwi\": \"Synthetic-Iwi\"}' \
         WHERE id = 4",
    );
    let url = format!("sqlite://{}", file.0.path().join("cases.sqlite").display());
    let text = "  instants: '%Y-%m-%d %H:%M:%S'\n";
    let first = mapping(&format!("{text}{ENGINE}"), "SELECT * FROM persons");
    let rig = Rig::new(&url, &first, false).await;
    let soft = "UPDATE persons SET gone = 1, changed = '2023-03-01 09:31:00' WHERE id = 1";
    keeps_up(&rig, &file, soft).await;
    let person = &rig.records(RecordKind::Person)["4"];
    assert_eq!((&person["deceased"], &person["born_on"]), (&json!(true), &json!("2015-01-31")));
    assert_eq!(person["culture"]["iwi"], "Synthetic-Iwi");

    // A copy of the database that nobody renewed is as old as its file.
    let path = file.0.path().join("cases.sqlite");
    run(Command::new("touch").args(["-d", "2023-03-01T12:00:00Z"]).arg(&path));
    let report = rig.changes().await;
    assert_eq!(report.captured_at, "2023-03-01T12:00:00Z".parse().unwrap());
    // Unless it says itself up to when it has everything.
    let says = format!("{text}{ENGINE}  applied_at: \"SELECT '2023-02-28 23:00:00' AS at\"\n");
    rig.map(&mapping(&says, "SELECT * FROM persons"));
    let report = rig.capture().await;
    assert_eq!(report.captured_at, "2023-02-28T23:00:00Z".parse().unwrap());
    rig.map(&mapping(&says.replace("'2023-02-28 23:00:00'", "NULL"), "SELECT * FROM persons"));
    rig.fails("the query of 'applied_at' gives nothing").await;

    std::fs::remove_file(path).unwrap();
    rig.map(&mapping(&format!("{text}{ENGINE}"), "SELECT * FROM persons"));
    rig.fails("the database file is not there").await;
    assert!(!file.0.path().join("cases.sqlite").exists(), "reading makes no file");
}

#[tokio::test]
async fn what_sqlite_cannot_put_in_order_is_refused() {
    let file = Sqlite(folder());
    file.tell(
        "CREATE TABLE persons (id INTEGER PRIMARY KEY, name TEXT, changed TEXT, gone INTEGER); \
         INSERT INTO persons (id, name, changed) VALUES (1, 'Synthetic', '2023-03-01T09:01:00Z'), \
         (2, 'Synthetic', '2023-03-01T09:02:00Z'), (3, 'Synthetic', '2023-03-01T09:03:00.5Z')",
    );
    let url = format!("sqlite://{}", file.0.path().join("cases.sqlite").display());
    let rows = |id: &str, changed: &str| {
        let select = format!("SELECT {id} AS id, name, {changed} AS changed, gone FROM persons");
        mapping(ENGINE, &format!("\"{select}\""))
    };
    let rig = Rig::new(&url, &rows("CAST(id AS BLOB)", "changed"), false).await;
    rig.fails("the column 'id' is of type BLOB and orders no rows: write hex(id)").await;
    for changed in ["replace(changed, 'Z', '+10:30')", "replace(changed, 'T', ' ')", "1677661260"] {
        rig.map(&rows("id", changed));
        rig.fails("a row says 'changed' in a way that does not sort").await;
    }
    rig.map(&rows("hex(id)", "changed"));
    assert_eq!(rig.capture().await.rows, 3);

    rig.map(&rows("id", "changed"));
    assert_eq!(rig.try_capture(true).await.unwrap().rows, 3);
    file.tell("INSERT INTO persons (id, name) VALUES (4, 'Synthetic')");
    // Not only when everything is read.
    rig.fails("COALESCE(changed, created_at)").await;
}
