//! Tables of indicators: read with a mapping that says which column means what, and written for operators' tools.
//!
//! Each line is judged on its own. A line that cannot be read is put aside with its number; a quote that is never closed
//! costs the line it stands in and no other.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::{StixObject, format_timestamp};
use noroshi_evidence::observable::{HashAlgorithm, Observable};
use noroshi_evidence::pattern;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::feed::{Entry, Source};
use crate::tongue::{Converted, Put};

/// Longest table read, in bytes.
pub const TABLE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most lines.
pub const LINES_MAX: usize = 1_000_000;
/// Longest record, in bytes.
pub const RECORD_BYTES_MAX: usize = 8 * 1024;
/// Most lines that one quoted record may span.
pub const RECORD_LINES_MAX: usize = 16;
/// Most columns.
pub const COLUMNS_MAX: usize = 256;
/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 200;
/// Namespace of the ids of indicators made from tables and pasted text.
const NAMESPACE: Uuid = Uuid::from_u128(0x9d7a_4b60_1c2e_5e8f_b1d4_20c9_6e57_a3f1);

/// How the bytes of a table are letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8 when it is, otherwise `Shift_JIS` when it is.
    #[default]
    Guess,
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// `Shift_JIS` as Windows writes it (code page 932).
    ShiftJis,
}

/// A column by the name in the first line, or by its number from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// `IPアドレス`
    Named(String),
    /// `3`
    Number(usize),
}

/// What the columns of a table mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The observable.
    pub value: Column,
    /// Its type; checked against the value when it is there.
    pub kind: Option<Column>,
    /// Free words about it.
    pub label: Option<Column>,
    /// 0 to 100, or none, low, medium, high (無, 低, 中, 高).
    pub confidence: Option<Column>,
    /// Until when it holds: a day (to its end, UTC) or a moment.
    pub valid_until: Option<Column>,
    /// Its marking.
    pub tlp: Option<Column>,
    /// Between columns.
    pub delimiter: u8,
    /// Whether the first line names the columns.
    pub header: bool,
    /// How the bytes are letters.
    pub encoding: Encoding,
}

/// Why a text is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMapping {
    /// A part is not `name=column` with a known name, or a setting has no such value.
    #[error("`{0}` is no part of a mapping of columns")]
    Part(String),
    /// No column for the value.
    #[error("a mapping names the column of the value: `value=…`")]
    NoValue,
    /// A named column without a line that names columns.
    #[error("without a first line of names, columns are numbers")]
    NoNames,
}

impl NoMapping {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Part(_) => "NRS-CODC-0180",
            Self::NoValue => "NRS-CODC-0181",
            Self::NoNames => "NRS-CODC-0182",
        }
    }
}

impl Default for Mapping {
    /// The first line names the columns, and the value stands in `value`; what [`encode`] writes.
    fn default() -> Self {
        let named = |name: &str| Some(Column::Named(name.to_owned()));
        Self {
            value: Column::Named("value".to_owned()),
            kind: named("type"),
            label: None,
            confidence: None,
            valid_until: named("valid_until"),
            tlp: named("tlp"),
            delimiter: b',',
            header: true,
            encoding: Encoding::Guess,
        }
    }
}

