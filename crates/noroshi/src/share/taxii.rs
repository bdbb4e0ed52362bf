//! TAXII 2.1 for partners: any client of the standard reads what was released to it, and nothing tells what was not.
//!
//! A page's `next` carries its own place and filter, signed, so that any process of the house can go on from it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, VARY, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::read::{self, Asked, Collection, Served, Slice, Versions};
use super::{act, audience};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::ctx::Ctx;
use crate::office::secret::hex;
use crate::web::form::Values;
use crate::web::locale::{Lang, Words};
use crate::web::refusal::{Failure, Refusal, chain, say};
use crate::web::visitor::Caller;

/// The media type of every answer (TAXII 2.1 §1.6.8.1).
pub const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// The media type of what is in the collections.
const STIX: &str = "application/stix+json;version=2.1";
/// Entries of one answer when the client does not say.
const LIMIT_DEFAULT: usize = 100;
/// Entries of one answer at most.
const LIMIT_MAX: usize = 1_000;
/// Values one `match` may list.
const MATCHES_MAX: usize = 200;
/// Longest query taken, in bytes.
const QUERY_BYTES_MAX: usize = 32 * 1024;

/// Routes of this server, below the root of the house.
pub fn routes() -> Router<Arc<House>> {
    let places = [
        ("/taxii2", Place::Discovery),
        ("/taxii2/root", Place::Root),
        ("/taxii2/root/collections", Place::Collections),
    ];
    let mut router = Router::new();
    for (path, place) in places {
        for path in [path.to_owned(), format!("{path}/")] {
            let place = place.clone();
            let handler = move |state, caller, headers, query| {
                answer(state, caller, headers, query, place.clone())
            };
            router = router.route(&path, get(handler));
        }
    }
    let below = "/taxii2/root/collections/{collection}";
    let of_collection: [(&str, PlaceOf); 5] = [
        ("", |names| one(names, Place::Collection)),
        ("/objects", |names| one(names, Place::Objects)),
        ("/manifest", |names| one(names, Place::Manifest)),
        ("/objects/{object}", |names| two(names, Place::Object)),
        ("/objects/{object}/versions", |names| two(names, Place::Versions)),
    ];
    for (path, place) in of_collection {
        for path in [format!("{below}{path}"), format!("{below}{path}/")] {
            let handler =
                move |state, caller, headers, query, Path(names): Path<Vec<(String, String)>>| {
                    let names = names.into_iter().map(|(_, value)| value).collect();
                    answer(state, caller, headers, query, place(names).unwrap_or(Place::Nowhere))
                };
            router = router.route(&path, get(handler).post(read_only).delete(read_only));
        }
    }
    router.route(
        "/taxii2/{*rest}",
        get(|state, caller, headers, query| answer(state, caller, headers, query, Place::Nowhere)),
    )
}

/// Makes a place of the names in a path.
type PlaceOf = fn(Vec<String>) -> Option<Place>;

fn one(names: Vec<String>, place: fn(String) -> Place) -> Option<Place> {
    names.into_iter().next().map(place)
}

fn two(names: Vec<String>, place: fn(String, String) -> Place) -> Option<Place> {
    let mut names = names.into_iter();
    Some(place(names.next()?, names.next()?))
}

/// What is asked for.
#[derive(Debug, Clone)]
enum Place {
    Discovery,
    Root,
    Collections,
    Collection(String),
    Objects(String),
    Manifest(String),
    Object(String, String),
    Versions(String, String),
    Nowhere,
}

/// An answer that is ready: body and the headers that depend on it.
struct Ready {
    body: String,
    added: Option<(String, String)>,
}

impl Ready {
    fn json(body: &serde_json::Value) -> Self {
        Self { body: body.to_string(), added: None }
    }
}

async fn answer(
    State(house): State<Arc<House>>,
    caller: Result<Caller, Failure>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    place: Place,
) -> Response {
    let made = match acceptable(&headers).and(caller) {
        Ok(caller) => find(&house, &caller.ctx, &place, query.as_deref().unwrap_or_default()).await,
        Err(failure) => Err(failure),
    };
    match made {
        Ok(ready) => finish(ready),
        Err(failure) => error(&headers, failure),
    }
}

fn finish(ready: Ready) -> Response {
    let mut response = ready.body.into_response();
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

/// TAXII 2.1 §1.6.8.1: the client must take what is sent.
fn acceptable(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(accept) = headers.get(ACCEPT) else { return Ok(()) };
    let text = accept.to_str().unwrap_or_default().to_ascii_lowercase();
    let taken = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let version = parts.find_map(|part| part.strip_prefix("version="));
        matches!(kind, "" | "*/*" | "application/*" | "application/taxii+json")
            && version.is_none_or(|version| version.trim_matches('"') == "2.1")
    };
    if text.split(',').any(taken) {
        Ok(())
    } else {
        Err(Refusal::new("NRS-SHAR-0201", StatusCode::NOT_ACCEPTABLE).into())
    }
}

