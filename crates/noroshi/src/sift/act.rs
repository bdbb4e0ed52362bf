//! Taking certificates of selection and the sightings that come with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use noroshi_evidence::build::{self, Common, Identity};
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::observable::Observable;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use noroshi_sift::certificate::Certificate;
use noroshi_sift::chain::{Deletion, Entry, retain_until};
use noroshi_sift::mandate::Mandate;
use noroshi_sift::mode::Mode;
use noroshi_sift::sighting::{HANDED_IN_MAX, Sighting};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{law, read};
use crate::evidence::read::Sees;
use crate::evidence::rows::{
    self, NewObject, SEEN_FOR_REPORTS, SEEN_UNDER_AGREEMENT, SEEN_UNDER_AGREEMENT_FOR_REPORTS,
};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::Ctx;
use crate::office::id::OrgId;
use crate::office::people::{self, Org};
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::refusal::{Answer, Failure, Refusal};

/// Sightings of one certificate that are taken.
pub const SIGHTINGS_MAX: usize = HANDED_IN_MAX;
/// Indicators that one sighting is written for; the oldest first.
const INDICATORS_PER_SIGHTING_MAX: usize = 20;
/// The source prefix of what a sensor saw.
const SEEN: &str = "sift:";
/// How far a sensor's clock may be ahead of ours.
pub(super) const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);
/// How often the chain is read again when another submission came first.
pub(super) const TRIES_MAX: usize = 3;

/// What a sensor hands in: as `noroshi sift run` wrote it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The certificate.
    pub certificate: Certificate,
    /// What was seen.
    #[serde(default)]
    pub sightings: Vec<Sighting>,
    /// That it began after its mandate had been withdrawn, and that the sensor has removed what was kept under it: the
    /// chain goes on, and nothing of it is used.
    #[serde(default)]
    pub void: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The certificate's digest: its name.
    pub id: String,
    /// Index of its leaf.
    pub position: u64,
    /// Sightings of indicators written to the graph.
    pub into_graph: u64,
    /// True when it had been handed in before.
    pub again: bool,
}

fn refused(code: &'static str, status: StatusCode) -> Refusal {
    Refusal::new(code, status)
}

