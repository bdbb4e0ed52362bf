//! The promise that matters most: what was acknowledged is there, whatever happens to the machine.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use noroshi_charter::hat::Hat;
use serde_json::{Value, json};

use crate::house::{TestHouse, call};

/// How often the program is killed.
const KILLS: u64 = 50;
/// Programs that file at the same time.
const CLIENTS: usize = 16;

/// What one client heard: the identifier, receipt number and digest of an acknowledged filing.
struct Heard {
    key: String,
    id: String,
    number: String,
    digest: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_that_was_acknowledged() {
    let test = TestHouse::open().await;
    let org = test.org("Fictional Power", "operator", Some("electricity")).await;
    let officer = test.person("officer", &org, Hat::OperatorOfficer).await;
    let TestHouse { house, serving, dir } = test;
    serving.stop().await;
    drop(house);
    let (path, token) = (dir.path().to_owned(), officer.token.clone());
    let heard =
        tokio::task::spawn_blocking(move || kill_again_and_again(&path, &token)).await.unwrap();
    check_everything(dir.path(), &officer.token, &heard).await;
}

fn kill_again_and_again(dir: &Path, token: &str) -> Vec<Heard> {
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    std::fs::write(dir.join("noroshi.toml"), format!("[web]\nlisten = \"127.0.0.1:{port}\"\n"))
        .unwrap();
    let mut heard = Vec::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..KILLS {
        // xorshift: the same kill points every run, spread over the first hundred acknowledgements.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let after = random % 100;
        let mut server = serve(dir);
        let base = format!("http://127.0.0.1:{port}");
        let (acknowledged, stop) = start_clients(&base, token, round);
        // The kill falls wherever the other clients happen to be when this many answers have come.
        for _ in 0..after {
            match acknowledged.recv() {
                Ok(one) => heard.push(one),
                Err(_) => break,
            }
        }
        server.kill().unwrap();
        server.wait().unwrap();
        stop.store(true, Ordering::SeqCst);
        heard.extend(acknowledged.iter());
    }
    heard
}

/// Starts the program and waits until it says where it listens.
fn serve(dir: &Path) -> Child {
    let mut server = Command::new(env!("CARGO_BIN_EXE_noroshi"))
        .args(["serve", "--format", "json", "--data"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("url"), "the program did not start: {line}");
    server
}

fn start_clients(base: &str, token: &str, round: u64) -> (mpsc::Receiver<Heard>, Arc<AtomicBool>) {
    let (sender, receiver) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    for client in 0..CLIENTS {
        let (sender, stop) = (sender.clone(), Arc::clone(&stop));
        let (base, token) = (base.to_owned(), token.to_owned());
        std::thread::spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::SeqCst) {
                let key = format!("{round}-{client}-{number}");
                let Some(heard) = file(&base, &token, &key) else { return };
                if sender.send(heard).is_err() {
                    return;
                }
                number += 1;
            }
        });
    }
    (receiver, stop)
}

/// Files one report; `None` when the connection broke before an answer came.
fn file(base: &str, token: &str, key: &str) -> Option<Heard> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder()
        .method("POST")
        .uri(format!("{base}/api/v1/reports"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(report(key).to_string())
        .unwrap();
    let mut answer = agent.run(request).ok()?;
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
    assert_eq!(status, 201, "a filing was refused: {body}");
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
    Some(Heard {
        key: key.to_owned(),
        id: text("/id"),
        number: text("/receipt/number"),
        digest: text("/receipt/digest"),
    })
}

fn report(key: &str) -> Value {
    json!({
        "stage": "initial", "aware_at": "2026-11-20T00:00:00.000Z", "trigger": "alert",
        "computers": [{ "class": "K1", "name": "dispatch", "registered": true }],
        "operator": { "name": "Fictional Power", "contact": "soc@operator.example", "phone24h": "+81-3-0000-0000" },
        "outline": format!("filing {key}"), "technical": "", "indicators": ["203.0.113.77"],
        "response": "", "other": "", "impact": { "personal_data": false }, "damage_kind": "intrusion",
    })
}

async fn check_everything(dir: &Path, token: &str, heard: &[Heard]) {
    assert!(
        heard.len() > 500,
        "only {} filings were acknowledged: the test proved too little",
        heard.len()
    );
    let numbers: BTreeSet<&str> = heard.iter().map(|one| one.number.as_str()).collect();
    assert_eq!(numbers.len(), heard.len(), "two filings share a receipt number");
    std::fs::remove_file(dir.join("noroshi.toml")).unwrap();
    let house = noroshi::house::House::open(dir, TestHouse::config(), false).unwrap();
    let serving = noroshi::house::Serving::start(Arc::clone(&house)).await.unwrap();
    for one in heard {
        let url = format!("{}/api/v1/reports/{}/receipt?stage=initial", serving.origin(), one.id);
        let (token, key) = (token.to_owned(), one.key.clone());
        let (status, receipt) =
            tokio::task::spawn_blocking(move || call("GET", &url, &token, None)).await.unwrap();
        assert_eq!(status, 200, "filing {key} was acknowledged and is gone: {receipt}");
        assert_eq!(receipt["number"], one.number.as_str());
        assert_eq!(receipt["digest"], one.digest.as_str());
    }
    // A report without its filed version, or the other way round, would be half a filing.
    let (reports, filed, keys, repeated) = house.store.read(counts).await.unwrap();
    assert_eq!(
        (reports, reports),
        (filed, keys),
        "reports, filed versions and idempotency keys must agree"
    );
    assert_eq!(repeated, Vec::<String>::new(), "jobs recorded twice");
    serving.stop().await;
    drop(house);
    verify(&dir.join("log"));
}

type Counts = (i64, i64, i64, Vec<String>);

fn counts(
    reader: &noroshi::office::store::Reader<'_>,
) -> Result<Counts, noroshi::office::store::StoreFailure> {
    let filed = "SELECT count(*) FROM office_audit WHERE command = 'intake.file'";
    let repeated = "SELECT command || ' ' || subject || ' ' || payload FROM office_audit \
                    WHERE command LIKE 'intake.remind%' GROUP BY command, subject, payload HAVING count(*) > 1";
    Ok((
        reader.number("SELECT count(*) FROM intake_report", &[])?,
        reader.number(filed, &[])?,
        reader.number("SELECT count(*) FROM office_idempotency", &[])?,
        reader.all(repeated, &[], |row| row.text(0))?,
    ))
}

/// The log verifies from its files alone.
fn verify(log: &Path) {
    use noroshi_ledger::verify::{Options, Source, SourceError};
    struct Folder<'a>(&'a Path);
    impl Source for Folder<'_> {
        fn read(&mut self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
            let bytes = std::fs::read(self.0.join(path)).ok();
            Ok(bytes.filter(|bytes| bytes.len() <= bytes_max))
        }
    }
    let key = std::fs::read_to_string(log.join("log.vkey")).unwrap();
    let options = Options { key: key.trim().parse().unwrap(), earlier: None };
    let report = noroshi_ledger::verify::verify(&mut Folder(log), &options).unwrap();
    assert!(report.size > 500);
}
