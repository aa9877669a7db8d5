//! `/ops/register`: how many activations between two dates, on which ground, for how long.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::response::IntoResponse;
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::Deserialize;

use crate::continuity::register::{RegisterEntry, RegisterQuery, register};
use crate::domain::playbook::Ground;

use super::super::Web;
use super::super::error::WebError;
use super::super::forms::Choice;
use super::super::gate::Visitor;
use super::super::layout::{Layout, Section, page};
use super::super::names::{Names, in_plain};
use super::super::times::{Moment, Times, in_words};

/// What is asked for; empty fields do not restrict.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Asked {
    /// Inclusive, as `2026-03-01`.
    from: String,
    /// Inclusive.
    to: String,
    ground: String,
    /// Present when drills are wanted too.
    drills: Option<String>,
}

/// An activation in the register.
pub struct Row {
    pub id: String,
    pub title: String,
    pub phase: &'static str,
    pub tone: &'static str,
    pub unit: String,
    pub ground: &'static str,
    pub reason: String,
    pub owner: String,
    pub started: Moment,
    pub lasted: String,
    pub suspended: String,
}

#[derive(Template)]
#[template(path = "web/ops/register.html")]
struct RegisterPage {
    layout: Layout,
    from: String,
    to: String,
    grounds: Vec<Choice>,
    drills: bool,
    /// How many, on which grounds, how long: one sentence.
    sentence: String,
    rows: Vec<Row>,
}

pub(in crate::web) async fn list(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, WebError> {
    let times = web.times();
    let (first, last) = days(&asked, &web)?;
    let midnight = |day: Date| -> Result<Timestamp, WebError> {
        let midnight = day.to_zoned(web.zone.clone());
        Ok(midnight.map_err(|_| WebError::Invalid("There is no such day.".into()))?.timestamp())
    };
    let range = (midnight(first)?, midnight(last.saturating_add(Span::new().days(1)))?);
    let query = RegisterQuery {
        ground: Ground::parse(&asked.ground),
        unit: None,
        exercises: asked.drills.is_some(),
    };
    let entries =
        register(&web.store, range, &query, times.now()).await.map_err(WebError::internal)?;
    let people = web.people();
    let ground = |ground: Ground| {
        Choice::new(ground.as_str(), ground.title(), ground.as_str() == asked.ground)
    };
    page(&RegisterPage {
        layout: web.layout("Register", Section::Operations, &visitor).at("/ops/register"),
        from: first.to_string(),
        to: last.to_string(),
        grounds: Ground::ALL.into_iter().map(ground).collect(),
        drills: asked.drills.is_some(),
        sentence: sentence(&entries),
        rows: entries.iter().map(|entry| row(entry, Names(&people), &times)).collect(),
    })
}

/// The days asked for; the last year where none are.
fn days(asked: &Asked, web: &Web) -> Result<(Date, Date), WebError> {
    let today = web.clock.now().to_zoned(web.zone.clone()).date();
    let day = |text: &str, otherwise: Date| match text {
        "" => Ok(otherwise),
        text => text.parse().map_err(|_| {
            WebError::Invalid(format!("'{text}' is not a day: write it as in 2026-03-01."))
        }),
    };
    let last = day(&asked.to, today)?;
    let first = day(&asked.from, last.saturating_sub(Span::new().years(1)))?;
    if first > last {
        return Err(WebError::Invalid("The first day is after the last one.".to_owned()));
    }
    Ok((first, last))
}

fn sentence(entries: &[RegisterEntry]) -> String {
    if entries.is_empty() {
        return "No plan was put in force between these days.".to_owned();
    }
    let whole = entries.iter().map(|entry| entry.in_force).sum();
    let longest = entries.iter().map(|entry| entry.in_force).max().unwrap_or_default();
    let grounds: Vec<String> = Ground::ALL
        .into_iter()
        .filter_map(|ground| {
            let count = entries.iter().filter(|entry| entry.ground == ground).count();
            (count > 0).then(|| format!("{}: {count}", ground.title()))
        })
        .collect();
    let units: std::collections::BTreeSet<&str> =
        entries.iter().map(|entry| entry.unit.as_str()).collect();
    format!(
        "{} in {}. {}. In force for {} in all, the longest for {}.",
        super::super::names::counted(entries.len(), "activation"),
        super::super::names::counted(units.len(), "unit"),
        grounds.join(", "),
        in_words(whole),
        in_words(longest)
    )
}

fn row(entry: &RegisterEntry, names: Names<'_>, times: &Times) -> Row {
    let suspended: Vec<String> =
        entry.suspensions.iter().map(|one| in_plain(one.function.as_str())).collect();
    let exercise = if entry.exercise { "EXERCISE: " } else { "" };
    Row {
        id: entry.id.to_string(),
        title: format!("{exercise}{}", entry.title),
        phase: entry.phase.title(),
        tone: super::activation::tone(entry.phase),
        unit: entry.unit.clone(),
        ground: entry.ground.title(),
        reason: entry.reason.clone(),
        owner: names.role(&entry.owner),
        started: times.moment(entry.started_at),
        lasted: in_words(entry.in_force),
        suspended: if suspended.is_empty() { "nothing".to_owned() } else { suspended.join(", ") },
    }
}
