//! The list, arranged so that one look decides.
//!
//! A filter turns away nearly everything that is not listed, with one look at one cache line; what passes is looked
//! up exactly. Values stand under a keyed hash. The key comes out of the digest of the whole list, so that the
//! same list gives the same index, and nobody who supplies a part of a list can prepare values that fall
//! together.
//!
//! An index is the same bytes in memory and as a file ([`image`]): it is built once, mapped by every process that
//! uses it, and replaced by renaming. Over it may lie an increment: what was added and what was taken away since,
//! until [`SelectorIndex::compact`] makes one list of the two.

mod build;
pub mod image;
pub(crate) mod table;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use noroshi_evidence::mechanical::{MeasureId, Protocol, SelectorId};
use noroshi_evidence::observable::DomainName;

use crate::digest::Digest;
use crate::selector::{
    EmailHash, Fingerprint, HexDigest, Locator, Only, Selector, SelectorValue, Side,
    parse_canonical,
};
use build::{EVER_US, NET_BYTES, NEVER_US, TERM_BYTES, flag};
use image::{Image, KINDS, LoadIndex, Section};
use table::{Filter, Key, Kind, Slots};

/// The most selectors one index holds.
pub const SELECTORS_MAX: usize = 50_000_000;
/// The longest name that is looked up (RFC 1035 §2.3.4, without the trailing dot).
pub(crate) const NAME_BYTES_MAX: usize = 253;

/// Why a list did not become an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildIndex {
    /// More than [`SELECTORS_MAX`].
    #[error("list has `{0}` selectors, more than the limit of {SELECTORS_MAX}")]
    TooMany(usize),
    /// More than 4 GiB of names or of ids.
    #[error("list has more text than an index holds")]
    TooLarge,
}

/// The position of a selector in the index. What an increment adds stands behind everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u32);

/// Every selector of a list, ready to be looked up. Copies share the list.
#[derive(Debug, Clone)]
pub struct SelectorIndex {
    base: Arc<Image>,
    over: Option<Arc<Over>>,
}

#[derive(Debug)]
struct Over {
    added: Image,
    /// Positions of the base that are no longer looked for, sorted.
    removed: Vec<u32>,
}

/// What was added to an index and what was taken away from it.
#[derive(Debug)]
pub struct Increment(Image);

impl Increment {
    /// Maps a file.
    pub fn open(path: &Path) -> Result<Self, LoadIndex> {
        Image::open(path).and_then(Self::of_image)
    }

    /// Takes the bytes of a file.
    pub fn of_bytes(bytes: Vec<u8>) -> Result<Self, LoadIndex> {
        Image::of_bytes(bytes).and_then(Self::of_image)
    }

    fn of_image(image: Image) -> Result<Self, LoadIndex> {
        if image.base.is_some() { Ok(Self(image)) } else { Err(LoadIndex::OtherBase) }
    }

    /// Writes the bytes of a file.
    pub fn write_to(&self, sink: impl Write) -> io::Result<()> {
        self.0.write_to(sink)
    }
}

impl SelectorIndex {
    /// Arranges a list. Of the same value under the same id the highest version stays.
    pub fn build(selectors: Vec<Selector>) -> Result<Self, BuildIndex> {
        let image = build::image(&selectors, None, Vec::new());
        drop(selectors);
        Ok(Self { base: Arc::new(image?), over: None })
    }

    /// Maps the file of an index. The file is to be replaced by renaming, never written in place.
    pub fn open(path: &Path) -> Result<Self, LoadIndex> {
        Image::open(path).and_then(Self::of_image)
    }

    /// Takes the bytes of the file of an index.
    pub fn of_bytes(bytes: Vec<u8>) -> Result<Self, LoadIndex> {
        Image::of_bytes(bytes).and_then(Self::of_image)
    }

    fn of_image(image: Image) -> Result<Self, LoadIndex> {
        if image.base.is_some() {
            return Err(LoadIndex::OtherBase);
        }
        Parts::of(&image)?;
        Ok(Self { base: Arc::new(image), over: None })
    }

    /// Writes the bytes of a file; an increment that lies over the index is not part of it.
    pub fn write_to(&self, sink: impl Write) -> io::Result<()> {
        self.base.write_to(sink)
    }

