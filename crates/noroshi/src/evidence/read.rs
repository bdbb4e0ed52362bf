//! What the graph holds, as far as the reader may see it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_evidence::object::{ObjectDigest, StixObject};
use noroshi_evidence::observable::Observable;
use noroshi_evidence::version::Version;

use super::words;
use crate::office::authorise::{Action, Standing};
use crate::office::ctx::Ctx;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Edges shown of one object; the rest is counted.
pub const RELATIONS_MAX: usize = 200;
/// Observables that indicators, sightings and partners' objects are asked for at once.
const ROWS_MAX: i64 = 1_000_000;

/// How far a reader sees. Made from the context alone, so that no caller can ask for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sees {
    reports: bool,
}

impl Sees {
    /// What `ctx` may see: what stems from statutory reports only for hats that read every report.
    pub fn of(house: &crate::house::House, ctx: &Ctx) -> Self {
        let stranger = Standing::default();
        Self { reports: house.authoriser.allows(ctx.hat, Action::IntakeRead, stranger) }
    }

    /// What a hat without the reports sees; for readers outside a request.
    pub const WITHOUT_REPORTS: Self = Self { reports: false };

    /// Everything: for jobs of the house and for local export by its operator.
    pub const ALL: Self = Self { reports: true };

    /// True for the hats that analyse statutory reports (used in words on pages).
    pub const fn reports(self) -> bool {
        self.reports
    }
}

/// Whether figures of single organisations may be shown to `hat` (the others get the picture without small cells).
pub const fn sees_small_cells(hat: Hat) -> bool {
    matches!(hat, Hat::CaoAnalyst | Hat::PmDesk)
}

/// One object in a list: its latest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRow {
    /// Order of arrival.
    pub seq: u64,
    /// The STIX identifier.
    pub id: String,
    /// The STIX type.
    pub kind: String,
    /// Name, value or kind of relationship; empty when it has none.
    pub name: String,
    /// When this version was made; none for what has no versions.
    pub modified: Option<Timestamp>,
    /// `clear`, `green`, `amber`, `amber-strict`, `red`.
    pub tlp: String,
    /// `CIA`, `CIA-P`, `CIA-PM`, `CIA-N`.
    pub class: String,
    /// Holds selected communications information, or stems from it.
    pub has_comms: bool,
    /// Holds a secret.
    pub has_secret: bool,
    /// Whose it is.
    pub originator: String,
    /// How it came.
    pub source: String,
    /// Revoked or deprecated.
    pub hidden: bool,
    /// When it arrived.
    pub arrived_at: Timestamp,
}

const COLUMNS: &str = "o.seq, o.id, o.type, o.name, o.modified, o.tlp, o.class, o.has_comms, o.has_secret, \
     o.originator, o.source, o.hidden, o.arrived_at";
const LATEST: &str =
    "evidence_object o JOIN evidence_head h ON h.id = o.id AND h.modified = o.modified";

fn object_row(row: &Row<'_, '_>) -> Result<ObjectRow, StoreFailure> {
    Ok(ObjectRow {
        seq: row.count(0)?,
        id: row.text(1)?,
        kind: row.text(2)?,
        name: row.text_or_none(3)?.unwrap_or_default(),
        modified: row.text(4)?.parse().ok(),
        tlp: row.text(5)?,
        class: row.text(6)?,
        has_comms: row.truth(7)?,
        has_secret: row.truth(8)?,
        originator: row.text(9)?,
        source: row.text(10)?,
        hidden: row.truth(11)?,
        arrived_at: row.time(12)?,
    })
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// What was typed; empty lists all.
    pub q: String,
    /// A STIX type; empty for all.
    pub kind: String,
    /// Revoked and deprecated ones too.
    pub hidden: bool,
}

/// What a list holds.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// The entries, newest arrivals first.
    pub rows: Vec<ObjectRow>,
    /// How many match and are not shown because they are revoked or deprecated.
    pub hidden: u64,
    /// How many match and are shown on this and other pages.
    pub total: u64,
}

