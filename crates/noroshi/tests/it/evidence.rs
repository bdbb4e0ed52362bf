//! The evidence graph over HTTP: in, found, versioned, put aside, out.

use noroshi::evidence::act::{self, Terms};
use noroshi::office::clock::Clock;
use noroshi::office::ctx::Ctx;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::LegalClass;
use serde_json::{Value, json};

use crate::house::{Someone, TestHouse, ask};

const CREATED: &str = "2026-11-01T00:00:00.000Z";

pub(crate) fn indicator(number: u32, pattern: &str, modified: &str) -> Value {
    json!({
        "type": "indicator", "spec_version": "2.1", "id": format!("indicator--1b6ea7d9-2b0f-4f55-8f0a-{number:012}"),
        "created": CREATED, "modified": modified, "name": format!("灯籠の指令サーバー {number}"),
        "indicator_types": ["malicious-activity"], "pattern": pattern, "pattern_type": "stix",
        "valid_from": CREATED, "x_unknown_member": { "kept": ["as", 1.50, "received"] },
    })
}

pub(crate) fn bundle(objects: &[Value]) -> Value {
    json!({ "type": "bundle", "id": "bundle--6d0c1f4e-0a6c-4f0e-8f2b-2c3d0a7b1e11", "objects": objects })
}

