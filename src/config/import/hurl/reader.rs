//! A Hurl file as it is written: entries of a request and what its response must be.
//!
//! Grammar: <https://hurl.dev/docs/grammar.html>. It keeps every construct with its line, known to
//! us or not; what becomes of it is decided elsewhere.

use super::scan::{Scan, Token, pair, without_comment};
use crate::config::diagnostics::Diagnostic;

/// A request and its response.
#[derive(Debug)]
pub struct Entry {
    pub line: u64,
    pub method: String,
    pub url: String,
    pub headers: Vec<Pair>,
    pub sections: Vec<Section>,
    pub body: Option<Body>,
    pub response: Option<Response>,
}

#[derive(Debug)]
pub struct Response {
    pub line: u64,
    /// As in `HTTP/1.1`, or `HTTP`.
    pub version: String,
    /// A number, or `*`.
    pub status: String,
    pub headers: Vec<Pair>,
    pub sections: Vec<Section>,
    pub body: Option<Body>,
}

/// A line `name: value`.
#[derive(Clone, Debug)]
pub struct Pair {
    pub line: u64,
    pub name: String,
    pub value: String,
}

/// What stands under `[Name]`.
#[derive(Debug)]
pub struct Section {
    pub line: u64,
    pub name: String,
    pub pairs: Vec<Pair>,
    /// Of asserts and captures: the name of what is captured, if any, and the words.
    pub lines: Vec<(u64, Option<String>, Vec<Token>)>,
}

#[derive(Debug)]
pub struct Body {
    pub line: u64,
    pub kind: BodyKind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    Json,
    Xml,
    /// Between backticks.
    Text,
    Graphql,
    File,
    /// Base64 or hexadecimal.
    Bytes,
}

/// Reads the entries of a file.
///
/// # Errors
/// The first line that does not begin a request where one must.
pub fn read(file: &str, text: &str) -> Result<Vec<Entry>, Diagnostic> {
    let mut scan = Scan::new(text);
    let mut entries = Vec::new();
    loop {
        scan.skip_blank();
        if scan.is_done() {
            break;
        }
        entries.push(entry(&mut scan).ok_or_else(|| wrong(file, scan.line()))?);
    }
    if entries.is_empty() {
        return Err(wrong(file, 0));
    }
    Ok(entries)
}

fn wrong(file: &str, line: u64) -> Diagnostic {
    let message = "is not Hurl here: a request is written as in 'GET https://host/path'";
    let column = u64::from(line > 0);
    Diagnostic { file: file.to_owned(), line, column, message: message.to_owned() }
}

fn entry(scan: &mut Scan<'_>) -> Option<Entry> {
    let line = scan.line();
    let (method, url) = request_line(scan.peek())?;
    scan.take_line();
    let Head { headers, sections, body } = head(scan);
    scan.skip_blank();
    let response = status_line(scan.peek()).map(|(version, status)| {
        let line = scan.line();
        scan.take_line();
        let Head { headers, sections, body } = head(scan);
        Response { line, version, status, headers, sections, body }
    });
    Some(Entry { line, method, url, headers, sections, body, response })
}

/// What follows a request's or a response's first line.
struct Head {
    headers: Vec<Pair>,
    sections: Vec<Section>,
    body: Option<Body>,
}

fn head(scan: &mut Scan<'_>) -> Head {
    let mut head = Head { headers: Vec::new(), sections: Vec::new(), body: None };
    loop {
        scan.skip_blank();
        let (line, text) = (scan.line(), scan.peek().trim());
        if scan.is_done() || status_line(text).is_some() {
            return head;
        }
        if let Some(name) = section_line(text) {
            scan.take_line();
            let section = Section { line, name, pairs: Vec::new(), lines: Vec::new() };
            head.sections.push(section);
            continue;
        }
        if begins_body(text) {
            head.body = body(scan);
            return head;
        }
        match head.sections.last_mut() {
            Some(section) if section.name == "Asserts" => {
                if request_line(text).is_some() {
                    return head;
                }
                section.lines.push((line, None, scan.tokens()));
            }
            _ if request_line(text).is_some() => return head,
            Some(section) if section.name == "Captures" => {
                let Some(colon) = scan.peek().find(':') else { return head };
                let name = scan.take(colon + 1).trim_end_matches(':').trim().to_owned();
                section.lines.push((line, Some(name), scan.tokens()));
            }
            section => {
                let Some((name, value)) = pair(text) else { return head };
                scan.take_line();
                let pair = Pair { line, name, value };
                match section {
                    Some(section) => section.pairs.push(pair),
                    None => head.headers.push(pair),
                }
            }
        }
    }
}

