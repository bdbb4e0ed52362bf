//! Organisations, persons, hats, sessions and tokens: who may come in, and under which hat.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;

use super::commit::{Change, Write};
use super::ctx::{Ctx, Via};
use super::id::{OrgId, PersonId, fill_random};
use super::secret::{Secret, digest};
use super::store::{Reader, Row, StoreFailure, Value};

/// Shortest password taken, in characters (NIST SP 800-63B-4 §3.1.1: fifteen when it is the only factor).
pub const PASSWORD_CHARS_MIN: usize = 15;
/// Longest password taken, in bytes; longer ones only cost hashing time.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Wrong passwords in a row before a login rests.
pub const FAILURES_MAX: u64 = 10;
/// How long it rests.
pub const REST: SignedDuration = SignedDuration::from_mins(15);

/// An organisation that owns data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// Its identifier.
    pub org: OrgId,
    /// Its name in Japanese.
    pub name_ja: String,
    /// Its name in English.
    pub name_en: String,
    /// What sort of organisation, e.g. `operator`.
    pub kind: String,
    /// Sector code for operators and ministries.
    pub sector: Option<String>,
}

/// One hat somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldHat {
    /// The role.
    pub hat: Hat,
    /// For which organisation.
    pub org: Org,
}

/// A login as the sign-in page needs it. Has no `Debug`: it holds the password's hash.
pub struct Login {
    /// Its identifier.
    pub person: PersonId,
    /// The name typed at sign-in.
    pub login: String,
    /// The name shown.
    pub name: String,
    /// PHC string, absent when only passkeys are used.
    pub password: Option<String>,
    /// Language of pages.
    pub lang: String,
    /// Theme of pages.
    pub theme: String,
    /// Wrong passwords in a row.
    pub failures: u64,
    /// Rests until then.
    pub locked_until: Option<Timestamp>,
    /// Shut out since then.
    pub disabled_at: Option<Timestamp>,
}

/// An open session as found by its cookie.
#[derive(Debug, Clone)]
pub struct Session {
    /// SHA-256 of the cookie's secret: the session's key in the store.
    pub digest: String,
    /// Who.
    pub person: PersonId,
    /// The name shown.
    pub name: String,
    /// The login name.
    pub login: String,
    /// Hat worn, with its organisation.
    pub held: HeldHat,
    /// What each form must send back.
    pub csrf: String,
    /// Language of pages.
    pub lang: String,
    /// Theme of pages.
    pub theme: String,
}

/// Password hashing failed for a reason that is not the password.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashFailure;

/// The parameters for argon2id: 19 MiB, 2 passes, 1 lane (RFC 9106 §4; OWASP's floor).
fn hasher() -> Result<Argon2<'static>, HashFailure> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|_| HashFailure)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password for keeping (PHC string). Takes about 20 ms of one core: call it off the async threads.
pub fn hash_password(password: &str) -> Result<String, HashFailure> {
    let mut random = [0u8; 16];
    fill_random(&mut random);
    let salt = SaltString::encode_b64(&random).map_err(|_| HashFailure)?;
    let hash = hasher()?.hash_password(password.as_bytes(), &salt).map_err(|_| HashFailure)?;
    Ok(hash.to_string())
}

/// Whether `password` is the one hashed in `kept`. With `None` the same work is done for nothing, so that the time
/// does not tell which logins exist.
pub fn verify_password(password: &str, kept: Option<&str>) -> Result<bool, HashFailure> {
    let Some(kept) = kept else {
        hash_password(password)?;
        return Ok(false);
    };
    let hash = PasswordHash::new(kept).map_err(|_| HashFailure)?;
    Ok(hasher()?.verify_password(password.as_bytes(), &hash).is_ok())
}

/// The write that adds an organisation.
pub fn insert_org(org: &Org) -> Write {
    Write::one(
        "INSERT INTO office_org (org, name_ja, name_en, kind, sector) VALUES ($1, $2, $3, $4, $5)",
        vec![
            Value::from(&org.org),
            Value::from(&org.name_ja),
            Value::from(&org.name_en),
            Value::from(&org.kind),
            Value::from(org.sector.clone()),
        ],
    )
}

/// The write that adds a login; `password` is a PHC string.
pub fn insert_person(
    person: &PersonId,
    login: &str,
    name: &str,
    password: Option<String>,
    now: Timestamp,
) -> Write {
    Write::one(
        "INSERT INTO office_person (person, login, name, password, created_at) VALUES ($1, $2, $3, $4, $5)",
        vec![
            Value::from(person),
            Value::from(login),
            Value::from(name),
            Value::from(password),
            Value::from(now),
        ],
    )
}

