//! Selection: content has no way out of the command, and the platform takes only an unbroken chain.

use std::path::Path;
use std::process::{Command, Output};

use noroshi_charter::hat::Hat;
use noroshi_sift::sighting::{Committed, Sighting};
use serde_json::{Value, json};

use crate::evidence::{bundle, import, indicator};
use crate::house::{Someone, TestHouse, ask};

const MARKER: &str = "PLANTED-e7a1-CONTENT";
const CREATED: &str = "2026-11-01T00:00:00.000Z";

fn noroshi(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_noroshi")).args(arguments).output().unwrap()
}

fn run(dir: &Path, list: &str, more: &[&str], input: &Path) -> Output {
    let selectors = dir.join("selectors.txt");
    std::fs::write(&selectors, list).unwrap();
    let mut all = vec![
        "sift",
        "run",
        "--mode",
        "own-network",
        "--retention-days",
        "30",
        "--format",
        "json",
        "--own-network",
        "192.0.2.0/24",
        "--sensor",
        "sensor-1",
        "--selectors",
    ];
    let (selectors, out) = (selectors.display().to_string(), dir.join("out").display().to_string());
    all.extend([selectors.as_str(), "--out", out.as_str()]);
    all.extend(more);
    let input = input.display().to_string();
    all.push(&input);
    noroshi(&all)
}

/// Five EVE records of our network, one of them selected, every one carrying planted content; the last one is cut off.
fn telemetry() -> String {
    let mut text = String::new();
    for (number, remote) in
        ["203.0.113.77", "198.51.100.1", "198.51.100.2", "198.51.100.3"].iter().enumerate()
    {
        let event = json!({
            "timestamp": format!("2026-11-20T00:00:0{number}.000000+0000"), "flow_id": number, "event_type": "http",
            "src_ip": "192.0.2.10", "src_port": 50000, "dest_ip": remote, "dest_port": 80, "proto": "TCP",
            "http": { "hostname": format!("{MARKER}.example"), "url": format!("/{MARKER}"), "http_user_agent": MARKER,
                "http_refer": MARKER }, "payload_printable": MARKER, "x": { "y": [MARKER] },
        });
        text.push_str(&format!("{event}\n"));
    }
    text.push_str(&format!(
        "{{\"timestamp\":\"2026-11-20T00:00:09Z\",\"event_type\":\"http\",\"payload\":\"{MARKER}"
    ));
    text
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

#[test]
fn planted_content_is_nowhere_in_what_is_written_or_said() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    let output = run(dir.path(), "203.0.113.77\n", &[], &input);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&summary["counts"]["seen"], &summary["counts"]["kept"]),
        (&json!(5), &json!(1)),
        "{summary}"
    );
    assert_eq!(summary["counts"]["errors"], 1, "the record that was cut off is counted");
    assert_eq!(output.status.code(), Some(1), "and told by the exit status");
    let mut written = [output.stdout, output.stderr].concat();
    assert!(
        String::from_utf8_lossy(&written).contains("NRS-SIFT-01"),
        "the code of the unreadable record is said"
    );
    every_byte_below(&dir.path().join("out"), &mut written);
    assert!(
        written.windows(12).any(|bytes| bytes == b"203.0.113.77"),
        "the selector that matched is there"
    );
    for needle in [MARKER.as_bytes(), b"PLANTED", &MARKER.to_lowercase().into_bytes()] {
        assert!(!written.windows(needle.len()).any(|bytes| bytes == needle), "content came out");
    }
}

