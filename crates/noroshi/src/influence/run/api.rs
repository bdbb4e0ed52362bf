//! Runs for programs.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::act::{self, NewReview, Parameters};
use super::read::{self, Run};
use super::results::{self, HitRow, Likeness, Results};
use super::{draw, finds, pack};
use crate::house::House;
use crate::influence::act::{Made, broken, may, refuse};
use crate::influence::vault::VaultFailure;
use crate::office::authorise::Action;
use crate::office::clock::stamp;
use crate::office::commit::Change;
use crate::office::ctx::Ctx;
use crate::web::api::Body;
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Caller;

/// Largest table of shares that a pack carries, in bytes.
const SHARES_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(
        list, ask, one, groups, group, clusters, hits, closed, table, propose, confirm, withdraw,
        pack_of
    ),
    components(schemas(Parameters, NewReview, WithdrawIn))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence/collections/{id}/runs", get(list).post(ask))
        .route("/influence/runs/{id}", get(one))
        .route("/influence/runs/{id}/groups", get(groups))
        .route("/influence/runs/{id}/groups/{group}", get(group))
        .route("/influence/runs/{id}/groups/{group}/reviews", post(propose))
        .route("/influence/runs/{id}/clusters", get(clusters))
        .route("/influence/runs/{id}/hits", get(hits))
        .route("/influence/runs/{id}/closed", get(closed))
        .route("/influence/runs/{id}/tables/{file}", get(table))
        .route("/influence/runs/{id}/pack", get(pack_of))
        .route("/influence/reviews/{id}/confirm", post(confirm))
        .route("/influence/reviews/{id}/withdraw", post(withdraw))
}

fn run_json(run: &Run) -> Value {
    json!({
        "id": run.run, "collection": run.collection, "parameters": run.parameters, "digest": run.digest,
        "input": run.input, "state": run.state, "at": stamp(run.at), "summary": run.summary,
    })
}

fn created(made: &Made) -> axum::response::Response {
    (StatusCode::CREATED, Json(json!({ "id": made.id, "position": made.position }))).into_response()
}

/// Runs over a collection, newest first, at most 500.
#[utoipa::path(get, path = "/influence/collections/{id}/runs", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "`items`"), (status = 404)))]
async fn list(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    crate::influence::act::collection(&house, &caller.ctx, &id).await?;
    let found = house.store.read(move |reader| read::runs(reader, &id, 500)).await?;
    let items: Vec<Value> = found.iter().map(run_json).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// Asks an engine about a collection. The question is recorded before it is answered.
#[utoipa::path(post, path = "/influence/collections/{id}/runs", tag = "influence", request_body = Parameters,
    params(("id" = String, Path)), responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn ask(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<Parameters>,
) -> Answer {
    Ok(created(&act::ask(&house, &caller.ctx, &id, body.value).await?))
}

/// One run with what it came to.
#[utoipa::path(get, path = "/influence/runs/{id}", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "the run"), (status = 404)))]
async fn one(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let run = act::find(&house, &caller.ctx, &id).await?;
    Ok(Json(run_json(&run)).into_response())
}

/// Where to begin in a list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct From {
    /// Entries to leave out.
    #[serde(default)]
    offset: u32,
}

/// Entries of one answer.
const LISTED: u32 = 200;

/// Groups of a run, 200 at a time.
#[utoipa::path(get, path = "/influence/runs/{id}/groups", tag = "influence", params(("id" = String, Path), From),
    responses((status = 200, description = "`items`"), (status = 404)))]
async fn groups(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(from): Query<From>,
) -> Answer {
    let run = act::find(&house, &caller.ctx, &id).await?;
    let reviews = act::reviews(&house, &run).await?;
    let rows = act::of_results(&house, &run.run, move |results| {
        results.groups((i64::MIN, i64::MAX), from.offset, LISTED)
    })
    .await?;
    let items: Vec<Value> = rows
        .iter()
        .map(|group| {
            json!({
                "group": group.number, "level": pack::level_of(group, &reviews).code(), "accounts": group.accounts,
                "edges": group.edges, "first": group.span.0, "last": group.span.1, "evidence": group.body,
            })
        })
        .collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// One group: members under pseudonyms, and edges with their evidence.
#[utoipa::path(get, path = "/influence/runs/{id}/groups/{group}", tag = "influence",
    params(("id" = String, Path), ("group" = i64, Path)),
    responses((status = 200, description = "`members` and `edges`"), (status = 404)))]