/// The write that hands a hat to a person.
pub fn insert_hat(person: &PersonId, org: &OrgId, hat: Hat) -> Write {
    Write::one(
        "INSERT INTO office_hat (person, org, hat) VALUES ($1, $2, $3)",
        vec![Value::from(person), Value::from(org), Value::from(hat.id())],
    )
}

/// Opens a session for `held`: the change to commit and the secret for the cookie.
pub fn open_session(
    person: &PersonId,
    held: &HeldHat,
    now: Timestamp,
    hours: u32,
) -> (Change, Secret) {
    let (secret, csrf) = (Secret::fresh("nrs_session_"), Secret::fresh(""));
    let expires = now + SignedDuration::from_hours(i64::from(hours));
    let change = Change::office("session.open", person.as_str())
        .write(Write::one(
            "INSERT INTO office_session (digest, person, org, hat, csrf, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                Value::from(secret.digest()),
                Value::from(person),
                Value::from(&held.org.org),
                Value::from(held.hat.id()),
                Value::from(csrf.reveal()),
                Value::from(now),
                Value::from(expires),
            ],
        ))
        .write(Write::new(
            "DELETE FROM office_session WHERE expires_at < $1",
            vec![Value::from(now)],
        ));
    (change, secret)
}

/// The context a session acts in.
pub fn session_ctx(session: &Session, now: Timestamp, request: String) -> Ctx {
    Ctx {
        person: session.person.clone(),
        org: session.held.org.org.clone(),
        hat: session.held.hat,
        sector: session.held.org.sector.clone(),
        via: Via::Session,
        now,
        request,
    }
}

/// Finds the session of a cookie's secret; expired ones and those of disabled logins are not found.
pub fn find_session(
    reader: &Reader<'_>,
    secret: &str,
    now: Timestamp,
) -> Result<Option<Session>, StoreFailure> {
    session_of(reader, &digest(secret), now)
}

/// Finds a session by the digest of the cookie's secret; expired ones and those of disabled logins are not found.
pub fn session_of(
    reader: &Reader<'_>,
    key: &str,
    now: Timestamp,
) -> Result<Option<Session>, StoreFailure> {
    reader.first(
        "SELECT s.digest, s.person, p.name, p.login, s.csrf, p.lang, p.theme, s.hat, \
                o.org, o.name_ja, o.name_en, o.kind, o.sector \
         FROM office_session s JOIN office_person p ON p.person = s.person JOIN office_org o ON o.org = s.org \
         JOIN office_hat h ON h.person = s.person AND h.org = s.org AND h.hat = s.hat \
         WHERE s.digest = $1 AND s.expires_at > $2 AND p.disabled_at IS NULL",
        &[Value::from(key), Value::from(now)],
        |row| {
            Ok(Session {
                digest: row.text(0)?,
                person: person_at(row, 1)?,
                name: row.text(2)?,
                login: row.text(3)?,
                csrf: row.text(4)?,
                lang: row.text(5)?,
                theme: row.text(6)?,
                held: HeldHat { hat: hat_at(row, 7)?, org: org_at(row, 8)? },
            })
        },
    )
}

/// Finds whom an API token lets act, by the token's digest; revoked and expired ones are not found.
pub fn find_token(
    reader: &Reader<'_>,
    key: &str,
    now: Timestamp,
    request: String,
) -> Result<Option<Ctx>, StoreFailure> {
    reader.first(
        "SELECT t.person, t.hat, o.org, o.name_ja, o.name_en, o.kind, o.sector \
         FROM office_token t JOIN office_person p ON p.person = t.person JOIN office_org o ON o.org = t.org \
         JOIN office_hat h ON h.person = t.person AND h.org = t.org AND h.hat = t.hat \
         WHERE t.digest = $1 AND t.expires_at > $2 AND t.revoked_at IS NULL AND p.disabled_at IS NULL",
        &[Value::from(key), Value::from(now)],
        |row| {
            let org = org_at(row, 2)?;
            Ok(Ctx {
                person: person_at(row, 0)?,
                org: org.org,
                hat: hat_at(row, 1)?,
                sector: org.sector,
                via: Via::Token,
                now,
                request,
            })
        },
    )
}

