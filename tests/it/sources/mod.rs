//! Captures from every kind of source: real databases, folders, and stand-ins of products, by the
//! real program as its child process.

mod authorization;
mod caution;
mod counted;
mod dataverse;
mod files;
mod kinds;
mod odata;
mod primero;
mod primero_standin;
mod sql;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use holdfast::capture::start::{Captures, StartError};
use holdfast::capture::{Outcome, Report};
use holdfast::clock::Clock;
use holdfast::config::secrets::SecretPlace;
use holdfast::crypto::digest::Digest;
use holdfast::domain::ids::PlaybookId;
use holdfast::domain::records::{Record, RecordKind};
use holdfast::store::Store;
use holdfast::vault::manifest::{Build, Manifest};
use holdfast::vault::open;
use holdfast::vault::order::{self, Ground, OpenOrder, Scope};
use holdfast::vault::site::{self, Level, Site};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

/// The secret of every source here; nothing that is printed or kept may hold it.
pub const SECRET: &str = "synthetic-export-secret";

/// Persons of a mapping; a test puts its source's section in front.
pub const PERSONS: &str = "        tier: { constant: standard }
        class: { constant: general }
        fields:
          name: { copy: name }
          born_on: { copy: born_on }
";

/// A site, a mapping and where it reads from.
pub struct Rig {
    folder: TempDir,
    site: Site,
    store: Store,
    clock: Clock,
    url: String,
    /// With the name of the child's secret; none for sources that want none.
    has_secret: bool,
}

impl Rig {
    /// One that reads from `url` by a mapping; a folder of its own for whatever is beside it.
    pub async fn new(url: &str, mapping: &str, has_secret: bool) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Clock::system();
        let folder = tempfile::tempdir().unwrap();
        let passphrase = "synthetic custody passphrase".into();
        let root = folder.path().join("site");
        let site = site::create(&root, "synthetic", Level::Demo, &passphrase, clock.now()).unwrap();
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        issue_order(&site, clock.now());
        let rig = Self { folder, site, store, clock, url: url.to_owned(), has_secret };
        rig.map(mapping);
        rig
    }

    /// Writes the mapping anew.
    pub fn map(&self, mapping: &str) {
        std::fs::write(self.mapping(), mapping).unwrap();
    }

    fn mapping(&self) -> PathBuf {
        self.folder.path().join("mapping.yaml")
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Captures what is due, as the service does.
    pub async fn try_capture(&self, full: bool) -> Result<Report, StartError> {
        let secret = SecretPlace::File(self.folder.path().join("secret"));
        let captures = Captures {
            program: env!("CARGO_BIN_EXE_holdfast").into(),
            site: self.site.root().to_owned(),
            mapping: self.mapping(),
            source_url: self.url.parse().unwrap(),
            token_from: self.has_secret.then_some(secret),
            shows_progress: false,
        };
        let ended = captures.capture(&self.store, full, &self.clock).await;
        let told = match &ended {
            Ok(report) => serde_json::to_string(report).unwrap(),
            Err(error) => error.to_string(),
        };
        assert!(!told.contains(SECRET) && !told.contains("Synthetic"), "{told}");
        ended
    }

    /// Captures what is due and has it published.
    #[track_caller]
    pub fn capture(&self) -> impl Future<Output = Report> {
        let caller = std::panic::Location::caller();
        async move {
            let report = self.try_capture(false).await.unwrap_or_else(|e| panic!("{caller}: {e}"));
            let published = matches!(report.outcome, Outcome::Published { .. });
            assert!(published, "{caller}: {:?}", report.outcome);
            report
        }
    }

    /// Captures what has changed, and nothing but that.
    #[track_caller]
    pub fn changes(&self) -> impl Future<Output = Report> {
        let caller = std::panic::Location::caller();
        let captured = self.capture();
        async move {
            let report = captured.await;
            assert_eq!(report.build, Build::Incremental, "{caller}");
            report
        }
    }

    /// The run fails with words.
    #[track_caller]
    pub fn fails(&self, words: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            match self.try_capture(false).await {
                Err(error) => assert!(error.to_string().contains(words), "{caller}: {error}"),
                Ok(report) => panic!("{caller}: {report:?}"),
            }
        }
    }

    /// The run is quarantined with words.
    #[track_caller]
    pub fn quarantined(&self, words: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let report = self.try_capture(false).await;
            let report = report.unwrap_or_else(|e| panic!("{caller}: {e}"));
            let Outcome::Quarantined { reasons } = &report.outcome else {
                panic!("{caller}: {report:?}")
            };
            let told: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            assert!(told.join("; ").contains(words), "{caller}: {told:?}");
        }
    }

    /// The standard records of a kind in the copy, by id, as JSON.
    pub fn records(&self, kind: RecordKind) -> BTreeMap<String, serde_json::Value> {
        let node = self.site.node_key().unwrap();
        let opened = open::standard(&self.site, &node, self.clock.now()).unwrap();
        let records = opened.records.of_kind(kind).unwrap();
        let told = |record: &Record| {
            let json = serde_json::to_value(record).unwrap();
            (record.key().id.to_string(), json[kind.as_str()].clone())
        };
        records.iter().map(told).collect()
    }

    /// Names of the persons in the copy, by id.
    pub fn names(&self) -> Vec<(String, String)> {
        let name = |(id, person): (String, serde_json::Value)| {
            (id, person["name"].as_str().unwrap().to_owned())
        };
        self.records(RecordKind::Person).into_iter().map(name).collect()
    }

    /// The generation in force.
    pub fn generation(&self) -> Manifest {
        open::current(&self.site).unwrap().1
    }
}

/// Signs the order by which the copy opens.
fn issue_order(site: &Site, now: Timestamp) {
    let order = OpenOrder {
        site: site.name().to_owned(),
        serial: order::next_serial(site).unwrap(),
        ground: Ground::Activation {
            activation: "a-synthetic".into(),
            playbook: PlaybookId::new("case-system-down").unwrap(),
            playbook_sha256: Digest::of(b"synthetic"),
        },
        scope: Scope::Everyone,
        issued_at: now,
        expires_at: now + SignedDuration::from_hours(12),
    };
    order::issue(site, &order, &site.continuity_key().unwrap()).unwrap();
}

/// Pairs as a copy holds them.
pub fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect()
}
