//! Decisions about what was put aside: mended and tried again, dismissed, or a contradiction settled.
//!
//! Whatever comes in goes through the one import. It is tried before anything is written, so that a text that is still
//! wrong changes nothing. What arrived stays as it was, beside what a person made of it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use noroshi_codec::stix;
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::{StixObject, format_timestamp};
use noroshi_ledger::digest::Digest;
use serde_json::{Value as Json, json};

use super::act::{self, Bundle, Contradiction, Imported, LISTED_MAX, Quarantined};
use super::aside::{self, State, Whole};
use super::read::{self, Known, Sees};
use super::rows::NewObject;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// Letters of a reason.
pub const REASON_CHARS_MAX: usize = 2_000;
/// Objects judged at once.
const CHUNK: usize = 1_000;
/// Entries of one decision, which is one commit.
pub const ENTRIES_MAX: usize = 10_000;

/// What bringing a bundle in would do, without doing it.
pub async fn trial(house: &Arc<House>, ctx: &Ctx, bundle: Bundle) -> Answer<Imported> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    Ok(house.store.read(move |reader| tried_out(reader, &bundle)).await?)
}

/// Judges a bundle as it is read, against one snapshot: what is kept of it are the identifiers and versions, not the texts.
fn tried_out(reader: &Reader<'_>, bundle: &Bundle) -> Result<Imported, StoreFailure> {
    let mut done = Imported::default();
    let mut held = HashMap::new();
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut stream = act::stream_of(std::io::Cursor::new(&bundle.bytes));
    while let Some(item) = stream.next() {
        match item.and_then(|object| act::checked(object, &stream, &mut done.tolerated)) {
            Ok(object) => chunk.push(NewObject {
                tlp: act::marking(&object, bundle.tlp),
                object,
                class: bundle.class,
                originator: bundle.originator.clone(),
                source: String::new(),
            }),
            Err(aside) => list(&mut done.quarantined, &mut done.unlisted, wrong(&aside.problem)),
        }
        if chunk.len() >= CHUNK {
            add(reader, &mut chunk, &mut held, &mut done)?;
        }
    }
    add(reader, &mut chunk, &mut held, &mut done)?;
    done.complete = stream.list().complete;
    Ok(done)
}

fn wrong(problem: &stix::Problem) -> Quarantined {
    Quarantined {
        index: problem.entry,
        id: problem.id.clone(),
        code: problem.reason.code(),
        reason: problem.reason.to_string(),
    }
}

fn list<T>(listed: &mut Vec<T>, unlisted: &mut u64, one: T) {
    if listed.len() < LISTED_MAX {
        listed.push(one);
    } else {
        *unlisted += 1;
    }
}

fn add(
    reader: &Reader<'_>,
    chunk: &mut Vec<NewObject>,
    held: &mut HashMap<StixId, Known>,
    done: &mut Imported,
) -> Result<(), StoreFailure> {
    let judged = act::judge(reader, chunk, held)?;
    done.imported += judged.new.len() as u64;
    done.unchanged += judged.unchanged;
    for (what, _) in judged.contradictions {
        list(&mut done.conflicts, &mut done.unlisted, what);
    }
    chunk.clear();
    Ok(())
}

/// How something is brought in that was put aside.
#[derive(Debug, Clone)]
pub struct As {
    /// The least marking.
    pub tlp: Option<Tlp>,
    /// The legal class, chosen by a person; that of the entry where it is stricter.
    pub class: LegalClass,
    /// Whose it is; that of the entry's source when absent.
    pub originator: Option<String>,
    /// Why.
    pub reason: String,
}

/// What trying again gave.
#[derive(Debug, Clone)]
pub enum Tried {
    /// It is in, under this identifier.
    In(String),
    /// It is still no acceptable object; nothing was written.
    Wrong(Vec<Quarantined>),
    /// It contradicts what is held; nothing was written.
    Contradicts(Vec<Contradiction>),
    /// Only its beginning was kept, so that it cannot be tried as it arrived.
    Partial,
}

/// A reason as it is kept.
pub fn reason_of(text: &str) -> Answer<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_CHARS_MAX {
        let refusal = Refusal::new("NRS-EVID-0500", StatusCode::UNPROCESSABLE_ENTITY);
        return Err(refusal.arg("max", REASON_CHARS_MAX).into());
    }
    Ok(text.to_owned())
}

