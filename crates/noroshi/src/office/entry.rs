//! Coming in and going out: passwords, sessions, hats worn, API tokens.
//!
//! Every change here is committed under the person's own hat. A session is opened afresh at sign-in and at each
//! change of hat, and the one before is deleted in the same transaction, so a planted or stolen older cookie is
//! worth nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::authorise::{Action, On};
use super::commit::{Change, CommitFailure, Write};
use super::ctx::{Ctx, Via};
use super::id::{OrgId, PersonId};
use super::people::{
    self, FAILURES_MAX, HeldHat, Login, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, REST,
};
use super::read::TOKEN_ID_CHARS;
use super::secret::{Secret, digest};
use super::store::Value;
use crate::house::House;
use crate::web::form::Values;
use crate::web::refusal::{Answer, Failure, Item, Refusal};
use crate::web::visitor::Visitor;

/// Password hashes worked on at once; each takes 19 MiB and a core for about 20 ms.
const HASHING_MAX: usize = 2;
/// A refused sign-in is never answered sooner, so that its time does not tell whether the login exists.
const REFUSAL_AFTER: Duration = Duration::from_millis(150);
/// Longest life of an API token, in days.
pub const TOKEN_DAYS_MAX: u32 = 366;
/// Longest label, in characters.
pub const LABEL_CHARS_MAX: usize = 80;

/// Bounds the memory that sign-ins can take together.
static HASHING: Semaphore = Semaphore::const_new(HASHING_MAX);

/// Runs password work off the async threads.
async fn hashing<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, people::HashFailure> + Send + 'static,
) -> Answer<T> {
    let permit = HASHING.acquire().await.map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let done = tokio::task::spawn_blocking(work)
        .await
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    drop(permit);
    done.map_err(|problem| Failure::Broken(Box::new(problem)))
}

/// Hashes a new password for keeping.
pub async fn hash(password: String) -> Answer<String> {
    hashing(move || people::hash_password(&password)).await
}

/// What is wrong with a new password, if anything.
pub fn password_fault(pointer: &str, password: &str, login: &str) -> Option<Item> {
    let fault = |code: &str, name, value: usize| Item {
        pointer: pointer.to_owned(),
        code: code.to_owned(),
        args: vec![(name, value.to_string())],
    };
    let folded = password.to_lowercase();
    if password.chars().count() < PASSWORD_CHARS_MIN {
        Some(fault("NRS-OFFC-0006", "max", PASSWORD_CHARS_MIN))
    } else if password.len() > PASSWORD_BYTES_MAX {
        Some(fault("NRS-OFFC-0007", "max", PASSWORD_BYTES_MAX))
    } else if trivial(&folded, &login.to_lowercase()) {
        Some(fault("NRS-OFFC-0008", "max", PASSWORD_CHARS_MIN))
    } else {
        None
    }
}

/// The login repeated, one letter repeated, or a run of the alphabet: long, and still the first things tried.
fn trivial(password: &str, login: &str) -> bool {
    let mut letters: Vec<char> = password.chars().collect();
    let run = letters.windows(2).all(|pair| match pair {
        [a, b] => u32::from(*b).abs_diff(u32::from(*a)) <= 1,
        _ => true,
    });
    letters.sort_unstable();
    letters.dedup();
    let rest = if login.is_empty() { password.to_owned() } else { password.replace(login, "") };
    letters.len() < 5 || run || rest.chars().count() < 4
}

/// The one answer to every sign-in that fails.
pub(super) fn refused() -> Failure {
    Refusal::new("NRS-OFFC-0002", StatusCode::UNAUTHORIZED).arg("minutes", REST.as_mins()).into()
}

/// Proves a login by its password. Wrong password, unknown, resting and disabled login are answered alike and after
/// the same time.
pub async fn prove(house: &Arc<House>, login: &str, password: &str) -> Answer<Login> {
    let started = Instant::now();
    match try_password(house, login, password).await {
        Ok(Some(login)) => Ok(login),
        Ok(None) => {
            tokio::time::sleep_until(started + REFUSAL_AFTER).await;
            Err(refused())
        }
        Err(failure) => Err(failure),
    }
}