    /// What has to lie over this index so that these are added and those are no longer looked for. It holds
    /// everything since the index was built, not only since the last increment. A selector of the same value,
    /// condition and id as an added one gives way to it, unless its version is higher: then the added one is left out, as
    /// it would be of a list made anew of both.
    pub fn increment(
        &self,
        added: &[Selector],
        removed: &[Selector],
    ) -> Result<Increment, BuildIndex> {
        let alone = Self { base: Arc::clone(&self.base), over: None };
        let base = alone.lookup();
        // What is taken away is no rival, whatever its version.
        let gone: BTreeSet<String> = removed.iter().map(removed_line).collect();
        let stays =
            |one: &&Selector| gone.contains(&removed_line(one)) || !base.has_greater_than(one);
        let added: Vec<Selector> = added.iter().filter(stays).cloned().collect();
        let mut lines: Vec<String> = added.iter().chain(removed).map(removed_line).collect();
        lines.sort_unstable();
        lines.dedup();
        let removed = lines.concat().into_bytes();
        build::image(&added, Some(self.base.digest), removed).map(Increment)
    }

    /// Lays an increment over the index, in the place of one that may have lain there. The index itself is shared, not
    /// copied.
    pub fn layer(&self, increment: Increment) -> Result<Self, LoadIndex> {
        let Increment(added) = increment;
        if added.base != Some(self.base.digest) {
            return Err(LoadIndex::OtherBase);
        }
        Parts::of(&added)?;
        let alone = Self { base: Arc::clone(&self.base), over: None };
        let base = alone.lookup();
        let text = std::str::from_utf8(added.section(Section::Removed));
        let mut removed = Vec::new();
        for line in text.map_err(|_| LoadIndex::Contradicts)?.lines() {
            removed.extend(base.named(line).ok_or(LoadIndex::Contradicts)?);
        }
        removed.sort_unstable();
        removed.dedup();
        Ok(Self { base: Arc::clone(&self.base), over: Some(Arc::new(Over { added, removed })) })
    }

    /// Whether an increment lies over it.
    pub const fn is_layered(&self) -> bool {
        self.over.is_some()
    }

    /// One list of the index and what lies over it.
    pub fn compact(&self) -> Result<Self, BuildIndex> {
        let lookup = self.lookup();
        let all = (0..).map(Position).take(self.positions());
        let selectors = all
            .filter(|position| !lookup.is_removed(*position))
            .filter_map(|position| lookup.selector(position))
            .collect();
        Self::build(selectors)
    }

    fn positions(&self) -> usize {
        self.lookup().added_from as usize
            + self.over.as_ref().map_or(0, |over| Parts::of(&over.added).map_or(0, |it| it.len()))
    }

    /// How many selectors there are.
    pub fn len(&self) -> usize {
        self.positions() - self.over.as_ref().map_or(0, |over| over.removed.len())
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes the index takes, in memory and as a file.
    pub fn size_bytes(&self) -> usize {
        self.base.size_bytes() + self.over.as_ref().map_or(0, |over| over.added.size_bytes())
    }

    /// SHA-256 over `noroshi-selectors/1`, a line feed, and for each selector in sorted order a line of kind,
    /// value with condition, id (or `-`), version and expiry (or `-`), and where one of them is set the beginning, the
    /// measure and the approval (each or `-`), separated by tabs. Expired selectors count: it is the list as it
    /// was approved. Where an increment lies over a list, a line `over`, the digest of the list and the digest of what
    /// was taken away come first, and the rest is what was added.
    pub fn digest(&self) -> Digest {
        self.over.as_ref().map_or(self.base.digest, |over| over.added.digest)
    }

    /// The selector at a position.
    pub fn selector(&self, position: Position) -> Option<Selector> {
        self.lookup().selector(position)
    }

    /// Every selector that is looked for, in the order of the index.
    pub fn selectors(&self) -> impl Iterator<Item = Selector> + '_ {
        let lookup = self.lookup();
        let all = (0..).map(Position).take(self.positions());
        all.filter(move |position| !lookup.is_removed(*position))
            .filter_map(move |position| lookup.selector(position))
    }

    /// Whether this very selector is looked for: the same value, condition, name, version, times, measure and
    /// approval.
    pub fn holds(&self, selector: &Selector) -> bool {
        let lookup = self.lookup();
        let found = lookup.equal(&selector.value);
        found.iter().any(|position| lookup.selector(*position).as_ref() == Some(selector))
    }

    /// How many selectors are of addresses and prefixes.
    pub fn of_addresses(&self) -> usize {
        let lookup = self.lookup();
        let of = |parts: &Parts<'_>| parts.range(Kind::Net).1 as usize;
        let gone =
            lookup.removed.partition_point(|position| *position < lookup.base.range(Kind::Net).1);
        (of(&lookup.base) - gone) + lookup.added.as_ref().map_or(0, of)
    }

    /// Finds every selector that contains the address. What is found is appended.
    pub fn find_address(&self, address: IpAddr, found: &mut Vec<Position>) {
        self.lookup().find_address(address, found);
    }

    /// Finds every selector that contains the name: the name itself and, where a selector takes in what is
    /// below it, each name above, in any case. What is found is appended.
    pub fn find_name(&self, name: &[u8], found: &mut Vec<Position>) {
        self.lookup().find_name(name, found);
    }

