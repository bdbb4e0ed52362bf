//! Zeek's tab-separated logs.
//!
//! The `#` lines say what the columns are; they may come again in the middle of a file and hold from there
//! on. A column is looked at because of its name (`ts`, `id.orig_h`, `query`, …) or because its type is
//! `addr`; all the others are skipped over. So are addresses that stand inside a message or a certificate.

use std::borrow::Borrow;
use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use crate::bits;
use crate::problem::Reason;
use crate::text::{
    parse_address, parse_count, parse_port, parse_seconds_us, parse_time_us, v4_within, v6_within,
};
use crate::view::{Detail, Ends, Look, Plain, View, sum};

/// The most columns a header may have.
pub(crate) const COLUMNS_MAX: usize = 1_024;

/// A column and whether it holds several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Column {
    at: usize,
    is_list: bool,
}

/// Where the wanted columns stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    count: usize,
    ts: Option<usize>,
    src: Option<usize>,
    dst: Option<usize>,
    src_port: Option<usize>,
    dst_port: Option<usize>,
    proto: Option<usize>,
    duration: Option<usize>,
    wire_bytes: [Option<usize>; 2],
    payload_bytes: [Option<usize>; 2],
    packets: [Option<usize>; 2],
    uri: Option<usize>,
    /// How many fields are passed to come to the time, then to the source and to the destination, where they stand in
    /// this order.
    plain: Option<[usize; 3]>,
    /// How many fields lie between the destination and the first that is shown, where all these are behind it.
    shown_behind: Option<usize>,
    addresses: Vec<Column>,
    /// What is shown to the index besides the two ends, in the order of the columns.
    shown: Vec<Shown>,
}

/// A column that is shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    field: Field,
    column: Column,
    /// How many fields lie between it and the one that is shown before it.
    passed: usize,
}

/// What a column that is looked at holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Address,
    DnsName,
    TlsName,
    HttpHost,
    File,
    Certificate,
    Fingerprint(u8),
    Email,
}

impl Field {
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"query" | b"answers" => Self::DnsName,
            b"server_name" => Self::TlsName,
            b"host" => Self::HttpHost,
            b"md5" | b"sha1" | b"sha256" => Self::File,
            b"cert_chain_fps" | b"client_cert_chain_fps" | b"fingerprint" => Self::Certificate,
            b"ja3" => Self::Fingerprint(b'3'),
            b"ja3s" => Self::Fingerprint(b's'),
            b"ja4" => Self::Fingerprint(b'4'),
            b"mailfrom" | b"rcptto" => Self::Email,
            _ => return None,
        })
    }
}

impl Columns {
    fn place(&mut self, at: usize, name: &[u8], kind: &[u8]) {
        let holds_address = kind == b"addr" || kind.ends_with(b"[addr]");
        let is_list = kind.ends_with(b"]");
        let slot = match name {
            b"ts" => &mut self.ts,
            b"id.orig_h" | b"id_orig_h" => &mut self.src,
            b"id.resp_h" | b"id_resp_h" => &mut self.dst,
            b"id.orig_p" | b"id_orig_p" => &mut self.src_port,
            b"id.resp_p" | b"id_resp_p" => &mut self.dst_port,
            b"proto" => &mut self.proto,
            b"duration" => &mut self.duration,
            b"orig_ip_bytes" => &mut self.wire_bytes[0],
            b"resp_ip_bytes" => &mut self.wire_bytes[1],
            b"orig_bytes" => &mut self.payload_bytes[0],
            b"resp_bytes" => &mut self.payload_bytes[1],
            b"orig_pkts" => &mut self.packets[0],
            b"resp_pkts" => &mut self.packets[1],
            // Written by the author of a message or a certificate, these are content, not history.
            b"x_originating_ip" | b"path" => return,
            _ if name.starts_with(b"san.") => return,
            _ if holds_address => {
                self.addresses.push(Column { at, is_list });
                return self.show(Field::Address, Column { at, is_list });
            }
            b"uri" => &mut self.uri,
            _ => {
                let is_list = is_list || name == b"answers";
                if let Some(field) = Field::of(name) {
                    self.show(field, Column { at, is_list });
                }
                return;
            }
        };
        *slot = slot.or(Some(at));
    }

    fn show(&mut self, field: Field, column: Column) {
        let next = self.shown.last().map_or(0, |before| before.column.at + 1);
        self.shown.push(Shown { field, column, passed: column.at - next });
    }
}

