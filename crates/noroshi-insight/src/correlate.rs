//! Which reports, sightings and partners' objects belong together, and why.
//!
//! Every observable has a posting list of the items that name it; a link is such a list, not a set of
//! pairs, so the cost grows with the number of names and not with its square. What everybody names (a
//! public resolver, a search engine) connects nothing: it is reported and not followed.
//!
//! Links that join items into a group: the same observable ([`Strength::Strong`]), or one that lies inside
//! another that somebody named - an address in a network, a name below a name, a locator on a host
//! ([`Strength::Weak`]). Addresses that merely are neighbours in a /24 or /64 are mentioned apart and join
//! nothing. Sibling names (`a.x.example`, `b.x.example`) are not compared: where registration ends is
//! known only to the public suffix list, which this crate does not hold.

use core::hash::{Hash as _, Hasher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::DefaultHasher;

use jiff::Timestamp;
use noroshi_evidence::observable::Observable;
use serde::{Deserialize, Serialize};

use crate::postings::View;

/// Items above which an observable connects nothing, unless the caller says otherwise.
pub const COMMON_ITEMS_DEFAULT: usize = 200;
/// Shortest prefix of a network that is a strong reason when named twice (IPv4, IPv6).
pub const STRONG_PREFIX_MIN: (u8, u8) = (24, 48);
/// Prefixes of the neighbourhoods that are mentioned (IPv4, IPv6).
pub const NEAR_PREFIX: (u8, u8) = (24, 64);

/// The name of an item, stable over time; of two the smaller one is expected to be the older one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(Box<str>);

impl ItemId {
    /// Takes any text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where an item comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// An operator's incident report.
    Report,
    /// A sensor's sighting.
    Sighting,
    /// An object from an ally or another partner.
    Partner,
}

/// One thing that names observables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name; items of the same name are one item.
    pub id: ItemId,
    /// Where it comes from.
    pub kind: ItemKind,
    /// The organisation that was harmed or whose network saw it; partners' objects mostly have none.
    pub organisation: Option<Box<str>>,
    /// The sector of that organisation.
    pub sector: Option<Box<str>>,
    /// When it happened or was seen.
    pub time: Option<Timestamp>,
    /// What it names.
    pub observables: BTreeSet<Observable>,
}

/// How much a link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// The items name related observables.
    Weak,
    /// The items name the same observable.
    Strong,
}

/// Why items are linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// All items name this observable.
    Same {
        /// Which one.
        observable: Observable,
    },
    /// All items name this observable or something inside it.
    Inside {
        /// The network, name or host.
        observable: Observable,
        /// What lies inside and is named.
        inner: Vec<Observable>,
    },
    /// The items name addresses of one small network that none of them names.
    Near {
        /// The network.
        observable: Observable,
        /// The addresses.
        inner: Vec<Observable>,
    },
}

impl Reason {
    /// The observable that the items have in common.
    pub const fn observable(&self) -> &Observable {
        match self {
            Self::Same { observable }
            | Self::Inside { observable, .. }
            | Self::Near { observable, .. } => observable,
        }
    }
}

/// At least two items and why they are linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// How much it says.
    pub strength: Strength,
    /// Why.
    pub reason: Reason,
    /// Which items, sorted.
    pub items: Vec<ItemId>,
}

/// Items that hang together through links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The smallest member; it stays the same when younger items join.
    pub key: ItemId,
    /// At least two, sorted.
    pub members: Vec<ItemId>,
    /// At least one; strong ones first, then by observable.
    pub links: Vec<Link>,
}

/// Why an observable was not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Common {
    /// More items name it, or something inside it, than the limit.
    Frequent,
    /// It exists in every network: private, loopback, link-local, multicast (RFC 1918, 4193, 6890).
    Local,
}

/// An observable that was not followed although several items share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Which one.
    pub observable: Observable,
    /// Why.
    pub why: Common,
    /// How many items name it, or something inside it.
    pub items: usize,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Correlation {
    /// Sorted by key.
    pub groups: Vec<Group>,
    /// Links between neighbours; they join nothing.
    pub near: Vec<Link>,
    /// What was not followed, sorted by observable.
    pub passed: Vec<Passed>,
}

