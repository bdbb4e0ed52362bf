//! An index as a file: the same answers, refused when it is not what it was, replaced and added to while in use.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use noroshi_sift::index::image::{LoadIndex, VERSION};
use noroshi_sift::index::{Current, Increment, SelectorIndex};
use noroshi_sift::selector::{Selector, parse_list};
use proptest::prelude::*;

use crate::run::index;

const LIST: &str = "203.0.113.5\n203.0.113.0/24\n2001:db8::/48\n2001:db8::5\nevil.example\n=only.example 53/udp\n\
    url:evil.example/x\nd41d8cd98f00b204e9800998ecf8427e\ncert:d41d8cd98f00b204e9800998ecf8427e\nja4:t13d_a_b\n\
    domain,bad.example,indicator--1,7,2027-01-01T00:00:00Z,2026-01-01T00:00:00Z,measure-1,approval-1";

fn file_of(index: &SelectorIndex) -> Vec<u8> {
    let mut file = Vec::new();
    index.write_to(&mut file).unwrap();
    file
}

fn selectors(list: &str) -> Vec<Selector> {
    let (selectors, problems) = parse_list(list.as_bytes());
    assert_eq!(problems, []);
    selectors
}

/// What is found for a thing, as value, condition, id and version.
fn found(index: &SelectorIndex, thing: &str) -> BTreeSet<String> {
    let mut found = Vec::new();
    match thing.parse() {
        Ok(address) => index.find_address(address, &mut found),
        Err(_) => index.find_name(thing.as_bytes(), &mut found),
    }
    let all = found.iter().map(|at| index.selector(*at).unwrap());
    all.map(|it| format!("{}{} {} {}", it.value, it.only, it.effective_id(), it.version)).collect()
}

#[test]
fn an_index_is_read_back_as_it_was() {
    let built = index(LIST);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.index");
    fs::write(&path, file_of(&built)).unwrap();
    let mapped = SelectorIndex::open(&path).unwrap();
    let owned = SelectorIndex::of_bytes(fs::read(&path).unwrap()).unwrap();
    for other in [&mapped, &owned] {
        assert_eq!((other.digest(), other.len()), (built.digest(), built.len()));
        for thing in ["203.0.113.5", "2001:db8::5", "a.evil.example", "only.example", "BAD.example"]
        {
            assert_eq!(found(other, thing), found(&built, thing), "{thing}");
            assert!(!found(other, thing).is_empty(), "{thing}");
        }
        assert_eq!(file_of(other), file_of(&built));
    }
    // What a selector knows stands in the file too.
    let mut at = Vec::new();
    mapped.find_name(b"bad.example", &mut at);
    assert_eq!(Some(mapped.selector(at[0]).unwrap()), selectors(LIST).pop());
}

#[test]
fn every_kind_of_wrong_file_has_its_code() {
    let good = file_of(&index(LIST));
    let code = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = good.clone();
        change(&mut file);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.index");
        fs::write(&path, &file).unwrap();
        let codes = [SelectorIndex::open(&path), SelectorIndex::of_bytes(file)]
            .map(|it| it.err().unwrap().code());
        assert_eq!(codes[0], codes[1]);
        codes[0]
    };
    assert_eq!(code(&|file| file.clear()), "NRS-SIFT-0030");
    assert_eq!(code(&|file| *file = b"203.0.113.5\n".repeat(100)), "NRS-SIFT-0030");
    assert_eq!(code(&|file| file.truncate(100)), "NRS-SIFT-0030");
    assert_eq!(
        code(&|file| file[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes())),
        "NRS-SIFT-0031"
    );
    assert_eq!(code(&|file| file[12..16].reverse()), "NRS-SIFT-0032");
    assert_eq!(code(&|file| file.truncate(file.len() - 64)), "NRS-SIFT-0033");
    assert_eq!(code(&|file| file.push(0)), "NRS-SIFT-0033");
    assert_eq!(code(&|file| file[60] ^= 1), "NRS-SIFT-0034");
    // The filter is the first section and begins at 512.
    assert_eq!(code(&|file| file[520] ^= 1), "NRS-SIFT-0034");
    let increment = index(LIST).increment(&[], &[]).unwrap();
    let mut file = Vec::new();
    increment.write_to(&mut file).unwrap();
    assert_eq!(SelectorIndex::of_bytes(file).err().unwrap().code(), "NRS-SIFT-0036");
    assert_eq!(Increment::of_bytes(good).err().unwrap().code(), "NRS-SIFT-0036");
}

