//! Client certificates: whom one speaks for, as the administrator registered it.
//!
//! The handshake proves that the caller holds the key; this register says who that is. A fingerprint that does not
//! stand here, or was taken back, lets nobody in, whoever signed the certificate.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{OpenApi, ToSchema};

use super::authorise::{Action, On};
use super::clock::stamp;
use super::commit::{Change, CommitFailure, Idempotency, Write};
use super::ctx::{Ctx, Via};
use super::id::{OrgId, PersonId};
use super::people::{self, HeldHat};
use super::store::{Reader, Row, StoreFailure, Value};
use crate::house::House;
use crate::web::api::{Body, Page};
use crate::web::form;
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Link, Shell, Tone};
use crate::web::locale::Lang;
use crate::web::page;
use crate::web::refusal::{Answer, Failure, Item, Refusal};
use crate::web::visitor::{Caller, Posted, Visitor};

/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 100;
/// How long an entry holds at most, in days; it is looked at again after that.
const DAYS_MAX: u32 = 366 * 3;
/// Letters of a fingerprint: SHA-256 in hexadecimal.
const FINGERPRINT_CHARS: usize = 64;
/// Entries of the list.
const LISTED_MAX: i64 = 1_000;

/// An entry of the register.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// SHA-256 over the certificate, in hexadecimal.
    pub fingerprint: String,
    /// What it is called.
    pub label: String,
    /// The login it speaks for.
    pub person: PersonId,
    /// For which organisation.
    pub org: OrgId,
    /// Under which hat.
    pub hat: Hat,
    /// Entered when.
    pub created_at: Timestamp,
    /// Holds until.
    pub expires_at: Timestamp,
    /// Taken back when.
    pub revoked_at: Option<Timestamp>,
}

fn damaged(what: &str) -> StoreFailure {
    StoreFailure::Damaged(format!("`{what}` in the register of certificates"))
}

fn certificate_at(row: &Row<'_, '_>) -> Result<Certificate, StoreFailure> {
    let (person, org, hat) = (row.text(2)?, row.text(3)?, row.text(4)?);
    Ok(Certificate {
        fingerprint: row.text(0)?,
        label: row.text(1)?,
        person: PersonId::parse(&person).ok_or_else(|| damaged(&person))?,
        org: OrgId::parse(&org).ok_or_else(|| damaged(&org))?,
        hat: Hat::parse(&hat).ok_or_else(|| damaged(&hat))?,
        created_at: row.time(5)?,
        expires_at: row.time(6)?,
        revoked_at: row.time_or_none(7)?,
    })
}

/// The register, newest first.
pub fn list(reader: &Reader<'_>) -> Result<Vec<Certificate>, StoreFailure> {
    reader.all(
        "SELECT fingerprint, label, person, org, hat, created_at, expires_at, revoked_at FROM office_certificate \
         ORDER BY created_at DESC, fingerprint LIMIT $1",
        &[Value::from(LISTED_MAX)],
        certificate_at,
    )
}

/// Finds whom a certificate lets act; an entry that ended, was taken back, or whose hat was withdrawn lets nobody in.
pub fn find(
    reader: &Reader<'_>,
    fingerprint: &str,
    now: Timestamp,
    request: String,
) -> Result<Option<Ctx>, StoreFailure> {
    let found = reader.first(
        "SELECT c.person, c.org, c.hat, o.sector FROM office_certificate c \
         JOIN office_person p ON p.person = c.person JOIN office_org o ON o.org = c.org \
         JOIN office_hat h ON h.person = c.person AND h.org = c.org AND h.hat = c.hat \
         WHERE c.fingerprint = $1 AND c.expires_at > $2 AND c.revoked_at IS NULL AND p.disabled_at IS NULL",
        &[Value::from(fingerprint), Value::from(now)],
        |row| Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.text_or_none(3)?)),
    )?;
    let Some((person, org, hat, sector)) = found else { return Ok(None) };
    Ok(Some(Ctx {
        person: PersonId::parse(&person).ok_or_else(|| damaged(&person))?,
        org: OrgId::parse(&org).ok_or_else(|| damaged(&org))?,
        hat: Hat::parse(&hat).ok_or_else(|| damaged(&hat))?,
        sector,
        via: Via::Certificate,
        now,
        request,
    }))
}

/// An entry to make.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// SHA-256 over the certificate, in hexadecimal; colons and capitals are taken too.
    pub fingerprint: String,
    /// What it is called.
    pub label: String,
    /// The login it speaks for.
    pub person: String,
    /// For which organisation.
    pub org: String,
    /// Under which hat.
    pub hat: String,
    /// How long it holds.
    pub days: u32,
}

