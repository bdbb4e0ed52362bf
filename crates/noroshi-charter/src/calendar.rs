//! Rest days of administrative organs.
//!
//! # What it decides
//! On which civil day of Japan an instant falls, whether that day is a rest day of administrative organs, and which
//! day is the next one that is not.
//!
//! # Source
//! Act on Holidays of Administrative Organs art. 1 (Saturdays, Sundays, national holidays, 29 December to 3 January)
//! and art. 2 (a period that ends on such a day ends on the day after it); Act on National Holidays art. 2 and 3
//! (substitute holidays, and days between two holidays). The days themselves are data: `rules/holidays.toml`.
//!
//! # Refuses when
//! The day lies outside the years of the table (`NRS-CLCK-0001`): a holiday that is not known is not assumed absent.
//!
//! # Example
//! ```
//! use jiff::civil::date;
//! use noroshi_charter::calendar::Calendar;
//! // 31 December lies in the rest at the year's end; 2 and 3 January 2027 are a weekend besides.
//! let next = Calendar::japan().next_business_day(date(2026, 12, 31))?;
//! assert_eq!(next.day, date(2027, 1, 4));
//! assert!(!next.provisional);
//! # Ok::<(), noroshi_charter::calendar::OutsideTable>(())
//! ```

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

use crate::finding::Digest;

/// The rules that are built in.
const HOLIDAYS: &str = include_str!("../rules/holidays.toml");
/// Longest table read, in bytes.
const TABLE_BYTES_MAX: usize = 256 * 1024;
/// Most years a table may cover.
const YEARS_MAX: i16 = 100;

/// Japan has had one offset and no summer time since 1952, so no time zone database is needed.
pub const JAPAN: Offset = Offset::constant(9);

static BUILT_IN: LazyLock<Calendar> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is part of the program and a test reads it")]
    Calendar::parse(HOLIDAYS).expect("the built-in table of holidays is well formed")
});

/// The civil day of Japan in which an instant falls.
pub fn civil_day(at: Timestamp) -> Date {
    JAPAN.to_datetime(at).date()
}

/// The first instant after a civil day of Japan: 24 o'clock.
///
/// `None` only at the end of the calendar, in the year 9999.
pub fn end_of_day(day: Date) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?;
    JAPAN.to_timestamp(next.to_datetime(jiff::civil::Time::midnight())).ok()
}

/// Why administrative organs rest on a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rest {
    /// A Saturday.
    Saturday,
    /// A Sunday.
    Sunday,
    /// A national holiday; `key` names it in the words for users, e.g. `foundation`.
    National {
        /// Which one.
        key: String,
        /// Its date was computed and has not been announced.
        provisional: bool,
    },
    /// A day after a holiday that fell on a Sunday (Act on National Holidays art. 3(2)).
    Substitute {
        /// It rests on a date that has not been announced.
        provisional: bool,
    },
    /// A day between two holidays (Act on National Holidays art. 3(3)).
    Between {
        /// It rests on a date that has not been announced.
        provisional: bool,
    },
    /// 29 December to 3 January.
    YearEnd,
}

/// A day on which work is done, found from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusinessDay {
    /// The day.
    pub day: Date,
    /// Whether a date that has not been announced was used on the way; then it may still move.
    pub provisional: bool,
}

/// A day for which the table has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the table of holidays has no answer for `{0}`")]
pub struct OutsideTable(pub Date);

impl OutsideTable {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        "NRS-CLCK-0001"
    }
}

