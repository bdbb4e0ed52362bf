//! Other tongues in and out: warning lists, vouching, tables, catalogues, pasted text, feeds.

use std::sync::Arc;

use noroshi::evidence::act::{Bundle, Imported};
use noroshi::evidence::lists::{self, Taken};
use noroshi::evidence::tongues::{Told, Tongue, bring_in, speak};
use noroshi::response::draft::judge_all;
use noroshi::sift::read::selectors;
use noroshi::web::refusal::Failure;
use noroshi_charter::hat::Hat;
use noroshi_codec::feed::Source;
use noroshi_codec::stix::encode_bundle;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::warning::{Kind, List, Speaks};
use serde_json::{Value, json};

use crate::evidence::{bundle, import, indicator};
use crate::house::{Someone, TestHouse, ask};

const CREATED: &str = "2026-11-01T00:00:00.000Z";

async fn house_and_analyst() -> (TestHouse, Someone) {
    let mut config = TestHouse::config();
    config.response.guard.allow_documentation_space = true;
    let test = TestHouse::open_with(tempfile::tempdir().unwrap(), config).await;
    let office = test.org("office", "office", None).await;
    let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
    (test, analyst)
}

fn list(version: u64, kind: Kind, entries: &[&str]) -> List {
    List {
        name: "Busy names".to_owned(),
        version,
        description: "names that much of the country uses".to_owned(),
        kind,
        speaks: Speaks::ALL,
        entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
    }
}

async fn load(test: &TestHouse, who: &Someone, list: List) -> Taken {
    lists::load(&test.house, &who.ctx, vec![list]).await.unwrap().remove(0).1
}

async fn selected(test: &TestHouse) -> (String, usize) {
    let (lists, now) = (test.house.lists.current(), test.house.clock.now());
    let list = test.house.store.read(move |reader| selectors(reader, &lists, now)).await.unwrap();
    (list.text, list.doubtful)
}

/// What the guard says: `pass`, or the reason.
fn guarded(test: &TestHouse, target: &str) -> String {
    let judged = judge_all(&test.house, std::iter::once(target)).remove(0);
    if judged.verdict == "pass" { "pass".to_owned() } else { judged.reasons.join("; ") }
}

async fn feed(test: &TestHouse) -> (Vec<String>, usize) {
    let (lists, now) = (test.house.lists.current(), test.house.clock.now());
    let source = Source::parse("release:1").unwrap();
    let read = move |reader: &noroshi::office::store::Reader<'_>| {
        lists::entries(reader, &lists, &source, now)
    };
    let feed = test.house.store.read(read).await.unwrap();
    (feed.entries.iter().map(|entry| entry.observable.to_string()).collect(), feed.doubtful)
}

#[tokio::test]
async fn a_doubtful_value_is_not_looked_for_and_not_blocked_until_somebody_vouches() {
    let (test, analyst) = house_and_analyst().await;
    let objects = [
        indicator(1, "[domain-name:value = 'busy.example']", CREATED),
        indicator(2, "[domain-name:value = 'evil.example']", CREATED),
        indicator(
            3,
            "[domain-name:value = 'a.example' AND domain-name:value = 'b.example']",
            CREATED,
        ),
    ];
    import(&test, &analyst, bundle(&objects)).await;
    assert_eq!(feed(&test).await, (vec!["busy.example".to_owned(), "evil.example".to_owned()], 0));
    assert_eq!(guarded(&test, "busy.example"), "pass");

    // Loaded afterwards: what is held already is judged anew.
    assert_eq!(
        load(&test, &analyst, list(2, Kind::Hostname, &["busy.example"])).await,
        Taken::Loaded
    );
    let (text, doubtful) = selected(&test).await;
    assert!(!text.contains("busy.example") && text.contains("evil.example"), "{text}");
    assert_eq!(doubtful, 1);
    assert_eq!(feed(&test).await, (vec!["evil.example".to_owned()], 1));
    let refused = guarded(&test, "www.busy.example");
    assert!(refused.contains("NRS-EVID-0315") && refused.contains("Busy names"), "{refused}");

    // Imported afterwards: marked on arrival, with the list and its entry as the reason.
    import(
        &test,
        &analyst,
        bundle(&[indicator(4, "[domain-name:value = 'x.busy.example']", CREATED)]),
    )
    .await;
    let id = "indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000004";
    let doubts = test.house.store.read(|reader| lists::doubts_of(reader, id)).await.unwrap();
    assert_eq!(doubts[0].lists, [("Busy names".to_owned(), "busy.example".to_owned())]);
    assert_eq!(doubts[0].vouched, None);

    // Without a reason, without a doubt, or by somebody else: no.
    let code = |failure: Failure| match failure {
        Failure::Refused(refusal) => refusal.code,
        Failure::Broken(problem) => panic!("{problem}"),
    };
    let vouch = async |who: &Someone, value: &str, reason: &str| {
        lists::vouch(&test.house, &who.ctx, value, reason).await.map(drop).map_err(code)
    };
    let other = test.org("police", "police", None).await;
    let requester = test.person("requester", &other, Hat::PoliceRequester).await;
    assert_eq!(vouch(&analyst, "x.busy.example", "  ").await, Err("NRS-EVID-0316"));
    assert_eq!(vouch(&analyst, "evil.example", "reason").await, Err("NRS-EVID-0317"));
    assert!(vouch(&requester, "x.busy.example", "reason").await.is_err());
    assert_eq!(
        vouch(&analyst, "X[.]busy[.]example", "the page itself serves the loader").await,
        Ok(())
    );
    assert_eq!(guarded(&test, "x.busy.example"), "pass");
    assert!(guarded(&test, "busy.example").contains("NRS-EVID-0315"), "only exactly that value");
    assert!(selected(&test).await.0.contains("x.busy.example"));
    let doubts = test.house.store.read(|reader| lists::doubts_of(reader, id)).await.unwrap();
    assert_eq!(doubts[0].vouched.as_ref().unwrap().1, "the page itself serves the loader");

    // A reader of the folder afterwards sees the same.
    let again = lists::Held::open(&test.house.store).unwrap();
    assert!(again.current().is_vouched(&"x.busy.example".parse().unwrap()));
    assert!(again.current().is_doubtful(&"busy.example".parse().unwrap()));
}

