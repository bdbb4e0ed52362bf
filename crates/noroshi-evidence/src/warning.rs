//! Warning lists: values that are probably no indicators, because half the country uses them.
//!
//! Public resolvers, the busiest names, ranges of large providers, hashes of empty files: an indicator that names one of
//! these is doubtful, and [`Matcher`] says which list says so and by which entry. It decides nothing.
//!
//! Half a million entries are held as sorted tables over one text, and a question costs a handful of binary searches:
//! one for the value, one for each name above a name, one for each prefix length in use.

use core::net::IpAddr;
use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use ipnet::IpNet;
use regex::{Regex, RegexBuilder};

use crate::observable::{Observable, Url};

/// Most entries of all lists together.
pub const ENTRIES_MAX: usize = 4_000_000;
/// Longest entry, in bytes.
pub const ENTRY_BYTES_MAX: usize = 2048;
/// Most lists.
pub const LISTS_MAX: usize = 4096;
/// Most regular expressions of all lists together: each is tried on each value.
pub const EXPRESSIONS_MAX: usize = 1_000;
/// Size a compiled expression may reach, in bytes.
const EXPRESSION_SIZE_MAX: usize = 256 * 1024;

/// How the entries of a list are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The whole value.
    Text,
    /// The name, everything below it, and locators that lead there.
    Hostname,
    /// Addresses inside of the network; networks that meet it.
    Network,
    /// Values that contain it.
    Substring,
    /// Values that the expression matches.
    Expression,
}

impl Kind {
    /// The word of the published lists.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Hostname => "hostname",
            Self::Network => "cidr",
            Self::Substring => "substring",
            Self::Expression => "regex",
        }
    }

    /// Reads [`Kind::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Text, Self::Hostname, Self::Network, Self::Substring, Self::Expression]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// To which observables a list speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Speaks(u8);

impl Speaks {
    /// To addresses and networks.
    pub const ADDRESSES: Self = Self(1);
    /// To names.
    pub const NAMES: Self = Self(2);
    /// To locators.
    pub const LOCATORS: Self = Self(4);
    /// To hashes of files.
    pub const HASHES: Self = Self(8);
    /// To all of them.
    pub const ALL: Self = Self(15);

    /// To these and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// As a number: addresses 1, names 2, locators 4, hashes 8.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Reads [`Speaks::bits`].
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits <= Self::ALL.0).then_some(Self(bits))
    }

    /// To nothing the house knows (telephone numbers, mail addresses).
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn covers(self, observable: &Observable) -> bool {
        let bit = match observable {
            Observable::Ipv4(_) | Observable::Ipv6(_) => Self::ADDRESSES,
            Observable::Domain(_) => Self::NAMES,
            Observable::Url(_) => Self::LOCATORS,
            Observable::FileHash(_) => Self::HASHES,
        };
        self.0 & bit.0 != 0
    }
}

/// A warning list as published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Its name, which is also its identity.
    pub name: String,
    /// Its version; a higher one replaces a lower one.
    pub version: u64,
    /// What being on it means.
    pub description: String,
    /// How its entries are compared.
    pub kind: Kind,
    /// To what it speaks.
    pub speaks: Speaks,
    /// Its entries.
    pub entries: Vec<String>,
}

/// Why an entry of a list is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unused {
    /// Empty, or longer than [`ENTRY_BYTES_MAX`].
    #[error("an entry is empty or longer than {ENTRY_BYTES_MAX} bytes")]
    Length,
    /// An entry of a list of networks is none.
    #[error("an entry is no network")]
    Network,
    /// An expression is not understood or too large.
    #[error("an expression is not understood or too large")]
    Expression,
    /// More than [`ENTRIES_MAX`], [`EXPRESSIONS_MAX`] or [`LISTS_MAX`].
    #[error("there are too many entries")]
    TooMany,
}

impl Unused {
    /// The stable code shown to a user.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Length => "NRS-EVID-0310",
            Self::Network => "NRS-EVID-0311",
            Self::Expression => "NRS-EVID-0312",
            Self::TooMany => "NRS-EVID-0313",
        }
    }
}

/// An entry that is not used, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The list.
    pub list: String,
    /// Which of its entries, from 0.
    pub entry: usize,
    /// Why.
    pub why: Unused,
}

/// What speaks against a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit<'a> {
    /// The list.
    pub list: &'a str,
    /// How it compares.
    pub kind: Kind,
    /// The entry that matched.
    pub entry: String,
}

