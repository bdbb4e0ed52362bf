//! The API of this pillar: file, add stages, read, receipts, drafts.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use noroshi_charter::report::{Stage, State as ReportState};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Receipt, Submission};
use super::content::{Body as Report, moment};
use super::draft::{self, Draft};
use super::read::{self, Awareness, Filed, Filter, Note, Obligation, Seen, Summary};
use super::receipt::{self, Document};
use crate::house::House;
use crate::office::authorise::{Action, Denied};
use crate::office::clock::stamp;
use crate::office::ctx::Ctx;
use crate::office::id::ReportId;
use crate::web::api::{Body, Page, Paging};
use crate::web::form::idempotency;
use crate::web::forms::FormState;
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Caller;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(
        file,
        list,
        one,
        add_stage,
        get_receipt,
        correct_awareness,
        begin_draft,
        list_drafts,
        one_draft,
        save_draft,
        discard_draft
    ),
    components(schemas(Report, Document, FiledAnswer, Brief, Whole, DraftAnswer))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/reports", post(file).get(list))
        .route("/reports/{id}", get(one))
        .route("/reports/{id}/stages", post(add_stage))
        .route("/reports/{id}/receipt", get(get_receipt))
        .route("/reports/{id}/awareness", post(correct_awareness))
        .route("/drafts", post(begin_draft).get(list_drafts))
        .route("/drafts/{id}", get(one_draft).put(save_draft).delete(discard_draft))
}

/// When the final report is due: both dates.
#[derive(Debug, Serialize, ToSchema)]
struct DueAnswer {
    /// The last day as the period is counted, `YYYY-MM-DD` in Japan.
    statutory: Option<String>,
    /// The last day when holidays of administrative organs are passed over.
    shifted: Option<String>,
}

fn due_answer(due: Option<&read::Due>) -> DueAnswer {
    DueAnswer {
        statutory: due.map(|due| due.statutory.to_string()),
        shifted: due.map(|due| due.shifted.to_string()),
    }
}

/// What a filing answers.
#[derive(Debug, Serialize, ToSchema)]
struct FiledAnswer {
    /// The report.
    id: String,
    /// Index of its leaf in the log.
    position: u64,
    /// The receipt in brief; with its proof at `/reports/{id}/receipt`.
    receipt: ReceiptBrief,
    /// When the final report is due.
    due: DueAnswer,
    /// Remarks kept with it; they do not hinder the filing.
    notes: Vec<Note>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ReceiptBrief {
    number: String,
    at: String,
    digest: String,
    position: u64,
}

fn brief_of(filed: &Filed) -> ReceiptBrief {
    ReceiptBrief {
        number: filed.number.clone(),
        at: stamp(filed.at),
        digest: filed.digest.clone(),
        position: filed.position,
    }
}

fn created(receipt: &Receipt) -> Response {
    let answer = FiledAnswer {
        id: receipt.report.to_string(),
        position: receipt.filed.position,
        receipt: brief_of(&receipt.filed),
        due: due_answer(receipt.due.as_ref()),
        notes: receipt.filed.notes(),
    };
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// An identifier of the path; anything that is none is absent.
fn report_id(text: &str) -> Answer<ReportId> {
    ReportId::parse(text).ok_or_else(|| Refusal::absent().into())
}

/// Which draft a filing ends.
#[derive(Debug, Deserialize)]
struct FromDraft {
    /// The draft it was written in.
    draft: Option<String>,
}

/// Files a report: `initial`, or `final` at once.
#[utoipa::path(
    post, path = "/reports", tag = "intake", request_body = Report,
    params(("draft" = Option<String>, Query)),
    responses((status = 201, body = FiledAnswer), (status = 422, description = "Items name what is wrong where"))
)]
async fn file(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(from): Query<FromDraft>,
    headers: HeaderMap,
    body: Body<Report>,
) -> Answer {
    let once = idempotency(&headers, "POST /reports", &body.bytes);
    let draft = known_draft(&house, &caller.ctx, from.draft.as_deref()).await?;
    let receipt =
        act::file(&house, &caller.ctx, Submission { body: body.value, draft, once }).await?;
    Ok(created(&receipt))
}

/// A filing may end a draft of one's own organisation only; a draft of a later stage is none of a new report.
async fn known_draft(
    house: &Arc<House>,
    ctx: &Ctx,
    text: Option<&str>,
) -> Answer<Option<ReportId>> {
    let Some(text) = text else { return Ok(None) };
    let found = own_draft(house, ctx, text).await?;
    if found.report.is_some() { Err(Refusal::absent().into()) } else { Ok(Some(found.draft)) }
}

