//! The list, arranged so that one look decides.
//!
//! Addresses and names stand in open-addressed tables under a keyed hash. The key comes out of the digest of
//! the whole list, so that the same list gives the same index, and nobody who supplies a part of a list can
//! prepare values that fall together. A table holds one byte of tag and four bytes of position per slot; a
//! value that is not listed is nearly always turned away by the tag alone.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use noroshi_evidence::mechanical::SelectorId;
use noroshi_evidence::observable::DomainName;
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::selector::{Selector, SelectorValue};

/// The most selectors one index holds.
pub const SELECTORS_MAX: usize = 50_000_000;
/// The longest name that is looked up (RFC 1035 §2.3.4, without the trailing dot).
const NAME_BYTES_MAX: usize = 253;

/// Why a list did not become an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildIndex {
    /// More than [`SELECTORS_MAX`].
    #[error("list has `{0}` selectors, more than the limit of {SELECTORS_MAX}")]
    TooMany(usize),
}

/// The position of a selector in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u32);

/// Every selector of a list, ready to be looked up.
///
/// INVARIANT: positions run over addresses of IPv4, of IPv6, prefixes and names in this order, each sorted,
/// so that selectors of one value stand next to each other.
pub struct SelectorIndex {
    key: Key,
    v4: Vec<u32>,
    v4_slots: Slots,
    v6: Vec<u128>,
    v6_slots: Slots,
    nets: Vec<IpNet>,
    net_slots: Slots,
    net_lengths_v4: Vec<u8>,
    net_lengths_v6: Vec<u8>,
    /// One bit for each /16 of IPv4 that some prefix touches.
    net_touched: Box<[u64]>,
    names: Names,
    name_slots: Slots,
    terms: Terms,
    digest: Digest,
}

impl SelectorIndex {
    /// Arranges a list. Of the same value under the same id the highest version stays.
    pub fn build(selectors: Vec<Selector>) -> Result<Self, BuildIndex> {
        if selectors.len() > SELECTORS_MAX {
            return Err(BuildIndex::TooMany(selectors.len()));
        }
        let mut sorted: Vec<(u128, &Selector)> =
            selectors.iter().map(|selector| (rank(&selector.value), selector)).collect();
        sorted.sort_unstable_by(|(left_rank, left), (right_rank, right)| {
            left_rank.cmp(right_rank).then_with(|| {
                let names = (&left.value, &left.id).cmp(&(&right.value, &right.id));
                names
                    .then_with(|| (right.version, right.expires).cmp(&(left.version, left.expires)))
            })
        });
        sorted.dedup_by(|(_, later), (_, kept)| later.value == kept.value && later.id == kept.id);
        let mut index = Self::empty(digest_of(&sorted));
        for (_, selector) in &sorted {
            index.push(selector);
        }
        drop(sorted);
        drop(selectors);
        index.shrink();
        index.arrange();
        Ok(index)
    }

    fn empty(digest: Digest) -> Self {
        Self {
            key: Key::of(digest),
            v4: Vec::new(),
            v4_slots: Slots::for_entries(0),
            v6: Vec::new(),
            v6_slots: Slots::for_entries(0),
            nets: Vec::new(),
            net_slots: Slots::for_entries(0),
            net_lengths_v4: Vec::new(),
            net_lengths_v6: Vec::new(),
            net_touched: vec![0; 65_536 / 64].into_boxed_slice(),
            names: Names::default(),
            name_slots: Slots::for_entries(0),
            terms: Terms::default(),
            digest,
        }
    }

    fn push(&mut self, selector: &Selector) {
        match &selector.value {
            SelectorValue::Address(IpAddr::V4(address)) => self.v4.push(address.to_bits()),
            SelectorValue::Address(IpAddr::V6(address)) => self.v6.push(address.to_bits()),
            SelectorValue::Network(net) => self.nets.push(*net),
            SelectorValue::Domain { name, subdomains } => {
                self.names.push(name.as_str(), *subdomains);
            }
        }
        self.terms.push(selector.id.as_ref(), selector.version, selector.expires);
    }

    fn shrink(&mut self) {
        self.v4.shrink_to_fit();
        self.v6.shrink_to_fit();
        self.nets.shrink_to_fit();
        self.names.bytes.shrink_to_fit();
        self.names.ends.shrink_to_fit();
        self.names.subdomains.shrink_to_fit();
        self.terms.which.shrink_to_fit();
        self.terms.different.shrink_to_fit();
    }

