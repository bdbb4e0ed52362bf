//! The store: SQLite in one folder, one writer, many readers.
//!
//! Rows are written by [`super::commit`] alone; everyone else reads through [`Store::read`]. SQL text keeps to
//! what SQLite and PostgreSQL both understand (`$n`, `RETURNING`, `ON CONFLICT`), so that a second driver is a leaf.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql};

use super::commit::Kept;
use super::keyed::{self, Key};

/// Prepared statements kept a connection.
const STATEMENTS_MAX: usize = 256;
/// Idle read connections kept; more are opened under load and dropped afterwards.
const READERS_IDLE_MAX: usize = 16;
/// Most memory the writing connection keeps of the database, in KiB; what nobody writes it does not take.
const WRITER_CACHE_KIB: i64 = 256 * 1024;
/// How long a reader waits for a lock that only a checkpoint could hold.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// One parameter or cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Absent.
    Null,
    /// A whole number, also used for truth values (0, 1).
    Int(i64),
    /// Text, JSON or a time stamp.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A number that an earlier write of the same change has kept; in a question it is a mistake.
    Kept(Kept),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Int(i64::from(truth))
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}
impl From<jiff::Timestamp> for Value {
    fn from(at: jiff::Timestamp) -> Self {
        Self::Text(super::clock::stamp(at))
    }
}
impl From<Kept> for Value {
    fn from(place: Kept) -> Self {
        Self::Kept(place)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            // [`bind`] puts the number in its place.
            Self::Kept(place) => {
                return Err(rusqlite::Error::InvalidParameterName(format!("{place:?}")));
            }
        }))
    }
}

