//! Handing to a peer what was released to its organisation: through the gate, recorded before it goes, and followed
//! until the peer has said of each object what became of it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use noroshi_evidence::marking::Tlp;
use serde_json::json;

use super::act::next;
use super::cli::batches;
use super::client::{Connection, Detail, Status, Trouble};
use super::cursor::{Awaited, Cursor};
use super::jobs::{Problem, access, ctx_of, cursor_text, failed, put_aside};
use super::read::{self, Standing};
use crate::config::Peer;
use crate::house::House;
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::id::OrgId;
use crate::office::jobs::{Outcome, Task};
use crate::office::people;
use crate::office::store::{StoreFailure, Value};
use crate::share::act::Door;
use crate::share::audience;
use crate::share::gate::Filter;
use crate::share::handed::{self, Handing};
use crate::share::serve::{self, Asked, Served, Versions, View};

/// Objects of one batch.
const BATCH: usize = 500;
/// When to ask again what became of a batch.
const STATUS_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// The handler of `share.peer.push`.
pub async fn push(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
    let asked = task.subject.clone();
    let found = house.store.read(move |reader| read::standing(reader, &asked)).await?;
    let found = found.ok_or_else(|| StoreFailure::Damaged("a peer is gone".to_owned()))?;
    let ctx = ctx_of(&house, &found)
        .ok_or_else(|| StoreFailure::Damaged("a peer's authority cannot be read".to_owned()))?;
    let generation = task.payload.get("generation").and_then(serde_json::Value::as_i64);
    if !found.on || generation != Some(found.generation) {
        return Ok(Outcome::Done(
            ctx,
            Box::new(Change::office("share.peer.passed", &task.subject)),
        ));
    }
    // A place in what the peer was before is none in what it is now.
    let peer = house.config.peers.iter().find(|one| one.name == found.peer);
    let found = peer.map_or_else(|| found.clone(), |peer| found.within(peer));
    let done = match &found.cursor.awaited {
        Some(awaited) => follow(&house, &found, awaited.clone()).await,
        None => hand(&house, &ctx, &found).await?,
    };
    let change = match done {
        Ok(step) => took(&found, &step, ctx.now),
        Err(problem) => failed(&found, problem, ctx.now),
    };
    Ok(Outcome::Done(ctx, Box::new(change)))
}

/// What one job did.
struct Step {
    cursor: Cursor,
    status: Status,
    /// The notes of the batch that the peer has spoken about.
    notes: Vec<String>,
    /// When to go on.
    due: Timestamp,
}

fn configured(house: &House, standing: &Standing) -> Result<Peer, Problem> {
    let peer = house.config.peers.iter().find(|one| one.name == standing.peer).cloned();
    peer.ok_or_else(|| Problem {
        code: "NRS-SHAR-0417",
        words: "it is no longer in the configuration".to_owned(),
        retry_seconds: None,
        cursor: standing.cursor.clone(),
    })
}

/// Speaks with the peer off the async threads.
async fn speak<T: Send + 'static>(
    peer: Peer,
    standing: &Standing,
    words: impl FnOnce(&Connection, &str) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Problem> {
    let spoken = tokio::task::spawn_blocking(move || {
        let connection = Connection::open(&access(&peer))?;
        let url = connection.collection(&peer.url, peer.collection.as_deref())?;
        words(&connection, &url)
    });
    let answered = spoken.await.unwrap_or_else(|_| Err(Trouble::Unreachable("stopped".to_owned())));
    answered.map_err(|trouble| Problem::of(&trouble, standing.cursor.clone()))
}

/// A batch as it was handed over: where it ends, whether there is more, and the notes in it.
#[derive(Debug, Clone, Default)]
struct Batch {
    upto: i64,
    more: bool,
    notes: Vec<String>,
}

