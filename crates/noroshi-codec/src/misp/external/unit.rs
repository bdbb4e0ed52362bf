//! The entries of an event while it is put together.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::emit::{Properties, put};
use super::super::own::tag_list;
use super::super::read::{derived, text_of_value};
use super::super::types;

/// A value on its way to an attribute.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) uuid: Uuid,
    pub(super) relation: String,
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) data: Option<String>,
    pub(super) to_ids: bool,
    pub(super) comment: Option<String>,
}

impl Entry {
    /// A value that is `relation` within the thing of the uuid.
    pub(super) fn within(host: Uuid, relation: &str, kind: &str, value: String) -> Self {
        Self {
            uuid: derived(host, &format!("{relation} {value}")),
            relation: relation.to_owned(),
            kind: kind.to_owned(),
            value,
            data: None,
            to_ids: false,
            comment: None,
        }
    }

    fn members(&self) -> Properties {
        let mut members = Map::new();
        put(&mut members, "uuid", self.uuid.to_string());
        put(&mut members, "type", self.kind.as_str());
        put(&mut members, "category", types::defaults(&self.kind).category);
        put(&mut members, "value", self.value.as_str());
        put(&mut members, "to_ids", self.to_ids);
        put(&mut members, "disable_correlation", false);
        if !self.relation.is_empty() {
            put(&mut members, "object_relation", self.relation.as_str());
        }
        if let Some(data) = &self.data {
            put(&mut members, "data", data.as_str());
        }
        if let Some(comment) = &self.comment {
            put(&mut members, "comment", comment.as_str());
        }
        members
    }
}

/// What an entry is.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// One attribute, or several that stand beside each other.
    Attributes(Vec<Entry>),
    /// An object.
    Object { name: String, meta: String, entries: Vec<Entry> },
    /// An attribute as it went out.
    OwnAttribute(Properties),
    /// An object as it went out; its attributes are restored already.
    OwnObject(Properties),
}

/// Times of an entry, as MISP writes them.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    pub(super) timestamp: Option<i64>,
    /// First and last, when they differ.
    pub(super) seen: Option<(String, String)>,
}

