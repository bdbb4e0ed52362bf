//! What the office itself changes: set-up, organisations, persons, hats, invitations.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_charter::separation::may_add;

use super::authorise::{Action, On};
use super::commit::{Change, CommitFailure, Committed, Idempotency, Write};
use super::ctx::{Ctx, Via};
pub use super::entry::keep_preferences;
use super::entry::{self, NewToken, faults, hash, password_fault};
use super::id::{OrgId, PersonId};
use super::kinds;
use super::people::{self, HeldHat, Org};
use super::read;
use super::secret::{Secret, digest};
use super::store::Value;
use crate::house::House;
use crate::web::locale::Lang;
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// How long a set-up token can be used.
pub const SETUP_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How long an invitation can be used.
pub const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How long the first administrator's API token lives, in days.
const FIRST_TOKEN_DAYS: u32 = 7;
/// How long tokens of sensors and partners live, in days.
const PROGRAM_TOKEN_DAYS: u32 = 365;
/// Longest name of a person or an organisation, in characters.
pub const NAME_CHARS_MAX: usize = 120;
/// Longest login, in characters.
pub const LOGIN_CHARS_MAX: usize = 40;

/// The house's own hand, before anybody can sign in.
fn house_ctx(now: Timestamp) -> Option<Ctx> {
    Some(Ctx {
        person: PersonId::parse("person-house")?,
        org: OrgId::parse("org-house")?,
        hat: Hat::Administrator,
        sector: None,
        via: Via::Job,
        now,
        request: String::new(),
    })
}

/// Makes the one-time set-up token when nobody can sign in yet; `None` afterwards. Earlier tokens end.
pub async fn setup_token(house: &Arc<House>) -> Result<Option<Secret>, CommitFailure> {
    if !house.store.read(read::is_empty).await? {
        return Ok(None);
    }
    let now = house.clock.now();
    let Some(ctx) = house_ctx(now) else { return Ok(None) };
    let secret = Secret::fresh("nrs_setup_");
    let change = Change::office("setup.offer", "setup")
        .write(Write::new("DELETE FROM office_setup WHERE used_at IS NULL", Vec::new()))
        .write(Write::one(
            "INSERT INTO office_setup (digest, created_at) VALUES ($1, $2)",
            vec![Value::from(secret.digest()), Value::from(now)],
        ));
    house.door.commit(&ctx, change).await?;
    Ok(Some(secret))
}

/// The refusal of a set-up token that is wrong, used or too old.
pub fn no_setup() -> Failure {
    Refusal::new("NRS-OFFC-0001", StatusCode::FORBIDDEN).into()
}

/// An organisation to add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewOrg {
    /// Its name in Japanese.
    pub name_ja: String,
    /// Its name in English.
    pub name_en: String,
    /// One of [`kinds::KINDS`].
    pub kind: String,
    /// Sector code, for operators and ministries.
    pub sector: Option<String>,
}

/// A login to add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewPerson {
    /// The name typed at sign-in.
    pub login: String,
    /// The name shown.
    pub name: String,
}

fn item(pointer: String, code: &str, max: usize) -> Item {
    Item { pointer, code: code.to_owned(), args: vec![("max", max.to_string())] }
}

fn name_fault(pointer: String, name: &str) -> Option<Item> {
    let name = name.trim();
    let bad = name.is_empty()
        || name.chars().count() > NAME_CHARS_MAX
        || name.chars().any(char::is_control);
    bad.then(|| item(pointer, "NRS-OFFC-0017", NAME_CHARS_MAX))
}

fn code_shaped(text: &str, chars_max: usize, first: impl Fn(u8) -> bool) -> bool {
    text.len() <= chars_max
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        })
}

/// What is wrong with an organisation; `at` is the JSON pointer of the object.
fn org_faults(at: &str, org: &NewOrg) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    items.extend(name_fault(format!("{at}/name_ja"), &org.name_ja));
    items.extend(name_fault(format!("{at}/name_en"), &org.name_en));
    if !kinds::KINDS.contains(&org.kind.as_str()) {
        items.push(item(format!("{at}/kind"), "NRS-OFFC-0011", 0));
    }
    let shaped = |sector: &String| code_shaped(sector, 40, |byte| byte.is_ascii_lowercase());
    if org.sector.as_ref().is_some_and(|sector| !shaped(sector)) {
        items.push(item(format!("{at}/sector"), "NRS-OFFC-0015", 40));
    }
    items
}