    /// What looks things up, ready for many of them.
    pub(crate) fn lookup(&self) -> Lookup<'_> {
        let base = Parts::of(&self.base).unwrap_or_default();
        let added_from = u32::try_from(base.len()).unwrap_or(u32::MAX);
        let over = self.over.as_ref();
        Lookup {
            key: Key::of(self.base.digest),
            base,
            added: over.map(|over| Parts::of(&over.added).unwrap_or_default()),
            added_from,
            removed: over.map_or(&[], |over| &over.removed),
        }
    }
}

/// A selector by its name, as it stands in the list of what is taken away.
fn removed_line(selector: &Selector) -> String {
    let id = selector.id.as_ref().map_or("-", |id| id.as_str());
    format!("{}{}\t{id}\n", selector.value, selector.only)
}

/// The index that is in force, to be exchanged while others use it. Whoever took one keeps it until they let go of it;
/// the last one to do so frees it.
#[derive(Debug)]
pub struct Current(Mutex<Arc<SelectorIndex>>);

impl Current {
    /// Begins with an index.
    pub fn new(index: SelectorIndex) -> Self {
        Self(Mutex::new(Arc::new(index)))
    }

    /// The index in force.
    pub fn get(&self) -> Arc<SelectorIndex> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in force and hands back the one before.
    pub fn swap(&self, index: SelectorIndex) -> Arc<SelectorIndex> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, Arc::new(index))
    }
}

/// When a selector matches and what must hold besides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions {
    pub(crate) valid_from_us: i64,
    pub(crate) expires_us: i64,
    /// Whether it asks for an end, a port, a protocol or a measure.
    pub(crate) has_more: bool,
}

/// An index and what lies over it, taken apart for many look-ups.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    key: Key,
    base: Parts<'a>,
    added: Option<Parts<'a>>,
    added_from: u32,
    removed: &'a [u32],
}

