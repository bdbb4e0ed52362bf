//! Clocks of the law.
//!
//! # What it decides
//! By when something must be filed: the day the statute gives, and beside it the day to which rest days move it; or,
//! where the statute says *promptly*, that there is no such day and how long ago the clock began.
//!
//! # Source
//! Act art. 4 and 5, Order art. 2, 3 and 4(2) (`rules/clocks.toml` cites each); Civil Code art. 139 (periods in hours
//! run from the instant), 140 (the first day is not counted unless the period begins at 0:00), 143 (months by the
//! calendar); Act on Holidays of Administrative Organs art. 2 (not for periods fixed by time). Whether the last applies
//! to the report is not settled by any special rule found, so both days are always given.
//!
//! # Refuses when
//! No clock of that name was in force on the day it would begin (`NRS-CLCK-0002`), the day is outside the calendar
//! (`NRS-CLCK-0001`) or the period does not end within what dates can hold (`NRS-CLCK-0003`).
//!
//! # Example
//! ```
//! use jiff::civil::date;
//! use noroshi_charter::{calendar::Calendar, clock::{Begin, Deadline, Pack}};
//! let due = Pack::japan().due("jp.act.final", Begin::On(date(2026, 11, 26)), Calendar::japan())?;
//! let Deadline::Day { statutory, shifted, .. } = due.deadline else { panic!() };
//! assert_eq!((statutory, shifted), (date(2026, 12, 26), date(2026, 12, 28)));
//! # Ok::<(), noroshi_charter::clock::DueRefused>(())
//! ```

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::{Span, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, JAPAN, OutsideTable, civil_day, end_of_day};
use crate::finding::Digest;

const CLOCKS: &str = include_str!("../rules/clocks.toml");
/// Longest pack read, in bytes.
const PACK_BYTES_MAX: usize = 256 * 1024;
/// Most clocks in a pack.
const CLOCKS_MAX: usize = 1_000;
/// Longest period, in units of its own.
const PERIOD_MAX: u16 = 10_000;

static BUILT_IN: LazyLock<Pack> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is part of the program and a test reads it")]
    Pack::parse(CLOCKS).expect("the built-in pack of clocks is well formed")
});

/// What makes a clock begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// 認知: somebody entitled to know became aware.
    Awareness,
    /// A computer was installed.
    Installation,
    /// The operator was designated.
    Designation,
    /// A change of the rules brought a computer under them.
    Coverage,
    /// What was notified changed.
    Change,
    /// The rule entered into force.
    Commencement,
    /// An earlier stage was filed.
    Filed,
}

/// How the law puts the duty. Three words of different strength; they are never merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intensity {
    /// 直ちに.
    Immediately,
    /// 遅滞なく.
    WithoutDelay,
    /// 速やかに.
    Promptly,
    /// A period with a number.
    Within,
}

/// A unit of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Hours, from the instant (Civil Code art. 139).
    Hour,
    /// Days.
    Day,
    /// Months of the calendar (Civil Code art. 143).
    Month,
}

/// A length of time as the law writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// How many.
    pub n: u16,
    /// Of what.
    pub unit: Unit,
}

/// Whether the day on which the clock begins is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstDay {
    /// Civil Code art. 140.
    #[default]
    NotCounted,
    /// Its proviso: the period begins at 0:00.
    Counted,
}

/// What happens when the last day is a rest day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holiday {
    /// Nothing.
    #[default]
    None,
    /// The period ends on the next day that is none.
    NextBusinessDay,
}

/// A soft target. It is shown as guidance with its basis, and nothing is late because of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guidance {
    /// Days after the clock began, at the earliest.
    pub days_from: u16,
    /// Days after the clock began, at the latest.
    pub days_to: u16,
    /// Where the numbers come from.
    pub basis: String,
}

/// One clock of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// E.g. `jp.act.final`.
    pub id: String,
    /// What makes it begin.
    pub trigger: Trigger,
    /// How strong the duty is.
    pub intensity: Intensity,
    /// Its length; absent when the law gives no number.
    pub period: Option<Period>,
    /// Whether the first day is counted.
    #[serde(default)]
    pub first_day: FirstDay,
    /// Whether rest days move its end.
    #[serde(default)]
    pub holiday: Holiday,
    /// For how long after the trigger what is installed falls under this clock.
    pub covers: Option<Period>,
    /// The day it always begins, for clocks that begin with the law itself.
    pub starts: Option<Date>,
    /// A soft target.
    pub guidance: Option<Guidance>,
    /// Who must receive what is filed.
    pub recipients: BTreeSet<String>,
    /// The clauses.
    pub source: String,
    /// First day of its validity.
    pub from: Date,
    /// Last day of its validity.
    pub to: Option<Date>,
}

