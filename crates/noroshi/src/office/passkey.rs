//! Passkeys (WebAuthn Level 3): registered on the profile page, then enough to sign in.
//!
//! The state of a ceremony stays here, in memory, under its challenge, for a few minutes, and is taken out when it
//! is answered: a replayed answer finds nothing. What the browser says its origin is must be this house's own.
//! An authenticator whose counter does not grow may be a copy; it is refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha512};
use webauthn_rp::bin::{Decode as _, Encode as _};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    Nickname, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle64,
    Username,
};
use webauthn_rp::request::{AsciiDomain, PublicKeyCredentialDescriptor, RpId, TimedCeremony as _};
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication64, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration,
    RegistrationServerState,
};

use super::commit::{Change, Write};
use super::entry::{self, LABEL_CHARS_MAX};
use super::id::PersonId;
use super::people;
use super::read;
use super::secret::Secret;
use super::store::{Reader, StoreFailure, Value};
use crate::house::House;
use crate::web::page::local_path;
use crate::web::refusal::{Answer, Failure, Refusal, chain};
use crate::web::visitor::{Posted, PostedByStranger, SESSION_COOKIE, Stranger, cookie};

/// Ceremonies of one kind under way at once; beyond it the oldest is forgotten.
const CEREMONIES_MAX: usize = 16_384;
/// How long a ceremony may take. The browser is told five minutes by the library's default; this is the same.
const CEREMONY_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Passkeys one person may have.
const PASSKEYS_MAX: usize = 20;

type Key = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// One kind of ceremony, by challenge.
struct Pending<T>(Mutex<BTreeMap<u128, (Timestamp, T)>>);

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<T> Pending<T> {
    fn keep(&self, challenge: u128, state: T, now: Timestamp) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() >= CEREMONIES_MAX {
            pending.retain(|_, (began, _)| *began + CEREMONY_LIFE > now);
        }
        if pending.len() >= CEREMONIES_MAX {
            let oldest = pending.iter().min_by_key(|(_, (began, _))| *began).map(|(key, _)| *key);
            oldest.and_then(|oldest| pending.remove(&oldest));
        }
        pending.insert(challenge, (now, state));
    }

    fn take(&self, challenge: u128, now: Timestamp) -> Option<T> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&challenge);
        taken.filter(|(began, _)| *began + CEREMONY_LIFE > now).map(|(_, state)| state)
    }
}

/// Ceremonies under way.
#[derive(Default)]
pub struct Ceremonies {
    registering: Pending<(PersonId, RegistrationServerState<64>)>,
    signing: Pending<DiscoverableAuthenticationServerState>,
}

/// Routes of the ceremonies; the script of the page calls them.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/profile/passkeys/begin", post(begin_registering))
        .route("/profile/passkeys", post(finish_registering))
        .route("/profile/passkeys/remove", post(remove))
        .route("/login/passkey/begin", post(begin_signing))
        .route("/login/passkey", post(finish_signing))
}

/// The name passkeys are bound to; `None` when this house is reached by a bare address, which WebAuthn excludes.
fn relying_party(house: &House) -> Option<RpId> {
    let origin = house.config.origin();
    let (scheme, place) = origin.split_once("://")?;
    let host = place.split(['/', ':']).next()?;
    let secure = scheme == "https" || host == "localhost" || host.ends_with(".localhost");
    let named = !place.starts_with('[') && host.parse::<std::net::Ipv4Addr>().is_err();
    if secure && named {
        AsciiDomain::try_from(host.to_owned()).ok().map(RpId::Domain)
    } else {
        None
    }
}

/// Whether passkeys can be used at this address.
pub fn offered(house: &House) -> bool {
    relying_party(house).is_some()
}

/// What the browser must name as its origin. Without a configured one it is the loopback, on the port asked for.
fn origin(house: &House, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let local = host == "localhost" || host.starts_with("localhost:");
    if house.config.web.origin.is_empty() && local {
        format!("http://{host}")
    } else {
        house.config.origin()
    }
}

fn refused(why: &dyn std::error::Error) -> Failure {
    tracing::info!(why = chain(why), "a passkey was refused");
    Refusal::new("NRS-OFFC-0023", StatusCode::FORBIDDEN).into()
}

fn unknown(why: &'static str) -> Failure {
    tracing::info!(why, "a passkey was refused");
    Refusal::new("NRS-OFFC-0023", StatusCode::FORBIDDEN).into()
}

