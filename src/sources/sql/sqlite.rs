//! A file of SQLite, opened to be read only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Executor, Row, SqlSafeStr, Statement, TypeInfo, ValueRef,
};
use url::Url;

use super::connection::{Room, standard_quoted};
use super::fault::AskError;
use super::question::{Found, Question};
use crate::clock::Stopwatch;
use crate::crypto::digest;
use crate::domain::mapping::sorting;

/// Steps of SQLite's machine between two looks at the time.
const STEPS_A_LOOK: i32 = 10_000;

/// # Errors
/// When the file is not there or cannot be opened.
pub async fn open(url: &Url) -> Result<SqliteConnection, AskError> {
    let options = SqliteConnectOptions::new()
        .filename(path(url))
        .read_only(true)
        .create_if_missing(false)
        .disable_statement_logging();
    options
        .connect()
        .await
        .map_err(|_| AskError::Column("the database file is not there or not readable".to_owned()))
}

/// When the file last changed: a copy made at night is as old as that.
pub fn modified_at(url: &Url) -> Option<Timestamp> {
    let (file, mut log) = (path(url), path(url).into_os_string());
    log.push("-wal");
    let at = |path: &Path| std::fs::metadata(path).ok()?.modified().ok();
    let at = at(&file).max(at(Path::new(&log)))?;
    Timestamp::try_from(at).ok()
}

fn path(url: &Url) -> PathBuf {
    let text = url.path().replace('+', "%2B");
    let pair = url::form_urlencoded::parse(text.as_bytes()).next();
    pair.map(|(path, _)| PathBuf::from(path.into_owned())).unwrap_or_default()
}

/// # Errors
/// See [`AskError`].
pub async fn ask(
    connection: &mut SqliteConnection,
    question: &Question<'_>,
    timeout: Duration,
) -> Result<Vec<Found>, AskError> {
    let watch = Stopwatch::start();
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS_A_LOOK, move || watch.elapsed() < timeout);
    drop(handle);
    connection.execute("BEGIN").await?;
    let columns = columns(connection, question.query).await?;
    let (text, parameters) = write(question, &columns);
    let mut query = sqlx::query(AssertSqlSafe(text));
    for parameter in parameters {
        query = match parameter {
            Value::Number(number) if number.is_i64() => query.bind(number.as_i64()),
            Value::Number(number) => query.bind(number.as_f64()),
            Value::String(text) => query.bind(text),
            _ => query.bind(None::<String>),
        };
    }
    let mut found = Vec::new();
    let mut room = Room::of_a_page();
    let mut rows = query.fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let object = read(&row, &mut room)?;
        found.push(Found { anchor: anchor(&row, &object, question)?, row: object });
    }
    drop(rows);
    connection.execute("COMMIT").await?;
    Ok(found)
}

async fn columns(connection: &mut SqliteConnection, query: &str) -> Result<Vec<String>, AskError> {
    // As a subquery it cannot be anything but a query.
    let text = format!("SELECT * FROM ({query}\n) AS q");
    let statement = connection.prepare(AssertSqlSafe(text).into_sql_str()).await?;
    Ok(statement.columns().iter().map(|column| column.name().to_owned()).collect())
}

/// The query around the mapping's own, and its parameters, which keep their types.
fn write(question: &Question<'_>, columns: &[String]) -> (String, Vec<Value>) {
    let keys: Vec<String> =
        question.keys().iter().map(|key| format!("q.{}", standard_quoted(key))).collect();
    let told = columns.iter().filter(|column| question.tells(column));
    let told: Vec<String> = told.map(|column| format!("q.{}", standard_quoted(column))).collect();
    let mut text = format!("SELECT {} FROM ({}\n) AS q", told.join(", "), question.query);
    let mut parameters = Vec::new();
    if let (Some(since), Some(at)) = (question.since(), keys.first()) {
        text.push_str(&format!(" WHERE {at} >= ?"));
        parameters.push(Value::String(sorting::no_later(question.shape, since)));
    }
    if let Some(after) = question.after() {
        let marks = vec!["?"; keys.len()].join(", ");
        text.push_str(&format!(" WHERE ({}) > ({marks})", keys.join(", ")));
        parameters.extend(after.iter().cloned());
    }
    if !keys.is_empty() {
        text.push_str(&format!(" ORDER BY {}", keys.join(", ")));
    }
    text.push_str(&format!(" LIMIT {}", question.rows));
    (text, parameters)
}

/// The values that tell a row's place in the order. SQLite compares a value of one type with one of
/// another by their types alone, and texts by their bytes: what does not sort is refused.
fn anchor(
    row: &SqliteRow,
    object: &Map<String, Value>,
    question: &Question<'_>,
) -> Result<Vec<Value>, AskError> {
    let anchor = question.keys().into_iter().map(|key| {
        let no_column = || AskError::Column(format!("the query has no column '{key}'"));
        let value = object.get(key).ok_or_else(no_column)?;
        let raw = row.try_get_raw(key)?;
        let is_instant = question.updated_at() == Some(key);
        match value {
            // Looked for by itself: it comes first.
            Value::Null => {}
            Value::String(text) if is_instant && sorting::is_sorted(question.shape, text) => {}
            _ if is_instant => {
                return Err(AskError::Column(format!(
                    "a row says '{key}' in a way that does not sort: it wants a text in RFC 3339 \
                     that ends in Z, or as 'instants' says; in the query, for one, \
                     strftime('%Y-%m-%dT%H:%M:%SZ', {key}) AS {key}"
                )));
            }
            _ if raw.type_info().name() == "BLOB" => {
                return Err(AskError::Column(format!(
                    "the column '{key}' is of type BLOB and orders no rows: write hex({key}) AS \
                     {key} in the query"
                )));
            }
            _ => {}
        }
        Ok(value.clone())
    });
    anchor.collect()
}

/// Each value by the type it is stored as.
fn read(row: &SqliteRow, room: &mut Room) -> Result<Map<String, Value>, AskError> {
    let mut object = Map::new();
    for column in row.columns() {
        let at = column.ordinal();
        let raw = row.try_get_raw(at)?;
        let value = if raw.is_null() {
            Value::Null
        } else {
            match raw.type_info().name() {
                "BOOLEAN" => (row.try_get_unchecked::<i64, _>(at)? != 0).into(),
                "INTEGER" => row.try_get_unchecked::<i64, _>(at)?.into(),
                "REAL" => row.try_get_unchecked::<f64, _>(at)?.into(),
                "BLOB" => digest::to_hex(&row.try_get_unchecked::<Vec<u8>, _>(at)?).into(),
                _ => row.try_get_unchecked::<String, _>(at)?.into(),
            }
        };
        room.take(column.name().len() + value.as_str().map_or(8, str::len))?;
        object.insert(column.name().to_owned(), value);
    }
    Ok(object)
}
