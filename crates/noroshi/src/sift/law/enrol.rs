//! How a sensor and the platform come to know each other.
//!
//! The operator's officer offers a place for one sensor and gets a token that works once. The sensor makes its key, and
//! hands in the public half with the token and a signature that shows it has the other. It receives its name, a token for
//! its requests, and the platform's signature over both, its own key and the offer ([`answer`]). The token of the offer
//! names the platform's key, so that whoever answers in the platform's place, or puts a key of their own in that of the
//! sensor's, is noticed; from then on each side verifies what the other signed.
//!
//! An answer that was lost is no loss: the same key under the same offer gets another token, and the one before is void.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_sift::mode::SensorId;
use noroshi_sift::signature::{PublicKey, Signature};
use serde::Deserialize;
use serde_json::json;

use super::act::{broken, conflict};
use super::{load_key, read};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::entry;
use crate::office::id::{OrgId, PersonId};
use crate::office::people::{self, HeldHat};
use crate::office::secret::{Secret, digest};
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Caller, Proof};

/// How long an offer can be used.
pub const OFFER_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How long the token of a sensor lives.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// How long before its end the token of a sensor is renewed.
pub const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(24 * 90);
/// How long the token before holds beside the new one, for what is under way and for a sensor that lost the answer.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How far the clock of a sensor that asks for a token may differ from ours.
const CLOCKS_DIFFER_MAX: SignedDuration = SignedDuration::from_mins(10);
/// The form of what a sensor signs when it asks for its next token.
pub const RENEWAL_FORM: &str = "noroshi-renewal/1";
/// The form of what a sensor signs when it enrols.
pub const FORM: &str = "noroshi-enrolment/1";
/// The form of what the platform signs when it has enrolled a sensor.
pub const ANSWER_FORM: &str = "noroshi-enrolled/1";

/// What the officer hands to whoever installs the sensor.
pub struct Offer {
    /// Works once: `SECRET.KEY`, the key being the platform's.
    pub token: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// Index of its leaf.
    pub position: u64,
}

/// Offers a place for one sensor of one's own organisation.
pub async fn offer(house: &Arc<House>, ctx: &Ctx, sensor: &str) -> Answer<Offer> {
    let on = On { owner: Some(&ctx.org), ..On::default() };
    house.authoriser.check(ctx, Action::SiftEnrol, on)?;
    let name: SensorId = sensor
        .parse()
        .map_err(|_| Refusal::new("NRS-SIFT-0412", StatusCode::UNPROCESSABLE_ENTITY))?;
    let (org, asked) = (ctx.org.clone(), sensor.to_owned());
    // Who goes on with a chain that somebody began without a key would vouch for it.
    let is_taken = house.store.read(move |reader| {
        Ok(read::sensor(reader, &org, &asked)?.is_some()
            || super::super::read::chain(reader, &org, &asked)?.is_some())
    });
    if is_taken.await? {
        return Err(Refusal::new("NRS-SIFT-0421", StatusCode::CONFLICT).into());
    }
    let platform = load_key(&house.dir).map_err(broken)?.public();
    let secret = Secret::fresh("nrs_enrol_");
    let expires_at = ctx.now + OFFER_LIFE;
    let change = Change::office("sift.offer", name.to_string())
        .write(Write::new(
            "DELETE FROM sift_enrolment WHERE org = $1 AND sensor = $2 AND used_at IS NULL",
            vec![Value::from(&ctx.org), Value::from(sensor)],
        ))
        .write(Write::one(
            "INSERT INTO sift_enrolment (digest, org, sensor, offered_by, offered_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                Value::from(secret.digest()),
                Value::from(&ctx.org),
                Value::from(sensor),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(expires_at),
            ],
        ));
    let done = house.door.commit(ctx, change).await?;
    Ok(Offer {
        token: format!("{}.{platform}", secret.reveal()),
        expires_at,
        position: done.position,
    })
}

/// What a sensor hands in.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrolling {
    /// The secret of the offer.
    pub token: String,
    /// Its public key.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// Its signature over [`statement`].
    #[schema(value_type = Object)]
    pub signature: Signature,
}

/// What is signed to show that a key is one's own: the digest of the secret, so that it fits this offer only.
pub fn statement(token: &str, key: &PublicKey) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(&json!({ "key": key, "offer": digest(token) }))
}

