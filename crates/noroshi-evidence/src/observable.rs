//! What is watched, blocked and correlated: an address, a network, a name, a locator, a file's hash.
//!
//! People paste observables out of mail, PDF and chat: defanged (`hxxp`, `[.]`), in full-width
//! characters, in capitals, with a trailing dot. All of that is undone here, once, and nowhere else;
//! from then on two observables are equal exactly if their canonical texts are.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use std::borrow::Cow;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{StixId, id_of_contribution};

/// Longest text looked at, in bytes; locators longer than this are not useful as observables.
pub const OBSERVABLE_BYTES_MAX: usize = 2048;
/// Longest domain name in its textual form without the trailing dot, in bytes (RFC 1035 §2.3.4).
pub const DOMAIN_BYTES_MAX: usize = 253;
/// Longest label of a domain name, in bytes (RFC 1035 §2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;

/// Why a text is not an observable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseObservable {
    /// Nothing is left after white space is taken away.
    #[error("an observable is empty")]
    Empty,
    /// The text is longer than [`OBSERVABLE_BYTES_MAX`].
    #[error("an observable is longer than {OBSERVABLE_BYTES_MAX} bytes")]
    TooLong,
    /// It looks like an address or network and is not one.
    #[error("`{0}` is neither an address nor a network")]
    Address(String),
    /// It is not a domain name: characters, lengths, a single label or a numeric last label.
    #[error("`{0}` is not a domain name")]
    Domain(String),
    /// It has a scheme and is not a locator whose host can be read.
    #[error("`{0}` is not a locator")]
    Url(String),
    /// It is not the hexadecimal text of a hash of the named algorithm.
    #[error("`{0}` is not a hash")]
    Hash(String),
}

impl ParseObservable {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "NRS-EVID-0001",
            Self::TooLong => "NRS-EVID-0002",
            Self::Address(_) => "NRS-EVID-0003",
            Self::Domain(_) => "NRS-EVID-0004",
            Self::Url(_) => "NRS-EVID-0005",
            Self::Hash(_) => "NRS-EVID-0006",
        }
    }
}

/// A domain name in its one canonical form: lower case, A-labels, no trailing dot.
///
/// INVARIANT: two to 127 labels of 1 to 63 bytes out of `a-z 0-9 - _`, no label begins or ends with a
/// hyphen, the last one is not a number, and the whole is at most 253 bytes. A name of a single label
/// is refused: nobody is entitled to watch or block a whole top-level domain by one careless word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(Box<str>);

impl DomainName {
    /// Reads a name as people write it; U-labels become A-labels (RFC 5891, UTS #46), because A-labels
    /// are what is seen on the wire.
    pub fn parse(text: &str) -> Result<Self, ParseObservable> {
        if text.len() > OBSERVABLE_BYTES_MAX {
            return Err(ParseObservable::TooLong);
        }
        let refanged = refang(text);
        if refanged.is_empty() {
            return Err(ParseObservable::Empty);
        }
        Self::canonical(&refanged).ok_or_else(|| ParseObservable::Domain(refanged.into_owned()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels from left to right.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// Whether this name lies strictly below `parent` (`a.b.example` below `b.example`).
    pub fn is_subdomain_of(&self, parent: &Self) -> bool {
        self.0.strip_suffix(&*parent.0).is_some_and(|left| left.len() > 1 && left.ends_with('.'))
    }

    /// Whether this name is `parent` or lies below it.
    pub fn is_within(&self, parent: &Self) -> bool {
        self == parent || self.is_subdomain_of(parent)
    }

    /// The names above this one, nearest first, down to two labels.
    pub fn parents(&self) -> impl Iterator<Item = Self> {
        let mut rest: &str = &self.0;
        core::iter::from_fn(move || {
            let (_, above) = rest.split_once('.')?;
            rest = above;
            above.contains('.').then(|| Self(above.into()))
        })
    }

    /// `text` has been refanged. ASCII takes the short way and allocates once.
    fn canonical(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let name = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).ok()?
        };
        let labels_valid = name.split('.').all(is_label);
        let last = name.rsplit('.').next().unwrap_or_default();
        let last_is_number = last.bytes().all(|byte| byte.is_ascii_digit());
        let valid = name.len() <= DOMAIN_BYTES_MAX && name.contains('.');
        (valid && labels_valid && !last_is_number).then(|| Self(name.into()))
    }
}

/// Letters, digits, hyphens inside, and the underscore that service names use (RFC 2782).
fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| allowed(byte) || byte == b'-')
}

