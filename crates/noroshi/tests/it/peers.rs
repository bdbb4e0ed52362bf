//! Reading from and handing to other TAXII servers: our own, and foreign ones where they are installed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use noroshi::config::{Config, Peer};
use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::house::{Someone, TestHouse, ask, pause};

/// Looks at a state that a job must bring about.
const LOOKS: usize = 2_400;

/// A house that gives: a partner with a collection, and objects released to it.
pub(crate) struct Giver {
    pub(crate) test: TestHouse,
    pub(crate) legal: Someone,
    pub(crate) ally: Someone,
    pub(crate) collection: String,
}

pub(crate) fn malware(number: usize) -> String {
    format!(
        r#"{{"type":"malware","spec_version":"2.1","id":"malware--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"m{number}","is_family":true, "x_kept":1.0}}"#
    )
}

pub(crate) fn id_of(number: usize) -> String {
    format!("malware--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}")
}

impl Giver {
    pub(crate) async fn open() -> Self {
        Self::open_with(tempfile::tempdir().unwrap(), TestHouse::config()).await
    }

    pub(crate) async fn open_with(dir: tempfile::TempDir, config: Config) -> Self {
        let test = TestHouse::open_with(dir, config).await;
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let org = test.org("Allied CERT (fictional)", "partner", None).await;
        let ally = test.person("ally", &org, Hat::PartnerForeign).await;
        let mut giver = Self { test, legal, ally, collection: String::new() };
        let until = giver.test.house.clock.now() + SignedDuration::from_hours(24);
        let finding = json!({ "scope": "CIA-P", "valid_until": until.to_string() });
        giver.post(&format!("/partners/{}/findings", org.org), finding).await;
        let opened =
            giver.post("/collections", json!({ "partner": org.org, "title": "Lantern" })).await;
        opened["id"].as_str().unwrap().clone_into(&mut giver.collection);
        giver
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let url = self.test.url(&format!("/api/v1{path}"));
        let (status, answer) = ask("POST", url, &self.legal.token, Some(body)).await;
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    /// Holds and releases `malware` objects of these numbers.
    pub(crate) async fn release(&self, numbers: std::ops::Range<usize>) {
        let texts: Vec<String> = numbers.map(malware).collect();
        self.let_out(&texts).await;
    }

    /// Holds and releases objects, each its own.
    async fn let_out(&self, texts: &[String]) {
        let objects: Vec<NewObject> = texts
            .iter()
            .map(|text| NewObject {
                object: StixObject::parse(text).unwrap(),
                tlp: Tlp::Green,
                class: LegalClass::CiaN,
                originator: "allied-cert".to_owned(),
                source: "import:test".to_owned(),
            })
            .collect();
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.legal.ctx.now);
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
        let ids: Vec<&str> = objects.iter().map(|one| one.object.id().as_str()).collect();
        let wish = json!({ "collection": self.collection, "objects": ids });
        let (status, done) = super::house::release(&self.test, &self.legal.token, wish).await;
        assert_eq!(status, 201, "{done}");
    }
}

/// A house that takes.
pub(crate) struct Taker {
    pub(crate) test: TestHouse,
    pub(crate) analyst: Someone,
    pub(crate) org: String,
}

impl Taker {
    pub(crate) async fn open(mut peer: Peer, secret: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("peer.secret");
        std::fs::write(&file, secret).unwrap();
        peer.secret_file = Some(file);
        let config = Config { peers: vec![peer], ..TestHouse::config() };
        let test = TestHouse::open_with(dir, config).await;
        let office = test.org("Office (fictional)", "office", None).await;
        let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
        let org = test.org("Neighbour (fictional)", "partner", None).await.org.to_string();
        Self { test, analyst, org }
    }

    pub(crate) async fn call(
        &self,
        method: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = self.test.url(&format!("/api/v1{path}"));
        ask(method, url, &self.analyst.token, body).await
    }

