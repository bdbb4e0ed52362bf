//! Jobs: what a commit promised would happen later. Level-triggered: the outbox table is the queue, a wake-up
//! only makes it be looked at sooner.
//!
//! Kinds are sorted into lanes (`share.peer.pull` runs in the lane `share.peer`), and each lane has a loop of its own: a
//! foreign server that does not answer must never delay the end of a block. Inside a lane, jobs of different subjects run
//! side by side; those of one subject run one after the other, in the order in which they were due.
//!
//! A handler may be run again after a kill, so it does its outside work idempotently and gives back a [`Change`];
//! that change and the job's end stand in one transaction, so its effect on the record happens once.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::commit::{Change, CommitFailure, Write};
use super::ctx::{Ctx, Via};
use super::store::{StoreFailure, Value};
use crate::house::House;

/// Jobs looked at in one round of a lane.
const ROUND_MAX: i64 = 64;
/// Subjects of one lane that are worked on side by side.
const ABREAST_MAX: usize = 8;
/// The table is looked at this often even when nothing wakes the runner.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// First and longest wait after a failed attempt.
const BACKOFF_FIRST: SignedDuration = SignedDuration::from_millis(500);
const BACKOFF_MAX: SignedDuration = SignedDuration::from_secs(300);

/// One open row of the outbox.
#[derive(Debug, Clone)]
pub struct Task {
    /// Row of the outbox.
    pub job: i64,
    /// The leaf that asked for it.
    pub position: u64,
    /// Which handler takes it.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// What the handler needs beyond the subject.
    pub payload: serde_json::Value,
    /// When it was due.
    pub due_at: Timestamp,
}

/// What a handler found.
pub enum Outcome {
    /// The work is done; this change records it under `ctx`.
    Done(Ctx, Box<Change>),
    /// Not now; try again, soon at first and then less often.
    Later(String),
}

/// A handler's future.
pub type Working = Pin<Box<dyn Future<Output = Result<Outcome, StoreFailure>> + Send>>;
/// Takes a task of its kind. Must be safe to run again.
pub type Handler = fn(Arc<House>, Task) -> Working;

/// Every handler by the kind of job it takes. A kind without one stays open and is reported.
pub fn handlers() -> BTreeMap<&'static str, Handler> {
    let mut handlers: BTreeMap<&'static str, Handler> = BTreeMap::new();
    for (kind, handler) in [
        crate::response::jobs::HANDLERS,
        crate::intake::jobs::HANDLERS,
        crate::analyse::watch::jobs::HANDLERS,
        crate::share::peer::jobs::HANDLERS,
        crate::share::taxii::push::HANDLERS,
    ]
    .into_iter()
    .flatten()
    {
        handlers.insert(kind, *handler);
    }
    handlers
}

/// The house's own context, for finishing what somebody with authority began.
pub fn house_ctx(house: &House, on_behalf: &Ctx) -> Ctx {
    Ctx { via: Via::Job, now: house.clock.now(), ..on_behalf.clone() }
}

/// The lane of a kind: all of its name but the last word.
fn lane(kind: &str) -> &str {
    kind.rsplit_once('.').map_or(kind, |(lane, _)| lane)
}

type Handlers = BTreeMap<&'static str, Handler>;

/// Runs jobs until the house stops.
pub async fn run(house: Arc<House>) {
    let mut lanes: BTreeMap<&'static str, Handlers> = BTreeMap::new();
    for (kind, handler) in handlers() {
        lanes.entry(lane(kind)).or_default().insert(kind, handler);
    }
    report_orphans(&house, &lanes).await;
    // Dropped with this future, and the loops with it.
    let mut loops = tokio::task::JoinSet::new();
    for (lane, handlers) in lanes {
        loops.spawn(run_lane(Arc::clone(&house), lane, handlers));
    }
    while let Some(ended) = loops.join_next().await {
        if let Err(problem) = ended {
            tracing::error!(%problem, "a lane of jobs ended");
        }
    }
}

/// Says which open jobs no lane will take.
async fn report_orphans(house: &Arc<House>, lanes: &BTreeMap<&'static str, Handlers>) {
    let kinds = house.store.read(|reader| {
        reader.all(
            "SELECT DISTINCT kind FROM office_outbox WHERE state = 'open' ORDER BY kind",
            &[],
            |row| row.text(0),
        )
    });
    for kind in kinds.await.unwrap_or_default() {
        if !lanes.contains_key(lane(&kind)) {
            tracing::error!(kind, "no handler for this kind of job");
        }
    }
}

