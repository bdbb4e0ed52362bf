//! The one door: rows, audit entry, ledger leaf and outbox rows in one transaction, answered when durable.
//!
//! A change is a value. One thread owns the only writing connection; it takes whatever callers are waiting,
//! applies each change inside its own savepoint, and pays one `fsync` for all of them. A change whose
//! expectations do not hold is undone alone and its caller told; the others are not touched.

use std::collections::VecDeque;

use jiff::Timestamp;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::{Fact, Leaf, commitment};
use rusqlite::{CachedStatement, Connection};
use tokio::sync::{mpsc, oneshot, watch};

use super::claim::Claim;
use super::clock::{Clock, stamp};
use super::ctx::Ctx;
use super::id::fill_random;
use super::store::{Store, StoreFailure, Value, bind};

/// Changes that share one transaction at most.
const GROUP_MAX: usize = 1024;
/// Changes that may wait; beyond it callers wait to enter.
const QUEUE_MAX: usize = 4096;
/// The emitter named on every leaf this office writes.
const EMITTER: &str = "office";

/// How many rows a statement must touch for the change to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any number, also none.
    Any,
    /// Exactly this many; anything else undoes the whole change as a conflict.
    Rows(usize),
}

/// A place where one change keeps a number that only the store knows, such as the row of what it has just inserted,
/// for its later writes ([`Value::Kept`]). It holds until a later write of the same change keeps another there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept(pub u32);

/// One row write: SQL text with `$n`, its parameters, and what must be true of it.
#[derive(Debug, Clone)]
pub struct Write(Step);

#[derive(Debug, Clone)]
enum Step {
    Row { sql: &'static str, params: Vec<Value>, expect: Expect, keep: Option<Kept> },
    Find { sql: &'static str, params: Vec<Value>, keep: Kept, found: usize, absent: usize },
}

impl Write {
    /// A write that may touch any number of rows.
    pub fn new(sql: &'static str, params: Vec<Value>) -> Self {
        Self(Step::Row { sql, params, expect: Expect::Any, keep: None })
    }

    /// A write that must touch exactly one row: an insert, or an update guarded by its version or state.
    pub fn one(sql: &'static str, params: Vec<Value>) -> Self {
        Self(Step::Row { sql, params, expect: Expect::Rows(1), keep: None })
    }

    /// An insert of exactly one row, whose number later writes of the change find in `keep`.
    pub fn kept(sql: &'static str, params: Vec<Value>, keep: Kept) -> Self {
        Self(Step::Row { sql, params, expect: Expect::Rows(1), keep: Some(keep) })
    }

    /// A question inside the transaction, so that nobody comes between it and what follows. With a row, its first
    /// column is kept and of the writes that follow the first `found` are done; without one, the `absent` after them.
    pub fn find(
        sql: &'static str,
        params: Vec<Value>,
        keep: Kept,
        found: usize,
        absent: usize,
    ) -> Self {
        Self(Step::Find { sql, params, keep, found, absent })
    }
}

/// Something that must happen later, at least once, with effect at most once.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which handler takes it, e.g. `response.apply`.
    pub kind: &'static str,
    /// What it is about.
    pub subject: String,
    /// What the handler needs beyond the subject.
    pub payload: serde_json::Value,
    /// Not before this instant.
    pub due_at: Timestamp,
}

/// A caller's own key for a request that may be sent twice.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller's key, unique within its organisation.
    pub key: String,
    /// SHA-256 of what was asked, in hexadecimal.
    pub request: String,
}

/// Everything that one decision changes.
#[derive(Debug, Clone)]
pub struct Change {
    /// The command's name as audited, e.g. `intake.file`.
    pub command: &'static str,
    /// What was changed: the identifier a reader would look up.
    pub subject: String,
    /// What the public log says.
    pub fact: Fact,
    /// What the log only commits to (salted); kept beside the audit entry.
    pub payload: serde_json::Value,
    /// Rows to write.
    pub writes: Vec<Write>,
    /// What must happen later.
    pub jobs: Vec<Job>,
    /// Set when the caller may repeat the request.
    pub idempotency: Option<Idempotency>,
}

