//! The pages of this pillar: set-up, sign-in, invitations, hats; the profile and administration are beside it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::act::{self, LOGIN_CHARS_MAX, NewOrg, NewPerson, SETUP_LIFE};
use super::entry;
use super::kinds::KINDS;
use super::people::PASSWORD_CHARS_MIN;
use super::read;
use super::secret::{Secret, digest};
use crate::house::House;
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Flash, Shell, Tone, paths};
use crate::web::locale::{Lang, Words};
use crate::web::page::{bare_shell, html, local_path};
use crate::web::refusal::{Answer, Failure, Refusal, say};
use crate::web::visitor::{Posted, PostedByStranger, SESSION_COOKIE, Stranger, Visitor, cookie};

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/setup", get(setup).post(set_up))
        .route("/login", get(login).post(sign_in))
        .route("/invitations/{invitation}", get(invitation).post(accept))
        .route(paths::HAT, post(wear))
        .route(paths::LEAVE, post(leave))
        .merge(super::profile::routes())
        .merge(super::admin::routes())
        .merge(super::certificates::pages())
        .merge(super::passkey::routes())
}

/// The cookie that carries a session's secret; an empty one ends it.
pub fn session_cookie(house: &House, secret: Option<&Secret>) -> Option<HeaderValue> {
    let secure = if house.config.origin().starts_with("https://") { "; Secure" } else { "" };
    let (value, age) = match secret {
        Some(secret) => (secret.reveal(), u64::from(house.config.web.session_hours) * 3600),
        None => ("", 0),
    };
    let text =
        format!("{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A redirect that brings a session with it.
pub(super) fn with_session(house: &House, secret: Option<&Secret>, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    if let Some(cookie) = session_cookie(house, secret) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Marks the fields that a refusal names; other failures go on.
pub(super) fn mark(form: &mut FormState, failure: Failure) -> Result<(), Failure> {
    match failure {
        Failure::Refused(refusal) if !refusal.items.is_empty() => {
            for item in &refusal.items {
                let field = item.pointer.rsplit('/').next().unwrap_or_default();
                let max = item
                    .args
                    .iter()
                    .find(|(name, _)| *name == "max")
                    .and_then(|(_, max)| max.parse().ok());
                form.fail(field, FieldError { max, ..FieldError::new(&item.code, &item.code) });
            }
            Ok(())
        }
        other => Err(other),
    }
}

/// Tells a refusal at the top of the page it came from.
pub(super) fn flash(words: Words, refusal: &Refusal) -> Flash {
    let next = say(words, &format!("{}-next", refusal.code), &refusal.args);
    let text = format!("{} {next}", say(words, refusal.code, &refusal.args));
    Flash { tone: Tone::Bad, text, code: refusal.code.to_owned() }
}

/// A page with another status than 200.
pub(super) fn with_status(status: StatusCode, page: &impl Template) -> Answer {
    Ok((status, html(page)?).into_response())
}

/// What was typed, without the secrets.
pub(super) fn kept(values: &crate::web::form::Values) -> FormState {
    let secrets = ["password", "old", "new", "csrf"];
    FormState::posted(
        values.flat().into_iter().filter(|(name, _)| !secrets.contains(&name.as_str())),
    )
}

/// Something stored, for "what is stored where".
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// The file or folder.
    pub(super) path: String,
    /// The key of the words.
    pub(super) key: &'static str,
}

/// Where this house keeps what.
pub(super) fn stored(house: &House) -> Vec<Stored> {
    let places = [
        ("noroshi.db", "office-where-db"),
        ("log/", "office-where-log"),
        ("keys/", "office-where-keys"),
        ("noroshi.toml", "office-where-config"),
    ];
    let place = |(name, key)| Stored { path: house.dir.join(name).display().to_string(), key };
    places.into_iter().map(place).collect()
}

/// How long a password must be.
pub(super) fn password_help(words: Words) -> String {
    words.tv("office-password-help", &[("max", PASSWORD_CHARS_MIN.to_string().into())])
}

pub(super) fn kinds(words: Words) -> Vec<Choice> {
    KINDS.iter().map(|kind| Choice::new(*kind, words.t(format!("office-kind-{kind}")))).collect()
}

#[derive(Deserialize)]
struct TokenQuery {
    #[serde(default)]
    token: String,
}

#[derive(Template)]
#[template(path = "office/setup.html")]
struct SetupPage {
    shell: Shell,
    form: FormState,
    langs: Vec<Choice>,
    kinds: Vec<Choice>,
    stored: Vec<Stored>,
    login_help: String,
    password_help: String,
}

fn setup_page(house: &House, stranger: &Stranger, form: FormState) -> SetupPage {
    let shell = bare_shell(house, stranger, "office-setup-title");
    let words = shell.words;
    let first = |choice: &Choice| choice.value == "office" || choice.value == "ministry";
    SetupPage {
        langs: vec![
            Choice::new("ja", words.t("shell-language-ja")),
            Choice::new("en", words.t("shell-language-en")),
        ],
        kinds: kinds(words).into_iter().filter(first).collect(),
        stored: stored(house),
        login_help: words.tv("office-login-help", &[("max", LOGIN_CHARS_MAX.to_string().into())]),
        password_help: password_help(words),
        form,
        shell,
    }
}

async fn setup(
    State(house): State<Arc<House>>,
    stranger: Stranger,
    Query(query): Query<TokenQuery>,
) -> Answer {
    let (digest, oldest) = (digest(&query.token), house.clock.now() - SETUP_LIFE);
    if !house.store.read(move |reader| read::setup_open(reader, &digest, oldest)).await? {
        return Err(act::no_setup());
    }
    let mut form = FormState::new();
    form.set("token", query.token);
    form.set("lang", stranger.lang.code());
    form.set("kind", "office");
    html(&setup_page(&house, &stranger, form))
}

async fn set_up(
    State(house): State<Arc<House>>,
    stranger: Stranger,
    posted: PostedByStranger,
) -> Answer {
    let values = posted.values;
    let org = NewOrg {
        name_ja: values.get("name_ja").to_owned(),
        name_en: values.get("name_en").to_owned(),
        kind: values.get("kind").to_owned(),
        sector: values.some("sector").map(str::to_owned),
    };
    let admin =
        NewPerson { login: values.get("login").to_owned(), name: values.get("name").to_owned() };
    let lang = Lang::from_code(values.get("lang")).unwrap_or(stranger.lang);
    let done =
        act::set_up(&house, values.get("token"), &org, &admin, values.get("password"), lang).await;
    match done {
        Ok(made) => {
            let secret = entry::open_session(&house, &made.person, None, Vec::new()).await?;
            Ok(with_session(&house, Some(&secret), "/"))
        }
        Err(failure) => {
            let mut form = kept(&values);
            mark(&mut form, failure)?;
            with_status(StatusCode::UNPROCESSABLE_ENTITY, &setup_page(&house, &stranger, form))
        }
    }
}

#[derive(Deserialize)]
struct LoginQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    done: String,
}

#[derive(Template)]
#[template(path = "office/login.html")]
struct LoginPage {
    shell: Shell,
    form: FormState,
    passkeys: bool,
}

fn login_page(house: &House, stranger: &Stranger, form: FormState) -> LoginPage {
    let passkeys = super::passkey::offered(house);
    LoginPage { shell: bare_shell(house, stranger, "office-login-title"), form, passkeys }
}

/// The sign-in page again, with what went wrong.
pub(super) fn refused_sign_in(
    house: &House,
    stranger: &Stranger,
    values: &crate::web::form::Values,
    refusal: &Refusal,
) -> Answer {
    let mut page = login_page(house, stranger, kept(values));
    "/login".clone_into(&mut page.shell.path);
    page.shell.flash = Some(flash(page.shell.words, refusal));
    with_status(refusal.status, &page)
}

async fn login(
    State(house): State<Arc<House>>,
    visitor: Result<Option<Visitor>, Failure>,
    stranger: Stranger,
    Query(query): Query<LoginQuery>,
) -> Answer {
    let next = local_path(&query.next);
    if visitor?.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    let mut form = FormState::new();
    form.set("next", next);
    let mut page = login_page(&house, &stranger, form);
    if query.done == "invitation" {
        let text = page.shell.t("office-invitation-done");
        page.shell.flash = Some(Flash { tone: Tone::Ok, text, code: String::new() });
    }
    html(&page)
}

async fn sign_in(
    State(house): State<Arc<House>>,
    stranger: Stranger,
    headers: HeaderMap,
    posted: PostedByStranger,
) -> Answer {
    let values = posted.values;
    let before = cookie(&headers, SESSION_COOKIE);
    let opened = match entry::prove(&house, values.get("login"), values.get("password")).await {
        Ok(login) => {
            let proof = vec![entry::by_password(&login.person, house.clock.now())];
            entry::open_session(&house, &login.person, before, proof).await
        }
        Err(failure) => Err(failure),
    };
    match opened {
        Ok(secret) => Ok(with_session(&house, Some(&secret), &local_path(values.get("next")))),
        Err(Failure::Refused(refusal)) => refused_sign_in(&house, &stranger, &values, &refusal),
        Err(failure) => Err(failure),
    }
}

#[derive(Template)]
#[template(path = "office/invitation.html")]
struct InvitationPage {
    shell: Shell,
    form: FormState,
    login: String,
    lead: String,
    password_help: String,
}

async fn invitation_page(
    house: &Arc<House>,
    stranger: &Stranger,
    secret: &str,
    form: FormState,
) -> Answer<InvitationPage> {
    let (digest, now) = (digest(secret), house.clock.now());
    let found = house.store.read(move |reader| read::invitation(reader, &digest, now)).await?;
    let Some((_, login, name)) = found else { return Err(act::no_invitation()) };
    let shell = bare_shell(house, stranger, "office-invitation-title");
    let words = shell.words;
    let lead = words
        .tv("office-invitation-lead", &[("name", name.into()), ("login", login.clone().into())]);
    Ok(InvitationPage { password_help: password_help(words), shell, form, login, lead })
}

async fn invitation(
    State(house): State<Arc<House>>,
    stranger: Stranger,
    Path(secret): Path<String>,
) -> Answer {
    html(&invitation_page(&house, &stranger, &secret, FormState::new()).await?)
}

async fn accept(
    State(house): State<Arc<House>>,
    stranger: Stranger,
    Path(secret): Path<String>,
    posted: PostedByStranger,
) -> Answer {
    match act::accept_invitation(&house, &secret, posted.values.get("password")).await {
        Ok(_) => Ok(with_session(&house, None, "/login?done=invitation")),
        Err(failure) => {
            let mut form = FormState::new();
            mark(&mut form, failure)?;
            let page = invitation_page(&house, &stranger, &secret, form).await?;
            with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

async fn wear(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let secret = entry::wear(&house, &posted.visitor, posted.values.get("hat")).await?;
    // The page before may not be for the new hat; the front door knows where this hat goes.
    Ok(with_session(&house, Some(&secret), "/"))
}

async fn leave(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    entry::sign_out(&house, &posted.visitor).await?;
    Ok(with_session(&house, None, "/login"))
}
