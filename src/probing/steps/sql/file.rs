//! A query of a SQLite file, opened to be read only.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row, TypeInfo, ValueRef};

use super::{Asked, Table, explain};
use crate::clock::Stopwatch;
use crate::domain::check::{FailureReason, Phase};
use crate::probing::steps::{Fault, Hop};

/// Steps of SQLite's machine between two looks at the time.
const STEPS_A_LOOK: i32 = 10_000;

/// Asks the file.
///
/// # Errors
/// When it cannot be opened, or the query not be answered.
pub async fn ask(path: &Path, asked: Asked<'_>, hop: &mut Hop) -> Result<Table, Fault> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(|_| {
        Fault::failed(FailureReason::Refused, "the database file is not there or not readable")
    })?;
    let (watch, timeout) = (Stopwatch::start(), asked.timeout);
    let mut handle = connection.lock_handle().await.map_err(|error| explain(&error))?;
    handle.set_progress_handler(STEPS_A_LOOK, move || watch.elapsed() < timeout);
    drop(handle);
    let mut query = sqlx::query(AssertSqlSafe(asked.query));
    for parameter in asked.parameters {
        query = query.bind(parameter);
    }
    let mut table = Table::default();
    hop.begin(Phase::FirstByte);
    let mut rows = query.fetch(&mut connection);
    while let Some(row) = rows.try_next().await.map_err(|error| explain(&error))? {
        hop.begin(Phase::Body);
        table.take(texts(&row).map_err(|error| explain(&error))?)?;
    }
    Ok(table)
}

/// The values that are not NULL, each as text by the type it is stored as.
fn texts(row: &SqliteRow) -> sqlx::Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for column in row.columns() {
        let at = column.ordinal();
        let raw = row.try_get_raw(at)?;
        let text = match raw.type_info().name() {
            "NULL" => continue,
            "INTEGER" => row.try_get_unchecked::<i64, _>(at)?.to_string(),
            "REAL" => row.try_get_unchecked::<f64, _>(at)?.to_string(),
            "BLOB" => {
                String::from_utf8_lossy(&row.try_get_unchecked::<Vec<u8>, _>(at)?).into_owned()
            }
            _ => row.try_get_unchecked::<String, _>(at)?,
        };
        texts.push((column.name().to_owned(), text));
    }
    Ok(texts)
}
