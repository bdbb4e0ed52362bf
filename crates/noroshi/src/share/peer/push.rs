//! Handing to a peer what was released to its organisation: through the gate, recorded before it goes, and followed
//! until the peer has said of each object what became of it.
//!
//! One object that a peer does not take alone is put aside. When it takes none of several, one after the other, it is the
//! peer that is looked at and not they: nothing counts as refused, and one object is tried from time to time, another one
//! each time, until one is taken. Then everything goes again from the first of them on.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use noroshi_evidence::marking::Tlp;
use serde_json::json;

use super::act::next;
use super::cli::batches;
use super::client::{Connection, Detail, Status, Trouble};
use super::cursor::{Awaited, Cursor, Refused};
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
/// When to ask first what became of a batch; each time after that waits twice as long, so many times.
const STATUS_WAIT: SignedDuration = SignedDuration::from_secs(1);
const STATUS_DOUBLINGS: u32 = 8;
/// So many objects that are refused alone, one after the other with nothing taken in between, say something of the peer.
const ALONE_MAX: usize = 5;
/// The peer takes nothing.
const TAKES_NOTHING: &str = "NRS-SHAR-0420";

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
        Err(problem) => {
            let judged = problem.code != TAKES_NOTHING;
            let mut change = failed(&found, problem, ctx.now);
            change.writes.extend((!judged).then(|| not_refused(&found)).into_iter().flatten());
            change
        }
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
    let mut cursor = standing.cursor.clone();
    if status.status == "pending" && !status.id.is_empty() {
        let asked = cursor.awaited.map_or(0, |before| before.asked.saturating_add(1));
        let wait = STATUS_WAIT * (1_i32 << asked.min(STATUS_DOUBLINGS));
        let Batch { upto, more, notes } = batch;
        cursor.awaited = Some(Awaited { status: status.id, upto, more, asked, notes });
        let (status, notes) = (Status::default(), Vec::new());
        return Step { cursor, status, notes, due: now + wait };
    }
    cursor.awaited = None;
    if let Some(Refused { from, tried: Some(_), .. }) = cursor.refused.take() {
        // It takes something again: everything goes in its order, this one too.
        let cursor = Cursor { pushed: Some(from), proved: Some(batch.upto), ..cursor };
        return Step { cursor, status: Status::default(), notes: Vec::new(), due: now };
    }
    past(standing, now, cursor, batch, status)
}

/// A batch is done with.
fn past(
    standing: &Standing,
    now: Timestamp,
    mut cursor: Cursor,
    batch: Batch,
    status: Status,
) -> Step {
    let Batch { upto, more, notes } = batch;
    cursor.pushed = Some(upto);
    cursor.batch = cursor.batch.map(|batch| batch.saturating_mul(2)).filter(|batch| *batch < BATCH);
    let wait =
        if more { SignedDuration::ZERO } else { SignedDuration::from_mins(standing.minutes) };
    Step { cursor, status, notes, due: now + wait }
}

async fn follow(house: &House, standing: &Standing, awaited: Awaited) -> Result<Step, Problem> {
    let peer = configured(house, standing)?;
    let id = awaited.status.clone();
    let asked = speak(peer, standing, move |connection, url| match connection.status(url, &id) {
        Err(trouble) if trouble.refuses_the_question() => Ok(Err(trouble)),
        answered => answered.map(Ok),
    });
    let Awaited { status: id, upto, more, notes, .. } = awaited;
    let mut standing = standing.clone();
    match asked.await? {
        Ok(mut status) => {
            standing.cursor.forgets = false;
            if status.id.is_empty() {
                status.id = id;
            }
            Ok(onward(&standing, house.clock.now(), Batch { upto, more, notes }, status))
        }
        // It has forgotten: the same batch is handed over once more, which changes nothing where it was taken.
        Err(trouble) if !standing.cursor.forgets => {
            let cursor = Cursor { awaited: None, forgets: true, ..standing.cursor };
            Err(Problem::of(&trouble, cursor))
        }
        // It keeps no account: what it took in is as good as taken, and no message of it counts as delivered.
        Err(_) => {
            let batch = Batch { upto, more, notes: Vec::new() };
            Ok(onward(&standing, house.clock.now(), batch, Status::default()))
        }
    }
}

