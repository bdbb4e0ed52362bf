//! The file of a run: groups, edges, clusters and hits, with the numbers that explain them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use crate::influence::vault::VaultFailure;

const SCHEMA: &str = "
CREATE TABLE member (grp INTEGER NOT NULL, account TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (grp, account));
CREATE INDEX member_of ON member (account);
CREATE TABLE grp (number INTEGER PRIMARY KEY, level TEXT NOT NULL, accounts INTEGER NOT NULL, edges INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE edge (number INTEGER PRIMARY KEY, grp INTEGER, a TEXT NOT NULL, b TEXT NOT NULL, weight INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX edge_of ON edge (grp, number);
CREATE TABLE cluster (number INTEGER PRIMARY KEY, posts INTEGER NOT NULL, accounts INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE copy (cluster INTEGER NOT NULL, place INTEGER NOT NULL, post INTEGER NOT NULL, account TEXT NOT NULL,
    at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (cluster, place));
CREATE TABLE hit (number INTEGER PRIMARY KEY, domain TEXT NOT NULL, protected TEXT, rule TEXT NOT NULL,
    score INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE other (account TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE find (tbl TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tbl, number)) WITHOUT ROWID;
";

/// Where the answer of a run lies.
pub fn path(data: &Path, run: &str) -> PathBuf {
    data.join("influence").join("runs").join(format!("{run}.db"))
}

/// Where the table lies that the run was made from.
pub fn shares_path(data: &Path, run: &str) -> PathBuf {
    data.join("influence").join("runs").join(format!("{run}.csv"))
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRow {
    /// Its number.
    pub number: i64,
    /// `E2` or `E3`; `E1` for what is only watched.
    pub level: String,
    /// Its accounts.
    pub accounts: u64,
    /// Its edges.
    pub edges: u64,
    /// First and last joint share, seconds since 1970.
    pub span: (i64, i64),
    /// Everything else.
    pub body: Value,
}

/// An edge.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeRow {
    /// Its group, where it has one.
    pub group: Option<i64>,
    /// The pseudonyms.
    pub ends: (String, String),
    /// Distinct objects shared together.
    pub weight: u64,
    /// First and last joint share, seconds since 1970.
    pub span: (i64, i64),
    /// The evidence, trace by trace.
    pub body: Value,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberRow {
    /// The pseudonym.
    pub account: String,
    /// Centrality, partners, stability, core.
    pub body: Value,
}

impl MemberRow {
    /// A number of its evidence as it stands; empty where there is none.
    pub fn value(&self, name: &str) -> String {
        let value = self.body.get(name).unwrap_or(&Value::Null);
        match value {
            Value::Null => String::new(),
            value => value.as_f64().map_or_else(|| value.to_string(), |number| format!("{number}")),
        }
    }
}

/// A cluster of copies.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterRow {
    /// Its number.
    pub number: i64,
    /// Its posts.
    pub posts: u64,
    /// Its accounts.
    pub accounts: u64,
    /// Everything else.
    pub body: Value,
}

/// A copy in a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyRow {
    /// The number of the post in the collection.
    pub post: i64,
    /// The pseudonym.
    pub account: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// How it is a copy.
    pub body: Value,
}

/// What a name that is like a protected one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// An imitation.
    Imitates,
    /// Under a suffix that is closed to strangers, so that it is shown and no imitation.
    Closed,
}

impl Likeness {
    /// Its word in files and answers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Imitates => "imitates",
            Self::Closed => "closed",
        }
    }
}

/// A name that is like another.
#[derive(Debug, Clone, PartialEq)]
pub struct HitRow {
    /// What it is.
    pub likeness: Likeness,
    /// The name.
    pub domain: String,
    /// What it is like.
    pub protected: Option<String>,
    /// By which rule.
    pub rule: String,
    /// Likeness in per cent.
    pub score: u64,
}

