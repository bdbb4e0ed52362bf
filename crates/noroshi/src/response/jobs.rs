//! What happens after a decision: it is sealed, effects are sent, read back, ended. Every handler may run again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use noroshi_charter::approval::{self, Choice, Outcome as Verdict};
use noroshi_charter::finding::Digest;
use noroshi_codec::cacao::Playbook;
use noroshi_codec::openc2::{self, Command, Response};
use noroshi_ledger::digest::Digest as LeafDigest;
use noroshi_ledger::leaf::{self, EndCause, Execution, Fact};
use serde_json::{Value, json};

use super::act::{begin, ctx_of, job, may_begin, subject};
use super::read::{self, EffectRow, Measure};
use super::seal::{self, Carried, Planned, Proof};
use crate::house::House;
use crate::office::clock::stamp;
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::store::{StoreFailure, Value as Cell};

/// Handlers by kind of job.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("response.decide", |house, task| -> Working { Box::pin(decide(house, task)) }),
    ("response.step", |house, task| -> Working { Box::pin(next_step(house, task)) }),
    ("response.apply", |house, task| -> Working { Box::pin(apply(house, task)) }),
    ("response.expire", |house, task| -> Working { Box::pin(remove(house, task)) }),
    ("response.remove", |house, task| -> Working { Box::pin(remove(house, task)) }),
];

/// How long a gateway may take to answer.
const GATEWAY_WAIT: Duration = Duration::from_secs(10);
/// Bytes of a gateway's answer that are read.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;
/// Approving votes a decision needs, as the log says it.
const QUORUM: u32 = 3;

type Handled = Result<Outcome, StoreFailure>;

#[expect(clippy::unnecessary_wraps, reason = "every handler ends with it")]
fn later(why: impl Into<String>) -> Handled {
    Ok(Outcome::Later(why.into()))
}

fn damaged(what: &str) -> StoreFailure {
    StoreFailure::Damaged(what.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "every handler ends with it")]
fn done(ctx: Ctx, change: Change) -> Handled {
    Ok(Outcome::Done(ctx, Box::new(change)))
}

/// The playbook of a measure, when its digest is the one that was approved.
pub(super) fn playbook(measure: &Measure) -> Option<Playbook> {
    let value = measure.playbook.as_ref()?;
    let bound = measure.body.playbook.as_ref()?.digest;
    (Digest::of_canonical(value) == Some(bound)).then(|| Playbook::executable(value).ok()).flatten()
}

/// A measure's state follows from its effects, in the same transaction.
pub(super) fn settle(measure: &str) -> [Write; 2] {
    let params = || vec![Cell::from(measure)];
    [
        Write::new(
            "UPDATE response_measure SET state = 'active', version = version + 1 WHERE measure = $1 \
             AND state = 'executing' \
             AND NOT EXISTS (SELECT 1 FROM response_effect WHERE measure = $1 AND state IN ('planned', 'begun')) \
             AND EXISTS (SELECT 1 FROM response_effect WHERE measure = $1 AND state = 'active')",
            params(),
        ),
        Write::new(
            "UPDATE response_measure SET state = 'ended', version = version + 1 WHERE measure = $1 \
             AND state IN ('executing', 'active', 'rolling_back') \
             AND NOT EXISTS (SELECT 1 FROM response_effect WHERE measure = $1 AND state IN ('planned', 'begun', 'active'))",
            params(),
        ),
    ]
}

fn settled(change: Change, measure: &str) -> Change {
    settle(measure).into_iter().fold(change, Change::write)
}

// ---- the decision ----------------------------------------------------------------------------------------------

