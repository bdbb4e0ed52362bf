//! What is over is deleted: a job a day for each collection, which writes its counts into the log and asks for the next.
//!
//! It runs in the lane of what is read in, under the collection as its subject: nothing comes in while something is deleted,
//! and a file is never made anew after its end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_charter::keeping::{Hold, Kind, Periods, is_over};
use serde_json::{Value as Json, json};

use super::gather::{remove, upload, uploads};
use super::keys;
use super::read::{self, Collection, Waiting};
use super::run::read::{self as runs, Run};
use super::run::relabel;
use super::run::results::{self, Results};
use super::vault::{self, Purged, Stays, Vault, VaultFailure};
use crate::house::House;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId};
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::store::{StoreFailure, Value};

/// Handlers by kind of job.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("influence.gather.sweep", |house, task| -> Working { Box::pin(sweep(house, task)) }),
    // What waits under this name comes into the lane of what is read in.
    ("influence.keep.sweep", |house, task| -> Working { Box::pin(moved(house, task)) }),
];

/// Between two deletions of a collection.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
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
        kind: "influence.gather.sweep",
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

async fn moved(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
    let ctx = ctx_of(&house, &task.payload).ok_or_else(|| damaged("a job's actor"))?;
    let job = Job { due_at: ctx.now, ..next(&ctx, &task.subject, ctx.now) };
    let change = Change::office("influence.purge.due", task.subject).job(job);
    Ok(Outcome::Done(ctx, Box::new(change)))
}

/// What a deletion goes by.
struct Facts {
    collection: Collection,
    hold: Hold,
    waiting: Vec<Waiting>,
    runs: Vec<Run>,
}

/// What became of a deletion.
struct Swept {
    purged: Purged,
    /// Imports whose file was deleted before anybody had it read.
    expired: Vec<String>,
    /// Whether nothing is left and nothing can come in any more.
    ends: bool,
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
    let facts = house.store.read(move |reader| {
        Ok(read::collection(reader, &id)?.map(|collection| {
            Ok::<_, StoreFailure>(Facts {
                collection,
                hold: read::held(reader, &id)?,
                waiting: read::waiting(reader)?,
                runs: runs::runs(reader, &id, RUNS_MAX)?,
            })
        }))
    });
    let facts = facts.await?.ok_or_else(|| damaged("a collection is gone"))??;
    let dir = house.dir.clone();
    let swept = tokio::task::spawn_blocking(move || sweep_files(&dir, &facts, now));
    let swept = swept.await.map_err(|_| StoreFailure::Stopping)?.map_err(damaged)?;
    let change = record(ctx, collection, &swept, now);
    if swept.ends {
        return Ok(Outcome::Done(ctx.clone(), Box::new(change)));
    }
    Ok(Outcome::Done(ctx.clone(), Box::new(change.job(next(ctx, collection, now)))))
}

fn sweep_files(dir: &Path, facts: &Facts, now: Timestamp) -> Result<Swept, VaultFailure> {
    let (found, periods) = (&facts.collection, facts.collection.periods());
    let closed = !matches!(found.state(now), "open" | "asked");
    let (expired, files_left) = sweep_uploads(dir, facts, closed, now)?;
    let stays = match facts.hold {
        Hold::Nothing => Stays::Nothing,
        Hold::Found => Stays::Accounts(acted_together(dir, &facts.runs)?),
        Hold::Everything => Stays::Everything,
    };
    let (purged, left) = purge(dir, found, &stays, now)?;
    let own = |one: &&Waiting| one.collection == found.collection && one.is_reading;
    let is_read = facts.waiting.iter().any(|one| own(&one));
    let is_run = facts.runs.iter().any(|run| run.state == "running");
    let ends =
        left == 0 && closed && facts.hold == Hold::Nothing && !files_left && !is_read && !is_run;
    for run in &facts.runs {
        sweep_run(dir, run, (found.created_at, &periods), (facts.hold, ends), now)?;
    }
    if ends {
        destroy(dir, &found.collection)?;
    }
    Ok(Swept { purged, expired, ends })
}

