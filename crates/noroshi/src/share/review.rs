//! Derivation reviews: how one version of one object is cleared of what it was made from.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_charter::derivation::{State, Step, Taken, may_take};
use noroshi_charter::hat::Hat;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::act::{Made, once, refuse};
use super::clearing::Names;
use super::freed::Matter;
use super::gate::Candidate;
use super::history::Histories;
use super::read;
use super::recall::REASON_CHARS_MAX;
use super::watch::Look;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, Idempotency, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{fill_random, fresh_uuid};
use crate::office::secret::hex;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::refusal::{Answer, Failure, Refusal};

/// A review with the steps that were taken.
#[derive(Debug, Clone)]
pub struct Review {
    /// Its identifier.
    pub review: String,
    /// The object.
    pub id: String,
    /// The version.
    pub modified: String,
    /// SHA-256 over its canonical text.
    pub digest: String,
    /// What hides the version in the log.
    pub salt: String,
    /// When it was opened.
    pub at: Timestamp,
    /// The steps, in order.
    pub steps: Vec<TakenStep>,
}

/// A step that was taken.
#[derive(Debug, Clone)]
pub struct TakenStep {
    /// The state it led to.
    pub state: State,
    /// Who took it.
    pub person: String,
    /// Under which hat.
    pub hat: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Review {
    /// How far it has come.
    pub fn state(&self) -> State {
        self.steps.last().map_or(State::Draft, |step| step.state)
    }

    /// Why somebody under a hat may not take the next step; nothing where it may, or where there is none.
    pub fn barred(&self, person: &str, hat: Hat) -> Option<&'static str> {
        let to = self.state().next()?;
        let step = Step { to, person, hat, reason: "-", digest: &self.digest };
        may_take(&self.taken(), &self.digest, step).first().map(|one| one.code)
    }

    fn taken(&self) -> Vec<Taken> {
        let one = |step: &TakenStep| Taken { state: step.state, person: step.person.clone() };
        self.steps.iter().map(one).collect()
    }
}

/// One review.
pub fn review(reader: &Reader<'_>, id: &str) -> Result<Option<Review>, StoreFailure> {
    let found = reader.first(
        "SELECT review, id, modified, digest, salt, at FROM share_review WHERE review = $1",
        &[Value::from(id)],
        |row| {
            let key = (row.text(0)?, row.text(1)?, row.text(2)?);
            Ok((key, row.text(3)?, row.text(4)?, row.time(5)?))
        },
    )?;
    let Some(((review, id, modified), digest, salt, at)) = found else { return Ok(None) };
    let steps = reader.all(
        "SELECT state, person, hat, reason, at FROM share_review_step WHERE review = $1 ORDER BY number",
        &[Value::from(&review)],
        |row| {
            let code = row.text(0)?;
            let state = State::parse(&code)
                .ok_or_else(|| StoreFailure::Damaged(format!("`{code}` is no state of a review")))?;
            let (person, hat, reason) = (row.text(1)?, row.text(2)?, row.text(3)?);
            Ok(TakenStep { state, person, hat, reason, at: row.time(4)? })
        },
    )?;
    Ok(Some(Review { review, id, modified, digest, salt, at, steps }))
}

/// Reviews that have not ended, oldest first; or those that have, newest first.
pub fn listed(reader: &Reader<'_>, open: bool) -> Result<Vec<Review>, StoreFailure> {
    let (which, order) = if open { ("NOT IN", "ASC") } else { ("IN", "DESC") };
    let sql = format!(
        "SELECT review FROM share_review WHERE state {which} ('released', 'refused') ORDER BY at {order}, review LIMIT 200"
    );
    let names = reader.all(&sql, &[], |row| row.text(0))?;
    let mut found = Vec::new();
    for name in names {
        found.extend(review(reader, &name)?);
    }
    Ok(found)
}

/// The version under review, as it is held now; nothing when it is held no more.
pub(super) fn version_of(
    reader: &Reader<'_>,
    review: &Review,
) -> Result<Option<Candidate>, StoreFailure> {
    let histories = Histories::default();
    read::version(reader, &histories, &review.id, &review.modified, &review.digest)
}

