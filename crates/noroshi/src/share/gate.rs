//! What may leave: the charter's rules on one object, and what follows when objects name each other.
//!
//! An object leaves with exactly the bytes that are stored, or not at all. So an object whose *serialised text* names
//! another object that is held here and does not leave to the same audience stays too: the relationship is omitted,
//! never a member of it, and no identifier betrays what is held. What was never held here can be named freely.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::release::{self, Facts, Recipient};
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::{LegalBits, Marks, Tlp};
use noroshi_evidence::object::StixObject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One version of one object, with everything that decides whether it may leave.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The version's key; empty for what has no versions.
    pub modified: String,
    /// SHA-256 over the canonical text.
    pub digest: String,
    /// The object, its bytes untouched.
    pub object: StixObject,
    /// Name or value; empty when it has none.
    pub name: String,
    /// What the charter decides on.
    pub facts: Facts,
    /// It belongs to an exercise.
    pub exercise: bool,
}

impl Candidate {
    /// Its identifier.
    pub fn id(&self) -> &str {
        self.object.head().id.as_str()
    }

    /// The colour it leaves under.
    pub fn tlp(&self) -> Tlp {
        self.facts.tlp.unwrap_or(Tlp::Amber)
    }
}

/// What a collection takes, whatever a single object allows.
#[derive(Debug, Clone)]
pub struct Filter {
    /// STIX types; empty for all.
    pub types: Vec<String>,
    /// The strictest colour taken.
    pub tlp_max: Tlp,
}

/// The clause of a rule that no law asks for.
const HOUSE_RULE: &str = "";

/// Why an object stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StayReason {
    /// Stable code.
    pub code: String,
    /// The clause it stands on; empty for a rule of the house.
    pub clause: String,
    /// Another object it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub names: Option<String>,
}

impl StayReason {
    fn new(code: &str, clause: &str) -> Self {
        Self { code: code.to_owned(), clause: clause.to_owned(), names: None }
    }

    /// What the charter gave as a reason.
    pub fn of(refusal: &release::Refusal) -> Self {
        Self::new(refusal.code, refusal.clause)
    }

    /// It names an object that stays.
    pub fn names(other: &str) -> Self {
        Self { names: Some(other.to_owned()), ..Self::new("NRS-SHAR-0109", HOUSE_RULE) }
    }
}

/// Every reason of its own against the object leaving to `to` at `now`; none means it may leave.
pub fn reasons(candidate: &Candidate, to: &Recipient, now: Timestamp) -> Vec<StayReason> {
    let decided = release::decide(&candidate.facts, to, now);
    let mut found: Vec<StayReason> = decided.iter().map(StayReason::of).collect();
    if candidate.exercise {
        found.push(StayReason::new("NRS-SHAR-0108", HOUSE_RULE));
    }
    // A designated secret needs a managed channel (Act art. 44); a collection read over the network is none, and
    // `noroshi-verify` calls such a release a lie.
    if candidate.facts.bits.has_secret {
        found.push(StayReason::new("NRS-SHAR-0114", "Act art. 44"));
    }
    found
}

impl Filter {
    /// Every reason why a collection does not show the object, whatever its audience may have.
    pub fn reasons(&self, candidate: &Candidate) -> Vec<StayReason> {
        let mut found = Vec::new();
        if !self.types.is_empty()
            && !self.types.iter().any(|one| one == candidate.object.object_type())
        {
            found.push(StayReason::new("NRS-SHAR-0110", HOUSE_RULE));
        }
        if candidate.tlp() > self.tlp_max {
            found.push(StayReason::new("NRS-SHAR-0111", HOUSE_RULE));
        }
        found
    }
}

/// The strictest reading of every marking in the text, granular ones included.
pub fn marks_of(object: &StixObject) -> Marks {
    let mut refs = object.head().object_marking_refs.clone();
    if object.text().contains("granular_markings") {
        let tree = object.to_value();
        let granular = tree.get("granular_markings").and_then(serde_json::Value::as_array);
        for one in granular.into_iter().flatten() {
            let named = one.get("marking_ref").and_then(serde_json::Value::as_str);
            refs.extend(named.and_then(|id| id.parse::<StixId>().ok()));
        }
    }
    Marks::read(&refs)
}

/// Both facts of both.
pub fn join_bits(one: (bool, bool), other: (bool, bool)) -> LegalBits {
    LegalBits { has_selected_comms: one.0 || other.0, has_secret: one.1 || other.1 }
}

