//! What leaves the house and what does not: releases, and the TAXII server as partners see it.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::house::{Someone, TestHouse, ask};

const TAXII: &str = "application/taxii+json;version=2.1";

struct Scene {
    test: Arc<TestHouse>,
    legal: Someone,
    ally: Someone,
    other: Someone,
    collection: String,
}

struct Got {
    status: u16,
    kind: String,
    first: Option<String>,
    last: Option<String>,
    challenge: bool,
    text: String,
    json: Value,
}

fn get_now(url: &str, authorization: &str, accept: &str) -> Got {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .get(url)
        .header("authorization", authorization)
        .header("accept", accept)
        .call()
        .unwrap();
    let header =
        |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (first, last) = (header("x-taxii-date-added-first"), header("x-taxii-date-added-last"));
    let (kind, challenge) =
        (header("content-type").unwrap_or_default(), header("www-authenticate").is_some());
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().unwrap();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Got { status, kind, first, last, challenge, text, json }
}

impl Scene {
    async fn open() -> Self {
        let test = Arc::new(TestHouse::open().await);
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let ally_org = test.org("Allied CERT (fictional)", "partner", None).await;
        let other_org = test.org("Other CERT (fictional)", "partner", None).await;
        let ally = test.person("ally", &ally_org, Hat::PartnerForeign).await;
        let other = test.person("other", &other_org, Hat::PartnerForeign).await;
        let mut scene = Self { test, legal, ally, other, collection: String::new() };
        scene.find(SignedDuration::from_hours(24)).await;
        let opened = scene
            .post("/collections", json!({ "partner": ally_org.org, "title": "Lantern" }), 201)
            .await;
        opened["id"].as_str().unwrap().clone_into(&mut scene.collection);
        scene
    }

    async fn find(&self, life: SignedDuration) {
        let until = self.test.house.clock.now() + life;
        let path = format!("/partners/{}/findings", self.ally.ctx.org);
        self.post(&path, json!({ "scope": "CIA-P", "valid_until": until.to_string() }), 201).await;
    }

    async fn post(&self, path: &str, body: Value, status: u16) -> Value {
        let url = self.test.url(&format!("/api/v1{path}"));
        let (got, answer) = ask("POST", url, &self.legal.token, Some(body)).await;
        assert_eq!(got, status, "{path}: {answer}");
        answer
    }

    async fn hold(&self, texts: &[String], tlp: Tlp, class: LegalClass, source: &str) {
        let objects: Vec<NewObject> = texts
            .iter()
            .map(|text| NewObject {
                object: StixObject::parse(text).unwrap(),
                tlp,
                class,
                originator: "allied-cert".to_owned(),
                source: source.to_owned(),
            })
            .collect();
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.legal.ctx.now);
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
    }

    async fn release(&self, ids: &[String]) -> Value {
        self.released(json!({ "collection": self.collection, "objects": ids }), 201).await
    }

    async fn released(&self, wish: Value, status: u16) -> Value {
        let (got, answer) = super::house::release(&self.test, &self.legal.token, wish).await;
        assert_eq!(got, status, "{answer}");
        answer
    }

    fn below(&self, path: &str) -> String {
        self.test.url(&format!("/taxii2/root/collections/{}{path}", self.collection))
    }

    async fn get(&self, who: &Someone, url: String) -> Got {
        let bearer = format!("Bearer {}", who.token);
        tokio::task::spawn_blocking(move || get_now(&url, &bearer, TAXII)).await.unwrap()
    }

    async fn read(&self, query: &str) -> Got {
        self.get(&self.ally, self.below(&format!("/objects/{query}"))).await
    }

    fn leaves(&self) -> u64 {
        *self.test.house.door.size().borrow()
    }
}

fn ids_of(got: &Got) -> Vec<String> {
    let objects = got.json["objects"].as_array().cloned().unwrap_or_default();
    objects.iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
}

fn uuid(number: usize) -> String {
    format!("1b6ea7d9-2b0f-4f55-8f0a-{number:012x}")
}

fn indicator(number: usize) -> String {
    version(number, "2026-01-01T00:00:00.000Z")
}

