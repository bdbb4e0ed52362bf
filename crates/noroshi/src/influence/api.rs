//! The API of the influence pillar.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use noroshi_codec::posts::FirstLine;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Made, NewCollection, NewDeclared, NewElection, broken};
use super::incident::act::{self as case, NewIncident};
use super::incident::part::Body as PartBody;
use super::incident::read::{Incident, Whole};
use super::open::{self, NewOpening};
use super::read::{Collection, Import};
use super::vault::{Vault, VaultFailure};
use super::{gather, read};
use crate::house::House;
use crate::office::authorise::Action;
use crate::office::clock::stamp;
use crate::web::api::{Body, Paging};
use crate::web::refusal::Answer;
use crate::web::visitor::Caller;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(
        list,
        ask,
        one,
        decide,
        stop,
        hand_in,
        imports,
        import,
        begin,
        rejects,
        accounts,
        open_ask,
        open_decide,
        open_read,
        declare,
        register,
        names,
        elections,
        elect,
        incidents,
        incident_open,
        incident,
        part_add,
        part_end,
        step,
        vote,
        hold,
        export,
        graph
    ),
    components(schemas(
        NewCollection,
        act::NewSeed,
        NewDeclared,
        NewElection,
        NewOpening,
        NewIncident,
        PartBody,
        DecisionIn,
        ReasonIn,
        BeginIn,
        NameIn,
        StepIn,
        VoteIn,
        HoldIn
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence/collections", get(list).post(ask))
        .route("/influence/collections/{id}", get(one))
        .route("/influence/collections/{id}/decision", post(decide))
        .route("/influence/collections/{id}/stop", post(stop))
        .route("/influence/collections/{id}/imports", get(imports).post(hand_in))
        .route("/influence/collections/{id}/accounts", get(accounts))
        .route("/influence/collections/{id}/openings", post(open_ask))
        .route("/influence/collections/{id}/declared", get(register))
        .route("/influence/imports/{id}", get(import))
        .route("/influence/imports/{id}/read", post(begin))
        .route("/influence/imports/{id}/rejects", get(rejects))
        .route("/influence/openings/{id}/decision", post(open_decide))
        .route("/influence/openings/{id}/read", post(open_read))
        .route("/influence/declared", post(declare))
        .route("/influence/names", post(names))
        .route("/influence/elections", get(elections).post(elect))
        .route("/influence/incidents", get(incidents).post(incident_open))
        .route("/influence/incidents/{id}", get(incident))
        .route("/influence/incidents/{id}/parts", post(part_add))
        .route("/influence/incidents/{id}/parts/{part}/end", post(part_end))
        .route("/influence/incidents/{id}/steps", post(step))
        .route("/influence/incidents/{id}/votes", post(vote))
        .route("/influence/incidents/{id}/hold", post(hold))
        .route("/influence/incidents/{id}/stix", get(export))
        .route("/influence/incidents/{id}/graph", post(graph))
}

fn created(made: &Made) -> axum::response::Response {
    (StatusCode::CREATED, Json(json!({ "id": made.id, "position": made.position }))).into_response()
}

fn done(made: &Made) -> axum::response::Response {
    Json(json!({ "id": made.id, "position": made.position })).into_response()
}

/// A page of a list; the cursor is the last entry's identifier.
fn page(items: Vec<Value>, limit: u32, last: Option<&str>) -> Value {
    let full = items.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let mut page = json!({ "items": items });
    if let (true, Some(last), Some(page)) = (full, last, page.as_object_mut()) {
        page.insert("cursor".to_owned(), json!(last));
    }
    page
}

fn collection_json(found: &Collection, now: jiff::Timestamp) -> Value {
    let seeds: Vec<Value> =
        found.seeds.iter().map(|seed| json!({ "kind": seed.kind, "text": seed.text })).collect();
    json!({
        "id": found.collection, "title": found.title, "purpose": found.purpose, "legal_basis": found.legal_basis,
        "visibility": "public", "from": stamp(found.from), "until": stamp(found.until), "volume_max": found.volume_max,
        "post_days": found.days.0, "text_days": found.days.1, "watch_days": found.days.2, "seeds": seeds,
        "state": found.state(now), "taken": found.taken, "created_at": stamp(found.created_at), "org": found.org,
        "decision": found.decision.as_ref().map(|one| json!({
            "allowed": one.allowed, "at": stamp(one.at), "reason": one.reason,
        })),
        "stopped": found.stopped.as_ref().map(|(at, why)| json!({ "at": stamp(*at), "reason": why })),
    })
}

/// Collections, newest first.
#[utoipa::path(get, path = "/influence/collections", tag = "influence", params(Paging),
    responses((status = 200, description = "`items` and `cursor`")))]
