//! The part of a mapping file that says what kind of source it is: `http_json`, `odata`, `sql` or
//! `files`, with the presets of products that are known.
//!
//! It must not hold an address or a secret: those stand in `holdfast.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::presets::{self, HttpPreset, OdataPreset};
use crate::config::diagnostics::Faults;
use crate::config::select;
use crate::domain::instant_form::InstantForm;
use crate::domain::length::Length;
use crate::domain::mapping::expression::FieldPath;
use crate::domain::mapping::origin::{
    Authorization, DatabaseTls, Files, HttpJson, Odata, Origin, PageSize, Paging, Sql,
};
use crate::domain::mapping::{RowShape, sorting};

const MAX_PAGE_ROWS: u32 = 100_000;

/// Pages of JSON over HTTP. With a preset, what is left out is as that product has it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpJsonFile {
    pub(super) preset: Option<HttpPreset>,
    pub(super) authorization: Option<Authorization>,
    /// Of every request; what a collection says itself wins.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
    /// The list of rows in a page.
    pub(super) rows: Option<FieldPath>,
    /// A row's id.
    pub(super) id: Option<FieldPath>,
    /// When a row last changed.
    pub(super) updated_at: Option<FieldPath>,
    /// Set in a row that says its record is deleted.
    pub(super) deleted: Option<FieldPath>,
    /// False in a row that says its record is deleted.
    pub(super) enabled: Option<FieldPath>,
    /// How instants are written, as in strftime; RFC 3339 when left out.
    pub(super) instants: Option<InstantForm>,
    /// How current a page says its data is.
    pub(super) as_of: Option<FieldPath>,
    /// How many rows a page says there are in all: the collection is read again until they came.
    pub(super) total: Option<FieldPath>,
    pub(super) paging: Option<Paging>,
    pub(super) page_size: Option<PageSize>,
    /// The parameter that asks for rows changed at or after an instant. Without it every run is a
    /// full build.
    pub(super) updated_since: Option<String>,
    /// How far before the newest change known a run begins; 1 min when left out.
    pub(super) overlap: Option<Length>,
    pub(super) page_timeout: Option<Length>,
    /// The source answers an error of its own with an empty list: no rows where there were some is
    /// then not believed.
    pub(super) empty_is_a_fault: Option<bool>,
    /// How often all ids are compared with the copy, to find rows that are gone.
    pub(super) sweep_interval: Option<Length>,
}

/// A service that speaks OData 4 and tracks changes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OdataFile {
    pub(super) preset: Option<OdataPreset>,
    pub(super) authorization: Option<Authorization>,
    pub(super) id: Option<FieldPath>,
    pub(super) updated_at: Option<FieldPath>,
    pub(super) deleted: Option<FieldPath>,
    /// Rows a page, asked for by `Prefer: odata.maxpagesize`.
    pub(super) page_rows: Option<u32>,
    pub(super) page_timeout: Option<Length>,
    /// The field of a tombstone that holds the row's id; `id` when left out.
    pub(super) tombstone_id: Option<String>,
}

/// A replica of the case system's database: PostgreSQL, MySQL or MariaDB, SQLite.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlFile {
    /// The column of a row's id: unique, and what rows of one instant are ordered by.
    id: String,
    /// The column of a row's last change: never NULL, and with an index where rows are many.
    updated_at: String,
    /// A column that is set in a deleted row: a flag or an instant.
    deleted: Option<String>,
    /// A column that is false in a deleted row.
    enabled: Option<String>,
    /// How instants are written in columns of text, as in strftime and so that they sort; RFC 3339
    /// when left out.
    #[schemars(with = "Option<InstantForm>")]
    instants: Option<Spanned<InstantForm>>,
    /// How often all ids are compared with the copy, to find rows that are gone.
    sweep_interval: Option<Length>,
    /// How far before the newest change known a run begins; 5 min when left out.
    overlap: Option<Length>,
    page_rows: Option<u32>,
    /// How long one query may take; 1 min when left out.
    statement_timeout: Option<Length>,
    #[serde(default)]
    tls: DatabaseTls,
    /// A file of certificates in PEM that count beside the public ones.
    authority: Option<PathBuf>,
    /// The zone of timestamps without one, as in `Australia/Adelaide`; UTC when left out.
    #[schemars(with = "Option<String>")]
    time_zone: Option<Spanned<String>>,
    /// A query: up to when the replica has everything. PostgreSQL knows, MySQL needs it.
    #[schemars(with = "Option<String>")]
    applied_at: Option<Spanned<String>>,
}

