//! The people side of the office: set-up, sign-in, sessions, hats, tokens, and what is refused.

use serde_json::{Value, json};

use crate::house::{TestHouse, ask};

const PASSWORD: &str = "lanterns over the quiet harbour";

/// A browser: follows no redirect, keeps no cookie by itself.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The value of the session cookie this answer sets.
    fn session(&self) -> Option<String> {
        let cookie = self.header("set-cookie").strip_prefix("noroshi_session=")?;
        Some(cookie.split(';').next().unwrap().to_owned()).filter(|value| !value.is_empty())
    }

    /// The cross-site token of the first form.
    fn csrf(&self) -> String {
        let rest = self.text.split("name=\"csrf\" value=\"").nth(1).expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

async fn browse(method: &'static str, url: String, headers: &[(&'static str, &str)], form: &[(&str, &str)]) -> Answer {
    let headers: Vec<(&str, String)> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", noroshi::web::visitor::percent(value)))
        .collect();
    let body = body.join("&");
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if method == "POST" {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut answer = agent.run(request.body(body).unwrap()).unwrap();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        Answer { status: answer.status().as_u16(), headers, text: answer.body_mut().read_to_string().unwrap() }
    })
    .await
    .unwrap()
}

async fn setup_token(test: &TestHouse) -> String {
    let secret = noroshi::office::act::setup_token(&test.house).await.unwrap().expect("nobody exists yet");
    secret.reveal().to_owned()
}

async fn set_up(test: &TestHouse) -> Value {
    let token = setup_token(test).await;
    let body = json!({
        "token": token,
        "org": { "name_ja": "架空調整室", "name_en": "Fictional Coordination Office", "kind": "office" },
        "admin": { "login": "admin", "name": "管理者 甲", "password": PASSWORD },
    });
    let (status, made) = ask("POST", test.url("/api/v1/setup"), "", Some(body.clone())).await;
    assert_eq!(status, 201, "{made}");
    let (status, again) = ask("POST", test.url("/api/v1/setup"), "", Some(body)).await;
    assert_eq!((status, again["code"].as_str()), (403, Some("NRS-OFFC-0001")), "a token is used once");
    made
}

async fn post(test: &TestHouse, path: &str, token: &str, body: Value) -> (u16, Value) {
    ask("POST", test.url(&format!("/api/v1{path}")), token, Some(body)).await
}

/// Adds a login with a password through the API, as an administrator does.
async fn person(test: &TestHouse, admin: &str, login: &str) -> String {
    let (status, made) = post(test, "/persons", admin, json!({ "login": login, "name": login })).await;
    assert_eq!(status, 201, "{made}");
    let invitation = format!("/invitations/{}", made["invitation"].as_str().unwrap());
    let (status, said) = post(test, &invitation, "", json!({ "password": "short" })).await;
    assert_eq!((status, said["items"][0]["code"].as_str()), (422, Some("NRS-OFFC-0006")), "{said}");
    assert_eq!(post(test, &invitation, "", json!({ "password": PASSWORD })).await.0, 204);
    let (status, said) = post(test, &invitation, "", json!({ "password": PASSWORD })).await;
    assert_eq!((status, said["code"].as_str()), (403, Some("NRS-OFFC-0005")), "an invitation is used once");
    made["id"].as_str().unwrap().to_owned()
}

