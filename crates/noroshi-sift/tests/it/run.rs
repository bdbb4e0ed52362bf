//! One selection over inputs in memory.

use bytes::Bytes;
use noroshi_evidence::mechanical::MechanicalRecord;
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Engine, Link, Outcome, Settings};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mode::Mode;
use noroshi_sift::selector::parse_list;
use noroshi_sift::store::read_records;

/// Settings under which every address is one's own.
pub(crate) fn settings() -> Settings {
    Settings {
        sensor: "sensor-1".parse().unwrap(),
        own_networks: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
        retention_days: 90,
        program: Digest::of(b"build"),
        link: Link::FIRST,
        started_at: "2026-11-23T00:00:00Z".parse().unwrap(),
    }
}

pub(crate) fn index(list: &str) -> SelectorIndex {
    let (selectors, problems) = parse_list(list.as_bytes());
    assert_eq!(problems, []);
    SelectorIndex::build(selectors).unwrap()
}

pub(crate) fn run_with(settings: Settings, list: &str, inputs: &[&[u8]]) -> Outcome<Vec<u8>> {
    let mut engine = Engine::new(Mode::OwnNetwork, index(list), settings, Vec::new()).unwrap();
    for (number, input) in inputs.iter().enumerate() {
        engine.read(&format!("input-{number}"), *input).unwrap();
    }
    let outcome = engine.finish("2026-11-23T00:01:00Z".parse().unwrap()).unwrap();
    assert!(outcome.certificate.balances(), "{:?}", outcome.certificate);
    assert!(outcome.certificate.covers(&records(&outcome)));
    outcome
}

pub(crate) fn run(list: &str, inputs: &[&[u8]]) -> Outcome<Vec<u8>> {
    run_with(settings(), list, inputs)
}

pub(crate) fn records(outcome: &Outcome<Vec<u8>>) -> Vec<MechanicalRecord> {
    read_records(Bytes::copy_from_slice(&outcome.sink)).unwrap()
}
