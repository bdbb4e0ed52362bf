//! Posts of one collection: a file of its own (`DATA/influence/<collection>.db`), apart from the store of the office.
//!
//! What stands here can be deleted, and is; what was decided about it stands in the office's store and in the log. Only
//! jobs write it, one at a time for a collection. Accounts are pseudonyms, handles and texts are sealed; an address or a
//! hashtag that posts share stands in clear, because it is what is looked at, without the account that an address may name.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use noroshi_charter::keeping::{Kind as Kept, Periods};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::keys::{CollectionKey, NoKey};

mod activity;

/// Rows written in one transaction.
const BATCH: u64 = 20_000;
/// Longest object (an address, a hashtag), in bytes; a longer one is no object.
pub const OBJECT_BYTES_MAX: usize = 4_096;
/// Longest text of a post, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Objects of one post that are kept.
pub const OBJECTS_MAX: usize = 256;
/// Numbers of objects of one trace kept in memory while posts are taken in.
const CACHE_MAX: usize = 1_000_000;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS account (
    number INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL UNIQUE, platform TEXT NOT NULL, handle BLOB NOT NULL,
    created_at INTEGER);
CREATE TABLE IF NOT EXISTS post (
    number INTEGER PRIMARY KEY, platform TEXT NOT NULL, id TEXT NOT NULL, account INTEGER NOT NULL, at INTEGER NOT NULL,
    kind TEXT NOT NULL, lang TEXT, letters INTEGER NOT NULL, text BLOB, taken_at INTEGER NOT NULL, import INTEGER NOT NULL,
    UNIQUE (platform, id));
CREATE INDEX IF NOT EXISTS post_account ON post (account);
CREATE INDEX IF NOT EXISTS post_at ON post (at);
CREATE INDEX IF NOT EXISTS post_import ON post (import);
CREATE TABLE IF NOT EXISTS object (
    number INTEGER PRIMARY KEY, trace TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (trace, value));
CREATE TABLE IF NOT EXISTS share (object INTEGER NOT NULL, post INTEGER NOT NULL, PRIMARY KEY (object, post)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS share_post ON share (post);
CREATE TABLE IF NOT EXISTS reject (
    import INTEGER NOT NULL, line INTEGER NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS reject_import ON reject (import, line);
CREATE TABLE IF NOT EXISTS watched (run TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS gone (mark BLOB PRIMARY KEY) WITHOUT ROWID;
";

/// Posts that are over and do not stay.
const OVER: &str = "WHERE taken_at < ?1 AND account NOT IN \
     (SELECT a.number FROM account a JOIN stays s ON s.pseudonym = a.pseudonym)";

/// What can go wrong with a collection's file.
#[derive(Debug, thiserror::Error)]
pub enum VaultFailure {
    /// The database said no.
    #[error("the collection's file refused a statement")]
    Sql(#[from] rusqlite::Error),
    /// The file or its folder.
    #[error("the collection's file cannot be used")]
    Io(#[from] std::io::Error),
    /// The key.
    #[error("the collection's key cannot be used")]
    Key(#[from] NoKey),
    /// Sealing failed: nothing is kept unsealed.
    #[error("a text could not be sealed")]
    Seal,
}

/// One post on its way in; texts as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewPost {
    /// The platform's identifier of the post.
    pub id: String,
    /// The platform.
    pub platform: String,
    /// The platform's identifier of the account.
    pub account: String,
    /// The name shown with the account; sealed beside the identifier.
    pub handle: String,
    /// When it was posted, in milliseconds since 1970.
    pub at: i64,
    /// `original`, `reply`, `repost` or `quote`.
    pub kind: &'static str,
    /// Its language, as the export says.
    pub lang: Option<String>,
    /// Its text.
    pub text: Option<String>,
    /// What it shares: trace and value, e.g. `url` and an address. A `mention` is an account and becomes a pseudonym, and so
    /// does an account that an address names.
    pub objects: Vec<(String, String)>,
    /// When the account was made, in milliseconds since 1970.
    pub account_created_at: Option<i64>,
    /// Whether it shares none of what the collection begins from.
    pub is_beside: bool,
}

/// A record that was not kept. Its content is not kept either: it may be what must not be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line (CSV: of the record's first line) or record number, from 1.
    pub line: u64,
    /// Stable code.
    pub code: String,
    /// Why, in words.
    pub reason: String,
}

/// What became of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Taken {
    /// Posts kept.
    pub posts: u64,
    /// Further rows of a post that is held: what they share was added to it.
    pub merged: u64,
    /// Records not kept.
    pub rejected: u64,
    /// Accounts that were new.
    pub accounts: u64,
    /// What is shared, by trace.
    pub shares: std::collections::BTreeMap<String, u64>,
    /// Posts kept that share none of what the collection begins from.
    #[serde(default)]
    pub beside: u64,
    /// Rejected records by code.
    pub reasons: std::collections::BTreeMap<String, u64>,
}

/// How a collection's file stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// Posts held.
    pub posts: u64,
    /// Of these, with their text.
    pub texts: u64,
    /// Accounts held.
    pub accounts: u64,
    /// First and last post, in milliseconds since 1970.
    pub span: Option<(i64, i64)>,
    /// Shares by trace, with the number of different objects.
    pub traces: Vec<(String, u64, u64)>,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Posts.
    pub posts: u64,
    /// Texts of posts that stay.
    pub texts: u64,
    /// Accounts of which nothing is left.
    pub accounts: u64,
    /// Results that were only worth watching.
    pub watched: u64,
}

/// What stays although its period is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// Nothing.
    Nothing,
    /// Posts of these pseudonyms.
    Accounts(BTreeSet<String>),
    /// Every post.
    Everything,
}

/// An account in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its pseudonym.
    pub pseudonym: String,
    /// The platform.
    pub platform: String,
    /// Posts held.
    pub posts: u64,
    /// First and last, in milliseconds since 1970.
    pub span: (i64, i64),
    /// When it was made, where known.
    pub created_at: Option<i64>,
}

