//! Who is calling: a browser with a session, or a program with a token.

use std::sync::Arc;

use axum::extract::{
    ConnectInfo, FromRequest, FromRequestParts, OptionalFromRequestParts, Request,
};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use jiff::Timestamp;

use super::form::Values;
use super::locale::{Lang, Words};
use super::refusal::{Failure, Refusal};
use super::tls::Peer;
use crate::house::House;
use crate::office::certificates;
use crate::office::ctx::Ctx;
use crate::office::people::{self, HeldHat, Session};
use crate::office::secret;
use crate::office::store::{Reader, StoreFailure};

/// Name of the session cookie.
pub const SESSION_COOKIE: &str = "noroshi_session";

/// Names the request in answers and in the operator's log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// A browser with an open session.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The session.
    pub session: Session,
    /// The context to act in.
    pub ctx: Ctx,
    /// Path and query of the page asked for.
    pub path: String,
    /// Nonce for inline scripts of the answer.
    pub nonce: String,
    /// Language of the answer: `?lang=` once, else the account's.
    pub lang: Lang,
    /// Every hat this person holds.
    pub hats: Vec<HeldHat>,
}

impl Visitor {
    /// The words of the reader's language.
    pub fn words(&self) -> Words {
        Words::new(self.lang)
    }
}

/// A browser without a session: the sign-in and set-up pages, and error pages.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// Language of the answer.
    pub lang: Lang,
    /// Theme of the answer.
    pub theme: String,
    /// Path and query of the page asked for.
    pub path: String,
    /// Nonce for inline scripts of the answer.
    pub nonce: String,
}

impl FromRequestParts<Arc<House>> for Stranger {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _house: &Arc<House>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers, &parts.uri, nonce(&parts.extensions)))
    }
}

impl Stranger {
    /// What a request without a session tells of its reader.
    pub fn of(headers: &HeaderMap, uri: &axum::http::Uri, nonce: String) -> Self {
        let accept = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let path = uri.path_and_query().map_or("/", |whole| whole.as_str()).to_owned();
        Self {
            lang: Lang::negotiate(lang_asked(uri), cookie(headers, "lang").as_deref(), accept),
            theme: cookie(headers, "theme").unwrap_or_else(|| "system".to_owned()),
            path,
            nonce,
        }
    }
}

fn lang_asked(uri: &axum::http::Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("lang="))
}

fn nonce(extensions: &axum::http::Extensions) -> String {
    extensions.get::<super::Nonce>().map_or_else(String::new, |nonce| nonce.0.clone())
}

/// A page asked for without a session leads to the sign-in page and back.
pub enum NoVisitor {
    /// To the sign-in page.
    SignIn(String),
    /// Something else was wrong.
    Failed(Failure),
}

impl IntoResponse for NoVisitor {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(path) => Redirect::to(&sign_in_address(&path)).into_response(),
            Self::Failed(failure) => failure.into_response(),
        }
    }
}

fn sign_in_address(path: &str) -> String {
    if path == "/" { "/login".to_owned() } else { format!("/login?next={}", percent(path)) }
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
pub fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ok = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

impl FromRequestParts<Arc<House>> for Visitor {
    type Rejection = NoVisitor;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, NoVisitor> {
        let path = parts.uri.path_and_query().map_or("/", |whole| whole.as_str()).to_owned();
        match find_visitor(parts, house, &path).await {
            Ok(Some(visitor)) => Ok(visitor),
            Ok(None) => Err(NoVisitor::SignIn(path)),
            Err(failure) => Err(NoVisitor::Failed(failure)),
        }
    }
}

impl OptionalFromRequestParts<Arc<House>> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut Parts,
        house: &Arc<House>,
    ) -> Result<Option<Self>, Failure> {
        let path = parts.uri.path_and_query().map_or("/", |whole| whole.as_str()).to_owned();
        find_visitor(parts, house, &path).await
    }
}

async fn find_visitor(
    parts: &Parts,
    house: &Arc<House>,
    path: &str,
) -> Result<Option<Visitor>, Failure> {
    let Some(secret) = cookie(&parts.headers, SESSION_COOKIE) else { return Ok(None) };
    let now = house.clock.now();
    let found = house
        .store
        .read(move |reader| {
            let Some(session) = people::find_session(reader, &secret, now)? else {
                return Ok(None);
            };
            let hats = people::hats_of(reader, &session.person)?;
            Ok(Some((session, hats)))
        })
        .await?;
    let (request, nonce) = (request_id(parts), nonce(&parts.extensions));
    Ok(found.map(|(session, hats)| {
        let ctx = people::session_ctx(&session, now, request);
        let lang = Lang::negotiate(lang_asked(&parts.uri), Some(&session.lang), None);
        Visitor { session, ctx, path: path.to_owned(), nonce, lang, hats }
    }))
}

