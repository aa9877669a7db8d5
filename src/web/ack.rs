//! The page behind the link in a notice: what it acknowledges, and one button that does.
//!
//! Opening it changes nothing, because mail scanners open every link.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Html;

use super::Web;
use super::error::WebError;
use super::gate::Visitor;
use super::layout::{Layout, Section, page};
use crate::channels::link::Acknowledgement;
use crate::continuity::views;

/// How the acknowledgement came, for the record.
const VIA: &str = "link";

#[derive(Template)]
#[template(path = "web/ack.html")]
struct AckPage {
    layout: Layout,
    subject: String,
    token: String,
    /// What was acknowledged, once it was.
    done: Option<String>,
}

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
) -> Result<Html<String>, WebError> {
    let (_, subject) = notice(&web, &token).await?;
    let layout = web.layout("Acknowledge a message", Section::Staff, &visitor);
    page(&AckPage { layout, subject, token, done: None })
}

pub(super) async fn acknowledge(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
) -> Result<Html<String>, WebError> {
    let (link, subject) = notice(&web, &token).await?;
    let plans = web.plans()?;
    let words = plans.continuity.acknowledge_notice(&link.notice, &link.person, VIA).await?;
    web.changed();
    let layout = web.layout("Acknowledged", Section::Staff, &visitor);
    page(&AckPage { layout, subject, token, done: Some(words) })
}

/// What a link is for, and the subject of its notice.
async fn notice(web: &Web, token: &str) -> Result<(Acknowledgement, String), WebError> {
    let link = web
        .plans()?
        .links
        .verify(token, web.clock.now())
        .map_err(|error| WebError::Conflict(format!("{error}.")))?;
    let notice = views::notice(&web.store, &link.notice).await.map_err(WebError::internal)?;
    let notice = notice.ok_or(WebError::NotFound("There is no notice of that number."))?;
    Ok((link, notice.subject))
}