/// What can go wrong between the program and its store.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    /// The database said no.
    #[error("the store refused a statement")]
    Sql(#[from] rusqlite::Error),
    /// The data folder is of a later version of the program.
    #[error("the data folder has schema {found}, this program knows up to {known}")]
    Newer {
        /// Schema number found in the folder.
        found: i64,
        /// Highest schema number this program knows.
        known: i64,
    },
    /// A file of the data folder could not be read or written.
    #[error("the data folder cannot be used")]
    Io(#[from] std::io::Error),
    /// The reading task was stopped with the program.
    #[error("the program is stopping")]
    Stopping,
    /// A stored value is not what the schema promises.
    #[error("a stored value is damaged: {0}")]
    Damaged(String),
}

/// The folder's database and its idle read connections.
pub struct Store {
    path: PathBuf,
    /// Known to this folder alone; see [`super::keyed`].
    key: Key,
    /// Owns the idle read connections; held only to push or pop.
    idle: Mutex<Vec<Connection>>,
    /// Questions asked of all snapshots for requests.
    lookups: AtomicU64,
    /// Bytes of texts read from all snapshots for requests.
    text_bytes: AtomicU64,
}

tokio::task_local! {
    /// There while a request is answered; jobs of the house run without.
    static ASKED_FOR: ();
}

/// Answers a request: what it looks up is counted by [`Store::lookups`].
pub fn asked_for<A: Future>(answer: A) -> impl Future<Output = A::Output> {
    ASKED_FOR.scope((), answer)
}

impl Store {
    /// Opens or creates `DIR/noroshi.db` and brings its schema up to date.
    pub fn open(dir: &Path) -> Result<Self, StoreFailure> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join("noroshi.db");
        let mut writer = open_writer(&path)?;
        let key = Key::of(&writer)?;
        keyed::register(&writer, key)?;
        super::migrate::migrate(&mut writer)?;
        Ok(Self {
            path,
            key,
            idle: Mutex::new(Vec::new()),
            lookups: AtomicU64::new(0),
            text_bytes: AtomicU64::new(0),
        })
    }

    /// The one connection that may write. Called once, by [`super::commit`].
    pub(super) fn writer(&self) -> Result<Connection, StoreFailure> {
        let connection = open_writer(&self.path)?;
        keyed::register(&connection, self.key)?;
        Ok(connection)
    }

    /// Runs `work` on a read-only connection, off the async threads, and gives its answer.
    pub async fn read<T, F>(self: &std::sync::Arc<Self>, work: F) -> Result<T, StoreFailure>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, StoreFailure> + Send + 'static,
    {
        let store = std::sync::Arc::clone(self);
        let is_asked_for = ASKED_FOR.try_with(|()| ()).is_ok();
        let read = move |reader: &Reader<'_>| {
            let answer = work(reader);
            if is_asked_for {
                store.lookups.fetch_add(reader.lookups(), Ordering::Relaxed);
                store.text_bytes.fetch_add(reader.text_bytes.get(), Ordering::Relaxed);
            }
            answer
        };
        let store = std::sync::Arc::clone(self);
        tokio::task::spawn_blocking(move || store.read_now(read))
            .await
            .map_err(|_| StoreFailure::Stopping)?
    }

    fn open_reader(&self) -> Result<Connection, StoreFailure> {
        let connection = open_reader(&self.path)?;
        keyed::register(&connection, self.key)?;
        Ok(connection)
    }

    /// Questions answered for requests ([`asked_for`]) since the store was opened: what is looked up for two of them can
    /// be compared by it.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::Relaxed)
    }

    /// Bytes of texts that were read for requests since the store was opened, to be compared like [`Store::lookups`].
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes.load(Ordering::Relaxed)
    }

    /// The number under which the indexes of this folder hold `text` that came lately ([`super::keyed`]).
    pub fn fresh(&self, text: &str) -> i64 {
        self.key.fresh(text)
    }

    /// [`Store::read`] for threads that may block.
    pub fn read_now<T>(
        &self,
        work: impl FnOnce(&Reader<'_>) -> Result<T, StoreFailure>,
    ) -> Result<T, StoreFailure> {
        let taken = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match taken {
            Some(connection) => connection,
            None => self.open_reader()?,
        };
        let answer = {
            // One snapshot for the whole read, so that a page never mixes two states.
            let snapshot = connection.transaction()?;
            let (lookups, text_bytes) = (Cell::new(0), Cell::new(0));
            let reader = Reader { connection: &snapshot, key: self.key, lookups, text_bytes };
            let answer = work(&reader);
            snapshot.finish()?;
            answer
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_IDLE_MAX {
            idle.push(connection);
        }
        answer
    }
}

/// A consistent snapshot to read from.
pub struct Reader<'c> {
    connection: &'c Connection,
    key: Key,
    /// Questions asked of this snapshot.
    lookups: Cell<u64>,
    /// Bytes of texts read from it.
    text_bytes: Cell<u64>,
}

