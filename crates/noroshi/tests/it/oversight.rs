//! The log from outside: state, leaves, proofs, static files, counts; and that reading leaves no trace.

use noroshi::office::commit::Change;
use noroshi_charter::hat::Hat;
use noroshi_ledger::checkpoint::Checkpoint;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::{Fact, Outcome};
use noroshi_ledger::tree;
use noroshi_ledger::verify::{Options, Source, SourceError, verify};
use serde_json::Value;

use super::house::{Someone, TestHouse, ask};

/// The log as a stranger reads it: over HTTP, without a token.
struct Http(String);

impl Source for Http {
    fn read(&mut self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(format!("{}/{path}", self.0)).call().unwrap();
        let bytes = answer.body_mut().with_config().limit(bytes_max as u64).read_to_vec().unwrap();
        Ok((answer.status() == 200).then_some(bytes))
    }
}

async fn asked_and_decided(house: &TestHouse, requester: &Someone, chair: &Someone, measure: &str) {
    let request = Digest::of(measure.as_bytes());
    let asked = Fact::MeasureRequested {
        measure: measure.to_owned(),
        request,
        requester: requester.ctx.person.to_string(),
    };
    let decided = Fact::MeasureDecided {
        measure: measure.to_owned(),
        request,
        outcome: Outcome::Approved,
        quorum: 3,
        approvals: 3,
        refusals: 0,
        not_before: "2026-01-01T00:00:00Z".to_owned(),
        not_after: "2026-01-02T00:00:00Z".to_owned(),
        authorisation: Digest::of(b"a"),
    };
    house.house.door.commit(&requester.ctx, Change::new("test", measure, asked)).await.unwrap();
    house.house.door.commit(&chair.ctx, Change::new("test", measure, decided)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_verifies_the_published_log_and_proofs_lead_to_its_root() {
    let house = TestHouse::open().await;
    let org = house.org("Operator (fictional)", "operator", Some("power")).await;
    let officer = house.person("officer", &org, Hat::OperatorOfficer).await;
    house.house.log.covers(2).await.unwrap();
    let log = house.url("/log");
    let report = tokio::task::spawn_blocking(move || {
        let mut source = Http(log);
        let key = source.read("log.vkey", 1000).unwrap().unwrap();
        let key = String::from_utf8(key).unwrap().trim().parse().unwrap();
        verify(&mut source, &Options { key, earlier: None }).unwrap()
    })
    .await
    .unwrap();
    let (status, state) =
        ask("GET", house.url("/api/v1/log/checkpoint"), &officer.token, None).await;
    assert_eq!((status, state["size"].as_u64()), (200, Some(report.size)), "{state}");
    assert_eq!(state["health"], "current");
    let (status, proof) = ask("GET", house.url("/api/v1/log/proofs/1"), &officer.token, None).await;
    assert_eq!(status, 200, "{proof}");
    let hashes: Vec<Digest> = proof["hashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| hash.as_str().unwrap().parse().unwrap())
        .collect();
    let note = proof["checkpoint"].as_str().unwrap();
    let checkpoint: Checkpoint =
        format!("{}\n", note.split_once("\n\n").unwrap().0).parse().unwrap();
    let leaf = tree::leaf_hash(proof["leaf"].as_str().unwrap().as_bytes());
    tree::verify_inclusion(1, checkpoint.size, &leaf, &hashes, &checkpoint.root).unwrap();
    let (status, problem) =
        ask("GET", house.url("/api/v1/log/proofs/99"), &officer.token, None).await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("NRS-OVER-0001")));
    let (_, leaves) =
        ask("GET", house.url("/api/v1/log/leaves?from=1&limit=1"), &officer.token, None).await;
    assert_eq!(leaves["items"][0]["hash"].as_str(), Some(leaf.to_string().as_str()));
    assert_eq!(leaves["next"], 2);
    for path in [
        "/log/.frontier",
        "/log/tile/..%2f..%2fkeys%2flog.key",
        "/log/%2e%2e/keys/log.key",
        "/log/tile/0/001",
    ] {
        let (status, body) = ask("GET", house.url(path), "", None).await;
        assert_eq!(status, 404, "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_come_from_leaves_and_the_commission_reads_without_a_trace() {
    let house = TestHouse::open().await;
    let police = house.org("Police (fictional)", "police", None).await;
    let sdf = house.org("Defence (fictional)", "defence", None).await;
    let commission = house.org("Commission (fictional)", "commission", None).await;
    let officer = house.person("police", &police, Hat::PoliceRequester).await;
    let soldier = house.person("sdf", &sdf, Hat::SdfRequester).await;
    let chair = house.person("chair", &commission, Hat::CommissionChair).await;
    asked_and_decided(&house, &officer, &chair, "measure-1").await;
    asked_and_decided(&house, &officer, &chair, "measure-2").await;
    asked_and_decided(&house, &soldier, &chair, "measure-3").await;
    let before = *house.house.door.size().borrow();
    house.house.log.covers(before - 1).await.unwrap();
    let (status, counts) = ask("GET", house.url("/api/v1/counts"), &chair.token, None).await;
    assert_eq!(status, 200, "{counts}");
    let rows = counts["rows"].as_array().unwrap();
    let number = |side: &str, what: &str| {
        let row = rows.iter().find(|row| row["side"] == side && row["what"] == what).unwrap();
        assert_eq!(row["leaves"].as_array().unwrap().len() as u64, row["count"].as_u64().unwrap());
        row["count"].as_u64().unwrap()
    };
    assert_eq!((number("police", "requests"), number("police", "approvals")), (2, 2));
    assert_eq!((number("defence", "requests"), number("defence", "approvals")), (1, 1));
    assert!(
        rows.iter()
            .filter(|row| row["what"] == "post-notices")
            .all(|row| row["kept"] == Value::Bool(false))
    );
    let (_, past) = ask("GET", house.url("/api/v1/counts?year=1999"), &chair.token, None).await;
    assert!(past["rows"].as_array().unwrap().iter().all(|row| row["count"] == 0), "{past}");
    let (status, _) = ask("GET", house.url("/api/v1/counts"), &officer.token, None).await;
    assert_eq!(status, 403);
    for path in ["/api/v1/log/checkpoint", "/api/v1/log/leaves", "/api/v1/log/proofs/0"] {
        assert_eq!(ask("GET", house.url(path), &chair.token, None).await.0, 200, "{path}");
    }
    assert_eq!(*house.house.door.size().borrow(), before, "reading was recorded");
}
