//! Files for operators' tools: what is kept of a stream gives the same bytes as a file made from nothing, whatever
//! happened, and a change of one indicator costs a look at that one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use noroshi::evidence::lists;
use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi::office::ctx::Ctx;
use noroshi::share::council::exports;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::warning::{Kind, List, Speaks};
use serde_json::{Value, json};

use super::evidence_pages::Browser;
use super::house::{Someone, TestHouse, ask};

const FORMATS: [(&str, Option<&str>); 7] = [
    ("rpz", None),
    ("suricata", None),
    ("suricata", Some("noroshi.csv")),
    ("suricata", Some("noroshi-names.lst")),
    ("zeek", None),
    ("csv", None),
    ("stix", None),
];
const COLOURS: [Tlp; 4] = [Tlp::Clear, Tlp::Green, Tlp::Amber, Tlp::Red];

/// A small generator (xorshift64*), so that a seed is a sequence.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

fn id(number: usize) -> String {
    format!("indicator--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}")
}

fn relation(number: usize) -> String {
    format!("relationship--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}")
}

struct World {
    test: TestHouse,
    legal: Someone,
    analyst: Someone,
    readers: Vec<(Someone, String)>,
    audiences: Vec<String>,
    orgs: Vec<String>,
    chance: Chance,
    made: usize,
    versions: usize,
    /// The newest text of each indicator.
    texts: BTreeMap<String, String>,
    lists: u64,
    ahead: SignedDuration,
    tags: BTreeMap<(usize, usize), String>,
    serials: BTreeMap<usize, (String, i64)>,
}

impl World {
    async fn open(seed: u64) -> Self {
        let mut config = TestHouse::config();
        config.share.second_person_from = None;
        config.share.second_person_classes.clear();
        let test = TestHouse::open_with(tempfile::tempdir().unwrap(), config).await;
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
        let water = test.org("Water (fictional)", "operator", Some("water")).await;
        let power = test.org("Power (fictional)", "operator", Some("electricity")).await;
        let maker = test.org("Maker (fictional)", "supplier", None).await;
        let orgs: Vec<String> = [&water, &power, &maker].map(|org| org.org.to_string()).into();
        let supplied = format!("supplier:{}", maker.org);
        let readers = vec![
            (test.person("water", &water, Hat::OperatorOfficer).await, "operators".to_owned()),
            (test.person("power", &power, Hat::CouncilMember).await, "council".to_owned()),
            (test.person("maker", &maker, Hat::SupplierOfficer).await, supplied.clone()),
        ];
        let world = Self {
            audiences: vec!["operators".to_owned(), "council".to_owned(), supplied],
            test,
            legal,
            analyst,
            readers,
            orgs,
            chance: Chance(seed | 1),
            made: 0,
            versions: 0,
            texts: BTreeMap::new(),
            lists: 0,
            ahead: SignedDuration::ZERO,
            tags: BTreeMap::new(),
            serials: BTreeMap::new(),
        };
        world.call("POST", &format!("/council/{}", world.orgs[1]), json!({ "consent": "1" })).await;
        world
    }

    async fn call(&self, method: &'static str, path: &str, body: Value) -> (u16, Value) {
        ask(method, self.test.url(&format!("/api/v1{path}")), &self.legal.token, Some(body)).await
    }

