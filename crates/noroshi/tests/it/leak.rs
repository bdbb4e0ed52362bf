//! The leak test over HTTP: houses full of marked objects, of parts, and of relationships that say what was made from
//! what, released to every kind of audience and read by everybody through every door: TAXII, the change stream, webhooks,
//! exports, advisories, pages. Each part carries a word of its own; whoever may not read it must not find it in any byte
//! of any answer, errors and headers included. What a reader may see is worked out here from the rules, not by the gate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi::office::store::Reader;
use noroshi::share::gate::Filter;
use noroshi::share::serve::{self, Asked, View};
use noroshi_charter::hat::Hat;
use noroshi_charter::release::Audience;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::evidence_pages::Browser;
use super::house::{Someone, TestHouse, ask, pause, release};
use super::stream::{Receiver, receive};

const OBJECTS: usize = 120;
const RELATIONS: usize = 40;
/// Every identifier of a house begins like this, after its type.
const UUID: &str = "1b6ea7d9-2b0f-4f55-8f0a-";

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
    /// A later version, which names less and says the same otherwise.
    later: Option<String>,
    colour: Tlp,
    class: LegalClass,
    /// Word and the colour of the part it stands in.
    words: Vec<(String, Tlp)>,
    only: Option<String>,
    /// What it names, or is said to be made from.
    sources: Vec<String>,
}

fn name_of(number: usize) -> String {
    let kind = if number.is_multiple_of(2) { "tool" } else { "indicator" };
    format!("{kind}--{UUID}{number:012x}")
}

fn make(chance: &mut Chance, number: usize, orgs: &[String]) -> Thing {
    let colours = [Tlp::Clear, Tlp::Clear, Tlp::Green, Tlp::Green, Tlp::Amber, Tlp::Red];
    let colour = colours[chance.below(colours.len())];
    let class = [
        LegalClass::CiaN,
        LegalClass::CiaN,
        LegalClass::CiaN,
        LegalClass::CiaN,
        LegalClass::Cia,
        LegalClass::CiaPm,
    ][chance.below(6)];
    let part = Tlp::ALL[chance.below(5)];
    let (whole, few) = (format!("zw{number}zw"), format!("zf{number}zf"));
    let id = name_of(number);
    let mut text = json!({
        "type": id.split("--").next(), "spec_version": "2.1", "id": id, "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z", "name": format!("thing {whole}"), "description": format!("about {few}"),
        "labels": ["plain", few], "object_marking_refs": [colour.marking_id().as_str()],
        "granular_markings": [{ "marking_ref": part.marking_id().as_str(), "selectors": ["description", "labels.[1]"] }],
    });
    if !number.is_multiple_of(2) {
        text["pattern"] = json!(format!("[domain-name:value = '{whole}.lantern.example']"));
        text["pattern_type"] = json!("stix");
        text["valid_from"] = json!("2026-01-01T00:00:00Z");
    }
    let (mut sources, mut later) = (Vec::new(), None);
    if chance.below(4) == 0 {
        let other = name_of(chance.below(OBJECTS));
        let mut next = text.clone();
        next["modified"] = json!("2026-02-01T00:00:00Z");
        later = (chance.below(2) == 0).then(|| next.to_string());
        text["labels"] = json!(["plain", few, format!("as in {other}")]);
        sources.push(other);
    }
    Thing {
        id,
        text: text.to_string(),
        later,
        colour,
        class,
        words: vec![(whole, colour), (few, part.max(colour))],
        only: (chance.below(6) == 0).then(|| orgs[chance.below(orgs.len())].clone()),
        sources,
    }
}