async fn try_password(house: &Arc<House>, login: &str, password: &str) -> Answer<Option<Login>> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Ok(None);
    }
    let now = house.clock.now();
    let typed = login.to_lowercase();
    let found = house.store.read(move |reader| people::find_login(reader, &typed)).await?;
    let open = found.as_ref().filter(|login| {
        login.disabled_at.is_none() && login.locked_until.is_none_or(|until| until <= now)
    });
    let kept = open.and_then(|login| login.password.clone());
    let typed = password.to_owned();
    let right = hashing(move || people::verify_password(&typed, kept.as_deref())).await?;
    if right {
        return Ok(found);
    }
    if let Some(login) = open {
        count_failure(house, login, now).await?;
    }
    Ok(None)
}

/// Notes a wrong password; after too many in a row the login rests. Nothing is noted while it rests, so a stranger
/// can add at most that many entries in each rest.
async fn count_failure(house: &Arc<House>, login: &Login, now: Timestamp) -> Result<(), Failure> {
    let held = house_hat(house).await?;
    let ctx = own_ctx(&login.person, &held, now, Via::Job);
    let last = login.failures + 1 >= FAILURES_MAX;
    let change = Change::office("session.refuse", login.person.as_str()).write(Write::one(
        "UPDATE office_person SET failures = CASE WHEN failures + 1 >= $2 THEN 0 ELSE failures + 1 END, \
                locked_until = CASE WHEN failures + 1 >= $2 THEN $3 ELSE NULL END \
         WHERE person = $1 AND (locked_until IS NULL OR locked_until <= $4)",
        vec![
            Value::from(&login.person),
            Value::from(FAILURES_MAX),
            Value::from(now + REST),
            Value::from(now),
        ],
    ));
    if last {
        tracing::warn!(person = login.person.as_str(), "too many wrong passwords; the login rests");
    }
    match house.door.commit(&ctx, change).await {
        // Somebody else's wrong password made it rest already.
        Ok(_) | Err(CommitFailure::Conflict { .. }) => Ok(()),
        Err(problem) => Err(problem.into()),
    }
}

/// The office's own organisation stands behind what nobody signed in for.
async fn house_hat(house: &Arc<House>) -> Answer<HeldHat> {
    let org =
        house.store.read(|reader| Ok(super::read::orgs(reader, "", 1)?.into_iter().next())).await?;
    org.map(|org| HeldHat { hat: Hat::Administrator, org }).ok_or_else(refused)
}

/// The context of somebody who acts for himself under `held`.
pub fn own_ctx(person: &PersonId, held: &HeldHat, now: Timestamp, via: Via) -> Ctx {
    Ctx {
        person: person.clone(),
        org: held.org.org.clone(),
        hat: held.hat,
        sector: held.org.sector.clone(),
        via,
        now,
        request: String::new(),
    }
}

/// Opens a session for somebody who has proved himself; `previous` is the secret of the cookie he came with, and
/// `proof` the writes that stand or fall with the session.
pub async fn open_session(
    house: &Arc<House>,
    person: &PersonId,
    previous: Option<String>,
    proof: Vec<Write>,
) -> Answer<Secret> {
    let who = person.clone();
    let hats = house.store.read(move |reader| people::hats_of(reader, &who)).await?;
    let Some(held) = hats.first() else {
        return Err(Refusal::new("NRS-OFFC-0022", StatusCode::FORBIDDEN).into());
    };
    renew(house, person, held, previous.as_deref().map(digest), proof).await
}

/// What must hold when a session is opened by password: the login does not rest. Ends the count of wrong ones.
pub fn by_password(person: &PersonId, now: Timestamp) -> Write {
    Write::one(
        "UPDATE office_person SET failures = 0, locked_until = NULL \
         WHERE person = $1 AND (locked_until IS NULL OR locked_until <= $2)",
        vec![Value::from(person), Value::from(now)],
    )
}

/// Opens a session and ends the one before, in one transaction.
async fn renew(
    house: &Arc<House>,
    person: &PersonId,
    held: &HeldHat,
    before: Option<String>,
    proof: Vec<Write>,
) -> Answer<Secret> {
    let now = house.clock.now();
    let ctx = own_ctx(person, held, now, Via::Session);
    let (change, secret) = people::open_session(person, held, now, house.config.web.session_hours);
    let change = change
        .write(Write::one(
            "UPDATE office_person SET failures = failures WHERE person = $1 AND disabled_at IS NULL",
            vec![Value::from(person)],
        ))
        .write(Write::new("DELETE FROM office_session WHERE digest = $1", vec![Value::from(before)]));
    let change = proof.into_iter().fold(change, Change::write);
    match house.door.commit(&ctx, change).await {
        Ok(_) => Ok(secret),
        Err(CommitFailure::Conflict { .. }) => Err(refused()),
        Err(problem) => Err(problem.into()),
    }
}

