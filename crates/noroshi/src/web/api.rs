//! The API's frame: `/api/v1`, one description, problem documents, cursors.

use std::sync::Arc;

use axum::extract::FromRequest;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::locale::{Lang, Words};
use super::refusal::{Failure, Refusal, say};
use crate::house::House;

/// Entries of one answer when the caller does not say.
pub const PAGE_DEFAULT: u32 = 50;
/// Entries of one answer at most.
pub const PAGE_MAX: u32 = 500;

/// Every route below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/openapi.json", get(openapi))
        .merge(crate::office::api::routes())
        .merge(crate::office::certificates::routes())
        .merge(crate::intake::api::routes())
        .merge(crate::evidence::api::routes())
        .merge(crate::evidence::doubts::routes())
        .merge(crate::sift::api::routes())
        .merge(crate::analyse::api::routes())
        .merge(crate::response::api::routes())
        .merge(crate::share::api::routes())
        .merge(crate::share::council::api::routes())
        .merge(crate::share::peer::api::routes())
        .merge(crate::share::stream::api::routes())
        .merge(crate::share::taxii::settings::routes())
        .merge(crate::influence::api::routes())
        .merge(crate::influence::run::api::routes())
        .merge(crate::influence::feed::api::routes())
        .merge(crate::influence::incident::exchange::api_routes())
        .merge(crate::influence::incident::exposure::api_routes())
        .merge(crate::oversight::api::routes())
        .fallback(no_such_route)
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Noroshi",
        version = "1",
        description = "Reports, evidence, selection, cases, measures, sharing and the log. Bearer tokens are made on \
                       the profile page; each acts under exactly one hat. Errors are RFC 9457 problem documents with \
                       a stable `code` and a `next` step. Lists have a stable `cursor`. A POST with an \
                       `Idempotency-Key` may be repeated."
    ),
    servers((url = "/api/v1")),
    components(schemas(Problem, ProblemItem)),
)]
struct Frame;

/// The whole description, from the annotations beside each handler.
pub fn description() -> utoipa::openapi::OpenApi {
    let mut whole = Frame::openapi();
    for part in [
        crate::office::api::Doc::openapi(),
        crate::office::certificates::Doc::openapi(),
        crate::intake::api::Doc::openapi(),
        crate::evidence::api::description(),
        crate::evidence::doubts::Doc::openapi(),
        crate::sift::api::Doc::openapi(),
        crate::sift::hunt::api::Doc::openapi(),
        crate::sift::law::api::Doc::openapi(),
        crate::sift::pseudonyms::Doc::openapi(),
        crate::analyse::api::Doc::openapi(),
        crate::response::api::Doc::openapi(),
        crate::share::api::Doc::openapi(),
        crate::share::council::api::Doc::openapi(),
        crate::share::peer::api::Doc::openapi(),
        crate::share::stream::api::Doc::openapi(),
        crate::share::taxii::settings::Doc::openapi(),
        crate::influence::api::Doc::openapi(),
        crate::influence::run::api::Doc::openapi(),
        crate::influence::feed::api::Doc::openapi(),
        crate::influence::incident::exchange::Doc::openapi(),
        crate::influence::incident::exposure::Doc::openapi(),
        crate::oversight::api::Doc::openapi(),
    ] {
        whole.merge(part);
    }
    whole
}

async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(description())
}

async fn no_such_route() -> Refusal {
    Refusal::absent()
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries, in the list's stable order.
    pub items: Vec<T>,
    /// Give it back as `cursor` for the entries after these; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What to list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// The `cursor` of the page before; absent for the first.
    pub cursor: Option<String>,
    /// Entries wanted, at most 500; 50 when absent.
    pub limit: Option<u32>,
}

impl Paging {
    /// Entries to give.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }
}

