//! `GET /changes`: the change stream as lines of JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;
use utoipa::{OpenApi, ToSchema};

use super::cursor::{Marker, Place};
use super::followers::{self, Follower};
use super::hooks;
use super::read::{self, Found, Part, Wish};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::office::ctx::Ctx;
use crate::office::store::Reader;
use crate::share::act::Door;
use crate::share::handed::{self, Handing, Piece};
use crate::share::serve::date_added;
use crate::web::api::Body as Json_;
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Caller, Proof};

/// The media type of lines of JSON.
const NDJSON: &str = "application/x-ndjson";
/// How long a followed stream stays open; a reader goes on from its last line.
const FOLLOW_MAX: Duration = Duration::from_secs(600);
/// A followed stream says at least this often that it is alive, and is asked at least so often whether its reader may
/// still have it.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Parts that wait for a slow reader.
const PARTS_WAITING: usize = 2;
/// Types one wish may name.
const TYPES_MAX: usize = 64;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(changes, hooks_list, hook_add, hook_end),
    components(schemas(HookIn, HookMade, HookOut, Hooks))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/changes", get(changes))
        .route("/hooks", get(hooks_list).post(hook_add))
        .route("/hooks/{hook}/end", post(hook_end))
}

/// What of the stream.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The `cursor` of the last line that was taken in; absent for the first call.
    cursor: Option<String>,
    /// Without a cursor: `start` (also when absent) for everything the stream reaches back to, `now` for nothing of it.
    from: Option<String>,
    /// STIX types, parted by commas; all when absent.
    types: Option<String>,
    /// `true` keeps the answer open and sends what comes, for ten minutes at most.
    #[serde(default)]
    follow: bool,
}

/// The key that signs places.
pub(super) fn key(house: &House) -> Result<[u8; 32], Failure> {
    crate::office::log::load_or_make_seed(&house.dir.join("keys").join("stream.key"))
        .map_err(|problem| Failure::Broken(Box::new(problem)))
}

/// How far the stream reaches back.
pub(super) fn reach(house: &House) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(house.config.stream.days))
}

fn bad(what: &str) -> Failure {
    Refusal::new("NRS-SHAR-0431", StatusCode::BAD_REQUEST).arg("what", what).into()
}

pub(super) fn too_far(since: Timestamp) -> Refusal {
    Refusal::new("NRS-SHAR-0430", StatusCode::GONE).arg("since", stamp(since))
}

/// What was released to the caller's organisation, in order, one JSON object a line: `{"type":"object","audience",
/// "date_added","object","cursor"}`, and `{"type":"alive","cursor"}` while nothing comes. Give the last line's `cursor`
/// back to go on. Followed, it ends with `{"type":"end","code"}` as soon as the caller may not have it any more; 429 when
/// the organisation follows as many as it may. 410 when the place lies further back than the stream reaches: take the collections in over TAXII, then
/// go on with `from=now`.
#[utoipa::path(get, path = "/changes", tag = "share",
    params(("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("types" = Option<String>, Query),
        ("follow" = Option<bool>, Query)),
    responses((status = 200, content_type = "application/x-ndjson"), (status = 410, body = crate::web::api::Problem),
        (status = 429, body = crate::web::api::Problem)))]
