//! Beside OpenTAXII 0.9.3, the other TAXII 2.1 server that many run: it is read from and handed to like any peer (P-16).

use serde_json::{Value, json};

use super::medallion::{Foreign, objects, python};
use super::peers::{Taker, pusher};

/// An OpenTAXII with so many objects; `mended` writes the version of the standard where the released one writes the type.
fn opentaxii(objects: usize, mended: bool) -> Option<Foreign> {
    let python = python("NOROSHI_TEST_OPENTAXII", "opentaxii")?;
    let how = if mended { "mended" } else { "as-released" };
    Some(Foreign::start(&python, "opentaxii_server.py", &[objects.to_string(), how.to_owned()]))
}

/// The objects of its collection.
fn collection(server: &Foreign) -> String {
    let discovery = server.ask("GET", "/taxii2/", &Value::Null);
    let root = discovery["default"].as_str().unwrap();
    let listed = server.ask("GET", &format!("{root}collections/"), &Value::Null);
    let id = listed["collections"][0]["id"].as_str().unwrap();
    format!("{root}collections/{id}/objects/")
}

#[tokio::test(flavor = "multi_thread")]
async fn opentaxii_is_read_to_its_end_and_then_only_for_what_is_new() {
    let Some(server) = opentaxii(230, true) else { return };
    let taker = Taker::open(server.peer(), "x").await;
    taker.start().await;
    let current = taker.until("current", |peer| peer["health"] == "current").await;
    assert_eq!(
        (current["taken"].as_u64(), current["aside"].as_u64()),
        (Some(230), Some(0)),
        "{current}"
    );
    assert!(taker.holds(0).await && taker.holds(229).await);
    let added = json!({ "objects": objects(230..237) });
    let status = tokio::task::block_in_place(|| server.ask("POST", &collection(&server), &added));
    assert_eq!(status["success_count"], 7, "{status}");
    let (status, _) = taker.call("POST", "/peers/lantern/wake", None).await;
    assert_eq!(status, 200);
    let more = taker.until("more", |peer| peer["taken"] == 237).await;
    // Asked for again were those of the last instant, and not the whole collection.
    assert!(more["known"].as_u64().unwrap() <= 10, "{more}");
    assert_eq!(more["aside"], 0, "{more}");
    assert!(taker.holds(236).await);
}

/// What it gives out is no STIX 2.1: each object says so where it is put aside, nothing is lost and the walk ends.
#[tokio::test(flavor = "multi_thread")]
async fn what_opentaxii_gives_out_as_released_is_put_aside_with_its_reason() {
    let Some(server) = opentaxii(30, false) else { return };
    let taker = Taker::open(server.peer(), "x").await;
    taker.start().await;
    let current = taker.until("current", |peer| peer["health"] == "current").await;
    assert_eq!(current["aside"], 30, "{current}");
    assert!(!taker.holds(0).await);
    let (status, asides) = taker.call("GET", "/evidence/asides", None).await;
    assert_eq!(status, 200, "{asides}");
    assert!(asides.to_string().contains("NRS-EVID-0030"), "{asides}");
}

#[tokio::test(flavor = "multi_thread")]
async fn opentaxii_is_handed_what_was_released() {
    let Some(server) = opentaxii(0, true) else { return };
    let giver = pusher(server.peer(), "x").await;
    giver.release(0..60).await;
    giver.start_push().await;
    let last = giver.until("handed over", |peer| peer["taken"] == 60).await;
    assert_eq!(last["aside"], 0, "{last}");
    let held = tokio::task::block_in_place(|| {
        server.ask("GET", &format!("{}?limit=100", collection(&server)), &Value::Null)
    });
    let held = held["objects"].as_array().unwrap();
    assert_eq!(held.len(), 60);
    // What stands there is what was released, member by member.
    for one in objects(0..60) {
        assert!(held.contains(&one), "{one}");
    }
}
