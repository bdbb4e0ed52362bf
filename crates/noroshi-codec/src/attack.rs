//! Frameworks of techniques written in STIX (ATT&CK, DISARM): the matrix that a bundle describes.
//!
//! Such a bundle is STIX and goes in as it is; nothing here rewrites an object. What is read out of it is the table that
//! people know: tactics in their published order, techniques below them, their parts, and what became of a withdrawn one.
//!
//! Several frameworks may be held at once and use the same short names and numbers. A technique belongs to a tactic when
//! its phase has the tactic's short name, both are by the same author, and neither names only other domains.

use std::collections::{BTreeMap, BTreeSet};

use noroshi_evidence::id::StixId;
use noroshi_evidence::object::StixObject;
use serde_json::Value;

/// Longest file of mappings read, in bytes.
pub const MAPPINGS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A table of tactics and techniques.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// The matrix object.
    pub id: StixId,
    /// Its name, `Enterprise ATT&CK`.
    pub name: String,
    /// Its tactics in the published order.
    pub tactics: Vec<Tactic>,
}

/// A column of a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tactic {
    /// The tactic object.
    pub id: StixId,
    /// Its number, `TA0006`.
    pub number: String,
    /// Its name.
    pub name: String,
    /// The name that phases refer to.
    pub short: String,
    /// Its techniques by number; the same technique may stand under several tactics.
    pub techniques: Vec<Technique>,
}

/// A technique, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Technique {
    /// The attack pattern.
    pub id: StixId,
    /// Its number, `T1021` or `T1021.005`.
    pub number: String,
    /// Its name.
    pub name: String,
    /// Whether it is still in use.
    pub standing: Standing,
    /// Its parts under the same tactic, by number.
    pub parts: Vec<Technique>,
}

/// Whether a technique is still in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// In use.
    Current,
    /// Not to be used any more.
    Deprecated,
    /// Withdrawn, and what replaced it, when the bundle says so.
    Revoked(Option<StixId>),
}

impl Matrix {
    /// Techniques of the table in use, each once: whole ones and parts.
    pub fn current(&self) -> (usize, usize) {
        let mut seen = BTreeSet::new();
        let mut count = (0, 0);
        for technique in self.tactics.iter().flat_map(|tactic| &tactic.techniques) {
            if technique.standing == Standing::Current && seen.insert(&technique.id) {
                count.0 += 1;
            }
            for part in &technique.parts {
                if part.standing == Standing::Current && seen.insert(&part.id) {
                    count.1 += 1;
                }
            }
        }
        count
    }
}

/// Whether objects describe a framework of techniques.
pub fn recognises(objects: &[StixObject]) -> bool {
    objects.iter().any(|object| object.object_type() == "x-mitre-matrix")
}

/// The matrices that objects describe, by name. Of several versions of an object the latest counts.
///
/// ```
/// use noroshi_codec::{attack, stix};
/// let bundle = stix::decode_bundle(br#"{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[]}"#);
/// assert!(attack::matrices(&bundle.objects).is_empty());
/// ```
pub fn matrices(objects: &[StixObject]) -> Vec<Matrix> {
    let known = Known::of(objects);
    let mut made: Vec<Matrix> =
        known.of_type("x-mitre-matrix").map(|(id, tree)| known.matrix(id, tree)).collect();
    made.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
    made
}

/// The objects that matter, parsed once.
struct Known<'a> {
    trees: BTreeMap<&'a StixId, Value>,
    /// From the part to the whole.
    parts: BTreeMap<&'a StixId, &'a StixId>,
    /// From the withdrawn one to its successor.
    successors: BTreeMap<&'a StixId, &'a StixId>,
}

impl<'a> Known<'a> {
    fn of(objects: &'a [StixObject]) -> Self {
        let mut latest: BTreeMap<&StixId, &StixObject> = BTreeMap::new();
        for object in objects {
            let held = latest.entry(object.id()).or_insert(object);
            if object.head().modified > held.head().modified {
                *held = object;
            }
        }
        let (mut trees, mut parts, mut successors) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (id, object) in latest {
            if matches!(
                object.object_type(),
                "x-mitre-matrix" | "x-mitre-tactic" | "attack-pattern"
            ) {
                trees.insert(id, object.to_value());
            }
            let edge = object.head().edge.as_ref().filter(|_| !object.head().revoked);
            match edge.map(|edge| (&*edge.relationship_type, edge)) {
                Some(("subtechnique-of", edge)) => {
                    parts.insert(&edge.source_ref, &edge.target_ref);
                }
                Some(("revoked-by", edge)) => {
                    successors.insert(&edge.source_ref, &edge.target_ref);
                }
                _ => {}
            }
        }
        Self { trees, parts, successors }
    }

