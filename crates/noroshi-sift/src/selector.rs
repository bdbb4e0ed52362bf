//! The list of what may be looked for.
//!
//! # Text form
//! One selector a line, its kind recognised from its value; `#` begins a comment line.
//!
//! | line | matches |
//! |---|---|
//! | `203.0.113.5`, `2001:db8::5` | that address |
//! | `203.0.113.0/24`, `2001:db8::/48` | every address inside |
//! | `evil.example`, `.evil.example`, `*.evil.example` | that name and every name below it |
//! | `=evil.example` | that name only |
//!
//! # CSV form
//! `type,value[,id[,version[,expires]]]`, a heading line `type,value…` allowed. Types: `ipv4`, `ipv6`,
//! `cidr`, `domain`, `domain-exact`. `expires` is an RFC 3339 time. Both forms may be mixed.
//!
//! Names become lower case and A-labels, because A-labels are what is seen on the wire. A prefix wider than
//! [`PREFIX_V4_BITS_MIN`] or [`PREFIX_V6_BITS_MIN`] and a whole top-level domain are refused: a selection is
//! the least that is necessary (Act No. 42 of 2025, art. 2-2).

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use noroshi_evidence::mechanical::SelectorId;
use noroshi_evidence::observable::DomainName;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::text::parse_address;

/// The longest line of a list, in bytes.
pub const LINE_BYTES_MAX: usize = 1_024;
/// The widest prefix of IPv4 that may be looked for.
pub const PREFIX_V4_BITS_MIN: u8 = 8;
/// The widest prefix of IPv6 that may be looked for.
pub const PREFIX_V6_BITS_MIN: u8 = 16;

/// What is looked for.
///
/// INVARIANT: an address is never one that wraps an IPv4 address in IPv6; a network has no host bits and is
/// longer than none and shorter than a full address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SelectorValue {
    /// One address.
    Address(IpAddr),
    /// Every address inside a prefix.
    Network(IpNet),
    /// A name, with or without the names below it.
    Domain {
        /// The name.
        name: DomainName,
        /// Whether names below match as well.
        subdomains: bool,
    },
}

impl SelectorValue {
    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, ListReason> {
        let text = text.trim();
        // Lists that people send each other are often written so that nothing in them can be clicked.
        let plain = if text.contains('[') {
            Cow::Owned(text.replace("[.]", ".").replace("[:]", ":"))
        } else {
            Cow::Borrowed(text)
        };
        if plain.is_empty() {
            return Err(ListReason::Empty);
        }
        if let Some(address) = parse_address(plain.as_bytes()) {
            return Ok(Self::Address(address));
        }
        if plain.contains("://") || plain.contains('@') {
            return Err(ListReason::UnsupportedKind);
        }
        if plain.contains('/') {
            return Self::network(&plain);
        }
        let (name, subdomains) = match plain.strip_prefix('=') {
            Some(exact) => (exact, false),
            None => (
                plain.strip_prefix("*.").or_else(|| plain.strip_prefix('.')).unwrap_or(&plain),
                true,
            ),
        };
        let name = DomainName::parse(name).map_err(|_| ListReason::NotASelector)?;
        Ok(Self::Domain { name, subdomains })
    }

    fn network(text: &str) -> Result<Self, ListReason> {
        let net: IpNet = text.parse().map_err(|_| ListReason::NotASelector)?;
        let net = net.trunc();
        // The wrapped form would never meet an address, since those are unwrapped before they are compared.
        if matches!(net, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
            return Err(ListReason::WrappedPrefix);
        }
        let narrowest = match net {
            IpNet::V4(_) => PREFIX_V4_BITS_MIN,
            IpNet::V6(_) => PREFIX_V6_BITS_MIN,
        };
        if net.prefix_len() < narrowest {
            return Err(ListReason::TooWide);
        }
        if net.prefix_len() == net.max_prefix_len() {
            return Ok(Self::Address(net.addr()));
        }
        Ok(Self::Network(net))
    }

    /// The word for the kind, as the CSV form has it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Address(IpAddr::V4(_)) => "ipv4",
            Self::Address(IpAddr::V6(_)) => "ipv6",
            Self::Network(_) => "cidr",
            Self::Domain { subdomains: true, .. } => "domain",
            Self::Domain { subdomains: false, .. } => "domain-exact",
        }
    }
}

/// The canonical text form.
impl fmt::Display for SelectorValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(formatter, "{address}"),
            Self::Network(net) => write!(formatter, "{net}"),
            Self::Domain { name, subdomains: true } => formatter.write_str(name.as_str()),
            Self::Domain { name, subdomains: false } => write!(formatter, "={}", name.as_str()),
        }
    }
}

