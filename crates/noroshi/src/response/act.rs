//! What can be done to measures and consents. Each verb is one change through the one door.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_charter::approval::{self, Choice, Kind, Outcome, Party, Vote};
use noroshi_charter::execution::{self, Facts};
use noroshi_charter::finding::{Digest, Finding, any_refusal};
use noroshi_ledger::digest::Digest as LeafDigest;
use noroshi_ledger::leaf::{self, Fact};
use serde_json::{Value, json};

use super::draft::{self, Ask, Draft};
use super::read::{self, Measure};
use super::seal::Planned;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::office::commit::{Change, CommitFailure, Committed, Idempotency, Job, Write};
use crate::office::ctx::{Ctx, Via};
use crate::office::id::{MeasureId, OrgId, PersonId, fresh_uuid};
use crate::office::store::Value as Cell;
use crate::web::refusal::{Answer, Item, Refusal};

/// Longest text of a question, an answer, reasons or a report, in characters.
pub const TEXT_CHARS_MAX: usize = approval::TEXT_CHARS_MAX;
/// How long a caller waits for the decision that its vote brought about.
const DECISION_WAIT: Duration = Duration::from_secs(10);
/// Attempts when somebody else votes in the same moment.
const ATTEMPTS: usize = 8;

/// Findings as a refusal with items.
pub fn refuse(code: &'static str, status: StatusCode, findings: &[Finding]) -> Refusal {
    let item = |finding: &Finding| Item {
        pointer: finding.place.clone(),
        code: finding.code.to_owned(),
        args: vec![("message", finding.message.clone()), ("clause", finding.clause.to_owned())],
    };
    Refusal::new(code, status)
        .items(findings.iter().filter(|finding| finding.is_refusal()).map(item).collect())
}

fn in_state(measure: &Measure) -> Refusal {
    Refusal::new("NRS-RESP-0003", StatusCode::CONFLICT).arg("state", &measure.state)
}

fn leaf(digest: Digest) -> LeafDigest {
    LeafDigest(digest.0)
}

fn request_leaf(measure: &Measure) -> LeafDigest {
    leaf(measure.body.digest())
}

/// A text that must not be empty, within its limit.
fn text(text: &str) -> Answer<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Err(Refusal::new("NRS-RESP-0007", StatusCode::UNPROCESSABLE_ENTITY)
            .arg("max", TEXT_CHARS_MAX)
            .into());
    }
    Ok(text.to_owned())
}

/// A measure the caller may know of; absent otherwise.
pub async fn find(house: &Arc<House>, ctx: &Ctx, measure: &str) -> Answer<Measure> {
    let wanted = measure.to_owned();
    let found = house.store.read(move |reader| read::measure(reader, &wanted)).await?;
    found.filter(|found| read::visible(house, ctx, found)).ok_or_else(|| Refusal::absent().into())
}

fn on(measure: &Measure) -> On<'_> {
    On { owner: Some(&measure.org), requester: Some(&measure.requester), ..On::default() }
}

// ---- consent ---------------------------------------------------------------------------------------------------

/// What an operator consents to.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConsent {
    /// The actuator.
    pub actuator: String,
    /// `deny.address`, `deny.domain`.
    pub actions: Vec<String>,
    /// What it covers, in words.
    pub assets: String,
    /// Until when, RFC 3339.
    pub expires_at: String,
}