/// Where the file of a collection lies.
pub fn path(data: &Path, collection: &str) -> PathBuf {
    data.join("influence").join(format!("{collection}.db"))
}

/// The open file of a collection.
pub struct Vault {
    connection: Connection,
    key: CollectionKey,
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

impl Vault {
    /// Opens or makes the file of a collection.
    pub fn open(data: &Path, collection: &str) -> Result<Self, VaultFailure> {
        let path = path(data, collection);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let key = CollectionKey::load(data, collection)?;
        Self::with(Connection::open(path)?, key)
    }

    /// The file of a collection when it and its key exist. Neither is ever made here: what is deleted stays deleted.
    pub fn existing(data: &Path, collection: &str) -> Result<Option<Self>, VaultFailure> {
        let path = path(data, collection);
        if !std::fs::exists(&path)? || !super::keys::is_there(data, collection) {
            return Ok(None);
        }
        let key = CollectionKey::load(data, collection)?;
        let flags =
            rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::with(Connection::open_with_flags(path, flags)?, key).map(Some)
    }

    fn with(connection: Connection, key: CollectionKey) -> Result<Self, VaultFailure> {
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        // What is deleted is overwritten: deletion is the promise here.
        connection.pragma_update(None, "secure_delete", "on")?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection, key })
    }

    /// A collection in memory, for tests.
    #[cfg(test)]
    pub(super) fn in_memory(secret: &[u8; 32]) -> Result<Self, VaultFailure> {
        Self::with(Connection::open_in_memory()?, CollectionKey::of_secret(secret)?)
    }

    /// Takes records in: a post, or a reject. An import that was begun before begins anew. `room` is how many posts may
    /// still come in; what is beyond is rejected by `NRS-INFL-0214`.
    pub fn take(
        &mut self,
        import: i64,
        records: impl Iterator<Item = Result<(u64, NewPost), Reject>>,
        room: u64,
        now: Timestamp,
    ) -> Result<Taken, VaultFailure> {
        self.forget_import(import)?;
        let mut taken = Taken::default();
        let mut cache = Cache::default();
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut in_batch = 0;
        for record in records {
            let record = record.and_then(|(line, post)| self.room_for(line, post, &taken, room));
            match record {
                Ok((line, post)) => {
                    self.one(import, line, &post, now, &mut cache, &mut taken)?;
                }
                Err(reject) => self.reject(import, &reject, &mut taken)?,
            }
            in_batch += 1;
            if in_batch == BATCH {
                self.connection.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
                in_batch = 0;
            }
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(taken)
    }

    #[expect(clippy::unused_self, reason = "reads with the other steps of taking in")]
    fn room_for(
        &self,
        line: u64,
        post: NewPost,
        taken: &Taken,
        room: u64,
    ) -> Result<(u64, NewPost), Reject> {
        if taken.posts < room {
            return Ok((line, post));
        }
        let reason = "beyond the largest number of posts of the collection".to_owned();
        Err(Reject { line, code: "NRS-INFL-0214".to_owned(), reason })
    }

    /// Takes back what an import brought, as far as it came.
    pub(super) fn forget_import(&mut self, import: i64) -> Result<(), VaultFailure> {
        let tx = self.connection.transaction()?;
        tx.execute(
            "DELETE FROM share WHERE post IN (SELECT number FROM post WHERE import = ?1)",
            [import],
        )?;
        tx.execute("DELETE FROM post WHERE import = ?1", [import])?;
        tx.execute("DELETE FROM reject WHERE import = ?1", [import])?;
        tx.commit()?;
        Ok(())
    }

    fn reject(&self, import: i64, reject: &Reject, taken: &mut Taken) -> Result<(), VaultFailure> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO reject (import, line, code, reason) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let line = i64::try_from(reject.line).unwrap_or(i64::MAX);
        insert.execute(params![import, line, reject.code, reject.reason])?;
        taken.rejected += 1;
        *taken.reasons.entry(reject.code.clone()).or_default() += 1;
        Ok(())
    }

    fn one(
        &self,
        import: i64,
        line: u64,
        post: &NewPost,
        now: Timestamp,
        cache: &mut Cache,
        taken: &mut Taken,
    ) -> Result<(), VaultFailure> {
        if self.is_gone(post)? {
            let reason = "its time in this collection is over".to_owned();
            let reject = Reject { line, code: "NRS-INFL-1008".to_owned(), reason };
            return self.reject(import, &reject, taken);
        }
        let pseudonym = self.key.pseudonym(&post.platform, &post.account);
        let (account, is_new) = self.account(&pseudonym, post)?;
        // Where an export knows a post by its address, that may name the account.
        let id = self.key.nameless(&post.id).unwrap_or_else(|| post.id.clone());
        let place = format!("post:{}:{id}", post.platform);
        let text = match post.text.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Some(self.key.seal(&place, text.as_bytes()).ok_or(VaultFailure::Seal)?),
            None => None,
        };
        let letters = post.text.as_deref().map_or(0, |text| text.chars().count());
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO post (platform, id, account, at, kind, lang, letters, text, taken_at, import) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        let letters = i64::try_from(letters).unwrap_or(i64::MAX);
        let added = insert.execute(params![
            post.platform,
            id,
            account,
            post.at,
            post.kind,
            post.lang,
            letters,
            text,
            now.as_millisecond(),
            import
        ])?;
        let number = if added == 1 {
            taken.accounts += u64::from(is_new);
            taken.posts += 1;
            taken.beside += u64::from(post.is_beside);
            self.connection.last_insert_rowid()
        } else if let Some(held) = self.same_post(post, &id, account)? {
            taken.merged += 1;
            held
        } else {
            let reason = "another post with this identifier is held already".to_owned();
            let reject = Reject { line, code: "NRS-INFL-1006".to_owned(), reason };
            return self.reject(import, &reject, taken);
        };
        self.shares_of(number, post, cache, taken)
    }

    /// Whether a post was deleted because its time was over. Feeds tell of it again, and exports hold it still: with a new
    /// time of coming in it would be kept as long once more.
    fn is_gone(&self, post: &NewPost) -> Result<bool, VaultFailure> {
        let mark = self.key.post_mark(&post.platform, &post.id);
        let mut find = self.connection.prepare_cached("SELECT 1 FROM gone WHERE mark = ?1")?;
        Ok(find.query_row([mark.as_slice()], |_| Ok(())).optional()?.is_some())
    }

    /// Exports that know several kinds of objects give a post several rows.
    fn same_post(
        &self,
        post: &NewPost,
        id: &str,
        account: i64,
    ) -> Result<Option<i64>, VaultFailure> {
        let mut find = self.connection.prepare_cached(
            "SELECT number FROM post WHERE platform = ?1 AND id = ?2 AND account = ?3 AND at = ?4",
        )?;
        let params = params![post.platform, id, account, post.at];
        Ok(find.query_row(params, |row| row.get(0)).optional()?)
    }

    fn shares_of(
        &self,
        number: i64,
        post: &NewPost,
        cache: &mut Cache,
        taken: &mut Taken,
    ) -> Result<(), VaultFailure> {
        for (trace, value) in post.objects.iter().take(OBJECTS_MAX) {
            if value.is_empty() || value.len() > OBJECT_BYTES_MAX {
                continue;
            }
            let object = match trace.as_str() {
                "mention" => {
                    self.object(trace, &self.key.pseudonym(&post.platform, value), cache)?
                }
                "handle" => {
                    let name = self.key.pseudonym("handle", value).replacen("acct:", "name:", 1);
                    self.object(trace, &name, cache)?
                }
                _ => {
                    let nameless = self.key.nameless(value);
                    self.object(trace, nameless.as_deref().unwrap_or(value), cache)?
                }
            };
            let mut share = self
                .connection
                .prepare_cached("INSERT OR IGNORE INTO share (object, post) VALUES (?1, ?2)")?;
            if share.execute([object, number])? == 1 {
                *taken.shares.entry(trace.clone()).or_default() += 1;
            }
        }
        Ok(())
    }

    fn account(&self, pseudonym: &str, post: &NewPost) -> Result<(i64, bool), VaultFailure> {
        let mut find =
            self.connection.prepare_cached("SELECT number FROM account WHERE pseudonym = ?1")?;
        let found: Option<i64> = find.query_row([pseudonym], |row| row.get(0)).optional()?;
        if let Some(number) = found {
            return Ok((number, false));
        }
        let handle = format!("{}\n{}\n{}", post.platform, post.account, post.handle);
        let sealed = self.key.seal(pseudonym, handle.as_bytes()).ok_or(VaultFailure::Seal)?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO account (pseudonym, platform, handle, created_at) VALUES (?1, ?2, ?3, ?4)",
        )?;
        insert.execute(params![pseudonym, post.platform, sealed, post.account_created_at])?;
        Ok((self.connection.last_insert_rowid(), true))
    }

    fn object(&self, trace: &str, value: &str, cache: &mut Cache) -> Result<i64, VaultFailure> {
        if let Some(number) = cache.0.get(trace).and_then(|known| known.get(value)) {
            return Ok(*number);
        }
        let mut find = self
            .connection
            .prepare_cached("SELECT number FROM object WHERE trace = ?1 AND value = ?2")?;
        let found: Option<i64> = find.query_row([trace, value], |row| row.get(0)).optional()?;
        let number = if let Some(number) = found {
            number
        } else {
            self.connection
                .prepare_cached("INSERT INTO object (trace, value) VALUES (?1, ?2)")?
                .execute([trace, value])?;
            self.connection.last_insert_rowid()
        };
        let known = cache.0.entry(trace.to_owned()).or_default();
        if known.len() >= CACHE_MAX {
            known.clear();
        }
        known.insert(value.to_owned(), number);
        Ok(number)
    }

    /// How the file stands.
    pub fn holding(&self) -> Result<Holding, VaultFailure> {
        let (posts, texts, first, last): (i64, i64, Option<i64>, Option<i64>) = self
            .connection
            .query_row("SELECT COUNT(*), COUNT(text), MIN(at), MAX(at) FROM post", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        let accounts: i64 =
            self.connection.query_row("SELECT COUNT(*) FROM account", [], |row| row.get(0))?;
        let mut traces = self.connection.prepare(
            "SELECT o.trace, COUNT(*), COUNT(DISTINCT o.number) FROM object o JOIN share s ON s.object = o.number \
             GROUP BY o.trace ORDER BY o.trace",
        )?;
        let traces = traces
            .query_map([], |row| Ok((row.get(0)?, count(row.get(1)?), count(row.get(2)?))))?;
        Ok(Holding {
            posts: count(posts),
            texts: count(texts),
            accounts: count(accounts),
            span: first.zip(last),
            traces: traces.collect::<Result<_, _>>()?,
        })
    }

    /// Rejects of an import after a line, at most `limit`.
    pub fn rejects(
        &self,
        import: i64,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT line, code, reason FROM reject WHERE import = ?1 AND line > ?2 ORDER BY line LIMIT ?3",
        )?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = rows.query_map(params![import, after, limit], |row| {
            Ok(Reject { line: count(row.get(0)?), code: row.get(1)?, reason: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Accounts after a pseudonym in text order, at most `limit`.
    pub fn accounts(&self, after: &str, limit: u32) -> Result<Vec<AccountRow>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT a.pseudonym, a.platform, COUNT(p.number), COALESCE(MIN(p.at), 0), COALESCE(MAX(p.at), 0), a.created_at \
             FROM account a LEFT JOIN post p ON p.account = a.number WHERE a.pseudonym > ?1 \
             GROUP BY a.number ORDER BY a.pseudonym LIMIT ?2",
        )?;
        let rows = rows.query_map(params![after, limit], |row| {
            Ok(AccountRow {
                pseudonym: row.get(0)?,
                platform: row.get(1)?,
                posts: count(row.get(2)?),
                span: (row.get(3)?, row.get(4)?),
                created_at: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether an account is held.
    pub fn holds(&self, pseudonym: &str) -> Result<bool, VaultFailure> {
        Ok(self
            .connection
            .query_row("SELECT 1 FROM account WHERE pseudonym = ?1", [pseudonym], |_| Ok(()))
            .optional()?
            .is_some())
    }

    /// What stands behind a pseudonym: platform, identifier and name, one a line.
    pub(super) fn handle(&self, pseudonym: &str) -> Result<Option<String>, VaultFailure> {
        let sealed: Option<Vec<u8>> = self
            .connection
            .query_row("SELECT handle FROM account WHERE pseudonym = ?1", [pseudonym], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(sealed.and_then(|sealed| self.key.open(pseudonym, &sealed)))
    }

    /// Deletes what is over at `now`. Posts stay as far as a case keeps them; texts and what was only watched do not.
    pub fn purge(
        &mut self,
        periods: &Periods,
        stays: &Stays,
        now: Timestamp,
    ) -> Result<Purged, VaultFailure> {
        let before = |kind| (now - periods.of(kind)).as_millisecond();
        let tx = self.connection.transaction()?;
        let mut purged = Purged::default();
        if *stays != Stays::Everything {
            tx.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS stays (pseudonym TEXT PRIMARY KEY); DELETE FROM stays;",
            )?;
            if let Stays::Accounts(accounts) = stays {
                let mut insert = tx.prepare("INSERT INTO stays (pseudonym) VALUES (?1)")?;
                for account in accounts {
                    insert.execute([account])?;
                }
            }
            let over = before(Kept::Post);
            remember(&tx, &self.key, over)?;
            tx.execute(
                &format!("DELETE FROM share WHERE post IN (SELECT number FROM post {OVER})"),
                [over],
            )?;
            purged.posts = tx.execute(&format!("DELETE FROM post {OVER}"), [over])? as u64;
            purged.accounts = tx
                .execute("DELETE FROM account WHERE number NOT IN (SELECT account FROM post)", [])?
                as u64;
            tx.execute("DELETE FROM object WHERE number NOT IN (SELECT object FROM share)", [])?;
        }
        purged.texts = tx.execute(
            "UPDATE post SET text = NULL WHERE text IS NOT NULL AND taken_at < ?1",
            [before(Kept::RawText)],
        )? as u64;
        purged.watched =
            tx.execute("DELETE FROM watched WHERE at < ?1", [before(Kept::Watch)])? as u64;
        tx.commit()?;
        // The log of the last transactions still holds what was deleted: empty it.
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).optional()?;
        Ok(purged)
    }

    /// Every share of a trace as object, pseudonym, milliseconds since 1970 and the post's number, ordered by these.
    pub fn shares(
        &self,
        trace: &str,
        within: (i64, i64),
        mut visit: impl FnMut(&str, &str, i64, &str),
    ) -> Result<u64, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT o.value, a.pseudonym, p.at, 'p' || p.number FROM object o JOIN share s ON s.object = o.number \
             JOIN post p ON p.number = s.post JOIN account a ON a.number = p.account \
             WHERE o.trace = ?1 AND p.at >= ?2 AND p.at <= ?3 ORDER BY o.value, p.at, a.pseudonym, p.number",
        )?;
        let mut rows = rows.query(params![trace, within.0, within.1])?;
        let mut seen = 0;
        let text = |_| rusqlite::Error::InvalidQuery;
        while let Some(row) = rows.next()? {
            let object = row.get_ref(0)?.as_str().map_err(text)?;
            let account = row.get_ref(1)?.as_str().map_err(text)?;
            let post = row.get_ref(3)?.as_str().map_err(text)?;
            visit(object, account, row.get(2)?, post);
            seen += 1;
        }
        Ok(seen)
    }

    /// When the oldest was taken in of the posts between two moments, in milliseconds since 1970.
    pub(super) fn oldest(&self, within: (i64, i64)) -> Result<Option<i64>, VaultFailure> {
        let sql = "SELECT MIN(taken_at) FROM post WHERE at >= ?1 AND at <= ?2";
        Ok(self.connection.query_row(sql, [within.0, within.1], |row| row.get(0))?)
    }

    /// Every text that is still held, as the post's number, pseudonym, milliseconds since 1970 and text, by number.
    pub fn texts(
        &self,
        within: (i64, i64),
        mut visit: impl FnMut(i64, &str, i64, String),
    ) -> Result<u64, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT p.number, a.pseudonym, p.at, p.platform, p.id, p.text FROM post p \
             JOIN account a ON a.number = p.account WHERE p.text IS NOT NULL AND p.at >= ?1 AND p.at <= ?2 \
             ORDER BY p.number",
        )?;
        let mut rows = rows.query([within.0, within.1])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            let place = format!("post:{}:{}", row.get::<_, String>(3)?, row.get::<_, String>(4)?);
            let sealed: Vec<u8> = row.get(5)?;
            let account: String = row.get(1)?;
            if let Some(text) = self.key.open(&place, &sealed) {
                visit(row.get(0)?, &account, row.get(2)?, text);
                seen += 1;
            }
        }
        Ok(seen)
    }

    /// The text of one post; `None` when it was deleted.
    pub fn text(&self, post: i64) -> Result<Option<String>, VaultFailure> {
        let found: Option<(String, String, Option<Vec<u8>>)> = self
            .connection
            .query_row("SELECT platform, id, text FROM post WHERE number = ?1", [post], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        Ok(found.and_then(|(platform, id, sealed)| {
            self.key.open(&format!("post:{platform}:{id}"), &sealed?)
        }))
    }

    /// What stands for a text in a table that leaves.
    pub(super) fn text_mark(&self, text: &str) -> String {
        self.key.text_mark(text)
    }

    /// The different objects of a trace, in text order.
    pub fn objects(&self, trace: &str) -> Result<Vec<String>, VaultFailure> {
        let mut rows =
            self.connection.prepare("SELECT value FROM object WHERE trace = ?1 ORDER BY value")?;
        let rows = rows.query_map([trace], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps what a run found only worth watching, in place of what an earlier try of it left.
    pub(super) fn watch(
        &self,
        run: &str,
        pairs: &[serde_json::Value],
        now: Timestamp,
    ) -> Result<(), VaultFailure> {
        self.connection.execute("DELETE FROM watched WHERE run = ?1", [run])?;
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO watched (run, at, body) VALUES (?1, ?2, ?3)")?;
        for pair in pairs {
            insert.execute(params![run, now.as_millisecond(), pair.to_string()])?;
        }
        Ok(())
    }

    /// How many pairs of a run are still watched.
    pub fn watched(&self, run: &str) -> Result<u64, VaultFailure> {
        let sql = "SELECT COUNT(*) FROM watched WHERE run = ?1";
        Ok(count(self.connection.query_row(sql, [run], |row| row.get(0))?))
    }
}

/// Keeps a mark of each post that is about to be deleted, for the life of the collection: it does not come in again.
fn remember(connection: &Connection, key: &CollectionKey, over: i64) -> Result<(), VaultFailure> {
    let mut posts = connection.prepare(&format!("SELECT platform, id FROM post {OVER}"))?;
    let mut insert = connection.prepare("INSERT OR IGNORE INTO gone (mark) VALUES (?1)")?;
    let mut posts = posts.query([over])?;
    while let Some(row) = posts.next()? {
        let (platform, id): (String, String) = (row.get(0)?, row.get(1)?);
        insert.execute([key.post_mark(&platform, &id).as_slice()])?;
    }
    Ok(())
}

/// Numbers of objects by trace and value, so that what is shared often is looked up once.
#[derive(Default)]
struct Cache(HashMap<String, HashMap<String, i64>>);

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn post(id: &str, account: &str, url: &str) -> NewPost {
        NewPost {
            id: id.to_owned(),
            platform: "example".to_owned(),
            account: account.to_owned(),
            handle: format!("@{account}"),
            at: 1_000,
            kind: "original",
            text: Some("架空の本文です".to_owned()),
            objects: vec![("url".to_owned(), url.to_owned())],
            ..NewPost::default()
        }
    }

    fn records(posts: Vec<NewPost>) -> impl Iterator<Item = Result<(u64, NewPost), Reject>> {
        (1..).zip(posts).map(Ok)
    }

    fn now(days: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days)
    }

    #[test]
    fn duplicates_empty_objects_and_what_is_too_much_are_counted_and_an_import_can_be_repeated() {
        let mut vault = Vault::in_memory(&[7; 32]).unwrap();
        let posts = vec![
            post("1", "a", "https://news.example/x"),
            post("1", "b", "https://news.example/x"),
            post("2", "b", ""),
            post("3", "c", "https://news.example/x"),
        ];
        for _ in 0..2 {
            let taken = vault.take(1, records(posts.clone()), 2, now(0)).unwrap();
            assert_eq!((taken.posts, taken.rejected), (2, 2), "{taken:?}");
            assert_eq!(taken.shares["url"], 1, "an empty link is no link");
            assert_eq!(taken.reasons["NRS-INFL-1006"], 1);
            assert_eq!(taken.reasons["NRS-INFL-0214"], 1);
        }
        let lines: Vec<u64> = vault.rejects(1, 0, 10).unwrap().iter().map(|one| one.line).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(vault.holding().unwrap().posts, 2);
    }

    #[test]
    fn several_rows_of_one_post_are_one_post_and_a_mention_is_a_pseudonym() {
        let mut vault = Vault::in_memory(&[7; 32]).unwrap();
        let mut second = post("1", "a", "https://news.example/y");
        second.objects.push(("mention".to_owned(), "kakuu_hanako".to_owned()));
        let posts = vec![post("1", "a", "https://news.example/x"), second];
        let taken = vault.take(1, records(posts), 10, now(0)).unwrap();
        assert_eq!((taken.posts, taken.merged, taken.rejected), (1, 1, 0));
        assert_eq!(taken.shares["url"], 2);
        let named: String = vault
            .connection
            .query_row("SELECT value FROM object WHERE trace = 'mention'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(named, vault.key.pseudonym("example", "kakuu_hanako"));
    }

    #[test]
    fn no_address_that_is_shared_names_an_account_in_clear() {
        let dir = tempfile::tempdir().unwrap();
        let mut vault = Vault::open(dir.path(), "collection-1").unwrap();
        let mut one = post("https://social.example/@kakuu_a/1", "a", "https://t.me/kakuu_b/5");
        let mut other = post("https://social.example/@kakuu_a/2", "b", "https://t.me/kakuu_b/5");
        for (trace, value) in [
            ("url", "https://x.com/kakuu_c/status/7"),
            ("url", "https://facebook.com/permalink.php?id=kakuu_d&story_fbid=5"),
            ("object_id", "https://www.tiktok.com/@kakuu_e"),
            ("url", "https://web.archive.org/web/2026/https://twitter.com/kakuu_f/status/1"),
        ] {
            one.objects.push((trace.to_owned(), value.to_owned()));
        }
        // What it reposts is still the post that is held.
        other.objects.push(("repost".to_owned(), one.id.clone()));
        other.at = 2_000;
        vault.take(1, records(vec![one, other]), 10, now(0)).unwrap();
        let mut shares = Vec::new();
        vault.shares("url", (0, 9_000), |object, _, _, _| shares.push(object.to_owned())).unwrap();
        let of_channel = shares.iter().filter(|one| one.starts_with("https://t.me/named:")).count();
        assert_eq!(of_channel, 2, "one object for both: {shares:?}");
        assert_eq!(vault.objects("url").unwrap().len(), 4, "{shares:?}");
        let mut fast = 0;
        vault.fast_reposts(10, (0, 9_000), |_, _, _, _| fast += 1).unwrap();
        assert_eq!(fast, 1);
        vault.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let bytes = std::fs::read(path(dir.path(), "collection-1")).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"kakuu_"), "an account in clear");
    }

    #[test]
    fn neither_a_handle_nor_a_text_stands_in_clear_and_each_opens_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let mut vault = Vault::open(dir.path(), "collection-1").unwrap();
        let one = post("9", "kakuu_taro", "https://news.example/x");
        vault.take(1, records(vec![one]), 10, now(0)).unwrap();
        let accounts = vault.accounts("", 10).unwrap();
        assert_eq!(accounts.len(), 1);
        assert_eq!(
            vault.handle(&accounts[0].pseudonym).unwrap().as_deref(),
            Some("example\nkakuu_taro\n@kakuu_taro")
        );
        let mut texts = Vec::new();
        vault.texts((0, 2_000), |_, _, _, text| texts.push(text)).unwrap();
        assert_eq!(texts, ["架空の本文です"]);
        vault.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let bytes = std::fs::read(path(dir.path(), "collection-1")).unwrap();
        for secret in ["kakuu_taro".as_bytes(), "架空の本文".as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret));
        }
        assert!(bytes.windows(12).any(|part| part == b"news.example"), "the object is looked at");
    }

    #[test]
    fn what_is_over_is_deleted_also_from_the_file_and_a_case_holds_posts_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut vault = Vault::open(dir.path(), "c").unwrap();
        vault.take(1, records(vec![post("1", "a", "https://old.example/x")]), 10, now(0)).unwrap();
        vault
            .take(2, records(vec![post("2", "b", "https://new.example/x")]), 10, now(100))
            .unwrap();
        let periods = Periods::default();
        let nothing = Stays::Nothing;
        assert_eq!(vault.purge(&periods, &nothing, now(30)).unwrap(), Purged::default());
        let purged = vault.purge(&periods, &Stays::Everything, now(181)).unwrap();
        assert_eq!(purged, Purged { texts: 2, ..Purged::default() }, "held: texts go, posts stay");
        let one = Stays::Accounts([vault.key.pseudonym("example", "a")].into());
        assert_eq!(vault.purge(&periods, &one, now(181)).unwrap(), Purged::default());
        let purged = vault.purge(&periods, &nothing, now(181)).unwrap();
        assert_eq!(purged, Purged { posts: 1, accounts: 1, ..Purged::default() });
        assert_eq!(vault.holding().unwrap().posts, 1);
        let other = Stays::Accounts([vault.key.pseudonym("example", "x")].into());
        assert_eq!(vault.oldest((0, 2_000)).unwrap(), Some(now(100).as_millisecond()));
        let bytes = std::fs::read(path(dir.path(), "c")).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"old.example"));
        assert!(bytes.windows(11).any(|part| part == b"new.example"));
        // Another account that stays keeps nobody else.
        assert_eq!(vault.purge(&periods, &other, now(281)).unwrap().posts, 1);
        // Told of once more, what was deleted stays away; its mark says nothing of it.
        let again = vec![post("1", "a", "https://old.example/x"), post("3", "a", "")];
        let taken = vault.take(3, records(again), 10, now(282)).unwrap();
        assert_eq!((taken.posts, taken.reasons["NRS-INFL-1008"]), (1, 1), "{taken:?}");
        let (one, name): (i64, String) = vault
            .connection
            .query_row("SELECT COUNT(*), MAX(id) FROM post", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!((one, name.as_str()), (1, "3"));
        drop(vault);
        std::fs::remove_file(super::super::keys::path(dir.path(), "c")).unwrap();
        assert!(Vault::existing(dir.path(), "c").unwrap().is_none(), "no key is made anew");
        assert!(!super::super::keys::is_there(dir.path(), "c"));
    }
}
