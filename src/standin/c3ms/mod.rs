//! C3MS as an HTTP application: the pages and the API that staff, probes and capture use.
//!
//! Everything it shows is synthetic, and every page says so. It knows nothing of Holdfast.
//!
//! # Pages, and what a probe can rely on in them
//!
//! HTML; without a session all but the first two answer 303 to `/sign-in`.
//!
//! - `GET /sign-in`: a form with `input[name=csrf]`; sets the cookie `c3ms_form`.
//! - `POST /sign-in` (`csrf`, `username`, `password`): 303 to `/`, cookie `c3ms_session`; 401
//!   with `#error` when wrong; 403 when the token is not the form's.
//! - `GET /`: `h1` "Home", `#signed-in-as`, `#unallocated`, `#as-of`.
//! - `GET /persons?q=`: `#results` with a `tr.person` each, `#count`; names without macrons find.
//! - `GET /persons/{id}`: `h1` name, `#alerts`, `#relationships`, `#cases`, `#placements`.
//! - `GET /cases/{id}`: `h1` title, `#status`, `#children`, `#orders`, `#hearings`, `#tasks`.
//! - `GET /cases/{id}/notes`: `#notes` with an `article.note` each, earlier versions inside.
//! - `GET /court`: `#hearings` of the next 14 days, `#expiring` orders.
//! - `GET /intake`: `#intake` form with `input[name=csrf]`.
//! - `GET /intake?q=`: `#found` with a `tr.notification` each of what was lodged with those words
//!   in its narrative, `td.reference` in it; `#count`.
//! - `POST /intake` (`csrf`, `concern`, `narrative`, `person_id`, `reporter_name`,
//!   `reporter_phone`, `source_type`, `office`): 303 to `/intake/{id}`; 422 with `#error` when
//!   concern or narrative is missing.
//! - `GET /intake/{id}`: `#reference` with the reference number, `#withdraw` form.
//! - `POST /intake/{id}/withdraw` (`csrf`): deletes what was lodged, 303 to `/intake`.
//! - `POST /sign-out` (`csrf`): ends the session, 303 to `/sign-in`.
//!
//! Every answer names in `x-c3ms-node` which of four nodes gave it.
//!
//! # API (JSON; session cookie or bearer token, else 401; every answer carries `as_of`)
//!
//! `/api/status` (open to all) · `/api/persons?q=` → `{"results": [person], "count"}` ·
//! `/api/persons/{id}` → `{"person"}` · `/api/persons/{id}/relationships|alerts|placements` ·
//! `/api/cases/{id}` → `{"case"}` · `/api/cases/{id}/notes|alerts|orders|hearings|placements|tasks`
//! · `/api/orders` (in force) · `/api/hearings` (to come) · `/api/caseload` · the export of
//! [`super::export`]. Lists are `{"results": […], "count": n}`, records as in the export.

mod api;
pub(super) mod control;
mod html;
mod intake;
mod pages;
mod search;
mod sign_in;
pub(super) mod wrong;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;
use secrecy::SecretString;

use super::draw::Draw;
use super::faults::Frozen;
use super::life::{self, Changes};
use super::register::Register;
use crate::clock::Clock;

/// A name and a passphrase that open the application.
#[derive(Clone, Debug)]
pub struct Account {
    pub username: String,
    pub password: SecretString,
}

/// The application's state, shared by its handlers.
#[derive(Clone)]
pub(super) struct C3ms(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// Readers take the `Arc` and let go of the lock; a writer copies only when one still reads.
    register: RwLock<Arc<Register>>,
    draw: Mutex<Draw>,
    sessions: Mutex<sign_in::Sessions>,
    accounts: Vec<Account>,
    capture_token: SecretString,
}

impl C3ms {
    pub(super) fn new(
        register: Register,
        clock: Clock,
        seed: u64,
        accounts: Vec<Account>,
        capture_token: SecretString,
    ) -> Self {
        Self(Arc::new(Inner {
            clock,
            register: RwLock::new(Arc::new(register)),
            // Not the generator's own sequence, or the first change would repeat the first family.
            draw: Mutex::new(Draw::new(!seed)),
            sessions: Mutex::default(),
            accounts,
            capture_token,
        }))
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .merge(sign_in::routes())
            .merge(pages::routes())
            .merge(intake::routes())
            .merge(api::routes())
            .with_state(self.clone())
    }

    /// Everything as it is now.
    pub(super) fn current(&self) -> Frozen {
        let register = Arc::clone(&self.0.register.read().unwrap_or_else(PoisonError::into_inner));
        let as_of = self.0.clock.now().max(register.last_change_at());
        Frozen { register, as_of }
    }

    /// Changes the register under its lock.
    pub(super) fn write<T>(&self, change: impl FnOnce(&mut Register, Timestamp) -> T) -> T {
        let mut register = self.0.register.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut register), self.0.clock.now())
    }

    /// Lets life go on: `count` records are added, changed or deleted.
    pub(super) fn live(&self, count: usize) -> Changes {
        let mut draw = self.0.draw.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(|register, now| life::go_on(register, &mut draw, count, now))
    }
}

/// What a request may see: the register as it is, or as it was when the feed went stale.
pub(super) struct View(pub Frozen);

impl FromRequestParts<C3ms> for View {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &C3ms) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<Frozen>().cloned().unwrap_or_else(|| app.current())))
    }
}
