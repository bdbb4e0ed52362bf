//! The graph at size, without a clock: what a thing costs is counted in rows and pages, and must not grow with the
//! graph. Each test is named after the pain of other platforms that it rules out (docs/decisions/0011).

use std::collections::BTreeSet;
use std::sync::Arc;

use noroshi::analyse;
use noroshi::analyse::names::Names;
use noroshi::evidence::act::{self, Bundle, Imported, Terms};
use noroshi::evidence::read::{self, Filter, Sees, relations};
use noroshi::evidence::rows::{self, NewObject};
use noroshi::house::House;
use noroshi::office::commit::Change;
use noroshi::office::ctx::Ctx;
use noroshi::office::store::Value as Cell;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::{OBJECT_BYTES_MAX, StixObject};
use serde_json::{Value, json};

use crate::evidence::{bundle, indicator};
use crate::house::{TestHouse, system};

const CREATED: &str = "2026-11-01T00:00:00.000Z";

/// A house without doors.
pub(crate) struct Quiet {
    pub(crate) house: Arc<House>,
    pub(crate) ctx: Ctx,
    dir: tempfile::TempDir,
}

pub(crate) fn quiet() -> Quiet {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(dir.path(), TestHouse::config(), false).unwrap();
    let ctx = Ctx { hat: Hat::CaoAnalyst, ..system(&house) };
    Quiet { house, ctx, dir }
}

impl Quiet {
    pub(crate) async fn import(&self, objects: &[Value]) -> Imported {
        let bytes = bundle(objects).to_string().into();
        let bundle = Bundle {
            bytes,
            tlp: Some(Tlp::Green),
            class: LegalClass::CiaN,
            originator: "allied-cert".to_owned(),
        };
        let done = act::import(&self.house, &self.ctx, bundle).await;
        let Ok(done) = done else { panic!("the import was refused") };
        done
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.house.store.read_now(|reader| reader.number(sql, &[])).unwrap()
    }

    /// Bytes of the log of transactions: what a commit has written, page by page.
    fn written(&self) -> u64 {
        std::fs::metadata(self.dir.path().join("noroshi.db-wal")).unwrap().len()
    }

    /// Pages that one change with this object writes.
    async fn pages_of(&self, object: &Value) -> u64 {
        let new = new_object(object, "import:test");
        let mut change = Change::new("evidence.import", "test", rows::fact("test", [&new]));
        change.writes = rows::insert_objects(&[new], self.ctx.now);
        let before = self.written();
        self.house.door.commit(&self.ctx, change).await.unwrap();
        (self.written() - before) / 4_096
    }
}

pub(crate) fn new_object(object: &Value, source: &str) -> NewObject {
    NewObject {
        object: StixObject::parse(&object.to_string()).unwrap(),
        tlp: Tlp::Green,
        class: LegalClass::CiaN,
        originator: "allied-cert".to_owned(),
        source: source.to_owned(),
    }
}

pub(crate) fn malware(number: u32) -> Value {
    json!({
        "type": "malware", "spec_version": "2.1", "id": format!("malware--1b6ea7d9-2b0f-4f55-8f0a-{number:012}"),
        "created": CREATED, "modified": CREATED, "name": format!("Loader {number}"), "is_family": true,
    })
}

pub(crate) fn relation(number: u32, from: &Value, to: &Value) -> Value {
    json!({
        "type": "relationship", "spec_version": "2.1",
        "id": format!("relationship--1b6ea7d9-2b0f-4f55-8f0a-{number:012}"),
        "created": CREATED, "modified": CREATED, "relationship_type": "indicates",
        "source_ref": from["id"], "target_ref": to["id"],
    })
}

pub(crate) fn address(number: u32) -> Value {
    indicator(
        number,
        &format!("[ipv4-addr:value = '203.0.{}.{}']", number / 250, number % 250),
        CREATED,
    )
}

#[tokio::test]
async fn p2_a_bundle_is_one_commit_however_many_it_holds() {
    let quiet = quiet();
    let leaves = quiet.number("SELECT COUNT(*) FROM office_leaf");
    let mut objects: Vec<Value> = (1..501).map(address).collect();
    objects.extend((1..501).map(|number| relation(number, &address(number), &malware(number))));
    let done = quiet.import(&objects).await;
    assert_eq!((done.imported, done.spent.commits), (1_000, 1), "{:?}", done.spent);
    assert_eq!(quiet.number("SELECT COUNT(*) FROM office_leaf"), leaves + 1);
}

