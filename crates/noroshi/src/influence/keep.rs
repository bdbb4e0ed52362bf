//! What is over is deleted: a job a day for each collection, which writes its counts into the log and asks for the next.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_charter::keeping::{Kind, is_over};
use serde_json::{Value as Json, json};

use super::gather::{remove, upload};
use super::keys;
use super::read::{self, Collection};
use super::run::{read as runs, results};
use super::vault::{self, Purged, Vault, VaultFailure};
use crate::house::House;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId};
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::store::{StoreFailure, Value};

/// Handlers by kind of job.
pub const HANDLERS: &[(&str, Handler)] =
    &[("influence.keep.sweep", |house, task| -> Working { Box::pin(sweep(house, task)) })];

/// Between two deletions of a collection.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Files that wait to be read and are looked at in one deletion.
const UPLOADS_MAX: u32 = 1_000;
/// Runs that are looked at in one deletion.
const RUNS_MAX: u32 = 10_000;

/// Who a job acts for.
pub(super) fn actor(ctx: &Ctx) -> Json {
    json!({ "person": ctx.person, "org": ctx.org, "hat": ctx.hat.id() })
}

/// The context of a job: whoever asked for it, now.
pub(super) fn ctx_of(house: &House, payload: &Json) -> Option<Ctx> {
    let actor = payload.get("ctx")?;
    let text = |name: &str| actor.get(name).and_then(Json::as_str);
    Some(Ctx {
        person: PersonId::parse(text("person")?)?,
        org: OrgId::parse(text("org")?)?,
        hat: Hat::parse(text("hat")?)?,
        sector: None,
        via: Via::Job,
        now: house.clock.now(),
        request: String::new(),
    })
}

/// The next deletion of a collection after `now`.
pub(super) fn next(ctx: &Ctx, collection: &str, now: Timestamp) -> Job {
    Job {
        kind: "influence.keep.sweep",
        subject: collection.to_owned(),
        payload: json!({ "ctx": actor(ctx) }),
        due_at: now + EVERY,
    }
}

fn damaged(what: impl ToString) -> StoreFailure {
    StoreFailure::Damaged(what.to_string())
}

async fn sweep(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
    let ctx = ctx_of(&house, &task.payload).ok_or_else(|| damaged("a job's actor"))?;
    sweep_at(&house, &ctx, &task.subject, ctx.now).await
}

/// Deletes what of a collection is over at `now`. When nothing is left and nothing can come in any more, its file and its
/// key go too, and there is no next deletion.
pub async fn sweep_at(
    house: &Arc<House>,
    ctx: &Ctx,
    collection: &str,
    now: Timestamp,
) -> Result<Outcome, StoreFailure> {
    let id = collection.to_owned();
    let (found, is_held, imports, runs) = house
        .store
        .read(move |reader| {
            Ok((
                read::collection(reader, &id)?,
                read::is_held(reader, &id)?,
                read::imports(reader, &id, UPLOADS_MAX)?,
                runs::runs(reader, &id, RUNS_MAX)?,
            ))
        })
        .await?;
    let found = found.ok_or_else(|| damaged("a collection is gone"))?;
    for import in &imports {
        if is_over(&found.periods(), Kind::Upload, import.at, now, false) {
            remove(&upload(&house.dir, &import.import))?;
        }
    }
    let (dir, of) = (house.dir.clone(), found.clone());
    let purge = tokio::task::spawn_blocking(move || purge(&dir, &of, is_held, now));
    let (purged, left) = purge.await.map_err(|_| StoreFailure::Stopping)?.map_err(damaged)?;
    let closed = found.state(now) != "open" && found.state(now) != "asked";
    let ends = left == 0 && closed && !is_held;
    // What a run found holds accounts as posts do, and goes with them.
    for run in &runs {
        if ends || is_over(&found.periods(), Kind::Post, run.at, now, is_held) {
            remove(&results::path(&house.dir, &run.run))?;
            remove(&results::shares_path(&house.dir, &run.run))?;
        }
    }
    let change = record(ctx, collection, &purged, now, ends);
    if ends {
        destroy(&house.dir, collection)?;
        return Ok(Outcome::Done(ctx.clone(), Box::new(change)));
    }
    Ok(Outcome::Done(ctx.clone(), Box::new(change.job(next(ctx, collection, now)))))
}

fn record(ctx: &Ctx, collection: &str, purged: &Purged, now: Timestamp, ends: bool) -> Change {
    let id = super::act::fresh(ctx, "purge");
    Change::office("influence.purge", collection)
        .payload(json!({
            "purge": id, "posts": purged.posts, "texts": purged.texts, "accounts": purged.accounts,
            "watched": purged.watched, "at": now, "ends": ends,
        }))
        .write(Write::one(
            "INSERT INTO influence_purge (purge, collection, at, posts, texts, accounts, watched) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                Value::from(&id),
                Value::from(collection),
                Value::from(now),
                Value::from(purged.posts),
                Value::from(purged.texts),
                Value::from(purged.accounts),
                Value::from(purged.watched),
            ],
        ))
}

fn purge(
    dir: &std::path::Path,
    collection: &Collection,
    is_held: bool,
    now: Timestamp,
) -> Result<(Purged, u64), VaultFailure> {
    let Some(mut vault) = Vault::existing(dir, &collection.collection)? else {
        return Ok((Purged::default(), 0));
    };
    let purged = vault.purge(&collection.periods(), is_held, now)?;
    Ok((purged, vault.holding()?.posts))
}

/// Removes the file and the key of a collection of which nothing is left.
fn destroy(dir: &std::path::Path, collection: &str) -> std::io::Result<()> {
    let file = vault::path(dir, collection);
    for end in ["", "-wal", "-shm"] {
        let mut name = file.clone().into_os_string();
        name.push(end);
        remove(std::path::Path::new(&name))?;
    }
    remove(&keys::path(dir, collection))?;
    Ok(())
}