    async fn hold(&self, texts: &[String], tlp: Tlp, class: LegalClass, originator: &str) {
        let objects: Vec<NewObject> = texts
            .iter()
            .map(|text| NewObject {
                object: StixObject::parse(text).unwrap(),
                tlp,
                class,
                originator: originator.to_owned(),
                source: "import:test".to_owned(),
            })
            .collect();
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.test.house.clock.now());
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
    }

    fn known(&mut self) -> Option<String> {
        let ids: Vec<String> = self.texts.keys().cloned().collect();
        (!ids.is_empty()).then(|| self.chance.of(&ids))
    }

    fn version(&mut self) -> String {
        self.versions += 1;
        format!("2026-02-01T00:{:02}:{:02}.000Z", self.versions / 60, self.versions % 60)
    }

    /// A new indicator; some end soon, some begin later, some have a stricter part, some name another.
    async fn bring(&mut self) {
        let number = self.made;
        self.made += 1;
        let day = |days: i64| {
            (self.test.house.clock.now() + SignedDuration::from_hours(24 * days)).to_string()
        };
        let (from, until) = ([day(-300), day(5)], [day(10), day(40), day(400)]);
        let (from, until) =
            (from[usize::from(self.chance.below(5) == 0)].clone(), self.chance.of(&until));
        let (colour, part) = (self.chance.of(&COLOURS[..3]), self.chance.of(&COLOURS));
        let mut labels = vec!["plain".to_owned(), "few".to_owned()];
        if self.chance.below(3) == 0
            && let Some(other) = self.known()
        {
            labels.push(format!("as in {other}"));
        }
        let at = self.version();
        let name = format!("c{number}.lantern.example");
        // Some have no form in some formats.
        let (language, pattern) = match self.chance.below(8) {
            0 => (
                "stix",
                format!("[domain-name:value = '{name}' AND domain-name:value = 'b.{name}']"),
            ),
            1 => ("stix", format!("[url:value = 'https://{name}/a']")),
            2 => ("sigma", format!("title: {name}")),
            _ => ("stix", format!("[domain-name:value = '{name}']")),
        };
        let text = json!({
            "type": "indicator", "spec_version": "2.1", "id": id(number), "created": "2026-01-01T00:00:00.000Z",
            "modified": at, "pattern": pattern, "pattern_type": language, "valid_from": from, "valid_until": until, "labels": labels,
            "object_marking_refs": [colour.marking_id().as_str()],
            "granular_markings": [{ "marking_ref": part.marking_id().as_str(), "selectors": ["labels.[1]"] }],
        })
        .to_string();
        let owner = self.chance.below(4).checked_sub(1).map(|at| self.orgs[at].clone());
        self.hold(&[text.clone()], colour, LegalClass::CiaN, &owner.unwrap_or_default()).await;
        self.texts.insert(id(number), text);
    }

    /// A later version: marked anew, withdrawn, or without what it named.
    async fn renew(&mut self) {
        let Some(id) = self.known() else { return };
        let mut text: Value = serde_json::from_str(&self.texts[&id]).unwrap();
        let colour = self.chance.of(&COLOURS);
        text["modified"] = json!(self.version());
        text["object_marking_refs"] = json!([colour.marking_id().as_str()]);
        match self.chance.below(4) {
            0 => text["revoked"] = json!(true),
            1 => text["labels"] = json!(["plain", "few"]),
            _ => {}
        }
        let text = text.to_string();
        self.hold(&[text.clone()], colour, LegalClass::CiaN, "").await;
        self.texts.insert(id, text);
    }

    /// The same bytes on stricter terms.
    async fn tighten(&mut self) {
        let Some(id) = self.known() else { return };
        let class = self.chance.of(&[LegalClass::CiaN, LegalClass::CiaP, LegalClass::Cia]);
        let (text, tlp) = (self.texts[&id].clone(), self.chance.of(&COLOURS));
        self.hold(&[text], tlp, class, "").await;
    }

    /// One was made from another.
    async fn derive(&mut self) {
        let (Some(from), Some(to)) = (self.known(), self.known()) else { return };
        let number = self.made;
        self.made += 1;
        let text = json!({
            "type": "relationship", "spec_version": "2.1", "id": relation(number), "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z", "relationship_type": "derived-from", "source_ref": from,
            "target_ref": to, "object_marking_refs": [Tlp::Clear.marking_id().as_str()],
        });
        self.hold(&[text.to_string()], Tlp::Clear, LegalClass::CiaN, "").await;
    }

    async fn let_out(&mut self) {
        let ids: Vec<String> = (0..3).filter_map(|_| self.known()).collect();
        if ids.is_empty() {
            return;
        }
        let wish = json!({ "audience": self.chance.of(&self.audiences.clone()), "objects": ids });
        super::house::release(&self.test, &self.legal.token, wish).await;
    }

    async fn opinion(&mut self) {
        let Some(id) = self.known() else { return };
        let some = self.orgs.clone();
        let said = match self.chance.below(3) {
            0 => json!({ "objects": [id], "lifts": true }),
            1 => json!({ "objects": [id], "restricted_to": [self.chance.of(&some)] }),
            _ => json!({ "objects": [id], "restricted_to": some }),
        };
        let (status, done) = self.call("POST", "/handling", said).await;
        assert_eq!(status, 201, "{done}");
    }

    async fn list(&mut self) {
        self.lists += 1;
        let list = List {
            name: "Popular names (fictional)".to_owned(),
            version: self.lists,
            kind: Kind::from_code("string").unwrap(),
            speaks: Speaks::from_bits(15).unwrap(),
            description: "popular".to_owned(),
            entries: vec![format!("c{}.lantern.example", self.chance.below(self.made + 1))],
        };
        lists::load(&self.test.house, &self.analyst.ctx, vec![list]).await.unwrap();
    }

    async fn step(&mut self) -> &'static str {
        match self.chance.below(20) {
            0..=3 => {
                self.bring().await;
                "a new one"
            }
            4..=8 => {
                self.let_out().await;
                "a release"
            }
            9 | 10 => {
                self.renew().await;
                "a later version"
            }
            11 => {
                self.tighten().await;
                "the same on stricter terms"
            }
            12 => {
                self.derive().await;
                "what was made from what"
            }
            13 | 14 => {
                self.opinion().await;
                "an opinion"
            }
            15 => {
                if let Some(id) = self.known() {
                    let asked = json!({ "object": id, "kind": "recall", "reason": "wrong" });
                    self.call("POST", "/recalls", asked).await;
                }
                "a recall"
            }
            16 => {
                let tlp = self.chance.of(&["green", "amber", "red"]);
                let path = format!("/organisations/{}/ceiling", self.orgs[0]);
                self.call("POST", &path, json!({ "class": "CIA", "tlp": tlp })).await;
                "a ceiling"
            }
            17 => {
                let path = format!("/council/{}", self.orgs[1]);
                let method = self.chance.of(&["POST", "DELETE"]);
                self.call(method, &path, json!({ "consent": "2" })).await;
                "a seat"
            }
            18 => {
                self.list().await;
                "a warning list"
            }
            _ => {
                self.ahead += SignedDuration::from_hours(24 * 7);
                "a week"
            }
        }
    }

    fn ctx(&self, who: &Someone) -> Ctx {
        Ctx { now: self.test.house.clock.now() + self.ahead, ..who.ctx.clone() }
    }

    /// Every file of every reader, from what is kept and from nothing. Jobs of the house may change something between the
    /// two, so a difference counts when it stays.
    async fn compare(&mut self, after: &str) -> usize {
        let mut held = 0;
        for reader in 0..self.readers.len() {
            for format in 0..FORMATS.len() {
                let mut seen = Vec::new();
                for _ in 0..4 {
                    seen = self.both(reader, format).await;
                    if seen.windows(2).all(|pair| pair[0] == pair[1]) {
                        break;
                    }
                }
                assert!(
                    seen.windows(2).all(|pair| pair[0] == pair[1]),
                    "after {after}, {:?} of {}: {seen:#?}",
                    FORMATS[format],
                    self.readers[reader].1
                );
                held += seen[0].matches("lantern").count();
            }
        }
        held
    }

    async fn both(&mut self, reader: usize, format: usize) -> Vec<String> {
        let (who, audience) = self.readers[reader].clone();
        let (house, ctx) = (&self.test.house, self.ctx(&who));
        let (name, file) = FORMATS[format];
        let wanted = (audience.as_str(), name, file);
        let last = self.tags.get(&(reader, format)).cloned().unwrap_or_default();
        let made = exports::export(house, &ctx, wanted, |tag| tag == last).await;
        let whole = exports::anew(house, &ctx, wanted).await;
        let (made, whole) = match (made, whole) {
            (Ok(made), Ok(whole)) => (made, whole),
            // Who left the council has no such file, either way.
            (made, whole) => return vec![made.is_ok().to_string(), whole.is_ok().to_string()],
        };
        let tag = format!("\"{}\"", noroshi_ledger::digest::Digest::of(whole.as_bytes()));
        let kept = made.text.unwrap_or_else(|| whole.clone());
        if name == "rpz" {
            self.serial(reader, &kept);
        }
        self.tags.insert((reader, format), made.tag.clone());
        vec![format!("{kept}{}", made.tag), format!("{whole}{tag}")]
    }

    /// The serial of the zone grows when its content changes, and only then.
    fn serial(&mut self, reader: usize, zone: &str) {
        let soa = zone.lines().find(|line| line.contains("SOA")).unwrap();
        let mut numbers = soa.split_whitespace().filter_map(|word| word.parse::<i64>().ok());
        let serial = numbers.find(|number| *number > 1_000_000).unwrap();
        let names: String = zone.lines().filter(|line| line.contains("lantern")).collect();
        if let Some((before, last)) = self.serials.get(&reader) {
            assert!(serial >= *last, "{zone}");
            assert!(*before == names || serial > *last, "the zone changed and {serial} stayed");
        }
        self.serials.insert(reader, (names, serial));
    }
}

