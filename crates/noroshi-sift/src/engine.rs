//! Reader, index, tally: the whole way of a record.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use noroshi_evidence::mechanical::MechanicalRecord;

use crate::certificate::{Certificate, FORM, NUMBER_MAX, Rules, Tally};
use crate::chain::Entry;
use crate::digest::{Digest, Tree};
use crate::gate::Gate;
use crate::index::SelectorIndex;
use crate::lines::{Chunks, Piece};
use crate::mandate::Mandated;
use crate::mode::{Locked, Mode, SensorId};
use crate::problem::{Problems, Reason};
use crate::sealed::Sealed;
use crate::selector::EmailKey;
use crate::sighting::{Committed, HANDED_IN_MAX, Sighting, Sightings, handed_in};
use crate::store::{ROWS_PER_GROUP, RecordWriter, WriteRecords};
use crate::switches::Switches;
use crate::view::View;
use crate::worker::{Findings, Frame, Place, Worker, header_lines};
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

    /// The one after any entry of the sensor's chain.
    pub fn after_entry(entry: &Entry) -> Result<Self, serde_json::Error> {
        let previous = Some(entry.digest()?);
        Ok(Self { sequence: entry.sequence().saturating_add(1), previous })
    }
}

/// What must be said before anything is looked through. There is no default for any of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which sensor selects.
    pub sensor: SensorId,
    /// The networks of whoever selects. A record neither of whose ends lies in one of them is turned away. None
    /// under a mandate, which says itself what may be looked at.
    pub own_networks: Vec<IpNet>,
    /// For how many days what is kept is retained, from the beginning of the selection; no more than a mandate allows.
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
    /// Networks, sensor, retention or time are not those of the mandate.
    #[error("NRS-SIFT-0007: {0} is not within the mandate")]
    BeyondMandate(&'static str),
    /// The rules could not be written down.
    #[error("NRS-SIFT-0008: rules of the selection cannot be written down")]
    Rules,
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
    frame: Frame,
    settings: Settings,
    rules: Rules,
    rules_digest: Digest,
    worker: Worker,
    buffer: Vec<u8>,
    total: Total<W>,
}

/// What the pieces of all inputs have come to.
struct Total<W: Write + Send> {
    tally: Tally,
    times_us: Option<(i64, i64)>,
    problems: Problems,
    sightings: Sightings,
    tree: Tree,
    rows: Vec<MechanicalRecord>,
    writer: RecordWriter<W>,
    encoded: Vec<u8>,
}

impl<W: Write + Send> Engine<W> {
    /// Begins a selection, or says why there must be none. What may be looked at are the fields that the mode opens
    /// ([`Switches::of_mode`]).
    pub fn new(
        mode: Mode,
        index: impl Into<Arc<SelectorIndex>>,
        settings: Settings,
        sink: W,
    ) -> Result<Self, Begin> {
        Self::with_switches(mode, Switches::of_mode(mode), index, settings, sink)
    }

    /// Begins a selection on one's own network with fields opened or closed one by one. A statutory mode begins with
    /// [`Engine::under`] only.
    pub fn with_switches(
        mode: Mode,
        switches: Switches,
        index: impl Into<Arc<SelectorIndex>>,
        settings: Settings,
        sink: W,
    ) -> Result<Self, Begin> {
        mode.direction()?;
        let count = settings.own_networks.len();
        if !(1..=OWN_NETWORKS_MAX).contains(&count) {
            return Err(Begin::OwnNetworks(count));
        }
        let gate = Gate::own(&settings.own_networks);
        let networks = Some(digest_of_networks(&settings.own_networks)?);
        let rules = Rules { switches, networks, mandate: None, measure: None, geo_basis: None };
        Self::begin(mode, rules, gate, index.into(), settings, sink)
    }

    /// Begins a selection on the ground of a mandate, within its terms. The fields that may be looked at are those it
    /// opens, and what is looked for are the selectors of its measure.
    pub fn under(
        mandated: Mandated,
        index: impl Into<Arc<SelectorIndex>>,
        settings: Settings,
        sink: W,
    ) -> Result<Self, Begin> {
        let (terms, digest, gate) = mandated.into_parts();
        let beyond = [
            (!settings.own_networks.is_empty(), "list of own networks"),
            (settings.sensor != terms.sensor, "sensor"),
            (settings.retention_days > terms.retention_days_max, "retention"),
            (!(terms.not_before..=terms.not_after).contains(&settings.started_at), "time"),
        ];
        if let Some((_, what)) = beyond.into_iter().find(|(is_beyond, _)| *is_beyond) {
            return Err(Begin::BeyondMandate(what));
        }
        let rules = Rules {
            switches: terms.switches,
            networks: None,
            mandate: Some(digest),
            measure: Some(terms.measure),
            geo_basis: Some(terms.prefix_table),
        };
        Self::begin(terms.mode, rules, gate, index.into(), settings, sink)
    }

