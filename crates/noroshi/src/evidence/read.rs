//! What the graph holds, as far as the reader may see it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::LegalBits;
use noroshi_evidence::object::{ObjectDigest, StixObject};
use noroshi_evidence::observable::Observable;
use noroshi_evidence::version::Version;

pub mod names;
mod own;
pub mod relations;
mod search;

use self::relations::Relation;
use super::rows::HeldOn;
use crate::office::authorise::{Action, Standing};
use crate::office::ctx::Ctx;
use crate::office::id::OrgId;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Edges shown of one object; the rest is counted.
pub const RELATIONS_MAX: usize = 200;
/// Versions shown of one object; [`history`] gives the others.
pub const VERSIONS_MAX: usize = 200;

/// Bytes of the name of an organisation ([`OrgId`] is not longer).
const ORG_BYTES_MAX: usize = 68;

/// How far a reader sees. Made from the context alone, so that no caller can ask for more.
///
/// The Cabinet Office, to which everything is handed (Act art. 37), sees all. Everybody else sees what is neither from a
/// report nor narrowed by TLP:AMBER+STRICT, TLP:RED or an opinion on handling (Act art. 45(6)), and of what is narrowed
/// that of the own organisation and what names it as a recipient. What holds selected communications information or a
/// secret is narrowed whatever its colour, and no opinion opens it: it reaches others by a release only (arts 37, 44).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sees {
    all: bool,
    org: [u8; ORG_BYTES_MAX],
}

impl Sees {
    /// What `ctx` may see: everything only for hats that read every report.
    pub fn of(house: &crate::house::House, ctx: &Ctx) -> Self {
        Self { org: own_bytes(&ctx.org), ..Self::hat(house, ctx.hat) }
    }

    /// What a hat sees whatever its organisation.
    pub fn hat(house: &crate::house::House, hat: Hat) -> Self {
        let all = house.authoriser.allows(hat, Action::IntakeRead, Standing::default());
        Self { all, ..Self::WITHOUT_REPORTS }
    }

    /// What is open to every reader of evidence; for readers outside a request.
    pub const WITHOUT_REPORTS: Self = Self { all: false, org: [0; ORG_BYTES_MAX] };

    /// Everything: for jobs of the house and for local export by its operator.
    pub const ALL: Self = Self { all: true, ..Self::WITHOUT_REPORTS };

    /// True for the hats that analyse statutory reports (used in words on pages).
    pub const fn reports(self) -> bool {
        self.all
    }

    /// What [`admits`] is asked with: `*` for everything, else the organisation, which may be none.
    pub fn key(self) -> Value {
        if self.all {
            return Value::from("*");
        }
        let end = self.org.iter().position(|byte| *byte == 0).unwrap_or(ORG_BYTES_MAX);
        let org = self.org.get(..end).and_then(|org| std::str::from_utf8(org).ok());
        Value::from(org.unwrap_or_default())
    }
}

fn own_bytes(org: &OrgId) -> [u8; ORG_BYTES_MAX] {
    let mut own = [0; ORG_BYTES_MAX];
    let name = org.as_str().as_bytes();
    if let Some(place) = own.get_mut(..name.len()) {
        place.copy_from_slice(name);
    }
    own
}

/// SQL that is true when a reader with the key `key` ([`Sees::key`]) may see the version in the row `o`.
///
/// INVARIANT: this is the only rule by which the graph is shown; every question asks it of each row that it shows, counts
/// or follows.
pub fn admits(o: &str, key: &str) -> String {
    format!(
        "({key} = '*' OR ({o}.closed = 0 AND NOT EXISTS (SELECT 1 FROM share_handling sh WHERE sh.id = {o}.id \
         AND sh.restricted_to IS NOT NULL)) OR ({o}.from_report = 0 AND {key} <> '' AND ({o}.originator = {key} \
         OR ({o}.has_comms = 0 AND {o}.has_secret = 0 AND EXISTS (SELECT 1 FROM share_handling sh, \
         json_each(sh.restricted_to) sj WHERE sh.id = {o}.id AND sj.value = {key})))))"
    )
}

/// The organisations outside the Cabinet Office that see an object which is not open to every reader: the originator's
/// own and those its opinion names. None for what is open, and for what stems from a report.
pub fn recipients_of(reader: &Reader<'_>, id: &str) -> Result<Vec<String>, StoreFailure> {
    if brief(reader, Sees::WITHOUT_REPORTS, id)?.is_some() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT o.originator FROM evidence_object o WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1 \
         AND o.from_report = 0 UNION SELECT sj.value FROM evidence_object o JOIN share_handling sh ON sh.id = o.id \
         JOIN json_each(sh.restricted_to) sj WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1 AND o.from_report = 0 \
         AND o.has_comms = 0 AND o.has_secret = 0"
    );
    reader.all(&sql, &[Value::from(id)], |row| row.text(0))
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
    /// Known from a report only.
    pub from_report: bool,
}