/// A relationship between two things; some say that the first was made from the second.
fn relate(chance: &mut Chance, number: usize, things: &mut [Thing]) -> Thing {
    let kind = ["derived-from", "based-on", "related-to"][chance.below(3)];
    let (from, to) = (chance.below(OBJECTS), name_of(chance.below(OBJECTS)));
    let id = format!("relationship--{UUID}{:012x}", 0xaaaa_0000 + number);
    let text = json!({
        "type": "relationship", "spec_version": "2.1", "id": id, "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z", "relationship_type": kind, "source_ref": name_of(from), "target_ref": to,
        "object_marking_refs": [Tlp::Clear.marking_id().as_str()],
    });
    let sources = vec![name_of(from), to.clone()];
    if kind != "related-to" {
        things[from].sources.push(to);
    }
    let (text, colour, class) = (text.to_string(), Tlp::Clear, LegalClass::CiaN);
    Thing { id, text, later: None, colour, class, words: Vec::new(), only: None, sources }
}

/// How many things name more others than a few.
const WIDE: usize = 3;

/// A thing that names very many others: what is asked to find out whether it leaves must not be told by the answer.
fn wide(number: usize) -> Thing {
    let colour = [Tlp::Red, Tlp::Clear, Tlp::Green][number % WIDE];
    let (id, word) = (wide_id(number), format!("zw{}zw", 900 + number));
    let sources: Vec<String> = (0..60).map(|at| name_of((at + number) % OBJECTS)).collect();
    let text = json!({
        "type": "tool", "spec_version": "2.1", "id": id, "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z", "name": word, "x_about": sources,
        "object_marking_refs": [colour.marking_id().as_str()],
    });
    let (text, class) = (text.to_string(), LegalClass::CiaN);
    Thing { id, text, later: None, colour, class, words: vec![(word, colour)], only: None, sources }
}

fn wide_id(number: usize) -> String {
    format!("tool--{UUID}{:012x}", 0xbbbb_0000 + number)
}

/// Whatever was made from selected or secret information, over any number of steps.
fn tainted(things: &[Thing]) -> BTreeSet<String> {
    let mut bad: BTreeSet<String> = things
        .iter()
        .filter(|thing| thing.class != LegalClass::CiaN)
        .map(|thing| thing.id.clone())
        .collect();
    loop {
        let more: Vec<String> = things
            .iter()
            .filter(|thing| !bad.contains(&thing.id))
            .filter(|thing| thing.sources.iter().any(|source| bad.contains(source)))
            .map(|thing| thing.id.clone())
            .collect();
        if more.is_empty() {
            return bad;
        }
        bad.extend(more);
    }
}

/// Who reads, and the strictest colour its capacity allows when nobody named it.
struct ReaderOf {
    who: Someone,
    colours: &'static [Tlp],
    hook: Receiver,
    browser: Browser,
}

const OPEN: &[Tlp] = &[Tlp::Clear, Tlp::Green];
const SERVED: &[Tlp] = &[Tlp::Clear, Tlp::Green, Tlp::Amber];

/// Words this reader may find, and objects it may know of, seen from the rules.
fn allowed(things: &[Thing], reader: &ReaderOf) -> (BTreeSet<String>, BTreeSet<String>) {
    let (org, bad) = (reader.who.ctx.org.to_string(), tainted(things));
    let (mut words, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for thing in things {
        let named = thing.only.as_ref() == Some(&org);
        let colour = |tlp: &Tlp| reader.colours.contains(tlp) || (named && *tlp == Tlp::Amber);
        let opinion = thing.only.is_none() || named;
        if bad.contains(&thing.id) || !opinion || !colour(&thing.colour) {
            continue;
        }
        ids.insert(thing.id.clone());
        words.extend(
            thing.words.iter().filter(|(_, tlp)| colour(tlp)).map(|(word, _)| word.clone()),
        );
    }
    (words, ids)
}

/// Every planted word in a text.
fn words_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for mark in ["zw", "zf"] {
        for (at, _) in text.match_indices(mark) {
            let digits: String = text[at + 2..].chars().take_while(char::is_ascii_digit).collect();
            if !digits.is_empty() && text[at + 2 + digits.len()..].starts_with(mark) {
                found.insert(format!("{mark}{digits}{mark}"));
            }
        }
    }
    found
}

