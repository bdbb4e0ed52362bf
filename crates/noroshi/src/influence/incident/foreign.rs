//! A case from what somebody else made of one: the parts that a report or a grouping of the evidence graph gives.
//!
//! What comes from outside comes in through the evidence pillar (STIX as it is, MISP as STIX), with its markings and its
//! quarantine. Here its objects become parts, each after the same rules as if it had been typed: a narrative that judges what
//! is said does not become one, an attribution is a hypothesis and never a nexus, and names, accounts and mail addresses of
//! people stay where they are. What becomes no part is named with its reason.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::part::{Body, TEXT_CHARS_MAX};
use crate::influence::disarm::{self, Known};

/// An object that became no part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its identifier.
    pub id: String,
    /// Why: a code of a refusal.
    pub code: &'static str,
}

/// What was made of the objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Parts, in the order of the objects.
    pub parts: Vec<Body>,
    /// Objects that became none.
    pub left: Vec<Left>,
}

/// Types that only join or describe others.
const SILENT: [&str; 7] = [
    "relationship",
    "marking-definition",
    "extension-definition",
    "language-content",
    "opinion",
    "sighting",
    "observed-data",
];
/// Types that name or reach a person: they become no part.
const PERSONAL: [&str; 4] = ["user-account", "email-addr", "email-message", "x-misp-object"];

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn short(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Parts of a case from `objects`, which `container` refers to.
pub fn parts_of(container: &str, objects: &[Value]) -> Taken {
    let mut taken = Taken::default();
    taken.add(container, Body::Observable { object: container.to_owned() });
    let targeted = targeted(objects);
    let mut actors: BTreeSet<String> = BTreeSet::new();
    for object in objects {
        let (id, kind) = (text(object, "id"), text(object, "type"));
        if SILENT.contains(&kind) {
            continue;
        }
        if PERSONAL.contains(&kind) || text(object, "identity_class") == "individual" {
            taken.left.push(Left { id: id.to_owned(), code: "NRS-INFL-1115" });
            continue;
        }
        match part_of(container, object, targeted.get(id).copied().unwrap_or_default()) {
            Some(Body::Hypothesis { actor, .. }) if !actors.insert(actor.clone()) => {}
            Some(part) => taken.add(id, part),
            None => taken.left.push(Left { id: id.to_owned(), code: "NRS-INFL-1116" }),
        }
    }
    taken
}

impl Taken {
    fn add(&mut self, id: &str, part: Body) {
        match part.check() {
            Ok(()) if self.parts.contains(&part) => {}
            Ok(()) => self.parts.push(part),
            Err((code, _)) => self.left.push(Left { id: id.to_owned(), code }),
        }
    }
}

/// What is aimed at, by identifier.
fn targeted(objects: &[Value]) -> BTreeMap<&str, bool> {
    let aims = objects.iter().filter(|object| text(object, "relationship_type") == "targets");
    aims.map(|object| (text(object, "target_ref"), true)).collect()
}

fn part_of(container: &str, object: &Value, is_target: bool) -> Option<Body> {
    let (id, name) = (text(object, "id"), text(object, "name"));
    let evidence = format!("{container} / {id}");
    let target = |target: &str| {
        is_target.then(|| Body::Target {
            target: target.to_owned(),
            name: short(name, 500),
            domestic_person: false,
        })
    };
    let asset = |kind: &str, value: &str| Body::Asset {
        asset: kind.to_owned(),
        value: short(value, TEXT_CHARS_MAX),
        evidence: evidence.clone(),
    };
    match text(object, "type") {
        "channel" => Some(channel(object, name)),
        "narrative" => {
            let said = text(object, "description");
            let said = if said.is_empty() { name } else { said };
            Some(Body::Narrative { name: short(name, 500), summary: short(said, TEXT_CHARS_MAX) })
        }
        "attack-pattern" | "x-misp-galaxy-cluster" => {
            technique_of(object).map(|technique| Body::Behaviour { technique, evidence })
        }
        "domain-name" => Some(asset("domain", text(object, "value"))),
        "url" => Some(asset("url", text(object, "value"))),
        "media-content" => Some(asset("media", text(object, "url"))),
        "event" => target("event"),
        "identity" if text(object, "identity_class") == "class" => target("sector"),
        "identity" => target("organization"),
        "location" if text(object, "country").is_empty() => target("region"),
        "location" => target("country"),
        "intrusion-set" | "threat-actor" => Some(Body::Hypothesis {
            actor: short(name, 500),
            confidence: "low".to_owned(),
            basis: format!("{evidence}: named there; not judged here"),
        }),
        _ => Some(Body::Observable { object: id.to_owned() }),
    }
}

fn channel(object: &Value, name: &str) -> Body {
    let kinds: Vec<&str> = object
        .get("channel_types")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let kind = if kinds.is_empty() { "unknown".to_owned() } else { kinds.join(", ") };
    Body::Channel {
        name: short(name, 500),
        channel_type: short(&kind, 500),
        // How open a channel is about who stands behind it is said by an analyst with a source.
        exposure: "unattributed".to_owned(),
        source: String::new(),
        holder: "unknown".to_owned(),
    }
}

/// The technique of DISARM that an object stands for, wherever it names it.
fn technique_of(object: &Value) -> Option<String> {
    let mut found = Vec::new();
    collect(object, &mut found, 0);
    let known = |id: &&String| !matches!(disarm::known(id), Known::Unknown);
    found.iter().find(known).cloned()
}

/// Members that hold the identifier of a technique, at any depth.
fn collect(value: &Value, found: &mut Vec<String>, depth: usize) {
    const NAMES: [&str; 5] = ["external_id", "x_mitre_id", "x_misp_value", "value", "name"];
    if depth > 6 {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                match inner {
                    Value::String(text) if NAMES.contains(&name.as_str()) => words(text, found),
                    Value::Array(entries) if NAMES.contains(&name.as_str()) => {
                        entries
                            .iter()
                            .filter_map(Value::as_str)
                            .for_each(|text| words(text, found));
                    }
                    Value::String(_) => {}
                    inner => collect(inner, found, depth + 1),
                }
            }
        }
        Value::Array(entries) => entries.iter().for_each(|one| collect(one, found, depth + 1)),
        _ => {}
    }
}