/// Records an operator's consent for its own network.
pub async fn consent(
    house: &Arc<House>,
    ctx: &Ctx,
    new: &NewConsent,
    once: Option<Idempotency>,
) -> Answer<(String, Committed)> {
    house.authoriser.check(
        ctx,
        Action::ResponseConsent,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    let wrong = |field: &str| {
        Refusal::new("NRS-RESP-0008", StatusCode::UNPROCESSABLE_ENTITY).arg("field", field)
    };
    let own = |known: &&crate::config::Actuator| {
        known.name == new.actuator && known.org == ctx.org.as_str()
    };
    house.config.actuators.iter().find(own).ok_or_else(|| wrong("actuator"))?;
    let actions: Option<Vec<_>> =
        new.actions.iter().map(|action| approval::Effect::parse(action)).collect();
    let actions = actions.filter(|actions| !actions.is_empty()).ok_or_else(|| wrong("actions"))?;
    let expires: Timestamp = new.expires_at.parse().map_err(|_| wrong("expires_at"))?;
    if expires <= ctx.now {
        return Err(wrong("expires_at").into());
    }
    let assets = text(&new.assets)?;
    let id = format!("consent-{}", fresh_uuid(ctx.now).as_simple());
    let actions = serde_json::to_string(&actions).unwrap_or_default();
    let write = Write::one(
        "INSERT INTO response_consent (consent, org, person, actuator, actions, assets, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        vec![
            Cell::from(&id),
            Cell::from(&ctx.org),
            Cell::from(&ctx.person),
            Cell::from(&new.actuator),
            Cell::from(&actions),
            Cell::from(&assets),
            Cell::from(ctx.now),
            Cell::from(expires),
        ],
    );
    let payload = json!({ "actuator": new.actuator, "actions": actions, "assets": assets, "expires_at": stamp(expires) });
    let change = Change::office("response.consent", &id).payload(payload).write(write).once(once);
    match house.door.commit(ctx, change).await {
        Ok(made) => Ok((id, made)),
        Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
            Ok((subject, repeated(position, ctx.now)))
        }
        Err(problem) => Err(problem.into()),
    }
}

fn repeated(position: u64, at: Timestamp) -> Committed {
    let nothing = LeafDigest([0; 32]);
    Committed { position, at, leaf: nothing, commitment: nothing }
}

/// Withdraws a consent, at any time and without a reason. Effects that stand are taken back by the operator's word too.
pub async fn withdraw(house: &Arc<House>, ctx: &Ctx, consent: &str) -> Answer<Committed> {
    house.authoriser.check(
        ctx,
        Action::ResponseConsent,
        On { owner: Some(&ctx.org), ..On::default() },
    )?;
    let write = Write::one(
        "UPDATE response_consent SET withdrawn_at = $3 WHERE consent = $1 AND org = $2 AND withdrawn_at IS NULL",
        vec![Cell::from(consent), Cell::from(&ctx.org), Cell::from(ctx.now)],
    );
    let change = Change::office("response.consent.withdraw", consent).write(write);
    house.door.commit(ctx, change).await.map_err(|problem| match problem {
        CommitFailure::Conflict { .. } => Refusal::absent().into(),
        other => other.into(),
    })
}

// ---- request ---------------------------------------------------------------------------------------------------

/// Works out what a request would do, and what there is to say about it, without asking for anything.
pub async fn preview(house: &Arc<House>, ctx: &Ctx, ask: &Ask) -> Answer<Draft> {
    house.authoriser.check(ctx, Action::ResponseRequest, On::default())?;
    let now = ctx.now;
    let consents = house.store.read(move |reader| read::consents_in_force(reader, now)).await?;
    Ok(draft::draft(house, ctx, MeasureId::fresh(ctx.now).as_str(), ask, &consents))
}

