//! Stored rows as communications, for hunts that ask of addresses and times and not of selectors.
//!
//! A communication that several selectors matched stands there once for each of them, row behind row; it is one.
//! Which records such a hunt may see is said first ([`Scope`]): those of one's own network, or those of one measure. What
//! was acquired under a measure is not looked at beside it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use noroshi_evidence::mechanical::{MeasureId, Protocol};
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;
use serde::{Deserialize, Serialize};

use crate::columns::{Numbers, Texts, at, small, texts};
use crate::scan::sum;
use crate::shelf::{OWN_NETWORK, Stored, Unreadable};

/// Whose records are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Those of one's own network.
    OwnNetwork,
    /// Those that were acquired under a measure.
    Measure(MeasureId),
}

impl Scope {
    /// Whether records with this measure belong.
    pub fn holds(&self, measure: Option<&[u8]>) -> bool {
        match self {
            Self::OwnNetwork => measure.is_none(),
            Self::Measure(id) => measure == Some(id.as_str().as_bytes()),
        }
    }

    /// Whether a file that is filed under a measure can hold such records.
    pub(crate) fn may_lie_in(&self, stored: &Stored) -> bool {
        match (self, stored.measure()) {
            (_, None) => true,
            (Self::OwnNetwork, Some(filed)) => filed == OWN_NETWORK,
            (Self::Measure(id), Some(filed)) => filed == id.as_str(),
        }
    }
}

/// What of a communication these hunts look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Communication {
    /// Microseconds since the epoch.
    pub ts_us: i64,
    /// Who opened it.
    pub src: Option<IpAddr>,
    /// Who answered.
    pub dst: Option<IpAddr>,
    /// Port of the opener.
    pub src_port: Option<u16>,
    /// Port of the answerer.
    pub dst_port: Option<u16>,
    /// The protocol above IP.
    pub proto: Option<Protocol>,
    /// Bytes of both directions.
    pub bytes: Option<u64>,
    /// Packets of both directions.
    pub packets: Option<u64>,
}

/// What became of the rows that were gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// Files gone through.
    pub files: u64,
    /// Files that could not be read, or not to their end.
    pub unreadable_files: u64,
    /// Rows of the files that were opened.
    pub rows: u64,
    /// Communications.
    pub communications: u64,
    /// Rows of a communication that was counted already.
    pub repeated: u64,
    /// Rows that do not belong to the scope.
    pub beside: u64,
    /// Rows that may not be retained any longer.
    pub over: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// Rows dated more than [`AHEAD_MAX`] after the hunt: by whoever wrote them, and of no use to a hunt that asks of times.
    #[serde(default, skip_serializing_if = "is_none")]
    pub ahead: u64,
}

/// How far a record may be dated after the hunt that looks at it: as far as clocks differ.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Figures that were written down before there was this one have none.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Looked {
    /// Whether every row is counted in exactly one place.
    pub fn balances(&self) -> bool {
        let Self { rows, communications, repeated, beside, over, unreadable, ahead, .. } = *self;
        sum([communications, repeated, beside, over, unreadable, ahead]) == Some(rows)
    }
}

/// A file that could not be read, and why.
#[derive(Debug)]
pub struct Problem {
    /// The file, below the folder.
    pub file: String,
    /// Why.
    pub reason: Unreadable,
}

/// Goes through all files, in their order.
pub fn each(
    files: &[Stored],
    scope: &Scope,
    hunted_at: Timestamp,
    mut take: impl FnMut(&Communication),
) -> (Looked, Vec<Problem>) {
    let (mut looked, mut problems) = (Looked::default(), Vec::new());
    let latest = hunted_at.saturating_add(AHEAD_MAX).unwrap_or(Timestamp::MAX);
    let frame =
        Frame { scope, hunted_us: hunted_at.as_microsecond(), latest_us: latest.as_microsecond() };
    for stored in files.iter().filter(|stored| scope.may_lie_in(stored)) {
        looked.files += 1;
        if let Err(reason) = frame.file(stored, &mut looked, &mut take) {
            looked.unreadable_files += 1;
            problems.push(Problem { file: stored.name.clone(), reason });
        }
    }
    (looked, problems)
}

struct Frame<'a> {
    scope: &'a Scope,
    hunted_us: i64,
    latest_us: i64,
}

impl Frame<'_> {
    fn file(
        &self,
        stored: &Stored,
        looked: &mut Looked,
        take: &mut dyn FnMut(&Communication),
    ) -> Result<(), Unreadable> {
        let opened = stored.open()?;
        let mut run = Run::default();
        let mut failed = Ok(());
        for group in 0..opened.groups() {
            let rows = opened.about(group).rows();
            looked.rows += rows;
            match opened.read(group, Batch::read) {
                Ok(batch) => self.rows(&batch, &mut run, looked, take),
                Err(problem) => {
                    looked.unreadable += rows;
                    failed = Err(problem);
                }
            }
        }
        failed
    }

    fn rows(
        &self,
        batch: &Batch,
        run: &mut Run,
        looked: &mut Looked,
        take: &mut dyn FnMut(&Communication),
    ) {
        run.selectors_in(&batch.selectors.0);
        for row in 0..batch.selectors.1.len() {
            let measure = batch.measures.1.get(row).and_then(|code| batch.measures.0.value(*code));
            if !self.scope.holds(measure) {
                looked.beside += 1;
                run.same = None;
            } else if batch.retain_until.get(row).is_none_or(|until| until <= self.hunted_us) {
                looked.over += 1;
                run.same = None;
            } else {
                let Some((same, selector)) = batch.row(row) else {
                    looked.unreadable += 1;
                    run.same = None;
                    continue;
                };
                if same.communication.ts_us > self.latest_us {
                    looked.ahead += 1;
                    run.same = None;
                } else if run.goes_on(same, selector) {
                    looked.repeated += 1;
                } else {
                    looked.communications += 1;
                    take(&same.communication);
                }
            }
        }
        run.leave(&batch.selectors.0);
    }
}