/// Where the house goes on after an answer: further, or asking again what became of it.
fn onward(standing: &Standing, now: Timestamp, batch: Batch, status: Status) -> Step {
    let Batch { upto, more, notes } = batch;
    let mut cursor = standing.cursor.clone();
    if status.status == "pending" && !status.id.is_empty() {
        cursor.awaited = Some(Awaited { status: status.id, upto, more, notes });
        let (status, notes) = (Status::default(), Vec::new());
        return Step { cursor, status, notes, due: now + STATUS_WAIT };
    }
    cursor.awaited = None;
    cursor.pushed = Some(upto);
    cursor.batch = cursor.batch.map(|batch| batch.saturating_mul(2)).filter(|batch| *batch < BATCH);
    let wait =
        if more { SignedDuration::ZERO } else { SignedDuration::from_mins(standing.minutes) };
    Step { cursor, status, notes, due: now + wait }
}

async fn follow(house: &House, standing: &Standing, awaited: Awaited) -> Result<Step, Problem> {
    let peer = configured(house, standing)?;
    let id = awaited.status.clone();
    let asked = speak(peer, standing, move |connection, url| {
        match connection.status(url, &id) {
            // It has forgotten: the same batch is handed over again, which changes nothing where it was taken.
            Err(trouble) if trouble.refuses_the_question() => Ok(None),
            answered => answered.map(Some),
        }
    });
    let Some(status) = asked.await? else {
        let cursor = Cursor { awaited: None, ..standing.cursor.clone() };
        let (status, notes) = (Status::default(), Vec::new());
        return Ok(Step { cursor, status, notes, due: house.clock.now() });
    };
    let Awaited { upto, more, notes, .. } = awaited;
    Ok(onward(standing, house.clock.now(), Batch { upto, more, notes }, status))
}

/// The next batch as the gate lets it out now, and where it ends.
async fn batch(
    house: &Arc<House>,
    standing: &Standing,
    types: Vec<String>,
    now: Timestamp,
) -> Result<Option<(View, Vec<Served>, i64, bool)>, StoreFailure> {
    let Some(org) = OrgId::parse(&standing.org) else { return Ok(None) };
    let after = standing.cursor.pushed.unwrap_or(0);
    let limit = standing.cursor.batch.unwrap_or(BATCH).clamp(1, BATCH);
    house
        .store
        .read(move |reader| {
            let Some(found) = people::find_org(reader, &org)? else { return Ok(None) };
            let Some(audience) = audience::own(&found) else { return Ok(None) };
            let until = serve::end(reader, &audience)?;
            let filter = Filter { types, tlp_max: Tlp::Red };
            let view = View { audience, filter };
            let versions = Versions { all: true, ..Versions::default() };
            let asked = Asked { after, until, versions, limit, ..Asked::default() };
            let slice = serve::page(reader, &view, &org, now, &asked)?;
            let upto = slice.next.unwrap_or(until);
            Ok(Some((view, slice.items, upto, slice.next.is_some())))
        })
        .await
}

async fn hand(
    house: &Arc<House>,
    ctx: &crate::office::ctx::Ctx,
    standing: &Standing,
) -> Result<Result<Step, Problem>, StoreFailure> {
    let peer = match configured(house, standing) {
        Ok(peer) => peer,
        Err(problem) => return Ok(Err(problem)),
    };
    let now = ctx.now;
    let found = batch(house, standing, peer.types.clone(), now).await?;
    let Some((view, mut items, mut upto, mut more)) = found else {
        return Ok(Ok(onward(standing, now, Batch::default(), Status::default())));
    };
    if items.is_empty() {
        let nothing = Batch { upto, more, notes: Vec::new() };
        return Ok(Ok(onward(standing, now, nothing, Status::default())));
    }
    let first = batches(items.iter().map(|one| &one.object)).into_iter().next();
    let text = first.unwrap_or_else(|| "[]".to_owned());
    // What did not fit into one request goes with the next.
    let fits = count_that_fit(&items, &text);
    if fits < items.len() {
        items.truncate(fits);
        upto = items.last().map_or(upto, |one| one.added);
        more = true;
    }
    let org = OrgId::parse(&standing.org)
        .ok_or_else(|| StoreFailure::Damaged("a peer's organisation".to_owned()))?;
    let handing = Handing {
        recipient: &org,
        audience: &view.audience,
        through: &standing.peer,
        door: Door::Stream,
    };
    match house.door.commit(ctx, handing.change("push", &items, now)).await {
        Ok(_) => {}
        // Something of it changed since it was looked at: nothing went, and it is looked at again.
        Err(CommitFailure::Conflict { .. }) => {
            let (cursor, status) = (standing.cursor.clone(), Status::default());
            return Ok(Ok(Step { cursor, status, notes: Vec::new(), due: now }));
        }
        Err(problem) => {
            return Ok(Err(Problem {
                code: "NRS-SHAR-0418",
                words: problem.to_string(),
                retry_seconds: None,
                cursor: standing.cursor.clone(),
            }));
        }
    }
    // That the batch is refused is an answer; that there is none, or none for anybody, is a trouble.
    let said = speak(peer, standing, move |connection, url| match connection.add(url, &text) {
        Err(trouble) if trouble.refuses_the_batch() => Ok(Err(trouble)),
        answered => answered.map(Ok),
    });
    let batch = Batch { upto, more, notes: handed::notes(&items) };
    Ok(said.await.map(|answered| match answered {
        Ok(status) => onward(standing, now, batch, status),
        Err(trouble) => refused(standing, now, &items, batch, &trouble),
    }))
}