async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Answer {
    act::may(&house, &caller.ctx, Action::InfluenceRead)?;
    let (limit, before) = (paging.limit(), paging.cursor);
    let found =
        house.store.read(move |reader| read::collections(reader, before.as_deref(), limit)).await?;
    let items = found.iter().map(|one| collection_json(one, caller.ctx.now)).collect();
    let last = found.last().map(|one| one.collection.as_str());
    Ok(Json(page(items, limit, last)).into_response())
}

/// Asks for a collection of public posts. Another person allows it.
#[utoipa::path(post, path = "/influence/collections", tag = "influence", request_body = NewCollection,
    responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn ask(State(house): State<Arc<House>>, caller: Caller, body: Body<NewCollection>) -> Answer {
    Ok(created(&act::ask(&house, &caller.ctx, body.value).await?))
}

/// One collection: what was decided, what is held, what was deleted.
#[utoipa::path(get, path = "/influence/collections/{id}", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "the collection with `holding` and `purges`"), (status = 404)))]
async fn one(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let found = act::collection(&house, &caller.ctx, &id).await?;
    let of = id.clone();
    let purges = house.store.read(move |reader| read::purges(reader, &of, 100)).await?;
    let holding = holding(&house, &id).await?;
    let mut out = collection_json(&found, caller.ctx.now);
    if let Some(out) = out.as_object_mut() {
        let traces: Vec<Value> = holding
            .traces
            .iter()
            .map(|(trace, shares, objects)| json!({ "trace": trace, "shares": shares, "objects": objects }))
            .collect();
        out.insert("holding".to_owned(), json!({
            "posts": holding.posts, "texts": holding.texts, "accounts": holding.accounts, "traces": traces,
        }));
        let purges = purges.iter().map(|one| json!({
            "at": stamp(one.at), "posts": one.posts, "texts": one.texts, "accounts": one.accounts, "watched": one.watched,
        }));
        out.insert("purges".to_owned(), purges.collect());
    }
    Ok(Json(out).into_response())
}

/// How the file of a collection stands; empty when there is none.
pub(super) async fn holding(house: &Arc<House>, id: &str) -> Answer<super::vault::Holding> {
    of_vault(house, id, Vault::holding).await
}

/// Asks the file of a collection away from the threads that answer; what an empty collection has when there is none.
pub(super) async fn of_vault<T: Default + Send + 'static>(
    house: &Arc<House>,
    collection: &str,
    ask: impl FnOnce(&Vault) -> Result<T, VaultFailure> + Send + 'static,
) -> Answer<T> {
    let (dir, id) = (house.dir.clone(), collection.to_owned());
    let asked = tokio::task::spawn_blocking(move || {
        Vault::existing(&dir, &id)?.map_or(Ok(T::default()), |vault| ask(&vault))
    });
    asked.await.map_err(broken)?.map_err(broken)
}

/// The answer that is a list in one piece.
fn listed(items: impl Iterator<Item = Value>) -> Answer {
    let items: Vec<Value> = items.collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// A decision with its reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecisionIn {
    /// Whether it is allowed.
    allow: bool,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// Allows or refuses a collection: the legal hat, and not the person who asked.
#[utoipa::path(post, path = "/influence/collections/{id}/decision", tag = "influence", request_body = DecisionIn,
    params(("id" = String, Path)), responses((status = 200, description = "`id` and `position`"), (status = 422)))]
