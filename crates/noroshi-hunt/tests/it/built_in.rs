//! Beacons and new destinations among generated and real records.

use noroshi_evidence::mechanical::MechanicalRecord;
use noroshi_hunt::beacon::{self, Asked};
use noroshi_hunt::communication::Scope;
use noroshi_hunt::first_seen;
use noroshi_hunt::shelf;

use crate::folder::{corpus, everything, folder, logs, now, record, select, write};

/// A day: one address calls every five minutes, others call at times that a fixed sequence draws.
fn a_day() -> Vec<MechanicalRecord> {
    let mut seed = 11_u64;
    let mut draw = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((seed >> 33) % most).unwrap()
    };
    let mut records: Vec<_> =
        (0..280).map(|beat| record("192.0.2.66", "203.0.113.9", beat * 300 + draw(6))).collect();
    for host in 1..30 {
        for _ in 0..60 {
            let mut other = record(
                &format!("192.0.2.{host}"),
                &format!("198.51.100.{}", draw(4)),
                draw(86_000),
            );
            other.bytes = Some(u64::try_from(100 + draw(60) * draw(900)).unwrap());
            records.push(other);
        }
    }
    records.sort_by_key(|record| record.ts);
    // Kept for two selectors: one communication all the same.
    records
        .into_iter()
        .flat_map(|one| {
            [MechanicalRecord { selector_id: "first".parse().unwrap(), ..one.clone() }, one]
        })
        .collect()
}

#[test]
fn the_one_that_calls_by_the_clock_is_found_and_no_other() {
    let day = a_day();
    let measured: Vec<_> = day
        .iter()
        .map(|one| MechanicalRecord {
            measure_id: Some("measure-7".parse().unwrap()),
            dst_ip: Some("203.0.113.77".parse().unwrap()),
            ..one.clone()
        })
        .collect();
    let (_dir, files) = folder(&[&day, &measured]);
    let found = beacon::hunt(&files, &Scope::OwnNetwork, now(), Asked::default());
    let seen: Vec<_> =
        found.beacons.iter().map(|one| (one.src.to_string(), one.dst.to_string())).collect();
    assert_eq!(seen, [("192.0.2.66".to_owned(), "203.0.113.9".to_owned())], "{:?}", found.beacons);
    let one = &found.beacons[0];
    assert!(one.score >= 950 && (295..=305).contains(&one.intervals.median), "{one:?}");
    assert_eq!((one.calls, one.ports.clone()), (280, vec![(Some(6), Some(443))]));
    // What was acquired under a measure is not looked at beside it.
    assert_eq!(
        (found.looked.files, found.looked.repeated, found.looked.communications),
        (1, day.len() as u64 / 2, day.len() as u64 / 2)
    );
    assert!(found.looked.balances());
    let under = beacon::hunt(
        &files,
        &Scope::Measure("measure-7".parse().unwrap()),
        now(),
        Asked::default(),
    );
    assert!(
        under.beacons.iter().all(|one| one.dst.to_string() == "203.0.113.77")
            && under.looked.communications > 0
    );
}

#[test]
fn what_was_never_called_before_is_new_and_says_by_how_many() {
    let mut records: Vec<_> =
        (0..100).map(|hour| record("192.0.2.1", "198.51.100.1", hour * 800)).collect();
    records.extend(
        (1..6).map(|host| record(&format!("192.0.2.{host}"), "203.0.113.50", 80_000 + host)),
    );
    records.push(record("192.0.2.9", "203.0.113.60", 79_000));
    records.push(record("192.0.2.9", "192.0.2.200", 79_500));
    let (_dir, files) = folder(&[&records]);
    let since = "2026-11-22T20:00:00Z".parse().unwrap();
    let inside = ["192.0.2.0/24".parse().unwrap()];
    let found = first_seen::hunt(&files, &Scope::OwnNetwork, now(), Some(since), &inside);
    let seen: Vec<_> = found
        .new
        .iter()
        .map(|one| (one.dst.to_string(), one.sources, one.calls, one.bytes))
        .collect();
    assert_eq!(
        seen,
        [("203.0.113.50".to_owned(), 5, 5, 2_560), ("203.0.113.60".to_owned(), 1, 1, 512)]
    );
    assert_eq!((found.baseline, found.hunted, found.destinations), (90, 17, 3));
    // Without a baseline everything would be new: nothing is said.
    let since = Some("2026-11-22T00:00:00Z".parse().unwrap());
    let found = first_seen::hunt(&files, &Scope::OwnNetwork, now(), since, &[]);
    assert_eq!((found.baseline, found.baseline_from, found.new.len()), (0, None, 0));
    // Where nothing is said the last day is held against what was before.
    let old = record("192.0.2.1", "198.51.100.9", -90_000);
    let (_dir, files) = folder(&[&[old], &records]);
    let found = first_seen::hunt(&files, &Scope::OwnNetwork, now(), None, &[]);
    assert_eq!((found.baseline, found.new.len()), (1, 4));
}

#[test]
fn real_logs_give_pairs_that_are_judged() {
    let Some(folder) = corpus("rita-zeek/test_data") else { return };
    let logs = logs(&folder.join("proxy"), "conn.", 24);
    if logs.is_empty() {
        println!("no gzip or no log: skipped");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.parquet", &select(&everything(), &logs));
    let files = shelf::list(dir.path()).unwrap();
    let found =
        beacon::hunt(&files, &Scope::OwnNetwork, now(), Asked { calls_min: 24, score_min: 0 });
    println!("{} pairs, {} judged, best {:?}", found.pairs, found.judged, found.beacons.first());
    assert!(found.looked.balances() && found.beacons.len() as u64 <= found.judged);
    assert!(found.beacons.is_sorted_by_key(|one| std::cmp::Reverse(one.score)));
    let new = first_seen::hunt(&files, &Scope::OwnNetwork, now(), None, &[]);
    assert_eq!(new.baseline + new.hunted, new.looked.communications);
}

#[test]
fn one_record_dated_ahead_blinds_no_hunt() {
    let day = a_day();
    let late = record("192.0.2.66", "203.0.113.200", 86_000);
    let ahead = |dst: &str| MechanicalRecord {
        ts: "2039-01-01T00:00:00Z".parse().unwrap(),
        dst_ip: Some(dst.parse().unwrap()),
        ..late.clone()
    };
    let mut odd = day.clone();
    odd.push(late.clone());
    let (_dir, files) = folder(&[&odd]);
    let since = Some("2026-11-22T12:00:00Z".parse().unwrap());
    let plain = (
        beacon::hunt(&files, &Scope::OwnNetwork, now(), Asked::default()),
        first_seen::hunt(&files, &Scope::OwnNetwork, now(), since, &[]),
        first_seen::hunt(&files, &Scope::OwnNetwork, now(), None, &[]),
    );
    odd.extend([ahead("203.0.113.9"), ahead("203.0.113.201")]);
    let (_dir, files) = folder(&[&odd]);
    let beacons = beacon::hunt(&files, &Scope::OwnNetwork, now(), Asked::default());
    assert_eq!((beacons.beacons, beacons.looked.ahead), (plain.0.beacons, 2));
    assert!(beacons.looked.balances());
    for (before, since) in [(plain.1, since), (plain.2, None)] {
        let found = first_seen::hunt(&files, &Scope::OwnNetwork, now(), since, &[]);
        assert_eq!((found.since, &found.new), (before.since, &before.new));
        assert_eq!((found.baseline, found.hunted), (before.baseline, before.hunted));
        assert_eq!(found.looked.ahead, 2);
    }
}
