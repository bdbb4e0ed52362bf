//! Following: every line once, whatever is done to the files, and also after a kill at any point.

use std::collections::BTreeMap;
use std::io::Cursor;

use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Engine, Outcome};
use noroshi_sift::export::Collector;
use noroshi_sift::follow::{Entry, Follower, HEAD_BYTES, Headers, Identity, What};
use noroshi_sift::mode::Mode;
use noroshi_sift::problem::Reason;
use noroshi_sift::reading::Reading;
use noroshi_sift::sealed::Sealed;
use proptest::prelude::*;

use crate::reading::gzip;
use crate::run::{index, records, settings};

/// A folder that lives in memory. Names starting with `old` were not asked for.
#[derive(Default, Clone)]
struct Folder {
    files: BTreeMap<String, (u64, Vec<u8>)>,
    next: u64,
}

impl Folder {
    fn write(&mut self, name: &str, bytes: &[u8]) {
        let next = &mut self.next;
        let file = self.files.entry(name.to_owned()).or_insert_with(|| {
            *next += 1;
            (*next, Vec::new())
        });
        file.1.extend_from_slice(bytes);
    }

    /// Another name of the same file, with what is in it by now.
    fn link(&mut self, name: &str, to: &str) {
        let file = self.files[name].clone();
        self.files.insert(to.to_owned(), file);
    }

    fn rename(&mut self, from: &str, to: &str) {
        let file = self.files.remove(from).unwrap();
        self.files.insert(to.to_owned(), file);
    }

    fn pack(&mut self, name: &str) {
        let (_, bytes) = self.files.remove(name).unwrap();
        self.write(&format!("{name}.gz"), &gzip(&bytes));
    }

    /// Brings a copy as far as a part of the original, or to its end.
    fn copy(&mut self, name: &str, to: &str, parts: (usize, usize)) {
        let whole = self.files[name].1.clone();
        let end = whole.len() * parts.0 / parts.1;
        let have = self.files.get(to).map_or(0, |copy| copy.1.len());
        self.write(to, whole.get(have..end).unwrap_or_default());
    }

    fn cut(&mut self, name: &str) {
        self.files.get_mut(name).unwrap().1.clear();
    }

    /// The same files under other numbers, as after a move to another disk.
    fn renumber(&mut self) {
        for file in self.files.values_mut() {
            file.0 += 1_000;
        }
    }

    fn copy_and_cut(&mut self, name: &str, to: &str) {
        let bytes = std::mem::take(&mut self.files.get_mut(name).unwrap().1);
        self.write(to, &bytes);
    }
}

/// One who follows: what is certain, and what is only in memory.
struct House {
    follower: Follower,
    headers: Headers,
    kept: Vec<i64>,
    errors: Vec<Reason>,
    batch: Follower,
    engine: Engine<Vec<u8>>,
    bytes_max: u64,
    is_resting: bool,
    is_partial: bool,
    reading: Reading,
    /// Whether the beginnings of all files are shown, or only those that are needed.
    shows_all: bool,
    /// The files as they were shown last.
    shown: BTreeMap<u64, Vec<u8>>,
    /// How many beginnings were shown.
    heads: usize,
}

/// The key of the folder.
const KEY: [u8; 32] = [7; 32];

fn engine() -> Engine<Vec<u8>> {
    Engine::new(Mode::OwnNetwork, index("203.0.113.5"), settings(), Vec::new()).unwrap()
}

impl House {
    fn new(bytes_max: u64) -> Self {
        Self {
            follower: Follower::default().keyed(KEY),
            headers: Headers::default(),
            kept: Vec::new(),
            errors: Vec::new(),
            batch: Follower::default().keyed(KEY),
            engine: engine(),
            bytes_max,
            is_resting: true,
            is_partial: false,
            reading: Reading::default(),
            shows_all: false,
            shown: BTreeMap::new(),
            heads: 0,
        }
    }

