//! Kinds of sources, and how each is asked. Where it is and its secret stand in `holdfast.yaml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::expression::FieldPath;
use crate::domain::length::Length;

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum Origin {
    HttpJson(Box<HttpJson>),
    Odata(Odata),
    Sql(Sql),
    Files(Files),
}

impl Origin {
    /// Whether it can tell what has changed; without that every run captures everything.
    #[must_use]
    pub fn tells_changes(&self) -> bool {
        match self {
            Self::HttpJson(http) => http.updated_since.is_some(),
            Self::Odata(_) | Self::Sql(_) | Self::Files(_) => true,
        }
    }

    /// How far before the newest change known the next run begins: clocks differ, and a long
    /// transaction ends after a later one. What has not changed is recognised and costs nothing.
    #[must_use]
    pub fn overlap(&self) -> Length {
        match self {
            Self::HttpJson(http) => http.overlap,
            Self::Sql(sql) => sql.overlap,
            Self::Odata(_) | Self::Files(_) => Length::from_secs(0),
        }
    }

    /// How often all keys are compared with the copy, where that is how deletions are found.
    #[must_use]
    pub fn sweep_interval(&self) -> Option<Length> {
        match self {
            Self::HttpJson(http) => http.sweep_interval,
            Self::Sql(sql) => sql.sweep_interval,
            Self::Odata(_) | Self::Files(_) => None,
        }
    }

    /// Whether an answer without any row, where some were known, is not to be believed.
    #[must_use]
    pub fn empty_is_a_fault(&self) -> bool {
        matches!(self, Self::HttpJson(http) if http.empty_is_a_fault)
    }

    /// Schemes of the addresses that such a source has, for whoever wrote another.
    #[must_use]
    pub fn schemes(&self) -> &'static [&'static str] {
        match self {
            Self::HttpJson(_) | Self::Odata(_) => &["https", "http"],
            Self::Sql(_) => &["postgres", "mysql", "sqlite"],
            Self::Files(_) => &["file"],
        }
    }

    /// Its key in a mapping file.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::HttpJson(_) => "http_json",
            Self::Odata(_) => "odata",
            Self::Sql(_) => "sql",
            Self::Files(_) => "files",
        }
    }
}

/// How a source answers over HTTP with JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpJson {
    pub authorization: Authorization,
    /// Of every request; what a collection says itself wins.
    pub parameters: BTreeMap<String, String>,
    /// The list of rows in a page.
    pub rows: FieldPath,
    /// How current a page says its data is.
    pub as_of: Option<FieldPath>,
    /// How many rows there are in all, as a page says it. Then pages may move while they are read:
    /// the collection is read again until as many different rows have come.
    pub total: Option<FieldPath>,
    pub paging: Paging,
    pub page_size: PageSize,
    /// The parameter that asks for rows changed at or after an instant.
    pub updated_since: Option<String>,
    pub overlap: Length,
    pub page_timeout: Length,
    pub empty_is_a_fault: bool,
    pub sweep_interval: Option<Length>,
}

/// How a request is authorised; the secret itself stands elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Authorization {
    /// `Authorization: Bearer SECRET`.
    Bearer,
    /// `Authorization: Basic`, with this user and the secret as password.
    Basic { user: String },
    /// A header of this name that holds the secret.
    Header { name: String },
    /// OAuth 2.0 client credentials (RFC 6749, section 4.4): the secret is the client's.
    Oauth2(Oauth2),
    /// Signing in once, as people do; a cookie or a token then says who asks.
    Session(Session),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// Where tokens are issued.
    pub token_url: String,
    pub client_id: String,
    /// As in `https://org.crm6.dynamics.com/.default`.
    pub scope: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Below the source's address; a JSON object is posted there.
    pub path: String,
    /// The object that holds user and password, when they are not at the top.
    pub wrapped_in: Option<String>,
    #[serde(default = "user_name")]
    pub user_field: String,
    #[serde(default = "password")]
    pub password_field: String,
    pub user: String,
    /// Where the answer says a bearer token. Without it the token is in the answer's header
    /// `Authorization`, or the session in a cookie.
    pub token: Option<FieldPath>,
}

fn user_name() -> String {
    "user_name".to_owned()
}
fn password() -> String {
    "password".to_owned()
}

/// How the page after this one is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// A parameter that takes what the page before calls `next`; null is the end.
    Token { parameter: String, next: FieldPath },
    /// A parameter that counts pages; without a `total` an empty page is the end.
    Number { parameter: String, first: u32 },
    /// A parameter that counts rows passed by; without a `total` an empty page is the end.
    Offset { parameter: String },
    /// The page before says the whole address of the next, on the same host.
    Link { next: FieldPath },
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageSize {
    pub parameter: String,
    pub rows: u32,
}

/// A service that speaks OData 4 and tracks changes: links to the next page and to what changes
/// after the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odata {
    pub authorization: Authorization,
    pub page_rows: u32,
    pub page_timeout: Length,
    /// The field of a tombstone that holds the row's id.
    pub tombstone_id: String,
}

/// A replica of the case system's database, which is only read.
#[derive(Clone, Debug)]
pub struct Sql {
    pub page_rows: u32,
    pub statement_timeout: Length,
    pub overlap: Length,
    pub sweep_interval: Option<Length>,
    pub tls: DatabaseTls,
    /// Certificates in PEM that count beside the public ones.
    pub authority: Option<PathBuf>,
    /// The zone of timestamps that are written without one.
    pub time_zone: TimeZone,
    /// A query for one instant: up to when the replica has everything.
    pub applied_at: Option<String>,
}

/// How far the connection to a database is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseTls {
    /// The certificate is valid and for this host.
    #[default]
    Verify,
    /// Encrypted, by whomever: for this machine only.
    Require,
    /// For this machine only.
    Off,
}

/// A folder into which files are dropped, a manifest last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// What stands between two fields of CSV.
    pub delimiter: u8,
    pub page_rows: u32,
}
