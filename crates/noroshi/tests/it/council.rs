//! The council and operators: advisories, questions, and exports for their own tools.

use jiff::SignedDuration;
use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::house::{Someone, TestHouse, ask};

struct Scene {
    test: TestHouse,
    legal: Someone,
    second: Someone,
    water: Someone,
    power: Someone,
}

impl Scene {
    async fn open() -> Self {
        let test = TestHouse::open().await;
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let second = test.person("second", &office, Hat::Legal).await;
        let water = test.org("Water (fictional)", "operator", Some("water")).await;
        let power = test.org("Power (fictional)", "operator", Some("electricity")).await;
        let water = test.person("water", &water, Hat::OperatorOfficer).await;
        let power = test.person("power", &power, Hat::OperatorOfficer).await;
        Self { test, legal, second, water, power }
    }

    async fn post(&self, who: &Someone, path: &str, body: Value) -> (u16, Value) {
        ask("POST", self.test.url(&format!("/api/v1{path}")), &who.token, Some(body)).await
    }

    async fn get(&self, who: &Someone, path: &str) -> (u16, Value) {
        ask("GET", self.test.url(&format!("/api/v1{path}")), &who.token, None).await
    }

    async fn hold(&self, texts: &[String]) {
        let objects: Vec<NewObject> = texts
            .iter()
            .map(|text| NewObject {
                object: StixObject::parse(text).unwrap(),
                tlp: Tlp::Green,
                class: LegalClass::CiaN,
                originator: "office".to_owned(),
                source: "import:test".to_owned(),
            })
            .collect();
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.legal.ctx.now);
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
    }

    async fn release(&self, audience: &str, ids: &[&str]) {
        let body = json!({ "audience": audience, "objects": ids });
        let (status, done) = super::house::release(&self.test, &self.legal.token, body).await;
        assert_eq!((status, done["released"].as_u64()), (201, Some(ids.len() as u64)), "{done}");
    }

    fn leaves(&self) -> u64 {
        *self.test.house.door.size().borrow()
    }
}

fn id(number: usize) -> String {
    format!("indicator--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}")
}

fn indicator(number: usize, until: &str) -> String {
    json!({
        "type": "indicator", "spec_version": "2.1", "id": id(number), "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z", "pattern": format!("[domain-name:value = 'c{number}.lantern.example']"),
        "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "valid_until": until,
    })
    .to_string()
}

