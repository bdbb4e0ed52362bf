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
//! | `http://evil.example/`, `evil.example/` | that name or address only, like `=evil.example` |
//! | `http://evil.example/x?y`, `evil.example/x?y` | that path of that host, whatever the scheme and the port |
//! | 32, 40, 64 or 128 hexadecimal digits | the file with that MD5, SHA-1, SHA-256 or SHA-512 |
//! | `cert:` and such digits | the certificate with that digest |
//! | `ja3:`, `ja3s:` and 32 such digits, `ja4:` and its text | the TLS client or server with that fingerprint |
//! | `url:` and host and path | the same, never taken for a prefix |
//! | `email:` and 32 such digits | the e-mail address with that keyed hash |
//! | `someone@evil.example` | the same, where the key is at hand; the address itself is not kept |
//!
//! Behind a value and a blank may stand where it must be: `443/tcp`, `443`, `*/udp`, `dst:443/tcp`, `src:*`. The
//! port is that of the end that has the address; for a name, that of the end which is connected to.
//!
//! # CSV form
//! `type,value[,id[,version[,expires[,valid_from[,measure[,approval]]]]]]`, a heading line `type,value…` allowed.
//! A cell that holds a comma stands in quotes, and a quote in it twice (RFC 4180).
//! Types: `ipv4`, `ipv6`, `cidr`, `domain`, `domain-exact`, `url`, `md5`, `sha1`, `sha256`, `sha512`, `file`,
//! `cert`, `ja3`, `ja3s`, `ja4`, `email`. The two times are RFC 3339. Both forms may be mixed.
//!
//! Names become lower case and A-labels, because A-labels are what is seen on the wire. A prefix wider than
//! [`PREFIX_V4_BITS_MIN`] or [`PREFIX_V6_BITS_MIN`] and a whole top-level domain are refused: a selection is
//! the least that is necessary (Act No. 42 of 2025, art. 2-2). For the same reason a locator with a path never
//! becomes the host alone.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use hmac::{Hmac, Mac as _};
use ipnet::IpNet;
use jiff::Timestamp;
use noroshi_evidence::mechanical::{MeasureId, Protocol, SelectorId};
use noroshi_evidence::observable::{DomainName, Observable};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::bits;
use crate::digest::Digest;
use crate::host::Host;
use crate::text::parse_address;

/// The longest line of a list, in bytes.
pub const LINE_BYTES_MAX: usize = 4_096;
/// The widest prefix of IPv4 that may be looked for.
pub const PREFIX_V4_BITS_MIN: u8 = 8;
/// The widest prefix of IPv6 that may be looked for.
pub const PREFIX_V6_BITS_MIN: u8 = 16;
/// The longest text of a JA4 fingerprint, in bytes.
pub const JA4_BYTES_MAX: usize = 64;

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
    /// A path of a host.
    Url(Locator),
    /// The digest of a file.
    File(HexDigest),
    /// The digest of a certificate.
    Certificate(HexDigest),
    /// The fingerprint of a TLS client or server.
    Fingerprint(Fingerprint),
    /// The keyed hash of an e-mail address.
    Email(EmailHash),
}

/// Host and path of a locator: `evil.example/x?y`, `[2001:db8::5]/x`. Scheme, port and fragment are no part of it.
///
/// INVARIANT: the host is as [`Host::write`] has it, which is how it is looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator(Box<str>);

impl Locator {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn of_index(text: &str) -> Self {
        Self(text.into())
    }

    /// Reads the text of one. Nothing is undone in it that people do to locators: what they did was undone before.
    fn canonical(text: &str) -> Option<Self> {
        let (host, _) = text.split_at_checked(text.find('/')?)?;
        (!host.is_empty() && written_host(host)? == host).then(|| Self(text.into()))
    }
}

fn written_host(host: &str) -> Option<String> {
    let mut written = Vec::new();
    Host::of(host.as_bytes())?.write(&mut written);
    String::from_utf8(written).ok()
}