async fn changes(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Answer {
    let Caller { ctx, proof } = caller;
    may_read(&house, &ctx)?;
    let types: Vec<String> = asked
        .types
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect();
    if types.len() > TYPES_MAX {
        return Err(bad("types"));
    }
    let wish = Wish { types };
    let follow = asked.follow.then(|| house.followers.join(&ctx.org));
    if matches!(follow, Some(None)) {
        return Err(Refusal::new("NRS-SHAR-0435", StatusCode::TOO_MANY_REQUESTS)
            .arg("most", followers::FOLLOWERS_MAX)
            .into());
    }
    let follow = follow.flatten();
    let place = begin(&house, &ctx, &asked).await?;
    // The first part is looked for before anything is said, so that a refusal is an ordinary answer.
    let first = part(&house, &ctx, &place, &wish).await?;
    let (lines, taken) = mpsc::channel(PARTS_WAITING);
    let body = handed::body(&house, &ctx, taken);
    tokio::spawn(async move {
        let stream = Stream { house, ctx, proof, wish, lines };
        if let Err(Failure::Broken(problem)) = stream.run(first, follow).await {
            tracing::error!(problem = problem.to_string(), "a change stream ended");
        }
    });
    Ok(([(CONTENT_TYPE, NDJSON)], body).into_response())
}

fn may_read(house: &House, ctx: &Ctx) -> Result<(), Failure> {
    let on = On { owner: Some(&ctx.org), ..On::default() };
    Ok(house.authoriser.check(ctx, Action::ShareRead, on)?)
}

async fn begin(house: &Arc<House>, ctx: &Ctx, asked: &Asked) -> Answer<Place> {
    let (org, hat, now, reach) = (ctx.org.clone(), ctx.hat, ctx.now, reach(house));
    match (asked.cursor.as_deref(), asked.from.as_deref()) {
        (Some(text), None) => {
            let marker = Marker { key: key(house)?, org: ctx.org.as_str() };
            marker.read(text).ok_or_else(|| bad("cursor"))
        }
        (None, Some("now")) => {
            Ok(house.store.read(move |reader| read::now(reader, (&org, hat), now)).await?)
        }
        (None, Some("start") | None) => Ok(house
            .store
            .read(move |reader| read::earliest(reader, (&org, hat), now, reach))
            .await?),
        _ => Err(bad("from")),
    }
}

/// Looks for the next part and records that it is handed out, before a byte of it goes.
async fn part(house: &Arc<House>, ctx: &Ctx, place: &Place, wish: &Wish) -> Answer<Part> {
    let (org, hat, from) = (ctx.org.clone(), ctx.hat, place.clone());
    let (wish, reach) = (wish.clone(), reach(house));
    for _ in 0..handed::TRIES {
        let (org, from, wish, now) = (org.clone(), from.clone(), wish.clone(), house.clock.now());
        let look =
            move |reader: &Reader<'_>| read::next(reader, (&org, hat), &from, &wish, now, reach);
        let part = match house.store.read(look).await? {
            Found::Part(part) => *part,
            Found::TooFarBehind { since } => return Err(too_far(since).into()),
        };
        if part.items.is_empty() {
            return Ok(part);
        }
        let handing = Handing {
            recipient: &ctx.org,
            audience: &part.audience,
            through: "changes",
            door: Door::Stream,
        };
        let change = handing.change("changes", &part.items, now);
        if handing.record(house, ctx, change).await? {
            return Ok(part);
        }
    }
    Err(handed::unsettled())
}

/// The lines of a part; each carries the place after it.
pub(super) fn lines(marker: &Marker<'_>, from: &Place, part: &Part) -> String {
    let label = part.audience.label();
    let mut place = from.clone();
    let mut text = String::new();
    for (index, item) in part.items.iter().enumerate() {
        place.set(&label, item.added);
        let after = if index + 1 == part.items.len() { &part.place } else { &place };
        let head =
            json!({ "type": "object", "audience": label, "date_added": date_added(item.added) });
        let cursor = json!(marker.write(after));
        // The object keeps its bytes but for line ends, which JSON allows only between its parts.
        let object = item.object.text().replace(['\n', '\r'], " ");
        let head = head.to_string();
        let head = head.strip_suffix('}').unwrap_or(&head);
        text.push_str(&format!("{head},\"cursor\":{cursor},\"object\":{object}}}\n"));
    }
    text
}

struct Stream {
    house: Arc<House>,
    ctx: Ctx,
    proof: Proof,
    wish: Wish,
    lines: mpsc::Sender<Piece>,
}

impl Stream {
    async fn run(self, first: Part, follow: Option<Follower>) -> Answer<()> {
        let marker = Marker { key: key(&self.house)?, org: self.ctx.org.as_str() };
        let until = tokio::time::Instant::now() + FOLLOW_MAX;
        let mut grown = self.house.door.size();
        let mut stopping = self.house.stopping();
        let mut part = first;
        let mut from = part.place.clone();
        loop {
            if tokio::time::Instant::now() >= until {
                return Ok(());
            }
            let text = lines(&marker, &from, &part);
            // A reader that does not take its lines is let go when its time is over.
            let piece = (text, handed::notes(&part.items));
            let sent = tokio::time::timeout_at(until, self.send(piece)).await;
            if !sent.unwrap_or(false) {
                return Ok(());
            }
            from = part.place.clone();
            if part.ended {
                // Also the last line of an answer that is not followed: a reader always has a place to go on from.
                let alive = json!({ "type": "alive", "cursor": marker.write(&from) });
                if !self.send((format!("{alive}\n"), Vec::new())).await || follow.is_none() {
                    return Ok(());
                }
                grown.mark_unchanged();
                tokio::select! {
                    changed = grown.changed() => if changed.is_err() { return Ok(()) },
                    () = tokio::time::sleep(HEARTBEAT) => {}
                    () = tokio::time::sleep_until(until) => return Ok(()),
                    _ = stopping.wait_for(|stop| *stop) => return Ok(()),
                    () = self.lines.closed() => return Ok(()),
                }
            }
            part = match part_or_end(&self, &from).await? {
                Some(part) => part,
                None => return Ok(()),
            };
        }
    }

    async fn send(&self, (text, notes): (String, Vec<String>)) -> bool {
        text.is_empty() || self.lines.send((Bytes::from(text), notes)).await.is_ok()
    }

    /// Whoever began to read may still read, as the same person under the same hat. To which audiences its organisation
    /// belongs is looked up with each part.
    async fn may_go_on(&self) -> Answer<()> {
        let (proof, now) = (self.proof.clone(), self.house.clock.now());
        let request = self.ctx.request.clone();
        let found = self.house.store.read(move |reader| proof.again(reader, now, request)).await?;
        let same = |one: &Ctx| {
            one.person == self.ctx.person && one.org == self.ctx.org && one.hat == self.ctx.hat
        };
        let Some(ctx) = found.filter(same) else {
            return Err(Refusal::new("NRS-AUTH-0002", StatusCode::UNAUTHORIZED).into());
        };
        may_read(&self.house, &ctx)
    }

    async fn next(&self, from: &Place) -> Answer<Part> {
        self.may_go_on().await?;
        part(&self.house, &self.ctx, from, &self.wish).await
    }
}

/// A refusal in the middle ends the stream with a line that says why.
async fn part_or_end(stream: &Stream, from: &Place) -> Answer<Option<Part>> {
    match stream.next(from).await {
        Ok(part) => Ok(Some(part)),
        Err(Failure::Refused(refusal)) => {
            let line = json!({ "type": "end", "code": refusal.code });
            stream.send((format!("{line}\n"), Vec::new())).await;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

// ---- webhooks --------------------------------------------------------------------------------------------------

/// Where to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HookIn {
    /// An address below one that the office's operator allows (`stream.hooks`).
    url: String,
    /// STIX types; all when empty.
    #[serde(default)]
    types: Vec<String>,
    /// A webhook of the same organisation whose place this one takes over: it goes on where that one stopped, and that
    /// one ends. Without it only what comes from now on is sent.
    #[serde(default)]
    takes_over: Option<String>,
}

/// What was made.
#[derive(Debug, Serialize, ToSchema)]
struct HookMade {
    /// Its identifier.
    id: String,
    /// The secret that signs; shown only here.
    secret: String,
    /// Index of the leaf.
    position: u64,
}

/// A webhook and how it fares.
#[derive(Debug, Serialize, ToSchema)]
struct HookOut {
    /// Its identifier.
    id: String,
    /// Where it sends.
    url: String,
    /// `on`, `behind` (too far: make another one, which sends from then on, and after that take the collections in over
    /// TAXII) or `ended`.
    state: String,
    /// Objects sent.
    sent: u64,
    /// Failures in a row.
    failures: i64,
    /// The last failure.
    error: Option<String>,
    /// When it is tried next.
    due_at: Option<String>,
}

/// The webhooks of the caller's organisation.
#[derive(Debug, Serialize, ToSchema)]
struct Hooks {
    /// Newest first.
    items: Vec<HookOut>,
}

/// The webhooks of the caller's organisation.
#[utoipa::path(get, path = "/hooks", tag = "share", responses((status = 200, body = Hooks)))]
async fn hooks_list(State(house): State<Arc<House>>, caller: Caller) -> Answer<Json<Hooks>> {
    may_read(&house, &caller.ctx)?;
    let (org, hat) = (caller.ctx.org.clone(), caller.ctx.hat);
    let found = house.store.read(move |reader| hooks::seen_under(reader, &org, hat)).await?;
    let out = |one: hooks::Hook| HookOut {
        id: one.hook,
        url: one.url,
        state: one.state,
        sent: one.sent,
        failures: one.failures,
        error: one.error,
        due_at: one.due_at.map(stamp),
    };
    Ok(Json(Hooks { items: found.into_iter().map(out).collect() }))
}

/// Sends the change stream to an address: batches of the same lines, signed as Standard Webhooks prescribes
/// (`webhook-id`, `webhook-timestamp`, `webhook-signature`). Sent again until it is answered with 2xx. 410 when the place
/// to take over lies further back than the stream reaches.
#[utoipa::path(post, path = "/hooks", tag = "share", request_body = HookIn,
    responses((status = 201, body = HookMade), (status = 410, body = crate::web::api::Problem)))]
async fn hook_add(
    State(house): State<Arc<House>>,
    caller: Caller,
    _headers: HeaderMap,
    body: Json_<HookIn>,
) -> Answer<Response> {
    may_read(&house, &caller.ctx)?;
    let HookIn { url, types, takes_over } = body.value;
    let asked = hooks::Asked { url, types, takes_over };
    let (made, secret) = hooks::add(&house, &caller, &asked).await?;
    let made = HookMade { id: made.id, secret, position: made.position };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Ends a webhook.
#[utoipa::path(post, path = "/hooks/{hook}/end", tag = "share", params(("hook" = String, Path)),
    responses((status = 204)))]
async fn hook_end(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(hook): Path<String>,
) -> Answer<StatusCode> {
    may_read(&house, &caller.ctx)?;
    hooks::end(&house, &caller.ctx, &hook).await?;
    Ok(StatusCode::NO_CONTENT)
}