/// As the store has it; `None` when it cannot be one.
fn plain(fingerprint: &str) -> Option<String> {
    let plain: String = fingerprint
        .chars()
        .filter(|letter| !matches!(letter, ':' | ' '))
        .collect::<String>()
        .to_ascii_lowercase();
    let shaped =
        plain.len() == FINGERPRINT_CHARS && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
    shaped.then_some(plain)
}

fn manage(house: &House, ctx: &Ctx) -> Result<(), Failure> {
    Ok(house.authoriser.check(ctx, Action::OfficeManage, On::default())?)
}

fn fault(pointer: &str, code: &str, max: u64) -> Item {
    Item {
        pointer: pointer.to_owned(),
        code: code.to_owned(),
        args: vec![("max", max.to_string())],
    }
}

/// Enters a certificate for a hat that its person holds. Gives the fingerprint and the place in the log.
pub async fn register(
    house: &Arc<House>,
    ctx: &Ctx,
    wish: &Wish,
    once: Option<Idempotency>,
) -> Answer<(String, u64)> {
    manage(house, ctx)?;
    let fingerprint = plain(&wish.fingerprint);
    let label = wish.label.trim();
    let mut items = Vec::new();
    if fingerprint.is_none() {
        items.push(fault("/fingerprint", "NRS-SHAR-0250", FINGERPRINT_CHARS as u64));
    }
    if label.is_empty()
        || label.chars().count() > LABEL_CHARS_MAX
        || label.chars().any(char::is_control)
    {
        items.push(fault("/label", "NRS-OFFC-0017", LABEL_CHARS_MAX as u64));
    }
    if !(1..=DAYS_MAX).contains(&wish.days) {
        items.push(fault("/days", "NRS-OFFC-0016", u64::from(DAYS_MAX)));
    }
    let held = match PersonId::parse(&wish.person) {
        Some(person) => {
            let wanted = person.clone();
            let hats = house.store.read(move |reader| people::hats_of(reader, &wanted)).await?;
            hats.into_iter()
                .find(|held| held.hat.id() == wish.hat && held.org.org.as_str() == wish.org)
                .map(|held| (person, held))
        }
        None => None,
    };
    if held.is_none() {
        items.push(fault("/hat", "NRS-SHAR-0251", 0));
    }
    let (Some(fingerprint), Some((person, held)), true) = (fingerprint, held, items.is_empty())
    else {
        return Err(Refusal::new("NRS-OFFC-0001", StatusCode::UNPROCESSABLE_ENTITY)
            .items(items)
            .into());
    };
    let expires = ctx.now + SignedDuration::from_hours(24 * i64::from(wish.days));
    let change = Change::office("certificate.register", &fingerprint)
        .payload(json!({ "person": person.as_str(), "org": held.org.org, "hat": held.hat.id(), "label": label }))
        .write(Write::one(
            "INSERT INTO office_certificate (fingerprint, label, person, org, hat, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (fingerprint) DO NOTHING",
            vec![
                Value::from(&fingerprint),
                Value::from(label),
                Value::from(&person),
                Value::from(&held.org.org),
                Value::from(held.hat.id()),
                Value::from(ctx.now),
                Value::from(expires),
            ],
        ))
        .once(once);
    match house.door.commit(ctx, change).await {
        Ok(committed) => Ok((fingerprint, committed.position)),
        Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
            Ok((subject, position))
        }
        // It stands there already, perhaps taken back: the same key pair never comes back.
        Err(CommitFailure::Conflict { .. }) => {
            Err(Refusal::new("NRS-SHAR-0252", StatusCode::CONFLICT).into())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Takes an entry back, at once and for good. Gives the place in the log.
pub async fn revoke(house: &Arc<House>, ctx: &Ctx, fingerprint: &str) -> Answer<u64> {
    manage(house, ctx)?;
    let Some(fingerprint) = plain(fingerprint) else { return Err(Refusal::absent().into()) };
    let change = Change::office("certificate.revoke", &fingerprint).write(Write::one(
        "UPDATE office_certificate SET revoked_at = $2 WHERE fingerprint = $1 AND revoked_at IS NULL",
        vec![Value::from(&fingerprint), Value::from(ctx.now)],
    ));
    match house.door.commit(ctx, change).await {
        Ok(committed) => Ok(committed.position),
        Err(CommitFailure::Conflict { .. }) => Err(Refusal::absent().into()),
        Err(problem) => Err(problem.into()),
    }
}

// ---- the API ---------------------------------------------------------------------------------------------------

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(add_certificate, list_certificates, revoke_certificate),
    components(schemas(CertificateIn, CertificateOut, CertificateDone))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/certificates", post(add_certificate).get(list_certificates))
        .route("/certificates/{fingerprint}", delete(revoke_certificate))
}

/// A client certificate to enter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CertificateIn {
    /// SHA-256 over the certificate (DER), in hexadecimal; colons are taken too.
    fingerprint: String,
    /// What it is called.
    label: String,
    /// The login it speaks for.
    person: String,
    /// For which organisation.
    org: String,
    /// Under which hat, e.g. `partner.foreign`.
    hat: String,
    /// How many days it holds.
    days: u32,
}

