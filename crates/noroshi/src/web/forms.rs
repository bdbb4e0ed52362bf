//! What did the person type, what was wrong with it, and how is it shown again without losing a word?
//!
//! A handler turns the posted pairs into a [`FormState`], reads typed values from it, and on any
//! error renders the same page with the same state: every value is still there, each bad field says
//! what to do, and a summary at the top links to the fields.
//!
//! ```
//! use noroshi::web::forms::FormState;
//!
//! let mut form = FormState::posted([("title", "  Outage "), ("hosts", "\u{ff11}\u{ff12}")]);
//! assert_eq!(form.text("title", 100), Some("Outage".to_owned()));
//! assert_eq!(form.number::<u32>("hosts"), Some(12));
//! assert_eq!(form.text("summary", 100), None);
//! assert_eq!(form.error("summary").map(|e| e.code.as_str()), Some("NRS-FORM-0001"));
//! ```

use std::collections::BTreeMap;
use std::str::FromStr;

use fluent_bundle::FluentValue;
use jiff::Timestamp;
use jiff::civil::{Date, Time};

use super::locale::{Words, fold_width, from_tokyo, parse_year, tokyo};

/// Fields taken from one posted form; more are dropped before anything looks at them.
pub const FIELDS_MAX: usize = 512;
/// Characters of one posted value that are kept; pillars set tighter limits per field.
pub const VALUE_CHARS_MAX: usize = 64 * 1024;

/// Why a field was refused: a stable code, and the message that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Stable code such as `NRS-FORM-0001`.
    pub code: String,
    /// Key of the message in the locales.
    pub message_key: String,
    /// The number the message needs (`$max`), when it needs one.
    pub max: Option<u64>,
}

impl FieldError {
    /// An error with a message that needs no variables.
    pub fn new(code: impl Into<String>, message_key: impl Into<String>) -> Self {
        Self { code: code.into(), message_key: message_key.into(), max: None }
    }

    /// Nothing was filled in.
    pub fn required() -> Self {
        Self::new("NRS-FORM-0001", "shell-error-required")
    }

    /// More characters than the limit.
    pub fn too_long(max: usize) -> Self {
        let max = u64::try_from(max).ok();
        Self { max, ..Self::new("NRS-FORM-0002", "shell-error-too-long") }
    }

    /// Not a number, or one out of range.
    pub fn number() -> Self {
        Self::new("NRS-FORM-0003", "shell-error-number")
    }

    /// Not a day or time that exists.
    pub fn date() -> Self {
        Self::new("NRS-FORM-0004", "shell-error-date")
    }

    /// Not one of the choices offered.
    pub fn choice() -> Self {
        Self::new("NRS-FORM-0005", "shell-error-choice")
    }

    /// The message in the reader's language.
    pub fn text(&self, words: Words) -> String {
        match self.max {
            Some(max) => words.tv(&self.message_key, &[("max", FluentValue::from(max))]),
            None => words.t(&self.message_key),
        }
    }
}

/// One choice of a select, a radio group or check boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is posted.
    pub value: String,
    /// What is read.
    pub label: String,
    /// A line that helps choosing; empty when the label says it all.
    pub help: String,
}

impl Choice {
    /// A choice that needs no explanation.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), help: String::new() }
    }

    /// A choice with a line of help.
    pub fn with_help(
        value: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { help: help.into(), ..Self::new(value, label) }
    }
}

/// The values of a form and what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormState {
    values: BTreeMap<String, String>,
    errors: BTreeMap<String, FieldError>,
    /// Names in the order their errors were found, which is the order of the page.
    order: Vec<String>,
    /// The label of field `x` is the message `<labels>-x`; empty when the form has no such keys.
    labels: String,
}

