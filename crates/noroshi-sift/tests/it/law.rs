//! Selections on the ground of a mandate, and what their certificates and proofs say.

use std::sync::Arc;

use noroshi_evidence::mechanical::Direction;
use noroshi_sift::certificate::Certificate;
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Begin, Engine, Outcome, Settings};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mandate::{Commencement, FORM, Mandate, Mandated, Scope};
use noroshi_sift::mode::Mode;
use noroshi_sift::prefix::{Jurisdiction, PrefixTable};
use noroshi_sift::proof::{NotProved, prove};
use noroshi_sift::selector::{Selector, parse_list};
use noroshi_sift::signature::{PublicKey, SecretKey};
use noroshi_sift::switches::Switches;

use crate::run::{index, records, run, settings};

const LIST: &str = "203.0.113.5\n198.51.100.0/24";

/// The list for one measure.
fn index_for(measure: &str) -> SelectorIndex {
    let (list, _) = parse_list(LIST.as_bytes());
    let measure = Some(measure.parse().unwrap());
    let list = list.into_iter().map(|one| Selector { measure: measure.clone(), ..one });
    SelectorIndex::build(list.collect()).unwrap()
}

fn table() -> Arc<PrefixTable> {
    let text = "# table: example\n# version: 7\n# date: 2026-11-01\n\
        192.0.2.0/24,JP\n198.51.100.0/24,FR\n203.0.113.0/24,US\n";
    Arc::new(PrefixTable::read(text.as_bytes()).unwrap())
}

fn terms(mode: Mode) -> Mandate {
    Mandate {
        form: FORM.to_owned(),
        id: "mandate-1".parse().unwrap(),
        sensor: "sensor-1".parse().unwrap(),
        sensor_key: sensor_key(),
        mode,
        commencement: Commencement {
            from: "2026-11-01T00:00:00Z".parse().unwrap(),
            basis: "order of an exercise".to_owned(),
            entry: Digest::of(b"entry"),
        },
        measure: "measure-7".parse().unwrap(),
        approval: "approval-1".parse().unwrap(),
        scope: Scope { words: "line of an exercise".to_owned(), networks: Vec::new() },
        not_before: "2026-11-10T00:00:00Z".parse().unwrap(),
        not_after: "2026-11-30T00:00:00Z".parse().unwrap(),
        switches: Switches::CLOSED,
        retention_days_max: 30,
        home: Jurisdiction::JAPAN,
        prefix_table: table().basis().clone(),
        issued_at: "2026-11-05T00:00:00Z".parse().unwrap(),
    }
}

fn sensor_key() -> PublicKey {
    SecretKey::of_seed([9; 32]).public()
}

fn mandated(mode: Mode) -> Mandated {
    let key = SecretKey::of_seed([3; 32]);
    let verified = terms(mode).sign(&key).unwrap().verify(&key.public()).unwrap();
    let sensor = "sensor-1".parse().unwrap();
    verified.open(&sensor, &sensor_key(), &table(), settings().started_at).unwrap()
}

fn within() -> Settings {
    Settings { own_networks: Vec::new(), retention_days: 30, ..settings() }
}

const LOG: &str = r#"{"ts":1795392000,"id.orig_h":"203.0.113.5","id.resp_h":"192.0.2.7"}
{"ts":1795392000,"id.orig_h":"203.0.113.5","id.resp_h":"198.51.100.7"}
{"ts":1795392000,"id.orig_h":"192.0.2.7","id.resp_h":"198.51.100.7"}
{"ts":1795392000,"id.orig_h":"192.0.2.7","id.resp_h":"192.0.2.8"}
{"ts":1795392000,"id.orig_h":"203.0.113.6","id.resp_h":"192.0.2.8"}
{"ts":1700000000,"id.orig_h":"203.0.113.5","id.resp_h":"192.0.2.7"}
"#;

fn run_under(mode: Mode) -> Outcome<Vec<u8>> {
    let mut engine =
        Engine::under(mandated(mode), index_for("measure-7"), within(), Vec::new()).unwrap();
    engine.read("conn.log", LOG.as_bytes()).unwrap();
    let outcome = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
    assert!(outcome.certificate.balances(), "{:?}", outcome.certificate);
    assert!(outcome.certificate.covers(&records(&outcome)));
    outcome
}

