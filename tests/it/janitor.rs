//! What probes left behind at a desk that takes notes: each rule by which it is taken back, on a
//! clock moved by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use holdfast::app::parts;
use holdfast::clock::Clock;
use holdfast::config::probes;
use holdfast::domain::ids::{LocationId, ProbeId, StepId, TargetId};
use holdfast::probing::janitor::Janitor;
use holdfast::store::Store;
use holdfast::store::compensations::{self, Planned};
use holdfast::telemetry::metrics::Metrics;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::support::server::{Seen, Server};
use crate::support::{eventually, setting, writes};

const RUN: &str = "0123456789abcdef0123456789abcdef";
const OTHER_RUN: &str = "fedcba9876543210fedcba9876543210";

/// Searching by the run, then opening what was found.
const SEARCHES_AND_OPENS: &str = r##"
    recover:
      - id: search
        http: { get: /search, query: { q: "${run.id}" } }
        expect: { html: [{ select: h1, test: { equals: Results } }] }
        capture: { number: { html: { select: ".hit" } } }
      - id: open
        http: { get: "/notes/${number}" }
        expect: { html: [{ select: h1, test: { equals: Note } }] }
        capture: { reference: { html: { select: "#reference" } } }
"##;

/// Notes that were taken, by number, with the run each is of.
type Notes = Arc<Mutex<BTreeMap<usize, String>>>;

