//! How a page of a collection is found and passed through the gate, whatever the size of the collection.
//!
//! A collection is a view of its audience's stream. A page walks the stream by an index, looks at no more rows than a
//! named limit, and hands out what the gate passes at this moment. Where a filter is sparse the answer ends early and
//! says where to go on. A walk ends where the stream ended when it began, so that what comes meanwhile belongs to the
//! next walk and nothing is seen twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::release::{Audience, Recipient};
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::StixObject;

use super::audience;
use super::gate::{self, Candidate, Filter};
use super::read;
use crate::office::id::OrgId;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Rows of the stream looked at for one answer; beyond it the answer ends early and says that more is there.
pub const ROWS_MAX: usize = 5_000;
/// Objects judged for one answer beyond those it hands out; beyond it the answer ends early too.
const REFUSED_MAX: usize = 1_000;
/// Rows taken from the stream at once, at least and at most.
const BATCH: std::ops::RangeInclusive<usize> = 32..=1_000;
/// Entries of one named object that are sorted in memory; an object with more versions is found by walking.
const VERSIONS_MAX: usize = 5_000;

/// The type of this office's own messages about an object that was recalled; the view itself tells them from others.
const NOTICE_TYPE: &str = "note";

/// Which versions of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// The newest (also when nothing is said).
    pub last: bool,
    /// The oldest.
    pub first: bool,
    /// All of them.
    pub all: bool,
    /// Exactly these.
    pub at: Vec<Timestamp>,
}

impl Versions {
    /// Whether nothing was said, which means the newest.
    fn newest(&self) -> bool {
        self.last || !(self.first || self.all || !self.at.is_empty())
    }
}

/// A view of an audience's stream.
#[derive(Debug, Clone)]
pub struct View {
    /// Whose stream.
    pub audience: Audience,
    /// What of it.
    pub filter: Filter,
}

/// What a reader asks of a view.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Only what was added after this, in microseconds since 1970.
    pub after: i64,
    /// Only what was added up to this.
    pub until: i64,
    /// Only these identifiers; empty for all.
    pub ids: Vec<String>,
    /// Only these types; empty for all.
    pub types: Vec<String>,
    /// Which versions.
    pub versions: Versions,
    /// Objects handed out at most.
    pub limit: usize,
}

/// One object as it is handed out.
#[derive(Debug, Clone)]
pub struct Served {
    /// When it was added, in microseconds since 1970.
    pub added: i64,
    /// SHA-256 over the canonical text of what is handed out.
    pub digest: String,
    /// The object, with the bytes that are stored, or what is left of them.
    pub object: StixObject,
    /// Parts were left out; the object says so itself.
    pub redacted: bool,
}

impl Served {
    /// Its version as TAXII counts them: `modified`, else `created`, else when it was added; as the object writes it.
    pub fn version(&self) -> String {
        version_of(&self.object).unwrap_or_else(|| self.date_added())
    }

    /// When it was added, RFC 3339 with six fraction digits.
    pub fn date_added(&self) -> String {
        date_added(self.added)
    }
}

/// `modified`, else `created`, as the object writes it.
pub fn version_of(object: &StixObject) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Times {
        created: Option<String>,
        modified: Option<String>,
    }
    let times: Times = serde_json::from_str(object.text()).ok()?;
    times.modified.or(times.created)
}

/// A place in a stream as text.
pub fn date_added(added: i64) -> String {
    format!("{:.6}", Timestamp::from_microsecond(added).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// A part of a view.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// What may be read, in the order of addition.
    pub items: Vec<Served>,
    /// Where to go on: everything up to here was looked at. Absent at the end.
    pub next: Option<i64>,
}

/// Where the stream of an audience ends now.
pub fn end(reader: &Reader<'_>, audience: &Audience) -> Result<i64, StoreFailure> {
    reader.number(
        "SELECT last_added FROM share_audience WHERE audience = $1",
        &[Value::from(audience.label())],
    )
}

/// One entry of the stream, without the object.
#[derive(Debug, Clone)]
struct Entry {
    added: i64,
    id: String,
    modified: String,
    kind: String,
    digest: String,
    withdrawn: bool,
    /// The reader's own organisation handed it in.
    own: bool,
}

/// Without statistics the store would walk the whole stream for a type.
const OF_TYPE: &str = "INDEXED BY share_item_type WHERE i.type = $6 AND";
const ENTRY: &str = "SELECT i.added, i.id, i.modified, i.type, i.digest, i.withdrawn_at IS NOT NULL, \
     EXISTS (SELECT 1 FROM share_push p WHERE p.push = i.release AND p.org = $2) FROM share_item i";

fn entry_at(row: &Row<'_, '_>) -> Result<Entry, StoreFailure> {
    Ok(Entry {
        added: row.int(0)?,
        id: row.text(1)?,
        modified: row.text(2)?,
        kind: row.text(3)?,
        digest: row.text(4)?,
        withdrawn: row.truth(5)?,
        own: row.truth(6)?,
    })
}

/// The ways into the stream, each in the order of addition.
enum Lanes {
    /// All of it.
    Whole,
    /// Only some types, each by its own index.
    Types(Vec<String>),
    /// Only some objects: what there is of them, sorted.
    Named(Vec<Entry>),
}

/// What of one stream somebody walks.
struct Walk<'a> {
    reader: &'a Reader<'a>,
    audience: String,
    org: &'a OrgId,
    asked: &'a Asked,
    filter: &'a Filter,
    lanes: Lanes,
}