/// Objects that match, after `before` (an order of arrival; none for the first page), at most `limit`.
pub fn list(
    reader: &Reader<'_>,
    sees: Sees,
    filter: &Filter,
    before: Option<u64>,
    limit: u32,
) -> Result<Listed, StoreFailure> {
    let question = match (filter.q.trim(), words::question(&filter.q)) {
        ("", _) => None,
        (_, None) => return Ok(Listed::default()),
        (_, some) => some,
    };
    let found = match question {
        Some(_) => "o.seq IN (SELECT rowid FROM evidence_search WHERE evidence_search MATCH $3)",
        None => "$3 IS NULL AND o.type NOT IN ('relationship', 'marking-definition')",
    };
    let wanted = format!(
        "FROM {LATEST} WHERE ($1 = 1 OR o.from_report = 0) AND ($2 = '' OR o.type = $2) AND {found}"
    );
    let by_kind = if filter.kind.is_empty() {
        wanted
    } else {
        wanted.replace(" AND o.type NOT IN ('relationship', 'marking-definition')", "")
    };
    let base = [Value::from(sees.reports), Value::from(&filter.kind), Value::from(question)];
    let count = |hidden: &str| {
        reader.number(&format!("SELECT COUNT(*) {by_kind} AND o.hidden IN ({hidden})"), &base)
    };
    let shown = if filter.hidden { "0, 1" } else { "0" };
    let total = u64::try_from(count(shown)?).unwrap_or(0);
    let hidden = if filter.hidden { 0 } else { u64::try_from(count("1")?).unwrap_or(0) };
    let sql = format!(
        "SELECT {COLUMNS} {by_kind} AND o.hidden IN ({shown}) AND o.seq < $4 ORDER BY o.seq DESC LIMIT $5"
    );
    let mut params = base.to_vec();
    params.push(before.map_or(Value::Int(i64::MAX), Value::from));
    params.push(Value::Int(i64::from(limit)));
    Ok(Listed { rows: reader.all(&sql, &params, object_row)?, hidden, total })
}

/// STIX types held and how many latest versions of each the reader sees, most first.
pub fn kinds(reader: &Reader<'_>, sees: Sees) -> Result<Vec<(String, u64)>, StoreFailure> {
    reader.all(
        "SELECT o.type, COUNT(*) FROM evidence_object o JOIN evidence_head h ON h.id = o.id AND h.modified = o.modified \
         WHERE ($1 = 1 OR o.from_report = 0) AND o.hidden = 0 GROUP BY o.type ORDER BY COUNT(*) DESC, o.type",
        &[Value::from(sees.reports)],
        |row| Ok((row.text(0)?, row.count(1)?)),
    )
}

/// An edge as seen from one of its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
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

/// One version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// When it was made; none for what has no versions.
    pub modified: Option<Timestamp>,
    /// SHA-256 over its canonical text.
    pub digest: String,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// How it came.
    pub source: String,
}

/// One object with everything known about it.
#[derive(Debug, Clone)]
pub struct Object {
    /// The latest version.
    pub row: ObjectRow,
    /// Its text as it arrived.
    pub text: String,
    /// Every version held, newest first.
    pub versions: Vec<VersionRow>,
    /// Its edges, at most [`RELATIONS_MAX`].
    pub relations: Vec<Relation>,
    /// Edges beyond those.
    pub relations_hidden: u64,
    /// What it names, canonical.
    pub observables: Vec<Observable>,
    /// Contradictions put aside: code and reason.
    pub conflicts: Vec<(String, String)>,
}

/// One object, as far as the reader sees it.
pub fn object(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<Option<Object>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS}, o.bytes FROM {LATEST} WHERE o.id = $1 AND ($2 = 1 OR o.from_report = 0)"
    );
    let found = reader.first(&sql, &[Value::from(id), Value::from(sees.reports)], |row| {
        Ok((object_row(row)?, row.text(13)?))
    })?;
    let Some((row, text)) = found else { return Ok(None) };
    let versions = reader.all(
        "SELECT modified, digest, arrived_at, source FROM evidence_object \
         WHERE id = $1 AND ($2 = 1 OR from_report = 0) ORDER BY modified DESC",
        &[Value::from(id), Value::from(sees.reports)],
        |row| {
            Ok(VersionRow {
                modified: row.text(0)?.parse().ok(),
                digest: row.text(1)?,
                arrived_at: row.time(2)?,
                source: row.text(3)?,
            })
        },
    )?;
    let (relations, relations_hidden) = relations(reader, sees, id)?;
    let conflicts = reader.all(
        "SELECT code, reason FROM evidence_aside WHERE id = $1 AND kind = 'conflict' ORDER BY aside LIMIT 50",
        &[Value::from(id)],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )?;
    let observables = observables_of(reader, id)?;
    Ok(Some(Object { row, text, versions, relations, relations_hidden, observables, conflicts }))
}

