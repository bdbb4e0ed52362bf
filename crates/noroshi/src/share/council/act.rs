//! What changes: advisories are issued and answered, questions asked and answered. Each is a leaf.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_charter::release::{Audience, Capacity};
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_ledger::digest::Digest;
use serde_json::json;

use super::read::{self, Advisory, Draft, Place, Side};
use crate::evidence::rows::{tlp_code, tlp_of};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Idempotency, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{OrgId, fresh_uuid};
use crate::office::store::{Reader, Value};
use crate::share::act::{Handling, Made, handled, may_release, once, refuse};
use crate::share::read::class_of;
use crate::share::{act, audience};
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest text of an advisory, a question or an answer, in characters.
pub const TEXT_CHARS_MAX: usize = 20_000;
/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 2_000;
/// Objects one advisory may name.
pub const OBJECTS_MAX: usize = 500;

/// An advisory as it is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Label of the audience: `council`, `operators`, `operators:<sector>`, `operator:<org>` or `supplier:<org>`.
    pub audience: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Objects it is about; each was released to the audience.
    pub objects: Vec<String>,
    /// Its colour.
    pub tlp: String,
    /// Its class.
    pub class: String,
    /// `acknowledge`, `apply` or nothing.
    pub needs: Option<String>,
    /// Until when an answer is asked for.
    pub due_at: Option<Timestamp>,
    /// What a preview showed; anything else by now is refused.
    pub digest: Option<String>,
}

/// Who would receive an advisory, who would not and why, and what that is bound to.
#[derive(Debug, Clone)]
pub struct Preview {
    /// What is judged.
    pub draft: Draft,
    /// Who receives.
    pub recipients: Vec<String>,
    /// Members of the audience who do not, with every reason's code.
    pub left_out: Vec<(String, Vec<String>)>,
    /// What each recipient is given, word for word, and who is given the same.
    pub contents: Vec<(String, Vec<String>)>,
    /// Digest over the words, the recipients and what each is given.
    pub digest: Digest,
    /// A second person must look at it.
    pub second: bool,
}

fn text_of(text: &str, most: usize, code: &'static str) -> Answer<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= most;
    let plain = !text.chars().any(|one| one.is_control() && one != '\n' && one != '\r');
    if fits && plain { Ok(text.to_owned()) } else { Err(refuse(code)) }
}

async fn draft(house: &Arc<House>, wish: &Wish) -> Answer<Draft> {
    let to = act::audience(house, &wish.audience).await?;
    if !matches!(to.capacity(), Capacity::Council | Capacity::Operator | Capacity::Supplier) {
        return Err(refuse("NRS-SHAR-0500"));
    }
    let tlp: Tlp = tlp_of(&wish.tlp).ok_or_else(|| refuse("NRS-SHAR-0007"))?;
    let class: LegalClass = class_of(&wish.class).ok_or_else(|| refuse("NRS-SHAR-0504"))?;
    let needs = wish.needs.as_deref().filter(|text| !text.is_empty());
    if needs.is_some_and(|needs| needs != "acknowledge" && needs != "apply") {
        return Err(refuse("NRS-SHAR-0505"));
    }
    if wish.objects.len() > OBJECTS_MAX {
        return Err(refuse("NRS-SHAR-0506"));
    }
    Ok(Draft {
        audience: to,
        title: text_of(&wish.title, TITLE_CHARS_MAX, "NRS-SHAR-0501")?,
        text: text_of(&wish.text, TEXT_CHARS_MAX, "NRS-SHAR-0501")?,
        objects: wish.objects.clone(),
        tlp,
        class,
        needs: needs.map(str::to_owned),
        due_at: wish.due_at,
    })
}

