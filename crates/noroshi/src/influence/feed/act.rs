//! What changes about feeds: one is named, allowed or refused by somebody else, read now, ended. Each is a leaf.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::gathering::{self, FeedRule};
use noroshi_codec::syndication::Address;
use serde::Deserialize;
use serde_json::json;

use super::read::{self, Feed};
use crate::house::House;
use crate::influence::act::{
    self, Made, TEXT_CHARS_MAX, commit, decided, fresh, may, refuse, text,
};
use crate::influence::keep::actor;
use crate::influence::read::Collection;
use crate::office::authorise::Action;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Refusal};

/// Between two readings that people ask for.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

const fn hourly() -> u32 {
    60
}

/// A feed to read.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFeed {
    /// Its address: RSS, Atom, a sitemap or an index of sitemaps, packed with gzip or not.
    pub url: String,
    /// Minutes between two readings.
    #[serde(default = "hourly")]
    pub every_minutes: u32,
}

/// What the office allows of feeds.
pub(super) fn rule(house: &House) -> FeedRule<'_> {
    let config = &house.config.influence;
    FeedRule {
        allow: &config.allow,
        minutes_min: config.feed_minutes_min,
        may_be_plain: config.feeds_within,
    }
}

/// Reads the address of a feed and asks the charter.
pub(in crate::influence) fn check(house: &House, new: &NewFeed, others: usize) -> Answer<Address> {
    let address = Address::parse(&new.url).ok_or_else(|| {
        Refusal::new("NRS-INFL-1311", StatusCode::UNPROCESSABLE_ENTITY).arg("why", &new.url)
    })?;
    let feed = gathering::Feed {
        host: address.host(),
        is_secure: address.is_secure(),
        every_minutes: new.every_minutes,
        others,
    };
    decided(&gathering::may_read_feed(&feed, &rule(house)))?;
    Ok(address)
}

/// The row of a feed that was named.
pub(in crate::influence) fn insert(
    ctx: &Ctx,
    id: &str,
    collection: &str,
    (address, every_minutes): (&Address, u32),
) -> Write {
    Write::one(
        "INSERT INTO influence_feed (feed, collection, url, every_minutes, state, asked_by, asked_at) \
         VALUES ($1, $2, $3, $4, 'asked', $5, $6) ON CONFLICT DO NOTHING",
        vec![
            Value::from(id),
            Value::from(collection),
            Value::from(address.text()),
            Value::from(u64::from(every_minutes)),
            Value::from(&ctx.person),
            Value::from(ctx.now),
        ],
    )
}

/// The reading of a feed at a time. `once` is one that people asked for: no further one follows from it.
pub(super) fn reading(ctx: &Ctx, feed: &str, due_at: Timestamp, once: bool) -> Job {
    Job {
        kind: "influence.feed.pull",
        subject: feed.to_owned(),
        payload: json!({ "ctx": actor(ctx), "once": once }),
        due_at,
    }
}

/// What allowing a collection, or refusing it, does to the feeds that were named with it.
pub(in crate::influence) fn with_collection(
    ctx: &Ctx,
    mut change: Change,
    feeds: &[Feed],
    from: Timestamp,
    (allow, reason): (bool, &str),
) -> Change {
    for feed in feeds.iter().filter(|feed| feed.state == "asked") {
        change = change.write(decision(ctx, &feed.feed, allow, reason));
        if allow {
            change = change.job(reading(ctx, &feed.feed, from.max(ctx.now), false));
        }
    }
    change
}

fn decision(ctx: &Ctx, feed: &str, allow: bool, reason: &str) -> Write {
    Write::one(
        "UPDATE influence_feed SET state = $2, decided_by = $3, decided_at = $4, decision = $5 \
         WHERE feed = $1 AND state = 'asked' AND asked_by <> $3",
        vec![
            Value::from(feed),
            Value::from(if allow { "waiting" } else { "refused" }),
            Value::from(&ctx.person),
            Value::from(ctx.now),
            Value::from(reason),
        ],
    )
}

