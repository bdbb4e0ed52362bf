//! The API of the evidence graph.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use noroshi_evidence::marking::LegalClass;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Bundle, Imported};
use super::read::relations::{self, Place, Relation};
use super::read::{self, Filter, ObjectRow, Sees};
use super::rows;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::api::{Page, Paging};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Caller, too_large};

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(import, list, one, ends),
    components(schemas(
        ImportedOut,
        SpentOut,
        ConflictOut,
        QuarantinedOut,
        ObjectOut,
        ObjectFull,
        RelationOut,
        EndsOut,
        VersionOut
    ))
)]
pub struct Doc;

/// This pillar's part of the API description, all of it.
pub fn description() -> utoipa::openapi::OpenApi {
    let mut whole = Doc::openapi();
    whole.merge(super::desk_api::Doc::openapi());
    whole
}

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .merge(super::desk_api::routes())
        .route("/evidence/bundles", post(import))
        .route("/evidence/objects", get(list))
        .route("/evidence/objects/{id}", get(one))
        .route("/evidence/objects/{id}/relations", get(ends))
}

/// What a bundle is said to be.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportAsked {
    /// Least marking: `clear`, `green`, `amber`, `amber-strict` or `red`. Objects' own markings only tighten it.
    tlp: Option<String>,
    /// Whose it is; the caller's organisation when absent.
    originator: Option<String>,
    /// Legal class: `CIA`, `CIA-P`, `CIA-PM` or `CIA-N` (the default).
    class: Option<String>,
    /// The party agreement it came by (Act arts. 11 to 16), by its reference; it leaves with the party's consent only.
    agreement: Option<String>,
}

/// What became of a bundle.
#[derive(Serialize, ToSchema)]
struct ImportedOut {
    /// New versions.
    imported: u64,
    /// Held already with the same content.
    unchanged: u64,
    /// Of these, held on stricter terms from now on.
    tightened: u64,
    /// Contradictions, kept aside.
    conflicts: Vec<ConflictOut>,
    /// Entries that are no acceptable objects, kept aside.
    quarantined: Vec<QuarantinedOut>,
    /// Whether the text was read to its end.
    complete: bool,
    /// Index of the last leaf; absent when nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Contradictions and quarantined entries kept aside beyond those listed here.
    unlisted: u64,
    /// Where the time went.
    spent: SpentOut,
}

/// Where the time of an import went, in milliseconds.
#[derive(Serialize, ToSchema)]
struct SpentOut {
    /// Waiting for the next objects: reading and checking them.
    reading: u64,
    /// Comparing with what is held.
    judging: u64,
    /// Writing, and waiting: what somebody waits for is written first.
    writing: u64,
    /// Commits.
    commits: u64,
}

/// An object that contradicts what is held.
#[derive(Serialize, ToSchema)]
struct ConflictOut {
    id: String,
    modified: String,
    code: &'static str,
    reason: String,
}

/// An entry that is no acceptable object.
#[derive(Serialize, ToSchema)]
struct QuarantinedOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    code: &'static str,
    reason: String,
}

/// The JSON form of what became of a bundle, also printed by the command line.
pub(super) fn imported_json(done: Imported) -> serde_json::Value {
    let out = ImportedOut {
        imported: done.imported,
        unchanged: done.unchanged,
        tightened: done.tightened,
        conflicts: done
            .conflicts
            .into_iter()
            .map(|one| ConflictOut {
                id: one.id,
                modified: one.modified,
                code: one.code,
                reason: one.reason,
            })
            .collect(),
        quarantined: done
            .quarantined
            .into_iter()
            .map(|one| QuarantinedOut {
                index: one.index,
                id: one.id,
                code: one.code,
                reason: one.reason,
            })
            .collect(),
        complete: done.complete,
        position: done.position,
        unlisted: done.unlisted,
        spent: SpentOut {
            reading: millis(done.spent.reading),
            judging: millis(done.spent.judging),
            writing: millis(done.spent.writing),
            commits: done.spent.commits,
        },
    };
    serde_json::to_value(out).unwrap_or_default()
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a legal class by its code.
pub(super) fn class_of(code: &str) -> Option<LegalClass> {
    LegalClass::ALL.into_iter().find(|class| class.code().eq_ignore_ascii_case(code))
}

/// Brings a STIX 2.1 bundle in. Repeating it changes nothing.
#[utoipa::path(post, path = "/evidence/bundles", tag = "evidence", params(ImportAsked),
    request_body(content = String, content_type = "application/json", description = "a STIX 2.1 bundle"),
    responses((status = 200, body = ImportedOut), (status = 413, description = "larger than `web.bundle_bytes_max`")))]
