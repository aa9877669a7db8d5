//! A query of PostgreSQL or MySQL over a connection that passed the target's networks.

use std::net::SocketAddr;

use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Executor, Row, TypeInfo};

use super::bridge::Bridge;
use super::{Asked, MAX_ROWS, TOO_MANY_BYTES, Table, explain};
use crate::domain::check::{FailureReason, Phase};
use crate::domain::step::{DatabaseServer, DatabaseTls, Engine};
use crate::probing::steps::{Bearings, Fault, Hop};

/// MySQL's number for a variable it does not have.
const UNKNOWN_VARIABLE: &str = "HY000";

/// Asks the server.
///
/// # Errors
/// When it cannot be reached, or the query not be answered.
pub async fn ask(
    bearings: &Bearings<'_>,
    database: &DatabaseServer,
    asked: Asked<'_>,
    hop: &mut Hop,
) -> Result<(SocketAddr, Table), Fault> {
    let user = bearings.fill(&database.user)?;
    let password = database.password.as_ref().map(|text| bearings.fill(text)).transpose()?;
    let (host, port) = bearings.place(&database.server);
    let connected = bearings.reach.connect(host, port, hop).await?;
    let address = connected.address;
    hop.begin(Phase::FirstByte);
    let guest = Guest { bearings, database, user: &user, password: password.as_deref() };
    let table = match database.engine {
        Engine::Postgres => {
            let bridge = Bridge::to(connected.stream, &format!("/.s.PGSQL.{port}"))?;
            bounded(guest.ask_postgres(&bridge, asked, hop).await, &bridge)
        }
        Engine::Mysql => {
            let bridge = Bridge::to(connected.stream, "")?;
            bounded(guest.ask_mysql(&bridge, asked, hop).await, &bridge)
        }
    };
    Ok((address, table.map_err(|fault| fault.at(address))?))
}

/// A connection that the bridge cut because of its size is told as what it is.
fn bounded(table: Result<Table, Fault>, bridge: &Bridge) -> Result<Table, Fault> {
    if bridge.overflowed() {
        return Err(Fault::failed(FailureReason::TooLarge, TOO_MANY_BYTES));
    }
    table
}

/// Who signs in where.
#[derive(Clone, Copy)]
struct Guest<'a> {
    bearings: &'a Bearings<'a>,
    database: &'a DatabaseServer,
    user: &'a str,
    password: Option<&'a str>,
}