impl FromStr for DomainName {
    type Err = ParseObservable;

    fn from_str(text: &str) -> Result<Self, ParseObservable> {
        Self::parse(text)
    }
}

impl TryFrom<String> for DomainName {
    type Error = ParseObservable;

    fn try_from(text: String) -> Result<Self, ParseObservable> {
        Self::parse(&text)
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A locator with scheme and host in lower case, the default port left out, the rest as given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url(Box<str>);

impl Url {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address or name the locator points to.
    pub fn host(&self) -> Option<Observable> {
        let (_, rest) = self.0.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, _) = split_port(authority)?;
        read_host(host).ok()
    }

    fn canonical(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let scheme_valid = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        let clean = !rest.chars().any(|c| c.is_whitespace() || c.is_control() || is_invisible(c));
        if !scheme_valid || !clean {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        // Userinfo is a way to write a misleading host and may carry a password; neither is kept.
        if authority.contains('@') {
            return None;
        }
        let (host, port) = split_port(authority)?;
        let host = match read_host(host).ok()? {
            Observable::Ipv6(net) => format!("[{}]", net.addr()),
            host => host.to_string(),
        };
        let port = match (scheme.as_str(), port) {
            (_, None) | ("http", Some(80)) | ("https", Some(443)) => String::new(),
            (_, Some(port)) => format!(":{port}"),
        };
        let tail = if tail.is_empty() { "/" } else { tail };
        let slash = if tail.starts_with('/') { "" } else { "/" };
        let url = format!("{scheme}://{host}{port}{slash}{tail}");
        (url.len() <= OBSERVABLE_BYTES_MAX).then(|| Self(url.into()))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Takes `host`, `host:port` or `[v6]:port` apart.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(inside) = authority.strip_prefix('[') {
        let (host, after) = inside.split_once(']')?;
        if after.is_empty() { (host, None) } else { (host, Some(after.strip_prefix(':')?)) }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    match port {
        None | Some("") => Some((host, None)),
        Some(port) => Some((host, Some(port.parse().ok()?))),
    }
}

/// A single address or a name; networks are no hosts.
fn read_host(text: &str) -> Result<Observable, ParseObservable> {
    if text.contains('/') {
        return Err(ParseObservable::Address(text.to_owned()));
    }
    read_address_or_name(text)
}

/// The hash algorithms met in reports; the text length tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// 128 bits. Collisions are cheap: a match is a hint.
    Md5,
    /// 160 bits. Collisions are feasible: a match is a hint.
    Sha1,
    /// 256 bits.
    Sha256,
    /// 512 bits.
    Sha512,
}

impl HashAlgorithm {
    /// The name in the STIX `hash-algorithm-ov` vocabulary (STIX 2.1 section 10.8).
    pub const fn stix_name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// Length of the hexadecimal text, in bytes.
    pub const fn hex_bytes(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// Reads the STIX name, generously (`SHA256` for `SHA-256`).
    pub fn from_stix_name(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|algorithm| {
            let known = algorithm.stix_name();
            name.eq_ignore_ascii_case(known) || name.eq_ignore_ascii_case(&known.replace('-', ""))
        })
    }

    fn of_length(hex_bytes: usize) -> Option<Self> {
        [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.hex_bytes() == hex_bytes)
    }
}

/// The hash of a file, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileHash {
    algorithm: HashAlgorithm,
    hex: Box<str>,
}

impl FileHash {
    /// Checks length and alphabet.
    pub fn new(algorithm: HashAlgorithm, hex: &str) -> Result<Self, ParseObservable> {
        let valid =
            hex.len() == algorithm.hex_bytes() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if valid {
            Ok(Self { algorithm, hex: hex.to_ascii_lowercase().into() })
        } else {
            let shown = hex.chars().take(HashAlgorithm::Sha512.hex_bytes()).collect();
            Err(ParseObservable::Hash(shown))
        }
    }

    /// Which algorithm.
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The digest in lower-case hexadecimal.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

/// Something that can be recognised on a network or a disk.
///
/// INVARIANT (kept by [`Observable::parse`] and the `From` conversions; whoever builds a variant by hand
/// must use [`Ipv4Net::trunc`]): networks have no host bits, and IPv4 addresses mapped into IPv6 are
/// IPv4. Then equality, order and hash are those of the canonical text's meaning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Observable {
    /// An IPv4 network; a single address is a /32.
    Ipv4(Ipv4Net),
    /// An IPv6 network; a single address is a /128.
    Ipv6(Ipv6Net),
    /// A domain name.
    Domain(DomainName),
    /// A locator.
    Url(Url),
    /// A file's hash.
    FileHash(FileHash),
}

impl Observable {
    /// Reads an observable as people and other programs write it.
    ///
    /// ```
    /// use noroshi_evidence::observable::Observable;
    /// let pasted = Observable::parse("hxxp://C2[.]Evil.EXAMPLE:80")?;
    /// assert_eq!(pasted.to_string(), "http://c2.evil.example/");
    /// assert_eq!(Observable::parse("１９２．０．２．１")?.to_string(), "192.0.2.1");
    /// assert_eq!(Observable::parse("198.51.100.9/24")?.to_string(), "198.51.100.0/24");
    /// # Ok::<(), noroshi_evidence::observable::ParseObservable>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ParseObservable> {
        if text.len() > OBSERVABLE_BYTES_MAX {
            return Err(ParseObservable::TooLong);
        }
        let text = refang(text);
        if text.is_empty() {
            return Err(ParseObservable::Empty);
        }
        if text.contains("://") {
            let url = Url::canonical(&text).map(Self::Url);
            return url.ok_or_else(|| ParseObservable::Url(text.into_owned()));
        }
        if text.bytes().all(|byte| byte.is_ascii_hexdigit())
            && let Some(algorithm) = HashAlgorithm::of_length(text.len())
        {
            return FileHash::new(algorithm, &text).map(Self::FileHash);
        }
        read_address_or_name(&text)
    }

    /// The STIX type of the observable, for example `ipv4-addr`.
    pub const fn stix_type(&self) -> &'static str {
        match self {
            Self::Ipv4(_) => "ipv4-addr",
            Self::Ipv6(_) => "ipv6-addr",
            Self::Domain(_) => "domain-name",
            Self::Url(_) => "url",
            Self::FileHash(_) => "file",
        }
    }

