//! Which jurisdiction an address belongs to, by a table that has a version.
//!
//! A table is a file: what a register of addresses says on one day. It is read whole or not at all, and named
//! in every certificate of a selection that used it, so that the finding can be repeated. The smallest range
//! that holds an address decides (longest prefix). An address in no range is *unknown*, which is neither at home nor
//! abroad; so is everything a table cannot speak of, such as private addresses.
//!
//! Two forms are read:
//! - `prefix,jurisdiction` lines behind `# table: NAME`, `# version: TEXT`, `# date: YYYY-MM-DD`;
//! - the delegated statistics of the regional registries (RIR statistics exchange format, version 2 and 2.3),
//!   one or several files behind each other; allocated and assigned ranges count.
//!
//! ```
//! use noroshi_sift::prefix::{Jurisdiction, PrefixTable};
//! let table = PrefixTable::read(b"# table: example\n# version: 7\n# date: 2026-11-01\n\
//!     192.0.2.0/24,JP\n192.0.2.128/25,ZZ\n198.51.100.0/24,FR\n2001:db8::/32,JP\n")?;
//! assert_eq!(table.jurisdiction("192.0.2.1".parse()?), Some(Jurisdiction::JAPAN));
//! assert_eq!(table.jurisdiction("192.0.2.129".parse()?), None);
//! assert_eq!(table.basis().to_string(), "example@7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use jiff::civil::Date;
use noroshi_evidence::mechanical::SelectorId;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The largest file that is read, in bytes; all registries together have about 40 million.
pub const TABLE_BYTES_MAX: usize = 256 << 20;
/// The most ranges of one family.
pub const RANGES_MAX: usize = 8_000_000;

/// Two upper-case letters (ISO 3166-1), as the registries write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Jurisdiction([u8; 2]);

impl Jurisdiction {
    /// Where the Act is in force.
    pub const JAPAN: Self = Self(*b"JP");
    /// What registries write where there is none (user-assigned code).
    const NOWHERE: Self = Self(*b"ZZ");
}

/// A text is not a jurisdiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("NRS-SIFT-0044: jurisdiction is not two letters A to Z")]
pub struct NotAJurisdiction;

impl FromStr for Jurisdiction {
    type Err = NotAJurisdiction;

    fn from_str(text: &str) -> Result<Self, NotAJurisdiction> {
        match *text.as_bytes() {
            [one, other] if one.is_ascii_uppercase() && other.is_ascii_uppercase() => {
                Ok(Self([one, other]))
            }
            _ => Err(NotAJurisdiction),
        }
    }
}

impl TryFrom<String> for Jurisdiction {
    type Error = NotAJurisdiction;

    fn try_from(text: String) -> Result<Self, NotAJurisdiction> {
        text.parse()
    }
}

impl From<Jurisdiction> for String {
    fn from(place: Jurisdiction) -> Self {
        place.to_string()
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([one, other]) = self;
        write!(formatter, "{}{}", char::from(*one), char::from(*other))
    }
}

/// Which table a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoBasis {
    /// Its name; visible ASCII.
    pub table: SelectorId,
    /// Its version, as its maker counts.
    pub version: SelectorId,
    /// The day it speaks of.
    pub date: Date,
    /// SHA-256 over the file.
    pub digest: Digest,
}

impl fmt::Display for GeoBasis {
    /// `table@version`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.table, self.version)
    }
}

/// Why a file is not a table. A table with a fault says nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadTable {
    /// A named limit of this module is exceeded.
    #[error("NRS-SIFT-0050: prefix table is larger than the limit")]
    TooLarge,
    /// Not a line of either form.
    #[error("NRS-SIFT-0051: line `{0}` of the prefix table cannot be read")]
    Line(u64),
    /// Name, version or date is missing.
    #[error("NRS-SIFT-0052: prefix table has no name, version or date")]
    NoVersion,
    /// Two ranges of which neither holds the other, or the same range twice with different jurisdictions.
    #[error("NRS-SIFT-0053: two ranges of the prefix table contradict each other")]
    Contradiction,
    /// More than 254 jurisdictions.
    #[error("NRS-SIFT-0054: prefix table has more jurisdictions than there are")]
    Jurisdictions,
}

