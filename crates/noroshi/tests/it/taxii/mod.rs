//! The TAXII 2.1 server: clause by clause, pain by pain, and as foreign programs see it.

mod clauses;
mod pains;
mod peers;
mod tls;
mod walk;

use std::sync::Arc;

use jiff::SignedDuration;
use noroshi::config::{ApiRoot, Config};
use noroshi::evidence::rows::{self, NewObject, version_key};
use noroshi::office::commit::{Change, Write};
use noroshi::office::people::Org;
use noroshi::office::store::Value as Cell;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::house::{Someone, TestHouse, ask};

/// The media type of the protocol.
pub(crate) const TAXII: &str = "application/taxii+json;version=2.1";

/// An answer as a program sees it.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn objects(&self) -> Vec<Value> {
        self.json["objects"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.objects().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn code(&self) -> &str {
        self.json["error_code"].as_str().unwrap_or_default()
    }
}

/// A request of a program.
#[derive(Clone, Default)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn get(url: String) -> Self {
        Self { method: "GET", url, ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With the headers of a well-behaved client.
    pub(crate) fn of(self, who: &Someone) -> Self {
        self.header("authorization", format!("Bearer {}", who.token)).header("accept", TAXII)
    }

    pub(crate) fn run(self) -> Got {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(self.method).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let agent = agent.configure_request(request.body(self.body).unwrap());
        let mut answer = ureq::run(agent.allow_non_standard_methods(true).build()).unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.body_mut().with_config().limit(256 << 20).read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Got { status, headers, text, json }
    }

    pub(crate) async fn send(self) -> Got {
        tokio::task::spawn_blocking(move || self.run()).await.unwrap()
    }
}

