//! The analyst's desk: what stands around a thing, hypotheses, notes, what is one, what is watched, techniques.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use noroshi::analyse::watch::jobs;
use noroshi::analyse::watch::news::{Eyes, Whose};
use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi::office::store::Reader;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use crate::evidence::{bundle, import};
use crate::house::{Someone, TestHouse, ask, pause};

const CREATED: &str = "2026-11-01T00:00:00.000Z";

async fn get(test: &TestHouse, who: &Someone, path: &str) -> (u16, Value) {
    ask("GET", test.url(&format!("/api/v1{path}")), &who.token, None).await
}

async fn post(test: &TestHouse, who: &Someone, path: &str, body: Value) -> (u16, Value) {
    ask("POST", test.url(&format!("/api/v1{path}")), &who.token, Some(body)).await
}

/// Posts what must be taken; gives the identifier that was made.
async fn made(test: &TestHouse, who: &Someone, path: &str, body: Value) -> String {
    let (status, said) = post(test, who, path, body).await;
    assert_eq!(status, 201, "{path}: {said}");
    said["id"].as_str().unwrap_or_default().to_owned()
}

async fn refused(test: &TestHouse, who: &Someone, path: &str, body: Value, code: &str) {
    let (status, said) = post(test, who, path, body).await;
    assert!(status >= 400, "{path} was taken: {said}");
    assert_eq!(said["code"], code, "{path}: {said}");
}

fn id(kind: &str, number: usize) -> String {
    format!("{kind}--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}")
}

fn thing(kind: &str, number: usize, name: &str) -> Value {
    thing_of(kind, number, name, CREATED)
}

fn thing_of(kind: &str, number: usize, name: &str, modified: &str) -> Value {
    let mut object = json!({
        "type": kind, "spec_version": "2.1", "id": id(kind, number), "created": CREATED, "modified": modified,
        "name": name,
    });
    if kind == "malware" {
        object["is_family"] = json!(true);
    }
    object
}

fn edge(number: usize, relation: &str, from: &str, to: &str) -> Value {
    edge_of(number, relation, from, to, CREATED)
}

fn edge_of(number: usize, relation: &str, from: &str, to: &str, modified: &str) -> Value {
    json!({
        "type": "relationship", "spec_version": "2.1", "id": id("relationship", number), "created": CREATED,
        "modified": modified, "relationship_type": relation, "source_ref": from, "target_ref": to,
    })
}

struct Desk {
    test: TestHouse,
    analyst: Someone,
    nco: Someone,
    officer: Someone,
}

impl Desk {
    async fn open() -> Self {
        let test = TestHouse::open().await;
        let office = test.org("office", "office", None).await;
        let other = test.org("other office", "office", None).await;
        let operator = test.org("operator", "operator", Some("energy")).await;
        let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
        let nco = test.person("nco", &other, Hat::NcoAnalyst).await;
        let officer = test.person("officer", &operator, Hat::OperatorOfficer).await;
        Self { test, analyst, nco, officer }
    }

    async fn hold(&self, objects: &[Value]) {
        let done = import(&self.test, &self.analyst, bundle(objects)).await;
        assert_eq!(done["quarantined"], json!([]), "{done}");
    }

    /// Objects that stem from a statutory report: not for the other office.
    async fn hold_from_report(&self, objects: &[Value]) {
        self.hold_as(objects, Tlp::Amber, "intake:report-0").await;
    }

    async fn hold_as(&self, objects: &[Value], tlp: Tlp, source: &str) {
        let objects: Vec<NewObject> = objects
            .iter()
            .map(|object| NewObject {
                object: StixObject::parse(&object.to_string()).unwrap(),
                tlp,
                class: LegalClass::CiaN,
                originator: "operator".to_owned(),
                source: source.to_owned(),
            })
            .collect();
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.test.house.clock.now());
        self.test.house.door.commit(&self.analyst.ctx, change).await.unwrap();
    }

    async fn case(&self, members: &[String]) -> String {
        let body = json!({ "title": "架空合同事案", "members": members });
        made(&self.test, &self.analyst, "/cases", body).await
    }

    /// What nobody may tell apart: something that is not there, and something that is not for the caller.
    async fn is_absent(&self, who: &Someone, path: &str, absent: &str) {
        let (status, mut there) = get(&self.test, who, path).await;
        let (_, mut nowhere) = get(&self.test, who, absent).await;
        assert_eq!(status, 404, "{path}: {there}");
        for answer in [&mut there, &mut nowhere] {
            answer["instance"] = Value::Null;
        }
        assert_eq!(there, nowhere, "{path}");
    }
}

/// A chain of statements is followed to its end, because none is made that is longer than what is followed.
#[tokio::test]
async fn a_chain_of_statements_has_an_end_that_is_reached() {
    let desk = Desk::open().await;
    let (test, analyst) = (&desk.test, &desk.analyst);
    let things: Vec<Value> =
        (0..40).map(|at| thing("malware", 100 + at, &format!("m{at}"))).collect();
    desk.hold(&things).await;
    let name = |at: usize| id("malware", 100 + at);
    let merge = |at: usize| json!({ "one": name(at), "into": name(at + 1), "reason": "同じ活動" });
    for at in 0..32 {
        made(test, analyst, "/analyse/merges", merge(at)).await;
    }
    refused(test, analyst, "/analyse/merges", merge(32), "NRS-ANAL-0104").await;
    let found = test.house.store.read_now(|reader| {
        noroshi::analyse::merge::canonical(reader, noroshi::evidence::read::Sees::ALL, &name(0))
    });
    assert_eq!(found.unwrap(), name(32));
}

/// Only what a report leads can be a group that is no object: nothing else asks for the whole correlation.
#[tokio::test]
async fn a_graph_of_nothing_is_absent() {
    let desk = Desk::open().await;
    for of in ["nothing", "report-0", "case-0"] {
        let path = format!("/analyse/graph?of={of}");
        let (status, said) = get(&desk.test, &desk.analyst, &path).await;
        assert_eq!(status, 404, "{path}: {said}");
    }
}

fn marks(graph: &Value) -> Vec<&str> {
    graph["marks"].as_array().unwrap().iter().filter_map(|mark| mark["id"].as_str()).collect()
}

#[tokio::test]
async fn a_hub_is_drawn_in_few_marks_and_says_exactly_what_is_not_shown() {
    let desk = Desk::open().await;
    let hub = id("malware", 1);
    let mut objects = vec![thing("malware", 1, "灯籠ローダー"), thing("campaign", 2, "灯籠作戦")];
    objects.push(edge(1_000, "uses", &id("campaign", 2), &hub));
    for number in 0..300 {
        let address = format!("indicator--1b6ea7d9-2b0f-4f55-8f0b-{number:012x}");
        objects.push(json!({
            "type": "indicator", "spec_version": "2.1", "id": address, "created": CREATED, "modified": CREATED,
            "pattern": format!("[domain-name:value = 'h{number}.lantern.example']"), "pattern_type": "stix",
            "valid_from": CREATED, "name": format!("h{number}"),
        }));
        objects.push(edge(2_000 + number, "indicates", &address, &hub));
    }
    let mut late = thing("tool", 3, "後から");
    late["modified"] = json!(CREATED);
    objects.push(late);
    objects.push(edge_of(3_000, "uses", &hub, &id("tool", 3), "2026-11-20T00:00:00.000Z"));
    desk.hold(&objects).await;

    let path = format!("/analyse/graph?of={hub}&budget=10");
    let (status, graph) = get(&desk.test, &desk.analyst, &path).await;
    assert_eq!(status, 200, "{graph}");
    let (campaign, tool) = (id("campaign", 2), id("tool", 3));
    let drawn = marks(&graph);
    assert!(drawn.contains(&campaign.as_str()) && drawn.contains(&tool.as_str()), "{drawn:?}");
    assert!(drawn.len() + graph["bundles"].as_array().unwrap().len() <= 10, "{graph}");
    assert_eq!(graph["hidden"]["bundled"], json!({ "indicator": 300 }), "{graph}");
    assert_eq!(graph["bundles"][0]["count"], 300, "{graph}");
    assert_eq!(graph["types"], json!({ "campaign": 1, "indicator": 300, "tool": 1 }), "{graph}");
    let (_, again) = get(&desk.test, &desk.analyst, &path).await;
    assert_eq!(graph["marks"], again["marks"], "the same question, the same answer");

    // Opened, the bundle gives its first members; the rest stays counted.
    let key = graph["bundles"][0]["key"].as_str().unwrap();
    let (_, opened) = get(&desk.test, &desk.analyst, &format!("{path}&open={key}")).await;
    assert_eq!(opened["hidden"]["bundled"], json!({ "indicator": 240 }), "{opened}");
    // Filters leave out by type and by day, and say how many.
    let (_, only) = get(&desk.test, &desk.analyst, &format!("{path}&type=campaign")).await;
    assert_eq!(only["hidden"]["filtered"], json!({ "indicator": 300, "tool": 1 }), "{only}");
    let (_, later) = get(&desk.test, &desk.analyst, &format!("{path}&from=2026-11-15")).await;
    assert_eq!(marks(&later), [hub.as_str(), tool.as_str()], "{later}");
    let (_, none) = get(&desk.test, &desk.analyst, &format!("{path}&tlp=green")).await;
    assert_eq!(marks(&none), [hub.as_str()], "everything here is amber: {none}");
    for (bad, code) in [
        ("&tlp=purple", "NRS-ANAL-0106"),
        ("&from=yesterday", "NRS-ANAL-0107"),
        ("&hops=many", "NRS-ANAL-0108"),
    ] {
        let (status, said) = get(&desk.test, &desk.analyst, &format!("{path}{bad}")).await;
        assert_eq!((status, said["code"].as_str()), (422, Some(code)), "{bad}");
    }

    // The table leads through every edge, none twice.
    let mut seen = std::collections::BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/analyse/graph/edges?of={hub}&limit=77{cursor}");
        let (status, page) = get(&desk.test, &desk.analyst, &path).await;
        assert_eq!(status, 200, "{page}");
        for edge in page["items"].as_array().unwrap() {
            assert!(seen.insert(edge["via"].as_str().unwrap().to_owned()), "{edge}");
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 302);
    assert_eq!(get(&desk.test, &desk.officer, &path).await.0, 403, "an operator reads no evidence");
}