async fn run_lane(house: Arc<House>, lane: &'static str, handlers: Handlers) {
    let mut grown = house.door.size();
    let mut patience: BTreeMap<i64, Patience> = BTreeMap::new();
    loop {
        let wait = match round(&house, lane, &handlers, &mut patience).await {
            Ok(wait) => wait,
            Err(problem) => {
                tracing::error!(%problem, lane, "the outbox could not be read");
                LOOK_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = grown.changed() => if changed.is_err() { return },
        }
    }
}

struct Patience {
    wait: SignedDuration,
    next: Timestamp,
}

async fn round(
    house: &Arc<House>,
    lane: &'static str,
    handlers: &Handlers,
    patience: &mut BTreeMap<i64, Patience>,
) -> Result<Duration, StoreFailure> {
    let now = house.clock.now();
    // Jobs that wait after a failure are not looked at: however many there are, they hold up no others.
    let waiting = in_patience(patience, now);
    let open = house.store.read(move |reader| due(reader, lane, now, &waiting)).await?;
    let looked: BTreeSet<i64> = open.iter().map(|task| task.job).collect();
    patience.retain(|job, patience| patience.next > now || looked.contains(job));
    let mut subjects: BTreeMap<String, Vec<(Handler, Task)>> = BTreeMap::new();
    for task in open {
        let Some(handler) = handlers.get(task.kind.as_str()) else {
            tracing::error!(kind = task.kind, job = task.job, "no handler for this kind of job");
            continue;
        };
        if patience.get(&task.job).is_none_or(|patience| patience.next <= now) {
            subjects.entry(task.subject.clone()).or_default().push((*handler, task));
        }
    }
    for (job, outcome) in work(house, subjects).await {
        match outcome {
            Ok(()) => drop(patience.remove(&job)),
            Err(note) => {
                let wait = patience
                    .get(&job)
                    .map_or(BACKOFF_FIRST, |before| (before.wait * 2).min(BACKOFF_MAX));
                tracing::warn!(job, note, wait = %wait, "a job will be tried again");
                patience.insert(job, Patience { wait, next: house.clock.now() + wait });
            }
        }
    }
    let waiting = in_patience(patience, now);
    let next_due = house.store.read(move |reader| next_due(reader, lane, &waiting)).await?;
    let soonest = patience.values().map(|patience| patience.next).chain(next_due).min();
    Ok(until(house.clock.now(), soonest))
}

/// The jobs that wait after a failure, as a list of SQL.
fn in_patience(patience: &BTreeMap<i64, Patience>, now: Timestamp) -> String {
    let waiting = patience.iter().filter(|(_, patience)| patience.next > now);
    waiting.map(|(job, _)| job.to_string()).collect::<Vec<_>>().join(",")
}

/// Works on every subject, a few side by side, and says how each job ended.
async fn work(
    house: &Arc<House>,
    subjects: BTreeMap<String, Vec<(Handler, Task)>>,
) -> Vec<(i64, Result<(), String>)> {
    let mut waiting = subjects.into_values();
    let mut abreast = tokio::task::JoinSet::new();
    let mut ended = Vec::new();
    loop {
        while abreast.len() < ABREAST_MAX
            && let Some(tasks) = waiting.next()
        {
            let house = Arc::clone(house);
            abreast.spawn(async move {
                let mut ended = Vec::with_capacity(tasks.len());
                for (handler, task) in tasks {
                    ended.push((task.job, attempt(&house, handler, task).await));
                }
                ended
            });
        }
        match abreast.join_next().await {
            Some(Ok(some)) => ended.extend(some),
            Some(Err(problem)) => tracing::error!(%problem, "a handler fell over"),
            None => return ended,
        }
    }
}

fn until(now: Timestamp, soonest: Option<Timestamp>) -> Duration {
    let wait = soonest.map_or(LOOK_AGAIN, |at| {
        Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
    });
    // Never spin on a job whose handler is missing.
    wait.clamp(Duration::from_millis(20), LOOK_AGAIN)
}

async fn attempt(house: &Arc<House>, handler: Handler, task: Task) -> Result<(), String> {
    let job = task.job;
    match handler(Arc::clone(house), task).await {
        Ok(Outcome::Done(ctx, change)) => {
            let close = Write::one(
                "UPDATE office_outbox SET state = 'done' WHERE job = $1 AND state = 'open'",
                vec![Value::Int(job)],
            );
            match house.door.commit(&ctx, change.write(close)).await {
                // A conflict means another run of the same job was recorded first: nothing is left to do.
                Ok(_) => Ok(()),
                Err(CommitFailure::Conflict { .. }) => {
                    let gone = house.store.read(move |reader| is_closed(reader, job)).await;
                    if matches!(gone, Ok(true)) {
                        Ok(())
                    } else {
                        Err("a conflicting change".to_owned())
                    }
                }
                Err(problem) => Err(problem.to_string()),
            }
        }
        Ok(Outcome::Later(note)) => Err(note),
        Err(problem) => Err(problem.to_string()),
    }
}

/// A kind belongs to a lane when it is the lane's name, a full stop and one more word.
const OF_LANE: &str = "state = 'open' AND substr(kind, 1, length($1) + 1) = $1 || '.' \
     AND substr(kind, length($1) + 2) NOT LIKE '%.%'";

fn due(
    reader: &super::store::Reader<'_>,
    lane: &str,
    now: Timestamp,
    waiting: &str,
) -> Result<Vec<Task>, StoreFailure> {
    reader.all(
        &format!(
            "SELECT job, position, kind, subject, payload, due_at FROM office_outbox \
             WHERE {OF_LANE} AND due_at <= $2 AND job NOT IN ({waiting}) ORDER BY due_at, job LIMIT $3"
        ),
        &[Value::from(lane), Value::from(now), Value::Int(ROUND_MAX)],
        |row| {
            Ok(Task {
                job: row.int(0)?,
                position: row.count(1)?,
                kind: row.text(2)?,
                subject: row.text(3)?,
                payload: row.json(4)?,
                due_at: row.time(5)?,
            })
        },
    )
}

fn next_due(
    reader: &super::store::Reader<'_>,
    lane: &str,
    waiting: &str,
) -> Result<Option<Timestamp>, StoreFailure> {
    let found = reader.first(
        &format!(
            "SELECT min(due_at) FROM office_outbox WHERE {OF_LANE} AND job NOT IN ({waiting})"
        ),
        &[Value::from(lane)],
        |row| row.time_or_none(0),
    )?;
    Ok(found.flatten())
}

fn is_closed(reader: &super::store::Reader<'_>, job: i64) -> Result<bool, StoreFailure> {
    let open = reader.number(
        "SELECT count(*) FROM office_outbox WHERE job = $1 AND state = 'open'",
        &[Value::Int(job)],
    )?;
    Ok(open == 0)
}
