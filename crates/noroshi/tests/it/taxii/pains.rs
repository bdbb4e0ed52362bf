//! What users of other servers suffer from, one test a pain (`P-10i`, `P-13` to `P-16`).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use noroshi::config::Config;
use noroshi::house::House;
use noroshi::office::commit::{Change, Job, Write};
use noroshi::office::store::Value as Cell;
use noroshi::share::gate::Filter;
use noroshi::share::serve::{self, Asked, Versions, View};
use noroshi_charter::release::Audience;
use noroshi_evidence::marking::Tlp;
use serde_json::json;

use super::super::house::{Someone, TestHouse, pause};
use super::{Call, Got, Stage, id_of, ids_of, indicator, malware, version};

/// Walks a list to its end through `next`.
pub(super) async fn walk(stage: &Stage, who: &Someone, url: &str, query: &str) -> Vec<Got> {
    let mut pages: Vec<Got> = Vec::new();
    let mut next = String::new();
    loop {
        let got = stage.get(who, format!("{url}?{query}{next}")).await;
        assert_eq!(got.status, 200, "{}", got.text);
        let place = got.json["next"].as_str().map(str::to_owned);
        assert_eq!(got.json["more"] == json!(true), place.is_some());
        pages.push(got);
        match place {
            Some(place) => next = format!("&next={place}"),
            None => return pages,
        }
    }
}

fn ids(pages: &[Got]) -> Vec<String> {
    pages.iter().flat_map(Got::ids).collect()
}

/// P-13: items that share one instant are lost between pages; what the filter excludes bleeds through on a later pull.
#[tokio::test(flavor = "multi_thread")]
async fn p13_nothing_is_lost_between_pages_and_nothing_bleeds_through_a_filter() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts: Vec<String> = (1..=40)
        .map(|number| if number % 2 == 0 { malware(number) } else { indicator(number) })
        .collect();
    // One transaction, one millisecond: the worst case.
    assert_eq!(stage.pushed(&stage.ally, &shelf, &texts).await["success_count"], 40);
    let url = stage.below(&shelf, "/objects/");
    for limit in [1, 3, 7, 39, 40, 41] {
        let pages = walk(&stage, &stage.ally, &url, &format!("limit={limit}")).await;
        assert_eq!(ids(&pages), ids_of(&texts), "limit {limit}");
        let pages =
            walk(&stage, &stage.ally, &url, &format!("limit={limit}&match[type]=indicator")).await;
        assert!(ids(&pages).iter().all(|id| id.starts_with("indicator--")), "limit {limit}");
        assert_eq!(ids(&pages).len(), 20, "limit {limit}");
    }
    // A client that goes on by the date of the last entry sees exactly what came after.
    let half = stage.get(&stage.ally, format!("{url}?limit=20")).await;
    let last = half.header("x-taxii-date-added-last").unwrap();
    let rest = stage.get(&stage.ally, format!("{url}?added_after={last}")).await;
    assert_eq!(rest.ids(), ids_of(&texts)[20..]);
}

/// P-14: a large transaction shares one `date_added`.
#[tokio::test(flavor = "multi_thread")]
async fn p14_everything_added_at_once_is_dated_apart() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts: Vec<String> = (1..=1_200).map(indicator).collect();
    stage.pushed(&stage.ally, &shelf, &texts).await;
    let pages = walk(&stage, &stage.ally, &stage.below(&shelf, "/manifest/"), "limit=500").await;
    let dates: Vec<String> = pages
        .iter()
        .flat_map(Got::objects)
        .map(|one| one["date_added"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(dates.len(), 1_200);
    assert!(dates.windows(2).all(|pair| pair[0] < pair[1]));
}

/// P-15: `next` lives in the memory of one process.
#[tokio::test(flavor = "multi_thread")]
async fn p15_next_is_good_at_a_process_that_never_saw_it() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts: Vec<String> = (1..=5).map(indicator).collect();
    stage.pushed(&stage.ally, &shelf, &texts).await;
    let first = stage.get(&stage.ally, stage.below(&shelf, "/objects/?limit=2")).await;
    let next = first.json["next"].as_str().unwrap().to_owned();
    let Stage { test, ally, root, .. } = stage;
    let TestHouse { house, serving, dir } = std::sync::Arc::into_inner(test).unwrap();
    serving.stop().await;
    drop(house);
    let again = TestHouse::open_with(dir, TestHouse::config()).await;
    let url = again.url(&format!("/{root}/collections/{shelf}/objects/?next={next}"));
    let got = Call::get(url).of(&ally).send().await;
    assert_eq!((got.status, got.ids()), (200, ids_of(&texts)[2..].to_vec()), "{}", got.text);
}

