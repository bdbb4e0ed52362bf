//! The error message of the standard (TAXII 2.1 §3.6). "Not there" and "not for you" are the same, byte for byte but
//! for the request's own number.

use axum::http::header::{ACCEPT_LANGUAGE, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::negotiate::MEDIA_TYPE;
use crate::web::locale::{Lang, Words};
use crate::web::refusal::{Failure, Refusal, chain, say};

/// How a caller can prove who it is (RFC 9110 §11.6.1); a certificate needs no challenge.
const CHALLENGE: &str = "Basic realm=\"TAXII\", charset=\"UTF-8\", Bearer realm=\"TAXII\"";
/// Seconds after which a busy house is asked again.
const AGAIN_AFTER: &str = "2";

/// A method that the place does not know; the standard lists those it does.
pub fn not_allowed() -> Failure {
    Refusal::new("NRS-SHAR-0209", StatusCode::METHOD_NOT_ALLOWED).into()
}

/// What the caller may see of but not do here.
pub fn forbidden(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::FORBIDDEN).into()
}

/// The answer of a request that failed.
pub fn render(headers: &HeaderMap, allow: &'static str, failure: Failure) -> Response {
    let refusal = match failure {
        Failure::Refused(refusal) => *refusal,
        Failure::Broken(source) => {
            tracing::error!(chain = chain(source.as_ref()), "a request failed");
            Refusal::new("NRS-HOUS-0001", StatusCode::INTERNAL_SERVER_ERROR)
        }
    };
    let accept = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let words = Words::new(Lang::negotiate(None, None, accept.or(Some("en"))));
    let body = json!({
        "title": say(words, refusal.code, &refusal.args),
        "description": say(words, &format!("{}-next", refusal.code), &refusal.args),
        "error_code": refusal.code,
        "http_status": refusal.status.as_u16().to_string(),
    });
    let mut response = (refusal.status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    match refusal.status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(AGAIN_AFTER));
        }
        _ => {}
    }
    response
}
