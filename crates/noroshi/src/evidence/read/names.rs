//! Who names what, for correlation: all names in one pass, then what came since, and the few objects that matter.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_evidence::observable::Observable;

use super::{
    COLUMNS, COLUMNS_COUNT, NODE_OF_FIRST, ObjectRow, Sees, admits, object_row, read_value,
};
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// An object that names observables, as correlation needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Its head.
    pub row: ObjectRow,
    /// First and last time of a sighting; creation of anything else.
    pub times: Option<(Timestamp, Timestamp)>,
    /// What it names.
    pub observables: BTreeSet<Observable>,
}

/// What correlates: sightings, and what does not stem from a report only, as reports speak for themselves.
const CORRELATES: &str =
    "o.latest = 1 AND o.hidden = 0 AND (o.from_report = 0 OR o.type = 'sighting')";
/// Neither superseded nor revoked, and open to every reader: the shelf says all three. All of it correlates.
const OPEN: &str = "SELECT seq FROM evidence_object WHERE shelf = 1 AND seq > $1";
/// The same of what is not open to every reader, and whether it correlates.
const CLOSED: &str = "SELECT seq, from_report = 0 OR type = 'sighting' FROM evidence_object WHERE shelf = 2 AND seq > $1";
const NAMES: &str = "SELECT value FROM evidence_naming WHERE seq = $1";
const SIGHTINGS: &str =
    "SELECT seq FROM evidence_object WHERE type = 'sighting' AND shelf IN (1, 2) AND seq > $1";

/// The last place in the order of arrival.
pub fn last(reader: &Reader<'_>) -> Result<u64, StoreFailure> {
    let last = reader.number("SELECT COALESCE(MAX(seq), 0) FROM evidence_object", &[])?;
    Ok(u64::try_from(last).unwrap_or_default())
}

/// How many versions [`listed`] visits: open ones and closed ones.
pub fn listed_count(reader: &Reader<'_>) -> Result<[u64; 2], StoreFailure> {
    let count = |shelf: i64| -> Result<u64, StoreFailure> {
        let sql = "SELECT COALESCE(SUM(objects), 0) FROM evidence_shelf WHERE shelf = $1";
        Ok(u64::try_from(reader.number(sql, &[Value::Int(shelf)])?).unwrap_or_default())
    };
    Ok([count(1)?, count(2)?])
}

/// A version in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its place in the order of arrival.
    pub place: u64,
    /// Not open to every reader.
    pub is_closed: bool,
    /// Whether what it names is correlated.
    pub correlates: bool,
}

/// Visits the places after `after` of what is in force, open ones first. Edges and markings, which name nothing, are not
/// visited.
pub fn listed(
    reader: &Reader<'_>,
    after: u32,
    mut visit: impl FnMut(Listed) -> Result<(), StoreFailure>,
) -> Result<(), StoreFailure> {
    reader.each(OPEN, &[Value::Int(after.into())], |row| {
        visit(Listed { place: row.count(0)?, is_closed: false, correlates: true })
    })?;
    reader.each(CLOSED, &[Value::Int(after.into())], |row| {
        visit(Listed { place: row.count(0)?, is_closed: true, correlates: row.truth(1)? })
    })
}

/// Visits those of [`listed`] that are sightings.
pub fn sightings(
    reader: &Reader<'_>,
    after: u32,
    mut visit: impl FnMut(u64) -> Result<(), StoreFailure>,
) -> Result<(), StoreFailure> {
    reader.each(SIGHTINGS, &[Value::Int(after.into())], |row| visit(row.count(0)?))
}

/// Visits, of what is closed, the places that the reader sees all the same; then, of what is open, those that an opinion
/// on handling keeps from the reader.
pub fn exceptions(
    reader: &Reader<'_>,
    sees: Sees,
    mut visit: impl FnMut(u64, bool) -> Result<(), StoreFailure>,
) -> Result<(), StoreFailure> {
    let named = "SELECT id FROM share_handling WHERE restricted_to IS NOT NULL";
    let nodes = NODE_OF_FIRST.replace("$1", "h.id");
    for (which, is_seen) in [
        ("o.closed = 1 AND o.originator = $1".to_owned(), true),
        (
            format!(
                "o.seq IN (SELECT v.seq FROM ({named}) h JOIN evidence_object v ON v.node = {nodes})"
            ),
            true,
        ),
        (
            format!(
                "o.seq IN (SELECT v.seq FROM ({named}) h JOIN evidence_object v ON v.node = {nodes})"
            ),
            false,
        ),
    ] {
        let not = if is_seen { "" } else { "NOT " };
        let sql = format!(
            "SELECT o.seq FROM evidence_object o WHERE {which} AND o.latest = 1 AND {not}{}",
            admits("o", "$1")
        );
        reader.each(&sql, &[sees.key()], |row| visit(row.count(0)?, is_seen))?;
    }
    Ok(())
}

