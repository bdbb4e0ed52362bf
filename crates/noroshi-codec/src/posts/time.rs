//! Times as exports write them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;

/// Times without a zone, as the exports of platforms and archives write them.
const FORMS: &[&str] = &[
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
];
/// Smallest number that is milliseconds and not seconds: as seconds it would be the year 5138.
const MILLIS_FROM: f64 = 1e11;

/// What an archive writes behind a time in UTC.
const UTC_ENDING: &str = " UTC";

/// Zones by name that have had one offset since 2000, in hours.
const ZONES: &[(&str, i32)] = &[
    ("UTC", 0),
    ("Etc/UTC", 0),
    ("Z", 0),
    ("Asia/Tokyo", 9),
    ("JST", 9),
    ("Asia/Seoul", 9),
    ("Asia/Taipei", 8),
    ("Asia/Shanghai", 8),
    ("Asia/Hong_Kong", 8),
    ("Asia/Singapore", 8),
    ("Asia/Manila", 8),
    ("Asia/Bangkok", 7),
    ("Asia/Ho_Chi_Minh", 7),
    ("Asia/Jakarta", 7),
];
/// Largest offset of a zone there is, in hours.
const OFFSET_HOURS_MAX: i32 = 14;

/// Of which zone the times of a table are that name none; UTC where nobody says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    offset: Offset,
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), offset: Offset::UTC }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)
    }
}

/// A text names no zone that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no zone of that name, and no offset such as `+09:00`")]
pub struct NoZone;

impl FromStr for Zone {
    type Err = NoZone;

    /// A name of the table above, or an offset such as `+09:00`. A zone with summer time is two offsets and no name here.
    fn from_str(text: &str) -> Result<Self, NoZone> {
        let text = text.trim();
        let known = ZONES.iter().find(|zone| zone.0.eq_ignore_ascii_case(text));
        let (name, seconds) = match known {
            Some((name, hours)) => ((*name).to_owned(), hours * 3_600),
            None => (text.to_owned(), offset_seconds(text).ok_or(NoZone)?),
        };
        let offset = Offset::from_seconds(seconds).map_err(|_| NoZone)?;
        Ok(Self { name, offset })
    }
}

/// `+09:00`, `-0330`, `+9`.
fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(both) => both,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "0"),
    };
    let number = |text: &str| {
        let is_one = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|_| is_one && text.len() <= 2)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= OFFSET_HOURS_MAX && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A moment that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Milliseconds since 1970.
    pub(super) ms: i64,
    /// Whether it named no zone.
    pub(super) is_zoneless: bool,
}

/// Seconds and milliseconds since 1970 as numbers, RFC 3339, and [`FORMS`] in a zone.
pub(super) fn read(text: &str, zone: &Zone) -> Option<Moment> {
    let text = text.trim();
    let says_when = |ms| Moment { ms, is_zoneless: false };
    // A day alone is made of the same letters as a number, and is no time.
    if text.bytes().all(|byte| byte.is_ascii_digit() || b".-+eE".contains(&byte)) {
        return number_ms(text).map(says_when);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(says_when(at.as_millisecond()));
    }
    let (text, zone) = match text.strip_suffix(UTC_ENDING) {
        Some(text) => (text, None),
        None => (text, Some(zone)),
    };
    let at = text.parse::<DateTime>().ok().or_else(|| {
        FORMS.iter().find_map(|form| strtime::parse(form, text).ok()?.to_datetime().ok())
    })?;
    let offset = zone.map_or(Offset::UTC, |zone| zone.offset);
    let ms = offset.to_timestamp(at).ok()?.as_millisecond();
    Some(Moment { ms, is_zoneless: zone.is_some() })
}

fn number_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        let ms = if seconds.unsigned_abs() < 100_000_000_000 {
            seconds.checked_mul(1_000)?
        } else {
            seconds
        };
        return in_range(ms);
    }
    let number: f64 = text.parse().ok()?;
    let ms = if number.abs() < MILLIS_FROM { number * 1_000.0 } else { number };
    // As many decimals as a millisecond has are kept.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what does not fit is turned away by the range"
    )]
    let ms = ms.floor() as i64;
    in_range(ms)
}

fn in_range(ms: i64) -> Option<i64> {
    Timestamp::from_millisecond(ms).ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_known_exports_are_read() {
        let utc = Zone::default();
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(read(text, &utc).map(|at| at.ms), expected, "{text}");
        };
        check("1623881091", Some(1_623_881_091_000));
        check("1623881091123", Some(1_623_881_091_123));
        check("1606451170.518101", Some(1_606_451_170_518));
        check("2026-11-27T00:00:01Z", Some(1_795_737_601_000));
        check("2026-11-27T09:00:01+09:00", Some(1_795_737_601_000));
        check("2026-11-27 00:00:01", Some(1_795_737_601_000));
        check("2026-11-27 00:00", Some(1_795_737_600_000));
        check("10/1/2017 19:58", Some(1_506_887_880_000));
        check("2021-08-20 23:50:36 UTC", Some(1_629_503_436_000));
        for wrong in [
            "",
            "soon",
            "-",
            "2026-11-27",
            "nan",
            "1e400",
            "99999999999999999999",
            "2026-13-01T00:00:00Z",
            "e",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_time_without_a_zone_is_of_the_zone_that_was_named() {
        let tokyo: Zone = "Asia/Tokyo".parse().unwrap();
        for (text, ms, is_zoneless) in [
            ("2026/11/27 09:00", 1_795_737_600_000, true),
            ("2026-11-27T09:00:00", 1_795_737_600_000, true),
            ("2026-11-27 00:00:00 UTC", 1_795_737_600_000, false),
            ("2026-11-27T00:00:00Z", 1_795_737_600_000, false),
            ("1795737600", 1_795_737_600_000, false),
        ] {
            assert_eq!(read(text, &tokyo), Some(Moment { ms, is_zoneless }), "{text}");
        }
        let offset = |text: &str| text.parse::<Zone>().map(|zone| zone.offset.seconds());
        for (text, seconds) in
            [("UTC", 0), ("jst", 32_400), ("+09:00", 32_400), ("+9", 32_400), ("-0330", -12_600)]
        {
            assert_eq!(offset(text), Ok(seconds), "{text}");
        }
        for wrong in ["", "Tokyo", "Europe/Berlin", "+15:00", "+9:60", "09:00", "+", "+1:2:3", "+٩"]
        {
            assert_eq!(offset(wrong), Err(NoZone), "{wrong}");
        }
    }
}
