//! Why a record is closed, whom to ring, what opening it means, and the form to state a reason.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::frame::{Frame, error};
use super::{PortalWeb, check_form, record_id};
use crate::domain::access::{OPENING_WINDOW, ReasonCode, Refusal, WORDS_AT_MOST};
use crate::domain::session::Role;
use crate::snapshots::PortalError;
use crate::web::error::WebError;
use crate::web::forms::{Choice, FieldError};
use crate::web::gate::Visitor;
use crate::web::layout::{Layout, page};

/// What somebody wanted to open, and the page to lead back to.
pub(super) struct Wish {
    pub record: String,
    /// `person` or `screen`.
    pub back: &'static str,
}

/// The form of a stated reason.
#[derive(Debug, Deserialize)]
pub struct ReasonForm {
    #[serde(default)]
    form_code: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    words: String,
    #[serde(default)]
    back: String,
}

#[derive(Template)]
#[template(path = "web/portal/closed.html")]
struct ClosedPage {
    layout: Layout,
    frame: Frame,
    why: String,
    ring: String,
    record: String,
    back: &'static str,
    /// None when no reason opens it.
    reasons: Option<Reasons>,
    errors: Vec<FieldError>,
}

struct Reasons {
    choices: Vec<Choice>,
    /// Opening without usual access, which somebody outside the team reviews.
    reviewed: bool,
    minutes: u64,
    words_at_most: usize,
}

/// Explains a refusal, with the way in where there is one.
///
/// # Errors
/// When the session is over or the page does not render.
pub(super) fn explain(
    visitor: &Visitor,
    mut frame: Frame,
    refusal: Refusal,
    wish: Wish,
    errors: Vec<FieldError>,
) -> Result<Response, WebError> {
    if refusal == Refusal::SessionOver {
        return Err(WebError::SignIn { next: None });
    }
    if refusal == Refusal::NotHere {
        return Err(WebError::NotFound("There is no such record in this copy for you."));
    }
    let session = visitor.signed_in()?;
    let screening = session.account.has_role(Role::Intake);
    let reasons = match refusal {
        Refusal::NotYours { screening: true, .. } => Some(Reasons::screening()),
        Refusal::NotYours { without_usual_access: true, .. } => Some(Reasons::reviewed()),
        // The words were missing: the form it was sent from is shown again.
        Refusal::WordsMissing if screening => Some(Reasons::screening()),
        Refusal::WordsMissing => Some(Reasons::reviewed()),
        _ => None,
    };
    let ring = match refusal.ring() {
        Some(ring) => match &ring.phone {
            Some(phone) => format!("{}: {phone}", ring.who),
            None => ring.who.clone(),
        },
        None => frame.phones.duty_line.clone().unwrap_or_else(|| "the duty line".to_owned()),
    };
    frame.layout.title = format!("Closed: record {}", wish.record);
    let template = ClosedPage {
        layout: frame.layout.clone(),
        frame,
        why: refusal.to_string(),
        ring,
        record: wish.record,
        back: wish.back,
        reasons,
        errors,
    };
    Ok((StatusCode::FORBIDDEN, page(&template)?).into_response())
}

/// Takes a stated reason and leads to the record.
///
/// # Errors
/// While the copy is closed or the trail cannot be written, or when the page does not render.
pub async fn submit(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(sent): Form<ReasonForm>,
) -> Result<Response, WebError> {
    check_form(&portal, &visitor, &sent.form_code)?;
    let back = if sent.back == "screen" { "screen" } else { "person" };
    let frame = Frame::new(&portal, &visitor, format!("Closed: record {id}"), "/portal")?;
    let wish = Wish { record: id.clone(), back };
    let Some(code) = ReasonCode::parse(&sent.code) else {
        let text = "Choose the reason that fits best".to_owned();
        let errors = vec![FieldError { field: "code", text }];
        return explain(&visitor, frame, Refusal::WordsMissing, wish, errors);
    };
    let record = record_id(&id).map_err(error)?;
    let directory = portal.identity.sessions.directory();
    let kept = (&directory.review_key, portal.clock.now());
    let session = visitor.signed_in()?;
    let stated = portal.portal.state_reason(session, &record, (code, &sent.words), kept).await;
    match stated {
        Ok(_) => Ok(Redirect::to(&format!("/portal/{back}/{record}")).into_response()),
        Err(PortalError::Refused(Refusal::WordsMissing)) => {
            let text = Refusal::WordsMissing.to_string();
            let errors = vec![FieldError { field: "words", text }];
            explain(&visitor, frame, Refusal::WordsMissing, wish, errors)
        }
        Err(PortalError::Refused(refusal)) => explain(&visitor, frame, refusal, wish, Vec::new()),
        Err(other) => Err(error(other)),
    }
}

impl Reasons {
    fn screening() -> Self {
        Self::of(|code| code == ReasonCode::Screening, false)
    }

    fn reviewed() -> Self {
        Self::of(|code| code != ReasonCode::Screening, true)
    }

    fn of(fits: impl Fn(ReasonCode) -> bool, reviewed: bool) -> Self {
        let fitting = ReasonCode::ALL.into_iter().filter(|code| fits(*code));
        let choices = fitting
            .map(|code| Choice::new(code.as_str(), code.title(), code == ReasonCode::Screening));
        Self {
            choices: choices.collect(),
            reviewed,
            minutes: OPENING_WINDOW.as_secs() / 60,
            words_at_most: WORDS_AT_MOST,
        }
    }
}