/// The places up to `after` that something after it took the place of.
pub fn superseded(reader: &Reader<'_>, after: u32) -> Result<Vec<u64>, StoreFailure> {
    reader.all(
        "SELECT o.seq FROM evidence_object n CROSS JOIN evidence_object o ON o.node = n.node AND o.latest = 0 \
         WHERE n.seq > $1 AND o.seq <= $1 ORDER BY o.seq",
        &[Value::Int(after.into())],
        |row| row.count(0),
    )
}

/// Visits what each version after `after` names, in the order of arrival, listed or not.
pub fn each(
    reader: &Reader<'_>,
    after: u32,
    mut visit: impl FnMut(u64, &[Observable]) -> Result<(), StoreFailure>,
) -> Result<(), StoreFailure> {
    let sql = "SELECT seq, value FROM evidence_naming WHERE seq > $1 ORDER BY seq";
    let (mut seen, mut at) = (Vec::new(), 0);
    reader.each(sql, &[Value::Int(after.into())], |row| {
        let seq = row.count(0)?;
        if seq != at && !seen.is_empty() {
            visit(at, &seen)?;
            seen.clear();
        }
        at = seq;
        seen.extend(read_value(row.text_here(1)?));
        Ok(())
    })?;
    if seen.is_empty() { Ok(()) } else { visit(at, &seen) }
}

/// What the version at one place names.
pub fn seen(reader: &Reader<'_>, place: u32) -> Result<Vec<Observable>, StoreFailure> {
    let mut seen = Vec::new();
    reader.each(NAMES, &[Value::Int(place.into())], |row| {
        seen.extend(read_value(row.text_here(0)?));
        Ok(())
    })?;
    Ok(seen)
}

/// Whose sighting it is, and of which times: two that agree in these and in what they name are one.
pub fn saw(
    reader: &Reader<'_>,
    place: u32,
) -> Result<Option<(String, Option<(Timestamp, Timestamp)>)>, StoreFailure> {
    let sql = "SELECT source, bytes, created FROM evidence_object WHERE seq = $1";
    reader.first(sql, &[Value::Int(place.into())], |row| {
        let created = row.text_or_none(2)?.and_then(|at| at.parse().ok());
        Ok((row.text(0)?, sighted(row.text_here(1)?).or(created.map(|at| (at, at)))))
    })
}

/// The place of the latest version held of `id`.
pub fn place(reader: &Reader<'_>, id: &str) -> Result<Option<u64>, StoreFailure> {
    let sql =
        format!("SELECT seq FROM evidence_object WHERE node = {NODE_OF_FIRST} AND latest = 1");
    reader.first(&sql, &[Value::from(id)], |row| row.count(0))
}

/// The objects at these places in the order of arrival, as far as they correlate and the reader sees them.
pub fn at(reader: &Reader<'_>, sees: Sees, places: &[u64]) -> Result<Vec<Naming>, StoreFailure> {
    let sql = naming_sql("o.seq = $1");
    let found = places.iter().map(|seq| reader.first(&sql, &[Value::from(*seq), sees.key()], head));
    found.filter_map(Result::transpose).map(|found| with_names(reader, found?)).collect()
}

/// The objects with these identifiers, as far as they correlate and the reader sees them.
pub fn of(reader: &Reader<'_>, sees: Sees, ids: &[&str]) -> Result<Vec<Naming>, StoreFailure> {
    let sql = naming_sql(&format!("o.node = {NODE_OF_FIRST}"));
    let found = ids.iter().map(|id| reader.first(&sql, &[Value::from(*id), sees.key()], head));
    found.filter_map(Result::transpose).map(|found| with_names(reader, found?)).collect()
}

fn naming_sql(which: &str) -> String {
    format!(
        "SELECT {COLUMNS}, o.created, CASE WHEN o.type = 'sighting' THEN o.bytes ELSE '' END FROM evidence_object o \
         WHERE {which} AND {CORRELATES} AND {}",
        admits("o", "$2")
    )
}

fn head(row: &Row<'_, '_>) -> Result<Naming, StoreFailure> {
    let created = row.text_or_none(COLUMNS_COUNT)?.and_then(|at| at.parse().ok());
    let times = sighted(row.text_here(COLUMNS_COUNT + 1)?).or(created.map(|at| (at, at)));
    Ok(Naming { row: object_row(row)?, times, observables: BTreeSet::new() })
}

fn with_names(reader: &Reader<'_>, mut naming: Naming) -> Result<Naming, StoreFailure> {
    reader.each(NAMES, &[Value::from(naming.row.seq)], |row| {
        naming.observables.extend(read_value(row.text_here(0)?));
        Ok(())
    })?;
    Ok(naming)
}

/// First and last time of a sighting.
fn sighted(text: &str) -> Option<(Timestamp, Timestamp)> {
    let tree: serde_json::Value = serde_json::from_str(text).ok()?;
    let time = |name: &str| tree.get(name)?.as_str()?.parse().ok();
    Some((time("first_seen")?, time("last_seen")?))
}
