//! The agents' route table: address, action and what is asked of whoever comes.
//!
//! The router is built from it, so that no route exists without a decision.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::{Agents, receive};
use crate::crypto::authority::Seen;
use crate::domain::agent::{ASK_WAIT, ASKS, CHECKS, ENROL, MESSAGE_BYTES, PLAN, RENEW, Refused};
use crate::domain::ids::LocationId;
use crate::store::agents;

/// A message that takes longer to come, or to become durable, is sent again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a route asks of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A one-time token in the message; its handler looks.
    Token,
    /// A certificate of ours that is not revoked, for a location that is configured. The handler
    /// is told the location, and takes nothing of another.
    Certificate,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Route {
    pub path: &'static str,
    /// What is done there, in words.
    pub action: &'static str,
    pub needs: Needs,
    handler: fn() -> MethodRouter<Arc<Agents>>,
}

pub const ROUTES: &[Route] = &[
    Route {
        path: ENROL,
        action: "get a first certificate",
        needs: Needs::Token,
        handler: || post(receive::enrol),
    },
    Route {
        path: RENEW,
        action: "get the next certificate",
        needs: Needs::Certificate,
        handler: || post(receive::renew),
    },
    Route {
        path: PLAN,
        action: "fetch what is to be probed there",
        needs: Needs::Certificate,
        handler: || get(receive::plan),
    },
    Route {
        path: CHECKS,
        action: "hand over what was found there",
        needs: Needs::Certificate,
        handler: || post(receive::checks),
    },
    Route {
        path: ASKS,
        action: "wait for confirmations to be asked for there",
        needs: Needs::Certificate,
        handler: || post(receive::asks),
    },
];

/// Whoever is at the other end of a connection, as TLS has proved it.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub certificate: Option<Arc<Seen>>,
}

/// The location whose agent asks: its certificate was just looked at.
#[derive(Clone, Debug)]
pub struct Known {
    pub location: LocationId,
    pub serial: String,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("this needs a certificate: enrol the agent")]
    Unknown,
    #[error("{0}")]
    Forbidden(String),
    #[error("too many tokens were tried: wait a minute")]
    Throttled,
    #[error("{0}")]
    Wrong(String),
    /// Ours; what it was is logged here and not told.
    #[error("the hub cannot take it: try again")]
    Unable,
}

impl Refusal {
    pub(super) fn unable(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "an agent's message was not taken");
        Self::Unable
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Unable => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(Refused { why: self.to_string() })).into_response()
    }
}

/// Every route behind its decision, bounded in bytes and time.
pub fn router(agents: &Arc<Agents>) -> Router {
    let router = ROUTES.iter().fold(Router::new(), |router, route| {
        let guarded = from_fn_with_state((Arc::clone(agents), route.needs), enforce);
        router.route(route.path, (route.handler)().layer(guarded))
    });
    let timeout = ANSWER_TIMEOUT + ASK_WAIT;
    router
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, timeout))
        .layer(CatchPanicLayer::custom(|_| Refusal::unable("a handler panicked").into_response()))
        .with_state(Arc::clone(agents))
}

async fn enforce(
    State((agents, needs)): State<(Arc<Agents>, Needs)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if needs == Needs::Certificate {
        let peer = request.extensions().get::<Peer>().cloned();
        let seen = peer.and_then(|peer| peer.certificate).ok_or(Refusal::Unknown)?;
        let location = LocationId::new(&seen.name).map_err(|_| Refusal::Unknown)?;
        let known = Known { location, serial: seen.serial.clone() };
        known.check(&agents).await?;
        request.extensions_mut().insert(known);
    }
    Ok(next.run(request).await)
}

impl Known {
    /// Whether the certificate holds still. A connection outlives a revocation; no message does.
    pub(super) async fn check(&self, agents: &Agents) -> Result<(), Refusal> {
        let Self { location, serial } = self;
        let now = agents.clock.now();
        match agents::is_certified(&agents.store, location, serial, now).await {
            Err(error) => Err(Refusal::unable(error)),
            Ok(false) => {
                let why = format!("the certificate for '{location}' is revoked or over");
                Err(Refusal::Forbidden(why + ": enrol the agent anew"))
            }
            Ok(true) if agents.plan(location).is_none() => {
                let why = format!("'{location}' is not among the 'locations' under 'agents'");
                Err(Refusal::Forbidden(why))
            }
            Ok(true) => Ok(()),
        }
    }
}
