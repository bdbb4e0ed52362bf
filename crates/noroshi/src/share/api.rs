//! The API of this pillar: findings, collections, handling, preview and release. Partners read over TAXII instead.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Handling, Made, NewCollection, Wish};
use super::preview::{Preview, Stays};
use super::read;
use super::{recall, review as reviews};
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
    paths(
        find,
        open,
        list,
        handle,
        preview,
        bytes_for,
        release,
        one_release,
        proposals,
        second,
        ceiling,
        seat,
        leave,
        recall_one,
        open_recalls,
        one_recall,
        remind,
        inbox,
        acknowledge,
        draft_review,
        step_review,
        one_review
    ),
    components(schemas(
        FindingIn,
        CollectionIn,
        CollectionOut,
        Collections,
        HandlingIn,
        PreviewIn,
        ReleaseIn,
        Passing,
        Staying,
        PreviewOut,
        ReleaseOut,
        MadeOut,
        ReceivingOut,
        SendingOut,
        GroupOut,
        WarningOut,
        ProposalOut,
        Proposals,
        SecondIn,
        CeilingIn,
        SeatIn,
        RecallIn,
        RecallOut,
        Recalls,
        RemindIn,
        AcknowledgeIn,
        ReviewIn,
        StepIn,
        StepOut,
        ReviewOut,
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
        .route("/releases/preview/{org}", post(bytes_for))
        .route("/releases/{id}", get(one_release))
        .route("/proposals", get(proposals))
        .route("/proposals/{id}/release", post(second))
        .route("/organisations/{org}/ceiling", post(ceiling))
        .route("/council/{org}", post(seat).delete(leave))
        .route("/recalls", post(recall_one).get(open_recalls))
        .route("/recalls/{id}", get(one_recall))
        .route("/recalls/{id}/reminders", post(remind))
        .route("/messages", get(inbox))
        .route("/messages/{id}/acknowledge", post(acknowledge))
        .route("/reviews", post(draft_review))
        .route("/reviews/{id}", get(one_review))
        .route("/reviews/{id}/steps", post(step_review))
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
    /// The originator has no such opinion any more.
    #[serde(default)]
    lifts: bool,
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
    let HandlingIn { objects, restricted_to, lifts, consent } = body.value;
    let said = Handling { objects, restricted_to, lifts, consent };
    Ok(created(act::handle(&house, &caller.ctx, &said, once).await?))
}

/// What would be released.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewIn {
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
}

impl PreviewIn {
    fn wish(self) -> Wish {
        let Self { audience, collection, objects, case } = self;
        Wish { audience, collection, objects, case }
    }
}

/// What to release, as it was looked at.
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
    /// `digest` of the preview that was looked at: exactly its bytes go to exactly its recipients. 428 without one, 409
    /// when anything changed since.
    #[serde(default)]
    #[schema(required = true, value_type = String)]
    digest: Option<String>,
}

impl ReleaseIn {
    /// What is wished for, and what was seen of it.
    fn parts(self) -> (Wish, String) {
        let Self { audience, collection, objects, case, digest } = self;
        (Wish { audience, collection, objects, case }, digest.unwrap_or_default())
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
    /// Everybody who would receive, and which group of them gets the same.
    recipients: Vec<ReceivingOut>,
    /// What each group gets, byte for byte, and what stays for it.
    groups: Vec<GroupOut>,
    /// What a careful person would look at twice.
    warnings: Vec<WarningOut>,
    /// A second person must agree before it leaves.
    needs_second: bool,
    /// Digest over recipients, versions and bytes; give it back with the release.
    digest: String,
}

/// One recipient.
#[derive(Debug, Serialize, ToSchema)]
struct ReceivingOut {
    /// The organisation; absent for the public.
    org: Option<String>,
    /// Its name.
    name: String,
    /// Why it is a recipient: the audience it belongs to.
    why: String,
    /// Place in `groups`.
    group: usize,
}

/// One object as it is sent.
#[derive(Debug, Serialize, ToSchema)]
struct SendingOut {
    /// Its identifier.
    id: String,
    /// SHA-256 over the bytes.
    sha256: String,
    /// How many bytes.
    bytes: usize,
    /// Parts are left out, and the object says so.
    redacted: bool,
}

/// Recipients who get the same bytes.
#[derive(Debug, Serialize, ToSchema)]
struct GroupOut {
    /// What each of them gets.
    sent: Vec<SendingOut>,
    /// What stays for them.
    refused: Vec<Staying>,
}

/// Something unusual.
#[derive(Debug, Serialize, ToSchema)]
struct WarningOut {
    /// Stable code.
    code: String,
    /// In words.
    text: String,
}

fn words(headers: &HeaderMap) -> Words {
    let accept =
        headers.get(axum::http::header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Words::new(Lang::negotiate(None, None, accept))
}

/// Says exactly what would leave and what would not, and why. Changes nothing.
#[utoipa::path(post, path = "/releases/preview", tag = "share", request_body = PreviewIn,
    responses((status = 200, body = PreviewOut)))]
