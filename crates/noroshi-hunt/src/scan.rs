//! One list over stored records, in one scan.
//!
//! A row group is left out, unread, where what the file says of it rules every hit out; of the others the dictionaries
//! of the two address columns are held against the list, and only where one of them has an address that is looked for
//! is it seen which rows have it. Those rows are read whole and go the way of a live record
//! ([`noroshi_sift::kept`]), so that what is found is what would have been found live.
//!
//! Live, a communication that several selectors matched is kept once for each; such rows stand next to each other and
//! differ in nothing but their selector. They are one communication and are held against the list once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::ops::AddAssign;
use std::sync::Arc;

use jiff::Timestamp;
use noroshi_evidence::mechanical::{Direction, MeasureId, MechanicalRecord, Protocol, SelectorId};
use noroshi_sift::addresses::AddressTable;
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::kept::{Kept, Probe, Window};
use noroshi_sift::sighting::Sighting;
use noroshi_sift::store::ReadRecords;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;
use serde::{Deserialize, Serialize};

use crate::columns::{self, ABSENT, Numbers, Packed, Texts, at, small};
use crate::shelf::{About, OWN_NETWORK, Opened, Stored, Unreadable};

/// A communication among the stored ones that a selector matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    /// The file, below the folder that was hunted in.
    pub file: String,
    /// The first row of the communication in it, from zero.
    pub row: u64,
    /// Whether it was kept for this very selector in this version, so that nothing new is learnt.
    pub known: bool,
    /// The record as it was kept, with the selector that matches now.
    pub record: MechanicalRecord,
}

/// Where a hit lies. It holds nothing of the record: what is written down of a hunt does not outlive what was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The file, below the folder that was hunted in.
    pub file: String,
    /// The first row of the communication in it, from zero.
    pub row: u64,
    /// Whether it was kept for this very selector in this version.
    pub known: bool,
    /// The selector that matches now.
    pub selector_id: SelectorId,
    /// Its version.
    pub selector_version: u32,
}

impl From<&Hit> for Place {
    fn from(hit: &Hit) -> Self {
        Self {
            file: hit.file.clone(),
            row: hit.row,
            known: hit.known,
            selector_id: hit.record.selector_id.clone(),
            selector_version: hit.record.selector_version,
        }
    }
}

/// Rows that were not read, by what ruled them out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pruned {
    /// No selector is of the measure under which they were kept.
    pub measure: u64,
    /// They may not be retained any longer.
    pub retention: u64,
    /// No selector was in force when they were seen.
    pub window: u64,
    /// Both ends lie outside of the bounds of every selector.
    pub address: u64,
    /// No address among them is looked for.
    pub dictionary: u64,
}

impl Pruned {
    /// All of them; nothing where they are more than can be counted.
    pub fn sum(&self) -> Option<u64> {
        let Self { measure, retention, window, address, dictionary } = *self;
        sum([measure, retention, window, address, dictionary])
    }
}

/// Figures come from elsewhere, too: what does not fit is no sum.
pub(crate) fn sum(parts: impl IntoIterator<Item = u64>) -> Option<u64> {
    parts.into_iter().try_fold(0_u64, u64::checked_add)
}

/// What became of every row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Files gone through.
    pub files: u64,
    /// Of these, files that were not opened: no selector is of the measure in whose folder they lie.
    pub files_pruned: u64,
    /// Files that could not be read, or not to their end.
    pub unreadable_files: u64,
    /// Row groups.
    pub groups: u64,
    /// Row groups that were left out, by reason.
    pub groups_pruned: Pruned,
    /// Rows.
    pub rows: u64,
    /// Rows of the row groups that were left out, by reason.
    pub rows_pruned: Pruned,
    /// Rows whose addresses no selector contains, or whose other conditions do not hold.
    pub unmatched: u64,
    /// Rows that a selector matches.
    pub matched: u64,
    /// Rows of a communication that was counted already: it was kept for several selectors.
    pub repeated: u64,
    /// Rows that may not be retained any longer, in row groups that were read.
    pub over: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// Hits: pairs of a communication and a selector.
    pub hits: u64,
    /// Of these, hits for whose selector the record had been kept.
    pub known: u64,
}