fn request_id(parts: &Parts) -> String {
    parts.extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone())
}

/// A cookie's value.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// A form sent by a signed-in browser, with its cross-site token checked.
pub struct Posted {
    /// Who sent it.
    pub visitor: Visitor,
    /// What was typed.
    pub values: Values,
}

impl FromRequest<Arc<House>> for Posted {
    type Rejection = NoVisitor;

    async fn from_request(request: Request, house: &Arc<House>) -> Result<Self, NoVisitor> {
        let (mut parts, body) = request.into_parts();
        let visitor =
            <Visitor as FromRequestParts<Arc<House>>>::from_request_parts(&mut parts, house)
                .await?;
        let values = read_form(&parts, body, house).await.map_err(NoVisitor::Failed)?;
        if !secret::same(values.get("csrf"), &visitor.session.csrf) {
            return Err(NoVisitor::Failed(cross_site()));
        }
        Ok(Self { visitor, values })
    }
}

/// A form sent before there is a session (sign-in, set-up): the page's origin stands in for the token.
pub struct PostedByStranger {
    /// What was typed.
    pub values: Values,
}

impl FromRequest<Arc<House>> for PostedByStranger {
    type Rejection = Failure;

    async fn from_request(request: Request, house: &Arc<House>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        Ok(Self { values: read_form(&parts, body, house).await? })
    }
}

/// A form that may bring a file, sent by a signed-in browser, with its cross-site token checked before the file is read.
pub struct Uploaded {
    /// Who sent it.
    pub visitor: Visitor,
    /// What was typed.
    pub values: Values,
    /// Name and content of the file; empty when none was chosen.
    pub file: (String, axum::body::Bytes),
}

/// Bytes of one typed field of such a form.
const TYPED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Fields of such a form.
const TYPED_FIELDS_MAX: usize = 64;

impl FromRequest<Arc<House>> for Uploaded {
    type Rejection = NoVisitor;

    async fn from_request(request: Request, house: &Arc<House>) -> Result<Self, NoVisitor> {
        let (mut parts, body) = request.into_parts();
        let visitor =
            <Visitor as FromRequestParts<Arc<House>>>::from_request_parts(&mut parts, house)
                .await?;
        same_origin(&parts.headers).map_err(NoVisitor::Failed)?;
        // The limits are kept below, field by field.
        let mut request = Request::from_parts(parts, body);
        axum::extract::DefaultBodyLimit::disable().apply(&mut request);
        let form = axum::extract::Multipart::from_request(request, house)
            .await
            .map_err(|_| NoVisitor::Failed(no_form()))?;
        let (values, file) =
            read_parts(form, &visitor.session.csrf, house).await.map_err(NoVisitor::Failed)?;
        Ok(Self { visitor, values, file })
    }
}

fn no_form() -> Failure {
    Refusal::new("NRS-HOUS-0006", StatusCode::UNSUPPORTED_MEDIA_TYPE).into()
}

async fn read_parts(
    mut form: axum::extract::Multipart,
    csrf: &str,
    house: &Arc<House>,
) -> Result<(Values, (String, axum::body::Bytes)), Failure> {
    let mut values = Values::default();
    let mut file = (String::new(), axum::body::Bytes::new());
    for _ in 0..TYPED_FIELDS_MAX {
        let Some(mut field) = form.next_field().await.map_err(|_| no_form())? else { break };
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.file_name().map(str::to_owned);
        // INVARIANT: the token stands first in the form, so a stranger's file is not even read.
        if name != "csrf" && !secret::same(values.get("csrf"), csrf) {
            return Err(cross_site());
        }
        let bytes_max =
            if is_file.is_some() { house.config.web.bundle_bytes_max } else { TYPED_BYTES_MAX };
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|_| no_form())? {
            if bytes.len() + chunk.len() > bytes_max {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        match is_file {
            Some(called) if !bytes.is_empty() => file = (called, bytes.into()),
            Some(_) => {}
            None => values.set(&name, String::from_utf8_lossy(&bytes).replace("\r\n", "\n")),
        }
    }
    if !secret::same(values.get("csrf"), csrf) {
        return Err(cross_site());
    }
    Ok((values, file))
}

async fn read_form(
    parts: &Parts,
    body: axum::body::Body,
    house: &Arc<House>,
) -> Result<Values, Failure> {
    same_origin(&parts.headers)?;
    let is_form = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return Err(Refusal::new("NRS-HOUS-0006", StatusCode::UNSUPPORTED_MEDIA_TYPE).into());
    }
    let bytes = axum::body::to_bytes(body, house.config.web.body_bytes_max)
        .await
        .map_err(|_| too_large())?;
    Ok(Values::parse(&bytes))
}