async fn preview(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<PreviewIn>,
) -> Answer<Json<PreviewOut>> {
    let judged = act::preview(&house, &caller.ctx, &body.value.wish()).await?;
    let (digest, _) = act::digest_of(&house, &judged)?;
    let needs_second = act::needs_second(&house, &judged);
    Ok(Json(preview_out(judged, digest.to_string(), needs_second, words(&headers))))
}

fn preview_out(judged: Preview, digest: String, needs_second: bool, words: Words) -> PreviewOut {
    let text_of = |id: &str| {
        let sent = judged.groups.iter().flat_map(|group| &group.sent);
        sent.clone().find(|one| one.id == id).map(|one| one.text.clone()).unwrap_or_default()
    };
    let passes = judged.passes.iter().map(|one| {
        let text = text_of(one.candidate.id());
        Passing {
            id: one.candidate.id().to_owned(),
            r#type: one.candidate.object().object_type().to_owned(),
            name: one.candidate.name.clone(),
            tlp: tlp_code(one.candidate.tlp()).to_owned(),
            bytes: text.len(),
            text,
            already: one.already(),
        }
    });
    let groups = judged.groups.iter().map(|group| GroupOut {
        sent: group
            .sent
            .iter()
            .map(|one| SendingOut {
                id: one.id.clone(),
                sha256: one.digest.to_string(),
                bytes: one.text.len(),
                redacted: one.redacted,
            })
            .collect(),
        refused: staying(&group.stays, words),
    });
    let warnings = judged.warnings.iter().map(|code| WarningOut {
        code: (*code).to_owned(),
        text: crate::web::refusal::say(words, code, &[]),
    });
    PreviewOut {
        passes: passes.collect(),
        refused: staying(&judged.stays, words),
        recipients: receiving(&judged, words),
        groups: groups.collect(),
        warnings: warnings.collect(),
        needs_second,
        digest,
        collection: judged.collection.as_ref().map(|one| one.collection.clone()),
        audience: judged.audience.label(),
    }
}

fn receiving(judged: &Preview, words: Words) -> Vec<ReceivingOut> {
    let why = judged.audience.label();
    let mut all = Vec::new();
    for (group, one) in judged.groups.iter().enumerate() {
        if one.orgs.is_empty() {
            let name = words.t("share-everybody");
            all.push(ReceivingOut { org: None, name, why: why.clone(), group });
        }
        for org in &one.orgs {
            let name = match words.lang() {
                Lang::Ja => org.name_ja.clone(),
                Lang::En => org.name_en.clone(),
            };
            all.push(ReceivingOut {
                org: Some(org.org.to_string()),
                name,
                why: why.clone(),
                group,
            });
        }
    }
    all
}

/// Exactly what one recipient would get, as the envelope it would be sent in. Changes nothing.
#[utoipa::path(post, path = "/releases/preview/{org}", tag = "share", params(("org" = String, Path)),
    request_body = PreviewIn, responses((status = 200, content_type = "application/taxii+json;version=2.1", body = String)))]
async fn bytes_for(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(org): Path<String>,
    body: Body<PreviewIn>,
) -> Answer {
    let judged = act::preview(&house, &caller.ctx, &body.value.wish()).await?;
    Ok(envelope(&judged, &org).ok_or_else(|| Failure::from(Refusal::absent()))?.into_response())
}

