//! The API of this pillar: findings, collections, handling, preview and release. Partners read over TAXII instead.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Handling, Made, NewCollection, Wish};
use super::read::{self, Stays};
use crate::evidence::rows::tlp_code;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::web::api::Body;
use crate::web::form;
use crate::web::locale::{Lang, Words};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::Caller;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(find, open, list, handle, preview, release, one_release),
    components(schemas(
        FindingIn,
        CollectionIn,
        CollectionOut,
        Collections,
        HandlingIn,
        ReleaseIn,
        Passing,
        Staying,
        PreviewOut,
        ReleaseOut,
        MadeOut,
        super::gate::StayReason,
        Stays
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/partners/{org}/findings", post(find))
        .route("/collections", post(open).get(list))
        .route("/handling", post(handle))
        .route("/releases/preview", post(preview))
        .route("/releases", post(release))
        .route("/releases/{id}", get(one_release))
}

/// What was made and where the log has it.
#[derive(Debug, Serialize, ToSchema)]
struct MadeOut {
    /// Its identifier.
    id: String,
    /// Index of the leaf.
    position: u64,
}

fn created(made: Made) -> Response {
    (StatusCode::CREATED, Json(MadeOut { id: made.id, position: made.position })).into_response()
}

/// That a partner protects information equivalently (Act art. 39).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FindingIn {
    /// The class up to which it does: `CIA-P`, `CIA-PM` or `CIA-N`.
    scope: String,
    /// Until when it holds, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    valid_until: Timestamp,
}

/// Records a finding about a partner. A newer one replaces an older one.
#[utoipa::path(post, path = "/partners/{org}/findings", tag = "share", params(("org" = String, Path)),
    request_body = FindingIn, responses((status = 201, body = MadeOut)))]
async fn find(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(org): Path<String>,
    headers: HeaderMap,
    body: Body<FindingIn>,
) -> Answer {
    let once = form::idempotency(&headers, &format!("POST /partners/{org}/findings"), &body.bytes);
    let FindingIn { scope, valid_until } = body.value;
    Ok(created(act::find(&house, &caller.ctx, &org, &scope, valid_until, once).await?))
}

/// A collection to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CollectionIn {
    /// Who will read it: `partner:<org>`, `council`, `operators`, `operators:<sector>`, `operator:<org>`,
    /// `national:<org>`, `supplier:<org>` or `public`.
    #[serde(default)]
    audience: Option<String>,
    /// Short for the audience `partner:<org>`.
    #[serde(default)]
    partner: Option<String>,
    /// Its title.
    title: String,
    /// STIX types it takes; all when empty.
    #[serde(default)]
    types: Vec<String>,
    /// The strictest colour it takes: `clear`, `green` or `amber` (also when absent).
    #[serde(default)]
    tlp_max: Option<String>,
}

/// Opens a collection: a view of what is released to an audience.
#[utoipa::path(post, path = "/collections", tag = "share", request_body = CollectionIn,
    responses((status = 201, body = MadeOut)))]
async fn open(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<CollectionIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /collections", &body.bytes);
    let CollectionIn { audience, partner, title, types, tlp_max } = body.value;
    let audience = audience.or(partner.map(|org| format!("partner:{org}"))).unwrap_or_default();
    let new = NewCollection { audience, title, types, tlp_max };
    Ok(created(act::open(&house, &caller.ctx, &new, once).await?))
}

/// A collection.
#[derive(Debug, Serialize, ToSchema)]
struct CollectionOut {
    /// Its identifier.
    id: String,
    /// Who reads it.
    audience: String,
    /// Its title.
    title: String,
    /// STIX types it takes; all when empty.
    types: Vec<String>,
    /// The strictest colour it takes.
    tlp_max: String,
    /// Objects released to its audience, counted up to 100,000.
    objects: u64,
    /// When it was opened.
    created_at: String,
}

/// Every collection.
#[derive(Debug, Serialize, ToSchema)]
struct Collections {
    /// In the order of opening.
    items: Vec<CollectionOut>,
}

/// Lists the collections.
#[utoipa::path(get, path = "/collections", tag = "share", responses((status = 200, body = Collections)))]
async fn list(State(house): State<Arc<House>>, caller: Caller) -> Answer<Json<Collections>> {
    house.authoriser.check(&caller.ctx, Action::ShareRelease, On::default())?;
    let found = house.store.read(read::counted).await?;
    let items = found.into_iter().map(|(one, objects)| CollectionOut {
        id: one.collection,
        audience: one.audience.label(),
        title: one.title,
        types: one.filter.types,
        tlp_max: tlp_code(one.filter.tlp_max).to_owned(),
        objects,
        created_at: stamp(one.created_at),
    });
    Ok(Json(Collections { items: items.collect() }))
}

/// What an originator or an agreement party said about handling.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HandlingIn {
    /// The objects it is about.
    objects: Vec<String>,
    /// Organisations it is restricted to (Act art. 45(6)).
    #[serde(default)]
    restricted_to: Option<Vec<String>>,
    /// Reference of the agreement party's consent (Act art. 38(3)).
    #[serde(default)]
    consent: Option<String>,
}

/// Records what was said about the handling of objects.
#[utoipa::path(post, path = "/handling", tag = "share", request_body = HandlingIn,
    responses((status = 201, body = MadeOut)))]
async fn handle(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<HandlingIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /handling", &body.bytes);
    let HandlingIn { objects, restricted_to, consent } = body.value;
    let said = Handling { objects, restricted_to, consent };
    Ok(created(act::handle(&house, &caller.ctx, &said, once).await?))
}

