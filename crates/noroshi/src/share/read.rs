//! What was released to whom, and what of it may still be read now.
//!
//! The gate is not only at release: every reading evaluates it again on the text that would be sent, with the newest
//! markings, the finding in force at that moment, and the rule that nothing sent names what is not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_charter::outgoing::Held;
use noroshi_charter::release::{self, Audience, Facts, Recipient};
use noroshi_evidence::marking::{LegalBits, LegalClass};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::redact::Parts;
use serde::{Deserialize, Serialize};

use super::act::Proposal;
use super::gate::{self, Candidate, Filter, Known, Web};
use super::history::Histories;
use super::preview::Stays;
use super::{audience, review};
use crate::analyse::read as analyse;
use crate::evidence::read::{NODE_OF_FIRST, is_held};
use crate::evidence::rows::{stems_from_agreement, tlp_of};
use crate::office::id::{CaseId, OrgId};
use crate::office::people::{self, Org};
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Identifiers followed from what is to leave; beyond it, whatever names further ones stays.
const CLOSURE_MAX: usize = 50_000;
/// Bytes of the objects that are followed at once; beyond it, whatever names further ones stays.
const CLOSURE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Entries of a list on a page.
const LISTED_MAX: i64 = 200;
/// How far objects of a stream are counted for a page.
pub const COUNTED_MAX: i64 = 100_000;
/// The source prefix of this office's own messages about an object that was recalled; its identifier follows.
pub const NOTICES: &str = "recall:";

fn damaged(what: impl std::fmt::Display) -> StoreFailure {
    StoreFailure::Damaged(what.to_string())
}

/// A finding that a partner protects information equivalently (Act art. 39).
#[derive(Debug, Clone)]
pub struct Finding {
    /// Its identifier.
    pub finding: String,
    /// The partner.
    pub org: String,
    /// The class up to which it does.
    pub scope: LegalClass,
    /// When it was found.
    pub found_at: Timestamp,
    /// Until when it holds.
    pub valid_until: Timestamp,
}

/// Reads a class by its code.
pub fn class_of(code: &str) -> Option<LegalClass> {
    LegalClass::ALL.into_iter().find(|class| class.code() == code)
}

/// The newest finding about a partner; a newer one replaces an older one, also when it ends earlier.
pub fn finding(reader: &Reader<'_>, org: &str) -> Result<Option<Finding>, StoreFailure> {
    reader.first(
        "SELECT finding, org, scope, found_at, valid_until FROM share_finding WHERE org = $1 \
         ORDER BY found_at DESC, finding DESC LIMIT 1",
        &[Value::from(org)],
        |row| {
            let scope = row.text(2)?;
            Ok(Finding {
                finding: row.text(0)?,
                org: row.text(1)?,
                scope: class_of(&scope).ok_or_else(|| damaged(format!("`{scope}` is no class")))?,
                found_at: row.time(3)?,
                valid_until: row.time(4)?,
            })
        },
    )
}

/// What was said about the handling of an object.
#[derive(Debug, Clone, Default)]
pub struct Handled {
    /// Organisations it is restricted to; absent without an opinion.
    pub restricted_to: Option<Vec<String>>,
    /// An agreement party consented to its provision.
    pub consented: bool,
}

/// What was said about the handling of these objects, where anything was.
pub fn handlings(
    reader: &Reader<'_>,
    ids: &[String],
) -> Result<BTreeMap<String, Handled>, StoreFailure> {
    let mut found = BTreeMap::new();
    for id in ids {
        let said = reader.first(
            "SELECT restricted_to, consent FROM share_handling WHERE id = $1",
            &[Value::from(id)],
            |row| Ok((row.text_or_none(0)?, row.text_or_none(1)?)),
        )?;
        let Some((list, consent)) = said else { continue };
        let read = |list: String| serde_json::from_str(&list).map_err(damaged);
        let restricted_to = list.map(read).transpose()?;
        found.insert(id.clone(), Handled { restricted_to, consented: consent.is_some() });
    }
    Ok(found)
}

/// A partner with what was found of it.
#[derive(Debug, Clone)]
pub struct Partner {
    /// The organisation.
    pub org: Org,
    /// The newest finding.
    pub finding: Option<Finding>,
}

/// Every partner organisation.
pub fn partners(reader: &Reader<'_>) -> Result<Vec<Partner>, StoreFailure> {
    let orgs = people::orgs(reader)?.into_iter().filter(|org| org.kind == "partner");
    orgs.map(|org| Ok(Partner { finding: finding(reader, org.org.as_str())?, org })).collect()
}