/// A batch the peer does not take is handed over in two; one object it does not take alone is put aside with the peer's
/// words, and the others go on.
fn refused(
    standing: &Standing,
    now: Timestamp,
    items: &[Served],
    batch: Batch,
    trouble: &Trouble,
) -> Step {
    if items.len() > 1 {
        let cursor = Cursor { batch: Some(items.len() / 2), ..standing.cursor.clone() };
        return Step { cursor, status: Status::default(), notes: Vec::new(), due: now };
    }
    let failure = |one: &Served| Detail {
        id: one.object.head().id.to_string(),
        version: one.version(),
        message: trouble.to_string(),
    };
    let status = Status { failures: items.iter().map(failure).collect(), ..Status::default() };
    onward(standing, now, batch, status)
}

/// How many of `items` stand in the first batch: its text is theirs, joined.
fn count_that_fit(items: &[Served], text: &str) -> usize {
    let mut length = 2;
    items
        .iter()
        .take_while(|one| {
            length += one.object.text().len() + usize::from(length > 2);
            length <= text.len()
        })
        .count()
}

fn took(standing: &Standing, step: &Step, now: Timestamp) -> Change {
    let Step { cursor, status, notes, due } = step;
    let due = *due;
    let current = cursor.awaited.is_none() && due > now;
    let mut change = Change::office("share.peer.push", &standing.peer)
        .payload(json!({
            "taken": status.success_count, "refused": status.failures.len(), "cursor": cursor,
        }))
        .write(Write::one(
            "UPDATE share_peer SET version = version + 1, cursor = $3, taken = taken + $4, aside = aside + $5, \
             failures = 0, error_code = NULL, error = NULL, tried_at = $6, ok_at = $6, \
             current_at = CASE WHEN $7 = 1 THEN $6 ELSE current_at END, due_at = $8 WHERE peer = $1 AND version = $2",
            vec![
                Value::from(&standing.peer),
                Value::from(standing.version),
                Value::from(cursor_text(cursor)),
                Value::from(status.success_count),
                Value::from(status.failures.len() as u64),
                Value::from(now),
                Value::from(current),
                Value::from(due),
            ],
        ));
    change.writes.extend(put_aside(standing, &status.failures, now));
    if !notes.is_empty() {
        change = change.write(messages_taken(standing, status, notes, now));
    }
    change.job(next(&standing.peer, standing.direction, standing.generation, due))
}

/// The peer has said what became of one batch: the messages in it were taken, but for those it refused. What was handed
/// over before, or not at all, is no part of it.
fn messages_taken(standing: &Standing, status: &Status, notes: &[String], now: Timestamp) -> Write {
    let refused = |note: &&String| status.failures.iter().any(|one| one.id == **note);
    let taken: Vec<&String> = notes.iter().filter(|note| !refused(note)).collect();
    Write::new(
        "UPDATE share_recall_recipient SET state = 'delivered', delivered_at = $1 WHERE org = $2 AND state = 'pending' \
         AND recall IN (SELECT r.recall FROM json_each($3) j JOIN share_recall r ON r.notice = j.value)",
        vec![Value::from(now), Value::from(&standing.org), Value::from(json!(taken).to_string())],
    )
}