impl Mapping {
    /// Reads `value=IoC,type=2,label=備考,delimiter=tab,header=no,encoding=shift_jis`.
    ///
    /// ```
    /// use noroshi_codec::csv::{Column, Mapping};
    /// let mapping = Mapping::parse("value=通信先,confidence=確度,delimiter=tab")?;
    /// assert_eq!(mapping.value, Column::Named("通信先".to_owned()));
    /// assert_eq!(mapping.delimiter, b'\t');
    /// # Ok::<(), noroshi_codec::csv::NoMapping>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, NoMapping> {
        let mut value = None;
        let mut made = Self { kind: None, valid_until: None, tlp: None, ..Self::default() };
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let wrong = || NoMapping::Part(part.chars().take(80).collect());
            let (name, column) = part.split_once('=').ok_or_else(wrong)?;
            let column = column.trim();
            let place = || match column.parse::<usize>() {
                Ok(0) => None,
                Ok(number) => Some(Column::Number(number)),
                Err(_) => (!column.is_empty()).then(|| Column::Named(column.to_owned())),
            };
            let target = match name.trim() {
                "value" => &mut value,
                "type" => &mut made.kind,
                "label" => &mut made.label,
                "confidence" => &mut made.confidence,
                "valid_until" => &mut made.valid_until,
                "tlp" => &mut made.tlp,
                setting => {
                    made.setting(setting, column).ok_or_else(wrong)?;
                    continue;
                }
            };
            *target = Some(place().ok_or_else(wrong)?);
        }
        made.value = value.ok_or(NoMapping::NoValue)?;
        let named =
            made.columns().into_iter().any(|(_, column)| matches!(column, Column::Named(_)));
        if named && !made.header { Err(NoMapping::NoNames) } else { Ok(made) }
    }

    fn setting(&mut self, name: &str, value: &str) -> Option<()> {
        match (name, value) {
            ("delimiter", "comma") => self.delimiter = b',',
            ("delimiter", "tab") => self.delimiter = b'\t',
            ("delimiter", "semicolon" | ";") => self.delimiter = b';',
            ("delimiter", "|" | "pipe") => self.delimiter = b'|',
            ("header", "yes") => self.header = true,
            ("header", "no") => self.header = false,
            ("encoding", "utf-8") => self.encoding = Encoding::Utf8,
            ("encoding", "shift_jis") => self.encoding = Encoding::ShiftJis,
            _ => return None,
        }
        Some(())
    }

    fn columns(&self) -> Vec<(&'static str, &Column)> {
        let optional = [
            ("type", &self.kind),
            ("label", &self.label),
            ("confidence", &self.confidence),
            ("valid_until", &self.valid_until),
            ("tlp", &self.tlp),
        ];
        let optional =
            optional.into_iter().filter_map(|(name, column)| Some((name, column.as_ref()?)));
        std::iter::once(("value", &self.value)).chain(optional).collect()
    }
}

/// Why a line, or the whole table, was put aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Longer than [`TABLE_BYTES_MAX`] or [`LINES_MAX`].
    #[error("the table is longer than this program reads")]
    TooLong,
    /// The first line does not name a column of the mapping.
    #[error("the first line names no column `{0}`")]
    NoColumn(String),
    /// A record longer than [`RECORD_BYTES_MAX`], or a quote that is never closed.
    #[error("a record is too long, or a quote in it is not closed")]
    Record,
    /// Bytes that are no letters in the table's encoding.
    #[error("the line holds bytes that are no letters in this encoding")]
    Encoding,
    /// The line has no such column.
    #[error("the line has no value in the column for `{0}`")]
    Missing(&'static str),
    /// The value is no observable.
    #[error("{0}")]
    Value(String),
    /// The type is unknown, or not that of the value.
    #[error("`{0}` is not the type of the value")]
    Kind(String),
    /// Another column holds something it cannot.
    #[error("the column for `{0}` holds something else")]
    Column(&'static str),
    /// The same value twice; the first one counts.
    #[error("the value `{0}` occurs twice")]
    Twice(String),
    /// What was made is no object of the standard.
    #[error("the line makes no object: {0}")]
    Object(String),
}

impl Problem {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "NRS-CODC-0183",
            Self::NoColumn(_) => "NRS-CODC-0184",
            Self::Record => "NRS-CODC-0185",
            Self::Encoding => "NRS-CODC-0186",
            Self::Missing(_) => "NRS-CODC-0187",
            Self::Value(_) => "NRS-CODC-0188",
            Self::Kind(_) => "NRS-CODC-0189",
            Self::Column(_) => "NRS-CODC-0190",
            Self::Twice(_) => "NRS-CODC-0191",
            Self::Object(_) => "NRS-CODC-0192",
        }
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What to look for.
    pub observable: Observable,
    /// Free words.
    pub label: Option<String>,
    /// 0 to 100.
    pub confidence: Option<u8>,
    /// First moment at which it does not hold any more.
    pub valid_until: Option<Timestamp>,
    /// Its marking.
    pub tlp: Option<Tlp>,
}

