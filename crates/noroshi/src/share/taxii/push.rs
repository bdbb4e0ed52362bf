//! Handing in (TAXII 2.1 §5.5): taken durably first, dealt with by a job, told object by object.
//!
//! The answer is given when the envelope is on disk; nothing is lost after it. The job brings the objects into the
//! graph as the pusher's own, at least as strictly marked as the collection says, and adds what was taken to the
//! stream of the collection's audience. Who may see it is decided by the gate on each page, like everything else.
//!
//! What contradicts what is held is put aside for a person, and its pusher is told and shown the same as if nothing
//! were held: nobody may find out by handing in what is here and not for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::collections::{self, Shelf};
use super::place::Root;
use super::{Ready, errors, negotiate, status};
use crate::evidence::act as evidence;
use crate::evidence::read::NODE_OF_FIRST;
use crate::evidence::rows::version_key;
use crate::house::House;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId, random_uuid};
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::store::{Reader, StoreFailure, Value};
use crate::share::serve::{self, View};
use crate::share::{act, freed, gate, read};
use crate::web::refusal::{Failure, Refusal};

/// Entries of one envelope.
pub const ENTRIES_MAX: usize = 20_000;
/// Entries dealt with in one step; after each the status tells how far it is.
const STEP: usize = 500;
/// How long an answer waits for the job, so that small envelopes are answered with what became of them.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Letters of an identifier or a version that are kept of what is no object.
const TEXT_CHARS_MAX: usize = 120;
/// The kind of job.
const KIND: &str = "share.push";

/// The jobs of this server.
pub const HANDLERS: &[(&str, Handler)] = &[(KIND, run)];

/// Takes an envelope.
pub async fn answer(
    house: &Arc<House>,
    ctx: &Ctx,
    at: (&Root, &str),
    headers: &HeaderMap,
    body: Body,
) -> Result<Ready, Failure> {
    let (root, id) = at;
    let shelf = collections::find(house, ctx, root, id).await?;
    if !collections::can_write(house, ctx, &shelf) {
        return Err(errors::forbidden("NRS-SHAR-0203"));
    }
    let bytes_max = house.config.taxii.content_bytes_max;
    negotiate::is_taxii(headers)?;
    negotiate::fits(headers, bytes_max)?;
    let bytes =
        axum::body::to_bytes(body, bytes_max).await.map_err(|_| negotiate::too_large(bytes_max))?;
    let entries = entries_of(&bytes)?;
    let push = random_uuid().to_string();
    let change = acceptance(ctx, root, &shelf, &push, &bytes, &entries);
    house.door.commit(ctx, change).await?;
    let known = settled(house, ctx, root, &push).await?;
    let body = status::resource(&push, &known).to_string();
    Ok(Ready { status: StatusCode::ACCEPTED, body, added: None, notes: Vec::new() })
}

/// An envelope as far as it must be understood to be taken.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    objects: Vec<&'a RawValue>,
}

/// What an entry calls itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    id: String,
    version: String,
}

#[derive(Deserialize)]
struct Names {
    id: Option<serde_json::Value>,
    modified: Option<serde_json::Value>,
    created: Option<serde_json::Value>,
}

fn unreadable() -> Failure {
    Refusal::new("NRS-SHAR-0220", StatusCode::UNPROCESSABLE_ENTITY).into()
}

fn entries_of(bytes: &[u8]) -> Result<Vec<Named>, Failure> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|_| unreadable())?;
    if envelope.objects.is_empty() {
        return Err(unreadable());
    }
    if envelope.objects.len() > ENTRIES_MAX {
        let refusal = Refusal::new("NRS-SHAR-0222", StatusCode::PAYLOAD_TOO_LARGE);
        return Err(refusal.arg("max", ENTRIES_MAX).into());
    }
    Ok(envelope.objects.iter().map(|raw| named(raw)).collect())
}