#[tokio::test]
async fn what_stems_from_a_report_is_in_nobodys_graph_but_the_readers_of_reports() {
    let desk = Desk::open().await;
    let (open, closed) = (id("malware", 1), id("indicator", 7));
    desk.hold(&[thing("malware", 1, "灯籠ローダー")]).await;
    let mut indicator = thing("indicator", 7, "秘");
    indicator["pattern"] = json!("[domain-name:value = 'secret.lantern.example']");
    indicator["pattern_type"] = json!("stix");
    indicator["valid_from"] = json!(CREATED);
    desk.hold_from_report(&[indicator, edge(9, "indicates", &closed, &open)]).await;
    let path = format!("/analyse/graph?of={open}");
    let (_, all) = get(&desk.test, &desk.analyst, &path).await;
    assert_eq!(marks(&all), [open.as_str(), closed.as_str()], "{all}");
    let (_, theirs) = get(&desk.test, &desk.nco, &path).await;
    assert_eq!(marks(&theirs), [open.as_str()], "{theirs}");
    assert!(!theirs.to_string().contains(&closed), "{theirs}");
    let hidden = &theirs["hidden"];
    assert_eq!((&hidden["absent"], &hidden["bundled"]), (&json!(0), &json!({})), "{theirs}");
    let nowhere = id("indicator", 999);
    for place in ["graph?of=", "graph/edges?of="] {
        desk.is_absent(
            &desk.nco,
            &format!("/analyse/{place}{closed}"),
            &format!("/analyse/{place}{nowhere}"),
        )
        .await;
    }
    for place in ["notes", "merges", "candidates"] {
        let (there, absent) = (
            format!("/analyse/objects/{closed}/{place}"),
            format!("/analyse/objects/{nowhere}/{place}"),
        );
        desk.is_absent(&desk.nco, &there, &absent).await;
    }
}

/// A group, a campaign, a malware, an actor held to be an individual, and an indicator for a case.
fn suspects() -> Vec<Value> {
    let mut lone = thing("threat-actor", 4, "一匹狼");
    lone["resource_level"] = json!("individual");
    lone["threat_actor_types"] = json!(["hacker"]);
    vec![
        thing("intrusion-set", 1, "灯籠"),
        thing("campaign", 2, "蛍"),
        thing("malware", 3, "灯籠ローダー"),
        lone,
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id("indicator", 5), "created": CREATED,
            "modified": CREATED, "pattern": "[ipv4-addr:value = '203.0.113.5']", "pattern_type": "stix",
            "valid_from": CREATED,
        }),
    ]
}

#[tokio::test]
async fn hypotheses_compete_name_no_person_and_end_in_a_conclusion_with_a_basis() {
    let desk = Desk::open().await;
    let (set, campaign, malware) = (id("intrusion-set", 1), id("campaign", 2), id("malware", 3));
    desk.hold(&suspects()).await;
    let case = desk.case(&[id("indicator", 5)]).await;
    let path = format!("/cases/{case}/hypotheses");
    let put = |object: &str, label: &str, no_person: bool| json!({ "object": object, "label": label, "rationale": "手口が似る", "no_person": no_person });
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    refused(test, analyst, &path, put(&set, "", false), "NRS-ANAL-0110").await;
    refused(test, analyst, &path, put("", "", true), "NRS-ANAL-0111").await;
    refused(test, analyst, &path, put(&malware, "", true), "NRS-ANAL-0112").await;
    refused(test, analyst, &path, put(&id("threat-actor", 4), "", true), "NRS-ANAL-0113").await;
    refused(test, analyst, &path, put("", "架空太郎容疑者", true), "NRS-ANAL-0114").await;
    refused(test, analyst, &path, put(&id("campaign", 99), "", true), "NRS-ANAL-0101").await;
    refused(test, nco, &path, put(&set, "", true), "NRS-AUTH-0003").await;
    let first = made(test, analyst, &path, put(&set, "", true)).await;

    let exhibit = |item: &str| json!({ "item": item, "says": "設定が同じ", "credibility": "high", "relevance": "medium" });
    let evidence = format!("/cases/{case}/evidence");
    let proof = made(test, analyst, &evidence, exhibit(&malware)).await;
    let common = made(test, analyst, &evidence, exhibit(&id("indicator", 5))).await;
    refused(test, analyst, &evidence, exhibit(&id("malware", 99)), "NRS-ANAL-0101").await;
    let judge = |exhibit: &str, hypothesis: &str, verdict: &str| json!({ "exhibit": exhibit, "hypothesis": hypothesis, "verdict": verdict, "reason": "比べた" });
    let judgements = format!("/cases/{case}/judgements");
    made(test, analyst, &judgements, judge(&proof, &first, "consistent")).await;
    let conclude = json!({ "hypothesis": first, "confidence": "moderate", "basis": "設定の一致" });
    let conclusions = format!("/cases/{case}/conclusions");
    refused(test, analyst, &conclusions, conclude.clone(), "NRS-ANAL-0116").await;
    let second = made(test, analyst, &path, put(&campaign, "", true)).await;
    refused(test, analyst, &conclusions, conclude.clone(), "NRS-ANAL-0117").await;
    made(test, nco, &judgements, judge(&proof, &second, "inconsistent")).await;
    for hypothesis in [&first, &second] {
        made(test, analyst, &judgements, judge(&common, hypothesis, "consistent")).await;
    }
    let mut odd = conclude.clone();
    odd["confidence"] = json!("certain");
    refused(test, analyst, &conclusions, odd, "NRS-ANAL-0115").await;
    let mut bare = conclude.clone();
    bare["basis"] = json!(" ");
    refused(test, analyst, &conclusions, bare, "NRS-ANAL-0100").await;
    made(test, analyst, &conclusions, conclude).await;

    let (_, matrix) = get(test, nco, &path).await;
    assert_eq!(matrix["evidence"][0]["id"], json!(proof), "what tells them apart comes first");
    assert_eq!(matrix["evidence"][0]["diagnosticity"], 200, "{matrix}");
    assert_eq!(matrix["evidence"][1]["diagnosticity"], 0, "what fits all tells nothing: {matrix}");
    let against: Vec<u64> = matrix["hypotheses"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["against"].as_u64())
        .collect();
    assert_eq!(against, [0, 60], "credibility high, relevance medium: {matrix}");
    assert_eq!(matrix["conclusions"][0]["confidence"], "moderate", "{matrix}");

    // A second judgement of the same hat counts instead of the first, which stays.
    made(test, nco, &judgements, judge(&proof, &second, "neutral")).await;
    let (_, matrix) = get(test, nco, &path).await;
    let said = matrix["judgements"].as_array().unwrap();
    assert_eq!(said.iter().filter(|one| one["superseded"] == true).count(), 1, "{matrix}");
    let end = json!({ "id": second, "reason": "別件と判明" });
    assert_eq!(post(test, analyst, &format!("{path}/end"), end.clone()).await.0, 201);
    refused(test, analyst, &format!("{path}/end"), end, "NRS-HOUS-0004").await;
    let (_, matrix) = get(test, nco, &path).await;
    assert_eq!(matrix["hypotheses"][1]["ended"]["reason"], "別件と判明", "{matrix}");
}

