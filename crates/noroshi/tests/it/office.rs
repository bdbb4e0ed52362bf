//! The people side of the office: set-up, sign-in, sessions, hats, tokens, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

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

async fn browse(
    method: &'static str,
    url: String,
    headers: &[(&'static str, &str)],
    form: &[(&str, &str)],
) -> Answer {
    let headers: Vec<(&str, String)> =
        headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", noroshi::web::visitor::percent(value)))
        .collect();
    let body = body.join("&");
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
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
        Answer {
            status: answer.status().as_u16(),
            headers,
            text: answer.body_mut().read_to_string().unwrap(),
        }
    })
    .await
    .unwrap()
}

async fn setup_token(test: &TestHouse) -> String {
    let secret =
        noroshi::office::act::setup_token(&test.house).await.unwrap().expect("nobody exists yet");
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
    assert_eq!(
        (status, again["code"].as_str()),
        (403, Some("NRS-OFFC-0001")),
        "a token is used once"
    );
    made
}

async fn post(test: &TestHouse, path: &str, token: &str, body: Value) -> (u16, Value) {
    ask("POST", test.url(&format!("/api/v1{path}")), token, Some(body)).await
}

/// Adds a login with a password through the API, as an administrator does.
async fn person(test: &TestHouse, admin: &str, login: &str) -> String {
    let (status, made) =
        post(test, "/persons", admin, json!({ "login": login, "name": login })).await;
    assert_eq!(status, 201, "{made}");
    let invitation = format!("/invitations/{}", made["invitation"].as_str().unwrap());
    let (status, said) = post(test, &invitation, "", json!({ "password": "short" })).await;
    assert_eq!((status, said["items"][0]["code"].as_str()), (422, Some("NRS-OFFC-0006")), "{said}");
    assert_eq!(post(test, &invitation, "", json!({ "password": PASSWORD })).await.0, 204);
    let (status, said) = post(test, &invitation, "", json!({ "password": PASSWORD })).await;
    assert_eq!(
        (status, said["code"].as_str()),
        (403, Some("NRS-OFFC-0005")),
        "an invitation is used once"
    );
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
    assert_eq!(
        (me["login"].as_str(), me["hat"].as_str()),
        (Some("officer"), Some("operator.officer")),
        "{me}"
    );
    // No power beyond the hat.
    let (status, said) =
        post(&test, "/orgs", token, json!({ "name_ja": "x", "name_en": "x", "kind": "police" }))
            .await;
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
    let (status, _) =
        ask("DELETE", test.url(&format!("/api/v1{hats}/{operator}/operator.officer")), admin, None)
            .await;
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
    let (police, commission) =
        (org(&test, admin, "police").await, org(&test, admin, "commission").await);
    let someone = person(&test, admin, "someone").await;
    let hats = format!("/persons/{someone}/hats");
    let give = |org: &str, hat: &str| json!({ "org": org, "hat": hat });
    assert_eq!(post(&test, &hats, admin, give(&police, "police.requester")).await.0, 201);
    let (status, said) = post(&test, &hats, admin, give(&commission, "commission.member")).await;
    assert_eq!((status, said["code"].as_str()), (422, Some("NRS-AUTH-0101")), "{said}");
    assert!(said["title"].as_str().unwrap().contains("police.requester"), "{said}");
    let (_, said) = post(&test, &hats, admin, give(&police, "executor")).await;
    assert_eq!(said["code"], "NRS-AUTH-0102", "{said}");
    let (status, said) = post(&test, &hats, admin, give(&police, "commission.member")).await;
    assert_eq!((status, said["items"][0]["code"].as_str()), (422, Some("NRS-OFFC-0013")), "{said}");
    // Nobody gives himself a hat, and nobody shuts himself out.
    let own = format!("/persons/{}", made["person"].as_str().unwrap());
    let office = made["org"].as_str().unwrap();
    let (status, said) =
        post(&test, &format!("{own}/hats"), admin, give(office, "cao.analyst")).await;
    assert_eq!((status, said["code"].as_str()), (403, Some("NRS-OFFC-0014")));
    let (status, said) = post(&test, &format!("{own}/disable"), admin, json!({})).await;
    assert_eq!((status, said["code"].as_str()), (409, Some("NRS-OFFC-0018")));
}

