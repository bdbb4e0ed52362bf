//! De-identification on the platform (非識別化): what identifies a person is replaced before anybody works with it, and turned
//! back only for one case, after one person asked and another allowed it.
//!
//! A key is drawn for each purpose and epoch and lies in a file of its own (`DATA/keys/pseudonyms`), apart from the store and
//! its backups. What a pseudonym stands for is sealed under it ([`crate::office::seal`]). Destroying the
//! file ends both ways at once: nobody can go back, and nobody can compute the pseudonym of a value they guess.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Path as Of, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use noroshi_charter::reidentify::{Asked, may_allow, may_ask};
use noroshi_sift::pseudonym::{Kind, NoPseudonym, Pseudonym, PseudonymKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{OpenApi, ToSchema};

use super::law::act::broken;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::id::random_uuid;
use crate::office::log::load_or_make_seed;
use crate::office::seal::Sealer;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::api::Body;
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::Caller;

/// The longest purpose or name of a case, in bytes.
pub const WORDS_BYTES_MAX: usize = 2_000;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(make, ask, decide, read, destroy),
    components(schemas(
        NewPseudonym,
        PseudonymOut,
        NewReveal,
        RevealOut,
        Decision,
        ValueOut,
        Epoch
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/sift/pseudonyms", post(make))
        .route("/sift/reveals", post(ask))
        .route("/sift/reveals/{id}/decision", post(decide))
        .route("/sift/reveals/{id}/read", post(read))
        .route("/sift/epochs/destroy", post(destroy))
}

fn key_path(data: &Path, purpose: &str, epoch: &str) -> PathBuf {
    // Both are short names of a-z, 0-9 and -; the point keeps them apart.
    data.join("keys").join("pseudonyms").join(format!("{purpose}.{epoch}.key"))
}

fn unprocessable(code: &'static str) -> Refusal {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY)
}

fn no_pseudonym(problem: NoPseudonym) -> Refusal {
    unprocessable(match problem {
        NoPseudonym::Name => "NRS-SIFT-0506",
        NoPseudonym::Value | NoPseudonym::Text => "NRS-SIFT-0507",
    })
}

/// What seals a value, bound to its pseudonym: sealed text of one cannot be put beside another.
fn sealer(key: [u8; 32], pseudonym: &str) -> Sealer<'_> {
    Sealer { key, purpose: "noroshi/sift/pseudonym/v1", holder: pseudonym.as_bytes() }
}

fn seal(secret: &[u8; 32], pseudonym: &str, value: &str) -> Option<String> {
    sealer(*secret, pseudonym).seal(value.as_bytes()).map(|sealed| STANDARD.encode(sealed))
}

fn unseal(secret: &[u8; 32], pseudonym: &str, sealed: &str) -> Option<String> {
    let plain = sealer(*secret, pseudonym).open(&STANDARD.decode(sealed).ok()?)?;
    String::from_utf8(plain).ok()
}

/// Whether an epoch exists, and whether its key does.
fn epoch_state(
    reader: &Reader<'_>,
    purpose: &str,
    epoch: &str,
) -> Result<Option<bool>, StoreFailure> {
    reader.first(
        "SELECT destroyed_at FROM sift_epoch WHERE purpose = $1 AND epoch = $2",
        &[Value::from(purpose), Value::from(epoch)],
        |row| Ok(row.text_or_none(0)?.is_none()),
    )
}

/// What is to be replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPseudonym {
    /// `email` or `account`.
    pub(super) kind: String,
    /// What it stands for.
    pub(super) value: String,
    /// For which purpose; pseudonyms of different purposes cannot be joined.
    pub(super) purpose: String,
    /// For which epoch; pseudonyms of different epochs cannot be joined.
    pub(super) epoch: String,
}

/// A pseudonym.
#[derive(Serialize, ToSchema)]
struct PseudonymOut {
    /// What stands for the value.
    pseudonym: String,
}

/// Gives a value its pseudonym. The same value has the same one within a purpose and an epoch.
#[utoipa::path(post, path = "/sift/pseudonyms", tag = "sift", request_body = NewPseudonym,
    responses((status = 200, body = PseudonymOut), (status = 409), (status = 422)))]