    /// The STIX properties that carry the value, without the common ones.
    pub fn stix_properties(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        if let Self::FileHash(hash) = self {
            let mut hashes = Map::new();
            hashes.insert(hash.algorithm.stix_name().to_owned(), Value::from(hash.hex()));
            properties.insert("hashes".to_owned(), Value::Object(hashes));
        } else {
            properties.insert("value".to_owned(), Value::from(self.to_string()));
        }
        properties
    }

    /// The deterministic id of the STIX observable with this canonical value (STIX 2.1 section 2.9).
    ///
    /// Another producer who writes the same value in another form (`2001:0DB8::1`) has another id:
    /// the standard hashes the text. Correlation therefore goes by [`Observable`], never by id.
    pub fn stix_id(&self) -> StixId {
        id_of_contribution(self.stix_type(), self.stix_properties())
    }

    /// Whether it names one host, locator or file and not a whole network.
    pub const fn is_single(&self) -> bool {
        match self {
            Self::Ipv4(net) => net.prefix_len() == 32,
            Self::Ipv6(net) => net.prefix_len() == 128,
            Self::Domain(_) | Self::Url(_) | Self::FileHash(_) => true,
        }
    }

    /// Whether `other` is this one or lies inside it: an address in a network, a name under a name.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ipv4(net), Self::Ipv4(inner)) => net.contains(inner),
            (Self::Ipv6(net), Self::Ipv6(inner)) => net.contains(inner),
            (Self::Domain(parent), Self::Domain(name)) => name.is_within(parent),
            _ => self == other,
        }
    }

    /// The text with its teeth drawn, for pages and mail: `hxxp://c2[.]evil[.]example/`.
    pub fn defanged(&self) -> String {
        let text = self.to_string();
        match self {
            Self::FileHash(_) => text,
            Self::Ipv6(_) => text.replace(':', "[:]"),
            Self::Ipv4(_) | Self::Domain(_) => text.replace('.', "[.]"),
            Self::Url(_) => {
                let teeth = |text: &str| text.replace('.', "[.]");
                match text.split_once("://") {
                    Some(("http", rest)) => format!("hxxp://{}", teeth(rest)),
                    Some(("https", rest)) => format!("hxxps://{}", teeth(rest)),
                    _ => teeth(&text),
                }
            }
        }
    }
}

