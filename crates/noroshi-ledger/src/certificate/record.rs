//! A mechanical record out of its canonical bytes.
//!
//! Layout, version 1: the version, then the fields in the order of [`NAMES`]. A text is its length (two bytes) and its
//! bytes; an optional field is preceded by 0 or 1; an address is 4 or 6 and its bytes; a time is nanoseconds since 1970
//! (sixteen bytes, signed); integers are big-endian; a direction is its number.

use std::net::IpAddr;

/// The fields, in their order.
pub const NAMES: [&str; 15] = [
    "selector_id",
    "selector_version",
    "measure_id",
    "ts",
    "src_ip",
    "dst_ip",
    "src_port",
    "dst_port",
    "proto",
    "bytes",
    "packets",
    "flow_start",
    "flow_end",
    "direction",
    "retain_until",
];

const DIRECTIONS: [&str; 4] =
    ["own-network", "foreign-to-foreign", "foreign-to-domestic", "domestic-to-foreign"];

/// Bytes out of lower-case hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

/// The fields that are there, as text; none where the bytes are not those of exactly one record.
pub fn decode(bytes: &[u8]) -> Option<Vec<(&'static str, String)>> {
    let mut rest = Rest(bytes);
    if rest.array::<1>()? != [1] {
        return None;
    }
    let mut fields = Vec::with_capacity(NAMES.len());
    for name in NAMES {
        let is_optional = !matches!(
            name,
            "selector_id" | "selector_version" | "ts" | "direction" | "retain_until"
        );
        if is_optional && !rest.flag()? {
            continue;
        }
        let value = match name {
            "selector_id" | "measure_id" => rest.text()?,
            "selector_version" => u32::from_be_bytes(rest.array()?).to_string(),
            "ts" | "flow_start" | "flow_end" | "retain_until" => rest.time()?,
            "src_ip" | "dst_ip" => rest.address()?.to_string(),
            "src_port" | "dst_port" => u16::from_be_bytes(rest.array()?).to_string(),
            "proto" => u8::from_be_bytes(rest.array()?).to_string(),
            "direction" => {
                let [number] = rest.array()?;
                (*DIRECTIONS.get(usize::from(number))?).to_owned()
            }
            _ => u64::from_be_bytes(rest.array()?).to_string(),
        };
        fields.push((name, value));
    }
    rest.0.is_empty().then_some(fields)
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.array()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let text = std::str::from_utf8(head).ok()?;
        text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| text.to_owned())
    }

    fn address(&mut self) -> Option<IpAddr> {
        match self.array()? {
            [4] => Some(IpAddr::from(self.array::<4>()?)),
            [6] => Some(IpAddr::from(self.array::<16>()?)),
            _ => None,
        }
    }

    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    fn time(&mut self) -> Option<String> {
        let micros = i128::from_be_bytes(self.array()?).div_euclid(1_000);
        let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let (days, of_day) =
            (i64::try_from(seconds.div_euclid(86_400)).ok()?, seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days)?;
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        Some(format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        ))
    }
}

/// The date of a day counted from 1970 (Gregorian; the year begins in March, so that the leap day comes last).
fn civil(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let since_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * since_march + 2) / 5 + 1;
    let month = if since_march < 10 { since_march + 3 } else { since_march - 9 };
    Some((year_of_era + era * 400 + i64::from(month <= 2), month, day))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The golden bytes of `noroshi-evidence`, `mechanical`.
    const GOLDEN: &str = concat!(
        "01000c696e64696361746f722d2d310000000300000000000000000018d75b8423f303e80104c0000207",
        "010620010db800000000000000000000000501c0000101bb01060100000000000004b001000000000000",
        "0009000000000000000000000018fae27693b40000",
    );

    #[test]
    fn the_golden_record_is_read() {
        let fields = decode(&from_hex(GOLDEN).unwrap()).unwrap();
        let expected = [
            ("selector_id", "indicator--1"),
            ("selector_version", "3"),
            ("ts", "2026-09-21T14:13:20.000001Z"),
            ("src_ip", "192.0.2.7"),
            ("dst_ip", "2001:db8::5"),
            ("src_port", "49152"),
            ("dst_port", "443"),
            ("proto", "6"),
            ("bytes", "1200"),
            ("packets", "9"),
            ("direction", "own-network"),
            ("retain_until", "2027-01-15T08:00:00.000000Z"),
        ];
        let found: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_record_are_refused(
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            length in 0_usize..140,
        ) {
            let mut bytes = from_hex(GOLDEN).unwrap();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let whole = bytes.len();
            bytes.truncate(length);
            prop_assert!(decode(&bytes).is_none() || length >= whole);
        }
    }
}