/// A view of what was released to an audience: a filter, no copy.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Its identifier, a UUID.
    pub collection: String,
    /// Whose stream it shows.
    pub audience: Audience,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// A name that may stand for the identifier.
    pub alias: Option<String>,
    /// What it shows.
    pub filter: Filter,
    /// It can be read.
    pub can_read: bool,
    /// It can be written to.
    pub can_write: bool,
    /// When it was opened.
    pub created_at: Timestamp,
}

const COLLECTION: &str = "SELECT c.collection, c.audience, c.title, c.description, c.alias, c.types, c.tlp_max, \
     c.can_read, c.can_write, c.created_at FROM share_collection c";

fn collection_at(row: &Row<'_, '_>) -> Result<Collection, StoreFailure> {
    let (audience, tlp) = (row.text(1)?, row.text(6)?);
    Ok(Collection {
        collection: row.text(0)?,
        audience: Audience::parse(&audience)
            .ok_or_else(|| damaged(format!("`{audience}` is no audience")))?,
        title: row.text(2)?,
        description: row.text_or_none(3)?,
        alias: row.text_or_none(4)?,
        filter: Filter {
            types: row.json(5)?,
            tlp_max: tlp_of(&tlp).ok_or_else(|| damaged(format!("`{tlp}` is no colour")))?,
        },
        can_read: row.truth(7)?,
        can_write: row.truth(8)?,
        created_at: row.time(9)?,
    })
}

/// One collection, by its identifier or its alias.
pub fn collection(reader: &Reader<'_>, id: &str) -> Result<Option<Collection>, StoreFailure> {
    let sql = format!("{COLLECTION} WHERE c.collection = $1 OR c.alias = $1");
    reader.first(&sql, &[Value::from(id)], collection_at)
}

/// Every collection, in the order of opening.
pub fn collections(reader: &Reader<'_>) -> Result<Vec<Collection>, StoreFailure> {
    let sql = format!("{COLLECTION} ORDER BY c.created_at, c.collection");
    reader.all(&sql, &[], collection_at)
}

/// Every collection with the objects of its audience's stream.
pub fn counted(reader: &Reader<'_>) -> Result<Vec<(Collection, u64)>, StoreFailure> {
    let with = |one: Collection| Ok((items(reader, &one.audience)?, one));
    let found: Result<Vec<(u64, Collection)>, StoreFailure> =
        collections(reader)?.into_iter().map(with).collect();
    Ok(found?.into_iter().map(|(objects, one)| (one, objects)).collect())
}

/// The collections whose audience an organisation belongs to now, as far as the hat is for it.
pub fn collections_for(
    reader: &Reader<'_>,
    org: &OrgId,
    hat: Hat,
) -> Result<Vec<Collection>, StoreFailure> {
    let sql = format!("{COLLECTION} WHERE c.audience = $1 ORDER BY c.created_at, c.collection");
    let mut found = Vec::new();
    for audience in audience::audiences_under(reader, org, hat)? {
        found.extend(reader.all(&sql, &[Value::from(audience.label())], collection_at)?);
    }
    Ok(found)
}

/// Objects in the stream of an audience, counted up to [`COUNTED_MAX`].
pub fn items(reader: &Reader<'_>, audience: &Audience) -> Result<u64, StoreFailure> {
    let counted = reader.number(
        "SELECT COUNT(*) FROM (SELECT 1 FROM share_item WHERE audience = $1 LIMIT $2) AS some",
        &[Value::from(audience.label()), Value::from(COUNTED_MAX)],
    )?;
    Ok(u64::try_from(counted).unwrap_or(0))
}

// ---- objects with what decides about them ----------------------------------------------------------------------

/// The version `o` and the latest version `l`: what was said of either restricts both. What all versions together say is
/// [`super::history`]'s, unless a review cleared exactly this version (`c`).
fn columns() -> String {
    format!(
        "o.modified, o.digest, o.bytes, o.name, o.tlp, o.originator, \
         o.source, o.space, l.tlp, l.space, CASE WHEN l.modified <> o.modified THEN l.bytes END, x.restricted_to, \
         x.consent, (SELECT c.review FROM share_review c WHERE {} AND c.state = 'released' LIMIT 1), o.arrived_at",
        review::is_about("c", "o")
    )
}
const JOINS: &str = "JOIN evidence_object l ON l.node = o.node AND l.latest = 1 \
     LEFT JOIN share_handling x ON x.id = o.id";