/// The header in force.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    separator: u8,
    set_separator: u8,
    empty: Vec<u8>,
    unset: Vec<u8>,
    /// Whether what reads as an address or a time is one: what stands for no value does not read so, and what is between
    /// values is no part of it.
    is_plain: bool,
    names: Vec<Vec<u8>>,
    /// `None` until a `#fields` line has come; an error after one that makes no sense.
    columns: Option<Result<Columns, Reason>>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: b'\t',
            set_separator: b',',
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            is_plain: true,
            names: Vec::new(),
            columns: None,
        }
    }
}

impl Header {
    /// Takes in a line that begins with `#`. What it does not know it ignores.
    pub(crate) fn directive(&mut self, line: &[u8]) {
        if let Some(value) = line.strip_prefix(b"#separator ") {
            // Only here a blank stands behind the word, because the separator is not known before.
            let mut bytes = Vec::new();
            unescape(value, &mut bytes);
            match bytes.as_slice() {
                [separator] => self.separator = *separator,
                _ => self.columns = Some(Err(Reason::BadHeader)),
            }
            return;
        }
        let mut parts = line.split(|byte| *byte == self.separator);
        let word = parts.next().unwrap_or_default();
        match word {
            b"#set_separator" => match parts.next() {
                Some([separator]) => self.set_separator = *separator,
                _ => self.columns = Some(Err(Reason::BadHeader)),
            },
            b"#empty_field" => self.empty = parts.next().unwrap_or_default().to_vec(),
            b"#unset_field" => self.unset = parts.next().unwrap_or_default().to_vec(),
            b"#fields" => {
                self.names = parts.map(<[u8]>::to_vec).take(COLUMNS_MAX + 1).collect();
                self.columns = Some(self.arrange(None));
            }
            b"#types" => {
                let kinds: Vec<&[u8]> = parts.take(COLUMNS_MAX + 1).collect();
                self.columns = Some(self.arrange(Some(&kinds)));
            }
            _ => {}
        }
        let is_value =
            |text: &Vec<u8>| parse_address(text).is_some() || parse_seconds_us(text).is_some();
        self.is_plain = !is_value(&self.empty)
            && !is_value(&self.unset)
            && !matches!(self.set_separator, b'0'..=b'9' | b'.');
    }

    fn arrange(&self, kinds: Option<&[&[u8]]>) -> Result<Columns, Reason> {
        let count = self.names.len();
        let agree = kinds.is_none_or(|kinds| kinds.len() == count);
        if count == 0 || count > COLUMNS_MAX || !agree {
            return Err(Reason::BadHeader);
        }
        let mut columns = Columns { count, ..Columns::default() };
        for (at, name) in self.names.iter().enumerate() {
            let kind = kinds.and_then(|kinds| kinds.get(at)).copied().unwrap_or_default();
            columns.place(at, name, kind);
        }
        if let (Some(ts), Some(src), Some(dst)) = (columns.ts, columns.src, columns.dst)
            && ts < src
            && src < dst
        {
            columns.plain = Some([ts, src - ts - 1, dst - src - 1]);
            let first = columns.shown.first().map(|shown| shown.column.at);
            columns.shown_behind = first.and_then(|first| first.checked_sub(dst + 1));
        }
        Ok(columns)
    }

    /// Whether records can be read from here on.
    pub(crate) const fn is_known(&self) -> bool {
        self.columns.is_some()
    }

    /// Whether a column is looked at in which bytes may be escaped.
    fn has_texts(&self) -> bool {
        let Some(Ok(columns)) = &self.columns else { return false };
        columns.shown.iter().any(|shown| shown.field != Field::Address)
    }

    /// One record out of a block.
    #[inline]
    pub(crate) fn view<'a, R: Borrow<Row<'a>>>(
        &'a self,
        row: R,
    ) -> Result<ZeekRecord<'a, R>, Reason> {
        let columns = match &self.columns {
            Some(Ok(columns)) => columns,
            Some(Err(reason)) => return Err(*reason),
            None => return Err(Reason::NoHeader),
        };
        if row.borrow().fields != columns.count {
            return Err(Reason::FieldCount);
        }
        Ok(ZeekRecord { row, header: self, columns, found: None })
    }
}

/// How many masks of a line are kept; of what is behind them they are made again where they are asked for.
const WINDOWS: usize = 4;

/// The lines of a block, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    block: &'a [u8],
    /// Where the next line begins.
    at: usize,
    separator: u8,
    /// Whether there is a backslash anywhere, so that values have to be looked through for escapes.
    has_escapes: bool,
}

impl<'a> Rows<'a> {
    /// Of a whole block. A line without a line feed is as one with it.
    pub(crate) fn new(block: &'a [u8], header: &Header) -> Self {
        let has_escapes = header.has_texts() && memchr::memchr(b'\\', block).is_some();
        Self { block, at: 0, separator: header.separator, has_escapes }
    }

