//! Beside medallion, the reference TAXII 2.1 server: it is read from and handed to like any peer.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use noroshi::config::Peer;
use serde_json::{Value, json};

use super::peers::{Taker, malware, peer, pusher};

const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
const COLLECTION: &str = "91a7b528-80eb-42ed-a74d-c6fbd5a26116";

/// A medallion that runs, as long as it is held.
struct Medallion {
    server: Child,
    url: String,
}

impl Drop for Medallion {
    fn drop(&mut self) {
        let _ended = self.server.kill();
        let _status = self.server.wait();
    }
}

impl Medallion {
    /// Starts it with so many objects, so many of them a page. `None`, with the reason printed, where it is not there.
    fn start(objects: usize, page: usize) -> Option<Self> {
        let Some(venv) = std::env::var_os("NOROSHI_TEST_VENV") else {
            eprintln!("NOROSHI_TEST_VENV is not set: the check beside medallion is skipped");
            return None;
        };
        let python = Path::new(&venv).join("bin/python");
        let has = Command::new(&python).args(["-c", "import medallion"]).output().unwrap();
        if !has.status.success() {
            let is_required =
                std::env::var_os("NOROSHI_TEST_SERVERS").is_some_and(|value| value == "required");
            assert!(
                !is_required,
                "medallion is not among the Python packages: cargo xtask check puts it there"
            );
            eprintln!("medallion is not among the Python packages: the check beside it is skipped");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/medallion_server.py");
        let mut server = Command::new(&python)
            .arg(script)
            .args([objects.to_string(), page.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Some(Self { server, url: format!("http://127.0.0.1:{}", port.trim()) })
    }

    fn peer(&self) -> Peer {
        // From the discovery, by the collection's title.
        let url = format!("{}/taxii2/", self.url);
        Peer { user: Some("admin".to_owned()), collection: Some("Lantern".to_owned()), ..peer(url) }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let url = format!("{}/r/collections/{COLLECTION}{path}", self.url);
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", "Basic YWRtaW46eA==")
            .header("accept", MEDIA_TYPE)
            .header("content-type", MEDIA_TYPE);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = agent.run(request.body(text).unwrap()).unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }
}

fn objects(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|number| serde_json::from_str(&malware(number)).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn medallion_is_read_to_its_end_and_then_only_for_what_is_new() {
    let Some(medallion) = Medallion::start(230, 100) else { return };
    let taker = Taker::open(medallion.peer(), "x").await;
    taker.start().await;
    let current = taker.until("current", |peer| peer["health"] == "current").await;
    assert_eq!(
        (current["taken"].as_u64(), current["aside"].as_u64()),
        (Some(230), Some(0)),
        "{current}"
    );
    assert!(taker.holds(0).await && taker.holds(229).await);
    let added = json!({ "objects": objects(230..237) });
    let status = tokio::task::block_in_place(|| medallion.ask("POST", "/objects/", &added));
    assert_eq!(status["success_count"], 7, "{status}");
    let (status, _) = taker.call("POST", "/peers/lantern/wake", None).await;
    assert_eq!(status, 200);
    let more = taker.until("more", |peer| peer["taken"] == 237).await;
    // Asked for again were those of the last instant, and not the whole collection.
    assert!(more["known"].as_u64().unwrap() <= 10, "{more}");
    assert_eq!(more["aside"], 0, "{more}");
    assert!(taker.holds(236).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn medallion_is_handed_what_was_released() {
    let Some(medallion) = Medallion::start(0, 100) else { return };
    let giver = pusher(medallion.peer(), "x").await;
    giver.release(0..60).await;
    giver.start_push().await;
    let last = giver.until("handed over", |peer| peer["taken"] == 60).await;
    assert_eq!(last["aside"], 0, "{last}");
    let held =
        tokio::task::block_in_place(|| medallion.ask("GET", "/objects/?limit=100", &Value::Null));
    let held = held["objects"].as_array().unwrap();
    assert_eq!(held.len(), 60);
    // What stands there is what was released, member by member.
    for one in objects(0..60) {
        assert!(held.contains(&one), "{one}");
    }
}