/// The envelope of one recipient of a preview; `public` stands for everybody.
pub(super) fn envelope(
    judged: &Preview,
    org: &str,
) -> Option<([(axum::http::HeaderName, String); 2], String)> {
    let of = |group: &&super::preview::Group| {
        group.orgs.iter().any(|one| one.org.as_str() == org)
            || (org == "public" && group.orgs.is_empty())
    };
    let group = judged.groups.iter().find(of)?;
    let texts: Vec<&str> = group.sent.iter().map(|one| one.text.as_str()).collect();
    let body = format!("{{\"more\":false,\"objects\":[{}]}}", texts.join(","));
    let headers = [
        (axum::http::header::CONTENT_TYPE, super::taxii::negotiate::MEDIA_TYPE.to_owned()),
        (
            axum::http::header::CONTENT_DISPOSITION,
            "attachment; filename=\"preview.json\"".to_owned(),
        ),
    ];
    Some((headers, body))
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
    responses((status = 201, body = ReleaseOut), (status = 202, body = MadeOut)))]
async fn release(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<ReleaseIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /releases", &body.bytes);
    let (wish, seen) = body.value.parts();
    match act::release(&house, &caller.ctx, &wish, &seen, once).await? {
        act::Done::Released(done) => {
            Ok((StatusCode::CREATED, Json(release_out(done, words(&headers)))).into_response())
        }
        act::Done::Proposed(made) => {
            let out = MadeOut { id: made.id, position: made.position };
            Ok((StatusCode::ACCEPTED, Json(out)).into_response())
        }
    }
}

fn release_out(done: act::Released, words: Words) -> ReleaseOut {
    ReleaseOut {
        id: done.id,
        position: Some(done.position),
        released: done.outcome.released.len(),
        objects: done.outcome.released,
        already: done.outcome.already,
        refused: staying(&done.outcome.refused, words),
    }
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

/// A release that waits for a second person.
#[derive(Debug, Serialize, ToSchema)]
struct ProposalOut {
    /// Its identifier.
    id: String,
    /// To whom.
    audience: String,
    /// Which objects.
    objects: Vec<String>,
    /// The digest the first person saw.
    digest: String,
    /// When it was proposed.
    at: String,
}

/// What waits for a second person.
#[derive(Debug, Serialize, ToSchema)]
struct Proposals {
    /// Oldest first.
    items: Vec<ProposalOut>,
}

/// Lists the releases that wait for a second person.
#[utoipa::path(get, path = "/proposals", tag = "share", responses((status = 200, body = Proposals)))]
async fn proposals(State(house): State<Arc<House>>, caller: Caller) -> Answer<Json<Proposals>> {
    house.authoriser.check(&caller.ctx, Action::ShareRelease, On::default())?;
    let found = house.store.read(read::proposals).await?;
    let items = found.into_iter().map(|one| ProposalOut {
        id: one.proposal,
        audience: one.audience,
        objects: one.objects,
        digest: one.digest,
        at: stamp(one.at),
    });
    Ok(Json(Proposals { items: items.collect() }))
}

/// The second person's word.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecondIn {
    /// The digest of what this person looked at; it must be the one that was proposed.
    digest: String,
}

/// Releases what another person proposed.
#[utoipa::path(post, path = "/proposals/{id}/release", tag = "share", params(("id" = String, Path)),
    request_body = SecondIn, responses((status = 201, body = ReleaseOut)))]
async fn second(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Body<SecondIn>,
) -> Answer {
    let done = act::second(&house, &caller.ctx, &id, &body.value.digest).await?;
    Ok((StatusCode::CREATED, Json(release_out(done, words(&headers)))).into_response())
}

/// What an organisation never gets more than.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CeilingIn {
    /// The widest class.
    class: String,
    /// The strictest colour.
    tlp: String,
}

/// Sets the ceiling of an organisation.
#[utoipa::path(post, path = "/organisations/{org}/ceiling", tag = "share", params(("org" = String, Path)),
    request_body = CeilingIn, responses((status = 201, body = MadeOut)))]
async fn ceiling(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(org): Path<String>,
    body: Body<CeilingIn>,
) -> Answer {
    let CeilingIn { class, tlp } = body.value;
    Ok(created(act::set_ceiling(&house, &caller.ctx, &org, &class, &tlp).await?))
}

/// An organisation's consent to sit in the council.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SeatIn {
    /// Reference of the consent (Act art. 45(2)).
    consent: String,
}