/// A folder into which CSV and NDJSON are dropped, a manifest last.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesFile {
    id: FieldPath,
    /// When a row last changed; its drop's `as_of` when left out.
    updated_at: Option<FieldPath>,
    deleted: Option<FieldPath>,
    enabled: Option<FieldPath>,
    instants: Option<InstantForm>,
    /// What stands between two fields of CSV; a comma when left out.
    #[schemars(with = "Option<String>")]
    delimiter: Option<Spanned<String>>,
    page_rows: Option<u32>,
}

/// The one kind of source that a mapping names.
pub enum OriginFile {
    HttpJson(Box<HttpJsonFile>),
    Odata(Box<OdataFile>),
    Sql(Box<SqlFile>),
    Files(Box<FilesFile>),
}

/// Reads the section that stands at `place`; `folder` is the mapping's.
pub fn read(
    file: OriginFile,
    place: Location,
    folder: &Path,
    faults: &mut Faults,
) -> Option<(RowShape, Origin)> {
    let mut section = Section { place, folder, faults };
    match file {
        OriginFile::HttpJson(file) => section.http_json(*file),
        OriginFile::Odata(file) => section.odata(*file),
        OriginFile::Sql(file) => section.sql(*file),
        OriginFile::Files(file) => section.files(*file),
    }
}

struct Section<'a> {
    place: Location,
    folder: &'a Path,
    faults: &'a mut Faults,
}

