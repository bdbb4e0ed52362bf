//! Selection as the law has it: who the sensor is, on what ground it selects, and what a stranger can check of it.

use std::path::Path;
use std::process::{Command, Output};

use noroshi::office::store::Value as Stored;
use noroshi_charter::hat::Hat;
use noroshi_ledger::certificate::{Report, check, read_key};
use serde_json::{Value, json};

use crate::house::{Someone, TestHouse, ask};

const MARKER: &str = "PLANTED-91c4-CONTENT";

fn noroshi(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_noroshi")).args(arguments).output().unwrap()
}

async fn noroshi_beside(arguments: Vec<String>) -> Output {
    let run = move || noroshi(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Records in every direction, with planted content: abroad to abroad twice, abroad to home, home to home.
fn telemetry() -> String {
    let line = |number: u32, src: &str, dst: &str| {
        let event = json!({
            "timestamp": format!("2026-11-20T00:00:0{number}.000000+0000"), "event_type": "http", "src_ip": src,
            "src_port": 50000, "dest_ip": dst, "dest_port": 80, "proto": "TCP", "payload_printable": MARKER,
            "http": { "hostname": format!("{MARKER}.example"), "url": format!("/{MARKER}") },
        });
        format!("{event}\n")
    };
    [
        line(1, "203.0.113.77", "198.51.100.1"),
        line(2, "203.0.113.78", "198.51.100.1"),
        line(3, "203.0.113.77", "192.0.2.10"),
        line(4, "192.0.2.10", "192.0.2.11"),
    ]
    .concat()
}

/// Selects on one's own network; the folder is `dir/out`.
pub(crate) fn run_own(dir: &Path) -> Output {
    let (list, input, out) = (dir.join("selectors.txt"), dir.join("eve.json"), dir.join("out"));
    std::fs::write(&list, "203.0.113.77\n").unwrap();
    std::fs::write(&input, telemetry()).unwrap();
    noroshi(&[
        "sift",
        "run",
        "--mode",
        "own-network",
        "--retention-days",
        "30",
        "--own-network",
        "192.0.2.0/24",
        "--sensor",
        "sensor-1",
        "--format",
        "json",
        "--selectors",
        &text(&list),
        "--out",
        &text(&out),
        &text(&input),
    ])
}

/// What `noroshi-verify certificate` says of the folder, with a proof where there is one.
fn verified(out: &Path, proof: Option<&[u8]>, key: Option<[u8; 32]>) -> Report {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("certificate-") {
            entries.push((name, std::fs::read(path).unwrap()));
        }
    }
    let proofs: Vec<_> =
        proof.map(|bytes| ("proof.json".to_owned(), bytes.to_vec())).into_iter().collect();
    check(&entries, &proofs, key).unwrap_or_else(|broken| panic!("{broken:?}"))
}

#[test]
fn a_sample_is_proved_and_a_disclosed_input_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let output = run_own(dir.path());
    assert!(output.status.success(), "{}", said(&output));
    let out = dir.path().join("out");
    let day = std::fs::read_dir(out.join("records")).unwrap().next().unwrap().unwrap().path();
    assert!(day.file_name().unwrap().to_str().unwrap().starts_with("day=20"));
    assert!(day.join("measure=own-network/0.parquet").try_exists().unwrap());

    let proof = noroshi(&["sift", "prove", "--certificate", "0", &text(&out)]);
    assert!(proof.status.success(), "{}", said(&proof));
    let report = verified(&out, Some(&proof.stdout), None);
    assert_eq!((report.shown.len(), report.rows, report.tally.direction), (1, 1, 2));

    let (list, input) = (text(&dir.path().join("selectors.txt")), dir.path().join("eve.json"));
    let replay = || {
        let certificate = text(&out.join("certificate-0.json"));
        noroshi(&[
            "sift",
            "replay",
            "--format",
            "json",
            "--certificate",
            &certificate,
            "--selectors",
            &list,
            "--own-network",
            "192.0.2.0/24",
            &text(&input),
        ])
    };
    let equal = replay();
    assert_eq!(
        (equal.status.code(), json_of(&equal)["equal"].clone()),
        (Some(0), json!(true)),
        "{}",
        said(&equal)
    );
    let more = telemetry() + &telemetry();
    std::fs::write(&input, more).unwrap();
    let unequal = replay();
    assert_eq!(unequal.status.code(), Some(1));
    let found = json_of(&unequal);
    let named: Vec<&str> = found["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(
        named,
        ["rows", "rows_root", "sightings", "seen", "kept", "unmatched", "direction", "bytes"]
    );
    for output in [&proof, &equal, &unequal] {
        let all = [output.stdout.as_slice(), &output.stderr].concat();
        assert!(!String::from_utf8_lossy(&all).contains("PLANTED"), "content came out");
    }
}

/// Whatever was read is read again in the same way: packed, in tables with a mapping, through an increment.
#[test]
fn a_replay_reads_what_the_selection_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&dir.path().join(name));
    std::fs::write(path("selectors.txt"), "203.0.113.78\n").unwrap();
    std::fs::write(path("more.txt"), "203.0.113.77\n").unwrap();
    let made = noroshi(&["sift", "index", &path("selectors.txt"), "--out", &path("index")]);
    assert!(made.status.success(), "{}", said(&made));
    let over = ["--over", &path("index"), "--out", &path("increment")];
    let made = noroshi(&[&["sift", "index", &path("more.txt")][..], &over].concat());
    assert!(made.status.success(), "{}", said(&made));
    std::fs::write(path("mapping"), "ts = when\nsrc = one\ndst = other\n").unwrap();
    std::fs::write(path("table.csv"), "when,one,other\n1790000000,192.0.2.9,203.0.113.77\n")
        .unwrap();
    std::fs::write(path("eve.json"), telemetry()).unwrap();
    let packed = Command::new("gzip").arg("-c").arg(path("eve.json")).output();
    // A machine without gzip has nothing packed to show.
    let packed = packed.map_or_else(|_| telemetry().into_bytes(), |packed| packed.stdout);
    std::fs::write(path("eve.json.gz"), packed).unwrap();
    let (index, increment, mapping) = (path("index"), path("increment"), path("mapping"));
    let inputs = [path("eve.json"), path("eve.json.gz"), path("table.csv")];
    let common = ["--own-network", "192.0.2.0/24", "--format", "json", "--selectors", &index];
    let common = [&common[..], &["--increment", &increment, "--mapping", &mapping]].concat();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let out = path("out");
    let begin = ["sift", "run", "--mode", "own-network", "--retention-days", "30", "--out", &out];
    let ran = noroshi(&[&begin[..], &common, &inputs].concat());
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(json_of(&ran)["counts"]["kept"], 3, "{}", said(&ran));
    let certificate = path("out/certificate-0.json");
    let begin = ["sift", "replay", "--certificate", &certificate];
    let equal = noroshi(&[&begin[..], &common, &inputs].concat());
    assert_eq!(json_of(&equal)["equal"], true, "{}", said(&equal));
    assert_eq!(equal.status.code(), Some(0));
}

