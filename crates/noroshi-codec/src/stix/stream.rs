//! Lists of objects of any length, read as they arrive.
//!
//! A bundle of a gigabyte is read through a buffer that holds one entry at a time. Where an entry ends is found by
//! looking at quotes and brackets alone; then the entry is walked like any other text. So an entry that is too long,
//! too deep, no JSON inside or no object costs itself, and the walk goes on behind it. Where the *list* stops being
//! JSON, or where nobody can say any more where an entry ends, the walk ends, and what was read before stands.

use core::ops::Range;
use std::io::Read;

use noroshi_evidence::id::StixId;
use noroshi_evidence::json::{Member, Scanner, Syntax};
use noroshi_evidence::object::{CONTAINER_BYTES_MAX, ParseObject, StixObject};

use super::{ID_CHARS_MAX, Problem, Reason};

/// Bytes asked of the reader at once.
pub const READ_BYTES: usize = 64 * 1024;
/// Most entries of a list that arrives in pieces, good and bad together.
pub const STREAM_ENTRIES_MAX: usize = 1_000_000_000;
/// Bytes of an entry kept beside its problem unless asked otherwise.
pub const KEPT_BYTES_MAX: usize = 64 * 1024;
/// White space passed over between two tokens before the text counts as no JSON.
const SPACE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most members outside the standard that are kept of a list.
pub const OTHERS_MAX: usize = 16;

/// What the input may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A bundle (STIX 2.1 section 8).
    Bundle,
    /// An envelope (TAXII 2.1 section 3.7).
    Envelope,
    /// A bundle, an envelope, an array of objects, or one object.
    Any,
}

/// How much is read and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest entry, in bytes; at most [`CONTAINER_BYTES_MAX`] are ever taken in, and that only of containers.
    pub object_bytes_max: usize,
    /// Most entries.
    pub entries_max: usize,
    /// Bytes of an entry kept beside its problem.
    pub kept_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            object_bytes_max: CONTAINER_BYTES_MAX,
            entries_max: STREAM_ENTRIES_MAX,
            kept_bytes_max: KEPT_BYTES_MAX,
        }
    }
}

/// A part of the input that was put aside, with the beginning of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Where and why.
    pub problem: Problem,
    /// The bytes from the beginning of `problem.bytes`, as many as the limits keep.
    pub kept: Vec<u8>,
}

/// What is known of the list itself; complete when the iterator has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// The `type` of the list.
    pub kind: Option<String>,
    /// The id of the bundle; envelopes have none.
    pub id: Option<StixId>,
    /// Of an envelope: whether the server holds more.
    pub more: bool,
    /// Of an envelope: where to go on.
    pub next: Option<String>,
    /// Whether the input was walked to its end.
    pub complete: bool,
    /// Entries met so far, good and bad together.
    pub entries: usize,
    /// Members of the list that its standard does not know, the first [`OTHERS_MAX`], each with its text.
    pub others: Vec<(String, Vec<u8>)>,
}

/// Reads a list of objects as it arrives: each object with the bytes it has in the input, each bad entry as a value.
///
/// The memory taken is that of one entry, whatever the length of the list. A bundle may say what it is behind its
/// objects; whether it was one is known when the iterator has ended ([`Reason::NotABundle`] is its last item if not).
///
/// ```
/// use noroshi_codec::stix::stream::{self, Limits, Shape};
/// let text = r#"{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[
///   {"type":"domain-name","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","value":"example.com"}, 7 ]}"#;
/// let mut stream = stream::read(text.as_bytes(), Shape::Bundle, Limits::default());
/// assert_eq!(stream.next().unwrap().unwrap().head().value.as_deref(), Some("example.com"));
/// assert_eq!(stream.next().unwrap().unwrap_err().problem.reason.code(), "NRS-EVID-0025");
/// assert!(stream.next().is_none() && stream.list().complete);
/// ```
pub const fn read<R: Read>(reader: R, shape: Shape, limits: Limits) -> Stream<R> {
    let buffer = Buffer {
        reader,
        bytes: Vec::new(),
        filled: 0,
        at: 0,
        before: 0,
        ended: false,
        failed: None,
        held_bytes_peak: 0,
    };
    let list = List {
        kind: None,
        id: None,
        more: false,
        next: None,
        complete: false,
        entries: 0,
        others: Vec::new(),
    };
    Stream { buffer, shape, limits, list, seen: Vec::new(), state: State::Start }
}

