//! What a pasted text names: addresses, networks, names, locators, hashes and mail addresses, with the place of each.
//!
//! Reports, mail and chat hold indicators in the middle of sentences, defanged, in full-width letters, and in Japanese
//! without a space on either side. [`read`] goes through such a text once, in time linear in its length.
//!
//! # How it decides
//! - Width is folded, characters without a picture are dropped, and the defanged forms are undone (`hxxp`, `[.]`,
//!   `(dot)`, `[at]`, `[:]`, …). An ideographic full stop is a dot only between two ASCII letters or digits of a
//!   name that has no other kind of dot: whoever types a name with an input method gets them all alike.
//! - Letters other than ASCII end what they touch, so that text around needs no spaces. A name with such letters is
//!   taken only when it stands alone between spaces and no label mixes them with ASCII (`狼煙.example`); a locator ends
//!   at the first of them (RFC 3986 knows none). Where a name might have gone on in them it is passed over, and told.
//! - `word.ext` is a file name when `ext` is a usual ending of files and no top-level domain (`setup.exe`). Endings that
//!   are both (`md`, `py`, `rs`, `sh`, `zip`, …) are file names when the name has one dot, no port, no path and was not
//!   defanged: whoever means the domain writes `readme[.]md`.
//! - A label before a colon says what follows and is passed over (`IP:203.0.113.9`, `src：evil.example:443`).
//! - A host with a path and no scheme is a locator, read as one of `http`: the path was written to be meant, and the
//!   whole of a shared host is another thing. Hosts with slashes between them are a list.
//! - Four numbers are a version when they stand behind a word for it (`version`, `ver.`, `v`, `build`, `バージョン`, …)
//!   or behind `Product/`; otherwise they are an address. Any other count of numbers is a version.
//! - `done.The`, `e.g.`, `System.Windows.Forms` and `os.path(` are prose or code, unless defanged.
//!
//! What looked like an indicator and was not taken is in [`Paste::passed`] with the reason; nothing is dropped silently.

use core::ops::Range;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::observable::{DomainName, OBSERVABLE_BYTES_MAX, Observable, fold_width, is_invisible};

/// Longest text looked at, in bytes; the rest is not read and [`Paste::complete`] says so.
pub const PASTE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Letters of a passed-over text that are repeated.
const SHOWN_CHARS_MAX: usize = 80;

/// Something recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// An observable in its canonical form.
    Observable(Observable),
    /// A mail address: local part as written, domain canonical.
    Email {
        /// Before the `@`.
        local: Box<str>,
        /// Behind it.
        domain: DomainName,
    },
}

impl core::fmt::Display for What {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Observable(observable) => write!(out, "{observable}"),
            Self::Email { local, domain } => write!(out, "{local}@{domain}"),
        }
    }
}

/// Where something stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// In bytes of the text as pasted.
    pub bytes: Range<usize>,
    /// The line, from 1.
    pub line: usize,
}

/// Something recognised, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub what: What,
    /// Where.
    pub place: Place,
    /// Whether it was written so that it cannot be clicked.
    pub defanged: bool,
}

/// Why something that looked like an indicator was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Why {
    /// The ending is one of files.
    #[error("looks like a file name; write it defanged if it is a domain")]
    FileName,
    /// Numbers with dots that are a version, or no address.
    #[error("looks like a version number")]
    Version,
    /// It has the form of an address or network and is none.
    #[error("is neither an address nor a network")]
    Address,
    /// A range of addresses.
    #[error("is a range of addresses; write it as networks")]
    Range,
    /// Hexadecimal of a length that no known hash has.
    #[error("is hexadecimal of a length no known hash has")]
    HashLength,
    /// Prose or code with a dot in the middle.
    #[error("looks like prose or code; write it defanged if it is a domain")]
    Prose,
    /// A name that may go on in letters other than ASCII.
    #[error("touches other letters, so that where the name begins is not certain")]
    OtherLetters,
    /// It has a scheme and cannot be read as a locator.
    #[error("is not a locator that can be read")]
    Locator,
    /// It has an `@` and is no mail address.
    #[error("is not a mail address")]
    Email,
    /// Longer than an observable may be.
    #[error("is longer than an observable may be")]
    TooLong,
}

impl Why {
    /// The stable code shown to a user.
    pub const fn code(self) -> &'static str {
        match self {
            Self::FileName => "NRS-EVID-0300",
            Self::Version => "NRS-EVID-0301",
            Self::Address => "NRS-EVID-0302",
            Self::Range => "NRS-EVID-0303",
            Self::HashLength => "NRS-EVID-0304",
            Self::Prose => "NRS-EVID-0305",
            Self::OtherLetters => "NRS-EVID-0306",
            Self::Locator => "NRS-EVID-0307",
            Self::Email => "NRS-EVID-0308",
            Self::TooLong => "NRS-EVID-0309",
        }
    }
}

/// Something passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// What stands there, at most 80 letters, width folded.
    pub text: String,
    /// Where.
    pub place: Place,
    /// Why.
    pub why: Why,
}

/// What a text held, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paste {
    /// What was recognised; the same thing as often as it stands there.
    pub found: Vec<Found>,
    /// What was passed over.
    pub passed: Vec<Passed>,
    /// Whether the text was read to its end.
    pub complete: bool,
}

impl Paste {
    /// The observables, each once.
    pub fn observables(&self) -> BTreeSet<Observable> {
        let observable = |found: &Found| match &found.what {
            What::Observable(observable) => Some(observable.clone()),
            What::Email { .. } => None,
        };
        self.found.iter().filter_map(observable).collect()
    }
}

