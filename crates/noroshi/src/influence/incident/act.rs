//! What changes about a case: it is opened, parts are added and ended, members speak, steps are taken. Each is a leaf.

use std::sync::Arc;

use axum::http::StatusCode;
use noroshi_charter::coordination::{Nexus, Reviewer, may_state_nexus};
use noroshi_charter::counter::{Needs, may_propose};
use noroshi_charter::fimi::{
    Speaker, State, Vote, is_public, may_add_notice, may_end_notice, may_enter_graph, may_step,
    may_take_out, may_vote,
};
use noroshi_charter::finding::Digest;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde::Deserialize;
use serde_json::json;

use super::part::Body;
use super::read::{self, Whole};
use super::{panel, private, stix};
use crate::evidence::rows::{self, NewObject};
use crate::house::House;
use crate::influence::act::{
    Made, TEXT_CHARS_MAX, TITLE_CHARS_MAX, broken, commit, decided, fresh, may, refuse, text,
};
use crate::office::authorise::Action;
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::response::read as measures;
use crate::web::refusal::{Answer, Failure, Refusal};

/// Parts of one case at most.
pub const PARTS_MAX: usize = 5_000;

/// A case to open.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIncident {
    /// What it is called.
    pub title: String,
    /// For whom what leaves it is at most: `clear`, `green`, `amber`, `amber-strict` or `red`.
    pub tlp: String,
    /// What pointed to it.
    pub signal: String,
}

