//! The API of the picture, the correlation and the joint cases.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use noroshi_insight::campaign::Suggestion;
use noroshi_insight::picture::{Cell, Figures};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{OpenApi, ToSchema};

use super::act::{self, NewCase};
use super::around::api as around;
use super::hypotheses::api as hypotheses;
use super::matrix::api as matrix;
use super::merge;
use super::notes::{self, Note, Reading};
use super::read::{self, CaseRow, Member, Scope, Why, kind_code};
use super::watch::api as watch;
use crate::evidence::read as evidence;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::office::commit::Committed;
use crate::office::id::CaseId;
use crate::office::store::Reader;
use crate::web::api::{Body, Page, Paging};
use crate::web::form;
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Caller;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(
        picture,
        correlations,
        open_case,
        list_cases,
        one_case,
        add_note,
        add_item,
        remove_item,
        super::around::api::graph,
        super::around::api::edges,
        super::matrix::api::matrix,
        super::matrix::api::csv,
        super::hypotheses::api::list,
        super::hypotheses::api::put_up,
        super::hypotheses::api::exhibit,
        super::hypotheses::api::judge,
        super::hypotheses::api::conclude,
        super::hypotheses::api::end,
        super::watch::api::inbox,
        super::watch::api::watch,
        super::watch::api::end,
        super::watch::api::read,
        super::watch::api::atom,
        super::watch::api::feed,
        object_notes,
        add_object_note,
        merge_objects,
        undo_merge,
        merges,
        candidates
    ),
    components(schemas(
        PictureOut,
        CellOut,
        FiguresOut,
        MemberOut,
        WhyOut,
        GroupOut,
        PassedOut,
        CorrelationsOut,
        CaseIn,
        CaseOut,
        NoteIn,
        ItemIn,
        CaseFull,
        NoteOut,
        EventOut,
        ObservableOut,
        ObjectNotesOut,
        MergeIn,
        UndoIn,
        MergeOut,
        MergesOut,
        CandidateOut
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/analyse/picture", get(picture))
        .route("/analyse/correlations", get(correlations))
        .route("/cases", post(open_case).get(list_cases))
        .route("/cases/{id}", get(one_case))
        .route("/cases/{id}/notes", post(add_note))
        .route("/cases/{id}/items", post(add_item))
        .route("/cases/{id}/items/remove", post(remove_item))
        .route("/cases/{id}/hypotheses", get(hypotheses::list).post(hypotheses::put_up))
        .route("/cases/{id}/hypotheses/end", post(hypotheses::end))
        .route("/cases/{id}/evidence", post(hypotheses::exhibit))
        .route("/cases/{id}/judgements", post(hypotheses::judge))
        .route("/cases/{id}/conclusions", post(hypotheses::conclude))
        .route("/analyse/graph", get(around::graph))
        .route("/analyse/graph/edges", get(around::edges))
        .route("/analyse/matrix", get(matrix::matrix))
        .route("/analyse/matrix.csv", get(matrix::csv))
        .route("/analyse/objects/{id}/notes", get(object_notes).post(add_object_note))
        .route("/analyse/objects/{id}/merges", get(merges))
        .route("/analyse/objects/{id}/candidates", get(candidates))
        .route("/analyse/merges", post(merge_objects))
        .route("/analyse/merges/{id}/undo", post(undo_merge))
        .route("/inbox", get(watch::inbox))
        .route("/inbox/read", post(watch::read))
        .route("/inbox/watches", post(watch::watch))
        .route("/inbox/watches/{id}/end", post(watch::end))
        .route("/inbox/feed.atom", get(watch::atom))
        .route("/inbox/feed.json", get(watch::feed))
}

/// What a cell or a total says.
#[derive(Serialize, ToSchema)]
struct FiguresOut {
    /// Reports.
    count: u64,
    /// Different operators.
    organisations: u64,
    /// Minutes services stood still.
    service_minutes: u64,
    /// Persons affected; the same person may be counted by several reports.
    persons_affected: u64,
    /// Loss in yen.
    loss_yen: u64,
}

impl From<Figures> for FiguresOut {
    fn from(figures: Figures) -> Self {
        Self {
            count: figures.reports,
            organisations: figures.organisations,
            service_minutes: figures.service_minutes,
            persons_affected: figures.persons_affected,
            loss_yen: figures.loss_yen,
        }
    }
}

/// A cell with its place.
#[derive(Serialize, ToSchema)]
struct CellOut {
    sector: String,
    damage_kind: String,
    /// The day in Japan, `2026-11-23`.
    day: String,
    #[serde(flatten)]
    figures: FiguresOut,
}

fn cell(cell: Cell) -> CellOut {
    CellOut {
        sector: cell.sector.into(),
        damage_kind: cell.kind.into(),
        day: cell.from.to_string(),
        figures: cell.figures.into(),
    }
}

/// The national picture.
#[derive(Serialize, ToSchema)]
struct PictureOut {
    /// When it was made.
    as_of: String,
    /// What it was made from.
    from: &'static str,
    /// How many reports.
    reports: usize,
    cells: Vec<CellOut>,
    totals: FiguresOut,
    /// Cells left out because they would name their few operators.
    withheld_cells: usize,
    /// Fewest operators of a cell that is shown.
    organisations_min: usize,
}

/// Sector by damage by day, with totals. Hats without the right to single reports get it without small cells.
#[utoipa::path(get, path = "/analyse/picture", tag = "analyse", responses((status = 200, body = PictureOut)))]
async fn picture(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    house.authoriser.check(&caller.ctx, Action::AnalysePicture, On::default())?;
    let scope = Scope::of(&house, &caller.ctx);
    let seen = house.store.read(move |reader| read::picture(reader, scope)).await?;
    let out = PictureOut {
        as_of: stamp(caller.ctx.now),
        from: "intake reports",
        reports: if scope.small_cells() { seen.reports } else { 0 },
        totals: seen.picture.total().into(),
        cells: seen.picture.cells().into_iter().map(cell).collect(),
        withheld_cells: seen.withheld,
        organisations_min: seen.organisations_min,
    };
    Ok(Json(out).into_response())
}

/// A thing that hangs together with others.
#[derive(Serialize, ToSchema)]
struct MemberOut {
    /// `report`, `sighting` or `partner`.
    kind: &'static str,
    id: String,
    label: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    sector: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    observables: Vec<String>,
}

fn member(member: &Member) -> MemberOut {
    MemberOut {
        kind: kind_code(member.kind),
        id: member.id.clone(),
        label: member.label(),
        sector: member.sector.clone(),
        time: member.time.map(stamp),
        observables: member.observables.iter().map(ToString::to_string).collect(),
    }
}

/// Why things hang together.
#[derive(Serialize, ToSchema)]
struct WhyOut {
    /// `same`, `inside` or `near`.
    kind: &'static str,
    observable: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inner: Vec<String>,
    /// Whether they name the very same thing.
    strong: bool,
    items: Vec<String>,
}

fn why(why: &Why) -> WhyOut {
    WhyOut {
        kind: why.kind,
        observable: why.observable.to_string(),
        inner: why.inner.iter().map(ToString::to_string).collect(),
        strong: why.strong,
        items: why.items.clone(),
    }
}

/// Things that hang together.
#[derive(Serialize, ToSchema)]
struct GroupOut {
    key: String,
    members: Vec<MemberOut>,
    reasons: Vec<WhyOut>,
    /// When it looks like one campaign: what speaks for it. It never says who.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    campaign: Option<Suggestion>,
    /// A case that holds one of them already.
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<String>,
}

/// What too many name to mean anything.
#[derive(Serialize, ToSchema)]
struct PassedOut {
    observable: String,
    /// `frequent` or `local`.
    why: &'static str,
    items: usize,
}

/// What belongs together.
#[derive(Serialize, ToSchema)]
struct CorrelationsOut {
    as_of: String,
    /// Items looked at.
    items: usize,
    groups: Vec<GroupOut>,
    /// Neighbours in small networks; they join nothing.
    near: Vec<WhyOut>,
    /// How many such networks there are; those of the newest items are told.
    near_all: usize,
    passed: Vec<PassedOut>,
    /// Reports that this hat may not see.
    hidden_reports: u64,
}

/// Reports, sightings and partners' objects that name the same or related observables, with the reasons.
#[utoipa::path(get, path = "/analyse/correlations", tag = "analyse", responses((status = 200, body = CorrelationsOut)))]
async fn correlations(State(house): State<Arc<House>>, caller: Caller) -> Answer {
    house.authoriser.check(&caller.ctx, Action::AnalysePicture, On::default())?;
    let scope = Scope::of(&house, &caller.ctx);
    let held = Arc::clone(&house);
    let read = move |reader: &Reader<'_>| read::correlated(reader, &held.names, scope);
    let found = house.store.read(read).await?;
    let groups = found.groups.into_iter().map(|group| GroupOut {
        key: group.key,
        members: group.members.iter().map(member).collect(),
        reasons: group.reasons.iter().map(why).collect(),
        campaign: group.campaign,
        case: group.case,
    });
    let out = CorrelationsOut {
        as_of: stamp(caller.ctx.now),
        items: found.items,
        groups: groups.collect(),
        near: found.near.iter().map(why).collect(),
        near_all: found.near_all,
        passed: found
            .passed
            .into_iter()
            .map(|(observable, why, items)| PassedOut {
                observable: observable.to_string(),
                why,
                items,
            })
            .collect(),
        hidden_reports: found.hidden_reports,
    };
    Ok(Json(out).into_response())
}

/// A case to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CaseIn {
    title: String,
    #[serde(default)]
    summary: String,
    /// The group of the correlation it comes from.
    #[serde(default)]
    group_key: Option<String>,
    /// Identifiers of reports, sightings and partners' objects.
    members: Vec<String>,
}

