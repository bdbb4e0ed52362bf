//! What changes about collections, the register of declared coordination, and what the legal hat enters. Each is a leaf.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_charter::declared::{self, Entry};
use noroshi_charter::gathering::{self, Seed};
use noroshi_charter::keeping::{POST_DAYS_MAX, Periods, TEXT_DAYS_MAX, WATCH_DAYS_MAX};
use noroshi_charter::release::Refusal as Against;
use noroshi_codec::syndication::Address;
use serde::Deserialize;
use serde_json::json;

use super::feed::act::{self as feed, NewFeed};
use super::{keep, read};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::id::fresh_uuid;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// Longest title or name, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest text that is entered, in characters.
pub const TEXT_CHARS_MAX: usize = 4_000;

/// What was made, and where the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its name.
    pub id: String,
    /// Index of its leaf.
    pub position: u64,
}

pub(super) fn may(house: &House, ctx: &Ctx, action: Action) -> Answer<()> {
    Ok(house.authoriser.check(ctx, action, On::default())?)
}

/// All reasons are told; the first one names the refusal.
pub(super) fn decided(against: &[Against]) -> Answer<()> {
    let Some(first) = against.first() else { return Ok(()) };
    let item = |one: &Against| Item {
        pointer: String::new(),
        code: one.code.to_owned(),
        args: vec![("clause", one.clause.to_owned())],
    };
    let refusal = Refusal::new(first.code, StatusCode::UNPROCESSABLE_ENTITY);
    Err(refusal.arg("clause", first.clause).items(against.iter().map(item).collect()).into())
}

pub(super) fn refuse(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).into()
}

pub(super) fn broken<E: std::error::Error + Send + Sync + 'static>(problem: E) -> Failure {
    Failure::Broken(Box::new(problem))
}

pub(super) fn fresh(ctx: &Ctx, prefix: &str) -> String {
    format!("{prefix}-{}", fresh_uuid(ctx.now).as_simple())
}

/// A text within its limit; `required` ones are not blank.
pub(super) fn text(text: &str, chars_max: usize, required: bool) -> Answer<String> {
    let text = text.trim();
    if text.chars().count() > chars_max || (required && text.is_empty()) {
        return Err(Refusal::new("NRS-INFL-1001", StatusCode::UNPROCESSABLE_ENTITY)
            .arg("max", chars_max)
            .into());
    }
    Ok(text.to_owned())
}

pub(super) async fn commit(house: &House, ctx: &Ctx, id: String, change: Change) -> Answer<Made> {
    let done = house.door.commit(ctx, change).await?;
    Ok(Made { id, position: done.position })
}

/// A seed as it is typed.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSeed {
    /// `url`, `domain`, `media`, `text_cluster`, `hashtag` or `reported`.
    pub kind: String,
    /// The object; of a reported asset `by|asset|holder`.
    pub text: String,
}

const fn posts_default() -> u32 {
    POST_DAYS_MAX
}
const fn texts_default() -> u32 {
    TEXT_DAYS_MAX
}
const fn watch_default() -> u32 {
    WATCH_DAYS_MAX
}

/// A collection to ask for.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCollection {
    /// What it is called.
    pub title: String,
    /// What for.
    pub purpose: String,
    /// By which law or decision.
    pub legal_basis: String,
    /// `public`; nothing else is gathered.
    pub visibility: String,
    /// From when.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// Most posts.
    pub volume_max: u64,
    /// What it begins from.
    pub seeds: Vec<NewSeed>,
    /// Feeds and sitemaps it reads by itself, of hosts the office allows.
    #[serde(default)]
    pub feeds: Vec<NewFeed>,
    /// Days posts are kept, at most 180.
    #[serde(default = "posts_default")]
    pub post_days: u32,
    /// Days raw texts are kept, at most 30.
    #[serde(default = "texts_default")]
    pub text_days: u32,
    /// Days of the watch tier, at most 14.
    #[serde(default = "watch_default")]
    pub watch_days: u32,
}

