//! The edges of an object, a page at a time: who names it and whom it names, the members of a container, its
//! sightings. The newest come first; a page is a range of one index, whatever the number of edges.

use crate::office::store::{Reader, Row, StoreFailure, Value};

use super::{NODE_OF_FIRST, Sees, admits};

/// Edges looked at for one page: those that are not for the reader count too, so that a page has an end.
const SCAN_MAX: usize = 5_000;
/// Edges beyond a page that are counted; more are "at least so many".
pub const COUNTED_MAX: u64 = 2_000;

/// Edges of a page when nobody says how many.
pub const LIMIT_DEFAULT: usize = 50;

/// An edge as seen from one of its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Where it stands among the edges of the object asked for.
    pub place: Place,
    /// The relationship, sighting, or the object that names the other itself.
    pub via: String,
    /// `relationship_type`, or the property that names the other.
    pub kind: String,
    /// True when it leads away from the object asked for.
    pub outgoing: bool,
    /// The other end.
    pub other: String,
    /// Type of the other end.
    pub other_kind: String,
    /// Name of the other end; empty when it is not held or not for this reader.
    pub other_name: String,
    /// Whether the other end can be opened.
    pub held: bool,
}

/// A place between two edges. It stays where it is whatever arrives: new edges stand before the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    via: i64,
    way: i64,
    kind: i64,
    other: i64,
}

impl Place {
    const START: Self = Self { via: i64::MAX, way: 0, kind: 0, other: 0 };

    /// Before everything that arrived at this order or later.
    pub fn before(seq: u64) -> Self {
        Self { via: i64::try_from(seq).unwrap_or(i64::MAX), ..Self::START }
    }

    /// Reads what [`Place`] was written as; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse::<i64>().ok().filter(|n| *n >= 0));
        let mut next = || parts.next().flatten();
        let place = Self { via: next()?, way: next()?, kind: next()?, other: next()? };
        parts.next().is_none().then_some(place)
    }
}

impl core::fmt::Display for Place {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{}.{}.{}.{}", self.via, self.way, self.kind, self.other)
    }
}

/// Part of the edges of an object.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// The edges, newest first.
    pub relations: Vec<Relation>,
    /// Where to go on; none at the end.
    pub next: Option<Place>,
    /// Edges passed over on this page: of older versions, revoked, or not for this reader.
    pub passed: u64,
    /// Edges beyond this page, not all of them for this reader; at most [`COUNTED_MAX`] are counted.
    pub beyond: u64,
}

/// Edges among which one that the reader sees is looked for before a next page is offered.
const AHEAD_MAX: i64 = 200_000;

/// What makes an edge and its other end, for a reader `$2`. One row an edge; nothing is sorted.
fn edge() -> String {
    format!(
        "SELECT e.via, e.way, e.kind, e.other, k.name, v.id, v.latest = 1 AND v.hidden = 0 AND {}, n.id, t.type, t.name \
         FROM evidence_edge e CROSS JOIN evidence_object v ON v.seq = e.via \
         CROSS JOIN evidence_kind k ON k.kind = e.kind CROSS JOIN evidence_node n ON n.node = e.other \
         LEFT JOIN evidence_object t ON t.node = e.other AND t.latest = 1 AND {}",
        admits("v", "$2"),
        admits("t", "$2")
    )
}

struct Line {
    place: Place,
    /// None when the edge is passed over.
    relation: Option<Relation>,
}

fn line(row: &Row<'_, '_>) -> Result<Line, StoreFailure> {
    let place = Place { via: row.int(0)?, way: row.int(1)?, kind: row.int(2)?, other: row.int(3)? };
    // INVARIANT: an edge is shown only when the version that makes it may be seen; its other end is named likewise.
    if !row.truth(6)? {
        return Ok(Line { place, relation: None });
    }
    let other = row.text(7)?;
    let held = row.text_or_none(8)?;
    let relation = Relation {
        place,
        via: row.text(5)?,
        kind: row.text(4)?,
        outgoing: place.way == 0,
        other_kind: other.split_once("--").map_or("", |(kind, _)| kind).to_owned(),
        other_name: row.text_or_none(9)?.unwrap_or_default(),
        held: held.is_some(),
        other,
    };
    Ok(Line { place, relation: Some(relation) })
}

/// The edges of `id` after `from` (none for the first page), at most `limit`.
pub fn page(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    from: Option<Place>,
    limit: usize,
) -> Result<Ends, StoreFailure> {
    let sql = format!(
        "{} WHERE e.node = {NODE_OF_FIRST} AND (e.via, e.way, e.kind, e.other) < ($3, $4, $5, $6) \
         ORDER BY e.via DESC, e.way DESC, e.kind DESC, e.other DESC LIMIT $7",
        edge()
    );
    let mut ends = walk(reader, sees, id, from.unwrap_or(Place::START), limit, &sql)?;
    if let Some(place) = ends.next {
        ends.beyond = beyond(reader, id, place)?;
        if !sees.reports() && !follows(reader, sees, id, place)? {
            ends.next = None;
        }
    }
    Ok(ends)
}