/// P-15, the other half: a `next` is not good for ever.
#[tokio::test(flavor = "multi_thread")]
async fn p15_a_next_whose_time_is_over_says_so() {
    let mut config = TestHouse::config();
    config.taxii.next_hours = 0;
    let stage = Stage::open_with(config).await;
    let shelf = stage.shelf(&stage.ally).await;
    stage.pushed(&stage.ally, &shelf, &[indicator(1), indicator(2)]).await;
    let first = stage.get(&stage.ally, stage.below(&shelf, "/objects/?limit=1")).await;
    let url = stage
        .below(&shelf, &format!("/objects/?limit=1&next={}", first.json["next"].as_str().unwrap()));
    let mut got = stage.get(&stage.ally, url.clone()).await;
    for _ in 0..50 {
        if got.status != 200 {
            break;
        }
        pause(Duration::from_millis(100)).await;
        got = stage.get(&stage.ally, url.clone()).await;
    }
    assert_eq!((got.status, got.code()), (400, "NRS-SHAR-0205"));
}

/// P-16: deleting does not delete, `spec_version` is wrong, there is no limit of a page.
#[tokio::test(flavor = "multi_thread")]
async fn p16_deleting_deletes_and_a_page_has_a_limit() {
    let mut config = TestHouse::config();
    config.taxii.page_default = 3;
    config.taxii.page_max = 4;
    let stage = Stage::open_with(config).await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts: Vec<String> = (1..=6).map(indicator).collect();
    stage.pushed(&stage.ally, &shelf, &texts).await;
    let url = stage.below(&shelf, "/objects/");
    assert_eq!(stage.get(&stage.ally, url.clone()).await.ids().len(), 3);
    assert_eq!(stage.get(&stage.ally, format!("{url}?limit=1000000")).await.ids().len(), 4);
    for (spec, wanted) in [("2.1", 3), ("2.0", 0), ("2.0,2.1", 3), ("3", 0)] {
        let got = stage.get(&stage.ally, format!("{url}?match[spec_version]={spec}")).await;
        assert_eq!((got.status, got.ids().len()), (200, wanted), "{spec}");
        assert!(got.objects().iter().all(|one| one["spec_version"] == "2.1"));
    }
    assert_eq!(stage.delete(&stage.ally, &shelf, &id_of(&texts[0])).await.status, 200);
    let pages = walk(&stage, &stage.ally, &url, "limit=2").await;
    assert_eq!(ids(&pages), ids_of(&texts)[1..]);
    let manifest = walk(&stage, &stage.ally, &stage.below(&shelf, "/manifest/"), "limit=2").await;
    assert_eq!(ids(&manifest), ids_of(&texts)[1..]);
}

/// P-10i: a page costs more the larger the collection is. Here the same page of a collection a hundred times as large
/// may take at most four times as long (where medallion takes thousands of times); the best of several tries counts.
#[tokio::test(flavor = "multi_thread")]
async fn p10i_a_page_costs_the_same_whatever_the_collection() {
    let stage = Stage::open().await;
    let texts: Vec<String> = (1..=10_000).map(indicator).collect();
    stage.hold(&texts, Tlp::Green).await;
    let of = |who: &Someone| format!("partner:{}", who.ctx.org);
    let placed =
        |texts: &[String]| -> Vec<(i64, String)> { (1i64..).zip(texts.iter().cloned()).collect() };
    stage.place(&of(&stage.ally), &placed(&texts[..100])).await;
    stage.place(&of(&stage.other), &placed(&texts)).await;
    let of_50 = || Asked { until: 10_000, limit: 50, ..Asked::default() };
    for asked in [
        of_50(),
        Asked { types: vec!["indicator".to_owned()], ..of_50() },
        Asked { versions: Versions { first: true, ..Versions::default() }, ..of_50() },
        Asked { ids: vec![id_of(&texts[99])], ..of_50() },
        Asked { after: 40, ..of_50() },
    ] {
        let best = |who: &Someone| {
            let filter = Filter { types: Vec::new(), tlp_max: Tlp::Amber };
            let audience = Audience::Partner(who.ctx.org.to_string());
            let (view, house) = (View { audience, filter }, &stage.test.house);
            let one = || {
                let begun = Instant::now();
                let slice = house.store.read_now(|reader| {
                    serve::page(reader, &view, &who.ctx.org, who.ctx.now, &asked)
                });
                assert!(!slice.unwrap().items.is_empty());
                begun.elapsed()
            };
            (0..12).map(|_| one()).min().unwrap()
        };
        let (few, many) = (best(&stage.ally), best(&stage.other));
        assert!(
            many < few * 4 + Duration::from_millis(20),
            "{asked:?}: {few:?} of 100, {many:?} of 10,000"
        );
    }
}