fn advisory(audience: &str, objects: &[String]) -> Value {
    json!({ "audience": audience, "title": "Lantern", "text": "Block these names.", "objects": objects,
            "tlp": "green", "class": "CIA-N", "needs": "apply" })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advisory_reaches_exactly_its_recipients_and_every_answer_is_kept() {
    let scene = Scene::open().await;
    scene.hold(&[indicator(1, "2099-01-01T00:00:00Z")]).await;
    let wish = advisory("operators:water", &[id(1)]);
    let (status, refused) = scene.post(&scene.legal, "/advisories", wish.clone()).await;
    assert_eq!((status, refused["code"].as_str()), (422, Some("NRS-SHAR-0502")), "{refused}");
    assert!(refused.to_string().contains(&id(1)), "{refused}");
    scene.release("operators:water", &[&id(1)]).await;
    let (status, _) = scene.post(&scene.water, "/advisories", wish.clone()).await;
    assert_eq!(status, 403);
    let (status, made) = scene.post(&scene.legal, "/advisories", wish).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["judged"]["recipients"], json!([scene.water.ctx.org.as_str()]));
    let name = made["id"].as_str().unwrap();

    let (_, inbox) = scene.get(&scene.water, "/advisories/received").await;
    assert_eq!(inbox["items"][0]["objects"], json!([id(1)]), "{inbox}");
    let (_, other) = scene.get(&scene.power, "/advisories/received").await;
    assert_eq!(other["items"], json!([]));
    let answers = format!("/advisories/{name}/answers");
    let (status, absent) = scene.post(&scene.power, &answers, json!({ "answer": "applied" })).await;
    assert_eq!((status, absent["code"].as_str()), (404, Some("NRS-HOUS-0004")));
    let (status, bare) =
        scene.post(&scene.water, &answers, json!({ "answer": "not-applied" })).await;
    assert_eq!((status, bare["code"].as_str()), (422, Some("NRS-SHAR-0511")));
    let before = scene.leaves();
    let why = json!({ "answer": "not-applied", "reason": "The resolver is being replaced." });
    assert_eq!(scene.post(&scene.water, &answers, why).await.0, 201);
    assert_eq!(scene.post(&scene.water, &answers, json!({ "answer": "applied" })).await.0, 201);
    assert_eq!(scene.leaves(), before + 2);
    let (_, whole) = scene.get(&scene.legal, &format!("/advisories/{name}")).await;
    assert_eq!(
        (whole["unanswered"].as_u64(), &whole["recipients"][0]["said"]["answer"]),
        (Some(0), &json!("applied"))
    );
    let (_, inbox) = scene.get(&scene.water, "/advisories/received").await;
    assert_eq!(
        inbox["items"][0]["answers"].as_array().unwrap().len(),
        2,
        "the first answer is kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_class_and_the_second_person_decide_about_an_advisory_as_about_a_release() {
    let scene = Scene::open().await;
    for class in ["CIA", "CIA-PM"] {
        let mut wish = advisory("operators", &[]);
        wish["class"] = json!(class);
        let (status, refused) = scene.post(&scene.legal, "/advisories", wish).await;
        assert_eq!((status, refused["code"].as_str()), (422, Some("NRS-SHAR-0503")), "{refused}");
    }
    let mut wish = advisory("operators", &[]);
    wish["tlp"] = json!("amber");
    let (status, made) = scene.post(&scene.legal, "/advisories", wish).await;
    assert_eq!(status, 202, "{made}");
    let (_, inbox) = scene.get(&scene.water, "/advisories/received").await;
    assert_eq!(inbox["items"], json!([]), "nobody has it before the second person");
    let path = format!("/advisories/{}/second", made["id"].as_str().unwrap());
    let seen = json!({ "digest": made["judged"]["digest"] });
    assert_eq!(scene.post(&scene.legal, &path, seen.clone()).await.1["code"], "NRS-SHAR-0316");
    let other = json!({ "digest": "else" });
    assert_eq!(scene.post(&scene.second, &path, other).await.1["code"], "NRS-SHAR-0014");
    assert_eq!(scene.post(&scene.second, &path, seen).await.0, 201);
    let (_, inbox) = scene.get(&scene.water, "/advisories/received").await;
    assert_eq!(inbox["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advisory_is_withdrawn_and_whoever_was_shown_it_is_told_why() {
    let scene = Scene::open().await;
    let (_, made) = scene.post(&scene.legal, "/advisories", advisory("operators", &[])).await;
    let name = made["id"].as_str().unwrap().to_owned();
    let mut wish = advisory("operators:water", &[]);
    wish["title"] = json!("Later");
    assert_eq!(scene.post(&scene.legal, "/advisories", wish).await.0, 201);
    let (_, inbox) = scene.get(&scene.water, "/advisories/received").await;
    assert_eq!(inbox["items"].as_array().unwrap().len(), 2, "{inbox}");
    let path = format!("/advisories/{name}/withdrawal");
    let why = json!({ "reason": "The names are those of a hospital." });
    assert_eq!(scene.post(&scene.water, &path, why.clone()).await.0, 403);
    let (status, bare) = scene.post(&scene.legal, &path, json!({ "reason": " " })).await;
    assert_eq!((status, bare["code"].as_str()), (422, Some("NRS-SHAR-0513")), "{bare}");
    let dismissal = format!("/advisories/{name}/dismissal");
    let (status, issued) = scene.post(&scene.legal, &dismissal, why.clone()).await;
    assert_eq!((status, issued["code"].as_str()), (409, Some("NRS-SHAR-0507")), "{issued}");
    let before = scene.leaves();
    // Once, however often it is said: an answer may have been lost.
    let send = || {
        let url = scene.test.url(&format!("/api/v1{path}"));
        let (token, text) = (scene.second.token.clone(), why.to_string());
        tokio::task::spawn_blocking(move || {
            let sent = ureq::post(&url)
                .header("authorization", format!("Bearer {token}"))
                .header("idempotency-key", "one")
                .send(text)
                .unwrap();
            (sent.status().as_u16(), sent.into_body().read_to_string().unwrap())
        })
    };
    let first = send().await.unwrap();
    assert_eq!((first.0, send().await.unwrap()), (201, first));
    assert_eq!(scene.leaves(), before + 1);

    // It leads now, says why, and is not to be answered; whoever never saw it does not see it any more.
    let (_, inbox) = scene.get(&scene.water, "/advisories/received").await;
    assert_eq!(inbox["items"][0]["id"], name.as_str(), "{inbox}");
    assert_eq!(inbox["items"][0]["withdrawn_reason"], why["reason"], "{inbox}");
    assert_eq!(scene.leaves(), before + 2, "that it was shown is recorded");
    let (_, inbox) = scene.get(&scene.power, "/advisories/received").await;
    assert_eq!(inbox["items"], json!([]));
    let answers = format!("/advisories/{name}/answers");
    let applied = json!({ "answer": "applied" });
    assert_eq!(
        scene.post(&scene.water, &answers, applied.clone()).await.1["code"],
        "NRS-SHAR-0508"
    );
    assert_eq!(scene.post(&scene.power, &answers, applied).await.0, 404);
    for (path, body) in [("reminders", json!({})), ("withdrawal", why)] {
        let path = format!("/advisories/{name}/{path}");
        let (status, refused) = scene.post(&scene.legal, &path, body).await;
        assert_eq!((status, refused["code"].as_str()), (409, Some("NRS-SHAR-0508")), "{refused}");
    }
    let (_, whole) = scene.get(&scene.legal, &format!("/advisories/{name}")).await;
    for one in whole["recipients"].as_array().unwrap() {
        let told = one["org"] == scene.water.ctx.org.as_str();
        assert_eq!(one["told_at"].is_string(), told, "{whole}");
    }
}

/// A waiting proposal is bound to what the first person saw; where that has changed for good, nobody can issue it.
#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_cannot_be_issued_any_more_is_dismissed() {
    let scene = Scene::open().await;
    let mut wish = advisory("operators", &[]);
    wish["tlp"] = json!("amber");
    let why = json!({ "reason": "Another operator has come." });
    for who in [&scene.second, &scene.legal] {
        let (status, made) = scene.post(&scene.legal, "/advisories", wish.clone()).await;
        assert_eq!(status, 202, "{made}");
        let path = |last: &str| format!("/advisories/{}/{last}", made["id"].as_str().unwrap());
        let digest = json!({ "digest": made["judged"]["digest"] });
        let name = format!("Newcomer of {} (fictional)", who.ctx.person);
        scene.test.org(&name, "operator", Some("water")).await;
        let (_, changed) = scene.post(&scene.second, &path("second"), digest.clone()).await;
        assert_eq!(changed["code"], "NRS-SHAR-0014", "{changed}");
        let (_, waits) = scene.post(&scene.legal, &path("withdrawal"), why.clone()).await;
        assert_eq!(waits["code"], "NRS-SHAR-0509", "{waits}");
        assert_eq!(scene.post(&scene.water, &path("dismissal"), why.clone()).await.0, 403);
        assert_eq!(scene.post(who, &path("dismissal"), why.clone()).await.0, 201);
        let (status, gone) = scene.post(&scene.second, &path("second"), digest).await;
        assert_eq!((status, gone["code"].as_str()), (409, Some("NRS-SHAR-0508")), "{gone}");
        let (_, one) =
            scene.get(&scene.legal, &format!("/advisories/{}", made["id"].as_str().unwrap())).await;
        assert_eq!(one["advisory"]["withdrawn_reason"], why["reason"], "{one}");
        assert!(one["advisory"]["issued_at"].is_null(), "{one}");
    }
    let (_, inbox) = scene.get(&scene.water, "/advisories/received").await;
    assert_eq!(inbox["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_seen_and_answered_by_their_two_parties_only() {
    let scene = Scene::open().await;
    let due = (scene.test.house.clock.now() + SignedDuration::from_hours(24)).to_string();
    let wish =
        json!({ "to": scene.water.ctx.org.as_str(), "words": "Which resolvers?", "due_at": due });
    let (status, refused) = scene.post(&scene.legal, "/questions", wish.clone()).await;
    assert_eq!((status, refused["code"].as_str()), (422, Some("NRS-SHAR-0520")), "no member yet");
    for who in [&scene.water, &scene.power] {
        let seat = json!({ "consent": "letter 1" });
        assert_eq!(
            scene.post(&scene.legal, &format!("/council/{}", who.ctx.org), seat).await.0,
            201
        );
    }
    let (status, made) = scene.post(&scene.legal, "/questions", wish).await;
    assert_eq!(status, 201, "{made}");
    let reply = format!("/questions/{}/reply", made["id"].as_str().unwrap());
    let words = json!({ "words": "The law of another matter forbids it.", "declines": true });
    let (status, absent) = scene.post(&scene.power, &reply, words.clone()).await;
    let (_, never) = scene.post(&scene.power, "/questions/question-0/reply", words.clone()).await;
    assert_eq!((status, &absent["code"]), (404, &never["code"]), "forbidden and absent are alike");
    assert_eq!(scene.post(&scene.legal, &reply, words.clone()).await.1["code"], "NRS-SHAR-0523");
    assert_eq!(scene.post(&scene.water, &reply, words.clone()).await.0, 201);
    assert_eq!(scene.post(&scene.water, &reply, words).await.1["code"], "NRS-SHAR-0524");
    let mine = json!({ "words": "Is it the same campaign?", "due_at": due });
    assert_eq!(scene.post(&scene.water, "/questions", mine).await.0, 201);
    let seat = scene.test.url(&format!("/api/v1/council/{}", scene.power.ctx.org));
    let (status, left) = ask("DELETE", seat, &scene.legal.token, None).await;
    assert_eq!((status, left["id"].as_str()), (200, Some(scene.power.ctx.org.as_str())), "{left}");
    let (_, listed) = scene.get(&scene.legal, "/questions").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(listed["items"][1]["state"], "declined");
    assert_eq!(scene.get(&scene.power, "/questions").await.1["items"], json!([]));
}

fn fetch(url: &str, token: &str, tag: &str) -> (u16, String, String) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .get(url)
        .header("authorization", format!("Bearer {token}"))
        .header("if-none-match", tag)
        .call()
        .unwrap();
    let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    (status, tag.unwrap_or_default(), answer.body_mut().read_to_string().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_what_passes_now_and_is_recorded_before_it_is_sent() {
    let scene = Scene::open().await;
    scene
        .hold(&[
            indicator(1, "2099-01-01T00:00:00Z"),
            indicator(2, "2026-01-02T00:00:00Z"),
            indicator(3, "2099-01-01T00:00:00Z"),
            indicator(4, "2099-01-01T00:00:00Z"),
        ])
        .await;
    scene.release("operators:water", &[&id(1), &id(2), &id(3)]).await;
    let get = async |who: &Someone, path: &str, tag: &str| {
        let url = scene.test.url(&format!("/api/v1/exports/{path}"));
        let (token, tag) = (who.token.clone(), tag.to_owned());
        tokio::task::spawn_blocking(move || fetch(&url, &token, &tag)).await.unwrap()
    };
    for (path, ends) in [
        ("operators:water/rpz", false),
        ("operators:water/suricata/noroshi.csv", true),
        ("operators:water/zeek", true),
        ("operators:water/csv", true),
        ("operators:water/stix", true),
    ] {
        let before = scene.leaves();
        let (status, tag, text) = get(&scene.water, path, "").await;
        assert_eq!(status, 200, "{path}: {text}");
        assert_eq!(scene.leaves(), before + 1, "{path}");
        assert!(
            text.contains("c1.lantern.example") && text.contains("c3.lantern.example"),
            "{text}"
        );
        assert!(!text.contains("c2.lantern") && !text.contains("c4.lantern"), "{text}");
        assert!(
            !ends || text.contains("2099-01-01") || text.contains("4070908800"),
            "{path}: {text}"
        );
        assert_eq!(get(&scene.water, path, &tag).await.0, 304, "{path}");
        assert_eq!(scene.leaves(), before + 1, "what is the same is not handed out again");
    }
    let (status, _, rules) = get(&scene.water, "operators:water/suricata", "").await;
    assert!(status == 200 && rules.contains("dataset"), "{rules}");
    for (who, path) in [
        (&scene.power, "operators:water/csv"),
        (&scene.power, "operators:none/csv"),
        (&scene.water, "operators:water/xls"),
    ] {
        assert_eq!(get(who, path, "").await.0, 404, "{path}");
    }
    let (_, tag, _) = get(&scene.water, "operators:water/csv", "").await;
    let recall = json!({ "object": id(3), "kind": "recall", "reason": "wrong" });
    assert_eq!(scene.post(&scene.legal, "/recalls", recall).await.0, 201);
    let (status, _, text) = get(&scene.water, "operators:water/csv", &tag).await;
    assert!(status == 200 && !text.contains("c3.lantern"), "{text}");
    let (status, _, own) = get(&scene.water, "own/csv", "").await;
    assert!(status == 200 && !own.contains("lantern"), "{own}");
}
