//! The API of many values at once and of what was put aside.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use noroshi_evidence::paste::PASTE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::aside::{self, Aside, Filter, Order};
use super::lookup::{self, Line, Lookup};
use super::mend::{self, As, Tried};
use super::read::Sees;
use super::{api, rows};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::api::{Body, Page, Paging};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Caller, too_large};

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(look_up, list, one, retry, dismiss, settle),
    components(schemas(
        LookupsOut, LookupOut, KindOut, LatestOut, AsideOut, AsideFull, RetryIn, RetryOut,
        FaultOut, DismissIn, SettleIn
    ))
)]
pub(super) struct Doc;

/// Routes below `/api/v1`.
pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/evidence/lookups", post(look_up))
        .route("/evidence/asides", get(list))
        .route("/evidence/asides/dismiss", post(dismiss))
        .route("/evidence/asides/{entry}", get(one))
        .route("/evidence/asides/{entry}/retry", post(retry))
        .route("/evidence/asides/{entry}/settle", post(settle))
}

/// What to look for: JSON of this form, or any text as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LookupsIn {
    /// Any text.
    text: String,
    /// Values, each answered even when nothing in it can be read.
    values: Vec<String>,
}

/// All answers, in the order of the text.
#[derive(Serialize, ToSchema)]
struct LookupsOut {
    /// At most 10,000.
    items: Vec<LookupOut>,
    /// Values beyond those.
    beyond: u64,
    /// Whether the text was read to its end.
    complete: bool,
}

/// What is known of one value.
#[derive(Serialize, ToSchema)]
struct LookupOut {
    /// Canonical; what stands there when it is unreadable.
    value: String,
    /// STIX type of what it is; absent when it is unreadable.
    #[serde(skip_serializing_if = "String::is_empty")]
    r#type: String,
    /// `found`, `unknown` or `unreadable`.
    answer: &'static str,
    /// Why it is unreadable.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The first lines it stands in, from 1.
    lines: Vec<usize>,
    /// How often it stands there.
    times: u64,
    /// What names it.
    named_by: Vec<KindOut>,
    /// Sightings of it.
    sightings: u64,
    /// The latest object that names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<LatestOut>,
}

/// How many objects of a type name a value.
#[derive(Serialize, ToSchema)]
struct KindOut {
    r#type: String,
    objects: u64,
}

/// The latest object that names a value.
#[derive(Serialize, ToSchema)]
struct LatestOut {
    id: String,
    tlp: String,
    class: String,
}

fn lookup_out(line: Line) -> LookupOut {
    let kinds = line.known.kinds.into_iter();
    LookupOut {
        value: line.value,
        r#type: line.kind,
        answer: line.answered.code(),
        code: line.code,
        lines: line.lines,
        times: line.times,
        named_by: kinds.map(|(kind, objects)| KindOut { r#type: kind, objects }).collect(),
        sightings: line.known.sightings,
        latest: line.known.latest.map(|row| LatestOut {
            id: row.id,
            tlp: row.tlp,
            class: row.class,
        }),
    }
}

/// Says of each thing that a text or a list names what is known of it. Neither is kept.
#[utoipa::path(post, path = "/evidence/lookups", tag = "evidence",
    request_body(content = String, content_type = "text/plain", description = "any text; or, as `application/json`, \
        `{\"text\": …}` or `{\"values\": […]}`"),
    responses((status = 200, body = LookupsOut), (status = 413, description = "larger than 4 MiB")))]
async fn look_up(State(house): State<Arc<House>>, caller: Caller, request: Request) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let json = kind.is_some_and(|kind| kind.starts_with("application/json"));
    let bytes = axum::body::to_bytes(request.into_body(), PASTE_BYTES_MAX)
        .await
        .map_err(|_| too_large())?;
    let (text, each_line) = if json {
        let asked: LookupsIn = serde_json::from_slice(&bytes).map_err(|mistake| {
            Refusal::new("NRS-HOUS-0009", StatusCode::BAD_REQUEST)
                .arg("line", mistake.line())
                .arg("column", mistake.column())
                .arg("mistake", mistake)
        })?;
        let each_line = !asked.values.is_empty();
        let lines = asked.values.iter().map(|value| value.replace(['\r', '\n'], " "));
        let mut lines: Vec<String> = lines.collect();
        lines.extend((!asked.text.is_empty()).then_some(asked.text));
        (lines.join("\n"), each_line)
    } else {
        (String::from_utf8_lossy(&bytes).into_owned(), false)
    };
    if text.trim().is_empty() {
        return Err(Refusal::new("NRS-EVID-0511", StatusCode::UNPROCESSABLE_ENTITY).into());
    }
    let sees = Sees::of(&house, &caller.ctx);
    let found =
        house.store.read(move |reader| lookup::look_up(reader, sees, &text, each_line)).await?;
    let Lookup { lines, beyond, complete } = found;
    let items = lines.into_iter().map(lookup_out).collect();
    Ok(Json(LookupsOut { items, beyond, complete }).into_response())
}