impl Tally {
    /// Whether every row is counted in exactly one place.
    pub fn balances(&self) -> bool {
        let Some(pruned) = self.rows_pruned.sum() else { return false };
        let parts =
            [pruned, self.unmatched, self.matched, self.repeated, self.over, self.unreadable];
        sum(parts) == Some(self.rows) && self.known <= self.hits
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let pruned = |into: &mut Pruned, from: Pruned| {
            into.measure += from.measure;
            into.retention += from.retention;
            into.window += from.window;
            into.address += from.address;
            into.dictionary += from.dictionary;
        };
        pruned(&mut self.groups_pruned, other.groups_pruned);
        pruned(&mut self.rows_pruned, other.rows_pruned);
        for (into, from) in [
            (&mut self.files, other.files),
            (&mut self.files_pruned, other.files_pruned),
            (&mut self.unreadable_files, other.unreadable_files),
            (&mut self.groups, other.groups),
            (&mut self.rows, other.rows),
            (&mut self.unmatched, other.unmatched),
            (&mut self.matched, other.matched),
            (&mut self.repeated, other.repeated),
            (&mut self.over, other.over),
            (&mut self.unreadable, other.unreadable),
            (&mut self.hits, other.hits),
            (&mut self.known, other.known),
        ] {
            *into += from;
        }
    }
}

/// What a count came to: no more than that is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Files gone through.
    pub files: u64,
    /// Files that could not be read, or not to their end.
    pub unreadable_files: u64,
    /// Rows of the files that were opened.
    pub rows: u64,
    /// Rows with an address that is looked for, of which a hunt would read everything. As many match at most: sides,
    /// ports, times and measures of selectors were not asked.
    pub may_match: u64,
    /// Rows that were ruled out.
    pub ruled_out: u64,
    /// Rows with such an address that may not be retained any longer.
    pub over: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
}

impl Counted {
    /// Whether every row is counted in exactly one place.
    pub const fn balances(&self) -> bool {
        let Self { rows, may_match, ruled_out, over, unreadable, .. } = *self;
        may_match + ruled_out + over + unreadable == rows
    }
}

