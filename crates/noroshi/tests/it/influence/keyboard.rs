//! From a file to an evidence pack with nothing but keys: a real browser, no pointer. What cannot be reached by Tab, or shows
//! no focus when it is reached, fails.

use std::path::Path;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::{Pillar, commands, planted};
use crate::evidence_pages::Browser;
use crate::house::pause;
use crate::story::{Driver, browser_is_here};

/// Whatever takes longer has failed.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
/// Steps of Tab after which a thing counts as out of reach.
const STEPS_MAX: usize = 400;

struct Keys {
    client: Client,
    base: String,
}

impl Keys {
    async fn open(driver: &Driver, dir: &Path, base: &str, cookie: &str) -> Self {
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--window-size=1280,1000".to_owned(),
            format!("--user-data-dir={}", dir.join("profile").display()),
        ];
        let wanted = json!({
            "goog:chromeOptions": {
                "args": arguments, "binary": "/usr/bin/chromium",
                "prefs": { "download.default_directory": dir.join("taken"), "download.prompt_for_download": false },
            },
        });
        let Value::Object(wanted) = wanted else { unreachable!() };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .unwrap();
        let keys = Self { client, base: base.to_owned() };
        keys.client.goto(&format!("{base}/login?lang=en")).await.unwrap();
        keys.script(&format!("document.cookie = {}", json!(format!("{cookie}; path=/")))).await;
        keys
    }

    async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// An address, typed.
    async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
        self.arrived(&path.split(['?', '#']).next().unwrap().replace('\'', "")).await;
    }

    /// Waits until a page whose path begins like this has been read whole.
    async fn arrived(&self, path: &str) {
        let script = format!(
            "return location.pathname.startsWith('{path}') && document.readyState === 'complete' && window.left !== true"
        );
        let begun = std::time::Instant::now();
        while !matches!(self.client.execute(&script, Vec::new()).await, Ok(answer) if answer == true)
        {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {path}");
            pause(std::time::Duration::from_millis(30)).await;
        }
    }

    /// Keys, pressed and let go one after the other, wherever the focus is.
    async fn press(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    async fn key(&self, key: Key) {
        self.press(&String::from(char::from(key))).await;
    }

    async fn tab(&self) {
        self.key(Key::Tab).await;
    }

    /// Tabs on until what is focused matches; every stop on the way must be seen to be focused.
    async fn reach(&self, selector: &str) {
        for _ in 0..STEPS_MAX {
            self.tab().await;
            let seen = self
                .script(
                    "const e = document.activeElement; if (!e || e === document.body) return null; \
                     const s = getComputedStyle(e), r = e.getBoundingClientRect(); \
                     const inner = e.querySelector && e.querySelector('rect, circle'); \
                     const ring = s.outlineStyle !== 'none' || s.boxShadow !== 'none' || (inner !== null && e.closest('svg') !== null) \
                     || (e.closest('.search') !== null); \
                     const box = inner ? inner.getBoundingClientRect() : r; \
                     const inside = box.bottom > 0 && box.top < innerHeight; \
                     return [ring, inside || e.type === 'radio' || e.type === 'checkbox', e.outerHTML.slice(0, 160)];",
                )
                .await;
            if let Some(stop) = seen.as_array() {
                assert!(stop[0] == true, "no focus is seen on {}", stop[2]);
                assert!(stop[1] == true, "focus is out of sight on {}", stop[2]);
            }
            let found = self
                .script(&format!("return document.activeElement.matches({})", json!(selector)))
                .await;
            if found == true {
                return;
            }
        }
        panic!("{selector} is out of reach of the keyboard");
    }

    /// Follows what is focused, and waits for the page it leads to.
    async fn enter(&self, path: &str) {
        self.script("window.left = true").await;
        self.key(Key::Enter).await;
        self.arrived(path).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_gets_from_a_file_to_the_evidence_pack_by_keys_alone() {
    if !browser_is_here() {
        return;
    }
    let pillar = Pillar::open().await;
    let collection = pillar.collection(10_000).await;
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("posts.csv");
    std::fs::write(&table, planted(&pillar)).unwrap();
    std::fs::create_dir(dir.path().join("taken")).unwrap();
    let session = Browser::of(&pillar.test, &pillar.analyst).await;
    let driver = tokio::task::spawn_blocking(Driver::start).await.unwrap();
    let base = pillar.test.url("");
    let keys = Keys::open(&driver, dir.path(), &base, &session.cookie).await;

    // The first stop of a page leads past everything that is the same on each.
    keys.go("/influence?lang=en").await;
    keys.tab().await;
    assert_eq!(keys.script("return document.activeElement.className").await, "skip");
    keys.key(Key::Enter).await;
    assert_eq!(keys.script("return document.activeElement.id").await, "main");
    keys.reach(&format!("main a[href='/influence/collections/{collection}']")).await;
    keys.enter("/influence/collections/").await;

    // The file, and how it is read.
    keys.reach("input[type=file]").await;
    // The dialog of the system is not the page's: its answer is given to the field that is focused.
    let field = keys.client.active_element().await.unwrap();
    field.send_keys(table.to_str().unwrap()).await.unwrap();
    keys.reach("form[action$='/import'] button").await;
    keys.enter("/influence/imports/").await;
    keys.reach("button[name=go][value=read]").await;
    keys.enter("/influence/imports/").await;
    wait(&keys, "document.body.innerText.includes('1,800')").await;
    keys.reach("nav.crumbs a[href*='/influence/collections/']").await;
    keys.enter("/influence/collections/").await;
    keys.reach("main a[href$='/runs']").await;
    keys.enter("/influence/collections/").await;

    // The question: the engine is chosen, the links too; only the window is typed.
    keys.reach("nav.chips a[href*='engine=coordination']").await;
    keys.enter("/influence/collections/").await;
    keys.reach("input[name=traces][value=url]").await;
    assert_eq!(keys.script("return document.activeElement.checked").await, true);
    keys.reach("input[name=window]").await;
    keys.press("60").await;
    keys.reach("form[action$='/runs'] .actions button").await;
    keys.enter("/influence/runs/").await;
    wait(&keys, "document.querySelector('main a[href$=\"/pack\"]') !== null").await;

    // The answer: picture, group, why, and the pack.
    keys.reach("svg.graph a").await;
    keys.reach("td a[href*='/groups/']").await;
    keys.enter("/influence/runs/").await;
    keys.reach("main details.more > summary").await;
    keys.key(Key::Enter).await;
    assert_eq!(keys.script("return document.activeElement.parentElement.open").await, true);
    keys.reach("nav.crumbs li:last-child a").await;
    keys.enter("/influence/runs/").await;
    keys.reach("main a[href$='/pack']").await;
    keys.key(Key::Enter).await;
    let begun = std::time::Instant::now();
    let pack = loop {
        let found = std::fs::read_dir(dir.path().join("taken")).unwrap().find_map(|entry| {
            let path = entry.unwrap().path();
            (path.extension().is_some_and(|end| end == "tar")).then_some(path)
        });
        if let Some(path) = found {
            break std::fs::read(path).unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "no pack came down");
        pause(std::time::Duration::from_millis(50)).await;
    };
    assert!(pack.windows(12).any(|part| part == b"finding.json"));
    assert!(commands(&pillar).await.iter().any(|one| one == "influence.run.pack"));
    keys.client.close().await.unwrap();
    tokio::task::spawn_blocking(move || drop(driver)).await.unwrap();
}

/// Asks for the same page again until something holds.
async fn wait(keys: &Keys, condition: &str) {
    let begun = std::time::Instant::now();
    while keys.script(&format!("return {condition}")).await != true {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {condition}");
        pause(std::time::Duration::from_millis(100)).await;
        keys.client.refresh().await.unwrap();
    }
}
