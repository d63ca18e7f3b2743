//! Addresses of callers: ranges of them, and whom a chain of proxies speaks for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{InvalidName, quote};

/// A range of addresses, such as `10.0.0.0/8`, `2001:db8::/32` or the single `192.0.2.7`. Bits after the prefix are
/// allowed and mean nothing.
///
/// An IPv4 address that is written as IPv6 (`::ffff:192.0.2.7`) is the IPv4 address; ranges of IPv6 hold no IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }

    fn is_single(&self) -> bool {
        self.prefix == longest_prefix(self.address)
    }
}

impl FromStr for Cidr {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || {
            InvalidName(format!(
                "expected an address or a range of them, such as `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`; got {}",
                quote(text)
            ))
        };
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let written: IpAddr = address.parse().map_err(|_| refused())?;
        let address = written.to_canonical();
        let longest = longest_prefix(address);
        let Some(prefix) = prefix else { return Ok(Self { address, prefix: longest }) };
        if prefix.is_empty() || !prefix.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(refused());
        }
        let prefix: u8 = prefix.parse().map_err(|_| refused())?;
        let hidden = longest_prefix(written) - longest;
        let prefix = prefix.checked_sub(hidden).filter(|prefix| *prefix <= longest).ok_or_else(refused)?;
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Cidr {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(range: Cidr) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() {
            self.address.fmt(formatter)
        } else {
            write!(formatter, "{}/{}", self.address, self.prefix)
        }
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Whom a request comes from.
///
/// `forwarded_for` are the values of the request's `X-Forwarded-For` lines in their order. They count only where the
/// direct peer is one of the `trusted` proxies, and are read from the right, where the nearest proxy writes: each
/// entry is believed as long as the one that reported it is trusted, up to `hops` entries. The left part, which a
/// caller can invent, is never reached unless every proxy to its right is trusted. An entry that is no address ends
/// the reading.
pub fn client_ip<'v, V>(peer: IpAddr, forwarded_for: V, trusted: &[Cidr], hops: usize) -> IpAddr
where
    V: IntoIterator<Item = &'v [u8]>,
    V::IntoIter: DoubleEndedIterator,
{
    let mut client = peer.to_canonical();
    let entries = forwarded_for.into_iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    for entry in entries.take(hops) {
        if !trusted.iter().any(|range| range.contains(client)) {
            break;
        }
        let Some(address) = parse_entry(entry) else { break };
        client = address;
    }
    client
}

/// One entry: an address, possibly with a port and in brackets.
fn parse_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim().trim_matches('"');
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .or_else(|error| {
            let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            inner.and_then(|inner| inner.parse::<Ipv6Addr>().ok()).map(IpAddr::V6).ok_or(error)
        });
    Some(address.ok()?.to_canonical())
}

/// What counts as one caller among addresses: an IPv4 address, or the /64 of an IPv6 address, which is what one
/// subscriber has at his disposal. 17 bytes, of which the first tells the families apart.
pub(super) fn caller_bytes(address: IpAddr) -> [u8; 17] {
    let mut bytes = [0; 17];
    match address.to_canonical() {
        IpAddr::V4(address) => {
            bytes[0] = 4;
            bytes[1..5].copy_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            bytes[0] = 6;
            bytes[1..9].copy_from_slice(&address.octets()[..8]);
        }
    }
    bytes
}

fn longest_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