impl Clock {
    fn in_force(&self, day: Date) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// The exact pack a case was begun with; kept with the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackRef {
    /// E.g. `jp.act`.
    pub id: String,
    /// E.g. `2026-10-01.1`.
    pub version: String,
    /// SHA-256 of its text.
    pub digest: Digest,
}

/// Clocks that belong together, with a version.
#[derive(Debug, Clone)]
pub struct Pack {
    name: PackRef,
    clocks: Vec<Clock>,
}

/// Why a pack is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ParsePack {
    /// It is longer than any honest pack.
    #[error("the pack is longer than {PACK_BYTES_MAX} bytes")]
    TooLong,
    /// It is not TOML of the expected shape.
    #[error("the pack cannot be read")]
    Shape(#[source] toml::de::Error),
    /// More clocks than any honest pack has.
    #[error("the pack has more than {CLOCKS_MAX} clocks")]
    TooMany,
    /// A clock says something that contradicts itself.
    #[error("clock `{id}`: {reason}")]
    Clock {
        /// Which.
        id: String,
        /// What does not fit.
        reason: &'static str,
    },
}

/// When a clock begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// On a day of Japan.
    On(Date),
    /// At an instant.
    At(Timestamp),
}

impl Begin {
    /// The day of Japan on which it begins.
    pub fn day(self) -> Date {
        match self {
            Self::On(day) => day,
            Self::At(at) => civil_day(at),
        }
    }

    fn instant(self) -> Option<Timestamp> {
        match self {
            Self::On(day) => {
                JAPAN.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()
            }
            Self::At(at) => Some(at),
        }
    }
}

/// By when, as far as the law says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Deadline {
    /// The law has a word and no number; nothing is ever late by this alone.
    Word {
        /// The word.
        intensity: Intensity,
        /// The day from which time is counted.
        since: Date,
        /// First and last day of a soft target with its basis. Guidance, not law.
        guidance: Option<(Date, Date, String)>,
    },
    /// A day.
    Day {
        /// The last day by the period alone.
        statutory: Date,
        /// The last day when it falls on a rest day; never before `statutory`.
        shifted: Date,
        /// Whether `shifted` rests on a holiday not yet announced.
        provisional: bool,
    },
    /// An instant; rest days do not move it.
    Instant {
        /// The last instant.
        at: Timestamp,
    },
}

impl Deadline {
    /// The first instant that is too late; `None` where the law has no number.
    pub fn ends(&self) -> Option<Timestamp> {
        match self {
            Self::Word { .. } => None,
            Self::Day { shifted, .. } => end_of_day(*shifted),
            Self::Instant { at } => Some(*at),
        }
    }

    /// Whether it has passed. A word never passes.
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.ends().is_some_and(|end| now >= end)
    }
}

/// A deadline with everything needed to explain it later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The clock.
    pub clock: String,
    /// The pack it came from.
    pub pack: PackRef,
    /// The clauses.
    pub source: String,
    /// The day it began.
    pub began: Date,
    /// The answer.
    pub deadline: Deadline,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DueRefused {
    /// The calendar ends.
    #[error(transparent)]
    Calendar(#[from] OutsideTable),
    /// No clock of this name was in force on that day.
    #[error("clock `{clock}` was not in force on `{day}`")]
    NotInForce {
        /// Which clock.
        clock: String,
        /// The day it would have begun.
        day: Date,
    },
    /// The end lies outside what dates can hold.
    #[error("clock `{0}` ends after the last possible date")]
    NoEnd(String),
}

impl DueRefused {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Calendar(outside) => outside.code(),
            Self::NotInForce { .. } => "NRS-CLCK-0002",
            Self::NoEnd(_) => "NRS-CLCK-0003",
        }
    }
}

/// What is known about a computer that has to be notified (Order art. 2 and 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// The day it was installed.
    pub installed: Date,
    /// The day its operator was designated, unless as a successor (ESPA art. 53(1)), who gets no new period.
    pub designated: Option<Date>,
    /// The day a change of the rules brought it under them.
    pub covered: Option<Date>,
}