    fn arrange(&mut self) {
        let key = self.key;
        self.v4_slots = Slots::arrange(self.v4.iter().map(|bits| key.of_v4(*bits)), same(&self.v4));
        self.v6_slots = Slots::arrange(self.v6.iter().map(|bits| key.of_v6(*bits)), same(&self.v6));
        self.net_slots =
            Slots::arrange(self.nets.iter().map(|net| key.of_net(*net)), same(&self.nets));
        let names = &self.names;
        let hashes = (0..names.len()).map(|at| key.of_name(names.text(at)));
        self.name_slots = Slots::arrange(hashes, |one, other| names.text(one) == names.text(other));
        for net in &self.nets {
            match net {
                IpNet::V4(net) => {
                    self.net_lengths_v4.push(net.prefix_len());
                    let first = net.network().to_bits() >> 16;
                    let last = net.broadcast().to_bits() >> 16;
                    for block in first..=last {
                        if let Some(word) = self.net_touched.get_mut(word_of(block)) {
                            *word |= 1 << (block % 64);
                        }
                    }
                }
                IpNet::V6(net) => self.net_lengths_v6.push(net.prefix_len()),
            }
        }
        for lengths in [&mut self.net_lengths_v4, &mut self.net_lengths_v6] {
            lengths.sort_unstable();
            lengths.dedup();
        }
    }

    /// How many selectors there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len() + self.nets.len() + self.names.len()
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory the index takes, in bytes; the texts of ids are not counted.
    pub fn size_bytes(&self) -> usize {
        let slots = [&self.v4_slots, &self.v6_slots, &self.net_slots, &self.name_slots];
        size_of_val(&*self.v4)
            + size_of_val(&*self.v6)
            + size_of_val(&*self.nets)
            + size_of_val(&*self.net_touched)
            + self.names.size_bytes()
            + self.terms.size_bytes()
            + slots.into_iter().map(Slots::size_bytes).sum::<usize>()
    }

    /// SHA-256 over `noroshi-selectors/1`, a line feed, and for each selector in sorted order a line of kind,
    /// value, id (or `-`), version and expiry (or `-`), separated by tabs. Expired selectors count: it is
    /// the list as it was approved.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The selector at a position.
    pub fn selector(&self, position: Position) -> Option<Selector> {
        let at = position.0 as usize;
        let (id, version, expires) = self.terms.get(at)?;
        self.value(at).map(|value| Selector { value, id, version, expires })
    }

    fn value(&self, at: usize) -> Option<SelectorValue> {
        if let Some(bits) = self.v4.get(at) {
            return Some(SelectorValue::Address(Ipv4Addr::from_bits(*bits).into()));
        }
        let at = at - self.v4.len();
        if let Some(bits) = self.v6.get(at) {
            return Some(SelectorValue::Address(Ipv6Addr::from_bits(*bits).into()));
        }
        let at = at - self.v6.len();
        if let Some(net) = self.nets.get(at) {
            return Some(SelectorValue::Network(*net));
        }
        let at = at - self.nets.len();
        let name = DomainName::parse(std::str::from_utf8(self.names.text(at)).ok()?).ok()?;
        Some(SelectorValue::Domain { name, subdomains: self.names.takes_subdomains(at) })
    }

    /// When the selector at a position stops matching, in microseconds since the epoch.
    pub(crate) fn expires_us(&self, position: Position) -> i64 {
        self.terms.expires_us(position.0 as usize)
    }

    /// Finds every selector that contains the address. What is found is appended.
    #[inline]
    pub fn find_address(&self, address: IpAddr, found: &mut Vec<Position>) {
        #[cfg(test)]
        crate::gate::lookups::count();
        match address {
            IpAddr::V4(address) => self.find_v4(address.to_bits(), found),
            IpAddr::V6(address) => self.find_v6(address.to_bits(), found),
        }
    }

    #[inline]
    fn find_v4(&self, bits: u32, found: &mut Vec<Position>) {
        if !self.v4.is_empty() {
            let equal = |at: usize| self.v4.get(at) == Some(&bits);
            if let Some(first) = self.v4_slots.find(self.key.of_v4(bits), equal) {
                push_run(first, 0, equal, found);
            }
        }
        let block = bits >> 16;
        let touched =
            self.net_touched.get(word_of(block)).is_some_and(|word| word >> (block % 64) & 1 == 1);
        if touched {
            self.find_v4_nets(Ipv4Addr::from_bits(bits), found);
        }
    }