impl Line {
    /// A line that says no more than what to look for.
    pub const fn of(observable: Observable) -> Self {
        Self { observable, label: None, confidence: None, valid_until: None, tlp: None }
    }

    /// The indicator: its id follows from `origin` and the value, its text from the line and `at`.
    pub fn indicator(&self, origin: &str, at: Timestamp) -> Result<StixObject, Problem> {
        let key = format!("{origin}\u{1f}{}", self.observable);
        let uuid = Uuid::new_v5(&NAMESPACE, key.as_bytes());
        let id =
            StixId::new("indicator", uuid).map_err(|wrong| Problem::Object(wrong.to_string()))?;
        let pattern = pattern::write([&self.observable]).ok_or(Problem::Missing("value"))?;
        let at = format_timestamp(at);
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
        for (name, value) in [
            ("type", "indicator"),
            ("spec_version", "2.1"),
            ("id", id.as_str()),
            ("created", &at),
            ("modified", &at),
            ("valid_from", &at),
            ("pattern", &pattern),
            ("pattern_type", "stix"),
            ("pattern_version", "2.1"),
        ] {
            put(name, value.into());
        }
        put("name", self.label.clone().unwrap_or_else(|| self.observable.to_string()).into());
        if let Some(confidence) = self.confidence {
            put("confidence", confidence.into());
        }
        if let Some(until) = self.valid_until {
            put("valid_until", format_timestamp(until).into());
        }
        if let Some(tlp) = self.tlp {
            put("object_marking_refs", vec![tlp.marking_id().to_string()].into());
        }
        let text = serde_json_canonicalizer::to_string(&object).unwrap_or_default();
        StixObject::parse(&text).map_err(|problem| Problem::Object(problem.to_string()))
    }
}

/// Reads a table into indicators. `origin` says whose table it is; `at` is when it was read.
pub fn to_stix(bytes: &[u8], mapping: &Mapping, origin: &str, at: Timestamp) -> Converted<Problem> {
    let lines = read(bytes, mapping);
    let mut made = Converted { objects: Vec::new(), aside: lines.aside, complete: lines.complete };
    for (number, line) in lines.lines {
        match line.indicator(origin, at) {
            Ok(object) => made.objects.push(object),
            Err(problem) => made.aside.push(Put {
                entry: Some(number),
                id: Some(line.observable.to_string()),
                bytes: line.observable.to_string().into_bytes(),
                problem,
            }),
        }
    }
    made.aside.sort_by_key(|put| put.entry);
    made
}

/// The lines of a table with their numbers from 1, and what was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines {
    /// What could be read.
    pub lines: Vec<(usize, Line)>,
    /// What could not.
    pub aside: Vec<Put<Problem>>,
    /// Whether the table was read to its end.
    pub complete: bool,
}