#[tokio::test]
async fn p4_bad_entries_among_many_cost_themselves_and_no_commit_each() {
    let quiet = quiet();
    let leaves = quiet.number("SELECT COUNT(*) FROM office_leaf");
    let mut objects: Vec<Value> = (1..301).map(address).collect();
    objects.extend((1..301).map(|number| json!({ "type": "indicator", "id": number })));
    let done = quiet.import(&objects).await;
    assert_eq!((done.imported, done.quarantined.len()), (300, 300));
    assert_eq!(quiet.number("SELECT COUNT(*) FROM office_leaf"), leaves + 2);
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_aside"), 300);
}

/// Numbers that came lately and those that were moved to their places are found alike, once each and in the order of arrival.
#[tokio::test]
async fn p4_what_came_lately_and_what_has_its_place_are_found_alike() {
    const BUNDLES: u32 = 8;
    let quiet = quiet();
    let hot = "[domain-name:value = 'hot.lantern.example']";
    for bundle in 0..BUNDLES {
        let first = bundle * 2_000;
        let mut objects: Vec<Value> = (first..first + 1_000).map(address).collect();
        objects.extend((first + 1_000..first + 1_020).map(|at| indicator(at, hot, CREATED)));
        assert_eq!(quiet.import(&objects).await.imported, 1_020);
    }
    let none = |sql: &str| assert_eq!(quiet.number(sql), 0, "{sql}");
    let parts = |table: &str| {
        let count = |which: &str| {
            quiet.number(&format!("SELECT COUNT(*) FROM {table} WHERE slot {which} 0"))
        };
        let (settled, fresh) = (count("<"), count(">="));
        assert!(settled > 0 && fresh > 0, "{table}: {settled} and {fresh}");
        settled + fresh
    };
    let all_in_order = || {
        assert_eq!(parts("evidence_slot"), quiet.number("SELECT COUNT(*) FROM evidence_node"));
        assert_eq!(parts("evidence_posting"), quiet.number("SELECT COUNT(*) FROM evidence_naming"));
        none(
            "SELECT COUNT(*) FROM evidence_node o WHERE (SELECT COUNT(*) FROM evidence_id n \
             WHERE n.slot IN (fresh(o.id), settled(o.id)) AND n.id = o.id) <> 1",
        );
        none(
            "SELECT COUNT(*) FROM evidence_naming n WHERE (SELECT COUNT(*) FROM evidence_posting p \
             WHERE p.slot IN (fresh(n.value), settled(n.value)) AND p.seq = n.seq) <> 1",
        );
        none(
            "SELECT COUNT(*) FROM evidence_posting f JOIN evidence_posting s ON s.slot = ~f.slot \
             WHERE f.slot >= 0 AND s.seq >= f.seq",
        );
    };
    all_in_order();
    // Page by page, the newest first, whichever part they stand in.
    let found = || {
        let (mut seqs, mut after) = (Vec::new(), None);
        loop {
            let filter =
                Filter { q: "hot.lantern.example".to_owned(), kind: String::new(), hidden: false };
            let list = quiet
                .house
                .store
                .read_now(|reader| read::list(reader, Sees::ALL, &filter, after, 50));
            let page = list.unwrap();
            seqs.extend(page.rows.iter().map(|row| row.seq));
            after = page.next;
            if after.is_none() {
                return seqs;
            }
        }
    };
    let seqs = found();
    assert_eq!(seqs.len(), 20 * BUNDLES as usize);
    assert!(seqs.is_sorted_by(|newer, older| newer > older), "{seqs:?}");
    // What names it later, but is held for long, stands where it came.
    let early = address(7);
    let seen = "hot.lantern.example".parse().unwrap();
    let mut change = Change::new("test", "x", rows::fact("test", []));
    change.writes = rows::insert_naming(early["id"].as_str().unwrap(), &seen).to_vec();
    quiet.house.door.commit(&quiet.ctx, change).await.unwrap();
    all_in_order();
    let with_early = found();
    assert_eq!(with_early.len(), seqs.len() + 1);
    assert!(with_early.is_sorted_by(|newer, older| newer > older), "{with_early:?}");
}

