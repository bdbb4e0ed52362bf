//! Who sees what of the graph, and under what terms something stands in it: asked of the store, where it is settled.

use std::collections::HashMap;
use std::sync::Arc;

use noroshi::evidence::act::{self, Bundle};
use noroshi::evidence::aside;
use noroshi::evidence::mend::{self, As, Tried};
use noroshi::evidence::read::{self, Filter, Sees, relations};
use noroshi::evidence::record;
use noroshi::evidence::rows::{self, NewObject, Nodes, Standing};
use noroshi::office::commit::{Change, CommitFailure};
use noroshi::office::ctx::Ctx;
use noroshi::office::id::OrgId;
use noroshi::office::store::{Reader, StoreFailure};
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use serde_json::{Value, json};

use crate::evidence::{bundle, indicator};
use crate::graph::{Quiet, address, malware, new_object, quiet, relation};

const CREATED: &str = "2026-11-01T00:00:00.000Z";

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn org(name: &str) -> OrgId {
    OrgId::parse(name).unwrap()
}

impl Quiet {
    fn ask<T>(&self, work: impl FnOnce(&Reader<'_>) -> Result<T, StoreFailure>) -> T {
        self.house.store.read_now(work).unwrap()
    }

    /// Writes one as an import does that was judged by `nodes`.
    async fn bring(&self, new: &NewObject, nodes: &Nodes<'_>) -> Result<(), CommitFailure> {
        let mut change = Change::new("test", "x", rows::fact("test", [new]));
        change.writes =
            rows::bring_objects([(new, Standing::Stay)].into_iter(), nodes, self.ctx.now);
        self.house.door.commit(&self.ctx, change).await.map(drop)
    }

    async fn put(&self, objects: Vec<NewObject>) {
        let mut change = Change::new("test", "x", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.ctx.now);
        self.house.door.commit(&self.ctx, change).await.unwrap();
    }

    fn sees(&self, hat: Hat, name: &str) -> Sees {
        Sees::of(&self.house, &Ctx { hat, org: org(name), ..self.ctx.clone() })
    }

    /// An originator's opinion, as the release hat writes it down.
    async fn opinion(&self, object: &Value, orgs: &[&str]) {
        let said = noroshi::office::commit::Write::one(
            "INSERT INTO share_handling (id, restricted_to, said_at) VALUES ($1, $2, $3)",
            vec![id(object).into(), json!(orgs).to_string().into(), self.ctx.now.into()],
        );
        self.house
            .door
            .commit(&self.ctx, Change::office("share.handle", "x").write(said))
            .await
            .unwrap();
    }
}

fn marked(object: &Value, tlp: Tlp, originator: &str) -> NewObject {
    NewObject { tlp, originator: originator.to_owned(), ..new_object(object, "import:test") }
}

/// Four indicators of one value, each with an edge to one hub: open, for an organisation, for named recipients by its
/// colour, and for named recipients by an opinion.
async fn narrowed(quiet: &Quiet) -> (Value, [Value; 4]) {
    let hub = malware(9);
    let object =
        |number| indicator(number, "[domain-name:value = 'narrow.lantern.example']", CREATED);
    let all = [1, 2, 3, 4].map(object);
    let terms = [
        (Tlp::Amber, "allied-cert"),
        (Tlp::AmberStrict, "org-power"),
        (Tlp::Red, "allied-cert"),
        (Tlp::Green, "allied-cert"),
    ];
    let mut objects = vec![marked(&hub, Tlp::Green, "allied-cert")];
    for ((number, one), (tlp, originator)) in (20..).zip(&all).zip(terms) {
        objects.push(marked(one, tlp, originator));
        objects.push(marked(&relation(number, one, &hub), tlp, originator));
    }
    quiet.put(objects).await;
    quiet.opinion(&all[2], &["org-police"]).await;
    quiet.opinion(&all[3], &["org-nco"]).await;
    (hub, all)
}

/// Asked of one object: its head, the whole, its versions and texts.
fn each_held(reader: &Reader<'_>, sees: Sees, id: &str) -> [bool; 5] {
    [
        read::brief(reader, sees, id).unwrap().is_some(),
        read::object(reader, sees, id, usize::MAX).unwrap().is_some(),
        !read::history(reader, sees, id, None, 9).unwrap().is_empty(),
        !record::versions(reader, sees, id, None, 9).unwrap().is_empty(),
        record::text(reader, sees, id, None).unwrap().is_some(),
    ]
}

/// Asked of the graph: what names a value, everything in order, and lists by type, by words and by value.
fn each_found(quiet: &Quiet, sees: Sees) -> Vec<(String, Vec<String>)> {
    let seen = "narrow.lantern.example".parse().unwrap();
    let ids = |rows: Vec<read::ObjectRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let after = quiet.ask(|reader| read::after(reader, sees, 0, 50));
    let mut found = vec![
        ("naming".to_owned(), ids(quiet.ask(|reader| read::naming(reader, sees, &seen)))),
        ("after".to_owned(), ids(after.into_iter().map(|(row, _)| row).collect())),
    ];
    for (q, kind) in
        [("", ""), ("", "indicator"), ("灯籠の指令サーバー", ""), ("narrow.lantern.example", "")]
    {
        let filter = Filter { q: q.to_owned(), kind: kind.to_owned(), ..Filter::default() };
        let listed = quiet.ask(|reader| read::list(reader, sees, &filter, None, 50));
        assert_eq!(listed.total, listed.rows.len() as u64, "the count of `{q}` `{kind}`");
        found.push((format!("list `{q}` `{kind}`"), ids(listed.rows)));
    }
    found
}

/// Through every question of the graph: what is narrowed by a colour or an opinion is there for the Cabinet Office, for
/// its originator's organisation and for named recipients, and for nobody else.
#[tokio::test]
async fn p19_what_is_narrowed_is_seen_by_its_recipients_through_no_question_by_others() {
    let quiet = quiet();
    let (hub, all) = narrowed(&quiet).await;
    for (hat, name, wanted) in [
        (Hat::CaoAnalyst, "org-cabinet", vec![0, 1, 2, 3]),
        (Hat::NcoAnalyst, "org-nco", vec![0, 3]),
        (Hat::NcoAnalyst, "org-power", vec![0, 1]),
        (Hat::PoliceRequester, "org-police", vec![0, 2]),
        (Hat::Legal, "org-legal", vec![0]),
    ] {
        let sees = quiet.sees(hat, name);
        for (place, one) in all.iter().enumerate() {
            let held = quiet.ask(|reader| Ok(each_held(reader, sees, id(one))));
            assert_eq!(held, [wanted.contains(&place); 5], "{place} for {name}");
        }
        let wanted: Vec<&str> = wanted.iter().map(|place| id(&all[*place])).collect();
        for (question, found) in each_found(&quiet, sees) {
            let mut found: Vec<&str> =
                found.iter().map(String::as_str).filter(|id| id.starts_with("indicator")).collect();
            found.sort_unstable();
            assert_eq!(found, wanted, "{question} of {name}");
        }
        let kinds = quiet.ask(|reader| read::kinds(reader, sees));
        let count =
            kinds.iter().find(|(kind, _)| kind == "indicator").map_or(0, |(_, count)| *count);
        assert_eq!(count, wanted.len() as u64, "the kinds of {name}");
        // The relationship to the fourth is open, its other end is not.
        let ends = quiet.ask(|reader| relations::page(reader, sees, id(&hub), None, 50)).relations;
        let mut ends: Vec<&str> =
            ends.iter().filter(|edge| edge.held).map(|edge| edge.other.as_str()).collect();
        ends.sort_unstable();
        let own: Vec<&str> = wanted
            .iter()
            .copied()
            .filter(|id| name != "org-police" || *id != all[2]["id"])
            .collect();
        assert_eq!(
            ends, own,
            "the relations of {name}: the edge to the third is for its originator only"
        );
    }
}

/// What the page says of who may see is asked of the same rule.
#[tokio::test]
async fn the_page_that_says_who_may_see_asks_the_graph() {
    let quiet = quiet();
    let (_, [open, _, red, told]) = narrowed(&quiet).await;
    let hats = |object: &Value| {
        let readers = noroshi::evidence::reach::readers(&quiet.house);
        quiet.ask(|reader| noroshi::evidence::reach::hats(reader, &readers, id(object)))
    };
    assert_eq!((hats(&red), hats(&told)), (vec![Hat::CaoAnalyst], vec![Hat::CaoAnalyst]));
    assert!(hats(&open).contains(&Hat::NcoAnalyst));
    let named = quiet.ask(|reader| read::recipients_of(reader, id(&red)));
    assert_eq!(named, ["allied-cert", "org-police"]);
}

/// The latest version decides about the older ones.
#[tokio::test]
async fn an_object_that_was_narrowed_since_shows_no_older_version() {
    let quiet = quiet();
    let newer =
        indicator(1, "[domain-name:value = 'a.lantern.example']", "2026-11-02T00:00:00.000Z");
    let older = indicator(1, "[domain-name:value = 'a.lantern.example']", CREATED);
    quiet.put(vec![marked(&older, Tlp::Green, "allied-cert")]).await;
    quiet.put(vec![marked(&newer, Tlp::Red, "allied-cert")]).await;
    let sees = quiet.sees(Hat::NcoAnalyst, "org-nco");
    let key = "2026-11-01T00:00:00.000000000Z";
    assert_eq!(quiet.ask(|reader| record::text(reader, sees, id(&older), Some(key))), None);
    assert!(quiet.ask(|reader| read::history(reader, sees, id(&older), None, 9)).is_empty());
    assert!(quiet.ask(|reader| record::text(reader, Sees::ALL, id(&older), Some(key))).is_some());
}

/// The offer of a next page would tell that something follows.
#[tokio::test]
async fn a_page_of_edges_offers_a_next_one_only_when_the_reader_sees_more() {
    let quiet = quiet();
    let hub = malware(1);
    let (hidden, shown) = (relation(10, &address(1), &hub), relation(11, &address(2), &hub));
    quiet.put(vec![marked(&hidden, Tlp::Red, "allied-cert")]).await;
    quiet.put(vec![marked(&hub, Tlp::Green, "x"), marked(&shown, Tlp::Green, "x")]).await;
    let page = |sees| quiet.ask(|reader| relations::page(reader, sees, id(&hub), None, 1));
    let (all, nco) = (page(Sees::ALL), page(quiet.sees(Hat::NcoAnalyst, "org-nco")));
    assert!(all.next.is_some());
    assert_eq!((nco.relations.len(), nco.next), (1, None));
}

/// What was judged holds as long as nothing has come of what it was judged by.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_after_an_import_was_judged_undoes_it() {
    let quiet = quiet();
    let malware = |number: u32, day: u32| {
        let object = json!({ "type": "malware", "spec_version": "2.1",
            "id": format!("malware--1b6ea7d9-2b0f-4f55-8f0e-{number:012}"), "created": "2026-11-01T00:00:00.000Z",
            "modified": format!("2026-11-{day:02}T00:00:00.000Z"), "name": "lantern", "is_family": true });
        new_object(&object, "import:a")
    };
    let judged = |new: &NewObject| -> (HashMap<String, i64>, i64, i64) {
        let id = new.object.id().as_str();
        let Nodes { held, last, last_version, .. } =
            quiet.ask(|reader| Nodes::look(reader, std::iter::once(id)));
        (held.into_iter().map(|(id, node)| (id.to_owned(), node)).collect(), last, last_version)
    };
    let written = async |new: &NewObject, at: &(HashMap<String, i64>, i64, i64)| {
        let id = new.object.id().as_str();
        let held: HashMap<&str, i64> = at.0.iter().map(|(id, node)| (id.as_str(), *node)).collect();
        let absent = Some(id).filter(|id| !held.contains_key(id)).into_iter().collect();
        quiet.bring(new, &Nodes { held, absent, last: at.1, last_version: at.2 }).await
    };
    let is_undone =
        |done: Result<(), CommitFailure>| matches!(done, Err(CommitFailure::Conflict { .. }));
    let nodes = || quiet.number("SELECT COUNT(*) FROM evidence_node");