/// `METHOD url`
fn request_line(text: &str) -> Option<(String, String)> {
    let (method, url) = text.trim().split_once([' ', '\t'])?;
    let is_method = !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase());
    let url = without_comment(url);
    (is_method && !url.is_empty() && !url.contains(' '))
        .then(|| (method.to_owned(), url.to_owned()))
}

/// `HTTP/1.1 200`
fn status_line(text: &str) -> Option<(String, String)> {
    let (version, status) = without_comment(text).split_once([' ', '\t'])?;
    let status = status.trim();
    let is_status = status == "*" || status.parse::<u16>().is_ok();
    (version.starts_with("HTTP") && is_status).then(|| (version.to_owned(), status.to_owned()))
}

/// `[Asserts]`
fn section_line(text: &str) -> Option<String> {
    let name = without_comment(text).strip_prefix('[')?.strip_suffix(']')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
    is_name.then(|| name.to_owned())
}

fn begins_body(text: &str) -> bool {
    const MARKS: [&str; 7] = ["```", "`", "[", "<", "base64,", "hex,", "file,"];
    MARKS.iter().any(|mark| text.starts_with(mark))
        || (text.starts_with('{') && !text.starts_with("{{"))
        || (text.starts_with('"') && text.ends_with('"'))
}

fn body(scan: &mut Scan<'_>) -> Option<Body> {
    scan.skip_spaces();
    let line = scan.line();
    let rest = scan.rest();
    let (kind, text) = if rest.starts_with("```") {
        let (kind, text) = scan.multiline();
        match kind.split(',').next().unwrap_or_default() {
            "json" => (BodyKind::Json, text),
            "xml" => (BodyKind::Xml, text),
            "graphql" => (BodyKind::Graphql, text),
            "base64" | "hex" => (BodyKind::Bytes, text),
            _ => (BodyKind::Text, text),
        }
    } else if rest.starts_with('`') {
        (BodyKind::Text, scan.quoted('`'))
    } else if rest.starts_with('<') {
        (BodyKind::Xml, xml(scan))
    } else if rest.starts_with("file,") {
        let name = scan.take_until(";")?;
        (BodyKind::File, name.trim_start_matches("file,").trim().to_owned())
    } else if rest.starts_with("base64,") || rest.starts_with("hex,") {
        (BodyKind::Bytes, scan.take_until(";")?.to_owned())
    } else {
        (BodyKind::Json, json(scan))
    };
    // Nothing but a comment may follow on its line.
    scan.take_line();
    Some(Body { line, kind, text })
}

/// A JSON value: up to where every bracket is closed.
fn json(scan: &mut Scan<'_>) -> String {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let end = scan.rest().char_indices().find_map(|(at, c)| {
        if quoted {
            quoted = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
        } else {
            match c {
                '"' => quoted = true,
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        (depth == 0 && !quoted).then_some(at + c.len_utf8())
    });
    scan.take(end.unwrap_or(scan.rest().len())).to_owned()
}

/// An XML document: up to the end of its root element.
fn xml(scan: &mut Scan<'_>) -> String {
    let rest = scan.rest();
    let is_root = |at: &usize| rest[at + 1..].starts_with(|c: char| c.is_alphabetic() || c == '_');
    let root = rest.match_indices('<').map(|(at, _)| at).find(is_root).unwrap_or(0);
    let name = rest[root + 1..].split(|c: char| c.is_whitespace() || "/>".contains(c)).next();
    let close = format!("</{}>", name.unwrap_or_default());
    let end = rest.find(&close).map(|at| at + close.len());
    let end = end.or_else(|| rest[root..].find("/>").map(|at| root + at + 2));
    scan.take(end.unwrap_or(rest.len())).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_told_apart() {
        let text = "# first\nPOST https://a.example/x # here\nX: {{y}}\n[Options]\nretry: 3\n\
                    {\n \"a\": \"}\", \"b\": {{c}}\n}\nHTTP 201\n[Captures]\n\
                    id: jsonpath \"$.id\"\n[Asserts]\nstatus < 300\n\nGET https://a.example\n";
        let entries = read("f", text).unwrap();
        assert_eq!(entries.len(), 2);
        let first = &entries[0];
        assert_eq!((first.line, first.url.as_str()), (2, "https://a.example/x"));
        assert_eq!(first.headers[0].value, "{{y}}");
        assert_eq!(first.sections[0].pairs[0].name, "retry");
        let body = first.body.as_ref().unwrap();
        assert_eq!(
            (body.kind, body.text.as_str()),
            (BodyKind::Json, "{\n \"a\": \"}\", \"b\": {{c}}\n}")
        );
        let response = first.response.as_ref().unwrap();
        assert_eq!((response.status.as_str(), response.sections.len()), ("201", 2));
        assert_eq!(response.sections[1].lines[0].0, 13);
        assert!(entries[1].response.is_none());
        assert!(read("f", "modules:\n  a: {}\n").is_err());
    }
}