/// A problem document (RFC 9457 §3).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:noroshi:problem:` and the code.
    pub r#type: String,
    /// One line, in the language asked for.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable code, e.g. `NRS-INTK-0001`.
    pub code: String,
    /// What to do next.
    pub next: String,
    /// The request's id, for asking about it.
    pub instance: String,
    /// What is wrong where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ProblemItem>,
}

/// One finding of a problem document.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemItem {
    /// JSON pointer into the request.
    pub pointer: String,
    /// Stable code.
    pub code: String,
    /// One line.
    pub title: String,
}

/// Renders a refusal for programs.
pub(super) fn problem(lang: Lang, refusal: &Refusal, instance: &str) -> Response {
    let words = Words::new(lang);
    let items = refusal.items.iter().map(|item| ProblemItem {
        pointer: item.pointer.clone(),
        code: item.code.clone(),
        title: say(words, &item.code, &item.args),
    });
    let body = Problem {
        r#type: format!("urn:noroshi:problem:{}", refusal.code),
        title: say(words, refusal.code, &refusal.args),
        status: refusal.status.as_u16(),
        code: refusal.code.to_owned(),
        next: say(words, &format!("{}-next", refusal.code), &refusal.args),
        instance: format!("urn:noroshi:request:{instance}"),
        items: items.collect(),
    };
    let mut response = (refusal.status, Json(body)).into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = retry_seconds(refusal.status) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
    }
    response
}

/// After how many seconds the same request may be answered.
fn retry_seconds(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => Some("2"),
        StatusCode::TOO_MANY_REQUESTS => Some("60"),
        _ => None,
    }
}

/// A JSON body: the parsed value and its bytes (which an idempotency key is bound to).
pub struct Body<T> {
    /// What was sent, understood.
    pub value: T,
    /// What was sent, as sent.
    pub bytes: axum::body::Bytes,
}

/// Nesting that a JSON body may have.
const DEPTH_MAX: usize = 64;

impl<T: serde::de::DeserializeOwned> FromRequest<Arc<House>> for Body<T> {
    type Rejection = Failure;

    async fn from_request(
        request: axum::extract::Request,
        house: &Arc<House>,
    ) -> Result<Self, Failure> {
        Self::read(request, house.config.web.body_bytes_max).await
    }
}

impl<T: serde::de::DeserializeOwned> Body<T> {
    /// Reads a body of at most so many bytes: for what has a limit of its own. Whoever calls has asked before whether the
    /// caller may send it at all.
    pub async fn read(request: axum::extract::Request, bytes_max: usize) -> Result<Self, Failure> {
        let bytes = axum::body::to_bytes(request.into_body(), bytes_max)
            .await
            .map_err(|_| super::visitor::too_large())?;
        if deeper_than(&bytes, DEPTH_MAX) {
            return Err(Refusal::new("NRS-HOUS-0008", StatusCode::BAD_REQUEST)
                .arg("depth", DEPTH_MAX)
                .into());
        }
        let value = serde_json::from_slice(&bytes).map_err(|mistake| {
            Refusal::new("NRS-HOUS-0009", StatusCode::BAD_REQUEST)
                .arg("line", mistake.line())
                .arg("column", mistake.column())
                .arg("mistake", mistake)
        })?;
        Ok(Self { value, bytes })
    }
}

/// Whether JSON text nests deeper than `max`, found without recursion.
fn deeper_than(bytes: &[u8], max: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in bytes {
        match (in_text, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_text = !in_text,
            (false, _, b'[' | b'{') => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            (false, _, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_texts_only() {
        assert!(!deeper_than(br#"{"a":"[[[[[\"[[["}"#, 1));
        assert!(deeper_than(b"[[", 1));
        assert!(deeper_than("[".repeat(100_000).as_bytes(), DEPTH_MAX));
    }

    #[test]
    fn the_description_is_the_one_in_the_tree() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/generated/openapi.json");
        let kept: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let now = serde_json::to_value(description()).unwrap();
        // Callers have programs written against it: a change of it is decided, not found out.
        assert_eq!(now, kept, "`cargo xtask generate` writes it anew");
    }
}
