//! Bytes of any kind in the place of a file of records, of the record of hunts and of a question, and nothing falls over.
//! The targets of `fuzz/` run these functions on what a fuzzer finds; here each runs on what a fixed seed gives.

use std::sync::Arc;

use noroshi_hunt::communication::{Scope, each};
use noroshi_hunt::record::{self, Entry};
use noroshi_hunt::scan::{Hunter, Stopped};
use noroshi_sift::digest::Digest;

use crate::folder::{folder, index, now, record, write};

/// A file with the bytes changed: of each five the first four say where, the fifth what.
fn damaged(mut file: Vec<u8>, data: &[u8]) -> Vec<u8> {
    for change in data.chunks_exact(5) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], change[3]]);
        let at = usize::try_from(at).unwrap() % file.len();
        file[at] = change[4];
    }
    file
}

/// A file of records, damaged; and the bytes themselves as one, beside a whole file that must be hunted all the same.
pub(crate) fn stored(data: &[u8]) {
    let rows: Vec<_> =
        (0..300).map(|at| record(&format!("192.0.2.{}", at % 250), "203.0.113.5", at)).collect();
    let (dir, files) = folder(&[&rows]);
    let good = std::fs::read(&files[0].path).unwrap();
    let wanted = Arc::new(index("203.0.113.5\n192.0.2.9\n"));
    for file in [damaged(good, data), data.to_vec()] {
        write(dir.path(), "records/day=2026-11-22/measure=own-network/9.parquet", &file);
        let files = noroshi_hunt::shelf::list(dir.path()).unwrap();
        let mut hunter = Hunter::new(Arc::clone(&wanted), now(), Vec::new());
        let mut hits = 0;
        for file in &files {
            let done = hunter.file(file, &mut |_| {
                hits += 1;
                Ok(())
            });
            assert!(!matches!(done, Err(Stopped::Sink(_))));
        }
        assert!(hits >= 302, "the whole file is hunted");
        let (looked, _) = each(&files, &Scope::OwnNetwork, now(), |_| {});
        assert!(looked.balances() && looked.communications >= 300);
    }
}

/// A record of hunts that goes on for two entries.
fn book() -> Vec<u8> {
    let who = || ("sensor-1".parse().unwrap(), Digest::of(b"build"));
    let hunt = serde_json::json!({ "hunt": "selectors", "selectors": Digest::of(b"list"), "count": 1,
        "of_addresses": 1, "added_to": null });
    let hunt = serde_json::from_value(hunt).unwrap();
    let begun = Entry::after(None, who(), now(), None, record::What::Begun(hunt)).unwrap();
    let outcome = serde_json::json!({ "of": 0, "ending": "complete", "code": null, "results": 0,
        "results_digest": Digest::of(b""), "tally": null, "looked": null });
    let outcome = serde_json::from_value(outcome).unwrap();
    let ended = Entry::after(Some(&begun), who(), now(), None, record::What::Ended(outcome));
    [record::line(&begun).unwrap(), record::line(&ended.unwrap()).unwrap()].concat()
}

/// A record of hunts, damaged, gone on with, and the bytes alone. What is read is written the same again.
pub(crate) fn read_book(data: &[u8]) {
    let good = book();
    for text in [damaged(good.clone(), data), [good.as_slice(), data].concat(), data.to_vec()] {
        let Ok((entries, whole)) = record::read(&text) else { continue };
        assert!(whole <= text.len());
        let lines: Vec<u8> =
            entries.iter().flat_map(|entry| record::line(entry).unwrap()).collect();
        let (again, length) = record::read(&lines).unwrap();
        assert_eq!((again, length), (entries, lines.len()));
    }
}

/// A question. What is admitted names no table but the one there is, however it is written.
#[cfg(feature = "sql")]
pub(crate) fn question(data: &[u8]) {
    use noroshi_hunt::sql::{Limits, ask, guard};
    let text = String::from_utf8_lossy(data);
    for question in [text.clone().into_owned(), format!("SELECT {text} FROM records")] {
        let is_admitted = guard::admit(&question).is_ok();
        let limits = Limits { time_max: std::time::Duration::from_secs(5), ..Limits::default() };
        match ask(Vec::new(), Scope::OwnNetwork, now(), &question, limits) {
            Ok(answer) => assert!(is_admitted && answer.read == 0, "{question}"),
            Err(refused) => assert!(refused.to_string().starts_with(refused.code()), "{question}"),
        }
    }
}

/// Pieces out of which data is made, so that some of it gets far.
const PIECES: [&[u8]; 24] = [
    b"\n",
    b"\"",
    b"{",
    b"}",
    b":",
    b",",
    b"(",
    b")",
    b"'",
    b"--",
    b"/*",
    b"*",
    b"src_ip",
    b"records",
    b" FROM ",
    b" WHERE ",
    b" UNION SELECT ",
    b" WITH x AS ",
    b"count(*)",
    b"PAR1",
    b"203.0.113.5",
    b"\xff\xfe",
    b"0",
    b"{\"sequence\":",
];

fn seeded(rounds: usize, run: fn(&[u8])) {
    let mut state = 0x6e6f_726f_7368_6921_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for _ in 0..rounds {
        let mut data = Vec::new();
        for _ in 0..next() % 24 {
            match next() % 3 {
                0 => data.push(next().to_le_bytes()[0]),
                _ => data.extend(PIECES[usize::try_from(next()).unwrap() % PIECES.len()]),
            }
        }
        run(&data);
    }
}

#[test]
fn a_fixed_seed_of_files_is_survived() {
    seeded(60, stored);
}

#[test]
fn a_fixed_seed_of_records_of_hunts_is_survived() {
    read_book(b"");
    assert_eq!(record::read(&book()).unwrap().0.len(), 2, "the good one is good");
    seeded(400, read_book);
}

#[cfg(feature = "sql")]
#[test]
fn a_fixed_seed_of_questions_is_survived() {
    question(b"count(*)");
    seeded(60, question);
}