#[test]
fn nothing_is_deleted_before_its_time() {
    let dir = tempfile::tempdir().unwrap();
    run_own(dir.path());
    let out = dir.path().join("out");
    let purge = noroshi(&["sift", "purge", "--format", "json", &text(&out)]);
    assert_eq!(json_of(&purge), json!({ "files": 0, "rows": 0, "dry_run": false }));
    assert_eq!(verified(&out, None, None).deletions, 0);
}

fn every_byte_below(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend_from_slice(text(&path).as_bytes());
        if path.is_dir() {
            bytes.extend(every_byte_below(&path));
        } else {
            bytes.extend(std::fs::read(&path).unwrap());
        }
    }
    bytes
}

/// A process that is killed in the middle of its input leaves nothing of it, and no certificate of what it did not do.
#[test]
fn a_kill_at_any_point_leaves_no_content_and_no_certificate() {
    use std::io::Write as _;
    let input = telemetry().repeat(5_000).into_bytes();
    for part in 0..6 {
        let dir = tempfile::tempdir().unwrap();
        let (list, out) = (dir.path().join("selectors.txt"), dir.path().join("out"));
        std::fs::write(&list, "203.0.113.77\n").unwrap();
        let mut running = Command::new(env!("CARGO_BIN_EXE_noroshi"))
            .args([
                "sift",
                "run",
                "--mode",
                "own-network",
                "--retention-days",
                "30",
                "--own-network",
                "192.0.2.0/24",
            ])
            .args(["--selectors", &text(&list), "--out", &text(&out), "-"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = running.stdin.take().unwrap();
        // The pipe holds 64 KiB: when all of it is written, nearly all of it was read.
        stdin.write_all(&input[..input.len() * part / 6]).unwrap();
        running.kill().unwrap();
        drop(stdin);
        let output = running.wait_with_output().unwrap();
        assert!(!output.status.success());
        let written = if out.try_exists().unwrap() { every_byte_below(&out) } else { Vec::new() };
        let all = [written, output.stdout, output.stderr].concat();
        assert!(!all.windows(7).any(|bytes| bytes.eq_ignore_ascii_case(b"PLANTED")), "part {part}");
        assert!(!out.join("certificate-0.json").try_exists().unwrap(), "part {part}");
    }
}

pub(crate) struct Law {
    pub(crate) test: TestHouse,
    pub(crate) legal: Someone,
    pub(crate) officer: Someone,
    pub(crate) analyst: Someone,
}

impl Law {
    pub(crate) async fn open() -> Self {
        let test = TestHouse::open().await;
        let office = test.org("office", "office", None).await;
        let operator = test.org("operator", "operator", Some("energy")).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
        let officer = test.person("officer", &operator, Hat::OperatorOfficer).await;
        Self { test, legal, officer, analyst }
    }

    async fn post(&self, who: &Someone, path: &str, body: Value) -> (u16, Value) {
        ask("POST", self.test.url(path), &who.token, Some(body)).await
    }

    /// Enrols the sensor of a folder.
    pub(crate) async fn enrol(&self, dir: &Path, sensor: &str) -> Value {
        let (status, offer) =
            self.post(&self.officer, "/api/v1/sift/enrolments", json!({ "sensor": sensor })).await;
        assert_eq!(status, 201, "{offer}");
        let file = dir.join("offer");
        std::fs::write(&file, offer["token"].as_str().unwrap()).unwrap();
        let output = noroshi_beside(
            [
                "sift",
                "enrol",
                "--format",
                "json",
                "--to",
                &self.test.url(""),
                "--token-file",
                &text(&file),
                "--dir",
                &text(&dir.join("out")),
            ]
            .map(str::to_owned)
            .to_vec(),
        )
        .await;
        assert!(output.status.success(), "{}", said(&output));
        json_of(&output)
    }

    pub(crate) async fn submit(&self, dir: &Path) -> Output {
        let out = dir.join("out");
        noroshi_beside(
            [
                "sift",
                "submit",
                "--format",
                "json",
                "--to",
                &self.test.url(""),
                "--token-file",
                &text(&out.join("token")),
                &text(&out),
            ]
            .map(str::to_owned)
            .to_vec(),
        )
        .await
    }
}

fn token(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("out/token")).unwrap()
}

#[tokio::test]
async fn a_sensor_and_the_platform_know_each_other_after_one_token() {
    let law = Law::open().await;
    let dir = tempfile::tempdir().unwrap();
    let enrolled = law.enrol(dir.path(), "sensor-1").await;
    assert_eq!(enrolled["sensor"], "sensor-1");
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(dir.path().join("out").join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("sensor.key"), mode("token")), (0o600, 0o600));
    // The token of the offer works once.
    let offer = std::fs::read_to_string(dir.path().join("offer")).unwrap();
    let secret = offer.rsplit_once('.').unwrap().0;
    let other = noroshi_sift::signature::SecretKey::of_seed([5; 32]);
    let statement = noroshi::sift::law::enrol::statement(secret, &other.public()).unwrap();
    let again = json!({ "token": secret, "key": other.public(),
        "signature": other.sign(noroshi::sift::law::enrol::FORM, &statement) });
    let (status, refused) = ask("POST", law.test.url("/api/v1/sift/enrol"), "", Some(again)).await;
    assert_eq!((status, refused["code"].as_str()), (403, Some("NRS-SIFT-0420")), "{refused}");

    assert!(run_own(dir.path()).status.success());
    let out = dir.path().join("out");
    let key = read_key(enrolled["key"].as_str().unwrap()).unwrap();
    assert_eq!(verified(&out, None, Some(key)).unsigned, 0);
    let submitted = law.submit(dir.path()).await;
    assert!(submitted.status.success(), "{}", said(&submitted));

    // What an enrolled sensor did not sign is not taken, nor is what somebody changed.
    assert!(run_own(dir.path()).status.success());
    let whole: Value =
        serde_json::from_slice(&std::fs::read(out.join("certificate-1.json")).unwrap()).unwrap();
    let sightings: Value =
        serde_json::from_slice(&std::fs::read(out.join("sightings/1.json")).unwrap()).unwrap();
    for change in [
        (|it: &mut Value| drop(it.as_object_mut().unwrap().remove("signature"))) as fn(&mut Value),
        |it| it["retention_days"] = json!(31),
    ] {
        let mut certificate = whole.clone();
        change(&mut certificate);
        let body = json!({ "certificate": certificate, "sightings": sightings });
        let (status, refused) =
            ask("POST", law.test.url("/api/v1/sift/certificates"), &token(dir.path()), Some(body))
                .await;
        assert_eq!((status, refused["code"].as_str()), (403, Some("NRS-SIFT-0307")), "{refused}");
    }
    // Nor what comes under another login, signed or not.
    let other = law.test.person("another", &operator_of(&law).await, Hat::OperatorSensor).await;
    let body = json!({ "certificate": whole, "sightings": sightings });
    let (status, refused) =
        ask("POST", law.test.url("/api/v1/sift/certificates"), &other.token, Some(body)).await;
    assert_eq!((status, refused["code"].as_str()), (403, Some("NRS-SIFT-0307")), "{refused}");
    assert!(law.submit(dir.path()).await.status.success());
}

