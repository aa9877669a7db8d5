//! Finding and reading: names as people spell them, the order of the page, what is withheld, the
//! banner, and the end of access when the copy closes.

use holdfast::clock::Clock;
use holdfast::standin::situations as at;
use holdfast::vault::order::{self, Scope};
use jiff::SignedDuration;

use super::C3ms;
use crate::support::copy::Desk;
use crate::support::reader::Reader;

async fn reader(desk: &Desk, person: &str) -> Reader {
    Reader::sign_in(&desk.url, person, &desk.web.clock).await.unwrap()
}

#[tokio::test]
async fn people_are_found_as_they_are_spelt_and_read_in_the_order_of_the_task() {
    let clock = Clock::system();
    let c3ms = C3ms::captured(&clock).await;
    let desk = c3ms.desk(&clock).await;
    let crisis = reader(&desk, "p-crisis").await;

    let plain = crisis.find("ngati-moana").await;
    plain.expect(200, &["Hine Ngāti-Moana", "Tāne Ngāti-Moana", at::MACRON_CHILD]);
    let misspelt = crisis.find("wojchehowski").await;
    misspelt.expect(200, &["Zofia Wojciechowski", at::MISSPELT_CHILD]);

    // Two boys of one name: number, birthday and household tell them apart.
    let two = crisis.find("Jayden Thompson").await.expect(200, &at::NAMESAKES);
    two.expect(200, &["4 Mar 2", "3 Apr 2", "20 Example Court", "21 Example Court"]);

    let page = crisis.get(&format!("/portal/person/{}", at::KIN_CHILD)).await;
    let page = page.expect(200, &["9 Example Terrace", "Peanut", "maternal grandmother"]);
    let places = page.places(&[
        "Danger now: 000",
        "id=\"knock\"",
        "id=\"culture\"",
        "id=\"responsible\"",
        "id=\"legal\"",
        "id=\"placement\"",
        "id=\"safety-plan\"",
        "id=\"health\"",
        "id=\"household\"",
        "id=\"reports\"",
        "id=\"notes\"",
        "id=\"ages\"",
    ]);
    assert!(places.is_sorted(), "{places:?}");

    // His page, her page and the box: none of them says where she is.
    let refuge = "100 Example Street";
    for id in [at::PROTECTED_MOTHER, at::PROTECTED_CHILDREN[0], at::PROTECTED_FROM] {
        let page = crisis.get(&format!("/portal/person/{id}")).await;
        page.expect(200, &["READ-ONLY COPY"]).without(&[refuge]);
    }
    let her = crisis.get(&format!("/portal/person/{}", at::PROTECTED_MOTHER)).await;
    her.expect(200, &["PROTECTED ADDRESS", "protected address, not in this copy"]);
    crisis.find(refuge).await.expect(200, &[]).without(&["Whitcombe", at::PROTECTED_MOTHER]);
    let her = crisis
        .find("whitcombe")
        .await
        .expect(200, &["Protected address, not in this copy", at::PROTECTED_MOTHER]);
    her.without(&[refuge]);
}

#[tokio::test]
async fn every_situation_of_the_rehearsal_is_in_the_copy() {
    let clock = Clock::system();
    let c3ms = C3ms::captured(&clock).await;
    let desk = c3ms.desk(&clock).await;
    let crisis = reader(&desk, "p-crisis").await;
    let situations: [(&str, &[&str]); 5] = [
        (at::NEWBORN_MOTHER, &["Newborn alert: due in nine days", "Cody Merrick", "removed"]),
        (at::EXPIRING_CHILD, &["16:00 Fri", "Interim guardianship order", "supervised, twice"]),
        (at::PROTECTED_FROM, &["WITH POLICE", "rifles", "Must not learn", "Bull terrier"]),
        (at::PROTECTED_MOTHER, &["no contact, not within 200 m", "Craig Dunmore"]),
        (at::KIN_CHILD, &["02:00", "Kinship care", "provisional", "Not yet: nobody on call"]),
    ];
    for (id, words) in situations {
        crisis.get(&format!("/portal/person/{id}")).await.expect(200, words);
    }
    let due = crisis.get("/portal/due").await;
    due.expect(200, &["Visit to the placement", "Jarrah Coleman", "OVERDUE"]);
    let court = crisis.get("/portal/court").await;
    court.expect(200, &["Extension of interim order", "Mila Dragović"]);
}

#[tokio::test]
async fn a_form_of_another_site_or_another_session_does_nothing() {
    let clock = Clock::system();
    let c3ms = C3ms::captured(&clock).await;
    let desk = c3ms.desk(&clock).await;
    let crisis = reader(&desk, "p-crisis").await;
    let form = [("form_code", "another"), ("text", "merrick")];
    let said = crisis.post("/portal/find", &form).await.expect(409, &["an earlier sign-in"]);
    said.without(&[at::NEWBORN_MOTHER]);
    let said = crisis.post_from_elsewhere("/portal/find", &form).await;
    said.expect(403, &["sent from another site"]);
}

#[tokio::test]
async fn every_page_says_how_old_the_copy_is_and_closing_it_ends_access_at_once() {
    let clock = Clock::manual(Clock::system().now());
    let c3ms = C3ms::captured(&clock).await;
    let desk = c3ms.desk(&clock).await;
    let duty = reader(&desk, "p-duty-1").await;
    let page = format!("/portal/person/{}", at::KIN_CHILD);
    let banner = "READ-ONLY COPY made at";
    duty.get(&page).await.expect(200, &[banner]).without(&["Older than it should be"]);

    // Three hours on, with a copy due every hour: said in words. Sessions do not last so long.
    clock.set(clock.now() + SignedDuration::from_hours(3));
    duty.get(&page).await.expect(303, &[]);
    let duty = reader(&desk, "p-duty-1").await;
    for page in [page.as_str(), "/portal", "/portal/due", "/portal/court"] {
        duty.get(page).await.expect(200, &[banner, "3 h", "Older than it should be"]);
    }

    // Open for some: everybody else is told so, and sees nothing.
    let noarlunga = holdfast::domain::ids::CohortId::new("noarlunga").unwrap();
    c3ms.installed.order(Scope::Cohorts([noarlunga].into()), clock.now());
    desk.open(&c3ms.installed).await;
    let worker = reader(&desk, "p-worker").await;
    let hers = format!("/portal/person/{}", at::MACRON_CHILD);
    worker.get(&hers).await.expect(200, &["Tāne"]);
    duty.get(&page).await.expect(403, &["open for other offices"]).without(&["Jarrah"]);

    order::withdraw(&c3ms.installed.site).unwrap();
    desk.web.portal.close(clock.now()).await.unwrap();
    for path in [hers.as_str(), "/portal", "/portal/due"] {
        let closed = worker.get(path).await.expect(503, &["The read-only copy is closed"]);
        closed.without(&["Tāne"]);
    }
    let node = std::sync::Arc::new(c3ms.installed.site.node_key().unwrap());
    let again = desk.web.portal.open(c3ms.installed.site.clone(), node, clock.now()).await;
    assert!(again.is_err(), "a withdrawn order opened the copy");
}