#[test]
fn every_changed_byte_of_a_section_is_noticed() {
    let good = file_of(&index(LIST));
    let noticed = (0..good.len()).step_by(31).filter(|at| {
        let mut file = good.clone();
        file[*at] ^= 0x10;
        SelectorIndex::of_bytes(file).is_err()
    });
    // Between sections there are zeroes that mean nothing, up to 63 for each.
    assert!(noticed.count() * 31 > good.len() - 15 * 64);
}

#[test]
fn an_increment_adds_and_takes_away_without_a_rebuild() {
    let base = index(
        "203.0.113.5\n203.0.113.0/24\nevil.example\ndomain,bad.example,indicator--1,1\nurl:evil.example/24",
    );
    let added = selectors("198.51.100.7\nsub.evil.example\ndomain,bad.example,indicator--1,2");
    let removed = selectors("203.0.113.0/24\nurl:evil.example/24\nnot-there.example");
    let increment = base.increment(&added, &removed).unwrap();
    let mut file = Vec::new();
    increment.write_to(&mut file).unwrap();
    let layered = base.layer(Increment::of_bytes(file).unwrap()).unwrap();
    let values = |thing: &str| -> Vec<String> { found(&layered, thing).into_iter().collect() };
    assert_eq!(values("203.0.113.5").len(), 1);
    assert!(values("203.0.113.5")[0].starts_with("203.0.113.5 "));
    assert_eq!(values("203.0.113.6"), [""; 0]);
    assert_eq!(values("198.51.100.7").len(), 1);
    assert_eq!(values("x.sub.evil.example").len(), 2);
    assert_eq!(values("bad.example"), ["bad.example indicator--1 2"]);
    assert_eq!(layered.len(), 5);
    assert_ne!(layered.digest(), base.digest());
    // As one list it says the same.
    let compact = layered.compact().unwrap();
    let whole = index(
        "203.0.113.5\nevil.example\n198.51.100.7\nsub.evil.example\ndomain,bad.example,indicator--1,2",
    );
    assert_eq!(compact.digest(), whole.digest());
    // It belongs to its own base only.
    let other = index("203.0.113.5");
    assert!(matches!(other.layer(base.increment(&[], &[]).unwrap()), Err(LoadIndex::OtherBase)));
}

/// A locator in which another one stands, and one of a host that has colons, are named in an increment like any other.
#[test]
fn an_increment_with_any_locator_can_be_laid_over_an_index() {
    let list = "http://evil.example/url?q=http://a.b/c\nhttp://[2001:db8::1]/x\nhttp://evil.example/a[[.]]b\n198.51.100.7";
    let base = index("203.0.113.5");
    let layered = base.layer(base.increment(&selectors(list), &[]).unwrap()).unwrap();
    assert_eq!(layered.len(), 5);
    let both = layered.compact().unwrap();
    let less = both.layer(both.increment(&[], &selectors(list)).unwrap()).unwrap();
    assert_eq!((less.len(), less.compact().unwrap().digest()), (1, base.digest()));
}

