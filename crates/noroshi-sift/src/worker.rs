//! Looks through one piece of an input, whoever read it and in whatever order pieces are finished.
//!
//! Of many records the hashes of what they show are gathered first and held against the filter together, so that
//! one look into memory does not wait for the other; only what passes is looked up exactly, record by record.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use noroshi_evidence::mechanical::{MeasureId, MechanicalRecord, SelectorId};

use crate::certificate::Tally;
use crate::gate::{Admitted, Gate};
use crate::index::{Conditions, Lookup, Position, SelectorIndex};
use crate::json::shape::Shapes;
use crate::json::{JsonRecord, Special};
use crate::lines::LINE_BYTES_MAX;
use crate::problem::Reason;
use crate::sealed::Sealed;
use crate::selector::{EmailKey, Only, Selector, SelectorValue, Side};
use crate::switches::Switches;
use crate::view::{Detail, Ends, Goal, Look, Plain, View};
use crate::zeek::{Header, Row, Rows};

/// How many bytes are gone through before what they show is held against the index.
const BLOCK_BYTES: usize = 64 << 10;
/// After how many hashes of one block the index is asked.
const HASHES_MAX: usize = 16_384;

/// The earliest and the latest time that can be written down, in microseconds since 1970: a second within the bounds of
/// [`Timestamp`], whose outermost fractions do not all come back from microseconds. A record outside of them would leave the certificate without a time that a verifier needs.
const TIME_US: std::ops::RangeInclusive<i64> = -377_705_023_200_000_000..=253_402_207_199_999_999;

/// What holds during a whole selection and is shared by all that work on it.
pub(crate) struct Frame {
    pub(crate) gate: Gate,
    pub(crate) index: Arc<SelectorIndex>,
    pub(crate) switches: Switches,
    pub(crate) email_key: Option<EmailKey>,
    /// The measure of a mandate; a selector of another one is not for this selection.
    pub(crate) measure: Option<MeasureId>,
    pub(crate) retain_until: Timestamp,
    pub(crate) started_us: i64,
}

/// Both ends of a kept record, and whether each is one's own.
pub(crate) type Sides = [Option<(IpAddr, bool)>; 2];

/// What was found in one piece of an input.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) tally: Tally,
    /// The earliest and the latest time of a record.
    pub(crate) times_us: Option<(i64, i64)>,
    /// Lines, records or not.
    pub(crate) lines: u64,
    /// Offset in the input, line in the piece counted from one, reason.
    pub(crate) problems: Vec<(u64, u64, Reason)>,
    pub(crate) rows: Vec<MechanicalRecord>,
    pub(crate) seen: Vec<(Position, i64, Sides)>,
}

impl Findings {
    pub(crate) fn problem(&mut self, offset: u64, line: u64, reason: Reason) {
        self.problems.push((offset, line, reason));
        self.tally.errors += 1;
    }

    /// Takes in the time of a record, or says that it is none.
    #[inline]
    fn time(&mut self, us: i64) -> Result<(), Reason> {
        if !TIME_US.contains(&us) {
            return Err(Reason::BadTime);
        }
        let (first, last) = self.times_us.unwrap_or((us, us));
        self.times_us = Some((first.min(us), last.max(us)));
        Ok(())
    }
}

/// Where a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Kept,
    Unmatched,
    Direction,
    Content,
}

/// Where a record stands in its block.
#[derive(Debug, Clone, Copy)]
struct Spot {
    /// How many lines come before it.
    line: usize,
    /// Its first byte.
    begin: usize,
}

/// A record whose hashes wait to be held against the index.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    spot: Spot,
    /// Where its hashes end.
    hashes_end: usize,
}

/// The room one thread works in; nothing in it outlives the piece at hand but its size, names of members and the second
/// that was read last.
#[derive(Default)]
pub(crate) struct Worker {
    special: Special,
    shapes: Shapes,
    batch: Batch,
    line_ends: Vec<(usize, usize)>,
}

#[derive(Default)]
struct Batch {
    hashes: Vec<u64>,
    passed: Vec<u32>,
    waiting: Vec<Waiting>,
    found: Vec<Position>,
    scratch: Vec<u8>,
}

