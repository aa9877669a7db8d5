//! One connection to a database of any engine.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use url::Url;

use super::fault::AskError;
use super::question::{Found, Question};
use super::{mysql, postgres, sqlite};
use crate::domain::mapping::origin::Sql;

pub enum Connection {
    Postgres(PgConnection),
    Mysql(MySqlConnection),
    Sqlite(SqliteConnection),
}

impl Connection {
    /// # Errors
    /// When the database cannot be reached, or refuses.
    pub async fn open(
        url: &Url,
        sql: &Sql,
        password: Option<&SecretString>,
    ) -> Result<Self, AskError> {
        Ok(match url.scheme() {
            "postgres" => Self::Postgres(postgres::open(url, sql, password).await?),
            "mysql" => Self::Mysql(mysql::open(url, sql, password).await?),
            _ => Self::Sqlite(sqlite::open(url).await?),
        })
    }

    /// # Errors
    /// See [`AskError`]; the connection is then not to be used again.
    pub async fn ask(
        &mut self,
        question: &Question<'_>,
        timeout: Duration,
    ) -> Result<Vec<Found>, AskError> {
        match self {
            Self::Postgres(connection) => postgres::ask(connection, question, timeout).await,
            Self::Mysql(connection) => mysql::ask(connection, question, timeout).await,
            Self::Sqlite(connection) => sqlite::ask(connection, question, timeout).await,
        }
    }
}

/// The query by which an engine says up to when it has everything, if it has one.
pub fn applied_at(url: &Url) -> Option<&'static str> {
    (url.scheme() == "postgres").then_some(postgres::APPLIED_AT)
}

/// A column's name in a query.
pub fn quoted(url: &Url, column: &str) -> String {
    match url.scheme() {
        "mysql" => mysql::quoted(column),
        _ => standard_quoted(column),
    }
}

/// A name as the SQL standard quotes it.
pub fn standard_quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What a page may come to, counted as it comes.
pub struct Room(usize);

impl Room {
    pub fn of_a_page() -> Self {
        Self(crate::sources::MAX_PAGE_BYTES)
    }

    /// # Errors
    /// When the page has become too large.
    pub fn take(&mut self, bytes: usize) -> Result<(), AskError> {
        self.0 = self.0.checked_sub(bytes).ok_or(AskError::TooLarge)?;
        Ok(())
    }
}

/// The user of an address, as it was before it was written into one.
pub fn user(url: &Url) -> String {
    let kept = url.username().replace('+', "%2B");
    let pair = url::form_urlencoded::parse(kept.as_bytes()).next();
    pair.map(|(user, _)| user.into_owned()).unwrap_or_default()
}

/// Name of the database: what stands behind the host.
pub fn database(url: &Url) -> &str {
    url.path().trim_start_matches('/')
}

/// Host without the brackets of a number.
pub fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}
