//! Taking back: everybody who got an object is told, however it came, whatever made it fall out, and to the last one.

use std::time::Duration;

use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi::office::store::Value as Cell;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::house::{Someone, TestHouse, ask, pause};
use super::peers::{Giver, id_of as malware_id};
use super::taxii::{Stage, id_of, ids_of, indicator, malware, uuid, version};

/// Looks at what the watch must bring about.
const LOOKS: usize = 600;

fn edge(number: usize, from: &str, to: &str) -> String {
    format!(
        r#"{{"type":"relationship","spec_version":"2.1","id":"relationship--{}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","relationship_type":"indicates","source_ref":"{from}","target_ref":"{to}"}}"#,
        uuid(number)
    )
}

async fn hold(stage: &Stage, texts: &[String], tlp: Tlp, class: LegalClass) {
    let object = |text: &String| NewObject {
        object: StixObject::parse(text).unwrap(),
        tlp,
        class,
        originator: "office".to_owned(),
        source: "import:test".to_owned(),
    };
    let objects: Vec<NewObject> = texts.iter().map(object).collect();
    let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
    change.writes = rows::insert_objects(&objects, stage.legal.ctx.now);
    stage.test.house.door.commit(&stage.legal.ctx, change).await.unwrap();
}

/// A partner's collection with objects that the partner has read.
async fn read_by_ally(stage: &Stage, texts: &[String]) -> String {
    let shelf = stage.shelf(&stage.ally).await;
    stage.hold(texts, Tlp::Green).await;
    stage.release(&shelf, &ids_of(texts)).await;
    let got = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    assert_eq!(got.ids(), ids_of(texts));
    shelf
}

/// The open messages as the office sees them.
async fn open(test: &TestHouse, who: &Someone) -> Vec<Value> {
    let (status, answer) = ask("GET", test.url("/api/v1/recalls"), &who.token, None).await;
    assert_eq!(status, 200, "{answer}");
    answer["items"].as_array().unwrap().clone()
}

async fn message(stage: &Stage, object: &str, org: &str) -> Value {
    for _ in 0..LOOKS {
        let open = open(&stage.test, &stage.legal).await;
        let found = open.iter().find(|one| one["object"] == object && one["org"] == org);
        if let Some(found) = found {
            return found.clone();
        }
        pause(Duration::from_millis(50)).await;
    }
    panic!("nobody was told of {object}: {:?}", open(&stage.test, &stage.legal).await);
}