#[tokio::test]
async fn evidence_that_is_not_for_a_reader_is_counted_and_its_judgements_are_not() {
    let desk = Desk::open().await;
    let (set, closed) = (id("intrusion-set", 1), id("malware", 7));
    desk.hold(&[
        thing("intrusion-set", 1, "灯籠"),
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id("indicator", 5), "created": CREATED,
            "modified": CREATED, "pattern": "[ipv4-addr:value = '203.0.113.5']", "pattern_type": "stix",
            "valid_from": CREATED,
        }),
    ])
    .await;
    desk.hold_from_report(&[thing("malware", 7, "報告にだけあるもの")]).await;
    let case = desk.case(&[id("indicator", 5)]).await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let path = format!("/cases/{case}/hypotheses");
    let body = json!({ "object": set, "rationale": "r", "no_person": true });
    let hypothesis = made(test, analyst, &path, body).await;
    let body =
        json!({ "item": closed, "says": "秘の一致", "credibility": "high", "relevance": "high" });
    let exhibit = made(test, analyst, &format!("/cases/{case}/evidence"), body).await;
    let body = json!({ "exhibit": exhibit, "hypothesis": hypothesis, "verdict": "inconsistent", "reason": "秘の理由" });
    let judgements = format!("/cases/{case}/judgements");
    made(test, analyst, &judgements, body.clone()).await;
    // An explanation whose object is not for the reader: that there is one, and nothing that was written of it.
    desk.hold_from_report(&[thing("intrusion-set", 8, "秘の集団")]).await;
    let body_of_closed =
        json!({ "object": id("intrusion-set", 8), "rationale": "秘の手口", "no_person": true });
    made(test, analyst, &path, body_of_closed).await;
    let (_, theirs) = get(test, nco, &path).await;
    assert_eq!(theirs["hypotheses"].as_array().unwrap().len(), 2, "{theirs}");
    assert_eq!((&theirs["hidden"], &theirs["evidence"]), (&json!(1), &json!([])), "{theirs}");
    assert_eq!(theirs["hypotheses"][0]["against"], 0, "{theirs}");
    for secret in [closed.as_str(), "秘", exhibit.as_str()] {
        assert!(!theirs.to_string().contains(secret), "{secret}: {theirs}");
    }
    refused(test, nco, &judgements, body, "NRS-ANAL-0101").await;
}

#[tokio::test]
async fn a_note_is_for_those_who_see_its_subject_and_a_stricter_one_for_fewer() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let malware = id("malware", 1);
    desk.hold(&[thing("malware", 1, "灯籠ローダー")]).await;
    let path = format!("/analyse/objects/{malware}/notes");
    for (tlp, text) in [
        ("", "皆へ"),
        ("clear", "緩くはならない"),
        ("amber-strict", "自機関だけ"),
        ("red", "自分だけ"),
    ] {
        made(test, analyst, &path, json!({ "text": text, "tlp": tlp })).await;
    }
    let texts = |answer: &Value| -> Vec<String> {
        let notes = answer["notes"].as_array().unwrap();
        notes.iter().map(|note| note["text"].as_str().unwrap().to_owned()).collect()
    };
    let (_, own) = get(test, analyst, &path).await;
    assert_eq!(texts(&own).len(), 4, "{own}");
    assert_eq!(own["notes"][1]["tlp"], "amber", "at least that of the object: {own}");
    let (_, theirs) = get(test, nco, &path).await;
    assert_eq!(texts(&theirs), ["皆へ", "緩くはならない"], "{theirs}");
    assert_eq!(theirs["older"], 0, "what is for others is not counted: {theirs}");
    refused(test, analyst, &path, json!({ "text": "x", "tlp": "purple" }), "NRS-ANAL-0106").await;
    refused(test, &desk.officer, &path, json!({ "text": "x" }), "NRS-AUTH-0003").await;
    // A note on what the other office may not see cannot be written or read there; the answer is that of absence.
    desk.hold_from_report(&[thing("malware", 7, "報告にだけ")]).await;
    let closed = format!("/analyse/objects/{}/notes", id("malware", 7));
    made(test, analyst, &closed, json!({ "text": "秘" })).await;
    refused(test, nco, &closed, json!({ "text": "x" }), "NRS-HOUS-0004").await;
    desk.is_absent(nco, &closed, &format!("/analyse/objects/{}/notes", id("malware", 99))).await;

    // In a case the same holds, and its timeline tells of no note that is not for the reader.
    desk.hold(&[json!({
        "type": "indicator", "spec_version": "2.1", "id": id("indicator", 5), "created": CREATED,
        "modified": CREATED, "pattern": "[ipv4-addr:value = '203.0.113.5']", "pattern_type": "stix",
        "valid_from": CREATED,
    })])
    .await;
    let case = desk.case(&[id("indicator", 5)]).await;
    let notes = format!("/cases/{case}/notes");
    made(test, analyst, &notes, json!({ "text": "自機関だけ", "tlp": "amber-strict" })).await;
    let (_, seen) = get(test, nco, &format!("/cases/{case}")).await;
    assert_eq!(seen["notes"], json!([]), "{seen}");
    assert!(!seen["timeline"].to_string().contains("case.note"), "{seen}");
}

/// Whatever an analyst of the Cabinet Office puts into a case: it opens nothing to those who read the case.
#[tokio::test]
async fn a_case_opens_nothing_of_the_graph() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let seen = |number: usize| {
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id("indicator", number), "created": CREATED,
            "modified": CREATED, "name": format!("灯籠{number}"), "pattern_type": "stix", "valid_from": CREATED,
            "pattern": format!("[ipv4-addr:value = '203.0.113.5' OR ipv4-addr:value = '198.51.100.{number}']"),
        })
    };
    desk.hold(&[seen(1)]).await;
    desk.hold_as(&[seen(2)], Tlp::Red, "import:test").await;
    for (class, number) in [(LegalClass::Cia, 3), (LegalClass::CiaPm, 4)] {
        let objects = [NewObject {
            object: StixObject::parse(&seen(number).to_string()).unwrap(),
            tlp: Tlp::Green,
            class,
            originator: "operator".to_owned(),
            source: "import:test".to_owned(),
        }];
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, test.house.clock.now());
        test.house.door.commit(&analyst.ctx, change).await.unwrap();
    }
    desk.hold(&[seen(5), seen(6)]).await;
    let opinion = noroshi::office::commit::Write::one(
        "INSERT INTO share_handling (id, restricted_to, said_at) VALUES ($1, '[]', $2)",
        vec![id("indicator", 5).into(), test.house.clock.now().into()],
    );
    let change = Change::office("share.handle", "x").write(opinion);
    test.house.door.commit(&analyst.ctx, change).await.unwrap();
    let members: Vec<String> = (1..=6).map(|number| id("indicator", number)).collect();
    let case = desk.case(&members).await;
    for number in [3, 6] {
        let out = json!({ "id": id("indicator", number), "reason": format!("別件{number}") });
        made(test, analyst, &format!("/cases/{case}/items/remove"), out).await;
    }
    let (_, all) = get(test, analyst, &format!("/cases/{case}")).await;
    assert_eq!((all["members"].as_array().unwrap().len(), &all["hidden"]), (4, &json!(0)), "{all}");
    let (status, theirs) = get(test, nco, &format!("/cases/{case}")).await;
    assert_eq!(status, 200, "{theirs}");
    assert_eq!(
        (theirs["members"].as_array().unwrap().len(), &theirs["hidden"]),
        (1, &json!(3)),
        "{theirs}"
    );
    let text = theirs.to_string();
    for number in [2, 4, 5] {
        assert!(all.to_string().contains(&id("indicator", number)), "{number}: {all}");
        let word = |kind: &str| text.contains(&format!("{kind}{number}"));
        let told = text.contains(&id("indicator", number)) || word("灯籠") || word("198.51.100.");
        assert!(!told, "{number}: {theirs}");
    }
    assert!(text.contains("198.51.100.1"), "{theirs}");
    // What was taken out stands on the page: the same question, asked as the page asks it.
    let removed = async |who: &Someone| {
        let case = noroshi::office::id::CaseId::parse(&case).unwrap();
        let scope = noroshi::analyse::read::Scope::of(&test.house, &who.ctx);
        let reading = noroshi::analyse::notes::Reading::of(&who.ctx);
        let read = test
            .house
            .store
            .read(move |reader| noroshi::analyse::read::case(reader, scope, &reading, &case));
        let found = read.await.unwrap().unwrap().removed;
        found.into_iter().map(|(_, why)| why).collect::<Vec<_>>()
    };
    assert_eq!(removed(analyst).await, ["別件3", "別件6"]);
    assert_eq!(removed(nco).await, ["別件6"]);
}