/// Judges a draft anew: a proposal that waits for a second person, as it stands now.
pub async fn judge(house: &Arc<House>, ctx: &Ctx, draft: Draft) -> Answer<Preview> {
    let (asked, now) = (draft.clone(), ctx.now);
    let (missing, judged) = house
        .store
        .read(move |reader| {
            Ok((read::not_released(reader, &asked)?, read::judge(reader, &asked, now)?))
        })
        .await?;
    if !missing.is_empty() {
        let item = |id: String| Item {
            pointer: format!("/objects/{id}"),
            code: "NRS-SHAR-0502".to_owned(),
            args: Vec::new(),
        };
        return Err(Refusal::new("NRS-SHAR-0502", StatusCode::UNPROCESSABLE_ENTITY)
            .items(missing.into_iter().map(item).collect())
            .into());
    }
    let (recipients, left_out): (Vec<_>, Vec<_>) =
        judged.into_iter().partition(|(_, codes)| codes.is_empty());
    let recipients: Vec<String> = recipients.into_iter().map(|(org, _)| org).collect();
    let (asked, to) = (draft.clone(), recipients.clone());
    let contents = house.store.read(move |reader| read::contents(reader, &asked, &to, now)).await?;
    let rule = &house.config.share;
    let second = rule.second_person_from.is_some_and(|from| draft.tlp >= from.tlp())
        || rule.second_person_classes.iter().any(|class| class == draft.class.code());
    let whole = json!({ "lines": draft.lines(&recipients), "contents": contents }).to_string();
    let digest = Digest::of(whole.as_bytes());
    Ok(Preview { draft, recipients, left_out, contents, digest, second })
}

/// Who would receive an advisory, and what each would get. Nothing changes.
pub async fn preview(house: &Arc<House>, ctx: &Ctx, wish: &Wish) -> Answer<Preview> {
    may_release(house, ctx)?;
    let draft = draft(house, wish).await?;
    judge(house, ctx, draft).await
}

/// Issues an advisory to exactly those who may have it, or lets it wait for a second person.
pub async fn issue(
    house: &Arc<House>,
    ctx: &Ctx,
    wish: &Wish,
    key: Option<Idempotency>,
) -> Answer<(Made, Preview)> {
    let judged = preview(house, ctx, wish).await?;
    if wish.digest.as_ref().is_some_and(|seen| *seen != judged.digest.to_string()) {
        return Err(Refusal::new("NRS-SHAR-0014", StatusCode::CONFLICT).into());
    }
    if judged.recipients.is_empty() {
        let item = |(org, codes): &(String, Vec<String>)| Item {
            pointer: format!("/audience/{org}"),
            code: codes.first().cloned().unwrap_or_default(),
            args: Vec::new(),
        };
        return Err(Refusal::new("NRS-SHAR-0503", StatusCode::UNPROCESSABLE_ENTITY)
            .items(judged.left_out.iter().map(item).collect())
            .into());
    }
    let id = format!("advisory-{}", fresh_uuid(ctx.now).simple());
    let command = if judged.second { "share.advise_propose" } else { "share.advise" };
    let mut change = Change::office(command, &id)
        .payload(
            json!({ "lines": judged.draft.lines(&judged.recipients), "left_out": judged.left_out }),
        )
        .once(key)
        .write(insert(&id, ctx, &judged));
    if !judged.second {
        change.writes.extend(judged.recipients.iter().map(|org| receives(&id, org)));
    }
    let made = once(house.door.commit(ctx, change).await, id)?;
    Ok((made, judged))
}

fn insert(id: &str, ctx: &Ctx, judged: &Preview) -> Write {
    let draft = &judged.draft;
    Write::one(
        "INSERT INTO share_advisory (advisory, audience, title, body, objects, tlp, class, needs, due_at, digest, \
         person, at, issued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        vec![
            Value::from(id),
            Value::from(draft.audience.label()),
            Value::from(&draft.title),
            Value::from(&draft.text),
            Value::from(json!(draft.objects).to_string()),
            Value::from(tlp_code(draft.tlp)),
            Value::from(draft.class.code()),
            Value::from(draft.needs.clone()),
            Value::from(draft.due_at),
            Value::from(judged.digest.to_string()),
            Value::from(&ctx.person),
            Value::from(ctx.now),
            Value::from((!judged.second).then_some(ctx.now)),
        ],
    )
}

fn receives(advisory: &str, org: &str) -> Write {
    Write::one(
        "INSERT INTO share_advisory_recipient (advisory, org) VALUES ($1, $2)",
        vec![Value::from(advisory), Value::from(org)],
    )
}

