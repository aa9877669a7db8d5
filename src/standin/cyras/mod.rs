//! CYRAS's own: everything about one case that a referral has to say, on one page.
//!
//! - `GET /cases/{id}/referral`: `h1` "Referral", `#reasons` from the newest notes, `#orders`,
//!   `#placements`.
//!
//! It is the page that staff wait for: "a whole day getting information for a referral".

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::application::sign_in::Session;
use super::application::{Application, View, html, pages};
use super::model::care::Placement;
use super::model::casework::{Case, Note};
use super::model::legal::Order;

/// The newest notes say why; older ones are history.
const REASONS: usize = 5;

pub(super) fn routes() -> Router<Application> {
    Router::new().route("/cases/{id}/referral", get(referral))
}

async fn referral(session: Session, View(view): View, Path(id): Path<String>) -> Response {
    let register = &*view.register;
    let Some(case) = register.cases.get(&id) else { return pages::missing(&session) };
    let mut reasons = pages::case_notes(register, &id);
    reasons.truncate(REASONS);
    let page = Referral {
        case,
        reasons,
        orders: register.orders.iter().filter(|order| order.case_id == id).collect(),
        placements: register.placements.iter().filter(|one| one.case_id == id).collect(),
    };
    Html(html::page("Referral", &session, &page)).into_response()
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Referral</h1>
<p>{{ case.title }} ({{ case.id }})</p>
<h2>Reasons</h2><ul id="reasons">
{% for note in reasons %}<li>{{ note.happened_at }}: {{ note.text }}</li>{% endfor %}</ul>
<h2>Orders</h2><p id="orders">{{ orders.len() }}</p>
<h2>Placements</h2><p id="placements">{{ placements.len() }}</p>"#
)]
struct Referral<'a> {
    case: &'a Case,
    reasons: Vec<&'a Note>,
    orders: Vec<&'a Order>,
    placements: Vec<&'a Placement>,
}
