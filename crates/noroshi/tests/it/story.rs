//! The whole story, told by the program itself and watched from outside: once by a program, once by a real browser.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// Whatever takes longer has failed.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Starts `noroshi demo` and reads its steps until it says where to look on, or ends.
struct Demo {
    child: Child,
    steps: Vec<Value>,
    url: String,
}

impl Demo {
    fn start(data: &Path, more: &[&str]) -> Self {
        // Two demonstrations at once would both take the usual port.
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let mut child = Command::new(env!("CARGO_BIN_EXE_noroshi"))
            .args(["demo", "--format", "json", "--port", &port, "--data"])
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
    for key in [
        "demo-report",
        "demo-sift",
        "demo-picture",
        "demo-decision",
        "demo-active",
        "demo-ended",
        "demo-share",
        "demo-verified",
    ] {
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
pub(crate) fn browser_is_here() -> bool {
    let here =
        ["chromium", "chromedriver"].iter().all(|name| Path::new("/usr/bin").join(name).is_file());
    let required =
        std::env::var_os("NOROSHI_TEST_SERVERS").is_some_and(|value| value == "required");
    assert!(here || !required, "chromium and chromedriver are required here and are not installed");
    if !here {
        println!("skipped: chromium and chromedriver are not installed");
    }
    here
}

pub(crate) struct Driver {
    child: Child,
    pub(crate) port: u16,
}

impl Driver {
    pub(crate) fn start() -> Self {
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
        ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&address)
            .await
            .unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Whose eyes, where, and what must be read there.
const WALK: [(&str, &str, &str); 9] = [
    ("officer-logistics", "/intake", "intake"),
    ("analyst", "/analyse", "analyse"),
    ("analyst", "/analyse/cases", "Operation Lantern"),
    ("analyst", "/evidence", "indicator"),
    ("minister", "/intake", "intake"),
    ("chair", "/response", "measure"),
    ("legal", "/share", "Lantern"),
    ("administrator", "/office", "analyst"),
    ("administrator", "/oversight", "noroshi-verify"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_sees_the_story_through_everybodys_eyes() {
    if !browser_is_here() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let nation = dir.path().join("nation");
    let mut demo = tokio::task::spawn_blocking(move || Demo::start(&nation, &[])).await.unwrap();
    if demo.url.is_empty() {
        panic!("the story did not end: {}\n{:#?}", demo.words(), demo.steps);
    }
    let driver = tokio::task::spawn_blocking(Driver::start).await.unwrap();
    let browser = driver.browser(&dir.path().join("profile"), 1280).await;
    for (persona, path, word) in WALK {
        look(&browser, &demo.url, persona, path, word).await;
    }
    draft_survives(&browser, &demo.url).await;
    browser.close().await.unwrap();
    tokio::task::spawn_blocking(move || drop((demo, driver))).await.unwrap();
}

/// Becomes somebody by the bar at the top and reads one page in both languages.
async fn look(browser: &Client, base: &str, persona: &str, path: &str, word: &str) {
    browser.goto(&format!("{base}/oversight")).await.unwrap();
    let button = format!("form.band-demo button[value='{persona}']");
    // The bar scrolls sideways; its button is pressed wherever it is.
    // The page before is marked, so that what comes after it is known to be another one.
    let press = format!("window.pressed = true; document.querySelector(\"{button}\").click()");
    browser.execute(&press, Vec::new()).await.unwrap();
    whole(browser, "window.pressed !== true").await;
    let worn = format!("{button}[aria-current]");
    browser.wait().for_element(Locator::Css(&worn)).await.unwrap();
    for lang in ["ja", "en"] {
        browser.goto(&format!("{base}{path}?lang={lang}")).await.unwrap();
        whole(
            browser,
            &format!("location.pathname === '{path}' && location.search === '?lang={lang}'"),
        )
        .await;
        let source = browser.source().await.unwrap();
        assert!(source.contains(&format!("<html lang=\"{lang}\"")), "{path} is not in `{lang}`");
        assert!(source.contains(word), "{path} as {persona} does not show `{word}`");
        assert!(
            !source.contains('\u{27e6}'),
            "{path} shows a word that has no translation in `{lang}`"
        );
        assert!(browser.find(Locator::Css("main h1")).await.is_ok(), "{path} has no heading");
    }
}

/// Waits until the page for which a condition holds has been read whole: on a busy machine the driver answers before.
pub(crate) async fn whole(browser: &Client, condition: &str) {
    let arrived = format!("return {condition} && document.readyState === 'complete'");
    let begun = std::time::Instant::now();
    // While one page gives way to another there is nobody to ask, which the driver tells as an error.
    while !matches!(browser.execute(&arrived, Vec::new()).await, Ok(answer) if answer == true) {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for a page: {condition}");
        crate::house::pause(std::time::Duration::from_millis(20)).await;
    }
}

/// An officer under stress types one line and saves; it is there when the page is opened again.
async fn draft_survives(browser: &Client, base: &str) {
    look(browser, base, "officer-logistics", "/intake", "intake").await;
    browser.goto(&format!("{base}/intake/new?lang=en")).await.unwrap();
    whole(browser, "location.pathname === '/intake/new'").await;
    let outline = browser.find(Locator::Css("textarea[name='outline']")).await.unwrap();
    outline.send_keys("typed in a hurry").await.unwrap();
    let save = browser.find(Locator::Css("button[name='go'][value='save']")).await.unwrap();
    browser.execute("window.pressed = true", Vec::new()).await.unwrap();
    save.click().await.unwrap();
    whole(browser, "window.pressed !== true").await;
    browser.goto(&format!("{base}/intake?lang=en")).await.unwrap();
    whole(browser, "location.pathname === '/intake'").await;
    let draft = browser.find(Locator::Css("main a[href*='/intake/drafts/']")).await.unwrap();
    browser.execute("window.pressed = true", Vec::new()).await.unwrap();
    draft.click().await.unwrap();
    whole(browser, "window.pressed !== true").await;
    let kept = browser.find(Locator::Css("textarea[name='outline']")).await.unwrap();
    assert_eq!(kept.prop("value").await.unwrap().as_deref(), Some("typed in a hurry"));
}