/// A case with everything; absent otherwise.
pub async fn find(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<Whole> {
    may(house, ctx, Action::InfluenceRead)?;
    let (id, now) = (id.to_owned(), ctx.now);
    let found = house.store.read(move |reader| read::whole(reader, &id, now)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

/// Opens a case on a signal.
pub async fn open(house: &Arc<House>, ctx: &Ctx, new: NewIncident) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let title = text(&new.title, TITLE_CHARS_MAX, true)?;
    let signal = text(&new.signal, TEXT_CHARS_MAX, true)?;
    rows::tlp_of(&new.tlp).ok_or_else(|| wrong(("NRS-INFL-1102", "tlp".to_owned())))?;
    let id = fresh(ctx, "fimi");
    let change = Change::office("influence.incident.open", &id)
        .payload(json!({ "title": title, "tlp": new.tlp, "signal": signal }))
        .write(Write::one(
            "INSERT INTO influence_incident (incident, title, state, version, tlp, org, created_at) \
             VALUES ($1, $2, 'signal', 1, $3, $4, $5)",
            vec![
                Value::from(&id),
                Value::from(&title),
                Value::from(&new.tlp),
                Value::from(&ctx.org),
                Value::from(ctx.now),
            ],
        ))
        .write(step_row(ctx, &id, ("", "signal"), &signal));
    commit(house, ctx, id, change).await
}

pub(super) fn step_row(ctx: &Ctx, incident: &str, (from, to): (&str, &str), reason: &str) -> Write {
    Write::one(
        "INSERT INTO influence_step (step, incident, from_state, to_state, reason, person, org, hat, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        vec![
            Value::from(fresh(ctx, "step")),
            Value::from(incident),
            Value::from(from),
            Value::from(to),
            Value::from(reason),
            Value::from(&ctx.person),
            Value::from(&ctx.org),
            Value::from(ctx.hat.id()),
            Value::from(ctx.now),
        ],
    )
}

pub(super) fn wrong((code, about): (&'static str, String)) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY)
        .arg("about", about)
        .arg("clause", "")
        .into()
}

/// The case stands as it was read, and moves on: a step is never decided on what somebody else changes meanwhile, and
/// nothing is added to a case that has moved on.
fn as_read(whole: &Whole) -> Write {
    Write::one(
        "UPDATE influence_incident SET version = version + 1 WHERE incident = $1 AND version = $2",
        vec![Value::from(&whole.incident.incident), Value::Int(whole.incident.version)],
    )
}

/// Adds a part to a case.
pub async fn add(house: &Arc<House>, ctx: &Ctx, id: &str, body: Body) -> Answer<Made> {
    let whole = find(house, ctx, id).await?;
    add_to(house, ctx, &whole, body).await
}

/// Adds a part to a case as it was read; a conflict when it has moved on since.
pub async fn add_to(house: &Arc<House>, ctx: &Ctx, whole: &Whole, body: Body) -> Answer<Made> {
    // The legal hat reviews statements of a foreign nexus and fixes the panel; it adds nothing else.
    let reviews = matches!(body, Body::NexusReview { .. }) && ctx.hat == Hat::Legal;
    let other = if reviews { Action::InfluenceAllow } else { Action::InfluenceAnalyse };
    may(house, ctx, panel::right(&body, ctx.hat).unwrap_or(other))?;
    let id = &whole.incident.incident;
    body.check().map_err(wrong)?;
    if matches!(body, Body::Notice { .. }) {
        decided(&may_add_notice(whole.incident.state))?;
    }
    if whole.parts.len() >= PARTS_MAX {
        return Err(wrong(("NRS-INFL-1106", PARTS_MAX.to_string())));
    }
    refers(house, ctx, whole, &body).await?;
    panel::may_add(house, ctx, whole, &body).await?;
    let part = fresh(ctx, "part");
    let said = serde_json::to_value(&body).map_err(broken)?;
    let change = Change::office("influence.incident.part", id)
        .payload(json!({ "part": part, "body": said, "votes": agreed_to(whole, &body) }))
        .write(as_read(whole))
        .write(part_row(ctx, id, &part, (body.kind(), &said)));
    commit(house, ctx, part, change).await
}

/// What the panel said of a correction that goes to the public; nothing of any other part.
fn agreed_to(whole: &Whole, body: &Body) -> Option<serde_json::Value> {
    if !matches!(body, Body::Correction { .. }) {
        return None;
    }
    let digest = Digest::of_canonical(body)?.to_string();
    Some(votes_json(&whole.votes_on(&digest)))
}

fn votes_json(votes: &[Vote<'_>]) -> serde_json::Value {
    votes.iter().map(|vote| json!([vote.person, vote.agrees, vote.is_on_this])).collect()
}

/// The row of a part.
pub(super) fn part_row(
    ctx: &Ctx,
    incident: &str,
    part: &str,
    (kind, said): (&str, &serde_json::Value),
) -> Write {
    Write::one(
        "INSERT INTO influence_part (part, incident, kind, body, person, org, hat, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        vec![
            Value::from(part),
            Value::from(incident),
            Value::from(kind),
            Value::from(said.to_string()),
            Value::from(&ctx.person),
            Value::from(&ctx.org),
            Value::from(ctx.hat.id()),
            Value::from(ctx.now),
        ],
    )
}

/// What a part refers to is there, and who adds it may say it.
async fn refers(house: &Arc<House>, ctx: &Ctx, whole: &Whole, body: &Body) -> Answer<()> {
    let is = |one: &read::Part, part: &str, kind: &str| one.part == part && one.body.kind() == kind;
    let has = |part: &str, kind: &str| whole.live().any(|one| is(one, part, kind));
    // One that went out in an earlier round is corrected too, whatever became of it since.
    let had = |part: &str| whole.parts.iter().any(|one| is(one, part, "notice"));
    match body {
        Body::Collection { collection } => {
            crate::influence::act::collection(house, ctx, collection).await.map(drop)
        }
        Body::Criterion { number: 2, holds: true, evidence, .. } if !has(evidence, "nexus") => {
            Err(wrong(("NRS-INFL-1107", evidence.clone())))
        }
        Body::CorrectionDraft { notice, .. } | Body::Correction { notice, .. } if !had(notice) => {
            Err(wrong(("NRS-INFL-1108", notice.clone())))
        }
        Body::NexusReview { nexus, .. } => {
            let stated = whole.live().find(|one| one.part == *nexus);
            let Some(read::Part { body: Body::Nexus { sources, confidence, .. }, person, .. }) =
                stated
            else {
                return Err(wrong(("NRS-INFL-1107", nexus.clone())));
            };
            let one = Reviewer { person: ctx.person.as_str(), hat: ctx.hat };
            // The second is somebody else, or still to come: what is asked here is whether this one may be the first.
            let before = whole.reviewers(nexus).first().copied();
            let other = before.map_or(Reviewer { person: " to come", hat: Hat::Legal }, |seen| {
                Reviewer { person: seen.0, hat: seen.1 }
            });
            decided(&may_state_nexus(&Nexus {
                sources,
                confidence,
                finder: person,
                reviewers: [other, one],
            }))
        }
        Body::Counter { id, basis } => {
            let there = there(house, ctx, whole, basis).await?;
            decided(&may_propose(id, &there))
        }
        _ => Ok(()),
    }
}

/// Words of a basis that are looked up as numbers of measures, at most.
const NAMED_MAX: usize = 50;

/// What is there of what an answer may need: the public was told, the registrar was, or the basis names a measure that is
/// approved and that the caller may know of.
async fn there(house: &Arc<House>, ctx: &Ctx, whole: &Whole, basis: &str) -> Answer<Vec<Needs>> {
    let mut there = vec![Needs::Nothing];
    there.extend(is_public(&whole.path()).then_some(Needs::Notice));
    there.extend(whole.is_informed("registrar").then_some(Needs::RegistrarNotice));
    let words = basis.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let named: Vec<String> =
        words.filter(|one| one.contains('-')).take(NAMED_MAX).map(str::to_owned).collect();
    let found = house.store.read(move |reader| {
        named.iter().map(|one| measures::measure(reader, one)).collect::<Result<Vec<_>, _>>()
    });
    let is_approved = |measure: &measures::Measure| {
        measure.authorisation.is_some()
            && ["approved", "executing", "active"].contains(&measure.state.as_str())
            && measures::visible(house, ctx, measure)
    };
    let is_there = found.await?.iter().flatten().any(is_approved);
    there.extend(is_there.then_some(Needs::Measure));
    Ok(there)
}

/// Ends a part. It stays on record with the reason.
pub async fn end(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    part: &str,
    reason: &str,
) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let whole = find(house, ctx, id).await?;
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    match whole.parts.iter().find(|one| one.part == part).map(|one| &one.body) {
        Some(Body::Notice { .. }) => decided(&may_end_notice(&whole.path()))?,
        // What went out stays out, and nobody comes off the panel but by a recusal.
        Some(Body::Correction { notice, .. }) if whole.went_out(notice) => {
            return Err(refuse("NRS-INFL-0915"));
        }
        Some(Body::Panel { .. } | Body::Recusal { .. }) => return Err(refuse("NRS-INFL-0919")),
        _ => {}
    }
    let change = Change::office("influence.incident.end", id)
        .payload(json!({ "part": part, "reason": reason }))
        .write(as_read(&whole))
        .write(Write::one(
            "UPDATE influence_part SET ended_at = $3, ended_why = $4 WHERE part = $1 AND incident = $2 AND ended_at IS NULL",
            vec![
                Value::from(part),
                Value::from(id),
                Value::from(ctx.now),
                Value::from(&reason),
            ],
        ));
    commit(house, ctx, part.to_owned(), change).await
}

/// Takes a case a step further, when the charter has nothing against it.
pub async fn step(house: &Arc<House>, ctx: &Ctx, id: &str, to: &str, reason: &str) -> Answer<Made> {
    let whole = find(house, ctx, id).await?;
    step_of(house, ctx, &whole, (to, reason)).await
}

/// What would leave by a step: the notice for the public, the bundle for anybody else.
fn leaving(whole: &Whole, to: State) -> Answer<serde_json::Value> {
    match whole.notice().filter(|_| to == State::PublicNotice) {
        Some((part, _)) => serde_json::to_value(&part.body).map_err(broken),
        None => Ok(stix::bundle(whole, tlp(whole))),
    }
}

/// Takes a case as it was read a step further; a conflict when anything of it has changed since.
pub async fn step_of(
    house: &Arc<House>,
    ctx: &Ctx,
    whole: &Whole,
    (to, reason): (&str, &str),
) -> Answer<Made> {
    let to = State::parse(to).ok_or_else(|| refuse("NRS-INFL-0901"))?;
    let (id, from) = (whole.incident.incident.as_str(), whole.incident.state);
    let leaving = leaving(whole, to)?;
    let notice = whole.notice();
    let known = whole.known(notice.as_ref().map(|(_, digest)| digest.as_str()));
    decided(&may_step(ctx.hat, from, to, &known.facts(whole, to, &leaving, reason)))?;
    may(house, ctx, Action::InfluenceAnalyse)?;
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let notice =
        notice.as_ref().map(|(part, digest)| json!({ "part": part.part, "digest": digest }));
    let change = Change::office("influence.incident.step", id)
        .payload(json!({
            "from": from.code(), "to": to.code(), "reason": reason, "election": whole.is_election,
            "notice": notice.filter(|_| to == State::PublicNotice),
            "votes": votes_json(&known.votes), "roster": known.roster, "recused": known.recused,
        }))
        .write(Write::one(
            "UPDATE influence_incident SET state = $3, version = version + 1 WHERE incident = $1 AND version = $2",
            vec![
                Value::from(id),
                Value::Int(whole.incident.version),
                Value::from(to.code()),
            ],
        ))
        .write(step_row(ctx, id, (from.code(), to.code()), &reason));
    commit(house, ctx, id.to_owned(), change).await
}

/// A member's word on exactly the notice in force, or on the draft of a correction.
pub async fn vote(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    (agrees, digest, reason): (bool, &str, &str),
) -> Answer<Made> {
    let whole = find(house, ctx, id).await?;
    let known = whole.known(None);
    let (workers, sitting) = (&known.workers, known.sitting());
    let speaker = Speaker { person: ctx.person.as_str(), hat: ctx.hat, workers, sitting: &sitting };
    decided(&may_vote(&speaker, reason))?;
    may(house, ctx, Action::InfluenceVote)?;
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let texts = whole.spoken_on();
    let Some(in_force) = texts.first() else { return Err(refuse("NRS-INFL-0909")) };
    if texts.iter().all(|one| one != digest) {
        return Err(Refusal::new("NRS-INFL-1109", StatusCode::CONFLICT)
            .arg("digest", in_force.clone())
            .into());
    }
    let vote = fresh(ctx, "vote");
    let change = Change::office("influence.incident.vote", id)
        .payload(json!({ "vote": vote, "notice": digest, "agrees": agrees, "reason": reason }))
        .write(as_read(&whole))
        .write(Write::one(
            "INSERT INTO influence_vote (vote, incident, notice, person, hat, agrees, reason, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                Value::from(&vote),
                Value::from(id),
                Value::from(digest),
                Value::from(&ctx.person),
                Value::from(ctx.hat.id()),
                Value::from(agrees),
                Value::from(&reason),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, vote, change).await
}

/// Puts a legal hold on a case, or lifts it: while it stands, the posts of its collections are kept.
pub async fn hold(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &str,
    holds: bool,
    reason: &str,
) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAllow)?;
    let whole = find(house, ctx, id).await?;
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let change = Change::office("influence.incident.hold", id)
        .payload(json!({ "holds": holds, "reason": reason }))
        .write(Write::one(
            "UPDATE influence_incident SET legal_hold = $2, version = version + 1 WHERE incident = $1 \
             AND legal_hold <> $2 AND version = $3",
            vec![Value::from(id), Value::from(holds), Value::Int(whole.incident.version)],
        ));
    commit(house, ctx, id.to_owned(), change).await
}