async fn import(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<ImportAsked>,
    request: Request,
) -> Answer {
    // Whoever may not import does not get to send a quarter of a gigabyte first.
    house.authoriser.check(&caller.ctx, Action::EvidenceImport, On::default())?;
    let tlp = match asked.tlp.as_deref() {
        None => None,
        Some(code) => Some(rows::tlp_of(code).ok_or_else(|| bad("tlp", code))?),
    };
    let class = match asked.class.as_deref() {
        None => LegalClass::CiaN,
        Some(code) => class_of(code).ok_or_else(|| bad("class", code))?,
    };
    let limit = house.config.web.bundle_bytes_max;
    let bytes = axum::body::to_bytes(request.into_body(), limit).await.map_err(|_| too_large())?;
    let originator = asked.originator.filter(|name| !name.trim().is_empty());
    let originator = originator.unwrap_or_else(|| caller.ctx.org.to_string());
    let bundle = Bundle { bytes, tlp, class, originator };
    let done = match asked.agreement.as_deref() {
        None => act::import(&house, &caller.ctx, bundle).await?,
        Some(agreement) => act::import_agreed(&house, &caller.ctx, bundle, agreement).await?,
    };
    Ok(Json(imported_json(done)).into_response())
}

pub(super) fn bad(what: &'static str, value: &str) -> Refusal {
    Refusal::new("NRS-EVID-0100", StatusCode::BAD_REQUEST).arg("what", what).arg("value", value)
}

/// What to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct ListAsked {
    /// Words, identifiers, addresses or names (defanged or not); all must occur.
    q: String,
    /// A STIX type.
    r#type: String,
    /// `true` lists revoked and deprecated objects too.
    hidden: bool,
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Entries wanted, at most 500.
    limit: Option<u32>,
}

/// One object in a list.
#[derive(Serialize, ToSchema)]
struct ObjectOut {
    id: String,
    r#type: String,
    name: String,
    /// Absent for what has no versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    tlp: String,
    class: String,
    originator: String,
    /// Revoked or deprecated.
    hidden: bool,
}

fn out(row: ObjectRow) -> ObjectOut {
    ObjectOut {
        id: row.id,
        r#type: row.kind,
        name: row.name,
        modified: row.modified.map(|at| at.to_string()),
        tlp: row.tlp,
        class: row.class,
        originator: row.originator,
        hidden: row.hidden,
    }
}

/// Lists and searches objects: the latest version of each, newest arrivals first.
#[utoipa::path(get, path = "/evidence/objects", tag = "evidence", params(ListAsked),
    responses((status = 200, body = Page<ObjectOut>)))]
async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<ListAsked>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let sees = Sees::of(&house, &caller.ctx);
    let paging = Paging { cursor: asked.cursor, limit: asked.limit };
    let before = match paging.cursor.as_deref() {
        None => None,
        Some(text) => Some(text.parse::<u64>().map_err(|_| bad("cursor", text))?),
    };
    let limit = paging.limit();
    let filter = Filter { q: asked.q, kind: asked.r#type, hidden: asked.hidden };
    let listed =
        house.store.read(move |reader| read::list(reader, sees, &filter, before, limit)).await?;
    // A page of a search that had to look at very many may be short or empty: only without a cursor it is the last one.
    let cursor = listed.next.map(|place| place.to_string());
    let page = Page { items: listed.rows.into_iter().map(out).collect::<Vec<_>>(), cursor };
    Ok(Json(page).into_response())
}

/// One object with everything known about it.
#[derive(Serialize, ToSchema)]
struct ObjectFull {
    /// The text as it arrived, members that no standard knows included.
    #[schema(value_type = Object)]
    object: Box<serde_json::value::RawValue>,
    tlp: String,
    class: String,
    /// Holds selected communications information, or stems from it.
    has_selected_comms: bool,
    /// Holds a secret.
    has_secret: bool,
    originator: String,
    source: String,
    arrived_at: String,
    versions: Vec<VersionOut>,
    relations: Vec<RelationOut>,
    /// Relations beyond those.
    relations_hidden: u64,
    /// What it names, canonical.
    observables: Vec<String>,
    /// Contradictions put aside: `code: reason`; told to those who decide about them.
    conflicts: Vec<String>,
}

