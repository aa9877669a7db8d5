//! One browser with a profile of its own, closed whatever happens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::gate::Gate;
use super::{Browsers, profiles};
use crate::domain::check::FailureReason;
use crate::probing::steps::Fault;
use crate::probing::steps::reach::Reach;

/// How long a browser may take to close by itself before it is ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a page is looked at for what is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How the page under the browser was answered; 0 where nothing was asked of a server.
const STATUS_SCRIPT: &str =
    "return (performance.getEntriesByType('navigation')[0] || {}).responseStatus || 0;";

/// A turn to open a browser, with what it is opened by.
#[derive(Debug)]
pub struct Seat {
    permit: OwnedSemaphorePermit,
    /// Of the running chromedriver.
    port: u16,
    /// Where its profiles are.
    profiles: PathBuf,
    chromium: PathBuf,
}

impl Browsers {
    /// Waits for a turn, and starts chromedriver when it does not run.
    ///
    /// # Errors
    /// When chromedriver does not start.
    pub async fn seat(&self) -> Result<Seat, Fault> {
        let permit = Arc::clone(&self.seats).acquire_owned().await.map_err(|_| crowded())?;
        let (port, profiles) = self.driver().await?;
        Ok(Seat { permit, port, profiles, chromium: self.programs.chromium.clone() })
    }
}

/// An open browser.
#[derive(Debug)]
pub struct Sitting {
    client: Option<Client>,
    gate: Option<Gate>,
    /// Of the target: what else a page asks for may fail without harm.
    host: String,
    profile: PathBuf,
    seat: Option<OwnedSemaphorePermit>,
}

impl Sitting {
    /// Opens a browser that reaches out through a gate of its own.
    ///
    /// It is opened in a task by itself: a caller that no longer waits drops the answer, and with
    /// it the browser, which is closed then.
    ///
    /// # Errors
    /// When Chromium does not start.
    pub async fn open(seat: Seat, reach: Reach, host: &str) -> Result<Self, Fault> {
        let host = host.to_owned();
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            let _ = tell.send(start(seat, (reach, host)).await);
        });
        told.await.map_err(|_| crowded())?
    }

    /// The gate of this browser.
    ///
    /// # Panics
    /// Never: the gate is there until the sitting is dropped.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        self.gate.as_ref().expect("the gate is open as long as the sitting is")
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("the browser is open as long as the sitting is")
    }

    /// Goes to an address and looks at how it was answered.
    ///
    /// The browser is told how long that may take: it does nothing else before it gave up.
    ///
    /// # Errors
    /// When the page does not load, or says that it failed.
    pub async fn goto(&self, url: &str, timeout: Duration) -> Result<(), Fault> {
        let _ = self.gate().take_fault(&self.host);
        let timeouts = TimeoutConfiguration::new(None, Some(timeout), None);
        let told = self.client().update_timeouts(timeouts).await;
        told.map_err(|error| self.explain(&error))?;
        self.client().goto(url).await.map_err(|error| self.explain(&error))?;
        let status = self.client().execute(STATUS_SCRIPT, Vec::new()).await;
        match status.map_err(|error| self.explain(&error))?.as_u64() {
            Some(status @ 400..) => {
                let detail = format!("the page was answered with status {status}");
                Err(Fault::failed(FailureReason::Status, detail))
            }
            _ => Ok(()),
        }
    }

    /// Waits for an element.
    ///
    /// # Errors
    /// When the browser fails; the caller bounds the waiting.
    pub async fn find(&self, select: &str) -> Result<Element, Fault> {
        loop {
            match self.client().find(Locator::Css(select)).await {
                Ok(element) => return Ok(element),
                Err(error) if is_passing(&error) => tokio::time::sleep(LOOK_INTERVAL).await,
                Err(error) => return Err(self.explain(&error)),
            }
        }
    }

    /// Waits for a field and types into it in place of what it holds.
    ///
    /// # Errors
    /// As for [`Sitting::find`].
    pub async fn fill(&self, select: &str, text: &str) -> Result<(), Fault> {
        loop {
            let field = self.find(select).await?;
            let typed = match field.clear().await {
                Ok(()) => field.send_keys(text).await,
                Err(error) => Err(error),
            };
            match typed {
                Ok(()) => return Ok(()),
                Err(error) if is_passing(&error) => tokio::time::sleep(LOOK_INTERVAL).await,
                Err(error) => return Err(self.explain(&error)),
            }
        }
    }

    /// Waits for an element and clicks it.
    ///
    /// # Errors
    /// As for [`Sitting::find`].
    pub async fn click(&self, select: &str) -> Result<(), Fault> {
        let _ = self.gate().take_fault(&self.host);
        loop {
            match self.find(select).await?.click().await {
                Ok(()) => return Ok(()),
                Err(error) if is_passing(&error) => tokio::time::sleep(LOOK_INTERVAL).await,
                Err(error) => return Err(self.explain(&error)),
            }
        }
    }

    /// Waits until an element holds a text.
    ///
    /// # Errors
    /// As for [`Sitting::find`].
    pub async fn await_text(&self, select: &str, wanted: &str) -> Result<(), Fault> {
        loop {
            match self.find(select).await?.text().await {
                Ok(text) if text.contains(wanted) => return Ok(()),
                Ok(_) => tokio::time::sleep(LOOK_INTERVAL).await,
                Err(error) if is_passing(&error) => tokio::time::sleep(LOOK_INTERVAL).await,
                Err(error) => return Err(self.explain(&error)),
            }
        }
    }

    /// Where the browser is, and the page as it stands there.
    ///
    /// # Errors
    /// When the browser fails.
    pub async fn page(&self) -> Result<(url::Url, String), Fault> {
        let url = self.client().current_url().await.map_err(|error| self.explain(&error))?;
        let source = self.client().source().await.map_err(|error| self.explain(&error))?;
        Ok((url, source))
    }

    /// The page as a picture, in PNG.
    pub async fn picture(&self) -> Option<Vec<u8>> {
        self.client().screenshot().await.ok()
    }

    /// What a refusal of the browser means. Its words may quote the page, so they are not told.
    fn explain(&self, error: &CmdError) -> Fault {
        if let Some(fault) = self.gate().take_fault(&self.host) {
            return fault;
        }
        let failed = |reason, detail: &str| Fault::failed(reason, detail);
        match error {
            CmdError::Standard(refused) if refused.error == ErrorStatus::Timeout => {
                failed(FailureReason::Timeout, "the page was not loaded in time")
            }
            CmdError::Standard(refused) => {
                let words = &refused.message;
                let net = |code: &str| words.contains(&format!("net::ERR_{code}"));
                if net("CERT") || net("SSL") {
                    failed(FailureReason::Tls, "the browser does not trust the connection")
                } else if net("SOCKS") {
                    let detail = "the page led to where the browser cannot go";
                    failed(FailureReason::Redirect, detail)
                } else if net("EMPTY_RESPONSE") || net("CONNECTION") {
                    failed(FailureReason::Reset, "the connection was cut")
                } else if net("") {
                    failed(FailureReason::Protocol, "the page could not be loaded")
                } else {
                    failed(FailureReason::Content, "the page did not allow it")
                }
            }
            _ => prober("the browser went away"),
        }
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        let (client, gate, seat) = (self.client.take(), self.gate.take(), self.seat.take());
        let profile = std::mem::take(&mut self.profile);
        let closing = async move {
            if let Some(client) = client {
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, client.close()).await;
            }
            let _ = tokio::task::spawn_blocking(move || profiles::end(&profile)).await;
            drop((gate, seat));
        };
        // Without a runtime the service is ending, and ends every browser itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(closing);
        }
    }
}

