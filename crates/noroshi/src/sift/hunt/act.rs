//! Taking entries of records of hunts, and the sightings that come with the end of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use noroshi_evidence::mechanical::MeasureId;
use noroshi_hunt::record::{Entry, FORM_1, Hunt, Outcome, What};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use noroshi_sift::mode::Mode;
use noroshi_sift::sighting::Sighting;
use serde::Deserialize;
use serde_json::json;

use super::super::act::{AHEAD_MAX, Added, SIGHTINGS_MAX, TRIES_MAX, graph};
use super::super::law;
use super::read::{self, Chain, Taken};
use crate::evidence::rows;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::Ctx;
use crate::office::id::OrgId;
use crate::office::store::{Reader, StoreFailure, Value};
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
    commits(house, ctx, &submission).await?;
    let broken = |problem: serde_json::Error| Failure::Broken(Box::new(problem));
    let digest = submission.entry.digest().map_err(broken)?.to_string();
    let submission = Arc::new(submission);
    for tried in 1.. {
        let (asked, named, org, now) =
            (Arc::clone(&submission), digest.clone(), ctx.org.clone(), ctx.now);
        let found = house.store.read(move |reader| {
            let sensor = asked.entry.sensor.to_string();
            // The first entry names the record; any other belongs to that of the one before it.
            let record = match asked.entry.previous {
                None => Some(named.clone()),
                Some(before) => read::record(reader, &org, &sensor, &before.to_string())?,
            };
            let Some(record) = record else { return Ok((None, None, Added::default())) };
            let of = (&org, sensor.as_str(), record.as_str());
            let same = read::numbered(reader, of, asked.entry.sequence)?;
            let chain = read::chain(reader, of)?;
            let added = if same.is_none() {
                let grounds = grounds(reader, &org, &asked)?;
                let seen: Vec<_> = grounds.into_iter().zip(&asked.sightings).collect();
                graph(reader, &(named, sensor), &seen, &org, now)?
            } else {
                Added::default()
            };
            Ok((same, Some((record, chain)), added))
        });
        let (same, place, added) = found.await?;
        if let Some(before) = same {
            return again(before, &digest, submission.entry.sequence);
        }
        let (record, chain) = place.unwrap_or_default();
        goes_on(&submission.entry, chain.as_ref())?;
        let name = match chain {
            Some(chain) => chain.name,
            // Its own: another record of the same sensor is another chain in the log, too.
            None => format!("{}#{record}", submission.entry.sensor),
        };
        let into_graph = added.saw.len() as u64;
        let change = change(ctx, &submission.entry, (&digest, &record, &name), &added)?;
        match house.door.commit(ctx, change).await {
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

/// On which ground the records behind each sighting were acquired. A measure is what a mandate of the organisation says it
/// is, whoever hunted and under whatever name; one that no mandate names counts as an agreement, which asks for most.
fn grounds(
    reader: &Reader<'_>,
    org: &OrgId,
    submission: &Submission,
) -> Result<Vec<Mode>, StoreFailure> {
    let mut known: BTreeMap<Option<&MeasureId>, Mode> = BTreeMap::new();
    for seen in &submission.sightings {
        let measure = seen.measure.as_ref();
        if known.contains_key(&measure) {
            continue;
        }
        let mode = match measure {
            Some(measure) => read::ground_of(reader, org, measure)?,
            // The form before does not say it: one agreement of the organisation counts for all.
            None if submission.entry.form == FORM_1 && read::has_agreement(reader, org)? => {
                Mode::PartyAgreement
            }
            None => Mode::OwnNetwork,
        };
        known.insert(measure, mode);
    }
    let mode = |seen: &Sighting| known.get(&seen.measure.as_ref()).copied();
    let all = submission.sightings.iter();
    Ok(all.map(|seen| mode(seen).unwrap_or(Mode::PartyAgreement)).collect())
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
    // What times records carry is for whoever wrote them to say: one dated ahead must not stop the record of hunts.
    let is_reversed = |one: &Sighting| one.first_seen > one.last_seen;
    if entry.at > ahead || submission.sightings.iter().any(is_reversed) {
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

/// Whether the sightings are those that the entry commits to, or none where the sensor may not have them any longer: their
/// records are over, or some of its records were void and went with what hunts had counted from them.
async fn commits(house: &Arc<House>, ctx: &Ctx, submission: &Submission) -> Answer<()> {
    let What::Ended(Outcome { seen: Some(seen), .. }) = &submission.entry.what else {
        return Ok(());
    };
    if seen.sightings.holds(&submission.sightings) {
        return Ok(());
    }
    let refusal = || refused("NRS-HUNT-0308", StatusCode::UNPROCESSABLE_ENTITY);
    if !submission.sightings.is_empty() {
        return Err(refusal().into());
    }
    let (org, sensor) = (ctx.org.clone(), submission.entry.sensor.to_string());
    let is_over = seen.retain_until.is_some_and(|until| until <= ctx.now);
    if is_over || house.store.read(move |reader| read::has_void(reader, &org, &sensor)).await? {
        return Ok(());
    }
    Err(refusal().into())
}

async fn authentic(house: &Arc<House>, ctx: &Ctx, entry: &Entry) -> Answer<()> {
    let (org, name) = (ctx.org.clone(), entry.sensor.to_string());
    let sensor = name.clone();
    let person = ctx.person.clone();
    let found = house.store.read(move |reader| {
        Ok((law::read::sensor_of(reader, &person)?, law::read::sensor(reader, &org, &sensor)?))
    });
    let (own, enrolled) = found.await?;
    // Nobody's token hands in what is under a name that is not its own.
    if let Some(own) = own.filter(|own| own.sensor != name) {
        return Err(refused("NRS-HUNT-0309", StatusCode::FORBIDDEN)
            .arg("sensor", name)
            .arg("own", own.sensor)
            .arg("sequence", entry.sequence)
            .into());
    }
    let is_right = match enrolled {
        Some(sensor) => sensor.person == ctx.person.as_str() && entry.is_signed_by(&sensor.key),
        None => entry.signature.is_none(),
    };
    if is_right { Ok(()) } else { Err(refused("NRS-HUNT-0307", StatusCode::FORBIDDEN).into()) }
}

fn goes_on(entry: &Entry, chain: Option<&Chain>) -> Result<(), Refusal> {
    let expected = chain.map_or(0, |chain| chain.next);
    if entry.sequence != expected {
        return Err(refused("NRS-HUNT-0304", StatusCode::CONFLICT)
            .arg("sequence", entry.sequence)
            .arg("expected", expected));
    }
    let previous = entry.previous.map(|digest| digest.to_string());
    if previous.as_deref() != chain.map(|chain| chain.last.as_str()) {
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

fn change(
    ctx: &Ctx,
    entry: &Entry,
    (digest, record, name): (&str, &str, &str),
    added: &Added,
) -> Answer<Change> {
    let broken = |problem: serde_json::Error| Failure::Broken(Box::new(problem));
    let text = serde_json_canonicalizer::to_string(entry).map_err(broken)?;
    let named = entry.digest().map_err(broken)?;
    let (sensor, into_graph) = (entry.sensor.to_string(), added.saw.len() as u64);
    let fact = Fact::HuntEntry {
        // A name is unique within its organisation only.
        sensor: format!("{}/{name}", ctx.org),
        sequence: entry.sequence,
        at: format!("{:.3}", entry.at),
        hunt: word(entry).to_owned(),
        entry: Digest(named.0),
        previous: entry.previous.map(|digest| Digest(digest.0)),
    };
    let case = entry.why.as_ref().map(|why| why.case.as_str());
    let mut change = Change::new("hunt.submit", digest, fact)
        .payload(json!({ "entry": entry, "into_graph": into_graph }))
        .write(chain_write(ctx, (&sensor, record, name), entry.sequence, digest))
        .write(Write::one(
            "INSERT INTO hunt_entry (digest, org, sensor, record, sequence, hunt, case_name, made_at, text, into_graph, \
             arrived_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            vec![
                Value::from(digest),
                Value::from(&ctx.org),
                Value::from(&sensor),
                Value::from(record),
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

/// INVARIANT: a record of hunts has no gap and no fork, whoever comes first.
fn chain_write(
    ctx: &Ctx,
    (sensor, record, name): (&str, &str, &str),
    sequence: u64,
    digest: &str,
) -> Write {
    let mut params = vec![
        Value::from(&ctx.org),
        Value::from(sensor),
        Value::from(record),
        Value::from(sequence),
        Value::from(digest),
    ];
    if sequence == 0 {
        params.push(Value::from(name));
        Write::one(
            "INSERT INTO hunt_record (org, sensor, record, next, last, name) VALUES ($1, $2, $3, $4 + 1, $5, $6)",
            params,
        )
    } else {
        Write::one(
            "UPDATE hunt_record SET next = next + 1, last = $5 \
             WHERE org = $1 AND sensor = $2 AND record = $3 AND next = $4",
            params,
        )
    }
}