/// The objects of a list, see [`read`].
#[derive(Debug)]
pub struct Stream<R> {
    buffer: Buffer<R>,
    shape: Shape,
    limits: Limits,
    list: List,
    seen: Vec<&'static str>,
    state: State,
}

/// Where in the list the walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte.
    Start,
    /// Before a member of the list; the first one may be missing.
    Member { first: bool },
    /// Behind the value of a member.
    MemberEnd,
    /// Before an entry; the first one may be missing.
    Entry { first: bool, bare: bool },
    /// Behind an entry.
    EntryEnd { bare: bool },
    /// One object is the whole input.
    Single,
    /// Behind the outermost value.
    Tail,
    /// Nothing more comes.
    Ended,
}

/// Why a walk ends before the end of the text.
enum Stop {
    Syntax(Syntax),
    Reason(Reason),
}

impl From<Syntax> for Stop {
    fn from(at: Syntax) -> Self {
        Self::Syntax(at)
    }
}

type Item = Result<StixObject, Aside>;

impl<R: Read> Iterator for Stream<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while self.state != State::Ended {
            match self.step() {
                Ok(None) => {}
                Ok(Some(item)) => return Some(item),
                Err(stop) => {
                    self.state = State::Ended;
                    return Some(Err(self.stopped(stop)));
                }
            }
        }
        None
    }
}

impl<R: Read> Stream<R> {
    /// What is known of the list so far.
    pub const fn list(&self) -> &List {
        &self.list
    }

    /// Where the walk stands, in bytes from the beginning of the input: behind the object that was given last.
    pub const fn place(&self) -> usize {
        self.buffer.place()
    }

    /// Size of the memory that holds the input, in bytes; it only grows, and to half as much again as an entry at most.
    pub const fn held_bytes_peak(&self) -> usize {
        self.buffer.held_bytes_peak
    }

    fn step(&mut self) -> Result<Option<Item>, Stop> {
        match self.state {
            State::Start => self.start().map(|()| None),
            State::Member { first } => self.member(first),
            State::MemberEnd => {
                self.state = if self.buffer.take(b'}')? {
                    State::Tail
                } else {
                    self.buffer.require(b',', "a comma or the end of the list")?;
                    State::Member { first: false }
                };
                Ok(None)
            }
            State::Entry { first, bare } => self.entry(first, bare),
            State::EntryEnd { bare } => {
                if self.buffer.take(b']')? {
                    self.state = if bare { State::Tail } else { State::MemberEnd };
                } else {
                    self.buffer.require(b',', "a comma or the end of an array")?;
                    self.state = State::Entry { first: false, bare };
                }
                Ok(None)
            }
            State::Single => {
                self.state = State::Tail;
                self.list.entries = 1;
                self.value_of_entry(0).map(Some)
            }
            State::Tail => self.tail(),
            State::Ended => Ok(None),
        }
    }

    fn start(&mut self) -> Result<(), Stop> {
        self.buffer.byte_order_mark();
        if self.shape == Shape::Any {
            if self.buffer.take(b'[')? {
                self.state = State::Entry { first: true, bare: true };
                return Ok(());
            }
            if self.is_single() {
                self.state = State::Single;
                return Ok(());
            }
        }
        self.buffer.require(b'{', "an object")?;
        self.state = State::Member { first: true };
        Ok(())
    }

    /// Of an input that may be anything: whether it is one object. What is longer than an object is a list.
    fn is_single(&mut self) -> bool {
        let Some(length) = self.buffer.whole(self.limits.object_bytes_max) else { return false };
        let Ok(text) = core::str::from_utf8(self.buffer.ahead(length)) else { return false };
        let mut members = Vec::new();
        if Scanner::new(text).value(&mut members).is_err() {
            return !has_list(text);
        }
        let find = |name: &str| members.iter().find(|member| member.name == name);
        match find("type") {
            Some(kind) => kind.value != r#""bundle""#,
            None => !["objects", "more", "next"].iter().any(|name| find(name).is_some()),
        }
    }

