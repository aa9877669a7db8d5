//! The control socket: what the command line asks of the running service.
//!
//! Whoever may open the socket is the service's own user, so `by` is taken as said; whether that
//! person may do it is decided where the console's buttons are decided. It must not be reachable
//! from anywhere but this machine.

use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use crate::continuity::command::{Answer, Command, CommandError, StartRequest};
use crate::continuity::decide::Input;
use crate::domain::ids::{PersonId, PlaybookId, PlaybookStepId};
use crate::domain::incident::{ActivationId, IncidentId};
use crate::domain::playbook::Ground;

use super::plans::Plans;

/// Where an order is posted.
pub const ORDERS: &str = "/orders";
/// How an answer reached us, for the record.
const VIA: &str = "command line";

/// Something a person asks for by hand.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    Start {
        playbook: PlaybookId,
        unit: String,
        ground: Option<Ground>,
        reason: String,
        by: PersonId,
        exercise: bool,
    },
    Acknowledge {
        activation: ActivationId,
        step: PlaybookStepId,
        by: PersonId,
    },
    StandDown {
        activation: ActivationId,
        by: PersonId,
        reason: String,
    },
    NoteIncident {
        incident: IncidentId,
        by: PersonId,
        words: String,
    },
}

/// It was done, and is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The activation it led to, or was about.
    pub activation: Option<ActivationId>,
}

/// It was not done, and why in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotDone {
    pub why: String,
}

/// Told when an order changed something that a page may show.
pub type Changed = Arc<dyn Fn() + Send + Sync>;

/// Answers orders until `stop`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: UnixListener,
    with: (Plans, Changed),
    stop: CancellationToken,
) -> io::Result<()> {
    let router = Router::new().route(ORDERS, post(carry_out)).with_state(with);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn carry_out(
    State((plans, changed)): State<(Plans, Changed)>,
    Json(order): Json<Order>,
) -> Response {
    match ask(&plans, order).await {
        Ok(done) => {
            changed();
            Json(done).into_response()
        }
        Err((status, why)) => (status, Json(NotDone { why })).into_response(),
    }
}

async fn ask(plans: &Plans, order: Order) -> Result<Done, (StatusCode, String)> {
    let (by, command, about) = command(order);
    if !plans.people.borrow().persons.contains_key(&by) {
        let why = format!("people.yaml has no person '{by}': write one of those there");
        return Err((StatusCode::FORBIDDEN, why));
    }
    match plans.continuity.ask(command).await {
        Ok(Answer::Started(activation)) => Ok(Done { activation: Some(activation) }),
        Ok(Answer::Done | Answer::Acknowledged { .. }) => Ok(Done { activation: about }),
        Err(error) => {
            let ours = matches!(error, CommandError::NotDurable(_) | CommandError::Stopping);
            let status = if ours { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::CONFLICT };
            Err((status, error.to_string()))
        }
    }
}

/// Who asks, for what, and the activation it is about.
fn command(order: Order) -> (PersonId, Command, Option<ActivationId>) {
    match order {
        Order::Start { playbook, unit, ground, reason, by, exercise } => {
            let request = StartRequest { playbook, unit, ground, reason, by: by.clone(), exercise };
            (by, Command::Start(request), None)
        }
        Order::Acknowledge { activation, step, by } => {
            let input = Input::Acknowledge { step, by: by.clone(), via: VIA.to_owned() };
            (by, Command::Input(activation.clone(), input), Some(activation))
        }
        Order::StandDown { activation, by, reason } => {
            let input = Input::StandDown { by: by.clone(), reason };
            (by, Command::Input(activation.clone(), input), Some(activation))
        }
        Order::NoteIncident { incident, by, words } => {
            (by.clone(), Command::NoteIncident { incident, by, words }, None)
        }
    }
}
