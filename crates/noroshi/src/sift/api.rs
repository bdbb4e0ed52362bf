//! The API between sensors and the platform.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use noroshi_sift::chain::Deletion;
use noroshi_sift::digest::Digest;
use noroshi_sift::mandate::Mandate;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Submission};
use super::read::{self, Taken};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::api::{Body, Page, Paging};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Caller, Proof};

/// Bytes of a certificate with its sightings, or of a deletion, that are taken: as many as the most sightings and the most
/// files need, so that whatever a sensor writes can be handed in.
const SUBMISSION_BYTES_MAX: usize = 16 << 20;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(paths(selectors, submit, delete, list, one), components(schemas(AcceptedOut, TakenOut)))]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/sift/selectors", get(selectors))
        .route("/sift/certificates", post(submit).get(list))
        .route("/sift/certificates/{id}", get(one))
        .route("/sift/deletions", post(delete))
        .merge(super::hunt::api::routes())
        .merge(super::law::api::routes())
        .merge(super::pseudonyms::routes())
}

/// Which list.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct WhichList {
    /// The name of a mandate of one's own organisation: the list for a selection under it. The national list, for one's own
    /// network, where nothing is said.
    mandate: Option<String>,
}

/// The national list of selectors: what indicators in force look for; or with `mandate` the list for a selection under it,
/// each selector of its measure and approval. With `If-None-Match`, 304 while it is the same.
#[utoipa::path(get, path = "/sift/selectors", tag = "sift", params(WhichList),
    responses((status = 200, content_type = "text/plain", body = String,
        description = "headers `ETag`, `X-Noroshi-Signature` (the platform's, over `noroshi-selectors/1`, a line feed and the text), `X-Noroshi-Selectors-Digest`, `X-Noroshi-Selectors-Count`, `X-Noroshi-Selectors-Doubtful` (on a warning list, left out), `X-Noroshi-Token-Expires` (until when the token holds with which it was asked)"), (status = 304), (status = 404), (status = 409, description = "the mandate was withdrawn")))]
async fn selectors(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(which): Query<WhichList>,
    headers: HeaderMap,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::SiftSelectors, On::default())?;
    let now = caller.ctx.now;
    let lists = house.lists.current();
    let mandate = match which.mandate {
        Some(id) => Some(mandate_of(&house, &caller, id).await?),
        None => None,
    };
    let token = match caller.proof.clone() {
        Proof::Token(digest) => Some(digest),
        Proof::Certificate(_) | Proof::Session(_) => None,
    };
    let (list, token_until) = house
        .store
        .read(move |reader| {
            let list = match &mandate {
                Some(mandate) => read::selectors_under(reader, &lists, mandate, now)?,
                None => read::selectors(reader, &lists, now)?,
            };
            let until = token.map(|digest| super::law::read::token_until(reader, &digest));
            Ok((list, until.transpose()?.flatten()))
        })
        .await?;
    let tag = format!("\"{}\"", Digest::of(list.text.as_bytes()));
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same = known
        .is_some_and(|known| known.split(',').any(|one| one.trim() == tag || one.trim() == "*"));
    let key = super::law::load_key(&house.dir).map_err(super::law::act::broken)?;
    let signature = key.sign(super::enrol::SELECTORS_FORM, list.text.as_bytes());
    let signature = serde_json::to_string(&signature).map_err(super::law::act::broken)?;
    let about = [
        (ETAG.as_str(), tag),
        ("x-noroshi-signature", signature),
        (CACHE_CONTROL.as_str(), "private, no-cache".to_owned()),
        ("x-noroshi-selectors-digest", list.digest.to_string()),
        ("x-noroshi-selectors-count", list.count.to_string()),
        ("x-noroshi-selectors-doubtful", list.doubtful.to_string()),
        (CONTENT_TYPE.as_str(), "text/plain; charset=utf-8".to_owned()),
        ("x-noroshi-token-expires", token_until.map(|at| at.to_string()).unwrap_or_default()),
    ];
    Ok(if same {
        (StatusCode::NOT_MODIFIED, about).into_response()
    } else {
        (about, list.text).into_response()
    })
}

/// A mandate of the caller's organisation that holds.
async fn mandate_of(house: &House, caller: &Caller, id: String) -> Answer<Mandate> {
    let found = house.store.read(move |reader| super::law::read::mandate(reader, &id)).await?;
    let own = found.filter(|issued| issued.org == caller.ctx.org.as_str());
    let issued = own.ok_or_else(Refusal::absent)?;
    match issued.withdrawn {
        None => Ok(issued.signed.mandate),
        Some(signed) => Err(Refusal::new("NRS-SIFT-0417", StatusCode::CONFLICT)
            .arg("at", signed.withdrawal.at)
            .into()),
    }
}

