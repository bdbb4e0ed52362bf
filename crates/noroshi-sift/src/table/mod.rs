//! Tables of others: CSV and Parquet, by a mapping of columns.
//!
//! A mapping is a text, one line a role:
//!
//! ```text
//! # role = column, with a unit in brackets where a time or a duration has one
//! ts = start (ms)
//! src = source address
//! dst = destination address
//! bytes = bytes in + bytes out
//! http_host = host
//! tls_name = sni
//! ```
//!
//! | role | what | columns |
//! |---|---|---|
//! | `ts` | when; a number without a unit is taken for s, ms, µs or ns by its size, a text may be RFC 3339 | one, needed |
//! | `src`, `dst` | the ends | one each, one of them needed |
//! | `src_port`, `dst_port`, `proto` | | one each |
//! | `bytes`, `packets` | | one, or several with `+` |
//! | `duration`, `end` | how long, or until when | one each |
//! | `dns_name`, `tls_name`, `http_host` | names looked for, each where its legal switch is on; an address as a `dns_name` is a further address | any number, with `,` |
//! | `address` | further addresses looked for | any number, with `,` |
//!
//! Without a mapping, columns named as Zeek, EVE, or common exports name them are taken. A cell that is
//! empty, `-`, `(empty)`, `null` or `NaN` is absent; so is a port, a counter, a duration or an end that cannot be read.

pub(crate) mod csv;
mod parquet;

use std::net::IpAddr;
use std::str::FromStr;

use noroshi_evidence::mechanical::Protocol;

use crate::flow::Field;
use crate::problem::Reason;
use crate::text::{parse_address, parse_count, parse_port, parse_seconds_us, parse_time_us};
use crate::view::{Detail, Ends, Look, View};

/// The longest text of a mapping, in bytes.
pub const MAPPING_BYTES_MAX: usize = 64 << 10;
/// How many columns a table may have.
pub const COLUMNS_MAX: usize = 4_096;
/// How many columns one role may name.
const COLUMNS_PER_ROLE_MAX: usize = 32;

/// What a number of time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Thousandths.
    Milliseconds,
    /// Millionths.
    Microseconds,
    /// Thousand-millionths.
    Nanoseconds,
}

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Ts,
    Src,
    Dst,
    SrcPort,
    DstPort,
    Proto,
    Bytes,
    Packets,
    Duration,
    End,
    Name(Field),
    Address,
}

impl Role {
    const ALL: [(&'static str, Self); 14] = [
        ("ts", Self::Ts),
        ("src", Self::Src),
        ("dst", Self::Dst),
        ("src_port", Self::SrcPort),
        ("dst_port", Self::DstPort),
        ("proto", Self::Proto),
        ("bytes", Self::Bytes),
        ("packets", Self::Packets),
        ("duration", Self::Duration),
        ("end", Self::End),
        ("dns_name", Self::Name(Field::Dns)),
        ("tls_name", Self::Name(Field::Tls)),
        ("http_host", Self::Name(Field::Http)),
        ("address", Self::Address),
    ];

    const fn is_time(self) -> bool {
        matches!(self, Self::Ts | Self::Duration | Self::End)
    }

    const fn separator(self) -> Option<char> {
        match self {
            Self::Bytes | Self::Packets => Some('+'),
            Self::Name(_) | Self::Address => Some(','),
            _ => None,
        }
    }
}

/// Which columns are what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping(Vec<(Role, String, Option<Unit>)>);

/// Why a text is not a mapping. The line counts from one; zero is the text as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: {} (line {line})", reason.code(), reason.words())]
pub struct NotAMapping {
    /// Where.
    pub line: usize,
    /// Why.
    pub reason: MappingReason,
}

/// What is wrong with a line of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MappingReason {
    /// More than [`MAPPING_BYTES_MAX`], or too many columns for a role.
    TooLong,
    /// Not `role = column`, or a role that is not known.
    UnknownRole,
    /// A unit that is not known, or one where there is none.
    UnknownUnit,
    /// A role that has one column stands twice.
    Twice,
    /// No time, or neither end.
    Missing,
}

