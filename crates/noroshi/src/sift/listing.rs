//! What files there are, without reading them, and of which of them the beginning has to be read.
//!
//! A file whose length, times and identity are what they were has not been written to, and begins as it did when it was
//! last read. Times are coarse: what is written within one of their steps leaves them as they are. So a beginning counts
//! only where it was read [`SETTLED`] after the file was first seen as it is.
//!
//! Files that are new, or are to be read as a whole and rest, are held against all the others; then all beginnings are read,
//! unless theirs cannot be. One of which nothing came waits, mostly for another one that it is a copy of: as long as the
//! files are the same and each only grows it goes on waiting, and is not held against them again. Where a look came to
//! nothing and nothing changes afterwards, the next look is a listing and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use noroshi_sift::follow::{Entry, Follower, HEAD_BYTES, Identity, Step};
use noroshi_sift::sealed::Sealed;

use crate::office::clock::Clock;

/// How long after a file was first seen as it is its beginning is to be read for the last time: longer than a step of the
/// times of any file system.
const SETTLED: Duration = Duration::from_secs(3);
/// How long nothing may have been written to what is read as a whole: captures, tables, packed logs.
const REST: SignedDuration = SignedDuration::from_secs(5);

/// How often the beginning of a file is read that is cut meanwhile.
const HEAD_TRIES: usize = 64;

/// What changes when a file is written to, cut, renamed or exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    identity: Identity,
    size: u64,
    /// Seconds and billionths since its content was written, and since anything of it changed.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stat {
    fn of(metadata: &Metadata) -> Self {
        Self {
            identity: identity_of(metadata),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

pub(super) fn identity_of(metadata: &Metadata) -> Identity {
    Identity { device: metadata.dev(), inode: metadata.ino() }
}

/// A file that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: String,
    stat: Stat,
    pub(super) wanted: bool,
    is_resting: bool,
    /// Who reads once does not wait until anything rests.
    is_once: bool,
}

impl Found {
    /// Whether it is, as it is now, to be held against all others.
    fn compares(&self, follower: &Follower) -> bool {
        follower.compares(self.stat.identity, self.stat.size, self.wanted, self.is_resting)
    }

    /// Whether it is the same file, in the same place, whatever was written into it.
    fn is_still(&self, other: &Self) -> bool {
        let what = |file: &Self| (file.stat.identity, file.wanted, file.is_resting);
        self.path == other.path && what(self) == what(other)
    }

    /// Whether its beginning matters at all.
    fn matters(&self, follower: &Follower) -> bool {
        self.wanted || follower.knows(self.stat.identity)
    }

    /// As the opened file says of itself: another one may lie under the name by now.
    fn seen_as(&self, metadata: &Metadata) -> io::Result<Self> {
        let (path, stat) = (self.path.clone(), Stat::of(metadata));
        let is_resting = self.is_once || rests(metadata)?;
        Ok(Self { path, stat, is_resting, ..*self })
    }
}

/// `None` for what is no file.
pub(super) fn look_at(path: &Path, wanted: bool, is_once: bool) -> io::Result<Option<Found>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let (path, stat) = (path.display().to_string(), Stat::of(&metadata));
    let is_resting = is_once || rests(&metadata)?;
    Ok(Some(Found { path, stat, wanted, is_resting, is_once }))
}

/// Of a time that lies ahead nothing follows; then it counts only that the length stays the same.
fn rests(metadata: &Metadata) -> io::Result<bool> {
    let since = Timestamp::try_from(metadata.modified()?).map(|at| Clock.now().duration_since(at));
    Ok(since.map_or(true, |since| since.is_negative() || since >= REST))
}

/// The beginning of a file, and what the file says of itself. `None` for what is no file any more.
///
/// Both are of one moment: the length that a file had before it was cut, beside the beginning that it has afterwards, would
/// look like another file of which nothing has been read.
pub(super) fn read_head(path: &str) -> io::Result<Option<(Metadata, Vec<u8>)>> {
    // A pipe would block whoever opens it.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    for _ in 0..HEAD_TRIES {
        let metadata = file.metadata()?;
        head.clear();
        file.seek(SeekFrom::Start(0))?;
        file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        let is_all_there = head.len() as u64 >= metadata.len().min(HEAD_BYTES as u64);
        if is_all_there && file.metadata()?.len() >= metadata.len() {
            return Ok(Some((metadata, head)));
        }
    }
    // Whoever cuts it again and again has it told as something that cannot be read now.
    Err(io::ErrorKind::ResourceBusy.into())
}

