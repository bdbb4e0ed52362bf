//! `noroshi sift purge`: deletes records whose retention is over, and certifies that they are gone.
//!
//! First the file of records is removed, and what was summed up from them: sightings of the selection and those of hunts in
//! it. When the removal is durable the entry of the chain says so: what is certified as gone is gone. A run that ends in
//! between is made up for by the next one, which then states that the file was not found any
//! more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use noroshi_sift::certificate::Certificate;
use noroshi_sift::chain::{Deleted, Deletion, Entry, FILES_MAX, retain_until};
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::Link;
use serde_json::json;

use super::cli::{program_digest, usage, write};
use super::{folder, hunt};
use crate::cli::{Ended, Failed, Format, print};
use crate::office::clock::Clock;

/// `noroshi sift purge`.
#[derive(Debug, clap::Args)]
pub struct Purge {
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// The folder that `noroshi sift run` writes.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Runs the verb.
pub(super) fn run(asked: &Purge, format: Format) -> Ended {
    let _lock = folder::lock(&asked.dir)?;
    let now = Clock.now();
    let mut kept = Kept::default();
    if !asked.dry_run {
        // What no certificate covers has no retention either.
        let last = folder::last(&asked.dir)?;
        folder::remove_uncertified(&asked.dir, last.map_or(0, |last| last.sequence() + 1))?;
    }
    let found = if asked.dry_run {
        let due = kept.due(&asked.dir, now)?;
        due.over.iter().map(|certificate| certificate.rows).collect()
    } else {
        purge(&asked.dir, &mut kept, program_digest()?, now)?
    };
    let rows: u64 = found.iter().sum();
    match format {
        Format::Json => print(
            &json!({ "files": found.len(), "rows": rows, "dry_run": asked.dry_run }).to_string(),
        ),
        Format::Human | Format::Plain => {
            let done = if asked.dry_run { "would be deleted" } else { "deleted" };
            print(&format!("{} files with {rows} records {done}", found.len()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Deletes what is due and certifies it; the rows of each file. Whoever calls holds the lock of the folder.
pub(super) fn purge(
    dir: &Path,
    kept: &mut Kept,
    program: Digest,
    now: Timestamp,
) -> Result<Vec<u64>, Failed> {
    let Due { over, empty, latest } = kept.due(dir, now)?;
    // What was counted from records goes before it is said that they are gone.
    hunt::keep::forget(dir, now)?;
    let mut has_removed = false;
    for certificate in over.iter().chain(&empty) {
        let sightings = dir.join("sightings").join(format!("{}.json", certificate.sequence));
        has_removed |= folder::remove(&sightings)?;
        // The newest ones lie there a second time.
        if latest == Some(certificate.sequence) {
            folder::remove(&dir.join("sightings.json"))?;
        }
    }
    if has_removed {
        folder::sync(&dir.join("sightings"))?;
        folder::sync(dir)?;
    }
    // Earlier versions wrote a file of no records.
    for certificate in &empty {
        if let Some(path) = folder::records_of(dir, certificate)? {
            folder::remove(&dir.join(path))?;
        }
    }
    for part in over.chunks(FILES_MAX) {
        delete((dir, &kept.end), program, part, now)?;
    }
    kept.let_go(over.iter().chain(&empty));
    Ok(over.iter().map(|certificate| certificate.rows).collect())
}

/// What may not be retained any longer.
struct Due {
    /// Certificates with records that are not certified as gone.
    over: Vec<Certificate>,
    /// Certificates of no record: there is nothing to certify.
    empty: Vec<Certificate>,
    /// The number of the last selection.
    latest: Option<u64>,
}

/// Until when what the chain of a folder covers may be retained. Each entry is read once, however often it is asked what is
/// due; of a selection its number and a time stay in memory.
#[derive(Default)]
pub(super) struct Kept {
    /// The number after the last entry that was read; none before the first.
    next: Option<u64>,
    /// Selections that are not certified as gone, by their numbers.
    until: BTreeMap<u64, Timestamp>,
    /// The number of the last selection.
    latest: Option<u64>,
    end: folder::End,
}

impl Kept {
    /// Reads what has come since; how many entries.
    pub(super) fn read_on(&mut self, dir: &Path) -> Result<u64, Failed> {
        let mut read = 0;
        if self.next.is_none() {
            for sequence in folder::numbers(dir)? {
                read += u64::from(self.take(sequence, folder::entry(dir, sequence)?));
            }
        }
        while let Some(next) = self.next
            && self.take(next, folder::entry(dir, next)?)
        {
            read += 1;
        }
        Ok(read)
    }

    /// Takes in an entry; whether it is there.
    fn take(&mut self, sequence: u64, entry: Option<Entry>) -> bool {
        match entry {
            None => return false,
            Some(Entry::Deletion(deletion)) => {
                for file in &deletion.files {
                    self.until.remove(&file.sequence);
                }
            }
            Some(Entry::Selection(certificate)) => {
                self.latest = Some(sequence);
                self.until.extend(retain_until(&certificate).map(|until| (sequence, until)));
            }
        }
        self.next = Some(sequence + 1);
        true
    }

    /// What is due, in the order of the chain. Nothing is changed in the folder.
    fn due(&mut self, dir: &Path, now: Timestamp) -> Result<Due, Failed> {
        self.read_on(dir)?;
        let mut over = Vec::new();
        for (sequence, _) in self.until.iter().filter(|(_, until)| **until <= now) {
            if let Some(Entry::Selection(certificate)) = folder::entry(dir, *sequence)? {
                over.push(*certificate);
            }
        }
        let (empty, over) = over.into_iter().partition(|certificate| certificate.rows == 0);
        Ok(Due { over, empty, latest: self.latest })
    }

    /// These are gone, and where there were records that is certified.
    fn let_go<'a>(&mut self, gone: impl Iterator<Item = &'a Certificate>) {
        for certificate in gone {
            self.until.remove(&certificate.sequence);
        }
    }
}

fn delete(
    chain: (&Path, &folder::End),
    program: Digest,
    due: &[Certificate],
    now: Timestamp,
) -> Result<(), Failed> {
    let (dir, end) = chain;
    let house = |problem: serde_json::Error| Failed::House(Box::new(problem));
    let Some(last) = end.last(dir)? else { return Ok(()) };
    let mut files = Vec::new();
    for certificate in due {
        let path = folder::records_of(dir, certificate)?;
        let path = path.unwrap_or_else(|| folder::partition(certificate));
        let found = folder::remove(&dir.join(&path))?;
        if let Some(parent) = path.parent().filter(|_| found) {
            folder::sync(&dir.join(parent))?;
        }
        // What they were summed up to goes with them, before the entry says that they are gone.
        folder::remove_sightings(dir, certificate.sequence)?;
        files.extend(Deleted::of(certificate, &path.to_string_lossy(), found));
    }
    let link = Link::after_entry(&last).map_err(house)?;
    folder::remove_uncertified(dir, link.sequence)?;
    remove_empty(dir, &files);
    let deletion =
        Deletion::certify(last.sensor().clone(), link, program, files, now.max(last.times().1));
    let deletion = deletion.map_err(|problem| {
        let words = problem.to_string();
        let (code, plain) = match words.split_once(": ") {
            Some(("NRS-SIFT-0009", plain)) => ("NRS-SIFT-0009", plain),
            Some(("NRS-SIFT-0010", plain)) => ("NRS-SIFT-0010", plain),
            _ => ("NRS-SIFT-0004", "the chain of certificates does not go on"),
        };
        usage(code, plain)
    })?;
    let deletion = match folder::key(dir)? {
        Some(key) => deletion.sign(&key).map_err(house)?,
        None => deletion,
    };
    let text = serde_json::to_string_pretty(&deletion).map_err(house)?;
    write(&folder::entry_path(dir, deletion.sequence), text.as_bytes())?;
    folder::sync(dir)
}

/// Folders of days and measures that hold nothing any more. One that is not empty stays; that is no failure.
fn remove_empty(dir: &Path, files: &[Deleted]) {
    let parents: BTreeSet<PathBuf> = files
        .iter()
        .filter_map(|file| Path::new(&file.path).parent().map(Path::to_owned))
        .collect();
    // Earlier versions had no partitions: that folder stays.
    for measure in parents.iter().filter(|path| path.as_path() != Path::new("records")) {
        let day = measure.parent().filter(|day| *day != Path::new("records"));
        for folder in [Some(measure.as_path()), day].into_iter().flatten() {
            drop(std::fs::remove_dir(dir.join(folder)));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use noroshi_ledger::certificate::check;
    use noroshi_sift::engine::{Engine, Settings};
    use noroshi_sift::index::SelectorIndex;
    use noroshi_sift::mode::Mode;
    use noroshi_sift::selector::parse_list;
    use noroshi_sift::signature::SecretKey;

    use super::super::cli::Place;
    use super::*;

    fn at(day: i64) -> Timestamp {
        let begin: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        begin + SignedDuration::from_hours(24 * day)
    }

    /// A selection of one day that keeps so many records.
    fn select(dir: &Path, day: i64, records: usize) {
        let place = Place::open(dir).unwrap();
        let link = match place.last().unwrap() {
            Some(entry) => Link::after_entry(&entry).unwrap(),
            None => Link::FIRST,
        };
        let settings = Settings {
            sensor: "sensor-1".parse().unwrap(),
            own_networks: vec!["192.0.2.0/24".parse().unwrap()],
            retention_days: 30,
            program: Digest::of(b"build"),
            link,
            started_at: at(day),
        };
        let (list, _) = parse_list(b"203.0.113.5\n");
        let index = SelectorIndex::build(list).unwrap();
        let (part, sink) = place.new_records(link.sequence).unwrap();
        let mut engine = Engine::new(Mode::OwnNetwork, index, settings, sink).unwrap();
        let line =
            "{\"ts\":1790000000,\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"203.0.113.5\"}\n";
        engine.read("conn.log", line.repeat(records).as_bytes()).unwrap();
        let outcome = engine.finish(at(day)).unwrap();
        let outcome = super::super::cli::signed(&place, outcome).unwrap();
        place.keep(&part, &outcome).unwrap();
    }

    /// Every file of a folder, and the folders.
    fn names(dir: &Path) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(names(&path));
            }
            found.insert(path);
        }
        found
    }

    #[test]
    fn who_only_asks_what_is_due_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        for (day, records) in [(0, 0), (1, 2)] {
            select(dir, day, records);
        }
        // A selection that kept nothing leaves no file; earlier versions wrote one.
        let Some(Entry::Selection(first)) = folder::entry(dir, 0).unwrap() else {
            panic!("a selection")
        };
        let empty = dir.join(folder::partition(&first));
        assert!(!empty.try_exists().unwrap());
        std::fs::create_dir_all(empty.parent().unwrap()).unwrap();
        std::fs::write(&empty, "PAR1").unwrap();
        let before = names(dir);
        let due = Kept::default().due(dir, at(40)).unwrap();
        assert_eq!((due.over.len(), due.empty.len(), due.latest), (1, 1, Some(1)));
        assert_eq!(names(dir), before);
        purge(dir, &mut Kept::default(), Digest::of(b"build"), at(40)).unwrap();
        assert!(!empty.try_exists().unwrap());
    }

    fn verified(dir: &Path, key: [u8; 32]) -> noroshi_ledger::certificate::Report {
        let numbers = folder::numbers(dir).unwrap();
        let file = |number: u64| {
            let path = folder::entry_path(dir, number);
            (path.display().to_string(), std::fs::read(path).unwrap())
        };
        let entries: Vec<_> = numbers.into_iter().map(file).collect();
        check(&entries, &[], Some(key)).unwrap_or_else(|broken| panic!("{broken:?}"))
    }

    #[test]
    fn what_is_over_is_gone_and_certified_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        std::fs::write(dir.join("sensor.key"), "07".repeat(32)).unwrap();
        let public = noroshi_ledger::certificate::read_key(
            &SecretKey::of_seed([7; 32]).public().to_string(),
        )
        .unwrap();
        for (day, records) in [(0, 3), (0, 0), (1, 2), (20, 4)] {
            select(dir, day, records);
        }
        let program = Digest::of(b"build");
        let over = |now: Timestamp| purge(dir, &mut Kept::default(), program, now);
        assert_eq!(over(at(29)).unwrap(), Vec::<u64>::new(), "nothing is due");
        assert_eq!(verified(dir, public).deletions, 0);
        // What was removed by hand meanwhile is certified as not found.
        let entry = folder::entry(dir, 2).unwrap();
        let Some(Entry::Selection(second)) = entry else { panic!("a selection") };
        std::fs::remove_file(dir.join(folder::partition(&second))).unwrap();
        assert_eq!(over(at(31)).unwrap(), [3, 2]);
        let report = verified(dir, public);
        assert_eq!((report.deletions, report.rows_deleted, report.rows), (1, 5, 9));
        let Some(Entry::Deletion(deletion)) = folder::last(dir).unwrap() else {
            panic!("a deletion")
        };
        assert_eq!(deletion.files.iter().map(|file| file.found).collect::<Vec<_>>(), [true, false]);
        // Sightings go with the records they are of; those of what stays do.
        let sightings = |number: u64| dir.join(format!("sightings/{number}.json"));
        assert!(dir.join("sightings.json").try_exists().unwrap(), "of the last one, which stays");
        assert!(
            !dir.join("records/day=2026-11-01").try_exists().unwrap()
                && dir.join("records/day=2026-11-21").try_exists().unwrap()
        );
        let left = |number: u64| sightings(number).try_exists().unwrap();
        assert_eq!((0..4).map(left).collect::<Vec<_>>(), [false, false, false, true]);
        // Once is enough; selections go on behind it. What an interval that was never certified left goes first.
        assert_eq!(over(at(31)).unwrap(), Vec::<u64>::new());
        select(dir, 31, 1);
        let left = ["follow/6.json", "sightings/6.json", "records/day=2026-12-02/6.parquet"];
        for name in left {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "left by an interval that was killed").unwrap();
        }
        assert_eq!(over(at(90)).unwrap(), [4, 1]);
        assert!(
            matches!(folder::last(dir).unwrap(), Some(Entry::Deletion(one)) if one.sequence == 6)
        );
        assert!(left.iter().all(|name| !dir.join(name).try_exists().unwrap()));
        assert_eq!(verified(dir, public).rows_deleted, 10);
        assert!(!dir.join("sightings.json").try_exists().unwrap(), "nothing repeats what is gone");
        assert!(!sightings(3).try_exists().unwrap() && !sightings(5).try_exists().unwrap());
    }

    /// What lies in a folder, certificates of deletions as what they say was deleted.
    fn contents(dir: &Path) -> BTreeSet<String> {
        let below = |path: PathBuf| {
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            let text = std::fs::read(&path).unwrap_or_default();
            match serde_json::from_slice::<Deletion>(&text) {
                Ok(deletion) => format!("{name}: {:?}", deletion.files),
                Err(_) => name,
            }
        };
        names(dir).into_iter().map(below).collect()
    }

    #[test]
    fn a_service_reads_each_entry_once_and_deletes_what_who_reads_all_would() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, other) = (one.path(), other.path());
        let program = Digest::of(b"build");
        let mut kept = Kept::default();
        // Selections that keep something and such that do not; what is over comes bit by bit.
        let rounds: [&[(i64, usize)]; 5] =
            [&[(0, 2), (0, 0), (3, 1)], &[(10, 4), (11, 0)], &[], &[(35, 1)], &[(80, 3)]];
        let days = [5, 31, 34, 42, 90];
        let mut deletions = 0;
        for (selected, day) in rounds.into_iter().zip(days) {
            for (day, records) in selected {
                select(one, *day, *records);
                select(other, *day, *records);
            }
            let new = selected.len() as u64 + deletions;
            assert_eq!(kept.read_on(one).unwrap(), new, "only what is new");
            let rows = purge(one, &mut kept, program, at(day)).unwrap();
            assert_eq!(rows, purge(other, &mut Kept::default(), program, at(day)).unwrap());
            assert_eq!(contents(one), contents(other));
            deletions = u64::from(!rows.is_empty());
        }
        assert_eq!(kept.until.len(), 1, "of what is gone nothing stays in memory");
        assert!(contents(one).iter().any(|name| name.contains("RetentionOver")));
    }
}
