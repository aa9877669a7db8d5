//! Carer call and hand-over: one child on one sheet, for the telephone and for the next shift.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::PortalWeb;
use super::closed::{self, Wish};
use super::frame::{Frame, error};
use super::knock::BeforeYouKnock;
use super::person::{Head, open};
use super::sections::{Section, View, in_order};
use super::words::{Item, Line, briefs, join, whereabouts};
use crate::domain::access::Action;
use crate::snapshots::PortalError;
use crate::web::error::WebError;
use crate::web::gate::Visitor;
use crate::web::layout::{Layout, page};

#[derive(Template)]
#[template(path = "web/portal/care.html")]
struct CarePage {
    layout: Layout,
    frame: Frame,
    head: Head,
    heading: &'static str,
    marks: Vec<(&'static str, &'static str)>,
    rows: Vec<Item>,
    sections: Vec<Section>,
    /// Lines to be filled in by hand on the printed sheet.
    blanks: &'static [&'static str],
}

const HAND_OVER_BLANKS: &[&str] = &[
    "Handed over by, at",
    "Accepted by, at",
    "Custody place",
    "Last medication given, at",
    "Appropriate adult",
    "Parent told, at",
    "Legal service told, at",
];

/// Medication, consents, contact arrangements, school, routines, emergency contact.
///
/// # Errors
/// While the copy is closed or the trail cannot be written, or when the page does not render.
pub async fn carer_call(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let sheet = Sheet { action: Action::ReadCarerCall, heading: "Carer call", blanks: &[] };
    sheet.show(&portal, &visitor, id).await
}

/// What the next shift or youth justice has to know and sign for.
///
/// # Errors
/// While the copy is closed or the trail cannot be written, or when the page does not render.
pub async fn hand_over(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let sheet =
        Sheet { action: Action::ReadHandOver, heading: "Hand-over", blanks: HAND_OVER_BLANKS };
    sheet.show(&portal, &visitor, id).await
}

struct Sheet {
    action: Action,
    heading: &'static str,
    blanks: &'static [&'static str],
}

impl Sheet {
    async fn show(
        self,
        portal: &PortalWeb,
        visitor: &Visitor,
        id: String,
    ) -> Result<Response, WebError> {
        let frame = Frame::new(portal, visitor, format!("{}: {id}", self.heading), "/portal")?;
        let reader = match open(portal, visitor, self.action, &id).await {
            Ok(reader) => reader,
            Err(PortalError::Refused(refusal)) => {
                let wish = Wish { record: id, back: "person" };
                return closed::explain(visitor, frame, refusal, wish, Vec::new());
            }
            Err(other) => return Err(error(other)),
        };
        let file = reader.file(frame.times.now()).map_err(WebError::internal)?;
        let view = View { portal, frame: &frame, file: &file };
        let wanted: &[&str] = match self.action {
            Action::ReadHandOver => &["culture", "legal", "placement", "health"],
            _ => &["health", "safety-plan"],
        };
        let mut sections = in_order(&view);
        sections.retain(|section| wanted.contains(&section.id));
        let template = CarePage {
            layout: frame.layout.clone(),
            head: Head::new(portal, &frame, &reader, &file),
            heading: self.heading,
            marks: BeforeYouKnock::new(&view).marks,
            rows: rows(&view),
            sections,
            blanks: self.blanks,
            frame,
        };
        page(&template).map(IntoResponse::into_response)
    }
}

/// Where the child is placed, and what the carer is asked and told.
fn rows(view: &View<'_>) -> Vec<Item> {
    let mut rows = Vec::new();
    let current = view.file.placements.iter().find(|(placement, _)| placement.ended_at.is_none());
    if let Some((placement, at)) = current {
        let texts = |texts: Vec<Option<String>>| {
            texts.into_iter().flatten().map(Line::text).collect::<Vec<Line>>()
        };
        let mut placed: Vec<Line> = briefs(&placement.carers, &view.file.people)
            .into_iter()
            .map(|carer| Line { before: "With".into(), ..Line::of(carer, "") })
            .collect();
        placed.push(Line::text(whereabouts(at)));
        rows.push(Item { term: "Placed", lines: placed });
        for (term, lines) in [
            ("Consents", placement.consents.iter().cloned().map(Line::text).collect()),
            ("Routines", texts(vec![placement.routines.clone()])),
            ("School", texts(vec![placement.school.clone()])),
            ("Emergency contact", texts(vec![placement.emergency_contact.clone()])),
        ] {
            let none =
                vec![Line::text(format!("None in this copy. {}", view.frame.confirm_with()))];
            rows.push(Item { term, lines: if lines.is_empty() { none } else { lines } });
        }
    }
    rows.extend(contacts(view));
    rows
}

fn contacts(view: &View<'_>) -> Vec<Item> {
    let items = view.file.contacts.iter().map(|contact| {
        let supervised = match &contact.supervised_by {
            Some(by) => format!("supervised by {by}"),
            None => "not supervised".to_owned(),
        };
        let next = contact.next_at.map(|at| format!("next {}", view.moment(at).full()));
        let how =
            [contact.how_often.as_deref(), contact.place.as_deref(), Some(supervised.as_str())];
        let how =
            join(how.into_iter().chain([next.as_deref(), contact.conditions.as_deref()]), ", ");
        let mut lines: Vec<Line> = briefs(&contact.with, &view.file.people)
            .into_iter()
            .map(|who| Line { before: "With".into(), ..Line::of(who, "") })
            .collect();
        let suspended = if contact.suspended { "SUSPENDED. " } else { "" };
        lines.push(Line { strong: contact.suspended, ..Line::text(format!("{suspended}{how}")) });
        Item { term: "Contact", lines }
    });
    items.collect()
}