/// Opens a joint case.
#[utoipa::path(post, path = "/cases", tag = "analyse", request_body = CaseIn,
    responses((status = 201, description = "`id` and `position`"), (status = 422)))]
async fn open_case(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<CaseIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /cases", &body.bytes);
    let CaseIn { title, summary, group_key, members } = body.value;
    let new = NewCase { title, summary, group_key, members };
    let (id, position) = act::open(&house, &caller.ctx, new, once).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id, "position": position }))).into_response())
}

/// A case in a list.
#[derive(Serialize, ToSchema)]
struct CaseOut {
    id: String,
    title: String,
    state: String,
    opened_at: String,
    members: u64,
    notes: u64,
}

fn case_out(row: CaseRow) -> CaseOut {
    CaseOut {
        id: row.id,
        title: row.title,
        state: row.state,
        opened_at: stamp(row.opened_at),
        members: row.members,
        notes: row.notes,
    }
}

/// Lists cases, newest first.
#[utoipa::path(get, path = "/cases", tag = "analyse", params(Paging), responses((status = 200, body = Page<CaseOut>)))]
async fn list_cases(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::AnalyseRead, On::default())?;
    let limit = paging.limit();
    let before = match paging.cursor.as_deref() {
        None => String::new(),
        Some(text) => CaseId::parse(text).ok_or_else(Refusal::absent)?.to_string(),
    };
    let found = house.store.read(move |reader| read::cases(reader, &before, limit)).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let cursor = found.last().filter(|_| full).map(|row| row.id.clone());
    Ok(Json(Page { items: found.into_iter().map(case_out).collect::<Vec<_>>(), cursor })
        .into_response())
}