/// A piece of a stream, and up to where nothing was left out.
struct Batch {
    entries: Vec<Entry>,
    reached: i64,
    ended: bool,
}

impl<'a> Walk<'a> {
    fn new(
        reader: &'a Reader<'a>,
        view: &'a View,
        org: &'a OrgId,
        asked: &'a Asked,
    ) -> Result<Self, StoreFailure> {
        let (audience, filter) = (view.audience.label(), &view.filter);
        let mut walk = Self { reader, audience, org, asked, filter, lanes: Lanes::Whole };
        if !asked.ids.is_empty() {
            if let Some(named) = walk.named()? {
                walk.lanes = Lanes::Named(named);
            }
        } else if !asked.types.is_empty() {
            walk.lanes = Lanes::Types(asked.types.clone());
        } else if !filter.types.is_empty() {
            // Messages about what was recalled are shown by every view.
            let types: BTreeSet<String> =
                filter.types.iter().cloned().chain([NOTICE_TYPE.to_owned()]).collect();
            walk.lanes = Lanes::Types(types.into_iter().collect());
        }
        Ok(walk)
    }

    /// Every entry of the objects asked for; `None` when there are too many to sort.
    fn named(&self) -> Result<Option<Vec<Entry>>, StoreFailure> {
        let sql = format!("{ENTRY} WHERE i.audience = $1 AND i.id = $3 LIMIT $4");
        let mut all = Vec::new();
        for id in &self.asked.ids {
            let room = i64::try_from(VERSIONS_MAX + 1 - all.len()).unwrap_or(0);
            let params = [
                Value::from(&self.audience),
                Value::from(self.org),
                Value::from(id),
                Value::from(room),
            ];
            all.extend(self.reader.all(&sql, &params, entry_at)?);
            if all.len() > VERSIONS_MAX {
                return Ok(None);
            }
        }
        all.sort_by_key(|entry| entry.added);
        Ok(Some(all))
    }

    /// What comes after `after`, about `wanted` entries of it.
    fn batch(&self, after: i64, wanted: usize) -> Result<Batch, StoreFailure> {
        match &self.lanes {
            Lanes::Whole => {
                let entries = self.stream("WHERE", None, after, wanted)?;
                let ended = entries.len() < wanted;
                let reached = entries.last().map_or(after, |entry| entry.added);
                Ok(Batch { entries, reached, ended })
            }
            Lanes::Types(types) => self.merged(types, after, wanted),
            Lanes::Named(all) => {
                let until = self.asked.until;
                let entries: Vec<Entry> = all
                    .iter()
                    .filter(|entry| entry.added > after && entry.added <= until)
                    .cloned()
                    .collect();
                Ok(Batch { entries, reached: until, ended: true })
            }
        }
    }

    /// Several indexes walked side by side: what lies up to the nearest end of those that go on is complete.
    fn merged(&self, types: &[String], after: i64, wanted: usize) -> Result<Batch, StoreFailure> {
        let each = wanted.div_ceil(types.len().max(1)).max(*BATCH.start());
        let mut entries = Vec::new();
        let mut reached = i64::MAX;
        for kind in types {
            let found = self.stream(OF_TYPE, Some(kind), after, each)?;
            if found.len() == each
                && let Some(last) = found.last()
            {
                reached = reached.min(last.added);
            }
            entries.extend(found);
        }
        let ended = reached == i64::MAX;
        entries.retain(|entry| entry.added <= reached);
        entries.sort_by_key(|entry| entry.added);
        Ok(Batch { entries, reached: reached.min(self.asked.until), ended })
    }