#[test]
fn certificates_of_a_folder_are_a_chain() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    for sequence in 0..3 {
        let output = run(dir.path(), "203.0.113.77\n", &[], &input);
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["sequence"], sequence, "{summary}");
    }
    let read = |number: u64| -> noroshi_sift::certificate::Certificate {
        let path = dir.path().join("out").join(format!("certificate-{number}.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    assert!(read(1).follows(&read(0)) && read(2).follows(&read(1)) && read(2).balances());
}

/// The figures are those of a real selection of the same input; only nothing is left of it.
#[test]
fn what_is_only_counted_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    let real: Value =
        serde_json::from_slice(&run(dir.path(), "203.0.113.77\n", &[], &input).stdout).unwrap();
    let selectors = dir.path().join("selectors.txt").display().to_string();
    let input = input.display().to_string();
    let before = std::fs::read_dir(dir.path()).unwrap().count();
    let output = Command::new(env!("CARGO_BIN_EXE_noroshi"))
        .current_dir(dir.path())
        .args([
            "sift",
            "run",
            "--mode",
            "own-network",
            "--retention-days",
            "30",
            "--format",
            "json",
        ])
        .args(["--own-network", "192.0.2.0/24", "--selectors", &selectors, "--dry-run", &input])
        .output()
        .unwrap();
    let counted: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&counted["counts"], &counted["sightings"]), (&real["counts"], &real["sightings"]));
    assert_eq!((&counted["certificate"], &counted["digest"]), (&Value::Null, &Value::Null));
    assert_eq!(output.status.code(), Some(1), "the record that was cut off is told all the same");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), before, "nothing was written");
    // Beside the folder of the sensor too.
    let mut bytes = Vec::new();
    every_byte_below(&dir.path().join("out"), &mut bytes);
    let again = run(dir.path(), "203.0.113.77\n", &["--dry-run"], Path::new(&input));
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["counts"], &again["certificate"]), (&real["counts"], &Value::Null));
    let mut after = Vec::new();
    every_byte_below(&dir.path().join("out"), &mut after);
    assert_eq!(after, bytes, "nothing was written there");
}

/// It would have given the number away again, and what that one covers would have been removed.
#[test]
fn what_is_certified_is_not_overwritten_by_naming_an_older_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    for _ in 0..2 {
        run(dir.path(), "203.0.113.77\n", &[], &input);
    }
    let mut before = Vec::new();
    every_byte_below(&dir.path().join("out"), &mut before);
    let first = dir.path().join("first.json");
    std::fs::copy(dir.path().join("out/certificate-0.json"), &first).unwrap();
    let first = first.display().to_string();
    let refused = run(dir.path(), "203.0.113.77\n", &["--previous", &first], &input);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("NRS-SIFT-0121"), "{said}");
    let mut after = Vec::new();
    every_byte_below(&dir.path().join("out"), &mut after);
    assert!(before == after, "nothing was touched");
    // In an empty folder the chain goes on.
    std::fs::remove_dir_all(dir.path().join("out")).unwrap();
    let next = run(dir.path(), "203.0.113.77\n", &["--previous", &first], &input);
    let next: Value = serde_json::from_slice(&next.stdout).unwrap();
    assert_eq!(next["sequence"], 1, "{next}");
    // And what it begins with is what is handed in first.
    let out = dir.path().join("out").display().to_string();
    let token = dir.path().join("token");
    std::fs::write(&token, "token").unwrap();
    let token = token.display().to_string();
    let nobody = ["sift", "submit", "--to", "http://127.0.0.1:1", "--token-file", &token, &out];
    let submitted = noroshi(&nobody);
    assert_eq!(submitted.status.code(), Some(3), "it asks the platform, which is not there");
}

/// All is one's own where nobody said what is, also when it is looked through again.
#[test]
fn what_was_selected_without_own_networks_is_replayed_without_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(dir.path().join("eve.json"), telemetry()).unwrap();
    std::fs::write(dir.path().join("list.txt"), "203.0.113.77\n").unwrap();
    let (list, input, out) = (path("list.txt"), path("eve.json"), path("out"));
    let mut run = vec!["sift", "run", "--mode", "own-network", "--retention-days", "30"];
    run.extend(["--selectors", &list, "--out", &out, &input]);
    let ran = noroshi(&run);
    assert!(ran.status.success() || ran.status.code() == Some(1));
    let certificate = path("out/certificate-0.json");
    let replayed = noroshi(&[
        "sift",
        "replay",
        "--format",
        "plain",
        "--certificate",
        &certificate,
        "--selectors",
        &list,
        &input,
    ]);
    let said = String::from_utf8_lossy(&replayed.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&replayed.stdout).lines().next(), Some("equal"), "{said}");
}

#[test]
fn a_clock_set_back_leaves_a_chain_that_holds() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    run(dir.path(), "203.0.113.77\n", &[], &input);
    let path = |number: u64| dir.path().join("out").join(format!("certificate-{number}.json"));
    let read = |number: u64| -> noroshi_sift::certificate::Certificate {
        serde_json::from_slice(&std::fs::read(path(number)).unwrap()).unwrap()
    };
    // As if the clock had been so many seconds ahead when it was written.
    let write_ahead = |seconds: i64| {
        let mut certificate = read(0);
        let ahead = jiff::SignedDuration::from_secs(seconds);
        certificate.finished_at = jiff::Timestamp::now() + ahead;
        std::fs::write(path(0), serde_json::to_vec(&certificate).unwrap()).unwrap();
        certificate
    };
    let refused = {
        write_ahead(3_600);
        run(dir.path(), "203.0.113.77\n", &[], &input)
    };
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("NRS-SIFT-0122"));
    assert!(!path(1).try_exists().unwrap());
    let first = write_ahead(300);
    run(dir.path(), "203.0.113.77\n", &[], &input);
    let second = read(1);
    assert_eq!((second.started_at, second.finished_at), (first.finished_at, first.finished_at));
    assert!(second.follows(&first) && second.balances());
}

