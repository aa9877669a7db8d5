//! The staff page: is it working for my office, what to do now, whom to ring.
//!
//! No case data and no sign-in here; it works with script off and with Holdfast's own parts down.

pub mod office;
pub mod report;
pub mod view;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::continuity::views::ActivationLine;
use crate::domain::incident::Phase;
use crate::domain::target::{Cohort, Target};

use super::Web;
use super::error::WebError;
use super::gate::Visitor;
use super::layout::{Layout, Section, page};
use super::names::in_plain;
use super::picture::Seen;
use super::states::State as Shown;
use super::times::Times;

use office::{Found, OFFICE_COOKIE};
use report::ReportForm;
use view::{Headline, TargetStates, Week};

/// What may stand in the page's address.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    office: Option<String>,
}

/// An office or team to choose.
struct OfficeChoice {
    id: String,
    title: String,
}

/// A number to ring.
pub struct Contact {
    pub title: String,
    pub telephone: String,
}

impl Contact {
    /// The number as a telephone wants it.
    #[must_use]
    pub fn dial(&self) -> String {
        self.telephone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
    }
}

#[derive(Template)]
#[template(path = "web/staff/home.html")]
struct HomePage {
    layout: Layout,
    /// Said when the database cannot be read: how old this is.
    stale: Option<String>,
    office: Option<String>,
    mine: String,
    offices: Vec<OfficeChoice>,
    headline: Headline,
    /// Where the copy is open: made when, open for whom.
    copy: Option<String>,
    /// What plans in force ask of everybody.
    plans: Vec<String>,
    todo: Vec<String>,
    form: ReportForm,
    services: Vec<TargetStates>,
    next_word: String,
    contacts: Vec<Contact>,
    weeks: Vec<Week>,
}

pub(super) async fn home(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let targets = web.targets();
    let found = office::find(&targets, asked.office.as_deref(), &headers, visitor.address());
    let seen = web.pages.pictures.see(&web.store, &targets, web.clock.now()).await;
    let reader = Reader {
        visitor: &visitor,
        targets: &targets,
        cohort: found.map(|(cohort, _)| cohort),
        seen: &seen,
        times: &web.times(),
    };
    let home = reader.home(&web);
    let page = page(&home)?;
    match found {
        Some((cohort, Found::Chosen)) if asked.office.is_some() => {
            let remember = format!(
                "{OFFICE_COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
                cohort.id
            );
            Ok(([(header::SET_COOKIE, remember)], page).into_response())
        }
        _ => Ok(page.into_response()),
    }
}

/// Who reads the page, and what is known for them.
struct Reader<'a> {
    visitor: &'a Visitor,
    targets: &'a [Arc<Target>],
    cohort: Option<&'a Cohort>,
    seen: &'a Seen,
    times: &'a Times,
}

impl Reader<'_> {
    fn home(&self, web: &Web) -> HomePage {
        let Self { targets, cohort, seen, times, .. } = *self;
        let picture = &seen.picture;
        let headline = view::headline(targets, picture, cohort, times);
        HomePage {
            layout: web.layout(&headline.sentence, Section::Staff, self.visitor).at("/").live(),
            stale: (!seen.current).then(|| stale(seen, times)),
            office: cohort.map(|cohort| cohort.title.clone()),
            mine: cohort.map(|cohort| cohort.id.to_string()).unwrap_or_default(),
            offices: office::all(targets)
                .into_iter()
                .map(|one| OfficeChoice { id: one.id.to_string(), title: one.title.clone() })
                .collect(),
            copy: None,
            plans: picture.plans.iter().filter_map(|plan| plan_words(plan, times)).collect(),
            todo: todo(headline.state),
            form: ReportForm::new(targets, cohort.map(|cohort| &cohort.id), None),
            services: view::services(targets, picture, cohort, times),
            next_word: "This page renews itself when something changes.".to_owned(),
            contacts: contacts(targets, cohort),
            weeks: cohort
                .map(|cohort| view::weeks(targets, picture, cohort, times))
                .unwrap_or_default(),
            headline,
        }
    }
}

fn stale(seen: &Seen, times: &Times) -> String {
    let read = times.moment(seen.picture.read_at).full();
    format!(
        "Holdfast cannot read its own records just now. What stands here is of {read}. \
         Ring operations before you rely on it."
    )
}

/// What a plan in force means for staff; nothing where it is an exercise or only proposed.
fn plan_words(plan: &ActivationLine, times: &Times) -> Option<String> {
    if plan.exercise {
        return None;
    }
    let title = &plan.title;
    let since = times.moment(plan.opened_at).since();
    let words = match plan.phase {
        Phase::Active => format!("The plan \"{title}\" has been in force since {since}."),
        Phase::StandingDown => format!("The plan \"{title}\" is being stood down."),
        Phase::Reconciling => {
            "It is over. Put back into the system what you wrote down meanwhile.".to_owned()
        }
        Phase::Proposed | Phase::Closed | Phase::Declined => return None,
    };
    let suspended: Vec<_> = plan.suspended.iter().map(|one| in_plain(one.as_str())).collect();
    Some(match suspended.is_empty() {
        true => words,
        false => format!("{words} Set aside until it ends: {}.", suspended.join(", ")),
    })
}

/// What holds without a plan: for every state, the least that helps.
fn todo(state: Shown) -> Vec<String> {
    let steps: &[&str] = match state {
        Shown::Working => &["Work as usual."],
        Shown::Slow => &[
            "Expect searches and saving to take longer. Save often.",
            "Keep what cannot wait on paper until it is saved.",
        ],
        Shown::ComesAndGoes => &[
            "Save often: what you enter may not be kept when it goes.",
            "Write down what you enter, with the time, until it is saved.",
            "Do not start what cannot be interrupted.",
        ],
        Shown::Down => &[
            "Do not keep trying to sign in. This page says when it works again.",
            "Write notes on paper, with the time, and keep them for entering later.",
            "Before a visit, ring your supervisor: they can reach what you need to know.",
        ],
        Shown::NotKnown => {
            &["Try as usual.", "If it does not work, say so below: you may be the first to know."]
        }
        Shown::Maintenance => &["Plan around it: the end is stated above when it is known."],
    };
    steps.iter().map(|step| (*step).to_owned()).collect()
}

/// The reader's own office's number, then the others'; never more than the page can hold.
fn contacts(targets: &[Arc<Target>], mine: Option<&Cohort>) -> Vec<Contact> {
    const SHOWN: usize = 4;
    let mut cohorts = office::all(targets);
    cohorts.sort_by_key(|cohort| mine.is_none_or(|mine| mine.id != cohort.id));
    listed(&cohorts).take(SHOWN).collect()
}

fn listed<'a>(cohorts: &'a [&Cohort]) -> impl Iterator<Item = Contact> + 'a {
    cohorts.iter().filter_map(|cohort| {
        let telephone = cohort.telephone.clone()?;
        Some(Contact { title: cohort.title.clone(), telephone })
    })
}

#[derive(Template)]
#[template(path = "web/staff/phones.html")]
struct PhonesPage {
    layout: Layout,
    emergency: &'static str,
    contacts: Vec<Contact>,
    offices: usize,
}

pub(super) async fn phones(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<impl IntoResponse, WebError> {
    let targets = web.targets();
    let cohorts = office::all(&targets);
    page(&PhonesPage {
        layout: web.layout("Phone list", Section::Staff, &visitor).at("/phones"),
        emergency: web.emergency_number(),
        contacts: listed(&cohorts).collect(),
        offices: cohorts.len(),
    })
}
