//! Files that are none, damaged ones, and a sink that takes no more.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use noroshi_evidence::mechanical::MechanicalRecord;
use noroshi_hunt::communication::{Looked, Scope, each};
use noroshi_hunt::scan::{Hunter, Pruned, Stopped, Tally};
use noroshi_hunt::shelf;

use crate::folder::{folder, index, now, record, write};

#[test]
fn a_damaged_file_is_an_answer_about_it_and_the_others_are_hunted() {
    let rows: Vec<_> =
        (0..500).map(|at| record(&format!("192.0.2.{}", at % 250), "203.0.113.5", at)).collect();
    let (dir, files) = folder(&[&rows, &rows]);
    let whole = std::fs::read(&files[0].path).unwrap();
    let wanted = Arc::new(index("203.0.113.5\n192.0.2.9\n"));
    // Every place of the file in turn, in steps that share no factor with its layout.
    let mut outcomes = [0; 2];
    for at in (0..whole.len()).step_by(13) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        write(dir.path(), &files[0].name, &damaged);
        let mut hunter = Hunter::new(Arc::clone(&wanted), now(), Vec::new());
        let mut hits = 0;
        for file in &files {
            match hunter.file(file, &mut |_| {
                hits += 1;
                Ok(())
            }) {
                Ok(()) => outcomes[0] += 1,
                Err(Stopped::File(problem)) => {
                    outcomes[1] += 1;
                    assert!(problem.to_string().starts_with(problem.code()));
                }
                Err(Stopped::Sink(_)) => panic!("the sink takes everything"),
            }
        }
        let (tally, _) = hunter.finish();
        assert!(hits >= 500, "the whole file is hunted");
        assert!(tally.balances(), "{at}: {tally:?}");
        let (looked, problems) = each(&files, &Scope::OwnNetwork, now(), |_| {});
        assert!(looked.balances() && looked.communications >= 500 && problems.len() <= 1);
    }
    println!("read {}, refused {}", outcomes[0], outcomes[1]);
    assert!(outcomes[1] > 0);
}

#[test]
fn what_is_no_file_of_records_is_refused_unread() {
    let (dir, _) = folder(&[&[record("192.0.2.7", "203.0.113.5", 0)]]);
    for (name, bytes) in [
        ("a.parquet", &b""[..]),
        ("b.parquet", b"PAR1 and then nothing PAR1"),
        ("c.parquet", b"PAR1"),
    ] {
        write(dir.path(), name, bytes);
    }
    let mut hunter = Hunter::new(Arc::new(index("203.0.113.5\n")), now(), Vec::new());
    let refused: Vec<_> = shelf::list(dir.path())
        .unwrap()
        .iter()
        .filter(|file| matches!(hunter.file(file, &mut |_| Ok(())), Err(Stopped::File(_))))
        .map(|file| file.name.clone())
        .collect();
    assert_eq!(refused, ["a.parquet", "b.parquet", "c.parquet"]);
    assert_eq!((hunter.tally().unreadable_files, hunter.tally().hits), (3, 1));
}

#[test]
fn a_full_disk_ends_the_hunt() {
    let (_dir, files) = folder(&[&[record("192.0.2.7", "203.0.113.5", 0)]]);
    let mut hunter = Hunter::new(Arc::new(index("203.0.113.5\n")), now(), Vec::new());
    let done = hunter.file(&files[0], &mut |_| Err(io::ErrorKind::StorageFull.into()));
    assert!(matches!(done, Err(Stopped::Sink(_))));
}

#[test]
fn a_record_of_no_time_is_counted_and_the_rest_of_the_file_is_hunted() {
    // A time that the format holds and no certificate can state.
    let odd = MechanicalRecord {
        ts: Timestamp::from_microsecond(253_402_207_200_000_000).unwrap(),
        ..record("192.0.2.8", "203.0.113.5", 0)
    };
    let rows = [record("192.0.2.7", "203.0.113.5", 0), odd, record("192.0.2.9", "203.0.113.5", 2)];
    let (_dir, files) = folder(&[&rows]);
    let mut hunter = Hunter::new(Arc::new(index("203.0.113.5\n")), now(), Vec::new());
    let done = hunter.file(&files[0], &mut |_| Ok(()));
    assert!(matches!(done, Err(Stopped::File(_))), "the file is named");
    let (tally, _) = hunter.finish();
    assert!(tally.balances(), "{tally:?}");
    assert_eq!((tally.rows, tally.matched, tally.unreadable), (3, 2, 1));
}

#[test]
fn figures_that_are_more_than_can_be_counted_do_not_balance() {
    let tally = Tally { rows: 0, unmatched: u64::MAX, matched: 1, ..Tally::default() };
    assert!(!tally.balances());
    let pruned = Pruned { measure: u64::MAX, window: 1, ..Pruned::default() };
    assert!(!Tally { rows_pruned: pruned, ..Tally::default() }.balances());
    assert!(!Looked { communications: u64::MAX, over: 1, ..Looked::default() }.balances());
}