/// Files a further stage: `supplement`, or `final`. The awareness stands; correct it with its own call.
#[utoipa::path(
    post, path = "/reports/{id}/stages", tag = "intake", request_body = Report, params(("id" = String, Path)),
    responses((status = 201, body = FiledAnswer), (status = 404), (status = 422))
)]
async fn add_stage(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<Report>,
) -> Answer {
    let id = report_id(&id)?;
    let once = idempotency(&headers, &format!("POST /reports/{id}/stages"), &body.bytes);
    let submission = Submission { body: body.value, draft: None, once };
    Ok(created(&act::add_stage(&house, &caller.ctx, &id, submission).await?))
}

/// What to list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Entries wanted, at most 500; 50 when absent.
    limit: Option<u32>,
    /// One sector.
    sector: Option<String>,
    /// `initial-filed` or `final-filed`.
    state: Option<String>,
    /// `true`: only those whose final report is late.
    overdue: Option<bool>,
}

/// One report in a list.
#[derive(Debug, Serialize, ToSchema)]
struct Brief {
    id: String,
    org: String,
    org_name_ja: String,
    org_name_en: String,
    sector: String,
    state: &'static str,
    aware_at: String,
    damage_kind: &'static str,
    classes: Vec<String>,
    outline: String,
    filed_at: String,
    final_at: Option<String>,
    due: DueAnswer,
    overdue: bool,
}

fn brief(found: &Summary, now: jiff::Timestamp) -> Brief {
    Brief {
        id: found.report.to_string(),
        org: found.org.to_string(),
        org_name_ja: found.org_names.0.clone(),
        org_name_en: found.org_names.1.clone(),
        sector: found.sector.clone(),
        state: found.state.id(),
        aware_at: stamp(found.aware_at),
        damage_kind: found.damage.id(),
        classes: found.classes.clone(),
        outline: found.outline.clone(),
        filed_at: stamp(found.filed_at),
        final_at: found.final_at.map(stamp),
        due: due_answer(found.due.as_ref()),
        overdue: found.overdue(now),
    }
}

fn bad_query() -> Refusal {
    Refusal::new("NRS-INTK-0030", StatusCode::BAD_REQUEST)
}

/// Reports in scope, newest first: one's own, one's sector's, or all, by the hat worn.
#[utoipa::path(
    get, path = "/reports", tag = "intake",
    params(
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query), ("sector" = Option<String>, Query),
        ("state" = Option<String>, Query), ("overdue" = Option<bool>, Query)
    ),
    responses((status = 200, body = Page<Brief>))
)]
async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    query: Result<Query<Asked>, QueryRejection>,
) -> Answer<Json<Page<Brief>>> {
    let Query(asked) = query.map_err(|_| bad_query())?;
    let filter = filter_of(&asked)?;
    let scope = read::scope(&house.authoriser, &caller.ctx).ok_or_else(|| denied(&caller.ctx))?;
    let now = caller.ctx.now;
    let (found, more) =
        house.store.read(move |reader| read::list(reader, &scope, &filter, now)).await?;
    let cursor =
        found.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(last.report.as_str()));
    Ok(Json(Page { items: found.iter().map(|found| brief(found, now)).collect(), cursor }))
}

pub(super) fn denied(ctx: &Ctx) -> Denied {
    Denied { hat: ctx.hat.id(), action: Action::IntakeRead.id() }
}

pub(super) fn cursor_of(report: &ReportId) -> String {
    URL_SAFE_NO_PAD.encode(report.as_str())
}

pub(super) fn after(cursor: &str) -> Option<ReportId> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    ReportId::parse(std::str::from_utf8(&bytes).ok()?)
}

fn filter_of(asked: &Asked) -> Answer<Filter> {
    let paging = Paging { cursor: None, limit: asked.limit };
    let state = match asked.state.as_deref() {
        Some(text) => Some(ReportState::parse(text).ok_or_else(bad_query)?),
        None => None,
    };
    let after = match asked.cursor.as_deref() {
        Some(text) => Some(after(text).ok_or_else(bad_query)?),
        None => None,
    };
    let overdue = asked.overdue.unwrap_or(false);
    Ok(Filter { sector: asked.sector.clone(), state, overdue, after, limit: paging.limit() })
}

/// One report, whole.
#[derive(Debug, Serialize, ToSchema)]
struct Whole {
    #[serde(flatten)]
    brief: Brief,
    regime: &'static str,
    /// What was said at the stage filed last.
    content: Report,
    stages: Vec<StageAnswer>,
    awareness: Vec<AwarenessAnswer>,
    obligations: Vec<Obligation>,
    /// Desks that have read it, latest first; for the operator itself only.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_by: Option<Vec<SeenAnswer>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct StageAnswer {
    sequence: u64,
    stage: &'static str,
    receipt: ReceiptBrief,
    notes: Vec<Note>,
    content: Report,
}