#[test]
fn each_mode_keeps_its_own_direction_and_counts_the_others() {
    for (mode, direction, kept, unmatched) in [
        (Mode::ForeignToForeign, Direction::ForeignToForeign, 1, 0),
        (Mode::ForeignToDomestic, Direction::ForeignToDomestic, 1, 1),
        (Mode::DomesticToForeign, Direction::DomesticToForeign, 1, 0),
    ] {
        let outcome = run_under(mode);
        let tally = outcome.certificate.tally;
        assert_eq!((tally.seen, tally.kept, tally.unmatched), (6, kept, unmatched), "{mode:?}");
        assert_eq!(tally.direction, 6 - kept - unmatched);
        for record in records(&outcome) {
            assert_eq!(record.direction, direction);
            assert_eq!(record.measure_id, Some("measure-7".parse().unwrap()));
            assert_eq!(record.retain_until, "2026-12-23T00:00:00Z".parse().unwrap());
        }
    }
}

#[test]
fn the_certificate_names_mandate_measure_switches_and_table() {
    let certificate = run_under(Mode::ForeignToForeign).certificate;
    let rules = certificate.rules.unwrap();
    assert_eq!(certificate.mode, Mode::ForeignToForeign);
    assert_eq!(rules.mandate, terms(Mode::ForeignToForeign).digest().ok());
    assert_eq!(rules.measure, Some("measure-7".parse().unwrap()));
    assert_eq!(rules.switches, Switches::CLOSED);
    assert_eq!(rules.geo_basis.unwrap().to_string(), "example@7");
    assert_eq!(certificate.rules_digest, Some(rules_of(&run_under(Mode::ForeignToForeign))));
}

fn rules_of(outcome: &Outcome<Vec<u8>>) -> Digest {
    outcome.certificate.rules.as_ref().unwrap().digest().unwrap()
}

#[test]
fn no_setting_goes_beyond_the_mandate() {
    let check = |what: &str, change: &dyn Fn(&mut Settings)| {
        let mut settings = within();
        change(&mut settings);
        let begun =
            Engine::under(mandated(Mode::ForeignToForeign), index(LIST), settings, Vec::new());
        assert!(
            matches!(begun.err(), Some(Begin::BeyondMandate(found)) if found == what),
            "{what}"
        );
    };
    check("list of own networks", &|settings| {
        settings.own_networks = vec!["0.0.0.0/0".parse().unwrap()]
    });
    check("sensor", &|settings| settings.sensor = "sensor-2".parse().unwrap());
    check("retention", &|settings| settings.retention_days = 31);
    check("time", &|settings| settings.started_at = "2026-12-01T00:00:00Z".parse().unwrap());
}

#[test]
fn an_interval_without_input_has_a_certificate_in_the_chain() {
    let first: Certificate = run(LIST, &[]).certificate;
    assert!(first.balances() && first.tally.seen == 0 && first.rows == 0);
}

#[test]
fn a_sample_is_proved_and_other_records_are_not() {
    let lines: String = (0..37)
        .map(|number| {
            format!(
                r#"{{"ts":{},"id.orig_h":"192.0.2.7","id.resp_h":"203.0.113.5"}}"#,
                1_795_392_000 + number
            ) + "\n"
        })
        .collect();
    let outcome = run(LIST, &[lines.as_bytes()]);
    let all = records(&outcome);
    let proof = prove(&outcome.certificate, &all, &[36, 0, 5, 5]).unwrap();
    assert_eq!(proof.shown.iter().map(|shown| shown.index).collect::<Vec<_>>(), [0, 5, 36]);
    assert_eq!(proof.certificate, outcome.certificate.digest().unwrap());
    assert_eq!(prove(&outcome.certificate, &all[1..], &[0]), Err(NotProved::OtherRecords));
    let mut swapped = all.clone();
    swapped.swap(0, 1);
    assert_eq!(prove(&outcome.certificate, &swapped, &[0]), Err(NotProved::OtherRecords));
    assert_eq!(prove(&outcome.certificate, &all, &[37]), Err(NotProved::NoSuchRecord));
    assert_eq!(prove(&outcome.certificate, &all, &[]), Err(NotProved::NoSuchRecord));
}

#[test]
fn a_replay_of_the_same_input_reproduces_the_root() {
    let (first, again) = (run_under(Mode::ForeignToDomestic), run_under(Mode::ForeignToDomestic));
    assert_eq!(first.certificate.rows_root, again.certificate.rows_root);
    assert_eq!(first.certificate, again.certificate);
}

#[test]
fn only_selectors_of_the_measure_match_under_it() {
    for index in [index(LIST), index_for("measure-8")] {
        let mandated = mandated(Mode::ForeignToForeign);
        let mut engine = Engine::under(mandated, index, within(), Vec::new()).unwrap();
        engine.read("conn.log", LOG.as_bytes()).unwrap();
        assert_eq!((engine.tally().kept, engine.tally().unmatched), (0, 1));
    }
}