impl From<Ipv4Net> for Observable {
    fn from(net: Ipv4Net) -> Self {
        Self::Ipv4(net.trunc())
    }
}

impl From<Ipv6Net> for Observable {
    fn from(net: Ipv6Net) -> Self {
        // RFC 4291 §2.5.5.2: ::ffff:0:0/96 holds the IPv4 addresses.
        let mapped = net.addr().to_ipv4_mapped();
        let prefix = net.prefix_len().checked_sub(96);
        if let (Some(address), Some(prefix)) = (mapped, prefix)
            && let Ok(inner) = Ipv4Net::new(address, prefix)
        {
            return Self::Ipv4(inner.trunc());
        }
        Self::Ipv6(net.trunc())
    }
}

impl From<IpNet> for Observable {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => net.into(),
            IpNet::V6(net) => net.into(),
        }
    }
}

impl From<Ipv4Addr> for Observable {
    fn from(address: Ipv4Addr) -> Self {
        Ipv4Net::from(address).into()
    }
}

impl From<Ipv6Addr> for Observable {
    fn from(address: Ipv6Addr) -> Self {
        Ipv6Net::from(address).into()
    }
}

impl From<IpAddr> for Observable {
    fn from(address: IpAddr) -> Self {
        IpNet::from(address).into()
    }
}

impl From<DomainName> for Observable {
    fn from(name: DomainName) -> Self {
        Self::Domain(name)
    }
}

impl FromStr for Observable {
    type Err = ParseObservable;

    fn from_str(text: &str) -> Result<Self, ParseObservable> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Observable {
    type Error = ParseObservable;

    fn try_from(text: String) -> Result<Self, ParseObservable> {
        Self::parse(&text)
    }
}

impl From<Observable> for String {
    fn from(observable: Observable) -> Self {
        observable.to_string()
    }
}

impl fmt::Display for Observable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(net) if net.prefix_len() == 32 => write!(out, "{}", net.addr()),
            Self::Ipv4(net) => write!(out, "{}/{}", net.network(), net.prefix_len()),
            Self::Ipv6(net) if net.prefix_len() == 128 => write!(out, "{}", net.addr()),
            Self::Ipv6(net) => write!(out, "{}/{}", net.network(), net.prefix_len()),
            Self::Domain(name) => write!(out, "{name}"),
            Self::Url(url) => write!(out, "{url}"),
            Self::FileHash(hash) => out.write_str(hash.hex()),
        }
    }
}

/// `text` has been refanged and is neither a locator nor a hash.
fn read_address_or_name(text: &str) -> Result<Observable, ParseObservable> {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = inside.parse::<IpAddr>() {
        return Ok(address.into());
    }
    if let Ok(net) = inside.parse::<IpNet>() {
        return Ok(net.into());
    }
    let address_like = inside.contains([':', '/'])
        || inside.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if address_like {
        return Err(ParseObservable::Address(text.to_owned()));
    }
    DomainName::canonical(text)
        .map(Observable::Domain)
        .ok_or_else(|| ParseObservable::Domain(text.to_owned()))
}

/// Undoes what people do so that an observable cannot be clicked, and what an input method did to it.
pub fn refang(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(refanged(text))
}