/// Every object of the house that a text names, by the last part of its identifier.
fn named_in(text: &str) -> BTreeSet<&str> {
    text.match_indices(UUID).filter_map(|(at, _)| text.get(at + 24..at + 36)).collect()
}

/// Everything one request gave: status, headers and body.
struct Whole {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

fn whole_answer(url: &str, token: &str) -> Whole {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .get(url)
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "*/*")
        .call()
        .unwrap();
    let headers = answer.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
    let status = answer.status().as_u16();
    Whole { status, headers, body: answer.body_mut().read_to_string().unwrap() }
}

async fn get(url: String, token: &str) -> Whole {
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
        self.post_as(&self.legal, path, body, wanted).await
    }

    async fn post_as(&self, who: &Someone, path: &str, body: Value, wanted: u16) -> Value {
        let url = self.test.url(&format!("/api/v1{path}"));
        let (status, answer) = ask("POST", url, &who.token, Some(body)).await;
        assert_eq!(status, wanted, "{path}: {answer}");
        answer
    }

    async fn open(seed: u64) -> Self {
        let mut config = TestHouse::config();
        // One person releases everything here; that two must is another test's business.
        config.share.second_person_from = None;
        config.share.second_person_classes.clear();
        let hooks: Vec<Receiver> = (0..6).map(|_| receive(0)).collect();
        config.stream.hooks = hooks.iter().map(|hook| hook.url.clone()).collect();
        let test = Arc::new(TestHouse::open_with(tempfile::tempdir().unwrap(), config).await);
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let ally = test.org("Allied CERT (fictional)", "partner", None).await;
        let other = test.org("Other CERT (fictional)", "partner", None).await;
        let power = test.org("Power (fictional)", "operator", Some("electricity")).await;
        let water = test.org("Water (fictional)", "operator", Some("water")).await;
        let maker = test.org("Maker (fictional)", "supplier", None).await;
        let orgs: Vec<String> =
            [&ally, &other, &power, &water, &maker].map(|org| org.org.to_string()).into();
        let mut readers = Vec::new();
        for ((login, org, hat, colours), hook) in [
            ("ally", &ally, Hat::PartnerForeign, OPEN),
            ("other", &other, Hat::PartnerForeign, OPEN),
            ("power", &power, Hat::OperatorOfficer, SERVED),
            ("water", &water, Hat::OperatorOfficer, SERVED),
            // In the council an organisation receives as a member of it, whatever it is besides.
            ("seat", &power, Hat::CouncilMember, OPEN),
            ("maker", &maker, Hat::SupplierOfficer, OPEN),
        ]
        .into_iter()
        .zip(hooks)
        {
            let who = test.person(login, org, hat).await;
            let browser = Browser::of(&test, &who).await;
            readers.push(ReaderOf { who, colours, hook, browser });
        }
        let mut chance = Chance(seed | 1);
        let mut things: Vec<Thing> = (0..OBJECTS).map(|at| make(&mut chance, at, &orgs)).collect();
        for at in 0..RELATIONS {
            let relation = relate(&mut chance, at, &mut things);
            things.push(relation);
        }
        things.extend((0..WIDE).map(wide));
        let mut scene = Self { test, legal, things, readers, collections: Vec::new() };
        scene.fill(&orgs).await;
        scene
    }

    async fn fill(&mut self, orgs: &[String]) {
        let held = |thing: &Thing, text: &String, class| NewObject {
            object: StixObject::parse(text).unwrap(),
            tlp: thing.colour,
            class,
            originator: "nobody-here".to_owned(),
            source: "import:test".to_owned(),
        };
        let first = self.things.iter().map(|thing| held(thing, &thing.text, thing.class));
        // Later versions come without the class and the reference of the first.
        let later = self.things.iter().filter_map(|thing| {
            thing.later.as_ref().map(|text| held(thing, text, LegalClass::CiaN))
        });
        let objects: Vec<NewObject> = first.chain(later).collect();
        assert!(objects.len() > self.things.len(), "some have versions");
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.legal.ctx.now);
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
        let until = self.test.house.clock.now() + SignedDuration::from_hours(24);
        for org in &orgs[..2] {
            let found = json!({ "scope": "CIA-P", "valid_until": until.to_string() });
            self.post(&format!("/partners/{org}/findings"), found, 201).await;
        }
        for org in &orgs[2..4] {
            self.post(&format!("/council/{org}"), json!({ "consent": "letter" }), 201).await;
        }
        for thing in self.things.iter().filter(|thing| thing.only.is_some()) {
            let said = json!({ "objects": [thing.id], "restricted_to": [thing.only] });
            self.post("/handling", said, 201).await;
        }
        for reader in &self.readers {
            self.post_as(&reader.who, "/hooks", json!({ "url": reader.hook.url }), 201).await;
        }
        let ids: Vec<&String> = self.things.iter().map(|thing| &thing.id).collect();
        for audience in [
            format!("partner:{}", orgs[0]),
            format!("partner:{}", orgs[1]),
            "operators".to_owned(),
            "operators:water".to_owned(),
            "council".to_owned(),
            format!("operator:{}", orgs[2]),
            format!("supplier:{}", orgs[4]),
        ] {
            let opened = self
                .post(
                    "/collections",
                    json!({ "audience": audience, "title": "all", "tlp_max": "amber" }),
                    201,
                )
                .await;
            self.collections.push(opened["id"].as_str().unwrap().to_owned());
            let wish = json!({ "audience": audience, "objects": ids });
            let (status, done) = release(&self.test, &self.legal.token, wish).await;
            assert_eq!(status, 201, "{audience}: {done}");
            if !audience.starts_with("partner:") {
                self.advise(&audience, &done).await;
            }
        }
    }

    /// An advisory about everything that left, so that each recipient is shown its own part of the names.
    async fn advise(&self, audience: &str, done: &Value) {
        let objects: Vec<&Value> = done["objects"].as_array().unwrap().iter().take(100).collect();
        assert!(!objects.is_empty(), "{audience}: nothing leaves");
        let wish = json!({
            "audience": audience, "title": "Lantern", "text": "About these.", "objects": objects,
            "tlp": "green", "class": "CIA-N", "needs": "acknowledge",
        });
        self.post("/advisories", wish, 201).await;
    }

    /// Everything a reader can ask for.
    fn doors(&self, reader: &ReaderOf) -> Vec<String> {
        let mut doors: Vec<String> = [
            "/taxii2/",
            "/taxii2/root/collections/",
            "/messages",
            "/api/v1/messages",
            "/api/v1/recalls",
            "/share",
            "/api/v1/collections",
            "/api/v1/changes",
            "/api/v1/changes?types=indicator",
            "/api/v1/changes?cursor=none",
            "/api/v1/hooks",
            "/advisories",
            "/api/v1/advisories",
            "/api/v1/advisories/received",
            "/api/v1/questions",
        ]
        .map(str::to_owned)
        .into();
        doors.push("/api/v1/opinions".to_owned());
        let (own, supplied) = (
            format!("operator:{}", reader.who.ctx.org),
            format!("supplier:{}", reader.who.ctx.org),
        );
        for place in [
            "own",
            "operators",
            "operators:water",
            "council",
            own.as_str(),
            supplied.as_str(),
            "public",
            "none",
        ] {
            for format in ["rpz", "suricata", "suricata/noroshi.csv", "zeek", "csv", "stix", "none"]
            {
                doors.push(format!("/api/v1/exports/{place}/{format}"));
            }
        }
        for collection in &self.collections {
            let below = format!("/taxii2/root/collections/{collection}");
            for query in [
                "",
                "?limit=1000",
                "?match[version]=all",
                "?match[type]=tool&limit=7",
                "?match[type]=relationship",
                "?limit=x",
            ] {
                doors.push(format!("{below}/objects/{query}"));
            }
            doors.push(format!("{below}/manifest/?limit=1000"));
            for thing in self.things.iter().step_by(13) {
                doors.push(format!("{below}/objects/{}/", thing.id));
                doors.push(format!("{below}/objects/{}/versions/", thing.id));
            }
        }
        doors
    }

    /// Waits until a reader's webhook has brought everything that its change stream holds; gives what was sent.
    async fn hooked(&self, reader: &ReaderOf) -> String {
        let stream = get(self.test.url("/api/v1/changes"), &reader.who.token).await.body;
        let wanted = stream.lines().filter(|line| line.contains("\"type\":\"object\"")).count();
        for _ in 0..600 {
            let got = reader.hook.got.lock().unwrap().clone();
            let text: String = got
                .iter()
                .map(|(id, at, signature, body)| format!("{id} {at} {signature}\n{body}\n"))
                .collect();
            if text.lines().filter(|line| line.contains("\"type\":\"object\"")).count() >= wanted {
                return text;
            }
            pause(Duration::from_millis(50)).await;
        }
        panic!("{}: the webhook has not brought {wanted} objects", reader.who.ctx.org)
    }
}

