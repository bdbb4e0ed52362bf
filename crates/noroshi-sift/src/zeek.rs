//! Zeek's tab-separated logs.
//!
//! The `#` lines say what the columns are; they may come again in the middle of a file and hold from there
//! on. A column is looked at because of its name (`ts`, `id.orig_h`, `query`, …) or because its type is
//! `addr`; all the others are skipped over. So are addresses that stand inside a message or a certificate.

use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

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
#[derive(Debug, Default)]
struct Columns {
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
    addresses: Vec<Column>,
    names: Vec<Column>,
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
            b"query" | b"host" | b"server_name" => return self.names.push(Column { at, is_list }),
            b"answers" => return self.names.push(Column { at, is_list: true }),
            _ => return,
        };
        *slot = slot.or(Some(at));
    }
}

/// The header in force, with room for the fields of one record.
pub(crate) struct Header {
    separator: u8,
    set_separator: u8,
    empty: Vec<u8>,
    unset: Vec<u8>,
    names: Vec<Vec<u8>>,
    /// `None` until a `#fields` line has come; an error after one that makes no sense.
    columns: Option<Result<Columns, Reason>>,
    /// The field ends of the record at hand, reused.
    ends: Vec<usize>,
    /// Where the lines begin that say this, and where they end, in a file that is followed.
    stands: Option<(u64, u64)>,
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
            ends: Vec::new(),
            stands: None,
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

    /// Notes from where to where the lines reach that say this.
    pub(crate) fn noted(&mut self, begin: Option<u64>, end: u64) {
        self.stands = begin.map(|begin| (begin, end));
    }

    /// Where the lines end that begin at `begin`.
    pub(crate) fn ends_at(&self, begin: u64) -> Option<u64> {
        self.stands.filter(|(known, _)| *known == begin).map(|(_, end)| end)
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

    /// Splits a record.
    pub(crate) fn view<'a>(&'a mut self, line: &'a [u8]) -> Result<ZeekRecord<'a>, Reason> {
        let columns = match &self.columns {
            Some(Ok(columns)) => columns,
            Some(Err(reason)) => return Err(*reason),
            None => return Err(Reason::NoHeader),
        };
        self.ends.clear();
        // One more than there are columns is enough to see that there are too many.
        self.ends.extend(memchr::memchr_iter(self.separator, line).take(columns.count));
        if self.ends.len() + 1 != columns.count {
            return Err(Reason::FieldCount);
        }
        self.ends.push(line.len());
        Ok(ZeekRecord { line, header: self, columns })
    }
}

/// One record under its header.
pub(crate) struct ZeekRecord<'a> {
    line: &'a [u8],
    header: &'a Header,
    columns: &'a Columns,
}