/// Correlates items. The order of `items` does not matter; an observable that more than `common_items`
/// items share is reported in [`Correlation::passed`] and connects nothing.
///
/// ```
/// use noroshi_insight::correlate::{COMMON_ITEMS_DEFAULT, Item, ItemId, ItemKind, correlate};
/// let item = |id: &str, seen: &str| Item {
///     id: ItemId::new(id), kind: ItemKind::Report, organisation: None, sector: None, time: None,
///     observables: [seen.parse().unwrap()].into(),
/// };
/// let items = [item("a", "203.0.113.9"), item("b", "203.0.113.9"), item("c", "198.51.100.1")];
/// let answer = correlate(&items, COMMON_ITEMS_DEFAULT);
/// assert_eq!(answer.groups.len(), 1);
/// assert_eq!(answer.groups[0].links[0].reason.observable().to_string(), "203.0.113.9");
/// ```
pub fn correlate(items: &[Item], common_items: usize) -> Correlation {
    correlated(items, common_items, None)
}

/// What is known of more items than are at hand: [`correlate_among`] then says of the few what [`correlate`] would say
/// of them among all.
#[derive(Debug, Clone, Copy)]
pub struct Among<'v> {
    /// The names of all.
    pub view: &'v View<'v>,
    /// The neighbourhoods to be mentioned; all their items are at hand.
    pub near: &'v BTreeSet<Observable>,
}

/// Correlates the items at hand as a part of all. They must be closed under [`View::linked`]: of a name that links,
/// every item. [`Correlation::passed`] holds only what items at hand show, counted among them.
pub fn correlate_among(items: &[Item], common_items: usize, among: Among<'_>) -> Correlation {
    correlated(items, common_items, Some(among))
}

fn correlated(items: &[Item], common_items: usize, among: Option<Among<'_>>) -> Correlation {
    let postings = Postings::of(items);
    let mut links = Vec::new();
    let mut passed = Vec::new();
    for (observable, posting) in &postings.lists {
        let common =
            among.map_or((false, false), |among| among.view.is_common(observable, common_items));
        posting.links(observable, common_items, common, (&mut links, &mut passed));
    }
    let mut near = near(&postings, common_items);
    if let Some(among) = among {
        near.retain(|link| among.near.contains(link.reason.observable()));
    }
    Correlation { groups: groups(&postings.ids, links), near, passed }
}

/// The number of an observable in the lists; two may share one by chance, in 63 bits hardly ever.
pub(crate) fn hashed(observable: &Observable) -> u64 {
    let mut hasher = DefaultHasher::new();
    observable.hash(&mut hasher);
    hasher.finish()
}

/// The items that name one observable, and those that name something inside it.
#[derive(Default)]
struct Posting<'a> {
    direct: Vec<usize>,
    inner: Vec<(&'a Observable, usize)>,
}

struct Postings<'a> {
    /// Distinct names in order; everything else counts in places of this list.
    ids: Vec<&'a ItemId>,
    lists: BTreeMap<Observable, Posting<'a>>,
}

impl<'a> Postings<'a> {
    fn of(items: &'a [Item]) -> Self {
        let ids: Vec<&ItemId> =
            items.iter().map(|item| &item.id).collect::<BTreeSet<_>>().into_iter().collect();
        let mut named: Vec<(&Observable, usize)> = items
            .iter()
            .filter_map(|item| ids.binary_search(&&item.id).ok().map(|place| (item, place)))
            .flat_map(|(item, place)| item.observables.iter().map(move |seen| (seen, place)))
            .collect();
        named.sort_unstable();
        named.dedup();
        let mut lists: BTreeMap<Observable, Posting<'a>> = BTreeMap::new();
        for (observable, place) in &named {
            lists.entry((*observable).clone()).or_default().direct.push(*place);
            // A host is worth a list even if nobody names it by itself.
            if let Observable::Url(url) = observable
                && let Some(host) = url.host()
            {
                lists.entry(host).or_default();
            }
        }
        let prefixes = Prefixes::of(lists.keys());
        for (observable, place) in named.into_iter().filter(|(seen, _)| !is_local(seen)) {
            for outer in prefixes.outside(observable) {
                if let Some(posting) = lists.get_mut(&outer) {
                    posting.inner.push((observable, place));
                }
            }
        }
        Self { ids, lists }
    }
}

