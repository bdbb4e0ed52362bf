//! Numbers, times and addresses out of bytes, without allocation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bits;

const US_PER_SECOND: i64 = 1_000_000;
/// The last second that a `jiff::Timestamp` holds, in December of the year 9999.
const SECONDS_MAX: i64 = 253_402_207_199;

/// Decimal digits only; a counter that does not fit stays at the largest value.
pub(crate) fn parse_count(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 40 {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(value.saturating_mul(10).saturating_add(digit))
    })
}

/// A port.
pub(crate) fn parse_port(text: &[u8]) -> Option<u16> {
    parse_count(text).and_then(|value| u16::try_from(value).ok())
}

/// Seconds since the epoch or of a duration, with a fraction, as microseconds. What is finer is rounded, as
/// Zeek itself rounds where it writes tables, so that both of its formats give the same time.
#[inline]
pub(crate) fn parse_seconds_us(text: &[u8]) -> Option<i64> {
    plain_seconds_us(text).or_else(|| other_seconds_us(text))
}

/// Ten digits, a point and six digits: what a time of this century looks like in a table.
#[inline]
fn plain_seconds_us(text: &[u8]) -> Option<i64> {
    let text: &[u8; 17] = text.try_into().ok()?;
    let (low, rest) = text.split_first_chunk::<8>()?;
    let (tens, rest) = rest.split_first()?;
    let low = u64::from_le_bytes(*low);
    // The ones, the point and the fraction; the ones move over the point, and the tens to where they were.
    let rest = u64::from_le_bytes(*rest.first_chunk()?);
    let tail = rest & !0xffff | (rest & 0xff) << 8 | u64::from(*tens);
    if rest >> 8 & 0xff != u64::from(b'.') || !bits::are_digits(low) || !bits::are_digits(tail) {
        return None;
    }
    let us = bits::eight_digits(low) * 100_000_000 + bits::eight_digits(tail);
    i64::try_from(us).ok()
}

fn other_seconds_us(text: &[u8]) -> Option<i64> {
    let mut whole = 0_i64;
    let mut digits = text.iter();
    let mut seen = 0_u32;
    let mut has_fraction = false;
    for byte in digits.by_ref() {
        match byte {
            b'0'..=b'9' if seen < 12 => {
                whole = whole * 10 + i64::from(byte - b'0');
                seen += 1;
            }
            b'.' if seen > 0 => {
                has_fraction = true;
                break;
            }
            b'e' | b'E' if seen > 0 => return parse_power_us(text),
            _ => return None,
        }
    }
    if seen == 0 || whole > SECONDS_MAX {
        return None;
    }
    match has_fraction.then(|| fraction_us(digits.as_slice())) {
        None => Some(whole * US_PER_SECOND),
        Some(Some(fraction)) => Some(whole * US_PER_SECOND + fraction),
        Some(None) => parse_power_us(text),
    }
}

/// The form with a power of ten, in which JSON writes very short durations.
fn parse_power_us(text: &[u8]) -> Option<i64> {
    let well_formed = text.len() <= 40 && text.last().is_some_and(u8::is_ascii_digit);
    if !well_formed || !text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return None;
    }
    let us = std::str::from_utf8(text).ok()?.parse::<f64>().ok()? * 1e6;
    #[expect(clippy::cast_possible_truncation, reason = "the range has been checked")]
    (0.0..=2.5e17).contains(&us).then(|| us.round() as i64)
}

/// The digits behind the point, rounded to the sixth.
fn fraction_us(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 40 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut scale = US_PER_SECOND;
    let value = digits.iter().take(6).fold(0, |value, byte| {
        scale /= 10;
        value + i64::from(byte - b'0') * scale
    });
    Some(value + i64::from(digits.get(6).is_some_and(|byte| *byte >= b'5')))
}