fn named(raw: &RawValue) -> Named {
    let names: Option<Names> = serde_json::from_str(raw.get()).ok();
    let text = |value: Option<serde_json::Value>| -> Option<String> {
        Some(value?.as_str()?.chars().take(TEXT_CHARS_MAX).collect())
    };
    let Some(Names { id, modified, created }) = names else { return Named::default() };
    Named {
        id: text(id).unwrap_or_default(),
        version: text(modified).or_else(|| text(created)).unwrap_or_default(),
    }
}

fn acceptance(
    ctx: &Ctx,
    root: &Root,
    shelf: &Shelf,
    push: &str,
    bytes: &[u8],
    entries: &[Named],
) -> Change {
    let (collection, audience) = (&shelf.collection.collection, shelf.collection.audience.label());
    let digest = Digest::of(bytes).to_string();
    let mut change = Change::office("share.push", push)
        .payload(json!({ "collection": collection, "digest": digest, "objects": entries.len() }))
        .write(Write::one(
            "INSERT INTO share_release (release, audience, collection, person, at, outcome) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                Value::from(push),
                Value::from(&audience),
                Value::from(collection),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(json!(read::Outcome::default()).to_string()),
            ],
        ))
        .write(Write::one(
            "INSERT INTO share_push (push, root, collection, audience, person, org, at, digest, body, class) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            vec![
                Value::from(push),
                Value::from(&root.path),
                Value::from(collection),
                Value::from(&audience),
                Value::from(&ctx.person),
                Value::from(&ctx.org),
                Value::from(ctx.now),
                Value::from(digest),
                Value::from(bytes.to_vec()),
                Value::from(shelf.push_class.code()),
            ],
        ))
        .job(Job {
            kind: KIND,
            subject: push.to_owned(),
            payload: json!({ "hat": ctx.hat.id() }),
            due_at: ctx.now,
        });
    for (number, entry) in (0u64..).zip(entries) {
        // An observable has no version of its own until it stands in the collection.
        let version = if entry.version.is_empty() {
            format!("{:.6}", ctx.now)
        } else {
            entry.version.clone()
        };
        change = change.write(Write::one(
            "INSERT INTO share_push_entry (push, entry, id, version) VALUES ($1, $2, $3, $4)",
            vec![
                Value::from(push),
                Value::from(number),
                Value::from(&entry.id),
                Value::from(version),
            ],
        ));
    }
    change
}

/// What is known of it when the job is done, or when the answer cannot wait longer.
async fn settled(
    house: &Arc<House>,
    ctx: &Ctx,
    root: &Root,
    push: &str,
) -> Result<status::Push, Failure> {
    let mut grown = house.door.size();
    let read = || {
        let (push, org, root) = (push.to_owned(), ctx.org.to_string(), root.path.clone());
        house.store.read(move |reader| status::push(reader, &root, &org, &push))
    };
    let done = async {
        loop {
            grown.borrow_and_update();
            match read().await? {
                Some(known) if known.complete => return Ok::<_, StoreFailure>(known),
                _ => {}
            }
            if grown.changed().await.is_err() {
                return Err(StoreFailure::Stopping);
            }
        }
    };
    match tokio::time::timeout(ANSWER_WAIT, done).await {
        Ok(Ok(known)) => Ok(known),
        Ok(Err(_)) | Err(_) => {
            read().await?.ok_or_else(|| Failure::Broken(Box::new(StoreFailure::Stopping)))
        }
    }
}

// ---- the job -----------------------------------------------------------------------------------------------------

/// An envelope that waits.
struct Waiting {
    shelf: Shelf,
    ctx: Ctx,
    body: Vec<u8>,
    pending: BTreeSet<usize>,
}