async fn number(test: &TestHouse, sql: &'static str) -> i64 {
    test.house.store.read(move |reader| reader.number(sql, &[])).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_ends_reaches_everything_that_was_handed_out_and_can_be_read() {
    let giver = Giver::open().await;
    giver.release(0..1_150).await;
    let url = giver.test.url("/api/v1/changes");
    let (status, _) = ask("GET", url.clone(), &giver.ally.token, None).await;
    assert_eq!(status, 200);
    let until = giver.test.house.clock.now().to_string();
    let path = format!("/partners/{}/findings", giver.ally.ctx.org);
    giver.post(&path, json!({ "scope": "CIA-P", "valid_until": until })).await;
    let mut told = 0;
    for _ in 0..LOOKS {
        told = number(&giver.test, "SELECT COUNT(DISTINCT id) FROM share_recall").await;
        if told == 1_150 && number(&giver.test, "SELECT COUNT(*) FROM share_look").await == 0 {
            break;
        }
        pause(Duration::from_millis(100)).await;
    }
    assert_eq!(told, 1_150, "every object, not the first thousand");
    let twice = "SELECT COUNT(*) FROM share_recall";
    assert_eq!(number(&giver.test, twice).await, 1_150, "each once");
    // The messages come through although nothing else does any more.
    let (_, answer) = ask("GET", url, &giver.ally.token, None).await;
    let text = answer.as_str().unwrap();
    let notes = text.lines().filter(|line| line.contains("noroshi-notice")).count();
    assert_eq!(notes, 1_150);
    assert!(text.contains(&malware_id(1_149)) && !text.contains("\"type\":\"malware\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceiling_that_falls_takes_back_what_lies_above_it() {
    let stage = Stage::open().await;
    let texts = [indicator(1), malware(2)];
    let shelf = read_by_ally(&stage, &texts).await;
    let path = format!("/organisations/{}/ceiling", stage.ally.ctx.org);
    stage.office("POST", &path, json!({ "class": "CIA-N", "tlp": "clear" }), 201).await;
    let open = open(&stage.test, &stage.legal).await;
    assert_eq!(open.len(), 2, "{open:?}");
    let got = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    assert_eq!(got.ids().len(), 2, "{}", got.text);
    assert!(got.ids().iter().all(|id| id.starts_with("note--")), "{}", got.text);
    // Set once more, it says nothing new.
    stage.office("POST", &path, json!({ "class": "CIA-N", "tlp": "clear" }), 201).await;
    assert_eq!(number(&stage.test, "SELECT COUNT(*) FROM share_recall").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_an_object_that_falls_out_falls_with_it() {
    let stage = Stage::open().await;
    let (one, other) = (indicator(1), malware(2));
    let edge = edge(3, &id_of(&one), &id_of(&other));
    read_by_ally(&stage, &[one, other.clone(), edge.clone()]).await;
    let stricter = other.replace("\"modified\":\"2026-01", "\"modified\":\"2026-02");
    stage.hold(&[stricter], Tlp::Red).await;
    let org = stage.ally.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&other), org).await["kind"], "remark");
    assert_eq!(message(&stage, &id_of(&edge), org).await["kind"], "remark");
    assert_eq!(open(&stage.test, &stage.legal).await.len(), 2, "and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_from_something_that_turns_out_selected_is_taken_back() {
    let stage = Stage::open().await;
    let one = indicator(1);
    // It names something that is not held yet, and was never in a stream.
    let edge = edge(3, &id_of(&one), &id_of(&malware(2)));
    read_by_ally(&stage, &[one, edge.clone()]).await;
    hold(&stage, &[malware(2)], Tlp::Clear, LegalClass::Cia).await;
    let org = stage.ally.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&edge), org).await["kind"], "remark");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_marked_more_strictly_is_a_message() {
    let stage = Stage::open().await;
    let with = |modified: &str, marking: &str| {
        format!(
            r#"{{"type":"tool","spec_version":"2.1","id":"tool--{}","created":"2026-01-01T00:00:00Z","modified":"{modified}","name":"t","description":"for few"{marking}}}"#,
            uuid(40)
        )
    };
    let red = format!(
        r#","granular_markings":[{{"marking_ref":"{}","selectors":["description"]}}]"#,
        Tlp::Red.marking_id()
    );
    let tool = with("2026-01-01T00:00:00Z", "");
    let shelf = read_by_ally(&stage, std::slice::from_ref(&tool)).await;
    stage.hold(&[with("2026-02-01T00:00:00Z", &red)], Tlp::Green).await;
    let org = stage.ally.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&tool), org).await["kind"], "remark");
    // Read again it comes without the part, so a newer version that hides the same is nothing new.
    let again = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    assert!(!again.text.contains("for few"), "{}", again.text);
    stage.hold(&[with("2026-03-01T00:00:00Z", &red)], Tlp::Green).await;
    pause(Duration::from_millis(500)).await;
    assert_eq!(number(&stage.test, "SELECT COUNT(*) FROM share_recall").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_hidden_from_the_first_is_no_message() {
    let stage = Stage::open().await;
    let tool = |modified: &str| {
        format!(
            r#"{{"type":"tool","spec_version":"2.1","id":"tool--{}","created":"2026-01-01T00:00:00Z","modified":"{modified}","name":"t","description":"for few","granular_markings":[{{"marking_ref":"{}","selectors":["description"]}}]}}"#,
            uuid(40),
            Tlp::Red.marking_id()
        )
    };
    let first = tool("2026-01-01T00:00:00Z");
    let shelf = stage.shelf(&stage.ally).await;
    stage.hold(std::slice::from_ref(&first), Tlp::Green).await;
    stage.release(&shelf, &[id_of(&first)]).await;
    stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    stage.hold(&[tool("2026-02-01T00:00:00Z")], Tlp::Green).await;
    pause(Duration::from_millis(500)).await;
    assert_eq!(number(&stage.test, "SELECT COUNT(*) FROM share_recall").await, 0);
}

const GREEN: &str =
    r#","object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]}"#;

fn green(text: &str) -> String {
    format!("{}{GREEN}", text.strip_suffix('}').unwrap())
}

/// The council, in which both partners sit, with a collection both write and read.
async fn council(stage: &Stage) -> String {
    for who in [&stage.ally, &stage.other] {
        let path = format!("/council/{}", who.ctx.org);
        let (status, answer) = ask(
            "POST",
            stage.test.url(&format!("/api/v1{path}")),
            &stage.legal.token,
            Some(json!({ "consent": "consent 1" })),
        )
        .await;
        assert_eq!(status, 201, "{answer}");
    }
    let body = json!({ "audience": "council", "title": "Council" });
    let opened = stage.office("POST", "/collections", body, 201).await;
    let id = opened["id"].as_str().unwrap().to_owned();
    let settings = json!({ "can_write": true });
    stage.office("PUT", &format!("/collections/{id}/taxii"), settings, 200).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_over_taxii_is_watched_like_everything_else() {
    let stage = Stage::open().await;
    let shelf = council(&stage).await;
    let text = green(&indicator(1));
    let done = stage.pushed(&stage.ally, &shelf, std::slice::from_ref(&text)).await;
    assert_eq!(done["success_count"], 1, "{done}");
    let got = stage.get(&stage.other, stage.below(&shelf, "/objects/")).await;
    assert_eq!(got.ids(), [id_of(&text)], "{}", got.text);
    let revoked = green(&version(1, "2026-03-01T00:00:00.000Z"))
        .replace("\"name\"", "\"revoked\":true,\"name\"");
    stage.hold(&[revoked], Tlp::Green).await;
    let org = stage.other.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&text), org).await["kind"], "revocation");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_pusher_takes_back_reaches_whoever_read_it_also_when_it_comes_again() {
    let stage = Stage::open().await;
    let shelf = council(&stage).await;
    let text = green(&indicator(1));
    stage.pushed(&stage.ally, &shelf, std::slice::from_ref(&text)).await;
    let objects = stage.below(&shelf, "/objects/");
    assert_eq!(stage.get(&stage.other, objects.clone()).await.ids(), [id_of(&text)]);
    let id = id_of(&text);
    assert_eq!(stage.delete(&stage.ally, &shelf, &format!("{id}/")).await.status, 200);
    let org = stage.other.ctx.org.as_str();
    assert_eq!(message(&stage, &id, org).await["kind"], "withdrawal");
    let shown = stage.get(&stage.other, objects.clone()).await;
    assert!(shown.ids().len() == 1 && shown.ids()[0].starts_with("note--"), "{}", shown.text);
    // Nobody else is told, its pusher least of all.
    assert_eq!(open(&stage.test, &stage.legal).await.len(), 1);
    // Handed in again it is back, at another place; a recall finds who read it at the first one.
    let done = stage.pushed(&stage.ally, &shelf, std::slice::from_ref(&text)).await;
    assert_eq!(done["success_count"], 1, "{done}");
    let asked = json!({ "object": id, "kind": "recall", "reason": "it was wrong" });
    stage.office("POST", "/recalls", asked, 201).await;
    let told: Vec<Value> = open(&stage.test, &stage.legal).await;
    assert!(
        told.iter().any(|one| one["kind"] == "recall" && one["org"] == org),
        "who read it before it came again: {told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_delivered_when_it_was_taken_and_a_manifest_hands_nothing_out() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts = [indicator(1), indicator(2)];
    stage.hold(&texts, Tlp::Green).await;
    stage.release(&shelf, &ids_of(&texts)).await;
    // Only the first was read; the second only stood in a manifest.
    let one = stage.below(&shelf, &format!("/objects/{}/", id_of(&texts[0])));
    assert_eq!(stage.get(&stage.ally, one).await.status, 200);
    let manifest = stage.below(&shelf, "/manifest/");
    assert_eq!(stage.get(&stage.ally, manifest.clone()).await.ids(), ids_of(&texts));
    for text in &texts {
        let asked = json!({ "object": id_of(text), "kind": "recall", "reason": "it was wrong" });
        stage.office("POST", "/recalls", asked, 201).await;
    }
    let told = open(&stage.test, &stage.legal).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0]["object"].as_str(), told[0]["state"].as_str()),
        (Some(id_of(&texts[0]).as_str()), Some("pending"))
    );
    // The manifest names the note and does not give it away.
    let named = stage.get(&stage.ally, manifest).await.ids();
    assert!(named.len() == 1 && named[0].starts_with("note--"), "{named:?}");
    pause(Duration::from_millis(300)).await;
    assert_eq!(open(&stage.test, &stage.legal).await[0]["state"], "pending");
    stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    let mut state = Value::Null;
    for _ in 0..LOOKS {
        state = open(&stage.test, &stage.legal).await[0]["state"].clone();
        if state == "delivered" {
            break;
        }
        pause(Duration::from_millis(20)).await;
    }
    // It stands in the list until the recipient says that it has acted.
    assert_eq!(state, "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_while_nobody_watched_is_found_and_the_place_is_kept() {
    let giver = Giver::open().await;
    giver.release(0..3).await;
    ask("GET", giver.test.url("/api/v1/changes"), &giver.ally.token, None).await;
    let Giver { test, legal, ally, collection } = giver;
    let TestHouse { house, serving, dir } = test;
    let config = house.config.clone();
    serving.stop().await;
    drop(house);
    let house = loop {
        match noroshi::house::House::open(dir.path(), config.clone(), false) {
            Ok(house) => break house,
            Err(_) => pause(Duration::from_millis(20)).await,
        }
    };
    // Nothing runs yet: what comes in now is found later.
    let text = format!(
        r#"{{"type":"malware","spec_version":"2.1","id":"{}","created":"2026-01-01T00:00:00.000Z","modified":"2026-04-01T00:00:00.000Z","name":"m1","is_family":true,"revoked":true}}"#,
        malware_id(1)
    );
    let objects = [NewObject {
        object: StixObject::parse(&text).unwrap(),
        tlp: Tlp::Green,
        class: LegalClass::CiaN,
        originator: "allied-cert".to_owned(),
        source: "import:test".to_owned(),
    }];
    let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
    change.writes = rows::insert_objects(&objects, legal.ctx.now);
    house.door.commit(&legal.ctx, change).await.unwrap();
    let serving = noroshi::house::Serving::start(std::sync::Arc::clone(&house)).await.unwrap();
    let giver = Giver { test: TestHouse { house, serving, dir }, legal, ally, collection };
    let mut told = Vec::new();
    for _ in 0..LOOKS {
        told = open(&giver.test, &giver.legal).await;
        if !told.is_empty() {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    assert_eq!(told[0]["kind"], "revocation", "{told:?}");
    // The place moved with what was found there.
    let kept = number(&giver.test, "SELECT seq FROM share_watch").await;
    let revoked = giver
        .test
        .house
        .store
        .read(|reader| {
            reader.number(
                "SELECT MAX(seq) FROM evidence_object WHERE id = $1",
                &[Cell::from(malware_id(1))],
            )
        })
        .await
        .unwrap();
    assert!(kept >= revoked, "{kept} {revoked}");
}

fn deriving(number: usize, made: &str, from: &str) -> String {
    edge(number, made, from).replace("\"indicates\"", "\"derived-from\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_be_made_from_something_selected_is_taken_back() {
    let stage = Stage::open().await;
    let (one, other) = (indicator(1), malware(3));
    let names = edge(4, &id_of(&other), &id_of(&one));
    let texts = [one.clone(), other.clone(), names.clone()];
    read_by_ally(&stage, &texts).await;
    // First the statement, then that its source is selected; and the other way round.
    hold(&stage, &[deriving(20, &id_of(&one), &id_of(&malware(2)))], Tlp::Green, LegalClass::CiaN)
        .await;
    pause(Duration::from_millis(300)).await;
    assert_eq!(open(&stage.test, &stage.legal).await.len(), 0, "nothing is known against it yet");
    hold(&stage, &[malware(2)], Tlp::Green, LegalClass::Cia).await;
    let org = stage.ally.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&one), org).await["kind"], "remark");
    assert_eq!(message(&stage, &id_of(&names), org).await["kind"], "remark", "it names that");
    hold(
        &stage,
        &[deriving(21, &id_of(&other), &id_of(&malware(2)))],
        Tlp::Green,
        LegalClass::CiaN,
    )
    .await;
    assert_eq!(message(&stage, &id_of(&other), org).await["kind"], "remark");
}

