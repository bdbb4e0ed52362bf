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
use crate::office::commit::{Change, Write};
use crate::office::id::OrgId;
use crate::office::jobs::{Outcome, Task};
use crate::office::people;
use crate::office::store::{StoreFailure, Value};
use crate::share::act::Door;
use crate::share::audience;
use crate::share::gate::Filter;
use crate::share::handed::Handing;
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
        Ok(Step { cursor, status, due }) => took(&found, &cursor, &status, due, ctx.now),
        Err(problem) => failed(&found, problem, ctx.now),
    };
    Ok(Outcome::Done(ctx, Box::new(change)))
}

/// What one job did.
struct Step {
    cursor: Cursor,
    status: Status,
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

/// Where the house goes on after an answer: further, or asking again what became of it.
fn onward(standing: &Standing, now: Timestamp, upto: i64, more: bool, status: Status) -> Step {
    let mut cursor = standing.cursor.clone();
    if status.status == "pending" && !status.id.is_empty() {
        cursor.awaited = Some(Awaited { status: status.id, upto, more });
        return Step { cursor, status: Status::default(), due: now + STATUS_WAIT };
    }
    cursor.awaited = None;
    cursor.pushed = Some(upto);
    cursor.batch = cursor.batch.map(|batch| batch.saturating_mul(2)).filter(|batch| *batch < BATCH);
    let wait =
        if more { SignedDuration::ZERO } else { SignedDuration::from_mins(standing.minutes) };
    Step { cursor, status, due: now + wait }
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
        return Ok(Step { cursor, status: Status::default(), due: house.clock.now() });
    };
    Ok(onward(standing, house.clock.now(), awaited.upto, awaited.more, status))
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
        return Ok(Ok(onward(standing, now, 0, false, Status::default())));
    };
    if items.is_empty() {
        return Ok(Ok(onward(standing, now, upto, more, Status::default())));
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
    if let Err(problem) = house.door.commit(ctx, handing.change("push", &items, now)).await {
        return Ok(Err(Problem {
            code: "NRS-SHAR-0418",
            words: problem.to_string(),
            retry_seconds: None,
            cursor: standing.cursor.clone(),
        }));
    }
    // That the batch is refused is an answer; that there is none, or none for anybody, is a trouble.
    let said = speak(peer, standing, move |connection, url| match connection.add(url, &text) {
        Err(trouble) if trouble.refuses_the_batch() => Ok(Err(trouble)),
        answered => answered.map(Ok),
    });
    Ok(said.await.map(|answered| match answered {
        Ok(status) => onward(standing, now, upto, more, status),
        Err(trouble) => refused(standing, now, &items, (upto, more), &trouble),
    }))
}

/// A batch the peer does not take is handed over in two; one object it does not take alone is put aside with the peer's
/// words, and the others go on.
fn refused(
    standing: &Standing,
    now: Timestamp,
    items: &[Served],
    (upto, more): (i64, bool),
    trouble: &Trouble,
) -> Step {
    if items.len() > 1 {
        let cursor = Cursor { batch: Some(items.len() / 2), ..standing.cursor.clone() };
        return Step { cursor, status: Status::default(), due: now };
    }
    let failure = |one: &Served| Detail {
        id: one.object.head().id.to_string(),
        version: one.version(),
        message: trouble.to_string(),
    };
    let status = Status { failures: items.iter().map(failure).collect(), ..Status::default() };
    onward(standing, now, upto, more, status)
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

fn took(
    standing: &Standing,
    cursor: &Cursor,
    status: &Status,
    due: Timestamp,
    now: Timestamp,
) -> Change {
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
    if let Some(upto) = cursor.pushed.filter(|_| cursor.awaited.is_none()) {
        change = change.write(messages_taken(standing, status, upto, now));
    }
    change.job(next(&standing.peer, standing.direction, standing.generation, due))
}

/// The peer has said what became of what was handed over: the messages among it were taken, but for those it refused.
fn messages_taken(standing: &Standing, status: &Status, upto: i64, now: Timestamp) -> Write {
    let refused: Vec<&str> = status.failures.iter().map(|one| one.id.as_str()).collect();
    Write::new(
        "UPDATE share_recall_recipient SET state = 'delivered', delivered_at = $1 WHERE org = $2 AND state = 'pending' \
         AND recall IN (SELECT r.recall FROM share_recall r JOIN share_item i ON i.id = r.notice \
         WHERE i.audience IN ('partner:' || $2, 'operator:' || $2, 'supplier:' || $2, 'national:' || $2) \
         AND i.added <= $3 AND r.notice NOT IN (SELECT value FROM json_each($4)))",
        vec![
            Value::from(now),
            Value::from(&standing.org),
            Value::from(upto),
            Value::from(json!(refused).to_string()),
        ],
    )
}