async fn decide(house: Arc<House>, task: Task) -> Handled {
    let ctx = ctx_of(&house, &task.payload).ok_or_else(|| damaged("a job's actor"))?;
    let id = task.subject.clone();
    let (found, roster, votes) = house
        .store
        .read(move |reader| {
            Ok((read::measure(reader, &id)?, read::roster(reader)?, read::votes(reader, &id)?))
        })
        .await?;
    let found = found.ok_or_else(|| damaged("a measure is gone"))?;
    if found.state != "deciding" {
        return later("the measure is not at its decision");
    }
    let verdict = approval::decide(&found.body, &read::charter_votes(&votes, &roster), &roster);
    let Verdict::Decided(decision) = verdict else { return later("the votes do not decide") };
    let seed = seal::load_key(&house.dir).map_err(|problem| damaged(&problem.to_string()))?;
    let (envelope, digest) = seal::authorise(&found.body, &found.plan, &decision, &seed);
    let count = |choice| u32::try_from(decision.count(choice)).unwrap_or(u32::MAX);
    let approved = decision.choice == Choice::Approve;
    let fact = Fact::MeasureDecided {
        measure: found.measure.clone(),
        request: LeafDigest(decision.request_digest.0),
        outcome: if approved { leaf::Outcome::Approved } else { leaf::Outcome::Refused },
        quorum: QUORUM,
        approvals: count(Choice::Approve),
        refusals: count(Choice::Refuse),
        not_before: stamp(decision.window.not_before),
        not_after: stamp(decision.window.not_after),
        authorisation: LeafDigest(digest.0),
    };
    // The leaf's position is known only after it is written: the row takes it from the leaves in the same transaction.
    let write = Write::one(
        "UPDATE response_measure SET state = $3, version = version + 1, decided_at = $4, authorisation_digest = $5, \
         authorisation = $6, position = (SELECT coalesce(max(position), -1) + 1 FROM office_leaf) \
         WHERE measure = $1 AND version = $2 AND state = 'deciding'",
        vec![
            Cell::from(&found.measure),
            Cell::Int(found.version),
            Cell::from(if approved { "approved" } else { "refused" }),
            Cell::from(ctx.now),
            Cell::from(digest.to_string()),
            Cell::from(serde_json::to_string(&envelope).unwrap_or_default()),
        ],
    );
    let payload = json!({ "authorisation": envelope, "decision": decision });
    let mut change =
        Change::new("response.decide", &found.measure, fact).payload(payload).write(write);
    for planned in found.plan.effects.iter().filter(|_| approved) {
        change = change.write(plan_effect(&found.measure, planned));
    }
    done(ctx, change)
}

fn plan_effect(measure: &str, planned: &Planned) -> Write {
    Write::one(
        "INSERT INTO response_effect (measure, effect, step, actuator, org, action, target, state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'planned')",
        vec![
            Cell::from(measure),
            Cell::from(&planned.effect),
            Cell::from(&planned.step),
            Cell::from(&planned.actuator),
            Cell::from(&planned.org),
            Cell::from(planned.action.id()),
            Cell::from(&planned.target),
        ],
    )
}

// ---- the steps -------------------------------------------------------------------------------------------------

struct About {
    ctx: Ctx,
    measure: Measure,
    planned: Planned,
    effect: EffectRow,
    consents: Vec<read::Consent>,
    votes: Vec<read::NamedVote>,
}

/// Everything a job about one effect needs, from one snapshot.
async fn about(house: &Arc<House>, task: &Task) -> Result<About, StoreFailure> {
    let ctx = ctx_of(house, &task.payload).ok_or_else(|| damaged("a job's actor"))?;
    let (measure, effect) =
        task.subject.split_once('/').ok_or_else(|| damaged("a job's subject"))?;
    let (id, name, now) = (measure.to_owned(), effect.to_owned(), ctx.now);
    let (found, effects, consents, votes) = house
        .store
        .read(move |reader| {
            let found = read::measure(reader, &id)?;
            let consents = read::consents_in_force(reader, now)?;
            Ok((found, read::effects(reader, &id)?, consents, read::votes(reader, &id)?))
        })
        .await?;
    let measure = found.ok_or_else(|| damaged("a measure is gone"))?;
    let planned = measure.plan.effects.iter().find(|planned| planned.effect == name).cloned();
    let effect = effects.into_iter().find(|effect| effect.effect == name);
    let (Some(planned), Some(effect)) = (planned, effect) else {
        return Err(damaged("an effect is gone"));
    };
    Ok(About { ctx, measure, planned, effect, consents, votes })
}

/// Begins the next action of a branch, when it may begin now.
async fn next_step(house: Arc<House>, task: Task) -> Handled {
    let About { ctx, measure, planned, effect, consents, votes } = about(&house, &task).await?;
    if effect.state != "planned" {
        return later("the step is not to be begun");
    }
    match may_begin(&house, &ctx, &measure, &planned, (&consents, &votes)) {
        Ok(()) => {
            let still = Write::one(
                "UPDATE response_measure SET version = version + 1 WHERE measure = $1 AND state IN ('executing', 'active')",
                vec![Cell::from(&measure.measure)],
            );
            let change = begin(&ctx, &measure, &planned).write(still);
            done(ctx, change)
        }
        Err(findings) => {
            let note = findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let write = Write::one(
                "UPDATE response_effect SET state = 'cancelled', ended_at = $3, note = $4 \
                 WHERE measure = $1 AND effect = $2 AND state = 'planned'",
                vec![
                    Cell::from(&measure.measure),
                    Cell::from(&planned.effect),
                    Cell::from(ctx.now),
                    Cell::from(note),
                ],
            );
            let change =
                Change::office("response.step.refused", subject(&measure, &planned)).write(write);
            let change = follow(change, &ctx, &measure, &planned);
            done(ctx, settled(change, &measure.measure))
        }
    }
}

