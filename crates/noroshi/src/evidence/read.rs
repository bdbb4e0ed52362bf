//! What the graph holds, as far as the reader may see it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_evidence::id::StixId;
use noroshi_evidence::object::{ObjectDigest, StixObject};
use noroshi_evidence::observable::Observable;
use noroshi_evidence::version::Version;

pub mod names;
pub mod relations;
mod search;

use self::relations::Relation;
use crate::office::authorise::{Action, Standing};
use crate::office::ctx::Ctx;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Edges shown of one object; the rest is counted.
pub const RELATIONS_MAX: usize = 200;
/// Versions shown of one object; [`history`] gives the others.
pub const VERSIONS_MAX: usize = 200;
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
/// How many columns these are: what a question adds follows them.
const COLUMNS_COUNT: usize = 13;

/// SQL for the node of the identifier in `$1`. For the SQL of other pillars: `o.node = (…)` with `o.latest = 1` is the
/// latest version, without it every version; a text beside a table is joined as
/// `JOIN evidence_node n ON n.slot = keyed(i.id) AND n.id = i.id JOIN evidence_object o ON o.node = n.node`. There is
/// no index on the text of identifiers.
pub const NODE_OF_FIRST: &str =
    "(SELECT node FROM evidence_node WHERE slot = keyed($1) AND id = $1)";

/// The node of what is called `id`, held or only named.
pub fn node(reader: &Reader<'_>, id: &str) -> Result<Option<i64>, StoreFailure> {
    let sql = "SELECT node FROM evidence_node WHERE slot = keyed($1) AND id = $1";
    reader.first(sql, &[Value::from(id)], |row| row.int(0))
}

/// Whether a version of `id` is held, whoever may see it.
pub fn is_held(reader: &Reader<'_>, id: &str) -> Result<bool, StoreFailure> {
    let sql = format!("SELECT 1 FROM evidence_object WHERE node = {NODE_OF_FIRST} AND latest = 1");
    Ok(reader.first(&sql, &[Value::from(id)], |row| row.int(0))?.is_some())
}

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
    /// Whether these are all; otherwise the counting ended early and there are at least so many.
    pub counted_all: bool,
}

/// The shelves a reader looks at (`evidence_object.shelf`).
fn shelves(sees: Sees, shown: bool, hidden: bool) -> Vec<i64> {
    let own = [(shown, 1), (shown && sees.reports, 2), (hidden, 3), (hidden && sees.reports, 4)];
    own.into_iter().filter(|(wanted, _)| *wanted).map(|(_, shelf)| shelf).collect()
}

/// How far the shelves of edges and markings stand from those of everything else.
const EDGE_SHELVES: i64 = 4;

fn stands_apart(kind: &str) -> bool {
    matches!(kind, "relationship" | "marking-definition")
}

