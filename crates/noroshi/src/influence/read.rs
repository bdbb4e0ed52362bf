//! Questions about collections, imports, deletions, openings, elections and the register of declared coordination.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::fimi::State;
use noroshi_charter::gathering::Standing;
use noroshi_charter::keeping::{Hold, Periods, hold};
use serde::Deserialize;

use super::unread::Unread;
use super::vault::Taken;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// A seed as it stands in the record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SeedRow {
    /// Its kind.
    pub kind: String,
    /// The object.
    pub text: String,
}

/// What was decided on a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Why.
    pub reason: String,
}

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its identifier.
    pub collection: String,
    /// What it is called.
    pub title: String,
    /// What for.
    pub purpose: String,
    /// By which law or decision.
    pub legal_basis: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Most posts.
    pub volume_max: u64,
    /// Days posts, raw texts and the watch tier are kept.
    pub days: (u32, u32, u32),
    /// What it begins from.
    pub seeds: Vec<SeedRow>,
    /// Who asked for it.
    pub requester: String,
    /// The organisation that asked.
    pub org: String,
    /// When.
    pub created_at: Timestamp,
    /// What was decided.
    pub decision: Option<Decision>,
    /// When it was stopped, and why.
    pub stopped: Option<(Timestamp, String)>,
    /// Posts ever taken in.
    pub taken: u64,
}

impl Collection {
    /// How it stands when posts would come in.
    pub fn standing(&self) -> Standing {
        Standing {
            is_allowed: self.decision.as_ref().is_some_and(|decision| decision.allowed),
            is_stopped: self.stopped.is_some(),
            from: self.from,
            until: self.until,
            taken: self.taken,
            volume_max: self.volume_max,
        }
    }

    /// Its periods; the longest ones there are when what is stored were none.
    pub fn periods(&self) -> Periods {
        Periods::new(self.days.0, self.days.1, self.days.2).unwrap_or_default()
    }

    /// `asked`, `refused`, `open`, `ended` or `stopped`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match (&self.decision, &self.stopped) {
            (None, _) => "asked",
            (Some(decision), _) if !decision.allowed => "refused",
            (Some(_), Some(_)) => "stopped",
            (Some(_), None) if now > self.until => "ended",
            (Some(_), None) => "open",
        }
    }
}

const COLLECTION: &str = "SELECT collection, title, purpose, legal_basis, from_at, until_at, volume_max, post_days, \
     text_days, watch_days, seeds, requester, org, created_at, decided_by, decided_at, allowed, decision, stopped_at, \
     stop_reason, taken FROM influence_collection";

fn days(row: &Row<'_, '_>, at: usize) -> Result<u32, StoreFailure> {
    Ok(u32::try_from(row.count(at)?).unwrap_or(0))
}

fn collection_row(row: &Row<'_, '_>) -> Result<Collection, StoreFailure> {
    let decision = match (row.text_or_none(14)?, row.time_or_none(15)?) {
        (Some(by), Some(at)) => Some(Decision {
            by,
            at,
            allowed: row.truth(16)?,
            reason: row.text_or_none(17)?.unwrap_or_default(),
        }),
        _ => None,
    };
    Ok(Collection {
        collection: row.text(0)?,
        title: row.text(1)?,
        purpose: row.text(2)?,
        legal_basis: row.text(3)?,
        from: row.time(4)?,
        until: row.time(5)?,
        volume_max: row.count(6)?,
        days: (days(row, 7)?, days(row, 8)?, days(row, 9)?),
        seeds: row.json(10)?,
        requester: row.text(11)?,
        org: row.text(12)?,
        created_at: row.time(13)?,
        decision,
        stopped: row.time_or_none(18)?.zip(row.text_or_none(19)?),
        taken: row.count(20)?,
    })
}

/// One collection.
pub fn collection(reader: &Reader<'_>, id: &str) -> Result<Option<Collection>, StoreFailure> {
    let sql = format!("{COLLECTION} WHERE collection = $1");
    reader.first(&sql, &[Value::from(id)], collection_row)
}

/// Collections before one in the order of their making, newest first, at most `limit`.
pub fn collections(
    reader: &Reader<'_>,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Collection>, StoreFailure> {
    let sql = format!(
        "{COLLECTION} WHERE ($1 IS NULL OR collection < $1) ORDER BY collection DESC LIMIT $2"
    );
    reader.all(&sql, &[Value::from(before), Value::from(i64::from(limit))], collection_row)
}

/// Names that are no seeds alone.
pub fn names(reader: &Reader<'_>) -> Result<Vec<String>, StoreFailure> {
    reader.all("SELECT name FROM influence_name ORDER BY name", &[], |row| row.text(0))
}

