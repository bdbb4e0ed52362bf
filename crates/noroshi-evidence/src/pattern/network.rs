//! Addresses and networks, as `ISSUBSET` and `ISSUPERSET` and the normal form read them.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A network; an address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network(IpNet);

impl Network {
    /// Reads an address or a network in CIDR notation. Bits after the prefix are ignored.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::parse_v4(text).or_else(|| Self::parse_v6(text))
    }

    pub(super) fn parse_v4(text: &str) -> Option<Self> {
        let (address, prefix) = split(text, 32)?;
        Some(Self(IpNet::V4(Ipv4Net::new(dotted(address)?, prefix).ok()?.trunc())))
    }

    pub(super) fn parse_v6(text: &str) -> Option<Self> {
        let (address, prefix) = split(text, 128)?;
        let address: Ipv6Addr = address.parse().ok()?;
        Some(Self(IpNet::V6(Ipv6Net::new(address, prefix).ok()?.trunc())))
    }

    pub(super) fn contains(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// The shortest text: an address without its prefix, a network with its first address.
    pub(super) fn canonical(&self) -> String {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().to_string()
        } else {
            self.0.to_string()
        }
    }
}

fn split(text: &str, whole: u8) -> Option<(&str, u8)> {
    match text.split_once('/') {
        None => Some((text, whole)),
        Some((address, prefix)) => {
            let digits = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
            Some((address, prefix.parse().ok().filter(|prefix| digits && *prefix <= whole)?))
        }
    }
}

/// Reads the notations of `inet_aton`, which tools of this field share: one to four parts, decimal, octal or
/// hexadecimal, of which the last fills what is left.
fn dotted(text: &str) -> Option<Ipv4Addr> {
    let parts = text.split('.').map(part).collect::<Option<Vec<u32>>>()?;
    let (last, leading) = parts.split_last()?;
    let room = 4_usize.checked_sub(leading.len()).filter(|room| *room > 0)?;
    if leading.iter().any(|part| *part > 255) || (room < 4 && u64::from(*last) >= 1 << (8 * room)) {
        return None;
    }
    let high =
        leading.iter().enumerate().fold(0, |bits, (at, part)| bits | (part << (24 - 8 * at)));
    Some(Ipv4Addr::from_bits(high | last))
}

fn part(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (lower.as_str(), 8),
        None => (lower.as_str(), 10),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}