/// A note.
#[derive(Serialize, ToSchema)]
pub(super) struct NoteOut {
    id: String,
    /// What it was written on.
    subject: String,
    at: String,
    org: String,
    hat: String,
    /// Its marking: its own or that of what it is about, whichever is stricter.
    tlp: String,
    text: String,
}

pub(super) fn note_out(note: Note) -> NoteOut {
    NoteOut {
        id: note.note,
        subject: note.subject,
        at: stamp(note.at),
        org: note.org.0,
        hat: note.hat,
        tlp: note.tlp,
        text: note.text,
    }
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
struct EventOut {
    at: String,
    /// `case.open`, `case.note`, `case.add`, `case.remove`, or a member's kind for the member's own time.
    kind: String,
    text: String,
    /// Index of the leaf, for what happened to the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
}

/// An observable and how many members name it.
#[derive(Serialize, ToSchema)]
struct ObservableOut {
    value: String,
    r#type: &'static str,
    members: usize,
}

/// A case with everything in it.
#[derive(Serialize, ToSchema)]
struct CaseFull {
    id: String,
    title: String,
    summary: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_key: Option<String>,
    opened_at: String,
    members: Vec<MemberOut>,
    /// Members that are gone or not for this hat.
    hidden: u64,
    notes: Vec<NoteOut>,
    timeline: Vec<EventOut>,
    observables: Vec<ObservableOut>,
    reasons: Vec<WhyOut>,
}

/// One case.
#[utoipa::path(get, path = "/cases/{id}", tag = "analyse", params(("id" = String, Path)),
    responses((status = 200, body = CaseFull), (status = 404)))]