/// An RFC 3339 time; the offset also as `+0000`, which is how EVE writes it.
pub(crate) fn parse_time_us(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(19)?;
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T' | b' ',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
    ] = *date
    else {
        return None;
    };
    let pair = |high: u8, low: u8| {
        (high.is_ascii_digit() && low.is_ascii_digit())
            .then(|| i64::from(high - b'0') * 10 + i64::from(low - b'0'))
    };
    let year = pair(y0, y1)? * 100 + pair(y2, y3)?;
    let (month, day) = (pair(m0, m1)?, pair(d0, d1)?);
    let (hour, minute, second) = (pair(h0, h1)?, pair(n0, n1)?, pair(s0, s1)?);
    if hour > 23 || minute > 59 || second > 60 || !(1..=days_in_month(year, month)?).contains(&day)
    {
        return None;
    }
    let (fraction, zone) = match rest {
        [b'.', rest @ ..] => {
            let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
            let (digits, zone) = rest.split_at_checked(end)?;
            (fraction_us(digits)?, zone)
        }
        zone => (0, zone),
    };
    let offset = match *zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] | [sign @ (b'+' | b'-'), h0, h1, m0, m1] => {
            let seconds = pair(h0, h1)? * 3600 + pair(m0, m1)? * 60;
            if sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let seconds = days_from_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let seconds = seconds - offset;
    (0..=SECONDS_MAX).contains(&seconds).then(|| seconds * US_PER_SECOND + fraction)
}

fn days_in_month(year: i64, month: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March so that the leap
/// day comes last.
const fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month > 2 { year } else { year - 1 };
    let months = (month + 9) % 12;
    let day_of_year = (153 * months + 2) / 5 + day - 1;
    365 * shifted + shifted.div_euclid(4) - shifted.div_euclid(100)
        + shifted.div_euclid(400)
        + day_of_year
        - 719_468
}

/// An address. One that only carries an IPv4 address inside IPv6 (`::ffff:0:0/96`) is that IPv4 address, or
/// a selector would miss what a dual-stack socket wrote down.
#[inline]
pub(crate) fn parse_address(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = parse_v4(text) {
        return Some(IpAddr::V4(address));
    }
    if text.len() > 45 || !text.contains(&b':') {
        return None;
    }
    parse_v6(text).map(|address| IpAddr::V6(address).to_canonical())
}

/// Groups of hexadecimal digits, one `::`, perhaps an IPv4 address at the end (RFC 4291 §2.2).
fn parse_v6(text: &[u8]) -> Option<Ipv6Addr> {
    let mut groups = [0_u16; 8];
    let (mut count, mut gap) = (0, None);
    let mut rest = text;
    if let [b':', b':', behind @ ..] = rest {
        (gap, rest) = (Some(0), behind);
    }
    while !rest.is_empty() {
        let (value, behind) = hex_group(rest)?;
        if behind.first() == Some(&b'.') {
            let [a, b, c, d] = parse_v4(rest)?.octets();
            let [one, other] = groups.get_mut(count..)?.first_chunk_mut::<2>()?;
            (*one, *other) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            count += 2;
            break;
        }
        *groups.get_mut(count)? = value;
        count += 1;
        rest = match behind {
            [] => break,
            [b':', b':', behind @ ..] if gap.is_none() => {
                gap = Some(count);
                behind
            }
            [b':', behind @ ..] if !behind.is_empty() => behind,
            _ => return None,
        };
    }
    v6_of(groups, count, gap)
}

/// So many groups, and how many of them stand before `::`.
fn v6_of(mut groups: [u16; 8], count: usize, gap: Option<usize>) -> Option<Ipv6Addr> {
    match gap {
        None => (count == 8).then(|| Ipv6Addr::from(groups)),
        // `::` stands for one group or more.
        Some(gap) if count < 8 => {
            groups.get_mut(gap..)?.rotate_right(8 - count);
            Some(Ipv6Addr::from(groups))
        }
        Some(_) => None,
    }
}