/// Records that an organisation sits in the council.
#[utoipa::path(post, path = "/council/{org}", tag = "share", params(("org" = String, Path)),
    request_body = SeatIn, responses((status = 201, body = MadeOut)))]
async fn seat(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(org): Path<String>,
    body: Body<SeatIn>,
) -> Answer {
    Ok(created(act::seat(&house, &caller.ctx, &org, Some(&body.value.consent)).await?))
}

/// Records that an organisation has left the council.
#[utoipa::path(delete, path = "/council/{org}", tag = "share", params(("org" = String, Path)),
    responses((status = 200, body = MadeOut)))]
async fn leave(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(org): Path<String>,
) -> Answer<Json<MadeOut>> {
    let Made { id, position } = act::seat(&house, &caller.ctx, &org, None).await?;
    Ok(Json(MadeOut { id, position }))
}

/// What is to be taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RecallIn {
    /// The object.
    object: String,
    /// The version's `modified`; every version when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    modified: Option<Timestamp>,
    /// `recall`, `correction`, `remark` or `revocation`.
    kind: String,
    /// Why, for the record. Recipients do not see it.
    reason: String,
    /// For a correction: what replaces it.
    #[serde(default)]
    replaced_by: Option<String>,
}

/// Takes an object back, or corrects it, at everybody who got it.
#[utoipa::path(post, path = "/recalls", tag = "share", request_body = RecallIn,
    responses((status = 201, body = MadeOut)))]
async fn recall_one(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<RecallIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /recalls", &body.bytes);
    let RecallIn { object, modified, kind, reason, replaced_by } = body.value;
    let modified = modified.map(|at| format!("{at:.9}"));
    let asked = recall::Asked { id: object, modified, kind, reason, replaced_by };
    Ok(created(recall::recall(&house, &caller.ctx, &asked, once).await?))
}

/// One message as one recipient has it.
#[derive(Debug, Serialize, ToSchema)]
struct RecallOut {
    /// The message.
    recall: String,
    /// The object it is about.
    object: String,
    /// What sort of message.
    kind: String,
    /// What replaces the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    /// When it was sent.
    at: String,
    /// The recipient.
    org: String,
    /// `pending`, `delivered` or `acknowledged`.
    state: String,
    /// How often the recipient was reminded.
    reminders: u64,
}

/// Messages.
#[derive(Debug, Serialize, ToSchema)]
struct Recalls {
    /// In the order of the question.
    items: Vec<RecallOut>,
    /// Where the list goes on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct RecallsAsked {
    /// The `cursor` of the page before.
    cursor: Option<String>,
}

fn recalls(found: Vec<recall::Message>, next: Option<&recall::Place>) -> Json<Recalls> {
    let items = found.into_iter().map(|one| RecallOut {
        recall: one.recall,
        object: one.id,
        kind: one.kind,
        replaced_by: one.replaced_by,
        at: stamp(one.at),
        org: one.org,
        state: one.state,
        reminders: one.reminders,
    });
    Json(Recalls { items: items.collect(), cursor: next.map(ToString::to_string) })
}

/// Lists what nobody has acknowledged yet, oldest first, page by page.
#[utoipa::path(get, path = "/recalls", tag = "share", params(RecallsAsked),
    responses((status = 200, body = Recalls), (status = 422, body = crate::web::api::Problem)))]
async fn open_recalls(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<RecallsAsked>,
) -> Answer<Json<Recalls>> {
    house.authoriser.check(&caller.ctx, Action::ShareRelease, On::default())?;
    let after = match asked.cursor.as_deref() {
        None => None,
        Some(text) => Some(recall::Place::parse(text).ok_or_else(|| act::refuse("NRS-SHAR-0341"))?),
    };
    let (found, next) =
        house.store.read(move |reader| recall::open(reader, after.as_ref())).await?;
    Ok(recalls(found, next.as_ref()))
}

/// The recipients of one message.
#[utoipa::path(get, path = "/recalls/{id}", tag = "share", params(("id" = String, Path)),
    responses((status = 200, body = Recalls)))]
async fn one_recall(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Recalls>> {
    house.authoriser.check(&caller.ctx, Action::ShareRelease, On::default())?;
    Ok(recalls(house.store.read(move |reader| recall::of(reader, &id)).await?, None))
}

/// Whom to remind.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RemindIn {
    /// The recipient.
    org: String,
}

