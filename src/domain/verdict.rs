//! What is said of a target for a cohort, and for whom it is said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{CohortId, ProbeId, StepId};

/// How a probe or a target stands for one cohort.
///
/// Ordered by how bad it is, so that a roll-up is a maximum; `Unknown` is the least because it
/// says nothing against the target: callers that must not read it as *up* match on it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Unknown,
    Up,
    Slow,
    Intermittent,
    Down,
}

impl Verdict {
    pub const ALL: [Self; 5] =
        [Self::Up, Self::Slow, Self::Intermittent, Self::Down, Self::Unknown];

    /// The word in files, metrics and interfaces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Slow => "slow",
            Self::Intermittent => "intermittent",
            Self::Down => "down",
        }
    }

    /// The word on pages for staff.
    #[must_use]
    pub fn plain(self) -> &'static str {
        match self {
            Self::Unknown => "Not known",
            Self::Up => "Working",
            Self::Slow => "Slow",
            Self::Intermittent => "Comes and goes",
            Self::Down => "Down",
        }
    }

    /// Whether an interval with this verdict is an outage.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(self, Self::Slow | Self::Intermittent | Self::Down)
    }

    /// Reads the word that [`Verdict::as_str`] writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// For whom and for what an outage holds: the cohorts, and the probes where not every one fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The cohorts affected; never empty in an outage.
    pub cohorts: BTreeSet<CohortId>,
    /// True when every cohort of the target is affected.
    pub everyone: bool,
    /// The probes that fail; empty when every probe seen by these cohorts does.
    pub probes: BTreeSet<ProbeId>,
    /// The step at which they fail, when it is the same one in all of them.
    pub step: Option<StepId>,
    /// True when every failure was of the network at its place, and none of the target.
    #[serde(default)]
    pub site_network: bool,
}

/// Titles for sentences: how a target, its cohorts and probes are called.
#[derive(Clone, Debug, Default)]
pub struct Titles {
    pub target: String,
    pub cohorts: BTreeMap<CohortId, String>,
    pub probes: BTreeMap<ProbeId, String>,
    /// The probes of what other systems send.
    pub feeds: BTreeSet<ProbeId>,
}

impl Scope {
    /// The one plain sentence that is used everywhere: "C3MS is down at Noarlunga: lodging an
    /// intake fails."
    #[must_use]
    pub fn sentence(&self, verdict: Verdict, titles: &Titles) -> String {
        if self.is_of_feeds(titles) {
            return self.feed_sentence(verdict, titles);
        }
        let how = match verdict {
            Verdict::Down => "is down",
            Verdict::Intermittent => "comes and goes",
            Verdict::Slow => "is slow",
            Verdict::Up => "is working",
            Verdict::Unknown => "is not known to work",
        };
        if self.site_network && verdict.is_outage() {
            let target = &titles.target;
            return match self.everyone {
                true => format!("{target} is not reached from any office: each network fails."),
                false => {
                    let place = self.place(titles);
                    format!("{target} is not reached from {place}: the network there fails.")
                }
            };
        }
        let mut sentence = format!("{} {how}", titles.target);
        sentence.push_str(&match self.everyone {
            true => " everywhere".to_owned(),
            false => format!(" for {}", self.place(titles)),
        });
        if self.probes.is_empty() {
            match verdict {
                Verdict::Down => sentence.push_str(": every journey fails"),
                Verdict::Intermittent => sentence.push_str(": journeys fail now and then"),
                _ => {}
            }
        } else {
            sentence.push_str(&self.only(titles));
        }
        sentence.push('.');
        sentence
    }

    /// Whether only what other systems send is affected: the system itself serves.
    #[must_use]
    pub fn is_of_feeds(&self, titles: &Titles) -> bool {
        !self.probes.is_empty() && self.probes.is_subset(&titles.feeds)
    }

