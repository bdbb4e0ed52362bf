//! The analyst's pages of evidence over HTTP: lists, many values at once, one object, the desk, bringing in.

use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use crate::evidence::{bundle, import, indicator};
use crate::house::{Someone, TestHouse, ask};

const CREATED: &str = "2026-11-01T00:00:00.000Z";
const NAMED: &str = "indicator--1b6ea7d9-2b0f-4f55-8f0a-000000000001";

/// A browser with a session.
pub(crate) struct Browser {
    origin: String,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    pub(crate) async fn of(test: &TestHouse, who: &Someone) -> Self {
        use noroshi::office::people;
        let house = &test.house;
        let (person, hat) = (who.ctx.person.clone(), who.ctx.hat);
        let hats = house.store.read(move |reader| people::hats_of(reader, &person)).await.unwrap();
        let held = hats.into_iter().find(|held| held.hat == hat).unwrap();
        let (change, secret) = people::open_session(&who.ctx.person, &held, house.clock.now(), 1);
        house.door.commit(&who.ctx, change).await.unwrap();
        let (found, now) = (secret.reveal().to_owned(), house.clock.now());
        let session =
            house.store.read(move |reader| people::find_session(reader, &found, now)).await;
        let csrf = session.unwrap().unwrap().csrf;
        Self { origin: test.url(""), cookie: format!("noroshi_session={}", secret.reveal()), csrf }
    }

    pub(crate) async fn send(
        &self,
        path: &str,
        body: Option<(String, Vec<u8>)>,
    ) -> (u16, String, String) {
        let (url, cookie) = (format!("{}{path}", self.origin), self.cookie.clone());
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .build()
                .into();
            let answer = match body {
                None => agent.get(&url).header("cookie", &cookie).call(),
                Some((kind, body)) => agent
                    .post(&url)
                    .header("cookie", &cookie)
                    .header("content-type", kind)
                    .send(body.as_slice()),
            };
            let mut answer = answer.unwrap();
            let to = answer.headers().get("location").map_or("", |to| to.to_str().unwrap());
            let to = to.to_owned();
            (answer.status().as_u16(), to, answer.body_mut().read_to_string().unwrap())
        })
        .await
        .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let path = format!("{path}{}lang=en", if path.contains('?') { "&" } else { "?" });
        let (status, _, page) = self.send(&path, None).await;
        (status, page)
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let all = fields.iter().copied().chain([("csrf", self.csrf.as_str())]);
        let body: Vec<String> = all
            .map(|(name, value)| format!("{name}={}", noroshi::web::visitor::percent(value)))
            .collect();
        let kind = "application/x-www-form-urlencoded".to_owned();
        self.send(&format!("{path}?lang=en"), Some((kind, body.join("&").into_bytes()))).await
    }

    /// A form with a file, as a browser sends it.
    pub(crate) async fn upload(
        &self,
        path: &str,
        csrf: &str,
        fields: &[(&str, &str)],
        file: &[u8],
    ) -> (u16, String) {
        let mut body = Vec::new();
        for (name, value) in [("csrf", csrf)].iter().chain(fields) {
            let part = format!(
                "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(
            b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n",
        );
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        let kind = "multipart/form-data; boundary=edge".to_owned();
        let (status, _, page) = self.send(&format!("{path}?lang=en"), Some((kind, body))).await;
        (status, page)
    }
}

struct Cast {
    test: TestHouse,
    analyst: Someone,
    nco: Someone,
}

async fn cast() -> Cast {
    let test = TestHouse::open().await;
    let office = test.org("office", "office", None).await;
    let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
    let nco = test.person("nco", &office, Hat::NcoAnalyst).await;
    Cast { test, analyst, nco }
}

async fn api(test: &TestHouse, who: &Someone, path: &str, body: Option<Value>) -> (u16, Value) {
    let method = if body.is_some() { "POST" } else { "GET" };
    ask(method, test.url(&format!("/api/v1{path}")), &who.token, body).await
}

/// Something that stems from a statutory report, put into the graph as a report puts it there.
async fn from_report(cast: &Cast, object: &Value) {
    let new = NewObject {
        object: StixObject::parse(&object.to_string()).unwrap(),
        tlp: Tlp::Amber,
        class: LegalClass::CiaN,
        originator: "org-operator".to_owned(),
        source: "intake:report-1".to_owned(),
    };
    let mut change = Change::office("test.report", "report-1");
    change.writes = rows::insert_objects(&[new], cast.test.house.clock.now());
    cast.test.house.door.commit(&cast.analyst.ctx, change).await.unwrap();
}

