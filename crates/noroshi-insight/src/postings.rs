//! Who names what, in numbers: what correlation asks before it reads a single item.
//!
//! An item is a number here, a name is a hash or an address, and a posting is the two side by side in a sorted list:
//! 8 bytes for an IPv4 address, 12 for anything hashed. Lists only grow at their end, so what arrives later costs what
//! is new. A question about one name is a search in the lists; the question what has anything in common is one walk
//! through them, in which what too many name is counted and neither read nor paired.
//!
//! Networks are not spread over what they hold: addresses stand in their order, so what lies in a network is a range.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::collections::{BTreeMap, BTreeSet};

use noroshi_evidence::observable::{DomainName, Observable};

use crate::correlate::{
    Common, NEAR_PREFIX, Passed, Prefixes, hashed, ipv4_network, ipv6_network, is_local,
};

/// The names of very many items. An item is a number the caller chose, such as its place in the order of arrival.
///
/// ```
/// use noroshi_insight::postings::{Postings, View};
/// let mut postings = Postings::default();
/// for (item, seen) in [(1, "203.0.113.9"), (2, "http://203.0.113.9/x"), (3, "198.51.100.1")] {
///     postings.append(item, &[seen.parse().unwrap()]);
/// }
/// postings.settle();
/// let view = View::new(&[&postings], Default::default());
/// assert_eq!(view.meetings(200).items, [1, 2]);
/// ```
#[derive(Debug, Default)]
pub struct Postings {
    /// Names and locators and hashes; the mark tells that it is local.
    named: Sorted<Hashed>,
    /// What lies below a name or on a host; the mark tells that it is the host of a locator.
    below: Sorted<Hashed>,
    v4: Addresses<u32>,
    v6: Addresses<u128>,
    live: Bits,
}

impl Postings {
    /// Takes note of everything that `item` names. Ask nothing before [`Postings::settle`].
    pub fn append(&mut self, item: u32, names: &[Observable]) {
        let mut below = Vec::new();
        for observable in names {
            match observable {
                Observable::Ipv4(net) => self.v4.name(net.addr().into(), net.prefix_len(), item),
                Observable::Ipv6(net) => self.v6.name(net.addr().into(), net.prefix_len(), item),
                Observable::Domain(name) => parents(name, &mut below),
                Observable::Url(url) => match url.host() {
                    Some(host) if !is_local(observable) => self.host(&host, item, &mut below),
                    _ => {}
                },
                Observable::FileHash(_) => {}
            }
            if !matches!(observable, Observable::Ipv4(_) | Observable::Ipv6(_)) {
                self.named.push(Hashed::new(hashed(observable), is_local(observable), item));
            }
        }
        below.sort_unstable();
        below.dedup();
        self.below.extend(below.into_iter().map(|(key, host)| Hashed::new(key, host, item)));
        if !names.is_empty() {
            self.live.set(item, true);
        }
    }

    /// A locator's host is worth asking for even if nobody names it by itself.
    fn host(&mut self, host: &Observable, item: u32, below: &mut Vec<(u64, bool)>) {
        match host {
            Observable::Ipv4(net) => self.v4.hosts.push((net.addr().into(), item)),
            Observable::Ipv6(net) => self.v6.hosts.push((net.addr().into(), item)),
            Observable::Domain(name) => {
                below.push((hashed(host), true));
                parents(name, below);
            }
            Observable::Url(_) | Observable::FileHash(_) => {}
        }
    }

    /// The item no longer counts: a newer version took its place, or it was revoked.
    pub fn forget(&mut self, item: u32) {
        self.live.set(item, false);
    }

    /// Puts what was appended in order.
    pub fn settle(&mut self) {
        self.named.settle();
        self.below.settle();
        self.v4.settle();
        self.v6.settle();
    }

    /// How many items name something.
    pub fn items(&self) -> usize {
        self.live.count()
    }

    /// Whether the item names something and still counts.
    pub fn holds(&self, item: u32) -> bool {
        self.live.has(item)
    }

    /// How many bytes the lists take.
    pub fn size_bytes(&self) -> usize {
        self.named.size_bytes()
            + self.below.size_bytes()
            + self.v4.size_bytes()
            + self.v6.size_bytes()
            + self.live.0.capacity() * size_of::<u64>()
    }
}