#[tokio::test]
async fn two_objects_are_one_until_it_is_taken_back() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let (a, b, c) = (id("intrusion-set", 1), id("intrusion-set", 2), id("intrusion-set", 3));
    let mut alias = thing("intrusion-set", 2, "Lantern Seven");
    alias["aliases"] = json!(["ＬＡＮＴＥＲＮ－７"]);
    desk.hold(&[
        thing("intrusion-set", 1, "Lantern-7"),
        alias,
        thing("intrusion-set", 3, "Firefly"),
        thing("malware", 4, "m1"),
        thing("malware", 5, "m2"),
        edge(10, "uses", &a, &id("malware", 4)),
        edge(11, "uses", &b, &id("malware", 5)),
        edge(12, "uses", &b, &id("malware", 4)),
    ])
    .await;
    let (_, like) = get(test, analyst, &format!("/analyse/objects/{b}/candidates")).await;
    assert_eq!((&like[0]["id"], &like[0]["common"]), (&json!(a), &json!(["lantern7"])), "{like}");
    let merge = |one: &str, into: &str| json!({ "one": one, "into": into, "reason": "同じ活動" });
    refused(test, nco, "/analyse/merges", merge(&b, &a), "NRS-AUTH-0003").await;
    refused(test, analyst, "/analyse/merges", merge(&b, &id("malware", 4)), "NRS-ANAL-0102").await;
    refused(test, analyst, "/analyse/merges", merge(&a, &a), "NRS-ANAL-0103").await;
    refused(test, analyst, "/analyse/merges", merge(&a, &id("tool", 9)), "NRS-ANAL-0101").await;
    let before = get(test, analyst, &format!("/evidence/objects/{b}")).await.1["object"].clone();
    let statement = made(test, analyst, "/analyse/merges", merge(&b, &a)).await;
    // No circle, no second whole, but a chain ends at the same whole.
    refused(test, analyst, "/analyse/merges", merge(&a, &b), "NRS-ANAL-0103").await;
    refused(test, analyst, "/analyse/merges", merge(&b, &c), "NRS-ANAL-0104").await;
    made(test, analyst, "/analyse/merges", merge(&c, &b)).await;
    let (_, one) = get(test, analyst, &format!("/analyse/objects/{c}/merges")).await;
    assert_eq!(one["canonical"], json!(a), "{one}");
    assert_eq!(one["siblings"].as_array().unwrap().len(), 3, "{one}");
    let after = get(test, analyst, &format!("/evidence/objects/{b}")).await.1["object"].clone();
    assert_eq!(before, after, "no byte of either changes");

    // In the graph they are one mark with what both are related to.
    let graph = format!("/analyse/graph?of={}&hops=2", id("malware", 5));
    let (_, seen) = get(test, analyst, &graph).await;
    let mut drawn = marks(&seen);
    drawn.sort_unstable();
    let (m1, m2) = (id("malware", 4), id("malware", 5));
    assert_eq!(drawn, [a.as_str(), m1.as_str(), m2.as_str()], "{seen}");
    assert_eq!(seen["marks"][1]["merged"], 2, "{seen}");

    let undo = format!("/analyse/merges/{statement}/undo");
    let why = json!({ "reason": "別の活動と判明" });
    assert_eq!(post(test, analyst, &undo, why.clone()).await.0, 201);
    assert_eq!(post(test, analyst, &undo, why).await.0, 409, "it is taken back once");
    let (_, one) = get(test, analyst, &format!("/analyse/objects/{b}/merges")).await;
    assert_eq!(one["canonical"], json!(b), "{one}");
    let kept = one["statements"].as_array().unwrap();
    assert!(kept.iter().any(|one| one["ended_reason"] == "別の活動と判明"), "{one}");
    let (_, seen) = get(test, analyst, &graph).await;
    assert!(marks(&seen).contains(&b.as_str()) && !marks(&seen).contains(&a.as_str()), "{seen}");
}

#[tokio::test]
async fn a_statement_about_what_a_reader_may_not_see_is_not_there_for_him() {
    let desk = Desk::open().await;
    let (open, closed) = (id("intrusion-set", 1), id("intrusion-set", 2));
    desk.hold(&[thing("intrusion-set", 1, "灯籠")]).await;
    desk.hold_from_report(&[
        thing("intrusion-set", 2, "灯籠"),
        thing("malware", 3, "報告にだけ"),
        edge(9, "uses", &closed, &id("malware", 3)),
    ])
    .await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    for (one, into) in [(&open, &closed), (&closed, &open)] {
        let body = json!({ "one": one, "into": into, "reason": "r" });
        let statement = made(test, analyst, "/analyse/merges", body).await;
        let (_, theirs) = get(test, nco, &format!("/analyse/objects/{open}/merges")).await;
        let expected = json!({ "canonical": open, "siblings": [open], "statements": [] });
        assert_eq!(theirs, expected);
        let (_, graph) = get(test, nco, &format!("/analyse/graph?of={open}")).await;
        assert!(!graph.to_string().contains(&closed), "{graph}");
        let (_, like) = get(test, nco, &format!("/analyse/objects/{open}/candidates")).await;
        assert_eq!(like, json!([]));
        let undo = format!("/analyse/merges/{statement}/undo");
        assert_eq!(post(test, analyst, &undo, json!({ "reason": "r" })).await.0, 201);
    }
}

#[tokio::test]
async fn a_release_carries_what_was_released_and_no_sibling() {
    let desk = Desk::open().await;
    let test = &desk.test;
    let legal_org = test.org("legal office", "office", None).await;
    let legal = test.person("legal", &legal_org, Hat::Legal).await;
    let ally_org = test.org("Allied CERT (fictional)", "partner", None).await;
    let ally = test.person("ally", &ally_org, Hat::PartnerForeign).await;
    let (a, b) = (id("intrusion-set", 1), id("intrusion-set", 2));
    desk.hold_as(&[thing("intrusion-set", 1, "灯籠")], Tlp::Green, "import:test").await;
    desk.hold_as(&[thing("intrusion-set", 2, "秘の灯籠")], Tlp::Green, "import:test").await;
    let body = json!({ "one": b, "into": a, "reason": "同じ" });
    made(test, &desk.analyst, "/analyse/merges", body).await;
    let until = test.house.clock.now() + SignedDuration::from_hours(24);
    let finding = json!({ "scope": "CIA-P", "valid_until": until.to_string() });
    made(test, &legal, &format!("/partners/{}/findings", ally_org.org), finding).await;
    let body = json!({ "partner": ally_org.org, "title": "Lantern" });
    let collection = made(test, &legal, "/collections", body).await;
    let body = json!({ "collection": collection, "objects": [a] });
    let (status, said) = super::house::release(test, &legal.token, body).await;
    assert_eq!(status, 201, "{said}");
    let url = test.url(&format!("/taxii2/root/collections/{collection}/objects/"));
    let token = ally.token.clone();
    let text = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent
            .get(url)
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "application/taxii+json;version=2.1")
            .call();
        answer.unwrap().body_mut().read_to_string().unwrap()
    })
    .await
    .unwrap();
    assert!(text.contains(&a), "{text}");
    for secret in [b.as_str(), "秘", "alias"] {
        assert!(
            !text.contains(secret) && !said.to_string().contains(secret),
            "{secret}: {text} {said}"
        );
    }
}