fn malware(number: u32, name: &str) -> Value {
    json!({
        "type": "malware", "spec_version": "2.1", "id": format!("malware--1b6ea7d9-2b0f-4f55-8f0a-{number:012}"),
        "created": CREATED, "modified": CREATED, "name": name, "is_family": true,
    })
}

fn relation(number: u32, from: &str, to: &str) -> Value {
    json!({
        "type": "relationship", "spec_version": "2.1",
        "id": format!("relationship--1b6ea7d9-2b0f-4f55-8f0a-{number:012}"),
        "created": CREATED, "modified": CREATED, "relationship_type": "indicates", "source_ref": from, "target_ref": to,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_mended_and_what_arrived_stays_on_record() {
    let cast = cast().await;
    let mut bad = indicator(1, "[ipv4-addr:value = '203.0.113.4']", CREATED);
    bad["created"] = json!("2026-02-31T00:00:00Z");
    let done = import(&cast.test, &cast.analyst, bundle(&[bad.clone(), json!(7)])).await;
    assert_eq!(done["quarantined"].as_array().unwrap().len(), 2, "{done}");
    let (_, listed) = api(&cast.test, &cast.analyst, "/evidence/asides", None).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    let entry = listed["items"].as_array().unwrap().iter().find(|one| one["id"] == NAMED).unwrap();
    let number = entry["entry"].as_u64().unwrap();
    let path = format!("/evidence/asides/{number}");
    let (_, one) = api(&cast.test, &cast.analyst, &path, None).await;
    assert_eq!(one["text"].as_str().unwrap(), bad.to_string(), "{one}");
    assert_eq!(one["whole"], true, "{one}");
    let (start, end) = (one["place"][0].as_u64().unwrap(), one["place"][1].as_u64().unwrap());
    let text = one["text"].as_str().unwrap();
    assert_eq!(
        &text[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()],
        "\"created\""
    );

    // Without a class, without a reason, and still wrong: nothing is written.
    let retry = |body: Value| retry(&cast, number, body);
    let (status, said) = retry(json!({ "class": "", "reason": "x" })).await;
    assert_eq!((status, &said["code"]), (422, &json!("NRS-EVID-0506")), "{said}");
    let (status, said) = retry(json!({ "class": "CIA-N", "reason": " " })).await;
    assert_eq!((status, &said["code"]), (422, &json!("NRS-EVID-0500")), "{said}");
    let (status, said) = retry(json!({ "class": "CIA-N", "reason": "as it was" })).await;
    assert_eq!((status, said["id"].is_null()), (200, true), "{said}");
    assert_eq!(said["faults"][0]["code"], "NRS-EVID-0027", "{said}");
    let (_, listed) = api(&cast.test, &cast.analyst, "/evidence/asides", None).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "trying puts nothing aside: {listed}");

    let mut good = bad.clone();
    good["created"] = json!(CREATED);
    let (status, said) =
        retry(json!({ "class": "CIA-P", "reason": "日付の誤記", "text": good.to_string() })).await;
    assert_eq!((status, &said["id"]), (200, &json!(NAMED)), "{said}");
    let (_, held) =
        api(&cast.test, &cast.analyst, &format!("/evidence/objects/{NAMED}"), None).await;
    assert_eq!(held["object"], good, "{held}");
    assert_eq!((&held["class"], &held["originator"]), (&json!("CIA-P"), &json!("allied-cert")));
    let (_, one) = api(&cast.test, &cast.analyst, &path, None).await;
    assert_eq!(one["text"].as_str().unwrap(), bad.to_string(), "what arrived stays: {one}");
    assert_eq!(one["mended"].as_str().unwrap(), good.to_string(), "{one}");
    assert_eq!((&one["state"], &one["decision"]), (&json!("mended"), &json!("日付の誤記")));
    let (status, said) = retry(json!({ "class": "CIA-N", "reason": "again" })).await;
    assert_eq!((status, &said["code"]), (409, &json!("NRS-EVID-0502")), "{said}");

    // Only whoever brings evidence in sees what was put aside.
    let (status, _) = api(&cast.test, &cast.nco, "/evidence/asides", None).await;
    assert_eq!(status, 403);
    let (status, _) = Browser::of(&cast.test, &cast.nco).await.get("/evidence/aside").await;
    assert_eq!(status, 403);
}

/// Tries an entry again.
async fn retry(cast: &Cast, number: u64, body: Value) -> (u16, Value) {
    api(&cast.test, &cast.analyst, &format!("/evidence/asides/{number}/retry"), Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_is_settled_by_a_person_and_overwrites_nothing() {
    let cast = cast().await;
    let held = indicator(1, "[domain-name:value = 'a.lantern.example']", CREATED);
    let url = cast.test.url("/api/v1/evidence/bundles?tlp=red&class=CIA&originator=sensor");
    let (status, said) =
        ask("POST", url, &cast.analyst.token, Some(bundle(std::slice::from_ref(&held)))).await;
    assert_eq!(status, 200, "{said}");
    for name in ["first other", "second other"] {
        let mut other = held.clone();
        other["name"] = json!(name);
        import(&cast.test, &cast.analyst, bundle(&[other])).await;
    }
    let (_, listed) = api(&cast.test, &cast.analyst, "/evidence/asides?kind=conflict", None).await;
    let numbers: Vec<u64> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["entry"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers.len(), 2, "{listed}");

    // The page shows both sides and asks for a reason.
    let browser = Browser::of(&cast.test, &cast.analyst).await;
    let (status, page) = browser.get(&format!("/evidence/aside/{}", numbers[0])).await;
    assert_eq!(status, 200);
    assert!(page.contains("second other") && page.contains("灯籠の指令サーバー 1"), "both sides");
    assert!(page.contains("/name"), "member by member");
    let keep = format!("/evidence/aside/{}", numbers[1]);
    let (status, _, page) = browser.post(&keep, &[("verb", "keep"), ("reason", "")]).await;
    assert_eq!(status, 422);
    assert!(page.contains("NRS-EVID-0500"), "{page}");
    let (status, to, _) =
        browser.post(&keep, &[("verb", "keep"), ("reason", "the publisher was wrong")]).await;
    assert_eq!((status, to.as_str()), (303, keep.as_str()));

    // What is taken is a new version, no wider than the one it follows; the old one is still there.
    let take = format!("/evidence/asides/{}/settle", numbers[0]);
    let body = json!({ "choice": "take", "class": "CIA-N", "tlp": "clear", "reason": "confirmed by telephone" });
    let (status, said) = api(&cast.test, &cast.analyst, &take, Some(body)).await;
    assert_eq!((status, &said["id"]), (200, &json!(NAMED)), "{said}");
    let (_, one) =
        api(&cast.test, &cast.analyst, &format!("/evidence/objects/{NAMED}"), None).await;
    assert_eq!(one["object"]["name"], "second other", "{one}");
    assert_eq!((&one["class"], &one["tlp"]), (&json!("CIA"), &json!("red")), "only tightened");
    assert_eq!(one["versions"].as_array().unwrap().len(), 2, "{one}");
    let (_, page) = browser.get(&format!("/evidence/{NAMED}/history")).await;
    assert!(page.contains("first version") && page.contains("second other"), "{page}");
    assert!(page.contains("/oversight/leaves/") || !page.contains("entry"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_values_are_answered_each_with_its_place_and_only_by_what_the_reader_sees() {
    let cast = cast().await;
    let mut technique = malware(7, "灯籠ローダー");
    technique["external_references"] =
        json!([{ "source_name": "mitre-attack", "external_id": "S9001" }]);
    let sighting = json!({
        "type": "sighting", "spec_version": "2.1", "id": "sighting--1b6ea7d9-2b0f-4f55-8f0a-000000000009",
        "created": CREATED, "modified": CREATED, "sighting_of_ref": NAMED, "first_seen": CREATED, "last_seen": CREATED,
    });
    let known = indicator(1, "[ipv4-addr:value = '203.0.113.77']", CREATED);
    import(&cast.test, &cast.analyst, bundle(&[known, technique, sighting])).await;
    from_report(&cast, &indicator(2, "[domain-name:value = 'secret.lantern.example']", CREATED))
        .await;
    let text = "通信先は203[.]0[.]113[.]77です\nsecret.lantern.example\nS9001\nnowhere.lantern.example\nqqq\n203.0.113.77";
    let answers = |who: &Someone| {
        let who = who.clone();
        let test = &cast.test;
        async move {
            let (status, said) =
                api(test, &who, "/evidence/lookups", Some(json!({ "text": text }))).await;
            assert_eq!(status, 200, "{said}");
            let items = said["items"].as_array().unwrap().clone();
            items
                .iter()
                .map(|one| {
                    (
                        one["value"].as_str().unwrap().to_owned(),
                        one["answer"].as_str().unwrap().to_owned(),
                        one["lines"].clone(),
                    )
                })
                .collect::<Vec<_>>()
        }
    };
    let expected = |report: &str| {
        [
            ("203.0.113.77", "found", json!([1, 6])),
            ("secret.lantern.example", report, json!([2])),
            ("S9001", "found", json!([3])),
            ("nowhere.lantern.example", "unknown", json!([4])),
            ("qqq", "unreadable", json!([5])),
        ]
        .map(|(value, answer, lines)| (value.to_owned(), answer.to_owned(), lines))
    };
    assert_eq!(answers(&cast.analyst).await, expected("found"));
    assert_eq!(answers(&cast.nco).await, expected("unknown"), "as if it were not there");
    let (_, said) = api(
        &cast.test,
        &cast.analyst,
        "/evidence/lookups",
        Some(json!({ "values": ["203.0.113.77", "no value"] })),
    )
    .await;
    assert_eq!(said["items"][0]["sightings"], 1, "{said}");
    assert_eq!(said["items"][1]["answer"], "unreadable", "{said}");

    let browser = Browser::of(&cast.test, &cast.analyst).await;
    let (status, page) = browser
        .upload("/evidence/lookup", &browser.csrf, &[("show", "unreadable")], text.as_bytes())
        .await;
    assert_eq!(status, 200);
    assert!(
        page.contains("NRS-EVID") || page.contains("Nothing in it can be looked for"),
        "{page}"
    );
    assert!(!page.contains(&format!("href=\"/evidence/{NAMED}\"")), "filtered");
    let (status, csv) =
        browser.upload("/evidence/lookup", &browser.csrf, &[("as", "csv")], text.as_bytes()).await;
    assert_eq!((status, csv.lines().count()), (200, 6), "{csv}");
    let (status, _) = browser.upload("/evidence/lookup", "forged", &[], text.as_bytes()).await;
    assert_eq!(status, 403, "a stranger's form is not read");
}

/// Ten thousand values, each once; and the limit is told.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_values_are_answered_and_the_rest_is_told() {
    let cast = cast().await;
    let values: Vec<String> = (0..10_003u32).map(|n| format!("h{n}.lantern.example")).collect();
    let (status, said) =
        api(&cast.test, &cast.analyst, "/evidence/lookups", Some(json!({ "values": values })))
            .await;
    assert_eq!(status, 200);
    assert_eq!((said["items"].as_array().unwrap().len(), &said["beyond"]), (10_000, &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_tells_everything_and_absent_and_forbidden_are_alike() {
    let cast = cast().await;
    let text = r#"{ "type":"malware","spec_version":"2.1","id":"malware--1b6ea7d9-2b0f-4f55-8f0a-000000000008", "created":"2026-11-01T00:00:00.000Z","modified":"2026-11-01T00:00:00.000Z","name":"灯籠","is_family":true, "x_odd": 1.50 }"#;
    let whole = format!(
        r#"{{"type":"bundle","id":"bundle--6d0c1f4e-0a6c-4f0e-8f2b-2c3d0a7b1e11","objects":[{text}]}}"#
    );
    let browser = Browser::of(&cast.test, &cast.analyst).await;
    let (status, page) = browser
        .upload(
            "/evidence/import",
            &browser.csrf,
            &[("class", "CIA-N"), ("go", "import")],
            whole.as_bytes(),
        )
        .await;
    assert_eq!(status, 200, "{page}");
    let (dangling, forbidden) = (
        "malware--1b6ea7d9-2b0f-4f55-8f0a-000000000020",
        "malware--1b6ea7d9-2b0f-4f55-8f0a-000000000021",
    );
    let known =
        indicator(1, "[domain-name:value = 'b.example' OR domain-name:value='a.example']", CREATED);
    import(
        &cast.test,
        &cast.analyst,
        bundle(&[
            known,
            relation(30, NAMED, "malware--1b6ea7d9-2b0f-4f55-8f0a-000000000008"),
            relation(31, NAMED, dangling),
            relation(32, NAMED, forbidden),
        ]),
    )
    .await;
    from_report(&cast, &malware(21, "報告からの物")).await;
    from_report(&cast, &malware(22, "報告だけの物")).await;

    let (status, page) = browser.get(&format!("/evidence/{NAMED}")).await;
    assert_eq!(status, 200);
    for expected in [
        "indicates",
        "a[.]example",
        "May see it",
        "may see it",
        "Everybody",
        "In its canonical form",
        "first version",
        "Analyst",
    ] {
        assert!(page.to_lowercase().contains(&expected.to_lowercase()), "{expected}: {page}");
    }
    let raw = "/evidence/malware--1b6ea7d9-2b0f-4f55-8f0a-000000000008/raw";
    let (_, _, bytes) = browser.send(raw, None).await;
    assert_eq!(bytes, text, "byte for byte");
    let (status, page) =
        browser.get(&format!("/evidence/{NAMED}/relations?kind=indicates&way=out")).await;
    assert_eq!(status, 200);
    assert!(page.contains("3 items") || page.contains("3 "), "{page}");

    // What is not held and what is not for the reader have the same page, or none when nothing seen names them.
    let nco = Browser::of(&cast.test, &cast.nco).await;
    let plain = |page: String, id: &str| {
        let page = page.replace(id, "ID");
        let main = page.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
        // The moment of the answer is not part of what is said.
        main.split("<p class=\"asof\">").next().unwrap().to_owned()
    };
    let (one, missing) = nco.get(&format!("/evidence/{dangling}")).await;
    let (two, hidden) = nco.get(&format!("/evidence/{forbidden}")).await;
    assert_eq!((one, two), (200, 200));
    assert!(missing.contains("Known by name only"), "{missing}");
    assert_eq!(plain(missing, dangling), plain(hidden, forbidden));
    for path in [
        "malware--1b6ea7d9-2b0f-4f55-8f0a-000000000022",
        "malware--1b6ea7d9-2b0f-4f55-8f0a-000000000099",
    ] {
        for below in ["", "/raw", "/history", "/sightings", "/relations"] {
            let (status, _) = nco.get(&format!("/evidence/{path}{below}")).await;
            assert_eq!(status, 404, "{path}{below}");
        }
    }
    let (status, page) = browser.get(&format!("/evidence/{forbidden}")).await;
    assert_eq!(status, 200);
    assert!(page.contains("報告からの物"), "the analyst reads reports");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_pages_both_ways_and_exports_exactly_what_it_says() {
    let cast = cast().await;
    let many: Vec<Value> = (1..=120)
        .map(|n| indicator(n, &format!("[ipv4-addr:value = '198.51.100.{n}']"), CREATED))
        .chain([malware(200, "カタカナランタン")])
        .collect();
    import(&cast.test, &cast.analyst, bundle(&many)).await;
    let browser = Browser::of(&cast.test, &cast.analyst).await;
    let link = |page: &str, rel: &str| {
        let at = page.split(&format!("rel=\"{rel}\" href=\"")).nth(1);
        at.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"))
    };
    let rows = |page: &str| -> Vec<String> {
        page.split("name=\"pick\" value=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    };
    let (_, first) = browser.get("/evidence?type=indicator").await;
    assert_eq!((rows(&first).len(), link(&first, "prev")), (50, None));
    let (_, second) = browser.get(&link(&first, "next").unwrap()).await;
    let (_, third) = browser.get(&link(&second, "next").unwrap()).await;
    assert_eq!((rows(&third).len(), link(&third, "next")), (20, None));
    let (_, back) = browser.get(&link(&third, "prev").unwrap()).await;
    assert_eq!(rows(&back), rows(&second));
    let (_, start) = browser.get(&link(&back, "prev").unwrap()).await;
    assert_eq!(rows(&start), rows(&first));

    // The page that asks states the count; the file holds exactly these.
    let two = rows(&first)[..2].to_vec();
    let picked = [
        ("pick", two[0].as_str()),
        ("pick", two[1].as_str()),
        ("verb", "csv"),
        ("type", "indicator"),
    ];
    let (status, _, page) = browser.post("/evidence/batch", &picked).await;
    assert_eq!(status, 200);
    assert!(page.contains("Export 2 objects"), "{page}");
    let (_, _, csv) = browser.post("/evidence/export", &picked).await;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let whole = [("whole", "1"), ("verb", "csv"), ("type", "indicator")];
    let (_, _, page) = browser.post("/evidence/batch", &whole).await;
    assert!(page.contains("Export 120 objects"), "{page}");
    let (_, _, stix) = browser
        .post("/evidence/export", &[("whole", "1"), ("verb", "stix"), ("type", "malware")])
        .await;
    let stix: Value = serde_json::from_str(&stix).unwrap();
    assert_eq!(stix["objects"].as_array().unwrap().len(), 1, "{stix}");
    let (status, _, page) = browser.post("/evidence/batch", &[("verb", "csv")]).await;
    assert_eq!(status, 422, "nothing picked");
    assert!(page.contains("NRS-EVID-0501"), "{page}");
    let nco = Browser::of(&cast.test, &cast.nco).await;
    let (status, _, _) = nco.post("/evidence/export", &picked).await;
    assert_eq!(status, 403, "whoever may not export does not");

    // Kana and width make no difference; matches are counted by type.
    for q in ["らんたん", "ランタン", "ﾗﾝﾀﾝ"] {
        let (_, page) =
            browser.get(&format!("/evidence?q={}", noroshi::web::visitor::percent(q))).await;
        assert!(page.contains("カタカナランタン"), "{q}");
        assert!(page.contains("class=\"chip\""), "{q}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_writes_nothing_and_many_entries_are_decided_together() {
    let cast = cast().await;
    let browser = Browser::of(&cast.test, &cast.analyst).await;
    let mut bad = indicator(1, "[ipv4-addr:value = '203.0.113.4']", CREATED);
    bad["created"] = json!("yesterday");
    let text = bundle(&[malware(5, "x"), bad, json!(3)]).to_string();
    let size = || async {
        api(&cast.test, &cast.analyst, "/evidence/objects", None).await.1["items"]
            .as_array()
            .unwrap()
            .len()
    };
    let (status, page) = browser
        .upload(
            "/evidence/import",
            &browser.csrf,
            &[("class", "CIA-N"), ("go", "try"), ("text", &text)],
            b"",
        )
        .await;
    assert_eq!(status, 200);
    assert!(page.contains("nothing is written yet") && page.contains("NRS-EVID-0027"), "{page}");
    assert_eq!(size().await, 0);
    let (status, page) = browser
        .upload("/evidence/import", &browser.csrf, &[("go", "import"), ("text", &text)], b"")
        .await;
    assert_eq!(status, 422, "the class is chosen by a person");
    assert!(page.contains("NRS-EVID-0506"), "{page}");
    let (status, _) = browser
        .upload(
            "/evidence/import",
            &browser.csrf,
            &[("class", "CIA-N"), ("go", "import"), ("text", &text)],
            b"",
        )
        .await;
    assert_eq!((status, size().await), (200, 1));

    let (_, page) = browser.get("/evidence/aside?sort=code&order=desc").await;
    assert!(page.contains("aria-sort=\"descending\""), "{page}");
    let (_, _, page) =
        browser.post("/evidence/aside/batch", &[("verb", "retry"), ("whole", "1")]).await;
    assert!(page.contains("Try 2 entries again"), "{page}");
    let asides = page
        .split("name=\"asides\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let (status, _, page) = browser
        .post(
            "/evidence/aside/do",
            &[
                ("verb", "retry"),
                ("asides", &asides),
                ("class", "CIA-N"),
                ("reason", "new version"),
            ],
        )
        .await;
    assert_eq!(status, 200);
    assert!(page.contains("0 taken in, 2 left"), "{page}");
    let (status, _, page) = browser
        .post(
            "/evidence/aside/do",
            &[("verb", "dismiss"), ("asides", &asides), ("reason", "not wanted")],
        )
        .await;
    assert_eq!(status, 200);
    assert!(page.contains("2 entries dismissed"), "{page}");
    let (_, listed) = api(&cast.test, &cast.analyst, "/evidence/asides", None).await;
    assert_eq!(listed["items"], json!([]), "{listed}");
    let (_, page) = browser.get("/evidence/aside?state=dismissed").await;
    assert!(page.contains("dismissed") && page.contains("2"), "{page}");
}
