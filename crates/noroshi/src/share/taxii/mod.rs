//! TAXII 2.1: any client of the standard reads what was released to it, hands in what it may, and nothing tells what
//! is not for it.
//!
//! `place` says what a path names, `negotiate` what can be given and taken, `query` what is asked for, `cursor` where
//! to go on. `collections`, `pages`, `push`, `status` and `withdraw` are the end points; `errors` is the one way to
//! say no. Nothing is kept between two requests.

pub mod collections;
pub mod cursor;
pub mod errors;
pub mod negotiate;
pub mod pages;
pub mod place;
pub mod push;
pub mod query;
pub mod settings;
pub mod status;
pub mod withdraw;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, VARY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::json;

use self::negotiate::MEDIA_TYPE;
use self::place::{Place, Root};
use self::query::List;
use crate::house::House;
use crate::office::ctx::Ctx;
use crate::share::handed;
use crate::web::refusal::{Failure, Refusal};
use crate::web::visitor::Caller;

/// Routes of this server that always stand; further API roots are found by [`or_no_such_page`].
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/taxii2", any(or_no_such_page))
        .route("/taxii2/", any(or_no_such_page))
        .route("/taxii2/{*rest}", any(or_no_such_page))
}

/// What no page of the house answers: an end point below an API root, or nothing.
pub async fn or_no_such_page(State(house): State<Arc<House>>, request: Request) -> Response {
    let roots = place::roots(house.config.api_roots());
    match Place::find(&roots, request.uri().path()) {
        Some(place) => answer(&house, &roots, place, request).await,
        None => Refusal::absent().into_response(),
    }
}

/// An answer that is ready: status, body, and the headers that depend on it.
#[derive(Debug)]
pub struct Ready {
    status: StatusCode,
    body: String,
    /// When the first and the last entry were added (§3.2).
    added: Option<(String, String)>,
    /// Notes in it that may be messages about a recall.
    notes: Vec<String>,
}

impl Ready {
    fn json(body: &serde_json::Value) -> Self {
        Self { status: StatusCode::OK, body: body.to_string(), added: None, notes: Vec::new() }
    }
}

async fn answer(house: &Arc<House>, roots: &[Root], place: Place, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let allow = place.allow();
    let caller = Caller::from_request_parts(&mut parts, house).await;
    let headers = parts.headers;
    let asked = Asked { method: parts.method, query: parts.uri.query().unwrap_or_default(), body };
    // Who calls comes first: a stranger learns nothing about what there is.
    let made = match caller {
        Ok(caller) => {
            let made = act(house, &caller.ctx, roots, place, &headers, asked).await;
            made.map(|ready| finish(house, &caller.ctx, ready))
        }
        Err(failure) => Err(failure),
    };
    match made {
        Ok(response) => response,
        Err(failure) => errors::render(&headers, allow, failure),
    }
}

/// What a request says beside its path and its headers.
struct Asked<'a> {
    method: Method,
    query: &'a str,
    body: Body,
}

fn finish(house: &Arc<House>, ctx: &Ctx, ready: Ready) -> Response {
    let body = handed::whole(house, ctx, ready.body, ready.notes);
    let mut response = (ready.status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(VARY, HeaderValue::from_static("accept, authorization"));
    if let Some((first, last)) = ready.added {
        for (name, value) in
            [("x-taxii-date-added-first", first), ("x-taxii-date-added-last", last)]
        {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
    response
}

async fn act(
    house: &Arc<House>,
    ctx: &Ctx,
    roots: &[Root],
    place: Place,
    headers: &HeaderMap,
    asked: Asked<'_>,
) -> Result<Ready, Failure> {
    negotiate::accepts(headers)?;
    if place == Place::Nowhere {
        return Err(Refusal::absent().into());
    }
    if !place.knows(&asked.method) {
        return Err(errors::not_allowed());
    }
    let query = asked.query;
    match (place, asked.method) {
        (Place::Discovery, _) => Ok(Ready::json(&discovery(house, roots))),
        (Place::Root(root), _) => Ok(Ready::json(&root_resource(house, &root))),
        (Place::Status(root, id), _) => status::answer(house, ctx, &root, &id).await,
        (Place::Collections(root), _) => {
            let shelves = collections::visible(house, ctx, &root).await?;
            let shown: Vec<_> =
                shelves.iter().map(|shelf| collections::shown(house, ctx, shelf)).collect();
            // §5.1: without any collection the member is left out.
            let body = if shown.is_empty() { json!({}) } else { json!({ "collections": shown }) };
            Ok(Ready::json(&body))
        }
        (Place::Collection(root, id), _) => {
            let shelf = collections::find(house, ctx, &root, &id).await?;
            Ok(Ready::json(&collections::shown(house, ctx, &shelf)))
        }
        (Place::Manifest(root, id), _) => {
            pages::answer(house, ctx, (&root, &id), (List::Manifest, None), query).await
        }
        (Place::Objects(root, id), Method::POST) => {
            push::answer(house, ctx, (&root, &id), headers, asked.body).await
        }
        (Place::Objects(root, id), _) => {
            pages::answer(house, ctx, (&root, &id), (List::Objects, None), query).await
        }
        (Place::Object(root, id, object), Method::DELETE) => {
            withdraw::answer(house, ctx, (&root, &id), &object, query).await
        }
        (Place::Object(root, id, object), _) => {
            pages::answer(house, ctx, (&root, &id), (List::Object, Some(&object)), query).await
        }
        (Place::Versions(root, id, object), _) => {
            pages::answer(house, ctx, (&root, &id), (List::Versions, Some(&object)), query).await
        }
        (Place::Nowhere, _) => Err(Refusal::absent().into()),
    }
}

/// The address of an API root: whole where the house knows its own address, else from the server's root.
fn address(house: &House, root: &Root) -> String {
    let origin = house.config.web.origin.trim_end_matches('/');
    format!("{origin}/{}/", root.path)
}

/// The discovery resource (§4.1.1).
fn discovery(house: &House, roots: &[Root]) -> serde_json::Value {
    let taxii = &house.config.taxii;
    let all: Vec<String> = roots.iter().map(|root| address(house, root)).collect();
    let mut body = json!({ "title": taxii.title, "api_roots": all });
    if let Some(members) = body.as_object_mut() {
        for (name, text) in [("description", &taxii.description), ("contact", &taxii.contact)] {
            if !text.is_empty() {
                members.insert(name.to_owned(), json!(text));
            }
        }
        if let Some(first) = all.first() {
            members.insert("default".to_owned(), json!(first));
        }
    }
    body
}

/// The API root resource (§4.2.1).
fn root_resource(house: &House, root: &Root) -> serde_json::Value {
    let mut body = json!({
        "title": root.title,
        "versions": [MEDIA_TYPE],
        "max_content_length": house.config.taxii.content_bytes_max,
    });
    if let Some(members) = body.as_object_mut()
        && !root.description.is_empty()
    {
        members.insert("description".to_owned(), json!(root.description));
    }
    body
}