#[derive(Debug, Serialize, ToSchema)]
struct AwarenessAnswer {
    regime: String,
    aware_at: String,
    trigger: String,
    reason: String,
    said_at: String,
    position: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct SeenAnswer {
    at: String,
    hat: String,
    org_name_ja: String,
    org_name_en: String,
    position: u64,
}

/// A report with all its parts, as one consistent read.
pub(super) struct Parts {
    pub(super) found: Summary,
    pub(super) stages: Vec<Filed>,
    pub(super) awareness: Vec<Awareness>,
    pub(super) obligations: Vec<Obligation>,
    pub(super) seen: Vec<Seen>,
}

/// Reads a report for this caller and records the reading when a desk does it.
pub(super) async fn parts(house: &Arc<House>, ctx: &Ctx, id: &ReportId) -> Answer<Parts> {
    let (at, who, id) = (Arc::clone(house), ctx.clone(), id.clone());
    let parts = house
        .store
        .read(move |reader| {
            let Some(found) = read::find(reader, &at.authoriser, &who, &id)? else {
                return Ok(None);
            };
            Ok(Some(Parts {
                stages: read::stages(reader, &id)?,
                awareness: read::awareness(reader, &id)?,
                obligations: read::obligations(reader, &id)?,
                seen: read::seen_by(reader, &id)?,
                found,
            }))
        })
        .await?
        .ok_or_else(Refusal::absent)?;
    // The record comes first: nothing is shown whose reading could not be recorded.
    act::view(house, ctx, &parts.found).await?;
    Ok(parts)
}

/// A report with its stages, awareness, obligations and, for the operator, who has read it.
#[utoipa::path(
    get, path = "/reports/{id}", tag = "intake", params(("id" = String, Path)),
    responses((status = 200, body = Whole), (status = 404))
)]
async fn one(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Whole>> {
    let parts = parts(&house, &caller.ctx, &report_id(&id)?).await?;
    let mut stages = Vec::with_capacity(parts.stages.len());
    for filed in &parts.stages {
        stages.push(StageAnswer {
            sequence: filed.sequence,
            stage: filed.stage.id(),
            receipt: brief_of(filed),
            notes: filed.notes(),
            content: filed.body()?,
        });
    }
    let own = parts.found.org == caller.ctx.org;
    Ok(Json(Whole {
        brief: brief(&parts.found, caller.ctx.now),
        regime: act::REGIME,
        content: stages.last().map(|stage| stage.content.clone()).unwrap_or_default(),
        stages,
        awareness: parts.awareness.into_iter().map(awareness_answer).collect(),
        obligations: parts.obligations,
        seen_by: own.then(|| parts.seen.into_iter().map(seen_answer).collect()),
    }))
}

fn awareness_answer(said: Awareness) -> AwarenessAnswer {
    AwarenessAnswer {
        regime: said.regime,
        aware_at: stamp(said.aware_at),
        trigger: said.trigger,
        reason: said.reason,
        said_at: stamp(said.at),
        position: said.position,
    }
}

fn seen_answer(seen: Seen) -> SeenAnswer {
    SeenAnswer {
        at: stamp(seen.at),
        hat: seen.hat,
        org_name_ja: seen.org_names.0,
        org_name_en: seen.org_names.1,
        position: seen.position,
    }
}

/// Which receipt.
#[derive(Debug, Deserialize)]
struct OfStage {
    /// `initial`, `supplement` or `final`; the latest of that stage. Absent: the latest of all.
    stage: Option<String>,
}

/// The receipt of a stage with the proof that the log has it; checkable offline.
#[utoipa::path(
    get, path = "/reports/{id}/receipt", tag = "intake", params(("id" = String, Path), ("stage" = Option<String>, Query)),
    responses((status = 200, body = Document), (status = 404))
)]
async fn get_receipt(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(of): Query<OfStage>,
) -> Answer<Json<Document>> {
    let parts = parts(&house, &caller.ctx, &report_id(&id)?).await?;
    let wanted = match of.stage.as_deref() {
        Some(text) => Some(Stage::parse(text).ok_or_else(bad_query)?),
        None => None,
    };
    let mut latest_first = parts.stages.iter().rev();
    let filed = latest_first.find(|filed| wanted.is_none_or(|stage| stage == filed.stage));
    Ok(Json(receipt::document(&house, filed.ok_or_else(Refusal::absent)?).await?))
}

/// A correction of the awareness.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Correction {
    /// When the operator really became aware, RFC 3339.
    aware_at: String,
    /// Why it is corrected.
    reason: String,
}