    fn member(&mut self, first: bool) -> Result<Option<Item>, Stop> {
        if first && self.buffer.take(b'}')? {
            self.state = State::Tail;
            return Ok(None);
        }
        let name = self.member_name()?;
        self.buffer.require(b':', "a colon")?;
        self.buffer.peek()?;
        self.state = State::MemberEnd;
        let known = known_members(self.shape).iter().copied().find(|known| *known == name);
        let start = self.buffer.place();
        let Some(known) = known else {
            let text = self.pass()?;
            if self.list.others.len() < OTHERS_MAX {
                self.list.others.push((name, text.get(..ID_CHARS_MAX).unwrap_or(&text).to_vec()));
            }
            return Ok(None);
        };
        if self.seen.contains(&known) {
            let kept = self.pass()?;
            return Ok(Some(Err(self.aside(start, kept, Reason::Duplicate(known)))));
        }
        self.seen.push(known);
        if known == "objects" && self.buffer.take(b'[')? {
            self.state = State::Entry { first: true, bare: false };
            return Ok(None);
        }
        let text = self.pass()?;
        if self.understood(known, &text) {
            return Ok(None);
        }
        if known == "type" && self.list.kind.is_some() {
            return Err(Stop::Reason(Reason::NotABundle));
        }
        Ok(Some(Err(self.aside(start, text, Reason::Member(known)))))
    }

    fn member_name(&mut self) -> Result<String, Stop> {
        if self.buffer.peek()? != Some(b'"') {
            return Err(self.buffer.syntax("a member name").into());
        }
        let text = self.pass()?;
        serde_json::from_slice(&text).map_err(|_| self.buffer.syntax("a member name").into())
    }

    /// Takes a member of the list over; `false` when its form is not the standard's.
    fn understood(&mut self, name: &str, text: &[u8]) -> bool {
        let string = serde_json::from_slice::<String>(text).ok();
        match (name, string) {
            ("type", Some(value)) => {
                let bundle = value == "bundle";
                self.list.kind = Some(value);
                bundle
            }
            ("id", Some(value)) => {
                let bundle = |id: &StixId| id.object_type() == "bundle";
                self.list.id = value.parse().ok().filter(bundle);
                self.list.id.is_some()
            }
            ("next", Some(value)) => {
                self.list.next = Some(value);
                true
            }
            ("more", None) => {
                self.list.more = text == b"true";
                matches!(text, b"true" | b"false")
            }
            _ => false,
        }
    }

    /// Consumes one value that is no entry; answers the beginning of its text.
    fn pass(&mut self) -> Result<Vec<u8>, Stop> {
        match self.buffer.extent(self.limits.object_bytes_max, self.limits.kept_bytes_max)? {
            Extent::Whole(length) => {
                let place = self.buffer.place();
                let bytes = self.buffer.ahead(length);
                let text =
                    core::str::from_utf8(bytes).map_err(|_| Stop::Reason(Reason::NotUtf8))?;
                scan(text, &mut Vec::new()).map_err(|at| moved(at, place))?;
                let kept = bytes.to_vec();
                self.buffer.at += length;
                Ok(kept)
            }
            Extent::Long(kept) => Ok(kept),
        }
    }

    fn entry(&mut self, first: bool, bare: bool) -> Result<Option<Item>, Stop> {
        if first && self.buffer.take(b']')? {
            self.state = if bare { State::Tail } else { State::MemberEnd };
            return Ok(None);
        }
        let entry = self.list.entries;
        if entry >= self.limits.entries_max {
            self.buffer.peek()?;
            return Err(Stop::Reason(Reason::TooManyEntries));
        }
        self.state = State::EntryEnd { bare };
        let item = self.value_of_entry(entry)?;
        self.list.entries += 1;
        Ok(Some(item))
    }

    fn value_of_entry(&mut self, entry: usize) -> Result<Item, Stop> {
        self.buffer.peek()?;
        let start = self.buffer.place();
        let limits = self.limits;
        let length = match self.buffer.extent(limits.object_bytes_max, limits.kept_bytes_max)? {
            Extent::Whole(length) => length,
            Extent::Long(kept) => {
                let mut aside = self.aside(start, kept, ParseObject::TooLong.into());
                aside.problem.entry = Some(entry);
                return Ok(Err(aside));
            }
        };
        let bytes = self.buffer.ahead(length);
        let item = judge(bytes, start)?.map_err(|(id, reason)| {
            let kept = bytes.get(..limits.kept_bytes_max).unwrap_or(bytes).to_vec();
            let problem = Problem { entry: Some(entry), bytes: start..start + length, id, reason };
            Aside { problem, kept }
        });
        self.buffer.at += length;
        Ok(item)
    }

