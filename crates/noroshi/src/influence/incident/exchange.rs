//! Cases between houses: out for partners who know STIX only, for MISP and on paper; in from what somebody else made of one.
//! And from a run into a case: a name that imitates becomes an asset whose origin can be followed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value as Out, json};
use utoipa::{OpenApi, ToSchema};

use super::foreign::{self, Left, Taken};
use super::part::Body;
use super::{act, misp, paper, strict};
use crate::evidence::read::{Sees, latest};
use crate::evidence::rows::{tlp_code, tlp_of};
use crate::house::House;
use crate::influence::act::{Made, TITLE_CHARS_MAX, broken, commit, fresh, may, refuse};
use crate::influence::pdf::{self, Font};
use crate::influence::run;
use crate::office::authorise::Action;
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::web::api::Body as Sent;
use crate::web::locale::{Lang, Words};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Caller, Posted, Visitor};

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(export_strict, export_misp, export_pdf, take_over_api, take_hit_api),
    components(schemas(FromIn, HitIn))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn api_routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence/incidents/{id}/stix-strict", get(export_strict))
        .route("/influence/incidents/{id}/misp", get(export_misp))
        .route("/influence/incidents/{id}/report/{lang}", get(export_pdf))
        .route("/influence/incidents/{id}/hits", post(take_hit_api))
        .route("/influence/taken-over", post(take_over_api))
}

/// Routes of pages.
pub fn page_routes() -> Router<Arc<House>> {
    Router::new()
        .route("/influence/incidents/{id}/stix-strict", get(page_strict))
        .route("/influence/incidents/{id}/misp", get(page_misp))
        .route("/influence/incidents/{id}/report", get(page_pdf))
        .route("/influence/incidents/{id}/hit", post(page_hit))
        .route("/influence/taken-over", post(page_take_over))
}

/// Most objects of one container that are looked at.
const OBJECTS_MAX: usize = act::PARTS_MAX;

// ---- out -------------------------------------------------------------------------------------------------------

/// Records that a case was taken out in a form, before it is handed over.
async fn taken_out(house: &House, ctx: &Ctx, id: &str, form: &str, bytes: &[u8]) -> Answer<()> {
    let digest = noroshi_charter::finding::Digest::of(bytes);
    let change = Change::office("influence.incident.export", id)
        .payload(json!({ "digest": digest, "form": form }));
    house.door.commit(ctx, change).await?;
    Ok(())
}

async fn out_of(house: &Arc<House>, ctx: &Ctx, id: &str, form: &'static str) -> Answer<Vec<u8>> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let whole = act::find(house, ctx, id).await?;
    let tlp = act::tlp(&whole);
    let made = match form {
        "misp" => misp::event(&whole, tlp),
        _ => strict::bundle(&whole, tlp),
    };
    act::may_leave(ctx, &whole, &made)?;
    let bytes = format!("{made:#}\n").into_bytes();
    taken_out(house, ctx, id, form, &bytes).await?;
    Ok(bytes)
}

async fn pdf_of(house: &Arc<House>, ctx: &Ctx, id: &str, lang: Lang) -> Answer<Vec<u8>> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let whole = act::find(house, ctx, id).await?;
    let words = Words::new(lang);
    let blocks = paper::blocks(words, &whole);
    // A paper is a form like the others: what is printed on it is what would leave.
    act::may_leave(ctx, &whole, &paper::texts(&whole.incident.title, &blocks))?;
    let foot = format!("TLP:{} {id}", tlp_code(act::tlp(&whole)).to_uppercase());
    let fonts = house.config.influence.pdf_fonts.clone();
    let (title, code) = (whole.incident.title.clone(), lang.code());
    let made = tokio::task::spawn_blocking(move || {
        pdf::render(&Font::find(&fonts)?, (&title, code, &foot), &blocks)
    });
    let bytes = match made.await.map_err(broken)? {
        Ok(bytes) => bytes,
        Err(no) => {
            let (code, fonts) = match no {
                pdf::NoPdf::NoFont(fonts) => ("NRS-INFL-1209", fonts),
                pdf::NoPdf::Font(font, _) => ("NRS-INFL-1210", font),
            };
            let refusal = Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY);
            return Err(refusal.arg("fonts", fonts).into());
        }
    };
    taken_out(house, ctx, id, "pdf", &bytes).await?;
    Ok(bytes)
}

fn file(bytes: Vec<u8>, kind: &'static str, name: &str) -> Response {
    let name = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response()
}

const STIX: &str = "application/stix+json;version=2.1";

/// A case as a STIX 2.1 bundle of standard objects only. That it was taken out is recorded first.
#[utoipa::path(get, path = "/influence/incidents/{id}/stix-strict", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "a STIX 2.1 bundle"), (status = 404)))]
async fn export_strict(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let bytes = out_of(&house, &caller.ctx, &id, "strict").await?;
    Ok(([(header::CONTENT_TYPE, STIX)], bytes).into_response())
}

