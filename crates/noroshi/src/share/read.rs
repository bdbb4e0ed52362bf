//! What was released to whom, and what of it may still be read now.
//!
//! The gate is not only at release: every reading evaluates it again on the text that would be sent, with the newest
//! markings, the finding in force at that moment, and the rule that nothing sent names what is not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::release::Facts;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gate::{self, Candidate, Filter, Node, Recipient, StayReason};
use crate::analyse::read as analyse;
use crate::evidence::read::{NODE_OF_FIRST, is_held};
use crate::evidence::rows::tlp_of;
use crate::office::id::CaseId;
use crate::office::people::{self, Org};
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Rows of a collection looked at for one answer; beyond it the answer ends early and says that more is there.
const SCAN_MAX: usize = 5_000;
/// Rows taken from the store at once.
const BATCH: i64 = 500;
/// Identifiers followed from what is to leave; beyond it, whatever names further ones stays.
const CLOSURE_MAX: usize = 50_000;
/// Entries of a list on a page.
const LISTED_MAX: i64 = 200;
/// The source prefix of what a party agreement brought (Act art. 38(3)).
const FROM_AGREEMENTS: &str = "agreement:";

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

/// A collection of one partner.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Its identifier, a UUID.
    pub collection: String,
    /// Who reads it.
    pub partner: String,
    /// Its title.
    pub title: String,
    /// What it takes.
    pub filter: Filter,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Objects in it, whatever may be read of them now.
    pub objects: u64,
}

const COLLECTION: &str = "SELECT c.collection, c.partner, c.title, c.types, c.tlp_max, c.created_at, \
     (SELECT COUNT(*) FROM share_item i WHERE i.collection = c.collection) FROM share_collection c";

fn collection_at(row: &Row<'_, '_>) -> Result<Collection, StoreFailure> {
    let tlp = row.text(4)?;
    Ok(Collection {
        collection: row.text(0)?,
        partner: row.text(1)?,
        title: row.text(2)?,
        filter: Filter {
            types: row.json(3)?,
            tlp_max: tlp_of(&tlp).ok_or_else(|| damaged(format!("`{tlp}` is no colour")))?,
        },
        created_at: row.time(5)?,
        objects: row.count(6)?,
    })
}

/// One collection.
pub fn collection(reader: &Reader<'_>, id: &str) -> Result<Option<Collection>, StoreFailure> {
    reader.first(
        &format!("{COLLECTION} WHERE c.collection = $1"),
        &[Value::from(id)],
        collection_at,
    )
}

/// The collections of one partner, or of all.
pub fn collections(
    reader: &Reader<'_>,
    partner: Option<&str>,
) -> Result<Vec<Collection>, StoreFailure> {
    match partner {
        Some(org) => {
            let sql =
                format!("{COLLECTION} WHERE c.partner = $1 ORDER BY c.created_at, c.collection");
            reader.all(&sql, &[Value::from(org)], collection_at)
        }
        None => reader.all(
            &format!("{COLLECTION} ORDER BY c.created_at, c.collection"),
            &[],
            collection_at,
        ),
    }
}

/// Who receives through a collection, as found at the moment of reading.
pub fn recipient(reader: &Reader<'_>, collection: &Collection) -> Result<Recipient, StoreFailure> {
    let found = finding(reader, &collection.partner)?;
    Ok(Recipient {
        org: collection.partner.clone(),
        protected_until: found.as_ref().map(|finding| finding.valid_until),
        scope: found.map(|finding| finding.scope),
        filter: collection.filter.clone(),
    })
}

// ---- objects with what decides about them ----------------------------------------------------------------------

/// The version `o` and the latest version `l`: what was said of either restricts both.
const CANDIDATE: &str = "o.modified, o.digest, o.bytes, o.name, o.tlp, o.has_comms, o.has_secret, o.originator, \
     o.source, o.space, l.tlp, l.has_comms, l.has_secret, l.space, \
     CASE WHEN l.modified <> o.modified THEN l.bytes END, x.restricted_to, x.consent";
const JOINS: &str = "JOIN evidence_object l ON l.node = o.node AND l.latest = 1 \
     LEFT JOIN share_handling x ON x.id = o.id";