/// Reads a text.
///
/// ```
/// use noroshi_evidence::paste::{Why, read};
/// let paste = read("通信先はhxxp://c2[.]evil[.]example/gateと203.0.113.9です。setup.exeは無関係。");
/// let found: Vec<String> = paste.found.iter().map(|one| one.what.to_string()).collect();
/// assert_eq!(found, ["http://c2.evil.example/gate", "203.0.113.9"]);
/// assert_eq!((paste.passed[0].text.as_str(), paste.passed[0].why), ("setup.exe", Why::FileName));
/// ```
pub fn read(text: &str) -> Paste {
    let end = text.floor_char_boundary(PASTE_BYTES_MAX);
    let (head, complete) = (text.get(..end).unwrap_or_default(), end == text.len());
    let folded = Folded::of(head);
    let mut reader = Reader { text: head, folded: &folded, paste: Paste::default(), line: (1, 0) };
    reader.paste.complete = complete;
    for run in folded.runs() {
        reader.run(run);
    }
    reader.paste
}

/// The text as it is judged, and where each byte of it comes from.
struct Folded {
    text: String,
    /// Of each byte of `text`: first byte and byte after, in the original.
    places: Vec<(u32, u32)>,
    /// Bytes of `text` at which a defanged form was undone, ascending.
    undone: Vec<usize>,
    /// Bytes of `text` that are dots and were ideographic full stops, ascending.
    ideographic: Vec<usize>,
}

/// Letters looked at on either side of an ideographic full stop.
const AROUND_MAX: usize = 253;

/// Bracketed forms: inside of the brackets, in lower case, and what it stands for.
const INSIDE: [(&str, &str); 8] = [
    (".", "."),
    ("dot", "."),
    ("ドット", "."),
    ("at", "@"),
    ("@", "@"),
    ("アット", "@"),
    (":", ":"),
    ("://", "://"),
];
/// Longest of [`INSIDE`], in letters.
const INSIDE_CHARS_MAX: usize = 3;

impl Folded {
    fn of(original: &str) -> Self {
        let letters: Vec<(usize, char)> =
            original.char_indices().filter(|(_, c)| !is_invisible(*c)).collect();
        let mut folded = Self {
            text: String::with_capacity(original.len()),
            places: Vec::with_capacity(original.len()),
            undone: Vec::new(),
            ideographic: Vec::new(),
        };
        let mut at = 0;
        while let Some(&(start, c)) = letters.get(at) {
            let rest = letters.get(at..).unwrap_or_default();
            if let Some((count, plain)) = bracketed(rest) {
                folded.undo(start..end_of(rest, count), plain);
                at += count;
                // `evil [.] example`
                if plain == "." && matches!(letters.get(at), Some((_, ' ' | '\u{3000}'))) {
                    at += 1;
                }
                continue;
            }
            if let Some(count) = hxxp(rest).filter(|_| !folded.ends_with_letter()) {
                folded.undo(start..end_of(rest, count), "http");
                at += count;
                continue;
            }
            if c == '\\' && matches!(letters.get(at + 1), Some((_, '.'))) {
                folded.undo(start..end_of(rest, 2), ".");
                at += 2;
                continue;
            }
            let plain = folded.plain(c, letters.get(at + 1..).unwrap_or_default());
            folded.push(plain, start..start + c.len_utf8());
            at += 1;
        }
        folded
    }

    /// One letter, folded where that cannot hide the end of a sentence; `rest` is what follows.
    fn plain(&mut self, c: char, rest: &[(usize, char)]) -> char {
        match c {
            '\u{3002}' | '\u{ff61}' => {
                let next = rest.first().map(|(_, next)| fold_width(*next));
                let inside = next.is_some_and(|next| next.is_ascii_alphanumeric())
                    && self.ends_with_letter();
                if !inside || self.has_dot() || has_dot_ahead(rest) {
                    return c;
                }
                self.ideographic.push(self.text.len());
                '.'
            }
            // Full-width commas, quotes and brackets are Japanese punctuation, never part of an indicator.
            '，' | '；' | '！' | '＂' | '＇' | '｀' | '＜' | '＞' | '｜' | '（' | '）' | '［'
            | '］' | '｛' | '｝' | '＊' => c,
            other => fold_width(other),
        }
    }

    /// Whether the name that is being written holds a dot that was one before.
    fn has_dot(&self) -> bool {
        let bytes = self.text.bytes().enumerate().rev().take(AROUND_MAX);
        let mut dots = bytes
            .take_while(|(_, byte)| is_name_byte(*byte))
            .filter(|(_, byte)| *byte == b'.')
            .map(|(at, _)| at);
        dots.any(|at| self.ideographic.binary_search(&at).is_err())
    }

