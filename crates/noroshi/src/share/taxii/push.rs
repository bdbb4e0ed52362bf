//! Handing in (TAXII 2.1 §5.5): taken durably first, dealt with by a job, told object by object.
//!
//! The answer is given when the envelope is on disk; nothing is lost after it. The job brings the objects into the
//! graph as the pusher's own, at least as strictly marked as the collection says, and adds what was taken to the
//! stream of the collection's audience. Who may see it is decided by the gate on each page, like everything else.

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
use crate::evidence::rows::version_key;
use crate::house::House;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId, random_uuid};
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::store::{Reader, StoreFailure, Value};
use crate::share::gate;
use crate::share::read;
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
            "INSERT INTO share_push (push, root, collection, audience, person, org, at, digest, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
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
    Taken(Box<StixObject>),
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
    let (audience, org) = (waiting.shelf.collection.audience.label(), waiting.ctx.org.clone());
    let taken: Vec<(String, String)> = fates
        .values()
        .filter_map(|fate| match fate {
            Fate::Taken(object) => Some((object.id().to_string(), version_key(object))),
            Fate::Refused(_) => None,
        })
        .collect();
    let places = house.store.read(move |reader| places(reader, &audience, &org, &taken)).await?;
    Ok(step_change(push, waiting, &fates, &places))
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
    let contradicting: BTreeSet<(&str, &str)> =
        done.conflicts.iter().map(|one| (one.id.as_str(), one.modified.as_str())).collect();
    let mut refused = Vec::new();
    for (at, _) in wanted {
        match fates.get(at) {
            Some(Fate::Taken(object)) => {
                let version = version_key(object);
                if contradicting.contains(&(object.id().as_str(), version.as_str())) {
                    // What it contradicts is not said: whether anything is held is nobody's to find out this way.
                    refused.push((*at, "NRS-SHAR-0221"));
                }
            }
            Some(Fate::Refused(_)) => {}
            // No object for us and yet not put aside: never silently lost.
            None => refused.push((*at, "NRS-SHAR-0221")),
        }
    }
    for (at, code) in refused {
        fates.insert(at, Fate::Refused(code.to_owned()));
    }
    Ok(())
}

/// Where a version stands in the audience's stream already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It can be seen there.
    There,
    /// Its pusher took it back; handing it in again brings it back.
    TakenBack,
    /// The office took it back, or somebody else did; it does not come back this way.
    Recalled,
}

type Key = (String, String);

fn places(
    reader: &Reader<'_>,
    audience: &str,
    org: &OrgId,
    taken: &[Key],
) -> Result<BTreeMap<Key, Standing>, StoreFailure> {
    let mut found = BTreeMap::new();
    for (id, modified) in taken {
        let standing = reader.first(
            "SELECT i.withdrawn_at IS NULL, \
             EXISTS (SELECT 1 FROM share_push p WHERE p.push = i.release AND p.org = $4) \
             AND NOT EXISTS (SELECT 1 FROM share_recall r WHERE r.id = i.id AND r.kind <> 'withdrawal' \
             AND (r.modified IS NULL OR r.modified = i.modified)) \
             FROM share_item i WHERE i.audience = $1 AND i.id = $2 AND i.modified = $3",
            &[Value::from(audience), Value::from(id), Value::from(modified), Value::from(org)],
            |row| {
                Ok(match (row.truth(0)?, row.truth(1)?) {
                    (true, _) => Standing::There,
                    (false, true) => Standing::TakenBack,
                    (false, false) => Standing::Recalled,
                })
            },
        )?;
        if let Some(standing) = standing {
            found.insert((id.clone(), modified.clone()), standing);
        }
    }
    Ok(found)
}

fn step_change(
    push: &str,
    waiting: &Waiting,
    fates: &BTreeMap<usize, Fate>,
    places: &BTreeMap<Key, Standing>,
) -> Change {
    let audience = waiting.shelf.collection.audience.label();
    let mut writes = Vec::new();
    let mut added: Vec<&StixObject> = Vec::new();
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    let mut refused: Vec<serde_json::Value> = Vec::new();
    for (at, fate) in fates {
        let mut code = None;
        match fate {
            Fate::Refused(why) => code = Some(why.clone()),
            Fate::Taken(object) => {
                let key = (object.id().to_string(), version_key(object));
                match places.get(&key) {
                    Some(Standing::Recalled) => code = Some("NRS-SHAR-0221".to_owned()),
                    Some(Standing::There) => {}
                    standing if seen.insert(key) => {
                        let again = standing == Some(&Standing::TakenBack);
                        writes.extend(stream_writes(&audience, push, waiting, object, again));
                        added.push(object);
                    }
                    _ => {}
                }
            }
        }
        if let Some(code) = &code {
            refused.push(json!({ "entry": at, "code": code }));
        }
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
    let payload = json!({ "objects": ids, "refused": refused });
    let mut change = if added.is_empty() {
        Change::office("share.take", push)
    } else {
        Change::new("share.take", push, fact(push, waiting, &added))
    };
    change = change.payload(payload);
    change.writes = writes;
    change
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

/// The next place of the audience's stream for one version.
fn stream_writes(
    audience: &str,
    push: &str,
    waiting: &Waiting,
    object: &StixObject,
    again: bool,
) -> Vec<Write> {
    let (id, modified) = (object.id().as_str(), version_key(object));
    // INVARIANT: places grow strictly within an audience, given inside the writing transaction.
    let step = Write::one(
        "UPDATE share_audience SET last_added = CASE WHEN last_added >= $1 THEN last_added + 1 ELSE $1 END \
         WHERE audience = $2",
        vec![Value::from(waiting.ctx.now.as_microsecond()), Value::from(audience)],
    );
    let digest = object.digest().to_string();
    if again {
        let key = || vec![Value::from(audience), Value::from(id), Value::from(&modified)];
        let keep = Write::one(
            "INSERT INTO share_item_past (audience, added, id, modified, digest, release, withdrawn_at) \
             SELECT audience, added, id, modified, digest, release, withdrawn_at FROM share_item \
             WHERE audience = $1 AND id = $2 AND modified = $3 AND withdrawn_at IS NOT NULL",
            key(),
        );
        let mut params = key();
        params.extend([Value::from(digest), Value::from(push)]);
        let back = Write::one(
            "UPDATE share_item SET withdrawn_at = NULL, digest = $4, release = $5, \
             added = (SELECT last_added FROM share_audience a WHERE a.audience = $1) \
             WHERE audience = $1 AND id = $2 AND modified = $3 AND withdrawn_at IS NOT NULL",
            params,
        );
        return vec![step, keep, back];
    }
    let insert = Write::one(
        "INSERT INTO share_item (audience, added, id, modified, type, digest, release) \
         SELECT audience, last_added, $2, $3, $4, $5, $6 FROM share_audience WHERE audience = $1",
        vec![
            Value::from(audience),
            Value::from(id),
            Value::from(&modified),
            Value::from(object.object_type()),
            Value::from(digest),
            Value::from(push),
        ],
    );
    vec![step, insert]
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
