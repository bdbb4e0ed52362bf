//! What must hold before, during and after a selection.

use noroshi_sift::certificate::Certificate;
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Begin, Engine, Finish, Link, Settings};
use noroshi_sift::mode::Mode;

use crate::run::{index, records, run, run_with, settings};

const LIST: &str = "203.0.113.5\ndomain,evil.example,indicator--2,4,2026-11-23T00:00:30Z";

fn conn(ts: &str, src: &str, dst: &str) -> String {
    format!(
        r#"{{"ts":{ts},"id.orig_h":"{src}","id.orig_p":4000,"id.resp_h":"{dst}","id.resp_p":443,"proto":"tcp"}}"#
    )
}

#[test]
fn statutory_modes_are_locked_and_say_by_which_clause() {
    for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::OwnNetwork) {
        let Err(Begin::Locked(locked)) = Engine::new(mode, index(LIST), settings(), Vec::new())
        else {
            panic!("{mode:?} began");
        };
        assert_eq!(locked.code, "NRS-SIFT-0001");
        assert!(locked.clause.starts_with("Act No. 42 of 2025, art"), "{locked}");
    }
}

#[test]
fn nothing_begins_on_a_default() {
    let check = |code: &str, change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        let begun = Engine::new(Mode::OwnNetwork, index(LIST), settings, Vec::new());
        let refusal = begun.err().expect("a refusal").to_string();
        assert!(refusal.starts_with(code), "{refusal}");
    };
    check("NRS-SIFT-0002", &|settings| settings.own_networks.clear());
    check("NRS-SIFT-0003", &|settings| settings.retention_days = 0);
    check("NRS-SIFT-0003", &|settings| settings.retention_days = u32::MAX);
    check("NRS-SIFT-0004", &|settings| settings.link.sequence = 1);
    check("NRS-SIFT-0004", &|settings| settings.link.previous = Some(Digest::of(b"")));
    let engine = Engine::new(Mode::OwnNetwork, index(LIST), settings(), Vec::new()).unwrap();
    let ended = engine.finish("2026-11-22T00:00:00Z".parse().unwrap());
    assert!(matches!(ended, Err(Finish::EndsBeforeItBegan(_))));
}

#[test]
fn traffic_of_others_is_turned_away_before_it_is_looked_up() {
    let settings = Settings { own_networks: vec!["192.0.2.0/24".parse().unwrap()], ..settings() };
    let log = [conn("1", "192.0.2.7", "203.0.113.5"), conn("2", "198.51.100.7", "203.0.113.5")]
        .join("\n");
    let outcome = run_with(settings, LIST, &[log.as_bytes()]);
    let tally = outcome.certificate.tally;
    assert_eq!((tally.seen, tally.kept, tally.direction), (2, 1, 1));
    let sighting = &outcome.sightings[0];
    assert_eq!((sighting.own_addresses, sighting.remote_addresses, sighting.count), (1, 1, 1));
}

#[test]
fn an_expired_selector_matches_nothing() {
    // It expires 30 seconds into the run: records of before still match, later ones do not.
    let dns =
        |ts: &str| format!(r#"{{"ts":"{ts}","id.orig_h":"192.0.2.7","query":"a.evil.example"}}"#);
    let log = [dns("2026-11-23T00:00:29Z"), dns("2026-11-23T00:00:30Z")].join("\n");
    let outcome = run(LIST, &[log.as_bytes()]);
    assert_eq!((outcome.certificate.tally.kept, outcome.certificate.tally.unmatched), (1, 1));
    let later = Settings { started_at: "2026-11-23T00:00:30Z".parse().unwrap(), ..settings() };
    let outcome = run_with(later, LIST, &[log.as_bytes()]);
    assert_eq!((outcome.certificate.tally.kept, outcome.certificate.tally.unmatched), (0, 2));
}

#[test]
fn certificates_make_a_chain() {
    let first: Certificate = run(LIST, &[]).certificate;
    let link = Link::after(&first).unwrap();
    let started_at = first.finished_at;
    let second = run_with(Settings { link, started_at, ..settings() }, LIST, &[]).certificate;
    assert!(second.follows(&first));
    assert!(!first.follows(&second));
}

#[test]
fn retention_counts_from_the_run_and_not_from_the_record() {
    let log = conn("253402207199.999999", "192.0.2.7", "203.0.113.5");
    let outcome = run(LIST, &[log.as_bytes()]);
    assert_eq!(records(&outcome)[0].retain_until, "2027-02-21T00:00:00Z".parse().unwrap());
}

#[test]
fn many_kept_records_leave_in_several_row_groups() {
    let line = conn("1790000000.25", "192.0.2.7", "203.0.113.5") + "\n";
    let log = line.repeat(40_000);
    let outcome = run(LIST, &[log.as_bytes()]);
    assert_eq!(outcome.certificate.rows, 40_000);
    assert_eq!(records(&outcome).len(), 40_000);
    assert_eq!(outcome.certificate.tally.bytes, log.len() as u64);
}