    fn find_v4_nets(&self, address: Ipv4Addr, found: &mut Vec<Position>) {
        for length in &self.net_lengths_v4 {
            if let Ok(net) = Ipv4Net::new(address, *length) {
                self.find_net(net.trunc().into(), found);
            }
        }
    }

    fn find_v6(&self, bits: u128, found: &mut Vec<Position>) {
        if !self.v6.is_empty() {
            let equal = |at: usize| self.v6.get(at) == Some(&bits);
            if let Some(first) = self.v6_slots.find(self.key.of_v6(bits), equal) {
                push_run(first, self.v4.len(), equal, found);
            }
        }
        for length in &self.net_lengths_v6 {
            if let Ok(net) = Ipv6Net::new(Ipv6Addr::from_bits(bits), *length) {
                self.find_net(net.trunc().into(), found);
            }
        }
    }

    fn find_net(&self, net: IpNet, found: &mut Vec<Position>) {
        let equal = |at: usize| self.nets.get(at) == Some(&net);
        if let Some(first) = self.net_slots.find(self.key.of_net(net), equal) {
            push_run(first, self.v4.len() + self.v6.len(), equal, found);
        }
    }

    /// Finds every selector that contains the name: the name itself and, where a selector takes in what is
    /// below it, each name above. `name` is lower case and has no trailing dot. What is found is appended.
    #[inline]
    pub fn find_name(&self, name: &[u8], found: &mut Vec<Position>) {
        #[cfg(test)]
        crate::gate::lookups::count();
        if self.names.len() == 0 || name.len() > NAME_BYTES_MAX {
            return;
        }
        let base = self.v4.len() + self.v6.len() + self.nets.len();
        let mut hash = self.key.start();
        let mut end = name.len();
        // From the right, label by label; each step hashes one label more.
        while let Some(above) = name.get(..end) {
            let dot = memchr::memrchr(b'.', above);
            let begin = dot.map_or(0, |dot| dot + 1);
            hash = self.key.label(hash, above.get(begin..).unwrap_or_default());
            let suffix = name.get(begin..).unwrap_or_default();
            let whole = begin == 0;
            let equal = |at: usize| self.names.text_at(at) == Some(suffix);
            // A selector has two labels or more.
            if end != name.len()
                && let Some(first) = self.name_slots.find(hash, equal)
            {
                let run = (first..).take_while(|at| equal(*at));
                let taken = run.filter(|at| whole || self.names.takes_subdomains(*at));
                found.extend(taken.filter_map(|at| position(base + at)));
            }
            let Some(dot) = dot else { break };
            end = dot;
        }
    }
}

/// The selectors of one value stand next to each other.
fn push_run(first: usize, base: usize, equal: impl Fn(usize) -> bool, found: &mut Vec<Position>) {
    found.extend((first..).take_while(|at| equal(*at)).filter_map(|at| position(base + at)));
}

/// INVARIANT: there are at most [`SELECTORS_MAX`] positions.
fn position(at: usize) -> Option<Position> {
    u32::try_from(at).ok().map(Position)
}

fn same<T: PartialEq>(values: &[T]) -> impl Fn(usize, usize) -> bool {
    |one, other| values.get(one) == values.get(other)
}

const fn word_of(block: u32) -> usize {
    (block / 64) as usize
}

/// A number that orders as the value does, so that sorting seldom has to look at the value: the kind in the
/// top byte, then as much of the value as there is room for.
fn rank(value: &SelectorValue) -> u128 {
    let (kind, rest) = match value {
        SelectorValue::Address(IpAddr::V4(address)) => (0, u128::from(address.to_bits())),
        SelectorValue::Address(IpAddr::V6(address)) => (1, address.to_bits() >> 8),
        SelectorValue::Network(_) => (2, 0),
        SelectorValue::Domain { name, .. } => {
            let bytes = name.as_str().bytes().chain(std::iter::repeat(0)).take(15);
            (3, bytes.fold(0, |rest, byte| rest << 8 | u128::from(byte)))
        }
    };
    kind << 120 | rest
}