fn run(house: Arc<House>, task: Task) -> Working {
    Box::pin(async move {
        let asked = task.clone();
        let now = house.clock.now();
        let found = house.store.read(move |reader| waiting(reader, &asked, now)).await?;
        let Some(waiting) = found else {
            return Ok(Outcome::Later("what was handed in is not there".to_owned()));
        };
        match deal(&house, &task.subject, &waiting).await {
            Ok(change) => Ok(Outcome::Done(waiting.ctx, Box::new(change))),
            Err(Failure::Refused(refusal)) => Ok(Outcome::Later(refusal.code.to_owned())),
            Err(Failure::Broken(problem)) => Ok(Outcome::Later(problem.to_string())),
        }
    })
}

fn waiting(
    reader: &Reader<'_>,
    task: &Task,
    now: jiff::Timestamp,
) -> Result<Option<Waiting>, StoreFailure> {
    let found = reader.first(
        "SELECT collection, person, org, body FROM share_push WHERE push = $1 AND state = 'pending'",
        &[Value::from(&task.subject)],
        |row| Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.blob(3)?)),
    )?;
    let Some((collection, person, org, body)) = found else { return Ok(None) };
    let shelf = match read::collection(reader, &collection)? {
        Some(collection) => collections::shelf(reader, collection)?,
        None => None,
    };
    let pending = reader.all(
        "SELECT entry FROM share_push_entry WHERE push = $1 AND state = 'pending'",
        &[Value::from(&task.subject)],
        |row| Ok(usize::try_from(row.count(0)?).unwrap_or(usize::MAX)),
    )?;
    let hat = task.payload.get("hat").and_then(serde_json::Value::as_str).and_then(Hat::parse);
    let who = PersonId::parse(&person).zip(OrgId::parse(&org)).zip(hat).zip(shelf);
    Ok(who.map(|(((person, org), hat), shelf)| Waiting {
        ctx: Ctx { person, org, hat, sector: None, via: Via::Job, now, request: String::new() },
        shelf,
        body,
        pending: pending.into_iter().collect(),
    }))
}

/// Deals with everything that is still pending, step by step; the last step's change is given back.
async fn deal(house: &Arc<House>, push: &str, waiting: &Waiting) -> Result<Change, Failure> {
    let envelope: Envelope<'_> = serde_json::from_slice(&waiting.body)
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let pending: Vec<(usize, &str)> = envelope
        .objects
        .iter()
        .enumerate()
        .filter(|(at, _)| waiting.pending.contains(at))
        .map(|(at, raw)| (at, raw.get()))
        .collect();
    let mut steps = pending.chunks(STEP).peekable();
    while let Some(step) = steps.next() {
        let change = one_step(house, push, waiting, step).await?;
        if steps.peek().is_none() {
            return Ok(ending(change, push, waiting));
        }
        house.door.commit(&waiting.ctx, change).await?;
    }
    Ok(ending(Change::office("share.take", push), push, waiting))
}

fn ending(change: Change, push: &str, waiting: &Waiting) -> Change {
    change.write(Write::one(
        "UPDATE share_push SET state = 'complete', ended_at = $2, body = NULL WHERE push = $1 AND state = 'pending' \
         AND NOT EXISTS (SELECT 1 FROM share_push_entry e WHERE e.push = $1 AND e.state = 'pending')",
        vec![Value::from(push), Value::from(waiting.ctx.now)],
    ))
}

/// What becomes of one entry.
enum Fate {
    /// It is held with these very words.
    Taken(Box<StixObject>),
    /// Something else is held: it was put aside, and nobody but a person at the desk is told.
    Aside(Box<StixObject>),
    /// It is no object for this collection, whatever is held.
    Refused(String),
}

