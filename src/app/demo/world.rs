//! Everything around the service in a demo: the stand-in case system and the mail server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use secrecy::SecretString;

use super::accounts;
use crate::app::init::{self, Choices, Rehearsal, Relay};
use crate::app::profiles::Profile;
use crate::clock::Clock;
use crate::config::diagnostics::{self, Diagnostics};
use crate::config::directory;
use crate::standin::smtp::SmtpReceiver;
use crate::standin::system::System;
use crate::standin::{Standin, StandinConfig};
use crate::vault::site::{Level, Site};

/// The passphrase of a demo's custody key.
const CUSTODY_PASSPHRASE: &str = "synthetic custody passphrase";

/// A stale feed falls an hour behind in a second.
const PACE: u32 = 3_600;

/// The folder of the mail that arrives.
pub const MAIL: &str = "mail";

/// A case system, a mail server and an installation between them.
pub struct World {
    pub standin: Standin,
    pub mail: Arc<SmtpReceiver>,
    pub folder: PathBuf,
    pub config: PathBuf,
    /// Where the pages are: `http://127.0.0.1:8080`.
    pub origin: String,
}

impl World {
    /// Starts both servers, and writes an installation into `folder` unless it holds one.
    ///
    /// # Errors
    /// When a server cannot start or a file cannot be written.
    pub async fn start(
        profile: Profile,
        folder: &Path,
        listen: SocketAddr,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let system = System::parse(profile.name).context("nothing stands in for this profile")?;
        let config = StandinConfig { system, pace: PACE, ..StandinConfig::default() };
        let standin = Standin::start(config, clock.clone())
            .await
            .context("starting the stand-in case system")?;
        let letters = folder.join(MAIL);
        std::fs::create_dir_all(&letters)
            .with_context(|| format!("making {}", letters.display()))?;
        let mail = SmtpReceiver::start(anywhere, Some(letters), clock.clone())
            .context("starting the mail server")?;
        let listen = free(listen).await?;
        let choices = choices(profile, listen, &standin, &mail);
        let config = init::write(folder, &choices, clock.now())?;
        let path = folder.join("directory.yaml");
        let text = diagnostics::read(&path).map_err(Diagnostics::from)?;
        let people = directory::read(&path.display().to_string(), &text)?;
        let site = Site::open(&folder.join("data/site"))?;
        accounts::enrol(&site, people, clock.now())?;
        let origin = format!("http://{listen}");
        let mail = Arc::new(mail);
        Ok(Self { standin, mail, folder: folder.to_owned(), config, origin })
    }
}

/// A port that is free now, where none was named: the installation's file has to name one.
async fn free(listen: SocketAddr) -> anyhow::Result<SocketAddr> {
    let bound = tokio::net::TcpListener::bind(listen).await;
    let bound = bound.with_context(|| format!("{listen} is taken: name another with --listen"))?;
    Ok(bound.local_addr()?)
}

fn choices(
    profile: Profile,
    listen: SocketAddr,
    standin: &Standin,
    mail: &SmtpReceiver,
) -> Choices {
    let relay = mail.addr();
    let secret = |text: &str| SecretString::from(text.to_owned());
    let mut secrets = vec![
        ("probe-username", secret("probe-1")),
        ("probe-password", secret("synthetic-probe")),
        ("capture-token", secret("synthetic-capture")),
    ];
    let interface = profile.interface;
    secrets.extend(interface.map(|one| (one.secret_file, secret("synthetic-interface"))));
    Choices {
        profile,
        level: Level::Demo,
        site: "demo".to_owned(),
        listen,
        base_url: standin.url(),
        interface_url: interface.map(|one| format!("{}/{}", standin.url(), one.system)),
        relay: Relay { host: relay.ip().to_string(), port: relay.port(), security: "plain" },
        rehearsal: Some(Rehearsal {
            interval: "5 s".to_owned(),
            writes: profile.demo_writes.to_owned(),
            capture_interval: "30 s".to_owned(),
            update_interval: "15 s".to_owned(),
        }),
        secrets,
        custody_passphrase: secret(CUSTODY_PASSPHRASE),
    }
}