/// The names of those who took its steps.
pub(super) fn names_of(reader: &Reader<'_>, review: &Review) -> Result<Names, StoreFailure> {
    let mut names = Names::new();
    for step in &review.steps {
        let found = reader.first(
            "SELECT name FROM office_person WHERE person = $1",
            &[Value::from(&step.person)],
            |row| row.text(0),
        )?;
        names.extend(found.map(|name| (step.person.clone(), name)));
    }
    Ok(names)
}

/// Every review that has not ended, oldest first.
pub fn open_reviews(reader: &Reader<'_>) -> Result<Vec<String>, StoreFailure> {
    reader.all(
        "SELECT review FROM share_review WHERE state NOT IN ('released', 'refused') ORDER BY at, review LIMIT 200",
        &[],
        |row| row.text(0),
    )
}

/// SQL for the terms of a version in the row `o`, as a review remembers them: the class it was declared to be and its bits.
fn terms(o: &str) -> String {
    format!("({o}.class || ' ' || {o}.has_comms || ' ' || {o}.has_secret)")
}

/// SQL that is true when the review in the row `c` is about the version in the row `o` as it is held now: on the terms it
/// was held on when the review was opened, and said to be made from nothing that was not said then.
pub(super) fn is_about(c: &str, o: &str) -> String {
    format!(
        "({c}.id = {o}.id AND {c}.modified = {o}.modified AND {c}.digest = {o}.digest AND {c}.terms = {} \
         AND NOT EXISTS (SELECT 1 FROM evidence_deriving cd WHERE cd.made = {o}.node AND cd.via > {c}.seq \
         AND (cd.guest = 0 OR EXISTS (SELECT 1 FROM evidence_object cv WHERE cv.node = {o}.node \
         AND cv.originator = cd.stated_by)) AND NOT EXISTS (SELECT 1 FROM evidence_deriving cb \
         WHERE cb.made = cd.made AND cb.source = cd.source AND cb.via <= {c}.seq)))",
        terms(o)
    )
}

/// Whether a version is still what a review was opened about.
fn still_stands(reader: &Reader<'_>, review: &str) -> Result<bool, StoreFailure> {
    let sql = format!(
        "SELECT 1 FROM share_review c CROSS JOIN evidence_id n ON n.slot IN (fresh(c.id), settled(c.id)) AND n.id = c.id \
         JOIN evidence_object o ON o.node = n.node AND o.modified = c.modified WHERE c.review = $1 AND {}",
        is_about("c", "o")
    );
    Ok(reader.first(&sql, &[Value::from(review)], |row| row.int(0))?.is_some())
}

fn may_review(house: &House, ctx: &Ctx) -> Result<(), Failure> {
    Ok(house.authoriser.check(ctx, Action::ShareReview, On::default())?)
}

/// Opens a review of the newest version of an object.
pub async fn draft(
    house: &Arc<House>,
    ctx: &Ctx,
    object: &str,
    reason: &str,
    key: Option<Idempotency>,
) -> Answer<Made> {
    may_review(house, ctx)?;
    let wanted = object.to_owned();
    let found = house.store.read(move |reader| read::candidate(reader, &wanted)).await?;
    let candidate = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    let id = format!("review-{}", fresh_uuid(ctx.now).simple());
    let mut salt = [0u8; 32];
    fill_random(&mut salt);
    let review = Review {
        review: id.clone(),
        id: object.to_owned(),
        modified: candidate.modified,
        digest: candidate.digest,
        salt: hex(&salt),
        at: ctx.now,
        steps: Vec::new(),
    };
    let opened = Write::one(
        "INSERT INTO share_review (review, id, modified, digest, salt, state, at, terms, seq) \
         SELECT $1, $2, $3, $4, $5, 'draft', $6, o.class || ' ' || o.has_comms || ' ' || o.has_secret, \
         (SELECT MAX(seq) FROM evidence_object) FROM evidence_id n JOIN evidence_object o ON o.node = n.node \
         AND o.modified = $3 AND o.digest = $4 WHERE n.slot IN (fresh($2), settled($2)) AND n.id = $2",
        vec![
            Value::from(&id),
            Value::from(&review.id),
            Value::from(&review.modified),
            Value::from(&review.digest),
            Value::from(&review.salt),
            Value::from(ctx.now),
        ],
    );
    let digest = review.digest.clone();
    let step = Asked { to: State::Draft, reason, digest: &digest };
    let change = change(&review, ctx, step, vec![opened])?.once(key);
    once(house.door.commit(ctx, change).await, id)
}