async fn one_step(
    house: &Arc<House>,
    push: &str,
    waiting: &Waiting,
    step: &[(usize, &str)],
) -> Result<Change, Failure> {
    let mut fates: BTreeMap<usize, Fate> = BTreeMap::new();
    let mut wanted: Vec<(usize, &str)> = Vec::new();
    for (at, text) in step {
        match StixObject::parse(text) {
            Ok(object) => match kept_out(&waiting.shelf, &object) {
                Some(code) => drop(fates.insert(*at, Fate::Refused(code))),
                None => {
                    wanted.push((*at, text));
                    fates.insert(*at, Fate::Taken(Box::new(object)));
                }
            },
            // It goes in all the same: what is no object is put aside with its bytes for a person to look at.
            Err(_) => wanted.push((*at, text)),
        }
    }
    if !wanted.is_empty() {
        import(house, waiting, &wanted, &mut fates).await?;
    }
    let asked = Asking {
        view: waiting.shelf.view(),
        org: waiting.ctx.org.clone(),
        now: waiting.ctx.now,
        handed: fates.values().filter_map(Handed::of).collect(),
    };
    let courses = house.store.read(move |reader| courses(reader, &asked)).await?;
    Ok(step_change(push, waiting, &fates, &courses))
}

/// Why the collection does not take an object, before anybody looks at what it says.
fn kept_out(shelf: &Shelf, object: &StixObject) -> Option<String> {
    let filter = &shelf.collection.filter;
    if !filter.types.is_empty() && !filter.types.iter().any(|one| one == object.object_type()) {
        return Some("NRS-SHAR-0110".to_owned());
    }
    let own = gate::marks_of(object).tlp.unwrap_or(Tlp::Amber);
    let strictest = shelf.push_tlp.map_or(own, |least| least.max(own));
    (strictest > filter.tlp_max).then(|| "NRS-SHAR-0111".to_owned())
}

async fn import(
    house: &Arc<House>,
    waiting: &Waiting,
    wanted: &[(usize, &str)],
    fates: &mut BTreeMap<usize, Fate>,
) -> Result<(), Failure> {
    let texts: Vec<&str> = wanted.iter().map(|(_, text)| *text).collect();
    let bundle = format!(
        r#"{{"type":"bundle","id":"bundle--{}","objects":[{}]}}"#,
        random_uuid(),
        texts.join(",")
    );
    let bundle = evidence::Bundle {
        bytes: bundle.into_bytes().into(),
        tlp: waiting.shelf.push_tlp,
        class: waiting.shelf.push_class,
        originator: waiting.ctx.org.to_string(),
    };
    let done = evidence::take(house, &waiting.ctx, bundle).await?;
    for bad in &done.quarantined {
        if let Some((at, _)) = bad.index.and_then(|index| wanted.get(index)) {
            fates.insert(*at, Fate::Refused(bad.code.to_owned()));
        }
    }
    let contradicting: BTreeSet<Key> =
        done.conflicts.into_iter().map(|one| (one.id, one.modified)).collect();
    let held = held_as(house, &contradicting).await?;
    let mut changed = Vec::new();
    for (at, _) in wanted {
        match fates.get(at) {
            Some(Fate::Taken(object)) => {
                // The same version may stand there twice with different words: the first of them are held, and stay taken.
                let key = key_of(object);
                let digest = object.digest().to_string();
                if contradicting.contains(&key) && held.get(&key) != Some(&digest) {
                    changed.push((*at, Fate::Aside(object.clone())));
                }
            }
            Some(Fate::Aside(_) | Fate::Refused(_)) => {}
            // No object for us and yet not put aside: never silently lost.
            None => changed.push((*at, Fate::Refused("NRS-SHAR-0221".to_owned()))),
        }
    }
    fates.extend(changed);
    Ok(())
}

/// The digests of these versions as they are held, of those that are.
async fn held_as(
    house: &Arc<House>,
    versions: &BTreeSet<Key>,
) -> Result<BTreeMap<Key, String>, StoreFailure> {
    if versions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let versions = versions.clone();
    let sql = format!(
        "SELECT o.digest FROM evidence_object o WHERE o.node = {NODE_OF_FIRST} AND o.modified = $2"
    );
    let read = move |reader: &Reader<'_>| {
        let mut held = BTreeMap::new();
        for key in versions {
            let params = [Value::from(&key.0), Value::from(&key.1)];
            let digest = reader.first(&sql, &params, |row| row.text(0))?;
            held.extend(digest.map(|digest| (key, digest)));
        }
        Ok(held)
    };
    house.store.read(read).await
}