/// A version as it stands in the store, before its history is known.
struct Stored {
    modified: String,
    digest: String,
    name: String,
    /// Bits and class are still to come.
    held: Held,
    review: Option<String>,
    arrived_at: Timestamp,
    is_notice: bool,
}

fn stored_at(row: &Row<'_, '_>) -> Result<Stored, StoreFailure> {
    let object = parse(&row.text(2)?)?;
    let mut marks = gate::marks_of(&object);
    let mut unknown = marks.others.len();
    let source = row.text(6)?;
    let about = source.strip_prefix(NOTICES);
    let mut parts = Parts::read(object);
    if let Some(latest) = row.text_or_none(10)? {
        let latest = Parts::read(parse(&latest)?);
        let said = gate::marks_of(latest.object());
        marks.tlp = marks.tlp.max(said.tlp);
        unknown += said.others.len();
        parts.also(&latest);
    }
    if let Some(known) = about {
        parts = parts.knowing(known);
    }
    for column in [4, 8] {
        let code = row.text(column)?;
        marks.tlp = marks
            .tlp
            .max(Some(tlp_of(&code).ok_or_else(|| damaged(format!("`{code}` is no colour")))?));
    }
    let restricted: Option<String> = row.text_or_none(11)?;
    let facts = Facts {
        tlp: marks.tlp,
        unknown_markings: unknown,
        restricted_to: restricted
            .map(|list| serde_json::from_str(&list))
            .transpose()
            .map_err(damaged)?,
        originator: row.text(5)?,
        party_consented: row.text_or_none(12)?.is_some(),
        ..Facts::default()
    };
    let exercise = row.text(7)? != "production" || row.text(9)? != "production";
    Ok(Stored {
        modified: row.text(0)?,
        digest: row.text(1)?,
        name: row.text_or_none(3)?.unwrap_or_default(),
        held: Held { facts, exercise, parts },
        review: row.text_or_none(13)?,
        arrived_at: row.time(14)?,
        is_notice: about.is_some(),
    })
}

pub(super) fn parse(text: &str) -> Result<StixObject, StoreFailure> {
    StixObject::parse(text).map_err(damaged)
}

/// With what all versions together say.
fn with_history(
    reader: &Reader<'_>,
    histories: &Histories,
    found: Option<Stored>,
) -> Result<Option<Candidate>, StoreFailure> {
    let Some(stored) = found else { return Ok(None) };
    let history = histories.of(reader, &stored.held.parts, &stored.modified)?;
    let mut held = stored.held;
    // What any version ever was, every version is; only a review lets exactly this one out.
    held.facts.from_agreement = history.from_agreement;
    if stored.review.is_none() && !stored.is_notice {
        held.facts.bits = history.bits;
        held.facts.class = Some(history.class);
    }
    Ok(Some(Candidate {
        modified: stored.modified,
        digest: stored.digest,
        name: stored.name,
        held,
        review: stored.review,
        history,
        arrived_at: stored.arrived_at,
        is_notice: stored.is_notice,
    }))
}

/// The latest version of an object that is held.
pub fn candidate(reader: &Reader<'_>, id: &str) -> Result<Option<Candidate>, StoreFailure> {
    let sql = format!(
        "SELECT {} FROM evidence_object o {JOINS} WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1",
        columns()
    );
    let found = reader.first(&sql, &[Value::from(id)], stored_at)?;
    with_history(reader, &Histories::default(), found)
}

/// Exactly this version with exactly this content.
pub(super) fn version(
    reader: &Reader<'_>,
    histories: &Histories,
    id: &str,
    modified: &str,
    digest: &str,
) -> Result<Option<Candidate>, StoreFailure> {
    let sql = format!(
        "SELECT {} FROM evidence_object o {JOINS} WHERE o.node = {NODE_OF_FIRST} \
         AND o.modified = $2 AND o.digest = $3",
        columns()
    );
    let params = [Value::from(id), Value::from(modified), Value::from(digest)];
    let found = reader.first(&sql, &params, stored_at)?;
    with_history(reader, histories, found)
}

