//! Times as exports write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;

/// Times without a zone, as the exports of platforms and archives write them; they are in UTC.
const FORMS: &[&str] = &[
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S UTC",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
];
/// Smallest number that is milliseconds and not seconds: as seconds it would be the year 5138.
const MILLIS_FROM: f64 = 1e11;

/// Milliseconds since 1970; seconds and milliseconds as numbers, RFC 3339, and [`FORMS`].
pub(super) fn read_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        let ms = if seconds.unsigned_abs() < 100_000_000_000 {
            seconds.checked_mul(1_000)?
        } else {
            seconds
        };
        return in_range(ms);
    }
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'e' | b'E' | b'+'))
    {
        let number: f64 = text.parse().ok()?;
        let ms = if number.abs() < MILLIS_FROM { number * 1_000.0 } else { number };
        // As many decimals as a millisecond has are kept.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what does not fit is turned away by the range"
        )]
        return in_range(ms.floor() as i64);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    if let Ok(at) = text.parse::<DateTime>() {
        return Offset::UTC.to_timestamp(at).ok().map(Timestamp::as_millisecond);
    }
    let at = FORMS.iter().find_map(|form| strtime::parse(form, text).ok()?.to_datetime().ok())?;
    Offset::UTC.to_timestamp(at).ok().map(Timestamp::as_millisecond)
}

fn in_range(ms: i64) -> Option<i64> {
    Timestamp::from_millisecond(ms).ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_known_exports_are_read() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(read_ms(text), expected, "{text}");
        check("1623881091", Some(1_623_881_091_000));
        check("1623881091123", Some(1_623_881_091_123));
        check("1606451170.518101", Some(1_606_451_170_518));
        check("2026-11-27T00:00:01Z", Some(1_795_737_601_000));
        check("2026-11-27T09:00:01+09:00", Some(1_795_737_601_000));
        check("2026-11-27 00:00:01", Some(1_795_737_601_000));
        check("2026-11-27 00:00", Some(1_795_737_600_000));
        check("10/1/2017 19:58", Some(1_506_887_880_000));
        check("2021-08-20 23:50:36 UTC", Some(1_629_503_436_000));
        for wrong in
            ["", "soon", "-", "nan", "1e400", "99999999999999999999", "2026-13-01T00:00:00Z", "e"]
        {
            check(wrong, None);
        }
    }
}