    fn tail(&mut self) -> Result<Option<Item>, Stop> {
        if self.buffer.peek()?.is_some() {
            return Err(self.buffer.syntax("the end of the text").into());
        }
        self.state = State::Ended;
        self.list.complete = true;
        if self.shape == Shape::Bundle && self.list.kind.as_deref() != Some("bundle") {
            return Ok(Some(Err(self.aside(0, Vec::new(), Reason::NotABundle))));
        }
        Ok(None)
    }

    fn aside(&self, start: usize, mut kept: Vec<u8>, reason: Reason) -> Aside {
        kept.truncate(self.limits.kept_bytes_max);
        let bytes = start..self.buffer.place();
        Aside { problem: Problem { entry: None, bytes, id: None, reason }, kept }
    }

    fn stopped(&mut self, stop: Stop) -> Aside {
        let reason = match (self.buffer.failed.take(), stop) {
            (Some(kind), _) => Reason::Reading(kind),
            (None, Stop::Reason(reason)) => reason,
            (None, Stop::Syntax(at)) => Reason::Syntax(at),
        };
        let ahead = self.buffer.rest();
        let kept = ahead.get(..self.limits.kept_bytes_max).unwrap_or(ahead).to_vec();
        let start = match &reason {
            Reason::NotABundle => 0,
            Reason::Syntax(at) => at.offset,
            _ => self.buffer.place(),
        };
        let end = self.buffer.before + self.buffer.filled;
        let bytes = Range { start: start.min(end), end };
        Aside { problem: Problem { entry: None, bytes, id: None, reason }, kept }
    }
}

/// Members other than these are passed over; the standards allow them.
const fn known_members(shape: Shape) -> &'static [&'static str] {
    match shape {
        Shape::Bundle => &["type", "id", "objects"],
        Shape::Envelope => &["more", "next", "objects"],
        Shape::Any => &["type", "id", "more", "next", "objects"],
    }
}

/// Whether a text that is no JSON seems to be a list.
fn has_list(text: &str) -> bool {
    text.contains(r#""objects""#)
}

const fn moved(at: Syntax, by: usize) -> Syntax {
    Syntax { offset: at.offset + by, expected: at.expected }
}

fn scan<'a>(
    text: &'a str,
    members: &mut Vec<Member<'a>>,
) -> Result<noroshi_evidence::json::Scanned<'a>, Syntax> {
    let mut scanner = Scanner::new(text);
    let scanned = scanner.value(members)?;
    if scanner.at_end() {
        Ok(scanned)
    } else {
        Err(Syntax { offset: scanner.offset(), expected: "the end of the value" })
    }
}

/// One entry whose end is known: an object, a reason with what it calls itself, or a text whose end was guessed wrong.
fn judge(bytes: &[u8], place: usize) -> Result<Result<StixObject, (Option<String>, Reason)>, Stop> {
    let Ok(text) = core::str::from_utf8(bytes) else {
        // Quotes and brackets are never part of a longer UTF-8 sequence: the end of the entry is certain.
        return Ok(Err((None, Reason::NotUtf8)));
    };
    let mut members = Vec::new();
    let scanned = match scan(text, &mut members) {
        Ok(scanned) => scanned,
        Err(at) if only_words_are_wrong(text) => {
            let id = members.iter().find(|member| member.name == "id").and_then(id_of);
            return Ok(Err((id, ParseObject::Syntax(at).into())));
        }
        Err(at) => return Err(moved(at, place).into()),
    };
    let id = || members.iter().find(|member| member.name == "id").and_then(id_of);
    Ok(StixObject::from_scanned(scanned, &members).map_err(|reason| (id(), reason.into())))
}

fn id_of(member: &Member<'_>) -> Option<String> {
    let id = serde_json::from_str::<String>(member.value).ok()?;
    Some(id.chars().filter(|c| !c.is_control()).take(ID_CHARS_MAX).collect())
}

/// Whether a text would be JSON if every bare word (`NaN`, `Infinity`, `01`, `True`) were a number: then quotes and
/// brackets are sound, so its end is certain and the fault is its own.
fn only_words_are_wrong(text: &str) -> bool {
    let mut mended = String::with_capacity(text.len());
    let (mut quoted, mut escaped, mut word) = (false, false, false);
    for letter in text.chars() {
        if quoted {
            mended.push(letter);
            quoted = letter != '"' || escaped;
            escaped = letter == '\\' && !escaped;
        } else if letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.') {
            if !word {
                mended.push('0');
            }
            word = true;
            continue;
        } else {
            quoted = letter == '"';
            mended.push(letter);
        }
        word = false;
    }
    scan(&mended, &mut Vec::new()).is_ok()
}

