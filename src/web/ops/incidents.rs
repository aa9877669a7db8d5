//! `/ops/incidents`: what people manage, one thread of notices each.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Extension, Form, Path, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

use crate::continuity::command::Command;
use crate::continuity::views::{self, IncidentLine, IncidentView};
use crate::domain::incident::IncidentId;
use crate::domain::notice::Severity;

use super::super::Web;
use super::super::error::WebError;
use super::super::gate::Visitor;
use super::super::layout::{Layout, Section, page};
use super::super::names::Names;
use super::super::states::State as Shown;
use super::super::times::{Moment, Times};
use super::notices::{self, NoticeLine};
use super::plans::PlanLine;

/// How far back the list goes; open ones are always in it.
const LIST_WINDOW: Duration = Duration::from_hours(90 * 24);

/// An incident of the list.
pub struct Row {
    pub id: String,
    pub state: Shown,
    pub sentence: String,
    pub words: String,
    pub began: Moment,
}

#[derive(Template)]
#[template(path = "web/ops/incidents.html")]
struct IncidentsPage {
    layout: Layout,
    open: Vec<Row>,
    over: Vec<Row>,
}

pub(in crate::web) async fn list(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<impl IntoResponse, WebError> {
    let times = web.times();
    let from = times.now().saturating_sub(LIST_WINDOW).unwrap_or(times.now());
    let to = times.now().saturating_add(Duration::from_secs(1)).unwrap_or(times.now());
    let incidents = views::incidents(&web.store, from, to).await.map_err(WebError::internal)?;
    let people = web.people();
    let rows = |open: bool| {
        incidents
            .iter()
            .filter(|incident| incident.recovered_at.is_none() == open)
            .map(|incident| row(incident, Names(&people), &times))
            .collect::<Vec<Row>>()
    };
    let (open, over) = (rows(true), rows(false));
    let title = match open.len() {
        0 => "No incident is open".to_owned(),
        1 => "1 incident is open".to_owned(),
        count => format!("{count} incidents are open"),
    };
    page(&IncidentsPage {
        layout: web.layout(&title, Section::Operations, &visitor).at("/ops/incidents").live(),
        open,
        over,
    })
}

fn row(incident: &IncidentLine, names: Names<'_>, times: &Times) -> Row {
    Row {
        id: incident.id.to_string(),
        state: state(incident),
        sentence: incident.sentence.clone(),
        words: in_short(incident, names, times),
        began: times.moment(incident.began_at),
    }
}

/// Recovered incidents are working; open ones as bad as they were at worst.
fn state(incident: &IncidentLine) -> Shown {
    match (incident.recovered_at, incident.severity) {
        (Some(_), _) => Shown::Working,
        (None, Severity::Critical) => Shown::Down,
        (None, Severity::Major) => Shown::ComesAndGoes,
        (None, Severity::Minor) => Shown::Slow,
    }
}

/// "2 outages, taken by Ada", "1 outage, over after 18 min".
fn in_short(incident: &IncidentLine, names: Names<'_>, times: &Times) -> String {
    let outages = super::super::names::counted(incident.outages, "outage");
    let taken = match &incident.taken_by {
        Some(person) => format!("taken by {}", names.person(person)),
        None => "taken by nobody".to_owned(),
    };
    match incident.recovered_at {
        Some(end) => {
            let lasted = end.duration_since(incident.began_at).unsigned_abs();
            let lasted = super::super::times::in_words(lasted);
            format!("{outages}, {taken}, over {} after {lasted}", times.moment(end).relative())
        }
        None => format!("{outages}, {taken}"),
    }
}

/// A line of the incident's history.
pub struct HistoryLine {
    pub at: Moment,
    pub words: String,
}

/// An outage of the incident.
pub struct OutageLine {
    pub id: String,
    pub state: Shown,
    pub words: String,
}

#[derive(Template)]
#[template(path = "web/ops/incident.html")]
struct IncidentPage {
    layout: Layout,
    id: String,
    state: Shown,
    sentence: String,
    words: String,
    began: Moment,
    taken: bool,
    closed: bool,
    outages: Vec<OutageLine>,
    plans: Vec<PlanLine>,
    history: Vec<HistoryLine>,
    notices: Vec<NoticeLine>,
}

pub(in crate::web) async fn incident(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, WebError> {
    let view = views::incident(&web.store, &IncidentId(id))
        .await
        .map_err(WebError::internal)?
        .ok_or(WebError::NotFound("There is no incident of that number."))?;
    let people = web.people();
    page(&compose(&web, &visitor, &view, Names(&people)))
}

fn compose(web: &Web, visitor: &Visitor, view: &IncidentView, names: Names<'_>) -> IncidentPage {
    let times = web.times();
    let line = &view.line;
    let state = state(line);
    let sentence = line.sentence.trim_end_matches('.').to_owned();
    let title = format!("{}: {}", line.id, state.word().to_lowercase());
    IncidentPage {
        layout: web.layout(&title, Section::Operations, visitor).at("/ops/incidents").live(),
        id: line.id.to_string(),
        state,
        sentence,
        words: in_short(line, names, &times),
        began: times.moment(line.began_at),
        taken: line.taken_by.is_some(),
        closed: line.closed_at.is_some(),
        outages: view
            .outages
            .iter()
            .map(|outage| OutageLine {
                id: outage.id.to_string(),
                state: match outage.ended_at {
                    Some(_) => Shown::Working,
                    None => outage.verdict.into(),
                },
                words: match outage.ended_at {
                    Some(end) => format!(
                        "{} {} to {}",
                        outage.sentence,
                        times.moment(outage.began_at).short(),
                        times.moment(end).short()
                    ),
                    None => format!(
                        "{} Since {}",
                        outage.sentence,
                        times.moment(outage.began_at).short()
                    ),
                },
            })
            .collect(),
        plans: view.activations.iter().map(|plan| PlanLine::new(plan, &times)).collect(),
        history: view
            .history
            .iter()
            .map(|line| HistoryLine { at: times.moment(line.at), words: line.words.clone() })
            .collect(),
        notices: notices::lines(&view.notices, names, &times),
    }
}

pub(in crate::web) async fn take(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Redirect, WebError> {
    let by = visitor.signed_in()?.account.person.clone();
    let incident = IncidentId(id);
    let command = Command::TakeIncident { incident: incident.clone(), by };
    web.plans()?.continuity.ask(command).await?;
    web.changed();
    Ok(Redirect::to(&format!("/ops/incidents/{incident}")))
}

/// A line for the incident's history.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct Note {
    words: String,
}

pub(in crate::web) async fn note(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(note): Form<Note>,
) -> Result<Redirect, WebError> {
    let words = note.words.trim().to_owned();
    if words.is_empty() {
        return Err(WebError::Invalid("Write what is to be noted.".to_owned()));
    }
    let by = visitor.signed_in()?.account.person.clone();
    let incident = IncidentId(id);
    let command = Command::NoteIncident { incident: incident.clone(), by, words };
    web.plans()?.continuity.ask(command).await?;
    web.changed();
    Ok(Redirect::to(&format!("/ops/incidents/{incident}#history")))
}