fn candidate_at(row: &Row<'_, '_>, at: usize) -> Result<Candidate, StoreFailure> {
    let object = parse(&row.text(at + 2)?)?;
    let mut marks = gate::marks_of(&object);
    let mut unknown = marks.others.len();
    if let Some(latest) = row.text_or_none(at + 14)? {
        let latest = gate::marks_of(&parse(&latest)?);
        marks.tlp = marks.tlp.max(latest.tlp);
        unknown += latest.others.len();
    }
    for column in [at + 4, at + 10] {
        let code = row.text(column)?;
        marks.tlp = marks
            .tlp
            .max(Some(tlp_of(&code).ok_or_else(|| damaged(format!("`{code}` is no colour")))?));
    }
    let source = row.text(at + 8)?;
    let restricted: Option<String> = row.text_or_none(at + 15)?;
    let facts = Facts {
        bits: gate::join_bits(
            (row.truth(at + 5)?, row.truth(at + 6)?),
            (row.truth(at + 11)?, row.truth(at + 12)?),
        ),
        tlp: marks.tlp,
        unknown_markings: unknown,
        restricted_to: restricted
            .map(|list| serde_json::from_str(&list))
            .transpose()
            .map_err(damaged)?,
        originator: row.text(at + 7)?,
        from_agreement: source.starts_with(FROM_AGREEMENTS),
        party_consented: row.text_or_none(at + 16)?.is_some(),
    };
    Ok(Candidate {
        modified: row.text(at)?,
        digest: row.text(at + 1)?,
        name: row.text_or_none(at + 3)?.unwrap_or_default(),
        exercise: row.text(at + 9)? != "production" || row.text(at + 13)? != "production",
        facts,
        object,
    })
}

fn parse(text: &str) -> Result<StixObject, StoreFailure> {
    StixObject::parse(text).map_err(damaged)
}

/// The latest version of an object that is held.
pub fn candidate(reader: &Reader<'_>, id: &str) -> Result<Option<Candidate>, StoreFailure> {
    let sql = format!(
        "SELECT {CANDIDATE} FROM evidence_object o {JOINS} WHERE o.node = {NODE_OF_FIRST} AND o.latest = 1"
    );
    reader.first(&sql, &[Value::from(id)], |row| candidate_at(row, 0))
}

/// The newest version of an object that was released to a collection.
fn released(
    reader: &Reader<'_>,
    collection: &str,
    id: &str,
) -> Result<Option<Candidate>, StoreFailure> {
    let sql = format!(
        "SELECT {CANDIDATE} FROM share_item i \
         JOIN evidence_node n ON n.slot = keyed(i.id) AND n.id = i.id \
         JOIN evidence_object o ON o.node = n.node AND o.modified = i.modified AND o.digest = i.digest {JOINS} \
         WHERE i.collection = $1 AND i.id = $2 ORDER BY i.modified DESC LIMIT 1"
    );
    reader.first(&sql, &[Value::from(collection), Value::from(id)], |row| candidate_at(row, 0))
}

/// The identifiers that may leave to `recipient` now, and why the others stay.
pub struct Settled {
    /// Those that leave.
    pub leaving: BTreeSet<String>,
    /// Every node looked at.
    nodes: BTreeMap<String, Node>,
}

impl Settled {
    /// The first thing `id` names that stays.
    pub fn stays_for(&self, id: &str) -> Option<&String> {
        self.nodes.get(id)?.names.iter().find(|name| !self.leaving.contains(*name))
    }

    /// Whether everything that an object's text names leaves too.
    fn clears(&self, names: &BTreeSet<String>) -> bool {
        names.iter().all(|name| !self.nodes.contains_key(name) || self.leaving.contains(name))
    }
}

/// Follows from `first` (what is asked for, with its own verdict) through everything named that is held here.
/// What is not in `first` counts as leaving only when it was released to the collection and passes again.
fn settle(
    reader: &Reader<'_>,
    collection: &str,
    recipient: &Recipient,
    now: Timestamp,
    first: BTreeMap<String, (bool, BTreeSet<String>)>,
) -> Result<Settled, StoreFailure> {
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    let mut open: Vec<String> = Vec::new();
    for (id, (allowed, names)) in first {
        open.extend(names.iter().cloned());
        nodes.insert(id, Node { allowed, names });
    }
    while let Some(id) = open.pop() {
        if nodes.contains_key(&id) || !is_held(reader, &id)? {
            continue;
        }
        let known =
            if nodes.len() < CLOSURE_MAX { released(reader, collection, &id)? } else { None };
        let node = known.map_or_else(Node::default, |candidate| Node {
            allowed: gate::reasons(&candidate, recipient, now).is_empty(),
            names: gate::mentions(&candidate.object),
        });
        open.extend(node.names.iter().cloned());
        nodes.insert(id, node);
    }
    // What is not held here betrays nothing about what is.
    let held: BTreeSet<String> = nodes.keys().cloned().collect();
    for node in nodes.values_mut() {
        node.names.retain(|name| held.contains(name));
    }
    let leaving = gate::settle(&nodes);
    Ok(Settled { leaving, nodes })
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

// ---- the preview ----------------------------------------------------------------------------------------------

/// An object that would leave.
#[derive(Debug, Clone)]
pub struct Passes {
    /// The version that leaves.
    pub candidate: Candidate,
    /// It is in the collection already.
    pub already: bool,
}

/// An object that stays, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stays {
    /// The object asked for.
    pub id: String,
    /// Why.
    pub reasons: Vec<StayReason>,
}