fn parents(name: &DomainName, below: &mut Vec<(u64, bool)>) {
    below.extend(name.parents().map(|parent| (hashed(&Observable::Domain(parent)), false)));
}

/// A hash of 63 bits, a mark, and an item, in 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hashed {
    high: u32,
    low: u32,
    item: u32,
}

impl Hashed {
    const fn new(key: u64, mark: bool, item: u32) -> Self {
        let [a, b, c, d, e, f, g, h] = key.to_be_bytes();
        let low = u32::from_be_bytes([e, f, g, h]) & !1;
        Self { high: u32::from_be_bytes([a, b, c, d]), low: if mark { low | 1 } else { low }, item }
    }

    fn key(&self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low & !1)
    }

    const fn is_marked(self) -> bool {
        self.low & 1 == 1
    }
}

/// Addresses of one family, and the networks among them.
#[derive(Debug, Default)]
struct Addresses<A> {
    /// Single addresses that items name.
    single: Sorted<(A, u32)>,
    /// Hosts of locators that items name.
    hosts: Sorted<(A, u32)>,
    nets: Sorted<(A, u8, u32)>,
    lengths: BTreeSet<u8>,
}

/// What an address of either family can do.
trait Address: Copy + Ord {
    const BITS: u8;
    /// Length of the neighbourhood that is mentioned.
    const NEAR: u8;
    fn network(self, length: u8) -> Self;
    fn last(self, length: u8) -> Self;
    fn observable(self, length: u8) -> Option<Observable>;
}

impl Address for u32 {
    const BITS: u8 = 32;
    const NEAR: u8 = NEAR_PREFIX.0;

    fn network(self, length: u8) -> Self {
        self & !Self::MAX.checked_shr(length.into()).unwrap_or(0)
    }

    fn last(self, length: u8) -> Self {
        self | Self::MAX.checked_shr(length.into()).unwrap_or(0)
    }

    fn observable(self, length: u8) -> Option<Observable> {
        ipv4_network(Ipv4Addr::from(self), length)
    }
}

impl Address for u128 {
    const BITS: u8 = 128;
    const NEAR: u8 = NEAR_PREFIX.1;

    fn network(self, length: u8) -> Self {
        self & !Self::MAX.checked_shr(length.into()).unwrap_or(0)
    }

    fn last(self, length: u8) -> Self {
        self | Self::MAX.checked_shr(length.into()).unwrap_or(0)
    }

    fn observable(self, length: u8) -> Option<Observable> {
        ipv6_network(Ipv6Addr::from(self), length)
    }
}

impl<A: Address> Addresses<A> {
    fn name(&mut self, address: A, length: u8, item: u32) {
        self.lengths.insert(length);
        if length == A::BITS {
            self.single.push((address, item));
        } else {
            self.nets.push((address, length, item));
        }
    }

    fn settle(&mut self) {
        self.single.settle();
        self.hosts.settle();
        self.nets.settle();
    }

    fn size_bytes(&self) -> usize {
        self.single.size_bytes() + self.hosts.size_bytes() + self.nets.size_bytes()
    }
}

/// A sorted list that grows: the larger part is touched only when an eighth of it is new.
#[derive(Debug)]
struct Sorted<T> {
    settled: Vec<T>,
    fresh: Vec<T>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { settled: Vec::new(), fresh: Vec::new() }
    }
}

impl<T: Ord + Copy> Sorted<T> {
    fn push(&mut self, entry: T) {
        self.fresh.push(entry);
    }

    fn extend(&mut self, entries: impl Iterator<Item = T>) {
        self.fresh.extend(entries);
    }

    fn settle(&mut self) {
        if self.settled.is_empty() {
            self.fresh.sort_unstable();
        } else {
            // Mostly in order already, which this way of sorting notices.
            self.fresh.sort();
        }
        self.fresh.dedup();
        if self.fresh.len() * 8 < self.settled.len() {
            return;
        }
        let fresh = std::mem::take(&mut self.fresh);
        let settled = std::mem::take(&mut self.settled);
        self.settled = if settled.is_empty() { fresh } else { merged(&settled, &fresh) };
        self.settled.shrink_to_fit();
    }

    fn runs(&self) -> [&[T]; 2] {
        [&self.settled, &self.fresh]
    }

