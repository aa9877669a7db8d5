//! What people answer on the page of a plan: each is on record before the page says so.

use std::sync::Arc;

use axum::extract::{Extension, Form, Path, State};
use axum::response::Redirect;
use serde::Deserialize;

use crate::continuity::decide::Input;
use crate::domain::ids::{ChecklistItemId, FunctionId, PersonId, PlaybookStepId};
use crate::domain::incident::ActivationId;

use super::super::super::Web;
use super::super::super::deeds::Deed;
use super::super::super::error::WebError;
use super::super::super::gate::Visitor;

/// How an answer reached us, for the record.
const VIA: &str = "console";

/// What the forms of the page send; each uses what it needs.
#[derive(Debug, Default, Deserialize)]
pub struct Sent {
    step: Option<String>,
    item: Option<String>,
    function: Option<String>,
    /// `yes` or `no`.
    answer: Option<String>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    proof: String,
}

impl Sent {
    fn step(&self) -> Result<PlaybookStepId, WebError> {
        id(self.step.as_deref(), PlaybookStepId::new)
    }

    fn reason(&self) -> String {
        self.reason.trim().to_owned()
    }
}

type Asked = (State<Arc<Web>>, Extension<Visitor>, Path<String>, Form<Sent>);

pub(in crate::web) async fn acknowledge(asked: Asked) -> Result<Redirect, WebError> {
    answer(asked, |sent, by| Ok(Input::Acknowledge { step: sent.step()?, by, via: VIA.to_owned() }))
        .await
}

/// A vote on a step, or on standing down when no step is named.
pub(in crate::web) async fn vote(asked: Asked) -> Result<Redirect, WebError> {
    answer(asked, |sent, by| {
        let step = match sent.step.as_deref() {
            None | Some("") => None,
            Some(_) => Some(sent.step()?),
        };
        let approve = match sent.answer.as_deref() {
            Some("yes") => true,
            Some("no") => false,
            _ => return Err(WebError::Invalid("Say yes or no.".to_owned())),
        };
        Ok(Input::Answer { step, by, approve, reason: sent.reason() })
    })
    .await
}

pub(in crate::web) async fn tick(asked: Asked) -> Result<Redirect, WebError> {
    answer(asked, |sent, by| {
        let proof = sent.proof.trim();
        Ok(Input::Tick {
            step: sent.step()?,
            item: id(sent.item.as_deref(), ChecklistItemId::new)?,
            by,
            proof: (!proof.is_empty()).then(|| proof.to_owned()),
        })
    })
    .await
}

pub(in crate::web) async fn stand_down(asked: Asked) -> Result<Redirect, WebError> {
    answer(asked, |sent, by| Ok(Input::StandDown { by, reason: sent.reason() })).await
}

pub(in crate::web) async fn resume(asked: Asked) -> Result<Redirect, WebError> {
    answer(asked, |sent, by| {
        Ok(Input::Resume { function: id(sent.function.as_deref(), FunctionId::new)?, by })
    })
    .await
}

pub(in crate::web) async fn accept(asked: Asked) -> Result<Redirect, WebError> {
    answer(asked, |_, by| Ok(Input::Accept { by })).await
}

pub(in crate::web) async fn decline(asked: Asked) -> Result<Redirect, WebError> {
    answer(asked, |sent, by| Ok(Input::Decline { by, reason: sent.reason() })).await
}

async fn answer(
    (State(web), Extension(visitor), Path(activation), Form(sent)): Asked,
    input: impl FnOnce(&Sent, PersonId) -> Result<Input, WebError>,
) -> Result<Redirect, WebError> {
    let by = visitor.signed_in()?.account.person.clone();
    let input = input(&sent, by)?;
    let deed = Deed::Answer { activation: ActivationId(activation.clone()), input };
    web.deeds.ask(deed).await?;
    web.changed();
    let step = sent.step.filter(|step| !step.is_empty());
    let place = step.map(|step| format!("#step-{step}")).unwrap_or_default();
    Ok(Redirect::to(&format!("/ops/activations/{activation}{place}")))
}

fn id<T, E>(text: Option<&str>, read: impl Fn(&str) -> Result<T, E>) -> Result<T, WebError> {
    let wrong = || WebError::Invalid("The form does not say what it answers.".to_owned());
    read(text.ok_or_else(wrong)?).map_err(|_| wrong())
}