async fn group(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((id, group)): Path<(String, i64)>,
) -> Answer {
    let run = act::find(&house, &caller.ctx, &id).await?;
    let (row, members, edges) = act::of_results(&house, &run.run, move |results| {
        let all = (i64::MIN, i64::MAX);
        Ok((
            results.group(group)?,
            results.members(group)?,
            results.edges(Some(group), all, u32::try_from(draw::LINES_MAX).unwrap_or(u32::MAX))?,
        ))
    })
    .await?;
    let row = row.ok_or_else(Refusal::absent)?;
    let level = pack::level_of(&row, &act::reviews(&house, &run).await?).code();
    let members: Vec<Value> =
        members.iter().map(|one| json!({ "account": one.account, "evidence": one.body })).collect();
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| {
            json!({ "a": edge.ends.0, "b": edge.ends.1, "weight": edge.weight, "evidence": edge.body })
        })
        .collect();
    Ok(Json(json!({
        "group": row.number, "level": level, "evidence": row.body, "members": members, "edges": edges,
    }))
    .into_response())
}

/// Entries of a run, made by `of` from what its file holds.
async fn listed<T: Send + 'static>(
    house: &Arc<House>,
    caller: &Caller,
    id: &str,
    ask: impl FnOnce(&Results) -> Result<Vec<T>, VaultFailure> + Send + 'static,
    of: impl Fn(&T) -> Value,
) -> Answer {
    let run = act::find(house, &caller.ctx, id).await?;
    let rows = act::of_results(house, &run.run, ask).await?;
    let items: Vec<Value> = rows.iter().map(of).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// Clusters of copies, 200 at a time. Texts are not told here.
#[utoipa::path(get, path = "/influence/runs/{id}/clusters", tag = "influence", params(("id" = String, Path), From),
    responses((status = 200, description = "`items`"), (status = 404)))]
async fn clusters(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(from): Query<From>,
) -> Answer {
    let ask = move |results: &Results| results.clusters(from.offset, LISTED);
    listed(&house, &caller, &id, ask, |row| {
        json!({
            "cluster": row.number, "posts": row.posts, "accounts": row.accounts, "evidence": row.body,
        })
    })
    .await
}

fn hit_json(row: &HitRow) -> Value {
    json!({
        "domain": row.domain, "protected": row.protected, "rule": row.rule, "score": row.score,
        "outcome": row.likeness.code(),
    })
}

/// Names that imitate protected ones, 200 at a time.
#[utoipa::path(get, path = "/influence/runs/{id}/hits", tag = "influence", params(("id" = String, Path), From),
    responses((status = 200, description = "`items`"), (status = 404)))]
async fn hits(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(from): Query<From>,
) -> Answer {
    let ask = move |results: &Results| results.hits(Likeness::Imitates, from.offset, LISTED);
    listed(&house, &caller, &id, ask, hit_json).await
}

/// Names like protected ones under a suffix where only bodies of its own state register, 200 at a time: shown, and no imitation.
#[utoipa::path(get, path = "/influence/runs/{id}/closed", tag = "influence", params(("id" = String, Path), From),
    responses((status = 200, description = "`items`"), (status = 404)))]
async fn closed(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(from): Query<From>,
) -> Answer {
    let ask = move |results: &Results| results.hits(Likeness::Closed, from.offset, LISTED);
    listed(&house, &caller, &id, ask, hit_json).await
}