/// A house with an office, two partners that may read, and an audience of each.
pub(crate) struct Stage {
    pub(crate) test: Arc<TestHouse>,
    pub(crate) legal: Someone,
    pub(crate) ally: Someone,
    pub(crate) other: Someone,
    pub(crate) root: String,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        Self::open_with(TestHouse::config()).await
    }

    pub(crate) async fn open_with(config: Config) -> Self {
        Self::on(tempfile::tempdir().unwrap(), config).await
    }

    async fn on(dir: tempfile::TempDir, config: Config) -> Self {
        let root = config.api_roots()[0].path.clone();
        let test = Arc::new(TestHouse::open_with(dir, config).await);
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let ally_org = test.org("Allied CERT (fictional)", "partner", None).await;
        let other_org = test.org("Other CERT (fictional)", "partner", None).await;
        let ally = test.person("ally", &ally_org, Hat::PartnerForeign).await;
        let other = test.person("other", &other_org, Hat::PartnerForeign).await;
        let stage = Self { test, legal, ally, other, root };
        for org in [&ally_org, &other_org] {
            stage.finds(org, SignedDuration::from_hours(24)).await;
        }
        stage
    }

    pub(crate) async fn finds(&self, org: &Org, life: SignedDuration) {
        let until = self.test.house.clock.now() + life;
        let body = json!({ "scope": "CIA-P", "valid_until": until.to_string() });
        self.office("POST", &format!("/partners/{}/findings", org.org), body, 201).await;
    }

    /// What the office does through its own API.
    pub(crate) async fn office(
        &self,
        method: &'static str,
        path: &str,
        body: Value,
        status: u16,
    ) -> Value {
        let url = self.test.url(&format!("/api/v1{path}"));
        let (got, answer) = ask(method, url, &self.legal.token, Some(body)).await;
        assert_eq!(got, status, "{path}: {answer}");
        answer
    }

    /// Opens a collection for a partner and says how it stands on the TAXII server.
    pub(crate) async fn collection(&self, who: &Someone, title: &str, taxii: Value) -> String {
        let body = json!({ "audience": format!("partner:{}", who.ctx.org), "title": title });
        let opened = self.office("POST", "/collections", body, 201).await;
        let id = opened["id"].as_str().unwrap().to_owned();
        self.office("PUT", &format!("/collections/{id}/taxii"), taxii, 200).await;
        id
    }

    /// A collection that its audience reads and writes.
    pub(crate) async fn shelf(&self, who: &Someone) -> String {
        self.collection(who, "Lantern", json!({ "can_write": true })).await
    }

    pub(crate) async fn hold(&self, texts: &[String], tlp: Tlp) {
        for part in texts.chunks(1_000) {
            let objects: Vec<NewObject> = part
                .iter()
                .map(|text| NewObject {
                    object: StixObject::parse(text).unwrap(),
                    tlp,
                    class: LegalClass::CiaN,
                    originator: "office".to_owned(),
                    source: "import:test".to_owned(),
                })
                .collect();
            let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
            change.writes = rows::insert_objects(&objects, self.legal.ctx.now);
            self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
        }
    }

    pub(crate) async fn release(&self, collection: &str, ids: &[String]) {
        for part in ids.chunks(5_000) {
            let body = json!({ "collection": collection, "objects": part });
            let done = super::house::release(&self.test, &self.legal.token, body).await;
            assert_eq!((done.0, &done.1["refused"]), (201, &json!([])), "{}", done.1);
        }
    }

    /// Puts versions into a stream at places of their own, as if they had been released then.
    pub(crate) async fn place(&self, audience: &str, texts: &[(i64, String)]) {
        let release = format!("release-test-{audience}-{}", texts[0].0);
        let mut change = Change::office("share.release", &release)
            .write(Write::new(
                "INSERT INTO share_audience (audience, last_added) VALUES ($1, 0) ON CONFLICT DO NOTHING",
                vec![Cell::from(audience)],
            ))
            .write(Write::one(
                "INSERT INTO share_release (release, audience, person, at, outcome) VALUES ($1, $2, 'p', $3, $4)",
                vec![
                    Cell::from(&release),
                    Cell::from(audience),
                    Cell::from(self.legal.ctx.now),
                    Cell::from(r#"{"released":[],"already":[],"refused":[]}"#),
                ],
            ));
        for (added, text) in texts {
            let object = StixObject::parse(text).unwrap();
            change = change.write(Write::one(
                "INSERT INTO share_item (audience, added, id, modified, type, digest, release) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                vec![
                    Cell::from(audience),
                    Cell::from(*added),
                    Cell::from(object.id().as_str()),
                    Cell::from(version_key(&object)),
                    Cell::from(object.object_type()),
                    Cell::from(object.digest().to_string()),
                    Cell::from(&release),
                ],
            ));
        }
        let last = texts.iter().map(|(added, _)| *added).max().unwrap();
        change = change.write(Write::one(
            "UPDATE share_audience SET last_added = max(last_added, $2) WHERE audience = $1",
            vec![Cell::from(audience), Cell::from(last)],
        ));
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.test.url(&format!("/{}{path}", self.root))
    }

    /// The address of something below a collection.
    pub(crate) fn below(&self, collection: &str, path: &str) -> String {
        self.url(&format!("/collections/{collection}{path}"))
    }

    pub(crate) async fn get(&self, who: &Someone, url: String) -> Got {
        Call::get(url).of(who).send().await
    }

    pub(crate) async fn push(&self, who: &Someone, collection: &str, texts: &[String]) -> Got {
        let call = Call {
            method: "POST",
            url: self.below(collection, "/objects/"),
            body: format!(r#"{{"objects":[{}]}}"#, texts.join(",")),
            ..Call::default()
        };
        call.of(who).header("content-type", TAXII).send().await
    }

    /// Hands in and waits until everything was dealt with.
    pub(crate) async fn pushed(&self, who: &Someone, collection: &str, texts: &[String]) -> Value {
        let mut got = self.push(who, collection, texts).await;
        assert_eq!(got.status, 202, "{}", got.text);
        let id = got.json["id"].as_str().unwrap().to_owned();
        let mut looks = 0;
        while got.json["status"] != "complete" {
            looks += 1;
            assert!(looks < 600, "{}", got.text);
            super::house::pause(std::time::Duration::from_millis(100)).await;
            got = self.get(who, self.url(&format!("/status/{id}/"))).await;
        }
        got.json
    }

    pub(crate) async fn delete(&self, who: &Someone, collection: &str, path: &str) -> Got {
        let url = self.below(collection, &format!("/objects/{path}"));
        Call { method: "DELETE", url, ..Call::default() }.of(who).send().await
    }

    pub(crate) fn leaves(&self) -> u64 {
        *self.test.house.door.size().borrow()
    }
}

/// A configuration with these API roots.
pub(crate) fn with_roots(paths: &[(&str, &str)]) -> Config {
    let mut config = TestHouse::config();
    config.apiroots = paths
        .iter()
        .map(|(path, title)| ApiRoot {
            path: (*path).to_owned(),
            title: (*title).to_owned(),
            description: String::new(),
        })
        .collect();
    config
}

pub(crate) fn uuid(number: usize) -> String {
    format!("1b6ea7d9-2b0f-4f55-8f0a-{number:012x}")
}

pub(crate) fn indicator(number: usize) -> String {
    version(number, "2026-01-01T00:00:00.000Z")
}

pub(crate) fn version(number: usize, modified: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{}","created":"2026-01-01T00:00:00.000Z","modified":"{modified}","name":"i{number}","pattern":"[ipv4-addr:value = '198.51.100.{}']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","x_kept":1.0}}"#,
        uuid(number),
        number % 256
    )
}

pub(crate) fn malware(number: usize) -> String {
    format!(
        r#"{{"type":"malware","spec_version":"2.1","id":"malware--{}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"m{number}","is_family":true}}"#,
        uuid(number)
    )
}

pub(crate) fn id_of(text: &str) -> String {
    StixObject::parse(text).unwrap().id().as_str().to_owned()
}

pub(crate) fn ids_of(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| id_of(text)).collect()
}
