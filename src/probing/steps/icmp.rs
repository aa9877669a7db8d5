//! Echo requests (RFC 792, RFC 4443), sent as `ping` does.
//!
//! An unprivileged ping socket serves where the system lets this group use one, a raw socket where
//! the service holds `CAP_NET_RAW`; without either nothing is said of the target.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::{Bearings, Fault, Findings, Hop};
use crate::clock::Stopwatch;
use crate::domain::check::{FailureReason, InconclusiveReason, Phase};
use crate::domain::step::{Fact, IcmpEcho};

/// Longer than any echo of ours with the header before it.
const MAX_PACKET_BYTES: usize = 1_500;
const NOT_PERMITTED: &str = "echo requests are not permitted here: add the service's group to \
     net.ipv4.ping_group_range, or grant it CAP_NET_RAW";

/// Sends the echoes one after another.
///
/// # Errors
/// A [`Fault`] when none came back, or this machine may not send any.
pub async fn echo(
    bearings: &Bearings<'_>,
    icmp: &IcmpEcho,
    hops: &mut Vec<Hop>,
) -> Result<Findings, Fault> {
    let hop = bearings.hop(hops);
    let resolved = bearings.resolve(bearings.host(icmp.host.as_deref()), hop).await?;
    let Some(address) = resolved.addresses.first().copied() else {
        return Err(Fault::failed(FailureReason::Dns, "the name has no address"));
    };
    let pinger = Pinger::open(address, bearings.reach.source_address)
        .map_err(|error| unsent(&error).at(address))?;
    hop.begin(Phase::FirstByte);
    let (mut lost, mut heard) = (0, false);
    for sequence in 1..=icmp.count {
        let back = pinger.echo(sequence, icmp.reply_timeout).await;
        if !back.map_err(|error| unsent(&error).at(address))? {
            lost += 1;
        } else if !heard {
            heard = true;
            hop.begin(Phase::Body);
        }
    }
    if lost == icmp.count {
        let detail = format!("none of {} echoes came back", icmp.count);
        return Err(Fault::failed(FailureReason::Timeout, detail).at(address));
    }
    let mut findings = Findings::at(address);
    findings.add(Fact::Lost, lost);
    Ok(findings)
}

/// A socket that sends echoes to one address.
#[derive(Debug)]
struct Pinger {
    /// Of datagrams, whichever protocol it was opened for.
    socket: UdpSocket,
    six: bool,
    /// A raw socket of IPv4 hands out the header of each packet too.
    with_header: bool,
    /// What makes our echoes ours: the system picks the identifier of a ping socket.
    token: [u8; 16],
}

impl Pinger {
    fn open(address: IpAddr, source: Option<IpAddr>) -> std::io::Result<Self> {
        let (domain, protocol) = match address {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let (socket, raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
            Ok(socket) => (socket, false),
            Err(_) => (Socket::new(domain, Type::RAW, Some(protocol))?, true),
        };
        socket.set_nonblocking(true)?;
        if let Some(source) = source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        socket.connect(&SocketAddr::new(address, 0).into())?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            six: address.is_ipv6(),
            with_header: raw && address.is_ipv4(),
            token: rand::random(),
        })
    }

    /// Whether one echo came back in time.
    async fn echo(&self, sequence: u16, timeout: Duration) -> std::io::Result<bool> {
        self.socket.send(&self.request(sequence)).await?;
        let watch = Stopwatch::start();
        let mut packet = [0; MAX_PACKET_BYTES];
        loop {
            let left = timeout.saturating_sub(watch.elapsed());
            match tokio::time::timeout(left, self.socket.recv(&mut packet)).await {
                // A raw socket hears every echo of the machine, our own requests among them.
                Ok(length) => {
                    if self.is_reply(&packet[..length?], sequence) {
                        return Ok(true);
                    }
                }
                Err(_) => return Ok(false),
            }
        }
    }

    fn request(&self, sequence: u16) -> Vec<u8> {
        let kind = if self.six { 128 } else { 8 };
        let mut packet = vec![kind, 0, 0, 0, self.token[0], self.token[1]];
        packet.extend(sequence.to_be_bytes());
        packet.extend(self.token);
        // Of IPv6 the system fills in the checksum, which covers addresses we do not know.
        if !self.six {
            let sum = checksum(&packet).to_be_bytes();
            packet[2..4].copy_from_slice(&sum);
        }
        packet
    }

    fn is_reply(&self, packet: &[u8], sequence: u16) -> bool {
        let header = match packet.first() {
            Some(first) if self.with_header => usize::from(first & 0x0f) * 4,
            _ => 0,
        };
        let kind = if self.six { 129 } else { 0 };
        let Some(message) = packet.get(header..) else { return false };
        message.first() == Some(&kind)
            && message.get(6..8) == Some(&sequence.to_be_bytes()[..])
            && message.get(8..) == Some(&self.token[..])
    }
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

fn unsent(error: &std::io::Error) -> Fault {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::PermissionDenied => Fault::prober(NOT_PERMITTED),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Fault::failed(FailureReason::SiteNetwork, "there is no route to the target")
        }
        _ => Fault::inconclusive(
            InconclusiveReason::Prober,
            format!("no echo could be sent: {}", error.kind()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        // The example of its section 3, whose sum is ddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }
}
