//! The one route table: method, address, action and decision of everything that answers.
//!
//! The router is built from it, so that no route exists without a decision, and a test walks it to
//! print and check who may do what.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::gate::{Decision, Gate, enforce};
use super::ops::activation::answers;
use super::{Web, ack, assets, live, ops, reports, staff, vitals};

/// How a route is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Get,
    Post,
}

/// One row of the table, for a router whose state is `S`.
#[derive(Clone, Copy)]
pub struct Route<S: 'static> {
    pub verb: Verb,
    pub path: &'static str,
    /// What is done there, in words, for the access matrix.
    pub action: &'static str,
    pub decision: Decision,
    /// The handler; its method must be `verb`'s.
    pub handler: fn() -> MethodRouter<S>,
}

const READ: Decision = Decision::Roles(ops::READERS);
const ACT: Decision = Decision::Roles(ops::ACTORS);

/// Everything but the portal's pages, which have a table of their own.
pub const ROUTES: &[Route<Arc<Web>>] = &[
    Route {
        verb: Verb::Get,
        path: "/",
        action: "see whether it works for an office",
        decision: Decision::Public,
        handler: || get(staff::home),
    },
    Route {
        verb: Verb::Post,
        path: "/report",
        action: "say that it is not working for me",
        decision: Decision::Public,
        handler: || post(staff::report::submit),
    },
    Route {
        verb: Verb::Get,
        path: "/reported",
        action: "see that a report is kept",
        decision: Decision::Public,
        handler: || get(staff::report::thanks),
    },
    Route {
        verb: Verb::Get,
        path: "/phones",
        action: "read the phone list",
        decision: Decision::Public,
        handler: || get(staff::phones),
    },
    Route {
        verb: Verb::Get,
        path: "/ops",
        action: "see how every target stands",
        decision: READ,
        handler: || get(ops::now::now),
    },
    Route {
        verb: Verb::Get,
        path: "/ops/outages/{id}",
        action: "read an outage and its evidence",
        decision: READ,
        handler: || get(ops::outage::outage),
    },
    Route {
        verb: Verb::Get,
        path: "/ops/activations/{id}",
        action: "read a plan in force",
        decision: READ,
        handler: || get(ops::activation::activation),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/activations/{id}/acknowledge",
        action: "acknowledge a step",
        decision: ACT,
        handler: || post(answers::acknowledge),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/activations/{id}/answer",
        action: "decide a step or standing down",
        decision: ACT,
        handler: || post(answers::vote),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/activations/{id}/tick",
        action: "tick a line of a checklist",
        decision: ACT,
        handler: || post(answers::tick),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/activations/{id}/stand-down",
        action: "stand a plan down by hand",
        decision: ACT,
        handler: || post(answers::stand_down),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/activations/{id}/resume",
        action: "resume a suspended function",
        decision: ACT,
        handler: || post(answers::resume),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/activations/{id}/accept",
        action: "accept a proposed plan",
        decision: ACT,
        handler: || post(answers::accept),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/activations/{id}/decline",
        action: "decline a proposed plan",
        decision: ACT,
        handler: || post(answers::decline),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/notices/{id}/settle",
        action: "say what became of a notice in doubt",
        decision: ACT,
        handler: || post(ops::notices::settle),
    },
    Route {
        verb: Verb::Get,
        path: "/ops/incidents",
        action: "list the incidents",
        decision: READ,
        handler: || get(ops::incidents::list),
    },
    Route {
        verb: Verb::Get,
        path: "/ops/incidents/{id}",
        action: "read an incident",
        decision: READ,
        handler: || get(ops::incidents::incident),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/incidents/{id}/take",
        action: "take an incident",
        decision: ACT,
        handler: || post(ops::incidents::take),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/incidents/{id}/note",
        action: "note something on an incident",
        decision: ACT,
        handler: || post(ops::incidents::note),
    },
    Route {
        verb: Verb::Get,
        path: "/ops/start",
        action: "see which plans can be started",
        decision: ACT,
        handler: || get(ops::start::form),
    },
    Route {
        verb: Verb::Post,
        path: "/ops/start",
        action: "start a plan by hand",
        decision: ACT,
        handler: || post(ops::start::submit),
    },
    Route {
        verb: Verb::Get,
        path: "/ops/register",
        action: "read the register",
        decision: READ,
        handler: || get(ops::register::list),
    },
    Route {
        verb: Verb::Get,
        path: "/ops/probes",
        action: "see what is probed",
        decision: READ,
        handler: || get(ops::probes::list),
    },
    Route {
        verb: Verb::Get,
        path: "/ops/probes/{target}/{probe}",
        action: "see the last runs of a probe",
        decision: READ,
        handler: || get(ops::probes::probe),
    },
    Route {
        verb: Verb::Get,
        path: "/metrics",
        action: "read the metrics",
        decision: Decision::MetricsNetworks,
        handler: || get(vitals::metrics),
    },
    Route {
        verb: Verb::Get,
        path: "/healthz",
        action: "ask whether the process answers",
        decision: Decision::Public,
        handler: || get(vitals::health),
    },
    Route {
        verb: Verb::Get,
        path: "/readyz",
        action: "ask whether it can do its work",
        decision: Decision::Public,
        handler: || get(vitals::readiness),
    },
    Route {
        verb: Verb::Get,
        path: "/reports",
        action: "read the report of a period",
        decision: READ,
        handler: || get(reports::show),
    },
    Route {
        verb: Verb::Get,
        path: "/reports/file",
        action: "fetch the report of a period",
        decision: READ,
        handler: || get(reports::file),
    },
    Route {
        verb: Verb::Get,
        path: "/ack/{token}",
        action: "see what a link acknowledges",
        decision: Decision::SignedLink,
        handler: || get(ack::show),
    },
    Route {
        verb: Verb::Post,
        path: "/ack/{token}",
        action: "acknowledge by a link",
        decision: Decision::SignedLink,
        handler: || post(ack::acknowledge),
    },
    Route {
        verb: Verb::Get,
        path: "/assets/holdfast.css",
        action: "fetch the stylesheet",
        decision: Decision::Public,
        handler: || get(assets::stylesheet),
    },
    Route {
        verb: Verb::Get,
        path: "/assets/live.js",
        action: "fetch the script",
        decision: Decision::Public,
        handler: || get(assets::script),
    },
    Route {
        verb: Verb::Get,
        path: "/assets/holdfast.svg",
        action: "fetch the icon",
        decision: Decision::Public,
        handler: || get(assets::icon),
    },
    Route {
        verb: Verb::Get,
        path: "/live",
        action: "hear that something changed",
        decision: Decision::Public,
        handler: || get(live::events),
    },
];

/// Builds a router from a table: every handler behind the gate with its row's decision.
pub fn build<S>(table: &[Route<S>], gate: &Gate) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    table.iter().fold(Router::new(), |router, route| {
        let guarded = from_fn_with_state((gate.clone(), route.decision), enforce);
        router.route(route.path, (route.handler)().layer(guarded))
    })
}
