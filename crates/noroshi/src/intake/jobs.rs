//! Reminders before a final report is late. Nothing depends on them: lateness is computed whenever a report is read.
//!
//! A reminder is recorded in the log and shown above the officer's list. Mail is not sent.

use std::sync::Arc;

use noroshi_charter::hat::Hat;
use serde_json::json;

use crate::house::House;
use crate::office::commit::{Change, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{OrgId, PersonId};
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::store::{Reader, StoreFailure, Value};

/// The kind of job that reminds.
pub const REMIND: &str = "intake.remind";

/// What this pillar does later.
pub const HANDLERS: &[(&str, Handler)] = &[(REMIND, remind)];

fn remind(house: Arc<House>, task: Task) -> Working {
    Box::pin(async move {
        let now = house.clock.now();
        let (sequence, kind) = (
            task.payload.get("sequence").and_then(serde_json::Value::as_u64).unwrap_or_default(),
            task.payload
                .get("kind")
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        );
        let asked = task.clone();
        let found = house
            .store
            .read(move |reader| {
                Ok((filer(reader, &asked)?, still_owed(reader, &asked.subject, sequence)?))
            })
            .await?;
        let (Some((person, org, hat)), owed) = found else {
            return Ok(Outcome::Later("the filing that asked for it is not there".to_owned()));
        };
        let ctx =
            Ctx { person, org, hat, sector: None, via: Via::Job, now, request: String::new() };
        let mut change = Change::office("intake.remind", task.subject.as_str())
            .payload(json!({ "sequence": sequence, "kind": kind, "owed": owed }));
        if owed {
            change = change.write(Write::new(
                "INSERT INTO intake_reminder (report, sequence, kind, at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT DO NOTHING",
                vec![
                    Value::from(&task.subject),
                    Value::from(sequence),
                    Value::from(kind),
                    Value::from(now),
                ],
            ));
        }
        Ok(Outcome::Done(ctx, Box::new(change)))
    })
}

/// Who filed: the reminder is recorded under the hat that began it.
fn filer(reader: &Reader<'_>, task: &Task) -> Result<Option<(PersonId, OrgId, Hat)>, StoreFailure> {
    let found = reader.first(
        "SELECT person, org, hat FROM office_audit WHERE position = $1",
        &[Value::from(task.position)],
        |row| {
            let (person, org, hat) = (row.text(0)?, row.text(1)?, row.text(2)?);
            Ok(PersonId::parse(&person).zip(OrgId::parse(&org)).zip(Hat::parse(&hat)))
        },
    )?;
    Ok(found.flatten().map(|((person, org), hat)| (person, org, hat)))
}

/// Whether the final report is still owed by this awareness (a later correction has its own reminders).
fn still_owed(reader: &Reader<'_>, report: &str, sequence: u64) -> Result<bool, StoreFailure> {
    let owed = reader.number(
        "SELECT count(*) FROM intake_obligation o WHERE o.report = $1 AND o.sequence = $2 \
         AND o.clock = 'jp.act.final' AND o.met_position IS NULL \
         AND NOT EXISTS (SELECT 1 FROM intake_awareness w WHERE w.report = $1 AND w.sequence > $2)",
        &[Value::from(report), Value::from(sequence)],
    )?;
    Ok(owed > 0)
}
