//! The API of this pillar: the checkpoint, proofs, leaves and the counts.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::read::{self, CountRow, Entry};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::office::log::LogFailure;
use crate::web::api::{PAGE_DEFAULT, PAGE_MAX};
use crate::web::refusal::{Answer, Failure};
use crate::web::visitor::Caller;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(checkpoint, proof, leaves, counts),
    components(schemas(
        CheckpointOut,
        ProofOut,
        LeafOut,
        LeavesOut,
        CountOut,
        CountsOut,
        CountedFrom
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/proofs/{index}", get(proof))
        .route("/log/leaves", get(leaves))
        .route("/counts", get(counts))
}

/// How the log stands.
#[derive(Debug, Serialize, ToSchema)]
struct CheckpointOut {
    /// The log's name.
    origin: String,
    /// Leaves covered.
    size: u64,
    /// Root of the tree, hexadecimal.
    root: String,
    /// The signed note (C2SP tlog-checkpoint).
    checkpoint: String,
    /// The verifier key. Compare it with one that reached you another way.
    vkey: String,
    /// When the checkpoint was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<String>,
    /// `current`, `publishing`, `late`, `stopped` or `unsigned`.
    health: String,
}

/// The newest checkpoint.
#[utoipa::path(get, path = "/log/checkpoint", tag = "oversight", responses((status = 200, body = CheckpointOut)))]
async fn checkpoint(
    State(house): State<Arc<House>>,
    caller: Caller,
) -> Answer<Json<CheckpointOut>> {
    house.authoriser.check(&caller.ctx, Action::OversightLog, On::default())?;
    let state = read::state(&house).await?;
    let health =
        state.health(caller.ctx.now).key().trim_start_matches("oversight-health-").to_owned();
    Ok(Json(CheckpointOut {
        origin: state.origin,
        size: state.size,
        root: state.root.to_string(),
        checkpoint: state.checkpoint,
        vkey: state.vkey,
        published_at: state.published_at.map(stamp),
        health,
    }))
}

/// A proof that a leaf is in the log.
#[derive(Debug, Serialize, ToSchema)]
struct ProofOut {
    /// Index of the leaf.
    index: u64,
    /// Size of the tree the proof leads to.
    size: u64,
    /// Audit path, nearest sibling first, hexadecimal (RFC 6962 §2.1.1).
    hashes: Vec<String>,
    /// The signed checkpoint of that tree.
    checkpoint: String,
    /// The leaf as it stands in the log.
    leaf: String,
}

/// Proves that a leaf is in the log.
#[utoipa::path(get, path = "/log/proofs/{index}", tag = "oversight", params(("index" = u64, Path)),
    responses((status = 200, body = ProofOut), (status = 404, description = "no checkpoint covers such a leaf")))]
async fn proof(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(index): Path<u64>,
) -> Answer<Json<ProofOut>> {
    house.authoriser.check(&caller.ctx, Action::OversightLog, On::default())?;
    let proof = prove(&house, index).await?;
    Ok(Json(ProofOut {
        index: proof.index,
        size: proof.size,
        hashes: proof.hashes.iter().map(ToString::to_string).collect(),
        checkpoint: proof.checkpoint,
        leaf: String::from_utf8_lossy(&proof.leaf).into_owned(),
    }))
}

/// A proof, or the refusal of an index the log does not have. Waits for a checkpoint only when the leaf exists.
pub(super) async fn prove(house: &House, index: u64) -> Answer<crate::office::log::InclusionProof> {
    if house.store.read(move |reader| read::leaf(reader, index)).await?.is_none() {
        return Err(read::no_such_leaf());
    }
    house.log.prove(index).await.map_err(|problem| match problem {
        LogFailure::Unpublished(_) => read::no_such_leaf(),
        other => Failure::Broken(Box::new(other)),
    })
}

/// Which leaves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    /// The first index wanted; 0 when absent.
    #[serde(default)]
    from: u64,
    /// Leaves wanted, at most 500; 50 when absent.
    limit: Option<u32>,
}