/// Files that were handed in go when they are too old, when their collection takes nothing in any more, or when no record
/// speaks of them. Gives the imports whose file went before it was read, and whether a file is left that may still become
/// somebody's.
fn sweep_uploads(
    dir: &Path,
    facts: &Facts,
    closed: bool,
    now: Timestamp,
) -> Result<(Vec<String>, bool), VaultFailure> {
    let periods = facts.collection.periods();
    let mut expired = Vec::new();
    for one in facts.waiting.iter().filter(|one| one.collection == facts.collection.collection) {
        // What is being read is needed until it was; the job that reads it deletes it.
        let is_old = is_over(&periods, Kind::Upload, one.at, now, false);
        if !one.is_reading && (is_old || closed) {
            remove(&upload(dir, &one.import))?;
            expired.push(one.import.clone());
        } else if is_old {
            remove(&upload(dir, &one.import))?;
        }
    }
    let known: BTreeMap<&str, &Waiting> =
        facts.waiting.iter().map(|one| (one.import.as_str(), one)).collect();
    let mut is_left = false;
    for (import, written_at) in uploads(dir)? {
        if known.contains_key(import.as_str()) {
            continue;
        }
        // It is being handed in, or whoever handed it in was interrupted.
        if is_over(&periods, Kind::Upload, written_at, now, false) {
            remove(&upload(dir, &import))?;
        } else {
            is_left = true;
        }
    }
    Ok((expired, is_left))
}

/// What a run read goes when the oldest post goes that it read; so does what it found, unless a case keeps those who were
/// found to act together.
fn sweep_run(
    dir: &Path,
    run: &Run,
    (created_at, periods): (Timestamp, &Periods),
    (hold, ends): (Hold, bool),
    now: Timestamp,
) -> Result<(), VaultFailure> {
    // Where nothing is known of what it read, the collection's beginning bounds it.
    let oldest = run.oldest.unwrap_or(created_at);
    let is_over = is_over(periods, Kind::Post, oldest, now, hold == Hold::Everything);
    if ends || is_over {
        remove(&results::shares_path(dir, &run.run))?;
    }
    let is_kept = hold == Hold::Found && run.parameters.engine == "coordination";
    if ends || (is_over && !is_kept) {
        remove(&results::path(dir, &run.run))?;
    }
    Ok(())
}

/// The accounts that runs found in groups that may leave the collection.
fn acted_together(dir: &Path, runs: &[Run]) -> Result<BTreeSet<String>, VaultFailure> {
    let mut accounts = BTreeSet::new();
    for run in
        runs.iter().filter(|run| run.state == "done" && run.parameters.engine == "coordination")
    {
        let Some(results) = Results::open(dir, &run.run)? else { continue };
        accounts.extend(relabel::that_leave(&results)?);
    }
    Ok(accounts)
}