    // Of what was absent, as soon as any node has come.
    let (first, other) = (malware(1, 1), malware(2, 1));
    let then = judged(&other);
    assert!(!is_undone(written(&first, &judged(&first)).await));
    let before = nodes();
    assert!(is_undone(written(&other, &then).await));
    assert_eq!(nodes(), before, "nothing of it stays");
    assert!(!is_undone(written(&other, &judged(&other)).await));

    // Of what was there, as soon as another version of it has come, and of nothing else.
    let then = judged(&first);
    assert!(!is_undone(written(&malware(3, 1), &judged(&malware(3, 1))).await));
    assert!(!is_undone(written(&malware(1, 5), &then).await));
    for late in [malware(1, 4), malware(1, 9)] {
        assert!(is_undone(written(&late, &then).await));
        assert!(!is_undone(written(&late, &judged(&late)).await));
    }
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_object WHERE latest = 1"), 3);
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_object"), 6);
}

/// Whatever an import did not know of when it was judged is not lost: two that bring one unversioned object with
/// different content at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_contents_of_an_unversioned_object_one_is_held_and_the_other_put_aside() {
    let quiet = Arc::new(quiet());
    let object = |round: u32, note: &str| {
        json!({ "type": "mutex", "spec_version": "2.1", "id": format!("mutex--1b6ea7d9-2b0f-4f55-8f0a-{round:012}"),
            "name": "lantern", "x_note": note })
    };
    // Judged before anything was held: the rows themselves refuse.
    let nodes = Nodes::default();
    let commit = async |new: NewObject| quiet.bring(&new, &nodes).await;
    commit(new_object(&object(99, "one"), "import:a")).await.unwrap();
    let second = commit(new_object(&object(99, "two"), "import:b")).await;
    assert!(matches!(second, Err(CommitFailure::Conflict { .. })), "{second:?}");
    for round in 0..12 {
        let both = ["one", "two"].map(|note| {
            let (quiet, object) = (Arc::clone(&quiet), object(round, note));
            tokio::spawn(async move {
                let done = quiet.import(&[object]).await;
                (done.imported, done.conflicts.len())
            })
        });
        let mut sum = (0, 0);
        for one in both {
            let (imported, conflicts) = one.await.unwrap();
            sum = (sum.0 + imported, sum.1 + conflicts);
        }
        assert_eq!(sum, (1, 1), "round {round}");
    }
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_aside WHERE kind = 'conflict'"), 12);
}