    /// Whether the beginning of a file need not be shown.
    fn leaves_out(&self, inode: u64, bytes: &[u8]) -> bool {
        self.shown.get(&inode).is_some_and(|shown| shown == bytes)
    }

    /// One look and everything it says to read.
    fn look(&mut self, folder: &Folder) {
        let is_wanted = |name: &str| !name.starts_with("old");
        let shows_all = self.shows_all
            || folder.files.iter().any(|(name, (inode, bytes))| {
                let identity = Identity { device: 1, inode: *inode };
                let (wanted, is_resting) = (is_wanted(name), self.is_resting);
                self.batch.compares(identity, bytes.len() as u64, wanted, is_resting)
            });
        let entries: Vec<Entry<'_>> = folder
            .files
            .iter()
            .map(|(name, (inode, bytes))| Entry {
                path: name,
                identity: Identity { device: 1, inode: *inode },
                size: bytes.len() as u64,
                wanted: is_wanted(name),
                is_resting: self.is_resting,
                is_busy: false,
                head: (shows_all || !self.leaves_out(*inode, bytes))
                    .then(|| Sealed::new(&bytes[..bytes.len().min(HEAD_BYTES)])),
            })
            .collect();
        self.heads += entries.iter().filter(|entry| entry.head.is_some()).count();
        self.shown = folder.files.values().cloned().collect();
        for step in self.batch.observe(&entries, self.is_partial, &self.reading) {
            let file = folder.files.values().find(|file| file.0 == step.identity.inode);
            match (step.what, file) {
                (What::Lines { .. }, Some((_, bytes))) => {
                    let file = Cursor::new(bytes);
                    let Self { engine, batch, headers, bytes_max, .. } = self;
                    while engine.follow(batch, headers, &step, file.clone(), *bytes_max).unwrap() {}
                }
                (What::Whole { skip }, Some((_, bytes))) => {
                    let mut collector = Collector::default();
                    self.engine
                        .read_any_after(&step.path, &bytes[..], skip, &self.reading, &mut collector)
                        .unwrap();
                    self.batch.whole(step.identity);
                }
                (What::Gone, None) => {
                    if let Some((path, offset)) = self.batch.vanished(step.identity) {
                        self.engine.vanished(&path, offset).unwrap();
                    }
                }
                (what, file) => panic!("{what:?} of {:?}", file.map(|file| file.0)),
            }
        }
    }

    fn commit(&mut self) {
        let engine = std::mem::replace(&mut self.engine, engine());
        let outcome: Outcome<Vec<u8>> =
            engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
        assert!(outcome.certificate.balances());
        self.kept.extend(records(&outcome).iter().map(|row| row.ts.as_second()));
        self.errors.extend(outcome.problems.first.iter().map(|problem| problem.reason));
        // As it is written down and taken up again.
        let state = serde_json::to_string(&self.batch).unwrap();
        self.follower = serde_json::from_str::<Follower>(&state).unwrap().keyed(KEY);
        assert_eq!(self.follower, self.batch);
        for planted in ["PLANTED", "192.0.2", "203.0.113"] {
            assert!(!state.contains(planted), "{state}");
        }
    }

    fn kill(&mut self) {
        self.engine = engine();
        self.headers = Headers::default();
        self.batch = self.follower.clone();
        self.shown.clear();
    }
}

fn json(second: i64) -> String {
    format!(
        "{{\"ts\":{second},\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"203.0.113.5\",\"uri\":\"PLANTED\"}}\n"
    )
}

const HEADER: &str = "#separator \\x09\n#path\tconn\n#open\t2026-11-23-00-00-00\n\
    #fields\tts\tid.orig_h\tid.resp_h\turi\n#types\ttime\taddr\taddr\tstring\n";

fn row(second: i64) -> String {
    format!("{second}\t192.0.2.7\t203.0.113.5\tPLANTED\n")
}

