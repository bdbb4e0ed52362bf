//! Peers over the API: how they fare, and switching them on and off.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Wish};
use super::read::{self, Health, Known};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::web::api::Body;
use crate::web::refusal::Answer;
use crate::web::visitor::Caller;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(list, start, pause, wake, again),
    components(schemas(PeerOut, PutAside, Peers, StartIn, PeerDone))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/peers", get(list))
        .route("/peers/{peer}/start", post(start))
        .route("/peers/{peer}/pause", post(pause))
        .route("/peers/{peer}/wake", post(wake))
        .route("/peers/{peer}/again", post(again))
}

/// A peer and how it fares.
#[derive(Debug, Serialize, ToSchema)]
struct PeerOut {
    /// Its name in the configuration.
    peer: String,
    /// `off`, `paused`, `waiting`, `walking`, `current` or `failing`.
    health: &'static str,
    /// Its address; absent when it is no longer configured.
    url: Option<String>,
    /// `pull` or `push`; absent when it was never switched on, like what follows.
    direction: Option<&'static str>,
    /// Whose objects they are, or who receives.
    org: Option<String>,
    /// Objects that were new.
    taken: u64,
    /// Objects that were held already.
    known: u64,
    /// Objects that were put aside, with their reason.
    aside: u64,
    /// Failures in a row.
    failures: i64,
    /// Code of the last failure, while it lasts.
    error_code: Option<String>,
    /// Words of the last failure.
    error: Option<String>,
    /// When it was tried last.
    tried_at: Option<String>,
    /// When everything there was had been taken.
    current_at: Option<String>,
    /// When it is tried next.
    due_at: Option<String>,
    /// The newest of what it did not take, or of what cannot be read.
    put_aside: Vec<PutAside>,
}

/// An object that a peer did not take, or that cannot be read.
#[derive(Debug, Serialize, ToSchema)]
struct PutAside {
    /// Its identifier.
    id: String,
    /// Its version.
    version: String,
    /// The peer's words, or why it cannot be read.
    message: String,
    /// When.
    at: String,
}

impl From<read::Refused> for PutAside {
    fn from(one: read::Refused) -> Self {
        Self { id: one.id, version: one.version, message: one.message, at: stamp(one.at) }
    }
}

impl From<Known> for PeerOut {
    fn from(known: Known) -> Self {
        let standing = known.standing.as_ref();
        let error = standing.and_then(|one| one.error.clone());
        let counts = standing.map(|one| one.counts).unwrap_or_default();
        Self {
            health: Health::of(standing).code(),
            url: known.configured.as_ref().map(|peer| peer.url.clone()),
            direction: standing.map(|one| one.direction.code()),
            org: standing.map(|one| one.org.clone()),
            taken: counts.0,
            known: counts.1,
            aside: counts.2,
            failures: standing.map_or(0, |one| one.failures),
            error_code: error.as_ref().map(|(code, _)| code.clone()),
            error: error.map(|(_, words)| words),
            tried_at: standing.and_then(|one| one.tried_at).map(stamp),
            current_at: standing.and_then(|one| one.current_at).map(stamp),
            due_at: standing.and_then(|one| one.due_at).map(stamp),
            put_aside: known.put_aside.into_iter().map(PutAside::from).collect(),
            peer: known.name,
        }
    }
}

/// Every peer.
#[derive(Debug, Serialize, ToSchema)]
struct Peers {
    /// By name.
    items: Vec<PeerOut>,
}

/// Every peer and how it fares.
#[utoipa::path(get, path = "/peers", tag = "share", responses((status = 200, body = Peers)))]
async fn list(State(house): State<Arc<House>>, caller: Caller) -> Answer<Json<Peers>> {
    house.authoriser.check(&caller.ctx, Action::SharePeer, On::default())?;
    let config = house.config.clone();
    let known = house.store.read(move |reader| read::known(reader, &config)).await?;
    Ok(Json(Peers { items: known.into_iter().map(PeerOut::from).collect() }))
}

/// What a peer is switched on for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartIn {
    /// `pull` or `push`.
    direction: String,
    /// Whose objects they are, or who receives: an organisation's identifier.
    org: String,
    /// Least marking of what comes in; objects without one are TLP:AMBER when absent.
    #[serde(default)]
    tlp: Option<String>,
    /// Legal class of what comes in: `CIA-P`, `CIA-PM` or `CIA-N` (also when absent).
    #[serde(default)]
    class: Option<String>,
    /// Minutes between two walks; 15 when absent.
    #[serde(default)]
    minutes: Option<i64>,
}

/// Where the log has it.
#[derive(Debug, Serialize, ToSchema)]
struct PeerDone {
    /// Index of the leaf.
    position: u64,
}

/// Switches a configured peer on, or changes how. The walk goes on where it stood.
#[utoipa::path(post, path = "/peers/{peer}/start", tag = "share", params(("peer" = String, Path)),
    request_body = StartIn, responses((status = 200, body = PeerDone)))]
async fn start(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(peer): Path<String>,
    body: Body<StartIn>,
) -> Answer<(StatusCode, Json<PeerDone>)> {
    let StartIn { direction, org, tlp, class, minutes } = body.value;
    let class = class.unwrap_or_else(|| "CIA-N".to_owned());
    let wish = Wish { direction, org, tlp, class, minutes };
    let position = act::start(&house, &caller.ctx, &peer, &wish).await?;
    Ok((StatusCode::OK, Json(PeerDone { position })))
}

/// Switches a peer off. Nothing that came is taken back.
#[utoipa::path(post, path = "/peers/{peer}/pause", tag = "share", params(("peer" = String, Path)),
    responses((status = 200, body = PeerDone)))]
async fn pause(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(peer): Path<String>,
) -> Answer<Json<PeerDone>> {
    Ok(Json(PeerDone { position: act::pause(&house, &caller.ctx, &peer).await? }))
}

/// Tries a peer now instead of when it is due.
#[utoipa::path(post, path = "/peers/{peer}/wake", tag = "share", params(("peer" = String, Path)),
    responses((status = 200, body = PeerDone)))]
async fn wake(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(peer): Path<String>,
) -> Answer<Json<PeerDone>> {
    Ok(Json(PeerDone { position: act::wake(&house, &caller.ctx, &peer).await? }))
}

/// Hands over again what a peer did not take.
#[utoipa::path(post, path = "/peers/{peer}/again", tag = "share", params(("peer" = String, Path)),
    responses((status = 200, body = PeerDone), (status = 409, description = "there is nothing to hand over again")))]
async fn again(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(peer): Path<String>,
) -> Answer<Json<PeerDone>> {
    Ok(Json(PeerDone { position: act::again(&house, &caller.ctx, &peer).await? }))
}