#[tokio::test]
async fn a_sensors_token_hands_in_nothing_under_another_name() {
    let law = Law::open().await;
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    law.enrol(own.path(), "sensor-7").await;
    // Nobody enrolled the other one, and nobody signed what it writes.
    assert!(run_own(other.path()).status.success());
    let out = other.path().join("out");
    std::fs::write(out.join("token"), token(own.path())).unwrap();
    let refused = law.submit(other.path()).await;
    assert!(!refused.status.success());
    let words = said(&refused);
    for word in ["NRS-SIFT-0313", "sensor-1", "sensor-7"] {
        assert!(words.contains(word), "{words}");
    }
    // The same of what was hunted in it.
    let hunted = noroshi(&["hunt", "beacons", &text(&out)]);
    assert!(hunted.status.success(), "{}", said(&hunted));
    let (to, file, folder) = (law.test.url(""), text(&out.join("token")), text(&out));
    let submit = ["hunt", "submit", "--to", &to, "--token-file", &file, &folder];
    let refused = noroshi_beside(submit.map(str::to_owned).to_vec()).await;
    assert!(
        !refused.status.success() && said(&refused).contains("NRS-HUNT-0309"),
        "{}",
        said(&refused)
    );
    // It lies where it lay, and whoever may hand it in does.
    assert!(out.join("certificate-0.json").is_file() && !out.join("submitted.json").is_file());
    let someone = law.test.person("someone", &operator_of(&law).await, Hat::OperatorSensor).await;
    std::fs::write(out.join("token"), &someone.token).unwrap();
    let taken = law.submit(other.path()).await;
    assert!(taken.status.success(), "{}", said(&taken));
}

/// The operator's organisation, as others of it are added to it.
async fn operator_of(law: &Law) -> noroshi::office::people::Org {
    let org = law.officer.ctx.org.clone();
    let found = law
        .test
        .house
        .store
        .read(move |reader| noroshi::office::people::find_org(reader, &org))
        .await;
    found.unwrap().unwrap()
}

/// The offer of a place: the secret, and the platform's key.
async fn offer(law: &Law, sensor: &str) -> (String, String) {
    let (status, offer) =
        law.post(&law.officer, "/api/v1/sift/enrolments", json!({ "sensor": sensor })).await;
    assert_eq!(status, 201, "{offer}");
    let (secret, key) = offer["token"].as_str().unwrap().rsplit_once('.').unwrap();
    (secret.to_owned(), key.to_owned())
}

/// What a sensor with this key hands in under an offer.
fn enrolling(secret: &str, key: &noroshi_sift::signature::SecretKey) -> Value {
    let statement = noroshi::sift::law::enrol::statement(secret, &key.public()).unwrap();
    let signature = key.sign(noroshi::sift::law::enrol::FORM, &statement);
    json!({ "token": secret, "key": key.public(), "signature": signature })
}

#[tokio::test]
async fn an_answer_that_was_lost_burns_neither_name_nor_key() {
    let law = Law::open().await;
    let (secret, _) = offer(&law, "sensor-1").await;
    let key = noroshi_sift::signature::SecretKey::of_seed([5; 32]);
    let enrol = async |key| {
        let body = enrolling(&secret, key);
        ask("POST", law.test.url("/api/v1/sift/enrol"), "", Some(body)).await
    };
    let (status, first) = enrol(&key).await;
    assert_eq!(status, 201, "{first}");
    let (status, second) = enrol(&key).await;
    assert_eq!((status, &second["sensor"]), (201, &first["sensor"]), "{second}");
    // The token of the answer that was lost is void, the other one works; another key gets nothing.
    let asks = async |answer: &Value| {
        let token = answer["token"].as_str().unwrap().to_owned();
        ask("GET", law.test.url("/api/v1/sift/mandates"), &token, None).await.0
    };
    assert_eq!((asks(&first).await, asks(&second).await), (401, 200));
    let other = noroshi_sift::signature::SecretKey::of_seed([6; 32]);
    let (status, refused) = enrol(&other).await;
    assert_eq!((status, refused["code"].as_str()), (403, Some("NRS-SIFT-0420")), "{refused}");
}

#[tokio::test]
async fn a_name_under_which_a_chain_was_begun_is_not_offered() {
    let law = Law::open().await;
    let dir = tempfile::tempdir().unwrap();
    assert!(run_own(dir.path()).status.success());
    let someone = law.test.person("someone", &operator_of(&law).await, Hat::OperatorSensor).await;
    let out = dir.path().join("out");
    std::fs::write(out.join("token"), &someone.token).unwrap();
    let submitted = law.submit(dir.path()).await;
    assert!(submitted.status.success(), "{}", said(&submitted));
    let certificate: Value =
        serde_json::from_slice(&std::fs::read(out.join("certificate-0.json")).unwrap()).unwrap();
    let body = json!({ "sensor": certificate["sensor"] });
    let (status, refused) = law.post(&law.officer, "/api/v1/sift/enrolments", body).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("NRS-SIFT-0421")), "{refused}");
}

/// Between the sensor and the platform stands somebody who takes the offer for a key of their own, and hands the
/// platform's answer on.
#[tokio::test]
async fn a_relay_that_enrols_a_key_of_its_own_is_noticed() {
    use std::io::{Read as _, Write as _};
    let law = Law::open().await;
    let dir = tempfile::tempdir().unwrap();
    let (secret, pinned) = offer(&law, "sensor-1").await;
    let theirs = noroshi_sift::signature::SecretKey::of_seed([5; 32]);
    let (status, answer) =
        ask("POST", law.test.url("/api/v1/sift/enrol"), "", Some(enrolling(&secret, &theirs)))
            .await;
    assert_eq!(status, 201, "{answer}");
    let relay = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}", relay.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = relay.accept().unwrap();
        let mut asked = Vec::new();
        let mut byte = [0; 1];
        // The head, then as much as it says.
        while !asked.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            asked.push(byte[0]);
        }
        let head = String::from_utf8(asked).unwrap().to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let body = answer.to_string();
        write!(
            stream,
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    });
    std::fs::write(dir.path().join("offer"), format!("{secret}.{pinned}")).unwrap();
    let (file, out) = (text(&dir.path().join("offer")), dir.path().join("out"));
    let arguments = ["sift", "enrol", "--to", &to, "--token-file", &file, "--dir", &text(&out)];
    let output = noroshi_beside(arguments.map(str::to_owned).to_vec()).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("NRS-SIFT-0092"), "{}", said(&output));
    assert!(!out.join("enrolment.json").try_exists().unwrap());
    // What would be read on the way is not said at all.
    let arguments =
        ["sift", "enrol", "--to", "http://192.0.2.7", "--token-file", &file, "--dir", &text(&out)];
    let output = noroshi_beside(arguments.map(str::to_owned).to_vec()).await;
    assert!(output.status.code() == Some(2) && said(&output).contains("NRS-SIFT-0150"));
}