/// The second person's word: issues exactly what the first one saw, or says that it has changed.
pub async fn second(house: &Arc<House>, ctx: &Ctx, advisory: &str, digest: &str) -> Answer<Made> {
    may_release(house, ctx)?;
    let wanted = advisory.to_owned();
    let found = house.store.read(move |reader| read::advisory(reader, &wanted)).await?;
    let found: Advisory = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    if found.issued_at.is_some() {
        return Err(Refusal::new("NRS-SHAR-0507", StatusCode::CONFLICT).into());
    }
    not_withdrawn(&found)?;
    if found.person == ctx.person.as_str() {
        return Err(Refusal::new("NRS-SHAR-0316", StatusCode::FORBIDDEN).into());
    }
    let judged = judge(house, ctx, found.draft).await?;
    if judged.digest.to_string() != found.digest || found.digest != digest {
        return Err(Refusal::new("NRS-SHAR-0014", StatusCode::CONFLICT).into());
    }
    let mut change = Change::office("share.advise", advisory)
        .payload(
            json!({ "lines": judged.draft.lines(&judged.recipients), "left_out": judged.left_out }),
        )
        .write(Write::one(
            "UPDATE share_advisory SET second = $1, issued_at = $2 \
             WHERE advisory = $3 AND issued_at IS NULL AND withdrawn_at IS NULL AND person <> $1",
            vec![Value::from(&ctx.person), Value::from(ctx.now), Value::from(advisory)],
        ));
    change.writes.extend(judged.recipients.iter().map(|org| receives(advisory, org)));
    once(house.door.commit(ctx, change).await, advisory.to_owned())
}

fn not_withdrawn(advisory: &Advisory) -> Answer<()> {
    match advisory.withdrawn {
        Some(_) => Err(Refusal::new("NRS-SHAR-0508", StatusCode::CONFLICT).into()),
        None => Ok(()),
    }
}

/// Takes an issued advisory back: nobody is asked to do anything because of it any more, and whoever was shown it is shown
/// that it is withdrawn and why.
pub async fn withdraw(
    house: &Arc<House>,
    ctx: &Ctx,
    advisory: &str,
    why: &str,
    key: Option<Idempotency>,
) -> Answer<Made> {
    let how = Closing {
        command: "share.advisory_withdraw",
        of_issued: true,
        otherwise: "NRS-SHAR-0509",
        sql: "UPDATE share_advisory SET withdrawn_at = $1, withdrawn_by = $2, withdrawn_why = $3 \
              WHERE advisory = $4 AND issued_at IS NOT NULL AND withdrawn_at IS NULL",
    };
    close(house, ctx, (advisory, why), key, how).await
}

/// Dismisses a proposal that waits for a second person, who may be the one who does it.
pub async fn dismiss(
    house: &Arc<House>,
    ctx: &Ctx,
    advisory: &str,
    why: &str,
    key: Option<Idempotency>,
) -> Answer<Made> {
    let how = Closing {
        command: "share.advisory_dismiss",
        of_issued: false,
        otherwise: "NRS-SHAR-0507",
        sql: "UPDATE share_advisory SET withdrawn_at = $1, withdrawn_by = $2, withdrawn_why = $3 \
              WHERE advisory = $4 AND issued_at IS NULL AND withdrawn_at IS NULL",
    };
    close(house, ctx, (advisory, why), key, how).await
}

/// How an advisory comes to count no more.
struct Closing {
    command: &'static str,
    /// Whether it is for those that are issued, or for those that wait.
    of_issued: bool,
    /// What is said of the others.
    otherwise: &'static str,
    sql: &'static str,
}

async fn close(
    house: &Arc<House>,
    ctx: &Ctx,
    (advisory, why): (&str, &str),
    key: Option<Idempotency>,
    how: Closing,
) -> Answer<Made> {
    may_release(house, ctx)?;
    let wanted = advisory.to_owned();
    let found = house.store.read(move |reader| read::advisory(reader, &wanted)).await?;
    let found = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    if found.withdrawn.is_none() && found.issued_at.is_some() != how.of_issued {
        return Err(Refusal::new(how.otherwise, StatusCode::CONFLICT).into());
    }
    let why = text_of(why, REASON_CHARS_MAX, "NRS-SHAR-0513")?;
    let closing = vec![
        Value::from(ctx.now),
        Value::from(&ctx.person),
        Value::from(&why),
        Value::from(advisory),
    ];
    let change = Change::office(how.command, advisory)
        .payload(json!({ "why": why }))
        .once(key)
        .write(Write::one(how.sql, closing));
    let outcome = house.door.commit(ctx, change).await;
    if matches!(outcome, Err(CommitFailure::Conflict { .. })) {
        // Only now: whoever repeats a request is told what came of the first one.
        not_withdrawn(&found)?;
    }
    once(outcome, advisory.to_owned())
}