    fn stream(
        &self,
        and: &str,
        kind: Option<&String>,
        after: i64,
        wanted: usize,
    ) -> Result<Vec<Entry>, StoreFailure> {
        let sql = format!(
            "{ENTRY} {and} i.audience = $1 AND i.added > $3 AND i.added <= $4 ORDER BY i.added LIMIT $5"
        );
        let mut params = vec![
            Value::from(&self.audience),
            Value::from(self.org),
            Value::from(after),
            Value::from(self.asked.until),
            Value::from(i64::try_from(wanted).unwrap_or(i64::MAX)),
        ];
        params.extend(kind.map(Value::from));
        self.reader.all(&sql, &params, entry_at)
    }

    /// Whether an entry is asked for, as far as the stream itself tells.
    fn takes(&self, entry: &Entry) -> Result<bool, StoreFailure> {
        let listed =
            |list: &[String], text: &String| list.is_empty() || list.iter().any(|one| one == text);
        if entry.withdrawn
            || !listed(&self.asked.ids, &entry.id)
            || !listed(&self.asked.types, &entry.kind)
            || !(listed(&self.filter.types, &entry.kind) || entry.kind == NOTICE_TYPE)
        {
            return Ok(false);
        }
        let versions = &self.asked.versions;
        // A version named by its time is recognised once the object is there.
        if versions.all || !versions.at.is_empty() {
            return Ok(true);
        }
        if versions.newest() && !self.has_other(entry, NEWER)? {
            return Ok(true);
        }
        Ok(versions.first && !self.has_other(entry, OLDER)?)
    }

    /// Whether the same object stands in the stream in a newer or an older version.
    fn has_other(&self, entry: &Entry, sql: &str) -> Result<bool, StoreFailure> {
        let params = [
            Value::from(&self.audience),
            Value::from(&entry.id),
            Value::from(&entry.modified),
            Value::from(self.asked.until),
        ];
        Ok(self.reader.first(sql, &params, |row| row.int(0))?.is_some())
    }

    /// Whether the version is one of those named by their time; `last` and `first` may stand beside them.
    fn is_named(&self, entry: &Entry, object: &StixObject) -> Result<bool, StoreFailure> {
        let versions = &self.asked.versions;
        if versions.all || versions.at.is_empty() {
            return Ok(true);
        }
        let head = object.head();
        let at = head.modified.or(head.created);
        let at = at.or_else(|| Timestamp::from_microsecond(entry.added).ok());
        Ok(at.is_some_and(|at| versions.at.contains(&at))
            || (versions.last && !self.has_other(entry, NEWER)?)
            || (versions.first && !self.has_other(entry, OLDER)?))
    }
}

// The plus keeps the place out of the choice of an index: the object leads to few rows, its place to half the stream.
const NEWER: &str = "SELECT 1 FROM share_item WHERE audience = $1 AND id = $2 AND modified > $3 AND +added <= $4 \
     AND withdrawn_at IS NULL LIMIT 1";
const OLDER: &str = "SELECT 1 FROM share_item WHERE audience = $1 AND id = $2 AND modified < $3 AND +added <= $4 \
     AND withdrawn_at IS NULL LIMIT 1";

/// Judges objects for one reader at one instant.
struct Judge<'a> {
    reader: &'a Reader<'a>,
    view: &'a View,
    audience: String,
    org: &'a OrgId,
    recipient: Recipient,
    now: Timestamp,
}

impl<'a> Judge<'a> {
    fn new(
        reader: &'a Reader<'a>,
        view: &'a View,
        org: &'a OrgId,
        now: Timestamp,
    ) -> Result<Self, StoreFailure> {
        let recipient = audience::recipient(reader, Some(org.as_str()), &view.audience)?;
        Ok(Self { reader, view, audience: view.audience.label(), org, recipient, now })
    }

