//! An installation in a folder of its own: its copy captured by the real program, opened by a
//! signed order, and served on a free port.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast::app::portal;
use holdfast::clock::Clock;
use holdfast::config::{directory, installation};
use holdfast::crypto::digest::Digest;
use holdfast::crypto::passphrase::PassphraseHash;
use holdfast::crypto::sealed::OpeningKey;
use holdfast::crypto::totp::TotpSecret;
use holdfast::domain::ids::PlaybookId;
use holdfast::snapshots::OpenStatus;
use holdfast::vault::directory::{Credential, Directory, Enrolled};
use holdfast::vault::order::{self, Ground, OpenOrder, Scope};
use holdfast::vault::policy;
use holdfast::vault::site::Site;
use holdfast::web::{self, portal::PortalWeb};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Everybody's passphrase.
pub const PASSPHRASE: &str = "synthetic people only";
/// Everybody's secret for codes.
pub const TOTP_SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// A configured installation with keys and people, not running.
pub struct Installed {
    pub config: PathBuf,
    pub site: Site,
}

impl Installed {
    /// Takes over the files of `config`'s folder, in which a site and a `directory.yaml` are, and
    /// enrols everybody in it.
    pub fn new(config: PathBuf, now: Timestamp) -> Self {
        let service = installation::load(&config).unwrap();
        let site = Site::open(&service.data.join("site")).unwrap();
        let people = config.with_file_name("directory.yaml");
        enrol(&site, &people, now);
        Self { config, site }
    }

    /// Captures as a person would on the command line; says what came of it.
    pub async fn capture(&self) -> serde_json::Value {
        let ended = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(["snapshot", "capture", "--json", "--config"])
            .arg(&self.config)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "the copy was not captured: {said}");
        serde_json::from_slice(&ended.stdout).unwrap()
    }

    /// Signs the order by which the copy opens.
    pub fn order(&self, scope: Scope, now: Timestamp) {
        let order = OpenOrder {
            site: self.site.name().to_owned(),
            serial: order::next_serial(&self.site).unwrap(),
            ground: Ground::Activation {
                activation: "a-synthetic".into(),
                playbook: PlaybookId::new("case-system-down").unwrap(),
                playbook_sha256: Digest::of(b"synthetic"),
            },
            scope,
            issued_at: now,
            expires_at: now + SignedDuration::from_hours(12),
        };
        order::issue(&self.site, &order, &self.site.continuity_key().unwrap()).unwrap();
    }

    /// The portal of this installation, its copy closed.
    pub fn portal(&self, clock: &Clock) -> Arc<PortalWeb> {
        let service = installation::load(&self.config).unwrap();
        let live = watch::channel("No outage is known now.".to_owned()).1;
        portal::start(&service, &self.site, clock, live).unwrap()
    }
}

fn enrol(site: &Site, people: &Path, now: Timestamp) {
    let text = std::fs::read_to_string(people).unwrap();
    let file = directory::read("directory.yaml", &text).unwrap();
    policy::create(site, &site.node_key().unwrap()).unwrap();
    let credential = Credential {
        passphrase: PassphraseHash::new(&SecretString::from(PASSPHRASE)).unwrap(),
        totp: totp(),
    };
    let enrolled = |account| Enrolled { account, credential: Some(credential.clone()) };
    let number = holdfast::vault::directory::next_number(site).unwrap();
    let directory = Directory {
        number,
        issued_at: now,
        phones: file.phones,
        review_key: OpeningKey::generate().sealing_key(),
        people: file.people.into_iter().map(enrolled).collect(),
    };
    let key = policy::policy_key(site).unwrap();
    holdfast::vault::directory::publish(site, &directory, &key).unwrap();
}

pub fn totp() -> TotpSecret {
    TotpSecret::from_base32(TOTP_SECRET).unwrap()
}

/// A portal on a free port, stopped when dropped.
pub struct Desk {
    pub web: Arc<PortalWeb>,
    pub url: String,
    _stop: DropGuard,
}

impl Desk {
    pub async fn serve(web: Arc<PortalWeb>) -> Self {
        let stop = CancellationToken::new();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = web::portal::router(Arc::clone(&web));
        tokio::spawn(web::serve(listener, router, stop.clone()));
        Self { web, url, _stop: stop.drop_guard() }
    }

    /// Opens the generation in force on the order beside it.
    pub async fn open(&self, installed: &Installed) -> OpenStatus {
        let node = Arc::new(installed.site.node_key().unwrap());
        let now = self.web.clock.now();
        self.web.portal.open(installed.site.clone(), node, now).await.unwrap()
    }
}