/// A file with its beginning, where that had to be read.
pub(super) struct Shown {
    file: Found,
    head: Option<Vec<u8>>,
    is_busy: bool,
}

impl Shown {
    /// As it is shown to a follower.
    pub(super) fn entry(&self) -> Entry<'_> {
        let Self { file, head, is_busy } = self;
        Entry {
            path: &file.path,
            identity: file.stat.identity,
            size: file.stat.size,
            wanted: file.wanted,
            is_resting: file.is_resting,
            is_busy: *is_busy,
            head: head.as_deref().map(Sealed::new),
        }
    }
}

/// A file with its beginning; `None` where it is gone by now.
type ShownOf = io::Result<Option<Shown>>;

/// Reads the beginning of a file.
fn shown(
    file: &Found,
    read: &mut impl FnMut(&str) -> io::Result<Option<(Metadata, Vec<u8>)>>,
) -> ShownOf {
    let Some((metadata, head)) = read(&file.path)? else { return Ok(None) };
    Ok(Some(Shown { file: file.seen_as(&metadata)?, head: Some(head), is_busy: false }))
}

/// What a look showed.
#[derive(Default)]
pub(super) struct Look {
    pub(super) files: Vec<Shown>,
    /// Files that could not be read, and why.
    pub(super) failed: Vec<(Found, io::Error)>,
    /// Whether all was as at the look before, so that nothing comes of it unless something had been left over.
    pub(super) is_as_before: bool,
}

/// A file as it was at the last look.
struct Known {
    stat: Stat,
    /// Since when it has been like that.
    since: Instant,
    /// Whether its beginning was read late enough to count.
    is_compared: bool,
}

/// What was seen at the last look. It holds for the state of reading that was shown it, and for no other.
#[derive(Default)]
pub(super) struct Listing {
    known: BTreeMap<Identity, Known>,
    last: (Vec<Found>, bool),
    is_quiet: bool,
    /// Files that were held against all others, as they are, and of which nothing came.
    waiting: BTreeSet<Identity>,
    /// Files that are held against all others in this look although they are as they were, and whether they were known.
    compared: BTreeMap<Identity, bool>,
    /// How many files had been cut by the last look.
    cut: u64,
}

impl Listing {
    /// Whether nothing has changed since a look of which nothing came.
    pub(super) fn is_quiet(&self, found: &[Found], is_partial: bool) -> bool {
        self.is_quiet && self.last.0 == found && self.last.1 == is_partial
    }

    /// Notes what came of a look. `is_quiet` says that the files were as they were, and that it came to nothing: neither
    /// something to be read nor a change of what is known of them. Then nothing comes of the next one either.
    pub(super) fn settle(&mut self, follower: &Follower, steps: &[Step], is_quiet: bool) {
        self.is_quiet = is_quiet;
        let cut = follower.notes().cut;
        if std::mem::replace(&mut self.cut, cut) != cut {
            // What was cut begins anew, and does not compare any more: only its copies do, for whose sake all are shown.
            self.waiting.clear();
        }
        let read: BTreeSet<Identity> = steps.iter().map(|step| step.identity).collect();
        let compared = std::mem::take(&mut self.compared).into_iter();
        let has_come = |(identity, was_known): &(Identity, bool)| {
            read.contains(identity) || follower.knows(*identity) != *was_known
        };
        self.waiting.extend(compared.filter(|one| !has_come(one)).map(|(identity, _)| identity));
    }