/// A TAXII error object (§3.6.1). "Not there" and "not for you" are the same.
fn error(headers: &HeaderMap, failure: Failure) -> Response {
    let refusal = match failure {
        Failure::Refused(refusal) => *refusal,
        Failure::Broken(source) => {
            tracing::error!(chain = chain(source.as_ref()), "a request failed");
            Refusal::new("NRS-HOUS-0001", StatusCode::INTERNAL_SERVER_ERROR)
        }
    };
    let accept = headers.get("accept-language").and_then(|value| value.to_str().ok());
    let words = Words::new(Lang::negotiate(None, None, accept.or(Some("en"))));
    let body = json!({
        "title": say(words, refusal.code, &refusal.args),
        "description": say(words, &format!("{}-next", refusal.code), &refusal.args),
        "error_code": refusal.code,
        "http_status": refusal.status.as_u16().to_string(),
    });
    let mut response = (refusal.status, body.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if refusal.status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"TAXII\", Bearer"));
    }
    response
}

/// Nothing can be written here: what a partner gives comes in by another door.
async fn read_only(
    State(house): State<Arc<House>>,
    caller: Result<Caller, Failure>,
    method: Method,
    headers: HeaderMap,
    Path(names): Path<Vec<(String, String)>>,
) -> Response {
    let collection = names.into_iter().next().map(|(_, value)| value).unwrap_or_default();
    let failure = match caller {
        Ok(caller) => match own(&house, &caller.ctx, &collection).await {
            Ok(_) => {
                Refusal::new("NRS-SHAR-0203", StatusCode::FORBIDDEN).arg("method", method).into()
            }
            Err(failure) => failure,
        },
        Err(failure) => failure,
    };
    error(&headers, failure)
}

/// A collection whose audience the caller belongs to; anything else is absent.
async fn own(house: &House, ctx: &Ctx, id: &str) -> Result<Collection, Failure> {
    let (id, org) = (id.to_owned(), ctx.org.clone());
    let found = house
        .store
        .read(move |reader| {
            // Looked up whatever the other says, so that the work does not tell which of them failed.
            let audiences = audience::audiences_of(reader, &org)?;
            let found = read::collection(reader, &id)?;
            Ok(found.filter(|one| one.can_read && audiences.contains(&one.audience)))
        })
        .await?;
    found.filter(|_| may_read(house, ctx)).ok_or_else(|| Refusal::absent().into())
}

/// Whether the caller's hat reads what was released to its own organisation.
fn may_read(house: &House, ctx: &Ctx) -> bool {
    let own = On { owner: Some(&ctx.org), ..On::default() };
    house.authoriser.check(ctx, Action::ShareRead, own).is_ok()
}

fn shown(collection: &Collection) -> serde_json::Value {
    json!({
        "id": collection.collection,
        "title": collection.title,
        "can_read": true,
        "can_write": false,
        "media_types": [STIX],
    })
}

async fn find(house: &Arc<House>, ctx: &Ctx, place: &Place, query: &str) -> Result<Ready, Failure> {
    match place {
        Place::Discovery => Ok(Ready::json(&json!({
            "title": "Noroshi",
            "description": "What was released to your organisation.",
            "default": "/taxii2/root/",
            "api_roots": ["/taxii2/root/"],
        }))),
        Place::Root => Ok(Ready::json(&json!({
            "title": "Noroshi",
            "versions": [MEDIA_TYPE],
            "max_content_length": house.config.web.body_bytes_max,
        }))),
        Place::Collections => {
            let org = ctx.org.clone();
            let found = house.store.read(move |reader| read::collections_for(reader, &org)).await?;
            let mine: Vec<_> = found.iter().filter(|_| may_read(house, ctx)).map(shown).collect();
            Ok(Ready::json(&if mine.is_empty() {
                json!({})
            } else {
                json!({ "collections": mine })
            }))
        }
        Place::Collection(id) => Ok(Ready::json(&shown(&own(house, ctx, id).await?))),
        Place::Objects(id) => objects(house, ctx, id, None, query).await,
        Place::Object(id, object) => objects(house, ctx, id, Some(object), query).await,
        Place::Manifest(id) => manifest(house, ctx, id, query).await,
        Place::Versions(id, object) => versions(house, ctx, id, object, query).await,
        Place::Nowhere => Err(Refusal::absent().into()),
    }
}

// ---- filters and the signed place --------------------------------------------------------------------------------

fn bad(what: &str) -> Failure {
    Refusal::new("NRS-SHAR-0202", StatusCode::BAD_REQUEST)
        .arg("what", what.chars().take(60).collect::<String>())
        .into()
}

