//! `/ops/start`: a plan put in force by hand, with the ground and the reason on the record.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::continuity::command::StartRequest;
use crate::domain::ids::PlaybookId;
use crate::domain::playbook::{Ground, Playbook};

use super::super::Web;
use super::super::error::WebError;
use super::super::forms::{Choice, FieldError};
use super::super::gate::Visitor;
use super::super::layout::{Layout, Section, page};
use super::super::names::Names;

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Sent {
    playbook: String,
    unit: String,
    ground: String,
    reason: String,
    /// Present when it is a drill.
    exercise: Option<String>,
}

/// What the page needs to know of a plan.
pub struct PlanChoice {
    pub title: String,
    pub words: String,
}

#[derive(Template)]
#[template(path = "web/ops/start.html")]
struct StartPage {
    layout: Layout,
    errors: Vec<FieldError>,
    playbooks: Vec<Choice>,
    plans: Vec<PlanChoice>,
    grounds: Vec<Choice>,
    unit: String,
    reason: String,
    exercise: bool,
}

pub(in crate::web) async fn form(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<impl IntoResponse, WebError> {
    page(&compose(&web, &visitor, &Sent::default(), Vec::new())?)
}

pub(in crate::web) async fn submit(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Form(sent): Form<Sent>,
) -> Result<Response, WebError> {
    let plans = web.plans()?;
    let by = visitor.signed_in()?.account.person.clone();
    let playbooks = plans.playbooks.borrow().clone();
    let mut errors = Vec::new();
    let mut fault = |field, text: &str| errors.push(FieldError { field, text: text.to_owned() });
    let playbook = PlaybookId::new(&sent.playbook)
        .ok()
        .filter(|id| playbooks.iter().any(|known| known.id == *id));
    if playbook.is_none() {
        fault("start-plan", "Choose a plan from the list");
    }
    let ground = Ground::parse(&sent.ground);
    if ground.is_none() && !sent.ground.is_empty() {
        fault("start-ground", "Choose a ground from the list");
    }
    let (unit, reason) = (sent.unit.trim(), sent.reason.trim());
    if unit.is_empty() {
        fault("start-unit", "Write for which unit the plan is put in force");
    }
    if reason.is_empty() {
        fault("start-reason", "Write why: the reason is kept on the record");
    }
    let (Some(playbook), true) = (playbook, errors.is_empty()) else {
        let page = page(&compose(&web, &visitor, &sent, errors)?)?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let request = StartRequest {
        playbook,
        unit: unit.to_owned(),
        ground,
        reason: reason.to_owned(),
        by,
        exercise: sent.exercise.is_some(),
    };
    let id = plans.continuity.start(request).await?;
    web.changed();
    Ok(Redirect::to(&format!("/ops/activations/{id}")).into_response())
}

fn compose(
    web: &Web,
    visitor: &Visitor,
    sent: &Sent,
    errors: Vec<FieldError>,
) -> Result<StartPage, WebError> {
    let playbooks = web.plans()?.playbooks.borrow().clone();
    let people = web.people();
    let title = if errors.is_empty() { "Start a plan" } else { "Error: start a plan" };
    let choice = |playbook: &Arc<Playbook>| {
        let id = playbook.id.as_str();
        Choice::new(id, &playbook.title, id == sent.playbook)
    };
    let ground = |ground: Ground| {
        Choice::new(ground.as_str(), ground.title(), ground.as_str() == sent.ground)
    };
    Ok(StartPage {
        layout: web.layout(title, Section::Operations, visitor).at("/ops/start"),
        errors,
        playbooks: playbooks.iter().map(choice).collect(),
        plans: playbooks
            .iter()
            .map(|playbook| PlanChoice {
                title: playbook.title.clone(),
                words: format!(
                    "{}. {} steps. Started by: {}.",
                    playbook.ground.title(),
                    playbook.steps.len(),
                    Names(&people).roles(&playbook.activates)
                ),
            })
            .collect(),
        grounds: Ground::ALL.into_iter().map(ground).collect(),
        unit: sent.unit.clone(),
        reason: sent.reason.clone(),
        exercise: sent.exercise.is_some(),
    })
}
