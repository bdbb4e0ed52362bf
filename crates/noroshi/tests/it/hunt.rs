//! Hunting in what sensors kept: by the command, and into the log of the platform.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use noroshi_charter::hat::Hat;
use noroshi_hunt::record::{self, Entry, Hunt, What};
use serde_json::{Value, json};

use crate::evidence::{bundle, import, indicator};
use crate::house::{Someone, TestHouse, ask};

const CREATED: &str = "2026-11-01T00:00:00.000Z";

/// A sensor that kept everything within two prefixes, and a place for lists.
struct Sensor {
    dir: tempfile::TempDir,
}

impl Sensor {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.text(name)
    }

    /// Selects what has an address within the prefixes; one more file of records.
    fn keep(&self, records: &[(i64, &str, &str)]) {
        let line = |(second, src, dst): &(i64, &str, &str)| {
            let ts = 1_794_700_800 + second;
            format!(
                "{{\"ts\":{ts}.5,\"id.orig_h\":\"{src}\",\"id.orig_p\":40000,\"id.resp_h\":\"{dst}\",\"id.resp_p\":443,\"proto\":\"tcp\",\"orig_bytes\":100,\"resp_bytes\":20}}\n"
            )
        };
        let log = self.write("conn.log", &records.iter().map(line).collect::<String>());
        let wide = self.write("wide.txt", "203.0.113.0/24\n198.51.100.0/24\n");
        let out = self.text("out");
        let done = noroshi(&[
            "sift",
            "run",
            "--mode",
            "own-network",
            "--retention-days",
            "60",
            "--own-network",
            "192.0.2.0/24",
            "--sensor",
            "sensor-1",
            "--selectors",
            &wide,
            "--out",
            &out,
            &log,
        ]);
        assert!(done.status.success(), "{}", said(&done));
    }

    /// The newest list, where `follow` and `run` look.
    fn list(&self, list: &str) -> String {
        self.write("list.txt", list)
    }

    fn hunt(&self, verb: &str, more: &[&str]) -> Output {
        let out = self.text("out");
        let mut all = vec!["hunt", verb, "--format", "json"];
        all.extend(more);
        if verb == "sql" {
            // The question stands behind the folder.
            all.insert(all.len() - 1, &out);
        } else {
            all.push(&out);
        }
        noroshi(&all)
    }

    /// What a hunt of the one record found.
    fn found(&self, number: u64, what: &str) -> PathBuf {
        let first = self.entries()[0].digest().unwrap().to_string();
        self.path(&format!("out/hunts/{}/{number}.{what}", &first[..16]))
    }

    fn entries(&self) -> Vec<Entry> {
        let text = std::fs::read(self.path("out/hunts.jsonl")).unwrap();
        let (entries, whole) = record::read(&text).unwrap();
        assert_eq!(whole, text.len());
        entries
    }
}