/// 16, 20, 32 or 64 bytes of digest; the length tells the algorithm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HexDigest(Box<[u8]>);

impl HexDigest {
    /// Reads hexadecimal digits of any case; certificates are also written with colons between the bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 64];
        let length = read_hex(text.as_bytes(), &mut bytes)?;
        matches!(length, 16 | 20 | 32 | 64)
            .then(|| Self(bytes.get(..length).unwrap_or_default().into()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn of_index(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

/// Hexadecimal digits, with or without colons between pairs, as bytes; how many there are.
pub(crate) fn read_hex(text: &[u8], into: &mut [u8; 64]) -> Option<usize> {
    let digit = |byte: &u8| match *byte {
        byte @ b'0'..=b'9' => Some(byte - b'0'),
        byte @ b'a'..=b'f' => Some(byte - b'a' + 10),
        byte @ b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let (mut rest, mut length) = (text, 0);
    // Without colons eight digits are read at a time.
    while let Some((eight, after)) = rest.split_first_chunk::<8>() {
        let Some(bytes) = bits::four_bytes(u64::from_le_bytes(*eight)) else { break };
        let room = into.get_mut(length..).and_then(|room| room.first_chunk_mut::<4>())?;
        *room = bytes;
        length += 4;
        rest = after;
    }
    while let [high, low, after @ ..] = rest {
        *into.get_mut(length)? = digit(high)? << 4 | digit(low)?;
        length += 1;
        rest = match after {
            [b':', behind @ ..] if !behind.is_empty() => behind,
            after => after,
        };
    }
    rest.is_empty().then_some(length)
}

fn write_hex(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

/// How a TLS client or server presents itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fingerprint {
    /// Of a client, MD5.
    Ja3([u8; 16]),
    /// Of a server, MD5.
    Ja3s([u8; 16]),
    /// Of a client, as text.
    Ja4(Box<str>),
}

/// The keyed hash of an e-mail address: the first half of HMAC-SHA-256 over its canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailHash(pub [u8; 16]);

/// The key under which e-mail addresses are de-identified. It is in no list and no index.
#[derive(Clone)]
pub struct EmailKey(Box<[u8]>);

/// The fewest bytes of a key.
pub const KEY_BYTES_MIN: usize = 16;

impl EmailKey {
    /// A key; `None` where it is shorter than [`KEY_BYTES_MIN`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= KEY_BYTES_MIN).then(|| Self(bytes.into()))
    }

    /// The hash of an address as it is written or seen: in any case, perhaps in angle brackets. `None` for what is
    /// no address.
    pub fn hash(&self, seen: &str) -> Option<EmailHash> {
        let plain = seen.trim().trim_start_matches('<').trim_end_matches('>');
        let (local, domain) = plain.rsplit_once('@')?;
        let domain = DomainName::parse(domain).ok()?;
        let valid = !local.is_empty()
            && local.len() <= 64
            && !local
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | ','));
        if !valid {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"noroshi-email/1\n");
        mac.update(local.to_lowercase().as_bytes());
        mac.update(b"@");
        mac.update(domain.as_str().as_bytes());
        mac.finalize().into_bytes().first_chunk().copied().map(EmailHash)
    }
}

impl SelectorValue {
    /// Reads the text form, without what may stand behind the value.
    pub fn parse(text: &str) -> Result<Self, ListReason> {
        Self::parse_with(text, None)
    }

    /// The same; with a key, plain e-mail addresses are read too and become hashes at once.
    pub fn parse_with(text: &str, key: Option<&EmailKey>) -> Result<Self, ListReason> {
        let text = text.trim();
        // Lists that people send each other are often written so that nothing in them can be clicked.
        let plain = if text.contains('[') && !text.starts_with('[') {
            Cow::Owned(text.replace("[.]", ".").replace("[:]", ":").replace("[@]", "@"))
        } else {
            Cow::Borrowed(text)
        };
        if plain.is_empty() {
            return Err(ListReason::Empty);
        }
        if let Some(address) = parse_address(plain.as_bytes()) {
            return Ok(Self::Address(address));
        }
        if let Some((word, rest)) = plain.split_once(':')
            && let Some(value) = Self::worded(word, rest)
        {
            return value;
        }
        if has_scheme(&plain) {
            return Self::url(&plain);
        }
        if plain.contains('/') {
            return match Self::network(&plain) {
                Err(ListReason::NotASelector) => Self::url(&format!("http://{plain}")),
                other => other,
            };
        }
        if plain.contains('@') {
            let key = key.ok_or(ListReason::NeedsKey)?;
            return key.hash(&plain).map(Self::Email).ok_or(ListReason::NotASelector);
        }
        if matches!(plain.len(), 32 | 40 | 64 | 128)
            && plain.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return HexDigest::parse(&plain).map(Self::File).ok_or(ListReason::NotASelector);
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

    /// A value behind the word for its kind; `None` where the word is none.
    fn worded(word: &str, rest: &str) -> Option<Result<Self, ListReason>> {
        let digest = |bytes: usize| {
            HexDigest::parse(rest).filter(|digest| bytes == 0 || digest.as_bytes().len() == bytes)
        };
        let md5 = || digest(16)?.as_bytes().first_chunk().copied();
        let value = match word {
            "md5" => digest(16).map(Self::File),
            "sha1" => digest(20).map(Self::File),
            "sha256" => digest(32).map(Self::File),
            "sha512" => digest(64).map(Self::File),
            "file" => digest(0).map(Self::File),
            "cert" => digest(0).map(Self::Certificate),
            "ja3" => md5().map(|bytes| Self::Fingerprint(Fingerprint::Ja3(bytes))),
            "ja3s" => md5().map(|bytes| Self::Fingerprint(Fingerprint::Ja3s(bytes))),
            "ja4" => {
                let text = rest.to_ascii_lowercase();
                let valid = (1..=JA4_BYTES_MAX).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                valid.then(|| Self::Fingerprint(Fingerprint::Ja4(text.into())))
            }
            "email" => md5().map(|bytes| Self::Email(EmailHash(bytes))),
            "url" => return Some(typed_url(rest)),
            _ => return None,
        };
        Some(value.ok_or(ListReason::NotASelector))
    }

    /// A locator: with a path that path, without one the host and nothing below it.
    fn url(text: &str) -> Result<Self, ListReason> {
        let Ok(Observable::Url(url)) = Observable::parse(text) else {
            return Err(ListReason::NotASelector);
        };
        let host = url.host().ok_or(ListReason::NotASelector)?;
        let (_, rest) = url.as_str().split_once("://").ok_or(ListReason::NotASelector)?;
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
        let path = path.split('#').next().unwrap_or(path);
        if path == "/" {
            return match host {
                Observable::Domain(name) => Ok(Self::Domain { name, subdomains: false }),
                other => Self::parse(&other.to_string()),
            };
        }
        let host = written_host(&host.to_string()).ok_or(ListReason::NotASelector)?;
        Ok(Self::Url(Locator(format!("{host}{path}").into())))
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
            Self::Url(_) => "url",
            Self::File(_) => "file",
            Self::Certificate(_) => "cert",
            Self::Fingerprint(Fingerprint::Ja3(_)) => "ja3",
            Self::Fingerprint(Fingerprint::Ja3s(_)) => "ja3s",
            Self::Fingerprint(Fingerprint::Ja4(_)) => "ja4",
            Self::Email(_) => "email",
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
            Self::Url(url) => write!(formatter, "url:{}", url.as_str()),
            Self::File(digest) => write_hex(formatter, digest.as_bytes()),
            Self::Fingerprint(Fingerprint::Ja4(text)) => write!(formatter, "ja4:{text}"),
            Self::Certificate(digest) => {
                formatter.write_str("cert:")?;
                write_hex(formatter, digest.as_bytes())
            }
            Self::Fingerprint(Fingerprint::Ja3(bytes) | Fingerprint::Ja3s(bytes))
            | Self::Email(EmailHash(bytes)) => {
                write!(formatter, "{}:", self.kind())?;
                write_hex(formatter, bytes)
            }
        }
    }
}

/// Which end of a communication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one that began it.
    Src,
    /// The one that was connected to.
    Dst,
}

/// What must hold besides the value. The default asks for nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Only {
    /// At which end the value must stand.
    pub side: Option<Side>,
    /// The port of that end.
    pub port: Option<u16>,
    /// The protocol above IP.
    pub proto: Option<Protocol>,
}

