//! What may never be blocked.
//!
//! # What it decides
//! Whether an address, a network or a name may be the target of a block at all, whoever approved it; and the one
//! canonical form of the target that everything after this works on.
//!
//! # Source
//! Safeguard Z-2 of the response pillar: default routes, special-use ranges (RFC 6890 and its registries), the protected
//! list of the deployment, the widest prefixes, names under which unrelated parties register, `go.jp` and `lg.jp`,
//! wildcards of the root, host bits, number forms that programs read in different ways, IPv4 inside IPv6.
//!
//! # Refuses when
//! Any of these applies; all reasons are given (`NRS-RESP-0101` to `NRS-RESP-0115`). A target on a warning list of values
//! that half the country uses is refused as well (`NRS-EVID-0315`), unless a person vouched for it with a recorded reason.
//!
//! # Example
//! ```
//! use noroshi_charter::guard::Guard;
//! let guard = Guard::default();
//! assert!(guard.check("10.1.2.3").is_err());
//! assert!(guard.check("*.co.jp").is_err());
//! // A suffix is one of labels, not of text.
//! assert_eq!(guard.check("EvilGo.jp.").unwrap().to_string(), "evilgo.jp");
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr as _;
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use noroshi_evidence::observable::{DomainName, Observable};
use serde::{Deserialize, Serialize};

use crate::finding::Finding;

const SUFFIXES: &str = include_str!("../rules/suffixes.txt");
/// Longest target looked at, in bytes.
pub const TARGET_BYTES_MAX: usize = 1024;
/// Most rules of a list of suffixes.
pub const SUFFIX_RULES_MAX: usize = 100_000;
/// What the findings rest on.
const CLAUSE: &str = "safeguard Z-2";

static BUILT_IN: LazyLock<Suffixes> = LazyLock::new(|| Suffixes::parse(SUFFIXES).0);

/// Ranges that are not the wide Internet (IANA special-purpose registries, RFC 6890), IPv4.
const SPECIAL_V4: &[(&str, u32, u8)] = &[
    ("this network", 0x0000_0000, 8),
    ("private use", 0x0A00_0000, 8),
    ("shared address space", 0x6440_0000, 10),
    ("loopback", 0x7F00_0000, 8),
    ("link local", 0xA9FE_0000, 16),
    ("private use", 0xAC10_0000, 12),
    ("protocol assignments", 0xC000_0000, 24),
    ("relay anycast", 0xC058_6300, 24),
    ("private use", 0xC0A8_0000, 16),
    ("benchmarking", 0xC612_0000, 15),
    ("multicast", 0xE000_0000, 4),
    ("reserved", 0xF000_0000, 4),
];
/// Documentation ranges, IPv4 (RFC 5737).
const DOCUMENTATION_V4: &[u32] = &[0xC000_0200, 0xC633_6400, 0xCB00_7100];
/// Ranges within `2000::/3` that are not ordinary addresses; everything outside `2000::/3` is refused besides.
const SPECIAL_V6: &[(&str, u128, u8)] = &[
    ("protocol assignments", 0x2001_0000 << 96, 23),
    ("6to4 carries IPv4", 0x2002_0000 << 96, 16),
];
/// Documentation ranges, IPv6 (RFC 3849, RFC 9637).
const DOCUMENTATION_V6: &[(u128, u8)] = &[(0x2001_0db8 << 96, 32), (0x3fff_0000 << 96, 20)];
/// IPv4 written as IPv6: compatible, mapped (RFC 4291 §2.5.5), NAT64 (RFC 6052, RFC 8215).
const CARRIES_V4: &[(u128, u8)] =
    &[(0, 96), (0xffff << 32, 96), (0x0064_ff9b << 96, 96), (0x0064_ff9b_0001 << 80, 48)];
/// Names that mean something to a response policy zone instead of naming a host.
const RPZ_LABELS: &[&str] = &[
    "rpz-ip",
    "rpz-client-ip",
    "rpz-nsip",
    "rpz-nsdname",
    "rpz-passthru",
    "rpz-drop",
    "rpz-tcp-only",
];

/// What may be protected and how wide a block may be. Unknown members are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Networks nothing may touch: neither inside them nor covering them.
    #[serde(with = "texts")]
    pub protected_prefixes: Vec<IpNet>,
    /// Names nothing may touch, with everything below them.
    pub protected_domains: BTreeSet<String>,
    /// Shortest prefix of an IPv4 target.
    pub max_prefix_v4: u8,
    /// Shortest prefix of an IPv6 target.
    pub max_prefix_v6: u8,
    /// Whether documentation ranges may be targets: for exercises, demonstrations and tests.
    pub allow_documentation_space: bool,
    /// More suffixes than the built-in ones.
    #[serde(skip)]
    pub suffixes: Suffixes,
}