impl FormState {
    /// An empty form, as shown the first time.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was posted. A name posted several times (check boxes) keeps all its values, one a line.
    pub fn posted<K: Into<String>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut form = Self::new();
        for (name, value) in pairs.into_iter().take(FIELDS_MAX) {
            let kept: String = value.as_ref().chars().take(VALUE_CHARS_MAX).collect();
            form.values
                .entry(name.into())
                .and_modify(|so_far| {
                    so_far.push('\n');
                    so_far.push_str(&kept);
                })
                .or_insert(kept);
        }
        form
    }

    /// Says where the labels of the fields stand in the locales, so that the summary of errors can name
    /// them: with `intake-field`, the label of `title` is the message `intake-field-title`.
    #[must_use]
    pub fn labelled(self, prefix: impl Into<String>) -> Self {
        Self { labels: prefix.into(), ..self }
    }

    /// The label of a field, when the locales have it; empty otherwise.
    pub fn label(&self, name: &str, words: Words) -> String {
        let key = format!("{}-{name}", self.labels);
        if words.has(&key) { words.t(key) } else { String::new() }
    }

    /// Fills in a value, for example from the stage before.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// Fills in the separate fields of a day and time, in Japanese time.
    pub fn set_moment(&mut self, name: &str, at: Timestamp) {
        let local = tokyo(at);
        self.set_day(name, local.date());
        self.set(format!("{name}-hour"), local.hour().to_string());
        self.set(format!("{name}-minute"), format!("{:02}", local.minute()));
    }

    /// Fills in the separate fields of a day.
    pub fn set_day(&mut self, name: &str, day: Date) {
        self.set(format!("{name}-year"), day.year().to_string());
        self.set(format!("{name}-month"), day.month().to_string());
        self.set(format!("{name}-day"), day.day().to_string());
    }

    /// The value as typed; empty when there is none.
    pub fn value(&self, name: impl AsRef<str>) -> &str {
        self.values.get(name.as_ref()).map_or("", String::as_str)
    }

    /// The value of one part of a group of fields, such as the `year` of a date.
    pub fn part(&self, name: impl AsRef<str>, part: &str) -> &str {
        self.value(format!("{}-{part}", name.as_ref()))
    }

    /// True when this value is chosen, alone or among several.
    pub fn chosen(&self, name: impl AsRef<str>, value: impl AsRef<str>) -> bool {
        self.value(name).split('\n').any(|one| one == value.as_ref())
    }

    /// Everything chosen under one name, as posted.
    pub fn all(&self, name: &str) -> Vec<String> {
        let lines = self.value(name).split('\n');
        lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    /// Marks a field as wrong. The first thing wrong with a field is the one that is told.
    pub fn fail(&mut self, name: impl Into<String>, error: FieldError) {
        let name = name.into();
        if !self.errors.contains_key(&name) {
            self.order.push(name.clone());
            self.errors.insert(name, error);
        }
    }

    /// What is wrong with a field.
    pub fn error(&self, name: impl AsRef<str>) -> Option<&FieldError> {
        self.errors.get(name.as_ref())
    }

    /// All errors with their field names, in the order they were found.
    pub fn errors(&self) -> Vec<(&str, &FieldError)> {
        self.order.iter().filter_map(|name| Some((name.as_str(), self.errors.get(name)?))).collect()
    }

    /// True when nothing was found wrong.
    pub fn is_ok(&self) -> bool {
        self.errors.is_empty()
    }

    /// A required text without surrounding space, at most `chars_max` characters; notes the error.
    pub fn text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let text = self.optional(name, chars_max);
        if text.is_none() {
            self.fail(name, FieldError::required());
        }
        text
    }

    /// A text that may be left out; too long is still an error.
    pub fn optional(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let text = self.value(name).trim().to_owned();
        if text.chars().count() > chars_max {
            self.fail(name, FieldError::too_long(chars_max));
            return None;
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// A number in plain or full-width digits, with or without separators; empty is not an error.
    pub fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let folded = fold_width(self.value(name));
        let digits: String = folded.trim().chars().filter(|c| *c != ',').collect();
        if digits.is_empty() {
            return None;
        }
        let parsed = digits.parse().ok();
        if parsed.is_none() {
            self.fail(name, FieldError::number());
        }
        parsed
    }

    /// One of the values a closed list knows; empty is not an error.
    pub fn one_of<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.value(name).trim().to_owned();
        if value.is_empty() {
            return None;
        }
        let parsed = parse(&value);
        if parsed.is_none() {
            self.fail(name, FieldError::choice());
        }
        parsed
    }

    /// The day of three separate fields; all empty is not an error, a day that does not exist is.
    pub fn day(&mut self, name: &str) -> Option<Date> {
        let parts = ["year", "month", "day"]
            .map(|part| fold_width(self.part(name, part)).trim().to_owned());
        if parts.iter().all(String::is_empty) {
            return None;
        }
        let [year, month, day] = parts;
        let read = || Date::new(parse_year(&year)?, month.parse().ok()?, day.parse().ok()?).ok();
        let parsed = read();
        if parsed.is_none() {
            self.fail(name, FieldError::date());
        }
        parsed
    }

    /// The instant of a day and a time of day in Japan; a missing time counts as midnight.
    pub fn moment(&mut self, name: &str) -> Option<Timestamp> {
        let day = self.day(name)?;
        let part = |part| {
            let text = fold_width(self.part(name, part)).trim().to_owned();
            if text.is_empty() { Some(0) } else { text.parse::<i8>().ok() }
        };
        let read = || {
            let time = Time::new(part("hour")?, part("minute")?, 0, 0).ok()?;
            from_tokyo(day.to_datetime(time))
        };
        let parsed = read();
        if parsed.is_none() {
            self.fail(name, FieldError::date());
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_people_write_it() {
        let check = |parts: [&str; 3], expected: Option<(i16, i8, i8)>| {
            let names = ["seen-year", "seen-month", "seen-day"];
            let mut form = FormState::posted(names.into_iter().zip(parts));
            let day = form.day("seen").map(|d| (d.year(), d.month(), d.day()));
            assert_eq!(day, expected, "{parts:?}");
            assert_eq!(form.is_ok(), expected.is_some() || parts.iter().all(|p| p.is_empty()));
        };
        check(["2026", "11", "23"], Some((2026, 11, 23)));
        check(["２０２６", "１１", " 23"], Some((2026, 11, 23)));
        check(["R8", "11", "23"], Some((2026, 11, 23)));
        check(["令和８", "2", "28"], Some((2026, 2, 28)));
        check(["平成31", "4", "30"], Some((2019, 4, 30)));
        check(["2026", "2", "29"], None);
        check(["", "", ""], None);
        check(["26", "1", "1"], None);
        check(["2026", "", "1"], None);
    }

    #[test]
    fn a_moment_is_japanese_time_and_comes_back_the_same() {
        let at: Timestamp = "2026-11-23T05:05:00Z".parse().unwrap();
        let mut form = FormState::new();
        form.set_moment("seen", at);
        assert_eq!((form.part("seen", "hour"), form.part("seen", "minute")), ("14", "05"));
        assert_eq!(form.moment("seen"), Some(at));
        form.set("seen-hour", "25");
        assert_eq!(form.moment("seen"), None);
        assert_eq!(form.error("seen"), Some(&FieldError::date()));
    }

    #[test]
    fn several_values_of_one_name_are_all_kept() {
        let form = FormState::posted([("sector", "energy"), ("sector", "health"), ("note", "x")]);
        assert!(form.chosen("sector", "energy") && form.chosen("sector", "health"));
        assert!(!form.chosen("sector", "ener"));
        assert_eq!(form.all("sector"), ["energy", "health"]);
    }

    #[test]
    fn errors_keep_the_order_of_the_page_and_the_first_cause() {
        let mut form = FormState::posted([("z", "abcdef"), ("a", "many")]);
        assert_eq!(form.text("z", 3), None);
        assert_eq!(form.number::<u8>("a"), None);
        form.fail("z", FieldError::required());
        let found: Vec<_> = form.errors().into_iter().map(|(n, e)| (n, e.code.as_str())).collect();
        assert_eq!(found, [("z", "NRS-FORM-0002"), ("a", "NRS-FORM-0003")]);
        assert_eq!(form.value("z"), "abcdef");
    }

    #[test]
    fn the_summary_can_name_a_field_whose_label_has_a_key() {
        let words = Words::new(crate::web::locale::Lang::En);
        let form = FormState::new().labelled("shell-year");
        assert_eq!(form.label("field", words), "Year");
        assert_eq!(form.label("other", words), "");
        assert_eq!(FieldError::too_long(80).text(words), "Too long. Use at most 80 characters.");
    }

    #[test]
    fn hostile_posts_are_cut_to_their_limits() {
        let many = (0..FIELDS_MAX * 2).map(|i| (format!("f{i}"), "x"));
        assert_eq!(FormState::posted(many).values.len(), FIELDS_MAX);
        let long = "長".repeat(VALUE_CHARS_MAX + 5);
        assert_eq!(FormState::posted([("f", &long)]).value("f").chars().count(), VALUE_CHARS_MAX);
    }
}
