//! The frame of the portal's pages: the banner that says what this is and how old, and the line
//! printed on every sheet. Also how a refusal by the portal becomes an answer.

use std::time::Duration;

use super::PortalWeb;
use crate::domain::session::{Phones, Session};
use crate::snapshots::{OpenStatus, PortalError, Status};
use crate::web::error::WebError;
use crate::web::gate::Visitor;
use crate::web::layout::{Layout, Section};
use crate::web::times::{Moment, Times};

/// What every page of the copy carries.
pub struct Frame {
    pub layout: Layout,
    pub banner: Banner,
    pub phones: Phones,
    /// The code that this session's forms carry.
    pub form_code: String,
    pub times: Times,
}

/// READ-ONLY COPY: made at, how old, what is not in it, the live system's state.
pub struct Banner {
    pub made: Moment,
    pub age: Age,
    /// What is not in the copy, joined; none when nothing is known to be missing.
    pub not_included: Option<String>,
    /// How the case system stands for people here, from what is probed and reported.
    pub live: Option<String>,
    /// For print: who made this sheet and when.
    pub printed: String,
}

/// How old the copy is against its objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Fresh,
    Old,
    VeryOld,
}

impl Age {
    /// Old beyond the objective, very old beyond three times that.
    #[must_use]
    pub fn of(age: Duration, objective: Duration) -> Self {
        if age <= objective {
            Self::Fresh
        } else if age <= objective * 3 {
            Self::Old
        } else {
            Self::VeryOld
        }
    }

    /// The words that go with the colour.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Fresh => "",
            Self::Old => "Older than it should be. ",
            Self::VeryOld => "MUCH older than it should be: ring before you rely on it. ",
        }
    }

    /// The end of the band's class.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Fresh => "",
            Self::Old => "band--old",
            Self::VeryOld => "band--down",
        }
    }
}

impl Frame {
    /// The frame of a page of the open copy.
    ///
    /// # Errors
    /// [`WebError::Unavailable`] while the copy is closed.
    pub fn new(
        portal: &PortalWeb,
        visitor: &Visitor,
        title: impl Into<String>,
        current: &'static str,
    ) -> Result<Self, WebError> {
        let session = visitor.signed_in()?;
        let Status::Open(status) = portal.portal.status() else {
            return Err(error(PortalError::Closed));
        };
        let times = portal.times();
        let now = times.moment(times.now());
        let made = times.moment(status.captured_at);
        let title = format!("{} (copy of {})", title.into(), made.short());
        let mut layout = Layout::new(title, Section::Portal, visitor, &now).at(current);
        layout = layout.synthetic(portal.synthetic);
        Ok(Self {
            layout,
            banner: Banner::new(portal, session, &status, &times),
            phones: portal.identity.sessions.directory().phones.clone(),
            form_code: portal.identity.sessions.form_code(session),
            times,
        })
    }

    /// Whom to ring about what the copy does not say.
    #[must_use]
    pub fn confirm_with(&self) -> String {
        match &self.phones.duty_line {
            Some(line) => format!("Ring {line} to confirm."),
            None => "Ring the duty line to confirm.".to_owned(),
        }
    }
}

impl Banner {
    fn new(portal: &PortalWeb, session: &Session, status: &OpenStatus, times: &Times) -> Self {
        let age = times.now().duration_since(status.captured_at).unsigned_abs();
        let missing = &status.not_included;
        let live = portal.live.borrow().clone();
        let printed = format!(
            "Printed by {} at {}",
            session.account.name,
            times.moment(times.now()).absolute()
        );
        Self {
            made: times.moment(status.captured_at),
            age: Age::of(age, portal.freshness_objective),
            not_included: (!missing.is_empty()).then(|| missing.join(", ")),
            live: (!live.is_empty()).then_some(live),
            printed,
        }
    }
}

/// How a refusal that no page explains becomes an answer.
pub fn error(error: PortalError) -> WebError {
    match error {
        PortalError::Closed => WebError::Unavailable(
            "The read-only copy is closed. It opens when a plan is in force that says so. The page \
             'For your office' says how the case system stands and whom to ring."
                .to_owned(),
        ),
        PortalError::NotOpenForYou => WebError::Forbidden(
            "The read-only copy is open for other offices and teams, not yet for yours. \
             Your office \
             page says what to do now."
                .to_owned(),
        ),
        PortalError::Audit(_) => WebError::Unavailable(
            "What is opened cannot be recorded just now, so nothing is shown. Ring the duty line: \
             a colleague at another site may be able to read out to you."
                .to_owned(),
        ),
        PortalError::Refused(refusal) => WebError::Forbidden(refusal.to_string()),
        PortalError::Damaged(fault) => WebError::internal(fault),
        PortalError::Index(fault) => WebError::internal(fault),
        PortalError::Sealing(fault) => WebError::internal(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_said_in_words_before_it_is_coloured() {
        let objective = Duration::from_secs(3600);
        assert_eq!(Age::of(objective, objective), Age::Fresh);
        assert_eq!(Age::of(objective * 2, objective), Age::Old);
        assert_eq!(Age::of(objective * 4, objective), Age::VeryOld);
        assert!(Age::of(objective * 4, objective).words().contains("MUCH older"));
    }
}