    fn begin(
        mode: Mode,
        rules: Rules,
        gate: Gate,
        index: Arc<SelectorIndex>,
        settings: Settings,
        sink: W,
    ) -> Result<Self, Begin> {
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
        let frame = Frame {
            gate,
            measure: rules.measure.clone(),
            index,
            switches: rules.switches,
            email_key: None,
            retain_until: to_microsecond(retain_until),
            started_us: settings.started_at.as_microsecond(),
        };
        Ok(Self {
            mode,
            frame,
            rules_digest: rules.digest().map_err(|_| Begin::Rules)?,
            rules,
            settings,
            worker: Worker::default(),
            buffer: Vec::new(),
            total: Total::new(RecordWriter::new(sink)?),
        })
    }

    /// The same with the key under which e-mail addresses are looked at, where their switch is on.
    #[must_use]
    pub fn with_email_key(mut self, key: EmailKey) -> Self {
        self.frame.email_key = Some(key);
        self
    }

    /// What has been counted so far.
    pub const fn tally(&self) -> Tally {
        self.total.tally
    }

    /// Looks through one input: Zeek's tables, Zeek's JSON or EVE, recognised by their lines. `source` is
    /// the name under which problems are reported.
    pub fn read(&mut self, source: &str, input: impl io::Read) -> Result<(), Read> {
        self.read_from(source, Header::default(), input, 0)
    }

    /// Looks through lines from `skip` on; of those before only what they say of columns is taken in.
    pub(crate) fn read_after(
        &mut self,
        source: &str,
        mut input: impl io::Read,
        skip: u64,
    ) -> Result<(), Read> {
        let mut header = Header::default();
        let mut before = Chunks::new(io::Read::take(&mut input, skip));
        while let Some(piece) = before.next(&mut self.buffer) {
            let end = piece.content.unwrap_or_default();
            let lines = header_lines(self.buffer.get(..end).unwrap_or_default());
            lines.for_each(|line| header.directive(line));
        }
        before.finish().1?;
        self.read_from(source, header, input, skip)
    }

    /// Looks through lines that begin at an offset of their input, under the header in force there.
    fn read_from(
        &mut self,
        source: &str,
        mut header: Header,
        input: impl io::Read,
        from: u64,
    ) -> Result<(), Read> {
        let mut chunks = Chunks::new(input);
        let mut lines = 0;
        while let Some(piece) = chunks.next(&mut self.buffer) {
            let mut found = Findings::default();
            let offset = from.saturating_add(piece.offset);
            let content = piece.content.map(|end| self.buffer.get(..end).unwrap_or_default());
            match content {
                Ok(bytes) => {
                    let sealed = Sealed::new(bytes);
                    self.worker.piece(&self.frame, &mut header, &sealed, offset, &mut found);
                }
                Err(reason) => passed_over(offset, reason, &mut found),
            }
            self.total.absorb(source, &mut lines, found)?;
        }
        let (bytes, ended) = chunks.finish();
        self.add_bytes(bytes);
        ended.map_err(Read::Input)
    }

    /// Looks through whole lines that stand at an offset of their source, behind so many others.
    pub(crate) fn take_lines(
        &mut self,
        source: &str,
        header: &mut Header,
        bytes: &[u8],
        offset: u64,
        lines: &mut u64,
    ) -> Result<(), Read> {
        let mut found = Findings::default();
        self.worker.piece(&self.frame, header, &Sealed::new(bytes), offset, &mut found);
        self.total.absorb(source, lines, found)
    }

    /// Looks through one record of a reader that does not cut lines. `number` counts within the source.
    pub(crate) fn take(
        &mut self,
        source: &str,
        offset: u64,
        mut number: u64,
        view: Result<impl View, Reason>,
    ) -> Result<(), Read> {
        let mut found = Findings::default();
        found.tally.seen = 1;
        match view.and_then(|view| self.worker.one(&self.frame, view, &mut found)) {
            Ok(Place::Kept) => found.tally.kept = 1,
            Ok(Place::Unmatched) => found.tally.unmatched = 1,
            Ok(Place::Direction) => found.tally.direction = 1,
            Ok(Place::Content) => found.tally.content = 1,
            Err(reason) => found.problem(offset, 0, reason),
        }
        self.total.absorb(source, &mut number, found)
    }