impl Only {
    /// Nothing is asked for.
    pub const NOTHING: Self = Self { side: None, port: None, proto: None };

    fn parse(text: &str) -> Option<Self> {
        let (side, rest) = match text.split_once(':') {
            Some(("src", rest)) => (Some(Side::Src), rest),
            Some(("dst", rest)) => (Some(Side::Dst), rest),
            Some(_) => return None,
            None => (None, text),
        };
        let (port, proto) = match rest.split_once('/') {
            Some((port, proto)) => (port, Some(Protocol::from_name(proto)?)),
            None => (rest, None),
        };
        let port = if port == "*" { None } else { Some(port.parse().ok()?) };
        Some(Self { side, port, proto })
    }
}

/// As it stands behind a value; nothing where nothing is asked for.
impl fmt::Display for Only {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NOTHING {
            return Ok(());
        }
        formatter.write_str(match self.side {
            None => " ",
            Some(Side::Src) => " src:",
            Some(Side::Dst) => " dst:",
        })?;
        match self.port {
            Some(port) => write!(formatter, "{port}")?,
            None => formatter.write_str("*")?,
        }
        match self.proto {
            Some(Protocol::TCP) => formatter.write_str("/tcp"),
            Some(Protocol::UDP) => formatter.write_str("/udp"),
            Some(Protocol(number)) => write!(formatter, "/{number}"),
            None => Ok(()),
        }
    }
}

