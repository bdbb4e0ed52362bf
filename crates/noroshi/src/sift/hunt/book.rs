//! The record of hunts of a folder: opened by one hunt at a time, verified as it is opened, written to before a hunt looks
//! at anything and again when it has ended.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use noroshi_hunt::record::{self, Entry, Hunt, Outcome, What, Why};
use noroshi_sift::digest::Digest;
use noroshi_sift::mode::SensorId;
use noroshi_sift::signature::SecretKey;

use super::super::cli::{io, program_digest, usage};
use super::super::folder;
use super::{Where, coded, house};
use crate::cli::Failed;
use crate::office::clock::Clock;

/// The longest record that is read, in bytes. At its end begin another one with `--record`.
const RECORD_BYTES_MAX: u64 = 1 << 30;
/// The name of a sensor that nobody gave one.
const UNNAMED: &str = "sensor";

/// An open record. Held until it is dropped.
pub(super) struct Book {
    path: PathBuf,
    file: File,
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
    place.record.clone().unwrap_or_else(|| place.dir.join("hunts.jsonl"))
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
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io(&path))?;
        let (entries, whole) = record::read(&text).map_err(|broken| coded(&broken))?;
        // A line that was not finished says nothing.
        file.set_len(whole as u64).map_err(io(&path))?;
        file.seek(SeekFrom::Start(whole as u64)).map_err(io(&path))?;
        let who = (sensor(place, entries.last())?, program_digest()?);
        let key = folder::key(&place.dir)?;
        Ok((Self { path, file, last: entries.last().cloned(), who, key }, entries))
    }

    /// Says what is asked, before anything is looked at; its number.
    pub(super) fn begin(&mut self, why: Option<Why>, hunt: Hunt) -> Result<u64, Failed> {
        self.write(why, What::Begun(hunt))
    }

    /// Says what came of it.
    pub(super) fn end(&mut self, outcome: Outcome) -> Result<u64, Failed> {
        self.write(None, What::Ended(outcome))
    }

    fn write(&mut self, why: Option<Why>, what: What) -> Result<u64, Failed> {
        let now = Clock.now();
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        let entry = Entry::after(self.last.as_ref(), self.who.clone(), now, why, what);
        let mut entry = entry.map_err(house)?;
        if let Some(key) = &self.key {
            entry = entry.sign(key).map_err(house)?;
        }
        let line = record::line(&entry).map_err(house)?;
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_all());
        written.map_err(io(&self.path))?;
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