/// What a release would do.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Where it would go.
    pub collection: Collection,
    /// What leaves, in the order asked for.
    pub passes: Vec<Passes>,
    /// What stays.
    pub stays: Vec<Stays>,
}

/// Judges what was asked for against the collection's audience.
pub fn preview(
    reader: &Reader<'_>,
    collection: Collection,
    ids: &[String],
    now: Timestamp,
) -> Result<Preview, StoreFailure> {
    let recipient = recipient(reader, &collection)?;
    let mut found = Vec::new();
    let mut stays = Vec::new();
    let mut first = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for id in ids.iter().filter(|id| seen.insert((*id).clone())) {
        let Some(candidate) = candidate(reader, id)? else {
            stays.push(Stays { id: id.clone(), reasons: vec![absent()] });
            continue;
        };
        let reasons = gate::reasons(&candidate, &recipient, now);
        first.insert(id.clone(), (reasons.is_empty(), gate::mentions(&candidate.object)));
        found.push((candidate, reasons));
    }
    let settled = settle(reader, &collection.collection, &recipient, now, first)?;
    let mut passes = Vec::new();
    for (candidate, mut reasons) in found {
        let id = candidate.id().to_owned();
        if settled.leaving.contains(&id) {
            let already = is_in(reader, &collection.collection, &candidate)?;
            passes.push(Passes { candidate, already });
            continue;
        }
        reasons.extend(settled.stays_for(&id).map(|other| StayReason::names(other)));
        stays.push(Stays { id, reasons });
    }
    Ok(Preview { collection, passes, stays })
}

fn absent() -> StayReason {
    StayReason { code: "NRS-SHAR-0113".to_owned(), clause: String::new(), names: None }
}

fn is_in(
    reader: &Reader<'_>,
    collection: &str,
    candidate: &Candidate,
) -> Result<bool, StoreFailure> {
    let params =
        [Value::from(collection), Value::from(candidate.id()), Value::from(&candidate.modified)];
    let found = reader.first(
        "SELECT 1 FROM share_item WHERE collection = $1 AND id = $2 AND modified = $3",
        &params,
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

// ---- what a partner reads -------------------------------------------------------------------------------------

/// Which versions of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// The newest (also when nothing is said).
    pub last: bool,
    /// The oldest.
    pub first: bool,
    /// All of them.
    pub all: bool,
    /// Exactly these.
    pub at: Vec<Timestamp>,
}

/// What a partner asks of a collection.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Only what was added after this, in microseconds since 1970; 0 for all.
    pub after: i64,
    /// Only these identifiers; empty for all.
    pub ids: Vec<String>,
    /// Only these types; empty for all.
    pub types: Vec<String>,
    /// Which versions.
    pub versions: Versions,
    /// Entries at most.
    pub limit: usize,
}

/// One object as it is handed out.
#[derive(Debug, Clone)]
pub struct Served {
    /// When it was added, in microseconds since 1970.
    pub added: i64,
    /// SHA-256 over its canonical text.
    pub digest: String,
    /// The object, with the bytes that are stored.
    pub object: StixObject,
}

impl Served {
    /// Its version, as TAXII counts them: `modified`, else `created`, else when it was added.
    pub fn version(&self) -> String {
        let head = self.object.head();
        head.modified.or(head.created).map_or_else(|| self.date_added(), |at| format!("{at:.6}"))
    }

