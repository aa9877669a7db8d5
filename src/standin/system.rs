//! The case systems that can be stood in for: their names, their words, what is theirs alone.

use axum::Router;

use super::application::Application;
use super::{care, cyras, nsw, wa};

/// One of the case systems. The data behind each is the same synthetic families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// South Australia.
    C3ms,
    /// Northern Territory: feeds of police, health and education.
    Care,
    /// New Zealand: everything a referral needs, slowly.
    Cyras,
    /// Western Australia: who carries how many cases, and which have nobody.
    Wa,
    /// New South Wales: referrals handed over to an agency.
    Nsw,
}

impl System {
    pub const ALL: [Self; 5] = [Self::C3ms, Self::Care, Self::Cyras, Self::Wa, Self::Nsw];

    /// The word in files: `care`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::C3ms => "c3ms",
            Self::Care => "care",
            Self::Cyras => "cyras",
            Self::Wa => "wa",
            Self::Nsw => "nsw",
        }
    }

    /// Reads the word that [`System::as_str`] writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.as_str() == word)
    }

    /// As its pages call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::C3ms => "C3MS",
            Self::Care => "CARE",
            Self::Cyras => "CYRAS",
            Self::Wa => "Assist",
            Self::Nsw => "ChildStory",
        }
    }

    /// What is lodged at intake, in its own words.
    pub(super) fn notification(self) -> &'static str {
        match self {
            Self::C3ms | Self::Care | Self::Wa => "notification",
            Self::Cyras => "report of concern",
            Self::Nsw => "report of risk of significant harm",
        }
    }

    pub(super) fn language(self) -> &'static str {
        match self {
            Self::Cyras => "en-NZ",
            _ => "en-AU",
        }
    }

    /// Pages of its own, as path and name.
    pub(super) fn pages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::C3ms | Self::Cyras => &[],
            Self::Care => &[("/feeds", "Feeds")],
            Self::Wa => &[("/caseloads", "Caseloads")],
            Self::Nsw => &[("/referrals", "Referrals")],
        }
    }

    /// What it has beside the pages of every system.
    pub(super) fn routes(self) -> Router<Application> {
        match self {
            Self::C3ms => Router::new(),
            Self::Care => care::routes(),
            Self::Cyras => cyras::routes(),
            Self::Wa => wa::routes(),
            Self::Nsw => nsw::routes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for system in System::ALL {
            assert_eq!(System::parse(system.as_str()), Some(system));
        }
        assert_eq!(System::parse("iris"), None);
    }
}