#[tokio::test]
async fn who_answers_in_the_platforms_place_is_noticed() {
    let law = Law::open().await;
    let dir = tempfile::tempdir().unwrap();
    let (_, offer) =
        law.post(&law.officer, "/api/v1/sift/enrolments", json!({ "sensor": "sensor-1" })).await;
    let (secret, _) = offer["token"].as_str().unwrap().rsplit_once('.').unwrap();
    // The same offer, naming another platform's key.
    let other = noroshi_sift::signature::SecretKey::of_seed([5; 32]).public();
    std::fs::write(dir.path().join("offer"), format!("{secret}.{other}")).unwrap();
    let (file, out) = (text(&dir.path().join("offer")), dir.path().join("out"));
    let output = noroshi_beside(
        ["sift", "enrol", "--to", &law.test.url(""), "--token-file", &file, "--dir", &text(&out)]
            .map(str::to_owned)
            .to_vec(),
    )
    .await;
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("NRS-SIFT-0092"), "{}", said(&output));
    assert!(
        !out.join("enrolment.json").try_exists().unwrap()
            && !out.join("token").try_exists().unwrap()
    );
}

pub(crate) const TABLE: &str = "# table: example\n# version: 7\n# date: 2026-11-01\n192.0.2.0/24,JP\n198.51.100.0/24,FR\n203.0.113.0/24,US\n";

fn commencement() -> Value {
    json!({ "mode": "foreign-to-foreign", "from": "2026-11-01T00:00:00Z", "basis": "order of an exercise",
        "period_days_max": 36_500, "retention_days_max": 30 })
}

fn mandate(org: &str, table: &str) -> Value {
    json!({ "org": org, "sensor": "sensor-1", "mode": "foreign-to-foreign", "measure": "measure-7",
        "approval": "approval-1", "scope": "line of an exercise", "not_before": "2026-11-01T00:00:00Z",
        "not_after": "2099-01-01T00:00:00Z", "retention_days_max": 30, "prefix_table": table })
}

#[tokio::test]
async fn a_statutory_mode_is_locked_until_the_legal_hat_opens_it_for_one_sensor() {
    let law = Law::open().await;
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    law.enrol(dir.path(), "sensor-1").await;
    law.enrol(other.path(), "sensor-2").await;
    let org = law.officer.ctx.org.to_string();
    let (status, made) =
        law.post(&law.legal, "/api/v1/sift/prefix-tables", json!({ "text": TABLE })).await;
    assert_eq!(status, 201, "{made}");
    let wanted = mandate(&org, made["id"].as_str().unwrap());
    // The tables of the registries are longer than any other body.
    let mut long = TABLE.replace("version: 7", "version: 8");
    for (one, other) in (0..=255).flat_map(|one| (0..=255).map(move |other| (one, other))) {
        long.push_str(&format!("100.{one}.{other}.0/24,FR\n"));
    }
    assert!(long.len() > 1 << 20);
    let (status, made) =
        law.post(&law.legal, "/api/v1/sift/prefix-tables", json!({ "text": long })).await;
    assert_eq!(status, 201, "{made}");
    let refused = async |who: &Someone, path: &str, body: &Value, status: u16, code: &str| {
        let (found, said) = law.post(who, path, body.clone()).await;
        assert_eq!((found, said["code"].as_str()), (status, Some(code)), "{said}");
    };
    let (table, commence, issue) =
        ("/api/v1/sift/prefix-tables", "/api/v1/sift/commencements", "/api/v1/sift/mandates");
    refused(&law.legal, table, &json!({ "text": TABLE }), 409, "NRS-SIFT-0410").await;
    refused(&law.legal, table, &json!({ "text": "192.0.2.0/24,JP" }), 422, "NRS-SIFT-0409").await;
    // Locked: nothing is in force, and nobody but the legal hat puts it into force.
    refused(&law.legal, issue, &wanted, 422, "NRS-SIFT-0403").await;
    refused(&law.analyst, commence, &commencement(), 403, "NRS-AUTH-0003").await;
    let (status, entered) = law.post(&law.legal, commence, commencement()).await;
    assert_eq!(status, 201, "{entered}");
    let with = |name: &str, value: Value| {
        let mut wanted = wanted.clone();
        wanted[name] = value;
        wanted
    };
    refused(&law.analyst, issue, &wanted, 403, "NRS-AUTH-0003").await;
    refused(&law.legal, issue, &with("retention_days_max", json!(31)), 422, "NRS-SIFT-0405").await;
    refused(&law.legal, issue, &with("mode", json!("domestic-to-foreign")), 422, "NRS-SIFT-0403")
        .await;
    refused(&law.legal, issue, &with("mode", json!("own-network")), 422, "NRS-SIFT-0408").await;
    refused(&law.legal, issue, &with("sensor", json!("sensor-9")), 422, "NRS-SIFT-0412").await;
    refused(&law.legal, issue, &with("switches", json!(["everything"])), 422, "NRS-SIFT-0411")
        .await;
    let (status, issued) = law.post(&law.legal, issue, wanted.clone()).await;
    assert_eq!(status, 201, "{issued}");

    for (dir, count) in [(dir.path(), 1), (other.path(), 0)] {
        let fetch =
            ["sift", "fetch", "--format", "json", &text(&dir.join("out"))].map(str::to_owned);
        let fetched = noroshi_beside(fetch.to_vec()).await;
        assert!(fetched.status.success(), "{}", said(&fetched));
        let found = json_of(&fetched)["mandates"].as_array().unwrap().len();
        assert_eq!(found, count, "each sensor gets its own and no other's");
    }
    // What has not changed is not written again: whoever reads the file would load it anew.
    let inode = || {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(dir.path().join("out/selectors.txt")).unwrap().ino()
    };
    let before = inode();
    assert!(fetch(dir.path()).await.status.success());
    assert_eq!(inode(), before);
    let id = issued["id"].as_str().unwrap();
    let file = dir.path().join("out/mandates").join(format!("{id}.json"));
    assert!(!other.path().join("out/mandates").join(format!("{id}.json")).try_exists().unwrap());
    under_the_mandate(&law, dir.path(), other.path(), &file, &wanted).await;
    under_its_own_list(&law, dir.path(), &file).await;
    withdrawn(&law, dir.path(), other.path(), &file, id).await;
}

async fn fetch(dir: &Path) -> Output {
    let arguments = ["sift", "fetch", "--format", "json", &text(&dir.join("out"))];
    noroshi_beside(arguments.map(str::to_owned).to_vec()).await
}

