//! Everything on record of one object: its relations by kind, its sightings, its versions and who brought them, as far as
//! the reader sees.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::read::relations::{self, Place, Relation};
use super::read::{self, NODE_OF_FIRST, Sees, admits};
use crate::office::store::{Reader, StoreFailure, Value};

/// Edges counted by kind; beyond it there are "at least so many".
const COUNTED_MAX: i64 = 100_000;
/// Edges passed over while looking for those of one kind.
const PASSED_MAX: usize = 20_000;
/// Edges taken at once.
const BATCH: usize = 200;
/// Sightings that the time line is made of.
const DRAWN_MAX: i64 = 1_000;
/// Columns of the time line.
const MONTHS_MAX: usize = 24;

/// Edges of one kind and way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `relationship_type`, or the property that names the other.
    pub kind: String,
    /// True when they lead away from the object.
    pub outgoing: bool,
    /// How many the reader sees.
    pub count: u64,
}

/// The edges of an object by kind and way, most first, and whether all were counted.
pub fn groups(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
) -> Result<(Vec<Group>, bool), StoreFailure> {
    let sql = format!(
        "SELECT k.name, x.way, COUNT(*) FROM (SELECT e.kind, e.way, e.via FROM evidence_edge e \
         WHERE e.node = {NODE_OF_FIRST} LIMIT $3) AS x JOIN evidence_object v ON v.seq = x.via AND v.latest = 1 \
         AND v.hidden = 0 AND {} JOIN evidence_kind k ON k.kind = x.kind \
         GROUP BY k.name, x.way ORDER BY COUNT(*) DESC, k.name, x.way",
        admits("v", "$2")
    );
    let params = [Value::from(id), sees.key(), Value::Int(COUNTED_MAX)];
    let groups = reader.all(&sql, &params, |row| {
        Ok(Group { kind: row.text(0)?, outgoing: row.int(1)? == 0, count: row.count(2)? })
    })?;
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM evidence_edge WHERE node = {NODE_OF_FIRST} LIMIT $2) AS x"
    );
    let looked = reader.number(&sql, &[Value::from(id), Value::Int(COUNTED_MAX)])?;
    Ok((groups, looked < COUNTED_MAX))
}

/// Which edges.
#[derive(Debug, Clone, Default)]
pub struct Edges {
    /// A kind; empty for all.
    pub kind: String,
    /// `out`, `in`, or empty for both ways.
    pub way: String,
}

impl Edges {
    fn takes(&self, edge: &Relation) -> bool {
        let way = if edge.outgoing { "out" } else { "in" };
        (self.kind.is_empty() || self.kind == edge.kind) && (self.way.is_empty() || self.way == way)
    }
}

/// Edges after a place, newest first, at most `limit`, and where to go on.
pub fn edges(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    wanted: &Edges,
    from: Option<Place>,
    limit: usize,
) -> Result<(Vec<Relation>, Option<Place>), StoreFailure> {
    let (mut found, mut place, mut passed) = (Vec::new(), from, 0);
    loop {
        let ends = relations::page(reader, sees, id, place, limit.clamp(1, BATCH))?;
        passed += ends.relations.len();
        for edge in ends.relations.into_iter().filter(|edge| wanted.takes(edge)) {
            if found.len() >= limit {
                // Another one of the kind follows: go on after the last that is shown.
                let next = found.last().map(|last: &Relation| last.place);
                return Ok((found, next));
            }
            found.push(edge);
        }
        place = ends.next;
        if place.is_none() || passed >= PASSED_MAX {
            return Ok((found, place));
        }
    }
}

/// A sighting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Order of arrival.
    pub seq: u64,
    /// Its identifier.
    pub id: String,
    /// First and last time.
    pub seen: (Option<Timestamp>, Option<Timestamp>),
    /// How often.
    pub count: u64,
    /// Whose it is, as the reader may know it.
    pub by: String,
    /// Where it was seen, by name where the reader sees the name.
    pub places: Vec<String>,
    /// Its colour.
    pub tlp: String,
}

fn sightings_sql() -> String {
    format!(
        "FROM evidence_edge e JOIN evidence_object v ON v.seq = e.via AND v.type = 'sighting' \
         AND v.latest = 1 AND v.hidden = 0 AND {}",
        admits("v", "$2")
    )
}

/// How many sightings the reader sees.
pub fn sightings_count(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<u64, StoreFailure> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT DISTINCT v.seq {} WHERE e.node = {NODE_OF_FIRST} LIMIT $3) AS s",
        sightings_sql()
    );
    let params = [Value::from(id), sees.key(), Value::Int(COUNTED_MAX)];
    Ok(u64::try_from(reader.number(&sql, &params)?).unwrap_or(0))
}