    pub(crate) async fn start(&self) {
        let wish = json!({ "direction": "pull", "org": self.org, "tlp": "green" });
        let (status, answer) = self.call("POST", "/peers/lantern/start", Some(wish)).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Waits for what a job must bring about.
    pub(crate) async fn until(&self, what: &str, reached: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..LOOKS {
            let (status, answer) = self.call("GET", "/peers", None).await;
            assert_eq!(status, 200, "{answer}");
            let peer = answer["items"][0].clone();
            if reached(&peer) {
                return peer;
            }
            pause(Duration::from_millis(50)).await;
        }
        panic!("never {what}: {}", self.call("GET", "/peers", None).await.1);
    }

    pub(crate) async fn holds(&self, number: usize) -> bool {
        let (status, answer) =
            self.call("GET", &format!("/evidence/objects/{}", id_of(number)), None).await;
        assert!(status == 200 || status == 404, "{answer}");
        status == 200
    }
}

pub(crate) fn peer(url: String) -> Peer {
    Peer {
        name: "lantern".to_owned(),
        url,
        collection: None,
        types: Vec::new(),
        user: None,
        secret_file: None,
        ca_file: None,
        certificate_file: None,
        key_file: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_a_peer_has_comes_once_and_what_comes_later_too() {
    let giver = Giver::open().await;
    giver.release(0..2_300).await;
    let url = giver.test.url(&format!("/taxii2/root/collections/{}/", giver.collection));
    let taker = Taker::open(peer(url), &giver.ally.token).await;
    taker.start().await;
    let current = taker.until("current", |peer| peer["health"] == "current").await;
    assert_eq!(current["taken"], 2_300, "{current}");
    assert_eq!(current["aside"], 0, "{current}");
    assert!(taker.holds(0).await && taker.holds(2_299).await);
    giver.release(2_300..2_310).await;
    let (status, _) = taker.call("POST", "/peers/lantern/wake", None).await;
    assert_eq!(status, 200);
    let more = taker.until("more", |peer| peer["taken"] == 2_310).await;
    // What was asked for again was recognised, not brought in twice.
    assert!(more["known"].as_u64().unwrap() <= 2, "{more}");
    assert!(taker.holds(2_309).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_walk_loses_nothing() {
    let giver = Giver::open().await;
    giver.release(0..3_500).await;
    let url = giver.test.url("/taxii2/");
    let taker = Taker::open(peer(url), &giver.ally.token).await;
    taker.start().await;
    taker.until("a first page", |peer| peer["taken"].as_u64() >= Some(1)).await;
    let Taker { test, analyst, org } = taker;
    let TestHouse { house, serving, dir } = test;
    let config = house.config.clone();
    serving.stop().await;
    drop(house);
    // The writer lets go of the folder a moment after the house is dropped.
    let test = loop {
        match noroshi::house::House::open(dir.path(), config.clone(), false) {
            Ok(house) => {
                let serving = noroshi::house::Serving::start(Arc::clone(&house)).await.unwrap();
                break TestHouse { house, serving, dir };
            }
            Err(_) => pause(Duration::from_millis(20)).await,
        }
    };
    let taker = Taker { test, analyst, org };
    let current = taker.until("current", |peer| peer["health"] == "current").await;
    assert_eq!(current["taken"].as_u64().unwrap(), 3_500, "{current}");
    for number in (0..3_500).step_by(499) {
        assert!(taker.holds(number).await, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_refuses_is_shown_with_its_reason_and_asked_less_often() {
    let giver = Giver::open().await;
    let url = giver.test.url("/taxii2/");
    let taker = Taker::open(peer(url), "not-the-secret").await;
    taker.start().await;
    let failing = taker.until("failing", |peer| peer["health"] == "failing").await;
    assert_eq!(failing["error_code"], "NRS-SHAR-0402", "{failing}");
    assert_eq!(failing["failures"], 1);
    assert!(failing["due_at"].as_str().unwrap() > failing["tried_at"].as_str().unwrap());
    let (status, _) = taker.call("POST", "/peers/lantern/pause", None).await;
    assert_eq!(status, 200);
    let (status, answer) = taker.call("POST", "/peers/lantern/wake", None).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("NRS-SHAR-0416")));
    let (status, answer) = taker.call("POST", "/peers/nobody/pause", None).await;
    assert_eq!((status, answer["code"].as_str()), (404, Some("NRS-SHAR-0415")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_take_in_switches_nothing_on() {
    let taker = Taker::open(peer("http://127.0.0.1:9/".to_owned()), "x").await;
    let office = taker.test.org("Second office (fictional)", "office", None).await;
    for hat in [Hat::NcoAnalyst, Hat::PartnerForeign, Hat::Administrator, Hat::Legal] {
        let other = taker.test.person(hat.id(), &office, hat).await;
        let wish = json!({ "direction": "pull", "org": taker.org });
        let url = taker.test.url("/api/v1/peers/lantern/start");
        let (status, answer) = ask("POST", url, &other.token, Some(wish)).await;
        assert_eq!(status, 403, "{hat}: {answer}");
    }
    let wish = json!({ "direction": "sideways", "org": "org-x", "class": "CIA", "minutes": 0 });
    let (status, answer) = taker.call("POST", "/peers/lantern/start", Some(wish)).await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(answer["items"].as_array().unwrap().len(), 4, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_comes_and_not_only_the_newest_of_each_walk() {
    let giver = Giver::open().await;
    let later = malware(0).replace(r#""modified":"2026-01-01"#, r#""modified":"2026-02-01"#);
    giver.let_out(&[malware(0)]).await;
    giver.let_out(&[later]).await;
    let url = giver.test.url(&format!("/taxii2/root/collections/{}/", giver.collection));
    let taker = Taker::open(peer(url), &giver.ally.token).await;
    taker.start().await;
    let current = taker.until("current", |peer| peer["health"] == "current").await;
    assert_eq!(current["taken"], 2, "{current}");
}

/// A house that lets its neighbour write into a collection.
async fn writable() -> (Giver, String) {
    let giver = Giver::open().await;
    let url = giver.test.url(&format!("/api/v1/collections/{}/taxii", giver.collection));
    let (status, answer) =
        ask("PUT", url, &giver.legal.token, Some(json!({ "can_write": true }))).await;
    assert!(matches!(status, 200..=204), "{answer}");
    let url = giver.test.url(&format!("/taxii2/root/collections/{}/", giver.collection));
    (giver, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_released_to_a_neighbour_is_handed_to_its_server() {
    let (receiving, url) = writable().await;
    let mut peer = peer(url);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("peer.secret");
    std::fs::write(&file, &receiving.ally.token).unwrap();
    peer.secret_file = Some(file);
    let config = Config { peers: vec![peer], ..TestHouse::config() };
    let giver = Giver::open_with(dir, config).await;
    giver.release(0..700).await;
    let wish = json!({ "direction": "push", "org": giver.ally.ctx.org });
    let url = giver.test.url("/api/v1/peers/lantern/start");
    let (status, answer) = ask("POST", url, &giver.legal.token, Some(wish)).await;
    assert_eq!(status, 200, "{answer}");
    let mut last = Value::Null;
    for _ in 0..LOOKS {
        let (_, answer) =
            ask("GET", giver.test.url("/api/v1/peers"), &giver.legal.token, None).await;
        last = answer["items"][0].clone();
        if last["taken"] == 700 {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    assert_eq!(last["taken"], 700, "{last}");
    assert_eq!(last["aside"], 0, "{last}");
    // What was handed over is recorded as handed over, so that a recall finds it.
    let recorded = giver
        .test
        .house
        .store
        .read(|reader| {
            reader.number(
                "SELECT count(*) FROM share_delivery WHERE via = $1",
                &[noroshi::office::store::Value::from("stream")],
            )
        })
        .await
        .unwrap();
    assert!(recorded >= 2, "{recorded}");
}

/// Hands what was released to the ally to `peer`, whose secret is `secret`.
pub(crate) async fn pusher(mut peer: Peer, secret: &str) -> Giver {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("peer.secret");
    std::fs::write(&file, secret).unwrap();
    peer.secret_file = Some(file);
    let config = Config { peers: vec![peer], ..TestHouse::config() };
    Giver::open_with(dir, config).await
}

impl Giver {
    pub(crate) async fn start_push(&self) {
        let wish = json!({ "direction": "push", "org": self.ally.ctx.org });
        let url = self.test.url("/api/v1/peers/lantern/start");
        let (status, answer) = ask("POST", url, &self.legal.token, Some(wish)).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn until(&self, what: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..LOOKS {
            let url = self.test.url("/api/v1/peers");
            last = ask("GET", url, &self.legal.token, None).await.1["items"][0].clone();
            if reached(&last) {
                return last;
            }
            pause(Duration::from_millis(50)).await;
        }
        panic!("never {what}: {last}");
    }

    async fn call(&self, what: &str) -> (u16, Value) {
        let url = self.test.url(&format!("/api/v1/peers/lantern/{what}"));
        ask("POST", url, &self.legal.token, None).await
    }

    async fn wake(&self) {
        let (status, answer) = self.call("wake").await;
        assert_eq!(status, 200, "{answer}");
    }
}

/// A TAXII server of a test: what it is asked, it answers with status, headers and text.
type Answering = dyn Fn(&str, &str, &[u8]) -> (u16, String, String) + Send + Sync;

fn serve(answering: Arc<Answering>) -> String {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut length) = (String::new(), 0_usize);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim_end().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let mut words = first.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let (status, headers, text) = answering(method, target, &body);
            write!(
                stream,
                "HTTP/1.1 {status} x\r\nContent-Type: application/taxii+json;version=2.1\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            )
            .unwrap();
        }
    });
    url
}

/// The value of one field of a query.
fn asked_for(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    Some(pair.replace("%3A", ":").replace("%3a", ":"))
}

fn date(number: usize) -> String {
    format!("2026-02-01T00:{:02}:{:02}.000000Z", number / 60, number % 60)
}

/// A collection of numbered objects of which one cannot be read, nor any page with it. `next` or only dates lead on.
fn broken_at(bad: usize, count: usize, has_next: bool) -> Arc<Answering> {
    Arc::new(move |_, target, _| {
        let path = target.split('?').next().unwrap();
        if path == "/c/" {
            let text = r#"{"id":"c","title":"c","can_read":true,"can_write":false}"#;
            return (200, String::new(), text.to_owned());
        }
        let text_of = |number: usize| {
            if number == bad {
                "{\"type\": \"malware\" \"broken\"}".to_owned()
            } else {
                malware(number)
            }
        };
        if let Some(id) = path.strip_prefix("/c/objects/").map(|id| id.trim_end_matches('/'))
            && !id.is_empty()
        {
            let number = (0..count).find(|number| id_of(*number) == id).unwrap();
            let text = format!(r#"{{"more":false,"objects":[{}]}}"#, text_of(number));
            return (200, String::new(), text);
        }
        let after = asked_for(target, "added_after");
        let next = asked_for(target, "next").map(|next| next.parse::<usize>().unwrap());
        let first = next.unwrap_or_else(|| {
            (0..count)
                .find(|n| after.as_ref().is_none_or(|after| date(*n) > *after))
                .unwrap_or(count)
        });
        let limit: usize = asked_for(target, "limit").unwrap().parse().unwrap();
        let last = (first + limit.min(40)).min(count);
        let more = last < count;
        if path == "/c/manifest/" {
            let entry = |n: usize| json!({ "id": id_of(n), "date_added": date(n), "version": "2026-01-01T00:00:00.000Z" });
            let entries: Vec<Value> = (first..last).map(entry).collect();
            return (200, String::new(), json!({ "more": more, "objects": entries }).to_string());
        }
        let objects: Vec<String> = (first..last).map(text_of).collect();
        let next = if more && has_next { format!(r#""next":"{last}","#) } else { String::new() };
        let text = format!(r#"{{"more":{more},{next}"objects":[{}]}}"#, objects.join(","));
        let header = if last > first {
            format!("X-TAXII-Date-Added-Last: {}\r\n", date(last - 1))
        } else {
            String::new()
        };
        (200, header, text)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_that_cannot_be_read_is_put_aside_and_everything_else_comes() {
    for has_next in [true, false] {
        let url = serve(broken_at(77, 150, has_next));
        let taker = Taker::open(peer(format!("{url}/c/")), "x").await;
        taker.start().await;
        let current = taker.until("current", |peer| peer["health"] == "current").await;
        assert_eq!(current["taken"], 149, "next: {has_next}: {current}");
        assert_eq!(current["aside"], 1, "{current}");
        let aside = current["put_aside"].as_array().unwrap();
        assert_eq!(aside.len(), 1, "{current}");
        assert_eq!(aside[0]["id"], id_of(77).as_str(), "{current}");
        assert!(aside[0]["message"].as_str().unwrap().starts_with("NRS-SHAR-0404"), "{current}");
        assert!(taker.holds(76).await && taker.holds(78).await && taker.holds(149).await);
    }
}

/// A collection of numbered objects whose server gives a `next` and heeds it no more than, where `heeds_dates` says so, any
/// date; it counts how often it was asked.
fn deaf(count: usize, heeds_dates: bool, asked: Arc<AtomicUsize>) -> Arc<Answering> {
    Arc::new(move |_, target, _| {
        if target.split('?').next() == Some("/c/") {
            let text = r#"{"id":"c","title":"c","can_read":true,"can_write":false}"#;
            return (200, String::new(), text.to_owned());
        }
        asked.fetch_add(1, Ordering::Relaxed);
        let after = asked_for(target, "added_after").filter(|_| heeds_dates);
        let first = (0..count).find(|n| after.as_ref().is_none_or(|after| date(*n) > *after));
        let first = first.unwrap_or(count);
        let last = (first + 40).min(count);
        let more = last < count;
        let objects: Vec<String> = (first..last).map(malware).collect();
        let text = format!(r#"{{"more":{more},"next":"x","objects":[{}]}}"#, objects.join(","));
        let header = (first..last).next_back().map(date);
        let header = header.map(|date| format!("X-TAXII-Date-Added-Last: {date}\r\n"));
        (200, header.unwrap_or_default(), text)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_heed_next_is_walked_by_dates_or_found_stuck() {
    let asked = Arc::new(AtomicUsize::new(0));
    let url = serve(deaf(150, true, Arc::clone(&asked)));
    let taker = Taker::open(peer(format!("{url}/c/")), "x").await;
    taker.start().await;
    let current = taker.until("current", |peer| peer["health"] == "current").await;
    assert_eq!((&current["taken"], &current["failures"]), (&json!(150), &json!(0)), "{current}");
    assert!(asked.load(Ordering::Relaxed) < 20, "{asked:?}");

    asked.store(0, Ordering::Relaxed);
    let url = serve(deaf(150, false, Arc::clone(&asked)));
    let taker = Taker::open(peer(format!("{url}/c/")), "x").await;
    taker.start().await;
    let failing = taker.until("failing", |peer| peer["health"] == "failing").await;
    assert_eq!(failing["error_code"], "NRS-SHAR-0419", "{failing}");
    assert!(failing["due_at"].as_str().unwrap() > failing["tried_at"].as_str().unwrap());
    assert!(asked.load(Ordering::Relaxed) < 20, "{asked:?}");
}

/// What a server was handed, request by request.
type Handed = Arc<Mutex<Vec<Vec<String>>>>;

/// A server that is handed objects: `refuses` says with which status it refuses a request, by the objects in it.
fn taking(
    handed: &Handed,
    refuses: impl Fn(&[String]) -> Option<u16> + Send + Sync + 'static,
) -> Arc<Answering> {
    let handed = Arc::clone(handed);
    Arc::new(move |method, _, body| {
        if method == "GET" {
            let text = r#"{"id":"c","title":"c","can_read":true,"can_write":true}"#;
            return (200, String::new(), text.to_owned());
        }
        let envelope: Value = serde_json::from_slice(body).unwrap();
        let objects = envelope["objects"].as_array().unwrap();
        let ids: Vec<String> =
            objects.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        if let Some(status) = refuses(&ids) {
            return (status, String::new(), r#"{"title":"not so"}"#.to_owned());
        }
        let count = ids.len();
        handed.lock().unwrap().push(ids);
        let text = json!({ "id": "s", "status": "complete", "total_count": count, "success_count": count,
            "failure_count": 0, "pending_count": 0 });
        (202, String::new(), text.to_string())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_nothing_for_a_while_has_refused_nothing() {
    let (handed, down) = (Handed::default(), Arc::new(AtomicBool::new(true)));
    let is_down = Arc::clone(&down);
    let url = serve(taking(&handed, move |_| is_down.load(Ordering::Relaxed).then_some(413)));
    let giver = pusher(peer(format!("{url}/c/")), "x").await;
    giver.release(0..40).await;
    giver.start_push().await;
    let failing = giver.until("failing", |peer| peer["error_code"] == "NRS-SHAR-0420").await;
    assert_eq!((&failing["aside"], &failing["put_aside"]), (&json!(0), &json!([])), "{failing}");
    assert!(failing["due_at"].as_str().unwrap() > failing["tried_at"].as_str().unwrap());
    // It is asked less and less often.
    giver.wake().await;
    let failing = giver.until("failing again", |peer| peer["failures"] == 2).await;
    assert_eq!(failing["aside"], 0, "{failing}");
    down.store(false, Ordering::Relaxed);
    giver.wake().await;
    let current = giver.until("current", |peer| peer["health"] == "current").await;
    assert_eq!((&current["taken"], &current["aside"]), (&json!(40), &json!(0)), "{current}");
    assert_eq!(current["put_aside"], json!([]));
    let taken: BTreeSet<String> = handed.lock().unwrap().iter().flatten().cloned().collect();
    assert_eq!(taken, (0..40).map(id_of).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_are_refused_for_what_they_are_hold_up_nothing_and_can_be_handed_over_again() {
    let (handed, strict) = (Handed::default(), Arc::new(AtomicBool::new(true)));
    let is_strict = Arc::clone(&strict);
    let url = serve(taking(&handed, move |ids| {
        let bad = ids.iter().any(|id| (0..7).any(|number| *id == id_of(number)));
        (bad && is_strict.load(Ordering::Relaxed)).then_some(422)
    }));
    let giver = pusher(peer(format!("{url}/c/")), "x").await;
    giver.release(0..9).await;
    giver.start_push().await;
    giver.until("failing", |peer| peer["error_code"] == "NRS-SHAR-0420").await;
    giver.wake().await;
    let current = giver.until("current", |peer| peer["health"] == "current").await;
    assert_eq!((&current["taken"], &current["aside"]), (&json!(2), &json!(7)), "{current}");
    assert_eq!(current["put_aside"].as_array().unwrap().len(), 7, "{current}");

    strict.store(false, Ordering::Relaxed);
    let (status, answer) = giver.call("again").await;
    assert_eq!(status, 200, "{answer}");
    let everything: BTreeSet<String> = (0..9).map(id_of).collect();
    let taken = || handed.lock().unwrap().iter().flatten().cloned().collect::<BTreeSet<_>>();
    let last = giver
        .until("handed over", |peer| taken() == everything && peer["health"] == "current")
        .await;
    assert_eq!((&last["aside"], &last["put_aside"]), (&json!(0), &json!([])), "{last}");
    let (status, answer) = giver.call("again").await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("NRS-SHAR-0421")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgets_what_became_of_a_batch_is_handed_it_twice_and_not_for_ever() {
    let handed = Handed::default();
    let kept = Arc::clone(&handed);
    let url = serve(Arc::new(move |method, target, body| {
        if target.starts_with("/c/status/") {
            return (404, String::new(), r#"{"title":"no such status"}"#.to_owned());
        }
        if method == "GET" {
            let text = r#"{"id":"c","title":"c","can_read":true,"can_write":true}"#;
            return (200, String::new(), text.to_owned());
        }
        let envelope: Value = serde_json::from_slice(body).unwrap();
        let objects = envelope["objects"].as_array().unwrap();
        let ids = objects.iter().map(|one| one["id"].as_str().unwrap().to_owned());
        kept.lock().unwrap().push(ids.collect());
        (202, String::new(), r#"{"id":"s","status":"pending","total_count":1}"#.to_owned())
    }));
    let giver = pusher(peer(format!("{url}/c/")), "x").await;
    giver.release(0..3).await;
    giver.start_push().await;
    let failing = giver.until("failing", |peer| peer["health"] == "failing").await;
    assert_eq!(
        (&failing["error_code"], &failing["failures"]),
        (&json!("NRS-SHAR-0403"), &json!(1))
    );
    giver.wake().await;
    giver.until("current", |peer| peer["health"] == "current").await;
    giver.release(3..5).await;
    giver.wake().await;
    giver
        .until("handed over", |peer| {
            handed.lock().unwrap().len() == 3 && peer["health"] == "current"
        })
        .await;
    let wanted = [0..3, 0..3, 3..5].map(|numbers| numbers.map(id_of).collect::<Vec<_>>());
    assert_eq!(*handed.lock().unwrap(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_is_parted_and_what_is_refused_alone_is_put_aside() {
    let taken = Arc::new(Mutex::new(BTreeSet::new()));
    let kept = Arc::clone(&taken);
    let url = serve(Arc::new(move |method, target, body| {
        if method == "GET" {
            assert_eq!(target, "/c/");
            let text = r#"{"id":"c","title":"c","can_read":true,"can_write":true}"#;
            return (200, String::new(), text.to_owned());
        }
        let envelope: Value = serde_json::from_slice(body).unwrap();
        let objects = envelope["objects"].as_array().unwrap();
        if objects.len() > 7 {
            return (413, String::new(), r#"{"title":"too large"}"#.to_owned());
        }
        if objects.iter().any(|one| one["id"] == id_of(13).as_str()) {
            return (422, String::new(), r#"{"title":"not this one"}"#.to_owned());
        }
        let ids = objects.iter().map(|one| one["id"].as_str().unwrap().to_owned());
        kept.lock().unwrap().extend(ids);
        let count = objects.len();
        let text = json!({ "id": "s", "status": "complete", "total_count": count, "success_count": count,
            "failure_count": 0, "pending_count": 0 });
        (202, String::new(), text.to_string())
    }));
    let giver = pusher(peer(format!("{url}/c/")), "x").await;
    giver.release(0..40).await;
    giver.start_push().await;
    let last = giver.until("current", |peer| peer["health"] == "current").await;
    // While it goes on at once it is no way current.
    assert_eq!((last["taken"].as_u64(), last["aside"].as_u64()), (Some(39), Some(1)), "{last}");
    assert_eq!(last["put_aside"][0]["id"], id_of(13).as_str(), "{last}");
    let words = last["put_aside"][0]["message"].as_str().unwrap();
    assert!(words.contains("422") && words.contains("not this one"), "the peer's words: {words}");
    let taken = taken.lock().unwrap();
    assert_eq!(taken.len(), 39);
    assert!(!taken.contains(&id_of(13)) && taken.contains(&id_of(39)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discovery_that_leads_elsewhere_says_what_to_do() {
    let url = serve(Arc::new(|_, _, _| {
        let text = r#"{"title":"t","default":"https://taxii.other.example/root/","api_roots":["https://taxii.other.example/root/"]}"#;
        (200, String::new(), text.to_owned())
    }));
    let taker = Taker::open(peer(format!("{url}/taxii2/")), "x").await;
    taker.start().await;
    let failing = taker.until("failing", |peer| peer["health"] == "failing").await;
    assert_eq!(failing["error_code"], "NRS-SHAR-0407", "{failing}");
    let words = failing["error"].as_str().unwrap();
    assert!(words.contains("https://taxii.other.example/root/"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_a_peer_refused_stays_open() {
    let notes = Arc::new(Mutex::new(0_usize));
    let seen = Arc::clone(&notes);
    let url = serve(Arc::new(move |method, _, body| {
        if method == "GET" {
            let text = r#"{"id":"c","title":"c","can_read":true,"can_write":true}"#;
            return (200, String::new(), text.to_owned());
        }
        let envelope: Value = serde_json::from_slice(body).unwrap();
        let objects = envelope["objects"].as_array().unwrap();
        let count = objects.len();
        // It takes one note, and no other.
        let is_note = |one: &&Value| one["type"] == "note";
        let notes = objects.iter().filter(is_note).count();
        if notes > 0 {
            let mut seen = seen.lock().unwrap();
            if count > 1 || *seen > 0 {
                *seen += usize::from(count == 1);
                return (422, String::new(), r#"{"title":"no notes"}"#.to_owned());
            }
            *seen += 1;
        }
        let text = json!({ "id": "s", "status": "complete", "total_count": count, "success_count": count,
            "failure_count": 0, "pending_count": 0 });
        (202, String::new(), text.to_string())
    }));
    let giver = pusher(peer(format!("{url}/c/")), "x").await;
    giver.release(0..4).await;
    giver.start_push().await;
    giver.until("current", |peer| peer["health"] == "current").await;
    for number in [1, 2] {
        let asked = json!({ "object": id_of(number), "kind": "recall", "reason": "wrong" });
        giver.post("/recalls", asked).await;
    }
    let wake = async || {
        let url = giver.test.url("/api/v1/peers/lantern/wake");
        ask("POST", url, &giver.legal.token, None).await
    };
    wake().await;
    giver.until("refused one note", |peer| peer["aside"] == 1 && peer["health"] == "current").await;
    let states = async || {
        let url = giver.test.url("/api/v1/recalls");
        let (_, answer) = ask("GET", url, &giver.legal.token, None).await;
        let items = answer["items"].as_array().unwrap().clone();
        items.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["delivered", "pending"]);
    // Asked again, when there is nothing to hand over, it has taken nothing more.
    let before = giver.until("is there", |_| true).await["tried_at"].clone();
    wake().await;
    giver
        .until("asked again", |peer| peer["tried_at"] != before && peer["health"] == "current")
        .await;
    assert_eq!(states().await, ["delivered", "pending"]);
}
