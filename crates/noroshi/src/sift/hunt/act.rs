//! Taking entries of records of hunts, and the sightings that come with the end of one.

use std::sync::Arc;

use axum::http::StatusCode;
use noroshi_hunt::record::{Entry, Hunt, What};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use noroshi_sift::mode::Mode;
use noroshi_sift::sighting::Sighting;
use serde::Deserialize;
use serde_json::json;

use super::super::act::{AHEAD_MAX, Added, SIGHTINGS_MAX, TRIES_MAX, graph};
use super::super::law;
use super::read::{self, Taken};
use crate::evidence::rows;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Refusal};

/// What a sensor hands in: as `noroshi hunt` wrote it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    /// The entry.
    pub(super) entry: Entry,
    /// What the hunt that ended saw.
    #[serde(default)]
    pub(super) sightings: Vec<Sighting>,
}

/// What became of it.
pub(super) struct Accepted {
    /// The entry's digest: its name.
    pub(super) id: String,
    /// Index of its leaf.
    pub(super) position: u64,
    /// Sightings of indicators written to the graph.
    pub(super) into_graph: u64,
    /// True when it had been handed in before.
    pub(super) again: bool,
}

fn refused(code: &'static str, status: StatusCode) -> Refusal {
    Refusal::new(code, status)
}

/// Takes an entry: it must agree with itself, go on where the sensor's record ended, and lie in the past; of an enrolled
/// sensor it must be signed. Handing the same one in again gives the same answer and changes nothing.
pub(super) async fn submit(
    house: &Arc<House>,
    ctx: &Ctx,
    submission: Submission,
) -> Answer<Accepted> {
    let on = On { owner: Some(&ctx.org), ..On::default() };
    house.authoriser.check(ctx, Action::SiftSubmit, on)?;
    check(ctx, &submission)?;
    authentic(house, ctx, &submission.entry).await?;
    let broken = |problem: serde_json::Error| Failure::Broken(Box::new(problem));
    let digest = submission.entry.digest().map_err(broken)?.to_string();
    let submission = Arc::new(submission);
    for tried in 1.. {
        let (asked, named, org, now) =
            (Arc::clone(&submission), digest.clone(), ctx.org.clone(), ctx.now);
        let found = house.store.read(move |reader| {
            let sensor = asked.entry.sensor.to_string();
            let same = read::numbered(reader, &org, &sensor, asked.entry.sequence)?;
            let chain = read::chain(reader, &org, &sensor)?;
            let added = if same.is_none() {
                // Of what a hunt saw it is not known which record it was, so one acquired under an agreement counts for all.
                let mode = if super::super::read::has_agreement(reader, &org, &sensor)? {
                    Mode::PartyAgreement
                } else {
                    Mode::OwnNetwork
                };
                graph(reader, &(named, sensor, mode), &asked.sightings, &org, now)?
            } else {
                Added::default()
            };
            Ok((same, chain, added))
        });
        let (same, chain, added) = found.await?;
        if let Some(before) = same {
            return again(before, &digest, submission.entry.sequence);
        }
        goes_on(&submission.entry, chain.as_ref())?;
        let into_graph = added.saw.len() as u64;
        match house.door.commit(ctx, change(ctx, &submission.entry, &digest, &added)?).await {
            Ok(done) => {
                return Ok(Accepted {
                    id: digest,
                    position: done.position,
                    into_graph,
                    again: false,
                });
            }
            // Another submission came first: look again.
            Err(CommitFailure::Conflict { .. }) if tried < TRIES_MAX => {}
            Err(problem) => return Err(problem.into()),
        }
    }
    Err(refused("NRS-HUNT-0303", StatusCode::CONFLICT).into())
}

fn again(before: Taken, digest: &str, sequence: u64) -> Answer<Accepted> {
    if before.digest == digest {
        let Taken { digest, position, into_graph, .. } = before;
        return Ok(Accepted { id: digest, position, into_graph, again: true });
    }
    Err(refused("NRS-HUNT-0303", StatusCode::CONFLICT).arg("sequence", sequence).into())
}

/// What can be said of an entry alone.
fn check(ctx: &Ctx, submission: &Submission) -> Result<(), Refusal> {
    let unprocessable = |code| refused(code, StatusCode::UNPROCESSABLE_ENTITY);
    let entry = &submission.entry;
    if !entry.balances() {
        return Err(unprocessable("NRS-HUNT-0301"));
    }
    let ahead = ctx.now.saturating_add(AHEAD_MAX).unwrap_or(ctx.now);
    let is_late = |one: &Sighting| one.last_seen > ahead || one.first_seen > one.last_seen;
    if entry.at > ahead || submission.sightings.iter().any(is_late) {
        return Err(unprocessable("NRS-HUNT-0302").arg("at", entry.at));
    }
    if submission.sightings.len() > SIGHTINGS_MAX {
        return Err(unprocessable("NRS-HUNT-0305").arg("max", SIGHTINGS_MAX));
    }
    // What was known was handed in when it was selected; only the rest is seen now.
    let new = match &entry.what {
        What::Ended(outcome) => outcome.tally.map_or(0, |tally| tally.hits - tally.known),
        What::Begun(_) => 0,
    };
    let sum = submission.sightings.iter().try_fold(0_u64, |sum, one| sum.checked_add(one.count));
    if submission.sightings.iter().any(|one| one.count == 0) || sum.is_none_or(|sum| sum > new) {
        return Err(unprocessable("NRS-HUNT-0306"));
    }
    Ok(())
}