/// The colour of a case; amber when what is stored were none.
pub fn tlp(whole: &Whole) -> Tlp {
    rows::tlp_of(&whole.incident.tlp).unwrap_or(Tlp::Amber)
}

/// Whether a case may be taken out in a form: partners or the public were told, and it names no private person at home.
pub(super) fn may_leave(ctx: &Ctx, whole: &Whole, leaving: &serde_json::Value) -> Answer<()> {
    decided(&may_take_out(ctx.hat, &whole.path(), private::is_named(whole, leaving)))
}

/// Takes a case out as a bundle. That it was taken out is a leaf before it is handed over.
pub async fn export(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<serde_json::Value> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let whole = find(house, ctx, id).await?;
    let bundle = stix::bundle(&whole, tlp(&whole));
    may_leave(ctx, &whole, &bundle)?;
    let digest = Digest::of_canonical(&bundle);
    let change = Change::office("influence.incident.export", id).payload(json!({
        "digest": digest, "withheld": stix::made(&whole, tlp(&whole)).withheld,
    }));
    house.door.commit(ctx, change).await?;
    Ok(bundle)
}

/// Puts the objects of a case into the evidence graph, where a lookalike domain meets a measure or a notice.
pub async fn into_graph(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<(Made, u64)> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    let whole = find(house, ctx, id).await?;
    let tlp = tlp(&whole);
    let mut objects = Vec::new();
    let bundle = stix::bundle(&whole, tlp);
    decided(&may_enter_graph(ctx.hat, &whole.path(), private::is_named(&whole, &bundle)))?;
    for object in stix::made(&whole, tlp).objects {
        objects.push(NewObject {
            object: StixObject::parse(&object.to_string()).map_err(broken)?,
            tlp,
            class: LegalClass::CiaN,
            originator: whole.incident.org.clone(),
            source: format!("influence:{id}"),
        });
    }
    if objects.is_empty() {
        return Err(refuse("NRS-INFL-1110"));
    }
    let mut change = Change::new("influence.incident.graph", id, rows::fact("influence", &objects))
        .payload(json!({ "objects": objects.len() }));
    change.writes = rows::insert_objects(&objects, ctx.now);
    let made = commit(house, ctx, id.to_owned(), change).await?;
    Ok((made, objects.len() as u64))
}
