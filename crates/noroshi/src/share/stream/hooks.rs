//! Webhooks: the change stream, carried to an address and signed. Level-triggered: a loop looks at what each hook has
//! not been sent yet, and a batch is sent again until it is answered with 2xx.
//!
//! The secret that signs lies in a file of its own beside the house's keys; the row only says that there is one.

use std::collections::{BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use hmac::{Hmac, Mac as _};
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_charter::release::Audience;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use super::api::{key, lines, reach, too_far};
use super::cursor::{Marker, Place};
use super::read::{self, Found, Part, Span, Wish};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId, fresh_uuid};
use crate::office::people;
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::share::act::{Door, Made};
use crate::share::handed::{self, Handing};
use crate::share::peer::jobs::backoff;
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Caller, Proof};

/// Longest address, in bytes.
const URL_BYTES_MAX: usize = 500;
/// Webhooks one organisation may have.
const HOOKS_MAX: usize = 8;
/// Types one webhook may name.
const TYPES_MAX: usize = 64;
/// Webhooks carried side by side.
const ABREAST_MAX: usize = 16;
/// How long an address may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// The table is looked at this often even when nothing changed.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// A webhook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its identifier.
    pub hook: String,
    /// Whose it is.
    pub org: OrgId,
    /// Where it sends.
    pub url: String,
    /// STIX types; all when empty.
    pub types: Vec<String>,
    /// `on`, `behind` or `ended`.
    pub state: String,
    /// How far it got.
    cursor: String,
    /// What it was sent last and has not answered.
    batch: Option<Batch>,
    /// Grows with each change.
    version: i64,
    /// Who made it: person and hat.
    by: (String, String),
    /// By what it proved who it is; absent for webhooks made before that was kept.
    proof: Option<Proof>,
    /// Objects sent.
    pub sent: u64,
    /// Failures in a row.
    pub failures: i64,
    /// The last failure.
    pub error: Option<String>,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
}

/// A batch that was sent, or is about to be: it keeps its name and its end until it is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Batch {
    /// Its `webhook-id`.
    id: String,
    /// Label of the audience it is of.
    audience: String,
    /// Up to where that stream had been read before it.
    after: i64,
    /// The places of what was in it.
    added: BTreeSet<i64>,
    /// The place after it, sealed.
    end: String,
}

const COLUMNS: &str = "hook, org, url, types, state, cursor, version, person, hat, sent, failures, error, due_at, proof, \
     batch";

fn hook_at(row: &Row<'_, '_>) -> Result<Hook, StoreFailure> {
    let org = row.text(1)?;
    Ok(Hook {
        hook: row.text(0)?,
        org: OrgId::parse(&org)
            .ok_or_else(|| StoreFailure::Damaged(format!("`{org}` is no organisation")))?,
        url: row.text(2)?,
        types: row.json(3)?,
        state: row.text(4)?,
        cursor: row.text(5)?,
        version: row.int(6)?,
        by: (row.text(7)?, row.text(8)?),
        sent: row.count(9)?,
        failures: row.int(10)?,
        error: row.text_or_none(11)?,
        due_at: row.time_or_none(12)?,
        proof: row.text_or_none(13)?.as_deref().and_then(Proof::parse),
        batch: row.text_or_none(14)?.map(|_| row.json(14)).transpose()?,
    })
}

/// The webhooks of an organisation, newest first.
pub fn of(reader: &Reader<'_>, org: &OrgId) -> Result<Vec<Hook>, StoreFailure> {
    let sql = format!("SELECT {COLUMNS} FROM share_hook WHERE org = $1 ORDER BY hook DESC");
    reader.all(&sql, &[Value::from(org)], hook_at)
}

/// The webhooks of an organisation that somebody sees under a hat: those who represent it in the council or as a supplier
/// see their own.
pub fn seen_under(reader: &Reader<'_>, org: &OrgId, hat: Hat) -> Result<Vec<Hook>, StoreFailure> {
    let mut hooks = of(reader, org)?;
    if matches!(hat, Hat::CouncilMember | Hat::SupplierOfficer) {
        hooks.retain(|hook| hook.by.1 == hat.id());
    }
    Ok(hooks)
}