/// Whether a version may leave to somebody as far as the columns tell that stand before its text: its colour and that of the
/// latest version, their bits and classes, what was said about its handling, how it came. What is kept for one of these is
/// kept whatever the text says, and costs the same however long that is.
pub(super) fn may_pass(
    reader: &Reader<'_>,
    (id, modified, digest): (&str, &str, &str),
    to: &Recipient,
    now: Timestamp,
) -> Result<bool, StoreFailure> {
    let sql = format!(
        "SELECT o.tlp, l.tlp, o.class, l.class, l.has_comms, l.has_secret, o.source, o.originator, x.restricted_to, \
         x.consent, EXISTS (SELECT 1 FROM share_review c WHERE {} AND c.state = 'released') FROM evidence_object o {JOINS} \
         WHERE o.node = {NODE_OF_FIRST} AND o.modified = $2 AND o.digest = $3",
        review::is_about("c", "o")
    );
    let params = [Value::from(id), Value::from(modified), Value::from(digest)];
    let passes = reader.first(&sql, &params, |row| {
        let source = row.text(6)?;
        if source.starts_with(NOTICES) {
            return Ok(true);
        }
        let (tlp, class) = ([row.text(0)?, row.text(1)?], [row.text(2)?, row.text(3)?]);
        let restricted: Option<String> = row.text_or_none(8)?;
        let mut facts = Facts {
            tlp: tlp.iter().filter_map(|code| tlp_of(code)).max(),
            restricted_to: restricted
                .map(|list| serde_json::from_str(&list))
                .transpose()
                .map_err(damaged)?,
            originator: row.text(7)?,
            from_agreement: stems_from_agreement(&source),
            party_consented: row.text_or_none(9)?.is_some(),
            ..Facts::default()
        };
        if !row.truth(10)? {
            // The latest version bears every bit that any version does.
            facts.bits = LegalBits { has_selected_comms: row.truth(4)?, has_secret: row.truth(5)? };
            facts.class =
                class.iter().filter_map(|code| class_of(code)).reduce(LegalClass::stricter);
        }
        Ok(release::decide(&facts, to, now).is_empty())
    })?;
    Ok(passes.unwrap_or(true))
}

/// The bits that these objects bear themselves and pass on, asked at once: those of each version that no review cleared.
pub(super) fn bits_named(
    reader: &Reader<'_>,
    names: &BTreeSet<String>,
) -> Result<LegalBits, StoreFailure> {
    let sql = format!(
        "SELECT COALESCE(MAX(o.has_comms), 0), COALESCE(MAX(o.has_secret), 0) FROM json_each($1) j \
         CROSS JOIN evidence_id n ON n.slot IN (fresh(j.value), settled(j.value)) AND n.id = j.value \
         JOIN evidence_object o ON o.node = n.node WHERE NOT EXISTS (SELECT 1 FROM share_review c \
         WHERE {} AND c.state = 'released')",
        review::is_about("c", "o")
    );
    let found =
        reader.first(&sql, &[Value::from(serde_json::json!(names).to_string())], |row| {
            Ok(LegalBits { has_selected_comms: row.truth(0)?, has_secret: row.truth(1)? })
        })?;
    Ok(found.unwrap_or_default())
}

/// The bytes of an organisation's own copy beside the stream, at its place.
pub(super) fn own_copy(
    reader: &Reader<'_>,
    audience: &str,
    org: &OrgId,
    added: i64,
) -> Result<Option<String>, StoreFailure> {
    reader.first(
        "SELECT bytes FROM share_own WHERE audience = $1 AND org = $2 AND added = $3",
        &[Value::from(audience), Value::from(org), Value::from(added)],
        |row| row.text(0),
    )
}

/// The newest version of an object that was released to an audience and not taken back.
fn released(
    reader: &Reader<'_>,
    audience: &str,
    id: &str,
) -> Result<Option<Candidate>, StoreFailure> {
    let sql = format!(
        "SELECT {} FROM share_item i \
         CROSS JOIN evidence_id n ON n.slot IN (fresh(i.id), settled(i.id)) AND n.id = i.id \
         JOIN evidence_object o ON o.node = n.node AND o.modified = i.modified AND o.digest = i.digest {JOINS} \
         WHERE i.audience = $1 AND i.id = $2 AND i.withdrawn_at IS NULL ORDER BY i.modified DESC LIMIT 1",
        columns()
    );
    let params = [Value::from(audience), Value::from(id)];
    let found = reader.first(&sql, &params, stored_at)?;
    with_history(reader, &Histories::default(), found)
}

/// What was followed.
pub(super) enum Closure {
    /// Everything.
    Whole(Web),
    /// As far as the limits go; what lies beyond counts as the worst there is.
    Cut(Web),
}

