//! A sensor's service: every record once, through rotations and kills; nothing but counters and mechanical records on
//! disk; a full disk is a pause that is said.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use noroshi_sift::certificate::Certificate;
use noroshi_sift::digest::Digest;
use noroshi_sift::engine::{Engine, Link, Settings};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mode::Mode;
use noroshi_sift::selector::parse_list;
use noroshi_sift::store::read_records;
use serde_json::Value;

const MARKER: &str = "PLANTED-5c1d-CONTENT";
/// Whatever takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);

struct Sensor {
    dir: tempfile::TempDir,
}

impl Sensor {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        std::fs::write(dir.path().join("selectors.txt"), "203.0.113.77\n").unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, verb: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_noroshi"));
        command.args(["sift", verb, "--mode", "own-network", "--retention-days", "30"]);
        command.args(["--own-network", "192.0.2.0/24", "--format", "json"]);
        command.arg("--selectors").arg(self.path("selectors.txt"));
        command.arg("--out").arg(self.path("out")).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn follow(&self, more: &[&str]) -> Child {
        self.command("follow", more).arg(self.path("logs")).spawn().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("logs").join(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn certificates(&self) -> Vec<Certificate> {
        let read = |number: usize| {
            let bytes = std::fs::read(self.path("out").join(format!("certificate-{number}.json")));
            bytes.ok().map(|bytes| serde_json::from_slice(&bytes).unwrap())
        };
        (0..).map_while(read).collect()
    }

    fn seen(&self) -> u64 {
        self.certificates().iter().map(|certificate| certificate.tally.seen).sum()
    }

    /// The seconds of all kept records, each certificate checked against them and the one before.
    fn kept(&self) -> Vec<i64> {
        let certificates = self.certificates();
        let mut kept = Vec::new();
        for (number, certificate) in certificates.iter().enumerate() {
            assert!(certificate.balances(), "{certificate:?}");
            assert!(number == 0 || certificate.follows(&certificates[number - 1]));
            let path = file_below(&self.path("out").join("records"), &format!("{number}.parquet"));
            if certificate.rows == 0 {
                assert_eq!(path, None, "of nothing there is no file");
                continue;
            }
            let records = read_records(File::open(path.unwrap()).unwrap()).unwrap();
            assert!(certificate.covers(&records), "certificate {number}");
            kept.extend(records.iter().map(|record| record.ts.as_second()));
        }
        kept.sort_unstable();
        kept
    }

    /// No content in any byte below the folder that is written to.
    fn check_no_content(&self) {
        let mut bytes = Vec::new();
        every_byte_below(&self.path("out"), &mut bytes);
        assert!(!bytes.is_empty());
        for needle in [MARKER.as_bytes(), b"PLANTED", &MARKER.to_lowercase().into_bytes()] {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "content lies in the folder");
        }
    }
}

/// The file of a name, in whatever partition it lies.
fn file_below(folder: &Path, name: &str) -> Option<PathBuf> {
    let direct = folder.join(name);
    if direct.is_file() {
        return Some(direct);
    }
    let mut inside = std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path());
    inside.find_map(|path| if path.is_dir() { file_below(&path, name) } else { None })
}

fn every_byte_below(dir: &Path, bytes: &mut Vec<u8>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend_from_slice(path.display().to_string().as_bytes());
        if path.is_dir() {
            every_byte_below(&path, bytes);
        } else {
            bytes.extend(std::fs::read(&path).unwrap());
        }
    }
}

/// A record of a second; every second one is selected.
fn record(second: i64) -> String {
    let host = if second % 2 == 0 { "203.0.113.77" } else { "198.51.100.1" };
    format!(
        "{{\"ts\":{second},\"id.orig_h\":\"192.0.2.10\",\"id.resp_h\":\"{host}\",\"host\":\"{MARKER}.example\",\"uri\":\"/{MARKER}\"}}\n"
    )
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        // Files tell nobody that they have changed.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn terminate(child: &Child) {
    let done = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(done.success());
}

fn end(child: Child) -> Output {
    terminate(&child);
    child.wait_with_output().unwrap()
}