async fn decide(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<DecisionIn>,
) -> Answer {
    let DecisionIn { allow, reason } = body.value;
    Ok(done(&act::decide(&house, &caller.ctx, &id, allow, &reason).await?))
}

/// A reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReasonIn {
    /// Why.
    reason: String,
}

/// Stops a collection for good.
#[utoipa::path(post, path = "/influence/collections/{id}/stop", tag = "influence", request_body = ReasonIn,
    params(("id" = String, Path)), responses((status = 200, description = "`id` and `position`"), (status = 409)))]
async fn stop(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<ReasonIn>,
) -> Answer {
    Ok(done(&act::stop(&house, &caller.ctx, &id, &body.value.reason).await?))
}

/// What a file is called.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HandedIn {
    /// Its name, for people.
    #[serde(default)]
    name: String,
}

/// Hands in a table of posts, CSV, JSON lines or Parquet, of any length. Nothing is read yet.
#[utoipa::path(post, path = "/influence/collections/{id}/imports", tag = "influence",
    params(("id" = String, Path), HandedIn),
    request_body(content = String, content_type = "application/octet-stream", description = "CSV, JSON lines or Parquet"),
    responses((status = 201, description = "`id` and `position`"), (status = 413), (status = 422)))]
async fn hand_in(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(asked): Query<HandedIn>,
    request: Request,
) -> Answer {
    let content = request.into_body().into_data_stream();
    Ok(created(&gather::hand_in(&house, &caller.ctx, &id, &asked.name, content).await?))
}

fn import_json(found: &Import) -> Value {
    json!({
        "id": found.import, "collection": found.collection, "name": found.name, "digest": found.digest,
        "size": found.size, "mapping": found.mapping, "state": found.state, "at": stamp(found.at),
        "taken": found.taken, "failure": found.failure.as_ref().map(|why| &why.code),
        "failure_values": found.failure.as_ref().map(|why| &why.values),
    })
}

/// Imports into a collection, newest first, at most 500.
#[utoipa::path(get, path = "/influence/collections/{id}/imports", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "`items`")))]
async fn imports(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    act::collection(&house, &caller.ctx, &id).await?;
    let found = house.store.read(move |reader| read::imports(reader, &id, 500)).await?;
    listed(found.iter().map(import_json))
}

/// One import, and while it waits how its columns would be read.
#[utoipa::path(get, path = "/influence/imports/{id}", tag = "influence", params(("id" = String, Path), LookAsked),
    responses((status = 200, description = "the import with `look` while it waits"), (status = 404)))]
async fn import(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(asked): Query<LookAsked>,
) -> Answer {
    let found = gather::import(&house, &caller.ctx, &id).await?;
    let mut out = import_json(&found);
    if let (true, Some(out)) = (found.state == "held", out.as_object_mut()) {
        let look = gather::look(&house, &caller.ctx, &id, &asked.mapping).await?;
        let columns: Vec<Value> = look
            .columns
            .iter()
            .map(|one| json!({ "number": one.number, "name": one.name, "role": one.role }))
            .collect();
        out.insert("look".to_owned(), json!({
            "columns": columns, "readable": look.readable, "aside": look.aside, "problem": look.problem.as_ref().map(|why| &why.code),
            "problem_values": look.problem.as_ref().map(|why| &why.values),
            "first_line": look.first_line.map(FirstLine::word), "zone": look.zone,
            "zoneless": look.zoneless, "first": look.span.map(|span| stamp(span.0)),
            "last": look.span.map(|span| stamp(span.1)),
        }));
    }
    Ok(Json(out).into_response())
}

/// How a file would be read.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LookAsked {
    /// `auto`, `cnt` or a mapping of roles to columns, one a line.
    #[serde(default)]
    mapping: String,
}

/// How a file is read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BeginIn {
    /// `auto`, `cnt` or a mapping of roles to columns, one a line.
    #[serde(default)]
    mapping: String,
}

/// Says how a file is read; a job reads it and deletes it.
#[utoipa::path(post, path = "/influence/imports/{id}/read", tag = "influence", request_body = BeginIn,
    params(("id" = String, Path)), responses((status = 200, description = "`id` and `position`"), (status = 422)))]
