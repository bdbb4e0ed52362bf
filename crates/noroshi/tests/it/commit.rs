//! The commit door: whole or nothing, durable before answered, published and provable.

use noroshi::office::commit::{Change, CommitFailure, Idempotency, Write};
use noroshi::office::store::Value;

use crate::house::{TestHouse, system};

fn note(subject: &str) -> Change {
    Change::office("test.note", subject)
}

#[tokio::test]
async fn a_change_is_whole_or_nothing_and_leaves_no_gap() {
    let test = TestHouse::open().await;
    let ctx = system(&test.house);
    let insert = |label: &str| {
        Write::one(
            "INSERT INTO office_setup (digest, created_at) VALUES ($1, $2)",
            vec![Value::from(label), Value::from(ctx.now)],
        )
    };
    let first = test.house.door.commit(&ctx, note("first").write(insert("a"))).await.unwrap();
    let clash = note("clash").write(insert("b")).write(insert("a"));
    let refused = test.house.door.commit(&ctx, clash).await;
    assert!(matches!(refused, Err(CommitFailure::Conflict { .. })));
    let second = test.house.door.commit(&ctx, note("second").write(insert("c"))).await.unwrap();
    assert_eq!(second.position, first.position + 1, "a refused change leaves no leaf");
    let rows = test
        .house
        .store
        .read(|reader| {
            reader.all("SELECT digest FROM office_setup ORDER BY digest", &[], |row| row.text(0))
        })
        .await
        .unwrap();
    assert_eq!(rows, ["a", "c"], "nothing of the refused change was kept");
}

#[tokio::test]
async fn a_repeated_key_is_told_what_the_first_call_made() {
    let test = TestHouse::open().await;
    let ctx = system(&test.house);
    let keyed = |subject: &str, request: &str| {
        note(subject).once(Some(Idempotency { key: "k1".to_owned(), request: request.to_owned() }))
    };
    let made = test.house.door.commit(&ctx, keyed("made", "r")).await.unwrap();
    for (request, same) in [("r", true), ("other", false)] {
        match test.house.door.commit(&ctx, keyed("again", request)).await {
            Err(CommitFailure::Repeated { subject, position, same_request }) => {
                assert_eq!(
                    (subject.as_str(), position, same_request),
                    ("made", made.position, same)
                );
            }
            other => panic!("expected a repeat, got {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_the_log_and_every_leaf_is_provable() {
    let test = TestHouse::open().await;
    let ctx = system(&test.house);
    let callers = (0..64).map(|number| {
        let (door, ctx) = (test.house.door.clone(), ctx.clone());
        tokio::spawn(async move {
            let mut positions = Vec::new();
            for round in 0..10 {
                let made = door.commit(&ctx, note(&format!("{number}-{round}"))).await.unwrap();
                positions.push(made.position);
            }
            positions
        })
    });
    let mut positions = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        positions.extend(caller.await.unwrap());
    }
    positions.sort_unstable();
    let first = positions[0];
    assert_eq!(positions, (first..first + 640).collect::<Vec<_>>());
    for position in [first, first + 255, first + 256, first + 639] {
        let proof = test.house.log.prove(position).await.unwrap();
        let checkpoint = proof.checkpoint.split_once("\n\n").unwrap().0;
        let root: noroshi_ledger::checkpoint::Checkpoint =
            format!("{checkpoint}\n").parse().unwrap();
        let leaf = noroshi_ledger::tree::leaf_hash(&proof.leaf);
        noroshi_ledger::tree::verify_inclusion(
            position,
            proof.size,
            &leaf,
            &proof.hashes,
            &root.root,
        )
        .unwrap();
    }
}

#[tokio::test]
async fn an_older_store_under_a_newer_log_signs_nothing() {
    let test = TestHouse::open().await;
    let ctx = system(&test.house);
    let made = test.house.door.commit(&ctx, note("one")).await.unwrap();
    test.house.log.covers(made.position).await.unwrap();
    test.serving.stop().await;
    // The store goes back to nothing while the published log stays.
    let other = tempfile::tempdir().unwrap();
    copy(&test.dir.path().join("log"), &other.path().join("log"));
    copy(&test.dir.path().join("keys"), &other.path().join("keys"));
    let refused =
        noroshi::house::House::open(other.path(), TestHouse::config(), false).err().unwrap();
    let chain = noroshi::web::refusal::chain(&refused);
    assert!(chain.contains("NRS-LOGS-0002"), "{chain}");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
