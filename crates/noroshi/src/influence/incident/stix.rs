//! A case as STIX 2.1, in the dialect that platforms for influence operations read: `channel`, `narrative`, `event` and
//! `media-content` beside the standard types.
//!
//! Identifiers of these are computed from their names exactly as OpenCTI computes them (UUID version 5 of the canonical JSON
//! of the name in the namespace of STIX observables), so that what two houses name alike is one object. A partner that does
//! not know the types sees them declared by the extension they carry. Names of private persons at home never go out.

use jiff::Timestamp;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::format_timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::part::Body;
use super::read::{Part, Whole};
use crate::influence::disarm::{self, Known};

/// The namespace of computed identifiers (STIX 2.1 §2.9).
const NAMESPACE: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);
/// The namespace of identifiers of this house's own objects.
const OWN: Uuid = Uuid::from_u128(0x3f0a_5b6e_92c4_5d1e_8a77_41c2_0d9e_6b55);
/// Under which OpenCTI declares types that STIX does not have.
const NEW_SDO: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
/// The same for observables.
const NEW_SCO: &str = "extension-definition--f93e2c80-4231-4f9a-af8b-95c9bd566a82";

fn computed(kind: &str, contributing: &Value) -> String {
    // Canonical JSON (RFC 8785); of one member it is the plain form.
    let text = serde_json_canonicalizer::to_string(contributing).unwrap_or_default();
    format!("{kind}--{}", Uuid::new_v5(&NAMESPACE, text.as_bytes()))
}

/// The identifier of a `channel`, `narrative` or `event` of this name.
pub fn named(kind: &str, name: &str) -> String {
    computed(kind, &json!({ "name": name.trim().to_lowercase() }))
}

/// The identifier of a `media-content` at this address.
pub fn media(url: &str) -> String {
    computed("media-content", &json!({ "url": url }))
}

/// The identifier of the `attack-pattern` of a DISARM technique.
pub fn technique(id: &str) -> String {
    computed("attack-pattern", &json!({ "x_mitre_id": id }))
}

/// The identifier of an observable with one value.
pub fn observable(kind: &str, value: &str) -> String {
    computed(kind, &json!({ "value": value }))
}

pub(super) fn own(kind: &str, text: &str) -> String {
    format!("{kind}--{}", Uuid::new_v5(&OWN, text.as_bytes()))
}

/// What goes out of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The objects, the grouping last.
    pub objects: Vec<Value>,
    /// Parts that stay here: names of private persons at home.
    pub withheld: u64,
}

struct Maker<'a> {
    whole: &'a Whole,
    marking: String,
    objects: Vec<Value>,
    channels: Vec<String>,
}