/// Texts of one kind, sorted, all in one string.
#[derive(Default)]
struct Texts {
    whole: String,
    /// Where an entry begins, how long it is, and whose it is; sorted by text, then list.
    rows: Vec<(u32, u16, u16)>,
}

impl Texts {
    fn add(&mut self, text: &str, list: u16) -> bool {
        let (Ok(at), Ok(length)) = (u32::try_from(self.whole.len()), u16::try_from(text.len()))
        else {
            return false;
        };
        self.whole.push_str(text);
        self.rows.push((at, length, list));
        true
    }

    fn text(whole: &str, row: (u32, u16, u16)) -> &str {
        let start = row.0 as usize;
        whole.get(start..start + usize::from(row.1)).unwrap_or_default()
    }

    fn sort(&mut self) {
        let whole = &self.whole;
        self.rows.sort_unstable_by(|a, b| {
            Self::text(whole, *a).cmp(Self::text(whole, *b)).then(a.2.cmp(&b.2))
        });
        self.rows.dedup_by(|a, b| a.2 == b.2 && Self::text(whole, *a) == Self::text(whole, *b));
        self.rows.shrink_to_fit();
    }

    /// The lists that hold exactly this text.
    fn lists(&self, text: &str) -> impl Iterator<Item = u16> + '_ {
        let from = self.rows.partition_point(|row| Self::text(&self.whole, *row) < text);
        let text = text.to_owned();
        let rows = self.rows.get(from..).unwrap_or_default().iter();
        rows.take_while(move |row| Self::text(&self.whole, **row) == text).map(|row| row.2)
    }
}

/// All loaded lists, ready for questions.
pub struct Matcher {
    names: Vec<(String, Speaks)>,
    texts: Texts,
    hosts: Texts,
    /// Family, first address, prefix length, list; sorted.
    nets: Vec<(bool, u128, u8, u16)>,
    /// Family and prefix length in use.
    lengths: BTreeSet<(bool, u8)>,
    parts: Option<AhoCorasick>,
    part_rows: Vec<(String, u16)>,
    expressions: Vec<(Regex, String, u16)>,
}

impl Default for Matcher {
    fn default() -> Self {
        Self::build(&[]).0
    }
}

impl Matcher {
    /// Takes lists in; entries that cannot be used are named, the others count.
    ///
    /// ```
    /// use noroshi_evidence::warning::{Kind, List, Matcher, Speaks};
    /// let list = List { name: "resolvers".into(), version: 1, description: String::new(), kind: Kind::Network,
    ///     speaks: Speaks::ADDRESSES, entries: vec!["192.0.2.53".into(), "198.51.100.0/24".into()] };
    /// let (matcher, problems) = Matcher::build(&[list]);
    /// assert!(problems.is_empty());
    /// let hits = matcher.hits(&"198.51.100.7".parse()?);
    /// assert_eq!((hits[0].list, hits[0].entry.as_str()), ("resolvers", "198.51.100.0/24"));
    /// # Ok::<(), noroshi_evidence::observable::ParseObservable>(())
    /// ```
    pub fn build(lists: &[List]) -> (Self, Vec<Problem>) {
        let mut made = Self {
            names: Vec::new(),
            texts: Texts::default(),
            hosts: Texts::default(),
            nets: Vec::new(),
            lengths: BTreeSet::new(),
            parts: None,
            part_rows: Vec::new(),
            expressions: Vec::new(),
        };
        let (mut problems, mut total) = (Vec::new(), 0);
        for (number, list) in lists.iter().enumerate() {
            let index = u16::try_from(number).ok().filter(|_| number < LISTS_MAX);
            let mut blame = |entry, why| {
                problems.push(Problem { list: list.name.clone(), entry, why });
            };
            let Some(index) = index else {
                blame(0, Unused::TooMany);
                continue;
            };
            made.names.push((list.name.clone(), list.speaks));
            for (entry, text) in list.entries.iter().enumerate() {
                total += 1;
                let taken = if total > ENTRIES_MAX {
                    Err(Unused::TooMany)
                } else {
                    made.add(list, text, index)
                };
                if let Err(why) = taken {
                    blame(entry, why);
                }
            }
        }
        made.texts.sort();
        made.hosts.sort();
        made.nets.sort_unstable();
        made.nets.dedup();
        made.lengths = made.nets.iter().map(|net| (net.0, net.2)).collect();
        let parts = made.part_rows.iter().map(|(text, _)| text);
        made.parts = AhoCorasick::new(parts).ok().filter(|_| !made.part_rows.is_empty());
        (made, problems)
    }

