//! What hunts leave beside the record of hunts, and for how long.
//!
//! | file below `DIR/hunts/<record>` | what it holds | until when |
//! |---|---|---|
//! | `<n>.hits.jsonl` | where hits lie: file, row and selector, nothing of a record | as the record of hunts |
//! | `<n>.sightings.json` | counts and times for each selector that was newly seen | until the first of the records behind it may not be retained any longer |
//!
//! A record of hunts has a folder of its own, named by the first digits of its first entry's digest: numbers mean something
//! within a record only.
//!
//! INVARIANT: no part of a mechanical record is written here, so that what is certified as deleted lies nowhere else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use noroshi_evidence::mechanical::MechanicalRecord;
use noroshi_hunt::record::Seen as Commitment;
use noroshi_sift::digest::Digest;
use noroshi_sift::sighting::{Committed, HANDED_IN_MAX, Sighting, handed_in};
use serde::{Deserialize, Serialize};

use super::super::cli::{io, usage, write};
use super::super::folder;
use super::{house, results};
use crate::cli::{Failed, tell};

/// What was newly seen, as it lies in the folder.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// Until when it may lie there.
    retain_until: Timestamp,
    sightings: Vec<Sighting>,
}

/// A line of hits as earlier versions wrote it: with the record.
#[derive(Debug, Deserialize)]
struct Whole {
    record: MechanicalRecord,
}

const SIGHTINGS: &str = ".sightings.json";
const HITS: &str = ".hits.jsonl";

/// How many digits of a digest name a folder.
const DIGITS: usize = 16;

/// The folder of what hunts of a record found. `first` is the digest of the record's first entry.
pub(super) fn of_record(dir: &Path, first: &Digest) -> PathBuf {
    results(dir).join(first.to_string().chars().take(DIGITS).collect::<String>())
}

fn path(below: &Path, number: u64) -> PathBuf {
    below.join(format!("{number}{SIGHTINGS}"))
}

/// Where the hits of a hunt lie.
pub(super) fn hits_path(below: &Path, number: u64) -> PathBuf {
    below.join(format!("{number}{HITS}"))
}

/// Keeps what was newly seen beside the record, until it is handed in and no longer than it may be; what the record says
/// of it. Of more than are handed in those seen most often are kept.
pub(super) fn sightings(
    below: &Path,
    number: u64,
    until: Option<Timestamp>,
    sightings: Vec<Sighting>,
) -> Result<Commitment, Failed> {
    let (sightings, left) = handed_in(sightings, HANDED_IN_MAX);
    if left > 0 {
        tell(&format!(
            "NRS-HUNT-0011: {left} sightings, the least often seen, are left out; the platform takes {HANDED_IN_MAX} of one hunt"
        ));
    }
    let commitment = Commitment {
        sightings: Committed::to(&sightings).map_err(house)?,
        retain_until: until.filter(|_| !sightings.is_empty()),
    };
    fs::create_dir_all(below).map_err(io(below))?;
    if let Some(retain_until) = commitment.retain_until {
        let text =
            serde_json::to_string_pretty(&Seen { retain_until, sightings }).map_err(house)?;
        write(&path(below, number), text.as_bytes())?;
    } else {
        folder::remove(&path(below, number))?;
    }
    folder::sync(below)?;
    Ok(commitment)
}

/// What a hunt saw that had not been known, as far as it may still lie there at `now`.
pub(super) fn seen(below: &Path, number: u64, now: Timestamp) -> Result<Vec<Sighting>, Failed> {
    let path = path(below, number);
    let Some(bytes) = read(&path)? else { return Ok(Vec::new()) };
    if let Ok(seen) = serde_json::from_slice::<Seen>(&bytes) {
        return Ok(if seen.retain_until > now { seen.sightings } else { Vec::new() });
    }
    // As earlier versions wrote it.
    serde_json::from_slice(&bytes).map_err(|_| {
        usage("NRS-SIFT-0023", format!("`{}` is not a list of sightings", path.display()))
    })
}

/// A file, where it is there: a hunt and a purge may clear up at the same time.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Failed> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(io(path)(problem)),
    }
}

/// Removes what may not lie below `DIR/hunts` any longer at `now`. What earlier versions wrote of records goes, too.
pub(in crate::sift) fn forget(dir: &Path, now: Timestamp) -> Result<(), Failed> {
    let below = results(dir);
    if !fs::exists(&below).map_err(io(&below))? {
        return Ok(());
    }
    for entry in fs::read_dir(&below).map_err(io(&below))? {
        let path = entry.map_err(io(&below))?.path();
        if path.is_dir() {
            forget_below(&path, now)?;
        }
    }
    // Earlier versions had no folder for each record.
    forget_below(&below, now)
}

