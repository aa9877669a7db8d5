//! What is wrong with a file, where, and what to write instead.
//!
//! A fault reads `probes/c3ms.yaml:12:5: unknown key 'intervall': did you mean 'interval'?`. It
//! must not print a value that could be a secret: messages name keys and ids, and only callers
//! that know a value is public quote it.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_saphyr::Location;

/// Files larger than this are not configuration: a bound, so that a wrong path is a clear error.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// One fault in one file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    pub file: String,
    /// Counted from 1; both are 0 when the fault is of the file as a whole.
    pub line: u64,
    pub column: u64,
    /// What is wrong and what to write, as one sentence.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", self.message)
    }
}

/// All faults of a file or of several; never empty as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// Collects the faults of one file while it is checked.
#[derive(Debug)]
pub struct Faults {
    file: String,
    found: Vec<Diagnostic>,
}

impl Faults {
    #[must_use]
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    /// Notes a fault at a place in the file.
    pub fn at(&mut self, place: Location, message: impl Into<String>) {
        self.at_position(place.line(), place.column(), message);
    }

    /// Notes a fault at a line and column, both counted from 1.
    pub fn at_position(&mut self, line: u64, column: u64, message: impl Into<String>) {
        let file = self.file.clone();
        self.found.push(Diagnostic { file, line, column, message: message.into() });
    }

    /// Notes a fault of the file as a whole.
    pub fn whole(&mut self, message: impl Into<String>) {
        self.at_position(0, 0, message);
    }

    /// # Errors
    /// Every fault noted, in the order of the file.
    pub fn finish<T>(mut self, value: T) -> Result<T, Diagnostics> {
        if self.found.is_empty() {
            return Ok(value);
        }
        self.found.sort_by_key(|fault| (fault.line, fault.column));
        Err(Diagnostics(self.found))
    }

    /// What was noted, in the order of the file.
    #[must_use]
    pub fn take(self) -> Vec<Diagnostic> {
        self.finish(()).err().map(|Diagnostics(found)| found).unwrap_or_default()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// Reads a file whole.
///
/// # Errors
/// When it cannot be read, is too large or is not UTF-8, said so that the reader knows what to do.
pub fn read(path: &std::path::Path) -> Result<String, Diagnostic> {
    let wrong = |message: String| Diagnostic {
        file: path.display().to_string(),
        line: 0,
        column: 0,
        message,
    };
    let length = std::fs::metadata(path)
        .map_err(|error| {
            wrong(format!("cannot be read ({error}): check the path and its permissions"))
        })?
        .len();
    if length > MAX_FILE_BYTES {
        return Err(wrong(format!("is larger than {MAX_FILE_BYTES} bytes: is it the right file?")));
    }
    std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("cannot be read as text ({error})")))
}

/// Parses YAML into a raw file type.
///
/// # Errors
/// The first fault of form: syntax, an unknown key, a missing one, a value of another type.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Diagnostic> {
    serde_saphyr::from_str(text).map_err(|error| explain(file, &error))
}

fn explain(file: &str, error: &serde_saphyr::Error) -> Diagnostic {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
    let message = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
            unknown("key", field, expected)
        }
        serde_saphyr::Error::SerdeUnknownVariant { variant, expected, .. } => {
            unknown("word", variant, expected)
        }
        serde_saphyr::Error::SerdeMissingField { field, .. } => {
            format!("the key '{field}' is missing here: add it")
        }
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key '{key}' stands here twice: keep one")
        }
        other => strip_place(&other.render_with_formatter(&serde_saphyr::UserMessageFormatter)),
    };
    Diagnostic { file: file.to_owned(), line, column, message }
}

/// The place stands in front already.
fn strip_place(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    match first.rfind(" at line ") {
        Some(at) => first[..at].to_owned(),
        None => first.to_owned(),
    }
}

/// An unknown word, with the nearest known one or all of them.
#[must_use]
pub fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("unknown {what} '{word}': did you mean '{near}'?"),
        None => format!("unknown {what} '{word}': write one of {}", known.join(", ")),
    }
}

/// The known word most like `word`, if one is like it at all.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), *candidate))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code)]
        interval: String,
        #[allow(dead_code)]
        count: Option<u32>,
    }

    fn fault(text: &str) -> String {
        parse::<Sample>("sample.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_fault_names_file_line_column_and_what_to_write() {
        assert_eq!(
            fault("interval: 5 s\nintervall: 5 s\n"),
            "sample.yaml:2:1: unknown key 'intervall': did you mean 'interval'?"
        );
        assert_eq!(
            fault("count: 1\n"),
            "sample.yaml:1:1: the key 'interval' is missing here: add it"
        );
        assert_eq!(
            fault("interval: 5 s\ninterval: 6 s\n"),
            "sample.yaml:2:1: the key 'interval' stands here twice: keep one"
        );
        assert!(fault("interval: 5 s\ncount: many\n").starts_with("sample.yaml:2:8: "));
    }
}