/// A step somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The state it leads to.
    pub to: State,
    /// Why.
    pub reason: &'a str,
    /// Digest of the object in front of that person.
    pub digest: &'a str,
}

/// Takes the next step of a review, or refuses it.
pub async fn step(
    house: &Arc<House>,
    ctx: &Ctx,
    review_id: &str,
    asked: Asked<'_>,
) -> Answer<Made> {
    may_review(house, ctx)?;
    let wanted = review_id.to_owned();
    let read =
        move |reader: &Reader<'_>| Ok((review(reader, &wanted)?, still_stands(reader, &wanted)?));
    let (found, stands) = house.store.read(read).await?;
    let found = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    if !stands && asked.to != State::Refused {
        return Err(refuse("NRS-SHAR-0314"));
    }
    let moved = Write::one(
        "UPDATE share_review SET state = $1 WHERE review = $2 AND state = $3",
        vec![
            Value::from(asked.to.code()),
            Value::from(&found.review),
            Value::from(found.state().code()),
        ],
    );
    let mut change = change(&found, ctx, asked, vec![moved])?;
    if asked.to == State::Released {
        // Whoever was told that it may not be had may have it again, and is told anew should it fall once more.
        for look in [Look::Object, Look::Names] {
            change = change.write(look.at(&found.id, "a review cleared it", ctx));
        }
        // Whoever passed over it finds it at a new place.
        let subject = Matter::decided(ctx.now, &found.id).subject();
        change = change.write(Look::Freed.at(&subject, "a review cleared it", ctx));
    }
    once(house.door.commit(ctx, change).await, found.review)
}

fn change(review: &Review, ctx: &Ctx, asked: Asked<'_>, mut writes: Vec<Write>) -> Answer<Change> {
    if asked.reason.chars().count() > REASON_CHARS_MAX {
        return Err(refuse("NRS-SHAR-0331"));
    }
    let step = Step {
        to: asked.to,
        person: ctx.person.as_str(),
        hat: ctx.hat,
        reason: asked.reason,
        digest: asked.digest,
    };
    if let Some(first) = may_take(&review.taken(), &review.digest, step).first() {
        return Err(Refusal::new(first.code, StatusCode::UNPROCESSABLE_ENTITY).into());
    }
    writes.push(Write::one(
        "INSERT INTO share_review_step (review, number, state, person, hat, reason, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vec![
            Value::from(&review.review),
            Value::from(review.steps.len() as u64),
            Value::from(asked.to.code()),
            Value::from(&ctx.person),
            Value::from(ctx.hat.id()),
            Value::from(asked.reason),
            Value::from(ctx.now),
        ],
    ));
    // Salted: the log binds the version, and nobody finds its content by trying.
    let bound = format!("{}\n{}\n{}\n{}", review.salt, review.id, review.modified, review.digest);
    let fact = Fact::ShareReview {
        review: review.review.clone(),
        object: Digest::of(bound.as_bytes()),
        step: asked.to.code().to_owned(),
        reviewer: ctx.person.to_string(),
    };
    let mut change = Change::new("share.review", &review.review, fact).payload(json!({
        "id": review.id, "modified": review.modified, "digest": review.digest, "salt": review.salt,
        "reason": asked.reason,
    }));
    change.writes = writes;
    Ok(change)
}
