//! Sets up `tracing`: one line an event, plain for people or JSON for collectors.
//!
//! It must not decide what is logged; that is said once, where something is handled.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::TryInitError;

/// The environment variable that overrules the configured filter: `HOLDFAST_LOG=holdfast=debug`.
pub const FILTER_VARIABLE: &str = "HOLDFAST_LOG";

/// What is logged when nobody says otherwise.
pub const DEFAULT_FILTER: &str = "info";

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people reading a terminal or the systemd journal.
    #[default]
    Plain,
    /// One JSON object a line.
    Json,
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the log filter '{filter}' cannot be read: {source}; write for example 'info'")]
    Filter { filter: String, source: ParseError },
    #[error("the log is set up already")]
    AlreadySet(#[from] TryInitError),
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "plain" => Ok(Self::Plain),
            "json" => Ok(Self::Json),
            other => Err(format!("'{other}' is not a log format: write plain or json")),
        }
    }
}

/// Sends the log of this process to standard error. `filter` is in the syntax of
/// [`EnvFilter`]; [`FILTER_VARIABLE`] wins over it.
///
/// # Errors
/// When the filter cannot be read, or the log is set up already.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LogError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| filter.to_owned());
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    subscriber(format, &filter, coloured, std::io::stderr)?.try_init()?;
    Ok(())
}

/// The subscriber that [`init`] installs, over any writer.
fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    coloured: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let parsed = EnvFilter::builder()
        .parse(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(writer);
    Ok(match format {
        LogFormat::Plain => Box::new(lines.with_ansi(coloured).finish().with(discretion())),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish().with(discretion())),
    })
}

/// Whatever the filter asks for, libraries are heard from *info* up alone: below, they quote what
/// passes through them, headers, forms and pages with everybody's secrets in them.
fn discretion() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(|event| {
        event.target().starts_with(env!("CARGO_PKG_NAME")) || *event.level() <= Level::INFO
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target = "c3ms", "probing begins");
            tracing::debug!("not asked for");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn libraries_are_not_heard_below_info() {
        let lines = Lines::default();
        let writer = lines.clone();
        let everything = subscriber(LogFormat::Plain, "trace", false, move || writer.clone());
        tracing::subscriber::with_default(everything.unwrap(), || {
            tracing::trace!("of our own");
            tracing::debug!(target: "html5ever::tokenizer", "a page's text");
            tracing::info!(target: "sqlx::query", "slow");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("of our own") && text.contains("slow"), "{text}");
        assert!(!text.contains("a page's text"), "{text}");
    }

    #[test]
    fn json_lines_carry_the_fields() {
        let text = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "probing begins");
        assert_eq!(line["target"].as_str().map(|_| line["level"].as_str()), Some(Some("INFO")));
    }

    #[test]
    fn plain_lines_follow_the_filter() {
        let text = logged(LogFormat::Plain, "info");
        assert!(text.contains("probing begins") && !text.contains("not asked for"), "{text}");
        assert_eq!(logged(LogFormat::Plain, "error"), "");
    }

    #[test]
    fn a_wrong_filter_says_what_to_write() {
        let error = subscriber(LogFormat::Plain, "=loud=", false, std::io::sink).err().unwrap();
        assert!(error.to_string().contains("'=loud='"), "{error}");
    }
}