/// What numbers of exports say was lost on the way is no record; it is said, and stands in the summary.
#[test]
fn what_was_lost_on_the_way_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let datagram = |sequence: u32| {
        let mut datagram = vec![0, 5, 0, 1];
        datagram.extend([60_000_u32, 1_790_000_000, 0, sequence, 0].map(u32::to_be_bytes).concat());
        datagram.extend([192, 0, 2, 10, 203, 0, 113, 77, 0, 0, 0, 0, 0, 0, 0, 0]);
        datagram.extend([2_u32, 900, 50_000, 59_000].map(u32::to_be_bytes).concat());
        datagram.extend([4000_u16, 443].map(u16::to_be_bytes).concat());
        datagram.extend([0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        datagram
    };
    let input = dir.path().join("flows.bin");
    std::fs::write(&input, [datagram(1), datagram(8)].concat()).unwrap();
    let output = run(dir.path(), "203.0.113.77\n", &[], &input);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["counts"]["kept"], 2, "{summary}");
    assert_eq!(summary["noted"]["export_records_lost"], 6, "{summary}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("NRS-SIFT-0120") && said.contains("export records lost 6"), "{said}");
}

#[test]
fn statutory_modes_are_locked_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    std::fs::write(dir.path().join("selectors.txt"), "203.0.113.77\n").unwrap();
    let (list, out) = (dir.path().join("selectors.txt"), dir.path().join("out"));
    for mode in
        ["party-agreement", "foreign-to-foreign", "foreign-to-domestic", "domestic-to-foreign"]
    {
        let output = noroshi(&[
            "sift",
            "run",
            "--mode",
            mode,
            "--retention-days",
            "30",
            "--own-network",
            "192.0.2.0/24",
            "--selectors",
            &list.display().to_string(),
            "--out",
            &out.display().to_string(),
            &input.display().to_string(),
        ]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("NRS-SIFT-0001") && said.contains("Act No. 42 of 2025"), "{said}");
        assert!(!out.try_exists().unwrap(), "nothing was even opened");
    }
}

