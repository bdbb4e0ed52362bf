//! A case as STIX 2.1 for partners that know the standard and nothing else: no type and no property of one's own, only
//! standard objects, and one extension of properties that is defined in the same bundle (§7.3).
//!
//! | here | there |
//! |---|---|
//! | channel | `infrastructure` with what the extension says of it |
//! | narrative, event | `note` about the grouping |
//! | media | `url` |
//! | technique of DISARM | `attack-pattern` with an external reference |
//! | what a channel does with something | `relationship` `related-to`, the verb as its description |

use std::collections::{BTreeMap, BTreeSet};

use noroshi_evidence::marking::Tlp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::read::Whole;
use super::stix::{Made, made, observable, own};

/// The extension of properties that a strict bundle defines.
pub const EXTENSION: &str = "extension-definition--0f6c9c0a-5d3b-4a57-9d51-2f3c0a4be6d1";
/// When it was defined.
const DEFINED: &str = "2026-11-01T00:00:00.000Z";

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The identifier of an object that is not one of the standard's computed ones: version 4, as §2.9 recommends for them, and
/// made of `from`, so that the same case gives the same objects.
fn fourth(kind: &str, from: &str) -> String {
    let digest = Sha256::digest(from.as_bytes());
    let mut bytes = [0_u8; 16];
    for (slot, byte) in bytes.iter_mut().zip(digest) {
        *slot = byte;
    }
    format!("{kind}--{}", uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// The house as the maker of what is in the bundle.
fn maker(whole: &Whole) -> Value {
    json!({
        "type": "identity", "spec_version": "2.1", "id": fourth("identity", &format!("maker {}", whole.incident.org)),
        "created": DEFINED, "modified": DEFINED, "name": whole.incident.org, "identity_class": "organization",
    })
}

fn definition(maker: &str) -> Value {
    json!({
        "type": "extension-definition", "spec_version": "2.1", "id": EXTENSION, "created": DEFINED, "modified": DEFINED,
        "created_by_ref": maker, "name": "Noroshi: manipulation of the public",
        "description": "What a channel is, how open it is about who stands behind it, and where a case stands.",
        "schema": "{\"type\":\"object\",\"properties\":{\"channel_types\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"exposure\":{\"type\":\"string\"},\"state\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"}}}",
        "version": "1.0.0", "extension_types": ["property-extension"],
    })
}

fn extended(object: &mut Map<String, Value>, members: Value) {
    let mut extension = Map::new();
    extension.insert("extension_type".to_owned(), json!("property-extension"));
    if let Value::Object(members) = members {
        extension.extend(members);
    }
    object.insert("extensions".to_owned(), json!({ EXTENSION: extension }));
}

/// The objects of a case in standard types, the definition and the maker first.
pub fn strict(whole: &Whole, tlp: Tlp) -> Made {
    let Made { objects, withheld } = made(whole, tlp);
    let maker = maker(whole);
    let maker_id = maker.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let about = own("grouping", &whole.incident.incident);
    // What an object is called there.
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut out = Vec::new();
    for object in &objects {
        let Value::Object(object) = object else { continue };
        if let Some(mut made) = standard(object, &about) {
            if !text(&made, "created").is_empty() {
                let to = fourth(text(&made, "type"), text(&made, "id"));
                made.insert("id".to_owned(), json!(to));
            }
            let to = text(&made, "id").to_owned();
            renamed.insert(text(object, "id").to_owned(), to);
            out.push(made);
        }
    }
    let mut kept: Vec<Map<String, Value>> = Vec::new();
    let mut dropped: BTreeSet<String> = BTreeSet::new();
    for mut object in out {
        if !text(&object, "created").is_empty() {
            object.insert("created_by_ref".to_owned(), json!(maker_id));
        }
        if rename(&mut object, &renamed) {
            kept.push(object);
        } else {
            dropped.insert(text(&object, "id").to_owned());
        }
    }
    for object in &mut kept {
        if let Some(Value::Array(refs)) = object.get_mut("object_refs") {
            refs.retain(|id| id.as_str().is_none_or(|id| !dropped.contains(id)));
        }
    }
    let mut all = vec![definition(&maker_id), maker];
    all.extend(kept.into_iter().map(Value::Object));
    Made { objects: all, withheld }
}