impl Guest<'_> {
    async fn ask_postgres(
        self,
        bridge: &Bridge,
        asked: Asked<'_>,
        hop: &mut Hop,
    ) -> Result<Table, Fault> {
        let explained = |error: sqlx::Error| explain(&error);
        let (host, port) = self.bearings.place(&self.database.server);
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(port)
            .socket(bridge.path())
            .username(self.user)
            .database(&self.database.database)
            .application_name("holdfast-probe")
            .ssl_mode(match self.database.tls {
                DatabaseTls::Verify => PgSslMode::VerifyFull,
                DatabaseTls::Require => PgSslMode::Require,
                DatabaseTls::Off => PgSslMode::Disable,
            })
            .disable_statement_logging();
        if let Some(password) = self.password {
            options = options.password(password);
        }
        if let Some(pem) = &self.bearings.tls.own_authorities() {
            options = options.ssl_root_cert_from_pem(pem.to_vec());
        }
        let mut connection: PgConnection = options.connect().await.map_err(explained)?;
        let timeout_ms = asked.timeout.as_millis().max(1);
        let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {timeout_ms}");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await.map_err(explained)?;
        // Each row as one object of texts, whatever the types of its columns. As a subquery it
        // cannot be anything but a query, and one row too many tells that there were too many.
        let text = format!(
            "SELECT (SELECT json_object_agg(key, value) FROM json_each_text(row_to_json(answer)))\
             ::text FROM ({}) AS answer LIMIT {}",
            asked.query,
            MAX_ROWS + 1
        );
        let mut query = sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(text));
        for parameter in asked.parameters {
            query = query.bind(parameter);
        }
        let mut table = Table::default();
        let mut rows = query.fetch(&mut connection);
        while let Some(row) = rows.try_next().await.map_err(explained)? {
            hop.begin(Phase::Body);
            table.take(members(row.as_deref().unwrap_or("{}")))?;
        }
        drop(rows);
        let _ = connection.close().await;
        Ok(table)
    }

    async fn ask_mysql(
        self,
        bridge: &Bridge,
        asked: Asked<'_>,
        hop: &mut Hop,
    ) -> Result<Table, Fault> {
        let explained = |error: sqlx::Error| explain(&error);
        let (host, port) = self.bearings.place(&self.database.server);
        let mut options = MySqlConnectOptions::new()
            .host(host)
            .port(port)
            .socket(bridge.path())
            .username(self.user)
            .database(&self.database.database)
            .ssl_mode(match self.database.tls {
                DatabaseTls::Verify => MySqlSslMode::VerifyIdentity,
                DatabaseTls::Require => MySqlSslMode::Required,
                DatabaseTls::Off => MySqlSslMode::Disabled,
            })
            .disable_statement_logging();
        if let Some(password) = self.password {
            options = options.password(password);
        }
        if let Some(pem) = &self.bearings.tls.own_authorities() {
            options = options.ssl_ca_from_pem(pem.to_vec());
        }
        let mut connection: MySqlConnection = options.connect().await.map_err(explained)?;
        limit_mysql(&mut connection, asked.timeout).await.map_err(explained)?;
        connection.execute("START TRANSACTION READ ONLY").await.map_err(explained)?;
        let mut query = sqlx::query(AssertSqlSafe(asked.query));
        for parameter in asked.parameters {
            query = query.bind(parameter);
        }
        let mut table = Table::default();
        let mut rows = query.fetch(&mut connection);
        while let Some(row) = rows.try_next().await.map_err(explained)? {
            hop.begin(Phase::Body);
            table.take(texts(&row)?)?;
        }
        drop(rows);
        let _ = connection.close().await;
        Ok(table)
    }
}

/// MariaDB and MySQL each have a word of their own for how long a query may take.
async fn limit_mysql(
    connection: &mut MySqlConnection,
    timeout: std::time::Duration,
) -> sqlx::Result<()> {
    let mariadb = format!("SET SESSION max_statement_time = {:.3}", timeout.as_secs_f64());
    match connection.execute(AssertSqlSafe(mariadb)).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(UNKNOWN_VARIABLE) => {
            let mysql = format!("SET SESSION max_execution_time = {}", timeout.as_millis().max(1));
            connection.execute(AssertSqlSafe(mysql)).await.map(drop)
        }
        other => other.map(drop),
    }
}

/// The members of an object of texts that are not null.
fn members(object: &str) -> Vec<(String, String)> {
    let parsed: std::collections::BTreeMap<String, Option<String>> =
        serde_json::from_str(object).unwrap_or_default();
    parsed.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The values that are not NULL, each as text by the type of its column.
fn texts(row: &MySqlRow) -> Result<Vec<(String, String)>, Fault> {
    let mut texts = Vec::new();
    for column in row.columns() {
        let (at, kind) = (column.ordinal(), column.type_info().name());
        let text = match kind {
            "DATE" | "TIME" | "DATETIME" | "TIMESTAMP" => {
                let detail = format!("a column is a {kind}: write CAST(… AS CHAR) in the query");
                return Err(Fault::failed(FailureReason::Content, detail));
            }
            "FLOAT" | "DOUBLE" => row.try_get::<Option<f64>, _>(at).map(written),
            _ if kind.ends_with("UNSIGNED") => row.try_get::<Option<u64>, _>(at).map(written),
            _ if kind.ends_with("INT") || kind == "BOOLEAN" => {
                row.try_get::<Option<i64>, _>(at).map(written)
            }
            // Decimals come as the text they are.
            _ => row
                .try_get_unchecked::<Option<Vec<u8>>, _>(at)
                .map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
        };
        if let Some(text) = text.map_err(|error| explain(&error))? {
            texts.push((column.name().to_owned(), text));
        }
    }
    Ok(texts)
}

fn written<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}