impl MappingReason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "NRS-SIFT-0140",
            Self::UnknownRole => "NRS-SIFT-0141",
            Self::UnknownUnit => "NRS-SIFT-0142",
            Self::Twice => "NRS-SIFT-0143",
            Self::Missing => "NRS-SIFT-0144",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::TooLong => "mapping is longer than the limit",
            Self::UnknownRole => "line is not `role = column` of a known role",
            Self::UnknownUnit => "unit is not s, ms, us or ns of a time",
            Self::Twice => "role has more than one column",
            Self::Missing => "mapping needs `ts` and one of `src` and `dst`",
        }
    }
}

impl FromStr for Mapping {
    type Err = NotAMapping;

    fn from_str(text: &str) -> Result<Self, NotAMapping> {
        let at = |line, reason| NotAMapping { line, reason };
        if text.len() > MAPPING_BYTES_MAX {
            return Err(at(0, MappingReason::TooLong));
        }
        let mut columns: Vec<(Role, String, Option<Unit>)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = number + 1;
            let parsed = parse_line(line).map_err(|reason| at(number, reason))?;
            let is_single = |role: Role| role.separator().is_none();
            if parsed.iter().any(|(role, ..)| {
                is_single(*role) && columns.iter().any(|(known, ..)| known == role)
            }) {
                return Err(at(number, MappingReason::Twice));
            }
            columns.extend(parsed);
        }
        let has = |wanted: Role| columns.iter().any(|(role, ..)| *role == wanted);
        if has(Role::Ts) && (has(Role::Src) || has(Role::Dst)) {
            Ok(Self(columns))
        } else {
            Err(at(0, MappingReason::Missing))
        }
    }
}

fn parse_line(line: &str) -> Result<Vec<(Role, String, Option<Unit>)>, MappingReason> {
    let (role, columns) = line.split_once('=').ok_or(MappingReason::UnknownRole)?;
    let role = Role::ALL.into_iter().find(|(name, _)| *name == role.trim());
    let (_, role) = role.ok_or(MappingReason::UnknownRole)?;
    let columns: Vec<&str> = match role.separator() {
        Some(separator) => columns.split(separator).map(str::trim).collect(),
        None => vec![columns.trim()],
    };
    if columns.len() > COLUMNS_PER_ROLE_MAX {
        return Err(MappingReason::TooLong);
    }
    let mut parsed = Vec::new();
    for column in columns {
        let (column, unit) = match column.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
            Some((column, unit)) if role.is_time() => {
                let unit = match unit.trim() {
                    "s" => Unit::Seconds,
                    "ms" => Unit::Milliseconds,
                    "us" | "µs" => Unit::Microseconds,
                    "ns" => Unit::Nanoseconds,
                    _ => return Err(MappingReason::UnknownUnit),
                };
                (column.trim(), Some(unit))
            }
            _ => (column, None),
        };
        if column.is_empty() {
            return Err(MappingReason::UnknownRole);
        }
        parsed.push((role, column.to_owned(), unit));
    }
    Ok(parsed)
}

