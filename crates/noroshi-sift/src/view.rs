//! What the projection asks of a record, whatever its format.

use std::net::{IpAddr, Ipv4Addr};

use noroshi_evidence::mechanical::Protocol;

use crate::bits;
use crate::flow::Field;
use crate::host::Host;
use crate::index::table::Kind;
use crate::index::{Lookup, Position};
use crate::problem::Reason;
use crate::selector::{EmailKey, JA4_BYTES_MAX, read_hex};
use crate::switches::Switches;

/// The longest path that is looked up, in bytes.
const URL_BYTES_MAX: usize = 4_096;

/// When and between whom: all that is read of a record nobody looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Microseconds since the epoch.
    pub(crate) ts_us: i64,
    pub(crate) src: Option<IpAddr>,
    pub(crate) dst: Option<IpAddr>,
}

/// When and between whom, where both ends are addresses of IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Microseconds since the epoch.
    pub(crate) ts_us: i64,
    pub(crate) src: Ipv4Addr,
    pub(crate) dst: Ipv4Addr,
}

/// The other mechanical fields, read only of a record that is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) src_port: Option<u16>,
    pub(crate) dst_port: Option<u16>,
    pub(crate) proto: Option<Protocol>,
    pub(crate) bytes: Option<u64>,
    pub(crate) packets: Option<u64>,
    pub(crate) flow_start_us: Option<i64>,
    pub(crate) flow_end_us: Option<i64>,
}

/// One record of one format. The three questions are asked in this order, and each only if the one before
/// was answered in the affirmative.
pub(crate) trait View {
    /// What [`View::ends`] gives, in a form that decides more quickly; `None` says nothing about it.
    #[inline]
    fn plain(&mut self) -> Option<Plain> {
        None
    }
    /// `None`: the record has no address, so it is about content or about the sensor itself.
    fn ends(&mut self) -> Result<Option<Ends>, Reason>;
    /// Whether there may be more in it to show than the two ends.
    #[inline]
    fn shows_more(&self) -> bool {
        true
    }
    /// Shows every address and name of the record to the index.
    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason>;
    /// The fields to keep; one that cannot be read is absent.
    fn detail(&self) -> Result<Detail, Reason>;
}

/// What becomes of what is shown.
pub(crate) enum Goal<'a> {
    /// The hashes under which it may be found: many records are asked about at once.
    Hashes(&'a mut Vec<u64>),
    /// The selectors that match.
    Found(&'a mut Vec<Position>),
}

/// The index, and the law about which fields are shown to it.
pub(crate) struct Look<'a> {
    pub(crate) lookup: &'a Lookup<'a>,
    pub(crate) switches: Switches,
    pub(crate) email_key: Option<&'a EmailKey>,
    pub(crate) goal: Goal<'a>,
    /// Reused from record to record and cleared after each.
    pub(crate) scratch: &'a mut Vec<u8>,
}

