//! A report written into a folder, for mailing, printing and spreadsheets.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use askama::Template;

use super::page::Document;
use super::report::Report;
use super::tables::tables;

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One page that needs nothing else.
    Html,
    /// One file a table.
    Csv,
    Json,
}

/// Why a text is no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no format: write html, csv or json")]
pub struct InvalidFormat(String);

impl Format {
    pub const ALL: [Self; 3] = [Self::Html, Self::Csv, Self::Json];
}

impl FromStr for Format {
    type Err = InvalidFormat;
    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        match text {
            "html" => Ok(Self::Html),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            other => Err(InvalidFormat(other.to_owned())),
        }
    }
}

/// Why a report is not on disk.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder or a file cannot be written: a matter for the operator.
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The report could not be put into its format, which is a fault of ours.
    #[error("the report cannot be written as {0}")]
    Rendering(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Writes the report, making the folder when it is not there, and says which files it wrote.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    report: &Report,
    formats: &[Format],
    folder: &Path,
) -> Result<Vec<PathBuf>, WriteError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError::File { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut written = Vec::new();
    for format in formats {
        for (ending, text) in rendered(report, *format)? {
            let name = format!("holdfast-report_{}{ending}", report.period.slug);
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(failed(&path))?;
            written.push(path);
        }
    }
    Ok(written)
}

/// The report as HTML that needs no other file.
///
/// # Errors
/// When the template fails, which only a failing formatter can bring about.
pub fn html(report: &Report) -> Result<String, WriteError> {
    Document::new(report).render().map_err(|error| WriteError::Rendering("HTML", error.into()))
}

/// The report as JSON, with a line end.
///
/// # Errors
/// When a figure is no number, which none is.
pub fn json(report: &Report) -> Result<String, WriteError> {
    serde_json::to_string_pretty(report)
        .map(|text| text + "\n")
        .map_err(|error| WriteError::Rendering("JSON", error.into()))
}

/// Each file of a format: the end of its name, and its text.
fn rendered(report: &Report, format: Format) -> Result<Vec<(String, String)>, WriteError> {
    match format {
        Format::Html => Ok(vec![(".html".to_owned(), html(report)?)]),
        Format::Json => Ok(vec![(".json".to_owned(), json(report)?)]),
        Format::Csv => {
            let tables =
                tables(report).map_err(|error| WriteError::Rendering("CSV", error.into()))?;
            Ok(tables.into_iter().map(|t| (format!("_{}.csv", t.name), t.csv)).collect())
        }
    }
}