fn digest_of(sorted: &[(u128, &Selector)]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(b"noroshi-selectors/1\n");
    let mut line = String::new();
    for (_, Selector { value, id, version, expires }) in sorted {
        let id = id.as_ref().map_or("-", SelectorId::as_str);
        line.clear();
        // Writing to a `String` does not fail.
        let written = match expires {
            Some(time) => write!(line, "{}\t{value}\t{id}\t{version}\t{time}", value.kind()),
            None => write!(line, "{}\t{value}\t{id}\t{version}\t-", value.kind()),
        };
        debug_assert!(written.is_ok());
        line.push('\n');
        hasher.update(&line);
    }
    Digest(hasher.finalize().into())
}

/// A keyed hash: multiply, fold the halves of the product together, go on.
#[derive(Clone, Copy)]
struct Key {
    start: u64,
    step: u64,
}

impl Key {
    fn of(digest: Digest) -> Self {
        let seed =
            Sha256::new().chain_update(b"noroshi-index/1\n").chain_update(digest.0).finalize();
        let word =
            |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        let (start, rest) = seed.split_at(8);
        // Odd, so that multiplication loses nothing.
        Self { start: word(start), step: word(rest.split_at(8).0) | 1 }
    }

    const fn start(self) -> u64 {
        self.start
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "both halves of the product are wanted")]
    const fn mix(self, hash: u64, word: u64) -> u64 {
        let product = (hash ^ word) as u128 * self.step as u128;
        (product as u64 ^ (product >> 64) as u64).wrapping_add(self.start)
    }

    #[inline]
    const fn of_v4(self, bits: u32) -> u64 {
        self.mix(self.mix(self.start, bits as u64), 4)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
    const fn of_v6(self, bits: u128) -> u64 {
        self.mix(self.mix(self.mix(self.start, bits as u64), (bits >> 64) as u64), 6)
    }

    fn of_net(self, net: IpNet) -> u64 {
        let bits = match net {
            IpNet::V4(net) => self.of_v4(net.addr().to_bits()),
            IpNet::V6(net) => self.of_v6(net.addr().to_bits()),
        };
        self.mix(bits, u64::from(net.prefix_len()))
    }

    /// Takes one label into the hash, eight bytes at a time.
    #[inline]
    fn label(self, hash: u64, label: &[u8]) -> u64 {
        let (words, rest) = label.as_chunks::<8>();
        let hash = words.iter().fold(hash, |hash, word| self.mix(hash, u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(1_u64, |word, byte| word << 8 | u64::from(*byte));
        self.mix(hash, rest)
    }

    fn of_name(self, name: &[u8]) -> u64 {
        name.rsplit(|byte| *byte == b'.').fold(self.start, |hash, label| self.label(hash, label))
    }
}

/// An open-addressed table of positions.
///
/// INVARIANT: at least a third of the slots are empty, so every search ends.
struct Slots {
    /// 0 for an empty slot, otherwise seven bits of the hash under a set top bit.
    tags: Box<[u8]>,
    entries: Box<[u32]>,
}

impl Slots {
    fn for_entries(entries: usize) -> Self {
        let slots = (entries + entries / 2 + 1).next_power_of_two();
        Self { tags: vec![0; slots].into_boxed_slice(), entries: vec![0; slots].into_boxed_slice() }
    }

    /// Of entries with the same value the first one is entered.
    fn arrange(
        hashes: impl ExactSizeIterator<Item = u64>,
        same: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let mut slots = Self::for_entries(hashes.len());
        for (at, hash) in hashes.enumerate() {
            let repeats = at.checked_sub(1).is_some_and(|before| same(before, at));
            if !repeats && let Ok(entry) = u32::try_from(at) {
                slots.insert(hash, entry);
            }
        }
        slots
    }

    const fn size_bytes(&self) -> usize {
        self.tags.len() * (size_of::<u8>() + size_of::<u32>())
    }

    fn insert(&mut self, hash: u64, entry: u32) {
        let mask = self.tags.len() - 1;
        let mut at = slot_of(hash, mask);
        while self.tags.get(at).is_some_and(|tag| *tag != 0) {
            at = (at + 1) & mask;
        }
        if let (Some(tag), Some(slot)) = (self.tags.get_mut(at), self.entries.get_mut(at)) {
            *tag = tag_of(hash);
            *slot = entry;
        }
    }

    #[inline]
    fn find(&self, hash: u64, equal: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.tags.len() - 1;
        let wanted = tag_of(hash);
        let mut at = slot_of(hash, mask);
        loop {
            let tag = *self.tags.get(at)?;
            if tag == 0 {
                return None;
            }
            if tag == wanted {
                let entry = *self.entries.get(at)? as usize;
                if equal(entry) {
                    return Some(entry);
                }
            }
            at = (at + 1) & mask;
        }
    }
}

/// The top bits make the tag, the low bits the slot: they do not repeat each other.
const fn tag_of(hash: u64) -> u8 {
    (hash >> 57) as u8 | 0x80
}

#[expect(clippy::cast_possible_truncation, reason = "only the bits under the mask are wanted")]
const fn slot_of(hash: u64, mask: usize) -> usize {
    hash as usize & mask
}

/// The names in one piece of memory.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    /// Where each name ends, in bytes.
    ends: Vec<u64>,
    subdomains: Vec<bool>,
}

impl Names {
    fn push(&mut self, name: &str, subdomains: bool) {
        self.bytes.extend_from_slice(name.as_bytes());
        self.ends.push(self.bytes.len() as u64);
        self.subdomains.push(subdomains);
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the ends were lengths in memory")]
    fn text_at(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)? as usize;
        let begin = at
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .map_or(0, |end| *end as usize);
        self.bytes.get(begin..end)
    }

    fn text(&self, at: usize) -> &[u8] {
        self.text_at(at).unwrap_or_default()
    }

    fn size_bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.ends) + size_of_val(&*self.subdomains)
    }

    fn takes_subdomains(&self, at: usize) -> bool {
        self.subdomains.get(at).copied().unwrap_or_default()
    }
}

