//! Asking for a run, doing it as a job, and what two people say of a group.

use std::sync::Arc;

use jiff::Timestamp;
use noroshi_charter::coordination::{
    Claim, Family, GROUP_MIN, Level, Reviewer, Strictness, may_call_inauthentic, may_test,
};
use noroshi_charter::declared::undeclared;
use noroshi_charter::finding::Digest;
use noroshi_charter::hat::Hat;
use noroshi_charter::joining::{Source, may_join};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::engine::{self, Came};
use super::read::{self, Review, Run};
use super::results::Results;
use crate::house::House;
use crate::influence::act::{
    self, Made, TEXT_CHARS_MAX, broken, commit, decided, fresh, may, refuse, text,
};
use crate::influence::keep;
use crate::influence::vault::Vault;
use crate::office::authorise::Action;
use crate::office::commit::{Change, Job, Write};
use crate::office::ctx::Ctx;
use crate::office::jobs::{Handler, Outcome, Task, Working};
use crate::office::store::{StoreFailure, Value};
use crate::web::refusal::{Answer, Refusal};

/// Handlers by kind of job.
pub const HANDLERS: &[(&str, Handler)] =
    &[("influence.run.work", |house, task| -> Working { Box::pin(work(house, task)) })];

/// The engines there are.
pub const ENGINES: [&str; 8] = [
    "coordination",
    "copies",
    "amplification",
    "sites",
    "cadence",
    "residue",
    "narratives",
    "lookalike",
];
/// What a channel is, where channels are looked at.
pub const CHANNELS: [&str; 3] = ["domain", "platform", "account"];
/// Which null models a pair must withstand: that of activity with that of circles (named when it was asked in wide windows
/// only), that of activity with that of shared interest over all pairs, or activity alone.
pub const MODELS: [&str; 3] = ["wide", "both", "activity"];
/// Traces that are looked at beside others and are none by themselves.
pub const BESIDE: [&str; 2] = ["client", "handle"];
/// Traces of one run at most.
const TRACES_MAX: usize = 8;
/// Longest list of protected names, in characters.
const PROTECTED_CHARS_MAX: usize = 200_000;

const fn one_percent() -> f64 {
    0.01
}
const fn one_day() -> u32 {
    86_400
}

/// What is asked of an engine. Equal parameters have equal digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// `coordination`, `copies`, `amplification`, `sites`, `cadence`, `residue`, `narratives` or `lookalike`.
    pub engine: String,
    /// What accounts share, e.g. `url`, `text` (near copies), `fast_repost`, `hashtag_set`; for coordination, amplification
    /// and sites.
    #[serde(default)]
    pub traces: Vec<String>,
    /// What a channel is: `domain`, `platform` or `account`; for amplification (else `account`) and sites (else `domain`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// Which null models a pair must withstand: `wide` (activity and circles, in every window; what is meant when nothing is
    /// said), `both` (activity and shared interest over all pairs) or `activity`; for coordination.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub models: String,
    /// One window in seconds in place of the defaults of each trace.
    #[serde(default)]
    pub window_seconds: Option<u32>,
    /// The share of edges that may be false.
    #[serde(default = "one_percent")]
    pub false_discovery_max: f64,
    /// How long activity is taken as even, in seconds: a day, or six hours before a vote.
    #[serde(default = "one_day")]
    pub slice_seconds: u32,
    /// First moment; the whole collection when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Last moment.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
    /// Protected names, for lookalikes; the list that ships with the program when empty.
    #[serde(default)]
    pub protected: String,
    /// The seed of everything drawn.
    #[serde(default)]
    pub seed: u64,
}

impl Parameters {
    /// What a channel is in this run.
    pub fn channel(&self) -> &str {
        match (self.channel.as_str(), self.engine.as_str()) {
            ("", "sites") => "domain",
            ("", _) => "account",
            (channel, _) => channel,
        }
    }

    /// Whether the engine asks for what is shared.
    pub fn needs_traces(&self) -> bool {
        matches!(self.engine.as_str(), "coordination" | "amplification" | "sites")
    }

    /// The digest by which another team knows that it asked the same.
    pub fn digest(&self) -> String {
        Digest::of_canonical(self).map(|digest| digest.to_string()).unwrap_or_default()
    }
}

