//! Entries as MISP had them, carried along so that an event that comes back is the event that went out.
//!
//! A record repeats what STIX has no property for (uuids of values within an object, categories, detection flags) and
//! the values themselves. The content of attachments is not repeated: it stands in the artifact of the same uuid.
//! The members of a sharing group are not carried along: who may see a thing is nobody else's business.

use std::collections::BTreeMap;

use noroshi_evidence::object::StixObject;
use serde_json::{Map, Value, json};

use super::emit::{Properties, put};
use super::model::{Attribute, Cluster, Event, Galaxy, Object};
use super::objects;

/// Members that do not leave with a record.
const KEPT_BACK: &[&str] = &["SharingGroup", "id", "event_id", "object_id", "org_id", "orgc_id"];

fn head(members: &Map<String, Value>) -> Properties {
    members
        .iter()
        .filter(|(name, value)| !KEPT_BACK.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

pub(super) fn attribute_record(attribute: &Attribute) -> Value {
    let mut record = head(&attribute.head);
    put(&mut record, "uuid", attribute.uuid.to_string());
    put(&mut record, "type", attribute.kind.as_str());
    put(&mut record, "category", attribute.category.as_str());
    put(&mut record, "value", attribute.json.clone());
    put(&mut record, "to_ids", attribute.to_ids);
    put(&mut record, "timestamp", attribute.span.timestamp.as_second().to_string());
    if !attribute.relation.is_empty() {
        put(&mut record, "object_relation", attribute.relation.as_str());
    }
    if let Some(comment) = &attribute.comment {
        put(&mut record, "comment", comment.as_str());
    }
    if !attribute.tags.is_empty() {
        put(&mut record, "tags", attribute.tags.clone());
    }
    let clusters = cluster_names(&attribute.galaxies);
    if !clusters.is_empty() {
        put(&mut record, "clusters", clusters);
    }
    Value::Object(record)
}

fn cluster_names(galaxies: &[Galaxy]) -> Vec<String> {
    let clusters = galaxies.iter().flat_map(|galaxy| &galaxy.clusters);
    clusters.map(|cluster| cluster.uuid.to_string()).collect()
}

/// An object with its attributes and references, and the objects that are written within it.
pub(super) fn object_record(object: &Object, event: &Event) -> Value {
    let mut record = bare_object(object);
    let parts = objects::parts(object, event);
    if !parts.is_empty() {
        let parts: Vec<Value> =
            parts.into_iter().map(|part| Value::Object(bare_object(part))).collect();
        put(&mut record, "parts", parts);
    }
    Value::Object(record)
}

fn bare_object(object: &Object) -> Properties {
    let mut record = head(&object.head);
    put(&mut record, "uuid", object.uuid.to_string());
    put(&mut record, "name", object.name.as_str());
    put(&mut record, "meta-category", object.meta.as_str());
    put(&mut record, "timestamp", object.span.timestamp.as_second().to_string());
    if let Some(comment) = &object.comment {
        put(&mut record, "comment", comment.as_str());
    }
    let attributes: Vec<Value> = object.attributes.iter().map(attribute_record).collect();
    put(&mut record, "attributes", attributes);
    if !object.references.is_empty() {
        let references = object.references.iter().map(|reference| {
            let mut entry = Map::new();
            put(&mut entry, "uuid", reference.uuid.to_string());
            put(&mut entry, "object_uuid", object.uuid.to_string());
            put(&mut entry, "referenced_uuid", reference.target.to_string());
            put(&mut entry, "relationship_type", reference.kind.as_str());
            if let Some(comment) = &reference.comment {
                put(&mut entry, "comment", comment.as_str());
            }
            Value::Object(entry)
        });
        put(&mut record, "references", references.collect::<Vec<_>>());
    }
    record
}

pub(super) fn event_record(event: &Event) -> Value {
    let mut record = head(&event.head);
    put(&mut record, "timestamp", event.timestamp.as_second().to_string());
    if !event.tags.is_empty() {
        put(&mut record, "tags", event.tags.clone());
    }
    let clusters = cluster_names(&event.galaxies);
    if !clusters.is_empty() {
        put(&mut record, "clusters", clusters);
    }
    Value::Object(record)
}

pub(super) fn galaxy_record(galaxy: &Galaxy) -> Value {
    let mut record = head(&galaxy.head);
    put(&mut record, "name", galaxy.name.as_str());
    put(&mut record, "type", galaxy.kind.as_str());
    put(&mut record, "description", galaxy.description.as_str());
    Value::Object(record)
}

pub(super) fn cluster_record(cluster: &Cluster) -> Value {
    let mut record = head(&cluster.head);
    put(&mut record, "uuid", cluster.uuid.to_string());
    put(&mut record, "value", cluster.value.as_str());
    put(&mut record, "description", cluster.description.as_str());
    put(&mut record, "meta", Value::Object(cluster.meta.clone()));
    Value::Object(record)
}

/// Contents of attachments by the uuid of their attribute, and by name where they stand in custom properties.
#[derive(Default)]
pub(super) struct Contents {
    by_uuid: BTreeMap<String, String>,
    by_name: BTreeMap<String, String>,
}

impl Contents {
    /// Collects them from all objects of a bundle.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = (&'a StixObject, &'a Value)>) -> Self {
        let mut contents = Self::default();
        for (object, value) in values {
            let Some(properties) = value.as_object() else { continue };
            if let Some(data) = properties.get("payload_bin").and_then(Value::as_str) {
                contents.by_uuid.insert(object.id().uuid().to_string(), data.to_owned());
            }
            // Elsewhere the name is that of a relation `data`, which is a value and no content.
            let kept = properties
                .get("x_misp_data")
                .filter(|_| object.object_type() == "x-misp-attribute");
            if let Some(data) = kept.and_then(Value::as_str) {
                contents.by_uuid.insert(object.id().uuid().to_string(), data.to_owned());
            }
            for (name, value) in properties {
                if name.starts_with("x_misp_") || name == "extensions" {
                    contents.custom(value);
                }
            }
        }
        contents
    }

    fn custom(&mut self, value: &Value) {
        match value {
            Value::Array(entries) => entries.iter().for_each(|entry| self.custom(entry)),
            Value::Object(members) => {
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                if let Some(data) = text("data") {
                    if let Some(uuid) = text("uuid") {
                        self.by_uuid.insert(uuid.to_owned(), data.to_owned());
                    }
                    if let Some(value) = text("value") {
                        self.by_name.insert(value.to_owned(), data.to_owned());
                    }
                }
                members.values().for_each(|member| self.custom(member));
            }
            _ => {}
        }
    }

    fn find(&self, uuid: &str, host: &str, kind: &str, value: &str) -> Option<&String> {
        let attached = matches!(kind, "attachment" | "malware-sample");
        let own = self.by_uuid.get(uuid);
        let near = || self.by_name.get(value).or_else(|| self.by_uuid.get(host));
        own.or_else(|| attached.then(near).flatten())
    }
}

/// A restored attribute, and the knowledge that hangs on it.
pub(super) struct Restored {
    pub(super) members: Properties,
    pub(super) clusters: Vec<String>,
}

/// An attribute from its record.
pub(super) fn attribute(record: &Properties, host: &str, contents: &Contents) -> Restored {
    let mut members = record.clone();
    let tags = texts(members.remove("tags").as_ref());
    let clusters = texts(members.remove("clusters").as_ref());
    if !tags.is_empty() {
        put(&mut members, "Tag", tag_list(&tags));
    }
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Some(data) = contents.find(text("uuid"), host, text("type"), text("value")) {
        put(&mut members, "data", data.as_str());
    }
    Restored { members, clusters }
}

/// Names as MISP lists tags.
pub(super) fn tag_list(names: &[String]) -> Value {
    Value::Array(names.iter().map(|name| json!({ "name": name })).collect())
}

/// A list of texts; nothing for anything else.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let entries = value.and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
}