/// Whether an edge that the reader sees follows `place`: the offer of a next page tells of nothing else. Among very many
/// that he does not see it stays open, and the page is offered.
fn follows(reader: &Reader<'_>, sees: Sees, id: &str, place: Place) -> Result<bool, StoreFailure> {
    let edges = format!(
        "SELECT e.via FROM evidence_edge e WHERE e.node = {NODE_OF_FIRST} \
         AND (e.via, e.way, e.kind, e.other) < ($3, $4, $5, $6) \
         ORDER BY e.via DESC, e.way DESC, e.kind DESC, e.other DESC LIMIT $7"
    );
    // Only where none was found is it asked whether there were more than may be looked at.
    let sql = format!(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM ({edges}) AS a CROSS JOIN evidence_object v ON v.seq = a.via \
         WHERE v.latest = 1 AND v.hidden = 0 AND {}) THEN 1 \
         ELSE (SELECT CASE WHEN COUNT(*) = $7 THEN 1 ELSE 0 END FROM ({edges}) AS c) END",
        admits("v", "$2")
    );
    let rows = usize::try_from(AHEAD_MAX).unwrap_or(usize::MAX);
    Ok(reader.number(&sql, &asked(sees, id, place, rows))? > 0)
}

fn walk(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    from: Place,
    limit: usize,
    sql: &str,
) -> Result<Ends, StoreFailure> {
    let mut ends = Ends::default();
    let mut place = from;
    let mut looked = 0;
    loop {
        let wanted = (limit - ends.relations.len()).min(SCAN_MAX - looked);
        let lines = reader.all(sql, &asked(sees, id, place, wanted + 1), line)?;
        let more = lines.len() > wanted;
        for line in lines.into_iter().take(wanted) {
            place = line.place;
            looked += 1;
            match line.relation {
                Some(relation) => ends.relations.push(relation),
                None => ends.passed += 1,
            }
        }
        if !more {
            return Ok(ends);
        }
        if ends.relations.len() >= limit || looked >= SCAN_MAX {
            ends.next = Some(place);
            return Ok(ends);
        }
    }
}

fn asked(sees: Sees, id: &str, place: Place, rows: usize) -> [Value; 7] {
    [
        Value::from(id),
        sees.key(),
        Value::Int(place.via),
        Value::Int(place.way),
        Value::Int(place.kind),
        Value::Int(place.other),
        Value::Int(i64::try_from(rows).unwrap_or(i64::MAX)),
    ]
}

fn beyond(reader: &Reader<'_>, id: &str, place: Place) -> Result<u64, StoreFailure> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM evidence_edge e WHERE e.node = {NODE_OF_FIRST} \
         AND (e.via, e.way, e.kind, e.other) < ($2, $3, $4, $5) LIMIT $6) AS rest"
    );
    let params = [
        Value::from(id),
        Value::Int(place.via),
        Value::Int(place.way),
        Value::Int(place.kind),
        Value::Int(place.other),
        Value::from(COUNTED_MAX),
    ];
    Ok(u64::try_from(reader.number(&sql, &params)?).unwrap_or(0))
}

/// The members of a container in its latest version: what its property `kind` (`object_refs`) names, after `from`
/// (none for the first page), at most `limit`. Edges that others make to the container are not among them.
pub fn members(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    kind: &str,
    from: Option<Place>,
    limit: usize,
) -> Result<Ends, StoreFailure> {
    let own = "SELECT o.seq FROM evidence_object o WHERE o.latest = 1 AND o.node = ";
    let sql = format!("{own}{NODE_OF_FIRST} AND {}", admits("o", "$2"));
    let asked = [Value::from(id), sees.key()];
    let Some(via) = reader.first(&sql, &asked, |row| row.int(0))? else {
        return Ok(Ends::default());
    };
    let kinds = "SELECT kind FROM evidence_kind WHERE name = $1";
    let Some(kind) = reader.first(kinds, &[Value::from(kind)], |row| row.int(0))? else {
        return Ok(Ends::default());
    };
    let from = from.unwrap_or(Place { via, way: 0, kind, other: -1 });
    if (from.via, from.way, from.kind) != (via, 0, kind) {
        // The container has a newer version: its members are others now.
        return Ok(Ends::default());
    }
    let sql = format!(
        "{} WHERE e.node = {NODE_OF_FIRST} AND e.via = $3 AND e.way = $4 AND e.kind = $5 AND e.other > $6 \
         ORDER BY e.other LIMIT $7",
        edge()
    );
    let mut ends = walk(reader, sees, id, from, limit, &sql)?;
    if ends.next.is_some() {
        ends.beyond = remaining(reader, id, ends.next.unwrap_or(from))?;
    }
    Ok(ends)
}

fn remaining(reader: &Reader<'_>, id: &str, from: Place) -> Result<u64, StoreFailure> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM evidence_edge WHERE node = {NODE_OF_FIRST} AND via = $2 AND way = 0 \
         AND kind = $3 AND other > $4 LIMIT $5) AS rest"
    );
    let params = [
        Value::from(id),
        Value::Int(from.via),
        Value::Int(from.kind),
        Value::Int(from.other),
        Value::from(COUNTED_MAX),
    ];
    Ok(u64::try_from(reader.number(&sql, &params)?).unwrap_or(0))
}

/// The sightings of `id`: who saw it, newest first.
pub fn sightings(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    limit: usize,
) -> Result<Vec<Relation>, StoreFailure> {
    let kinds = "SELECT kind FROM evidence_kind WHERE name = 'sighting_of_ref'";
    let Some(kind) = reader.first(kinds, &[], |row| row.int(0))? else { return Ok(Vec::new()) };
    let sql = format!(
        "{} WHERE e.node = {NODE_OF_FIRST} AND e.way = 1 AND e.kind = $3 ORDER BY e.via DESC LIMIT $4",
        edge()
    );
    let limit = i64::try_from(limit.min(SCAN_MAX)).unwrap_or(i64::MAX);
    let params = [Value::from(id), sees.key(), Value::Int(kind), Value::Int(limit)];
    let lines = reader.all(&sql, &params, line)?;
    Ok(lines.into_iter().filter_map(|line| line.relation).collect())
}