type Key = (String, String);

fn key_of(object: &StixObject) -> Key {
    (object.id().to_string(), version_key(object))
}

/// What was handed in, as far as it decides where it goes.
struct Handed {
    key: Key,
    digest: String,
    /// Something else is held under its name.
    aside: bool,
}

impl Handed {
    fn of(fate: &Fate) -> Option<Self> {
        let (object, aside) = match fate {
            Fate::Taken(object) => (object, false),
            Fate::Aside(object) => (object, true),
            Fate::Refused(_) => return None,
        };
        Some(Self { key: key_of(object), digest: object.digest().to_string(), aside })
    }
}

struct Asking {
    view: View,
    org: OrgId,
    now: jiff::Timestamp,
    handed: Vec<Handed>,
}

/// Where something that was handed in goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Its pusher reads it already.
    Nowhere,
    /// Into the stream; again, when its pusher took it back. The object may come back with it, after it had left the stream.
    Stream { again: bool, returns: bool },
    /// Beside the stream, for its pusher alone: what stands in the stream says something else, was taken back by the
    /// office, or is not for the pusher.
    Own { again: bool, recalled: bool },
}

fn courses(reader: &Reader<'_>, asked: &Asking) -> Result<BTreeMap<Key, Course>, StoreFailure> {
    let mut found = BTreeMap::new();
    for handed in &asked.handed {
        if !found.contains_key(&handed.key) {
            found.insert(handed.key.clone(), course(reader, asked, handed)?);
        }
    }
    Ok(found)
}

/// How a version stands in the stream and beside it: withdrawn, the pusher's own, recalled; each `None` where it is not.
fn course(reader: &Reader<'_>, asked: &Asking, handed: &Handed) -> Result<Course, StoreFailure> {
    let (id, modified) = (&handed.key.0, &handed.key.1);
    let key = [
        Value::from(asked.view.audience.label()),
        Value::from(id),
        Value::from(modified),
        Value::from(&asked.org),
    ];
    let copy = reader.first(
        "SELECT withdrawn_at IS NOT NULL FROM share_own \
         WHERE audience = $1 AND id = $2 AND modified = $3 AND org = $4",
        &key,
        |row| row.truth(0),
    )?;
    let standing = reader.first(
        "SELECT i.withdrawn_at IS NOT NULL, \
         EXISTS (SELECT 1 FROM share_push p WHERE p.push = i.release AND p.org = $4) \
         FROM share_item i WHERE i.audience = $1 AND i.id = $2 AND i.modified = $3",
        &key,
        |row| Ok((row.truth(0)?, row.truth(1)?)),
    )?;
    let gone = is_gone(reader, id, modified)?;
    let own = |recalled| Course::Own { again: copy == Some(true), recalled };
    let returns = freed::returns(reader, &asked.view.audience.label(), id)?;
    Ok(match (standing, handed.aside) {
        _ if copy == Some(false) => Course::Nowhere,
        // Whatever it says now, its pusher reads what it said first.
        (Some((false, true)), _) => Course::Nowhere,
        (_, true) => own(false),
        (None | Some((true, _)), false) if gone => own(true),
        (None, false) => Course::Stream { again: false, returns },
        (Some((true, true)), false) => Course::Stream { again: true, returns },
        (Some((true, false)), false) => own(true),
        (Some((false, false)), false) => {
            let what = (id.as_str(), handed.digest.as_str());
            match serve::shows_version(reader, &asked.view, &asked.org, asked.now, what)? {
                true => Course::Nowhere,
                false => own(false),
            }
        }
    })
}