    fn add(&mut self, list: &List, entry: &str, index: u16) -> Result<(), Unused> {
        let entry = entry.trim();
        if entry.is_empty() || entry.len() > ENTRY_BYTES_MAX {
            return Err(Unused::Length);
        }
        match list.kind {
            // `.name` in a list of whole values can only mean what lies below.
            Kind::Text if entry.starts_with('.') => {
                return added(self.hosts.add(&host_of_entry(entry), index));
            }
            Kind::Text => match Observable::parse(entry) {
                Ok(Observable::Ipv4(net)) => self.net(net.into(), index),
                Ok(Observable::Ipv6(net)) => self.net(net.into(), index),
                Ok(other) => return added(self.texts.add(&other.to_string(), index)),
                Err(_) => return added(self.texts.add(&entry.to_lowercase(), index)),
            },
            Kind::Hostname => return added(self.hosts.add(&host_of_entry(entry), index)),
            Kind::Network => {
                let address = || entry.parse::<IpAddr>().map(IpNet::from);
                let net = entry.parse().or_else(|_| address()).map_err(|_| Unused::Network)?;
                self.net(net, index);
            }
            Kind::Substring => self.part_rows.push((entry.to_lowercase(), index)),
            Kind::Expression => {
                if self.expressions.len() >= EXPRESSIONS_MAX {
                    return Err(Unused::TooMany);
                }
                let made = expression(entry).ok_or(Unused::Expression)?;
                self.expressions.push((made, entry.to_owned(), index));
            }
        }
        Ok(())
    }

    fn net(&mut self, net: IpNet, index: u16) {
        let net = match Observable::from(net) {
            Observable::Ipv4(net) => (false, u128::from(net.network().to_bits()), net.prefix_len()),
            Observable::Ipv6(net) => (true, net.network().to_bits(), net.prefix_len()),
            _ => return,
        };
        self.nets.push((net.0, net.1, net.2, index));
    }

    /// How many lists were taken in.
    pub fn lists(&self) -> usize {
        self.names.len()
    }

    /// How many entries are in use, after doubles.
    pub fn entries(&self) -> usize {
        self.texts.rows.len()
            + self.hosts.rows.len()
            + self.nets.len()
            + self.part_rows.len()
            + self.expressions.len()
    }