/// Reminds recipients of the answer that is asked of them; those who owe none are passed over. Gives how many were reminded.
pub async fn remind(
    house: &Arc<House>,
    ctx: &Ctx,
    advisory: &str,
    orgs: Option<&[String]>,
) -> Answer<(Made, usize)> {
    may_release(house, ctx)?;
    let wanted = advisory.to_owned();
    let found = house
        .store
        .read(move |reader| {
            Ok((read::advisory(reader, &wanted)?, read::standings(reader, &wanted)?))
        })
        .await?;
    let advised = found.0.filter(|one| one.issued_at.is_some());
    let advised = advised.ok_or_else(|| Failure::from(Refusal::absent()))?;
    not_withdrawn(&advised)?;
    let named = |org: &String| orgs.is_none_or(|orgs| orgs.contains(org));
    let open: Vec<String> = found
        .1
        .into_iter()
        .filter(|one| advised.is_open(one.said.as_ref()) && named(&one.org))
        .map(|one| one.org)
        .collect();
    if open.is_empty() {
        return Err(refuse("NRS-SHAR-0512"));
    }
    let mut change =
        Change::office("share.advisory_remind", advisory).payload(json!({ "orgs": open }));
    for org in &open {
        change = change.write(Write::one(
            "INSERT INTO share_advisory_reminder (advisory, org, person, at) VALUES ($1, $2, $3, $4)",
            vec![
                Value::from(advisory),
                Value::from(org),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    }
    let made = once(house.door.commit(ctx, change).await, advisory.to_owned())?;
    Ok((made, open.len()))
}

fn may_answer(house: &House, ctx: &Ctx) -> Answer<()> {
    let own = On { owner: Some(&ctx.org), ..On::default() };
    Ok(house.authoriser.check(ctx, Action::ShareAnswer, own)?)
}

pub(super) fn may_read(house: &House, ctx: &Ctx) -> Answer<()> {
    let own = On { owner: Some(&ctx.org), ..On::default() };
    Ok(house.authoriser.check(ctx, Action::ShareRead, own)?)
}

/// A page of the caller's own advisories, newest first, and where to go on; that they were handed out is recorded before
/// they are shown.
pub async fn received(
    house: &Arc<House>,
    ctx: &Ctx,
    after: Option<Place>,
    limit: u32,
) -> Answer<(Vec<read::Received>, Option<Place>)> {
    may_read(house, ctx)?;
    let (org, hat, now) = (ctx.org.clone(), ctx.hat, ctx.now);
    let (found, next) = house
        .store
        .read(move |reader| read::received(reader, (&org, hat), now, after.as_ref(), limit))
        .await?;
    let fresh: Vec<&str> = found
        .iter()
        .filter(|one| one.delivered_at.is_none())
        .map(|one| one.advisory.advisory.as_str())
        .collect();
    let told: Vec<&str> = found
        .iter()
        .filter(|one| one.advisory.withdrawn.is_some() && one.told_at.is_none())
        .map(|one| one.advisory.advisory.as_str())
        .collect();
    if !fresh.is_empty() || !told.is_empty() {
        let payload = json!({
            "advisories": fresh, "withdrawn": told, "via": act::Door::Advisory.code(),
        });
        let mut change = Change::office("share.advisory_read", ctx.org.as_str()).payload(payload);
        for advisory in &told {
            change = change.write(Write::new(
                "UPDATE share_advisory_recipient SET told_at = $1 \
                 WHERE advisory = $2 AND org = $3 AND told_at IS NULL",
                vec![Value::from(ctx.now), Value::from(*advisory), Value::from(&ctx.org)],
            ));
        }
        for advisory in &fresh {
            change = change.write(Write::new(
                "UPDATE share_advisory_recipient SET delivered_at = $1 \
                 WHERE advisory = $2 AND org = $3 AND delivered_at IS NULL",
                vec![Value::from(ctx.now), Value::from(*advisory), Value::from(&ctx.org)],
            ));
        }
        house.door.commit(ctx, change).await?;
    }
    Ok((found, next))
}

/// What a recipient says it has done. A later answer stands beside the earlier ones.
pub async fn answer(
    house: &Arc<House>,
    ctx: &Ctx,
    advisory: &str,
    (said, reason): (&str, &str),
    key: Option<Idempotency>,
) -> Answer<Made> {
    may_answer(house, ctx)?;
    let (org, hat, now) = (ctx.org.clone(), ctx.hat, ctx.now);
    let wanted = advisory.to_owned();
    let look = move |reader: &Reader<'_>| {
        let received = read::is_received(reader, (&org, hat), now, &wanted)?;
        Ok(read::advisory(reader, &wanted)?.filter(|_| received))
    };
    let received = house.store.read(look).await?;
    not_withdrawn(&received.ok_or_else(|| Failure::from(Refusal::absent()))?)?;
    if !["acknowledged", "applied", "not-applied"].contains(&said) {
        return Err(refuse("NRS-SHAR-0510"));
    }
    let reason = match reason.trim() {
        "" if said == "not-applied" => return Err(refuse("NRS-SHAR-0511")),
        "" => None,
        words => Some(text_of(words, REASON_CHARS_MAX, "NRS-SHAR-0511")?),
    };
    let change = Change::office("share.advisory_answer", advisory)
        .payload(json!({ "org": ctx.org.as_str(), "answer": said, "reason": reason }))
        .once(key)
        .write(Write::one(
            "INSERT INTO share_advisory_answer (advisory, org, answer, reason, person, at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                Value::from(advisory),
                Value::from(&ctx.org),
                Value::from(said),
                Value::from(reason),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    once(house.door.commit(ctx, change).await, advisory.to_owned())
}

/// On which side of questions somebody stands: the office, or one organisation as what the hat stands for.
pub(super) fn side(house: &House, ctx: &Ctx) -> Answer<Side> {
    if may_release(house, ctx).is_ok() {
        return Ok(Side::Office);
    }
    may_read(house, ctx)?;
    Ok(Side::under(&ctx.org, ctx.hat))
}

/// [`side`], for whoever asks or answers.
fn speaking(house: &House, ctx: &Ctx) -> Answer<Side> {
    let side = side(house, ctx)?;
    if side != Side::Office {
        may_answer(house, ctx)?;
    }
    Ok(side)
}

/// Asks a question: the office a member of the council or a supplier, or one of these the office.
pub async fn ask(
    house: &Arc<House>,
    ctx: &Ctx,
    (to, words, due_at): (Option<&str>, &str, Timestamp),
    key: Option<Idempotency>,
) -> Answer<Made> {
    let side = speaking(house, ctx)?;
    let (member, under) = match (&side, to.filter(|to| !to.is_empty())) {
        (Side::Office, Some(to)) => (OrgId::parse(to), None),
        (Side::Member(own, under), None) => (Some(own.clone()), *under),
        (Side::Office, None) | (Side::Member(..), Some(_)) => (None, None),
    };
    let member = member.ok_or_else(|| refuse("NRS-SHAR-0520"))?;
    let wanted = member.clone();
    let capacity = house.store.read(move |reader| read::asked_as(reader, &wanted)).await?;
    // Who sits in the council may still be asked, and ask, as a supplier under that hat.
    let capacity = match (capacity, under) {
        (Some(_), Some(read::SUPPLIER)) => Some(read::SUPPLIER),
        (Some(read::SUPPLIER), Some(_)) => None,
        (capacity, _) => capacity,
    };
    let capacity = capacity.ok_or_else(|| refuse("NRS-SHAR-0520"))?;
    let words = text_of(words, TEXT_CHARS_MAX, "NRS-SHAR-0521")?;
    if due_at <= ctx.now {
        return Err(refuse("NRS-SHAR-0522"));
    }
    let id = format!("question-{}", fresh_uuid(ctx.now).simple());
    let change = Change::office("share.ask", &id)
        .payload(json!({ "member": member.as_str(), "words": words, "due_at": due_at.to_string() }))
        .once(key)
        .write(Write::one(
            "INSERT INTO share_question (question, org, by_office, words, due_at, person, at, capacity) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                Value::from(&id),
                Value::from(&member),
                Value::from(side == Side::Office),
                Value::from(words),
                Value::from(due_at),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(capacity),
            ],
        ));
    once(house.door.commit(ctx, change).await, id)
}

/// Answers a question, or declines with the justification (art. 45). Only the side that was asked does.
pub async fn reply(
    house: &Arc<House>,
    ctx: &Ctx,
    question: &str,
    (words, declines): (&str, bool),
    key: Option<Idempotency>,
) -> Answer<Made> {
    let side = speaking(house, ctx)?;
    let (wanted, of) = (question.to_owned(), side.clone());
    let found = house.store.read(move |reader| read::question(reader, &wanted, &of)).await?;
    let found = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    if found.by_office == (side == Side::Office) {
        return Err(Refusal::new("NRS-SHAR-0523", StatusCode::FORBIDDEN).into());
    }
    if found.state != "open" {
        return Err(Refusal::new("NRS-SHAR-0524", StatusCode::CONFLICT).into());
    }
    let words = text_of(words, TEXT_CHARS_MAX, "NRS-SHAR-0521")?;
    let state = if declines { "declined" } else { "answered" };
    let change = Change::office("share.reply", question)
        .payload(json!({ "state": state, "words": words }))
        .once(key)
        .write(Write::one(
            "UPDATE share_question SET state = $1, answer = $2, answered_by = $3, answered_at = $4 \
             WHERE question = $5 AND state = 'open'",
            vec![
                Value::from(state),
                Value::from(words),
                Value::from(&ctx.person),
                Value::from(ctx.now),
                Value::from(question),
            ],
        ));
    once(house.door.commit(ctx, change).await, question.to_owned())
}

/// The objects of the caller's own organisation about which it can give an opinion, and what it has said.
pub async fn originated(house: &Arc<House>, ctx: &Ctx) -> Answer<Vec<read::Opinion>> {
    may_opine(house, ctx)?;
    let org = ctx.org.clone();
    Ok(house.store.read(move |reader| read::originated(reader, &org)).await?)
}

/// A member's opinion on how what it originated is handled (Act art. 45(6)): to whom it is restricted, or that it has no
/// opinion any more. It replaces what was recorded before.
pub async fn opine(
    house: &Arc<House>,
    ctx: &Ctx,
    said: &Handling,
    key: Option<Idempotency>,
) -> Answer<Made> {
    may_opine(house, ctx)?;
    if said.consent.is_some() || (said.restricted_to.is_none() && !said.lifts) {
        return Err(refuse("NRS-SHAR-0526"));
    }
    let (org, objects) = (ctx.org.clone(), said.objects.clone());
    let sits = move |reader: &Reader<'_>| {
        let sits = audience::belongs(reader, &org, &Audience::Council)?;
        let own: Vec<String> = objects.into_iter().take(OBJECTS_MAX + 1).collect();
        Ok((sits, read::not_own(reader, &org, &own)?))
    };
    let (sits, not_own) = house.store.read(sits).await?;
    if !sits {
        return Err(refuse("NRS-SHAR-0525"));
    }
    if said.objects.len() > OBJECTS_MAX {
        return Err(refuse("NRS-SHAR-0506"));
    }
    if !not_own.is_empty() {
        let item = |id: String| Item {
            pointer: format!("/objects/{id}"),
            code: "NRS-SHAR-0527".to_owned(),
            args: Vec::new(),
        };
        return Err(Refusal::new("NRS-SHAR-0527", StatusCode::UNPROCESSABLE_ENTITY)
            .items(not_own.into_iter().map(item).collect())
            .into());
    }
    let opinion = |id: &String| {
        Write::one(
            "INSERT INTO share_opinion (org, id, said_at) VALUES ($1, $2, $3) \
             ON CONFLICT (org, id) DO UPDATE SET said_at = excluded.said_at",
            vec![Value::from(&ctx.org), Value::from(id), Value::from(ctx.now)],
        )
    };
    let writes = said.objects.iter().map(opinion).collect();
    handled(house, ctx, said, writes, key).await
}

fn may_opine(house: &House, ctx: &Ctx) -> Answer<()> {
    let own = On { owner: Some(&ctx.org), ..On::default() };
    Ok(house.authoriser.check(ctx, Action::ShareOpine, own)?)
}
