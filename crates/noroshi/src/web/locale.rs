//! What language does this person read, and how are words, dates and numbers written in it?
//!
//! All user-facing text lives in `locales/{ja,en}/<pillar>.ftl` and is built into the program. A
//! message key starts with the name of its pillar (`intake-report-title`), so keys of two pillars
//! can never collide. To add a pillar, write both files and add one word to [`pillars!`] below.
//!
//! ```
//! use noroshi::web::locale::{Lang, Words};
//!
//! let words = Words::new(Lang::En);
//! assert_eq!(words.t("shell-save"), "Save");
//! assert_eq!(words.tv("shell-days", &[("n", 1.into())]), "1 day");
//! assert_eq!(words.n(1_234_567), "1,234,567");
//! ```
//!
//! Instants are shown in the time of Japan, which has had no summer time since 1951; the machine's
//! own time zone is never asked.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use unic_langid::LanguageIdentifier;

/// The table of texts: one word a pillar brings in both of its languages.
macro_rules! pillars {
    ($($pillar:literal),* $(,)?) => {
        /// Every text built into the program: language, pillar, source of the messages.
        const LOCALES: &[(Lang, &str, &str)] = &[$(
            (Lang::Ja, $pillar, include_str!(concat!("../../locales/ja/", $pillar, ".ftl"))),
            (Lang::En, $pillar, include_str!(concat!("../../locales/en/", $pillar, ".ftl"))),
        )*];
    };
}

/// The sources of all messages: language, pillar, text. For documents made from them.
pub fn sources() -> impl Iterator<Item = (Lang, &'static str, &'static str)> {
    LOCALES.iter().copied()
}

// One line a pillar, in any order.
pillars![
    "shell",
    "house",
    "office",
    "intake",
    "evidence",
    "sift",
    "analyse",
    "influence",
    "response",
    "share",
    "oversight",
    "demo",
];

/// The languages the whole product speaks. Japanese is authoritative where words carry duties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Lang {
    /// Japanese, the default.
    #[default]
    Ja,
    /// English.
    En,
}

impl Lang {
    /// Every language, the authoritative one first.
    pub const ALL: [Self; 2] = [Self::Ja, Self::En];

