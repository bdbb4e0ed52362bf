//! How a page of a collection is found and passed through the gate, whatever the size of the collection.
//!
//! A collection is a view of its audience's stream. A page walks the stream by an index, looks at no more rows than a
//! named limit, and hands out what the gate passes at this moment. Where a filter is sparse the answer ends early and
//! says where to go on; so it does where it would grow too large. A walk ends where the stream ended when it began, so
//! that what comes meanwhile belongs to the next walk and nothing is seen twice.
//!
//! Whoever hands something in reads its own words again, whatever is held besides: from the stream, or from the copy
//! that is kept where they cannot stand in the stream. So nobody learns by handing in what is held and not for them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::outgoing::Outgoing;
use noroshi_charter::release::{Audience, Recipient};
use noroshi_evidence::marking::{LegalBits, Tlp};
use noroshi_evidence::object::StixObject;

use super::audience;
use super::gate::{self, Candidate, Filter, Web};
use super::history::Histories;
use super::read::{self, Closure};
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
/// Versions looked at to tell whether one is the newest, or the oldest, that its reader may have.
const BEYOND_MAX: usize = 100;
/// Bytes of objects handed out in one answer; one object is always handed out, however large.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Look-ups for a named object of which nothing is handed out: so many, or twice, four times, … as many, so that what is
/// not there and what is not for the reader cost the same. What is kept for what it is itself, or for what it names, is
/// never followed further; only what is kept for something farther away, and names very much, can cost more than the first.
const LOOKUPS_LEAST: u64 = 256;
/// So many objects are followed without asking first what they bear all together.
const NAMES_FEW: usize = 16;

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
    /// A reader chose the identifiers: each is looked up by itself, and what is not there and what is not for the reader cost
    /// the same, whatever else is asked for with it.
    pub probed: bool,
}

/// Who brought what is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Somebody else than its reader.
    Others,
    /// Its reader.
    Own,
    /// Its reader; it stands beside the stream, for nobody else.
    OwnCopy,
}

/// One object as it is handed out.
#[derive(Debug, Clone)]
pub struct Served {
    /// When it was added, in microseconds since 1970.
    pub added: i64,
    /// The release or the handing in that brought it.
    pub release: String,
    /// Who brought it.
    pub whose: Whose,
    /// The colour it is handed out under.
    pub tlp: Tlp,
    /// SHA-256 over the canonical text of what is handed out.
    pub digest: String,
    /// The object, with the bytes that are stored, or what is left of them.
    pub object: StixObject,
    /// Parts were left out; the object says so itself.
    pub redacted: bool,
    /// The last entry of the record it was judged by.
    pub as_of: i64,
    /// What the terms weigh on which its versions were held then ([`super::history::History::weight`]); absent for its
    /// reader's own words, which are not judged.
    pub weight: Option<i64>,
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
    whose: Whose,
    /// Its reader is given its own words back.
    given_back: bool,
    release: String,
}

/// Without statistics the store would walk the whole stream for a type.
const OF_TYPE: &str = "INDEXED BY share_item_type";
// What was handed in as selected or secret is not given back; that it became so later, or is held as such, says nothing
// about what its pusher wrote.
const ENTRY: &str = "SELECT i.added, i.id, i.modified, i.type, i.digest, i.withdrawn_at IS NOT NULL, \
     p.push IS NOT NULL, 0, COALESCE(p.class, c.push_class, 'CIA-N') NOT IN ('CIA', 'CIA-PM'), i.release FROM share_item i";
const OF_READER: &str = "LEFT JOIN share_push p ON p.push = i.release AND p.org = $2 \
     LEFT JOIN share_collection c ON c.collection = p.collection";
const COPY: &str = "SELECT i.added, i.id, i.modified, i.type, i.digest, i.withdrawn_at IS NOT NULL, 1, 1, \
     i.class NOT IN ('CIA', 'CIA-PM'), i.push FROM share_own i";

// The plus keeps the place out of the choice of an index: the object leads to few rows, its place to half the stream.
const STANDS: &str = "i.audience = $1 AND i.id = $3 AND +i.added <= $4 AND i.withdrawn_at IS NULL";