/// What was put aside keeps the terms under which it came.
#[tokio::test]
async fn what_is_mended_is_never_freer_than_what_arrived() {
    let quiet = quiet();
    let good = indicator(1, "[domain-name:value = 'a.lantern.example']", CREATED);
    let mut bad = good.clone();
    bad["created"] = json!("2026-02-31T00:00:00Z");
    let under = |tlp, class, object: &Value| Bundle {
        bytes: bundle(std::slice::from_ref(object)).to_string().into(),
        tlp,
        class,
        originator: "allied-cert".to_owned(),
    };
    for (tlp, class) in [(Some(Tlp::Green), LegalClass::Cia), (Some(Tlp::Red), LegalClass::CiaN)] {
        let done = act::import(&quiet.house, &quiet.ctx, under(tlp, class, &bad)).await;
        assert_eq!(done.unwrap_or_else(|_| panic!("refused")).quarantined.len(), 1);
    }
    let entry = quiet.ask(|reader| aside::one(reader, 1)).unwrap().entry;
    assert_eq!(
        (entry.tlp.as_deref(), entry.class.as_deref()),
        (Some("red"), Some("CIA")),
        "the stricter of each"
    );
    let how = As {
        tlp: Some(Tlp::Clear),
        class: LegalClass::CiaN,
        originator: None,
        reason: "a day that is".to_owned(),
    };
    let tried = mend::retry(&quiet.house, &quiet.ctx, 1, Some(good.to_string()), &how).await;
    assert!(matches!(tried, Ok(Tried::In(_))));
    let row = quiet.ask(|reader| read::brief(reader, Sees::ALL, id(&good))).unwrap();
    assert_eq!(
        (row.tlp.as_str(), row.class.as_str(), row.originator.as_str()),
        ("red", "CIA", "allied-cert")
    );
}

