//! From an event to STIX objects: one container, its content in order, and what the content refers to.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::{StixObject, format_timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::catalogue::Catalogue;
use super::model::{Attribute, Cluster, Event, Galaxy, Object, Org, Span};
use super::read::derived;
use super::{Problem, Reason, attributes, context, galaxies, objects, own, shown};

/// The label that names the program an event was converted by.
const TOOL: &str = "misp:tool=\"noroshi\"";
/// The label every container carries.
const REPORT: &str = "Threat-Report";
/// Longest text of a label, in bytes.
const LABEL_BYTES_MAX: usize = 1024;

/// What an event became.
pub(super) struct Emitted {
    pub(super) objects: Vec<StixObject>,
    pub(super) problems: Vec<Problem>,
}

/// Properties of one object on its way out.
pub(super) type Properties = Map<String, Value>;

/// What all objects that stand for one entry have in common.
pub(super) struct Badge {
    pub(super) uuid: Uuid,
    pub(super) span: Span,
    pub(super) labels: Vec<String>,
    pub(super) markings: Vec<String>,
    pub(super) confidence: Option<u8>,
    /// The category of an attribute, the meta-category of an object.
    pub(super) phase: String,
    pub(super) comment: Option<String>,
    /// The entry as MISP had it, under the name of its property.
    pub(super) record: (&'static str, Value),
}

/// The ids that stand for an entry, the one others refer to first.
#[derive(Debug, Clone, Default)]
pub(super) struct Stand {
    pub(super) ids: Vec<String>,
    pub(super) indicator: Option<String>,
    pub(super) observed: Option<String>,
}

/// What an entry becomes.
pub(super) enum Shape {
    /// Something seen: observables, and the comparisons of a pattern when it is meant for detection.
    Seen { observables: Vec<Properties>, comparisons: Vec<String> },
    /// Something to look for that has no observable.
    Pattern { comparisons: Vec<String> },
    /// A rule in another language.
    Rule { properties: Properties },
    /// Another domain object; `type` is among the properties.
    Domain { properties: Properties },
    /// No home in STIX.
    Custom,
}

/// Collects the objects of one event.
pub(super) struct Emit<'a> {
    pub(super) event: &'a Event,
    catalogue: &'a Catalogue,
    creator: Option<String>,
    taken: BTreeMap<String, Properties>,
    made: Vec<Properties>,
    refs: Vec<String>,
    pub(super) stands: BTreeMap<Uuid, Stand>,
    markings: BTreeMap<String, String>,
    own_markings: Vec<String>,
    pub(super) container: String,
    problems: Vec<Problem>,
}

/// Converts one event.
pub(super) fn event(event: &Event, catalogue: &Catalogue) -> Emitted {
    let mut emit = Emit::new(event, catalogue);
    for attribute in &event.attributes {
        emit.attribute(attribute);
    }
    let merged = objects::merged(event);
    for object in &event.objects {
        if !merged.contains(&object.uuid) {
            emit.object(object);
        }
    }
    for (object, host) in objects::hosts(event) {
        if let Some(stand) = emit.stands.get(&host).cloned() {
            emit.stands.entry(object).or_insert(stand);
        }
    }
    emit.annotations();
    emit.references();
    for galaxy in &event.galaxies {
        for cluster in &galaxy.clusters {
            emit.cluster(galaxy, cluster);
        }
    }
    context::reports(&mut emit);
    context::event_remarks(&mut emit);
    emit.finish()
}

/// Keeps the first of objects that are the same version of the same thing.
pub(super) fn once(objects: &mut Vec<StixObject>) {
    let mut seen = BTreeSet::new();
    objects.retain(|object| seen.insert((object.id().clone(), object.head().modified)));
}

impl<'a> Emit<'a> {
    fn new(event: &'a Event, catalogue: &'a Catalogue) -> Self {
        let kind = if event.published.is_some() { "report" } else { "grouping" };
        let mut emit = Self {
            event,
            catalogue,
            creator: None,
            taken: BTreeMap::new(),
            made: Vec::new(),
            refs: Vec::new(),
            stands: BTreeMap::new(),
            markings: BTreeMap::new(),
            own_markings: Vec::new(),
            container: format!("{kind}--{}", event.uuid),
            problems: Vec::new(),
        };
        emit.own_markings = emit.markings_of(&event.tags);
        emit.creator = event.maker.as_ref().map(|org| emit.identity(org));
        emit
    }