/// An entry of the event, and what hangs on it.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) uuid: Uuid,
    /// The type it was made of.
    pub(super) of: String,
    pub(super) body: Body,
    pub(super) times: Times,
    pub(super) comments: Vec<String>,
    pub(super) tags: Vec<String>,
    /// Ids of knowledge.
    pub(super) clusters: BTreeSet<String>,
    /// The target, the kind, and the uuid if there is one.
    pub(super) references: Vec<(Uuid, String)>,
    /// `Note`, `Opinion`, `Sighting`.
    pub(super) remarks: Vec<(&'static str, Value)>,
    /// Remarks on one value of an object: its uuid, the member, the remark.
    pub(super) inner: Vec<(String, &'static str, Value)>,
}

impl Unit {
    pub(super) fn new(uuid: Uuid, of: &str, body: Body) -> Self {
        Self {
            uuid,
            of: of.to_owned(),
            body,
            times: Times::default(),
            comments: Vec::new(),
            tags: Vec::new(),
            clusters: BTreeSet::new(),
            references: Vec::new(),
            remarks: Vec::new(),
            inner: Vec::new(),
        }
    }

    pub(super) fn entries_mut(&mut self) -> &mut [Entry] {
        match &mut self.body {
            Body::Attributes(entries) | Body::Object { entries, .. } => entries,
            Body::OwnAttribute(_) | Body::OwnObject(_) => &mut [],
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match &self.body {
            Body::Attributes(entries) | Body::Object { entries, .. } => entries,
            Body::OwnAttribute(_) | Body::OwnObject(_) => &[],
        }
    }

    /// Whether the unit becomes an object.
    pub(super) fn is_object(&self) -> bool {
        matches!(self.body, Body::Object { .. } | Body::OwnObject(_))
    }

    /// Whether the unit is as it went out.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.body, Body::OwnAttribute(_) | Body::OwnObject(_))
    }

    /// The attributes and objects of the event; `galaxies` answers the galaxies of a set of knowledge.
    pub(super) fn write(
        &self,
        galaxies: impl Fn(&BTreeSet<String>) -> Vec<Value>,
        attributes: &mut Vec<Value>,
        objects: &mut Vec<Value>,
    ) {
        match &self.body {
            Body::Attributes(entries) => {
                for entry in entries {
                    let mut members = entry.members();
                    self.dress(&mut members, &galaxies);
                    attributes.push(Value::Object(members));
                }
            }
            Body::OwnAttribute(members) => {
                let mut members = members.clone();
                self.hang(&mut members, &galaxies);
                attributes.push(Value::Object(members));
            }
            Body::OwnObject(members) => {
                let mut members = members.clone();
                self.hang(&mut members, &galaxies);
                self.hang_inside(&mut members);
                objects.push(Value::Object(members));
            }
            Body::Object { name, meta, entries } => {
                let mut members = Map::new();
                put(&mut members, "uuid", self.uuid.to_string());
                put(&mut members, "name", name.as_str());
                put(&mut members, "meta-category", meta.as_str());
                put(&mut members, "description", name.as_str());
                let mut written: Vec<Value> =
                    entries.iter().map(|entry| Value::Object(entry.members())).collect();
                // Tags and knowledge hang on values; the first one speaks for the object.
                if let Some(first) = written.first_mut().and_then(Value::as_object_mut) {
                    let mut bare = self.clone();
                    bare.remarks.clear();
                    bare.hang(first, &galaxies);
                }
                put(&mut members, "Attribute", written);
                self.times(&mut members);
                let mut plain = self.clone();
                (plain.tags, plain.clusters) = (Vec::new(), BTreeSet::new());
                plain.hang(&mut members, &galaxies);
                self.refer(&mut members);
                objects.push(Value::Object(members));
            }
        }
    }

    fn dress(&self, members: &mut Properties, galaxies: &impl Fn(&BTreeSet<String>) -> Vec<Value>) {
        self.times(members);
        self.hang(members, galaxies);
    }

    fn times(&self, members: &mut Properties) {
        if let Some(timestamp) = self.times.timestamp {
            put(members, "timestamp", timestamp.to_string());
        }
        if let Some((first, last)) = &self.times.seen {
            put(members, "first_seen", first.as_str());
            put(members, "last_seen", last.as_str());
        }
        let mut comments: Vec<String> = Vec::new();
        comments.extend(members.get("comment").and_then(text_of_value));
        comments.extend(self.comments.iter().cloned());
        if !comments.is_empty() {
            put(members, "comment", comments.join(" - "));
        }
    }

    fn hang(&self, members: &mut Properties, galaxies: &impl Fn(&BTreeSet<String>) -> Vec<Value>) {
        if !self.tags.is_empty() && !members.contains_key("Tag") {
            put(members, "Tag", tag_list(&self.tags));
        }
        let found = galaxies(&self.clusters);
        if !found.is_empty() {
            put(members, "Galaxy", found);
        }
        for (member, remark) in &self.remarks {
            add(members, member, remark.clone());
        }
    }

    fn hang_inside(&self, members: &mut Properties) {
        let Some(list) = members.get_mut("Attribute").and_then(Value::as_array_mut) else { return };
        for (uuid, member, remark) in &self.inner {
            let mine = |entry: &&mut Value| entry.get("uuid").is_some_and(|held| held == uuid);
            if let Some(entry) = list.iter_mut().find(mine).and_then(Value::as_object_mut) {
                add(entry, member, remark.clone());
            }
        }
    }

    fn refer(&self, members: &mut Properties) {
        let references = self.references.iter().map(|(target, kind)| {
            json!({
                "uuid": derived(self.uuid, &format!("{kind} {target}")).to_string(),
                "object_uuid": self.uuid.to_string(),
                "referenced_uuid": target.to_string(),
                "relationship_type": kind,
            })
        });
        let references: Vec<Value> = references.collect();
        if !references.is_empty() {
            put(members, "ObjectReference", references);
        }
    }
}

fn add(members: &mut Properties, member: &str, value: Value) {
    let list = members.entry(member).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.push(value);
    }
}