/// A prefix table, ready for one look-up for each end of each record.
pub struct PrefixTable {
    basis: GeoBasis,
    /// The jurisdiction of value `n` stands at `n - 1`; [`UNKNOWN`] has none.
    jurisdictions: Vec<Jurisdiction>,
    ranges: Ranges,
}

impl PrefixTable {
    /// Reads a file of either form.
    pub fn read(file: &[u8]) -> Result<Self, ReadTable> {
        if file.len() > TABLE_BYTES_MAX {
            return Err(ReadTable::TooLarge);
        }
        let mut reading = Reading::default();
        for (at, line) in file.split(|byte| *byte == b'\n').enumerate() {
            let number = at as u64 + 1;
            let line = std::str::from_utf8(line).map_err(|_| ReadTable::Line(number))?;
            reading
                .line(line.trim())
                .map_err(|problem| problem.unwrap_or(ReadTable::Line(number)))?;
        }
        let Reading { table, version, date, jurisdictions, v4, v6 } = reading;
        let (Some(table), Some(version), Some(date)) = (table, version, date) else {
            return Err(ReadTable::NoVersion);
        };
        let basis = GeoBasis { table, version, date, digest: Digest::of(file) };
        Ok(Self { basis, jurisdictions, ranges: Ranges::build(v4, v6)? })
    }

    /// What to name in a certificate.
    pub const fn basis(&self) -> &GeoBasis {
        &self.basis
    }

    /// Where an address lies, if the table says so.
    #[inline]
    pub fn jurisdiction(&self, address: IpAddr) -> Option<Jurisdiction> {
        let at = usize::from(self.ranges.find(address)).checked_sub(1)?;
        self.jurisdictions.get(at).copied().filter(|place| *place != Jurisdiction::NOWHERE)
    }
}

/// A fault of the line itself is `None`.
type Fault = Option<ReadTable>;

#[derive(Default)]
struct Reading {
    table: Option<SelectorId>,
    version: Option<SelectorId>,
    date: Option<Date>,
    jurisdictions: Vec<Jurisdiction>,
    v4: Vec<Range>,
    v6: Vec<Range>,
}

impl Reading {
    fn line(&mut self, line: &str) -> Result<(), Fault> {
        if let Some(comment) = line.strip_prefix('#') {
            self.comment(comment)
        } else if line.is_empty() {
            Ok(())
        } else if line.contains('|') {
            self.delegated(&line.split('|').collect::<Vec<_>>())
        } else {
            let (net, place) = line.split_once(',').ok_or(None)?;
            let net: IpNet = net.trim().parse().map_err(|_| None)?;
            let value = self.value(place.trim())?;
            if net.trunc() != net {
                return Err(None);
            }
            match net {
                IpNet::V4(net) => {
                    let host = u32::MAX.checked_shr(u32::from(net.prefix_len())).unwrap_or(0);
                    self.v4_range(net.network(), u64::from(host) + 1, value)
                }
                IpNet::V6(net) => self.v6_range(net.network(), net.prefix_len(), value),
            }
        }
    }

    fn comment(&mut self, comment: &str) -> Result<(), Fault> {
        let Some((name, value)) = comment.split_once(':') else { return Ok(()) };
        let text = || value.trim().parse::<SelectorId>().map(Some).map_err(|_| None);
        match name.trim() {
            "table" => self.table = text()?,
            "version" => self.version = text()?,
            "date" => self.date = Some(value.trim().parse().map_err(|_| None)?),
            _ => {}
        }
        Ok(())
    }

