//! Pages: the frame round each, the front page, and the error page with an id and a way back.

use std::any::Any;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::layout::{DemoBar, HatChoice, Link, NavItem, PersonBadge, Persona, Shell, Theme};
use super::locale::{Lang, Words};
use super::refusal::{Answer, Failure, Refusal, say};
use super::visitor::{PostedByStranger, Stranger, Visitor};
use super::{Nonce, RequestId, api};
use crate::house::House;
use crate::office::authorise::{Action, Standing};
use crate::office::people::HeldHat;
use noroshi_charter::hat::Hat;

/// The front door, preferences and the health check.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/", get(front))
        .route("/preferences", post(preferences))
        .route("/healthz", get(|| async { "ok\n" }))
}

/// Renders a page.
pub fn html(page: &impl Template) -> Answer {
    match page.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(problem) => Err(Failure::Broken(Box::new(problem))),
    }
}

/// The frame for a signed-in reader: `title` is a key of the locales.
pub fn shell(house: &House, visitor: &Visitor, title: &str) -> Shell {
    let session = &visitor.session;
    let words = visitor.words();
    let org = match words.lang() {
        Lang::Ja => session.held.org.name_ja.clone(),
        Lang::En => session.held.org.name_en.clone(),
    };
    let mut shell = Shell::bare(
        words,
        words.t(title),
        visitor.path.as_str(),
        visitor.nonce.as_str(),
        visitor.ctx.now,
    );
    shell.theme = Theme::from_code(&session.theme);
    shell.person = Some(PersonBadge {
        login: session.name.clone(),
        org,
        hat_label: words.t(hat_key(session.held.hat)),
    });
    shell.hats = hat_choices(visitor, words);
    shell.nav = nav(house, visitor, words);
    shell.csrf.clone_from(&session.csrf);
    shell.demo = demo_bar(house, words, &session.login);
    shell
}

/// The key of a hat's name in the locales.
pub fn hat_key(hat: Hat) -> String {
    format!("hat-{}", hat.id().replace('.', "-"))
}

fn hat_choices(visitor: &Visitor, words: Words) -> Vec<HatChoice> {
    let choice = |held: &HeldHat| {
        let org = match words.lang() {
            Lang::Ja => &held.org.name_ja,
            Lang::En => &held.org.name_en,
        };
        HatChoice {
            id: format!("{} {}", held.hat.id(), held.org.org),
            label: format!("{} - {org}", words.t(hat_key(held.hat))),
            current: *held == visitor.session.held,
        }
    };
    visitor.hats.iter().map(choice).collect()
}

/// The frame for a reader without a session: `title` is a key of the locales.
pub fn bare_shell(house: &House, stranger: &Stranger, title: &str) -> Shell {
    let words = Words::new(stranger.lang);
    let now = house.clock.now();
    let mut shell =
        Shell::bare(words, words.t(title), stranger.path.as_str(), stranger.nonce.as_str(), now);
    shell.theme = Theme::from_code(&stranger.theme);
    shell.demo = demo_bar(house, words, "");
    shell
}

/// Where each hat can go: address, words, icon, and the action that must be allowed.
const PLACES: &[(&str, &str, &str, Action)] = &[
    ("/intake", "nav-intake", "report", Action::IntakeRead),
    ("/analyse", "nav-picture", "chart", Action::AnalysePicture),
    ("/analyse/cases", "nav-cases", "case", Action::AnalyseRead),
    ("/evidence", "nav-evidence", "graph", Action::EvidenceRead),
    ("/analyse/matrix", "nav-techniques", "grid", Action::EvidenceRead),
    ("/analyse/inbox", "nav-inbox", "bell", Action::AnalyseWatch),
    ("/sift", "nav-sift", "filter", Action::SiftRead),
    ("/influence", "nav-influence", "flag", Action::InfluenceRead),
    ("/response", "nav-measures", "shield", Action::ResponseRead),
    ("/share", "nav-share", "share", Action::ShareRelease),
    ("/share/reviews", "nav-reviews", "check", Action::ShareReview),
    ("/advisories", "nav-advisories", "bell", Action::ShareAnswer),
    ("/messages", "nav-messages", "flag", Action::ShareRead),
    ("/office", "nav-office", "people", Action::OfficeManage),
    ("/oversight", "nav-log", "log", Action::OversightLog),
];

