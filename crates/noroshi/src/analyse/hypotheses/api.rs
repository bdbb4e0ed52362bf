//! Hypotheses for programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::act::{self, NewExhibit, NewHypothesis, NewJudgement};
use super::read::{self, Matrix, Who};
use crate::analyse::act::existing;
use crate::analyse::read::Scope;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::web::api::Body;
use crate::web::refusal::Answer;
use crate::web::visitor::Caller;

/// Who said something, and when.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct WhoOut {
    org: String,
    hat: String,
    at: String,
}

fn who_out(who: &Who) -> WhoOut {
    WhoOut { org: who.org.0.clone(), hat: who.hat.clone(), at: stamp(who.at) }
}

/// Why something no longer counts.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct EndOut {
    at: String,
    reason: String,
}

/// An explanation of a case.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct HypothesisOut {
    id: String,
    /// The group, actor or campaign it names, when this hat may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    /// Its name, or the category in words.
    label: String,
    rationale: String,
    by: WhoOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndOut>,
    /// Weight of what is inconsistent with it, in tenths. The least stands best; it is no probability.
    against: u32,
    /// Weight of what is consistent with it, in tenths.
    fitting: u32,
    /// Pieces of evidence judged.
    judged: u32,
}

/// A piece of evidence.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct ExhibitOut {
    id: String,
    item: String,
    says: String,
    credibility: &'static str,
    relevance: &'static str,
    by: WhoOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndOut>,
    /// How far it tells the hypotheses apart: 0 (says the same of all) to 200.
    diagnosticity: u32,
}

/// What a hat said of one pair.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct JudgementOut {
    exhibit: String,
    hypothesis: String,
    verdict: &'static str,
    reason: String,
    by: WhoOut,
    /// A later one of the same hat counts instead.
    superseded: bool,
}

/// What was concluded.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct ConclusionOut {
    hypothesis: String,
    confidence: String,
    basis: String,
    by: WhoOut,
}

/// The question of one case.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct MatrixOut {
    as_of: String,
    hypotheses: Vec<HypothesisOut>,
    evidence: Vec<ExhibitOut>,
    judgements: Vec<JudgementOut>,
    conclusions: Vec<ConclusionOut>,
    /// Pieces of evidence that are not for this hat; their judgements are not counted.
    hidden: u64,
}

fn out(as_of: String, matrix: &Matrix) -> MatrixOut {
    let end = |ended: &Option<(jiff::Timestamp, String)>| {
        ended.as_ref().map(|(at, reason)| EndOut { at: stamp(*at), reason: reason.clone() })
    };
    let hypotheses = matrix.hypotheses.iter().map(|one| HypothesisOut {
        id: one.hypothesis.clone(),
        object: one.object.as_ref().map(|row| row.id.clone()),
        label: one.object.as_ref().map_or_else(|| one.label.clone(), |row| row.name.clone()),
        rationale: one.rationale.clone(),
        by: who_out(&one.who),
        ended: end(&one.ended),
        against: one.balance.against,
        fitting: one.balance.fitting,
        judged: one.balance.judged,
    });
    let evidence = matrix.exhibits.iter().map(|one| ExhibitOut {
        id: one.exhibit.clone(),
        item: one.item.clone(),
        says: one.says.clone(),
        credibility: one.credibility.code(),
        relevance: one.relevance.code(),
        by: who_out(&one.who),
        ended: end(&one.ended),
        diagnosticity: one.diagnosticity,
    });
    let judgements = matrix.judgements.iter().map(|one| JudgementOut {
        exhibit: one.exhibit.clone(),
        hypothesis: one.hypothesis.clone(),
        verdict: one.verdict.code(),
        reason: one.reason.clone(),
        by: who_out(&one.who),
        superseded: one.superseded,
    });
    let conclusions = matrix.conclusions.iter().map(|one| ConclusionOut {
        hypothesis: one.hypothesis.clone(),
        confidence: one.confidence.clone(),
        basis: one.basis.clone(),
        by: who_out(&one.who),
    });
    MatrixOut {
        as_of,
        hypotheses: hypotheses.collect(),
        evidence: evidence.collect(),
        judgements: judgements.collect(),
        conclusions: conclusions.collect(),
        hidden: matrix.hidden,
    }
}

fn created((id, position): (String, u64)) -> axum::response::Response {
    (StatusCode::CREATED, Json(json!({ "id": id, "position": position }))).into_response()
}

/// The hypotheses of a case with the evidence for and against each.
#[utoipa::path(get, path = "/cases/{id}/hypotheses", tag = "analyse", params(("id" = String, Path)),
    responses((status = 200, body = MatrixOut), (status = 404)))]
