//! A running house in a folder of its own, and people to act in it.

use std::sync::Arc;

use noroshi::config::Config;
use noroshi::house::{House, Serving};
use noroshi::office::commit::Change;
use noroshi::office::ctx::{Ctx, Via};
use noroshi::office::id::{OrgId, PersonId};
use noroshi::office::people::{self, Org};
use noroshi_charter::hat::Hat;

/// A house on a free port of the loopback. The folder goes when it is dropped.
pub(crate) struct TestHouse {
    pub(crate) house: Arc<House>,
    pub(crate) serving: Serving,
    pub(crate) dir: tempfile::TempDir,
}

/// Somebody who can act: an API token and the context the house will see.
#[derive(Clone)]
pub(crate) struct Someone {
    pub(crate) token: String,
    pub(crate) ctx: Ctx,
}

impl TestHouse {
    pub(crate) async fn open() -> Self {
        Self::open_with(tempfile::tempdir().unwrap(), Self::config()).await
    }

    /// A house in a folder that may have been used before.
    pub(crate) async fn open_with(dir: tempfile::TempDir, config: Config) -> Self {
        let house = House::open(dir.path(), config, false).unwrap();
        let serving = Serving::start(Arc::clone(&house)).await.unwrap();
        Self { house, serving, dir }
    }

    pub(crate) fn config() -> Config {
        let mut config = Config::default();
        config.web.listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        config
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let plain = self.house.config.tls.certificate.as_os_str().is_empty();
        let scheme = if plain { "http" } else { "https" };
        format!("{scheme}://localhost:{}{path}", self.serving.address().port())
    }

    /// Adds an organisation.
    pub(crate) async fn org(&self, name: &str, kind: &str, sector: Option<&str>) -> Org {
        let ctx = system(&self.house);
        let org = Org {
            org: OrgId::fresh(ctx.now),
            name_ja: name.to_owned(),
            name_en: name.to_owned(),
            kind: kind.to_owned(),
            sector: sector.map(str::to_owned),
        };
        let change = Change::office("org.add", org.org.as_str()).write(people::insert_org(&org));
        self.house.door.commit(&ctx, change).await.unwrap();
        org
    }

    /// Adds a login with one hat for `org` and an API token for it.
    pub(crate) async fn person(&self, login: &str, org: &Org, hat: Hat) -> Someone {
        let ctx = system(&self.house);
        let person = PersonId::fresh(ctx.now);
        let expires = ctx.now + jiff::SignedDuration::from_hours(1);
        let (token, secret) = people::new_token(&person, (&org.org, hat), "test", ctx.now, expires);
        let change = Change::office("person.add", person.as_str())
            .write(people::insert_person(&person, login, login, None, ctx.now))
            .write(people::insert_hat(&person, &org.org, hat))
            .write(token);
        self.house.door.commit(&ctx, change).await.unwrap();
        let ctx = Ctx {
            person,
            org: org.org.clone(),
            hat,
            sector: org.sector.clone(),
            via: Via::Token,
            ..ctx
        };
        Someone { token: secret.reveal().to_owned(), ctx }
    }
}

/// The context of a test's own preparations.
pub(crate) fn system(house: &House) -> Ctx {
    let now = house.clock.now();
    Ctx {
        person: PersonId::parse("person-test").unwrap(),
        org: OrgId::parse("org-test").unwrap(),
        hat: Hat::Administrator,
        sector: None,
        via: Via::Job,
        now,
        request: String::new(),
    }
}

/// Answers of the house, as a program sees them: status and JSON (or text as a JSON string).
pub(crate) fn call(
    method: &str,
    url: &str,
    token: &str,
    body: Option<&serde_json::Value>,
) -> (u16, serde_json::Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let text = body.map(serde_json::Value::to_string).unwrap_or_default();
    let mut answer = agent.run(request.body(text).unwrap()).unwrap();
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().unwrap();
    let json = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
    (status, json)
}

/// [`call`] off the async threads.
pub(crate) async fn ask(
    method: &'static str,
    url: String,
    token: &str,
    body: Option<serde_json::Value>,
) -> (u16, serde_json::Value) {
    let token = token.to_owned();
    tokio::task::spawn_blocking(move || call(method, &url, &token, body.as_ref())).await.unwrap()
}

/// Looks at a preview and releases exactly what it shows.
pub(crate) async fn release(
    test: &TestHouse,
    token: &str,
    body: serde_json::Value,
) -> (u16, serde_json::Value) {
    let mut body = body;
    let preview = test.url("/api/v1/releases/preview");
    let (status, seen) = ask("POST", preview, token, Some(body.clone())).await;
    if status != 200 {
        return (status, seen);
    }
    body["digest"] = seen["digest"].clone();
    ask("POST", test.url("/api/v1/releases"), token, Some(body)).await
}

/// Between two looks at something that another process must bring about; every such wait has its own end.
pub(crate) async fn pause(span: std::time::Duration) {
    let nothing = tokio::time::timeout(span, std::future::pending::<()>()).await;
    assert!(nothing.is_err());
}