    /// The code used in `lang` attributes, cookies and the query: `ja` or `en`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of a code, or of a longer tag such as `en-GB`.
    pub fn from_code(code: &str) -> Option<Self> {
        let primary = code.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|lang| lang.code().eq_ignore_ascii_case(primary))
    }

    /// Chooses for a request: `?lang=` wins over the cookie, the cookie over `Accept-Language`.
    pub fn negotiate(query: Option<&str>, cookie: Option<&str>, accept: Option<&str>) -> Self {
        let explicit = query.and_then(Self::from_code).or_else(|| cookie.and_then(Self::from_code));
        explicit.or_else(|| accept.and_then(Self::accepted)).unwrap_or_default()
    }

    /// The best supported language of an `Accept-Language` header (RFC 9110 §12.5.4).
    fn accepted(header: &str) -> Option<Self> {
        // Browsers send a handful; the limit keeps a hostile header cheap.
        const RANGES_MAX: usize = 16;
        let mut best: Option<(u16, Self)> = None;
        for range in header.split(',').take(RANGES_MAX) {
            let mut parts = range.split(';');
            let Some(lang) = parts.next().and_then(Self::from_code) else { continue };
            let quality =
                parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1000, thousandths);
            if quality > 0 && best.is_none_or(|(so_far, _)| quality > so_far) {
                best = Some((quality, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }
}

/// A quality value such as `0.8` in thousandths; what cannot be read counts as nothing.
fn thousandths(text: &str) -> u16 {
    match text.trim().split_once('.') {
        None => text.trim().parse::<u16>().map_or(0, |whole| whole.min(1) * 1000),
        Some((whole, _)) if whole != "0" => 1000,
        Some((_, fraction)) => {
            let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
            padded.parse().unwrap_or(0)
        }
    }
}

type Bundle = FluentBundle<FluentResource>;

static JA: LazyLock<Bundle> = LazyLock::new(|| bundle(Lang::Ja).0);
static EN: LazyLock<Bundle> = LazyLock::new(|| bundle(Lang::En).0);

/// All messages of one language, and what was wrong with their sources (a test wants none).
fn bundle(lang: Lang) -> (Bundle, Vec<String>) {
    let id: LanguageIdentifier = lang.code().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // The isolating marks are for mixed writing directions, which neither language has; inside
    // attributes and copied text they would only be in the way.
    bundle.set_use_isolating(false);
    let mut problems = Vec::new();
    for (_, pillar, text) in LOCALES.iter().filter(|(of, _, _)| *of == lang) {
        let resource =
            FluentResource::try_new((*text).to_owned()).unwrap_or_else(|(part, errors)| {
                problems.extend(errors.iter().map(|e| format!("{}/{pillar}: {e}", lang.code())));
                part
            });
        if let Err(errors) = bundle.add_resource(resource) {
            problems.extend(errors.iter().map(|e| format!("{}/{pillar}: {e}", lang.code())));
        }
    }
    (bundle, problems)
}

/// Words, dates and numbers for one reader. Small and copied freely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Words {
    lang: Lang,
    era: bool,
}

impl Words {
    /// Words in a language, with years of the common era.
    pub const fn new(lang: Lang) -> Self {
        Self { lang, era: false }
    }

    /// The same words with Japanese era years instead.
    #[must_use]
    pub const fn with_era(self, era: bool) -> Self {
        Self { era, ..self }
    }

    /// The language.
    pub const fn lang(self) -> Lang {
        self.lang
    }

    /// The message of a key. An unknown key shows itself in brackets, so nobody overlooks it.
    pub fn t(self, key: impl AsRef<str>) -> String {
        self.tv(key, &[])
    }

    /// The message of a key with its variables filled in.
    pub fn tv(self, key: impl AsRef<str>, args: &[(&str, FluentValue<'_>)]) -> String {
        let key = key.as_ref();
        let bundle: &Bundle = match self.lang {
            Lang::Ja => &JA,
            Lang::En => &EN,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return format!("\u{27e6}{key}\u{27e7}");
        };
        let mut filled = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            filled.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        bundle.format_pattern(pattern, Some(&filled), &mut errors).into_owned()
    }

    /// True when the key has a message in this language.
    pub fn has(self, key: &str) -> bool {
        match self.lang {
            Lang::Ja => JA.has_message(key),
            Lang::En => EN.has_message(key),
        }
    }

    /// A whole number with separators: `1,234,567`.
    pub fn n(self, number: impl Number) -> String {
        grouped(number.whole())
    }

    /// An amount of Japanese yen.
    pub fn yen(self, number: impl Number) -> String {
        self.tv("shell-yen", &[("n", self.n(number).into())])
    }

    /// A size in bytes with the unit people use: `1.5 MB`. Decimal units, one digit after the point.
    pub fn bytes(self, number: impl Number) -> String {
        let bytes = number.whole().max(0);
        let steps = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
        match steps.into_iter().find(|(size, _)| bytes >= *size) {
            None => format!("{bytes} B"),
            Some((size, unit)) => {
                let tenths = (bytes * 10 + size / 2) / size;
                format!("{}.{} {unit}", grouped(tenths / 10), tenths % 10)
            }
        }
    }

    /// A share in per cent with one digit after the point; a share of nothing is a dash.
    pub fn percent(self, part: impl Number, whole: impl Number) -> String {
        let (part, whole) = (part.whole(), whole.whole());
        if whole <= 0 {
            return "\u{2013}".to_owned();
        }
        let tenths = (part * 1000 + whole / 2) / whole;
        format!("{}.{}%", tenths / 10, tenths % 10)
    }

    /// The day in full, with its weekday: `Mon 23 Nov 2026`.
    pub fn date(self, at: impl Moment) -> String {
        self.day(tokyo(at.moment()).date())
    }

    /// A calendar day in full, for days that are not an instant (a legal date, a birthday of a rule).
    pub fn day(self, day: impl Day) -> String {
        let day = day.day();
        self.tv(
            "shell-date",
            &[
                ("year", self.year(day).into()),
                ("month", self.month(day).into()),
                ("day", day.day().into()),
                ("weekday", self.t(weekday_key(day.weekday())).into()),
            ],
        )
    }

    /// The instant in full: `Mon 23 Nov 2026 14:05 JST`.
    pub fn moment(self, at: impl Moment) -> String {
        let local = tokyo(at.moment());
        let day = self.day(local.date());
        self.tv("shell-moment", &[("date", day.into()), ("time", clock(local).into())])
    }

    /// The instant for dense tables: `2026/11/23 14:05`, `2026-11-23 14:05`.
    pub fn stamp(self, at: impl Moment) -> String {
        let local = tokyo(at.moment());
        let day = local.date();
        self.tv(
            "shell-stamp",
            &[
                ("year", day.year().into()),
                ("month", format!("{:02}", day.month()).into()),
                ("day", format!("{:02}", day.day()).into()),
                ("time", clock(local).into()),
            ],
        )
    }

    /// What is left until a deadline, or by how much it is past: `29 days left`, `3 days overdue`.
    ///
    /// Two days and more are told in days, less in hours and minutes, because then they matter.
    pub fn left(self, now: impl Moment, due: impl Moment) -> String {
        let span = due.moment().duration_since(now.moment());
        let key = if span.is_negative() { "shell-overdue" } else { "shell-left" };
        self.tv(key, &[("span", self.took(span).into())])
    }

    /// How long ago: `3 days ago`.
    pub fn ago(self, now: impl Moment, then: impl Moment) -> String {
        let span = now.moment().duration_since(then.moment());
        if span.as_secs() < 60 {
            return self.t("shell-just-now");
        }
        self.tv("shell-ago", &[("span", self.took(span).into())])
    }

    /// A length of time in its largest useful units, without a sign.
    pub fn took(self, span: SignedDuration) -> String {
        let minutes = span.as_secs().unsigned_abs() / 60;
        let (days, hours) = (minutes / 1440, minutes / 60);
        if days >= 2 {
            self.tv("shell-days", &[("n", days.into())])
        } else if hours >= 1 {
            self.tv("shell-hours", &[("h", hours.into()), ("m", (minutes % 60).into())])
        } else {
            self.tv("shell-minutes", &[("n", minutes.into())])
        }
    }

    fn month(self, day: Date) -> String {
        self.t(format!("shell-month-{}", day.month()))
    }

    fn year(self, day: Date) -> String {
        match era_of(day) {
            Some((era, year)) if self.era => {
                self.tv(format!("shell-era-{era}"), &[("year", year.into())])
            }
            _ => self.tv("shell-year", &[("year", day.year().into())]),
        }
    }
}

/// The wall clock of Japan. Fixed at nine hours: the zone has had no change since 1951.
pub fn tokyo(at: Timestamp) -> DateTime {
    Offset::constant(9).to_datetime(at)
}

/// The instant at which a wall clock in Japan shows this; `None` outside the years jiff can hold.
pub fn from_tokyo(local: DateTime) -> Option<Timestamp> {
    Offset::constant(9).to_timestamp(local).ok()
}

fn clock(local: DateTime) -> String {
    format!("{:02}:{:02}", local.hour(), local.minute())
}

const fn weekday_key(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "shell-weekday-1",
        Weekday::Tuesday => "shell-weekday-2",
        Weekday::Wednesday => "shell-weekday-3",
        Weekday::Thursday => "shell-weekday-4",
        Weekday::Friday => "shell-weekday-5",
        Weekday::Saturday => "shell-weekday-6",
        Weekday::Sunday => "shell-weekday-7",
    }
}

/// The eras of living memory, latest first: message key, first day (year, month, day).
// Era Name Act (Act No. 43 of 1979) and the Cabinet Orders under it.
const ERAS: [(&str, (i16, i8, i8)); 3] =
    [("reiwa", (2019, 5, 1)), ("heisei", (1989, 1, 8)), ("showa", (1926, 12, 25))];

/// The era of a day and the year within it, counted from 1.
fn era_of(day: Date) -> Option<(&'static str, i16)> {
    let key = (day.year(), day.month(), day.day());
    let (name, (first, _, _)) = ERAS.into_iter().find(|(_, start)| key >= *start)?;
    Some((name, day.year() - first + 1))
}

/// Reads a year as people write it: `2026`, `R8`, the era's name and a
/// number; in full width too.
pub fn parse_year(text: &str) -> Option<i16> {
    let folded = fold_width(text);
    let text = folded.trim();
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).collect();
    let prefix = text.strip_suffix(digits.as_str()).unwrap_or(text).trim();
    let first = match prefix {
        "" => return digits.parse().ok().filter(|year| (1000..=9999).contains(year)),
        // The kanji names by code point: this module speaks to machines, the locales to people.
        "R" | "r" | "\u{4ee4}\u{548c}" => 2019_i16,
        "H" | "h" | "\u{5e73}\u{6210}" => 1989,
        "S" | "s" | "\u{662d}\u{548c}" => 1926,
        _ => return None,
    };
    digits.parse::<i16>().ok().filter(|year| (1..=99).contains(year)).map(|year| first + year - 1)
}

/// Folds full-width letters, digits, signs and the ideographic space to their plain forms.
///
/// What a Japanese keyboard produces by default must be as good as what a program expects.
pub fn fold_width(text: &str) -> String {
    let fold = |c: char| match c {
        '\u{3000}' => ' ',
        '\u{2212}' => '-',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(fold).collect()
}

/// Thousands separated by commas, as both languages do.
fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        out.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A whole number of any size. Templates pass values at any depth of reference, so all are taken.
pub trait Number {
    /// The value.
    fn whole(&self) -> i128;
}

macro_rules! number {
    ($($int:ty),*) => {$(impl Number for $int {
        fn whole(&self) -> i128 { i128::from(*self) }
    })*};
}
number!(i8, i16, i32, i64, u8, u16, u32, u64, i128);

impl Number for usize {
    fn whole(&self) -> i128 {
        i128::try_from(*self).unwrap_or(i128::MAX)
    }
}

impl<T: Number + ?Sized> Number for &T {
    fn whole(&self) -> i128 {
        (**self).whole()
    }
}

/// An instant, at any depth of reference.
pub trait Moment {
    /// The instant.
    fn moment(&self) -> Timestamp;
}

impl Moment for Timestamp {
    fn moment(&self) -> Timestamp {
        *self
    }
}

impl<T: Moment + ?Sized> Moment for &T {
    fn moment(&self) -> Timestamp {
        (**self).moment()
    }
}

/// A calendar day, at any depth of reference.
pub trait Day {
    /// The day.
    fn day(&self) -> Date;
}

impl Day for Date {
    fn day(&self) -> Date {
        *self
    }
}

impl<T: Day + ?Sized> Day for &T {
    fn day(&self) -> Date {
        (**self).day()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Keys of one source with the variables each uses.
    fn keys(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((key, _)) =
                line.split_once('=').filter(|_| line.starts_with(|c: char| c.is_ascii_alphabetic()))
            {
                key.trim().clone_into(&mut current);
                assert!(
                    found.insert(current.clone(), BTreeSet::new()).is_none(),
                    "`{current}` twice"
                );
            }
            for part in line.split('$').skip(1) {
                let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
                found.get_mut(&current).unwrap().insert(name);
            }
        }
        found
    }

    #[test]
    fn all_texts_are_well_formed_and_no_key_stands_twice() {
        for lang in Lang::ALL {
            assert_eq!(bundle(lang).1, Vec::<String>::new());
        }
    }

    #[test]
    fn both_languages_have_the_same_keys_with_the_same_variables() {
        for (lang, pillar, text) in LOCALES {
            let (_, _, other) = LOCALES.iter().find(|(l, p, _)| l != lang && p == pillar).unwrap();
            let (ours, theirs) = (keys(text), keys(other));
            for (key, variables) in &ours {
                assert_eq!(
                    Some(variables),
                    theirs.get(key),
                    "`{key}` of {pillar} in {}",
                    lang.code()
                );
            }
        }
    }

    fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|kind| kind == "html" || kind == "rs") {
                out.push(path);
            }
        }
    }

    /// Every literal key in `.t("..")` and `.tv("..", ..)`, and every literal that is a whole key of the shell.
    fn used_keys(text: &str) -> Vec<&str> {
        let key = |part: &&str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let shell = text.split('"').filter(|part| part.starts_with("shell-"));
        let calls = [".t(\"", ".tv(\""].into_iter().flat_map(|call| text.split(call).skip(1));
        let called = calls.filter_map(|rest| rest.split('"').next());
        shell.chain(called).filter(key).collect()
    }

    #[test]
    fn every_key_that_a_page_or_the_program_names_has_a_message() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        for folder in ["templates", "src"] {
            sources(&root.join(folder), &mut paths);
        }
        let mut missing = BTreeSet::new();
        for path in paths {
            let text = fs::read_to_string(&path).unwrap();
            let production = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for key in used_keys(production) {
                if !Words::new(Lang::Ja).has(key) || !Words::new(Lang::En).has(key) {
                    missing
                        .insert(format!("{key} in {}", path.strip_prefix(root).unwrap().display()));
                }
            }
        }
        assert!(missing.is_empty(), "no message for {missing:#?}");
    }

    #[test]
    fn a_missing_key_shows_itself() {
        assert_eq!(Words::default().t("shell-nothing-such"), "⟦shell-nothing-such⟧");
    }

    #[test]
    fn the_language_is_negotiated_in_order() {
        let check = |query, cookie, accept, expected| {
            assert_eq!(
                Lang::negotiate(query, cookie, accept),
                expected,
                "{query:?} {cookie:?} {accept:?}"
            );
        };
        check(None, None, None, Lang::Ja);
        check(Some("en"), Some("ja"), Some("ja"), Lang::En);
        check(Some("xx"), Some("en"), Some("ja"), Lang::En);
        check(None, None, Some("en-GB,en;q=0.9,ja;q=0.8"), Lang::En);
        check(None, None, Some("fr, ja;q=0.5, en;q=0.7"), Lang::En);
        check(None, None, Some("en;q=0, fr"), Lang::Ja);
        check(None, None, Some(";;;q=,q=9999999999999,\u{1f600}"), Lang::Ja);
    }

    #[test]
    fn instants_are_written_as_each_language_does() {
        let (ja, en) = (Words::new(Lang::Ja), Words::new(Lang::En));
        let when = at("2026-11-23T05:05:00Z");
        assert_eq!(ja.moment(when), "2026年11月23日（月）14:05");
        assert_eq!(en.moment(when), "Mon 23 Nov 2026 14:05 JST");
        assert_eq!(ja.stamp(when), "2026/11/23 14:05");
        assert_eq!(en.stamp(when), "2026-11-23 14:05");
        assert_eq!(ja.with_era(true).date(when), "令和8年11月23日（月）");
        assert_eq!(en.with_era(true).date(when), "Mon 23 Nov Reiwa 8");
        // Midnight in Japan is another day than in UTC.
        assert_eq!(ja.date(at("2026-12-31T15:00:00Z")), "2027年1月1日（金）");
    }

    #[test]
    fn eras_change_on_their_day() {
        let era = Words::new(Lang::Ja).with_era(true);
        let check =
            |(y, m, d), expected| assert_eq!(era.day(Date::new(y, m, d).unwrap()), expected);
        check((2019, 4, 30), "平成31年4月30日（火）");
        check((2019, 5, 1), "令和元年5月1日（水）");
        check((1989, 1, 7), "昭和64年1月7日（土）");
        check((1926, 12, 24), "1926年12月24日（金）");
    }

    #[test]
    fn what_is_left_is_told_in_the_unit_that_matters() {
        let now = at("2026-11-23T00:00:00Z");
        let check = |due: &str, ja: &str, en: &str| {
            assert_eq!(Words::new(Lang::Ja).left(now, at(due)), ja);
            assert_eq!(Words::new(Lang::En).left(now, at(due)), en);
        };
        check("2026-12-22T00:00:00Z", "あと 29日", "29 days left");
        check("2026-11-24T05:30:00Z", "あと 29時間30分", "29 h 30 min left");
        check("2026-11-23T00:20:00Z", "あと 20分", "20 min left");
        check("2026-11-20T00:00:00Z", "3日 超過", "3 days overdue");
        assert_eq!(Words::new(Lang::En).ago(now, at("2026-11-20T00:00:00Z")), "3 days ago");
        assert_eq!(Words::new(Lang::Ja).ago(now, now), "たった今");
    }

    #[test]
    fn numbers_have_separators() {
        let words = Words::new(Lang::Ja);
        assert_eq!(words.n(0), "0");
        assert_eq!(words.n(-1_234_567_i64), "-1,234,567");
        assert_eq!(words.n(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(words.yen(42_000_000_u64), "42,000,000円");
        assert_eq!(words.bytes(1_549_999_u64), "1.5 MB");
        assert_eq!(words.bytes(999_u64), "999 B");
        assert_eq!(words.percent(1_u64, 3_u64), "33.3%");
        assert_eq!(words.percent(1_u64, 0_u64), "–");
    }

    #[test]
    fn years_are_read_in_every_form() {
        let check = |text, expected| assert_eq!(parse_year(text), expected, "{text}");
        check("２０２６", Some(2026));
        check("令和 8", Some(2026));
        check("Ｈ３１", Some(2019));
        check("昭和64", Some(1989));
        for bad in ["", "8", "R", "R0", "令和", "20261", "X8", "8R", "R8a", "99999999999"] {
            check(bad, None);
        }
        assert_eq!(fold_width("Ａ１：％　−"), "A1:% -");
    }
}
