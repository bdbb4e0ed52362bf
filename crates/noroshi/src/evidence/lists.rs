//! Warning lists as the house holds them: loaded, asked, and set aside by a person with a reason.
//!
//! The loaded lists are held ready in memory ([`Held`]); one program works on a folder, so what it loads is what holds.
//! Whatever is decided by a doubt (the selector list, the guard of a measure, a feed) asks them at that moment. The rows
//! of `evidence_doubt` are for people who look at the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_charter::release::{self, Capacity, Recipient};
use noroshi_codec::feed::{Entry, Source};
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::StixObject;
use noroshi_evidence::observable::Observable;
use noroshi_evidence::pattern::{self, Reading};
use noroshi_evidence::warning::{Hit, Kind, List, Matcher, Speaks};
use noroshi_ledger::digest::Digest;
use serde_json::json;

use super::read::Sees;
use super::rows::{self, NewObject};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, Committed, Write};
use crate::office::ctx::Ctx;
use crate::office::store::{Reader, Store, StoreFailure, Value};
use crate::web::refusal::{Answer, Refusal};

/// Letters of a reason for vouching.
pub const REASON_CHARS_MAX: usize = 2_000;
/// Values of the graph judged in one step when the lists change.
const STEP: i64 = 50_000;
/// Marks written in one commit.
const CHUNK: usize = 5_000;
/// Objects followed to find what an indicator was made from; beyond it, it is not handed to operators.
const SOURCES_MAX: usize = 2_000;
/// Reasons shown of one value.
const SHOWN_MAX: usize = 8;

/// The lists and the vouched values, as of the last change.
#[derive(Default)]
pub struct Loaded {
    matcher: Matcher,
    vouched: BTreeSet<Observable>,
}

impl Loaded {
    fn read(reader: &Reader<'_>) -> Result<Self, StoreFailure> {
        let lists = reader.all(
            "SELECT name, version, kind, speaks, description, body FROM evidence_list ORDER BY name",
            &[],
            |row| {
                let name = row.text(0)?;
                let kind = Kind::from_code(&row.text(2)?);
                let speaks = u8::try_from(row.int(3)?).ok().and_then(Speaks::from_bits);
                let damaged = || StoreFailure::Damaged(format!("the warning list `{name}`"));
                Ok(List {
                    version: row.count(1)?,
                    kind: kind.ok_or_else(damaged)?,
                    speaks: speaks.ok_or_else(damaged)?,
                    description: row.text(4)?,
                    entries: row.json(5)?,
                    name,
                })
            },
        )?;
        let vouched = reader.all("SELECT value FROM evidence_vouch", &[], |row| row.text(0))?;
        let vouched = vouched.iter().filter_map(|value| Observable::parse(value).ok()).collect();
        Ok(Self { matcher: Matcher::build(&lists).0, vouched })
    }

    /// What speaks against a value, whether or not somebody vouched for it.
    pub fn hits(&self, observable: &Observable) -> Vec<Hit<'_>> {
        self.matcher.hits(observable)
    }

    /// Whether a person vouched for exactly this value.
    pub fn is_vouched(&self, observable: &Observable) -> bool {
        self.vouched.contains(observable)
    }

    /// Whether a value is on a list and nobody vouched for it: it is not looked for and not blocked.
    pub fn is_doubtful(&self, observable: &Observable) -> bool {
        !self.is_vouched(observable) && !self.hits(observable).is_empty()
    }

    /// How many lists and how many entries.
    pub fn size(&self) -> (usize, usize) {
        (self.matcher.lists(), self.matcher.entries())
    }
}

/// Where the house keeps the loaded lists.
#[derive(Default)]
pub struct Held {
    /// Owns nothing but the pointer; held only to copy or replace it.
    loaded: Mutex<Arc<Loaded>>,
}

impl Held {
    /// Reads the lists of a folder.
    pub fn open(store: &Store) -> Result<Self, StoreFailure> {
        let loaded = Arc::new(store.read_now(Loaded::read)?);
        Ok(Self { loaded: Mutex::new(loaded) })
    }

    /// The lists as of now.
    pub fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn refresh(&self, store: &Arc<Store>) -> Result<Arc<Loaded>, StoreFailure> {
        let loaded = Arc::new(store.read(Loaded::read).await?);
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&loaded);
        Ok(loaded)
    }
}

/// A list as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// How it compares.
    pub kind: String,
    /// What being on it means.
    pub description: String,
    /// How many entries.
    pub entries: u64,
    /// When it was loaded.
    pub loaded_at: Timestamp,
}