#[tokio::test]
async fn p8_who_may_see_is_settled_once_an_object_and_not_for_each_pair() {
    let quiet = quiet();
    let value = "[domain-name:value = 'a.lantern.example']";
    let seen = "a.lantern.example".parse().unwrap();
    let bring = async |numbers: std::ops::Range<u32>, source: &str| {
        let objects: Vec<NewObject> =
            numbers.map(|number| new_object(&indicator(number, value, CREATED), source)).collect();
        let mut change = Change::new("test", "x", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, quiet.ctx.now);
        quiet.house.door.commit(&quiet.ctx, change).await.unwrap();
    };
    let names = |sees| {
        quiet.house.store.read_now(|reader| read::naming(reader, sees, &seen)).unwrap().len()
    };
    bring(1..51, "intake:report-x").await;
    assert_eq!((names(Sees::ALL), names(Sees::WITHOUT_REPORTS)), (50, 0));
    let postings = quiet.number("SELECT COUNT(*) FROM evidence_posting");
    bring(1..2, "import:partner").await;
    assert_eq!((names(Sees::ALL), names(Sees::WITHOUT_REPORTS)), (50, 1));
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_posting"), postings, "one row changed");
}

#[tokio::test]
async fn p3_a_reference_to_nothing_is_a_placeholder_and_is_filled_when_it_arrives() {
    let quiet = quiet();
    let (from, to) = (address(1), malware(1));
    let done = quiet.import(&[relation(1, &from, &to)]).await;
    assert_eq!((done.imported, done.spent.commits), (1, 1), "one commit, nothing tried again");
    let id = to["id"].as_str().unwrap().to_owned();
    let held = |id: &str| quiet.house.store.read_now(|reader| read::is_held(reader, id)).unwrap();
    let ends = |id: &str| {
        let page = |reader: &noroshi::office::store::Reader<'_>| {
            relations::page(reader, Sees::ALL, id, None, 10)
        };
        quiet.house.store.read_now(page).unwrap().relations
    };
    assert!(!held(&id));
    assert_eq!(ends(&id)[0].other, from["id"].as_str().unwrap());
    assert!(!ends(&id)[0].held);
    quiet.import(&[to, from]).await;
    assert!(held(&id) && ends(&id)[0].held);
    assert_eq!(
        quiet.number("SELECT COUNT(*) FROM evidence_node"),
        3,
        "no second node for one name"
    );
}

#[tokio::test]
async fn p5_an_edge_at_a_hub_writes_as_many_pages_as_one_at_a_leaf() {
    let quiet = quiet();
    let hub = malware(1);
    let mut objects = vec![hub.clone(), malware(2)];
    for number in 10..3_010 {
        objects.push(relation(number, &address(number), &hub));
    }
    quiet.import(&objects).await;
    let ends = quiet.number("SELECT COUNT(*) FROM evidence_edge");
    assert_eq!(ends, 6_000, "two rows an edge");
    let (mut at_hub, mut at_leaf) = (0, 0);
    for number in 0..10 {
        at_hub += quiet.pages_of(&relation(5_000 + number, &address(10), &hub)).await;
        at_leaf += quiet.pages_of(&relation(6_000 + number, &address(11), &malware(2))).await;
    }
    // Two pages more an edge at most: the way down to another place of the same index.
    assert!(at_hub <= at_leaf + 20, "{at_hub} pages at the hub, {at_leaf} at a leaf");
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_edge") - ends, 40);
}

#[tokio::test]
async fn p6_whoever_waits_goes_before_the_rest_of_something_large() {
    let quiet = quiet();
    let mut parts = Vec::new();
    for part in 0..40 {
        let objects: Vec<NewObject> = (0..50)
            .map(|number| new_object(&malware(1_000 + part * 50 + number), "import:test"))
            .collect();
        let mut change = Change::new("evidence.import", "large", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, quiet.ctx.now);
        let (house, ctx) = (Arc::clone(&quiet.house), quiet.ctx.clone());
        parts.push(tokio::spawn(async move { house.door.commit_bulk(&ctx, change).await }));
    }
    tokio::task::yield_now().await;
    let report = Change::office("test.report", "report");
    let report = quiet.house.door.commit(&quiet.ctx, report).await.unwrap().position;
    let mut after = 0;
    for part in parts {
        after += usize::from(part.await.unwrap().unwrap().position > report);
    }
    assert!(after > 20, "only {after} of 40 parts came after the report that waited");
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_object"), 2_000, "all of it came in");
}

