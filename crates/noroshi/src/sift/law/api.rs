//! The API of what the law opens, and of enrolment.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use noroshi_sift::prefix::TABLE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Made, NewCommencement, NewMandate, NewWithdrawal};
use super::enrol::{self, Enrolling, Renewing};
use super::{load_key, read};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::id::OrgId;
use crate::web::api::Body;
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Caller;

/// Bytes of a body with a prefix table: the longest table, each byte of which may be written as two in JSON.
const TABLE_BODY_BYTES_MAX: usize = 2 * TABLE_BYTES_MAX;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(law, commence, enter_table, table, issue, mandates, withdraw, offer, enrolling, renew),
    components(schemas(
        LawOut,
        CommencementOut,
        TableOut,
        SensorOut,
        MandateOut,
        MadeOut,
        NewCommencement,
        NewTable,
        NewMandate,
        NewWithdrawal,
        NewOffer,
        OfferOut,
        Enrolling,
        EnrolledOut,
        Renewing,
        RenewedOut
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/sift/law", get(law))
        .route("/sift/commencements", post(commence))
        .route("/sift/prefix-tables", post(enter_table))
        .route("/sift/prefix-tables/{digest}", get(table))
        .route("/sift/mandates", post(issue).get(mandates))
        .route("/sift/mandates/{id}/withdrawal", post(withdraw))
        .route("/sift/enrolments", post(offer))
        .route("/sift/enrol", post(enrolling))
        .route("/sift/tokens", post(renew))
}

/// A commencement as entered.
#[derive(Serialize, ToSchema)]
struct CommencementOut {
    /// Its name.
    id: String,
    /// The mode.
    mode: &'static str,
    /// The clauses it stands on.
    clause: &'static str,
    /// In force from.
    from: String,
    /// The text that says so.
    basis: String,
    /// Days a measure may last at most.
    period_days_max: u32,
    /// Days records may be retained at most.
    retention_days_max: u32,
    /// When it was entered.
    entered_at: String,
    /// Index of its leaf.
    position: u64,
}

/// A prefix table.
#[derive(Serialize, ToSchema)]
struct TableOut {
    /// SHA-256 over the file.
    digest: String,
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// The day it speaks of.
    date: String,
}

/// A sensor that is enrolled.
#[derive(Serialize, ToSchema)]
struct SensorOut {
    /// Its organisation.
    org: String,
    /// Its name.
    sensor: String,
    /// Its public key.
    key: String,
    /// Since when.
    enrolled_at: String,
    /// Until when its last token holds.
    token_until: Option<String>,
}

/// A mandate.
#[derive(Serialize, ToSchema)]
struct MandateOut {
    /// Its name.
    id: String,
    /// Whose sensor it is for.
    org: String,
    /// As the sensor reads it: text and signature.
    #[schema(value_type = Object)]
    signed: noroshi_sift::mandate::Signed,
    /// Index of its leaf.
    position: u64,
    /// That it does not hold any longer, signed, where it was withdrawn.
    #[schema(value_type = Option<Object>)]
    withdrawn: Option<noroshi_sift::mandate::SignedWithdrawal>,
}

/// Everything that is entered.
#[derive(Serialize, ToSchema)]
struct LawOut {
    /// The platform's public key.
    platform_key: String,
    /// Commencements, newest first.
    commencements: Vec<CommencementOut>,
    /// Prefix tables, newest first.
    prefix_tables: Vec<TableOut>,
    /// Enrolled sensors.
    sensors: Vec<SensorOut>,
    /// Mandates, newest first.
    mandates: Vec<MandateOut>,
}

/// What was made.
#[derive(Serialize, ToSchema)]
struct MadeOut {
    /// Its name.
    id: String,
    /// Index of its leaf.
    position: u64,
}

fn created(made: Made) -> Answer {
    Ok((StatusCode::CREATED, Json(MadeOut { id: made.id, position: made.position }))
        .into_response())
}

fn mandate_out(issued: read::Issued) -> MandateOut {
    MandateOut {
        id: issued.id,
        org: issued.org,
        signed: issued.signed,
        position: issued.position,
        withdrawn: issued.withdrawn,
    }
}

/// What is in force, which tables and mandates there are, who is enrolled.
#[utoipa::path(get, path = "/sift/law", tag = "sift", responses((status = 200, body = LawOut)))]
async fn law(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    house.authoriser.check(&caller.ctx, Action::SiftRead, On::default())?;
    let (commencements, tables, sensors, mandates) = house
        .store
        .read(|reader| {
            Ok((
                read::commencements(reader)?,
                read::tables(reader)?,
                read::sensors(reader)?,
                read::mandates(reader, None)?,
            ))
        })
        .await?;
    let commencement = |one: read::Entered| CommencementOut {
        id: one.id,
        mode: one.commencement.ground.code(),
        clause: one.commencement.ground.clause(),
        from: one.commencement.from.to_string(),
        basis: one.commencement.basis,
        period_days_max: one.commencement.limits.period_days_max,
        retention_days_max: one.commencement.limits.retention_days_max,
        entered_at: one.entered_at.to_string(),
        position: one.position,
    };
    let table = |one: read::Table| TableOut {
        digest: one.digest,
        name: one.name,
        version: one.version,
        date: one.date,
    };
    let sensor = |one: read::Enrolled| SensorOut {
        org: one.org,
        sensor: one.sensor,
        key: one.key.to_string(),
        enrolled_at: one.enrolled_at.to_string(),
        token_until: one.token_until.map(|until| until.to_string()),
    };
    let out = LawOut {
        platform_key: load_key(&house.dir).map_err(act::broken)?.public().to_string(),
        commencements: commencements.into_iter().map(commencement).collect(),
        prefix_tables: tables.into_iter().map(table).collect(),
        sensors: sensors.into_iter().map(sensor).collect(),
        mandates: mandates.into_iter().map(mandate_out).collect(),
    };
    Ok(Json(out).into_response())
}

/// Enters from when the clauses of a mode are in force. The legal hat alone.
#[utoipa::path(post, path = "/sift/commencements", tag = "sift", request_body = NewCommencement,
    responses((status = 201, body = MadeOut), (status = 403), (status = 422)))]
