//! What the office's pages and API read: people, organisations, tokens, passkeys.

use jiff::Timestamp;
use noroshi_charter::hat::Hat;

use super::id::{OrgId, PersonId};
use super::people::{self, HeldHat, Org};
use super::store::{Reader, StoreFailure, Value};

/// A login in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Its identifier.
    pub person: PersonId,
    /// The name typed at sign-in.
    pub login: String,
    /// The name shown.
    pub name: String,
    /// Made when.
    pub created_at: Timestamp,
    /// Shut out since then.
    pub disabled_at: Option<Timestamp>,
    /// True when a password is set.
    pub has_password: bool,
    /// Passkeys registered.
    pub passkeys: u64,
    /// An invitation waits until then.
    pub invited_until: Option<Timestamp>,
    /// Hats held.
    pub hats: Vec<HeldHat>,
}

const PERSON_COLUMNS: &str = "SELECT p.person, p.login, p.name, p.created_at, p.disabled_at, p.password IS NOT NULL, \
     (SELECT COUNT(*) FROM office_passkey k WHERE k.person = p.person), \
     (SELECT MAX(i.expires_at) FROM office_invitation i WHERE i.person = p.person AND i.used_at IS NULL) \
     FROM office_person p";

fn person_row(
    reader: &Reader<'_>,
    row: &super::store::Row<'_, '_>,
) -> Result<PersonRow, StoreFailure> {
    let person = people::person_at(row, 0)?;
    Ok(PersonRow {
        hats: people::hats_of(reader, &person)?,
        person,
        login: row.text(1)?,
        name: row.text(2)?,
        created_at: row.time(3)?,
        disabled_at: row.time_or_none(4)?,
        has_password: row.truth(5)?,
        passkeys: row.count(6)?,
        invited_until: row.time_or_none(7)?,
    })
}

/// Logins after `after` in the order of their identifiers, at most `limit`.
pub fn persons(
    reader: &Reader<'_>,
    after: &str,
    limit: u32,
) -> Result<Vec<PersonRow>, StoreFailure> {
    let sql = format!("{PERSON_COLUMNS} WHERE p.person > $1 ORDER BY p.person LIMIT $2");
    reader.all(&sql, &[Value::from(after), Value::Int(i64::from(limit))], |row| {
        person_row(reader, row)
    })
}

/// One login.
pub fn person(reader: &Reader<'_>, person: &PersonId) -> Result<Option<PersonRow>, StoreFailure> {
    let sql = format!("{PERSON_COLUMNS} WHERE p.person = $1");
    reader.first(&sql, &[Value::from(person)], |row| person_row(reader, row))
}

/// Organisations after `after` in the order of their identifiers, at most `limit`.
pub fn orgs(reader: &Reader<'_>, after: &str, limit: u32) -> Result<Vec<Org>, StoreFailure> {
    reader.all(
        "SELECT org, name_ja, name_en, kind, sector FROM office_org WHERE org > $1 ORDER BY org LIMIT $2",
        &[Value::from(after), Value::Int(i64::from(limit))],
        |row| people::org_at(row, 0),
    )
}

/// True while nobody can sign in: then the house waits for its set-up.
pub fn is_empty(reader: &Reader<'_>) -> Result<bool, StoreFailure> {
    Ok(reader.number("SELECT COUNT(*) FROM (SELECT 1 FROM office_person LIMIT 1) AS one", &[])?
        == 0)
}

/// Whether a set-up token can still be used.
pub fn setup_open(
    reader: &Reader<'_>,
    digest: &str,
    oldest: Timestamp,
) -> Result<bool, StoreFailure> {
    let found = reader.number(
        "SELECT COUNT(*) FROM office_setup WHERE digest = $1 AND used_at IS NULL AND created_at > $2",
        &[Value::from(digest), Value::from(oldest)],
    )?;
    Ok(found == 1 && is_empty(reader)?)
}