/// How often it was tried in vain to find something that the peer takes, where it takes nothing.
fn tried(standing: &Standing) -> Option<usize> {
    standing.cursor.refused.as_ref().and_then(|one| one.tried)
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
    // Where the peer takes nothing, what is tried is one of as many as there are.
    let asked = if tried(standing).is_some() { None } else { standing.cursor.batch };
    let limit = asked.unwrap_or(BATCH).clamp(1, BATCH);
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
        let nothing = Batch { upto: standing.cursor.pushed.unwrap_or(0), ..Batch::default() };
        return Ok(Ok(past(standing, now, standing.cursor.clone(), nothing, Status::default())));
    };
    if items.is_empty() {
        let nothing = Batch { upto, more, notes: Vec::new() };
        let mut cursor = standing.cursor.clone();
        if !more && tried(standing).is_some() {
            // What was refused was taken back meanwhile.
            cursor.refused = None;
        }
        return Ok(Ok(past(standing, now, cursor, nothing, Status::default())));
    }
    if let Some(tried) = tried(standing) {
        // The newest first, another one each time.
        let at = items.len() - 1 - tried % items.len();
        items = vec![items.swap_remove(at)];
        (upto, more) = (items.last().map_or(upto, |one| one.added), true);
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
    Ok(match said.await {
        Ok(Ok(status)) => Ok(onward(standing, now, batch, status)),
        Ok(Err(trouble)) => refused(standing, now, &items, batch, &trouble),
        Err(problem) => Err(problem),
    })
}

/// A batch the peer does not take is handed over in two; one object it does not take alone is put aside with the peer's
/// words, and the others go on. Several of them with nothing between are the peer's trouble, and are not refused.
fn refused(
    standing: &Standing,
    now: Timestamp,
    items: &[Served],
    batch: Batch,
    trouble: &Trouble,
) -> Result<Step, Problem> {
    let mut cursor = standing.cursor.clone();
    if items.len() > 1 {
        cursor.batch = Some(items.len() / 2);
        return Ok(Step { cursor, status: Status::default(), notes: Vec::new(), due: now });
    }
    let failure = |one: &Served| Detail {
        id: one.object.head().id.to_string(),
        version: one.version(),
        message: trouble.to_string(),
    };
    let failures: Vec<Detail> = items.iter().map(failure).collect();
    if cursor.proved.is_none_or(|upto| batch.upto > upto) {
        let from = cursor.pushed.unwrap_or(0);
        let mut row =
            cursor.refused.take().unwrap_or(Refused { from, what: Vec::new(), tried: None });
        row.what.extend(failures.iter().map(|one| (one.id.clone(), one.version.clone())));
        if row.tried.is_some() || row.what.len() >= ALONE_MAX {
            let row = Refused {
                from: row.from,
                what: Vec::new(),
                tried: Some(row.tried.map_or(0, |tried| tried.saturating_add(1))),
            };
            let pushed = (row.from > 0).then_some(row.from);
            let cursor = Cursor { pushed, batch: Some(1), refused: Some(row), ..cursor };
            return Err(Problem { code: TAKES_NOTHING, ..Problem::of(trouble, cursor) });
        }
        cursor.refused = Some(row);
    }
    let status = Status { failures, ..Status::default() };
    Ok(past(standing, now, cursor, batch, status))
}

/// The writes after which what was put aside, while it was not known that the peer takes nothing, is so no more.
fn not_refused(standing: &Standing) -> Vec<Write> {
    let what = standing.cursor.refused.iter().flat_map(|row| &row.what);
    let gone = |(id, version): &(String, String)| {
        Write::new(
            "DELETE FROM share_peer_refused WHERE peer = $1 AND id = $2 AND version = $3",
            vec![Value::from(&standing.peer), Value::from(id), Value::from(version)],
        )
    };
    let mut writes: Vec<Write> = what.map(gone).collect();
    let fewer = u64::try_from(writes.len()).unwrap_or(u64::MAX);
    if fewer > 0 {
        writes.push(Write::one(
            "UPDATE share_peer SET aside = MAX(aside - $2, 0) WHERE peer = $1",
            vec![Value::from(&standing.peer), Value::from(fewer)],
        ));
    }
    writes
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
