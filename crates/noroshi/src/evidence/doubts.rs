//! The API of doubtful values: the loaded warning lists, what they say about an object, and vouching.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::lists::{self, Taken};
use super::read::{self, Sees};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::api::Body;
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Caller, too_large};

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(list, load, doubts, vouch),
    components(schemas(ListOut, LoadedOut, DoubtOut, HitOut, VouchIn, VouchedOut))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/evidence/lists", get(list).post(load))
        .route("/evidence/objects/{id}/doubts", get(doubts))
        .route("/evidence/vouches", post(vouch))
}

/// A loaded warning list.
#[derive(Serialize, ToSchema)]
struct ListOut {
    name: String,
    version: u64,
    /// `string`, `hostname`, `cidr`, `substring` or `regex`.
    kind: String,
    description: String,
    entries: u64,
    loaded_at: String,
}

/// The loaded warning lists, by name.
#[utoipa::path(get, path = "/evidence/lists", tag = "evidence", responses((status = 200, body = Vec<ListOut>)))]
async fn list(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let held = house.store.read(lists::loaded).await?;
    let out = |row: lists::ListRow| ListOut {
        name: row.name,
        version: row.version,
        kind: row.kind,
        description: row.description,
        entries: row.entries,
        loaded_at: row.loaded_at.to_string(),
    };
    Ok(Json(held.into_iter().map(out).collect::<Vec<_>>()).into_response())
}

/// What became of a list.
#[derive(Serialize, ToSchema)]
struct LoadedOut {
    name: String,
    /// False when exactly this list was loaded already.
    changed: bool,
}

/// Loads a warning list as MISP publishes it. A later version replaces an earlier one.
#[utoipa::path(post, path = "/evidence/lists", tag = "evidence",
    request_body(content = Object, description = "a warning list"),
    responses((status = 200, body = LoadedOut), (status = 409, description = "a later version is held"), (status = 422)))]
async fn load(State(house): State<Arc<House>>, caller: Caller, request: Request) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceImport, On::default())?;
    let limit = house.config.web.bundle_bytes_max;
    let bytes = axum::body::to_bytes(request.into_body(), limit).await.map_err(|_| too_large())?;
    let list = noroshi_codec::warninglist::decode(&bytes).map_err(|problem| {
        Refusal::new("NRS-EVID-0318", StatusCode::UNPROCESSABLE_ENTITY)
            .arg("code", problem.code())
            .arg("message", problem.to_string())
    })?;
    let told = lists::load(&house, &caller.ctx, vec![list]).await?;
    let Some((name, taken)) = told.into_iter().next() else { return Err(Refusal::absent().into()) };
    if taken == Taken::Refused {
        return Err(Refusal::new(Taken::REFUSED, StatusCode::CONFLICT).arg("name", name).into());
    }
    Ok(Json(LoadedOut { name, changed: taken == Taken::Loaded }).into_response())
}

/// A doubtful value.
#[derive(Serialize, ToSchema)]
struct DoubtOut {
    value: String,
    /// Lists that hold it.
    lists: Vec<HitOut>,
    /// Who vouched for it; absent when nobody did, and then it is not looked for and not blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    vouched_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A list and its entry that matched.
#[derive(Serialize, ToSchema)]
struct HitOut {
    list: String,
    entry: String,
}

/// What the warning lists say about the values that an object names.
#[utoipa::path(get, path = "/evidence/objects/{id}/doubts", tag = "evidence", params(("id" = String, Path)),
    responses((status = 200, body = Vec<DoubtOut>), (status = 404)))]
async fn doubts(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let sees = Sees::of(&house, &caller.ctx);
    let read =
        move |reader: &crate::office::store::Reader<'_>| match read::brief(reader, sees, &id)? {
            Some(_) => lists::doubts_of(reader, &id).map(Some),
            None => Ok(None),
        };
    let found = house.store.read(read).await?.ok_or_else(Refusal::absent)?;
    let out = |row: lists::DoubtRow| {
        let (vouched_by, reason) = row.vouched.map(|(person, reason, _)| (person, reason)).unzip();
        let lists = row.lists.into_iter().map(|(list, entry)| HitOut { list, entry }).collect();
        DoubtOut { value: row.value, lists, vouched_by, reason }
    };
    Ok(Json(found.into_iter().map(out).collect::<Vec<_>>()).into_response())
}

/// A value and why it is to be looked for and blocked although it is on a warning list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VouchIn {
    value: String,
    reason: String,
}

/// The record of a vouch.
#[derive(Serialize, ToSchema)]
struct VouchedOut {
    /// Index of its leaf.
    position: u64,
}

/// Vouches for exactly one value on a warning list. The reason stays with it, in the audit and the log.
#[utoipa::path(post, path = "/evidence/vouches", tag = "evidence", request_body = VouchIn,
    responses((status = 201, body = VouchedOut), (status = 409, description = "it is on no list"), (status = 422)))]
async fn vouch(State(house): State<Arc<House>>, caller: Caller, body: Body<VouchIn>) -> Answer {
    let VouchIn { value, reason } = body.value;
    let made = lists::vouch(&house, &caller.ctx, &value, &reason).await?;
    Ok((StatusCode::CREATED, Json(VouchedOut { position: made.position })).into_response())
}