impl Section<'_> {
    fn http_json(&mut self, file: HttpJsonFile) -> Option<(RowShape, Origin)> {
        let file = match file.preset {
            Some(preset) => presets::http(preset, file),
            None => file,
        };
        let shape = RowShape {
            id: self.needed("id", file.id)?,
            updated_at: Some(self.needed("updated_at", file.updated_at)?),
            deleted: file.deleted,
            enabled: file.enabled,
            instants: file.instants,
        };
        let page_size = self.needed("page_size", file.page_size)?;
        self.page_rows(Some(page_size.rows), 1);
        let origin = HttpJson {
            authorization: self.authorization(file.authorization)?,
            parameters: file.parameters,
            rows: self.needed("rows", file.rows)?,
            as_of: file.as_of,
            total: file.total,
            paging: self.needed("paging", file.paging)?,
            page_size,
            updated_since: file.updated_since,
            overlap: file.overlap.unwrap_or(Length::from_secs(60)),
            page_timeout: file.page_timeout.unwrap_or(Length::from_secs(30)),
            empty_is_a_fault: file.empty_is_a_fault.unwrap_or(false),
            sweep_interval: file.sweep_interval,
        };
        Some((shape, Origin::HttpJson(Box::new(origin))))
    }

    fn odata(&mut self, file: OdataFile) -> Option<(RowShape, Origin)> {
        let file = match file.preset {
            Some(preset) => presets::odata(preset, file),
            None => file,
        };
        let shape = RowShape {
            id: self.needed("id", file.id)?,
            updated_at: Some(self.needed("updated_at", file.updated_at)?),
            deleted: file.deleted,
            enabled: None,
            instants: None,
        };
        let origin = Odata {
            authorization: self.authorization(file.authorization)?,
            page_rows: self.page_rows(file.page_rows, 1_000),
            page_timeout: file.page_timeout.unwrap_or(Length::from_secs(60)),
            tombstone_id: file.tombstone_id.unwrap_or_else(|| "id".to_owned()),
        };
        Some((shape, Origin::Odata(origin)))
    }

    fn sql(&mut self, file: SqlFile) -> Option<(RowShape, Origin)> {
        if file.deleted.is_none() && file.enabled.is_none() && file.sweep_interval.is_none() {
            let message = "nothing here finds rows that are gone: write 'deleted' or 'enabled' \
                           with the column that says so, or 'sweep_interval: 1 day'";
            self.faults.at(self.place, message);
        }
        if let Some(form) = file.instants.as_ref().filter(|form| !sorting::sorts(&form.value)) {
            let message = "a database compares texts of this form by their letters, and they do \
                           not sort: write it as in '%Y-%m-%d %H:%M:%S', without an offset";
            self.faults.at(form.defined, message);
        }
        if let Some(query) = &file.applied_at {
            select::check(query, "source", self.faults);
        }
        let time_zone = file.time_zone.as_ref().map_or(TimeZone::UTC, |zone| {
            TimeZone::get(&zone.value).unwrap_or_else(|_| {
                let message = "no such time zone: write an IANA name, as in 'Australia/Adelaide'";
                self.faults.at(zone.defined, message);
                TimeZone::UTC
            })
        });
        let shape = RowShape {
            id: FieldPath::name(&file.id),
            updated_at: Some(FieldPath::name(&file.updated_at)),
            deleted: file.deleted.as_deref().map(FieldPath::name),
            enabled: file.enabled.as_deref().map(FieldPath::name),
            instants: file.instants.map(|form| form.value),
        };
        let origin = Sql {
            page_rows: self.page_rows(file.page_rows, 1_000),
            statement_timeout: file.statement_timeout.unwrap_or(Length::from_secs(60)),
            overlap: file.overlap.unwrap_or(Length::from_secs(300)),
            sweep_interval: file.sweep_interval,
            tls: file.tls,
            authority: file.authority.map(|path| self.folder.join(path)),
            time_zone,
            applied_at: file.applied_at.map(|query| query.value.trim().to_owned()),
        };
        Some((shape, Origin::Sql(origin)))
    }

    fn files(&mut self, file: FilesFile) -> Option<(RowShape, Origin)> {
        let shape = RowShape {
            id: file.id,
            updated_at: file.updated_at,
            deleted: file.deleted,
            enabled: file.enabled,
            instants: file.instants,
        };
        let delimiter = file.delimiter.as_ref().map_or(b',', |text| {
            let byte = match text.value.as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
                _ => None,
            };
            byte.unwrap_or_else(|| {
                self.faults.at(text.defined, "write one character, as in ';' or \"\\t\"");
                b','
            })
        });
        let page_rows = self.page_rows(file.page_rows, 1_000);
        Some((shape, Origin::Files(Files { delimiter, page_rows })))
    }

    fn authorization(&mut self, given: Option<Authorization>) -> Option<Authorization> {
        let given = self.needed("authorization", given)?;
        let fault = match &given {
            Authorization::Oauth2(oauth2) if !is_web_address(&oauth2.token_url) => {
                Some("'token_url' is not an address: write https://…")
            }
            Authorization::Header { name } if !is_header_name(name) => {
                Some("'header' wants the name of a header, as in 'X-Api-Key'")
            }
            _ => None,
        };
        if let Some(fault) = fault {
            self.faults.at(self.place, fault);
        }
        Some(given)
    }

    fn needed<T>(&mut self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.faults.at(self.place, format!("the key '{key}' is missing here: add it"));
        }
        value
    }

    fn page_rows(&mut self, rows: Option<u32>, otherwise: u32) -> u32 {
        let rows = rows.unwrap_or(otherwise);
        if !(1..=MAX_PAGE_ROWS).contains(&rows) {
            let message = format!("write a page of 1 to {MAX_PAGE_ROWS} rows");
            self.faults.at(self.place, message);
        }
        rows
    }
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

/// RFC 9110, section 5.6.2, less what nobody uses.
fn is_header_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(fits)
}
