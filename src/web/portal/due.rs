//! Due and Court: what has a clock for the reader's own cases, most overdue first.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Html;

use super::PortalWeb;
use super::frame::{Frame, error};
use super::words::{PersonLink, words};
use crate::domain::access::Action;
use crate::snapshots::{DueItem, DueList};
use crate::web::error::WebError;
use crate::web::gate::Visitor;
use crate::web::layout::{Layout, page};
use crate::web::times::Moment;

/// How far ahead the page of things due looks.
const DUE_AHEAD: Duration = Duration::from_secs(48 * 3600);
/// How far ahead the court page looks.
const COURT_AHEAD: Duration = Duration::from_secs(14 * 86_400);

#[derive(Template)]
#[template(path = "web/portal/due.html")]
struct DuePage {
    layout: Layout,
    frame: Frame,
    heading: &'static str,
    intro: &'static str,
    sentence: String,
    empty: String,
    rows: Vec<DueRow>,
}

struct DueRow {
    due: Moment,
    overdue: bool,
    kind: &'static str,
    title: String,
    place: Option<String>,
    people: Vec<PersonLink>,
    owner: String,
}

/// Responses, visits, filings and hearings of the next two days, the overdue ones first.
///
/// # Errors
/// While the copy is closed or the trail cannot be written, or when the page does not render.
pub async fn due(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Html<String>, WebError> {
    let frame = Frame::new(&portal, &visitor, "What is due", "/portal/due")?;
    let list = list(&portal, &visitor, Action::ReadDue, DUE_AHEAD).await?;
    let intro = "Responses, visits, filings and hearings of your cases, teams and shift, \
                 overdue or \
                 due within 48 hours.";
    render(frame, list, ("What is due", intro))
}

/// Hearings and filings of the next two weeks.
///
/// # Errors
/// While the copy is closed or the trail cannot be written, or when the page does not render.
pub async fn court(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Html<String>, WebError> {
    let frame = Frame::new(&portal, &visitor, "Court", "/portal/court")?;
    let list = list(&portal, &visitor, Action::ReadCourt, COURT_AHEAD).await?;
    let intro = "Hearings and filings of the next 14 days for the matters you may see. \
                 Lists change: \
                 ring the registry before you rely on a time.";
    render(frame, list, ("Court", intro))
}

async fn list(
    portal: &PortalWeb,
    visitor: &Visitor,
    action: Action,
    ahead: Duration,
) -> Result<DueList, WebError> {
    let now = portal.clock.now();
    let until = now.checked_add(ahead).unwrap_or(jiff::Timestamp::MAX);
    portal.portal.due(visitor.signed_in()?, action, until, now).await.map_err(error)
}

fn render(
    frame: Frame,
    list: DueList,
    (heading, intro): (&'static str, &'static str),
) -> Result<Html<String>, WebError> {
    let rows: Vec<DueRow> =
        list.items.iter().map(|item| DueRow::new(&frame, &list, item)).collect();
    let overdue = rows.iter().filter(|row| row.overdue).count();
    let sentence = format!(
        "Showing {} of {}, most overdue first; {overdue} of them overdue.",
        rows.len(),
        list.of
    );
    let empty = format!("Nothing in this copy. {}", frame.confirm_with());
    page(&DuePage { layout: frame.layout.clone(), frame, heading, intro, sentence, empty, rows })
}

impl DueRow {
    fn new(frame: &Frame, list: &DueList, item: &DueItem) -> Self {
        let briefs = item.people.iter().filter_map(|id| list.people.get(id));
        Self {
            due: frame.times.moment(item.due_at),
            overdue: item.due_at < frame.times.now(),
            kind: item.kind.title(),
            title: words(&item.title),
            place: item.place.clone(),
            people: briefs.map(PersonLink::of).collect(),
            owner: item
                .owner
                .clone()
                .unwrap_or_else(|| "Nobody: take it to the team leader".into()),
        }
    }
}