/// A piece of an input under way.
struct Job<'a> {
    frame: &'a Frame,
    lookup: Lookup<'a>,
    out: &'a mut Findings,
}

impl Worker {
    /// Looks through whole lines that stand at an offset of their input, under the header in force there.
    pub(crate) fn piece(
        &mut self,
        frame: &Frame,
        header: &mut Header,
        sealed: &Sealed<'_>,
        offset: u64,
        out: &mut Findings,
    ) {
        let mut job = Job { frame, lookup: frame.index.lookup(), out };
        let mut rest = sealed.open();
        let mut at = offset;
        while !rest.is_empty() {
            let (block, behind) = block_of(rest);
            if block.first() == Some(&b'#') {
                job.out.lines += 1;
                header.directive(line_of(block));
            } else if header.is_known() {
                self.table(&mut job, header, block, at);
            } else {
                self.lines(&mut job, block, at);
            }
            at += block.len() as u64;
            rest = behind;
        }
    }

    /// A record of another reader.
    pub(crate) fn one<V: View>(
        &mut self,
        frame: &Frame,
        view: V,
        out: &mut Findings,
    ) -> Result<Place, Reason> {
        let mut job = Job { frame, lookup: frame.index.lookup(), out };
        self.batch.project(&mut job, view)
    }

    /// Lines of one table.
    fn table(&mut self, job: &mut Job<'_>, header: &Header, block: &[u8], offset: u64) {
        let batch = &mut self.batch;
        let first_line = job.out.lines;
        let problems_before = job.out.problems.len();
        let rows = Rows::new(block, header);
        let again = |spot: Spot| {
            rows.row_at(spot.begin).ok_or(Reason::FieldCount).and_then(|row| header.view(row))
        };
        let place = |spot: Spot| (offset + spot.begin as u64, first_line + spot.line as u64 + 1);
        let (mut rows, mut row, mut lines) = (rows, Row::default(), 0);
        while rows.next(&mut row) {
            let spot = Spot { line: lines, begin: row.begin };
            lines += 1;
            if row.begin == row.end {
                continue;
            }
            let taken = if row.end - row.begin > LINE_BYTES_MAX {
                Err(Reason::TooLong)
            } else {
                header.view(&row).and_then(|mut view| batch.gather(job, &mut view, spot))
            };
            batch.count(job, spot, taken, again, place);
        }
        batch.settle(job, again, place);
        job.out.lines += lines as u64;
        sort_problems(job.out, problems_before);
    }

    /// Lines that stand under no header.
    fn lines(&mut self, job: &mut Job<'_>, block: &[u8], offset: u64) {
        let Self { special, shapes, batch, line_ends, .. } = self;
        let first_line = job.out.lines;
        let problems_before = job.out.problems.len();
        line_ends.clear();
        let mut begin = 0;
        for feed in memchr::memchr_iter(b'\n', block) {
            line_ends.push((begin, feed));
            begin = feed + 1;
        }
        if begin < block.len() {
            line_ends.push((begin, block.len()));
        }
        special.index(block);
        let line_at = |line: usize| {
            let (begin, end) = line_ends.get(line).copied().unwrap_or_default();
            (begin, begin + line_of(block.get(begin..end).unwrap_or_default()).len())
        };
        let again = |spot: Spot| {
            let (begin, end) = line_at(spot.line);
            JsonRecord::parse(block, begin, end, special)
        };
        let place = |spot: Spot| (offset + spot.begin as u64, first_line + spot.line as u64 + 1);
        for line in 0..line_ends.len() {
            let (begin, end) = line_at(line);
            let spot = Spot { line, begin };
            let text = block.get(begin..end).unwrap_or_default();
            let record = match text.first() {
                None => continue,
                Some(_) if text.len() > LINE_BYTES_MAX => Err(Reason::TooLong),
                Some(b'{') => shapes.read(block, begin, end, special),
                // A table whose header is lost has tabs; what has none is something else.
                Some(_) if text.contains(&b'\t') => Err(Reason::NoHeader),
                Some(_) => Err(Reason::UnknownFormat),
            };
            let taken = record.and_then(|mut view| batch.gather(job, &mut view, spot));
            batch.count(job, spot, taken, again, place);
        }
        batch.settle(job, again, place);
        job.out.lines += line_ends.len() as u64;
        sort_problems(job.out, problems_before);
    }
}