async fn make(State(house): State<Arc<House>>, caller: Caller, body: Body<NewPseudonym>) -> Answer {
    let pseudonym = replace(&house, &caller.ctx, body.value).await?;
    Ok(Json(PseudonymOut { pseudonym }).into_response())
}

/// The pseudonym of a value; it is made where there is none.
pub(super) async fn replace(house: &Arc<House>, ctx: &Ctx, new: NewPseudonym) -> Answer<String> {
    house.authoriser.check(ctx, Action::SiftPseudonym, On::default())?;
    let NewPseudonym { kind, value, purpose, epoch } = new;
    let kind = Kind::parse(&kind).ok_or_else(|| unprocessable("NRS-SIFT-0507"))?;
    // The names are checked before a file of that name is made.
    PseudonymKey::new(&purpose, &epoch, [0; 32]).map(drop).map_err(no_pseudonym)?;
    let (asked, of) = (purpose.clone(), epoch.clone());
    let state = house.store.read(move |reader| epoch_state(reader, &asked, &of)).await?;
    if state == Some(false) {
        return Err(Refusal::new("NRS-SIFT-0504", StatusCode::CONFLICT).into());
    }
    let secret = load_or_make_seed(&key_path(&house.dir, &purpose, &epoch)).map_err(broken)?;
    let key = PseudonymKey::new(&purpose, &epoch, secret).map_err(no_pseudonym)?;
    let pseudonym = key.pseudonym(kind, &value).map_err(no_pseudonym)?.to_string();
    let sealed =
        seal(&secret, &pseudonym, value.trim()).ok_or_else(|| unprocessable("NRS-SIFT-0507"))?;
    let change = Change::office("sift.pseudonym", &pseudonym)
        .write(Write::new(
            "INSERT INTO sift_epoch (purpose, epoch, made_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            vec![Value::from(&purpose), Value::from(&epoch), Value::from(ctx.now)],
        ))
        // Nobody destroys the key between the question above and this.
        .write(Write::one(
            "UPDATE sift_epoch SET made_at = made_at WHERE purpose = $1 AND epoch = $2 AND destroyed_at IS NULL",
            vec![Value::from(&purpose), Value::from(&epoch)],
        ))
        .write(Write::new(
            "INSERT INTO sift_pseudonym (pseudonym, purpose, epoch, sealed, made_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
            vec![
                Value::from(&pseudonym),
                Value::from(&purpose),
                Value::from(&epoch),
                Value::from(sealed),
                Value::from(ctx.now),
            ],
        ));
    house.door.commit(ctx, change).await?;
    Ok(pseudonym)
}

/// A re-identification as it stands.
struct Reveal {
    pseudonym: String,
    purpose: String,
    case: String,
    asked_by: String,
    allowed: Option<bool>,
    is_read: bool,
    sealed: String,
    is_key_there: bool,
}

impl Reveal {
    fn asked(&self) -> Asked<'_> {
        Asked {
            person: &self.asked_by,
            purpose: &self.purpose,
            case: &self.case,
            is_key_there: self.is_key_there,
        }
    }
}

fn reveal_of(reader: &Reader<'_>, id: &str) -> Result<Option<Reveal>, StoreFailure> {
    reader.first(
        "SELECT r.pseudonym, r.purpose, r.case_name, r.asked_by, r.decided_at, COALESCE(r.allowed, 0), r.read_at, \
         p.sealed, e.destroyed_at FROM sift_reveal r JOIN sift_pseudonym p ON p.pseudonym = r.pseudonym \
         JOIN sift_epoch e ON e.purpose = p.purpose AND e.epoch = p.epoch WHERE r.id = $1",
        &[Value::from(id)],
        |row| {
            let is_allowed = row.count(5)? == 1;
            Ok(Reveal {
                pseudonym: row.text(0)?,
                purpose: row.text(1)?,
                case: row.text(2)?,
                asked_by: row.text(3)?,
                allowed: row.text_or_none(4)?.map(|_| is_allowed),
                is_read: row.text_or_none(6)?.is_some(),
                sealed: row.text(7)?,
                is_key_there: row.text_or_none(8)?.is_none(),
            })
        },
    )
}