/// An entry on which nobody has decided.
async fn open_entry(house: &Arc<House>, aside: u64) -> Answer<Whole> {
    let found = house.store.read(move |reader| aside::one(reader, aside)).await?;
    let found = found.ok_or_else(Refusal::absent)?;
    if found.entry.state != State::Open.code() {
        return Err(decided(aside).into());
    }
    Ok(found)
}

fn decided(aside: u64) -> Refusal {
    Refusal::new("NRS-EVID-0502", StatusCode::CONFLICT).arg("entry", aside)
}

/// Whose an entry is; for what was put aside before that was kept, whoever its source names: `import:<originator>`.
pub(super) fn originator_of(found: &Whole) -> String {
    let source = found.entry.source.as_str();
    let named = || source.split_once(':').map_or(source, |(_, name)| name).to_owned();
    found.entry.originator.clone().unwrap_or_else(named)
}

/// The colour and class of what comes of an entry: as a person chose, and never freer than those it came under.
fn floor(found: &Whole, how: &As) -> (Option<Tlp>, LegalClass) {
    let tlp = found.entry.tlp.as_deref().and_then(super::rows::tlp_of);
    let class = found.entry.class.as_deref().and_then(super::api::class_of);
    (tlp.max(how.tlp), class.map_or(how.class, |class| class.stricter(how.class)))
}

/// Text that is one object, or a list already, as a list.
fn as_list(text: &str) -> String {
    let tree: Option<Json> = serde_json::from_str(text).ok();
    let kind = tree.as_ref().and_then(|tree| tree.get("type")).and_then(Json::as_str);
    if kind == Some("bundle") {
        return text.to_owned();
    }
    let nil = uuid::Uuid::nil();
    format!("{{\"type\":\"bundle\",\"id\":\"bundle--{nil}\",\"objects\":[{text}]}}")
}

/// Tries an entry again, as it arrived or as mended. The bytes that arrived stay on record.
pub async fn retry(
    house: &Arc<House>,
    ctx: &Ctx,
    aside: u64,
    text: Option<String>,
    how: &As,
) -> Answer<Tried> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let reason = reason_of(&how.reason)?;
    let found = open_entry(house, aside).await?;
    if text.is_none() && !found.is_whole() {
        return Ok(Tried::Partial);
    }
    let list = as_list(&text.clone().unwrap_or_else(|| found.text()));
    let (tlp, class) = floor(&found, how);
    let originator = how.originator.clone().unwrap_or_else(|| originator_of(&found));
    let bundle = Bundle { bytes: list.into(), tlp, class, originator };
    let would = trial(house, ctx, bundle.clone()).await?;
    if !would.quarantined.is_empty() {
        return Ok(Tried::Wrong(would.quarantined));
    }
    if !would.conflicts.is_empty() {
        return Ok(Tried::Contradicts(would.conflicts));
    }
    let made = stix::decode_bundle(&bundle.bytes).objects.into_iter().next();
    let Some(made) = made else { return Ok(Tried::Wrong(Vec::new())) };
    let id = made.id().to_string();
    act::import_back(house, ctx, bundle, &found.entry.source).await?;
    // Should the program end here, the entry stays open and trying it again changes nothing but this row.
    let decision =
        Decision { state: State::Mended, reason, mended: text, object: Some(id.clone()) };
    decide(house, ctx, &[aside], &decision).await?;
    Ok(Tried::In(id))
}

/// What is decided about entries.
struct Decision {
    state: State,
    reason: String,
    mended: Option<String>,
    object: Option<String>,
}

const DECIDE: &str = "UPDATE evidence_aside SET state = $2, decided_by = $3, decided_at = $4, decision = $5, \
     mended = $6, retried_as = $7 WHERE aside = $1 AND state = 'open'";

