//! "It is not working for me": durable before it is thanked for, and the same form counts once.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Extension, Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::continuity::command::Command;
use crate::domain::ids::{CohortId, ProbeId};
use crate::domain::target::{Cohort, Target};
use crate::store::staff_reports::{self, StaffReport};

use super::super::Web;
use super::super::error::WebError;
use super::super::forms::{Choice, FieldError};
use super::super::gate::Visitor;
use super::super::layout::{Layout, Section, page};
use super::super::throttle::Throttle;
use super::super::times::Moment;
use super::office;

/// A task that none of the probes imitates.
const OTHER: &str = "other";

/// Since when, in words and minutes before now.
const SINCE: [(u32, &str); 5] = [
    (0, "Just now"),
    (15, "About 15 minutes"),
    (30, "About half an hour"),
    (60, "About an hour"),
    (120, "Two hours or longer"),
];

/// The form as a page shows it.
#[derive(Clone, Debug)]
pub struct ReportForm {
    /// Made with the page, so that sending it twice counts once.
    pub id: String,
    pub offices: Vec<Choice>,
    pub tasks: Vec<Choice>,
    pub since: Vec<Choice>,
    pub errors: Vec<FieldError>,
}

impl ReportForm {
    /// A fresh form, with the reader's office and what was chosen before.
    #[must_use]
    pub fn new(targets: &[Arc<Target>], mine: Option<&CohortId>, sent: Option<&Sent>) -> Self {
        let task = sent.map(|sent| sent.task.as_str());
        let offices = office::all(targets)
            .into_iter()
            .map(|cohort| Choice::new(cohort.id.as_str(), &cohort.title, mine == Some(&cohort.id)))
            .collect();
        Self {
            id: fresh_id(),
            offices,
            tasks: targets
                .iter()
                .filter(|target| mine.is_none_or(|mine| target.cohort(mine).is_some()))
                .flat_map(|target| tasks(target, task))
                .collect(),
            since: SINCE
                .map(|(minutes, words)| Choice::new(minutes.to_string(), words, minutes == 0))
                .into(),
            errors: Vec::new(),
        }
    }

    #[must_use]
    pub fn has_error(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }
}

fn fresh_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn tasks(target: &Target, chosen: Option<&str>) -> Vec<Choice> {
    let choice = |task: &str, words: &str| {
        let value = format!("{}/{task}", target.id);
        let chosen = chosen == Some(value.as_str());
        Choice::new(value, format!("{}: {words}", target.title), chosen)
    };
    let mut tasks: Vec<Choice> =
        target.probes.iter().map(|probe| choice(probe.id.as_str(), &probe.title)).collect();
    tasks.push(choice(OTHER, "something else"));
    tasks
}

/// What a browser sends.
#[derive(Clone, Debug, Deserialize)]
pub struct Sent {
    id: String,
    office: String,
    /// Target and task: `c3ms/intake`.
    task: String,
    since: String,
}

#[derive(Template)]
#[template(path = "web/staff/refused.html")]
struct RefusedPage {
    layout: Layout,
    form: ReportForm,
}

pub(in crate::web) async fn submit(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Form(sent): Form<Sent>,
) -> Result<Response, WebError> {
    let monotonic = web.clock.monotonic();
    if !web.pages.throttle.admits(visitor.address(), monotonic) {
        let retry_after_seconds = Throttle::seconds_left(monotonic);
        return Err(WebError::TooMany { retry_after_seconds });
    }
    let targets = web.targets();
    match check(&sent, &targets, web.clock.now()) {
        Ok(report) => {
            let back = format!("/reported?office={}&at={}", report.cohort, report.received_at);
            if staff_reports::add(&web.store, &report).await.map_err(WebError::internal)? {
                web.metrics.record_staff_report(&report.target);
                hand_on(&web, report).await;
                web.changed();
            }
            Ok(Redirect::to(&back).into_response())
        }
        Err(errors) => {
            let mine = CohortId::new(&sent.office).ok();
            let mut form = ReportForm::new(&targets, mine.as_ref(), Some(&sent));
            form.errors = errors;
            let layout =
                web.layout("Error: it is not working for me", Section::Staff, &visitor).at("/");
            let page = page(&RefusedPage { layout, form })?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Lets continuity count it. The report is kept already: a failure here is ours, not the reader's.
async fn hand_on(web: &Web, report: StaffReport) {
    let Some(plans) = &web.plans else { return };
    if let Err(error) = plans.continuity.ask(Command::StaffReport(report)).await {
        tracing::error!(%error, "continuity did not take a staff report that is kept");
    }
}

/// The report that was sent, or everything that is wrong with it.
fn check(
    sent: &Sent,
    targets: &[Arc<Target>],
    now: jiff::Timestamp,
) -> Result<StaffReport, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut fault = |field, text: &str| errors.push(FieldError { field, text: text.to_owned() });
    let cohort: Option<&Cohort> =
        office::all(targets).into_iter().find(|cohort| cohort.id.as_str() == sent.office);
    if cohort.is_none() {
        fault("report-office", "Choose your office or team from the list");
    }
    let task = sent.task.split_once('/').and_then(|(target, task)| {
        let target = targets.iter().find(|known| known.id.as_str() == target)?;
        let known = ProbeId::new(task).is_ok_and(|id| target.probe(&id).is_some());
        (known || task == OTHER).then_some((target, task))
    });
    if task.is_none() {
        fault("report-task", "Choose what does not work from the list");
    }
    let since = SINCE.iter().find(|(minutes, _)| minutes.to_string() == sent.since);
    if since.is_none() {
        fault("report-since", "Choose since when from the list");
    }
    // A form that was not ours, or was cut short, counts as a report of its own.
    let ours = sent.id.len() == 32 && sent.id.chars().all(|c| c.is_ascii_hexdigit());
    let id = if ours { sent.id.clone() } else { fresh_id() };
    let (Some(cohort), Some((target, task)), Some((minutes, _))) = (cohort, task, since) else {
        return Err(errors);
    };
    let ago = Duration::from_mins(u64::from(*minutes));
    Ok(StaffReport {
        id,
        target: target.id.clone(),
        cohort: cohort.id.clone(),
        task: task.to_owned(),
        since_at: now.saturating_sub(ago).unwrap_or(now),
        received_at: now,
    })
}

/// Where the browser is led after the report is kept.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct Thanked {
    office: CohortId,
    at: jiff::Timestamp,
}

#[derive(Template)]
#[template(path = "web/staff/reported.html")]
struct ReportedPage {
    layout: Layout,
    received: Moment,
    others: String,
    cohort: CohortId,
}

pub(in crate::web) async fn thanks(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(thanked): Query<Thanked>,
) -> Result<impl IntoResponse, WebError> {
    let targets = web.targets();
    let seen = web.pages.pictures.see(&web.store, &targets, web.clock.now()).await;
    let count = seen.picture.reports.iter().filter(|one| one.cohort == thanked.office).count();
    let others = match count {
        0 | 1 => "You are the first of your office or team in the last half hour.".to_owned(),
        count => format!("{count} people of your office or team said so in the last half hour."),
    };
    page(&ReportedPage {
        layout: web.layout("Thank you, it is kept", Section::Staff, &visitor).at("/"),
        received: web.times().moment(thanked.at),
        others,
        cohort: thanked.office,
    })
}