fn noroshi(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_noroshi")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

fn some() -> Vec<(i64, &'static str, &'static str)> {
    let mut records = vec![
        (0, "192.0.2.7", "203.0.113.77"),
        (5, "192.0.2.8", "203.0.113.77"),
        (9, "192.0.2.7", "198.51.100.1"),
    ];
    records.extend((10..40).map(|second| (second, "192.0.2.9", "198.51.100.2")));
    records
}

#[test]
fn a_list_is_hunted_and_what_was_asked_is_written_down() {
    let sensor = Sensor::new();
    sensor.keep(&some());
    let list = sensor.list("203.0.113.77\nevil.example\n");
    let csv = sensor.text("hits.csv");
    let done = sensor.hunt("run", &["--selectors", &list, "--out", &csv]);
    assert!(done.status.success(), "{}", said(&done));
    let summary = json_of(&done);
    assert_eq!(
        (&summary["counts"]["matched"], &summary["counts"]["rows"]),
        (&json!(2), &json!(33)),
        "{summary}"
    );
    assert_eq!(
        (&summary["selectors_not_of_addresses"], &summary["hits_omitted"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(summary["hits"][0]["record"]["dst_ip"], "203.0.113.77");
    let written = std::fs::read_to_string(&csv).unwrap();
    assert!(
        written.starts_with("file,row,known,selector_id,") && written.lines().count() == 3,
        "{written}"
    );
    let entries = sensor.entries();
    assert!(matches!(
        entries[0].what,
        What::Begun(Hunt::Selectors { count: 2, of_addresses: 1, .. })
    ));
    assert!(
        matches!(&entries[1].what, What::Ended(outcome) if outcome.results == 2 && outcome.of == 0)
    );
    // Live, the same list selects the same.
    let log = sensor.text("conn.log");
    let live = noroshi(&[
        "sift",
        "run",
        "--mode",
        "own-network",
        "--retention-days",
        "60",
        "--selectors",
        &list,
        "--out",
        &sensor.text("live"),
        "--format",
        "json",
        &log,
    ]);
    assert_eq!(json_of(&live)["rows"], 2);
    // A file that is none is named, the rest is hunted, and the exit status says so.
    std::fs::write(sensor.path("out/records/none.parquet"), "PAR1").unwrap();
    let done = sensor.hunt("run", &["--selectors", &list]);
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("NRS-HUNT-0102") && json_of(&done)["counts"]["matched"] == 2);
}

#[cfg(feature = "sql")]
#[test]
fn a_question_says_what_for_and_sees_nothing_but_records() {
    let sensor = Sensor::new();
    sensor.keep(&some());
    let why = ["--purpose", "exercise", "--case", "case-7"];
    let ask = |question: &str| {
        let mut all = why.to_vec();
        all.push(question);
        sensor.hunt("sql", &all)
    };
    let answer =
        ask("SELECT dst_ip, count(*) AS calls FROM records GROUP BY dst_ip ORDER BY dst_ip");
    assert!(answer.status.success(), "{}", said(&answer));
    let answer = json_of(&answer);
    assert_eq!(answer["columns"], json!(["dst_ip", "calls"]));
    assert_eq!(
        answer["rows"],
        json!([["198.51.100.1", 1], ["198.51.100.2", 30], ["203.0.113.77", 2]])
    );
    let secret = sensor.text("conn.log");
    for (question, code) in [
        (format!("SELECT * FROM '{secret}'"), "NRS-HUNT-0202"),
        ("DELETE FROM records".to_owned(), "NRS-HUNT-0201"),
        ("SELECT subject FROM records".to_owned(), "NRS-HUNT-0204"),
    ] {
        let refused = ask(&question);
        assert_eq!(refused.status.code(), Some(2), "{question}");
        assert!(said(&refused).contains(code), "{}", said(&refused));
    }
    let cut = sensor.hunt(
        "sql",
        &["--purpose", "exercise", "--case", "case-7", "--rows", "5", "SELECT ts FROM records"],
    );
    assert_eq!(
        (json_of(&cut)["rows"].as_array().unwrap().len(), &json_of(&cut)["cut"]),
        (5, &json!(true))
    );
    let out = sensor.text("out");
    let without = noroshi(&["hunt", "sql", &out, "SELECT 1 FROM records"]);
    assert_eq!(without.status.code(), Some(2), "{}", said(&without));
    let empty =
        noroshi(&["hunt", "sql", "--purpose", " ", "--case", "c", &out, "SELECT 1 FROM records"]);
    assert!(empty.status.code() == Some(2) && said(&empty).contains("NRS-HUNT-0003"));
    // Asked, refused or answered: each stands there twice, with the question and what for.
    let entries = sensor.entries();
    assert_eq!(entries.len(), 10);
    let asked =
        entries.iter().filter(|entry| entry.why.as_ref().is_some_and(|why| why.case == "case-7"));
    assert_eq!(
        asked.filter(|entry| matches!(entry.what, What::Begun(Hunt::Question { .. }))).count(),
        5
    );
    // A record that was changed is not gone on with.
    let path = sensor.path("out/hunts.jsonl");
    let text = std::fs::read_to_string(&path).unwrap().replace("case-7", "case-8");
    std::fs::write(&path, text).unwrap();
    let refused = ask("SELECT 1 FROM records");
    assert!(
        refused.status.code() == Some(2) && said(&refused).contains("NRS-HUNT-0006"),
        "{}",
        said(&refused)
    );
}

/// What an engine says of a value that it cannot work with quotes it: that is no way to read records past the record of hunts.
#[cfg(feature = "sql")]
#[test]
fn a_question_that_breaks_off_at_a_record_quotes_nothing_of_it() {
    let sensor = Sensor::new();
    sensor.keep(&some());
    let ask = |question: &str| {
        sensor.hunt("sql", &["--purpose", "exercise", "--case", "case-7", question])
    };
    for question in [
        "SELECT CAST(src_ip || ' ' || dst_ip AS INT) FROM records",
        "SELECT count(*) FROM records WHERE CAST(dst_ip AS INT) > 7",
        "SELECT CAST(dst_ip AS TIMESTAMP) FROM records ORDER BY 1",
    ] {
        let broken = ask(question);
        assert_eq!(broken.status.code(), Some(1), "{question}: {}", said(&broken));
        assert!(said(&broken).contains("NRS-HUNT-0210"), "{}", said(&broken));
        let all = [broken.stdout, broken.stderr].concat();
        let all = String::from_utf8_lossy(&all);
        assert!(
            !["192.0.2", "203.0.113", "198.51.100"].iter().any(|part| all.contains(part)),
            "{all}"
        );
    }
    let tried = ask("SELECT count(TRY_CAST(dst_ip AS INT)) AS n FROM records");
    assert_eq!(json_of(&tried)["rows"], json!([[0]]), "{}", said(&tried));
    let ended = sensor.entries().into_iter().filter_map(|entry| match entry.what {
        What::Ended(outcome) => Some((outcome.ending, outcome.code)),
        What::Begun(_) => None,
    });
    let broken = (record::Ending::Stopped, Some("NRS-HUNT-0210".to_owned()));
    let expected = [broken.clone(), broken.clone(), broken, (record::Ending::Complete, None)];
    assert_eq!(ended.collect::<Vec<_>>(), expected);
}

/// Where the machine gives no more memory nobody is left in the dark: it is said, told by the status, and written down.
#[cfg(feature = "sql")]
#[test]
fn a_question_that_is_ended_by_the_machine_is_said_to_be() {
    let sensor = Sensor::new();
    let many: Vec<(i64, &str, &str)> =
        (0..4_000).map(|second| (second, "192.0.2.10", "203.0.113.77")).collect();
    sensor.keep(&many);
    let out = sensor.text("out");
    let ask = |addresses_kib: u64, memory: &str, question: &str| {
        // The limit of the shell holds for whatever it becomes.
        Command::new("sh")
            .args(["-c", &format!("ulimit -v {addresses_kib}; exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_noroshi"))
            .args(["hunt", "sql", "--purpose", "exercise", "--case", "case-7", "--seconds", "600"])
            .args(["--memory", memory, out.as_str(), question])
            .output()
            .unwrap()
    };
    let wide = "SELECT a.src_ip || a.ts || b.dst_ip || b.ts AS pair FROM records a, records b ORDER BY pair DESC";
    let bounded = ask(8 << 20, "16", wide);
    assert_eq!(bounded.status.code(), Some(1), "{}", said(&bounded));
    assert!(said(&bounded).contains("NRS-HUNT-0206"), "{}", said(&bounded));
    // The engine may hold more than the machine gives: room for the program, which reads its own file, and little more.
    let program = std::fs::metadata(env!("CARGO_BIN_EXE_noroshi")).unwrap().len() >> 10;
    let ended = ask(program + 500_000, "16384", wide);
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    assert!(said(&ended).contains("NRS-HUNT-0209"), "{}", said(&ended));
    let codes: Vec<Option<String>> = sensor
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.what {
            What::Ended(outcome) => Some(outcome.code),
            What::Begun(_) => None,
        })
        .collect();
    assert_eq!(codes, ["NRS-HUNT-0206", "NRS-HUNT-0209"].map(|code| Some(code.to_owned())));
    // The record goes on.
    let answer = ask(8 << 20, "512", "SELECT count(*) FROM records");
    assert!(answer.status.success(), "{}", said(&answer));
}

/// Whoever asked may be gone before the process is bound to end with it.
#[cfg(feature = "sql")]
#[test]
fn a_question_for_whose_answer_nobody_waits_is_not_asked() {
    let sensor = Sensor::new();
    sensor.keep(&some());
    let ask = |caller: u32| {
        let caller = format!("--within={caller}");
        let question = "SELECT count(*) FROM records";
        sensor.hunt("sql", &["--purpose", "exercise", "--case", "case-7", &caller, question])
    };
    let refused = ask(std::process::id() + 1);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("NRS-SIFT-0089"), "{}", said(&refused));
    assert!(!sensor.path("out/hunts.jsonl").exists());
    let answered = ask(std::process::id());
    assert!(answered.status.success(), "{}", said(&answered));
}

#[test]
fn beacons_and_new_destinations_are_indications() {
    let sensor = Sensor::new();
    let mut records: Vec<_> =
        (0..60).map(|beat| (beat * 600, "192.0.2.66", "203.0.113.9")).collect();
    records.push((35_000, "192.0.2.7", "198.51.100.50"));
    sensor.keep(&records);
    let done = sensor.hunt("beacons", &[]);
    assert!(done.status.success(), "{}", said(&done));
    let found = json_of(&done);
    assert_eq!(
        (
            found["beacons"].as_array().unwrap().len(),
            &found["beacons"][0]["dst"],
            &found["beacons"][0]["score"]
        ),
        (1, &json!("203.0.113.9"), &json!(1_000))
    );
    assert!(found["meaning"].as_str().unwrap().contains("not a verdict"));
    let done = sensor.hunt("first-seen", &["--since", "2026-11-15T05:00:00Z"]);
    let found = json_of(&done);
    assert_eq!(found["baseline"], 30, "{found}");
    assert_eq!(found["new"][0]["dst"], "198.51.100.50");
    let done = sensor.hunt("first-seen", &["--measure", "measure-7"]);
    assert_eq!(
        json_of(&done)["counts"]["rows"],
        0,
        "records of one's own network are not those of a measure"
    );
}

#[test]
fn what_is_added_to_a_list_is_hunted_once() {
    let sensor = Sensor::new();
    sensor.keep(&some());
    let follow = || {
        let list = sensor.text("list.txt");
        let done = sensor.hunt("follow", &["--once", "--selectors", &list]);
        assert!(done.status.success(), "{}", said(&done));
        json_of(&done)
    };
    sensor.list("198.51.100.1\n");
    let first = follow();
    assert_eq!(
        (&first["counts"]["matched"], &first["counts"]["files"]),
        (&json!(1), &json!(1)),
        "{first}"
    );
    assert_eq!(follow()["entry"], Value::Null, "nothing was added");
    // One more selector: only it is looked for.
    sensor.list("198.51.100.1\n203.0.113.77\n");
    let second = follow();
    assert_eq!(
        (&second["counts"]["matched"], &second["counts"]["hits"]),
        (&json!(2), &json!(2)),
        "{second}"
    );
    assert_eq!(follow()["entry"], Value::Null);
    // One less: nothing is to be looked for.
    sensor.list("203.0.113.77\n");
    assert_eq!(follow()["entry"], Value::Null);
    // A file that came since is looked through for the whole list.
    sensor.keep(&[(50, "192.0.2.1", "203.0.113.77"), (51, "192.0.2.1", "198.51.100.1")]);
    let third = follow();
    assert_eq!(
        (&third["counts"]["files"], &third["counts"]["matched"]),
        (&json!(1), &json!(1)),
        "{third}"
    );
    // What lies there is what the record says.
    let entries = sensor.entries();
    for entry in &entries {
        let What::Ended(outcome) = &entry.what else { continue };
        let hits = std::fs::read(sensor.found(outcome.of, "hits.jsonl")).unwrap();
        assert_eq!(outcome.results_digest, noroshi_sift::digest::Digest::of(&hits));
    }
    assert_eq!(entries.len(), 6);
}

#[test]
fn a_hunt_that_was_killed_goes_on_and_finds_everything_once() {
    let sensor = Sensor::new();
    for _ in 0..40 {
        sensor_file(&sensor);
    }
    sensor.list("203.0.113.77\n198.51.100.0/24\n");
    let list = sensor.text("list.txt");
    let out = sensor.text("out");
    let arguments = ["hunt", "follow", "--once", "--format", "json", "--selectors", &list, &out];
    // Killed again and again, each time by a third later, until one comes to its end.
    let mut kills = 0;
    for wait_ms in std::iter::successors(Some(20_u128), |before| Some(before * 4 / 3)) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_noroshi"))
            .args(arguments)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        let done = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if begun.elapsed().as_millis() > wait_ms {
                break None;
            }
            std::thread::yield_now();
        };
        match done {
            Some(status) => {
                assert!(status.success());
                break;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    println!("{kills} kills");
    let entries = sensor.entries();
    let ended: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Ended(outcome) => Some(outcome),
            What::Begun(_) => None,
        })
        .collect();
    assert_eq!(ended.len(), 1, "once");
    let tally = ended[0].tally.unwrap();
    assert_eq!((tally.files, tally.matched, tally.hits), (40, 40 * 33, 40 * 33));
    let hits = std::fs::read_to_string(sensor.found(ended[0].of, "hits.jsonl")).unwrap();
    assert_eq!(hits.lines().collect::<std::collections::BTreeSet<_>>().len(), 40 * 33);
    let sightings: Value = serde_json::from_slice(
        &std::fs::read(sensor.found(ended[0].of, "sightings.json")).unwrap(),
    )
    .unwrap();
    let counted: u64 = sightings["sightings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["count"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, tally.hits - tally.known);
    assert!(!sensor.path("out/hunts/job").try_exists().unwrap());
}

/// One more file of the same records, without running a selection for each.
fn sensor_file(sensor: &Sensor) {
    let first = sensor.path("out/records");
    if !first.try_exists().unwrap() {
        sensor.keep(&some());
        return;
    }
    let whole = find(&first).into_iter().min().unwrap();
    let number = find(&first).len();
    std::fs::copy(&whole, whole.with_file_name(format!("{number}.parquet"))).unwrap();
}

fn find(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(find(&path));
        } else if path.extension().is_some_and(|end| end == "parquet") {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn hunts_become_leaves_and_what_they_saw_reaches_the_graph() {
    let test = TestHouse::open().await;
    let office = test.org("office", "office", None).await;
    let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
    let operator = test.org("operator", "operator", Some("energy")).await;
    let someone = test.person("sensor-1", &operator, Hat::OperatorSensor).await;
    import(&test, &analyst, bundle(&[indicator(1, "[ipv4-addr:value = '203.0.113.77']", CREATED)]))
        .await;
    let sensor = Sensor::new();
    sensor.keep(&some());
    let list = sensor.list("203.0.113.77\n");
    assert!(
        sensor
            .hunt("run", &["--selectors", &list, "--purpose", "exercise", "--case", "case-7"])
            .status
            .success()
    );
    // A build without questions writes another hunt down in the same way.
    let has_sql = cfg!(feature = "sql");
    let (verb, word) = if has_sql { ("sql", "question") } else { ("beacons", "beacons") };
    let mut asked = vec!["--purpose", "exercise", "--case", "case-7"];
    asked.extend(has_sql.then_some("SELECT count(*) FROM records"));
    assert!(sensor.hunt(verb, &asked).status.success());
    let (to, token, out) =
        (test.url(""), sensor.write("token", &someone.token), sensor.text("out"));
    let submit = move || {
        noroshi(&["hunt", "submit", "--format", "json", "--to", &to, "--token-file", &token, &out])
    };
    let done = tokio::task::spawn_blocking(submit).await.unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let sent = json_of(&done);
    assert_eq!(sent["submitted"].as_array().unwrap().len(), 4, "{sent}");
    assert_eq!(sent["submitted"][1]["sightings"], 1, "{sent}");

    let (status, page) =
        ask("GET", test.url("/api/v1/hunt/entries?case=case-7"), &analyst.token, None).await;
    assert_eq!((status, page["items"].as_array().unwrap().len()), (200, 2), "{page}");
    assert_eq!(page["items"][0]["entry"]["why"]["purpose"], "exercise");
    assert_eq!(page["items"][0]["hunt"], word);
    let (_, seen) =
        ask("GET", test.url("/api/v1/evidence/objects?type=sighting"), &analyst.token, None).await;
    assert_eq!(
        (seen["items"].as_array().unwrap().len(), &seen["items"][0]["class"]),
        (1, &json!("CIA")),
        "{seen}"
    );

    a_record_is_guarded(&test, &someone, &analyst, &sensor).await;
}

/// The record that a sensor handed in goes on in one way only.
async fn a_record_is_guarded(
    test: &TestHouse,
    someone: &Someone,
    analyst: &Someone,
    sensor: &Sensor,
) {
    let has_sql = cfg!(feature = "sql");
    let lines = std::fs::read_to_string(sensor.path("out/hunts.jsonl")).unwrap();
    let entries: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let post = async |entry: &Value| {
        ask(
            "POST",
            test.url("/api/v1/hunt/entries"),
            &someone.token,
            Some(json!({ "entry": entry })),
        )
        .await
    };
    let (status, again) = post(&entries[0]).await;
    assert_eq!(status, 200, "the same one again changes nothing: {again}");
    let refuse = async |at: usize, change: &dyn Fn(&mut Value), status: u16, code: &str| {
        let mut entry = entries[at].clone();
        change(&mut entry);
        let (found, said) = post(&entry).await;
        assert_eq!((found, said["code"].as_str()), (status, Some(code)), "{said}");
    };
    if has_sql {
        refuse(2, &|it| it["why"] = Value::Null, 422, "NRS-HUNT-0301").await;
    }
    refuse(2, &|it| it["form"] = json!("noroshi-hunt/9"), 422, "NRS-HUNT-0301").await;
    refuse(2, &|it| it["at"] = json!("2039-01-01T00:00:00Z"), 422, "NRS-HUNT-0302").await;
    refuse(2, &|it| it["why"]["purpose"] = json!("another"), 409, "NRS-HUNT-0303").await;
    refuse(2, &|it| it["sequence"] = json!(9), 409, "NRS-HUNT-0304").await;
    let body = json!({ "entry": entries[1], "sightings": [{ "selector_id": "x", "selector_version": 1, "value": "203.0.113.77",
        "first_seen": CREATED, "last_seen": CREATED, "count": 9, "own_addresses": 1, "remote_addresses": 1, "more_addresses": false }] });
    let (status, said) =
        ask("POST", test.url("/api/v1/hunt/entries"), &someone.token, Some(body)).await;
    assert_eq!((status, said["code"].as_str()), (422, Some("NRS-HUNT-0306")), "{said}");
    // Nobody but a sensor hands in what a sensor was asked.
    let (status, _) = ask(
        "POST",
        test.url("/api/v1/hunt/entries"),
        &analyst.token,
        Some(json!({ "entry": entries[0] })),
    )
    .await;
    assert_eq!(status, 403);
}

/// A place in which a sensor's folder is handed in, and what is known there.
struct Desk {
    test: TestHouse,
    operator: String,
    token: String,
}

impl Desk {
    async fn open(values: &[&str]) -> Self {
        let test = TestHouse::open().await;
        let office = test.org("office", "office", None).await;
        let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
        let operator = test.org("operator", "operator", Some("energy")).await;
        let someone = test.person("sensor-1", &operator, Hat::OperatorSensor).await;
        let indicators = (1..).zip(values);
        let indicators: Vec<_> = indicators
            .map(|(at, value)| indicator(at, &format!("[ipv4-addr:value = '{value}']"), CREATED))
            .collect();
        import(&test, &analyst, bundle(&indicators)).await;
        Self { operator: operator.org.to_string(), token: someone.token, test }
    }

    /// Hands the record of hunts of a folder in: the default one, or another.
    async fn submit(&self, sensor: &Sensor, record: Option<&str>) -> Output {
        let token = sensor.write("token", &self.token);
        let mut arguments = vec!["hunt", "submit", "--format", "json", "--to"]
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>();
        arguments.extend([self.test.url(""), "--token-file".to_owned(), token]);
        if let Some(record) = record {
            arguments.extend(["--record".to_owned(), record.to_owned()]);
        }
        arguments.push(sensor.text("out"));
        let submit = move || noroshi(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        tokio::task::spawn_blocking(submit).await.unwrap()
    }

    /// How the sightings of hunts came, with what they saw how often.
    async fn seen(&self) -> Vec<String> {
        let sql = "SELECT source || ' ' || json_extract(bytes, '$.count') FROM evidence_object \
             WHERE type = 'sighting' ORDER BY 1";
        self.test
            .house
            .store
            .read(move |reader| reader.all(sql, &[], |row| row.text(0)))
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_second_record_is_handed_in_beside_the_first_and_each_brings_its_own_sightings() {
    let desk = Desk::open(&["203.0.113.77", "198.51.100.1"]).await;
    let sensor = Sensor::new();
    sensor.keep(&some());
    let other = sensor.text("other.jsonl");
    let one = sensor.write("one.txt", "203.0.113.77\n");
    let two = sensor.write("two.txt", "198.51.100.1\n");
    assert!(sensor.hunt("run", &["--selectors", &one]).status.success());
    assert!(sensor.hunt("run", &["--selectors", &two, "--record", &other]).status.success());
    // A record elsewhere is handed in too, whether or not it is named. Both have their end under the number 1.
    let done = desk.submit(&sensor, None).await;
    assert!(done.status.success(), "{}", said(&done));
    let sent = json_of(&done);
    assert_eq!(sent["submitted"].as_array().unwrap().len(), 4, "{sent}");
    assert_eq!(
        (&sent["submitted"][1]["sightings"], &sent["submitted"][3]["sightings"]),
        (&json!(1), &json!(1))
    );
    let seen = desk.seen().await;
    for count in [1, 2] {
        assert!(seen.iter().any(|one| one.ends_with(&format!(" {count}"))), "{seen:?}");
    }
    // One that was taken away is missed.
    let away = format!("{other}.away");
    std::fs::rename(&other, &away).unwrap();
    let done = desk.submit(&sensor, None).await;
    assert!(!done.status.success() && said(&done).contains("NRS-HUNT-0013"), "{}", said(&done));
    std::fs::rename(&away, &other).unwrap();
    // Both go on, and the log that is made of them holds.
    assert!(sensor.hunt("run", &["--selectors", &two, "--record", &other]).status.success());
    assert!(sensor.hunt("run", &["--selectors", &one]).status.success());
    for record in [Some(other.as_str()), None] {
        let sent = json_of(&desk.submit(&sensor, record).await);
        assert_eq!(sent["submitted"].as_array().unwrap().len(), 2, "{sent}");
    }
    // What two analysts of one organisation hunt under one name does not collide either.
    let beside = Sensor::new();
    beside.keep(&some());
    assert!(beside.hunt("run", &["--selectors", &beside.list("203.0.113.77\n")]).status.success());
    let done = desk.submit(&beside, None).await;
    assert!(done.status.success(), "{}", said(&done));
    let sql = "SELECT count(DISTINCT record) FROM hunt_entry WHERE sensor = 'sensor-1'";
    let records = desk.test.house.store.read(move |reader| reader.number(sql, &[])).await.unwrap();
    assert_eq!(records, 3);
}

#[tokio::test]
async fn sightings_that_the_entry_does_not_commit_to_are_not_taken() {
    let desk = Desk::open(&["203.0.113.77"]).await;
    let sensor = Sensor::new();
    sensor.keep(&some());
    let list = sensor.list("203.0.113.77\n");
    assert!(sensor.hunt("run", &["--selectors", &list]).status.success());
    let entries = sensor.entries();
    let post = async |at: usize, sightings: Value| {
        let body = json!({ "entry": entries[at], "sightings": sightings });
        ask("POST", desk.test.url("/api/v1/hunt/entries"), &desk.token, Some(body)).await
    };
    assert_eq!(post(0, json!([])).await.0, 201);
    let kept: Value =
        serde_json::from_slice(&std::fs::read(sensor.found(0, "sightings.json")).unwrap()).unwrap();
    let kept = &kept["sightings"];
    let mut less = kept.clone();
    less[0]["count"] = json!(1);
    let mut other = kept.clone();
    other[0]["value"] = json!("203.0.113.78");
    for changed in [less, other, json!([])] {
        let (status, refused) = post(1, changed).await;
        assert_eq!((status, refused["code"].as_str()), (422, Some("NRS-HUNT-0308")), "{refused}");
    }
    assert_eq!(post(1, kept.clone()).await.0, 201);
}

#[tokio::test]
async fn what_a_hunt_sees_leaves_on_the_ground_on_which_it_was_acquired() {
    let desk = Desk::open(&["203.0.113.77", "203.0.113.78", "203.0.113.79"]).await;
    let sensor = Sensor::new();
    sensor.keep(&some());
    // Beside what was kept of one's own network lies what another sensor acquired under two measures.
    let mut writer = noroshi_sift::store::RecordWriter::new(Vec::new()).unwrap();
    let record = |measure: &str, remote: &str| noroshi_evidence::mechanical::MechanicalRecord {
        selector_id: "kept".parse().unwrap(),
        selector_version: 1,
        measure_id: Some(measure.parse().unwrap()),
        ts: "2026-11-20T00:00:00Z".parse().unwrap(),
        src_ip: Some(remote.parse().unwrap()),
        dst_ip: Some("192.0.2.7".parse().unwrap()),
        src_port: None,
        dst_port: None,
        proto: None,
        bytes: None,
        packets: None,
        flow_start: None,
        flow_end: None,
        direction: noroshi_evidence::mechanical::Direction::ForeignToDomestic,
        retain_until: "2999-01-01T00:00:00Z".parse().unwrap(),
    };
    let agreed = vec![record("measure-7", "203.0.113.78"); 3];
    let approved = vec![record("measure-8", "203.0.113.79"); 4];
    writer.write(&[agreed, approved].concat()).unwrap();
    std::fs::write(sensor.path("out/records/9.parquet"), writer.finish().unwrap()).unwrap();
    // Of measure-8 a mandate says that it is none of an agreement; of measure-7 nobody says anything.
    let store = rusqlite::Connection::open(desk.test.dir.path().join("noroshi.db")).unwrap();
    store
        .execute(
            "INSERT INTO sift_mandate (id, digest, org, sensor, mode, measure, not_before, not_after, text, issued_by, issued_at) \
             VALUES ('m', 'd', ?1, 'another', 'foreign-to-domestic', 'measure-8', 't', 't', '{}', 'p', 't')",
            [&desk.operator],
        )
        .unwrap();
    let list = sensor.list(
        "ipv4,203.0.113.77,one,1\nipv4,203.0.113.78,two,1,,,measure-7\nipv4,203.0.113.79,three,1,,,measure-8\n",
    );
    assert!(sensor.hunt("run", &["--selectors", &list]).status.success());
    let done = desk.submit(&sensor, None).await;
    assert!(done.status.success(), "{}", said(&done));
    let of = |prefix: &str, count: u32| format!("{prefix}:{}/sensor-1 {count}", desk.operator);
    assert_eq!(desk.seen().await, [of("sift-agreement", 3), of("sift", 2), of("sift", 4)]);
}