/// What a query asks for, before its place in the collection.
fn filter(query: &Values, object: Option<&str>, versioned: bool) -> Result<Asked, Failure> {
    let list = |name: &str| -> Result<Vec<String>, Failure> {
        let all: Vec<String> = query
            .all(name)
            .iter()
            .flat_map(|value| value.split(','))
            .map(|one| one.trim().to_owned())
            .filter(|one| !one.is_empty())
            .collect();
        if all.len() > MATCHES_MAX { Err(bad(name)) } else { Ok(all) }
    };
    let known = ["id", "type", "version", "spec_version"];
    if let Some(other) = query.names().find(|name| {
        name.strip_prefix("match[")
            .is_some_and(|rest| !known.iter().any(|one| rest.strip_suffix(']') == Some(one)))
    }) {
        return Err(bad(other));
    }
    let after = match query.some("added_after") {
        Some(text) => {
            let at: Timestamp = text.parse().map_err(|_| bad("added_after"))?;
            at.as_microsecond()
        }
        None => 0,
    };
    let limit = match query.some("limit") {
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|limit| *limit > 0)
            .ok_or_else(|| bad("limit"))?
            .min(LIMIT_MAX),
        None => LIMIT_DEFAULT,
    };
    // Everything held is STIX 2.1; who asks only for another version gets nothing.
    let spec = list("match[spec_version]")?;
    let ids = match object {
        Some(object) => vec![object.to_owned()],
        None => list("match[id]")?,
    };
    let types = if spec.is_empty() || spec.iter().any(|one| one == "2.1") {
        list("match[type]")?
    } else {
        vec![NOTHING.to_owned()]
    };
    let versions = if versioned {
        versions_of(&list("match[version]")?)?
    } else {
        Versions { all: true, ..Versions::default() }
    };
    Ok(Asked { after, ids, types, versions, limit })
}

/// A type that no object has.
const NOTHING: &str = "-";

fn versions_of(texts: &[String]) -> Result<Versions, Failure> {
    let mut versions = Versions::default();
    for text in texts {
        match text.as_str() {
            "last" => versions.last = true,
            "first" => versions.first = true,
            "all" => versions.all = true,
            at => versions.at.push(at.parse().map_err(|_| bad("match[version]"))?),
        }
    }
    Ok(versions)
}

/// Where to go on, and of what.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    /// Everything added up to here was looked at.
    a: i64,
    /// Digest of collection, reader and filter: a place in one list is none in another.
    f: String,
}

struct Marker {
    key: [u8; 32],
    of: String,
}

impl Marker {
    fn new(
        house: &House,
        ctx: &Ctx,
        collection: &str,
        what: &str,
        asked: &Asked,
    ) -> Result<Self, Failure> {
        let path = house.dir.join("keys").join("taxii.key");
        let key = crate::office::log::load_or_make_seed(&path)
            .map_err(|problem| Failure::Broken(Box::new(problem)))?;
        let list = format!(
            "{collection}\n{}\n{what}\n{}\n{:?}\n{:?}\n{:?}",
            ctx.org, asked.after, asked.ids, asked.types, asked.versions
        );
        Ok(Self { key, of: hex(&Sha256::digest(list)) })
    }

    fn mac(&self, text: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(b"noroshi/taxii/next/v1");
        mac.update(text.as_bytes());
        Some(mac)
    }

    fn write(&self, added: i64) -> Option<String> {
        let text = serde_json::to_string(&Mark { a: added, f: self.of.clone() }).ok()?;
        let mac = self.mac(&text)?.finalize().into_bytes();
        Some(format!("{}.{}", URL_SAFE_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(mac)))
    }

    fn read(&self, next: &str) -> Option<i64> {
        let (text, mac) = next.split_once('.')?;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        self.mac(&text)?.verify_slice(&URL_SAFE_NO_PAD.decode(mac).ok()?).ok()?;
        let mark: Mark = serde_json::from_str(&text).ok()?;
        (mark.f == self.of).then_some(mark.a)
    }
}

struct Part {
    slice: Slice,
    next: Option<String>,
}

impl Part {
    fn added(&self) -> Option<(String, String)> {
        Some((self.slice.items.first()?.date_added(), self.slice.items.last()?.date_added()))
    }
}

