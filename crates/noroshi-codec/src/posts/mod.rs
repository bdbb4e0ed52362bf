//! Tables of public posts: who shared what, and when. CSV, JSON lines and Parquet, as research exports have them.
//!
//! The exact columns of the tools that analysts use today are known ([`Layout`]), and so is the export of Telegram Desktop,
//! one JSON document with a chat or with all of them; any other table is read by the names of its columns or by a mapping. A table is a stream: rows are handed out one at a time, and a row that cannot be read is
//! put aside with its line and its reason and costs only itself. A record that says it is not public is put aside too:
//! what was not addressed to the public is not looked at here.
//!
//! ```
//! use noroshi_codec::posts::{Reader, Role, Settings};
//! let table = "object_id,account_id,content_id,timestamp_share\nhttps://news.example/1,kiln,p1,1764000000\n,kiln,p2,soon\n";
//! let mut reader = Reader::new(table.as_bytes(), &Settings::default())?;
//! let row = reader.next_row()?.unwrap().unwrap();
//! assert_eq!((row.text(Role::Account), row.object(0), row.at_ms()), ("kiln", "https://news.example/1", 1_764_000_000_000));
//! let reject = reader.next_row()?.unwrap().err().unwrap();
//! assert_eq!((reject.line, reject.reason.code()), (3, "NRS-INFL-0103"));
//! # Ok::<(), noroshi_codec::posts::NoTable>(())
//! ```

mod layout;
mod lines;
mod parquet;
mod telegram;
mod time;
pub mod url;

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use ::parquet::file::reader::ChunkReader;
use layout::Head;
pub use layout::{Column, Columns, FirstLine, Layout, Mapping, NoMapping, Role};
use lines::{Lines, Raw};
use memchr::{memchr, memchr_iter};
use serde_json::Value;
use time::Moment;
pub use time::{NoZone, Zone};

/// Longest record, in bytes; a post with all its text.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Most lines that one quoted record may span.
pub const RECORD_LINES_MAX: usize = 1_000;
/// Most columns.
pub const COLUMNS_MAX: usize = 256;
/// Most entries of a list in one cell (links, tags).
pub const LIST_ENTRIES_MAX: usize = 64;
/// 2000-01-01T00:00:00Z in milliseconds since 1970: what would have been posted before is a number of something else.
pub const POSTED_MS_MIN: i64 = 946_684_800_000;
/// Bytes by which encoding and layout are recognised.
const HEAD_BYTES: usize = 64 << 10;

/// How a table is to be read.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What the columns are; by their names where nothing is said.
    pub layout: Layout,
    /// Columns that hold objects which accounts share, in the order in which [`Row::object`] counts them; where neither
    /// these nor the mapping name one, those that known exports have (`object_id`, `url_id`, …). A column that nobody names
    /// is read by nobody.
    pub objects: Vec<String>,
    /// Of which zone times are that name none; that of the mapping, or UTC, where nothing is said.
    pub zone: Option<Zone>,
}