    /// Reads the beginnings of files that are to be held against all others, by where they stand in `found`. Those that wait
    /// go on waiting as long as each file stays what it was and where it was, and none is cut.
    fn show_compared(
        &mut self,
        found: &[Found],
        follower: &Follower,
        read: &mut impl FnMut(&str) -> io::Result<Option<(Metadata, Vec<u8>)>>,
    ) -> BTreeMap<usize, ShownOf> {
        let last = &self.last.0;
        let are_still = last.len() == found.len()
            && last.iter().zip(found).all(|(one, other)| one.is_still(other));
        if !are_still {
            self.waiting.clear();
        }
        let waits = |file: &Found| {
            self.waiting.contains(&file.stat.identity) && self.is_compared(&file.stat)
        };
        let compares =
            found.iter().enumerate().filter(|(_, file)| file.compares(follower) && !waits(file));
        compares.map(|(at, file)| (at, shown(file, read))).collect()
    }

    /// Notes that all beginnings are shown, and which files are held against them as they are.
    fn compare(&mut self, found: &[Found], follower: &Follower) {
        let settled = |file: &&Found| file.compares(follower) && self.is_compared(&file.stat);
        let known = |file: &Found| (file.stat.identity, follower.knows(file.stat.identity));
        self.compared = found.iter().filter(settled).map(known).collect();
        self.waiting.clear();
    }

    /// Reads the beginnings that have to be shown to `follower`. `now` lies between listing the files and reading them.
    pub(super) fn show(
        &mut self,
        found: Vec<Found>,
        is_partial: bool,
        now: Instant,
        follower: &Follower,
        mut read: impl FnMut(&str) -> io::Result<Option<(Metadata, Vec<u8>)>>,
    ) -> Look {
        let mut ahead = self.show_compared(&found, follower, &mut read);
        // One that cannot be read is held against nothing, however often that is tried.
        let needs_all = ahead.values().any(|shown| matches!(shown, Ok(Some(_))));
        if needs_all {
            self.compare(&found, follower);
        }
        let mut look = Look { is_as_before: true, ..Look::default() };
        let mut known = BTreeMap::new();
        for (at, file) in found.iter().enumerate() {
            if !file.matters(follower) {
                look.files.push(Shown { file: file.clone(), head: None, is_busy: false });
                continue;
            }
            let is_compared = self.is_compared(&file.stat);
            look.is_as_before &= is_compared;
            let shown = match ahead.remove(&at) {
                Some(shown) => shown,
                None if is_compared && !needs_all => {
                    Ok(Some(Shown { file: file.clone(), head: None, is_busy: false }))
                }
                None => shown(file, &mut read),
            };
            look.is_as_before &= matches!(shown, Ok(Some(_)));
            match shown {
                Ok(Some(shown)) => {
                    // What changed since the folder was listed is looked at anew.
                    let is_same = shown.file.stat == file.stat;
                    known.extend(
                        is_same.then(|| (file.stat.identity, self.as_known(file.stat, now))),
                    );
                    look.files.push(shown);
                }
                // It was removed or renamed since the folder was listed.
                Ok(None) => {}
                Err(problem) => {
                    // It is cut faster than it can be looked at, which is no reason to take it for gone.
                    let is_busy = problem.kind() == io::ErrorKind::ResourceBusy;
                    if is_busy && follower.knows(file.stat.identity) {
                        look.files.push(Shown { file: file.clone(), head: None, is_busy });
                    }
                    look.failed.push((file.clone(), problem));
                }
            }
        }
        look.is_as_before &= self.last.0 == found && self.last.1 == is_partial;
        self.known = known;
        self.last = (found, is_partial);
        look
    }

    fn is_compared(&self, stat: &Stat) -> bool {
        let known = self.known.get(&stat.identity);
        known.is_some_and(|known| known.stat == *stat && known.is_compared)
    }