fn version(number: usize, modified: &str) -> String {
    format!(
        r#"{{"type": "indicator",  "spec_version":"2.1","id":"indicator--{}","created":"2026-01-01T00:00:00.000Z","modified":"{modified}","name":"i{number}","pattern":"[ipv4-addr:value = '198.51.100.{}']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","x_kept":1.0}}"#,
        uuid(number),
        number % 256
    )
}

fn malware(number: usize) -> String {
    format!(
        r#"{{"type":"malware","spec_version":"2.1","id":"malware--{}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"m{number}","is_family":true}}"#,
        uuid(number)
    )
}

fn edge(number: usize, from: &str, to: &str) -> String {
    format!(
        r#"{{"type":"relationship","spec_version":"2.1","id":"relationship--{}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","relationship_type":"indicates","source_ref":"{from}","target_ref":"{to}"}}"#,
        uuid(number)
    )
}

fn id_of(text: &str) -> String {
    StixObject::parse(text).unwrap().head().id.as_str().to_owned()
}

fn all_ids(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| id_of(text)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_leaves_with_its_own_bytes_and_what_does_not_stays_without_a_trace() {
    let scene = Scene::open().await;
    let free = [indicator(1), malware(2)];
    let edges = [
        edge(3, &id_of(&free[0]), &id_of(&free[1])),
        edge(4, &id_of(&free[0]), &id_of(&malware(5))),
    ];
    scene
        .hold(&[free.as_slice(), &edges].concat(), Tlp::Green, LegalClass::CiaN, "import:test")
        .await;
    let (comms, secret, red) = ([malware(5)], [malware(6)], [malware(7)]);
    scene.hold(&comms, Tlp::Clear, LegalClass::Cia, "import:test").await;
    scene.hold(&secret, Tlp::Clear, LegalClass::CiaPm, "import:test").await;
    scene.hold(&red, Tlp::Red, LegalClass::CiaN, "import:test").await;
    let agreed = [malware(8)];
    scene.hold(&agreed, Tlp::Clear, LegalClass::CiaN, "agreement:x").await;
    let all = all_ids(&[free.as_slice(), &edges, &comms, &secret, &red, &agreed].concat());
    let wish = json!({ "collection": scene.collection, "objects": all });
    let before = scene.leaves();
    let seen = scene.post("/releases/preview", wish, 200).await;
    assert_eq!(scene.leaves(), before, "a preview changes nothing");
    let passes: Vec<&str> =
        seen["passes"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(passes, [&all[0], &all[1], &all[2]], "{seen}");
    assert_eq!(seen["passes"][0]["text"].as_str(), Some(free[0].as_str()));
    assert_eq!(seen["passes"][0]["bytes"].as_u64(), Some(free[0].len() as u64));
    let code = |id: &String| {
        let refused = seen["refused"].as_array().unwrap();
        refused.iter().find(|one| one["id"] == **id).unwrap()["code"].as_str().unwrap().to_owned()
    };
    let codes: Vec<String> = all[3..].iter().map(code).collect();
    // The relationship was made from what it names, and carries its bit.
    let wanted =
        ["NRS-SHAR-0101", "NRS-SHAR-0101", "NRS-SHAR-0114", "NRS-SHAR-0103", "NRS-SHAR-0105"];
    assert_eq!(codes, wanted, "{seen}");
    let done = scene.release(&all).await;
    assert_eq!(
        (done["released"].as_u64(), done["refused"].as_array().unwrap().len()),
        (Some(3), 5),
        "{done}"
    );
    let got = scene.read("").await;
    assert_eq!((got.status, got.kind.as_str()), (200, TAXII));
    assert_eq!(ids_of(&got), all[..3]);
    assert!(got.text.contains(&free[0]), "the bytes are the stored ones: {}", got.text);
    for hidden in &all[3..] {
        assert!(!got.text.contains(hidden.as_str()));
        // What is forbidden and what never was are alike.
        let forbidden = scene.get(&scene.ally, scene.below(&format!("/objects/{hidden}/"))).await;
        let absent =
            scene.get(&scene.ally, scene.below(&format!("/objects/malware--{}/", uuid(999)))).await;
        assert_eq!((forbidden.status, &forbidden.text), (404, &absent.text), "{hidden}");
    }
    // The party agrees: now it passes.
    scene
        .post("/handling", json!({ "objects": [all[7]], "consent": "agreement 1, clause 2" }), 201)
        .await;
    assert_eq!(scene.release(&[all[7].clone()]).await["released"], 1);
    // The originator restricts the handling afterwards: what was released is not served any more.
    scene
        .post("/handling", json!({ "objects": [all[0]], "restricted_to": ["org-somebody"] }), 201)
        .await;
    let shown = ids_of(&scene.read("").await);
    assert_eq!(
        shown[..2],
        [all[1].clone(), all[7].clone()],
        "nor is the relationship that names it"
    );
    assert!(shown.len() == 3 && shown[2].starts_with("note--"), "who had it is told: {shown:?}");
    // The finding ends: nothing is served but messages about what the partner has already.
    scene.find(SignedDuration::from_secs(0)).await;
    let shown = ids_of(&scene.read("").await);
    assert!(!shown.is_empty() && shown.iter().all(|id| id.starts_with("note--")), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reading_is_a_leaf_and_the_log_verifies() {
    let scene = Scene::open().await;
    scene.hold(&[indicator(1)], Tlp::Green, LegalClass::CiaN, "import:test").await;
    scene.release(&[id_of(&indicator(1))]).await;
    let before = scene.leaves();
    for path in ["/objects/", "/manifest/", &format!("/objects/{}/", id_of(&indicator(1)))] {
        assert_eq!(scene.get(&scene.ally, scene.below(path)).await.status, 200, "{path}");
    }
    assert_eq!(scene.leaves(), before + 3);
    let bytes = scene
        .test
        .house
        .store
        .read(move |reader| noroshi::oversight::read::leaf(reader, before))
        .await
        .unwrap()
        .unwrap()
        .leaf;
    let fact = serde_json::to_value(&bytes.fact).unwrap();
    assert_eq!((fact["kind"].as_str(), fact["objects"].as_u64()), (Some("share.read"), Some(1)));
    assert_eq!(fact["audience"], format!("partner:{}", scene.ally.ctx.org));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_speaks_taxii_to_its_own_partner_only() {
    let (scene, _) = filled().await;
    let url = scene.test.url("/taxii2/");
    let basic = format!("Basic {}", STANDARD.encode(format!("anyone:{}", scene.ally.token)));
    let discovered =
        tokio::task::spawn_blocking(move || get_now(&url, &basic, TAXII)).await.unwrap();
    assert_eq!((discovered.status, discovered.kind.as_str()), (200, TAXII));
    assert_eq!(discovered.json["default"], "/taxii2/root/");
    let root = scene.get(&scene.ally, scene.test.url("/taxii2/root/")).await;
    assert_eq!(root.json["versions"], json!([TAXII]));
    let listed = scene.get(&scene.ally, scene.test.url("/taxii2/root/collections/")).await;
    assert_eq!(listed.json["collections"][0]["id"], scene.collection);
    // Another partner: no list, and the collection is as absent as one that never was.
    let listed = scene.get(&scene.other, scene.test.url("/taxii2/root/collections/")).await;
    assert_eq!(listed.json, json!({}));
    for who in [&scene.other, &scene.legal] {
        let foreign = scene.get(who, scene.below("/objects/")).await;
        let absent = scene
            .get(
                who,
                scene
                    .test
                    .url("/taxii2/root/collections/00000000-0000-4000-8000-000000000000/objects/"),
            )
            .await;
        assert_eq!((foreign.status, &foreign.text), (404, &absent.text));
        assert_eq!(foreign.json["http_status"], "404");
        assert_eq!(foreign.kind, TAXII);
    }
}

async fn filled() -> (Scene, Vec<String>) {
    let scene = Scene::open().await;
    let texts: Vec<String> = (1..=5).map(indicator).chain([malware(9)]).collect();
    scene.hold(&texts, Tlp::Green, LegalClass::CiaN, "import:test").await;
    scene.release(&all_ids(&texts)).await;
    (scene, texts)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_filters_are_those_of_the_standard() {
    let (scene, texts) = filled().await;
    // Pages, filters, versions, errors.
    let first = scene.read("?limit=2").await;
    assert_eq!((ids_of(&first).len(), first.json["more"].as_bool()), (2, Some(true)));
    let next = first.json["next"].as_str().unwrap();
    let second = scene.read(&format!("?limit=2&next={next}")).await;
    assert_eq!(ids_of(&second), all_ids(&texts)[2..4]);
    assert!(first.last.unwrap() < second.first.unwrap());
    assert_eq!(scene.read(&format!("?limit=2&match[type]=malware&next={next}")).await.status, 400);
    assert_eq!(scene.read("?next=made-up").await.status, 400);
    assert_eq!(scene.read("?limit=zero").await.status, 400);
    assert_eq!(ids_of(&scene.read("?match[type]=malware").await), [id_of(&malware(9))]);
    assert_eq!(
        ids_of(&scene.read(&format!("?match[id]={}", id_of(&indicator(4)))).await),
        [id_of(&indicator(4))]
    );
    assert_eq!(ids_of(&scene.read("?match[spec_version]=2.0").await), Vec::<String>::new());
    let manifest = scene.get(&scene.ally, scene.below("/manifest/")).await;
    let added: Vec<&str> = manifest.json["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["date_added"].as_str().unwrap())
        .collect();
    assert!(added.is_sorted() && added.windows(2).all(|pair| pair[0] < pair[1]), "{added:?}");
    let after = scene.read(&format!("?added_after={}", added[3])).await;
    assert_eq!(ids_of(&after), all_ids(&texts)[4..]);
    assert_eq!(after.first.as_deref(), Some(added[4]));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_apart_and_errors_are_taxii_errors() {
    let (scene, _) = filled().await;
    // A newer version replaces the older one, and both can be asked for.
    let newer = version(1, "2026-02-01T00:00:00.000Z");
    scene.hold(std::slice::from_ref(&newer), Tlp::Green, LegalClass::CiaN, "import:test").await;
    scene.release(&[id_of(&newer)]).await;
    let one = format!("match[id]={}", id_of(&newer));
    assert_eq!(
        scene.read(&format!("?{one}")).await.json["objects"][0]["modified"],
        "2026-02-01T00:00:00.000Z"
    );
    assert_eq!(ids_of(&scene.read(&format!("?{one}&match[version]=all")).await).len(), 2);
    assert_eq!(
        scene.read(&format!("?{one}&match[version]=first")).await.json["objects"][0]["modified"],
        "2026-01-01T00:00:00.000Z"
    );
    let versions =
        scene.get(&scene.ally, scene.below(&format!("/objects/{}/versions/", id_of(&newer)))).await;
    assert_eq!(versions.json["versions"].as_array().unwrap().len(), 2);
    let (url, token) = (scene.below("/objects/"), format!("Bearer {}", scene.ally.token));
    let refused =
        tokio::task::spawn_blocking(move || get_now(&url, &token, "text/html")).await.unwrap();
    assert_eq!((refused.status, refused.kind.as_str()), (406, TAXII));
    let url = scene.below("/objects/");
    let nobody =
        tokio::task::spawn_blocking(move || get_now(&url, "Bearer wrong", TAXII)).await.unwrap();
    assert_eq!(
        (nobody.status, nobody.challenge, nobody.json["http_status"].as_str()),
        (401, true, Some("401"))
    );
    let (status, _) =
        ask("POST", scene.below("/objects/"), &scene.ally.token, Some(json!({}))).await;
    assert_eq!(status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_union_of_pages_is_the_collection_while_releases_go_on() {
    const OBJECTS: usize = 60;
    let scene = Arc::new(Scene::open().await);
    let texts: Vec<String> = (1..=OBJECTS).map(indicator).collect();
    scene.hold(&texts, Tlp::Green, LegalClass::CiaN, "import:test").await;
    let ids = all_ids(&texts);
    let releasing: Vec<_> = ids
        .chunks(OBJECTS / 6)
        .map(|part| {
            let (scene, part) = (Arc::clone(&scene), part.to_vec());
            tokio::spawn(async move {
                for pair in part.chunks(2) {
                    scene.release(pair).await;
                }
            })
        })
        .collect();
    let mut seen: Vec<String> = Vec::new();
    let (mut place, mut done) = (String::new(), false);
    // One reader goes on from the last `date_added` it saw, while others release; then once more when all is done.
    loop {
        let finished = releasing.iter().all(tokio::task::JoinHandle::is_finished);
        let query = if place.is_empty() {
            "?limit=7".to_owned()
        } else {
            format!("?limit=7&added_after={place}")
        };
        let got = scene.read(&query).await;
        assert_eq!(got.status, 200, "{}", got.text);
        seen.extend(ids_of(&got));
        if let Some(last) = got.last {
            assert!(last > place);
            place = last;
        } else if done {
            break;
        } else {
            done = finished;
        }
    }
    for task in releasing {
        task.await.unwrap();
    }
    assert_eq!(seen.len(), OBJECTS, "nothing twice");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>(), ids.iter().collect());
    // And the same through `next`.
    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let got = scene.read(&format!("?limit=11{next}")).await;
        paged.extend(ids_of(&got));
        match got.json["next"].as_str() {
            Some(place) => next = format!("&next={place}"),
            None => break,
        }
    }
    assert_eq!(paged, seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_release_is_answered_as_the_first_and_a_changed_judgement_is_refused() {
    let scene = Scene::open().await;
    scene.hold(&[indicator(1), indicator(2)], Tlp::Green, LegalClass::CiaN, "import:test").await;
    let ids = all_ids(&[indicator(1), indicator(2)]);
    let wish = json!({ "collection": scene.collection, "objects": ids });
    let seen = scene.post("/releases/preview", wish, 200).await;
    scene
        .post("/handling", json!({ "objects": [ids[0]], "restricted_to": ["org-somebody"] }), 201)
        .await;
    let held = json!({ "collection": scene.collection, "objects": ids, "digest": seen["digest"] });
    let refused = scene.post("/releases", held, 409).await;
    assert_eq!(refused["code"], "NRS-SHAR-0014");
    assert_eq!(ids_of(&scene.read("").await), Vec::<String>::new());
    // Nothing but refusals is recorded too. What looks after the change of handling may write meanwhile.
    let releases = || {
        let sql = "SELECT COUNT(*) FROM office_audit WHERE command = 'share.release'";
        scene.test.house.store.read_now(|reader| reader.number(sql, &[])).unwrap()
    };
    let before = releases();
    let done = scene.release(&ids[..1]).await;
    assert_eq!(
        (done["released"].as_u64(), done["refused"][0]["code"].as_str()),
        (Some(0), Some("NRS-SHAR-0104"))
    );
    assert_eq!(releases(), before + 1);
    // Only the legal hat releases; a partner without a finding gets nothing.
    let url = scene.test.url("/api/v1/releases");
    let body = json!({ "collection": scene.collection, "objects": ids });
    assert_eq!(ask("POST", url, &scene.ally.token, Some(body)).await.0, 403);
    let opened = scene
        .post("/collections", json!({ "partner": scene.other.ctx.org, "title": "x" }), 201)
        .await;
    let wish = json!({ "collection": opened["id"], "objects": ids[1..] });
    let seen = scene.post("/releases/preview", wish, 200).await;
    assert_eq!(seen["refused"][0]["code"], "NRS-SHAR-0106", "{seen}");
}

/// The standard's own client, where it is installed.
const CLIENT: &str = r#"
import sys
from taxii2client.v21 import Server, as_pages
import stix2
url, token = sys.argv[1:3]
server = Server(url, user="anyone", password=token)
collection = server.default.collections[0]
ids = []
for page in as_pages(collection.get_objects, per_request=3):
    for raw in page.get("objects", []):
        ids.append(stix2.parse(raw, allow_custom=True).id)
one = collection.get_object(ids[0])
assert [o["id"] for o in one["objects"]] == [ids[0]], one
manifest = collection.get_manifest()
assert [o["id"] for o in manifest["objects"]] == ids, manifest
store = stix2.TAXIICollectionSource(collection)
assert {o.id for o in store.query([stix2.Filter("type", "=", "malware")])} == {i for i in ids if i.startswith("malware")}
print("\n".join(ids))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_client_reads_it() {
    let Some(python) = std::env::var_os("NOROSHI_TEST_VENV")
        .map(|venv| std::path::Path::new(&venv).join("bin/python"))
    else {
        eprintln!("NOROSHI_TEST_VENV is not set: the check with taxii2-client is skipped");
        return;
    };
    let scene = Scene::open().await;
    let texts: Vec<String> = (1..=7).map(indicator).chain([malware(9)]).collect();
    scene.hold(&texts, Tlp::Green, LegalClass::CiaN, "import:test").await;
    scene.release(&all_ids(&texts)).await;
    let (url, token) = (scene.test.url("/taxii2/"), scene.ally.token.clone());
    let ran = tokio::task::spawn_blocking(move || {
        std::process::Command::new(python).args(["-c", CLIENT, &url, &token]).output().unwrap()
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(said.lines().collect::<Vec<_>>(), all_ids(&texts));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_stay_and_the_rest_leaves_and_says_so() {
    let scene = Scene::open().await;
    let marked = format!(
        r#"{{"type":"tool","spec_version":"2.1","id":"tool--{}","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"t","description":"for few","granular_markings":[{{"marking_ref":"{}","selectors":["description"]}}]}}"#,
        uuid(40),
        Tlp::Red.marking_id()
    );
    scene.hold(std::slice::from_ref(&marked), Tlp::Green, LegalClass::CiaN, "import:test").await;
    let id = id_of(&marked);
    let wish = json!({ "collection": scene.collection, "objects": [id] });
    let seen = scene.post("/releases/preview", wish.clone(), 200).await;
    assert_eq!(seen["recipients"][0]["org"], scene.ally.ctx.org.as_str(), "{seen}");
    assert_eq!(seen["groups"][0]["sent"][0]["redacted"], true);
    let codes: Vec<&str> = seen["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["NRS-SHAR-0320", "NRS-SHAR-0324"]);
    let shown = seen["passes"][0]["text"].as_str().unwrap().to_owned();
    assert!(!shown.contains("for few") && shown.contains("redacted"));
    let exact = scene.post(&format!("/releases/preview/{}", scene.ally.ctx.org), wish, 200).await;
    assert_eq!(exact["objects"][0]["id"], id.as_str());
    scene.release(std::slice::from_ref(&id)).await;
    let got = scene.read("").await;
    assert!(got.text.contains(&shown), "exactly the bytes of the preview: {}", got.text);
    assert!(!got.text.contains("for few"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_recall_reaches_exactly_those_who_got_it_until_they_acknowledge() {
    let scene = Scene::open().await;
    let objects = [indicator(1), indicator(2), malware(3)];
    scene.hold(&objects, Tlp::Green, LegalClass::CiaN, "import:test").await;
    let ids = all_ids(&objects);
    scene.release(&ids).await;
    assert_eq!(ids_of(&scene.read("").await), ids);
    let asked = json!({ "object": ids[0], "kind": "recall", "reason": "it was wrong" });
    let made = scene.post("/recalls", asked.clone(), 201).await;
    let recall = made["id"].as_str().unwrap().to_owned();
    let listed = |url: &'static str, who: &Someone| {
        let (url, token) = (scene.test.url(url), who.token.clone());
        async move { ask("GET", url, &token, None).await }
    };
    let (_, open) = ask("GET", scene.test.url("/api/v1/recalls"), &scene.legal.token, None).await;
    assert_eq!(open["items"][0]["state"], "pending", "{open}");
    // The stream shows a note in its place, which names the object and says nothing of why.
    let got = scene.read("").await;
    let shown = ids_of(&got);
    assert_eq!(shown[..2], ids[1..]);
    assert!(
        shown[2].starts_with("note--")
            && got.text.contains(&ids[0])
            && !got.text.contains("it was wrong"),
        "{}",
        got.text
    );
    // That it was taken is recorded when the answer was given away to its end.
    let mut open = Value::Null;
    for _ in 0..200 {
        open = ask("GET", scene.test.url("/api/v1/recalls"), &scene.legal.token, None).await.1;
        if open["items"][0]["state"] == "delivered" {
            break;
        }
        super::house::pause(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(open["items"][0]["state"], "delivered", "{open}");
    // Another partner, who never got it, is told nothing.
    let (_, theirs) = listed("/api/v1/messages", &scene.other).await;
    assert_eq!(theirs["items"], json!([]));
    let reminded = scene
        .post(&format!("/recalls/{recall}/reminders"), json!({ "org": scene.ally.ctx.org }), 201)
        .await;
    assert_eq!(reminded["id"], recall.as_str());
    let (_, mine) = listed("/api/v1/messages", &scene.ally).await;
    assert_eq!(
        (mine["items"][0]["object"].as_str(), mine["items"][0]["reminders"].as_u64()),
        (Some(ids[0].as_str()), Some(1))
    );
    let url = scene.test.url(&format!("/api/v1/messages/{recall}/acknowledge"));
    let (foreign, _) = ask("POST", url.clone(), &scene.other.token, Some(json!({}))).await;
    assert_eq!(foreign, 404);
    assert_eq!(ask("POST", url.clone(), &scene.ally.token, Some(json!({}))).await.0, 201);
    assert_eq!(ask("POST", url, &scene.ally.token, Some(json!({}))).await.0, 409);
    let (_, open) = ask("GET", scene.test.url("/api/v1/recalls"), &scene.legal.token, None).await;
    assert_eq!(open["items"], json!([]));
    // What was recalled does not leave again, and what nobody was given cannot be recalled.
    assert_eq!(scene.release(&ids[..1]).await["refused"][0]["code"], "NRS-SHAR-0333");
    let never = json!({ "object": id_of(&malware(99)), "kind": "recall", "reason": "x" });
    scene.post("/recalls", never, 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_opinion_is_a_message_to_everybody_who_got_it() {
    let scene = Scene::open().await;
    scene.hold(&[indicator(1)], Tlp::Green, LegalClass::CiaN, "import:test").await;
    let id = id_of(&indicator(1));
    scene.release(std::slice::from_ref(&id)).await;
    scene.read("").await;
    scene
        .post("/handling", json!({ "objects": [id], "restricted_to": ["org-somebody"] }), 201)
        .await;
    let (_, open) = ask("GET", scene.test.url("/api/v1/recalls"), &scene.legal.token, None).await;
    assert_eq!(
        (open["items"][0]["kind"].as_str(), open["items"][0]["org"].as_str()),
        (Some("remark"), Some(scene.ally.ctx.org.as_str())),
        "{open}"
    );
    let shown = ids_of(&scene.read("").await);
    assert!(shown.len() == 1 && shown[0].starts_with("note--"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_amber_leaves_only_when_a_second_person_has_seen_the_same() {
    let scene = Scene::open().await;
    scene.hold(&[indicator(1)], Tlp::Amber, LegalClass::CiaN, "import:test").await;
    let id = id_of(&indicator(1));
    scene
        .post("/handling", json!({ "objects": [id], "restricted_to": [scene.ally.ctx.org] }), 201)
        .await;
    let made =
        scene.released(json!({ "collection": scene.collection, "objects": [id] }), 202).await;
    assert_eq!(ids_of(&scene.read("").await), Vec::<String>::new());
    let (_, waiting) =
        ask("GET", scene.test.url("/api/v1/proposals"), &scene.legal.token, None).await;
    let digest = waiting["items"][0]["digest"].clone();
    let url =
        scene.test.url(&format!("/api/v1/proposals/{}/release", made["id"].as_str().unwrap()));
    let body = || Some(json!({ "digest": digest }));
    assert_eq!(
        ask("POST", url.clone(), &scene.legal.token, body()).await.0,
        403,
        "not the first person"
    );
    let office = scene.test.org("Office two (fictional)", "office", None).await;
    let second = scene.test.person("second", &office, Hat::Legal).await;
    let (status, done) = ask("POST", url, &second.token, body()).await;
    assert_eq!((status, done["released"].as_u64()), (201, Some(1)), "{done}");
    assert_eq!(ids_of(&scene.read("").await), [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_communications_leaves_only_after_two_people_cleared_that_version() {
    let scene = Scene::open().await;
    let cabinet = scene.test.org("Cabinet Office (fictional)", "office", None).await;
    let first = scene.test.person("first", &cabinet, Hat::CaoAnalyst).await;
    let second = scene.test.person("second", &cabinet, Hat::PmDesk).await;
    scene.hold(&[malware(5)], Tlp::Green, LegalClass::Cia, "import:test").await;
    let id = id_of(&malware(5));
    assert_eq!(
        scene.release(std::slice::from_ref(&id)).await["refused"][0]["code"],
        "NRS-SHAR-0101"
    );
    let (status, made) = ask(
        "POST",
        scene.test.url("/api/v1/reviews"),
        &first.token,
        Some(json!({ "object": id, "reason": "for the ally" })),
    )
    .await;
    assert_eq!(status, 201, "{made}");
    let review = format!("/api/v1/reviews/{}", made["id"].as_str().unwrap());
    let (_, seen) = ask("GET", scene.test.url(&review), &first.token, None).await;
    let step = |who: &Someone, to: &str| {
        let body = json!({ "to": to, "reason": "checked", "digest": seen["digest"] });
        let (url, token) = (scene.test.url(&format!("{review}/steps")), who.token.clone());
        async move { ask("POST", url, &token, Some(body)).await.0 }
    };
    assert_eq!(step(&first, "released").await, 422);
    assert_eq!(step(&first, "provenance_checked").await, 201);
    assert_eq!(step(&first, "secret_checked").await, 422, "not the same person");
    assert_eq!(step(&second, "secret_checked").await, 201);
    assert_eq!(step(&scene.legal, "rights_checked").await, 201);
    assert_eq!(step(&scene.legal, "released").await, 201);
    // It stands on a review, so a second person releases it.
    let made =
        scene.released(json!({ "collection": scene.collection, "objects": [id] }), 202).await;
    let (_, waiting) =
        ask("GET", scene.test.url("/api/v1/proposals"), &scene.legal.token, None).await;
    let other = scene.test.person("other-legal", &cabinet, Hat::Legal).await;
    let url =
        scene.test.url(&format!("/api/v1/proposals/{}/release", made["id"].as_str().unwrap()));
    let body = json!({ "digest": waiting["items"][0]["digest"] });
    assert_eq!(ask("POST", url, &other.token, Some(body)).await.0, 201);
    assert_eq!(ids_of(&scene.read("").await), [id.clone()]);
    // A newer version is not cleared, and the old one goes with it.
    let newer = malware(5).replace("\"modified\":\"2026-01-01", "\"modified\":\"2026-02-01");
    scene.hold(&[newer], Tlp::Green, LegalClass::CiaN, "import:test").await;
    assert_eq!(scene.release(&[id]).await["refused"][0]["code"], "NRS-SHAR-0101");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_its_originator_withdrew_is_a_message_without_anybody_asking() {
    let scene = Scene::open().await;
    scene.hold(&[indicator(1)], Tlp::Green, LegalClass::CiaN, "import:test").await;
    let id = id_of(&indicator(1));
    scene.release(std::slice::from_ref(&id)).await;
    scene.read("").await;
    let revoked =
        version(1, "2026-03-01T00:00:00.000Z").replace("\"name\"", "\"revoked\":true,\"name\"");
    scene.hold(&[revoked], Tlp::Green, LegalClass::CiaN, "import:test").await;
    let mut open = Value::Null;
    for _ in 0..200 {
        open = ask("GET", scene.test.url("/api/v1/recalls"), &scene.legal.token, None).await.1;
        if open["items"][0]["kind"] == "revocation" {
            break;
        }
        super::house::pause(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(
        (open["items"][0]["kind"].as_str(), open["items"][0]["object"].as_str()),
        (Some("revocation"), Some(id.as_str())),
        "{open}"
    );
}