impl<'a> Lookup<'a> {
    /// Whether a value of this hash may be looked for; `false` is certain.
    #[inline]
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        #[cfg(test)]
        crate::gate::lookups::count();
        self.base.filter.may_hold(hash)
            || self.added.as_ref().is_some_and(|added| added.filter.may_hold(hash))
    }

    /// The numbers of those hashes whose values may be looked for; the others are certainly not. Hands back how many there
    /// are; what stands behind them in `passed` means nothing.
    pub(crate) fn passing(&self, hashes: &[u64], passed: &mut Vec<u32>) -> usize {
        #[cfg(test)]
        for _ in hashes {
            crate::gate::lookups::count();
        }
        if passed.len() < hashes.len() {
            passed.resize(hashes.len(), 0);
        }
        let base = self.base.filter;
        match self.added.map(|added| added.filter) {
            None => keep_passing(hashes, passed, |hash| base.may_hold(hash)),
            Some(added) => {
                keep_passing(hashes, passed, |hash| base.may_hold(hash) | added.may_hold(hash))
            }
        }
    }

    /// Sets a hash aside.
    #[inline]
    fn set_aside(&self, hash: u64, hashes: &mut Vec<u64>) {
        self.base.filter.fetch(hash);
        hashes.push(hash);
    }

    /// The hashes under which an address of IPv4 may be found.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "twice a record or more")]
    pub(crate) fn hash_v4(&self, address: Ipv4Addr, hashes: &mut Vec<u64>) {
        #[cfg(test)]
        crate::gate::lookups::count();
        self.set_aside(self.key.of_v4(address.to_bits()), hashes);
        if self.added.is_some() || self.base.may_hold_net_of(address) {
            self.nets_of(address.into(), |net| self.set_aside(self.key.of_net(net), hashes));
        }
    }

    /// The hashes under which an address may be found.
    #[inline]
    pub(crate) fn hash_address(&self, address: IpAddr, hashes: &mut Vec<u64>) {
        #[cfg(test)]
        crate::gate::lookups::count();
        match address {
            IpAddr::V4(address) => self.set_aside(self.key.of_v4(address.to_bits()), hashes),
            IpAddr::V6(address) => self.set_aside(self.key.of_v6(address.to_bits()), hashes),
        }
        self.nets_of(address, |net| self.set_aside(self.key.of_net(net), hashes));
    }

    /// Whether an address may be found; `false` is certain.
    #[inline]
    pub(crate) fn may_hold_address(&self, address: IpAddr) -> bool {
        let own = match address {
            IpAddr::V4(address) => self.key.of_v4(address.to_bits()),
            IpAddr::V6(address) => self.key.of_v6(address.to_bits()),
        };
        let mut may = self.may_hold(own);
        if !may {
            self.nets_of(address, |net| may |= self.may_hold(self.key.of_net(net)));
        }
        may
    }

    /// The hashes under which a name may be found.
    #[inline]
    pub(crate) fn hash_name(&self, name: &[u8], hashes: &mut Vec<u64>) {
        #[cfg(test)]
        crate::gate::lookups::count();
        if name.len() <= NAME_BYTES_MAX {
            self.key.of_names(name, |hash, _| self.set_aside(hash, hashes));
        }
    }

    /// The hash of anything else.
    pub(crate) fn hash_bytes(&self, kind: Kind, bytes: &[u8], hashes: &mut Vec<u64>) {
        self.set_aside(self.key.of_bytes(kind, bytes), hashes);
    }

    /// Whether something of the kind is looked for at all.
    #[inline]
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.base.has(kind) || self.added.as_ref().is_some_and(|added| added.has(kind))
    }

    #[inline]
    fn nets_of(&self, address: IpAddr, mut take: impl FnMut(IpNet)) {
        self.base.nets_of(address, &mut take);
        if let Some(added) = &self.added {
            added.nets_of(address, take);
        }
    }

    pub(crate) fn find_address(&self, address: IpAddr, found: &mut Vec<Position>) {
        #[cfg(test)]
        crate::gate::lookups::count();
        match address {
            IpAddr::V4(address) => {
                let hash = self.key.of_v4(address.to_bits());
                self.find_each(hash, found, |parts, found| parts.find_v4(address.to_bits(), found));
            }
            IpAddr::V6(address) => {
                let hash = self.key.of_v6(address.to_bits());
                self.find_each(hash, found, |parts, found| parts.find_v6(hash, address, found));
            }
        }
        self.nets_of(address, |net| {
            let hash = self.key.of_net(net);
            self.find_each(hash, found, |parts, found| parts.find_net(hash, net, found));
        });
    }

    pub(crate) fn find_name(&self, name: &[u8], found: &mut Vec<Position>) {
        #[cfg(test)]
        crate::gate::lookups::count();
        if name.len() > NAME_BYTES_MAX {
            return;
        }
        self.key.of_names(name, |hash, begin| {
            let suffix = name.get(begin..).unwrap_or_default();
            self.find_each(hash, found, |parts, found| {
                parts.find_name(hash, suffix, begin == 0, found);
            });
        });
    }

    pub(crate) fn find_bytes(&self, kind: Kind, bytes: &[u8], found: &mut Vec<Position>) {
        #[cfg(test)]
        crate::gate::lookups::count();
        let hash = self.key.of_bytes(kind, bytes);
        self.find_each(hash, found, |parts, found| parts.find_bytes(hash, kind, bytes, found));
    }

    /// Looks in both layers and leaves out what was taken away.
    fn find_each(
        &self,
        hash: u64,
        found: &mut Vec<Position>,
        find: impl Fn(&Parts<'a>, &mut Vec<Position>),
    ) {
        // Of a record that is looked up because of one value the others are mostly not there, and a look at the table is one
        // into memory that no cache has.
        if !self.may_hold(hash) {
            return;
        }
        let before = found.len();
        find(&self.base, found);
        if let Some(added) = &self.added {
            if !self.removed.is_empty() {
                let mut kept = before;
                for at in before..found.len() {
                    if let Some(position) = found.get(at).copied()
                        && !self.is_removed(position)
                    {
                        if let Some(slot) = found.get_mut(kept) {
                            *slot = position;
                        }
                        kept += 1;
                    }
                }
                found.truncate(kept);
            }
            let between = found.len();
            find(added, found);
            found.iter_mut().skip(between).for_each(|position| {
                position.0 = position.0.saturating_add(self.added_from);
            });
        }
    }

    fn is_removed(&self, position: Position) -> bool {
        self.removed.binary_search(&position.0).is_ok()
    }

    /// The part that has a position, and the position in it.
    fn part(&self, position: Position) -> Option<(&Parts<'a>, usize)> {
        match position.0.checked_sub(self.added_from) {
            None => Some((&self.base, position.0 as usize)),
            Some(at) => Some((self.added.as_ref()?, at as usize)),
        }
    }

    /// The selector at a position.
    pub(crate) fn selector(&self, position: Position) -> Option<Selector> {
        let (parts, at) = self.part(position)?;
        parts.selector(at)
    }

    /// When the selector at a position matches, and under which condition; nothing for no position.
    pub(crate) fn conditions(&self, position: Position) -> Option<Conditions> {
        let (parts, at) = self.part(position)?;
        let term = parts.term(at)?;
        Some(Conditions {
            valid_from_us: term.valid_from_us,
            expires_us: term.expires_us,
            has_more: term.only != Only::NOTHING || term.texts[1].is_some(),
        })
    }

    /// The positions of the selectors that a line of [`removed_line`] names, be it none; nothing for what is no
    /// such line.
    fn named(&self, line: &str) -> Option<Vec<u32>> {
        let (text, id) = line.split_once('\t')?;
        let (value, only) = parse_canonical(text)?;
        let found = self.equal(&value).into_iter().filter(|position| {
            self.selector(*position).is_some_and(|selector| {
                (&selector.value, selector.only) == (&value, only)
                    && selector.id.as_ref().map_or("-", |id| id.as_str()) == id
            })
        });
        Some(found.map(|position| position.0).collect())
    }

    /// Whether there is a selector of the same name that stays of the two.
    fn has_greater_than(&self, selector: &Selector) -> bool {
        let found = self.equal(&selector.value);
        let mut known = found.iter().filter_map(|position| self.selector(*position));
        known.any(|known| known.name() == selector.name() && known > *selector)
    }

    /// The positions of selectors of a value, and perhaps of others beside them.
    fn equal(&self, value: &SelectorValue) -> Vec<Position> {
        let mut found = Vec::new();
        match value {
            SelectorValue::Address(address) => self.find_address(*address, &mut found),
            SelectorValue::Network(net) => {
                let hash = self.key.of_net(*net);
                self.find_each(hash, &mut found, |parts, found| {
                    parts.find_net(hash, *net, found);
                });
            }
            value => {
                if let Some((kind, bytes)) = build::text_of(value) {
                    self.find_bytes(kind, &bytes, &mut found);
                }
            }
        }
        found
    }

    /// From when on and until when, in microseconds, any selector can match.
    pub(crate) fn window(&self) -> (i64, i64) {
        let layers = std::iter::once(&self.base).chain(&self.added);
        let terms = layers.flat_map(Parts::all_terms);
        terms.fold((i64::MAX, i64::MIN), |(from, until), term| {
            (from.min(term.valid_from_us), until.max(term.expires_us))
        })
    }

    /// The measures that selectors name; `None` for those that name none.
    pub(crate) fn measures(&self) -> BTreeSet<Option<MeasureId>> {
        let layers = std::iter::once(&self.base).chain(&self.added);
        let terms = layers.flat_map(Parts::all_terms);
        terms.map(|term| term.texts[1].and_then(|text| text.parse().ok())).collect()
    }

    /// Positions in the order of their selectors, each once, whatever layer they are in.
    pub(crate) fn arrange(&self, found: &mut Vec<Position>) {
        found.sort_unstable();
        found.dedup();
        let is_mixed =
            found.len() > 1 && found.last().is_some_and(|position| position.0 >= self.added_from);
        if is_mixed {
            found.sort_by_cached_key(|position| {
                self.selector(*position).map(|selector| (build::rank(&selector.value), selector))
            });
        }
    }
}