/// Reads a table.
///
/// ```
/// use noroshi_codec::csv::{Mapping, read};
/// let table = "種別,通信先,備考\nip,203.0.113[.]9,指令\nip,readme,-\n";
/// let lines = read(table.as_bytes(), &Mapping::parse("value=通信先,type=種別,label=備考")?);
/// assert_eq!(lines.lines[0].1.label.as_deref(), Some("指令"));
/// assert_eq!(lines.aside[0].entry, Some(3));
/// # Ok::<(), noroshi_codec::csv::NoMapping>(())
/// ```
pub fn read(bytes: &[u8], mapping: &Mapping) -> Lines {
    let mut made = Lines::default();
    if bytes.len() > TABLE_BYTES_MAX {
        made.aside.push(Put {
            entry: None,
            id: None,
            bytes: Vec::new(),
            problem: Problem::TooLong,
        });
        return made;
    }
    let text = letters(bytes, mapping.encoding);
    let mut records = Records::of(&text, mapping.delimiter);
    let first =
        if mapping.header { records.next().and_then(|record| record.fields.ok()) } else { None };
    let places = match places(mapping, first.as_deref()) {
        Ok(places) => places,
        Err(problem) => {
            made.aside.push(Put { entry: Some(1), id: None, bytes: Vec::new(), problem });
            return made;
        }
    };
    let mut seen = std::collections::BTreeSet::new();
    for record in records {
        if record.number > LINES_MAX {
            made.aside.push(Put {
                entry: Some(record.number),
                id: None,
                bytes: Vec::new(),
                problem: Problem::TooLong,
            });
            return made;
        }
        let blank = record
            .fields
            .as_ref()
            .is_ok_and(|fields| fields.iter().all(|field| field.trim().is_empty()));
        if blank {
            continue;
        }
        let read = record.fields.and_then(|fields| line(&fields, &places)).and_then(|line| {
            let new = seen.insert(line.observable.clone());
            if new { Ok(line) } else { Err(Problem::Twice(line.observable.to_string())) }
        });
        match read {
            Ok(line) => made.lines.push((record.number, line)),
            Err(problem) => made.aside.push(Put {
                entry: Some(record.number),
                id: None,
                bytes: record.text.as_bytes().to_vec(),
                problem,
            }),
        }
    }
    made.complete = true;
    made
}

/// What is no letter becomes U+FFFD, which no line may hold.
fn letters(bytes: &[u8], encoding: Encoding) -> String {
    let utf8 = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let guessed = match encoding {
        Encoding::Guess if core::str::from_utf8(utf8).is_ok() => Encoding::Utf8,
        Encoding::Guess if !encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes).1 => {
            Encoding::ShiftJis
        }
        Encoding::Guess => Encoding::Utf8,
        said => said,
    };
    match guessed {
        Encoding::ShiftJis => {
            encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes).0.into_owned()
        }
        Encoding::Utf8 | Encoding::Guess => String::from_utf8_lossy(utf8).into_owned(),
    }
}

/// Where each meaning stands, as indexes.
fn places(
    mapping: &Mapping,
    names: Option<&[String]>,
) -> Result<Vec<(&'static str, usize)>, Problem> {
    let place = |(meaning, column): (&'static str, &Column)| match column {
        Column::Number(number) => Ok((meaning, number.saturating_sub(1))),
        Column::Named(name) => {
            let same = |known: &String| known.trim().eq_ignore_ascii_case(name);
            let found = names.and_then(|names| names.iter().position(same));
            found.map(|at| (meaning, at)).ok_or_else(|| Problem::NoColumn(name.clone()))
        }
    };
    mapping.columns().into_iter().map(place).collect()
}