    /// The entries between two, both of them included, in either part.
    fn range(&self, before: impl Fn(&T) -> bool, until: impl Fn(&T) -> bool) -> [&[T]; 2] {
        self.runs().map(|run| {
            let from = run.partition_point(&before);
            let to = run.partition_point(&until);
            run.get(from..to).unwrap_or_default()
        })
    }

    fn size_bytes(&self) -> usize {
        (self.settled.capacity() + self.fresh.capacity()) * size_of::<T>()
    }
}

fn merged<T: Ord + Copy>(left: &[T], right: &[T]) -> Vec<T> {
    let mut whole = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left, right);
    while let (Some((a, after_a)), Some((b, after_b))) = (left.split_first(), right.split_first()) {
        if a <= b {
            whole.push(*a);
            left = after_a;
        } else {
            whole.push(*b);
            right = after_b;
        }
    }
    whole.extend_from_slice(left);
    whole.extend_from_slice(right);
    whole.dedup();
    whole
}

/// A set of small numbers.
#[derive(Debug, Default, Clone)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// Puts a number in or takes it out.
    pub fn set(&mut self, number: u32, is_in: bool) {
        let (word, bit) = place(number);
        if word >= self.0.len() && is_in {
            self.0.resize(word + 1, 0);
        }
        if let Some(held) = self.0.get_mut(word) {
            if is_in { *held |= bit } else { *held &= !bit }
        }
    }

    /// Whether it is in.
    pub fn has(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.0.get(word).is_some_and(|held| held & bit != 0)
    }

    /// How many are in.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

fn place(number: u32) -> (usize, u64) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
}

/// What a walk through all names finds.
#[derive(Debug, Default)]
pub struct Meetings {
    /// The items that share a name that is worth following, sorted; of several that count as one, the one.
    pub items: Vec<u32>,
    /// Names that several share and that are not followed.
    pub passing: Vec<Passing>,
    /// Neighbourhoods in which different items name different addresses; they join nothing.
    pub near: Vec<Near>,
}

/// A name that is not followed, not yet spelled; see [`View::spelled`].
#[derive(Debug)]
pub struct Passing {
    /// An item that names it, or something inside it.
    pub item: u32,
    name: Name,
    why: Common,
    items: usize,
}

#[derive(Debug)]
enum Name {
    Known(Observable),
    Hashed(u64),
}

/// A neighbourhood.
#[derive(Debug)]
pub struct Near {
    /// The network.
    pub network: Observable,
    /// The last of its items.
    pub newest: u32,
}

/// Postings to be asked together, and which items count as another.
#[derive(Debug)]
pub struct View<'p> {
    parts: Vec<&'p Postings>,
    whole: BTreeMap<u32, u32>,
    prefixes: Prefixes,
    hidden: Bits,
}

/// The items of one name: those that name it, and those that name something inside it.
#[derive(Debug, Default)]
struct Posting {
    direct: BTreeSet<u32>,
    inner: BTreeSet<u32>,
    /// Whether somebody names it, or a locator on it.
    is_listed: bool,
}