/// One thing that is looked for, and the name under which that was allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    /// What is looked for.
    pub value: SelectorValue,
    /// What must hold besides.
    pub only: Only,
    /// Its name; a list without names has none and [`Selector::effective_id`] makes one of the value.
    pub id: Option<SelectorId>,
    /// Its version.
    pub version: u32,
    /// Before when it matches nothing.
    pub valid_from: Option<Timestamp>,
    /// From when on it matches nothing.
    pub expires: Option<Timestamp>,
    /// The measure under which it is looked for.
    pub measure: Option<MeasureId>,
    /// The approval on which it rests.
    pub approval: Option<SelectorId>,
}

impl Selector {
    /// A selector without a name, of version 1, that does not expire.
    pub const fn plain(value: SelectorValue) -> Self {
        Self {
            value,
            only: Only::NOTHING,
            id: None,
            version: 1,
            valid_from: None,
            expires: None,
            measure: None,
            approval: None,
        }
    }

    /// The name, or `sel-` and 32 hexadecimal digits of the SHA-256 of kind, tab and value with what must hold besides.
    pub fn effective_id(&self) -> SelectorId {
        self.id.clone().unwrap_or_else(|| derived_id(&self.value, self.only))
    }

    /// Kind and value as a list has them, and what makes it this selector and no other.
    pub(crate) fn name(&self) -> (&SelectorValue, Only, Option<&SelectorId>) {
        (&self.value, self.only, self.id.as_ref())
    }
}