/// Objects that match, after `before` (an order of arrival; none for the first page), at most `limit`.
pub fn list(
    reader: &Reader<'_>,
    sees: Sees,
    filter: &Filter,
    before: Option<u64>,
    limit: u32,
) -> Result<Listed, StoreFailure> {
    let before = before.map_or(i64::MAX, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
    if !filter.q.trim().is_empty() {
        return search::found(reader, sees, filter, before, limit);
    }
    let shown = shelves(sees, true, filter.hidden);
    let mut rows = Vec::new();
    for shelf in &shown {
        rows.extend(on_shelf(reader, &filter.kind, *shelf, before, limit)?);
    }
    rows.sort_unstable_by_key(|row: &ObjectRow| std::cmp::Reverse(row.seq));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let total = standing(reader, &filter.kind, &shown)?;
    let hidden = if filter.hidden { Vec::new() } else { shelves(sees, false, true) };
    Ok(Listed { rows, hidden: standing(reader, &filter.kind, &hidden)?, total, counted_all: true })
}

/// Part of one shelf, newest arrivals first.
fn on_shelf(
    reader: &Reader<'_>,
    kind: &str,
    shelf: i64,
    before: i64,
    limit: u32,
) -> Result<Vec<ObjectRow>, StoreFailure> {
    let tail = "o.seq < $2 ORDER BY o.seq DESC LIMIT $3";
    let shelf = if stands_apart(kind) { shelf + EDGE_SHELVES } else { shelf };
    let mut params = vec![Value::Int(shelf), Value::Int(before), Value::Int(i64::from(limit))];
    if kind.is_empty() {
        let sql = format!("SELECT {COLUMNS} FROM evidence_object o WHERE o.shelf = $1 AND {tail}");
        return reader.all(&sql, &params, object_row);
    }
    params.push(Value::from(kind));
    let sql = format!(
        "SELECT {COLUMNS} FROM evidence_object o WHERE o.type = $4 AND o.shelf = $1 AND {tail}"
    );
    reader.all(&sql, &params, object_row)
}

/// How many stand on these shelves: counted when they were put there, so the answer costs the same for millions.
fn standing(reader: &Reader<'_>, kind: &str, shelves: &[i64]) -> Result<u64, StoreFailure> {
    let apart = stands_apart(kind);
    let mut sum = 0;
    for shelf in shelves {
        let shelf = if apart { shelf + EDGE_SHELVES } else { *shelf };
        sum += reader.number(
            "SELECT SUM(objects) FROM evidence_shelf WHERE shelf = $1 AND ($2 = '' OR type = $2)",
            &[Value::Int(shelf), Value::from(kind)],
        )?;
    }
    Ok(u64::try_from(sum).unwrap_or(0))
}

/// STIX types held and how many latest versions of each the reader sees, most first.
pub fn kinds(reader: &Reader<'_>, sees: Sees) -> Result<Vec<(String, u64)>, StoreFailure> {
    reader.all(
        "SELECT type, SUM(objects) FROM evidence_shelf WHERE shelf IN (1, 5) OR ($1 = 1 AND shelf IN (2, 6)) \
         GROUP BY type HAVING SUM(objects) > 0 ORDER BY SUM(objects) DESC, type",
        &[Value::from(sees.reports)],
        |row| Ok((row.text(0)?, row.count(1)?)),
    )
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
    let found =
        reader.first(&latest_sql(), &[Value::from(id), Value::from(sees.reports)], |row| {
            Ok((object_row(row)?, row.text(COLUMNS_COUNT)?))
        })?;
    let Some((row, text)) = found else { return Ok(None) };
    let versions = history(reader, sees, id, None, VERSIONS_MAX)?;
    let ends = relations::page(reader, sees, id, None, RELATIONS_MAX)?;
    let conflicts = reader.all(
        "SELECT code, reason FROM evidence_aside WHERE id = $1 AND kind = 'conflict' AND state = 'open' ORDER BY aside LIMIT 50",
        &[Value::from(id)],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )?;
    let observables = observables_of(reader, id)?;
    let relations_hidden = ends.beyond;
    Ok(Some(Object {
        row,
        text,
        versions,
        relations: ends.relations,
        relations_hidden,
        observables,
        conflicts,
    }))
}

/// The latest version of `$1` with its text, for a reader `$2`.
fn latest_sql() -> String {
    format!(
        "SELECT {COLUMNS}, o.bytes FROM evidence_object o \
         WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1 AND ($2 = 1 OR o.from_report = 0)"
    )
}

/// The versions of one object before `before` (a version key; none for the newest), newest first.
pub fn history(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    before: Option<&str>,
    limit: usize,
) -> Result<Vec<VersionRow>, StoreFailure> {
    let sql = format!(
        "SELECT modified, digest, arrived_at, source FROM evidence_object WHERE node = {NODE_OF_FIRST} \
         AND ($2 = 1 OR from_report = 0) AND ($3 IS NULL OR modified < $3) ORDER BY modified DESC LIMIT $4"
    );
    let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let params = [Value::from(id), Value::from(sees.reports), Value::from(before), limit];
    reader.all(&sql, &params, |row| {
        Ok(VersionRow {
            modified: row.text(0)?.parse().ok(),
            digest: row.text(1)?,
            arrived_at: row.time(2)?,
            source: row.text(3)?,
        })
    })
}

/// The head of one object, without its text.
pub fn brief(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<Option<ObjectRow>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM evidence_object o \
         WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1 AND ($2 = 1 OR o.from_report = 0)"
    );
    reader.first(&sql, &[Value::from(id), Value::from(sees.reports)], object_row)
}

/// The latest version of each of `ids` that is held and may be seen, with its text; in the order asked for.
pub fn latest(
    reader: &Reader<'_>,
    sees: Sees,
    ids: &[String],
) -> Result<Vec<(ObjectRow, StixObject)>, StoreFailure> {
    let sql = latest_sql();
    let mut found = Vec::new();
    for id in ids {
        let one = reader.first(&sql, &[Value::from(id), Value::from(sees.reports)], |row| {
            Ok((object_row(row)?, parsed(&row.text(COLUMNS_COUNT)?)?))
        })?;
        found.extend(one);
    }
    Ok(found)
}

/// Latest versions in the order of arrival after `after` (0 for the first), at most `limit`: for whoever walks
/// everything in pieces of bounded size.
pub fn after(
    reader: &Reader<'_>,
    sees: Sees,
    after: u64,
    limit: u32,
) -> Result<Vec<(ObjectRow, StixObject)>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS}, o.bytes FROM evidence_object o NOT INDEXED \
         WHERE o.seq > $1 AND o.latest = 1 AND ($2 = 1 OR o.from_report = 0) ORDER BY o.seq LIMIT $3"
    );
    let params = [Value::from(after), Value::from(sees.reports), Value::Int(i64::from(limit))];
    reader.all(&sql, &params, |row| Ok((object_row(row)?, parsed(&row.text(COLUMNS_COUNT)?)?)))
}

