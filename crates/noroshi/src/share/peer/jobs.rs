//! One page of a peer, or one batch for it, at a time. What came is in the graph before the cursor moves past it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::LegalClass;
use serde_json::json;

use super::act::next;
use super::client::{Access, Connection, Detail, Page, Trouble, bundle};
use super::cursor::{Cursor, Step, just_before};
use super::read::{self, Standing};
use crate::config::Peer;
use crate::evidence::act::{self as evidence, Bundle, Imported};
use crate::evidence::rows::tlp_of;
use crate::house::House;
use crate::office::commit::{Change, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId};
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::store::{StoreFailure, Value};
use crate::web::refusal::{Failure, chain};

/// What this part does later.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("share.peer.pull", |house, task| -> Working { Box::pin(pull(house, task)) }),
    ("share.peer.push", |house, task| -> Working { Box::pin(super::push::push(house, task)) }),
];

/// First and longest wait after a failure.
const BACKOFF: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(15), SignedDuration::from_hours(1));
/// Entries of a manifest that are taken one by one around what cannot be read.
const AROUND_MAX: u32 = 200;
/// Characters of a failure that are kept.
const ERROR_CHARS_MAX: usize = 500;

/// The authority under which a peer was switched on.
pub(super) fn ctx_of(house: &House, standing: &Standing) -> Option<Ctx> {
    let (person, org, hat) = &standing.by;
    Some(Ctx {
        person: PersonId::parse(person)?,
        org: OrgId::parse(org)?,
        hat: Hat::parse(hat)?,
        sector: None,
        via: Via::Job,
        now: house.clock.now(),
        request: String::new(),
    })
}

/// How the configuration says it is reached.
pub fn access(peer: &Peer) -> Access {
    Access {
        user: peer.user.clone(),
        secret_file: peer.secret_file.clone(),
        ca_file: peer.ca_file.clone(),
        certificate_file: peer.certificate_file.clone(),
        key_file: peer.key_file.clone(),
    }
}

/// How long to wait after so many failures in a row: twice as long each time, at least what the server asked for.
pub fn backoff(failures: i64, asked_seconds: Option<u64>) -> SignedDuration {
    let doublings = u32::try_from(failures.clamp(1, 20) - 1).unwrap_or(0);
    let wait = BACKOFF.0.checked_mul(1_i32 << doublings).unwrap_or(BACKOFF.1).min(BACKOFF.1);
    let asked = asked_seconds.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0);
    wait.max(SignedDuration::from_secs(asked))
}

async fn pull(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
    let asked = task.subject.clone();
    let found = house.store.read(move |reader| read::standing(reader, &asked)).await?;
    let found = found.ok_or_else(|| StoreFailure::Damaged("a peer is gone".to_owned()))?;
    let ctx = ctx_of(&house, &found)
        .ok_or_else(|| StoreFailure::Damaged("a peer's authority cannot be read".to_owned()))?;
    let generation = task.payload.get("generation").and_then(serde_json::Value::as_i64);
    if !found.on || generation != Some(found.generation) {
        // Another job walks in its place, or none shall.
        return Ok(Outcome::Done(
            ctx,
            Box::new(Change::office("share.peer.passed", &task.subject)),
        ));
    }
    let change = match take(&house, &ctx, &found).await {
        Ok(taken) => took(&found, &taken, ctx.now),
        Err(problem) => failed(&found, problem, ctx.now),
    };
    Ok(Outcome::Done(ctx, Box::new(change)))
}

/// What went wrong with one page or one batch.
pub(super) struct Problem {
    /// Stable code.
    pub code: &'static str,
    /// What happened.
    pub words: String,
    /// How long the server asks to wait.
    pub retry_seconds: Option<u64>,
    /// The cursor to go on with.
    pub cursor: Cursor,
}

impl Problem {
    /// What a peer's trouble means.
    pub(super) fn of(trouble: &Trouble, cursor: Cursor) -> Self {
        Self {
            code: trouble.code(),
            words: trouble.to_string(),
            retry_seconds: trouble.retry_seconds(),
            cursor,
        }
    }
}

/// What one job brought.
struct Taken {
    cursor: Cursor,
    step: Step,
    imported: Imported,
    /// What cannot be read, with the reason.
    unreadable: Vec<Detail>,
}

/// What a peer answered.
enum Answered {
    Page(Page),
    /// The page cannot be read, and a smaller one must be asked for.
    Narrower,
    /// What lies around the place that cannot be read, object by object.
    Around(Around),
}

