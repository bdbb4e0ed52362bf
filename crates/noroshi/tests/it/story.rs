//! The whole story, told by the program itself and watched from outside: once by a program, once by a real browser.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// Starts `noroshi demo` and reads its steps until it says where to look on, or ends.
struct Demo {
    child: Child,
    steps: Vec<Value>,
    url: String,
}

impl Demo {
    fn start(data: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_noroshi"))
            .args(["demo", "--format", "json", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut steps, mut url) = (Vec::new(), String::new());
        for line in lines {
            let told: Value = serde_json::from_str(&line.unwrap()).unwrap();
            match told.get("url") {
                Some(found) => {
                    found.as_str().unwrap().clone_into(&mut url);
                    break;
                }
                None => steps.push(told),
            }
        }
        Self { child, steps, url }
    }

    /// What it said on standard error, once it has ended.
    fn words(&mut self) -> String {
        let mut words = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut stderr, &mut words).unwrap();
        words
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        // Asked, not killed, so that it takes its gateways and name spaces along.
        let _asked = Command::new("kill").args(["-TERM", &id]).status();
        let _ended = self.child.wait();
    }
}

#[test]
fn the_story_holds_and_its_log_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(&dir.path().join("nation"), &["--exit"]);
    let status = demo.child.wait().unwrap();
    assert!(status.success(), "{}\n{:#?}", demo.words(), demo.steps);
    let keys: Vec<&str> = demo.steps.iter().map(|step| step["key"].as_str().unwrap()).collect();
    for key in ["demo-report", "demo-sift", "demo-picture", "demo-decision", "demo-active", "demo-ended", "demo-share", "demo-verified"] {
        assert!(keys.contains(&key), "the story did not tell `{key}`: {keys:?}");
    }
    verify_as_a_stranger(&dir.path().join("nation").join("log"));
}

/// The stand-alone verifier is another program, built beside this one.
fn verify_as_a_stranger(log: &Path) {
    let verifier = PathBuf::from(env!("CARGO_BIN_EXE_noroshi")).with_file_name("noroshi-verify");
    if !verifier.is_file() {
        println!("skipped: `noroshi-verify` is not built; `cargo test --workspace` builds it");
        return;
    }
    for (lang, word) in [("en", "PASS"), ("ja", "合格")] {
        let output = Command::new(&verifier).arg(log).args(["--lang", lang]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        assert!(text.contains(word), "{text}");
    }
}

/// Whether this machine has the browser; CI requires it.
fn browser_is_here() -> bool {
    let here = ["chromium", "chromedriver"].iter().all(|name| Path::new("/usr/bin").join(name).is_file());
    let required = std::env::var_os("NOROSHI_TEST_SERVERS").is_some_and(|value| value == "required");
    assert!(here || !required, "chromium and chromedriver are required here and are not installed");
    if !here {
        println!("skipped: chromium and chromedriver are not installed");
    }
    here
}

struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| {
                let line = line.unwrap();
                let (_, rest) = line.split_once("successfully on port ")?;
                rest.trim_end_matches('.').parse().ok()
            })
            .unwrap();
        // Keeps the pipe drained for as long as the driver lives.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }

    async fn browser(&self, profile: &Path, width: u32) -> Client {
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--window-size={width},1400"),
            format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({
            "goog:chromeOptions": { "args": arguments, "binary": "/usr/bin/chromium" },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(wanted) = wanted else { unreachable!() };
        let address = format!("http://127.0.0.1:{}", self.port);
        ClientBuilder::new(HttpConnector::new()).capabilities(wanted).connect(&address).await.unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}
