//! The leak test over HTTP: a house full of marked objects, released to every kind of audience, read by everybody
//! through every door. Each part carries a word of its own; whoever may not read it must not find it in any byte of
//! any answer, errors and headers included. What a reader may see is worked out here from the rules, not by the gate.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::house::{Someone, TestHouse, ask};

const OBJECTS: usize = 240;

/// A small generator (xorshift64*), so that a seed is a house.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }
}

/// An object with what the rules say about it.
struct Thing {
    id: String,
    text: String,
    colour: Tlp,
    class: LegalClass,
    /// Word and the colour of the part it stands in.
    words: Vec<(String, Tlp)>,
    only: Option<String>,
}

fn make(chance: &mut Chance, number: usize, ids: &[String], orgs: &[String]) -> Thing {
    let colours = [Tlp::Clear, Tlp::Clear, Tlp::Green, Tlp::Green, Tlp::Amber, Tlp::Red];
    let colour = colours[chance.below(colours.len())];
    let class =
        [LegalClass::CiaN, LegalClass::CiaN, LegalClass::CiaN, LegalClass::Cia, LegalClass::CiaPm]
            [chance.below(5)];
    let part = Tlp::ALL[chance.below(5)];
    let whole = format!("zw{number}zw");
    let few = format!("zf{number}zf");
    let mut text = json!({
        "type": "tool", "spec_version": "2.1", "id": ids[number], "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z", "name": format!("tool {whole}"), "description": format!("about {few}"),
        "labels": ["plain", few], "object_marking_refs": [colour.marking_id().as_str()],
        "granular_markings": [{ "marking_ref": part.marking_id().as_str(), "selectors": ["description", "labels.[1]"] }],
    });
    if chance.below(4) == 0 {
        let other = &ids[chance.below(ids.len())];
        text["aliases"] = json!(["one", format!("as in {other}")]);
    }
    let only = (chance.below(6) == 0).then(|| orgs[chance.below(orgs.len())].clone());
    Thing {
        id: ids[number].clone(),
        text: text.to_string(),
        colour,
        class,
        words: vec![(whole, colour), (few, part.max(colour))],
        only,
    }
}

/// Who reads, and the strictest colour its capacity allows when nobody named it.
struct ReaderOf {
    who: Someone,
    colours: &'static [Tlp],
}

const OPEN: &[Tlp] = &[Tlp::Clear, Tlp::Green];
const SERVED: &[Tlp] = &[Tlp::Clear, Tlp::Green, Tlp::Amber];

/// Words this reader may find, and objects it may know of, seen from the rules.
fn allowed(things: &[Thing], reader: &ReaderOf) -> (BTreeSet<String>, BTreeSet<String>) {
    let org = reader.who.ctx.org.to_string();
    let (mut words, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for thing in things {
        let named = thing.only.as_ref() == Some(&org);
        let colour = |tlp: &Tlp| reader.colours.contains(tlp) || (named && *tlp == Tlp::Amber);
        let opinion = thing.only.is_none() || named;
        if thing.class != LegalClass::CiaN || !opinion || !colour(&thing.colour) {
            continue;
        }
        ids.insert(thing.id.clone());
        words.extend(
            thing.words.iter().filter(|(_, tlp)| colour(tlp)).map(|(word, _)| word.clone()),
        );
    }
    (words, ids)
}

/// Everything one request gave: status, headers and body.
fn whole_answer(url: &str, token: &str) -> (u16, String) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .get(url)
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "*/*")
        .call()
        .unwrap();
    let head = format!("{:?}", answer.headers());
    let status = answer.status().as_u16();
    (status, head + &answer.body_mut().read_to_string().unwrap())
}

async fn get(url: String, token: &str) -> (u16, String) {
    let token = token.to_owned();
    tokio::task::spawn_blocking(move || whole_answer(&url, &token)).await.unwrap()
}

struct Scene {
    test: Arc<TestHouse>,
    legal: Someone,
    things: Vec<Thing>,
    readers: Vec<ReaderOf>,
    collections: Vec<String>,
}

impl Scene {
    async fn post(&self, path: &str, body: Value, wanted: u16) -> Value {
        let url = self.test.url(&format!("/api/v1{path}"));
        let (status, answer) = ask("POST", url, &self.legal.token, Some(body)).await;
        assert_eq!(status, wanted, "{path}: {answer}");
        answer
    }

    async fn open(seed: u64) -> Self {
        let mut config = TestHouse::config();
        // One person releases everything here; that two must is another test's business.
        config.share.second_person_from = None;
        config.share.second_person_classes.clear();
        let test = Arc::new(TestHouse::open_with(tempfile::tempdir().unwrap(), config).await);
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let ally = test.org("Allied CERT (fictional)", "partner", None).await;
        let other = test.org("Other CERT (fictional)", "partner", None).await;
        let power = test.org("Power (fictional)", "operator", Some("electricity")).await;
        let water = test.org("Water (fictional)", "operator", Some("water")).await;
        let orgs: Vec<String> =
            [&ally, &other, &power, &water].map(|org| org.org.to_string()).into();
        let mut readers = Vec::new();
        for (login, org, hat, colours) in [
            ("ally", &ally, Hat::PartnerForeign, OPEN),
            ("other", &other, Hat::PartnerForeign, OPEN),
            ("power", &power, Hat::OperatorOfficer, SERVED),
            ("water", &water, Hat::OperatorOfficer, SERVED),
        ] {
            readers.push(ReaderOf { who: test.person(login, org, hat).await, colours });
        }
        let mut chance = Chance(seed | 1);
        let ids: Vec<String> =
            (0..OBJECTS).map(|at| format!("tool--1b6ea7d9-2b0f-4f55-8f0a-{at:012x}")).collect();
        let things = (0..OBJECTS).map(|at| make(&mut chance, at, &ids, &orgs)).collect();
        let mut scene = Self { test, legal, things, readers, collections: Vec::new() };
        scene.fill(&orgs).await;
        scene
    }