    /// `registry|cc|type|start|value|date|status[|…]`, a header or a summary.
    fn delegated(&mut self, fields: &[&str]) -> Result<(), Fault> {
        match *fields {
            [version, registry, serial, _, _, to, ..]
                if version.starts_with('2') && version.len() <= 3 =>
            {
                let date = Date::strptime("%Y%m%d", to).map_err(|_| None)?;
                self.headed(registry, serial, date)
            }
            [_, "*", _, "*", _, "summary"] | [_, _, "asn", ..] => Ok(()),
            [_, place, kind, start, value, _, status, ..] => {
                if !matches!(status, "allocated" | "assigned") {
                    return Ok(());
                }
                let place = self.value(place)?;
                match kind {
                    "ipv4" => {
                        let start: Ipv4Addr = start.parse().map_err(|_| None)?;
                        let count: u64 = value.parse().map_err(|_| None)?;
                        self.v4_range(start, count, place)
                    }
                    "ipv6" => {
                        let start: Ipv6Addr = start.parse().map_err(|_| None)?;
                        self.v6_range(start, value.parse().map_err(|_| None)?, place)
                    }
                    _ => Err(None),
                }
            }
            _ => Err(None),
        }
    }

    /// Of several files behind each other all are named, and the oldest day counts: that far all of them reach.
    fn headed(&mut self, registry: &str, serial: &str, date: Date) -> Result<(), Fault> {
        let add = |known: &Option<SelectorId>, new: &str| -> Result<Option<SelectorId>, Fault> {
            let text =
                known.as_ref().map_or_else(|| new.to_owned(), |known| format!("{known}+{new}"));
            text.parse().map(Some).map_err(|_| None)
        };
        self.table = add(&self.table, registry)?;
        self.version = add(&self.version, serial)?;
        self.date = Some(self.date.map_or(date, |known| known.min(date)));
        Ok(())
    }

    fn value(&mut self, place: &str) -> Result<u8, Fault> {
        let place: Jurisdiction = place.parse().map_err(|_| None)?;
        let at = self.jurisdictions.iter().position(|known| *known == place).unwrap_or_else(|| {
            self.jurisdictions.push(place);
            self.jurisdictions.len() - 1
        });
        u8::try_from(at + 1).map_err(|_| Some(ReadTable::Jurisdictions))
    }

    fn v4_range(&mut self, start: Ipv4Addr, count: u64, value: u8) -> Result<(), Fault> {
        let start = u64::from(start.to_bits());
        let last = start.checked_add(count).and_then(|end| end.checked_sub(1)).ok_or(None)?;
        if count == 0 || last > u64::from(u32::MAX) {
            return Err(None);
        }
        add(&mut self.v4, Range { first: start.into(), last: last.into(), value })
    }

    fn v6_range(&mut self, start: Ipv6Addr, prefix: u8, value: u8) -> Result<(), Fault> {
        let host = u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        let first = start.to_bits();
        if prefix > 128 || first & host != 0 {
            return Err(None);
        }
        add(&mut self.v6, Range { first, last: first | host, value })
    }
}

fn add(ranges: &mut Vec<Range>, range: Range) -> Result<(), Fault> {
    if ranges.len() >= RANGES_MAX {
        return Err(Some(ReadTable::TooLarge));
    }
    ranges.push(range);
    Ok(())
}

/// The value of addresses in no range.
pub(crate) const UNKNOWN: u8 = 0;

/// One range of one family and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    first: u128,
    last: u128,
    value: u8,
}

/// Ranges of both families, flattened: a sorted list of the addresses at which the value changes, and above
/// it a root by the first bits, so that few comparisons are left.
pub(crate) struct Ranges {
    v4: Family<u32>,
    v6: Family<u128>,
}