fn need_party(house: &House) -> Answer<RpId> {
    relying_party(house).ok_or_else(|| Refusal::new("NRS-OFFC-0025", StatusCode::CONFLICT).into())
}

/// The handle authenticators keep: the same for all passkeys of a person, and it names nobody.
fn handle(person: &PersonId) -> UserHandle64 {
    let digest =
        Sha512::new().chain_update("noroshi passkey\0").chain_update(person.as_str()).finalize();
    let Ok(handle) = UserHandle64::decode(digest.into());
    handle
}

async fn begin_registering(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let party = need_party(&house)?;
    let person = posted.visitor.ctx.person.clone();
    let asked = person.clone();
    let known = house.store.read(move |reader| read::passkeys(reader, &asked)).await?;
    if known.len() >= PASSKEYS_MAX {
        return Err(Refusal::new("NRS-OFFC-0026", StatusCode::CONFLICT)
            .arg("max", PASSKEYS_MAX)
            .into());
    }
    let known = known
        .iter()
        .filter_map(|row| {
            let id = CredentialId::<Vec<u8>>::decode(URL_SAFE_NO_PAD.decode(&row.credential).ok()?)
                .ok()?;
            Some(PublicKeyCredentialDescriptor { id, transports: AuthTransports::decode(0).ok()? })
        })
        .collect();
    let session = &posted.visitor.session;
    let id = handle(&person);
    let name = Username::try_from(session.login.as_str()).map_err(|problem| refused(&problem))?;
    // A name outside the profile for nicknames (RFC 8266) is left to the login alone.
    let display_name = Nickname::try_from(session.name.as_str()).ok();
    let user = PublicKeyCredentialUserEntity { name, id: &id, display_name };
    let (server, client) = PublicKeyCredentialCreationOptions::passkey(&party, user, known)
        .start_ceremony()
        .map_err(|problem| refused(&problem))?;
    let challenge = server.sent_challenge().0;
    house.passkeys.registering.keep(challenge, (person, server), house.clock.now());
    Ok(Json(client).into_response())
}

async fn finish_registering(
    State(house): State<Arc<House>>,
    headers: HeaderMap,
    posted: Posted,
) -> Answer {
    let party = need_party(&house)?;
    let visitor = &posted.visitor;
    let label = posted.values.get("passkey").chars().take(LABEL_CHARS_MAX).collect::<String>();
    let label = if label.is_empty() { visitor.session.login.clone() } else { label };
    let answer = Registration::from_json_relaxed(posted.values.get("credential").as_bytes())
        .map_err(|problem| refused(&problem))?;
    let challenge = answer.challenge_relaxed().map_err(|problem| refused(&problem))?.0;
    let now = house.clock.now();
    let pending = house.passkeys.registering.take(challenge, now);
    let Some((person, server)) = pending else { return Err(unknown("no such ceremony")) };
    if person != visitor.ctx.person {
        return Err(unknown("another person's ceremony"));
    }
    let origins = [origin(&house, &headers)];
    let options = RegistrationVerificationOptions::<String, String> {
        allowed_origins: &origins,
        error_on_unsolicited_extensions: false,
        ..RegistrationVerificationOptions::default()
    };
    let made = server.verify(&party, &answer, &options).map_err(|problem| refused(&problem))?;
    let fixed =
        made.static_state().encode().map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let Ok(moving) = made.dynamic_state().encode();
    let credential = URL_SAFE_NO_PAD.encode(made.id().as_ref());
    let change = Change::office("passkey.add", person.as_str()).write(Write::one(
        "INSERT INTO office_passkey (credential, person, label, user_handle, static_state, dynamic_state, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vec![
            Value::from(credential),
            Value::from(&person),
            Value::from(label),
            Value::Blob(handle(&person).as_ref().to_vec()),
            Value::Blob(fixed),
            Value::Blob(moving.to_vec()),
            Value::from(now),
        ],
    ));
    house.door.commit(&visitor.ctx, change).await?;
    Ok(Redirect::to("/profile?done=passkey").into_response())
}

async fn remove(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let ctx = &posted.visitor.ctx;
    let (credential, person) = (posted.values.get("credential").to_owned(), ctx.person.clone());
    // Somebody without a password keeps the last passkey: else he would be locked out.
    let left = house
        .store
        .read(move |reader| {
            Ok((read::person(reader, &person)?, read::passkeys(reader, &person)?.len()))
        })
        .await?;
    if matches!(left, (Some(row), 0 | 1) if !row.has_password) {
        return Err(Refusal::new("NRS-OFFC-0027", StatusCode::CONFLICT).into());
    }
    let change = Change::office("passkey.remove", ctx.person.as_str()).write(Write::one(
        "DELETE FROM office_passkey WHERE credential = $1 AND person = $2",
        vec![Value::from(credential), Value::from(&ctx.person)],
    ));
    house.door.commit(ctx, change).await?;
    Ok(Redirect::to("/profile?done=passkey").into_response())
}

