//! Asserts of a Hurl file as expectations.

use super::query::{Predicate, Query};
use super::response::json_path;
use super::scan::Token;
use super::{Import, StepDraft};
use crate::config::import::expect::Test;
use crate::config::import::yaml::Yaml;

/// Counts above this would be as many paths.
const MAX_COUNT: u64 = 10_000;

impl Import<'_> {
    /// Carries one assert over, or says why not.
    pub fn assert(&mut self, line: u64, tokens: &[Token], step: &mut StepDraft) {
        let words: Vec<&str> = tokens.iter().map(Token::text).collect();
        let read =
            Query::read(tokens).and_then(|(query, rest)| Some((query, Predicate::read(rest)?)));
        let carried = read
            .ok_or(UNKNOWN)
            .and_then(|(query, predicate)| self.expect(line, &query, &predicate, step));
        if let Err(why) = carried {
            self.note(line, format!("'{}' is not carried over: {why}", words.join(" ")));
        }
    }

    fn expect(
        &mut self,
        line: u64,
        query: &Query,
        predicate: &Predicate,
        step: &mut StepDraft,
    ) -> Result<(), &'static str> {
        let filters = query.filter_names();
        let text = self.names.resolved(query.text());
        if text.contains("{{") {
            return Err("what is looked for must stand in the file");
        }
        match (query.name.as_str(), filters.as_slice()) {
            // Taken in with the first line already.
            ("status", []) => predicate.holds_of(200.0).map(drop).ok_or("write the codes"),
            ("version", []) => Err("write 'version' into the request"),
            ("header", []) => {
                let test = self.test(predicate, line)?;
                if !step.expect.header(&text, test) {
                    self.twice(line, &text);
                }
                Ok(())
            }
            ("jsonpath", _) => self.json_assert(query, predicate, line, step),
            ("xpath", []) => self.html(&text, predicate, line, step),
            ("body", []) | ("bytes", ["decode", ..]) => {
                let test = self.test(predicate, line)?;
                if step.expect.text(test) { Ok(()) } else { Err("a step has one test of its text") }
            }
            ("regex", []) if predicate.name == "exists" => {
                check(&text)?;
                let test = Test::Matches(text);
                let test = if predicate.negated { test.not() } else { test };
                if step.expect.text(test) { Ok(()) } else { Err("a step has one test of its text") }
            }
            ("bytes" | "body", ["count"]) => {
                let (least, most) = predicate.range().ok_or("write 'size_bytes'")?;
                step.expect.size(least, most);
                Ok(())
            }
            ("duration", []) => match predicate.range() {
                Some((None, Some(most))) => {
                    // Below a whole second is within it.
                    step.expect.within(if most % 1_000 == 999 { most + 1 } else { most });
                    Ok(())
                }
                _ => Err("only a longest time can be expected, by 'within'"),
            },
            ("cookie", []) if predicate.name == "exists" && !predicate.negated => {
                cookie(&text, step).ok_or("a cookie's attributes are not looked at")
            }
            ("regex", []) => Err("write the text it must be into the expression, and 'exists'"),
            ("cookie", _) => Err("expect 'header: { set-cookie: … }'"),
            ("certificate", _) => certificate(&text, query, predicate, step),
            ("variable", _) => Err("expect it of the step that captures it"),
            ("url", _) => Err("capture 'url: whole', or follow no redirect and expect 'location'"),
            ("redirects", _) => Err("'redirects' of the request bounds them"),
            ("ip", _) => Err("'networks' says where a probe may reach"),
            ("sha256" | "md5" | "rawbytes" | "bytes", _) => {
                Err("bytes are not compared: expect 'size_bytes' or 'text'")
            }
            (_, [_, ..]) => Err("nothing stands for its filters"),
            _ => Err(UNKNOWN),
        }
    }

    fn json_assert(
        &mut self,
        query: &Query,
        predicate: &Predicate,
        line: u64,
        step: &mut StepDraft,
    ) -> Result<(), &'static str> {
        let mut query = query.clone();
        let counts = query.filters.last().is_some_and(|(name, _)| name == "count");
        if counts {
            query.filters.pop();
        }
        let text = self.names.resolved(query.text());
        let path = json_path(&text, &query)?;
        if !counts {
            let test = self.test(predicate, line)?;
            step.expect.json(&path, &test);
            return Ok(());
        }
        if path.contains("..") || path.contains(['*', '?']) {
            return Err("only what is in one array can be counted");
        }
        let (least, most) = predicate.range().ok_or("only a range can be counted")?;
        if least.max(most).is_some_and(|count| count > MAX_COUNT) {
            return Err("too many to be counted");
        }
        if let Some(least) = least.filter(|least| *least > 0) {
            step.expect.json(&format!("{path}[{}]", least - 1), &Test::Exists);
        }
        if let Some(most) = most {
            step.expect.json(&format!("{path}[{most}]"), &Test::Absent);
        }
        Ok(())
    }

    fn html(
        &mut self,
        text: &str,
        predicate: &Predicate,
        line: u64,
        step: &mut StepDraft,
    ) -> Result<(), &'static str> {
        let selected = super::xpath::selected(text).ok_or("write a CSS selector under 'html'")?;
        let test = self.test(predicate, line)?;
        match (selected.attribute, test) {
            (None, test) => step.expect.html(&selected.select, &test),
            (Some(name), Test::Exists) => {
                step.expect.html(&format!("{}[{name}]", selected.select), &Test::Exists);
            }
            (Some(name), Test::Equals(value)) if !value.contains(['\'', '\\', '$']) => {
                step.expect.html(&format!("{}[{name}='{value}']", selected.select), &Test::Exists);
            }
            (Some(_), _) => return Err("of an attribute only its value can be expected"),
        }
        Ok(())
    }

    /// The comparison in our words.
    fn test(&mut self, predicate: &Predicate, line: u64) -> Result<Test, &'static str> {
        let value = predicate.value.as_ref();
        let compared = |import: &mut Self| match value {
            Some(Token::Word(word)) if word == "null" => Err("'null' is written in no test"),
            Some(Token::Word(word)) if bytes(word) => Err("bytes are not compared"),
            Some(Token::Regex(_)) | None => Err("a text is missing"),
            Some(token) => Ok(import.fill(token.text(), line)),
        };
        let number = || predicate.number().ok_or("only numbers are compared");
        let edge = |start: &str, end: &str| match value {
            Some(Token::Text(text)) if !text.contains("{{") => {
                Ok(Test::Matches(format!("{start}{}{end}", regex::escape(text))))
            }
            _ => Err("write 'matches' with the text"),
        };
        let test = match predicate.name.as_str() {
            "exists" => Test::Exists,
            "==" => Test::Equals(compared(self)?),
            "!=" => Test::Equals(compared(self)?).not(),
            "contains" => Test::Contains(compared(self)?),
            "startsWith" => edge("^", "")?,
            "endsWith" => edge("", "$")?,
            "matches" => match value {
                Some(Token::Regex(text) | Token::Text(text)) if !text.contains("{{") => {
                    check(text)?;
                    Test::Matches(text.clone())
                }
                _ => return Err("an expression must stand in the file"),
            },
            ">=" => Test::AtLeast(number()?),
            "<=" => Test::AtMost(number()?),
            // What is above is what is not at most.
            ">" => Test::AtMost(number()?).not(),
            "<" => Test::AtLeast(number()?).not(),
            "isEmpty" => Test::Matches("^(\\[\\]|\\{\\})?$".to_owned()),
            "isInteger" => Test::Matches("^-?[0-9]+$".to_owned()),
            "isNumber" | "isFloat" => Test::Matches("^-?[0-9.]+([eE][-+]?[0-9]+)?$".to_owned()),
            "isBoolean" => Test::Matches("^(true|false)$".to_owned()),
            "isUuid" => Test::Matches("^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$".to_owned()),
            "isIsoDate" => Test::Matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d".to_owned()),
            "isList" | "isCollection" => Test::Matches(r"^[\[{]".to_owned()),
            "isObject" => Test::Matches(r"^\{".to_owned()),
            _ => return Err("nothing stands for its predicate"),
        };
        Ok(if predicate.negated { test.not() } else { test })
    }
}

