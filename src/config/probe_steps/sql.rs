//! A step of SQL in a probe file.

use std::path::PathBuf;

use serde_saphyr::{Location as Place, Spanned};

use super::network::server;
use super::{Faults, Names};
use crate::config::select;
use crate::domain::step::{Database, DatabaseServer, DatabaseTls, Engine, Piece, SqlQuery};

const POSTGRES_PORT: u16 = 5432;
const MYSQL_PORT: u16 = 3306;

/// One query of one database: exactly one of `postgres`, `mysql` and `sqlite`.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlFile {
    postgres: Option<DatabaseFile>,
    /// MariaDB as well.
    mysql: Option<DatabaseFile>,
    sqlite: Option<SqliteFile>,
    /// Begins with SELECT or WITH; `$1` stands for a parameter, `?` on MySQL.
    #[schemars(with = "String")]
    query: Spanned<String>,
    /// Sent as text: cast them in the query where another type is needed.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    parameters: Vec<Spanned<String>>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct DatabaseFile {
    /// The host of `base_url` when left out.
    #[schemars(with = "Option<String>")]
    host: Option<Spanned<String>>,
    /// The engine's usual one when left out.
    port: Option<u16>,
    database: String,
    #[schemars(with = "String")]
    user: Spanned<String>,
    /// As in `${secret.password}`.
    #[schemars(with = "Option<String>")]
    password: Option<Spanned<String>>,
    #[serde(default)]
    tls: DatabaseTlsFile,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum DatabaseTlsFile {
    /// The certificate must be valid and for this host.
    #[default]
    Verify,
    /// Encrypted, by whomever.
    Require,
    Off,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct SqliteFile {
    /// The whole path of the file.
    #[schemars(with = "PathBuf")]
    file: Spanned<PathBuf>,
}

/// Reads a step of SQL.
pub fn read_sql(
    file: &SqlFile,
    place: Place,
    names: &Names,
    faults: &mut Faults,
) -> Option<SqlQuery> {
    check_query(&file.query, faults);
    let parameters = file
        .parameters
        .iter()
        .map(|text| names.template(&text.value, text.defined, faults))
        .collect();
    let database = match (&file.postgres, &file.mysql, &file.sqlite) {
        (Some(postgres), None, None) => database(postgres, Engine::Postgres, names, faults),
        (None, Some(mysql), None) => database(mysql, Engine::Mysql, names, faults),
        (None, None, Some(sqlite)) => {
            if !sqlite.file.value.is_absolute() {
                faults.at(sqlite.file.defined, "not a whole path: begin it with '/'");
            }
            Database::File(sqlite.file.value.clone())
        }
        (None, None, None) => {
            faults.at(place, "the query has no database: write postgres, mysql or sqlite");
            return None;
        }
        _ => {
            faults.at(place, "the query has two databases: make two steps of it");
            return None;
        }
    };
    Some(SqlQuery { database, query: file.query.value.trim().to_owned(), parameters })
}

fn check_query(query: &Spanned<String>, faults: &mut Faults) {
    select::check(query, "step", faults);
    if query.value.contains("${") {
        faults.at(
            query.defined,
            "values do not go into the query: write $1, or ? on mysql, and list them under \
             'parameters'",
        );
    }
}

fn database(file: &DatabaseFile, engine: Engine, names: &Names, faults: &mut Faults) -> Database {
    let usual_port = match engine {
        Engine::Postgres => POSTGRES_PORT,
        Engine::Mysql => MYSQL_PORT,
    };
    let password = file.password.as_ref().map(|text| {
        let template = names.template(&text.value, text.defined, faults);
        if !template.0.iter().all(|piece| matches!(piece, Piece::Secret(_))) {
            let message = "a password stands here: write '${secret.NAME}' in its place";
            faults.at(text.defined, message);
        }
        template
    });
    Database::Server(DatabaseServer {
        engine,
        server: server(file.host.as_ref(), file.port.unwrap_or(usual_port), faults),
        database: file.database.clone(),
        user: names.template(&file.user.value, file.user.defined, faults),
        password,
        tls: match file.tls {
            DatabaseTlsFile::Verify => DatabaseTls::Verify,
            DatabaseTlsFile::Require => DatabaseTls::Require,
            DatabaseTlsFile::Off => DatabaseTls::Off,
        },
    })
}
