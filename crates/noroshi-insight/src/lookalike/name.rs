//! What a candidate is: its labels, its public suffix, and what somebody registered.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use noroshi_evidence::observable::refang;

/// Longest line read, in bytes; a name has at most 253 octets (RFC 1035 §2.3.4), a locator in front of it some more.
const LINE_BYTES_MAX: usize = 4096;
/// Octets of a name in its ASCII form, without the trailing dot (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;
/// Octets of a label (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Why a line is no candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// Nothing, or only blanks or dots.
    Empty,
    /// A line longer than 4096 bytes or a name longer than 253 octets.
    TooLong,
    /// A label longer than 63 octets.
    LabelTooLong,
    /// Two dots in a row, or a dot in front.
    EmptyLabel,
    /// An address, not a name.
    Address,
    /// A character no name has.
    Character,
    /// Not a valid internationalised name (UTS #46 processing, RFC 3492 Punycode, RFC 5893 Bidi).
    Idna,
    /// A single label: a top-level domain, or nothing public.
    Suffix,
}

impl Refused {
    /// All reasons, in order.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::TooLong,
        Self::LabelTooLong,
        Self::EmptyLabel,
        Self::Address,
        Self::Character,
        Self::Idna,
        Self::Suffix,
    ];

    /// The word of the reason in files and summaries.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too-long",
            Self::LabelTooLong => "label-too-long",
            Self::EmptyLabel => "empty-label",
            Self::Address => "address",
            Self::Character => "character",
            Self::Idna => "idna",
            Self::Suffix => "suffix",
        }
    }
}

/// A name taken apart by the public suffix list.
///
/// INVARIANT: `ascii` is lower case A-labels without trailing dot, `unicode` the same labels as U-labels; each start is a
/// byte offset of a label in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    ascii: String,
    unicode: String,
    /// Where the registered label starts, in `ascii` and in `unicode`.
    label: (usize, usize),
    /// Where the suffix starts, in `ascii` and in `unicode`.
    suffix: (usize, usize),
    /// Where the registrable name under an ICANN suffix starts in `ascii`; differs from `label` below a private suffix.
    icann: usize,
}

impl Name {
    /// Reads a name, a defanged name, a locator with a host, or a wildcard of a certificate (`*.` is left out).
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > LINE_BYTES_MAX {
            return Err(Refused::TooLong);
        }
        let refanged = refang(text.trim());
        let host = host_of(&refanged)?;
        let (ascii, unicode) = forms(host)?;
        Self::split(ascii, unicode)
    }

    fn split(ascii: String, unicode: String) -> Result<Self, Refused> {
        let suffix = psl::suffix(ascii.as_bytes()).ok_or(Refused::Suffix)?;
        let suffix_length = suffix.as_bytes().len();
        let found = ascii.len().checked_sub(suffix_length).ok_or(Refused::Suffix)?;
        // A name that is a suffix itself (`gouv.fr`, `github.io`) is its own first label under the rest.
        let (label_at, suffix_at) = match label_before(&ascii, found) {
            Some(label_at) => (label_at, found),
            None => (0, ascii.find('.').map(|dot| dot + 1).ok_or(Refused::Suffix)?),
        };
        let icann = if suffix.typ() == Some(psl::Type::Private) && suffix_at == found {
            icann_start(&ascii, suffix_at).unwrap_or(label_at)
        } else {
            label_at
        };
        let from_end = labels(ascii.get(suffix_at..).unwrap_or_default());
        let unicode_suffix = nth_label_from_end(&unicode, from_end);
        let unicode_label = nth_label_from_end(&unicode, from_end + 1);
        Ok(Self {
            label: (label_at, unicode_label),
            suffix: (suffix_at, unicode_suffix),
            ascii,
            unicode,
            icann,
        })
    }

    /// The whole name as A-labels.
    pub fn ascii(&self) -> &str {
        &self.ascii
    }

    /// The whole name as U-labels.
    pub fn unicode(&self) -> &str {
        &self.unicode
    }

    /// What was registered, under the longest public suffix, as A-labels: `example.co.jp`.
    pub fn registrable(&self) -> &str {
        self.ascii.get(self.label.0..).unwrap_or_default()
    }

    /// What was registered at a registry, private suffixes (`github.io`) left aside, as A-labels.
    pub fn registrable_icann(&self) -> &str {
        self.ascii.get(self.icann..).unwrap_or_default()
    }

    /// The registered label as a U-label.
    pub fn label(&self) -> &str {
        let end = self.suffix.1.saturating_sub(1);
        self.unicode.get(self.label.1..end).unwrap_or_default()
    }

    /// The public suffix as U-labels.
    pub fn suffix(&self) -> &str {
        self.unicode.get(self.suffix.1..).unwrap_or_default()
    }

    /// The labels in front of what was registered, as U-labels with dots; mostly empty.
    pub fn sub(&self) -> &str {
        self.unicode.get(..self.label.1.saturating_sub(1)).unwrap_or_default()
    }

    /// Labels in front of the suffix, as U-labels with dots.
    pub fn before_suffix(&self) -> &str {
        self.unicode.get(..self.suffix.1.saturating_sub(1)).unwrap_or_default()
    }

    /// Whether a public suffix stands under it as a whole: it is one itself.
    pub fn is_public_suffix(&self) -> bool {
        psl::suffix(self.ascii.as_bytes())
            .is_some_and(|suffix| suffix.as_bytes().len() == self.ascii.len())
    }

    /// This name and every name above it down to two labels, longest first, as A-labels.
    pub fn ancestry(&self) -> impl Iterator<Item = &str> {
        let mut at = Some(0);
        core::iter::from_fn(move || {
            let rest = self.ascii.get(at?..).filter(|rest| rest.contains('.'))?;
            let start = at?;
            at = rest.find('.').map(|dot| start + dot + 1);
            Some(rest)
        })
    }
}

