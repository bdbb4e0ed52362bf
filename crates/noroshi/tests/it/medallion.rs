//! Beside medallion, the reference TAXII 2.1 server: it is read from and handed to like any peer.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use noroshi::config::Peer;
use serde_json::{Value, json};

use super::peers::{Taker, malware, peer, pusher};

const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
const COLLECTION: &str = "91a7b528-80eb-42ed-a74d-c6fbd5a26116";

/// A server of others that runs, as long as it is held. Its user is `admin` with the password `x`.
pub(crate) struct Foreign {
    server: Child,
    url: String,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ended = self.server.kill();
        let _status = self.server.wait();
    }
}

impl Foreign {
    /// Starts a script of `tests/peers` that says its port on a line.
    pub(crate) fn start(python: &Path, script: &str, arguments: &[String]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
        let mut server = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { server, url: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// Found from the discovery, by the collection's title.
    pub(crate) fn peer(&self) -> Peer {
        let url = format!("{}/taxii2/", self.url);
        Peer { user: Some("admin".to_owned()), collection: Some("Lantern".to_owned()), ..peer(url) }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", "Basic YWRtaW46eA==")
            .header("accept", MEDIA_TYPE)
            .header("content-type", MEDIA_TYPE);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = agent.run(request.body(text).unwrap()).unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }
}

/// An interpreter that can import `module`. `None`, with the reason printed, where there is none.
pub(crate) fn python(variable: &str, module: &str) -> Option<PathBuf> {
    let Some(venv) = std::env::var_os(variable) else {
        eprintln!("{variable} is not set: the check beside {module} is skipped");
        return None;
    };
    let python = Path::new(&venv).join("bin/python");
    let has = Command::new(&python).args(["-c", &format!("import {module}")]).output().unwrap();
    if has.status.success() {
        return Some(python);
    }
    let is_required =
        std::env::var_os("NOROSHI_TEST_SERVERS").is_some_and(|value| value == "required");
    assert!(
        !is_required,
        "{module} is not among the Python packages: cargo xtask check puts it there"
    );
    eprintln!("{module} is not among the Python packages: the check beside it is skipped");
    None
}

/// A medallion with so many objects, so many of them a page.
fn medallion(objects: usize, page: usize) -> Option<Foreign> {
    let python = python("NOROSHI_TEST_VENV", "medallion")?;
    Some(Foreign::start(&python, "medallion_server.py", &[objects.to_string(), page.to_string()]))
}

/// The objects of its collection.
fn collection() -> String {
    format!("/r/collections/{COLLECTION}/objects/")
}

pub(crate) fn objects(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|number| serde_json::from_str(&malware(number)).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn medallion_is_read_to_its_end_and_then_only_for_what_is_new() {
    let Some(medallion) = medallion(230, 100) else { return };
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
    let status = tokio::task::block_in_place(|| medallion.ask("POST", &collection(), &added));
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
    let Some(medallion) = medallion(0, 100) else { return };
    let giver = pusher(medallion.peer(), "x").await;
    giver.release(0..60).await;
    giver.start_push().await;
    let last = giver.until("handed over", |peer| peer["taken"] == 60).await;
    assert_eq!(last["aside"], 0, "{last}");
    let path = format!("{}?limit=100", collection());
    let held = tokio::task::block_in_place(|| medallion.ask("GET", &path, &Value::Null));
    let held = held["objects"].as_array().unwrap();
    assert_eq!(held.len(), 60);
    // What stands there is what was released, member by member.
    for one in objects(0..60) {
        assert!(held.contains(&one), "{one}");
    }
}