async fn begin(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<BeginIn>,
) -> Answer {
    Ok(done(&gather::begin(&house, &caller.ctx, &id, &body.value.mapping).await?))
}

/// Records of an import that were not kept: line, code, reason. Their content is not held.
#[utoipa::path(get, path = "/influence/imports/{id}/rejects", tag = "influence",
    params(("id" = String, Path), Paging), responses((status = 200, description = "`items` and `cursor`"), (status = 404)))]
async fn rejects(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Answer {
    let found = gather::import(&house, &caller.ctx, &id).await?;
    let after = paging.cursor.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
    let (number, limit) = (found.number, paging.limit());
    let rows =
        of_vault(&house, &found.collection, move |vault| vault.rejects(number, after, limit))
            .await?;
    let last = rows.last().map(|one| one.line.to_string());
    let items = rows
        .iter()
        .map(|one| json!({ "line": one.line, "code": one.code, "reason": one.reason }))
        .collect();
    Ok(Json(page(items, limit, last.as_deref())).into_response())
}

/// Accounts of a collection, under their pseudonyms.
#[utoipa::path(get, path = "/influence/collections/{id}/accounts", tag = "influence",
    params(("id" = String, Path), Paging), responses((status = 200, description = "`items` and `cursor`"), (status = 404)))]
async fn accounts(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Answer {
    act::collection(&house, &caller.ctx, &id).await?;
    super::seen::look(&house, &caller.ctx, &id, ("accounts", &id)).await?;
    let (limit, after) = (paging.limit(), paging.cursor.unwrap_or_default());
    let rows = of_vault(&house, &id, move |vault| vault.accounts(&after, limit)).await?;
    let items = rows
        .iter()
        .map(
            |one| json!({ "account": one.pseudonym, "platform": one.platform, "posts": one.posts }),
        )
        .collect();
    let last = rows.last().map(|one| one.pseudonym.as_str());
    Ok(Json(page(items, limit, last)).into_response())
}

/// Asks for the handle behind a pseudonym. Somebody else decides.
#[utoipa::path(post, path = "/influence/collections/{id}/openings", tag = "influence", request_body = NewOpening,
    params(("id" = String, Path)), responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn open_ask(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<NewOpening>,
) -> Answer {
    Ok(created(&open::ask(&house, &caller.ctx, &id, body.value).await?))
}

/// Allows or refuses the reading of a handle: the legal hat, and not the person who asked.
#[utoipa::path(post, path = "/influence/openings/{id}/decision", tag = "influence", request_body = DecisionIn,
    params(("id" = String, Path)), responses((status = 200, description = "`id` and `position`"), (status = 422)))]
async fn open_decide(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<DecisionIn>,
) -> Answer {
    Ok(done(&open::decide(&house, &caller.ctx, &id, body.value.allow).await?))
}

/// Reads a handle that was allowed: once, by the person who asked.
#[utoipa::path(post, path = "/influence/openings/{id}/read", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "`handle`"), (status = 404), (status = 409)))]
async fn open_read(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let handle = open::read(&house, &caller.ctx, &id).await?;
    Ok(Json(json!({ "handle": handle })).into_response())
}

/// Enters declared coordination: shown, and not counted as inauthentic.
#[utoipa::path(post, path = "/influence/declared", tag = "influence", request_body = NewDeclared,
    responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn declare(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<NewDeclared>,
) -> Answer {
    Ok(created(&act::declare(&house, &caller.ctx, body.value).await?))
}

/// The register of declared coordination of a collection.
#[utoipa::path(get, path = "/influence/collections/{id}/declared", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "`items`"), (status = 404)))]
async fn register(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    act::collection(&house, &caller.ctx, &id).await?;
    let found = house.store.read(move |reader| read::declared(reader, &id)).await?;
    listed(found.iter().map(|one| {
        json!({
            "id": one.entry, "kind": one.kind, "name": one.name, "evidence": one.evidence, "accounts": one.accounts,
            "at": stamp(one.entered_at),
        })
    }))
}

/// A name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NameIn {
    /// The name of a party, candidate, union or religious body.
    name: String,
}