    async fn fill(&mut self, orgs: &[String]) {
        let objects: Vec<NewObject> = self
            .things
            .iter()
            .map(|thing| NewObject {
                object: StixObject::parse(&thing.text).unwrap(),
                tlp: thing.colour,
                class: thing.class,
                originator: "nobody-here".to_owned(),
                source: "import:test".to_owned(),
            })
            .collect();
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.legal.ctx.now);
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
        let until = self.test.house.clock.now() + SignedDuration::from_hours(24);
        for org in &orgs[..2] {
            let found = json!({ "scope": "CIA-P", "valid_until": until.to_string() });
            self.post(&format!("/partners/{org}/findings"), found, 201).await;
        }
        for thing in self.things.iter().filter(|thing| thing.only.is_some()) {
            let said = json!({ "objects": [thing.id], "restricted_to": [thing.only] });
            self.post("/handling", said, 201).await;
        }
        let ids: Vec<&String> = self.things.iter().map(|thing| &thing.id).collect();
        for audience in [
            format!("partner:{}", orgs[0]),
            format!("partner:{}", orgs[1]),
            "operators".to_owned(),
            "operators:water".to_owned(),
        ] {
            let opened = self
                .post(
                    "/collections",
                    json!({ "audience": audience, "title": "all", "tlp_max": "amber" }),
                    201,
                )
                .await;
            self.collections.push(opened["id"].as_str().unwrap().to_owned());
            self.post("/releases", json!({ "audience": audience, "objects": ids }), 201).await;
        }
    }

    /// Everything a reader can ask for.
    fn doors(&self) -> Vec<String> {
        let mut doors: Vec<String> = [
            "/taxii2/",
            "/taxii2/root/collections/",
            "/messages",
            "/api/v1/messages",
            "/api/v1/recalls",
            "/share",
            "/api/v1/collections",
        ]
        .map(str::to_owned)
        .into();
        for collection in &self.collections {
            let below = format!("/taxii2/root/collections/{collection}");
            for query in
                ["", "?limit=1000", "?match[version]=all", "?match[type]=tool&limit=7", "?limit=x"]
            {
                doors.push(format!("{below}/objects/{query}"));
            }
            doors.push(format!("{below}/manifest/?limit=1000"));
            for thing in self.things.iter().step_by(7) {
                doors.push(format!("{below}/objects/{}/", thing.id));
                doors.push(format!("{below}/objects/{}/versions/", thing.id));
            }
        }
        doors
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_a_byte_that_is_not_for_them_through_any_door() {
    let scene = Scene::open(20_261_127).await;
    let (mut answers, mut found) = (0usize, BTreeSet::new());
    for reader in &scene.readers {
        let (words, ids) = allowed(&scene.things, reader);
        for door in scene.doors() {
            let (_, answer) = get(scene.test.url(&door), &reader.who.token).await;
            answers += 1;
            for thing in &scene.things {
                // The address asked for is the reader's own word.
                let asked = door.contains(&thing.id);
                assert!(
                    asked || ids.contains(&thing.id) || !answer.contains(&thing.id),
                    "{}: {door}: `{}` is named in {answer}",
                    reader.who.ctx.org,
                    thing.id
                );
                for (word, _) in &thing.words {
                    assert!(
                        words.contains(word) || !answer.contains(word.as_str()),
                        "{}: {door}: `{word}` stands in {answer}",
                        reader.who.ctx.org
                    );
                    if answer.contains(word.as_str()) {
                        found.insert((reader.who.ctx.org.to_string(), word.clone()));
                    }
                }
            }
        }
    }
    assert!(answers > 500, "{answers}");
    assert!(found.len() > OBJECTS, "the gate is no wall: {}", found.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_and_forbidden_are_one_answer() {
    let scene = Scene::open(7).await;
    let reader = &scene.readers[0];
    let (_, ids) = allowed(&scene.things, reader);
    let stable = |answer: &str, id: &str| answer.replace(id, "ID");
    let below = format!("/taxii2/root/collections/{}", scene.collections[0]);
    let absent = "tool--1b6ea7d9-2b0f-4f55-8f0a-ffffffffffff";
    for path in ["", "versions/"] {
        let url = |id: &str| scene.test.url(&format!("{below}/objects/{id}/{path}"));
        let nothing = get(url(absent), &reader.who.token).await;
        assert_eq!(nothing.0, 404);
        for thing in scene.things.iter().filter(|thing| !ids.contains(&thing.id)).take(20) {
            let forbidden = get(url(&thing.id), &reader.who.token).await;
            let plain = |answer: &(u16, String), id: &str| {
                // Date and request name differ between any two answers.
                let text = stable(&answer.1, id);
                (
                    answer.0,
                    text.split("\"date\"").next().unwrap_or_default().len(),
                    text.find("{\"").map(|at| text[at..].len()),
                )
            };
            assert_eq!(plain(&forbidden, &thing.id).0, plain(&nothing, absent).0);
            let body = |text: &str| text.rsplit('}').nth(1).map(str::to_owned);
            assert_eq!(body(&stable(&forbidden.1, &thing.id)), body(&stable(&nothing.1, absent)));
        }
    }
}