/// Adds the job for the action that comes after this one in its branch.
fn follow(change: Change, ctx: &Ctx, measure: &Measure, planned: &Planned) -> Change {
    let playbook = playbook(measure);
    let next = playbook.as_ref().and_then(|playbook| playbook.after(&planned.step));
    let next =
        next.and_then(|action| measure.plan.effects.iter().find(|other| other.step == action.step));
    match next {
        Some(next) => {
            change.job(job("response.step", &subject(measure, next), ctx, ctx.now, json!({})))
        }
        None => change,
    }
}

/// Sends the command of a begun effect and records what the device says.
async fn apply(house: Arc<House>, task: Task) -> Handled {
    let About { ctx, measure, planned, effect, .. } = about(&house, &task).await?;
    if effect.state != "begun" {
        return later("the effect is not waiting to be applied");
    }
    let Some(carried) = carried(&house, &measure).await else {
        return later("the decision cannot be proved yet");
    };
    let command = playbook(&measure).and_then(|playbook| playbook.action(&planned.step).cloned());
    let Some(command) =
        command.map(|action| action.command).filter(|one| one.digest() == planned.command.0)
    else {
        return done(
            ctx.clone(),
            failed(&ctx, &measure, &planned, "the playbook's command is not the approved one"),
        );
    };
    match send(&house, &planned.actuator, &command, Some(&carried)).await {
        Ok(Response { status: 200, results: Some(results), .. }) => {
            let change = applied(&ctx, &measure, &planned, &results);
            done(ctx, change)
        }
        Ok(Response { status: status @ (102 | 503), status_text, .. }) => try_again(
            ctx,
            &measure,
            &planned,
            format!("{status} {}", status_text.unwrap_or_default()),
        ),
        Ok(response) => {
            let why = format!("{} {}", response.status, response.status_text.unwrap_or_default());
            done(ctx.clone(), failed(&ctx, &measure, &planned, &why))
        }
        Err(why) => try_again(ctx, &measure, &planned, why),
    }
}

/// A gateway that cannot be reached is tried again until the approval is over.
fn try_again(ctx: Ctx, measure: &Measure, planned: &Planned, why: String) -> Handled {
    if ctx.now < measure.not_after {
        return later(why);
    }
    let change = failed(&ctx, measure, planned, &why);
    done(ctx, change)
}

async fn carried(house: &Arc<House>, measure: &Measure) -> Option<Carried> {
    let authorisation = serde_json::from_str(measure.authorisation.as_deref()?).ok()?;
    let proof = house.log.prove(u64::try_from(measure.position?).ok()?).await.ok()?;
    Some(Carried { authorisation, plan: measure.plan.clone(), proof: Proof::from(proof) })
}

fn read_back(results: &Value) -> (LeafDigest, String) {
    let said = results.pointer("/x-noroshi/readback").unwrap_or(results);
    let text = serde_json_canonicalizer::to_string(said).unwrap_or_default();
    (LeafDigest::of(text.as_bytes()), text)
}

fn applied(ctx: &Ctx, measure: &Measure, planned: &Planned, results: &Value) -> Change {
    let (readback, text) = read_back(results);
    let moment = |name: &str| {
        let said = results.pointer(&format!("/x-noroshi/{name}")).and_then(Value::as_str);
        said.and_then(|text| text.parse::<Timestamp>().ok())
    };
    let ends = moment("expires_at").unwrap_or(measure.not_after).min(measure.not_after);
    let fact = Fact::MeasureExecuteEnd {
        measure: measure.measure.clone(),
        effect: planned.effect.clone(),
        outcome: Execution::Active,
        readback,
    };
    let write = Write::one(
        "UPDATE response_effect SET state = 'active', applied_at = $3, expires_at = $4, readback = $5 \
         WHERE measure = $1 AND effect = $2 AND state = 'begun'",
        vec![
            Cell::from(&measure.measure),
            Cell::from(&planned.effect),
            Cell::from(moment("applied_at").unwrap_or(ctx.now)),
            Cell::from(ends),
            Cell::from(&text),
        ],
    );
    let expire = job(
        "response.expire",
        &subject(measure, planned),
        ctx,
        ends,
        json!({ "cause": "expired" }),
    );
    let change = Change::new("response.applied", &measure.measure, fact)
        .payload(json!({ "readback": text }));
    settled(follow(change.write(write).job(expire), ctx, measure, planned), &measure.measure)
}

fn failed(ctx: &Ctx, measure: &Measure, planned: &Planned, why: &str) -> Change {
    let fact = Fact::MeasureExecuteEnd {
        measure: measure.measure.clone(),
        effect: planned.effect.clone(),
        outcome: Execution::Failed,
        readback: LeafDigest::of(why.as_bytes()),
    };
    let write = Write::one(
        "UPDATE response_effect SET state = 'failed', ended_at = $3, note = $4 \
         WHERE measure = $1 AND effect = $2 AND state = 'begun'",
        vec![
            Cell::from(&measure.measure),
            Cell::from(&planned.effect),
            Cell::from(ctx.now),
            Cell::from(why),
        ],
    );
    let change = Change::new("response.failed", &measure.measure, fact)
        .payload(json!({ "why": why }))
        .write(write);
    settled(follow(change, ctx, measure, planned), &measure.measure)
}