/// Why a file was left.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Of the file; what of it could be read was, and the hunt goes on with the next one.
    #[error(transparent)]
    File(#[from] Unreadable),
    /// The hits are not taken any more; the hunt ends.
    #[error("hits could not be written")]
    Sink(#[source] io::Error),
}

/// A hunt under way.
pub struct Hunter {
    kept: Kept,
    hunted_us: i64,
    window: Option<Window>,
    measures: BTreeSet<Option<String>>,
    ranges: Option<Vec<(String, String)>>,
    tally: Tally,
    /// Whether a row of the file at hand is none that can be held against a list.
    torn: bool,
    /// When the first of the records that were newly seen may not be retained any longer.
    until: Option<Timestamp>,
}

impl Hunter {
    /// Prepares a hunt for what `index` looks for. `hunted_at` is its time: what had expired by then matches nothing, and
    /// what may not be retained any longer is not looked at. For `own_networks` see [`Kept::new`].
    pub fn new(
        index: Arc<SelectorIndex>,
        hunted_at: Timestamp,
        own_networks: Vec<ipnet::IpNet>,
    ) -> Self {
        let kept = Kept::new(index, hunted_at, own_networks);
        let measures =
            kept.measures().into_iter().map(|measure| measure.map(String::from)).collect();
        Self {
            window: kept.window(),
            measures,
            ranges: kept.ranges(),
            hunted_us: hunted_at.as_microsecond(),
            kept,
            tally: Tally::default(),
            torn: false,
            until: None,
        }
    }

    /// Until when what was newly seen may be kept: until the first of the records behind it may not be retained any
    /// longer. Nothing where nothing was newly seen.
    pub const fn retain_until(&self) -> Option<Timestamp> {
        self.until
    }

    /// What was counted so far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Looks through one file. Each hit is handed over as it is found, in the order of rows and, for one
    /// communication, of the index.
    pub fn file(
        &mut self,
        stored: &Stored,
        take: &mut dyn FnMut(&Hit) -> io::Result<()>,
    ) -> Result<(), Stopped> {
        self.tally.files += 1;
        let filed = stored.measure().filter(|measure| measure != OWN_NETWORK);
        if filed.is_some_and(|measure| self.is_foreign(&measure)) {
            self.tally.files_pruned += 1;
            return Ok(());
        }
        let done = self.groups(stored, take);
        if matches!(done, Err(Stopped::File(_))) {
            self.tally.unreadable_files += 1;
        }
        done
    }

    /// Counts the rows of one file that have an address that is looked for. Of a row group nothing is read but its
    /// addresses, and which one each row has; and until when rows are retained, where not all of them are any more.
    pub fn count(&self, stored: &Stored, counted: &mut Counted) -> Result<(), Unreadable> {
        counted.files += 1;
        let filed = stored.measure().filter(|measure| measure != OWN_NETWORK);
        if filed.is_some_and(|measure| self.is_foreign(&measure)) {
            return Ok(());
        }
        let done = self.count_groups(stored, counted);
        counted.unreadable_files += u64::from(done.is_err());
        done
    }

    fn count_groups(&self, stored: &Stored, counted: &mut Counted) -> Result<(), Unreadable> {
        let opened = stored.open()?;
        let mut failed = Ok(());
        for number in 0..opened.groups() {
            let about = opened.about(number);
            let rows = about.rows();
            counted.rows += rows;
            if self.prunes(&opened, about).is_some() {
                counted.ruled_out += rows;
                continue;
            }
            match opened.read(number, |group| self.wanted_rows(&opened, number, group)) {
                Ok((wanted, over)) => {
                    counted.may_match += wanted;
                    counted.over += over;
                    counted.ruled_out += rows.saturating_sub(wanted + over);
                }
                Err(problem) => {
                    counted.unreadable += rows;
                    failed = Err(problem);
                }
            }
        }
        failed
    }

    /// How many rows have an address that is looked for and may be retained, and how many may not be.
    fn wanted_rows(
        &self,
        opened: &Opened,
        number: usize,
        group: &dyn RowGroupReader,
    ) -> Result<(u64, u64), ParquetError> {
        let Some((_, rows)) = self.sides(opened, number, group)? else { return Ok((0, 0)) };
        let about = opened.about(number).numbers(at::RETAIN_UNTIL);
        if rows.is_empty() || about.is_some_and(|(first, _)| first > self.hunted_us) {
            return Ok((rows.len() as u64, 0));
        }
        let until = Numbers::read(group, at::RETAIN_UNTIL, Some(&rows))?;
        let is_over = |at: &usize| until.get(*at).is_none_or(|until| until <= self.hunted_us);
        let over = (0..rows.len()).filter(is_over).count();
        Ok(((rows.len() - over) as u64, over as u64))
    }

    /// Takes over from a hunt for the same that did not come to its end: its tally, and where its hits lie, in the order
    /// in which they were handed over. The records are read again; what may not be retained any longer by now, or is gone,
    /// is not counted as seen.
    pub fn resume(&mut self, tally: Tally, files: &[Stored], places: &[Place]) {
        for of_file in places.chunk_by(|one, next| one.file == next.file) {
            let file = of_file.first().map(|first| &first.file);
            if let Some(stored) = files.iter().find(|stored| Some(&stored.name) == file) {
                // What cannot be read any more is not seen.
                drop(self.recount(stored, of_file));
            }
        }
        self.tally = tally;
    }

    fn recount(&mut self, stored: &Stored, places: &[Place]) -> Result<(), Unreadable> {
        let opened = stored.open()?;
        let mut rest: Vec<&[Place]> = places.chunk_by(|one, next| one.row == next.row).collect();
        let mut first_row = 0;
        for group in 0..opened.groups() {
            let end = first_row + opened.about(group).rows();
            let later = rest.split_off(rest.partition_point(|hits| row_of(hits) < end));
            let within = std::mem::replace(&mut rest, later);
            let rows = within.iter().map(|hits| row_of(hits).saturating_sub(first_row));
            let rows: Vec<u32> = rows.filter_map(|row| u32::try_from(row).ok()).collect();
            if !rows.is_empty() {
                let records = opened.read(group, |found| self.at(&opened, group, found, &rows))?;
                for (hits, record) in within.into_iter().zip(records) {
                    self.again(hits, &record)?;
                }
            }
            first_row = end;
        }
        Ok(())
    }

    /// Counts a communication again for the selectors that it was not known for.
    fn again(&mut self, hits: &[Place], record: &MechanicalRecord) -> Result<(), Unreadable> {
        if record.retain_until.as_microsecond() <= self.hunted_us {
            return Ok(());
        }
        let known = |id: &SelectorId, version: u32| {
            let is = |hit: &Place| {
                hit.known && (&hit.selector_id, hit.selector_version) == (id, version)
            };
            hits.iter().any(is)
        };
        let counted = self.kept.record(record, known, &mut Vec::new());
        counted.map_err(|_| ReadRecords::Torn)?;
        if hits.iter().any(|hit| !hit.known) {
            self.saw(record);
        }
        Ok(())
    }

    fn saw(&mut self, record: &MechanicalRecord) {
        let until = record.retain_until;
        self.until = Some(self.until.map_or(until, |before| before.min(until)));
    }

    /// What was seen that had not been known, one for each selector, in the order of the index; and the tally.
    pub fn finish(self) -> (Tally, Vec<Sighting>) {
        (self.tally, self.kept.sightings())
    }

    fn groups(
        &mut self,
        stored: &Stored,
        take: &mut dyn FnMut(&Hit) -> io::Result<()>,
    ) -> Result<(), Stopped> {
        let opened = stored.open()?;
        let mut first_row = 0;
        let mut run = None;
        let mut failed = Ok(());
        self.torn = false;
        for group in 0..opened.groups() {
            let about = opened.about(group);
            let rows = about.rows();
            self.tally.groups += 1;
            self.tally.rows += rows;
            let pruned = self.prunes(&opened, about);
            if let Some(reason) = pruned {
                *reason(&mut self.tally.groups_pruned) += 1;
                *reason(&mut self.tally.rows_pruned) += rows;
            } else {
                match opened.read(group, |read| self.candidates(&opened, group, read)) {
                    Ok(None) => {
                        self.tally.groups_pruned.dictionary += 1;
                        self.tally.rows_pruned.dictionary += rows;
                    }
                    Ok(Some(found)) => {
                        self.tally.unmatched += rows - found.len() as u64;
                        for (row, record) in found {
                            self.row(stored, first_row + u64::from(row), record, &mut run, take)?;
                        }
                    }
                    Err(problem) => {
                        self.tally.unreadable += rows;
                        failed = Err(problem.into());
                    }
                }
            }
            first_row += rows;
        }
        self.settle(stored, run.take(), take)?;
        if std::mem::take(&mut self.torn) {
            return Err(Unreadable::from(ReadRecords::Torn).into());
        }
        failed
    }

    /// What rules every hit in a row group out, if anything does.
    fn prunes(&self, opened: &Opened, about: About<'_>) -> Option<fn(&mut Pruned) -> &mut u64> {
        let of_measure = about.measure().is_some_and(|measure| {
            std::str::from_utf8(measure).is_ok_and(|measure| self.is_foreign(measure))
        });
        if of_measure {
            return Some(|pruned| &mut pruned.measure);
        }
        if about.numbers(at::RETAIN_UNTIL).is_some_and(|(_, last)| last <= self.hunted_us) {
            return Some(|pruned| &mut pruned.retention);
        }
        let Some((from, until)) = self.window else { return Some(|pruned| &mut pruned.window) };
        if about.numbers(at::TS).is_some_and(|(first, last)| last < from || first >= until) {
            return Some(|pruned| &mut pruned.window);
        }
        let outside = |column| self.is_outside(about, column);
        if opened.is_ours && outside(at::SRC_IP) && outside(at::DST_IP) {
            return Some(|pruned| &mut pruned.address);
        }
        None
    }

    /// Whether no selector is of a measure.
    fn is_foreign(&self, measure: &str) -> bool {
        !self.measures.contains(&Some(measure.to_owned()))
    }

    /// Whether no selector contains an address that is written within the bounds of a column.
    fn is_outside(&self, about: About<'_>, column: usize) -> bool {
        let Some(ranges) = &self.ranges else { return false };
        if about.is_empty(column) {
            return true;
        }
        let Some((least, greatest)) = about.texts(column) else { return false };
        !ranges.iter().any(|(low, high)| low.as_bytes() <= greatest && least <= high.as_bytes())
    }

    /// The rows that may be hits, as records; nothing where the dictionaries rule all out.
    fn candidates(
        &self,
        opened: &Opened,
        number: usize,
        group: &dyn RowGroupReader,
    ) -> Result<Option<Vec<(u32, MechanicalRecord)>>, ParquetError> {
        let Some((mut sides, rows)) = self.sides(opened, number, group)? else { return Ok(None) };
        if rows.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let [src, dst] = &mut sides;
        let ends =
            [src.addresses_at(opened, group, &rows)?, dst.addresses_at(opened, group, &rows)?];
        let records = records(group, &rows, &ends)?;
        Ok(Some(rows.into_iter().zip(records).collect()))
    }

    /// Some rows as records, whatever is looked for.
    fn at(
        &self,
        opened: &Opened,
        number: usize,
        group: &dyn RowGroupReader,
        rows: &[u32],
    ) -> Result<Vec<MechanicalRecord>, ParquetError> {
        let mut probe = self.kept.probe();
        let mut ends = [Vec::new(), Vec::new()];
        for (column, ends) in [at::SRC_IP, at::DST_IP].into_iter().zip(&mut ends) {
            let mut side = Side::open((opened, number), group, column, &mut probe)?;
            if !side.is_whole() {
                side.rows_wanted(opened, group, &mut probe)?;
            }
            *ends = side.addresses_at(opened, group, rows)?;
        }
        records(group, rows, &ends)
    }

    /// The two columns of addresses, and the rows that have one that is looked for, in order; nothing where the values
    /// of the columns rule all out.
    fn sides(
        &self,
        opened: &Opened,
        number: usize,
        group: &dyn RowGroupReader,
    ) -> Result<Option<([Side; 2], Vec<u32>)>, ParquetError> {
        let mut probe = self.kept.probe();
        let mut sides = [
            Side::open((opened, number), group, at::SRC_IP, &mut probe)?,
            Side::open((opened, number), group, at::DST_IP, &mut probe)?,
        ];
        if sides.iter().all(Side::is_ruled_out) {
            return Ok(None);
        }
        let rows = candidate_rows(opened, group, &mut sides, &mut probe)?;
        Ok(Some((sides, rows)))
    }

    /// Takes in a candidate: it goes on with the communication before it, or begins one.
    fn row(
        &mut self,
        stored: &Stored,
        row: u64,
        record: MechanicalRecord,
        run: &mut Option<Run>,
        take: &mut dyn FnMut(&Hit) -> io::Result<()>,
    ) -> Result<(), Stopped> {
        if record.retain_until.as_microsecond() <= self.hunted_us {
            self.tally.over += 1;
            return self.settle(stored, run.take(), take);
        }
        if let Some(run) = run
            && run.goes_on(row, &record)
        {
            run.selectors.insert((record.selector_id, record.selector_version));
            run.last = row;
            self.tally.repeated += 1;
            return Ok(());
        }
        let before = run.replace(Run::begin(row, record));
        self.settle(stored, before, take)
    }

    /// Holds a communication against the list.
    fn settle(
        &mut self,
        stored: &Stored,
        run: Option<Run>,
        take: &mut dyn FnMut(&Hit) -> io::Result<()>,
    ) -> Result<(), Stopped> {
        let Some(Run { row, record, selectors, .. }) = run else { return Ok(()) };
        let mut found = Vec::new();
        let known = |id: &SelectorId, version| selectors.contains(&(id.clone(), version));
        if self.kept.record(&record, known, &mut found).is_err() {
            // The rest of the file is looked through all the same: it has been counted, and must be somewhere.
            self.tally.unreadable += 1;
            self.torn = true;
            return Ok(());
        }
        *(if found.is_empty() { &mut self.tally.unmatched } else { &mut self.tally.matched }) += 1;
        for record in found {
            let selector = (record.selector_id.clone(), record.selector_version);
            let known = selectors.contains(&selector);
            if !known {
                self.saw(&record);
            }
            self.tally.hits += 1;
            self.tally.known += u64::from(known);
            let hit = Hit { file: stored.name.clone(), row, known, record };
            take(&hit).map_err(Stopped::Sink)?;
        }
        Ok(())
    }
}

/// The row of hits of one communication.
fn row_of(hits: &[Place]) -> u64 {
    hits.first().map_or(0, |hit| hit.row)
}

/// Rows that are one communication.
struct Run {
    row: u64,
    last: u64,
    record: MechanicalRecord,
    selectors: BTreeSet<(SelectorId, u32)>,
}

impl Run {
    fn begin(row: u64, record: MechanicalRecord) -> Self {
        let selector = (record.selector_id.clone(), record.selector_version);
        Self { row, last: row, selectors: BTreeSet::from([selector]), record }
    }

    /// Whether the next row is the same communication, kept for yet another selector.
    fn goes_on(&self, row: u64, record: &MechanicalRecord) -> bool {
        let selector = (record.selector_id.clone(), record.selector_version);
        let is_same = || {
            let as_first = MechanicalRecord {
                selector_id: self.record.selector_id.clone(),
                selector_version: self.record.selector_version,
                ..record.clone()
            };
            as_first == self.record
        };
        row == self.last + 1 && !self.selectors.contains(&selector) && is_same()
    }
}

/// One of the two columns of addresses, as far as it has been looked at.
struct Side {
    column: usize,
    known: Known,
    /// For each value that is known whether it is looked for.
    wanted: Vec<bool>,
    /// Whether any of them is.
    any: bool,
    rows: Rows,
}

/// Where the values of a column are read.
enum Known {
    /// In a table of numbers; all of them.
    Table(AddressTable),
    /// In the dictionary; all of them, or those that were met so far.
    Texts(Box<Texts>),
}

/// Which value each row has.
enum Rows {
    /// Not looked at.
    Unread,
    /// As it stands in the pages: every value of the column is in its dictionary.
    Packed(Packed),
    /// One by one.
    Codes(Vec<u32>),
}

impl Side {
    /// Reads the values and holds them against the list.
    fn open(
        (opened, number): (&Opened, usize),
        group: &dyn RowGroupReader,
        column: usize,
        probe: &mut Probe<'_>,
    ) -> Result<Self, ParquetError> {
        let mut wanted = Vec::new();
        let table = match columns::is_dictionary(group.metadata().column(column)) {
            true => opened.addresses(number, column)?,
            false => None,
        };
        let (known, any) = if let Some(table) = table {
            let any = probe.wanted_in(&table, &mut wanted);
            (Known::Table(table), any)
        } else {
            let texts = Texts::open(group, column)?;
            let any = probe.wanted(texts.values(), &mut wanted);
            (Known::Texts(Box::new(texts)), any)
        };
        Ok(Self { column, known, wanted, any, rows: Rows::Unread })
    }

    fn is_whole(&self) -> bool {
        match &self.known {
            Known::Table(_) => true,
            Known::Texts(texts) => texts.is_whole(),
        }
    }

    /// Whether no row has an address that is looked for.
    fn is_ruled_out(&self) -> bool {
        !self.any && self.is_whole()
    }

    fn packed(
        &mut self,
        opened: &Opened,
        group: &dyn RowGroupReader,
    ) -> Result<Packed, ParquetError> {
        match &mut self.known {
            Known::Table(_) => opened.packed(group.metadata(), self.column),
            Known::Texts(texts) => texts.packed(),
        }
    }

    /// The rows that have one, in order.
    fn rows_wanted(
        &mut self,
        opened: &Opened,
        group: &dyn RowGroupReader,
        probe: &mut Probe<'_>,
    ) -> Result<Vec<u32>, ParquetError> {
        if let Known::Texts(texts) = &mut self.known
            && !texts.is_whole()
        {
            let codes = rows_of(group, self.column, texts, probe, &mut self.wanted)?;
            let is_wanted = |code: u32| {
                code != ABSENT && self.wanted.get(code as usize).copied().unwrap_or_default()
            };
            let rows = (0..).zip(&codes).filter(|(_, code)| is_wanted(**code)).map(|(row, _)| row);
            let rows = rows.collect();
            self.rows = Rows::Codes(codes);
            return Ok(rows);
        }
        let packed = self.packed(opened, group)?;
        let rows = packed.rows_with(&self.wanted)?;
        self.rows = Rows::Packed(packed);
        Ok(rows)
    }

    /// The addresses of some rows.
    fn addresses_at(
        &mut self,
        opened: &Opened,
        group: &dyn RowGroupReader,
        rows: &[u32],
    ) -> Result<Vec<Option<IpAddr>>, ParquetError> {
        if matches!(self.rows, Rows::Unread) {
            self.rows = Rows::Packed(self.packed(opened, group)?);
        }
        let codes = match &self.rows {
            Rows::Unread => Vec::new(),
            Rows::Packed(packed) => packed.codes_at(rows)?,
            Rows::Codes(codes) => {
                rows.iter().map(|row| codes.get(*row as usize).copied().unwrap_or(ABSENT)).collect()
            }
        };
        let address = |code: u32| match &self.known {
            _ if code == ABSENT => Ok(None),
            Known::Table(table) => table.get(code as usize).map(Some).ok_or_else(no_record),
            Known::Texts(texts) => {
                let text = texts.value(code).and_then(|text| std::str::from_utf8(text).ok());
                text.and_then(|text| text.parse().ok()).map(Some).ok_or_else(no_record)
            }
        };
        codes.into_iter().map(address).collect()
    }
}

fn no_record() -> ParquetError {
    ParquetError::General("row is no record".to_owned())
}

/// The rows that have an address that is looked for at either end, in order.
fn candidate_rows(
    opened: &Opened,
    group: &dyn RowGroupReader,
    sides: &mut [Side; 2],
    probe: &mut Probe<'_>,
) -> Result<Vec<u32>, ParquetError> {
    let mut rows = Vec::new();
    for side in sides.iter_mut().filter(|side| !side.is_ruled_out()) {
        rows.extend(side.rows_wanted(opened, group, probe)?);
    }
    rows.sort_unstable();
    rows.dedup();
    Ok(rows)
}

/// For each row which value of the column it has; what is wanted of values that come only now is asked, too.
fn rows_of(
    group: &dyn RowGroupReader,
    column: usize,
    texts: &mut Texts,
    probe: &mut Probe<'_>,
    wanted: &mut Vec<bool>,
) -> Result<Vec<u32>, ParquetError> {
    let known = texts.len();
    let codes = match texts.rows() {
        Err(problem) if columns::is_other_encoding(&problem) => {
            let codes = columns::plainly(group, column, texts)?;
            probe.wanted(texts.values(), wanted);
            return Ok(codes);
        }
        codes => codes?,
    };
    if texts.len() > known {
        let mut more = Vec::new();
        probe.wanted(texts.values().skip(known), &mut more);
        wanted.extend(more);
    }
    Ok(codes)
}

/// Reads rows whole; `ends` has their addresses.
fn records(
    group: &dyn RowGroupReader,
    rows: &[u32],
    ends: &[Vec<Option<IpAddr>>; 2],
) -> Result<Vec<MechanicalRecord>, ParquetError> {
    let text = |column| columns::some_texts(group, column, rows);
    let number = |column| Numbers::read(group, column, Some(rows));
    let texts = [text(at::SELECTOR_ID)?, text(at::MEASURE_ID)?, text(at::DIRECTION)?];
    let mut numbers = BTreeMap::new();
    for column in [
        at::SELECTOR_VERSION,
        at::TS,
        at::SRC_PORT,
        at::DST_PORT,
        at::PROTO,
        at::BYTES,
        at::PACKETS,
        at::FLOW_START,
        at::FLOW_END,
        at::RETAIN_UNTIL,
    ] {
        numbers.insert(column, number(column)?);
    }
    let mut found = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        let [id, measure, direction] =
            texts.each_ref().map(|texts| texts.get(row)?.as_ref().map(ByteArray::data));
        let [src, dst] = ends.each_ref().map(|ends| ends.get(row).copied().flatten());
        let number = |column: usize| numbers.get(&column).and_then(|numbers| numbers.get(row));
        let record = record([id, measure, direction], [src, dst], &number);
        found.push(record.ok_or_else(no_record)?);
    }
    Ok(found)
}

