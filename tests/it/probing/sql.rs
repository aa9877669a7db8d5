//! Steps of SQL against real servers: PostgreSQL, MariaDB, and a file of SQLite.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use holdfast::domain::check::{FailureReason, InconclusiveReason, Outcome};

use super::programs::{Program, as_user, certificate_files, folder, give_to, run};
use super::rig::{PASSWORD, Rig};
use crate::support::free_address;
use crate::support::server::Authority;

/// A table that every engine understands; a case number keeps its zeros.
const TABLES: [&str; 3] = [
    "CREATE TABLE cases (number VARCHAR(20), title VARCHAR(40), opened INT, weight DECIMAL(20,4))",
    "INSERT INTO cases VALUES ('00123', 'Synthetic-Case', 7, 12345678901234.5678)",
    "INSERT INTO cases VALUES ('00124', NULL, 8, 1)",
];

/// Where Debian puts PostgreSQL's programs, whichever version it has.
pub fn postgres_program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("postgresql is installed")
        .map(|entry| entry.unwrap().path())
        .collect();
    versions.sort();
    versions.last().expect("postgresql is installed").join("bin").join(name)
}

/// A PostgreSQL with a user `probe`, and a certificate for `localhost`.
pub async fn postgres(authority: &Authority) -> Program {
    let folder = folder();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
    let (certificate, key) = certificate_files(folder.path(), &authority.certify("localhost"));
    give_to("postgres", folder.path());
    run(as_user("postgres", postgres_program("initdb"))
        .args(["--username=probe", "--auth=scram-sha-256", "--no-sync", "--no-locale"])
        .args(["--encoding=UTF8", "--pwfile"])
        .arg(folder.path().join("password"))
        .arg("--pgdata")
        .arg(&data)
        .current_dir(folder.path()));
    serve_postgres(folder, &data, (&certificate, &key)).await
}

/// Serves a folder of PostgreSQL's.
async fn serve_postgres(
    folder: tempfile::TempDir,
    data: &Path,
    (certificate, key): (&Path, &Path),
) -> Program {
    let address = free_address();
    let option = |name: &str, value: &Path| format!("{name}={}", value.display());
    let mut command = as_user("postgres", postgres_program("postgres"));
    command.arg("-D").arg(data).current_dir(folder.path());
    for setting in [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={}", address.port()),
        option("unix_socket_directories", folder.path()),
        "ssl=on".to_owned(),
        option("ssl_cert_file", certificate),
        option("ssl_key_file", key),
        "fsync=off".to_owned(),
    ] {
        command.args(["-c", &setting]);
    }
    Program::start(command, address, folder).await
}

/// A standby of a PostgreSQL, which follows it.
pub async fn standby(primary: &Program, authority: &Authority) -> Program {
    let folder = folder();
    let data = folder.path().join("data");
    let (certificate, key) = certificate_files(folder.path(), &authority.certify("localhost"));
    give_to("postgres", folder.path());
    run(as_user("postgres", postgres_program("pg_basebackup"))
        .env("PGPASSWORD", PASSWORD)
        .args(["--host=127.0.0.1", "--username=probe", "--write-recovery-conf", "--no-sync"])
        .args(["--checkpoint=fast", &format!("--port={}", primary.address.port()), "--pgdata"])
        .arg(&data)
        .current_dir(folder.path()));
    serve_postgres(folder, &data, (&certificate, &key)).await
}

/// Statements for a database, by its own client.
fn tell_postgres(server: &Program, statements: &[&str]) {
    for statement in statements {
        run(psql(server.address.port()).args(["-c", statement]));
    }
}

fn psql(port: u16) -> Command {
    let mut psql = Command::new(postgres_program("psql"));
    psql.env("PGPASSWORD", PASSWORD)
        .args(["--host=127.0.0.1", "--username=probe", "--dbname=postgres", "--quiet"])
        .arg(format!("--port={port}"))
        .args(["-v", "ON_ERROR_STOP=1"]);
    psql
}

