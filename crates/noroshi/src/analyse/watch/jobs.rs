//! The digest of a day in Japan: made once, after midnight, for everybody who watches something.
//!
//! Each digest plans the next; a house that slept makes up for the days one after the other. Running twice changes
//! nothing: a person's day has one digest.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use noroshi_charter::hat::Hat;
use serde_json::json;

use super::news::{self, Entry, Eyes, Whose};
use crate::analyse::around::pages::midnight;
use crate::analyse::merge::change;
use crate::house::House;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId, fresh_uuid};
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::people;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::locale::tokyo;

/// The kind of job that makes a digest.
pub const DIGEST: &str = "analyse.digest";
/// Entries of one digest; beyond it, it says that there was more.
pub const ENTRIES_MAX: usize = 500;

/// What this pillar does later.
pub const HANDLERS: &[(&str, Handler)] = &[(DIGEST, digest)];

/// The day in Japan at an instant.
pub fn japan_day(at: Timestamp) -> Date {
    tokyo(at).date()
}

fn subject(whose: &Whose) -> String {
    format!("{} {} {}", whose.person, whose.org, whose.hat)
}

/// The job that makes the digest of `day`, due when the day is over.
pub fn digest_of(whose: &Whose, day: Date) -> Job {
    let due_at = day.tomorrow().ok().and_then(midnight).unwrap_or(Timestamp::MAX);
    Job {
        kind: DIGEST,
        subject: subject(whose),
        payload: json!({ "day": day.to_string() }),
        due_at,
    }
}

/// Whether a digest is planned already.
pub fn is_scheduled(reader: &Reader<'_>, whose: &Whose) -> Result<bool, StoreFailure> {
    Ok(open_jobs(reader, &subject(whose))? > 0)
}

fn open_jobs(reader: &Reader<'_>, subject: &str) -> Result<i64, StoreFailure> {
    reader.number(
        "SELECT COUNT(*) FROM office_outbox WHERE state = 'open' AND kind = $1 AND subject = $2",
        &[Value::from(DIGEST), Value::from(subject)],
    )
}

fn digest(house: Arc<House>, task: Task) -> Working {
    Box::pin(async move {
        let Some((ctx, day)) = asked(&house, &task) else {
            return Err(StoreFailure::Damaged(format!("job {} names no person or day", task.job)));
        };
        let now = house.clock.now();
        let whose = Whose::of(&ctx);
        let (eyes, of, about) = (Eyes::of(&house, &ctx), whose.clone(), task.subject.clone());
        let person = ctx.person.clone();
        let hat = ctx.hat;
        let found = house
            .store
            .read(move |reader| {
                let worn = people::hats_of(reader, &person)?
                    .iter()
                    .any(|held| held.hat == hat && held.org.org.as_str() == of.org);
                let (entries, more, watching) = of_day(reader, &eyes, &of, day)?;
                let alone = open_jobs(reader, &about)? <= 1;
                Ok((worn, entries, more, watching, alone))
            })
            .await?;
        let (worn, entries, more, watching, alone) = found;
        let mut change = made(&whose, day, now, if worn { &entries } else { &[] }, more);
        // Whoever no longer watches, or no longer wears the hat, is told nothing more.
        if let (true, true, true, Ok(next)) = (worn, watching, alone, day.tomorrow()) {
            change = change.job(digest_of(&whose, next));
        }
        Ok(Outcome::Done(ctx, Box::new(change)))
    })
}

/// For whom and for which day.
fn asked(house: &House, task: &Task) -> Option<(Ctx, Date)> {
    let mut parts = task.subject.split(' ');
    let (person, org, hat) = (parts.next()?, parts.next()?, parts.next()?);
    let ctx = Ctx {
        person: PersonId::parse(person)?,
        org: OrgId::parse(org)?,
        hat: Hat::parse(hat)?,
        sector: None,
        via: Via::Job,
        now: house.clock.now(),
        request: String::new(),
    };
    Some((ctx, task.payload.get("day")?.as_str()?.parse().ok()?))
}

/// What a person is told of one day, whether there was more, and whether anything is watched.
pub fn of_day(
    reader: &Reader<'_>,
    eyes: &Eyes,
    whose: &Whose,
    day: Date,
) -> Result<(Vec<Entry>, bool, bool), StoreFailure> {
    let begin = midnight(day).unwrap_or(Timestamp::MIN);
    let end = day.tomorrow().ok().and_then(midnight).unwrap_or(Timestamp::MAX);
    let watches = news::watches(reader, whose)?;
    let (mut entries, mut more) = (Vec::new(), false);
    for watch in &watches {
        let found = news::news(reader, eyes, watch, begin.max(watch.since), end)?;
        more |= found.more;
        for entry in found.entries {
            if news::may_tell(reader, eyes, &entry)? {
                entries.push(entry);
            }
        }
    }
    entries.sort();
    more |= entries.len() > ENTRIES_MAX;
    entries.truncate(ENTRIES_MAX);
    Ok((entries, more, !watches.is_empty()))
}

/// The change that keeps a digest; a day without news is not kept.
fn made(whose: &Whose, day: Date, now: Timestamp, entries: &[Entry], more: bool) -> Change {
    let id = format!("digest-{}", fresh_uuid(now).as_simple());
    let change = change("digest.make", &id)
        .payload(json!({ "day": day.to_string(), "entries": entries.len() }));
    if entries.is_empty() {
        return change;
    }
    let mut params = whose.params();
    params.extend([
        Value::from(&id),
        Value::from(day.to_string()),
        Value::from(now),
        Value::from(serde_json::to_string(entries).unwrap_or_else(|_| "[]".to_owned())),
        Value::from(more),
    ]);
    change.write(Write::new(
        "INSERT INTO analyse_digest (person, org, hat, digest, day, made_at, entries, more) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (person, org, hat, day) DO NOTHING",
        params,
    ))
}
