//! What stands next to one object: its edges in bounded pages, and what became of it over time.
//!
//! A hub with a million edges costs the same as a leaf: an answer looks at a page of rows and says where it stopped.

use jiff::Timestamp;

use super::read::relations::{self, Place};
use super::read::{self, NODE_OF_FIRST, ObjectRow, Sees, admits};
use crate::office::store::{Reader, StoreFailure, Value};

/// One edge as seen from the object asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The relationship, sighting, or the object that names the other itself.
    pub via: String,
    /// `relationship_type`, or the property that names the other.
    pub kind: String,
    /// True when it leads away from the object asked for.
    pub outgoing: bool,
    /// The other end.
    pub other: ObjectRow,
    /// When it was said: the version of what makes the edge, else its arrival.
    pub said_at: Timestamp,
    /// When it arrived.
    pub arrived_at: Timestamp,
}

/// Edges, newest arrivals first.
#[derive(Debug, Clone, Default)]
pub struct Edges {
    /// Those whose maker and other end are held and for this reader.
    pub edges: Vec<Edge>,
    /// Edges of the same page whose maker or other end was revoked or deprecated.
    pub revoked: u64,
    /// Edges of the same page whose other end is not held, or not for this reader: one number for both.
    pub absent: u64,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}

/// At most `limit` edges of `id` after the place `from`, newest first; a place that is none begins anew.
pub fn edges(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    from: Option<&str>,
    limit: usize,
) -> Result<Edges, StoreFailure> {
    let ends = relations::page(reader, sees, id, from.and_then(Place::parse), limit)?;
    let mut page = Edges { next: ends.next.map(|next| next.to_string()), ..Edges::default() };
    for relation in ends.relations {
        if relation.other == id {
            continue;
        }
        // INVARIANT: an edge is shown only when the object that makes it may be seen; whoever may not see it is not
        // told that it is there.
        let Some(maker) = read::brief(reader, sees, &relation.via)? else { continue };
        match read::brief(reader, sees, &relation.other)? {
            None => page.absent += 1,
            Some(end) if end.hidden => page.revoked += 1,
            Some(end) => page.edges.push(Edge {
                said_at: maker.modified.unwrap_or(maker.arrived_at),
                arrived_at: maker.arrived_at,
                via: relation.via,
                kind: relation.kind,
                outgoing: relation.outgoing,
                other: end,
            }),
        }
    }
    Ok(page)
}

/// One version of an object, as far as its standing goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// Its marking.
    pub tlp: String,
    /// Its legal class.
    pub class: String,
    /// Revoked or deprecated.
    pub hidden: bool,
}

/// The last `limit` versions of `id` that the reader sees of those that arrived before `until`, newest first.
pub fn history(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Stage>, StoreFailure> {
    if read::brief(reader, sees, id)?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT o.arrived_at, o.tlp, o.class, o.hidden FROM evidence_object o WHERE o.node = {NODE_OF_FIRST} \
         AND o.arrived_at < $3 AND {} ORDER BY o.modified DESC LIMIT $4",
        admits("o", "$2")
    );
    let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    reader.all(&sql, &[Value::from(id), sees.key(), Value::from(until), limit], |row| {
        Ok(Stage {
            arrived_at: row.time(0)?,
            tlp: row.text(1)?,
            class: row.text(2)?,
            hidden: row.truth(3)?,
        })
    })
}

/// Who names or uses `id`: the types and identifiers of what a `uses` relation leads from, or what lists it among its
/// objects, at most `limit`. With a span only what was said in it counts.
pub fn users(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    span: (Option<Timestamp>, Option<Timestamp>),
    limit: usize,
) -> Result<Vec<(String, String)>, StoreFailure> {
    let (from, to) = span;
    let key = |at: Option<Timestamp>| Value::from(at.map(|at| format!("{at:.9}")));
    let sql = format!(
        "SELECT DISTINCT s.type, s.id FROM evidence_edge e \
         JOIN evidence_kind k ON k.kind = e.kind AND k.name IN ('uses', 'object_refs') \
         JOIN evidence_object v ON v.seq = e.via AND v.latest = 1 AND v.hidden = 0 \
         JOIN evidence_object s ON s.node = e.other AND s.latest = 1 AND s.hidden = 0 \
         WHERE e.node = {NODE_OF_FIRST} AND e.way = 1 \
         AND {} AND {} \
         AND ($3 IS NULL OR v.modified >= $3) AND ($4 IS NULL OR v.modified < $4) LIMIT $5",
        admits("v", "$2"),
        admits("s", "$2")
    );
    reader.all(
        &sql,
        &[
            Value::from(id),
            sees.key(),
            key(from),
            key(to),
            Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
        ],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )
}
