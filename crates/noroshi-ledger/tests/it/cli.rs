//! The program as a commissioner runs it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use noroshi_ledger::leaf::Fact;
use noroshi_ledger::note::Signer;

use crate::builder::*;

fn verify_with(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noroshi-verify"));
    command.args(arguments).env_clear();
    for (name, value) in environment {
        command.env(name, value);
    }
    command.output().unwrap()
}

pub(crate) fn verify(arguments: &[&str]) -> Output {
    verify_with(arguments, &[])
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn folder(log: &Log) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    log.write(folder.path());
    folder
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn golden(name: &str, found: &[u8]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    let wanted = fs::read_to_string(&file).unwrap_or_default();
    assert!(wanted == text(found), "{name} is now:\n{}", text(found));
}

fn unlawful() -> Log {
    let mut log = Log::opened();
    log.push(requested("person-1"));
    log.push(begin("effect-1"));
    log
}

#[test]
fn the_verdict_in_both_languages() {
    let (good, bad) = (folder(&good_day()), folder(&unlawful()));
    let key = signer().vkey().to_string();
    for lang in ["ja", "en"] {
        for format in ["human", "plain"] {
            let options = ["--lang", lang, "--format", format, "--key", &key];
            let run = |place: &Path| verify(&[&[path(place)], options.as_slice()].concat());
            let answer = run(good.path());
            assert_eq!(answer.status.code(), Some(0));
            assert_eq!(text(&answer.stderr), "");
            golden(&format!("good.{format}.{lang}.txt"), &answer.stdout);
            let answer = run(bad.path());
            assert_eq!(answer.status.code(), Some(1));
            golden(&format!("lie.{format}.{lang}.txt"), &answer.stdout);
        }
    }
}

#[test]
fn the_verdict_for_programs() {
    let bad = folder(&unlawful());
    let answer = verify(&[path(bad.path()), "--format", "json"]);
    assert_eq!(answer.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(json["verdict"], "fail");
    assert_eq!(json["lie"]["code"], "NRS-VRFY-0035");
    assert_eq!(json["lie"]["leaf"], 2);
    assert_eq!(json["key_source"], "came_with_log");
    let good = folder(&good_day());
    let answer = verify(&[path(good.path()), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(json["verdict"], "caution");
    assert_eq!(json["report"]["facts"]["counts"]["measure.vote"], 3);
    assert_eq!(json["report"]["cautions"].as_array().unwrap().len(), 2);
}

#[test]
fn a_memory_makes_rollback_visible() {
    let mut log = good_day();
    let copy = folder(&log);
    let desk = tempfile::tempdir().unwrap();
    let state = desk.path().join("memory.json");
    let key = signer().vkey().to_string();
    let run = || verify(&[path(copy.path()), "--key", &key, "--state", path(&state)]);

    let first = run();
    assert_eq!(first.status.code(), Some(0));
    assert!(text(&first.stdout).starts_with("PASS WITH CAUTION"), "{}", text(&first.stdout));
    assert!(text(&first.stdout).contains("first run with this memory"));

    log.push(Fact::IntakeDraft { report: "report-1".to_owned() });
    log.write(copy.path());
    let second = run();
    assert!(text(&second.stdout).starts_with("PASS  "), "{}", text(&second.stdout));
    assert!(
        text(&second.stdout)
            .contains("holds the 15 records of last time unchanged, and now has 16")
    );
    let third = run();
    assert!(text(&third.stdout).contains("nothing was added"));

    let remembered = fs::read(&state).unwrap();
    let mut shorter = log.clone();
    shorter.entries.truncate(12);
    shorter.write(copy.path());
    let rolled_back = run();
    assert_eq!(rolled_back.status.code(), Some(1));
    assert!(text(&rolled_back.stdout).contains("NRS-VRFY-0004"));
    assert_eq!(fs::read(&state).unwrap(), remembered, "a lie is never remembered");
    assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 1);
}

#[test]
fn the_remembered_key_outlives_a_new_key_beside_the_log() {
    let copy = folder(&good_day());
    let desk = tempfile::tempdir().unwrap();
    let state = desk.path().join("memory.json");
    let run =
        |more: &[&str]| verify(&[&[path(copy.path()), "--state", path(&state)], more].concat());
    assert!(text(&run(&[]).stdout).contains("The key came with the log."));
    let other = Signer::new(ORIGIN, &[2; 32]).unwrap();
    fs::write(copy.path().join("log.vkey"), other.vkey().to_string()).unwrap();
    let again = run(&[]);
    assert!(text(&again.stdout).contains("the key remembered from the earlier verification"));
    assert_eq!(again.status.code(), Some(0));
    let wrong = run(&["--key", &other.vkey().to_string()]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("another key"), "{}", text(&wrong.stderr));
    let note = other.sign(&good_day().checkpoint(15).to_string()).unwrap();
    fs::write(copy.path().join("checkpoint"), note).unwrap();
    let forged = run(&[]);
    assert_eq!(forged.status.code(), Some(1));
    assert!(text(&forged.stdout).contains("NRS-VRFY-0001"));
}

#[test]
fn an_empty_log_is_a_log() {
    let empty = folder(&Log::default());
    let answer = verify(&[path(empty.path())]);
    assert_eq!(answer.status.code(), Some(0));
    assert!(text(&answer.stdout).contains("Records: 0"));
}

#[test]
fn wrong_use_says_what_is_wrong() {
    let good = folder(&good_day());
    let place = path(good.path());
    let empty = tempfile::tempdir().unwrap();
    let garbage = empty.path().join("garbage");
    fs::write(&garbage, "{}").unwrap();
    for (arguments, wanted) in [
        (vec![path(empty.path())], "There is no key"),
        (vec!["/nowhere/at/all"], "There is no key"),
        (vec![place, "--key", "nonsense"], "`nonsense`".trim_matches('`')),
        (vec![place, "--state", path(&garbage)], "not the memory of an earlier run"),
        (vec![place, "--lang", "fr"], "fr"),
        (vec![], "Usage"),
    ] {
        let answer = verify(&arguments);
        assert_eq!(answer.status.code(), Some(2), "{arguments:?}");
        assert!(text(&answer.stderr).contains(wanted), "{}", text(&answer.stderr));
        assert_eq!(text(&answer.stdout), "");
    }
    let key = signer().vkey().to_string();
    let answer = verify(&[path(empty.path()), "--key", &key]);
    assert_eq!(answer.status.code(), Some(2));
    assert!(text(&answer.stderr).starts_with("NO VERDICT"), "{}", text(&answer.stderr));
    let answer = verify(&[place, "--key", &key, "--state", "/nowhere/at/all/memory"]);
    assert_eq!(answer.status.code(), Some(2));
    assert!(text(&answer.stdout).starts_with("PASS"), "the verdict is shown all the same");
}

#[test]
fn language_follows_the_environment() {
    let good = folder(&good_day());
    let place = path(good.path());
    let starts = |environment: &[(&str, &str)], arguments: &[&str], wanted: &str| {
        let answer = verify_with(&[&[place], arguments].concat(), environment);
        assert!(text(&answer.stdout).starts_with(wanted), "{environment:?} {arguments:?}");
    };
    starts(&[], &[], "PASS");
    starts(&[("LANG", "ja_JP.UTF-8")], &[], "注意つき合格");
    starts(&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C")], &[], "PASS");
    starts(&[("LANG", "ja_JP.UTF-8")], &["--lang", "en"], "PASS");
    starts(&[], &["--lang=ja"], "注意つき合格");
    let help = verify_with(&["--help"], &[("LANG", "ja_JP.UTF-8")]);
    assert!(text(&help.stdout).starts_with("台帳の写しを"));
}

#[test]
fn what_a_log_says_cannot_move_the_terminal() {
    let mut log = approved();
    log.push(begin("\u{1b}[2J\u{202e}effect"));
    let bad = folder(&log);
    for format in ["human", "plain"] {
        let answer = verify(&[path(bad.path()), "--format", format]);
        assert_eq!(answer.status.code(), Some(0));
        assert!(text(&answer.stdout).contains(r"\u{1b}[2J\u{202e}effect"));
        assert!(!text(&answer.stdout).contains(['\u{1b}', '\u{202e}']));
    }
}

/// Serves a folder on a loopback port, one request a connection, until `requests` were answered.
fn serve(root: &Path, requests: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let root = root.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(requests) {
            let mut stream = stream.unwrap();
            let mut request = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut request).unwrap();
            let mut header = String::new();
            while reader.read_line(&mut header).unwrap() > 2 {
                header.clear();
            }
            let path = request.split(' ').nth(1).unwrap().trim_start_matches('/');
            let (status, body) = match fs::read(root.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    address
}

#[test]
fn a_log_is_read_from_an_address() {
    let good = folder(&good_day());
    let answer = verify(&[&format!("{}/", serve(good.path(), 4))]);
    assert_eq!(answer.status.code(), Some(0), "{}", text(&answer.stderr));
    assert!(text(&answer.stdout).contains("Records: 15"));

    fs::remove_file(good.path().join("tile/0/000.p/15")).unwrap();
    let answer = verify(&[&serve(good.path(), 5)]);
    assert_eq!(answer.status.code(), Some(1));
    assert!(text(&answer.stdout).contains("NRS-VRFY-0010"));

    fs::write(good.path().join("tile/entries/000.p/15"), vec![0; 2_000_000]).unwrap();
    let answer = verify(&[&serve(good.path(), 3)]);
    assert_eq!(answer.status.code(), Some(1));
    assert!(text(&answer.stdout).contains("NRS-VRFY-0011"), "{}", text(&answer.stdout));

    let closed = serve(good.path(), 0);
    let answer = verify(&[&closed, "--key", &signer().vkey().to_string()]);
    assert_eq!(answer.status.code(), Some(2));
    assert!(text(&answer.stderr).contains("checkpoint cannot be read"), "{}", text(&answer.stderr));
}
