//! MySQL and MariaDB: dates and decimals as text by the database itself.

use std::time::Duration;

use futures_util::TryStreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sqlx::mysql::{
    MySql, MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode, MySqlTypeInfo,
};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Executor, Row, SqlSafeStr, Statement, Type, TypeInfo,
};
use url::Url;

use super::connection::{Room, database, host, user};
use super::fault::AskError;
use super::question::{Found, Question};
use super::values::{self, Kind};
use crate::domain::mapping::origin::{DatabaseTls, Sql};

const PORT: u16 = 3306;
/// MySQL's number for a variable it does not have.
const UNKNOWN_VARIABLE: &str = "HY000";

/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn open(
    url: &Url,
    sql: &Sql,
    password: Option<&SecretString>,
) -> Result<MySqlConnection, AskError> {
    // The session's zone is UTC, as sqlx sets it.
    let mut options = MySqlConnectOptions::new()
        .host(host(url))
        .port(url.port().unwrap_or(PORT))
        .username(&user(url))
        .database(database(url))
        .ssl_mode(match sql.tls {
            DatabaseTls::Verify => MySqlSslMode::VerifyIdentity,
            DatabaseTls::Require => MySqlSslMode::Required,
            DatabaseTls::Off => MySqlSslMode::Disabled,
        })
        .disable_statement_logging();
    if let Some(password) = password {
        options = options.password(password.expose_secret());
    }
    if let Some(path) = &sql.authority {
        options = options.ssl_ca(path);
    }
    Ok(options.connect().await?)
}

/// # Errors
/// See [`AskError`].
pub async fn ask(
    connection: &mut MySqlConnection,
    question: &Question<'_>,
    timeout: Duration,
) -> Result<Vec<Found>, AskError> {
    limit(connection, timeout).await?;
    connection.execute("START TRANSACTION READ ONLY").await?;
    let mut columns = columns(connection, question.query).await?;
    columns.retain(|column| question.tells(&column.name));
    let (text, parameters) = write(question, &columns)?;
    let mut query = sqlx::query(AssertSqlSafe(text));
    for parameter in parameters {
        query = query.bind(parameter);
    }
    let mut found = Vec::new();
    let mut room = Room::of_a_page();
    let mut rows = query.fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        found.push(read(&row, &columns, question, &mut room)?);
    }
    drop(rows);
    connection.execute("COMMIT").await?;
    Ok(found)
}

/// MariaDB and MySQL each have a word of their own for how long a query may take.
async fn limit(connection: &mut MySqlConnection, timeout: Duration) -> sqlx::Result<()> {
    let mariadb = format!("SET SESSION max_statement_time = {:.3}", timeout.as_secs_f64());
    match connection.execute(AssertSqlSafe(mariadb)).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(UNKNOWN_VARIABLE) => {
            let mysql = format!("SET SESSION max_execution_time = {}", timeout.as_millis().max(1));
            connection.execute(AssertSqlSafe(mysql)).await.map(drop)
        }
        other => other.map(drop),
    }
}

/// A name as MySQL quotes it.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A column of the query and what is done with it.
struct Described {
    name: String,
    of_type: String,
    /// Bytes, and not a text whose collation is by its bytes.
    is_binary: bool,
}

async fn columns(
    connection: &mut MySqlConnection,
    query: &str,
) -> Result<Vec<Described>, AskError> {
    // As a subquery it cannot be anything but a query.
    let text = format!("SELECT * FROM ({query}\n) AS q");
    let statement = connection.prepare(AssertSqlSafe(text).into_sql_str()).await?;
    let described = statement.columns().iter().map(|column| Described {
        name: column.name().to_owned(),
        of_type: column.type_info().name().to_owned(),
        is_binary: is_binary(column.type_info()),
    });
    Ok(described.collect())
}

/// The name alone does not tell: a text compared by its bytes has that of bytes.
fn is_binary(of: &MySqlTypeInfo) -> bool {
    let name = of.name();
    (name.ends_with("BLOB") || name.ends_with("BINARY")) && !<str as Type<MySql>>::compatible(of)
}

impl Described {
    /// The column as it is asked for.
    fn told(&self) -> String {
        let column = format!("q.{}", quoted(&self.name));
        let asked = match self.of_type.as_str() {
            "DECIMAL" | "DATE" | "TIME" | "DATETIME" | "TIMESTAMP" | "YEAR" | "JSON" => {
                format!("CAST({column} AS CHAR)")
            }
            "BIT" => format!("CAST({column} AS UNSIGNED)"),
            "GEOMETRY" => format!("ST_AsText({column})"),
            _ if self.is_binary => format!("LOWER(HEX({column}))"),
            _ => column,
        };
        format!("{asked} AS {}", quoted(&self.name))
    }

    /// The text by which the order goes on, and how it is turned back.
    fn anchor(&self) -> (String, &'static str) {
        let column = format!("q.{}", quoted(&self.name));
        match self.of_type.as_str() {
            "DATETIME" | "TIMESTAMP" => {
                (format!("CAST({column} AS CHAR)"), "CAST(? AS DATETIME(6))")
            }
            "DECIMAL" => (format!("CAST({column} AS CHAR)"), "CAST(? AS DECIMAL(65,30))"),
            of_type if of_type.ends_with("UNSIGNED") => {
                (format!("CAST({column} AS CHAR)"), "CAST(? AS UNSIGNED)")
            }
            of_type if of_type.ends_with("INT") || of_type == "BOOLEAN" => {
                (format!("CAST({column} AS CHAR)"), "CAST(? AS SIGNED)")
            }
            _ if self.is_binary => (format!("HEX({column})"), "UNHEX(?)"),
            _ => (format!("CAST({column} AS CHAR)"), "?"),
        }
    }

