//! The folder of a sensor.
//!
//! | what | where |
//! |---|---|
//! | the chain: selections and deletions | `certificate-<n>.json` |
//! | what is kept | `records/day=YYYY-MM-DD/measure=NAME/<n>.parquet` |
//! | counts and times for each selector seen; they go with the records | `sightings/<n>.json` |
//! | the sensor's key, its token, and whom it trusts | `sensor.key`, `token`, `enrolment.json` |
//!
//! The day is that on which the selection began, in UTC: retention counts from there, so that the files of one folder
//! reach their end on the same day. On one's own network the measure is `own-network`. A name of a measure is written
//! with `%XX` for every byte that is not a letter, a digit, `-` or `_`.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use noroshi_sift::certificate::Certificate;
use noroshi_sift::chain::Entry;
use noroshi_sift::mode::SensorId;
use noroshi_sift::signature::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

use super::cli::{io, usage};
use crate::cli::Failed;

/// How far the last entry of the chain may lie ahead of this machine's clock. Within it the next entry begins when that one
/// ended; beyond it the clock, or the entry, is wrong.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(10);
/// The measure of records of one's own network.
const OWN: &str = "own-network";

/// What a sensor knows of itself and of its platform since it was enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrolment {
    /// The platform's address.
    pub(super) platform: String,
    /// The key whose signature on selectors and mandates counts.
    pub(super) platform_key: PublicKey,
    /// The sensor's name.
    pub(super) sensor: SensorId,
    /// Its organisation.
    pub(super) org: String,
    /// Its own key.
    pub(super) key: PublicKey,
}

pub(super) fn entry_path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("certificate-{sequence}.json"))
}

pub(super) fn read_entry(path: &Path) -> Result<Entry, Failed> {
    let bytes = fs::read(path).map_err(io(path))?;
    serde_json::from_slice(&bytes).map_err(|_| {
        usage("NRS-SIFT-0024", format!("`{}` is not a certificate of selection", path.display()))
    })
}

/// One entry of the chain; none where there is no such number.
pub(super) fn entry(dir: &Path, sequence: u64) -> Result<Option<Entry>, Failed> {
    match is_there(dir, sequence)? {
        true => read_entry(&entry_path(dir, sequence)).map(Some),
        false => Ok(None),
    }
}

/// The numbers of the chain, in order.
pub(super) fn numbers(dir: &Path) -> Result<Vec<u64>, Failed> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(io(dir))? {
        let name = entry.map_err(io(dir))?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("certificate-")?.strip_suffix(".json"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The last entry of the chain.
pub(super) fn last(dir: &Path) -> Result<Option<Entry>, Failed> {
    End::default().last(dir)
}

/// Where the chain of a folder ended when that was last asked. The numbers of a chain follow each other, so that from
/// there on it is enough to ask for the next one: a folder of many entries is listed once.
#[derive(Debug, Default)]
pub(super) struct End(Cell<Option<u64>>);

impl End {
    /// The last entry of the chain.
    pub(super) fn last(&self, dir: &Path) -> Result<Option<Entry>, Failed> {
        let known = match self.0.get() {
            Some(known) if is_there(dir, known)? => Some(known),
            // What was known is not there: then nothing is.
            _ => numbers(dir)?.last().copied(),
        };
        let Some(mut last) = known else { return Ok(None) };
        while is_there(dir, last + 1)? {
            last += 1;
        }
        self.0.set(Some(last));
        entry(dir, last)
    }
}

fn is_there(dir: &Path, sequence: u64) -> Result<bool, Failed> {
    let path = entry_path(dir, sequence);
    fs::exists(&path).map_err(io(&path))
}

/// When the entry after `last` begins: now, but not before that one ended. A clock that was set back a little breaks no
/// chain; one that was set back by more is refused.
pub(super) fn started_at(last: Option<&Entry>, now: Timestamp) -> Result<Timestamp, Failed> {
    let Some(last) = last else { return Ok(now) };
    let ended_at = last.times().1;
    if ended_at.duration_since(now) > AHEAD_MAX {
        let words = format!(
            "the chain in the folder ends at {ended_at}, ahead of this machine's clock ({now}); set the clock right"
        );
        return Err(usage("NRS-SIFT-0122", words));
    }
    Ok(now.max(ended_at))
}

/// Where the records of a certificate belong, below the folder.
pub(super) fn partition(certificate: &Certificate) -> PathBuf {
    let day: String = certificate.started_at.to_string().chars().take(10).collect();
    let measure = certificate.rules.as_ref().and_then(|rules| rules.measure.as_ref());
    let measure = measure.map_or_else(|| OWN.to_owned(), |measure| escaped(measure.as_str()));
    Path::new("records")
        .join(format!("day={day}"))
        .join(format!("measure={measure}"))
        .join(format!("{}.parquet", certificate.sequence))
}

/// A name as one part of a path, whatever stands in it.
pub(super) fn escaped(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ok = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {
                write!(text, "{}", char::from(byte))
            }
            _ => write!(text, "%{byte:02X}"),
        };
        text
    })
}