async fn one_case(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::AnalyseRead, On::default())?;
    let case = CaseId::parse(&id).ok_or_else(Refusal::absent)?;
    let scope = Scope::of(&house, &caller.ctx);
    let who = Reading::of(&caller.ctx);
    let found = house.store.read(move |reader| read::case(reader, scope, &who, &case)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let out = CaseFull {
        id: found.row.id,
        title: found.row.title,
        summary: found.row.summary,
        state: found.row.state,
        group_key: found.row.group_key,
        opened_at: stamp(found.row.opened_at),
        members: found.members.iter().map(member).collect(),
        hidden: found.hidden,
        notes: found.notes.into_iter().map(note_out).collect(),
        timeline: found
            .timeline
            .into_iter()
            .map(|event| EventOut {
                at: stamp(event.at),
                kind: event.kind,
                text: event.text,
                position: event.position,
            })
            .collect(),
        observables: found
            .observables
            .iter()
            .map(|(seen, members)| ObservableOut {
                value: seen.to_string(),
                r#type: seen.stix_type(),
                members: *members,
            })
            .collect(),
        reasons: found.reasons.iter().map(why).collect(),
    };
    Ok(Json(out).into_response())
}

/// A note to write.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteIn {
    pub(super) text: String,
    /// Its marking, at least that of its subject, which it gets when this is absent. A note marked stricter than its
    /// subject is for fewer: `amber-strict` for the writer's organisation, `red` for the writer.
    #[serde(default)]
    pub(super) tlp: String,
}

pub(super) fn done(done: &Committed) -> axum::response::Response {
    (StatusCode::CREATED, Json(json!({ "position": done.position }))).into_response()
}

/// Writes a note; notes are never changed.
#[utoipa::path(post, path = "/cases/{id}/notes", tag = "analyse", params(("id" = String, Path)), request_body = NoteIn,
    responses((status = 201, description = "`position`"), (status = 404), (status = 422)))]
async fn add_note(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<NoteIn>,
) -> Answer {
    let once = form::idempotency(&headers, &format!("POST /cases/{id}/notes"), &body.bytes);
    let position =
        act::note(&house, &caller.ctx, &id, &body.value.text, &body.value.tlp, once).await?;
    Ok((StatusCode::CREATED, Json(json!({ "position": position }))).into_response())
}

/// Something to add or take out, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemIn {
    /// A report, a sighting or a partner's object.
    id: String,
    reason: String,
}

/// Adds something to a case.
#[utoipa::path(post, path = "/cases/{id}/items", tag = "analyse", params(("id" = String, Path)), request_body = ItemIn,
    responses((status = 201, description = "`position`"), (status = 409, description = "it is in already"), (status = 422)))]
async fn add_item(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<ItemIn>,
) -> Answer {
    let ItemIn { id: item, reason } = body.value;
    Ok(done(&act::add(&house, &caller.ctx, &id, &item, &reason).await?))
}

/// Takes something out of a case; that stays on record.
#[utoipa::path(post, path = "/cases/{id}/items/remove", tag = "analyse", params(("id" = String, Path)),
    request_body = ItemIn,
    responses((status = 201, description = "`position`"), (status = 409, description = "it is not in"), (status = 422)))]
async fn remove_item(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<ItemIn>,
) -> Answer {
    let ItemIn { id: item, reason } = body.value;
    Ok(done(&act::remove(&house, &caller.ctx, &id, &item, &reason).await?))
}

/// The notes of an object and of what counts as one with it.
#[derive(Serialize, ToSchema)]
struct ObjectNotesOut {
    notes: Vec<NoteOut>,
    /// Older notes that are not among them.
    older: u64,
}

/// The notes on an object, oldest first.
#[utoipa::path(get, path = "/analyse/objects/{id}/notes", tag = "analyse", params(("id" = String, Path)),
    responses((status = 200, body = ObjectNotesOut), (status = 404)))]
async fn object_notes(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let (sees, who) = (Scope::of(&house, &caller.ctx).sees(), Reading::of(&caller.ctx));
    let found = house
        .store
        .read(move |reader| {
            if evidence::brief(reader, sees, &id)?.is_none() {
                return Ok(None);
            }
            notes::of_object(reader, sees, &who, &id).map(Some)
        })
        .await?;
    let (notes, older) = found.ok_or_else(Refusal::absent)?;
    let notes = notes.into_iter().map(note_out).collect();
    Ok(Json(ObjectNotesOut { notes, older }).into_response())
}

/// Writes a note on an object; notes are never changed.
#[utoipa::path(post, path = "/analyse/objects/{id}/notes", tag = "analyse", params(("id" = String, Path)),
    request_body = NoteIn,
    responses((status = 201, description = "`id` and `position`"), (status = 404), (status = 422)))]