/// The names under which columns are known without a mapping, the preferred ones first.
const KNOWN: [(Role, &[&str]); 10] = [
    (
        Role::Ts,
        &[
            "ts",
            "timestamp",
            "time",
            "flow_start",
            "start_time",
            "starttime",
            "stime",
            "first",
            "datetime",
        ],
    ),
    (
        Role::Src,
        &[
            "id.orig_h",
            "id_orig_h",
            "orig_h",
            "src_ip",
            "srcip",
            "src_addr",
            "srcaddr",
            "source_ip",
            "sourceip",
            "src",
            "sa",
            "saddr",
            "source",
        ],
    ),
    (
        Role::Dst,
        &[
            "id.resp_h",
            "id_resp_h",
            "resp_h",
            "dst_ip",
            "dest_ip",
            "dstip",
            "dst_addr",
            "dstaddr",
            "destination_ip",
            "dst",
            "da",
            "daddr",
            "destination",
        ],
    ),
    (
        Role::SrcPort,
        &["id.orig_p", "id_orig_p", "orig_p", "src_port", "srcport", "source_port", "sp", "sport"],
    ),
    (
        Role::DstPort,
        &[
            "id.resp_p",
            "id_resp_p",
            "resp_p",
            "dst_port",
            "dest_port",
            "dstport",
            "destination_port",
            "dp",
            "dport",
        ],
    ),
    (Role::Proto, &["proto", "protocol", "pr"]),
    (Role::Bytes, &["bytes", "octets", "tot_bytes", "totbytes"]),
    (Role::Packets, &["packets", "pkts", "tot_pkts", "totpkts"]),
    (Role::Duration, &["duration", "dur"]),
    (Role::End, &["flow_end", "end_time", "endtime", "ltime", "last"]),
];
/// The counters of two directions, where there is none for both.
const SIDES: [(Role, [&str; 2]); 6] = [
    (Role::Bytes, ["orig_ip_bytes", "resp_ip_bytes"]),
    (Role::Bytes, ["orig_bytes", "resp_bytes"]),
    (Role::Bytes, ["src_bytes", "dst_bytes"]),
    (Role::Packets, ["orig_pkts", "resp_pkts"]),
    (Role::Packets, ["src_pkts", "dst_pkts"]),
    (Role::Packets, ["fwd_pkts", "bwd_pkts"]),
];
/// Every one of these is looked at, where its legal switch is on.
const NAMES: [(Field, &str); 7] = [
    (Field::Dns, "query"),
    (Field::Dns, "rrname"),
    (Field::Dns, "domain"),
    (Field::Http, "host"),
    (Field::Http, "hostname"),
    (Field::Tls, "server_name"),
    (Field::Tls, "sni"),
];

/// Where the columns of a role stand in a table at hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The number of columns.
    pub(crate) count: usize,
    ts: Option<(usize, Option<Unit>)>,
    src: Option<usize>,
    dst: Option<usize>,
    src_port: Option<usize>,
    dst_port: Option<usize>,
    proto: Option<usize>,
    bytes: Vec<usize>,
    packets: Vec<usize>,
    duration: Option<(usize, Option<Unit>)>,
    end: Option<(usize, Option<Unit>)>,
    names: Vec<(Field, usize)>,
    addresses: Vec<usize>,
}

impl Layout {
    /// Finds the columns by the mapping, or by their names. `None` where needed ones are missing.
    pub(crate) fn of(names: &[&str], mapping: Option<&Mapping>) -> Option<Self> {
        let mut layout = Self { count: names.len(), ..Self::default() };
        if names.len() > COLUMNS_MAX {
            return None;
        }
        match mapping {
            Some(Mapping(columns)) => {
                for (role, column, unit) in columns {
                    let at = names.iter().position(|name| name.trim() == column)?;
                    layout.place(*role, at, *unit);
                }
            }
            None => layout.place_known(names),
        }
        let has_end = layout.src.is_some() || layout.dst.is_some();
        (layout.ts.is_some() && has_end).then_some(layout)
    }

    fn place_known(&mut self, names: &[&str]) {
        let find =
            |wanted: &str| names.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted));
        for (role, known) in KNOWN {
            if let Some(at) = known.iter().find_map(|name| find(name)) {
                self.place(role, at, None);
            }
        }
        for (role, sides) in SIDES {
            let is_placed = match role {
                Role::Bytes => !self.bytes.is_empty(),
                _ => !self.packets.is_empty(),
            };
            if let ([Some(one), Some(other)], false) = (sides.map(find), is_placed) {
                self.place(role, one, None);
                self.place(role, other, None);
            }
        }
        for (field, name) in NAMES {
            if let Some(at) = find(name) {
                self.place(Role::Name(field), at, None);
            }
        }
    }

    fn place(&mut self, role: Role, at: usize, unit: Option<Unit>) {
        match role {
            Role::Ts => self.ts = Some((at, unit)),
            Role::Duration => self.duration = Some((at, unit)),
            Role::End => self.end = Some((at, unit)),
            Role::Src => self.src = Some(at),
            Role::Dst => self.dst = Some(at),
            Role::SrcPort => self.src_port = Some(at),
            Role::DstPort => self.dst_port = Some(at),
            Role::Proto => self.proto = Some(at),
            Role::Bytes => self.bytes.push(at),
            Role::Packets => self.packets.push(at),
            Role::Name(field) => self.names.push((field, at)),
            Role::Address => self.addresses.push(at),
        }
    }

    /// The columns that are looked at, each once, in their order.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let times = [self.ts, self.duration, self.end].into_iter().flatten().map(|(at, _)| at);
        let single = [self.src, self.dst, self.src_port, self.dst_port, self.proto];
        let lists = [&self.bytes, &self.packets, &self.addresses];
        let mut columns: Vec<usize> = times
            .chain(single.into_iter().flatten())
            .chain(lists.into_iter().flatten().copied())
            .chain(self.names.iter().map(|(_, at)| *at))
            .collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// One cell.
