//! The only way out for a browser: a SOCKS proxy (RFC 1928) on loopback that connects as every
//! other step does.
//!
//! Names are resolved here, so that the browser reaches nothing but the target's networks, from
//! the location's own address, whatever a page asks it to load.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::domain::check::{FailureReason, Outcome};
use crate::probing::steps::reach::Reach;
use crate::probing::steps::{Fault, Hop};

/// Hosts that Chromium asks for by itself, whatever page it shows: not even looked up.
const ERRANDS: [&str; 4] = ["google.com", "googleapis.com", "gstatic.com", "gvt1.com"];
/// Hosts whose faults are kept.
const MOST_FAULTS: usize = 32;
const VERSION: u8 = 5;
const NO_SIGN_IN: u8 = 0;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
const GRANTED: u8 = 0;
const FAILED: u8 = 1;
const NOT_ALLOWED: u8 = 2;
const UNREACHABLE: u8 = 4;
const REFUSED: u8 = 5;

/// An open gate; closed, with all that went through it, when dropped.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

/// What went through.
#[derive(Debug, Default)]
struct Seen {
    address: Option<SocketAddr>,
    /// How the first connection came about.
    first: Option<Hop>,
    /// Why connections did not come about, by host.
    faults: BTreeMap<String, Fault>,
}

impl Seen {
    fn note_fault(&mut self, host: String, fault: Fault) {
        if self.faults.len() < MOST_FAULTS || self.faults.contains_key(&host) {
            self.faults.insert(host, fault);
        }
    }
}

impl Gate {
    /// Opens a gate on a free port, for pages of the target's own host.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open(reach: Reach, own: String) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(serve(listener, (reach, own), Arc::clone(&seen)));
        Ok(Self { port, seen, task })
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first address that was spoken to.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        lock(&self.seen).address
    }

    /// Tells a hop that waited for the browser how the first connection came about.
    pub fn tell_first(&self, hop: &mut Hop) {
        if let Some(first) = &lock(&self.seen).first {
            hop.adopt(first);
        }
    }

    /// Takes the reason why the last connection to a host did not come about, if it did not.
    #[must_use]
    pub fn take_fault(&self, host: &str) -> Option<Fault> {
        lock(&self.seen).faults.remove(host.trim_matches(['[', ']']))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, way: (Reach, String), seen: Arc<Mutex<Seen>>) {
    let way = Arc::new(way);
    // Connections end with the gate, for they are in its set.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((browser, _)) = accepted else { return };
                let (way, seen) = (Arc::clone(&way), Arc::clone(&seen));
                connections.spawn(async move {
                    // A browser that gives up a connection is no news.
                    let _ = pass(browser, &way, &seen).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Lets one connection through, or says why not.
async fn pass(
    mut browser: TcpStream,
    (reach, own): &(Reach, String),
    seen: &Mutex<Seen>,
) -> std::io::Result<()> {
    let (host, port) = read_request(&mut browser).await?;
    if host != *own && is_errand(&host) {
        return answer(&mut browser, NOT_ALLOWED).await;
    }
    let mut hop = Hop::start(0);
    match reach.connect(&host, port, &mut hop).await {
        Ok(mut connected) => {
            {
                let mut seen = lock(seen);
                if seen.address.is_none() {
                    seen.address = Some(connected.address);
                    seen.first = Some(hop);
                }
            }
            answer(&mut browser, GRANTED).await?;
            tokio::io::copy_bidirectional(&mut browser, &mut connected.stream).await.map(drop)
        }
        Err(fault) => {
            let code = match fault.outcome {
                Outcome::Failed(FailureReason::Redirect) => NOT_ALLOWED,
                Outcome::Failed(FailureReason::Refused) => REFUSED,
                Outcome::Failed(FailureReason::Dns | FailureReason::SiteNetwork) => UNREACHABLE,
                _ => FAILED,
            };
            lock(seen).note_fault(host, fault);
            answer(&mut browser, code).await
        }
    }
}

/// Whether a host is one of [`ERRANDS`], or in a domain of theirs.
fn is_errand(host: &str) -> bool {
    let within = |rest: &str| rest.is_empty() || rest.ends_with('.');
    ERRANDS.iter().any(|domain| host.strip_suffix(domain).is_some_and(within))
}

async fn read_request(browser: &mut TcpStream) -> std::io::Result<(String, u16)> {
    let wrong = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let [version, methods] = read(browser).await?;
    if version != VERSION {
        return Err(wrong());
    }
    let mut offered = vec![0; usize::from(methods)];
    browser.read_exact(&mut offered).await?;
    browser.write_all(&[VERSION, NO_SIGN_IN]).await?;
    let [_, command, _, kind] = read(browser).await?;
    let host = match kind {
        IPV4 => IpAddr::V4(Ipv4Addr::from(read::<4>(browser).await?)).to_string(),
        IPV6 => IpAddr::V6(Ipv6Addr::from(read::<16>(browser).await?)).to_string(),
        NAME => {
            let [length] = read(browser).await?;
            let mut name = vec![0; usize::from(length)];
            browser.read_exact(&mut name).await?;
            String::from_utf8(name).map_err(|_| wrong())?
        }
        _ => return Err(wrong()),
    };
    let port = u16::from_be_bytes(read(browser).await?);
    if command == CONNECT { Ok((host, port)) } else { Err(wrong()) }
}

async fn read<const N: usize>(browser: &mut TcpStream) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    browser.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// The address that a proxy may tell beside its answer is nobody's business.
async fn answer(browser: &mut TcpStream, code: u8) -> std::io::Result<()> {
    browser.write_all(&[VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_is_known_by_its_domain() {
        assert!(is_errand("google.com") && is_errand("update.googleapis.com"));
        assert!(!is_errand("notgoogle.com") && !is_errand("google.com.example.gov"));
    }
}
