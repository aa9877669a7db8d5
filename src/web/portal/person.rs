//! The person page: what a worker needs before knocking first, then the file in a fixed order.
//!
//! The order is the page's promise to tired readers; a test holds it. What is not there is said as
//! "none in this copy", with whom to ring, because absence is not evidence.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};

use super::closed::{self, Wish};
use super::frame::{Frame, error};
use super::history::{AgeRow, NoteView, ReportView};
use super::knock::BeforeYouKnock;
use super::sections::Section;
use super::words::born;
use super::{PortalWeb, record_id, sections};
use crate::domain::access::Action;
use crate::snapshots::{Brief, PersonFile, PortalError, Reader};
use crate::web::error::WebError;
use crate::web::gate::Visitor;
use crate::web::layout::{Layout, page};

#[derive(Template)]
#[template(path = "web/portal/person.html")]
struct PersonPage {
    layout: Layout,
    frame: Frame,
    head: Head,
    knock: BeforeYouKnock,
    /// Culture to relationships, in the order of the page.
    sections: Vec<Section>,
    reports: Vec<ReportView>,
    reports_empty: String,
    notes: Vec<NoteView>,
    notes_left: usize,
    notes_empty: String,
    ages: Vec<AgeRow>,
}

/// Who this is, and how long the page may be read.
pub(super) struct Head {
    pub id: String,
    pub name: String,
    pub deceased: bool,
    pub born: String,
    pub aliases: String,
    /// Until when, where it was opened for a stated reason.
    pub open_until: Option<String>,
}

impl Head {
    pub fn new(portal: &PortalWeb, frame: &Frame, reader: &Reader, file: &PersonFile) -> Self {
        let person = &file.person;
        let brief = Brief {
            id: person.header.id.clone(),
            name: person.name.clone(),
            born_on: person.born_on,
            birth_estimated: person.birth_estimated,
            deceased: person.deceased,
            is_child: false,
        };
        let aliases: Vec<&str> = person
            .preferred_name
            .iter()
            .map(String::as_str)
            .chain(person.aliases.iter().map(|alias| alias.name.as_str()))
            .collect();
        let open_until = reader.grant().ends_at().map(|end| frame.times.moment(end));
        Self {
            id: person.header.id.to_string(),
            born: born(&brief, frame.times.now(), &portal.zone),
            deceased: person.deceased,
            aliases: aliases.join(", "),
            name: brief.name,
            open_until: open_until.map(|end| format!("{}, {}", end.short(), end.relative())),
        }
    }
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
    let frame = Frame::new(&portal, &visitor, format!("Person {id}"), "/portal")?;
    let opened = open(&portal, &visitor, Action::OpenPerson, &id).await;
    let reader = match opened {
        Ok(reader) => reader,
        Err(PortalError::Refused(refusal)) => {
            let wish = Wish { record: id, back: "person" };
            return closed::explain(&visitor, frame, refusal, wish, Vec::new());
        }
        Err(other) => return Err(error(other)),
    };
    let file = reader.file(frame.times.now()).map_err(WebError::internal)?;
    let view = sections::View { portal: &portal, frame: &frame, file: &file };
    let template = PersonPage {
        layout: frame.layout.clone(),
        head: Head::new(&portal, &frame, &reader, &file),
        knock: BeforeYouKnock::new(&view),
        sections: sections::in_order(&view),
        reports: view.reports(),
        reports_empty: view.none_of("reports", crate::domain::access::Matter::Concern),
        notes: view.notes(),
        notes_left: file.notes_left,
        notes_empty: view.none_of("notes", crate::domain::access::Matter::Note),
        ages: view.ages(),
        frame,
    };
    page(&template).map(|html: Html<String>| html.into_response())
}

/// Opens a person's file for a page.
///
/// # Errors
/// As [`crate::snapshots::Portal::read`].
pub(super) async fn open(
    portal: &PortalWeb,
    visitor: &Visitor,
    action: Action,
    id: &str,
) -> Result<Reader, PortalError> {
    let Some(session) = visitor.session() else { return Err(PortalError::Closed) };
    let id = record_id(id)?;
    portal.portal.read(session, action, &id, portal.clock.now()).await
}
