//! Zeek's tab-separated logs.
//!
//! The `#` lines say what the columns are; they may come again in the middle of a file and hold from there
//! on. A column is looked at because of its name (`ts`, `id.orig_h`, `query`, …) or because its type is
//! `addr`; all the others are skipped over. So are addresses that stand inside a message or a certificate.

use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use crate::bits;
use crate::problem::Reason;
use crate::text::{parse_address, parse_count, parse_port, parse_seconds_us, parse_time_us};
use crate::view::{Detail, Ends, Look, View, sum};

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
    addresses: Vec<Column>,
    others: Vec<(Field, Column)>,
}

/// What a column that is looked at holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
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
            _ if holds_address => return self.addresses.push(Column { at, is_list }),
            b"uri" => &mut self.uri,
            _ => {
                let is_list = is_list || name == b"answers";
                let column = Column { at, is_list };
                return self.others.extend(Field::of(name).map(|field| (field, column)));
            }
        };
        *slot = slot.or(Some(at));
    }
}

/// The header in force.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    separator: u8,
    set_separator: u8,
    empty: Vec<u8>,
    unset: Vec<u8>,
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
        Ok(columns)
    }

    /// Whether records can be read from here on.
    pub(crate) const fn is_known(&self) -> bool {
        self.columns.is_some()
    }

    /// Whether a column is looked at in which bytes may be escaped.
    fn has_texts(&self) -> bool {
        self.columns
            .as_ref()
            .is_some_and(|columns| columns.as_ref().is_ok_and(|columns| !columns.others.is_empty()))
    }

    /// One record out of a block.
    #[inline]
    pub(crate) fn view<'a>(&'a self, row: Row<'a>) -> Result<ZeekRecord<'a>, Reason> {
        let columns = match &self.columns {
            Some(Ok(columns)) => columns,
            Some(Err(reason)) => return Err(*reason),
            None => return Err(Reason::NoHeader),
        };
        if row.ends.len() != columns.count {
            return Err(Reason::FieldCount);
        }
        Ok(ZeekRecord { row, header: self, columns })
    }
}

/// Where the fields of the lines of a block end.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// The place of every separator and line feed; only the first `count` are of this block.
    at: Vec<u32>,
    count: usize,
    /// For each line the number of its line feed among them.
    lines: Vec<u32>,
    /// Whether there is a backslash anywhere, so that values have to be looked through for escapes.
    has_escapes: bool,
}

impl Marks {
    /// Goes through a block. A line without a line feed is as one with it.
    ///
    /// INVARIANT: the block is shorter than 4 GiB.
    pub(crate) fn index(&mut self, block: &[u8], header: &Header) {
        self.index_at(block, header.separator, header.has_texts());
    }

    fn index_at(&mut self, block: &[u8], separator: u8, has_texts: bool) {
        self.count = 0;
        self.lines.clear();
        self.has_escapes = has_texts && memchr::memchr(b'\\', block).is_some();
        // Eight places are written at a time, whether or not so many are there.
        if self.at.len() < block.len() + bits::BLOCK_BYTES + 8 {
            self.at.resize(block.len() + bits::BLOCK_BYTES + 8, 0);
        }
        let (chunks, rest) = block.as_chunks::<{ bits::BLOCK_BYTES }>();
        let mut base = 0;
        for chunk in chunks {
            self.chunk(chunk, separator, base);
            base += 64;
        }
        let mut last = bits::padded(rest);
        if !block.is_empty()
            && block.last() != Some(&b'\n')
            && let Some(end) = last.get_mut(rest.len())
        {
            *end = b'\n';
        }
        // Zeroes behind it are nothing, unless they are the separator.
        if !rest.is_empty() || block.last().is_some_and(|byte| *byte != b'\n') {
            self.chunk(&last, separator, base);
        }
        if let Some(end) = self.lines.last() {
            self.count = *end as usize + 1;
        }
    }

    #[inline]
    fn chunk(&mut self, chunk: &[u8; bits::BLOCK_BYTES], separator: u8, base: u32) {
        let (separators, mut feeds) = bits::equal_either(chunk, separator, b'\n');
        let mut all = separators | feeds;
        while feeds != 0 {
            let before = (feeds & feeds.wrapping_neg()) - 1;
            #[expect(clippy::cast_possible_truncation, reason = "a block has fewer places")]
            self.lines.push(self.count as u32 + (all & before).count_ones());
            feeds &= feeds - 1;
        }
        let found = all.count_ones() as usize;
        let mut at = self.count;
        self.count += found;
        while at < self.count {
            let Some(places) = self.at.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<8>())
            else {
                return;
            };
            for place in places {
                *place = base + (all.trailing_zeros() & 63);
                all &= all.wrapping_sub(1);
            }
            at += 8;
        }
    }

    /// How many lines there are.
    pub(crate) fn lines(&self) -> usize {
        self.lines.len()
    }

    /// A line of the block that was gone through.
    #[inline]
    pub(crate) fn row<'a>(&'a self, block: &'a [u8], line: usize) -> Option<Row<'a>> {
        let last = *self.lines.get(line)? as usize;
        let first = match line.checked_sub(1) {
            Some(before) => *self.lines.get(before)? as usize + 1,
            None => 0,
        };
        let begin = match first.checked_sub(1) {
            Some(before) => *self.at.get(before)? as usize + 1,
            None => 0,
        };
        let ends = self.at.get(first..=last)?;
        let mut end = *ends.last()? as usize;
        if end > begin && block.get(end - 1) == Some(&b'\r') {
            end -= 1;
        }
        Some(Row { block, begin, end, ends, has_escapes: self.has_escapes })
    }
}