    /// What speaks against a value, by list; empty for what is on none.
    pub fn hits(&self, observable: &Observable) -> Vec<Hit<'_>> {
        let text = observable.to_string();
        let mut hits = BTreeSet::new();
        let mut hit = |list: u16, kind: Kind, entry: &str| {
            let named = self.names.get(usize::from(list));
            if let Some((list, _)) = named.filter(|(_, speaks)| speaks.covers(observable)) {
                hits.insert(Hit { list, kind, entry: entry.to_owned() });
            }
        };
        for list in self.texts.lists(&text) {
            hit(list, Kind::Text, &text);
        }
        match observable {
            Observable::Ipv4(net) => self.meets(&IpNet::from(*net), &mut hit),
            Observable::Ipv6(net) => self.meets(&IpNet::from(*net), &mut hit),
            Observable::Domain(name) => self.below(name.as_str(), &mut hit),
            Observable::Url(url) => self.leads_to(url, &mut hit),
            Observable::FileHash(_) => {}
        }
        if let Some(parts) = &self.parts {
            let lower = text.to_lowercase();
            for found in parts.try_find_overlapping_iter(&lower).into_iter().flatten() {
                if let Some((entry, list)) = self.part_rows.get(found.pattern().as_usize()) {
                    hit(*list, Kind::Substring, entry);
                }
            }
        }
        for (expression, entry, list) in &self.expressions {
            if expression.is_match(&text) {
                hit(*list, Kind::Expression, entry);
            }
        }
        hits.into_iter().collect()
    }

    /// The host of a locator: a name by the lists of names, an address by those of networks.
    fn leads_to(&self, url: &Url, hit: &mut impl FnMut(u16, Kind, &str)) {
        match url.host() {
            Some(Observable::Domain(name)) => self.below(name.as_str(), hit),
            Some(Observable::Ipv4(net)) => self.meets(&net.into(), hit),
            Some(Observable::Ipv6(net)) => self.meets(&net.into(), hit),
            _ => {}
        }
    }

    /// The name and every name above it.
    fn below(&self, name: &str, hit: &mut impl FnMut(u16, Kind, &str)) {
        let mut rest = Some(name);
        while let Some(name) = rest {
            for list in self.hosts.lists(name) {
                hit(list, Kind::Hostname, name);
            }
            rest = name.split_once('.').map(|(_, above)| above);
        }
    }

    /// Listed networks that hold `net`, and listed networks inside of it: a block of `net` would block those too.
    fn meets(&self, net: &IpNet, hit: &mut impl FnMut(u16, Kind, &str)) {
        let (v6, first, last, width) = match net {
            IpNet::V4(net) => {
                (false, net.network().to_bits().into(), net.broadcast().to_bits().into(), 32)
            }
            IpNet::V6(net) => (true, net.network().to_bits(), net.broadcast().to_bits(), 128),
        };
        let mut tell = |row: &(bool, u128, u8, u16)| {
            hit(row.3, Kind::Network, &shown(row.0, row.1, row.2));
        };
        for (_, length) in self.lengths.range((v6, 0)..=(v6, net.prefix_len())) {
            let low = u32::from(width - length);
            let start = first.checked_shr(low).and_then(|bits| bits.checked_shl(low)).unwrap_or(0);
            let from =
                self.nets.partition_point(|row| (row.0, row.1, row.2) < (v6, start, *length));
            let rows = self.nets.get(from..).unwrap_or_default().iter();
            rows.take_while(|row| (row.0, row.1, row.2) == (v6, start, *length))
                .for_each(&mut tell);
        }
        let from = self.nets.partition_point(|row| (row.0, row.1) < (v6, first));
        let rows = self.nets.get(from..).unwrap_or_default().iter();
        let inside = rows.take_while(|row| (row.0, row.1) <= (v6, last));
        // A wide network may hold thousands of listed ones; the first few are reason enough.
        inside.filter(|row| row.2 > net.prefix_len()).take(INSIDE_SHOWN_MAX).for_each(&mut tell);
    }
}

/// Listed networks inside of a wider one that are named.
const INSIDE_SHOWN_MAX: usize = 16;

const fn added(taken: bool) -> Result<(), Unused> {
    if taken { Ok(()) } else { Err(Unused::TooMany) }
}

/// `.name` and `*.name` mean the name and what lies below, as every entry of such a list does.
fn host_of_entry(entry: &str) -> String {
    let bare = entry.trim_start_matches("*.").trim_start_matches('.');
    match Observable::parse(bare) {
        Ok(Observable::Domain(name)) => name.to_string(),
        _ => bare.trim_end_matches('.').to_lowercase(),
    }
}

/// `/…/i` as the lists write it; `g` has no meaning for a question that is answered by yes or no.
fn expression(entry: &str) -> Option<Regex> {
    let (body, flags) = match entry.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
        Some((body, flags)) => (body, flags),
        None => (entry, ""),
    };
    let known = flags.chars().all(|flag| matches!(flag, 'i' | 'g' | 's' | 'm' | 'u'));
    // PHP allows any sign to be escaped; here only punctuation that has a meaning may be.
    let body = body.replace("\\@", "@").replace("\\/", "/");
    let mut builder = RegexBuilder::new(&body);
    builder
        .case_insensitive(flags.contains('i'))
        .dot_matches_new_line(flags.contains('s'))
        .multi_line(flags.contains('m'))
        .size_limit(EXPRESSION_SIZE_MAX);
    builder.build().ok().filter(|_| known)
}

