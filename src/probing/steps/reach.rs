//! How a run reaches what it speaks to: from which address, and only where the target's networks
//! allow, after the name was resolved.
//!
//! Every kind of step connects through here, so that no step can be led elsewhere: not by a
//! redirect, not by a name server that changed its mind, not by an odd spelling of an address. The
//! addresses that were looked at are the addresses connected to; a name is never resolved twice.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::{Fault, Hop};
use crate::domain::check::{FailureReason, InconclusiveReason, Outcome, Phase};
use crate::domain::network::Network;

/// Addresses of one name that are tried, one after another.
const MOST_ADDRESSES: usize = 4;
/// One of them that says nothing for this long gives way to the next.
const SILENCE_AT_MOST: Duration = Duration::from_millis(500);

/// Where one run speaks from, and where it may speak to.
#[derive(Clone, Debug)]
pub struct Reach {
    /// None for whichever the system picks.
    pub source_address: Option<IpAddr>,
    pub networks: Arc<[Network]>,
}

/// What a name led to.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// At least one, all of them within the networks.
    pub addresses: Vec<IpAddr>,
    /// Whether a name server was asked: an address may be written as one.
    pub by_name: bool,
}

/// A connection that stands.
#[derive(Debug)]
pub struct Connected {
    pub stream: TcpStream,
    pub address: SocketAddr,
}

impl Reach {
    /// Resolves a name by the system, or reads an address.
    ///
    /// # Errors
    /// When it has no address, or one of its addresses is outside the networks: a name that leads
    /// partly astray is not to be trusted with the rest.
    pub async fn resolve(&self, host: &str) -> Result<Resolved, Fault> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.allowed(vec![address], false);
        }
        let found = tokio::net::lookup_host((bare, 0)).await.map_err(|_| {
            let outcome = Outcome::Failed(FailureReason::Dns);
            Fault::new(outcome, "the name could not be resolved")
        })?;
        self.allowed(found.map(|address| address.ip()).collect(), true)
    }

    /// Lets addresses through that the networks contain.
    ///
    /// # Errors
    /// When one of them is outside, or there is none.
    pub fn allowed(&self, found: Vec<IpAddr>, by_name: bool) -> Result<Resolved, Fault> {
        if let Some(outside) = found.iter().find(|address| !self.allows(**address)) {
            return Err(outside_networks(*outside));
        }
        let mut addresses: Vec<IpAddr> = found.iter().map(IpAddr::to_canonical).collect();
        addresses.dedup();
        addresses.truncate(MOST_ADDRESSES);
        if addresses.is_empty() {
            let outcome = Outcome::Failed(FailureReason::Dns);
            return Err(Fault::new(outcome, "the name has no address"));
        }
        Ok(Resolved { addresses, by_name })
    }

    /// Whether a run may speak to the address: see [`Network::admits`].
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.admits(address))
    }

    /// Connects to the first address of the host that answers; the hop learns how long the name
    /// and the handshake took.
    ///
    /// # Errors
    /// A [`Fault`] that says why the last address did not, with that address.
    pub async fn connect(&self, host: &str, port: u16, hop: &mut Hop) -> Result<Connected, Fault> {
        hop.begin(Phase::Dns);
        let Resolved { addresses, by_name } = self.resolve(host).await?;
        if !by_name {
            hop.forget();
        }
        hop.begin(Phase::Connect);
        let mut last = None;
        let count = addresses.len();
        for (index, address) in addresses.into_iter().enumerate() {
            let address = SocketAddr::new(address, port);
            let dialled = if index + 1 < count {
                // Staff's browsers do not wait for a silent address either while there is another.
                let dialled = tokio::time::timeout(SILENCE_AT_MOST, self.dial(address)).await;
                dialled.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
            } else {
                self.dial(address).await
            };
            match dialled {
                Ok(stream) => {
                    hop.finish();
                    return Ok(Connected { stream, address });
                }
                Err(error) => last = Some(connect_fault(&error, address)),
            }
        }
        Err(last.unwrap_or_else(|| {
            Fault::new(Outcome::Failed(FailureReason::Dns), "the name has no address")
        }))
    }

    async fn dial(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = self.source_for(address) {
            socket.bind(source)?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A socket that speaks to this address and hears nobody else.
    ///
    /// # Errors
    /// A [`Fault`] when the address is outside the networks or cannot be spoken to from here.
    pub async fn udp(&self, address: SocketAddr) -> Result<UdpSocket, Fault> {
        if !self.allows(address.ip()) {
            return Err(outside_networks(address.ip()));
        }
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = match self.source_for(address) {
            Some(source) => UdpSocket::bind(source).await,
            None => UdpSocket::bind(any).await,
        };
        let socket = socket.map_err(|error| connect_fault(&error, address))?;
        socket.connect(address).await.map_err(|error| connect_fault(&error, address))?;
        Ok(socket)
    }

    /// A source address is of one family; a target of the other is spoken to as the system likes.
    fn source_for(&self, address: SocketAddr) -> Option<SocketAddr> {
        let source = self.source_address?;
        (source.is_ipv4() == address.is_ipv4()).then(|| SocketAddr::new(source, 0))
    }
}

fn outside_networks(address: IpAddr) -> Fault {
    Fault {
        outcome: Outcome::Failed(FailureReason::Redirect),
        address: Some(address.to_string()),
        detail: "led outside the target's networks: add the range to 'networks' if it is meant"
            .to_owned(),
    }
}

/// What it means that no connection came about: the target's failure, the way to it, or our own.
fn connect_fault(error: &std::io::Error, address: SocketAddr) -> Fault {
    let failed = Outcome::Failed;
    let (outcome, detail) = match error.kind() {
        ErrorKind::ConnectionRefused => {
            (failed(FailureReason::Refused), "the connection was refused".to_owned())
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            (failed(FailureReason::SiteNetwork), "there is no route to the target".to_owned())
        }
        ErrorKind::TimedOut => {
            (failed(FailureReason::ConnectTimeout), "nothing answered the connection".to_owned())
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            (failed(FailureReason::Reset), "the connection was cut".to_owned())
        }
        ErrorKind::AddrNotAvailable => (
            Outcome::Inconclusive(InconclusiveReason::Prober),
            "the source address is not on this machine, or has no free port".to_owned(),
        ),
        _ => (
            Outcome::Inconclusive(InconclusiveReason::Prober),
            format!("no connection could be made: {error}"),
        ),
    };
    Fault { outcome, address: Some(address.to_string()), detail }
}