#[test]
fn records_are_kept_once_through_rotations_and_kills() {
    let sensor = Sensor::new();
    let (mut second, mut noise, mut rotation) = (0_i64, 88_172_645_463_325_252_u64, 0);
    for _ in 0..14 {
        let mut child = sensor.follow(&["--every", "1"]);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                drop(tell.send(line));
            }
        });
        noise =
            noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Writes go on while it runs; the kill comes at a point that no part of the program chose.
        for step in 0..(noise >> 33) % 12 {
            for _ in 0..40 {
                second += 1;
                sensor.write("http.log", &record(second));
            }
            if step % 5 == 4 {
                rotation += 1;
                let logs = sensor.path("logs");
                std::fs::rename(logs.join("http.log"), logs.join(format!("http.{rotation}.log")))
                    .unwrap();
            }
            // A certificate, or so long: what is written must meet every part of an interval.
            drop(told.recv_timeout(Duration::from_millis((noise >> 20) % 250)));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        sensor.check_no_content();
    }
    sensor.write("http.log", "{\"ts\":1,\"id.orig_h\":\"");
    let child = sensor.follow(&["--every", "1"]);
    until("all is read", || sensor.seen() == u64::try_from(second).unwrap());
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: Vec<i64> = (1..=second).filter(|second| second % 2 == 0).collect();
    assert_eq!(sensor.kept(), expected);
    sensor.check_no_content();
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("PLANTED"));
    // A single run over the same files keeps the same.
    let single = Sensor::new();
    let logs = std::fs::read_dir(sensor.path("logs")).unwrap();
    let files: Vec<String> =
        logs.map(|entry| entry.unwrap().path().display().to_string()).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let output = single.command("run", &files).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "the half line is an error of this run");
    assert_eq!(single.kept(), expected);
}

/// What is looked for is loaded when it has changed, and not at every interval; a change is met by the next one.
#[test]
fn what_is_moved_out_of_sight_is_read_on_while_it_is_written_to() {
    let sensor = Sensor::new();
    let path = sensor.path("logs").join("http.log");
    let mut writer = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let mut write = |seconds: std::ops::RangeInclusive<i64>| {
        for second in seconds {
            writer.write_all(record(second).as_bytes()).unwrap();
        }
    };
    write(1..=4);
    let child = sensor.follow(&["--every", "1"]);
    until("what is there is read", || sensor.seen() == 4);
    // Whoever writes does not know that the file was moved, and has not been told to open another one.
    let archive = sensor.path("archive");
    std::fs::create_dir(&archive).unwrap();
    std::fs::rename(&path, archive.join("http.log")).unwrap();
    sensor.write("http.log", &record(100));
    until("the new one is read", || sensor.seen() == 5);
    write(5..=8);
    until("the old one is read on", || sensor.seen() == 9);
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sensor.kept(), [2, 4, 6, 8, 100]);
    let errors: u64 = sensor.certificates().iter().map(|one| one.tally.errors).sum();
    assert_eq!(errors, 0);
}

#[test]
fn a_list_is_loaded_again_only_when_it_has_changed() {
    let sensor = Sensor::new();
    let file = sensor.path("sensor.prom");
    let child = sensor.follow(&["--every", "1", "--metrics", file.to_str().unwrap()]);
    let figure = |name: &str| -> u64 {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(&format!("noroshi_sift_{name}{{")));
        line.and_then(|line| line.rsplit_once(' ')).map_or(0, |(_, value)| value.parse().unwrap())
    };
    let (loads, looked_for) = (|| figure("selector_loads_total"), || figure("selectors"));
    // Written just before, it is loaded until its times tell it apart: within two seconds and what an interval adds.
    until("some intervals", || sensor.certificates().len() >= 5);
    let before = loads();
    assert!((1..=4).contains(&before), "{before} loads");
    let intervals = sensor.certificates().len();
    until("more intervals", || sensor.certificates().len() >= intervals + 3);
    assert_eq!(loads(), before, "nothing has changed");
    let part = sensor.path("selectors.part");
    std::fs::write(&part, "203.0.113.77\n203.0.113.78\n").unwrap();
    std::fs::rename(&part, sensor.path("selectors.txt")).unwrap();
    until("the new list is looked for", || looked_for() == 2);
    assert!(loads() > before);
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_interval_without_records_has_its_certificate_too() {
    let sensor = Sensor::new();
    let child = sensor.follow(&["--every", "1"]);
    until("two heartbeats", || sensor.certificates().len() >= 2);
    let other = sensor.follow(&["--every", "1"]).wait_with_output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&other.stderr).contains("NRS-SIFT-0096"),
        "one writer at a time"
    );
    let run = sensor.command("run", &["-"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("NRS-SIFT-0096"), "nor a run beside it");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let output = end(child);
    assert_eq!(output.status.code(), Some(0));
    let lines = String::from_utf8(output.stdout).unwrap();
    let summaries: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(summaries.len(), sensor.certificates().len());
    assert_eq!(summaries[0]["counts"]["seen"], 0);
    assert_eq!(sensor.kept(), [0_i64; 0]);
}