    /// Adds to the bytes read.
    pub(crate) const fn add_bytes(&mut self, bytes: u64) {
        self.total.tally.bytes = self.total.tally.bytes.saturating_add(bytes);
    }

    /// Which fields may be looked at.
    pub(crate) const fn switches(&self) -> Switches {
        self.frame.switches
    }

    /// The same with several threads. Pieces are looked through at the same time and counted in their order, so that
    /// everything that comes of it is as if one thread had done it.
    pub fn read_with_threads(
        &mut self,
        source: &str,
        input: impl io::Read + Send,
        threads: NonZeroUsize,
    ) -> Result<(), Read> {
        if threads.get() == 1 {
            return self.read(source, input);
        }
        let inputs = Mutex::new(Inputs {
            chunks: Chunks::new(input),
            header: Arc::new(Header::default()),
            number: 0,
        });
        let totals = Totals {
            state: Mutex::new(InOrder {
                total: &mut self.total,
                lines: 0,
                next: 0,
                early: BTreeMap::new(),
                failed: None,
                is_broken: false,
            }),
            advanced: Condvar::new(),
            ahead_max: threads.get() as u64 * PIECES_AHEAD,
        };
        let frame = &self.frame;
        std::thread::scope(|scope| {
            for _ in 0..threads.get() {
                scope.spawn(|| work(source, frame, &inputs, &totals));
            }
        });
        let failed = totals.state.into_inner().unwrap_or_else(PoisonError::into_inner).failed;
        let inputs = inputs.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (bytes, ended) = inputs.chunks.finish();
        self.total.tally.bytes = self.total.tally.bytes.saturating_add(bytes);
        failed.map_or(Ok(()), Err)?;
        ended.map_err(Read::Input)
    }

    /// Ends the selection: writes what is kept and certifies what was done.
    pub fn finish(mut self, now: Timestamp) -> Result<Outcome<W>, Finish> {
        if now < self.settings.started_at {
            return Err(Finish::EndsBeforeItBegan(now));
        }
        self.total.writer.write(&self.total.rows)?;
        let Total { tally, times_us, problems, sightings, tree, writer, .. } = self.total;
        let index = &self.frame.index;
        let time = |us: i64| Timestamp::from_microsecond(us).ok();
        let Settings { sensor, retention_days, program, link, started_at, .. } = self.settings;
        let sightings = sightings.finish(index);
        let committed = if sightings.len() > HANDED_IN_MAX {
            Committed::to(&handed_in(sightings.clone(), HANDED_IN_MAX).0)
        } else {
            Committed::to(&sightings)
        };
        let certificate = Certificate {
            form: FORM.to_owned(),
            sensor,
            mode: self.mode,
            sequence: link.sequence,
            previous: link.previous,
            started_at,
            finished_at: now,
            records_from: times_us.and_then(|(first, _)| time(first)),
            records_to: times_us.and_then(|(_, last)| time(last)),
            selectors: index.digest(),
            selectors_count: index.len() as u64,
            program,
            retention_days,
            tally,
            rows: tree.size(),
            rows_root: tree.root(),
            rules: Some(self.rules),
            rules_digest: Some(self.rules_digest),
            sightings: committed.ok(),
            signature: None,
        };
        Ok(Outcome { certificate, sightings, problems, sink: writer.finish()? })
    }
}

impl<W: Write + Send> Total<W> {
    fn new(writer: RecordWriter<W>) -> Self {
        Self {
            tally: Tally::default(),
            times_us: None,
            problems: Problems::default(),
            sightings: Sightings::default(),
            tree: Tree::default(),
            rows: Vec::new(),
            writer,
            encoded: Vec::new(),
        }
    }

    /// Adds what was found in the next piece of an input of which so many lines have gone before.
    fn absorb(&mut self, source: &str, lines: &mut u64, found: Findings) -> Result<(), Read> {
        let Tally { seen, kept, unmatched, direction, content, errors, bytes: _ } = found.tally;
        self.tally.seen += seen;
        self.tally.kept += kept;
        self.tally.unmatched += unmatched;
        self.tally.direction += direction;
        self.tally.content += content;
        self.tally.errors += errors;
        for (offset, line, reason) in found.problems {
            self.problems.push(source, offset, lines.saturating_add(line), reason);
        }
        *lines = lines.saturating_add(found.lines);
        if let Some((first, last)) = found.times_us {
            let (earliest, latest) = self.times_us.unwrap_or((first, last));
            self.times_us = Some((earliest.min(first), latest.max(last)));
        }
        for (position, ts_us, sides) in found.seen {
            self.sightings.count(position, ts_us, sides);
        }
        for row in found.rows {
            self.encoded.clear();
            row.encode(&mut self.encoded);
            self.tree.push(&self.encoded);
            self.rows.push(row);
            if self.rows.len() >= ROWS_PER_GROUP {
                self.writer.write(&self.rows)?;
                self.rows.clear();
            }
        }
        Ok(())
    }
}