///
/// INVARIANT: no `Debug`; a cell may be content.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'a> {
    Absent,
    Text(&'a [u8]),
    Int(i64),
    Real(f64),
    /// Microseconds since the epoch.
    Time(i64),
}

/// Gives the cells of one row.
pub(crate) trait Cells {
    fn cell(&self, column: usize) -> Cell<'_>;
}

/// One row under its layout.
pub(crate) struct Row<'a, C> {
    pub(crate) layout: &'a Layout,
    pub(crate) cells: C,
}

impl<C: Cells> Row<'_, C> {
    fn cell(&self, at: Option<usize>) -> Cell<'_> {
        match at.map_or(Cell::Absent, |at| self.cells.cell(at)) {
            Cell::Text(text) => {
                let text = text.trim_ascii();
                match text {
                    b"" | b"-" | b"(empty)" => Cell::Absent,
                    text if text.len() <= 4
                        && [&b"null"[..], b"nan", b"none"]
                            .iter()
                            .any(|word| text.eq_ignore_ascii_case(word)) =>
                    {
                        Cell::Absent
                    }
                    text => Cell::Text(text),
                }
            }
            Cell::Real(real) if real.is_nan() => Cell::Absent,
            cell => cell,
        }
    }

    fn address(&self, at: Option<usize>) -> Result<Option<IpAddr>, Reason> {
        match self.cell(at) {
            Cell::Absent => Ok(None),
            Cell::Text(text) => parse_address(text).map(Some).ok_or(Reason::BadAddress),
            _ => Err(Reason::BadAddress),
        }
    }

    fn count(&self, at: Option<usize>) -> Result<Option<u64>, Reason> {
        match self.cell(at) {
            Cell::Absent => Ok(None),
            Cell::Text(text) => parse_count(text).map(Some).ok_or(Reason::BadNumber),
            Cell::Int(int) => u64::try_from(int).map(Some).map_err(|_| Reason::BadNumber),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range has been checked; counters are whole"
            )]
            Cell::Real(real) if (0.0..9.0e15).contains(&real) => Ok(Some(real as u64)),
            Cell::Real(_) | Cell::Time(_) => Err(Reason::BadNumber),
        }
    }

    fn port(&self, at: Option<usize>) -> Result<Option<u16>, Reason> {
        if let Cell::Text(text) = self.cell(at) {
            return parse_port(text).map(Some).ok_or(Reason::BadNumber);
        }
        let count = self.count(at)?;
        count.map(|count| u16::try_from(count).map_err(|_| Reason::BadNumber)).transpose()
    }

    fn sum(&self, columns: &[usize]) -> Result<Option<u64>, Reason> {
        let mut sum = None;
        for at in columns {
            sum = crate::view::sum(sum, self.count(Some(*at))?);
        }
        Ok(sum)
    }

    /// A time or a duration in microseconds.
    fn time(
        &self,
        (at, unit): (usize, Option<Unit>),
        is_duration: bool,
    ) -> Result<Option<i64>, Reason> {
        let wrong = if is_duration { Reason::BadNumber } else { Reason::BadTime };
        let us = match self.cell(Some(at)) {
            Cell::Absent => return Ok(None),
            Cell::Time(us) => Some(us),
            Cell::Int(int) => scaled(int, unit, is_duration),
            Cell::Real(real) => scaled_real(real, unit, is_duration),
            Cell::Text(text) => match (parse_whole(text), unit) {
                (Some(int), _) => scaled(int, unit, is_duration),
                (None, None | Some(Unit::Seconds)) => {
                    parse_seconds_us(text).or_else(|| parse_time_us(text))
                }
                (None, Some(_)) => std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .and_then(|real| scaled_real(real, unit, is_duration)),
            },
        };
        us.map(Some).ok_or(wrong)
    }
}