fn line(fields: &[String], places: &[(&'static str, usize)]) -> Result<Line, Problem> {
    let field = |wanted: &str| {
        let place = places.iter().find(|(meaning, _)| *meaning == wanted)?;
        let text = fields.get(place.1)?.trim();
        (!text.is_empty()).then_some(text)
    };
    if fields.iter().any(|field| field.contains('\u{fffd}')) {
        return Err(Problem::Encoding);
    }
    let value = field("value").ok_or(Problem::Missing("value"))?;
    let observable = Observable::parse(value).map_err(|wrong| Problem::Value(wrong.to_string()))?;
    if let Some(kind) = field("type").filter(|kind| !is_kind(kind, &observable)) {
        return Err(Problem::Kind(kind.chars().take(40).collect()));
    }
    let optional = |meaning: &'static str, read: &dyn Fn(&str) -> bool| match field(meaning) {
        Some(text) if !read(text) => Err(Problem::Column(meaning)),
        _ => Ok(()),
    };
    optional("confidence", &|text| confidence(text).is_some())?;
    optional("valid_until", &|text| until(text).is_some())?;
    optional("tlp", &|text| Tlp::from_label(text).is_some())?;
    Ok(Line {
        observable,
        label: field("label").map(|label| label.chars().take(LABEL_CHARS_MAX).collect()),
        confidence: field("confidence").and_then(confidence),
        valid_until: field("valid_until").and_then(until),
        tlp: field("tlp").and_then(Tlp::from_label),
    })
}

/// The words for a type that are met in tables.
fn is_kind(kind: &str, observable: &Observable) -> bool {
    let lower = kind.to_lowercase();
    match observable {
        Observable::Ipv4(_) => matches!(
            lower.as_str(),
            "ip" | "ipv4" | "ipv4-addr" | "ip-src" | "ip-dst" | "address" | "cidr" | "ipアドレス"
        ),
        Observable::Ipv6(_) => matches!(
            lower.as_str(),
            "ip" | "ipv6" | "ipv6-addr" | "ip-src" | "ip-dst" | "address" | "cidr" | "ipアドレス"
        ),
        Observable::Domain(_) => {
            matches!(
                lower.as_str(),
                "domain" | "domain-name" | "hostname" | "fqdn" | "host" | "ドメイン" | "ホスト名"
            )
        }
        Observable::Url(_) => matches!(lower.as_str(), "url" | "uri" | "link"),
        Observable::FileHash(hash) => {
            matches!(lower.as_str(), "hash" | "file" | "filehash" | "ハッシュ" | "ハッシュ値")
                || HashAlgorithm::from_stix_name(kind) == Some(hash.algorithm())
                || kind.eq_ignore_ascii_case(hash.algorithm().stix_name())
        }
    }
}

/// STIX 2.1 appendix A for the words.
fn confidence(text: &str) -> Option<u8> {
    match text.to_lowercase().as_str() {
        "none" | "無" => Some(0),
        "low" | "低" => Some(15),
        "medium" | "med" | "中" => Some(50),
        "high" | "高" => Some(85),
        number => number.parse().ok().filter(|number| *number <= 100),
    }
}

/// A moment, or a day: then the moment at which it is over, UTC.
fn until(text: &str) -> Option<Timestamp> {
    let day = text.replace('/', "-");
    match day.parse::<Date>() {
        Ok(day) if day.to_string() == text.replace('/', "-") => {
            Offset::UTC.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok()
        }
        _ => text.parse().ok(),
    }
}

/// A record with the number of its first line.
struct Record<'a> {
    number: usize,
    text: &'a str,
    fields: Result<Vec<String>, Problem>,
}

/// Records one by one; after one that cannot be read the walk goes on with the next line.
struct Records<'a> {
    rest: &'a str,
    number: usize,
    delimiter: u8,
}

impl<'a> Records<'a> {
    const fn of(text: &'a str, delimiter: u8) -> Self {
        Self { rest: text, number: 1, delimiter }
    }

    fn reader(&self) -> Reader {
        ReaderBuilder::new().delimiter(self.delimiter).build()
    }

    /// What one record may take: so many lines and bytes.
    fn window(&self) -> &'a str {
        let end = self.rest.floor_char_boundary(RECORD_BYTES_MAX.saturating_mul(2));
        let window = self.rest.get(..end).unwrap_or_default();
        let last = window.match_indices('\n').nth(RECORD_LINES_MAX - 1).map(|(at, _)| at + 1);
        window.get(..last.unwrap_or(window.len())).unwrap_or_default()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let window = self.window();
        let line_end = window.find('\n').map_or(window.len(), |at| at + 1);
        let number = self.number;
        // Most lines hold no quote, and csv-core passes over blank ones without telling.
        let (fields, taken) = if window.get(..line_end).is_some_and(|line| line.trim().is_empty()) {
            (Ok(Vec::new()), line_end)
        } else {
            match record(&mut self.reader(), window, window.len() == self.rest.len()) {
                Some((fields, taken)) => (Ok(fields), taken),
                None => (
                    Err(Problem::Record),
                    self.rest.find('\n').map_or(self.rest.len(), |at| at + 1),
                ),
            }
        };
        let (text, rest) = self.rest.split_at_checked(taken.max(1)).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.number += text.matches('\n').count().max(1);
        Some(Record { number, text: text.trim_end(), fields })
    }
}