async fn add_object_note(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<NoteIn>,
) -> Answer {
    let operation = format!("POST /analyse/objects/{id}/notes");
    let once = form::idempotency(&headers, &operation, &body.bytes);
    let NoteIn { text, tlp } = body.value;
    let (note, position) = notes::write(&house, &caller.ctx, &id, &text, &tlp, once).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": note, "position": position }))).into_response())
}

/// Two objects that are one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MergeIn {
    /// The object that is counted as part of the other.
    one: String,
    into: String,
    reason: String,
}

/// States that two objects are one. No byte of either changes; it can be taken back.
#[utoipa::path(post, path = "/analyse/merges", tag = "analyse", request_body = MergeIn,
    responses((status = 201, description = "`id` and `position`"), (status = 409), (status = 422)))]
async fn merge_objects(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<MergeIn>,
) -> Answer {
    let MergeIn { one, into, reason } = body.value;
    let (id, position) = merge::merge(&house, &caller.ctx, &one, &into, &reason).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id, "position": position }))).into_response())
}

/// Why a statement is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UndoIn {
    reason: String,
}

/// Takes a statement back: the two objects stand for themselves again.
#[utoipa::path(post, path = "/analyse/merges/{id}/undo", tag = "analyse", params(("id" = String, Path)),
    request_body = UndoIn,
    responses((status = 201, description = "`position`"), (status = 404), (status = 409), (status = 422)))]
async fn undo_merge(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<UndoIn>,
) -> Answer {
    Ok(done(&merge::undo(&house, &caller.ctx, &id, &body.value.reason).await?))
}

/// A statement that two objects are one.
#[derive(Serialize, ToSchema)]
struct MergeOut {
    id: String,
    one: String,
    into: String,
    reason: String,
    org: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_reason: Option<String>,
}

/// What counts as one with an object.
#[derive(Serialize, ToSchema)]
struct MergesOut {
    /// The object it counts as; itself when nobody stated otherwise.
    canonical: String,
    /// Everything that counts as one with it.
    siblings: Vec<String>,
    /// Every statement about it, also those taken back.
    statements: Vec<MergeOut>,
}

/// What counts as one with an object, and who stated it. Statements about what this hat may not see are not there.
#[utoipa::path(get, path = "/analyse/objects/{id}/merges", tag = "analyse", params(("id" = String, Path)),
    responses((status = 200, body = MergesOut), (status = 404)))]
async fn merges(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let sees = Scope::of(&house, &caller.ctx).sees();
    let found = house
        .store
        .read(move |reader| {
            if evidence::brief(reader, sees, &id)?.is_none() {
                return Ok(None);
            }
            let siblings = merge::siblings(reader, sees, &id)?;
            Ok(Some((siblings, merge::statements(reader, sees, &id)?)))
        })
        .await?;
    let (siblings, statements) = found.ok_or_else(Refusal::absent)?;
    let statements = statements.into_iter().map(|one| {
        let (ended_at, ended_reason) = one.ended.map(|(at, why)| (stamp(at), why)).unzip();
        MergeOut {
            id: one.alias,
            one: one.one,
            into: one.into,
            reason: one.reason,
            org: one.org.0,
            at: stamp(one.stated_at),
            ended_at,
            ended_reason,
        }
    });
    let out = MergesOut {
        canonical: siblings.first().cloned().unwrap_or_default(),
        siblings,
        statements: statements.collect(),
    };
    Ok(Json(out).into_response())
}

/// An object that may be the same thing.
#[derive(Serialize, ToSchema)]
struct CandidateOut {
    id: String,
    name: String,
    originator: String,
    /// The names and outside identifiers both have, folded.
    common: Vec<String>,
    /// How alike they are as a whole, 0 to 100; 0 for types that are not compared so.
    percent: u8,
}

/// Objects of the same type that share a name, an alias or an outside identifier.
#[utoipa::path(get, path = "/analyse/objects/{id}/candidates", tag = "analyse", params(("id" = String, Path)),
    responses((status = 200, body = Vec<CandidateOut>), (status = 404)))]
async fn candidates(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let sees = Scope::of(&house, &caller.ctx).sees();
    let found = house
        .store
        .read(move |reader| {
            if evidence::brief(reader, sees, &id)?.is_none() {
                return Ok(None);
            }
            merge::candidates(reader, sees, &id).map(Some)
        })
        .await?
        .ok_or_else(Refusal::absent)?;
    let out: Vec<CandidateOut> = found
        .into_iter()
        .map(|one| CandidateOut {
            id: one.row.id,
            name: one.row.name,
            originator: one.row.originator,
            common: one.common,
            percent: one.percent,
        })
        .collect();
    Ok(Json(out).into_response())
}