/// Removes what hunts saw in a file of records, where that is to be removed before its time. A hunt looks through several
/// files and its sightings are sums: all of those go in which the file has a part.
pub(in crate::sift) fn forget_of(dir: &Path, records: &Path) -> Result<(), Failed> {
    #[derive(Deserialize)]
    struct Hit {
        file: PathBuf,
    }
    let below = results(dir);
    if !fs::exists(&below).map_err(io(&below))? {
        return Ok(());
    }
    let folders = fs::read_dir(&below).map_err(io(&below))?;
    for folder in folders {
        let folder = folder.map_err(io(&below))?.path();
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(io(&folder))? {
            let path = entry.map_err(io(&folder))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let Some(number) = name.as_ref().and_then(|name| name.strip_suffix(HITS)) else {
                continue;
            };
            let text = read(&path)?.unwrap_or_default();
            let mut lines = text.split(|byte| *byte == b'\n');
            let is_of = |line: &[u8]| {
                serde_json::from_slice::<Hit>(line).is_ok_and(|hit| hit.file.ends_with(records))
            };
            if lines.any(is_of) && folder::remove(&folder.join(format!("{number}{SIGHTINGS}")))? {
                folder::sync(&folder)?;
            }
        }
    }
    Ok(())
}

fn forget_below(below: &Path, now: Timestamp) -> Result<(), Failed> {
    let entries = match fs::read_dir(below) {
        Ok(entries) => entries,
        // A job that came to its end just now.
        Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(()),
        Err(problem) => return Err(io(below)(problem)),
    };
    let mut has_removed = false;
    for entry in entries {
        let path = entry.map_err(io(below))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name else { continue };
        if name.ends_with(SIGHTINGS) {
            let seen = read(&path)?.map(|bytes| serde_json::from_slice::<Seen>(&bytes));
            if seen.is_some_and(|seen| seen.is_ok_and(|seen| seen.retain_until <= now)) {
                has_removed |= folder::remove(&path)?;
            }
        } else if let Some(number) = name.strip_suffix(HITS) {
            forget_hits(below, number, now)?;
        }
    }
    if has_removed { folder::sync(below) } else { Ok(()) }
}

/// Takes records that are over out of hits of an earlier version, and what was counted from them.
fn forget_hits(below: &Path, number: &str, now: Timestamp) -> Result<(), Failed> {
    let path = below.join(format!("{number}{HITS}"));
    let Some(text) = read(&path)? else { return Ok(()) };
    let is_over = |line: &&[u8]| {
        serde_json::from_slice::<Whole>(line).is_ok_and(|hit| hit.record.retain_until <= now)
    };
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let left: Vec<u8> = lines.filter(|line| !is_over(line)).flatten().copied().collect();
    if left.len() < text.len() {
        write(&path, &left)?;
        folder::remove(&below.join(format!("{number}{SIGHTINGS}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_records_that_are_removed_before_their_time_no_sums_of_hunts_are_left() {
        let dir = tempfile::tempdir().unwrap();
        let below = results(dir.path()).join("0123456789abcdef");
        fs::create_dir_all(&below).unwrap();
        let hit = |file: &str| {
            format!("{{\"file\":\"{file}\",\"known\":false,\"row\":0,\"selector\":\"one\"}}\n")
        };
        let gone = "records/day=2026-11-01/measure=measure-7/3.parquet";
        let other = "records/day=2026-11-01/measure=own-network/13.parquet";
        for (number, files) in [(1, vec![other]), (2, vec![other, gone]), (4, vec![gone])] {
            let hits: String = files.into_iter().map(hit).collect();
            fs::write(hits_path(&below, number), hits).unwrap();
            fs::write(path(&below, number), "[]").unwrap();
        }
        forget_of(dir.path(), Path::new(gone)).unwrap();
        let left = [1, 2, 4].map(|number| path(&below, number).exists());
        assert_eq!(left, [true, false, false]);
        forget_of(&dir.path().join("without-hunts"), Path::new(gone)).unwrap();
    }

    #[test]
    fn records_that_an_earlier_version_wrote_go_when_they_are_over() {
        let dir = tempfile::tempdir().unwrap();
        let below = results(dir.path());
        fs::create_dir(&below).unwrap();
        let line = |address: &str, until: &str| {
            format!(
                "{{\"file\":\"records/0.parquet\",\"known\":false,\"record\":{{\"direction\":\"own-network\",\
                 \"dst_ip\":\"{address}\",\"retain_until\":\"{until}\",\"selector_id\":\"one\",\"selector_version\":1,\
                 \"ts\":\"2026-11-01T00:00:00Z\"}},\"row\":0}}\n"
            )
        };
        let (over, still) = (
            line("203.0.113.5", "2026-12-01T00:00:00Z"),
            line("203.0.113.6", "2026-12-03T00:00:00Z"),
        );
        let hits = below.join("1.hits.jsonl");
        fs::write(&hits, format!("{over}{still}")).unwrap();
        fs::write(below.join("1.sightings.json"), "[]").unwrap();
        forget(dir.path(), "2026-11-30T23:59:59Z".parse().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&hits).unwrap(), format!("{over}{still}"));
        forget(dir.path(), "2026-12-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&hits).unwrap(), still);
        assert!(!below.join("1.sightings.json").try_exists().unwrap());
    }
}