/// Selects under the mandate for what its own list names, as a service does.
fn run_with_list(dir: &Path, mandate: &Path, list: &Path) -> Output {
    let table = std::fs::read_dir(dir.join("out/prefix-tables")).unwrap().next().unwrap().unwrap();
    let (input, out) = (text(&dir.join("eve.json")), text(&dir.join("out")));
    noroshi(&[
        "sift",
        "run",
        "--mode",
        "foreign-to-foreign",
        "--retention-days",
        "30",
        "--mandate",
        &text(mandate),
        "--prefix-table",
        &text(&table.path()),
        "--format",
        "json",
        "--selectors",
        &text(list),
        "--out",
        &out,
        &input,
    ])
}

/// What indicators look for is fetched for the mandate, of its measure, and found under it.
async fn under_its_own_list(law: &Law, dir: &Path, file: &Path) {
    let list = file.with_extension("selectors.csv");
    let before = std::fs::read_to_string(&list).unwrap();
    assert_eq!(before.lines().count(), 2, "no indicator yet: two lines of heading: {before}");
    let indicator = json!({
        "type": "indicator", "spec_version": "2.1", "id": format!("indicator--{}", uuid::Uuid::now_v7()),
        "created": "2026-11-01T00:00:00.000Z", "modified": "2026-11-02T00:00:00.000Z", "pattern_type": "stix",
        "pattern": "[ipv4-addr:value = '203.0.113.77']", "valid_from": "2026-11-01T00:00:00Z",
        "valid_until": "2098-01-01T00:00:00Z", "indicator_types": ["malicious-activity"],
    });
    let bundle = json!({ "type": "bundle", "id": format!("bundle--{}", uuid::Uuid::now_v7()), "objects": [indicator] });
    let (status, taken) = law
        .post(&law.analyst, "/api/v1/evidence/bundles?tlp=amber&originator=exercise", bundle)
        .await;
    assert!((200..300).contains(&status), "{status} {taken}");
    let fetched = fetch(dir).await;
    assert!(fetched.status.success(), "{}", said(&fetched));
    let version = "2026-11-02T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
    let expected = format!(
        "ipv4,203.0.113.77,,{version},2098-01-01T00:00:00Z,2026-11-01T00:00:00Z,measure-7,approval-1"
    );
    let now = std::fs::read_to_string(&list).unwrap();
    assert!(now.lines().any(|line| line == expected), "{now}");
    // The national list names no measure and finds nothing under one; the mandate's own does.
    let national = run_with_list(dir, file, &dir.join("out/selectors.txt"));
    assert_eq!(json_of(&national)["counts"]["kept"], 0, "{}", said(&national));
    let own = run_with_list(dir, file, &list);
    assert_eq!(json_of(&own)["counts"]["kept"], 1, "{}", said(&own));
    let submitted = law.submit(dir).await;
    assert!(submitted.status.success(), "{}", said(&submitted));
    // Nobody else's mandate names a list.
    let id = file.file_stem().unwrap().to_str().unwrap();
    let path = format!("/api/v1/sift/selectors?mandate={id}");
    let (status, _) = ask("GET", law.test.url(&path), &law.analyst.token, None).await;
    assert_eq!(status, 404, "of another organisation");
}

/// The legal hat withdraws; the sensor ends when it has fetched, what it kept in between goes, and its chain goes on.
async fn withdrawn(law: &Law, dir: &Path, other: &Path, file: &Path, id: &str) {
    let path = format!("/api/v1/sift/mandates/{id}/withdrawal");
    let refused = async |who: &Someone, body: Value, status: u16, code: &str| {
        let (found, said) = law.post(who, &path, body).await;
        assert_eq!((found, said["code"].as_str()), (status, Some(code)), "{said}");
    };
    let why = json!({ "reason": "the approval was taken back" });
    refused(&law.analyst, why.clone(), 403, "NRS-AUTH-0003").await;
    refused(&law.legal, json!({ "reason": " " }), 422, "NRS-SIFT-0402").await;
    let (status, made) = law.post(&law.legal, &path, why.clone()).await;
    assert_eq!(status, 201, "{made}");
    refused(&law.legal, why, 409, "NRS-SIFT-0416").await;

    // Before it has heard of it, the sensor selects; what it kept is not taken, and goes.
    let list = file.with_extension("selectors.csv");
    let late = run_with_list(dir, file, &list);
    assert_eq!(json_of(&late)["counts"]["kept"], 1, "{}", said(&late));
    let out = dir.join("out");
    let number = json_of(&late)["sequence"].as_u64().unwrap();
    let certificate = std::fs::read(out.join(format!("certificate-{number}.json"))).unwrap();
    let certificate: Value = serde_json::from_slice(&certificate).unwrap();
    let certificates = law.test.url("/api/v1/sift/certificates");
    let hand_in = async |body: Value| {
        let (status, said) = ask("POST", certificates.clone(), &token(dir), Some(body)).await;
        (status, said["code"].as_str().unwrap_or_default().to_owned())
    };
    let sightings = std::fs::read(out.join(format!("sightings/{number}.json"))).unwrap();
    let sightings: Value = serde_json::from_slice(&sightings).unwrap();
    let body = json!({ "certificate": certificate, "sightings": sightings });
    assert_eq!(hand_in(body).await, (422, "NRS-SIFT-0310".to_owned()));
    // One that has removed what it saw, and whose word of that was lost on the way, is told the same.
    let emptied = json!({ "certificate": certificate, "sightings": [] });
    assert_eq!(hand_in(emptied).await, (422, "NRS-SIFT-0310".to_owned()));
    let with = json!({ "certificate": certificate, "sightings": sightings, "void": true });
    assert_eq!(hand_in(with).await, (422, "NRS-SIFT-0311".to_owned()));
    let submitted = law.submit(dir).await;
    assert!(submitted.status.success(), "{}", said(&submitted));
    assert!(said(&submitted).contains("NRS-SIFT-0127"), "{}", said(&submitted));
    assert!(!out.join(format!("sightings/{number}.json")).try_exists().unwrap());
    let left = every_file_below(&out.join("records"));
    assert!(!left.iter().any(|name| name.ends_with(&format!("/{number}.parquet"))), "{left:?}");
    let (_, page) = ask("GET", certificates.clone(), &law.analyst.token, None).await;
    let void = |at: usize| page["items"][at]["void"].as_bool();
    assert_eq!((void(0), void(1)), (Some(true), Some(false)), "{page}");

    // It hears of it, and does not begin any more; another sensor hears nothing.
    let fetched = fetch(dir).await;
    assert_eq!(json_of(&fetched)["withdrawn"], json!([id]), "{}", said(&fetched));
    assert_eq!(json_of(&fetched)["mandates"], json!([]));
    assert!(!list.try_exists().unwrap(), "there is no list under it any more");
    assert_eq!(json_of(&fetch(other).await)["withdrawn"], json!([]));
    let ended = run_under(dir, "foreign-to-foreign", file, "sensor-1");
    assert_eq!(ended.status.code(), Some(2), "{}", said(&ended));
    assert!(said(&ended).contains("NRS-SIFT-0126"), "{}", said(&ended));
    // Whoever lays another text there does not open it again.
    let beside = file.with_extension("withdrawn.json");
    let text_of = std::fs::read_to_string(&beside).unwrap();
    std::fs::write(&beside, text_of.replace("taken back", "given again")).unwrap();
    let ended = run_under(dir, "foreign-to-foreign", file, "sensor-1");
    assert!(said(&ended).contains("NRS-SIFT-0080"), "{}", said(&ended));

    // On its own network it goes on, in the same chain.
    assert!(run_own(dir).status.success());
    let submitted = law.submit(dir).await;
    assert!(submitted.status.success(), "{}", said(&submitted));
    let own = std::fs::read(out.join(format!("certificate-{}.json", number + 1))).unwrap();
    let own: Value = serde_json::from_slice(&own).unwrap();
    assert_eq!(own["mode"], "own-network");
    let list = format!("/api/v1/sift/selectors?mandate={id}");
    let (status, gone) = ask("GET", law.test.url(&list), &token(dir), None).await;
    assert_eq!((status, gone["code"].as_str()), (409, Some("NRS-SIFT-0417")), "{gone}");
}