fn shown(v6: bool, bits: u128, length: u8) -> String {
    let net = if v6 {
        IpNet::new(core::net::Ipv6Addr::from_bits(bits).into(), length)
    } else {
        let bits = u32::try_from(bits).unwrap_or(u32::MAX);
        IpNet::new(core::net::Ipv4Addr::from_bits(bits).into(), length)
    };
    net.map(|net| Observable::from(net).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(name: &str, kind: Kind, speaks: Speaks, entries: &[&str]) -> List {
        let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
        List { name: name.into(), version: 1, description: String::new(), kind, speaks, entries }
    }

    fn matcher() -> Matcher {
        let (matcher, problems) = Matcher::build(&[
            list(
                "exact",
                Kind::Text,
                Speaks::ALL,
                &["busy.example", "D41D8CD98F00B204E9800998ECF8427E"],
            ),
            list(
                "below",
                Kind::Hostname,
                Speaks::NAMES.and(Speaks::LOCATORS),
                &[".cdn.example", "test"],
            ),
            list(
                "nets",
                Kind::Network,
                Speaks::ADDRESSES,
                &["198.51.100.0/24", "192.0.2.53", "2001:db8::/32", "::/0"],
            ),
            list("parts", Kind::Substring, Speaks::NAMES, &["sandbox"]),
            list("odd", Kind::Expression, Speaks::NAMES, &["/^(soc|noc)[0-9]+\\..*$/i"]),
            list("phones", Kind::Text, Speaks::default(), &["busy.example"]),
        ]);
        assert_eq!(problems, []);
        matcher
    }

    fn check(value: &str, expected: &[(&str, &str)]) {
        let matcher = matcher();
        let hits = matcher.hits(&value.parse().unwrap());
        let found: Vec<(&str, &str)> =
            hits.iter().map(|hit| (hit.list, hit.entry.as_str())).collect();
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn each_kind_of_list_answers_in_its_own_way() {
        check("busy.example", &[("exact", "busy.example")]);
        check("www.busy.example", &[]);
        check("d41d8cd98f00b204e9800998ecf8427e", &[("exact", "d41d8cd98f00b204e9800998ecf8427e")]);
        check("cdn.example", &[("below", "cdn.example")]);
        check("a.b.cdn.example", &[("below", "cdn.example")]);
        check("notcdn.example", &[]);
        check("http://x.cdn.example/p", &[("below", "cdn.example")]);
        check("host.test", &[("below", "test")]);
        check("198.51.100.7", &[("nets", "198.51.100.0/24")]);
        check("198.51.101.7", &[]);
        check("2001:db8::5", &[("nets", "2001:db8::/32"), ("nets", "::/0")]);
        check("my-sandbox.example", &[("parts", "sandbox")]);
        check("SOC1.example", &[("odd", "/^(soc|noc)[0-9]+\\..*$/i")]);
        check("evil.example", &[]);
    }

    #[test]
    fn a_network_that_would_take_listed_addresses_along_is_told() {
        check("192.0.2.0/24", &[("nets", "192.0.2.53")]);
        check("198.51.0.0/16", &[("nets", "198.51.100.0/24")]);
        check("0.0.0.0/0", &[("nets", "192.0.2.53"), ("nets", "198.51.100.0/24")]);
    }

    #[test]
    fn bad_entries_cost_themselves_only() {
        let long = "a".repeat(ENTRY_BYTES_MAX + 1);
        let lists = [
            list("nets", Kind::Network, Speaks::ALL, &["300.1.1.1", "192.0.2.1"]),
            list("odd", Kind::Expression, Speaks::ALL, &["(", "/a/x", "(?:a{1000}){1000}"]),
            list("texts", Kind::Text, Speaks::ALL, &["", &long, "ok.example"]),
        ];
        let (matcher, problems) = Matcher::build(&lists);
        let codes: Vec<_> = problems.iter().map(|one| (one.entry, one.why.code())).collect();
        assert_eq!(
            codes,
            [
                (0, "NRS-EVID-0311"),
                (0, "NRS-EVID-0312"),
                (1, "NRS-EVID-0312"),
                (2, "NRS-EVID-0312"),
                (0, "NRS-EVID-0310"),
                (1, "NRS-EVID-0310"),
            ]
        );
        assert_eq!((matcher.lists(), matcher.entries()), (3, 2));
    }

    proptest! {
        #[test]
        fn networks_agree_with_plain_containment(nets in proptest::collection::vec((any::<u32>(), 0_u8..=32), 0..30), asked: u32, length in 0_u8..=32) {
            let text = |bits: u32, length: u8| {
                IpNet::new(core::net::Ipv4Addr::from_bits(bits).into(), length).unwrap().trunc()
            };
            let entries: Vec<String> = nets.iter().map(|(bits, length)| text(*bits, *length).to_string()).collect();
            let named: Vec<&str> = entries.iter().map(String::as_str).collect();
            let (matcher, _) = Matcher::build(&[list("n", Kind::Network, Speaks::ALL, &named)]);
            let asked = text(asked, length);
            let expected = nets.iter().map(|(bits, length)| text(*bits, *length))
                .any(|net| net.contains(&asked) || asked.contains(&net));
            prop_assert_eq!(!matcher.hits(&asked.into()).is_empty(), expected);
        }
    }
}