#[test]
fn an_index_is_exchanged_while_it_is_used() {
    let current = Arc::new(Current::new(index("evil.example")));
    let before = current.get();
    let observed = Arc::downgrade(&before);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let current = Arc::clone(&current);
            scope.spawn(move || {
                for _ in 0..200 {
                    // Either of the two, never anything between.
                    let index = current.get();
                    let (evil, bad) =
                        (found(&index, "evil.example").len(), found(&index, "bad.example").len());
                    assert_eq!(evil + bad, 1);
                }
            });
        }
        for turn in 0..50 {
            drop(current.swap(index(if turn % 2 == 0 { "bad.example" } else { "evil.example" })));
        }
    });
    // Who took one still has it; when they let go it is gone.
    assert_eq!(found(&before, "evil.example").len(), 1);
    drop(before);
    assert!(observed.upgrade().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn layers_say_the_same_as_one_list(
        base in proptest::collection::btree_set(0_u8..40, 0..30),
        added in proptest::collection::btree_set(0_u8..40, 0..20),
        removed in proptest::collection::btree_set(0_u8..40, 0..20),
    ) {
        let line = |number: &u8| match number % 4 {
            0 => format!("203.0.113.{number}"),
            1 => format!("203.0.113.{}/30", number & !3),
            2 => format!("a{}.evil.example", number / 8),
            _ => format!("2001:db8::{number:x}"),
        };
        let list = |numbers: &BTreeSet<u8>| selectors(&numbers.iter().map(line).collect::<Vec<_>>().join("\n"));
        let lower = SelectorIndex::build(list(&base)).unwrap();
        let layered = lower.layer(lower.increment(&list(&added), &list(&removed)).unwrap()).unwrap();
        let taken: BTreeSet<String> = removed.iter().map(line).collect();
        let kept: BTreeSet<u8> = base.iter().filter(|number| !taken.contains(&line(number))).copied().collect();
        let whole = SelectorIndex::build(list(&kept.union(&added).copied().collect())).unwrap();
        prop_assert_eq!(layered.compact().unwrap().digest(), whole.digest());
        prop_assert_eq!(layered.len(), whole.len());
        for number in 0..40 {
            for thing in [format!("203.0.113.{number}"), format!("x.a{number}.evil.example"), format!("2001:db8::{number:x}")] {
                prop_assert_eq!(found(&layered, &thing), found(&whole, &thing), "{}", thing);
            }
        }
    }

    /// Of one name the highest version stays, whichever of the two it is in.
    #[test]
    fn layers_keep_the_version_that_one_list_would(
        base in proptest::collection::vec((0_u8..6, 1_u8..5), 0..8),
        added in proptest::collection::vec((0_u8..6, 1_u8..5), 0..8),
        removed in proptest::collection::vec(0_u8..6, 0..2),
    ) {
        let line = |(number, version): &(u8, u8)| {
            let expires = if version % 2 == 0 { "" } else { "2026-01-01T00:00:00Z" };
            format!("domain,a{number}.evil.example,indicator-1,{version},{expires}")
        };
        let list = |all: &[(u8, u8)]| selectors(&all.iter().map(line).collect::<Vec<_>>().join("\n"));
        let lower = SelectorIndex::build(list(&base)).unwrap();
        let taken: Vec<(u8, u8)> = removed.iter().map(|number| (*number, 1)).collect();
        let layered = lower.layer(lower.increment(&list(&added), &list(&taken)).unwrap()).unwrap();
        let kept = base.iter().filter(|(number, _)| !removed.contains(number));
        let all: Vec<(u8, u8)> = kept.chain(&added).copied().collect();
        let whole = SelectorIndex::build(list(&all)).unwrap();
        prop_assert_eq!(layered.compact().unwrap().digest(), whole.digest());
        prop_assert_eq!(layered.len(), whole.len());
    }
}

#[test]
fn p10d_an_index_is_hardly_longer_than_its_list() {
    let mut list = String::new();
    for at in 0_u32..20_000 {
        let line = match at % 10 {
            0..=4 => format!("198.{}.{}.{}\n", 18 + at % 2, at >> 8 & 255, at & 255),
            5..=7 => format!("h{at:x}.lantern.example\n"),
            8 => format!("url:h{at:x}.kiln.example/a/{at}\n"),
            _ => format!("2001:db8:{at:x}::5\n"),
        };
        list.push_str(&line);
    }
    let (file, text) = (file_of(&index(&list)).len(), list.len());
    assert!(file * 2 <= text * 3, "{file} bytes for a list of {text}");
}