impl<'a> ZeekRecord<'a> {
    /// A field, unless it is unset or empty.
    #[inline]
    fn field(&self, at: Option<usize>) -> Option<&'a [u8]> {
        let at = at?;
        let end = *self.header.ends.get(at)?;
        let begin = match at.checked_sub(1) {
            Some(before) => self.header.ends.get(before)? + 1,
            None => 0,
        };
        let field = self.line.get(begin..end)?;
        (field != self.header.unset && field != self.header.empty).then_some(field)
    }

    /// The values of a field that may hold several.
    fn values(&self, column: Column) -> impl Iterator<Item = &'a [u8]> {
        let field = self.field(Some(column.at));
        let (separator, is_list) = (self.header.set_separator, column.is_list);
        let values = field
            .into_iter()
            .flat_map(move |field| field.split(move |byte| is_list && *byte == separator));
        let (unset, empty) = (&self.header.unset, &self.header.empty);
        values.filter(move |value| value != unset && value != empty)
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
            for column in &self.columns.addresses {
                for value in self.values(*column) {
                    let address = Some(parse_address(value).ok_or(Reason::BadAddress)?);
                    if src.is_none() {
                        src = address;
                    } else if dst.is_none() && src != address {
                        dst = address;
                    }
                }
            }
        }
        if src.is_none() && dst.is_none() {
            return Ok(None);
        }
        Ok(Some(Ends { ts_us: self.time()?, src, dst }))
    }

    #[inline]
    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason> {
        for column in &self.columns.addresses {
            for value in self.values(*column) {
                look.address(parse_address(value).ok_or(Reason::BadAddress)?);
            }
        }
        for column in &self.columns.names {
            for value in self.values(*column) {
                if memchr::memmem::find(value, b"\\x").is_none() {
                    look.name(value);
                } else {
                    let mut plain = Vec::with_capacity(value.len());
                    unescape(value, &mut plain);
                    look.name(&plain);
                }
            }
        }
        Ok(())
    }

    fn detail(&self) -> Result<Detail, Reason> {
        let columns = self.columns;
        let proto = self.field(columns.proto).and_then(|field| std::str::from_utf8(field).ok());
        let proto = proto.and_then(Protocol::from_name);
        let duration = self.field(columns.duration);
        let duration_us =
            duration.map(|field| parse_seconds_us(field).ok_or(Reason::BadNumber)).transpose()?;
        let ts_us = self.time()?;
        let wire_bytes = self.counts(columns.wire_bytes)?;
        let (mut src_port, mut dst_port) =
            (self.port(columns.src_port)?, self.port(columns.dst_port)?);
        if proto.is_some_and(Protocol::has_no_ports) {
            (src_port, dst_port) = (None, None);
        }
        Ok(Detail {
            src_port,
            dst_port,
            proto,
            bytes: if wire_bytes.is_some() {
                wire_bytes
            } else {
                self.counts(columns.payload_bytes)?
            },
            packets: self.counts(columns.packets)?,
            flow_start_us: duration_us.map(|_| ts_us),
            flow_end_us: duration_us.map(|duration_us| ts_us.saturating_add(duration_us)),
        })
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

    #[test]
    fn a_connection_is_read() {
        let mut header = header(CONN);
        let line = b"10.5\tC1\t192.0.2.1\t4000\t203.0.113.5\t443\ttcp\t2.25\t7\t8\t3\t100\t4\t200";
        let mut record = header.view(line).unwrap();
        let ends = record.ends().unwrap().unwrap();
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
        assert_eq!(record.detail(), Ok(expected));
    }

    #[test]
    fn unset_fields_are_absent_and_control_messages_have_no_ports() {
        let mut header = header(CONN);
        let line = b"10\tC1\t192.0.2.1\t8\t203.0.113.5\t0\ticmp\t-\t-\t-\t1\t-\t-\t-";
        let detail = header.view(line).unwrap().detail().unwrap();
        let expected =
            Detail { proto: Some(Protocol::ICMP), packets: Some(1), ..Detail::default() };
        assert_eq!(detail, expected);
    }

    #[test]
    fn a_record_must_have_the_fields_of_its_header() {
        assert_eq!(header("").view(b"1\t2").err(), Some(Reason::NoHeader));
        assert_eq!(header(CONN).view(b"10.5\tC1\t192.0.2.1").err(), Some(Reason::FieldCount));
        let long = ["x"; 15].join("\t");
        assert_eq!(header(CONN).view(long.as_bytes()).err(), Some(Reason::FieldCount));
        let torn = header("#fields\tts\thost\n#types\ttime").view(b"1\t2").err();
        assert_eq!(torn, Some(Reason::BadHeader));
    }

    #[test]
    fn addresses_of_other_logs_are_found_by_their_type() {
        let mut header = header(
            "#fields\tts\ttx_hosts\trx_hosts\tsha1\n#types\ttime\tset[addr]\tset[addr]\tstring",
        );
        let mut record = header.view(b"1\t192.0.2.1,192.0.2.2\t2001:db8::1\tx").unwrap();
        let ends = record.ends().unwrap().unwrap();
        assert_eq!(
            (ends.src, ends.dst),
            (Some("192.0.2.1".parse().unwrap()), Some("192.0.2.2".parse().unwrap()))
        );
        assert_eq!(header.view(b"1\t(empty)\t-\tx").unwrap().ends(), Ok(None));
        assert_eq!(header.view(b"1\tx\t-\tx").unwrap().ends(), Err(Reason::BadAddress));
        assert_eq!(header.view(b"-\t192.0.2.1\t-\tx").unwrap().ends(), Err(Reason::BadTime));
    }

    #[test]
    fn escapes_are_resolved() {
        let mut plain = Vec::new();
        unescape(b"a\\x09b\\x5cx41\\xg\\x4", &mut plain);
        assert_eq!(plain, b"a\tb\\x41\\xg\\x4");
    }
}
