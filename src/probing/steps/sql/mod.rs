//! One query in a transaction that cannot write, bounded in time, rows and bytes.
//!
//! Nothing that a row holds goes into a fault.

mod bridge;
mod file;
mod server;

use std::time::Duration;

use sqlx::mysql::MySqlDatabaseError;

use super::{Bearings, Fault, Findings, Hop};
use crate::domain::check::{FailureReason, InconclusiveReason};
use crate::domain::step::{Database, Fact, SqlQuery};

/// More rows are not what a probe looks at.
const MAX_ROWS: usize = 1_000;
/// More bytes are not either.
const MAX_BYTES: u64 = 1024 * 1024;
const TOO_SLOW: &str = "the query took longer than allowed";
/// `ER_QUERY_TIMEOUT`, of <https://dev.mysql.com/doc/mysql-errors/8.0/en/>.
const MYSQL_QUERY_TIMEOUT: u16 = 3024;
const TOO_MANY_BYTES: &str = "the query gave more than 1 MiB";

/// Runs the query and keeps its first row.
///
/// # Errors
/// A [`Fault`] that says how far it came, with the database's own code.
pub async fn query(
    bearings: &Bearings<'_>,
    sql: &SqlQuery,
    hops: &mut Vec<Hop>,
) -> Result<Findings, Fault> {
    let parameters: Vec<String> =
        sql.parameters.iter().map(|template| bearings.fill(template)).collect::<Result<_, _>>()?;
    let asked = Asked { query: &sql.query, parameters, timeout: bearings.budget };
    let hop = bearings.hop(hops);
    let (address, table) = match &sql.database {
        Database::Server(database) => {
            let (address, table) = server::ask(bearings, database, asked, hop).await?;
            (Some(address.to_string()), table)
        }
        Database::File(path) => (None, file::ask(path, asked, hop).await?),
    };
    let mut findings = Findings { address, ..Findings::default() };
    findings.add(Fact::Rows, table.rows);
    for (name, value) in table.first {
        findings.add(Fact::Column(name), value);
    }
    Ok(findings)
}

/// What is asked of a database of any engine.
#[derive(Debug)]
struct Asked<'a> {
    query: &'a str,
    parameters: Vec<String>,
    /// How long the database may work at it.
    timeout: Duration,
}

/// What came back.
#[derive(Debug, Default)]
struct Table {
    rows: usize,
    /// The columns of the first row that are not NULL, as text.
    first: Vec<(String, String)>,
    bytes: u64,
}

impl Table {
    /// Takes in one more row.
    fn take(&mut self, row: Vec<(String, String)>) -> Result<(), Fault> {
        self.rows += 1;
        self.bytes += row.iter().map(|(_, value)| value.len() as u64).sum::<u64>();
        let too_large = |detail: &str| Err(Fault::failed(FailureReason::TooLarge, detail));
        if self.rows > MAX_ROWS {
            return too_large("the query gave more than 1,000 rows");
        }
        if self.bytes > MAX_BYTES {
            return too_large(TOO_MANY_BYTES);
        }
        if self.rows == 1 {
            self.first = row;
        }
        Ok(())
    }
}

/// Whether MySQL cancelled it by the time allowed; it has a number for that and no code of its own.
fn is_out_of_time(refused: &dyn sqlx::error::DatabaseError) -> bool {
    let refused = refused.try_downcast_ref::<MySqlDatabaseError>();
    refused.is_some_and(|refused| refused.number() == MYSQL_QUERY_TIMEOUT)
}

/// What an error of the database means. Its message may hold values; its code does not.
fn explain(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(refused) if is_out_of_time(refused.as_ref()) => {
            Fault::failed(FailureReason::Timeout, TOO_SLOW)
        }
        sqlx::Error::Database(refused) => {
            let code = refused.code().unwrap_or_default();
            match code.as_ref() {
                "28P01" | "28000" => Fault::inconclusive(
                    InconclusiveReason::Credentials,
                    format!("the database refused the sign-in (code {code})"),
                ),
                // Cancelled by the time allowed: PostgreSQL, MariaDB, SQLite.
                "57014" | "70100" | "9" => Fault::failed(FailureReason::Timeout, TOO_SLOW),
                _ => Fault::failed(
                    FailureReason::Status,
                    format!("the database refused the query (code {code})"),
                ),
            }
        }
        sqlx::Error::Tls(_) => {
            Fault::failed(FailureReason::Tls, "the connection could not be encrypted")
        }
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Fault::failed(FailureReason::Tls, "the certificate of the database is not valid")
        }
        sqlx::Error::Io(_) => Fault::failed(FailureReason::Reset, "the connection was cut"),
        sqlx::Error::Protocol(_) => {
            Fault::failed(FailureReason::Protocol, "the answer was not this database's protocol")
        }
        _ => Fault::failed(FailureReason::Protocol, "the answer could not be read"),
    }
}