#[test]
fn what_is_there_is_read_once_and_a_second_time_not_again() {
    let sensor = Sensor::new();
    sensor.write("a.log", &(record(2) + &record(3)));
    let once = || sensor.follow(&["--once"]).wait_with_output().unwrap();
    assert_eq!(once().status.code(), Some(0));
    sensor.write("a.log", &(record(4) + "no record\n"));
    assert_eq!(once().status.code(), Some(1), "an unreadable record is told by the exit status");
    assert_eq!(once().status.code(), Some(0));
    assert_eq!(sensor.kept(), [2, 4]);
    let seen: Vec<u64> = sensor.certificates().iter().map(|one| one.tally.seen).collect();
    assert_eq!(seen, [2, 2, 0]);
}

#[test]
fn a_state_whose_key_is_gone_is_not_gone_on_with() {
    let sensor = Sensor::new();
    sensor.write("http.log", &record(2));
    let once = || {
        let output = sensor.follow(&["--once"]).wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(once().0, Some(0));
    let (folder, key) = (sensor.path("out/follow"), sensor.path("out/follow/key"));
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    sensor.write("http.log", &record(4));
    let (code, said) = once();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("NRS-SIFT-0097") && said.contains(key.to_str().unwrap()), "{said}");
    // Nothing was read, and no other key made.
    assert_eq!((sensor.kept(), key.try_exists().unwrap()), (vec![2], false));
    std::fs::write(&key, "not a key").unwrap();
    let (code, said) = once();
    assert_eq!((code, said.contains("NRS-SIFT-0097")), (Some(2), true), "{said}");
    // Brought back, it goes on where it was.
    std::fs::write(&key, &kept).unwrap();
    assert_eq!((once().0, sensor.kept()), (Some(0), vec![2, 4]));
    // Without the state all is read anew, under a new key.
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((once().0, sensor.kept()), (Some(0), vec![2, 2, 4, 4]));
    assert_ne!(std::fs::read(&key).unwrap(), kept);
}

#[test]
fn counters_of_a_service_stand_in_a_file_and_name_nothing_that_was_read() {
    let sensor = Sensor::new();
    sensor.write("a.log", &(record(2) + &record(3) + "no record\n"));
    let file = sensor.path("sensor.prom");
    let child = sensor.follow(&["--every", "1", "--metrics", file.to_str().unwrap()]);
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    let has = |line: &str| read().lines().any(|found| found == line);
    until("two certificates", || has("noroshi_sift_certificates_total{sensor=\"sensor\"} 2"));
    end(child);
    for line in [
        "noroshi_sift_records_total{sensor=\"sensor\",to=\"kept\"} 1",
        "noroshi_sift_records_total{sensor=\"sensor\",to=\"unmatched\"} 1",
        "noroshi_sift_records_total{sensor=\"sensor\",to=\"error\"} 1",
        "noroshi_sift_selectors{sensor=\"sensor\"} 1",
        "noroshi_sift_paused{sensor=\"sensor\"} 0",
    ] {
        assert!(has(line), "{line}\n{}", read());
    }
    assert!(!read().contains(MARKER) && !read().contains("203.0.113.77"));
}