/// A table that cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum NoTable {
    /// The input failed.
    #[error("NRS-INFL-0100: the table cannot be read")]
    Input(#[from] io::Error),
    /// No column of that name.
    #[error("NRS-INFL-0101: the table has no column `{0}`; it has {1}")]
    NoColumn(String, String),
    /// A role without which there is no post.
    #[error("NRS-INFL-0102: no column is known to be the {word}; say which with a mapping", word = .0.word())]
    NoRole(Role),
    /// Its first record is longer than [`RECORD_BYTES_MAX`].
    #[error("NRS-INFL-0108: the first record is too long, or a quote in it is never closed")]
    TooLong,
    /// A column that holds who somebody is or what somebody says is no object and nothing else that is kept as it stands.
    #[error(
        "NRS-INFL-0113: the column `{0}` tells of somebody and is nothing that is kept in clear; accounts that are named are `mentions`"
    )]
    NoObject(String),
    /// Columns are named and the first line is a row.
    #[error(
        "NRS-INFL-0114: the first line holds a time, an address or a handle and is a row, so columns are called by their numbers"
    )]
    NoNames,
    /// It is said to be read by position and is another table.
    #[error(
        "NRS-INFL-0115: the table does not have the eight columns of coordination-network-toolkit; say which column is what with a mapping"
    )]
    NotToolkit,
    /// Nothing is in it.
    #[error("NRS-INFL-0106: the table is empty")]
    Empty,
    /// A Parquet file that contradicts itself or ends early.
    #[error("NRS-INFL-0130: the Parquet file is damaged or cut off")]
    Damaged,
    /// A Parquet file whose footer is encrypted.
    #[error("NRS-INFL-0131: the Parquet file is encrypted, and no key is asked for here")]
    Encrypted,
    /// Parquet that comes as a stream: what it holds stands at its end.
    #[error("NRS-INFL-0132: a Parquet table is read from a file and not from standard input")]
    Stream,
    /// A column of a Parquet file that would be read and is a list, a group or of another kind that is no cell.
    #[error(
        "NRS-INFL-0133: the column `{0}` is nested or of a kind that is not read; write it flat, or say `ignored = {0}` in a mapping"
    )]
    Kind(String),
    /// A Parquet file that says it holds more than is read.
    #[error("NRS-INFL-0134: the Parquet file says that it holds more than is read of one")]
    TooLarge,
    /// A Parquet file whose columns are packed in another way than those that are unpacked here.
    #[error(
        "NRS-INFL-0135: the Parquet file is packed with something else than Snappy, gzip or Zstandard"
    )]
    Packed,
}

impl NoTable {
    /// Its stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Input(_) => "NRS-INFL-0100",
            Self::NoColumn(..) => "NRS-INFL-0101",
            Self::NoRole(_) => "NRS-INFL-0102",
            Self::TooLong => "NRS-INFL-0108",
            Self::NoObject(_) => "NRS-INFL-0113",
            Self::NoNames => "NRS-INFL-0114",
            Self::NotToolkit => "NRS-INFL-0115",
            Self::Empty => "NRS-INFL-0106",
            Self::Damaged => "NRS-INFL-0130",
            Self::Encrypted => "NRS-INFL-0131",
            Self::Stream => "NRS-INFL-0132",
            Self::Kind(_) => "NRS-INFL-0133",
            Self::TooLarge => "NRS-INFL-0134",
            Self::Packed => "NRS-INFL-0135",
        }
    }
}

/// Why a row was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Reason {
    /// Its time is none.
    #[error("NRS-INFL-0103: the time is no time")]
    Time,
    /// It has no account.
    #[error("NRS-INFL-0104: the account is empty")]
    Account,
    /// It says that it was not public.
    #[error("NRS-INFL-0105: the post was not public, so it is not looked at")]
    NotPublic,
    /// Its letters are neither UTF-8 nor `Shift_JIS`.
    #[error("NRS-INFL-0107: the letters are neither UTF-8 nor Shift_JIS")]
    Letters,
    /// It is longer than [`RECORD_BYTES_MAX`], or spans more lines than [`RECORD_LINES_MAX`].
    #[error("NRS-INFL-0108: the record is too long, or a quote in it is never closed")]
    TooLong,
    /// It is no JSON object.
    #[error("NRS-INFL-0109: the line is no JSON object")]
    NotJson,
    /// It has fewer or more columns than the first line.
    #[error("NRS-INFL-0110: the number of columns is another one than that of the first line")]
    Columns,
    /// A notice of the platform, such as that a channel was made.
    #[error("NRS-INFL-0112: the record is a notice of the platform and no post")]
    Notice,
}

impl Reason {
    /// Its stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Time => "NRS-INFL-0103",
            Self::Account => "NRS-INFL-0104",
            Self::NotPublic => "NRS-INFL-0105",
            Self::Letters => "NRS-INFL-0107",
            Self::TooLong => "NRS-INFL-0108",
            Self::NotJson => "NRS-INFL-0109",
            Self::Columns => "NRS-INFL-0110",
            Self::Notice => "NRS-INFL-0112",
        }
    }
}

