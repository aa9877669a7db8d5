//! The report in words and shapes: the view behind its HTML, on the console and by mail.
//!
//! Templates stand in `documents`; everything they print is made here from the [`Report`] alone.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::accounting::TimeState;
use super::accounting::figures::{Figures, Promise};
use super::report::{
    AvailabilityPromise, CohortReport, Mean, OutageLine, Report, StaffReportLine, TargetReport,
    UserMinutes,
};
use super::sentence;
use crate::documents::STYLESHEET;
use crate::documents::states::State;
use crate::documents::strip::Strip;

/// Below this length instants are told to the second.
const SECONDS_BELOW: i64 = 2 * 86_400;

/// The report as a document of its own.
#[derive(Template)]
#[template(path = "documents/document.html")]
pub struct Document<'a> {
    view: View<'a>,
    stylesheet: &'static str,
}

impl<'a> Document<'a> {
    #[must_use]
    pub fn new(report: &'a Report) -> Self {
        Self { view: View::new(report), stylesheet: STYLESHEET }
    }
}

/// What a template asks; `documents/report.html` needs it in a field `view`.
pub struct View<'a> {
    pub report: &'a Report,
    zone: TimeZone,
}

/// What became of a promise, as a page shows it: shape, word and why.
pub struct Kept {
    pub state: State,
    pub word: &'static str,
    pub why: String,
}

/// Templates hand every argument over by reference.
#[allow(clippy::unused_self, reason = "a template calls methods of its view and nothing else")]
impl<'a> View<'a> {
    #[must_use]
    pub fn new(report: &'a Report) -> Self {
        let zone = TimeZone::get(&report.period.zone).unwrap_or(TimeZone::UTC);
        Self { report, zone }
    }

    /// How the banner looks: missed, unproven or kept.
    #[must_use]
    pub fn state(&self) -> State {
        let probes = || self.report.targets.iter().flat_map(|target| &target.probes);
        let promises = || probes().filter_map(|probe| probe.availability).map(|p| p.promise);
        if promises().any(|promise| promise == Promise::Missed) {
            State::Down
        } else if promises().all(|promise| promise == Promise::Met) && promises().count() > 0 {
            State::Working
        } else {
            State::NotKnown
        }
    }

    #[must_use]
    pub fn percent(&self, share: &f64) -> String {
        sentence::percent(*share)
    }

    #[must_use]
    pub fn available(&self, figures: &Figures) -> String {
        figures.availability.map_or_else(|| "Not known".to_owned(), sentence::percent)
    }

    /// "98.90 to 99.40 %".
    #[must_use]
    pub fn interval(&self, figures: &Figures) -> String {
        figures.interval.map_or_else(String::new, |ends| {
            let low = sentence::percent(ends.low);
            format!("{} to {}", low.trim_end_matches(" %"), sentence::percent(ends.high))
        })
    }

    #[must_use]
    pub fn lost(&self, minutes: &UserMinutes) -> String {
        sentence::hours(minutes.lost())
    }

    /// User-hours with one digit, for columns; a dash for none.
    #[must_use]
    pub fn user_hours(&self, minutes: &u64) -> String {
        match *minutes {
            0 => "–".to_owned(),
            1..6 => "under 0.1".to_owned(),
            6..6_000 => format!("{}.{}", minutes / 60, minutes % 60 / 6),
            _ => sentence::thousands((minutes + 30) / 60),
        }
    }

    #[must_use]
    pub fn number(&self, number: &u64) -> String {
        sentence::thousands(*number)
    }

    #[must_use]
    pub fn length(&self, seconds: &u64) -> String {
        sentence::length(*seconds)
    }

    #[must_use]
    pub fn milliseconds(&self, ms: &u64) -> String {
        let ms = *ms;
        if ms < 1_000 {
            format!("{ms} ms")
        } else {
            format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
        }
    }

    #[must_use]
    pub fn mean(&self, mean: &Mean) -> String {
        match (mean.n, mean.mean_seconds) {
            (0, _) => "None in this period.".to_owned(),
            (n, Some(seconds)) => format!("{} on average over {n}.", sentence::length(seconds)),
            (n, None) => format!("Only {n} in this period: too few for an average."),
        }
    }