/// Every identifier in the serialised text except the object's own and the standard TLP markings. Found in the text
/// and not in known members, so that an extension cannot smuggle one out.
pub fn mentions(object: &StixObject) -> BTreeSet<String> {
    let text = object.text();
    let own = object.head().id.as_str();
    let found = text.match_indices("--").filter_map(|(at, _)| {
        let (before, after) = text.split_at_checked(at)?;
        let kind = before
            .bytes()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            .count();
        let uuid = after.get(2..38)?;
        let start = before.len().checked_sub(kind)?;
        format!("{}--{uuid}", text.get(start..at)?).parse::<StixId>().ok()
    });
    let foreign = found.filter(|id| id.as_str() != own && Tlp::from_marking_id(id).is_none());
    foreign.map(|id| id.as_str().to_owned()).collect()
}

/// One identifier among those that would leave together.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// It may leave as far as it is concerned itself.
    pub allowed: bool,
    /// Identifiers held here that its text names.
    pub names: BTreeSet<String>,
}

/// Which of `nodes` leave: the largest set in which every node is allowed and names only members of the set.
/// Names of anything that is no node count as staying.
pub fn settle(nodes: &BTreeMap<String, Node>) -> BTreeSet<String> {
    let mut leaving: BTreeSet<String> =
        nodes.iter().filter(|(_, node)| node.allowed).map(|(id, _)| id.clone()).collect();
    let mut named_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, node) in nodes {
        for name in &node.names {
            named_by.entry(name).or_default().push(id);
        }
    }
    let mut staying: Vec<&str> =
        named_by.keys().copied().filter(|name| !leaving.contains(*name)).collect();
    while let Some(stays) = staying.pop() {
        for naming in named_by.get(stays).into_iter().flatten() {
            if leaving.remove(*naming) {
                staying.push(naming);
            }
        }
    }
    leaving
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(text: &str) -> StixObject {
        StixObject::parse(text).unwrap()
    }

    #[test]
    fn identifiers_are_found_wherever_they_stand_in_the_text() {
        let note = object(
            r#"{"type":"note","spec_version":"2.1","id":"note--57b56a43-b8b0-4cba-9deb-34e3e1faed9e",
            "created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z",
            "content":"see indicator--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101.","x_deep":[{"a":"x-odd--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c102"}],
            "object_marking_refs":["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"],
            "object_refs":["note--57b56a43-b8b0-4cba-9deb-34e3e1faed9e","malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c103"]}"#,
        );
        let found: Vec<String> = mentions(&note).into_iter().collect();
        assert_eq!(
            found,
            [
                "indicator--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101",
                "malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c103",
                "x-odd--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c102"
            ]
        );
    }

    #[test]
    fn granular_markings_count_like_those_of_the_whole_object() {
        let red = object(
            r#"{"type":"note","spec_version":"2.1","id":"note--57b56a43-b8b0-4cba-9deb-34e3e1faed9e",
            "created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","content":"x","object_refs":[],
            "granular_markings":[{"marking_ref":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","selectors":["content"]},
            {"marking_ref":"marking-definition--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c103","selectors":["content"]}]}"#,
        );
        let marks = marks_of(&red);
        assert_eq!((marks.tlp, marks.others.len()), (Some(Tlp::Red), 1));
    }

    proptest! {
        #[test]
        fn what_leaves_names_only_what_leaves_and_no_more_could(
            spec in prop::collection::vec((any::<bool>(), prop::collection::btree_set(0usize..14, 0..4)), 1..12)
        ) {
            let nodes: BTreeMap<String, Node> = spec
                .iter()
                .enumerate()
                .map(|(at, (allowed, names))| {
                    let names = names.iter().map(|name| format!("n{name:02}")).collect();
                    (format!("n{at:02}"), Node { allowed: *allowed, names })
                })
                .collect();
            let leaving = settle(&nodes);
            for id in &leaving {
                let node = &nodes[id];
                prop_assert!(node.allowed && node.names.iter().all(|name| leaving.contains(name)));
            }
            // The largest such set, by brute force over all subsets: every closed subset lies inside it.
            let ids: Vec<&String> = nodes.keys().collect();
            for mask in 0u32..(1 << ids.len()) {
                let subset: BTreeSet<&String> =
                    ids.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, id)| *id).collect();
                let closed = subset.iter().all(|id| {
                    let node = &nodes[*id];
                    node.allowed && node.names.iter().all(|name| subset.contains(name))
                });
                prop_assert!(!closed || subset.iter().all(|id| leaving.contains(*id)));
            }
        }
    }
}
