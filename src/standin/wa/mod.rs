//! Western Australia's own: who carries how many cases by district, and which have nobody.
//!
//! - `GET /caseloads`: `#districts` with a `tr.district` each, `#over-15`, `#over-18`,
//!   `#unallocated`, `#children`.
//! - `GET /api/caseloads` → `{"workers", "over_15", "over_18", "unallocated_cases",
//!   "unallocated_children", "districts": [{"district", …}], "as_of"}`.
//!
//! The limits are those of the caseload rules: 15 cases, more only in exceptional circumstances,
//! 18 never. The numbers move as work does; a surge multiplies them.

use askama::Template;
use axum::extract::Extension;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Serialize;

use super::accept::Surge;
use super::application::sign_in::{ApiCaller, Session};
use super::application::{Application, View, html};
use super::draw::Draw;

/// Districts with workers who carry cases and cases without one; ours, adding up to 1,034.
const DISTRICTS: [(&str, usize, usize); 8] = [
    ("Perth", 96, 148),
    ("Armadale", 104, 171),
    ("Cannington", 98, 150),
    ("Fremantle", 80, 96),
    ("Joondalup", 88, 122),
    ("Midland", 90, 137),
    ("Midwest Gascoyne", 48, 98),
    ("Kimberley", 66, 112),
];
/// A step of work going on: cases are allocated, others come in.
const STEP_SECONDS: i64 = 10;
/// In hundredths; a case may be several children.
const CHILDREN_A_CASE: usize = 187;
const LIMIT: usize = 15;
const ABSOLUTE_LIMIT: usize = 18;

pub(super) fn routes() -> Router<Application> {
    Router::new().route("/caseloads", get(page)).route("/api/caseloads", get(numbers))
}

/// The numbers of one district, or of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Numbers {
    workers: usize,
    over_15: usize,
    over_18: usize,
    unallocated_cases: usize,
    unallocated_children: usize,
}

#[derive(Debug, Serialize)]
struct District {
    district: &'static str,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Debug, Serialize)]
struct Caseloads {
    #[serde(flatten)]
    all: Numbers,
    districts: Vec<District>,
    as_of: Timestamp,
}

impl Caseloads {
    fn at(as_of: Timestamp, percent: usize) -> Self {
        let step = as_of.as_second() / STEP_SECONDS;
        let mut all = Numbers::default();
        let mut districts = Vec::new();
        for (index, (district, workers, unallocated)) in DISTRICTS.into_iter().enumerate() {
            let numbers = district_numbers((index, workers, unallocated), step, percent);
            all.workers += numbers.workers;
            all.over_15 += numbers.over_15;
            all.over_18 += numbers.over_18;
            all.unallocated_cases += numbers.unallocated_cases;
            all.unallocated_children += numbers.unallocated_children;
            districts.push(District { district, numbers });
        }
        Self { all, districts, as_of }
    }
}

fn district_numbers(
    (index, workers, unallocated): (usize, usize, usize),
    step: i64,
    percent: usize,
) -> Numbers {
    // Who carries much stays the same from step to step; what is unallocated moves a little.
    let mut carried = Draw::new(index as u64 + 1);
    let mut moved = Draw::new(step.unsigned_abs() ^ (index as u64) << 40);
    let mut numbers = Numbers { workers, ..Numbers::default() };
    for _ in 0..workers {
        let cases = match carried.below(100) {
            0 => 18,
            1..=11 => 16 + carried.below(3),
            _ => 7 + carried.below(8),
        };
        let cases = cases * percent / 100;
        numbers.over_15 += usize::from(cases > LIMIT);
        numbers.over_18 += usize::from(cases > ABSOLUTE_LIMIT);
    }
    numbers.unallocated_cases = (unallocated + moved.below(5)).saturating_sub(2) * percent / 100;
    numbers.unallocated_children = numbers.unallocated_cases * CHILDREN_A_CASE / 100;
    numbers
}

type Surging = Option<Extension<Surge>>;

fn percent(surging: Surging) -> usize {
    surging.map_or(100, |Extension(surge)| usize::from(surge.percent))
}

async fn numbers(_: ApiCaller, View(view): View, surging: Surging) -> Json<Caseloads> {
    Json(Caseloads::at(view.as_of, percent(surging)))
}

async fn page(session: Session, View(view): View, surging: Surging) -> Html<String> {
    let caseloads = Caseloads::at(view.as_of, percent(surging));
    Html(html::page("Caseloads", &session, &Page { caseloads }))
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Caseloads</h1>
{% let all = caseloads.all.clone() %}
<table>
<tr><th>Cases with no case worker</th><td id="unallocated">{{ all.unallocated_cases }}</td></tr>
<tr><th>Children in them</th><td id="children">{{ all.unallocated_children }}</td></tr>
<tr><th>Workers over 15 cases</th><td id="over-15">{{ all.over_15 }}</td></tr>
<tr><th>Workers over 18 cases</th><td id="over-18">{{ all.over_18 }}</td></tr>
</table>
<table id="districts">
<tr><th>District</th><th>Workers</th><th>Over 15</th><th>Over 18</th><th>Unallocated</th></tr>
{% for one in caseloads.districts %}<tr class="district"><td>{{ one.district }}</td>
<td>{{ one.numbers.workers }}</td><td>{{ one.numbers.over_15 }}</td>
<td>{{ one.numbers.over_18 }}</td><td>{{ one.numbers.unallocated_cases }}</td></tr>
{% endfor %}</table>
<p>As of <time id="as-of">{{ caseloads.as_of }}</time></p>"#
)]
struct Page {
    caseloads: Caseloads,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_the_size_that_was_reported_move_and_surge() {
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).unwrap();
        let usual = Caseloads::at(at(0), 100).all;
        assert!((1_000..1_070).contains(&usual.unallocated_cases), "{usual:?}");
        assert!(usual.unallocated_children > usual.unallocated_cases);
        assert!((60..100).contains(&usual.over_15), "{usual:?}");
        assert_eq!(usual.over_18, 0, "18 never");
        assert!((1..10).any(|step| Caseloads::at(at(step * 10), 100).all != usual), "it moves");
        let surging = Caseloads::at(at(0), 140).all;
        assert!(surging.unallocated_cases > usual.unallocated_cases * 13 / 10, "{surging:?}");
        assert!(surging.over_18 > 0 && surging.over_15 > usual.over_15, "{surging:?}");
    }
}