    /// The line that begins there.
    pub(crate) fn row_at(mut self, begin: usize) -> Option<Row<'a>> {
        self.at = begin;
        let mut row = Row::default();
        self.next(&mut row).then_some(row)
    }

    /// Goes on to the next line; `false` where there is none. A row is written where it is: read again at once as a whole,
    /// what was written in parts would be waited for.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once a record, at one place")]
    pub(crate) fn next(&mut self, row: &mut Row<'a>) -> bool {
        let Self { block, at: begin, separator, has_escapes } = *self;
        if begin >= block.len() {
            return false;
        }
        row.windows = [0; WINDOWS];
        let (mut number, mut base, mut fields) = (0, begin, 0);
        let feed = loop {
            let (separators, feeds) = marks_at(block, base, separator);
            let below = feeds ^ feeds.wrapping_sub(1);
            // Without a line feed all bits are below.
            let marks = (separators | feeds) & below;
            if let Some(window) = row.windows.get_mut(number) {
                *window = marks;
            }
            fields += marks.count_ones() as usize;
            if feeds != 0 {
                break base + feeds.trailing_zeros() as usize;
            }
            number += 1;
            base += bits::BLOCK_BYTES;
        };
        self.at = feed + 1;
        let ends_in_return = feed > begin && block.get(feed - 1) == Some(&b'\r');
        let end = feed - usize::from(ends_in_return);
        (row.block, row.begin, row.end, row.feed, row.fields) = (block, begin, end, feed, fields);
        (row.separator, row.has_escapes) = (separator, has_escapes);
        true
    }
}

/// Where in 64 bytes the separators are and where the line feeds. Behind the block is a line feed.
#[inline]
fn marks_at(block: &[u8], base: usize, separator: u8) -> (u64, u64) {
    let rest = block.get(base..).unwrap_or_default();
    match rest.first_chunk::<{ bits::BLOCK_BYTES }>() {
        Some(chunk) => bits::equal_either(chunk, separator, b'\n'),
        None => marks_of_last(rest, separator),
    }
}

#[inline(never)]
fn marks_of_last(rest: &[u8], separator: u8) -> (u64, u64) {
    let mut last = bits::padded(rest);
    if let Some(end) = last.get_mut(rest.len()) {
        *end = b'\n';
    }
    bits::equal_either(&last, separator, b'\n')
}

/// One line and where its fields end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Row<'a> {
    block: &'a [u8],
    pub(crate) begin: usize,
    /// Without line feed and carriage return.
    pub(crate) end: usize,
    feed: usize,
    fields: usize,
    /// A bit for each place where a field ends, from the beginning of the line up to its line feed.
    windows: [u64; WINDOWS],
    separator: u8,
    has_escapes: bool,
}

impl<'a> Row<'a> {
    #[inline]
    fn window(&self, number: usize) -> u64 {
        match self.windows.get(number) {
            Some(window) => *window,
            None => self.far_window(number),
        }
    }

    #[inline(never)]
    fn far_window(&self, number: usize) -> u64 {
        let base = self.begin + number * bits::BLOCK_BYTES;
        if base > self.feed {
            return 0;
        }
        let (separators, feeds) = marks_at(self.block, base, self.separator);
        (separators | feeds) & (feeds ^ feeds.wrapping_sub(1))
    }

    #[inline]
    fn ends(&self) -> FieldEnds {
        let [first, second, ..] = self.windows;
        FieldEnds {
            base: self.begin,
            window: 0,
            marks: u128::from(first) | u128::from(second) << 64,
        }
    }

    #[inline]
    fn field(&self, at: usize) -> Option<&'a [u8]> {
        let mut ends = self.ends();
        let begin = if at == 0 { self.begin } else { ends.pass(self, at)? + 1 };
        let end = ends.pass(self, 1)?.min(self.end);
        self.block.get(begin..end)
    }
}

/// Goes over the ends of the fields of a line.
#[derive(Debug, Clone, Copy)]
struct FieldEnds {
    /// What the lowest bit of `marks` stands for.
    base: usize,
    /// The number of the first of the two masks in `marks`.
    window: usize,
    /// The ends that have not been passed, of 128 bytes.
    marks: u128,
}