/// Signs in on the page; the session's secret.
async fn sign_in(test: &TestHouse, login: &str) -> String {
    let answer =
        browse("POST", test.url("/login"), &[], &[("login", login), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.session().expect("a session")
}

async fn get(test: &TestHouse, path: &str, session: &str) -> Answer {
    browse("GET", test.url(path), &[("cookie", &format!("noroshi_session={session}"))], &[]).await
}

async fn send(test: &TestHouse, path: &str, session: &str, form: &[(&str, &str)]) -> Answer {
    browse("POST", test.url(path), &[("cookie", &format!("noroshi_session={session}"))], form).await
}

#[tokio::test]
async fn the_wizard_works_without_javascript_and_only_once() {
    let test = TestHouse::open().await;
    let first = setup_token(&test).await;
    let token = setup_token(&test).await;
    for wrong in ["", "nrs_setup_x", first.as_str()] {
        let answer = browse("GET", test.url(&format!("/setup?token={wrong}")), &[], &[]).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text.contains("NRS-OFFC-0001"), "a refusal has a code and a way on");
    }
    let page = browse("GET", test.url(&format!("/setup?token={token}&lang=ja")), &[], &[]).await;
    assert_eq!(page.status, 200);
    for part in ["noroshi.db", "最初の管理者", "action=\"/setup\""] {
        assert!(page.text.contains(part), "{part}");
    }
    let mut form = vec![
        ("token", token.as_str()),
        ("name_ja", "架空調整室"),
        ("name_en", "Fictional Office"),
        ("kind", "office"),
        ("login", "Admin!"),
        ("name", "管理者 甲"),
        ("password", "short"),
        ("lang", "ja"),
    ];
    let again = browse("POST", test.url("/setup"), &[], &form).await;
    assert_eq!(again.status, 422);
    assert!(
        again.text.contains("NRS-OFFC-0006") && again.text.contains("NRS-OFFC-0009"),
        "each field says why"
    );
    assert!(
        again.text.contains("架空調整室") && !again.text.contains("value=\"short\""),
        "kept, but no password"
    );
    form[4].1 = "admin";
    form[6].1 = PASSWORD;
    let done = browse("POST", test.url("/setup"), &[], &form).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let session = done.session().expect("signed in after set-up");
    let office = get(&test, "/office", &session).await;
    assert!(office.status == 200 && office.text.contains("管理者 甲"));
    assert_eq!(browse("POST", test.url("/setup"), &[], &form).await.status, 403);
    assert!(
        noroshi::office::act::setup_token(&test.house).await.unwrap().is_none(),
        "somebody exists"
    );
}

#[tokio::test]
async fn a_form_from_elsewhere_or_without_its_token_is_refused() {
    let test = TestHouse::open().await;
    set_up(&test).await;
    let session = sign_in(&test, "admin").await;
    let csrf = get(&test, "/office/orgs", &session).await.csrf();
    let cookie = format!("noroshi_session={session}");
    let form = |csrf| [("csrf", csrf), ("name_ja", "甲"), ("name_en", "A"), ("kind", "police")];
    let refused = |answer: Answer, why: &str| {
        assert_eq!(answer.status, 403, "{why}");
        assert!(answer.text.contains("NRS-AUTH-0004"), "{why}");
    };
    let url = || test.url("/office/orgs");
    refused(browse("POST", url(), &[("cookie", &cookie)], &form("")[1..]).await, "no token");
    refused(browse("POST", url(), &[("cookie", &cookie)], &form("wrong")).await, "wrong token");
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://elsewhere.example")];
    refused(browse("POST", url(), &foreign, &form(&csrf)).await, "foreign origin");
    let foreign = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    refused(browse("POST", url(), &foreign, &form(&csrf)).await, "foreign site");
    refused(
        browse("POST", test.url("/login"), &[("origin", "null")], &[]).await,
        "sign-in from a sandbox",
    );
    let other = sign_in(&test, "admin").await;
    let stolen = get(&test, "/office/orgs", &other).await.csrf();
    refused(
        browse("POST", url(), &[("cookie", &cookie)], &form(&stolen)).await,
        "another session's token",
    );
    let taken = browse("POST", url(), &[("cookie", &cookie)], &form(&csrf)).await;
    assert_eq!(taken.status, 303, "{}", taken.text);
}

#[tokio::test]
async fn a_session_is_new_at_each_sign_in_and_ends_when_it_should() {
    let test = TestHouse::open().await;
    set_up(&test).await;
    // A planted cookie is not taken up.
    let planted = [("cookie", "noroshi_session=nrs_session_planted")];
    let form = [("login", "admin"), ("password", PASSWORD), ("next", "//elsewhere.example/x")];
    let answer = browse("POST", test.url("/login"), &planted, &form).await;
    let first = answer.session().unwrap();
    assert_ne!(first, "nrs_session_planted");
    assert_eq!(answer.header("location"), "/", "no way out to another site");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(answer.header("set-cookie").contains(part), "{part}");
    }
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(get(&test, "/profile", "nrs_session_planted").await.status, 303);
    // Signing in again with the cookie ends the session before.
    let cookie = format!("noroshi_session={first}");
    let form = [("login", "admin"), ("password", PASSWORD)];
    let second =
        browse("POST", test.url("/login"), &[("cookie", &cookie)], &form).await.session().unwrap();
    assert_eq!(get(&test, "/profile", &first).await.status, 303, "the one before has ended");
    assert_eq!(get(&test, "/profile", &second).await.status, 200);
    // Sign-out ends it in the store, not only in the browser.
    let csrf = get(&test, "/profile", &second).await.csrf();
    assert_eq!(send(&test, "/session/leave", &second, &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(get(&test, "/profile", &second).await.status, 303);
    // An expired one is not found: its end is moved into the past, as time would.
    let third = sign_in(&test, "admin").await;
    let ctx = crate::house::system(&test.house);
    let past = noroshi::office::commit::Write::one(
        "UPDATE office_session SET expires_at = $2 WHERE digest = $1",
        vec![
            noroshi::office::secret::digest(&third).into(),
            (ctx.now - jiff::SignedDuration::from_secs(1)).into(),
        ],
    );
    let change = noroshi::office::commit::Change::office("test.expire", "session").write(past);
    test.house.door.commit(&ctx, change).await.unwrap();
    assert_eq!(get(&test, "/profile", &third).await.status, 303);
    // The secret itself is nowhere in the store.
    let rows = test
        .house
        .store
        .read(|reader| reader.all("SELECT digest FROM office_session", &[], |row| row.text(0)));
    assert!(rows.await.unwrap().iter().all(|digest| !digest.starts_with("nrs_")));
}

#[tokio::test]
async fn too_many_wrong_passwords_rest_the_login_and_all_refusals_look_alike() {
    let test = TestHouse::open().await;
    set_up(&test).await;
    let unknown =
        browse("POST", test.url("/login"), &[], &[("login", "nobody"), ("password", PASSWORD)])
            .await;
    let wrong = [("login", "admin"), ("password", "wrong wrong wrong wrong")];
    let tries = (0..10).map(|_| browse("POST", test.url("/login"), &[], &wrong));
    let mut last = String::new();
    for answer in tries {
        let answer = answer.await;
        assert_eq!(answer.status, 401);
        last = answer.text;
    }
    let locked =
        browse("POST", test.url("/login"), &[], &[("login", "admin"), ("password", PASSWORD)])
            .await;
    assert_eq!(locked.status, 401, "the right password does not help while it rests");
    // What is shown does not tell a wrong password from an unknown or a resting login.
    let plain = |text: &str, login: &str| -> String {
        let main =
            text.split("<div class=\"stage\">").nth(1).unwrap().split("<script").next().unwrap();
        main.replace(login, "LOGIN")
    };
    assert_eq!(plain(&unknown.text, "nobody"), plain(&last, "admin"));
    assert_eq!(plain(&unknown.text, "nobody"), plain(&locked.text, "admin"));
    let wish = json!({ "login": "admin", "password": PASSWORD, "org": "org-x", "hat": "administrator", "label": "x",
        "days": 1 });
    let (status, said) = post(&test, "/tokens", "", wish).await;
    assert_eq!((status, said["code"].as_str()), (401, Some("NRS-OFFC-0002")));
}

#[tokio::test]
async fn each_action_is_done_under_the_hat_that_is_worn() {
    let test = TestHouse::open().await;
    let made = set_up(&test).await;
    let admin = made["token"].as_str().unwrap();
    let office = made["org"].as_str().unwrap();
    let analyst = person(&test, admin, "analyst").await;
    for hat in ["cao.analyst", "legal"] {
        let body = json!({ "org": office, "hat": hat });
        assert_eq!(post(&test, &format!("/persons/{analyst}/hats"), admin, body).await.0, 201);
    }
    let session = sign_in(&test, "analyst").await;
    let page = get(&test, "/profile?lang=en", &session).await;
    assert!(
        page.text.contains(&format!("value=\"legal {office}\"")),
        "the menu lists the other hat"
    );
    let foreign = send(
        &test,
        "/session/hat",
        &session,
        &[("csrf", &page.csrf()), ("hat", "administrator x")],
    )
    .await;
    assert_eq!(foreign.status, 403);
    assert!(foreign.text.contains("NRS-OFFC-0003"));
    let hat = format!("legal {office}");
    let worn =
        send(&test, "/session/hat", &session, &[("csrf", &page.csrf()), ("hat", &hat)]).await;
    let second = worn.session().expect("a new session under the new hat");
    assert_eq!(
        get(&test, "/profile", &session).await.status,
        303,
        "the session under the old hat has ended"
    );
    let me = get(&test, "/api/v1/me", &second).await;
    assert_eq!(serde_json::from_str::<Value>(&me.text).unwrap()["hat"], "legal");
    assert_eq!(get(&test, "/office", &second).await.status, 403, "no hat, no page");
}

#[tokio::test]
async fn tokens_are_shown_once_and_can_be_taken_back() {
    let test = TestHouse::open().await;
    let made = set_up(&test).await;
    let office = made["org"].as_str().unwrap();
    let session = sign_in(&test, "admin").await;
    let csrf = get(&test, "/profile", &session).await.csrf();
    let held = format!("administrator {office}");
    let form = [("csrf", csrf.as_str()), ("held", &held), ("label", "script"), ("days", "３")];
    let page = send(&test, "/profile/tokens", &session, &form).await;
    assert_eq!(page.status, 201);
    let at = page.text.find("nrs_token_").unwrap();
    let token: String = page.text[at..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    assert_eq!(ask("GET", test.url("/api/v1/me"), &token, None).await.0, 200);
    assert!(!get(&test, "/profile", &session).await.text.contains("nrs_token_"), "shown once");
    let (_, list) = ask("GET", test.url("/api/v1/tokens"), &token, None).await;
    let id = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["label"] == "script")
        .unwrap()["id"]
        .clone();
    let form = [("csrf", csrf.as_str()), ("token", id.as_str().unwrap())];
    assert_eq!(send(&test, "/profile/tokens/revoke", &session, &form).await.status, 303);
    let (status, said) = ask("GET", test.url("/api/v1/me"), &token, None).await;
    assert_eq!((status, said["code"].as_str()), (401, Some("NRS-AUTH-0002")));
    // A disabled login's tokens and sessions end with it.
    let admin = made["token"].as_str().unwrap();
    let other = person(&test, admin, "other").await;
    let body = json!({ "org": office, "hat": "cao.analyst" });
    assert_eq!(post(&test, &format!("/persons/{other}/hats"), admin, body).await.0, 201);
    let theirs = sign_in(&test, "other").await;
    assert_eq!(post(&test, &format!("/persons/{other}/disable"), admin, json!({})).await.0, 200);
    assert_eq!(get(&test, "/profile", &theirs).await.status, 303);
    // A changed password ends the other sessions.
    let elsewhere = sign_in(&test, "admin").await;
    let bad = [
        ("csrf", csrf.as_str()),
        ("old", "not it at all, sorry"),
        ("new", "another long phrase for today"),
    ];
    let refused = send(&test, "/profile/password", &session, &bad).await;
    assert!(refused.status == 422 && refused.text.contains("NRS-OFFC-0021"));
    let good =
        [("csrf", csrf.as_str()), ("old", PASSWORD), ("new", "another long phrase for today")];
    assert_eq!(send(&test, "/profile/password", &session, &good).await.status, 303);
    assert_eq!(get(&test, "/profile", &elsewhere).await.status, 303);
    assert_eq!(get(&test, "/profile", &session).await.status, 200);
}

/// An authenticator in software: one Ed25519 credential and a counter (WebAuthn §6.1, COSE key of RFC 9053 §2.2).
struct Authenticator {
    key: SigningKey,
    id: [u8; 32],
    counter: u32,
    user: String,
}

impl Authenticator {
    fn data(&self, attested: bool) -> Vec<u8> {
        let mut data = Sha256::digest("localhost").to_vec();
        data.push(if attested { 0x45 } else { 0x05 });
        data.extend(self.counter.to_be_bytes());
        if attested {
            data.extend([0u8; 16]);
            data.extend(32u16.to_be_bytes());
            data.extend(self.id);
            data.extend([0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]);
            data.extend(self.key.verifying_key().to_bytes());
        }
        data
    }

    fn client(kind: &str, challenge: &str, origin: &str) -> Vec<u8> {
        json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }

    fn register(&mut self, options: &Value, origin: &str) -> String {
        let options = options.get("publicKey").unwrap_or(options);
        options["user"]["id"].as_str().unwrap().clone_into(&mut self.user);
        let data = self.data(true);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(&data);
        let client =
            Self::client("webauthn.create", options["challenge"].as_str().unwrap(), origin);
        let id = URL_SAFE_NO_PAD.encode(self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
            "response": { "clientDataJSON": URL_SAFE_NO_PAD.encode(client), "transports": ["internal"],
                "attestationObject": URL_SAFE_NO_PAD.encode(object) },
        })
        .to_string()
    }

    fn sign(&mut self, options: &Value, origin: &str) -> String {
        let options = options.get("publicKey").unwrap_or(options);
        let client = Self::client("webauthn.get", options["challenge"].as_str().unwrap(), origin);
        let data = self.data(false);
        let mut signed = data.clone();
        signed.extend(Sha256::digest(&client));
        let signature = self.key.sign(&signed).to_bytes();
        let id = URL_SAFE_NO_PAD.encode(self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
            "response": { "clientDataJSON": URL_SAFE_NO_PAD.encode(client), "userHandle": self.user,
                "authenticatorData": URL_SAFE_NO_PAD.encode(data), "signature": URL_SAFE_NO_PAD.encode(signature) },
        })
        .to_string()
    }
}

