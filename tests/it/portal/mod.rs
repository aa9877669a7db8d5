//! The portal over a copy captured from the stand-in, as the people in its directory see it.

mod access;
mod audit;
mod formats;
mod proofs;
mod reading;

use holdfast::app::init::{self, Choices, Rehearsal, Relay};
use holdfast::clock::Clock;
use holdfast::standin::Standin;
use holdfast::standin::smtp::SmtpReceiver;
use holdfast::vault::order::Scope;
use holdfast::vault::site::Level;
use secrecy::SecretString;
use tempfile::TempDir;

use crate::support::copy::{Desk, Installed};
use crate::support::{self, free_address};

/// A case system and an installation beside it, one generation captured and an order signed.
struct C3ms {
    standin: Standin,
    installed: Installed,
    /// `http://127.0.0.1:40001`, where the installation's file says that the service listens.
    url: String,
    _mail: SmtpReceiver,
    _folder: TempDir,
}

impl C3ms {
    async fn captured(clock: &Clock) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let standin = support::standin(clock).await;
        let anywhere = ([127, 0, 0, 1], 0).into();
        let mail = SmtpReceiver::start(anywhere, None, clock.clone()).unwrap();
        let folder = TempDir::new().unwrap();
        let listen = free_address();
        let secret = |text: &str| SecretString::from(text.to_owned());
        let relay = mail.addr();
        let choices = Choices {
            profile: init::profile("c3ms").unwrap(),
            level: Level::Demo,
            site: "synthetic".into(),
            listen,
            interface_url: None,
            base_url: standin.url(),
            relay: Relay { host: relay.ip().to_string(), port: relay.port(), security: "plain" },
            rehearsal: Some(Rehearsal {
                interval: "1 min".into(),
                writes: "1 h".into(),
                capture_interval: "1 h".into(),
                update_interval: "5 min".into(),
            }),
            secrets: vec![
                ("probe-username", secret("probe-1")),
                ("probe-password", secret("synthetic-probe")),
                ("capture-token", secret("synthetic-capture")),
            ],
            custody_passphrase: secret("synthetic custody passphrase"),
        };
        let config = init::write(folder.path(), &choices, clock.now()).unwrap();
        let installed = Installed::new(config, clock.now());
        let report = installed.capture().await;
        assert_eq!(report["outcome"]["published"]["generation"], 1, "{report}");
        assert_eq!(report["rejected"], serde_json::json!([]), "{report}");
        assert_eq!(report["unmapped"], serde_json::json!([]), "{report}");
        installed.order(Scope::Everyone, clock.now());
        let url = format!("http://{listen}");
        Self { standin, installed, url, _mail: mail, _folder: folder }
    }

    /// The portal in this process, its copy open.
    async fn desk(&self, clock: &Clock) -> Desk {
        let desk = Desk::serve(self.installed.portal(clock)).await;
        let status = desk.open(&self.installed).await;
        assert_eq!(status.generation, 1);
        desk
    }
}