#[tokio::test]
async fn p7_what_many_name_costs_one_posting_each_and_no_pairs() {
    let quiet = quiet();
    let same: Vec<Value> = (1..301)
        .map(|number| indicator(number, "[domain-name:value = 'a.lantern.example']", CREATED))
        .collect();
    quiet.import(&same).await;
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_posting"), 300);
    assert_eq!(quiet.number("SELECT COUNT(DISTINCT slot) FROM evidence_posting"), 1);
    let scope = analyse::read::Scope::of(&quiet.house, &quiet.ctx);
    let found = quiet
        .house
        .store
        .read_now(|reader| analyse::read::correlated(reader, &quiet.house.names, scope))
        .unwrap();
    assert_eq!((found.items, found.groups.len()), (300, 0));
    assert_eq!(found.passed[0].2, 300, "said, not followed");
}

/// What the held names give is what names read anew give, and a group alone is the one among all, whatever happened in
/// between.
#[tokio::test]
async fn p7_names_that_are_carried_on_are_those_read_anew() {
    let quiet = quiet();
    let scope = analyse::read::Scope::of(&quiet.house, &quiet.ctx);
    let members = |when: &str| {
        let asked = |names: &Names| {
            quiet
                .house
                .store
                .read_now(|reader| analyse::read::correlated(reader, names, scope))
                .unwrap()
        };
        let (held, anew) = (asked(&quiet.house.names), asked(&Names::default()));
        assert_eq!(format!("{held:?}"), format!("{anew:?}"), "{when}");
        let mut members = Vec::new();
        for among_all in &held.groups {
            let alone = |reader: &noroshi::office::store::Reader<'_>| {
                analyse::read::group(reader, &quiet.house.names, scope, &among_all.key)
            };
            let alone = quiet.house.store.read_now(alone).unwrap().unwrap();
            assert_eq!(format!("{alone:?}"), format!("{among_all:?}"), "{when}");
            members.push(among_all.members.len());
        }
        members.sort_unstable();
        (members, held.near.len(), held.items)
    };
    let named = |number: u32, value: &str, modified: &str| {
        indicator(number, &format!("[domain-name:value = '{value}']"), modified)
    };
    let said = async |object: &Value, source: &str| {
        let new = new_object(object, source);
        let mut change = Change::new("test", "x", rows::fact("test", [&new]));
        change.writes = rows::insert_objects(&[new], quiet.ctx.now);
        quiet.house.door.commit(&quiet.ctx, change).await.unwrap();
    };
    assert_eq!(members("nothing is held"), (vec![], 0, 0));
    quiet
        .import(&[named(1, "a.lantern.example", CREATED), named(2, "a.lantern.example", CREATED)])
        .await;
    assert_eq!(members("two name it"), (vec![2], 0, 2));
    let url = indicator(3, "[url:value = 'http://a.lantern.example/x']", CREATED);
    quiet.import(&[url.clone(), address(10), address(11)]).await;
    assert_eq!(members("a locator on it, and neighbours"), (vec![3], 1, 5));
    let later = "2026-11-02T00:00:00.000Z";
    quiet.import(&[named(2, "b.kiln.example", later)]).await;
    assert_eq!(members("a newer version names something else"), (vec![2], 1, 5));
    quiet.import(&[named(3, "b.kiln.example", "2026-10-01T00:00:00.000Z")]).await;
    assert_eq!(members("an older version arrives late"), (vec![2], 1, 5));
    let reported = named(4, "a.lantern.example", CREATED);
    said(&reported, "intake:report-x").await;
    assert_eq!(members("a report names it"), (vec![2], 1, 5));
    said(&reported, "import:partner").await;
    assert_eq!(members("a partner says what only the report said"), (vec![3], 1, 6));
    let mut revoked = named(1, "a.lantern.example", later);
    revoked["revoked"] = json!(true);
    quiet.import(&[revoked]).await;
    assert_eq!(members("one is revoked"), (vec![2], 1, 5));
    let many: Vec<Value> =
        (100..400).map(|number| named(number, "a.lantern.example", CREATED)).collect();
    quiet.import(&many).await;
    assert_eq!(members("too many name it"), (vec![], 1, 305));
}

