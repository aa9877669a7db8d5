//! The staff portal: the read-only copy on pages by task, for people signed in.
//!
//! It has a route table of its own and works with the database, the network and the case system
//! down. What somebody may see was decided and written to the audit trail before a page has it.

mod care;
mod closed;
mod due;
mod find;
mod frame;
mod history;
mod knock;
mod person;
mod screen;
mod sections;
mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::error::WebError;
use super::gate::{Decision, Gate, Sessions, Visitor};
use super::routes::{Route, Verb, build};
use super::times::Times;
use super::{headers, sign_in};
use crate::clock::Clock;
use crate::domain::access::{Action, Refusal};
use crate::domain::records::RecordId;
use crate::domain::session::Session;
use crate::identity::Identity;
use crate::snapshots::{Portal, PortalError};
use crate::vault::audit::Audit;

/// What the portal's pages work with; handed in by `app`.
pub struct PortalWeb {
    pub clock: Clock,
    pub zone: TimeZone,
    /// Whether pages say that everything on them is synthetic.
    pub synthetic: bool,
    pub identity: Arc<Identity>,
    pub audit: Audit,
    pub portal: Arc<Portal>,
    /// How the case system stands, as one sentence for the banner; empty when nothing is known.
    pub live: watch::Receiver<String>,
    /// Beyond this age the banner says that the copy is older than it should be.
    pub freshness_objective: Duration,
}

impl PortalWeb {
    /// Now, in words of the installation's zone.
    #[must_use]
    pub fn times(&self) -> Times {
        Times::new(self.clock.now(), self.zone.clone())
    }
}

impl Sessions for Identity {
    fn find(&self, token: &str, now: jiff::Timestamp) -> Option<Session> {
        self.sessions.find(token, now)
    }
}

/// The record that an address names.
fn record_id(text: &str) -> Result<RecordId, PortalError> {
    RecordId::new(text).map_err(|_| PortalError::Refused(Refusal::NotHere))
}

/// Refuses a form that was not made for this session.
fn check_form(portal: &PortalWeb, visitor: &Visitor, code: &str) -> Result<(), WebError> {
    let session = visitor.signed_in()?;
    if portal.identity.sessions.is_form_of(session, code) {
        Ok(())
    } else {
        Err(WebError::Conflict(
            "This form is of an earlier sign-in. Go back and open it again.".into(),
        ))
    }
}

/// The portal's routes, signing in among them.
pub const ROUTES: &[Route<Arc<PortalWeb>>] = &[
    Route {
        verb: Verb::Get,
        path: "/sign-in",
        action: "sign in",
        decision: Decision::Public,
        handler: || get(sign_in::show),
    },
    Route {
        verb: Verb::Post,
        path: "/sign-in",
        action: "sign in",
        decision: Decision::Public,
        handler: || post(sign_in::submit),
    },
    Route {
        verb: Verb::Post,
        path: "/sign-out",
        action: "sign out",
        decision: Decision::Public,
        handler: || post(sign_in::sign_out),
    },
    Route {
        verb: Verb::Get,
        path: "/portal",
        action: "look for a person",
        decision: Decision::Roles(Action::FindPeople.roles()),
        handler: || get(find::show),
    },
    Route {
        verb: Verb::Post,
        path: "/portal/find",
        action: "find people",
        decision: Decision::Roles(Action::FindPeople.roles()),
        handler: || post(find::search),
    },
    Route {
        verb: Verb::Get,
        path: "/portal/person/{id}",
        action: "open a person's file",
        decision: Decision::Roles(Action::OpenPerson.roles()),
        handler: || get(person::show),
    },
    Route {
        verb: Verb::Post,
        path: "/portal/reason/{id}",
        action: "open a record for a stated reason",
        decision: Decision::Roles(Action::OpenPerson.roles()),
        handler: || post(closed::submit),
    },
    Route {
        verb: Verb::Get,
        path: "/portal/screen/{id}",
        action: "see what to know before screening",
        decision: Decision::Roles(Action::ScreenHousehold.roles()),
        handler: || get(screen::show),
    },
    Route {
        verb: Verb::Get,
        path: "/portal/carer-call/{id}",
        action: "answer a carer's call",
        decision: Decision::Roles(Action::ReadCarerCall.roles()),
        handler: || get(care::carer_call),
    },
    Route {
        verb: Verb::Get,
        path: "/portal/hand-over/{id}",
        action: "hand a young person over",
        decision: Decision::Roles(Action::ReadHandOver.roles()),
        handler: || get(care::hand_over),
    },
    Route {
        verb: Verb::Get,
        path: "/portal/due",
        action: "see what is due",
        decision: Decision::Roles(Action::ReadDue.roles()),
        handler: || get(due::due),
    },
    Route {
        verb: Verb::Get,
        path: "/portal/court",
        action: "see what is listed at court",
        decision: Decision::Roles(Action::ReadCourt.roles()),
        handler: || get(due::court),
    },
];

/// The portal behind its gate, to be merged with the other pages.
pub fn router(portal: Arc<PortalWeb>) -> Router {
    let gate = Gate {
        clock: portal.clock.clone(),
        sessions: portal.identity.clone(),
        metrics_networks: [].into(),
    };
    headers::protect(build(ROUTES, &gate).with_state(portal))
}