impl FieldEnds {
    /// Passes so many ends, one or more, and says where the last of them is.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "twice a field, and what it holds is to stay in registers"
    )]
    fn pass(&mut self, row: &Row<'_>, count: usize) -> Option<usize> {
        let mut marks = self.marks;
        // Always as often for a column, so that the end of the loop is foreseen.
        for _ in 1..count {
            marks &= marks.wrapping_sub(1);
        }
        if marks == 0 {
            let (ends, end) = self.pass_on(row, count)?;
            *self = ends;
            return Some(end);
        }
        self.marks = marks & marks.wrapping_sub(1);
        Some(self.base + marks.trailing_zeros() as usize)
    }

    /// Goes on by a mask where nothing is left in the first.
    #[inline]
    fn slide(&mut self, row: &Row<'_>) {
        if self.marks & u128::from(u64::MAX) == 0 {
            self.window += 1;
            self.base += bits::BLOCK_BYTES;
            self.marks = self.marks >> 64 | u128::from(row.window(self.window + 1)) << 64;
        }
    }

    #[inline(never)]
    fn pass_on(self, row: &Row<'_>, mut count: usize) -> Option<(Self, usize)> {
        let mut ends = self;
        loop {
            let here = ends.marks.count_ones() as usize;
            if count <= here {
                for _ in 1..count {
                    ends.marks &= ends.marks.wrapping_sub(1);
                }
                let end = ends.base + ends.marks.trailing_zeros() as usize;
                ends.marks &= ends.marks.wrapping_sub(1);
                return Some((ends, end));
            }
            count -= here;
            ends.window += 2;
            ends.base += 2 * bits::BLOCK_BYTES;
            if ends.base > row.feed {
                return None;
            }
            let [low, high] = [0, 1].map(|next| row.window(ends.window + next));
            ends.marks = u128::from(low) | u128::from(high) << 64;
        }
    }
}

/// One record under its header.
pub(crate) struct ZeekRecord<'a, R> {
    row: R,
    header: &'a Header,
    columns: &'a Columns,
    /// Time, source and destination, once they have been looked for.
    found: Option<Found>,
}

/// Where fields have been found.
#[derive(Debug, Clone, Copy)]
struct Found {
    ts: (usize, usize),
    src: (usize, usize),
    dst: (usize, usize),
    /// The ends behind the destination.
    ends: FieldEnds,
}

impl<'a, R: Borrow<Row<'a>>> ZeekRecord<'a, R> {
    #[inline]
    fn row(&self) -> &Row<'a> {
        self.row.borrow()
    }

    /// A field, unless it is unset or empty.
    #[inline]
    fn field(&self, at: Option<usize>) -> Option<&'a [u8]> {
        self.set(self.row().field(at?)?)
    }

    #[inline]
    fn set(&self, field: &'a [u8]) -> Option<&'a [u8]> {
        (field != self.header.unset && field != self.header.empty).then_some(field)
    }

    /// Hands over the values of a field that may hold several.
    #[inline]
    fn values(&self, column: Column, field: Option<&'a [u8]>, mut take: impl FnMut(&'a [u8])) {
        let Some(field) = field.and_then(|field| self.set(field)) else { return };
        if !column.is_list || memchr::memchr(self.header.set_separator, field).is_none() {
            return take(field);
        }
        let values = field.split(|byte| *byte == self.header.set_separator);
        values
            .filter(|value| *value != self.header.unset && *value != self.header.empty)
            .for_each(take);
    }

    #[inline]
    fn address(
        &self,
        at: Option<usize>,
        found: Option<(usize, usize)>,
    ) -> Result<Option<IpAddr>, Reason> {
        if let Some((begin, end)) = found {
            let v4 = v4_within(self.row().block, begin, end).map(IpAddr::V4);
            if let Some(address) = v4.or_else(|| v6_within(self.row().block, begin, end)) {
                return Ok(Some(address));
            }
        }
        let field = self.field(at);
        field.map(|field| parse_address(field).ok_or(Reason::BadAddress)).transpose()
    }

    fn counts(&self, pair: [Option<usize>; 2]) -> Result<Option<u64>, Reason> {
        let [one, other] = pair.map(|at| {
            self.field(at).map(|field| parse_count(field).ok_or(Reason::BadNumber)).transpose()
        });
        Ok(sum(one?, other?))
    }

    fn port(&self, at: Option<usize>) -> Result<Option<u16>, Reason> {
        self.field(at).map(|field| parse_port(field).ok_or(Reason::BadNumber)).transpose()
    }

    fn time(&self) -> Result<i64, Reason> {
        if let Some(Found { ts: (begin, end), .. }) = self.found
            && let Some(ts_us) = self.row().block.get(begin..end).and_then(parse_seconds_us)
        {
            return Ok(ts_us);
        }
        let field = self.field(self.columns.ts).ok_or(Reason::BadTime)?;
        parse_seconds_us(field).or_else(|| parse_time_us(field)).ok_or(Reason::BadTime)
    }
}

