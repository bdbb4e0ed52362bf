//! Questions about feeds and their readings.

use jiff::Timestamp;

use super::fetch::Seen;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// A feed of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Its identifier.
    pub feed: String,
    /// Of which collection.
    pub collection: String,
    /// Its address.
    pub url: String,
    /// Minutes between two readings.
    pub every_minutes: u32,
    /// `asked`, `refused`, `waiting`, `ok`, `failed` or `ended`.
    pub state: String,
    /// Who named it.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// What was said when it was allowed or refused.
    pub decision: Option<String>,
    /// Why it ended.
    pub ended_why: Option<String>,
    /// What was seen of it.
    pub seen: Seen,
    /// SHA-256 of what was read last.
    pub digest: Option<String>,
    /// When it was read last.
    pub pulled_at: Option<Timestamp>,
    /// When it is read next.
    pub due_at: Option<Timestamp>,
    /// Readings that failed one after the other.
    pub failures: u32,
}

impl Feed {
    /// Whether it is read.
    pub fn is_read(&self) -> bool {
        matches!(self.state.as_str(), "waiting" | "ok" | "failed")
    }
}

const FEED: &str = "SELECT feed, collection, url, every_minutes, state, asked_by, asked_at, decision, ended_why, etag, \
     modified, digest, pulled_at, due_at, failures FROM influence_feed";

fn feed_row(row: &Row<'_, '_>) -> Result<Feed, StoreFailure> {
    let small =
        |at: usize| Ok::<u32, StoreFailure>(u32::try_from(row.count(at)?).unwrap_or(u32::MAX));
    Ok(Feed {
        feed: row.text(0)?,
        collection: row.text(1)?,
        url: row.text(2)?,
        every_minutes: small(3)?,
        state: row.text(4)?,
        asked_by: row.text(5)?,
        asked_at: row.time(6)?,
        decision: row.text_or_none(7)?,
        ended_why: row.text_or_none(8)?,
        seen: Seen { etag: row.text_or_none(9)?, modified: row.text_or_none(10)? },
        digest: row.text_or_none(11)?,
        pulled_at: row.time_or_none(12)?,
        due_at: row.time_or_none(13)?,
        failures: small(14)?,
    })
}

/// One feed.
pub fn feed(reader: &Reader<'_>, id: &str) -> Result<Option<Feed>, StoreFailure> {
    reader.first(&format!("{FEED} WHERE feed = $1"), &[Value::from(id)], feed_row)
}

/// Every feed of a collection, in the order in which they were named.
pub fn feeds(reader: &Reader<'_>, collection: &str) -> Result<Vec<Feed>, StoreFailure> {
    let sql = format!("{FEED} WHERE collection = $1 ORDER BY asked_at, feed");
    reader.all(&sql, &[Value::from(collection)], feed_row)
}

/// One reading of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Of which feed.
    pub feed: String,
    /// When.
    pub at: Timestamp,
    /// `new`, `same` or `failed`.
    pub outcome: String,
    /// What the document was.
    pub kind: Option<String>,
    /// Documents that were read.
    pub documents: u64,
    /// Bytes that came.
    pub size: u64,
    /// Entries that were handed on.
    pub entries: u64,
    /// The import they became.
    pub import: Option<String>,
    /// Why it failed, or what of it did: a code.
    pub code: Option<String>,
    /// In words.
    pub why: Option<String>,
}

const PULL: &str = "SELECT p.feed, p.at, p.outcome, p.kind, p.documents, p.size, p.entries, p.import, p.code, p.why FROM influence_pull p";

fn pull_row(row: &Row<'_, '_>) -> Result<Pull, StoreFailure> {
    Ok(Pull {
        feed: row.text(0)?,
        at: row.time(1)?,
        outcome: row.text(2)?,
        kind: row.text_or_none(3)?,
        documents: row.count(4)?,
        size: row.count(5)?,
        entries: row.count(6)?,
        import: row.text_or_none(7)?,
        code: row.text_or_none(8)?,
        why: row.text_or_none(9)?,
    })
}

/// Readings of all feeds of a collection, newest first, at most `limit`.
pub fn pulls(reader: &Reader<'_>, collection: &str, limit: u32) -> Result<Vec<Pull>, StoreFailure> {
    let sql = format!(
        "{PULL} JOIN influence_feed f ON f.feed = p.feed WHERE f.collection = $1 ORDER BY p.at DESC, p.pull DESC LIMIT $2"
    );
    reader.all(&sql, &[Value::from(collection), Value::from(i64::from(limit))], pull_row)
}

/// The last reading of each feed of a collection.
pub fn last_pulls(reader: &Reader<'_>, collection: &str) -> Result<Vec<Pull>, StoreFailure> {
    let sql = format!(
        "{PULL} JOIN influence_feed f ON f.feed = p.feed WHERE f.collection = $1 AND p.pull = \
         (SELECT l.pull FROM influence_pull l WHERE l.feed = p.feed ORDER BY l.at DESC, l.pull DESC LIMIT 1)"
    );
    reader.all(&sql, &[Value::from(collection)], pull_row)
}
