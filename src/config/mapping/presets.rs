//! What is known of products that many use, so that a mapping need not say it.
//!
//! What a file says wins. A preset holds no field of records: those differ from place to place.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::origin::{HttpJsonFile, OdataFile};
use crate::domain::length::Length;
use crate::domain::mapping::expression::FieldPath;
use crate::domain::mapping::origin::{PageSize, Paging};

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HttpPreset {
    /// Primero 2, as of <https://github.com/primeroIMS/primero>.
    PrimeroV2,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OdataPreset {
    /// Microsoft Dataverse, with change tracking on for each table.
    Dataverse,
}

/// `file` with what it left out.
#[must_use]
pub fn http(preset: HttpPreset, file: HttpJsonFile) -> HttpJsonFile {
    match preset {
        HttpPreset::PrimeroV2 => primero(file),
    }
}

fn primero(file: HttpJsonFile) -> HttpJsonFile {
    let named = |own: Option<FieldPath>, name: &str| own.or_else(|| Some(FieldPath::name(name)));
    // In the order in which cases were opened, which nothing changes: by default the newest come
    // first, and every new one moves all others.
    let mut parameters: BTreeMap<String, String> = [("order_by", "created_at"), ("order", "asc")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    parameters.extend(file.parameters);
    HttpJsonFile {
        parameters,
        rows: named(file.rows, "data"),
        id: named(file.id, "id"),
        updated_at: named(file.updated_at, "last_updated_at"),
        enabled: named(file.enabled, "enabled"),
        total: file.total.or_else(|| FieldPath::try_from("metadata/total".to_owned()).ok()),
        paging: file
            .paging
            .or_else(|| Some(Paging::Number { parameter: "page".to_owned(), first: 1 })),
        page_size: file
            .page_size
            .or_else(|| Some(PageSize { parameter: "per".to_owned(), rows: 500 })),
        updated_since: file.updated_since.or_else(|| Some("last_updated_at[from]".to_owned())),
        empty_is_a_fault: file.empty_is_a_fault.or(Some(true)),
        page_timeout: file.page_timeout.or(Some(Length::from_secs(60))),
        ..file
    }
}

/// `file` with what it left out.
#[must_use]
pub fn odata(preset: OdataPreset, file: OdataFile) -> OdataFile {
    match preset {
        OdataPreset::Dataverse => OdataFile {
            updated_at: file.updated_at.or_else(|| Some(FieldPath::name("modifiedon"))),
            // No more is given while changes are tracked.
            page_rows: file.page_rows.or(Some(5_000)),
            ..file
        },
    }
}