impl Posting<'_> {
    fn links(
        &self,
        observable: &Observable,
        common_items: usize,
        (is_direct_common, is_common): (bool, bool),
        (links, passed): (&mut Vec<(Strength, Reason, Vec<usize>)>, &mut Vec<Passed>),
    ) {
        let all: BTreeSet<usize> =
            self.direct.iter().copied().chain(self.inner.iter().map(|(_, place)| *place)).collect();
        let pass = |why, items| Passed { observable: observable.clone(), why, items };
        if all.len() < 2 {
            return;
        }
        if is_local(observable) {
            passed.push(pass(Common::Local, all.len()));
            return;
        }
        let is_frequent = is_common || all.len() > common_items;
        if is_frequent {
            passed.push(pass(Common::Frequent, all.len()));
        }
        if !is_direct_common && (2..=common_items).contains(&self.direct.len()) {
            let reason = Reason::Same { observable: observable.clone() };
            links.push((strength(observable), reason, self.direct.clone()));
        }
        let inner: BTreeSet<&Observable> = self.inner.iter().map(|(inner, _)| *inner).collect();
        // One inner observable that nobody's outer one meets says no more than itself.
        let related = inner.len() + usize::from(!self.direct.is_empty()) >= 2;
        if related && !is_frequent {
            let inner = inner.into_iter().cloned().collect();
            let reason = Reason::Inside { observable: observable.clone(), inner };
            links.push((Strength::Weak, reason, all.into_iter().collect()));
        }
    }
}

/// Naming the same wide network says little.
const fn strength(observable: &Observable) -> Strength {
    let strong = match observable {
        Observable::Ipv4(net) => net.prefix_len() >= STRONG_PREFIX_MIN.0,
        Observable::Ipv6(net) => net.prefix_len() >= STRONG_PREFIX_MIN.1,
        Observable::Domain(_) | Observable::Url(_) | Observable::FileHash(_) => true,
    };
    if strong { Strength::Strong } else { Strength::Weak }
}

/// Addresses that mean another machine in every network, and locators on them. The documentation ranges
/// are not among them.
pub(crate) fn is_local(observable: &Observable) -> bool {
    match observable {
        Observable::Ipv4(net) => {
            let address = net.addr();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || (address.is_unspecified() && net.prefix_len() == 32)
        }
        Observable::Ipv6(net) => {
            let address = net.addr();
            address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
                || (address.is_unspecified() && net.prefix_len() == 128)
        }
        Observable::Url(url) => url.host().as_ref().is_some_and(is_local),
        Observable::Domain(_) | Observable::FileHash(_) => false,
    }
}

/// The lengths of the networks that are named: only those can contain anything.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    pub(crate) v4: BTreeSet<u8>,
    pub(crate) v6: BTreeSet<u8>,
}

impl Prefixes {
    fn of<'a>(observables: impl Iterator<Item = &'a Observable>) -> Self {
        let mut prefixes = Self::default();
        observables.for_each(|observable| prefixes.note(observable));
        prefixes
    }

    fn note(&mut self, observable: &Observable) {
        match observable {
            Observable::Ipv4(net) => {
                self.v4.insert(net.prefix_len());
            }
            Observable::Ipv6(net) => {
                self.v6.insert(net.prefix_len());
            }
            Observable::Domain(_) | Observable::Url(_) | Observable::FileHash(_) => {}
        }
    }

    /// What might contain the observable, without itself; a locator lies on its host.
    pub(crate) fn outside(&self, observable: &Observable) -> Vec<Observable> {
        match observable {
            Observable::Ipv4(net) => self
                .v4
                .range(..net.prefix_len())
                .filter_map(|prefix| ipv4_network(net.addr(), *prefix))
                .collect(),
            Observable::Ipv6(net) => self
                .v6
                .range(..net.prefix_len())
                .filter_map(|prefix| ipv6_network(net.addr(), *prefix))
                .collect(),
            Observable::Domain(name) => name.parents().map(Observable::Domain).collect(),
            Observable::Url(url) => url.host().map_or_else(Vec::new, |host| {
                let mut outside = self.outside(&host);
                outside.push(host);
                outside
            }),
            Observable::FileHash(_) => Vec::new(),
        }
    }
}

