//! Reports, notes and the table of ages: the last parts of the person page.

use super::sections::View;
use super::words::{day, join, words};
use crate::domain::records::{ConcernReport, Screening};

pub struct ReportView {
    pub received: String,
    pub concern: String,
    pub outcome: String,
    /// For intake alone.
    pub narrative: Option<String>,
}

pub struct NoteView {
    pub at: String,
    pub head: String,
    pub text: String,
}

/// One row of the table of ages.
pub struct AgeRow {
    pub section: &'static str,
    pub records: usize,
    pub changed: String,
    pub source: String,
}

impl View<'_> {
    #[must_use]
    pub fn reports(&self) -> Vec<ReportView> {
        let narrative = |report: &ConcernReport| {
            let own = self.file.narratives.iter().find(|one| one.report == report.header.id);
            own.map(|one| one.text.clone())
        };
        let views = self.file.reports.iter().map(|report| ReportView {
            received: day(report.received_on),
            concern: words(&report.concern),
            outcome: outcome(report),
            narrative: narrative(report),
        });
        views.collect()
    }

    #[must_use]
    pub fn notes(&self) -> Vec<NoteView> {
        let views = self.file.notes.iter().map(|note| {
            let kind = note.kind.as_deref().map(words);
            let corrected = note.version.filter(|version| *version > 1).map(|_| "corrected since");
            NoteView {
                at: self.moment(note.at).absolute(),
                head: join([kind.as_deref(), note.author.as_deref(), corrected], ", "),
                text: note.text.clone(),
            }
        });
        views.collect()
    }

    #[must_use]
    pub fn ages(&self) -> Vec<AgeRow> {
        let rows = self.file.ages.iter().map(|(matter, age)| AgeRow {
            section: matter.title(),
            records: age.records,
            changed: self.moment(age.updated_at).full(),
            source: age.source.clone(),
        });
        rows.collect()
    }
}

fn outcome(report: &ConcernReport) -> String {
    if let Some(outcome) = &report.outcome {
        return words(outcome);
    }
    match report.screening {
        Some(Screening::Waiting) => "Waiting to be screened".to_owned(),
        Some(Screening::ScreenedOut) => "Screened out".to_owned(),
        Some(Screening::ScreenedIn) | None => "No outcome in this copy".to_owned(),
    }
}