/// Ends this session.
pub async fn sign_out(house: &Arc<House>, visitor: &Visitor) -> Result<(), Failure> {
    let change = Change::office("session.close", visitor.ctx.person.as_str()).write(Write::new(
        "DELETE FROM office_session WHERE digest = $1",
        vec![Value::from(&visitor.session.digest)],
    ));
    house.door.commit(&visitor.ctx, change).await?;
    Ok(())
}

/// Puts on another hat this person holds: a new session under it, the old one ends. `choice` is `hat org`.
pub async fn wear(house: &Arc<House>, visitor: &Visitor, choice: &str) -> Answer<Secret> {
    let named = |held: &&HeldHat| format!("{} {}", held.hat.id(), held.org.org) == choice;
    let Some(held) = visitor.hats.iter().find(named) else {
        return Err(Refusal::new("NRS-OFFC-0003", StatusCode::FORBIDDEN).into());
    };
    renew(house, &visitor.ctx.person, held, Some(visitor.session.digest.clone()), Vec::new()).await
}

/// Keeps language and theme with the account.
pub async fn keep_preferences(
    house: &Arc<House>,
    visitor: &Visitor,
    values: &Values,
) -> Result<(), Failure> {
    let pick = |name: &str, allowed: &[&str], now: &str| {
        values.some(name).filter(|value| allowed.contains(value)).unwrap_or(now).to_owned()
    };
    let lang = pick("lang", &["ja", "en"], &visitor.session.lang);
    let theme = pick("theme", &["system", "light", "dark"], &visitor.session.theme);
    if lang == visitor.session.lang && theme == visitor.session.theme {
        return Ok(());
    }
    let change =
        Change::office("person.preferences", visitor.ctx.person.as_str()).write(Write::one(
            "UPDATE office_person SET lang = $2, theme = $3 WHERE person = $1",
            vec![Value::from(&visitor.ctx.person), Value::from(lang), Value::from(theme)],
        ));
    house.door.commit(&visitor.ctx, change).await?;
    Ok(())
}

/// Changes one's own password; every other session of the login ends.
pub async fn change_password(
    house: &Arc<House>,
    visitor: &Visitor,
    old: &str,
    new: &str,
) -> Result<(), Failure> {
    let session = &visitor.session;
    let has_password = {
        let login = session.login.clone();
        let found = house.store.read(move |reader| people::find_login(reader, &login)).await?;
        found.is_some_and(|login| login.password.is_some())
    };
    if has_password && prove(house, &session.login, old).await.is_err() {
        return Err(faults(vec![Item {
            pointer: "/old".to_owned(),
            code: "NRS-OFFC-0021".to_owned(),
            args: vec![],
        }]));
    }
    if let Some(fault) = password_fault("/new", new, &session.login) {
        return Err(faults(vec![fault]));
    }
    let hash = hash(new.to_owned()).await?;
    let change = Change::office("person.password", visitor.ctx.person.as_str())
        .write(Write::one(
            "UPDATE office_person SET password = $2, failures = 0, locked_until = NULL WHERE person = $1",
            vec![Value::from(&visitor.ctx.person), Value::from(hash)],
        ))
        .write(Write::new(
            "DELETE FROM office_session WHERE person = $1 AND digest <> $2",
            vec![Value::from(&visitor.ctx.person), Value::from(&session.digest)],
        ));
    house.door.commit(&visitor.ctx, change).await?;
    Ok(())
}

/// The refusal that lists what is wrong with single fields.
pub fn faults(items: Vec<Item>) -> Failure {
    Refusal::new("NRS-OFFC-0010", StatusCode::UNPROCESSABLE_ENTITY).items(items).into()
}

/// A new API token: the secret to show once, when it ends, where the log has it.
pub struct NewToken {
    /// Shown once.
    pub secret: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Index of its leaf.
    pub position: u64,
}