/// Enters a name that is no seed alone.
#[utoipa::path(post, path = "/influence/names", tag = "influence", request_body = NameIn,
    responses((status = 201, description = "`id` and `position`"), (status = 403)))]
async fn names(State(house): State<Arc<House>>, caller: Caller, body: Body<NameIn>) -> Answer {
    Ok(created(&act::name(&house, &caller.ctx, &body.value.name).await?))
}

/// Election periods.
#[utoipa::path(get, path = "/influence/elections", tag = "influence",
    responses((status = 200, description = "`items`")))]
async fn elections(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    act::may(&house, &caller.ctx, Action::InfluenceRead)?;
    let found = house.store.read(read::elections).await?;
    listed(found.iter().map(|one| {
        json!({
            "id": one.election, "name": one.name, "basis": one.basis, "from": stamp(one.from), "until": stamp(one.until),
        })
    }))
}

/// Enters an election period.
#[utoipa::path(post, path = "/influence/elections", tag = "influence", request_body = NewElection,
    responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn elect(State(house): State<Arc<House>>, caller: Caller, body: Body<NewElection>) -> Answer {
    Ok(created(&act::election(&house, &caller.ctx, body.value).await?))
}

fn incident_json(found: &Incident) -> Value {
    json!({
        "id": found.incident, "title": found.title, "state": found.state.code(), "tlp": found.tlp,
        "legal_hold": found.legal_hold, "org": found.org, "created_at": stamp(found.created_at),
    })
}

fn whole_json(whole: &Whole) -> Value {
    let parts: Vec<Value> = whole
        .parts
        .iter()
        .map(|part| json!({
            "id": part.part, "body": part.body, "hat": part.hat, "at": stamp(part.at),
            "ended": part.ended.as_ref().map(|(at, why)| json!({ "at": stamp(*at), "reason": why })),
        }))
        .collect();
    let steps: Vec<Value> = whole
        .steps
        .iter()
        .map(|one| json!({
            "from": one.from, "to": one.to, "reason": one.reason, "hat": one.hat, "at": stamp(one.at),
        }))
        .collect();
    let votes: Vec<Value> = whole
        .words
        .iter()
        .map(|one| json!({
            "notice": one.notice, "agrees": one.agrees, "reason": one.reason, "at": stamp(one.at),
            "counts": whole.words_that_count().any(|counted| counted == one),
        }))
        .collect();
    let mut out = incident_json(&whole.incident);
    if let Some(out) = out.as_object_mut() {
        out.insert("parts".to_owned(), json!(parts));
        out.insert("steps".to_owned(), json!(steps));
        out.insert("votes".to_owned(), json!(votes));
        out.insert("election_period".to_owned(), json!(whole.is_election));
        out.insert(
            "notice".to_owned(),
            json!(whole.notice().map(|(part, digest)| json!({
                "part": part.part, "digest": digest,
            }))),
        );
        out.insert(
            "correction_draft".to_owned(),
            json!(whole.draft().map(|(part, digest)| json!({
                "part": part.part, "digest": digest,
            }))),
        );
        let recused: Vec<Value> = whole
            .recused()
            .into_iter()
            .map(|(member, reason)| json!({ "member": member, "reason": reason }))
            .collect();
        out.insert("panel".to_owned(), json!({ "members": whole.roster(), "recused": recused }));
        let next: Vec<&str> = whole.incident.state.next().iter().map(|one| one.code()).collect();
        out.insert("next".to_owned(), json!(next));
    }
    out
}

/// Cases, newest first.
#[utoipa::path(get, path = "/influence/incidents", tag = "influence", params(Paging),
    responses((status = 200, description = "`items` and `cursor`")))]
