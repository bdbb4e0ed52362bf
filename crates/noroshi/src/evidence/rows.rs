//! The rows of the evidence graph: what one object becomes in the store.
//!
//! Other pillars call [`insert_objects`] inside their own change, so that a report and what it names stand or fall
//! together.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::{Family, StixObject};
use noroshi_evidence::observable::{FileHash, HashAlgorithm, Observable};
use noroshi_evidence::pattern;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::words;
use crate::office::commit::Write;
use crate::office::store::Value;

/// Letters of one object that are indexed for search; longer descriptions are found by their beginning.
const SEARCH_CHARS_MAX: usize = 6_000;

/// The source prefix of what stems from statutory reports: not shown to hats that may not read reports.
pub const FROM_REPORTS: &str = "intake:";

/// An object on its way into the graph, with what the house says about it.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// The object, its text untouched.
    pub object: StixObject,
    /// Who may see it.
    pub tlp: Tlp,
    /// In which legal class it may be handed on.
    pub class: LegalClass,
    /// Whose it is: an organisation's identifier or a partner's name.
    pub originator: String,
    /// How it came: `import:<…>`, `intake:<report>`, `sift:<sensor>`.
    pub source: String,
}

/// The version key: sorts as text as the instants do; empty for what the standard does not version.
pub fn version_key(object: &StixObject) -> String {
    object.head().modified.map(|at| format!("{at:.9}")).unwrap_or_default()
}

/// The writes that bring `objects` into the graph. An object that is held with the same content changes nothing; a
/// version held with *other* content undoes the whole change as a conflict (judge with `evidence::read::held`
/// before); unversioned observables held with other content stay as they are.
pub fn insert_objects(objects: &[NewObject], now: Timestamp) -> Vec<Write> {
    let mut writes = Vec::with_capacity(objects.len() * 5);
    for new in objects {
        insert_object(new, now, &mut writes);
    }
    writes
}

/// What the log says of a change of the graph: how many objects, and one digest over them all.
pub fn fact(command: &str, objects: &[NewObject]) -> Fact {
    let mut digests: Vec<_> = objects.iter().map(|new| new.object.digest().0).collect();
    digests.sort_unstable();
    let whole = digests.iter().fold(Sha256::new(), |whole, digest| whole.chain_update(digest));
    Fact::EvidenceChange {
        command: command.to_owned(),
        objects: objects.len() as u64,
        digest: Digest(whole.finalize().into()),
    }
}

const INSERT_OBJECT: &str = "INSERT INTO evidence_object (id, modified, type, name, created, created_by, revoked, \
     hidden, valid_from, valid_until, digest, bytes, tlp, class, has_comms, has_secret, originator, source, from_report, arrived_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) \
     ON CONFLICT (id, modified) DO UPDATE SET from_report = \
     CASE WHEN excluded.from_report = 0 THEN 0 ELSE evidence_object.from_report END \
     WHERE evidence_object.digest = excluded.digest";
const INSERT_HEAD: &str = "INSERT INTO evidence_head (id, modified) VALUES ($1, $2) \
     ON CONFLICT (id) DO UPDATE SET modified = excluded.modified WHERE excluded.modified > evidence_head.modified";
const INSERT_EDGE: &str = "INSERT INTO evidence_edge (via, kind, from_id, to_id) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (via, kind, from_id, to_id) DO NOTHING";
const INSERT_OBSERVABLE: &str = "INSERT INTO evidence_observable (kind, value, item) VALUES ($1, $2, $3) \
     ON CONFLICT (kind, value, item) DO NOTHING";
const INSERT_WORDS: &str = "INSERT OR REPLACE INTO evidence_search (rowid, words) \
     SELECT seq, $3 FROM evidence_object WHERE id = $1 AND modified = $2";

/// The write that says that `item` names `observable`, where its own text does not (a sighting of one of several
/// values of an indicator).
pub fn insert_naming(item: &str, observable: &Observable) -> Write {
    let params = vec![
        Value::from(observable.stix_type()),
        Value::from(observable.to_string()),
        Value::from(item),
    ];
    Write::new(INSERT_OBSERVABLE, params)
}