    fn ends_with_letter(&self) -> bool {
        self.text.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric)
    }

    fn push(&mut self, c: char, from: Range<usize>) {
        self.text.push(c);
        let place = (narrow(from.start), narrow(from.end));
        self.places.extend(std::iter::repeat_n(place, c.len_utf8()));
    }

    fn undo(&mut self, from: Range<usize>, plain: &str) {
        if plain == "." && self.text.ends_with(' ') {
            self.text.pop();
            self.places.pop();
        }
        self.undone.push(self.text.len());
        for c in plain.chars() {
            self.push(c, from.clone());
        }
    }

    /// Runs of ASCII without spaces, quotes and the like, and of other letters; in the order of the text.
    fn runs(&self) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut start = None;
        for (at, c) in self.text.char_indices() {
            match (is_run(c), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    runs.push(from..at);
                    start = None;
                }
                _ => {}
            }
        }
        runs.extend(start.map(|from| from..self.text.len()));
        runs
    }

    fn defanged(&self, range: &Range<usize>) -> bool {
        let first = self.undone.partition_point(|at| *at < range.start);
        self.undone.get(first).is_some_and(|at| *at < range.end)
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// Whether what follows is a name with a dot of its own.
fn has_dot_ahead(rest: &[(usize, char)]) -> bool {
    let name = rest.iter().take(AROUND_MAX).map(|(_, c)| match c {
        '\u{3002}' | '\u{ff61}' => '-',
        other => fold_width(*other),
    });
    let ascii = |c: &char| u8::try_from(*c).is_ok_and(is_name_byte);
    name.take_while(ascii).zip(1..).any(|(c, at)| {
        // A dot at the end of a sentence is none of a name.
        c == '.' && rest.get(at).is_some_and(|(_, c)| fold_width(*c).is_ascii_alphanumeric())
    })
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn end_of(letters: &[(usize, char)], count: usize) -> usize {
    letters.get(count.saturating_sub(1)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// `[.]`, `(dot)`, `｛ドット｝`, `[at]`, `[:]`, … : how many letters it takes and what it stands for.
fn bracketed(letters: &[(usize, char)]) -> Option<(usize, &'static str)> {
    let close = match fold_width(letters.first()?.1) {
        '[' => ']',
        '(' => ')',
        '{' => '}',
        _ => return None,
    };
    let inside: String = letters
        .iter()
        .skip(1)
        .take(INSIDE_CHARS_MAX + 1)
        .map(|(_, c)| fold_width(*c).to_ascii_lowercase())
        .take_while(|c| *c != close)
        .collect();
    let count = inside.chars().count();
    let closed = letters.get(count + 1).is_some_and(|(_, c)| fold_width(*c) == close);
    let plain = INSIDE.iter().find(|(form, _)| *form == inside).filter(|_| closed)?;
    Some((count + 2, plain.1))
}

/// `hxxp`, `hXXp`, `h**p`, `hxtp`: four letters for `http`.
fn hxxp(letters: &[(usize, char)]) -> Option<usize> {
    let mut word = letters.iter().take(4).map(|(_, c)| fold_width(*c).to_ascii_lowercase());
    let form: String = word.by_ref().collect();
    matches!(form.as_str(), "hxxp" | "h**p" | "hxtp" | "htxp").then_some(4)
}

/// What may stand in one piece: ASCII but quotes and spaces, and letters of other scripts.
fn is_run(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '`' | '|' | '^' | '{' | '}')
    } else {
        c.is_alphanumeric()
    }
}

struct Reader<'a> {
    text: &'a str,
    folded: &'a Folded,
    paste: Paste,
    /// Number of the line that was reached and the byte up to which lines were counted.
    line: (usize, usize),
}

impl<'a> Reader<'a> {
    fn part(&self, range: &Range<usize>) -> &'a str {
        self.folded.text.get(range.clone()).unwrap_or_default()
    }

    fn run(&mut self, run: Range<usize>) {
        let text = self.part(&run);
        if !text.is_ascii() && self.alone(&run, text) {
            return;
        }
        // Letters of other scripts end whatever stands beside them.
        let mut start = 0;
        for (at, c) in text.char_indices().chain([(text.len(), '\u{3042}')]) {
            if c.is_ascii() {
                continue;
            }
            self.ascii(run.start + start..run.start + at, run.start);
            start = at + c.len_utf8();
        }
    }

    /// A name with other letters that stands alone: `狼煙.example`.
    fn alone(&mut self, run: &Range<usize>, text: &str) -> bool {
        let trimmed = text.trim_end_matches(['.', ',', ')', ']', ';', ':']);
        let unmixed = trimmed.split('.').all(|label| {
            label.is_ascii() || !label.chars().any(|c| c.is_ascii_alphanumeric() || c == '/')
        });
        if !unmixed || !trimmed.contains('.') || trimmed.len() > OBSERVABLE_BYTES_MAX {
            return false;
        }
        let ascii_end = trimmed.rsplit('.').next().is_some_and(str::is_ascii);
        let Some(name) = DomainName::parse(trimmed).ok().filter(|_| ascii_end) else {
            return false;
        };
        let range = run.start..run.start + trimmed.len();
        self.found(What::Observable(name.into()), range);
        true
    }

    /// A piece of ASCII; `edge` is where the run around it begins.
    fn ascii(&mut self, piece: Range<usize>, edge: usize) {
        let text = self.part(&piece);
        let Some(colon) = text.find("://") else {
            return self.words(piece, edge);
        };
        let head = text.get(..colon).unwrap_or_default();
        let scheme = head.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
        let start = piece.start + colon - scheme;
        if start > piece.start {
            self.words(piece.start..start, edge);
        }
        let end = piece.start + url_end(text, colon);
        let range = start..end;
        let url = self.part(&range);
        let cut = end == piece.end && self.other_letter_at(end) && !has_path(url);
        match Observable::parse(url) {
            _ if url.len() > OBSERVABLE_BYTES_MAX => self.passed(range, Why::TooLong),
            // `http://狼煙.example`, or a host that might go on: `http://evil.狼煙`.
            Ok(_) if cut && url.ends_with('.') => self.passed(range, Why::OtherLetters),
            Ok(observable @ Observable::Url(_)) => {
                self.found(What::Observable(observable), range);
            }
            _ if scheme == 0 => {}
            _ => self.passed(range, Why::Locator),
        }
    }

    fn other_letter_at(&self, at: usize) -> bool {
        let next = self.folded.text.get(at..).and_then(|rest| rest.chars().next());
        next.is_some_and(|c| !c.is_ascii() && c.is_alphanumeric())
    }

    /// Pieces without a scheme.
    fn words(&mut self, piece: Range<usize>, edge: usize) {
        let text = self.part(&piece);
        let around = Around { edge, end: piece.end };
        let (mut start, mut read) = (piece.start, piece.start);
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            if is_word(c) {
                continue;
            }
            let end = piece.start + at;
            // What stands in a locator that was read is no word.
            if start < end && start >= read {
                read = self.word(start..end, around, c);
            }
            start = end + c.len_utf8();
        }
    }

    /// One word; `next` is the character behind it. Says where what was read ends.
    fn word(&mut self, word: Range<usize>, around: Around, next: char) -> usize {
        let range = self.trimmed(word.clone());
        let text = self.part(&range);
        if text.len() > OBSERVABLE_BYTES_MAX {
            self.passed(range, Why::TooLong);
            return word.end;
        }
        if text.contains('@') {
            self.email(range);
            return word.end;
        }
        // `sha256:…`, `md5=…` (the latter is cut before).
        let tail = text.rsplit(':').next().unwrap_or_default();
        if tail.len() >= 24 && tail.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.hash(range.end - tail.len()..range.end);
            return word.end;
        }
        if let Some(from) = v6_from(text) {
            self.v6(range.start + from..range.end);
            return word.end;
        }
        if text.contains("::") {
            // Code; what stands in it is told where it has a dot.
            if text.contains('.') {
                self.passed(range, Why::Prose);
            }
            return word.end;
        }
        let mut start = range.start;
        while let Some(host) = self.host(start..range.end) {
            let (host, behind) = (host.clone(), self.part(&(host.end..range.end)));
            match behind.strip_prefix(':').map(|port| port.split('/').next().unwrap_or_default()) {
                // `log.txt:evil.example`
                Some(port) if !port.bytes().all(|byte| byte.is_ascii_digit()) => {
                    self.named(host.clone(), around, ':');
                    start = host.end + 1;
                }
                _ => return self.hosted(host, range.end, &word, around, next),
            }
        }
        word.end
    }

    /// What stands before the first `:` or `/` behind labels without a dot, as in `IP:203.0.113.9`.
    fn host(&self, range: Range<usize>) -> Option<Range<usize>> {
        let mut start = range.start;
        for part in self.part(&range).split(':') {
            if part.contains(['.', '/']) {
                let host = part.split('/').next().unwrap_or_default();
                return Some(start..start + host.len());
            }
            start += part.len() + 1;
        }
        None
    }

    /// A host, and what stands behind it up to `end`: nothing, a port, a path, the length of a network, or other hosts.
    fn hosted(
        &mut self,
        host: Range<usize>,
        end: usize,
        word: &Range<usize>,
        around: Around,
        next: char,
    ) -> usize {
        let text = self.part(&(host.start..end));
        let name = self.part(&host);
        if !name.contains('.') {
            self.path(host.start..end);
            return word.end;
        }
        let Some((before, path)) = text.split_once('/') else {
            self.named(host.start..end, around, next);
            return word.end;
        };
        let is_length =
            (1..=3).contains(&path.len()) && path.bytes().all(|byte| byte.is_ascii_digit());
        if is_length && before == name && numbers(name).is_some() {
            self.v4(host.start..end, around.edge);
            return word.end;
        }
        if before == name && text.split('/').all(is_host) {
            let mut start = host.start;
            for one in text.split('/') {
                self.named(start..start + one.len(), Around { edge: start, ..around }, '/');
                start += one.len() + 1;
            }
            return word.end;
        }
        self.locator(host, around)
    }

    /// What has a path and no scheme, up to where a locator would end or a list go on.
    fn locator(&mut self, host: Range<usize>, around: Around) -> usize {
        let text = self.part(&(host.start..around.end));
        let text = text.split([',', ';', '\'']).next().unwrap_or_default();
        let range = host.start..host.start + url_end(text, host.len());
        let name = self.part(&host);
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_file = FILES.contains(&last.to_ascii_lowercase().as_str());
        if numbers(name).is_some_and(|count| count != 4) {
            if numbers(name).is_some_and(|count| count > 2) {
                self.passed(range.clone(), Why::Version);
            }
            return range.end;
        }
        if is_file && !self.folded.defanged(&host) {
            self.passed(range.clone(), Why::FileName);
            return range.end;
        }
        match Observable::parse(&format!("http://{}", self.part(&range))) {
            _ if range.len() > OBSERVABLE_BYTES_MAX => self.passed(range.clone(), Why::TooLong),
            Ok(url @ Observable::Url(_)) => self.found(What::Observable(url), range.clone()),
            _ => self.passed(range.clone(), Why::Locator),
        }
        range.end
    }

    /// A path that begins with no host.
    fn path(&mut self, range: Range<usize>) {
        let text = self.part(&range);
        let tail = text.rsplit('/').next().unwrap_or_default();
        if let Some(count) = numbers(tail) {
            // `Product/1.2.3.4`: the name says nothing, the numbers behind it are a version.
            if count >= 3 {
                self.passed(range, Why::Version);
            }
        } else if let Some((_, ending)) = tail.rsplit_once('.') {
            let lower = ending.to_ascii_lowercase();
            let is_file = FILES.contains(&lower.as_str()) || BOTH.contains(&lower.as_str());
            self.passed(range, if is_file { Why::FileName } else { Why::Prose });
        }
    }

    /// A host alone, or with a port.
    fn named(&mut self, range: Range<usize>, around: Around, next: char) {
        let host = self.part(&range).split(':').next().unwrap_or_default();
        if numbers(host).is_some() {
            self.v4(range, around.edge);
        } else {
            self.name(range, around.edge, next);
        }
    }

    fn trimmed(&self, word: Range<usize>) -> Range<usize> {
        let text = self.part(&word);
        let v6 = text.starts_with("::");
        let front = if v6 { text } else { text.trim_start_matches(['.', ':', '/', '-', '%', '+']) };
        let start = word.end - front.len();
        let mut back = front.trim_end_matches(['.', '/', '-', '_', '+', '%']);
        if !back.ends_with("::") {
            back = back.trim_end_matches(':').trim_end_matches('.');
        }
        start..start + back.len()
    }

    fn email(&mut self, range: Range<usize>) {
        let text = self.part(&range);
        let Some((local, domain)) = text.rsplit_once('@') else { return };
        // `mailto:a@b.example`
        let local = local.rsplit([':', '/']).next().unwrap_or_default();
        let start = range.end - domain.len() - 1 - local.len();
        let range = start..range.end;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte);
        let valid = (1..=64).contains(&local.len()) && local.bytes().all(allowed);
        match DomainName::parse(domain) {
            Ok(domain) if valid => self.found(What::Email { local: local.into(), domain }, range),
            // `@handle` is no address and nobody takes it for one.
            _ if local.is_empty() && !domain.contains('.') => {}
            _ => self.passed(range, Why::Email),
        }
    }

    fn hash(&mut self, range: Range<usize>) {
        match Observable::parse(self.part(&range)) {
            Ok(hash @ Observable::FileHash(_)) => self.found(What::Observable(hash), range),
            _ => self.passed(range, Why::HashLength),
        }
    }

    fn v6(&mut self, range: Range<usize>) {
        let text = self.part(&range);
        let address = text.split(['/', '%']).next().unwrap_or_default();
        let valid = address.parse::<Ipv6Addr>().is_ok();
        let whole = text.strip_prefix(address).is_none_or(|rest| !rest.starts_with('%'));
        let parsed = Observable::parse(if whole { text } else { address });
        match parsed {
            Ok(found) if valid => self.found(What::Observable(found), range),
            _ => self.passed(range, Why::Address),
        }
    }

    /// Begins with numbers and dots: address, network, address with port, version.
    fn v4(&mut self, range: Range<usize>, edge: usize) {
        let text = self.part(&range);
        let host = text.split([':', '/']).next().unwrap_or_default();
        let count = numbers(host).unwrap_or(0);
        let rest = text.get(host.len()..).unwrap_or_default();
        if count < 3 {
            return;
        }
        if count != 4 || self.is_version(range.start, edge) {
            return self.passed(range, Why::Version);
        }
        let network = rest.strip_prefix('/').filter(|length| {
            (1..=3).contains(&length.len()) && length.bytes().all(|byte| byte.is_ascii_digit())
        });
        let (value, range) = match network {
            Some(_) => (text, range),
            None => (host, range.start..range.start + host.len()),
        };
        let address = host.parse::<Ipv4Addr>().ok();
        match Observable::parse(value) {
            Ok(found) if address.is_some() => self.found(What::Observable(found), range),
            _ => self.passed(range, Why::Address),
        }
    }

    /// Whether a word for a version stands right before.
    fn is_version(&self, start: usize, edge: usize) -> bool {
        const LOOK_BACK_BYTES: usize = 48;
        let from = self.folded.text.floor_char_boundary(start.saturating_sub(LOOK_BACK_BYTES));
        let before = self.part(&(from..start));
        // `Product/1.2.3.4`
        let product = before.strip_suffix('/').is_some_and(|b| b.ends_with(char::is_alphanumeric));
        if product && edge < start {
            return true;
        }
        let line = before.rsplit('\n').next().unwrap_or_default();
        let word = line.trim_end().trim_end_matches(['.', ':', '=', '#']).to_lowercase();
        let bare = |mark: &str| {
            word.strip_suffix(mark)
                .is_some_and(|head| !head.ends_with(|c: char| c.is_ascii_alphanumeric()))
        };
        ["version", "versions", "ver", "v", "release", "build", "firmware", "rev"]
            .into_iter()
            .any(bare)
            || ["バージョン", "版数", "リリース", "ファームウェア", "ビルド"]
                .into_iter()
                .any(|mark| word.ends_with(mark))
    }

    fn name(&mut self, range: Range<usize>, edge: usize, next: char) {
        let text = self.part(&range);
        let host = text.split(':').next().unwrap_or_default();
        if let Some((left, right)) = host.split_once('-')
            && numbers(left) == Some(4)
            && numbers(right) == Some(4)
        {
            return self.passed(range, Why::Range);
        }
        let whole = host.len() == text.len();
        let place = range.start..range.start + host.len();
        let defanged = self.folded.defanged(&place);
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let Ok(name) = DomainName::parse(host) else {
            let digits = last.bytes().all(|byte| byte.is_ascii_digit());
            self.passed(place, if digits { Why::Version } else { Why::Prose });
            return;
        };
        // `狼煙.evil.example` in a sentence: the part that was read is another name.
        let before = self.part(&(edge..range.start));
        let whole_before = before.trim_end_matches('.');
        let other = whole_before.chars().next_back().is_some_and(|c| !c.is_ascii());
        let verdict = if before.ends_with('.') && other {
            Some(Why::OtherLetters)
        } else if defanged {
            None
        } else {
            judge(host, last, whole, next)
        };
        match verdict {
            Some(why) => self.passed(place, why),
            None => self.found(What::Observable(name.into()), place),
        }
    }

    fn place(&mut self, range: &Range<usize>) -> Place {
        let first = self.folded.places.get(range.start).map_or(0, |place| place.0 as usize);
        let last = range.end.saturating_sub(1);
        let end = self.folded.places.get(last).map_or(first, |place| place.1 as usize);
        let (line, counted) = self.line;
        let between = self.text.get(counted..first).unwrap_or_default();
        let lines = between.matches('\n').count();
        self.line = (line + lines, first.max(counted));
        Place { bytes: first..end, line: self.line.0 }
    }

    fn found(&mut self, what: What, range: Range<usize>) {
        let defanged = self.folded.defanged(&range);
        let place = self.place(&range);
        self.paste.found.push(Found { what, place, defanged });
    }

    fn passed(&mut self, range: Range<usize>, why: Why) {
        let text = self.part(&range).chars().take(SHOWN_CHARS_MAX).collect();
        let place = self.place(&range);
        self.paste.passed.push(Passed { text, place, why });
    }
}