async fn incidents(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Answer {
    act::may(&house, &caller.ctx, Action::InfluenceRead)?;
    let (limit, before) = (paging.limit(), paging.cursor);
    let found = house
        .store
        .read(move |reader| super::incident::read::incidents(reader, before.as_deref(), limit))
        .await?;
    let items = found.iter().map(incident_json).collect();
    let last = found.last().map(|one| one.incident.as_str());
    Ok(Json(page(items, limit, last)).into_response())
}

/// Opens a case on a signal.
#[utoipa::path(post, path = "/influence/incidents", tag = "influence", request_body = NewIncident,
    responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn incident_open(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<NewIncident>,
) -> Answer {
    Ok(created(&case::open(&house, &caller.ctx, body.value).await?))
}

/// A case with its parts, steps and the words of the panel.
#[utoipa::path(get, path = "/influence/incidents/{id}", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "the case"), (status = 404)))]
async fn incident(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let whole = case::find(&house, &caller.ctx, &id).await?;
    Ok(Json(whole_json(&whole)).into_response())
}

/// Adds a part to a case.
#[utoipa::path(post, path = "/influence/incidents/{id}/parts", tag = "influence", request_body = PartBody,
    params(("id" = String, Path)), responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn part_add(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<PartBody>,
) -> Answer {
    Ok(created(&case::add(&house, &caller.ctx, &id, body.value).await?))
}

/// Ends a part; it stays on record.
#[utoipa::path(post, path = "/influence/incidents/{id}/parts/{part}/end", tag = "influence", request_body = ReasonIn,
    params(("id" = String, Path), ("part" = String, Path)),
    responses((status = 200, description = "`id` and `position`"), (status = 409)))]
async fn part_end(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((id, part)): Path<(String, String)>,
    body: Body<ReasonIn>,
) -> Answer {
    Ok(done(&case::end(&house, &caller.ctx, &id, &part, &body.value.reason).await?))
}

/// A step.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StepIn {
    /// Where to.
    to: String,
    /// Why.
    reason: String,
}

/// Takes a case a step further.
#[utoipa::path(post, path = "/influence/incidents/{id}/steps", tag = "influence", request_body = StepIn,
    params(("id" = String, Path)), responses((status = 200, description = "`id` and `position`"), (status = 422)))]
async fn step(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<StepIn>,
) -> Answer {
    let StepIn { to, reason } = body.value;
    Ok(done(&case::step(&house, &caller.ctx, &id, &to, &reason).await?))
}

/// A member's word.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VoteIn {
    /// Whether the public should be told this.
    agrees: bool,
    /// Digest of the notice that was read.
    notice: String,
    /// Why.
    reason: String,
}

/// A member of the panel says whether the public is told exactly this.
#[utoipa::path(post, path = "/influence/incidents/{id}/votes", tag = "influence", request_body = VoteIn,
    params(("id" = String, Path)),
    responses((status = 201, description = "`id` and `position`"), (status = 409), (status = 422)))]
async fn vote(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<VoteIn>,
) -> Answer {
    let VoteIn { agrees, notice, reason } = body.value;
    Ok(created(&case::vote(&house, &caller.ctx, &id, (agrees, &notice, &reason)).await?))
}

/// A legal hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldIn {
    /// Whether it stands.
    holds: bool,
    /// Why.
    reason: String,
}

/// Puts a legal hold on a case, or lifts it.
#[utoipa::path(post, path = "/influence/incidents/{id}/hold", tag = "influence", request_body = HoldIn,
    params(("id" = String, Path)), responses((status = 200, description = "`id` and `position`"), (status = 409)))]
async fn hold(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<HoldIn>,
) -> Answer {
    let HoldIn { holds, reason } = body.value;
    Ok(done(&case::hold(&house, &caller.ctx, &id, holds, &reason).await?))
}

/// A case as a STIX 2.1 bundle. That it was taken out is recorded first.
#[utoipa::path(get, path = "/influence/incidents/{id}/stix", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "a STIX 2.1 bundle"), (status = 404)))]
async fn export(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    Ok(Json(case::export(&house, &caller.ctx, &id).await?).into_response())
}

/// Puts the objects of a case into the evidence graph.
#[utoipa::path(post, path = "/influence/incidents/{id}/graph", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "`objects` and `position`"), (status = 422)))]
async fn graph(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let (made, objects) = case::into_graph(&house, &caller.ctx, &id).await?;
    Ok(Json(json!({ "objects": objects, "position": made.position })).into_response())
}