/// What is wrong with a login; `at` is the JSON pointer of the object.
fn person_faults(at: &str, person: &NewPerson) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    if !code_shaped(&person.login, LOGIN_CHARS_MAX, |byte| byte.is_ascii_alphanumeric()) {
        items.push(item(format!("{at}/login"), "NRS-OFFC-0009", LOGIN_CHARS_MAX));
    }
    items.extend(name_fault(format!("{at}/name"), &person.name));
    items
}

fn settled_org(new: &NewOrg, now: Timestamp) -> Org {
    Org {
        org: OrgId::fresh(now),
        name_ja: new.name_ja.trim().to_owned(),
        name_en: new.name_en.trim().to_owned(),
        kind: new.kind.clone(),
        sector: new.sector.clone(),
    }
}

/// What the set-up made.
pub struct SetUp {
    /// The first organisation.
    pub org: OrgId,
    /// The first administrator.
    pub person: PersonId,
    /// An API token of his.
    pub token: NewToken,
}

/// Sets the house up with its one-time token: first organisation, first administrator. All or nothing.
pub async fn set_up(
    house: &Arc<House>,
    token: &str,
    new_org: &NewOrg,
    admin: &NewPerson,
    password: &str,
    lang: Lang,
) -> Answer<SetUp> {
    let now = house.clock.now();
    let (digest, oldest) = (digest(token), now - SETUP_LIFE);
    let asked = digest.clone();
    if !house.store.read(move |reader| read::setup_open(reader, &asked, oldest)).await? {
        return Err(no_setup());
    }
    let mut items = org_faults("/org", new_org);
    items.extend(person_faults("/admin", admin));
    items.extend(password_fault("/admin/password", password, &admin.login));
    if new_org.kind != "office" && new_org.kind != "ministry" && items.is_empty() {
        items.push(item("/org/kind".to_owned(), "NRS-OFFC-0013", 0));
    }
    if !items.is_empty() {
        return Err(faults(items));
    }
    let hash = hash(password.to_owned()).await?;
    let (org, person) = (settled_org(new_org, now), PersonId::fresh(now));
    let held = HeldHat { hat: Hat::Administrator, org: org.clone() };
    let ctx = entry::own_ctx(&person, &held, now, Via::Session);
    let change = Change::office("setup.complete", org.org.as_str())
        .payload(serde_json::json!({ "org": org.name_ja, "login": admin.login }))
        .write(Write::one(
            "UPDATE office_setup SET used_at = $2 WHERE digest = $1 AND used_at IS NULL AND created_at > $3 \
             AND NOT EXISTS (SELECT 1 FROM office_person)",
            vec![Value::from(digest), Value::from(now), Value::from(oldest)],
        ))
        .write(people::insert_org(&org))
        .write(people::insert_person(&person, &admin.login, admin.name.trim(), Some(hash), now))
        .write(Write::one(
            "UPDATE office_person SET lang = $2 WHERE person = $1",
            vec![Value::from(&person), Value::from(lang.code())],
        ))
        .write(people::insert_hat(&person, &org.org, Hat::Administrator));
    let whom = (&person, &org.org, Hat::Administrator);
    let token = entry::token_change(house, &ctx, change, whom, "set-up", FIRST_TOKEN_DAYS).await;
    let token = token.map_err(|failure| match failure {
        // Somebody else used it between the question and the commit.
        Failure::Refused(refusal) if refusal.status == StatusCode::CONFLICT => no_setup(),
        other => other,
    })?;
    Ok(SetUp { org: org.org, person, token })
}

fn manage(house: &House, ctx: &Ctx) -> Result<(), Failure> {
    Ok(house.authoriser.check(
        ctx,
        Action::OfficeManage,
        On { owner: Some(&ctx.org), ..On::default() },
    )?)
}

/// What a change made, and where the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its identifier.
    pub id: String,
    /// Index of its leaf.
    pub position: u64,
}