/// The write that adds an API token for `person` under one hat, and the secret to show once.
pub fn new_token(
    person: &PersonId,
    held: (&OrgId, Hat),
    label: &str,
    now: Timestamp,
    expires: Timestamp,
) -> (Write, Secret) {
    let secret = Secret::fresh("nrs_token_");
    let write = Write::one(
        "INSERT INTO office_token (digest, label, person, org, hat, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vec![
            Value::from(secret.digest()),
            Value::from(label),
            Value::from(person),
            Value::from(held.0),
            Value::from(held.1.id()),
            Value::from(now),
            Value::from(expires),
        ],
    );
    (write, secret)
}

/// Finds a login by the name typed.
pub fn find_login(reader: &Reader<'_>, login: &str) -> Result<Option<Login>, StoreFailure> {
    reader.first(
        "SELECT person, login, name, password, lang, theme, failures, locked_until, disabled_at \
         FROM office_person WHERE login = $1",
        &[Value::from(login)],
        |row| {
            Ok(Login {
                person: person_at(row, 0)?,
                login: row.text(1)?,
                name: row.text(2)?,
                password: row.text_or_none(3)?,
                lang: row.text(4)?,
                theme: row.text(5)?,
                failures: row.count(6)?,
                locked_until: row.time_or_none(7)?,
                disabled_at: row.time_or_none(8)?,
            })
        },
    )
}

/// Whether somebody holds a hat of an organisation now and is not shut out.
pub fn holds(
    reader: &Reader<'_>,
    person: &PersonId,
    org: &OrgId,
    hat: Hat,
) -> Result<bool, StoreFailure> {
    let held = reader.first(
        "SELECT 1 FROM office_hat h JOIN office_person p ON p.person = h.person \
         WHERE h.person = $1 AND h.org = $2 AND h.hat = $3 AND p.disabled_at IS NULL",
        &[Value::from(person), Value::from(org), Value::from(hat.id())],
        |row| row.int(0),
    )?;
    Ok(held.is_some())
}

/// Every hat a person holds, in a stable order.
pub fn hats_of(reader: &Reader<'_>, person: &PersonId) -> Result<Vec<HeldHat>, StoreFailure> {
    reader.all(
        "SELECT h.hat, o.org, o.name_ja, o.name_en, o.kind, o.sector \
         FROM office_hat h JOIN office_org o ON o.org = h.org WHERE h.person = $1 ORDER BY h.hat, o.org",
        &[Value::from(person)],
        |row| Ok(HeldHat { hat: hat_at(row, 0)?, org: org_at(row, 1)? }),
    )
}

/// Every organisation, in a stable order.
pub fn orgs(reader: &Reader<'_>) -> Result<Vec<Org>, StoreFailure> {
    reader.all(
        "SELECT org, name_ja, name_en, kind, sector FROM office_org ORDER BY kind, name_en, org",
        &[],
        |row| org_at(row, 0),
    )
}

/// One organisation.
pub fn find_org(reader: &Reader<'_>, org: &OrgId) -> Result<Option<Org>, StoreFailure> {
    reader.first(
        "SELECT org, name_ja, name_en, kind, sector FROM office_org WHERE org = $1",
        &[Value::from(org)],
        |row| org_at(row, 0),
    )
}

/// Reads the five columns of an organisation from `at` on.
pub fn org_at(row: &Row<'_, '_>, at: usize) -> Result<Org, StoreFailure> {
    let id = row.text(at)?;
    Ok(Org {
        org: OrgId::parse(&id)
            .ok_or_else(|| StoreFailure::Damaged(format!("`{id}` is no organisation")))?,
        name_ja: row.text(at + 1)?,
        name_en: row.text(at + 2)?,
        kind: row.text(at + 3)?,
        sector: row.text_or_none(at + 4)?,
    })
}

/// Reads a person's identifier from column `at`.
pub fn person_at(row: &Row<'_, '_>, at: usize) -> Result<PersonId, StoreFailure> {
    let id = row.text(at)?;
    PersonId::parse(&id).ok_or_else(|| StoreFailure::Damaged(format!("`{id}` is no person")))
}

/// Reads a hat from column `at`.
pub fn hat_at(row: &Row<'_, '_>, at: usize) -> Result<Hat, StoreFailure> {
    let id = row.text(at)?;
    Hat::parse(&id).ok_or_else(|| StoreFailure::Damaged(format!("`{id}` is no hat")))
}