async fn begin(test: &TestHouse) -> Value {
    let answer = browse("POST", test.url("/login/passkey/begin"), &[], &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

async fn with_passkey(test: &TestHouse, answer: &str) -> Answer {
    browse("POST", test.url("/login/passkey"), &[], &[("credential", answer)]).await
}

#[tokio::test]
async fn a_passkey_signs_in_and_its_copies_replays_and_foreign_pages_do_not() {
    let test = TestHouse::open().await;
    set_up(&test).await;
    let session = sign_in(&test, "admin").await;
    let csrf = get(&test, "/profile", &session).await.csrf();
    let origin = test.serving.origin().to_owned();
    let mut device = Authenticator {
        key: SigningKey::from_bytes(&[7; 32]),
        id: [9; 32],
        counter: 1,
        user: String::new(),
    };
    let offer = async || send(&test, "/profile/passkeys/begin", &session, &[("csrf", &csrf)]).await;
    // Registered from a foreign page: refused. From ours: taken. The same answer again: refused.
    let options: Value = serde_json::from_str(&offer().await.text).unwrap();
    let foreign = device.register(&options, "https://elsewhere.example");
    let form = |answer: &str| {
        [("csrf".to_owned(), csrf.clone()), ("credential".to_owned(), answer.to_owned())]
    };
    let add = async |answer: &str| {
        let form = form(answer);
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        send(&test, "/profile/passkeys", &session, &form).await
    };
    assert_eq!(add(&foreign).await.status, 403, "a foreign origin");
    let options: Value = serde_json::from_str(&offer().await.text).unwrap();
    let answer = device.register(&options, &origin);
    let added = add(&answer).await;
    assert_eq!(added.status, 303, "{}", added.text);
    assert_eq!(add(&answer).await.status, 403, "a replayed registration");
    // Signing in.
    device.counter = 2;
    let answer = device.sign(&begin(&test).await, &origin);
    let opened = with_passkey(&test, &answer).await;
    assert_eq!(opened.status, 303, "{}", opened.text);
    assert_eq!(get(&test, "/office", &opened.session().unwrap()).await.status, 200);
    let refused = |answer: Answer, why: &str| {
        assert_eq!(answer.status, 403, "{why}");
        assert!(answer.text.contains("NRS-OFFC-0023") && answer.session().is_none(), "{why}");
    };
    refused(with_passkey(&test, &answer).await, "a replayed challenge");
    let clone = device.sign(&begin(&test).await, &origin);
    refused(with_passkey(&test, &clone).await, "a counter that does not grow");
    device.counter = 3;
    let foreign = device.sign(&begin(&test).await, "https://elsewhere.example");
    refused(with_passkey(&test, &foreign).await, "a foreign origin");
    let options = begin(&test).await;
    let mut thief = Authenticator { key: SigningKey::from_bytes(&[8; 32]), counter: 9, ..device };
    let forged = thief.sign(&options, &origin);
    refused(with_passkey(&test, &forged).await, "another key");
    refused(with_passkey(&test, "{").await, "no answer at all");
}

/// What answers a caller without credentials must be meant to: `tests/golden/uncovered-endpoints.txt` lists it all.
#[tokio::test]
async fn only_what_is_listed_answers_without_credentials() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/uncovered-endpoints.txt");
    let list = std::fs::read_to_string(path).unwrap();
    let allowed: Vec<&str> =
        list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let test = TestHouse::open().await;
    set_up(&test).await;
    let (_, description) = ask("GET", test.url("/api/v1/openapi.json"), "", None).await;
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() > 15, "the description has the routes");
    for (path, item) in paths {
        let url = path
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part })
            .collect::<Vec<_>>();
        for method in item.as_object().unwrap().keys() {
            let name = format!("{} {path}", method.to_uppercase());
            let verb = match method.as_str() {
                "get" => "GET",
                "post" => "POST",
                "put" => "PUT",
                "delete" => "DELETE",
                other => panic!("{other} {path}"),
            };
            let body = (verb != "GET").then(|| json!({}));
            let (status, said) =
                stranger(verb, test.url(&format!("/api/v1{}", url.join("/"))), body).await;
            let open = status != 401;
            assert_eq!(open, allowed.contains(&name.as_str()), "{name} answered {status} {said}");
        }
    }
}

/// A call without any credentials.
async fn stranger(method: &'static str, url: String, body: Option<Value>) -> (u16, String) {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("content-type", "application/json");
        let mut answer = agent.run(request.body(body).unwrap()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
    })
    .await
    .unwrap()
}