fn check(asked: &Parameters) -> Answer<()> {
    if !ENGINES.contains(&asked.engine.as_str()) {
        return Err(refuse("NRS-INFL-1202"));
    }
    let no_traces = asked.needs_traces() && asked.traces.is_empty();
    // Two that stand in one column are one.
    let columns = asked.traces.iter().map(|trace| engine::column_of(trace));
    let twice = columns.collect::<std::collections::BTreeSet<_>>().len();
    let beside = asked.traces.iter().any(|trace| BESIDE.contains(&trace.as_str()));
    if no_traces || beside || twice != asked.traces.len() || asked.traces.len() > TRACES_MAX {
        return Err(refuse("NRS-INFL-1204"));
    }
    check_channel(asked)?;
    if !asked.models.is_empty() && !MODELS.contains(&asked.models.as_str()) {
        return Err(refuse("NRS-INFL-1208"));
    }
    if asked.protected.chars().count() > PROTECTED_CHARS_MAX {
        return Err(refuse("NRS-INFL-1203"));
    }
    if asked.from.zip(asked.until).is_some_and(|(from, until)| until <= from) {
        return Err(refuse("NRS-INFL-0204"));
    }
    decided(&may_test(&Strictness {
        false_discovery: asked.false_discovery_max,
        window_seconds: asked.window_seconds,
        slice_seconds: asked.slice_seconds,
    }))?;
    // Only what was gathered here, and lists of domains.
    let source =
        if asked.engine == "lookalike" { Source::DomainLists } else { Source::PublicPosts };
    decided(&may_join(source, false))
}

/// An address is at one site only, so that nothing can be seen of it at another.
fn check_channel(asked: &Parameters) -> Answer<()> {
    let has_channel = matches!(asked.engine.as_str(), "amplification" | "sites");
    if !has_channel && !asked.channel.is_empty() || !CHANNELS.contains(&asked.channel()) {
        return Err(refuse("NRS-INFL-1206"));
    }
    let own = |trace: &String| matches!(trace.as_str(), "url" | "domain");
    if asked.engine == "sites" && asked.channel() == "domain" && asked.traces.iter().any(own) {
        return Err(refuse("NRS-INFL-1206"));
    }
    Ok(())
}

