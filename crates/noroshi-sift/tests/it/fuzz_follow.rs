//! Following with states and files of any kind.

use std::io::Cursor;

use noroshi_sift::engine::Engine;
use noroshi_sift::export::Collector;
use noroshi_sift::follow::{Entry, Follower, HEAD_BYTES, Headers, Identity, What};
use noroshi_sift::reading::Reading;
use noroshi_sift::sealed::Sealed;
use serde_json::Value;

use crate::fuzz::{engine, seeded, told};

const HEADER: &[u8] =
    b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n\
    #fields\tts\tid.orig_h\tid.resp_h\tquery\turi\n#types\ttime\taddr\taddr\tstring\tstring\n\
    1790000000\t192.0.2.7\t203.0.113.5\tx.evil.example\tPLANTED\n";

/// A file: its name, its number and what is in it.
type File<'a> = (&'a str, u64, &'a [u8]);

/// Who follows: the state, and what it has read.
struct Watch {
    follower: Follower,
    headers: Headers,
    engine: Engine<Vec<u8>>,
}

impl Watch {
    fn new(follower: Follower) -> Self {
        Self { follower: follower.keyed([7; 32]), headers: Headers::default(), engine: engine() }
    }

    /// One look at files, and everything it says to read, a few bytes at a time.
    fn look(&mut self, files: &[File<'_>]) {
        let entries = files.iter().map(|(path, inode, bytes)| Entry {
            path,
            identity: Identity { device: 1, inode: *inode },
            size: bytes.len() as u64,
            wanted: true,
            is_resting: true,
            is_busy: false,
            head: Some(Sealed::new(&bytes[..bytes.len().min(HEAD_BYTES)])),
        });
        let entries: Vec<Entry<'_>> = entries.collect();
        for step in self.follower.observe(&entries, false, &Reading::default()) {
            let file = files.iter().find(|file| file.1 == step.identity.inode);
            let Self { follower, headers, engine } = self;
            match (step.what, file) {
                (What::Whole { skip }, Some((path, _, bytes))) => {
                    let (reading, mut collector) = (Reading::default(), Collector::default());
                    engine.read_any_after(path, *bytes, skip, &reading, &mut collector).unwrap();
                    follower.whole(step.identity);
                }
                (What::Gone, _) | (_, None) => {
                    if let Some((path, offset)) = follower.vanished(step.identity) {
                        engine.vanished(&path, offset).unwrap();
                    }
                }
                (What::Lines { .. }, Some((_, _, bytes))) => {
                    while engine.follow(follower, headers, &step, Cursor::new(bytes), 64).unwrap() {
                    }
                }
            }
        }
    }
}

/// A file that grows comes to what it comes to when it is read at once, wherever it was when it was looked at.
pub(crate) fn growing(data: &[u8]) {
    let (cut, rest) = data.split_first().unwrap_or((&0, data));
    let file = [HEADER, rest, b"\n"].concat();
    let mut watch = Watch::new(Follower::default());
    for end in [file.len() * usize::from(*cut) / 256, file.len(), file.len()] {
        watch.look(&[("conn.log", 1, &file[..end])]);
    }
    let mut whole = engine();
    whole.read("conn.log", file.as_slice()).unwrap();
    assert_eq!(told(watch.engine), told(whole));
}

/// Everything in a state that can be another number or truth, or the other kind.
fn parts(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Array(all) => all.iter_mut().flat_map(parts).collect(),
        Value::Object(all) => all.values_mut().flat_map(parts).collect(),
        Value::String(text) if !matches!(text.as_str(), "lines" | "whole") => Vec::new(),
        part => vec![part],
    }
}

/// The state with parts changed: of each nine bytes the first says which, the others to what.
fn changed(state: &Follower, data: &[u8]) -> Vec<u8> {
    let mut state = serde_json::to_value(state).unwrap();
    for change in data.chunks_exact(9) {
        let number = u64::from_le_bytes(*change.last_chunk().unwrap());
        let mut parts = parts(&mut state);
        let at = usize::from(change[0]) % parts.len();
        let part = &mut *parts[at];
        let is_even = number.is_multiple_of(2);
        *part = match part {
            Value::Bool(_) => is_even.into(),
            Value::String(_) => ["lines", "whole"][usize::from(is_even)].into(),
            _ => number.into(),
        };
    }
    serde_json::to_vec(&state).unwrap()
}

