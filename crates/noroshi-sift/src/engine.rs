//! Reader, index, tally: the whole way of a record.

use std::io::{self, BufRead, Write};
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use noroshi_evidence::mechanical::{Direction, MechanicalRecord, SelectorId};

use crate::certificate::{Certificate, FORM, NUMBER_MAX, Tally};
use crate::digest::{Digest, Tree};
use crate::index::{Position, SelectorIndex};
use crate::json::JsonRecord;
use crate::lines::{Cutter, Line};
use crate::mode::{Locked, Mode, SensorId};
use crate::problem::{Problems, Reason};
use crate::sealed::Sealed;
use crate::sighting::{Sighting, Sightings};
use crate::store::{ROWS_PER_GROUP, RecordWriter, WriteRecords};
use crate::view::{Detail, Ends, Look, View};
use crate::zeek::Header;

/// The longest retention that can be asked for, in days.
pub const RETENTION_DAYS_MAX: u32 = 3_660;
/// How many own networks can be named.
pub const OWN_NETWORKS_MAX: usize = 4_096;

/// Which certificate of the sensor the next one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub sequence: u64,
    /// The digest of the one before.
    pub previous: Option<Digest>,
}

impl Link {
    /// The first of a sensor.
    pub const FIRST: Self = Self { sequence: 0, previous: None };

    /// The one after `certificate`.
    pub fn after(certificate: &Certificate) -> Result<Self, serde_json::Error> {
        let previous = Some(certificate.digest()?);
        Ok(Self { sequence: certificate.sequence.saturating_add(1), previous })
    }
}

/// What must be said before anything is looked through. There is no default for any of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which sensor selects.
    pub sensor: SensorId,
    /// The networks of whoever selects. A record neither of whose ends lies in one of them is turned away.
    pub own_networks: Vec<IpNet>,
    /// For how many days what is kept is retained, from the beginning of the selection.
    pub retention_days: u32,
    /// The digest of the program that selects.
    pub program: Digest,
    /// The place in the chain of certificates.
    pub link: Link,
    /// When the selection begins.
    pub started_at: Timestamp,
}