fn insert_object(new: &NewObject, now: Timestamp, writes: &mut Vec<Write>) {
    let (object, head) = (&new.object, new.object.head());
    let (id, modified) = (head.id.as_str(), version_key(object));
    let tree = needs_tree(object).then(|| object.to_value());
    let hidden = head.revoked
        || flag(tree.as_ref(), "x_mitre_deprecated")
        || flag(tree.as_ref(), "deprecated");
    let name = head.name.as_deref().or(head.value.as_deref()).map(ToOwned::to_owned);
    let params = vec![
        Value::from(id),
        Value::from(&modified),
        Value::from(object.object_type()),
        Value::from(
            name.or_else(|| head.edge.as_ref().map(|edge| edge.relationship_type.to_string())),
        ),
        Value::from(head.created.map(|at| format!("{at:.9}"))),
        Value::from(head.created_by_ref.as_ref().map(|id| id.as_str().to_owned())),
        Value::from(head.revoked),
        Value::from(hidden),
        Value::from(head.indicator.as_ref().map(|indicator| indicator.valid_from)),
        Value::from(head.indicator.as_ref().and_then(|indicator| indicator.valid_until)),
        Value::from(object.digest().to_string()),
        Value::from(object.text()),
        Value::from(tlp_code(new.tlp)),
        Value::from(new.class.code()),
        Value::from(new.class == LegalClass::Cia),
        Value::from(new.class == LegalClass::CiaPm),
        Value::from(&new.originator),
        Value::from(&new.source),
        Value::from(new.source.starts_with(FROM_REPORTS)),
        Value::from(now),
    ];
    // An observable says the same whatever else stands beside its value; a version does not.
    let insert = if head.modified.is_some() { Write::one } else { Write::new };
    writes.push(insert(INSERT_OBJECT, params));
    writes.push(Write::new(INSERT_HEAD, vec![Value::from(id), Value::from(&modified)]));
    for (kind, from, to) in edges(object) {
        let params = vec![Value::from(id), Value::from(kind), Value::from(from), Value::from(to)];
        writes.push(Write::new(INSERT_EDGE, params));
    }
    for observable in observables(object) {
        writes.push(insert_naming(id, &observable));
    }
    // Edges are found from their ends; indexing their words would only bury the ends.
    if head.family != Family::Relationship {
        let words = words::index(&search_text(object, tree.as_ref()));
        writes.push(Write::new(
            INSERT_WORDS,
            vec![Value::from(id), Value::from(&modified), Value::from(words)],
        ));
    }
}

/// The short code of a TLP level as stored and as in the API: `clear`, `green`, `amber`, `amber-strict`, `red`.
pub const fn tlp_code(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "clear",
        Tlp::Green => "green",
        Tlp::Amber => "amber",
        Tlp::AmberStrict => "amber-strict",
        Tlp::Red => "red",
    }
}

/// Reads [`tlp_code`], and the marking's own label.
pub fn tlp_of(code: &str) -> Option<Tlp> {
    let by_code = Tlp::ALL.into_iter().find(|tlp| tlp_code(*tlp).eq_ignore_ascii_case(code));
    by_code.or_else(|| Tlp::from_label(code))
}

fn needs_tree(object: &StixObject) -> bool {
    object.head().family != Family::Relationship || object.text().contains("deprecated\"")
}

fn flag(tree: Option<&Json>, name: &str) -> bool {
    tree.and_then(|tree| tree.get(name)).and_then(Json::as_bool).unwrap_or(false)
}