/// One to four hexadecimal digits and what stands behind them.
#[inline]
fn hex_group(text: &[u8]) -> Option<(u16, &[u8])> {
    let (mut value, mut count) = (0_u16, 0);
    for byte in text.iter().take(5) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => break,
        };
        value = value << 4 | u16::from(digit);
        count += 1;
    }
    if !(1..=4).contains(&count) {
        return None;
    }
    text.get(count..).map(|behind| (value, behind))
}

/// Four numbers and three dots. Where the dots stand is found at once, and the numbers are put together without a
/// branch, because how long each is cannot be guessed.
#[inline]
fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    if !(7..=15).contains(&text.len()) {
        return None;
    }
    // Twice eight bytes, one from each end: they overlap, which is what makes one load of any length.
    let mut bytes = [b'0'; 16];
    let (low, high) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(low), Some(high)) => (u64::from_le_bytes(*low), u64::from_le_bytes(*high)),
        _ => {
            // Seven bytes.
            bytes.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
            let word = u64::from_le_bytes(*bytes.first_chunk::<8>()?);
            return v4_of(u128::from(word) & ((1 << 56) - 1), 7);
        }
    };
    let word = u128::from(low) | u128::from(high) << (8 * (text.len() - 8));
    v4_of(word, text.len())
}

/// `word` has the text, its first byte in the lowest place, and zeroes above.
#[inline(always)]
#[expect(clippy::inline_always, reason = "twice a record or more")]
fn v4_of(word: u128, length: usize) -> Option<Ipv4Addr> {
    let (mut dots, digits) = bits::dots_and_digits(&word.to_le_bytes());
    let mut is_valid = dots.count_ones() == 3 && (dots | digits) & 0xffff == (1 << length) - 1;
    let [first, second, third] = [(); 3].map(|()| {
        let end = dots.trailing_zeros();
        dots &= dots.wrapping_sub(1);
        end
    });
    #[expect(clippy::cast_possible_truncation, reason = "fifteen at most")]
    let octets = [(0, first), (first + 1, second), (second + 1, third), (third + 1, length as u32)];
    let mut value = 0;
    for (begin, end) in octets {
        let digits = end.wrapping_sub(begin);
        let bits = digits.wrapping_mul(8);
        // The last digit goes to the highest of four bytes, and there are zeroes before the first.
        #[expect(clippy::cast_possible_truncation, reason = "three digits are wanted")]
        let text = (word.wrapping_shr(8 * begin) as u32).wrapping_shl(32_u32.wrapping_sub(bits));
        let octet = (text >> 24 & 15) + (text >> 16 & 15) * 10 + (text >> 8 & 15) * 100;
        // A leading zero is refused: some systems read it as octal (RFC 6943 §3.1.1).
        let least = 0x640a_0000_u32.wrapping_shr(bits) & 0xff;
        is_valid &= (digits.wrapping_sub(1) < 3) & (octet <= 255) & (octet >= least);
        value = value << 8 | (octet & 255);
    }
    is_valid.then(|| Ipv4Addr::from_bits(value))
}

/// Where the four numbers of an address stand, which depends on how many digits each has.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Behind the last digit of each.
    ends: [u8; 4],
    /// The first digits of those that have more than one. A leading zero is refused: some systems read it as octal (RFC
    /// 6943 §3.1.1).
    leading: u32,
    /// Of four bytes that end with the last digit, which bits count; two numbers in each.
    masks: [u64; 2],
}

const SHAPES: usize = 3 * 3 * 3 * 3;

/// All shapes; and by the bits of the dots and of the end which shape that is, [`SHAPES`] for none.
static BY_SHAPE: ([Shape; SHAPES], [u8; 1 << 16]) = shapes();