/// Whether a byte cannot end a bare word.
const fn is_word(byte: u8) -> bool {
    !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'"' | b'{' | b'[' | b']' | b'}')
}

/// Where a value ends.
enum Extent {
    /// So many bytes ahead, all of them in the buffer.
    Whole(usize),
    /// Longer than allowed; it has been consumed, and this is its beginning.
    Long(Vec<u8>),
}

/// Finds the end of a value by quotes and brackets, piece by piece.
#[derive(Debug, Default)]
struct Finder {
    depth: usize,
    quoted: bool,
    escaped: bool,
    bare: bool,
}

impl Finder {
    /// Looks at the next bytes; answers how many of them belong to the value when it ends among them.
    fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.quoted {
                at += self.quoted_part(bytes.get(at..).unwrap_or_default());
                if !self.quoted && self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match byte {
                _ if self.bare && !is_word(byte) => return Some(at),
                b'"' => self.quoted = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' | b',' | b':' if self.depth == 0 => return Some(at),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => self.bare = self.depth == 0,
            }
            at += 1;
        }
        None
    }

    /// Inside a string: how many of the next bytes belong to it.
    fn quoted_part(&mut self, bytes: &[u8]) -> usize {
        if core::mem::take(&mut self.escaped) {
            return 1;
        }
        match memchr::memchr2(b'"', b'\\', bytes) {
            None => bytes.len(),
            Some(at) => {
                self.escaped = bytes.get(at) == Some(&b'\\');
                self.quoted = self.escaped;
                at + 1
            }
        }
    }
}

/// The part of the input that is in memory.
#[derive(Debug)]
struct Buffer<R> {
    reader: R,
    bytes: Vec<u8>,
    /// How many of `bytes` were read; the others are room.
    filled: usize,
    /// The next byte not consumed.
    at: usize,
    /// Bytes of the input before `bytes`.
    before: usize,
    ended: bool,
    failed: Option<std::io::ErrorKind>,
    held_bytes_peak: usize,
}

impl<R: Read> Buffer<R> {
    const fn place(&self) -> usize {
        self.before + self.at
    }

    const fn syntax(&self, expected: &'static str) -> Syntax {
        Syntax { offset: self.place(), expected }
    }

    fn ahead(&self, length: usize) -> &[u8] {
        self.rest().get(..length).unwrap_or_default()
    }

