//! The hub's receiver within the test, which says what plan is in force and what is taken.

use std::net::SocketAddr;
use std::sync::Arc;

use holdfast::app::agent::keys::Folder;
use holdfast::clock::Clock;
use holdfast::config::probes;
use holdfast::crypto::authority::{Authority, Request};
use holdfast::domain::agent::{Plan, Planned, PlannedTarget};
use holdfast::domain::ids::TargetId;
use holdfast::store::{Store, agents};
use holdfast::web::agents::desk::Desk;
use holdfast::web::agents::listen::{Tls, serve};
use holdfast::web::agents::routes::router;
use holdfast::web::agents::{Agents, Assignment, Delivered, Ends, Plans};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::rig::{Agent, noarlunga};
use crate::support::{free_address, root};

/// A hub of which only the agents' side is there.
pub struct OwnHub {
    pub address: SocketAddr,
    pub desk: Arc<Desk>,
    pub plans: watch::Sender<Arc<Plans>>,
    /// Without it nothing that an agent hands over is taken.
    pub delivered: Option<mpsc::Receiver<Delivered>>,
    authority: Arc<Authority>,
    pub store: Store,
    ends: Ends,
    _folder: tempfile::TempDir,
}

impl OwnHub {
    /// A hub that nobody reaches yet.
    pub async fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Clock::system();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        let (authority, _) = Authority::create(clock.now()).unwrap();
        let (plans, planned) = watch::channel(Arc::new(plan("first", "")));
        let (delivering, delivered) = mpsc::channel(64);
        let desk = Arc::new(Desk::new(clock));
        let ends = Ends { plans: planned, desk: Arc::clone(&desk), delivered: delivering };
        Self {
            address: free_address(),
            desk,
            plans,
            delivered: Some(delivered),
            authority: Arc::new(authority),
            store,
            ends,
            _folder: folder,
        }
    }

    /// An agent that is enrolled here.
    pub async fn agent(&self) -> Agent {
        let agent = Agent::new(self.address);
        let (here, now) = (noarlunga(), Clock::system().now());
        let request = Request::make().unwrap();
        let issued = self.authority.certify_client(here.as_str(), &request.pem, now).unwrap();
        agents::invite(&self.store, &here, "token", issued.seen.ends_at).await.unwrap();
        let certificate = (&here, issued.seen.serial.as_str(), issued.seen.ends_at);
        assert!(agents::enrol(&self.store, "token", certificate, now).await.unwrap());
        let folder = Folder::take(&agent.path().join("data")).unwrap();
        folder.keep_authority(self.authority.certificate_pem()).unwrap();
        folder.keep_identity(&issued.pem, &request.key_pem).unwrap();
        agent
    }

    /// Begins to answer.
    pub async fn serve(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let clock = Clock::system();
        let tls = Tls::new(Arc::clone(&self.authority), names, clock.clone()).unwrap();
        let Ends { plans, desk, delivered } = &self.ends;
        let (plans, desk, delivered) = (plans.clone(), Arc::clone(desk), delivered.clone());
        let ends = Ends { plans, desk, delivered };
        let stop = CancellationToken::new();
        let receiver = (self.store.clone(), clock);
        let receiver = Agents::new(receiver, Arc::clone(&self.authority), ends, stop.clone());
        tokio::spawn(serve(listener, tls, router(&Arc::new(receiver)), stop));
    }
}

/// A plan of that name: C3MS as it ships, with this behind it, its probes reaching nobody.
pub fn plan(digest: &str, more: &str) -> Plans {
    let text = std::fs::read_to_string(root().join("probes/c3ms.yaml")).unwrap();
    let target = probes::read("c3ms.yaml", &text).unwrap();
    let probes = target.probes.iter().map(|probe| (target.id.clone(), probe.id.clone()));
    let planned = PlannedTarget {
        target: TargetId::new("c3ms").unwrap(),
        file: "c3ms.yaml".to_owned(),
        text: text + more,
        base_url: Some("http://127.0.0.1:9".to_owned()),
        systems: [].into(),
        interval: None,
    };
    let plan = Plan { location: noarlunga(), targets: vec![planned] };
    let planned = Planned { digest: digest.to_owned(), plan };
    let probes = probes.collect();
    let assignment = Assignment { planned, probes, signals: [].into() };
    [(noarlunga(), Arc::new(assignment))].into()
}
