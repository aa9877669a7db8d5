//! `/reports`: a period accounted for, as a page and as files to mail or print.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Span;
use jiff::civil::Date;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::reporting::files::{html, json};
use crate::reporting::page::View;
use crate::reporting::period::{InvalidPeriod, Period};
use crate::reporting::report::Report;
use crate::reporting::{ReportError, report};

use super::Web;
use super::error::WebError;
use super::forms::FieldError;
use super::gate::Visitor;
use super::layout::{Section, page};

/// A report reads every check of its period: one at a time, so that pages for staff stay quick.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// The days asked for; the last seven when none are.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    format: Option<String>,
}

/// A period worth a link.
struct Suggestion {
    title: &'static str,
    from: Date,
    to: Date,
}

#[derive(Template)]
#[template(path = "web/reports/reports.html")]
struct ReportsPage<'a> {
    layout: super::layout::Layout,
    view: Option<View<'a>>,
    from: String,
    to: String,
    suggestions: Vec<Suggestion>,
    errors: Vec<FieldError>,
}

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, WebError> {
    let suggestions = suggestions(&web);
    let (from, to) = asked.days(&suggestions);
    let (made, errors) = match make(&web, &from, &to).await {
        Ok(report) => (Some(report), Vec::new()),
        Err(ReportError::Period(wrong)) => (None, vec![beside(&wrong, &from)]),
        Err(error) => return Err(WebError::internal(error)),
    };
    let title = made.as_ref().map_or("Reports", |report| report.verdict.as_str());
    page(&ReportsPage {
        layout: web.layout(title, Section::Operations, &visitor).at("/reports"),
        view: made.as_ref().map(View::new),
        from,
        to,
        suggestions,
        errors,
    })
}

/// The same report as a file: `format=html` needs nothing else, `format=json` is for machines.
pub(super) async fn file(
    State(web): State<Arc<Web>>,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    let (from, to) = asked.days(&suggestions(&web));
    let report = match make(&web, &from, &to).await {
        Ok(report) => report,
        Err(ReportError::Period(wrong)) => return Err(WebError::Invalid(format!("{wrong}."))),
        Err(error) => return Err(WebError::internal(error)),
    };
    let (kind, ending, text) = match asked.format.as_deref() {
        Some("html") => ("text/html; charset=utf-8", "html", html(&report)),
        Some("json") => ("application/json", "json", json(&report)),
        _ => return Err(WebError::Invalid("Ask for format=html or format=json.".to_owned())),
    };
    let name = format!("holdfast-report_{}.{ending}", report.period.slug);
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, text.map_err(WebError::internal)?).into_response())
}

async fn make(web: &Web, from: &str, to: &str) -> Result<Report, ReportError> {
    let period = Period::parse(from, to, web.zone.clone())?;
    // Never closed, so that waiting cannot fail.
    let _turn = ONE_AT_A_TIME.acquire().await;
    let made = report(&web.store, &web.targets(), period, web.clock.now()).await?;
    Ok(made.synthetic(web.synthetic))
}

impl Asked {
    fn days(&self, suggestions: &[Suggestion]) -> (String, String) {
        let usual = suggestions.first();
        let day = |given: &Option<String>, usual: Option<Date>| match given {
            Some(text) if !text.trim().is_empty() => text.trim().to_owned(),
            _ => usual.map_or_else(String::new, |day| day.to_string()),
        };
        (day(&self.from, usual.map(|s| s.from)), day(&self.to, usual.map(|s| s.to)))
    }
}

/// Which field an error stands beside.
fn beside(wrong: &InvalidPeriod, from: &str) -> FieldError {
    let field = match wrong {
        InvalidPeriod::Future => "report-from",
        InvalidPeriod::Text(text) if text == from => "report-from",
        _ => "report-to",
    };
    FieldError { field, text: format!("{wrong}.") }
}

fn suggestions(web: &Web) -> Vec<Suggestion> {
    let today = web.clock.now().to_zoned(web.zone.clone()).date();
    let before = |days: i64| today.saturating_sub(Span::new().days(days));
    let last_month = today.first_of_month().saturating_sub(Span::new().days(1));
    let suggestion = |title, from, to| Suggestion { title, from, to };
    vec![
        suggestion("Last 7 days", before(6), today),
        suggestion("Today", today, today),
        suggestion("Yesterday", before(1), before(1)),
        suggestion("This month", today.first_of_month(), today),
        suggestion("Last month", last_month.first_of_month(), last_month),
    ]
}