/// A row that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line it begins in, from 1; of Parquet the row, the names being the first.
    pub line: u64,
    /// Why.
    pub reason: Reason,
    /// The row as it stood, of Parquet the columns that are read, cut at 1,000 bytes, so that nothing is lost; nothing of a row that was not public, or of which it
    /// cannot be told whether it was. Whoever keeps it keeps personal data.
    pub bytes: Vec<u8>,
}

/// Most bytes of a row that was put aside.
const REJECT_BYTES_MAX: usize = 1_000;

/// One post.
#[derive(Debug)]
pub struct Row<'a> {
    line: u64,
    at: Moment,
    columns: &'a Columns,
    zone: &'a Zone,
    cells: Vec<Cow<'a, str>>,
    lists: Option<Value>,
}

impl Row<'_> {
    /// The line it begins in, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// When it was posted, in milliseconds since 1970 in UTC.
    pub fn at_ms(&self) -> i64 {
        self.at.ms
    }

    /// Whether its time names no zone, so that it was taken in the one that was said.
    pub fn is_zoneless(&self) -> bool {
        self.at.is_zoneless
    }

    /// What a role's column says; empty where there is none.
    pub fn text(&self, role: Role) -> &str {
        self.columns.of(role).map_or("", |at| self.cell(at))
    }

    /// A role's column as a moment, in milliseconds since 1970 in UTC; `None` where it is empty or none.
    pub fn moment_ms(&self, role: Role) -> Option<i64> {
        Some(time::read(self.text(role), self.zone)?.ms)
    }

    /// The object in the n-th object column; empty where this row has none, which is no object.
    pub fn object(&self, number: usize) -> &str {
        self.columns.objects().get(number).map_or("", |at| self.cell(*at))
    }

    /// The entries of a role's column that holds several: links, tags, names.
    ///
    /// An empty cell, an empty list and a list of an empty text have none: one shared nothing is no link between accounts.
    pub fn list(&self, role: Role) -> Vec<String> {
        let Some(at) = self.columns.of(role) else { return Vec::new() };
        if let Some(Value::Array(entries)) =
            self.lists.as_ref().and_then(|row| row.get(self.columns.member(at)?))
        {
            return entries.iter().filter_map(entry_text).take(LIST_ENTRIES_MAX).collect();
        }
        entries(self.cell(at))
    }

    fn cell(&self, at: usize) -> &str {
        self.cells.get(at).map_or("", |cell| cell.trim())
    }
}

/// A text, or the address within an object such as `{"url": "…"}`.
fn entry_text(entry: &Value) -> Option<String> {
    let text = entry
        .as_str()
        .or_else(|| entry.get("url")?.as_str())
        .or_else(|| entry.get("sha256")?.as_str())?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The entries of a cell: JSON, a list as Python prints it, or words with spaces between them.
fn entries(cell: &str) -> Vec<String> {
    let inner = cell.strip_prefix('[').and_then(|cell| cell.strip_suffix(']'));
    let clean = |entry: &str| {
        let entry = entry.trim().trim_matches(['\'', '"']).trim();
        (!entry.is_empty()).then(|| entry.to_owned())
    };
    match inner {
        // An address may hold a comma, so quotes decide where they are.
        Some(inner) if inner.contains(['\'', '"']) => inner
            .split(['\'', '"'])
            .filter(|part| !matches!(part.trim(), "" | ","))
            .filter_map(clean)
            .take(LIST_ENTRIES_MAX)
            .collect(),
        Some(inner) => inner.split(',').filter_map(clean).take(LIST_ENTRIES_MAX).collect(),
        None => cell.split_whitespace().filter_map(clean).take(LIST_ENTRIES_MAX).collect(),
    }
}

/// What a row has come to.
struct Parts {
    at: Moment,
    is_utf8: bool,
    json: Option<Value>,
}

/// What records come from.
enum Input<'a> {
    Lines(Lines<Box<dyn BufRead + Send + 'a>>),
    Parquet(Box<parquet::Rows>),
}

/// Whether a file that begins like this is Parquet, which [`Reader::of_file`] reads. Its first 64 bytes are enough.
pub fn is_parquet(head: &[u8]) -> bool {
    parquet::is_one(head)
}

/// Reads a table row by row.
pub struct Reader<'a> {
    input: Input<'a>,
    columns: Columns,
    zone: Zone,
    is_json: bool,
    delimiter: u8,
    csv: csv_core::Reader,
    /// Rows whose letters were `Shift_JIS`.
    shift_jis: u64,
    raw: Vec<u8>,
    unescaped: Vec<u8>,
    ends: Vec<usize>,
    /// Begin and end of each cell in `unescaped`.
    cells: Vec<(usize, usize)>,
}