/// Corrects the awareness: appended with its reason, nothing is overwritten; the clock is counted anew.
#[utoipa::path(
    post, path = "/reports/{id}/awareness", tag = "intake", request_body = Correction, params(("id" = String, Path)),
    responses((status = 201), (status = 404), (status = 422))
)]
async fn correct_awareness(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<Correction>,
) -> Answer {
    let id = report_id(&id)?;
    let Some(aware_at) = moment(&body.value.aware_at) else {
        let item = crate::web::refusal::Item {
            pointer: "/aware_at".to_owned(),
            code: "NRS-INTK-0023".to_owned(),
            args: Vec::new(),
        };
        let refusal = Refusal::new("NRS-INTK-0001", StatusCode::UNPROCESSABLE_ENTITY);
        return Err(refusal.items(vec![item]).into());
    };
    let made = act::correct_awareness(&house, &caller.ctx, &id, Some(aware_at), &body.value.reason)
        .await?;
    let due = act::final_due(aware_at);
    let answer =
        serde_json::json!({ "id": id, "position": made.position, "due": due_answer(due.as_ref()) });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// A draft as sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DraftBody {
    /// The report a later stage belongs to.
    report: Option<String>,
    /// The save this one follows; needed for a save, ignored for a new draft.
    version: Option<u64>,
    /// What is known so far; its `stage` is the draft's.
    content: Report,
}

/// A draft as answered.
#[derive(Debug, Serialize, ToSchema)]
struct DraftAnswer {
    id: String,
    report: Option<String>,
    version: u64,
    saved_at: String,
    content: Report,
}

fn draft_answer(draft: &Draft) -> DraftAnswer {
    let mut form = FormState::posted(draft.fields.clone());
    DraftAnswer {
        id: draft.draft.to_string(),
        report: draft.report.as_ref().map(ToString::to_string),
        version: draft.version,
        saved_at: stamp(draft.saved_at),
        content: draft::body_of(&mut form, draft.stage, &draft.fields, None),
    }
}

pub(super) async fn own_draft(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<Draft> {
    let (who, id) = (ctx.clone(), report_id(id)?);
    let found = house.store.read(move |reader| draft::find(reader, &who, &id)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

/// Begins a draft.
#[utoipa::path(post, path = "/drafts", tag = "intake", request_body = DraftBody, responses((status = 201, body = DraftAnswer)))]
async fn begin_draft(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<DraftBody>,
) -> Answer {
    let stage = Stage::parse(&body.value.content.stage).unwrap_or(Stage::Initial);
    let report = body.value.report.as_deref().map(report_id).transpose()?;
    let fields = draft::fields_of(&body.value.content);
    let draft = act::begin_draft(&house, &caller.ctx, stage, report, fields).await?;
    Ok((StatusCode::CREATED, Json(draft_answer(&draft))).into_response())
}

/// Open drafts of one's own organisation.
#[utoipa::path(get, path = "/drafts", tag = "intake", responses((status = 200, body = Page<DraftAnswer>)))]
async fn list_drafts(
    State(house): State<Arc<House>>,
    caller: Caller,
) -> Answer<Json<Page<DraftAnswer>>> {
    let who = caller.ctx.clone();
    let drafts = house.store.read(move |reader| draft::list(reader, &who)).await?;
    Ok(Json(Page { items: drafts.iter().map(draft_answer).collect(), cursor: None }))
}

/// One draft.
#[utoipa::path(
    get, path = "/drafts/{id}", tag = "intake", params(("id" = String, Path)),
    responses((status = 200, body = DraftAnswer), (status = 404))
)]
async fn one_draft(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<DraftAnswer>> {
    Ok(Json(draft_answer(&own_draft(&house, &caller.ctx, &id).await?)))
}

/// Saves a draft; `version` names the save it follows, so that two writers cannot overwrite each other unseen.
#[utoipa::path(
    put, path = "/drafts/{id}", tag = "intake", request_body = DraftBody, params(("id" = String, Path)),
    responses((status = 200, body = DraftAnswer), (status = 404), (status = 409))
)]
async fn save_draft(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<DraftBody>,
) -> Answer<Json<DraftAnswer>> {
    let mut draft = own_draft(&house, &caller.ctx, &id).await?;
    draft.fields = draft::fields_of(&body.value.content);
    draft.version = body.value.version.unwrap_or(draft.version);
    draft.version = act::save_draft(&house, &caller.ctx, &draft).await?;
    Ok(Json(draft_answer(&draft)))
}

/// Puts a draft away.
#[utoipa::path(
    delete, path = "/drafts/{id}", tag = "intake", params(("id" = String, Path)),
    responses((status = 204), (status = 404))
)]
async fn discard_draft(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let draft = own_draft(&house, &caller.ctx, &id).await?;
    act::discard_draft(&house, &caller.ctx, &draft.draft).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
