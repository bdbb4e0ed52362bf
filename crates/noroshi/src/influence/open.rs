//! The handle behind a pseudonym: asked for by one person for one case, allowed by another, read once by the first.

use std::sync::Arc;

use axum::http::StatusCode;
use noroshi_charter::unmask::{Asked, is_dealt_with, may_allow, may_ask, may_read};
use serde::Deserialize;
use serde_json::json;

use super::act::{self, Made, TEXT_CHARS_MAX, broken, commit, decided, fresh, may, text};
use super::incident::part::Body;
use super::incident::read as incident;
use super::keys;
use super::read::{self, Opening};
use super::vault::Vault;
use crate::house::House;
use crate::office::authorise::Action;
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Refusal};

/// A handle to ask for.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOpening {
    /// The pseudonym.
    pub account: String,
    /// Why.
    pub reason: String,
    /// In which case.
    pub incident: String,
}

/// Whether the account and its key are there.
async fn is_held(house: &Arc<House>, collection: &str, account: &str) -> Answer<bool> {
    let (dir, collection, account) = (house.dir.clone(), collection.to_owned(), account.to_owned());
    let held = tokio::task::spawn_blocking(move || {
        if !keys::is_there(&dir, &collection) {
            return Ok(false);
        }
        Vault::existing(&dir, &collection)?.map_or(Ok(false), |vault| vault.holds(&account))
    });
    held.await.map_err(broken)?.map_err(broken)
}

/// Whether the case is being dealt with and has the collection as a part.
async fn is_of_case(house: &Arc<House>, ctx: &Ctx, case: &str, collection: &str) -> Answer<bool> {
    let (case, now) = (case.trim().to_owned(), ctx.now);
    let whole = house.store.read(move |reader| incident::whole(reader, &case, now)).await?;
    Ok(whole.is_some_and(|whole| {
        let needs = |part: &incident::Part| matches!(&part.body, Body::Collection { collection: of } if of == collection);
        is_dealt_with(whole.incident.state) && whole.live().any(needs)
    }))
}

/// Asks for the handle of one account. Somebody else decides.
pub async fn ask(house: &Arc<House>, ctx: &Ctx, collection: &str, new: NewOpening) -> Answer<Made> {
    may(house, ctx, Action::InfluenceOpen)?;
    act::collection(house, ctx, collection).await?;
    let asked = Asked {
        person: ctx.person.as_str(),
        reason: &new.reason,
        case: &new.incident,
        is_of_case: is_of_case(house, ctx, &new.incident, collection).await?,
        is_held: is_held(house, collection, &new.account).await?,
    };
    decided(&may_ask(ctx.hat, &asked))?;
    let reason = text(&new.reason, TEXT_CHARS_MAX, true)?;
    super::incident::act::find(house, ctx, new.incident.trim()).await?;
    let id = fresh(ctx, "opening");
    let change = Change::office("influence.open.ask", &id)
        .payload(json!({
            "collection": collection, "account": new.account, "reason": reason, "incident": new.incident.trim(),
        }))
        .write(Write::one(
            "INSERT INTO influence_opening (opening, collection, account, reason, incident, asked_by, asked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                Value::from(&id),
                Value::from(collection),
                Value::from(&new.account),
                Value::from(&reason),
                Value::from(new.incident.trim()),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, id, change).await
}

async fn need(house: &Arc<House>, id: &str) -> Answer<Opening> {
    let id = id.to_owned();
    let found = house.store.read(move |reader| read::opening(reader, &id)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

/// Allows or refuses the reading of a handle.
pub async fn decide(house: &Arc<House>, ctx: &Ctx, id: &str, allow: bool) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAllow)?;
    let found = need(house, id).await?;
    let asked = Asked {
        person: &found.asked_by,
        reason: &found.reason,
        case: &found.incident,
        is_of_case: is_of_case(house, ctx, &found.incident, &found.collection).await?,
        is_held: is_held(house, &found.collection, &found.account).await?,
    };
    decided(&may_allow(ctx.hat, ctx.person.as_str(), &asked, found.allowed.is_some()))?;
    let change = Change::office("influence.open.decide", id)
        .payload(json!({ "allow": allow, "account": found.account, "incident": found.incident }))
        .write(Write::one(
            "UPDATE influence_opening SET decided_by = $2, decided_at = $3, allowed = $4 WHERE opening = $1 \
             AND decided_at IS NULL AND asked_by <> $2",
            vec![
                Value::from(id),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(allow),
            ],
        ));
    commit(house, ctx, id.to_owned(), change).await
}

/// Hands out what was allowed: once, to the person who asked. The log has it before the answer is given.
pub async fn read(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<String> {
    may(house, ctx, Action::InfluenceOpen)?;
    let found = need(house, id).await?;
    if found.asked_by != ctx.person.as_str() || found.allowed != Some(true) {
        return Err(Refusal::absent().into());
    }
    let conflict = |code| Refusal::new(code, StatusCode::CONFLICT);
    if found.is_read {
        return Err(conflict("NRS-INFL-0806").into());
    }
    decided(&may_read(&Asked {
        person: &found.asked_by,
        reason: &found.reason,
        case: &found.incident,
        is_of_case: is_of_case(house, ctx, &found.incident, &found.collection).await?,
        is_held: true,
    }))?;
    let (dir, collection, account) =
        (house.dir.clone(), found.collection.clone(), found.account.clone());
    let opened = tokio::task::spawn_blocking(move || {
        if !keys::is_there(&dir, &collection) {
            return Ok(None);
        }
        Vault::existing(&dir, &collection)?.map_or(Ok(None), |vault| vault.handle(&account))
    });
    let handle = opened.await.map_err(broken)?.map_err(broken)?;
    let handle = handle.ok_or_else(|| conflict("NRS-INFL-0804"))?;
    let change = Change::office("influence.open.read", id)
        .payload(json!({ "account": found.account, "incident": found.incident }))
        .write(Write::one(
            "UPDATE influence_opening SET read_at = $2 WHERE opening = $1 AND read_at IS NULL AND allowed = 1",
            vec![Value::from(id), Value::from(ctx.now)],
        ));
    house.door.commit(ctx, change).await?;
    Ok(handle)
}