#[expect(clippy::expect_used, reason = "36 visible ASCII characters are an identifier")]
fn derived_id(value: &SelectorValue, only: Only) -> SelectorId {
    let digest = Digest::of(format!("{}\t{value}{only}", value.kind()).as_bytes()).to_string();
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
    /// A kind that is not looked for.
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
    /// The expiry or the beginning is not a time.
    BadExpiry,
    /// More columns than eight.
    TooManyColumns,
    /// A plain e-mail address, and no key to de-identify it with.
    NeedsKey,
    /// What stands behind the value is neither port nor protocol.
    BadCondition,
    /// A pattern that says more or other than that one of some values was seen.
    PatternNotReducible,
    /// Not a pattern, or of another language than STIX.
    PatternNotRead,
    /// The object has no pattern, or an id or a time that is none.
    BadObject,
    /// Quotes that do not stand around a whole cell.
    BadQuotes,
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
            Self::NeedsKey => "NRS-SIFT-0213",
            Self::BadCondition => "NRS-SIFT-0214",
            Self::PatternNotReducible => "NRS-SIFT-0215",
            Self::PatternNotRead => "NRS-SIFT-0216",
            Self::BadObject => "NRS-SIFT-0217",
            Self::BadQuotes => "NRS-SIFT-0218",
        }
    }
}

/// A line of a list, or an object of a bundle, that is no selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListProblem {
    /// The line or the object, counted from one.
    pub line: u64,
    /// Why.
    pub reason: ListReason,
}

/// Reads a list in the text form, the CSV form or both; a bad line does not stop the others.
pub fn parse_list(input: &[u8]) -> (Vec<Selector>, Vec<ListProblem>) {
    parse_list_with(input, None)
}

/// The same, with a key under which plain e-mail addresses become hashes.
pub fn parse_list_with(input: &[u8], key: Option<&EmailKey>) -> (Vec<Selector>, Vec<ListProblem>) {
    let (mut selectors, mut problems) = (Vec::new(), Vec::new());
    for (line, bytes) in (1..).zip(input.split(|byte| *byte == b'\n')) {
        match parse_line(bytes, key) {
            Ok(Some(selector)) => selectors.push(selector),
            Ok(None) => {}
            Err(reason) => problems.push(ListProblem { line, reason }),
        }
    }
    (selectors, problems)
}