fn triggers(inbox: &Value) -> Vec<&str> {
    let mut found: Vec<&str> = inbox["news"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["trigger"].as_str())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[tokio::test]
async fn the_inbox_tells_what_became_of_things_and_nothing_that_may_not_be_seen() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let malware = id("malware", 1);
    desk.hold(&[thing("malware", 1, "灯籠ローダー"), thing("campaign", 2, "灯籠作戦")]).await;
    let watch = |kind: &str, target: &str| json!({ "kind": kind, "target": target });
    for who in [analyst, nco] {
        made(test, who, "/inbox/watches", watch("object", &malware)).await;
        made(test, who, "/inbox/watches", watch("search", "q=蛍")).await;
        made(test, who, "/inbox/watches", watch("observable", "hxxp://fire[.]lantern.example"))
            .await;
    }
    let (_, empty) = get(test, nco, "/inbox").await;
    assert_eq!((&empty["unread"], &empty["news"]), (&json!(0), &json!([])), "{empty}");

    // Everything that can happen, once for all and once from a statutory report.
    let url = |number: usize| {
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id("indicator", number), "created": CREATED,
            "modified": CREATED, "pattern": "[url:value = 'http://fire.lantern.example']", "pattern_type": "stix",
            "valid_from": CREATED, "name": "蛍の指標",
        })
    };
    desk.hold_from_report(&[
        url(50),
        thing("tool", 51, "報告にだけの蛍"),
        edge(52, "uses", &malware, &id("tool", 51)),
    ])
    .await;
    let (_, theirs) = get(test, nco, "/inbox").await;
    assert_eq!(theirs["news"], json!([]), "what stems from a report is no news: {theirs}");
    let (_, own) = get(test, analyst, "/inbox").await;
    assert_eq!(triggers(&own), ["found", "named", "relation"], "{own}");
    let later = "2026-11-02T00:00:00.000Z";
    desk.hold(&[
        thing_of("malware", 1, "灯籠ローダー 2", later),
        edge(60, "uses", &id("campaign", 2), &malware),
        url(61),
        json!({
            "type": "sighting", "spec_version": "2.1", "id": id("sighting", 62), "created": CREATED,
            "modified": CREATED, "sighting_of_ref": malware,
        }),
    ])
    .await;
    made(test, analyst, &format!("/analyse/objects/{malware}/notes"), json!({ "text": "見よ" }))
        .await;
    let (_, theirs) = get(test, nco, "/inbox").await;
    let expected = ["found", "named", "note", "relation", "sighting", "version"];
    assert_eq!(triggers(&theirs), expected, "{theirs}");
    assert_eq!(theirs["unread"], json!(theirs["news"].as_array().unwrap().len()), "{theirs}");
    for secret in [id("indicator", 50), id("tool", 51)] {
        assert!(!theirs.to_string().contains(&secret), "{theirs}");
    }
    // Read up to what was shown; what comes later is unread again, and a revocation is told as such.
    let until = json!({ "until": theirs["as_of"] });
    assert_eq!(post(test, nco, "/inbox/read", until).await.0, 201);
    assert_eq!(get(test, nco, "/inbox").await.1["unread"], 0);
    let mut gone = thing_of("malware", 1, "灯籠ローダー 2", "2026-11-03T00:00:00.000Z");
    gone["revoked"] = json!(true);
    desk.hold(&[gone]).await;
    let (_, theirs) = get(test, nco, "/inbox").await;
    assert_eq!(theirs["unread"], 1, "{theirs}");
    assert_eq!(theirs["news"][0]["trigger"], "revoked", "{theirs}");
    let watch = theirs["watches"][0]["id"].as_str().unwrap();
    let end = format!("/inbox/watches/{watch}/end");
    assert_eq!(post(test, analyst, &end, json!({})).await.0, 404, "another's bell");
    assert_eq!(post(test, nco, &end, json!({})).await.0, 201);
    assert_eq!(get(test, nco, "/inbox").await.1["watches"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_there_or_makes_no_sense_is_not_watched() {
    let desk = Desk::open().await;
    let (test, nco) = (&desk.test, &desk.nco);
    let malware = id("malware", 1);
    desk.hold(&[thing("malware", 1, "灯籠ローダー")]).await;
    let watch = |kind: &str, target: &str| json!({ "kind": kind, "target": target });
    made(test, nco, "/inbox/watches", watch("object", &malware)).await;
    refused(test, nco, "/inbox/watches", watch("object", &malware), "NRS-ANAL-0121").await;
    refused(test, nco, "/inbox/watches", watch("everything", "x"), "NRS-ANAL-0120").await;
    refused(test, nco, "/inbox/watches", watch("observable", "???"), "NRS-ANAL-0123").await;
    refused(test, nco, "/inbox/watches", watch("search", "x=1"), "NRS-ANAL-0124").await;
    refused(test, nco, "/inbox/watches", watch("object", &id("malware", 99)), "NRS-HOUS-0004")
        .await;
    refused(test, &desk.officer, "/inbox/watches", watch("object", &malware), "NRS-AUTH-0003")
        .await;
}

#[tokio::test]
async fn a_case_that_is_watched_tells_of_its_changes() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let member = |number: usize| {
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id("indicator", number), "created": CREATED,
            "modified": CREATED, "pattern": format!("[ipv4-addr:value = '203.0.113.{number}']"),
            "pattern_type": "stix", "valid_from": CREATED,
        })
    };
    desk.hold(&[member(5), member(6), thing("campaign", 2, "蛍")]).await;
    let case = desk.case(&[id("indicator", 5)]).await;
    made(test, nco, "/inbox/watches", json!({ "kind": "case", "target": case })).await;
    let items = json!({ "id": id("indicator", 6), "reason": "同じ網" });
    assert_eq!(post(test, analyst, &format!("/cases/{case}/items"), items).await.0, 201);
    let body = json!({ "object": id("campaign", 2), "rationale": "r", "no_person": true });
    made(test, analyst, &format!("/cases/{case}/hypotheses"), body).await;
    let notes = format!("/cases/{case}/notes");
    made(test, analyst, &notes, json!({ "text": "自機関だけ", "tlp": "amber-strict" })).await;
    let (_, seen) = get(test, nco, "/inbox").await;
    assert_eq!(triggers(&seen), ["case", "hypothesis"], "the note is not for that office: {seen}");
    made(test, analyst, &notes, json!({ "text": "皆へ" })).await;
    let (_, seen) = get(test, nco, "/inbox").await;
    assert_eq!(triggers(&seen), ["case", "hypothesis", "note"], "{seen}");
}