/// The loaded lists by name.
pub fn loaded(reader: &Reader<'_>) -> Result<Vec<ListRow>, StoreFailure> {
    let sql = "SELECT name, version, kind, description, entries, loaded_at FROM evidence_list ORDER BY name";
    reader.all(sql, &[], |row| {
        Ok(ListRow {
            name: row.text(0)?,
            version: row.count(1)?,
            kind: row.text(2)?,
            description: row.text(3)?,
            entries: row.count(4)?,
            loaded_at: row.time(5)?,
        })
    })
}

/// A doubtful value with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtRow {
    /// The value.
    pub value: String,
    /// Lists that hold it, and by which entry.
    pub lists: Vec<(String, String)>,
    /// Who vouched for it, why and when.
    pub vouched: Option<(String, String, Timestamp)>,
}

/// What speaks against the values that one object names.
pub fn doubts_of(reader: &Reader<'_>, item: &str) -> Result<Vec<DoubtRow>, StoreFailure> {
    let sql = "SELECT d.value, d.list, d.entry, v.person, v.reason, v.at FROM evidence_doubt d \
         LEFT JOIN evidence_vouch v ON v.kind = d.kind AND v.value = d.value \
         WHERE d.kind = $1 AND d.value = $2 ORDER BY d.list";
    let mut found: Vec<DoubtRow> = Vec::new();
    for observable in super::read::observables_of(reader, item)? {
        let value = observable.to_string();
        let asked = [Value::from(observable.stix_type()), Value::from(&value)];
        let rows = reader.all(sql, &asked, |row| {
            let vouched = match (row.text_or_none(3)?, row.text_or_none(4)?, row.time_or_none(5)?) {
                (Some(person), Some(reason), Some(at)) => Some((person, reason, at)),
                _ => None,
            };
            Ok(((row.text(1)?, row.text(2)?), vouched))
        })?;
        let Some(vouched) = rows.first().map(|(_, vouched)| vouched.clone()) else { continue };
        let lists = rows.into_iter().map(|(list, _)| list).collect();
        found.push(DoubtRow { value, lists, vouched });
    }
    found.sort_by(|a, b| a.value.cmp(&b.value));
    Ok(found)
}

/// Names of the lists that speak against a value, for messages.
pub fn names(hits: &[Hit<'_>]) -> String {
    let names: BTreeSet<&str> = hits.iter().map(|hit| hit.list).collect();
    let names: Vec<&str> = names.into_iter().take(SHOWN_MAX).collect();
    names.join(", ")
}

const INSERT_DOUBT: &str = "INSERT INTO evidence_doubt (kind, value, list, entry) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (kind, value, list) DO UPDATE SET entry = excluded.entry";

/// The marks that objects on their way into the graph bring along.
pub fn marks<'o>(loaded: &Loaded, objects: impl IntoIterator<Item = &'o NewObject>) -> Vec<Write> {
    // Nothing is asked of every object when there is nothing to ask.
    if loaded.size().0 == 0 {
        return Vec::new();
    }
    let named = objects.into_iter().flat_map(|new| rows::observables(&new.object));
    named.collect::<BTreeSet<_>>().iter().flat_map(|value| marks_of(loaded, value)).collect()
}

fn marks_of(loaded: &Loaded, observable: &Observable) -> Vec<Write> {
    let write = |hit: &Hit<'_>| {
        let params = vec![
            Value::from(observable.stix_type()),
            Value::from(observable.to_string()),
            Value::from(hit.list),
            Value::from(&hit.entry),
        ];
        Write::new(INSERT_DOUBT, params)
    };
    loaded.hits(observable).iter().map(write).collect()
}

/// What became of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is new, or replaced an older version.
    Loaded,
    /// It was held already.
    Unchanged,
    /// A later version is held, or the same one with other entries.
    Refused,
}

impl Taken {
    /// The stable code of a refusal.
    pub const REFUSED: &'static str = "NRS-EVID-0314";
}