/// A row of one of the tables of [`super::tables`].
#[derive(Debug, Clone, PartialEq)]
pub struct FindRow {
    /// Its number in its table, in the order of what is most to be looked at.
    pub number: i64,
    /// Its cells by name, and the evidence it rests on.
    pub body: Value,
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The open file of a run.
pub struct Results {
    connection: Connection,
}

impl Results {
    /// Makes the file anew; what an earlier try left is gone.
    pub fn create(data: &Path, run: &str) -> Result<Self, VaultFailure> {
        let path = path(data, run);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        crate::influence::gather::remove(&path)?;
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "off")?;
        connection.pragma_update(None, "synchronous", "off")?;
        connection.execute_batch(SCHEMA)?;
        connection.execute_batch("BEGIN")?;
        Ok(Self { connection })
    }

    /// The file of a finished run; `None` when it was deleted.
    pub fn open(data: &Path, run: &str) -> Result<Option<Self>, VaultFailure> {
        let path = path(data, run);
        if !std::fs::exists(&path)? {
            return Ok(None);
        }
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(path, flags)?;
        Ok(Some(Self { connection }))
    }

    /// Ends writing; the file is on the disk afterwards.
    pub fn finish(self, data: &Path, run: &str) -> Result<(), VaultFailure> {
        self.connection.execute_batch("COMMIT")?;
        drop(self);
        std::fs::File::open(path(data, run))?.sync_all()?;
        Ok(())
    }

