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
        let objects = [NewObject {
            object: StixObject::parse(text).unwrap(),
            tlp: Tlp::Green,
            class: LegalClass::CiaN,
            originator: "office".to_owned(),
            source: source.to_owned(),
        }];
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.legal.ctx.now);
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
    }

    async fn release(&self, ids: &[&String]) {
        let body = json!({ "audience": "operators", "objects": ids });
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

    /// What is found once it is there: the house looks at what names an object after the answer.
    async fn awaited(&self, who: &Someone, cursor: &str, wanted: &[&str]) -> String {
        for _ in 0..200 {
            let (found, at) = self.next(who, cursor).await;
            if found == wanted {
                return at;
            }
            pause(std::time::Duration::from_millis(25)).await;
        }
        panic!("{:?} and not {wanted:?}", self.next(who, cursor).await)
    }

    async fn leaves(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM office_audit WHERE command = 'share.place_again'";
        self.test.house.store.read(move |reader| reader.number(sql, &[])).await.unwrap()
    }
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
