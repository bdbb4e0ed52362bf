//! What changes in the question of a case: hypotheses, evidence, judgements, conclusions. Each is a leaf.

use std::sync::Arc;

use axum::http::StatusCode;
use noroshi_evidence::object::StixObject;
use serde_json::json;

use super::read::{self, Matrix, ROWS_MAX};
use super::rule::{self, LABEL_CHARS_MAX, Refused};
use super::weigh::{CONFIDENCES, Degree, Verdict};
use crate::analyse::act::existing;
use crate::analyse::merge::{change, reason};
use crate::analyse::read::Scope;
use crate::evidence::read as evidence;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Committed, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{CaseId, fresh_uuid};
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Refusal};

fn refuse(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).into()
}

fn fresh(ctx: &Ctx, prefix: &str) -> String {
    format!("{prefix}-{}", fresh_uuid(ctx.now).as_simple())
}

async fn matrix(house: &Arc<House>, ctx: &Ctx, case: &CaseId) -> Answer<Matrix> {
    let (scope, asked) = (Scope::of(house, ctx), case.clone());
    Ok(house.store.read(move |reader| read::matrix(reader, scope, &asked)).await?)
}

/// A hypothesis to put up.
#[derive(Debug, Clone, Default)]
pub struct NewHypothesis {
    /// An intrusion set, threat actor or campaign that is held; empty for a category.
    pub object: String,
    /// The category in words, where there is no object.
    pub label: String,
    /// Why it is worth considering.
    pub rationale: String,
    /// The writer confirms that no natural person is meant.
    pub no_person: bool,
}

/// Puts up a hypothesis.
pub async fn put_up(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    new: NewHypothesis,
) -> Answer<(String, u64)> {
    house.authoriser.check(ctx, Action::AnalyseCase, On::default())?;
    let case = existing(house, case).await?;
    let rationale = reason(&new.rationale)?;
    if !new.no_person {
        return Err(refuse("NRS-ANAL-0110"));
    }
    let (object, label) = (new.object.trim().to_owned(), new.label.trim().to_owned());
    if object.is_empty() {
        let letters = label.chars().count();
        if letters == 0 || letters > LABEL_CHARS_MAX {
            return Err(Refusal::new("NRS-ANAL-0111", StatusCode::UNPROCESSABLE_ENTITY)
                .arg("max", LABEL_CHARS_MAX)
                .into());
        }
        rule::words(&label).map_err(against_rule)?;
    } else {
        let found = held(house, ctx, &object).await?;
        rule::object(found.object_type(), &found.to_value()).map_err(against_rule)?;
    }
    let now = matrix(house, ctx, &case).await?;
    if now.hypotheses.len() >= ROWS_MAX {
        return Err(full());
    }
    let hypothesis = fresh(ctx, "hypothesis");
    let label = if object.is_empty() { label } else { String::new() };
    let change = change("hypothesis.open", &hypothesis)
        .payload(json!({
            "case": case.as_str(), "object": object, "label": label, "rationale": rationale, "no_person": true,
        }))
        .write(Write::one(
            "INSERT INTO analyse_hypothesis (hypothesis, case_id, object, label, rationale, org, hat, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                Value::from(&hypothesis),
                Value::from(&case),
                Value::from(Some(object).filter(|object| !object.is_empty())),
                Value::from(label),
                Value::from(rationale),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ));
    let done = house.door.commit(ctx, change).await?;
    Ok((hypothesis, done.position))
}

fn full() -> Failure {
    Refusal::new("NRS-ANAL-0118", StatusCode::UNPROCESSABLE_ENTITY).arg("max", ROWS_MAX).into()
}

fn against_rule(why: Refused) -> Failure {
    refuse(match why {
        Refused::Type => "NRS-ANAL-0112",
        Refused::Individual => "NRS-ANAL-0113",
        Refused::Person => "NRS-ANAL-0114",
    })
}