#[test]
fn a_line_waits_for_its_end() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    let line = json(1);
    folder.write("conn.log", &line.as_bytes()[..20]);
    house.look(&folder);
    assert_eq!(house.engine.tally().seen, 0);
    folder.write("conn.log", &line.as_bytes()[20..]);
    house.look(&folder);
    house.look(&folder);
    house.commit();
    assert_eq!(house.kept, [1]);
}

#[test]
fn a_table_is_what_its_mapping_says_also_where_its_heading_comes_in_parts() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    let mapping = "ts = wann\nsrc = von\ndst = nach\n";
    house.reading.mapping = Some(mapping.parse().unwrap());
    house.is_resting = false;
    folder.write("flows.csv", b"wann,von,na");
    house.look(&folder);
    folder.write("flows.csv", b"ch\n1,192.0.2.7,203.0.113.5\n2,192.0.2.7,203.0.113.5\n");
    house.look(&folder);
    house.is_resting = true;
    house.look(&folder);
    house.look(&folder);
    house.commit();
    assert_eq!((house.kept.as_slice(), house.errors.as_slice()), (&[1, 2][..], &[][..]));
}

#[test]
fn a_state_says_nothing_of_a_short_file_without_the_key_of_its_folder() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    folder.write("conn.log", json(1).as_bytes());
    house.look(&folder);
    house.commit();
    let [a, b, c, d, ..] = Digest::of(json(1).as_bytes()).0;
    let plain = u32::from_be_bytes([a, b, c, d]);
    let state = serde_json::to_string(&house.follower).unwrap();
    assert!(!state.contains(&format!("\"sum\":{plain}")), "a guess can be tried: {state}");
    assert!(house.follower.needs_key());

    // A state of an earlier version, whose digests had no key, is read on: nothing is read twice.
    let mut earlier: serde_json::Value = serde_json::from_str(&state).unwrap();
    earlier["files"][0]["mark"] = serde_json::json!({ "length": json(1).len(), "sum": plain });
    let earlier: Follower = serde_json::from_value(earlier).unwrap();
    assert!(!earlier.needs_key());
    house.follower = earlier.keyed(KEY);
    house.kill();
    folder.write("conn.log", json(2).as_bytes());
    house.look(&folder);
    house.commit();
    assert_eq!((house.kept.as_slice(), house.errors.as_slice()), (&[1, 2][..], &[][..]));
    assert!(house.follower.needs_key());
}

#[test]
fn what_was_not_looked_at_is_not_gone() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    // The last line has no end yet: of a file that is gone it would be told that it was not read.
    folder.write("conn.log", (json(1) + &json(2)[..20]).as_bytes());
    house.look(&folder);
    house.is_partial = true;
    house.look(&Folder::default());
    // Nor is another file that begins like it taken for the same under another name.
    let mut other = Folder { next: 7, ..Folder::default() };
    other.write("dns.log", (json(1) + &json(3)).as_bytes());
    house.look(&other);
    house.is_partial = false;
    folder.write("conn.log", &json(2).as_bytes()[20..]);
    folder.files.extend(other.files);
    house.look(&folder);
    house.commit();
    assert_eq!((house.kept.as_slice(), house.errors.as_slice()), (&[1, 1, 3, 2][..], &[][..]));
}