impl Pack {
    /// The built-in pack for the Act.
    pub fn japan() -> &'static Self {
        &BUILT_IN
    }

    /// Reads a pack in the form of `rules/clocks.toml`.
    pub fn parse(text: &str) -> Result<Self, ParsePack> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            id: String,
            version: String,
            clock: Vec<Clock>,
        }
        if text.len() > PACK_BYTES_MAX {
            return Err(ParsePack::TooLong);
        }
        let File { id, version, clock: clocks } = toml::from_str(text).map_err(ParsePack::Shape)?;
        if clocks.len() > CLOCKS_MAX {
            return Err(ParsePack::TooMany);
        }
        for clock in &clocks {
            if let Some(reason) = contradiction(clock, &clocks) {
                return Err(ParsePack::Clock { id: clock.id.clone(), reason });
            }
        }
        let digest = Digest::of(text.as_bytes());
        Ok(Self { name: PackRef { id, version, digest }, clocks })
    }

    /// Identifier, version and digest, to be kept with a case.
    pub const fn name(&self) -> &PackRef {
        &self.name
    }

    /// Every clock, in the order of the file.
    pub fn clocks(&self) -> &[Clock] {
        &self.clocks
    }

    /// The clock of that name in force on a day.
    pub fn clock(&self, id: &str, day: Date) -> Option<&Clock> {
        self.clocks.iter().find(|clock| clock.id == id && clock.in_force(day))
    }

    /// When the clock `id` ends that begins at `begin`.
    pub fn due(&self, id: &str, begin: Begin, calendar: &Calendar) -> Result<Due, DueRefused> {
        let day = begin.day();
        let not_in_force = || DueRefused::NotInForce { clock: id.to_owned(), day };
        let clock = self.clock(id, day).ok_or_else(not_in_force)?;
        let no_end = || DueRefused::NoEnd(id.to_owned());
        let deadline = match clock.period {
            None => word(clock, day).ok_or_else(no_end)?,
            Some(Period { n, unit: Unit::Hour }) => {
                let at = begin.instant().and_then(|at| at.checked_add(i64::from(n).hours()).ok());
                Deadline::Instant { at: at.ok_or_else(no_end)? }
            }
            Some(period) => {
                let statutory = last_day(day, period, clock.first_day).ok_or_else(no_end)?;
                day_of(statutory, clock.holiday, calendar)?
            }
        };
        let (clock, source) = (clock.id.clone(), clock.source.clone());
        Ok(Due { clock, pack: self.name.clone(), source, began: day, deadline })
    }

    /// When a computer must be notified: which clock applies follows from its dates.
    ///
    /// The longer period of a designation or of new coverage is for what was installed until two months after it;
    /// what stood there on the day of commencement has the transition of the Act's supplementary provisions.
    pub fn asset_due(&self, asset: Asset, calendar: &Calendar) -> Result<Due, DueRefused> {
        let longer = [
            ("jp.act.asset.designated", asset.designated),
            ("jp.act.asset.covered", asset.covered),
            ("jp.act.asset.existing", self.commencement()),
        ];
        let mut latest: Option<Due> = None;
        for (id, trigger) in longer {
            let Some(trigger) = trigger else { continue };
            let Some(clock) = self.clock(id, trigger) else { continue };
            if !covers(clock, trigger, asset.installed) {
                continue;
            }
            let due = self.due(id, Begin::On(trigger), calendar)?;
            if latest.as_ref().is_none_or(|kept| kept.deadline.ends() < due.deadline.ends()) {
                latest = Some(due);
            }
        }
        match latest {
            Some(due) => Ok(due),
            None => self.due("jp.act.asset.new", Begin::On(asset.installed), calendar),
        }
    }

    fn commencement(&self) -> Option<Date> {
        self.clocks.iter().find(|clock| clock.id == "jp.act.asset.existing")?.starts
    }
}

/// What is installed after commencement has the transition's end only as far as `covers` reaches.
fn covers(clock: &Clock, trigger: Date, installed: Date) -> bool {
    let Some(window) = clock.covers else { return false };
    last_day(trigger, window, clock.first_day).is_some_and(|last| installed <= last)
}

fn contradiction(clock: &Clock, all: &[Clock]) -> Option<&'static str> {
    let numbered = clock.period.is_some();
    if numbered != (clock.intensity == Intensity::Within) {
        return Some("a word has no number and a number no word");
    }
    if clock.period.is_some_and(|period| !(1..=PERIOD_MAX).contains(&period.n)) {
        return Some("the period is empty or too long");
    }
    let hours = clock.period.is_some_and(|period| period.unit == Unit::Hour);
    if hours && clock.holiday != Holiday::None {
        return Some("rest days do not move a period fixed by time");
    }
    if clock.guidance.as_ref().is_some_and(|guidance| guidance.days_from > guidance.days_to) {
        return Some("the guidance ends before it begins");
    }
    let overlaps = |other: &&Clock| {
        other.id == clock.id && (other.in_force(clock.from) || clock.in_force(other.from))
    };
    (all.iter().filter(overlaps).count() > 1).then_some("two are in force at once")
}