/// Asks the commission for a measure.
pub async fn request(
    house: &Arc<House>,
    ctx: &Ctx,
    ask: &Ask,
    once: Option<Idempotency>,
) -> Answer<(String, Draft, u64)> {
    house.authoriser.check(ctx, Action::ResponseRequest, On::default())?;
    let id = MeasureId::fresh(ctx.now).to_string();
    let draft = complete(house, ctx, &id, ask).await?;
    let digest = draft.request.digest();
    let insert = Write::one(
        "INSERT INTO response_measure (measure, case_id, requester, org, kind, state, version, edition, request, \
         not_before, not_after, created_at) VALUES ($1, $2, $3, $4, $5, 'requested', 1, 1, $6, $7, $8, $9)",
        vec![
            Cell::from(&id),
            Cell::from(&ask.case),
            Cell::from(&ctx.person),
            Cell::from(&ctx.org),
            Cell::from(&ask.kind),
            Cell::from(digest.to_string()),
            Cell::from(draft.request.window.not_before),
            Cell::from(draft.request.window.not_after),
            Cell::from(ctx.now),
        ],
    );
    let change = requested(ctx, &id, &draft)
        .write(insert)
        .write(edition(&id, 1, &draft, ctx.now))
        .once(once);
    match house.door.commit(ctx, change).await {
        Ok(made) => Ok((id, draft, made.position)),
        Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
            let found = find(house, ctx, &subject).await?;
            let (request, plan, playbook) = (found.body, found.plan, found.playbook);
            Ok((
                subject,
                Draft { request, plan, playbook, guard: draft.guard, findings: draft.findings },
                position,
            ))
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn complete(house: &Arc<House>, ctx: &Ctx, id: &str, ask: &Ask) -> Answer<Draft> {
    let now = ctx.now;
    let consents = house.store.read(move |reader| read::consents_in_force(reader, now)).await?;
    let draft = draft::draft(house, ctx, id, ask, &consents);
    if any_refusal(&draft.findings) {
        return Err(
            refuse("NRS-RESP-0001", StatusCode::UNPROCESSABLE_ENTITY, &draft.findings).into()
        );
    }
    Ok(draft)
}

fn requested(ctx: &Ctx, id: &str, draft: &Draft) -> Change {
    let fact = Fact::MeasureRequested {
        measure: id.to_owned(),
        request: leaf(draft.request.digest()),
        requester: ctx.person.to_string(),
    };
    let payload =
        json!({ "request": draft.request, "plan": draft.plan, "playbook": draft.playbook });
    Change::new("response.request", id, fact).payload(payload)
}

fn edition(id: &str, number: i64, draft: &Draft, now: Timestamp) -> Write {
    let json = |value: &dyn erased::Json| value.text();
    Write::one(
        "INSERT INTO response_edition (measure, edition, request, body, plan, playbook, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vec![
            Cell::from(id),
            Cell::Int(number),
            Cell::from(draft.request.digest().to_string()),
            Cell::from(json(&draft.request)),
            Cell::from(json(&draft.plan)),
            Cell::from(draft.playbook.as_ref().map(Value::to_string)),
            Cell::from(now),
        ],
    )
}

mod erased {
    /// Anything as JSON text.
    pub(super) trait Json {
        fn text(&self) -> String;
    }
    impl<T: serde::Serialize> Json for T {
        fn text(&self) -> String {
            serde_json::to_string(self).unwrap_or_default()
        }
    }
}

/// Puts another text in the place of the one in force. Votes and approvals do not follow: they were given to a digest.
pub async fn revise(
    house: &Arc<House>,
    ctx: &Ctx,
    measure: &str,
    ask: &Ask,
) -> Answer<(Draft, u64)> {
    let found = find(house, ctx, measure).await?;
    house.authoriser.check(ctx, Action::ResponseAnswer, on(&found))?;
    if !matches!(found.state.as_str(), "requested" | "questioned" | "approved" | "refused") {
        return Err(in_state(&found).into());
    }
    let draft = complete(house, ctx, measure, ask).await?;
    let number = found.edition + 1;
    let update = Write::one(
        "UPDATE response_measure SET state = 'requested', version = version + 1, edition = $3, request = $4, \
         not_before = $5, not_after = $6, kind = $7, case_id = $8, decided_at = NULL, position = NULL, \
         authorisation = NULL, authorisation_digest = NULL WHERE measure = $1 AND version = $2",
        vec![
            Cell::from(measure),
            Cell::Int(found.version),
            Cell::Int(number),
            Cell::from(draft.request.digest().to_string()),
            Cell::from(draft.request.window.not_before),
            Cell::from(draft.request.window.not_after),
            Cell::from(&ask.kind),
            Cell::from(&ask.case),
        ],
    );
    let forget =
        Write::new("DELETE FROM response_effect WHERE measure = $1", vec![Cell::from(measure)]);
    let change = requested(ctx, measure, &draft).write(update).write(forget);
    let made =
        house.door.commit(ctx, change.write(edition(measure, number, &draft, ctx.now))).await?;
    Ok((draft, made.position))
}

// ---- the commission --------------------------------------------------------------------------------------------

/// Returns the request with a question.
pub async fn question(house: &Arc<House>, ctx: &Ctx, measure: &str, asked: &str) -> Answer<u64> {
    let found = find(house, ctx, measure).await?;
    house.authoriser.check(ctx, Action::ResponseQuestion, on(&found))?;
    let asked = text(asked)?;
    if !matches!(found.state.as_str(), "requested" | "questioned") {
        return Err(in_state(&found).into());
    }
    let id = format!("question-{}", fresh_uuid(ctx.now).as_simple());
    let fact = Fact::MeasureQuestion {
        measure: measure.to_owned(),
        request: request_leaf(&found),
        member: ctx.person.to_string(),
    };
    let insert = Write::one(
        "INSERT INTO response_question (question, measure, request, member, text, asked_at) VALUES ($1, $2, $3, $4, $5, $6)",
        vec![
            Cell::from(&id),
            Cell::from(measure),
            Cell::from(&found.request),
            Cell::from(&ctx.person),
            Cell::from(&asked),
            Cell::from(ctx.now),
        ],
    );
    let change = Change::new("response.question", measure, fact)
        .payload(json!({ "question": id, "text": asked }));
    let made =
        house.door.commit(ctx, change.write(insert).write(step(&found, "questioned"))).await?;
    Ok(made.position)
}

fn step(measure: &Measure, state: &str) -> Write {
    Write::one(
        "UPDATE response_measure SET state = $3, version = version + 1 WHERE measure = $1 AND version = $2",
        vec![Cell::from(&measure.measure), Cell::Int(measure.version), Cell::from(state)],
    )
}

/// Answers every open question on one's own request.
pub async fn answer(house: &Arc<House>, ctx: &Ctx, measure: &str, said: &str) -> Answer<u64> {
    let found = find(house, ctx, measure).await?;
    house.authoriser.check(ctx, Action::ResponseAnswer, on(&found))?;
    let said = text(said)?;
    if found.state != "questioned" {
        return Err(in_state(&found).into());
    }
    let fact = Fact::MeasureAnswer { measure: measure.to_owned(), request: request_leaf(&found) };
    let write = Write::new(
        "UPDATE response_question SET answer = $2, answered_at = $3 WHERE measure = $1 AND answer IS NULL",
        vec![Cell::from(measure), Cell::from(&said), Cell::from(ctx.now)],
    );
    let change = Change::new("response.answer", measure, fact).payload(json!({ "text": said }));
    let made = house.door.commit(ctx, change.write(write).write(step(&found, "requested"))).await?;
    Ok(made.position)
}

/// A vote as it comes in.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVote {
    /// `approve` or `refuse`.
    pub choice: String,
    /// Why; mandatory.
    pub reasons: String,
    /// On which conditions.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// Digest of the text that was read.
    pub request_digest: String,
}