/// P-10i: where a filter is sparse the answer ends early and says where to go on; it never runs away.
#[tokio::test(flavor = "multi_thread")]
async fn p10i_a_sparse_filter_ends_early_and_loses_nothing() {
    let stage = Stage::open().await;
    let shelf = stage.collection(&stage.ally, "Sparse", json!({})).await;
    let rows = serve::ROWS_MAX;
    let mut texts: Vec<String> = (1..=rows + 1_500).map(indicator).collect();
    let newer = version(3, "2026-03-01T00:00:00.000Z");
    texts.push(newer.clone());
    stage.hold(&texts, Tlp::Green).await;
    let placed: Vec<(i64, String)> = (1i64..).zip(texts.iter().cloned()).collect();
    for part in placed.chunks(2_000) {
        stage.place(&format!("partner:{}", stage.ally.ctx.org), part).await;
    }
    let query = "limit=10&match[version]=2026-03-01T00:00:00Z";
    let pages = walk(&stage, &stage.ally, &stage.below(&shelf, "/objects/"), query).await;
    assert!(pages.len() > 1, "it ended early");
    assert!(pages[0].ids().is_empty() && pages[0].json["more"] == json!(true));
    assert_eq!(ids(&pages), [id_of(&newer)]);
}

/// What was answered with 202 is dealt with, even when the house went down before it began.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_dealt_with_after_a_restart() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let Stage { test, ally, root, .. } = stage;
    let TestHouse { house, serving, dir } = std::sync::Arc::into_inner(test).unwrap();
    serving.stop().await;
    drop(house);
    // A house whose job runner does not run: exactly what is on disk after an answer and a sudden end.
    let house = House::open(dir.path(), Config::default(), false).unwrap();
    let push = "0c7d7e54-5f0d-4a49-8d9a-0d3f2f9f9a01";
    let audience = format!("partner:{}", ally.ctx.org);
    let body = format!(r#"{{"objects":[{},{}]}}"#, indicator(1), malware(2));
    let mut change = Change::office("share.push", push)
        .write(Write::one(
            "INSERT INTO share_release (release, audience, collection, person, at, outcome) \
             VALUES ($1, $2, $3, $4, $5, '{\"released\":[],\"already\":[],\"refused\":[]}')",
            vec![
                Cell::from(push),
                Cell::from(&audience),
                Cell::from(&shelf),
                Cell::from(&ally.ctx.person),
                Cell::from(ally.ctx.now),
            ],
        ))
        .write(Write::one(
            "INSERT INTO share_push (push, root, collection, audience, person, org, at, digest, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8)",
            vec![
                Cell::from(push),
                Cell::from(&root),
                Cell::from(&shelf),
                Cell::from(&audience),
                Cell::from(&ally.ctx.person),
                Cell::from(&ally.ctx.org),
                Cell::from(ally.ctx.now),
                Cell::from(body.into_bytes()),
            ],
        ))
        .job(Job {
            kind: "share.push",
            subject: push.to_owned(),
            payload: json!({ "hat": "partner.foreign" }),
            due_at: ally.ctx.now,
        });
    for entry in 0..2i64 {
        change = change.write(Write::one(
            "INSERT INTO share_push_entry (push, entry, id, version) VALUES ($1, $2, 'x', 'y')",
            vec![Cell::from(push), Cell::from(entry)],
        ));
    }
    house.door.commit(&ally.ctx, change).await.unwrap();
    drop(house);
    let again = TestHouse::open_with(dir, TestHouse::config()).await;
    let url = again.url(&format!("/{root}/status/{push}/"));
    let mut got = Call::get(url.clone()).of(&ally).send().await;
    for _ in 0..600 {
        if got.json["status"] == "complete" {
            break;
        }
        pause(Duration::from_millis(50)).await;
        got = Call::get(url.clone()).of(&ally).send().await;
    }
    assert_eq!(
        (&got.json["status"], &got.json["success_count"]),
        (&json!("complete"), &json!(2)),
        "{}",
        got.text
    );
    let read = again.url(&format!("/{root}/collections/{shelf}/objects/"));
    let ids: BTreeSet<String> = Call::get(read).of(&ally).send().await.ids().into_iter().collect();
    assert_eq!(ids, BTreeSet::from([id_of(&indicator(1)), id_of(&malware(2))]));
}