/// Loads lists: each replaces an older version of itself. The graph is marked anew when anything changed.
pub async fn load(house: &Arc<House>, ctx: &Ctx, lists: Vec<List>) -> Answer<Vec<(String, Taken)>> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let held = house.store.read(held_versions).await?;
    let mut told = Vec::with_capacity(lists.len());
    for list in lists {
        let body = serde_json::to_string(&list.entries).unwrap_or_default();
        let digest = Digest::of(body.as_bytes()).to_string();
        let taken = match held.get(&list.name) {
            Some((version, known)) if *version == list.version && *known == digest => {
                Taken::Unchanged
            }
            Some((version, _)) if *version >= list.version => Taken::Refused,
            _ => Taken::Loaded,
        };
        if taken == Taken::Loaded {
            house.door.commit(ctx, loading(&list, &body, &digest, ctx.now)).await?;
        }
        told.push((list.name, taken));
    }
    if told.iter().any(|(_, taken)| *taken == Taken::Loaded) {
        mark_anew(house, ctx).await?;
    }
    Ok(told)
}

fn held_versions(reader: &Reader<'_>) -> Result<BTreeMap<String, (u64, String)>, StoreFailure> {
    let rows = reader.all("SELECT name, version, digest FROM evidence_list", &[], |row| {
        Ok((row.text(0)?, (row.count(1)?, row.text(2)?)))
    })?;
    Ok(rows.into_iter().collect())
}

fn loading(list: &List, body: &str, digest: &str, now: Timestamp) -> Change {
    let delete = "DELETE FROM evidence_list WHERE name = $1";
    let insert = "INSERT INTO evidence_list (name, version, kind, speaks, description, entries, body, digest, loaded_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let params = vec![
        Value::from(&list.name),
        Value::from(list.version),
        Value::from(list.kind.code()),
        Value::Int(i64::from(list.speaks.bits())),
        Value::from(&list.description),
        Value::from(list.entries.len() as u64),
        Value::from(body),
        Value::from(digest),
        Value::from(now),
    ];
    Change::office("evidence.list.load", &list.name)
        .payload(
            json!({ "version": list.version, "entries": list.entries.len(), "digest": digest }),
        )
        .write(Write::new(delete, vec![Value::from(&list.name)]))
        .write(Write::one(insert, params))
}

/// Takes a list out again.
pub async fn drop_list(house: &Arc<House>, ctx: &Ctx, name: &str) -> Answer<()> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let held = house.store.read(held_versions).await?;
    if !held.contains_key(name) {
        return Err(Refusal::absent().into());
    }
    let write = Write::one("DELETE FROM evidence_list WHERE name = $1", vec![Value::from(name)]);
    house.door.commit(ctx, Change::office("evidence.list.drop", name).write(write)).await?;
    mark_anew(house, ctx).await
}

/// Judges every value of the graph by the lists as they are now.
async fn mark_anew(house: &Arc<House>, ctx: &Ctx) -> Answer<()> {
    let loaded = house.lists.refresh(&house.store).await?;
    let mut writes = vec![Write::new("DELETE FROM evidence_doubt", Vec::new())];
    let mut after = (0, String::new());
    loop {
        let (asked, from) = (Arc::clone(&loaded), after.clone());
        let (marks, last) = house.store.read(move |reader| step(reader, &asked, &from)).await?;
        writes.extend(marks);
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    let (lists, entries) = loaded.size();
    let mut writes = writes.into_iter().peekable();
    while writes.peek().is_some() {
        let mut change = Change::office("evidence.list.mark", "evidence")
            .payload(json!({ "lists": lists, "entries": entries }));
        change.writes = writes.by_ref().take(CHUNK).collect();
        house.door.commit(ctx, change).await?;
    }
    Ok(())
}

/// A version and a value that it names.
type Named = (u64, String);

/// Marks of the values after `from`, and the last value looked at.
fn step(
    reader: &Reader<'_>,
    loaded: &Loaded,
    from: &Named,
) -> Result<(Vec<Write>, Option<Named>), StoreFailure> {
    let values = reader.all(
        "SELECT seq, value FROM evidence_naming WHERE (seq, value) > ($1, $2) ORDER BY seq, value LIMIT $3",
        &[Value::from(from.0), Value::from(&from.1), Value::Int(STEP)],
        |row| Ok((row.count(0)?, row.text(1)?)),
    )?;
    let read = values.iter().filter_map(|(_, value)| Observable::parse(value).ok());
    let marks = read.flat_map(|observable| marks_of(loaded, &observable)).collect();
    Ok((marks, values.into_iter().next_back()))
}

/// Vouches for a value: it is looked for and may be blocked although it is on a list. The reason stays with it.
pub async fn vouch(house: &Arc<House>, ctx: &Ctx, value: &str, reason: &str) -> Answer<Committed> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let wrong = |what: &'static str| {
        Refusal::new("NRS-EVID-0316", StatusCode::UNPROCESSABLE_ENTITY)
            .arg("what", what)
            .arg("max", REASON_CHARS_MAX)
    };
    let observable = Observable::parse(value).map_err(|_| wrong("value"))?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(wrong("reason").into());
    }
    let loaded = house.lists.current();
    let hits = loaded.hits(&observable);
    if hits.is_empty() {
        return Err(Refusal::new("NRS-EVID-0317", StatusCode::CONFLICT)
            .arg("value", observable.to_string())
            .into());
    }
    let insert = "INSERT INTO evidence_vouch (kind, value, person, org, reason, at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (kind, value) DO UPDATE SET person = excluded.person, org = excluded.org, \
         reason = excluded.reason, at = excluded.at";
    let params = vec![
        Value::from(observable.stix_type()),
        Value::from(observable.to_string()),
        Value::from(&ctx.person),
        Value::from(&ctx.org),
        Value::from(reason),
        Value::from(ctx.now),
    ];
    let change = Change::office("evidence.vouch", observable.to_string())
        .payload(json!({ "reason": reason, "lists": names(&hits) }))
        .write(Write::one(insert, params));
    let made = house.door.commit(ctx, change).await?;
    house.lists.refresh(&house.store).await?;
    Ok(made)
}