/// One version of an object.
#[derive(Serialize, ToSchema)]
struct VersionOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    digest: String,
    arrived_at: String,
    source: String,
}

/// One edge.
#[derive(Serialize, ToSchema)]
struct RelationOut {
    via: String,
    kind: String,
    /// True when it leads away from this object.
    outgoing: bool,
    id: String,
    r#type: String,
    name: String,
    /// Whether the other end can be read.
    held: bool,
}

/// One object.
#[utoipa::path(get, path = "/evidence/objects/{id}", tag = "evidence", params(("id" = String, Path)),
    responses((status = 200, body = ObjectFull), (status = 404)))]
async fn one(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let sees = Sees::of(&house, &caller.ctx);
    let found = house.store.read(move |reader| read::object(reader, sees, &id, usize::MAX)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let raw = serde_json::value::RawValue::from_string(found.text)
        .map_err(|problem| crate::web::refusal::Failure::Broken(Box::new(problem)))?;
    let body = ObjectFull {
        object: raw,
        tlp: found.row.tlp,
        class: found.row.class,
        has_selected_comms: found.row.has_comms,
        has_secret: found.row.has_secret,
        originator: found.row.originator,
        source: found.row.source,
        arrived_at: found.row.arrived_at.to_string(),
        versions: found
            .versions
            .into_iter()
            .map(|one| VersionOut {
                modified: one.modified.map(|at| at.to_string()),
                digest: one.digest,
                arrived_at: one.arrived_at.to_string(),
                source: one.source,
            })
            .collect(),
        relations: found.relations.into_iter().map(relation_out).collect(),
        relations_hidden: if sees.reports() { found.relations_hidden } else { 0 },
        observables: found.observables.iter().map(ToString::to_string).collect(),
        conflicts: found
            .conflicts
            .iter()
            .map(|(code, reason)| format!("{code}: {reason}"))
            .collect(),
    };
    Ok(Json(body).into_response())
}

fn relation_out(one: Relation) -> RelationOut {
    RelationOut {
        via: one.via,
        kind: one.kind,
        outgoing: one.outgoing,
        id: one.other,
        r#type: one.other_kind,
        name: one.other_name,
        held: one.held,
    }
}

/// Which relations to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct EndsAsked {
    /// A property of the object that names others (`object_refs`): only what its latest version names there.
    members: String,
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Entries wanted, at most 500.
    limit: Option<u32>,
}

/// Part of the relations of an object.
#[derive(Serialize, ToSchema)]
struct EndsOut {
    items: Vec<RelationOut>,
    /// Where to go on; absent at the end. New relations stand before the first page and move no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// Passed over on this page: of older versions, revoked, or not for the caller.
    passed: u64,
    /// Beyond this page, whether for the caller or not; counted up to 2,000.
    beyond: u64,
}

/// Lists the relations of an object, newest first; a page costs the same for an object with millions.
#[utoipa::path(get, path = "/evidence/objects/{id}/relations", tag = "evidence",
    params(("id" = String, Path), EndsAsked), responses((status = 200, body = EndsOut), (status = 404)))]
async fn ends(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(asked): Query<EndsAsked>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let sees = Sees::of(&house, &caller.ctx);
    let from = match asked.cursor.as_deref() {
        None => None,
        Some(text) => Some(Place::parse(text).ok_or_else(|| bad("cursor", text))?),
    };
    let limit = Paging { cursor: None, limit: asked.limit }.limit();
    let limit = usize::try_from(limit).unwrap_or(relations::LIMIT_DEFAULT);
    let found = house.store.read(move |reader| {
        if read::brief(reader, sees, &id)?.is_none() {
            return Ok(None);
        }
        if asked.members.is_empty() {
            return relations::page(reader, sees, &id, from, limit).map(Some);
        }
        relations::members(reader, sees, &id, &asked.members, from, limit).map(Some)
    });
    let found = found.await?.ok_or_else(Refusal::absent)?;
    let page = EndsOut {
        items: found.relations.into_iter().map(relation_out).collect(),
        cursor: found.next.map(|place| place.to_string()),
        // How much is not for a reader would tell him that something is there.
        passed: if sees.reports() { found.passed } else { 0 },
        beyond: if sees.reports() { found.beyond } else { 0 },
    };
    Ok(Json(page).into_response())
}