/// Why a name of two labels or more is none.
fn judge(host: &str, last: &str, whole: bool, next: char) -> Option<Why> {
    let lower = last.to_ascii_lowercase();
    let two_labels = host.matches('.').count() == 1;
    if whole && FILES.contains(&lower.as_str()) {
        return Some(Why::FileName);
    }
    if whole && two_labels && BOTH.contains(&lower.as_str()) {
        return Some(Why::FileName);
    }
    let capital = |label: &str| {
        let mut letters = label.chars();
        letters.next().is_some_and(|c| c.is_ascii_uppercase())
            && letters.next().is_some_and(|c| c.is_ascii_lowercase())
    };
    let short = last.len() < 2 || host.split('.').all(|label| label.len() == 1);
    if short || (whole && (capital(last) || next == '(')) || lower.bytes().any(|b| b == b'_') {
        return Some(Why::Prose);
    }
    None
}

/// The run of other letters and ASCII around a word.
#[derive(Debug, Clone, Copy)]
struct Around {
    /// Where the run begins.
    edge: usize,
    /// Where the piece of ASCII ends.
    end: usize,
}

/// Where in a word an IPv6 address begins, behind labels such as `ipv6:`.
fn v6_from(text: &str) -> Option<usize> {
    let address = text.split(['/', '%']).next().unwrap_or_default();
    let fits = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut from = address.len() - address.bytes().rev().take_while(fits).count();
    if from > 0 && !address.get(..from).is_some_and(|before| before.ends_with(':')) {
        from += address.get(from..)?.find(':')? + 1;
    }
    let address = address.get(from..)?;
    // `12:34:56` is a time, and `a::b` is code.
    let likely = address.bytes().any(|byte| byte.is_ascii_digit())
        && (address.contains("::") || address.matches(':').count() == 7);
    likely.then_some(from)
}