/// Which entries to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct AsidesAsked {
    /// `open` (the default), `mended`, `dismissed`, `kept`, `taken` or `all`.
    state: String,
    /// `quarantine` or `conflict`.
    kind: String,
    /// A code.
    code: String,
    /// A source such as `import:…`.
    source: String,
    /// Part of an identifier.
    q: String,
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Entries wanted, at most 500.
    limit: Option<u32>,
}

/// An entry that was put aside.
#[derive(Serialize, ToSchema)]
struct AsideOut {
    entry: u64,
    at: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    code: String,
    reason: String,
    source: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retried_as: Option<String>,
    /// The least colour of whatever comes of it: `clear`, `green`, `amber`, `amber-strict` or `red`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tlp: Option<String>,
    /// The least class of whatever comes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
}

fn aside_out(entry: Aside) -> AsideOut {
    AsideOut {
        entry: entry.aside,
        at: entry.at.to_string(),
        kind: entry.kind,
        id: entry.id,
        code: entry.code,
        reason: entry.reason,
        source: entry.source,
        state: entry.state,
        decided_by: entry.decided_by,
        decided_at: entry.decided_at.map(|at| at.to_string()),
        decision: entry.decision,
        retried_as: entry.retried_as,
        tlp: entry.tlp,
        class: entry.class,
    }
}

/// Lists what was put aside, latest first.
#[utoipa::path(get, path = "/evidence/asides", tag = "evidence", params(AsidesAsked),
    responses((status = 200, body = Page<AsideOut>)))]
async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<AsidesAsked>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceImport, On::default())?;
    let limit = Paging { cursor: None, limit: asked.limit }.limit();
    let state = match asked.state.as_str() {
        "" => "open".to_owned(),
        "all" => String::new(),
        other => other.to_owned(),
    };
    let (kind, code, source, q) = (asked.kind, asked.code, asked.source, asked.q);
    let filter = Filter { state, kind, code, source, q };
    let cursor = asked.cursor;
    let found = house
        .store
        .read(move |reader| {
            aside::list(reader, &filter, (Order::Arrival, true), cursor.as_deref(), limit)
        })
        .await?;
    let full = u32::try_from(found.len()).is_ok_and(|count| count == limit);
    let cursor = found.last().filter(|_| full).map(|last| last.aside.to_string());
    let items = found.into_iter().map(aside_out).collect();
    Ok(Json(Page { items, cursor }).into_response())
}

/// An entry with what arrived.
#[derive(Serialize, ToSchema)]
struct AsideFull {
    #[serde(flatten)]
    #[schema(inline)]
    entry: AsideOut,
    /// What arrived; bytes that are no UTF-8 are replaced.
    text: String,
    /// SHA-256 of all that arrived.
    digest: String,
    /// Whether the text is all of it.
    whole: bool,
    /// First and last byte of the place at fault, where it can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<(usize, usize)>,
    /// What was brought in instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    mended: Option<String>,
}

/// One entry with what arrived.
#[utoipa::path(get, path = "/evidence/asides/{entry}", tag = "evidence", params(("entry" = u64, Path)),
    responses((status = 200, body = AsideFull), (status = 404, description = "no such entry")))]
async fn one(State(house): State<Arc<House>>, caller: Caller, Path(entry): Path<u64>) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceImport, On::default())?;
    let found = house.store.read(move |reader| aside::one(reader, entry)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let place = aside::fault_place(&found.bytes, &found.entry.reason);
    let out = AsideFull {
        text: found.text(),
        whole: found.is_whole(),
        place: place.map(|place| (place.start, place.end)),
        mended: found.mended.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        digest: found.digest,
        entry: aside_out(found.entry),
    };
    Ok(Json(out).into_response())
}