    /// The bytes in memory that were not consumed.
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..self.filled).unwrap_or_default()
    }

    /// Reads more; `false` at the end or when reading failed.
    fn fill(&mut self) -> bool {
        if self.ended {
            return false;
        }
        self.make_room();
        let read = loop {
            let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
            match self.reader.read(room) {
                Ok(read) => break read.min(room.len()),
                Err(problem) if problem.kind() == std::io::ErrorKind::Interrupted => {}
                Err(problem) => {
                    self.failed = Some(problem.kind());
                    break 0;
                }
            }
        };
        self.filled += read;
        self.ended = read == 0;
        read > 0
    }

    /// Forgets what was consumed, and grows when an entry fills the memory; both seldom, so that a reader that
    /// gives little at a time costs no more than one that gives much.
    fn make_room(&mut self) {
        if self.at == self.filled || self.at > self.bytes.len() / 2 {
            self.bytes.copy_within(self.at..self.filled, 0);
            self.before += self.at;
            self.filled -= self.at;
            self.at = 0;
        }
        if self.filled == self.bytes.len() {
            let grown = self.bytes.len() + READ_BYTES.max(self.bytes.len() / 4);
            self.bytes.resize(grown, 0);
            self.held_bytes_peak = grown;
        }
    }

    /// RFC 8259 §8.1: a byte order mark may be ignored.
    fn byte_order_mark(&mut self) {
        while self.filled < 3 && self.fill() {}
        if self.rest().starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
    }

    /// The next byte that is not white space, not consumed.
    fn peek(&mut self) -> Result<Option<u8>, Stop> {
        let mut passed = 0;
        loop {
            let rest = self.rest();
            let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            if let Some(found) = rest.iter().position(|byte| !space(byte)) {
                let byte = rest.get(found).copied();
                self.at += found;
                return Ok(byte);
            }
            passed += rest.len();
            self.at = self.filled;
            if passed > SPACE_BYTES_MAX {
                return Err(self.syntax("less white space").into());
            }
            if !self.fill() {
                return if self.failed.is_some() {
                    Err(self.syntax("more bytes").into())
                } else {
                    Ok(None)
                };
            }
        }
    }

    fn take(&mut self, byte: u8) -> Result<bool, Stop> {
        let found = self.peek()? == Some(byte);
        if found {
            self.at += 1;
        }
        Ok(found)
    }

    fn require(&mut self, byte: u8, expected: &'static str) -> Result<(), Stop> {
        if self.take(byte)? { Ok(()) } else { Err(self.syntax(expected).into()) }
    }

    /// How long the next value is, when it is there whole and no longer than allowed; nothing is consumed.
    fn whole(&mut self, bytes_max: usize) -> Option<usize> {
        let mut finder = Finder::default();
        let mut looked = 0;
        loop {
            let fresh = self.rest().get(looked..).unwrap_or_default();
            if let Some(length) = finder.feed(fresh) {
                return Some(looked + length).filter(|length| *length <= bytes_max);
            }
            looked += fresh.len();
            if looked > bytes_max {
                return None;
            }
            if !self.fill() {
                return Some(looked).filter(|_| finder.bare && self.failed.is_none());
            }
        }
    }

    /// Finds the end of the next value. One that is too long is consumed.
    fn extent(&mut self, bytes_max: usize, kept_bytes_max: usize) -> Result<Extent, Stop> {
        let mut finder = Finder::default();
        let mut looked = 0;
        let mut long: Option<Vec<u8>> = None;
        loop {
            let fresh = self.rest().get(looked..).unwrap_or_default();
            let found = finder.feed(fresh);
            looked += found.unwrap_or(fresh.len());
            if looked > bytes_max || long.is_some() {
                let ahead = self.rest().get(..looked).unwrap_or_default();
                let kept = ahead.get(..kept_bytes_max).unwrap_or(ahead);
                long.get_or_insert_with(|| kept.to_vec());
                self.at += looked;
                looked = 0;
            }
            if found.is_none() && self.fill() {
                continue;
            }
            return match (found, long) {
                (Some(_), Some(kept)) => Ok(Extent::Long(kept)),
                (Some(_), None) if looked == 0 => Err(self.syntax("a value").into()),
                (Some(_), None) => Ok(Extent::Whole(looked)),
                (None, None) if finder.bare && self.failed.is_none() => Ok(Extent::Whole(looked)),
                (None, _) => Err(self.cut(looked)),
            };
        }
    }

    /// The input ended inside a value: where exactly it stops being JSON.
    fn cut(&self, looked: usize) -> Stop {
        let text = match core::str::from_utf8(self.ahead(looked)) {
            Ok(text) => text,
            Err(_) => return Stop::Reason(Reason::NotUtf8),
        };
        match scan(text, &mut Vec::new()) {
            Err(at) => moved(at, self.place()).into(),
            Ok(_) => self.syntax("the end of the value").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io;

    const NAME: &str = r#"{"type":"domain-name","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","value":"a.example"}"#;

    /// Gives its bytes in pieces of the given sizes, over and over.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: &'a [usize],
        turn: usize,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let size = self.sizes[self.turn % self.sizes.len()].min(room.len());
            self.turn += 1;
            let size = size.min(self.bytes.len());
            let (now, rest) = self.bytes.split_at(size);
            room[..size].copy_from_slice(now);
            self.bytes = rest;
            Ok(size)
        }
    }

    /// A head, one entry again and again, and a foot, made while they are read.
    struct Endless {
        head: &'static [u8],
        entry: Vec<u8>,
        times: u64,
        foot: &'static [u8],
        at: u64,
    }

    impl Endless {
        fn length(&self) -> u64 {
            (self.head.len() + self.foot.len()) as u64 + self.times * self.entry.len() as u64
        }
    }

    impl Read for Endless {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let (head, entry) = (self.head.len() as u64, self.entry.len() as u64);
            let body = head + self.times * entry;
            let piece = if self.at < head {
                &self.head[self.at as usize..]
            } else if self.at < body {
                &self.entry[((self.at - head) % entry) as usize..]
            } else {
                &self.foot[(self.at - body) as usize..]
            };
            let size = piece.len().min(room.len());
            room[..size].copy_from_slice(&piece[..size]);
            self.at += size as u64;
            Ok(size)
        }
    }

    fn walk(reader: impl Read, shape: Shape) -> (Vec<String>, List) {
        let mut stream = read(reader, shape, Limits::default());
        let items = stream.by_ref().map(|item| match item {
            Ok(object) => object.text().to_owned(),
            Err(aside) => {
                let at = aside.problem.bytes.start;
                let entry = aside.problem.entry.map_or("-".to_owned(), |entry| entry.to_string());
                format!("{} {entry} {at} {}", aside.problem.reason.code(), aside.kept.len())
            }
        });
        let items = items.collect();
        (items, stream.list().clone())
    }

    #[test]
    fn a_gigabyte_takes_the_memory_of_one_entry() {
        // Each turn is one good entry and one of 32 MiB that is put aside.
        let mut entry = format!(",{NAME},{{\"a\":\"").into_bytes();
        entry.resize(32 << 20, b'x');
        entry.extend_from_slice(b"\"}");
        let head = br#"{"type":"bundle","objects":[7"#;
        let mut endless = Endless { head, entry, times: 33, foot: b"]}", at: 0 };
        assert!(endless.length() > 1 << 30);
        let mut stream = read(&mut endless, Shape::Bundle, Limits::default());
        let (mut good, mut bad) = (0, 0);
        for item in &mut stream {
            match item {
                Ok(object) => good += usize::from(object.text() == NAME),
                Err(aside) => bad += usize::from(aside.kept.len() <= KEPT_BYTES_MAX),
            }
        }
        assert_eq!((good, bad, stream.list().complete), (33, 34, true));
        assert!(stream.held_bytes_peak() <= CONTAINER_BYTES_MAX * 3 / 2);
    }

    #[test]
    fn an_entry_without_end_is_put_aside_and_the_next_one_read() {
        let mut endless = Endless {
            head: br#"{"type":"bundle","objects":[{"a":["#,
            entry: br#""[]]\"",{"b":[1]},"#.to_vec(),
            times: 600_000,
            foot: br#"0]},{"type":"domain-name","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","value":"a.example"}]}"#,
            at: 0,
        };
        let mut stream = read(&mut endless, Shape::Bundle, Limits::default());
        let aside = stream.next().unwrap().unwrap_err();
        assert_eq!(aside.problem.reason.code(), "NRS-EVID-0020");
        assert_eq!((aside.problem.entry, aside.problem.bytes.start), (Some(0), 28));
        assert_eq!(aside.kept.len(), KEPT_BYTES_MAX);
        assert_eq!(stream.next().unwrap().unwrap().text(), NAME);
        assert!(stream.next().is_none() && stream.list().complete);
        assert!(stream.held_bytes_peak() <= CONTAINER_BYTES_MAX * 3 / 2);
    }

    #[test]
    fn what_is_wrong_inside_an_entry_costs_that_entry() {
        let check = |entry: &[u8], code: &str| {
            let mut text = br#"{"type":"bundle","objects":["#.to_vec();
            for piece in [NAME.as_bytes(), b",", entry, b",", NAME.as_bytes(), b"]}"] {
                text.extend_from_slice(piece);
            }
            let (items, list) = walk(text.as_slice(), Shape::Bundle);
            let place = 28 + NAME.len() + 1;
            let aside = format!("{code} 1 {place} {}", entry.len());
            assert_eq!(items, [NAME.to_owned(), aside, NAME.to_owned()]);
            assert!(list.complete);
        };
        for words in ["{\"a\":NaN}", "{\"a\":[-Infinity,01]}", "{\"a\":True}", "nul", "1.", "+1"] {
            check(words.as_bytes(), "NRS-EVID-0021");
        }
        check(b"{\"a\":\"\xff\xfe\"}", "NRS-CODC-0002");
        check(br#"{"a":1,"a":1}"#, "NRS-EVID-0023");
        check(br#"{"a":1e999}"#, "NRS-EVID-0024");
        check(br#"{"a":123456789012345678901234567890}"#, "NRS-EVID-0024");
        check(br#""lone words""#, "NRS-EVID-0025");
        check(br#"{"type":"bundle","objects":[]}"#, "NRS-EVID-0032");
    }

    #[test]
    fn where_nobody_can_say_where_an_entry_ends_the_walk_ends() {
        for entry in [
            "{\"a\" 1}",
            "{\"a\":1,}",
            "[1}",
            "{\"a\":\"\u{0}\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"x}",
            "{\"a\":'x'}",
            "{\"a\":1 2}",
            "{\"a\":\"\n\"}",
            "\u{0}",
            "\u{feff}{}",
            "",
            "// x\n{}",
        ] {
            let text = format!(r#"{{"type":"bundle","objects":[{NAME},{entry},{NAME}]}}"#);
            let (items, list) = walk(text.as_bytes(), Shape::Bundle);
            assert_eq!((items.len(), list.complete), (2, false), "{entry:?}: {items:?}");
            assert!(items[1].starts_with("NRS-CODC-0003 - "), "{entry:?}: {items:?}");
        }
    }

    #[test]
    fn any_shape_is_recognised() {
        let check = |text: &str, expected: &[&str]| {
            for sizes in [[1_usize].as_slice(), &[7, 3], &[READ_BYTES]] {
                let pieces = Pieces { bytes: text.as_bytes(), sizes, turn: 0 };
                let (items, _) = walk(pieces, Shape::Any);
                let cut: Vec<_> = items.iter().map(|item| item.get(..13).unwrap_or(item)).collect();
                assert_eq!(cut, expected, "{text}");
            }
        };
        let good = &NAME[..13];
        check(NAME, &[good]);
        check(&format!("\u{feff} [{NAME} , {NAME}]\n"), &[good, good]);
        check("[]", &[]);
        check(&format!(r#"{{"more":true,"next":"x","objects":[{NAME}]}}"#), &[good]);
        check(
            &format!(r#"{{"id":1,"objects":[{NAME}],"type":"bundle"}}"#),
            &["NRS-CODC-0005", good],
        );
        check(r#"{"type":"observed-data","objects":{}}"#, &["NRS-EVID-0026"]);
        check("{}", &["NRS-EVID-0026"]);
        check("7", &["NRS-EVID-0025"]);
        check("", &["NRS-CODC-0003"]);
        check("[1,]", &["NRS-EVID-0025", "NRS-CODC-0003"]);
        check(&format!("{NAME} x"), &[good, "NRS-CODC-0003"]);
        check(r#"{"type":"bundle""#, &["NRS-CODC-0003"]);
    }

    #[test]
    fn a_reader_that_fails_ends_the_walk_with_its_reason() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let head = format!(r#"{{"type":"bundle","objects":[{NAME}, {{"type":"#);
        for cut in [head.len(), head.len() - 9, NAME.len() + 28] {
            let reader = head.as_bytes()[..cut].chain(Fails);
            let (items, list) = walk(reader, Shape::Bundle);
            assert_eq!((items[0].as_str(), list.complete), (NAME, false));
            assert!(items[1].starts_with("NRS-CODC-0020"), "{items:?}");
            assert_eq!(items.len(), 2);
        }
    }

    #[test]
    fn entries_and_white_space_have_limits() {
        let mut limits = Limits { entries_max: 2, ..Limits::default() };
        let codes = |text: &str, limits| -> Vec<&'static str> {
            let stream = read(text.as_bytes(), Shape::Any, limits);
            stream.map(|item| item.unwrap_err().problem.reason.code()).collect()
        };
        assert_eq!(codes("[1,2,3]", limits), ["NRS-EVID-0025", "NRS-EVID-0025", "NRS-CODC-0007"]);
        limits.object_bytes_max = 8;
        assert_eq!(codes("[12345678,123456789]", limits), ["NRS-EVID-0025", "NRS-EVID-0020"]);
        let space = format!("[{}1]", " ".repeat(SPACE_BYTES_MAX + READ_BYTES + 1));
        assert_eq!(codes(&space, limits), ["NRS-CODC-0003"]);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            text in r#"(\[|\{"type":"bundle","objects":\[)?([\[\]{}:,"\\ua1.é -]|NaN|"type"|"id"){0,24}(\]\}?)?"#,
            sizes in prop::collection::vec(1_usize..9, 1..5),
        ) {
            for shape in [Shape::Bundle, Shape::Any] {
                let pieces = Pieces { bytes: text.as_bytes(), sizes: &sizes, turn: 0 };
                let (found, list) = walk(pieces, shape);
                let (expected, whole) = walk(text.as_bytes(), shape);
                // What is kept of a cut-off tail depends on how much of it had arrived.
                let code = |items: &[String]| -> Vec<String> {
                    items.iter().map(|item| item.chars().take(15).collect()).collect()
                };
                prop_assert_eq!(code(&found), code(&expected));
                prop_assert_eq!(list, whole);
            }
        }
    }
}