pub(crate) fn ipv4_network(address: core::net::Ipv4Addr, prefix: u8) -> Option<Observable> {
    ipnet::Ipv4Net::new(address, prefix).ok().map(Observable::from)
}

/// Not through `From`, which would turn a mapped network into an IPv4 one.
pub(crate) fn ipv6_network(address: core::net::Ipv6Addr, prefix: u8) -> Option<Observable> {
    ipnet::Ipv6Net::new(address, prefix).ok().map(|net| Observable::Ipv6(net.trunc()))
}

/// Joins items through links.
fn groups(ids: &[&ItemId], links: Vec<(Strength, Reason, Vec<usize>)>) -> Vec<Group> {
    let mut joined = Joined::new(ids.len());
    for (_, _, items) in &links {
        if let Some((first, rest)) = items.split_first() {
            for other in rest {
                joined.join(*first, *other);
            }
        }
    }
    let mut found: BTreeMap<usize, Group> = BTreeMap::new();
    for (place, id) in ids.iter().enumerate() {
        let root = joined.root(place);
        let empty = || Group { key: (*id).clone(), members: Vec::new(), links: Vec::new() };
        found.entry(root).or_insert_with(empty).members.push((*id).clone());
    }
    for (strength, reason, items) in links {
        let Some(first) = items.first() else { continue };
        if let Some(group) = found.get_mut(&joined.root(*first)) {
            group.links.push(Link { strength, reason, items: names(ids, &items) });
        }
    }
    let mut groups: Vec<Group> =
        found.into_values().filter(|group| group.members.len() > 1).collect();
    for group in &mut groups {
        group.links.sort_by(|a, b| b.strength.cmp(&a.strength).then_with(|| a.cmp(b)));
    }
    groups
}

fn names(ids: &[&ItemId], places: &[usize]) -> Vec<ItemId> {
    places.iter().filter_map(|place| ids.get(*place)).map(|id| (*id).clone()).collect()
}

/// Sets that are joined; the root of a set is its smallest member.
struct Joined(Vec<usize>);

impl Joined {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, place: usize) -> usize {
        let mut place = place;
        while let Some(parent) = self.0.get(place).copied().filter(|parent| *parent != place) {
            // Halving the path keeps later walks short.
            let above = self.0.get(parent).copied().unwrap_or(parent);
            if let Some(entry) = self.0.get_mut(place) {
                *entry = above;
            }
            place = above;
        }
        place
    }

    fn join(&mut self, left: usize, right: usize) {
        let (left, right) = (self.root(left), self.root(right));
        if let Some(entry) = self.0.get_mut(left.max(right)) {
            *entry = left.min(right);
        }
    }
}

