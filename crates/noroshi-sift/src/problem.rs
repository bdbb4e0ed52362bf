//! What was wrong with a record, without a byte of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many problems are kept in full; the rest is counted.
pub const PROBLEMS_MAX: usize = 1_000;

/// Why a record was not read. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Longer than the limit for a line; passed over without being held.
    TooLong,
    /// Nested deeper than the limit.
    TooDeep,
    /// The input ended or failed inside the record.
    Interrupted,
    /// Nothing that is known.
    UnknownFormat,
    /// A Zeek record before any `#fields` line.
    NoHeader,
    /// A Zeek record under a header that makes no sense.
    BadHeader,
    /// More or fewer fields than the header names; a truncated record is one of these.
    FieldCount,
    /// Not JSON (RFC 8259).
    BadJson,
    /// Not UTF-8.
    BadUtf8,
    /// A member that decides where the record belongs stands twice.
    DuplicateMember,
    /// More members with addresses than the limit.
    TooManyAddresses,
    /// An address field that is not an address.
    BadAddress,
    /// No time, or not a time.
    BadTime,
    /// A port, a counter or a duration that is not a number. The record is kept without it now; reports of before have
    /// this reason.
    BadNumber,
    /// A frame of a link type that is not known.
    UnknownLink,
    /// A frame whose headers are cut off or contradict each other.
    BadPacket,
    /// A file of packets that goes on as nonsense.
    BadCapture,
    /// Packed input that is damaged or cut off; what stood before it was read.
    Damaged,
    /// Packed input that unpacks to more than the limit.
    TooDense,
    /// A set of an export whose template has not come; it holds one or more records.
    NoTemplate,
    /// An export that contradicts itself or is cut off.
    BadExport,
    /// A table whose columns are not those of the mapping, or that cannot be read.
    BadTable,
    /// A followed file that went away before it was read to its end.
    Vanished,
}

impl Reason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "NRS-SIFT-0101",
            Self::TooDeep => "NRS-SIFT-0102",
            Self::Interrupted => "NRS-SIFT-0103",
            Self::UnknownFormat => "NRS-SIFT-0104",
            Self::NoHeader => "NRS-SIFT-0105",
            Self::BadHeader => "NRS-SIFT-0106",
            Self::FieldCount => "NRS-SIFT-0107",
            Self::BadJson => "NRS-SIFT-0108",
            Self::BadUtf8 => "NRS-SIFT-0109",
            Self::DuplicateMember => "NRS-SIFT-0110",
            Self::TooManyAddresses => "NRS-SIFT-0111",
            Self::BadAddress => "NRS-SIFT-0112",
            Self::BadTime => "NRS-SIFT-0113",
            Self::BadNumber => "NRS-SIFT-0114",
            Self::UnknownLink => "NRS-SIFT-0130",
            Self::BadPacket => "NRS-SIFT-0131",
            Self::BadCapture => "NRS-SIFT-0132",
            Self::Damaged => "NRS-SIFT-0133",
            Self::TooDense => "NRS-SIFT-0134",
            Self::NoTemplate => "NRS-SIFT-0135",
            Self::BadExport => "NRS-SIFT-0136",
            Self::BadTable => "NRS-SIFT-0137",
            Self::Vanished => "NRS-SIFT-0138",
        }
    }

    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::TooLong => "record is longer than the limit",
            Self::TooDeep => "record is nested deeper than the limit",
            Self::Interrupted => "input ended or failed inside the record",
            Self::UnknownFormat => "record is of no known format",
            Self::NoHeader => "record stands before any `#fields` line",
            Self::BadHeader => "header above the record makes no sense",
            Self::FieldCount => "record has more or fewer fields than its header",
            Self::BadJson => "record is not JSON",
            Self::BadUtf8 => "record is not UTF-8",
            Self::DuplicateMember => "record has a deciding member twice",
            Self::TooManyAddresses => "record has more address members than the limit",
            Self::BadAddress => "address field is not an address",
            Self::BadTime => "time is absent or not a time",
            Self::BadNumber => "port, counter or duration is not a number",
            Self::UnknownLink => "frame has a link type that is not known",
            Self::BadPacket => "headers of the frame are cut off or contradict each other",
            Self::BadCapture => "file of packets goes on as nonsense",
            Self::Damaged => "packed input is damaged or cut off",
            Self::TooDense => "packed input unpacks to more than the limit",
            Self::NoTemplate => "set of the export came before its template",
            Self::BadExport => "export contradicts itself or is cut off",
            Self::BadTable => "table has not the columns of the mapping or cannot be read",
            Self::Vanished => "followed file went away before it was read to its end",
        }
    }
}

/// Where a record could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// The name the caller gave to the input.
    pub source: String,
    /// Bytes from the beginning of the input to the beginning of the record.
    pub offset: u64,
    /// The line, row, packet or datagram, counted from one.
    pub line: u64,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, offset, line, reason } = self;
        write!(
            formatter,
            "{} {source}:{line} at byte `{offset}`: {}",
            reason.code(),
            reason.words()
        )
    }
}

/// The first [`PROBLEMS_MAX`] problems and the number of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problems {
    /// In the order in which they were met.
    pub first: Vec<Problem>,
    /// How many more there were.
    pub omitted: u64,
}

impl Problems {
    pub(crate) fn push(&mut self, source: &str, offset: u64, line: u64, reason: Reason) {
        if self.first.len() < PROBLEMS_MAX {
            self.first.push(Problem { source: source.to_owned(), offset, line, reason });
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }
}