impl Ranges {
    /// The smallest range that holds an address decides.
    pub(crate) fn build(v4: Vec<Range>, v6: Vec<Range>) -> Result<Self, ReadTable> {
        let narrow = |(start, value): (u128, u8)| (u32::try_from(start).unwrap_or(u32::MAX), value);
        let v4 = flatten(v4, u32::MAX.into())?.into_iter().map(narrow).unzip();
        let v6 = flatten(v6, u128::MAX)?.into_iter().unzip();
        Ok(Self {
            v4: Family::over(v4, 1 << 16, v4_bucket_start),
            v6: Family::over(v6, V6_BUCKETS, v6_bucket_start),
        })
    }

    /// The networks, all with the value 1.
    pub(crate) fn of_networks(networks: &[IpNet]) -> Result<Self, ReadTable> {
        let mut reading = Reading::default();
        for net in networks {
            let (first, last) = (net.network(), net.broadcast());
            let range = |first, last| Range { first, last, value: 1 };
            match (first, last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    reading.v4.push(range(first.to_bits().into(), last.to_bits().into()));
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    reading.v6.push(range(first.to_bits(), last.to_bits()));
                }
                _ => {}
            }
        }
        Self::build(reading.v4, reading.v6)
    }

    /// The value of an address. IPv4 inside IPv6 (RFC 4291 §2.5.5.2) is IPv4.
    #[inline]
    pub(crate) fn find(&self, address: IpAddr) -> u8 {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                self.v4.find(bits, Some((bits >> 16) as usize))
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                self.v6.find(bits, v6_bucket(bits))
            }
        }
    }
}

/// Buckets over 2000::/3, the only block of IPv6 that registries delegate from (RFC 4291 §2.4).
const V6_BUCKETS: usize = 1 << 18;

#[inline]
fn v6_bucket(bits: u128) -> Option<usize> {
    if bits >> 125 != 1 {
        return None;
    }
    usize::try_from((bits >> 107) & (V6_BUCKETS as u128 - 1)).ok()
}

fn v4_bucket_start(bucket: usize) -> u32 {
    u32::try_from(bucket << 16).unwrap_or(u32::MAX)
}

fn v6_bucket_start(bucket: usize) -> u128 {
    (1 << 125) + ((bucket as u128) << 107)
}

/// INVARIANT: `starts` is not empty, begins with zero, ascends, and has as many members as `values`.
struct Family<A> {
    starts: Vec<A>,
    values: Vec<u8>,
    /// For each bucket, and one behind the last, the place in `starts` of the range that holds its first address.
    root: Vec<u32>,
}

impl<A: Copy + Ord> Family<A> {
    fn over((starts, values): (Vec<A>, Vec<u8>), buckets: usize, first: impl Fn(usize) -> A) -> Self
    where
        A: Bounded,
    {
        let holding =
            |address: A| starts.partition_point(|start| *start <= address).saturating_sub(1);
        let narrow = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let mut root: Vec<u32> =
            (0..buckets).map(|bucket| narrow(holding(first(bucket)))).collect();
        root.push(narrow(holding(A::LAST)));
        Self { starts, values, root }
    }

    #[inline]
    fn find(&self, address: A, bucket: Option<usize>) -> u8 {
        let window = bucket.and_then(|bucket| {
            let low = *self.root.get(bucket)? as usize;
            Some((low, *self.root.get(bucket + 1)? as usize))
        });
        let (low, high) = window.unwrap_or((0, self.starts.len().saturating_sub(1)));
        // Above `low` only: that range begins at or before the bucket.
        let above = self.starts.get(low + 1..=high).unwrap_or_default();
        let place = low + above.partition_point(|start| *start <= address);
        self.values.get(place).copied().unwrap_or(UNKNOWN)
    }
}

/// The last address of a family.
trait Bounded {
    const LAST: Self;
}

impl Bounded for u32 {
    const LAST: Self = Self::MAX;
}

impl Bounded for u128 {
    /// Of 2000::/3, over which the root reaches.
    const LAST: Self = (1 << 126) - 1;
}