#[test]
fn columns_hold_over_a_kill_and_change_in_the_middle() {
    let mut folder = Folder::default();
    let mut house = House::new(1);
    folder.write("conn.log", (HEADER.to_owned() + &row(1)).as_bytes());
    house.look(&folder);
    house.commit();
    house.kill();
    let other = "#fields\tid.resp_h\tts\n#types\taddr\ttime\n203.0.113.5\t3\n";
    folder.write("conn.log", (row(2) + other).as_bytes());
    house.look(&folder);
    house.commit();
    house.kill();
    folder.write("conn.log", b"203.0.113.5\t4\n#close\t2026-11-23-00-00-00\n");
    house.look(&folder);
    house.commit();
    house.kill();
    folder.write("conn.log", b"203.0.113.5\t5\n");
    house.look(&folder);
    house.commit();
    assert_eq!((house.kept.as_slice(), house.errors.as_slice()), (&[1, 2, 3, 4, 5][..], &[][..]));
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_its_packed_form_not_again() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    folder.write("conn.log", (HEADER.to_owned() + &row(1)).as_bytes());
    house.look(&folder);
    house.commit();
    // While nobody looks: more lines, renamed, a new file begun, the old one packed.
    house.kill();
    folder.write("conn.log", (row(2) + &row(3)).as_bytes());
    folder.rename("conn.log", "conn.1.log");
    folder.write("conn.log", (HEADER.replace("00-00-00", "00-01-00") + &row(4)).as_bytes());
    folder.pack("conn.1.log");
    for _ in 0..3 {
        house.look(&folder);
    }
    house.commit();
    house.kept.sort_unstable();
    assert_eq!((house.kept.as_slice(), house.errors.as_slice()), (&[1, 2, 3, 4][..], &[][..]));
    assert_eq!(house.follower.notes().recognised, 1);
}

#[test]
fn a_last_line_without_an_end_is_read_when_nobody_writes_any_more() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    folder.write("conn.log", json(1).trim_end().as_bytes());
    for _ in 0..3 {
        house.look(&folder);
    }
    assert_eq!(house.engine.tally().seen, 0);
    folder.rename("conn.log", "old.log");
    for _ in 0..3 {
        house.look(&folder);
    }
    house.commit();
    assert_eq!(house.kept, [1]);
}

#[test]
fn of_files_that_do_not_change_no_beginning_is_needed() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    for number in 0..50 {
        folder.write(&format!("conn.{number}.log"), json(number).as_bytes());
        folder.write(&format!("flows.{number}.gz"), &gzip(json(100 + number).as_bytes()));
    }
    for _ in 0..3 {
        house.look(&folder);
    }
    let before = house.heads;
    house.look(&folder);
    assert_eq!(house.heads, before);
    folder.write("conn.7.log", json(50).as_bytes());
    house.look(&folder);
    assert_eq!(house.heads, before + 1, "only of the one that grew");
    // Cut, and written anew to the same length: what it begins with says so. A new file is held against all.
    let again = json(60) + &json(61);
    folder.cut("conn.7.log");
    folder.write("conn.7.log", &again.as_bytes()[..(json(7) + &json(50)).len()]);
    for _ in 0..3 {
        house.look(&folder);
    }
    house.commit();
    house.kept.sort_unstable();
    let expected: Vec<i64> = (0..=50).chain([60]).chain(100..150).collect();
    assert_eq!((house.kept, house.batch.notes().cut), (expected, 1));
}

#[test]
fn a_copy_of_what_was_cut_is_not_read_again() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    folder.write("eve.json", (json(1) + &json(2)).as_bytes());
    house.look(&folder);
    folder.write("eve.json", json(3).as_bytes());
    folder.copy_and_cut("eve.json", "eve.json.1");
    folder.write("eve.json", json(4).as_bytes());
    for _ in 0..3 {
        house.look(&folder);
    }
    house.commit();
    house.kept.sort_unstable();
    // The third line stood only in the copy when it was looked at.
    assert_eq!(house.kept, [1, 2, 3, 4]);
    assert_eq!(house.follower.notes().cut, 1);
}