/// Networks as their texts.
mod texts {
    use ipnet::IpNet;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(nets: &[IpNet], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(nets.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            protected_prefixes: Vec::new(),
            protected_domains: ["go.jp", "lg.jp"].map(str::to_owned).into(),
            max_prefix_v4: 24,
            max_prefix_v6: 48,
            allow_documentation_space: false,
            suffixes: Suffixes::default(),
        }
    }
}

/// A target in its one form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A network without host bits; a single address is a /32 or /128.
    Network(IpNet),
    /// A name; a block covers the name and everything below it.
    Domain(DomainName),
}

impl Target {
    /// The same as an observable.
    pub fn observable(&self) -> Observable {
        match self {
            Self::Network(net) => Observable::from(*net),
            Self::Domain(name) => Observable::from(name.clone()),
        }
    }
}

impl fmt::Display for Target {
    /// `203.0.113.7` for one address, `203.0.113.0/24`, `c2.example`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(net) if net.prefix_len() == net.max_prefix_len() => {
                write!(f, "{}", net.addr())
            }
            Self::Network(net) => write!(f, "{net}"),
            Self::Domain(name) => write!(f, "{name}"),
        }
    }
}

fn refuses(code: &'static str, message: String) -> Finding {
    Finding::refuses(code, CLAUSE, "", message)
}

impl Guard {
    /// Judges a target as text: networks and names are told apart by their form.
    pub fn check(&self, text: &str) -> Result<Target, Vec<Finding>> {
        let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/'));
        if text.contains(':') || text.contains('/') || numeric {
            self.check_network(text).map(Target::Network)
        } else {
            self.check_domain(text).map(Target::Domain)
        }
    }

    /// Judges an address or network.
    pub fn check_network(&self, text: &str) -> Result<IpNet, Vec<Finding>> {
        if text.len() > TARGET_BYTES_MAX {
            return Err(vec![too_long()]);
        }
        let Some(net) = strict_network(text) else {
            let shown = shown(text);
            let message = format!("`{shown}` is not an address or network in its ordinary form");
            return Err(vec![refuses("NRS-RESP-0102", message)]);
        };
        self.judge_network(net)
    }

    /// Judges a network already read; the actuator does this again before it applies anything.
    pub fn judge_network(&self, net: IpNet) -> Result<IpNet, Vec<Finding>> {
        let mut findings = Vec::new();
        if net.prefix_len() == 0 {
            findings.push(refuses("NRS-RESP-0103", format!("`{net}` is a default route")));
        }
        if net.addr() != net.network() {
            findings.push(refuses("NRS-RESP-0104", format!("`{net}` has bits beside its prefix")));
        }
        let widest = match net {
            IpNet::V4(_) => self.max_prefix_v4,
            IpNet::V6(_) => self.max_prefix_v6,
        };
        if net.prefix_len() < widest {
            findings.push(refuses("NRS-RESP-0105", format!("`{net}` is wider than /{widest}")));
        }
        findings.extend(self.special_use(net));
        for protected in &self.protected_prefixes {
            if overlap(protected, &net) {
                let message = format!("`{net}` meets the protected network `{protected}`");
                findings.push(refuses("NRS-RESP-0107", message));
            }
        }
        if findings.is_empty() { Ok(net) } else { Err(findings) }
    }

    fn special_use(&self, net: IpNet) -> Vec<Finding> {
        let mut names: Vec<&str> = match net {
            IpNet::V4(net) => special_v4(net),
            IpNet::V6(net) => special_v6(net),
        };
        if !self.allow_documentation_space && is_documentation(net) {
            names.push("documentation");
        }
        let mut findings: Vec<Finding> = names
            .into_iter()
            .map(|name| refuses("NRS-RESP-0106", format!("`{net}` is for special use: {name}")))
            .collect();
        if let IpNet::V6(v6) = net
            && CARRIES_V4.iter().any(|(bits, length)| overlap_v6(*bits, *length, v6))
        {
            let message = format!("`{net}` is an IPv4 address in the form of IPv6");
            findings.push(refuses("NRS-RESP-0108", message));
        }
        findings
    }