impl Look<'_> {
    /// One of the two ends of the communication.
    #[inline]
    pub(crate) fn end(&mut self, address: IpAddr) {
        match &mut self.goal {
            Goal::Hashes(hashes) => self.lookup.hash_address(address, hashes),
            Goal::Found(found) => self.lookup.find_address(address, found),
        }
    }

    /// Any other address.
    #[inline]
    pub(crate) fn address(&mut self, address: IpAddr) {
        if self.switches.further_addresses {
            self.end(address);
        }
    }

    /// A name that was asked for or answered, perhaps an address: that is a further one, and its own switch is asked too.
    #[inline]
    pub(crate) fn dns_name(&mut self, seen: &[u8]) {
        if self.switches.dns_names {
            self.name(seen, Field::Dns);
        }
    }

    /// The same where it is known to be an address of IPv4.
    #[inline]
    pub(crate) fn dns_address(&mut self, address: Ipv4Addr) {
        if !(self.switches.dns_names && self.switches.further_addresses) {
            return;
        }
        match &mut self.goal {
            Goal::Hashes(hashes) => self.lookup.hash_v4(address, hashes),
            Goal::Found(found) => self.lookup.find_address(address.into(), found),
        }
    }

    /// The name a TLS or QUIC client asked for.
    #[inline]
    pub(crate) fn tls_name(&mut self, seen: &[u8]) {
        if self.switches.tls_names {
            self.name(seen, Field::Tls);
        }
    }

    /// The host an HTTP client asked for, perhaps with a port.
    #[inline]
    pub(crate) fn http_host(&mut self, seen: &[u8]) {
        if self.switches.http_hosts {
            self.name(seen, Field::Http);
        }
    }

    /// Host and path an HTTP client asked for.
    pub(crate) fn url(&mut self, host: &[u8], path: &[u8]) {
        if !self.switches.url_paths || !self.lookup.has(Kind::Url) {
            return;
        }
        let path = without_authority(path);
        let path = memchr::memchr(b'#', path).and_then(|end| path.get(..end)).unwrap_or(path);
        let Some(host) = Host::of(host).filter(|_| path.len() <= URL_BYTES_MAX) else { return };
        self.scratch.clear();
        host.write(self.scratch);
        if path.first() == Some(&b'?') {
            self.scratch.push(b'/');
        }
        self.scratch.extend_from_slice(path);
        let text = std::mem::take(self.scratch);
        self.bytes(Kind::Url, &text);
        *self.scratch = text;
        self.scratch.clear();
    }

    /// The digest of a file, in hexadecimal digits.
    pub(crate) fn file(&mut self, seen: &[u8]) {
        if self.switches.files {
            self.digest(Kind::File, seen);
        }
    }

    /// The digest of a certificate, in hexadecimal digits, perhaps with colons.
    pub(crate) fn certificate(&mut self, seen: &[u8]) {
        if self.switches.certificates {
            self.digest(Kind::Certificate, seen);
        }
    }

    /// A fingerprint: `3` of a client, `s` of a server, `4` of a client as text.
    pub(crate) fn fingerprint(&mut self, which: u8, seen: &[u8]) {
        if !self.switches.tls_fingerprints || !self.lookup.has(Kind::Fingerprint) {
            return;
        }
        let mut text = [0; JA4_BYTES_MAX + 1];
        let mut bytes = [0; 64];
        let seen = match which {
            b'4' => seen,
            _ => match read_hex(seen, &mut bytes) {
                Some(16) => bytes.get(..16).unwrap_or_default(),
                _ => return,
            },
        };
        let Some((first, rest)) = text.split_first_mut() else { return };
        let Some(room) = rest.get_mut(..seen.len()) else { return };
        *first = which;
        room.iter_mut().zip(seen).for_each(|(to, from)| {
            *to = if which == b'4' { from.to_ascii_lowercase() } else { *from };
        });
        self.bytes(Kind::Fingerprint, text.get(..=seen.len()).unwrap_or_default());
    }

    /// An e-mail address of the envelope.
    pub(crate) fn email(&mut self, seen: &[u8]) {
        let is_wanted = self.switches.email_addresses && self.lookup.has(Kind::Email);
        let (true, Some(key)) = (is_wanted, self.email_key) else { return };
        if let Some(hash) = std::str::from_utf8(seen).ok().and_then(|text| key.hash(text)) {
            self.bytes(Kind::Email, &hash.0);
        }
    }

    fn digest(&mut self, kind: Kind, seen: &[u8]) {
        let mut bytes = [0; 64];
        if self.lookup.has(kind)
            && let Some(length @ (16 | 20 | 32 | 64)) = read_hex(seen, &mut bytes)
        {
            self.bytes(kind, bytes.get(..length).unwrap_or_default());
        }
    }

    fn bytes(&mut self, kind: Kind, bytes: &[u8]) {
        match &mut self.goal {
            Goal::Hashes(hashes) => self.lookup.hash_bytes(kind, bytes, hashes),
            Goal::Found(found) => self.lookup.find_bytes(kind, bytes, found),
        }
    }

    /// A name as it was seen: any case, perhaps with a trailing dot or a port, perhaps an address.
    #[inline]
    fn name(&mut self, seen: &[u8], field: Field) {
        // Nearly every name ends in a letter; an address that does has a colon among its first five bytes.
        if seen.last().is_some_and(u8::is_ascii_alphabetic) && bits::begins_as_name(seen) {
            return self.plain_name(seen);
        }
        self.other_name(seen, field);
    }

    #[inline]
    fn plain_name(&mut self, name: &[u8]) {
        match &mut self.goal {
            Goal::Hashes(hashes) => self.lookup.hash_name(name, hashes),
            Goal::Found(found) => self.lookup.find_name(name, found),
        }
    }

    fn other_name(&mut self, seen: &[u8], field: Field) {
        match Host::of(seen) {
            Some(Host::Address(address)) => match field {
                Field::Dns => self.address(address),
                // Whom a client asks for by address is whom it speaks to.
                Field::Tls | Field::Http => self.end(address),
            },
            Some(Host::Name(name)) => self.plain_name(&name),
            None => {}
        }
    }
}

/// The path of a request. A proxy is asked for the whole locator (RFC 9112 §3.2.2); what begins with a slash is a path,
/// whatever stands in it.
fn without_authority(target: &[u8]) -> &[u8] {
    if target.first() == Some(&b'/') {
        return target;
    }
    match memchr::memmem::find(target.get(..16).unwrap_or(target), b"://") {
        Some(at) => {
            let rest = target.get(at + 3..).unwrap_or_default();
            memchr::memchr2(b'/', b'?', rest).and_then(|end| rest.get(end..)).unwrap_or(b"/")
        }
        None => target,
    }
}

/// The sum of the counters of the two directions; absent where both are.
pub(crate) fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or_default().saturating_add(other.unwrap_or_default())),
    }
}