    /// An organisation as an identity; the same for every event it makes.
    pub(super) fn identity(&mut self, org: &Org) -> String {
        let id = format!("identity--{}", org.uuid);
        let at = format_timestamp(self.event.timestamp);
        let mut properties = Map::new();
        put(&mut properties, "type", "identity");
        put(&mut properties, "spec_version", "2.1");
        put(&mut properties, "id", id.as_str());
        put(&mut properties, "created", at.as_str());
        put(&mut properties, "modified", at);
        put(&mut properties, "name", org.name.as_str());
        put(&mut properties, "identity_class", "organization");
        self.push_shared(properties);
        id
    }

    /// Adds an object that several entries may share: the first one stays.
    fn push_shared(&mut self, properties: Properties) {
        let id = text(&properties, "id").to_owned();
        if let Entry::Vacant(place) = self.taken.entry(id) {
            place.insert(properties.clone());
            self.made.push(properties);
        }
    }

    /// The markings that tags ask for; the Traffic Light Protocol of either version.
    fn markings_of(&mut self, tags: &[String]) -> Vec<String> {
        let mut ids = Vec::new();
        for tag in tags {
            let Some((id, text)) = tlp_marking(tag) else { continue };
            self.markings.insert(id.clone(), text);
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// An entry is marked as it says; when it says nothing, as its event is.
    fn badge(&mut self, uuid: Uuid, span: Span, mut labels: Vec<String>, tags: &[String]) -> Badge {
        let own = self.markings_of(tags);
        labels.extend(labels_of(tags, &BTreeSet::new()));
        Badge {
            uuid,
            span,
            labels,
            markings: if own.is_empty() { self.own_markings.clone() } else { own },
            confidence: confidence_of(tags),
            phase: String::new(),
            comment: None,
            record: ("x_misp_attribute", Value::Null),
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        let labels = vec![
            format!("misp:type=\"{}\"", attribute.kind),
            format!("misp:category=\"{}\"", attribute.category),
        ];
        let mut badge = self.badge(attribute.uuid, attribute.span, labels, &attribute.tags);
        badge.phase.clone_from(&attribute.category);
        badge.comment.clone_from(&attribute.comment);
        badge.record = ("x_misp_attribute", own::attribute_record(attribute));
        let stand = match attributes::shape(attribute) {
            Shape::Custom => self.custom_attribute(attribute, &badge),
            shape => self.shaped(shape, &badge, attribute.to_ids),
        };
        self.surroundings(attribute, &stand);
        self.stands.entry(attribute.uuid).or_insert(stand);
    }

    fn object(&mut self, object: &Object) {
        let labels = vec![
            format!("misp:name=\"{}\"", object.name),
            format!("misp:meta-category=\"{}\"", object.meta),
        ];
        let tags = tags_within(object);
        let mut badge = self.badge(object.uuid, object.span, labels, &tags);
        badge.phase.clone_from(&object.meta);
        badge.comment.clone_from(&object.comment);
        badge.record = ("x_misp_object", own::object_record(object, self.event));
        if object.name == "annotation" {
            self.stands.entry(object.uuid).or_default();
            return;
        }
        let (shape, to_ids) = objects::shape(object, self.event);
        let stand = match shape {
            Shape::Custom => self.custom_object(object, &badge),
            shape => self.shaped(shape, &badge, to_ids),
        };
        for attribute in &object.attributes {
            self.surroundings(attribute, &stand);
            self.stands.entry(attribute.uuid).or_insert_with(|| stand.clone());
        }
        context::remarks(self, &object.remarks, object.uuid, &stand.ids);
        self.stands.insert(object.uuid, stand);
    }

    /// What hangs on an attribute: knowledge, sightings and what analysts wrote.
    fn surroundings(&mut self, attribute: &Attribute, stand: &Stand) {
        for galaxy in &attribute.galaxies {
            for cluster in &galaxy.clusters {
                let target = self.cluster(galaxy, cluster);
                if let Some(source) = stand.ids.first() {
                    let kind = galaxies::relation(source, &target);
                    self.relationship(kind, source, &target, attribute.span.timestamp);
                }
            }
        }
        context::sightings(self, attribute, stand);
        context::remarks(self, &attribute.remarks, attribute.uuid, &stand.ids);
    }

    fn cluster(&mut self, galaxy: &Galaxy, cluster: &Cluster) -> String {
        let published = self.catalogue.find(galaxy, cluster);
        let made = match published {
            Some(_) => None,
            None => Some(galaxies::object(galaxy, cluster, self.event.timestamp)),
        };
        let own = made.as_ref().map(|made| text(made, "id"));
        let id = published.or(own).unwrap_or_default().to_owned();
        if !self.refs.contains(&id) {
            self.refs.push(id.clone());
        }
        if let Some(made) = made {
            self.push_shared(made);
        }
        id
    }

    fn shaped(&mut self, shape: Shape, badge: &Badge, to_ids: bool) -> Stand {
        match shape {
            Shape::Seen { observables, comparisons } => {
                let observed = self.observed(observables, badge);
                let mut stand = Stand {
                    ids: vec![observed.clone()],
                    observed: Some(observed),
                    indicator: None,
                };
                if to_ids && !comparisons.is_empty() {
                    let indicator = self.indicator(stix_pattern(&comparisons), badge, false);
                    if let Some(observed) = &stand.observed {
                        let at = badge.span.timestamp;
                        self.relationship("based-on", &indicator, &observed.clone(), at);
                    }
                    stand.ids.push(indicator.clone());
                    stand.indicator = Some(indicator);
                }
                stand
            }
            Shape::Pattern { comparisons } => {
                let indicator = self.indicator(stix_pattern(&comparisons), badge, true);
                Stand { ids: vec![indicator.clone()], indicator: Some(indicator), observed: None }
            }
            Shape::Rule { properties } => {
                let indicator = self.indicator(properties, badge, true);
                Stand { ids: vec![indicator.clone()], indicator: Some(indicator), observed: None }
            }
            Shape::Domain { mut properties } => {
                let kind = text(&properties, "type").to_owned();
                if let Some(comment) = &badge.comment
                    && !properties.contains_key("description")
                {
                    put(&mut properties, "x_misp_comment", comment.as_str());
                }
                let id = self.domain(&kind, badge, properties, true);
                Stand { ids: vec![id], ..Stand::default() }
            }
            Shape::Custom => Stand::default(),
        }
    }

    /// `observed-data` with what was observed (STIX 2.1 section 4.14).
    fn observed(&mut self, mut observables: Vec<Properties>, badge: &Badge) -> String {
        self.rename(&mut observables);
        let mut ids = Vec::new();
        for mut observable in observables {
            put(&mut observable, "spec_version", "2.1");
            if !badge.markings.is_empty() {
                put(&mut observable, "object_marking_refs", badge.markings.clone());
            }
            let id = text(&observable, "id").to_owned();
            if ids.contains(&id) {
                continue;
            }
            ids.push(id.clone());
            self.refs.push(id);
            self.push_shared(observable);
        }
        let mut properties = Map::new();
        put(&mut properties, "first_observed", format_timestamp(badge.span.first));
        put(&mut properties, "last_observed", format_timestamp(badge.span.last));
        put(&mut properties, "number_observed", 1);
        put(&mut properties, "object_refs", ids);
        self.domain("observed-data", badge, properties, true)
    }

    /// Gives observables another id where theirs is taken by something else.
    fn rename(&mut self, observables: &mut [Properties]) {
        let mut renamed = BTreeMap::new();
        for observable in observables.iter() {
            let id = text(observable, "id").to_owned();
            let same = |held: &Properties| {
                let mut held = held.clone();
                held.remove("spec_version");
                held.remove("object_marking_refs");
                held == *observable
            };
            if self.taken.get(&id).is_some_and(|held| !same(held)) {
                let free = self.free(text(observable, "type"), &id);
                renamed.insert(id, free);
            }
        }
        if !renamed.is_empty() {
            for observable in observables {
                for value in observable.values_mut() {
                    rename_in(value, &renamed);
                }
            }
        }
    }

    /// An id of the type that is not taken yet.
    fn free(&self, kind: &str, id: &str) -> String {
        let mut free = id.to_owned();
        let mut turn = 1_u32;
        while self.taken.contains_key(&free) {
            free = format!("{kind}--{}", derived(self.event.uuid, &format!("{id} {turn}")));
            turn = turn.saturating_add(1);
        }
        free
    }

    fn indicator(&mut self, mut properties: Properties, badge: &Badge, alone: bool) -> String {
        put(&mut properties, "valid_from", format_timestamp(badge.span.first));
        put(
            &mut properties,
            "kill_chain_phases",
            json!([
                { "kill_chain_name": "misp-category", "phase_name": badge.phase }
            ]),
        );
        if let Some(comment) = &badge.comment
            && !properties.contains_key("description")
        {
            put(&mut properties, "description", comment.as_str());
        }
        self.domain("indicator", badge, properties, alone)
    }

    /// Adds a domain object; `recorded` says whether it carries the entry as MISP had it.
    fn domain(
        &mut self,
        kind: &str,
        badge: &Badge,
        mut properties: Properties,
        recorded: bool,
    ) -> String {
        let wanted = format!("{kind}--{}", badge.uuid);
        let id = self.free(kind, &wanted);
        if id != wanted {
            let place = format!("{kind}/{}", badge.uuid);
            let uuid = Some(badge.uuid.to_string());
            let reason = Reason::UuidTwice(badge.uuid.to_string());
            self.problems.push(Problem { place, bytes: None, uuid, reason });
        }
        put(&mut properties, "type", kind);
        put(&mut properties, "id", id.as_str());
        if let Some(creator) = &self.creator {
            put(&mut properties, "created_by_ref", creator.as_str());
        }
        if !badge.labels.is_empty() {
            put(&mut properties, "labels", badge.labels.clone());
        }
        if !badge.markings.is_empty() {
            put(&mut properties, "object_marking_refs", badge.markings.clone());
        }
        if let Some(confidence) = badge.confidence {
            put(&mut properties, "confidence", confidence);
        }
        if badge.span.deleted {
            put(&mut properties, "revoked", true);
        }
        if recorded && !badge.record.1.is_null() {
            put(&mut properties, badge.record.0, badge.record.1.clone());
        }
        versioned(&mut properties, badge.span.timestamp);
        self.refs.push(id.clone());
        self.taken.insert(id.clone(), properties.clone());
        self.made.push(properties);
        id
    }

    /// Adds an object whose properties, id and all, are known.
    pub(super) fn add(&mut self, mut properties: Properties) -> String {
        let kind = text(&properties, "type").to_owned();
        let id = self.free(&kind, text(&properties, "id"));
        put(&mut properties, "id", id.as_str());
        put(&mut properties, "spec_version", "2.1");
        if !self.own_markings.is_empty() && !properties.contains_key("object_marking_refs") {
            put(&mut properties, "object_marking_refs", self.own_markings.clone());
        }
        self.refs.push(id.clone());
        self.taken.insert(id.clone(), properties.clone());
        self.made.push(properties);
        id
    }

    /// The creator of the event, for objects that analysts wrote.
    pub(super) fn creator(&self) -> Option<&str> {
        self.creator.as_deref()
    }

    pub(super) fn relationship(&mut self, kind: &str, source: &str, target: &str, at: Timestamp) {
        let what = format!("{source} {kind} {target}");
        let id = format!("relationship--{}", derived(self.event.uuid, &what));
        if !self.taken.contains_key(&id) {
            self.add(relationship(&id, kind, source, target, at));
        }
    }

    fn custom_attribute(&mut self, attribute: &Attribute, badge: &Badge) -> Stand {
        let mut properties = Map::new();
        put(&mut properties, "x_misp_type", attribute.kind.as_str());
        put(&mut properties, "x_misp_category", attribute.category.as_str());
        put(&mut properties, "x_misp_value", attribute.value.as_str());
        if let Some(comment) = &attribute.comment {
            put(&mut properties, "x_misp_comment", comment.as_str());
        }
        if let Some(data) = &attribute.data {
            put(&mut properties, "x_misp_data", data.as_str());
        }
        let id = self.domain("x-misp-attribute", badge, properties, true);
        Stand { ids: vec![id], ..Stand::default() }
    }

    fn custom_object(&mut self, object: &Object, badge: &Badge) -> Stand {
        let mut properties = Map::new();
        put(&mut properties, "x_misp_name", object.name.as_str());
        put(&mut properties, "x_misp_meta_category", object.meta.as_str());
        if let Some(comment) = &object.comment {
            put(&mut properties, "x_misp_comment", comment.as_str());
        }
        put(&mut properties, "x_misp_attributes", objects::custom_attributes(object));
        let id = self.domain("x-misp-object", badge, properties, true);
        Stand { ids: vec![id], ..Stand::default() }
    }

    /// Notes that were kept as objects; they stand after what they are about.
    fn annotations(&mut self) {
        let event = self.event;
        for object in event.objects.iter().filter(|object| object.name == "annotation") {
            let about: Vec<String> = object
                .references
                .iter()
                .filter_map(|reference| self.stands.get(&reference.target))
                .flat_map(|stand| stand.ids.clone())
                .collect();
            let tags = tags_within(object);
            let labels = vec![
                format!("misp:name=\"{}\"", object.name),
                format!("misp:meta-category=\"{}\"", object.meta),
            ];
            let mut badge = self.badge(object.uuid, object.span, labels, &tags);
            badge.record = ("x_misp_object", own::object_record(object, event));
            let stand = match objects::annotation(object, about, &self.container) {
                Some(properties) => {
                    let id = self.domain("note", &badge, properties, true);
                    Stand { ids: vec![id], ..Stand::default() }
                }
                None => self.custom_object(object, &badge),
            };
            self.stands.insert(object.uuid, stand);
        }
    }

    /// References between objects, as far as both ends are in the event.
    fn references(&mut self) {
        let event = self.event;
        let folded = objects::folded(event);
        for object in &event.objects {
            for reference in &object.references {
                let noted = object.name == "annotation";
                if noted || folded.contains(&(object.uuid, reference.target)) {
                    continue;
                }
                let end = |uuid: &Uuid| {
                    self.stands.get(uuid).and_then(|stand| stand.ids.first()).cloned()
                };
                let (source, target) = (end(&object.uuid), end(&reference.target));
                let (Some(source), Some(target)) = (source, target) else { continue };
                let id = format!("relationship--{}", reference.uuid);
                let kind = slug(&reference.kind);
                let at = object.span.timestamp;
                let mut properties = relationship(&id, &kind, &source, &target, at);
                if let Some(comment) = &reference.comment {
                    put(&mut properties, "description", comment.as_str());
                }
                self.add(properties);
            }
        }
    }

    fn finish(mut self) -> Emitted {
        if self.refs.is_empty() {
            context::nothing_in_it(&mut self);
        }
        let container = self.container();
        let mut ordered: Vec<Properties> = Vec::with_capacity(self.made.len().saturating_add(1));
        let creator = self.creator.clone().unwrap_or_default();
        let (first, rest): (Vec<_>, Vec<_>) =
            self.made.drain(..).partition(|object| text(object, "id") == creator);
        ordered.extend(first);
        ordered.push(container);
        ordered.extend(rest);
        let mut objects = Vec::with_capacity(ordered.len());
        for mut properties in ordered {
            properties.retain(|_, value| holds(value));
            let canonical = serde_json_canonicalizer::to_string(&Value::Object(properties.clone()));
            match StixObject::parse(&canonical.unwrap_or_default()) {
                Ok(object) => objects.push(object),
                Err(reason) => {
                    let id = text(&properties, "id").to_owned();
                    let uuid = id.rsplit_once("--").map(|(_, uuid)| uuid.to_owned());
                    let reason = Reason::Stix(reason);
                    self.problems.push(Problem { place: id, bytes: None, uuid, reason });
                }
            }
        }
        let markings = self.markings.values().filter_map(|text| StixObject::parse(text).ok());
        objects.extend(markings);
        Emitted { objects, problems: self.problems }
    }

    /// The `report` of a published event, the `grouping` of one that is not.
    fn container(&mut self) -> Properties {
        let event = self.event;
        let mut properties = Map::new();
        let kind = if event.published.is_some() { "report" } else { "grouping" };
        put(&mut properties, "type", kind);
        put(&mut properties, "id", self.container.as_str());
        put(&mut properties, "name", event.info.as_str());
        match event.published {
            Some(at) => put(&mut properties, "published", format_timestamp(at)),
            None => put(&mut properties, "context", "suspicious-activity"),
        }
        let mut refs = BTreeSet::new();
        self.refs.retain(|id| refs.insert(id.clone()));
        put(&mut properties, "object_refs", self.refs.clone());
        let mut labels = vec![REPORT.to_owned(), TOOL.to_owned()];
        labels.extend(labels_of(&event.tags, &galaxies::tag_names(&event.galaxies)));
        put(&mut properties, "labels", labels);
        if let Some(creator) = &self.creator {
            put(&mut properties, "created_by_ref", creator.as_str());
        }
        if !self.own_markings.is_empty() {
            put(&mut properties, "object_marking_refs", self.own_markings.clone());
        }
        if let Some(confidence) = confidence_of(&event.tags) {
            put(&mut properties, "confidence", confidence);
        }
        put(&mut properties, "x_misp_event", own::event_record(event));
        versioned(&mut properties, event.timestamp);
        properties
    }
}

/// A pattern in the language of the standard.
fn stix_pattern(comparisons: &[String]) -> Properties {
    let mut properties = Map::new();
    put(&mut properties, "pattern", format!("[{}]", comparisons.join(" AND ")));
    put(&mut properties, "pattern_type", "stix");
    put(&mut properties, "pattern_version", "2.1");
    properties
}

/// A relationship of the standard (section 5.1).
pub(super) fn relationship(
    id: &str,
    kind: &str,
    source: &str,
    target: &str,
    at: Timestamp,
) -> Properties {
    let mut properties = Map::new();
    put(&mut properties, "type", "relationship");
    put(&mut properties, "id", id);
    put(&mut properties, "relationship_type", kind);
    put(&mut properties, "source_ref", source);
    put(&mut properties, "target_ref", target);
    versioned(&mut properties, at);
    properties
}

/// Adds what every object with versions carries (section 3.2).
pub(super) fn versioned(properties: &mut Properties, at: Timestamp) {
    put(properties, "spec_version", "2.1");
    put(properties, "created", format_timestamp(at));
    put(properties, "modified", format_timestamp(at));
}

/// Sets a property.
pub(super) fn put(properties: &mut Properties, name: &str, value: impl Into<Value>) {
    properties.insert(name.to_owned(), value.into());
}

/// A property that is text; empty if it is not there.
pub(super) fn text<'a>(properties: &'a Properties, name: &str) -> &'a str {
    properties.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a value says something, after taking out what says nothing: section 2 of the standard knows
/// neither empty lists nor absent values.
fn holds(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(entries) => {
            entries.retain_mut(holds);
            !entries.is_empty()
        }
        Value::Object(members) => {
            members.retain(|_, member| holds(member));
            true
        }
        _ => true,
    }
}

fn rename_in(value: &mut Value, renamed: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(name) = renamed.get(text.as_str()) {
                text.clone_from(name);
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| rename_in(entry, renamed)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| rename_in(member, renamed));
        }
        _ => {}
    }
}