    /// Judges a name; `*.name` is the same target as `name`, because a block always covers what lies below.
    pub fn check_domain(&self, text: &str) -> Result<DomainName, Vec<Finding>> {
        if text.len() > TARGET_BYTES_MAX {
            return Err(vec![too_long()]);
        }
        // The reader of names forgives what people paste; a target of a block is not something to guess.
        let odd = |c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, '[' | ']' | '/' | ':' | '@')
        };
        if text.is_empty() || text.contains(odd) {
            let shown = shown(text);
            return Err(vec![refuses("NRS-RESP-0109", format!("`{shown}` is not a name"))]);
        }
        let bare = text.strip_prefix("*.").unwrap_or(text);
        if matches!(text, "." | "*" | "*.") || bare.contains('*') {
            let shown = shown(text);
            return Err(vec![refuses(
                "NRS-RESP-0110",
                format!("`{shown}` covers the root or more"),
            )]);
        }
        let label = bare.strip_suffix('.').unwrap_or(bare);
        if RPZ_LABELS.contains(&label.to_ascii_lowercase().as_str()) {
            return Err(vec![reserved(label)]);
        }
        if !label.contains(['.', '。', '．', '｡']) {
            let shown = shown(text);
            return Err(vec![refuses("NRS-RESP-0111", format!("`{shown}` is a single label"))]);
        }
        let Ok(name) = DomainName::parse(bare) else {
            let shown = shown(text);
            return Err(vec![refuses("NRS-RESP-0109", format!("`{shown}` is not a name"))]);
        };
        self.judge_domain(name)
    }

    /// Judges a name already read; the actuator does this again before it applies anything.
    pub fn judge_domain(&self, name: DomainName) -> Result<DomainName, Vec<Finding>> {
        let mut findings = Vec::new();
        if let Some(label) = name.labels().find(|label| RPZ_LABELS.contains(label)) {
            findings.push(reserved(label));
        }
        if BUILT_IN.covers(&name) || self.suffixes.covers(&name) {
            let message = format!("unrelated parties register below `{name}`");
            findings.push(refuses("NRS-RESP-0112", message));
        }
        for protected in &self.protected_domains {
            // A target that lies above a protected name would block it as well.
            let below = is_within(name.as_str(), protected);
            if below || is_within(protected, name.as_str()) {
                let message = format!("`{name}` meets the protected name `{protected}`");
                findings.push(refuses("NRS-RESP-0113", message));
            }
        }
        if findings.is_empty() { Ok(name) } else { Err(findings) }
    }
}

/// Judges a target by the warning lists that hold it (`lists`, their names). One that is on a list is blocked only when a
/// person vouched for exactly it; the lists themselves are asked by whoever holds them.
///
/// ```
/// use noroshi_charter::guard::{Guard, doubt};
/// let target = Guard::default().check("busy.example").unwrap();
/// assert!(doubt(&target, "", false).is_none());
/// assert_eq!(doubt(&target, "List of busy names", false).unwrap().code, "NRS-EVID-0315");
/// assert!(doubt(&target, "List of busy names", true).is_none());
/// ```
pub fn doubt(target: &Target, lists: &str, vouched: bool) -> Option<Finding> {
    (!lists.is_empty() && !vouched)
        .then(|| refuses("NRS-EVID-0315", format!("`{target}` is on a warning list: {lists}")))
}

fn too_long() -> Finding {
    refuses("NRS-RESP-0101", format!("a target is longer than {TARGET_BYTES_MAX} bytes"))
}

fn reserved(label: &str) -> Finding {
    let message = format!("`{label}` has a meaning of its own in a response policy zone");
    refuses("NRS-RESP-0114", message)
}

/// What may stand in a message: the beginning, with nothing that could break a line.
fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// Dotted decimal and RFC 4291 text only, no zone, with or without a prefix length.
fn strict_network(text: &str) -> Option<IpNet> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address = IpAddr::from_str(address).ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => whole,
        // `/07` and `/+7` are read differently by different programs.
        Some("0") => 0,
        Some(digits) if digits.starts_with(|c: char| matches!(c, '1'..='9')) => {
            digits.parse().ok()?
        }
        Some(_) => return None,
    };
    IpNet::new(address, length).ok()
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

fn overlap_v6(bits: u128, length: u8, net: Ipv6Net) -> bool {
    let Ok(range) = Ipv6Net::new(Ipv6Addr::from_bits(bits), length) else { return true };
    overlap(&IpNet::V6(range), &IpNet::V6(net))
}

fn overlap_v4(bits: u32, length: u8, net: Ipv4Net) -> bool {
    let Ok(range) = Ipv4Net::new(Ipv4Addr::from_bits(bits), length) else { return true };
    overlap(&IpNet::V4(range), &IpNet::V4(net))
}