/// Counts a line that was not handed on.
fn passed_over(offset: u64, reason: Reason, found: &mut Findings) {
    found.lines = 1;
    found.tally.seen = 1;
    found.problem(offset, 1, reason);
}

/// How many finished pieces of each thread may wait for one that is not finished.
const PIECES_AHEAD: u64 = 4;

/// Where the next piece comes from. The lock of it orders the pieces.
struct Inputs<R> {
    chunks: Chunks<R>,
    /// The header in force where the next piece begins.
    header: Arc<Header>,
    number: u64,
}

impl<R: io::Read> Inputs<R> {
    /// The next piece, its number, and the header under which it begins.
    fn next(&mut self, buffer: &mut Vec<u8>) -> Option<(Piece, u64, Arc<Header>)> {
        let piece = self.chunks.next(buffer)?;
        let header = Arc::clone(&self.header);
        if let Ok(end) = piece.content {
            let mut after = None;
            for line in header_lines(buffer.get(..end).unwrap_or_default()) {
                after.get_or_insert_with(|| Header::clone(&header)).directive(line);
            }
            if let Some(after) = after {
                self.header = Arc::new(after);
            }
        }
        let number = self.number;
        self.number += 1;
        Some((piece, number, header))
    }
}

/// Takes findings in the order of their pieces, whichever thread has them first.
struct Totals<'a, W: Write + Send> {
    state: Mutex<InOrder<'a, W>>,
    /// Told when `next` moves on or something failed.
    advanced: Condvar,
    ahead_max: u64,
}

struct InOrder<'a, W: Write + Send> {
    total: &'a mut Total<W>,
    lines: u64,
    next: u64,
    early: BTreeMap<u64, Findings>,
    failed: Option<Read>,
    /// Whether a thread died of a defect: its piece never comes, and nobody may wait for it.
    is_broken: bool,
}

impl<W: Write + Send> Totals<'_, W> {
    /// Whether there is a point in going on.
    fn take(&self, source: &str, number: u64, found: Findings) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Back-pressure: the slowest piece decides how far ahead others may be.
        while number >= state.next + self.ahead_max && state.failed.is_none() && !state.is_broken {
            state = self.advanced.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.early.insert(number, found);
        let InOrder { total, lines, next, early, failed, .. } = &mut *state;
        while failed.is_none()
            && let Some(found) = early.remove(next)
        {
            *failed = total.absorb(source, lines, found).err();
            *next += 1;
        }
        self.advanced.notify_all();
        state.failed.is_none() && !state.is_broken
    }
}

/// Tells the others when the thread that holds it dies of a defect; the scope of the threads then passes the panic on.
struct Alarm<'t, 'a, W: Write + Send>(&'t Totals<'a, W>);

impl<W: Write + Send> Drop for Alarm<'_, '_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_broken = true;
            self.0.advanced.notify_all();
        }
    }
}

fn work<W: Write + Send>(
    source: &str,
    frame: &Frame,
    inputs: &Mutex<Inputs<impl io::Read>>,
    totals: &Totals<'_, W>,
) {
    let _alarm = Alarm(totals);
    let (mut worker, mut buffer) = (Worker::default(), Vec::new());
    loop {
        let next = inputs.lock().unwrap_or_else(PoisonError::into_inner).next(&mut buffer);
        let Some((piece, number, header)) = next else { return };
        let mut found = Findings::default();
        match piece.content {
            Ok(end) => {
                let sealed = Sealed::new(buffer.get(..end).unwrap_or_default());
                let mut header = Arc::unwrap_or_clone(header);
                worker.piece(frame, &mut header, &sealed, piece.offset, &mut found);
            }
            Err(reason) => passed_over(piece.offset, reason, &mut found),
        }
        if !totals.take(source, number, found) {
            return;
        }
    }
}

/// In whatever order they were named.
fn digest_of_networks(networks: &[IpNet]) -> Result<Digest, Begin> {
    let mut names: Vec<String> = networks.iter().map(|net| net.trunc().to_string()).collect();
    names.sort_unstable();
    names.dedup();
    let text = serde_json_canonicalizer::to_vec(&names).map_err(|_| Begin::Rules)?;
    Ok(Digest::of(&text))
}

/// Stored times are microseconds; a finer one would not be read back equal.
fn to_microsecond(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
