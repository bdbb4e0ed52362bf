//! Jobs: what a commit promised would happen later. Level-triggered: the outbox table is the queue, a wake-up
//! only makes it be looked at sooner.
//!
//! Kinds are sorted into lanes (`share.peer.pull` runs in the lane `share.peer`), and each lane has a loop of its own: a
//! foreign server that does not answer must never delay the end of a block. Inside a lane, jobs of different subjects run
//! side by side, a few at once, and none waits for another's round to end; those of one subject run one after the other,
//! in the order in which they were due. While the first of them waits after a failure, the later ones wait with it.
//!
//! A handler may be run again after a kill, so it does its outside work idempotently and gives back a [`Change`];
//! that change and the job's end stand in one transaction, so its effect on the record happens once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

use super::commit::{Change, CommitFailure, Write};
use super::ctx::{Ctx, Via};
use super::store::{StoreFailure, Value};
use crate::house::House;

/// Jobs taken from the table at once.
const TAKEN_MAX: i64 = 64;
/// Subjects of one lane that are worked on side by side.
const ABREAST_MAX: usize = 8;
/// The table is looked at this often even when nothing wakes the runner.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// First and longest wait after a failed attempt.
const BACKOFF_FIRST: SignedDuration = SignedDuration::from_millis(500);
const BACKOFF_MAX: SignedDuration = SignedDuration::from_secs(300);

/// Lanes in which a job that waits after a failure holds up no later one of its subject. The end of a block must come
/// although its beginning still fails, and what a step finds done already it leaves alone.
const LANES_WITHOUT_ORDER: [&str; 1] = ["response"];

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
        crate::influence::gather::HANDLERS,
        crate::influence::keep::HANDLERS,
        crate::influence::feed::pull::HANDLERS,
        crate::influence::run::act::HANDLERS,
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
        let taken = lanes.get(lane(&kind)).is_some_and(|lane| lane.contains_key(kind.as_str()));
        if !taken {
            tracing::error!(kind, "no handler for this kind of job");
        }
    }
}

struct Patience {
    subject: String,
    wait: SignedDuration,
    next: Timestamp,
}

/// How one job ended, and of the jobs of one subject those that were tried.
type Ended = (String, Vec<(i64, Result<(), String>)>);

/// One lane: what runs in it, and what waits after a failure.
struct Lane {
    house: Arc<House>,
    name: &'static str,
    handlers: Handlers,
    ordered: bool,
    patience: BTreeMap<i64, Patience>,
    /// Subjects whose jobs run now, or are about to.
    busy: BTreeSet<String>,
    /// Taken from the table, not begun.
    waiting: VecDeque<(String, Vec<(Handler, Task)>)>,
    running: tokio::task::JoinSet<Ended>,
}

async fn run_lane(house: Arc<House>, name: &'static str, handlers: Handlers) {
    let mut grown = house.door.size();
    let mut lane = Lane {
        house,
        name,
        handlers,
        ordered: !LANES_WITHOUT_ORDER.contains(&name),
        patience: BTreeMap::new(),
        busy: BTreeSet::new(),
        waiting: VecDeque::new(),
        running: tokio::task::JoinSet::new(),
    };
    loop {
        let wait = match lane.fill().await {
            Ok(wait) => wait,
            Err(problem) => {
                tracing::error!(%problem, lane = name, "the outbox could not be read");
                LOOK_AGAIN
            }
        };
        tokio::select! {
            Some(ended) = lane.running.join_next() => lane.ended(ended),
            () = tokio::time::sleep(wait) => {}
            changed = grown.changed() => if changed.is_err() { return },
        }
    }
}

impl Lane {
    /// Begins what may begin now, and says how long nothing else will.
    async fn fill(&mut self) -> Result<Duration, StoreFailure> {
        if self.waiting.is_empty() && self.running.len() < ABREAST_MAX {
            self.take().await?;
        }
        while self.running.len() < ABREAST_MAX
            && let Some((subject, tasks)) = self.waiting.pop_front()
        {
            let (house, ordered) = (Arc::clone(&self.house), self.ordered);
            self.running.spawn(async move { (subject, in_turn(&house, tasks, ordered).await) });
        }
        if self.running.len() >= ABREAST_MAX {
            return Ok(LOOK_AGAIN);
        }
        let held = self.held();
        let next = self.house.store.read(move |reader| next_due(reader, &held)).await?;
        let now = self.house.clock.now();
        let soonest = self.patience.values().map(|one| one.next).filter(|next| *next > now);
        Ok(until(now, soonest.chain(next).min()))
    }

