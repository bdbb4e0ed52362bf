//! The API for records of hunts.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Submission};
use super::read::{self, Taken};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::api::{Body, Page, Paging};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Caller;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(paths(submit, list), components(schemas(EntryAcceptedOut, HuntEntryOut)))]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new().route("/hunt/entries", post(submit).get(list))
}

/// An entry taken.
#[derive(Serialize, ToSchema)]
struct EntryAcceptedOut {
    /// The entry's digest.
    id: String,
    /// Index of its leaf.
    position: u64,
    /// Sightings of indicators written to the graph.
    sightings: u64,
}

/// Hands in an entry of a record of hunts, with the sightings of the hunt that it ends, as `noroshi hunt` wrote them.
/// Repeating it changes nothing and answers 200.
#[utoipa::path(post, path = "/hunt/entries", tag = "sift",
    request_body(content = Object, description = "`entry` and `sightings` as written by `noroshi hunt`"),
    responses((status = 201, body = EntryAcceptedOut), (status = 200, body = EntryAcceptedOut),
        (status = 409, description = "the sensor's record does not go on with this entry"), (status = 422)))]
async fn submit(State(house): State<Arc<House>>, caller: Caller, body: Body<Submission>) -> Answer {
    let accepted = act::submit(&house, &caller.ctx, body.value).await?;
    let status = if accepted.again { StatusCode::OK } else { StatusCode::CREATED };
    let out = EntryAcceptedOut {
        id: accepted.id,
        position: accepted.position,
        sightings: accepted.into_graph,
    };
    Ok((status, Json(out)).into_response())
}

/// An entry as handed in.
#[derive(Serialize, ToSchema)]
struct HuntEntryOut {
    /// Its digest.
    id: String,
    /// The operator.
    org: String,
    /// What was hunted for: `selectors`, `question`, `beacons` or `first-seen`; `ended` for what came of a hunt.
    hunt: &'static str,
    /// The entry, with purpose and case where they were said.
    #[schema(value_type = Object)]
    entry: noroshi_hunt::record::Entry,
    /// Sightings of indicators written to the graph.
    into_graph: u64,
    /// When it was handed in.
    arrived_at: String,
    /// Index of its leaf.
    position: u64,
}

fn out(taken: Taken) -> HuntEntryOut {
    HuntEntryOut {
        id: taken.digest,
        org: taken.org,
        hunt: act::word(&taken.entry),
        entry: taken.entry,
        into_graph: taken.into_graph,
        arrived_at: taken.arrived_at.to_string(),
        position: taken.position,
    }
}

/// What to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EntriesAsked {
    /// Entries of this case only.
    case: Option<String>,
    /// The `cursor` of the page before; absent for the first.
    cursor: Option<String>,
    /// Entries wanted, at most 500; 50 when absent.
    limit: Option<u32>,
}

/// Lists entries of records of hunts, newest first.
#[utoipa::path(get, path = "/hunt/entries", tag = "sift", params(EntriesAsked),
    responses((status = 200, body = Page<HuntEntryOut>)))]
async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<EntriesAsked>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::SiftRead, On::default())?;
    let paging = Paging { cursor: asked.cursor, limit: asked.limit };
    let before = match paging.cursor.as_deref() {
        None => None,
        Some(text) => Some(text.parse::<u64>().map_err(|_| Refusal::absent())?),
    };
    let limit = paging.limit();
    let case = asked.case;
    let found =
        house.store.read(move |reader| read::list(reader, case.as_deref(), before, limit)).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let cursor = found.last().filter(|_| full).map(|taken| taken.position.to_string());
    Ok(Json(Page { items: found.into_iter().map(out).collect::<Vec<_>>(), cursor }).into_response())
}