/// `T0084.001`, or the words of a name with it such as `Use Copypasta - T0084.001`.
fn words(text: &str, found: &mut Vec<String>) {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.');
    found.extend(words.filter(|word| word.starts_with('T')).map(str::to_owned));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_become_parts_by_the_same_rules_as_typed_ones() {
        let objects = [
            json!({ "type": "channel", "id": "channel--1", "name": "news.example", "channel_types": ["website"] }),
            json!({ "type": "narrative", "id": "narrative--1", "name": "n", "description": "says that polls close" }),
            json!({ "type": "narrative", "id": "narrative--2", "name": "n", "description": "a hoax" }),
            json!({ "type": "attack-pattern", "id": "attack-pattern--1", "name": "x", "x_mitre_id": "T0084.001" }),
            json!({ "type": "attack-pattern", "id": "attack-pattern--2", "name": "Phishing",
                "external_references": [{ "source_name": "mitre-attack", "external_id": "T1566" }] }),
            json!({ "type": "x-misp-galaxy-cluster", "id": "x-misp-galaxy-cluster--1", "x_misp_value": "Flooding",
                "x_misp_cluster": { "meta": { "external_id": ["T0049.002"] } } }),
            json!({ "type": "domain-name", "id": "domain-name--1", "value": "news.example" }),
            json!({ "type": "user-account", "id": "user-account--1", "user_id": "kakuu" }),
            json!({ "type": "identity", "id": "identity--1", "name": "架空新聞", "identity_class": "organization" }),
            json!({ "type": "identity", "id": "identity--2", "name": "架空 花子", "identity_class": "individual" }),
            json!({ "type": "intrusion-set", "id": "intrusion-set--1", "name": "a network" }),
            json!({ "type": "relationship", "id": "relationship--1", "relationship_type": "targets",
                "source_ref": "intrusion-set--1", "target_ref": "identity--1" }),
        ];
        let taken = parts_of("report--1", &objects);
        let kinds: Vec<&str> = taken.parts.iter().map(Body::kind).collect();
        assert_eq!(
            kinds,
            [
                "observable",
                "channel",
                "narrative",
                "behaviour",
                "behaviour",
                "asset",
                "target",
                "hypothesis"
            ]
        );
        let left: Vec<(&str, &str)> =
            taken.left.iter().map(|one| (one.id.as_str(), one.code)).collect();
        assert_eq!(
            left,
            [
                ("narrative--2", "NRS-INFL-1104"),
                ("attack-pattern--2", "NRS-INFL-1116"),
                ("user-account--1", "NRS-INFL-1115"),
                ("identity--2", "NRS-INFL-1115"),
            ]
        );
        assert!(
            !taken.parts.iter().any(|part| part.kind() == "nexus"),
            "an attribution is no nexus"
        );
    }
}