/// Follows from `asked` and from `names` through everything that is held here and named, or said to be what something
/// was made from, however far: what leaves may not name what stays, and what was made from something carries its bits.
/// What is not asked for counts as offered only when it was released to the audience.
pub(super) fn closure(
    reader: &Reader<'_>,
    audience: &str,
    asked: BTreeMap<String, Known>,
    names: BTreeSet<String>,
) -> Result<Closure, StoreFailure> {
    closure_within(reader, audience, asked, names, CLOSURE_MAX)
}

fn closure_within(
    reader: &Reader<'_>,
    audience: &str,
    asked: BTreeMap<String, Known>,
    names: BTreeSet<String>,
    objects_max: usize,
) -> Result<Closure, StoreFailure> {
    let mut open: Vec<String> = names.into_iter().collect();
    for one in asked.values().filter_map(|one| one.candidate.as_ref()) {
        open.extend(one.sources().cloned());
    }
    let (mut known, mut bytes, mut cut) = (asked, 0usize, false);
    while let Some(id) = open.pop() {
        if known.contains_key(&id) || !is_held(reader, &id)? {
            continue;
        }
        let mut one = Known { candidate: None, offered: false, view: Vec::new() };
        if known.len() < objects_max && bytes < CLOSURE_BYTES_MAX {
            one.candidate = released(reader, audience, &id)?;
            one.offered = one.candidate.is_some();
            if one.candidate.is_none() {
                one.candidate = candidate(reader, &id)?;
            }
        } else {
            cut = true;
        }
        if let Some(candidate) = &one.candidate {
            bytes += candidate.object().text().len() + candidate.history.bytes;
            open.extend(candidate.sources().cloned());
        }
        known.insert(id, one);
    }
    let web = Web::new(known);
    Ok(if cut { Closure::Cut(web) } else { Closure::Whole(web) })
}

/// [`closure`], whether or not it is whole.
pub(super) fn web(
    reader: &Reader<'_>,
    audience: &str,
    asked: BTreeMap<String, Known>,
    names: BTreeSet<String>,
) -> Result<Web, StoreFailure> {
    let (Closure::Whole(web) | Closure::Cut(web)) = closure(reader, audience, asked, names)?;
    Ok(web)
}

/// What decides about an object, with the bits of everything it was made from, of which `objects_max` are looked at;
/// what is beyond may hold anything. Beside it, whether it belongs to an exercise.
pub fn facts(
    reader: &Reader<'_>,
    id: &str,
    objects_max: usize,
) -> Result<Option<(Facts, bool)>, StoreFailure> {
    let Some(candidate) = candidate(reader, id)? else { return Ok(None) };
    let known = Known { candidate: Some(candidate.clone()), offered: false, view: Vec::new() };
    let asked = BTreeMap::from([(id.to_owned(), known)]);
    let (Closure::Whole(web) | Closure::Cut(web)) =
        closure_within(reader, "", asked, BTreeSet::new(), objects_max)?;
    Ok(Some((web.facts(&candidate), candidate.held.exercise)))
}

/// One object with everything it was made from.
pub(super) fn web_of(
    reader: &Reader<'_>,
    audience: &str,
    candidate: Candidate,
) -> Result<Web, StoreFailure> {
    let id = candidate.id().to_owned();
    let known = Known { candidate: Some(candidate), offered: true, view: Vec::new() };
    web(reader, audience, BTreeMap::from([(id, known)]), BTreeSet::new())
}

/// The indicators of a joint case; `None` when there is no such case. What a case holds beyond them (incidents,
/// sightings) speaks of victims and is released by name only.
pub fn of_case(reader: &Reader<'_>, case: &str) -> Result<Option<Vec<String>>, StoreFailure> {
    let Some(case) = CaseId::parse(case) else { return Ok(None) };
    if analyse::case_head(reader, &case)?.is_none() {
        return Ok(None);
    }
    let objects = analyse::case_objects(reader, &case)?;
    Ok(Some(objects.into_iter().filter(|id| id.starts_with("indicator--")).collect()))
}

// ---- lists for pages -------------------------------------------------------------------------------------------

/// A release that was made.
#[derive(Debug, Clone)]
pub struct ReleaseRow {
    /// Its identifier.
    pub release: String,
    /// To whom it went.
    pub audience: String,
    /// The view it was asked for through.
    pub collection: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub outcome: Outcome,
}