/// Single addresses of one neighbourhood, named by different items.
fn near(postings: &Postings<'_>, common_items: usize) -> Vec<Link> {
    let mut around: BTreeMap<Observable, (Vec<Observable>, BTreeSet<usize>)> = BTreeMap::new();
    for (observable, posting) in &postings.lists {
        let network = match observable {
            _ if !observable.is_single() || is_local(observable) => None,
            Observable::Ipv4(net) => ipv4_network(net.addr(), NEAR_PREFIX.0),
            Observable::Ipv6(net) => ipv6_network(net.addr(), NEAR_PREFIX.1),
            Observable::Domain(_) | Observable::Url(_) | Observable::FileHash(_) => None,
        };
        if let Some(network) = network
            && !posting.direct.is_empty()
        {
            let (inner, items) = around.entry(network).or_default();
            inner.push(observable.clone());
            items.extend(&posting.direct);
        }
    }
    around
        .into_iter()
        .filter(|(network, (inner, items))| {
            let named = postings.lists.contains_key(network);
            !named && inner.len() > 1 && (2..=common_items).contains(&items.len())
        })
        .map(|(observable, (inner, items))| {
            let places: Vec<usize> = items.into_iter().collect();
            let reason = Reason::Near { observable, inner };
            Link { strength: Strength::Weak, reason, items: names(&postings.ids, &places) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postings::Postings as Names;
    use proptest::prelude::*;

    fn item(id: &str, seen: &[&str]) -> Item {
        Item {
            id: ItemId::new(id),
            kind: ItemKind::Report,
            organisation: None,
            sector: None,
            time: None,
            observables: seen.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    fn picture(answer: &Correlation) -> String {
        let mut lines = Vec::new();
        let items = |link: &Link| {
            link.items.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>().join(" ")
        };
        for group in &answer.groups {
            lines.push(format!("group {}", group.key.as_str()));
            for link in &group.links {
                let kind = match (&link.reason, link.strength) {
                    (Reason::Same { .. }, Strength::Strong) => "same",
                    (Reason::Same { .. }, Strength::Weak) => "same, weak",
                    _ => "inside",
                };
                lines.push(format!("  {kind} {}: {}", link.reason.observable(), items(link)));
            }
        }
        lines.extend(
            answer.near.iter().map(|l| format!("near {}: {}", l.reason.observable(), items(l))),
        );
        lines.extend(
            answer
                .passed
                .iter()
                .map(|p| format!("passed {:?} {}: {}", p.why, p.observable, p.items)),
        );
        lines.join("\n")
    }

    #[test]
    fn every_kind_of_link_carries_its_reason() {
        let items = [
            item("power", &["203.0.113.9", "c2.evil.example", "192.168.0.1"]),
            item("water", &["203.0.113.9", "192.168.0.1"]),
            item("bank", &["http://c2.evil.example/gate", "198.51.100.7"]),
            item("ally", &["evil.example"]),
            item("port", &["198.51.100.8"]),
            item("rail", &["2001:db8:1::/48"]),
            item("post", &["2001:db8:1:2::9"]),
            item("wide", &["10.0.0.0/8"]),
            item("home", &["10.1.2.3"]),
            item("alone", &["quiet.example"]),
        ];
        assert_eq!(
            picture(&correlate(&items, COMMON_ITEMS_DEFAULT)),
            "group ally\n  \
               same 203.0.113.9: power water\n  \
               inside c2.evil.example: bank power\n  \
               inside evil.example: ally bank power\n\
             group post\n  \
               inside 2001:db8:1::/48: post rail\n\
             near 198.51.100.0/24: bank port\n\
             passed Local 192.168.0.1: 2"
        );
    }

    #[test]
    fn what_everybody_names_connects_nothing_and_is_said() {
        let items: Vec<Item> =
            (0..5).map(|n| item(&format!("i{n}"), &["resolver.example"])).collect();
        assert_eq!(picture(&correlate(&items, 4)), "passed Frequent resolver.example: 5");
        let near: Vec<Item> =
            (0..5).map(|n| item(&format!("i{n}"), &[&format!("203.0.113.{n}")])).collect();
        assert_eq!(picture(&correlate(&near, 4)), "");
        let world = [item("all", &["0.0.0.0/0"])].into_iter().chain(near).collect::<Vec<_>>();
        assert_eq!(picture(&correlate(&world, 4)), "passed Frequent 0.0.0.0/0: 6");
    }

    #[test]
    fn a_wide_network_named_twice_is_a_weak_reason() {
        let items = [item("a", &["203.0.0.0/16"]), item("b", &["203.0.0.0/16"])];
        assert_eq!(picture(&correlate(&items, 9)), "group a\n  same, weak 203.0.0.0/16: a b");
        assert_eq!(picture(&correlate(&[item("a", &["x.example"])], 9)), "");
        let twice = [item("a", &["x.example"]), item("a", &["x.example"])];
        assert_eq!(picture(&correlate(&twice, 9)), "", "one item cannot meet itself");
    }

    #[test]
    fn many_names_take_no_square() {
        let items: Vec<Item> = (0..20_000_u32)
            .map(|n| {
                let host = format!("h{}.evil.example", n / 2);
                item(&format!("{n:08}"), &[&host, "everywhere.example"])
            })
            .collect();
        let answer = correlate(&items, 100);
        assert_eq!((answer.groups.len(), answer.passed.len()), (10_000, 1));
    }

    /// The plain meaning, pair by pair.
    fn naive_groups(items: &[Item]) -> Vec<Vec<ItemId>> {
        let host = |seen: &Observable| match seen {
            Observable::Url(url) => url.host(),
            _ => None,
        };
        let related = |a: &Observable, b: &Observable| {
            let pairs = [
                (Some(a.clone()), Some(b.clone())),
                (host(a), Some(b.clone())),
                (Some(a.clone()), host(b)),
                (host(a), host(b)),
            ];
            pairs.iter().any(|pair| match pair {
                (Some(a), Some(b)) => {
                    (a.contains(b) || b.contains(a)) && !is_local(a) && !is_local(b)
                }
                _ => false,
            })
        };
        let share = |a: &Item, b: &Item| {
            a.id == b.id
                || a.observables.iter().any(|x| b.observables.iter().any(|y| related(x, y)))
        };
        let mut groups: Vec<BTreeSet<ItemId>> = Vec::new();
        for item in items {
            let met = |group: &BTreeSet<ItemId>| {
                items.iter().any(|other| group.contains(&other.id) && share(item, other))
            };
            let (touched, mut rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(met);
            let mut merged: BTreeSet<ItemId> = touched.into_iter().flatten().collect();
            merged.insert(item.id.clone());
            rest.push(merged);
            groups = rest;
        }
        let mut groups: Vec<Vec<ItemId>> = groups
            .into_iter()
            .filter(|group| group.len() > 1)
            .map(|group| group.into_iter().collect())
            .collect();
        groups.sort();
        groups
    }

    /// Items of one name are one item; where items are numbers, they are one already.
    fn distinct(items: Vec<Item>) -> Vec<Item> {
        let mut whole: BTreeMap<ItemId, Item> = BTreeMap::new();
        for item in items {
            match whole.get_mut(&item.id) {
                Some(held) => held.observables.extend(item.observables),
                None => {
                    whole.insert(item.id.clone(), item);
                }
            }
        }
        whole.into_values().collect()
    }

    fn at(items: &[Item], places: impl IntoIterator<Item = u32>) -> Vec<Item> {
        places.into_iter().map(|place| items[place as usize].clone()).collect()
    }

    /// The answer out of the items that a walk through the postings chooses.
    fn chosen(items: &[Item], view: &View<'_>, limit: usize) -> Correlation {
        let met = view.meetings(limit);
        let near: BTreeSet<Observable> = met.near.iter().map(|one| one.network.clone()).collect();
        let mut places: BTreeSet<u32> = met.items.iter().copied().collect();
        places.extend(near.iter().flat_map(|network| view.neighbours(network)));
        let mut answer = correlate_among(&at(items, places), limit, Among { view, near: &near });
        let spell = |one| view.spelled(one, &items[one.item as usize].observables).unwrap();
        answer.passed = met.passing.iter().map(spell).collect();
        answer.passed.sort_by(|a, b| a.observable.cmp(&b.observable));
        answer
    }

    /// The items that one item leads to, touching nothing but its own postings.
    fn around(items: &[Item], view: &View<'_>, limit: usize, key: &ItemId) -> Vec<Item> {
        let start = items.iter().position(|item| item.id == *key).unwrap();
        let mut found = BTreeSet::new();
        let mut next = vec![u32::try_from(start).unwrap()];
        while let Some(place) = next.pop() {
            if found.insert(place) {
                for seen in &items[place as usize].observables {
                    next.extend(view.linked(seen, limit));
                    let outside = view.outside(seen);
                    next.extend(outside.iter().flat_map(|outer| view.linked(outer, limit)));
                }
            }
        }
        at(items, found)
    }

    fn any_item() -> impl Strategy<Value = Item> {
        let seen = prop_oneof![
            (0_u8..3, 0_u8..6).prop_map(|(c, d)| format!("203.0.{c}.{d}")),
            (0_u8..3, 20_u8..31).prop_map(|(c, prefix)| format!("203.0.{c}.0/{prefix}")),
            (0_u8..4).prop_map(|d| format!("10.0.0.{d}")),
            (0_u8..3, 0_u8..3).prop_map(|(c, d)| format!("2001:db8:{c}::{d}")),
            (0_u8..3, 40_u8..56).prop_map(|(c, prefix)| format!("2001:db8:{c}::/{prefix}")),
            "([ab]\\.){0,2}[xyz]\\.example",
            "http://([ab]\\.){0,1}[xyz]\\.example/[pq]",
            "http://(203\\.0\\.[0-2]|10\\.0\\.0)\\.[0-5]/",
            Just("0.0.0.0/0".to_owned()),
            Just("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
        ];
        (0_u8..12, prop::collection::vec(seen, 0..4)).prop_map(|(id, seen)| {
            let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
            item(&format!("i{id:02}"), &seen)
        })
    }

    proptest! {
        #[test]
        fn groups_are_those_of_the_plain_meaning(items in prop::collection::vec(any_item(), 0..10)) {
            let answer = correlate(&items, usize::MAX);
            let found: Vec<Vec<ItemId>> =
                answer.groups.iter().map(|group| group.members.clone()).collect();
            prop_assert_eq!(found, naive_groups(&items));
            for group in &answer.groups {
                prop_assert_eq!(Some(&group.key), group.members.first());
                prop_assert!(!group.links.is_empty());
                for link in &group.links {
                    prop_assert!(link.items.len() > 1);
                    prop_assert!(link.items.iter().all(|id| group.members.contains(id)));
                }
            }
        }

        #[test]
        fn the_order_of_items_does_not_matter(
            items in prop::collection::vec(any_item(), 0..10).prop_shuffle(), limit in 1_usize..5,
        ) {
            let mut sorted = items.clone();
            sorted.sort_by(|a, b| (&a.id, &a.observables).cmp(&(&b.id, &b.observables)));
            prop_assert_eq!(correlate(&items, limit), correlate(&sorted, limit));
        }

        /// What the postings choose gives the answer that all give (P-7): groups, neighbours, what is passed.
        #[test]
        fn p7_only_who_meets_somebody_matters(
            items in prop::collection::vec(any_item(), 0..14), limit in 1_usize..5, gone in 0_usize..20,
            settled in 0_usize..14,
        ) {
            let items = distinct(items);
            let (mut early, mut late) = (Names::default(), Names::default());
            for (place, item) in items.iter().enumerate() {
                let names: Vec<Observable> = item.observables.iter().cloned().collect();
                let place_in_order = u32::try_from(place).unwrap();
                if place % 3 == 0 { &mut late } else { &mut early }.append(place_in_order, &names);
                if place == settled {
                    early.settle();
                }
            }
            early.settle();
            late.settle();
            for part in [&mut early, &mut late] {
                part.forget(u32::try_from(gone).unwrap());
            }
            let mut all = items.clone();
            if gone < all.len() {
                all.remove(gone);
            }
            let view = View::new(&[&early, &late], BTreeMap::new());
            prop_assert_eq!(early.items() + late.items(), all.iter().filter(|one| !one.observables.is_empty()).count());
            prop_assert_eq!(chosen(&items, &view, limit), correlate(&all, limit));
            for group in correlate(&all, limit).groups {
                let few = around(&items, &view, limit, &group.key);
                let near = BTreeSet::new();
                let answer = correlate_among(&few, limit, Among { view: &view, near: &near });
                prop_assert_eq!(answer.groups.into_iter().find(|one| one.key == group.key), Some(group));
            }
        }
    }
}