/// A certificate taken.
#[derive(Serialize, ToSchema)]
struct AcceptedOut {
    /// The certificate's digest.
    id: String,
    /// Index of its leaf.
    position: u64,
    /// Sightings of indicators written to the graph.
    sightings: u64,
}

/// Asked before anything of a long body is read.
fn may_submit(house: &House, caller: &Caller) -> Answer<()> {
    let on = On { owner: Some(&caller.ctx.org), ..On::default() };
    Ok(house.authoriser.check(&caller.ctx, Action::SiftSubmit, on)?)
}

/// Hands in a certificate of selection with its sightings, as `noroshi sift run` wrote them. Repeating it changes
/// nothing and answers 200.
#[utoipa::path(post, path = "/sift/certificates", tag = "sift",
    request_body(content = Object, description = "`certificate` and `sightings` as written by `noroshi sift run`"),
    responses((status = 201, body = AcceptedOut), (status = 200, body = AcceptedOut),
        (status = 409, description = "the sensor's chain does not go on with this certificate"), (status = 422)))]
async fn submit(State(house): State<Arc<House>>, caller: Caller, request: Request) -> Answer {
    may_submit(&house, &caller)?;
    let body = Body::<Submission>::read(request, SUBMISSION_BYTES_MAX).await?;
    let accepted = act::submit(&house, &caller.ctx, body.value).await?;
    let status = if accepted.again { StatusCode::OK } else { StatusCode::CREATED };
    let out = AcceptedOut {
        id: accepted.id,
        position: accepted.position,
        sightings: accepted.into_graph,
    };
    Ok((status, Json(out)).into_response())
}

/// Hands in the certificate of a deletion, as `noroshi sift purge` wrote it. Repeating it changes nothing and answers 200.
#[utoipa::path(post, path = "/sift/deletions", tag = "sift",
    request_body(content = Object, description = "as written by `noroshi sift purge`"),
    responses((status = 201, body = AcceptedOut), (status = 200, body = AcceptedOut),
        (status = 409, description = "the sensor's chain does not go on with this certificate"), (status = 422)))]
async fn delete(State(house): State<Arc<House>>, caller: Caller, request: Request) -> Answer {
    may_submit(&house, &caller)?;
    let body = Body::<Deletion>::read(request, SUBMISSION_BYTES_MAX).await?;
    let accepted = act::submit_deletion(&house, &caller.ctx, body.value).await?;
    let status = if accepted.again { StatusCode::OK } else { StatusCode::CREATED };
    let out = AcceptedOut { id: accepted.id, position: accepted.position, sightings: 0 };
    Ok((status, Json(out)).into_response())
}

/// A certificate as handed in.
#[derive(Serialize, ToSchema)]
struct TakenOut {
    /// Its digest.
    id: String,
    /// The operator.
    org: String,
    /// The certificate.
    #[schema(value_type = Object)]
    certificate: noroshi_sift::certificate::Certificate,
    /// Selectors seen.
    sightings: u64,
    /// Sightings of indicators written to the graph.
    into_graph: u64,
    /// When it was handed in.
    arrived_at: String,
    /// Index of its leaf.
    position: u64,
    /// Whether it began after its mandate had been withdrawn: what was kept is gone, and nothing of it is used.
    void: bool,
}

fn out(taken: Taken) -> TakenOut {
    TakenOut {
        id: taken.digest,
        org: taken.org,
        certificate: taken.certificate,
        sightings: taken.sightings,
        into_graph: taken.into_graph,
        arrived_at: taken.arrived_at.to_string(),
        position: taken.position,
        void: taken.is_void,
    }
}

/// Lists certificates, newest first.
#[utoipa::path(get, path = "/sift/certificates", tag = "sift", params(Paging),
    responses((status = 200, body = Page<TakenOut>)))]
async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::SiftRead, On::default())?;
    let before = match paging.cursor.as_deref() {
        None => None,
        Some(text) => Some(text.parse::<u64>().map_err(|_| Refusal::absent())?),
    };
    let limit = paging.limit();
    let found = house.store.read(move |reader| read::list(reader, before, limit)).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let cursor = found.last().filter(|_| full).map(|taken| taken.position.to_string());
    Ok(Json(Page { items: found.into_iter().map(out).collect::<Vec<_>>(), cursor }).into_response())
}

/// One certificate.
#[utoipa::path(get, path = "/sift/certificates/{id}", tag = "sift", params(("id" = String, Path)),
    responses((status = 200, body = TakenOut), (status = 404)))]
async fn one(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    house.authoriser.check(&caller.ctx, Action::SiftRead, On::default())?;
    let found = house
        .store
        .read(move |reader| read::one(reader, &id))
        .await?
        .ok_or_else(Refusal::absent)?;
    Ok(Json(out(found)).into_response())
}
