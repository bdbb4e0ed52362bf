//! One page of a peer, or one batch for it, at a time. What came is in the graph before the cursor moves past it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::LegalClass;
use serde_json::json;

use super::act::next;
use super::client::{Access, Connection, Page, Trouble};
use super::cursor::{Cursor, Step};
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
        Ok((cursor, step, imported)) => took(&found, &cursor, step, &imported, ctx.now),
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

/// Gets one page and brings it in.
async fn take(
    house: &Arc<House>,
    ctx: &Ctx,
    standing: &Standing,
) -> Result<(Cursor, Step, Imported), Problem> {
    let mut cursor = standing.cursor.clone();
    let Some(peer) = house.config.peers.iter().find(|one| one.name == standing.peer).cloned()
    else {
        let words = "it is no longer in the configuration".to_owned();
        return Err(Problem { code: "NRS-SHAR-0417", words, retry_seconds: None, cursor });
    };
    let ask = cursor.ask();
    let asked = tokio::task::spawn_blocking(move || -> Result<Page, Trouble> {
        let connection = Connection::open(&access(&peer))?;
        let url = connection.collection(&peer.url, peer.collection.as_deref())?;
        connection.page(&url, &ask, &peer.types)
    });
    let answered = asked.await.unwrap_or_else(|_| Err(Trouble::Unreachable("stopped".to_owned())));
    let page = match answered {
        Ok(page) => page,
        Err(trouble) => {
            if trouble.refuses_the_question() {
                // A `next` that is not known any more is no reason to begin anew.
                cursor.next_refused();
            }
            return Err(Problem::of(&trouble, cursor));
        }
    };
    let bundle = Bundle {
        bytes: page.bundle.into(),
        tlp: standing.tlp.as_deref().and_then(tlp_of),
        class: crate::share::read::class_of(&standing.class).unwrap_or(LegalClass::CiaPm),
        originator: standing.org.clone(),
    };
    let imported = match evidence::import(house, ctx, bundle).await {
        Ok(imported) => imported,
        Err(failure) => {
            let words = match failure {
                Failure::Refused(refusal) => format!("the import was refused: {}", refusal.code),
                Failure::Broken(source) => chain(source.as_ref()),
            };
            return Err(Problem { code: "NRS-SHAR-0418", words, retry_seconds: None, cursor });
        }
    };
    match cursor.took(&page.seen) {
        Ok(step) => Ok((cursor, step, imported)),
        Err(stuck) => Err(Problem {
            code: "NRS-SHAR-0419",
            words: stuck.to_string(),
            retry_seconds: None,
            cursor,
        }),
    }
}

pub(super) fn cursor_text(cursor: &Cursor) -> String {
    serde_json::to_string(cursor).unwrap_or_else(|_| "{}".to_owned())
}

fn took(
    standing: &Standing,
    cursor: &Cursor,
    step: Step,
    imported: &Imported,
    now: Timestamp,
) -> Change {
    let minutes = SignedDuration::from_mins(standing.minutes);
    let due = if step == Step::On { now } else { now + minutes };
    let aside = (imported.conflicts.len() + imported.quarantined.len()) as u64;
    Change::office("share.peer.pull", &standing.peer)
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
                Value::from(step == Step::End),
                Value::from(due),
            ],
        ))
        .job(next(&standing.peer, standing.direction, standing.generation, due))
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