/// How to try an entry again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RetryIn {
    /// The mended text; what arrived when absent.
    text: Option<String>,
    /// Legal class: `CIA`, `CIA-P`, `CIA-PM` or `CIA-N`.
    class: String,
    /// Least marking.
    tlp: Option<String>,
    /// Whose it is; that of the entry's source when absent.
    originator: Option<String>,
    /// Why.
    reason: String,
}

/// What trying again gave.
#[derive(Serialize, ToSchema)]
struct RetryOut {
    /// The object that is in now; absent when nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What still stands in the way.
    faults: Vec<FaultOut>,
}

/// What stands in the way.
#[derive(Serialize, ToSchema)]
struct FaultOut {
    code: &'static str,
    reason: String,
}

fn how(class: &str, tlp: Option<&str>, originator: Option<String>, reason: String) -> Answer<As> {
    let chosen = |what: &'static str| {
        Refusal::new("NRS-EVID-0506", StatusCode::UNPROCESSABLE_ENTITY).arg("what", what)
    };
    let class = api::class_of(class).ok_or_else(|| chosen("class"))?;
    let tlp = match tlp {
        None => None,
        Some(code) => Some(rows::tlp_of(code).ok_or_else(|| chosen("tlp"))?),
    };
    Ok(As { tlp, class, originator, reason })
}

/// Tries an entry again, as it arrived or as mended. A text that is still wrong changes nothing.
#[utoipa::path(post, path = "/evidence/asides/{entry}/retry", tag = "evidence", params(("entry" = u64, Path)),
    request_body = RetryIn, responses((status = 200, body = RetryOut)))]
async fn retry(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(entry): Path<u64>,
    body: Body<RetryIn>,
) -> Answer {
    let RetryIn { text, class, tlp, originator, reason } = body.value;
    let how = how(&class, tlp.as_deref(), originator, reason)?;
    let out = match mend::retry(&house, &caller.ctx, entry, text, &how).await? {
        Tried::In(id) => RetryOut { id: Some(id), faults: Vec::new() },
        Tried::Wrong(why) => RetryOut {
            id: None,
            faults: why
                .into_iter()
                .map(|one| FaultOut { code: one.code, reason: one.reason })
                .collect(),
        },
        Tried::Contradicts(why) => RetryOut {
            id: None,
            faults: why
                .into_iter()
                .map(|one| FaultOut { code: one.code, reason: one.reason })
                .collect(),
        },
        Tried::Partial => RetryOut {
            id: None,
            faults: vec![FaultOut { code: "NRS-EVID-0505", reason: String::new() }],
        },
    };
    Ok(Json(out).into_response())
}

/// Entries that are not wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DismissIn {
    /// Their numbers.
    entries: Vec<u64>,
    /// Why.
    reason: String,
}

/// Says that entries are not wanted: all of them or none.
#[utoipa::path(post, path = "/evidence/asides/dismiss", tag = "evidence", request_body = DismissIn,
    responses((status = 204, description = "done")))]
async fn dismiss(State(house): State<Arc<House>>, caller: Caller, body: Body<DismissIn>) -> Answer {
    mend::dismiss(&house, &caller.ctx, &body.value.entries, &body.value.reason).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// How a contradiction is settled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettleIn {
    /// `keep` what is held, or `take` what arrived as its next version.
    choice: String,
    /// Legal class, when it is taken; never wider than that of what is held.
    class: Option<String>,
    /// Least marking, when it is taken.
    tlp: Option<String>,
    /// Why.
    reason: String,
}

/// Settles a contradiction. What is held is never overwritten.
#[utoipa::path(post, path = "/evidence/asides/{entry}/settle", tag = "evidence", params(("entry" = u64, Path)),
    request_body = SettleIn, responses((status = 200, body = RetryOut)))]
async fn settle(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(entry): Path<u64>,
    body: Body<SettleIn>,
) -> Answer {
    let SettleIn { choice, class, tlp, reason } = body.value;
    let id = match choice.as_str() {
        "keep" => {
            mend::keep(&house, &caller.ctx, entry, &reason).await?;
            None
        }
        "take" => {
            let how = how(class.as_deref().unwrap_or_default(), tlp.as_deref(), None, reason)?;
            Some(mend::take(&house, &caller.ctx, entry, &how).await?)
        }
        other => return Err(api::bad("choice", other).into()),
    };
    Ok(Json(RetryOut { id, faults: Vec::new() }).into_response())
}