/// Takes a certificate: it must balance, continue its sensor's chain and lie in the past. Handing the same one in
/// again gives the same answer and changes nothing.
pub async fn submit(house: &Arc<House>, ctx: &Ctx, submission: Submission) -> Answer<Accepted> {
    house.authoriser.check(
        ctx,
        Action::SiftSubmit,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    check(&submission, ctx.now)?;
    let entry = Entry::Selection(Box::new(submission.certificate.clone()));
    let issued = authentic(house, ctx, &entry).await?;
    still_holds(&submission, issued.as_ref())?;
    // Only now: a sensor that has been told of the end of its mandate has removed what it would have handed in.
    commits(&submission, ctx.now)?;
    let broken =
        |problem| Failure::Broken(Box::new(problem) as Box<dyn std::error::Error + Send + Sync>);
    let digest = submission.certificate.digest().map_err(broken)?;
    let submission = Arc::new(submission);
    for tried in 1.. {
        let (asked, org, now) = (Arc::clone(&submission), ctx.org.clone(), ctx.now);
        let found = house.store.read(move |reader| standing(reader, &asked, &org, now)).await?;
        if let Some(before) = found.same_number {
            if before.digest == digest.to_string() {
                let (position, into_graph) = (before.position, before.into_graph);
                return Ok(Accepted { id: before.digest, position, into_graph, again: true });
            }
            return Err(refused("NRS-SIFT-0303", StatusCode::CONFLICT)
                .arg("sequence", submission.certificate.sequence)
                .into());
        }
        continues(&submission.certificate, found.chain.as_ref())?;
        let into_graph = found.added.saw.len() as u64;
        let change = change(ctx, &submission, digest, &found.added)?;
        match house.door.commit(ctx, change).await {
            Ok(done) => {
                return Ok(Accepted {
                    id: digest.to_string(),
                    position: done.position,
                    into_graph,
                    again: false,
                });
            }
            // Another submission of this sensor, or of one that sees the same for the first time: look again.
            Err(CommitFailure::Conflict { .. }) if tried < TRIES_MAX => {}
            Err(problem) => return Err(problem.into()),
        }
    }
    Err(refused("NRS-SIFT-0303", StatusCode::CONFLICT).into())
}

/// Whether the entry is the sensor's own, and a statutory selection one that was mandated. A sensor that is enrolled signs
/// everything, and its token hands in nothing under another name; one that is not selects on its own network only. The
/// mandate of a statutory selection.
async fn authentic(
    house: &Arc<House>,
    ctx: &Ctx,
    entry: &Entry,
) -> Answer<Option<law::read::Issued>> {
    let (org, name) = (ctx.org.clone(), entry.sensor().to_string());
    let sensor = name.clone();
    let mandate = match entry {
        Entry::Selection(certificate) => certificate.rules.as_ref().and_then(|rules| rules.mandate),
        Entry::Deletion(_) => None,
    };
    let person = ctx.person.clone();
    let (own, enrolled, issued) = house
        .store
        .read(move |reader| {
            let own = law::read::sensor_of(reader, &person)?;
            let enrolled = law::read::sensor(reader, &org, &sensor)?;
            let issued = match mandate {
                Some(digest) => law::read::mandate_of(reader, &org, &sensor, &digest.to_string())?,
                None => None,
            };
            Ok((own, enrolled, issued))
        })
        .await?;
    if let Some(own) = own.filter(|own| own.sensor != name) {
        return Err(refused("NRS-SIFT-0313", StatusCode::FORBIDDEN)
            .arg("sensor", name)
            .arg("own", own.sensor)
            .arg("sequence", entry.sequence())
            .into());
    }
    // What an enrolled sensor signed comes under its own login: another's token does not speak for it.
    let is_own = |sensor: &law::read::Enrolled| sensor.person == ctx.person.as_str();
    let is_signed =
        enrolled.as_ref().map(|sensor| is_own(sensor) && entry.is_signed_by(&sensor.key));
    if is_signed == Some(false) || (is_signed.is_none() && entry.signature().is_some()) {
        return Err(refused("NRS-SIFT-0307", StatusCode::FORBIDDEN).into());
    }
    let Entry::Selection(certificate) = entry else { return Ok(None) };
    let Err(locked) = certificate.mode.direction() else { return Ok(None) };
    let Some(issued) = issued.filter(|_| is_signed == Some(true)) else {
        return Err(refused("NRS-SIFT-0001", StatusCode::FORBIDDEN)
            .arg("clause", locked.clause)
            .into());
    };
    if within(certificate, &issued.signed.mandate) {
        Ok(Some(issued))
    } else {
        Err(refused("NRS-SIFT-0308", StatusCode::UNPROCESSABLE_ENTITY).into())
    }
}

/// A selection that began after its mandate had been withdrawn is taken as void or not at all, and no other one is void.
fn still_holds(submission: &Submission, issued: Option<&law::read::Issued>) -> Result<(), Refusal> {
    let withdrawn = issued.and_then(|issued| issued.withdrawn.as_ref());
    let at = withdrawn.map(|signed| signed.withdrawal.at);
    let late = at.filter(|at| submission.certificate.started_at > *at);
    match (late, submission.void) {
        (Some(at), false) => {
            Err(refused("NRS-SIFT-0310", StatusCode::UNPROCESSABLE_ENTITY).arg("at", at))
        }
        (Some(_), true) if submission.sightings.is_empty() => Ok(()),
        (_, true) => Err(refused("NRS-SIFT-0311", StatusCode::UNPROCESSABLE_ENTITY)),
        (None, false) => Ok(()),
    }
}

/// Whether what a certificate says of itself is what its mandate allowed.
fn within(certificate: &Certificate, mandate: &Mandate) -> bool {
    let Some(rules) = &certificate.rules else { return false };
    let period = mandate.not_before..=mandate.not_after;
    certificate.mode == mandate.mode
        && period.contains(&certificate.started_at)
        && certificate.retention_days <= mandate.retention_days_max
        && rules.switches == mandate.switches
        && rules.measure.as_ref() == Some(&mandate.measure)
        && rules.geo_basis.as_ref() == Some(&mandate.prefix_table)
}

/// Takes the certificate of a deletion: it must agree with itself, continue its sensor's chain, lie in the past, and be
/// about records that this sensor's certificates covered. Handing the same one in again changes nothing.
pub async fn submit_deletion(
    house: &Arc<House>,
    ctx: &Ctx,
    deletion: Deletion,
) -> Answer<Accepted> {
    house.authoriser.check(
        ctx,
        Action::SiftSubmit,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    let unprocessable = |code| refused(code, StatusCode::UNPROCESSABLE_ENTITY);
    if !deletion.balances() {
        return Err(unprocessable("NRS-SIFT-0309").into());
    }
    let ahead = ctx.now.saturating_add(AHEAD_MAX).unwrap_or(ctx.now);
    if deletion.deleted_at > ahead {
        return Err(unprocessable("NRS-SIFT-0302").arg("at", deletion.deleted_at).into());
    }
    authentic(house, ctx, &Entry::Deletion(Box::new(deletion.clone()))).await?;
    let broken = |problem: serde_json::Error| Failure::Broken(Box::new(problem));
    let digest = deletion.digest().map_err(broken)?;
    let deletion = Arc::new(deletion);
    for tried in 1.. {
        let (asked, org) = (Arc::clone(&deletion), ctx.org.clone());
        let found = house.store.read(move |reader| read::deletion(reader, &org, &asked)).await?;
        if let Some((known, position)) = found.same_number {
            if known == digest.to_string() {
                return Ok(Accepted { id: known, position, into_graph: 0, again: true });
            }
            return Err(refused("NRS-SIFT-0303", StatusCode::CONFLICT)
                .arg("sequence", deletion.sequence)
                .into());
        }
        goes_on(deletion.sequence, Some(deletion.previous), found.chain.as_ref())?;
        if !found.covers_all {
            return Err(unprocessable("NRS-SIFT-0309").into());
        }
        match house.door.commit(ctx, deletion_change(ctx, &deletion, digest)?).await {
            Ok(done) => {
                let id = digest.to_string();
                return Ok(Accepted { id, position: done.position, into_graph: 0, again: false });
            }
            Err(CommitFailure::Conflict { .. }) if tried < TRIES_MAX => {}
            Err(problem) => return Err(problem.into()),
        }
    }
    Err(refused("NRS-SIFT-0303", StatusCode::CONFLICT).into())
}

fn deletion_change(
    ctx: &Ctx,
    deletion: &Deletion,
    digest: noroshi_sift::digest::Digest,
) -> Answer<Change> {
    let broken = |problem: serde_json::Error| Failure::Broken(Box::new(problem));
    let text = serde_json_canonicalizer::to_string(deletion).map_err(broken)?;
    let (files, rows) =
        (deletion.files.len() as u64, deletion.files.iter().map(|file| file.rows).sum::<u64>());
    let sensor = deletion.sensor.to_string();
    let fact = Fact::SiftDeletion {
        sensor: format!("{}/{sensor}", ctx.org),
        sequence: deletion.sequence,
        at: format!("{:.3}", deletion.deleted_at),
        files,
        rows,
        certificate: Digest(digest.0),
        previous: Digest(deletion.previous.0),
    };
    let digest = digest.to_string();
    Ok(Change::new("sift.deletion", &digest, fact)
        .payload(json!({ "deletion": deletion }))
        .write(chain_write(ctx, &sensor, deletion.sequence, &digest))
        .write(Write::one(
            "INSERT INTO sift_deletion (digest, org, sensor, sequence, deleted_at, files, rows, text, arrived_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            vec![
                Value::from(&digest),
                Value::from(&ctx.org),
                Value::from(&sensor),
                Value::from(deletion.sequence),
                Value::from(deletion.deleted_at),
                Value::from(files),
                Value::from(rows),
                Value::from(text),
                Value::from(ctx.now),
            ],
        )))
}

/// What can be said of a certificate alone.
fn check(submission: &Submission, now: Timestamp) -> Result<(), Refusal> {
    let certificate = &submission.certificate;
    let whole = certificate.balances() && certificate.rows >= certificate.tally.kept;
    if !whole {
        return Err(refused("NRS-SIFT-0301", StatusCode::UNPROCESSABLE_ENTITY));
    }
    let ahead = now.saturating_add(AHEAD_MAX).unwrap_or(now);
    // Only when the sensor ended is a statement of its own clock. What times records carry is for whoever wrote them to
    // say: one of them dated ahead must not stop the sensor's chain.
    let late = certificate.finished_at;
    let is_reversed = submission.sightings.iter().any(|one| one.first_seen > one.last_seen);
    if late > ahead || is_reversed {
        return Err(refused("NRS-SIFT-0302", StatusCode::UNPROCESSABLE_ENTITY).arg("at", late));
    }
    if submission.sightings.len() > SIGHTINGS_MAX {
        return Err(
            refused("NRS-SIFT-0305", StatusCode::UNPROCESSABLE_ENTITY).arg("max", SIGHTINGS_MAX)
        );
    }
    // One record can match several selectors, so counts bound each other only one by one.
    if submission.sightings.iter().any(|one| one.count == 0 || one.count > certificate.tally.kept) {
        return Err(refused("NRS-SIFT-0306", StatusCode::UNPROCESSABLE_ENTITY));
    }
    Ok(())
}

/// Whether the sightings are those that the certificate commits to.
fn commits(submission: &Submission, now: Timestamp) -> Result<(), Refusal> {
    let certificate = &submission.certificate;
    // A void one has none ([`still_holds`]).
    if let Some(committed) = &certificate.sightings
        && !submission.void
        && !committed.holds(&submission.sightings)
    {
        // What the sensor may not keep any longer it cannot hand in.
        let is_over = retain_until(certificate).is_some_and(|until| until <= now);
        if !(is_over && submission.sightings.is_empty()) {
            return Err(refused("NRS-SIFT-0312", StatusCode::UNPROCESSABLE_ENTITY));
        }
    }
    Ok(())
}

/// The end of a sensor's chain: the number that must come next, and the digest of the last one.
pub(super) type Chain = (u64, String);

fn continues(certificate: &Certificate, chain: Option<&Chain>) -> Result<(), Refusal> {
    goes_on(certificate.sequence, certificate.previous, chain)
}

fn goes_on(
    sequence: u64,
    previous: Option<noroshi_sift::digest::Digest>,
    chain: Option<&Chain>,
) -> Result<(), Refusal> {
    let expected = chain.map_or(0, |(next, _)| *next);
    if sequence != expected {
        return Err(refused("NRS-SIFT-0304", StatusCode::CONFLICT)
            .arg("sequence", sequence)
            .arg("expected", expected));
    }
    let previous = previous.map(|digest| digest.to_string());
    if previous.as_deref() != chain.map(|(_, last)| last.as_str()) {
        return Err(refused("NRS-SIFT-0303", StatusCode::CONFLICT).arg("sequence", sequence));
    }
    Ok(())
}

/// What the store says about a submission.
struct Standing {
    same_number: Option<read::Taken>,
    chain: Option<Chain>,
    added: Added,
}

/// What a submission adds to the graph.
#[derive(Default)]
pub(super) struct Added {
    pub(super) objects: Vec<NewObject>,
    /// What each sighting saw: its indicator may name more than that.
    pub(super) saw: Vec<(StixId, Observable)>,
}

fn of_certificate(
    reader: &Reader<'_>,
    submission: &Submission,
    org: &OrgId,
    now: Timestamp,
) -> Result<Added, StoreFailure> {
    let certificate = &submission.certificate;
    let digest = certificate.digest();
    let digest =
        digest.map_err(|problem| StoreFailure::Damaged(format!("an object to make: {problem}")))?;
    let of = (digest.to_string(), certificate.sensor.to_string());
    let seen: Vec<_> = submission.sightings.iter().map(|one| (certificate.mode, one)).collect();
    graph(reader, &of, &seen, org, now)
}

fn standing(
    reader: &Reader<'_>,
    submission: &Submission,
    org: &OrgId,
    now: Timestamp,
) -> Result<Standing, StoreFailure> {
    let certificate = &submission.certificate;
    let sensor = certificate.sensor.to_string();
    let same_number = read::numbered(reader, org, &sensor, certificate.sequence)?;
    let chain = read::chain(reader, org, &sensor)?;
    let added = if same_number.is_none() {
        of_certificate(reader, submission, org, now)?
    } else {
        Added::default()
    };
    Ok(Standing { same_number, chain, added })
}

/// A name that follows from what it names, so that the same thing has the same name each time (RFC 9562 version 8).
pub(crate) fn uuid_of(parts: &[&str]) -> Uuid {
    let whole =
        parts.iter().fold(Sha256::new(), |whole, part| whole.chain_update(part).chain_update([0]));
    let bytes: [u8; 32] = whole.finalize().into();
    let (first, _) = bytes.split_at(16);
    uuid::Builder::from_custom_bytes(first.try_into().unwrap_or_default()).into_uuid()
}

/// The identity under which an organisation stands in the graph.
pub fn identity_of(org: &OrgId) -> Result<StixId, noroshi_evidence::id::ParseId> {
    StixId::new("identity", uuid_of(&["noroshi/identity/v1", org.as_str()]))
}

/// The sightings of indicators that a submission of a digest and a sensor adds, each with the ground it was seen on, and the operator's identity with
/// the first of them.
pub(super) fn graph(
    reader: &Reader<'_>,
    (digest, sensor): &(String, String),
    sightings: &[(Mode, &Sighting)],
    org: &OrgId,
    now: Timestamp,
) -> Result<Added, StoreFailure> {
    let damaged = |problem: &dyn std::fmt::Display| {
        StoreFailure::Damaged(format!("an object to make: {problem}"))
    };
    let who = identity_of(org).map_err(|problem| damaged(&problem))?;
    let marking = vec![Tlp::AmberStrict.marking_id()];
    let new = |object: StixObject, class, prefix: &str| NewObject {
        object,
        tlp: Tlp::AmberStrict,
        class,
        originator: org.to_string(),
        source: format!("{prefix}{org}/{sensor}"),
    };
    let mut added = Added::default();
    let mut done = BTreeSet::new();
    for (mode, seen) in sightings {
        let Ok(observable) = Observable::parse(seen.value.trim_start_matches('=')) else {
            continue;
        };
        let indicators = crate::evidence::read::naming(reader, Sees::ALL, &observable)?;
        let indicators = indicators.iter().filter(|row| row.kind == "indicator" && !row.hidden);
        for row in indicators.take(INDICATORS_PER_SIGHTING_MAX) {
            let Ok(indicator) = row.id.parse::<StixId>() else { continue };
            let mut parts =
                vec!["noroshi/sighting/v1", digest.as_str(), row.id.as_str(), seen.value.as_str()];
            // What was seen under two measures is two things, which leave on different terms.
            parts.extend(seen.measure.as_ref().map(|measure| measure.as_str()));
            let uuid = uuid_of(&parts);
            if !done.insert(uuid) {
                continue;
            }
            let common =
                Common { object_marking_refs: marking.clone(), ..Common::first(uuid, now) };
            let what = build::Sighting {
                sighting_of_ref: &indicator,
                where_sighted_refs: std::slice::from_ref(&who),
                observed_data_refs: &[],
                first_seen: Some(seen.first_seen),
                last_seen: Some(seen.last_seen),
                count: Some(seen.count),
            };
            let object = build::sighting(&common, &what).map_err(|problem| damaged(&problem))?;
            added.saw.push((object.id().clone(), observable.clone()));
            // Telemetry is communications: what stems from it is held in the strictest class.
            let prefix = prefix(*mode, row.from_report);
            added.objects.push(new(object, LegalClass::Cia, prefix));
        }
    }
    if !added.saw.is_empty()
        && crate::evidence::read::brief(reader, Sees::ALL, who.as_str())?.is_none()
    {
        let org = people::find_org(reader, org)?;
        let object =
            identity(&who, org.as_ref(), now, &marking).map_err(|problem| damaged(&problem))?;
        added.objects.push(new(object, LegalClass::CiaN, SEEN));
    }
    Ok(added)
}

/// How a sighting came: under which mode, and whether what was seen is known from a report only. What an agreement brought
/// says so: it leaves with the consent of the party only (Act art. 38(3)).
const fn prefix(mode: Mode, from_report: bool) -> &'static str {
    match (mode, from_report) {
        (Mode::PartyAgreement, false) => SEEN_UNDER_AGREEMENT,
        (Mode::PartyAgreement, true) => SEEN_UNDER_AGREEMENT_FOR_REPORTS,
        (_, false) => SEEN,
        (_, true) => SEEN_FOR_REPORTS,
    }
}

