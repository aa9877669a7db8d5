//! How a state of a service or a step looks on a page.

use crate::documents::states::svg;

pub use crate::documents::states::State;

/// How far a step of a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    /// Its time has come and somebody is expected to act.
    Due,
    Late,
    Waiting,
    Skipped,
    Failed,
}

impl Progress {
    /// The word beside the mark.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Due => "Due now",
            Self::Late => "Late",
            Self::Waiting => "Later",
            Self::Skipped => "Skipped",
            Self::Failed => "Failed",
        }
    }

    /// The end of its class in the stylesheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Done => "up",
            Self::Due => "slow",
            Self::Late | Self::Failed => "down",
            Self::Waiting | Self::Skipped => "unknown",
        }
    }

    /// The mark on the timeline.
    #[must_use]
    pub fn svg(self) -> &'static str {
        match self {
            Self::Done => svg!(
                r#"<circle cx="8" cy="8" r="7.5" stroke="none"/><path class="mark-inside" "#,
                r#"d="M4.5 8.2l2.5 2.5 4.6-5.2" fill="none" stroke-width="2"/>"#
            ),
            Self::Due => State::Slow.svg(),
            Self::Late => State::Down.svg(),
            Self::Failed => {
                svg!(r#"<path d="M2.5 2.5l11 11M13.5 2.5l-11 11" fill="none" stroke-width="2.6"/>"#)
            }
            Self::Waiting => {
                svg!(r#"<circle cx="8" cy="8" r="6.2" fill="none" stroke-width="1.8"/>"#)
            }
            Self::Skipped => svg!(
                r#"<circle cx="8" cy="8" r="6.2" fill="none" stroke-width="1.8"/>"#,
                r#"<path d="M4 8h8" fill="none" stroke-width="1.8"/>"#
            ),
        }
    }
}