/// A case as an event of MISP. That it was taken out is recorded first.
#[utoipa::path(get, path = "/influence/incidents/{id}/misp", tag = "influence", params(("id" = String, Path)),
    responses((status = 200, description = "a MISP event"), (status = 404)))]
async fn export_misp(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let bytes = out_of(&house, &caller.ctx, &id, "misp").await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// A case on paper, in `ja` or `en`. That it was taken out is recorded first.
#[utoipa::path(get, path = "/influence/incidents/{id}/report/{lang}", tag = "influence",
    params(("id" = String, Path), ("lang" = String, Path)),
    responses((status = 200, description = "a PDF"), (status = 404), (status = 422, description = "no font")))]
async fn export_pdf(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((id, lang)): Path<(String, String)>,
) -> Answer {
    let lang = if lang == "en" { Lang::En } else { Lang::Ja };
    let bytes = pdf_of(&house, &caller.ctx, &id, lang).await?;
    Ok(([(header::CONTENT_TYPE, "application/pdf")], bytes).into_response())
}

async fn page_strict(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    let bytes = out_of(&house, &visitor.ctx, &id, "strict").await?;
    Ok(file(bytes, STIX, &format!("{id}.strict.json")))
}

async fn page_misp(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    let bytes = out_of(&house, &visitor.ctx, &id, "misp").await?;
    Ok(file(bytes, "application/json", &format!("{id}.misp.json")))
}

async fn page_pdf(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer {
    let lang = visitor.words().lang();
    let bytes = pdf_of(&house, &visitor.ctx, &id, lang).await?;
    Ok(file(bytes, "application/pdf", &format!("{id}.{}.pdf", lang.code())))
}

// ---- in --------------------------------------------------------------------------------------------------------

/// Opens a case, in triage, from a report or a grouping that the evidence graph holds.
pub async fn take_over(
    house: &Arc<House>,
    ctx: &Ctx,
    container: &str,
) -> Answer<(Made, Vec<Left>)> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let (asked, sees) = (container.trim().to_owned(), Sees::of(house, ctx));
    let found = house
        .store
        .read(move |reader| {
            let head = latest(reader, sees, std::slice::from_ref(&asked))?;
            let Some((row, object)) = head.into_iter().next() else { return Ok(None) };
            let value = object.to_value();
            let refs: Vec<String> = value
                .get("object_refs")
                .and_then(Out::as_array)
                .into_iter()
                .flatten()
                .filter_map(Out::as_str)
                .take(OBJECTS_MAX)
                .map(str::to_owned)
                .collect();
            let objects = latest(reader, sees, &refs)?;
            let sql = "SELECT COUNT(*) FROM influence_part p JOIN influence_incident i ON i.incident = p.incident \
                       WHERE p.kind = 'observable' AND p.ended_at IS NULL AND i.state <> 'review' \
                       AND json_extract(p.body, '$.object') = $1";
            let open = reader.number(sql, &[Value::from(&asked)])?;
            Ok(Some((row, value, objects, open)))
        })
        .await?;
    let (row, value, objects, open) = found.ok_or_else(Refusal::absent)?;
    if !matches!(row.kind.as_str(), "report" | "grouping") {
        return Err(refuse("NRS-INFL-1112"));
    }
    if open > 0 {
        return Err(refuse("NRS-INFL-1113"));
    }
    // The case is marked at least as what it was made of.
    let tlp = objects
        .iter()
        .map(|(row, _)| row.tlp.as_str())
        .chain([row.tlp.as_str()])
        .filter_map(tlp_of)
        .max()
        .unwrap_or(noroshi_evidence::marking::Tlp::Amber);
    let values: Vec<Out> = objects.iter().map(|(_, object)| object.to_value()).collect();
    let taken = foreign::parts_of(&row.id, &values);
    // The container itself is always a part: what counts is whether anything else is.
    if taken.parts.len() < 2 {
        return Err(refuse("NRS-INFL-1114"));
    }
    let name = value.get("name").and_then(Out::as_str).unwrap_or(&row.id);
    let title: String = name.trim().chars().take(TITLE_CHARS_MAX).collect();
    let id = fresh(ctx, "fimi");
    let change = opened(ctx, &id, &title, tlp_code(tlp), (&row.id, &row.originator), &taken)?;
    let made = commit(house, ctx, id, change).await?;
    Ok((made, taken.left))
}