/// Kind, from, to of every edge an object makes. Who made it and how it is marked are columns, not edges.
fn edges(object: &StixObject) -> Vec<(String, String, String)> {
    let head = object.head();
    let id = || head.id.to_string();
    if let Some(edge) = &head.edge {
        let kind = edge.relationship_type.to_string();
        return vec![(kind, edge.source_ref.to_string(), edge.target_ref.to_string())];
    }
    let references = object.references().into_iter();
    let own = references.filter(|(property, _)| property != "created_by_ref");
    own.map(|(property, to)| (property, id(), to.to_string())).collect()
}

/// What an object names: the pattern of an indicator, the value of an observable, the hashes of a file.
pub fn observables(object: &StixObject) -> BTreeSet<Observable> {
    let head = object.head();
    if let Some(indicator) = &head.indicator {
        if &*indicator.pattern_type != "stix" {
            return BTreeSet::new();
        }
        return pattern::read(&indicator.pattern).mentioned().iter().cloned().collect();
    }
    match object.object_type() {
        "ipv4-addr" | "ipv6-addr" | "domain-name" | "url" => head
            .value
            .as_deref()
            .and_then(|value| Observable::parse(value).ok())
            .into_iter()
            .collect(),
        "file" => hashes(&object.to_value()),
        _ => BTreeSet::new(),
    }
}

fn hashes(file: &Json) -> BTreeSet<Observable> {
    let members = file.get("hashes").and_then(Json::as_object).into_iter().flatten();
    let read = |(name, value): (&String, &Json)| {
        let algorithm = HashAlgorithm::from_stix_name(name)?;
        FileHash::new(algorithm, value.as_str()?).ok().map(Observable::FileHash)
    };
    members.filter_map(read).collect()
}

fn search_text(object: &StixObject, tree: Option<&Json>) -> String {
    let head = object.head();
    let mut text = format!("{} {} ", head.id, object.object_type());
    let mut add = |part: &str| {
        text.push_str(part);
        text.push(' ');
    };
    head.name.iter().chain(&head.value).chain(&head.labels).for_each(|part| add(part));
    for observable in observables(object) {
        add(&observable.to_string());
    }
    if let Some(tree) = tree {
        let list = |name: &str| tree.get(name).and_then(Json::as_array).into_iter().flatten();
        list("aliases").chain(list("x_mitre_aliases")).filter_map(Json::as_str).for_each(&mut add);
        let ids = list("external_references").filter_map(|one| one.get("external_id")?.as_str());
        ids.for_each(&mut add);
        if let Some(description) = tree.get("description").and_then(Json::as_str) {
            add(description);
        }
    }
    match text.char_indices().nth(SEARCH_CHARS_MAX) {
        Some((end, _)) => text.split_at(end).0.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> StixObject {
        StixObject::parse(text).unwrap()
    }

    #[test]
    fn a_relationship_is_one_edge_between_its_ends() {
        let edge = object(
            r#"{"type":"relationship","spec_version":"2.1","id":"relationship--57b56a43-b8b0-4cba-9deb-34e3e1faed9e",
            "created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","relationship_type":"indicates",
            "created_by_ref":"identity--3d0f6c52-8a5f-4c5e-9a59-0a1f6a3f7d01",
            "source_ref":"indicator--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101",
            "target_ref":"malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c102"}"#,
        );
        let found = edges(&edge);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "indicates");
        assert_eq!(version_key(&edge), "2026-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn files_are_recognised_by_their_hashes_and_addresses_by_their_value() {
        let file = object(
            r#"{"type":"file","id":"file--57b56a43-b8b0-4cba-9deb-34e3e1faed9e",
            "hashes":{"MD5":"D41D8CD98F00B204E9800998ECF8427E","X":"no"}}"#,
        );
        let names: Vec<String> = observables(&file).iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(names[0].contains("d41d8cd98f00b204e9800998ecf8427e"));
        let address = object(
            r#"{"type":"ipv6-addr","id":"ipv6-addr--57b56a43-b8b0-4cba-9deb-34e3e1faed9e","value":"2001:0DB8::1"}"#,
        );
        assert_eq!(observables(&address).first().unwrap().to_string(), "2001:db8::1");
        assert_eq!(version_key(&address), "");
    }
}