/// The identifiers of what came by `source` (such as `intake:report-…`), in the order of arrival.
pub fn by_source(
    reader: &Reader<'_>,
    sees: Sees,
    source: &str,
) -> Result<Vec<ObjectRow>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM evidence_object o \
         WHERE o.source = $1 AND o.latest = 1 AND ($2 = 1 OR o.from_report = 0) ORDER BY o.seq"
    );
    reader.all(&sql, &[Value::from(source), Value::from(sees.reports)], object_row)
}

fn parsed(text: &str) -> Result<StixObject, StoreFailure> {
    StixObject::parse(text)
        .map_err(|problem| StoreFailure::Damaged(format!("an object of the graph: {problem}")))
}

/// What one object names in its latest version.
pub fn observables_of(reader: &Reader<'_>, id: &str) -> Result<Vec<Observable>, StoreFailure> {
    let sql = format!(
        "SELECT n.value FROM evidence_object o JOIN evidence_naming n ON n.seq = o.seq \
         WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1"
    );
    let found = reader.all(&sql, &[Value::from(id)], |row| row.text(0))?;
    let named: BTreeSet<Observable> = found.iter().filter_map(|value| read_value(value)).collect();
    Ok(named.into_iter().collect())
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
        "SELECT {COLUMNS} FROM evidence_posting p JOIN evidence_object o ON o.seq = p.seq \
         JOIN evidence_naming n ON n.seq = p.seq AND n.value = $1 \
         WHERE p.slot = keyed($1) AND o.latest = 1 AND ($2 = 1 OR o.from_report = 0) ORDER BY p.seq LIMIT 500"
    );
    let params = [Value::from(observable.to_string()), Value::from(sees.reports)];
    reader.all(&sql, &params, object_row)
}

/// What is known of an identifier before something arrives under it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Its node, when it is held or named.
    pub node: Option<i64>,
    /// Every version held.
    pub versions: Vec<Version>,
    /// Whose they are, each once.
    pub originators: BTreeSet<String>,
}

/// What is known of `id`, for judging what arrives.
pub fn known(reader: &Reader<'_>, id: &StixId) -> Result<Known, StoreFailure> {
    let Some(node) = node(reader, id.as_str())? else { return Ok(Known::default()) };
    let mut originators = BTreeSet::new();
    let versions = reader.all(
        "SELECT created, modified, created_by, revoked, digest, originator FROM evidence_object WHERE node = $1",
        &[Value::Int(node)],
        |row| {
            originators.insert(row.text(5)?);
            let damaged = || StoreFailure::Damaged(format!("a version of `{id}`"));
            let by = row.text_or_none(2)?.map(|by| by.parse()).transpose().map_err(|_| damaged())?;
            Ok(Version {
                id: id.clone(),
                created: row.text_or_none(0)?.and_then(|at| at.parse().ok()),
                modified: row.text(1)?.parse().ok(),
                created_by_ref: by,
                revoked: row.truth(3)?,
                digest: ObjectDigest(bytes_of_hex(&row.text(4)?).ok_or_else(damaged)?),
            })
        },
    )?;
    Ok(Known { node: Some(node), versions, originators })
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
         JOIN evidence_naming n ON n.seq = o.seq \
         WHERE o.type = 'indicator' AND o.shelf IN (1, 2) AND o.valid_from <= $1 \
         AND (o.valid_until IS NULL OR o.valid_until > $1) LIMIT $2",
        &[Value::from(now), Value::Int(ROWS_MAX)],
        |row| Ok((row.text(0)?, row.text(1)?, row.time_or_none(2)?)),
    )?;
    let read = |(indicator, value, until): (String, String, _)| {
        read_value(&value).map(|observable| Wanted { indicator, observable, until })
    };
    let mut wanted: Vec<Wanted> = found.into_iter().filter_map(read).collect();
    wanted.sort_by(|a, b| (&a.observable, &a.indicator).cmp(&(&b.observable, &b.indicator)));
    Ok(wanted)
}

/// The text of every version held, by identifier and version: the same store gives the same list.
pub fn everything(reader: &Reader<'_>, sees: Sees) -> Result<Vec<StixObject>, StoreFailure> {
    reader.all(
        "SELECT bytes FROM evidence_object WHERE ($1 = 1 OR from_report = 0) ORDER BY id, modified",
        &[Value::from(sees.reports)],
        |row| parsed(&row.text(0)?),
    )
}
