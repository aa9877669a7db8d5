//! Notices with their attempts: who was told what, over which channel, and how it went.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use serde::Deserialize;

use crate::continuity::views::NoticeView;
use crate::domain::notice::{Channel, NoticeKind, NoticeState};
use crate::store::continuity::outbox;

use super::super::Web;
use super::super::error::WebError;
use super::super::names::{Names, in_plain};
use super::super::states::Progress;
use super::super::times::{Moment, Times};

/// One notice to one person over one channel.
pub struct NoticeLine {
    pub id: String,
    pub progress: Progress,
    pub in_doubt: bool,
    pub who: String,
    pub what: &'static str,
    pub channel: &'static str,
    pub created: Moment,
    pub state: &'static str,
    /// What the receiver said, or why it failed.
    pub answer: String,
    pub attempts: Vec<String>,
}

/// The lines of some notices, in their order.
#[must_use]
pub fn lines(notices: &[NoticeView], names: Names<'_>, times: &Times) -> Vec<NoticeLine> {
    notices.iter().map(|notice| line(notice, names, times)).collect()
}

/// Whether somebody has to be rung.
#[must_use]
pub fn any_in_doubt(notices: &[NoticeLine]) -> bool {
    notices.iter().any(|notice| notice.in_doubt)
}

fn line(notice: &NoticeView, names: Names<'_>, times: &Times) -> NoticeLine {
    let (progress, state) = shown(notice.state);
    let attempts = notice.attempts.iter().map(|attempt| {
        let when = times.moment(attempt.at).to_the_second();
        match attempt.detail.as_str() {
            "" => format!("{when} {}", in_plain(&attempt.outcome)),
            detail => format!("{when} {}: {detail}", in_plain(&attempt.outcome)),
        }
    });
    NoticeLine {
        id: notice.id.clone(),
        progress,
        in_doubt: notice.state == NoticeState::InDoubt,
        who: match &notice.person {
            Some(person) => names.person(person),
            None => notice.address.clone(),
        },
        what: kind_in_words(notice.kind),
        channel: match notice.channel {
            Channel::Email => "e-mail",
            Channel::Sms => "text message",
            Channel::Console => "console",
            Channel::Webhook => "webhook",
        },
        created: times.moment(notice.created_at),
        state,
        answer: notice.answer.clone(),
        attempts: attempts.collect(),
    }
}

/// What somebody found out about a notice in doubt.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct Settled {
    /// `yes` or `no`.
    arrived: String,
}

pub(in crate::web) async fn settle(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(settled): Form<Settled>,
) -> Result<Redirect, WebError> {
    let arrived = match settled.arrived.as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(WebError::Invalid("Say whether it arrived.".to_owned())),
    };
    let now = web.clock.now();
    let done = outbox::settle_doubt(&web.store, &id, arrived, now).await;
    if !done.map_err(WebError::internal)? {
        return Err(WebError::Conflict("This notice is not in doubt any more.".to_owned()));
    }
    web.changed();
    Ok(Redirect::to(&page_before(&headers)))
}

/// The console's page the form was on; the first one when the browser does not say.
fn page_before(headers: &HeaderMap) -> String {
    headers
        .get("referer")
        .and_then(|value| value.to_str().ok())
        .and_then(|address| address.split_once("://")?.1.find('/').map(|at| (address, at)))
        .and_then(|(address, at)| {
            let path = &address.split_once("://")?.1[at..];
            path.starts_with("/ops").then(|| path.to_owned())
        })
        .unwrap_or_else(|| "/ops".to_owned())
}

fn shown(state: NoticeState) -> (Progress, &'static str) {
    match state {
        NoticeState::Queued => (Progress::Waiting, "waiting to be sent"),
        NoticeState::Claimed | NoticeState::DataSent => (Progress::Due, "being sent"),
        NoticeState::Sent => (Progress::Done, "taken by the receiver"),
        NoticeState::Failed => (Progress::Failed, "failed"),
        NoticeState::InDoubt => (Progress::Late, "in doubt: it may have arrived"),
        NoticeState::Cancelled => (Progress::Skipped, "no longer needed"),
    }
}

fn kind_in_words(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::DownFirst => "First word",
        NoticeKind::Update => "Update",
        NoticeKind::Recovered => "It works again",
        NoticeKind::PlanStarted => "Plan in force",
        NoticeKind::PlanProposed => "Plan proposed",
        NoticeKind::Escalation => "Nobody acknowledged",
        NoticeKind::ApproveRequest => "Decision asked",
        NoticeKind::Checklist => "Checklist",
        NoticeKind::Reminder => "Reminder",
        NoticeKind::Suspended => "Function suspended",
        NoticeKind::Resumed => "Function resumed",
        NoticeKind::StandDownOffer => "May it stand down?",
        NoticeKind::AllClear => "All clear",
        NoticeKind::CaughtUp => "Several, late",
        NoticeKind::StaffReports => "Staff and probes disagree",
        NoticeKind::Signal => "A number to look at",
        NoticeKind::AgentSilent => "A location is not reporting",
        NoticeKind::AgentHeard => "A location reports again",
    }
}