/// Records a named vote; gives the state after it and the leaf: of the decision when this vote brought it about.
pub async fn vote(
    house: &Arc<House>,
    ctx: &Ctx,
    measure: &str,
    new: &NewVote,
) -> Answer<(String, u64)> {
    for _ in 0..ATTEMPTS {
        match vote_once(house, ctx, measure, new).await? {
            Some((position, decides)) => {
                return after_vote(house, measure, position, decides).await;
            }
            // Somebody else voted in the same moment: what this vote amounts to is counted anew.
            None => tokio::task::yield_now().await,
        }
    }
    Err(Refusal::new("NRS-HOUS-0002", StatusCode::CONFLICT).arg("subject", measure).into())
}

async fn vote_once(
    house: &Arc<House>,
    ctx: &Ctx,
    measure: &str,
    new: &NewVote,
) -> Answer<Option<(u64, bool)>> {
    let found = find(house, ctx, measure).await?;
    house.authoriser.check(ctx, Action::ResponseVote, on(&found))?;
    let reasons = text(&new.reasons)?;
    if new.request_digest != found.request {
        return Err(Refusal::new("NRS-RESP-0002", StatusCode::CONFLICT)
            .arg("request", &found.request)
            .into());
    }
    if found.state != "requested" {
        return Err(in_state(&found).into());
    }
    let (choice, said) = match new.choice.as_str() {
        "approve" => (Choice::Approve, leaf::Choice::Approve),
        "refuse" => (Choice::Refuse, leaf::Choice::Refuse),
        _ => return Err(Refusal::new("NRS-RESP-0016", StatusCode::UNPROCESSABLE_ENTITY).into()),
    };
    let id = measure.to_owned();
    let (roster, votes) = house
        .store
        .read(move |reader| Ok((read::roster(reader)?, read::votes(reader, &id)?)))
        .await?;
    // Votes on an earlier text are void; they must not stand in the way of the same member's vote on this one.
    let current: Vec<_> =
        votes.iter().filter(|vote| vote.request == found.request).cloned().collect();
    let mut counted = read::charter_votes(&current, &roster);
    let member = Party { person: ctx.person.to_string(), org: ctx.org.to_string() };
    counted.push(Vote {
        member: member.clone(),
        choice,
        reasons: reasons.clone(),
        conditions: new.conditions.clone(),
        request_digest: found.body.digest(),
        at: ctx.now,
    });
    let outcome = approval::decide(&found.body, &counted, &roster);
    let set_aside = match &outcome {
        Outcome::Decided(decision) => &decision.set_aside,
        Outcome::Pending(pending) => &pending.set_aside,
        Outcome::Inadmissible(findings) => {
            return Err(refuse("NRS-RESP-0004", StatusCode::CONFLICT, findings).into());
        }
    };
    // The charter sets aside what does not count; this one is told instead of recorded.
    let against: Vec<_> = set_aside
        .iter()
        .filter(|aside| aside.member == member)
        .map(|aside| aside.finding.clone())
        .collect();
    if !against.is_empty() && !current.iter().any(|vote| vote.member == member.person) {
        return Err(refuse("NRS-RESP-0004", StatusCode::CONFLICT, &against).into());
    }
    let decides = matches!(outcome, Outcome::Decided(_));
    let change = vote_change(ctx, &found, new, (&reasons, said), decides);
    match house.door.commit(ctx, change).await {
        Ok(made) => Ok(Some((made.position, decides))),
        Err(CommitFailure::Conflict { .. }) => {
            let before = current.iter().any(|vote| vote.member == member.person);
            if before {
                Err(Refusal::new("NRS-RESP-0017", StatusCode::CONFLICT).into())
            } else {
                Ok(None)
            }
        }
        Err(problem) => Err(problem.into()),
    }
}

