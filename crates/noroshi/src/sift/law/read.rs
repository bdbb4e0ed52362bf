//! What was entered, and who is enrolled.

use jiff::Timestamp;
use noroshi_charter::mandate::{Commencement, Ground, Limits};
use noroshi_sift::mandate::{Signed, SignedWithdrawal};
use noroshi_sift::signature::PublicKey;

use crate::office::id::{OrgId, PersonId};
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// A commencement with its place in the log.
#[derive(Debug, Clone)]
pub struct Entered {
    /// Its name.
    pub id: String,
    /// What was entered.
    pub commencement: Commencement,
    /// When.
    pub entered_at: Timestamp,
    /// Index of its leaf.
    pub position: u64,
}

fn damaged(what: &str) -> StoreFailure {
    StoreFailure::Damaged(what.to_owned())
}

fn days(row: &Row<'_, '_>, at: usize) -> Result<u32, StoreFailure> {
    u32::try_from(row.count(at)?).map_err(|_| damaged("a number of days"))
}

fn entered(row: &Row<'_, '_>) -> Result<Entered, StoreFailure> {
    let ground = Ground::parse(row.text_here(1)?).ok_or_else(|| damaged("a mode of selection"))?;
    let limits = Limits { period_days_max: days(row, 4)?, retention_days_max: days(row, 5)? };
    Ok(Entered {
        id: row.text(0)?,
        commencement: Commencement { ground, from: row.time(2)?, basis: row.text(3)?, limits },
        entered_at: row.time(6)?,
        position: row.count(7)?,
    })
}

const ENTERED: &str = "SELECT c.id, c.mode, c.from_at, c.basis, c.period_days_max, c.retention_days_max, c.entered_at, \
     a.position FROM sift_commencement c JOIN office_audit a ON a.subject = c.id AND a.command = 'sift.commence'";

/// Everything that was entered, newest first.
pub fn commencements(reader: &Reader<'_>) -> Result<Vec<Entered>, StoreFailure> {
    reader.all(&format!("{ENTERED} ORDER BY a.position DESC"), &[], entered)
}

/// What is in force for a ground at a moment. Of several that have begun by then the last one entered counts.
pub fn in_force(
    reader: &Reader<'_>,
    ground: Ground,
    at: Timestamp,
) -> Result<Option<Entered>, StoreFailure> {
    let all = reader.all(
        &format!("{ENTERED} WHERE c.mode = $1 ORDER BY a.position DESC"),
        &[Value::from(ground.code())],
        entered,
    )?;
    Ok(all.into_iter().find(|one| one.commencement.from <= at))
}

/// A prefix table that was entered.
#[derive(Debug, Clone)]
pub struct Table {
    /// SHA-256 over the file.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The day it speaks of.
    pub date: String,
}

/// The tables, newest first.
pub fn tables(reader: &Reader<'_>) -> Result<Vec<Table>, StoreFailure> {
    reader.all(
        "SELECT digest, name, version, date FROM sift_prefix_table ORDER BY entered_at DESC, digest",
        &[],
        |row| {
            Ok(Table {
                digest: row.text(0)?,
                name: row.text(1)?,
                version: row.text(2)?,
                date: row.text(3)?,
            })
        },
    )
}

/// The file of a table.
pub fn table_text(reader: &Reader<'_>, digest: &str) -> Result<Option<String>, StoreFailure> {
    reader.first(
        "SELECT text FROM sift_prefix_table WHERE digest = $1",
        &[Value::from(digest)],
        |row| row.text(0),
    )
}

/// A sensor that is enrolled.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// Its organisation.
    pub org: String,
    /// Its name in it.
    pub sensor: String,
    /// Its key.
    pub key: PublicKey,
    /// Since when.
    pub enrolled_at: Timestamp,
    /// Until when its last token holds; none where it has none that was not revoked.
    pub token_until: Option<Timestamp>,
    /// The login under which it submits.
    pub person: String,
}

const ENROLLED: &str = "SELECT k.org, k.sensor, k.key, k.enrolled_at, \
     (SELECT MAX(t.expires_at) FROM office_token t WHERE t.person = k.person AND t.revoked_at IS NULL), k.person \
     FROM sift_key k";

fn enrolled(row: &Row<'_, '_>) -> Result<Enrolled, StoreFailure> {
    Ok(Enrolled {
        org: row.text(0)?,
        sensor: row.text(1)?,
        key: row.text_here(2)?.parse().map_err(|_| damaged("the key of a sensor"))?,
        enrolled_at: row.time(3)?,
        token_until: row.time_or_none(4)?,
        person: row.text(5)?,
    })
}