/// The numbers of the hashes that pass, and how many these are.
#[inline]
fn keep_passing(hashes: &[u64], passed: &mut [u32], may_hold: impl Fn(u64) -> bool) -> usize {
    let mut count = 0;
    for (number, hash) in (0_u32..).zip(hashes) {
        // Written in any case and kept by counting on: a branch here would be guessed wrong too often.
        if let Some(slot) = passed.get_mut(count) {
            *slot = number;
        }
        count += usize::from(may_hold(*hash));
    }
    count
}

/// The sections of one image.
#[derive(Clone, Copy)]
struct Parts<'a> {
    filter: Filter<'a>,
    slots: Slots<'a>,
    /// At which position each kind begins; the last is the number of all.
    firsts: [u32; KINDS + 1],
    v4: &'a [[u8; 4]],
    v4_starts: &'a [[u8; 4]],
    v6: &'a [[u8; 16]],
    nets: &'a [[u8; NET_BYTES]],
    net_touched: &'a [u8],
    net_lengths_v4: &'a [u8],
    net_lengths_v6: &'a [u8],
    text_ends: &'a [[u8; 4]],
    texts: &'a [u8],
    exact: &'a [u8],
    term_of: &'a [[u8; 4]],
    terms: &'a [[u8; TERM_BYTES]],
    term_texts: &'a [u8],
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self {
            filter: Filter::new(&[]),
            slots: Slots::new(&[]),
            firsts: [0; KINDS + 1],
            v4: &[],
            v4_starts: &[],
            v6: &[],
            nets: &[],
            net_touched: &[],
            net_lengths_v4: &[],
            net_lengths_v6: &[],
            text_ends: &[],
            texts: &[],
            exact: &[],
            term_of: &[],
            terms: &[],
            term_texts: &[],
        }
    }
}