impl Change {
    /// A change of `subject` with no rows yet.
    pub fn new(command: &'static str, subject: impl Into<String>, fact: Fact) -> Self {
        Self {
            command,
            subject: subject.into(),
            fact,
            payload: serde_json::Value::Null,
            writes: Vec::new(),
            jobs: Vec::new(),
            idempotency: None,
        }
    }

    /// A change that the log records as an `office.change` of `subject` by `command`.
    pub fn office(command: &'static str, subject: impl Into<String>) -> Self {
        let subject = subject.into();
        let fact = Fact::OfficeChange { command: command.to_owned(), subject: subject.clone() };
        Self::new(command, subject, fact)
    }

    /// With what the log commits to.
    #[must_use]
    pub fn payload(mut self, payload: serde_json::Value) -> Self {
        self.payload = payload;
        self
    }

    /// With one more row write.
    #[must_use]
    pub fn write(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    /// With one more job.
    #[must_use]
    pub fn job(mut self, job: Job) -> Self {
        self.jobs.push(job);
        self
    }

    /// With the caller's key for repeats.
    #[must_use]
    pub fn once(mut self, key: Option<Idempotency>) -> Self {
        self.idempotency = key;
        self
    }
}

/// What a caller gets once its change is durable.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Index of the leaf in the log.
    pub position: u64,
    /// When it was sequenced.
    pub at: Timestamp,
    /// RFC 6962 leaf hash.
    pub leaf: Digest,
    /// Commitment to the payload, as it stands in the leaf.
    pub commitment: Digest,
}

/// Why a change did not happen. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum CommitFailure {
    /// Somebody else changed the same thing first, or it is not in the state the change expects.
    #[error("`{subject}` was changed meanwhile or is not in the expected state")]
    Conflict {
        /// What was to be changed.
        subject: String,
    },
    /// The same idempotency key was used before.
    #[error("the idempotency key was used before")]
    Repeated {
        /// What the first request made.
        subject: String,
        /// Where the log has it.
        position: u64,
        /// Whether the repeated request was the same as the first.
        same_request: bool,
    },
    /// The leaf would be larger than the log takes.
    #[error("the log cannot hold this entry: {0}")]
    Leaf(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreFailure),
    /// The disk did not take the transaction; nothing of it was kept.
    #[error("the disk did not take the change")]
    NotDurable,
    /// The program is stopping; the change was not made.
    #[error("the program is stopping")]
    Stopping,
}

/// Who goes first when several wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// What a person or a partner waits for.
    Prompt,
    /// Parts of something large: each is written alone, and whatever else waits is written before the next.
    Bulk,
}

struct Waiting {
    lane: Lane,
    actor: Actor,
    change: Change,
    sealed: Sealed,
    answer: oneshot::Sender<Result<Committed, CommitFailure>>,
}

impl Waiting {
    fn asked(&self) -> Asked<'_> {
        (&self.actor, &self.change, &self.sealed)
    }
}

/// Who acts, as the audit entry and the leaf hold it.
struct Actor {
    person: String,
    org: String,
    hat: String,
}

/// The payload as the log commits to it.
struct Sealed {
    salt: [u8; 32],
    payload: String,
    commitment: Digest,
}

impl Sealed {
    /// Salts and commits to the payload, and proves that the log can hold the fact by encoding it once.
    fn new(actor: &Actor, change: &Change, now: Timestamp) -> Result<Self, CommitFailure> {
        let refused = |problem: &dyn std::fmt::Display| CommitFailure::Leaf(problem.to_string());
        let mut salt = [0u8; 32];
        fill_random(&mut salt);
        let payload = serde_json_canonicalizer::to_string(&change.payload)
            .map_err(|problem| refused(&problem))?;
        let sealed = Self { salt, commitment: commitment(&salt, payload.as_bytes()), payload };
        let longest =
            Chain { next: LONGEST_SEQUENCE, previous: Some(sealed.commitment), last: now };
        sealed.leaf(&longest, now, actor, change).encode().map_err(|problem| refused(&problem))?;
        Ok(sealed)
    }

    fn leaf(&self, chain: &Chain, now: Timestamp, actor: &Actor, change: &Change) -> Leaf {
        Leaf {
            v: 1,
            emitter: EMITTER.to_owned(),
            sequence: chain.next,
            previous: chain.previous,
            time: stamp(now),
            hat: actor.hat.clone(),
            org: actor.org.clone(),
            fact: change.fact.clone(),
            commitment: self.commitment,
        }
    }
}

