//! The record of hunts of a folder: opened by one hunt at a time, verified as it is opened, written to before a hunt looks
//! at anything and again when it has ended.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use noroshi_hunt::record::{self, Ending, Entry, Hunt, Outcome, What, Why};
use noroshi_sift::digest::Digest;
use noroshi_sift::mode::SensorId;
use noroshi_sift::signature::SecretKey;

use super::super::cli::{io, program_digest, usage};
use super::super::folder;
use super::{Where, coded, house, keep};
use crate::cli::Failed;
use crate::office::clock::Clock;

/// The longest record that is read, in bytes. At its end begin another one with `--record`.
const RECORD_BYTES_MAX: u64 = 1 << 30;
/// The name of a sensor that nobody gave one.
const UNNAMED: &str = "sensor";

/// The record of a folder where none is named.
pub(super) const OWN: &str = "hunts.jsonl";
/// The names of its records that lie elsewhere, one a line.
const ELSEWHERE: &str = "hunts-elsewhere.txt";
/// The code of an entry that does not agree with itself.
const UNBALANCED: &str = "NRS-HUNT-0010";

/// An open record. Held until it is dropped.
pub(super) struct Book {
    path: PathBuf,
    file: File,
    /// The digest of the first entry: the name of the record.
    first: Option<Digest>,
    last: Option<Entry>,
    who: (SensorId, Digest),
    key: Option<SecretKey>,
}

/// The entries of a record, verified; what was being written when a program was killed is not one.
pub(super) fn entries(path: &Path) -> Result<Vec<Entry>, Failed> {
    match fs::read(path) {
        Ok(text) => {
            record::read(&text).map(|(entries, _)| entries).map_err(|broken| coded(&broken))
        }
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(problem) => Err(io(path)(problem)),
    }
}

/// Where the record of a folder lies.
pub(super) fn path(place: &Where) -> PathBuf {
    place.record.clone().unwrap_or_else(|| place.dir.join(OWN))
}

/// Where the records of a folder lie: the one that is named, or all into which was ever written what its records were
/// looked through for, wherever they are.
pub(super) fn paths(place: &Where) -> Result<Vec<PathBuf>, Failed> {
    if place.record.is_some() {
        return Ok(vec![path(place)]);
    }
    let others = others(&place.dir)?;
    if let Some(gone) = others.iter().find(|other| !other.exists()) {
        let words = format!(
            "the record `{}` is not where it was when hunts were written into it; bring it back, or name it with --record",
            gone.display()
        );
        return Err(usage("NRS-HUNT-0013", words));
    }
    Ok(std::iter::once(path(place)).chain(others).collect())
}

/// The records elsewhere, as the folder names them.
fn others(dir: &Path) -> Result<Vec<PathBuf>, Failed> {
    let path = dir.join(ELSEWHERE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().map(PathBuf::from).collect()),
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(problem) => Err(io(&path)(problem)),
    }
}

/// Notes in the folder that a record elsewhere is one of its own, before anything is written into that.
fn note(dir: &Path, record: &Path) -> Result<(), Failed> {
    let whole = fs::canonicalize(record).map_err(io(record))?;
    if others(dir)?.contains(&whole)
        || fs::canonicalize(dir.join(OWN)).is_ok_and(|own| own == whole)
    {
        return Ok(());
    }
    let line = whole.to_str().filter(|name| !name.contains('\n')).ok_or_else(|| {
        usage("NRS-HUNT-0014", "the name of the record is not one that can be written in a line")
    })?;
    let path = dir.join(ELSEWHERE);
    let open = || File::options().create(true).append(true).open(&path);
    let written = open().and_then(|mut file| {
        file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_all())
    });
    written.map_err(io(&path))
}