pub(crate) async fn import(test: &TestHouse, who: &Someone, bundle: Value) -> Value {
    let url = test.url("/api/v1/evidence/bundles?tlp=amber&originator=allied-cert");
    let (status, answer) = ask("POST", url, &who.token, Some(bundle)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn get(test: &TestHouse, who: &Someone, path: &str) -> (u16, Value) {
    ask("GET", test.url(&format!("/api/v1{path}")), &who.token, None).await
}

async fn analyst(test: &TestHouse) -> Someone {
    let office = test.org("office", "office", None).await;
    test.person("analyst", &office, Hat::CaoAnalyst).await
}

#[tokio::test]
async fn a_bundle_goes_in_unharmed_is_found_and_changes_nothing_the_second_time() {
    let test = TestHouse::open().await;
    let analyst = analyst(&test).await;
    let malware = json!({
        "type": "malware", "spec_version": "2.1", "id": "malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c777",
        "created": CREATED, "modified": CREATED, "name": "灯籠ローダー", "is_family": true,
    });
    let relation = json!({
        "type": "relationship", "spec_version": "2.1", "id": "relationship--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c778",
        "created": CREATED, "modified": CREATED, "relationship_type": "indicates",
        "source_ref": "indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000001",
        "target_ref": "malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c777",
    });
    let first = indicator(1, "[ipv4-addr:value = '203.0.113.77']", CREATED);
    let whole = bundle(&[first.clone(), malware, relation]);
    let done = import(&test, &analyst, whole.clone()).await;
    assert_eq!((&done["imported"], &done["quarantined"]), (&json!(3), &json!([])), "{done}");
    let again = import(&test, &analyst, whole).await;
    assert_eq!((&again["imported"], &again["unchanged"]), (&json!(0), &json!(3)), "{again}");
    assert!(again["position"].is_null(), "nothing was written: {again}");

    // Found by a defanged address, by two letters of Japanese, by type; not by nonsense.
    for (query, count) in [
        ("?q=203%5B.%5D0%5B.%5D113%5B.%5D77", 1),
        ("?q=%E7%81%AF%E7%B1%A0", 2),
        ("?q=%E7%81%AF%E7%B1%A0&type=malware", 1),
        ("?q=nothing-like-that", 0),
        ("?q=%22%20OR%20%2A", 0),
    ] {
        let (status, page) = get(&test, &analyst, &format!("/evidence/objects{query}")).await;
        assert_eq!(
            (status, page["items"].as_array().unwrap().len()),
            (200, count),
            "{query}: {page}"
        );
    }
    let (_, one) =
        get(&test, &analyst, "/evidence/objects/indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000001")
            .await;
    assert_eq!(one["object"], first, "byte-faithful: unknown members stay");
    assert_eq!(one["observables"], json!(["203.0.113.77"]));
    assert_eq!(one["relations"][0]["name"], "灯籠ローダー", "{one}");
    assert_eq!((&one["tlp"], &one["originator"]), (&json!("amber"), &json!("allied-cert")));
}

#[tokio::test]
async fn versions_follow_each_other_and_a_contradiction_is_kept_aside() {
    let test = TestHouse::open().await;
    let analyst = analyst(&test).await;
    let old = indicator(2, "[domain-name:value = 'a.lantern.example']", CREATED);
    import(&test, &analyst, bundle(std::slice::from_ref(&old))).await;
    let newer =
        indicator(2, "[domain-name:value = 'b.lantern.example']", "2026-11-02T00:00:00.000Z");
    assert_eq!(import(&test, &analyst, bundle(std::slice::from_ref(&newer))).await["imported"], 1);
    let mut forged = old.clone();
    forged["name"] = json!("something else under the same version");
    let done = import(&test, &analyst, bundle(&[forged])).await;
    assert_eq!(
        (&done["imported"], done["conflicts"].as_array().unwrap().len()),
        (&json!(0), 1),
        "{done}"
    );
    let (_, one) =
        get(&test, &analyst, "/evidence/objects/indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000002")
            .await;
    assert_eq!(one["object"], newer, "the latest version is shown");
    assert_eq!(one["versions"].as_array().unwrap().len(), 2, "{one}");
    assert_eq!(one["conflicts"].as_array().unwrap().len(), 1, "{one}");
    // A revoked object is not listed, but counted.
    let mut revoked =
        indicator(2, "[domain-name:value = 'b.lantern.example']", "2026-11-03T00:00:00.000Z");
    revoked["revoked"] = json!(true);
    import(&test, &analyst, bundle(&[revoked])).await;
    let (_, page) = get(&test, &analyst, "/evidence/objects?type=indicator").await;
    assert_eq!(page["items"], json!([]), "{page}");
    let (_, page) = get(&test, &analyst, "/evidence/objects?type=indicator&hidden=true").await;
    assert_eq!(page["items"][0]["hidden"], true, "{page}");
}

fn malware(number: u32, modified: &str) -> Value {
    json!({
        "type": "malware", "spec_version": "2.1", "id": format!("malware--1b6ea7d9-2b0f-4f55-8f0b-{number:012}"),
        "created": CREATED, "modified": modified, "name": format!("灯籠ローダー {number}"), "is_family": true,
    })
}

fn indicates(number: u32) -> Value {
    let (indicator, malware) = (indicator(number, "x", CREATED), malware(number, CREATED));
    json!({
        "type": "relationship", "spec_version": "2.1", "id": format!("relationship--1b6ea7d9-2b0f-4f55-8f0c-{number:012}"),
        "created": CREATED, "modified": CREATED, "relationship_type": "indicates",
        "source_ref": indicator["id"], "target_ref": malware["id"],
    })
}

/// Identifiers with more than one node, and nodes with more than one latest version or none although they have some.
fn twofold(test: &TestHouse) -> Vec<String> {
    let twofold = "SELECT id FROM evidence_node GROUP BY id HAVING COUNT(*) > 1 UNION ALL \
        SELECT id FROM evidence_object GROUP BY node HAVING SUM(latest) <> 1 UNION ALL \
        SELECT id FROM evidence_node WHERE node NOT IN (SELECT node FROM evidence_slot)";
    test.house.store.read_now(|reader| reader.all(twofold, &[], |row| row.text(0))).unwrap()
}

#[tokio::test]
async fn what_is_named_before_it_comes_and_what_comes_twice_in_one_change_has_one_node() {
    let test = TestHouse::open().await;
    let analyst = analyst(&test).await;
    let later = "2026-11-02T00:00:00.000Z";
    let mut report = json!({
        "type": "report", "spec_version": "2.1", "id": "report--1b6ea7d9-2b0f-4f55-8f0d-000000000001",
        "created": CREATED, "modified": CREATED, "name": "Everything", "published": CREATED,
    });
    // A list so long that its nodes are written together: of what is named already, and of what comes behind it.
    report["object_refs"] =
        (0..1_500).map(|number| malware(number, CREATED)["id"].clone()).collect();
    let whole = [
        indicates(1),
        malware(1, later),
        malware(1, CREATED),
        malware(2, CREATED),
        report,
        malware(2, later),
        malware(3, CREATED),
        indicates(3),
        malware(3, later),
    ];
    let done = import(&test, &analyst, bundle(&whole)).await;
    assert_eq!((&done["imported"], &done["conflicts"]), (&json!(9), &json!([])), "{done}");
    assert_eq!(twofold(&test), Vec::<String>::new());
    for number in 1..=3 {
        let path =
            format!("/evidence/objects/{}", malware(number, CREATED)["id"].as_str().unwrap());
        let (_, one) = get(&test, &analyst, &path).await;
        assert_eq!(one["object"]["modified"], later, "{one}");
    }
    let again = import(&test, &analyst, bundle(&whole)).await;
    assert_eq!((&again["imported"], &again["unchanged"]), (&json!(0), &json!(9)), "{again}");
}

/// Whoever has read until now is told of what an import brings that began before.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_in_an_import_arrives_late() {
    struct Slow(std::io::Cursor<Vec<u8>>, Option<jiff::Timestamp>);
    impl std::io::Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.read(into)?;
            let ends = self.1.take_if(|_| read == 0);
            while ends.is_some_and(|began| Clock.now() <= began) {
                std::hint::spin_loop();
            }
            Ok(read)
        }
    }
    let test = TestHouse::open().await;
    let analyst = analyst(&test).await;
    let text = bundle(&[malware(1, CREATED)]).to_string().into_bytes();
    let terms = Terms { tlp: None, class: LegalClass::CiaN, originator: "allied-cert".to_owned() };
    let ctx = Ctx { now: Clock.now(), ..analyst.ctx.clone() };
    let slow = Slow(std::io::Cursor::new(text), Some(ctx.now));
    let done = act::import_from(&test.house, &ctx, slow, terms).await;
    assert_eq!(done.unwrap_or_else(|_| panic!("refused")).imported, 1);
    let later = "SELECT COUNT(*) FROM evidence_object WHERE arrived_at > $1";
    let later =
        test.house.store.read_now(|reader| reader.number(later, &[ctx.now.into()])).unwrap();
    assert_eq!(later, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_bring_at_the_same_time_comes_in_once() {
    let test = TestHouse::open().await;
    let analyst = analyst(&test).await;
    let (url, token) =
        (test.url("/api/v1/evidence/bundles?tlp=amber&originator=allied-cert"), &analyst.token);
    let brought = (0..6_u32).map(|who| {
        let (url, numbers) = (url.clone(), (0..400_u32).map(move |at| (at * 7 + who * 31) % 400));
        let objects: Vec<Value> = numbers
            .flat_map(|number| {
                let pattern = format!("[ipv4-addr:value = '203.0.113.{}']", number % 250);
                [indicates(number), malware(number, CREATED), indicator(number, &pattern, CREATED)]
            })
            .collect();
        async move { ask("POST", url, token, Some(bundle(&objects))).await }
    });
    let mut imported = 0;
    for (status, done) in futures_util::future::join_all(brought).await {
        assert_eq!((status, &done["conflicts"]), (200, &json!([])), "{done}");
        imported += done["imported"].as_u64().unwrap();
    }
    let held = "SELECT COUNT(*) FROM evidence_object";
    let held = test.house.store.read_now(|reader| reader.number(held, &[])).unwrap();
    assert_eq!((held, twofold(&test)), (1_200, Vec::new()));
    assert!(imported >= 1_200, "{imported}");
}

#[tokio::test]
async fn a_contradiction_is_told_to_those_who_decide_about_it_and_to_nobody_else() {
    let test = TestHouse::open().await;
    let analyst = analyst(&test).await;
    let mut readers = Vec::new();
    for (kind, hat) in [
        ("office", Hat::NcoAnalyst),
        ("police", Hat::PoliceRequester),
        ("defence", Hat::SdfRequester),
        ("office", Hat::Legal),
    ] {
        let org = test.org(hat.id(), kind, None).await;
        readers.push(test.person(hat.id(), &org, hat).await);
    }
    let held = indicator(2, "[domain-name:value = 'a.lantern.example']", CREATED);
    let bring = async |object: &Value, class: &str| {
        let url =
            format!("/api/v1/evidence/bundles?tlp=green&class={class}&originator=allied-cert");
        let body = Some(bundle(std::slice::from_ref(object)));
        let (status, done) = ask("POST", test.url(&url), &analyst.token, body).await;
        assert_eq!(status, 200, "{done}");
        done["conflicts"].as_array().unwrap().len()
    };
    assert_eq!(bring(&held, "CIA-N").await, 0);
    let path = "/evidence/objects/indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000002";
    for (told, class) in (1..).zip(["CIA-N", "CIA", "CIA-PM"]) {
        let mut other = held.clone();
        other["name"] = json!(format!("another under {class}"));
        assert_eq!(bring(&other, class).await, 1);
        let (_, one) = get(&test, &analyst, path).await;
        assert_eq!(one["conflicts"].as_array().unwrap().len(), told, "{one}");
        for reader in &readers {
            let (status, one) = get(&test, reader, path).await;
            assert_eq!((status, &one["conflicts"]), (200, &json!([])), "{class}: {one}");
        }
    }
}

#[tokio::test]
async fn one_bad_entry_costs_itself_and_the_rest_goes_in() {
    let test = TestHouse::open().await;
    let analyst = analyst(&test).await;
    let good = indicator(3, "[ipv4-addr:value = '203.0.113.3']", CREATED);
    let mut bad = indicator(4, "[ipv4-addr:value = '203.0.113.4']", CREATED);
    bad["created"] = json!("2026-02-31T00:00:00Z");
    let done = import(&test, &analyst, bundle(&[bad, good, json!(7)])).await;
    assert_eq!(done["imported"], 1, "{done}");
    assert_eq!(done["quarantined"].as_array().unwrap().len(), 2, "{done}");
    assert_eq!(done["quarantined"][0]["index"], 0);
    assert!(done["quarantined"][0]["code"].as_str().unwrap().starts_with("NRS-EVID-"), "{done}");
    // Hostile nesting and things that are no bundle are answered, not fallen over.
    let url = test.url("/api/v1/evidence/bundles");
    let deep = format!("{{\"type\":\"bundle\",\"objects\":[{}]}}", "[".repeat(100_000));
    for text in [deep, "[]".to_owned(), "{\"type\":\"bundle\"".to_owned()] {
        let (url, token) = (url.clone(), analyst.token.clone());
        let done = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut answer = agent
                .post(&url)
                .header("authorization", format!("Bearer {token}"))
                .send(text)
                .unwrap();
            (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
        })
        .await
        .unwrap();
        assert_eq!(done.0, 200, "{}", done.1);
        assert!(!done.1.contains("\"quarantined\":[]"), "{}", done.1);
    }
}