    /// Up but stale: "CARE's police feed is stale everywhere."
    fn feed_sentence(&self, verdict: Verdict, titles: &Titles) -> String {
        let several = self.probes.len() > 1;
        if self.site_network && verdict.is_outage() {
            let (failing, are) = (self.failing(titles), if several { "are" } else { "is" });
            let target = &titles.target;
            return format!(
                "{target}'s {failing} {are} not reached: the network on the way fails."
            );
        }
        let how = match (verdict, several) {
            (Verdict::Down, false) => "is stale",
            (Verdict::Down, true) => "are stale",
            (Verdict::Intermittent, false) => "comes and goes",
            (Verdict::Intermittent, true) => "come and go",
            (Verdict::Slow, false) => "is slow",
            (Verdict::Slow, true) => "are slow",
            (Verdict::Up, false) => "is fresh",
            (Verdict::Up, true) => "are fresh",
            (Verdict::Unknown, false) => "is not known to be fresh",
            (Verdict::Unknown, true) => "are not known to be fresh",
        };
        let place = match self.everyone {
            true => "everywhere".to_owned(),
            false => format!("for {}", self.place(titles)),
        };
        format!("{}'s {} {how} {place}.", titles.target, self.failing(titles))
    }

    /// The scope by itself, to stand in a list: "Noarlunga and Ceduna, only lodging an intake".
    #[must_use]
    pub fn words(&self, titles: &Titles) -> String {
        let place = if self.everyone { "Everywhere".to_owned() } else { self.place(titles) };
        if self.probes.is_empty() { place } else { place + &self.only(titles) }
    }

    fn place(&self, titles: &Titles) -> String {
        let names = self
            .cohorts
            .iter()
            .map(|id| titles.cohorts.get(id).cloned().unwrap_or_else(|| id.to_string()));
        join(names)
    }

    fn only(&self, titles: &Titles) -> String {
        format!(", only {}", self.failing(titles))
    }

    fn failing(&self, titles: &Titles) -> String {
        let names = self.probes.iter().map(|id| {
            titles.probes.get(id).map_or_else(|| id.to_string(), |title| lower_first(title))
        });
        join(names)
    }
}

/// "a", "a and b", "a, b and c".
fn join(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Lowers a title's first letter inside a sentence, unless its first word is an abbreviation.
fn lower_first(title: &str) -> String {
    let mut chars = title.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_cohorts_and_probes() {
        let noarlunga = CohortId::new("noarlunga").unwrap();
        let intake = ProbeId::new("intake").unwrap();
        let titles = Titles {
            target: "C3MS".into(),
            cohorts: [(noarlunga.clone(), "Noarlunga".into())].into(),
            probes: [(intake.clone(), "Lodging an intake".into())].into(),
            ..Titles::default()
        };
        let mut scope = Scope { cohorts: [noarlunga].into(), ..Scope::default() };
        assert_eq!(
            scope.sentence(Verdict::Down, &titles),
            "C3MS is down for Noarlunga: every journey fails."
        );
        scope.probes.insert(intake);
        assert_eq!(
            scope.sentence(Verdict::Down, &titles),
            "C3MS is down for Noarlunga, only lodging an intake."
        );
        assert_eq!(scope.words(&titles), "Noarlunga, only lodging an intake");
        scope.everyone = true;
        scope.probes.clear();
        assert_eq!(scope.sentence(Verdict::Slow, &titles), "C3MS is slow everywhere.");
    }

    #[test]
    fn a_stale_feed_is_told_as_that() {
        let [police, health] = ["police-feed", "health-feed"].map(|id| ProbeId::new(id).unwrap());
        let titles = Titles {
            target: "CARE".into(),
            probes: [
                (police.clone(), "Police feed".into()),
                (health.clone(), "Health feed".into()),
            ]
            .into(),
            feeds: [police.clone(), health.clone()].into(),
            ..Titles::default()
        };
        let mut scope = Scope { everyone: true, probes: [police].into(), ..Scope::default() };
        assert_eq!(
            scope.sentence(Verdict::Down, &titles),
            "CARE's police feed is stale everywhere."
        );
        scope.probes.insert(health);
        assert_eq!(
            scope.sentence(Verdict::Down, &titles),
            "CARE's health feed and police feed are stale everywhere."
        );
        let cut_off = Scope { site_network: true, ..scope.clone() };
        assert_eq!(
            cut_off.sentence(Verdict::Down, &titles),
            "CARE's health feed and police feed are not reached: the network on the way fails."
        );
        scope.probes.insert(ProbeId::new("search").unwrap());
        assert!(
            scope.sentence(Verdict::Down, &titles).starts_with("CARE is down everywhere, only")
        );
    }

    #[test]
    fn verdict_words_read_back() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::parse(verdict.as_str()), Some(verdict));
        }
    }
}