#[tokio::test]
async fn p9_pages_of_a_container_are_its_members_once_each_while_edges_arrive() {
    let quiet = quiet();
    let members: Vec<Value> = (1..501).map(malware).collect();
    let refs: Vec<&Value> = members.iter().map(|one| &one["id"]).collect();
    let grouping = |modified: &str, refs: &[&Value]| {
        json!({
            "type": "grouping", "spec_version": "2.1", "id": "grouping--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c777",
            "created": CREATED, "modified": modified, "context": "suspicious-activity", "object_refs": refs,
        })
    };
    quiet.import(&members).await;
    quiet.import(&[grouping(CREATED, &refs)]).await;
    let id = "grouping--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c777";
    let page = |from| {
        let page = |reader: &noroshi::office::store::Reader<'_>| {
            relations::members(reader, Sees::ALL, id, "object_refs", from, 64)
        };
        quiet.house.store.read_now(page).unwrap()
    };
    let (mut seen, mut from, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let ends = page(from);
        assert!(ends.relations.len() <= 64);
        seen.extend(ends.relations.into_iter().map(|one| one.other));
        pages += 1;
        // Somebody else's edge to the container changes no page of its members.
        let note = relation(9_000 + pages, &members[0], &json!({ "id": id }));
        quiet.import(&[note]).await;
        from = ends.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!((seen.len(), pages), (500, 8));
    // A newer version with fewer members has these and no others.
    quiet.import(&[grouping("2026-11-02T00:00:00.000Z", &refs[..3])]).await;
    assert_eq!(page(None).relations.len(), 3);
    let place = relations::Place::parse("7.0.1.9").unwrap();
    assert_eq!(relations::Place::parse(&place.to_string()), Some(place));
    for tampered in ["", "7.0.1", "7.0.1.9.9", "-7.0.1.9", "7.0.1.x"] {
        assert_eq!(relations::Place::parse(tampered), None, "{tampered}");
    }
}

/// A report that names very many things is longer than any other object may be, comes in whole and is written in bulk.
#[tokio::test]
async fn p9_a_container_longer_than_an_object_comes_in_with_every_member() {
    let quiet = quiet();
    let id = "report--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c778";
    let member = |number: u32| format!("indicator--1b6ea7d9-2b0f-4f55-8f0a-{number:012}");
    let report = |modified: &str, refs: &[String]| {
        json!({
            "type": "report", "spec_version": "2.1", "id": id, "created": CREATED, "modified": modified,
            "name": "Very many", "published": CREATED, "object_refs": refs,
        })
    };
    // Some are held, some are named already, the others are not known yet; the last one is named twice.
    quiet.import(&(1..50).map(address).collect::<Vec<_>>()).await;
    let mut refs: Vec<String> = (1..200_001).map(member).collect();
    refs.push(member(200_000));
    let many = report(CREATED, &refs);
    assert!(many.to_string().len() > OBJECT_BYTES_MAX);
    let few = report(CREATED, &refs[20..80]);
    let few = json!({ "type": few["type"], "spec_version": "2.1", "id": "report--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c779",
        "created": CREATED, "modified": CREATED, "name": "Few", "published": CREATED, "object_refs": few["object_refs"] });
    let done = quiet.import(&[few, many.clone()]).await;
    assert_eq!((done.imported, done.quarantined.len(), done.spent.commits), (2, 0, 1));
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_edge"), 2 * (200_000 + 60));
    assert_eq!(quiet.number("SELECT COUNT(*) - COUNT(DISTINCT id) FROM evidence_node"), 0);
    // From one end to the other, and from every member back.
    let page = |from, limit| {
        let page = |reader: &noroshi::office::store::Reader<'_>| {
            relations::members(reader, Sees::ALL, id, "object_refs", from, limit)
        };
        quiet.house.store.read_now(page).unwrap()
    };
    let first = page(None, 100);
    assert_eq!((first.relations.len(), first.beyond), (100, relations::COUNTED_MAX));
    let (mut seen, mut from) = (BTreeSet::new(), None);
    loop {
        let ends = page(from, 4_000);
        seen.extend(ends.relations.into_iter().map(|one| one.other));
        from = ends.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(seen, refs.iter().cloned().collect());
    let back = |number| {
        let page = |reader: &noroshi::office::store::Reader<'_>| {
            relations::page(reader, Sees::ALL, &member(number), None, 10)
        };
        let ends = quiet.house.store.read_now(page).unwrap();
        ends.relations.into_iter().map(|one| (one.via, one.kind, one.outgoing)).collect::<Vec<_>>()
    };
    assert_eq!(back(200_000), [(id.to_owned(), "object_refs".to_owned(), false)]);
    assert_eq!(back(30).len(), 2);
    // Again, it is the same; a newer version has its own members.
    assert_eq!(quiet.import(&[many]).await.unchanged, 1);
    let newer = report("2026-11-02T00:00:00.000Z", &refs[..1_500]);
    assert_eq!(quiet.import(&[newer]).await.imported, 1);
    assert_eq!(page(None, 4_000).relations.len(), 1_500);
}

