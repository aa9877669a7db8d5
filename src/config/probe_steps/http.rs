//! A step of HTTP in a probe file.

use std::collections::BTreeMap;

use serde_saphyr::{Location as Place, Spanned};

use super::{Faults, Names, suggestion};
use crate::domain::step::{Body, HttpRequest, HttpVersion, Method, Part, Template};

/// More redirects than this are a loop.
const MAX_REDIRECTS: u8 = 10;

/// One HTTP request: exactly one method with its path.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpFile {
    /// One of the file's `systems`; the target itself when left out.
    #[schemars(with = "Option<String>")]
    system: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    get: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    head: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    post: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    put: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    patch: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    delete: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    options: Option<Spanned<String>>,
    #[schemars(with = "BTreeMap<String, String>")]
    query: BTreeMap<String, Spanned<String>>,
    #[schemars(with = "BTreeMap<String, String>")]
    headers: BTreeMap<String, Spanned<String>>,
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    form: Option<BTreeMap<String, Spanned<String>>>,
    #[schemars(with = "Option<serde_json::Value>")]
    json: Option<Spanned<serde_json::Value>>,
    /// `multipart/form-data`, as a browser sends a form with files.
    multipart: Option<Vec<PartFile>>,
    raw: Option<RawFile>,
    /// Redirects to follow; none when left out.
    #[schemars(with = "Option<u8>")]
    redirects: Option<Spanned<u8>>,
    /// Whichever the server prefers when left out.
    version: Option<HttpVersionFile>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
enum HttpVersionFile {
    #[serde(rename = "1.1")]
    One,
    #[serde(rename = "2")]
    Two,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct PartFile {
    name: String,
    /// What a file is called; a plain field has none.
    file_name: Option<String>,
    content_type: Option<String>,
    #[schemars(with = "String")]
    text: Spanned<String>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawFile {
    content_type: String,
    #[schemars(with = "String")]
    text: Spanned<String>,
}

/// Reads a request.
pub fn read_http(
    file: &HttpFile,
    place: Place,
    names: &Names,
    faults: &mut Faults,
) -> Option<HttpRequest> {
    let methods = [
        (Method::Get, &file.get),
        (Method::Head, &file.head),
        (Method::Post, &file.post),
        (Method::Put, &file.put),
        (Method::Patch, &file.patch),
        (Method::Delete, &file.delete),
        (Method::Options, &file.options),
    ];
    let mut named = methods.iter().filter_map(|(method, path)| path.as_ref().map(|p| (*method, p)));
    let Some((method, path)) = named.next() else {
        faults.at(place, "the request has no method: write one as in 'get: /path'");
        return None;
    };
    if let Some((_, second)) = named.next() {
        faults.at(second.defined, "the request has two methods: make two steps of it");
    }
    if !path.value.starts_with('/') && !path.value.starts_with("${") {
        faults.at(path.defined, "not a path under the base address: begin it with '/'");
    }
    if let Some(redirects) = &file.redirects
        && redirects.value > MAX_REDIRECTS
    {
        faults.at(redirects.defined, format!("more than {MAX_REDIRECTS} redirects are a loop"));
    }
    if let Some(system) = &file.system
        && !names.systems.contains(&system.value)
    {
        let hint = suggestion(&system.value, &names.systems, "add it under 'systems'");
        faults.at(system.defined, format!("unknown system '{}': {hint}", system.value));
    }
    Some(HttpRequest {
        system: file.system.as_ref().map(|system| system.value.clone()),
        method,
        path: names.template(&path.value, path.defined, faults),
        query: templates(&file.query, names, faults),
        headers: templates(&file.headers, names, faults),
        body: read_body(file, place, names, faults),
        max_redirects: file.redirects.as_ref().map_or(0, |redirects| redirects.value),
        version: file.version.map(|version| match version {
            HttpVersionFile::One => HttpVersion::One,
            HttpVersionFile::Two => HttpVersion::Two,
        }),
    })
}

fn templates(
    texts: &BTreeMap<String, Spanned<String>>,
    names: &Names,
    faults: &mut Faults,
) -> Vec<(String, Template)> {
    texts
        .iter()
        .map(|(name, text)| (name.clone(), names.template(&text.value, text.defined, faults)))
        .collect()
}

fn read_body(file: &HttpFile, place: Place, names: &Names, faults: &mut Faults) -> Body {
    let mut bodies = Vec::new();
    if let Some(form) = &file.form {
        bodies.push(Body::Form(templates(form, names, faults)));
    }
    if let Some(json) = &file.json {
        check_json(&json.value, json.defined, names, faults);
        bodies.push(Body::Json(json.value.clone()));
    }
    if let Some(parts) = &file.multipart {
        bodies.push(Body::Multipart(read_parts(parts, names, faults)));
    }
    if let Some(raw) = &file.raw {
        bodies.push(Body::Raw {
            content_type: raw.content_type.clone(),
            text: names.template(&raw.text.value, raw.text.defined, faults),
        });
    }
    if bodies.len() > 1 {
        faults.at(place, "the request has two bodies: keep one of form, json, multipart and raw");
    }
    bodies.pop().unwrap_or(Body::Empty)
}

fn read_parts(files: &[PartFile], names: &Names, faults: &mut Faults) -> Vec<Part> {
    let part = |file: &PartFile| Part {
        name: file.name.clone(),
        file_name: file.file_name.clone(),
        content_type: file.content_type.clone(),
        text: names.template(&file.text.value, file.text.defined, faults),
    };
    files.iter().map(part).collect()
}

fn check_json(value: &serde_json::Value, place: Place, names: &Names, faults: &mut Faults) {
    match value {
        serde_json::Value::String(text) => {
            names.template(text, place, faults);
        }
        serde_json::Value::Array(items) => {
            items.iter().for_each(|item| check_json(item, place, names, faults));
        }
        serde_json::Value::Object(fields) => {
            fields.values().for_each(|field| check_json(field, place, names, faults));
        }
        _ => {}
    }
}