#[test]
fn a_copy_beside_its_original_waits_and_is_read_from_where_that_was_cut() {
    // Before the name of the original and behind it.
    for copy in ["a.json", "eve.json.1"] {
        let mut folder = Folder::default();
        let mut house = House::new(1 << 20);
        folder.write("eve.json", (json(1) + &json(2)).as_bytes());
        house.look(&folder);
        house.commit();
        folder.copy("eve.json", copy, (1, 2));
        house.look(&folder);
        folder.write("eve.json", json(3).as_bytes());
        house.look(&folder);
        folder.copy("eve.json", copy, (1, 1));
        house.look(&folder);
        house.kill();
        folder.cut("eve.json");
        folder.write("eve.json", json(4).as_bytes());
        house.look(&folder);
        house.look(&folder);
        house.commit();
        house.kept.sort_unstable();
        assert_eq!((&house.kept[..], &house.errors[..]), (&[1, 2, 3, 4][..], &[][..]), "{copy}");
    }
}

#[test]
fn a_copy_that_takes_the_place_of_its_original_goes_on_where_that_was_left() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    folder.write("conn.log", (HEADER.to_owned() + &row(1)).as_bytes());
    house.look(&folder);
    house.commit();
    folder.write("conn.log", row(2).as_bytes());
    folder.copy("conn.log", "conn.moved.log", (1, 1));
    folder.files.remove("conn.log");
    folder.write("conn.moved.log", row(3).as_bytes());
    house.look(&folder);
    house.look(&folder);
    house.commit();
    assert_eq!((&house.kept[..], &house.errors[..]), (&[1, 2, 3][..], &[][..]));
}

#[test]
fn nothing_is_read_again_under_other_numbers() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    folder.write("conn.log", json(1).as_bytes());
    folder.write("old.json", (json(2) + &json(3)).as_bytes());
    folder.pack("old.json");
    folder.rename("old.json.gz", "packed.gz");
    folder.write("table.csv", b"ts,src_ip,dst_ip\n4,192.0.2.7,203.0.113.5\n");
    for _ in 0..3 {
        house.look(&folder);
    }
    house.commit();
    for _ in 0..2 {
        folder.renumber();
        for _ in 0..3 {
            house.look(&folder);
        }
        house.commit();
    }
    house.kept.sort_unstable();
    assert_eq!((&house.kept[..], &house.errors[..]), (&[1, 2, 3, 4][..], &[][..]));
    // What is longer than what was read is something else.
    folder.renumber();
    folder.write("table.csv", b"5,192.0.2.7,203.0.113.5\n");
    for _ in 0..3 {
        house.look(&folder);
    }
    house.commit();
    assert_eq!(house.kept.iter().filter(|second| **second == 5).count(), 1);
}

#[test]
fn what_is_read_as_a_whole_waits_until_it_rests() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    house.is_resting = false;
    folder.write("table.csv", b"ts,src_ip,dst_ip\n1,192.0.2.7,203.0.113.5\n");
    for _ in 0..3 {
        house.look(&folder);
    }
    assert_eq!(house.engine.tally().seen, 0, "it may still be written to");
    folder.write("table.csv", b"2,192.0.2.7,203.0.113.5\n");
    house.is_resting = true;
    for _ in 0..3 {
        house.look(&folder);
    }
    house.commit();
    assert_eq!(house.kept, [1, 2]);
}

#[test]
fn what_is_written_for_hours_needs_no_other_beginning_until_it_rests() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    for number in 0..20 {
        folder.write(&format!("conn.{number}.log"), json(number).as_bytes());
    }
    let begin = |folder: &mut Folder| folder.write("table.csv", b"ts,src_ip,dst_ip\n");
    let grow = |folder: &mut Folder| {
        folder.write("table.csv", b"100,192.0.2.7,203.0.113.5\n");
    };
    begin(&mut folder);
    grow(&mut folder);
    for _ in 0..3 {
        house.look(&folder);
    }
    // It rested once, so it was read; another one never does.
    folder.rename("table.csv", "other.csv");
    let before = house.heads;
    begin(&mut folder);
    grow(&mut folder);
    house.look(&folder);
    assert_eq!(
        house.heads,
        before + 22,
        "of a new one it has to be known what it is to the others"
    );
    for _ in 0..5 {
        grow(&mut folder);
        house.look(&folder);
    }
    assert_eq!(house.heads, before + 22 + 5, "its own");
    house.is_resting = false;
    house.look(&folder);
    house.look(&folder);
    assert_eq!((house.heads, house.engine.tally().seen), (before + 27, 21));
    house.is_resting = true;
    house.look(&folder);
    assert_eq!((house.heads, house.engine.tally().seen), (before + 27 + 22, 21 + 6));
}