impl Reader<'_> {
    /// Questions asked of this snapshot so far: what an answer costs, whatever the machine.
    pub const fn lookups(&self) -> u64 {
        self.lookups.get()
    }

    fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.lookups.set(self.lookups.get().wrapping_add(1));
        self.connection.prepare_cached(sql)
    }

    /// All rows of `sql`, each turned by `map`.
    pub fn all<T>(
        &self,
        sql: &str,
        params: &[Value],
        mut map: impl FnMut(&Row<'_, '_>) -> Result<T, StoreFailure>,
    ) -> Result<Vec<T>, StoreFailure> {
        let mut statement = self.prepare(sql)?;
        bind(&mut statement, params, |_| None)?;
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(map(&Row { row, text_bytes: &self.text_bytes })?);
        }
        Ok(found)
    }

    /// Every row of `sql`, one after the other, none of them kept.
    pub fn each(
        &self,
        sql: &str,
        params: &[Value],
        mut visit: impl FnMut(&Row<'_, '_>) -> Result<(), StoreFailure>,
    ) -> Result<(), StoreFailure> {
        let mut statement = self.prepare(sql)?;
        bind(&mut statement, params, |_| None)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            visit(&Row { row, text_bytes: &self.text_bytes })?;
        }
        Ok(())
    }

    /// The first row of `sql`, if any.
    pub fn first<T>(
        &self,
        sql: &str,
        params: &[Value],
        map: impl FnOnce(&Row<'_, '_>) -> Result<T, StoreFailure>,
    ) -> Result<Option<T>, StoreFailure> {
        let mut statement = self.prepare(sql)?;
        bind(&mut statement, params, |_| None)?;
        let mut rows = statement.raw_query();
        match rows.next()? {
            Some(row) => Ok(Some(map(&Row { row, text_bytes: &self.text_bytes })?)),
            None => Ok(None),
        }
    }

    /// The first number of the answer for each of many texts, in their order; none where there is no row or it is absent.
    pub fn numbers<'t>(
        &self,
        sql: &str,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Vec<Option<i64>>, StoreFailure> {
        let mut statement = self.prepare(sql)?;
        let answer = |text| {
            self.lookups.set(self.lookups.get().wrapping_add(1));
            bind(&mut statement, &[Value::from(text)], |_| None)?;
            let row = statement.raw_query().next()?.map(|row| row.get(0)).transpose()?;
            Ok(row.flatten())
        };
        texts.into_iter().map(answer).collect()
    }

    /// As [`Store::fresh`].
    pub fn fresh(&self, text: &str) -> i64 {
        self.key.fresh(text)
    }

    /// A count or another single number; 0 when there is no row or it is absent.
    pub fn number(&self, sql: &str, params: &[Value]) -> Result<i64, StoreFailure> {
        Ok(self.first(sql, params, |row| row.int_or_none(0))?.flatten().unwrap_or(0))
    }
}

/// One row, read by column position.
pub struct Row<'r, 's> {
    row: &'r rusqlite::Row<'s>,
    /// Where the bytes of texts are counted.
    text_bytes: &'r Cell<u64>,
}

impl Row<'_, '_> {
    fn counted(&self, text: &str) {
        self.text_bytes.set(self.text_bytes.get().wrapping_add(text.len() as u64));
    }
    /// Text of column `at`.
    pub fn text(&self, at: usize) -> Result<String, StoreFailure> {
        let text: String = self.row.get(at)?;
        self.counted(&text);
        Ok(text)
    }
    /// Text of column `at`, not copied.
    pub fn text_here(&self, at: usize) -> Result<&str, StoreFailure> {
        self.row
            .get_ref(at)?
            .as_str()
            .map_err(|_| StoreFailure::Damaged(format!("column {at} is no text")))
    }
    /// Text of column `at`, or `None` when absent.
    pub fn text_or_none(&self, at: usize) -> Result<Option<String>, StoreFailure> {
        let text: Option<String> = self.row.get(at)?;
        text.iter().for_each(|text| self.counted(text));
        Ok(text)
    }
    /// Whole number of column `at`.
    pub fn int(&self, at: usize) -> Result<i64, StoreFailure> {
        Ok(self.row.get(at)?)
    }
    /// Whole number of column `at`, or `None` when absent.
    pub fn int_or_none(&self, at: usize) -> Result<Option<i64>, StoreFailure> {
        Ok(self.row.get(at)?)
    }
    /// Number that is never negative, such as a position.
    pub fn count(&self, at: usize) -> Result<u64, StoreFailure> {
        u64::try_from(self.int(at)?)
            .map_err(|_| StoreFailure::Damaged(format!("column {at} is negative")))
    }
    /// Truth value of column `at`.
    pub fn truth(&self, at: usize) -> Result<bool, StoreFailure> {
        Ok(self.int(at)? != 0)
    }
    /// Bytes of column `at`.
    pub fn blob(&self, at: usize) -> Result<Vec<u8>, StoreFailure> {
        Ok(self.row.get(at)?)
    }
    /// Instant of column `at` (see [`super::clock::stamp`]).
    pub fn time(&self, at: usize) -> Result<jiff::Timestamp, StoreFailure> {
        parse_time(&self.text(at)?)
    }
    /// Instant of column `at`, or `None` when absent.
    pub fn time_or_none(&self, at: usize) -> Result<Option<jiff::Timestamp>, StoreFailure> {
        self.text_or_none(at)?.as_deref().map(parse_time).transpose()
    }
    /// JSON of column `at` as `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self, at: usize) -> Result<T, StoreFailure> {
        serde_json::from_str(&self.text(at)?)
            .map_err(|problem| StoreFailure::Damaged(format!("column {at}: {problem}")))
    }
}

