//! Hurl files: every entry becomes a step of one probe.
//!
//! The grammar is that of <https://hurl.dev/docs/grammar.html>; its own parser needs libxml2, which
//! is too much for reading a few lines. It runs nothing and opens no file: bodies from files are
//! asked for.

mod asserts;
mod names;
mod options;
mod query;
mod reader;
mod request;
mod response;
mod scan;
mod xpath;

use std::collections::BTreeSet;
use std::time::Duration;

use url::Url;

use super::Imported;
use super::draft::{Draft, ProbeDraft, length, slug, unique};
use super::expect::Expect;
use super::yaml::Yaml;
use crate::config::diagnostics::{Diagnostic, Faults};
use crate::domain::network::Network;
use names::Names;
use options::Options;
use reader::Entry;

/// What a step may take beside its pauses.
const STEP_TIME: Duration = Duration::from_secs(10);

/// What a Hurl file does not say by itself.
pub struct Given<'a> {
    /// Values of variables, as `hurl --variable` takes them.
    pub variables: &'a [(String, String)],
    /// The text of a file beside it, if it is there and is text.
    pub file: &'a dyn Fn(&str) -> Option<String>,
    /// Where probes may reach; guessed when there is none.
    pub networks: &'a [Network],
}

/// A Hurl file on its way to a probe file.
struct Import<'a> {
    draft: Draft,
    notes: Faults,
    names: Names,
    given: &'a Given<'a>,
    ids: BTreeSet<String>,
    steps: Vec<Yaml>,
    /// Time that passes by itself.
    pauses: Duration,
}

/// A step in the making.
struct StepDraft {
    line: u64,
    url: Option<Url>,
    options: Options,
    http: Vec<(String, Yaml)>,
    expect: Expect,
    /// Steps that go with it: a look at the certificate.
    beside: Vec<(&'static str, Yaml, Yaml)>,
}

/// Makes a probe file of a Hurl file; `name` is what the probe is called.
///
/// # Errors
/// When it is no Hurl file, or nothing of it can be carried over.
pub fn import(
    file: &str,
    text: &str,
    name: &str,
    given: &Given<'_>,
) -> Result<Imported, Diagnostic> {
    let entries = reader::read(file, text)?;
    let mut import = Import {
        draft: Draft::default(),
        notes: Faults::new(file),
        names: Names::default(),
        given,
        ids: BTreeSet::new(),
        steps: Vec::new(),
        pauses: Duration::ZERO,
    };
    for (name, value) in given.variables {
        import.names.give(name, value);
    }
    for entry in &entries {
        import.entry(entry);
    }
    import.finish(file, name)
}

impl Import<'_> {
    fn note(&mut self, line: u64, message: impl Into<String>) {
        self.notes.at_position(line, 1, message);
    }

    fn entry(&mut self, entry: &Entry) {
        let options = self.options(entry);
        if options.skip {
            return self.note(entry.line, "is skipped in Hurl and is not carried over");
        }
        let Some(mut step) = self.request(entry, options) else { return };
        self.response(entry, &mut step);
        self.write(entry, step);
    }

    /// Writes the step, with what goes before and after it.
    fn write(&mut self, entry: &Entry, step: StepDraft) {
        let path = step.url.as_ref().map(Url::path).unwrap_or_default();
        let wish = slug(&format!("{} {path}", entry.method.to_lowercase()));
        if let Some(delay) = step.options.delay {
            self.pauses += delay;
            let id = self.step_id(&format!("before-{wish}"));
            self.steps.push(Yaml::map([("id", Yaml::text(id)), ("pause", length(delay))]));
        }
        let mut entries = vec![
            ("id".to_owned(), Yaml::text(self.step_id(&wish))),
            ("http".to_owned(), Yaml::Map(step.http)),
        ];
        if let Some((interval, at_most)) = step.options.until {
            if matches!(entry.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
                self.pauses += at_most;
                let until = [("interval", length(interval)), ("at_most", length(at_most))];
                entries.push(("until".to_owned(), Yaml::map(until)));
            } else {
                self.note(step.line, "'retry' is not carried over: only what reads is asked again");
            }
        }
        entries.extend(step.expect.entries());
        self.steps.push(Yaml::Map(entries));
        for (kind, action, expect) in step.beside {
            let id = self.step_id(&format!("{kind}-of-{wish}"));
            self.steps.push(Yaml::map([
                ("id".to_owned(), Yaml::text(id)),
                (kind.to_owned(), action),
                ("expect".to_owned(), expect),
            ]));
        }
    }

    fn step_id(&mut self, wish: &str) -> String {
        let id = unique(wish, &self.ids);
        self.ids.insert(id.clone());
        id
    }

    fn finish(mut self, file: &str, name: &str) -> Result<Imported, Diagnostic> {
        if self.steps.is_empty() {
            let message = "nothing of it can be carried over: see what was said before".to_owned();
            let told = self.notes.take();
            let whole = Diagnostic { file: file.to_owned(), line: 0, column: 0, message };
            return Err(told.into_iter().next().unwrap_or(whole));
        }
        let steps = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        let timeout = STEP_TIME * steps.min(3) + self.pauses + Duration::from_millis(999);
        let timeout = Duration::from_secs(timeout.as_secs().max(30));
        // A slot is a whole minute, and ends before the next.
        let interval = Duration::from_secs(timeout.as_secs().div_ceil(60) * 60);
        let id = self.draft.probe_id(name);
        let title = name.to_owned();
        let steps = std::mem::take(&mut self.steps);
        self.draft.add(ProbeDraft { id, title, interval, timeout, steps });
        let text = self.draft.render(file, self.given.networks, &mut self.notes);
        Ok(Imported { text, notes: self.notes.take() })
    }
}