/// A decision about many is one commit: all of them or none.
#[tokio::test]
async fn many_entries_are_dismissed_together() {
    let quiet = quiet();
    let bad: Vec<Value> =
        (0..1_500).map(|number| json!({ "type": "indicator", "id": number })).collect();
    quiet.import(&bad).await;
    let leaves = quiet.number("SELECT COUNT(*) FROM office_leaf");
    let entries: Vec<u64> = (1..=1_500).collect();
    assert!(mend::dismiss(&quiet.house, &quiet.ctx, &entries, "noise").await.is_ok());
    assert_eq!(quiet.number("SELECT COUNT(*) FROM office_leaf"), leaves + 1);
    assert_eq!(
        quiet.number("SELECT COUNT(*) FROM evidence_aside WHERE state = 'dismissed'"),
        1_500
    );
}

/// What a report brought first and a feed brings openly is open from then on, as the feed's.
#[tokio::test]
async fn what_a_feed_brings_too_is_open_and_tells_nothing_of_the_report() {
    let quiet = quiet();
    let object = indicator(1, "[domain-name:value = 'a.lantern.example']", CREATED);
    let reported =
        NewObject { originator: "org-power".to_owned(), ..new_object(&object, "intake:report-x") };
    quiet.put(vec![reported]).await;
    let sees = quiet.sees(Hat::NcoAnalyst, "org-nco");
    assert_eq!(quiet.ask(|reader| read::brief(reader, sees, id(&object))), None);
    let done = quiet.import(std::slice::from_ref(&object)).await;
    assert_eq!((done.imported, done.unchanged), (0, 1));
    let row = quiet.ask(|reader| read::brief(reader, sees, id(&object))).unwrap();
    assert_eq!(
        (row.source.as_str(), row.originator.as_str()),
        ("import:allied-cert", "allied-cert")
    );
    let found = quiet.ask(|reader| read::by_source(reader, Sees::ALL, "intake:report-x"));
    assert_eq!(found.len(), 1, "the report still finds it");
    // Brought again it changes nothing more.
    let leaves = quiet.number("SELECT COUNT(*) FROM office_leaf");
    quiet.import(std::slice::from_ref(&object)).await;
    assert_eq!(quiet.number("SELECT COUNT(*) FROM office_leaf"), leaves);
}

