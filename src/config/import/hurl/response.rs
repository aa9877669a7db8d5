//! What a Hurl entry demands of its response: version, status, headers, asserts, captures.

use super::query::{Predicate, Query};
use super::reader::{Entry, Response};
use super::scan::Token;
use super::{Import, StepDraft};
use crate::config::import::expect::{Test, codes};
use crate::config::import::yaml::Yaml;
use crate::domain::step::Template;

impl Import<'_> {
    pub fn response(&mut self, entry: &Entry, step: &mut StepDraft) {
        let Some(response) = &entry.response else {
            step.expect.status = codes(|code| (200..400).contains(&code));
            return self.note(
                entry.line,
                "says nothing of the answer: every 2xx and 3xx is taken; write 'expect'",
            );
        };
        self.version(response, step);
        self.status(response, step);
        for header in &response.headers {
            let value = self.fill(&header.value, header.line);
            if !step.expect.header(&header.name, Test::Equals(value)) {
                self.twice(header.line, &header.name);
            }
        }
        for section in &response.sections {
            match section.name.as_str() {
                "Asserts" => {
                    for (line, _, tokens) in &section.lines {
                        self.assert(*line, tokens, step);
                    }
                }
                // After the asserts, which may not use what is captured here.
                "Captures" => {}
                name => self.note(section.line, format!("'[{name}]' is not known here")),
            }
        }
        if let Some(body) = &response.body {
            self.note(
                body.line,
                "the body as a whole is not carried over: expect what matters in \
                                  it under 'json', 'html' or 'text'",
            );
        }
        for section in response.sections.iter().filter(|section| section.name == "Captures") {
            for (line, name, tokens) in &section.lines {
                self.capture(*line, name.as_deref().unwrap_or_default(), tokens, step);
            }
        }
    }

    /// A second test of a header for which there is no room.
    pub fn twice(&mut self, line: u64, name: &str) {
        self.note(
            line,
            format!(
                "a further test of '{name}' is not carried over: a step has one of each header"
            ),
        );
    }

    fn version(&mut self, response: &Response, step: &mut StepDraft) {
        let version = match response.version.as_str() {
            "HTTP/1.1" => Some("1.1"),
            "HTTP/2" => Some("2"),
            "HTTP" | "HTTP/*" => None,
            other => {
                self.note(
                    response.line,
                    format!("'{other}' is not insisted on: write 'version: \"1.1\"' or '\"2\"'"),
                );
                None
            }
        };
        if let Some(version) = version.or(step.options.version) {
            step.http.push(("version".to_owned(), Yaml::text(version)));
        }
    }

    /// The codes that the first line and every assert of the status allow.
    fn status(&mut self, response: &Response, step: &mut StepDraft) {
        if let Ok(code) = response.status.parse() {
            step.expect.status = vec![code];
            return;
        }
        let asserts = response.sections.iter().filter(|section| section.name == "Asserts");
        let (mut allowed, mut narrowed) = (codes(|_| true), false);
        for (_, _, tokens) in asserts.flat_map(|section| &section.lines) {
            let Some((query, rest)) = Query::read(tokens) else { continue };
            let Some(predicate) = Predicate::read(rest).filter(|_| query.name == "status") else {
                continue;
            };
            allowed.retain(|code| predicate.holds_of(f64::from(*code)).unwrap_or(true));
            narrowed = true;
        }
        if !narrowed {
            allowed.retain(|code| (200..400).contains(code));
            self.note(
                response.line,
                "every status is right in Hurl, here 2xx and 3xx are: write yours under \
                                      'expect: { status }'",
            );
        }
        step.expect.status = allowed;
    }

    fn capture(&mut self, line: u64, name: &str, tokens: &[Token], step: &mut StepDraft) {
        let tokens = match tokens.split_last() {
            Some((Token::Word(last), before)) if last == "redact" => {
                self.note(line, format!(
                    "'redact' of '{name}' is not carried over: only secrets are kept out of every \
                     message"
                ));
                before
            }
            _ => tokens,
        };
        let source = Query::read(tokens).and_then(|(query, _)| self.source(&query));
        match source {
            Some((kind, from)) if Template::is_name(name) => {
                step.expect.captures.push((name.to_owned(), Yaml::map([(kind, from)])));
                self.names.capture(name);
            }
            _ => self.note(
                line,
                format!(
                    "'{name}' cannot be captured like this: capture it from json, html, header, \
                 cookie, regex or url"
                ),
            ),
        }
    }

    /// Where a captured value comes from, in our words.
    fn source(&mut self, query: &Query) -> Option<(&'static str, Yaml)> {
        let text = self.names.resolved(query.text());
        if text.contains("{{") {
            return None;
        }
        let filters = query.filter_names();
        match (query.name.as_str(), filters.as_slice()) {
            ("jsonpath", _) => Some(("json", Yaml::text(json_path(&text, query).ok()?))),
            ("xpath", []) => {
                let selected = super::xpath::selected(&text)?;
                let attribute = selected.attribute.map(|it| ("attribute", Yaml::text(it)));
                let select = ("select", Yaml::text(selected.select));
                Some(("html", Yaml::map([Some(select), attribute].into_iter().flatten())))
            }
            ("header", []) => Some(("header", Yaml::text(text))),
            ("cookie", []) if !text.contains('[') || text.ends_with("[Value]") => {
                Some(("cookie", Yaml::text(text.trim_end_matches("[Value]"))))
            }
            ("regex", []) => grouped(&text),
            ("body", ["regex"]) => grouped(query.filters[0].1.as_ref()?.text()),
            ("body", []) => Some(("regex", Yaml::text("(?s)^(.*)$"))),
            ("url", []) => Some(("url", Yaml::text("whole"))),
            _ => None,
        }
    }
}

/// An expression that keeps its first group.
fn grouped(text: &str) -> Option<(&'static str, Yaml)> {
    let regex = regex::Regex::new(text).ok()?;
    (regex.captures_len() >= 2).then(|| ("regex", Yaml::text(text)))
}

/// A path with those filters that are a part of it.
///
/// # Errors
/// Why there is none.
pub fn json_path(path: &str, query: &Query) -> Result<String, &'static str> {
    let mut path = path.to_owned();
    for (filter, argument) in &query.filters {
        match filter.as_str() {
            "nth" => {
                let place: Option<i64> = argument.as_ref().and_then(|it| it.text().parse().ok());
                path.push_str(&format!("[{}]", place.ok_or("the place is no number")?));
            }
            "first" => path.push_str("[0]"),
            "last" => path.push_str("[-1]"),
            // Our values are texts, and tests read numbers in them.
            "toInt" | "toFloat" | "toString" => {}
            _ => return Err("nothing stands for its filters"),
        }
    }
    let read = serde_json_path::JsonPath::parse(&path);
    read.map(|_| path).map_err(|_| "it is no path of RFC 9535: begin it with '$'")
}
