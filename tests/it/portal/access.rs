//! Who may see what, by the real service over HTTP: every sort of reader with a page that is theirs
//! and one that is not, before and after the service was killed.

use std::process::Stdio;

use holdfast::clock::Clock;
use holdfast::standin::model::casework::CaseStatus;
use holdfast::standin::register::Register;
use holdfast::standin::situations as at;
use tokio::process::{Child, Command};

use super::C3ms;
use crate::support::eventually;
use crate::support::reader::{Reader, anybody};

/// The service as its own process; killed when dropped.
struct Service {
    process: Child,
}

impl Service {
    /// Returns once it answers.
    async fn start(c3ms: &C3ms) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(["--log", "error", "serve", "--config"])
            .arg(&c3ms.installed.config)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        eventually("the service answers", || async {
            let client = reqwest::Client::new();
            client.get(format!("{}/healthz", c3ms.url)).send().await.ok()
        })
        .await;
        Self { process }
    }

    async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// Waits until the copy, which opens beside the pages, is open for somebody.
async fn opened(reader: &Reader) {
    eventually("the copy opens", || async {
        (reader.get("/portal").await.status == 200).then_some(())
    })
    .await;
}

/// A young person whose only file is youth justice's.
fn young_offender(register: &Register) -> Option<String> {
    let of = |id: &str| {
        let cases = register.cases.iter();
        let mut cases = cases.filter(|case| case.child_ids.iter().any(|child| child == id));
        cases.all(|case| case.status == CaseStatus::YouthJustice)
    };
    let cases = register.cases.iter().filter(|case| case.status == CaseStatus::YouthJustice);
    cases.flat_map(|case| &case.child_ids).find(|id| of(id)).cloned()
}

/// Somebody with a page that is theirs, by its words, and one that is not, by its words.
struct Row<'a> {
    person: &'a str,
    /// Where signing in leads.
    home: &'a str,
    allowed: String,
    shows: &'a [&'a str],
    hides: &'a [&'a str],
    refused: (String, u16, &'a str),
}

impl<'a> Row<'a> {
    fn of(person: &'a str, allowed: impl Into<String>, shows: &'a [&'a str]) -> Self {
        let refused = (String::new(), 0, "");
        Self { person, home: "/portal", allowed: allowed.into(), shows, hides: &[], refused }
    }

    fn begins_at(self, home: &'a str) -> Self {
        Self { home, ..self }
    }

    fn hides(self, hides: &'a [&'a str]) -> Self {
        Self { hides, ..self }
    }

    /// A page that is not for their role at all.
    fn not_their_page(self, path: impl Into<String>) -> Self {
        Self { refused: (path.into(), 403, "It is for: "), ..self }
    }

    /// A record that is closed to them, with whom to ring.
    fn closed(self, id: &str) -> Self {
        let says = "not in your caseload, your team or your shift";
        Self { refused: (file_of(id), 403, says), ..self }
    }

    /// A record of which they are not told that it exists.
    fn not_there(self, id: &str) -> Self {
        Self {
            refused: (file_of(id), 404, "There is no such record in this copy for you."),
            ..self
        }
    }
}

fn file_of(id: &str) -> String {
    format!("/portal/person/{id}")
}

const KIN_NOTE: &str = "Woke the grandmother";

fn rows(young: &str) -> Vec<Row<'_>> {
    let kin = || file_of(at::KIN_CHILD);
    let mila = || file_of(at::EXPIRING_CHILD);
    vec![
        Row::of("p-duty-1", kin(), &["Before you knock", KIN_NOTE]).not_there(young),
        Row::of("p-practice", mila(), &["Mila", "showed me the garden"])
            .not_their_page(format!("/portal/carer-call/{}", at::EXPIRING_CHILD)),
        Row::of("p-cultural", kin(), &["Adnyamathanha", "Example Aboriginal Family Service"])
            .hides(&[KIN_NOTE, "Salbutamol"])
            .not_their_page("/portal/court"),
        Row::of("p-court", "/portal/court", &["Extension of interim order"])
            .closed(at::MACRON_CHILD),
        Row::of("p-crisis", file_of(at::NEWBORN_MOTHER), &["Newborn alert", "Danger now: 000"])
            .not_their_page("/ops"),
        Row::of("p-agency", kin(), &["Peanut", "Jarrah"])
            .hides(&[KIN_NOTE, "Police found the boy"])
            .not_there(at::EXPIRING_CHILD),
        Row::of("p-student", file_of(at::MACRON_CHILD), &["Tāne Ngāti-Moana", "Ngāti Porou"])
            .not_there(at::EXPIRING_CHILD),
        Row::of("p-youth", format!("/portal/hand-over/{young}"), &["Hand-over"])
            .not_there(at::KIN_CHILD),
        Row::of("p-worker", file_of(at::PROTECTED_MOTHER), &["Renée Whitcombe"])
            .closed(at::NEWBORN_MOTHER),
        Row::of("p-privacy", "/", &["What to do now"]).begins_at("/").not_their_page("/portal"),
        Row::of("p-ops-1", "/ops", &["The read-only copy", "open for everybody since"])
            .begins_at("/ops")
            .not_their_page("/portal"),
    ]
}