async fn commence(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<NewCommencement>,
) -> Answer {
    created(act::commence(&house, &caller.ctx, body.value).await?)
}

/// A prefix table to enter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTable {
    /// The file.
    text: String,
}

/// Enters a prefix table: `prefix,jurisdiction` lines or delegated statistics of the registries. The legal hat alone.
#[utoipa::path(post, path = "/sift/prefix-tables", tag = "sift", request_body = NewTable,
    responses((status = 201, body = MadeOut), (status = 403), (status = 409), (status = 422)))]
async fn enter_table(State(house): State<Arc<House>>, caller: Caller, request: Request) -> Answer {
    // Asked before anything of a long body is read.
    house.authoriser.check(&caller.ctx, Action::SiftLaw, On::default())?;
    let body = Body::<NewTable>::read(request, TABLE_BODY_BYTES_MAX).await?;
    created(act::enter_table(&house, &caller.ctx, body.value.text).await?)
}

/// The file of a prefix table.
#[utoipa::path(get, path = "/sift/prefix-tables/{digest}", tag = "sift", params(("digest" = String, Path)),
    responses((status = 200, content_type = "text/plain", body = String), (status = 404)))]
async fn table(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(digest): Path<String>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::SiftSelectors, On::default())?;
    let text = house.store.read(move |reader| read::table_text(reader, &digest)).await?;
    let text = text.ok_or_else(Refusal::absent)?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Issues a mandate for an enrolled sensor. The legal hat alone.
#[utoipa::path(post, path = "/sift/mandates", tag = "sift", request_body = NewMandate,
    responses((status = 201, body = MadeOut), (status = 403), (status = 422)))]
async fn issue(State(house): State<Arc<House>>, caller: Caller, body: Body<NewMandate>) -> Answer {
    created(act::issue(&house, &caller.ctx, body.value).await?)
}

/// The mandates of one's own organisation's sensors, newest first.
#[utoipa::path(get, path = "/sift/mandates", tag = "sift", responses((status = 200, body = Vec<MandateOut>)))]
async fn mandates(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    let org: OrgId = caller.ctx.org.clone();
    let on = On { owner: Some(&org), ..On::default() };
    house.authoriser.check(&caller.ctx, Action::SiftSubmit, on)?;
    let asked = org.clone();
    let found = house.store.read(move |reader| read::mandates(reader, Some(&asked))).await?;
    Ok(Json(found.into_iter().map(mandate_out).collect::<Vec<_>>()).into_response())
}