/// All that is equal among the rows of one communication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Same {
    communication: Communication,
    flow: [Option<i64>; 2],
    retain_until_us: i64,
}

/// The communication that the last row belongs to.
#[derive(Default)]
struct Run {
    same: Option<Same>,
    /// The selectors it was kept for: number in the dictionary of the row group, and version.
    selectors: BTreeSet<(u32, i64)>,
    /// The same by name, from one row group to the next.
    named: Vec<(Box<[u8]>, i64)>,
}

impl Run {
    /// Takes in a row; whether it is the same communication, kept for yet another selector.
    fn goes_on(&mut self, same: Same, selector: (u32, i64)) -> bool {
        let goes_on = self.same == Some(same) && !self.selectors.contains(&selector);
        if !goes_on {
            self.selectors.clear();
            self.same = Some(same);
        }
        self.selectors.insert(selector);
        goes_on
    }

    /// At the end of a row group: numbers of its dictionary mean nothing in the next.
    fn leave(&mut self, texts: &Texts) {
        let named = self.selectors.iter().filter_map(|(code, version)| {
            texts.value(*code).map(|name| (name.to_owned().into_boxed_slice(), *version))
        });
        self.named = named.collect();
        self.selectors.clear();
    }

    /// At the beginning of a row group.
    fn selectors_in(&mut self, texts: &Texts) {
        for (name, version) in self.named.drain(..) {
            let code = (0..).zip(texts.values()).find(|(_, value)| **value == *name);
            self.selectors.extend(code.map(|(code, _)| (code, version)));
        }
    }
}

type Column = (Texts, Vec<u32>);

/// The columns of a row group, but for the direction.
struct Batch {
    selectors: Column,
    versions: Numbers,
    measures: Column,
    ts: Numbers,
    ends: [(Vec<Option<IpAddr>>, Vec<u32>); 2],
    ports: [Numbers; 2],
    proto: Numbers,
    counts: [Numbers; 2],
    flow: [Numbers; 2],
    retain_until: Numbers,
}

impl Batch {
    fn read(group: &dyn RowGroupReader) -> Result<Self, ParquetError> {
        let number = |column| Numbers::read(group, column, None);
        let addresses = |column| {
            let (texts, rows) = texts(group, column)?;
            let address = |text| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            let known: Vec<Option<IpAddr>> = texts.values().map(address).collect();
            Ok::<_, ParquetError>((known, rows))
        };
        Ok(Self {
            selectors: texts(group, at::SELECTOR_ID)?,
            versions: number(at::SELECTOR_VERSION)?,
            measures: texts(group, at::MEASURE_ID)?,
            ts: number(at::TS)?,
            ends: [addresses(at::SRC_IP)?, addresses(at::DST_IP)?],
            ports: [number(at::SRC_PORT)?, number(at::DST_PORT)?],
            proto: number(at::PROTO)?,
            counts: [number(at::BYTES)?, number(at::PACKETS)?],
            flow: [number(at::FLOW_START)?, number(at::FLOW_END)?],
            retain_until: number(at::RETAIN_UNTIL)?,
        })
    }

    /// A row, and the selector it was kept for; nothing where a field has a value that it cannot have.
    fn row(&self, row: usize) -> Option<(Same, (u32, i64))> {
        let end = |[src, dst]: &[(Vec<Option<IpAddr>>, Vec<u32>); 2], which: usize| {
            let (known, rows) = if which == 0 { src } else { dst };
            match rows.get(row) {
                Some(&crate::columns::ABSENT) => Some(None),
                Some(code) => known.get(*code as usize).copied().flatten().map(Some),
                None => None,
            }
        };
        let [src_port, dst_port] = &self.ports;
        let [bytes, packets] = &self.counts;
        let [flow_start, flow_end] = &self.flow;
        let communication = Communication {
            ts_us: self.ts.get(row)?,
            src: end(&self.ends, 0)?,
            dst: end(&self.ends, 1)?,
            src_port: small(src_port.get(row))?,
            dst_port: small(dst_port.get(row))?,
            proto: small::<u8>(self.proto.get(row))?.map(Protocol),
            bytes: bytes.get(row).map(i64::cast_unsigned),
            packets: packets.get(row).map(i64::cast_unsigned),
        };
        let same = Same {
            communication,
            flow: [flow_start.get(row), flow_end.get(row)],
            retain_until_us: self.retain_until.get(row)?,
        };
        let selector = (*self.selectors.1.get(row)?, self.versions.get(row)?);
        Some((same, selector))
    }
}