/// What the exact look-up said stands behind what was said before it; lines are in order again afterwards.
fn sort_problems(out: &mut Findings, from: usize) {
    if let Some(new) = out.problems.get_mut(from..) {
        new.sort_by_key(|(_, line, _)| *line);
    }
}

/// The first lines of a piece: a header line by itself, or lines up to the next one, about as many as a block is to
/// have.
fn block_of(rest: &[u8]) -> (&[u8], &[u8]) {
    let end_of_line = |from: usize| {
        let behind = rest.get(from..).unwrap_or_default();
        memchr::memchr(b'\n', behind).map_or(rest.len(), |feed| from + feed + 1)
    };
    if rest.first() == Some(&b'#') {
        return rest.split_at_checked(end_of_line(0)).unwrap_or((rest, &[]));
    }
    let end = if rest.len() <= BLOCK_BYTES { rest.len() } else { end_of_line(BLOCK_BYTES) };
    let block = rest.get(..end).unwrap_or(rest);
    let header = memchr::memchr_iter(b'#', block)
        .find(|at| at.checked_sub(1).and_then(|before| block.get(before)) == Some(&b'\n'));
    rest.split_at_checked(header.unwrap_or(end)).unwrap_or((rest, &[]))
}

/// The header lines of a piece, in their order.
pub(crate) fn header_lines(piece: &[u8]) -> impl Iterator<Item = &[u8]> {
    let at = memchr::memchr_iter(b'#', piece);
    let at =
        at.filter(|at| at.checked_sub(1).is_none_or(|before| piece.get(before) == Some(&b'\n')));
    at.filter_map(|at| {
        let rest = piece.get(at..)?;
        rest.split(|byte| *byte == b'\n').next().map(line_of)
    })
}

