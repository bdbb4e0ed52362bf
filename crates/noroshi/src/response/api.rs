//! The API of this pillar.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use noroshi_codec::dsse;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::act::{self, NewConsent, NewVote};
use super::draft::{Ask, AskAction, AskConsultation, Draft, Guarded};
use super::read::{self, Measure};
use super::seal::{self, Batch};
use crate::house::House;
use crate::office::ctx::Ctx;
use crate::web::api::{Body, Page, Paging};
use crate::web::form::idempotency;
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::Caller;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(
        consent,
        consents,
        withdraw,
        request,
        preview,
        list,
        one,
        revise,
        question,
        answer,
        vote,
        execute,
        rollback,
        after_report,
        authorisation,
        commission_key
    ),
    components(schemas(
        NewConsent,
        Ask,
        AskAction,
        AskConsultation,
        Guarded,
        Batch,
        NewVote,
        Said,
        Reason
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/consents", post(consent).get(consents))
        .route("/consents/{id}", delete(withdraw))
        .route("/measures", post(request).get(list))
        .route("/measures/preview", post(preview))
        .route("/measures/{id}", get(one).put(revise))
        .route("/measures/{id}/questions", post(question))
        .route("/measures/{id}/answers", post(answer))
        .route("/measures/{id}/votes", post(vote))
        .route("/measures/{id}/execute", post(execute))
        .route("/measures/{id}/rollback", post(rollback))
        .route("/measures/{id}/after-report", post(after_report))
        .route("/measures/{id}/authorisation", get(authorisation))
        .route("/commission/key", get(commission_key))
}

/// A text.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// What is said.
    text: String,
}

/// A reason.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why.
    reason: String,
}

fn created(body: Value) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

/// Consent to actions on the caller's own network.
#[utoipa::path(post, path = "/consents", request_body = NewConsent, responses((status = 201, description = "Recorded: `id`, `position`")), tag = "response")]
async fn consent(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    headers: HeaderMap,
    body: Body<NewConsent>,
) -> Answer {
    let once = idempotency(&headers, "POST /consents", &body.bytes);
    let (id, made) = act::consent(&house, &ctx, &body.value, once).await?;
    Ok(created(json!({ "id": id, "position": made.position })))
}

