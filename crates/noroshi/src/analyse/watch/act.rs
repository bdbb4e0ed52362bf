//! Watching and no longer watching; what was read.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_evidence::observable::Observable;
use serde_json::json;

use super::jobs;
use super::news::{self, Eyes, Kind, WATCHES_MAX, Whose};
use crate::analyse::merge::change;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{CommitFailure, Committed, Write};
use crate::office::ctx::Ctx;
use crate::office::id::fresh_uuid;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Refusal};

/// Letters of what is watched.
const TARGET_CHARS_MAX: usize = 1_000;

fn refuse(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).into()
}

/// Watches something from now on. What is not there for the caller cannot be watched, and the answer is the same as for
/// what is not there at all.
pub async fn watch(
    house: &Arc<House>,
    ctx: &Ctx,
    kind: &str,
    target: &str,
) -> Answer<(String, u64)> {
    house.authoriser.check(ctx, Action::AnalyseWatch, On::default())?;
    let kind = Kind::parse(kind).ok_or_else(|| refuse("NRS-ANAL-0120"))?;
    let target = canonical(kind, target)?;
    let (eyes, whose, asked) = (Eyes::of(house, ctx), Whose::of(ctx), target.clone());
    let (sees, count, scheduled) = house
        .store
        .read(move |reader| {
            Ok((
                eyes.sees(reader, kind, &asked)?,
                news::watches(reader, &whose)?.len(),
                jobs::is_scheduled(reader, &whose)?,
            ))
        })
        .await?;
    if !sees {
        return Err(Refusal::absent().into());
    }
    if count >= WATCHES_MAX {
        return Err(Refusal::new("NRS-ANAL-0122", StatusCode::UNPROCESSABLE_ENTITY)
            .arg("max", WATCHES_MAX)
            .into());
    }
    let id = format!("watch-{}", fresh_uuid(ctx.now).as_simple());
    // The log says that somebody watches something; what, it only commits to.
    let mut change = change("watch.begin", &id)
        .payload(json!({ "kind": kind.code(), "target": target }))
        .write(Write::one(
            "INSERT INTO analyse_watch (watch, person, org, hat, kind, target, since, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT DO NOTHING",
            vec![
                Value::from(&id),
                Value::from(ctx.person.as_str()),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(kind.code()),
                Value::from(&target),
                Value::from(ctx.now),
            ],
        ));
    if !scheduled {
        change = change.job(jobs::digest_of(&Whose::of(ctx), jobs::japan_day(ctx.now)));
    }
    match house.door.commit(ctx, change).await {
        Ok(done) => Ok((id, done.position)),
        Err(CommitFailure::Conflict { .. }) => {
            Err(Refusal::new("NRS-ANAL-0121", StatusCode::CONFLICT).into())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// One form for what is watched, so that the same thing is watched once.
fn canonical(kind: Kind, target: &str) -> Answer<String> {
    let target = target.trim();
    if target.is_empty() || target.chars().count() > TARGET_CHARS_MAX {
        return Err(refuse("NRS-ANAL-0120"));
    }
    match kind {
        Kind::Object | Kind::Case => Ok(target.to_owned()),
        Kind::Observable => Observable::parse(target)
            .map(|seen| seen.to_string())
            .map_err(|_| refuse("NRS-ANAL-0123")),
        Kind::Search => {
            let filter = news::filter_of(target.trim_start_matches('?'));
            if filter.q.is_empty() && filter.kind.is_empty() {
                return Err(refuse("NRS-ANAL-0124"));
            }
            let percent = crate::web::visitor::percent;
            Ok(format!("q={}&type={}", percent(&filter.q), percent(&filter.kind)))
        }
    }
}

/// Watches something no longer.
pub async fn end(house: &Arc<House>, ctx: &Ctx, watch: &str) -> Answer<Committed> {
    house.authoriser.check(ctx, Action::AnalyseWatch, On::default())?;
    let whose = Whose::of(ctx);
    let own = house.store.read(move |reader| news::watches(reader, &whose)).await?;
    let found = own.into_iter().find(|one| one.watch == watch).ok_or_else(Refusal::absent)?;
    let change = change("watch.end", watch)
        .payload(json!({ "kind": found.kind.code(), "target": found.target }))
        .write(Write::one(
            "UPDATE analyse_watch SET ended_at = $2 WHERE watch = $1 AND ended_at IS NULL",
            vec![Value::from(watch), Value::from(ctx.now)],
        ));
    Ok(house.door.commit(ctx, change).await?)
}

/// Counts everything up to `until` (the time of the page that was read) as read.
pub async fn read_until(house: &Arc<House>, ctx: &Ctx, until: Timestamp) -> Answer<Committed> {
    house.authoriser.check(ctx, Action::AnalyseWatch, On::default())?;
    let until = until.min(ctx.now);
    let mut params = Whose::of(ctx).params();
    params.push(Value::from(until));
    // Who reads when is nobody's business: the leaf names no one.
    let change = change("inbox.read", "inbox")
        .payload(json!({ "until": until.to_string() }))
        .write(Write::new(
            "UPDATE analyse_watch SET seen_at = $4 \
             WHERE person = $1 AND org = $2 AND hat = $3 AND ended_at IS NULL AND seen_at < $4",
            params,
        ));
    Ok(house.door.commit(ctx, change).await?)
}