fn vote_change(
    ctx: &Ctx,
    found: &Measure,
    new: &NewVote,
    (reasons, choice): (&str, leaf::Choice),
    decides: bool,
) -> Change {
    let fact = Fact::MeasureVote {
        measure: found.measure.clone(),
        request: request_leaf(found),
        member: ctx.person.to_string(),
        choice,
    };
    let conditions = serde_json::to_string(&new.conditions).unwrap_or_default();
    let insert = Write::one(
        "INSERT INTO response_vote (measure, request, member, choice, reasons, conditions, voted_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vec![
            Cell::from(&found.measure),
            Cell::from(&found.request),
            Cell::from(&ctx.person),
            Cell::from(&new.choice),
            Cell::from(reasons),
            Cell::from(conditions),
            Cell::from(ctx.now),
        ],
    );
    let change = Change::new("response.vote", &found.measure, fact)
        .payload(json!({ "reasons": reasons, "conditions": new.conditions }))
        .write(insert)
        .write(step(found, if decides { "deciding" } else { "requested" }));
    if decides {
        change.job(job("response.decide", &found.measure, ctx, ctx.now, json!({})))
    } else {
        change
    }
}

async fn after_vote(
    house: &Arc<House>,
    measure: &str,
    position: u64,
    decides: bool,
) -> Answer<(String, u64)> {
    if !decides {
        return Ok(("requested".to_owned(), position));
    }
    let mut grown = house.door.size();
    let outcome = async {
        loop {
            let id = measure.to_owned();
            let found = house.store.read(move |reader| read::measure(reader, &id)).await?;
            if let Some(Measure { state, position: Some(position), .. }) = found {
                return Ok((state, u64::try_from(position).unwrap_or(0)));
            }
            if grown.changed().await.is_err() {
                return Ok(("deciding".to_owned(), position));
            }
        }
    };
    // The decision is a job of its own, kept even when nobody waits for it.
    tokio::time::timeout(DECISION_WAIT, outcome)
        .await
        .unwrap_or_else(|_| Ok(("deciding".to_owned(), position)))
}

// ---- execution -------------------------------------------------------------------------------------------------

/// A job on behalf of whoever has the authority.
pub(super) fn job(
    kind: &'static str,
    subject: &str,
    ctx: &Ctx,
    due_at: Timestamp,
    more: Value,
) -> Job {
    let mut payload = json!({ "person": ctx.person, "org": ctx.org, "hat": ctx.hat.id() });
    if let Some(members) = payload.as_object_mut() {
        members.insert("more".to_owned(), more);
    }
    Job { kind, subject: subject.to_owned(), payload, due_at }
}