/// The consents of the caller's organisation.
#[utoipa::path(get, path = "/consents", responses((status = 200, description = "Page of consents")), tag = "response")]
async fn consents(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
) -> Answer<Json<Page<read::Consent>>> {
    use crate::office::authorise::{Action, On};
    house.authoriser.check(
        &ctx,
        Action::ResponseConsent,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    let org = ctx.org.clone();
    let items = house.store.read(move |reader| read::consents_of(reader, &org)).await?;
    Ok(Json(Page { items, cursor: None }))
}

/// Withdraw a consent.
#[utoipa::path(delete, path = "/consents/{id}", params(("id" = String, Path)), responses((status = 204, description = "Withdrawn")), tag = "response")]
async fn withdraw(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    act::withdraw(&house, &ctx, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn drafted(draft: &Draft) -> Value {
    json!({
        "request_digest": draft.request.digest(), "guard": draft.guard,
        "plan": { "batches": draft.plan.batches, "digest": draft.plan.digest() },
        "playbook": draft.playbook, "findings": draft.findings,
    })
}

fn with(mut value: Value, more: &[(&str, Value)]) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    value
}

/// Ask the commission for a measure.
#[utoipa::path(post, path = "/measures", request_body = Ask, responses((status = 201, description = "Asked for: `id`, `request_digest`, `guard`, `plan`")), tag = "response")]
async fn request(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    headers: HeaderMap,
    body: Body<Ask>,
) -> Answer {
    let once = idempotency(&headers, "POST /measures", &body.bytes);
    let (id, draft, position) = act::request(&house, &ctx, &body.value, once).await?;
    Ok(created(with(drafted(&draft), &[("id", json!(id)), ("position", json!(position))])))
}

/// What a request would do; nothing is asked for.
#[utoipa::path(post, path = "/measures/preview", request_body = Ask, responses((status = 200, description = "`guard`, `plan`, `findings`")), tag = "response")]
async fn preview(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    body: Body<Ask>,
) -> Answer<Json<Value>> {
    Ok(Json(drafted(&act::preview(&house, &ctx, &body.value).await?)))
}

/// Put another text in the place of the one in force; votes do not follow.
#[utoipa::path(put, path = "/measures/{id}", request_body = Ask, params(("id" = String, Path)), responses((status = 200, description = "The new text: `request_digest`, `guard`, `plan`")), tag = "response")]
async fn revise(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
    body: Body<Ask>,
) -> Answer<Json<Value>> {
    let (draft, position) = act::revise(&house, &ctx, &id, &body.value).await?;
    Ok(Json(with(drafted(&draft), &[("id", json!(id)), ("position", json!(position))])))
}

fn short(measure: &Measure) -> Value {
    json!({
        "id": measure.measure, "case": measure.case, "kind": measure.kind, "state": measure.state,
        "edition": measure.edition, "request_digest": measure.request, "requester": measure.requester,
        "org": measure.org, "purpose": measure.body.purpose, "not_before": measure.not_before,
        "not_after": measure.not_after, "created_at": measure.created_at, "decided_at": measure.decided_at,
    })
}

/// Measures the caller may know of, newest first.
#[utoipa::path(get, path = "/measures", params(Paging), responses((status = 200, description = "Page of measures")), tag = "response")]
async fn list(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Query(paging): Query<Paging>,
) -> Answer<Json<Page<Value>>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    let limit = paging.limit();
    let cursor = paging.cursor.as_deref().and_then(|text| B64.decode(text).ok());
    let cursor = cursor.and_then(|bytes| String::from_utf8(bytes).ok());
    let asker = ctx.clone();
    let found = house
        .store
        .read(move |reader| read::measures(reader, &asker, &[], cursor.as_deref(), limit))
        .await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let cursor = found.last().filter(|_| full).map(|last| B64.encode(&last.measure));
    let items =
        found.iter().filter(|measure| read::visible(&house, &ctx, measure)).map(short).collect();
    Ok(Json(Page { items, cursor }))
}

/// Everything about one measure.
#[utoipa::path(get, path = "/measures/{id}", params(("id" = String, Path)), responses((status = 200, description = "State, request, plan, steps, votes, effects")), tag = "response")]
async fn one(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let measure = act::find(&house, &ctx, &id).await?;
    Ok(Json(whole(&house, &ctx, &measure).await?))
}

async fn whole(house: &Arc<House>, ctx: &Ctx, measure: &Measure) -> Result<Value, Failure> {
    let id = measure.measure.clone();
    let (questions, votes, mut effects, editions) = house
        .store
        .read(move |reader| {
            let effects = read::effects(reader, &id)?;
            Ok((
                read::questions(reader, &id)?,
                read::votes(reader, &id)?,
                effects,
                read::editions(reader, &id)?,
            ))
        })
        .await?;
    let mut plan = measure.plan.clone();
    // An operator sees what happens on its own network, not on its neighbours'.
    if ctx.hat == noroshi_charter::hat::Hat::OperatorOfficer {
        effects.retain(|effect| effect.org == ctx.org.as_str());
        plan.batches.retain(|batch| effects.iter().any(|effect| effect.actuator == batch.actuator));
    }
    let steps: Vec<_> = plan
        .effects
        .iter()
        .map(|planned| {
            let row = effects.iter().find(|effect| effect.effect == planned.effect);
            json!({ "step": planned.step, "effect": planned.effect, "state": row.map_or("planned", |row| row.state.as_str()) })
        })
        .collect();
    let playbook = measure.body.playbook.as_ref().map(|playbook| playbook.digest);
    let more = [
        ("request", serde_json::to_value(&measure.body).unwrap_or_default()),
        ("plan", json!({ "batches": plan.batches, "digest": measure.plan.digest() })),
        ("playbook_digest", json!(playbook)),
        ("questions", json!(questions)),
        ("votes", json!(votes)),
        ("steps", json!(steps)),
        ("effects", json!(effects)),
        (
            "editions",
            json!(editions.iter().map(|(number, digest, at)| json!({ "edition": number, "request_digest": digest, "at": at })).collect::<Vec<_>>()),
        ),
        ("position", json!(measure.position)),
        ("authorisation_digest", json!(measure.authorisation_digest)),
        ("executed_at", json!(measure.executed_at)),
        ("rollback_reason", json!(measure.rollback_reason)),
        ("report", json!(measure.report)),
        ("reported_at", json!(measure.reported_at)),
    ];
    Ok(with(short(measure), &more))
}

/// Return the request with a question.
#[utoipa::path(post, path = "/measures/{id}/questions", request_body = Said, params(("id" = String, Path)), responses((status = 201, description = "Asked")), tag = "response")]
async fn question(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
    body: Body<Said>,
) -> Answer {
    let position = act::question(&house, &ctx, &id, &body.value.text).await?;
    Ok(created(json!({ "id": id, "state": "questioned", "position": position })))
}

/// Answer the open questions on one's own request.
#[utoipa::path(post, path = "/measures/{id}/answers", request_body = Said, params(("id" = String, Path)), responses((status = 201, description = "Answered")), tag = "response")]
async fn answer(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
    body: Body<Said>,
) -> Answer {
    let position = act::answer(&house, &ctx, &id, &body.value.text).await?;
    Ok(created(json!({ "id": id, "state": "requested", "position": position })))
}

/// Vote, by name and with reasons.
#[utoipa::path(post, path = "/measures/{id}/votes", request_body = NewVote, params(("id" = String, Path)), responses((status = 201, description = "Counted: `state`, `position`")), tag = "response")]
async fn vote(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
    body: Body<NewVote>,
) -> Answer {
    let (state, position) = act::vote(&house, &ctx, &id, &body.value).await?;
    let decided = matches!(state.as_str(), "approved" | "refused").then_some(state.clone());
    Ok(created(json!({ "id": id, "state": state, "decision": decided, "position": position })))
}

/// Start an approved measure.
#[utoipa::path(post, path = "/measures/{id}/execute", params(("id" = String, Path)), responses((status = 202, description = "Begun")), tag = "response")]
async fn execute(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
) -> Answer {
    let position = act::execute(&house, &ctx, &id).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(json!({ "id": id, "state": "executing", "position": position })),
    )
        .into_response())
}