/// A feed and its collection; absent otherwise.
pub async fn find(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<(Feed, Collection)> {
    may(house, ctx, Action::InfluenceRead)?;
    let id = id.to_owned();
    let found = house.store.read(move |reader| read::feed(reader, &id)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let collection = act::collection(house, ctx, &found.collection).await?;
    Ok((found, collection))
}

/// Names a further feed of a collection. Somebody else allows it.
pub async fn name(house: &Arc<House>, ctx: &Ctx, collection: &str, new: NewFeed) -> Answer<Made> {
    may(house, ctx, Action::InfluenceGather)?;
    let found = act::collection(house, ctx, collection).await?;
    decided(&gathering::may_take(&found.standing(), ctx.now, 1))?;
    let of = collection.to_owned();
    let others = house.store.read(move |reader| read::feeds(reader, &of)).await?;
    let address = check(house, &new, others.len())?;
    if others.iter().any(|feed| feed.url == address.text()) {
        return Err(refuse("NRS-INFL-1312"));
    }
    let id = fresh(ctx, "feed");
    let change = Change::office("influence.feed.ask", &id)
        .payload(json!({
            "collection": collection, "url": address.text(), "every_minutes": new.every_minutes,
        }))
        .write(insert(ctx, &id, collection, (&address, new.every_minutes)));
    commit(house, ctx, id, change).await
}

/// Allows or refuses a feed that was named after its collection was allowed.
pub async fn decide(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    (allow, reason): (bool, &str),
) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAllow)?;
    let (feed, collection) = find(house, ctx, id).await?;
    let is_decided = feed.state != "asked";
    decided(&gathering::may_decide(ctx.hat, ctx.person.as_str(), &feed.asked_by, is_decided))?;
    if allow {
        decided(&gathering::may_take(&collection.standing(), ctx.now, 1))?;
    }
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let mut change = Change::office("influence.feed.decide", id)
        .payload(json!({ "allow": allow, "reason": reason, "url": feed.url }))
        .write(decision(ctx, id, allow, &reason));
    if allow {
        change = change.job(reading(ctx, id, ctx.now, false));
    }
    commit(house, ctx, id.to_owned(), change).await
}

/// Ends a feed for good: it is read no more. What came of it is kept and deleted by the periods of its collection.
pub async fn end(house: &Arc<House>, ctx: &Ctx, id: &str, reason: &str) -> Answer<Made> {
    may(house, ctx, Action::InfluenceGather)?;
    find(house, ctx, id).await?;
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let change = Change::office("influence.feed.end", id)
        .payload(json!({ "reason": reason }))
        .write(Write::one(
            "UPDATE influence_feed SET state = 'ended', ended_at = $2, ended_why = $3, due_at = NULL \
             WHERE feed = $1 AND state <> 'ended'",
            vec![Value::from(id), Value::from(ctx.now), Value::from(&reason)],
        ));
    commit(house, ctx, id.to_owned(), change).await
}

/// Has a feed read at once, but not again within minutes.
pub async fn pull_now(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<Made> {
    may(house, ctx, Action::InfluenceGather)?;
    let (feed, collection) = find(house, ctx, id).await?;
    decided(&gathering::may_take(&collection.standing(), ctx.now, 1))?;
    if !feed.is_read() {
        return Err(refuse("NRS-INFL-1313"));
    }
    // A mirror within the office is nobody's to be spared.
    let spared = !house.config.influence.feeds_within;
    if spared && feed.pulled_at.is_some_and(|at| ctx.now < at + AGAIN) {
        return Err(refuse("NRS-INFL-1314"));
    }
    let change = Change::office("influence.feed.now", id).job(reading(ctx, id, ctx.now, true));
    commit(house, ctx, id.to_owned(), change).await
}
