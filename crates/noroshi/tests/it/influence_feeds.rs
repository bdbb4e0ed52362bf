//! Feeds that a collection reads by itself, of a server that answers well, badly and with malice.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::evidence_pages::Browser;
use crate::house::{TestHouse, pause};
use crate::influence::{Pillar, commands, get, made, post, refused, stands_in_clear};

/// What the server says at a path: status, headers, body.
#[derive(Clone, Default)]
struct Said {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A server of feeds on the loopback, and what it was asked.
struct Server {
    port: u16,
    pages: Arc<Mutex<BTreeMap<String, Said>>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (pages, asked) = (Arc::<Mutex<BTreeMap<String, Said>>>::default(), Arc::default());
        let (of, seen) = (Arc::clone(&pages), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &of, &seen);
            }
        });
        Self { port, pages, asked }
    }

    fn say(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.say_with(path, 200, &[], body);
    }

    fn say_with(
        &self,
        path: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let said = Said { status, headers: headers.collect(), body: body.into() };
        self.pages.lock().unwrap().insert(path.to_owned(), said);
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Heads of the questions for a path.
    fn asked(&self, path: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(at, _)| at == path).map(|(_, head)| head.clone()).collect()
    }
}

fn answer(
    mut stream: TcpStream,
    pages: &Mutex<BTreeMap<String, Said>>,
    asked: &Mutex<Vec<(String, String)>>,
) {
    let mut head = String::new();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    while let Ok(count) = lines.read_line(&mut head) {
        if count == 0 || head.ends_with("\r\n\r\n") {
            break;
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let head = head.to_lowercase();
    asked.lock().unwrap().push((path.clone(), head.clone()));
    let said = pages.lock().unwrap().get(&path).cloned();
    let mut said = said.unwrap_or(Said { status: 404, ..Said::default() });
    let tag = said.headers.iter().find(|(name, _)| name == "etag").map(|(_, tag)| tag.clone());
    if tag.is_some_and(|tag| head.contains(&format!("if-none-match: {}", tag.to_lowercase()))) {
        said = Said { status: 304, ..Said::default() };
    }
    let mut out = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", said.status);
    for (name, value) in &said.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str(&format!("content-length: {}\r\n\r\n", said.body.len()));
    drop(stream.write_all(out.as_bytes()));
    drop(stream.write_all(&said.body));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn rss(items: &[(&str, &str, Timestamp)]) -> String {
    let mut text =
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>架空</title>".to_owned();
    for (name, author, at) in items {
        let at = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(at).unwrap();
        text.push_str(&format!(
            "<item><guid>{name}</guid><title>架空の見出し {name}</title><link>/a/{name}?utm_source=rss</link>\
             <author>{author}</author><pubDate>{at}</pubDate></item>"
        ));
    }
    text.push_str("<item><guid>undated</guid><title>いつか</title><link>/a/undated</link></item></channel></rss>");
    text
}

/// A house that may read feeds of the loopback by its number.
async fn pillar() -> Pillar {
    let mut config = TestHouse::config();
    config.influence.allow = vec!["127.0.0.1".to_owned()];
    config.influence.feeds_within = true;
    config.influence.feed_minutes_min = 1;
    Pillar::of(TestHouse::open_with(tempfile::tempdir().unwrap(), config).await).await
}

impl Pillar {
    /// A collection that is open and reads `urls`.
    async fn reading(&self, urls: &[String]) -> String {
        let mut body = self.asked();
        let now = self.test.house.clock.now();
        body["from"] = json!(now - SignedDuration::from_hours(24));
        body["until"] = json!(now + SignedDuration::from_hours(24 * 60));
        body["feeds"] =
            urls.iter().map(|url| json!({ "url": url, "every_minutes": 600 })).collect();
        let id = made(&self.test, &self.analyst, "/influence/collections", body).await;
        let path = format!("/influence/collections/{id}/decision");
        made(&self.test, &self.legal, &path, json!({ "allow": true, "reason": "必要な範囲" }))
            .await;
        id
    }

    /// The feeds of a collection once each was read `times` times, and everything new was taken in.
    async fn read(&self, collection: &str, times: usize) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let (_, found) = get(
                &self.test,
                &self.analyst,
                &format!("/influence/collections/{collection}/feeds"),
            )
            .await;
            let readings = found["readings"].as_array().unwrap();
            let path = format!("/influence/collections/{collection}/imports");
            let (_, imports) = get(&self.test, &self.analyst, &path).await;
            let waits =
                imports["items"].as_array().unwrap().iter().any(|one| one["state"] == "reading");
            let all = found["items"].as_array().unwrap().iter().all(|feed| {
                readings.iter().filter(|one| one["feed"] == feed["id"]).count() >= times
            });
            if all && !waits {
                return found;
            }
            assert!(Instant::now() < until, "{found}");
            pause(Duration::from_millis(20)).await;
        }
    }

    async fn holding(&self, collection: &str) -> Value {
        get(&self.test, &self.analyst, &format!("/influence/collections/{collection}")).await.1["holding"].clone()
    }
}

#[tokio::test]
async fn a_feed_becomes_posts_once_and_is_asked_for_only_what_is_new() {
    let (pillar, server) = (pillar().await, Server::open());
    let now = pillar.test.house.clock.now();
    let hour = SignedDuration::from_hours(1);
    server.say_with(
        "/feed.xml",
        200,
        &[("etag", "\"v1\"")],
        rss(&[("one", "架空 花子", now - hour), ("two", "架空 花子", now - hour * 2)]),
    );
    let id = pillar.reading(&[server.url("/feed.xml")]).await;
    let found = pillar.read(&id, 1).await;
    assert_eq!(found["items"][0]["state"], "ok", "{found}");
    let reading = &found["readings"][0];
    assert_eq!(
        (&reading["outcome"], &reading["kind"], &reading["entries"]),
        (&json!("new"), &json!("rss"), &json!(3))
    );
    let holding = pillar.holding(&id).await;
    assert_eq!(
        (&holding["posts"], &holding["accounts"], &holding["texts"]),
        (&json!(2), &json!(1), &json!(2))
    );
    let import = reading["import"].as_str().unwrap().to_owned();
    let (_, kept) =
        get(&pillar.test, &pillar.analyst, &format!("/influence/imports/{import}")).await;
    assert_eq!(
        kept["taken"]["reasons"],
        json!({ "NRS-INFL-0103": 1 }),
        "what has no time is put aside: {kept}"
    );
    let uploads = pillar.test.dir.path().join("influence/uploads");
    let until = Instant::now() + Duration::from_secs(30);
    while std::fs::read_dir(&uploads).unwrap().count() > 0 {
        assert!(Instant::now() < until, "what was read is still there");
        pause(Duration::from_millis(20)).await;
    }
    for secret in ["架空 花子", "架空の見出し"] {
        let data = pillar.test.dir.path().join("influence");
        assert!(!stands_in_clear(&data, secret), "{secret}");
    }
    // Asked again, the server is told what was seen, and nothing is handed on.
    let feed = found["items"][0]["id"].as_str().unwrap().to_owned();
    let now_path = format!("/influence/feeds/{feed}/pull");
    made(&pillar.test, &pillar.analyst, &now_path, json!({})).await;
    let found = pillar.read(&id, 2).await;
    assert_eq!(found["readings"][0]["outcome"], "same", "{found}");
    let heads = server.asked("/feed.xml");
    assert!(
        heads[1].contains("if-none-match: \"v1\"") && !heads[0].contains("if-none-match"),
        "{heads:?}"
    );
    // Something new: only that is a new post.
    server.say_with(
        "/feed.xml",
        200,
        &[("etag", "\"v2\"")],
        rss(&[("three", "架空 次郎", now - hour), ("one", "架空 花子", now - hour)]),
    );
    made(&pillar.test, &pillar.analyst, &now_path, json!({})).await;
    let found = pillar.read(&id, 3).await;
    assert_eq!(found["readings"][0]["outcome"], "new", "{found}");
    let holding = pillar.holding(&id).await;
    assert_eq!((&holding["posts"], &holding["accounts"]), (&json!(3), &json!(2)), "{holding}");
    let entries = commands(&pillar).await;
    assert_eq!(
        entries.iter().filter(|one| *one == "influence.feed.read").count(),
        3,
        "{entries:?}"
    );
}

/// A feed looks further back than posts are kept: what was deleted is told of again, and does not come in again.
#[tokio::test]
async fn what_was_deleted_does_not_come_back_with_a_feed_that_still_tells_of_it() {
    use noroshi::influence::keep;
    use noroshi::office::jobs::Outcome;
    let (pillar, server) = (pillar().await, Server::open());
    let (test, house) = (&pillar.test, &pillar.test.house);
    let (now, hour) = (house.clock.now(), SignedDuration::from_hours(1));
    let told = [("one", "desk", now - hour), ("two", "desk", now - hour * 2)];
    server.say("/feed.xml", rss(&told));
    let mut body = pillar.asked();
    body["from"] = json!(now - hour * 24);
    body["until"] = json!(now + hour * 24 * 60);
    for days in ["post_days", "text_days", "watch_days"] {
        body[days] = json!(5);
    }
    body["feeds"] = json!([{ "url": server.url("/feed.xml"), "every_minutes": 600 }]);
    let id = made(test, &pillar.analyst, "/influence/collections", body).await;
    let path = format!("/influence/collections/{id}/decision");
    made(test, &pillar.legal, &path, json!({ "allow": true, "reason": "必要な範囲" })).await;
    let found = pillar.read(&id, 1).await;
    assert_eq!(pillar.holding(&id).await["posts"], 2);
    let done = keep::sweep_at(house, &pillar.legal.ctx, &id, now + hour * 24 * 6).await.unwrap();
    let Outcome::Done(ctx, change) = done else { panic!("nothing was done") };
    house.door.commit(&ctx, *change).await.unwrap();
    assert_eq!(pillar.holding(&id).await["posts"], 0);
    // The same entries in a document that has changed.
    let more = [told[0], told[1], ("three", "desk", now - hour)];
    server.say("/feed.xml", rss(&more));
    let feed = found["items"][0]["id"].as_str().unwrap().to_owned();
    made(test, &pillar.analyst, &format!("/influence/feeds/{feed}/pull"), json!({})).await;
    let found = pillar.read(&id, 2).await;
    assert_eq!(found["readings"][0]["entries"], 4, "{found}");
    assert_eq!(pillar.holding(&id).await["posts"], 1, "only what is new");
    let import = found["readings"][0]["import"].as_str().unwrap().to_owned();
    let (_, kept) = get(test, &pillar.analyst, &format!("/influence/imports/{import}")).await;
    assert_eq!(kept["taken"]["reasons"]["NRS-INFL-1008"], 2, "{kept}");
    let (_, found) = get(test, &pillar.analyst, &format!("/influence/collections/{id}")).await;
    assert_eq!(found["taken"], 3, "nor is it counted again: {found}");
}

#[tokio::test]
async fn what_leads_elsewhere_is_too_large_or_is_no_feed_is_told_and_never_followed() {
    let (pillar, server) = (pillar().await, Server::open());
    let now = pillar.test.house.clock.now();
    let good = rss(&[("one", "desk", now - SignedDuration::from_hours(1))]);
    server.say("/good", good.clone());
    let elsewhere = format!("http://localhost:{}/secret", server.port);
    server.say_with("/away", 302, &[("location", elsewhere.as_str())], "");
    server.say_with("/within", 301, &[("location", "/good")], "");
    server.say_with("/round", 301, &[("location", "/round")], "");
    server.say("/secret", good.clone());
    server.say("/bomb", gzip(&vec![b' '; 60 * 1024 * 1024]));
    server.say("/page", "<html><body>hello</body></html>");
    server.say_with("/busy", 503, &[("retry-after", "43200")], "");
    let (before, _) = good.split_once("<item><guid>undated").unwrap();
    server.say("/cut", before.to_owned());
    let day = now.strftime("%Y-%m-%d");
    let pages = format!("<urlset><url><loc>/p</loc><lastmod>{day}</lastmod></url></urlset>");
    server.say("/s.xml.gz", gzip(pages.as_bytes()));
    server.say(
        "/index",
        format!(
            "<sitemapindex><sitemap><loc>{}</loc></sitemap><sitemap><loc>{elsewhere}</loc></sitemap></sitemapindex>",
            server.url("/s.xml.gz")
        ),
    );
    let paths =
        ["/away", "/within", "/round", "/bomb", "/page", "/busy", "/cut", "/index", "/gone"];
    let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let id = pillar.reading(&urls).await;
    let found = pillar.read(&id, 1).await;
    let of = |path: &str| {
        let feed = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["url"] == server.url(path))
            .unwrap();
        let reading = found["readings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["feed"] == feed["id"])
            .unwrap();
        (feed.clone(), reading.clone())
    };
    for (path, outcome, code) in [
        ("/away", "failed", json!("NRS-INFL-1303")),
        ("/within", "new", Value::Null),
        ("/round", "failed", json!("NRS-INFL-1303")),
        ("/bomb", "failed", json!("NRS-INFL-1305")),
        ("/page", "failed", json!("NRS-INFL-1306")),
        ("/busy", "failed", json!("NRS-INFL-1302")),
        ("/cut", "new", json!("NRS-INFL-1308")),
        ("/index", "new", json!("NRS-INFL-1303")),
        ("/gone", "failed", json!("NRS-INFL-1302")),
    ] {
        let (_, reading) = of(path);
        assert_eq!(
            (&reading["outcome"], &reading["code"]),
            (&json!(outcome), &code),
            "{path}: {reading}"
        );
    }
    assert!(server.asked("/secret").is_empty(), "what leads elsewhere was followed");
    assert_eq!(of("/index").1["documents"], 2);
    // The server asked for half a day; its word counts more than the interval.
    let due: Timestamp = of("/busy").0["due_at"].as_str().unwrap().parse().unwrap();
    assert!(due > now + SignedDuration::from_hours(11), "{due}");
    // Failures stand on the collection's page, in words.
    let browser = Browser::of(&pillar.test, &pillar.analyst).await;
    let (status, page) = browser.get(&format!("/influence/collections/{id}")).await;
    assert!(
        status == 200 && page.contains("NRS-INFL-1303") && page.contains("It was not followed"),
        "{page}"
    );
    let (status, page) = browser.get(&format!("/influence/collections/{id}/feeds")).await;
    assert!(
        status == 200
            && page.contains("The server answered 503")
            && page.contains("index of sitemaps"),
        "{page}"
    );
    let entries = commands(&pillar).await;
    let failed = entries.iter().filter(|one| *one == "influence.feed.fail").count();
    assert_eq!(failed, 6, "each failure is a leaf: {entries:?}");
}

#[tokio::test]
async fn a_feed_is_of_an_allowed_host_and_allowed_by_another_person() {
    let (pillar, server) = (pillar().await, Server::open());
    let now = pillar.test.house.clock.now();
    server.say("/feed", rss(&[("one", "desk", now - SignedDuration::from_hours(1))]));
    let id = pillar.reading(&[]).await;
    let path = format!("/influence/collections/{id}/feeds");
    let named = |url: &str, every: u32| json!({ "url": url, "every_minutes": every });
    for (body, code) in [
        (named("http://other.example/feed", 60), "NRS-INFL-0215"),
        (named(&format!("http://localhost:{}/feed", server.port), 60), "NRS-INFL-0215"),
        (named("file:///etc/passwd", 60), "NRS-INFL-1311"),
        (named(&format!("http://a@127.0.0.1:{}/feed", server.port), 60), "NRS-INFL-1311"),
        (named(&server.url("/feed"), 0), "NRS-INFL-0217"),
        (named(&server.url("/feed"), 20_000), "NRS-INFL-0217"),
    ] {
        refused(&pillar.test, &pillar.analyst, &path, body, code).await;
    }
    let (status, _) =
        post(&pillar.test, &pillar.minister, &path, named(&server.url("/feed"), 60)).await;
    assert_eq!(status, 403);
    let feed = made(&pillar.test, &pillar.analyst, &path, named(&server.url("/feed"), 60)).await;
    refused(&pillar.test, &pillar.analyst, &path, named(&server.url("/feed"), 60), "NRS-INFL-1312")
        .await;
    refused(
        &pillar.test,
        &pillar.analyst,
        &format!("/influence/feeds/{feed}/pull"),
        json!({}),
        "NRS-INFL-1313",
    )
    .await;
    let decision = format!("/influence/feeds/{feed}/decision");
    let yes = json!({ "allow": true, "reason": "必要" });
    let (status, _) = post(&pillar.test, &pillar.analyst, &decision, yes.clone()).await;
    assert_eq!(status, 403, "who names it does not allow it");
    assert!(server.asked("/feed").is_empty(), "nothing is asked for before it is allowed");
    // By the pages: the legal hat reads and allows, the analyst ends it.
    let legal = Browser::of(&pillar.test, &pillar.legal).await;
    let (_, page) = legal.get(&format!("/influence/collections/{id}/feeds")).await;
    assert!(page.contains("waits for a decision") && page.contains("name=\"allow\""), "{page}");
    let said = [("allow", "yes"), ("reason", "必要")];
    let (status, _, page) = legal.post(&format!("/influence/feeds/{feed}/decision"), &said).await;
    assert_eq!(status, 303, "{page}");
    pillar.read(&id, 1).await;
    assert_eq!(pillar.holding(&id).await["posts"], 1);
    let analyst = Browser::of(&pillar.test, &pillar.analyst).await;
    let wrong = [("url", "http://other.example/feed"), ("every_minutes", "60")];
    let (status, _, page) =
        analyst.post(&format!("/influence/collections/{id}/feeds"), &wrong).await;
    assert!(
        status == 422 && page.contains("NRS-INFL-0215") && page.contains("other.example"),
        "{page}"
    );
    let (status, _, page) =
        analyst.post(&format!("/influence/feeds/{feed}/end"), &[("reason", "不要")]).await;
    assert_eq!(status, 303, "{page}");
    refused(
        &pillar.test,
        &pillar.analyst,
        &format!("/influence/feeds/{feed}/pull"),
        json!({}),
        "NRS-INFL-1313",
    )
    .await;
}

#[tokio::test]
async fn a_name_that_leads_within_is_not_asked_and_an_entry_of_the_list_can_go() {
    let server = Server::open();
    server.say("/feed", rss(&[]));
    let mut config = TestHouse::config();
    config.influence.allow = vec!["localhost".to_owned()];
    config.influence.feed_minutes_min = 1;
    let dir = tempfile::tempdir().unwrap();
    let pillar = Pillar::of(TestHouse::open_with(dir, config).await).await;
    let id = pillar.reading(&[format!("https://localhost:{}/feed", server.port)]).await;
    let found = pillar.read(&id, 1).await;
    assert_eq!(found["readings"][0]["code"], "NRS-INFL-1304", "{found}");
    assert!(server.asked("/feed").is_empty());
    let path = format!("/influence/collections/{id}/feeds");
    let plain =
        json!({ "url": format!("http://localhost:{}/feed", server.port), "every_minutes": 60 });
    refused(&pillar.test, &pillar.analyst, &path, plain, "NRS-INFL-0216").await;
    let entries = commands(&pillar).await;
    assert!(entries.iter().any(|one| one == "influence.feed.fail"), "{entries:?}");
}