fn record(ctx: &Ctx, collection: &str, swept: &Swept, now: Timestamp) -> Change {
    let (id, purged) = (super::act::fresh(ctx, "purge"), &swept.purged);
    let change = Change::office("influence.purge", collection)
        .payload(json!({
            "purge": id, "posts": purged.posts, "texts": purged.texts, "accounts": purged.accounts,
            "watched": purged.watched, "at": now, "ends": swept.ends, "expired": swept.expired,
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
        ));
    swept.expired.iter().fold(change, |change, import| {
        change.write(Write::new(
            "UPDATE influence_import SET state = 'expired', done_at = $2 WHERE import = $1 AND state = 'held'",
            vec![Value::from(import), Value::from(now)],
        ))
    })
}

fn purge(
    dir: &Path,
    collection: &Collection,
    stays: &Stays,
    now: Timestamp,
) -> Result<(Purged, u64), VaultFailure> {
    let Some(mut vault) = Vault::existing(dir, &collection.collection)? else {
        return Ok((Purged::default(), 0));
    };
    let purged = vault.purge(&collection.periods(), stays, now)?;
    Ok((purged, vault.holding()?.posts))
}

/// Removes the file and the key of a collection of which nothing is left.
fn destroy(dir: &Path, collection: &str) -> std::io::Result<()> {
    let file = vault::path(dir, collection);
    for end in ["", "-wal", "-shm"] {
        let mut name = file.clone().into_os_string();
        name.push(end);
        remove(Path::new(&name))?;
    }
    remove(&keys::path(dir, collection))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::run::act::Parameters;
    use super::*;

    fn days(days: i64) -> SignedDuration {
        SignedDuration::from_hours(24 * days)
    }

    fn facts(waiting: Vec<Waiting>) -> Facts {
        let begun = Timestamp::UNIX_EPOCH;
        Facts {
            collection: Collection {
                collection: "collection-1".to_owned(),
                title: String::new(),
                purpose: String::new(),
                legal_basis: String::new(),
                from: begun,
                until: begun + days(100),
                volume_max: 1,
                days: (180, 30, 14),
                seeds: Vec::new(),
                requester: String::new(),
                org: String::new(),
                created_at: begun,
                decision: Some(read::Decision {
                    by: String::new(),
                    at: begun,
                    allowed: true,
                    reason: String::new(),
                }),
                stopped: Some((begun, String::new())),
                taken: 0,
            },
            hold: Hold::Nothing,
            waiting,
            runs: Vec::new(),
        }
    }

    #[test]
    fn reading_and_deleting_wait_for_each_other() {
        let lane = |kind: &str| kind.rsplit_once('.').unwrap().0.to_owned();
        let reads = super::super::gather::HANDLERS.iter().map(|one| lane(one.0));
        assert!(reads.into_iter().all(|one| one == lane(HANDLERS[0].0)));
    }

    #[test]
    fn nothing_ends_while_something_is_read_or_run() {
        let dir = tempfile::tempdir().unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let waits = |collection: &str| Waiting {
            import: "import-1".to_owned(),
            collection: collection.to_owned(),
            is_reading: true,
            at,
        };
        let ends = |facts: &Facts| sweep_files(dir.path(), facts, at).unwrap().ends;
        assert!(!ends(&facts(vec![waits("collection-1")])));
        assert!(ends(&facts(vec![waits("collection-2")])));
        let run = run(at);
        assert!(!ends(&Facts {
            runs: vec![Run { state: "running".to_owned(), ..run.clone() }],
            ..facts(Vec::new())
        }));
        assert!(ends(&Facts { runs: vec![run], ..facts(Vec::new()) }));
    }

    fn run(oldest: Timestamp) -> Run {
        let parameters = r#"{ "engine": "coordination", "traces": ["url"] }"#;
        let parameters: Parameters = serde_json::from_str(parameters).unwrap();
        Run {
            run: "run-1".to_owned(),
            collection: "collection-1".to_owned(),
            parameters,
            digest: String::new(),
            input: None,
            state: "done".to_owned(),
            person: String::new(),
            // Asked for long after the posts came in.
            at: oldest + days(100),
            summary: Json::Null,
            oldest: Some(oldest),
        }
    }

    #[test]
    fn what_a_run_read_goes_when_the_oldest_post_goes() {
        let dir = tempfile::tempdir().unwrap();
        let begun = Timestamp::UNIX_EPOCH;
        let files = [results::path(dir.path(), "run-1"), results::shares_path(dir.path(), "run-1")];
        let left = |hold: Hold, after: SignedDuration| {
            std::fs::create_dir_all(files[0].parent().unwrap()).unwrap();
            files.iter().for_each(|file| std::fs::write(file, "x").unwrap());
            let periods = Periods::default();
            sweep_run(dir.path(), &run(begun), (begun, &periods), (hold, false), begun + after)
                .unwrap();
            files.each_ref().map(|file| std::fs::exists(file).unwrap())
        };
        assert_eq!(left(Hold::Nothing, days(180)), [true, true]);
        assert_eq!(left(Hold::Nothing, days(181)), [false, false]);
        assert_eq!(left(Hold::Found, days(181)), [true, false]);
        assert_eq!(left(Hold::Everything, days(181)), [true, true]);
    }
}