/// Objects that are long fill a commit although they are few, so that an import holds no more of them than that.
#[tokio::test]
async fn p9_few_long_objects_are_as_much_as_a_commit_takes() {
    let quiet = quiet();
    let long = |number: u32| {
        let mut one = malware(number);
        one["description"] = Value::from("x".repeat(7 << 20));
        one
    };
    let objects: Vec<Value> = (1..9).map(long).collect();
    let done = quiet.import(&objects).await;
    assert_eq!((done.imported, done.spent.commits), (8, 2));
}

/// Counts are kept where rows are written; they are those that counting would give.
#[tokio::test]
async fn p10a_counts_are_read_and_never_wrong() {
    let quiet = quiet();
    let check = |when: &str| {
        let wrong = quiet.number(
            "SELECT COUNT(*) FROM (SELECT type, shelf, COUNT(*) AS n FROM evidence_object WHERE shelf <> 0 \
             GROUP BY type, shelf) AS c LEFT JOIN evidence_shelf s ON s.type = c.type AND s.shelf = c.shelf \
             WHERE s.objects IS NULL OR s.objects <> c.n",
        );
        let over = quiet.number(
            "SELECT SUM(objects) - (SELECT COUNT(*) FROM evidence_object WHERE shelf <> 0) FROM evidence_shelf",
        );
        assert_eq!((wrong, over), (0, 0), "{when}");
    };
    let version = |day: u32, revoked: bool| {
        let mut object = indicator(
            7,
            &format!("[domain-name:value = 'v{day}.lantern.example']"),
            &format!("2026-11-{day:02}T00:00:00.000Z"),
        );
        object["revoked"] = json!(revoked);
        object
    };
    quiet.import(&[address(1), malware(1), relation(1, &address(1), &malware(1))]).await;
    check("new objects");
    quiet.import(&[version(3, false), version(2, false), version(4, false)]).await;
    check("three versions at once, out of order");
    quiet.import(&[version(1, false)]).await;
    check("an older version");
    quiet.import(&[version(5, true)]).await;
    check("a revocation");
    // A report brings two objects in; a partner says one of them too, then in the same change both.
    let reported =
        [new_object(&address(50), "intake:report-x"), new_object(&malware(50), "intake:report-x")];
    for objects in [
        &reported[..],
        &[new_object(&address(50), "import:x")],
        &reported[..],
        &[new_object(&address(60), "intake:report-y"), new_object(&address(60), "import:y")],
    ] {
        let mut change = Change::new("test", "x", rows::fact("test", objects));
        change.writes = rows::insert_objects(objects, quiet.ctx.now);
        quiet.house.door.commit(&quiet.ctx, change).await.unwrap();
        check("reports and partners");
    }
    let list = |sees, hidden| {
        let filter = Filter { kind: "indicator".to_owned(), hidden, ..Filter::default() };
        quiet.house.store.read_now(|reader| read::list(reader, sees, &filter, None, 50)).unwrap()
    };
    let (all, open) = (list(Sees::ALL, false), list(Sees::WITHOUT_REPORTS, true));
    assert_eq!((all.total, all.hidden, all.rows.len()), (3, 1, 3));
    assert_eq!((open.total, open.hidden, open.rows.len()), (4, 0, 4));
    let page = |before| {
        let filter = Filter::default();
        let page = |reader: &noroshi::office::store::Reader<'_>| {
            read::list(reader, Sees::ALL, &filter, before, 1)
        };
        quiet.house.store.read_now(page).unwrap().rows.pop()
    };
    let (mut before, mut seen) = (None, Vec::new());
    while let Some(row) = page(before) {
        before = Some(row.seq);
        seen.push(row.kind);
    }
    assert_eq!(seen.len(), 5, "each page goes on where the one before ended: {seen:?}");
    assert!(!seen.contains(&"relationship".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_the_same_bundle_from_many_at_once_comes_in_once() {
    let quiet = Arc::new(quiet());
    let mut objects: Vec<Value> = (1..201).map(address).collect();
    objects.extend((1..201).map(|number| relation(number, &address(number), &malware(1))));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (quiet, objects) = (Arc::clone(&quiet), objects.clone());
            tokio::spawn(async move { quiet.import(&objects).await.conflicts.len() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 0);
    }
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_object"), 400);
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_object WHERE latest = 1"), 400);
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_node"), 401);
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_edge"), 400);
    assert_eq!(quiet.number("SELECT SUM(objects) FROM evidence_shelf"), 400);
}

/// A bundle longer than all the memory that reading takes: it is made while it is read.
#[tokio::test]
async fn p1_a_long_bundle_comes_in_as_it_is_read() {
    struct Endless {
        at: u32,
        ready: std::io::Cursor<Vec<u8>>,
    }
    impl std::io::Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let read = self.ready.read(into)?;
            if read > 0 || self.at >= 3_000 {
                return Ok(read);
            }
            self.at += 1;
            let end = if self.at == 3_000 { "]}" } else { "," };
            let start = if self.at == 1 {
                r#"{"type":"bundle","id":"bundle--6d0c1f4e-0a6c-4f0e-8f2b-2c3d0a7b1e11","objects":["#
            } else {
                ""
            };
            self.ready =
                std::io::Cursor::new(format!("{start}{}{end}", malware(self.at)).into_bytes());
            self.ready.read(into)
        }
    }
    let quiet = quiet();
    let reader = Endless { at: 0, ready: std::io::Cursor::default() };
    let terms = Terms { tlp: None, class: LegalClass::CiaN, originator: "stream".to_owned() };
    let Ok(done) = act::import_from(&quiet.house, &quiet.ctx, reader, terms).await else {
        panic!("the import was refused")
    };
    assert_eq!((done.imported, done.complete, done.unlisted), (3_000, true, 0));
    assert!(done.spent.commits >= 2, "in parts: {:?}", done.spent);
    let kind = Cell::from("malware");
    let count = quiet.house.store.read_now(|reader| {
        reader.number("SELECT objects FROM evidence_shelf WHERE type = $1 AND shelf = 1", &[kind])
    });
    assert_eq!(count.unwrap(), 3_000);
}

/// P-10h: what comes in faster than it is written fills the memory. What is put aside is counted like what is taken in.
#[tokio::test]
async fn p10h_what_is_put_aside_is_handed_over_in_pieces_of_bounded_size() {
    let quiet = quiet();
    let bad = |number: u32| {
        let mut object = malware(number);
        object.as_object_mut().unwrap().remove("is_family");
        object["description"] = json!("x".repeat(1 << 20));
        object
    };
    let objects: Vec<Value> = (1..25).map(bad).collect();
    let done = quiet.import(&objects).await;
    assert_eq!((done.imported, done.quarantined.len(), done.complete), (0, 24, true));
    let commits = "SELECT COUNT(*) FROM office_audit WHERE command = 'evidence.quarantine'";
    let (commits, entries) =
        (quiet.number(commits), quiet.number("SELECT COUNT(*) FROM evidence_aside"));
    assert!(entries == 24 && (5..=24).contains(&commits), "{commits} commits of {entries} entries");
}