/// The objects at a place that cannot be read as a page.
struct Around {
    bundle: String,
    unreadable: Vec<Detail>,
    /// Everything up to here was taken or put aside.
    upto: String,
}

/// Gets one page and brings it in.
async fn take(house: &Arc<House>, ctx: &Ctx, standing: &Standing) -> Result<Taken, Problem> {
    let mut cursor = standing.cursor.clone();
    let Some(peer) = house.config.peers.iter().find(|one| one.name == standing.peer).cloned()
    else {
        let words = "it is no longer in the configuration".to_owned();
        return Err(Problem { code: "NRS-SHAR-0417", words, retry_seconds: None, cursor });
    };
    cursor = standing.within(&peer).cursor;
    let from = cursor.clone();
    let asked = tokio::task::spawn_blocking(move || answer(&peer, &from));
    let answered = asked.await.unwrap_or_else(|_| Err(Trouble::Unreachable("stopped".to_owned())));
    let answered = match answered {
        Ok(answered) => answered,
        Err(trouble) => {
            if trouble.refuses_the_question() {
                // A `next` that is not known any more is no reason to begin anew.
                cursor.next_refused();
            }
            return Err(Problem::of(&trouble, cursor));
        }
    };
    match answered {
        Answered::Narrower => {
            cursor.halve();
            let imported = Imported::default();
            Ok(Taken { cursor, step: Step::On, imported, unreadable: Vec::new() })
        }
        Answered::Around(around) => {
            let imported = bring(house, ctx, standing, around.bundle).await?;
            cursor.stepped_over(around.upto);
            Ok(Taken { cursor, step: Step::On, imported, unreadable: around.unreadable })
        }
        Answered::Page(page) => {
            let imported = bring(house, ctx, standing, page.bundle).await?;
            match cursor.took(&page.seen) {
                Ok(step) => Ok(Taken { cursor, step, imported, unreadable: Vec::new() }),
                Err(stuck) => Err(Problem {
                    code: "NRS-SHAR-0419",
                    words: stuck.to_string(),
                    retry_seconds: None,
                    cursor,
                }),
            }
        }
    }
}

/// Asks for the next page; where it cannot be read, for less, and at last for each object by itself.
fn answer(peer: &Peer, cursor: &Cursor) -> Result<Answered, Trouble> {
    let connection = Connection::open(&access(peer))?;
    let url = connection.collection(&peer.url, peer.collection.as_deref())?;
    match connection.page(&url, &cursor.ask(), &peer.types) {
        Ok(page) => Ok(Answered::Page(page)),
        Err(trouble) if trouble.is_unreadable() => {
            if cursor.clone().halve() {
                return Ok(Answered::Narrower);
            }
            let from = cursor.before_unreadable();
            let around = around(&connection, &url, from.as_deref(), &peer.types)?;
            // Where not even the manifest says what is there, it stays what it was: a page that cannot be read.
            around.map(Answered::Around).ok_or(trouble)
        }
        Err(trouble) => Err(trouble),
    }
}

/// Takes what was added after a date object by object, up to the first that cannot be read and all that share its date.
fn around(
    connection: &Connection,
    url: &str,
    from: Option<&str>,
    types: &[String],
) -> Result<Option<Around>, Trouble> {
    let manifest = connection.manifest(url, from, AROUND_MAX, types)?;
    let (mut texts, mut unreadable, mut upto) = (Vec::new(), Vec::new(), None::<String>);
    let mut ended = !manifest.more;
    for entry in &manifest.objects {
        if !unreadable.is_empty() && upto.as_ref() != Some(&entry.date_added) {
            ended = true;
            break;
        }
        match connection.object(url, &entry.id, &entry.version) {
            Ok(objects) => texts.push(objects),
            Err(trouble) if trouble.is_unreadable() => unreadable.push(Detail {
                id: entry.id.clone(),
                version: entry.version.clone(),
                message: format!("{}: {trouble}", trouble.code()),
            }),
            Err(trouble) => return Err(trouble),
        }
        upto = Some(entry.date_added.clone());
    }
    let Some(mut upto) = upto else { return Ok(None) };
    if !ended {
        // Others may share the last date: it is asked for again, where that leads on.
        let before = just_before(&upto);
        if !unreadable.is_empty() || from.is_some_and(|from| from >= before.as_str()) {
            return Err(Trouble::Form(format!("more than {AROUND_MAX} objects share one date")));
        }
        upto = before;
    }
    let inner = |text: &String| {
        let text = text.trim();
        let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or("");
        text.trim().to_owned()
    };
    let objects: Vec<String> = texts.iter().map(inner).filter(|text| !text.is_empty()).collect();
    let bundle = bundle(&format!("[{}]", objects.join(",")));
    Ok(Some(Around { bundle, unreadable, upto }))
}