/// A MariaDB with a user `probe`, and a certificate for `localhost`.
pub async fn mariadb(authority: &Authority) -> Program {
    let folder = folder();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let (certificate, key) = certificate_files(folder.path(), &authority.certify("localhost"));
    let mut first = format!(
        "CREATE DATABASE cases;\nCREATE USER probe@'%' IDENTIFIED BY '{PASSWORD}';\n\
         GRANT ALL ON cases.* TO probe@'%';\nUSE cases;\n"
    );
    // As MySQL says that a query took too long; MariaDB says it otherwise by itself.
    first.push_str(
        "CREATE FUNCTION times_out() RETURNS INT SQL SECURITY INVOKER BEGIN SIGNAL SQLSTATE 'HY000' \
         SET MYSQL_ERRNO = 3024; RETURN 1; END;\n",
    );
    TABLES.iter().for_each(|statement| first.push_str(&format!("{statement};\n")));
    let first_file = folder.path().join("first.sql");
    std::fs::write(&first_file, first).unwrap();
    give_to("mysql", folder.path());
    let option = |name: &str, value: &Path| format!("--{name}={}", value.display());
    run(as_user("mysql", "mariadb-install-db").arg("--no-defaults").args([
        "--auth-root-authentication-method=normal".to_owned(),
        "--skip-test-db".to_owned(),
        option("datadir", &data),
    ]));
    let address = free_address();
    let mut command = as_user("mysql", "/usr/sbin/mariadbd");
    command.arg("--no-defaults").args([
        option("datadir", &data),
        option("socket", &folder.path().join("socket")),
        option("pid-file", &folder.path().join("pid")),
        option("init-file", &first_file),
        option("ssl-cert", &certificate),
        option("ssl-key", &key),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--port={}", address.port()),
        "--innodb-flush-log-at-trx-commit=0".to_owned(),
    ]);
    Program::start(command, address, folder).await
}

/// A step that asks a server.
fn step(engine: &str, server: &Program, query: &str, expect: &str) -> String {
    let (database, parameter) = match engine {
        "postgres" => ("postgres", "$1"),
        _ => ("cases", "?"),
    };
    let port = server.address.port();
    let query = query.replace("$1", parameter);
    let parameters = if query.contains(parameter) { "['00123']" } else { "[]" };
    format!(
        "- id: ask\n  sql:\n    {engine}: {{ host: localhost, port: {port}, database: {database}, \
         user: probe, password: '${{secret.password}}' }}\n    query: \"{query}\"\n    \
         parameters: {parameters}\n  expect: {expect}"
    )
}

/// What holds of both engines: values as text, parameters, bounds, and no way to write.
async fn asks_and_is_bounded(engine: &str, server: &Program, rig: &Rig) {
    let one = "SELECT number, title, opened, weight FROM cases WHERE number = $1";
    let expect = "{ rows: { at_least: 1, }, columns: { number: { equals: '00123' }, \
                  title: { contains: Synthetic }, opened: { at_most: 7 }, \
                  weight: { equals: '12345678901234.5678' } }, within: 5 s }";
    let check = rig.passes(&step(engine, server, one, &expect.replace(", }", " }"))).await;
    let timing = &check.steps[0];
    assert!(timing.dns_us.is_some() && timing.connect_us.is_some());
    assert!(timing.first_byte_us.is_some());

    let null = "SELECT title FROM cases WHERE number = '00124'";
    let expect = "{ columns: { title: { exists: false } } }";
    rig.passes(&step(engine, server, null, expect)).await;
    let expect = "{ columns: { title: { equals: Other } } }";
    let words = "expected column 'title' to be 'Other'";
    let check = rig.fails(&step(engine, server, one, expect), FailureReason::Content, words).await;
    assert!(!check.evidence.unwrap().detail.contains("Synthetic"), "rows are not quoted");
    let words = "expected the number of rows to be at least 3, got 2";
    let all = step(engine, server, "SELECT * FROM cases", "{ rows: { at_least: 3 } }");
    rig.fails(&all, FailureReason::Content, words).await;

    let none = step(engine, server, "SELECT nothing FROM cases", "{ within: 5 s }");
    let check = rig.fails(&none, FailureReason::Status, "the database refused the query").await;
    assert!(!check.evidence.unwrap().detail.contains("nothing"), "its words are not quoted");
}