fn every_file_below(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(every_file_below(&path));
        } else {
            files.push(text(&path));
        }
    }
    files
}

/// Writes to the store what only time or an administrator would.
async fn change(test: &TestHouse, sql: &'static str, values: Vec<Stored>) {
    let write = noroshi::office::commit::Write::one(sql, values);
    let change = noroshi::office::commit::Change::office("test.time", "token").write(write);
    test.house.door.commit(&crate::house::system(&test.house), change).await.unwrap();
}

fn token_digest(token: &str) -> Stored {
    Stored::from(noroshi::office::secret::digest(token))
}

async fn ends_in(test: &TestHouse, token: &str, hours: i64) {
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
    let sql = "UPDATE office_token SET expires_at = $2 WHERE digest = $1";
    change(test, sql, vec![token_digest(token), Stored::from(until)]).await;
}

async fn revoke(test: &TestHouse, token: &str) {
    let sql = "UPDATE office_token SET revoked_at = $2 WHERE digest = $1";
    change(test, sql, vec![token_digest(token), Stored::from(jiff::Timestamp::now())]).await;
}

async fn token_until(test: &TestHouse, token: &str) -> jiff::Timestamp {
    let digest = noroshi::office::secret::digest(token);
    let read = move |reader: &noroshi::office::store::Reader<'_>| {
        noroshi::sift::law::read::token_until(reader, &digest)
    };
    test.house.store.read(read).await.unwrap().unwrap()
}

/// A token is renewed by the sensor itself before it ends; nobody else can, and revoking ends it.
#[tokio::test]
async fn a_sensor_renews_its_token_before_it_ends() {
    use noroshi::sift::law::enrol::{RENEWAL_FORM, renewal};
    let law = Law::open().await;
    let dir = tempfile::tempdir().unwrap();
    law.enrol(dir.path(), "sensor-1").await;
    let first = token(dir.path());
    let renew = law.test.url("/api/v1/sift/tokens");
    let seed = std::fs::read_to_string(dir.path().join("out/sensor.key")).unwrap();
    let seed: [u8; 32] = (0..32)
        .map(|at| u8::from_str_radix(&seed.trim()[at * 2..at * 2 + 2], 16).unwrap())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let key = noroshi_sift::signature::SecretKey::of_seed(seed);
    let asking = |key: &noroshi_sift::signature::SecretKey, token: &str, at: jiff::Timestamp| json!({ "at": at, "signature": key.sign(RENEWAL_FORM, &renewal(token, at).unwrap()) });
    let now = jiff::Timestamp::now();
    let check = async |token: &str, body: Value, status: u16, code: &str| {
        let (found, said) = ask("POST", renew.clone(), token, Some(body)).await;
        assert_eq!((found, said["code"].as_str()), (status, Some(code)), "{said}");
    };
    // A year is left: there is nothing to renew, and a fetch leaves the token as it is.
    check(&first, asking(&key, &first, now), 409, "NRS-SIFT-0423").await;
    let fetched = fetch(dir.path()).await;
    assert!(fetched.status.success(), "{}", said(&fetched));
    assert_eq!(token(dir.path()), first);
    let until: jiff::Timestamp =
        json_of(&fetched)["token_until"].as_str().unwrap().parse().unwrap();
    let days = until.duration_since(now).as_hours() / 24;
    assert!((364..=366).contains(&days), "{days}");

    // As eleven months later.
    ends_in(&law.test, &first, 24 * 30).await;
    let other = noroshi_sift::signature::SecretKey::of_seed([5; 32]);
    check(&first, asking(&other, &first, now), 422, "NRS-SIFT-0422").await;
    check(&first, asking(&key, "another token", now), 422, "NRS-SIFT-0422").await;
    let old = now - jiff::SignedDuration::from_hours(1);
    check(&first, asking(&key, &first, old), 422, "NRS-SIFT-0422").await;
    // A person's token is no sensor's.
    check(&law.officer.token, asking(&key, &law.officer.token, now), 403, "NRS-AUTH-0003").await;
    let fetched = fetch(dir.path()).await;
    assert!(fetched.status.success(), "{}", said(&fetched));
    let second = token(dir.path());
    assert_ne!(second, first);
    let mode = {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(dir.path().join("out/token")).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode, 0o600);
    // Both hold for a while; then only the new one does.
    let selectors = law.test.url("/api/v1/sift/selectors");
    for held in [&first, &second] {
        assert_eq!(ask("GET", selectors.clone(), held, None).await.0, 200);
    }
    let left = token_until(&law.test, &first).await.duration_since(now).as_hours();
    assert!((24 * 6..=24 * 7).contains(&left), "{left}");
    let (_, seen) = ask("GET", law.test.url("/api/v1/sift/law"), &law.legal.token, None).await;
    let shown: jiff::Timestamp =
        seen["sensors"][0]["token_until"].as_str().unwrap().parse().unwrap();
    assert_eq!(shown, token_until(&law.test, &second).await);
    assert!(run_own(dir.path()).status.success());
    assert!(law.submit(dir.path()).await.status.success());

    // An answer that got lost is asked for again with the token before it, and the lost one holds no more.
    let (status, third) = ask("POST", renew.clone(), &first, Some(asking(&key, &first, now))).await;
    assert_eq!(status, 201, "{third}");
    assert_eq!(ask("GET", selectors.clone(), &second, None).await.0, 401);
    let third = third["token"].as_str().unwrap().to_owned();
    assert_eq!(ask("GET", selectors.clone(), &third, None).await.0, 200);

    // Whoever takes the sensor out revokes its tokens: no key brings one back.
    ends_in(&law.test, &third, 24).await;
    revoke(&law.test, &third).await;
    let (status, _) = ask("POST", renew.clone(), &third, Some(asking(&key, &third, now))).await;
    assert_eq!(status, 401);
    std::fs::write(dir.path().join("out/token"), &third).unwrap();
    assert_eq!(fetch(dir.path()).await.status.code(), Some(1));
}