/// A set of terms taken apart.
struct Term<'a> {
    version: u32,
    only: Only,
    valid_from_us: i64,
    expires_us: i64,
    texts: [Option<&'a str>; 3],
}

impl<'a> Parts<'a> {
    /// Takes an image apart; parts that do not have the lengths they must have are refused.
    fn of(image: &'a Image) -> Result<Self, LoadIndex> {
        let mut firsts = [0_u32; KINDS + 1];
        let mut sum = 0_u32;
        for (first, count) in firsts.iter_mut().skip(1).zip(image.kinds) {
            sum = sum.checked_add(count).ok_or(LoadIndex::Contradicts)?;
            *first = sum;
        }
        let lengths = image.section(Section::NetLengths);
        let v6_from = lengths.partition_point(|length| *length < 128);
        let (net_lengths_v4, net_lengths_v6) =
            lengths.split_at_checked(v6_from).unwrap_or_default();
        let parts = Self {
            filter: Filter::new(image.section(Section::Filter)),
            slots: Slots::new(image.section(Section::Slots)),
            firsts,
            v4: image.section(Section::V4).as_chunks().0,
            v4_starts: image.section(Section::V4Starts).as_chunks().0,
            v6: image.section(Section::V6).as_chunks().0,
            nets: image.section(Section::Nets).as_chunks().0,
            net_touched: image.section(Section::NetTouched),
            net_lengths_v4,
            net_lengths_v6,
            text_ends: image.section(Section::TextEnds).as_chunks().0,
            texts: image.section(Section::Texts),
            exact: image.section(Section::Exact),
            term_of: image.section(Section::TermOf).as_chunks().0,
            terms: image.section(Section::Terms).as_chunks().0,
            term_texts: image.section(Section::TermTexts),
        };
        let [v4, v6, nets, ..] = image.kinds.map(|count| count as usize);
        let texts = parts.len() - v4 - v6 - nets;
        let terms_fit = if parts.term_of.is_empty() {
            parts.terms.len() == usize::from(!parts.is_empty())
        } else {
            parts.term_of.len() == parts.len()
        };
        let fits = (parts.v4.len(), parts.v6.len()) == (v4, v6)
            && (parts.nets.len(), parts.text_ends.len()) == (nets, texts)
            && parts.v4_starts.len().saturating_sub(1).is_power_of_two() != parts.v4.is_empty()
            && terms_fit
            && parts.len() <= SELECTORS_MAX;
        if fits { Ok(parts) } else { Err(LoadIndex::Contradicts) }
    }