fn parse_time(text: &str) -> Result<jiff::Timestamp, StoreFailure> {
    text.parse().map_err(|_| StoreFailure::Damaged(format!("`{text}` is no instant")))
}

/// Parameter names; a statement has at most this many.
const NAMES: [&str; 24] = [
    "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15",
    "$16", "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24",
];

/// Binds `params` to `$1`, `$2`, … whatever their order in the text; `kept` knows the numbers that were kept.
pub(super) fn bind(
    statement: &mut CachedStatement<'_>,
    params: &[Value],
    kept: impl Fn(Kept) -> Option<i64>,
) -> rusqlite::Result<()> {
    if statement.parameter_count() != params.len() || params.len() > NAMES.len() {
        return Err(rusqlite::Error::InvalidParameterCount(
            params.len(),
            statement.parameter_count(),
        ));
    }
    for (place, (name, value)) in (1..).zip(NAMES.iter().zip(params)) {
        // Mostly they stand in their order; only otherwise must they be looked for.
        let at = if statement.parameter_name(place) == Some(*name) {
            place
        } else {
            let found = statement.parameter_index(name)?;
            found.ok_or_else(|| rusqlite::Error::InvalidParameterName((*name).to_owned()))?
        };
        match value {
            Value::Kept(place) => {
                let number = kept(*place)
                    .ok_or_else(|| rusqlite::Error::InvalidParameterName(format!("{place:?}")))?;
                statement.raw_bind_parameter(at, number)?;
            }
            value => statement.raw_bind_parameter(at, value)?,
        }
    }
    Ok(())
}

fn open_writer(path: &Path) -> Result<Connection, StoreFailure> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Durable means durable: the answer is given only after the disk has the log of the transaction.
    connection.pragma_update(None, "synchronous", "full")?;
    // Copying the log of the transaction into the database costs a sync of its own, and a page that many commits change
    // is copied once: every 100 MB is often enough.
    connection.pragma_update(None, "wal_autocheckpoint", 25_000)?;
    // What a bulk of commits touches at random are the indexes of numbers; this many KiB of them are kept at most.
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    tune(&connection)?;
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<Connection, StoreFailure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    tune(&connection)?;
    Ok(connection)
}

fn tune(connection: &Connection) -> Result<(), StoreFailure> {
    connection.pragma_update(None, "foreign_keys", "on")?;
    // A question is planned once, whatever it is asked with. Otherwise one with a number made from a text is planned anew each
    // time, which takes longer than its answer.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// How a new folder would answer a question, a line for each table: `SEARCH … USING …`, or `SCAN …` for a walk.
    pub(crate) fn plan_of(sql: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let names = NAMES.iter().rposition(|name| sql.contains(name)).map_or(0, |last| last + 1);
        let asked = vec![Value::Null; names];
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        store.read_now(|reader| reader.all(&explain, &asked, |row| row.text(3))).unwrap()
    }

    #[test]
    fn a_question_is_planned_once_whatever_it_is_asked_with() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(dir.path()).unwrap());
        let connection = open_reader(&dir.path().join("noroshi.db")).unwrap();
        keyed::register(
            &connection,
            Key::of(&open_writer(&dir.path().join("noroshi.db")).unwrap()).unwrap(),
        )
        .unwrap();
        let sql = "SELECT node FROM evidence_id WHERE slot = settled($1) AND id = $1";
        let mut statement = connection.prepare_cached(sql).unwrap();
        for number in 0..10 {
            bind(&mut statement, &[Value::from(format!("indicator--{number}"))], |_| None).unwrap();
            assert!(statement.raw_query().next().unwrap().is_none());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