/// Reads a part of a collection and records the reading before anything is said.
async fn part(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    object: Option<&str>,
    query: &str,
    what: &'static str,
) -> Result<Part, Failure> {
    let collection = own(house, ctx, id).await?;
    if query.len() > QUERY_BYTES_MAX {
        return Err(bad("query"));
    }
    let query = Values::parse(query.as_bytes());
    let mut asked = filter(&query, object, what != "versions")?;
    let marker = Marker::new(house, ctx, id, what, &asked)?;
    if let Some(next) = query.some("next") {
        asked.after = marker.read(next).ok_or_else(|| bad("next"))?;
    }
    let (now, org) = (ctx.now, ctx.org.clone());
    let view = collection.clone();
    let slice =
        house.store.read(move |reader| read::serve(reader, &view, &org, now, &asked)).await?;
    // An object that is not there and one that is not for this reader are alike.
    if object.is_some() && slice.items.is_empty() && slice.next.is_none() {
        return Err(Refusal::absent().into());
    }
    act::record_read(house, ctx, &collection, act::Door::Taxii, what, &slice.items).await?;
    let next = slice.next.and_then(|added| marker.write(added));
    Ok(Part { slice, next })
}

async fn objects(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    object: Option<&str>,
    query: &str,
) -> Result<Ready, Failure> {
    let what = if object.is_some() { "object" } else { "objects" };
    let part = part(house, ctx, id, object, query, what).await?;
    let objects = part.slice.items.iter().map(|one| &one.object);
    let body = noroshi_codec::stix::encode_envelope(objects, part.next.as_deref());
    Ok(Ready { body, added: part.added() })
}

/// A list with the members that every list has.
fn listed(part: &Part, name: &str, entries: &[serde_json::Value]) -> Ready {
    let mut body = serde_json::Map::new();
    body.insert("more".to_owned(), json!(part.next.is_some()));
    if let Some(next) = &part.next {
        body.insert("next".to_owned(), json!(next));
    }
    if !entries.is_empty() {
        body.insert(name.to_owned(), json!(entries));
    }
    Ready { body: serde_json::Value::Object(body).to_string(), added: part.added() }
}

async fn manifest(house: &Arc<House>, ctx: &Ctx, id: &str, query: &str) -> Result<Ready, Failure> {
    let part = part(house, ctx, id, None, query, "manifest").await?;
    let entry = |one: &Served| {
        json!({
            "id": one.object.head().id.as_str(),
            "date_added": one.date_added(),
            "version": one.version(),
            "media_type": STIX,
        })
    };
    let entries: Vec<_> = part.slice.items.iter().map(entry).collect();
    Ok(listed(&part, "objects", &entries))
}

async fn versions(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    object: &str,
    query: &str,
) -> Result<Ready, Failure> {
    let part = part(house, ctx, id, Some(object), query, "versions").await?;
    let entries: Vec<_> = part.slice.items.iter().map(|one| json!(one.version())).collect();
    Ok(listed(&part, "versions", &entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked, Failure> {
        filter(&Values::parse(query.as_bytes()), None, true)
    }

    #[test]
    fn a_place_is_good_only_for_its_own_list_and_cannot_be_made_up() {
        let marker = |of: &str| Marker { key: [7; 32], of: of.to_owned() };
        let next = marker("list").write(1_795_000_000_000_001).unwrap();
        assert_eq!(marker("list").read(&next), Some(1_795_000_000_000_001));
        assert_eq!(marker("other").read(&next), None);
        assert_eq!(Marker { key: [8; 32], of: "list".to_owned() }.read(&next), None);
        for forged in ["", ".", "a.b", next.trim_end_matches(|_| true)] {
            assert_eq!(marker("list").read(forged), None);
        }
        let (text, mac) = next.split_once('.').unwrap();
        assert_eq!(marker("list").read(&format!("{text}A.{mac}")), None);
    }

    #[test]
    fn queries_are_read_strictly() {
        let good = asked(
            "match[type]=indicator,malware&match[version]=all&limit=5000&added_after=2026-01-01T00:00:00Z",
        );
        let good = good.unwrap();
        assert_eq!(good.types, ["indicator", "malware"]);
        assert!(good.versions.all);
        assert_eq!((good.limit, good.after), (LIMIT_MAX, 1_767_225_600_000_000));
        for bad in [
            "limit=0",
            "limit=-1",
            "limit=x",
            "added_after=yesterday",
            "match[version]=newest",
            "match[owner]=me",
        ] {
            assert!(asked(bad).is_err(), "{bad}");
        }
        assert_eq!(asked("match[spec_version]=2.0").unwrap().types, [NOTHING]);
    }

    #[test]
    fn media_types_are_negotiated() {
        let accepts = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(text));
            acceptable(&headers).is_ok()
        };
        assert!(acceptable(&HeaderMap::new()).is_ok());
        for good in [
            "*/*",
            "application/taxii+json;version=2.1",
            "application/taxii+json",
            "text/html, */*;q=0.1",
            "application/json, application/taxii+json; version=2.1",
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in ["text/html", "application/taxii+json;version=2.0", "application/json"] {
            assert!(!accepts(bad), "{bad}");
        }
    }
}
