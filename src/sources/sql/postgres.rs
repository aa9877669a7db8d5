//! PostgreSQL: rows as JSON by the database itself, decimals beforehand turned to text.

use std::time::Duration;

use futures_util::TryStreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Executor, Row, SqlSafeStr, Statement, TypeInfo};
use url::Url;

use super::connection::{Room, database, host, standard_quoted, user};
use super::fault::AskError;
use super::question::{Found, Question};
use super::values::{self, Kind};
use crate::domain::mapping::origin::{DatabaseTls, Sql};

const PORT: u16 = 5432;

/// Up to when a standby has everything. While its receiver runs and everything received is applied,
/// that is now, however long ago somebody last changed something; a primary is always current.
/// Functions of <https://www.postgresql.org/docs/current/functions-admin.html>, "Recovery Control".
pub const APPLIED_AT: &str = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN clock_timestamp() \
    WHEN EXISTS (SELECT 1 FROM pg_stat_wal_receiver) \
    AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN clock_timestamp() \
    ELSE pg_last_xact_replay_timestamp() END AS applied_at";

/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn open(
    url: &Url,
    sql: &Sql,
    password: Option<&SecretString>,
) -> Result<PgConnection, AskError> {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(host(url))
        .port(url.port().unwrap_or(PORT))
        .username(&user(url))
        .database(database(url))
        .application_name("holdfast-capture")
        .ssl_mode(match sql.tls {
            DatabaseTls::Verify => PgSslMode::VerifyFull,
            DatabaseTls::Require => PgSslMode::Require,
            DatabaseTls::Off => PgSslMode::Disable,
        })
        .disable_statement_logging();
    if let Some(password) = password {
        options = options.password(password.expose_secret());
    }
    if let Some(path) = &sql.authority {
        options = options.ssl_root_cert(path);
    }
    Ok(options.connect().await?)
}

/// # Errors
/// See [`AskError`].
pub async fn ask(
    connection: &mut PgConnection,
    question: &Question<'_>,
    timeout: Duration,
) -> Result<Vec<Found>, AskError> {
    let begin = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL TimeZone = 'UTC'; \
         SET LOCAL bytea_output = 'hex'",
        timeout.as_millis().max(1)
    );
    connection.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await?;
    let columns = columns(connection, question.query).await?;
    let (text, parameters) = write(question, &columns)?;
    let mut query = sqlx::query(AssertSqlSafe(text));
    for parameter in parameters {
        query = query.bind(parameter);
    }
    let mut found = Vec::new();
    let mut room = Room::of_a_page();
    let mut rows = query.fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let object: String = row.try_get(0)?;
        room.take(object.len())?;
        let anchor = (1..row.len()).map(|at| Ok(row.try_get::<Option<String>, _>(at)?.into()));
        let anchor = anchor.collect::<sqlx::Result<_>>()?;
        found.push(Found { row: read(&object, &columns, question)?, anchor });
    }
    drop(rows);
    connection.execute("COMMIT").await?;
    Ok(found)
}

/// A column of the query and the name of its type.
struct Described {
    name: String,
    of_type: String,
}

async fn columns(connection: &mut PgConnection, query: &str) -> Result<Vec<Described>, AskError> {
    // As a subquery it cannot be anything but a query.
    let text = format!("SELECT * FROM ({query}\n) AS q");
    let statement = connection.prepare(AssertSqlSafe(text).into_sql_str()).await?;
    let described = statement.columns().iter().map(|column| Described {
        name: column.name().to_owned(),
        of_type: column.type_info().name().to_owned(),
    });
    Ok(described.collect())
}

