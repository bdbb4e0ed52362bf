//! The union of the pages is the collection, exactly, while others release, hand in and take back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use noroshi_evidence::marking::Tlp;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};

use super::super::house::Someone;
use super::{Stage, id_of, ids_of, indicator};

/// Objects there before anything begins, those the office releases meanwhile, those that are handed in meanwhile.
const BEFORE: usize = 30;
const RELEASED: usize = 16;
const PUSHED: usize = 16;

/// How one run goes: which of the objects there before are taken back meanwhile, and the sizes of things.
#[derive(Debug, Clone)]
struct Plan {
    limit: usize,
    withdrawn: BTreeSet<usize>,
    release_step: usize,
    push_step: usize,
    filter: &'static str,
}

fn plans() -> impl Strategy<Value = Plan> {
    (
        1usize..12,
        prop::collection::btree_set(1..=BEFORE, 0..8),
        1usize..5,
        1usize..5,
        prop::sample::select(vec!["", "&match[version]=all", "&match[type]=indicator"]),
    )
        .prop_map(|(limit, withdrawn, release_step, push_step, filter)| Plan {
            limit,
            withdrawn,
            release_step,
            push_step,
            filter,
        })
}

/// One walk through `next`: identifiers in the order seen, and the date of the last entry.
async fn walk(
    stage: &Stage,
    who: &Someone,
    collection: &str,
    plan: &Plan,
    after: Option<&str>,
) -> (Vec<String>, Option<String>) {
    let (mut seen, mut last, mut next) = (Vec::new(), None, String::new());
    let after = after.map_or_else(String::new, |at| format!("&added_after={at}"));
    loop {
        let query = format!("/objects/?limit={}{}{after}{next}", plan.limit, plan.filter);
        let got = stage.get(who, stage.below(collection, &query)).await;
        assert_eq!(got.status, 200, "{}", got.text);
        assert!(got.ids().len() <= plan.limit);
        seen.extend(got.ids());
        if let Some(at) = got.header("x-taxii-date-added-last") {
            assert!(last.as_deref().is_none_or(|before| before < at), "dates grow");
            last = Some(at.to_owned());
        }
        match got.json["next"].as_str() {
            Some(place) => next = format!("&next={place}"),
            None => return (seen, last),
        }
    }
}

async fn run(plan: Plan) {
    let stage = Arc::new(Stage::open().await);
    let shelf = stage.shelf(&stage.ally).await;
    let before: Vec<String> = (1..=BEFORE).map(indicator).collect();
    stage.pushed(&stage.ally, &shelf, &before).await;
    let released: Vec<String> = (101..=100 + RELEASED).map(indicator).collect();
    stage.hold(&released, Tlp::Green).await;
    let pushed: Vec<String> = (201..=200 + PUSHED).map(indicator).collect();
    let writers = Arc::new(AtomicUsize::new(3));
    let withdrawn = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let mut tasks = Vec::new();
    {
        let (stage, shelf, writers, released) =
            (Arc::clone(&stage), shelf.clone(), Arc::clone(&writers), released.clone());
        let step = plan.release_step;
        tasks.push(tokio::spawn(async move {
            for part in released.chunks(step) {
                stage.release(&shelf, &ids_of(part)).await;
            }
            writers.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    {
        let (stage, shelf, writers, pushed) =
            (Arc::clone(&stage), shelf.clone(), Arc::clone(&writers), pushed.clone());
        let step = plan.push_step;
        tasks.push(tokio::spawn(async move {
            for part in pushed.chunks(step) {
                stage.pushed(&stage.ally, &shelf, part).await;
            }
            writers.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    {
        let (stage, shelf, writers, gone) =
            (Arc::clone(&stage), shelf.clone(), Arc::clone(&writers), Arc::clone(&withdrawn));
        let which: Vec<String> = plan.withdrawn.iter().map(|one| id_of(&before[one - 1])).collect();
        tasks.push(tokio::spawn(async move {
            for id in which {
                assert_eq!(stage.delete(&stage.ally, &shelf, &id).await.status, 200);
                gone.lock().unwrap().insert(id);
            }
            writers.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    let all_before: BTreeSet<String> = ids_of(&before).into_iter().collect();
    let ever: BTreeSet<String> =
        all_before.iter().cloned().chain(ids_of(&released)).chain(ids_of(&pushed)).collect();
    // One reader polls by date while all that goes on, and once more when it is over.
    let mut polled: BTreeMap<String, usize> = BTreeMap::new();
    let mut place: Option<String> = None;
    let mut first = true;
    let over = AtomicBool::new(false);
    loop {
        over.store(writers.load(Ordering::SeqCst) == 0, Ordering::SeqCst);
        let (seen, last) = walk(&stage, &stage.ally, &shelf, &plan, place.as_deref()).await;
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "nothing twice within a walk");
        if first {
            // What was there before the walk began and still may be seen is there.
            let gone = withdrawn.lock().unwrap().clone();
            let missing: Vec<&String> = all_before
                .iter()
                .filter(|id| !distinct.contains(id) && !gone.contains(*id))
                .collect();
            let may_go: BTreeSet<String> =
                plan.withdrawn.iter().map(|one| id_of(&before[one - 1])).collect();
            assert!(missing.iter().all(|id| may_go.contains(*id)), "missing: {missing:?}");
            first = false;
        }
        assert!(seen.iter().all(|id| ever.contains(id)));
        for id in seen {
            *polled.entry(id).or_default() += 1;
        }
        place = last.or(place);
        if over.load(Ordering::SeqCst) {
            break;
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Polling saw everything once, and what remains is exactly what a fresh walk gives.
    assert!(polled.values().all(|times| *times == 1), "{polled:?}");
    let gone = withdrawn.lock().unwrap().clone();
    let left: BTreeSet<String> = ever.difference(&gone).cloned().collect();
    let (fresh, _) = walk(&stage, &stage.ally, &shelf, &plan, None).await;
    assert_eq!(fresh.into_iter().collect::<BTreeSet<_>>(), left);
    assert!(left.iter().all(|id| polled.contains_key(id)));
}

#[test]
fn the_union_of_pages_is_the_collection_while_others_write() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config =
        Runs { cases: 4, max_shrink_iters: 0, failure_persistence: None, ..Runs::default() };
    let seed = [0x5a; 32];
    let rng = proptest::test_runner::TestRng::from_seed(
        proptest::test_runner::RngAlgorithm::ChaCha,
        &seed,
    );
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner
        .run(&plans(), |plan| {
            runtime.block_on(run(plan));
            Ok(())
        })
        .unwrap();
}