/// Waits for what the job runner must bring about.
async fn digested(test: &TestHouse, who: &Someone, count: usize) -> Value {
    let begun = Instant::now();
    loop {
        let (status, feed) = get(test, who, "/inbox/feed.json").await;
        assert_eq!(status, 200, "{feed}");
        if feed["items"].as_array().unwrap().len() == count {
            return feed;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "no digest: {feed}");
        pause(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_day_has_one_digest_and_it_tells_only_what_may_be_seen_when_it_is_read() {
    let desk = Desk::open().await;
    let (test, nco) = (&desk.test, &desk.nco);
    let malware = id("malware", 1);
    desk.hold(&[thing("malware", 1, "灯籠 <ローダー>"), thing("campaign", 2, "灯籠作戦")]).await;
    made(test, nco, "/inbox/watches", json!({ "kind": "object", "target": malware })).await;
    desk.hold(&[edge(60, "uses", &id("campaign", 2), &malware)]).await;
    desk.hold_from_report(&[
        thing("tool", 51, "報告にだけ"),
        edge(52, "uses", &malware, &id("tool", 51)),
    ])
    .await;
    let now = test.house.clock.now();
    let (whose, today) = (Whose::of(&nco.ctx), jobs::japan_day(now));
    // The day is over, twice: the runner takes the job as it takes any, and the second changes nothing.
    for _ in 0..2 {
        let mut job = jobs::digest_of(&whose, today);
        job.due_at = now;
        let change = Change::office("test.digest", "test").job(job);
        test.house.door.commit(&nco.ctx, change).await.unwrap();
    }
    let feed = digested(test, nco, 1).await;
    let text = feed["items"][0]["content_text"].as_str().unwrap();
    assert!(text.contains("灯籠作戦") && !text.contains("報告にだけ"), "{feed}");
    let (status, atom) = get(test, nco, "/inbox/feed.atom").await;
    let atom = atom.as_str().unwrap().to_owned();
    assert_eq!((status, atom.matches("<entry>").count()), (200, 1), "{atom}");
    assert!(!atom.contains("<ローダー>") && !atom.contains(&id("tool", 51)), "{atom}");
    assert_eq!(get(test, &desk.analyst, "/inbox/feed.json").await.1["items"], json!([]));
    let (status, _) = ask("GET", test.url("/api/v1/inbox/feed.json"), "wrong", None).await;
    assert_eq!(status, 401, "a feed needs its token");
    let next = whose.clone();
    let planned = test.house.store.read(move |reader| jobs::is_scheduled(reader, &next)).await;
    assert!(planned.unwrap(), "the next day is planned");
}

/// What is held as of a moment.
async fn hold_at(desk: &Desk, objects: &[Value], at: Timestamp) {
    let objects: Vec<NewObject> = objects
        .iter()
        .map(|object| NewObject {
            object: StixObject::parse(&object.to_string()).unwrap(),
            tlp: Tlp::Green,
            class: LegalClass::CiaN,
            originator: "office".to_owned(),
            source: "import:test".to_owned(),
        })
        .collect();
    let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
    change.writes = rows::insert_objects(&objects, at);
    desk.test.house.door.commit(&desk.analyst.ctx, change).await.unwrap();
}

/// A thing that is found, one that names what is watched, and an edge to what is watched.
fn news_of(number: usize, malware: &str) -> [Value; 3] {
    let pattern = "[url:value = 'http://fire.lantern.example']";
    [
        thing("tool", number, &format!("蛍 {number}")),
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id("indicator", number), "created": CREATED,
            "modified": CREATED, "pattern": pattern, "pattern_type": "stix", "valid_from": CREATED,
        }),
        edge(number, "uses", malware, &id("tool", number)),
    ]
}

#[tokio::test]
async fn what_comes_after_a_day_does_not_push_its_news_out_and_more_is_said_to_be_there() {
    let desk = Desk::open().await;
    let (test, nco) = (&desk.test, &desk.nco);
    let malware = id("malware", 1);
    desk.hold(&[thing("malware", 1, "灯籠ローダー")]).await;
    for (kind, target) in [
        ("object", malware.as_str()),
        ("search", "q=蛍"),
        ("observable", "http://fire.lantern.example"),
    ] {
        made(test, nco, "/inbox/watches", json!({ "kind": kind, "target": target })).await;
    }
    let day = jobs::japan_day(test.house.clock.now()).tomorrow().unwrap();
    let begin = jiff::tz::offset(9).to_timestamp(day.at(0, 0, 0, 0)).unwrap();
    let after = |hours: i64| begin + SignedDuration::from_hours(hours);
    let (eyes, whose) = (Eyes::of(&test.house, &nco.ctx), Whose::of(&nco.ctx));
    let told = async |day| {
        let (eyes, whose) = (eyes.clone(), whose.clone());
        let read = move |reader: &Reader<'_>| jobs::of_day(reader, &eyes, &whose, day);
        let (entries, more, _) = test.house.store.read(read).await.unwrap();
        let mut told: Vec<&str> = entries.iter().map(|one| one.trigger.code()).collect();
        told.sort_unstable();
        (told.join(" "), more)
    };
    hold_at(&desk, &news_of(100, &malware), after(12)).await;
    assert_eq!(told(day).await, ("found named relation".to_owned(), false));
    // The house slept when the day ended, and much more came before it woke: at once, and days later.
    for (hours, numbers) in [(25, 200..270), (24 * 5, 300..370)] {
        let more: Vec<Value> = numbers.flat_map(|number| news_of(number, &malware)).collect();
        hold_at(&desk, &more, after(hours)).await;
        assert_eq!(told(day).await, ("found named relation".to_owned(), false));
    }
    let (next, more) = told(day.tomorrow().unwrap()).await;
    assert_eq!((next.split(' ').count(), more), (150, true), "fifty of each, and more");

    // What leads to what is not held is not told of, and does not stand in the way of the others.
    let mut edges: Vec<Value> = (400..460)
        .map(|number| edge(number, "uses", &malware, &id("tool", number - 200)))
        .collect();
    edges
        .extend((460..470).map(|number| edge(number, "uses", &malware, &id("tool", number + 900))));
    hold_at(&desk, &edges, after(24 * 9 + 1)).await;
    let later = day.checked_add(SignedDuration::from_hours(24 * 9)).unwrap();
    let (told, more) = told(later).await;
    assert_eq!((told.split(' ').count(), more), (50, true), "{told}");
}

fn framework() -> Vec<Value> {
    let tactic = |number: usize, short: &str| {
        json!({
            "type": "x-mitre-tactic", "spec_version": "2.1", "id": id("x-mitre-tactic", number), "created": CREATED,
            "modified": CREATED, "name": short, "x_mitre_shortname": short,
            "external_references": [{ "source_name": "fiction", "external_id": format!("TA{number:04}") }],
        })
    };
    let technique = |number: usize, outside: &str, phase: &str| {
        let mut object = thing("attack-pattern", number, &format!("手法 {outside}"));
        object["kill_chain_phases"] =
            json!([{ "kill_chain_name": "fiction", "phase_name": phase }]);
        object["external_references"] =
            json!([{ "source_name": "fiction", "external_id": outside }]);
        object
    };
    let mut old = technique(14, "T0004", "second");
    old["x_mitre_deprecated"] = json!(true);
    vec![
        json!({
            "type": "x-mitre-matrix", "spec_version": "2.1", "id": id("x-mitre-matrix", 1), "created": CREATED,
            "modified": CREATED, "name": "架空の一覧",
            "tactic_refs": [id("x-mitre-tactic", 3), id("x-mitre-tactic", 2)],
        }),
        tactic(2, "second"),
        tactic(3, "first"),
        technique(11, "T0001", "first"),
        technique(12, "T0001.001", "first"),
        technique(13, "T0002", "second"),
        old,
        technique(15, "T0005", "nowhere"),
    ]
}

#[tokio::test]
async fn techniques_stand_by_tactic_with_how_often_they_are_used() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let mut objects = framework();
    let (set, campaign) = (id("intrusion-set", 1), id("campaign", 2));
    objects.extend([
        thing("intrusion-set", 1, "灯籠"),
        thing("campaign", 2, "蛍"),
        edge(21, "uses", &set, &id("attack-pattern", 11)),
        edge(22, "uses", &campaign, &id("attack-pattern", 11)),
        edge_of(23, "uses", &campaign, &id("attack-pattern", 12), "2026-11-20T00:00:00.000Z"),
        json!({
            "type": "report", "spec_version": "2.1", "id": id("report", 3), "created": CREATED, "modified": CREATED,
            "name": "r", "published": CREATED, "object_refs": [id("attack-pattern", 13)],
        }),
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id("indicator", 5), "created": CREATED,
            "modified": CREATED, "pattern": "[ipv4-addr:value = '203.0.113.5']", "pattern_type": "stix",
            "valid_from": CREATED,
        }),
        edge(24, "indicates", &id("indicator", 5), &campaign),
    ]);
    desk.hold(&objects).await;
    desk.hold_from_report(&[
        thing("malware", 7, "報告にだけ"),
        edge(25, "uses", &id("malware", 7), &id("attack-pattern", 13)),
    ])
    .await;
    let (status, seen) = get(test, analyst, "/analyse/matrix").await;
    assert_eq!(status, 200, "{seen}");
    let names: Vec<&str> =
        seen["tactics"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["first", "second"], "the order is the matrix's");
    assert_eq!((&seen["hidden"], &seen["elsewhere"]), (&json!(1), &json!(1)), "{seen}");
    let first = &seen["tactics"][0]["techniques"][0];
    assert_eq!(first["uses"], json!({ "campaign": 1, "intrusion-set": 1 }), "{first}");
    assert_eq!(first["parts"][0]["number"], "T0001.001", "{first}");
    let second = &seen["tactics"][1]["techniques"][0];
    assert_eq!(second["uses"], json!({ "malware": 1, "report": 1 }), "{second}");
    let (_, theirs) = get(test, nco, "/analyse/matrix").await;
    let second = &theirs["tactics"][1]["techniques"][0];
    assert_eq!(second["uses"], json!({ "report": 1 }), "the rest stems from a report: {second}");
    let count = |seen: &Value, of: &[usize]| {
        let technique = &seen["tactics"][of[0]]["techniques"][0];
        let one = if of.len() > 1 { &technique["parts"][0] } else { technique };
        one["uses"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>()
    };
    let (_, by) = get(test, analyst, &format!("/analyse/matrix?by={campaign}")).await;
    assert_eq!([count(&by, &[0]), count(&by, &[0, 0]), count(&by, &[1])], [1, 1, 0], "{by}");
    let (_, late) = get(test, analyst, "/analyse/matrix?from=2026-11-15").await;
    assert_eq!([count(&late, &[0]), count(&late, &[0, 0])], [0, 1], "{late}");
    let case = desk.case(&[id("indicator", 5)]).await;
    let (_, of_case) = get(test, analyst, &format!("/analyse/matrix?case={case}")).await;
    assert_eq!([count(&of_case, &[0]), count(&of_case, &[1])], [1, 0], "{of_case}");
    let (status, csv) = get(test, analyst, "/analyse/matrix.csv").await;
    let csv = csv.as_str().unwrap().to_owned();
    assert_eq!((status, csv.lines().count()), (200, 4), "{csv}");
    assert!(csv.contains("first,T0001.001,手法 T0001.001,T0001,0,1,0,0,0,0,0,1,0"), "{csv}");
    for (there, absent) in [
        (format!("by={}", id("malware", 7)), format!("by={}", id("malware", 99))),
        ("case=case-0".to_owned(), "case=nonsense".to_owned()),
    ] {
        desk.is_absent(
            nco,
            &format!("/analyse/matrix?{there}"),
            &format!("/analyse/matrix?{absent}"),
        )
        .await;
    }
}

