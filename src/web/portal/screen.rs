//! Before you screen: what intake needs to judge a new report about a household.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::PortalWeb;
use super::closed::{self, Wish};
use super::frame::{Frame, error};
use super::history::ReportView;
use super::knock::BeforeYouKnock;
use super::person::{Head, open};
use super::sections::View;
use super::words::{Item, Line, age, day, join, words};
use crate::domain::access::{Action, Matter};
use crate::domain::records::{AlertKind, CaseStatus};
use crate::snapshots::PortalError;
use crate::web::error::WebError;
use crate::web::gate::Visitor;
use crate::web::layout::{Layout, page};

#[derive(Template)]
#[template(path = "web/portal/screen.html")]
struct ScreenPage {
    layout: Layout,
    frame: Frame,
    head: Head,
    rows: Vec<Item>,
    reports: Vec<ReportView>,
    reports_empty: String,
    knock: BeforeYouKnock,
}

/// The page, or why it is closed and what would open it.
///
/// # Errors
/// While the copy is closed or the trail cannot be written, or when the page does not render.
pub async fn show(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let frame = Frame::new(&portal, &visitor, format!("Before you screen: {id}"), "/portal")?;
    let reader = match open(&portal, &visitor, Action::ScreenHousehold, &id).await {
        Ok(reader) => reader,
        Err(PortalError::Refused(refusal)) => {
            let wish = Wish { record: id, back: "screen" };
            return closed::explain(&visitor, frame, refusal, wish, Vec::new());
        }
        Err(other) => return Err(error(other)),
    };
    let file = reader.file(frame.times.now()).map_err(WebError::internal)?;
    let view = View { portal: &portal, frame: &frame, file: &file };
    let template = ScreenPage {
        layout: frame.layout.clone(),
        head: Head::new(&portal, &frame, &reader, &file),
        rows: rows(&view),
        reports: view.reports(),
        reports_empty: view.none_of("reports", Matter::Concern),
        knock: BeforeYouKnock::new(&view),
        frame,
    };
    page(&template).map(IntoResponse::into_response)
}

fn rows(view: &View<'_>) -> Vec<Item> {
    vec![
        Item { term: "Newborn alert", lines: newborn(view) },
        Item { term: "Pattern", lines: pattern(view) },
        Item { term: "Youngest child", lines: vec![youngest(view)] },
        Item { term: "Household", lines: household(view) },
        Item { term: "Open case and worker", lines: open_cases(view) },
    ]
}

fn newborn(view: &View<'_>) -> Vec<Line> {
    let alerts = view.file.alerts.iter().filter(|alert| alert.kind == AlertKind::Newborn);
    let lines: Vec<Line> = alerts.map(|alert| Line::strong(alert.text.clone())).collect();
    if lines.is_empty() {
        vec![Line::text(format!("None in this copy. {}", view.frame.confirm_with()))]
    } else {
        lines
    }
}

/// How many reports, since when, about what; how many were screened in.
fn pattern(view: &View<'_>) -> Vec<Line> {
    let reports = &view.file.reports;
    let (Some(newest), Some(oldest)) = (reports.first(), reports.last()) else {
        return vec![Line::text("No earlier report in this copy")];
    };
    let year = newest.received_on.saturating_sub(jiff::Span::new().years(1));
    let recent = reports.iter().filter(|report| report.received_on > year).count();
    let mut concerns: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for report in reports {
        *concerns.entry(&report.concern).or_default() += 1;
    }
    let concerns: Vec<String> =
        concerns.iter().map(|(concern, count)| format!("{} {count}", words(concern))).collect();
    vec![
        Line::strong(format!(
            "{} since {}, {recent} of them within a year before the newest, on {}",
            count(reports.len(), "report"),
            day(oldest.received_on),
            day(newest.received_on)
        )),
        Line::text(concerns.join("; ")),
    ]
}

fn youngest(view: &View<'_>) -> Line {
    let now = view.frame.times.now();
    let children = view.file.children.iter().filter(|one| one.child.born_on.is_some());
    match children.max_by_key(|one| one.child.born_on) {
        Some(one) => {
            let age = age(one.child.born_on, one.child.birth_estimated, now, &view.portal.zone);
            Line { strong: true, ..Line::of(&one.child, format!(", {age}")) }
        }
        None => Line::text("No child with a date of birth in this copy"),
    }
}

fn household(view: &View<'_>) -> Vec<Line> {
    let residents = view.file.residents.iter().map(|one| Line::of(one, ""));
    let lines: Vec<Line> = residents.collect();
    if lines.is_empty() { vec![Line::text("Nobody else in this copy")] } else { lines }
}

fn open_cases(view: &View<'_>) -> Vec<Line> {
    let open = view.file.cases.iter().filter(|case| case.status != CaseStatus::Closed);
    let lines: Vec<Line> = open
        .map(|case| {
            let worker = case.key_worker.as_ref().and_then(|one| view.file.staff.get(&one.id));
            let worker = worker.map_or("UNALLOCATED", String::as_str);
            let number = Some(case.number.as_str());
            Line::strong(join([number, case.team.as_deref(), Some(worker)], ", "))
        })
        .collect();
    if lines.is_empty() { vec![Line::text("No open case in this copy")] } else { lines }
}

fn count(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
