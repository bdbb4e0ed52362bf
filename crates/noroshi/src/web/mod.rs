//! The web shell: one list of routes, one way to say no, one place that finishes every answer.

pub mod api;
pub mod assets;
pub mod form;
pub mod forms;
pub mod layout;
pub mod locale;
pub mod page;
pub mod refusal;
pub mod table;
pub mod tls;
pub mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::house::House;
use visitor::RequestId;

/// Words that pages and files of the house begin with: no API root may.
pub const TAKEN: &[&str] = &[
    "analyse",
    "api",
    "assets",
    "council",
    "demo",
    "evidence",
    "healthz",
    "influence",
    "intake",
    "invitations",
    "log",
    "login",
    "logout",
    "office",
    "operators",
    "oversight",
    "preferences",
    "profile",
    "readiness",
    "response",
    "setup",
    "share",
    "sift",
    "standard",
    "stream",
];

/// Every route of the house.
pub fn app(house: Arc<House>) -> Router {
    Router::new()
        .route("/assets/{file}", axum::routing::get(assets::serve))
        .merge(page::routes())
        .merge(crate::office::pages::routes())
        .merge(crate::intake::pages::routes())
        .merge(crate::evidence::pages::routes())
        .merge(crate::sift::pages::routes())
        .merge(crate::analyse::pages::routes())
        .merge(crate::response::pages::routes())
        .merge(crate::share::pages::routes())
        .merge(crate::share::council::pages::routes())
        .merge(crate::share::council::desk::routes())
        .merge(crate::share::clearing::routes())
        .merge(crate::share::peer::pages::routes())
        .merge(crate::share::taxii::routes())
        .merge(crate::influence::pages::routes())
        .merge(crate::influence::run::pages::routes())
        .merge(crate::influence::feed::pages::routes())
        .merge(crate::influence::incident::exchange::page_routes())
        .merge(crate::influence::incident::panel::page_routes())
        .merge(crate::influence::incident::exposure::page_routes())
        .merge(crate::oversight::pages::routes())
        .merge(crate::demo::routes(&house))
        .nest("/api/v1", api::routes())
        .fallback(crate::share::taxii::or_no_such_page)
        .layer(DefaultBodyLimit::max(house.config.web.body_bytes_max))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(page::panicked))
        .layer(from_fn_with_state(Arc::clone(&house), finish))
        .with_state(house)
}

/// The nonce that inline scripts and styles of this answer must carry.
#[derive(Debug, Clone)]
pub struct Nonce(pub String);

/// Gives each request an id and a nonce, renders refusals, and sets the headers that every answer has.
async fn finish(State(house): State<Arc<House>>, mut request: Request, next: Next) -> Response {
    let id = RequestId(crate::office::id::random_uuid().simple().to_string());
    let nonce = Nonce(crate::office::id::random_uuid().simple().to_string());
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(nonce.clone());
    let asked = page::Asked::of(&request);
    let mut response = crate::office::store::asked_for(next.run(request)).await;
    if let Some(refusal::Pending(refusal)) = response.extensions_mut().remove() {
        response = page::render_refusal(&house, &asked, &id, &refusal);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    let policy = format!(
        "default-src 'none'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; script-src 'self' 'nonce-{0}'; style-src 'self' 'nonce-{0}'",
        nonce.0
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, value);
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