pub(in crate::analyse) async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::AnalyseRead, On::default())?;
    let case = existing(&house, &id).await?;
    let scope = Scope::of(&house, &caller.ctx);
    let found = house.store.read(move |reader| read::matrix(reader, scope, &case)).await?;
    Ok(Json(out(stamp(caller.ctx.now), &found)).into_response())
}

/// A hypothesis to put up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::analyse) struct HypothesisIn {
    /// An intrusion set, threat actor or campaign that is held; empty for a category.
    #[serde(default)]
    object: String,
    /// The category in words, where there is no object.
    #[serde(default)]
    label: String,
    rationale: String,
    /// Confirms that no natural person is meant; without it nothing is put up.
    no_person: bool,
}

/// Puts up a hypothesis. It never names a natural person.
#[utoipa::path(post, path = "/cases/{id}/hypotheses", tag = "analyse", params(("id" = String, Path)),
    request_body = HypothesisIn,
    responses((status = 201, description = "`id` and `position`"), (status = 404), (status = 422)))]
pub(in crate::analyse) async fn put_up(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<HypothesisIn>,
) -> Answer {
    let HypothesisIn { object, label, rationale, no_person } = body.value;
    let new = NewHypothesis { object, label, rationale, no_person };
    Ok(created(act::put_up(&house, &caller.ctx, &id, new).await?))
}

/// A piece of evidence to put in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::analyse) struct ExhibitIn {
    /// An object, a sighting or a report.
    item: String,
    /// What it says for the question.
    says: String,
    /// `low`, `medium` or `high`.
    credibility: String,
    /// `low`, `medium` or `high`.
    relevance: String,
}

/// Puts a piece of evidence into the matrix of a case.
#[utoipa::path(post, path = "/cases/{id}/evidence", tag = "analyse", params(("id" = String, Path)),
    request_body = ExhibitIn,
    responses((status = 201, description = "`id` and `position`"), (status = 404), (status = 422)))]
pub(in crate::analyse) async fn exhibit(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<ExhibitIn>,
) -> Answer {
    let ExhibitIn { item, says, credibility, relevance } = body.value;
    let new = NewExhibit { item, says, credibility, relevance };
    Ok(created(act::exhibit(&house, &caller.ctx, &id, new).await?))
}

/// A judgement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::analyse) struct JudgementIn {
    exhibit: String,
    hypothesis: String,
    /// `consistent`, `neutral` or `inconsistent`.
    verdict: String,
    reason: String,
}

/// Judges one piece of evidence against one hypothesis; an earlier judgement of the same hat stays on record.
#[utoipa::path(post, path = "/cases/{id}/judgements", tag = "analyse", params(("id" = String, Path)),
    request_body = JudgementIn,
    responses((status = 201, description = "`id` and `position`"), (status = 404), (status = 422)))]
pub(in crate::analyse) async fn judge(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<JudgementIn>,
) -> Answer {
    let JudgementIn { exhibit, hypothesis, verdict, reason } = body.value;
    let new = NewJudgement { exhibit, hypothesis, verdict, reason };
    Ok(created(act::judge(&house, &caller.ctx, &id, new).await?))
}

/// A conclusion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::analyse) struct ConclusionIn {
    hypothesis: String,
    /// `low`, `moderate` or `high`; there are no other words.
    confidence: String,
    basis: String,
}

/// Concludes for now: needs an alternative, evidence judged against both, and a written basis.
#[utoipa::path(post, path = "/cases/{id}/conclusions", tag = "analyse", params(("id" = String, Path)),
    request_body = ConclusionIn,
    responses((status = 201, description = "`id` and `position`"), (status = 404), (status = 422)))]
pub(in crate::analyse) async fn conclude(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<ConclusionIn>,
) -> Answer {
    let ConclusionIn { hypothesis, confidence, basis } = body.value;
    let done = act::conclude(&house, &caller.ctx, &id, &hypothesis, &confidence, &basis).await?;
    Ok(created(done))
}

/// What ends, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::analyse) struct EndIn {
    /// A hypothesis or a piece of evidence.
    id: String,
    reason: String,
}

/// Gives a hypothesis up, or takes a piece of evidence out; both stay on record.
#[utoipa::path(post, path = "/cases/{id}/hypotheses/end", tag = "analyse", params(("id" = String, Path)),
    request_body = EndIn,
    responses((status = 201, description = "`position`"), (status = 404), (status = 422)))]
pub(in crate::analyse) async fn end(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<EndIn>,
) -> Answer {
    let done = act::end(&house, &caller.ctx, &id, &body.value.id, &body.value.reason).await?;
    Ok(crate::analyse::api::done(&done))
}