/// A line without line feed and carriage return.
fn line_of(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl Batch {
    /// Counts a record that was taken in or not; holds what was set aside against the index when there is enough of it.
    #[inline]
    fn count<V: View>(
        &mut self,
        job: &mut Job<'_>,
        spot: Spot,
        taken: Result<(), Reason>,
        again: impl Fn(Spot) -> Result<V, Reason>,
        place: impl Fn(Spot) -> (u64, u64),
    ) {
        job.out.tally.seen += 1;
        if let Err(reason) = taken {
            let (offset, line) = place(spot);
            job.out.problem(offset, line, reason);
        }
        if self.hashes.len() >= HASHES_MAX {
            self.settle(job, again, place);
        }
    }

    /// Reads of a record what decides, and sets aside what has to be looked up. Counts it where it is decided.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once a record, at one place for each format")]
    fn gather<V: View>(
        &mut self,
        job: &mut Job<'_>,
        view: &mut V,
        spot: Spot,
    ) -> Result<(), Reason> {
        let before = self.hashes.len();
        let Self { hashes, scratch, waiting, .. } = self;
        // INVARIANT: what is not admitted is never looked up.
        let ends = if let Some(Plain { ts_us, src, dst }) = view.plain() {
            job.out.time(ts_us)?;
            if !job.frame.gate.admits_v4(ts_us, [src, dst]) {
                job.out.tally.direction += 1;
                return Ok(());
            }
            job.lookup.hash_v4(src, hashes);
            job.lookup.hash_v4(dst, hashes);
            if !view.shows_more() {
                waiting.push(Waiting { spot, hashes_end: hashes.len() });
                return Ok(());
            }
            [None, None]
        } else {
            let Some(ends) = view.ends()? else {
                job.out.tally.content += 1;
                return Ok(());
            };
            job.out.time(ends.ts_us)?;
            if job.frame.gate.admit(ends.ts_us, [ends.src, ends.dst]).is_none() {
                job.out.tally.direction += 1;
                return Ok(());
            }
            [ends.src, ends.dst]
        };
        let mut look = look(job, Goal::Hashes(hashes), scratch);
        ends.into_iter().flatten().for_each(|address| look.end(address));
        if let Err(reason) = view.look(&mut look) {
            hashes.truncate(before);
            return Err(reason);
        }
        waiting.push(Waiting { spot, hashes_end: hashes.len() });
        Ok(())
    }

    /// Holds what was set aside against the index, and reads those records again that may match.
    fn settle<V: View>(
        &mut self,
        job: &mut Job<'_>,
        again: impl Fn(Spot) -> Result<V, Reason>,
        place: impl Fn(Spot) -> (u64, u64),
    ) {
        let count = job.lookup.passing(&self.hashes, &mut self.passed);
        let waiting = std::mem::take(&mut self.waiting);
        let room = std::mem::take(&mut self.passed);
        let mut passed = room.iter().take(count).copied().peekable();
        self.hashes.clear();
        let mut decided = 0;
        let mut from = 0;
        while let Some(number) = passed.peek().copied() {
            let number = number as usize;
            // The record that the hash belongs to, and over its other hashes.
            from += waiting
                .get(from..)
                .unwrap_or_default()
                .partition_point(|one| one.hashes_end <= number);
            let Some(record) = waiting.get(from) else { break };
            while passed.next_if(|next| (*next as usize) < record.hashes_end).is_some() {}
            decided += 1;
            match again(record.spot).and_then(|view| self.exact(job, view)) {
                Ok(Place::Kept) => job.out.tally.kept += 1,
                Ok(_) => job.out.tally.unmatched += 1,
                Err(reason) => {
                    let (offset, line) = place(record.spot);
                    job.out.problem(offset, line, reason);
                }
            }
        }
        job.out.tally.unmatched += (waiting.len() - decided) as u64;
        self.passed = room;
        self.waiting = waiting;
        self.waiting.clear();
    }

    /// The exact look-up of a record that has passed everything before it.
    fn exact<V: View>(&mut self, job: &mut Job<'_>, mut view: V) -> Result<Place, Reason> {
        let Some(ends) = view.ends()? else { return Ok(Place::Content) };
        let Some(admitted) = job.frame.gate.admit(ends.ts_us, [ends.src, ends.dst]) else {
            return Ok(Place::Direction);
        };
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        let mut look = look(job, Goal::Found(&mut found), &mut self.scratch);
        [ends.src, ends.dst].into_iter().flatten().for_each(|address| look.end(address));
        let place = view.look(&mut look).and_then(|()| {
            if found.is_empty() {
                return Ok(Place::Unmatched);
            }
            keep(job, (ends, admitted), view.detail()?, &mut found)
        });
        self.found = found;
        place
    }

    /// The whole way of one record.
    fn project<V: View>(&mut self, job: &mut Job<'_>, mut view: V) -> Result<Place, Reason> {
        let Some(ends) = view.ends()? else { return Ok(Place::Content) };
        job.out.time(ends.ts_us)?;
        self.exact(job, view)
    }
}

fn look<'a>(job: &'a Job<'_>, goal: Goal<'a>, scratch: &'a mut Vec<u8>) -> Look<'a> {
    Look {
        lookup: &job.lookup,
        switches: job.frame.switches,
        email_key: job.frame.email_key.as_ref(),
        goal,
        scratch,
    }
}

/// Makes a mechanical record for each selector that holds.
fn keep(
    job: &mut Job<'_>,
    (ends, admitted): (Ends, Admitted),
    mut detail: Detail,
    found: &mut Vec<Position>,
) -> Result<Place, Reason> {
    let Job { frame, lookup, out } = job;
    if !frame.switches.ports {
        (detail.src_port, detail.dst_port, detail.proto) = (None, None, None);
    }
    lookup.arrange(found);
    found.retain(|position| {
        let conditions = lookup.conditions(*position);
        conditions.is_some_and(|conditions| {
            is_in_force(conditions, ends, frame.started_us)
                && is_of_measure(frame, lookup, *position)
                && (!conditions.has_more
                    || lookup.selector(*position).is_some_and(|it| holds(&it, ends, detail)))
        })
    });
    let [own_src, own_dst] = admitted.own;
    let sides = [ends.src.zip(Some(own_src)), ends.dst.zip(Some(own_dst))];
    for position in found.iter() {
        let Some(selector) = lookup.selector(*position) else { continue };
        let row = row(frame, selector, (ends, admitted), detail).ok_or(Reason::BadTime)?;
        out.rows.push(row);
        out.seen.push((*position, ends.ts_us, sides));
    }
    Ok(if found.is_empty() { Place::Unmatched } else { Place::Kept })
}

/// Under a mandate only what its measure looks for is looked for.
fn is_of_measure(frame: &Frame, lookup: &Lookup<'_>, position: Position) -> bool {
    frame.measure.is_none()
        || lookup.selector(position).is_some_and(|selector| selector.measure == frame.measure)
}

/// An expired selector matches nothing, whether it had expired before this run or expired during it; nor does one
/// match what was before it was valid.
fn is_in_force(conditions: Conditions, ends: Ends, started_us: i64) -> bool {
    conditions.expires_us > ends.ts_us.max(started_us) && conditions.valid_from_us <= ends.ts_us
}

/// Whether the record is at the end, the port and the protocol that the selector asks for.
fn holds(selector: &Selector, ends: Ends, detail: Detail) -> bool {
    let Only { side, port, proto } = selector.only;
    if proto.is_some() && proto != detail.proto {
        return false;
    }
    let is_in = |end: Option<IpAddr>| match &selector.value {
        SelectorValue::Address(address) => end == Some(*address),
        SelectorValue::Network(net) => end.is_some_and(|address| net.contains(&address)),
        _ => false,
    };
    let has_port = |seen: Option<u16>| port.is_none() || port == seen;
    let (at_src, at_dst) = (is_in(ends.src), is_in(ends.dst));
    // What stands at neither end was asked for or answered: then the port is that of the service.
    let elsewhere = !at_src && !at_dst;
    let src = at_src && side != Some(Side::Dst) && has_port(detail.src_port);
    let dst = (at_dst || elsewhere) && side != Some(Side::Src) && has_port(detail.dst_port);
    src || dst
}

/// `None` where the time lies outside what can be written; then it does so for every selector. When the flow began and
/// ended is a detail, for which no record is lost.
fn row(
    frame: &Frame,
    selector: Selector,
    (ends, admitted): (Ends, Admitted),
    detail: Detail,
) -> Option<MechanicalRecord> {
    let time = |us: i64| Timestamp::from_microsecond(us).ok();
    let id: SelectorId = selector.effective_id();
    Some(MechanicalRecord {
        selector_id: id,
        selector_version: selector.version,
        measure_id: frame.measure.clone(),
        ts: time(ends.ts_us)?,
        src_ip: ends.src,
        dst_ip: ends.dst,
        src_port: detail.src_port,
        dst_port: detail.dst_port,
        proto: detail.proto,
        bytes: detail.bytes,
        packets: detail.packets,
        flow_start: detail.flow_start_us.and_then(time),
        flow_end: detail.flow_end_us.and_then(time),
        direction: admitted.direction,
        retain_until: frame.retain_until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_a_certificate_can_state() {
        let (earliest, latest) = TIME_US.into_inner();
        assert_eq!(earliest, (Timestamp::MIN.as_second() + 1) * 1_000_000);
        assert_eq!(latest, Timestamp::MAX.as_second() * 1_000_000 - 1);
        let mut found = Findings::default();
        for us in [earliest, latest] {
            assert!(found.time(us).is_ok() && Timestamp::from_microsecond(us).is_ok());
        }
        for us in [earliest - 1, latest + 1, i64::MIN, i64::MAX] {
            assert_eq!(found.time(us), Err(Reason::BadTime));
        }
        assert_eq!(found.times_us, Some((earliest, latest)));
    }
}