/// One record and how many bytes it took; `None` when it does not end within `window`.
fn record(reader: &mut Reader, window: &str, last: bool) -> Option<(Vec<String>, usize)> {
    let (mut out, mut ends) = (vec![0; RECORD_BYTES_MAX], vec![0; COLUMNS_MAX]);
    let (mut input, mut written, mut fields, mut taken) = (window.as_bytes(), 0, 0, 0);
    loop {
        let (result, read, wrote, ended) =
            reader.read_record(input, out.get_mut(written..)?, ends.get_mut(fields..)?);
        taken += read;
        written += wrote;
        fields += ended;
        match result {
            ReadRecordResult::Record => break,
            // At the end of the text a record is over, unless a quote is still open: then the whole is one field of it.
            ReadRecordResult::InputEmpty if last && !input.is_empty() => input = &[],
            _ => return None,
        }
    }
    if last && taken == window.len() && window.matches('"').count() % 2 == 1 {
        return None;
    }
    let mut start = 0;
    let mut made = Vec::with_capacity(fields);
    for end in ends.get(..fields)? {
        made.push(core::str::from_utf8(out.get(start..*end)?).ok()?.to_owned());
        start = *end;
    }
    // A carriage return and a line feed end one line, but csv-core leaves the second to the next record.
    let after = window.get(taken..).unwrap_or_default();
    let ended = window.get(..taken).is_some_and(|text| text.ends_with('\n'));
    let extra = usize::from(!ended && after.starts_with('\n'));
    Some((made, taken + extra))
}

/// The first line of what [`encode`] writes.
pub const HEADER: &str = "value,type,indicator,valid_until,tlp,source";

/// Writes entries as a table, sorted, with a first line of names. No field needs quotes but locators with a comma.
pub fn encode<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut lines: Vec<String> = entries.into_iter().map(written).collect();
    lines.sort();
    lines.dedup();
    let mut text = format!("{HEADER}\r\n");
    for line in lines {
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text
}

fn written(entry: &Entry) -> String {
    let value = entry.observable.to_string();
    // RFC 4180 §2.6, §2.7.
    let value = if value.contains([',', '"']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value
    };
    let until = entry.valid_until.map(|until| until.to_string()).unwrap_or_default();
    let kind = entry.observable.stix_type();
    format!("{value},{kind},{},{until},{},{}", entry.indicator, entry.tlp.label(), entry.source)
}

/// Why a table was not written by [`encode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line `{0}` is not of the form this program writes")]
pub struct Foreign(pub usize);

/// Reads back what [`encode`] wrote, so that the next writing can be compared with it.
pub fn decode(text: &str) -> Result<Vec<Entry>, Foreign> {
    let mut records = Records::of(text, b',');
    let first = records.next().and_then(|record| record.fields.ok()).unwrap_or_default();
    if first.join(",") != HEADER {
        return Err(Foreign(1));
    }
    records
        .map(|record| {
            let foreign = Foreign(record.number);
            let fields = record.fields.map_err(|_| foreign.clone())?;
            entry(&fields).ok_or(foreign)
        })
        .collect()
}