/// Sightings before an order of arrival, newest first.
pub fn sightings(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Sighting>, StoreFailure> {
    let sql = format!(
        "SELECT DISTINCT v.seq, v.id, v.originator, v.tlp, v.bytes {} WHERE e.node = {NODE_OF_FIRST} \
         AND v.seq < $3 ORDER BY v.seq DESC LIMIT $4",
        sightings_sql()
    );
    let before = before.map_or(i64::MAX, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
    let params = [Value::from(id), sees.key(), Value::Int(before), Value::Int(i64::from(limit))];
    let rows = reader.all(&sql, &params, |row| {
        Ok((row.count(0)?, row.text(1)?, row.text(2)?, row.text(3)?, row.text(4)?))
    })?;
    rows.into_iter()
        .map(|(seq, id, by, tlp, text)| {
            let tree: Json = serde_json::from_str(&text).unwrap_or_default();
            let time = |name: &str| tree.get(name)?.as_str()?.parse().ok();
            let places = tree.get("where_sighted_refs").and_then(Json::as_array);
            let places = places.into_iter().flatten().filter_map(Json::as_str);
            let places = places
                .map(|place| {
                    let held = read::brief(reader, sees, place)?;
                    Ok(held.map_or_else(|| place.to_owned(), |row| row.name))
                })
                .collect::<Result<_, StoreFailure>>()?;
            Ok(Sighting {
                seq,
                id,
                seen: (time("first_seen"), time("last_seen")),
                count: tree.get("count").and_then(Json::as_u64).unwrap_or(1),
                by,
                places,
                tlp,
            })
        })
        .collect()
}

/// Sightings by month, oldest first: of the latest [`DRAWN_MAX`].
pub fn months(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
) -> Result<Vec<(String, u64)>, StoreFailure> {
    let sql = format!(
        "SELECT DISTINCT v.seq, v.bytes, v.arrived_at {} WHERE e.node = {NODE_OF_FIRST} \
         ORDER BY v.seq DESC LIMIT $3",
        sightings_sql()
    );
    let params = [Value::from(id), sees.key(), Value::Int(DRAWN_MAX)];
    let rows = reader.all(&sql, &params, |row| Ok((row.text(1)?, row.text(2)?)))?;
    let mut months: BTreeMap<String, u64> = BTreeMap::new();
    for (text, arrived) in rows {
        let tree: Json = serde_json::from_str(&text).unwrap_or_default();
        let at = tree.get("last_seen").and_then(Json::as_str).unwrap_or(&arrived);
        let month: String = at.chars().take(7).collect();
        *months.entry(month).or_default() += 1;
    }
    let from = months.len().saturating_sub(MONTHS_MAX);
    Ok(months.into_iter().skip(from).collect())
}

/// Longest text that stands on a page or is compared with another; a longer one is saved as it arrived.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// One version with what it says.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its key; empty for what has no versions.
    pub key: String,
    /// Digest of its canonical text.
    pub digest: String,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// How it came.
    pub source: String,
    /// Whose it is.
    pub originator: String,
    /// Its colour.
    pub tlp: String,
    /// What it says; empty when that has more than [`TEXT_BYTES_MAX`].
    pub text: String,
    /// Who brought it in, when the audit names it by its source: position in the log, hat, organisation.
    pub brought: Option<(u64, String, String)>,
}

/// Versions before `before`, newest first, at most `limit`.
pub fn versions(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Version>, StoreFailure> {
    // What was narrowed since is narrowed as a whole.
    if read::brief(reader, sees, id)?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT o.modified, o.digest, o.arrived_at, o.source, o.originator, o.tlp, \
         CASE WHEN octet_length(o.bytes) <= {TEXT_BYTES_MAX} THEN o.bytes ELSE '' END FROM evidence_object o WHERE o.node = {NODE_OF_FIRST} AND {} AND ($3 IS NULL OR o.modified < $3) \
         ORDER BY o.modified DESC LIMIT $4",
        admits("o", "$2")
    );
    let params = [Value::from(id), sees.key(), Value::from(before), Value::Int(i64::from(limit))];
    let mut found = reader.all(&sql, &params, |row| {
        Ok(Version {
            key: row.text(0)?,
            digest: row.text(1)?,
            arrived_at: row.time(2)?,
            source: row.text(3)?,
            originator: row.text(4)?,
            tlp: row.text(5)?,
            text: row.text(6)?,
            brought: None,
        })
    })?;
    for version in &mut found {
        // An import is audited under the source of what it brought, at or just after the instant it arrived.
        version.brought = reader.first(
            "SELECT position, hat, org FROM office_audit WHERE subject = $1 AND at >= $2 ORDER BY position LIMIT 1",
            &[Value::from(&version.source), Value::from(version.arrived_at)],
            |row| Ok((row.count(0)?, row.text(1)?, row.text(2)?)),
        )?;
    }
    Ok(found)
}

/// The text of one version, byte for byte: of the latest without a key.
pub fn text(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    key: Option<&str>,
) -> Result<Option<String>, StoreFailure> {
    if read::brief(reader, sees, id)?.is_none() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT o.bytes FROM evidence_object o WHERE o.node = {NODE_OF_FIRST} AND {} \
         AND (o.modified = $3 OR ($3 IS NULL AND o.latest = 1))",
        admits("o", "$2")
    );
    let params = [Value::from(id), sees.key(), Value::from(key)];
    reader.first(&sql, &params, |row| row.text(0))
}