    fn len(&self) -> usize {
        self.firsts.last().map_or(0, |all| *all as usize)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The positions of a kind.
    #[inline]
    fn range(&self, kind: Kind) -> (u32, u32) {
        let at = |number: usize| self.firsts.get(number).copied().unwrap_or_default();
        (at(kind as usize - 1), at(kind as usize))
    }

    #[inline]
    fn has(&self, kind: Kind) -> bool {
        let (first, end) = self.range(kind);
        first < end
    }

    /// Whether there may be a prefix with the address in it; `false` is certain.
    #[inline]
    fn may_hold_net_of(&self, address: Ipv4Addr) -> bool {
        let block = address.to_bits() >> 16;
        let byte = self.net_touched.get(block as usize / 8).copied().unwrap_or_default();
        byte >> (block % 8) & 1 == 1
    }

    #[inline]
    fn nets_of(&self, address: IpAddr, mut take: impl FnMut(IpNet)) {
        match address {
            IpAddr::V4(address) => {
                if self.may_hold_net_of(address) {
                    for length in self.net_lengths_v4 {
                        if let Ok(net) = Ipv4Net::new(address, *length) {
                            take(net.trunc().into());
                        }
                    }
                }
            }
            IpAddr::V6(address) => {
                for length in self.net_lengths_v6 {
                    if let Ok(net) = Ipv6Net::new(address, *length & 127) {
                        take(net.trunc().into());
                    }
                }
            }
        }
    }

    fn find_v4(&self, bits: u32, found: &mut Vec<Position>) {
        let ranges = self.v4_starts.len().saturating_sub(1);
        let Some(log) = ranges.checked_ilog2() else { return };
        let range = bits.checked_shr(32 - log).unwrap_or_default() as usize;
        let start = |at: usize| self.v4_starts.get(at).map(|start| u32::from_le_bytes(*start));
        let (Some(begin), Some(end)) = (start(range), start(range + 1)) else { return };
        let Some(values) = self.v4.get(begin as usize..end as usize) else { return };
        let first = values.partition_point(|value| u32::from_le_bytes(*value) < bits);
        let equal = values.iter().skip(first).take_while(|value| **value == bits.to_le_bytes());
        let first = begin.saturating_add(u32::try_from(first).unwrap_or(u32::MAX));
        found.extend((first..).zip(equal).map(|(position, _)| Position(position)));
    }

    fn find_v6(&self, hash: u64, address: Ipv6Addr, found: &mut Vec<Position>) {
        let (base, _) = self.range(Kind::V6);
        let equal = |position: u32| {
            let at = position.checked_sub(base).map(|at| at as usize);
            at.and_then(|at| self.v6.get(at)) == Some(&address.octets())
        };
        self.push_run(hash, equal, found);
    }

    fn find_net(&self, hash: u64, net: IpNet, found: &mut Vec<Position>) {
        self.push_run(hash, |position| self.net(position) == Some(net), found);
    }

    fn find_name(&self, hash: u64, suffix: &[u8], whole: bool, found: &mut Vec<Position>) {
        let range = self.range(Kind::Domain);
        let equal = |position: u32| {
            self.text_in(range, position).is_some_and(|text| text.eq_ignore_ascii_case(suffix))
        };
        let before = found.len();
        self.push_run(hash, equal, found);
        if !whole {
            let mut at = before;
            while let Some(position) = found.get(at) {
                if self.is_exact(position.0) {
                    found.remove(at);
                } else {
                    at += 1;
                }
            }
        }
    }

    fn find_bytes(&self, hash: u64, kind: Kind, bytes: &[u8], found: &mut Vec<Position>) {
        let range = self.range(kind);
        self.push_run(hash, |position| self.text_in(range, position) == Some(bytes), found);
    }

    /// The selectors of one value stand next to each other.
    fn push_run(&self, hash: u64, equal: impl Fn(u32) -> bool, found: &mut Vec<Position>) {
        if let Some(first) = self.slots.find(hash, &equal) {
            found.extend((first..).take_while(|at| equal(*at)).map(Position));
        }
    }

    fn net(&self, position: u32) -> Option<IpNet> {
        let at = position.checked_sub(self.range(Kind::Net).0)?;
        let [family, length, address @ ..] = self.nets.get(at as usize)?;
        let bits = u128::from_be_bytes(*address);
        match family {
            #[expect(clippy::cast_possible_truncation, reason = "the upper bits are zero")]
            4 => Ipv4Net::new(Ipv4Addr::from_bits(bits as u32), *length).ok().map(IpNet::V4),
            _ => Ipv6Net::new(Ipv6Addr::from_bits(bits), *length).ok().map(IpNet::V6),
        }
    }

    fn text_in(&self, (first, end): (u32, u32), position: u32) -> Option<&'a [u8]> {
        if !(first..end).contains(&position) {
            return None;
        }
        let at = position.checked_sub(self.range(Kind::Domain).0)? as usize;
        let end = |at: usize| self.text_ends.get(at).map(|end| u32::from_le_bytes(*end) as usize);
        let begin = at.checked_sub(1).map_or(Some(0), end)?;
        self.texts.get(begin..end(at)?)
    }

    fn is_exact(&self, position: u32) -> bool {
        let at = position.saturating_sub(self.range(Kind::Domain).0);
        self.exact.get(at as usize / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
    }

    fn selector(&self, at: usize) -> Option<Selector> {
        let position = u32::try_from(at).ok()?;
        let term = self.term(at)?;
        let [id, measure, approval] = term.texts;
        let time = |us: i64, none: i64| {
            (us != none).then(|| Timestamp::from_microsecond(us).ok()).flatten()
        };
        Some(Selector {
            value: self.value(position)?,
            only: term.only,
            id: id.and_then(|text| text.parse::<SelectorId>().ok()),
            version: term.version,
            valid_from: time(term.valid_from_us, EVER_US),
            expires: time(term.expires_us, NEVER_US),
            measure: measure.and_then(|text| text.parse::<MeasureId>().ok()),
            approval: approval.and_then(|text| text.parse::<SelectorId>().ok()),
        })
    }

    fn value(&self, position: u32) -> Option<SelectorValue> {
        let at = position as usize;
        if let Some(bits) = self.v4.get(at) {
            let address = Ipv4Addr::from_bits(u32::from_le_bytes(*bits));
            return Some(SelectorValue::Address(address.into()));
        }
        if let Some(octets) = self.v6.get(at - self.v4.len()) {
            return Some(SelectorValue::Address(Ipv6Addr::from(*octets).into()));
        }
        if let Some(net) = self.net(position) {
            return Some(SelectorValue::Network(net));
        }
        let text = |kind| self.text_in(self.range(kind), position);
        if let Some(name) = text(Kind::Domain) {
            let name = DomainName::parse(std::str::from_utf8(name).ok()?).ok()?;
            return Some(SelectorValue::Domain { name, subdomains: !self.is_exact(position) });
        }
        if let Some(url) = text(Kind::Url) {
            return Some(SelectorValue::Url(Locator::of_index(std::str::from_utf8(url).ok()?)));
        }
        if let Some(bytes) = text(Kind::File) {
            return Some(SelectorValue::File(HexDigest::of_index(bytes)));
        }
        if let Some(bytes) = text(Kind::Certificate) {
            return Some(SelectorValue::Certificate(HexDigest::of_index(bytes)));
        }
        if let Some(bytes) = text(Kind::Fingerprint) {
            return fingerprint(bytes).map(SelectorValue::Fingerprint);
        }
        text(Kind::Email)?.first_chunk().map(|hash| SelectorValue::Email(EmailHash(*hash)))
    }

    fn term(&self, at: usize) -> Option<Term<'a>> {
        let which = match self.term_of.get(at) {
            Some(which) => u32::from_le_bytes(*which) as usize,
            None => 0,
        };
        self.term_at(which)
    }