#[tokio::test]
async fn a_list_is_replaced_by_a_later_one_and_by_nothing_else() {
    let (test, analyst) = house_and_analyst().await;
    let first = list(2, Kind::Network, &["192.0.2.0/24"]);
    assert_eq!(load(&test, &analyst, first.clone()).await, Taken::Loaded);
    assert_eq!(load(&test, &analyst, first).await, Taken::Unchanged);
    assert_eq!(
        load(&test, &analyst, list(2, Kind::Network, &["198.51.100.1"])).await,
        Taken::Refused
    );
    assert_eq!(
        load(&test, &analyst, list(1, Kind::Network, &["198.51.100.1"])).await,
        Taken::Refused
    );
    assert!(guarded(&test, "192.0.2.7").contains("NRS-EVID-0315"));
    assert_eq!(
        load(&test, &analyst, list(3, Kind::Network, &["198.51.100.1"])).await,
        Taken::Loaded
    );
    assert_eq!(guarded(&test, "192.0.2.7"), "pass");
    assert!(
        guarded(&test, "198.51.100.0/24").contains("NRS-EVID-0315"),
        "it would take the address along"
    );
    lists::drop_list(&test.house, &analyst.ctx, "Busy names").await.unwrap();
    assert_eq!(guarded(&test, "198.51.100.1"), "pass");
    assert!(lists::drop_list(&test.house, &analyst.ctx, "Busy names").await.is_err());
}

async fn say(test: &TestHouse, who: &Someone, tongue: Tongue, bytes: &[u8]) -> Imported {
    let house = Arc::clone(&test.house);
    let now = house.clock.now();
    let spoken = speak(tongue, bytes, &Told::default(), "table", now).unwrap();
    let bundle = Bundle {
        bytes: axum::body::Bytes::new(),
        tlp: Some(Tlp::Green),
        class: LegalClass::CiaN,
        originator: "table".to_owned(),
    };
    let ctx = noroshi::office::ctx::Ctx { now, ..who.ctx.clone() };
    bring_in(&house, &ctx, spoken, bundle, tongue == Tongue::Veris).await.unwrap()
}

#[tokio::test]
async fn a_table_and_a_text_go_in_once_and_what_is_wrong_is_kept_with_its_place() {
    let (test, analyst) = house_and_analyst().await;
    let table = "value,type,indicator,valid_until,tlp,source\n\
                 203.0.113.9,ipv4-addr,,,TLP:AMBER,\nnothing,,,,,\nevil[.]example,domain-name,,,,\n";
    let done = say(&test, &analyst, Tongue::Csv, table.as_bytes()).await;
    assert_eq!((done.imported, done.quarantined.len()), (2, 1));
    assert_eq!((done.quarantined[0].index, done.quarantined[0].code), (Some(3), "NRS-CODC-0188"));
    let again = say(&test, &analyst, Tongue::Csv, table.as_bytes()).await;
    assert_eq!((again.imported, again.unchanged), (0, 2), "the same table says nothing new");
    let changed = table.replace("TLP:AMBER", "TLP:RED");
    let third = say(&test, &analyst, Tongue::Csv, changed.as_bytes()).await;
    assert_eq!(
        (third.imported, third.unchanged, third.conflicts.len()),
        (1, 1, 0),
        "a next version"
    );
    let text = "通信先はhxxp://c2[.]lantern[.]example/、次は198.51.100.77。setup.exeを実行。";
    let pasted = say(&test, &analyst, Tongue::Paste, text.as_bytes()).await;
    assert_eq!((pasted.imported, pasted.quarantined[0].code), (2, "NRS-EVID-0300"));
    let kept = test.house.store.read(|reader| {
        reader.number("SELECT COUNT(*) FROM evidence_aside WHERE source = 'import:table'", &[])
    });
    assert_eq!(kept.await.unwrap(), 2);
}