/// Where the records of a certificate lie, below the folder; earlier versions had no partitions.
pub(super) fn records_of(dir: &Path, certificate: &Certificate) -> Result<Option<PathBuf>, Failed> {
    let flat = Path::new("records").join(format!("{}.parquet", certificate.sequence));
    for path in [partition(certificate), flat] {
        if fs::exists(dir.join(&path)).map_err(io(dir))? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Removes what lies under a number that no certificate covers: a run that ended before it certified it left it.
///
/// INVARIANT: whoever takes a number of the chain calls this first, so that the state of an interval that was never
/// certified is not taken for one that was.
/// INVARIANT: nothing that a certificate covers is removed here, whoever calls.
pub(super) fn remove_uncertified(dir: &Path, sequence: u64) -> Result<(), Failed> {
    if is_there(dir, sequence)? {
        let words = format!("the number {sequence} of the chain is certified already");
        return Err(usage("NRS-SIFT-0123", words));
    }
    remove(&dir.join("follow").join(format!("{sequence}.json")))?;
    let name = format!("{sequence}.parquet");
    let records = dir.join("records");
    let mut folders =
        Vec::from_iter(fs::exists(&records).map_err(io(&records))?.then_some(records));
    for depth in 0..3 {
        let mut below = Vec::new();
        for folder in folders {
            remove(&folder.join(&name))?;
            // Below a measure there are records only, and many.
            if depth == 2 {
                continue;
            }
            for entry in fs::read_dir(&folder).map_err(io(&folder))? {
                let entry = entry.map_err(io(&folder))?;
                if entry.file_type().map_err(io(&folder))?.is_dir() {
                    below.push(entry.path());
                }
            }
        }
        folders = below;
    }
    if remove(&dir.join("sightings").join(format!("{sequence}.json")))? {
        // It may repeat these.
        remove(&dir.join("sightings.json"))?;
    }
    Ok(())
}

/// Removes a file; whether it was there.
pub(super) fn remove(path: &Path) -> Result<bool, Failed> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(false),
        Err(problem) => Err(io(path)(problem)),
    }
}

/// Removes the sightings of a certificate, and makes that durable. `sightings.json` repeats those of the last one: it goes
/// with them.
pub(super) fn remove_sightings(dir: &Path, sequence: u64) -> Result<(), Failed> {
    let (folder, repeated) = (dir.join("sightings"), dir.join("sightings.json"));
    if remove(&folder.join(format!("{sequence}.json")))? {
        sync(&folder)?;
    }
    if is_last_selection(dir, sequence)? && remove(&repeated)? {
        sync(dir)?;
    }
    Ok(())
}

/// Whether no selection came after a certificate, so that `sightings.json` is of it.
fn is_last_selection(dir: &Path, sequence: u64) -> Result<bool, Failed> {
    for number in sequence.saturating_add(1).. {
        match entry(dir, number)? {
            Some(Entry::Selection(_)) => return Ok(false),
            Some(Entry::Deletion(_)) => {}
            None => break,
        }
    }
    Ok(true)
}

/// What was renamed or removed in a folder is so on the disk too.
pub(super) fn sync(dir: &Path) -> Result<(), Failed> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io(dir))
}

/// Removes what was being written of a selection when a process was killed or could write no more, under whatever number;
/// nobody else writes now.
pub(super) fn remove_parts(dir: &Path) -> Result<(), Failed> {
    remove(&dir.join("sightings.part"))?;
    remove_parts_of(&dir.join("records"))?;
    remove_parts_of(&dir.join("sightings"))
}

fn remove_parts_of(folder: &Path) -> Result<(), Failed> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(()),
        Err(problem) => return Err(io(folder)(problem)),
    };
    for entry in entries {
        let path = entry.map_err(io(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "part") {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Two that write into one folder would break its chain. Held until it is dropped. What was left half written is removed.
pub(super) fn lock(dir: &Path) -> Result<File, Failed> {
    let path = dir.join("follow.lock");
    let file = File::options().create(true).append(true).open(&path).map_err(io(&path))?;
    match file.try_lock() {
        Ok(()) => remove_parts(dir).map(|()| file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(usage("NRS-SIFT-0096", "another `noroshi sift` writes into this folder"))
        }
        Err(fs::TryLockError::Error(source)) => Err(io(&path)(source)),
    }
}

/// The enrolment of a folder; none where it has not been enrolled.
pub(super) fn enrolment(dir: &Path) -> Result<Option<Enrolment>, Failed> {
    let path = dir.join("enrolment.json");
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| {
            usage("NRS-SIFT-0086", format!("`{}` is not an enrolment", path.display()))
        }),
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(io(&path)(problem)),
    }
}

/// The sensor's key; none where the folder has not been enrolled.
pub(super) fn key(dir: &Path) -> Result<Option<SecretKey>, Failed> {
    let path = dir.join("sensor.key");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(None),
        Err(problem) => return Err(io(&path)(problem)),
    };
    // A seed has the form of a digest: 64 hexadecimal digits.
    let seed = text.trim().parse::<noroshi_sift::digest::Digest>();
    let seed =
        seed.map_err(|_| usage("NRS-SIFT-0086", format!("`{}` is not a key", path.display())))?;
    Ok(Some(SecretKey::of_seed(seed.0)))
}