async fn decide(house: &Arc<House>, ctx: &Ctx, asides: &[u64], what: &Decision) -> Answer<()> {
    let subject = match asides {
        [one] => format!("aside-{one}"),
        _ => "evidence-aside".to_owned(),
    };
    let mended = what.mended.as_ref().map(|text| text.clone().into_bytes());
    let digest = mended.as_ref().map(|bytes| Digest::of(bytes).to_string());
    let mut change = Change::office("evidence.aside.decide", subject).payload(json!({
        "entries": asides, "state": what.state.code(), "reason": what.reason, "object": what.object,
        "mended": digest,
    }));
    for aside in asides {
        let mended = mended.clone().map_or(Value::Null, Value::from);
        change = change.write(Write::one(
            DECIDE,
            vec![
                Value::from(*aside),
                Value::from(what.state.code()),
                Value::from(ctx.person.as_str()),
                Value::from(ctx.now),
                Value::from(&what.reason),
                mended,
                Value::from(what.object.clone()),
            ],
        ));
    }
    house.door.commit(ctx, change).await?;
    Ok(())
}

/// Says that entries are not wanted. All of them or none.
pub async fn dismiss(house: &Arc<House>, ctx: &Ctx, asides: &[u64], reason: &str) -> Answer<()> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let reason = reason_of(reason)?;
    within(asides)?;
    let asked = asides.to_vec();
    let found = house
        .store
        .read(move |reader| {
            asked.iter().map(|aside| aside::one(reader, *aside)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    for (aside, found) in asides.iter().zip(found) {
        let found = found.ok_or_else(Refusal::absent)?;
        if found.entry.state != State::Open.code() {
            return Err(decided(*aside).into());
        }
    }
    let decision = Decision { state: State::Dismissed, reason, mended: None, object: None };
    decide(house, ctx, asides, &decision).await
}

fn within(asides: &[u64]) -> Answer<()> {
    if asides.is_empty() || asides.len() > ENTRIES_MAX {
        let refusal = Refusal::new("NRS-EVID-0501", StatusCode::UNPROCESSABLE_ENTITY);
        return Err(refusal.arg("max", ENTRIES_MAX).into());
    }
    Ok(())
}

/// What trying many again gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retried {
    /// Entries that are in now.
    pub mended: u64,
    /// Entries that stay aside, with the code of what stands in the way.
    pub left: Vec<(u64, &'static str)>,
}

/// Tries many entries again as they arrived: worth it when a newer version reads more. Contradictions are left, as only
/// a person can settle one. Each entry stands for itself: what is in stays in, also when the program ends in between, and
/// asking for the same entries again goes on with those that are open.
pub async fn retry_all(house: &Arc<House>, ctx: &Ctx, asides: &[u64], how: &As) -> Answer<Retried> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    reason_of(&how.reason)?;
    within(asides)?;
    let mut done = Retried::default();
    for aside in asides {
        match retry(house, ctx, *aside, None, how).await {
            Ok(Tried::In(_)) => done.mended += 1,
            Ok(Tried::Wrong(why)) => {
                done.left.push((*aside, why.first().map_or("NRS-EVID-0504", |one| one.code)));
            }
            Ok(Tried::Contradicts(why)) => {
                done.left.push((*aside, why.first().map_or("NRS-EVID-0507", |one| one.code)));
            }
            Ok(Tried::Partial) => done.left.push((*aside, "NRS-EVID-0505")),
            Err(Failure::Refused(refusal)) => done.left.push((*aside, refusal.code)),
            Err(broken) => return Err(broken),
        }
    }
    Ok(done)
}

fn a_conflict(found: &Whole) -> Answer<()> {
    if found.entry.kind == "conflict" {
        return Ok(());
    }
    Err(Refusal::new("NRS-EVID-0509", StatusCode::CONFLICT).arg("entry", found.entry.aside).into())
}

/// A contradiction: what is held stays, and why.
pub async fn keep(house: &Arc<House>, ctx: &Ctx, aside: u64, reason: &str) -> Answer<()> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let reason = reason_of(reason)?;
    a_conflict(&open_entry(house, aside).await?)?;
    let decision = Decision { state: State::Kept, reason, mended: None, object: None };
    decide(house, ctx, &[aside], &decision).await
}