    /// For `datetime` attributes.
    #[must_use]
    pub fn iso(&self, at: &Timestamp) -> String {
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// "09:42 Tue 3 March"; to the second over short periods, and without the day within one.
    #[must_use]
    pub fn at(&self, at: &Timestamp) -> String {
        let at = *at;
        let period = &self.report.period;
        let seconds = period.to.duration_since(period.from).as_secs();
        let day = |at: Timestamp| at.to_zoned(self.zone.clone()).date();
        let one_day = day(period.from) == day(period.to) && day(at) == day(period.from);
        let format = match (seconds < SECONDS_BELOW, one_day) {
            (true, true) => "%H:%M:%S",
            (true, false) => "%H:%M:%S %-d %b",
            (false, _) => "%H:%M %a %-d %b",
        };
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// An end of the period: "09:42 Tue 3 Mar", to the second where the period is shorter than an
    /// hour.
    #[must_use]
    pub fn end(&self, at: &Timestamp) -> String {
        let period = &self.report.period;
        let short = period.to.duration_since(period.from).as_hours() < 1;
        let format = if short { "%H:%M:%S" } else { "%H:%M %a %-d %b" };
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// "09:42:05 on Tue 3 March 2026, Adelaide".
    #[must_use]
    pub fn watermark(&self) -> Option<String> {
        let at = self.report.watermark?.to_zoned(self.zone.clone());
        Some(format!("{}, {}", at.strftime("%H:%M:%S on %a %-d %B %Y"), self.place()))
    }

    /// "Adelaide".
    #[must_use]
    pub fn place(&self) -> String {
        let zone = &self.report.period.zone;
        zone.rsplit('/').next().unwrap_or(zone).replace('_', " ")
    }

    #[must_use]
    pub fn kept(&self, promised: &AvailabilityPromise) -> Kept {
        let kept = |state, word, why: String| Kept { state, word, why };
        match promised.promise {
            Promise::Met => kept(State::Working, "Kept", String::new()),
            Promise::Missed => kept(State::Down, "Missed", String::new()),
            Promise::TooFewChecks { checks_needed } => {
                let needed = sentence::thousands(checks_needed);
                let rate = promised.provable_with_interval_seconds.map_or_else(
                    || " More often than once a second, which is not practical.".to_owned(),
                    |seconds| format!(" One every {} would do.", sentence::length(seconds)),
                );
                let why = format!("It takes {needed} checks to tell.{rate}");
                kept(State::NotKnown, "Not provable", why)
            }
            Promise::TooClose => {
                let why = "What was measured is the objective itself.".to_owned();
                kept(State::NotKnown, "Not provable", why)
            }
            Promise::TooLittleKnown => {
                kept(State::NotKnown, "Not provable", "Too little of the time is known.".to_owned())
            }
        }
    }

    #[must_use]
    pub fn outage_state(&self, outage: &OutageLine) -> State {
        outage.verdict.into()
    }

    /// The strip of one cohort with its sentence.
    #[must_use]
    pub fn strip(&self, cohort: &CohortReport) -> Strip {
        let cells = cohort.strip.iter().map(|state| Some(shown(*state))).collect();
        Strip { label: self.strip_words(cohort), cells }
    }

    fn strip_words(&self, cohort: &CohortReport) -> String {
        let all = cohort.strip.len();
        let told = [TimeState::Down, TimeState::Intermittent, TimeState::Slow, TimeState::Unknown];
        let parts: Vec<String> = told
            .into_iter()
            .filter_map(|state| {
                let cells = cohort.strip.iter().filter(|cell| **cell == state).count();
                let word = shown(state).word().to_lowercase();
                (cells > 0).then(|| format!("{word} in {cells} of {all}"))
            })
            .collect();
        let (title, period) = (&cohort.title, &self.report.period.words);
        match parts.as_slice() {
            [] => format!("{title}, {period}: working throughout."),
            parts => format!("{title}, {period}, stretches: {}.", parts.join(", ")),
        }
    }

    /// How long one cell of the strips is, in words.
    #[must_use]
    pub fn cell(&self) -> String {
        let cells = &self.report.period.cells;
        match cells.as_slice() {
            [first, second, ..] => {
                let seconds = second.duration_since(*first).as_secs().unsigned_abs();
                if seconds > 80_000 { "a day".to_owned() } else { sentence::length(seconds) }
            }
            _ => "the whole period".to_owned(),
        }
    }

    /// What is said of reports and probes side by side.
    #[must_use]
    pub fn beside(&self, line: &StaffReportLine) -> String {
        let told = [
            (line.probes_agree, "probes found trouble too"),
            (line.probes_disagree, "probes passed"),
            (line.probes_unknown, "too little is known"),
        ];
        let parts = told.iter().filter(|(count, _)| *count > 0);
        parts.map(|(count, words)| format!("{count}: {words}")).collect::<Vec<_>>().join("; ")
    }

    /// Staff of a target's cohorts.
    #[must_use]
    pub fn heads(&self, target: &TargetReport) -> u32 {
        target.cohorts.iter().map(|cohort| cohort.head_count).sum()
    }

    #[must_use]
    pub fn working(&self) -> State {
        State::Working
    }

    #[must_use]
    pub fn disagreement(&self) -> State {
        State::ComesAndGoes
    }

    /// States of a strip with what they mean, for its legend.
    #[must_use]
    pub fn legend(&self) -> [State; 5] {
        [State::Working, State::Slow, State::ComesAndGoes, State::Down, State::NotKnown]
    }

    /// A strip of a single cell, for the legend.
    #[must_use]
    pub fn sample(&self, state: &State) -> Strip {
        Strip { label: String::new(), cells: vec![Some(*state)] }
    }
}

fn shown(state: TimeState) -> State {
    match state {
        TimeState::Up => State::Working,
        TimeState::Slow => State::Slow,
        TimeState::Unknown => State::NotKnown,
        TimeState::Intermittent => State::ComesAndGoes,
        TimeState::Down => State::Down,
    }
}