/// Withdraws a mandate at once and for good. The legal hat alone.
#[utoipa::path(post, path = "/sift/mandates/{id}/withdrawal", tag = "sift", request_body = NewWithdrawal,
    params(("id" = String, Path)),
    responses((status = 201, body = MadeOut), (status = 403), (status = 404), (status = 409), (status = 422)))]
async fn withdraw(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<NewWithdrawal>,
) -> Answer {
    created(act::withdraw(&house, &caller.ctx, &id, body.value).await?)
}

/// A sensor to enrol.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOffer {
    /// The name of the sensor within the organisation.
    sensor: String,
}

/// An offer.
#[derive(Serialize, ToSchema)]
struct OfferOut {
    /// Works once; shown once.
    token: String,
    /// Until when.
    expires_at: String,
    /// Index of its leaf.
    position: u64,
}

/// Offers a place for one sensor of one's own organisation.
#[utoipa::path(post, path = "/sift/enrolments", tag = "sift", request_body = NewOffer,
    responses((status = 201, body = OfferOut), (status = 403), (status = 409)))]
async fn offer(State(house): State<Arc<House>>, caller: Caller, body: Body<NewOffer>) -> Answer {
    let offer = enrol::offer(&house, &caller.ctx, &body.value.sensor).await?;
    let out = OfferOut {
        token: offer.token,
        expires_at: offer.expires_at.to_string(),
        position: offer.position,
    };
    Ok((StatusCode::CREATED, Json(out)).into_response())
}

/// A sensor enrolled.
#[derive(Serialize, ToSchema)]
struct EnrolledOut {
    /// Its name.
    sensor: String,
    /// Its organisation.
    org: String,
    /// The token of its requests; shown once.
    token: String,
    /// The platform's public key.
    platform_key: String,
    /// Its signature over the offer, the sensor's key and name, the organisation and the token.
    #[schema(value_type = Object)]
    signature: noroshi_sift::signature::Signature,
    /// Index of its leaf.
    position: u64,
}

/// Enrols a sensor: the secret of the offer is all the authority that is needed, and it works once, or again for the same
/// key where the answer was lost.
#[utoipa::path(post, path = "/sift/enrol", tag = "sift", request_body = Enrolling,
    responses((status = 201, body = EnrolledOut), (status = 403), (status = 409), (status = 422)))]
async fn enrolling(State(house): State<Arc<House>>, body: Body<Enrolling>) -> Answer {
    let enrolled = enrol::enrol(&house, &body.value).await?;
    let out = EnrolledOut {
        sensor: enrolled.sensor,
        org: enrolled.org,
        token: enrolled.token.reveal().to_owned(),
        platform_key: enrolled.platform_key.to_string(),
        signature: enrolled.signature,
        position: enrolled.position,
    };
    Ok((StatusCode::CREATED, Json(out)).into_response())
}

/// A token of a sensor.
#[derive(Serialize, ToSchema)]
struct RenewedOut {
    /// The token of its requests; shown once.
    token: String,
    /// Until when it holds.
    expires_at: String,
    /// Until when the one before does.
    before_until: String,
    /// Index of its leaf.
    position: u64,
}

/// Gives an enrolled sensor its next token. It asks with the one it has, before that ends, and shows with its key that it
/// is the sensor; the one it has holds a little longer.
#[utoipa::path(post, path = "/sift/tokens", tag = "sift", request_body = Renewing,
    responses((status = 201, body = RenewedOut), (status = 401), (status = 403), (status = 409), (status = 422)))]
async fn renew(State(house): State<Arc<House>>, caller: Caller, body: Body<Renewing>) -> Answer {
    let renewed = enrol::renew(&house, &caller, &body.value).await?;
    let out = RenewedOut {
        token: renewed.token.reveal().to_owned(),
        expires_at: renewed.expires_at.to_string(),
        before_until: renewed.before_until.to_string(),
        position: renewed.position,
    };
    Ok((StatusCode::CREATED, Json(out)).into_response())
}
