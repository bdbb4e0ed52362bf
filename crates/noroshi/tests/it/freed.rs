//! A loosened opinion: what had been kept is found at a new place of the streams it was released to.

use noroshi::evidence::rows::{self, FROM_AGREEMENTS, NewObject};
use noroshi::office::commit::Change;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::house::{Someone, TestHouse, ask, pause};

struct Scene {
    test: TestHouse,
    legal: Someone,
    water: Someone,
    power: Someone,
}

fn tool(number: usize, names: &[String]) -> (String, String) {
    let id = format!("tool--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}");
    let mut text = json!({
        "type": "tool", "spec_version": "2.1", "id": id, "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z", "name": format!("lantern {number}"),
        "object_marking_refs": [Tlp::Green.marking_id().as_str()],
    });
    if !names.is_empty() {
        text["x_about_refs"] = json!(names);
    }
    (id, text.to_string())
}

impl Scene {
    async fn open() -> Self {
        let test = TestHouse::open().await;
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let water = test.org("Water (fictional)", "operator", Some("water")).await;
        let power = test.org("Power (fictional)", "operator", Some("electricity")).await;
        let water = test.person("water", &water, Hat::OperatorOfficer).await;
        let power = test.person("power", &power, Hat::OperatorOfficer).await;
        Self { test, legal, water, power }
    }

    async fn post(&self, path: &str, body: Value) {
        let url = self.test.url(&format!("/api/v1{path}"));
        let (status, done) = ask("POST", url, &self.legal.token, Some(body)).await;
        assert_eq!(status, 201, "{path}: {done}");
    }

    async fn hold(&self, text: &str, source: &str) {
        self.hold_as(text, source, (Tlp::Green, LegalClass::CiaN)).await;
    }

    async fn hold_as(&self, text: &str, source: &str, (tlp, class): (Tlp, LegalClass)) {
        let objects = [NewObject {
            object: StixObject::parse(text).unwrap(),
            tlp,
            class,
            originator: "office".to_owned(),
            source: source.to_owned(),
        }];
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.test.house.clock.now());
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
    }

    async fn release(&self, ids: &[&String]) {
        self.release_to("operators", ids).await;
    }

    async fn release_to(&self, audience: &str, ids: &[&String]) {
        let body = json!({ "audience": audience, "objects": ids });
        let (status, done) = super::house::release(&self.test, &self.legal.token, body).await;
        assert_eq!(status, 201, "{done}");
    }

    async fn only(&self, id: &str, orgs: &[&Someone]) {
        let orgs: Vec<&str> = orgs.iter().map(|who| who.ctx.org.as_str()).collect();
        self.post("/handling", json!({ "objects": [id], "restricted_to": orgs })).await;
    }

    /// What a reader of the change stream finds after its cursor, by name, and the cursor to go on from. Messages of the
    /// office are left out.
    async fn next(&self, who: &Someone, cursor: &str) -> (Vec<String>, String) {
        let from = if cursor.is_empty() { String::new() } else { format!("?cursor={cursor}") };
        let url = self.test.url(&format!("/api/v1/changes{from}"));
        let (status, lines) = ask("GET", url, &who.token, None).await;
        let lines = match lines {
            Value::String(text) => text,
            one => one.to_string(),
        };
        assert_eq!(status, 200, "{lines}");
        let mut at = cursor.to_owned();
        let mut found = Vec::new();
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if let Some(cursor) = line["cursor"].as_str() {
                at = cursor.to_owned();
            }
            found.extend(line["object"]["name"].as_str().map(str::to_owned));
        }
        (found, at)
    }

    /// What is found once it is there, by name: the house looks at what names an object after the answer.
    async fn awaited(&self, who: &Someone, cursor: &str, wanted: &[&str]) -> String {
        for _ in 0..200 {
            let (mut found, at) = self.next(who, cursor).await;
            found.sort();
            if found == wanted {
                return at;
            }
            pause(std::time::Duration::from_millis(25)).await;
        }
        panic!("{:?} and not {wanted:?}", self.next(who, cursor).await)
    }

    async fn leaves(&self) -> i64 {
        self.number("SELECT COUNT(*) FROM office_audit WHERE command = 'share.place_again'").await
    }

    async fn number(&self, sql: &'static str) -> i64 {
        self.test.house.store.read(move |reader| reader.number(sql, &[])).await.unwrap()
    }

    /// Waits until nothing is to be looked at any more.
    async fn settled(&self) {
        let mut quiet = 0;
        for _ in 0..2_000 {
            let open = self.number("SELECT COUNT(*) FROM share_look").await;
            quiet = if open == 0 { quiet + 1 } else { 0 };
            if quiet == 10 {
                return;
            }
            pause(std::time::Duration::from_millis(25)).await;
        }
        panic!("the watch does not come to an end");
    }
}