/// Whether nothing can be undone: what a program wrote mostly is so, and is read without a copy.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'[' | b'(' | b'{' | b'\\');
    let starts_defanged = text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("hxx"));
    !starts_defanged && text.bytes().all(plain)
}

fn refanged(text: &str) -> String {
    let mut folded: String =
        text.chars().filter(|c| !is_invisible(*c)).map(fold_width).collect::<String>();
    folded.truncate(folded.trim_end().len());
    let mut text = folded.trim_start().to_owned();
    if text.contains(['[', '(', '{', '\\']) {
        for (defanged, plain) in DEFANGED {
            if text.contains(defanged) {
                text = text.replace(defanged, plain);
            }
        }
    }
    let lower = text.get(..8).unwrap_or(&text).to_ascii_lowercase();
    for (defanged, plain) in [("hxxps://", "https://"), ("hxxp://", "http://")] {
        if lower.starts_with(defanged)
            && let Some(rest) = text.get(defanged.len()..)
        {
            return format!("{plain}{rest}");
        }
    }
    text
}

/// The forms met in published reports; the order matters, longer ones come first.
const DEFANGED: [(&str, &str); 13] = [
    ("[://]", "://"),
    ("[:]//", "://"),
    ("[:]", ":"),
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("[DOT]", "."),
    ("(DOT)", "."),
    ("[/]", "/"),
    ("\\.", "."),
];

/// Full-width forms, the ideographic space and the two ideographic full stops become ASCII.
pub(crate) fn fold_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
        }
        '\u{3000}' => ' ',
        '\u{3002}' | '\u{ff61}' => '.',
        other => other,
    }
}

