//! The staff portal: the read-only copy on pages by task, for people signed in.
//!
//! It has a route table of its own and works with the database, the network and the case system
//! down. What somebody may see was decided and written to the audit trail before a page has it.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use jiff::tz::TimeZone;

use super::gate::{Decision, Gate, Sessions};
use super::routes::{Route, Verb, build};
use super::times::Times;
use super::{headers, sign_in};
use crate::clock::Clock;
use crate::domain::session::Session;
use crate::identity::Identity;
use crate::vault::audit::Audit;

/// What the portal's pages work with; handed in by `app`.
pub struct PortalWeb {
    pub clock: Clock,
    pub zone: TimeZone,
    /// Whether pages say that everything on them is synthetic.
    pub synthetic: bool,
    pub identity: Arc<Identity>,
    pub audit: Audit,
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
];

/// The portal behind its gate, to be merged with the other pages.
pub fn router(portal: Arc<PortalWeb>) -> Router {
    let gate = Gate { clock: portal.clock.clone(), sessions: portal.identity.clone() };
    headers::protect(build(ROUTES, &gate).with_state(portal))
}