    fn of_type(&self, kind: &'static str) -> impl Iterator<Item = (&'a StixId, &Value)> {
        self.trees
            .iter()
            .map(|(id, tree)| (*id, tree))
            .filter(move |(id, _)| id.object_type() == kind)
    }

    fn matrix(&self, id: &StixId, tree: &Value) -> Matrix {
        let refs = tree.get("tactic_refs").and_then(Value::as_array).into_iter().flatten();
        let tactic = |text: &Value| {
            let id: StixId = text.as_str()?.parse().ok()?;
            let (id, tree) = self.trees.get_key_value(&id)?;
            Some(self.tactic(id, tree))
        };
        let tactics = refs.filter_map(tactic).collect();
        Matrix { id: id.clone(), name: text(tree, "name").to_owned(), tactics }
    }

    fn tactic(&self, id: &StixId, tree: &Value) -> Tactic {
        let short = text(tree, "x_mitre_shortname");
        let belongs = |technique: &Value| {
            text(technique, "created_by_ref") == text(tree, "created_by_ref")
                && phases(technique).any(|phase| phase == short)
                && share_domain(technique, tree)
        };
        let mut whole: BTreeMap<&StixId, Technique> = BTreeMap::new();
        let mut parts = Vec::new();
        for (id, technique) in self.of_type("attack-pattern").filter(|(_, tree)| belongs(tree)) {
            let made = self.technique(id, technique);
            match self.parts.get(id) {
                Some(parent) => parts.push((*parent, made)),
                None => drop(whole.insert(id, made)),
            }
        }
        let mut orphans = Vec::new();
        for (parent, part) in parts {
            match whole.get_mut(parent) {
                Some(technique) => technique.parts.push(part),
                // Its whole stands under another tactic: it is shown by itself.
                None => orphans.push(part),
            }
        }
        let mut techniques: Vec<Technique> = whole.into_values().chain(orphans).collect();
        let by_number =
            |a: &Technique, b: &Technique| a.number.cmp(&b.number).then_with(|| a.id.cmp(&b.id));
        techniques.sort_by(by_number);
        for technique in &mut techniques {
            technique.parts.sort_by(by_number);
        }
        Tactic {
            id: id.clone(),
            number: number(tree),
            name: text(tree, "name").to_owned(),
            short: short.to_owned(),
            techniques,
        }
    }

    fn technique(&self, id: &StixId, tree: &Value) -> Technique {
        let flag = |name: &str| tree.get(name).and_then(Value::as_bool).unwrap_or(false);
        let standing = if flag("revoked") {
            Standing::Revoked(self.successors.get(id).map(|successor| (*successor).clone()))
        } else if flag("x_mitre_deprecated") {
            Standing::Deprecated
        } else {
            Standing::Current
        };
        let name = text(tree, "name").to_owned();
        Technique { id: id.clone(), number: number(tree), name, standing, parts: Vec::new() }
    }
}

fn text<'a>(tree: &'a Value, name: &str) -> &'a str {
    tree.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The first reference with a number is the framework's own.
fn number(tree: &Value) -> String {
    let references =
        tree.get("external_references").and_then(Value::as_array).into_iter().flatten();
    let mut numbers = references.filter_map(|one| one.get("external_id")?.as_str());
    numbers.next().unwrap_or_default().to_owned()
}

fn phases(technique: &Value) -> impl Iterator<Item = &str> {
    let phases = technique.get("kill_chain_phases").and_then(Value::as_array).into_iter().flatten();
    phases.filter_map(|phase| phase.get("phase_name")?.as_str())
}

/// Short names recur between domains (`impact`); where both name domains, one must be common.
fn share_domain(technique: &Value, tactic: &Value) -> bool {
    let domains = |tree: &Value| -> Option<Vec<String>> {
        let list = tree.get("x_mitre_domains")?.as_array()?;
        Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    };
    match (domains(technique), domains(tactic)) {
        (Some(some), Some(others)) => some.iter().any(|domain| others.contains(domain)),
        _ => true,
    }
}

/// A published mapping between something else (VERIS, KEV, a catalogue of controls) and techniques.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mapping {
    /// What is mapped: `action.hacking.variety.SQLi`, `CVE-2026-12345`.
    pub capability: String,
    /// The technique's number.
    pub technique: String,
    /// How they relate: `related_to`, `mitigates`, …
    pub kind: String,
}

/// Why a text is no file of mappings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text is no file of mappings to techniques")]
pub struct NoMappings;

impl NoMappings {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        "NRS-CODC-0170"
    }
}

