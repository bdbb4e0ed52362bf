//! Who names what, for correlation: all names in one pass that keeps nothing, then the few objects that matter.

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

/// Visits everything named by sightings and partners' objects that the reader sees, in the order of arrival. Revoked and
/// deprecated ones are not visited.
pub fn each(
    reader: &Reader<'_>,
    sees: Sees,
    mut visit: impl FnMut(u64, &Observable),
) -> Result<(), StoreFailure> {
    let sql = format!(
        "SELECT n.seq, n.value FROM evidence_naming n CROSS JOIN evidence_object o ON o.seq = n.seq \
         WHERE {CORRELATES} AND {} ORDER BY n.seq",
        admits("o", "$1")
    );
    reader.each(&sql, &[sees.key()], |row| {
        if let Some(observable) = read_value(row.text_here(1)?) {
            visit(row.count(0)?, &observable);
        }
        Ok(())
    })
}

/// The objects at these places in the order of arrival, as far as [`each`] visits them.
pub fn at(reader: &Reader<'_>, sees: Sees, places: &[u64]) -> Result<Vec<Naming>, StoreFailure> {
    let sql = naming_sql("o.seq = $1");
    let found = places.iter().map(|seq| reader.first(&sql, &[Value::from(*seq), sees.key()], head));
    found.filter_map(Result::transpose).map(|found| with_names(reader, found?)).collect()
}

/// The objects with these identifiers, as far as [`each`] visits them.
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
    let sql = "SELECT value FROM evidence_naming WHERE seq = $1";
    reader.each(sql, &[Value::from(naming.row.seq)], |row| {
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