fn run_under(dir: &Path, mode: &str, mandate: &Path, sensor: &str) -> Output {
    run_under_with(dir, mode, mandate, sensor, "--progress")
}

fn run_under_with(dir: &Path, mode: &str, mandate: &Path, sensor: &str, more: &str) -> Output {
    let (list, input, out) = (dir.join("list.csv"), dir.join("eve.json"), dir.join("out"));
    std::fs::write(&list, "ipv4,203.0.113.77,selector-1,1,,,measure-7,approval-1\n").unwrap();
    std::fs::write(&input, telemetry()).unwrap();
    let table = mandate.parent().unwrap().parent().unwrap().join("prefix-tables");
    let table = std::fs::read_dir(table).unwrap().next().unwrap().unwrap().path();
    noroshi(&[
        "sift",
        "run",
        "--mode",
        mode,
        "--retention-days",
        "30",
        "--mandate",
        &text(mandate),
        "--prefix-table",
        &text(&table),
        "--sensor",
        sensor,
        "--format",
        "json",
        more,
        "--selectors",
        &text(&list),
        "--out",
        &text(&out),
        &text(&input),
    ])
}

async fn under_the_mandate(law: &Law, dir: &Path, other: &Path, file: &Path, wanted: &Value) {
    let refuse = |output: Output, code: &str| {
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(code), "{}", said(&output));
    };
    refuse(run_under(dir, "domestic-to-foreign", file, "sensor-1"), "NRS-SIFT-0088");
    refuse(run_under(other, "foreign-to-foreign", file, "sensor-2"), "NRS-SIFT-0082");
    // Whoever widens the file by hand has no mandate any more.
    let widened = dir.join("out/mandates/widened.json");
    let text_of = std::fs::read_to_string(file).unwrap();
    std::fs::write(&widened, text_of.replace("\"ports\": false", "\"ports\": true")).unwrap();
    refuse(run_under(dir, "foreign-to-foreign", &widened, "sensor-1"), "NRS-SIFT-0080");

    let counted = run_under_with(dir, "foreign-to-foreign", file, "sensor-1", "--dry-run");
    assert!(counted.status.success(), "{}", said(&counted));
    assert!(!dir.join("out/certificate-0.json").try_exists().unwrap());

    let output = run_under(dir, "foreign-to-foreign", file, "sensor-1");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(json_of(&counted)["counts"], json_of(&output)["counts"]);
    let counts = &json_of(&output)["counts"];
    assert_eq!(
        (&counts["kept"], &counts["unmatched"], &counts["direction"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let report = verified(&dir.join("out"), None, None);
    assert!(report.modes["foreign-to-foreign"].contains("measure-7"));
    assert!(report.tables.contains("example@7"));
    let submitted = law.submit(dir).await;
    assert!(submitted.status.success(), "{}", said(&submitted));
    let (_, page) =
        ask("GET", law.test.url("/api/v1/sift/certificates"), &law.analyst.token, None).await;
    assert_eq!(page["items"][0]["certificate"]["rules"]["measure"], "measure-7");
    let (status, seen) = ask("GET", law.test.url("/api/v1/sift/law"), &law.legal.token, None).await;
    assert_eq!((status, seen["mandates"].as_array().unwrap().len()), (200, 1), "{seen}");
    assert_eq!(seen["mandates"][0]["signed"]["mandate"]["scope"]["words"], wanted["scope"]);
}

#[tokio::test]
async fn a_pseudonym_is_turned_back_by_two_people_once_and_never_after_its_key() {
    let law = Law::open().await;
    let (make, ask_for) = ("/api/v1/sift/pseudonyms", "/api/v1/sift/reveals");
    let wanted = json!({ "kind": "email", "value": "Taro@example.jp", "purpose": "sift", "epoch": "2026-11" });
    let (status, made) = law.post(&law.analyst, make, wanted.clone()).await;
    assert_eq!(status, 200, "{made}");
    let pseudonym = made["pseudonym"].as_str().unwrap().to_owned();
    assert!(pseudonym.starts_with("pseudonym:email:sift:2026-11:") && !pseudonym.contains("taro"));
    let (_, again) = law.post(&law.analyst, make, wanted.clone()).await;
    assert_eq!(again["pseudonym"], made["pseudonym"]);
    let store = std::fs::read(law.test.dir.path().join("noroshi.db")).unwrap_or_default();
    assert!(!store.windows(4).any(|bytes| bytes.eq_ignore_ascii_case(b"taro")));

    let asking = json!({ "pseudonym": pseudonym, "purpose": "warn the holder", "case": "case-1" });
    let refused = async |who: &Someone, path: &str, body: &Value, status: u16, code: &str| {
        let (found, said) = law.post(who, path, body.clone()).await;
        assert_eq!((found, said["code"].as_str()), (status, Some(code)), "{said}");
    };
    let nameless = json!({ "pseudonym": pseudonym, "purpose": " ", "case": "case-1" });
    refused(&law.analyst, ask_for, &nameless, 422, "NRS-SIFT-0503").await;
    refused(&law.legal, ask_for, &asking, 403, "NRS-AUTH-0003").await;
    let (status, asked) = law.post(&law.analyst, ask_for, asking.clone()).await;
    assert_eq!(status, 201, "{asked}");
    let at = |step: &str| format!("{ask_for}/{}/{step}", asked["id"].as_str().unwrap());
    let allow = json!({ "allow": true });
    // Undecided, it is not there for anybody; and the one who asked does not decide.
    refused(&law.analyst, &at("read"), &json!({}), 404, "NRS-HOUS-0004").await;
    refused(&law.analyst, &at("decision"), &allow, 403, "NRS-AUTH-0003").await;
    assert_eq!(law.post(&law.legal, &at("decision"), allow.clone()).await.0, 200);
    refused(&law.legal, &at("decision"), &allow, 422, "NRS-SIFT-0505").await;
    let (status, value) = law.post(&law.analyst, &at("read"), json!({})).await;
    assert_eq!((status, value["value"].as_str()), (200, Some("Taro@example.jp")));
    refused(&law.analyst, &at("read"), &json!({}), 409, "NRS-SIFT-0508").await;

    // With the key gone nobody goes back, also where it was allowed before.
    let (_, second) = law.post(&law.analyst, ask_for, asking.clone()).await;
    let at = |step: &str| format!("{ask_for}/{}/{step}", second["id"].as_str().unwrap());
    assert_eq!(law.post(&law.legal, &at("decision"), allow).await.0, 200);
    let epoch = json!({ "purpose": "sift", "epoch": "2026-11" });
    assert_eq!(law.post(&law.legal, "/api/v1/sift/epochs/destroy", epoch).await.0, 200);
    let key = law.test.dir.path().join("keys/pseudonyms/sift.2026-11.key");
    assert!(!key.try_exists().unwrap());
    refused(&law.analyst, &at("read"), &json!({}), 409, "NRS-SIFT-0504").await;
    refused(&law.analyst, make, &wanted, 409, "NRS-SIFT-0504").await;
    refused(&law.analyst, ask_for, &asking, 422, "NRS-SIFT-0504").await;
    assert!(!key.try_exists().unwrap(), "no key is made anew under an epoch that ended");
}

/// The sensor's package: unpacked, set up with a token of the platform, and its service's own command line run once.
#[tokio::test]
async fn a_packed_sensor_is_set_up_with_one_token() {
    let law = Law::open().await;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/sensor");
    let binary = env!("CARGO_BIN_EXE_noroshi");
    let packed =
        Command::new(packaging.join("build.sh")).args([binary, "0.0.0"]).arg(dir.path()).output();
    let packed = packed.unwrap();
    assert!(packed.status.success(), "{}", said(&packed));
    let package = String::from_utf8(packed.stdout).unwrap();
    let unpacked =
        Command::new("dpkg-deb").args(["-x", package.trim()]).arg(&root).status().unwrap();
    assert!(unpacked.success());

    let (status, offer) =
        law.post(&law.officer, "/api/v1/sift/enrolments", json!({ "sensor": "gate-1" })).await;
    assert_eq!(status, 201, "{offer}");
    let token = dir.path().join("offer");
    std::fs::write(&token, offer["token"].as_str().unwrap()).unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::fs::write(
        logs.join("conn.log"),
        "{\"ts\":1,\"id.orig_h\":\"192.0.2.10\",\"id.resp_h\":\"198.51.100.1\"}\n\
         {\"ts\":2,\"id.orig_h\":\"192.0.2.10\",\"id.resp_h\":\"203.0.113.77\"}\n",
    )
    .unwrap();
    let setup = |more: &[&str]| {
        let mut command = Command::new(root.join("usr/sbin/noroshi-sensor-setup"));
        command.args(["--to", &law.test.url(""), "--token-file", &text(&token)]);
        command.args([
            "--watch",
            "/var/log/zeek/current",
            "--own-network",
            "192.0.2.0/24",
            "--prefix",
            &text(&root),
        ]);
        command.args(more);
        command
    };
    // What the service could not see is refused before anything is done.
    let below = |folder: &str| format!("/{folder}/logs");
    for place in
        ["logs".to_owned(), below("home"), below("root"), below("tmp"), below("var/log/../../tmp")]
    {
        let refused = setup(&["--retention-days", "30", "--watch", &place]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{place}: {}", said(&refused));
    }
    assert!(!root.join("var/lib/noroshi-sensor").try_exists().unwrap());
    let refused = setup(&[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "how long is kept is never assumed");
    let mut command = setup(&["--retention-days", "30"]);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(done.status.success(), "{}", said(&done));

    // The list is empty so far; a sensor that looks for nothing says so instead of running idle.
    let state = root.join("var/lib/noroshi-sensor");
    std::fs::write(state.join("selectors.txt"), "203.0.113.77\n").unwrap();
    let unit = std::fs::read_to_string(root.join("usr/lib/systemd/system/noroshi-sensor.service"))
        .unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    // What systemd does with the line: variables of the environment file, split at spaces.
    let script = format!(". {}/sensor.env.sh; exec {line} --once", text(dir.path()));
    let env = std::fs::read_to_string(root.join("etc/noroshi/sensor.env")).unwrap();
    let env: String = env
        .lines()
        .filter_map(|line| line.split_once('=').filter(|_| !line.starts_with('#')))
        .map(|(name, value)| format!("{name}='{value}'\n"))
        .collect();
    let env = env.replace("/var/log/zeek/current", &text(&logs));
    assert!(env.contains(&format!("SELECTORS='{}'", text(&state.join("selectors.txt")))), "{env}");
    std::fs::write(dir.path().join("sensor.env.sh"), env).unwrap();
    let script = script
        .replace("/usr/bin/noroshi", &text(&root.join("usr/bin/noroshi")))
        .replace("/var/lib/noroshi-sensor", &text(&state));
    let ran = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    let certificate = std::fs::read(state.join("certificate-0.json")).unwrap();
    let certificate: Value = serde_json::from_slice(&certificate).unwrap();
    assert_eq!(
        (&certificate["sensor"], &certificate["tally"]["seen"]),
        (&json!("gate-1"), &json!(2))
    );
    hunted_and_handed_in(&root, &state, &dir.path().join("sensor.env.sh")).await;
    for unit in ["noroshi-sensor-fetch.service", "noroshi-sensor-submit.service"] {
        let unit = std::fs::read_to_string(root.join("usr/lib/systemd/system").join(unit)).unwrap();
        assert!(unit.contains("TimeoutStartSec="), "a oneshot without one waits for ever: {unit}");
    }
}

/// What was added to the list since is hunted, and all of it is handed in, by the lines of the units.
async fn hunted_and_handed_in(root: &Path, state: &Path, env: &Path) {
    // A list that comes later names what was kept for another selector.
    std::fs::write(state.join("selectors.txt"), "203.0.113.77\n198.51.100.0/24\n").unwrap();
    for (unit, more) in [
        ("noroshi-sensor-hunt.service", " --once"),
        ("noroshi-sensor-hunt.service", " --once"),
        ("noroshi-sensor-submit.service", ""),
    ] {
        let unit = std::fs::read_to_string(root.join("usr/lib/systemd/system").join(unit)).unwrap();
        let lines = unit.lines().filter_map(|line| line.strip_prefix("ExecStart="));
        let script: String = lines.map(|line| format!("{line}{more} || exit 9\n")).collect();
        assert!(!script.is_empty());
        let script = script
            .replace("/usr/bin/noroshi", &text(&root.join("usr/bin/noroshi")))
            .replace("/var/lib/noroshi-sensor", &text(state));
        let script = format!(". {}\n{script}", text(env));
        let ran = tokio::task::spawn_blocking(move || {
            Command::new("sh").args(["-c", &script]).output().unwrap()
        });
        let ran = ran.await.unwrap();
        assert!(ran.status.success(), "{}", said(&ran));
    }
    let count = |name: &str| std::fs::read_to_string(state.join(name)).unwrap().lines().count();
    let record = count("hunts.jsonl");
    assert!(record >= 2 && record.is_multiple_of(2), "{record}");
    let submitted = every_file_below(&state.join("hunts"));
    let submitted = submitted.iter().find(|name| name.ends_with("/submitted.json")).unwrap();
    let next: Value = serde_json::from_slice(&std::fs::read(submitted).unwrap()).unwrap();
    assert_eq!(next["next"], record, "{next}");
}