/// Every page that stands in anybody's menu, and those of recipients, opened in a browser with a session.
const PAGES: [&str; 22] = [
    "/advisories",
    "/opinions",
    "/messages",
    "/share",
    "/share/advisories",
    "/share/advisories/new",
    "/share/questions",
    "/share/recalls",
    "/share/peers",
    "/share/reviews",
    "/evidence",
    "/evidence?q=thing",
    "/evidence/lists",
    "/evidence/lookup",
    "/analyse",
    "/analyse/cases",
    "/analyse/matrix",
    "/analyse/inbox",
    "/intake",
    "/response",
    "/oversight",
    "/profile",
];

/// What of an answer is not for a reader: names of objects and words.
fn leaks(scene: &Scene, reader: &ReaderOf, door: &str, answer: &str) -> Vec<String> {
    let (words, ids) = allowed(&scene.things, reader);
    let last = |id: &str| id.rsplit('-').next().unwrap_or_default().to_owned();
    let known: BTreeSet<String> = ids.iter().map(|id| last(id)).collect();
    // The address asked for is the reader's own word; a message of the office about a recall has a name of its own.
    let names = named_in(answer).into_iter();
    let named = names.filter(|name| !known.contains(*name) && !door.contains(name));
    let said = words_in(answer).into_iter().filter(|word| !words.contains(word));
    named.map(str::to_owned).chain(said).collect()
}

