//! The host that somebody named, in a field of a record, in a locator or in a list: one form for all of them.

use std::borrow::Cow;
use std::net::IpAddr;

use noroshi_evidence::observable::DomainName;

use crate::text::parse_address;

/// Longer names are not host names (RFC 1035 §2.3.4) and cannot match.
const NAME_BYTES_MAX: usize = 255;

/// A host.
pub(crate) enum Host<'a> {
    Address(IpAddr),
    /// In ASCII and any case, without port and without a dot at its end.
    Name(Cow<'a, [u8]>),
}

impl<'a> Host<'a> {
    /// Reads a host as it was seen: a name in any case or in its own script, or an address, in brackets or not; perhaps
    /// with a dot at its end, perhaps with a port. `None` where it can be neither.
    pub(crate) fn of(seen: &'a [u8]) -> Option<Self> {
        let bare = match seen {
            [b'[', inside @ ..] => inside.split(|byte| *byte == b']').next().unwrap_or_default(),
            seen => seen,
        };
        if let Some(address) = parse_address(bare) {
            return Some(Self::Address(address));
        }
        let name = without_port(bare);
        let name = name.strip_suffix(b".").unwrap_or(name);
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        if let Some(address) = parse_address(name) {
            return Some(Self::Address(address));
        }
        if name.is_ascii() {
            return Some(Self::Name(Cow::Borrowed(name)));
        }
        // A name in its own script; the list has its A-labels (RFC 5891 §4.4).
        let name = DomainName::parse(std::str::from_utf8(name).ok()?).ok()?;
        Some(Self::Name(Cow::Owned(name.as_str().as_bytes().to_vec())))
    }

    /// Appends the form in which it begins a locator: the path stands right behind it, so that an address of IPv6 needs
    /// its brackets (RFC 3986 §3.2.2).
    pub(crate) fn write(&self, into: &mut Vec<u8>) {
        match self {
            Self::Address(IpAddr::V4(address)) => into.extend(address.to_string().bytes()),
            Self::Address(IpAddr::V6(address)) => into.extend(format!("[{address}]").bytes()),
            Self::Name(name) => into.extend(name.iter().map(u8::to_ascii_lowercase)),
        }
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host).and_then(|colon| host.split_at_checked(colon)) {
        Some((name, port)) if port.iter().skip(1).all(u8::is_ascii_digit) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_form() {
        let check = |seen: &str, expected: &str| {
            let mut written = Vec::new();
            Host::of(seen.as_bytes()).unwrap().write(&mut written);
            assert_eq!(written, expected.as_bytes(), "{seen}");
        };
        for seen in ["evil.example", "EVIL.example.", "Evil.Example:8080", "evil.example.:80"] {
            check(seen, "evil.example");
        }
        for seen in ["2001:DB8:0::1", "[2001:db8::1]", "[2001:db8::1]:8080"] {
            check(seen, "[2001:db8::1]");
        }
        for seen in ["203.0.113.5", "203.0.113.5:80", "[::ffff:203.0.113.5]:80"] {
            check(seen, "203.0.113.5");
        }
        check("狼煙.example:80", "xn--ouxv8a.example");
        assert!(Host::of(&[b'a'; 256]).is_none() && Host::of(b"\xff.example").is_none());
    }
}