impl Maker<'_> {
    fn domain_object(&self, kind: &str, id: &str, at: Timestamp) -> Map<String, Value> {
        let at = format_timestamp(at);
        let mut object = Map::new();
        object.insert("type".to_owned(), json!(kind));
        object.insert("spec_version".to_owned(), json!("2.1"));
        object.insert("id".to_owned(), json!(id));
        object.insert("created".to_owned(), json!(at));
        object.insert("modified".to_owned(), json!(at));
        object.insert("object_marking_refs".to_owned(), json!([self.marking]));
        object
    }

    fn add(&mut self, mut object: Map<String, Value>, more: Value) -> String {
        if let Value::Object(more) = more {
            object.extend(more);
        }
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !self.objects.iter().any(|held| held.get("id").and_then(Value::as_str) == Some(&id)) {
            self.objects.push(Value::Object(object));
        }
        id
    }

    fn own_type(&mut self, kind: &str, name: &str, at: Timestamp, more: Value) -> String {
        let mut object = self.domain_object(kind, &named(kind, name), at);
        object.insert("name".to_owned(), json!(name));
        object.insert("extensions".to_owned(), json!({ NEW_SDO: { "extension_type": "new-sdo" } }));
        self.add(object, more)
    }

    fn relation(&mut self, verb: &str, from: &str, to: &str, at: Timestamp) {
        let id = own("relationship", &format!("{from} {verb} {to}"));
        let object = self.domain_object("relationship", &id, at);
        let more = json!({ "relationship_type": verb, "source_ref": from, "target_ref": to });
        self.add(object, more);
    }

    fn from_every_channel(&mut self, verb: &str, to: &str, at: Timestamp) {
        for channel in self.channels.clone() {
            self.relation(verb, &channel, to, at);
        }
    }

    fn note(&mut self, part: &Part, abstract_: &str, content: &str) {
        let id = own("note", &part.part);
        let object = self.domain_object("note", &id, part.at);
        let about = own("grouping", &self.whole.incident.incident);
        self.add(
            object,
            json!({ "abstract": abstract_, "content": content, "object_refs": [about] }),
        );
    }

    fn part(&mut self, part: &Part) {
        match &part.body {
            Body::Channel { name, channel_type, exposure, .. } => {
                let more =
                    json!({ "channel_types": [channel_type], "x_noroshi_exposure": exposure });
                let id = self.own_type("channel", name, part.at, more);
                self.channels.push(id);
            }
            Body::Narrative { name, summary } => {
                let more = json!({ "description": summary });
                let id = self.own_type("narrative", name, part.at, more);
                self.from_every_channel("uses", &id, part.at);
            }
            Body::Behaviour { technique: id, .. } => {
                let now: Vec<&str> = match disarm::known(id) {
                    Known::Before(now) => now.to_vec(),
                    Known::Now | Known::Unknown => vec![id],
                };
                for one in now {
                    self.behaviour(one, part.at);
                }
            }
            Body::Asset { asset, value, evidence } => {
                if let Some(id) = self.asset(asset, value) {
                    self.from_every_channel("publishes", &id, part.at);
                    // Where it comes from goes with it: whoever meets it in the graph can follow it back.
                    let note = self.domain_object("note", &own("note", &part.part), part.at);
                    let said = json!({
                        "abstract": "provenance", "content": evidence, "object_refs": [id],
                    });
                    self.add(note, said);
                }
            }
            Body::Target { target, name, domestic_person: false } => {
                self.target(target, name, part)
            }
            Body::Harm { summary } => self.note(part, "harm", summary),
            Body::Amplification { summary, .. } => self.note(part, "amplification", summary),
            Body::Nexus { statement, confidence, .. } if self.whole.is_nexus_stated(&part.part) => {
                let content = format!("{statement} (confidence: {confidence})");
                self.note(part, "foreign nexus, reviewed by two", &content);
            }
            _ => {}
        }
    }

    fn behaviour(&mut self, id: &str, at: Timestamp) {
        let object = self.domain_object("attack-pattern", &technique(id), at);
        let reference = json!([{ "source_name": "DISARM", "external_id": id }]);
        let pattern = self
            .add(object, json!({ "name": id, "x_mitre_id": id, "external_references": reference }));
        self.from_every_channel("uses", &pattern, at);
    }

    fn asset(&mut self, kind: &str, value: &str) -> Option<String> {
        let (kind, id, more) = match kind {
            "domain" => {
                let value = value.trim().to_lowercase();
                let id = observable("domain-name", &value);
                ("domain-name", id, json!({ "value": value }))
            }
            "url" => ("url", observable("url", value), json!({ "value": value })),
            "media" => {
                let extension = json!({ NEW_SCO: { "extension_type": "new-sco" } });
                ("media-content", media(value), json!({ "url": value, "extensions": extension }))
            }
            _ => return None,
        };
        let mut object = Map::new();
        object.insert("type".to_owned(), json!(kind));
        object.insert("spec_version".to_owned(), json!("2.1"));
        object.insert("id".to_owned(), json!(id));
        object.insert("object_marking_refs".to_owned(), json!([self.marking]));
        Some(self.add(object, more))
    }

    fn target(&mut self, kind: &str, name: &str, part: &Part) {
        if kind == "event" {
            let id = self.own_type("event", name, part.at, json!({}));
            self.from_every_channel("targets", &id, part.at);
            return;
        }
        let class = match kind {
            "individual" => "individual",
            "sector" => "class",
            _ => "organization",
        };
        let object = self.domain_object("identity", &own("identity", &part.part), part.at);
        let id = self.add(object, json!({ "name": name, "identity_class": class }));
        self.from_every_channel("targets", &id, part.at);
    }
}