fn word(clock: &Clock, since: Date) -> Option<Deadline> {
    let after = |days: u16| since.checked_add(Span::new().days(days)).ok();
    let guidance = match &clock.guidance {
        None => None,
        Some(Guidance { days_from, days_to, basis }) => {
            Some((after(*days_from)?, after(*days_to)?, basis.clone()))
        }
    };
    Some(Deadline::Word { intensity: clock.intensity, since, guidance })
}

fn day_of(
    statutory: Date,
    holiday: Holiday,
    calendar: &Calendar,
) -> Result<Deadline, OutsideTable> {
    Ok(match holiday {
        Holiday::None => Deadline::Day { statutory, shifted: statutory, provisional: false },
        Holiday::NextBusinessDay => {
            let next = calendar.next_business_day(statutory)?;
            Deadline::Day { statutory, shifted: next.day, provisional: next.provisional }
        }
    })
}

/// The last day of a period in days or months.
fn last_day(began: Date, period: Period, first_day: FirstDay) -> Option<Date> {
    // Civil Code art. 140: the first day is not counted unless the period begins at 0:00.
    let counted_from = match first_day {
        FirstDay::NotCounted => began.tomorrow().ok()?,
        FirstDay::Counted => began,
    };
    match period.unit {
        Unit::Hour => None,
        Unit::Day => counted_from.checked_add(Span::new().days(period.n.checked_sub(1)?)).ok(),
        Unit::Month => {
            // Art. 143(2): the day before the one that corresponds to the first day; where the last month has no such
            // day, its last day. Adding months clamps exactly then, which is how the two are told apart.
            let corresponding = counted_from.checked_add(Span::new().months(period.n)).ok()?;
            if corresponding.day() == counted_from.day() {
                corresponding.yesterday().ok()
            } else {
                Some(corresponding)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn days(id: &str, began: Date) -> (Date, Date) {
        let due = Pack::japan().due(id, Begin::On(began), Calendar::japan()).unwrap();
        match due.deadline {
            Deadline::Day { statutory, shifted, .. } => (statutory, shifted),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn four_months_by_the_calendar() {
        let vectors = [
            (date(2026, 12, 10), date(2027, 4, 10), date(2027, 4, 12)),
            (date(2027, 2, 28), date(2027, 6, 30), date(2027, 6, 30)),
            (date(2027, 4, 30), date(2027, 8, 31), date(2027, 8, 31)),
            (date(2026, 10, 31), date(2027, 2, 28), date(2027, 3, 1)),
            // No 31 February: the period ends with the month.
            (date(2026, 10, 30), date(2027, 2, 28), date(2027, 3, 1)),
        ];
        for (installed, statutory, shifted) in vectors {
            assert_eq!(days("jp.act.asset.new", installed), (statutory, shifted), "{installed}");
        }
    }

    #[test]
    fn the_transition_ends_on_31_march_2027() {
        let begin = date(2026, 10, 1);
        let end = date(2027, 3, 31);
        assert_eq!(days("jp.act.asset.existing", begin), (end, end));
    }

    #[test]
    fn thirty_days_of_the_day_of_awareness() {
        let moved = (date(2026, 12, 26), date(2026, 12, 28));
        assert_eq!(days("jp.act.final", date(2026, 11, 26)), moved);
        let year_end = (date(2026, 12, 31), date(2027, 1, 4));
        assert_eq!(days("jp.act.final", date(2026, 12, 1)), year_end);
    }

    #[test]
    fn awareness_late_in_the_evening_counts_in_japan() {
        let at: Timestamp = "2026-11-25T15:30:00Z".parse().unwrap();
        let due = Pack::japan().due("jp.act.final", Begin::At(at), Calendar::japan()).unwrap();
        assert_eq!(due.began, date(2026, 11, 26));
        let end: Timestamp = "2026-12-28T15:00:00Z".parse().unwrap();
        assert_eq!(due.deadline.ends(), Some(end));
        assert!(!due.deadline.is_past(end - 1.nanosecond()) && due.deadline.is_past(end));
    }

    #[test]
    fn promptly_has_no_deadline() {
        let began = Begin::On(date(2026, 11, 26));
        let due = Pack::japan().due("jp.act.initial", began, Calendar::japan()).unwrap();
        assert!(!due.deadline.is_past(Timestamp::MAX));
        let Deadline::Word { intensity, since, guidance } = due.deadline else { panic!() };
        assert_eq!((intensity, since), (Intensity::Promptly, date(2026, 11, 26)));
        let (from, to, basis) = guidance.unwrap();
        assert_eq!((from, to), (date(2026, 11, 29), date(2026, 12, 1)));
        assert!(basis.contains("not in the Order"));
    }

    #[test]
    fn nothing_begins_before_its_law() {
        let before = Begin::On(date(2026, 9, 30));
        let refused = Pack::japan().due("jp.act.final", before, Calendar::japan()).unwrap_err();
        assert_eq!(refused.code(), "NRS-CLCK-0002");
        assert!(Pack::japan().due("jp.none", before, Calendar::japan()).is_err());
        let late = Begin::On(date(2030, 12, 20));
        let refused = Pack::japan().due("jp.act.final", late, Calendar::japan()).unwrap_err();
        assert_eq!(refused.code(), "NRS-CLCK-0001");
        let last = Begin::On(Date::MAX);
        let refused = Pack::japan().due("jp.act.final", last, Calendar::japan()).unwrap_err();
        assert_eq!(refused.code(), "NRS-CLCK-0003");
    }

    /// A regime whose periods are fixed by hours, as other countries have.
    const HOURS: &str = r#"
        id = "test"
        version = "1"
        [[clock]]
        id = "test.seventy_two"
        trigger = "awareness"
        intensity = "within"
        period = { n = 72, unit = "hour" }
        recipients = ["authority"]
        source = "none"
        from = "2026-01-01"
    "#;

    #[test]
    fn hours_run_from_the_instant_and_are_not_moved() {
        let pack = Pack::parse(HOURS).unwrap();
        // Ends on 1 January, a rest day.
        let at: Timestamp = "2026-12-29T01:23:45Z".parse().unwrap();
        let due = pack.due("test.seventy_two", Begin::At(at), Calendar::japan()).unwrap();
        assert_eq!(due.deadline, Deadline::Instant { at: "2027-01-01T01:23:45Z".parse().unwrap() });
    }

    #[test]
    fn packs_that_contradict_themselves_are_refused() {
        let twice = CLOCKS.replace("jp.act.asset.new", "jp.act.final");
        let no_number = CLOCKS.replacen("intensity = \"promptly\"", "intensity = \"within\"", 1);
        let zero = CLOCKS.replacen("n = 30", "n = 0", 1);
        let moved = HOURS.replace("recipients", "holiday = \"next_business_day\"\nrecipients");
        for text in [twice, no_number, zero, moved] {
            assert!(matches!(Pack::parse(&text), Err(ParsePack::Clock { .. })));
        }
        let unknown = CLOCKS.replacen("n = 30", "n = 30, x = 1", 1);
        assert!(matches!(Pack::parse(&unknown), Err(ParsePack::Shape(_))));
    }

    #[test]
    fn a_case_can_keep_the_exact_pack() {
        let name = Pack::japan().name();
        assert_eq!((name.id.as_str(), name.digest), ("jp.act", Digest::of(CLOCKS.as_bytes())));
        let changed = Pack::parse(&CLOCKS.replacen("n = 30", "n = 31", 1)).unwrap();
        assert_ne!(changed.name().digest, name.digest);
    }

    #[test]
    fn assets_get_the_clock_their_dates_give() {
        let check = |installed, designated, clock: &str, statutory| {
            let asset = Asset { installed, designated, covered: None };
            let due = Pack::japan().asset_due(asset, Calendar::japan()).unwrap();
            assert_eq!(due.clock, clock);
            let Deadline::Day { statutory: got, .. } = due.deadline else { panic!() };
            assert_eq!(got, statutory);
        };
        let existing = "jp.act.asset.existing";
        check(date(2020, 1, 1), None, existing, date(2027, 3, 31));
        check(date(2026, 11, 30), None, existing, date(2027, 3, 31));
        check(date(2026, 12, 1), None, "jp.act.asset.new", date(2027, 4, 1));
        let designated = Some(date(2027, 5, 1));
        check(date(2027, 7, 1), designated, "jp.act.asset.designated", date(2027, 11, 1));
        check(date(2027, 7, 2), designated, "jp.act.asset.new", date(2027, 11, 2));
    }

    proptest! {
        #[test]
        fn shifted_is_a_day_of_work_not_before_the_statutory(offset in 0i32..1400, months in any::<bool>()) {
            let began = date(2026, 10, 1).checked_add(offset.days()).unwrap();
            let id = if months { "jp.act.asset.new" } else { "jp.act.final" };
            let (statutory, shifted) = days(id, began);
            prop_assert!(shifted >= statutory && statutory > began);
            prop_assert!(Calendar::japan().rest(shifted).unwrap().is_none());
        }
    }
}
