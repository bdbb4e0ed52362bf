//! The forms of single values: times, addresses, hexadecimal text and the like.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::vocab;

/// A point in time that can be compared: seconds since 1970 and the fraction in billionths.
pub(super) type Instant = (i64, u64);

/// Reads a timestamp (STIX 2.1 section 2.16; RFC 3339 in UTC); digits behind the ninth are not told apart.
pub(super) fn time(text: &str) -> Option<Instant> {
    let body = text.strip_suffix('Z')?.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = body.get(from..to)?;
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks.iter().all(|(at, mark)| body.get(*at) == Some(mark)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let fraction = match body.get(19) {
        None => 0,
        Some(b'.') => billionths(body.get(20..)?)?,
        Some(_) => return None,
    };
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some((seconds, fraction))
}

fn billionths(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let padded = digits.iter().copied().chain(core::iter::repeat(b'0')).take(9);
    Some(padded.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Days between 1970-01-01 and a date of the Gregorian calendar.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// How many digits stand behind the second.
pub(super) fn fraction_digits(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len().saturating_sub(1))
}

pub(super) fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Base64 with padding (RFC 4648 section 4).
pub(super) fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// An address with or without the length of a prefix (sections 6.8 and 6.9).
fn with_prefix(text: &str, bits_max: u8, address: impl Fn(&str) -> bool) -> bool {
    match text.split_once('/') {
        None => address(text),
        Some((left, bits)) => {
            let plain = bits.len() <= 3 && (bits == "0" || !bits.starts_with(['0', '+']));
            address(left) && plain && bits.parse::<u8>().is_ok_and(|bits| bits <= bits_max)
        }
    }
}

pub(super) fn is_ipv4(text: &str) -> bool {
    with_prefix(text, 32, |address| address.parse::<Ipv4Addr>().is_ok())
}

pub(super) fn is_ipv6(text: &str) -> bool {
    with_prefix(text, 128, |address| {
        let bare = address.split_once('%').map_or(address, |(bare, _)| bare);
        bare.parse::<Ipv6Addr>().is_ok()
    })
}

/// Section 6.10: six pairs in lower case, joined by colons.
pub(super) fn is_mac(text: &str) -> bool {
    text.len() == 17
        && text.bytes().enumerate().all(|(at, byte)| match at % 3 {
            2 => byte == b':',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// Section 6.5: an address without a display name (RFC 5322 §3.4.1, as far as mail systems agree).
pub(super) fn is_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace)
    })
}

/// Section 6.4: RFC 1034 or RFC 5890.
pub(super) fn is_domain(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || !c.is_ascii())
    };
    !name.is_empty() && name.len() <= 253 && name.split('.').all(label)
}

/// Section 6.16: RFC 3986, with a scheme.
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_sound = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let rest_sound = !rest.is_empty() && !rest.chars().any(|c| c.is_whitespace() || c.is_control());
    scheme_sound && rest_sound && !(rest.starts_with("//") && rest.len() == 2)
}

/// A language tag by its shape (RFC 5646).
pub(super) fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().is_some_and(|part| {
        let letters = part.bytes().all(|b| b.is_ascii_alphabetic());
        letters && ((2..=3).contains(&part.len()) || matches!(part, "x" | "i"))
    });
    let rest = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    first && parts.all(rest)
}

/// Whether a language tag begins with a usual language.
pub(super) fn is_known_language(text: &str) -> bool {
    let first = text.split('-').next().unwrap_or_default().to_ascii_lowercase();
    matches!(first.as_str(), "x" | "i")
        || vocab::LANGUAGES.split(' ').any(|language| language == first)
}

/// How the names of character sets in the IANA registry begin.
const CHARSETS: &[&str] = &[
    "utf",
    "us-ascii",
    "us",
    "ascii",
    "iso",
    "windows-",
    "ibm",
    "cp",
    "koi",
    "euc",
    "shift_jis",
    "sjis",
    "ms_",
    "gb",
    "hz-gb",
    "big5",
    "hp-",
    "mac",
    "ebcdic",
    "viscii",
    "vn",
    "tis-620",
    "unicode",
    "scsu",
    "bocu",
    "cesu",
    "ks_c",
    "ks",
    "jis_",
    "latin",
    "greek",
    "cyrillic",
    "arabic",
    "hebrew",
    "dec-mcs",
    "adobe-",
    "ptcp154",
    "armscii",
    "tscii",
    "amiga",
    "osd_",
    "nats-",
    "sen_850200",
    "nf_z",
    "din_66003",
    "bs_",
    "inis",
    "csa_",
    "ecma-",
    "t.61",
    "ansi_",
    "es",
    "pt",
    "it",
    "jus_",
    "no",
    "dk-us",
    "ventura-",
    "kz-1048",
    "brf",
    "extended_",
];

/// The name of a character set: the families of names in the IANA registry, in any case.
pub(super) fn is_charset(text: &str) -> bool {
    let letter = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'(' | b')' | b'+' | b'_' | b':' | b'-' | b'/')
    };
    let lower = text.to_ascii_lowercase();
    let plain =
        text.bytes().all(letter) || lower.starts_with("ansi_x3.") || lower.starts_with("t.61");
    (2..=250).contains(&text.len())
        && plain
        && CHARSETS.iter().any(|family| lower.starts_with(family))
}

/// A CPE 2.3 formatted string: thirteen parts, colons escaped.
pub(super) fn is_cpe(text: &str) -> bool {
    let unescaped = |at: usize| at == 0 || text.as_bytes().get(at - 1) != Some(&b'\\');
    let colons = text.bytes().enumerate().filter(|(at, byte)| *byte == b':' && unescaped(*at));
    text.starts_with("cpe:2.3:") && colons.count() == 12
}

/// Section 3.1: an object type; the second value is whether two hyphens follow each other.
pub(super) fn is_type(text: &str) -> bool {
    crate::id::is_object_type(text)
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.contains("--")
}

/// Section 3.1: the name of a property.
pub(super) fn is_property(text: &str) -> bool {
    text == "id"
        || ((3..=250).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')))
}

/// Section 2.4: a key of a dictionary.
pub(super) fn is_key(text: &str) -> bool {
    (1..=250).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Section 2.9: the UUID of an id, with its version, when it is one of RFC 9562.
pub(super) fn uuid_version(text: &str) -> Option<u8> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    let variant = matches!(bytes.get(19), Some(b'8' | b'9' | b'a' | b'b' | b'A' | b'B'));
    let version = bytes.get(14).map(|byte| byte.wrapping_sub(b'0'))?;
    (shape && variant && (1..=8).contains(&version)).then_some(version)
}
