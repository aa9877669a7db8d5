//! Our own database and its SQL, which stands nowhere else.
//!
//! SQLite in a file, one writer, WAL, `synchronous=FULL`: what a caller is told is written
//! survives a power cut. The SQL uses `$1` parameters and 64-bit integers, so that the same text
//! serves PostgreSQL. It must not decide anything: it keeps and finds.

pub mod agents;
pub mod capture;
pub mod compensations;
pub mod continuity;
pub mod copy_readiness;
pub mod deliveries;
pub mod detection;
pub mod ledger;
pub mod open_copies;
pub mod recall;
pub mod signals;
pub mod spool;
pub mod staff_reports;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

/// How long a writer waits for another before it says the database is busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers beside the one writer: pages and metrics are few and short.
const READERS: u32 = 4;

/// The database, cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// A single connection, so that writers queue here and not on SQLite's lock.
    writer: SqlitePool,
    reader: SqlitePool,
}

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened, read or written: a matter for the operator.
    #[error("the database cannot be used: {}", plainly(.0))]
    Unavailable(#[from] sqlx::Error),
    #[error("the database cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row that this version cannot read; the name says which.
    #[error("the database holds a {0} that cannot be read")]
    Unreadable(&'static str),
}

impl Store {
    /// Opens the database file, making it and its tables when they are not there.
    ///
    /// # Errors
    /// When the file cannot be used or holds the tables of a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = durable(path);
        // What a write may have to take back fits into memory; what a reader sorts may not.
        let writing = options.clone().pragma("temp_store", "memory");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .after_release(|connection, _| Box::pin(is_clear(connection)))
            .connect_with(writing)
            .await?;
        sqlx::migrate!("src/store/migrations").run(&writer).await?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        Ok(Self { writer, reader })
    }

    /// Closes every connection; what was answered is in the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// For statements that change something.
    pub(in crate::store) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// For statements that only read.
    pub(in crate::store) fn reader(&self) -> &SqlitePool {
        &self.reader
    }
}

/// What the database itself says of an error, without what it is wrapped in: people read it.
fn plainly(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(refused) => refused.message().to_owned(),
        other => other.to_string(),
    }
}

/// How every file of ours is opened: what is said to be written survives a power cut.
fn durable(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
}

/// Whether a connection came back with no transaction open.
///
/// On a full disk SQLite takes a transaction back by itself; taking it back again fails, and
/// whoever counts them counts on. Such a connection begins no other: it is closed.
async fn is_clear(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    // What was asked of it before is done when this is answered.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// An instant as it stands in a column.
pub(in crate::store) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The instant that stands in a column.
pub(in crate::store) fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::Unreadable("time"))
}
