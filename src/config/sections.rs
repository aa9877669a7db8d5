//! The sections of `holdfast.yaml` as they are written, to tell which of them changed.
//!
//! A running service takes some of them when it reads its files again; the others wait for a
//! restart, and somebody must hear of that. It must not read what a section means.

use std::collections::BTreeMap;
use std::path::Path;

use super::diagnostics::{parse, read};

/// What a running service takes; of `agents` the locations, and it refuses a file with another
/// address.
const TAKEN: [&str; 3] = ["targets", "browser", "agents"];

/// Sections by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sections(BTreeMap<String, serde_json::Value>);

impl Sections {
    /// Reads them; none where the file cannot be read, which is told elsewhere.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = read(path).unwrap_or_default();
        Self(parse(&path.display().to_string(), &text).unwrap_or_default())
    }

    /// The sections that are written otherwise in a newer file and wait for a restart.
    #[must_use]
    pub fn waiting(&self, newer: &Self) -> Vec<String> {
        let names = self.0.keys().chain(newer.0.keys());
        let differs = |name: &&String| {
            !TAKEN.contains(&name.as_str()) && self.0.get(*name) != newer.0.get(*name)
        };
        let mut waiting: Vec<String> = names.filter(differs).cloned().collect();
        waiting.sort();
        waiting.dedup();
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Sections {
        Sections(parse("holdfast.yaml", text).unwrap())
    }

    #[test]
    fn what_waits_for_a_restart_is_told_by_name() {
        let before = sections(
            "format: holdfast/service/v1\nlisten: 127.0.0.1:8080\nsynthetic: true\n\
             targets: { c3ms: { interval: 5 s } }\nmail: { host: mail.example.gov, port: 25 }\n",
        );
        let same = sections(
            "mail:\n  port: 25 # as ever\n  host: mail.example.gov\nlisten: 127.0.0.1:8080\n\
             format: holdfast/service/v1\nsynthetic: true\n\
             targets: { c3ms: { interval: 9 s } }\nbrowser: { pictures: false }\n",
        );
        assert_eq!(before.waiting(&same), Vec::<String>::new());
        let other = sections(
            "format: holdfast/service/v1\nlisten: 127.0.0.1:9090\nunit: Care\nsynthetic: true\n",
        );
        assert_eq!(before.waiting(&other), ["listen", "mail", "unit"]);
    }
}