const COLUMNS: &str = "o.seq, o.id, o.type, o.name, o.modified, o.tlp, o.class, o.has_comms, o.has_secret, \
     o.originator, o.source, o.hidden, o.arrived_at, o.from_report";
/// How many columns these are: what a question adds follows them.
const COLUMNS_COUNT: usize = 14;

/// SQL for the node of the identifier in `$1`. For the SQL of other pillars: `o.node = (…)` with `o.latest = 1` is the
/// latest version, without it every version; a text beside a table is joined as
/// `CROSS JOIN evidence_id n ON n.slot IN (fresh(i.id), settled(i.id)) AND n.id = i.id JOIN evidence_object o ON o.node =
/// n.node`, so that the number is looked up for the text and not the other way round. There is no index on the text of
/// identifiers.
///
/// Two questions, because one for a list of two numbers makes a table of them each time.
pub const NODE_OF_FIRST: &str = "COALESCE((SELECT node FROM evidence_id WHERE slot = settled($1) AND id = $1), \
     (SELECT node FROM evidence_id WHERE slot = fresh($1) AND id = $1))";

/// The node of what is called `id`, held or only named.
pub fn node(reader: &Reader<'_>, id: &str) -> Result<Option<i64>, StoreFailure> {
    let sql = format!("SELECT {NODE_OF_FIRST}");
    Ok(reader.first(&sql, &[Value::from(id)], |row| row.int_or_none(0))?.flatten())
}

/// The nodes of many identifiers, for those that have one. They are looked up in the order in which the index has them, so
/// that no page of it is fetched twice.
pub fn nodes<'i>(
    reader: &Reader<'_>,
    ids: impl IntoIterator<Item = &'i str>,
) -> Result<HashMap<&'i str, i64>, StoreFailure> {
    let mut ids: Vec<(i64, &str)> = ids.into_iter().map(|id| (reader.fresh(id), id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let found =
        reader.numbers(&format!("SELECT {NODE_OF_FIRST}"), ids.iter().map(|(_, id)| *id))?;
    Ok(ids.iter().zip(found).filter_map(|((_, id), node)| Some((*id, node?))).collect())
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
        from_report: row.truth(13)?,
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
    /// Where to go on; none at the end. A search ends a page also when it has looked at so many that a reader would wait:
    /// then the page is short, or empty, and there may be more.
    pub next: Option<u64>,
    /// How many candidates were looked at for this page.
    pub looked: u64,
    /// How many match and are shown on this and other pages.
    pub total: u64,
    /// Whether these are all; otherwise the counting ended early and there are at least so many.
    pub counted_all: bool,
}

impl Listed {
    /// Whether the looking ended before the page was full or the end was reached: there may be more behind [`Self::next`].
    pub const fn ended_early(&self) -> bool {
        self.looked >= search::SCAN_MAX && self.next.is_some()
    }
}

/// The shelves a reader looks at (`evidence_object.shelf`).
fn shelves(sees: Sees, shown: bool, hidden: bool) -> Vec<i64> {
    let own = [(shown, 1), (shown && sees.all, 2), (hidden, 3), (hidden && sees.all, 4)];
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
        rows.extend(on_shelf(reader, sees, &filter.kind, *shelf, before, limit)?);
        rows.extend(own::listed(reader, sees, &filter.kind, *shelf, before, limit)?);
    }
    rows.sort_unstable_by_key(|row: &ObjectRow| std::cmp::Reverse(row.seq));
    let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let total = standing(reader, sees, &filter.kind, &shown)?;
    let hidden = if filter.hidden { Vec::new() } else { shelves(sees, false, true) };
    let hidden = standing(reader, sees, &filter.kind, &hidden)?;
    let next = rows.last().filter(|_| full).map(|row| row.seq);
    let looked = rows.len() as u64;
    Ok(Listed { rows, next, looked, hidden, total, counted_all: true })
}

