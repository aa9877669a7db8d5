//! The request of a Hurl entry: method, address, headers, sections and body.

use url::Url;

use super::options::Options;
use super::reader::{Body, BodyKind, Entry, Pair};
use super::{Import, StepDraft};
use crate::config::import::draft::is_secret;
use crate::config::import::expect::Expect;
use crate::config::import::yaml::Yaml;

/// Where requests go whose host is not known.
const UNKNOWN: &str = "https://case-system.example";

impl Import<'_> {
    /// The request; none when it is not one that a probe can make.
    pub fn request(&mut self, entry: &Entry, options: Options) -> Option<StepDraft> {
        let line = entry.line;
        let method = entry.method.to_lowercase();
        let known = ["get", "head", "post", "put", "patch", "delete", "options"];
        if !known.contains(&method.as_str()) {
            self.note(
                line,
                format!(
                    "the request is not carried over: '{}' is none of {}",
                    entry.method,
                    known.join(", ")
                ),
            );
            return None;
        }
        if !["get", "head", "options"].contains(&method.as_str()) {
            self.note(line, format!(
                "'{}' may change records: if it does, write 'effect: write' and how it is taken \
                 back (docs/probes.md, \"Probes that write\")", entry.method
            ));
        }
        let (url, path) = self.address(entry);
        let mut http = Vec::new();
        if let Some(system) = url.as_ref().and_then(|url| self.draft.system(url)) {
            http.push(("system".to_owned(), Yaml::text(system)));
        }
        http.push((method, Yaml::text(path)));
        let mut headers = self.headers(entry, &options);
        let query = self.section(entry, &["Query", "QueryStringParams"]);
        let form = self.section(entry, &["Form", "FormParams"]);
        let body = self.body(entry, &mut headers);
        for (key, pairs) in [("query", query), ("headers", headers), ("form", form)] {
            // The body goes before a form, as in Hurl.
            let replaced = key == "form" && body.is_some();
            if !replaced && !pairs.is_empty() {
                http.push((key.to_owned(), Yaml::map(pairs)));
            }
        }
        http.extend(body);
        if let Some(redirects) = options.redirects {
            http.push(("redirects".to_owned(), Yaml::bare(redirects)));
        }
        let expect = Expect::default();
        Some(StepDraft { line, url, options, http, expect, beside: Vec::new() })
    }

    /// Scheme and host as an address, and the path with its query as a text of ours.
    fn address(&mut self, entry: &Entry) -> (Option<Url>, String) {
        let line = entry.line;
        let text = self.names.resolved(&entry.url);
        let (scheme, after) = text.split_once("://").unwrap_or(("", &text));
        let start = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, path) = after.split_at(start);
        let host = match authority.rsplit_once('@') {
            Some((_, host)) => {
                self.note(
                    line,
                    "a password stood in the address and was not copied: sign in by a \
                                 step, or by a header 'Authorization' with a secret",
                );
                host
            }
            None => authority,
        };
        let scheme = if scheme.is_empty() { "http" } else { scheme };
        let url = Url::parse(&format!("{scheme}://{host}")).ok().filter(|_| !host.contains("{{"));
        let url = url.or_else(|| {
            self.note(
                line,
                format!(
                    "the host '{host}' is not known here: '{UNKNOWN}' stands for it; change \
                 'base_url', or import again with '--variable NAME=VALUE'"
                ),
            );
            Url::parse(UNKNOWN).ok()
        });
        let path = self.path(path, line);
        let url = url.map(|mut url| {
            url.set_path(path.split(['?', '$']).next().unwrap_or_default());
            url
        });
        (url, path)
    }

    fn path(&mut self, path: &str, line: u64) -> String {
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        let mut text = self.fill(if path.is_empty() { "/" } else { path }, line);
        for (index, part) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            match part.split_once('=') {
                Some((name, value)) if is_secret(name) => {
                    text.push_str(&format!("{name}={}", self.fill_secret(name, value, line)));
                }
                _ => text.push_str(&self.fill(part, line)),
            }
        }
        text
    }

    fn headers(&mut self, entry: &Entry, options: &Options) -> Vec<(String, Yaml)> {
        let mut headers = Vec::new();
        for pair in &entry.headers {
            let value = if is_secret(&pair.name) && !pair.value.contains("{{") {
                self.fill_secret(&slugged(&pair.name), &pair.value, pair.line)
            } else {
                self.fill(&pair.value, pair.line)
            };
            self.put(&mut headers, pair, value);
        }
        let basic = entry.sections.iter().find(|section| section.name == "BasicAuth");
        let basic = basic.and_then(|section| section.pairs.first()).map(|pair| pair.line);
        if let Some(line) = basic.or_else(|| options.user.as_ref().map(|_| entry.line)) {
            self.note(
                line,
                "name and password were not copied: write the base64 of 'NAME:PASSWORD' \
                             where holdfast.yaml says for the secret 'basic_auth'",
            );
            let value = format!("Basic {}", self.draft.secret("basic_auth"));
            headers.push(("Authorization".to_owned(), Yaml::text(value)));
        }
        let cookies = entry.sections.iter().filter(|section| section.name == "Cookies");
        let mut texts = Vec::new();
        for pair in cookies.flat_map(|section| &section.pairs) {
            let Pair { line, name, value } = pair;
            let value = match is_secret(name) {
                true => self.fill_secret(&slugged(name), value, *line),
                false => self.fill(value, *line),
            };
            texts.push(format!("{name}={value}"));
        }
        if !texts.is_empty() {
            headers.push(("Cookie".to_owned(), Yaml::text(texts.join("; "))));
        }
        headers
    }

    /// The pairs of a section, by any of its names.
    fn section(&mut self, entry: &Entry, names: &[&str]) -> Vec<(String, Yaml)> {
        let mut pairs = Vec::new();
        let found = entry.sections.iter().filter(|section| names.contains(&section.name.as_str()));
        for pair in found.flat_map(|section| &section.pairs) {
            let value = match is_secret(&pair.name) {
                true => self.fill_secret(&slugged(&pair.name), &pair.value, pair.line),
                false => self.fill(&pair.value, pair.line),
            };
            self.put(&mut pairs, pair, value);
        }
        pairs
    }

    /// A name may stand once in our files.
    fn put(&mut self, into: &mut Vec<(String, Yaml)>, pair: &Pair, value: String) {
        if into.iter().any(|(name, _)| *name == pair.name) {
            let name = &pair.name;
            self.note(pair.line, format!(
                "'{name}' stands here twice and the second is not carried over: write it into the \
                 path, or into 'raw'"
            ));
        } else {
            into.push((pair.name.clone(), Yaml::text(value)));
        }
    }

    /// The body, whose type is taken from the headers.
    fn body(&mut self, entry: &Entry, headers: &mut Vec<(String, Yaml)>) -> Option<(String, Yaml)> {
        if let Some(parts) = self.multipart(entry) {
            return Some(("multipart".to_owned(), parts));
        }
        let Body { line, kind, text } = entry.body.as_ref()?;
        let at = headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let written = at.map(|at| headers.remove(at).1);
        let named = match &written {
            Some(Yaml::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let is_json = named.as_ref().is_none_or(|kind| kind.starts_with("application/json"));
        let raw = |import: &mut Self, text: &str, usual: &str| {
            let text = match holds_secret(text) {
                true => import.fill_secret("body", text, *line),
                false => import.fill(text, *line),
            };
            let kind = Yaml::text(named.clone().unwrap_or_else(|| usual.to_owned()));
            Some((
                "raw".to_owned(),
                Yaml::map([("content_type", kind), ("text", Yaml::text(text))]),
            ))
        };
        match kind {
            BodyKind::Json if is_json => match serde_json::from_str(&self.names.resolved(text)) {
                Ok(value) => Some(("json".to_owned(), self.json("", &value, *line))),
                Err(_) => raw(self, text, "application/json"),
            },
            BodyKind::Json => raw(self, text, "application/json"),
            BodyKind::Xml => raw(self, text, "application/xml"),
            BodyKind::Text => raw(self, text, "text/plain"),
            BodyKind::Graphql => {
                let query = serde_json::json!({ "query": text });
                Some(("json".to_owned(), self.json("", &query, *line)))
            }
            BodyKind::File => {
                match (self.given.file)(text) {
                    Some(found) => raw(self, &found, "application/octet-stream"),
                    None => {
                        self.note(*line, format!(
                        "the file '{text}' is not carried over, for it is not there or is not \
                         text: write the body under 'raw'"
                    ));
                        None
                    }
                }
            }
            BodyKind::Bytes => {
                self.note(*line, "the body is not carried over: probes send texts alone");
                None
            }
        }
    }

    fn json(&mut self, key: &str, value: &serde_json::Value, line: u64) -> Yaml {
        use serde_json::Value;
        match value {
            Value::String(text) if is_secret(key) => {
                Yaml::text(self.fill_secret(&slugged(key), text, line))
            }
            Value::String(text) => Yaml::text(self.fill(text, line)),
            Value::Array(items) => {
                Yaml::List(items.iter().map(|item| self.json(key, item, line)).collect())
            }
            Value::Object(fields) => {
                Yaml::map(fields.iter().map(|(key, value)| (key, self.json(key, value, line))))
            }
            other => Yaml::bare(other),
        }
    }

    fn multipart(&mut self, entry: &Entry) -> Option<Yaml> {
        let is = |name: &str| matches!(name, "Multipart" | "MultipartFormData");
        let section = entry.sections.iter().find(|section| is(&section.name))?;
        let mut parts = Vec::new();
        for Pair { line, name, value } in &section.pairs {
            let mut part = vec![("name", Yaml::text(name))];
            if let Some(file) = value.strip_prefix("file,") {
                let (file, kind) = file.split_once(';').unwrap_or((file, ""));
                let (file, kind) = (file.trim(), kind.trim());
                let Some(text) = (self.given.file)(file) else {
                    self.note(*line, format!(
                        "the file '{file}' is not carried over, for it is not there or is not text"
                    ));
                    continue;
                };
                part.push(("file_name", Yaml::text(file.rsplit('/').next().unwrap_or(file))));
                if !kind.is_empty() {
                    part.push(("content_type", Yaml::text(kind)));
                }
                part.push(("text", Yaml::text(self.fill(&text, *line))));
            } else {
                let value = match is_secret(name) {
                    true => self.fill_secret(&slugged(name), value, *line),
                    false => self.fill(value, *line),
                };
                part.push(("text", Yaml::text(value)));
            }
            parts.push(Yaml::map(part));
        }
        Some(Yaml::List(parts))
    }
}

/// The name of a secret made of a header's or a field's.
fn slugged(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// Whether a text of any form seems to hold a password.
fn holds_secret(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').any(is_secret)
}
