//! A disk that fails in the middle: nothing half done counts, nothing is counted twice, and what was certified stays.
//!
//! The failure is made by `strace`, which answers one system call in the place of the kernel. Where there is none, or it
//! may not be used, a line says so.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use noroshi_sift::certificate::Certificate;
use noroshi_sift::store::read_records;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(records: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        std::fs::write(dir.path().join("selectors.txt"), "203.0.113.77\n").unwrap();
        let place = Self { dir };
        std::fs::write(place.path("logs/conn.log"), lines(0..records)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command, `strace` around it where something of it is to fail; it says what it did in a file.
    fn run(&self, verb: &str, input: &str, strace: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_noroshi");
        let mut command = if strace.is_empty() {
            Command::new(program)
        } else {
            let mut command = Command::new("strace");
            command.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(self.path("calls"));
            command.args(strace).arg(program);
            command
        };
        command.args(["sift", verb, "--mode", "own-network", "--retention-days", "30"]);
        command.args(["--own-network", "192.0.2.0/24", "--format", "json", "--selectors"]);
        command.arg(self.path("selectors.txt")).arg("--out").arg(self.path("out"));
        if verb == "follow" {
            command.arg("--once");
        }
        command.arg(self.path(input)).output().unwrap()
    }

    fn certificates(&self) -> Vec<Certificate> {
        let read = |number: usize| {
            let bytes = std::fs::read(self.path("out").join(format!("certificate-{number}.json")));
            bytes.ok().map(|bytes| serde_json::from_slice(&bytes).unwrap())
        };
        (0..).map_while(read).collect()
    }

    /// The seconds of all kept records, each certificate checked against them and the one before.
    fn kept(&self) -> Vec<i64> {
        let certificates = self.certificates();
        let mut kept = Vec::new();
        for (number, certificate) in certificates.iter().enumerate() {
            assert!(certificate.balances(), "{certificate:?}");
            assert!(number == 0 || certificate.follows(&certificates[number - 1]));
            let name = format!("/{number}.parquet");
            let files = files_below(&self.path("out/records"));
            let path = files.into_iter().find(|path| path.display().to_string().ends_with(&name));
            // Where nothing was kept there is no file.
            let read = |path: PathBuf| read_records(File::open(path).unwrap()).unwrap();
            let records = path.map(read).unwrap_or_default();
            assert!(certificate.covers(&records), "certificate {number}");
            kept.extend(records.iter().map(|record| record.ts.as_second()));
        }
        kept
    }

    fn calls(&self) -> String {
        std::fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

/// A record of each second; every second one is selected.
fn lines(seconds: std::ops::Range<u32>) -> String {
    let line = |second: u32| {
        let host = if second.is_multiple_of(2) { "203.0.113.77" } else { "198.51.100.1" };
        format!("{{\"ts\":{second},\"id.orig_h\":\"192.0.2.10\",\"id.resp_h\":\"{host}\"}}\n")
    };
    seconds.map(line).collect()
}

fn every_second_one(of: u32) -> Vec<i64> {
    (0..of).filter(|second| second.is_multiple_of(2)).map(i64::from).collect()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether `strace` can put itself between a program and the kernel here.
fn can_fail() -> bool {
    let tried =
        Command::new("strace").args(["-o", "/dev/null", "-e", "trace=fsync", "true"]).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        println!("no strace here: the disk cannot be made to fail");
    }
    can
}

/// What no certificate covers has no retention, so nothing would ever remove it.
#[test]
fn what_was_written_before_a_certificate_that_could_not_be_does_not_stay() {
    let place = Place::new(10);
    let (sightings, out) = (place.path("out/sightings.json"), place.path("out"));
    // The last thing that is written before the certificate.
    std::fs::create_dir_all(&sightings).unwrap();
    let failed = place.run("run", "logs/conn.log", &[]);
    assert_eq!(failed.status.code(), Some(3), "{}", said(&failed));
    std::fs::remove_dir(&sightings).unwrap();
    let left = |below: &str| files_below(&place.path(below));
    assert_eq!((left("out/records"), left("out/sightings")), (Vec::new(), Vec::new()));
    assert!(!place.path("out/sightings.part").exists());
    // A service tries again, and is told to end.
    std::fs::create_dir_all(&sightings).unwrap();
    let failed = place.run("follow", "logs/conn.log", &[]);
    assert_eq!(failed.status.code(), Some(3), "{}", said(&failed));
    assert_eq!(left("out/records"), Vec::<PathBuf>::new());
    std::fs::remove_dir(&sightings).unwrap();
    // As after a kill just there: the next purge is enough.
    assert!(place.run("run", "logs/conn.log", &[]).status.success());
    std::fs::remove_file(place.path("out/certificate-0.json")).unwrap();
    assert_eq!((left("out/records").len(), sightings.exists()), (1, true));
    let mut purge = Command::new(env!("CARGO_BIN_EXE_noroshi"));
    let purged = purge.args(["sift", "purge"]).arg(&out).output().unwrap();
    assert!(purged.status.success(), "{}", said(&purged));
    assert_eq!((left("out/records"), left("out/sightings")), (Vec::new(), Vec::new()));
    assert!(!sightings.exists());
    assert!(place.run("run", "logs/conn.log", &[]).status.success());
    assert_eq!(place.kept(), every_second_one(10));
}

/// Whichever synchronisation fails: before the certificate lies there nothing counts and nothing is left, and the same
/// selection succeeds afterwards; behind it the certificate counts, and that is said.
#[test]
fn a_synchronisation_that_fails_undoes_what_is_not_certified_and_nothing_else() {
    if !can_fail() {
        return;
    }
    let whole = Place::new(40);
    let output = whole.run("run", "logs/conn.log", &["-e", "trace=fsync"]);
    assert!(output.status.success(), "{}", said(&output));
    let syncs = whole.calls().lines().filter(|line| line.contains("fsync(")).count();
    assert!(syncs >= 5, "{}", whole.calls());
    for number in 1..=syncs {
        let place = Place::new(40);
        let inject = format!("inject=fsync:error=EIO:when={number}");
        let output = place.run("run", "logs/conn.log", &["-e", "trace=fsync", "-e", &inject]);
        assert!(place.calls().contains("INJECTED"), "{number}");
        if number == syncs {
            // The folder behind the certificate: what is written there is certified.
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            assert!(said(&output).contains("NRS-SIFT-0124"), "{}", said(&output));
            assert_eq!(place.kept(), every_second_one(40));
        } else {
            assert_eq!(output.status.code(), Some(3), "{number}: {}", said(&output));
            assert!(place.certificates().is_empty(), "{number}");
        }
        let again = place.run("run", "logs/conn.log", &[]);
        assert_eq!(again.status.code(), Some(0), "{number}: {}", said(&again));
        let certified = if number == syncs { 2 } else { 1 };
        assert_eq!(place.certificates().len(), certified, "the chain goes on");
        assert_eq!(place.kept().len(), 20 * certified);
        let parquet = files_below(&place.path("out/records"));
        assert_eq!(parquet.len(), certified, "nothing is left that nothing covers: {parquet:?}");
    }
}

/// The same for a service: what it had read is read again, once, whenever the disk failed.
#[test]
fn a_service_counts_every_record_once_whichever_synchronisation_fails() {
    if !can_fail() {
        return;
    }
    let whole = Place::new(40);
    let output = whole.run("follow", "logs", &["-e", "trace=fsync"]);
    assert!(output.status.success(), "{}", said(&output));
    let syncs = whole.calls().lines().filter(|line| line.contains("fsync(")).count();
    for number in 1..=syncs {
        let place = Place::new(40);
        let inject = format!("inject=fsync:error=EIO:when={number}");
        let output = place.run("follow", "logs", &["-e", "trace=fsync", "-e", &inject]);
        assert!(place.calls().contains("INJECTED"), "{number}");
        let is_last = number == syncs;
        assert_eq!(output.status.success(), is_last, "{number}: {}", said(&output));
        std::fs::write(place.path("logs/conn.log"), lines(0..60)).unwrap();
        let again = place.run("follow", "logs", &[]);
        assert!(again.status.success(), "{number}: {}", said(&again));
        assert_eq!(place.kept(), every_second_one(60), "{number}");
        let seen: u64 = place.certificates().iter().map(|one| one.tally.seen).sum();
        assert_eq!(seen, 60, "{number}: every record is in one certificate");
    }
}

/// A file that cannot be read on in its middle: a selection ends without a certificate; a service says it, certifies what
/// it has read, and reads the rest the next time.
#[test]
fn a_read_that_fails_in_the_middle_of_a_file_loses_and_repeats_nothing() {
    if !can_fail() {
        return;
    }
    let records = 60_000;
    // `strace` counts the calls of each thread by themselves.
    let reads = |place: &Place| {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for line in
            place.calls().lines().filter(|line| line.contains("read") && !line.contains("= 0"))
        {
            let thread = line.split_whitespace().next().unwrap_or_default().to_owned();
            *counts.entry(thread).or_default() += 1;
        }
        counts.into_values().max().unwrap_or(0)
    };
    let name = |place: &Place| place.path("logs/conn.log").display().to_string();
    for verb in ["run", "follow"] {
        let input = if verb == "run" { "logs/conn.log" } else { "logs" };
        let whole = Place::new(records);
        let path = name(&whole);
        let output = whole.run(verb, input, &["-P", &path, "-e", "trace=read,pread64"]);
        assert!(output.status.success(), "{}", said(&output));
        let all = reads(&whole);
        assert!(all >= 3, "{verb}: {}", whole.calls());
        for number in [all / 2, all - 1, all] {
            let place = Place::new(records);
            let path = name(&place);
            let inject = format!("inject=read,pread64:error=EIO:when={number}");
            let strace = ["-P", &path, "-e", "trace=read,pread64", "-e", &inject];
            let output = place.run(verb, input, &strace);
            assert!(place.calls().contains("INJECTED"), "{verb} {number}");
            if verb == "run" {
                assert_eq!(output.status.code(), Some(3), "{number}: {}", said(&output));
                assert!(
                    place.certificates().is_empty()
                        && files_below(&place.path("out/records")).is_empty()
                );
            } else {
                assert!(said(&output).contains("NRS-SIFT-0100"), "{number}: {}", said(&output));
            }
            let again = place.run(verb, input, &[]);
            assert!(again.status.success(), "{verb} {number}: {}", said(&again));
            assert_eq!(place.kept(), every_second_one(records), "{verb} {number}");
            let seen: u64 = place.certificates().iter().map(|one| one.tally.seen).sum();
            assert_eq!(seen, u64::from(records), "{verb} {number}");
        }
    }
}