/// The longest sequence number a leaf can carry (numbers of JSON are exact below 2^53).
const LONGEST_SEQUENCE: u64 = (1 << 53) - 1;

/// The commit door. Cheap to clone; all clones lead to the same thread.
#[derive(Clone)]
pub struct Door {
    queue: mpsc::Sender<Waiting>,
    size: watch::Receiver<u64>,
}

impl Door {
    /// Opens the door over `store`: writes the first leaf of a new log, then starts the writing thread.
    pub fn open(
        store: &Store,
        clock: Clock,
        origin: &str,
        claim: &Claim,
    ) -> Result<Self, CommitFailure> {
        let connection = store.writer()?;
        let chain = Chain::load(&connection)?;
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let (grown, size) = watch::channel(chain.next);
        let mut scribe = Scribe { connection, chain, clock, grown, _claim: claim.clone() };
        if scribe.chain.next == 0 {
            scribe.write_first(origin)?;
        }
        std::thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || scribe.run(waiting))
            .map_err(|problem| CommitFailure::Store(StoreFailure::Io(problem)))?;
        Ok(Self { queue, size })
    }

    /// Makes `change` durable under `ctx`'s hat, or changes nothing.
    pub async fn commit(&self, ctx: &Ctx, change: Change) -> Result<Committed, CommitFailure> {
        self.enter(Lane::Prompt, ctx, change).await
    }

    /// [`Door::commit`] for one of many parts of something large (an import of millions): everybody else goes first.
    /// The caller keeps its parts small, because whoever comes while one is being written waits for that one.
    pub async fn commit_bulk(
        &self,
        ctx: &Ctx,
        change: Change,
    ) -> Result<Committed, CommitFailure> {
        self.enter(Lane::Bulk, ctx, change).await
    }

    async fn enter(
        &self,
        lane: Lane,
        ctx: &Ctx,
        change: Change,
    ) -> Result<Committed, CommitFailure> {
        let actor = Actor {
            person: ctx.person.to_string(),
            org: ctx.org.to_string(),
            hat: ctx.hat.id().to_owned(),
        };
        // What does not depend on the place in the log is made and checked here, on the caller's thread.
        let sealed = Sealed::new(&actor, &change, ctx.now)?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { lane, actor, change, sealed, answer };
        self.queue.send(waiting).await.map_err(|_| CommitFailure::Stopping)?;
        answered.await.map_err(|_| CommitFailure::Stopping)?
    }

    /// Follows the number of durable leaves.
    pub fn size(&self) -> watch::Receiver<u64> {
        self.size.clone()
    }
}

/// The end of the log as the next leaf needs it.
#[derive(Clone)]
struct Chain {
    next: u64,
    previous: Option<Digest>,
    last: Timestamp,
}

impl Chain {
    fn load(connection: &Connection) -> Result<Self, StoreFailure> {
        let found = connection.query_row(
            "SELECT position, bytes FROM office_leaf ORDER BY position DESC LIMIT 1",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)),
        );
        let (position, bytes) = match found {
            Ok(found) => found,
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                return Ok(Self { next: 0, previous: None, last: Timestamp::UNIX_EPOCH });
            }
            Err(problem) => return Err(problem.into()),
        };
        let damaged = |what: &str| StoreFailure::Damaged(format!("leaf {position}: {what}"));
        let leaf = Leaf::decode(&bytes).map_err(|problem| damaged(&problem.to_string()))?;
        let last = leaf.time.parse().map_err(|_| damaged("its time"))?;
        let next = u64::try_from(position).map_err(|_| damaged("its position"))? + 1;
        Ok(Self { next, previous: Some(noroshi_ledger::tree::leaf_hash(&bytes)), last })
    }
}

struct Scribe {
    connection: Connection,
    chain: Chain,
    clock: Clock,
    grown: watch::Sender<u64>,
    /// Held as long as this thread may write.
    _claim: Claim,
}