/// One table of a run as a file, `<table>.csv` or `<table>.json`: `groups`, `edges`, `accounts` of coordination, `clusters` of
/// copies, `hits` and `closed` of lookalikes, `spreads`, `links`, `chains`, `firsts` of amplification and sites, `creations`, `returns`,
/// `sleepers`, `rhythms`, `shifts`, `names` of cadence, `residues`, `topics`. That it was taken out is recorded first.
#[utoipa::path(get, path = "/influence/runs/{id}/tables/{file}", tag = "influence",
    params(("id" = String, Path), ("file" = String, Path)),
    responses((status = 200, description = "the table"), (status = 404), (status = 422)))]
async fn table(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
) -> Answer {
    let (kind, bytes) = finds::taken_out(&house, &caller.ctx, &id, &file).await?;
    Ok(([(axum::http::header::CONTENT_TYPE, kind)], bytes).into_response())
}

/// Says that a group is inauthentic: the first of two.
#[utoipa::path(post, path = "/influence/runs/{id}/groups/{group}/reviews", tag = "influence",
    request_body = NewReview, params(("id" = String, Path), ("group" = i64, Path)),
    responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn propose(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((id, group)): Path<(String, i64)>,
    body: Body<NewReview>,
) -> Answer {
    Ok(created(&act::propose(&house, &caller.ctx, (&id, group), body.value).await?))
}

/// Says so too: the second of two.
#[utoipa::path(post, path = "/influence/reviews/{id}/confirm", tag = "influence", params(("id" = String, Path)),
    responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn confirm(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    Ok(created(&act::confirm(&house, &caller.ctx, &id).await?))
}

/// Why what was said is taken back.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct WithdrawIn {
    /// The reason; it stays with the review.
    reason: String,
}

/// Takes back what was said of a group, by one or by two: it stays on record with the reason, and the group is at E3 again.
#[utoipa::path(post, path = "/influence/reviews/{id}/withdraw", tag = "influence", request_body = WithdrawIn,
    params(("id" = String, Path)),
    responses((status = 200, description = "`id` and `position`"), (status = 404), (status = 409), (status = 422)))]
async fn withdraw(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<WithdrawIn>,
) -> Answer {
    let (_, made) = act::withdraw(&house, &caller.ctx, &id, &body.value.reason).await?;
    Ok(Json(json!({ "id": made.id, "position": made.position })).into_response())
}

/// The archive of a run. That it was taken out, with its digest, is a leaf before it is handed over.
pub(super) async fn archive(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<Vec<u8>> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let run = act::find(house, ctx, id).await?;
    if run.state != "done" {
        return Err(refuse("NRS-INFL-1205"));
    }
    let reviews = act::reviews(house, &run).await?;
    let (dir, fonts) = (house.dir.clone(), house.config.influence.pdf_fonts.clone());
    let made = tokio::task::spawn_blocking(move || {
        let path = results::shares_path(&dir, &run.run);
        let size = std::fs::metadata(&path).map_or(0, |file| file.len());
        let Some(results) = Results::open(&dir, &run.run)?.filter(|_| size <= SHARES_BYTES_MAX)
        else {
            return Ok(None);
        };
        let shares = std::fs::read(&path)?;
        let stix = pack::stix(&results, &run)?;
        pack::pack(&results, &run, &reviews, shares, &stix, &fonts).map(Some)
    });
    let made: Result<_, VaultFailure> = made.await.map_err(broken)?;
    let archive = made.map_err(broken)?.ok_or_else(|| refuse("NRS-INFL-1205"))?;
    let digest = noroshi_charter::finding::Digest::of(&archive);
    let change = Change::office("influence.run.pack", id)
        .payload(json!({ "digest": digest, "bytes": archive.len() }));
    house.door.commit(ctx, change).await?;
    Ok(archive)
}

/// The evidence pack of a run, a tar archive: finding, edges, groups, accounts, timeline, network, reports, STIX, how to verify.
#[utoipa::path(get, path = "/influence/runs/{id}/pack", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "a tar archive"), (status = 404), (status = 422)))]
async fn pack_of(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let archive = archive(&house, &caller.ctx, &id).await?;
    Ok(([(axum::http::header::CONTENT_TYPE, "application/x-tar")], archive).into_response())
}