#[expect(
    clippy::indexing_slicing,
    clippy::large_stack_arrays,
    reason = "runs in the compiler only"
)]
#[expect(clippy::cast_possible_truncation, reason = "all of it is less than 128")]
const fn shapes() -> ([Shape; SHAPES], [u8; 1 << 16]) {
    let mut shapes = [Shape { ends: [0; 4], leading: 0, masks: [0; 2] }; SHAPES];
    let mut by_ends = [SHAPES as u8; 1 << 16];
    let mut shape = 0;
    while shape < SHAPES {
        let (mut digits, mut part, mut at, mut key) = (shape, 0, 0, 0);
        while part < 4 {
            let length = digits % 3 + 1;
            digits /= 3;
            if length > 1 {
                shapes[shape].leading |= 1 << at;
            }
            at += length;
            shapes[shape].ends[part] = at as u8;
            let mask = 0x0f0f_0f00_u32 << (8 * (3 - length));
            shapes[shape].masks[part / 2] |= (mask as u64) << (32 * (part % 2));
            key |= 1 << at;
            at += 1;
            part += 1;
        }
        by_ends[key] = shape as u8;
        shape += 1;
    }
    (shapes, by_ends)
}

/// An address of IPv4 that stands somewhere in a text, not in its first four nor in its last sixteen bytes: then all of
/// it is loaded at once. `None` says nothing.
#[inline(always)]
#[expect(clippy::inline_always, reason = "twice a record or more")]
pub(crate) fn v4_within(text: &[u8], begin: usize, end: usize) -> Option<Ipv4Addr> {
    let around: &[u8; 20] = text.get(begin.checked_sub(4)?..)?.first_chunk()?;
    let length = end.wrapping_sub(begin);
    if length > 15 {
        return None;
    }
    let (dots, digits, zeroes) = bits::dots_digits_and_zeroes(around.last_chunk()?);
    let end = 1_u32 << length;
    let (shapes, by_ends) = &BY_SHAPE;
    let shape = by_ends.get(((dots & (end - 1)) | end) as usize & 0xffff)?;
    let Shape { ends, leading, masks } = shapes.get(usize::from(*shape))?;
    if (dots | digits | end.wrapping_neg()) != u32::MAX || zeroes & leading != 0 {
        return None;
    }
    // Four bytes before the end of each.
    let [a, b, c, d] = ends.map(|end| {
        let word = around.get(usize::from(end & 15)..).and_then(<[u8]>::first_chunk);
        u64::from(u32::from_le_bytes(word.copied().unwrap_or_default()))
    });
    let first = two_octets((a | b << 32) & masks[0]);
    let second = two_octets((c | d << 32) & masks[1]);
    if (first | second) & 0xff00_0000_ff00_0000 != 0 {
        return None;
    }
    let together = |two: u64| (two >> 8 & 0xff00) | two >> 48;
    u32::try_from(together(first) << 16 | together(second)).ok().map(Ipv4Addr::from_bits)
}

/// Two numbers of up to three digits in the upper half of each half. In each half of the word the last digit is the
/// highest byte, and the lowest is zero.
#[inline]
const fn two_octets(word: u64) -> u64 {
    let outer = (word >> 8) & 0x00ff_00ff_00ff_00ff;
    let middle = (word >> 16) & 0x0000_00ff_0000_00ff;
    // What goes over from the lower half is less than its sixteen bits and is not looked at.
    outer.wrapping_mul(100 << 16 | 1).wrapping_add(middle.wrapping_mul(10 << 16))
}

/// The same of an address of IPv6, not in the first four nor in the last 48 bytes, and without one of IPv4 in it.
pub(crate) fn v6_within(text: &[u8], begin: usize, end: usize) -> Option<IpAddr> {
    let around: &[u8; 52] = text.get(begin.checked_sub(4)?..)?.first_chunk()?;
    let length = end.wrapping_sub(begin);
    if !(2..=39).contains(&length) {
        return None;
    }
    let (colons, digits) = bits::colons_and_hexadecimal(around.last_chunk()?);
    let end = 1_u64 << length;
    if (colons | digits | end.wrapping_neg()) != u64::MAX {
        return None;
    }
    let mut ends = (colons & (end - 1)) | end;
    let mut groups = [0_u16; 8];
    let (mut count, mut gap, mut begin) = (0, None, 0);
    if ends & 3 == 3 {
        (gap, begin) = (Some(0), 2);
        ends &= !3;
    }
    while begin < length {
        let end = ends.trailing_zeros() as usize;
        ends &= ends.wrapping_sub(1);
        if end == begin {
            if gap.is_some() || count == 0 || end == length {
                return None;
            }
            gap = Some(count);
        } else {
            let word = around.get(end..)?.first_chunk()?;
            *groups.get_mut(count)? = group_of(u32::from_le_bytes(*word), end - begin)?;
            count += 1;
            // Nothing stands behind a colon.
            if end + 1 == length {
                return None;
            }
        }
        begin = end + 1;
    }
    v6_of(groups, count, gap).map(|address| IpAddr::V6(address).to_canonical())
}

