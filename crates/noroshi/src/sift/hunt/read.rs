//! Entries of records of hunts as they were handed in.

use jiff::Timestamp;
use noroshi_evidence::mechanical::MeasureId;
use noroshi_hunt::record::Entry;
use noroshi_sift::mode::Mode;

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

/// The record that the entry with this digest belongs to, where it was handed in: the digest of its first entry.
pub(super) fn record(
    reader: &Reader<'_>,
    org: &OrgId,
    sensor: &str,
    digest: &str,
) -> Result<Option<String>, StoreFailure> {
    reader.first(
        "SELECT record FROM hunt_entry WHERE digest = $1 AND org = $2 AND sensor = $3",
        &[Value::from(digest), Value::from(org), Value::from(sensor)],
        |row| row.text(0),
    )
}

/// The entry of this number of a record.
pub(super) fn numbered(
    reader: &Reader<'_>,
    (org, sensor, record): (&OrgId, &str, &str),
    number: u64,
) -> Result<Option<Taken>, StoreFailure> {
    let sql = format!(
        "{COLUMNS} WHERE e.org = $1 AND e.sensor = $2 AND e.record = $3 AND e.sequence = $4"
    );
    let of = [Value::from(org), Value::from(sensor), Value::from(record), Value::from(number)];
    reader.first(&sql, &of, taken)
}

/// The end of a record.
pub(super) struct Chain {
    /// The number that must come next.
    pub(super) next: u64,
    /// The digest of the last entry.
    pub(super) last: String,
    /// The name under which the record stands in the log, within the organisation.
    pub(super) name: String,
}

/// The end of a sensor's record; nothing where its first entry has not been handed in.
pub(super) fn chain(
    reader: &Reader<'_>,
    (org, sensor, record): (&OrgId, &str, &str),
) -> Result<Option<Chain>, StoreFailure> {
    reader.first(
        "SELECT next, last, name FROM hunt_record WHERE org = $1 AND sensor = $2 AND record = $3",
        &[Value::from(org), Value::from(sensor), Value::from(record)],
        |row| Ok(Chain { next: row.count(0)?, last: row.text(1)?, name: row.text(2)? }),
    )
}

/// On which ground a measure of an organisation acquires; an agreement where no mandate says anything else. Where mandates of
/// one name say different things, one agreement among them counts.
pub(super) fn ground_of(
    reader: &Reader<'_>,
    org: &OrgId,
    measure: &MeasureId,
) -> Result<Mode, StoreFailure> {
    let modes = reader.all(
        "SELECT DISTINCT mode FROM sift_mandate WHERE org = $1 AND measure = $2",
        &[Value::from(org), Value::from(measure.as_str())],
        |row| row.text(0),
    )?;
    let modes = modes.into_iter().map(serde_json::Value::String);
    let modes: Option<Vec<Mode>> = modes.map(|mode| serde_json::from_value(mode).ok()).collect();
    let modes = modes.unwrap_or_default();
    let is_agreed = modes.contains(&Mode::PartyAgreement);
    Ok(modes.into_iter().next().filter(|_| !is_agreed).unwrap_or(Mode::PartyAgreement))
}

/// Whether a sensor has handed in a certificate as void.
pub(super) fn has_void(
    reader: &Reader<'_>,
    org: &OrgId,
    sensor: &str,
) -> Result<bool, StoreFailure> {
    let found = reader.number(
        "SELECT EXISTS (SELECT 1 FROM sift_certificate c JOIN sift_void v ON v.digest = c.digest \
         WHERE c.org = $1 AND c.sensor = $2)",
        &[Value::from(org), Value::from(sensor)],
    )?;
    Ok(found == 1)
}

/// Whether anything of an organisation was ever selected, or may be, under an agreement.
pub(super) fn has_agreement(reader: &Reader<'_>, org: &OrgId) -> Result<bool, StoreFailure> {
    let found = reader.first(
        "SELECT EXISTS (SELECT 1 FROM sift_certificate WHERE org = $1 AND mode = 'party-agreement') \
         OR EXISTS (SELECT 1 FROM sift_mandate WHERE org = $1 AND mode = 'party-agreement')",
        &[Value::from(org)],
        |row| row.count(0),
    )?;
    Ok(found == Some(1))
}