/// Commits; a repeat of the same request is answered as the first time.
async fn settle(house: &Arc<House>, ctx: &Ctx, id: String, change: Change) -> Answer<Made> {
    match house.door.commit(ctx, change).await {
        Ok(Committed { position, .. }) => Ok(Made { id, position }),
        Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
            Ok(Made { id: subject, position })
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Adds an organisation.
pub async fn add_org(
    house: &Arc<House>,
    ctx: &Ctx,
    new: &NewOrg,
    once: Option<Idempotency>,
) -> Answer<Made> {
    manage(house, ctx)?;
    let items = org_faults("", new);
    if !items.is_empty() {
        return Err(faults(items));
    }
    let org = settled_org(new, ctx.now);
    let change = Change::office("org.add", org.org.as_str())
        .payload(serde_json::json!({ "name_ja": org.name_ja, "name_en": org.name_en, "kind": org.kind, "sector": org.sector }))
        .write(people::insert_org(&org))
        .once(once);
    settle(house, ctx, org.org.to_string(), change).await
}

fn invite(person: &PersonId, now: Timestamp) -> (Write, Write, Secret) {
    let secret = Secret::fresh("nrs_invitation_");
    let end_others = Write::new(
        "DELETE FROM office_invitation WHERE person = $1 AND used_at IS NULL",
        vec![Value::from(person)],
    );
    let insert = Write::one(
        "INSERT INTO office_invitation (digest, person, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        vec![
            Value::from(secret.digest()),
            Value::from(person),
            Value::from(now),
            Value::from(now + INVITATION_LIFE),
        ],
    );
    (end_others, insert, secret)
}

async fn login_free(house: &Arc<House>, at: &str, login: &str) -> Result<(), Failure> {
    let typed = login.to_owned();
    let taken = house.store.read(move |reader| people::find_login(reader, &typed)).await?.is_some();
    if taken { Err(faults(vec![item(format!("{at}/login"), "NRS-OFFC-0012", 0)])) } else { Ok(()) }
}

/// Adds a login without a password; the secret is its one-time invitation. A repeated request gets no second secret.
pub async fn add_person(
    house: &Arc<House>,
    ctx: &Ctx,
    new: &NewPerson,
    once: Option<Idempotency>,
) -> Answer<(Made, Option<Secret>)> {
    manage(house, ctx)?;
    let items = person_faults("", new);
    if !items.is_empty() {
        return Err(faults(items));
    }
    if once.is_none() {
        login_free(house, "", &new.login).await?;
    }
    let person = PersonId::fresh(ctx.now);
    let (_, insert, secret) = invite(&person, ctx.now);
    let change = Change::office("person.add", person.as_str())
        .payload(serde_json::json!({ "login": new.login, "name": new.name }))
        .write(people::insert_person(&person, &new.login, new.name.trim(), None, ctx.now))
        .write(insert)
        .once(once);
    let made = settle(house, ctx, person.to_string(), change).await?;
    let secret = (made.id == person.as_str()).then_some(secret);
    Ok((made, secret))
}

async fn need_person(house: &Arc<House>, id: &str) -> Answer<read::PersonRow> {
    let Some(person) = PersonId::parse(id) else { return Err(Refusal::absent().into()) };
    let found = house.store.read(move |reader| read::person(reader, &person)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

async fn need_org(house: &Arc<House>, id: &str) -> Answer<Org> {
    let Some(org) = OrgId::parse(id) else { return Err(Refusal::absent().into()) };
    let found = house.store.read(move |reader| people::find_org(reader, &org)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

/// Makes a new invitation for a login, e.g. when a password was lost. The old password ends only when the new one
/// is set.
pub async fn invite_again(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<(Made, Secret)> {
    manage(house, ctx)?;
    let row = need_person(house, id).await?;
    let (end_others, insert, secret) = invite(&row.person, ctx.now);
    let change =
        Change::office("person.invite", row.person.as_str()).write(end_others).write(insert);
    let made = settle(house, ctx, row.person.to_string(), change).await?;
    Ok((made, secret))
}

/// The refusal of an invitation that is wrong, used or too old.
pub fn no_invitation() -> Failure {
    Refusal::new("NRS-OFFC-0005", StatusCode::FORBIDDEN).into()
}

/// Sets the password of the login an invitation was made for. Its other sessions and its rest end.
pub async fn accept_invitation(
    house: &Arc<House>,
    secret: &str,
    password: &str,
) -> Answer<PersonId> {
    let now = house.clock.now();
    let digest = digest(secret);
    let asked = digest.clone();
    let found = house.store.read(move |reader| read::invitation(reader, &asked, now)).await?;
    let Some((person, login, _)) = found else { return Err(no_invitation()) };
    if let Some(fault) = password_fault("/password", password, &login) {
        return Err(faults(vec![fault]));
    }
    let hash = hash(password.to_owned()).await?;
    let Some(mut ctx) = house_ctx(now) else { return Err(no_invitation()) };
    ctx.person = person.clone();
    let change = Change::office("person.accept", person.as_str())
        .write(Write::one(
            "UPDATE office_invitation SET used_at = $2 WHERE digest = $1 AND used_at IS NULL AND expires_at > $2",
            vec![Value::from(digest), Value::from(now)],
        ))
        .write(Write::one(
            "UPDATE office_person SET password = $2, failures = 0, locked_until = NULL \
             WHERE person = $1 AND disabled_at IS NULL",
            vec![Value::from(&person), Value::from(hash)],
        ))
        .write(Write::new("DELETE FROM office_session WHERE person = $1", vec![Value::from(&person)]));
    match house.door.commit(&ctx, change).await {
        Ok(_) => Ok(person),
        Err(CommitFailure::Conflict { .. }) => Err(no_invitation()),
        Err(problem) => Err(problem.into()),
    }
}

/// Shuts a login out (its sessions end, its tokens rest) or lets it in again.
pub async fn set_disabled(house: &Arc<House>, ctx: &Ctx, id: &str, disabled: bool) -> Answer<Made> {
    manage(house, ctx)?;
    let row = need_person(house, id).await?;
    if disabled && row.person == ctx.person {
        return Err(Refusal::new("NRS-OFFC-0018", StatusCode::CONFLICT).into());
    }
    let (command, sql) = if disabled {
        (
            "person.disable",
            "UPDATE office_person SET disabled_at = $2 WHERE person = $1 AND disabled_at IS NULL",
        )
    } else {
        (
            "person.enable",
            "UPDATE office_person SET disabled_at = $2 WHERE person = $1 AND disabled_at IS NOT NULL",
        )
    };
    let since = disabled.then_some(ctx.now);
    let change = Change::office(command, row.person.as_str())
        .write(Write::one(sql, vec![Value::from(&row.person), Value::from(since)]))
        .write(Write::new(
            "DELETE FROM office_session WHERE person = $1",
            vec![Value::from(&row.person)],
        ));
    settle(house, ctx, row.person.to_string(), change).await
}

/// Hands a hat to a login. The separation of hats is kept here; the refusal names the rule.
pub async fn hand_out(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    org: &str,
    hat: &str,
    once: Option<Idempotency>,
) -> Answer<Made> {
    manage(house, ctx)?;
    let row = need_person(house, id).await?;
    let Some(hat) = Hat::parse(hat) else {
        return Err(faults(vec![item("/hat".to_owned(), "NRS-OFFC-0019", 0)]));
    };
    let Ok(org) = need_org(house, org).await else {
        return Err(faults(vec![item("/org".to_owned(), "NRS-OFFC-0020", 0)]));
    };
    if !kinds::fits(&org.kind, hat) {
        return Err(faults(vec![item("/org".to_owned(), "NRS-OFFC-0013", 0)]));
    }
    if row.person == ctx.person {
        return Err(Refusal::new("NRS-OFFC-0014", StatusCode::FORBIDDEN).into());
    }
    let held: Vec<Hat> = row.hats.iter().map(|held| held.hat).collect();
    if let Err((rule, other)) = may_add(&held, hat) {
        let refusal = Refusal::new(rule, StatusCode::UNPROCESSABLE_ENTITY);
        return Err(refusal.arg("held", other).arg("wanted", hat).into());
    }
    // The count of hats guards against another hat being handed out in between.
    let count = u64::try_from(row.hats.len()).unwrap_or(u64::MAX);
    let change = Change::office("hat.give", row.person.as_str())
        .payload(serde_json::json!({ "org": org.org, "hat": hat.id() }))
        .write(Write::one(
            "UPDATE office_person SET failures = failures WHERE person = $1 \
             AND (SELECT COUNT(*) FROM office_hat h WHERE h.person = $1) = $2",
            vec![Value::from(&row.person), Value::from(count)],
        ))
        .write(people::insert_hat(&row.person, &org.org, hat))
        .once(once);
    settle(house, ctx, row.person.to_string(), change).await
}

/// Withdraws a hat: sessions and tokens under it end at once.
pub async fn withdraw(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    org: &str,
    hat: &str,
) -> Answer<Made> {
    manage(house, ctx)?;
    let row = need_person(house, id).await?;
    let own = row.person == ctx.person;
    if own && hat == Hat::Administrator.id() {
        return Err(Refusal::new("NRS-OFFC-0018", StatusCode::CONFLICT).into());
    }
    let params = || vec![Value::from(&row.person), Value::from(org), Value::from(hat)];
    let mut revoke = params();
    revoke.push(Value::from(ctx.now));
    let change = Change::office("hat.take", row.person.as_str())
        .payload(serde_json::json!({ "org": org, "hat": hat }))
        .write(Write::one(
            "DELETE FROM office_hat WHERE person = $1 AND org = $2 AND hat = $3",
            params(),
        ))
        .write(Write::new(
            "DELETE FROM office_session WHERE person = $1 AND org = $2 AND hat = $3",
            params(),
        ))
        .write(Write::new(
            "UPDATE office_token SET revoked_at = $4 \
             WHERE person = $1 AND org = $2 AND hat = $3 AND revoked_at IS NULL",
            revoke,
        ));
    match house.door.commit(ctx, change).await {
        Ok(done) => Ok(Made { id: row.person.to_string(), position: done.position }),
        Err(CommitFailure::Conflict { .. }) => Err(Refusal::absent().into()),
        Err(problem) => Err(problem.into()),
    }
}

/// Adds the login of an operator's sensor, which is a program: a hat, an API token, never a password.
pub async fn add_sensor(
    house: &Arc<House>,
    ctx: &Ctx,
    org: &str,
    new: &NewPerson,
) -> Answer<(PersonId, NewToken)> {
    manage(house, ctx)?;
    let Ok(org) = need_org(house, org).await else {
        return Err(faults(vec![item("/org".to_owned(), "NRS-OFFC-0020", 0)]));
    };
    if !kinds::fits(&org.kind, Hat::OperatorSensor) {
        return Err(faults(vec![item("/org".to_owned(), "NRS-OFFC-0013", 0)]));
    }
    program(house, ctx, &org, Hat::OperatorSensor, new).await
}

async fn program(
    house: &Arc<House>,
    ctx: &Ctx,
    org: &Org,
    hat: Hat,
    new: &NewPerson,
) -> Answer<(PersonId, NewToken)> {
    let items = person_faults("", new);
    if !items.is_empty() {
        return Err(faults(items));
    }
    login_free(house, "", &new.login).await?;
    let person = PersonId::fresh(ctx.now);
    let change = Change::office("person.add", person.as_str())
        .payload(serde_json::json!({ "login": new.login, "name": new.name, "org": org.org, "hat": hat.id() }))
        .write(people::insert_person(&person, &new.login, new.name.trim(), None, ctx.now))
        .write(people::insert_hat(&person, &org.org, hat));
    let whom = (&person, &org.org, hat);
    let token =
        entry::token_change(house, ctx, change, whom, "program", PROGRAM_TOKEN_DAYS).await?;
    Ok((person, token))
}

/// Makes an API token for a foreign partner's reader; its login is made at first use.
pub async fn partner_token(
    house: &Arc<House>,
    ctx: &Ctx,
    org: &str,
) -> Answer<(PersonId, NewToken)> {
    manage(house, ctx)?;
    let org = need_org(house, org).await?;
    if !kinds::fits(&org.kind, Hat::PartnerForeign) {
        return Err(faults(vec![item("/org".to_owned(), "NRS-OFFC-0013", 0)]));
    }
    let id = org.org.clone();
    let known = house.store.read(move |reader| read::partner_login(reader, &id)).await?;
    let Some(person) = known else {
        let tail = org.org.as_str().trim_start_matches("org-");
        let tail: String =
            tail.chars().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect();
        let new = NewPerson { login: format!("partner-{tail}"), name: org.name_en.clone() };
        return program(house, ctx, &org, Hat::PartnerForeign, &new).await;
    };
    let change = Change::office("token.make", person.as_str());
    let whom = (&person, &org.org, Hat::PartnerForeign);
    let token =
        entry::token_change(house, ctx, change, whom, "program", PROGRAM_TOKEN_DAYS).await?;
    Ok((person, token))
}