/// Whether the office took a version back, or its originator withdrew the object with a newer one: whichever stream it stood
/// in, it comes into no other by being handed in again.
fn is_gone(reader: &Reader<'_>, id: &str, modified: &str) -> Result<bool, StoreFailure> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM share_recall r WHERE r.id = $1 AND r.kind NOT IN ('remark', 'withdrawal') \
         AND (r.modified IS NULL OR r.modified = $2)) OR EXISTS (SELECT 1 FROM evidence_object o \
         WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1 AND o.revoked = 1 AND o.modified > $2)"
    );
    Ok(reader.number(&sql, &[Value::from(id), Value::from(modified)])? > 0)
}

fn step_change(
    push: &str,
    waiting: &Waiting,
    fates: &BTreeMap<usize, Fate>,
    courses: &BTreeMap<Key, Course>,
) -> Change {
    let mut writes = Vec::new();
    let mut added: Vec<&StixObject> = Vec::new();
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    let mut refused: Vec<serde_json::Value> = Vec::new();
    let mut aside: Vec<usize> = Vec::new();
    for (at, fate) in fates {
        let code = match fate {
            Fate::Refused(why) => {
                refused.push(json!({ "entry": at, "code": why }));
                Some(why.clone())
            }
            Fate::Taken(object) | Fate::Aside(object) => {
                if matches!(fate, Fate::Aside(_)) {
                    aside.push(*at);
                }
                let key = key_of(object);
                let course = courses.get(&key).copied().unwrap_or(Course::Nowhere);
                if course != Course::Nowhere && seen.insert(key) {
                    writes.extend(placing(push, waiting, object, course));
                    added.push(object);
                }
                None
            }
        };
        writes.push(Write::one(
            "UPDATE share_push_entry SET state = $3, code = $4 WHERE push = $1 AND entry = $2 AND state = 'pending'",
            vec![
                Value::from(push),
                Value::from(u64::try_from(*at).unwrap_or(u64::MAX)),
                Value::from(if code.is_some() { "failure" } else { "success" }),
                Value::from(code),
            ],
        ));
    }
    let ids: Vec<&str> = added.iter().map(|object| object.id().as_str()).collect();
    let payload = json!({ "objects": ids, "refused": refused, "aside": aside });
    // The log says the same of what went beside the stream: it is read by everybody.
    let mut change = if added.is_empty() {
        Change::office("share.take", push)
    } else {
        Change::new("share.take", push, fact(push, waiting, &added))
    };
    change = change.payload(payload);
    change.writes = writes;
    change
}

/// The writes that take the next place of the audience's stream for one version.
fn placing(push: &str, waiting: &Waiting, object: &StixObject, course: Course) -> Vec<Write> {
    let audience = waiting.shelf.collection.audience.label();
    let modified = version_key(object);
    let mut writes = vec![act::next_place(&audience, waiting.ctx.now)];
    match course {
        Course::Nowhere => return Vec::new(),
        Course::Stream { again, returns } => {
            if again {
                let (what, digest) = ((object.id().as_str(), modified.as_str()), object.digest());
                writes.extend(act::placed_again(&audience, what, &digest.to_string(), push));
            } else {
                writes.push(act::placed(&audience, object, push));
            }
            writes.extend(returns.then(|| freed::come_back(object.id().as_str(), &waiting.ctx)));
        }
        Course::Own { again, recalled } => {
            if again {
                writes.push(past_copy(&audience, waiting, object, &modified));
            }
            writes.push(own_copy(&audience, push, waiting, object, &modified));
            if recalled {
                let why = format!("`{}` was recalled and handed in again", object.id());
                writes.push(evidence::put_aside(&waiting.ctx, object, "NRS-SHAR-0223", why));
            }
        }
    }
    writes
}