/// Asks for a collection. Another person allows it.
pub async fn ask(house: &Arc<House>, ctx: &Ctx, new: NewCollection) -> Answer<Made> {
    may(house, ctx, Action::InfluenceGather)?;
    let seeds: Option<Vec<Seed>> =
        new.seeds.iter().map(|seed| Seed::parse(&seed.kind, &seed.text)).collect();
    let seeds = seeds.ok_or_else(|| refuse("NRS-INFL-0209"))?;
    let names = house.store.read(read::names).await?;
    let asked = gathering::Asked {
        visibility: &new.visibility,
        purpose: &new.purpose,
        legal_basis: &new.legal_basis,
        from: new.from,
        until: new.until,
        volume_max: new.volume_max,
        seeds: &seeds,
    };
    decided(&gathering::may_ask(ctx.hat, &asked, &names))?;
    Periods::new(new.post_days, new.text_days, new.watch_days)
        .map_err(|against| decided(&against).err().unwrap_or_else(|| refuse("NRS-INFL-0301")))?;
    let title = text(&new.title, TITLE_CHARS_MAX, true)?;
    let purpose = text(&new.purpose, TEXT_CHARS_MAX, true)?;
    let basis = text(&new.legal_basis, TEXT_CHARS_MAX, true)?;
    let mut feeds: Vec<(Address, u32)> = Vec::new();
    for one in &new.feeds {
        let address = feed::check(house, one, feeds.len())?;
        if !feeds.iter().any(|(held, _)| *held == address) {
            feeds.push((address, one.every_minutes));
        }
    }
    let kept: Vec<_> =
        seeds.iter().map(|seed| json!({ "kind": seed.kind(), "text": seed.text() })).collect();
    let id = fresh(ctx, "collection");
    let days = |days: u32| Value::from(u64::from(days));
    let read: Vec<_> = feeds.iter().map(|(address, _)| address.text()).collect();
    let mut change = Change::office("influence.collection.ask", &id)
        .payload(json!({
            "title": title, "purpose": purpose, "legal_basis": basis, "from": new.from, "until": new.until,
            "volume_max": new.volume_max, "seeds": kept, "feeds": read, "post_days": new.post_days, "text_days": new.text_days,
            "watch_days": new.watch_days, "visibility": "public",
        }))
        .write(Write::one(
            "INSERT INTO influence_collection (collection, title, purpose, legal_basis, from_at, until_at, volume_max, \
             post_days, text_days, watch_days, seeds, requester, org, hat, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            vec![
                Value::from(&id),
                Value::from(&title),
                Value::from(&purpose),
                Value::from(&basis),
                Value::from(new.from),
                Value::from(new.until),
                Value::from(new.volume_max),
                days(new.post_days),
                days(new.text_days),
                days(new.watch_days),
                Value::from(json!(kept).to_string()),
                Value::from(&ctx.person),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ));
    for (address, every) in &feeds {
        change = change.write(feed::insert(ctx, &fresh(ctx, "feed"), &id, (address, *every)));
    }
    commit(house, ctx, id, change).await
}

/// A collection that is there; absent otherwise.
pub async fn collection(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<read::Collection> {
    may(house, ctx, Action::InfluenceRead)?;
    let id = id.to_owned();
    let found = house.store.read(move |reader| read::collection(reader, &id)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

/// Allows or refuses a collection. Once allowed, what is over is deleted every day until nothing is left.
pub async fn decide(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    allow: bool,
    reason: &str,
) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAllow)?;
    let found = collection(house, ctx, id).await?;
    let is_decided = found.decision.is_some();
    decided(&gathering::may_decide(ctx.hat, ctx.person.as_str(), &found.requester, is_decided))?;
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let mut change = Change::office("influence.collection.decide", id)
        .payload(json!({ "allow": allow, "reason": reason }))
        .write(Write::one(
            "UPDATE influence_collection SET decided_by = $2, decided_at = $3, allowed = $4, decision = $5 \
             WHERE collection = $1 AND decided_at IS NULL AND requester <> $2",
            vec![
                Value::from(id),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(allow),
                Value::from(&reason),
            ],
        ));
    if allow {
        change = change.job(keep::next(ctx, id, ctx.now));
    }
    let of = id.to_owned();
    let feeds = house.store.read(move |reader| super::feed::read::feeds(reader, &of)).await?;
    change = feed::with_collection(ctx, change, &feeds, found.from, (allow, &reason));
    commit(house, ctx, id.to_owned(), change).await
}

/// Stops a collection for good: nothing comes in any more. What is held is kept and deleted by its periods.
pub async fn stop(house: &Arc<House>, ctx: &Ctx, id: &str, reason: &str) -> Answer<Made> {
    collection(house, ctx, id).await?;
    let allowed = [Action::InfluenceGather, Action::InfluenceAllow];
    if allowed.into_iter().all(|action| may(house, ctx, action).is_err()) {
        may(house, ctx, Action::InfluenceGather)?;
    }
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let change = Change::office("influence.collection.stop", id)
        .payload(json!({ "reason": reason }))
        .write(Write::one(
            "UPDATE influence_collection SET stopped_at = $2, stop_reason = $3 WHERE collection = $1 AND stopped_at IS NULL",
            vec![Value::from(id), Value::from(ctx.now), Value::from(&reason)],
        ));
    commit(house, ctx, id.to_owned(), change).await
}

/// Declared coordination to enter.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeclared {
    /// `media_chain`, `party`, `company`, `union`, `fan_club`, `public_body` or `civil_society`.
    pub kind: String,
    /// Whose coordination it is.
    pub name: String,
    /// Where it is declared.
    pub evidence: String,
    /// The collection whose pseudonyms are named.
    pub collection: String,
    /// Pseudonyms.
    pub accounts: Vec<String>,
}