/// One leaf.
#[derive(Debug, Serialize, ToSchema)]
struct LeafOut {
    /// Its index.
    index: u64,
    /// RFC 6962 leaf hash, hexadecimal.
    hash: String,
    /// The leaf: roles, counts, identifiers and digests.
    #[schema(value_type = Object)]
    leaf: serde_json::Value,
}

impl LeafOut {
    fn new(entry: &Entry) -> Self {
        let leaf = serde_json::from_slice(&entry.bytes).unwrap_or_default();
        Self {
            index: entry.index,
            hash: noroshi_ledger::tree::leaf_hash(&entry.bytes).to_string(),
            leaf,
        }
    }
}

/// Leaves in order.
#[derive(Debug, Serialize, ToSchema)]
struct LeavesOut {
    /// The leaves.
    items: Vec<LeafOut>,
    /// The next `from`; absent at the end of what is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    /// Leaves published.
    size: u64,
}

/// Leaves in the order of the log, as far as they are published.
#[utoipa::path(get, path = "/log/leaves", tag = "oversight",
    params(("from" = Option<u64>, Query, description = "the first index wanted"),
        ("limit" = Option<u32>, Query, description = "leaves wanted, at most 500")),
    responses((status = 200, body = LeavesOut)))]
async fn leaves(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(asked): Query<Range>,
) -> Answer<Json<LeavesOut>> {
    house.authoriser.check(&caller.ctx, Action::OversightLog, On::default())?;
    let size = house.log.size();
    let limit = u64::from(asked.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX));
    let from = asked.from;
    let limit = limit.min(size.saturating_sub(from));
    let found = house.store.read(move |reader| read::leaves(reader, from, limit)).await?;
    let end = from.saturating_add(limit);
    Ok(Json(LeavesOut {
        items: found.iter().map(LeafOut::new).collect(),
        next: Some(end).filter(|end| *end < size),
        size,
    }))
}

/// Which period.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Years {
    /// A calendar year in Japan; everything when absent.
    year: Option<i16>,
}

/// One row of the table.
#[derive(Debug, Serialize, ToSchema)]
struct CountOut {
    /// `police` or `defence`.
    side: String,
    /// `requests`, `approvals`, `post-notices` or `recommendations`.
    what: String,
    /// How many.
    count: usize,
    /// False when this version of the log cannot hold such leaves: the number then says nothing.
    kept: bool,
    /// The leaves counted.
    leaves: Vec<u64>,
}

impl CountOut {
    fn new(row: CountRow) -> Self {
        Self {
            side: row.side.id().to_owned(),
            what: row.what.id().to_owned(),
            count: row.leaves.len(),
            kept: row.what.is_kept(),
            leaves: row.leaves,
        }
    }
}

/// From what the numbers were counted.
#[derive(Debug, Serialize, ToSchema)]
struct CountedFrom {
    /// The log.
    origin: String,
    /// Leaves before this index were counted.
    size: u64,
    /// Root of the tree over them.
    root: String,
}

/// The table of Act art. 61(2)(vi)-(ix).
#[derive(Debug, Serialize, ToSchema)]
struct CountsOut {
    /// When it was counted.
    as_of: String,
    /// From what.
    from: CountedFrom,
    /// The rows.
    rows: Vec<CountOut>,
}

/// Requests, approvals, notices afterwards and recommendations, for police and defence apart; counted from leaves.
#[utoipa::path(get, path = "/counts", tag = "oversight",
    params(("year" = Option<i16>, Query, description = "a calendar year in Japan")),
    responses((status = 200, body = CountsOut)))]
async fn counts(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(period): Query<Years>,
) -> Answer<Json<CountsOut>> {
    house.authoriser.check(&caller.ctx, Action::OversightCount, On::default())?;
    let state = read::state(&house).await?;
    let size = state.size;
    let rows = house.store.read(move |reader| read::counts(reader, size, period.year)).await?;
    Ok(Json(CountsOut {
        as_of: stamp(caller.ctx.now),
        from: CountedFrom { origin: state.origin, size, root: state.root.to_string() },
        rows: rows.into_iter().map(CountOut::new).collect(),
    }))
}