fn entry_at(row: &Row<'_, '_>) -> Result<Entry, StoreFailure> {
    Ok(Entry {
        added: row.int(0)?,
        id: row.text(1)?,
        modified: row.text(2)?,
        kind: row.text(3)?,
        digest: row.text(4)?,
        withdrawn: row.truth(5)?,
        whose: match (row.truth(6)?, row.truth(7)?) {
            (false, _) => Whose::Others,
            (true, false) => Whose::Own,
            (true, true) => Whose::OwnCopy,
        },
        given_back: row.truth(8)? && row.truth(6)?,
        release: row.text(9)?,
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
    /// Where the versions of an object end for the reader, as far as it was asked.
    ends: RefCell<BTreeMap<(String, Way), End>>,
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
        let mut walk = Self {
            reader,
            audience,
            org,
            asked,
            filter,
            lanes: Lanes::Whole,
            ends: RefCell::default(),
        };
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
        let stream = format!("{ENTRY} {OF_READER} WHERE i.audience = $1 AND i.id = $3 LIMIT $4");
        let copies = format!("{COPY} WHERE i.audience = $1 AND i.org = $2 AND i.id = $3 LIMIT $4");
        let mut all = Vec::new();
        for id in &self.asked.ids {
            for sql in [&stream, &copies] {
                let room = i64::try_from(VERSIONS_MAX + 1 - all.len()).unwrap_or(0);
                let params = [
                    Value::from(&self.audience),
                    Value::from(self.org),
                    Value::from(id),
                    Value::from(room),
                ];
                all.extend(self.reader.all(sql, &params, entry_at)?);
                if all.len() > VERSIONS_MAX {
                    return Ok(None);
                }
            }
        }
        all.sort_by_key(|entry| entry.added);
        Ok(Some(all))
    }

    /// What comes after `after`, about `wanted` entries of it.
    fn batch(&self, after: i64, wanted: usize) -> Result<Batch, StoreFailure> {
        match &self.lanes {
            Lanes::Whole => {
                let entries = self.stream(None, after, wanted)?;
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
            let found = self.stream(Some(kind), after, each)?;
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

    /// What comes next in the stream and among the reader's own copies beside it.
    fn stream(
        &self,
        kind: Option<&String>,
        after: i64,
        wanted: usize,
    ) -> Result<Vec<Entry>, StoreFailure> {
        let (index, of_type) = if kind.is_some() { (OF_TYPE, "AND i.type = $6") } else { ("", "") };
        let range = "i.added > $3 AND i.added <= $4";
        let last = "ORDER BY i.added LIMIT $5";
        let stream = format!(
            "{ENTRY} {index} {OF_READER} WHERE i.audience = $1 AND {range} {of_type} {last}"
        );
        let copies =
            format!("{COPY} WHERE i.audience = $1 AND i.org = $2 AND {range} {of_type} {last}");
        let mut params = vec![
            Value::from(&self.audience),
            Value::from(self.org),
            Value::from(after),
            Value::from(self.asked.until),
            Value::from(i64::try_from(wanted).unwrap_or(i64::MAX)),
        ];
        params.extend(kind.map(Value::from));
        let mut entries = self.reader.all(&stream, &params, entry_at)?;
        entries.extend(self.reader.all(&copies, &params, entry_at)?);
        // Each gave its first ones, so the first of both together are complete.
        entries.sort_by_key(|entry| entry.added);
        entries.truncate(wanted);
        Ok(entries)
    }

    /// Whether an entry is asked for, as far as the stream itself tells.
    fn takes(&self, entry: &Entry, judge: &Judge<'_>) -> Result<bool, StoreFailure> {
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
        if versions.newest() && self.is_end(entry, Way::Newer, judge)? {
            return Ok(true);
        }
        Ok(versions.first && self.is_end(entry, Way::Older, judge)?)
    }

    /// Whether the reader may have no version of the same object beyond this one in the stream. Nothing goes because of a
    /// version that is not for it: that there is one is not told either.
    fn is_end(&self, entry: &Entry, way: Way, judge: &Judge<'_>) -> Result<bool, StoreFailure> {
        match self.beyond(entry, way)? {
            None => return Ok(true),
            Some(Whose::OwnCopy) => return Ok(false),
            Some(Whose::Own | Whose::Others) => {}
        }
        // What was looked at is in the stream; the reader's own copy is not, and is always its own to read.
        let is_copy = entry.whose == Whose::OwnCopy;
        Ok(match self.end_of(&entry.id, way, judge)? {
            End::Given(end) => !way.is_beyond(&end, &entry.modified),
            End::NotUpTo(last) => is_copy || way.is_beyond(&last, &entry.modified),
            End::None => is_copy,
        })
    }

    /// What stands beyond a version of an object, whether or not it is for the reader: its own copy, or anything else.
    fn beyond(&self, entry: &Entry, way: Way) -> Result<Option<Whose>, StoreFailure> {
        if let Lanes::Named(all) = &self.lanes {
            let mut found = None;
            for other in all.iter().filter(|other| self.stands(other, &entry.id)) {
                if way.is_beyond(&other.modified, &entry.modified) {
                    found = Some(other.whose);
                    if other.whose == Whose::OwnCopy {
                        break;
                    }
                }
            }
            return Ok(found);
        }
        let params = [
            Value::from(&self.audience),
            Value::from(self.org),
            Value::from(&entry.id),
            Value::from(self.asked.until),
            Value::from(&entry.modified),
        ];
        let which = match way {
            Way::Newer => format!("{STANDS} AND i.modified > $5"),
            Way::Older => format!("{STANDS} AND i.modified < $5"),
        };
        let copies = format!("{COPY} WHERE i.org = $2 AND {which} LIMIT 1");
        if self.reader.first(&copies, &params, entry_at)?.is_some() {
            return Ok(Some(Whose::OwnCopy));
        }
        let stream = format!("{ENTRY} {OF_READER} WHERE {which} LIMIT 1");
        let found = self.reader.first(&stream, &params, entry_at)?;
        Ok(found.map(|other| other.whose))
    }

    /// Whether an entry is one of an object, in this walk.
    fn stands(&self, entry: &Entry, id: &str) -> bool {
        entry.id == id && entry.added <= self.asked.until && !entry.withdrawn
    }

    /// The last version of an object in the stream, this way along it, that the reader is given; looked for once for each.
    fn end_of(&self, id: &str, way: Way, judge: &Judge<'_>) -> Result<End, StoreFailure> {
        let key = (id.to_owned(), way);
        if let Some(known) = self.ends.borrow().get(&key) {
            return Ok(known.clone());
        }
        let mut versions: Vec<Entry> = match &self.lanes {
            Lanes::Named(all) => {
                let of_stream = |one: &&Entry| self.stands(one, id) && one.whose != Whose::OwnCopy;
                all.iter().filter(of_stream).cloned().collect()
            }
            Lanes::Whole | Lanes::Types(_) => {
                let order = match way {
                    Way::Newer => "DESC",
                    Way::Older => "ASC",
                };
                let sql = format!(
                    "{ENTRY} {OF_READER} WHERE {STANDS} ORDER BY i.modified {order} LIMIT $5"
                );
                let params = [
                    Value::from(&self.audience),
                    Value::from(self.org),
                    Value::from(id),
                    Value::from(self.asked.until),
                    Value::from(i64::try_from(BEYOND_MAX + 1).unwrap_or(i64::MAX)),
                ];
                self.reader.all(&sql, &params, entry_at)?
            }
        };
        versions.sort_by(|one, other| one.modified.cmp(&other.modified));
        if way == Way::Newer {
            versions.reverse();
        }
        let more = versions.len() > BEYOND_MAX;
        versions.truncate(BEYOND_MAX);
        let last = versions.last().map(|one| one.modified.clone());
        let mut end = last.filter(|_| more).map_or(End::None, End::NotUpTo);
        for one in versions {
            if judge.gives(&one)? {
                end = End::Given(one.modified);
                break;
            }
        }
        self.ends.borrow_mut().insert(key, end.clone());
        Ok(end)
    }

    /// Whether the version is one of those named by their time; `last` and `first` may stand beside them.
    fn is_named(
        &self,
        entry: &Entry,
        object: &StixObject,
        judge: &Judge<'_>,
    ) -> Result<bool, StoreFailure> {
        let versions = &self.asked.versions;
        if versions.all || versions.at.is_empty() {
            return Ok(true);
        }
        let head = object.head();
        let at = head.modified.or(head.created);
        let at = at.or_else(|| Timestamp::from_microsecond(entry.added).ok());
        Ok(at.is_some_and(|at| versions.at.contains(&at))
            || (versions.last && self.is_end(entry, Way::Newer, judge)?)
            || (versions.first && self.is_end(entry, Way::Older, judge)?))
    }
}

/// Which way along the versions of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Newer,
    Older,
}

impl Way {
    /// Whether one version comes after another, going this way.
    fn is_beyond(self, one: &str, other: &str) -> bool {
        match self {
            Self::Newer => one > other,
            Self::Older => one < other,
        }
    }
}

/// What was found going along the versions of an object from its end.
#[derive(Debug, Clone)]
enum End {
    /// The first that the reader is given.
    Given(String),
    /// It is given none up to this one, and what comes after that was not looked at.
    NotUpTo(String),
    /// It is given none.
    None,
}

/// What an entry of the stream stands for.
enum Matter {
    /// Something to be judged.
    Judged(Box<Candidate>),
    /// The reader's own words.
    Own(StixObject),
}

impl Matter {
    fn object(&self) -> &StixObject {
        match self {
            Self::Judged(candidate) => candidate.object(),
            Self::Own(object) => object,
        }
    }
}

/// Judges objects for one reader at one instant.
struct Judge<'a> {
    reader: &'a Reader<'a>,
    view: &'a View,
    audience: String,
    org: &'a OrgId,
    recipient: Recipient,
    now: Timestamp,
    histories: Histories,
    /// The last entry of the record.
    as_of: i64,
    /// Objects are asked for by name: whether one is kept must not be told by how long it is.
    by_name: bool,
}

impl<'a> Judge<'a> {
    fn new(
        reader: &'a Reader<'a>,
        view: &'a View,
        org: &'a OrgId,
        now: Timestamp,
        by_name: bool,
    ) -> Result<Self, StoreFailure> {
        let recipient = audience::recipient(reader, Some(org.as_str()), &view.audience)?;
        Ok(Self {
            reader,
            view,
            audience: view.audience.label(),
            org,
            recipient,
            now,
            histories: Histories::default(),
            by_name,
            as_of: reader.number("SELECT COALESCE(MAX(position), -1) FROM office_audit", &[])?,
        })
    }

    /// Whether an entry of the stream is handed out.
    fn gives(&self, entry: &Entry) -> Result<bool, StoreFailure> {
        let rows = self.matter(entry)?.map(|matter| (entry, matter)).into_iter().collect();
        Ok(!self.served(rows)?.is_empty())
    }

    fn matter(&self, entry: &Entry) -> Result<Option<Matter>, StoreFailure> {
        let filter = &self.view.filter;
        let matter = match entry.whose {
            Whose::OwnCopy => {
                let text = read::own_copy(self.reader, &self.audience, self.org, entry.added)?;
                text.map(|text| read::parse(&text)).transpose()?.map(Matter::Own)
            }
            Whose::Own | Whose::Others => {
                let what = (entry.id.as_str(), entry.modified.as_str(), entry.digest.as_str());
                if self.by_name
                    && !entry.given_back
                    && !read::may_pass(self.reader, what, &self.recipient, self.now)?
                {
                    return Ok(None);
                }
                let found = read::version(
                    self.reader,
                    &self.histories,
                    &entry.id,
                    &entry.modified,
                    &entry.digest,
                )?;
                found.map(|found| match entry.given_back {
                    true => Matter::Own(found.object().clone()),
                    false => Matter::Judged(Box::new(found)),
                })
            }
        };
        Ok(matter.filter(|matter| match matter {
            Matter::Judged(candidate) => filter.reasons(candidate).is_empty(),
            Matter::Own(object) => entry.given_back && gate::own_tlp(object) <= filter.tlp_max,
        }))
    }

    /// What of `rows` leaves, in their order.
    fn served(&self, rows: Vec<(&Entry, Matter)>) -> Result<Vec<Served>, StoreFailure> {
        // What an object carries only adds to what it is itself: what is kept for that needs nothing else to be looked at.
        let mut left = Vec::with_capacity(rows.len());
        for (entry, matter) in rows {
            if self.may_be_served(&matter)? {
                left.push((entry, matter));
            }
        }
        let mut rows = left;
        // What the rows name is judged by its own newest version, so nothing is taken for granted here.
        let names = |(_, matter): &(&Entry, Matter)| match matter {
            Matter::Judged(one) => one.sources().cloned().collect::<Vec<String>>(),
            Matter::Own(_) => Vec::new(),
        };
        let names: BTreeSet<String> = rows.iter().flat_map(names).collect();
        let closure = read::closure(self.reader, &self.audience, BTreeMap::new(), names)?;
        let web = match closure {
            Closure::Whole(web) => web,
            // Each for itself: whether an object leaves does not depend on what it is looked at with.
            Closure::Cut(web) if rows.len() < 2 => web,
            Closure::Cut(_) => {
                let rest = rows.split_off(rows.len() / 2);
                let mut served = self.served(rows)?;
                served.extend(self.served(rest)?);
                return Ok(served);
            }
        };
        let outgoing = web.outgoing(&self.recipient, Tlp::Red, self.now);
        let mut served = Vec::new();
        for (entry, matter) in rows {
            served.extend(self.one(&web, &outgoing, entry, matter)?);
        }
        Ok(served)
    }

    /// Whether anything can be said for it still, by what it is and by what it names directly.
    fn may_be_served(&self, matter: &Matter) -> Result<bool, StoreFailure> {
        let Matter::Judged(candidate) = matter else { return Ok(true) };
        let names = &candidate.history.names;
        let bits = match names.len() > NAMES_FEW {
            true => read::bits_named(self.reader, names)?,
            false => LegalBits::default(),
        };
        Ok(candidate.may_leave(bits, &self.recipient, self.now))
    }

    fn one(
        &self,
        web: &Web,
        outgoing: &Outgoing,
        entry: &Entry,
        matter: Matter,
    ) -> Result<Option<Served>, StoreFailure> {
        let (object, tlp, digest, redacted, weight) = match matter {
            // Nothing is released by giving somebody its own words, and what they name it knows.
            Matter::Own(object) => {
                (object.clone(), gate::own_tlp(&object), entry.digest.clone(), false, None)
            }
            Matter::Judged(candidate) => {
                let tlp_max = self.view.filter.tlp_max;
                let verdict = web.judge(&candidate, &self.recipient, tlp_max, self.now);
                let Some(sent) = gate::write(outgoing, &candidate, &verdict) else {
                    return Ok(None);
                };
                let object = read::parse(&sent.text)?;
                let (tlp, weight) = (candidate.tlp(), candidate.history.weight);
                let digest =
                    if sent.redacted { object.digest().to_string() } else { candidate.digest };
                (object, tlp, digest, sent.redacted, Some(weight))
            }
        };
        let (release, whose, added) = (entry.release.clone(), entry.whose, entry.added);
        let as_of = self.as_of;
        Ok(Some(Served { added, release, whose, tlp, digest, object, redacted, as_of, weight }))
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
    if asked.probed && !asked.ids.is_empty() {
        return probed(reader, view, org, now, asked);
    }
    let walk = Walk::new(reader, view, org, asked)?;
    let judge = Judge::new(reader, view, org, now, !asked.ids.is_empty())?;
    filled(&walk, &judge)
}

/// The same for objects that a reader named, each looked up by itself.
// INVARIANT: nothing that is found out for one object makes another cheaper, and what is not handed out takes no place of
// the page. So what an answer costs, and where it ends, tells of nothing but what it holds.
fn probed(
    reader: &Reader<'_>,
    view: &View,
    org: &OrgId,
    now: Timestamp,
    asked: &Asked,
) -> Result<Slice, StoreFailure> {
    let mut until = asked.until;
    let mut found: Vec<Served> = Vec::new();
    for id in asked.ids.iter().collect::<BTreeSet<_>>() {
        let before = reader.lookups();
        let one = Asked { ids: vec![id.clone()], ..asked.clone() };
        let walk = Walk::new(reader, view, org, &one)?;
        let slice = filled(&walk, &Judge::new(reader, view, org, now, true)?)?;
        if slice.items.is_empty() {
            evened(reader, id, before)?;
        }
        // Beyond where one of them was not looked at, nothing of the others is handed out either.
        until = slice.next.map_or(until, |next| next.min(until));
        found.extend(slice.items);
        found.sort_by_key(|one| one.added);
        let mut page = Page { slice: Slice::default(), bytes: 0, limit: asked.limit };
        for one in found {
            if one.added > until || !page.takes(one) {
                break;
            }
        }
        until = page.slice.next.unwrap_or(until);
        found = page.slice.items;
    }
    Ok(Slice { items: found, next: (until < asked.until).then_some(until) })
}

/// Looks for nothing until one of few numbers of look-ups since `before` is reached.
fn evened(reader: &Reader<'_>, id: &str, before: u64) -> Result<(), StoreFailure> {
    let spent = || reader.lookups().wrapping_sub(before);
    let mut wanted = LOOKUPS_LEAST;
    while wanted < spent() {
        wanted = wanted.saturating_mul(2);
    }
    let histories = Histories::default();
    while spent() < wanted {
        read::version(reader, &histories, id, "", "")?;
    }
    Ok(())
}

fn filled(walk: &Walk<'_>, judge: &Judge<'_>) -> Result<Slice, StoreFailure> {
    let asked = walk.asked;
    let mut page = Page { slice: Slice::default(), bytes: 0, limit: asked.limit };
    let (mut cursor, mut looked, mut judged) = (asked.after, 0usize, 0usize);
    let mut wanted = (asked.limit + 1).clamp(*BATCH.start(), *BATCH.end());
    loop {
        let batch = walk.batch(cursor, wanted)?;
        looked += batch.entries.len();
        let mut taken = Vec::new();
        for entry in batch.entries {
            if walk.takes(&entry, judge)? {
                taken.push(entry);
            }
        }
        // Little by little, so that a page costs what it hands out.
        let mut rest = taken.as_slice();
        while !rest.is_empty() {
            let (rows, looked_at) = part(walk, judge, rest, wanted.min(*BATCH.end()))?;
            rest = rest.get(looked_at..).unwrap_or_default();
            judged += looked_at;
            for served in judge.served(rows)? {
                if !page.takes(served) {
                    return Ok(page.slice);
                }
            }
        }
        cursor = batch.reached;
        let items = page.slice.items.len();
        if batch.ended || cursor >= asked.until {
            return Ok(page.slice);
        }
        if looked >= ROWS_MAX || judged >= items + REFUSED_MAX {
            page.slice.next = Some(cursor);
            return Ok(page.slice);
        }
        wanted = (asked.limit + 1 - items).clamp(*BATCH.start(), *BATCH.end());
    }
}

/// The first of `entries` with what they stand for, as many as fit into a page, and how many of them were looked at.
fn part<'e>(
    walk: &Walk<'_>,
    judge: &Judge<'_>,
    entries: &'e [Entry],
    wanted: usize,
) -> Result<(Vec<(&'e Entry, Matter)>, usize), StoreFailure> {
    let (mut rows, mut bytes, mut looked_at) = (Vec::new(), 0usize, 0usize);
    for entry in entries.iter().take(wanted) {
        looked_at += 1;
        let Some(matter) = judge.matter(entry)? else { continue };
        if !walk.is_named(entry, matter.object(), judge)? {
            continue;
        }
        bytes += matter.object().text().len();
        rows.push((entry, matter));
        if bytes >= PAGE_BYTES_MAX {
            break;
        }
    }
    Ok((rows, looked_at))
}

/// A page that is being filled.
struct Page {
    slice: Slice,
    bytes: usize,
    limit: usize,
}

impl Page {
    /// Takes one more, or says where to go on.
    fn takes(&mut self, served: Served) -> bool {
        let bytes = self.bytes + served.object.text().len();
        let items = &mut self.slice.items;
        if items.len() == self.limit || (bytes > PAGE_BYTES_MAX && !items.is_empty()) {
            self.slice.next = items.last().map(|item| item.added);
            return false;
        }
        self.bytes = bytes;
        items.push(served);
        true
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
    let asked = whole(reader, view, id, 1)?;
    Ok(!page(reader, view, org, now, &asked)?.items.is_empty())
}

/// Whether a view shows its reader exactly this version with exactly these bytes now.
pub fn shows_version(
    reader: &Reader<'_>,
    view: &View,
    org: &OrgId,
    now: Timestamp,
    (id, digest): (&str, &str),
) -> Result<bool, StoreFailure> {
    let asked = whole(reader, view, id, VERSIONS_MAX)?;
    let slice = page(reader, view, org, now, &asked)?;
    Ok(slice.items.iter().any(|one| one.digest == digest && !one.redacted))
}

fn whole(reader: &Reader<'_>, view: &View, id: &str, limit: usize) -> Result<Asked, StoreFailure> {
    Ok(Asked {
        until: end(reader, &view.audience)?,
        ids: vec![id.to_owned()],
        versions: Versions { all: true, ..Versions::default() },
        limit,
        probed: true,
        ..Asked::default()
    })
}