fn entry(fields: &[String]) -> Option<Entry> {
    let [value, kind, indicator, until, tlp, source] = fields else { return None };
    let observable = Observable::parse(value).ok()?;
    let valid_until = if until.is_empty() { None } else { Some(until.parse().ok()?) };
    (observable.to_string() == *value && observable.stix_type() == kind).then_some(())?;
    Some(Entry {
        observable,
        indicator: indicator.parse().ok()?,
        valid_until,
        tlp: Tlp::from_label(tlp)?,
        source: Source::parse(source)?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8], mapping: &str, values: &[&str], aside: &[(usize, &str)]) -> Lines {
        let lines = read(bytes, &Mapping::parse(mapping).unwrap());
        let found: Vec<String> =
            lines.lines.iter().map(|(_, line)| line.observable.to_string()).collect();
        assert_eq!(found, values, "{:?}", lines.aside);
        let put: Vec<(usize, &str)> =
            lines.aside.iter().map(|one| (one.entry.unwrap(), one.problem.code())).collect();
        assert_eq!(put, aside);
        lines
    }

    #[test]
    fn columns_are_found_by_name_or_number() {
        let table = "IoC,Type,Note,Conf,Until,TLP\r\n\
             203.0.113.9,ip,\"one, two\",高,2026-12-31,AMBER\r\n\
             evil[.]example,domain,,40,2026-12-31T00:00:00Z,TLP:GREEN\r\n";
        let lines = check(
            table.as_bytes(),
            "value=ioc,type=2,label=Note,confidence=4,valid_until=Until,tlp=6",
            &["203.0.113.9", "evil.example"],
            &[],
        );
        let first = &lines.lines[0].1;
        assert_eq!(lines.lines[0].0, 2);
        assert_eq!(
            (first.label.as_deref(), first.confidence, first.tlp),
            (Some("one, two"), Some(85), Some(Tlp::Amber))
        );
        assert_eq!(
            first.valid_until.unwrap().to_string(),
            "2027-01-01T00:00:00Z",
            "a day holds to its end"
        );
        check(
            b"a;203.0.113.9\nb;203.0.113.10\n",
            "value=2,header=no,delimiter=semicolon",
            &["203.0.113.9", "203.0.113.10"],
            &[],
        );
    }

    #[test]
    fn each_bad_line_is_put_aside_with_its_number() {
        let table = "value,type,confidence,valid_until,tlp\n\
             192.0.2.1,domain,,,\n\
             nothing,,,,\n\
             192.0.2.2,,200,,\n\
             192.0.2.3,,,soon,\n\
             192.0.2.4,,,,PURPLE\n\
             ,,1,,\n\
             \n\
             192.0.2.5\n\
             192.0.2.5\n\
             192.0.2.6,,,\"not closed\n\
             192.0.2.7,,,,\n";
        check(
            table.as_bytes(),
            "value=value,type=type,confidence=confidence,valid_until=valid_until,tlp=tlp",
            &["192.0.2.5", "192.0.2.7"],
            &[
                (2, "NRS-CODC-0189"),
                (3, "NRS-CODC-0188"),
                (4, "NRS-CODC-0190"),
                (5, "NRS-CODC-0190"),
                (6, "NRS-CODC-0190"),
                (7, "NRS-CODC-0187"),
                (10, "NRS-CODC-0191"),
                (11, "NRS-CODC-0185"),
            ],
        );
        check(b"a,b\n1,2\n", "value=c", &[], &[(1, "NRS-CODC-0184")]);
    }

    #[test]
    fn a_quoted_record_may_span_lines_and_numbers_stay_true() {
        let lines = check(
            b"value,note\n\"192.0.2.1\",\"first\nsecond\"\nbad,\n192.0.2.2,\n",
            "value=value,label=note",
            &["192.0.2.1", "192.0.2.2"],
            &[(4, "NRS-CODC-0188")],
        );
        assert_eq!(lines.lines[1].0, 5);
    }

    #[test]
    fn shift_jis_is_read_and_broken_letters_cost_their_line() {
        let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode("通信先,備考\n203.0.113.9,表の能力ソ\n");
        let lines = check(&bytes, "value=通信先,label=備考", &["203.0.113.9"], &[]);
        assert_eq!(lines.lines[0].1.label.as_deref(), Some("表の能力ソ"));
        check(
            b"v,l\n192.0.2.1,\xff\xff\n192.0.2.2,x\n",
            "value=v,label=l,encoding=utf-8",
            &["192.0.2.2"],
            &[(2, "NRS-CODC-0186")],
        );
        check("\u{feff}v\n192.0.2.1\n".as_bytes(), "value=v", &["192.0.2.1"], &[]);
    }

    #[test]
    fn a_mapping_says_what_is_wrong_with_it() {
        let code = |text: &str| Mapping::parse(text).unwrap_err().code();
        assert_eq!(code("type=1"), "NRS-CODC-0181");
        assert_eq!(code("value"), "NRS-CODC-0180");
        assert_eq!(code("value=0"), "NRS-CODC-0180");
        assert_eq!(code("value=1,colour=2"), "NRS-CODC-0180");
        assert_eq!(code("value=x,header=no"), "NRS-CODC-0182");
    }

    #[test]
    fn an_indicator_is_named_by_its_origin_and_value() {
        let at = "2026-11-01T00:00:00Z".parse().unwrap();
        let table = b"value\nevil.example\n";
        let made =
            |origin: &str| to_stix(table, &Mapping::parse("value=value").unwrap(), origin, at);
        let one = made("a").objects.remove(0);
        assert_eq!(
            one.head().indicator.as_ref().unwrap().pattern.as_ref(),
            "[domain-name:value = 'evil.example']"
        );
        assert_eq!(made("a").objects, [one.clone()]);
        assert_ne!(made("b").objects[0].id(), one.id());
    }

    #[test]
    fn many_open_quotes_cost_in_proportion() {
        let table = format!("v\n{}", "\"192.0.2.1\n".repeat(20_000));
        let lines = read(table.as_bytes(), &Mapping::parse("value=v").unwrap());
        assert!(lines.complete && lines.lines.len() <= 1);
    }

    pub(crate) fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let observable = prop_oneof![
            any::<[u8; 4]>().prop_map(|octets| Observable::from(core::net::Ipv4Addr::from(octets))),
            (any::<[u8; 4]>(), 8_u8..32).prop_map(|(octets, length)| {
                Observable::from(ipnet::Ipv4Net::new(octets.into(), length).unwrap())
            }),
            any::<u128>().prop_map(|bits| Observable::from(core::net::Ipv6Addr::from_bits(bits))),
            "[a-z]{1,12}\\.[a-z]{1,12}\\.example".prop_map(|name| name.parse().unwrap()),
            "https?://[a-z]{1,9}\\.example(:81)?/[a-zA-Z0-9,\"'%;$#|\\\\?&=]{0,20}"
                .prop_map(|url| url.parse().unwrap()),
            "[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}"
                .prop_map(|hash| hash.parse().unwrap()),
        ];
        let entry = (
            observable,
            any::<u128>(),
            proptest::option::of(0_i64..4_000_000_000),
            0_usize..5,
            "[a-z]{1,8}:[0-9]{1,4}",
        );
        let entry = entry.prop_map(|(observable, id, until, tlp, source)| Entry {
            observable,
            indicator: StixId::new("indicator", Uuid::from_u128(id)).unwrap(),
            valid_until: until.map(|until| Timestamp::from_second(until).unwrap()),
            tlp: Tlp::ALL[tlp],
            source: Source::parse(&source).unwrap(),
        });
        proptest::collection::vec(entry, 0..20)
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(entries in entries()) {
            let text = encode(&entries);
            let mut read = decode(&text).unwrap();
            prop_assert_eq!(encode(&read), text);
            let mut entries = entries;
            entries.sort();
            entries.dedup();
            read.sort();
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let lines = read(&bytes, &Mapping::parse("value=1,header=no").unwrap());
            prop_assert!(lines.complete);
        }

        #[test]
        fn likely_tables_lose_no_line(rows in proptest::collection::vec("[a-z0-9.,\"]{0,12}", 0..12)) {
            let text = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
            let lines = read(text.as_bytes(), &Mapping::parse("value=1,header=no").unwrap());
            prop_assert!(lines.complete);
            prop_assert!(lines.lines.len() + lines.aside.len() <= rows.len());
        }
    }
}
