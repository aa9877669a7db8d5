//! What an error of a database means. Its message may hold values of rows; its code does not.

use sqlx::mysql::MySqlDatabaseError;

use crate::domain::mapping::Collection;
use crate::sources::{MAX_PAGE_BYTES, SourceError};

/// `ER_QUERY_TIMEOUT`, of <https://dev.mysql.com/doc/mysql-errors/8.0/en/>.
const MYSQL_QUERY_TIMEOUT: u16 = 3024;
/// Refused for want of a right: table, column, or both, of the same list.
const MYSQL_DENIED: [u16; 3] = [1142, 1143, 1044];

/// Why there is no answer.
#[derive(Debug)]
pub enum AskError {
    Sql(sqlx::Error),
    /// Longer than the time allowed, and the database itself did not say so.
    TookTooLong,
    TooLarge,
    /// The mapping names a column in a way that cannot be followed.
    Column(String),
}

impl From<sqlx::Error> for AskError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

enum Meaning {
    Busy(String),
    Slow,
    Refused(String),
    Wrong(String),
}

impl AskError {
    /// Whether asking again may help: the connection was cut, or the replica gave way to its
    /// primary.
    pub fn may_pass(&self) -> bool {
        matches!(self.meaning(), Meaning::Busy(_))
    }

    pub fn of(&self, collection: &Collection) -> SourceError {
        match self.meaning() {
            Meaning::Busy(fault) => SourceError::unreachable(collection, fault),
            Meaning::Slow => {
                let fault = "a query took longer than 'statement_timeout': raise it, or see to an \
                             index on the columns of 'updated_at' and 'id'";
                SourceError::unreachable(collection, fault)
            }
            Meaning::Refused(fault) => SourceError::refused(collection, fault),
            Meaning::Wrong(fault) => SourceError::shape(collection, fault),
        }
    }

    fn meaning(&self) -> Meaning {
        match self {
            Self::Sql(error) => meaning(error),
            Self::TookTooLong => Meaning::Slow,
            Self::TooLarge => Meaning::Wrong(format!(
                "a page is larger than {MAX_PAGE_BYTES} bytes: write fewer 'page_rows'"
            )),
            Self::Column(fault) => Meaning::Wrong(fault.clone()),
        }
    }
}

fn meaning(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::Database(refused) => {
            let code = refused.code().unwrap_or_default().into_owned();
            let number = refused
                .try_downcast_ref::<MySqlDatabaseError>()
                .map(MySqlDatabaseError::number)
                .unwrap_or_default();
            if number == MYSQL_QUERY_TIMEOUT {
                return Meaning::Slow;
            }
            match code.as_str() {
                "28P01" | "28000" => Meaning::Refused(format!("code {code}")),
                "42501" => Meaning::Refused("it may not read a table of the query".to_owned()),
                _ if MYSQL_DENIED.contains(&number) => {
                    Meaning::Refused("it may not read a table of the query".to_owned())
                }
                // Ended by the time allowed: PostgreSQL, MariaDB, SQLite.
                "57014" | "70100" | "9" => Meaning::Slow,
                // A replica gives way to its primary; too many connections; starting or stopping;
                // SQLite's file is being written.
                "40001" | "53300" | "57P01" | "57P02" | "57P03" | "08004" | "5" => {
                    Meaning::Busy(format!("code {code}"))
                }
                _ => Meaning::Wrong(format!("the database refused the query (code {code})")),
            }
        }
        sqlx::Error::Tls(_) => Meaning::Wrong("the connection could not be encrypted".to_owned()),
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Meaning::Wrong("the certificate of the database is not valid".to_owned())
        }
        sqlx::Error::Io(error) => Meaning::Busy(error.kind().to_string()),
        sqlx::Error::Protocol(_) => {
            Meaning::Wrong("the answer is not this database's protocol".to_owned())
        }
        sqlx::Error::ColumnNotFound(_) => Meaning::Wrong("a column is not there".to_owned()),
        _ => Meaning::Wrong("the answer could not be read".to_owned()),
    }
}