fn identity(
    who: &StixId,
    org: Option<&Org>,
    now: Timestamp,
    marking: &[StixId],
) -> Result<StixObject, noroshi_evidence::object::ParseObject> {
    let common = Common { object_marking_refs: marking.to_vec(), ..Common::first(who.uuid(), now) };
    let sector = org.and_then(|org| org.sector.as_deref());
    let name = org.map_or("", |org| org.name_ja.as_str());
    let what = Identity {
        name,
        identity_class: "organization",
        sectors: sector.as_slice(),
        description: org.map(|org| org.name_en.as_str()),
    };
    build::identity(&common, &what)
}

fn change(
    ctx: &Ctx,
    submission: &Submission,
    digest: noroshi_sift::digest::Digest,
    added: &Added,
) -> Answer<Change> {
    let into_graph = added.saw.len() as u64;
    let Certificate { sensor, mode, sequence, previous, tally, .. } = &submission.certificate;
    let broken = |problem: serde_json::Error| Failure::Broken(Box::new(problem));
    let text = serde_json_canonicalizer::to_string(&submission.certificate).map_err(broken)?;
    let mode = serde_json::to_value(mode)
        .ok()
        .and_then(|mode| mode.as_str().map(ToOwned::to_owned))
        .unwrap_or_default();
    let certificate = &submission.certificate;
    let fact = Fact::SiftBatch {
        // A sensor's name is unique within its organisation only.
        sensor: format!("{}/{sensor}", ctx.org),
        sequence: *sequence,
        mode: mode.clone(),
        from: format!("{:.3}", certificate.records_from.unwrap_or(certificate.started_at)),
        to: format!("{:.3}", certificate.records_to.unwrap_or(certificate.finished_at)),
        seen: tally.seen,
        kept: tally.kept,
        unmatched: tally.unmatched,
        direction: tally.direction,
        content: tally.content,
        errors: tally.errors,
        selectors: Digest(certificate.selectors.0),
        build: Digest(certificate.program.0),
        kept_root: Digest(certificate.rows_root.0),
        certificate: Digest(digest.0),
        previous: previous.map(|digest| Digest(digest.0)),
    };
    let digest = digest.to_string();
    let mut change = Change::new("sift.submit", &digest, fact)
        .payload(json!({ "certificate": certificate, "sightings": submission.sightings.len(), "into_graph": into_graph, "void": submission.void }));
    if submission.void {
        let write = "INSERT INTO sift_void (digest) VALUES ($1)";
        change.writes.push(Write::one(write, vec![Value::from(&digest)]));
    }
    change.writes.push(chain_write(ctx, &sensor.to_string(), *sequence, &digest));
    change.writes.push(Write::one(
        "INSERT INTO sift_certificate (digest, org, sensor, sequence, mode, started_at, finished_at, seen, kept, \
         unmatched, direction, content, errors, text, sightings, into_graph, arrived_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        vec![
            Value::from(&digest),
            Value::from(&ctx.org),
            Value::from(sensor.to_string()),
            Value::from(*sequence),
            Value::from(mode),
            Value::from(certificate.started_at),
            Value::from(certificate.finished_at),
            Value::from(tally.seen),
            Value::from(tally.kept),
            Value::from(tally.unmatched),
            Value::from(tally.direction),
            Value::from(tally.content),
            Value::from(tally.errors),
            Value::from(text),
            Value::from(submission.sightings.len() as u64),
            Value::from(into_graph),
            Value::from(ctx.now),
        ],
    ));
    change.writes.extend(rows::insert_objects(&added.objects, ctx.now));
    change
        .writes
        .extend(added.saw.iter().flat_map(|(id, what)| rows::insert_naming(id.as_str(), what)));
    Ok(change)
}

/// INVARIANT: a sensor's chain has no gap and no fork, whoever comes first.
fn chain_write(ctx: &Ctx, sensor: &str, sequence: u64, digest: &str) -> Write {
    let params = vec![
        Value::from(&ctx.org),
        Value::from(sensor),
        Value::from(sequence),
        Value::from(digest),
    ];
    if sequence == 0 {
        Write::one(
            "INSERT INTO sift_sensor (org, sensor, next, last) VALUES ($1, $2, $3 + 1, $4)",
            params,
        )
    } else {
        Write::one(
            "UPDATE sift_sensor SET next = next + 1, last = $4 WHERE org = $1 AND sensor = $2 AND next = $3",
            params,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agreement_brought_says_so_and_what_a_report_knows_stays_with_it() {
        for mode in Mode::ALL {
            for reported in [false, true] {
                let source = format!("{}org/sensor", prefix(mode, reported));
                let agreed = mode == Mode::PartyAgreement;
                assert_eq!(rows::stems_from_agreement(&source), agreed, "{source}");
                assert_eq!(rows::stems_from_report(&source), reported, "{source}");
            }
        }
    }
}
