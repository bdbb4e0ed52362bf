//! Two objects that are one thing: a statement of ours beside them, never a change of either.
//!
//! What is stated can be taken back; both are leaves with a reason. A reader follows a statement only when both of its
//! ends are for that reader: otherwise each object stands for itself, and nothing tells that there is another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_evidence::similarity::{CANDIDATE_PERCENT_MIN, similarity};
use noroshi_ledger::leaf::Fact;
use serde_json::json;

use super::act::TEXT_CHARS_MAX;
use crate::evidence::read::{self as evidence, Filter, ObjectRow, Sees};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Committed, Write};
use crate::office::ctx::Ctx;
use crate::office::id::fresh_uuid;
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::web::refusal::{Answer, Failure, Refusal};

/// Statements one after the other from a part to the whole it counts as; longer chains are refused (see [`merge`]), so
/// that following this many always reaches the end.
const DEPTH_MAX: usize = 32;
/// Objects that are counted as one at most.
pub const SIBLINGS_MAX: usize = 200;
/// Objects with a likeness that are looked at.
const LIKE_MAX: u32 = 100;
/// Likenesses that are offered.
pub const CANDIDATES_MAX: usize = 20;

/// A statement that one object is part of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Its identifier.
    pub alias: String,
    /// The object that is counted as part of the other.
    pub one: String,
    /// The other.
    pub into: String,
    /// Why.
    pub reason: String,
    /// The organisation that stated it, in Japanese and English.
    pub org: (String, String),
    /// When it was stated.
    pub stated_at: Timestamp,
    /// When and why it was taken back.
    pub ended: Option<(Timestamp, String)>,
}

const ALIAS: &str = "SELECT a.alias, a.one, a.into_id, a.reason, COALESCE(o.name_ja, a.org), COALESCE(o.name_en, a.org), \
     a.stated_at, a.ended_at, a.ended_why FROM analyse_alias a LEFT JOIN office_org o ON o.org = a.org";

fn alias_row(row: &Row<'_, '_>) -> Result<Alias, StoreFailure> {
    let why = row.text_or_none(8)?.unwrap_or_default();
    Ok(Alias {
        alias: row.text(0)?,
        one: row.text(1)?,
        into: row.text(2)?,
        reason: row.text(3)?,
        org: (row.text(4)?, row.text(5)?),
        stated_at: row.time(6)?,
        ended: row.time_or_none(7)?.map(|at| (at, why)),
    })
}