/// Why a table of holidays is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ParseCalendar {
    /// It is longer than any honest table.
    #[error("the table is longer than {TABLE_BYTES_MAX} bytes")]
    TooLong,
    /// It is not TOML of the expected shape.
    #[error("the table cannot be read")]
    Shape(#[source] toml::de::Error),
    /// A day in it does not exist.
    #[error("`{0}` has no such day in {1}")]
    NoSuchDay(String, i16),
    /// A year of the range has no equinoxes, or the range is empty or too long.
    #[error("the table does not cover the year {0}")]
    Uncovered(i16),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    id: String,
    version: String,
    first_year: i16,
    last_year: i16,
    fixed: Vec<Fixed>,
    monday: Vec<NthMonday>,
    equinox: Vec<Equinox>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixed {
    key: String,
    month: i8,
    day: i8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NthMonday {
    key: String,
    month: i8,
    nth: i8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Equinox {
    year: i16,
    vernal: Date,
    autumnal: Date,
    announced: bool,
}

/// A table of rest days, with the days that follow from it already worked out.
#[derive(Debug, Clone)]
pub struct Calendar {
    id: String,
    version: String,
    digest: Digest,
    first_year: i16,
    last_year: i16,
    holidays: BTreeMap<Date, Rest>,
}

impl Calendar {
    /// The built-in table.
    pub fn japan() -> &'static Self {
        &BUILT_IN
    }

    /// Reads a table in the form of `rules/holidays.toml`.
    pub fn parse(text: &str) -> Result<Self, ParseCalendar> {
        if text.len() > TABLE_BYTES_MAX {
            return Err(ParseCalendar::TooLong);
        }
        let table: Table = toml::from_str(text).map_err(ParseCalendar::Shape)?;
        let years = table.last_year.saturating_sub(table.first_year);
        if !(0..YEARS_MAX).contains(&years) {
            return Err(ParseCalendar::Uncovered(table.last_year));
        }
        let mut holidays = named_holidays(&table)?;
        add_substitutes(&mut holidays);
        add_between(&mut holidays);
        let Table { id, version, first_year, last_year, .. } = table;
        let digest = Digest::of(text.as_bytes());
        Ok(Self { id, version, digest, first_year, last_year, holidays })
    }

    /// Identifier and version of the table, e.g. `jp.holidays@2026-11-01`.
    pub fn name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }

    /// SHA-256 of the text of the table.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Why administrative organs rest on `day`; `None` on a day of work. Holidays are named before weekends.
    pub fn rest(&self, day: Date) -> Result<Option<Rest>, OutsideTable> {
        if !(self.first_year..=self.last_year).contains(&day.year()) {
            return Err(OutsideTable(day));
        }
        if let Some(holiday) = self.holidays.get(&day) {
            return Ok(Some(holiday.clone()));
        }
        // Act on Holidays of Administrative Organs art. 1(1)(iii).
        if matches!((day.month(), day.day()), (12, 29..=31) | (1, 1..=3)) {
            return Ok(Some(Rest::YearEnd));
        }
        Ok(match day.weekday() {
            Weekday::Saturday => Some(Rest::Saturday),
            Weekday::Sunday => Some(Rest::Sunday),
            _ => None,
        })
    }

    /// `day` itself if it is a day of work, else the first one after it (art. 2).
    pub fn next_business_day(&self, day: Date) -> Result<BusinessDay, OutsideTable> {
        let mut found = BusinessDay { day, provisional: false };
        while let Some(rest) = self.rest(found.day)? {
            found.provisional |= is_provisional(&rest);
            found.day = found.day.tomorrow().map_err(|_| OutsideTable(found.day))?;
        }
        // A day of work next to an equinox that was not announced may yet become a holiday.
        found.provisional |= self.near_provisional(found.day);
        Ok(found)
    }

    /// An equinox moves by a day at most, so only its neighbours are uncertain.
    fn near_provisional(&self, day: Date) -> bool {
        let neighbours = [day.yesterday().ok(), day.tomorrow().ok()];
        neighbours.into_iter().flatten().any(|near| match self.holidays.get(&near) {
            Some(Rest::National { provisional, .. }) => *provisional,
            _ => false,
        })
    }
}

fn is_provisional(rest: &Rest) -> bool {
    match rest {
        Rest::National { provisional, .. }
        | Rest::Substitute { provisional }
        | Rest::Between { provisional } => *provisional,
        Rest::Saturday | Rest::Sunday | Rest::YearEnd => false,
    }
}

fn named_holidays(table: &Table) -> Result<BTreeMap<Date, Rest>, ParseCalendar> {
    let mut holidays = BTreeMap::new();
    for year in table.first_year..=table.last_year {
        let mut add = |key: &str, day: Date, provisional: bool| {
            holidays.insert(day, Rest::National { key: key.to_owned(), provisional });
        };
        let missing = |key: &str| ParseCalendar::NoSuchDay(key.to_owned(), year);
        for Fixed { key, month, day } in &table.fixed {
            let date = Date::new(year, *month, *day).map_err(|_| missing(key))?;
            add(key, date, false);
        }
        for NthMonday { key, month, nth } in &table.monday {
            let first = Date::new(year, *month, 1).map_err(|_| missing(key))?;
            let monday =
                first.nth_weekday_of_month(*nth, Weekday::Monday).map_err(|_| missing(key))?;
            add(key, monday, false);
        }
        let equinox = table.equinox.iter().find(|equinox| equinox.year == year);
        let equinox = equinox.ok_or(ParseCalendar::Uncovered(year))?;
        for (key, day) in
            [("vernal-equinox", equinox.vernal), ("autumnal-equinox", equinox.autumnal)]
        {
            if day.year() != year {
                return Err(missing(key));
            }
            add(key, day, !equinox.announced);
        }
    }
    Ok(holidays)
}

/// Act on National Holidays art. 3(2): when a holiday falls on a Sunday, the nearest day after it that is no holiday.
fn add_substitutes(holidays: &mut BTreeMap<Date, Rest>) {
    let sundays: Vec<(Date, bool)> = holidays
        .iter()
        .filter(|(day, _)| day.weekday() == Weekday::Sunday)
        .map(|(day, rest)| (*day, is_provisional(rest)))
        .collect();
    for (sunday, provisional) in sundays {
        let mut day = sunday;
        while holidays.contains_key(&day) {
            let Ok(next) = day.tomorrow() else { return };
            day = next;
        }
        holidays.insert(day, Rest::Substitute { provisional });
    }
}

/// Art. 3(3): a day that is no holiday, the day before and the day after which are national holidays.
fn add_between(holidays: &mut BTreeMap<Date, Rest>) {
    let mut found = Vec::new();
    for (before, rest) in holidays.iter() {
        let Ok(after) = before.checked_add(2.days()) else { continue };
        let Ok(middle) = before.tomorrow() else { continue };
        let both_named = matches!(rest, Rest::National { .. })
            && matches!(holidays.get(&after), Some(Rest::National { .. }));
        if both_named && !holidays.contains_key(&middle) {
            let provisional =
                is_provisional(rest) || holidays.get(&after).is_some_and(is_provisional);
            found.push((middle, Rest::Between { provisional }));
        }
    }
    holidays.extend(found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// The days published for a year, month and day each.
    fn check_year(year: i16, expected: &[(i8, i8)]) {
        let listed: Vec<(i8, i8)> = Calendar::japan()
            .holidays
            .keys()
            .filter(|day| day.year() == year)
            .map(|day| (day.month(), day.day()))
            .collect();
        assert_eq!(listed, expected, "{year}");
    }

    #[test]
    fn holidays_are_the_published_ones() {
        check_year(
            2025,
            &[
                (1, 1),
                (1, 13),
                (2, 11),
                (2, 23),
                (2, 24),
                (3, 20),
                (4, 29),
                (5, 3),
                (5, 4),
                (5, 5),
                (5, 6),
                (7, 21),
                (8, 11),
                (9, 15),
                (9, 23),
                (10, 13),
                (11, 3),
                (11, 23),
                (11, 24),
            ],
        );
        // 22 September 2026 lies between two holidays; 6 May stands in for 3 May.
        check_year(
            2026,
            &[
                (1, 1),
                (1, 12),
                (2, 11),
                (2, 23),
                (3, 20),
                (4, 29),
                (5, 3),
                (5, 4),
                (5, 5),
                (5, 6),
                (7, 20),
                (8, 11),
                (9, 21),
                (9, 22),
                (9, 23),
                (10, 12),
                (11, 3),
                (11, 23),
            ],
        );
        check_year(
            2027,
            &[
                (1, 1),
                (1, 11),
                (2, 11),
                (2, 23),
                (3, 21),
                (3, 22),
                (4, 29),
                (5, 3),
                (5, 4),
                (5, 5),
                (7, 19),
                (8, 11),
                (9, 20),
                (9, 23),
                (10, 11),
                (11, 3),
                (11, 23),
            ],
        );
    }

    #[test]
    fn days_of_japan_begin_nine_hours_early() {
        let at: Timestamp = "2026-11-26T15:00:00Z".parse().unwrap();
        assert_eq!(civil_day(at), date(2026, 11, 27));
        assert_eq!(civil_day(at - 1.nanosecond()), date(2026, 11, 26));
        assert_eq!(end_of_day(date(2026, 11, 26)), Some(at));
    }

    #[test]
    fn unannounced_days_are_provisional() {
        let calendar = Calendar::japan();
        let provisional = |day| calendar.next_business_day(day).unwrap().provisional;
        assert!(provisional(date(2028, 9, 22)), "the computed equinox itself");
        assert!(provisional(date(2028, 9, 21)), "the day before it");
        assert!(!provisional(date(2026, 9, 24)), "an announced year");
        assert!(!provisional(date(2028, 6, 1)), "far from any equinox");
    }

    #[test]
    fn outside_the_table_nothing_is_assumed() {
        let calendar = Calendar::japan();
        assert_eq!(calendar.rest(date(2031, 1, 1)), Err(OutsideTable(date(2031, 1, 1))));
        // The last days of the table rest, and the next day of work is not known.
        assert!(calendar.next_business_day(date(2030, 12, 29)).is_err());
        assert_eq!(OutsideTable(date(2031, 1, 1)).code(), "NRS-CLCK-0001");
    }

    #[test]
    fn bad_tables_are_refused() {
        let uncovered = HOLIDAYS.replace("last_year = 2030", "last_year = 2031");
        assert!(matches!(Calendar::parse(&uncovered), Err(ParseCalendar::Uncovered(2031))));
        let no_day = HOLIDAYS.replacen("day = 11", "day = 30", 1);
        assert!(matches!(Calendar::parse(&no_day), Err(ParseCalendar::NoSuchDay(_, 2025))));
        assert!(matches!(Calendar::parse("id = 1"), Err(ParseCalendar::Shape(_))));
        let huge = " ".repeat(TABLE_BYTES_MAX + 1);
        assert!(matches!(Calendar::parse(&huge), Err(ParseCalendar::TooLong)));
        let reversed = HOLIDAYS.replace("first_year = 2025", "first_year = 2035");
        assert!(matches!(Calendar::parse(&reversed), Err(ParseCalendar::Uncovered(_))));
    }

    #[test]
    fn the_day_found_is_always_a_day_of_work() {
        let calendar = Calendar::japan();
        let mut day = date(2025, 1, 1);
        while day < date(2030, 12, 28) {
            let found = calendar.next_business_day(day).unwrap().day;
            assert!(found >= day && calendar.rest(found).unwrap().is_none());
            day = day.tomorrow().unwrap();
        }
    }
}