/// A later version of the same object.
fn later(text: &str, month: u8) -> String {
    text.replace("\"modified\":\"2026-01", &format!("\"modified\":\"2026-{month:02}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_ceiling_kept_is_found_behind_the_cursor_when_it_rises() {
    let scene = Scene::open().await;
    let (one, text) = tool(1, &[]);
    let (other, about) = tool(2, std::slice::from_ref(&one));
    let (open, clear) = tool(3, &[]);
    let marking = |tlp: Tlp| tlp.marking_id().as_str().to_owned();
    let clear = clear.replace(&marking(Tlp::Green), &marking(Tlp::Clear));
    scene.hold(&text, "import:test").await;
    scene.hold(&about, "import:test").await;
    scene.hold_as(&clear, "import:test", (Tlp::Clear, LegalClass::CiaN)).await;
    let ceiling = async |tlp: &str| {
        let path = format!("/organisations/{}/ceiling", scene.power.ctx.org);
        scene.post(&path, json!({ "class": "CIA", "tlp": tlp })).await;
    };
    ceiling("clear").await;
    scene.release(&[&one, &other, &open]).await;
    let (found, power) = scene.next(&scene.power, "").await;
    assert_eq!(found, ["lantern 3"]);
    ceiling("amber").await;
    // What it could have before stays where it is.
    let power = scene.awaited(&scene.power, &power, &["lantern 1", "lantern 2"]).await;
    scene.settled().await;
    assert_eq!(scene.leaves().await, 2);
    // Higher still it lets nothing more through, and nothing moves.
    ceiling("red").await;
    scene.settled().await;
    assert_eq!(scene.leaves().await, 2);
    assert_eq!(scene.next(&scene.power, &power).await.0, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_passed_while_no_finding_held_is_found_when_it_is_renewed() {
    let scene = Scene::open().await;
    let org = scene.test.org("Allied CERT (fictional)", "partner", None).await;
    let ally = scene.test.person("ally", &org, Hat::PartnerForeign).await;
    let finding = async |hours: i64| {
        let until = scene.test.house.clock.now() + jiff::SignedDuration::from_hours(hours);
        let body = json!({ "scope": "CIA-P", "valid_until": until.to_string() });
        scene.post(&format!("/partners/{}/findings", org.org), body).await;
    };
    finding(24).await;
    let (one, text) = tool(1, &[]);
    scene.hold(&text, "import:test").await;
    scene.release_to(&format!("partner:{}", org.org), &[&one]).await;
    finding(0).await;
    let (found, cursor) = scene.next(&ally, "").await;
    assert_eq!(found, [""; 0]);
    finding(24).await;
    let cursor = scene.awaited(&ally, &cursor, &["lantern 1"]).await;
    // Renewed before it ends, it changes nothing.
    finding(48).await;
    scene.settled().await;
    assert_eq!((scene.leaves().await, scene.next(&ally, &cursor).await.0), (1, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_something_that_comes_back_is_found_again_with_it() {
    let scene = Scene::open().await;
    let (one, text) = tool(1, &[]);
    let (other, about) = tool(2, std::slice::from_ref(&one));
    scene.hold(&text, "import:test").await;
    scene.hold(&about, "import:test").await;
    scene.release(&[&one, &other]).await;
    let (found, _) = scene.next(&scene.power, "").await;
    assert_eq!(found, ["lantern 1", "lantern 2"]);
    scene.post("/recalls", json!({ "object": one, "kind": "recall", "reason": "wrong" })).await;
    scene.settled().await;
    let (_, power) = scene.next(&scene.power, "").await;
    scene.hold(&later(&text, 2), "import:test").await;
    scene.settled().await;
    scene.release(&[&one]).await;
    scene.awaited(&scene.power, &power, &["lantern 1", "lantern 2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_less_strictly_again_is_found_again() {
    let scene = Scene::open().await;
    let (one, text) = tool(1, &[]);
    scene.hold(&text, "import:test").await;
    scene.release(&[&one]).await;
    let (found, _) = scene.next(&scene.power, "").await;
    assert_eq!(found, ["lantern 1"]);
    scene.hold_as(&later(&text, 2), "import:test", (Tlp::Red, LegalClass::CiaN)).await;
    scene.settled().await;
    let (found, power) = scene.next(&scene.power, "").await;
    assert_eq!(found, [""; 0]);
    assert_eq!(scene.number("SELECT COUNT(*) FROM share_told").await, 1, "it was told");
    scene.hold(&later(&text, 3), "import:test").await;
    scene.awaited(&scene.power, &power, &["lantern 1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_review_clears_is_found_behind_the_cursor() {
    let scene = Scene::open().await;
    let cabinet = scene.test.org("Cabinet Office (fictional)", "office", None).await;
    let first = scene.test.person("first", &cabinet, Hat::CaoAnalyst).await;
    let second = scene.test.person("second", &cabinet, Hat::PmDesk).await;
    let (one, text) = tool(1, &[]);
    let (root, selected) = tool(2, &[]);
    scene.hold(&text, "import:test").await;
    scene.release(&[&one]).await;
    scene.hold_as(&selected, "import:test", (Tlp::Green, LegalClass::Cia)).await;
    let derived = json!({
        "type": "relationship", "spec_version": "2.1", "id": "relationship--1b6ea7d9-2b0f-4f55-8f0a-000000000009",
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "relationship_type": "derived-from", "source_ref": one, "target_ref": root,
        "object_marking_refs": [Tlp::Green.marking_id().as_str()],
    });
    scene.hold(&derived.to_string(), "import:test").await;
    let (found, power) = scene.next(&scene.power, "").await;
    assert_eq!(found, [""; 0], "it was made from what was selected");
    let asked = json!({ "object": one, "reason": "for operators" });
    let url = scene.test.url("/api/v1/reviews");
    let (status, made) = ask("POST", url, &first.token, Some(asked)).await;
    assert_eq!(status, 201, "{made}");
    let review = format!("/api/v1/reviews/{}", made["id"].as_str().unwrap());
    let (_, seen) = ask("GET", scene.test.url(&review), &first.token, None).await;
    for (who, to) in [
        (&first, "provenance_checked"),
        (&second, "secret_checked"),
        (&scene.legal, "rights_checked"),
        (&scene.legal, "released"),
    ] {
        let body = json!({ "to": to, "reason": "checked", "digest": seen["digest"] });
        let url = scene.test.url(&format!("{review}/steps"));
        let (status, done) = ask("POST", url, &who.token, Some(body)).await;
        assert_eq!(status, 201, "{to}: {done}");
    }
    scene.awaited(&scene.power, &power, &["lantern 1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_have_it_again_finds_it_behind_its_cursor() {
    let scene = Scene::open().await;
    let (one, text) = tool(1, &[]);
    let (other, about) = tool(2, std::slice::from_ref(&one));
    scene.hold(&text, "import:test").await;
    scene.hold(&about, "import:test").await;
    scene.only(&one, &[&scene.water]).await;
    scene.release(&[&one, &other]).await;
    let (found, water) = scene.next(&scene.water, "").await;
    assert_eq!(found, ["lantern 1", "lantern 2"]);
    // The other leaves without the name of what is not for this reader, and the reader goes on.
    let (found, power) = scene.next(&scene.power, "").await;
    assert_eq!(found, ["lantern 2"]);
    assert_eq!(scene.next(&scene.power, &power).await.0, [""; 0]);
    assert_eq!(scene.leaves().await, 0);

    scene.only(&one, &[&scene.water, &scene.power]).await;
    let power = scene.awaited(&scene.power, &power, &["lantern 1", "lantern 2"]).await;
    assert_eq!(scene.leaves().await, 2, "each new place has a leaf");
    let (_, _) = scene.next(&scene.water, &water).await;

    // Said again it loosens nothing, and nothing moves.
    scene.only(&one, &[&scene.water, &scene.power]).await;
    assert_eq!(scene.leaves().await, 2);
    assert_eq!(scene.next(&scene.power, &power).await.0, [""; 0]);

    // Restricted anew, whoever got it is told; lifted, everybody finds it again.
    scene.only(&one, &[]).await;
    scene.post("/handling", json!({ "objects": [one], "lifts": true })).await;
    scene.awaited(&scene.power, &power, &["lantern 1", "lantern 2"]).await;
    let sql = "SELECT COUNT(*) FROM share_recall_recipient";
    let told = scene.test.house.store.read(move |reader| reader.number(sql, &[])).await.unwrap();
    assert!(told >= 2, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifted_opinion_lets_it_out_to_those_it_was_released_to() {
    let scene = Scene::open().await;
    let (one, text) = tool(1, &[]);
    scene.hold(&text, "import:test").await;
    scene.only(&one, &[&scene.water]).await;
    scene.release(&[&one]).await;
    let (found, power) = scene.next(&scene.power, "").await;
    assert_eq!(found, [""; 0]);
    scene.post("/handling", json!({ "objects": [one], "lifts": true })).await;
    scene.awaited(&scene.power, &power, &["lantern 1"]).await;
    assert_eq!(scene.leaves().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_of_a_party_frees_what_was_made_from_what_it_brought() {
    let scene = Scene::open().await;
    let (root, text) = tool(1, &[]);
    let (middle, between) = tool(2, std::slice::from_ref(&root));
    let (leaf, about) = tool(3, &[]);
    scene.hold(&text, &format!("{FROM_AGREEMENTS}party-1")).await;
    scene.hold(&between, "import:test").await;
    scene.hold(&about, "import:test").await;
    scene.release(&[&leaf]).await;
    // It turns out that it was made from something that was made from what the agreement brought; neither was released.
    let derived = json!({
        "type": "relationship", "spec_version": "2.1", "id": "relationship--1b6ea7d9-2b0f-4f55-8f0a-000000000009",
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "relationship_type": "derived-from", "source_ref": leaf, "target_ref": middle,
        "object_marking_refs": [Tlp::Green.marking_id().as_str()],
    });
    scene.hold(&derived.to_string(), "import:test").await;
    let (found, power) = scene.next(&scene.power, "").await;
    assert_eq!(found, [""; 0], "the party has not consented");
    scene.post("/handling", json!({ "objects": [root], "consent": "letter 1" })).await;
    scene.awaited(&scene.power, &power, &["lantern 3"]).await;
    assert_eq!(scene.leaves().await, 1);
}