/// One thing that is looked for, and the name under which that was allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    /// What is looked for.
    pub value: SelectorValue,
    /// Its name; a list without names has none and [`Selector::effective_id`] makes one of the value.
    pub id: Option<SelectorId>,
    /// Its version.
    pub version: u32,
    /// From when on it matches nothing.
    pub expires: Option<Timestamp>,
}

impl Selector {
    /// A selector without a name, of version 1, that does not expire.
    pub const fn plain(value: SelectorValue) -> Self {
        Self { value, id: None, version: 1, expires: None }
    }

    /// The name, or `sel-` and 32 hexadecimal digits of the SHA-256 of kind, tab and value.
    pub fn effective_id(&self) -> SelectorId {
        self.id.clone().unwrap_or_else(|| derived_id(&self.value))
    }
}

#[expect(clippy::expect_used, reason = "36 visible ASCII characters are an identifier")]
fn derived_id(value: &SelectorValue) -> SelectorId {
    let digest = Digest::of(format!("{}\t{value}", value.kind()).as_bytes()).to_string();
    format!("sel-{}", digest.get(..32).unwrap_or_default()).parse().expect("an identifier")
}

/// Why a line of a list is no selector. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListReason {
    /// The line is too long.
    TooLong,
    /// The line is not UTF-8.
    NotUtf8,
    /// There is no value.
    Empty,
    /// Not an address, a prefix or a name of two labels or more.
    NotASelector,
    /// A kind that is not looked for: URL, hash, e-mail address.
    UnsupportedKind,
    /// The type does not fit the value.
    WrongKind,
    /// A prefix that would take in too much.
    TooWide,
    /// A prefix of IPv4 inside IPv6; to be written as IPv4.
    WrappedPrefix,
    /// The id is not 1 to 128 bytes of visible ASCII.
    BadId,
    /// The version is not a number.
    BadVersion,
    /// The expiry is not a time.
    BadExpiry,
    /// More columns than five.
    TooManyColumns,
}

impl ListReason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "NRS-SIFT-0201",
            Self::NotUtf8 => "NRS-SIFT-0202",
            Self::Empty => "NRS-SIFT-0203",
            Self::NotASelector => "NRS-SIFT-0204",
            Self::UnsupportedKind => "NRS-SIFT-0205",
            Self::WrongKind => "NRS-SIFT-0206",
            Self::TooWide => "NRS-SIFT-0207",
            Self::WrappedPrefix => "NRS-SIFT-0208",
            Self::BadId => "NRS-SIFT-0209",
            Self::BadVersion => "NRS-SIFT-0210",
            Self::BadExpiry => "NRS-SIFT-0211",
            Self::TooManyColumns => "NRS-SIFT-0212",
        }
    }
}

/// A line of a list that is no selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListProblem {
    /// The line, counted from one.
    pub line: u64,
    /// Why.
    pub reason: ListReason,
}

/// Reads a list in the text form, the CSV form or both; a bad line does not stop the others.
pub fn parse_list(input: &[u8]) -> (Vec<Selector>, Vec<ListProblem>) {
    let (mut selectors, mut problems) = (Vec::new(), Vec::new());
    for (line, bytes) in (1..).zip(input.split(|byte| *byte == b'\n')) {
        match parse_line(bytes) {
            Ok(Some(selector)) => selectors.push(selector),
            Ok(None) => {}
            Err(reason) => problems.push(ListProblem { line, reason }),
        }
    }
    (selectors, problems)
}

