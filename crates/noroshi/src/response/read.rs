//! What is known of measures and consents, for other rooms and for pages. Who may see is applied here.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_charter::approval::{Choice, Effect, Party, Request, Roster, Seat, Sitting, Vote};
use noroshi_charter::execution;
use noroshi_charter::finding::Digest;
use noroshi_charter::hat::Hat;
use serde::Serialize;
use serde_json::Value;

use super::seal::Plan;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::ctx::Ctx;
use crate::office::id::{OrgId, PersonId};
use crate::office::store::{Reader, Row, StoreFailure, Value as Cell};

/// An operator's consent to actions on its own network.
#[derive(Debug, Clone, Serialize)]
pub struct Consent {
    /// Its identifier.
    pub consent: String,
    /// The operator.
    pub org: String,
    /// The actuator.
    pub actuator: String,
    /// The actions.
    pub actions: BTreeSet<Effect>,
    /// What it covers, in words.
    pub assets: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Since when it is withdrawn.
    pub withdrawn_at: Option<Timestamp>,
}

impl Consent {
    /// Whether it is in force.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.withdrawn_at.is_none()
    }

    /// As the charter weighs it.
    pub fn fact(&self) -> execution::Consent {
        execution::Consent {
            actuator: self.actuator.clone(),
            actions: self.actions.clone(),
            expires_at: self.expires_at,
            withdrawn_at: self.withdrawn_at,
        }
    }
}

const CONSENT: &str = "SELECT consent, org, actuator, actions, assets, created_at, expires_at, withdrawn_at FROM response_consent";

fn consent_of(row: &Row<'_, '_>) -> Result<Consent, StoreFailure> {
    Ok(Consent {
        consent: row.text(0)?,
        org: row.text(1)?,
        actuator: row.text(2)?,
        actions: row.json(3)?,
        assets: row.text(4)?,
        created_at: row.time(5)?,
        expires_at: row.time(6)?,
        withdrawn_at: row.time_or_none(7)?,
    })
}

/// Consents in force at `now`, of every operator.
pub fn consents_in_force(
    reader: &Reader<'_>,
    now: Timestamp,
) -> Result<Vec<Consent>, StoreFailure> {
    let sql = format!(
        "{CONSENT} WHERE expires_at > $1 AND withdrawn_at IS NULL ORDER BY actuator, consent"
    );
    reader.all(&sql, &[Cell::from(now)], consent_of)
}

/// Every consent of one operator, newest first.
pub fn consents_of(reader: &Reader<'_>, org: &OrgId) -> Result<Vec<Consent>, StoreFailure> {
    let sql = format!("{CONSENT} WHERE org = $1 ORDER BY created_at DESC LIMIT 500");
    reader.all(&sql, &[Cell::from(org)], consent_of)
}

/// A measure's row.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Its identifier.
    pub measure: String,
    /// The case.
    pub case: String,
    /// Who asked.
    pub requester: PersonId,
    /// For whom.
    pub org: OrgId,
    /// `defensive` or `legal-order`.
    pub kind: String,
    /// Where it stands.
    pub state: String,
    /// Grows with every change.
    pub version: i64,
    /// Which text is in force.
    pub edition: i64,
    /// Digest of the text in force.
    pub request: String,
    /// First moment.
    pub not_before: Timestamp,
    /// First moment after.
    pub not_after: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// Leaf of the decision.
    pub position: Option<i64>,
    /// Digest of the authorisation.
    pub authorisation_digest: Option<String>,
    /// The signed authorisation.
    pub authorisation: Option<String>,
    /// Who carries it out.
    pub executor: Option<String>,
    /// Since when.
    pub executed_at: Option<Timestamp>,
    /// Why it was taken back.
    pub rollback_reason: Option<String>,
    /// The report afterwards.
    pub report: Option<String>,
    /// When it was reported.
    pub reported_at: Option<Timestamp>,
    /// What is asked, exactly.
    pub body: Request,
    /// What would be done.
    pub plan: Plan,
    /// What would run.
    pub playbook: Option<Value>,
}

const MEASURE: &str = "SELECT m.measure, m.case_id, m.requester, m.org, m.kind, m.state, m.version, m.edition, m.request, \
     m.not_before, m.not_after, m.created_at, m.decided_at, m.position, m.authorisation_digest, m.authorisation, \
     m.executor, m.executed_at, m.rollback_reason, m.report, m.reported_at, e.body, e.plan, e.playbook \
     FROM response_measure m JOIN response_edition e ON e.measure = m.measure AND e.edition = m.edition";

