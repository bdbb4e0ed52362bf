//! Reports, sightings and an ally's bundle meet; cases keep what was said.

use noroshi_charter::hat::Hat;
use serde_json::{Value, json};

use crate::evidence::{bundle, import, indicator};
use crate::house::{Someone, TestHouse, ask};

const CREATED: &str = "2026-11-01T00:00:00.000Z";

async fn get(test: &TestHouse, who: &Someone, path: &str) -> (u16, Value) {
    ask("GET", test.url(&format!("/api/v1{path}")), &who.token, None).await
}

async fn post(test: &TestHouse, who: &Someone, path: &str, body: Value) -> (u16, Value) {
    ask("POST", test.url(&format!("/api/v1{path}")), &who.token, Some(body)).await
}

pub(crate) fn report(damage: &str, indicators: &[&str]) -> Value {
    let aware = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(5);
    json!({
        "stage": "initial", "aware_at": format!("{aware:.3}"), "trigger": "alert",
        "event_kinds": ["unauthorised-access"], "computers": [{ "class": "K1", "name": "server", "registered": true }],
        "operator": { "name": "架空", "contact": "soc@operator.example", "phone24h": "+81-3-0000-0000" },
        "outline": "不審な外向き通信。", "technical": "t", "indicators": indicators, "response": "r", "other": "",
        "impact": { "service_stop_minutes": 30, "persons_affected": 10, "loss_yen": 0, "personal_data": false },
        "damage_kind": damage,
    })
}

struct Nation {
    analyst: Someone,
    nco: Someone,
    reports: Vec<String>,
}

async fn nation(test: &TestHouse) -> Nation {
    let office = test.org("office", "office", None).await;
    let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
    let nco = test.person("nco", &office, Hat::NcoAnalyst).await;
    let mut reports = Vec::new();
    for (number, sector) in ["energy", "health"].into_iter().enumerate() {
        let org = test.org(&format!("operator-{number}"), "operator", Some(sector)).await;
        let officer = test.person(&format!("officer-{number}"), &org, Hat::OperatorOfficer).await;
        let body = report("intrusion", &["203.0.113.77", "10.0.0.1"]);
        let (status, filed) = post(test, &officer, "/reports", body).await;
        assert_eq!(status, 201, "{filed}");
        reports.push(filed["id"].as_str().unwrap().to_owned());
    }
    let ally = indicator(1, "[ipv4-addr:value = '203.0.113.77']", CREATED);
    import(test, &analyst, bundle(&[ally])).await;
    Nation { analyst, nco, reports }
}

#[tokio::test]
async fn reports_and_an_allys_object_meet_with_the_reason_shown() {
    let test = TestHouse::open().await;
    let Nation { analyst, nco, reports } = nation(&test).await;
    let (status, found) = get(&test, &analyst, "/analyse/correlations").await;
    assert_eq!((status, found["groups"].as_array().unwrap().len()), (200, 1), "{found}");
    let group = &found["groups"][0];
    assert_eq!(group["members"].as_array().unwrap().len(), 3, "two reports and the ally: {group}");
    assert_eq!(group["reasons"][0]["observable"], "203.0.113.77");
    assert_eq!(group["campaign"]["victims"].as_array().unwrap().len(), 2, "{group}");
    assert_eq!(
        found["passed"][0]["observable"], "10.0.0.1",
        "what is in every network connects nothing: {found}"
    );

    // The picture: the analyst sees cells of one operator, the other office none of them.
    let (_, whole) = get(&test, &analyst, "/analyse/picture").await;
    assert_eq!(
        (whole["cells"].as_array().unwrap().len(), &whole["totals"]["count"]),
        (2, &json!(2)),
        "{whole}"
    );
    assert_eq!(whole["totals"]["service_minutes"], 60);
    let (_, thin) = get(&test, &nco, "/analyse/picture").await;
    assert_eq!((&thin["cells"], &thin["withheld_cells"]), (&json!([]), &json!(2)), "{thin}");
    assert_eq!(thin["totals"]["count"], 0, "totals cannot be subtracted from: {thin}");
    let (_, theirs) = get(&test, &nco, "/analyse/correlations").await;
    assert_eq!((&theirs["groups"], &theirs["hidden_reports"]), (&json!([]), &json!(2)), "{theirs}");
    for report in &reports {
        assert!(!theirs.to_string().contains(report), "{theirs}");
    }
    // What stems from reports is not in that office's search either.
    let (_, page) = get(&test, &nco, "/evidence/objects?q=203.0.113.77").await;
    let ids: Vec<&str> =
        page["items"].as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids, ["indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000001"], "{page}");
}

#[tokio::test]
async fn a_case_keeps_its_members_notes_and_reasons() {
    let test = TestHouse::open().await;
    let Nation { analyst, nco, reports } = nation(&test).await;
    let new =
        json!({ "title": "架空合同事案", "summary": "共通の指令サーバー", "members": reports });
    let (status, made) = post(&test, &analyst, "/cases", new.clone()).await;
    assert_eq!(status, 201, "{made}");
    let case = format!("/cases/{}", made["id"].as_str().unwrap());
    let ally = "indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000001";
    let add = json!({ "id": ally, "reason": "同じ宛先" });
    assert_eq!(post(&test, &analyst, &format!("{case}/items"), add.clone()).await.0, 201);
    assert_eq!(
        post(&test, &analyst, &format!("{case}/items"), add.clone()).await.0,
        409,
        "it is in already"
    );
    assert_eq!(
        post(&test, &analyst, &format!("{case}/notes"), json!({ "text": "観測を依頼した" }))
            .await
            .0,
        201
    );
    let (_, found) = get(&test, &analyst, &case).await;
    assert_eq!(found["members"].as_array().unwrap().len(), 3, "{found}");
    assert_eq!(found["notes"][0]["text"], "観測を依頼した");
    assert_eq!(
        found["observables"][0],
        json!({ "value": "203.0.113.77", "type": "ipv4-addr", "members": 3 }),
        "{found}"
    );
    let out = json!({ "id": ally, "reason": "別件と判明" });
    assert_eq!(post(&test, &analyst, &format!("{case}/items/remove"), out).await.0, 201);
    let (_, found) = get(&test, &analyst, &case).await;
    assert_eq!(found["members"].as_array().unwrap().len(), 2, "{found}");
    let kinds: Vec<&str> = found["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    for kind in ["case.open", "case.add", "case.note", "case.remove", "report"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert_eq!(
        post(&test, &analyst, &format!("{case}/items"), add).await.0,
        201,
        "it may come back"
    );

    // Another office reads the case without operators' names, and changes nothing.
    let (_, theirs) = get(&test, &nco, &case).await;
    assert!(!theirs.to_string().contains("operator-"), "{theirs}");
    let (status, said) = post(&test, &nco, &format!("{case}/notes"), json!({ "text": "x" })).await;
    assert_eq!((status, &said["code"]), (403, &json!("NRS-AUTH-0003")));
    for (bad, code) in [
        (json!({ "title": "", "members": [reports[0]] }), "NRS-ANAL-0002"),
        (json!({ "title": "x", "members": [] }), "NRS-ANAL-0004"),
        (json!({ "title": "x", "members": ["report-nowhere"] }), "NRS-ANAL-0005"),
    ] {
        let (status, said) = post(&test, &analyst, "/cases", bad).await;
        assert_eq!((status, said["items"][0]["code"].as_str()), (422, Some(code)), "{said}");
    }
    assert_eq!(get(&test, &analyst, "/cases/case-0000").await.0, 404);
}