/// What the platform signs: whom it enrolled under which offer, and which token it gave.
pub fn answer(
    offer: &str,
    key: &PublicKey,
    (org, sensor): (&str, &str),
    token: &str,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(&json!({
        "key": key, "offer": digest(offer), "org": org, "sensor": sensor, "token": digest(token),
    }))
}

/// What the sensor gets.
pub struct Enrolled {
    /// Its name.
    pub sensor: String,
    /// Its organisation.
    pub org: String,
    /// The token of its requests.
    pub token: Secret,
    /// The platform's key.
    pub platform_key: PublicKey,
    /// Its signature over [`answer`].
    pub signature: Signature,
    /// Index of its leaf.
    pub position: u64,
}

fn no_offer() -> Failure {
    Refusal::new("NRS-SIFT-0420", StatusCode::FORBIDDEN).into()
}

/// Enrols a sensor under an offer: once, or again with the same key where the answer was lost.
pub async fn enrol(house: &Arc<House>, new: &Enrolling) -> Answer<Enrolled> {
    let now = house.clock.now();
    let offered = digest(&new.token);
    let (asked, key) = (offered.clone(), new.key);
    let found = house.store.read(move |reader| {
        let Some(offer) = read::offer(reader, &asked, now)? else { return Ok(None) };
        let before = match (offer.is_used, OrgId::parse(&offer.org)) {
            (true, Some(org)) => read::sensor(reader, &org, &offer.sensor)?,
            _ => None,
        };
        Ok(Some((offer, before.filter(|before| before.key == key))))
    });
    let Some((offer, before)) = found.await? else { return Err(no_offer()) };
    if offer.is_used && before.is_none() {
        return Err(no_offer());
    }
    let read::Offered { org: org_text, sensor, .. } = offer;
    let statement = statement(&new.token, &new.key).map_err(broken)?;
    if new.signature.key != new.key || !new.signature.holds(FORM, &statement) {
        return Err(Refusal::new("NRS-SIFT-0422", StatusCode::UNPROCESSABLE_ENTITY).into());
    }
    let org = OrgId::parse(&org_text).ok_or_else(no_offer)?;
    let whose = org.clone();
    let org_row = house.store.read(move |reader| people::find_org(reader, &whose)).await?;
    let Some(org_row) = org_row else { return Err(no_offer()) };
    let person = match &before {
        Some(before) => PersonId::parse(&before.person).ok_or_else(no_offer)?,
        None => PersonId::fresh(now),
    };
    let held = HeldHat { hat: Hat::OperatorSensor, org: org_row };
    let ctx = entry::own_ctx(&person, &held, now, Via::Job);
    let expires_at = now + TOKEN_LIFE;
    let (token, secret) =
        people::new_token(&person, (&org, Hat::OperatorSensor), "enrolment", now, expires_at);
    let platform = load_key(&house.dir).map_err(broken)?;
    let words = answer(&new.token, &new.key, (&org_text, &sensor), secret.reveal());
    let signature = platform.sign(ANSWER_FORM, &words.map_err(broken)?);
    let platform_key = platform.public();
    if before.is_some() {
        // The token that was lost is void.
        let change = Change::office("sift.enrol", new.key.to_string())
            .payload(json!({ "sensor": sensor, "org": org, "again": true }))
            .write(Write::new(
                "DELETE FROM office_token WHERE person = $1 AND label = 'enrolment'",
                vec![Value::from(&person)],
            ))
            .write(token);
        let position = house.door.commit(&ctx, change).await?.position;
        let org = org_text;
        return Ok(Enrolled { sensor, org, token: secret, platform_key, signature, position });
    }
    // A login that nobody can type: sensors prove themselves by token and key.
    let login = format!("sensor-{}", person.as_str().trim_start_matches("person-"));
    let login: String = login.chars().take(40).collect();
    let change = Change::office("sift.enrol", new.key.to_string())
        .payload(json!({ "sensor": sensor, "org": org }))
        .write(Write::one(
            "UPDATE sift_enrolment SET used_at = $2 WHERE digest = $1 AND used_at IS NULL AND expires_at > $2",
            vec![Value::from(&offered), Value::from(now)],
        ))
        .write(people::insert_person(&person, &login, &sensor, None, now))
        .write(people::insert_hat(&person, &org, Hat::OperatorSensor))
        .write(token)
        .write(Write::one(
            "INSERT INTO sift_key (org, sensor, key, person, enrolled_at) SELECT $1, $2, $3, $4, $5 \
             WHERE NOT EXISTS (SELECT 1 FROM sift_key WHERE key = $3 OR (org = $1 AND sensor = $2))",
            vec![
                Value::from(&org),
                Value::from(&sensor),
                Value::from(new.key.to_string()),
                Value::from(&person),
                Value::from(now),
            ],
        ));
    let done = house.door.commit(&ctx, change).await;
    let done = done.map_err(|problem| conflict(problem, "NRS-SIFT-0421"))?;
    let (org, position) = (org_text, done.position);
    Ok(Enrolled { sensor, org, token: secret, platform_key, signature, position })
}