/// Makes sure an effect is gone, reads that back, and records why it ended.
async fn remove(house: Arc<House>, task: Task) -> Handled {
    let About { ctx, measure, planned, effect, .. } = about(&house, &task).await?;
    if !matches!(effect.state.as_str(), "begun" | "active") {
        return later("the effect has ended already");
    }
    let rolled_back =
        task.payload.pointer("/more/cause").is_some_and(|cause| cause == "rolled_back");
    let (cause, state, verb) = if rolled_back {
        (EndCause::RolledBack, "rolled_back", "rollback")
    } else {
        (EndCause::Expired, "expired", "expiry")
    };
    let name = subject(&measure, &planned);
    let command = Command::delete(&name, &planned.actuator, &format!("{name}/{verb}"));
    let said = match send(&house, &planned.actuator, &command, None).await {
        Ok(Response { status: 200, results: Some(results), .. }) => results,
        Ok(Response { status: 404, .. }) => {
            json!({ "x-noroshi": { "readback": { "present": false } } })
        }
        Ok(response) => {
            return later(response.status_text.unwrap_or_else(|| response.status.to_string()));
        }
        Err(why) => return later(why),
    };
    let (readback, text) = read_back(&said);
    let fact = Fact::MeasureEnded {
        measure: measure.measure.clone(),
        effect: planned.effect.clone(),
        cause,
        readback,
    };
    let write = Write::one(
        "UPDATE response_effect SET state = $3, ended_at = $4, readback = $5 \
         WHERE measure = $1 AND effect = $2 AND state IN ('begun', 'active')",
        vec![
            Cell::from(&measure.measure),
            Cell::from(&planned.effect),
            Cell::from(state),
            Cell::from(ctx.now),
            Cell::from(&text),
        ],
    );
    let others = Write::new(
        "UPDATE office_outbox SET state = 'done' WHERE state = 'open' AND subject = $1 AND job <> $2 \
         AND kind IN ('response.apply', 'response.expire', 'response.remove')",
        vec![Cell::from(&name), Cell::Int(task.job)],
    );
    let change =
        Change::new("response.ended", &measure.measure, fact).payload(json!({ "readback": text }));
    done(ctx, settled(change.write(write).write(others), &measure.measure))
}

// ---- the wire --------------------------------------------------------------------------------------------------

/// Sends one command to a gateway. `Err` is a reason to try again.
async fn send(
    house: &Arc<House>,
    actuator: &str,
    command: &Command,
    carried: Option<&Carried>,
) -> Result<Response, String> {
    let known = house.config.actuators.iter().find(|known| known.name == actuator);
    let known = known.ok_or_else(|| format!("the actuator `{actuator}` is not configured"))?;
    let token = std::fs::read_to_string(&known.token_file)
        .map_err(|problem| format!("its secret: {problem}"))?;
    let id = command.command_id.clone().unwrap_or_default();
    let mut headers = json!({
        "request_id": id, "created": house.clock.now().as_millisecond(), "from": "office", "to": [actuator],
    });
    if let (Some(members), Some(carried)) = (headers.as_object_mut(), carried) {
        members.insert(
            super::gateway::CARRIED.to_owned(),
            serde_json::to_value(carried).unwrap_or_default(),
        );
    }
    let body =
        json!({ "headers": headers, "body": { "openc2": { "request": command } } }).to_string();
    let url = known.url.clone();
    let asked = tokio::task::spawn_blocking(move || post(&url, token.trim(), &id, body));
    asked.await.map_err(|problem| problem.to_string())?
}

fn post(url: &str, token: &str, id: &str, body: String) -> Result<Response, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(GATEWAY_WAIT))
        .build()
        .into();
    let mut answer = agent
        .post(url)
        .header("authorization", &format!("Bearer {token}"))
        .header("content-type", openc2::CONTENT_TYPE)
        .header("accept", openc2::CONTENT_TYPE)
        .header("cache-control", "no-cache")
        .header("x-request-id", id)
        .send(body)
        .map_err(|problem| problem.to_string())?;
    let text = answer
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string()
        .map_err(|problem| problem.to_string())?;
    let message = openc2::parse_json(text.as_bytes()).map_err(|problem| problem.to_string())?;
    let response =
        message.pointer("/body/openc2/response").ok_or("the answer is no OpenC2 response")?;
    Response::decode(response.to_string().as_bytes()).map_err(|problem| problem.to_string())
}