impl Scribe {
    /// The leaf every log begins with: it names the log, so that leaves of another cannot stand under its key.
    fn write_first(&mut self, origin: &str) -> Result<(), CommitFailure> {
        let nobody = || EMITTER.to_owned();
        let actor = Actor { person: nobody(), org: nobody(), hat: nobody() };
        let change = Change::new("log.open", origin, Fact::LogOpened { origin: origin.to_owned() });
        let now = self.clock.now();
        execute(&self.connection, "BEGIN IMMEDIATE", &[]).map_err(StoreFailure::from)?;
        let sealed = Sealed::new(&actor, &change, now)?;
        apply(&self.connection, &mut self.chain, now, (&actor, &change, &sealed))?;
        execute(&self.connection, "COMMIT", &[]).map_err(StoreFailure::from)?;
        self.grown.send_replace(self.chain.next);
        Ok(())
    }

    fn run(mut self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut bulk = VecDeque::new();
        loop {
            if bulk.is_empty() {
                if waiting.blocking_recv_many(&mut group, GROUP_MAX) == 0 {
                    return;
                }
            } else {
                while group.len() < GROUP_MAX
                    && let Ok(one) = waiting.try_recv()
                {
                    group.push(one);
                }
            }
            // INVARIANT: whoever waits for an answer waits for one part of something large at most.
            bulk.extend(group.extract_if(.., |one| one.lane == Lane::Bulk));
            if !group.is_empty() {
                self.write_group(&mut group);
            }
            if let Some(part) = bulk.pop_front() {
                group.push(part);
                self.write_group(&mut group);
            }
        }
    }

    fn write_group(&mut self, group: &mut Vec<Waiting>) {
        let chain_before = self.chain.clone();
        let mut answers = Vec::with_capacity(group.len());
        let result = self.transact(group, &mut answers);
        if let Err(problem) = &result {
            tracing::error!(%problem, "a group of changes was not committed");
            self.chain = chain_before;
            // A transaction left open would refuse every group that comes after.
            if !self.connection.is_autocommit() {
                drop(execute(&self.connection, "ROLLBACK", &[]));
            }
        }
        // INVARIANT: no caller hears success before the transaction is on disk.
        let durable = result.is_ok();
        if durable {
            self.grown.send_replace(self.chain.next);
        }
        for waiting in group.drain(..) {
            drop(waiting.answer.send(Err(CommitFailure::NotDurable)));
        }
        for (sender, answer) in answers {
            let answer = if durable { answer } else { answer.and(Err(CommitFailure::NotDurable)) };
            // A caller that went away (a closed connection) has its change all the same.
            drop(sender.send(answer));
        }
    }

    fn transact(
        &mut self,
        group: &mut Vec<Waiting>,
        answers: &mut Answers,
    ) -> Result<(), StoreFailure> {
        let now = self.clock.now().max(self.chain.last);
        execute(&self.connection, "BEGIN IMMEDIATE", &[])?;
        let outcomes = match self.apply_together(now, group) {
            Some(outcomes) => outcomes,
            None => self.apply_each(now, group)?,
        };
        for (waiting, outcome) in group.drain(..).zip(outcomes) {
            answers.push((waiting.answer, outcome));
        }
        let committed = execute(&self.connection, "COMMIT", &[]);
        if committed.is_err() {
            drop(execute(&self.connection, "ROLLBACK", &[]));
        }
        committed.map(drop).map_err(StoreFailure::from)
    }

    /// The whole group without savepoints, which is how nearly every group goes. `None`, with nothing kept, when any
    /// change of it fails.
    fn apply_together(&mut self, now: Timestamp, group: &[Waiting]) -> Option<Vec<Outcome>> {
        let before = self.chain.clone();
        let mut outcomes = Vec::with_capacity(group.len());
        for waiting in group {
            match apply(&self.connection, &mut self.chain, now, waiting.asked()) {
                Ok(committed) => outcomes.push(Ok(committed)),
                Err(_) => {
                    self.chain = before;
                    drop(execute(&self.connection, "ROLLBACK", &[]));
                    return None;
                }
            }
        }
        Some(outcomes)
    }

    /// The group once more, each change in a savepoint of its own, so that those that fail fail alone.
    fn apply_each(
        &mut self,
        now: Timestamp,
        group: &[Waiting],
    ) -> Result<Vec<Outcome>, StoreFailure> {
        execute(&self.connection, "BEGIN IMMEDIATE", &[])?;
        let mut outcomes = Vec::with_capacity(group.len());
        for waiting in group {
            outcomes.push(apply_alone(&self.connection, &mut self.chain, now, waiting.asked()));
            // A full disk ends the whole transaction, not the savepoint (SQLite, "Response To Errors Within A
            // Transaction"): what would follow would stand alone, outside the group and its answer.
            if self.connection.is_autocommit() {
                return Err(StoreFailure::Damaged(
                    "the transaction was ended by the store".to_owned(),
                ));
            }
        }
        Ok(outcomes)
    }
}