#[tokio::test]
async fn a_catalogue_that_is_released_again_makes_versions_of_what_changed_only() {
    let (test, analyst) = house_and_analyst().await;
    let entry = |number: u32, due: &str| {
        json!({
            "cveID": format!("CVE-2026-{number}"), "vendorProject": "Kiln", "product": "Oven",
            "vulnerabilityName": "Kiln Oven Injection", "dateAdded": "2026-10-01", "dueDate": due,
            "shortDescription": "commands", "requiredAction": "update", "notes": "", "cwes": [],
        })
    };
    let catalogue = |released: &str, entries: &[Value]| {
        json!({ "catalogVersion": "1", "dateReleased": released, "vulnerabilities": entries })
            .to_string()
    };
    let first = catalogue(
        "2026-10-02T00:00:00Z",
        &[entry(10001, "2026-10-22"), entry(10002, "2026-10-22")],
    );
    assert_eq!(say(&test, &analyst, Tongue::Kev, first.as_bytes()).await.imported, 2);
    let second = catalogue(
        "2026-10-03T00:00:00Z",
        &[entry(10001, "2026-10-22"), entry(10002, "2026-10-29")],
    );
    let done = say(&test, &analyst, Tongue::Kev, second.as_bytes()).await;
    assert_eq!((done.imported, done.unchanged), (1, 1));
}

#[tokio::test]
async fn every_kind_of_object_a_tongue_makes_is_one_the_import_takes() {
    let (test, analyst) = house_and_analyst().await;
    let incident = json!({
        "incident_id": "A-1", "schema_version": "1.3.7", "security_incident": "Confirmed", "summary": "a lost laptop",
        "actor": { "external": { "name": ["Silent Kiln"] } }, "action": { "error": { "variety": ["Loss"] } },
        "timeline": { "incident": { "year": 2025 } }, "ioc": [{ "indicator": "c2[.]lantern.example" }],
        "victim": { "victim_id": "Example Hospital", "industry": "622110", "country": ["JP"] },
    });
    let spoken = speak(
        Tongue::Veris,
        incident.to_string().as_bytes(),
        &Told::default(),
        "own",
        test.house.clock.now(),
    );
    let objects = spoken.unwrap().objects;
    let id = "bundle--6d0c1f4e-0a6c-4f0e-8f2b-2c3d0a7b1e11".parse().unwrap();
    let text = encode_bundle(&id, &objects).unwrap();
    let done = import(&test, &analyst, serde_json::from_str(&text).unwrap()).await;
    assert_eq!(done["imported"], objects.len(), "{done}");
    assert_eq!(done["quarantined"], json!([]));
    let again = say(&test, &analyst, Tongue::Veris, incident.to_string().as_bytes()).await;
    assert_eq!((again.imported, again.conflicts.len()), (0, 0));
}

#[tokio::test]
async fn lists_and_vouches_go_over_the_api() {
    let (test, analyst) = house_and_analyst().await;
    let post = async |path: &str, body: Value| {
        ask("POST", test.url(&format!("/api/v1{path}")), &analyst.token, Some(body)).await
    };
    let list = json!({ "name": "Busy names", "version": 3, "type": "hostname", "description": "", "list": ["busy.example"] });
    let (status, answer) = post("/evidence/lists", list.clone()).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(true)), "{answer}");
    assert_eq!(post("/evidence/lists", list).await.1["changed"], false);
    let older = json!({ "name": "Busy names", "version": 1, "type": "hostname", "description": "", "list": [] });
    assert_eq!(post("/evidence/lists", older).await.1["code"], "NRS-EVID-0314");
    assert_eq!(post("/evidence/lists", json!({ "name": "x" })).await.1["code"], "NRS-EVID-0318");
    import(
        &test,
        &analyst,
        bundle(&[indicator(9, "[domain-name:value = 'a.busy.example']", CREATED)]),
    )
    .await;
    let doubts = "/api/v1/evidence/objects/indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000009/doubts";
    let (_, told) = ask("GET", test.url(doubts), &analyst.token, None).await;
    assert_eq!(
        told[0]["lists"][0],
        json!({ "list": "Busy names", "entry": "busy.example" }),
        "{told}"
    );
    let vouch = json!({ "value": "a.busy.example", "reason": "seen in the sample" });
    assert_eq!(post("/evidence/vouches", vouch).await.0, 201);
    let (_, told) = ask("GET", test.url(doubts), &analyst.token, None).await;
    assert_eq!(told[0]["reason"], "seen in the sample");
    let (status, _) =
        ask("GET", test.url("/api/v1/evidence/objects/indicator--x/doubts"), &analyst.token, None)
            .await;
    assert_eq!(status, 404);
}