/// Whose invitation this is: identifier, login and name; used and expired ones are not found.
pub fn invitation(
    reader: &Reader<'_>,
    digest: &str,
    now: Timestamp,
) -> Result<Option<(PersonId, String, String)>, StoreFailure> {
    reader.first(
        "SELECT p.person, p.login, p.name FROM office_invitation i JOIN office_person p ON p.person = i.person \
         WHERE i.digest = $1 AND i.used_at IS NULL AND i.expires_at > $2 AND p.disabled_at IS NULL",
        &[Value::from(digest), Value::from(now)],
        |row| Ok((people::person_at(row, 0)?, row.text(1)?, row.text(2)?)),
    )
}

/// An API token in a list. Its secret is not kept anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// The first half of the secret's digest: names it without helping to guess it.
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// The hat it acts under.
    pub held: HeldHat,
    /// Made when.
    pub created_at: Timestamp,
    /// Ends when.
    pub expires_at: Timestamp,
    /// Taken back when.
    pub revoked_at: Option<Timestamp>,
}

/// Characters of a token's digest that name it.
pub const TOKEN_ID_CHARS: usize = 32;

/// A person's API tokens, newest first.
pub fn tokens(reader: &Reader<'_>, person: &PersonId) -> Result<Vec<TokenRow>, StoreFailure> {
    reader.all(
        "SELECT SUBSTR(t.digest, 1, 32), t.label, t.created_at, t.expires_at, t.revoked_at, t.hat, \
                o.org, o.name_ja, o.name_en, o.kind, o.sector \
         FROM office_token t JOIN office_org o ON o.org = t.org WHERE t.person = $1 \
         ORDER BY t.created_at DESC, t.digest LIMIT 200",
        &[Value::from(person)],
        |row| {
            Ok(TokenRow {
                id: row.text(0)?,
                label: row.text(1)?,
                created_at: row.time(2)?,
                expires_at: row.time(3)?,
                revoked_at: row.time_or_none(4)?,
                held: HeldHat { hat: people::hat_at(row, 5)?, org: people::org_at(row, 6)? },
            })
        },
    )
}

/// A passkey in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyRow {
    /// The credential's identifier, base64url.
    pub credential: String,
    /// What its owner calls it.
    pub label: String,
    /// Registered when.
    pub created_at: Timestamp,
}

/// A person's passkeys, oldest first.
pub fn passkeys(reader: &Reader<'_>, person: &PersonId) -> Result<Vec<PasskeyRow>, StoreFailure> {
    reader.all(
        "SELECT credential, label, created_at FROM office_passkey WHERE person = $1 ORDER BY created_at, credential",
        &[Value::from(person)],
        |row| Ok(PasskeyRow { credential: row.text(0)?, label: row.text(1)?, created_at: row.time(2)? }),
    )
}

/// The login that reads for a partner organisation, if it was made.
pub fn partner_login(reader: &Reader<'_>, org: &OrgId) -> Result<Option<PersonId>, StoreFailure> {
    reader.first(
        "SELECT h.person FROM office_hat h JOIN office_person p ON p.person = h.person \
         WHERE h.org = $1 AND h.hat = $2 AND p.password IS NULL AND p.disabled_at IS NULL ORDER BY h.person LIMIT 1",
        &[Value::from(org), Value::from(Hat::PartnerForeign.id())],
        |row| people::person_at(row, 0),
    )
}

/// Other logins that can still administer.
pub fn other_administrators(reader: &Reader<'_>, person: &PersonId) -> Result<u64, StoreFailure> {
    let count = reader.number(
        "SELECT COUNT(DISTINCT h.person) FROM office_hat h JOIN office_person p ON p.person = h.person \
         WHERE h.hat = $1 AND h.person <> $2 AND p.disabled_at IS NULL",
        &[Value::from(Hat::Administrator.id()), Value::from(person)],
    )?;
    Ok(u64::try_from(count).unwrap_or(0))
}