#[tokio::test]
async fn everybody_has_pages_that_are_theirs_and_pages_that_are_not() {
    let clock = Clock::system();
    let c3ms = C3ms::captured(&clock).await;
    let young = c3ms.standin.read(young_offender).expect("a youth-justice file");
    let service = Service::start(&c3ms).await;

    for row in rows(&young) {
        let reader = Reader::sign_in(&c3ms.url, row.person, &clock).await.unwrap();
        assert_eq!(reader.home, row.home, "{}", row.person);
        if row.allowed.starts_with("/portal") {
            opened(&reader).await;
        }
        reader.get(&row.allowed).await.expect(200, row.shows).without(row.hides);
        let (refused, status, says) = &row.refused;
        reader.get(refused).await.expect(*status, &[says]);
    }
    operations_see_that_the_copy_is_proven(&c3ms, &clock).await;
    intake_screens_for_a_reason(&c3ms, &clock).await;
    relatives_are_refused_whatever_the_reason(&c3ms, &clock).await;
    who_left_last_week_has_the_staff_page_alone(&c3ms, &clock).await;

    service.kill().await;
    let service = Service::start(&c3ms).await;
    let reader = Reader::sign_in(&c3ms.url, "p-duty-2", &clock).await.unwrap();
    opened(&reader).await;
    reader.get(&file_of(at::KIN_CHILD)).await.expect(200, &["Jarrah", "READ-ONLY COPY"]);
    service.kill().await;
}

async fn operations_see_that_the_copy_is_proven(c3ms: &C3ms, clock: &Clock) {
    let director = Reader::sign_in(&c3ms.url, "p-director", clock).await.unwrap();
    eventually("the copy is proven after the start", || async {
        let page = director.get("/ops").await.expect(200, &["Bytes as published"]);
        page.text.matches("yes, proven").nth(1).map(drop)
    })
    .await;
    let metrics = anybody(&format!("{}/metrics", c3ms.url)).await;
    metrics.expect(200, &["holdfast_readiness_faults{kind=\"copy-damaged\"} 0"]);
}

async fn intake_screens_for_a_reason(c3ms: &C3ms, clock: &Clock) {
    let intake = Reader::sign_in(&c3ms.url, "p-intake", clock).await.unwrap();
    // That somebody exists, and the alerts, are for intake everywhere.
    let found = intake.find("merrick").await.expect(200, &[at::NEWBORN_MOTHER, "NEWBORN"]);
    found.without(&["14 Example Street"]);
    let screen = format!("/portal/screen/{}", at::NEWBORN_MOTHER);
    let closed = intake.get(&screen).await.expect(403, &["Open to screen a report"]);
    let reason = format!("/portal/reason/{}", at::NEWBORN_MOTHER);
    let stated = intake.state_reason(&closed, &reason, "screening", "screen").await;
    assert_eq!((stated.status, stated.location.as_str()), (303, screen.as_str()));
    intake.get(&screen).await.expect(200, &["Before you screen", "Antenatal clinic: 36 weeks"]);
    intake.get("/portal/court").await.expect(403, &["It is for: Court officer"]);
}

async fn relatives_are_refused_whatever_the_reason(c3ms: &C3ms, clock: &Clock) {
    let related = Reader::sign_in(&c3ms.url, "p-related", clock).await.unwrap();
    // A colleague's case of the same team is hers; her brother's is not.
    related.get(&file_of(at::MACRON_CHILD)).await.expect(200, &["Tāne"]);
    let closed = related.get(&file_of(at::RELATED_CHILD)).await;
    let ring = "Team leader, Noarlunga team 1, (08) 5550 0141";
    let closed = closed.expect(403, &["a family you are related to", ring, "No reason opens it"]);
    assert!(!closed.text.contains("Levi"), "{}", closed.text);
    let found = related.find("hartigan").await.expect(200, &[at::RELATED_CHILD]);
    found.without(&["51 Example Avenue"]);
}

async fn who_left_last_week_has_the_staff_page_alone(c3ms: &C3ms, clock: &Clock) {
    anybody(&format!("{}/", c3ms.url)).await.expect(200, &["What to do now"]);
    let refused = Reader::sign_in(&c3ms.url, "p-leaver", clock).await.err().unwrap();
    refused.expect(422, &["or the account has ended"]);
    let page = anybody(&format!("{}{}", c3ms.url, file_of(at::EXPIRING_CHILD))).await;
    assert_eq!(page.status, 303);
    assert!(page.location.starts_with("/sign-in"), "{}", page.location);
}