async fn org(test: &TestHouse, admin: &str, kind: &str) -> String {
    let body = json!({ "name_ja": "架空の組織", "name_en": kind, "kind": kind, "sector": "ports" });
    let (status, made) = post(test, "/orgs", admin, body).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_nation_is_built_over_the_api_alone() {
    let test = TestHouse::open().await;
    let made = set_up(&test).await;
    let admin = made["token"].as_str().unwrap();
    let operator = org(&test, admin, "operator").await;
    let officer = person(&test, admin, "officer").await;
    let hats = format!("/persons/{officer}/hats");
    let hat = json!({ "org": operator, "hat": "operator.officer" });
    let (status, said) = post(&test, &hats, admin, hat.clone()).await;
    assert_eq!(status, 201, "{said}");
    assert_eq!(post(&test, &hats, admin, hat).await.0, 409, "a hat is held once");
    let wish = json!({ "login": "officer", "password": PASSWORD, "org": operator, "hat": "operator.officer",
        "label": "script", "days": 3 });
    let (status, token) = post(&test, "/tokens", "", wish.clone()).await;
    assert_eq!(status, 201, "{token}");
    let token = token["token"].as_str().unwrap();
    let (_, me) = ask("GET", test.url("/api/v1/me"), token, None).await;
    assert_eq!((me["login"].as_str(), me["hat"].as_str()), (Some("officer"), Some("operator.officer")), "{me}");
    // No power beyond the hat.
    let (status, said) = post(&test, "/orgs", token, json!({ "name_ja": "x", "name_en": "x", "kind": "police" })).await;
    assert_eq!((status, said["code"].as_str()), (403, Some("NRS-AUTH-0003")));
    assert_eq!(ask("GET", test.url("/api/v1/persons"), token, None).await.0, 403);
    // A sensor and a partner get tokens from the administrator.
    let sensor = json!({ "org": operator, "login": "sensor-1", "name": "sensor" });
    let (status, sensor) = post(&test, "/sensors", admin, sensor).await;
    assert_eq!(status, 201, "{sensor}");
    let (_, me) = ask("GET", test.url("/api/v1/me"), sensor["token"].as_str().unwrap(), None).await;
    assert_eq!(me["hat"], "operator.sensor");
    let ally = org(&test, admin, "partner").await;
    let (status, first) = post(&test, &format!("/partners/{ally}/token"), admin, json!({})).await;
    assert_eq!(status, 201, "{first}");
    let (_, second) = post(&test, &format!("/partners/{ally}/token"), admin, json!({})).await;
    assert_eq!(first["id"], second["id"], "one reader, several tokens");
    // Lists have cursors.
    let (_, page) = ask("GET", test.url("/api/v1/persons?limit=2"), admin, None).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let next = format!("/api/v1/persons?limit=2&cursor={}", page["cursor"].as_str().unwrap());
    let (_, rest) = ask("GET", test.url(&next), admin, None).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 2, "{rest}");
    assert!(rest["cursor"].is_null());
    // Withdrawing the hat ends the token at once.
    let (status, _) = ask("DELETE", test.url(&format!("/api/v1{hats}/{operator}/operator.officer")), admin, None).await;
    assert_eq!(status, 200);
    let (status, said) = ask("GET", test.url("/api/v1/me"), token, None).await;
    assert_eq!((status, said["code"].as_str()), (401, Some("NRS-AUTH-0002")));
    let (status, _) = post(&test, "/tokens", "", wish).await;
    assert_eq!(status, 403, "the hat is no longer held");
}

#[tokio::test]
async fn hats_that_must_stay_apart_do_and_the_rule_is_named() {
    let test = TestHouse::open().await;
    let made = set_up(&test).await;
    let admin = made["token"].as_str().unwrap();
    let (police, commission) = (org(&test, admin, "police").await, org(&test, admin, "commission").await);
    let someone = person(&test, admin, "someone").await;
    let hats = format!("/persons/{someone}/hats");
    let give = |org: &str, hat: &str| json!({ "org": org, "hat": hat });
    assert_eq!(post(&test, &hats, admin, give(&police, "police.requester")).await.0, 201);
    let (status, said) = post(&test, &hats, admin, give(&commission, "commission.member")).await;
    assert_eq!((status, said["code"].as_str()), (422, Some("NRS-OFFC-0004")));
    assert!(said["title"].as_str().unwrap().contains("SEP-1"), "{said}");
    let (_, said) = post(&test, &hats, admin, give(&police, "executor")).await;
    assert!(said["title"].as_str().unwrap().contains("SEP-2"), "{said}");
    let (status, said) = post(&test, &hats, admin, give(&police, "commission.member")).await;
    assert_eq!((status, said["items"][0]["code"].as_str()), (422, Some("NRS-OFFC-0013")), "{said}");
    // Nobody gives himself a hat, and nobody shuts himself out.
    let own = format!("/persons/{}", made["person"].as_str().unwrap());
    let office = made["org"].as_str().unwrap();
    let (status, said) = post(&test, &format!("{own}/hats"), admin, give(office, "cao.analyst")).await;
    assert_eq!((status, said["code"].as_str()), (403, Some("NRS-OFFC-0014")));
    let (status, said) = post(&test, &format!("{own}/disable"), admin, json!({})).await;
    assert_eq!((status, said["code"].as_str()), (409, Some("NRS-OFFC-0018")));
}
