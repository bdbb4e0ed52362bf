//! What is hunted in what was kept is what would have been selected live.

use std::collections::BTreeMap;
use std::sync::Arc;

use noroshi_evidence::mechanical::MechanicalRecord;
use noroshi_hunt::scan::{Hit, Hunter, Place, Pruned, Tally};
use noroshi_hunt::shelf::{self, Stored};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::stix::parse_bundle;
use noroshi_sift::store::read_records;
use proptest::prelude::*;

use crate::folder::{corpus, everything, folder, index, logs, now, record, select, write};

pub(crate) fn hunt(index: &SelectorIndex, files: &[Stored]) -> (Vec<Hit>, Tally) {
    let mut hunter = Hunter::new(Arc::new(index.clone()), now(), Vec::new());
    let mut hits = Vec::new();
    for file in files {
        hunter
            .file(file, &mut |hit| {
                hits.push(hit.clone());
                Ok(())
            })
            .unwrap();
    }
    let (tally, sightings) = hunter.finish();
    assert!(tally.balances(), "{tally:?}");
    assert_eq!(sightings.iter().map(|one| one.count).sum::<u64>(), tally.hits - tally.known);
    assert_eq!(hits.len() as u64, tally.hits);
    (hits, tally)
}

fn records(hits: Vec<Hit>) -> Vec<MechanicalRecord> {
    let mut records: Vec<_> = hits.into_iter().map(|hit| hit.record).collect();
    records.sort();
    records
}

/// Selects with everything, hunts in what was kept with `wanted`, and compares with selecting with `wanted` at once.
fn agree(
    wanted: &SelectorIndex,
    all: &SelectorIndex,
    logs: &[(String, Vec<u8>)],
) -> (usize, Tally) {
    let dir = tempfile::tempdir().unwrap();
    let kept = select(all, logs);
    write(dir.path(), "records/day=2026-11-23/measure=own-network/0.parquet", &kept);
    let (hits, tally) = hunt(wanted, &shelf::list(dir.path()).unwrap());
    let mut live = read_records(bytes::Bytes::from(select(wanted, logs))).unwrap();
    live.sort();
    let hunted = records(hits);
    assert_eq!(hunted, live);
    (hunted.len(), tally)
}

fn any_address() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u8..40).prop_map(|low| format!("192.0.2.{low}")),
        (0_u8..40).prop_map(|low| format!("2001:db8::{low:x}")),
    ]
}

fn any_line() -> impl Strategy<Value = String> {
    let only =
        prop_oneof![4 => Just(""), 1 => Just(" 443/tcp"), 1 => Just(" dst:*"), 1 => Just(" src:*")];
    prop_oneof![
        (any_address(), only).prop_map(|(address, only)| format!("{address}{only}\n")),
        (0_u8..5).prop_map(|net| format!("192.0.2.{}/29\n", net * 8)),
        any_address().prop_map(|address| {
            let kind = if address.contains(':') { "ipv6" } else { "ipv4" };
            format!("{kind},{address},windowed,3,2026-12-01T00:00:00Z,2026-11-22T00:00:20Z\n")
        }),
        Just("evil.example\n".to_owned()),
    ]
}