/// DISARM as published: another framework, the same page.
#[tokio::test]
async fn another_framework_is_only_other_data() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpora/disarm/generated_files/DISARM_STIX/DISARM.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("not run: {} is not there", path.display());
        return;
    };
    let desk = Desk::open().await;
    import(&desk.test, &desk.analyst, serde_json::from_str(&text).unwrap()).await;
    let (_, seen) = get(&desk.test, &desk.analyst, "/analyse/matrix").await;
    let tactics = seen["tactics"].as_array().unwrap();
    assert_eq!(tactics.len(), 16, "{}", seen["matrices"]);
    let techniques: usize = tactics
        .iter()
        .flat_map(|tactic| tactic["techniques"].as_array().unwrap())
        .map(|one| 1 + one["parts"].as_array().unwrap().len())
        .sum();
    assert!(techniques > 350, "{techniques} of 391, {} elsewhere", seen["elsewhere"]);
}

/// An indicator for an address of its own and one that it shares with others of the same `shared`.
fn address(number: usize, shared: usize) -> Value {
    json!({
        "type": "indicator", "spec_version": "2.1", "id": id("indicator", number), "created": CREATED,
        "modified": CREATED, "name": format!("灯籠{number}"), "pattern_type": "stix", "valid_from": CREATED,
        "pattern": format!("[ipv4-addr:value = '203.0.113.{shared}' OR ipv4-addr:value = '198.51.100.{number}']"),
    })
}

/// The identifiers under which a case shows its members.
async fn members(test: &TestHouse, who: &Someone, case: &str) -> Vec<String> {
    let (status, found) = get(test, who, &format!("/cases/{case}")).await;
    assert_eq!(status, 200, "{found}");
    let members = found["members"].as_array().unwrap();
    members.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn of_case(test: &TestHouse, case: &str) -> Vec<String> {
    let case = case.to_owned();
    let read = move |reader: &Reader<'_>| noroshi::share::read::of_case(reader, &case);
    test.house.store.read_now(read).unwrap().unwrap()
}

/// What a statement of ours says of two objects changes neither what a case holds nor what is released of it.
#[tokio::test]
async fn a_case_holds_what_was_put_into_it_whatever_it_counts_as() {
    let desk = Desk::open().await;
    let (test, analyst) = (&desk.test, &desk.analyst);
    let (part, whole, other) = (id("indicator", 1), id("indicator", 2), id("indicator", 3));
    desk.hold(&[address(1, 5), address(2, 6), address(3, 5)]).await;
    let merge = json!({ "one": part, "into": whole, "reason": "同じ活動" });
    let why = json!({ "reason": "別の活動と判明" });
    let item = |id: &str| json!({ "id": id, "reason": "同じ宛先" });

    // Merged, then put in: the part was named, and the part is what the case holds and what may be released of it.
    let statement = made(test, analyst, "/analyse/merges", merge.clone()).await;
    let case = desk.case(std::slice::from_ref(&other)).await;
    made(test, analyst, &format!("/cases/{case}/items"), item(&part)).await;
    assert_eq!(of_case(test, &case), [part.as_str(), other.as_str()]);
    assert_eq!(members(test, analyst, &case).await, [part.as_str(), other.as_str()]);
    let (_, groups) = get(test, analyst, "/analyse/correlations").await;
    assert_eq!(groups["groups"][0]["case"], json!(case), "held by the part's name: {groups}");
    made(test, analyst, &format!("/analyse/merges/{statement}/undo"), why.clone()).await;
    assert_eq!(members(test, analyst, &case).await, [part.as_str(), other.as_str()]);
    assert_eq!(of_case(test, &case), [part.as_str(), other.as_str()]);
    made(test, analyst, &format!("/cases/{case}/items/remove"), item(&part)).await;

    // Put in, then merged: it stands there by the name under which it can be taken out, and names what both name.
    made(test, analyst, &format!("/cases/{case}/items"), item(&part)).await;
    let statement = made(test, analyst, "/analyse/merges", merge.clone()).await;
    assert_eq!(of_case(test, &case), [part.as_str(), other.as_str()]);
    assert_eq!(members(test, analyst, &case).await, [part.as_str(), other.as_str()]);
    let (_, found) = get(test, analyst, &format!("/cases/{case}")).await;
    assert!(found["observables"].to_string().contains("198.51.100.2"), "{found}");
    let both = json!([part, other]);
    assert_eq!(found["reasons"][0]["items"], both, "reasons speak of members: {found}");
    let browser = crate::evidence_pages::Browser::of(test, analyst).await;
    let (_, page) = browser.get(&format!("/analyse/cases/{case}")).await;
    assert!(page.contains(&format!("<option value=\"{part}\"")), "{page}");
    assert!(!page.contains(&format!("<option value=\"{whole}\"")), "{page}");
    made(test, analyst, &format!("/cases/{case}/items/remove"), item(&part)).await;
    assert_eq!(members(test, analyst, &case).await, [other.as_str()]);

    // Both are held: they stand there once, under the whole's name, and each can be taken out.
    for one in [&part, &whole] {
        made(test, analyst, &format!("/cases/{case}/items"), item(one)).await;
    }
    assert_eq!(members(test, analyst, &case).await, [whole.as_str(), other.as_str()]);
    made(test, analyst, &format!("/cases/{case}/items/remove"), item(&whole)).await;
    assert_eq!(members(test, analyst, &case).await, [part.as_str(), other.as_str()]);
    made(test, analyst, &format!("/analyse/merges/{statement}/undo"), why).await;
    assert_eq!(members(test, analyst, &case).await, [part.as_str(), other.as_str()]);
}

/// A reason and a basis name the actor as a rationale does.
#[tokio::test]
async fn what_was_said_of_a_hypothesis_is_for_those_who_see_what_it_names() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    desk.hold(&suspects()).await;
    desk.hold_as(&[thing("intrusion-set", 7, "秘の集団")], Tlp::Red, "import:test").await;
    desk.hold_from_report(&[thing("intrusion-set", 8, "秘の報告の集団")]).await;
    let case = desk.case(&[id("indicator", 5)]).await;
    let path = format!("/cases/{case}/hypotheses");
    let put =
        |object: &str| json!({ "object": object, "rationale": "秘の手口", "no_person": true });
    let open = json!({ "object": id("campaign", 2), "rationale": "手口", "no_person": true });
    let open = made(test, analyst, &path, open).await;
    let mut closed = Vec::new();
    for number in [7, 8] {
        closed.push(made(test, analyst, &path, put(&id("intrusion-set", number))).await);
    }
    let exhibit = json!({ "item": id("indicator", 5), "says": "設定が同じ", "credibility": "high", "relevance": "high" });
    let exhibit = made(test, analyst, &format!("/cases/{case}/evidence"), exhibit).await;
    for (hypothesis, reason) in [(&open, "比べた"), (&closed[0], "秘の甲"), (&closed[1], "秘の乙")]
    {
        let judgement = json!({ "exhibit": exhibit, "hypothesis": hypothesis, "verdict": "inconsistent", "reason": reason });
        made(test, analyst, &format!("/cases/{case}/judgements"), judgement).await;
    }
    for (hypothesis, basis) in [(&closed[0], "秘の丙"), (&closed[1], "秘の丁"), (&open, "一致")]
    {
        let body = json!({ "hypothesis": hypothesis, "confidence": "low", "basis": basis });
        made(test, analyst, &format!("/cases/{case}/conclusions"), body).await;
    }
    let end = json!({ "id": closed[1], "reason": "秘の戊" });
    assert_eq!(post(test, analyst, &format!("{path}/end"), end).await.0, 201);

    let (_, whole) = get(test, analyst, &path).await;
    for said in ["秘の甲", "秘の乙", "秘の丙", "秘の丁", "秘の戊"] {
        assert!(whole.to_string().contains(said), "{said}: {whole}");
    }
    // The others see that there is something, how it fares and what was said of what they see.
    let (_, theirs) = get(test, nco, &path).await;
    assert!(!theirs.to_string().contains("秘"), "{theirs}");
    let judgements = theirs["judgements"].as_array().unwrap();
    let reasons: Vec<&str> = judgements.iter().filter_map(|one| one["reason"].as_str()).collect();
    assert_eq!(reasons, ["比べた", "", ""], "{theirs}");
    assert!(judgements.iter().all(|one| one["verdict"] == "inconsistent"), "{theirs}");
    let conclusions = theirs["conclusions"].as_array().unwrap();
    let bases: Vec<&str> = conclusions.iter().filter_map(|one| one["basis"].as_str()).collect();
    assert_eq!(bases, ["一致", "", ""], "{theirs}");
    let page = format!("/analyse/cases/{case}/hypotheses");
    let browser = crate::evidence_pages::Browser::of(test, nco).await;
    let (status, seen) = browser.get(&page).await;
    assert_eq!(status, 200, "{seen}");
    assert!(seen.contains("比べた") && seen.contains("一致") && !seen.contains("秘"), "{seen}");
    let browser = crate::evidence_pages::Browser::of(test, analyst).await;
    let (_, seen) = browser.get(&page).await;
    assert!(seen.contains("秘の甲") && seen.contains("秘の丙"), "{seen}");
}