/// A contradiction: what arrived becomes the next version of what is held, by a person and with a reason. What is held
/// stays as it is. Markings only tighten: the new version has at least the colour and the class of the one it follows.
pub async fn take(house: &Arc<House>, ctx: &Ctx, aside: u64, how: &As) -> Answer<String> {
    house.authoriser.check(ctx, Action::EvidenceImport, On::default())?;
    let reason = reason_of(&how.reason)?;
    let found = open_entry(house, aside).await?;
    a_conflict(&found)?;
    let id = found.entry.id.clone().ok_or_else(Refusal::absent)?;
    let asked = vec![id.clone()];
    let held = house.store.read(move |reader| read::latest(reader, Sees::ALL, &asked)).await?;
    let (row, held) = held.into_iter().next().ok_or_else(Refusal::absent)?;
    let next = next_version(&found.text(), &held, ctx.now).ok_or_else(|| {
        Refusal::new("NRS-EVID-0508", StatusCode::CONFLICT).arg("id", id.as_str())
    })?;
    let (tlp, class) = floor(&found, how);
    let least = super::rows::tlp_of(&row.tlp).max(tlp);
    let class = super::api::class_of(&row.class).map_or(class, |held| held.stricter(class));
    let text = next.into_text().into_string();
    let bundle = Bundle {
        bytes: as_list(&text).into(),
        tlp: least,
        class,
        originator: how.originator.clone().unwrap_or_else(|| originator_of(&found)),
    };
    let would = trial(house, ctx, bundle.clone()).await?;
    if would.imported != 1 {
        let items = would.conflicts.iter().map(|one| one.code);
        let items = items.chain(would.quarantined.iter().map(|one| one.code));
        return Err(still_wrong("NRS-EVID-0507", items).into());
    }
    act::import_back(house, ctx, bundle, &found.entry.source).await?;
    let object = Some(id.clone());
    let decision = Decision { state: State::Taken, reason, mended: Some(text), object };
    decide(house, ctx, &[aside], &decision).await?;
    Ok(id)
}

/// The refusal of a text that is still not acceptable.
pub fn still_wrong(code: &'static str, codes: impl Iterator<Item = &'static str>) -> Refusal {
    let item =
        |code: &str| Item { pointer: String::new(), code: code.to_owned(), args: Vec::new() };
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).items(codes.map(item).collect())
}

/// What `text` says, as the version after `held`; none for what has no versions and for what was revoked.
fn next_version(text: &str, held: &StixObject, now: jiff::Timestamp) -> Option<StixObject> {
    let known = held.head();
    let before = known.modified?;
    if known.revoked {
        return None;
    }
    let mut tree: Json = serde_json::from_str(text).ok()?;
    let members = tree.as_object_mut()?;
    let after = before.checked_add(jiff::SignedDuration::from_millis(1)).ok()?;
    members.insert("modified".to_owned(), format_timestamp(after.max(now)).into());
    // STIX 2.1 section 3.2: these two never change from version to version.
    let own = held.to_value();
    for name in ["created", "created_by_ref"] {
        match own.get(name) {
            Some(value) => members.insert(name.to_owned(), value.clone()),
            None => members.remove(name),
        };
    }
    StixObject::parse(&serde_json::to_string(&tree).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> StixObject {
        StixObject::parse(text).unwrap()
    }

    #[test]
    fn what_arrived_becomes_the_version_after_what_is_held() {
        let held = object(
            r#"{"type":"malware","spec_version":"2.1","id":"malware--57b56a43-b8b0-4cba-9deb-34e3e1faed9e","is_family":false,
            "created":"2026-01-01T00:00:00.000Z","modified":"2026-03-01T00:00:00.000Z","name":"held"}"#,
        );
        let other = r#"{"type":"malware","spec_version":"2.1","id":"malware--57b56a43-b8b0-4cba-9deb-34e3e1faed9e","is_family":true,
            "created":"2025-01-01T00:00:00.000Z","modified":"2026-03-01T00:00:00.000Z","name":"other"}"#;
        for now in ["2026-02-01T00:00:00Z", "2026-05-01T00:00:00Z"] {
            let next = next_version(other, &held, now.parse().unwrap()).unwrap();
            let judged = noroshi_evidence::version::relate(
                &noroshi_evidence::version::Version::of(&next),
                &[noroshi_evidence::version::Version::of(&held)],
            );
            assert_eq!(judged, noroshi_evidence::version::Relation::Newer, "{now}");
            assert_eq!(next.head().name.as_deref(), Some("other"));
        }
    }
}