async fn need(house: &House, id: &str) -> Answer<Reveal> {
    let id = id.to_owned();
    let found = house.store.read(move |reader| reveal_of(reader, &id)).await?;
    Ok(found.ok_or_else(Refusal::absent)?)
}

/// What is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReveal {
    /// The pseudonym.
    pub(super) pseudonym: String,
    /// What for, in words.
    pub(super) purpose: String,
    /// In which case.
    pub(super) case: String,
}

/// A re-identification.
#[derive(Serialize, ToSchema)]
pub(super) struct RevealOut {
    /// Its name.
    pub(super) id: String,
    /// Index of its leaf.
    pub(super) position: u64,
}

/// Asks what a pseudonym stands for. Somebody else decides.
#[utoipa::path(post, path = "/sift/reveals", tag = "sift", request_body = NewReveal,
    responses((status = 201, body = RevealOut), (status = 404), (status = 422)))]
async fn ask(State(house): State<Arc<House>>, caller: Caller, body: Body<NewReveal>) -> Answer {
    let out = ask_for(&house, &caller.ctx, body.value).await?;
    Ok((StatusCode::CREATED, Json(out)).into_response())
}

/// Asks; somebody else decides.
pub(super) async fn ask_for(house: &Arc<House>, ctx: &Ctx, new: NewReveal) -> Answer<RevealOut> {
    house.authoriser.check(ctx, Action::SiftPseudonym, On::default())?;
    let NewReveal { pseudonym, purpose, case } = new;
    let known: Pseudonym = pseudonym.parse().map_err(|_| Refusal::absent())?;
    let (of, at) = (known.purpose().to_owned(), known.epoch().to_owned());
    let state = house.store.read(move |reader| epoch_state(reader, &of, &at)).await?;
    let person = ctx.person.as_str();
    let asked = Asked { person, purpose: &purpose, case: &case, is_key_there: state == Some(true) };
    refuse_first(&may_ask(ctx.hat, &asked))?;
    if purpose.len() > WORDS_BYTES_MAX || case.len() > WORDS_BYTES_MAX {
        return Err(unprocessable("NRS-SIFT-0503").into());
    }
    let id = format!("reveal-{}", random_uuid().simple());
    let change = Change::office("sift.ask", &id)
        .payload(json!({ "pseudonym": pseudonym, "purpose": purpose, "case": case }))
        .write(Write::one(
            "INSERT INTO sift_reveal (id, pseudonym, purpose, case_name, asked_by, asked_at) \
             SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT 1 FROM sift_pseudonym WHERE pseudonym = $2)",
            vec![
                Value::from(&id),
                Value::from(&pseudonym),
                Value::from(purpose.trim()),
                Value::from(case.trim()),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    let done = house.door.commit(ctx, change).await?;
    Ok(RevealOut { id, position: done.position })
}

fn refuse_first(against: &[noroshi_charter::release::Refusal]) -> Result<(), Refusal> {
    against
        .first()
        .map_or(Ok(()), |first| Err(unprocessable(first.code).arg("clause", first.clause)))
}

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// Whether it is allowed.
    allow: bool,
}

/// Allows or refuses a re-identification. The legal hat, and not the person who asked.
#[utoipa::path(post, path = "/sift/reveals/{id}/decision", tag = "sift", request_body = Decision,
    params(("id" = String, Path)), responses((status = 200, body = RevealOut), (status = 404), (status = 422)))]
async fn decide(
    State(house): State<Arc<House>>,
    caller: Caller,
    Of(id): Of<String>,
    body: Body<Decision>,
) -> Answer {
    Ok(Json(decide_on(&house, &caller.ctx, id, body.value.allow).await?).into_response())
}

