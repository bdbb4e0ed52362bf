//! Who names what, for correlation: all names in one pass, then what came since, and the few objects that matter.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_evidence::observable::Observable;

use super::{COLUMNS, COLUMNS_COUNT, NODE_OF_FIRST, ObjectRow, object_row, read_value};
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

/// What is listed for everybody: neither superseded nor revoked nor out of a report only. The shelf says all three.
const LISTED: &str =
    "SELECT seq FROM evidence_object WHERE shelf = 1 AND seq > $1 ORDER BY shelf, seq";
const NAMES: &str = "SELECT value FROM evidence_naming WHERE seq = $1";
const LISTED_SIGHTINGS: &str =
    "SELECT seq FROM evidence_object WHERE type = 'sighting' AND shelf = 1 AND seq > $1";

/// The last place in the order of arrival.
pub fn last(reader: &Reader<'_>) -> Result<u64, StoreFailure> {
    let last = reader.number("SELECT COALESCE(MAX(seq), 0) FROM evidence_object", &[])?;
    Ok(u64::try_from(last).unwrap_or_default())
}

/// How many versions [`listed`] visits.
pub fn listed_count(reader: &Reader<'_>) -> Result<u64, StoreFailure> {
    let sql = "SELECT COALESCE(SUM(objects), 0) FROM evidence_shelf WHERE shelf = 1";
    Ok(u64::try_from(reader.number(sql, &[])?).unwrap_or_default())
}

/// Visits the places after `after` of what everybody may read, in the order of arrival. Edges and markings, which name
/// nothing, are not visited.
pub fn listed(
    reader: &Reader<'_>,
    after: u32,
    mut visit: impl FnMut(u64) -> Result<(), StoreFailure>,
) -> Result<(), StoreFailure> {
    reader.each(LISTED, &[Value::Int(after.into())], |row| visit(row.count(0)?))
}

/// Visits those of [`listed`] that are sightings.
pub fn sightings(
    reader: &Reader<'_>,
    after: u32,
    mut visit: impl FnMut(u64) -> Result<(), StoreFailure>,
) -> Result<(), StoreFailure> {
    reader.each(LISTED_SIGHTINGS, &[Value::Int(after.into())], |row| visit(row.count(0)?))
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

/// The objects at these places in the order of arrival, as far as everybody may read them.
pub fn at(reader: &Reader<'_>, places: &[u64]) -> Result<Vec<Naming>, StoreFailure> {
    let sql = naming_sql("o.seq = $1");
    let found = places.iter().map(|seq| reader.first(&sql, &[Value::from(*seq)], head));
    found.filter_map(Result::transpose).map(|found| with_names(reader, found?)).collect()
}

/// The objects with these identifiers, as far as everybody may read them.
pub fn of(reader: &Reader<'_>, ids: &[&str]) -> Result<Vec<Naming>, StoreFailure> {
    let sql = naming_sql(&format!("o.node = {NODE_OF_FIRST}"));
    let found = ids.iter().map(|id| reader.first(&sql, &[Value::from(*id)], head));
    found.filter_map(Result::transpose).map(|found| with_names(reader, found?)).collect()
}

fn naming_sql(which: &str) -> String {
    format!(
        "SELECT {COLUMNS}, o.created, CASE WHEN o.type = 'sighting' THEN o.bytes ELSE '' END FROM evidence_object o \
         WHERE {which} AND o.latest = 1 AND o.from_report = 0 AND o.hidden = 0"
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