/// Reads a file of the Mappings Explorer format; entries that name no technique (`non_mappable`) are counted apart.
pub fn mappings(bytes: &[u8]) -> Result<(BTreeSet<Mapping>, usize), NoMappings> {
    if bytes.len() > MAPPINGS_BYTES_MAX {
        return Err(NoMappings);
    }
    let tree: Value = serde_json::from_slice(bytes).map_err(|_| NoMappings)?;
    let listed = tree.get("mapping_objects").and_then(Value::as_array).ok_or(NoMappings)?;
    let (mut found, mut unmapped) = (BTreeSet::new(), 0);
    for one in listed {
        let (capability, technique) = (text(one, "capability_id"), text(one, "attack_object_id"));
        if capability.is_empty() || technique.is_empty() {
            unmapped += 1;
            continue;
        }
        found.insert(Mapping {
            capability: capability.to_owned(),
            technique: technique.to_owned(),
            kind: text(one, "mapping_type").to_owned(),
        });
    }
    Ok((found, unmapped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stix::decode_bundle;

    fn corpus(path: &str) -> Option<Vec<u8>> {
        let read =
            std::fs::read(format!("{}/../../../shared/corpora/{path}", env!("CARGO_MANIFEST_DIR")));
        if read.is_err() {
            println!("corpora absent: skipped {path}");
        }
        read.ok()
    }

    fn check(
        path: &str,
        name: &str,
        tactics: usize,
        first: &str,
        current: (usize, usize),
    ) -> Option<Matrix> {
        let decoded = decode_bundle(&corpus(path)?);
        assert!(
            decoded.complete && decoded.problems.is_empty(),
            "{path}: {:?}",
            decoded.problems.first()
        );
        assert!(recognises(&decoded.objects));
        let mut all = matrices(&decoded.objects);
        assert_eq!(all.len(), 1);
        let matrix = all.remove(0);
        assert_eq!((matrix.name.as_str(), matrix.tactics.len()), (name, tactics));
        assert_eq!(matrix.tactics[0].name, first);
        assert_eq!(matrix.current(), current, "{path}");
        Some(matrix)
    }

    #[test]
    fn published_frameworks_give_their_tables() {
        let enterprise = check(
            "attack-enterprise-21/enterprise-attack-18.1-derived.json",
            "Enterprise ATT&CK",
            14,
            "Reconnaissance",
            (216, 475),
        );
        check(
            "attack-stix21/ics-attack/ics-attack-18.1.json",
            "ATT&CK for ICS",
            12,
            "Initial Access",
            (83, 0),
        );
        check(
            "disarm/generated_files/DISARM_STIX/DISARM.json",
            "DISARM Framework",
            16,
            "Plan Strategy",
            (103, 288),
        );
        let Some(enterprise) = enterprise else { return };
        let credential =
            enterprise.tactics.iter().find(|tactic| tactic.number == "TA0006").unwrap();
        let brute = credential.techniques.iter().find(|one| one.number == "T1110").unwrap();
        let parts: Vec<&str> = brute.parts.iter().map(|part| part.number.as_str()).collect();
        assert_eq!(parts, ["T1110.001", "T1110.002", "T1110.003", "T1110.004"]);
        let revoked = |one: &&Technique| matches!(one.standing, Standing::Revoked(Some(_)));
        assert!(credential.techniques.iter().any(|one| revoked(&one)));
    }

    #[test]
    fn frameworks_held_together_do_not_mix() {
        let (Some(ics), Some(disarm)) = (
            corpus("attack-stix21/ics-attack/ics-attack-18.1.json"),
            corpus("disarm/generated_files/DISARM_STIX/DISARM.json"),
        ) else {
            return;
        };
        let (mut ics, disarm) = (decode_bundle(&ics).objects, decode_bundle(&disarm).objects);
        let alone: Vec<Matrix> = [matrices(&ics), matrices(&disarm)].concat();
        ics.extend(disarm);
        assert_eq!(matrices(&ics), alone);
    }

    #[test]
    fn mappings_are_read_and_nonsense_is_refused() {
        assert_eq!(mappings(b"{}"), Err(NoMappings));
        assert_eq!(mappings(&[b'['; 100_000]), Err(NoMappings));
        let path = "ctid-mappings/mappings/veris/attack-16.1/veris-1.4.0/enterprise/veris-1.4.0_attack-16.1-enterprise.json";
        let Some(bytes) = corpus(path) else { return };
        let (found, unmapped) = mappings(&bytes).unwrap();
        println!("{} mappings, {unmapped} without a technique", found.len());
        assert!(
            found
                .iter()
                .any(|one| one.capability.starts_with("action.") && one.technique.starts_with('T'))
        );
    }
}