/// Allows or refuses; never the person who asked.
pub(super) async fn decide_on(
    house: &Arc<House>,
    ctx: &Ctx,
    id: String,
    allow: bool,
) -> Answer<RevealOut> {
    house.authoriser.check(ctx, Action::SiftLaw, On::default())?;
    let reveal = need(house, &id).await?;
    let person = ctx.person.as_str();
    let is_decided = reveal.allowed.is_some();
    refuse_first(&may_allow(ctx.hat, person, &reveal.asked(), is_decided))?;
    let change = Change::office("sift.decide", &id)
        .payload(json!({ "allow": allow, "pseudonym": reveal.pseudonym, "case": reveal.case }))
        .write(Write::one(
            "UPDATE sift_reveal SET decided_by = $2, decided_at = $3, allowed = $4 WHERE id = $1 AND decided_at IS NULL \
             AND asked_by <> $2",
            vec![
                Value::from(&id),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(allow),
            ],
        ));
    let done = house.door.commit(ctx, change).await?;
    Ok(RevealOut { id, position: done.position })
}

/// What a pseudonym stands for.
#[derive(Serialize, ToSchema)]
struct ValueOut {
    /// The value.
    value: String,
}

/// Hands out what was allowed: once, to the person who asked. The log has it before the answer is given.
#[utoipa::path(post, path = "/sift/reveals/{id}/read", tag = "sift", params(("id" = String, Path)),
    responses((status = 200, body = ValueOut), (status = 404), (status = 409)))]
async fn read(State(house): State<Arc<House>>, caller: Caller, Of(id): Of<String>) -> Answer {
    let value = read_once(&house, &caller.ctx, id).await?;
    Ok(Json(ValueOut { value }).into_response())
}

/// What was allowed, once, to the person who asked.
pub(super) async fn read_once(house: &Arc<House>, ctx: &Ctx, id: String) -> Answer<String> {
    house.authoriser.check(ctx, Action::SiftPseudonym, On::default())?;
    let reveal = need(house, &id).await?;
    if reveal.asked_by != ctx.person.as_str() || reveal.allowed != Some(true) {
        return Err(Refusal::absent().into());
    }
    let conflict = |code| Refusal::new(code, StatusCode::CONFLICT);
    if reveal.is_read {
        return Err(conflict("NRS-SIFT-0508").into());
    }
    let value = value_of(house, &reveal).ok_or_else(|| conflict("NRS-SIFT-0504"))?;
    let change = Change::office("sift.reveal", &id)
        .payload(json!({ "pseudonym": reveal.pseudonym, "case": reveal.case }))
        .write(Write::one(
            "UPDATE sift_reveal SET read_at = $2 WHERE id = $1 AND read_at IS NULL AND allowed = 1",
            vec![Value::from(&id), Value::from(ctx.now)],
        ));
    house.door.commit(ctx, change).await?;
    Ok(value)
}

/// None where the key is gone.
fn value_of(house: &House, reveal: &Reveal) -> Option<String> {
    let pseudonym: Pseudonym = reveal.pseudonym.parse().ok()?;
    let path = key_path(&house.dir, pseudonym.purpose(), pseudonym.epoch());
    if !reveal.is_key_there || !std::fs::exists(&path).ok()? {
        return None;
    }
    unseal(&load_or_make_seed(&path).ok()?, &reveal.pseudonym, &reveal.sealed)
}

/// A purpose and an epoch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Epoch {
    /// The purpose.
    pub(super) purpose: String,
    /// The epoch.
    pub(super) epoch: String,
}

/// Destroys the key of an epoch. Nothing under it can be turned back or joined any more.
#[utoipa::path(post, path = "/sift/epochs/destroy", tag = "sift", request_body = Epoch,
    responses((status = 200, body = RevealOut), (status = 404)))]
async fn destroy(State(house): State<Arc<House>>, caller: Caller, body: Body<Epoch>) -> Answer {
    Ok(Json(end(&house, &caller.ctx, body.value).await?).into_response())
}