/// Tags of all attributes of an object, each once.
fn tags_within(object: &Object) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in object.attributes.iter().flat_map(|attribute| &attribute.tags) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags
}

/// Tags that are neither a marking nor say what a galaxy says.
fn labels_of(tags: &[String], known: &BTreeSet<String>) -> Vec<String> {
    tags.iter()
        .filter(|tag| tlp_marking(tag).is_none() && !known.contains(*tag))
        .filter(|tag| tag.len() <= LABEL_BYTES_MAX)
        .cloned()
        .collect()
}

/// The marking a tag asks for, and its text. Version 1 of the protocol knew white; clear and strict came with 2.
pub(super) fn tlp_marking(tag: &str) -> Option<(String, String)> {
    let name = tag.trim().to_ascii_lowercase();
    let colour = name.strip_prefix("tlp:")?;
    // STIX 2.1 §7.2.1.4 fixes ids and texts of version 1.
    let uuid = match colour {
        "white" => "613f2e26-407d-48c7-9eca-b8e91df99dc9",
        "green" => "34098fce-860f-48ae-8e50-ebd3cc5e41da",
        "amber" => "f88d31f6-486f-44da-b317-01333bde0b82",
        "red" => "5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
        "clear" | "amber+strict" => {
            let tlp = Tlp::from_label(colour)?;
            return Some((tlp.marking_id().to_string(), tlp.marking_text()));
        }
        _ => return None,
    };
    let id = format!("marking-definition--{uuid}");
    let definition = json!({
        "type": "marking-definition", "spec_version": "2.1", "id": id,
        "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp",
        "name": format!("TLP:{}", colour.to_ascii_uppercase()), "definition": { "tlp": colour },
    });
    Some((id, serde_json_canonicalizer::to_string(&definition).unwrap_or_default()))
}

/// The confidence that MISP's own words ask for; the least of several.
fn confidence_of(tags: &[String]) -> Option<u8> {
    let words = tags
        .iter()
        .filter_map(|tag| tag.strip_prefix("misp:confidence-level=\"")?.strip_suffix('"'));
    words
        .filter_map(|word| match word {
            "completely-confident" => Some(100),
            "usually-confident" => Some(75),
            "fairly-confident" => Some(50),
            "rarely-confident" => Some(25),
            "unconfident" => Some(0),
            _ => None,
        })
        .min()
}

/// A relationship type as the standard wants it: lower-case letters, digits and hyphens.
fn slug(kind: &str) -> String {
    let slug: String = shown(kind)
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let slug = slug.trim_matches('-').to_owned();
    if slug.is_empty() { "related-to".to_owned() } else { slug }
}