/// Where the value changes, from address zero on.
fn flatten(mut ranges: Vec<Range>, last: u128) -> Result<Vec<(u128, u8)>, ReadTable> {
    ranges.sort_unstable_by_key(|range| (range.first, std::cmp::Reverse(range.last), range.value));
    ranges.dedup();
    let mut changes = vec![(0, UNKNOWN)];
    let mut open: Vec<Range> = Vec::new();
    for range in ranges {
        close(&mut open, &mut changes, |top| top.last < range.first);
        if let Some(around) = open.last()
            && (around.last < range.last
                || (around.first, around.last) == (range.first, range.last))
        {
            return Err(ReadTable::Contradiction);
        }
        change(&mut changes, range.first, range.value);
        open.push(range);
    }
    close(&mut open, &mut changes, |top| top.last < last);
    Ok(changes)
}

/// Ends the open ranges that are over, innermost first; behind each the one around it goes on.
fn close(open: &mut Vec<Range>, changes: &mut Vec<(u128, u8)>, is_over: impl Fn(&Range) -> bool) {
    while let Some(top) = open.pop_if(|top| is_over(top)) {
        let around = open.last().map_or(UNKNOWN, |around| around.value);
        change(changes, top.last + 1, around);
    }
}

fn change(changes: &mut Vec<(u128, u8)>, at: u128, value: u8) {
    changes.pop_if(|last| last.0 == at);
    if changes.last().is_none_or(|last| last.1 != value) {
        changes.push((at, value));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "# table: example\n# version: 2026.11\n# date: 2026-11-01\n# a remark\n\n";

    fn table(lines: &str) -> Result<PrefixTable, ReadTable> {
        PrefixTable::read([HEAD, lines].concat().as_bytes())
    }

    fn place(table: &PrefixTable, address: &str) -> Option<String> {
        table.jurisdiction(address.parse().unwrap()).map(|place| place.to_string())
    }

    #[test]
    fn the_longest_prefix_decides_and_the_rest_is_unknown() {
        let table = table(
            "192.0.2.0/24,JP\n192.0.2.64/26,FR\n192.0.2.64/32,JP\n0.0.0.0/8,ZZ\n255.255.255.255/32,JP\n\
             2001:db8::/32,JP\n2001:db8:1::/48,FR\n2001:db8:1:2::3/128,JP\nffff::/16,FR",
        )
        .unwrap();
        for (address, expected) in [
            ("192.0.2.63", Some("JP")),
            ("192.0.2.64", Some("JP")),
            ("192.0.2.65", Some("FR")),
            ("192.0.2.127", Some("FR")),
            ("192.0.2.128", Some("JP")),
            ("192.0.3.0", None),
            ("192.0.1.255", None),
            ("0.1.2.3", None),
            ("255.255.255.255", Some("JP")),
            ("255.255.255.254", None),
            ("::ffff:192.0.2.65", Some("FR")),
            ("2001:db8::1", Some("JP")),
            ("2001:db8:1::1", Some("FR")),
            ("2001:db8:1:2::3", Some("JP")),
            ("2001:db8:1:2::4", Some("FR")),
            ("2001:db9::", None),
            ("::1", None),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("FR")),
            ("fffe::", None),
        ] {
            assert_eq!(place(&table, address).as_deref(), expected, "{address}");
        }
        assert_eq!(table.basis().to_string(), "example@2026.11");
    }

    #[test]
    fn delegated_statistics_are_read() {
        let file = "# remark\n2|apnic|20261101|4|19830101|20261101|+1000\napnic|*|asn|*|1|summary\n\
            apnic|*|ipv4|*|2|summary\napnic|JP|asn|173|1|20020801|allocated\n\
            apnic|JP|ipv4|192.0.2.0|768|20110412|allocated|A91872ED\napnic||ipv6|2001:db8:8000::|33||available\n\
            apnic|JP|ipv6|2001:db8::|33|20110412|assigned\n2.3|arin|1793000000|1|19700101|20261031|-0400\n\
            arin|US|ipv4|198.51.100.0|256|20000101|assigned\n";
        let table = PrefixTable::read(file.as_bytes()).unwrap();
        assert_eq!(place(&table, "192.0.4.255").as_deref(), Some("JP"));
        assert_eq!(place(&table, "192.0.5.0"), None);
        assert_eq!(place(&table, "198.51.100.9").as_deref(), Some("US"));
        assert_eq!(place(&table, "2001:db8:7fff::1").as_deref(), Some("JP"));
        assert_eq!(place(&table, "2001:db8:8000::1"), None);
        assert_eq!(table.basis().to_string(), "apnic+arin@20261101+1793000000");
        assert_eq!(table.basis().date.to_string(), "2026-10-31");
    }

    #[test]
    fn a_table_with_a_fault_says_nothing() {
        let refusal = |lines: &str| table(lines).err().expect("a refusal");
        assert_eq!(refusal("192.0.2.1/24,JP"), ReadTable::Line(6));
        assert_eq!(refusal("192.0.2.0/24,jp"), ReadTable::Line(6));
        assert_eq!(refusal("192.0.2.0/24"), ReadTable::Line(6));
        assert_eq!(refusal("apnic|JP|ipv4|192.0.2.0|x|1|allocated"), ReadTable::Line(6));
        assert_eq!(refusal("apnic|JP|ipv4|255.255.255.0|257|1|allocated"), ReadTable::Line(6));
        assert_eq!(refusal("192.0.2.0/24,JP\n192.0.2.0/24,FR"), ReadTable::Contradiction);
        let crossing = "r|JP|ipv4|192.0.2.0|256|1|allocated\nr|FR|ipv4|192.0.2.128|256|1|allocated";
        assert_eq!(refusal(crossing), ReadTable::Contradiction);
        assert!(table("192.0.2.0/24,JP\n192.0.2.0/24,JP").is_ok());
        assert_eq!(PrefixTable::read(b"192.0.2.0/24,JP").err(), Some(ReadTable::NoVersion));
        assert_eq!(PrefixTable::read(b"\xff").err(), Some(ReadTable::Line(1)));
        assert!(table("0.0.0.0/0,JP\n::/0,FR").is_ok());
    }

    fn any_net() -> impl Strategy<Value = IpNet> {
        // Few different bits, so that prefixes nest and addresses hit.
        let v4 = (0_u32..64, 0_u32..4, 0_u8..=32).prop_map(|(low, high, length)| {
            let bits = (high << 30) | (low << 13) | low;
            IpNet::new(IpAddr::V4(Ipv4Addr::from_bits(bits)), length).unwrap().trunc()
        });
        let v6 = (0_u128..64, 0_u128..8, 0_u8..=128).prop_map(|(low, high, length)| {
            let bits = (high << 125) | (low << 104) | (low << 61) | low;
            IpNet::new(IpAddr::V6(Ipv6Addr::from_bits(bits)), length).unwrap().trunc()
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn every_address_gets_what_the_definition_says(
            nets in proptest::collection::btree_map(any_net(), 0_u8..3, 0..24),
            probes in proptest::collection::vec(any_net(), 1..24),
        ) {
            const PLACES: [&str; 3] = ["JP", "FR", "ZZ"];
            let lines: Vec<String> =
                nets.iter().map(|(net, place)| format!("{net},{}", PLACES[usize::from(*place)])).collect();
            let table = table(&lines.join("\n")).unwrap();
            let edges = probes.iter().chain(nets.keys()).flat_map(|net| [net.network(), net.broadcast()]);
            for address in edges.map(|address| address.to_canonical()) {
                let holding = nets.iter().filter(|(net, _)| net.contains(&address));
                let longest = holding.max_by_key(|(net, _)| net.prefix_len());
                let expected = longest.map(|(_, place)| PLACES[usize::from(*place)]).filter(|place| *place != "ZZ");
                let found = place(&table, &address.to_string());
                prop_assert_eq!(found.as_deref(), expected, "{}", address);
            }
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = PrefixTable::read(&bytes).is_ok();
        }
    }
}