/// Whether a part between slashes is an address, or a name that is no file.
fn is_host(part: &str) -> bool {
    let last = part.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_file = FILES.contains(&last.as_str()) || BOTH.contains(&last.as_str());
    let is_name = || last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    part.contains('.')
        && (part.parse::<Ipv4Addr>().is_ok()
            || (!is_file && is_name() && DomainName::parse(part).is_ok()))
}

/// How many numbers with dots between them a text is; `None` when it is something else.
fn numbers(text: &str) -> Option<usize> {
    let valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    valid.then(|| text.split('.').count())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/' | '@' | '%' | '+')
}

fn has_path(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']))
}

/// Where a locator that has its `://` at `colon` ends: before trailing punctuation and brackets that were opened
/// outside of it.
fn url_end(text: &str, colon: usize) -> usize {
    let body = text.get(colon..).unwrap_or_default();
    let mut open = [0_i32; 2];
    let mut end = body.len();
    for (at, c) in body.char_indices() {
        let kind = usize::from(matches!(c, '[' | ']'));
        let Some(count) = open.get_mut(kind) else { continue };
        match c {
            '(' | '[' => *count += 1,
            ')' | ']' => *count -= 1,
            _ => continue,
        }
        if *count < 0 {
            end = at;
            break;
        }
    }
    let body = body.get(..end).unwrap_or_default();
    let kept = body.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '\\']);
    colon + kept.len()
}