fn nav(house: &House, visitor: &Visitor, words: Words) -> Vec<NavItem> {
    let standing = Standing { own_org: true, own_sector: true, own_request: false };
    let here = visitor.path.split('?').next().unwrap_or("/");
    let allowed = PLACES
        .iter()
        .filter(|(.., action)| house.authoriser.allows(visitor.ctx.hat, *action, standing))
        .collect::<Vec<_>>();
    // The longest address that contains this page is the place it belongs to.
    let current = allowed
        .iter()
        .map(|(href, ..)| *href)
        .filter(|href| {
            here == *href || here.strip_prefix(href).is_some_and(|rest| rest.starts_with('/'))
        })
        .max_by_key(|href| href.len());
    let item = |place: &&(&'static str, &str, &'static str, Action)| NavItem {
        href: place.0.to_owned(),
        label: words.t(place.1),
        icon: place.2.to_owned(),
        count: 0,
        current: current == Some(place.0),
    };
    allowed.iter().map(item).collect()
}

fn demo_bar(house: &House, words: Words, login: &str) -> Option<DemoBar> {
    let personas = crate::demo::personas(house)?;
    let persona = |(id, key): (&'static str, &'static str)| Persona {
        id: id.to_owned(),
        label: words.t(key),
        org: words.t(&format!("{key}-org")),
        current: id == login,
    };
    Some(DemoBar { personas: personas.into_iter().map(persona).collect() })
}

/// The first place this hat can use.
async fn front(
    axum::extract::State(house): axum::extract::State<Arc<House>>,
    visitor: Visitor,
) -> Redirect {
    let words = Words::new(Lang::Ja);
    let first = nav(&house, &visitor, words).into_iter().next();
    Redirect::to(&first.map_or_else(|| "/oversight".to_owned(), |item| item.href))
}

/// Language and theme, kept in cookies (and with the account when there is one).
async fn preferences(
    axum::extract::State(house): axum::extract::State<Arc<House>>,
    visitor: Result<Option<Visitor>, Failure>,
    form: PostedByStranger,
) -> Answer {
    let values = form.values;
    let back = local_path(values.get("back"));
    let mut response = Redirect::to(&back).into_response();
    for (name, allowed) in
        [("lang", ["ja", "en"].as_slice()), ("theme", &["system", "light", "dark"])]
    {
        let Some(value) = values.some(name).filter(|value| allowed.contains(value)) else {
            continue;
        };
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(value) = cookie.parse() {
            response.headers_mut().append(axum::http::header::SET_COOKIE, value);
        }
    }
    if let Some(visitor) = visitor? {
        crate::office::act::keep_preferences(&house, &visitor, &values).await?;
    }
    Ok(response)
}

/// A path of this house from what a form or a query says; anything else leads to the front door.
pub fn local_path(text: &str) -> String {
    let local = text.starts_with('/') && !text.starts_with("//") && !text.contains('\\');
    if local && text.chars().all(|letter| !letter.is_control()) {
        text.to_owned()
    } else {
        "/".to_owned()
    }
}

/// What was asked, kept for the error page.
pub(super) struct Asked {
    stranger: Stranger,
    program: bool,
    method: Method,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        let nonce =
            request.extensions().get::<Nonce>().map_or_else(String::new, |nonce| nonce.0.clone());
        let path = request.uri().path();
        let program = ["/api/", "/taxii2", "/openc2"].iter().any(|start| path.starts_with(start));
        let stranger = Stranger::of(request.headers(), request.uri(), nonce);
        Self { stranger, program, method: request.method().clone() }
    }
}

#[derive(Template)]
#[template(path = "shell/refusal.html")]
struct RefusalPage {
    shell: Shell,
    status: u16,
    note: String,
    next: String,
    items: Vec<String>,
    links: Vec<Link>,
    code: &'static str,
    request: String,
}

pub(super) fn render_refusal(
    house: &House,
    asked: &Asked,
    id: &RequestId,
    refusal: &Refusal,
) -> Response {
    if asked.program {
        return api::problem(asked.stranger.lang, refusal, &id.0);
    }
    let shell = bare_shell(house, &asked.stranger, "shell-error-title");
    let words = shell.words;
    let mut links = Vec::new();
    if asked.method != Method::GET {
        links.push(Link { href: asked.stranger.path.clone(), label: words.t("error-back") });
    }
    let page = RefusalPage {
        status: refusal.status.as_u16(),
        note: say(words, refusal.code, &refusal.args),
        next: say(words, &format!("{}-next", refusal.code), &refusal.args),
        items: refusal
            .items
            .iter()
            .map(|item| format!("{} ({})", say(words, &item.code, &item.args), item.code))
            .collect(),
        links,
        code: refusal.code,
        request: id.0.clone(),
        shell,
    };
    match page.render() {
        Ok(text) => (refusal.status, Html(text)).into_response(),
        Err(_) => (refusal.status, format!("{} {}\n", refusal.code, id.0)).into_response(),
    }
}

/// A panic is a defect: logged without its message (which might hold what a caller sent), answered as a failure.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(super) fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    Refusal::new("NRS-HOUS-0001", StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
