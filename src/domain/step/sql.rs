//! A step that reads from a database.

use std::path::PathBuf;

use super::network::Server;
use super::template::Template;

/// One query in a transaction that cannot write.
#[derive(Clone, Debug)]
pub struct SqlQuery {
    pub database: Database,
    /// `$1` stands for the first parameter on PostgreSQL and SQLite, `?` for the next on MySQL.
    pub query: String,
    /// Each is sent as text.
    pub parameters: Vec<Template>,
}

/// Where the query goes.
#[derive(Clone, Debug)]
pub enum Database {
    Server(DatabaseServer),
    /// A file of SQLite, which is not created when it is not there.
    File(PathBuf),
}

/// A database behind a port.
#[derive(Clone, Debug)]
pub struct DatabaseServer {
    pub engine: Engine,
    pub server: Server,
    pub database: String,
    pub user: Template,
    pub password: Option<Template>,
    pub tls: DatabaseTls,
}

/// Databases that are spoken to over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    /// MariaDB as well.
    Mysql,
}

/// How far the connection to a database is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseTls {
    /// The certificate is valid and for this host.
    Verify,
    /// Encrypted, by whomever.
    Require,
    Off,
}