/// Asks for a run. It is recorded with its parameters before it is done.
pub async fn ask(
    house: &Arc<House>,
    ctx: &Ctx,
    collection: &str,
    asked: Parameters,
) -> Answer<Made> {
    may(house, ctx, Action::InfluenceAnalyse)?;
    act::collection(house, ctx, collection).await?;
    check(&asked)?;
    let (id, digest) = (fresh(ctx, "run"), asked.digest());
    let said = serde_json::to_value(&asked).map_err(broken)?;
    let change = Change::office("influence.run.ask", &id)
        .payload(json!({ "collection": collection, "parameters": said, "digest": digest }))
        .write(Write::one(
            "INSERT INTO influence_run (run, collection, engine, parameters, digest, state, person, org, hat, at) \
             VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, $8, $9)",
            vec![
                Value::from(&id),
                Value::from(collection),
                Value::from(&asked.engine),
                Value::from(said.to_string()),
                Value::from(&digest),
                Value::from(&ctx.person),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ))
        .job(Job {
            kind: "influence.run.work",
            // One after the other, whatever the collection: each may take a gigabyte.
            subject: "influence.run".to_owned(),
            payload: json!({ "run": id, "ctx": keep::actor(ctx) }),
            due_at: ctx.now,
        });
    commit(house, ctx, id, change).await
}

fn damaged(what: impl ToString) -> StoreFailure {
    StoreFailure::Damaged(what.to_string())
}

async fn work(house: Arc<House>, task: Task) -> Result<Outcome, StoreFailure> {
    let ctx = keep::ctx_of(&house, &task.payload).ok_or_else(|| damaged("a job's actor"))?;
    let asked = task.payload.get("run").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
    let found = house.store.read(move |reader| read::run(reader, &asked)).await?;
    let found = found.ok_or_else(|| damaged("a run is gone"))?;
    let (dir, now) = (house.dir.clone(), house.clock.now());
    let run = found.clone();
    let ran = tokio::task::spawn_blocking(move || {
        let ran = engine::run(&dir, &run.collection, &run.run, &run.parameters)?;
        if let (Ok(came), Some(vault)) = (&ran, Vault::existing(&dir, &run.collection)?) {
            vault.watch(&run.run, &came.watched, now)?;
        }
        Ok::<_, crate::influence::vault::VaultFailure>(ran)
    });
    let ran = ran.await.map_err(|_| StoreFailure::Stopping)?.map_err(damaged)?;
    let (state, input, summary, oldest) = match ran {
        Ok(Came { input, summary, oldest, .. }) => ("done", Some(input), summary, oldest),
        Err(why) => ("failed", None, json!({ "failure": why }), None),
    };
    let change = Change::office("influence.run.done", &found.run)
        .payload(json!({
            "collection": found.collection, "parameters": found.digest, "input": input, "summary": summary,
        }))
        .write(Write::one(
            "UPDATE influence_run SET state = $2, input = $3, summary = $4, done_at = $5, oldest_at = $6 \
             WHERE run = $1 AND state = 'running'",
            vec![
                Value::from(&found.run),
                Value::from(state),
                Value::from(input),
                Value::from(summary.to_string()),
                Value::from(now),
                Value::from(oldest),
            ],
        ));
    Ok(Outcome::Done(ctx, Box::new(change)))
}

/// A run that is there; absent otherwise.
pub async fn find(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<Run> {
    may(house, ctx, Action::InfluenceRead)?;
    let id = id.to_owned();
    let found = house.store.read(move |reader| read::run(reader, &id)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    // What a run shows are accounts under pseudonyms: that it was looked at is recorded first.
    crate::influence::seen::look(house, ctx, &found.collection, ("run", &found.run)).await?;
    Ok(found)
}

/// Asks the file of a run; absent when it was deleted.
pub async fn of_results<T: Send + 'static>(
    house: &Arc<House>,
    run: &str,
    ask: impl FnOnce(&Results) -> Result<T, crate::influence::vault::VaultFailure> + Send + 'static,
) -> Answer<T> {
    let (dir, run) = (house.dir.clone(), run.to_owned());
    let asked = tokio::task::spawn_blocking(move || {
        Results::open(&dir, &run)?.map(|results| ask(&results)).transpose()
    });
    let answer = asked.await.map_err(broken)?.map_err(broken)?;
    answer.ok_or_else(|| Refusal::absent().into())
}

/// What the first of two people says of a group.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// Families of indicators that point to it.
    pub families: Vec<String>,
    /// What they rest on.
    pub basis: String,
}

/// The claim that a group is inauthentic, as the charter judges it.
async fn against(
    house: &Arc<House>,
    run: &Run,
    group: i64,
    families: &[String],
    reviewers: [(&str, Hat); 2],
) -> Answer<()> {
    let (row, members) = of_results(house, &run.run, move |results| {
        Ok((results.group(group)?, results.members(group)?))
    })
    .await?;
    let row = row.ok_or_else(Refusal::absent)?;
    let families: Option<Vec<Family>> = families.iter().map(|one| Family::parse(one)).collect();
    let families = families.ok_or_else(|| refuse("NRS-INFL-0402"))?;
    let of = run.collection.clone();
    let declared =
        house.store.read(move |reader| crate::influence::read::declared(reader, &of)).await?;
    let entries: Vec<_> = declared.into_iter().map(|entry| entry.accounts).collect();
    let [(one, one_hat), (other, other_hat)] = reviewers;
    decided(&may_call_inauthentic(&Claim {
        level: Level::parse(&row.level).unwrap_or(Level::E0),
        families: &families,
        undeclared: undeclared(members.iter().map(|member| member.account.as_str()), &entries),
        finder: &run.person,
        reviewers: [
            Reviewer { person: one, hat: one_hat },
            Reviewer { person: other, hat: other_hat },
        ],
    }))
}

/// What was said of the groups of a run. What two people said stands while nobody took it back and no declared coordination
/// explains the group, whenever it was entered.
pub(super) async fn reviews(house: &Arc<House>, run: &Run) -> Answer<Vec<Review>> {
    let (id, of) = (run.run.clone(), run.collection.clone());
    let (mut reviews, declared) = house
        .store
        .read(move |reader| {
            Ok((read::reviews(reader, &id)?, crate::influence::read::declared(reader, &of)?))
        })
        .await?;
    let entries: Vec<_> = declared.into_iter().map(|entry| entry.accounts).collect();
    for review in &mut reviews {
        if review.second_by.is_none() || review.ended.is_some() {
            continue;
        }
        let group = review.group;
        let members = of_results(house, &run.run, move |results| results.members(group)).await?;
        let names = members.iter().map(|member| member.account.as_str());
        review.stands = undeclared(names, &entries) >= GROUP_MIN;
    }
    Ok(reviews)
}

fn may_review(house: &House, ctx: &Ctx) -> Answer<()> {
    let action =
        if ctx.hat == Hat::Legal { Action::InfluenceAllow } else { Action::InfluenceAnalyse };
    may(house, ctx, action)
}

/// The first of two says that a group is inauthentic.
pub async fn propose(
    house: &Arc<House>,
    ctx: &Ctx,
    (run, group): (&str, i64),
    new: NewReview,
) -> Answer<Made> {
    may_review(house, ctx)?;
    let found = find(house, ctx, run).await?;
    // The second is somebody else, still to come.
    let to_come = (" to come", Hat::Legal);
    against(house, &found, group, &new.families, [(ctx.person.as_str(), ctx.hat), to_come]).await?;
    let basis = text(&new.basis, TEXT_CHARS_MAX, true)?;
    let id = fresh(ctx, "review");
    let change = Change::office("influence.review.propose", &id)
        .payload(json!({ "run": run, "group": group, "families": new.families, "basis": basis }))
        .write(Write::one(
            "INSERT INTO influence_review (review, run, group_no, families, basis, first_by, first_hat, first_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                Value::from(&id),
                Value::from(run),
                Value::Int(group),
                Value::from(json!(new.families).to_string()),
                Value::from(&basis),
                Value::from(&ctx.person),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, id, change).await
}

/// The second says so too: from then on the group is at E4.
pub async fn confirm(house: &Arc<House>, ctx: &Ctx, review: &str) -> Answer<Made> {
    may_review(house, ctx)?;
    let asked = review.to_owned();
    let found: Option<Review> =
        house.store.read(move |reader| read::review(reader, &asked)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let run = find(house, ctx, &found.run).await?;
    let first_hat = Hat::parse(&found.first_hat).ok_or_else(Refusal::absent)?;
    let two = [(found.first_by.as_str(), first_hat), (ctx.person.as_str(), ctx.hat)];
    against(house, &run, found.group, &found.families, two).await?;
    let change = Change::office("influence.review.confirm", review)
        .payload(json!({ "run": found.run, "group": found.group }))
        .write(Write::one(
            "UPDATE influence_review SET second_by = $2, second_hat = $3, second_at = $4 WHERE review = $1 \
             AND second_by IS NULL AND first_by <> $2 AND ended_at IS NULL",
            vec![
                Value::from(review),
                Value::from(&ctx.person),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, review.to_owned(), change).await
}

/// Takes back what was said of a group, by the first or by both: it stays on record with the reason.
pub async fn withdraw(
    house: &Arc<House>,
    ctx: &Ctx,
    review: &str,
    reason: &str,
) -> Answer<(Review, Made)> {
    may_review(house, ctx)?;
    let asked = review.to_owned();
    let found = house.store.read(move |reader| read::review(reader, &asked)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let reason = text(reason, TEXT_CHARS_MAX, true)?;
    let change = Change::office("influence.review.withdraw", review)
        .payload(json!({ "run": found.run, "group": found.group, "reason": reason }))
        .write(Write::one(
            "UPDATE influence_review SET ended_by = $2, ended_at = $3, ended_why = $4 WHERE review = $1 \
             AND ended_at IS NULL",
            vec![
                Value::from(review),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(&reason),
            ],
        ));
    let made = commit(house, ctx, review.to_owned(), change).await?;
    Ok((found, made))
}