fn parse_line(bytes: &[u8], key: Option<&EmailKey>) -> Result<Option<Selector>, ListReason> {
    if bytes.len() > LINE_BYTES_MAX {
        return Err(ListReason::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ListReason::NotUtf8)?.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    // A path may hold a comma; the first cell of a row is a word.
    let is_row = text.split_once(',').is_some_and(|(kind, _)| kind_word(kind).is_some());
    if is_row {
        return parse_row(text, key);
    }
    let (text, only) = parse_only(text)?;
    let value = SelectorValue::parse_with(text, key)?;
    Ok(Some(Selector { only, ..Selector::plain(value) }))
}

fn kind_word(cell: &str) -> Option<String> {
    let word = cell.trim().trim_matches('"').trim();
    let is_word = (1..=32).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_word.then(|| word.to_ascii_lowercase())
}

/// Takes off what stands behind the value.
fn parse_only(text: &str) -> Result<(&str, Only), ListReason> {
    match text.split_once([' ', '\t']) {
        None => Ok((text, Only::NOTHING)),
        Some((value, rest)) => {
            let only = Only::parse(rest.trim());
            only.map(|only| (value, only)).ok_or(ListReason::BadCondition)
        }
    }
}

/// Reads a value with its condition as `Display` writes them.
pub(crate) fn parse_canonical(text: &str) -> Option<(SelectorValue, Only)> {
    let (text, only) = parse_only(text).ok()?;
    let value = match text.strip_prefix("url:") {
        Some(locator) => Locator::canonical(locator).map(SelectorValue::Url),
        None => SelectorValue::parse(text).ok(),
    };
    value.map(|value| (value, only))
}

fn parse_row(text: &str, key: Option<&EmailKey>) -> Result<Option<Selector>, ListReason> {
    let cells = cells_of(text).ok_or(ListReason::BadQuotes)?;
    let mut cells = cells.iter().map(|cell| cell.trim());
    let kind = cells.next().unwrap_or_default().to_ascii_lowercase();
    let value = cells.next().unwrap_or_default();
    if kind == "type" && value.eq_ignore_ascii_case("value") {
        return Ok(None);
    }
    let [id, version, expires, valid_from, measure, approval] =
        [(); 6].map(|()| cells.next().unwrap_or_default());
    if cells.next().is_some() {
        return Err(ListReason::TooManyColumns);
    }
    let (value, only) = parse_only(value)?;
    let value = typed_value(&kind, value, key)?;
    let version = if version.is_empty() { Ok(1) } else { version.parse() };
    Ok(Some(Selector {
        value,
        only,
        id: name(id)?,
        version: version.map_err(|_| ListReason::BadVersion)?,
        valid_from: cell(valid_from, ListReason::BadExpiry)?,
        expires: cell(expires, ListReason::BadExpiry)?,
        measure: name(measure)?,
        approval: name(approval)?,
    }))
}

/// A name in a cell. A dash stands for none in the digest of a list.
fn name<T: std::str::FromStr>(text: &str) -> Result<Option<T>, ListReason> {
    if text == "-" { Err(ListReason::BadId) } else { cell(text, ListReason::BadId) }
}

/// The cells of a row (RFC 4180 §2). Quotes stand around a whole cell, in which they stand twice, or nowhere: what lay
/// beyond the end of a cell would be looked for as part of it.
fn cells_of(row: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut cells = Vec::new();
    let mut rest = row;
    loop {
        let (cell, behind) = match rest.trim_start().strip_prefix('"') {
            Some(inside) => quoted_cell(inside)?,
            None => {
                let (cell, behind) = match rest.split_once(',') {
                    Some((cell, behind)) => (cell, Some(behind)),
                    None => (rest, None),
                };
                (!cell.contains('"')).then_some((Cow::Borrowed(cell), behind))?
            }
        };
        cells.push(cell);
        match behind {
            Some(behind) => rest = behind,
            None => return Some(cells),
        }
    }
}

/// A cell behind its first quote, and what stands behind the comma, where there is one.
fn quoted_cell(mut inside: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let mut cell = String::new();
    loop {
        let (part, behind) = inside.split_once('"')?;
        cell.push_str(part);
        if let Some(more) = behind.strip_prefix('"') {
            cell.push('"');
            inside = more;
            continue;
        }
        return match behind.trim_start() {
            "" => Some((cell.into(), None)),
            behind => Some((cell.into(), Some(behind.strip_prefix(',')?))),
        };
    }
}

/// A cell that may be empty.
fn cell<T: std::str::FromStr>(text: &str, reason: ListReason) -> Result<Option<T>, ListReason> {
    (!text.is_empty()).then(|| text.parse()).transpose().map_err(|_| reason)
}

fn typed_value(
    kind: &str,
    text: &str,
    key: Option<&EmailKey>,
) -> Result<SelectorValue, ListReason> {
    type Fits = fn(&SelectorValue) -> bool;
    let fits: Fits = match kind {
        "ipv4" | "ipv4-addr" => is_v4,
        "ipv6" | "ipv6-addr" => |value| is_address(value) && !is_v4(value),
        "cidr" => is_address,
        "domain" | "domain-name" | "domain-exact" => is_domain,
        "url" => return typed_url(text),
        "email" | "email-addr" => |value| matches!(value, SelectorValue::Email(_)),
        "md5" | "sha1" | "sha256" | "sha512" | "file" | "cert" | "ja3" | "ja3s" | "ja4" => {
            let bare = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':'));
            let value = SelectorValue::worded(kind, bare.unwrap_or(text));
            return value.unwrap_or(Err(ListReason::UnsupportedKind));
        }
        _ => return Err(ListReason::UnsupportedKind),
    };
    let mut value = SelectorValue::parse_with(text, key)?;
    if !fits(&value) {
        return Err(ListReason::WrongKind);
    }
    if let (SelectorValue::Domain { subdomains, .. }, "domain-exact") = (&mut value, kind) {
        *subdomains = false;
    }
    Ok(value)
}