async fn bring(
    house: &Arc<House>,
    ctx: &Ctx,
    standing: &Standing,
    text: String,
) -> Result<Imported, Problem> {
    let bundle = Bundle {
        bytes: text.into(),
        tlp: standing.tlp.as_deref().and_then(tlp_of),
        class: crate::share::read::class_of(&standing.class).unwrap_or(LegalClass::CiaPm),
        originator: standing.org.clone(),
    };
    evidence::import(house, ctx, bundle).await.map_err(|failure| {
        let words = match failure {
            Failure::Refused(refusal) => format!("the import was refused: {}", refusal.code),
            Failure::Broken(source) => chain(source.as_ref()),
        };
        let cursor = standing.cursor.clone();
        Problem { code: "NRS-SHAR-0418", words, retry_seconds: None, cursor }
    })
}

pub(super) fn cursor_text(cursor: &Cursor) -> String {
    serde_json::to_string(cursor).unwrap_or_else(|_| "{}".to_owned())
}

fn took(standing: &Standing, taken: &Taken, now: Timestamp) -> Change {
    let Taken { cursor, step, imported, unreadable } = taken;
    let minutes = SignedDuration::from_mins(standing.minutes);
    let due = if *step == Step::On { now } else { now + minutes };
    let aside = (imported.conflicts.len() + imported.quarantined.len() + unreadable.len()) as u64;
    let mut change = Change::office("share.peer.pull", &standing.peer)
        .payload(json!({
            "taken": imported.imported, "known": imported.unchanged, "aside": aside, "cursor": cursor,
        }))
        .write(Write::one(
            "UPDATE share_peer SET version = version + 1, cursor = $3, taken = taken + $4, known = known + $5, \
             aside = aside + $6, failures = 0, error_code = NULL, error = NULL, tried_at = $7, ok_at = $7, \
             current_at = CASE WHEN $8 = 1 THEN $7 ELSE current_at END, due_at = $9 WHERE peer = $1 AND version = $2",
            vec![
                Value::from(&standing.peer),
                Value::from(standing.version),
                Value::from(cursor_text(cursor)),
                Value::from(imported.imported),
                Value::from(imported.unchanged),
                Value::from(aside),
                Value::from(now),
                Value::from(*step == Step::End),
                Value::from(due),
            ],
        ));
    change.writes.extend(put_aside(standing, unreadable, now));
    change.job(next(&standing.peer, standing.direction, standing.generation, due))
}

/// Keeps what a peer did not take, or what of it cannot be read, for a person to look at.
pub(super) fn put_aside(standing: &Standing, what: &[Detail], now: Timestamp) -> Vec<Write> {
    let row = |one: &Detail| {
        Write::new(
            "INSERT INTO share_peer_refused (peer, id, version, message, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (peer, id, version) DO UPDATE SET message = excluded.message, at = excluded.at",
            vec![
                Value::from(&standing.peer),
                Value::from(&one.id),
                Value::from(&one.version),
                Value::from(one.message.chars().take(ERROR_CHARS_MAX).collect::<String>()),
                Value::from(now),
            ],
        )
    };
    what.iter().map(row).collect()
}

pub(super) fn failed(standing: &Standing, problem: Problem, now: Timestamp) -> Change {
    let failures = standing.failures.saturating_add(1);
    let due = now + backoff(failures, problem.retry_seconds);
    let words: String = problem.words.chars().take(ERROR_CHARS_MAX).collect();
    Change::office("share.peer.fail", &standing.peer)
        .payload(json!({ "code": problem.code, "words": words, "failures": failures }))
        .write(Write::one(
            "UPDATE share_peer SET version = version + 1, cursor = $3, failures = $4, error_code = $5, error = $6, \
             tried_at = $7, due_at = $8 WHERE peer = $1 AND version = $2",
            vec![
                Value::from(&standing.peer),
                Value::from(standing.version),
                Value::from(cursor_text(&problem.cursor)),
                Value::from(failures),
                Value::from(problem.code),
                Value::from(&words),
                Value::from(now),
                Value::from(due),
            ],
        ))
        .job(next(&standing.peer, standing.direction, standing.generation, due))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(backoff(1, None), SignedDuration::from_secs(15));
        assert_eq!(backoff(3, None), SignedDuration::from_secs(60));
        assert_eq!(backoff(1_000, None), SignedDuration::from_hours(1));
        assert_eq!(backoff(1, Some(7_200)), SignedDuration::from_hours(2));
    }
}