/// Characters without a picture that copying leaves in the middle of a name.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expected: &str) {
        let answer = match Observable::parse(input) {
            Ok(observable) => format!("{} {observable}", observable.stix_type()),
            Err(problem) => problem.code().to_owned(),
        };
        assert_eq!(answer, expected, "{input:?}");
    }

    #[test]
    fn what_people_paste_becomes_canonical() {
        check(" 192.0.2.1 ", "ipv4-addr 192.0.2.1");
        check("192[.]0(.)2{.}1", "ipv4-addr 192.0.2.1");
        check("１９２．０。２｡１", "ipv4-addr 192.0.2.1");
        check("192.0.2.1/32", "ipv4-addr 192.0.2.1");
        check("198.51.100.77/24", "ipv4-addr 198.51.100.0/24");
        check("2001:0DB8::0001", "ipv6-addr 2001:db8::1");
        check("[2001:db8::1]", "ipv6-addr 2001:db8::1");
        check("2001[:]db8[:][:]1", "ipv6-addr 2001:db8::1");
        check("2001:db8:ffff::/32", "ipv6-addr 2001:db8::/32");
        check("::ffff:192.0.2.1", "ipv4-addr 192.0.2.1");
        check("::ffff:192.0.2.0/120", "ipv4-addr 192.0.2.0/24");
        check("C2.Evil[dot]Example.", "domain-name c2.evil.example");
        check("_dmarc.evil.example", "domain-name _dmarc.evil.example");
        check("ｅｖｉｌ。ｅｘａｍｐｌｅ", "domain-name evil.example");
        check("e\u{200b}vil.example", "domain-name evil.example");
        check("狼煙.example", "domain-name xn--ouxv8a.example");
        check("XN--OUXV8A.example", "domain-name xn--ouxv8a.example");
        check("hXXps://Evil[.]example:443/A?b#c", "url https://evil.example/A?b#c");
        check("hxxp[:]//192.0.2.1:8080", "url http://192.0.2.1:8080/");
        check("http://[2001:DB8::1]:80?q", "url http://[2001:db8::1]/?q");
        check("D41D8CD98F00B204E9800998ECF8427E", "file d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn what_is_no_observable_is_refused_with_its_reason() {
        check("", "NRS-EVID-0001");
        check(" \u{3000}\u{feff} ", "NRS-EVID-0001");
        check(&"a.".repeat(1100), "NRS-EVID-0002");
        check("192.0.2.256", "NRS-EVID-0003");
        check("192.0.2.1/33", "NRS-EVID-0003");
        check("192.0.2", "NRS-EVID-0003");
        check("1.2.3.4.5", "NRS-EVID-0003");
        check("2001:db8:::1", "NRS-EVID-0003");
        check("example", "NRS-EVID-0004");
        check("evil..example", "NRS-EVID-0004");
        check(".evil.example", "NRS-EVID-0004");
        check("-evil.example", "NRS-EVID-0004");
        check("evil-.example", "NRS-EVID-0004");
        check("evil example.example", "NRS-EVID-0004");
        check("host.0x7f.123", "NRS-EVID-0004");
        check(&format!("{}.example", "a".repeat(64)), "NRS-EVID-0004");
        check(&format!("{}example", "abcdefgh.".repeat(28)), "NRS-EVID-0004");
        check("http://", "NRS-EVID-0005");
        check("http://user:secret@evil.example/", "NRS-EVID-0005");
        check("http://evil.example:99999/", "NRS-EVID-0005");
        check("http://evil.example/a b", "NRS-EVID-0005");
        check("1ttp://evil.example/", "NRS-EVID-0005");
    }

    #[test]
    fn names_know_what_lies_below_them() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        assert!(name("a.b.example").is_subdomain_of(&name("b.example")));
        assert!(!name("b.example").is_subdomain_of(&name("b.example")));
        assert!(name("b.example").is_within(&name("b.example")));
        assert!(!name("ab.example").is_within(&name("b.example")));
        let parents: Vec<_> = name("w.x.y.example").parents().map(String::from).collect();
        assert_eq!(parents, ["x.y.example", "y.example"]);
    }

    #[test]
    fn networks_contain_and_defanging_bites_nobody() {
        let read = |text: &str| Observable::parse(text).unwrap();
        assert!(read("192.0.2.0/24").contains(&read("192.0.2.7")));
        assert!(!read("192.0.2.7").contains(&read("192.0.2.0/24")));
        assert!(!read("0.0.0.0/0").contains(&read("2001:db8::1")));
        assert_eq!(read("https://evil.example/x").defanged(), "hxxps://evil[.]example/x");
        assert_eq!(read("2001:db8::/32").defanged(), "2001[:]db8[:][:]/32");
        let Observable::Url(url) = read("http://a.evil.example:81/") else { panic!("a locator") };
        assert_eq!(url.host(), Some(read("a.evil.example")));
    }

    #[test]
    fn ids_follow_from_the_canonical_value() {
        for (text, id) in [
            ("198.51.100.3/32", "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
            ("198.51.100.0/24", "ipv4-addr--1ea47840-aa39-5aa8-b4a2-cd203eb6662a"),
            ("EXAMPLE.com.", "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"),
            (
                "https://example.com/research/index.html",
                "url--47c3cf9a-5027-5bf0-997a-017c7edc7c55",
            ),
        ] {
            assert_eq!(Observable::parse(text).unwrap().stix_id().as_str(), id);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_reads_again(text in "\\PC{0,80}") {
            if let Ok(observable) = Observable::parse(&text) {
                let shown = observable.to_string();
                prop_assert_eq!(Observable::parse(&shown).unwrap(), observable.clone());
                prop_assert_eq!(Observable::parse(&observable.defanged()).unwrap(), observable);
            }
        }

        #[test]
        fn likely_texts_read_again(text in "(hxxps?://)?[a-zA-Z0-9\\[\\].:/。-]{1,30}") {
            if let Ok(observable) = Observable::parse(&text) {
                let shown = observable.to_string();
                prop_assert_eq!(Observable::parse(&shown).unwrap(), observable.clone());
                prop_assert_eq!(Observable::parse(&observable.defanged()).unwrap(), observable);
            }
        }

        #[test]
        fn networks_have_no_host_bits(bits in any::<u128>(), prefix in 0_u8..=128) {
            let net = Ipv6Net::new(Ipv6Addr::from_bits(bits), prefix).unwrap();
            let observable = Observable::from(net);
            let read = Observable::parse(&observable.to_string()).unwrap();
            prop_assert_eq!(read, observable);
        }
    }
}