impl<'a, R: Borrow<Row<'a>>> View for ZeekRecord<'a, R> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once a record")]
    fn plain(&mut self) -> Option<Plain> {
        let Row { block, begin, end: line_end, .. } = *self.row();
        let [ts, src, dst] = self.columns.plain.filter(|_| self.header.is_plain)?;
        let row = self.row();
        let mut ends = row.ends();
        let mut begin = begin;
        let mut next = |count: usize| {
            if count > 0 {
                begin = ends.pass(row, count)? + 1;
            }
            let end = ends.pass(row, 1)?;
            Some((std::mem::replace(&mut begin, end + 1), end.min(line_end)))
        };
        let (ts, src, dst) = (next(ts)?, next(src)?, next(dst)?);
        self.found = Some(Found { ts, src, dst, ends });
        Some(Plain {
            src: v4_within(block, src.0, src.1)?,
            dst: v4_within(block, dst.0, dst.1)?,
            ts_us: parse_seconds_us(block.get(ts.0..ts.1)?)?,
        })
    }

    #[inline]
    fn ends(&mut self) -> Result<Option<Ends>, Reason> {
        let mut src = self.address(self.columns.src, self.found.map(|found| found.src))?;
        let mut dst = self.address(self.columns.dst, self.found.map(|found| found.dst))?;
        if src.is_none() && dst.is_none() {
            let mut is_bad = false;
            for column in &self.columns.addresses {
                self.values(*column, self.row().field(column.at), |value| {
                    let address = parse_address(value);
                    is_bad |= address.is_none();
                    if src.is_none() {
                        src = address;
                    } else if dst.is_none() && src != address {
                        dst = address;
                    }
                });
            }
            if is_bad {
                return Err(Reason::BadAddress);
            }
        }
        if src.is_none() && dst.is_none() {
            return Ok(None);
        }
        Ok(Some(Ends { ts_us: self.time()?, src, dst }))
    }

    #[inline]
    fn shows_more(&self) -> bool {
        !self.columns.shown.is_empty()
    }

    #[inline]
    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason> {
        if self.shows_more() { self.show_all(look) } else { Ok(()) }
    }

    fn detail(&self) -> Result<Detail, Reason> {
        let columns = self.columns;
        let proto = self.field(columns.proto).and_then(|field| std::str::from_utf8(field).ok());
        let proto = proto.and_then(Protocol::from_name);
        let duration_us = self.field(columns.duration).and_then(parse_seconds_us);
        let ts_us = self.time()?;
        // What cannot be read of these is absent; the record is not lost for it.
        let counts = |pair| self.counts(pair).unwrap_or_default();
        let port = |at| self.port(at).unwrap_or_default();
        let wire_bytes = counts(columns.wire_bytes);
        let (mut src_port, mut dst_port) = (port(columns.src_port), port(columns.dst_port));
        if proto.is_some_and(Protocol::has_no_ports) {
            (src_port, dst_port) = (None, None);
        }
        Ok(Detail {
            src_port,
            dst_port,
            proto,
            bytes: if wire_bytes.is_some() { wire_bytes } else { counts(columns.payload_bytes) },
            packets: counts(columns.packets),
            flow_start_us: duration_us.map(|_| ts_us),
            flow_end_us: duration_us.map(|duration_us| ts_us.saturating_add(duration_us)),
        })
    }
}