/// Enters declared coordination: shown, and not counted as inauthentic.
pub async fn declare(house: &Arc<House>, ctx: &Ctx, new: NewDeclared) -> Answer<Made> {
    may(house, ctx, Action::InfluenceDeclare)?;
    let accounts: BTreeSet<&str> =
        new.accounts.iter().map(|one| one.trim()).filter(|one| !one.is_empty()).collect();
    let entry = Entry {
        kind: &new.kind,
        name: &new.name,
        evidence: &new.evidence,
        accounts: accounts.len(),
    };
    decided(&declared::may_enter(ctx.hat, &entry))?;
    collection(house, ctx, &new.collection).await?;
    let name = text(&new.name, TITLE_CHARS_MAX, true)?;
    let evidence = text(&new.evidence, TEXT_CHARS_MAX, true)?;
    let id = fresh(ctx, "declared");
    let change = Change::office("influence.declare", &id)
        .payload(json!({
            "kind": new.kind, "name": name, "evidence": evidence, "collection": new.collection, "accounts": accounts,
        }))
        .write(Write::one(
            "INSERT INTO influence_declared (entry, kind, name, evidence, collection, accounts, entered_by, entered_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                Value::from(&id),
                Value::from(&new.kind),
                Value::from(&name),
                Value::from(&evidence),
                Value::from(&new.collection),
                Value::from(json!(accounts).to_string()),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, id, change).await
}

/// Ends an entry of the register; it stays on record with the reason. Gives the collection it belongs to.
pub async fn undeclare(house: &Arc<House>, ctx: &Ctx, entry: &str, reason: &str) -> Answer<String> {
    may(house, ctx, Action::InfluenceDeclare)?;
    let asked = entry.to_owned();
    let found = house.store.read(move |reader| read::declared_in(reader, &asked)).await?;
    let collection = found.ok_or_else(Refusal::absent)?;
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let change = Change::office("influence.undeclare", entry)
        .payload(json!({ "collection": collection, "reason": reason }))
        .write(Write::one(
            "UPDATE influence_declared SET ended_at = $2, ended_by = $3, ended_why = $4 WHERE entry = $1 \
             AND ended_at IS NULL",
            vec![
                Value::from(entry),
                Value::from(ctx.now),
                Value::from(&ctx.person),
                Value::from(&reason),
            ],
        ));
    commit(house, ctx, entry.to_owned(), change).await?;
    Ok(collection)
}

/// Enters a name of a party, candidate, union or religious body that is no seed alone.
pub async fn name(house: &Arc<House>, ctx: &Ctx, new: &str) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAllow)?;
    let name = text(new, TITLE_CHARS_MAX, true)?;
    let id = fresh(ctx, "name");
    let change = Change::office("influence.name", &id).payload(json!({ "name": name })).write(
        Write::new(
            "INSERT INTO influence_name (name, entered_by, entered_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            vec![Value::from(&name), Value::from(&ctx.person), Value::from(ctx.now)],
        ),
    );
    commit(house, ctx, id, change).await
}

/// An election period to enter.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewElection {
    /// Which election.
    pub name: String,
    /// Where its period is announced.
    pub basis: String,
    /// First moment.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// Last moment.
    #[schema(value_type = String)]
    pub until: Timestamp,
}

/// Enters an election period: within it, a notice to the public needs the panel.
pub async fn election(house: &Arc<House>, ctx: &Ctx, new: NewElection) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAllow)?;
    if new.until <= new.from {
        return Err(refuse("NRS-INFL-0204"));
    }
    let name = text(&new.name, TITLE_CHARS_MAX, true)?;
    let basis = text(&new.basis, TEXT_CHARS_MAX, true)?;
    let id = fresh(ctx, "election");
    let change = Change::office("influence.election", &id)
        .payload(json!({ "name": name, "basis": basis, "from": new.from, "until": new.until }))
        .write(Write::one(
            "INSERT INTO influence_election (election, name, basis, from_at, until_at, entered_by, entered_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                Value::from(&id),
                Value::from(&name),
                Value::from(&basis),
                Value::from(new.from),
                Value::from(new.until),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, id, change).await
}