/// What one reader was given through one door, held against what it may have; the words that it did find.
fn searched(scene: &Scene, reader: &ReaderOf, door: &str, answer: &str) -> BTreeSet<String> {
    let leaks = leaks(scene, reader, door, answer);
    let who = &reader.who.ctx;
    assert!(leaks.is_empty(), "{} of {}: {door}: {leaks:?} in {answer}", who.hat, who.org);
    words_in(answer)
}

async fn leak(seed: u64) {
    let scene = Scene::open(seed).await;
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for reader in &scene.readers {
        for door in scene.doors(reader) {
            let got = get(scene.test.url(&door), &reader.who.token).await;
            let answer = format!("{:?}\n{}", got.headers, got.body);
            let words = searched(&scene, reader, &door, &answer);
            let kind = ["/api/v1/exports", "/api/v1/changes", "/taxii2"];
            let kind = kind.into_iter().find(|kind| door.starts_with(kind)).unwrap_or("other");
            *found.entry(kind).or_default() += words.len();
        }
        let sent = scene.hooked(reader).await;
        *found.entry("hook").or_default() += searched(&scene, reader, "hook", &sent).len();
        let inbox = get(scene.test.url("/api/v1/advisories/received"), &reader.who.token).await;
        *found.entry("advisory").or_default() += named_in(&inbox.body).len();
        for page in PAGES {
            let (_, text) = reader.browser.get(page).await;
            searched(&scene, reader, page, &text);
            *found.entry("page").or_default() += named_in(&text).len();
        }
    }
    // The gate is no wall: through each door something is found.
    for door in ["/api/v1/exports", "/api/v1/changes", "/taxii2", "hook", "advisory", "page"] {
        assert!(found.get(door).is_some_and(|words| *words > 20), "seed {seed}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_a_byte_that_is_not_for_them_through_any_door() {
    leak(20_261_127).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_in_another_house() {
    leak(7).await;
    leak(0x5eed_0042).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_finds_what_a_gate_that_lets_everything_through_would_give() {
    let scene = Scene::open(7).await;
    // The double of a broken gate: what is meant for one reader is given to another, through each sort of door.
    let (ally, power) = (&scene.readers[0], &scene.readers[2]);
    let doors = [
        "/api/v1/exports/operators/csv".to_owned(),
        "/api/v1/exports/operators/rpz".to_owned(),
        "/api/v1/exports/operators/stix".to_owned(),
        "/api/v1/changes".to_owned(),
        "/api/v1/advisories/received".to_owned(),
        format!("/taxii2/root/collections/{}/objects/?limit=1000", scene.collections[2]),
    ];
    for door in doors {
        let got = get(scene.test.url(&door), &power.who.token).await;
        assert!(leaks(&scene, power, &door, &got.body).is_empty(), "{door}");
        assert!(!leaks(&scene, ally, &door, &got.body).is_empty(), "{door}: {}", got.body);
    }
    let sent = scene.hooked(power).await;
    assert!(!leaks(&scene, ally, "hook", &sent).is_empty());
    let (_, page) = power.browser.get("/advisories").await;
    assert!(!leaks(&scene, ally, "page", &page).is_empty(), "{page}");
    // An object nobody may have, and each of its parts, are found wherever they stand: in a header, in an error.
    let hidden = scene.things.iter().find(|thing| thing.colour == Tlp::Red).unwrap();
    for planted in [hidden.id.clone(), hidden.words[0].0.clone(), hidden.words[1].0.clone()] {
        let answer = format!("{{\"etag\": \"x{planted}y\"}}\n");
        assert!(!leaks(&scene, power, "/taxii2/", &answer).is_empty(), "{planted}");
    }
}

/// What two answers are compared by: without the date, the request's own number, and the name asked for.
fn plain(got: &Whole, id: &str) -> (u16, BTreeMap<String, String>, String) {
    let mut headers = got.headers.clone();
    for own in ["date", "x-request-id"] {
        headers.remove(own);
    }
    // The nonce of a page is drawn anew for each answer; its length stays in the comparison.
    if let Some(policy) = headers.get_mut("content-security-policy") {
        let nonces: Vec<String> = policy
            .split("'nonce-")
            .skip(1)
            .filter_map(|rest| rest.split('\'').next().map(str::to_owned))
            .collect();
        for nonce in nonces {
            *policy = policy.replace(&nonce, &"n".repeat(nonce.len()));
        }
    }
    let mut body = got.body.replace(id, "ID");
    if let Ok(Value::Object(mut members)) = serde_json::from_str(&body) {
        members.remove("request");
        body = Value::Object(members).to_string();
    }
    (got.status, headers, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_had_beside_it_does_not_tell_the_absent_from_the_forbidden() {
    let scene = Scene::open(7).await;
    let store = &scene.test.house.store;
    let own = format!("partner:{}", scene.readers[0].who.ctx.org);
    for (reader, place) in [(0, own.as_str()), (2, "operators"), (3, "council")] {
        let reader = &scene.readers[reader];
        let (_, ids) = allowed(&scene.things, reader);
        // What is asked for, as the answer to a list of names: what came, and what it cost.
        let asked = async |names: &[&String]| {
            let view = View {
                audience: Audience::parse(place).unwrap(),
                filter: Filter { types: Vec::new(), tlp_max: Tlp::Amber },
            };
            let names: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
            let (org, now) = (reader.who.ctx.org.clone(), scene.test.house.clock.now());
            let read = move |reader: &Reader<'_>| {
                let until = serve::end(reader, &view.audience)?;
                let asked =
                    Asked { until, ids: names, limit: 100, probed: true, ..Asked::default() };
                let before = reader.lookups();
                let slice = serve::page(reader, &view, &org, now, &asked)?;
                let found = slice.items.iter().map(|one| one.object.id().to_string());
                Ok((found.collect::<Vec<_>>(), slice.next, reader.lookups() - before))
            };
            store.read(read).await.unwrap()
        };
        let mut known = None;
        for id in &ids {
            if !asked(&[id]).await.0.is_empty() {
                known = Some(id);
                break;
            }
        }
        let (known, absent) = (known.unwrap(), format!("tool--{UUID}{:012x}", 0xffff_ffffusize));
        let nothing = asked(&[known, &absent]).await;
        assert_eq!((&nothing.0, nothing.1), (&vec![known.clone()], None));
        let hidden = || scene.things.iter().filter(|thing| !ids.contains(&thing.id));
        let wide = hidden().filter(|thing| thing.text.contains("x_about"));
        for thing in hidden().step_by(3).take(16).chain(wide) {
            assert_eq!(asked(&[known, &thing.id]).await, nothing, "{}", thing.text);
        }
        // Several together cost as much as several that are not there.
        let many: Vec<&String> = hidden().map(|thing| &thing.id).take(5).collect();
        let absent: Vec<String> =
            (0..5).map(|at| format!("tool--{UUID}{:012x}", 0xffff_ff00usize + at)).collect();
        let absent: Vec<&String> = absent.iter().collect();
        let [many, absent] = [many, absent].map(|list| [vec![known], list].concat());
        assert_eq!(asked(&many).await, asked(&absent).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_and_forbidden_are_one_answer_and_one_amount_of_work() {
    let scene = Scene::open(7).await;
    let store = &scene.test.house.store;
    for (reader, collection) in [(0, 0), (2, 2), (3, 4)] {
        let reader = &scene.readers[reader];
        let (_, ids) = allowed(&scene.things, reader);
        let below = format!("/taxii2/root/collections/{}", scene.collections[collection]);
        let absent = format!("tool--{UUID}{:012x}", 0xffff_ffffusize);
        for path in ["", "versions/", "?match[version]=all"] {
            let url = |id: &str| scene.test.url(&format!("{below}/objects/{id}/{path}"));
            // A job of the house may look something up meanwhile, so the least of several tries counts; who is awaited
            // at a cost is done when it is met.
            let cost = async |id: &str, awaited: u64| {
                let mut least = (u64::MAX, None);
                for _ in 0..40 {
                    let before = store.lookups();
                    let got = get(url(id), &reader.who.token).await;
                    let spent = store.lookups() - before;
                    if spent < least.0 {
                        least = (spent, Some(plain(&got, id)));
                    }
                    if least.0 <= awaited {
                        break;
                    }
                }
                least
            };
            let nothing = cost(&absent, 0).await;
            assert_eq!(nothing.1.as_ref().map(|got| got.0), Some(404));
            let hidden = || scene.things.iter().filter(|thing| !ids.contains(&thing.id));
            let wide = hidden().filter(|thing| thing.text.contains("x_about"));
            assert_eq!(wide.clone().count(), WIDE, "each names something selected");
            for thing in hidden().step_by(3).take(16).chain(wide) {
                assert_eq!(cost(&thing.id, nothing.0).await, nothing, "{} {path}", thing.text);
            }
        }
    }
}