/// Usual endings of files that are no top-level domains.
const FILES: [&str; 98] = [
    "7z", "apk", "asp", "aspx", "bak", "bat", "bin", "bmp", "bz2", "cfg", "cmd", "conf", "cpl",
    "cpp", "crt", "csv", "dat", "db", "deb", "dll", "dmg", "doc", "docm", "docx", "dotm", "dump",
    "elf", "eml", "env", "exe", "gif", "gz", "hpp", "hta", "htm", "html", "ico", "img", "inf",
    "ini", "iso", "jar", "jpeg", "jpg", "js", "jse", "json", "jsp", "key", "lnk", "lock", "log",
    "mp3", "mp4", "msg", "msi", "msp", "ocx", "odt", "one", "pcap", "pcapng", "pdb", "pdf", "pem",
    "php", "png", "ppt", "pptm", "pptx", "ps1", "psm1", "rar", "rpm", "rtf", "scr", "sqlite",
    "svg", "sys", "tar", "tgz", "tmp", "toml", "ts", "txt", "vbe", "vbs", "vhd", "vhdx", "war",
    "wav", "wsf", "xls", "xlsb", "xlsm", "xlsx", "xml", "yml",
];
/// Endings of files that are top-level domains as well.
const BOTH: [&str; 17] = [
    "ai", "cc", "cab", "java", "la", "md", "mk", "ml", "mov", "pl", "ps", "py", "rs", "sh", "so",
    "swf", "zip",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, found: &[&str], passed: &[(&str, Why)]) {
        let paste = read(text);
        let seen: Vec<String> = paste.found.iter().map(|one| one.what.to_string()).collect();
        assert_eq!(seen, found, "{text:?}: {:?}", paste.passed);
        let over: Vec<(&str, Why)> =
            paste.passed.iter().map(|one| (one.text.as_str(), one.why)).collect();
        assert_eq!(over, passed, "{text:?}");
        assert!(paste.complete);
    }

    #[test]
    fn indicators_are_found_in_the_middle_of_text() {
        check("see hxxp://c2[.]evil[.]example/a.", &["http://c2.evil.example/a"], &[]);
        check("(https://evil.example/a_(b)), ok", &["https://evil.example/a_(b)"], &[]);
        check("通信先はevil.exampleです。", &["evil.example"], &[]);
        check(
            "通信先は「evil[.]example」、次は198.51.100.0/24。",
            &["evil.example", "198.51.100.0/24"],
            &[],
        );
        check(
            "ｈｘｘｐ：／／ｅｖｉｌ．ｅｘａｍｐｌｅ／ｇａｔｅを確認",
            &["http://evil.example/gate"],
            &[],
        );
        check(
            "１９２。０。２。１　と\u{3000}evil。example。以上",
            &["192.0.2.1", "evil.example"],
            &[],
        );
        check("198.51.100.77。evil.example。次", &["198.51.100.77", "evil.example"], &[]);
        check("ｅｖｉｌ［．］ｅｘａｍｐｌｅ", &["evil.example"], &[]);
        check("e\u{200b}vil.exa\u{feff}mple", &["evil.example"], &[]);
        check("evil [dot] example, evil(dot)example", &["evil.example", "evil.example"], &[]);
        check("evil[ドット]example", &["evil.example"], &[]);
        check("a[at]evil[.]example; b＠evil．example", &["a@evil.example", "b@evil.example"], &[]);
        check("mailto:x.y+z@evil.example?subject=1", &["x.y+z@evil.example"], &[]);
        check("[2001:db8::1]:443 2001:db8::/32 ::1", &["2001:db8::1", "2001:db8::/32", "::1"], &[]);
        check("2001[:]db8[:][:]7", &["2001:db8::7"], &[]);
        check("fe80::1%eth0", &["fe80::1"], &[]);
        check("192.0.2.1:8080, 192.0.2.2/", &["192.0.2.1", "192.0.2.2"], &[]);
        check("evil.example:8443 evil.example.", &["evil.example", "evil.example"], &[]);
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        check(&format!("MD5:{md5} md5={md5}、{md5}。"), &[md5, md5, md5], &[]);
        check("狼煙.example", &["xn--ouxv8a.example"], &[]);
        check("http://evil.example/パス", &["http://evil.example/"], &[]);
        check("hxxps[://]evil[.]example", &["https://evil.example/"], &[]);
        check("evil\\.example", &["evil.example"], &[]);
        check("'evil.example','b.example'", &["evil.example", "b.example"], &[]);
    }

    #[test]
    fn a_label_before_a_colon_hides_nothing() {
        check("IP:203.0.113.1 IP：203.0.113.2", &["203.0.113.1", "203.0.113.2"], &[]);
        check(
            "Domain:c2.evil.example C2:evil.example:443",
            &["c2.evil.example", "evil.example"],
            &[],
        );
        check("dst:203.0.113.3:8080 src_ip:203.0.113.4/32", &["203.0.113.3", "203.0.113.4"], &[]);
        check("ipv6:2001:db8::7 ip-dst:2001:db8::/32", &["2001:db8::7", "2001:db8::/32"], &[]);
        check("a:b:c:evil.example", &["evil.example"], &[]);
        check(
            "log.txt:evil.example std::fs.read",
            &["evil.example"],
            &[("log.txt", Why::FileName), ("std::fs.read", Why::Prose)],
        );
        check("version:1.2.3.4", &[], &[("1.2.3.4", Why::Version)]);
        check("localhost:8080 port:443 12:34:56.789", &[], &[]);
    }

    #[test]
    fn a_path_without_a_scheme_is_a_locator_and_hosts_between_slashes_are_a_list() {
        check(
            "raw.files[.]example/attacker/x/payload.exe, 192.0.2.2/gate.php?id=7&x=(1).",
            &[
                "http://raw.files.example/attacker/x/payload.exe",
                "http://192.0.2.2/gate.php?id=7&x=(1)",
            ],
            &[],
        );
        check("evil.example:8443/path。", &["http://evil.example:8443/path"], &[]);
        check(
            "(evil.example/a),evil.example/b;",
            &["http://evil.example/a", "http://evil.example/b"],
            &[],
        );
        check("宛先はevil.example/gateです", &["http://evil.example/gate"], &[]);
        check(
            "a.evil.example/b.evil.example/192.0.2.9",
            &["a.evil.example", "b.evil.example", "192.0.2.9"],
            &[],
        );
        check(
            "usr/lib/x.so setup.exe/run src/evil.example and/or",
            &[],
            &[
                ("usr/lib/x.so", Why::FileName),
                ("setup.exe/run", Why::FileName),
                ("src/evil.example", Why::Prose),
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_is_passed_over_with_its_reason() {
        use Why::{Address, Email, FileName, HashLength, OtherLetters, Prose, Range, Version};
        check("readme.md と setup.exe", &[], &[("readme.md", FileName), ("setup.exe", FileName)]);
        check("readme[.]md docs.readme.md", &["readme.md", "docs.readme.md"], &[]);
        check("version 1.2.3.4", &[], &[("1.2.3.4", Version)]);
        check(
            "バージョン1.2.3.4、Ver.1.2.3.4",
            &[],
            &[("1.2.3.4", Version), ("Ver.1.2.3.4", Version)],
        );
        check("1.2.3.4", &["1.2.3.4"], &[]);
        check("Chrome/120.0.0.0", &[], &[("Chrome/120.0.0.0", Version)]);
        check(
            "v1.2.3.4 1.2.3 1.2.3.4.5",
            &[],
            &[("v1.2.3.4", Version), ("1.2.3", Version), ("1.2.3.4.5", Version)],
        );
        check("300.1.1.1 192.0.2.1/99", &[], &[("300.1.1.1", Address), ("192.0.2.1/99", Address)]);
        check("192.0.2.1-192.0.2.9", &[], &[("192.0.2.1-192.0.2.9", Range)]);
        check(&"ab".repeat(14), &[], &[(&"ab".repeat(14), HashLength)]);
        check("it was done.The next", &[], &[("done.The", Prose)]);
        check(
            "e.g. i.e. System.Windows.Forms os.path(x)",
            &[],
            &[("e.g", Prose), ("i.e", Prose), ("System.Windows.Forms", Prose), ("os.path", Prose)],
        );
        check("送信先は狼煙.evil.exampleです", &[], &[("evil.example", OtherLetters)]);
        check("a@b@ x@evil..example", &[], &[("a@b@", Email), ("x@evil..example", Email)]);
        check("at 12:34:56 std::io a::b 3.5 100% @handle", &[], &[]);
    }

    #[test]
    fn places_are_those_of_the_text_as_pasted() {
        let text = "一行目\n次はｅｖｉｌ[.]example。\n";
        let paste = read(text);
        let found = &paste.found[0];
        assert_eq!(text.get(found.place.bytes.clone()), Some("ｅｖｉｌ[.]example"));
        assert_eq!((found.place.line, found.defanged), (2, true));
    }

    #[test]
    fn ten_thousand_values_are_ten_thousand_findings() {
        let lines: Vec<String> = (0..10_000).map(|n| format!("host{n}[.]evil.example")).collect();
        let text = lines.join("\n");
        let paste = read(&text);
        assert_eq!((paste.found.len(), paste.passed.len()), (10_000, 0));
        assert_eq!(paste.found.last().unwrap().place.line, 10_000);
    }

    #[test]
    fn a_longer_text_costs_in_proportion() {
        let hostile = [
            "://", "[.]", "a.", "@", "::", "(dot)", "1.", "hxxp", "。", "あ.", "a/", "[(", "a:",
            "a.b:", "a.b/",
        ];
        for part in hostile {
            let text = part.repeat(PASTE_BYTES_MAX / part.len() / 8);
            // Were the time quadratic in the length, this would take hours.
            assert!(read(&text).complete, "{part:?}");
        }
        assert!(!read(&"a".repeat(PASTE_BYTES_MAX + 1)).complete);
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_places_lie_inside(text in "\\PC{0,120}") {
            let paste = read(&text);
            for place in paste.found.iter().map(|one| &one.place).chain(paste.passed.iter().map(|one| &one.place)) {
                prop_assert!(text.get(place.bytes.clone()).is_some(), "{:?}", place);
            }
        }

        #[test]
        fn likely_texts_are_survived(text in "([a-z0-9.:/@\\[\\]()。あ ]|hxxp|\\[dot\\]|://){0,40}") {
            let paste = read(&text);
            for one in &paste.found {
                prop_assert!(text.get(one.place.bytes.clone()).is_some());
            }
        }

        #[test]
        fn whatever_label_stands_before_a_value_it_is_found(label in "[A-Za-z][A-Za-z0-9_-]{0,12}", mark in "[:：=]", octets: [u8; 4], name in "[g-z]{3,10}\\.example") {
            let address = Ipv4Addr::from(octets).to_string();
            let is_version = ["version", "versions", "ver", "v", "release", "build", "firmware", "rev"]
                .iter()
                .any(|word| label.to_lowercase().ends_with(word));
            for value in [name, address] {
                let paste = read(&format!("{label}{mark}{value}"));
                let told = is_version && !paste.passed.is_empty();
                let observable = Observable::parse(&value).unwrap();
                prop_assert!(told || paste.observables() == BTreeSet::from([observable]), "{:?}", paste);
            }
        }

        #[test]
        fn what_is_defanged_is_found_again(name in "[a-z]{3,10}\\.[a-z]{2,8}\\.example", octets: [u8; 4]) {
            let address = Ipv4Addr::from(octets).to_string();
            for value in [name, address] {
                let observable = Observable::parse(&value).unwrap();
                let text = format!("通信先は{}です", observable.defanged());
                prop_assert_eq!(read(&text).observables(), BTreeSet::from([observable]));
            }
        }
    }
}