async fn start(seat: Seat, (reach, host): (Reach, String)) -> Result<Sitting, Fault> {
    let Seat { permit, port, profiles, chromium } = seat;
    let gate = Gate::open(reach, host.clone()).await;
    let gate = gate.map_err(|_| prober("no port is free for the browser"))?;
    let profile = profiles::make(&profiles).map_err(|error| {
        Fault::disk(format!("the browser's profile cannot be made: {}", error.kind()))
    })?;
    // From here on there is something to clear away, whichever way this ends.
    let gate_port = gate.port();
    let mut sitting = Sitting { client: None, gate: Some(gate), host, profile, seat: Some(permit) };
    let options = json!({
        "binary": binary(&chromium),
        "args": arguments(&sitting.profile, gate_port),
    });
    let capabilities = json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "pageLoadStrategy": "normal",
    });
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities.as_object().cloned().unwrap_or_default());
    let opened = builder.connect(&format!("http://127.0.0.1:{port}")).await;
    match opened {
        Ok(client) => sitting.client = Some(client),
        Err(_) => return Err(not_started(&sitting.profile)),
    }
    Ok(sitting)
}

/// Why Chromium did not start: without room for its profile it cannot.
fn not_started(profile: &Path) -> Fault {
    match profiles::take_file(profile) {
        Ok(()) => prober("Chromium does not start: install it, or say where it is under 'browser'"),
        Err(error) => Fault::disk(format!(
            "Chromium does not start: nothing can be written into its profile ({})",
            error.kind()
        )),
    }
}

/// chromedriver takes a whole path only.
fn binary(chromium: &Path) -> PathBuf {
    if chromium.is_absolute() {
        return chromium.to_owned();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&folders).map(|folder| folder.join(chromium));
    found.find(|path| path.is_file()).unwrap_or_else(|| chromium.to_owned())
}

fn arguments(profile: &Path, gate_port: u16) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--headless",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--disable-extensions",
        "--disable-breakpad",
        "--hide-scrollbars",
        "--window-size=1280,1000",
        // chromedriver speaks to it through a pipe: no port that others could speak to.
        "--remote-debugging-pipe",
        // Nothing around the gate: no name is resolved, no address reached, loopback included.
        "--proxy-bypass-list=<-loopback>",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--proxy-server=socks5://127.0.0.1:{gate_port}"));
    arguments.push(profiles::argument(profile));
    // Chromium refuses its sandbox to root; a service should have a user of its own.
    if rustix::process::geteuid().is_root() {
        arguments.push("--no-sandbox".to_owned());
    }
    arguments
}

/// Whether a page that is still changing may allow it a moment later.
fn is_passing(error: &CmdError) -> bool {
    let CmdError::Standard(refused) = error else { return false };
    let passing = [
        ErrorStatus::NoSuchElement,
        ErrorStatus::StaleElementReference,
        ErrorStatus::ElementNotInteractable,
        ErrorStatus::ElementClickIntercepted,
        ErrorStatus::InvalidElementState,
    ];
    // A missing page shows as a missing element too, and stays missing.
    passing.contains(&refused.error)
}

fn crowded() -> Fault {
    prober("no browser can be opened")
}

fn prober(detail: &str) -> Fault {
    Fault::prober(detail)
}