    /// Takes due jobs from the table, those of one subject together.
    async fn take(&mut self) -> Result<(), StoreFailure> {
        let now = self.house.clock.now();
        let held = self.held();
        let open = self.house.store.read(move |reader| due(reader, now, &held)).await?;
        let taken: BTreeSet<i64> = open.iter().map(|task| task.job).collect();
        let busy = &self.busy;
        // What is neither open nor held any more was closed by somebody else.
        self.patience.retain(|job, one| {
            one.next > now || taken.contains(job) || busy.contains(&one.subject)
        });
        let mut place: BTreeMap<String, usize> = BTreeMap::new();
        for task in open {
            let Some(handler) = self.handlers.get(task.kind.as_str()) else { continue };
            let at = *place.entry(task.subject.clone()).or_insert(self.waiting.len());
            if at == self.waiting.len() {
                self.busy.insert(task.subject.clone());
                self.waiting.push_back((task.subject.clone(), Vec::new()));
            }
            if let Some((_, tasks)) = self.waiting.get_mut(at) {
                tasks.push((*handler, task));
            }
        }
        Ok(())
    }

    /// What must not begin now: jobs that wait after a failure, and subjects whose turn it is not.
    fn held(&self) -> Held {
        let now = self.house.clock.now();
        let patient = || self.patience.iter().filter(|(_, one)| one.next > now);
        let mut subjects: BTreeSet<&str> = self.busy.iter().map(String::as_str).collect();
        if self.ordered {
            subjects.extend(patient().map(|(_, one)| one.subject.as_str()));
        }
        Held {
            jobs: serde_json::json!(patient().map(|(job, _)| *job).collect::<Vec<_>>()).to_string(),
            subjects: serde_json::json!(subjects).to_string(),
            kinds: serde_json::json!(self.handlers.keys().collect::<Vec<_>>()).to_string(),
        }
    }

    fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let (subject, ended) = match ended {
            Ok(ended) => ended,
            Err(problem) => {
                // Handlers cannot fall through: whatever they do is caught where they are called.
                tracing::error!(%problem, lane = self.name, "a task of a lane ended");
                return;
            }
        };
        self.busy.remove(&subject);
        for (job, outcome) in ended {
            let Err(note) = outcome else {
                self.patience.remove(&job);
                continue;
            };
            let before = self.patience.get(&job);
            let wait = before.map_or(BACKOFF_FIRST, |one| (one.wait * 2).min(BACKOFF_MAX));
            tracing::warn!(job, note, wait = %wait, "a job will be tried again");
            let next = self.house.clock.now() + wait;
            self.patience.insert(job, Patience { subject: subject.clone(), wait, next });
        }
    }
}

