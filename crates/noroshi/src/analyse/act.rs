//! Joint cases: opened, added to, noted in. Each change is a leaf of the log and stays on record.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::notes;
use super::read::{self, Member, Scope, kind_code};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Committed, Idempotency, Write};
use crate::office::ctx::Ctx;
use crate::office::id::CaseId;
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// Letters of a title.
pub const TITLE_CHARS_MAX: usize = 200;
/// Letters of a summary, a note or a reason.
pub const TEXT_CHARS_MAX: usize = 8_000;
/// Members of one case.
pub const MEMBERS_MAX: usize = 500;

/// A case to open.
#[derive(Debug, Clone, Default)]
pub struct NewCase {
    /// Its title.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// The group of the correlation it comes from.
    pub group_key: Option<String>,
    /// What belongs to it: reports, sightings, partners' objects.
    pub members: Vec<String>,
}

fn fault(pointer: &str, code: &str, args: Vec<(&'static str, String)>) -> Item {
    Item { pointer: pointer.to_owned(), code: code.to_owned(), args }
}

fn text_fault(pointer: &str, text: &str, max: usize) -> Option<Item> {
    match text.chars().count() {
        0 => Some(fault(pointer, "NRS-ANAL-0002", Vec::new())),
        count if count > max => {
            Some(fault(pointer, "NRS-ANAL-0003", vec![("max", max.to_string())]))
        }
        _ => None,
    }
}

fn faults(items: Vec<Item>) -> Failure {
    Refusal::new("NRS-ANAL-0001", StatusCode::UNPROCESSABLE_ENTITY).items(items).into()
}

fn case_change(command: &'static str, case: &CaseId) -> Change {
    let fact = Fact::AnalyseChange { command: command.to_owned(), subject: case.to_string() };
    Change::new(command, case.as_str(), fact)
}

/// Opens a joint case with its first members.
pub async fn open(
    house: &Arc<House>,
    ctx: &Ctx,
    new: NewCase,
    once: Option<Idempotency>,
) -> Answer<(String, u64)> {
    house.authoriser.check(ctx, Action::AnalyseCase, On::default())?;
    let (title, summary) = (new.title.trim().to_owned(), new.summary.trim().to_owned());
    let mut items: Vec<Item> = text_fault("/title", &title, TITLE_CHARS_MAX).into_iter().collect();
    if summary.chars().count() > TEXT_CHARS_MAX {
        items.extend(text_fault("/summary", &summary, TEXT_CHARS_MAX));
    }
    let wanted: BTreeSet<String> = new.members.into_iter().collect();
    if wanted.is_empty() || wanted.len() > MEMBERS_MAX {
        items.push(fault("/members", "NRS-ANAL-0004", vec![("max", MEMBERS_MAX.to_string())]));
    }
    if !items.is_empty() {
        return Err(faults(items));
    }
    let members = known(house, ctx, &wanted).await?;
    let case = CaseId::fresh(ctx.now);
    let mut change = case_change("case.open", &case)
        .payload(json!({ "title": title, "members": wanted, "group_key": new.group_key }))
        .once(once)
        .write(Write::one(
            "INSERT INTO analyse_case (case_id, title, summary, state, group_key, org, opened_at) \
             VALUES ($1, $2, $3, 'open', $4, $5, $6)",
            vec![
                Value::from(&case),
                Value::from(title),
                Value::from(summary),
                Value::from(new.group_key),
                Value::from(&ctx.org),
                Value::from(ctx.now),
            ],
        ));
    for member in &members {
        change = change.write(add_write(ctx, &case, member, ""));
    }
    made(house.door.commit(ctx, change).await, case.as_str())
}

/// What was made and its leaf; a request sent twice with the same key gives what the first one made.
pub(super) fn made(done: Result<Committed, CommitFailure>, subject: &str) -> Answer<(String, u64)> {
    match done {
        Ok(done) => Ok((subject.to_owned(), done.position)),
        Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
            Ok((subject, position))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The items of these names that the caller may see; a refusal names those that are not there. Each keeps the name it was
/// asked for by, whatever it counts as: a statement that is taken back leaves a case as it was put together.
async fn known(house: &Arc<House>, ctx: &Ctx, wanted: &BTreeSet<String>) -> Answer<Vec<Member>> {
    let scope = Scope::of(house, ctx);
    let asked = wanted.clone();
    let mut found = house.store.read(move |reader| read::items(reader, scope, &asked)).await?;
    let mut members = Vec::with_capacity(wanted.len());
    let mut items = Vec::new();
    for id in wanted {
        match found.members.remove(id) {
            Some(member) => members.push(Member { id: id.clone(), ..member }),
            None => items.push(fault(
                "/members",
                "NRS-ANAL-0005",
                vec![("id", id.chars().take(120).collect())],
            )),
        }
    }
    if items.is_empty() { Ok(members) } else { Err(faults(items)) }
}

fn add_write(ctx: &Ctx, case: &CaseId, member: &Member, why: &str) -> Write {
    // One that was taken out may come back; both reasons stay in the log.
    Write::one(
        "INSERT INTO analyse_member (case_id, item, kind, added_at, added_why) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (case_id, item) DO UPDATE SET added_at = excluded.added_at, added_why = excluded.added_why, \
         removed_at = NULL, removed_why = NULL WHERE analyse_member.removed_at IS NOT NULL",
        vec![
            Value::from(case),
            Value::from(&member.id),
            Value::from(kind_code(member.kind)),
            Value::from(ctx.now),
            Value::from(why),
        ],
    )
}

pub(super) async fn existing(house: &Arc<House>, case: &str) -> Answer<CaseId> {
    let id = CaseId::parse(case).ok_or_else(Refusal::absent)?;
    let asked = id.clone();
    let found = house.store.read(move |reader| read::case_head(reader, &asked)).await?;
    found.ok_or_else(Refusal::absent)?;
    Ok(id)
}

/// Writes a note. Notes are never changed.
pub async fn note(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    text: &str,
    tlp: &str,
    once: Option<Idempotency>,
) -> Answer<u64> {
    house.authoriser.check(ctx, Action::AnalyseCase, On::default())?;
    let case = existing(house, case).await?;
    let text = text.trim();
    if let Some(item) = text_fault("/text", text, TEXT_CHARS_MAX) {
        return Err(faults(vec![item]));
    }
    let own = notes::asked_tlp(tlp)?;
    let asked = case.clone();
    let sees = Scope::of(house, ctx).sees();
    let marks = house.store.read(move |reader| notes::of_case(reader, sees, &asked)).await?;
    let (_, insert) = notes::insert(ctx, case.as_str(), text, own, marks.floor);
    let change =
        case_change("case.note", &case).payload(json!({ "text": text })).once(once).write(insert);
    made(house.door.commit(ctx, change).await, case.as_str()).map(|(_, position)| position)
}

/// Adds a report, a sighting or a partner's object to a case.
pub async fn add(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    item: &str,
    why: &str,
) -> Answer<Committed> {
    house.authoriser.check(ctx, Action::AnalyseCase, On::default())?;
    let case = existing(house, case).await?;
    let why = why.trim();
    if let Some(item) = text_fault("/reason", why, TEXT_CHARS_MAX) {
        return Err(faults(vec![item]));
    }
    let asked = case.clone();
    let count = house.store.read(move |reader| read::member_ids(reader, &asked)).await?.len();
    if count >= MEMBERS_MAX {
        return Err(faults(vec![fault(
            "/id",
            "NRS-ANAL-0004",
            vec![("max", MEMBERS_MAX.to_string())],
        )]));
    }
    let members = known(house, ctx, &BTreeSet::from([item.trim().to_owned()])).await?;
    let mut change =
        case_change("case.add", &case).payload(json!({ "item": item.trim(), "why": why }));
    for member in &members {
        change = change.write(add_write(ctx, &case, member, why));
    }
    Ok(house.door.commit(ctx, change).await?)
}

/// Takes something out of a case. It stays on record that it was there, and why it no longer is.
pub async fn remove(
    house: &Arc<House>,
    ctx: &Ctx,
    case: &str,
    item: &str,
    why: &str,
) -> Answer<Committed> {
    house.authoriser.check(ctx, Action::AnalyseCase, On::default())?;
    let case = existing(house, case).await?;
    let why = why.trim();
    if let Some(item) = text_fault("/reason", why, TEXT_CHARS_MAX) {
        return Err(faults(vec![item]));
    }
    let change = case_change("case.remove", &case)
        .payload(json!({ "item": item, "why": why }))
        .write(Write::one(
            "UPDATE analyse_member SET removed_at = $3, removed_why = $4 \
         WHERE case_id = $1 AND item = $2 AND removed_at IS NULL",
            vec![Value::from(&case), Value::from(item), Value::from(ctx.now), Value::from(why)],
        ));
    Ok(house.door.commit(ctx, change).await?)
}