/// What operators' tools may be given, and how much was not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feed {
    /// The entries, sorted.
    pub entries: Vec<Entry>,
    /// How many values are on a warning list and nobody vouched for them.
    pub doubtful: usize,
    /// How many values stand in a pattern that says more than "one of these was seen".
    pub conditional: usize,
    /// How many values the release rules keep from operators.
    pub withheld: usize,
}

/// What operators' tools may be given at `now`: what indicators in force look for without further conditions, and
/// without what is doubtful or what the release rules keep from operators. `source` names the release. Which markings go
/// out is the caller's to decide.
pub fn entries(
    reader: &Reader<'_>,
    loaded: &Loaded,
    source: &Source,
    now: Timestamp,
) -> Result<Feed, StoreFailure> {
    let wanted = super::read::wanted(reader, now)?;
    let mut made = Feed::default();
    let mut known: BTreeMap<String, (StixObject, Tlp, bool)> = BTreeMap::new();
    let mut goes: BTreeMap<String, bool> = BTreeMap::new();
    for one in wanted {
        if loaded.is_doubtful(&one.observable) {
            made.doubtful += 1;
            continue;
        }
        if !goes.contains_key(&one.indicator) {
            goes.insert(one.indicator.clone(), for_operators(reader, &one.indicator, now)?);
        }
        if !goes.get(&one.indicator).is_some_and(|goes| *goes) {
            made.withheld += 1;
            continue;
        }
        if !known.contains_key(&one.indicator) {
            known.insert(one.indicator.clone(), indicator(reader, &one.indicator)?);
        }
        let Some((object, tlp, plain)) = known.get(&one.indicator) else { continue };
        if !plain {
            made.conditional += 1;
            continue;
        }
        made.entries.push(Entry {
            tlp: *tlp,
            indicator: object.id().clone(),
            observable: one.observable,
            valid_until: one.until,
            source: source.clone(),
        });
    }
    made.entries.sort();
    Ok(made)
}

/// Whether the release rules let an indicator go to an operator, whoever it is (Act art. 40).
fn for_operators(reader: &Reader<'_>, id: &str, now: Timestamp) -> Result<bool, StoreFailure> {
    // With what it was made from: a value that comes from selected information is such information on every way out.
    let Some((facts, exercise)) = crate::share::read::facts(reader, id, SOURCES_MAX)? else {
        return Ok(false);
    };
    let anyone = Recipient::of("any", Capacity::Operator);
    Ok(release::decide(&facts, &anyone, now).is_empty() && !exercise)
}

/// An indicator, its marking, and whether its pattern says no more than that one of its values was seen.
fn indicator(reader: &Reader<'_>, id: &str) -> Result<(StixObject, Tlp, bool), StoreFailure> {
    let damaged = || StoreFailure::Damaged(format!("the indicator `{id}`"));
    let found = super::read::latest(reader, Sees::ALL, &[id.to_owned()])?;
    let (row, object) = found.into_iter().next().ok_or_else(damaged)?;
    let tlp = rows::tlp_of(&row.tlp).ok_or_else(damaged)?;
    let plain = object.head().indicator.as_ref().is_some_and(|head| {
        &*head.pattern_type == "stix" && matches!(pattern::read(&head.pattern), Reading::Any(_))
    });
    Ok((object, tlp, plain))
}