/// The value of one to four hexadecimal digits, the last in the highest byte.
#[inline]
fn group_of(word: u32, digits: usize) -> Option<u16> {
    if !(1..=4).contains(&digits) {
        return None;
    }
    let before = 32 - 8 * digits;
    let word = word >> before << before;
    let nibbles = ((word & 0x0f0f_0f0f) + (word >> 6 & 0x0101_0101) * 9).swap_bytes();
    let pairs = nibbles | nibbles >> 4;
    u16::try_from((pairs & 0xff) | (pairs >> 8 & 0xff00)).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_are_read_to_the_microsecond() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1521911721.255387", Some(1_521_911_721_255_387)),
            ("1.5", Some(1_500_000)),
            ("1.0000019", Some(1_000_002)),
            ("0.0010478496551513672", Some(1_048)),
            ("9.5367431640625e-7", Some(1)),
            ("1E3", Some(1_000_000_000)),
            ("1e300", None),
            ("1e", None),
            ("-1", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("9999999999999", None),
            ("253402207199.9", Some(253_402_207_199_900_000)),
            ("253402207200", None),
        ] {
            assert_eq!(parse_seconds_us(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn times_of_eve_and_of_zeek_are_read() {
        for text in [
            "2026-11-23T01:02:03.000004+0900",
            "2026-11-23T01:02:03.000004+09:00",
            "2026-11-22T16:02:03.000004Z",
            "2024-02-29T23:59:59.000004-0130",
        ] {
            let expected: Timestamp =
                text.replace("+0900", "+09:00").replace("-0130", "-01:30").parse().unwrap();
            assert_eq!(parse_time_us(text.as_bytes()), Some(expected.as_microsecond()), "{text}");
        }
        for text in [
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00",
            "2023-01-01T00:00:00.Z",
            "1969-12-31T00:00:00Z",
            "２０２３",
            "",
        ] {
            assert_eq!(parse_time_us(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn addresses_inside_addresses_are_unwrapped() {
        assert_eq!(
            parse_address(b"::ffff:192.0.2.1"),
            Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
        );
        for text in ["192.0.2", "192.0.2.1.", "192.0.2.256", "192.0.02.1", "1.2.3.4.5", "::g", ""] {
            assert_eq!(parse_address(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_address_is_read_back(address: IpAddr) {
            let text = address.to_string();
            prop_assert_eq!(parse_address(text.as_bytes()), Some(address.to_canonical()));
        }

        #[test]
        fn times_agree_with_the_calendar(us in 0_i64..253_402_207_199_000_000) {
            let text = Timestamp::from_microsecond(us).unwrap().to_string();
            prop_assert_eq!(parse_time_us(text.as_bytes()), Some(us), "{}", text);
        }

        #[test]
        fn what_looks_like_an_address_is_one_or_is_refused(text in "[0-9.]{5,17}|([0-9]{1,4}[./]){3}[0-9a:]{0,4}") {
            let std = text.parse::<Ipv4Addr>().ok();
            prop_assert_eq!(parse_v4(text.as_bytes()), std, "{}", text);
        }

        #[test]
        fn an_address_within_a_text_is_the_same_or_none(
            before in "[0-9.\t]{0,6}",
            text in "[0-9.]{0,17}|([0-9]{1,4}[./]){3}[0-9a:]{0,4}|([1-9][0-9]{0,2}[.]){3}[1-9][0-9]{0,2}|([0-2]?[0-6]?[0-6][.]){3}[0-9]{1,3}",
            behind in "[0-9.\t]{0,20}",
        ) {
            let whole = format!("{before}{text}{behind}");
            let (begin, end) = (before.len(), before.len() + text.len());
            let within = v4_within(whole.as_bytes(), begin, end);
            let has_room = begin >= 4 && whole.len() >= begin + 16;
            let expected = text.parse::<Ipv4Addr>().ok().filter(|_| has_room);
            prop_assert_eq!(within, expected, "{} in {}", text, whole);
        }

        #[test]
        fn an_address_of_ipv6_within_a_text_is_the_same_or_none(
            before in "[0-9:\t]{0,6}",
            text in "([0-9a-fA-F]{0,5}:){1,8}[0-9a-f]{0,4}|([0-9a-f]{1,2}:){0,7}:?([0-9.]{7,10})?|::[0-9a-f:.g]{0,9}|([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|([0-9a-f]{1,4}:){1,5}(:[0-9a-f]{1,4}){0,3}:?",
            behind in "[0-9:\t]{0,50}",
        ) {
            let whole = format!("{before}{text}{behind}");
            let (begin, end) = (before.len(), before.len() + text.len());
            let within = v6_within(whole.as_bytes(), begin, end);
            let has_room = begin >= 4 && whole.len() >= begin + 48;
            let expected = text.parse::<Ipv6Addr>().ok().filter(|_| has_room && !text.contains('.'));
            prop_assert_eq!(within, expected.map(|it| IpAddr::V6(it).to_canonical()), "{} in {}", text, whole);
        }

        #[test]
        fn an_address_within_any_bytes_is_none_or_one(bytes in proptest::collection::vec(any::<u8>(), 0..70), begin in 0_usize..40, length in 0_usize..40) {
            let end = begin + length;
            let text = bytes.get(begin..end).and_then(|text| std::str::from_utf8(text).ok());
            if let Some(address) = v4_within(&bytes, begin, end) {
                prop_assert_eq!(Some(address), text.and_then(|text| text.parse().ok()));
            }
            if let Some(address) = v6_within(&bytes, begin, end) {
                prop_assert_eq!(Some(address), text.and_then(|text| text.parse().ok()));
            }
        }

        #[test]
        fn every_address_is_read_within_a_text(v4: Ipv4Addr, v6: Ipv6Addr) {
            let whole = format!("....{v4}................");
            prop_assert_eq!(v4_within(whole.as_bytes(), 4, whole.len() - 16), Some(v4));
            let (text, room) = (v6.to_string(), ":".repeat(48));
            let expected = (!text.contains('.')).then_some(IpAddr::V6(v6).to_canonical());
            prop_assert_eq!(v6_within(format!("::::{text}{room}").as_bytes(), 4, 4 + text.len()), expected);
        }

        #[test]
        fn what_looks_like_an_address_of_ipv6_is_one_or_is_refused(
            text in "([0-9a-fA-F]{0,5}:){1,8}[0-9a-f]{0,4}|([0-9a-f]{1,2}:){0,7}:?([0-9.]{7,10})?|::[0-9a-f:.]{0,9}",
        ) {
            let std = text.parse::<Ipv6Addr>().ok();
            prop_assert_eq!(parse_v6(text.as_bytes()), std, "{}", text);
        }

        #[test]
        fn both_readers_of_seconds_agree(text in "[0-9]{10}[.][0-9]{6}|[0-9e]{9,11}[.,][0-9e]{5,7}") {
            prop_assert_eq!(parse_seconds_us(text.as_bytes()), other_seconds_us(text.as_bytes()), "{}", text);
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = (parse_address(&bytes), parse_time_us(&bytes), parse_seconds_us(&bytes));
            let std = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse::<Ipv4Addr>().ok());
            prop_assert_eq!(parse_v4(&bytes), std);
        }
    }
}