#[test]
fn another_name_that_was_not_asked_for_says_nothing_of_a_file() {
    // It stands before the one that was asked for, and was there before that was found, or came later.
    for is_before in [true, false] {
        let mut folder = Folder::default();
        let mut house = House::new(1 << 20);
        folder.write("zeek.log", json(1).as_bytes());
        if is_before {
            folder.link("zeek.log", "old.log");
        }
        house.look(&folder);
        let line = json(2);
        let (half, rest) = line.split_at(9);
        folder.write("zeek.log", half.as_bytes());
        folder.link("zeek.log", "old.log");
        for _ in 0..3 {
            house.look(&folder);
        }
        folder.write("zeek.log", rest.as_bytes());
        folder.link("zeek.log", "old.log");
        house.look(&folder);
        house.commit();
        assert_eq!((&house.kept[..], &house.errors[..]), (&[1, 2][..], &[][..]), "{is_before}");
        // When the one that was asked for is gone the other one says that nobody writes any more.
        folder.write("zeek.log", json(3).trim_end().as_bytes());
        folder.rename("zeek.log", "old.log");
        for _ in 0..3 {
            house.look(&folder);
        }
        house.commit();
        assert_eq!(house.kept, [1, 2, 3]);
    }
}

#[test]
fn what_is_removed_unread_is_stated() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    folder.write("conn.log", json(1).as_bytes());
    house.look(&folder);
    house.commit();
    folder.write("conn.log", &json(2).as_bytes()[..9]);
    house.look(&folder);
    folder.files.clear();
    house.look(&folder);
    house.look(&folder);
    house.commit();
    assert_eq!(
        (house.kept.as_slice(), house.errors.as_slice()),
        (&[1][..], &[Reason::Vanished][..])
    );
}

#[test]
fn what_was_seen_of_a_removed_file_and_is_cut_away_while_it_is_held_open_is_stated() {
    for (left, is_lost) in [(2, false), (1, true), (0, true)] {
        let mut folder = Folder::default();
        let mut house = House::new(1 << 20);
        let lines = [json(1), json(2)].concat();
        folder.write("conn.log", json(1).as_bytes());
        house.look(&folder);
        let House { batch, headers, engine, reading, .. } = &mut house;
        let seen = [Entry {
            path: "conn.log",
            identity: Identity { device: 1, inode: folder.files["conn.log"].0 },
            size: lines.len() as u64,
            wanted: true,
            is_resting: false,
            is_busy: false,
            head: Some(Sealed::new(lines.as_bytes())),
        }];
        assert_eq!(batch.observe(&seen, false, reading).len(), 1);
        let gone = batch.observe(&[], false, reading);
        assert_eq!((gone.len(), gone[0].what), (1, What::Gone));
        let rest = Cursor::new(&lines.as_bytes()[..left * json(1).len()]);
        assert!(!engine.follow(batch, headers, &gone[0], rest, 1 << 20).unwrap());
        assert_eq!(batch.vanished(gone[0].identity).is_some(), is_lost, "{left} lines are left");
    }
}

#[test]
fn an_endless_line_is_passed_over_in_bounded_memory() {
    let mut folder = Folder::default();
    let mut house = House::new(1 << 20);
    folder.write("conn.log", json(1).as_bytes());
    for _ in 0..5 {
        folder.write("conn.log", &vec![b'x'; 1 << 20]);
        house.look(&folder);
        house.commit();
        house.kill();
    }
    folder.write("conn.log", ("\n".to_owned() + &json(2)).as_bytes());
    house.look(&folder);
    house.commit();
    assert_eq!(
        (house.kept.as_slice(), house.errors.as_slice()),
        (&[1, 2][..], &[Reason::TooLong][..])
    );
}