/// A batch of posts that was brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its number, unique among all imports.
    pub number: i64,
    /// Its identifier.
    pub import: String,
    /// Into which collection.
    pub collection: String,
    /// What the file was called.
    pub name: String,
    /// SHA-256 of the file.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// How it is read: `auto`, `cnt`, or a mapping of roles to columns.
    pub mapping: Option<String>,
    /// `held` (waiting for a mapping), `reading`, `done`, `failed`, or `expired` when nobody had it read in time.
    pub state: String,
    /// Who brought it.
    pub person: String,
    /// For which organisation.
    pub org: String,
    /// Under which hat.
    pub hat: String,
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub taken: Option<Taken>,
    /// Why it failed.
    pub failure: Option<Unread>,
}

#[derive(Deserialize)]
struct Summary {
    taken: Option<Taken>,
    failure: Option<String>,
    #[serde(default)]
    failure_values: BTreeMap<String, String>,
}

impl Summary {
    fn came(self) -> (Option<Taken>, Option<Unread>) {
        let values = self.failure_values;
        (self.taken, self.failure.map(|code| Unread { code, values }))
    }
}

const IMPORT: &str = "SELECT number, import, collection, name, digest, size, mapping, state, person, org, hat, at, summary \
     FROM influence_import";

fn import_row(row: &Row<'_, '_>) -> Result<Import, StoreFailure> {
    let summary: Option<Summary> =
        if row.text_or_none(12)?.is_some() { Some(row.json(12)?) } else { None };
    let (taken, failure) = summary.map_or((None, None), Summary::came);
    Ok(Import {
        number: row.int(0)?,
        import: row.text(1)?,
        collection: row.text(2)?,
        name: row.text(3)?,
        digest: row.text(4)?,
        size: row.count(5)?,
        mapping: row.text_or_none(6)?,
        state: row.text(7)?,
        person: row.text(8)?,
        org: row.text(9)?,
        hat: row.text(10)?,
        at: row.time(11)?,
        taken,
        failure,
    })
}

/// One import.
pub fn import(reader: &Reader<'_>, id: &str) -> Result<Option<Import>, StoreFailure> {
    let sql = format!("{IMPORT} WHERE import = $1");
    reader.first(&sql, &[Value::from(id)], import_row)
}

/// Imports into a collection, newest first, at most `limit`.
pub fn imports(
    reader: &Reader<'_>,
    collection: &str,
    limit: u32,
) -> Result<Vec<Import>, StoreFailure> {
    let sql = format!("{IMPORT} WHERE collection = $1 ORDER BY number DESC LIMIT $2");
    reader.all(&sql, &[Value::from(collection), Value::from(i64::from(limit))], import_row)
}

/// An import whose file is still needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its identifier.
    pub import: String,
    /// Into which collection.
    pub collection: String,
    /// Whether a job reads it, or is to.
    pub is_reading: bool,
    /// When it was handed in.
    pub at: Timestamp,
}

/// Every import whose file is still needed, of all collections.
pub fn waiting(reader: &Reader<'_>) -> Result<Vec<Waiting>, StoreFailure> {
    reader.all(
        "SELECT import, collection, state = 'reading', at FROM influence_import WHERE state IN ('held', 'reading') \
         ORDER BY number",
        &[],
        |row| {
            Ok(Waiting {
                import: row.text(0)?,
                collection: row.text(1)?,
                is_reading: row.truth(2)?,
                at: row.time(3)?,
            })
        },
    )
}

/// What was deleted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeRow {
    /// When.
    pub at: Timestamp,
    /// Posts.
    pub posts: u64,
    /// Texts of posts that stay.
    pub texts: u64,
    /// Accounts.
    pub accounts: u64,
    /// Results that were only worth watching.
    pub watched: u64,
}

/// Deletions of a collection, newest first, at most `limit`.
pub fn purges(
    reader: &Reader<'_>,
    collection: &str,
    limit: u32,
) -> Result<Vec<PurgeRow>, StoreFailure> {
    reader.all(
        "SELECT at, posts, texts, accounts, watched FROM influence_purge WHERE collection = $1 ORDER BY at DESC LIMIT $2",
        &[Value::from(collection), Value::from(i64::from(limit))],
        |row| {
            Ok(PurgeRow {
                at: row.time(0)?,
                posts: row.count(1)?,
                texts: row.count(2)?,
                accounts: row.count(3)?,
                watched: row.count(4)?,
            })
        },
    )
}