struct Desk {
    notes: Notes,
    server: Server,
    clock: Clock,
    store: Store,
    planned_at: Timestamp,
    janitor: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

fn page(title: &str, body: &str) -> Response<Full<Bytes>> {
    let text = format!("<!doctype html><title>Synthetic</title><h1>{title}</h1>{body}");
    Response::builder().header("content-type", "text/html").body(text.into()).unwrap()
}

fn answer(seen: &Seen, notes: &Notes) -> Response<Full<Bytes>> {
    let mut notes = notes.lock().unwrap();
    let path = seen.line.split_once(' ').unwrap().1;
    let absent = || Response::builder().status(404).body(Full::default()).unwrap();
    if let Some(run) = path.strip_prefix("/search?q=") {
        let hits = notes.iter().filter(|(_, of)| *of == run);
        let hits: String = hits.map(|(number, _)| format!("<p class=hit>{number}")).collect();
        return page("Results", &hits);
    }
    if let Some(number) = path.strip_prefix("/notes/") {
        let number = number.parse().unwrap();
        return match notes.contains_key(&number) {
            true => page("Note", &format!("<b id=reference>R-{number}</b>")),
            false => absent(),
        };
    }
    if let Some(number) = path.strip_prefix("/withdraw/R-") {
        return match notes.remove(&number.parse().unwrap()) {
            Some(_) => page("Withdrawn", ""),
            None => absent(),
        };
    }
    let run = path.strip_prefix("/withdraw-all/").unwrap();
    notes.retain(|_, of| of != run);
    page("Withdrawn", "")
}

impl Desk {
    /// A desk where these notes are, and one of a lost run may be left behind.
    async fn with(
        (withdraw, recover): (&str, &str),
        captured: Option<&str>,
        (numbers, run): (std::ops::Range<usize>, &str),
    ) -> Self {
        let clock = Clock::manual("2023-03-01T09:00:00Z".parse().unwrap());
        let folder = TempDir::new().unwrap();
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        let notes = Notes::default();
        notes.lock().unwrap().extend(numbers.map(|number| (number, run.to_owned())));
        let held = Arc::clone(&notes);
        let server = Server::start(move |seen| answer(seen, &held), None).await;
        let text = format!(
            "format: holdfast/probes/v1\ntarget: desk\ntitle: Desk\nbase_url: http://{}\n\
             time_zone: Australia/Adelaide\nnetworks: [127.0.0.0/8]\n\
             locations: [{{ id: here, title: Here }}]\n\
             cohorts: [{{ id: office, title: Office, head_count: 1, office: office, \
             locations: [here] }}]\nprobes:\n  - id: note\n    title: Leaving a note\n    \
             kind: journey\n    weight: essential\n    interval: 1 h\n    timeout: 5 s\n    \
             steps:\n      - id: lodge\n        effect: write\n        \
             http: {{ post: /lodge, form: {{ office: \"${{target.test_office}}\", \
             text: \"${{run.id}}\" }} }}\n        \
             capture: {{ reference: {{ html: {{ select: '#reference' }} }} }}\n    finally:\n      \
             - {{ id: withdraw, effect: compensate, http: {{ post: \"{withdraw}\" }} }}\n{recover}",
            server.address
        );
        let target = probes::read("desk.yaml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let permission = writes(&store, std::time::Duration::from_secs(900));
        let setting = setting(target, &clock, Some(permission));
        let planned_at = clock.now();
        let id = compensations::plan(&store, &planned(planned_at), Timestamp::MIN).await.unwrap();
        if let Some(reference) = captured {
            let kept = [("reference".to_owned(), reference.to_owned())].into();
            compensations::keep(&store, id.unwrap(), &kept).await.unwrap();
        }
        let labels = parts::labels(None, &[Arc::clone(&setting)], &[]);
        let metrics = Arc::new(Metrics::new(&labels).unwrap());
        let janitor = tokio::spawn(Janitor::new(setting, store.clone(), metrics).run());
        Self { notes, server, clock, store, planned_at, janitor, _folder: folder }
    }

    fn leave(&self, numbers: std::ops::Range<usize>, run: &str) {
        self.notes.lock().unwrap().extend(numbers.map(|number| (number, run.to_owned())));
    }

    fn asked(&self, path: &str) -> usize {
        let lines = self.server.requests().into_iter().map(|seen| seen.line);
        lines.filter(|line| line.contains(path)).count()
    }

    /// Time passes while the janitor waits for it, and stands still while it is at work.
    fn wait(&self, until: Timestamp) {
        if let Some(at) = self.clock.next_deadline() {
            self.clock.set(at.min(until).max(self.clock.now()));
        }
    }

    /// Lets seconds pass until this many did.
    async fn at(&self, second: i64) {
        let until = self.planned_at + SignedDuration::from_secs(second);
        eventually("time going by", || async {
            self.wait(until);
            (self.clock.now() >= until).then_some(())
        })
        .await;
    }

    /// Lets time pass until nothing is held to be left behind, and says how long it took.
    async fn settled(&self) -> i64 {
        eventually("nothing being left behind", || async {
            self.wait(Timestamp::MAX);
            compensations::open(&self.store).await.unwrap().is_empty().then_some(())
        })
        .await;
        self.janitor.abort();
        self.clock.now().duration_since(self.planned_at).as_secs()
    }

    async fn fault(&self) -> Option<String> {
        compensations::open(&self.store).await.unwrap().first()?.fault.clone()
    }
}

fn planned(planned_at: Timestamp) -> Planned {
    Planned {
        run: RUN.to_owned(),
        run_time: planned_at.to_string(),
        target: TargetId::new("desk").unwrap(),
        probe: ProbeId::new("note").unwrap(),
        location: LocationId::new("here").unwrap(),
        step: StepId::new("lodge").unwrap(),
        account: 0,
        test_office: "Test office (synthetic)".to_owned(),
        planned_at,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_search_does_not_find_is_absent_once_the_write_cannot_come_any_more() {
    let desk =
        Desk::with(("/withdraw/${reference}", SEARCHES_AND_OPENS), None, (1..2, OTHER_RUN)).await;
    desk.at(30).await;
    let fault = eventually("a first look", || desk.fault()).await;
    assert_eq!(fault, "it is not there; the write may still be carried out");
    let seconds = desk.settled().await;
    assert!(seconds > 300, "after {seconds} s the write could still have come");
    assert_eq!(desk.asked("/withdraw"), 0, "another run's note is nobody's to withdraw");
    assert_eq!(desk.notes.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_carried_out_late_is_found_and_every_record_of_its_run_goes() {
    let desk =
        Desk::with(("/withdraw/${reference}", SEARCHES_AND_OPENS), None, (1..2, OTHER_RUN)).await;
    desk.at(60).await;
    assert!(desk.fault().await.is_some());
    // More than one attempt takes back: the next one goes on.
    desk.leave(2..9, RUN);
    desk.settled().await;
    assert_eq!(desk.asked("/withdraw/R-"), 7);
    let left: Vec<usize> = desk.notes.lock().unwrap().keys().copied().collect();
    assert_eq!(left, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_answer_gave_is_tried_once_and_then_looked_for() {
    let desk =
        Desk::with(("/withdraw/${reference}", SEARCHES_AND_OPENS), Some("R-3"), (3..4, RUN)).await;
    let seconds = desk.settled().await;
    assert!(seconds < 300, "that it is gone counts at once: it was there");
    let lines: Vec<String> = desk.server.requests().into_iter().map(|seen| seen.line).collect();
    assert_eq!(lines[0], "POST /withdraw/R-3", "no search is needed before: {lines:?}");

    // A reference that does not hold any more is not tried again.
    let desk =
        Desk::with(("/withdraw/${reference}", SEARCHES_AND_OPENS), Some("R-4"), (5..6, RUN)).await;
    desk.settled().await;
    assert_eq!((desk.asked("/withdraw/R-4"), desk.asked("/withdraw/R-5")), (1, 1));
    assert!(desk.notes.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_look_for_is_taken_back_when_it_is_the_last_of_it() {
    let desk = Desk::with(("/withdraw-all/${run.id}", ""), None, (1..2, OTHER_RUN)).await;
    desk.at(200).await;
    let fault = eventually("a first attempt", || desk.fault()).await;
    let words = "nothing says that it is there; the write may still be carried out";
    assert_eq!((fault.as_str(), desk.asked("/withdraw-all")), (words, 0));
    // It comes as late as that.
    desk.leave(2..3, RUN);
    let seconds = desk.settled().await;
    assert!(seconds > 300, "{seconds}");
    assert_eq!(desk.asked("/withdraw-all"), 1);
    assert_eq!(desk.notes.lock().unwrap().len(), 1);
}