/// The context a job acts in: that of the person whose decision it carries out.
pub(super) fn ctx_of(house: &House, payload: &Value) -> Option<Ctx> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    Some(Ctx {
        person: PersonId::parse(text("person")?)?,
        org: OrgId::parse(text("org")?)?,
        hat: noroshi_charter::hat::Hat::parse(text("hat")?)?,
        sector: None,
        via: Via::Job,
        now: house.clock.now(),
        request: String::new(),
    })
}

/// Whether one effect may begin now: every reason not to.
pub(super) fn may_begin(
    house: &House,
    ctx: &Ctx,
    measure: &Measure,
    planned: &Planned,
    (consents, votes): (&[read::Consent], &[read::NamedVote]),
) -> Result<(), Vec<Finding>> {
    let of_owner = consents.iter().filter(|consent| consent.org == planned.org);
    let consents: Vec<_> = of_owner.map(read::Consent::fact).collect();
    let others: Vec<String> = votes
        .iter()
        .filter(|vote| vote.request == measure.request)
        .map(|vote| vote.member.clone())
        .chain([measure.requester.to_string()])
        .collect();
    let consulted = measure
        .body
        .consultations
        .iter()
        .filter(|one| one.who == approval::Consulted::ForeignMinister);
    let approved = matches!(measure.state.as_str(), "approved" | "executing" | "active");
    // A block at a network whose owner consented touches no computer abroad; the legal route does.
    let defensive = measure.body.kind == Kind::Defensive;
    execution::may_begin(&Facts {
        approved: approved && measure.authorisation.is_some(),
        approved_digest: Digest::parse(&measure.request).unwrap_or(Digest([0; 32])),
        request_digest: measure.body.digest(),
        window: measure.body.window,
        effect: (&planned.actuator, planned.action),
        consents: &consents,
        guarded: house.config.response.guard.check(&planned.target).is_ok(),
        executor: ctx.person.as_str(),
        others: &others,
        location: if defensive { approval::Location::Jp } else { measure.body.location },
        consulted_at: consulted.map(|one| one.at).min(),
        now: ctx.now,
    })
}

/// The change that begins one effect: the leaf stands before anything is sent.
pub(super) fn begin(ctx: &Ctx, measure: &Measure, planned: &Planned) -> Change {
    let authorisation =
        measure.authorisation_digest.as_deref().and_then(Digest::parse).unwrap_or(Digest([0; 32]));
    let fact = Fact::MeasureExecuteBegin {
        measure: measure.measure.clone(),
        request: request_leaf(measure),
        authorisation: leaf(authorisation),
        effect: planned.effect.clone(),
        command: leaf(planned.command),
    };
    let write = Write::one(
        "UPDATE response_effect SET state = 'begun', begun_at = $3 WHERE measure = $1 AND effect = $2 AND state = 'planned'",
        vec![Cell::from(&measure.measure), Cell::from(&planned.effect), Cell::from(ctx.now)],
    );
    let payload =
        json!({ "actuator": planned.actuator, "target": planned.target, "step": planned.step });
    Change::new("response.begin", &measure.measure, fact).payload(payload).write(write).job(job(
        "response.apply",
        &subject(measure, planned),
        ctx,
        ctx.now,
        json!({}),
    ))
}

/// What jobs of an effect are about.
pub(super) fn subject(measure: &Measure, planned: &Planned) -> String {
    super::seal::command_name(&measure.measure, &planned.effect)
}