/// Part of one shelf, newest arrivals first.
fn on_shelf(
    reader: &Reader<'_>,
    sees: Sees,
    kind: &str,
    shelf: i64,
    before: i64,
    limit: u32,
) -> Result<Vec<ObjectRow>, StoreFailure> {
    let tail = format!("o.seq < $2 AND {} ORDER BY o.seq DESC LIMIT $3", admits("o", "$4"));
    let shelf = if stands_apart(kind) { shelf + EDGE_SHELVES } else { shelf };
    let mut params =
        vec![Value::Int(shelf), Value::Int(before), Value::Int(i64::from(limit)), sees.key()];
    if kind.is_empty() {
        let sql = format!("SELECT {COLUMNS} FROM evidence_object o WHERE o.shelf = $1 AND {tail}");
        return reader.all(&sql, &params, object_row);
    }
    params.push(Value::from(kind));
    let sql = format!(
        "SELECT {COLUMNS} FROM evidence_object o WHERE o.type = $5 AND o.shelf = $1 AND {tail}"
    );
    reader.all(&sql, &params, object_row)
}

/// How many stand on these shelves: counted when they were put there, so the answer costs the same for millions. What is
/// not for this reader alone is counted one by one.
fn standing(
    reader: &Reader<'_>,
    sees: Sees,
    kind: &str,
    shelves: &[i64],
) -> Result<u64, StoreFailure> {
    let apart = stands_apart(kind);
    let mut sum = 0;
    for shelf in shelves {
        let shelf = if apart { shelf + EDGE_SHELVES } else { *shelf };
        sum += reader.number(
            "SELECT SUM(objects) FROM evidence_shelf WHERE shelf = $1 AND ($2 = '' OR type = $2)",
            &[Value::Int(shelf), Value::from(kind)],
        )?;
        let differences = own::differences(reader, sees, shelf)?;
        sum += differences
            .iter()
            .filter(|(one, _)| kind.is_empty() || *one == kind)
            .map(|(_, n)| n)
            .sum::<i64>();
    }
    Ok(u64::try_from(sum).unwrap_or(0))
}

/// STIX types held and how many latest versions of each the reader sees, most first.
pub fn kinds(reader: &Reader<'_>, sees: Sees) -> Result<Vec<(String, u64)>, StoreFailure> {
    let counted = reader.all(
        "SELECT type, SUM(objects) FROM evidence_shelf WHERE shelf IN (1, 5) OR ($1 = '*' AND shelf IN (2, 6)) \
         GROUP BY type HAVING SUM(objects) > 0",
        &[sees.key()],
        |row| Ok((row.text(0)?, row.int(1)?)),
    )?;
    let mut kinds: BTreeMap<String, i64> = counted.into_iter().collect();
    for shelf in [1, 1 + EDGE_SHELVES] {
        for (kind, difference) in own::differences(reader, sees, shelf)? {
            *kinds.entry(kind).or_default() += difference;
        }
    }
    let count = |(kind, count): (String, i64)| Some((kind, u64::try_from(count).ok()?));
    let mut kinds: Vec<_> =
        kinds.into_iter().filter_map(count).filter(|(_, count)| *count > 0).collect();
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(kinds)
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
    /// Its text as it arrived; empty when it is longer than was asked for.
    pub text: String,
    /// What its text describes it with, where the text is longer than was asked for.
    pub described: Option<String>,
    /// Every version held, newest first.
    pub versions: Vec<VersionRow>,
    /// Its edges, at most [`RELATIONS_MAX`].
    pub relations: Vec<Relation>,
    /// Edges beyond those.
    pub relations_hidden: u64,
    /// What it names, canonical.
    pub observables: Vec<Observable>,
    /// Contradictions put aside: code and reason; none for readers to whom not everything is shown.
    pub conflicts: Vec<(String, String)>,
}

/// One object, as far as the reader sees it; its text if that has at most `bytes_max` bytes.
pub fn object(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
    bytes_max: usize,
) -> Result<Option<Object>, StoreFailure> {
    let most = Value::Int(i64::try_from(bytes_max).unwrap_or(i64::MAX));
    let found = reader.first(&latest_sql(), &[Value::from(id), sees.key(), most], |row| {
        let (text, described) = (row.text(COLUMNS_COUNT)?, row.text_or_none(COLUMNS_COUNT + 1)?);
        Ok((object_row(row)?, text, described))
    })?;
    let Some((row, text, described)) = found else { return Ok(None) };
    let versions = history(reader, sees, id, None, VERSIONS_MAX)?;
    let ends = relations::page(reader, sees, id, None, RELATIONS_MAX)?;
    let conflicts = contradictions(reader, sees, id)?;
    let observables = observables_of(reader, id)?;
    let relations_hidden = ends.beyond;
    Ok(Some(Object {
        row,
        text,
        described,
        versions,
        relations: ends.relations,
        relations_hidden,
        observables,
        conflicts,
    }))
}

