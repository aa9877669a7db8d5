//! A case system to rehearse against, and receivers for what Holdfast sends: all of it synthetic.
//!
//! [`Standin`] is one [`system`] as an HTTP [`application`] over a [`register`] that [`families`]
//! filled, with [`faults`] on demand and [`scenario`]s that play them; [`export`] is what capture
//! reads, [`situations`] says where to look. [`smtp`] and [`webhook`] take notices.
//!
//! It knows no product module: to the rest of Holdfast these are servers somewhere else, so nothing
//! that runs in production may import it.

mod accept;
pub mod application;
mod care;
pub mod caseload;
mod crossing;
mod cyras;
pub mod draw;
pub mod export;
pub mod families;
pub mod faults;
pub mod life;
pub mod model;
mod nsw;
pub mod register;
pub mod scenario;
pub mod situations;
pub mod smtp;
mod smtp_session;
pub mod system;
mod wa;
pub mod webhook;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use secrecy::SecretString;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::accept::{Port, Server};
use self::application::control::{self, Control};
use self::application::{Account, Application};
use self::families::Settings;
use self::faults::{Fault, Faults, InvalidFault};
use self::life::Changes;
use self::system::System;
use crate::clock::Clock;

/// How a stand-in is set up.
#[derive(Clone, Debug)]
pub struct StandinConfig {
    /// Which case system it is.
    pub system: System,
    /// Where the application listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// Where faults are ordered; port 0 for any free one. No fault reaches it.
    pub control: SocketAddr,
    /// Seconds that a stale feed falls behind in one: 3,600 lets hours pass in seconds.
    pub pace: u32,
    pub seed: u64,
    /// Persons to generate, the situations included.
    pub people: usize,
    pub accounts: Vec<Account>,
    /// Bearer token of the read-only account that captures.
    pub capture_token: SecretString,
    /// Bearer token of the other side of its interfaces: police, an agency.
    pub interface_token: SecretString,
    /// Bearer token of the control API.
    pub control_token: SecretString,
}

impl Default for StandinConfig {
    /// The demo's: 5,000 people, free ports on loopback, the accounts `probe-1` and `probe-2` with
    /// the password `synthetic-probe`, the tokens `synthetic-capture`, `synthetic-interface` and
    /// `synthetic-control`.
    fn default() -> Self {
        let account = |username: &str| Account {
            username: username.to_owned(),
            password: "synthetic-probe".into(),
        };
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            system: System::C3ms,
            listen: anywhere,
            control: anywhere,
            pace: 1,
            seed: 1,
            people: 5000,
            accounts: vec![account("probe-1"), account("probe-2")],
            capture_token: "synthetic-capture".into(),
            interface_token: "synthetic-interface".into(),
            control_token: "synthetic-control".into(),
        }
    }
}

/// A running case system. Dropping it stops it; [`Standin::shutdown`] waits until it has.
pub struct Standin {
    addr: SocketAddr,
    control_addr: SocketAddr,
    app: Application,
    faults: Arc<Faults>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Standin {
    /// Generates the families as of the clock's now and serves them.
    ///
    /// # Errors
    /// When one of the addresses cannot be listened on.
    pub async fn start(config: StandinConfig, clock: Clock) -> io::Result<Self> {
        let port = Port::bind(config.listen)?;
        let listener = port.listen()?;
        let control_port = Port::bind(config.control)?;
        let control_listener = control_port.listen()?;
        let (addr, control_addr) = (port.addr(), control_port.addr());

        let settings = Settings { seed: config.seed, people: config.people, now: clock.now() };
        let generating = tokio::task::spawn_blocking(move || families::generate(settings));
        let register = generating.await.map_err(io::Error::other)?;
        let faults = Arc::new(Faults::new(config.seed));
        let (system, token) = (config.system, config.control_token.clone());
        let app = Application::new(register, clock.clone(), config);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let server = Server {
            system,
            router: app.router(),
            faults: Arc::clone(&faults),
            clock,
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let control = Control { app: app.clone(), faults: Arc::clone(&faults), token };
        let control_server = Server {
            router: control::router(control),
            faults: Arc::new(Faults::new(0)),
            ..server.clone()
        };
        tasks.spawn(server.run(port, listener));
        tasks.spawn(control_server.run(control_port, control_listener));
        Ok(Self { addr, control_addr, app, faults, tasks, stop: stop.drop_guard() })
    }

    /// Where the application listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:40001`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where faults are ordered.
    #[must_use]
    pub fn control_addr(&self) -> SocketAddr {
        self.control_addr
    }

    /// Makes a fault active and says its name.
    ///
    /// # Errors
    /// When a value is out of bounds; the message says what to write.
    pub fn apply(&self, fault: Fault) -> Result<String, InvalidFault> {
        self.faults.apply(fault, self.app.current())
    }

    /// Ends one fault; false when there is none of that name.
    pub fn clear(&self, name: &str) -> bool {
        self.faults.clear(name)
    }

    /// Ends every fault.
    pub fn clear_all(&self) {
        self.faults.clear_all();
    }

    /// Adds, changes and deletes records, `count` in all.
    pub fn change(&self, count: usize) -> Changes {
        self.app.live(count)
    }

    /// Reads the register as it is now, for a test to compare with.
    pub fn read<T>(&self, read: impl FnOnce(&register::Register) -> T) -> T {
        read(&self.app.current().register)
    }

    /// Stops listening, drops every connection and waits until all of it has ended.
    pub async fn shutdown(self) {
        drop(self.stop);
        self.tasks.close();
        self.tasks.wait().await;
    }
}