/// Starts the approved measure: the first effect begins here, the others as steps of the playbook.
pub async fn execute(house: &Arc<House>, ctx: &Ctx, measure: &str) -> Answer<u64> {
    let found = find(house, ctx, measure).await?;
    house.authoriser.check(ctx, Action::ResponseExecute, on(&found))?;
    if found.body.kind == Kind::LegalOrder {
        return Err(Refusal::new("NRS-RESP-0009", StatusCode::CONFLICT).into());
    }
    if found.state != "approved" {
        return Err(in_state(&found).into());
    }
    let (id, now) = (measure.to_owned(), ctx.now);
    let (consents, votes) = house
        .store
        .read(move |reader| Ok((read::consents_in_force(reader, now)?, read::votes(reader, &id)?)))
        .await?;
    let mut findings = Vec::new();
    for planned in &found.plan.effects {
        findings.extend(
            may_begin(house, ctx, &found, planned, (&consents, &votes)).err().unwrap_or_default(),
        );
    }
    findings.sort();
    findings.dedup();
    if !findings.is_empty() {
        return Err(refuse("NRS-RESP-0005", StatusCode::CONFLICT, &findings).into());
    }
    let playbook = super::jobs::playbook(&found)
        .ok_or_else(|| Refusal::new("NRS-RESP-0018", StatusCode::CONFLICT))?;
    // The branches run side by side: each begins with its first action.
    let mut firsts = playbook.branches.iter().filter_map(|branch| branch.first());
    let planned = |step: &str| found.plan.effects.iter().find(|planned| planned.step == step);
    let first =
        firsts.next().and_then(|action| planned(&action.step)).ok_or_else(|| in_state(&found))?;
    let start = Write::one(
        "UPDATE response_measure SET state = 'executing', version = version + 1, executor = $3, executed_at = $4 \
         WHERE measure = $1 AND version = $2 AND state = 'approved'",
        vec![
            Cell::from(measure),
            Cell::Int(found.version),
            Cell::from(&ctx.person),
            Cell::from(ctx.now),
        ],
    );
    let mut change = begin(ctx, &found, first).write(start);
    for other in firsts.filter_map(|action| planned(&action.step)) {
        change = change.job(job("response.step", &subject(&found, other), ctx, ctx.now, json!({})));
    }
    Ok(house.door.commit(ctx, change).await?.position)
}

/// Takes a measure back. One person may do it at any time; it needs no approval.
pub async fn rollback(house: &Arc<House>, ctx: &Ctx, measure: &str, reason: &str) -> Answer<u64> {
    let found = find(house, ctx, measure).await?;
    house.authoriser.check(ctx, Action::ResponseRollback, on(&found))?;
    let reason = text(reason)?;
    if !matches!(found.state.as_str(), "executing" | "active") {
        return Err(in_state(&found).into());
    }
    let id = measure.to_owned();
    let effects = house.store.read(move |reader| read::effects(reader, &id)).await?;
    let like = format!("{measure}/%");
    let mut change = Change::office("response.rollback", measure)
        .payload(json!({ "reason": reason }))
        .write(Write::one(
            "UPDATE response_measure SET state = 'rolling_back', version = version + 1, rollback_reason = $3 \
             WHERE measure = $1 AND version = $2",
            vec![Cell::from(measure), Cell::Int(found.version), Cell::from(&reason)],
        ))
        .write(Write::new(
            "UPDATE response_effect SET state = 'cancelled', ended_at = $2 WHERE measure = $1 AND state = 'planned'",
            vec![Cell::from(measure), Cell::from(ctx.now)],
        ))
        .write(Write::new(
            "UPDATE office_outbox SET state = 'done' WHERE state = 'open' AND subject LIKE $1 \
             AND kind IN ('response.step', 'response.apply', 'response.expire')",
            vec![Cell::from(like)],
        ));
    for effect in
        effects.iter().filter(|effect| matches!(effect.state.as_str(), "begun" | "active"))
    {
        let subject = super::seal::command_name(measure, &effect.effect);
        change = change.job(job(
            "response.remove",
            &subject,
            ctx,
            ctx.now,
            json!({ "cause": "rolled_back" }),
        ));
    }
    for write in super::jobs::settle(measure) {
        change = change.write(write);
    }
    Ok(house.door.commit(ctx, change).await?.position)
}

/// The requester's report after the measure.
pub async fn after_report(house: &Arc<House>, ctx: &Ctx, measure: &str, said: &str) -> Answer<u64> {
    let found = find(house, ctx, measure).await?;
    house.authoriser.check(ctx, Action::ResponseReport, on(&found))?;
    let said = text(said)?;
    let over = found.state == "ended" || (found.kind == "legal-order" && found.state == "approved");
    if !over || found.report.is_some() {
        return Err(in_state(&found).into());
    }
    let fact = Fact::MeasureReport {
        measure: measure.to_owned(),
        digest: LeafDigest::of(said.as_bytes()),
    };
    let write = Write::one(
        "UPDATE response_measure SET report = $3, reported_at = $4, version = version + 1 WHERE measure = $1 AND version = $2",
        vec![Cell::from(measure), Cell::Int(found.version), Cell::from(&said), Cell::from(ctx.now)],
    );
    let change =
        Change::new("response.report", measure, fact).payload(json!({ "text": said })).write(write);
    Ok(house.door.commit(ctx, change).await?.position)
}