/// The host of a locator or of a name with a wildcard, port or path.
fn host_of(text: &str) -> Result<&str, Refused> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next().unwrap_or_default();
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    if text.starts_with('[') || text.parse::<Ipv6Addr>().is_ok() {
        return Err(Refused::Address);
    }
    let text = match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => text,
    };
    let text = text.strip_prefix("*.").unwrap_or(text);
    if text.trim_matches(['.', ' ']).is_empty() {
        return Err(Refused::Empty);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.parse::<Ipv4Addr>().is_ok() {
        return Err(Refused::Address);
    }
    Ok(text)
}

/// The A-label and the U-label form.
fn forms(host: &str) -> Result<(String, String), Refused> {
    let lower: Cow<'_, str> = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    };
    if lower.split('.').any(str::is_empty) {
        return Err(Refused::EmptyLabel);
    }
    if lower.is_ascii() && !lower.contains("xn--") {
        check_ascii(&lower)?;
        return Ok((lower.clone().into_owned(), lower.into_owned()));
    }
    // UTS #46 maps width and case first, so that a full-width spelling is the very name it spells.
    let ascii = idna::domain_to_ascii(&lower).map_err(|_| Refused::Idna)?;
    check_ascii(&ascii)?;
    let (unicode, valid) = idna::domain_to_unicode(&ascii);
    valid.map_err(|_| Refused::Idna)?;
    if unicode.split('.').count() != ascii.split('.').count() {
        return Err(Refused::Idna);
    }
    Ok((ascii, unicode))
}

fn check_ascii(name: &str) -> Result<(), Refused> {
    if name.len() > NAME_BYTES_MAX {
        return Err(Refused::TooLong);
    }
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    if !name.bytes().all(plain) {
        return Err(Refused::Character);
    }
    for label in name.split('.') {
        match label.len() {
            0 => return Err(Refused::EmptyLabel),
            length if length > LABEL_BYTES_MAX => return Err(Refused::LabelTooLong),
            _ => {}
        }
    }
    let last_is_number =
        name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if last_is_number { Err(Refused::Address) } else { Ok(()) }
}

fn labels(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'.').count() + 1
}

/// Where the label in front of `at` starts.
fn label_before(text: &str, at: usize) -> Option<usize> {
    let end = at.checked_sub(1)?;
    let before = text.get(..end).filter(|before| !before.is_empty())?;
    Some(before.rfind('.').map_or(0, |dot| dot + 1))
}

/// Where the last `count` labels start.
fn nth_label_from_end(text: &str, count: usize) -> usize {
    let mut end = text.len();
    let mut at = end;
    for _ in 0..count {
        let Some(dot) = text.get(..end).and_then(|before| before.rfind('.')) else { return 0 };
        (at, end) = (dot + 1, dot);
    }
    at
}

/// The registrable name under the ICANN part of the list: what stands above a private suffix is asked for its own.
fn icann_start(ascii: &str, suffix_at: usize) -> Option<usize> {
    let mut at = suffix_at;
    loop {
        let above = ascii.get(at..)?.find('.').map(|dot| at + dot + 1)?;
        let suffix = psl::suffix(ascii.get(above..)?.as_bytes())?;
        if suffix.typ() != Some(psl::Type::Private) {
            let start = ascii.len().checked_sub(suffix.as_bytes().len())?;
            return label_before(ascii, start);
        }
        at = above;
    }
}