const UNKNOWN: &str = "it is not known here";

fn check(expression: &str) -> Result<(), &'static str> {
    regex::Regex::new(expression).map(drop).map_err(|_| "the expression cannot be read")
}

fn bytes(word: &str) -> bool {
    ["hex,", "base64,", "file,"].iter().any(|kind| word.starts_with(kind))
}

/// A cookie that must come: a capture that nobody uses.
fn cookie(name: &str, step: &mut StepDraft) -> Option<()> {
    let name = name.strip_suffix("[Value]").unwrap_or(name);
    let key = super::slug(name) + "-cookie";
    let from = Yaml::map([("cookie", Yaml::text(name))]);
    (!name.contains('[')).then(|| step.expect.captures.push((key, from)))
}

/// The certificate is looked at by a step of its own.
fn certificate(
    attribute: &str,
    query: &Query,
    predicate: &Predicate,
    step: &mut StepDraft,
) -> Result<(), &'static str> {
    let expect = match (attribute, query.filter_names().as_slice(), predicate.name.as_str()) {
        ("Expire-Date", ["daysAfterNow"], _) => {
            let (Some(least), None) = predicate.range().ok_or("write 'days_left'")? else {
                return Err("only the fewest days left can be expected");
            };
            ("days_left", Test::AtLeast(f64::from(u32::try_from(least).unwrap_or(u32::MAX))).yaml())
        }
        ("Subject-Alt-Name", [], "contains") if !predicate.negated => {
            let name = predicate.value.as_ref().map_or("", Token::text);
            ("san", Yaml::text(name.trim_start_matches("DNS:")))
        }
        _ => return Err("of a certificate the days left and its names are looked at: step 'tls'"),
    };
    let url = step.url.as_ref().filter(|url| url.scheme() == "https").ok_or("there is none")?;
    let place = [
        ("host", Yaml::text(url.host_str().unwrap_or_default())),
        ("port", Yaml::bare(url.port_or_known_default().unwrap_or(443))),
    ];
    step.beside.push(("tls", Yaml::map(place), Yaml::map([expect])));
    Ok(())
}