fn parse_line(bytes: &[u8]) -> Result<Option<Selector>, ListReason> {
    if bytes.len() > LINE_BYTES_MAX {
        return Err(ListReason::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ListReason::NotUtf8)?.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.contains(',') {
        return parse_row(text);
    }
    SelectorValue::parse(text).map(|value| Some(Selector::plain(value)))
}

fn parse_row(text: &str) -> Result<Option<Selector>, ListReason> {
    let mut cells = text.split(',').map(|cell| cell.trim().trim_matches('"').trim());
    let kind = cells.next().unwrap_or_default().to_ascii_lowercase();
    let value = cells.next().unwrap_or_default();
    if kind == "type" && value.eq_ignore_ascii_case("value") {
        return Ok(None);
    }
    let [id, version, expires] = [(); 3].map(|()| cells.next().unwrap_or_default());
    if cells.next().is_some() {
        return Err(ListReason::TooManyColumns);
    }
    let value = typed_value(&kind, value)?;
    let id = (!id.is_empty()).then(|| id.parse()).transpose().map_err(|_| ListReason::BadId)?;
    let version = if version.is_empty() { Ok(1) } else { version.parse() };
    let version = version.map_err(|_| ListReason::BadVersion)?;
    let expires = (!expires.is_empty()).then(|| expires.parse()).transpose();
    let expires = expires.map_err(|_| ListReason::BadExpiry)?;
    Ok(Some(Selector { value, id, version, expires }))
}

fn typed_value(kind: &str, text: &str) -> Result<SelectorValue, ListReason> {
    type Fits = fn(&SelectorValue) -> bool;
    let fits: Fits = match kind {
        "ipv4" | "ipv4-addr" => is_v4,
        "ipv6" | "ipv6-addr" => |value| !is_v4(value) && !is_domain(value),
        "cidr" => |value| !is_domain(value),
        "domain" | "domain-name" | "domain-exact" => is_domain,
        _ => return Err(ListReason::UnsupportedKind),
    };
    let mut value = SelectorValue::parse(text)?;
    if !fits(&value) {
        return Err(ListReason::WrongKind);
    }
    if let (SelectorValue::Domain { subdomains, .. }, "domain-exact") = (&mut value, kind) {
        *subdomains = false;
    }
    Ok(value)
}

const fn is_v4(value: &SelectorValue) -> bool {
    matches!(value, SelectorValue::Address(IpAddr::V4(_)) | SelectorValue::Network(IpNet::V4(_)))
}

const fn is_domain(value: &SelectorValue) -> bool {
    matches!(value, SelectorValue::Domain { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<&str, ListReason>) {
        let result = parse_line(line.as_bytes()).map(|selector| {
            let selector = selector.expect("a selector");
            format!("{} {}", selector.value.kind(), selector.value)
        });
        assert_eq!(result, expected.map(str::to_owned), "{line}");
    }

    #[test]
    fn kinds_are_recognised() {
        check("203.0.113.5", Ok("ipv4 203.0.113.5"));
        check("198[.]51[.]100[.]7", Ok("ipv4 198.51.100.7"));
        check("::ffff:203.0.113.5", Ok("ipv4 203.0.113.5"));
        check("2001:DB8::5", Ok("ipv6 2001:db8::5"));
        check("203.0.113.9/24", Ok("cidr 203.0.113.0/24"));
        check("203.0.113.9/32", Ok("ipv4 203.0.113.9"));
        check("2001:db8::/48", Ok("cidr 2001:db8::/48"));
        check("Evil.Example.", Ok("domain evil.example"));
        check("*.evil.example", Ok("domain evil.example"));
        check(".evil.example", Ok("domain evil.example"));
        check("=evil.example", Ok("domain-exact =evil.example"));
        check("狼煙.example", Ok("domain xn--ouxv8a.example"));
        check("domain-exact,evil.example", Ok("domain-exact =evil.example"));
        check("ipv4-addr,203.0.113.0/25,,,", Ok("cidr 203.0.113.0/25"));
    }

    #[test]
    fn bad_lines_have_reasons() {
        check("0.0.0.0/0", Err(ListReason::TooWide));
        check("2001::/8", Err(ListReason::TooWide));
        check("::ffff:0:0/96", Err(ListReason::WrappedPrefix));
        check("example", Err(ListReason::NotASelector));
        check("https://evil.example/x", Err(ListReason::UnsupportedKind));
        check("a@evil.example", Err(ListReason::UnsupportedKind));
        check("sha256,00ff", Err(ListReason::UnsupportedKind));
        check("ipv6,203.0.113.5", Err(ListReason::WrongKind));
        check("domain,203.0.113.5", Err(ListReason::WrongKind));
        check("domain,evil.example,a b", Err(ListReason::BadId));
        check("domain,evil.example,a,x", Err(ListReason::BadVersion));
        check("domain,evil.example,a,1,tomorrow", Err(ListReason::BadExpiry));
        check("domain,evil.example,a,1,,x", Err(ListReason::TooManyColumns));
        check(&"a".repeat(2_000), Err(ListReason::TooLong));
    }

    #[test]
    fn a_list_gives_what_is_good_and_says_what_is_bad() {
        let list = b"# made for a test\r\ntype,value,id,version,expires\r\n\r\n\
            ipv4,203.0.113.5,indicator--7,4,2026-12-01T00:00:00Z\n\xff\nnonsense\nevil.example";
        let (selectors, problems) = parse_list(list);
        let ids: Vec<String> =
            selectors.iter().map(|selector| selector.effective_id().into()).collect();
        assert_eq!(ids[0], "indicator--7");
        assert!(ids[1].starts_with("sel-") && ids[1].len() == 36, "{ids:?}");
        assert_eq!((selectors[0].version, selectors[1].version), (4, 1));
        assert_eq!(selectors[0].expires, Some("2026-12-01T00:00:00Z".parse().unwrap()));
        let expected = [(5, ListReason::NotUtf8), (6, ListReason::NotASelector)];
        assert_eq!(problems, expected.map(|(line, reason)| ListProblem { line, reason }));
    }

    #[test]
    fn the_canonical_form_is_read_back() {
        for text in ["203.0.113.5", "2001:db8::/32", "evil.example", "=evil.example"] {
            let value = SelectorValue::parse(text).unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(SelectorValue::parse(&value.to_string()), Ok(value));
        }
    }
}