/// The place that an own copy had before it was taken back stays provable.
fn past_copy(audience: &str, waiting: &Waiting, object: &StixObject, modified: &str) -> Write {
    Write::one(
        "INSERT INTO share_item_past (audience, added, id, modified, digest, release, withdrawn_at) \
         SELECT audience, added, id, modified, digest, push, withdrawn_at FROM share_own \
         WHERE audience = $1 AND org = $2 AND id = $3 AND modified = $4 AND withdrawn_at IS NOT NULL",
        vec![
            Value::from(audience),
            Value::from(&waiting.ctx.org),
            Value::from(object.id().as_str()),
            Value::from(modified),
        ],
    )
}

fn own_copy(
    audience: &str,
    push: &str,
    waiting: &Waiting,
    object: &StixObject,
    modified: &str,
) -> Write {
    Write::one(
        "INSERT INTO share_own (audience, org, id, modified, added, type, digest, class, push, bytes) \
         SELECT audience, $2, $3, $4, last_added, $5, $6, $7, $8, $9 FROM share_audience WHERE audience = $1 \
         ON CONFLICT (audience, org, id, modified) DO UPDATE SET added = excluded.added, digest = excluded.digest, \
         class = excluded.class, push = excluded.push, bytes = excluded.bytes, withdrawn_at = NULL",
        vec![
            Value::from(audience),
            Value::from(&waiting.ctx.org),
            Value::from(object.id().as_str()),
            Value::from(modified),
            Value::from(object.object_type()),
            Value::from(object.digest().to_string()),
            Value::from(waiting.shelf.push_class.code()),
            Value::from(push),
            Value::from(object.text()),
        ],
    )
}

/// What the log says: objects were let to an audience.
fn fact(push: &str, waiting: &Waiting, added: &[&StixObject]) -> Fact {
    let class = waiting.shelf.push_class;
    let parts: Vec<String> = added
        .iter()
        .map(|object| format!("{} {} {}\n", object.id(), version_key(object), object.digest()))
        .collect();
    let least = waiting.shelf.push_tlp.unwrap_or(Tlp::Clear);
    let marked = added.iter().map(|object| gate::marks_of(object).tlp.unwrap_or(Tlp::Amber));
    let tlp = marked.max().unwrap_or(Tlp::Clear).max(least);
    let bits = LegalBits {
        has_selected_comms: class == LegalClass::Cia,
        has_secret: class == LegalClass::CiaPm,
    };
    Fact::ShareRelease {
        release: push.to_owned(),
        collection: waiting.shelf.collection.collection.clone(),
        audience: waiting.shelf.collection.audience.label(),
        class: bits.class().code().to_owned(),
        tlp: tlp.label().to_owned(),
        has_selected_comms: bits.has_selected_comms,
        has_secret: bits.has_secret,
        objects: added.len() as u64,
        reviews: Vec::new(),
        digest: Digest::of(parts.concat().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_taken_when_it_lists_something() {
        let ok = |text: &str| entries_of(text.as_bytes()).ok();
        let good = ok(
            r#"{"more":false,"objects":[{"id":"a--1","modified":"2026"},{"id":7,"created":"2025"},3,{"id":"b"}]}"#,
        );
        let good = good.unwrap();
        let texts: Vec<(&str, &str)> =
            good.iter().map(|one| (one.id.as_str(), one.version.as_str())).collect();
        assert_eq!(texts, [("a--1", "2026"), ("", "2025"), ("", ""), ("b", "")]);
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"objects":[]}"#,
            r#"{"objects":{}}"#,
            r#"{"type":"malware","id":"malware--x"}"#,
            r#"{"objects":[1],"objects":[2]}"#,
            r#"{"objects":[1]} x"#,
            "\u{feff}{\"objects\":[1]",
        ] {
            assert!(ok(bad).is_none(), "{bad}");
        }
        // Deep nesting is walked without recursion and costs its bytes.
        let deep = format!(r#"{{"objects":[{}{}]}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(ok(&deep).map(|entries| entries.len()), Some(1));
        let many = format!(r#"{{"objects":[{}1]}}"#, "1,".repeat(ENTRIES_MAX));
        assert!(ok(&many).is_none());
    }
}