/// The refusal of a body over the limit.
pub fn too_large() -> Failure {
    Refusal::new("NRS-HOUS-0007", StatusCode::PAYLOAD_TOO_LARGE).into()
}

fn cross_site() -> Failure {
    Refusal::new("NRS-AUTH-0004", StatusCode::FORBIDDEN).into()
}

/// Browsers name the page a form came from; it must be ours. `Host` is what the browser believes it talks to.
fn same_origin(headers: &HeaderMap) -> Result<(), Failure> {
    let text =
        |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let site = text(axum::http::HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(cross_site());
    }
    let (origin, host) = (text(ORIGIN), text(axum::http::header::HOST));
    let foreign = origin.is_some_and(|origin| {
        let place = origin.split_once("://").map_or(origin, |(_, place)| place);
        Some(place) != host
    });
    if foreign { Err(cross_site()) } else { Ok(()) }
}

/// A program with a bearer token, or a browser's session for reading the API by hand.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The context to act in.
    pub ctx: Ctx,
    /// By what it proved who it is.
    pub proof: Proof,
}

/// By what somebody proved who it is: enough to ask again whether it still holds, and of no use to prove it elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The digest of an API token.
    Token(String),
    /// The fingerprint of a client certificate.
    Certificate(String),
    /// The digest of a browser's session.
    Session(String),
}

impl Proof {
    /// As it is kept, e.g. `token:<digest>`.
    pub fn text(&self) -> String {
        match self {
            Self::Token(digest) => format!("token:{digest}"),
            Self::Certificate(fingerprint) => format!("certificate:{fingerprint}"),
            Self::Session(digest) => format!("session:{digest}"),
        }
    }

    /// Reads [`Proof::text`].
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let rest = rest.to_owned();
        match kind {
            "token" => Some(Self::Token(rest)),
            "certificate" => Some(Self::Certificate(rest)),
            "session" => Some(Self::Session(rest)),
            _ => None,
        }
    }

    /// Whom it lets act at `now`; nobody when it ended, was taken back, or the hat or the login behind it was.
    pub fn again(
        &self,
        reader: &Reader<'_>,
        now: Timestamp,
        request: String,
    ) -> Result<Option<Ctx>, StoreFailure> {
        match self {
            Self::Token(digest) => people::find_token(reader, digest, now, request),
            Self::Certificate(mark) => certificates::find(reader, mark, now, request),
            Self::Session(digest) => {
                let found = people::session_of(reader, digest, now)?;
                Ok(found.map(|session| people::session_ctx(&session, now, request)))
            }
        }
    }
}

impl FromRequestParts<Arc<House>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, Failure> {
        if let Some(token) = bearer(&parts.headers) {
            let (now, request) = (house.clock.now(), request_id(parts));
            let proof = Proof::Token(secret::digest(&token));
            let asked = proof.clone();
            let found = house.store.read(move |reader| asked.again(reader, now, request)).await?;
            return found
                .map(|ctx| Self { ctx, proof })
                .ok_or_else(|| Refusal::new("NRS-AUTH-0002", StatusCode::UNAUTHORIZED).into());
        }
        if let Some(caller) = certified(parts, house).await? {
            return Ok(caller);
        }
        let reading = parts.method.is_safe();
        let visitor = if reading { find_visitor(parts, house, "").await? } else { None };
        visitor
            .map(|visitor| Self { proof: Proof::Session(visitor.session.digest), ctx: visitor.ctx })
            .ok_or_else(|| Refusal::new("NRS-AUTH-0001", StatusCode::UNAUTHORIZED).into())
    }
}

/// The caller whose certificate was proved in the handshake, if it stands in the register. A browser sends a
/// certificate by itself, so a request that another site made it send does not count.
async fn certified(parts: &Parts, house: &Arc<House>) -> Result<Option<Caller>, Failure> {
    let peer = parts.extensions.get::<ConnectInfo<Peer>>();
    let Some(fingerprint) = peer.and_then(|peer| peer.0.certificate.clone()) else {
        return Ok(None);
    };
    same_origin(&parts.headers)?;
    let (now, request) = (house.clock.now(), request_id(parts));
    let proof = Proof::Certificate(fingerprint);
    let asked = proof.clone();
    let found = house.store.read(move |reader| asked.again(reader, now, request)).await?;
    Ok(found.map(|ctx| Caller { ctx, proof }))
}

/// The secret of `Authorization: Bearer …`, or the password of `Basic …` (what TAXII clients can send).
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
        let pair = String::from_utf8(decoded).ok()?;
        return pair.split_once(':').map(|(_, password)| password.to_owned());
    }
    None
}