#[tokio::test]
async fn postgres_is_asked_over_tls_and_cannot_be_written_to() {
    let authority = Authority::new();
    let server = postgres(&authority).await;
    tell_postgres(&server, &TABLES);
    tell_postgres(
        &server,
        &["CREATE FUNCTION add_one() RETURNS int LANGUAGE sql AS \
         'INSERT INTO cases VALUES (''00125'', NULL, 1, 1); SELECT 1'"],
    );
    let rig = Rig::trusting(&authority);
    asks_and_is_bounded("postgres", &server, &rig).await;

    let status = FailureReason::Status;
    let sly = step("postgres", &server, "SELECT add_one()", "{ within: 5 s }");
    rig.fails(&sly, status, "code 25006").await;
    let delete = "WITH gone AS (DELETE FROM cases RETURNING 1) SELECT * FROM gone";
    rig.fails(&step("postgres", &server, delete, "{ within: 5 s }"), status, "code 0A000").await;
    let many = "SELECT * FROM generate_series(1, 2000)";
    let words = "more than 1,000 rows";
    let large = FailureReason::TooLarge;
    rig.fails(&step("postgres", &server, many, "{ within: 5 s }"), large, words).await;
    let wide = "SELECT repeat('x', 30000000)";
    rig.fails(&step("postgres", &server, wide, "{ within: 5 s }"), large, "1 MiB").await;

    let slow = step("postgres", &server, "SELECT pg_sleep(60)", "{ within: 5 s }");
    let hasty = Rig { timeout: Duration::from_millis(1_500), ..Rig::trusting(&authority) };
    hasty.fails(&slow, FailureReason::Timeout, "").await;
    let strange = Rig::trusting(&Authority::new());
    let one = step("postgres", &server, "SELECT 1", "{ within: 5 s }");
    strange.fails(&one, FailureReason::Tls, "certificate").await;
    let guess = one.replace("user: probe", "user: nobody");
    let outcome = Outcome::Inconclusive(InconclusiveReason::Credentials);
    rig.ends(&guess, outcome, "refused the sign-in (code 28P01)").await;
    let kept = one
        .replace("SELECT 1", "SELECT '00123' AS number")
        .replace("  expect: { within: 5 s }", "  capture: { number: { column: number } }");
    let used = step("postgres", &server, "SELECT $1 AS number", "{ rows: { at_most: 1 } }")
        .replace("id: ask", "id: again")
        .replace("['00123']", "['${number}']");
    rig.passes(&format!("{kept}\n{used}")).await;

    let delivered = "{ age: { column: delivered_at, at_most: 30 min } }";
    let minutes = |ago: u32| format!("SELECT now() - interval '{ago} min' AS delivered_at");
    rig.passes(&step("postgres", &server, &minutes(20), delivered)).await;
    let old = step("postgres", &server, &minutes(40), delivered);
    let words = "what it delivered last is 40 min old, expected 30 min old at most";
    rig.fails(&old, FailureReason::Stale, words).await;
    let never = "SELECT NULL::timestamptz AS delivered_at";
    let words = "'the instant' is not in the answer";
    rig.fails(&step("postgres", &server, never, delivered), FailureReason::Capture, words).await;

    // What the other side has not got yet is waited for; that it is wrong is not.
    let expect = "{ columns: { number: { equals: '00200' } } }";
    let asks = "SELECT number FROM cases WHERE number = '00200'";
    let until = "\n  until: { interval: 100 ms, at_most: 8 s }";
    let waits = step("postgres", &server, asks, expect) + until;
    let port = server.address.port();
    let lodged = std::thread::spawn(move || {
        let add = "SELECT pg_sleep(2); INSERT INTO cases VALUES ('00200', NULL, 1, 1)";
        run(psql(port).args(["-c", add]));
    });
    let check = rig.passes(&waits).await;
    assert!(check.latency_ms >= 1_000, "{} ms", check.latency_ms);
    assert_eq!(check.steps.len(), 1, "every try together");
    lodged.join().unwrap();
    let brief = waits.replace("'00200'", "'00201'").replace("8 s", "1 s");
    rig.fails(&brief, FailureReason::Stale, "did not appear within 1000 ms").await;
    let wrong = waits.replace("FROM cases", "FROM nothing");
    rig.fails(&wrong, FailureReason::Status, "the database refused the query").await;
}

