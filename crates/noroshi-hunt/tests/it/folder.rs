//! Files of records for tests.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use noroshi_evidence::mechanical::{Direction, MechanicalRecord, Protocol};
use noroshi_hunt::shelf::{self, Stored};
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Engine, Link, Settings};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mode::Mode;
use noroshi_sift::selector::parse_list;
use noroshi_sift::store::RecordWriter;
use noroshi_sift::switches::Switches;

/// When every hunt of these tests is.
pub(crate) const NOW: &str = "2026-11-23T00:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(crate) fn index(list: &str) -> SelectorIndex {
    let (selectors, problems) = parse_list(list.as_bytes());
    assert_eq!(problems, []);
    SelectorIndex::build(selectors).unwrap()
}

/// What a selection in one's own network keeps of logs, looking at the two ends of each communication only.
pub(crate) fn select(index: &SelectorIndex, logs: &[(String, Vec<u8>)]) -> Vec<u8> {
    let settings = Settings {
        sensor: "sensor-1".parse().unwrap(),
        own_networks: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
        retention_days: 90,
        program: Digest::of(b"build"),
        link: Link::FIRST,
        started_at: now(),
    };
    let mut switches = Switches::CLOSED;
    assert!(switches.set("ports", true));
    let mut engine =
        Engine::with_switches(Mode::OwnNetwork, switches, index.clone(), settings, Vec::new())
            .unwrap();
    for (name, bytes) in logs {
        engine.read(name, bytes.as_slice()).unwrap();
    }
    engine.finish(now()).unwrap().sink
}

/// A list that contains every address there is.
pub(crate) fn everything() -> SelectorIndex {
    let v4 = (0..=255).map(|octet| format!("{octet}.0.0.0/8\n"));
    let v6 = (0..=0xffff_u32).map(|group| format!("{group:x}::/16\n"));
    index(&v4.chain(v6).collect::<String>())
}

/// A folder of a sensor with one file for each list of records.
pub(crate) fn folder(files: &[&[MechanicalRecord]]) -> (tempfile::TempDir, Vec<Stored>) {
    let dir = tempfile::tempdir().unwrap();
    for (number, records) in files.iter().enumerate() {
        let measure = records.iter().find_map(|record| record.measure_id.as_ref());
        let measure = measure.map_or("own-network", |measure| measure.as_str());
        let mut writer = RecordWriter::new(Vec::new()).unwrap();
        for group in records.chunks(1_000) {
            writer.write(group).unwrap();
        }
        write(
            dir.path(),
            &format!("records/day=2026-11-22/measure={measure}/{number}.parquet"),
            &writer.finish().unwrap(),
        );
    }
    let stored = shelf::list(dir.path()).unwrap();
    (dir, stored)
}

pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// A record between two addresses, so many seconds after the beginning of a day.
pub(crate) fn record(src: &str, dst: &str, second: i64) -> MechanicalRecord {
    let begin: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    MechanicalRecord {
        selector_id: "kept".parse().unwrap(),
        selector_version: 1,
        measure_id: None,
        ts: begin + jiff::SignedDuration::from_secs(second),
        src_ip: Some(src.parse().unwrap()),
        dst_ip: Some(dst.parse().unwrap()),
        src_port: Some(40_000),
        dst_port: Some(443),
        proto: Some(Protocol::TCP),
        bytes: Some(512),
        packets: Some(7),
        flow_start: None,
        flow_end: None,
        direction: Direction::OwnNetwork,
        retain_until: "2027-02-21T00:00:00Z".parse().unwrap(),
    }
}

/// `None`, and a line that says so, where the corpus is absent.
pub(crate) fn corpus(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora").join(name);
    let present = path.try_exists().unwrap();
    if !present {
        println!("corpora absent: skipped {name}");
    }
    present.then_some(path)
}

/// Logs below a folder whose names begin so, unpacked by `gzip`; none where there is no `gzip`.
pub(crate) fn logs(folder: &Path, begin: &str, most: usize) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with(begin) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.truncate(most);
    let unpacked = found.into_iter().filter_map(|path| {
        if path.extension().is_none_or(|end| end != "gz") {
            return Some((path.display().to_string(), fs::read(&path).unwrap()));
        }
        let output = std::process::Command::new("gzip").arg("-dc").arg(&path).output().ok()?;
        Some((path.display().to_string(), output.stdout))
    });
    unpacked.collect()
}