    /// Every set of terms that selectors have.
    fn all_terms(&self) -> impl Iterator<Item = Term<'a>> {
        (0..self.terms.len()).filter_map(|which| self.term_at(which))
    }

    fn term_at(&self, which: usize) -> Option<Term<'a>> {
        let term = self.terms.get(which)?;
        let (version, rest) = term.split_first_chunk::<4>()?;
        let ([flags, proto, port @ ..], rest) = rest.split_first_chunk::<4>()?;
        let (valid_from, rest) = rest.split_first_chunk::<8>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (lengths, rest) = rest.split_first_chunk::<4>()?;
        let (offsets, _) = rest.as_chunks::<4>();
        let has = |flag: u8| flags & flag != 0;
        let mut texts = [None; 3];
        let wanted =
            [flag::ID, flag::MEASURE, flag::APPROVAL].into_iter().zip(lengths.iter().zip(offsets));
        for (text, (flag, (length, offset))) in texts.iter_mut().zip(wanted) {
            if has(flag) {
                let begin = u32::from_le_bytes(*offset) as usize;
                let bytes = self.term_texts.get(begin..begin + usize::from(*length))?;
                *text = Some(std::str::from_utf8(bytes).ok()?);
            }
        }
        let side =
            if has(flag::SRC) { Some(Side::Src) } else { has(flag::DST).then_some(Side::Dst) };
        Some(Term {
            version: u32::from_le_bytes(*version),
            only: Only {
                side,
                port: has(flag::PORT).then(|| u16::from_le_bytes(*port)),
                proto: has(flag::PROTO).then_some(Protocol(*proto)),
            },
            valid_from_us: i64::from_le_bytes(*valid_from),
            expires_us: i64::from_le_bytes(*expires),
            texts,
        })
    }
}

fn fingerprint(bytes: &[u8]) -> Option<Fingerprint> {
    match bytes.split_first()? {
        (b'3', rest) => rest.first_chunk().copied().map(Fingerprint::Ja3),
        (b's', rest) => rest.first_chunk().copied().map(Fingerprint::Ja3s),
        (_, rest) => Some(Fingerprint::Ja4(std::str::from_utf8(rest).ok()?.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

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
            let ranks = build::rank(&one.value).cmp(&build::rank(&other.value));
            prop_assert!(ranks.is_eq() || ranks == one.value.cmp(&other.value));
        }

        #[test]
        fn many_hashes_pass_as_one_by_one(low in any::<u32>(), count in 0_usize..700, layered: bool) {
            // Large enough for its filter to be fetched ahead.
            static LARGE: LazyLock<SelectorIndex> = LazyLock::new(|| {
                let values = (0..100_000_u32).map(|low| Ipv4Addr::from_bits(low << 8).to_string());
                index(&values.collect::<Vec<_>>().join("\n"))
            });
            let added = parse_list(b"192.0.2.1\n").0;
            let index = if layered {
                LARGE.layer(LARGE.increment(&added, &[]).unwrap()).unwrap()
            } else {
                LARGE.clone()
            };
            let (lookup, mut hashes) = (index.lookup(), Vec::new());
            lookup.hash_v4(Ipv4Addr::new(192, 0, 2, 1), &mut hashes);
            for step in 0..u32::try_from(count).unwrap() {
                lookup.hash_v4(Ipv4Addr::from_bits(low.wrapping_add(step << 7) % (200_000 << 8)), &mut hashes);
            }
            let mut passed = vec![7; 3];
            let kept = lookup.passing(&hashes, &mut passed);
            let expected: Vec<u32> = (0..).zip(&hashes).filter(|(_, hash)| lookup.may_hold(**hash)).map(|one| one.0).collect();
            prop_assert_eq!(&passed[..kept], &expected);
            prop_assert!(!layered || expected.first() == Some(&0));
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