/// What cases keep of a collection beyond its periods.
pub fn held(reader: &Reader<'_>, collection: &str) -> Result<Hold, StoreFailure> {
    let cases = reader.all(
        "SELECT i.state, i.legal_hold FROM influence_part p JOIN influence_incident i ON i.incident = p.incident \
         WHERE p.kind = 'collection' AND p.ended_at IS NULL AND json_extract(p.body, '$.collection') = $1",
        &[Value::from(collection)],
        |row| Ok((row.text(0)?, row.truth(1)?)),
    )?;
    let kept =
        cases.iter().filter_map(|(state, is_hold)| Some(hold(State::parse(state)?, *is_hold)));
    Ok(kept.max().unwrap_or_default())
}

/// A handle that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its identifier.
    pub opening: String,
    /// Of which collection.
    pub collection: String,
    /// The pseudonym.
    pub account: String,
    /// Why.
    pub reason: String,
    /// In which case.
    pub incident: String,
    /// Who asked.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// What was decided.
    pub allowed: Option<bool>,
    /// Whether it was read.
    pub is_read: bool,
}

const OPENING: &str = "SELECT opening, collection, account, reason, incident, asked_by, asked_at, decided_at, \
     COALESCE(allowed, 0), read_at FROM influence_opening";

fn opening_row(row: &Row<'_, '_>) -> Result<Opening, StoreFailure> {
    let is_allowed = row.truth(8)?;
    Ok(Opening {
        opening: row.text(0)?,
        collection: row.text(1)?,
        account: row.text(2)?,
        reason: row.text(3)?,
        incident: row.text(4)?,
        asked_by: row.text(5)?,
        asked_at: row.time(6)?,
        allowed: row.time_or_none(7)?.map(|_| is_allowed),
        is_read: row.time_or_none(9)?.is_some(),
    })
}

/// One opening.
pub fn opening(reader: &Reader<'_>, id: &str) -> Result<Option<Opening>, StoreFailure> {
    reader.first(&format!("{OPENING} WHERE opening = $1"), &[Value::from(id)], opening_row)
}

/// Openings of a collection, newest first, at most `limit`.
pub fn openings(
    reader: &Reader<'_>,
    collection: &str,
    limit: u32,
) -> Result<Vec<Opening>, StoreFailure> {
    let sql = format!("{OPENING} WHERE collection = $1 ORDER BY asked_at DESC, opening LIMIT $2");
    reader.all(&sql, &[Value::from(collection), Value::from(i64::from(limit))], opening_row)
}

/// Declared coordination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Its identifier.
    pub entry: String,
    /// Its kind.
    pub kind: String,
    /// Whose it is.
    pub name: String,
    /// Where it is declared.
    pub evidence: String,
    /// Pseudonyms.
    pub accounts: BTreeSet<String>,
    /// When it was entered.
    pub entered_at: Timestamp,
}

/// The register for a collection, oldest first.
pub fn declared(reader: &Reader<'_>, collection: &str) -> Result<Vec<Declared>, StoreFailure> {
    reader.all(
        "SELECT entry, kind, name, evidence, accounts, entered_at FROM influence_declared \
         WHERE collection = $1 AND ended_at IS NULL ORDER BY entered_at, entry",
        &[Value::from(collection)],
        |row| {
            Ok(Declared {
                entry: row.text(0)?,
                kind: row.text(1)?,
                name: row.text(2)?,
                evidence: row.text(3)?,
                accounts: row.json(4)?,
                entered_at: row.time(5)?,
            })
        },
    )
}

/// The collection of an entry of the register.
pub fn declared_in(reader: &Reader<'_>, entry: &str) -> Result<Option<String>, StoreFailure> {
    let sql = "SELECT collection FROM influence_declared WHERE entry = $1";
    reader.first(sql, &[Value::from(entry)], |row| row.text(0))
}

/// An election period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// Its identifier.
    pub election: String,
    /// Which.
    pub name: String,
    /// Where it is announced.
    pub basis: String,
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub until: Timestamp,
}

/// Every election period, newest first.
pub fn elections(reader: &Reader<'_>) -> Result<Vec<Election>, StoreFailure> {
    reader.all(
        "SELECT election, name, basis, from_at, until_at FROM influence_election ORDER BY from_at DESC, election",
        &[],
        |row| {
            Ok(Election {
                election: row.text(0)?,
                name: row.text(1)?,
                basis: row.text(2)?,
                from: row.time(3)?,
                until: row.time(4)?,
            })
        },
    )
}

/// The election whose period is in force at `now`.
pub fn election_now(reader: &Reader<'_>, now: Timestamp) -> Result<Option<Election>, StoreFailure> {
    Ok(elections(reader)?.into_iter().find(|one| one.from <= now && now <= one.until))
}