fn opened(
    ctx: &Ctx,
    id: &str,
    title: &str,
    tlp: &str,
    (container, originator): (&str, &str),
    taken: &Taken,
) -> Answer<Change> {
    let reason = format!("{container} ({originator})");
    let later = Ctx { now: ctx.now + SignedDuration::from_millis(1), ..ctx.clone() };
    let mut change = Change::office("influence.incident.take_over", id)
        .payload(json!({
            "title": title, "tlp": tlp, "from": container, "originator": originator, "parts": taken.parts,
            "left": taken.left.iter().map(|one| json!([one.id, one.code])).collect::<Vec<_>>(),
        }))
        .write(Write::one(
            "INSERT INTO influence_incident (incident, title, state, version, tlp, org, created_at) \
             VALUES ($1, $2, 'triage', 2, $3, $4, $5)",
            vec![
                Value::from(id),
                Value::from(title),
                Value::from(tlp),
                Value::from(&ctx.org),
                Value::from(ctx.now),
            ],
        ))
        .write(act::step_row(ctx, id, ("", "signal"), &reason))
        .write(act::step_row(&later, id, ("signal", "triage"), &reason));
    for part in &taken.parts {
        let said = serde_json::to_value(part).map_err(broken)?;
        change = change.write(act::part_row(ctx, id, &fresh(ctx, "part"), (part.kind(), &said)));
    }
    Ok(change)
}

/// What to take over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FromIn {
    /// A `report` or a `grouping` that the graph holds.
    container: String,
}

/// Opens a case in triage from a report or a grouping of the evidence graph. What became no part is named with its reason.
#[utoipa::path(post, path = "/influence/taken-over", tag = "influence", request_body = FromIn,
    responses((status = 201, description = "`id`, `position` and `left`"), (status = 404), (status = 422)))]
async fn take_over_api(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Sent<FromIn>,
) -> Answer {
    let (made, left) = take_over(&house, &caller.ctx, &body.value.container).await?;
    let left: Vec<Out> = left.iter().map(|one| json!({ "id": one.id, "code": one.code })).collect();
    let said = json!({ "id": made.id, "position": made.position, "left": left });
    Ok((StatusCode::CREATED, Json(said)).into_response())
}

async fn page_take_over(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let (made, _) = take_over(&house, &posted.visitor.ctx, posted.values.get("container")).await?;
    Ok(Redirect::to(&format!("/influence/incidents/{}", made.id)).into_response())
}

// ---- from a run ------------------------------------------------------------------------------------------------

/// Makes a name that a run found to imitate an asset of a case. What shows it is the run, with its digest.
pub async fn take_hit(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    (run, domain): (&str, &str),
) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let found = run::act::find(house, ctx, run.trim()).await?;
    let wanted = domain.trim().to_lowercase();
    let hit = run::act::of_results(house, &found.run, move |results| {
        let mut offset = 0;
        loop {
            let rows = results.hits(run::results::Likeness::Imitates, offset, HITS_AT_ONCE)?;
            let last = rows.len() < usize::try_from(HITS_AT_ONCE).unwrap_or(usize::MAX);
            if let Some(hit) = rows.into_iter().find(|hit| hit.domain == wanted) {
                return Ok(Some(hit));
            }
            if last {
                return Ok(None);
            }
            offset += HITS_AT_ONCE;
        }
    })
    .await?;
    let hit = hit.ok_or_else(Refusal::absent)?;
    let protected = hit.protected.unwrap_or_default();
    let evidence = format!(
        "{run}: imitates {protected} by rule {rule} ({score} %); parameters {parameters}, input {input}",
        run = found.run,
        rule = hit.rule,
        score = hit.score,
        parameters = found.digest,
        input = found.input.unwrap_or_default()
    );
    let body = Body::Asset { asset: "domain".to_owned(), value: hit.domain, evidence };
    act::add(house, ctx, case, body).await
}

/// Hits looked through at a time.
const HITS_AT_ONCE: u32 = 1_000;

/// A name that a run found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HitIn {
    /// The run.
    run: String,
    /// The name.
    domain: String,
}

/// Makes a name that a run found to imitate an asset of a case.
#[utoipa::path(post, path = "/influence/incidents/{id}/hits", tag = "influence", request_body = HitIn,
    params(("id" = String, Path)), responses((status = 201, description = "`id` and `position`"), (status = 404)))]
async fn take_hit_api(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Sent<HitIn>,
) -> Answer {
    let HitIn { run, domain } = body.value;
    let made = take_hit(&house, &caller.ctx, &id, (&run, &domain)).await?;
    let said = json!({ "id": made.id, "position": made.position });
    Ok((StatusCode::CREATED, Json(said)).into_response())
}

async fn page_hit(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let hit = (posted.values.get("run"), posted.values.get("domain"));
    take_hit(&house, &posted.visitor.ctx, &id, hit).await?;
    Ok(Redirect::to(&format!("/influence/incidents/{id}#parts")).into_response())
}