/// Records that a recipient was reminded.
#[utoipa::path(post, path = "/recalls/{id}/reminders", tag = "share", params(("id" = String, Path)),
    request_body = RemindIn, responses((status = 201, body = MadeOut)))]
async fn remind(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<RemindIn>,
) -> Answer {
    Ok(created(recall::remind(&house, &caller.ctx, &id, &body.value.org).await?))
}

/// The messages about recalls that one's own organisation was sent.
#[utoipa::path(get, path = "/messages", tag = "share", responses((status = 200, body = Recalls)))]
async fn inbox(State(house): State<Arc<House>>, caller: Caller) -> Answer<Json<Recalls>> {
    Ok(recalls(recall::read_inbox(&house, &caller.ctx).await?, None))
}

/// What the recipient says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcknowledgeIn {
    /// A word to the office.
    #[serde(default)]
    note: String,
}

/// Says that one's own organisation has acted on a message.
#[utoipa::path(post, path = "/messages/{id}/acknowledge", tag = "share", params(("id" = String, Path)),
    request_body = AcknowledgeIn, responses((status = 201, body = MadeOut)))]
async fn acknowledge(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<AcknowledgeIn>,
) -> Answer {
    Ok(created(recall::acknowledge(&house, &caller.ctx, &id, &body.value.note).await?))
}

/// A derivation review to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReviewIn {
    /// The object; its newest version is reviewed.
    object: String,
    /// Why.
    reason: String,
}

/// Opens a derivation review.
#[utoipa::path(post, path = "/reviews", tag = "share", request_body = ReviewIn,
    responses((status = 201, body = MadeOut)))]
async fn draft_review(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<ReviewIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /reviews", &body.bytes);
    let ReviewIn { object, reason } = body.value;
    Ok(created(reviews::draft(&house, &caller.ctx, &object, &reason, once).await?))
}

/// The next step of a derivation review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StepIn {
    /// The state it leads to: `provenance_checked`, `secret_checked`, `rights_checked`, `released` or `refused`.
    to: String,
    /// Why.
    reason: String,
    /// Digest of the object in front of this person.
    digest: String,
}

/// Takes the next step of a derivation review.
#[utoipa::path(post, path = "/reviews/{id}/steps", tag = "share", params(("id" = String, Path)),
    request_body = StepIn, responses((status = 201, body = MadeOut)))]
async fn step_review(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<StepIn>,
) -> Answer {
    let StepIn { to, reason, digest } = body.value;
    let to = noroshi_charter::derivation::State::parse(&to)
        .ok_or_else(|| Refusal::new("NRS-SHAR-0310", StatusCode::UNPROCESSABLE_ENTITY))?;
    let asked = reviews::Asked { to, reason: &reason, digest: &digest };
    Ok(created(reviews::step(&house, &caller.ctx, &id, asked).await?))
}

/// A step that was taken.
#[derive(Debug, Serialize, ToSchema)]
struct StepOut {
    /// The state it led to.
    state: String,
    /// Opaque identifier of the person.
    person: String,
    /// The hat.
    hat: String,
    /// Why.
    reason: String,
}

/// A derivation review.
#[derive(Debug, Serialize, ToSchema)]
struct ReviewOut {
    /// Its identifier.
    id: String,
    /// The object.
    object: String,
    /// The version's key.
    modified: String,
    /// SHA-256 over its canonical text.
    digest: String,
    /// How far it has come.
    state: String,
    /// The steps, in order.
    steps: Vec<StepOut>,
}

/// One derivation review.
#[utoipa::path(get, path = "/reviews/{id}", tag = "share", params(("id" = String, Path)),
    responses((status = 200, body = ReviewOut)))]
async fn one_review(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<ReviewOut>> {
    house.authoriser.check(&caller.ctx, Action::ShareReview, On::default())?;
    let found = house.store.read(move |reader| reviews::review(reader, &id)).await?;
    let found = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    let state = found.state().code().to_owned();
    let steps = found.steps.into_iter().map(|step| StepOut {
        state: step.state.code().to_owned(),
        person: step.person,
        hat: step.hat,
        reason: step.reason,
    });
    Ok(Json(ReviewOut {
        id: found.review,
        object: found.id,
        modified: found.modified,
        digest: found.digest,
        state,
        steps: steps.collect(),
    }))
}