/// A client certificate in the register.
#[derive(Serialize, ToSchema)]
struct CertificateOut {
    /// SHA-256 over the certificate (DER), in hexadecimal.
    fingerprint: String,
    /// What it is called.
    label: String,
    /// The login it speaks for.
    person: String,
    /// For which organisation.
    org: String,
    /// Under which hat.
    hat: String,
    /// Entered when.
    created_at: String,
    /// Holds until.
    expires_at: String,
    /// Taken back when.
    revoked_at: Option<String>,
}

/// A change of the register.
#[derive(Serialize, ToSchema)]
struct CertificateDone {
    /// The certificate.
    fingerprint: String,
    /// Index of the leaf.
    position: u64,
}

/// Enters a client certificate for a hat that a person holds.
#[utoipa::path(post, path = "/certificates", tag = "office", request_body = CertificateIn,
    responses((status = 201, body = CertificateDone), (status = 409, description = "it was entered before")))]
async fn add_certificate(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<CertificateIn>,
) -> Answer<(StatusCode, Json<CertificateDone>)> {
    let once = form::idempotency(&headers, "POST /certificates", &body.bytes);
    let CertificateIn { fingerprint, label, person, org, hat, days } = body.value;
    let wish = Wish { fingerprint, label, person, org, hat, days };
    let (fingerprint, position) = register(&house, &caller.ctx, &wish, once).await?;
    Ok((StatusCode::CREATED, Json(CertificateDone { fingerprint, position })))
}

/// Lists the register of client certificates, newest first, at most 1,000.
#[utoipa::path(get, path = "/certificates", tag = "office", responses((status = 200, body = Page<CertificateOut>)))]
async fn list_certificates(
    State(house): State<Arc<House>>,
    caller: Caller,
) -> Answer<Json<Page<CertificateOut>>> {
    manage(&house, &caller.ctx)?;
    let rows = house.store.read(list).await?;
    let shown = |one: Certificate| CertificateOut {
        fingerprint: one.fingerprint,
        label: one.label,
        person: one.person.to_string(),
        org: one.org.to_string(),
        hat: one.hat.id().to_owned(),
        created_at: stamp(one.created_at),
        expires_at: stamp(one.expires_at),
        revoked_at: one.revoked_at.map(stamp),
    };
    Ok(Json(Page { items: rows.into_iter().map(shown).collect(), cursor: None }))
}

/// Takes a client certificate back.
#[utoipa::path(delete, path = "/certificates/{fingerprint}", tag = "office",
    responses((status = 200, body = CertificateDone)))]
async fn revoke_certificate(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(fingerprint): Path<String>,
) -> Answer<Json<CertificateDone>> {
    let position = revoke(&house, &caller.ctx, &fingerprint).await?;
    Ok(Json(CertificateDone { fingerprint, position }))
}

// ---- the page ------------------------------------------------------------------------------------------------------

/// The page of the register.
pub fn pages() -> Router<Arc<House>> {
    Router::new()
        .route("/office/certificates", get(show).post(enter))
        .route("/office/certificates/{fingerprint}/revoke", post(take_back))
}

struct CertificateRow {
    fingerprint: String,
    label: String,
    person: String,
    org: String,
    hat: String,
    tone: Tone,
    state: String,
    expires_at: Timestamp,
    live: bool,
}

#[derive(Template)]
#[template(path = "office/certificates.html")]
struct CertificatesPage {
    shell: Shell,
    parts: Vec<Link>,
    rows: Vec<CertificateRow>,
    holders: Vec<Choice>,
    form: FormState,
    days_help: String,
    /// Certificates are asked for in the handshake; else an entry lets nobody in.
    offered: bool,
}

/// Every hat of every login that is not closed, as one choice: `<person> <org> <hat>`.
fn holders(reader: &Reader<'_>) -> Result<Vec<(String, HeldHat)>, StoreFailure> {
    reader.all(
        "SELECT p.person, p.name, h.hat, o.org, o.name_ja, o.name_en, o.kind, o.sector FROM office_person p \
         JOIN office_hat h ON h.person = p.person JOIN office_org o ON o.org = h.org \
         WHERE p.disabled_at IS NULL ORDER BY o.name_en, p.name, h.hat LIMIT $1",
        &[Value::from(LISTED_MAX)],
        |row| {
            let held = HeldHat { hat: people::hat_at(row, 2)?, org: people::org_at(row, 3)? };
            Ok((format!("{} {}", row.text(0)?, row.text(1)?), held))
        },
    )
}