/// Why a selection does not begin.
#[derive(Debug, thiserror::Error)]
pub enum Begin {
    /// The mode is not in force.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// No network or too many were named as one's own.
    #[error("NRS-SIFT-0002: own networks number `{0}`, not 1 to {OWN_NETWORKS_MAX}")]
    OwnNetworks(usize),
    /// The retention is not a number of days that can be asked for.
    #[error("NRS-SIFT-0003: retention is `{0}` days, not 1 to {RETENTION_DAYS_MAX}")]
    Retention(u32),
    /// The first certificate has one before it, or a later one has none.
    #[error("NRS-SIFT-0004: number and predecessor of the certificate do not fit each other")]
    Link,
    /// The sink does not take what is written.
    #[error(transparent)]
    Write(#[from] WriteRecords),
}

/// Why reading stopped. What was counted until then stays counted.
#[derive(Debug, thiserror::Error)]
pub enum Read {
    /// The input failed.
    #[error("input could not be read")]
    Input(#[from] io::Error),
    /// The sink did not take what is kept.
    #[error(transparent)]
    Write(#[from] WriteRecords),
}

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
pub enum Finish {
    /// The sink did not take what is kept.
    #[error(transparent)]
    Write(#[from] WriteRecords),
    /// The end lies before the beginning.
    #[error("NRS-SIFT-0006: selection ends at `{0}`, before it began")]
    EndsBeforeItBegan(Timestamp),
}

/// What is left of a selection.
pub struct Outcome<W> {
    /// The proof of what was done.
    pub certificate: Certificate,
    /// One for each selector that matched, in the order of the index.
    pub sightings: Vec<Sighting>,
    /// What could not be read, without a byte of it.
    pub problems: Problems,
    /// What the Parquet file was written to.
    pub sink: W,
}

/// A selection under way.
///
/// INVARIANT: what it holds of a record after [`Engine::read`] has passed it is what a [`MechanicalRecord`]
/// and a [`Sighting`] hold.
pub struct Engine<W: Write + Send> {
    mode: Mode,
    direction: Direction,
    index: SelectorIndex,
    settings: Settings,
    retain_until: Timestamp,
    started_us: i64,
    tally: Tally,
    earliest_us: i64,
    latest_us: i64,
    problems: Problems,
    sightings: Sightings,
    tree: Tree,
    rows: Vec<MechanicalRecord>,
    writer: RecordWriter<W>,
    found: Vec<Position>,
    scratch: Vec<u8>,
    encoded: Vec<u8>,
}

/// Where a record went.
enum Place {
    Kept,
    Unmatched,
    Direction,
    Content,
}

impl<W: Write + Send> Engine<W> {
    /// Begins a selection, or says why there must be none.
    pub fn new(
        mode: Mode,
        index: SelectorIndex,
        settings: Settings,
        sink: W,
    ) -> Result<Self, Begin> {
        let direction = mode.direction()?;
        if settings.own_networks.is_empty() || settings.own_networks.len() > OWN_NETWORKS_MAX {
            return Err(Begin::OwnNetworks(settings.own_networks.len()));
        }
        let days = settings.retention_days;
        if !(1..=RETENTION_DAYS_MAX).contains(&days) {
            return Err(Begin::Retention(days));
        }
        let Link { sequence, previous } = settings.link;
        if (sequence == 0) != previous.is_none() || sequence > NUMBER_MAX {
            return Err(Begin::Link);
        }
        // The instant of the input decides nothing here: a record dated far ahead is not kept longer.
        let retention = SignedDuration::from_hours(i64::from(days) * 24);
        let retain_until = settings.started_at.saturating_add(retention);
        let retain_until = retain_until.map_err(|_| Begin::Retention(days))?;
        Ok(Self {
            mode,
            direction,
            index,
            retain_until: to_microsecond(retain_until),
            started_us: settings.started_at.as_microsecond(),
            settings,
            tally: Tally::default(),
            earliest_us: i64::MAX,
            latest_us: i64::MIN,
            problems: Problems::default(),
            sightings: Sightings::default(),
            tree: Tree::default(),
            rows: Vec::new(),
            writer: RecordWriter::new(sink)?,
            found: Vec::new(),
            scratch: Vec::new(),
            encoded: Vec::new(),
        })
    }

    /// What has been counted so far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Looks through one input: Zeek's tables, Zeek's JSON or EVE, recognised by their lines. `source` is
    /// the name under which problems are reported.
    pub fn read(&mut self, source: &str, input: impl BufRead) -> Result<(), Read> {
        let mut header = Header::default();
        let mut bytes = 0;
        let result = Cutter::default().run(input, |line| {
            bytes = line.offset;
            self.line(source, &mut header, &line)
        });
        let read = result.as_ref().map_or(bytes, |bytes| *bytes);
        self.tally.bytes = self.tally.bytes.saturating_add(read);
        result.map(drop)
    }

    /// Looks through lines from `skip` on; of those before only what they say of columns is taken in.
    pub(crate) fn read_after(
        &mut self,
        source: &str,
        input: impl BufRead,
        skip: u64,
    ) -> Result<(), Read> {
        let mut header = Header::default();
        let mut bytes = skip;
        let result = Cutter::default().run(input, |line| {
            if line.offset >= skip {
                bytes = line.offset;
                return self.line(source, &mut header, &line);
            }
            let text = line.content.as_ref().map_or(&[][..], |sealed| sealed.open());
            if text.first() == Some(&b'#') {
                header.directive(text);
            }
            Ok(())
        });
        let read = result.as_ref().map_or(bytes, |bytes| *bytes).saturating_sub(skip);
        self.tally.bytes = self.tally.bytes.saturating_add(read);
        result.map(drop)
    }

    pub(crate) fn line(
        &mut self,
        source: &str,
        header: &mut Header,
        line: &Line<'_>,
    ) -> Result<(), Read> {
        let place = match &line.content {
            Ok(sealed) => match self.record(header, sealed) {
                Ok(None) => return Ok(()),
                Ok(Some(place)) => Ok(place),
                Err(reason) => Err(reason),
            },
            Err(reason) => Err(*reason),
        };
        self.count(source, line.offset, line.number, &place)
    }

    /// Looks through one record of a reader that does not cut lines. `number` counts within the source.
    pub(crate) fn take(
        &mut self,
        source: &str,
        offset: u64,
        number: u64,
        view: Result<impl View, Reason>,
    ) -> Result<(), Read> {
        let place = view.and_then(|view| self.project(view));
        self.count(source, offset, number, &place)
    }

    /// Adds to the bytes read.
    pub(crate) const fn add_bytes(&mut self, bytes: u64) {
        self.tally.bytes = self.tally.bytes.saturating_add(bytes);
    }

    fn count(
        &mut self,
        source: &str,
        offset: u64,
        number: u64,
        place: &Result<Place, Reason>,
    ) -> Result<(), Read> {
        let count = match place {
            Ok(Place::Kept) => &mut self.tally.kept,
            Ok(Place::Unmatched) => &mut self.tally.unmatched,
            Ok(Place::Direction) => &mut self.tally.direction,
            Ok(Place::Content) => &mut self.tally.content,
            Err(reason) => {
                self.problems.push(source, offset, number, *reason);
                &mut self.tally.errors
            }
        };
        *count += 1;
        self.tally.seen += 1;
        if self.rows.len() >= ROWS_PER_GROUP {
            self.writer.write(&self.rows)?;
            self.rows.clear();
        }
        Ok(())
    }

    /// `None` for a line that is no record.
    fn record(
        &mut self,
        header: &mut Header,
        sealed: &Sealed<'_>,
    ) -> Result<Option<Place>, Reason> {
        let line = sealed.open();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.first() {
            None => Ok(None),
            Some(b'#') => {
                header.directive(line);
                Ok(None)
            }
            Some(_) if header.is_known() => self.project(header.view(line)?).map(Some),
            Some(b'{') => self.project(JsonRecord::parse(line)?).map(Some),
            // A table whose header is lost has tabs; what has none is something else.
            Some(_) if line.contains(&b'\t') => Err(Reason::NoHeader),
            Some(_) => Err(Reason::UnknownFormat),
        }
    }

    #[inline]
    fn project(&mut self, mut view: impl View) -> Result<Place, Reason> {
        let Some(ends) = view.ends()? else { return Ok(Place::Content) };
        self.earliest_us = self.earliest_us.min(ends.ts_us);
        self.latest_us = self.latest_us.max(ends.ts_us);
        let own = [ends.src, ends.dst].map(|end| end.is_some_and(|address| self.is_own(address)));
        if own == [false, false] {
            return Ok(Place::Direction);
        }
        self.found.clear();
        let Self { index, found, scratch, .. } = self;
        let mut look = Look { index, found, scratch };
        [ends.src, ends.dst].into_iter().flatten().for_each(|address| look.address(address));
        view.look(&mut look)?;
        if self.found.is_empty() {
            return Ok(Place::Unmatched);
        }
        self.keep(ends, own, view.detail()?)
    }

    #[inline]
    fn is_own(&self, address: IpAddr) -> bool {
        self.settings.own_networks.iter().any(|net| net.contains(&address))
    }

    fn keep(&mut self, ends: Ends, own: [bool; 2], detail: Detail) -> Result<Place, Reason> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_unstable();
        found.dedup();
        // An expired selector matches nothing, whether it had expired before this run or expired during it.
        let now_us = ends.ts_us.max(self.started_us);
        found.retain(|position| self.index.expires_us(*position) > now_us);
        let sides = [ends.src.zip(Some(own[0])), ends.dst.zip(Some(own[1]))];
        for position in &found {
            let Some(selector) = self.index.selector(*position) else { continue };
            let id = selector.effective_id();
            let row = self.row(id, selector.version, ends, detail).ok_or(Reason::BadTime)?;
            self.encoded.clear();
            row.encode(&mut self.encoded);
            self.tree.push(&self.encoded);
            self.rows.push(row);
            self.sightings.count(*position, ends.ts_us, sides);
        }
        let place = if found.is_empty() { Place::Unmatched } else { Place::Kept };
        self.found = found;
        Ok(place)
    }

    /// `None` where a time lies outside what can be written; then it does so for every selector.
    fn row(
        &self,
        id: SelectorId,
        version: u32,
        ends: Ends,
        detail: Detail,
    ) -> Option<MechanicalRecord> {
        let time = |us: i64| Timestamp::from_microsecond(us).ok();
        Some(MechanicalRecord {
            selector_id: id,
            selector_version: version,
            // Only statutory measures have names, and none of their modes is open.
            measure_id: None,
            ts: time(ends.ts_us)?,
            src_ip: ends.src,
            dst_ip: ends.dst,
            src_port: detail.src_port,
            dst_port: detail.dst_port,
            proto: detail.proto,
            bytes: detail.bytes,
            packets: detail.packets,
            flow_start: detail.flow_start_us.map(time).map_or(Some(None), |time| time.map(Some))?,
            flow_end: detail.flow_end_us.map(time).map_or(Some(None), |time| time.map(Some))?,
            direction: self.direction,
            retain_until: self.retain_until,
        })
    }

    /// Ends the selection: writes what is kept and certifies what was done.
    pub fn finish(mut self, now: Timestamp) -> Result<Outcome<W>, Finish> {
        if now < self.settings.started_at {
            return Err(Finish::EndsBeforeItBegan(now));
        }
        self.writer.write(&self.rows)?;
        let has_records = self.earliest_us <= self.latest_us;
        let time = |us: i64| Timestamp::from_microsecond(us).ok().filter(|_| has_records);
        let Settings { sensor, retention_days, program, link, started_at, .. } = self.settings;
        let certificate = Certificate {
            form: FORM.to_owned(),
            sensor,
            mode: self.mode,
            sequence: link.sequence,
            previous: link.previous,
            started_at,
            finished_at: now,
            records_from: time(self.earliest_us),
            records_to: time(self.latest_us),
            selectors: self.index.digest(),
            selectors_count: self.index.len() as u64,
            program,
            retention_days,
            tally: self.tally,
            rows: self.tree.size(),
            rows_root: self.tree.root(),
        };
        Ok(Outcome {
            certificate,
            sightings: self.sightings.finish(&self.index),
            problems: self.problems,
            sink: self.writer.finish()?,
        })
    }
}

/// Stored times are microseconds; a finer one would not be read back equal.
fn to_microsecond(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