/// One line and where its fields end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    block: &'a [u8],
    pub(crate) begin: usize,
    /// Without line feed and carriage return.
    pub(crate) end: usize,
    ends: &'a [u32],
    has_escapes: bool,
}

impl<'a> Row<'a> {
    #[inline]
    fn field(&self, at: usize) -> Option<&'a [u8]> {
        let begin = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize + 1,
            None => self.begin,
        };
        let end = (*self.ends.get(at)? as usize).min(self.end);
        self.block.get(begin..end)
    }
}

/// One record under its header.
pub(crate) struct ZeekRecord<'a> {
    row: Row<'a>,
    header: &'a Header,
    columns: &'a Columns,
}

impl<'a> ZeekRecord<'a> {
    /// A field, unless it is unset or empty.
    #[inline]
    fn field(&self, at: Option<usize>) -> Option<&'a [u8]> {
        let field = self.row.field(at?)?;
        (field != self.header.unset && field != self.header.empty).then_some(field)
    }

    /// Hands over the values of a field that may hold several.
    #[inline]
    fn values(&self, column: Column, mut take: impl FnMut(&'a [u8])) {
        let Some(field) = self.field(Some(column.at)) else { return };
        if !column.is_list || memchr::memchr(self.header.set_separator, field).is_none() {
            return take(field);
        }
        let values = field.split(|byte| *byte == self.header.set_separator);
        values
            .filter(|value| *value != self.header.unset && *value != self.header.empty)
            .for_each(take);
    }

    #[inline]
    fn address(&self, at: Option<usize>) -> Result<Option<IpAddr>, Reason> {
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
        let field = self.field(self.columns.ts).ok_or(Reason::BadTime)?;
        parse_seconds_us(field).or_else(|| parse_time_us(field)).ok_or(Reason::BadTime)
    }
}

impl View for ZeekRecord<'_> {
    #[inline]
    fn ends(&mut self) -> Result<Option<Ends>, Reason> {
        let mut src = self.address(self.columns.src)?;
        let mut dst = self.address(self.columns.dst)?;
        if src.is_none() && dst.is_none() {
            let mut is_bad = false;
            for column in &self.columns.addresses {
                self.values(*column, |value| {
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
    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason> {
        let mut is_bad = false;
        for column in &self.columns.addresses {
            self.values(*column, |value| match parse_address(value) {
                Some(address) => look.address(address),
                None => is_bad = true,
            });
        }
        for (field, column) in &self.columns.others {
            self.values(*column, |value| {
                if !self.row.has_escapes || memchr::memchr(b'\\', value).is_none() {
                    self.show(*field, value, look);
                } else {
                    let mut plain = Vec::with_capacity(value.len());
                    unescape(value, &mut plain);
                    self.show(*field, &plain, look);
                }
            });
        }
        if is_bad { Err(Reason::BadAddress) } else { Ok(()) }
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

impl ZeekRecord<'_> {
    #[inline]
    fn show(&self, field: Field, value: &[u8], look: &mut Look<'_>) {
        match field {
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
    use super::*;

    const CONN: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n\
        #path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\
        \torig_bytes\tresp_bytes\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n\
        #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tinterval\tcount\tcount\tcount\tcount\tcount\tcount";

    fn header(text: &str) -> Header {
        let mut header = Header::default();
        text.lines().for_each(|line| header.directive(line.as_bytes()));
        header
    }

    /// Asks something of the one record of a line.
    fn with<T>(
        header: &Header,
        line: &[u8],
        ask: impl FnOnce(Result<ZeekRecord<'_>, Reason>) -> T,
    ) -> T {
        let mut marks = Marks::default();
        marks.index(line, header);
        assert_eq!(marks.lines(), 1);
        ask(header.view(marks.row(line, 0).unwrap()))
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
    }

    proptest::proptest! {
        #[test]
        fn fields_are_those_of_a_loop(block in "[ab\t\n\r]{0,300}") {
            let mut marks = Marks::default();
            // What an earlier block left behind makes no difference.
            marks.index_at(&[b'\t'; 500], b'\t', true);
            marks.index_at(block.as_bytes(), b'\t', true);
            let lines: Vec<&str> = block.split_inclusive('\n').map(|line| line.strip_suffix('\n').unwrap_or(line)).collect();
            proptest::prop_assert_eq!(marks.lines(), lines.len());
            for (number, line) in lines.iter().enumerate() {
                let row = marks.row(block.as_bytes(), number).unwrap();
                let line = line.strip_suffix('\r').unwrap_or(line);
                proptest::prop_assert_eq!(&block.as_bytes()[row.begin..row.end], line.as_bytes());
                let fields: Vec<&[u8]> = (0..row.ends.len()).map(|at| row.field(at).unwrap()).collect();
                let expected: Vec<&[u8]> = line.split('\t').map(str::as_bytes).collect();
                proptest::prop_assert_eq!(fields, expected);
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