/// What contradicts `id` and waits for a person: code and reason.
fn contradictions(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
) -> Result<Vec<(String, String)>, StoreFailure> {
    // INVARIANT: what was put aside is no object of the graph, so `admits` says nothing of it: it may stand under another
    // colour and class than what it contradicts. Only those are told of it who see everything and decide about it.
    if !sees.all {
        return Ok(Vec::new());
    }
    reader.all(
        "SELECT code, reason FROM evidence_aside WHERE id = $1 AND kind = 'conflict' AND state = 'open' \
         ORDER BY aside LIMIT 50",
        &[Value::from(id)],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )
}

/// The latest version of `$1` with its text of at most `$3` bytes, for a reader `$2`. The length stands in the head of the
/// row: a longer text is not read for it, only for the words in it.
fn latest_sql() -> String {
    format!(
        "SELECT {COLUMNS}, CASE WHEN octet_length(o.bytes) <= $3 THEN o.bytes ELSE '' END, \
         CASE WHEN octet_length(o.bytes) > $3 THEN CAST(json_extract(o.bytes, '$.description') AS TEXT) END \
         FROM evidence_object o \
         WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1 AND {}",
        admits("o", "$2")
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
    // What was narrowed since is narrowed as a whole: an older version shows no more than the latest.
    if brief(reader, sees, id)?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT o.modified, o.digest, o.arrived_at, o.source FROM evidence_object o WHERE o.node = {NODE_OF_FIRST} \
         AND {} AND ($3 IS NULL OR o.modified < $3) ORDER BY o.modified DESC LIMIT $4",
        admits("o", "$2")
    );
    let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let params = [Value::from(id), sees.key(), Value::from(before), limit];
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
        "SELECT {COLUMNS} FROM evidence_object o WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1 AND {}",
        admits("o", "$2")
    );
    reader.first(&sql, &[Value::from(id), sees.key()], object_row)
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
        let asked = [Value::from(id), sees.key(), Value::Int(i64::MAX)];
        let one = reader.first(&sql, &asked, |row| {
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
         WHERE o.seq > $1 AND o.latest = 1 AND {} ORDER BY o.seq LIMIT $3",
        admits("o", "$2")
    );
    let params = [Value::from(after), sees.key(), Value::Int(i64::from(limit))];
    reader.all(&sql, &params, |row| Ok((object_row(row)?, parsed(&row.text(COLUMNS_COUNT)?)?)))
}

/// An order of arrival for [`list`] before which everything stands that arrived before `at`, provided that orders and
/// moments of arrival agree about it; none when nothing arrived later. An import gives all it brings the moment at which it
/// began, so ask with a moment that is later by as long as an import may take.
pub fn before(reader: &Reader<'_>, at: Timestamp) -> Result<Option<u64>, StoreFailure> {
    let newest = "SELECT seq FROM evidence_object WHERE seq = (SELECT MAX(seq) FROM evidence_object) AND arrived_at >= $1";
    let late = reader.first(newest, &[Value::from(at)], |row| row.count(0))?;
    let Some(mut high) = late else { return Ok(None) };
    let next =
        "SELECT seq, arrived_at >= $2 FROM evidence_object WHERE seq >= $1 ORDER BY seq LIMIT 1";
    let mut low = 0;
    while low < high {
        let middle = low + (high - low) / 2;
        let asked = [Value::from(middle), Value::from(at)];
        match reader.first(next, &asked, |row| Ok((row.count(0)?, row.truth(1)?)))? {
            Some((seq, false)) => low = seq + 1,
            Some((_, true)) | None => high = middle,
        }
    }
    Ok(Some(low))
}

/// What came by `source` (such as `intake:report-…`), in the order of arrival; also what somebody brought openly since.
pub fn by_source(
    reader: &Reader<'_>,
    sees: Sees,
    source: &str,
) -> Result<Vec<ObjectRow>, StoreFailure> {
    let admitted = admits("o", "$2");
    let part = |column: &str| {
        format!(
            "SELECT {COLUMNS} FROM evidence_object o WHERE o.{column} = $1 AND o.latest = 1 AND {admitted}"
        )
    };
    let sql = format!("{} UNION ALL {} ORDER BY 1", part("source"), part("born"));
    reader.all(&sql, &[Value::from(source), sees.key()], object_row)
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
         WHERE p.slot IN (fresh($1), settled($1)) AND o.latest = 1 AND {} ORDER BY p.slot, p.seq LIMIT 500",
        admits("o", "$2")
    );
    let params = [Value::from(observable.to_string()), sees.key()];
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
    /// The keys of versions known from a report only.
    pub reported: BTreeSet<String>,
    /// The terms each version is held on, by its key.
    pub terms: BTreeMap<String, HeldOn>,
}