fn one(reader: &Reader<'_>, hook: &str) -> Result<Option<Hook>, StoreFailure> {
    let sql = format!("SELECT {COLUMNS} FROM share_hook WHERE hook = $1");
    reader.first(&sql, &[Value::from(hook)], hook_at)
}

fn due(reader: &Reader<'_>, now: Timestamp) -> Result<Vec<Hook>, StoreFailure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM share_hook WHERE state = 'on' AND (due_at IS NULL OR due_at <= $1) ORDER BY hook"
    );
    reader.all(&sql, &[Value::from(now)], hook_at)
}

fn refuse(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).into()
}

/// Whether the operator of this office allows sending there. A prefix ends at a part of the address, so that
/// `https://a.example` does not allow `https://a.example.evil.example`.
fn allowed(house: &House, url: &str) -> bool {
    house.config.stream.hooks.iter().any(|prefix| {
        let prefix = prefix.trim_end_matches('/');
        let named = prefix.split_once("://").is_some_and(|(_, host)| !host.is_empty());
        let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
        // Nothing that climbs out of the prefix again.
        let climbs = url.contains("..") || url.to_ascii_lowercase().contains("%2e");
        named && !climbs && url.strip_prefix(prefix).is_some_and(below)
    })
}

fn secret_path(house: &House, hook: &str) -> std::path::PathBuf {
    house.dir.join("keys").join("hooks").join(format!("{hook}.key"))
}

fn secret(house: &House, hook: &str) -> Result<[u8; 32], Failure> {
    crate::office::log::load_or_make_seed(&secret_path(house, hook))
        .map_err(|problem| Failure::Broken(Box::new(problem)))
}

/// A webhook that is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Where to send.
    pub url: String,
    /// STIX types; all when empty.
    pub types: Vec<String>,
    /// The webhook whose place it takes over.
    pub takes_over: Option<String>,
}

/// Makes a webhook of the caller's organisation, from now on or from where another one stopped. The secret is given once.
pub async fn add(house: &Arc<House>, caller: &Caller, asked: &Asked) -> Answer<(Made, String)> {
    let ctx = &caller.ctx;
    let (url, types) = (asked.url.as_str(), asked.types.as_slice());
    let http = url.starts_with("https://") || url.starts_with("http://");
    if !http || url.len() > URL_BYTES_MAX || url.chars().any(|one| one.is_control() || one == ' ') {
        return Err(refuse("NRS-SHAR-0432"));
    }
    if !allowed(house, url) {
        return Err(refuse("NRS-SHAR-0433"));
    }
    if types.len() > TYPES_MAX {
        return Err(refuse("NRS-SHAR-0006"));
    }
    let id = format!("hook-{}", fresh_uuid(ctx.now).simple());
    let marker = Marker { key: key(house)?, org: ctx.org.as_str() };
    let (place, before) = begin(house, ctx, &marker, asked.takes_over.as_deref()).await?;
    // What was sent and not answered is sent again under its name; to other types it would be another batch.
    let batch = before.as_ref().filter(|one| one.types == types).and_then(|one| one.batch.as_ref());
    let batch = batch.map(serde_json::to_string).transpose();
    let batch = batch.map_err(|problem| Failure::Broken(problem.into()))?;
    let shown = format!("whsec_{}", STANDARD.encode(secret(house, &id)?));
    let types = serde_json::to_string(types).map_err(|problem| Failure::Broken(problem.into()))?;
    let mut change = Change::office("share.hook.add", &id)
        .payload(json!({ "org": ctx.org.as_str(), "url": url, "takes_over": asked.takes_over }))
        .write(Write::one(
            "INSERT INTO share_hook (hook, org, url, types, state, cursor, version, person, hat, created_at, proof, \
             batch) VALUES ($1, $2, $3, $4, 'on', $5, 1, $6, $7, $8, $9, $10)",
            vec![
                Value::from(&id),
                Value::from(&ctx.org),
                Value::from(url),
                Value::from(types),
                Value::from(marker.write(&place)),
                Value::from(ctx.person.to_string()),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
                Value::from(caller.proof.text()),
                Value::from(batch),
            ],
        ));
    if let Some(before) = &before {
        // One place is never carried by two.
        change = change.write(Write::one(
            "UPDATE share_hook SET state = 'ended', version = version + 1 WHERE hook = $1 AND version = $2",
            vec![Value::from(&before.hook), Value::from(before.version)],
        ));
    }
    let position = house.door.commit(ctx, change).await?.position;
    Ok((Made { id, position }, shown))
}