/// What a release did, as it is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Identifiers that left now.
    pub released: Vec<String>,
    /// Identifiers that were released to the audience already.
    pub already: Vec<String>,
    /// What stays, and why.
    pub refused: Vec<Stays>,
    /// Who the recipients were at that moment.
    #[serde(default)]
    pub recipients: Vec<String>,
}

fn release_at(row: &Row<'_, '_>) -> Result<ReleaseRow, StoreFailure> {
    Ok(ReleaseRow {
        release: row.text(0)?,
        audience: row.text(1)?,
        collection: row.text_or_none(2)?,
        at: row.time(3)?,
        outcome: row.json(4)?,
    })
}

/// One release.
pub fn release(reader: &Reader<'_>, id: &str) -> Result<Option<ReleaseRow>, StoreFailure> {
    reader.first(
        "SELECT release, audience, collection, at, outcome FROM share_release WHERE release = $1",
        &[Value::from(id)],
        release_at,
    )
}

/// The last release to an audience in which anything left.
pub fn last_release(
    reader: &Reader<'_>,
    audience: &Audience,
) -> Result<Option<ReleaseRow>, StoreFailure> {
    let rows = releases(reader, audience)?;
    Ok(rows.into_iter().find(|row| !row.outcome.released.is_empty()))
}

/// Whether this version, or every version, was taken back anywhere.
pub fn is_recalled(reader: &Reader<'_>, candidate: &Candidate) -> Result<bool, StoreFailure> {
    let found = reader.number(
        "SELECT COUNT(*) FROM share_recall WHERE id = $1 AND kind NOT IN ('remark', 'withdrawal') AND (modified = $2 OR (modified IS NULL AND at >= $3))",
        &[
            Value::from(candidate.id()),
            Value::from(&candidate.modified),
            Value::from(candidate.arrived_at),
        ],
    )?;
    Ok(found > 0)
}

const PROPOSAL: &str =
    "SELECT proposal, audience, collection, objects, digest, person, at FROM share_proposal";

fn proposal_at(row: &Row<'_, '_>) -> Result<Proposal, StoreFailure> {
    Ok(Proposal {
        proposal: row.text(0)?,
        audience: row.text(1)?,
        collection: row.text_or_none(2)?,
        objects: row.json(3)?,
        digest: row.text(4)?,
        person: row.text(5)?,
        at: row.time(6)?,
    })
}

/// A release that waits for a second person; those that are decided are not found.
pub fn proposal(reader: &Reader<'_>, id: &str) -> Result<Option<Proposal>, StoreFailure> {
    let sql = format!("{PROPOSAL} WHERE proposal = $1 AND decided_at IS NULL");
    reader.first(&sql, &[Value::from(id)], proposal_at)
}

/// Every release that waits for a second person, oldest first.
pub fn proposals(reader: &Reader<'_>) -> Result<Vec<Proposal>, StoreFailure> {
    let sql = format!("{PROPOSAL} WHERE decided_at IS NULL ORDER BY at, proposal LIMIT $1");
    reader.all(&sql, &[Value::from(LISTED_MAX)], proposal_at)
}

/// The newest releases to an audience.
pub fn releases(reader: &Reader<'_>, audience: &Audience) -> Result<Vec<ReleaseRow>, StoreFailure> {
    reader.all(
        "SELECT release, audience, collection, at, outcome FROM share_release WHERE audience = $1 \
         ORDER BY at DESC, release DESC LIMIT $2",
        &[Value::from(audience.label()), Value::from(LISTED_MAX)],
        release_at,
    )
}

/// A reading by a partner.
#[derive(Debug, Clone)]
pub struct ReadRow {
    /// Index of its leaf.
    pub position: u64,
    /// When.
    pub at: Timestamp,
    /// Objects handed out.
    pub objects: u64,
}

/// The newest readings of a collection.
pub fn readings(reader: &Reader<'_>, collection: &str) -> Result<Vec<ReadRow>, StoreFailure> {
    reader.all(
        "SELECT position, at, payload FROM office_audit WHERE subject = $1 AND command = $2 \
         ORDER BY position DESC LIMIT 20",
        &[Value::from(collection), Value::from("share.read")],
        |row| {
            let payload: serde_json::Value = row.json(2)?;
            let objects = payload
                .pointer("/objects")
                .and_then(serde_json::Value::as_array)
                .map_or(0, Vec::len);
            Ok(ReadRow { position: row.count(0)?, at: row.time(1)?, objects: objects as u64 })
        },
    )
}
