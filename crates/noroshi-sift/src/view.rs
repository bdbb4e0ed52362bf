//! What the projection asks of a record, whatever its format.

use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use crate::index::{Position, SelectorIndex};
use crate::problem::Reason;
use crate::text::parse_address;

/// Longer names are not host names (RFC 1035 §2.3.4) and cannot match.
const NAME_BYTES_MAX: usize = 255;

/// When and between whom: all that is read of a record nobody looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Microseconds since the epoch.
    pub(crate) ts_us: i64,
    pub(crate) src: Option<IpAddr>,
    pub(crate) dst: Option<IpAddr>,
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
    /// `None`: the record has no address, so it is about content or about the sensor itself.
    fn ends(&mut self) -> Result<Option<Ends>, Reason>;
    /// Shows every address and name of the record to the index.
    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason>;
    /// The fields to keep.
    fn detail(&self) -> Result<Detail, Reason>;
}

/// The index and what it has found in one record.
pub(crate) struct Look<'a> {
    pub(crate) index: &'a SelectorIndex,
    pub(crate) found: &'a mut Vec<Position>,
    /// Reused from record to record and cleared after each.
    pub(crate) scratch: &'a mut Vec<u8>,
}

impl Look<'_> {
    #[inline]
    pub(crate) fn address(&mut self, address: IpAddr) {
        self.index.find_address(address, self.found);
    }

    /// A name as it was seen: any case, perhaps with a trailing dot or a port, perhaps an address.
    pub(crate) fn name(&mut self, seen: &[u8]) {
        let seen = match seen {
            [b'[', inside @ ..] => inside.split(|byte| *byte == b']').next().unwrap_or_default(),
            seen => seen,
        };
        if let Some(address) = parse_address(seen) {
            return self.address(address);
        }
        let host = without_port(seen);
        let host = host.strip_suffix(b".").unwrap_or(host);
        if host.len() > NAME_BYTES_MAX {
            return;
        }
        if let Some(address) = parse_address(host) {
            return self.address(address);
        }
        self.scratch.clear();
        self.scratch.extend(host.iter().map(u8::to_ascii_lowercase));
        self.index.find_name(self.scratch, self.found);
        self.scratch.clear();
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host).and_then(|colon| host.split_at_checked(colon)) {
        Some((name, port)) if port.iter().skip(1).all(u8::is_ascii_digit) => name,
        _ => host,
    }
}

/// The sum of the counters of the two directions; absent where both are.
pub(crate) fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or_default().saturating_add(other.unwrap_or_default())),
    }
}