    /// What of `entries` leaves, in their order.
    fn passing(&self, walk: &Walk<'_>, entries: &[Entry]) -> Result<Vec<Served>, StoreFailure> {
        let mut rows: Vec<(&Entry, Candidate)> = Vec::new();
        for entry in entries {
            let found = read::version(self.reader, &entry.id, &entry.modified, &entry.digest)?;
            let Some(candidate) = found else { continue };
            if walk.is_named(entry, candidate.object())?
                && self.view.filter.reasons(&candidate).is_empty()
            {
                rows.push((entry, candidate));
            }
        }
        // What the rows name is judged by its own newest version, so nothing is taken for granted here.
        let judged = rows.iter().filter(|(entry, candidate)| !self.gives_back(entry, candidate));
        let names: BTreeSet<String> =
            judged.flat_map(|(_, one)| one.held.parts.names().iter().cloned()).collect();
        let web = read::web(self.reader, &self.audience, BTreeMap::new(), names)?;
        let outgoing = web.outgoing(&self.recipient, Tlp::Red, self.now);
        let mut served = Vec::new();
        for (entry, candidate) in rows {
            if self.gives_back(entry, &candidate) {
                let (added, object) = (entry.added, candidate.object().clone());
                served.push(Served { added, digest: candidate.digest, object, redacted: false });
                continue;
            }
            let tlp_max = self.view.filter.tlp_max;
            let verdict = web.judge(&candidate, &self.recipient, tlp_max, self.now);
            let Some(sent) = gate::write(&outgoing, &candidate, &verdict) else { continue };
            let object = read::parse(&sent.text)?;
            let digest = if sent.redacted { object.digest().to_string() } else { candidate.digest };
            served.push(Served { added: entry.added, digest, object, redacted: sent.redacted });
        }
        Ok(served)
    }

    /// Whether an organisation gets back its own words: it handed in these very bytes and is their originator. Nothing
    /// is released to it by that, and what it names it knows. What became selected or secret since stays all the same.
    fn gives_back(&self, entry: &Entry, candidate: &Candidate) -> bool {
        let facts = &candidate.held.facts;
        entry.own
            && facts.originator == self.org.as_str()
            && !facts.bits.has_selected_comms
            && !facts.bits.has_secret
            && !candidate.held.exercise
    }
}

/// What of a view its reader may have now. The gate is evaluated on every object, whatever it said at release.
pub fn page(
    reader: &Reader<'_>,
    view: &View,
    org: &OrgId,
    now: Timestamp,
    asked: &Asked,
) -> Result<Slice, StoreFailure> {
    let walk = Walk::new(reader, view, org, asked)?;
    let judge = Judge::new(reader, view, org, now)?;
    let mut slice = Slice::default();
    let (mut cursor, mut looked, mut judged) = (asked.after, 0usize, 0usize);
    let mut wanted = (asked.limit + 1).clamp(*BATCH.start(), *BATCH.end());
    loop {
        let batch = walk.batch(cursor, wanted)?;
        looked += batch.entries.len();
        let mut taken = Vec::new();
        for entry in batch.entries {
            if walk.takes(&entry)? {
                taken.push(entry);
            }
        }
        // Little by little, so that a page costs what it hands out.
        for part in taken.chunks(wanted.min(*BATCH.end())) {
            judged += part.len();
            for served in judge.passing(&walk, part)? {
                if slice.items.len() == asked.limit {
                    slice.next = slice.items.last().map(|item| item.added);
                    return Ok(slice);
                }
                slice.items.push(served);
            }
        }
        cursor = batch.reached;
        if batch.ended || cursor >= asked.until {
            return Ok(slice);
        }
        if looked >= ROWS_MAX || judged >= slice.items.len() + REFUSED_MAX {
            slice.next = Some(cursor);
            return Ok(slice);
        }
        wanted = (asked.limit + 1 - slice.items.len()).clamp(*BATCH.start(), *BATCH.end());
    }
}

/// Whether a view shows its reader any version of an object now, whatever filter was asked for.
pub fn shows(
    reader: &Reader<'_>,
    view: &View,
    org: &OrgId,
    now: Timestamp,
    id: &str,
) -> Result<bool, StoreFailure> {
    let asked = Asked {
        until: end(reader, &view.audience)?,
        ids: vec![id.to_owned()],
        versions: Versions { all: true, ..Versions::default() },
        limit: 1,
        ..Asked::default()
    };
    Ok(!page(reader, view, org, now, &asked)?.items.is_empty())
}

/// Which of these places of a stream an organisation handed in itself.
pub fn handed_in(
    reader: &Reader<'_>,
    audience: &Audience,
    org: &OrgId,
    added: &[i64],
) -> Result<Vec<i64>, StoreFailure> {
    let label = audience.label();
    let mut own = Vec::new();
    for place in added {
        let found = reader.first(
            "SELECT 1 FROM share_item i JOIN share_push p ON p.push = i.release \
             WHERE i.audience = $1 AND i.added = $2 AND p.org = $3",
            &[Value::from(&label), Value::from(*place), Value::from(org)],
            |row| row.int(0),
        )?;
        if found.is_some() {
            own.push(*place);
        }
    }
    Ok(own)
}
