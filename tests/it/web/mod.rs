//! Pages over a real store, asked by a real client, and looked at in a real browser.

pub mod browser;
mod copy;
mod look;
mod pages;
mod plans;
mod reports;
mod sample;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use holdfast::continuity::command::{Answer, Asked, Command, Handle};
use holdfast::domain::ids::{CohortId, OfficeId, PersonId};
use holdfast::domain::session::{Account, Assurance, Role, Session, SessionRef};
use holdfast::snapshots::Status;
use holdfast::store::Store;
use holdfast::telemetry::labels::LabelSets;
use holdfast::telemetry::metrics::Metrics;
use holdfast::web::gate::Sessions;
use holdfast::web::plans::Plans;
use holdfast::web::{self, Pages, Web};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// A server on port 0 over the sample's rows, stopped when dropped.
pub struct Served {
    pub address: SocketAddr,
    pub store: Store,
    pub web: Arc<Web>,
    /// Opens and closes the copy, as far as pages are told.
    pub copy: watch::Sender<Status>,
    /// What the pages asked continuity for.
    pub deeds: Arc<Mutex<Vec<Command>>>,
    /// Whoever takes deeds; nobody does once it is aborted.
    pub continuity_runs: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
    _folder: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Served {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Sessions named by role: the cookie `operations` is somebody of operations.
struct ByRole;

impl Sessions for ByRole {
    fn find(&self, token: &str, now: Timestamp) -> Option<Session> {
        let role = Role::ALL.into_iter().find(|role| slug(*role) == token)?;
        Some(Session {
            reference: SessionRef(token.into()),
            account: Account {
                person: PersonId::new(&format!("p-{token}")).unwrap(),
                name: format!("Synthetic {}", role.title()),
                roles: [role].into(),
                staff_id: None,
                cohort: CohortId::new("noarlunga").unwrap(),
                office: OfficeId::new("noarlunga").unwrap(),
                teams: [].into(),
                cases: [].into(),
                rostered: Vec::new(),
                agency: None,
                supervisor: None,
                authorities: [].into(),
                kin: [].into(),
                home_address: None,
                ends_at: None,
            },
            assurance: Assurance::PassphraseAndCode,
            signed_in_at: now,
            expires_at: now + SignedDuration::from_hours(1),
        })
    }
}

/// The role as the session's cookie names it.
pub fn slug(role: Role) -> String {
    role.title().to_lowercase().replace(' ', "-")
}

pub async fn serve() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let store = sample::fill(folder.path()).await;
    plans::fill(&store).await;
    let stop = CancellationToken::new();
    let (continuity, asked) = Handle::channel();
    let noted = Arc::new(Mutex::new(Vec::new()));
    let continuity_runs = tokio::spawn(note(asked, noted.clone()));
    let (copy, watched) = watch::channel(Status::Closed);
    let web = Arc::new(Web {
        store: store.clone(),
        clock: sample::clock(),
        metrics: Arc::new(Metrics::new(&LabelSets::default()).unwrap()),
        zone: TimeZone::get("Australia/Adelaide").unwrap(),
        synthetic: true,
        targets: watch::channel(Arc::new(sample::targets())).1,
        probe_faults: watch::channel(Vec::new()).1,
        agent_faults: watch::channel(Vec::new()).1,
        plans: Some(Plans {
            people: watch::channel(plans::people()).1,
            playbooks: watch::channel(Arc::new(vec![Arc::new(plans::playbook())])).1,
            continuity,
            channels: Arc::new([holdfast::domain::notice::Channel::Email].into()),
            links: Arc::new(holdfast::channels::link::LinkKey::new(&"synthetic".into())),
        }),
        copy: watched,
        freshness_objective: Some(Duration::from_secs(1800)),
        metrics_networks: ["127.0.0.1/32".parse().unwrap()].into(),
        sessions: Arc::new(ByRole),
        changes: watch::channel(0).0,
        stop: stop.clone(),
        pages: Pages::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = web::router(web.clone()).route("/enter/{role}", get(enter));
    tokio::spawn(web::serve(listener, router, stop.clone()));
    Served { address, store, web, copy, deeds: noted, continuity_runs, stop, _folder: folder }
}

/// Gives a browser the session's cookie of a role.
async fn enter(Path(role): Path<String>) -> impl IntoResponse {
    let cookie = format!("__Host-holdfast={role}; Path=/; Secure; HttpOnly; SameSite=Lax");
    ([(header::SET_COOKIE, cookie)], "entered")
}

/// Answers every deed that it is on record, and keeps it for the test.
async fn note(mut asked: mpsc::Receiver<Asked>, noted: Arc<Mutex<Vec<Command>>>) {
    while let Some(Asked { command, answer }) = asked.recv().await {
        noted.lock().unwrap().push(command);
        let _ = answer.send(Ok(Answer::Done));
    }
}