impl<'a> Reader<'a> {
    /// Recognises letters, form and columns by the beginning of the table. Parquet is none that can be read so.
    pub fn new(input: impl Read + Send + 'a, settings: &Settings) -> Result<Self, NoTable> {
        let mut input = BufReader::with_capacity(HEAD_BYTES, input);
        if parquet::is_one(input.fill_buf()?) {
            return Err(NoTable::Stream);
        }
        let input: Box<dyn BufRead + Send + 'a> = match lines::wide(input.buffer()) {
            Some(encoding) => {
                Box::new(BufReader::with_capacity(HEAD_BYTES, lines::Utf16::new(input, encoding)))
            }
            None if telegram::is_one(input.buffer()) => {
                Box::new(BufReader::with_capacity(HEAD_BYTES, telegram::Export::new(input)))
            }
            None => Box::new(input),
        };
        let mut reader = Self::of(Input::Lines(Lines::new(input)?), settings);
        reader.begin(settings)?;
        Ok(reader)
    }

    /// Recognises a file like [`Reader::new`], and Parquet too. Of Parquet only the columns that have a role or are objects
    /// are read, and no list or group among them.
    pub fn of_file<R>(file: R, settings: &Settings) -> Result<Self, NoTable>
    where
        R: ChunkReader + 'static,
        R::T: Send + 'a,
    {
        let input = |problem| NoTable::Input(io::Error::other(problem));
        let length = usize::try_from(file.len()).unwrap_or(usize::MAX).min(parquet::MARK_BYTES);
        if !parquet::is_one(&file.get_bytes(0, length).map_err(input)?) {
            return Self::new(file.get_read(0).map_err(input)?, settings);
        }
        let (rows, columns) = parquet::Rows::open(file, settings)?;
        let mut reader = Self::of(Input::Parquet(Box::new(rows)), settings);
        reader.columns = columns;
        Ok(reader)
    }

    fn of(input: Input<'a>, settings: &Settings) -> Self {
        Self {
            input,
            columns: Columns::default(),
            zone: settings.zone(),
            is_json: false,
            delimiter: b',',
            csv: csv_core::Reader::new(),
            shift_jis: 0,
            raw: Vec::new(),
            unescaped: Vec::new(),
            ends: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Takes the names of columns from the first line.
    fn begin(&mut self, settings: &Settings) -> Result<(), NoTable> {
        match self.next_record(None)? {
            Raw::End => return Err(NoTable::Empty),
            Raw::TooLong(_) => return Err(NoTable::TooLong),
            Raw::Record(_) => {}
        }
        self.is_json = self.raw.trim_ascii_start().first() == Some(&b'{');
        let (names, head) = if self.is_json {
            (layout::member_names(&self.raw), Head::Members)
        } else {
            (self.names(), Head::Line)
        };
        let has_header = self.columns.take(&names, settings, head)?;
        if let Input::Lines(lines) = &mut self.input
            && (self.is_json || !has_header)
        {
            lines.again(&self.raw);
        }
        Ok(())
    }

    /// The next record that is not blank: of lines as it stands, of Parquet its cells.
    fn next_record(&mut self, delimiter: Option<u8>) -> Result<Raw, NoTable> {
        let lines = match &mut self.input {
            Input::Lines(lines) => lines,
            Input::Parquet(rows) => return rows.next(&mut self.unescaped, &mut self.cells),
        };
        loop {
            match lines.next(&mut self.raw, delimiter)? {
                Raw::Record(_) if self.raw.trim_ascii().is_empty() => {}
                next => return Ok(next),
            }
        }
    }

    /// The cells of the first line.
    fn names(&mut self) -> Vec<String> {
        let count = |delimiter: u8| memchr_iter(delimiter, &self.raw).count();
        let delimiters = [b',', b'\t', b';'];
        // The first of equals, so that a line without any has commas.
        self.delimiter = delimiters.into_iter().rev().max_by_key(|one| count(*one)).unwrap_or(b',');
        self.csv = csv_core::ReaderBuilder::new().delimiter(self.delimiter).build();
        self.split();
        let names = self.cells.iter().map(|cell| {
            let bytes = self.unescaped.get(cell.0..cell.1).unwrap_or_default();
            let text = std::str::from_utf8(bytes)
                .map_or_else(|_| encoding_rs::SHIFT_JIS.decode(bytes).0, Cow::Borrowed);
            text.trim().to_owned()
        });
        names.collect()
    }

    /// Whether it is a file of Parquet, which may turn out to be damaged at any of its rows.
    pub fn is_parquet(&self) -> bool {
        matches!(self.input, Input::Parquet(_))
    }

    /// What the columns are.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Of which zone times are taken that name none.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Rows so far whose letters were `Shift_JIS` and not UTF-8.
    pub fn shift_jis_rows(&self) -> u64 {
        self.shift_jis
    }

    /// The next row or what was put aside; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<Result<Row<'_>, Reject>>, NoTable> {
        let line = match self.next_record((!self.is_json).then_some(self.delimiter))? {
            Raw::End => return Ok(None),
            Raw::TooLong(line) => return Ok(Some(Err(self.reject(line, Reason::TooLong)))),
            Raw::Record(line) => line,
        };
        let parts = if self.is_json { self.of_json() } else { self.of_cells() };
        Ok(Some(match parts {
            Err(reason) => Err(self.reject(line, reason)),
            Ok(parts) => Ok(self.row(line, parts)),
        }))
    }

    fn reject(&self, line: u64, reason: Reason) -> Reject {
        // What was not public is not kept, and what cannot be read may not have been.
        let is_judged = matches!(reason, Reason::Time | Reason::Account | Reason::Notice);
        let is_kept =
            reason != Reason::NotPublic && (is_judged || self.columns.visibility().is_empty());
        let whole = match &self.input {
            _ if !is_kept => Cow::Borrowed(&[][..]),
            Input::Lines(_) => Cow::Borrowed(self.raw.as_slice()),
            Input::Parquet(_) => Cow::Owned(parquet::line(&self.unescaped, &self.cells)),
        };
        let end = whole.len().min(REJECT_BYTES_MAX);
        Reject { line, reason, bytes: whole.get(..end).unwrap_or_default().to_vec() }
    }

    fn of_cells(&mut self) -> Result<Parts, Reason> {
        let is_line = matches!(self.input, Input::Lines(_));
        if is_line {
            self.split();
        }
        if self.cells.len() != self.columns.count() {
            return Err(Reason::Columns);
        }
        let bytes = if is_line { &self.raw } else { &self.unescaped };
        let is_utf8 = std::str::from_utf8(bytes).is_ok();
        if !is_utf8 {
            if encoding_rs::SHIFT_JIS.decode(bytes).2 {
                return Err(Reason::Letters);
            }
            self.shift_jis += 1;
        }
        let at = judge(&self.columns, &self.zone, |at| Some(self.cell(at, is_utf8)))?;
        Ok(Parts { at, is_utf8, json: None })
    }

    fn of_json(&mut self) -> Result<Parts, Reason> {
        let json: Value =
            serde_json::from_slice(&self.raw).map_err(|_| {
                match std::str::from_utf8(&self.raw) {
                    Ok(_) => Reason::NotJson,
                    Err(_) => Reason::Letters,
                }
            })?;
        if !json.is_object() {
            return Err(Reason::NotJson);
        }
        let at = judge(&self.columns, &self.zone, |at| {
            Some(layout::plain(json.get(self.columns.member(at)?)?))
        });
        // Who could see a post, said in a way that is not understood, is not the public.
        let is_nested = |at: &usize| {
            let value = self.columns.member(*at).and_then(|name| json.get(name));
            value.is_some_and(|value| value.is_array() || value.is_object())
        };
        if self.columns.visibility().iter().any(is_nested) {
            return Err(Reason::NotPublic);
        }
        Ok(Parts { at: at?, is_utf8: true, json: Some(json) })
    }

    fn row(&self, line: u64, parts: Parts) -> Row<'_> {
        let columns = &self.columns;
        let member = |json: &Value, at: usize| {
            let value = columns.member(at).and_then(|name| json.get(name));
            Cow::Owned(value.map(|value| layout::plain(value).into_owned()).unwrap_or_default())
        };
        let cells = (0..columns.count()).map(|at| match &parts.json {
            Some(json) => member(json, at),
            None => self.cell(at, parts.is_utf8),
        });
        let zone = &self.zone;
        Row { line, at: parts.at, columns, zone, cells: cells.collect(), lists: parts.json }
    }

    fn cell(&self, at: usize, is_utf8: bool) -> Cow<'_, str> {
        let bytes = self
            .cells
            .get(at)
            .and_then(|cell| self.unescaped.get(cell.0..cell.1))
            .unwrap_or_default();
        if is_utf8 {
            String::from_utf8_lossy(bytes)
        } else {
            encoding_rs::SHIFT_JIS.decode(bytes).0
        }
    }

    /// Cuts the record into its cells: at delimiters, or by the rules of RFC 4180 where there is a quote.
    fn split(&mut self) {
        self.cells.clear();
        self.unescaped.clear();
        if memchr(b'"', &self.raw).is_none() {
            self.unescaped.extend_from_slice(&self.raw);
            let mut begin = 0;
            for end in memchr_iter(self.delimiter, &self.raw).take(COLUMNS_MAX) {
                self.cells.push((begin, end));
                begin = end + 1;
            }
            self.cells.push((begin, self.raw.len()));
            return;
        }
        self.unescaped.resize(self.raw.len() + 1, 0);
        self.ends.clear();
        self.ends.resize(COLUMNS_MAX + 1, 0);
        self.csv.reset();
        // The end of the line closes the last cell.
        self.raw.push(b'\n');
        let (_, _, _, count) = self.csv.read_record(&self.raw, &mut self.unescaped, &mut self.ends);
        self.raw.pop();
        let mut begin = 0;
        for end in self.ends.iter().take(count) {
            self.cells.push((begin, *end));
            begin = *end;
        }
    }
}