/// The objects of a case. The same case gives the same objects.
pub fn made(whole: &Whole, tlp: Tlp) -> Made {
    let mut maker = Maker {
        whole,
        marking: tlp.marking_id().to_string(),
        objects: Vec::new(),
        channels: Vec::new(),
    };
    // Channels first: what is said of the case is said of them.
    let is_channel = |part: &&Part| matches!(part.body, Body::Channel { .. });
    for part in whole.live().filter(is_channel) {
        maker.part(part);
    }
    for part in whole.live().filter(|part| !is_channel(part)) {
        maker.part(part);
    }
    let referred = whole.live().filter_map(|part| match &part.body {
        Body::Observable { object } => Some(object.clone()),
        _ => None,
    });
    let mut refs: Vec<String> = maker
        .objects
        .iter()
        .filter_map(|object| Some(object.get("id")?.as_str()?.to_owned()))
        .filter(|id| !id.starts_with("note--"))
        .chain(referred)
        .collect();
    refs.dedup();
    let last = whole.parts.iter().map(|part| part.at).chain(whole.steps.iter().map(|one| one.at));
    let modified = last.max().unwrap_or(whole.incident.created_at);
    let id = own("grouping", &whole.incident.incident);
    let mut grouping = maker.domain_object("grouping", &id, whole.incident.created_at);
    grouping.insert("modified".to_owned(), json!(format_timestamp(modified)));
    if !refs.is_empty() {
        maker.add(
            grouping,
            json!({
                "name": whole.incident.title, "context": "suspicious-activity", "object_refs": refs,
                "x_noroshi_state": whole.incident.state.code(),
            }),
        );
    }
    let withheld = whole
        .live()
        .filter(|part| matches!(part.body, Body::Target { domestic_person: true, .. }))
        .count() as u64;
    Made { objects: maker.objects, withheld }
}

/// The bundle of a case.
pub fn bundle(whole: &Whole, tlp: Tlp) -> Value {
    let made = made(whole, tlp);
    let version = format!("{} {}", whole.incident.incident, made.objects.len());
    json!({ "type": "bundle", "id": own("bundle", &version), "objects": made.objects })
}

/// What a run found, for partners: a `channel` for each account under its pseudonym, and a `grouping` for each group. No
/// actor is named: that is said of a case, by people.
pub fn findings<'a>(
    run: &str,
    at: Timestamp,
    groups: impl Iterator<Item = (&'a crate::influence::run::results::GroupRow, Vec<&'a str>)>,
) -> Value {
    let at = format_timestamp(at);
    let mut objects = Vec::new();
    for (group, members) in groups {
        let mut refs = Vec::new();
        for account in members {
            let id = named("channel", account);
            objects.push(json!({
                "type": "channel", "spec_version": "2.1", "id": id, "created": at, "modified": at, "name": account,
                "channel_types": ["social-media-account"],
                "extensions": { NEW_SDO: { "extension_type": "new-sdo" } },
            }));
            refs.push(id);
        }
        objects.push(json!({
            "type": "grouping", "spec_version": "2.1", "id": own("grouping", &format!("{run} {}", group.number)),
            "created": at, "modified": at, "name": format!("{run} group {}", group.number),
            "context": "suspicious-activity", "object_refs": refs, "x_noroshi_level": group.level,
        }));
    }
    json!({ "type": "bundle", "id": own("bundle", run), "objects": objects })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Where the published bundles are, those who have them find that names give the identifiers that were published.
    #[test]
    fn identifiers_are_those_of_the_published_bundles() {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/influence/viginum");
        let Ok(folders) = std::fs::read_dir(&root) else {
            println!("corpora absent: NOT CHECKED {}", root.display());
            return;
        };
        let (mut same, mut all) = (0, 0);
        for folder in folders {
            for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_none_or(|end| end != "json") {
                    continue;
                }
                let bundle: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                for object in bundle["objects"].as_array().unwrap() {
                    let text = |name: &str| object[name].as_str().unwrap_or_default();
                    let expected = match text("type") {
                        kind @ ("channel" | "narrative" | "event") => named(kind, text("name")),
                        "media-content" => media(text("url")),
                        "attack-pattern" => technique(text("x_mitre_id")),
                        kind @ ("domain-name" | "url") => observable(kind, text("value")),
                        _ => continue,
                    };
                    all += 1;
                    same += u32::from(expected == text("id"));
                }
            }
        }
        println!("{same} of {all} identifiers");
        assert!(all >= 556 && same == all, "{same} of {all}");
    }

    #[test]
    fn one_name_has_one_identifier_however_it_is_written() {
        assert_eq!(named("channel", " News.Example "), named("channel", "news.example"));
        assert_ne!(named("channel", "a"), named("narrative", "a"));
    }
}