/// Id, version and expiry, held once for all selectors that have no id of their own.
#[derive(Default)]
struct Terms {
    which: Vec<u32>,
    different: Vec<(Option<SelectorId>, u32, Option<Timestamp>)>,
}

impl Terms {
    fn push(&mut self, id: Option<&SelectorId>, version: u32, expires: Option<Timestamp>) {
        // A plain list has one term only, and a list with ids has no two that are equal.
        let repeats = self.different.last().is_some_and(|(last, last_version, last_expires)| {
            (last.as_ref(), *last_version, *last_expires) == (id, version, expires)
        });
        if !repeats {
            self.different.push((id.cloned(), version, expires));
        }
        let last = self.different.len().saturating_sub(1);
        self.which.push(u32::try_from(last).unwrap_or(u32::MAX));
    }

    fn get(&self, at: usize) -> Option<(Option<SelectorId>, u32, Option<Timestamp>)> {
        let which = *self.which.get(at)? as usize;
        self.different.get(which).cloned()
    }

    fn size_bytes(&self) -> usize {
        size_of_val(&*self.which) + size_of_val(&*self.different)
    }

    fn expires_us(&self, at: usize) -> i64 {
        let term = self.which.get(at).and_then(|which| self.different.get(*which as usize));
        term.and_then(|(_, _, expires)| *expires).map_or(i64::MAX, Timestamp::as_microsecond)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::selector::parse_list;

    fn index(list: &str) -> SelectorIndex {
        let (selectors, problems) = parse_list(list.as_bytes());
        assert_eq!(problems, []);
        SelectorIndex::build(selectors).unwrap()
    }

    fn found(index: &SelectorIndex, thing: &str) -> BTreeSet<String> {
        let mut found = Vec::new();
        match thing.parse() {
            Ok(address) => index.find_address(address, &mut found),
            Err(_) => index.find_name(thing.as_bytes(), &mut found),
        }
        found.iter().map(|at| index.selector(*at).unwrap().value.to_string()).collect()
    }

    /// What the words of the list mean, looked up one by one.
    fn naive(selectors: &[Selector], thing: &str) -> BTreeSet<String> {
        let matches = |value: &SelectorValue| match (value, thing.parse::<IpAddr>()) {
            (SelectorValue::Address(one), Ok(address)) => *one == address,
            (SelectorValue::Network(net), Ok(address)) => net.contains(&address),
            (SelectorValue::Domain { name, subdomains }, Err(_)) => {
                thing == name.as_str()
                    || *subdomains && thing.ends_with(&format!(".{}", name.as_str()))
            }
            _ => false,
        };
        let values = selectors.iter().map(|selector| &selector.value);
        values.filter(|value| matches(value)).map(ToString::to_string).collect()
    }

    #[test]
    fn every_selector_that_contains_a_thing_is_found() {
        let index = index(
            "203.0.113.5\n203.0.113.0/24\n203.0.0.0/16\n203.0.0.0/8\n2001:db8::/32\n2001:db8::5\n\
             evil.example\n=only.example\na.b.evil.example",
        );
        let check = |thing: &str, expected: &[&str]| {
            let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(found(&index, thing), expected, "{thing}");
        };
        check("203.0.113.5", &["203.0.113.5", "203.0.113.0/24", "203.0.0.0/16", "203.0.0.0/8"]);
        check("203.200.0.1", &["203.0.0.0/8"]);
        check("204.0.0.1", &[]);
        check("2001:db8::5", &["2001:db8::5", "2001:db8::/32"]);
        check("evil.example", &["evil.example"]);
        check("x.a.b.evil.example", &["evil.example", "a.b.evil.example"]);
        check("notevil.example", &[]);
        check("only.example", &["=only.example"]);
        check("x.only.example", &[]);
        check("example", &[]);
        check("evil.example.net", &[]);
        check(&"a.".repeat(200), &[]);
    }

    #[test]
    fn one_value_under_two_ids_is_found_twice_and_the_highest_version_stays() {
        let index = index(
            "domain,evil.example,one,1\ndomain,evil.example,two,1\ndomain,evil.example,one,3",
        );
        let mut found = Vec::new();
        index.find_name(b"evil.example", &mut found);
        let terms: Vec<(String, u32)> = found
            .iter()
            .map(|at| index.selector(*at).unwrap())
            .map(|selector| (selector.effective_id().into(), selector.version))
            .collect();
        assert_eq!(terms, [("one".to_owned(), 3), ("two".to_owned(), 1)]);
    }

    #[test]
    fn the_digest_does_not_depend_on_order_and_depends_on_everything_else() {
        let digest = |list: &str| index(list).digest();
        assert_eq!(digest("192.0.2.1\nevil.example"), digest("evil.example\n192.0.2.1\n192.0.2.1"));
        assert_ne!(digest("evil.example"), digest("=evil.example"));
        assert_ne!(digest("domain,evil.example,a,1"), digest("domain,evil.example,a,2"));
        assert_ne!(digest("domain,evil.example,a,1"), digest("domain,evil.example,b,1"));
        assert_ne!(
            digest("domain,evil.example,a,1"),
            digest("domain,evil.example,a,1,2027-01-01T00:00:00Z")
        );
    }

    fn any_selector() -> impl Strategy<Value = Selector> {
        let address = prop_oneof![
            (0_u32..64).prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(0xc000_0200 | bits))),
            (0_u128..64)
                .prop_map(|bits| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | bits))),
        ];
        let net = (address.clone(), 16_u8..32)
            .prop_map(|(address, length)| IpNet::new(address, length).unwrap().trunc());
        let name = ("([ab]\\.){1,4}example", any::<bool>()).prop_map(|(name, subdomains)| {
            SelectorValue::Domain { name: DomainName::parse(&name).unwrap(), subdomains }
        });
        prop_oneof![
            address.prop_map(SelectorValue::Address),
            net.prop_map(SelectorValue::Network),
            name
        ]
        .prop_map(Selector::plain)
    }

    proptest! {
        #[test]
        fn ranks_order_as_values_do(one in any_selector(), other in any_selector()) {
            let ranks = rank(&one.value).cmp(&rank(&other.value));
            prop_assert!(ranks.is_eq() || ranks == one.value.cmp(&other.value));
        }

        #[test]
        fn the_index_agrees_with_a_naive_matcher(
            selectors in proptest::collection::vec(any_selector(), 0..60),
            low in 0_u32..64,
            name in "([abc]\\.){0,5}example",
        ) {
            let index = SelectorIndex::build(selectors.clone()).unwrap();
            let v4 = Ipv4Addr::from_bits(0xc000_0200 | low).to_string();
            let v6 = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(low)).to_string();
            for thing in [v4, v6, name] {
                prop_assert_eq!(found(&index, &thing), naive(&selectors, &thing), "{}", thing);
            }
        }
    }
}