fn relations(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
) -> Result<(Vec<Relation>, u64), StoreFailure> {
    // INVARIANT: an edge is shown only when the object that makes it may be seen; its other end is named likewise.
    let sql = "SELECT e.via, e.kind, 1, e.to_id FROM evidence_edge e JOIN evidence_object v ON v.id = e.via \
         WHERE e.from_id = $1 AND ($2 = 1 OR v.from_report = 0) \
         UNION SELECT e.via, e.kind, 0, e.from_id FROM evidence_edge e JOIN evidence_object v ON v.id = e.via \
         WHERE e.to_id = $1 AND ($2 = 1 OR v.from_report = 0)";
    let params = [Value::from(id), Value::from(sees.reports)];
    let count = reader.number(&format!("SELECT COUNT(*) FROM ({sql}) AS edges"), &params)?;
    let found = reader.all(&format!("{sql} ORDER BY 2, 4 LIMIT 200"), &params, |row| {
        Ok((row.text(0)?, row.text(1)?, row.truth(2)?, row.text(3)?))
    })?;
    let mut relations = Vec::with_capacity(found.len());
    for (via, kind, outgoing, other) in found {
        let end = brief(reader, sees, &other)?;
        let other_kind = other.split_once("--").map_or("", |(kind, _)| kind).to_owned();
        relations.push(Relation {
            via,
            kind,
            outgoing,
            other_kind,
            other_name: end.as_ref().map(|row| row.name.clone()).unwrap_or_default(),
            held: end.is_some(),
            other,
        });
    }
    let hidden = u64::try_from(count).unwrap_or(0).saturating_sub(relations.len() as u64);
    Ok((relations, hidden))
}

/// The head of one object, without its text.
pub fn brief(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<Option<ObjectRow>, StoreFailure> {
    let sql =
        format!("SELECT {COLUMNS} FROM {LATEST} WHERE o.id = $1 AND ($2 = 1 OR o.from_report = 0)");
    reader.first(&sql, &[Value::from(id), Value::from(sees.reports)], object_row)
}

/// The latest version of each of `ids` that is held and may be seen, with its text; in the order asked for.
pub fn latest(
    reader: &Reader<'_>,
    sees: Sees,
    ids: &[String],
) -> Result<Vec<(ObjectRow, StixObject)>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS}, o.bytes FROM {LATEST} WHERE o.id = $1 AND ($2 = 1 OR o.from_report = 0)"
    );
    let mut found = Vec::new();
    for id in ids {
        let one = reader.first(&sql, &[Value::from(id), Value::from(sees.reports)], |row| {
            Ok((object_row(row)?, parsed(&row.text(13)?)?))
        })?;
        found.extend(one);
    }
    Ok(found)
}

/// The identifiers of what came by `source` (such as `intake:report-…`), in the order of arrival.
pub fn by_source(
    reader: &Reader<'_>,
    sees: Sees,
    source: &str,
) -> Result<Vec<ObjectRow>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {LATEST} WHERE o.source = $1 AND ($2 = 1 OR o.from_report = 0) ORDER BY o.seq"
    );
    reader.all(&sql, &[Value::from(source), Value::from(sees.reports)], object_row)
}

fn parsed(text: &str) -> Result<StixObject, StoreFailure> {
    StixObject::parse(text)
        .map_err(|problem| StoreFailure::Damaged(format!("an object of the graph: {problem}")))
}

/// What one object names.
pub fn observables_of(reader: &Reader<'_>, id: &str) -> Result<Vec<Observable>, StoreFailure> {
    let found = reader.all(
        "SELECT value FROM evidence_observable WHERE item = $1 ORDER BY kind, value",
        &[Value::from(id)],
        |row| row.text(0),
    )?;
    Ok(found.iter().filter_map(|value| read_value(value)).collect())
}

fn read_value(value: &str) -> Option<Observable> {
    Observable::parse(value).ok()
}

/// Which objects the reader sees name `observable`.
pub fn naming(
    reader: &Reader<'_>,
    sees: Sees,
    observable: &Observable,
) -> Result<Vec<ObjectRow>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM evidence_observable n JOIN {LATEST} ON o.id = n.item \
         WHERE n.kind = $1 AND n.value = $2 AND ($3 = 1 OR o.from_report = 0) ORDER BY o.seq LIMIT 500"
    )
    .replace("n JOIN evidence_object o JOIN evidence_head h ON h.id = o.id AND h.modified = o.modified ON o.id = n.item",
        "n JOIN evidence_object o ON o.id = n.item JOIN evidence_head h ON h.id = o.id AND h.modified = o.modified");
    let params = [
        Value::from(observable.stix_type()),
        Value::from(observable.to_string()),
        Value::from(sees.reports),
    ];
    reader.all(&sql, &params, object_row)
}

