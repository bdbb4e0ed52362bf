//! Bytes of any kind go in, and nothing falls over. The targets of `fuzz/` run these functions on what a fuzzer finds;
//! here each runs on what a fixed seed gives.

use std::io::{self, Read};

use noroshi_sift::certificate::Certificate;
use noroshi_sift::engine::{Engine, Outcome};
use noroshi_sift::export::Collector;
use noroshi_sift::index::{Increment, SelectorIndex};
use noroshi_sift::mode::Mode;
use noroshi_sift::problem::{Problems, Reason};
use noroshi_sift::reading::Reading;
use noroshi_sift::selector::EmailKey;
use noroshi_sift::sighting::Sighting;
use noroshi_sift::switches::Switches;

use crate::run::{index, records, settings};

pub(crate) const LIST: &str = "203.0.113.5\n203.0.113.0/24\n2001:db8::/48\n2001:db8::5\nevil.example\n=only.example 53/udp\n\
    url:evil.example/x\nd41d8cd98f00b204e9800998ecf8427e\ndomain,bad.example,indicator--1,7,2027-01-01T00:00:00Z";

/// A file with bytes changed: the first two bytes say where, the third what, and so on.
pub(crate) fn damaged(mut file: Vec<u8>, data: &[u8]) -> Vec<u8> {
    for change in data.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len();
        file[at] = change[2];
    }
    file
}

/// An index file, damaged; and the bytes themselves as one.
pub(crate) fn load(data: &[u8]) {
    let mut good = Vec::new();
    index(LIST).write_to(&mut good).unwrap();
    for file in [damaged(good.clone(), data), data.to_vec()] {
        let is_changed = file != good;
        match SelectorIndex::of_bytes(file.clone()) {
            Ok(loaded) => {
                // Between sections lie bytes that mean nothing.
                let mut found = Vec::new();
                loaded.find_address("203.0.113.5".parse().unwrap(), &mut found);
                loaded.find_name(b"x.evil.example", &mut found);
                assert_eq!(found.len(), 3, "damage that is not noticed makes no difference");
            }
            Err(problem) => assert!(is_changed, "{problem}"),
        }
        assert!(Increment::of_bytes(file).is_err());
    }
}

/// The key under which e-mail addresses are looked at.
pub(crate) fn key() -> EmailKey {
    EmailKey::new(&[7; 32]).unwrap()
}

/// An engine that looks at every field.
pub(crate) fn engine() -> Engine<Vec<u8>> {
    let mut switches = Switches::of_mode(Mode::OwnNetwork);
    (switches.url_paths, switches.email_addresses) = (true, true);
    let mode = Mode::OwnNetwork;
    let engine = Engine::with_switches(mode, switches, index(LIST), settings(), Vec::new());
    engine.unwrap().with_email_key(key())
}

/// All that comes of a selection.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) certificate: Certificate,
    pub(crate) problems: Problems,
    sightings: Vec<Sighting>,
    sink: Vec<u8>,
}

/// Ends a selection. Whatever was read, every record is in one place, every error is stated and no content is kept.
pub(crate) fn told(engine: Engine<Vec<u8>>) -> Told {
    let outcome = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
    assert!(outcome.certificate.balances(), "{:?}", outcome.certificate);
    assert!(outcome.certificate.covers(&records(&outcome)));
    let Outcome { certificate, problems, sightings, sink } = outcome;
    assert_eq!(problems.first.len() as u64 + problems.omitted, certificate.tally.errors);
    assert!(!sink.windows(7).any(|window| window == b"PLANTED"));
    Told { certificate, problems, sightings, sink }
}

/// Hands out a few bytes at a time, as a pipe may.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(61);
        self.0.read(&mut buffer[..length])
    }
}

/// Reads an input of any kind. Read in drops it is the same; only of a damaged packing it depends on how much goes in at
/// a time how much comes out before the damage is met.
pub(crate) fn read_any(reading: &Reading, input: &[u8]) -> Told {
    let whole = read_once(reading, input);
    let problems = &whole.problems;
    let is_damaged = problems.first.iter().any(|problem| problem.reason == Reason::Damaged);
    let drops = read_once(reading, Drops(input));
    assert!(drops == whole || is_damaged || problems.omitted > 0);
    whole
}

fn read_once(reading: &Reading, input: impl Read) -> Told {
    let mut engine = engine();
    engine.read_any("input", input, reading, &mut Collector::default()).unwrap();
    told(engine)
}

/// A log of either form, looked through by one thread and by two.
pub(crate) fn read(data: &[u8]) {
    let of = |threads: usize| {
        let mut engine = engine();
        engine.read_with_threads("input", data, threads.try_into().unwrap()).unwrap();
        told(engine)
    };
    assert_eq!(of(1), of(2));
}

/// A table: the header is given, so that what follows gets far.
pub(crate) fn zeek(data: &[u8]) {
    let header = b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#fields\tts\tid.orig_h\t\
        id.orig_p\tid.resp_h\tid.resp_p\tproto\tquery\tanswers\thost\turi\tmailfrom\tsha1\n#types\ttime\taddr\tport\taddr\tport\t\
        enum\tstring\tvector[string]\tstring\tstring\tstring\tstring\n1.5\t192.0.2.1\t1\t203.0.113.5\t53\tudp\tevil.example\t";
    read(&[header, data].concat());
}

/// EVE: so does the beginning of an object.
pub(crate) fn eve(data: &[u8]) {
    let object = br#"{"timestamp":"2026-11-23T00:00:00.0+0000","src_ip":"192.0.2.1","dest_ip":"203.0.113.5","dns":{"#;
    read(&[object, data].concat());
}

/// Pieces out of which data is made, so that some of it gets far.
const PIECES: [&[u8]; 20] = [
    b"\n",
    b"\t",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\\",
    b"-",
    b"#fields\tts\n",
    b"evil.example",
    b"\"rrname\":\"evil.example\"",
    b"203.0.113.5",
    b"2001:db8::5",
    b"\xff\xfe",
    b"0",
    b"(empty)",
    b"\r\n",
];

/// Runs a function on what a fixed seed makes of pieces.
pub(crate) fn seeded(pieces: &[&[u8]], run: fn(&[u8])) {
    let mut state = 0x6e6f_726f_7368_6921_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for _ in 0..150 {
        let mut data = Vec::new();
        for _ in 0..next() % 24 {
            match next() % 3 {
                0 => data.push(next().to_le_bytes()[0]),
                _ => data.extend(pieces[usize::try_from(next()).unwrap() % pieces.len()]),
            }
        }
        run(&data);
    }
}

#[test]
fn a_fixed_seed_of_damaged_indexes_is_survived() {
    seeded(&PIECES, load);
}

#[test]
fn a_fixed_seed_of_tables_is_survived() {
    seeded(&PIECES, zeek);
}

#[test]
fn a_fixed_seed_of_eve_is_survived() {
    seeded(&PIECES, eve);
}

#[test]
fn a_fixed_seed_of_anything_is_survived() {
    seeded(&PIECES, read);
}