/// The jobs of one subject, one after the other. Where order is kept, what follows a failure is not tried.
async fn in_turn(
    house: &Arc<House>,
    tasks: Vec<(Handler, Task)>,
    ordered: bool,
) -> Vec<(i64, Result<(), String>)> {
    let mut ended = Vec::with_capacity(tasks.len());
    for (handler, task) in tasks {
        let job = task.job;
        // A handler that panics failed like any other: it is tried again, less and less often.
        let attempt = AssertUnwindSafe(attempt(house, handler, task)).catch_unwind().await;
        let outcome = attempt.unwrap_or_else(|_| Err("the handler fell over".to_owned()));
        let stops = ordered && outcome.is_err();
        ended.push((job, outcome));
        if stops {
            break;
        }
    }
    ended
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

/// What must not begin now, each a list of JSON.
struct Held {
    jobs: String,
    subjects: String,
    /// What the lane has handlers for.
    kinds: String,
}

const FREE: &str = "state = 'open' AND kind IN (SELECT value FROM json_each($1)) \
     AND subject NOT IN (SELECT value FROM json_each($2)) AND job NOT IN (SELECT value FROM json_each($3))";

fn due(
    reader: &super::store::Reader<'_>,
    now: Timestamp,
    held: &Held,
) -> Result<Vec<Task>, StoreFailure> {
    reader.all(
        &format!(
            "SELECT job, position, kind, subject, payload, due_at FROM office_outbox \
             WHERE {FREE} AND due_at <= $4 ORDER BY due_at, job LIMIT $5"
        ),
        &[
            Value::from(&held.kinds),
            Value::from(&held.subjects),
            Value::from(&held.jobs),
            Value::from(now),
            Value::Int(TAKEN_MAX),
        ],
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
    held: &Held,
) -> Result<Option<Timestamp>, StoreFailure> {
    let found = reader.first(
        &format!("SELECT min(due_at) FROM office_outbox WHERE {FREE}"),
        &[Value::from(&held.kinds), Value::from(&held.subjects), Value::from(&held.jobs)],
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use noroshi_charter::hat::Hat;
    use serde_json::json;

    use super::*;
    use crate::config::Config;
    use crate::office::commit::Job;
    use crate::office::id::{OrgId, PersonId};

    /// Jobs in the order in which they ended.
    static DONE: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static ENDED: tokio::sync::Notify = tokio::sync::Notify::const_new();
    static TRIES: AtomicUsize = AtomicUsize::new(0);
    static FELL: AtomicUsize = AtomicUsize::new(0);

    fn ctx(house: &House) -> Ctx {
        Ctx {
            person: PersonId::parse("person-test").unwrap(),
            org: OrgId::parse("org-test").unwrap(),
            hat: Hat::Administrator,
            sector: None,
            via: Via::Job,
            now: house.clock.now(),
            request: String::new(),
        }
    }

    async fn finish(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
        let name = task.payload["name"].as_str().unwrap_or_default().to_owned();
        match name.as_str() {
            "never" => std::future::pending::<()>().await,
            "twice" if TRIES.fetch_add(1, Ordering::SeqCst) < 2 => {
                return Ok(Outcome::Later("not yet".to_owned()));
            }
            "panics" if FELL.fetch_add(1, Ordering::SeqCst) < 2 => panic!("a handler fell over"),
            _ => {}
        }
        DONE.lock().unwrap().push(name);
        ENDED.notify_one();
        let ctx = ctx(&house);
        Ok(Outcome::Done(ctx, Box::new(Change::office("test.done", &task.subject))))
    }

    async fn done_to(count: usize) {
        while DONE.lock().unwrap().len() < count {
            let waited = tokio::time::timeout(Duration::from_secs(60), ENDED.notified()).await;
            assert!(waited.is_ok(), "only {:?}", DONE.lock().unwrap());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_job_that_never_ends_or_fails_holds_up_only_its_subject() {
        let dir = tempfile::tempdir().unwrap();
        let house = House::open(dir.path(), Config::default(), false).unwrap();
        let ctx = ctx(&house);
        let job = |subject: &str, name: &str| Job {
            kind: "test.finish",
            subject: subject.to_owned(),
            payload: json!({ "name": name }),
            due_at: ctx.now,
        };
        let mut change = Change::office("test.ask", "test");
        for (subject, name) in [("slow", "never"), ("slow", "behind"), ("b", "twice"), ("b", "b2")]
        {
            change = change.job(job(subject, name));
        }
        for (subject, name) in [("c", "panics"), ("c", "c2"), ("d", "d1")] {
            change = change.job(job(subject, name));
        }
        house.door.commit(&ctx, change).await.unwrap();
        let handlers: Handlers = [("test.finish", {
            let handler: Handler = |house, task| -> Working { Box::pin(finish(house, task)) };
            handler
        })]
        .into();
        let lane = tokio::spawn(run_lane(Arc::clone(&house), "test", handlers));
        done_to(5).await;
        // What comes while another subject's job never ends is done all the same.
        let late = Change::office("test.ask", "test").job(job("e", "e1"));
        house.door.commit(&ctx, late).await.unwrap();
        done_to(6).await;
        lane.abort();
        let done = DONE.lock().unwrap().clone();
        let place = |name: &str| done.iter().position(|one| one == name);
        assert!(place("d1").is_some() && place("e1").is_some(), "{done:?}");
        assert!(place("twice").is_some() && place("twice") < place("b2"), "{done:?}");
        assert!(place("panics").is_some() && place("panics") < place("c2"), "{done:?}");
        assert_eq!(place("behind"), None, "{done:?}");
        // Each waited after each failure, instead of being tried on and on.
        assert_eq!((TRIES.load(Ordering::SeqCst), FELL.load(Ordering::SeqCst)), (3, 3));
    }
}