/// What an API token is asked for.
#[derive(Debug, Clone)]
pub struct TokenWish {
    /// For which organisation it acts.
    pub org: String,
    /// Under which hat.
    pub hat: String,
    /// What its owner calls it.
    pub label: String,
    /// How long it lives.
    pub days: u32,
}

/// Makes an API token for oneself under one held hat.
pub async fn make_token(
    house: &Arc<House>,
    person: &PersonId,
    wish: TokenWish,
    via: Via,
) -> Answer<NewToken> {
    let label = wish.label.trim().to_owned();
    let fault = |pointer: &str, code: &str, max: usize| Item {
        pointer: pointer.to_owned(),
        code: code.to_owned(),
        args: vec![("max", max.to_string())],
    };
    let mut items = Vec::new();
    if label.is_empty() || label.chars().count() > LABEL_CHARS_MAX {
        items.push(fault("/label", "NRS-OFFC-0017", LABEL_CHARS_MAX));
    }
    if !(1..=TOKEN_DAYS_MAX).contains(&wish.days) {
        items.push(fault(
            "/days",
            "NRS-OFFC-0016",
            usize::try_from(TOKEN_DAYS_MAX).unwrap_or(usize::MAX),
        ));
    }
    if !items.is_empty() {
        return Err(faults(items));
    }
    let who = person.clone();
    let hats = house.store.read(move |reader| people::hats_of(reader, &who)).await?;
    let held = hats
        .into_iter()
        .find(|held| held.hat.id() == wish.hat && held.org.org.as_str() == wish.org);
    let Some(held) = held else {
        return Err(Refusal::new("NRS-OFFC-0003", StatusCode::FORBIDDEN).into());
    };
    let ctx = own_ctx(person, &held, house.clock.now(), via);
    house.authoriser.check(
        &ctx,
        Action::OfficeToken,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    let change = Change::office("token.make", person.as_str());
    token_change(house, &ctx, change, (person, &held.org.org, held.hat), &label, wish.days).await
}

/// Commits `change` together with a new token for `whom` (person, organisation, hat).
pub(super) async fn token_change(
    house: &Arc<House>,
    ctx: &Ctx,
    change: Change,
    whom: (&PersonId, &OrgId, Hat),
    label: &str,
    days: u32,
) -> Answer<NewToken> {
    let now = house.clock.now();
    let expires_at = now + SignedDuration::from_hours(24 * i64::from(days));
    let (write, secret) = people::new_token(whom.0, (whom.1, whom.2), label, now, expires_at);
    let done = house.door.commit(ctx, change.write(write)).await?;
    Ok(NewToken { secret, expires_at, position: done.position })
}

/// Takes back one of one's own API tokens.
pub async fn revoke_token(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<u64> {
    house.authoriser.check(
        ctx,
        Action::OfficeToken,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    if id.len() != TOKEN_ID_CHARS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::absent().into());
    }
    let change = Change::office("token.revoke", ctx.person.as_str()).write(Write::one(
        "UPDATE office_token SET revoked_at = $3 \
         WHERE SUBSTR(digest, 1, 32) = $1 AND person = $2 AND revoked_at IS NULL",
        vec![Value::from(id), Value::from(&ctx.person), Value::from(ctx.now)],
    ));
    match house.door.commit(ctx, change).await {
        Ok(done) => Ok(done.position),
        Err(CommitFailure::Conflict { .. }) => Err(Refusal::absent().into()),
        Err(problem) => Err(problem.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_the_first_thing_tried() {
        let check = |password: &str, code: Option<&str>| {
            let found = password_fault("/password", password, "tanaka");
            assert_eq!(found.as_ref().map(|item| item.code.as_str()), code, "{password}");
        };
        check("short", Some("NRS-OFFC-0006"));
        check("aaaaaaaaaaaaaaaaaaaa", Some("NRS-OFFC-0008"));
        check("abcdefghijklmnopqrst", Some("NRS-OFFC-0008"));
        check("tanakaTANAKAtanaka1", Some("NRS-OFFC-0008"));
        check(&"長い".repeat(600), Some("NRS-OFFC-0007"));
        check("correct horse battery staple", None);
        check("のろしをみたらうまをはしらせよ", None);
    }
}