/// What to release.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReleaseIn {
    /// To whom; may be left out where a collection is named.
    #[serde(default)]
    audience: Option<String>,
    /// The view it is released through; what the view does not show stays.
    #[serde(default)]
    collection: Option<String>,
    /// Objects by identifier.
    #[serde(default)]
    objects: Vec<String>,
    /// A joint case whose indicators are meant.
    #[serde(default)]
    case: Option<String>,
    /// `digest` of the preview that was looked at; anything else is then refused.
    #[serde(default)]
    digest: Option<String>,
}

impl ReleaseIn {
    fn wish(self) -> Wish {
        Wish {
            audience: self.audience,
            collection: self.collection,
            objects: self.objects,
            case: self.case,
            digest: self.digest,
        }
    }
}

/// An object that leaves.
#[derive(Debug, Serialize, ToSchema)]
struct Passing {
    /// Its identifier.
    id: String,
    /// Its type.
    r#type: String,
    /// Name or value.
    name: String,
    /// The colour it leaves under.
    tlp: String,
    /// How many bytes are sent.
    bytes: usize,
    /// Exactly these.
    text: String,
    /// It is in the collection already.
    already: bool,
}

/// An object that stays, by its first reason.
#[derive(Debug, Serialize, ToSchema)]
struct Staying {
    /// Its identifier.
    id: String,
    /// Stable code of the first reason.
    code: String,
    /// The clause it stands on.
    clause: String,
    /// The first reason in words.
    reason: String,
    /// Every reason.
    reasons: Vec<super::gate::StayReason>,
}

fn staying(stays: &[Stays], words: Words) -> Vec<Staying> {
    let one = |one: &Stays| {
        let first = one.reasons.first();
        let code = first.map(|reason| reason.code.clone()).unwrap_or_default();
        Staying {
            id: one.id.clone(),
            reason: first.map(|reason| say(words, reason)).unwrap_or_default(),
            clause: first.map(|reason| reason.clause.clone()).unwrap_or_default(),
            reasons: one.reasons.clone(),
            code,
        }
    };
    stays.iter().map(one).collect()
}

/// A reason in words.
pub(super) fn say(words: Words, reason: &super::gate::StayReason) -> String {
    let other = reason.names.clone().unwrap_or_default();
    crate::web::refusal::say(words, &reason.code, &[("other", other)])
}

/// What a release would do.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewOut {
    /// Who would receive.
    audience: String,
    /// The view it was asked for through.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    /// What leaves.
    passes: Vec<Passing>,
    /// What stays.
    refused: Vec<Staying>,
    /// Digest over what leaves; give it back with the release.
    digest: String,
}

fn words(headers: &HeaderMap) -> Words {
    let accept =
        headers.get(axum::http::header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Words::new(Lang::negotiate(None, None, accept))
}

/// Says exactly what would leave and what would not, and why. Changes nothing.
#[utoipa::path(post, path = "/releases/preview", tag = "share", request_body = ReleaseIn,
    responses((status = 200, body = PreviewOut)))]
async fn preview(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<ReleaseIn>,
) -> Answer<Json<PreviewOut>> {
    let judged = act::preview(&house, &caller.ctx, &body.value.wish()).await?;
    let passes = judged.passes.iter().map(|one| {
        let object = &one.candidate.object;
        Passing {
            id: one.candidate.id().to_owned(),
            r#type: object.object_type().to_owned(),
            name: one.candidate.name.clone(),
            tlp: tlp_code(one.candidate.tlp()).to_owned(),
            bytes: object.text().len(),
            text: object.text().to_owned(),
            already: one.already,
        }
    });
    Ok(Json(PreviewOut {
        passes: passes.collect(),
        refused: staying(&judged.stays, words(&headers)),
        digest: act::digest_of(&judged.passes).to_string(),
        collection: judged.collection.map(|one| one.collection),
        audience: judged.audience.label(),
    }))
}

/// What a release did.
#[derive(Debug, Serialize, ToSchema)]
struct ReleaseOut {
    /// The release.
    id: String,
    /// Index of the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// How many objects left now.
    released: usize,
    /// Those objects.
    objects: Vec<String>,
    /// Objects that were in the collection already.
    already: Vec<String>,
    /// What stays.
    refused: Vec<Staying>,
}

/// Releases what passes, and records what does not.
#[utoipa::path(post, path = "/releases", tag = "share", request_body = ReleaseIn,
    responses((status = 201, body = ReleaseOut)))]
async fn release(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<ReleaseIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /releases", &body.bytes);
    let done = act::release(&house, &caller.ctx, &body.value.wish(), once).await?;
    let out = ReleaseOut {
        id: done.id,
        position: Some(done.position),
        released: done.outcome.released.len(),
        objects: done.outcome.released,
        already: done.outcome.already,
        refused: staying(&done.outcome.refused, words(&headers)),
    };
    Ok((StatusCode::CREATED, Json(out)).into_response())
}

/// One release.
#[utoipa::path(get, path = "/releases/{id}", tag = "share", params(("id" = String, Path)),
    responses((status = 200, body = ReleaseOut)))]
async fn one_release(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer<Json<ReleaseOut>> {
    house.authoriser.check(&caller.ctx, Action::ShareRelease, On::default())?;
    let row = house.store.read(move |reader| read::release(reader, &id)).await?;
    let row = row.ok_or_else(|| Failure::from(Refusal::absent()))?;
    Ok(Json(ReleaseOut {
        id: row.release,
        position: None,
        released: row.outcome.released.len(),
        objects: row.outcome.released,
        already: row.outcome.already,
        refused: staying(&row.outcome.refused, words(&headers)),
    }))
}