async fn held(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<StixObject> {
    let (sees, id) = (Scope::of(house, ctx).sees(), id.to_owned());
    let found = house.store.read(move |reader| evidence::latest(reader, sees, &[id])).await?;
    found.into_iter().next().map(|(_, object)| object).ok_or_else(|| refuse("NRS-ANAL-0101"))
}

/// Gives a hypothesis up, or takes a piece of evidence out. Both stay on record with the reason.
pub async fn end(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    what: &str,
    why: &str,
) -> Answer<Committed> {
    house.authoriser.check(ctx, Action::AnalyseCase, On::default())?;
    let case = existing(house, case).await?;
    let why = reason(why)?;
    let now = matrix(house, ctx, &case).await?;
    let (command, sql) = if now.open().any(|one| one.hypothesis == what) {
        (
            "hypothesis.end",
            "UPDATE analyse_hypothesis SET ended_at = $2, ended_why = $3 WHERE hypothesis = $1 AND ended_at IS NULL",
        )
    } else if now.in_force().any(|one| one.exhibit == what) {
        (
            "exhibit.end",
            "UPDATE analyse_exhibit SET ended_at = $2, ended_why = $3 WHERE exhibit = $1 AND ended_at IS NULL",
        )
    } else {
        return Err(Refusal::absent().into());
    };
    let change = change(command, what)
        .payload(json!({ "case": case.as_str(), "why": why }))
        .write(Write::one(sql, vec![Value::from(what), Value::from(ctx.now), Value::from(&why)]));
    Ok(house.door.commit(ctx, change).await?)
}

/// A piece of evidence to put in.
#[derive(Debug, Clone, Default)]
pub struct NewExhibit {
    /// The object, sighting or report.
    pub item: String,
    /// What it says for the question.
    pub says: String,
    /// `low`, `medium` or `high`.
    pub credibility: String,
    /// `low`, `medium` or `high`.
    pub relevance: String,
}

/// Puts a piece of evidence into the matrix.
pub async fn exhibit(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    new: NewExhibit,
) -> Answer<(String, u64)> {
    house.authoriser.check(ctx, Action::AnalyseCase, On::default())?;
    let case = existing(house, case).await?;
    let says = reason(&new.says)?;
    let degree = |code: &str| Degree::parse(code).ok_or_else(|| refuse("NRS-ANAL-0115"));
    let (credibility, relevance) = (degree(&new.credibility)?, degree(&new.relevance)?);
    let item = new.item.trim().to_owned();
    let (scope, asked) = (Scope::of(house, ctx), item.clone());
    if !house.store.read(move |reader| read::visible(reader, scope, &asked)).await? {
        return Err(refuse("NRS-ANAL-0101"));
    }
    if matrix(house, ctx, &case).await?.exhibits.len() >= ROWS_MAX {
        return Err(full());
    }
    let exhibit = fresh(ctx, "exhibit");
    let change = change("exhibit.add", &exhibit)
        .payload(json!({
            "case": case.as_str(), "item": item, "says": says,
            "credibility": credibility.code(), "relevance": relevance.code(),
        }))
        .write(Write::one(
            "INSERT INTO analyse_exhibit (exhibit, case_id, item, says, credibility, relevance, org, hat, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            vec![
                Value::from(&exhibit),
                Value::from(&case),
                Value::from(item),
                Value::from(says),
                Value::from(credibility.code()),
                Value::from(relevance.code()),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ));
    let done = house.door.commit(ctx, change).await?;
    Ok((exhibit, done.position))
}

/// What a hat says of one pair.
#[derive(Debug, Clone, Default)]
pub struct NewJudgement {
    /// The evidence.
    pub exhibit: String,
    /// The hypothesis.
    pub hypothesis: String,
    /// `consistent`, `neutral` or `inconsistent`.
    pub verdict: String,
    /// Why.
    pub reason: String,
}

/// Judges one piece of evidence against one hypothesis. An earlier judgement of the same hat stays on record.
pub async fn judge(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    new: NewJudgement,
) -> Answer<(String, u64)> {
    house.authoriser.check(ctx, Action::AnalyseJudge, On::default())?;
    let case = existing(house, case).await?;
    let why = reason(&new.reason)?;
    let verdict = Verdict::parse(&new.verdict).ok_or_else(|| refuse("NRS-ANAL-0115"))?;
    let now = matrix(house, ctx, &case).await?;
    let both = now.in_force().any(|one| one.exhibit == new.exhibit)
        && now.open().any(|one| one.hypothesis == new.hypothesis);
    if !both {
        return Err(refuse("NRS-ANAL-0101"));
    }
    let judgement = fresh(ctx, "judgement");
    let change = change("hypothesis.judge", &judgement)
        .payload(json!({
            "case": case.as_str(), "exhibit": new.exhibit, "hypothesis": new.hypothesis,
            "verdict": verdict.code(), "reason": why,
        }))
        .write(Write::one(
            "INSERT INTO analyse_judgement (judgement, case_id, exhibit, hypothesis, verdict, reason, org, hat, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            vec![
                Value::from(&judgement),
                Value::from(&case),
                Value::from(&new.exhibit),
                Value::from(&new.hypothesis),
                Value::from(verdict.code()),
                Value::from(why),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ));
    let done = house.door.commit(ctx, change).await?;
    Ok((judgement, done.position))
}

/// Concludes, for now: needs another open hypothesis, evidence judged against both, a written basis and one of the
/// words for confidence. A later conclusion stands beside the earlier one.
pub async fn conclude(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    hypothesis: &str,
    confidence: &str,
    basis: &str,
) -> Answer<(String, u64)> {
    house.authoriser.check(ctx, Action::AnalyseCase, On::default())?;
    let case = existing(house, case).await?;
    let basis = reason(basis)?;
    if !CONFIDENCES.contains(&confidence) {
        return Err(refuse("NRS-ANAL-0115"));
    }
    let now = matrix(house, ctx, &case).await?;
    let chosen = now.open().find(|one| one.hypothesis == hypothesis);
    let chosen = chosen.ok_or_else(|| refuse("NRS-ANAL-0101"))?;
    let others: Vec<_> = now.open().filter(|one| one.hypothesis != hypothesis).collect();
    if others.is_empty() {
        return Err(refuse("NRS-ANAL-0116"));
    }
    if chosen.balance.judged == 0 || others.iter().all(|one| one.balance.judged == 0) {
        return Err(refuse("NRS-ANAL-0117"));
    }
    let conclusion = fresh(ctx, "conclusion");
    let alternatives: Vec<&str> = others.iter().map(|one| one.hypothesis.as_str()).collect();
    let change = change("hypothesis.conclude", &conclusion)
        .payload(json!({
            "case": case.as_str(), "hypothesis": hypothesis, "confidence": confidence, "basis": basis,
            "alternatives": alternatives,
        }))
        .write(Write::one(
            "INSERT INTO analyse_conclusion (conclusion, case_id, hypothesis, confidence, basis, org, hat, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                Value::from(&conclusion),
                Value::from(&case),
                Value::from(hypothesis),
                Value::from(confidence),
                Value::from(basis),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ));
    let done = house.door.commit(ctx, change).await?;
    Ok((conclusion, done.position))
}
