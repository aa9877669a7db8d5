//! Address ranges: where probes may speak to, and which office an address is in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A CIDR range. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// Why a text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a range of addresses: write it as in '10.20.0.0/16' or 'fd00::/8'")]
pub struct InvalidNetwork(pub String);

impl Network {
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = 128 - u32::from(self.prefix_bits) - self.offset_bits();
        let address = plain(address);
        address.is_ipv4() == self.address.is_ipv4()
            && (shift >= 128 || number(address) >> shift == number(self.address) >> shift)
    }

    /// Whether something that is led about by names and redirects may speak to the address.
    ///
    /// An address that is this machine, the link or a cloud's metadata is let through only by a
    /// range that is written for it: no wide range takes it in by the way.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = plain(address);
        let meant = if is_metadata(address) {
            self.prefix_bits == if address.is_ipv4() { 32 } else { 128 }
        } else if is_local(address) {
            self.names_what_is_near()
        } else {
            true
        };
        meant && self.contains(address)
    }

    /// Whether the range is one of this machine or of the link, and not one that merely begins
    /// there, as `::/8` does.
    fn names_what_is_near(&self) -> bool {
        match self.address {
            IpAddr::V4(_) => self.prefix_bits >= 8 && is_local(self.address),
            IpAddr::V6(six) => {
                let link = six.is_unicast_link_local() && self.prefix_bits >= 10;
                link || (self.prefix_bits == 128 && is_local(self.address))
            }
        }
    }

    /// IPv4 numbers are 32 bits at the low end, so there is nothing above them to compare.
    fn offset_bits(&self) -> u32 {
        if self.address.is_ipv4() { 96 } else { 0 }
    }
}

/// The IPv4 address that an IPv6 one leads to, or the address itself.
///
/// Leading there are mapped addresses (`::ffff:0:0/96`, RFC 4291), those of NAT64
/// (`64:ff9b::/96`, RFC 6052) and those of 6to4 (`2002::/16`, RFC 3056).
#[must_use]
pub fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match six.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            four(high, low)
        }
        [0x2002, high, low, ..] => four(high, low),
        _ => address,
    }
}

/// Where clouds tell a machine its own secrets, outside the link-local range.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        // The link-local one of most clouds, Alibaba's and Azure's.
        IpAddr::V4(four) => {
            matches!(
                four.octets(),
                [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16]
            )
        }
        // Amazon's.
        IpAddr::V6(six) => six == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u128::from(u32::from(four)),
        IpAddr::V6(six) => u128::from(six),
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let wrong = || InvalidNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let full = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong())?,
            None => full,
        };
        if prefix_bits > full {
            return Err(wrong());
        }
        Ok(Self { address, prefix_bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;
    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl schemars::JsonSchema for Network {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Network".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["10.20.0.0/16", "fd00::/8"] })
    }
}

/// Addresses that name this machine or nothing; a name on the network must not lead to them unless
/// a file says so.
#[must_use]
pub fn is_local(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(four) => {
            four.is_loopback()
                || four.is_link_local()
                || four.is_unspecified()
                || four.is_broadcast()
        }
        IpAddr::V6(six) => {
            six.is_loopback()
                || six == Ipv6Addr::UNSPECIFIED
                || (six.segments()[0] & 0xffc0) == 0xfe80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_range_does_not_let_through_what_is_near() {
        let admits = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().admits(address.parse().unwrap())
        };
        for near in [
            "127.0.0.1",
            "::1",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "0.0.0.0",
            "100.100.100.200",
            "fd00:ec2::254",
        ] {
            assert!(!["0.0.0.0/0", "::/0"].iter().any(|wide| admits(wide, near)), "{near}");
        }
        assert!(!admits("::/8", "::1") && admits("::1/128", "::1"));
        assert!(admits("fe80::/10", "fe80::1"));
        assert!(!admits("fd00::/8", "fd00:ec2::254"));
        assert!(!admits("169.254.0.0/16", "169.254.169.254"));
        assert!(admits("169.254.169.254/32", "169.254.169.254"));
        assert!(admits("127.0.0.0/8", "::ffff:127.0.1.1"));
        assert!(admits("0.0.0.0/0", "64:ff9b::808:808"), "NAT64 to an address that is allowed");
        assert!(admits("0.0.0.0/0", "9.9.9.9"));
    }

    #[test]
    fn ranges_contain_what_they_say() {
        let network: Network = "127.0.0.0/8".parse().unwrap();
        assert!(network.contains("127.0.1.9".parse().unwrap()));
        assert!(network.contains("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!network.contains("128.0.0.1".parse().unwrap()));
        assert!(!network.contains("::1".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("9.9.9.9".parse().unwrap()));
        assert!(!all.contains("fd00::1".parse().unwrap()));
        let six: Network = "fd00::/8".parse().unwrap();
        assert!(six.contains("fd12::1".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Network>().is_err());
        assert!("office".parse::<Network>().is_err());
    }
}