async fn same_whatever_happens(seed: u64, steps: usize) {
    let mut world = World::open(seed).await;
    for _ in 0..6 {
        world.bring().await;
    }
    let mut held = 0;
    for _ in 0..steps {
        let what = world.step().await;
        held += world.compare(what).await;
    }
    assert!(held > steps, "seed {seed}: the files held something");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_gives_the_same_bytes_as_a_file_made_from_nothing() {
    same_whatever_happens(20_261_127, 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_does_in_other_sequences() {
    same_whatever_happens(7, 60).await;
    same_whatever_happens(0x5eed_0042, 60).await;
}

/// Released to operators: what has a form everywhere, in some formats, in its own only; and what is doubtful.
async fn mixed(world: &World) {
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let patterns = [
        ("stix", "[domain-name:value = 'c0.lantern.example']".to_owned()),
        ("stix", "[url:value = 'https://c1.lantern.example/a']".to_owned()),
        ("stix", format!("[file:hashes.'SHA-256' = '{hash}']")),
        (
            "stix",
            "[domain-name:value = 'c3.lantern.example' AND ipv4-addr:value = '192.0.2.3']"
                .to_owned(),
        ),
        ("stix", "[email-addr:value = 'who@c4.lantern.example']".to_owned()),
        ("yara", "rule lantern { condition: true }".to_owned()),
        ("stix", "[domain-name:value = 'c6.lantern.example']".to_owned()),
        ("stix", "[domain-name:value = 'c7.lantern.example']".to_owned()),
    ];
    let text = |(number, (language, pattern)): (usize, &(&str, String))| {
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id(number), "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z", "pattern": pattern, "pattern_type": language,
            "valid_from": "2026-01-01T00:00:00Z", "object_marking_refs": [Tlp::Green.marking_id().as_str()],
        })
        .to_string()
    };
    let texts: Vec<String> = patterns.iter().enumerate().map(text).collect();
    world.hold(&texts, Tlp::Green, LegalClass::CiaN, "").await;
    let ids: Vec<String> = (0..7).map(id).collect();
    let wish = json!({ "audience": "operators", "objects": ids });
    let (status, done) = super::house::release(&world.test, &world.legal.token, wish).await;
    assert_eq!(status, 201, "{done}");
    let list = List {
        name: "Popular names (fictional)".to_owned(),
        version: 1,
        kind: Kind::from_code("string").unwrap(),
        speaks: Speaks::from_bits(15).unwrap(),
        description: "popular".to_owned(),
        entries: vec!["c6.lantern.example".to_owned()],
    };
    lists::load(&world.test.house, &world.analyst.ctx, vec![list]).await.unwrap();
}

/// What is said to be left out of a file, and the file.
async fn fetched(world: &World, who: &Someone, format: &str) -> (String, String) {
    let url = world.test.url(&format!("/api/v1/exports/operators/{format}"));
    let token = who.token.clone();
    tokio::task::spawn_blocking(move || {
        let got = ureq::get(&url).header("authorization", format!("Bearer {token}")).call();
        let mut got = got.unwrap();
        let header = got.headers()["x-noroshi-left-out"].to_str().unwrap().to_owned();
        (header, got.body_mut().read_to_string().unwrap())
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_a_file_is_counted_and_a_bundle_leaves_nothing_out_for_its_form() {
    let world = World::open(3).await;
    mixed(&world).await;
    let reader = &world.readers[0].0;
    for (format, left_out, mark) in [
        ("rpz", "doubtful=1, kind=2, language=1, pattern=2", "; "),
        ("suricata", "doubtful=1, form=1, language=1, pattern=2", "# "),
        ("suricata/noroshi-names.lst", "doubtful=1, form=1, language=1, pattern=2", ""),
        ("zeek", "doubtful=1, language=1, pattern=2", "# "),
        ("csv", "doubtful=1, language=1, pattern=2", ""),
        ("stix", "doubtful=1", ""),
    ] {
        let (header, body) = fetched(&world, reader, format).await;
        assert_eq!(header, left_out, "{format}");
        let comment = format!("{mark}left out: {left_out}\n");
        assert_eq!(body.ends_with(&comment), !mark.is_empty(), "{format}: {body}");
        // What may not be had is not counted either, and what is in force stands in the bundle as it is.
        assert!(!body.contains("c7.lantern") && !body.contains("c6.lantern"), "{format}: {body}");
        if format == "stix" {
            let bundle: Value = serde_json::from_str(&body).unwrap();
            let held: Vec<&str> = bundle["objects"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|one| one["id"].as_str())
                .collect();
            assert_eq!(held, (0..6).map(id).collect::<Vec<_>>());
        }
    }
    let (_, page) = Browser::of(&world.test, reader).await.get("/advisories").await;
    for words in ["that a value was seen: 2", "does not know: 2", "no form: 1", "doubtful value: 1"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_one_costs_a_look_at_one() {
    let world = World::open(3).await;
    let now = world.test.house.clock.now();
    let until = now + SignedDuration::from_hours(24 * 30);
    let text = |number: usize, at: Timestamp| {
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id(number), "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z", "pattern": format!("[domain-name:value = 'c{number}.lantern.example']"),
            "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "valid_until": at.to_string(),
            "object_marking_refs": [Tlp::Green.marking_id().as_str()],
        })
        .to_string()
    };
    let texts: Vec<String> = (0..400).map(|number| text(number, until)).collect();
    world.hold(&texts, Tlp::Green, LegalClass::CiaN, "").await;
    let ids: Vec<String> = (0..399).map(id).collect();
    let wish = json!({ "audience": "operators", "objects": ids });
    let (status, done) = super::house::release(&world.test, &world.legal.token, wish).await;
    assert_eq!(status, 201, "{done}");
    let mut costs = Vec::new();
    for change in 0..4 {
        let url = world.test.url("/api/v1/exports/operators/rpz");
        let before = world.test.house.store.lookups();
        let (status, zone) = ask("GET", url, &world.readers[0].0.token, None).await;
        costs.push(world.test.house.store.lookups() - before);
        let names = zone.as_str().unwrap().matches("lantern").count() / 2;
        assert_eq!((status, names), (200, [399, 399, 400, 399][change]), "{costs:?}");
        match change {
            // Nothing changed.
            0 => {}
            1 => {
                let wish = json!({ "audience": "operators", "objects": [id(399)] });
                super::house::release(&world.test, &world.legal.token, wish).await;
            }
            _ => {
                let said = json!({ "objects": [id(7)], "restricted_to": [] });
                assert_eq!(world.call("POST", "/handling", said).await.0, 201);
            }
        }
    }
    println!(
        "look-ups: all {}, unchanged {}, one more {}, one less {}",
        costs[0], costs[1], costs[2], costs[3]
    );
    for cost in &costs[1..] {
        assert!(cost * 5 < costs[0], "{costs:?}");
    }
}