impl<'a, R: Borrow<Row<'a>>> ZeekRecord<'a, R> {
    fn show_all(&self, look: &mut Look<'_>) -> Result<(), Reason> {
        let Row { block, end: line_end, .. } = *self.row();
        let mut is_bad = false;
        let row = self.row();
        let (mut ends, mut begin, mut behind) = match (&self.found, self.columns.shown_behind) {
            (Some(found), Some(passed)) => (found.ends, found.dst.1 + 1, Some(passed)),
            _ => (row.ends(), row.begin, None),
        };
        for Shown { field, column, passed } in &self.columns.shown {
            let passed = behind.take().unwrap_or(*passed);
            ends.slide(row);
            if passed > 0 {
                let Some(end) = ends.pass(row, passed) else { break };
                begin = end + 1;
            }
            let Some(end) = ends.pass(row, 1) else { break };
            let (from, to) = (std::mem::replace(&mut begin, end + 1), end.min(line_end));
            if *field == Field::DnsName
                && self.header.is_plain
                && let Some(address) = v4_within(block, from, to)
            {
                look.dns_address(address);
                continue;
            }
            self.values(*column, block.get(from..to), |value| {
                // Addresses are not escaped: one that seems to be is none.
                let is_as_it_stands = *field == Field::Address
                    || !self.row().has_escapes
                    || memchr::memchr(b'\\', value).is_none();
                if is_as_it_stands {
                    is_bad |= !self.show(*field, value, look);
                } else {
                    let mut plain = Vec::with_capacity(value.len());
                    unescape(value, &mut plain);
                    is_bad |= !self.show(*field, &plain, look);
                }
            });
        }
        if is_bad { Err(Reason::BadAddress) } else { Ok(()) }
    }

    /// `false`: it is none of what the column holds.
    #[inline]
    fn show(&self, field: Field, value: &[u8], look: &mut Look<'_>) -> bool {
        match field {
            Field::Address => match parse_address(value) {
                Some(address) => look.address(address),
                None => return false,
            },
            Field::DnsName => look.dns_name(value),
            Field::TlsName => look.tls_name(value),
            Field::HttpHost => {
                look.http_host(value);
                if let Some(path) = self.field(self.columns.uri) {
                    look.url(value, path);
                }
            }
            Field::File => look.file(value),
            Field::Certificate => look.certificate(value),
            Field::Fingerprint(which) => look.fingerprint(which, value),
            Field::Email => look.email(value),
        }
        true
    }
}