#[test]
fn what_is_over_is_deleted_by_the_service_itself_and_certified() {
    let sensor = Sensor::new();
    let out = sensor.path("out");
    let started_at: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let settings = Settings {
        sensor: "sensor".parse().unwrap(),
        own_networks: vec!["192.0.2.0/24".parse().unwrap()],
        retention_days: 30,
        program: Digest::of(b"build"),
        link: Link::FIRST,
        started_at,
    };
    let index = SelectorIndex::build(parse_list(b"203.0.113.77\n").0).unwrap();
    let folder = out.join("records/day=2020-01-01/measure=own-network");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(out.join("sightings")).unwrap();
    let sink = File::create(folder.join("0.parquet")).unwrap();
    let mut engine = Engine::new(Mode::OwnNetwork, index, settings, sink).unwrap();
    engine.read("conn.log", record(2).as_bytes()).unwrap();
    let old = engine.finish(started_at).unwrap().certificate;
    assert_eq!(old.rows, 1);
    std::fs::write(out.join("certificate-0.json"), serde_json::to_vec(&old).unwrap()).unwrap();

    sensor.write("a.log", &record(4));
    let output = sensor.follow(&["--once"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!out.join("records/day=2020-01-01").try_exists().unwrap());
    let read = |number: u32| -> Value {
        let path = out.join(format!("certificate-{number}.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let deletion = read(1);
    assert_eq!(deletion["form"], "noroshi-deletion/1", "{deletion}");
    assert_eq!(deletion["files"][0]["sequence"], 0, "{deletion}");
    let new: Certificate = serde_json::from_value(read(2)).unwrap();
    assert_eq!((new.sequence, new.tally.kept, new.balances()), (2, 1, true));
}

/// `/dev/full` takes the place of a disk on which nothing is left. What was read in the interval that failed and removed
/// meanwhile is read again: it is held open until it is certified.
#[test]
fn a_full_disk_is_a_pause_that_is_said_and_loses_nothing() {
    let sensor = Sensor::new();
    sensor.write("a.log", &(record(2) + &record(4)));
    let mut child = sensor.follow(&["--every", "1"]);
    // Behind the lock: what lies half written is removed when it is taken.
    until("the first certificate", || !sensor.certificates().is_empty());
    let full = sensor.certificates().len() + 2;
    let part = sensor.path("out").join(format!("records/{full}.parquet.part"));
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    until("the interval that fails", || sensor.certificates().len() == full);
    sensor.write("a.log", &record(6));
    std::fs::remove_file(sensor.path("logs/a.log")).unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut paused = String::new();
    said.read_line(&mut paused).unwrap();
    assert!(paused.contains("NRS-SIFT-0095"), "{paused}");
    assert_eq!(sensor.certificates().len(), full, "nothing is certified that is not written");
    // The pause ends by itself once there is room again: the failed part has been removed.
    sensor.write("b.log", &record(8));
    until("all is read", || sensor.seen() == 4);
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(sensor.kept(), [2, 4, 6, 8]);
    assert!(!paused.contains("PLANTED"), "{paused}");
}

#[test]
fn a_folder_that_is_made_later_is_watched_and_what_cannot_be_read_is_said_once() {
    let sensor = Sensor::new();
    let (later, file) = (sensor.path("later"), sensor.path("sensor.prom"));
    // A name that leads to itself, and a file that gives nothing but an error of the device.
    std::os::unix::fs::symlink("loop.log", sensor.path("logs/loop.log")).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", sensor.path("logs/failing.log")).unwrap();
    sensor.write("z.log", &record(2));
    let mut command = sensor.command("follow", &["--every", "1"]);
    command.arg("--metrics").arg(&file).arg(sensor.path("logs")).arg(&later);
    let child = command.spawn().unwrap();
    until("the others are read", || sensor.seen() == 1);
    std::fs::create_dir(&later).unwrap();
    std::fs::write(later.join("conn.log"), record(4)).unwrap();
    until("the new folder is read", || sensor.seen() == 2);
    let metrics = std::fs::read_to_string(&file).unwrap();
    assert!(metrics.contains("noroshi_sift_unreadable{sensor=\"sensor\"} 2"), "{metrics}");
    let output = end(child);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.matches("NRS-SIFT-0100").count(), 2, "{said}");
    assert!(said.contains("loop.log") && said.contains("failing.log"), "{said}");
    // Who reads once is told by the exit status.
    let once = sensor.follow(&["--once"]).wait_with_output().unwrap();
    assert_eq!(once.status.code(), Some(1), "{}", String::from_utf8_lossy(&once.stderr));
    assert_eq!(sensor.kept(), [2, 4]);
}

/// More than can be read for hours, in a file that takes no room.
#[test]
fn a_file_without_an_end_delays_neither_the_certificate_nor_the_others() {
    let sensor = Sensor::new();
    let endless = File::create(sensor.path("logs/a.log")).unwrap();
    endless.set_len(1 << 40).unwrap();
    sensor.write("b.log", &record(2));
    let child = sensor.follow(&["--every", "1"]);
    until("certificates", || sensor.certificates().len() >= 3);
    until("the other one is read", || sensor.kept() == [2]);
    assert_eq!(end(child).status.code(), Some(0));
    assert!(sensor.certificates()[0].tally.bytes < 1 << 40);
}

#[test]
fn a_folder_of_more_than_is_looked_at_is_said_and_nothing_in_it_is_taken_for_gone() {
    let sensor = Sensor::new();
    sensor.write("a.log", &record(2));
    let once = || {
        let done = sensor.follow(&["--once"]).wait_with_output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned(), done.stdout)
    };
    assert_eq!(once().0, Some(0));
    // In which order a folder is listed nobody says: as many others, that whichever is left out, most are known then.
    for number in 0..65_540 {
        File::create(sensor.path("logs").join(format!("empty-{number}"))).unwrap();
    }
    let (code, said, out) = once();
    assert_eq!((code, said.matches("NRS-SIFT-0151").count()), (Some(1), 1), "{said}");
    let out: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(out["noted"]["entries_beyond"], 5, "{out}");
    for number in 0..65_540 {
        std::fs::remove_file(sensor.path("logs").join(format!("empty-{number}"))).unwrap();
    }
    // Whether it was seen or not, it is known, and read on from where it was.
    sensor.write("a.log", &record(4));
    assert_eq!(once().0, Some(0));
    assert_eq!(sensor.kept(), [2, 4]);
    assert_eq!(sensor.certificates().iter().map(|one| one.tally.errors).sum::<u64>(), 0);
}

#[test]
fn others_than_the_exporters_that_are_named_are_not_listened_to() {
    let sensor = Sensor::new();
    let named = ["--every", "1", "--listen", "127.0.0.1:0", "--exporter", "127.0.0.2"];
    let mut child = sensor.follow(&named);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("receiving exports on ").unwrap().to_owned();
    for from in ["127.0.0.1:0", "127.0.0.2:0"] {
        // It is no export, so it would be counted as one that cannot be read.
        UdpSocket::bind(from).unwrap().send_to(&[0, 5, 0, 1], &address).unwrap();
    }
    until("one of them is received", || sensor.seen() >= 1);
    terminate(&child);
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert_eq!(sensor.seen(), 1);
    assert!(rest.contains("datagrams of others 1"), "{rest}");
}

#[test]
fn exports_are_received_and_what_was_lost_on_the_way_is_not_counted_as_seen() {
    let sensor = Sensor::new();
    let mut child = sensor.follow(&["--every", "1", "--listen", "127.0.0.1:0"]);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("receiving exports on ").unwrap().to_owned();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut datagram = vec![0, 5, 0, 2];
    datagram.extend([60_000_u32, 1_790_000_000, 0, 0, 0].map(u32::to_be_bytes).concat());
    for host in [77, 78] {
        datagram.extend([192, 0, 2, 10, 203, 0, 113, host, 0, 0, 0, 0, 0, 0, 0, 0]);
        datagram.extend([2_u32, 900, 50_000, 59_000].map(u32::to_be_bytes).concat());
        datagram.extend([4000_u16, 443].map(u16::to_be_bytes).concat());
        datagram.extend([0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    for _ in 0..50 {
        socket.send_to(&datagram, &address).unwrap();
    }
    socket.send_to(&datagram[..60], &address).unwrap();
    // Fifty-one datagrams of two records, the last of them cut off in its first.
    until("all is received", || sensor.seen() >= 101);
    terminate(&child);
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert_eq!(sensor.kept().len(), 50);
    assert_eq!(sensor.certificates().iter().map(|one| one.tally.errors).sum::<u64>(), 1);
    assert!(rest.contains("NRS-SIFT-0136"), "{rest}");
    sensor.check_no_content();
}

#[test]
fn half_a_packed_log_is_read_to_its_break_and_told_by_the_exit_status() {
    let sensor = Sensor::new();
    let log: String = (1..=4_000).map(record).collect();
    sensor.write("a.log", &log);
    let packed = Command::new("gzip").arg("-c").arg(sensor.path("logs/a.log")).output();
    // A machine without gzip has nothing to show here.
    let Ok(packed) = packed else { return };
    let half = sensor.path("half.gz");
    std::fs::write(&half, &packed.stdout[..packed.stdout.len() / 2]).unwrap();
    let output = sensor.command("run", &[&half.display().to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("NRS-SIFT-0133"), "{said}");
    let kept = sensor.kept();
    assert!(kept.len() > 100 && kept.len() < 2_000, "{}", kept.len());
    let whole: BTreeSet<i64> = (1..=4_000).filter(|second| second % 2 == 0).collect();
    assert!(
        kept.iter().eq(whole.iter().take(kept.len())),
        "what stood before the break is all there"
    );
    sensor.check_no_content();
}

#[test]
fn a_mapping_that_is_none_is_refused_with_its_line() {
    let sensor = Sensor::new();
    std::fs::write(sensor.path("mapping.txt"), "ts = a\nwho = b\n").unwrap();
    sensor.write("a.csv", "a,b\n1,2\n");
    let mapping = sensor.path("mapping.txt").display().to_string();
    let file = sensor.path("logs/a.csv").display().to_string();
    let output = sensor.command("run", &["--mapping", &mapping, &file]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("NRS-SIFT-0141") && said.contains("line 2"), "{said}");
}