/// Take a measure back.
#[utoipa::path(post, path = "/measures/{id}/rollback", request_body = Reason, params(("id" = String, Path)), responses((status = 202, description = "Being taken back")), tag = "response")]
async fn rollback(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
    body: Body<Reason>,
) -> Answer {
    let position = act::rollback(&house, &ctx, &id, &body.value.reason).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(json!({ "id": id, "state": "rolling_back", "position": position })),
    )
        .into_response())
}

/// The report after a measure.
#[utoipa::path(post, path = "/measures/{id}/after-report", request_body = Said, params(("id" = String, Path)), responses((status = 201, description = "Filed")), tag = "response")]
async fn after_report(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
    body: Body<Said>,
) -> Answer {
    let position = act::after_report(&house, &ctx, &id, &body.value.text).await?;
    Ok(created(json!({ "id": id, "position": position })))
}

/// The signed decision: an in-toto Statement in a DSSE envelope.
#[utoipa::path(get, path = "/measures/{id}/authorisation", params(("id" = String, Path)), responses((status = 200, description = "DSSE envelope")), tag = "response")]
async fn authorisation(
    State(house): State<Arc<House>>,
    Caller { ctx, .. }: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let measure = act::find(&house, &ctx, &id).await?;
    let text = measure.authorisation.ok_or_else(Refusal::absent)?;
    Ok(Json(serde_json::from_str(&text).unwrap_or_default()))
}

/// The public key of the commission's seal.
#[utoipa::path(get, path = "/commission/key", responses((status = 200, description = "`key`: Ed25519, base64")), tag = "response")]
async fn commission_key(
    State(house): State<Arc<House>>,
    Caller { .. }: Caller,
) -> Answer<Json<Value>> {
    let seed = seal::load_key(&house.dir).map_err(|problem| Failure::Broken(Box::new(problem)))?;
    Ok(Json(json!({ "key": dsse::public_key_text(&seed) })))
}