/// The sensors that are enrolled.
pub fn sensors(reader: &Reader<'_>) -> Result<Vec<Enrolled>, StoreFailure> {
    reader.all(&format!("{ENROLLED} ORDER BY k.org, k.sensor"), &[], enrolled)
}

/// One sensor, when it is enrolled.
pub fn sensor(
    reader: &Reader<'_>,
    org: &OrgId,
    sensor: &str,
) -> Result<Option<Enrolled>, StoreFailure> {
    reader.first(
        &format!("{ENROLLED} WHERE k.org = $1 AND k.sensor = $2"),
        &[Value::from(org), Value::from(sensor)],
        enrolled,
    )
}

/// The sensor that a person is, when it is enrolled.
pub fn sensor_of(reader: &Reader<'_>, person: &PersonId) -> Result<Option<Enrolled>, StoreFailure> {
    reader.first(&format!("{ENROLLED} WHERE k.person = $1"), &[Value::from(person)], enrolled)
}

/// Until when a token holds, by its digest; revoked ones do not.
pub fn token_until(reader: &Reader<'_>, digest: &str) -> Result<Option<Timestamp>, StoreFailure> {
    reader.first(
        "SELECT expires_at FROM office_token WHERE digest = $1 AND revoked_at IS NULL",
        &[Value::from(digest)],
        |row| row.time(0),
    )
}

/// A mandate that was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Its name.
    pub id: String,
    /// Whose sensor it is for.
    pub org: String,
    /// As the sensor reads it.
    pub signed: Signed,
    /// Index of its leaf.
    pub position: u64,
    /// That it does not hold any longer, where it was withdrawn.
    pub withdrawn: Option<SignedWithdrawal>,
}

const ISSUED: &str = "SELECT m.id, m.org, m.text, a.position, w.text FROM sift_mandate m \
     JOIN office_audit a ON a.subject = m.digest AND a.command = 'sift.mandate' \
     LEFT JOIN sift_withdrawal w ON w.mandate = m.id";

fn issued(row: &Row<'_, '_>) -> Result<Issued, StoreFailure> {
    Ok(Issued {
        id: row.text(0)?,
        org: row.text(1)?,
        signed: row.json(2)?,
        position: row.count(3)?,
        withdrawn: match row.text_or_none(4)? {
            None => None,
            Some(text) => Some(
                serde_json::from_str(&text).map_err(|_| damaged("the withdrawal of a mandate"))?,
            ),
        },
    })
}

/// One mandate by its name.
pub fn mandate(reader: &Reader<'_>, id: &str) -> Result<Option<Issued>, StoreFailure> {
    reader.first(&format!("{ISSUED} WHERE m.id = $1"), &[Value::from(id)], issued)
}

/// Every mandate, newest first; of one organisation only where one is given.
pub fn mandates(reader: &Reader<'_>, of: Option<&OrgId>) -> Result<Vec<Issued>, StoreFailure> {
    match of {
        None => reader.all(&format!("{ISSUED} ORDER BY a.position DESC"), &[], issued),
        Some(org) => reader.all(
            &format!("{ISSUED} WHERE m.org = $1 ORDER BY a.position DESC"),
            &[Value::from(org)],
            issued,
        ),
    }
}

/// The mandate with a digest, issued to a sensor.
pub fn mandate_of(
    reader: &Reader<'_>,
    org: &OrgId,
    sensor: &str,
    digest: &str,
) -> Result<Option<Issued>, StoreFailure> {
    reader.first(
        &format!("{ISSUED} WHERE m.digest = $1 AND m.org = $2 AND m.sensor = $3"),
        &[Value::from(digest), Value::from(org), Value::from(sensor)],
        issued,
    )
}

/// A place that was offered and whose time is not over.
pub struct Offered {
    /// The organisation.
    pub org: String,
    /// The sensor.
    pub sensor: String,
    /// Whether a sensor took it.
    pub is_used: bool,
}

/// The offer with a digest, while its time is not over.
pub fn offer(
    reader: &Reader<'_>,
    digest: &str,
    now: Timestamp,
) -> Result<Option<Offered>, StoreFailure> {
    reader.first(
        "SELECT org, sensor, used_at IS NOT NULL FROM sift_enrolment WHERE digest = $1 AND expires_at > $2",
        &[Value::from(digest), Value::from(now)],
        |row| Ok(Offered { org: row.text(0)?, sensor: row.text(1)?, is_used: row.count(2)? == 1 }),
    )
}
