//! The API of feeds.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, NewFeed};
use super::read::{self, Feed, Pull};
use crate::house::House;
use crate::influence::act::{Made, collection};
use crate::office::clock::stamp;
use crate::web::api::Body;
use crate::web::refusal::Answer;
use crate::web::visitor::Caller;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(feeds, feed_ask, feed_decide, feed_end, feed_pull),
    components(schemas(NewFeed, FeedDecision, FeedEnd))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence/collections/{id}/feeds", get(feeds).post(feed_ask))
        .route("/influence/feeds/{id}/decision", post(feed_decide))
        .route("/influence/feeds/{id}/end", post(feed_end))
        .route("/influence/feeds/{id}/pull", post(feed_pull))
}

/// Readings told with the feeds of a collection.
const PULLS: u32 = 200;

fn done(made: &Made) -> axum::response::Response {
    Json(json!({ "id": made.id, "position": made.position })).into_response()
}

fn feed_json(feed: &Feed) -> Value {
    json!({
        "id": feed.feed, "url": feed.url, "every_minutes": feed.every_minutes, "state": feed.state,
        "asked_at": stamp(feed.asked_at), "decision": feed.decision, "ended": feed.ended_why, "digest": feed.digest,
        "read_at": feed.pulled_at.map(stamp), "due_at": feed.due_at.map(stamp), "failures": feed.failures,
    })
}

fn pull_json(pull: &Pull) -> Value {
    json!({
        "feed": pull.feed, "at": stamp(pull.at), "outcome": pull.outcome, "kind": pull.kind, "documents": pull.documents,
        "bytes": pull.size, "entries": pull.entries, "import": pull.import, "code": pull.code, "why": pull.why,
    })
}

/// Feeds and sitemaps that a collection reads, and their last 200 readings, newest first.
#[utoipa::path(get, path = "/influence/collections/{id}/feeds", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "`items` and `readings`"), (status = 404)))]
async fn feeds(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    collection(&house, &caller.ctx, &id).await?;
    let found = house
        .store
        .read(move |reader| Ok((read::feeds(reader, &id)?, read::pulls(reader, &id, PULLS)?)))
        .await?;
    let items: Vec<Value> = found.0.iter().map(feed_json).collect();
    let readings: Vec<Value> = found.1.iter().map(pull_json).collect();
    Ok(Json(json!({ "items": items, "readings": readings })).into_response())
}

/// Names a further feed of a collection. Another person allows it.
#[utoipa::path(post, path = "/influence/collections/{id}/feeds", tag = "influence", request_body = NewFeed,
    params(("id" = String, Path)), responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn feed_ask(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<NewFeed>,
) -> Answer {
    let made = act::name(&house, &caller.ctx, &id, body.value).await?;
    Ok((StatusCode::CREATED, done(&made)).into_response())
}

/// A decision on a feed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FeedDecision {
    /// Whether it is allowed.
    allow: bool,
    /// Why.
    reason: String,
}

/// Allows or refuses a feed: the legal hat, and not the person who named it.
#[utoipa::path(post, path = "/influence/feeds/{id}/decision", tag = "influence", request_body = FeedDecision,
    params(("id" = String, Path)), responses((status = 200, description = "`id` and `position`"), (status = 422)))]
async fn feed_decide(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<FeedDecision>,
) -> Answer {
    let FeedDecision { allow, reason } = body.value;
    Ok(done(&act::decide(&house, &caller.ctx, &id, (allow, &reason)).await?))
}

/// Why a feed ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FeedEnd {
    /// Why.
    reason: String,
}

/// Ends a feed for good.
#[utoipa::path(post, path = "/influence/feeds/{id}/end", tag = "influence", request_body = FeedEnd,
    params(("id" = String, Path)), responses((status = 200, description = "`id` and `position`"), (status = 409)))]
async fn feed_end(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<FeedEnd>,
) -> Answer {
    Ok(done(&act::end(&house, &caller.ctx, &id, &body.value.reason).await?))
}

/// Has a feed read at once; not again within five minutes.
#[utoipa::path(post, path = "/influence/feeds/{id}/pull", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "`id` and `position`"), (status = 422)))]
async fn feed_pull(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    Ok(done(&act::pull_now(&house, &caller.ctx, &id).await?))
}