/// Where a new webhook begins, and which one it takes over.
async fn begin(
    house: &Arc<House>,
    ctx: &Ctx,
    marker: &Marker<'_>,
    takes_over: Option<&str>,
) -> Answer<(Place, Option<Hook>)> {
    let (org, hat, now) = (ctx.org.clone(), ctx.hat, ctx.now);
    let (held, seen, place) = house
        .store
        .read(move |reader| {
            let seen = seen_under(reader, &org, hat)?;
            Ok((of(reader, &org)?, seen, read::now(reader, (&org, hat), now)?))
        })
        .await?;
    let before = seen.into_iter().find(|one| Some(one.hook.as_str()) == takes_over);
    if takes_over.is_some() && before.is_none() {
        return Err(Refusal::absent().into());
    }
    let stays = |one: &&Hook| one.state != "ended" && Some(one.hook.as_str()) != takes_over;
    if held.iter().filter(stays).count() >= HOOKS_MAX {
        return Err(refuse("NRS-SHAR-0434"));
    }
    match before {
        Some(before) => Ok((left_off(house, ctx, marker, &before).await?, Some(before))),
        None => Ok((place, None)),
    }
}

/// Where a webhook stopped; refused where what came then is not kept ready any more.
async fn left_off(
    house: &Arc<House>,
    ctx: &Ctx,
    marker: &Marker<'_>,
    before: &Hook,
) -> Answer<Place> {
    let broken = || Failure::Broken("a webhook's place".into());
    let place = marker.read(&before.cursor).ok_or_else(broken)?;
    let (org, hat, now, reach) = (ctx.org.clone(), ctx.hat, ctx.now, reach(house));
    let (from, wish) = (place.clone(), Wish { types: before.types.clone() });
    let next = move |reader: &Reader<'_>| read::next(reader, (&org, hat), &from, &wish, now, reach);
    match house.store.read(next).await? {
        Found::Part(_) => Ok(place),
        Found::TooFarBehind { since } => Err(too_far(since).into()),
    }
}

/// Ends a webhook of the caller's organisation.
pub async fn end(house: &Arc<House>, ctx: &Ctx, hook: &str) -> Answer<()> {
    let (org, hat, wanted) = (ctx.org.clone(), ctx.hat, hook.to_owned());
    let held = house.store.read(move |reader| seen_under(reader, &org, hat)).await?;
    if !held.iter().any(|one| one.hook == wanted && one.state != "ended") {
        return Err(Refusal::absent().into());
    }
    let change = Change::office("share.hook.end", hook).write(Write::one(
        "UPDATE share_hook SET state = 'ended', version = version + 1 WHERE hook = $1 AND org = $2 AND state <> 'ended'",
        vec![Value::from(hook), Value::from(&ctx.org)],
    ));
    house.door.commit(ctx, change).await?;
    Ok(())
}