fn any_record() -> impl Strategy<Value = String> {
    let end = || (any_address(), 1_u16..600);
    (end(), end(), 0_u32..40, any::<bool>(), 0_u32..9).prop_map(|(src, dst, second, tcp, bytes)| {
        let proto = if tcp { "tcp" } else { "udp" };
        let ts = 1_795_305_600 + second;
        format!(
            "{{\"ts\":{ts}.25,\"id.orig_h\":\"{}\",\"id.orig_p\":{},\"id.resp_h\":\"{}\",\"id.resp_p\":{},\"proto\":\"{proto}\",\"orig_bytes\":{bytes},\"resp_bytes\":1,\"duration\":1.5}}\n",
            src.0, src.1, dst.0, dst.1
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_hunt_finds_what_a_selection_would_have(
        lines in proptest::collection::vec(any_line(), 1..12),
        log in proptest::collection::vec(any_record(), 0..80),
    ) {
        // Two prefixes contain every address of the log, so that most records are kept twice.
        let all = index("192.0.2.0/24\n192.0.0.0/8\n2001:db8::/32\n2001::/16\n");
        let logs = [("conn.log".to_owned(), log.concat().into_bytes())];
        let (_, tally) = agree(&index(&lines.concat()), &all, &logs);
        prop_assert_eq!(tally.known, 0);
        // The same list again: everything is known.
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "0.parquet", &select(&all, &logs));
        let (hits, tally) = hunt(&all, &shelf::list(dir.path()).unwrap());
        prop_assert!(hits.iter().all(|hit| hit.known) && tally.known == tally.hits);
    }
}

#[test]
fn what_was_seen_before_an_indicator_was_published_is_found() {
    let bundle = br#"{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "created":"2026-11-26T00:00:00Z","modified":"2026-11-26T00:00:00Z","valid_from":"2026-11-26T00:00:00Z",
        "pattern_type":"stix","pattern":"[ipv4-addr:value = '192.0.2.7']"}"#;
    let (selectors, problems) = parse_bundle(bundle, None).unwrap();
    assert_eq!(problems, []);
    let line = "{\"ts\":1795305600.5,\"id.orig_h\":\"192.0.2.7\",\"id.orig_p\":1,\"id.resp_h\":\"192.0.2.9\",\"id.resp_p\":2,\"proto\":\"tcp\"}\n";
    let logs = [("conn.log".to_owned(), line.as_bytes().to_vec())];
    let wanted = SelectorIndex::build(selectors).unwrap();
    assert_eq!(agree(&wanted, &index("192.0.2.0/24\n"), &logs).0, 1);
}

#[test]
fn a_hunt_in_real_logs_finds_what_a_selection_would_have() {
    let Some(folder) = corpus("rita-zeek/test_data") else { return };
    let logs = logs(&folder, "conn.", 12);
    if logs.is_empty() {
        println!("no gzip: skipped");
        return;
    }
    // Every seventh address that occurs, and the prefixes of every fiftieth.
    let kept = read_records(bytes::Bytes::from(select(&everything(), &logs))).unwrap();
    let mut addresses: BTreeMap<String, u64> = BTreeMap::new();
    for record in &kept {
        for end in [record.src_ip, record.dst_ip].into_iter().flatten() {
            *addresses.entry(end.to_string()).or_default() += 1;
        }
    }
    let mut list: Vec<String> = addresses.keys().step_by(7).cloned().collect();
    for address in addresses.keys().filter(|address| !address.contains(':')).step_by(50) {
        let (net, _) = address.rsplit_once('.').unwrap();
        list.push(format!("{net}.0/24"));
    }
    let (hits, tally) = agree(&index(&list.join("\n")), &everything(), &logs);
    println!("{} addresses, {} rows kept, {hits} hits, {tally:?}", addresses.len(), kept.len());
    assert!(hits > 0 && tally.repeated > 0);
}

#[test]
fn row_groups_are_left_out_for_the_reason_that_is_said() {
    let of = |dst: &str, second: i64| -> Vec<_> {
        (0..10).map(|more| record("192.0.2.7", dst, second + more)).collect()
    };
    let measured: Vec<_> = of("203.0.113.5", 0)
        .into_iter()
        .map(|one| MechanicalRecord { measure_id: Some("measure-7".parse().unwrap()), ..one })
        .collect();
    let over: Vec<_> = of("203.0.113.5", 0)
        .into_iter()
        .map(|one| MechanicalRecord { retain_until: now(), ..one })
        .collect();
    let late = of("203.0.113.5", 80_000);
    let elsewhere = of("198.51.100.9", 0);
    // Between the bounds, and no address of it is looked for.
    let mut between = of("203.0.113.4", 0);
    between.extend(of("203.0.113.6", 0));
    let hit = of("203.0.113.5", 0);
    let (_dir, files) = folder(&[&over, &late, &elsewhere, &between, &hit, &measured]);
    let wanted = index("ipv4,203.0.113.5,one,1,2026-11-22T12:00:00Z\n");
    let mut hunter =
        Hunter::new(Arc::new(wanted), "2026-11-22T06:00:00Z".parse().unwrap(), Vec::new());
    // Retention is asked at the time of the hunt.
    let mut hits = 0;
    for file in &files {
        hunter
            .file(file, &mut |_| {
                hits += 1;
                Ok(())
            })
            .unwrap();
    }
    let (tally, _) = hunter.finish();
    assert!(tally.balances());
    assert_eq!(
        tally.rows_pruned,
        Pruned { window: 10, address: 10, dictionary: 20, ..Pruned::default() }
    );
    assert_eq!((tally.files, tally.files_pruned, tally.matched), (6, 1, 20));
    let (_, tally) = hunt(&index("203.0.113.5\n"), &files);
    assert_eq!(
        tally.rows_pruned,
        Pruned { retention: 10, address: 10, dictionary: 20, ..Pruned::default() }
    );
    assert_eq!((tally.matched, tally.files_pruned), (20, 1));
}

#[test]
fn records_of_a_measure_are_held_against_its_selectors_only() {
    let measured = MechanicalRecord {
        measure_id: Some("measure-7".parse().unwrap()),
        ..record("192.0.2.7", "203.0.113.5", 0)
    };
    let other =
        MechanicalRecord { measure_id: Some("measure-8".parse().unwrap()), ..measured.clone() };
    let (dir, _) = folder(&[std::slice::from_ref(&measured), std::slice::from_ref(&other)]);
    // Moved away from under their names, what they are still stands in the rows.
    let mixed = noroshi_sift::store::RecordWriter::new(Vec::new())
        .map(|mut writer| {
            writer.write(&[other, measured]).unwrap();
            writer.finish().unwrap()
        })
        .unwrap();
    write(dir.path(), "mixed.parquet", &mixed);
    let list = "ipv4,203.0.113.5,plain,1\nipv4,203.0.113.5,lawful,1,,,measure-7\n";
    let (hits, tally) = hunt(&index(list), &shelf::list(dir.path()).unwrap());
    let ids: Vec<_> = hits
        .iter()
        .map(|hit| {
            (hit.record.selector_id.as_str(), hit.record.measure_id.as_ref().unwrap().as_str())
        })
        .collect();
    assert_eq!(ids, [("lawful", "measure-7"), ("lawful", "measure-7")]);
    assert_eq!((tally.files_pruned, tally.unmatched), (1, 1));
}

#[test]
fn two_communications_alike_stay_two_and_one_kept_for_two_selectors_is_one() {
    let one = record("192.0.2.7", "203.0.113.5", 0);
    let two = MechanicalRecord { selector_id: "other".parse().unwrap(), ..one.clone() };
    // The same twice over: a, b, a, b; and once more alone at the end of a row group.
    let mut rows = vec![one.clone(), two.clone(), one.clone(), two.clone()];
    rows.extend((0..996).map(|more| record("192.0.2.7", "198.51.100.1", more)));
    rows[999] = one.clone();
    rows.push(two);
    let (_dir, files) = folder(&[&rows]);
    let (hits, tally) = hunt(&index("203.0.113.5\n"), &files);
    assert_eq!(hits.iter().map(|hit| hit.row).collect::<Vec<_>>(), [0, 2, 999]);
    assert_eq!((tally.matched, tally.repeated, tally.groups), (3, 3, 2));
}

#[test]
fn a_hunt_that_is_taken_over_ends_as_one_that_was_not_interrupted() {
    let rows: Vec<_> =
        (0..50).map(|at| record(&format!("192.0.2.{}", at % 9), "203.0.113.5", at)).collect();
    let known: Vec<_> = rows
        .iter()
        .map(|one| MechanicalRecord { selector_id: "one".parse().unwrap(), ..one.clone() })
        .collect();
    let (_dir, files) = folder(&[&rows, &known, &rows]);
    let wanted = Arc::new(index("ipv4,203.0.113.5,one,1\nipv4,192.0.2.3,two,1\n"));
    let begin = || Hunter::new(Arc::clone(&wanted), now(), vec!["192.0.2.0/24".parse().unwrap()]);
    let mut whole = begin();
    let mut all = Vec::new();
    for file in &files {
        let done = whole.file(file, &mut |hit| {
            all.push(hit.clone());
            Ok(())
        });
        done.unwrap();
    }
    let mut first = begin();
    let mut hits = Vec::new();
    for file in &files[..2] {
        let done = first.file(file, &mut |hit| {
            hits.push(hit.clone());
            Ok(())
        });
        done.unwrap();
    }
    let tally = first.tally();
    let mut second = begin();
    let places: Vec<Place> = hits.iter().map(Place::from).collect();
    second.resume(tally, &files, &places);
    assert_eq!(second.retain_until(), first.retain_until());
    second
        .file(&files[2], &mut |hit| {
            hits.push(hit.clone());
            Ok(())
        })
        .unwrap();
    assert_eq!(hits, all);
    assert_eq!(second.finish(), whole.finish());
}