#[tokio::test]
async fn the_timeline_of_a_case_gives_no_reason_for_what_its_reader_may_not_see() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    desk.hold(&[address(1, 5), address(2, 5)]).await;
    desk.hold_as(&[address(3, 5)], Tlp::Red, "import:test").await;
    let case = desk.case(&[id("indicator", 1)]).await;
    for (number, word) in [(2, "公"), (3, "秘")] {
        let item = |verb: &str| json!({ "id": id("indicator", number), "reason": format!("{word}の{verb}") });
        made(test, analyst, &format!("/cases/{case}/items"), item("追加")).await;
        made(test, analyst, &format!("/cases/{case}/items/remove"), item("除外")).await;
    }
    let said = |case: &Value| -> Vec<String> {
        let mut said: Vec<String> = case["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["kind"] == "case.add" || one["kind"] == "case.remove")
            .map(|one| one["text"].as_str().unwrap().to_owned())
            .collect();
        said.sort();
        said
    };
    let (_, whole) = get(test, analyst, &format!("/cases/{case}")).await;
    assert_eq!(said(&whole), ["公の追加", "公の除外", "秘の追加", "秘の除外"], "{whole}");
    let (_, theirs) = get(test, nco, &format!("/cases/{case}")).await;
    assert_eq!(said(&theirs), ["", "", "公の追加", "公の除外"], "{theirs}");
    let browser = crate::evidence_pages::Browser::of(test, nco).await;
    let (status, page) = browser.get(&format!("/analyse/cases/{case}")).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("公の除外") && !page.contains("秘の"), "{page}");
}

/// What a case holds makes its notes stricter; it gives nobody a note that its marking would not give.
#[tokio::test]
async fn what_a_case_holds_makes_no_note_in_it_wider() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let office = noroshi::office::people::Org {
        org: analyst.ctx.org.clone(),
        name_ja: String::new(),
        name_en: String::new(),
        kind: "office".to_owned(),
        sector: None,
    };
    let beside = test.person("beside", &office, Hat::NcoAnalyst).await;
    let second = test.person("second", &office, Hat::CaoAnalyst).await;
    desk.hold(&[address(1, 5)]).await;
    desk.hold_as(&[address(2, 5)], Tlp::AmberStrict, "import:test").await;
    let red = |number: usize, originator: String| NewObject {
        object: StixObject::parse(&address(number, 5).to_string()).unwrap(),
        tlp: Tlp::Red,
        class: LegalClass::CiaN,
        originator,
        source: "import:test".to_owned(),
    };
    let objects = [red(3, "operator".to_owned()), red(4, nco.ctx.org.to_string())];
    let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
    change.writes = rows::insert_objects(&objects, test.house.clock.now());
    test.house.door.commit(&analyst.ctx, change).await.unwrap();
    let texts = async |who: &Someone, case: &str| -> Vec<String> {
        let (_, found) = get(test, who, &format!("/cases/{case}")).await;
        let notes = found["notes"].as_array().unwrap();
        let told = found["timeline"].as_array().unwrap();
        let told = told.iter().filter(|one| one["kind"] == "case.note").count();
        assert_eq!(told, notes.len(), "{found}");
        notes.iter().map(|note| note["text"].as_str().unwrap().to_owned()).collect()
    };
    let note = |text: &str, tlp: &str| json!({ "text": text, "tlp": tlp });

    // Of TLP:AMBER+STRICT: for the writer's organisation, and for those who see what is so marked.
    let case = desk.case(&[id("indicator", 1)]).await;
    made(test, nco, "/inbox/watches", json!({ "kind": "case", "target": case })).await;
    let notes = format!("/cases/{case}/notes");
    made(test, analyst, &notes, note("皆へ", "")).await;
    let item = |number: usize| json!({ "id": id("indicator", number), "reason": "同じ宛先" });
    let (add, remove) = (format!("/cases/{case}/items"), format!("/cases/{case}/items/remove"));
    made(test, analyst, &add, item(2)).await;
    made(test, analyst, &notes, note("厳", "")).await;
    assert_eq!(texts(nco, &case).await, ["皆へ"]);
    assert_eq!(texts(&beside, &case).await, ["皆へ", "厳"], "of the writer's organisation");
    // Of TLP:RED, asked for or not: for the writer, and for those who see what is so marked.
    made(test, analyst, &add, item(3)).await;
    made(test, analyst, &notes, note("赤", "")).await;
    made(test, analyst, &notes, note("赤と言う", "red")).await;
    assert_eq!(texts(nco, &case).await, ["皆へ"]);
    assert_eq!(texts(&beside, &case).await, ["皆へ", "厳"]);
    for who in [analyst, &second] {
        assert_eq!(texts(who, &case).await, ["皆へ", "厳", "赤", "赤と言う"]);
    }
    let (_, inbox) = get(test, nco, "/inbox").await;
    let told = inbox["news"].as_array().unwrap();
    assert_eq!(told.iter().filter(|one| one["trigger"] == "note").count(), 1, "{inbox}");
    let (_, listed) = get(test, nco, "/cases").await;
    assert_eq!(listed["items"][0]["notes"], 1, "what is for others is not counted: {listed}");
    let (_, theirs) = get(test, nco, &format!("/cases/{case}")).await;
    assert_eq!(theirs["notes"][0]["tlp"], "amber", "by what this reader sees: {theirs}");
    // What is taken out gives its notes to nobody else.
    made(test, analyst, &remove, item(3)).await;
    assert_eq!(texts(nco, &case).await, ["皆へ"]);
    assert_eq!(texts(&second, &case).await, ["皆へ", "厳", "赤", "赤と言う"]);

    // Whoever sees all that is so marked reads what was written of it.
    let case = desk.case(&[id("indicator", 1), id("indicator", 4)]).await;
    let notes = format!("/cases/{case}/notes");
    made(test, analyst, &notes, note("赤", "")).await;
    assert_eq!(texts(nco, &case).await, ["赤"]);
    assert!(texts(&beside, &case).await.is_empty());
    made(test, analyst, &format!("/cases/{case}/items"), item(3)).await;
    assert!(texts(nco, &case).await.is_empty(), "one of them is not for that office");
}

/// A chain of statements is followed as far as the reader sees it.
#[tokio::test]
async fn two_objects_are_not_one_by_way_of_a_third_that_is_not_seen() {
    let desk = Desk::open().await;
    let (test, analyst, nco) = (&desk.test, &desk.analyst, &desk.nco);
    let (part, between, whole) = (id("indicator", 1), id("indicator", 2), id("indicator", 3));
    desk.hold(&[address(1, 5), address(3, 6), address(4, 5), address(5, 6)]).await;
    desk.hold_from_report(&[address(2, 7)]).await;
    for (one, into) in [(&part, &between), (&between, &whole)] {
        let body = json!({ "one": one, "into": into, "reason": "同じ活動" });
        made(test, analyst, "/analyse/merges", body).await;
    }
    let case = desk.case(std::slice::from_ref(&part)).await;
    assert_eq!(members(test, nco, &case).await, [part.as_str()]);
    let (_, theirs) = get(test, nco, &format!("/cases/{case}")).await;
    let (_, all) = get(test, analyst, &format!("/cases/{case}")).await;
    assert!(
        all.to_string().contains("198.51.100.3"),
        "one thing for those who see the chain: {all}"
    );
    for secret in ["198.51.100.3", "203.0.113.6", "灯籠3", whole.as_str()] {
        assert!(!theirs.to_string().contains(secret), "{secret}: {theirs}");
    }
    let groups = async |who: &Someone| -> Vec<usize> {
        let (_, found) = get(test, who, "/analyse/correlations").await;
        let groups = found["groups"].as_array().unwrap();
        groups.iter().map(|group| group["members"].as_array().unwrap().len()).collect()
    };
    assert_eq!(
        groups(analyst).await,
        [3],
        "the whole and what shares an address with it or a part"
    );
    assert_eq!(groups(nco).await, [2, 2]);
}