/// Resolves `\xHH`, Zeek's way to write bytes that would disturb the table.
fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut rest = text;
    loop {
        match rest {
            [b'\\', b'x', high, low, after @ ..]
                if let (Some(high), Some(low)) = (digit(*high), digit(*low)) =>
            {
                out.push(high << 4 | low);
                rest = after;
            }
            [byte, after @ ..] => {
                out.push(*byte);
                rest = after;
            }
            [] => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy as _;

    use super::*;
    use crate::index::SelectorIndex;
    use crate::mode::Mode;
    use crate::selector::parse_list;
    use crate::switches::Switches;
    use crate::view::Goal;

    const CONN: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n\
        #path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\
        \torig_bytes\tresp_bytes\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n\
        #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tinterval\tcount\tcount\tcount\tcount\tcount\tcount";

    fn header(text: &str) -> Header {
        let mut header = Header::default();
        text.lines().for_each(|line| header.directive(line.as_bytes()));
        header
    }

    fn rows<'a>(block: &'a [u8], header: &Header) -> Vec<Row<'a>> {
        let (mut all, mut row) = (Rows::new(block, header), Row::default());
        std::iter::from_fn(|| all.next(&mut row).then_some(row)).collect()
    }

    /// Asks something of the one record of a line.
    fn with<T>(
        header: &Header,
        line: &[u8],
        ask: impl FnOnce(Result<ZeekRecord<'_, Row<'_>>, Reason>) -> T,
    ) -> T {
        let rows = rows(line, header);
        assert_eq!(rows.len(), 1);
        ask(header.view(rows[0]))
    }

    fn ends(header: &Header, line: &[u8]) -> Result<Option<Ends>, Reason> {
        with(header, line, |record| record.unwrap().ends())
    }

    fn detail(header: &Header, line: &[u8]) -> Result<Detail, Reason> {
        with(header, line, |record| record.unwrap().detail())
    }

    fn refusal(header: &Header, line: &[u8]) -> Option<Reason> {
        with(header, line, |record| record.err())
    }

    #[test]
    fn a_connection_is_read() {
        let header = header(CONN);
        let line = b"10.5\tC1\t192.0.2.1\t4000\t203.0.113.5\t443\ttcp\t2.25\t7\t8\t3\t100\t4\t200";
        let ends = ends(&header, line).unwrap().unwrap();
        assert_eq!(ends.ts_us, 10_500_000);
        assert_eq!(ends.src, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(ends.dst, Some("203.0.113.5".parse().unwrap()));
        let expected = Detail {
            src_port: Some(4000),
            dst_port: Some(443),
            proto: Some(Protocol::TCP),
            bytes: Some(300),
            packets: Some(7),
            flow_start_us: Some(10_500_000),
            flow_end_us: Some(12_750_000),
        };
        assert_eq!(detail(&header, line), Ok(expected));
    }

    #[test]
    fn unset_fields_are_absent_and_control_messages_have_no_ports() {
        let header = header(CONN);
        let line = b"10\tC1\t192.0.2.1\t8\t203.0.113.5\t0\ticmp\t-\t-\t-\t1\t-\t-\t-";
        let detail = detail(&header, line).unwrap();
        let expected =
            Detail { proto: Some(Protocol::ICMP), packets: Some(1), ..Detail::default() };
        assert_eq!(detail, expected);
    }

    #[test]
    fn a_record_must_have_the_fields_of_its_header() {
        assert_eq!(refusal(&header(""), b"1\t2"), Some(Reason::NoHeader));
        assert_eq!(refusal(&header(CONN), b"10.5\tC1\t192.0.2.1"), Some(Reason::FieldCount));
        let long = ["x"; 15].join("\t");
        assert_eq!(refusal(&header(CONN), long.as_bytes()), Some(Reason::FieldCount));
        let torn = refusal(&header("#fields\tts\thost\n#types\ttime"), b"1\t2");
        assert_eq!(torn, Some(Reason::BadHeader));
    }

    #[test]
    fn addresses_of_other_logs_are_found_by_their_type() {
        let header = header(
            "#fields\tts\ttx_hosts\trx_hosts\tsha1\n#types\ttime\tset[addr]\tset[addr]\tstring",
        );
        let both = ends(&header, b"1\t192.0.2.1,192.0.2.2\t2001:db8::1\tx").unwrap().unwrap();
        assert_eq!(
            (both.src, both.dst),
            (Some("192.0.2.1".parse().unwrap()), Some("192.0.2.2".parse().unwrap()))
        );
        assert_eq!(ends(&header, b"1\t(empty)\t-\tx"), Ok(None));
        assert_eq!(ends(&header, b"1\tx\t-\tx"), Err(Reason::BadAddress));
        assert_eq!(ends(&header, b"-\t192.0.2.1\t-\tx"), Err(Reason::BadTime));
        assert_eq!(ends(&header, b"1\t\\x3192.0.2.1\t-\tx"), Err(Reason::BadAddress));
    }

    proptest::proptest! {
        #[test]
        fn fields_are_those_of_a_loop(
            block in "([ab]{0,3}[\t\n\r|]){0,120}[ab\t]{0,70}|([a-z]{0,90}[\t\n|]){0,40}|\t{0,700}\n?",
            separator in proptest::sample::select(b"\t|a\r\n\0".to_vec()),
        ) {
            let header = Header { separator, ..Header::default() };
            let lines: Vec<&str> = block.split_inclusive('\n').map(|line| line.strip_suffix('\n').unwrap_or(line)).collect();
            let rows = rows(block.as_bytes(), &header);
            proptest::prop_assert_eq!(rows.len(), lines.len());
            for (row, whole) in rows.iter().zip(lines) {
                let line = whole.strip_suffix('\r').unwrap_or(whole);
                proptest::prop_assert_eq!(&block.as_bytes()[row.begin..row.end], line.as_bytes());
                // A carriage return that is the separator ends a field and is none of the line.
                let ends: Vec<usize> = (0..whole.len()).filter(|at| whole.as_bytes()[*at] == separator).chain([whole.len()]).collect();
                proptest::prop_assert_eq!(row.fields, ends.len());
                let mut begin = 0;
                for (at, end) in ends.iter().enumerate() {
                    let expected = line.as_bytes().get(begin..(*end).min(line.len()));
                    proptest::prop_assert_eq!(row.field(at), expected, "{} of {:?}", at, line);
                    begin = end + 1;
                }
                proptest::prop_assert_eq!(row.field(ends.len()), None);
                let again = Rows::new(block.as_bytes(), &header).row_at(row.begin).unwrap();
                proptest::prop_assert_eq!((again.end, again.fields), (row.end, row.fields));
            }
        }
    }

    /// The hashes of what a record shows, sorted, or why it does not.
    fn shown<'a>(
        header: &'a Header,
        row: Row<'a>,
        show: impl FnOnce(ZeekRecord<'a, Row<'a>>, &mut Look<'_>) -> Result<(), Reason>,
    ) -> Result<Vec<u64>, Reason> {
        let (selectors, _) = parse_list(b"u.example/a\n198.51.100.0/24\n2001:db8:1::/48\n");
        let index = SelectorIndex::build(selectors).unwrap();
        let (mut hashes, mut scratch) = (Vec::new(), Vec::new());
        let mut look = Look {
            lookup: &index.lookup(),
            switches: Switches { url_paths: true, ..Switches::of_mode(Mode::OwnNetwork) },
            email_key: None,
            goal: Goal::Hashes(&mut hashes),
            scratch: &mut scratch,
        };
        show(header.view(row)?, &mut look)?;
        hashes.sort_unstable();
        Ok(hashes)
    }

    /// Field by field, without anything that was found before.
    fn show_plainly(record: &ZeekRecord<'_, Row<'_>>, look: &mut Look<'_>) -> Result<(), Reason> {
        let (header, row) = (record.header, record.row);
        let line = &row.block[row.begin..row.end];
        let fields: Vec<&[u8]> = line.split(|byte| *byte == header.separator).collect();
        let is_set = |text: &&[u8]| *text != header.unset && *text != header.empty;
        let mut is_good = true;
        for Shown { field, column, .. } in &record.columns.shown {
            let Some(text) = Some(fields[column.at]).filter(is_set) else { continue };
            let values: Vec<&[u8]> = if column.is_list && text.contains(&header.set_separator) {
                text.split(|byte| *byte == header.set_separator).filter(is_set).collect()
            } else {
                vec![text]
            };
            for value in values {
                let mut plain = Vec::new();
                unescape(value, &mut plain);
                let value = if *field == Field::Address { value } else { &plain };
                is_good &= record.show(*field, value, look);
            }
        }
        if is_good { Ok(()) } else { Err(Reason::BadAddress) }
    }

    proptest::proptest! {
        #[test]
        fn a_record_shows_the_same_however_it_is_read(
            columns in proptest::strategy::Just(vec![
                ("ts", "time"), ("uid", "string"), ("id.orig_h", "addr"), ("id.orig_p", "port"), ("id.resp_h", "addr"),
                ("query", "string"), ("answers", "vector[string]"), ("tx_hosts", "set[addr]"), ("host", "string"),
                ("uri", "string"), ("md5", "string"), ("peer", "addr"),
            ]),
            order in proptest::option::of(proptest::strategy::Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle()),
            count in 1_usize..13,
            separator in proptest::sample::select(vec!["\t", "|"]),
            set_separator in proptest::sample::select(vec![",", "."]),
            unset in proptest::sample::select(vec!["-", "10.1.2.3"]),
            values in proptest::collection::vec(proptest::sample::select(vec![
                "1790000000.123456", "1.5", "-", "", "(empty)", "10.1.2.3", "203.0.113.77", "198.51.100.9", "2001:db8:1::1",
                "::ffff:1.2.3.4", "1.2.3", "1.2.3.4.5", "\\x3110.0.0.1", "www.A.example", "b.example,10.2.3.4,-", "u.example",
                "\\x61.example", "/a", "00112233445566778899aabbccddeeff", "10.9.8.7,2001:db8::5", "[::1]:53",
            ]), 36),
            end in proptest::sample::select(vec!["\n", "\r\n", ""]),
            room in 0_usize..80,
        ) {
            let order = order.unwrap_or((0..12).collect());
            let columns: Vec<_> = order.iter().map(|at| columns[*at]).take(count).collect();
            let names: Vec<&str> = columns.iter().map(|column| column.0).collect();
            let kinds: Vec<&str> = columns.iter().map(|column| column.1).collect();
            let header = header(&format!(
                "#separator {separator}\n#set_separator{separator}{set_separator}\n#unset_field{separator}{unset}\n\
                 #fields{separator}{}\n#types{separator}{}", names.join(separator), kinds.join(separator),
            ));
            let lines: Vec<String> = values.chunks(count).filter(|line| line.len() == count).map(|line| line.join(separator)).collect();
            let block = lines.join("\n") + end + &"x".repeat(room);
            for row in rows(block.as_bytes(), &header).into_iter().take(lines.len()) {
                let ends = header.view(row).and_then(|mut record| record.ends());
                let plain = header.view(row).ok().and_then(|mut record| record.plain());
                if let Some(Plain { ts_us, src, dst }) = plain {
                    let expected = Ends { ts_us, src: Some(src.into()), dst: Some(dst.into()) };
                    proptest::prop_assert_eq!(ends, Ok(Some(expected)));
                }
                let after = header.view(row).and_then(|mut record| {
                    record.plain();
                    record.ends()
                });
                proptest::prop_assert_eq!(after, ends);
                let expected = shown(&header, row, |record, look| show_plainly(&record, look));
                let alone = shown(&header, row, |record, look| record.look(look));
                let after = shown(&header, row, |mut record, look| {
                    record.plain();
                    record.look(look)
                });
                proptest::prop_assert_eq!(&alone, &expected);
                proptest::prop_assert_eq!(&after, &expected);
            }
        }
    }

    #[test]
    fn escapes_are_resolved() {
        let mut plain = Vec::new();
        unescape(b"a\\x09b\\x5cx41\\xg\\x4", &mut plain);
        assert_eq!(plain, b"a\tb\\x41\\xg\\x4");
    }
}