/// The query around the mapping's own, and its parameters.
fn write(
    question: &Question<'_>,
    columns: &[Described],
) -> Result<(String, Vec<String>), AskError> {
    let told = columns.iter().filter(|column| question.tells(&column.name));
    let told: Vec<String> = told.map(Described::told).collect();
    let keys = question.keys();
    let quoted: Vec<String> =
        keys.iter().map(|key| format!("q.{}", standard_quoted(key))).collect();
    let types = keys.iter().map(|key| key_type(columns, key)).collect::<Result<Vec<_>, _>>()?;
    if let Some(at) = question.updated_at()
        && !matches!(types[0], "TIMESTAMPTZ" | "TIMESTAMP")
    {
        return Err(no_instant(at, types[0]));
    }
    let anchors: String = quoted.iter().map(|key| format!(", {key}::text")).collect();
    let mut text = format!(
        "SELECT (SELECT row_to_json(told)::text FROM (SELECT {}) AS told){anchors} \
         FROM ({}\n) AS q",
        told.join(", "),
        question.query
    );
    let mut parameters = Vec::new();
    let parameter = |number: usize, of_type: &str| format!("CAST(${number}::text AS {of_type})");
    if let (Some(since), Some(at)) = (question.since(), types.first()) {
        text.push_str(&format!(" WHERE {} >= {}", quoted[0], parameter(1, at)));
        parameters.push(match *at {
            "TIMESTAMP" => question.civil(since).to_string(),
            _ => since.to_string(),
        });
    }
    if let Some(after) = question.after() {
        let cast: Vec<String> =
            types.iter().enumerate().map(|(at, of)| parameter(at + 1, of)).collect();
        text.push_str(&format!(" WHERE ({}) > ({})", quoted.join(", "), cast.join(", ")));
        parameters.extend(after.iter().map(|value| value.as_str().unwrap_or_default().to_owned()));
    }
    if !quoted.is_empty() {
        text.push_str(&format!(" ORDER BY {}", quoted.join(", ")));
    }
    text.push_str(&format!(" LIMIT {}", question.rows));
    Ok((text, parameters))
}

impl Described {
    /// The column as JSON is made of it.
    fn told(&self) -> String {
        let name = standard_quoted(&self.name);
        match self.of_type.as_str() {
            // As numbers of JSON they would lose digits.
            "NUMERIC" | "MONEY" => format!("q.{name}::text AS {name}"),
            "NUMERIC[]" | "MONEY[]" => format!("q.{name}::text[] AS {name}"),
            "BYTEA" => format!("encode(q.{name}, 'hex') AS {name}"),
            _ => format!("q.{name} AS {name}"),
        }
    }

    fn kind(&self) -> Kind {
        match self.of_type.as_str() {
            "TIMESTAMPTZ" => Kind::Instant,
            "TIMESTAMP" => Kind::Civil,
            _ => Kind::Plain,
        }
    }
}

/// The type to which a key's text is turned back.
fn key_type<'a>(columns: &'a [Described], key: &str) -> Result<&'a str, AskError> {
    let found = columns.iter().find(|column| column.name == key);
    match found.map(|column| column.of_type.as_str()) {
        // Without its length it would be one character.
        Some("CHAR") => Ok("bpchar"),
        Some(of_type) => Ok(of_type),
        None => Err(AskError::Column(format!("the query has no column '{key}'"))),
    }
}

fn no_instant(column: &str, of_type: &str) -> AskError {
    AskError::Column(format!(
        "the column '{column}' is of type {of_type}, which does not sort as instants do: cast it \
         to a timestamp"
    ))
}

fn read(
    object: &str,
    columns: &[Described],
    question: &Question<'_>,
) -> Result<Map<String, Value>, AskError> {
    let mut row: Map<String, Value> = serde_json::from_str(object)
        .map_err(|_| sqlx::Error::Protocol("a row is not JSON".to_owned()))?;
    for column in columns {
        if let (kind @ (Kind::Instant | Kind::Civil), Some(value)) =
            (column.kind(), row.get_mut(&column.name))
            && let Value::String(text) = value
        {
            *value = values::read(kind, std::mem::take(text), question.time_zone);
        }
    }
    Ok(row)
}