/// Gives references their new names; false for a relationship to or from a note, which says itself what it is about.
fn rename(object: &mut Map<String, Value>, renamed: &BTreeMap<String, String>) -> bool {
    for end in ["source_ref", "target_ref"] {
        if let Some(Value::String(id)) = object.get(end) {
            let to = renamed.get(id).cloned().unwrap_or_else(|| id.clone());
            if to.starts_with("note--") {
                return false;
            }
            object.insert(end.to_owned(), json!(to));
        }
    }
    if let Some(Value::Array(ids)) = object.get("object_refs") {
        let is_note = text(object, "type") == "note";
        let to = ids.iter().filter_map(Value::as_str).filter_map(|id| {
            let to = renamed.get(id).map_or(id, String::as_str);
            (is_note || !to.starts_with("note--")).then(|| to.to_owned())
        });
        let mut kept: Vec<String> = Vec::new();
        for id in to {
            if !kept.contains(&id) {
                kept.push(id);
            }
        }
        if kept.is_empty() {
            return false;
        }
        object.insert("object_refs".to_owned(), json!(kept));
    }
    true
}

/// An object in a standard type, without properties of one's own.
fn standard(object: &Map<String, Value>, about: &str) -> Option<Map<String, Value>> {
    let mut out = object.clone();
    out.retain(|name, _| !name.starts_with("x_") && name != "extensions");
    let (id, name) = (text(object, "id"), text(object, "name"));
    let set = |out: &mut Map<String, Value>, kind: &str, id: String| {
        out.insert("type".to_owned(), json!(kind));
        out.insert("id".to_owned(), json!(id));
    };
    match text(object, "type") {
        "channel" => {
            set(&mut out, "infrastructure", own("infrastructure", id));
            let kinds = out.remove("channel_types").unwrap_or_else(|| json!([]));
            out.insert("infrastructure_types".to_owned(), json!(["amplification"]));
            let exposure =
                object.get("x_noroshi_exposure").cloned().unwrap_or(json!("unattributed"));
            extended(
                &mut out,
                json!({ "kind": "channel", "channel_types": kinds, "exposure": exposure }),
            );
        }
        kind @ ("narrative" | "event") => {
            set(&mut out, "note", own("note", id));
            let said = out.remove("description");
            out.remove("name");
            let said = said.as_ref().and_then(Value::as_str).unwrap_or(name).to_owned();
            out.insert("abstract".to_owned(), json!(name));
            out.insert("content".to_owned(), json!(said));
            out.insert("object_refs".to_owned(), json!([about]));
            extended(&mut out, json!({ "kind": kind }));
        }
        "media-content" => {
            let url = text(object, "url").to_owned();
            set(&mut out, "url", observable("url", &url));
            out.remove("url");
            out.insert("value".to_owned(), json!(url));
        }
        "relationship" => {
            let verb = text(object, "relationship_type").to_owned();
            out.insert("relationship_type".to_owned(), json!("related-to"));
            out.insert("description".to_owned(), json!(verb));
            set(&mut out, "relationship", own("relationship", &format!("strict {id}")));
        }
        "grouping" => {
            let state = object.get("x_noroshi_state").cloned().unwrap_or(json!(""));
            extended(&mut out, json!({ "kind": "case", "state": state }));
        }
        "attack-pattern" | "identity" | "note" | "domain-name" | "url" => {}
        _ => return None,
    }
    Some(out)
}

/// The bundle of a case in standard types only.
pub fn bundle(whole: &Whole, tlp: Tlp) -> Value {
    let made = strict(whole, tlp);
    let version = format!("strict {} {}", whole.incident.incident, made.objects.len());
    json!({ "type": "bundle", "id": fourth("bundle", &version), "objects": made.objects })
}