async fn begin_signing(State(house): State<Arc<House>>, _posted: PostedByStranger) -> Answer {
    let party = need_party(&house)?;
    let (server, client) = DiscoverableCredentialRequestOptions::passkey(&party)
        .start_ceremony()
        .map_err(|problem| refused(&problem))?;
    house.passkeys.signing.keep(server.sent_challenge().0, server, house.clock.now());
    Ok(Json(client).into_response())
}

async fn finish_signing(
    State(house): State<Arc<House>>,
    stranger: Stranger,
    headers: HeaderMap,
    posted: PostedByStranger,
) -> Answer {
    let values = posted.values;
    match sign_in(&house, &headers, values.get("credential")).await {
        Ok(secret) => Ok(session(&house, &secret, &local_path(values.get("next")))),
        Err(Failure::Refused(refusal)) => {
            super::pages::refused_sign_in(&house, &stranger, &values, &refusal)
        }
        Err(failure) => Err(failure),
    }
}

fn session(house: &House, secret: &Secret, to: &str) -> Response {
    super::pages::with_session(house, Some(secret), to)
}

/// What is kept of a passkey.
struct Kept {
    person: PersonId,
    fixed: Vec<u8>,
    moving: Vec<u8>,
}

fn find(reader: &Reader<'_>, credential: &str) -> Result<Option<Kept>, StoreFailure> {
    reader.first(
        "SELECT k.person, k.static_state, k.dynamic_state FROM office_passkey k \
         JOIN office_person p ON p.person = k.person WHERE k.credential = $1 AND p.disabled_at IS NULL",
        &[Value::from(credential)],
        |row| Ok(Kept { person: people::person_at(row, 0)?, fixed: row.blob(1)?, moving: row.blob(2)? }),
    )
}

async fn sign_in(house: &Arc<House>, headers: &HeaderMap, answer: &str) -> Answer<Secret> {
    let party = need_party(house)?;
    let answer = DiscoverableAuthentication64::from_json_relaxed(answer.as_bytes())
        .map_err(|problem| refused(&problem))?;
    let challenge = answer.challenge_relaxed().map_err(|problem| refused(&problem))?.0;
    let pending = house.passkeys.signing.take(challenge, house.clock.now());
    let Some(server) = pending else { return Err(unknown("no such ceremony")) };
    let credential = URL_SAFE_NO_PAD.encode(answer.raw_id().as_ref());
    let asked = credential.clone();
    let kept = house.store.read(move |reader| find(reader, &asked)).await?;
    let Some(kept) = kept else { return Err(unknown("no such credential")) };
    let damaged = || Failure::from(StoreFailure::Damaged("a passkey".to_owned()));
    let fixed = StaticState::<Key>::decode(kept.fixed.as_slice()).map_err(|_| damaged())?;
    let before: [u8; 7] = kept.moving.clone().try_into().map_err(|_| damaged())?;
    let moving = DynamicState::decode(before).map_err(|_| damaged())?;
    let id = handle(&kept.person);
    let mut known = AuthenticatedCredential::new(answer.raw_id(), &id, fixed, moving)
        .map_err(|problem| refused(&problem))?;
    let origins = [origin(house, headers)];
    let options = AuthenticationVerificationOptions::<String, String> {
        allowed_origins: &origins,
        error_on_unsolicited_extensions: false,
        ..AuthenticationVerificationOptions::default()
    };
    server.verify(&party, &answer, &mut known, &options).map_err(|problem| refused(&problem))?;
    let Ok(after) = known.dynamic_state().encode();
    // The state before guards against two answers of one authenticator at the same time.
    let proof = Write::one(
        "UPDATE office_passkey SET dynamic_state = $3 WHERE credential = $1 AND dynamic_state = $2",
        vec![Value::from(credential), Value::Blob(kept.moving), Value::Blob(after.to_vec())],
    );
    entry::open_session(house, &kept.person, cookie(headers, SESSION_COOKIE), vec![proof]).await
}

/// Whether somebody of this page may add a passkey here.
pub(super) fn can_add(house: &House, held: usize) -> bool {
    offered(house) && held < PASSKEYS_MAX
}