fn seen(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<bool, StoreFailure> {
    Ok(evidence::brief(reader, sees, id)?.is_some())
}

/// The object that `id` is counted as, for this reader: itself unless somebody stated otherwise.
pub fn canonical(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<String, StoreFailure> {
    let mut current = id.to_owned();
    for _ in 0..DEPTH_MAX {
        let next = reader.first(
            "SELECT into_id FROM analyse_alias WHERE one = $1 AND ended_at IS NULL",
            &[Value::from(&current)],
            |row| row.text(0),
        )?;
        match next {
            // INVARIANT: a statement about what the reader may not see is not followed.
            Some(next) if seen(reader, sees, &next)? => current = next,
            Some(_) | None => break,
        }
    }
    Ok(current)
}

/// Everything that counts as one with `id` for this reader, the object it counts as first.
pub fn siblings(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<Vec<String>, StoreFailure> {
    let root = canonical(reader, sees, id)?;
    let mut found = vec![root.clone()];
    let mut known = BTreeSet::from([root]);
    let mut at = 0;
    while let Some(current) = found.get(at).cloned() {
        at += 1;
        let parts = reader.all(
            "SELECT one FROM analyse_alias WHERE into_id = $1 AND ended_at IS NULL ORDER BY one LIMIT 200",
            &[Value::from(&current)],
            |row| row.text(0),
        )?;
        for part in parts {
            if found.len() < SIBLINGS_MAX
                && seen(reader, sees, &part)?
                && known.insert(part.clone())
            {
                found.push(part);
            }
        }
    }
    Ok(found)
}

/// Every part and the whole it counts as for this reader, as [`canonical`] tells it of each.
pub fn in_force(reader: &Reader<'_>, sees: Sees) -> Result<BTreeMap<String, String>, StoreFailure> {
    let pairs = reader.all(
        "SELECT one, into_id FROM analyse_alias WHERE ended_at IS NULL ORDER BY one",
        &[],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )?;
    let direct: BTreeMap<String, String> = pairs.into_iter().collect();
    let ends: BTreeSet<&String> = direct.iter().flat_map(|(one, into)| [one, into]).collect();
    let mut there = BTreeSet::new();
    for end in ends {
        if seen(reader, sees, end)? {
            there.insert(end);
        }
    }
    let mut wholes = BTreeMap::new();
    for start in direct.keys().filter(|one| there.contains(one)) {
        let mut current = start;
        for _ in 0..DEPTH_MAX {
            match direct.get(current) {
                // INVARIANT: a statement about what the reader may not see is not followed, in the middle of a chain either.
                Some(next) if there.contains(next) => current = next,
                Some(_) | None => break,
            }
        }
        if current != start {
            wholes.insert(start.clone(), current.clone());
        }
    }
    Ok(wholes)
}

/// Statements about `id`, also those taken back, newest first; only those whose both ends the reader sees.
pub fn statements(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<Vec<Alias>, StoreFailure> {
    let sql =
        format!("{ALIAS} WHERE a.one = $1 OR a.into_id = $1 ORDER BY a.stated_at DESC LIMIT 200");
    let mut found = Vec::new();
    for alias in reader.all(&sql, &[Value::from(id)], alias_row)? {
        if seen(reader, sees, &alias.one)? && seen(reader, sees, &alias.into)? {
            found.push(alias);
        }
    }
    Ok(found)
}

/// An object that may be the same thing, and what the two have in common.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The other object.
    pub row: ObjectRow,
    /// The names and outside identifiers both have.
    pub common: Vec<String>,
    /// How alike they are as a whole, 0 to 100; 0 for types that are not compared so.
    pub percent: u8,
}

/// The names of an object by which it is recognised: its name, aliases and outside identifiers, folded.
fn likeness(tree: &serde_json::Value) -> BTreeSet<String> {
    let text = |name: &str| tree.get(name).and_then(serde_json::Value::as_str);
    let list =
        |name: &str| tree.get(name).and_then(serde_json::Value::as_array).into_iter().flatten();
    let aliases = list("aliases").chain(list("x_mitre_aliases")).chain(list("x_opencti_aliases"));
    let outside = list("external_references").filter_map(|one| one.get("external_id")?.as_str());
    let names = text("name").into_iter().chain(aliases.filter_map(serde_json::Value::as_str));
    names.chain(outside).map(folded).filter(|name| name.chars().count() > 1).collect()
}

/// Width, case and spacing do not make a difference between names.
fn folded(name: &str) -> String {
    let narrow = crate::web::locale::fold_width(name).to_lowercase();
    narrow.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// Objects of the same type that share a name, an alias or an outside identifier with `id`, or are alike as a whole.
pub fn candidates(
    reader: &Reader<'_>,
    sees: Sees,
    id: &str,
) -> Result<Vec<Candidate>, StoreFailure> {
    let Some((row, object)) = evidence::latest(reader, sees, &[id.to_owned()])?.pop() else {
        return Ok(Vec::new());
    };
    let tree = object.to_value();
    let own = likeness(&tree);
    let together: BTreeSet<String> = siblings(reader, sees, id)?.into_iter().collect();
    let words =
        ["aliases", "x_mitre_aliases"].into_iter().filter_map(|name| tree.get(name)?.as_array());
    let words = words.flatten().filter_map(serde_json::Value::as_str);
    let asked: BTreeSet<&str> = std::iter::once(row.name.as_str()).chain(words).take(16).collect();
    let mut ids = BTreeSet::new();
    for word in asked.into_iter().filter(|word| !word.is_empty()) {
        let word = crate::web::locale::fold_width(word);
        let filter = Filter { q: word, kind: row.kind.clone(), ..Filter::default() };
        let listed = evidence::list(reader, sees, &filter, None, LIKE_MAX)?;
        ids.extend(listed.rows.into_iter().map(|row| row.id).filter(|id| !together.contains(id)));
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let mut found = Vec::new();
    for (row, object) in evidence::latest(reader, sees, &ids)? {
        let other = object.to_value();
        let common: Vec<String> = own.intersection(&likeness(&other)).cloned().collect();
        let percent = similarity(&tree, &other).map_or(0, |alike| alike.percent);
        let alike = !common.is_empty() || percent >= CANDIDATE_PERCENT_MIN;
        if alike && found.len() < CANDIDATES_MAX {
            found.push(Candidate { row, common, percent });
        }
    }
    found.sort_by_key(|one| {
        (std::cmp::Reverse((one.common.len(), one.percent)), one.row.id.clone())
    });
    Ok(found)
}

fn refuse(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).into()
}

/// A reason as written, or the refusal to go without one.
pub(super) fn reason(text: &str) -> Answer<String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(refuse("NRS-ANAL-0100")),
        count if count > TEXT_CHARS_MAX => {
            Err(Refusal::new("NRS-ANAL-0003", StatusCode::UNPROCESSABLE_ENTITY)
                .arg("max", TEXT_CHARS_MAX)
                .into())
        }
        _ => Ok(text.to_owned()),
    }
}

/// What the log says of a change of the desk.
pub(super) fn change(command: &'static str, subject: &str) -> Change {
    let fact = Fact::AnalyseChange { command: command.to_owned(), subject: subject.to_owned() };
    Change::new(command, subject, fact)
}

/// States that `one` is counted as part of `into` from now on. Both are of the same type and for the caller.
pub async fn merge(
    house: &Arc<House>,
    ctx: &Ctx,
    one: &str,
    into: &str,
    why: &str,
) -> Answer<(String, u64)> {
    house.authoriser.check(ctx, Action::AnalyseMerge, On::default())?;
    let why = reason(why)?;
    let (one, into) = (one.trim().to_owned(), into.trim().to_owned());
    let sees = Sees::of(house, ctx);
    let asked = (one.clone(), into.clone());
    let (first, second, root) = house
        .store
        .read(move |reader| {
            let (one, into) = asked;
            Ok((
                evidence::brief(reader, sees, &one)?,
                evidence::brief(reader, sees, &into)?,
                canonical(reader, sees, &into)?,
            ))
        })
        .await?;
    let (Some(first), Some(second)) = (first, second) else { return Err(refuse("NRS-ANAL-0101")) };
    if first.kind != second.kind {
        return Err(refuse("NRS-ANAL-0102"));
    }
    if first.id == second.id || root == first.id {
        return Err(refuse("NRS-ANAL-0103"));
    }
    let alias = format!("alias-{}", fresh_uuid(ctx.now).as_simple());
    let change = change("object.merge", &alias)
        .payload(json!({ "one": one, "into": into, "why": why }))
        .write(Write::one(
            // What is counted as one stays a tree, whoever states what at the same time: no object is part of two, and
            // nothing is part of its own part.
            "INSERT INTO analyse_alias (alias, one, into_id, reason, org, hat, stated_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS \
             (SELECT 1 FROM analyse_alias WHERE ended_at IS NULL AND one = $2) AND NOT EXISTS \
             (WITH RECURSIVE up (id) AS (SELECT CAST($3 AS TEXT) UNION SELECT a.into_id FROM analyse_alias a \
             JOIN up ON a.one = up.id WHERE a.ended_at IS NULL) SELECT 1 FROM up WHERE up.id = $2) \
             AND (WITH RECURSIVE up (id, n) AS (SELECT CAST($3 AS TEXT), 0 UNION ALL SELECT a.into_id, n + 1 \
             FROM analyse_alias a JOIN up ON a.one = up.id WHERE a.ended_at IS NULL AND n < $8) SELECT MAX(n) FROM up) \
             + (WITH RECURSIVE down (id, n) AS (SELECT CAST($2 AS TEXT), 0 UNION ALL SELECT a.one, n + 1 \
             FROM analyse_alias a JOIN down ON a.into_id = down.id WHERE a.ended_at IS NULL AND n < $8) \
             SELECT MAX(n) FROM down) < $8",
            vec![
                Value::from(&alias),
                Value::from(&one),
                Value::from(&into),
                Value::from(&why),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
                Value::from(ctx.now),
                Value::from(DEPTH_MAX as u64),
            ],
        ));
    match house.door.commit(ctx, change).await {
        Ok(done) => Ok((alias, done.position)),
        Err(CommitFailure::Conflict { .. }) => {
            Err(Refusal::new("NRS-ANAL-0104", StatusCode::CONFLICT).into())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Takes a statement back: the two stand for themselves again.
pub async fn undo(house: &Arc<House>, ctx: &Ctx, alias: &str, why: &str) -> Answer<Committed> {
    house.authoriser.check(ctx, Action::AnalyseMerge, On::default())?;
    let why = reason(why)?;
    let sees = Sees::of(house, ctx);
    let asked = alias.to_owned();
    let found = house
        .store
        .read(move |reader| {
            let sql = format!("{ALIAS} WHERE a.alias = $1");
            let Some(found) = reader.first(&sql, &[Value::from(asked)], alias_row)? else {
                return Ok(None);
            };
            let both = seen(reader, sees, &found.one)? && seen(reader, sees, &found.into)?;
            Ok(Some(found).filter(|_| both))
        })
        .await?;
    let found = found.ok_or_else(Refusal::absent)?;
    let change = change("object.unmerge", alias)
        .payload(json!({ "one": found.one, "into": found.into, "why": why }))
        .write(Write::one(
            "UPDATE analyse_alias SET ended_at = $2, ended_why = $3, ended_org = $4, ended_hat = $5 \
             WHERE alias = $1 AND ended_at IS NULL",
            vec![
                Value::from(alias),
                Value::from(ctx.now),
                Value::from(&why),
                Value::from(&ctx.org),
                Value::from(ctx.hat.id()),
            ],
        ));
    Ok(house.door.commit(ctx, change).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_case_and_spacing_make_no_other_name() {
        let names = likeness(&json!({
            "name": "灯籠 作戦", "aliases": ["ＬＡＮＴＥＲＮ-7", "x"],
            "external_references": [{ "source_name": "a", "external_id": "G-0007" }],
        }));
        let expected: BTreeSet<String> =
            ["灯籠作戦", "lantern7", "g0007"].into_iter().map(str::to_owned).collect();
        assert_eq!(names, expected, "a single letter is no name");
    }
}