impl Posting {
    fn all(&self) -> usize {
        self.direct.union(&self.inner).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Direct,
    Inner,
}

impl<'p> View<'p> {
    /// The numbers of the parts' items are different ones. `whole` says which item counts as which other.
    pub fn new(parts: &[&'p Postings], whole: BTreeMap<u32, u32>) -> Self {
        let mut prefixes = Prefixes::default();
        for part in parts {
            prefixes.v4.extend(&part.v4.lengths);
            prefixes.v6.extend(&part.v6.lengths);
        }
        Self { parts: parts.to_vec(), whole, prefixes, hidden: Bits::default() }
    }

    /// The same without items that whoever asks may not see: as if they named nothing.
    #[must_use]
    pub fn without(mut self, hidden: Bits) -> Self {
        self.hidden = hidden;
        self
    }

    fn lives(&self, item: u32) -> bool {
        self.parts.iter().any(|part| part.live.has(item)) && !self.hidden.has(item)
    }

    fn one(&self, item: u32) -> u32 {
        self.whole.get(&item).copied().unwrap_or(item)
    }

    /// What is named and might contain `observable`, without itself.
    pub fn outside(&self, observable: &Observable) -> Vec<Observable> {
        if is_local(observable) { Vec::new() } else { self.prefixes.outside(observable) }
    }

    /// The items that `observable` links, none when it is named by one only or by too many.
    pub fn linked(&self, observable: &Observable, common_items: usize) -> BTreeSet<u32> {
        let Posting { direct, inner, is_listed } = self.posting(observable, common_items);
        if !is_listed || is_local(observable) {
            return BTreeSet::new();
        }
        let all: BTreeSet<u32> = direct.union(&inner).copied().collect();
        let follow = |items: &BTreeSet<u32>| (2..=common_items).contains(&items.len());
        if follow(&all) {
            all
        } else if follow(&direct) {
            direct
        } else {
            BTreeSet::new()
        }
    }

    /// Whether more than `common_items` items name it, and whether more do when what lies inside counts too.
    pub fn is_common(&self, observable: &Observable, common_items: usize) -> (bool, bool) {
        let posting = self.posting(observable, common_items);
        (posting.direct.len() > common_items, posting.all() > common_items)
    }

    /// At most one item more of each sort than `most`.
    fn posting(&self, observable: &Observable, most: usize) -> Posting {
        match observable {
            Observable::Ipv4(net) => {
                let parts = self.parts.iter().map(|part| &part.v4);
                self.in_network(parts, net.addr().into(), net.prefix_len(), most)
            }
            Observable::Ipv6(net) => {
                let parts = self.parts.iter().map(|part| &part.v6);
                self.in_network(parts, net.addr().into(), net.prefix_len(), most)
            }
            Observable::Domain(_) | Observable::Url(_) | Observable::FileHash(_) => {
                let key = Hashed::new(hashed(observable), false, 0).key();
                let range = |list: &'p Sorted<Hashed>| {
                    list.range(|one| one.key() < key, |one| one.key() <= key)
                };
                let named: Vec<&[Hashed]> =
                    self.parts.iter().flat_map(|part| range(&part.named)).collect();
                let below: Vec<&[Hashed]> =
                    self.parts.iter().flat_map(|part| range(&part.below)).collect();
                let is_host = below
                    .iter()
                    .any(|run| run.iter().any(|one| one.is_marked() && self.lives(one.item)));
                let items =
                    |runs: Vec<&'p [Hashed]>| runs.into_iter().flatten().map(|one| one.item);
                let direct = self.distinct(items(named), most);
                let is_listed = is_host || !direct.is_empty();
                Posting { direct, inner: self.distinct(items(below), most), is_listed }
            }
        }
    }

    fn in_network<A: Address + 'p>(
        &self,
        parts: impl Iterator<Item = &'p Addresses<A>>,
        address: A,
        length: u8,
        most: usize,
    ) -> Posting {
        let (mut direct, mut inner) = (Vec::new(), Vec::new());
        let last = address.last(length);
        for part in parts {
            let own = (address, length);
            let single = part.single.range(|one| one.0 < address, |one| one.0 <= last);
            let hosts = part.hosts.range(|one| one.0 < address, |one| one.0 <= last);
            let nets = part.nets.range(|one| one.0 < address, |one| one.0 <= last);
            if length == A::BITS {
                direct.extend(single.map(|run| Spread::Single(run)));
            } else {
                inner.extend(single.map(|run| Spread::Single(run)));
                direct.extend(nets.map(|run| Spread::Nets(run, own, true)));
                inner.extend(nets.map(|run| Spread::Nets(run, own, false)));
            }
            inner.extend(hosts.map(|run| Spread::Single(run)));
        }
        let direct = self.distinct(direct.iter().flat_map(|spread| spread.items(false)), most);
        let inner = self.distinct(inner.iter().flat_map(|spread| spread.items(true)), most);
        let is_listed = !direct.is_empty() || (length == A::BITS && !inner.is_empty());
        Posting { direct, inner, is_listed }
    }