#[tokio::test]
async fn only_analysts_bring_evidence_in() {
    let test = TestHouse::open().await;
    let police = test.org("police", "police", None).await;
    let requester = test.person("requester", &police, Hat::PoliceRequester).await;
    let (status, said) =
        ask("POST", test.url("/api/v1/evidence/bundles"), &requester.token, Some(bundle(&[])))
            .await;
    assert_eq!((status, &said["code"]), (403, &json!("NRS-AUTH-0003")));
    let office = test.org("office", "office", None).await;
    let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
    let url = test.url("/api/v1/evidence/bundles?tlp=purple");
    let (status, said) = ask("POST", url, &analyst.token, Some(bundle(&[]))).await;
    assert_eq!((status, &said["code"]), (400, &json!("NRS-EVID-0100")), "{said}");
}

/// A slice of the published corpus: the first objects of the largest technique bundle found.
#[tokio::test]
async fn published_objects_go_in_and_are_found() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpora/attack-enterprise-21");
    let Some(file) = std::fs::read_dir(path).ok().and_then(|mut files| {
        files.find_map(|file| {
            file.ok()
                .map(|file| file.path())
                .filter(|path| path.extension().is_some_and(|e| e == "json"))
        })
    }) else {
        println!("corpora absent: skipped the published objects");
        return;
    };
    let whole: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let some: Vec<Value> =
        whole["objects"].as_array().unwrap().iter().step_by(25).cloned().collect();
    let count = some.len();
    let test = TestHouse::open().await;
    let analyst = analyst(&test).await;
    let done = import(&test, &analyst, bundle(&some)).await;
    let taken =
        done["imported"].as_u64().unwrap() + done["quarantined"].as_array().unwrap().len() as u64;
    assert_eq!(taken, count as u64, "{done}");
    assert!(done["imported"].as_u64().unwrap() > 900, "{}", done["imported"]);
    let (_, page) = get(&test, &analyst, "/evidence/objects?q=powershell").await;
    assert!(!page["items"].as_array().unwrap().is_empty(), "{page}");
}