impl Book {
    /// Opens the record and verifies it.
    pub(super) fn open(place: &Where) -> Result<(Self, Vec<Entry>), Failed> {
        let path = path(place);
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(usage(
                    "NRS-HUNT-0007",
                    "another hunt writes into this record; wait for it, or name another with --record",
                ));
            }
            Err(fs::TryLockError::Error(source)) => return Err(io(&path)(source)),
        }
        if file.metadata().map_err(io(&path))?.len() > RECORD_BYTES_MAX {
            return Err(usage(
                "NRS-HUNT-0008",
                "the record of hunts is longer than the limit; begin another with --record",
            ));
        }
        if let Some(record) = &place.record {
            note(&place.dir, record)?;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io(&path))?;
        let (entries, whole) = record::read(&text).map_err(|broken| coded(&broken))?;
        // A line that was not finished says nothing.
        file.set_len(whole as u64).map_err(io(&path))?;
        file.seek(SeekFrom::Start(whole as u64)).map_err(io(&path))?;
        let who = (sensor(place, entries.last())?, program_digest()?);
        let key = folder::key(&place.dir)?;
        keep::forget(&place.dir, Clock.now())?;
        let first = entries.first().map(Entry::digest).transpose().map_err(house)?;
        Ok((Self { path, file, first, last: entries.last().cloned(), who, key }, entries))
    }

    /// The name of the record: the digest of its first entry, once there is one.
    pub(super) const fn first(&self) -> Option<Digest> {
        self.first
    }

    /// Where what a hunt of this record found is kept.
    pub(super) fn results(&self, dir: &Path) -> Result<PathBuf, Failed> {
        let first = self.first.ok_or_else(|| usage(UNBALANCED, "the record has no entry"))?;
        Ok(keep::of_record(dir, &first))
    }

    /// Says what is asked, before anything is looked at; its number.
    pub(super) fn begin(&mut self, why: Option<Why>, hunt: Hunt) -> Result<u64, Failed> {
        self.write(why, What::Begun(hunt))
    }

    /// Says what came of it. Figures that do not agree are not written down, as nobody could go on behind them: then the
    /// hunt was stopped, and that is an error.
    pub(super) fn end(&mut self, outcome: Outcome) -> Result<u64, Failed> {
        let of = outcome.of;
        let refused = match self.write(None, What::Ended(outcome)) {
            Err(refused @ Failed::Usage { code: UNBALANCED, .. }) => refused,
            done => return done,
        };
        let stopped = Outcome {
            of,
            ending: Ending::Stopped,
            code: Some(UNBALANCED.to_owned()),
            results: 0,
            results_digest: Digest::of(b""),
            tally: None,
            looked: None,
            seen: None,
        };
        self.write(None, What::Ended(stopped))?;
        Err(refused)
    }

    fn write(&mut self, why: Option<Why>, what: What) -> Result<u64, Failed> {
        let now = Clock.now();
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        let entry = Entry::after(self.last.as_ref(), self.who.clone(), now, why, what);
        let mut entry = entry.map_err(house)?;
        if !entry.balances() {
            let words =
                "the figures of the hunt do not agree with each other; nothing of it counts";
            return Err(usage(UNBALANCED, words));
        }
        if let Some(key) = &self.key {
            entry = entry.sign(key).map_err(house)?;
        }
        let line = record::line(&entry).map_err(house)?;
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_all());
        written.map_err(io(&self.path))?;
        if self.first.is_none() {
            self.first = Some(entry.digest().map_err(house)?);
        }
        let sequence = entry.sequence;
        self.last = Some(entry);
        Ok(sequence)
    }
}

/// Whose record it is: that of the record so far, of the enrolment, of the chain of the folder, or as it is said.
fn sensor(place: &Where, last: Option<&Entry>) -> Result<SensorId, Failed> {
    let of_folder = match folder::enrolment(&place.dir)? {
        Some(enrolment) => Some(enrolment.sensor),
        None => folder::last(&place.dir)?.map(|entry| entry.sensor().clone()),
    };
    let said = place.sensor.as_deref().map(str::parse::<SensorId>).transpose();
    let said = said.map_err(|_| {
        usage("NRS-SIFT-0005", "the name of the sensor is not 1 to 128 bytes of visible ASCII")
    })?;
    let known = last.map(|last| last.sensor.clone());
    if let Some((known, said)) = known.as_ref().zip(said.as_ref().or(of_folder.as_ref()))
        && known != said
    {
        let words = format!(
            "the record of hunts is that of the sensor `{known}`; name another with --record"
        );
        return Err(usage("NRS-HUNT-0006", words));
    }
    match known.or(said).or(of_folder) {
        Some(sensor) => Ok(sensor),
        None => UNNAMED.parse().map_err(|_| usage("NRS-SIFT-0005", "no name for the sensor")),
    }
}

#[cfg(test)]
mod tests {
    use noroshi_hunt::record::Seen;
    use noroshi_hunt::scan::Tally;
    use noroshi_sift::sighting::Committed;

    use super::*;

    #[test]
    fn figures_that_do_not_agree_stop_one_hunt_and_not_the_record() {
        let dir = tempfile::tempdir().unwrap();
        let place = Where { record: None, sensor: None, dir: dir.path().to_owned() };
        let hunt = || Hunt::Selectors {
            selectors: Digest::of(b"list"),
            count: 1,
            of_addresses: 1,
            added_to: None,
        };
        let outcome = |of: u64, tally: Tally| Outcome {
            of,
            ending: Ending::Complete,
            code: None,
            results: 0,
            results_digest: Digest::of(b""),
            tally: Some(tally),
            looked: None,
            seen: Some(Seen { sightings: Committed::to(&[]).unwrap(), retain_until: None }),
        };
        let (mut book, _) = Book::open(&place).unwrap();
        let number = book.begin(None, hunt()).unwrap();
        let odd = Tally { rows: 2, unmatched: 1, ..Tally::default() };
        let refused = book.end(outcome(number, odd));
        assert!(matches!(refused, Err(Failed::Usage { code: UNBALANCED, .. })), "{refused:?}");
        drop(book);
        // The record is whole, says what became of the hunt, and goes on.
        let (mut book, entries) = Book::open(&place).unwrap();
        let What::Ended(stopped) = &entries[1].what else { panic!("an end") };
        assert_eq!((stopped.of, stopped.ending, stopped.tally), (0, Ending::Stopped, None));
        let number = book.begin(None, hunt()).unwrap();
        assert_eq!(book.end(outcome(number, Tally::default())).unwrap(), 3);
    }
}