fn measure_of(row: &Row<'_, '_>) -> Result<Measure, StoreFailure> {
    let damaged = |what: &str| StoreFailure::Damaged(format!("a measure's {what}"));
    let playbook = row.text_or_none(23)?;
    Ok(Measure {
        measure: row.text(0)?,
        case: row.text(1)?,
        requester: PersonId::parse(&row.text(2)?).ok_or_else(|| damaged("requester"))?,
        org: OrgId::parse(&row.text(3)?).ok_or_else(|| damaged("organisation"))?,
        kind: row.text(4)?,
        state: row.text(5)?,
        version: row.int(6)?,
        edition: row.int(7)?,
        request: row.text(8)?,
        not_before: row.time(9)?,
        not_after: row.time(10)?,
        created_at: row.time(11)?,
        decided_at: row.time_or_none(12)?,
        position: row.int_or_none(13)?,
        authorisation_digest: row.text_or_none(14)?,
        authorisation: row.text_or_none(15)?,
        executor: row.text_or_none(16)?,
        executed_at: row.time_or_none(17)?,
        rollback_reason: row.text_or_none(18)?,
        report: row.text_or_none(19)?,
        reported_at: row.time_or_none(20)?,
        body: row.json(21)?,
        plan: row.json(22)?,
        playbook: playbook.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// One measure, whoever asks. Callers that answer a person use [`visible`] on it.
pub fn measure(reader: &Reader<'_>, measure: &str) -> Result<Option<Measure>, StoreFailure> {
    let sql = format!("{MEASURE} WHERE m.measure = $1");
    reader.first(&sql, &[Cell::from(measure)], measure_of)
}

/// Whether the caller may know of this measure. An operator knows of those approved for its own network.
pub fn visible(house: &House, ctx: &Ctx, measure: &Measure) -> bool {
    let concerned = measure.decided_at.is_some()
        && measure.plan.effects.iter().any(|effect| effect.org == ctx.org.as_str());
    let owner = if concerned { &ctx.org } else { &measure.org };
    let on = On { owner: Some(owner), requester: Some(&measure.requester), ..On::default() };
    house.authoriser.check(ctx, Action::ResponseRead, on).is_ok()
}

/// Measures after `cursor` (newest first) that the caller may know of. `states` empty means all.
pub fn measures(
    reader: &Reader<'_>,
    ctx: &Ctx,
    states: &[&str],
    cursor: Option<&str>,
    limit: u32,
) -> Result<Vec<Measure>, StoreFailure> {
    // An operator's rows are only those with an effect on its network; every other hat is admitted or not as a whole.
    let own = if ctx.hat == Hat::OperatorOfficer { ctx.org.as_str() } else { "" };
    let sql = format!(
        "{MEASURE} WHERE m.measure < $1 AND ($2 = '' OR $2 LIKE '% ' || m.state || ' %') \
         AND ($3 = '' OR EXISTS (SELECT 1 FROM response_effect f WHERE f.measure = m.measure AND f.org = $3)) \
         ORDER BY m.measure DESC LIMIT $4"
    );
    let states = if states.is_empty() { String::new() } else { format!(" {} ", states.join(" ")) };
    let params = [
        Cell::from(cursor.unwrap_or("~")),
        Cell::from(states),
        Cell::from(own),
        Cell::Int(i64::from(limit)),
    ];
    reader.all(&sql, &params, measure_of)
}

/// A question of the commission.
#[derive(Debug, Clone, Serialize)]
pub struct Question {
    /// Its identifier.
    pub question: String,
    /// Digest of the text that was read.
    pub request: String,
    /// Who asks.
    pub member: String,
    /// The name of who asks.
    pub name: String,
    /// What.
    pub text: String,
    /// When.
    pub asked_at: Timestamp,
    /// The answer.
    pub answer: Option<String>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

/// Questions on a measure, oldest first.
pub fn questions(reader: &Reader<'_>, measure: &str) -> Result<Vec<Question>, StoreFailure> {
    reader.all(
        "SELECT q.question, q.request, q.member, coalesce(p.name, q.member), q.text, q.asked_at, q.answer, q.answered_at \
         FROM response_question q LEFT JOIN office_person p ON p.person = q.member \
         WHERE q.measure = $1 ORDER BY q.asked_at, q.question",
        &[Cell::from(measure)],
        |row| {
            Ok(Question {
                question: row.text(0)?,
                request: row.text(1)?,
                member: row.text(2)?,
                name: row.text(3)?,
                text: row.text(4)?,
                asked_at: row.time(5)?,
                answer: row.text_or_none(6)?,
                answered_at: row.time_or_none(7)?,
            })
        },
    )
}

/// A named vote.
#[derive(Debug, Clone, Serialize)]
pub struct NamedVote {
    /// Digest of the text voted on.
    pub request: String,
    /// Who.
    pub member: String,
    /// Their name.
    pub name: String,
    /// `approve` or `refuse`.
    pub choice: String,
    /// Why.
    pub reasons: String,
    /// On which conditions.
    pub conditions: Vec<String>,
    /// When.
    pub voted_at: Timestamp,
}

/// Votes on a measure, oldest first; also those on earlier texts.
pub fn votes(reader: &Reader<'_>, measure: &str) -> Result<Vec<NamedVote>, StoreFailure> {
    reader.all(
        "SELECT v.request, v.member, coalesce(p.name, v.member), v.choice, v.reasons, v.conditions, v.voted_at \
         FROM response_vote v LEFT JOIN office_person p ON p.person = v.member \
         WHERE v.measure = $1 ORDER BY v.voted_at, v.member",
        &[Cell::from(measure)],
        |row| {
            Ok(NamedVote {
                request: row.text(0)?,
                member: row.text(1)?,
                name: row.text(2)?,
                choice: row.text(3)?,
                reasons: row.text(4)?,
                conditions: row.json(5)?,
                voted_at: row.time(6)?,
            })
        },
    )
}

/// Who sits in the commission.
pub fn roster(reader: &Reader<'_>) -> Result<Roster, StoreFailure> {
    let seats = reader.all(
        "SELECT h.person, h.org, h.hat FROM office_hat h JOIN office_person p ON p.person = h.person \
         WHERE h.hat IN ('commission.chair', 'commission.member') AND p.disabled_at IS NULL",
        &[],
        |row| {
            let seat = if row.text(2)? == Hat::CommissionChair.id() { Seat::Chair } else { Seat::Member };
            Ok((Party { person: row.text(0)?, org: row.text(1)? }, seat))
        },
    )?;
    Ok(Roster { seats: seats.into_iter().collect(), sitting: Sitting::Open })
}

/// The votes as the charter counts them.
pub fn charter_votes(votes: &[NamedVote], roster: &Roster) -> Vec<Vote> {
    let vote = |vote: &NamedVote| {
        let member = roster.seats.keys().find(|party| party.person == vote.member)?.clone();
        let choice = if vote.choice == "approve" { Choice::Approve } else { Choice::Refuse };
        Some(Vote {
            member,
            choice,
            reasons: vote.reasons.clone(),
            conditions: vote.conditions.clone(),
            request_digest: Digest::parse(&vote.request)?,
            at: vote.voted_at,
        })
    };
    votes.iter().filter_map(vote).collect()
}

/// One effect of a measure and where it stands.
#[derive(Debug, Clone, Serialize)]
pub struct EffectRow {
    /// Name within the measure.
    pub effect: String,
    /// Step of the playbook.
    pub step: String,
    /// The actuator.
    pub actuator: String,
    /// Whose it is.
    pub org: String,
    /// What is done.
    pub action: String,
    /// To what.
    pub target: String,
    /// `planned`, `begun`, `active`, `failed`, `expired`, `rolled_back` or `cancelled`.
    pub state: String,
    /// When it began.
    pub begun_at: Option<Timestamp>,
    /// When the device had it.
    pub applied_at: Option<Timestamp>,
    /// When it ends on its own.
    pub expires_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What the device said.
    pub readback: Option<String>,
    /// Why it failed.
    pub note: Option<String>,
}

/// The effects of a measure, in the order of the plan.
pub fn effects(reader: &Reader<'_>, measure: &str) -> Result<Vec<EffectRow>, StoreFailure> {
    reader.all(
        "SELECT effect, step, actuator, org, action, target, state, begun_at, applied_at, expires_at, ended_at, \
         readback, note FROM response_effect WHERE measure = $1 ORDER BY length(effect), effect",
        &[Cell::from(measure)],
        |row| {
            Ok(EffectRow {
                effect: row.text(0)?,
                step: row.text(1)?,
                actuator: row.text(2)?,
                org: row.text(3)?,
                action: row.text(4)?,
                target: row.text(5)?,
                state: row.text(6)?,
                begun_at: row.time_or_none(7)?,
                applied_at: row.time_or_none(8)?,
                expires_at: row.time_or_none(9)?,
                ended_at: row.time_or_none(10)?,
                readback: row.text_or_none(11)?,
                note: row.text_or_none(12)?,
            })
        },
    )
}

/// The texts a measure has had: edition, digest, moment.
pub fn editions(
    reader: &Reader<'_>,
    measure: &str,
) -> Result<Vec<(i64, String, Timestamp)>, StoreFailure> {
    reader.all(
        "SELECT edition, request, created_at FROM response_edition WHERE measure = $1 ORDER BY edition",
        &[Cell::from(measure)],
        |row| Ok((row.int(0)?, row.text(1)?, row.time(2)?)),
    )
}