    fn distinct(&self, items: impl Iterator<Item = u32>, most: usize) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for item in items.filter(|item| self.lives(*item)) {
            found.insert(self.one(item));
            if found.len() > most {
                break;
            }
        }
        found
    }

    /// Everything that items have in common, in one walk. What more than `common_items` items name is counted.
    pub fn meetings(&self, common_items: usize) -> Meetings {
        let mut walk = Walk { view: self, common_items, met: Meetings::default() };
        walk.hashed();
        walk.addresses(&self.parts.iter().map(|part| &part.v4).collect::<Vec<_>>());
        walk.addresses(&self.parts.iter().map(|part| &part.v6).collect::<Vec<_>>());
        let mut met = walk.met;
        met.items.sort_unstable();
        met.items.dedup();
        met
    }

    /// Everything that items name single addresses of in a neighbourhood.
    pub fn neighbours(&self, network: &Observable) -> BTreeSet<u32> {
        match network {
            Observable::Ipv4(net) => {
                let parts = self.parts.iter().map(|part| &part.v4);
                self.singles(parts, net.addr().into(), net.prefix_len())
            }
            Observable::Ipv6(net) => {
                let parts = self.parts.iter().map(|part| &part.v6);
                self.singles(parts, net.addr().into(), net.prefix_len())
            }
            Observable::Domain(_) | Observable::Url(_) | Observable::FileHash(_) => BTreeSet::new(),
        }
    }

    fn singles<A: Address + 'p>(
        &self,
        parts: impl Iterator<Item = &'p Addresses<A>>,
        address: A,
        length: u8,
    ) -> BTreeSet<u32> {
        let last = address.last(length);
        let runs =
            parts.flat_map(|part| part.single.range(|one| one.0 < address, |one| one.0 <= last));
        self.distinct(runs.flatten().map(|one| one.1), usize::MAX)
    }

    /// Tells the name of what is passed, out of everything that its item names.
    pub fn spelled(&self, passing: &Passing, names: &BTreeSet<Observable>) -> Option<Passed> {
        let observable = match &passing.name {
            Name::Known(observable) => observable.clone(),
            Name::Hashed(key) => {
                let own = |seen: &Observable| Hashed::new(hashed(seen), false, 0).key() == *key;
                let outside = names.iter().flat_map(|seen| self.outside(seen));
                names.iter().cloned().chain(outside).find(own)?
            }
        };
        Some(Passed { observable, why: passing.why, items: passing.items })
    }
}

/// Entries of addresses, told apart by what they are asked for.
enum Spread<'p, A> {
    Single(&'p [(A, u32)]),
    /// Networks: the one itself, or those inside it.
    Nets(&'p [(A, u8, u32)], (A, u8), bool),
}

impl<A: Address> Spread<'_, A> {
    /// What is local lies in no network.
    fn items(&self, is_inner: bool) -> Box<dyn Iterator<Item = u32> + '_> {
        let kept = move |address: A, length: u8| {
            !is_inner || address.observable(length).is_some_and(|seen| !is_local(&seen))
        };
        match self {
            Self::Single(run) => {
                let run = run.iter().filter(move |one| kept(one.0, A::BITS));
                Box::new(run.map(|one| one.1))
            }
            Self::Nets(run, (address, length), true) => {
                let own = run.iter().filter(move |one| (one.0, one.1) == (*address, *length));
                Box::new(own.map(|one| one.2))
            }
            Self::Nets(run, (_, length), false) => {
                let inside = run.iter().filter(move |one| one.1 > *length && kept(one.0, one.1));
                Box::new(inside.map(|one| one.2))
            }
        }
    }
}

struct Walk<'v, 'p> {
    view: &'v View<'p>,
    common_items: usize,
    met: Meetings,
}

impl Walk<'_, '_> {
    fn hashed(&mut self) {
        let view = self.view;
        let named = view.parts.iter().flat_map(|part| part.named.runs());
        let below = view.parts.iter().flat_map(|part| part.below.runs());
        let runs = roles(named).chain(below.map(|run| (Role::Inner, run))).collect();
        each_key(runs, Hashed::key, |key, entries| {
            let lists = |(role, entry): &(Role, Hashed)| {
                (*role == Role::Direct || entry.is_marked()) && view.lives(entry.item)
            };
            if entries.iter().any(lists) {
                let is_local =
                    |(role, entry): &(Role, Hashed)| *role == Role::Direct && entry.is_marked();
                let items = entries.iter().map(|(role, entry)| (*role, entry.item));
                self.judge(items, entries.iter().any(is_local), || Name::Hashed(key));
            }
        });
    }