    fn kind(&self) -> Kind {
        match self.of_type.as_str() {
            "TIMESTAMP" => Kind::Instant,
            "DATETIME" => Kind::Civil,
            "JSON" => Kind::Json,
            _ => Kind::Plain,
        }
    }
}

/// The query around the mapping's own, and its parameters.
fn write(
    question: &Question<'_>,
    columns: &[Described],
) -> Result<(String, Vec<String>), AskError> {
    let keys = question.keys().into_iter().map(|key| {
        let column = columns.iter().find(|column| column.name == key);
        column.ok_or_else(|| AskError::Column(format!("the query has no column '{key}'")))
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    if let Some(at) = question.updated_at()
        && !matches!(keys[0].of_type.as_str(), "DATETIME" | "TIMESTAMP")
    {
        return Err(AskError::Column(format!(
            "the column '{at}' is of type {}, which does not sort as instants do: cast it to \
             DATETIME(6)",
            keys[0].of_type
        )));
    }
    let told: Vec<String> = columns.iter().map(Described::told).collect();
    let quoted: Vec<String> = keys.iter().map(|key| format!("q.{}", quoted(&key.name))).collect();
    let anchors: Vec<(String, &str)> = keys.iter().map(|key| key.anchor()).collect();
    let more: String = anchors.iter().map(|(anchor, _)| format!(", {anchor}")).collect();
    let mut text = format!("SELECT {}{more} FROM ({}\n) AS q", told.join(", "), question.query);
    let mut parameters = Vec::new();
    if let (Some(since), [at, ..]) = (question.since(), &keys[..]) {
        text.push_str(&format!(" WHERE {} >= {}", quoted[0], anchors[0].1));
        parameters.push(match at.of_type.as_str() {
            "TIMESTAMP" => since.to_zoned(jiff::tz::TimeZone::UTC).datetime().to_string(),
            _ => question.civil(since).to_string(),
        });
    }
    if let Some(after) = question.after() {
        // A comparison of pairs would not use an index.
        let told = after.iter().map(|value| value.as_str().unwrap_or_default().to_owned());
        let told: Vec<String> = told.collect();
        match (&quoted[..], &told[..]) {
            ([id], [last]) => {
                text.push_str(&format!(" WHERE {id} > {}", anchors[0].1));
                parameters.push(last.clone());
            }
            ([at, id], [last_at, last_id]) => {
                let (this, that) = (anchors[0].1, anchors[1].1);
                text.push_str(&format!(
                    " WHERE {at} >= {this} AND ({at} > {this} OR {id} > {that})"
                ));
                parameters.extend([last_at.clone(), last_at.clone(), last_id.clone()]);
            }
            _ => {}
        }
    }
    if !quoted.is_empty() {
        text.push_str(&format!(" ORDER BY {}", quoted.join(", ")));
    }
    text.push_str(&format!(" LIMIT {}", question.rows));
    Ok((text, parameters))
}

fn read(
    row: &MySqlRow,
    columns: &[Described],
    question: &Question<'_>,
    room: &mut Room,
) -> Result<Found, AskError> {
    let mut object = Map::new();
    for (at, column) in columns.iter().enumerate() {
        let value = value(row, at, column, question)?;
        room.take(column.name.len() + value.as_str().map_or(8, str::len))?;
        object.insert(column.name.clone(), value);
    }
    let anchor =
        (columns.len()..row.len()).map(|at| Ok(Value::String(text(row, at)?.unwrap_or_default())));
    let anchor = anchor.collect::<sqlx::Result<_>>()?;
    Ok(Found { row: object, anchor })
}

fn value(
    row: &MySqlRow,
    at: usize,
    column: &Described,
    question: &Question<'_>,
) -> sqlx::Result<Value> {
    // By the type that came, which is that of the column unless it was turned to text.
    let came = row.column(at).type_info().name();
    Ok(match came {
        "BOOLEAN" => {
            row.try_get_unchecked::<Option<i64>, _>(at)?.map_or(Value::Null, |n| (n != 0).into())
        }
        "FLOAT" => row.try_get::<Option<f32>, _>(at)?.map_or(Value::Null, shortest),
        "DOUBLE" => row.try_get::<Option<f64>, _>(at)?.into(),
        _ if came.ends_with("UNSIGNED") => row.try_get::<Option<u64>, _>(at)?.into(),
        _ if came.ends_with("INT") => row.try_get::<Option<i64>, _>(at)?.into(),
        _ => match text(row, at)? {
            Some(text) => values::read(column.kind(), text, question.time_zone),
            None => Value::Null,
        },
    })
}

/// A short float as it was written: 0.1, not the double nearest to it.
fn shortest(number: f32) -> Value {
    number.to_string().parse::<f64>().ok().into()
}

fn text(row: &MySqlRow, at: usize) -> sqlx::Result<Option<String>> {
    let bytes = row.try_get_unchecked::<Option<Vec<u8>>, _>(at)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