fn special_v4(net: Ipv4Net) -> Vec<&'static str> {
    let hit = |(_, bits, length): &&(&str, u32, u8)| overlap_v4(*bits, *length, net);
    SPECIAL_V4.iter().filter(hit).map(|(name, ..)| *name).collect()
}

fn special_v6(net: Ipv6Net) -> Vec<&'static str> {
    let hit = |(_, bits, length): &&(&str, u128, u8)| overlap_v6(*bits, *length, net);
    let mut names: Vec<&str> = SPECIAL_V6.iter().filter(hit).map(|(name, ..)| *name).collect();
    // RFC 4291 §2.4: global unicast is assigned from 2000::/3 only; loopback, link local, unique local and multicast
    // all lie outside it.
    let global = 0b001 == net.network().to_bits() >> 125 && net.prefix_len() >= 3;
    if !global {
        names.push("not global unicast");
    }
    names
}

fn is_documentation(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => DOCUMENTATION_V4.iter().any(|bits| overlap_v4(*bits, 24, net)),
        IpNet::V6(net) => {
            DOCUMENTATION_V6.iter().any(|(bits, length)| overlap_v6(*bits, *length, net))
        }
    }
}

/// Whether `name` is `parent` or lies below it, by labels.
fn is_within(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|left| left.is_empty() || left.ends_with('.'))
}

/// Names below which unrelated parties register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suffixes {
    plain: BTreeSet<String>,
    /// `a.b` for the rule `*.a.b`.
    wild: BTreeSet<String>,
    /// `x.a.b` for the rule `!x.a.b`.
    except: BTreeSet<String>,
    /// Names that have a plain rule below them; blocking one would block all of those.
    above: BTreeSet<String>,
}

impl Suffixes {
    /// Reads rules, one a line, `//` and `#` begin comments. Rules that cannot be read are counted, not guessed;
    /// at most [`SUFFIX_RULES_MAX`] are taken.
    pub fn parse(text: &str) -> (Self, usize) {
        let mut suffixes = Self::default();
        let mut unread = 0;
        let rules = text
            .lines()
            .map(str::trim)
            .filter(|line| !(line.is_empty() || line.starts_with("//") || line.starts_with('#')));
        for (at, rule) in rules.enumerate() {
            if at >= SUFFIX_RULES_MAX || !suffixes.add(rule) {
                unread += 1;
            }
        }
        (suffixes, unread)
    }

    fn add(&mut self, rule: &str) -> bool {
        let (set, name) = if let Some(name) = rule.strip_prefix('!') {
            (&mut self.except, name)
        } else if let Some(name) = rule.strip_prefix("*.") {
            (&mut self.wild, name)
        } else {
            (&mut self.plain, rule)
        };
        // A rule of one label is a top-level name, which is never a target anyhow.
        let name = match DomainName::parse(name) {
            Ok(name) => name.to_string(),
            Err(_) if !name.contains(['.', '*', ' ']) => name.to_ascii_lowercase(),
            Err(_) => return false,
        };
        if !rule.starts_with('!') {
            let mut rest = name.as_str();
            while let Some((_, above)) = rest.split_once('.') {
                self.above.insert(above.to_owned());
                rest = above;
            }
        }
        set.insert(name);
        true
    }

    /// Whether the name is such a suffix, or lies above one.
    pub fn covers(&self, name: &DomainName) -> bool {
        let name = name.as_str();
        if self.except.contains(name) {
            return false;
        }
        let below_wild = name.split_once('.').is_some_and(|(_, parent)| self.wild.contains(parent));
        [&self.plain, &self.wild, &self.above].iter().any(|set| set.contains(name)) || below_wild
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CORPORA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora");

    fn codes(result: Result<impl fmt::Debug, Vec<Finding>>) -> Vec<&'static str> {
        result.unwrap_err().iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn agrees_with_all_recorded_cases() {
        #[derive(Deserialize)]
        struct Case {
            target: String,
            verdict: String,
            why: String,
        }
        #[derive(Deserialize)]
        struct Cases {
            policy: Guard,
            addresses: Vec<Case>,
            domains: Vec<Case>,
        }
        let path = format!("{CORPORA}/specs/response/fixtures/guard-cases.json");
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("corpora absent: skipped the recorded guard cases");
            return;
        };
        let Cases { policy, addresses, domains } = serde_json::from_str(&text).unwrap();
        assert_eq!((addresses.len(), domains.len()), (35, 23));
        for Case { target, verdict, why } in &addresses {
            let allowed = policy.check_network(target).is_ok();
            assert_eq!(allowed, verdict == "allow", "{target:?}: {why}");
            assert_eq!(policy.check(target).is_ok(), allowed, "{target:?} by form");
        }
        for Case { target, verdict, why } in &domains {
            let allowed = policy.check_domain(target).is_ok();
            assert_eq!(allowed, verdict == "allow", "{target:?}: {why}");
            assert_eq!(policy.check(target).is_ok(), allowed, "{target:?} by form");
        }
    }