/// Who asks for what, with its payload sealed.
type Asked<'a> = (&'a Actor, &'a Change, &'a Sealed);
type Outcome = Result<Committed, CommitFailure>;
type Answers = Vec<(oneshot::Sender<Outcome>, Outcome)>;

fn apply_alone(
    connection: &Connection,
    chain: &mut Chain,
    now: Timestamp,
    asked: Asked<'_>,
) -> Result<Committed, CommitFailure> {
    execute(connection, "SAVEPOINT change", &[]).map_err(StoreFailure::from)?;
    let before = chain.clone();
    let outcome = apply(connection, chain, now, asked);
    if outcome.is_err() {
        *chain = before;
        execute(connection, "ROLLBACK TO change", &[]).map_err(StoreFailure::from)?;
    }
    execute(connection, "RELEASE change", &[]).map_err(StoreFailure::from)?;
    outcome
}

fn apply(
    connection: &Connection,
    chain: &mut Chain,
    now: Timestamp,
    (actor, change, sealed): Asked<'_>,
) -> Result<Committed, CommitFailure> {
    let position = chain.next;
    if let Some(key) = &change.idempotency {
        claim_key(connection, key, actor, change, position, now)?;
    }
    write_rows(connection, change)?;
    let committed = append(connection, chain, now, (actor, change, sealed))?;
    for job in &change.jobs {
        let params = [
            Value::from(position),
            Value::from(job.kind),
            Value::from(&job.subject),
            Value::from(job.payload.to_string()),
            Value::from(job.due_at),
        ];
        execute(connection, INSERT_JOB, &params).map_err(StoreFailure::from)?;
    }
    Ok(committed)
}

/// The rows of a change, in order.
fn write_rows(connection: &Connection, change: &Change) -> Result<(), CommitFailure> {
    let mut kept = Registers::default();
    let mut statements = Statements { connection, prepared: Vec::new() };
    let mut at = 0;
    // What stands after a question for the case that did not happen, as a place and a number of writes.
    let mut passed: Vec<(usize, usize)> = Vec::new();
    while let Some(write) = change.writes.get(at) {
        at += 1;
        match &write.0 {
            Step::Row { sql, params, expect, keep } => {
                let touched = match statements.run(sql, params, &kept) {
                    Ok(touched) => touched,
                    Err(problem) if is_constraint(&problem) => return Err(conflict(change)),
                    Err(problem) => return Err(StoreFailure::from(problem).into()),
                };
                if matches!(expect, Expect::Rows(wanted) if touched != *wanted) {
                    return Err(conflict(change));
                }
                if let Some(keep) = keep {
                    kept.set(*keep, connection.last_insert_rowid());
                }
            }
            Step::Find { sql, params, keep, found, absent } => {
                match statements.look(sql, params, &kept).map_err(StoreFailure::from)? {
                    Some(number) => {
                        kept.set(*keep, number);
                        passed.push((at + found, *absent));
                    }
                    None => at += found,
                }
            }
        }
        while let Some((_, skipped)) = passed.pop_if(|(place, _)| *place == at) {
            at += skipped;
        }
    }
    Ok(())
}

/// Numbers kept while one change is written.
#[derive(Default)]
struct Registers(Vec<Option<i64>>);

impl Registers {
    fn set(&mut self, Kept(place): Kept, number: i64) {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if self.0.len() <= place {
            self.0.resize(place.saturating_add(1), None);
        }
        if let Some(register) = self.0.get_mut(place) {
            *register = Some(number);
        }
    }

    fn get(&self, Kept(place): Kept) -> Option<i64> {
        self.0.get(usize::try_from(place).ok()?).copied().flatten()
    }
}

/// The statements of one change: many writes share few texts, which are told apart by their place.
struct Statements<'c> {
    connection: &'c Connection,
    prepared: Vec<(&'static str, CachedStatement<'c>)>,
}