    /// When it was added, RFC 3339 with six fraction digits.
    pub fn date_added(&self) -> String {
        format!("{:.6}", Timestamp::from_microsecond(self.added).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// A part of a collection.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// What may be read, in the order of addition.
    pub items: Vec<Served>,
    /// Where to go on: everything up to here was looked at. Absent at the end.
    pub next: Option<i64>,
}

struct Listed {
    added: i64,
    newest: bool,
    oldest: bool,
    candidate: Candidate,
}

const ITEMS: &str = "SELECT i.added, \
     (SELECT MAX(n.modified) FROM share_item n WHERE n.collection = i.collection AND n.id = i.id) = i.modified, \
     (SELECT MIN(n.modified) FROM share_item n WHERE n.collection = i.collection AND n.id = i.id) = i.modified, ";

fn listed(reader: &Reader<'_>, collection: &str, after: i64) -> Result<Vec<Listed>, StoreFailure> {
    let sql = format!(
        "{ITEMS} {CANDIDATE} FROM share_item i \
         JOIN evidence_node n ON n.slot = keyed(i.id) AND n.id = i.id \
         JOIN evidence_object o ON o.node = n.node AND o.modified = i.modified AND o.digest = i.digest {JOINS} \
         WHERE i.collection = $1 AND i.added > $2 ORDER BY i.added LIMIT $3"
    );
    reader.all(&sql, &[Value::from(collection), Value::from(after), Value::from(BATCH)], |row| {
        Ok(Listed {
            added: row.int(0)?,
            newest: row.truth(1)?,
            oldest: row.truth(2)?,
            candidate: candidate_at(row, 3)?,
        })
    })
}

impl Asked {
    fn takes(&self, row: &Listed) -> bool {
        let versions = &self.versions;
        let named =
            row.candidate.object.head().modified.is_some_and(|at| versions.at.contains(&at));
        let unsaid = !(versions.last || versions.first || versions.all) && versions.at.is_empty();
        let version = versions.all
            || named
            || (row.newest && (versions.last || unsaid))
            || (row.oldest && versions.first);
        let one_of =
            |list: &[String], text: &str| list.is_empty() || list.iter().any(|one| one == text);
        version
            && one_of(&self.ids, row.candidate.id())
            && one_of(&self.types, row.candidate.object.object_type())
    }
}

/// What of a collection may be read now. The gate is evaluated on every row, whatever it said at release.
pub fn serve(
    reader: &Reader<'_>,
    collection: &Collection,
    now: Timestamp,
    asked: &Asked,
) -> Result<Slice, StoreFailure> {
    let recipient = recipient(reader, collection)?;
    let mut slice = Slice::default();
    let mut cursor = asked.after;
    let mut scanned = 0usize;
    loop {
        let batch = listed(reader, &collection.collection, cursor)?;
        let ended = batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        scanned += batch.len();
        cursor = batch.last().map_or(cursor, |row| row.added);
        let wanted: Vec<Listed> = batch.into_iter().filter(|row| asked.takes(row)).collect();
        for row in passing(reader, collection, &recipient, now, wanted)? {
            if slice.items.len() >= asked.limit {
                slice.next = slice.items.last().map(|item| item.added);
                return Ok(slice);
            }
            slice.items.push(row);
        }
        if ended {
            return Ok(slice);
        }
        if scanned >= SCAN_MAX {
            slice.next = Some(cursor);
            return Ok(slice);
        }
    }
}

fn passing(
    reader: &Reader<'_>,
    collection: &Collection,
    recipient: &Recipient,
    now: Timestamp,
    rows: Vec<Listed>,
) -> Result<Vec<Served>, StoreFailure> {
    let rows: Vec<(Listed, BTreeSet<String>)> = rows
        .into_iter()
        .filter(|row| gate::reasons(&row.candidate, recipient, now).is_empty())
        .map(|row| {
            let names = gate::mentions(&row.candidate.object);
            (row, names)
        })
        .collect();
    // What the rows name is judged by its own newest version, so nothing is taken for granted here.
    let whole: BTreeSet<String> =
        rows.iter().flat_map(|(_, names)| names.iter().cloned()).collect();
    let first = BTreeMap::from([(String::new(), (true, whole))]);
    let settled = settle(reader, &collection.collection, recipient, now, first)?;
    let leaving = rows.into_iter().filter(|(_, names)| settled.clears(names)).map(|(row, _)| {
        Served { added: row.added, digest: row.candidate.digest, object: row.candidate.object }
    });
    Ok(leaving.collect())
}

// ---- lists for pages -------------------------------------------------------------------------------------------

/// A release that was made.
#[derive(Debug, Clone)]
pub struct ReleaseRow {
    /// Its identifier.
    pub release: String,
    /// Where it went.
    pub collection: String,
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
    /// Identifiers that were in the collection already.
    pub already: Vec<String>,
    /// What stays, and why.
    pub refused: Vec<Stays>,
}

fn release_at(row: &Row<'_, '_>) -> Result<ReleaseRow, StoreFailure> {
    Ok(ReleaseRow {
        release: row.text(0)?,
        collection: row.text(1)?,
        at: row.time(2)?,
        outcome: row.json(3)?,
    })
}

/// One release.
pub fn release(reader: &Reader<'_>, id: &str) -> Result<Option<ReleaseRow>, StoreFailure> {
    reader.first(
        "SELECT release, collection, at, outcome FROM share_release WHERE release = $1",
        &[Value::from(id)],
        release_at,
    )
}

/// The newest releases of a collection.
pub fn releases(reader: &Reader<'_>, collection: &str) -> Result<Vec<ReleaseRow>, StoreFailure> {
    reader.all(
        "SELECT release, collection, at, outcome FROM share_release WHERE collection = $1 \
         ORDER BY at DESC, release DESC LIMIT $2",
        &[Value::from(collection), Value::from(LISTED_MAX)],
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

/// The colour as text for a leaf.
pub fn strictest(candidates: impl Iterator<Item = Tlp>) -> Tlp {
    candidates.max().unwrap_or(Tlp::Clear)
}