fn parse_whole(text: &[u8]) -> Option<i64> {
    parse_count(text).and_then(|count| i64::try_from(count).ok())
}

/// Microseconds of a whole number. Without a unit its size decides; before 1973 that is not clear.
fn scaled(int: i64, unit: Option<Unit>, is_duration: bool) -> Option<i64> {
    let unit = unit.unwrap_or(match int {
        _ if is_duration => Unit::Seconds,
        100_000_000_000_000_000.. => Unit::Nanoseconds,
        100_000_000_000_000.. => Unit::Microseconds,
        100_000_000_000.. => Unit::Milliseconds,
        _ => Unit::Seconds,
    });
    match unit {
        Unit::Seconds => int.checked_mul(1_000_000),
        Unit::Milliseconds => int.checked_mul(1_000),
        Unit::Microseconds => Some(int),
        Unit::Nanoseconds => Some(int / 1_000),
    }
}

fn scaled_real(real: f64, unit: Option<Unit>, is_duration: bool) -> Option<i64> {
    let unit = unit.unwrap_or(match real {
        _ if is_duration => Unit::Seconds,
        1.0e17.. => Unit::Nanoseconds,
        1.0e14.. => Unit::Microseconds,
        1.0e11.. => Unit::Milliseconds,
        _ => Unit::Seconds,
    });
    let us = match unit {
        Unit::Seconds => real * 1.0e6,
        Unit::Milliseconds => real * 1.0e3,
        Unit::Microseconds => real,
        Unit::Nanoseconds => real / 1.0e3,
    };
    #[expect(clippy::cast_possible_truncation, reason = "the range has been checked")]
    (0.0..=2.5e17).contains(&us).then(|| us.round() as i64)
}

impl<C: Cells> View for Row<'_, C> {
    fn ends(&mut self) -> Result<Option<Ends>, Reason> {
        let (src, dst) = (self.address(self.layout.src)?, self.address(self.layout.dst)?);
        if src.is_none() && dst.is_none() {
            return Ok(None);
        }
        let time = self.layout.ts.map(|ts| self.time(ts, false)).transpose()?.flatten();
        Ok(Some(Ends { ts_us: time.ok_or(Reason::BadTime)?, src, dst }))
    }

    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason> {
        for at in &self.layout.addresses {
            if let Some(address) = self.address(Some(*at))? {
                look.address(address);
            }
        }
        for (field, at) in &self.layout.names {
            if let Cell::Text(name) = self.cell(Some(*at)) {
                field.show(name, look);
            }
        }
        Ok(())
    }

    fn detail(&self) -> Result<Detail, Reason> {
        let layout = self.layout;
        let proto = match self.cell(layout.proto) {
            Cell::Text(text) => std::str::from_utf8(text).ok().and_then(Protocol::from_name),
            Cell::Int(int) => u8::try_from(int).ok().map(Protocol),
            _ => None,
        };
        // What cannot be read of these is absent; the record is not lost for it.
        let port = |at| self.port(at).unwrap_or_default();
        let (mut src_port, mut dst_port) = (port(layout.src_port), port(layout.dst_port));
        if proto.is_some_and(Protocol::has_no_ports) {
            (src_port, dst_port) = (None, None);
        }
        let start_us = layout.ts.map(|ts| self.time(ts, false)).transpose()?.flatten();
        let duration = layout.duration.and_then(|at| self.time(at, true).unwrap_or_default());
        let end = layout.end.and_then(|at| self.time(at, false).unwrap_or_default());
        let end_us = end.or_else(|| start_us?.checked_add(duration?));
        Ok(Detail {
            src_port,
            dst_port,
            proto,
            bytes: self.sum(&layout.bytes).unwrap_or_default(),
            packets: self.sum(&layout.packets).unwrap_or_default(),
            flow_start_us: end_us.and(start_us),
            flow_end_us: end_us,
        })
    }
}