async fn authentic(house: &Arc<House>, ctx: &Ctx, entry: &Entry) -> Answer<()> {
    let (org, sensor) = (ctx.org.clone(), entry.sensor.to_string());
    let enrolled = house.store.read(move |reader| law::read::sensor(reader, &org, &sensor)).await?;
    let is_right = match enrolled {
        Some(sensor) => entry.is_signed_by(&sensor.key),
        None => entry.signature.is_none(),
    };
    if is_right { Ok(()) } else { Err(refused("NRS-HUNT-0307", StatusCode::FORBIDDEN).into()) }
}

fn goes_on(entry: &Entry, chain: Option<&(u64, String)>) -> Result<(), Refusal> {
    let expected = chain.map_or(0, |(next, _)| *next);
    if entry.sequence != expected {
        return Err(refused("NRS-HUNT-0304", StatusCode::CONFLICT)
            .arg("sequence", entry.sequence)
            .arg("expected", expected));
    }
    let previous = entry.previous.map(|digest| digest.to_string());
    if previous.as_deref() != chain.map(|(_, last)| last.as_str()) {
        return Err(refused("NRS-HUNT-0303", StatusCode::CONFLICT).arg("sequence", entry.sequence));
    }
    Ok(())
}

/// What was hunted for, in one word.
pub(super) const fn word(entry: &Entry) -> &'static str {
    match &entry.what {
        What::Begun(Hunt::Selectors { .. }) => "selectors",
        What::Begun(Hunt::Question { .. }) => "question",
        What::Begun(Hunt::Beacons { .. }) => "beacons",
        What::Begun(Hunt::FirstSeen { .. }) => "first-seen",
        What::Ended(_) => "ended",
    }
}

fn change(ctx: &Ctx, entry: &Entry, digest: &str, added: &Added) -> Answer<Change> {
    let broken = |problem: serde_json::Error| Failure::Broken(Box::new(problem));
    let text = serde_json_canonicalizer::to_string(entry).map_err(broken)?;
    let named = entry.digest().map_err(broken)?;
    let (sensor, into_graph) = (entry.sensor.to_string(), added.saw.len() as u64);
    let fact = Fact::HuntEntry {
        // A sensor's name is unique within its organisation only.
        sensor: format!("{}/{sensor}", ctx.org),
        sequence: entry.sequence,
        at: format!("{:.3}", entry.at),
        hunt: word(entry).to_owned(),
        entry: Digest(named.0),
        previous: entry.previous.map(|digest| Digest(digest.0)),
    };
    let case = entry.why.as_ref().map(|why| why.case.as_str());
    let mut change = Change::new("hunt.submit", digest, fact)
        .payload(json!({ "entry": entry, "into_graph": into_graph }))
        .write(chain_write(ctx, &sensor, entry.sequence, digest))
        .write(Write::one(
            "INSERT INTO hunt_entry (digest, org, sensor, sequence, hunt, case_name, made_at, text, into_graph, arrived_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            vec![
                Value::from(digest),
                Value::from(&ctx.org),
                Value::from(&sensor),
                Value::from(entry.sequence),
                Value::from(word(entry)),
                case.map_or(Value::Null, Value::from),
                Value::from(entry.at),
                Value::from(text),
                Value::from(into_graph),
                Value::from(ctx.now),
            ],
        ));
    change.writes.extend(rows::insert_objects(&added.objects, ctx.now));
    let naming = added.saw.iter().flat_map(|(id, what)| rows::insert_naming(id.as_str(), what));
    change.writes.extend(naming);
    Ok(change)
}

/// INVARIANT: the record of a sensor has no gap and no fork, whoever comes first.
fn chain_write(ctx: &Ctx, sensor: &str, sequence: u64, digest: &str) -> Write {
    let params = vec![
        Value::from(&ctx.org),
        Value::from(sensor),
        Value::from(sequence),
        Value::from(digest),
    ];
    if sequence == 0 {
        Write::one(
            "INSERT INTO hunt_sensor (org, sensor, next, last) VALUES ($1, $2, $3 + 1, $4)",
            params,
        )
    } else {
        Write::one(
            "UPDATE hunt_sensor SET next = next + 1, last = $4 WHERE org = $1 AND sensor = $2 AND next = $3",
            params,
        )
    }
}