/// A locator with or without its scheme.
fn typed_url(text: &str) -> Result<SelectorValue, ListReason> {
    if has_scheme(text) {
        return SelectorValue::url(text);
    }
    SelectorValue::url(&format!("http://{text}"))
}

/// Whether a scheme stands in front. A path or a query may hold another locator, which says nothing of this one.
pub(crate) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']))
}

const fn is_v4(value: &SelectorValue) -> bool {
    matches!(value, SelectorValue::Address(IpAddr::V4(_)) | SelectorValue::Network(IpNet::V4(_)))
}

const fn is_address(value: &SelectorValue) -> bool {
    matches!(value, SelectorValue::Address(_) | SelectorValue::Network(_))
}

const fn is_domain(value: &SelectorValue) -> bool {
    matches!(value, SelectorValue::Domain { .. })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: Result<&str, ListReason>) {
        let key = EmailKey::new(b"a key that is long enough").unwrap();
        let result = parse_line(line.as_bytes(), Some(&key)).map(|selector| {
            let selector = selector.expect("a selector");
            format!("{} {}{}", selector.value.kind(), selector.value, selector.only)
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
        check("hxxps://Evil[.]example:8443/a,b?c#d", Ok("url url:evil.example/a,b?c"));
        check("evil.example/a", Ok("url url:evil.example/a"));
        check("203.0.113.5/a", Ok("url url:203.0.113.5/a"));
        check("http://[2001:DB8::1]:8080/a", Ok("url url:[2001:db8::1]/a"));
        check("http://[::ffff:203.0.113.5]/a", Ok("url url:203.0.113.5/a"));
        check("http://[2001:db8::1]/", Ok("ipv6 2001:db8::1"));
        check("evil.example/u?q=http://a.b/c", Ok("url url:evil.example/u?q=http://a.b/c"));
        check("url,evil.example/u?q=http://a.b/c", Ok("url url:evil.example/u?q=http://a.b/c"));
        check("https://evil.example/", Ok("domain-exact =evil.example"));
        check("http://203.0.113.5:8080/", Ok("ipv4 203.0.113.5"));
        check("url,狼煙.example/a", Ok("url url:xn--ouxv8a.example/a"));
        check("url,\"http://evil.example/a,b\"", Ok("url url:evil.example/a,b"));
        check("\"url\" , \"evil.example/a,b\" ,\"i,d\",\"7\"", Ok("url url:evil.example/a,b"));
        check("url,\"evil.example/a\"\"b\"", Ok("url url:evil.example/a\"b"));
        check("D41D8CD98F00B204E9800998ECF8427E", Ok("file d41d8cd98f00b204e9800998ecf8427e"));
        check(
            "ja3,D41D8CD98F00B204E9800998ECF8427E",
            Ok("ja3 ja3:d41d8cd98f00b204e9800998ecf8427e"),
        );
        check(
            "ja4:t13d1516h2_8DAAF6152771_b0da82dd1658",
            Ok("ja4 ja4:t13d1516h2_8daaf6152771_b0da82dd1658"),
        );
        check(
            &format!("cert:{}", ["ab"; 20].join(":")),
            Ok(&format!("cert cert:{}", "ab".repeat(20))),
        );
        check("203.0.113.5 443/tcp", Ok("ipv4 203.0.113.5 443/tcp"));
        check("evil.example  dst:*/udp", Ok("domain evil.example dst:*/udp"));
        check("cidr,203.0.113.0/24 src:53", Ok("cidr 203.0.113.0/24 src:53"));
    }

    #[test]
    fn bad_lines_have_reasons() {
        check("0.0.0.0/0", Err(ListReason::TooWide));
        check("2001::/8", Err(ListReason::TooWide));
        check("::ffff:0:0/96", Err(ListReason::WrappedPrefix));
        check("example", Err(ListReason::NotASelector));
        check("https://evil.example:99999/x", Err(ListReason::NotASelector));
        check("evil.example 443/nonsense", Err(ListReason::BadCondition));
        check("yara,00ff", Err(ListReason::UnsupportedKind));
        check("sha256,00ff", Err(ListReason::NotASelector));
        check("sha1,d41d8cd98f00b204e9800998ecf8427e", Err(ListReason::NotASelector));
        check("ipv6,203.0.113.5", Err(ListReason::WrongKind));
        check("domain,203.0.113.5", Err(ListReason::WrongKind));
        check("domain,evil.example,a b", Err(ListReason::BadId));
        check("domain,evil.example,-", Err(ListReason::BadId));
        check("domain,evil.example,one,1,,,-", Err(ListReason::BadId));
        check("domain,evil.example,a,x", Err(ListReason::BadVersion));
        check("domain,evil.example,a,1,tomorrow", Err(ListReason::BadExpiry));
        check("domain,evil.example,a,1,,x", Err(ListReason::BadExpiry));
        check("domain,evil.example,a,1,,,m,n,x", Err(ListReason::TooManyColumns));
        for cells in
            ["\"evil.example/a,b", "evil.example/a\"b", "\"evil.example/a\"b", "a,\"", "\"a\"\""]
        {
            check(&format!("url,{cells}"), Err(ListReason::BadQuotes));
        }
        check(&"a".repeat(5_000), Err(ListReason::TooLong));
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
    fn an_email_address_exists_as_a_keyed_hash_only() {
        assert_eq!(parse_line(b"a@evil.example", None), Err(ListReason::NeedsKey));
        let hash = |key: &[u8], text: &str| EmailKey::new(key).unwrap().hash(text);
        let (one, other) = (b"a key that is long enough", b"another key, long enough");
        assert_eq!(hash(one, "a@evil.example"), hash(one, "<A@EVIL.example.>"));
        assert_ne!(hash(one, "a@evil.example"), hash(other, "a@evil.example"));
        assert_eq!(hash(one, "no address"), None);
        assert!(EmailKey::new(b"short").is_none());
    }

    #[test]
    fn the_canonical_form_is_read_back() {
        let key = EmailKey::new(b"a key that is long enough").unwrap();
        let email = SelectorValue::parse_with("A.B@evil.example", Some(&key)).unwrap().to_string();
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let (ja3, cert) = (format!("ja3s:{md5}"), format!("cert:{md5}"));
        for text in [
            "203.0.113.5",
            "2001:db8::/32",
            "evil.example",
            "=evil.example",
            "url:evil.example/x?y",
            "url:203.0.113.5/24",
            "url:[2001:db8::1]/x",
            "url:evil.example/url?q=http://a.b/c",
            &email,
            &ja3,
            &cert,
            md5,
        ] {
            let value = SelectorValue::parse(text).unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(SelectorValue::parse(&value.to_string()), Ok(value));
        }
    }

    proptest! {
        /// An increment names what it takes away by this text.
        #[test]
        fn whatever_is_a_selector_is_read_back_from_its_canonical_form(
            text in prop_oneof![
                "(|url:|http://|hxxps://|[*][.]|=)(evil[.]example|EVIL[.]example[.]|狼煙[.]example|\\[2001:db8::1\\]|2001:db8::1|203[.]0[.]113[.]5)(|:80)(|[/?][a-z/?#:.,\"\\[\\]%@|]{0,12})",
                "[0-9a-f:./*=]{1,20}",
                "\\PC{0,30}",
            ],
            only in proptest::sample::select(vec!["", " 443/tcp", " dst:*/udp"]),
        ) {
            if let Ok(Some(selector)) = parse_line(format!("{text}{only}").as_bytes(), None) {
                let canonical = format!("{}{}", selector.value, selector.only);
                prop_assert_eq!(parse_canonical(&canonical), Some((selector.value, selector.only)), "{}", canonical);
            }
        }
    }
}
