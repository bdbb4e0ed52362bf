//! The graph for programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, RawQuery, State};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gather::{self, Around};
use super::pages::{asked, may};
use crate::analyse::read::Scope;
use crate::evidence::near;
use crate::evidence::read as evidence;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::web::api::{PAGE_DEFAULT, PAGE_MAX, Page};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Caller;

/// One object of a graph.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct MarkOut {
    id: String,
    r#type: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    tlp: String,
    /// Steps from the start.
    hop: u8,
    /// How many other objects count as one with it.
    merged: usize,
}

/// Several objects as one.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct BundleOut {
    /// Give it as `open` to get its members one by one.
    key: String,
    parent: String,
    hop: u8,
    #[serde(skip_serializing_if = "String::is_empty")]
    relation: String,
    outgoing: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    tlp: String,
    count: u64,
    types: BTreeMap<String, u64>,
}

/// A line between two marks.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct LineOut {
    from: String,
    to: String,
    relation: String,
    /// Whether the relation leads from `from` to `to`.
    outgoing: bool,
}

/// What is not shown one by one.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct HiddenOut {
    /// Put together in bundles, by type.
    bundled: BTreeMap<String, u64>,
    /// Left out by the filters, by type.
    filtered: BTreeMap<String, u64>,
    /// Edges to what was revoked or deprecated.
    revoked: u64,
    /// Edges whose other end is not held, or not for this hat.
    absent: u64,
    /// Objects of which more edges are held than were looked at; `GET /analyse/graph/edges` has all of them.
    unlooked: Vec<String>,
}

/// What stands around a thing.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct GraphOut {
    as_of: String,
    of: String,
    hops: u8,
    budget: usize,
    marks: Vec<MarkOut>,
    bundles: Vec<BundleOut>,
    lines: Vec<LineOut>,
    hidden: HiddenOut,
    /// Every type met, with how many objects of it.
    types: BTreeMap<String, u64>,
}

fn graph_out(as_of: String, asked: &gather::Asked, around: Around) -> GraphOut {
    let marks = around.marks.into_iter().map(|mark| MarkOut {
        id: mark.id,
        r#type: mark.kind,
        name: mark.name,
        tlp: mark.tlp,
        hop: mark.hop,
        merged: mark.merged,
    });
    let bundles = around.bundles.into_iter().map(|bundle| BundleOut {
        count: bundle.count(),
        key: bundle.key,
        parent: bundle.parent,
        hop: bundle.hop,
        relation: bundle.relation,
        outgoing: bundle.outgoing,
        tlp: bundle.tlp,
        types: bundle.kinds,
    });
    let lines = around.lines.into_iter().map(|line| LineOut {
        from: line.from,
        to: line.to,
        relation: line.relation,
        outgoing: line.outgoing,
    });
    GraphOut {
        as_of,
        of: asked.of.clone(),
        hops: asked.hops,
        budget: asked.budget,
        marks: marks.collect(),
        bundles: bundles.collect(),
        lines: lines.collect(),
        hidden: HiddenOut {
            bundled: around.hidden.bundled,
            filtered: around.hidden.filtered,
            revoked: around.hidden.revoked,
            absent: around.hidden.absent,
            unlooked: around.hidden.unlooked,
        },
        types: around.kinds,
    }
}

/// What stands around an object, a case or a group, some steps out, with a budget of marks; what does not fit is put
/// together and counted.
#[utoipa::path(get, path = "/analyse/graph", tag = "analyse",
    params(("of" = String, Query, description = "an object, a case or the key of a group"),
        ("hops" = Option<u8>, Query, description = "steps, at most 3"),
        ("budget" = Option<u32>, Query, description = "marks, 8 to 150"),
        ("type" = Option<String>, Query, description = "only this type; may be repeated"),
        ("tlp" = Option<String>, Query, description = "nothing stricter than this"),
        ("from" = Option<String>, Query, description = "said on this day in Japan or later"),
        ("to" = Option<String>, Query, description = "said on this day or before"),
        ("open" = Option<String>, Query, description = "key of a bundle to open; may be repeated")),
    responses((status = 200, body = GraphOut), (status = 404), (status = 422)))]
pub(in crate::analyse) async fn graph(
    State(house): State<Arc<House>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = asked(query.as_deref().unwrap_or_default())?;
    may(&house, &caller.ctx, &asked.of)?;
    let scope = Scope::of(&house, &caller.ctx);
    let question = asked.clone();
    let held = Arc::clone(&house);
    let found = house
        .store
        .read(move |reader| gather::around(reader, &held.names, scope, &question))
        .await?;
    let found = found.ok_or_else(Refusal::absent)?;
    Ok(Json(graph_out(stamp(caller.ctx.now), &asked, found)).into_response())
}

/// An edge of one object.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct EdgeOut {
    /// What makes it.
    via: String,
    relation: String,
    outgoing: bool,
    other: String,
    r#type: String,
    name: String,
    tlp: String,
    said_at: String,
}

/// A page of the edges of one object.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct EdgesOut {
    #[serde(flatten)]
    page: Page<EdgeOut>,
    /// Edges of this page to what was revoked or deprecated.
    revoked: u64,
    /// Edges of this page whose other end is not held, or not for this hat.
    absent: u64,
}

/// What to page through.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::analyse) struct EdgesAsked {
    of: String,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Every edge of an object, page by page, newest arrivals first.
#[utoipa::path(get, path = "/analyse/graph/edges", tag = "analyse",
    params(("of" = String, Query), ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = EdgesOut), (status = 404)))]
pub(in crate::analyse) async fn edges(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<EdgesAsked>,
) -> Answer {
    house.authoriser.check(&caller.ctx, Action::EvidenceRead, On::default())?;
    let sees = Scope::of(&house, &caller.ctx).sees();
    let limit = asked.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX) as usize;
    let found = house
        .store
        .read(move |reader| {
            if evidence::brief(reader, sees, &asked.of)?.is_none() {
                return Ok(None);
            }
            near::edges(reader, sees, &asked.of, asked.cursor.as_deref(), limit).map(Some)
        })
        .await?
        .ok_or_else(Refusal::absent)?;
    let items = found.edges.into_iter().map(|edge| EdgeOut {
        via: edge.via,
        relation: edge.kind,
        outgoing: edge.outgoing,
        other: edge.other.id,
        r#type: edge.other.kind,
        name: edge.other.name,
        tlp: edge.other.tlp,
        said_at: stamp(edge.said_at),
    });
    let page = Page { items: items.collect(), cursor: found.next };
    let out = EdgesOut { page, revoked: found.revoked, absent: found.absent };
    Ok(Json(out).into_response())
}