/// A record of its fields; nothing where one has a value that it cannot have.
fn record(
    [id, measure, direction]: [Option<&[u8]>; 3],
    [src_ip, dst_ip]: [Option<IpAddr>; 2],
    number: &dyn Fn(usize) -> Option<i64>,
) -> Option<MechanicalRecord> {
    #[expect(clippy::option_option, reason = "absent, and not what it must be, are two answers")]
    fn parsed<T: std::str::FromStr>(text: Option<&[u8]>) -> Option<Option<T>> {
        let Some(text) = text else { return Some(None) };
        std::str::from_utf8(text).ok()?.parse().ok().map(Some)
    }
    let time = |column| match number(column) {
        None => Some(None),
        Some(us) => Timestamp::from_microsecond(us).ok().map(Some),
    };
    Some(MechanicalRecord {
        selector_id: parsed(id)??,
        selector_version: u32::try_from(number(at::SELECTOR_VERSION)?).ok()?,
        measure_id: parsed::<MeasureId>(measure)?,
        ts: time(at::TS)??,
        src_ip,
        dst_ip,
        src_port: small(number(at::SRC_PORT))?,
        dst_port: small(number(at::DST_PORT))?,
        proto: small::<u8>(number(at::PROTO))?.map(Protocol),
        bytes: number(at::BYTES).map(i64::cast_unsigned),
        packets: number(at::PACKETS).map(i64::cast_unsigned),
        flow_start: time(at::FLOW_START)?,
        flow_end: time(at::FLOW_END)?,
        direction: Direction::from_label(std::str::from_utf8(direction?).ok()?)?,
        retain_until: time(at::RETAIN_UNTIL)??,
    })
}