#[derive(Debug, Clone)]
enum Act {
    Write(usize),
    /// Half a line now, the other half with the next writing.
    WriteHalf,
    Rotate,
    RotateAndPack,
    /// A copy is begun or brought on, so many parts of four.
    Copy(usize),
    /// The copy is made whole, and the original cut to nothing.
    Cut,
    Look,
    Commit,
    Kill,
}

/// Before the name of the original or behind it.
fn copy_name(number: i32) -> String {
    if number % 2 == 0 { format!("a.{number}.log") } else { format!("conn.log.{number}") }
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1_usize..5).prop_map(Act::Write),
        1 => Just(Act::WriteHalf),
        1 => Just(Act::Rotate),
        1 => Just(Act::RotateAndPack),
        2 => (1_usize..5).prop_map(Act::Copy),
        1 => Just(Act::Cut),
        4 => Just(Act::Look),
        2 => Just(Act::Commit),
        2 => Just(Act::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens in whatever order: each line is kept once, and none is lost while its file is there
    /// in some form; also where the beginnings of files are shown only when they have changed or are needed.
    #[test]
    fn every_line_is_kept_once(
        acts in proptest::collection::vec(any_act(), 1..40),
        table: bool,
        shows_all: bool,
    ) {
        let mut folder = Folder::default();
        let mut house = House::new(64);
        house.shows_all = shows_all;
        let (mut second, mut rotations, mut half) = (0, 0, String::new());
        let mut copies = 0;
        let open = |folder: &mut Folder, rotations: i32| {
            let begin = HEADER.replace("00-00-00", &format!("00-00-{rotations}"));
            folder.write("conn.log", if table { begin.as_bytes() } else { b"" });
        };
        open(&mut folder, 0);
        for act in acts.into_iter().chain([Act::Look, Act::Look, Act::Look, Act::Look, Act::Commit]) {
            let mut line = || {
                second += 1;
                if table { row(second) } else { json(second) }
            };
            match act {
                Act::Write(lines) => {
                    folder.write("conn.log", std::mem::take(&mut half).as_bytes());
                    for _ in 0..lines {
                        folder.write("conn.log", line().as_bytes());
                    }
                }
                Act::WriteHalf if half.is_empty() => {
                    let whole = line();
                    let (begin, end) = whole.split_at(12);
                    folder.write("conn.log", begin.as_bytes());
                    half = end.to_owned();
                }
                Act::Copy(parts) => folder.copy("conn.log", &copy_name(copies), (parts, 4)),
                Act::Cut => {
                    folder.write("conn.log", std::mem::take(&mut half).as_bytes());
                    folder.copy("conn.log", &copy_name(copies), (1, 1));
                    folder.cut("conn.log");
                    rotations += 1;
                    copies += 1;
                    open(&mut folder, rotations);
                }
                Act::Rotate | Act::RotateAndPack => {
                    folder.write("conn.log", std::mem::take(&mut half).as_bytes());
                    if folder.files.contains_key(&copy_name(copies)) {
                        folder.copy("conn.log", &copy_name(copies), (1, 1));
                        copies += 1;
                    }
                    rotations += 1;
                    let to = format!("conn.{rotations}.log");
                    folder.rename("conn.log", &to);
                    if matches!(act, Act::RotateAndPack) {
                        folder.pack(&to);
                    }
                    open(&mut folder, rotations);
                }
                Act::WriteHalf => {}
                Act::Look => house.look(&folder),
                Act::Commit => house.commit(),
                Act::Kill => house.kill(),
            }
        }
        house.kept.sort_unstable();
        let whole = second - i64::from(!half.is_empty());
        let expected: Vec<i64> = (1..=whole).collect();
        prop_assert_eq!(&house.kept, &expected);
    }
}