    #[test]
    fn every_reason_is_given() {
        let guard = Guard::default();
        assert_eq!(codes(guard.check("0.0.0.0/0"))[..2], ["NRS-RESP-0103", "NRS-RESP-0105"]);
        assert_eq!(codes(guard.check("10.0.0.1/7")).first(), Some(&"NRS-RESP-0104"));
        assert_eq!(codes(guard.check("192.0.2.1")), ["NRS-RESP-0106"]);
        assert_eq!(codes(guard.check("::ffff:203.0.113.7")), ["NRS-RESP-0106", "NRS-RESP-0108"]);
        assert_eq!(codes(guard.check("a.go.jp")), ["NRS-RESP-0113"]);
        assert_eq!(codes(guard.check("go.jp")), ["NRS-RESP-0112", "NRS-RESP-0113"]);
    }

    #[test]
    fn numbers_that_are_read_in_two_ways_are_refused() {
        let guard = Guard { allow_documentation_space: true, ..Guard::default() };
        for text in [
            "203.0.113.7/032",
            "203.0.113.7/+32",
            "203.0.113.7/",
            "203.0.113",
            "0xcb.0.113.7",
            "3405803783",
        ] {
            assert!(guard.check(text).is_err(), "{text}");
        }
        assert_eq!(guard.check("203.0.113.7").unwrap().to_string(), "203.0.113.7");
        assert_eq!(guard.check("2001:DB8:1::/48").unwrap().to_string(), "2001:db8:1::/48");
    }

    #[test]
    fn a_target_above_a_protected_name_is_refused() {
        let mut guard = Guard::default();
        guard.protected_domains.insert("dns.carrier.example".to_owned());
        assert_eq!(codes(guard.check("carrier.example")), ["NRS-RESP-0113"]);
        assert!(guard.check("othercarrier.example").is_ok());
    }

    #[test]
    fn suffix_rules_of_all_three_kinds() {
        let covers = |text: &str| BUILT_IN.covers(&DomainName::parse(text).unwrap());
        assert!(
            covers("co.jp") && covers("kobe.jp") && covers("any.kobe.jp") && covers("osaka.jp")
        );
        assert!(!covers("city.kobe.jp") && !covers("any.any.kobe.jp") && !covers("a.co.jp"));
        assert_eq!(Suffixes::parse(SUFFIXES).1, 0, "every built-in rule is read");
    }

    #[test]
    fn a_complete_list_can_be_loaded() {
        let Ok(text) =
            std::fs::read_to_string(format!("{CORPORA}/public-suffix-list/public_suffix_list.dat"))
        else {
            println!("corpora absent: skipped the complete list of suffixes");
            return;
        };
        let (suffixes, unread) = Suffixes::parse(&text);
        assert_eq!(unread, 0);
        // The built-in rules agree with it.
        assert!(
            BUILT_IN
                .plain
                .difference(&suffixes.plain)
                .all(|rule| rule == "in-addr.arpa" || rule == "ip6.arpa")
        );
        assert!(
            BUILT_IN.wild.is_subset(&suffixes.wild) && BUILT_IN.except.is_subset(&suffixes.except)
        );
        let guard = Guard { suffixes, ..Guard::default() };
        assert_eq!(codes(guard.check("co.za")), ["NRS-RESP-0112"]);
    }

    proptest! {
        #[test]
        fn nothing_special_is_ever_allowed(bits: u32, length in 0u8..=32) {
            let guard = Guard::default();
            let net = Ipv4Net::new(Ipv4Addr::from_bits(bits), length).unwrap();
            let addr = net.network();
            if let Ok(IpNet::V4(allowed)) = guard.judge_network(IpNet::V4(net)) {
                prop_assert!(allowed.prefix_len() >= 24);
                prop_assert!(!(addr.is_private() || addr.is_loopback() || addr.is_link_local() || addr.is_multicast()
                    || addr.is_broadcast() || addr.is_unspecified() || addr.is_documentation()));
            }
        }

        #[test]
        fn any_text_is_survived_and_its_canonical_form_is_stable(text in "\\PC{0,80}") {
            let guard = Guard { allow_documentation_space: true, ..Guard::default() };
            if let Ok(target) = guard.check(&text) {
                prop_assert_eq!(guard.check(&target.to_string()), Ok(target));
            }
        }
    }
}