/// The colour of a report stays with the report: what a feed brings as TLP:CLEAR too is held as TLP:CLEAR, or everybody
/// would see by the colour that it was reported.
#[tokio::test]
async fn what_is_brought_openly_after_a_report_has_the_colour_it_was_brought_under() {
    let quiet = quiet();
    let value = json!({ "type": "ipv4-addr", "spec_version": "2.1", "value": "203.0.113.7",
        "id": "ipv4-addr--5ee6dba2-c0f4-5a1c-b9a2-0a6e7f1d4c35" });
    let reported = NewObject {
        tlp: Tlp::Amber,
        originator: "org-power".to_owned(),
        ..new_object(&value, "intake:report-x")
    };
    quiet.put(vec![reported.clone()]).await;
    let feed = Bundle {
        bytes: bundle(std::slice::from_ref(&value)).to_string().into(),
        tlp: Some(Tlp::Clear),
        class: LegalClass::CiaN,
        originator: "allied-cert".to_owned(),
    };
    let Ok(done) = act::import(&quiet.house, &quiet.ctx, feed).await else { panic!("refused") };
    assert_eq!((done.imported, done.unchanged), (0, 1));
    let terms = || {
        let row = quiet.ask(|reader| read::brief(reader, Sees::ALL, id(&value))).unwrap();
        (row.tlp, row.originator, row.from_report)
    };
    let open = ("clear".to_owned(), "allied-cert".to_owned(), false);
    assert_eq!(terms(), open);
    // And another report changes nothing of it.
    quiet.put(vec![reported]).await;
    assert_eq!(terms(), open);
    assert_eq!(quiet.number("SELECT COUNT(*) FROM evidence_tightened"), 0);
}

/// A search that had to look at very many ends the page with a place to go on, and nothing is left out.
#[tokio::test]
async fn a_search_among_very_many_goes_on_page_by_page() {
    let quiet = quiet();
    let mut rare = malware(1);
    rare["name"] = json!("lantern rare");
    let mut objects = vec![rare.clone()];
    for number in 0..6_000 {
        objects.push(json!({
            "type": "tool", "spec_version": "2.1", "id": format!("tool--1b6ea7d9-2b0f-4f55-8f0a-{number:012}"),
            "created": CREATED, "modified": CREATED, "name": "lantern",
        }));
    }
    quiet.import(&objects).await;
    let filter =
        Filter { q: "lantern".to_owned(), kind: "malware".to_owned(), ..Filter::default() };
    let (mut found, mut before, mut pages) = (Vec::new(), None, 0);
    loop {
        let listed = quiet.ask(|reader| read::list(reader, Sees::ALL, &filter, before, 10));
        found.extend(listed.rows.into_iter().map(|row| row.id));
        (before, pages) = (listed.next, pages + 1);
        assert!(listed.counted_all || listed.looked > 0);
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, [id(&rare)]);
    assert!(pages > 1, "the first page ended early");
}