#[tokio::test]
async fn mariadb_is_asked_over_tls_and_cannot_be_written_to() {
    let authority = Authority::new();
    let server = mariadb(&authority).await;
    let rig = Rig::trusting(&authority);
    asks_and_is_bounded("mysql", &server, &rig).await;
    let many =
        "SELECT 1 FROM information_schema.columns a, information_schema.columns b LIMIT 1500";
    let within = "{ within: 5 s }";
    let large = FailureReason::TooLarge;
    rig.fails(&step("mysql", &server, many, within), large, "more than 1,000 rows").await;
    let wide = "SELECT REPEAT('x', 12000000)";
    rig.fails(&step("mysql", &server, wide, within), large, "1 MiB").await;
    let hasty = Rig { timeout: Duration::from_millis(1_500), ..Rig::trusting(&authority) };
    let slow = "SELECT SLEEP(60)";
    hasty.fails(&step("mysql", &server, slow, within), FailureReason::Timeout, "").await;
    let out_of_time = step("mysql", &server, "SELECT times_out()", within);
    rig.fails(&out_of_time, FailureReason::Timeout, "took longer than allowed").await;
    let strange = Rig::trusting(&Authority::new());
    let one = step("mysql", &server, "SELECT 1", within);
    strange.fails(&one, FailureReason::Tls, "certificate").await;
    let guess = one.replace("user: probe", "user: nobody");
    let outcome = Outcome::Inconclusive(InconclusiveReason::Credentials);
    rig.ends(&guess, outcome, "refused the sign-in (code 28000)").await;
    let dated = step("mysql", &server, "SELECT NOW() AS at", within);
    rig.fails(&dated, FailureReason::Content, "write CAST(… AS CHAR)").await;
}

#[tokio::test]
async fn a_file_of_sqlite_is_read_and_never_made() {
    let folder = folder();
    let file = folder.path().join("cases.sqlite");
    run(Command::new("/usr/bin/python3")
        .args([
            "-c",
            "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
               [c.execute(s) for s in sys.argv[2:]]\nc.commit()",
        ])
        .arg(&file)
        .args(TABLES));
    let step = |file: &Path, query: &str, expect: &str| {
        format!(
            "- id: ask\n  sql: {{ sqlite: {{ file: '{}' }}, query: \"{query}\" }}\n  expect: {expect}",
            file.display()
        )
    };
    let rig = Rig { timeout: Duration::from_secs(3), ..Rig::new() };
    let all = "SELECT number, title, opened FROM cases ORDER BY number";
    let expect = "{ rows: { at_least: 2 }, columns: { number: { equals: '00123' }, \
                  opened: { equals: '7' }, title: { exists: true } } }";
    rig.passes(&step(&file, all, expect)).await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                   SELECT count(*) FROM n";
    let within = "{ within: 2 s }";
    rig.fails(&step(&file, endless, within), FailureReason::Timeout, "").await;
    let fresh = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-2 hours') AS at";
    let age = |most| format!("{{ age: {{ column: at, at_most: {most} }} }}");
    rig.passes(&step(&file, fresh, &age("3 h"))).await;
    rig.fails(&step(&file, fresh, &age("1 h")), FailureReason::Stale, "2 h").await;
    let absent = folder.path().join("absent.sqlite");
    let words = "the database file is not there";
    rig.fails(&step(&absent, all, within), FailureReason::Refused, words).await;
    assert!(!absent.exists());
}