async fn selectors(test: &TestHouse, who: &Someone) -> String {
    let (status, text) = ask("GET", test.url("/api/v1/sift/selectors"), &who.token, None).await;
    assert_eq!(status, 200, "{text}");
    text.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_sensor_saw_reaches_the_graph_and_its_chain_the_log() {
    let test = TestHouse::open().await;
    let office = test.org("office", "office", None).await;
    let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
    let operator = test.org("operator", "operator", Some("energy")).await;
    let sensor = test.person("sensor-1", &operator, Hat::OperatorSensor).await;
    let mut ended = indicator(9, "[ipv4-addr:value = '203.0.113.9']", CREATED);
    ended["valid_until"] = json!("2026-11-02T00:00:00.000Z");
    let wanted = indicator(1, "[ipv4-addr:value = '203.0.113.77']", CREATED);
    import(&test, &analyst, bundle(&[wanted, ended])).await;
    let list = selectors(&test, &sensor).await;
    assert!(
        list.contains("203.0.113.77") && !list.contains("203.0.113.9\n"),
        "what has ended is not looked for: {list}"
    );

    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    run(dir.path(), &list, &[], &input);
    run(dir.path(), &list, &[], &input);
    std::fs::write(dir.path().join("token"), &sensor.token).unwrap();
    let (to, token, out) = (test.url(""), dir.path().join("token"), dir.path().join("out"));
    let submit = move || {
        noroshi(&[
            "sift",
            "submit",
            "--format",
            "json",
            "--to",
            &to,
            "--token-file",
            &token.display().to_string(),
            &out.display().to_string(),
        ])
    };
    let output = tokio::task::spawn_blocking(submit).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(sent["submitted"].as_array().unwrap().len(), 2, "{sent}");

    let (status, page) =
        ask("GET", test.url("/api/v1/sift/certificates"), &analyst.token, None).await;
    assert_eq!((status, page["items"].as_array().unwrap().len()), (200, 2), "{page}");
    assert_eq!(page["items"][0]["into_graph"], 1, "{page}");
    let (_, seen) =
        ask("GET", test.url("/api/v1/evidence/objects?type=sighting"), &analyst.token, None).await;
    assert_eq!(seen["items"].as_array().unwrap().len(), 2, "{seen}");
    assert_eq!(seen["items"][0]["class"], "CIA", "what stems from communications is marked so");
    chain_is_guarded(&test, &sensor, dir.path()).await;
}

/// That something was looked for that only a report knows tells of the report: the sighting is for its readers.
#[tokio::test]
async fn a_sighting_of_what_only_a_report_knows_is_for_readers_of_reports() {
    use crate::graph::new_object;
    use noroshi::evidence::read::{self, Filter, Sees};
    use noroshi::evidence::rows;
    use noroshi::office::commit::Change;

    let test = TestHouse::open().await;
    let operator = test.org("operator", "operator", Some("energy")).await;
    let sensor = test.person("sensor-1", &operator, Hat::OperatorSensor).await;
    let of =
        |number, value: &str| indicator(number, &format!("[ipv4-addr:value = '{value}']"), CREATED);
    let objects = [
        new_object(&of(1, "203.0.113.77"), "intake:report-x"),
        new_object(&of(2, "198.51.100.1"), "import:allied-cert"),
    ];
    let mut change = Change::new("test", "x", rows::fact("test", &objects));
    change.writes = rows::insert_objects(&objects, sensor.ctx.now);
    test.house.door.commit(&sensor.ctx, change).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    run(dir.path(), "203.0.113.77\n198.51.100.1\n", &[], &input);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(dir.path().join("out").join(name)).unwrap()).unwrap()
    };
    let whole =
        json!({ "certificate": read("certificate-0.json"), "sightings": read("sightings/0.json") });
    let url = test.url("/api/v1/sift/certificates");
    let (status, said) = ask("POST", url, &sensor.token, Some(whole)).await;
    assert_eq!(status, 201, "{said}");
    let filter = Filter { kind: "sighting".to_owned(), ..Filter::default() };
    let found = test.house.store.read_now(|reader| read::list(reader, Sees::ALL, &filter, None, 9));
    let told: Vec<(bool, bool)> = found
        .unwrap()
        .rows
        .into_iter()
        .map(|row| (row.from_report, row.source.starts_with("sift-report:")))
        .collect();
    assert!(
        told.contains(&(true, true)) && told.contains(&(false, false)) && told.len() == 2,
        "{told:?}"
    );
}

/// Who hands in for a sensor may not choose what it saw.
#[tokio::test]
async fn sightings_that_the_certificate_does_not_commit_to_are_not_taken() {
    let test = TestHouse::open().await;
    let operator = test.org("operator", "operator", Some("energy")).await;
    let sensor = test.person("sensor-1", &operator, Hat::OperatorSensor).await;
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    std::fs::write(&input, telemetry()).unwrap();
    run(dir.path(), "203.0.113.77\n198.51.100.1\n", &[], &input);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(dir.path().join("out").join(name)).unwrap()).unwrap()
    };
    let (whole, sightings) = (read("certificate-0.json"), read("sightings/0.json"));
    let post = async |certificate: &Value, sightings: &Value| {
        let body = json!({ "certificate": certificate, "sightings": sightings });
        ask("POST", test.url("/api/v1/sift/certificates"), &sensor.token, Some(body)).await
    };
    let (mut less, mut other) = (sightings.clone(), sightings.clone());
    less.as_array_mut().unwrap().pop();
    other[0]["value"] = json!("203.0.113.78");
    for changed in [&less, &other, &json!([])] {
        let (status, refused) = post(&whole, changed).await;
        assert_eq!((status, refused["code"].as_str()), (422, Some("NRS-SIFT-0312")), "{refused}");
    }
    // What may not be kept any longer is not there to be handed in.
    let mut over = whole.clone();
    for time in ["started_at", "finished_at"] {
        over[time] = json!("2020-01-01T00:00:00Z");
    }
    let (status, taken) = post(&over, &json!([])).await;
    assert_eq!((status, &taken["sightings"]), (201, &json!(0)), "{taken}");
    let mut next = whole;
    next["sequence"] = json!(1);
    next["previous"] = answer_digest(&over);
    assert_eq!(post(&next, &sightings).await.0, 201);
}

