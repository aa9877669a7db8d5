//! Find: one box and a few filters. What is typed is sent in a form, never in an address.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, State};
use axum::response::Html;
use serde::Deserialize;

use super::frame::{Frame, error};
use super::words::{PersonLink, alert_mark, born, visit_mark};
use super::{PortalWeb, check_form};
use crate::domain::session::Role;
use crate::index::Matched;
use crate::snapshots::{Filter, FoundList, Row};
use crate::web::error::WebError;
use crate::web::gate::Visitor;
use crate::web::layout::{Layout, page};

/// What is looked at of what somebody typed.
const TEXT_AT_MOST: usize = 200;

/// The form.
#[derive(Debug, Default, Deserialize)]
pub struct FindForm {
    #[serde(default)]
    form_code: String,
    #[serde(default)]
    text: String,
    children_only: Option<String>,
    open_only: Option<String>,
    mine_only: Option<String>,
}

#[derive(Template)]
#[template(path = "web/portal/find.html")]
struct FindPage {
    layout: Layout,
    frame: Frame,
    filter: Filter,
    results: Option<Results>,
    /// Intake screens from here.
    screens: bool,
}

struct Results {
    /// "3 people, nearest match first."
    sentence: String,
    /// Why nothing was found and what to try.
    empty: Option<String>,
    rows: Vec<ResultRow>,
}

struct ResultRow {
    person: PersonLink,
    born: String,
    open: bool,
    aliases: String,
    household: Option<String>,
    marks: Vec<(&'static str, &'static str)>,
    team: String,
    case_number: Option<String>,
    matched: &'static str,
}

/// The empty form.
///
/// # Errors
/// While the copy is closed, or when the page does not render.
pub async fn show(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Html<String>, WebError> {
    let frame = Frame::new(&portal, &visitor, "Find a person", "/portal")?;
    render(&visitor, frame, Filter::default(), None)
}

/// The form with what was found.
///
/// # Errors
/// While the copy is closed or the trail cannot be written, or when the page does not render.
pub async fn search(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
    Form(sent): Form<FindForm>,
) -> Result<Html<String>, WebError> {
    check_form(&portal, &visitor, &sent.form_code)?;
    let frame = Frame::new(&portal, &visitor, "People found", "/portal")?;
    let filter = Filter {
        text: sent.text.trim().chars().take(TEXT_AT_MOST).collect(),
        children_only: sent.children_only.is_some(),
        open_only: sent.open_only.is_some(),
        mine_only: sent.mine_only.is_some(),
    };
    if filter.text.is_empty() {
        return render(&visitor, frame, filter, None);
    }
    let directory = portal.identity.sessions.directory();
    let kept = (&directory.review_key, frame.times.now());
    let found = portal.portal.find(visitor.signed_in()?, &filter, kept).await.map_err(error)?;
    let results = Results::new(&portal, &frame, found);
    render(&visitor, frame, filter, Some(results))
}

fn render(
    visitor: &Visitor,
    frame: Frame,
    filter: Filter,
    results: Option<Results>,
) -> Result<Html<String>, WebError> {
    let screens = visitor.signed_in()?.account.has_role(Role::Intake);
    page(&FindPage { layout: frame.layout.clone(), frame, filter, results, screens })
}

impl Results {
    fn new(portal: &PortalWeb, frame: &Frame, found: FoundList) -> Self {
        let shown = found.rows.len();
        let people = if shown == 1 { "person" } else { "people" };
        let more = if found.more { " There may be more: say more in the box." } else { "" };
        let sentence = format!("{shown} {people}, nearest match first.{more}");
        let empty = found.rows.is_empty().then(|| {
            format!(
                "Nobody in this copy matches, or nobody you may see. Try another spelling, a date \
                 of birth or a case number. {}",
                frame.confirm_with()
            )
        });
        let rows = found.rows.into_iter().map(|row| ResultRow::new(portal, frame, row));
        Self { sentence, empty, rows: rows.collect() }
    }
}

impl ResultRow {
    fn new(portal: &PortalWeb, frame: &Frame, row: Row) -> Self {
        let visit = row.visit.map(visit_mark);
        let marks = visit.into_iter().chain(row.alerts.iter().map(|kind| alert_mark(*kind)));
        Self {
            person: PersonLink::of(&row.brief),
            born: born(&row.brief, frame.times.now(), &portal.zone),
            open: row.open,
            aliases: row.aliases.join(", "),
            household: row.household,
            marks: marks.collect(),
            team: row.team.unwrap_or_else(|| "no team recorded".to_owned()),
            case_number: row.case_number,
            matched: row.matched.first().copied().map_or("", matched),
        }
    }
}

fn matched(how: Matched) -> &'static str {
    match how {
        Matched::Number => "number",
        Matched::Name => "name",
        Matched::NameBegins => "beginning of the name",
        Matched::Born => "date of birth",
        Matched::BornTransposed => "date of birth, day and month swapped",
        Matched::Address => "address",
        Matched::NameAlike => "name spelt differently",
        Matched::NameSounds => "name that sounds alike",
    }
}