/// Every version held of these identifiers, for judging what arrives.
pub fn held(reader: &Reader<'_>, ids: &[String]) -> Result<Vec<Version>, StoreFailure> {
    let mut found = Vec::new();
    for id in ids {
        let versions = reader.all(
            "SELECT id, created, modified, created_by, revoked, digest FROM evidence_object WHERE id = $1",
            &[Value::from(id)],
            |row| {
                let damaged = || StoreFailure::Damaged(format!("a version of `{id}`"));
                let by = row.text_or_none(3)?.map(|by| by.parse()).transpose().map_err(|_| damaged())?;
                Ok(Version {
                    id: row.text(0)?.parse().map_err(|_| damaged())?,
                    created: row.text_or_none(1)?.and_then(|at| at.parse().ok()),
                    modified: row.text(2)?.parse().ok(),
                    created_by_ref: by,
                    revoked: row.truth(4)?,
                    digest: ObjectDigest(bytes_of_hex(&row.text(5)?).ok_or_else(damaged)?),
                })
            },
        )?;
        found.extend(versions);
    }
    Ok(found)
}

fn bytes_of_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A thing an indicator looks for, while the indicator is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The indicator.
    pub indicator: String,
    /// What it looks for.
    pub observable: Observable,
    /// Until when; none is without end.
    pub until: Option<Timestamp>,
}

/// What indicators in force at `now` look for, sorted by value and indicator. Revoked ones are not.
pub fn wanted(reader: &Reader<'_>, now: Timestamp) -> Result<Vec<Wanted>, StoreFailure> {
    let found = reader.all(
        "SELECT o.id, n.value, o.valid_until FROM evidence_object o \
         JOIN evidence_head h ON h.id = o.id AND h.modified = o.modified \
         JOIN evidence_observable n ON n.item = o.id \
         WHERE o.type = 'indicator' AND o.hidden = 0 AND o.valid_from <= $1 \
         AND (o.valid_until IS NULL OR o.valid_until > $1) ORDER BY n.kind, n.value, o.id LIMIT $2",
        &[Value::from(now), Value::Int(ROWS_MAX)],
        |row| Ok((row.text(0)?, row.text(1)?, row.time_or_none(2)?)),
    )?;
    let read = |(indicator, value, until): (String, String, _)| {
        read_value(&value).map(|observable| Wanted { indicator, observable, until })
    };
    Ok(found.into_iter().filter_map(read).collect())
}

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

/// Everything that names observables and does not stem from a report only: sightings and partners' objects, in the
/// order of arrival. Revoked and deprecated ones are not.
pub fn namings(reader: &Reader<'_>) -> Result<Vec<Naming>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS}, n.value, o.created, CASE WHEN o.type = 'sighting' THEN o.bytes ELSE '' END \
         FROM evidence_observable n JOIN evidence_object o ON o.id = n.item \
         JOIN evidence_head h ON h.id = o.id AND h.modified = o.modified \
         WHERE o.from_report = 0 AND o.hidden = 0 ORDER BY o.seq LIMIT $1"
    );
    let mut found: Vec<Naming> = Vec::new();
    let rows = reader.all(&sql, &[Value::Int(ROWS_MAX)], |row| {
        Ok((object_row(row)?, row.text(13)?, row.text_or_none(14)?, row.text(15)?))
    })?;
    for (row, value, created, text) in rows {
        let Some(observable) = read_value(&value) else { continue };
        if let Some(last) = found.last_mut().filter(|last| last.row.seq == row.seq) {
            last.observables.insert(observable);
            continue;
        }
        let created = created.and_then(|at| at.parse().ok());
        let times = sighted(&text).or(created.map(|at| (at, at)));
        found.push(Naming { row, times, observables: BTreeSet::from([observable]) });
    }
    Ok(found)
}

/// First and last time of a sighting.
fn sighted(text: &str) -> Option<(Timestamp, Timestamp)> {
    let tree: serde_json::Value = serde_json::from_str(text).ok()?;
    let time = |name: &str| tree.get(name)?.as_str()?.parse().ok();
    Some((time("first_seen")?, time("last_seen")?))
}

/// The text of every version held, by identifier and version: the same store gives the same list.
pub fn everything(reader: &Reader<'_>, sees: Sees) -> Result<Vec<StixObject>, StoreFailure> {
    reader.all(
        "SELECT bytes FROM evidence_object WHERE ($1 = 1 OR from_report = 0) ORDER BY id, modified",
        &[Value::from(sees.reports)],
        |row| parsed(&row.text(0)?),
    )
}