/// What is known of `id`, for judging what arrives.
pub fn known(reader: &Reader<'_>, id: &StixId) -> Result<Known, StoreFailure> {
    let node = node(reader, id.as_str())?;
    node.map_or_else(|| Ok(Known::default()), |node| known_as(reader, id, node))
}

/// The same of an identifier whose node was looked up.
pub fn known_as(reader: &Reader<'_>, id: &StixId, node: i64) -> Result<Known, StoreFailure> {
    let (mut originators, mut reported, mut terms) =
        (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    let versions = reader.all(
        "SELECT created, modified, created_by, revoked, digest, originator, from_report, tlp, class, has_comms, has_secret \
         FROM evidence_object WHERE node = $1",
        &[Value::Int(node)],
        |row| {
            originators.insert(row.text(5)?);
            if row.truth(6)? {
                reported.insert(row.text(1)?);
            }
            let damaged = || StoreFailure::Damaged(format!("a version of `{id}`"));
            let on = super::rows::tlp_of(&row.text(7)?).zip(super::api::class_of(&row.text(8)?));
            let (tlp, class) = on.ok_or_else(damaged)?;
            let bits = LegalBits { has_selected_comms: row.truth(9)?, has_secret: row.truth(10)? };
            terms.insert(row.text(1)?, (tlp, class, bits));
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
    Ok(Known { node: Some(node), versions, originators, reported, terms })
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
    /// When it was last changed.
    pub modified: Option<Timestamp>,
}

/// What indicators in force at `now` look for, sorted by value and indicator. Revoked ones are not. All of it: the memory
/// taken is that of the answer.
pub fn wanted(reader: &Reader<'_>, now: Timestamp) -> Result<Vec<Wanted>, StoreFailure> {
    let mut wanted = Vec::new();
    reader.each(
        "SELECT o.id, n.value, o.valid_until, o.modified FROM evidence_object o \
         JOIN evidence_naming n ON n.seq = o.seq \
         WHERE o.type = 'indicator' AND o.shelf IN (1, 2) AND o.valid_from <= $1 \
         AND (o.valid_until IS NULL OR o.valid_until > $1)",
        &[Value::from(now)],
        |row| {
            if let Some(observable) = read_value(row.text_here(1)?) {
                let (indicator, until) = (row.text(0)?, row.time_or_none(2)?);
                let modified = row.text_here(3)?.parse().ok();
                wanted.push(Wanted { indicator, observable, until, modified });
            }
            Ok(())
        },
    )?;
    wanted.sort_by(|a, b| (&a.observable, &a.indicator).cmp(&(&b.observable, &b.indicator)));
    Ok(wanted)
}

/// Visits the digest of every version that [`everything`] visits, in the same order.
pub fn every_digest(
    reader: &Reader<'_>,
    sees: Sees,
    mut visit: impl FnMut([u8; 32]),
) -> Result<(), StoreFailure> {
    let sql = format!(
        "SELECT o.digest FROM evidence_object o WHERE {} ORDER BY o.id, o.modified",
        admits("o", "$1")
    );
    reader.each(&sql, &[sees.key()], |row| {
        let digest = bytes_of_hex(row.text_here(0)?);
        visit(digest.ok_or_else(|| StoreFailure::Damaged("a digest of the graph".to_owned()))?);
        Ok(())
    })
}

/// Visits the text of every version held, by identifier and version: the same store gives the same order. One text is in
/// memory at a time.
pub fn everything(
    reader: &Reader<'_>,
    sees: Sees,
    mut visit: impl FnMut(&str) -> Result<(), StoreFailure>,
) -> Result<(), StoreFailure> {
    // The order is that of numbers first, so that texts are not sorted; each is read when its turn comes.
    let sql = format!(
        "SELECT o.seq FROM evidence_object o WHERE {} ORDER BY o.id, o.modified",
        admits("o", "$1")
    );
    let mut places = Vec::new();
    reader.each(&sql, &[sees.key()], |row| {
        places.push(row.int(0)?);
        Ok(())
    })?;
    for seq in places {
        let one = "SELECT bytes FROM evidence_object WHERE seq = $1";
        reader.each(one, &[Value::Int(seq)], |row| visit(row.text_here(0)?))?;
    }
    Ok(())
}