async fn chain_is_guarded(test: &TestHouse, sensor: &Someone, dir: &Path) {
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(dir.join("out").join(name)).unwrap()).unwrap()
    };
    let url = || test.url("/api/v1/sift/certificates");
    let (first, sightings) = (read("certificate-0.json"), read("sightings/0.json"));
    let whole = json!({ "certificate": first, "sightings": sightings });
    let (status, again) = ask("POST", url(), &sensor.token, Some(whole)).await;
    assert_eq!(status, 200, "the same one again changes nothing: {again}");
    let refuse = async |change: &dyn Fn(&mut Value), status: u16, code: &str| {
        let mut certificate = read("certificate-1.json");
        change(&mut certificate);
        let body = json!({ "certificate": certificate, "sightings": read("sightings/1.json") });
        let (found, said) = ask("POST", url(), &sensor.token, Some(body)).await;
        assert_eq!((found, said["code"].as_str()), (status, Some(code)), "{said}");
    };
    refuse(&|it| it["tally"]["seen"] = json!(6), 422, "NRS-SIFT-0301").await;
    refuse(&|it| it["sequence"] = json!(7), 409, "NRS-SIFT-0304").await;
    refuse(&|it| it["retention_days"] = json!(31), 409, "NRS-SIFT-0303").await;
    refuse(
        &|it| {
            it["sequence"] = json!(2);
            it["previous"] = json!("00".repeat(32));
        },
        409,
        "NRS-SIFT-0303",
    )
    .await;
    refuse(&|it| it["finished_at"] = json!("2039-01-01T00:00:00Z"), 422, "NRS-SIFT-0302").await;
    // What was selected in one's own network cannot be relabelled: its rules are not those of another mode.
    refuse(&|it| it["mode"] = json!("foreign-to-foreign"), 422, "NRS-SIFT-0301").await;
}

/// As much as a sensor may write is taken: times of records that lie ahead, thousands of sightings, long deletions.
#[tokio::test]
async fn whatever_a_sensor_can_write_the_platform_takes() {
    let test = TestHouse::open().await;
    let operator = test.org("operator", "operator", Some("energy")).await;
    let sensor = test.person("sensor-1", &operator, Hat::OperatorSensor).await;
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("eve.json");
    let ahead = telemetry().replace("2026-11-20", "2091-11-20");
    std::fs::write(&input, ahead).unwrap();
    run(dir.path(), "203.0.113.77\n", &[], &input);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(dir.path().join("out").join(name)).unwrap()).unwrap()
    };
    let certificate = read("certificate-0.json");
    assert!(certificate["records_to"].as_str().unwrap().starts_with("2091"), "{certificate}");
    let one = read("sightings/0.json")[0].clone();
    let many: Vec<Value> = (0..9_000)
        .map(|number| {
            let mut sighting = one.clone();
            let value = format!("10.{}.{}.1", number / 256, number % 256);
            sighting["selector_id"] = json!(format!("indicator--{number:0100}"));
            sighting["value"] = json!(value);
            sighting
        })
        .collect();
    let mut certificate = certificate;
    let list: Vec<Sighting> = serde_json::from_value(json!(many)).unwrap();
    certificate["sightings"] = json!(Committed::to(&list).unwrap());
    let body = json!({ "certificate": certificate, "sightings": many });
    assert!(body.to_string().len() > 1 << 21);
    let url = test.url("/api/v1/sift/certificates");
    let (status, answer) = ask("POST", url, &sensor.token, Some(body)).await;
    assert_eq!(status, 201, "{answer}");
    // A deletion that is false is refused for that, and not for its length.
    let file = json!({
        "sequence": 0, "certificate": answer_digest(&certificate), "path": "records/0.parquet", "rows": 1,
        "rows_root": certificate["rows_root"], "retain_until": "2026-01-01T00:00:00Z", "why": "retention-over",
        "found": true,
    });
    let deletion = json!({
        "form": "noroshi-deletion/1", "sensor": "sensor-1", "sequence": 1,
        "previous": answer_digest(&certificate), "deleted_at": "2026-11-23T00:00:00Z",
        "program": certificate["program"], "files": vec![file; 10_000],
    });
    assert!(deletion.to_string().len() > 1 << 21);
    let url = test.url("/api/v1/sift/deletions");
    let (status, answer) = ask("POST", url, &sensor.token, Some(deletion)).await;
    assert_eq!((status, &answer["code"]), (422, &json!("NRS-SIFT-0309")), "{answer}");
}

fn answer_digest(certificate: &Value) -> Value {
    let certificate: noroshi_sift::certificate::Certificate =
        serde_json::from_value(certificate.clone()).unwrap();
    json!(certificate.digest().unwrap())
}
