//! HTTP with JSON by the preset of Primero 2, whose traps are in the stand-in.

use holdfast::capture::Report;
use holdfast::clock::Clock;

use super::Rig;
use super::primero_standin::Primero;

const MAPPING: &str = "format: holdfast/mapping/v1
source: primero
title: Primero
time_zone: Australia/Darwin
http_json:
  preset: primero-v2
  authorization: { session: { path: /api/v2/tokens, wrapped_in: user, user: export } }
  page_size: { parameter: per, rows: 4 }
collections:
  - id: cases
    path: /api/v2/cases
    essential: [name]
    ignored: [enabled]
    records:
      - kind: person
        tier: { constant: standard }
        class: { constant: general }
        fields: { name: { copy: name }, sex: { copy: sex } }
      - kind: case
        tier: { constant: standard }
        class: { constant: general }
        fields:
          number: { copy: short_id }
          title: { copy: name }
          status: { constant: open }
          opened_on: { day_of: last_updated_at }
          children: { list: [id] }
";

async fn begun(cases: u32) -> (Primero, Rig) {
    let primero = Primero::start().await;
    primero.open(1..cases + 1);
    let rig = Rig::new(&primero.url(), MAPPING, true).await;
    (primero, rig)
}

#[tokio::test]
async fn changes_and_disabled_cases_are_followed_through_ended_sessions() {
    let (primero, rig) = begun(10).await;
    let Report { rejected, unmapped, vanished, .. } = rig.capture().await;
    assert_eq!((rejected, unmapped, vanished), (vec![], vec![], vec![]));
    assert_eq!(rig.names().len(), 10);
    primero.change(3, 1, |case| case.name = "Synthetic-Changed".to_owned());
    primero.change(4, 2, |case| case.enabled = false);
    let report = rig.changes().await;
    // Person and case each.
    assert_eq!((report.changed, report.removed), (2, 2), "{report:?}");
    assert_eq!(rig.names().len(), 9);

    // A session that ends between two pages is begun again.
    primero.open(11..31);
    let before = primero.state.lock().unwrap().signed_in;
    primero.state.lock().unwrap().pages_left = Some(2);
    let report = rig.try_capture(true).await.unwrap();
    assert_eq!(report.standard, 58, "{report:?}");
    assert_eq!(primero.state.lock().unwrap().signed_in, before + 2);
    std::fs::write(rig.path().join("secret"), "synthetic-wrong").unwrap();
    rig.fails("refuses the export's credentials (signing in: status 401)").await;
}

#[tokio::test]
async fn an_error_told_as_an_empty_list_empties_nothing_and_is_not_called_fresh() {
    let (primero, rig) = begun(10).await;
    rig.capture().await;
    let before = rig.generation();
    primero.state.lock().unwrap().broken = true;
    rig.quarantined("'cases' is empty and had 10 rows").await;
    assert_eq!(rig.generation(), before, "the copy stays as it was");
    primero.state.lock().unwrap().broken = false;
    rig.changes().await;
    assert_eq!(rig.names().len(), 10);
}

#[tokio::test]
async fn cases_that_move_between_pages_are_not_missed() {
    let (primero, rig) = begun(20).await;
    // Each goes before a page is read, from the part that was read already: all behind it move up.
    primero.state.lock().unwrap().leaving = ["case-2", "case-1"].map(str::to_owned).into();
    rig.capture().await;
    let names = rig.names();
    assert!((18..=20).contains(&names.len()), "{names:?}");
    for number in 3..21 {
        assert!(names.iter().any(|(id, _)| *id == format!("case-{number}")), "{number} is missing");
    }
}

#[tokio::test]
async fn what_changes_behind_the_reader_is_read_by_the_next_run() {
    let (primero, rig) = begun(10).await;
    // The newest change known is later than the one behind the reader's back.
    let later = Clock::system().now() + jiff::SignedDuration::from_hours(2);
    primero.change(10, 0, |case| case.updated_at = later);
    // Three pages, read twice: the first case changes before the last.
    primero.state.lock().unwrap().renames_after = Some(5);
    rig.capture().await;
    assert!(!rig.names().iter().any(|(_, name)| name.ends_with("Renamed")));
    rig.changes().await;
    assert!(rig.names().iter().any(|(_, name)| name.ends_with("Renamed")));
}

#[tokio::test]
async fn a_field_that_a_role_loses_is_told_and_an_essential_one_quarantined() {
    let (primero, rig) = begun(30).await;
    rig.capture().await;
    primero.state.lock().unwrap().withheld = ["sex".to_owned()].into();
    let report = rig.try_capture(true).await.unwrap();
    assert_eq!(report.vanished, ["cases.sex"]);

    // Many changed at once without it: they must not be written over what is known of them.
    let before = rig.generation();
    primero.state.lock().unwrap().withheld = ["name".to_owned()].into();
    for number in 1..26 {
        primero.change(number, number, |_| ());
    }
    rig.quarantined("no row has 'cases.name' any more").await;
    assert_eq!(rig.generation(), before);
}

#[tokio::test]
async fn a_run_that_is_killed_leaves_the_copy_as_it_was_and_the_next_one_whole() {
    let (primero, rig) = begun(30).await;
    rig.capture().await;
    let before = rig.generation();
    primero.open(31..61);
    let site = rig.path().join("site").display().to_string();
    primero.state.lock().unwrap().kills = Some((5, site));
    let error = rig.try_capture(true).await.unwrap_err().to_string();
    assert!(error.contains("ended without a report"), "{error}");
    assert_eq!(rig.generation(), before);
    assert_eq!(rig.names().len(), 30);
    rig.changes().await;
    assert_eq!(rig.names().len(), 60);
    let kept = std::fs::read_dir(rig.path().join("site/copy/segments")).unwrap().count();
    let named = before.segments.len() + 1;
    assert_eq!(kept, named, "nothing is left of the run that was killed");
}