/// What a sensor hands in for its next token.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewing {
    /// When it asks.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Its signature over [`renewal`].
    #[schema(value_type = Object)]
    pub signature: Signature,
}

/// What is signed for the next token: the digest of the one that it follows, and when. So it fits that token and that moment
/// only.
pub fn renewal(token: &str, at: Timestamp) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(&json!({ "follows": digest(token), "at": at }))
}

/// A token renewed.
pub struct Renewed {
    /// The token of its requests.
    pub token: Secret,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// Until when the one before does.
    pub before_until: Timestamp,
    /// Index of its leaf.
    pub position: u64,
}

/// Gives a sensor its next token. A token that was revoked or has ended asks for nothing any more, and neither does one
/// without the key; so whoever takes a sensor out revokes its token, and that is the end of it.
pub async fn renew(house: &Arc<House>, caller: &Caller, new: &Renewing) -> Answer<Renewed> {
    let ctx = &caller.ctx;
    let on = On { owner: Some(&ctx.org), ..On::default() };
    house.authoriser.check(ctx, Action::SiftSubmit, on)?;
    let not_its_own = || Refusal::new("NRS-SIFT-0422", StatusCode::UNPROCESSABLE_ENTITY);
    let Proof::Token(before) = caller.proof.clone() else { return Err(not_its_own().into()) };
    let (person, asked) = (ctx.person.clone(), before.clone());
    let (sensor, until) = house
        .store
        .read(move |reader| {
            Ok((read::sensor_of(reader, &person)?, read::token_until(reader, &asked)?))
        })
        .await?;
    // An answer that got lost may be asked for again with the same token, within the overlap.
    let Some((sensor, until)) = sensor.zip(until) else { return Err(not_its_own().into()) };
    let statement = serde_json_canonicalizer::to_vec(&json!({ "follows": before, "at": new.at }))
        .map_err(broken)?;
    let is_now = new.at.duration_since(ctx.now).abs() <= CLOCKS_DIFFER_MAX;
    let is_signed =
        new.signature.key == sensor.key && new.signature.holds(RENEWAL_FORM, &statement);
    if !is_now || !is_signed {
        return Err(not_its_own().into());
    }
    if until.duration_since(ctx.now) > RENEW_BEFORE {
        return Err(Refusal::new("NRS-SIFT-0423", StatusCode::CONFLICT).arg("until", until).into());
    }
    let expires_at = ctx.now + TOKEN_LIFE;
    let before_until = until.min(ctx.now + OVERLAP);
    let held = (&ctx.org, Hat::OperatorSensor);
    let (write, token) = people::new_token(&ctx.person, held, "renewal", ctx.now, expires_at);
    let change = Change::office("sift.renew", sensor.key.to_string())
        .payload(json!({ "sensor": sensor.sensor, "expires_at": expires_at }))
        .write(Write::one(
            "UPDATE office_token SET expires_at = $2 WHERE digest = $1 AND revoked_at IS NULL AND expires_at > $3",
            vec![Value::from(&before), Value::from(before_until), Value::from(ctx.now)],
        ))
        // What an earlier answer that got lost had made ends here: one token goes on.
        .write(Write::new(
            "UPDATE office_token SET revoked_at = $3 WHERE person = $1 AND digest <> $2 AND label = 'renewal' \
             AND revoked_at IS NULL",
            vec![Value::from(&ctx.person), Value::from(&before), Value::from(ctx.now)],
        ))
        .write(write);
    let done = house.door.commit(ctx, change).await?;
    Ok(Renewed { token, expires_at, before_until, position: done.position })
}