async fn register_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    let (rows, held) = house.store.read(|reader| Ok((list(reader)?, holders(reader)?))).await?;
    let shell = page::shell(house, visitor, "office-certificates-title");
    let org_of = |org: &people::Org| match shell.words.lang() {
        Lang::Ja => org.name_ja.clone(),
        Lang::En => org.name_en.clone(),
    };
    let mut names = std::collections::BTreeMap::new();
    let mut orgs = std::collections::BTreeMap::new();
    let mut choices = Vec::new();
    for (who, held) in held {
        let (person, name) = who.split_once(' ').unwrap_or((&who, ""));
        let org = org_of(&held.org);
        let hat = shell.t(page::hat_key(held.hat));
        let value = format!("{person} {} {}", held.org.org, held.hat.id());
        choices.push(Choice::new(value, format!("{org} - {name} - {hat}")));
        names.insert(person.to_owned(), name.to_owned());
        orgs.insert(held.org.org.to_string(), org);
    }
    let row = |one: Certificate| {
        let (tone, key) = match (one.revoked_at, one.expires_at > shell.now) {
            (Some(_), _) => (Tone::Bad, "office-certificate-revoked"),
            (None, false) => (Tone::Neutral, "office-certificate-ended"),
            (None, true) => (Tone::Ok, "office-certificate-holds"),
        };
        let (person, org) = (one.person.to_string(), one.org.to_string());
        CertificateRow {
            person: names.get(&person).cloned().unwrap_or(person),
            org: orgs.get(&org).cloned().unwrap_or(org),
            hat: shell.t(page::hat_key(one.hat)),
            live: one.revoked_at.is_none() && one.expires_at > shell.now,
            fingerprint: one.fingerprint,
            label: one.label,
            expires_at: one.expires_at,
            state: shell.t(key),
            tone,
        }
    };
    page::html(&CertificatesPage {
        parts: super::admin::parts(shell.words),
        rows: rows.into_iter().map(row).collect(),
        holders: choices,
        form,
        days_help: shell.tv("office-certificate-days-help", &[("max", DAYS_MAX.into())]),
        offered: !house.config.tls.client_ca.as_os_str().is_empty(),
        shell,
    })
}

async fn show(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    manage(&house, &visitor.ctx)?;
    register_page(&house, &visitor, FormState::default()).await
}

async fn enter(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    manage(&house, &posted.visitor.ctx)?;
    let mut form = FormState::posted(posted.values.flat()).labelled("office-certificate-field");
    let holder: Vec<&str> = posted.values.get("hat").splitn(3, ' ').collect();
    let (person, org, hat) = match holder.as_slice() {
        [person, org, hat] => (*person, *org, *hat),
        _ => ("", "", ""),
    };
    let wish = Wish {
        fingerprint: posted.values.get("fingerprint").to_owned(),
        label: posted.values.get("label").to_owned(),
        person: person.to_owned(),
        org: org.to_owned(),
        hat: hat.to_owned(),
        days: form.number("days").unwrap_or(0),
    };
    let failure = match register(&house, &posted.visitor.ctx, &wish, None).await {
        Ok(_) => return Ok(Redirect::to("/office/certificates").into_response()),
        Err(failure) => failure,
    };
    let status = match failure {
        // It was entered before.
        Failure::Refused(refusal) if refusal.status == StatusCode::CONFLICT => {
            form.fail("fingerprint", FieldError::new(refusal.code, refusal.code));
            StatusCode::CONFLICT
        }
        failure => {
            super::pages::mark(&mut form, failure)?;
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    let mut response = register_page(&house, &posted.visitor, form).await?;
    *response.status_mut() = status;
    Ok(response)
}

async fn take_back(
    State(house): State<Arc<House>>,
    Path(fingerprint): Path<String>,
    posted: Posted,
) -> Answer {
    revoke(&house, &posted.visitor.ctx, &fingerprint).await?;
    Ok(Redirect::to("/office/certificates").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_tools_print_it() {
        let plainly = "ab".repeat(32);
        let with_colons: Vec<&str> = std::iter::repeat_n("AB", 32).collect();
        assert_eq!(plain(&with_colons.join(":")), Some(plainly.clone()));
        assert_eq!(plain(&plainly), Some(plainly));
        for bad in ["", "ab", &"ab".repeat(33), &"zz".repeat(32)] {
            assert_eq!(plain(bad), None, "{bad}");
        }
    }
}