impl<'c> Statements<'c> {
    fn of(&mut self, sql: &'static str) -> rusqlite::Result<&mut CachedStatement<'c>> {
        let known = |(text, _): &(&'static str, _)| std::ptr::eq(*text, sql);
        let place = match self.prepared.iter().position(known) {
            Some(place) => place,
            None => {
                self.prepared.push((sql, self.connection.prepare_cached(sql)?));
                self.prepared.len() - 1
            }
        };
        let found = self.prepared.get_mut(place).map(|(_, statement)| statement);
        found.ok_or(rusqlite::Error::StatementChangedRows(place))
    }

    fn run(
        &mut self,
        sql: &'static str,
        params: &[Value],
        kept: &Registers,
    ) -> rusqlite::Result<usize> {
        let statement = self.of(sql)?;
        bind(statement, params, |place| kept.get(place))?;
        statement.raw_execute()
    }

    fn look(
        &mut self,
        sql: &'static str,
        params: &[Value],
        kept: &Registers,
    ) -> rusqlite::Result<Option<i64>> {
        let statement = self.of(sql)?;
        bind(statement, params, |place| kept.get(place))?;
        let mut rows = statement.raw_query();
        rows.next()?.map(|row| row.get(0)).transpose()
    }
}

const INSERT_JOB: &str = "INSERT INTO office_outbox (position, kind, subject, payload, due_at) VALUES ($1, $2, $3, $4, $5)";
const INSERT_LEAF: &str = "INSERT INTO office_leaf (position, bytes) VALUES ($1, $2)";
const INSERT_AUDIT: &str = "INSERT INTO office_audit (position, at, person, hat, org, command, subject, salt, payload) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

fn append(
    connection: &Connection,
    chain: &mut Chain,
    now: Timestamp,
    (actor, change, sealed): Asked<'_>,
) -> Result<Committed, CommitFailure> {
    let leaf = sealed.leaf(chain, now, actor, change);
    let bytes = leaf.to_entry().map_err(|problem| CommitFailure::Leaf(problem.to_string()))?;
    let hash = noroshi_ledger::tree::leaf_hash(&bytes);
    let position = chain.next;
    execute(connection, INSERT_LEAF, &[Value::from(position), Value::Blob(bytes)])
        .map_err(StoreFailure::from)?;
    let audit = [
        Value::from(position),
        Value::from(now),
        Value::from(&actor.person),
        Value::from(&actor.hat),
        Value::from(&actor.org),
        Value::from(change.command),
        Value::from(&change.subject),
        Value::Blob(sealed.salt.to_vec()),
        Value::from(&sealed.payload),
    ];
    execute(connection, INSERT_AUDIT, &audit).map_err(StoreFailure::from)?;
    *chain = Chain { next: position + 1, previous: Some(hash), last: now };
    Ok(Committed { position, at: now, leaf: hash, commitment: sealed.commitment })
}

fn claim_key(
    connection: &Connection,
    key: &Idempotency,
    actor: &Actor,
    change: &Change,
    position: u64,
    now: Timestamp,
) -> Result<(), CommitFailure> {
    let used = connection.query_row(
        "SELECT request, subject, position FROM office_idempotency WHERE org = ?1 AND key = ?2",
        [&actor.org, &key.key],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)),
    );
    match used {
        Ok((request, subject, position)) => Err(CommitFailure::Repeated {
            subject,
            position: u64::try_from(position).unwrap_or(0),
            same_request: request == key.request,
        }),
        Err(rusqlite::Error::QueryReturnedNoRows) => {
            let params = [
                Value::from(&actor.org),
                Value::from(&key.key),
                Value::from(&key.request),
                Value::from(&change.subject),
                Value::from(position),
                Value::from(now),
            ];
            execute(
                connection,
                "INSERT INTO office_idempotency (org, key, request, subject, position, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
                &params,
            )
            .map_err(StoreFailure::from)?;
            Ok(())
        }
        Err(problem) => Err(StoreFailure::from(problem).into()),
    }
}

fn execute(connection: &Connection, sql: &str, params: &[Value]) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params, |_| None)?;
    statement.raw_execute()
}

fn is_constraint(problem: &rusqlite::Error) -> bool {
    problem.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

fn conflict(change: &Change) -> CommitFailure {
    CommitFailure::Conflict { subject: change.subject.clone() }
}