/// Sends what there is to send, until the house stops. A hook that is slow or falls over holds up no other.
pub async fn run(house: Arc<House>) {
    let mut grown = house.door.size();
    let mut busy: BTreeSet<String> = BTreeSet::new();
    let mut waiting: VecDeque<Hook> = VecDeque::new();
    let mut running: tokio::task::JoinSet<String> = tokio::task::JoinSet::new();
    loop {
        if waiting.is_empty() {
            let now = house.clock.now();
            match house.store.read(move |reader| due(reader, now)).await {
                Ok(hooks) => waiting.extend(hooks),
                Err(problem) => tracing::error!(%problem, "the webhooks could not be read"),
            }
            waiting.retain(|hook| !busy.contains(&hook.hook));
        }
        while running.len() < ABREAST_MAX
            && let Some(hook) = waiting.pop_front()
        {
            // Carried meanwhile: what it stands at now is found with the next look.
            if busy.insert(hook.hook.clone()) {
                let house = Arc::clone(&house);
                running.spawn(async move {
                    carry_or_rest(&house, &hook).await;
                    hook.hook
                });
            }
        }
        tokio::select! {
            Some(ended) = running.join_next() => match ended {
                Ok(hook) => drop(busy.remove(&hook)),
                Err(problem) => tracing::error!(%problem, "a webhook's task ended"),
            },
            changed = grown.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// Carries a hook; one that cannot be carried rests like one whose address does not answer.
async fn carry_or_rest(house: &Arc<House>, hook: &Hook) {
    let carried = AssertUnwindSafe(carry(house, hook)).catch_unwind().await;
    let why = match carried {
        Ok(Ok(())) => return,
        Ok(Err(Failure::Refused(refusal))) => refusal.code.to_owned(),
        Ok(Err(Failure::Broken(problem))) => problem.to_string(),
        Err(_) => "it fell over".to_owned(),
    };
    tracing::warn!(hook = hook.hook, why, "a webhook could not be carried");
    let id = hook.hook.clone();
    // It may have been carried a little before it failed: how it stands now is what rests.
    let now = house.store.read(move |reader| one(reader, &id)).await;
    if let (Ok(Some(stands)), Some(ctx)) = (now, ctx_of(house, hook))
        && let Err(problem) = failed(house, &ctx, &stands, &why).await
    {
        tracing::error!(hook = hook.hook, %problem, "that a webhook failed could not be recorded");
    }
}

fn ctx_of(house: &House, hook: &Hook) -> Option<Ctx> {
    let (person, hat) = &hook.by;
    Some(Ctx {
        person: PersonId::parse(person)?,
        org: hook.org.clone(),
        hat: Hat::parse(hat)?,
        sector: None,
        via: Via::Job,
        now: house.clock.now(),
        request: String::new(),
    })
}

/// Whether whoever made a hook may still read: the login, the hat and what it proved them by are asked again. Those of
/// its organisation's audiences that it belongs to are looked up with each batch.
async fn may_go_on(house: &Arc<House>, hook: &Hook, ctx: &Ctx) -> Answer<bool> {
    let (proof, ctx, now) = (hook.proof.clone(), ctx.clone(), house.clock.now());
    let may = house.authoriser.check(
        &ctx,
        Action::ShareRead,
        On { owner: Some(&ctx.org), ..On::default() },
    );
    if may.is_err() {
        return Ok(false);
    }
    let found = house.store.read(move |reader| {
        let Some(proof) = proof else {
            return people::holds(reader, &ctx.person, &ctx.org, ctx.hat);
        };
        let found = proof.again(reader, now, String::new())?;
        Ok(found.is_some_and(|one| {
            one.person == ctx.person && one.org == ctx.org && one.hat == ctx.hat
        }))
    });
    Ok(found.await?)
}

/// Sends one hook everything it has not been sent, batch by batch, until there is nothing or it fails.
async fn carry(house: &Arc<House>, hook: &Hook) -> Answer<()> {
    let mut hook = hook.clone();
    while let Some(next) = step(house, &hook).await? {
        hook = next;
    }
    Ok(())
}

/// One batch. Gives the hook to go on with, or nothing when there is nothing more to do now.
async fn step(house: &Arc<House>, hook: &Hook) -> Answer<Option<Hook>> {
    let broken = |what: &str| Failure::Broken(what.to_owned().into());
    let ctx = ctx_of(house, hook).ok_or_else(|| broken("a webhook's authority"))?;
    if !allowed(house, &hook.url) {
        // Taken out of the configuration since.
        failed(house, &ctx, hook, "NRS-SHAR-0433").await?;
        return Ok(None);
    }
    if !may_go_on(house, hook, &ctx).await? {
        failed(house, &ctx, hook, "NRS-SHAR-0436").await?;
        return Ok(None);
    }
    let marker = Marker { key: key(house)?, org: hook.org.as_str() };
    let place = marker.read(&hook.cursor).ok_or_else(|| broken("a webhook's place"))?;
    let now = house.clock.now();
    let part = match look(house, hook, &ctx, &marker, place, now).await? {
        Found::Part(part) => *part,
        Found::TooFarBehind { since } => {
            behind(house, &ctx, hook, since).await?;
            return Ok(None);
        }
    };
    if part.items.is_empty() && part.ended {
        return Ok(None);
    }
    let mut hook = hook.clone();
    if !part.items.is_empty() {
        let Some(kept) = keep(house, &ctx, &hook, &marker, &part, now).await? else {
            // Something of it was taken back meanwhile, or it was ended: it is looked at again as it stands.
            let id = hook.hook;
            let stands = house.store.read(move |reader| one(reader, &id)).await?;
            return Ok(stands.filter(|one| one.state == "on"));
        };
        hook = kept;
        if let Err(why) = send(house, &hook, &marker, &part, now).await {
            failed(house, &ctx, &hook, &why).await?;
            return Ok(None);
        }
    }
    let sent = hook.sent + part.items.len() as u64;
    let next = marker.write(&part.place);
    let mut change = Change::office("share.hook.sent", &hook.hook)
        .payload(json!({ "objects": part.items.len() }))
        .write(Write::one(
            "UPDATE share_hook SET cursor = $3, batch = NULL, sent = $4, failures = 0, error = NULL, due_at = NULL, \
             version = version + 1 WHERE hook = $1 AND version = $2 AND state = 'on'",
            vec![
                Value::from(&hook.hook),
                Value::from(hook.version),
                Value::from(&next),
                Value::from(sent),
            ],
        ));
    // Its address has answered: what it was told it has.
    change.writes.extend(handed::taken_writes(&hook.org, &handed::notes(&part.items), now));
    house.door.commit(&ctx, change).await?;
    let version = hook.version + 1;
    Ok(Some(Hook { cursor: next, batch: None, sent, version, failures: 0, ..hook }))
}

/// What there is to send: the batch that was not answered, and nothing else before it is; or what comes next.
async fn look(
    house: &Arc<House>,
    hook: &Hook,
    ctx: &Ctx,
    marker: &Marker<'_>,
    place: Place,
    now: Timestamp,
) -> Answer<Found> {
    let (org, hat, reach) = (hook.org.clone(), ctx.hat, reach(house));
    let wish = Wish { types: hook.types.clone() };
    let Some(batch) = &hook.batch else {
        let next =
            move |reader: &Reader<'_>| read::next(reader, (&org, hat), &place, &wish, now, reach);
        return Ok(house.store.read(next).await?);
    };
    let broken = || Failure::Broken("a webhook's batch".into());
    let audience = Audience::parse(&batch.audience).ok_or_else(broken)?;
    let end = marker.read(&batch.end).ok_or_else(broken)?;
    let (after, added) = (batch.after, batch.added.clone());
    let until = end.get(&batch.audience).ok_or_else(broken)?;
    let span = Span { audience: audience.clone(), after, until, added };
    let again = move |reader: &Reader<'_>| read::again(reader, (&org, hat), &span, &wish, now);
    let (items, place) = match house.store.read(again).await? {
        Some(items) => (items, end),
        // It does not belong there now: the stream waits where it was.
        None => (Vec::new(), place),
    };
    Ok(Found::Part(Box::new(Part { audience, items, after, place, ended: false })))
}

/// Records that a batch is handed out and, where it is a new one, its name and its end, before a byte of it goes. Gives the
/// hook as it stands then; nothing where something of the batch was taken back meanwhile.
async fn keep(
    house: &Arc<House>,
    ctx: &Ctx,
    hook: &Hook,
    marker: &Marker<'_>,
    part: &Part,
    now: Timestamp,
) -> Answer<Option<Hook>> {
    let handing = Handing {
        recipient: &hook.org,
        audience: &part.audience,
        through: &hook.hook,
        door: Door::Stream,
    };
    let mut change = handing.change("hook", &part.items, now);
    let mut kept = hook.clone();
    if hook.batch.is_none() {
        let batch = Batch {
            id: format!("{}.{}", hook.hook, marker.name(&part.place)),
            audience: part.audience.label(),
            after: part.after,
            added: part.items.iter().map(|one| one.added).collect(),
            end: marker.write(&part.place),
        };
        let text = serde_json::to_string(&batch).map_err(|why| Failure::Broken(why.into()))?;
        change = change.write(Write::one(
            "UPDATE share_hook SET batch = $3, version = version + 1 WHERE hook = $1 AND version = $2 AND state = 'on'",
            vec![Value::from(&hook.hook), Value::from(hook.version), Value::from(text)],
        ));
        kept = Hook { batch: Some(batch), version: hook.version + 1, ..kept };
    }
    Ok(handing.record(house, ctx, change).await?.then_some(kept))
}

/// Standard Webhooks: the signature is HMAC-SHA-256 over `id.timestamp.body`.
fn signature(secret: &[u8; 32], id: &str, seconds: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

async fn send(
    house: &Arc<House>,
    hook: &Hook,
    marker: &Marker<'_>,
    part: &Part,
    now: Timestamp,
) -> Result<(), String> {
    let secret = secret(house, &hook.hook).map_err(|problem| problem.to_string())?;
    let body = lines(marker, &part.place, part);
    // The same batch has the same name however often it is sent, so that a receiver takes it in once.
    let id = hook.batch.as_ref().map(|batch| batch.id.clone()).ok_or("it has no name")?;
    let seconds = now.as_second();
    let signed = signature(&secret, &id, seconds, &body);
    let url = hook.url.clone();
    let sent = tokio::task::spawn_blocking(move || -> Result<u16, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WAIT))
            .max_redirects(0)
            .build()
            .into();
        let answer = agent
            .post(&url)
            .header("content-type", "application/x-ndjson")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", &signed)
            .send(body)
            .map_err(|problem| problem.to_string())?;
        Ok(answer.status().as_u16())
    });
    match sent.await {
        Ok(Ok(200..=299)) => Ok(()),
        Ok(Ok(status)) => Err(format!("answered {status}")),
        Ok(Err(problem)) => Err(problem),
        Err(_) => Err("stopped".to_owned()),
    }
}

async fn failed(house: &Arc<House>, ctx: &Ctx, hook: &Hook, why: &str) -> Answer<()> {
    let failures = hook.failures.saturating_add(1);
    let due: SignedDuration = backoff(failures, None);
    let why: String = why.chars().take(300).collect();
    let change = Change::office("share.hook.fail", &hook.hook)
        .payload(json!({ "failures": failures, "why": why }))
        .write(Write::one(
            "UPDATE share_hook SET failures = $3, error = $4, due_at = $5, version = version + 1 \
             WHERE hook = $1 AND version = $2",
            vec![
                Value::from(&hook.hook),
                Value::from(hook.version),
                Value::from(failures),
                Value::from(&why),
                Value::from(ctx.now + due),
            ],
        ));
    house.door.commit(ctx, change).await?;
    Ok(())
}

/// What was missed is older than the stream reaches: said, instead of going on with a hole.
async fn behind(house: &Arc<House>, ctx: &Ctx, hook: &Hook, since: Timestamp) -> Answer<()> {
    let change = Change::office("share.hook.behind", &hook.hook)
        .payload(json!({ "since": since.to_string() }))
        .write(Write::one(
            "UPDATE share_hook SET state = 'behind', error = 'NRS-SHAR-0430', version = version + 1 \
             WHERE hook = $1 AND version = $2",
            vec![Value::from(&hook.hook), Value::from(hook.version)],
        ));
    house.door.commit(ctx, change).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_follow_standard_webhooks() {
        // Checked with an implementation of its own: HMAC-SHA-256, base64.
        let secret = *b"0123456789abcdef0123456789abcdef";
        let signed = signature(&secret, "msg_1", 1_700_000_000, "{}\n");
        assert!(signed.starts_with("v1,") && signed.len() == 3 + 44, "{signed}");
        assert_ne!(signed, signature(&secret, "msg_2", 1_700_000_000, "{}\n"));
        assert_ne!(signed, signature(&secret, "msg_1", 1_700_000_001, "{}\n"));
    }
}