/// Brings objects in again as an analyst of the Cabinet Office.
async fn again(
    stage: &Stage,
    texts: &[String],
    tlp: Tlp,
    class: LegalClass,
) -> noroshi::evidence::act::Imported {
    let list = texts.join(",");
    let bundle = noroshi::evidence::act::Bundle {
        bytes: format!(r#"{{"type":"bundle","id":"bundle--{}","objects":[{list}]}}"#, uuid(900))
            .into_bytes()
            .into(),
        tlp: Some(tlp),
        class,
        originator: "office".to_owned(),
    };
    let hat = noroshi_charter::hat::Hat::CaoAnalyst;
    let analyst = noroshi::office::ctx::Ctx { hat, ..stage.legal.ctx.clone() };
    noroshi::evidence::act::import(&stage.test.house, &analyst, bundle).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_on_stricter_terms_is_held_on_them_and_taken_back() {
    let stage = Stage::open().await;
    let (red, selected) = (indicator(1), malware(2));
    let made = edge(3, &id_of(&red), &id_of(&selected));
    let texts = [red.clone(), selected.clone(), indicator(4)];
    let shelf =
        read_by_ally(&stage, &[texts.as_slice(), std::slice::from_ref(&made)].concat()).await;
    let done = again(&stage, std::slice::from_ref(&red), Tlp::Red, LegalClass::CiaN).await;
    assert_eq!((done.imported, done.unchanged, done.tightened), (0, 1, 1));
    let org = stage.ally.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&red), org).await["kind"], "remark");
    let done = again(&stage, std::slice::from_ref(&selected), Tlp::Clear, LegalClass::Cia).await;
    assert_eq!((done.unchanged, done.tightened), (1, 1));
    assert_eq!(message(&stage, &id_of(&selected), org).await["kind"], "remark");
    assert_eq!(message(&stage, &id_of(&made), org).await["kind"], "remark");
    // Looser terms loosen nothing, the same ones tighten nothing.
    for tlp in [Tlp::Clear, Tlp::Red] {
        let done = again(&stage, std::slice::from_ref(&red), tlp, LegalClass::CiaN).await;
        assert_eq!((done.unchanged, done.tightened), (1, 0));
    }
    let held = "SELECT COUNT(*) FROM evidence_object WHERE (tlp = 'red' AND class = 'CIA-N') \
                OR (tlp = 'green' AND class = 'CIA' AND has_comms = 1)";
    assert_eq!(number(&stage.test, held).await, 2);
    let got = stage
        .get(&stage.ally, stage.below(&shelf, "/objects/?match[type]=indicator,malware"))
        .await;
    assert_eq!(got.ids(), [id_of(&indicator(4))], "{}", got.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_tightens_nothing_that_is_not_its_own() {
    let stage = Stage::open().await;
    let text = green(&indicator(1));
    let shelf = read_by_ally(&stage, std::slice::from_ref(&text)).await;
    let settings = json!({ "can_write": true, "push_tlp": "amber" });
    let strict = stage.collection(&stage.ally, "Strict", settings).await;
    assert_eq!(stage.pushed(&stage.ally, &strict, &[text.clone()]).await["success_count"], 1);
    assert_eq!(
        stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await.ids(),
        [id_of(&text)]
    );
    let held = "SELECT COUNT(*) FROM evidence_object WHERE type = 'indicator' AND tlp = 'green'";
    assert_eq!(number(&stage.test, held).await, 1);
}

/// What a reader would be handed of the ally's stream now.
async fn slice(stage: &Stage) -> noroshi::share::serve::Slice {
    use noroshi::share::serve::{self, Asked, View};
    let audience = format!("partner:{}", stage.ally.ctx.org);
    let audience = noroshi_charter::release::Audience::parse(&audience).unwrap();
    let filter = noroshi::share::gate::Filter { types: Vec::new(), tlp_max: Tlp::Red };
    let (view, org, now) =
        (View { audience, filter }, stage.ally.ctx.org.clone(), stage.ally.ctx.now);
    let look = move |reader: &noroshi::office::store::Reader<'_>| {
        let asked =
            Asked { until: serve::end(reader, &view.audience)?, limit: 9, ..Asked::default() };
        serve::page(reader, &view, &org, now, &asked)
    };
    stage.test.house.store.read(look).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_at_the_moment_of_a_recall_is_told_or_gets_nothing() {
    use noroshi::share::{act, fallen, read};
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts = [indicator(1), indicator(2)];
    stage.hold(&texts, Tlp::Green).await;
    stage.release(&shelf, &ids_of(&texts)).await;
    let house = &stage.test.house;
    let collection =
        house.store.read(move |reader| read::collection(reader, &shelf)).await.unwrap().unwrap();
    let record = async |items: &[noroshi::share::serve::Served]| {
        let ctx = &stage.ally.ctx;
        act::record_read(house, ctx, &collection, act::Door::Taxii, "objects", items).await.unwrap()
    };
    // Looked at before, recorded after a recall: nothing goes out.
    let seen = slice(&stage).await;
    assert_eq!(seen.items.len(), 2);
    let asked = json!({ "object": id_of(&texts[0]), "kind": "recall", "reason": "wrong" });
    stage.office("POST", "/recalls", asked, 201).await;
    assert!(!record(&seen.items).await);
    assert_eq!(number(&stage.test, "SELECT COUNT(*) FROM share_delivery").await, 0);
    // Recorded between the look at who got it and the recall: the recall is made anew.
    let before = house.store.read(fallen::deliveries).await.unwrap();
    let seen = slice(&stage).await;
    assert!(record(&seen.items).await);
    let guarded = |id: &str, upto: i64| {
        let change = Change::office("test", "x").write(fallen::none_since(id, upto));
        house.door.commit(&stage.legal.ctx, change)
    };
    assert!(guarded(&id_of(&texts[1]), before).await.is_err());
    assert!(guarded(&id_of(&malware(7)), before).await.is_ok(), "nobody was handed that");
    let now = house.store.read(fallen::deliveries).await.unwrap();
    assert!(guarded(&id_of(&texts[1]), now).await.is_ok());
    let asked = json!({ "object": id_of(&texts[1]), "kind": "recall", "reason": "wrong" });
    stage.office("POST", "/recalls", asked, 201).await;
    assert_eq!(open(&stage.test, &stage.legal).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_what_is_open_has_no_end_by_number() {
    let stage = Stage::open().await;
    let mut change = Change::office("test", "x").write(noroshi::office::commit::Write::one(
        "INSERT INTO share_recall (recall, id, kind, reason, notice, person, at) \
         VALUES ('recall-x', 'tool--x', 'recall', 'r', 'note--x', 'p', $1)",
        vec![Cell::from(stage.legal.ctx.now)],
    ));
    for org in 0..1_203 {
        change = change.write(noroshi::office::commit::Write::one(
            "INSERT INTO share_recall_recipient (recall, org) VALUES ('recall-x', $1)",
            vec![Cell::from(format!("org-{org:05}"))],
        ));
    }
    stage.test.house.door.commit(&stage.legal.ctx, change).await.unwrap();
    let (mut orgs, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let url = stage.test.url(&format!("/api/v1/recalls{cursor}"));
        let (status, answer) = ask("GET", url, &stage.legal.token, None).await;
        assert_eq!(status, 200, "{answer}");
        let items = answer["items"].as_array().unwrap();
        orgs.extend(items.iter().map(|one| one["org"].as_str().unwrap().to_owned()));
        pages += 1;
        match answer["cursor"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => break,
        }
    }
    let wanted: Vec<String> = (0..1_203).map(|org| format!("org-{org:05}")).collect();
    assert_eq!((orgs, pages), (wanted, 3));
    let url = stage.test.url("/api/v1/recalls?cursor=none");
    let (status, answer) = ask("GET", url, &stage.legal.token, None).await;
    assert_eq!((status, answer["code"].as_str()), (422, Some("NRS-SHAR-0341")), "{answer}");
}

/// How many messages about an object were sent.
async fn messages(stage: &Stage, id: &str) -> i64 {
    let params = [Cell::from(id)];
    let sql = "SELECT COUNT(*) FROM share_recall WHERE id = $1";
    stage.test.house.store.read(move |reader| reader.number(sql, &params)).await.unwrap()
}

/// Waits until so many messages about an object were sent.
async fn until_messages(stage: &Stage, id: &str, count: i64) {
    for _ in 0..LOOKS {
        if messages(stage, id).await >= count {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    assert_eq!(messages(stage, id).await, count, "{id}");
}

/// Waits until the watch has looked at everything that came in.
async fn looked_at(stage: &Stage) {
    let open =
        "SELECT (SELECT COUNT(*) FROM share_look) + (SELECT COUNT(*) FROM evidence_tightened)";
    let mut quiet = 0;
    for _ in 0..LOOKS {
        quiet = if number(&stage.test, open).await == 0 { quiet + 1 } else { 0 };
        // It looks within moments of a commit; several looks in a row find nothing open.
        if quiet == 10 {
            return;
        }
        pause(Duration::from_millis(50)).await;
    }
    panic!("the watch does not come to an end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_comes_to_an_older_version_is_borne_by_every_later_one() {
    let stage = Stage::open().await;
    let at = |month: usize| version(1, &format!("2026-0{month}-01T00:00:00.000Z"));
    let texts = [at(1), at(2), at(4)];
    stage.hold(&texts, Tlp::Green).await;
    let done = again(&stage, &[at(1)], Tlp::Green, LegalClass::Cia).await;
    assert_eq!((done.unchanged, done.tightened), (1, 1));
    let bound = "SELECT COUNT(*) FROM evidence_object WHERE has_comms = 1 AND closed = 1";
    assert_eq!(number(&stage.test, bound).await, 3);
    // One that comes between them bears it too, and so does the next.
    stage.hold(&[at(3), at(5)], Tlp::Green).await;
    assert_eq!(number(&stage.test, bound).await, 5);
    // The same when the older version comes last of all.
    let other = |month: usize| version(2, &format!("2026-0{month}-01T00:00:00.000Z"));
    stage.hold(&[other(2), other(3), other(4)], Tlp::Green).await;
    hold(&stage, &[other(1)], Tlp::Green, LegalClass::CiaPm).await;
    let secret = "SELECT COUNT(*) FROM evidence_object WHERE has_secret = 1 AND closed = 1";
    assert_eq!(number(&stage.test, secret).await, 4);
    let shelves = "SELECT COUNT(*) FROM (SELECT type, shelf, objects FROM evidence_shelf WHERE objects <> 0 \
        EXCEPT SELECT type, shelf, COUNT(*) FROM evidence_object WHERE shelf <> 0 GROUP BY type, shelf)";
    assert_eq!(number(&stage.test, shelves).await, 0, "the counts of the lists are right");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tightens_nothing_that_others_hold_and_nobody_is_told_of_it() {
    use noroshi_charter::hat::Hat;
    use noroshi_evidence::observable::Observable;
    let stage = Stage::open().await;
    let address = Observable::parse("203.0.113.77").unwrap();
    let text = noroshi_evidence::build::observable(&address, &[]).unwrap().text().to_owned();
    let shelf = stage.shelf(&stage.ally).await;
    stage.hold(std::slice::from_ref(&text), Tlp::Clear).await;
    stage.release(&shelf, &[id_of(&text)]).await;
    let objects = stage.below(&shelf, "/objects/");
    assert_eq!(stage.get(&stage.ally, objects.clone()).await.ids(), [id_of(&text)]);
    let org = stage.test.org("Power (fictional)", "operator", Some("energy")).await;
    let officer = stage.test.person("officer", &org, Hat::OperatorOfficer).await;
    let url = stage.test.url("/api/v1/reports");
    let body = super::analyse::report("intrusion", &["203.0.113.77"]);
    let (status, filed) = ask("POST", url, &officer.token, Some(body)).await;
    assert_eq!(status, 201, "{filed}");
    looked_at(&stage).await;
    assert_eq!(number(&stage.test, "SELECT COUNT(*) FROM share_recall").await, 0);
    let held = "SELECT COUNT(*) FROM evidence_object WHERE type = 'ipv4-addr' AND tlp = 'clear' AND from_report = 0";
    assert_eq!(number(&stage.test, held).await, 1);
    assert_eq!(stage.get(&stage.ally, objects).await.ids(), [id_of(&text)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_what_a_person_takes_back_falls_with_it() {
    let stage = Stage::open().await;
    let (one, other) = (indicator(1), malware(2));
    let edge = edge(3, &id_of(&one), &id_of(&other));
    read_by_ally(&stage, &[one, other.clone(), edge.clone()]).await;
    let asked = json!({ "object": id_of(&other), "kind": "recall", "reason": "it was wrong" });
    stage.office("POST", "/recalls", asked, 201).await;
    let org = stage.ally.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&edge), org).await["kind"], "remark");
    looked_at(&stage).await;
    assert_eq!(open(&stage.test, &stage.legal).await.len(), 2, "and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_taken_back_says_nothing_of_the_next_one() {
    let stage = Stage::open().await;
    let texts = [indicator(1), version(1, "2026-02-01T00:00:00.000Z")];
    let shelf = stage.shelf(&stage.ally).await;
    for text in &texts {
        stage.hold(std::slice::from_ref(text), Tlp::Green).await;
        stage.release(&shelf, &[id_of(text)]).await;
    }
    let all = stage.below(&shelf, "/objects/?match[version]=all");
    assert_eq!(stage.get(&stage.ally, all).await.ids().len(), 2);
    let id = id_of(&texts[0]);
    let asked = json!({ "object": id, "kind": "recall", "reason": "it was wrong",
        "modified": "2026-01-01T00:00:00Z" });
    stage.office("POST", "/recalls", asked, 201).await;
    assert_eq!(messages(&stage, &id).await, 1);
    again(&stage, &texts[1..], Tlp::Red, LegalClass::CiaN).await;
    until_messages(&stage, &id, 2).await;
    // Whoever was told of the whole object is told once.
    looked_at(&stage).await;
    again(&stage, &texts[1..], Tlp::Red, LegalClass::CiaP).await;
    looked_at(&stage).await;
    assert_eq!(messages(&stage, &id).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_about_a_part_says_nothing_of_the_whole() {
    let stage = Stage::open().await;
    let tool = |modified: &str, marking: &str| {
        format!(
            r#"{{"type":"tool","spec_version":"2.1","id":"tool--{}","created":"2026-01-01T00:00:00.000Z","modified":"{modified}","name":"t","description":"for few"{marking}}}"#,
            uuid(40)
        )
    };
    let red = format!(
        r#","granular_markings":[{{"marking_ref":"{}","selectors":["description"]}}]"#,
        Tlp::Red.marking_id()
    );
    let (first, marked) =
        (tool("2026-01-01T00:00:00.000Z", ""), tool("2026-02-01T00:00:00.000Z", &red));
    read_by_ally(&stage, std::slice::from_ref(&first)).await;
    stage.hold(std::slice::from_ref(&marked), Tlp::Green).await;
    let id = id_of(&first);
    until_messages(&stage, &id, 1).await;
    let done = again(&stage, &[marked], Tlp::Red, LegalClass::CiaN).await;
    assert_eq!((done.unchanged, done.tightened), (1, 1), "{done:?}");
    until_messages(&stage, &id, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_had_again_and_falls_once_more_is_another_message() {
    let stage = Stage::open().await;
    let (one, other) = (indicator(1), malware(2));
    let edge = edge(3, &id_of(&one), &id_of(&other));
    read_by_ally(&stage, &[one.clone(), other.clone(), edge.clone()]).await;
    let ends = async || {
        let path = format!("/partners/{}/findings", stage.ally.ctx.org);
        let until = stage.test.house.clock.now().to_string();
        stage.office("POST", &path, json!({ "scope": "CIA-P", "valid_until": until }), 201).await;
    };
    let begins = async || {
        let path = format!("/partners/{}/findings", stage.ally.ctx.org);
        let until = stage.test.house.clock.now() + jiff::SignedDuration::from_hours(24);
        let body = json!({ "scope": "CIA-P", "valid_until": until.to_string() });
        stage.office("POST", &path, body, 201).await;
    };
    ends().await;
    until_messages(&stage, &id_of(&one), 1).await;
    // That it ended is said once.
    ends().await;
    looked_at(&stage).await;
    assert_eq!(messages(&stage, &id_of(&one)).await, 1);
    begins().await;
    looked_at(&stage).await;
    assert_eq!(number(&stage.test, "SELECT COUNT(*) FROM share_told").await, 0);
    again(&stage, std::slice::from_ref(&one), Tlp::Red, LegalClass::CiaN).await;
    until_messages(&stage, &id_of(&one), 2).await;
    until_messages(&stage, &id_of(&edge), 2).await;
    looked_at(&stage).await;
    assert_eq!(messages(&stage, &id_of(&other)).await, 1, "that one may still be had");
    ends().await;
    until_messages(&stage, &id_of(&other), 2).await;
    assert_eq!(messages(&stage, &id_of(&one)).await, 2, "they know that already");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_more_strictly_since_it_was_looked_at_is_not_handed_out() {
    use noroshi::share::{act, read};
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    // It names something that is not held yet.
    let edge = edge(3, &id_of(&indicator(1)), &id_of(&malware(2)));
    let texts = [indicator(1), edge.clone()];
    stage.hold(&texts, Tlp::Clear).await;
    stage.release(&shelf, &ids_of(&texts)).await;
    let house = &stage.test.house;
    let collection =
        house.store.read(move |reader| read::collection(reader, &shelf)).await.unwrap().unwrap();
    let record = async |items: &[noroshi::share::serve::Served]| {
        let ctx = &stage.ally.ctx;
        act::record_read(house, ctx, &collection, act::Door::Taxii, "objects", items).await.unwrap()
    };
    // Its own terms: nothing goes out on those it was judged by.
    let seen = slice(&stage).await;
    assert_eq!(seen.items.len(), 2);
    again(&stage, &texts[..1], Tlp::Green, LegalClass::CiaN).await;
    assert!(!record(&seen.items).await);
    assert!(record(&slice(&stage).await.items).await, "looked at again it does");
    // A decision about the reader.
    let seen = slice(&stage).await;
    let path = format!("/organisations/{}/ceiling", stage.ally.ctx.org);
    stage.office("POST", &path, json!({ "class": "CIA-PM", "tlp": "red" }), 201).await;
    assert!(!record(&seen.items).await);
    // What it names: it was looked at before, the watch has looked at who has it, and only then it is handed out.
    let other = Stage::open().await;
    let shelf = other.shelf(&other.ally).await;
    other.hold(&texts, Tlp::Green).await;
    other.release(&shelf, &ids_of(&texts)).await;
    let seen = slice(&other).await;
    assert_eq!(seen.items.len(), 2);
    hold(&other, &[malware(2)], Tlp::Green, LegalClass::Cia).await;
    let newest = number(&other.test, "SELECT MAX(seq) FROM evidence_object").await;
    for _ in 0..LOOKS {
        if number(&other.test, "SELECT seq FROM share_watch").await >= newest {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    looked_at(&other).await;
    assert_eq!(messages(&other, &id_of(&edge)).await, 0, "nobody has it");
    let house = &other.test.house;
    let collection =
        house.store.read(move |reader| read::collection(reader, &shelf)).await.unwrap().unwrap();
    let ctx = &other.ally.ctx;
    let recorded =
        act::record_read(house, ctx, &collection, act::Door::Taxii, "objects", &seen.items).await;
    assert!(recorded.unwrap());
    until_messages(&other, &id_of(&edge), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_identifier_stands_in_is_followed_like_a_reference() {
    let stage = Stage::open().await;
    let tool = format!(
        r#"{{"type":"tool","spec_version":"2.1","id":"tool--{}","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"loads {}"}}"#,
        uuid(40),
        id_of(&malware(2))
    );
    let note = format!(
        r#"{{"type":"tool","spec_version":"2.1","id":"tool--{}","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"like {}"}}"#,
        uuid(41),
        id_of(&malware(5))
    );
    read_by_ally(&stage, &[malware(2), tool.clone(), note.clone()]).await;
    let stricter = malware(2).replace("\"modified\":\"2026-01", "\"modified\":\"2026-02");
    stage.hold(&[stricter], Tlp::Red).await;
    let org = stage.ally.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&tool), org).await["kind"], "remark");
    // What turns out to be selected is found the same way.
    hold(&stage, &[malware(5)], Tlp::Clear, LegalClass::Cia).await;
    assert_eq!(message(&stage, &id_of(&note), org).await["kind"], "remark");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_from_what_an_agreement_brings_later_is_taken_back() {
    let stage = Stage::open().await;
    let edge = edge(3, &id_of(&indicator(1)), &id_of(&malware(2)));
    read_by_ally(&stage, &[indicator(1), edge.clone()]).await;
    let bundle = noroshi::evidence::act::Bundle {
        bytes: format!(
            r#"{{"type":"bundle","id":"bundle--{}","objects":[{}]}}"#,
            uuid(900),
            malware(2)
        )
        .into_bytes()
        .into(),
        tlp: Some(Tlp::Green),
        class: LegalClass::CiaN,
        originator: "office".to_owned(),
    };
    let hat = noroshi_charter::hat::Hat::CaoAnalyst;
    let analyst = noroshi::office::ctx::Ctx { hat, ..stage.legal.ctx.clone() };
    let house = &stage.test.house;
    noroshi::evidence::act::import_agreed(house, &analyst, bundle, "agreement-7").await.unwrap();
    let org = stage.ally.ctx.org.as_str();
    assert_eq!(message(&stage, &id_of(&edge), org).await["kind"], "remark");
}