/// A whole text in UTF-8, UTF-16 or `Shift_JIS`, without its mark; `None` where it is none of them.
pub fn letters(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Some(encoding) = lines::wide(bytes) {
        let (text, _, has_errors) = encoding.decode(bytes);
        return (!has_errors).then_some(text);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Cow::Borrowed(text));
    }
    let (text, _, has_errors) = encoding_rs::SHIFT_JIS.decode(bytes);
    (!has_errors).then_some(text)
}

/// Whether a text is a time as exports write one, be it a small number.
fn is_moment(text: &str) -> bool {
    !text.trim().is_empty() && time::read(text, &Zone::default()).is_some()
}

/// Whether a text is a time at which somebody may have posted: a first line that holds one is a row, and no names of columns.
fn is_posted(text: &str) -> bool {
    time::read(text, &Zone::default()).is_some_and(|at| at.ms >= POSTED_MS_MIN)
}

/// What makes a row a post: a time, an account, and that it was public.
fn judge<'a>(
    columns: &Columns,
    zone: &Zone,
    cell: impl Fn(usize) -> Option<Cow<'a, str>>,
) -> Result<Moment, Reason> {
    for at in columns.visibility() {
        let seen_by = cell(*at).unwrap_or_default();
        match seen_by.trim() {
            telegram::NOTICE => return Err(Reason::Notice),
            telegram::TOO_LONG => return Err(Reason::TooLong),
            public if public.is_empty() || public.eq_ignore_ascii_case("public") => {}
            _ => return Err(Reason::NotPublic),
        }
    }
    let of = |role| columns.of(role).and_then(&cell);
    if of(Role::Account).is_none_or(|account| account.trim().is_empty()) {
        return Err(Reason::Account);
    }
    of(Role::Time).and_then(|time| time::read(&time, zone)).ok_or(Reason::Time)
}

#[cfg(test)]
mod tests;