    fn addresses<A: Address>(&mut self, parts: &[&Addresses<A>]) {
        let single = || parts.iter().flat_map(|part| part.single.runs());
        let hosts = parts.iter().flat_map(|part| part.hosts.runs());
        let runs = roles(single()).chain(hosts.map(|run| (Role::Inner, run))).collect();
        each_key(
            runs,
            |one| one.0,
            |address: A, entries| {
                let Some(seen) = address.observable(A::BITS) else { return };
                let items = entries.iter().map(|(role, (_, item))| (*role, *item));
                self.judge(items, is_local(&seen), || Name::Known(seen.clone()));
            },
        );
        let mut named: Vec<(A, u8)> = parts
            .iter()
            .flat_map(|part| part.nets.runs())
            .flat_map(|run| run.iter().map(|one| (one.0, one.1)))
            .collect();
        named.sort_unstable();
        named.dedup();
        for (address, length) in &named {
            self.network(parts, *address, *length);
        }
        each_key(
            roles(single()).collect(),
            |one| one.0.network(A::NEAR),
            |network, entries| {
                let is_named = named.binary_search(&(network, A::NEAR)).is_ok();
                if !is_named {
                    self.neighbourhood(network, entries);
                }
            },
        );
    }

    fn network<A: Address>(&mut self, parts: &[&Addresses<A>], address: A, length: u8) {
        let Some(seen) = address.observable(length) else { return };
        let posting = self.view.in_network(parts.iter().copied(), address, length, usize::MAX);
        if !posting.direct.is_empty() {
            let direct = posting.direct.iter().map(|item| (Role::Direct, *item));
            let items = direct.chain(posting.inner.iter().map(|item| (Role::Inner, *item)));
            self.judge(items, is_local(&seen), || Name::Known(seen.clone()));
        }
    }

    fn neighbourhood<A: Address>(&mut self, network: A, entries: &[(Role, (A, u32))]) {
        let live = entries.iter().map(|(_, one)| *one).filter(|(address, item)| {
            self.view.lives(*item)
                && address.observable(A::BITS).is_some_and(|seen| !is_local(&seen))
        });
        let (mut addresses, mut items) = (Vec::new(), Vec::new());
        for (address, item) in live {
            addresses.push(address);
            items.push(self.view.one(item));
        }
        addresses.sort_unstable();
        addresses.dedup();
        items.sort_unstable();
        items.dedup();
        if addresses.len() > 1
            && (2..=self.common_items).contains(&items.len())
            && let (Some(network), Some(newest)) = (network.observable(A::NEAR), items.last())
        {
            self.met.near.push(Near { network, newest: *newest });
        }
    }

    /// Decides what becomes of the items of one name.
    fn judge(
        &mut self,
        items: impl Iterator<Item = (Role, u32)>,
        is_local: bool,
        name: impl Fn() -> Name,
    ) {
        let (mut direct, mut all, mut example) = (Vec::new(), Vec::new(), None);
        for (role, item) in items.filter(|(_, item)| self.view.lives(*item)) {
            example.get_or_insert(item);
            let item = self.view.one(item);
            all.push(item);
            if role == Role::Direct {
                direct.push(item);
            }
        }
        for list in [&mut direct, &mut all] {
            list.sort_unstable();
            list.dedup();
        }
        let Some(item) = example.filter(|_| all.len() > 1) else { return };
        let is_frequent = all.len() > self.common_items;
        if is_local || is_frequent {
            let why = if is_local { Common::Local } else { Common::Frequent };
            self.met.passing.push(Passing { item, name: name(), why, items: all.len() });
        }
        match (is_local, is_frequent) {
            (true, _) => {}
            (false, false) => self.met.items.extend(all),
            (false, true) if (2..=self.common_items).contains(&direct.len()) => {
                self.met.items.extend(direct);
            }
            (false, true) => {}
        }
    }
}

fn roles<'r, T: 'r>(runs: impl Iterator<Item = &'r [T]>) -> impl Iterator<Item = (Role, &'r [T])> {
    runs.map(|run| (Role::Direct, run))
}

/// Walks through sorted lists together and shows the entries of each key that has more than one.
fn each_key<T: Copy, K: Ord + Copy>(
    mut runs: Vec<(Role, &[T])>,
    key: impl Fn(&T) -> K,
    mut visit: impl FnMut(K, &[(Role, T)]),
) {
    let mut met = Vec::new();
    runs.retain(|(_, run)| !run.is_empty());
    while let Some(next) = runs.iter().filter_map(|(_, run)| run.first()).map(&key).min() {
        met.clear();
        for (role, run) in &mut runs {
            while let Some((first, rest)) = run.split_first().filter(|(one, _)| key(one) == next) {
                met.push((*role, *first));
                *run = rest;
            }
        }
        if met.len() > 1 {
            visit(next, &met);
        }
    }
}