/// Whoever was given an object cannot change it: the right is asked of the object that is written.
#[tokio::test]
async fn p21_a_partner_adds_no_version_to_what_is_anothers() {
    let quiet = quiet();
    let hand_in = async |name: &str, object: &Value| {
        let ctx = Ctx { hat: Hat::PartnerForeign, org: org(name), ..quiet.ctx.clone() };
        let bytes = bundle(std::slice::from_ref(object)).to_string().into();
        let bundle = Bundle {
            bytes,
            tlp: None,
            class: LegalClass::CiaN,
            originator: "org-other".to_owned(),
        };
        let done = act::take(&quiet.house, &ctx, bundle).await;
        let done = done.unwrap_or_else(|_| panic!("refused"));
        (done.imported, done.conflicts.len())
    };
    let version = |day: u32| {
        indicator(
            1,
            "[domain-name:value = 'a.lantern.example']",
            &format!("2026-11-{day:02}T00:00:00.000Z"),
        )
    };
    assert_eq!(hand_in("org-ally", &version(2)).await, (1, 0));
    assert_eq!(hand_in("org-other", &version(3)).await, (0, 1), "put aside for a person");
    assert_eq!(hand_in("org-ally", &version(4)).await, (1, 0));
    let row = quiet.ask(|reader| read::brief(reader, Sees::ALL, id(&version(1)))).unwrap();
    assert_eq!(
        (row.originator.as_str(), row.modified.unwrap().to_string().as_str()),
        ("org-ally", "2026-11-04T00:00:00Z")
    );
}

/// Selected communications information and secrets are for the Cabinet Office and whose they are, whatever their colour and
/// whatever an opinion says; a later version that was brought without the bit opens nothing.
#[tokio::test]
async fn what_is_selected_or_secret_is_seen_by_the_cabinet_office_and_its_own_organisation_only() {
    let quiet = quiet();
    let object =
        |number| indicator(number, "[domain-name:value = 'narrow.lantern.example']", CREATED);
    let all = [1, 2, 3].map(object);
    let later =
        indicator(1, "[domain-name:value = 'narrow.lantern.example']", "2026-11-02T00:00:00.000Z");
    let of = |one: &Value, class| NewObject { class, ..marked(one, Tlp::Green, "org-power") };
    quiet
        .put(vec![
            of(&all[0], LegalClass::Cia),
            of(&all[1], LegalClass::CiaPm),
            of(&all[2], LegalClass::CiaN),
        ])
        .await;
    quiet.put(vec![of(&later, LegalClass::CiaN)]).await;
    quiet.opinion(&all[1], &["org-nco"]).await;
    for (hat, name, wanted) in [
        (Hat::CaoAnalyst, "org-cabinet", vec![0, 1, 2]),
        (Hat::NcoAnalyst, "org-nco", vec![2]),
        (Hat::PoliceRequester, "org-police", vec![2]),
        (Hat::Legal, "org-legal", vec![2]),
        (Hat::NcoAnalyst, "org-power", vec![0, 1, 2]),
    ] {
        let sees = quiet.sees(hat, name);
        for (place, one) in all.iter().enumerate() {
            let held = quiet.ask(|reader| Ok(each_held(reader, sees, id(one))));
            assert_eq!(held, [wanted.contains(&place); 5], "{place} for {name}");
        }
        let mut wanted: Vec<&str> = wanted.iter().map(|place| id(&all[*place])).collect();
        wanted.sort_unstable();
        for (question, found) in each_found(&quiet, sees) {
            let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, wanted, "{question} of {name}");
        }
        let kinds = quiet.ask(|reader| read::kinds(reader, sees));
        assert_eq!(kinds, [("indicator".to_owned(), wanted.len() as u64)], "the kinds of {name}");
    }
    // Nor does an older version that turns out to be selected leave the latest one open.
    let newest = indicator(3, "[domain-name:value = 'narrow.lantern.example']", CREATED);
    let older =
        indicator(3, "[domain-name:value = 'narrow.lantern.example']", "2026-10-31T00:00:00.000Z");
    quiet.put(vec![of(&older, LegalClass::Cia)]).await;
    let sees = quiet.sees(Hat::NcoAnalyst, "org-nco");
    assert_eq!(quiet.ask(|reader| Ok(each_held(reader, sees, id(&newest)))), [false; 5]);
    assert!(quiet.ask(|reader| read::kinds(reader, sees)).is_empty());
}