/// Writes what only its owner may read.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), Failed> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let part = path.with_extension("part");
    let open =
        || fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let written: io::Result<()> =
        open().and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(io(&part))?;
    fs::rename(&part, path).map_err(io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_measure_is_one_folder_whatever_it_holds() {
        assert_eq!(escaped("measure-7"), "measure-7");
        for name in ["..", "../../etc", "a/b", "a=b", "%2F", "."] {
            let escaped = escaped(name);
            assert!(!escaped.contains(['/', '.', '=']), "{escaped}");
        }
        assert_ne!(escaped("a/b"), escaped("a%2Fb"), "no two names share a folder");
    }

    fn deletion(sequence: u64) -> Entry {
        Entry::Deletion(Box::new(noroshi_sift::chain::Deletion {
            form: noroshi_sift::chain::DELETION_FORM.to_owned(),
            sensor: "sensor".parse().unwrap(),
            sequence,
            previous: noroshi_sift::digest::Digest::of(b"before"),
            deleted_at: "2026-11-27T12:00:00Z".parse().unwrap(),
            program: noroshi_sift::digest::Digest::of(b"program"),
            files: Vec::new(),
            signature: None,
        }))
    }

    #[test]
    fn the_end_of_a_chain_is_found_by_going_on_from_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (dir, end) = (dir.path(), End::default());
        let write = |number: u64| {
            let Entry::Deletion(entry) = deletion(number) else { panic!("a deletion") };
            fs::write(entry_path(dir, number), serde_json::to_string(&entry).unwrap()).unwrap();
        };
        let last = |end: &End| end.last(dir).unwrap().map(|entry| entry.sequence());
        assert_eq!(last(&end), None);
        // A chain that was begun elsewhere does not begin at zero.
        for number in 7..=11 {
            write(number);
        }
        assert_eq!(last(&end), Some(11));
        for number in [12, 13] {
            write(number);
        }
        // Whoever lists the folder finds what does not follow; whoever goes on does not list it.
        write(99);
        assert_eq!((last(&end), last(&End::default())), (Some(13), Some(99)));
        fs::remove_file(entry_path(dir, 99)).unwrap();
        fs::remove_file(entry_path(dir, 13)).unwrap();
        assert_eq!(last(&end), Some(12), "what was removed is not the end");
    }

    #[test]
    fn what_was_not_certified_is_found_in_every_partition() {
        let dir = tempfile::tempdir().unwrap();
        let places = ["records/day=2026-11-23/measure=own-network", "records"];
        for place in places {
            fs::create_dir_all(dir.path().join(place)).unwrap();
            for name in ["3.parquet", "4.parquet"] {
                fs::write(dir.path().join(place).join(name), "x").unwrap();
            }
        }
        remove_uncertified(dir.path(), 4).unwrap();
        for place in places {
            assert!(dir.path().join(place).join("3.parquet").try_exists().unwrap());
            assert!(!dir.path().join(place).join("4.parquet").try_exists().unwrap());
        }
        // What is certified stays, whoever asks.
        fs::write(entry_path(dir.path(), 3), "{}").unwrap();
        let refused = remove_uncertified(dir.path(), 3);
        assert!(matches!(refused, Err(Failed::Usage { code: "NRS-SIFT-0123", .. })), "{refused:?}");
        for place in places {
            assert!(dir.path().join(place).join("3.parquet").try_exists().unwrap());
        }
    }

    #[test]
    fn what_a_killed_interval_was_writing_goes_with_the_next_lock() {
        let dir = tempfile::tempdir().unwrap();
        let records = dir.path().join("records");
        fs::create_dir(&records).unwrap();
        for name in ["4.parquet.part", "7.parquet.part", "3.parquet"] {
            fs::write(records.join(name), "x").unwrap();
        }
        let held = lock(dir.path()).unwrap();
        let left: Vec<_> =
            fs::read_dir(&records).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["3.parquet"]);
        // Who does not get the lock removes nothing: somebody writes there.
        fs::write(records.join("4.parquet.part"), "x").unwrap();
        assert!(matches!(lock(dir.path()), Err(Failed::Usage { code: "NRS-SIFT-0096", .. })));
        assert!(records.join("4.parquet.part").try_exists().unwrap());
        drop(held);
    }

    #[test]
    fn a_clock_set_back_a_little_breaks_no_chain_and_one_set_back_by_more_is_refused() {
        let last = deletion(1);
        let begin = |now: &str| started_at(Some(&last), now.parse().unwrap());
        let ended: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        assert_eq!(begin("2026-11-27T12:00:01Z").unwrap(), "2026-11-27T12:00:01Z".parse().unwrap());
        assert_eq!(begin("2026-11-27T11:50:00Z").unwrap(), ended);
        let refused = begin("2026-11-27T11:49:59Z");
        assert!(matches!(refused, Err(Failed::Usage { code: "NRS-SIFT-0122", .. })), "{refused:?}");
        assert_eq!(started_at(None, ended).unwrap(), ended);
    }
}
