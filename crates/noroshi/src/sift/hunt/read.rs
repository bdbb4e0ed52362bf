//! Entries of records of hunts as they were handed in.

use jiff::Timestamp;
use noroshi_hunt::record::Entry;

use crate::office::id::OrgId;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// An entry with where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    /// Its digest: its name.
    pub(super) digest: String,
    /// The operator.
    pub(super) org: String,
    /// The entry.
    pub(super) entry: Entry,
    /// Sightings of indicators written to the graph.
    pub(super) into_graph: u64,
    /// When it was handed in.
    pub(super) arrived_at: Timestamp,
    /// Index of its leaf.
    pub(super) position: u64,
}

const COLUMNS: &str = "SELECT e.digest, e.org, e.text, e.into_graph, e.arrived_at, a.position FROM hunt_entry e \
     JOIN office_audit a ON a.subject = e.digest AND a.command = 'hunt.submit'";

fn taken(row: &Row<'_, '_>) -> Result<Taken, StoreFailure> {
    Ok(Taken {
        digest: row.text(0)?,
        org: row.text(1)?,
        entry: row.json(2)?,
        into_graph: row.count(3)?,
        arrived_at: row.time(4)?,
        position: row.count(5)?,
    })
}

/// Entries before the leaf `before`, newest first, at most `limit`; of a case only, where one is named. For hats with
/// `sift.read`: the caller checks.
pub(super) fn list(
    reader: &Reader<'_>,
    case: Option<&str>,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Taken>, StoreFailure> {
    let before = before.map_or(Value::Int(i64::MAX), Value::from);
    let limit = Value::Int(i64::from(limit));
    match case {
        None => {
            let sql = format!("{COLUMNS} WHERE a.position < $1 ORDER BY a.position DESC LIMIT $2");
            reader.all(&sql, &[before, limit], taken)
        }
        Some(case) => {
            let sql = format!(
                "{COLUMNS} WHERE a.position < $1 AND e.case_name = $3 ORDER BY a.position DESC LIMIT $2"
            );
            reader.all(&sql, &[before, limit, Value::from(case)], taken)
        }
    }
}

/// The entry of this number of a sensor.
pub(super) fn numbered(
    reader: &Reader<'_>,
    org: &OrgId,
    sensor: &str,
    number: u64,
) -> Result<Option<Taken>, StoreFailure> {
    let sql = format!("{COLUMNS} WHERE e.org = $1 AND e.sensor = $2 AND e.sequence = $3");
    reader.first(&sql, &[Value::from(org), Value::from(sensor), Value::from(number)], taken)
}

/// The end of a sensor's record: the number that must come next, and the digest of the last entry.
pub(super) fn chain(
    reader: &Reader<'_>,
    org: &OrgId,
    sensor: &str,
) -> Result<Option<(u64, String)>, StoreFailure> {
    reader.first(
        "SELECT next, last FROM hunt_sensor WHERE org = $1 AND sensor = $2",
        &[Value::from(org), Value::from(sensor)],
        |row| Ok((row.count(0)?, row.text(1)?)),
    )
}