    /// A file whose beginning is read just now, or counts already.
    fn as_known(&self, stat: Stat, now: Instant) -> Known {
        let before = self.known.get(&stat.identity).filter(|known| known.stat == stat);
        let since = before.map_or(now, |known| known.since);
        let is_compared = before.is_some_and(|known| known.is_compared)
            || now.saturating_duration_since(since) >= SETTLED;
        Known { stat, since, is_compared }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use noroshi_sift::engine::{Engine, Link, Settings};
    use noroshi_sift::export::Collector;
    use noroshi_sift::follow::{Headers, What};
    use noroshi_sift::index::SelectorIndex;
    use noroshi_sift::mode::Mode;
    use noroshi_sift::reading::Reading;
    use noroshi_sift::selector::parse_list;

    use super::*;

    /// A folder, one who follows it, and how much was read to that end.
    struct House {
        dir: tempfile::TempDir,
        listing: Listing,
        follower: Follower,
        engine: Engine<Vec<u8>>,
        headers: Headers,
        now: Instant,
        heads: usize,
        is_quiet: bool,
        /// Whether there is no time to read what is to be read.
        is_busy: bool,
        /// A file that cannot be opened.
        locked: Option<&'static str>,
    }

    fn record(second: u64) -> String {
        format!("{{\"ts\":{second},\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"203.0.113.5\"}}\n")
    }

    impl House {
        fn new() -> Self {
            let settings = Settings {
                sensor: "sensor-1".parse().unwrap(),
                own_networks: vec!["192.0.2.0/24".parse().unwrap()],
                retention_days: 30,
                program: noroshi_sift::digest::Digest::of(b"build"),
                link: Link::FIRST,
                started_at: "2026-11-01T12:00:00Z".parse().unwrap(),
            };
            let (list, _) = parse_list(b"203.0.113.5\n");
            let index = SelectorIndex::build(list).unwrap();
            Self {
                dir: tempfile::tempdir().unwrap(),
                listing: Listing::default(),
                follower: Follower::default().keyed([7; 32]),
                engine: Engine::new(Mode::OwnNetwork, index, settings, Vec::new()).unwrap(),
                headers: Headers::default(),
                now: Instant::now(),
                heads: 0,
                is_quiet: false,
                is_busy: false,
                locked: None,
            }
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.dir.path().join(name);
            let mut file = File::options().create(true).append(true).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        /// A look so long after the last one; how many beginnings it read.
        fn look(&mut self, later: Duration) -> usize {
            self.now += later;
            let mut found: Vec<Found> = std::fs::read_dir(self.dir.path())
                .unwrap()
                // How long ago something was written does not matter here.
                .filter_map(|entry| look_at(&entry.unwrap().path(), true, true).unwrap())
                .collect();
            found.sort_by(|one, other| one.path.cmp(&other.path));
            self.is_quiet = self.listing.is_quiet(&found, false);
            if self.is_quiet {
                return 0;
            }
            let before = self.heads;
            let Self { listing, follower, heads, locked, .. } = self;
            let look = listing.show(found, false, self.now, follower, |path| {
                *heads += 1;
                match locked {
                    Some(name) if path.ends_with(*name) => {
                        Err(io::ErrorKind::PermissionDenied.into())
                    }
                    _ => read_head(path),
                }
            });
            let entries: Vec<Entry<'_>> = look.files.iter().map(Shown::entry).collect();
            let known = follower.clone();
            let steps = follower.observe(&entries, false, &Reading::default());
            let is_quiet = look.is_as_before && steps.is_empty() && *follower == known;
            listing.settle(follower, &steps, is_quiet);
            for step in steps.into_iter().filter(|_| !self.is_busy) {
                let mut file = File::open(&step.path).unwrap();
                if let What::Whole { skip } = step.what {
                    let mut collector = Collector::default();
                    self.engine
                        .read_any_after(&step.path, file, skip, &Reading::default(), &mut collector)
                        .unwrap();
                    self.follower.whole(step.identity);
                } else {
                    self.engine
                        .follow(&mut self.follower, &mut self.headers, &step, &mut file, 1 << 20)
                        .unwrap();
                }
            }
            self.heads - before
        }
    }

    const TICK: Duration = Duration::from_millis(250);

    #[test]
    fn of_a_folder_at_rest_nothing_is_read_and_of_what_grows_one_beginning() {
        let mut house = House::new();
        for number in 0..40 {
            house.write(&format!("conn.{number}.log"), &record(number));
        }
        house.write("empty.log", "");
        assert_eq!(house.look(TICK), 41);
        // Times are coarse: what changed just now is read until it has settled, and then never again.
        assert_eq!(house.look(TICK), 41);
        assert_eq!(house.look(SETTLED), 41);
        assert_eq!((house.look(TICK), house.is_quiet), (0, false));
        assert_eq!((house.look(TICK), house.is_quiet), (0, true), "a listing and no more");
        house.write("conn.3.log", &record(100));
        assert_eq!((house.look(TICK), house.is_quiet), (1, false));
        assert_eq!(house.engine.tally().seen, 41);
        // It goes on growing.
        house.write("conn.3.log", &record(101));
        assert_eq!(house.look(SETTLED), 1);
        assert_eq!(house.look(SETTLED), 1);
        assert_eq!((house.look(TICK), house.engine.tally().seen), (0, 42));
        // Of a new one it has to be known what it is to the others.
        house.write("dns.log", &record(200));
        assert_eq!((house.look(TICK), house.engine.tally().seen), (42, 43));
        assert_eq!(house.look(TICK), 1);
    }

    #[test]
    fn what_was_cut_and_written_anew_to_the_same_length_is_noticed() {
        let mut house = House::new();
        house.write("conn.log", &record(10));
        house.write("dns.log", &record(20));
        // At once, within one step of the times of the file system.
        assert_eq!(house.look(TICK), 2);
        std::fs::write(house.dir.path().join("conn.log"), record(11)).unwrap();
        for later in [TICK, TICK, SETTLED, SETTLED, TICK, TICK] {
            house.look(later);
        }
        assert_eq!((house.engine.tally().seen, house.follower.notes().cut), (3, 1));
        // And long after it had settled.
        assert!(house.is_quiet);
        let path = house.dir.path().join("conn.log");
        let stat = || look_at(&path, true, true).unwrap().unwrap().stat;
        let before = stat();
        while stat() == before {
            std::fs::write(&path, record(12)).unwrap();
        }
        house.look(TICK);
        house.look(TICK);
        assert_eq!((house.engine.tally().seen, house.follower.notes().cut), (4, 2));
    }

    #[test]
    fn a_copy_that_waits_costs_nothing_while_its_original_grows_and_is_taken_up_when_that_is_cut() {
        let mut house = House::new();
        let path = |house: &House, name: &str| house.dir.path().join(name);
        house.write("a.log", &(record(10) + &record(11)));
        std::fs::copy(path(&house, "a.log"), path(&house, "b.log")).unwrap();
        for later in [TICK, SETTLED, TICK] {
            house.look(later);
        }
        house.write("a.log", &record(12));
        assert_eq!((house.look(TICK), house.look(TICK)), (1, 1), "the one that grew");
        assert_eq!(house.engine.tally().seen, 3);
        // The copy is brought on: it is held against the other one again, and waits again.
        house.write("b.log", &record(12));
        assert_eq!(house.look(TICK), 2);
        for later in [SETTLED, SETTLED, TICK] {
            house.look(later);
        }
        house.write("a.log", &record(13));
        assert_eq!((house.look(TICK), house.engine.tally().seen), (1, 4));
        house.write("b.log", &record(13));
        house.look(TICK);
        std::fs::write(path(&house, "a.log"), record(20)).unwrap();
        for later in [TICK, TICK, TICK] {
            house.look(later);
        }
        // What was read of the first is not read again, and what it has now is.
        assert_eq!((house.engine.tally().seen, house.follower.notes().cut), (5, 1));
        assert_eq!(house.follower.notes().recognised, 1);
    }

    #[test]
    fn a_copy_that_waited_long_is_taken_up_as_soon_as_its_original_is_cut() {
        // Cut to nothing, and already written to again.
        for (again, seen) in [(String::new(), 3), (record(20), 4)] {
            let mut house = House::new();
            let path = |house: &House, name: &str| house.dir.path().join(name);
            house.write("a.log", &(record(10) + &record(11)));
            house.look(TICK);
            // What comes is not read at once, and stands in the copy.
            house.is_busy = true;
            house.write("a.log", &record(12));
            std::fs::copy(path(&house, "a.log"), path(&house, "b.log")).unwrap();
            for later in [TICK, SETTLED, TICK] {
                house.look(later);
            }
            assert_eq!(house.look(TICK), 0, "it waits");
            house.is_busy = false;
            std::fs::write(path(&house, "a.log"), &again).unwrap();
            house.look(TICK);
            assert_eq!(house.look(TICK), 2, "all are held against it");
            assert_eq!((house.engine.tally().seen, house.follower.notes().cut), (seen, 1));
            assert_eq!(house.follower.notes().recognised, 1);
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_leaves_the_others_at_rest_until_it_can() {
        let mut house = House::new();
        for number in 0..40 {
            house.write(&format!("conn.{number}.log"), &record(number));
        }
        house.write("locked.log", &record(100));
        house.locked = Some("locked.log");
        for later in [TICK, SETTLED, TICK] {
            house.look(later);
        }
        assert_eq!((house.look(TICK), house.look(TICK)), (1, 1), "its own");
        house.locked = None;
        assert_eq!((house.look(TICK), house.engine.tally().seen), (41, 41));
    }

    #[test]
    fn a_capture_that_is_being_written_leaves_the_others_at_rest() {
        let mut house = House::new();
        for number in 0..40 {
            house.write(&format!("conn.{number}.log"), &record(number));
        }
        house.write("table.csv", "ts,src_ip,dst_ip\n");
        for later in [TICK, SETTLED, TICK] {
            house.write("table.csv", "100,192.0.2.7,203.0.113.5\n");
            house.look(later);
        }
        for _ in 0..3 {
            house.write("table.csv", "100,192.0.2.7,203.0.113.5\n");
            assert_eq!((house.look(TICK), house.engine.tally().seen), (1, 40), "its own");
        }
        assert_eq!((house.look(TICK), house.engine.tally().seen), (41, 46), "it rests");
    }

    #[test]
    fn what_cannot_be_read_is_tried_at_every_look_and_the_others_rest() {
        let mut house = House::new();
        house.write("conn.log", &record(10));
        std::os::unix::fs::symlink("/proc/self/mem", house.dir.path().join("failing.log")).unwrap();
        for later in [TICK, SETTLED, TICK] {
            house.look(later);
        }
        assert_eq!((house.look(TICK), house.is_quiet), (1, false));
    }

    #[test]
    fn a_beginning_and_a_length_are_of_one_moment_also_while_a_file_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conn.log");
        std::fs::write(&path, [b'x'; HEAD_BYTES]).unwrap();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut file = File::options().write(true).open(&path).unwrap();
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    file.set_len(0).unwrap();
                    file.seek(SeekFrom::Start(0)).unwrap();
                    file.write_all(&[b'x'; HEAD_BYTES]).unwrap();
                }
            });
            // Busy is an answer too.
            let looks = (0..4_000).map(|_| read_head(path.to_str().unwrap()));
            let looks: Vec<(u64, usize)> = looks
                .filter_map(|read| read.ok().flatten())
                .map(|(metadata, head)| (metadata.len(), head.len()))
                .collect();
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            let torn: Vec<_> =
                looks.iter().filter(|(length, head)| (*head as u64) < *length).collect();
            assert_eq!((torn.len(), looks.is_empty()), (0, false), "{torn:?}");
        });
    }

    #[test]
    fn what_was_written_to_just_now_does_not_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("flows.pcap");
        let file = File::create(&path).unwrap();
        let rests = || look_at(&path, true, false).unwrap().unwrap().is_resting;
        let set = |ago: SignedDuration| {
            file.set_modified((Clock.now() - ago).try_into().unwrap()).unwrap()
        };
        // Written to until a moment ago, as far as a slow machine can say that.
        set(SignedDuration::from_millis(1));
        assert!(!rests());
        assert!(
            look_at(&path, true, true).unwrap().unwrap().is_resting,
            "who reads once does not wait"
        );
        set(REST * 2);
        assert!(rests());
        // A clock that is wrong somewhere keeps nothing from being read.
        set(SignedDuration::from_hours(-24));
        assert!(rests());
        assert!(look_at(dir.path(), true, false).unwrap().is_none());
        assert!(look_at(&dir.path().join("absent"), true, false).is_err());
    }
}