/// Destroys a key for good.
pub(super) async fn end(house: &Arc<House>, ctx: &Ctx, asked: Epoch) -> Answer<RevealOut> {
    house.authoriser.check(ctx, Action::SiftLaw, On::default())?;
    let Epoch { purpose, epoch } = asked;
    PseudonymKey::new(&purpose, &epoch, [0; 32]).map(drop).map_err(|_| Refusal::absent())?;
    let (asked, of) = (purpose.clone(), epoch.clone());
    let state = house.store.read(move |reader| epoch_state(reader, &asked, &of)).await?;
    state.ok_or_else(Refusal::absent)?;
    let done = end_epoch(house, ctx, &purpose, &epoch).await?;
    // After the log says so; should the machine stop in between, asking again removes the file.
    let path = key_path(&house.dir, &purpose, &epoch);
    match std::fs::remove_file(&path) {
        Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => {
            return Err(broken(problem));
        }
        _ => {}
    }
    Ok(done)
}

/// A re-identification for people: never what it is about.
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) pseudonym: String,
    pub(super) purpose: String,
    pub(super) case: String,
    pub(super) asked_by: String,
    pub(super) asked_by_name: String,
    pub(super) asked_at: Timestamp,
    pub(super) allowed: Option<bool>,
    pub(super) is_read: bool,
}

/// The last re-identifications, newest first.
pub(super) fn listed(reader: &Reader<'_>, limit: u32) -> Result<Vec<Listed>, StoreFailure> {
    reader.all(
        "SELECT r.id, r.pseudonym, r.purpose, r.case_name, r.asked_by, COALESCE(p.name, r.asked_by), r.asked_at, \
         r.decided_at, COALESCE(r.allowed, 0), r.read_at FROM sift_reveal r \
         LEFT JOIN office_person p ON p.person = r.asked_by ORDER BY r.asked_at DESC, r.id LIMIT $1",
        &[Value::Int(i64::from(limit))],
        |row| {
            let is_allowed = row.count(8)? == 1;
            Ok(Listed {
                id: row.text(0)?,
                pseudonym: row.text(1)?,
                purpose: row.text(2)?,
                case: row.text(3)?,
                asked_by: row.text(4)?,
                asked_by_name: row.text(5)?,
                asked_at: row.time(6)?,
                allowed: row.text_or_none(7)?.map(|_| is_allowed),
                is_read: row.text_or_none(9)?.is_some(),
            })
        },
    )
}

/// An epoch, and when its key was destroyed.
pub(super) struct EpochLine {
    pub(super) purpose: String,
    pub(super) epoch: String,
    pub(super) destroyed_at: Option<Timestamp>,
}

/// All epochs.
pub(super) fn epochs(reader: &Reader<'_>) -> Result<Vec<EpochLine>, StoreFailure> {
    reader.all(
        "SELECT purpose, epoch, destroyed_at FROM sift_epoch ORDER BY purpose, epoch",
        &[],
        |row| {
            Ok(EpochLine {
                purpose: row.text(0)?,
                epoch: row.text(1)?,
                destroyed_at: row.time_or_none(2)?,
            })
        },
    )
}

async fn end_epoch(house: &House, ctx: &Ctx, purpose: &str, epoch: &str) -> Answer<RevealOut> {
    let id = format!("{purpose}.{epoch}");
    let change = Change::office("sift.destroy", &id).write(Write::one(
        "UPDATE sift_epoch SET destroyed_at = COALESCE(destroyed_at, $3) WHERE purpose = $1 AND epoch = $2",
        vec![Value::from(purpose), Value::from(epoch), Value::from(ctx.now)],
    ));
    let done = house.door.commit(ctx, change).await?;
    Ok(RevealOut { id, position: done.position })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_its_key_beside_its_pseudonym_only() {
        let sealed = seal(&[1; 32], "pseudonym-1", "taro@example.jp").unwrap();
        assert!(!sealed.contains("taro"));
        assert_eq!(unseal(&[1; 32], "pseudonym-1", &sealed).as_deref(), Some("taro@example.jp"));
        assert_eq!(unseal(&[2; 32], "pseudonym-1", &sealed), None);
        assert_eq!(unseal(&[1; 32], "pseudonym-2", &sealed), None);
        assert_ne!(seal(&[1; 32], "pseudonym-1", "taro@example.jp").unwrap(), sealed);
    }
}