/// States, of which some were made by following and then changed. What is followed under one is counted, the state is
/// written and read as the same, and when nothing changes any more nothing more is read.
pub(crate) fn state(data: &[u8]) {
    let packed = zstd::encode_all(HEADER, 1).unwrap();
    let table = b"ts,src,dst\n1790000000,192.0.2.7,203.0.113.5\n";
    let json = b"{\"ts\":1790000000,\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"203.0.113.5\"}\n{\"ts\":17";
    let before: [File<'_>; 4] = [
        ("a.log", 1, HEADER),
        ("b.json", 2, json),
        ("c.csv", 3, table),
        ("gone.log", 4, b"{}\n{}\n{}\n{}\n{}\n{"),
    ];
    let grown = [HEADER, data].concat();
    let after: [File<'_>; 5] = [
        ("a.log", 1, &grown),
        ("b.json.1", 2, json),
        ("c.csv", 3, table),
        ("d.zst", 5, &packed),
        ("e", 6, data),
    ];
    let mut watch = Watch::new(Follower::default());
    watch.look(&before);
    watch.look(&before);
    for text in [changed(&watch.follower, data), data.to_vec()] {
        let Ok(follower) = serde_json::from_slice(&text) else { continue };
        let mut watch = Watch::new(follower);
        for _ in 0..4 {
            watch.look(&after);
        }
        let tally = watch.engine.tally();
        watch.look(&after);
        assert_eq!(watch.engine.tally(), tally);
        let written = serde_json::to_vec(&watch.follower).unwrap();
        let taken_up: Follower = serde_json::from_slice(&written).unwrap();
        assert_eq!(taken_up.keyed([7; 32]), watch.follower);
        told(watch.engine);
    }
}

/// Pieces out of which data is made, so that some of it gets far.
const PIECES: [&[u8]; 22] = [
    b"\n",
    b"\r\n",
    b"\t",
    b"#fields\tts\tid.orig_h\n",
    b"#separator x\n",
    b"#close\t2026\n",
    b"1790000001\t192.0.2.7\t203.0.113.5\tevil.example\t-\n",
    b"{\"ts\":1,\"id.orig_h\":\"192.0.2.7\"}\n",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x01\x00\x00\x00\x00\x00\x00\x80",
    b"\x02\x10\x00\x00\x00\x00\x00\x00\x00",
    b"\x05\x20\x00\x00\x00\x00\x00\x00\x00",
    b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff",
    b"{\"files\":[],\"gone\":[],\"notes\":{\"cut\":0,\"recognised\":0,\"changed\":0,\"refused\":0}}",
    b"{\"files\":[{\"path\":\"a.log\",\"found\":\"a.log\",\"identity\":{\"device\":1,\"inode\":1},",
    b"\"mark\":{\"length\":0,\"sum\":0},\"kind\":\"lines\",",
    b"\"offset\":18446744073709551615,",
    b"\"line\":18446744073709551615,\"header\":[5,1],",
    b"\"passing_over\":true,\"size\":0,\"finished\":false}],",
    b"\"gone\":[],\"notes\":{\"cut\":0,\"recognised\":0,\"changed\":0,\"refused\":0}}",
    b"PLANTED",
];

#[test]
fn a_fixed_seed_of_growing_files_is_survived() {
    seeded(&PIECES, growing);
}

#[test]
fn a_fixed_seed_of_states_is_survived() {
    seeded(&PIECES, state);
}

#[test]
fn every_part_of_a_state_may_be_any_number() {
    for (part, number) in (0..64).flat_map(|part| [0, 1, 1 << 63, u64::MAX].map(|it| (part, it))) {
        state(&[&[part][..], &number.to_le_bytes(), b"\n{}\n"].concat());
    }
}
