//! How a state looks: always shape, word and colour together, so that none has to carry it alone.

use crate::domain::verdict::Verdict;

/// A drawing of 16 by 16 that says nothing to those who listen; the word beside it does.
macro_rules! svg {
    ($($shape:literal),+) => {
        concat!(
            r#"<svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">"#,
            $($shape),+,
            "</svg>"
        )
    };
}
pub(crate) use svg;

/// What a page says of a service for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    NotKnown,
    Working,
    Maintenance,
    Slow,
    ComesAndGoes,
    Down,
}

impl From<Verdict> for State {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Unknown => Self::NotKnown,
            Verdict::Up => Self::Working,
            Verdict::Slow => Self::Slow,
            Verdict::Intermittent => Self::ComesAndGoes,
            Verdict::Down => Self::Down,
        }
    }
}

impl State {
    pub const ALL: [Self; 6] = [
        Self::Working,
        Self::Slow,
        Self::ComesAndGoes,
        Self::Down,
        Self::NotKnown,
        Self::Maintenance,
    ];

    /// The word on every page.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Working => Verdict::Up.plain(),
            Self::Slow => Verdict::Slow.plain(),
            Self::ComesAndGoes => Verdict::Intermittent.plain(),
            Self::Down => Verdict::Down.plain(),
            Self::NotKnown => Verdict::Unknown.plain(),
            Self::Maintenance => "Maintenance",
        }
    }

    /// The end of its classes and tokens in the stylesheet: `is-down`, `--down`.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Working => "up",
            Self::Slow => "slow",
            Self::ComesAndGoes => "intermittent",
            Self::Down => "down",
            Self::NotKnown => "unknown",
            Self::Maintenance => "maintenance",
        }
    }

    /// The shape as a character, for plain text.
    #[must_use]
    pub fn glyph(self) -> char {
        match self {
            Self::Working => '●',
            Self::Slow => '◐',
            Self::ComesAndGoes => '◍',
            Self::Down => '■',
            Self::NotKnown => '◌',
            Self::Maintenance => '⧗',
        }
    }

    /// The shape drawn, because fonts disagree about the characters; it says nothing by itself.
    #[must_use]
    pub fn svg(self) -> &'static str {
        match self {
            Self::Working => svg!(r#"<circle cx="8" cy="8" r="7" stroke="none"/>"#),
            Self::Slow => svg!(
                r#"<circle cx="8" cy="8" r="6.2" fill="none" stroke-width="1.6"/>"#,
                r#"<path d="M8 1.8a6.2 6.2 0 0 0 0 12.4z" stroke="none"/>"#
            ),
            Self::ComesAndGoes => svg!(
                r#"<circle cx="8" cy="8" r="6.2" fill="none" stroke-width="1.6"/>"#,
                r#"<path d="M5 3v10M8 2v12M11 3v10" fill="none" stroke-width="1.6"/>"#
            ),
            Self::Down => svg!(r#"<path d="M1.5 1.5h13v13h-13z" stroke="none"/>"#),
            Self::NotKnown => svg!(
                r#"<circle cx="8" cy="8" r="6.2" fill="none" stroke-width="1.6" "#,
                r#"stroke-dasharray="2.6 2.27"/>"#
            ),
            Self::Maintenance => svg!(
                r#"<path d="M3 1.5h10M3 14.5h10" fill="none" stroke-width="1.8"/>"#,
                r#"<path d="M4.5 2.5h7L8 8l3.5 5.5h-7L8 8z" stroke="none"/>"#
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_states_share_shape_word_or_colour() {
        let words: BTreeSet<_> = State::ALL.map(State::word).into();
        let classes: BTreeSet<_> = State::ALL.map(State::class).into();
        let glyphs: BTreeSet<_> = State::ALL.map(State::glyph).into();
        let shapes: BTreeSet<_> = State::ALL.map(State::svg).into();
        for count in [words.len(), classes.len(), glyphs.len(), shapes.len()] {
            assert_eq!(count, State::ALL.len());
        }
    }
}