    pub(super) fn add_group(&self, row: &GroupRow) -> Result<(), VaultFailure> {
        self.connection
            .prepare_cached("INSERT INTO grp VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![
                row.number,
                row.level,
                i64::try_from(row.accounts).unwrap_or(i64::MAX),
                i64::try_from(row.edges).unwrap_or(i64::MAX),
                row.span.0,
                row.span.1,
                row.body.to_string()
            ])?;
        Ok(())
    }

    pub(super) fn add_member(&self, group: i64, row: &MemberRow) -> Result<(), VaultFailure> {
        self.connection
            .prepare_cached("INSERT INTO member VALUES (?1, ?2, ?3)")?
            .execute(params![group, row.account, row.body.to_string()])?;
        Ok(())
    }

    pub(super) fn add_edge(&self, row: &EdgeRow) -> Result<(), VaultFailure> {
        self.connection
            .prepare_cached(
                "INSERT INTO edge (grp, a, b, weight, first, last, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                row.group,
                row.ends.0,
                row.ends.1,
                i64::try_from(row.weight).unwrap_or(i64::MAX),
                row.span.0,
                row.span.1,
                row.body.to_string()
            ])?;
        Ok(())
    }

    pub(super) fn add_cluster(
        &self,
        row: &ClusterRow,
        copies: &[CopyRow],
    ) -> Result<(), VaultFailure> {
        self.connection.prepare_cached("INSERT INTO cluster VALUES (?1, ?2, ?3, ?4)")?.execute(
            params![
                row.number,
                i64::try_from(row.posts).unwrap_or(i64::MAX),
                i64::try_from(row.accounts).unwrap_or(i64::MAX),
                row.body.to_string()
            ],
        )?;
        let mut insert =
            self.connection.prepare_cached("INSERT INTO copy VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (place, copy) in (0_i64..).zip(copies) {
            insert.execute(params![
                row.number,
                place,
                copy.post,
                copy.account,
                copy.at,
                copy.body.to_string()
            ])?;
        }
        Ok(())
    }

    pub(super) fn add_hit(&self, number: i64, row: &HitRow) -> Result<(), VaultFailure> {
        self.connection
            .prepare_cached("INSERT INTO hit VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                number,
                row.domain,
                row.protected,
                row.rule,
                i64::try_from(row.score).unwrap_or(0),
                row.likeness.code()
            ])?;
        Ok(())
    }

    pub(super) fn add_find(
        &self,
        table: &str,
        number: i64,
        body: &Value,
    ) -> Result<(), VaultFailure> {
        self.connection
            .prepare_cached("INSERT INTO find VALUES (?1, ?2, ?3)")?
            .execute(params![table, number, body.to_string()])?;
        Ok(())
    }

    /// Keeps which number of the table of the run stands for an account.
    pub(super) fn add_other(&self, account: &str, number: usize) -> Result<(), VaultFailure> {
        self.connection
            .prepare_cached("INSERT INTO other VALUES (?1, ?2)")?
            .execute(params![account, i64::try_from(number).unwrap_or(i64::MAX)])?;
        Ok(())
    }

    /// Accounts that stand under a number of the table of the run, with it. A file of before such numbers were kept has none.
    pub(super) fn others(&self) -> Result<Vec<(String, usize)>, VaultFailure> {
        let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'other'";
        if self.connection.query_row(sql, [], |_| Ok(())).optional()?.is_none() {
            return Ok(Vec::new());
        }
        let mut rows = self.connection.prepare("SELECT account, number FROM other")?;
        let rows = rows.query_map([], |row| {
            let number: i64 = row.get(1)?;
            Ok((row.get(0)?, usize::try_from(number).unwrap_or(0)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What stands in the rows of groups, edges and finds beside their numbers.
    pub(super) fn bodies(&self, mut visit: impl FnMut(&str)) -> Result<(), VaultFailure> {
        for table in ["grp", "edge", "find"] {
            let mut rows = self.connection.prepare(&format!("SELECT body FROM {table}"))?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                visit(row.get_ref(0)?.as_str().map_err(|_| rusqlite::Error::InvalidQuery)?);
            }
        }
        Ok(())
    }

    /// Rows of a table of finds, at most `limit` from `offset`.
    pub fn finds(
        &self,
        table: &str,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<FindRow>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT number, body FROM find WHERE tbl = ?1 ORDER BY number LIMIT ?2 OFFSET ?3",
        )?;
        let rows = rows.query_map(params![table, limit, offset], find_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One row of a table of finds.
    pub fn find(&self, table: &str, number: i64) -> Result<Option<FindRow>, VaultFailure> {
        let sql = "SELECT number, body FROM find WHERE tbl = ?1 AND number = ?2";
        Ok(self.connection.query_row(sql, params![table, number], find_row).optional()?)
    }

    /// How many rows a table of finds has.
    pub fn find_count(&self, table: &str) -> Result<u64, VaultFailure> {
        let sql = "SELECT COUNT(*) FROM find WHERE tbl = ?1";
        Ok(count(self.connection.query_row(sql, [table], |row| row.get(0))?))
    }

    /// Groups that were active between two moments (seconds since 1970), the largest first, at most `limit` from `offset`.
    pub fn groups(
        &self,
        within: (i64, i64),
        offset: u32,
        limit: u32,
    ) -> Result<Vec<GroupRow>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT number, level, accounts, edges, first, last, body FROM grp WHERE last >= ?1 AND first <= ?2 \
             ORDER BY level DESC, accounts DESC, number LIMIT ?3 OFFSET ?4",
        )?;
        let rows = rows.query_map(params![within.0, within.1, limit, offset], group_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One group.
    pub fn group(&self, number: i64) -> Result<Option<GroupRow>, VaultFailure> {
        Ok(self
            .connection
            .query_row(
                "SELECT number, level, accounts, edges, first, last, body FROM grp WHERE number = ?1",
                [number],
                group_row,
            )
            .optional()?)
    }

    /// Members of a group, those with most influence within it first.
    pub fn members(&self, group: i64) -> Result<Vec<MemberRow>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT account, body FROM member WHERE grp = ?1 \
             ORDER BY json_extract(body, '$.centrality') DESC, account",
        )?;
        let rows = rows.query_map([group], |row| {
            let body: String = row.get(1)?;
            Ok(MemberRow { account: row.get(0)?, body: json(&body) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Edges between two moments, of a group or of all, the strongest first, at most `limit`.
    pub fn edges(
        &self,
        group: Option<i64>,
        within: (i64, i64),
        limit: u32,
    ) -> Result<Vec<EdgeRow>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT grp, a, b, weight, first, last, body FROM edge WHERE (?1 IS NULL OR grp = ?1) AND last >= ?2 \
             AND first <= ?3 ORDER BY weight DESC, number LIMIT ?4",
        )?;
        let rows = rows.query_map(params![group, within.0, within.1, limit], edge_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Pairs of groups with the number of edges between them, and edges without a group: `(all, of groups)`.
    pub fn edge_counts(&self, within: (i64, i64)) -> Result<(u64, u64), VaultFailure> {
        let (all, grouped): (i64, i64) = self.connection.query_row(
            "SELECT COUNT(*), COUNT(grp) FROM edge WHERE last >= ?1 AND first <= ?2",
            [within.0, within.1],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok((count(all), count(grouped)))
    }

    /// Pairs of groups that have edges between them, with how many.
    pub fn between(&self, within: (i64, i64)) -> Result<BTreeMap<(i64, i64), u64>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT MIN(m.grp, n.grp), MAX(m.grp, n.grp), COUNT(*) FROM edge e JOIN member m ON m.account = e.a \
             JOIN member n ON n.account = e.b WHERE e.grp IS NULL AND m.grp <> n.grp AND e.last >= ?1 AND e.first <= ?2 \
             GROUP BY 1, 2",
        )?;
        let rows = rows.query_map([within.0, within.1], |row| {
            Ok(((row.get(0)?, row.get(1)?), count(row.get(2)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The pseudonyms of every member of every group, with the group.
    pub fn memberships(&self) -> Result<Vec<(i64, String)>, VaultFailure> {
        let mut rows =
            self.connection.prepare("SELECT grp, account FROM member ORDER BY grp, account")?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Clusters, those with most accounts first.
    pub fn clusters(&self, offset: u32, limit: u32) -> Result<Vec<ClusterRow>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT number, posts, accounts, body FROM cluster ORDER BY accounts DESC, posts DESC, number LIMIT ?1 OFFSET ?2",
        )?;
        let rows = rows.query_map([limit, offset], cluster_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One cluster.
    pub fn cluster(&self, number: i64) -> Result<Option<ClusterRow>, VaultFailure> {
        let sql = "SELECT number, posts, accounts, body FROM cluster WHERE number = ?1";
        Ok(self.connection.query_row(sql, [number], cluster_row).optional()?)
    }

    /// Copies of a cluster by time, at most `limit`.
    pub fn copies(&self, cluster: i64, limit: u32) -> Result<Vec<CopyRow>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT post, account, at, body FROM copy WHERE cluster = ?1 ORDER BY place LIMIT ?2",
        )?;
        let rows = rows.query_map(params![cluster, limit], |row| {
            let body: String = row.get(3)?;
            Ok(CopyRow {
                post: row.get(0)?,
                account: row.get(1)?,
                at: row.get(2)?,
                body: json(&body),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Names that are like others in this way, the likest first, at most `limit`. In a file of before they were told apart all
    /// are imitations.
    pub fn hits(
        &self,
        likeness: Likeness,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<HitRow>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT domain, protected, rule, score FROM hit WHERE (body = 'closed') = ?3 \
             ORDER BY score DESC, domain LIMIT ?1 OFFSET ?2",
        )?;
        let is_closed = likeness == Likeness::Closed;
        let rows = rows.query_map(params![limit, offset, is_closed], |row| {
            Ok(HitRow {
                likeness,
                domain: row.get(0)?,
                protected: row.get(1)?,
                rule: row.get(2)?,
                score: count(row.get(3)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn find_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<FindRow> {
    let body: String = row.get(1)?;
    Ok(FindRow { number: row.get(0)?, body: json(&body) })
}

fn group_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<GroupRow> {
    let body: String = row.get(6)?;
    Ok(GroupRow {
        number: row.get(0)?,
        level: row.get(1)?,
        accounts: count(row.get(2)?),
        edges: count(row.get(3)?),
        span: (row.get(4)?, row.get(5)?),
        body: json(&body),
    })
}

fn edge_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<EdgeRow> {
    let body: String = row.get(6)?;
    Ok(EdgeRow {
        group: row.get(0)?,
        ends: (row.get(1)?, row.get(2)?),
        weight: count(row.get(3)?),
        span: (row.get(4)?, row.get(5)?),
        body: json(&body),
    })
}

fn cluster_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<ClusterRow> {
    let body: String = row.get(3)?;
    Ok(ClusterRow {
        number: row.get(0)?,
        posts: count(row.get(1)?),
        accounts: count(row.get(2)?),
        body: json(&body),
    })
}
