//! From a bundle to events: what this house sent out comes back as it was, what others wrote is read by tables.

mod indicators;
mod knowledge;
mod observables;
mod tables;
mod unit;

use std::collections::{BTreeMap, BTreeSet};

use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::StixObject;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::knowledge::Cluster;
use self::unit::{Body, Times, Unit};
use super::emit::{Properties, put};
use super::own::{self, Contents, tag_list, texts};
use super::read::{derived, text_of_value};
use super::{Events, Problem, Reason, shown};

/// The objects of a bundle, found by their ids.
pub(super) struct Bundle<'a> {
    objects: Vec<(&'a StixObject, Value)>,
    index: BTreeMap<String, usize>,
    /// Which objects refer to an id, as positions.
    back: BTreeMap<String, Vec<usize>>,
}

impl<'a> Bundle<'a> {
    fn of(objects: &'a [StixObject]) -> Self {
        let objects: Vec<_> = objects.iter().map(|object| (object, object.to_value())).collect();
        let mut index: BTreeMap<String, usize> = BTreeMap::new();
        let mut back: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, (object, _)) in objects.iter().enumerate() {
            // Of several versions the latest one speaks.
            let held = index.get(object.id().as_str()).and_then(|held| objects.get(*held));
            if held.is_none_or(|(held, _)| held.head().modified <= object.head().modified) {
                index.insert(object.id().to_string(), at);
            }
            for (_, target) in object.references() {
                back.entry(target.to_string()).or_default().push(at);
            }
        }
        Self { objects, index, back }
    }

    fn entry(&self, id: &str) -> Option<&(&'a StixObject, Value)> {
        self.objects.get(*self.index.get(id)?)
    }

    fn value(&self, id: &str) -> Option<&Value> {
        self.entry(id).map(|(_, value)| value)
    }

    fn uuid_of(&self, id: &str) -> Option<Uuid> {
        self.entry(id).map(|(object, _)| object.id().uuid())
    }

    /// The objects that refer to this id.
    fn referring(&self, id: &str) -> impl Iterator<Item = (&'a StixObject, &Value)> {
        let found = self.back.get(id).into_iter().flatten();
        found.filter_map(|at| self.objects.get(*at)).map(|(object, value)| (*object, value))
    }
}

/// One event for each container, or one for all.
pub(super) fn events(objects: &[StixObject]) -> Events {
    let bundle = Bundle::of(objects);
    let current = |(at, (object, _)): (usize, &(&StixObject, Value))| {
        (bundle.index.get(object.id().as_str()) == Some(&at)).then_some(at)
    };
    let current: Vec<usize> = bundle.objects.iter().enumerate().filter_map(current).collect();
    let is_container = |at: &usize| {
        let object = bundle.objects.get(*at).map(|(object, _)| object.object_type());
        matches!(object, Some("report" | "grouping"))
    };
    let containers: Vec<usize> = current.iter().copied().filter(is_container).collect();
    let mut placed: BTreeSet<usize> = containers.iter().copied().collect();
    let mut scopes: Vec<(Option<usize>, BTreeSet<usize>)> = Vec::new();
    for container in &containers {
        let mut scope = BTreeSet::new();
        let held = bundle.objects.get(*container).map(|(_, value)| texts(value.get("object_refs")));
        for id in held.unwrap_or_default() {
            scope.extend(bundle.index.get(&id).filter(|at| !is_container(at)));
        }
        placed.extend(scope.iter());
        scopes.push((Some(*container), scope));
    }
    if scopes.is_empty() {
        scopes.push((None, BTreeSet::new()));
    }
    // What no container names belongs to the first.
    if let Some((_, scope)) = scopes.first_mut() {
        scope.extend(current.iter().filter(|at| !placed.contains(at)));
    }
    let contents = Contents::of(bundle.objects.iter().map(|(object, value)| (*object, value)));
    let mut made = Events::default();
    for (container, scope) in scopes {
        if container.is_none() && scope.is_empty() {
            continue;
        }
        let mut event = Making::new(&bundle, container, scope);
        event.fill(&contents);
        let (event, problems) = event.write();
        made.events.push(event);
        made.problems.extend(problems);
    }
    made
}

/// An event while it is put together.
struct Making<'a> {
    bundle: &'a Bundle<'a>,
    container: Option<usize>,
    scope: BTreeSet<usize>,
    units: Vec<Unit>,
    /// Which units an id stands for, as positions.
    stands: BTreeMap<String, Vec<usize>>,
    clusters: BTreeMap<String, Cluster>,
    /// Where the knowledge of each uuid stands among the objects of the bundle.
    told_by: BTreeMap<&'a str, Vec<usize>>,
    /// Knowledge that hangs on something.
    hung: BTreeSet<String>,
    reports: Vec<Value>,
    remarks: Vec<(&'static str, Value)>,
    problems: Vec<Problem>,
}

impl<'a> Making<'a> {
    fn new(bundle: &'a Bundle<'a>, container: Option<usize>, scope: BTreeSet<usize>) -> Self {
        let mut told_by: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for at in &scope {
            let value = bundle.objects.get(*at).map(|(_, value)| value);
            let cluster =
                value.and_then(|value| value.get("x_misp_cluster")?.get("uuid")?.as_str());
            if let Some(uuid) = cluster {
                told_by.entry(uuid).or_default().push(*at);
            }
        }
        Self {
            bundle,
            container,
            scope,
            units: Vec::new(),
            stands: BTreeMap::new(),
            clusters: BTreeMap::new(),
            told_by,
            hung: BTreeSet::new(),
            reports: Vec::new(),
            remarks: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn each(&self) -> Vec<(&'a StixObject, &'a Value)> {
        let bundle = self.bundle;
        self.scope
            .iter()
            .filter_map(|at| bundle.objects.get(*at))
            .map(|(object, value)| (*object, value))
            .collect()
    }

    fn fill(&mut self, contents: &Contents) {
        let all = self.each();
        let mut told: BTreeSet<String> = BTreeSet::new();
        for (object, value) in &all {
            if self.restore(object, value, contents) {
                told.insert(object.id().to_string());
                told.extend(
                    texts(value.get("object_refs"))
                        .into_iter()
                        .filter(|_| object.object_type() == "observed-data"),
                );
            }
        }
        let within = observables::within_others(self.bundle);
        for (object, value) in &all {
            let id = object.id().as_str();
            let family = noroshi_evidence::object::Family::of_standard_type(object.object_type());
            let seen = family == Some(noroshi_evidence::object::Family::Observable);
            if seen && !told.contains(id) && !within.contains(id) {
                self.observable(object, value);
            }
        }
        self.observations(&all);
        for (object, value) in &all {
            let id = object.id().as_str();
            let own = told.contains(id) || self.stands.contains_key(id);
            if object.object_type() == "indicator" && !own {
                self.indicator(object, value);
            }
        }
        for (object, value) in &all {
            if !told.contains(object.id().as_str()) {
                self.known(object, value);
            }
        }
        for (object, value) in all.iter().filter(|(object, _)| !told.contains(object.id().as_str()))
        {
            self.about(object, value);
        }
        self.description();
    }

    /// What a container says of itself is a report of the event.
    fn description(&mut self) {
        let Some((object, value)) = self.container.and_then(|at| self.bundle.objects.get(at))
        else {
            return;
        };
        let words =
            value.get("description").and_then(Value::as_str).filter(|words| !words.is_empty());
        if let (Some(words), None) = (words, self.record()) {
            let at = object.head().modified.map(jiff::Timestamp::as_second).unwrap_or_default();
            self.reports.push(json!({
                "uuid": derived(object.id().uuid(), "description").to_string(),
                "name": format!("STIX 2.1 {}", object.object_type()), "content": words,
                "timestamp": at.to_string(), "distribution": "5",
            }));
        }
    }

    fn push(&mut self, id: &str, units: Vec<Unit>) {
        for unit in units {
            let at = self.units.len();
            self.stands.entry(id.to_owned()).or_default().push(at);
            self.units.push(unit);
        }
    }

    /// An entry that carries its record comes back as it was.
    fn restore(&mut self, object: &StixObject, value: &Value, contents: &Contents) -> bool {
        let uuid = object.id().uuid();
        let record = |name: &str| value.get(name).and_then(Value::as_object);
        if let Some(record) = record("x_misp_attribute") {
            let restored = own::attribute(record, &uuid.to_string(), contents);
            let body = Body::OwnAttribute(restored.members);
            let mut unit = Unit::new(uuid_in(record).unwrap_or(uuid), "own", body);
            unit.clusters.extend(self.ids_of(&restored.clusters));
            self.push_own(object, unit);
            return true;
        }
        let Some(record) = record("x_misp_object") else { return false };
        let mut record = record.clone();
        let parts = record.remove("parts");
        self.own_object(object, &record, contents);
        for part in parts.iter().filter_map(Value::as_array).flatten() {
            if let Some(part) = part.as_object() {
                self.own_object(object, part, contents);
            }
        }
        true
    }

    fn own_object(&mut self, object: &StixObject, record: &Properties, contents: &Contents) {
        let uuid = uuid_in(record).unwrap_or_else(|| object.id().uuid());
        let mut members = record.clone();
        let attributes = members.remove("attributes");
        let references = members.remove("references");
        let mut written = Vec::new();
        let mut clusters = BTreeSet::new();
        for entry in attributes.iter().filter_map(Value::as_array).flatten() {
            let Some(entry) = entry.as_object() else { continue };
            let restored = own::attribute(entry, &uuid.to_string(), contents);
            let mut attribute = restored.members;
            let ids = self.ids_of(&restored.clusters);
            let galaxies = self.galaxies_of(&ids);
            if !galaxies.is_empty() {
                put(&mut attribute, "Galaxy", galaxies);
            }
            clusters.extend(ids);
            written.push(Value::Object(attribute));
        }
        self.hung.extend(clusters);
        put(&mut members, "Attribute", written);
        if let Some(references) = references {
            put(&mut members, "ObjectReference", references);
        }
        self.push_own(object, Unit::new(uuid, "own", Body::OwnObject(members)));
    }

    /// The object itself, its indicator and what was observed all stand for the entry.
    fn push_own(&mut self, object: &StixObject, unit: Unit) {
        let at = self.units.len();
        self.hung.extend(unit.clusters.iter().cloned());
        let indicator = format!("indicator--{}", object.id().uuid());
        for id in [object.id().to_string(), indicator] {
            self.stands.entry(id).or_default().push(at);
        }
        self.units.push(unit);
    }

    /// The ids of the knowledge of these uuids; the knowledge is read as it is asked for.
    fn ids_of(&mut self, uuids: &[String]) -> BTreeSet<String> {
        let told = uuids.iter().filter_map(|uuid| self.told_by.get(uuid.as_str())).flatten();
        let places: BTreeSet<usize> = told.copied().collect();
        let mut ids = BTreeSet::new();
        for (object, value) in places.into_iter().filter_map(|at| self.bundle.objects.get(at)) {
            self.learn(object, value);
            ids.insert(object.id().to_string());
        }
        ids
    }

    fn learn(&mut self, object: &StixObject, value: &Value) -> bool {
        let id = object.id().to_string();
        if self.clusters.contains_key(&id) {
            return true;
        }
        let source = value.get("created_by_ref").and_then(Value::as_str);
        let source = source.and_then(|id| self.bundle.value(id)?.get("name")?.as_str());
        let Some(cluster) = knowledge::cluster(object, value, source) else { return false };
        self.clusters.insert(id, cluster);
        true
    }

    fn observable(&mut self, object: &StixObject, value: &Value) {
        let uuid = object.id().uuid();
        let mut units = observables::units(object.id().as_str(), value, uuid, self.bundle);
        if units.is_empty() {
            self.no_place(object);
            return;
        }
        let tags = self.tags(value);
        for unit in &mut units {
            unit.tags.clone_from(&tags);
        }
        self.push(object.id().as_str(), units);
    }

    /// When and how often things were seen.
    fn observations(&mut self, all: &[(&StixObject, &Value)]) {
        for (object, value) in all {
            if object.object_type() != "observed-data"
                || value.get("x_misp_attribute").is_some()
                || value.get("x_misp_object").is_some()
            {
                continue;
            }
            let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
            let (first, last) = (text("first_observed"), text("last_observed"));
            let seen = (first != last).then(|| (observables::time(first), observables::time(last)));
            let timestamp = object.head().modified.map(jiff::Timestamp::as_second);
            for id in texts(value.get("object_refs")) {
                for at in self.stands.get(&id).cloned().unwrap_or_default() {
                    let Some(unit) = self.units.get_mut(at) else { continue };
                    if unit.times.timestamp.is_none() {
                        unit.times = Times { timestamp, seen: seen.clone() };
                    }
                    unit.comments.push(format!("Observed Data ID: {}", object.id()));
                    let stands = self.stands.entry(object.id().to_string()).or_default();
                    if !stands.contains(&at) {
                        stands.push(at);
                    }
                }
            }
        }
    }

    /// An indicator of what was observed marks it; one of what was not stands for itself.
    fn indicator(&mut self, object: &StixObject, value: &Value) {
        let mut sought = indicators::read(value, object.id().uuid());
        let wanted: BTreeSet<String> = sought
            .units
            .iter()
            .flat_map(|unit| unit.entries().iter().map(|entry| entry.value.to_lowercase()))
            .collect();
        let mut found = Vec::new();
        for (at, unit) in self.units.iter().enumerate() {
            let held: BTreeSet<String> =
                unit.entries().iter().map(|entry| entry.value.to_lowercase()).collect();
            let apt = sought.types.contains(&unit.of) && unit.of != "indicator";
            if apt && !wanted.is_empty() && wanted.is_subset(&held) {
                found.push(at);
            }
        }
        let id = object.id().to_string();
        for at in &found {
            let Some(unit) = self.units.get_mut(*at) else { continue };
            let is_object = unit.is_object();
            for entry in unit.entries_mut() {
                if wanted.contains(&entry.value.to_lowercase()) {
                    entry.to_ids = true;
                    let comment = format!("Indicator ID: {id}");
                    entry.comment = Some(comment).filter(|_| is_object);
                }
            }
            if !is_object {
                unit.comments.insert(0, format!("Indicator ID: {id}"));
            }
            self.stands.entry(id.clone()).or_default().push(*at);
        }
        if !found.is_empty() {
            return;
        }
        let tags = self.tags(value);
        let words = ["description", "name"].iter().find_map(|name| value.get(name)?.as_str());
        for unit in &mut sought.units {
            unit.tags.clone_from(&tags);
            unit.times.timestamp = object.head().modified.map(jiff::Timestamp::as_second);
        }
        if let (Some(unit), Some(words)) = (sought.units.first_mut(), words) {
            unit.comments.push(words.to_owned());
        }
        self.push(&id, sought.units);
    }

    /// Knowledge, templates, and what has no place.
    fn known(&mut self, object: &StixObject, value: &Value) {
        let kind = object.object_type();
        let bundle = self.bundle;
        let made = bundle.back.contains_key(object.id().as_str());
        match kind {
            // Whoever made the objects is told as their maker.
            "identity" if made && !self.named(object) => {}
            "report" | "grouping" | "observed-data" | "indicator" | "relationship" | "sighting"
            | "note" | "opinion" => {}
            "marking-definition" => {
                if tag_of(object.id().as_str(), Some(value)).is_none() {
                    self.no_place(object);
                }
            }
            _ if self.learn(object, value) => {}
            _ => match knowledge::unit(object, value, bundle) {
                Some(mut unit) => {
                    unit.tags = self.tags(value);
                    unit.times.timestamp = object.head().modified.map(jiff::Timestamp::as_second);
                    self.push(object.id().as_str(), vec![unit]);
                }
                None if self.stands.contains_key(object.id().as_str()) => {}
                None if noroshi_evidence::object::Family::of_standard_type(kind)
                    == Some(noroshi_evidence::object::Family::Observable) => {}
                None => self.no_place(object),
            },
        }
    }

    /// Whether the container itself names the object.
    fn named(&self, object: &StixObject) -> bool {
        let held = self.container.and_then(|at| self.bundle.objects.get(at));
        held.is_some_and(|(_, value)| {
            texts(value.get("object_refs")).iter().any(|id| id == object.id().as_str())
        })
    }

    fn no_place(&mut self, object: &StixObject) {
        let place = object.id().to_string();
        let uuid = Some(object.id().uuid().to_string());
        let reason = Reason::NoPlace(shown(object.object_type()));
        self.problems.push(Problem { place, bytes: None, uuid, reason });
    }

    /// What is said about other objects.
    fn about(&mut self, object: &StixObject, value: &Value) {
        match object.object_type() {
            "relationship" => self.relationship(value),
            "sighting" => self.sighting(object, value),
            "note" | "opinion" => self.remark(object, value),
            _ => {}
        }
    }

    fn relationship(&mut self, value: &Value) {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let (source, target) = (text("source_ref"), text("target_ref"));
        let kind = text("relationship_type");
        let from = self.stands.get(source).and_then(|units| units.first()).copied();
        let to = self.stands.get(target).and_then(|units| units.first()).copied();
        match (from, to) {
            (Some(from), _) if self.clusters.contains_key(target) => self.hang(from, target),
            (_, Some(to)) if self.clusters.contains_key(source) => self.hang(to, source),
            (Some(from), Some(to)) if from != to => {
                let target = self.units.get(to).map(|unit| unit.uuid);
                if let (Some(unit), Some(target)) = (self.units.get_mut(from), target)
                    && unit.is_object()
                    && !unit.is_own()
                {
                    unit.references.push((target, kind.to_owned()));
                }
            }
            (None, None) => self.related(source, target, kind),
            _ => {}
        }
    }

    fn hang(&mut self, at: usize, cluster: &str) {
        self.hung.insert(cluster.to_owned());
        if let Some(unit) = self.units.get_mut(at)
            && !unit.is_own()
        {
            unit.clusters.insert(cluster.to_owned());
        }
    }

    /// A relationship between two pieces of knowledge.
    fn related(&mut self, source: &str, target: &str, kind: &str) {
        let uuid_of = |cluster: &Cluster| cluster.members.get("uuid").cloned().unwrap_or_default();
        let Some(other) = self.clusters.get(target).map(uuid_of) else { return };
        let Some(cluster) = self.clusters.get_mut(source) else { return };
        let mine = uuid_of(cluster);
        let entry = json!({
            "galaxy_cluster_uuid": mine, "referenced_galaxy_cluster_uuid": other,
            "referenced_galaxy_cluster_type": kind, "distribution": "0",
        });
        let list = cluster.members.entry("GalaxyClusterRelation").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(entry);
        }
    }

    fn sighting(&mut self, object: &StixObject, value: &Value) {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let last = object.head().modified.map(jiff::Timestamp::as_second).unwrap_or_default();
        let at = super::read::time_of(text("last_seen")).map_or(last, jiff::Timestamp::as_second);
        let seen_by = texts(value.get("where_sighted_refs"));
        let mut entry = Map::new();
        put(&mut entry, "uuid", object.id().uuid().to_string());
        put(&mut entry, "date_sighting", at.to_string());
        put(&mut entry, "type", "0");
        if let Some(org) = seen_by.first().and_then(|id| self.organisation(id)) {
            put(&mut entry, "Organisation", org);
        }
        let about = [text("sighting_of_ref")].map(str::to_owned);
        let whose = value.pointer("/x_misp_sighting/attribute_uuid").and_then(Value::as_str);
        self.say("Sighting", Value::Object(entry), &about, whose);
    }

    fn organisation(&self, id: &str) -> Option<Value> {
        let value = self.bundle.value(id)?;
        let name = value.get("name")?.as_str()?;
        let uuid = self.bundle.uuid_of(id)?;
        Some(json!({ "uuid": uuid.to_string(), "name": name }))
    }

    fn remark(&mut self, object: &StixObject, value: &Value) {
        let text = |name: &str| value.get(name).and_then(text_of_value).unwrap_or_default();
        let about = texts(value.get("object_refs"));
        let labels = texts(value.get("labels"));
        if labels.iter().any(|label| label == "misp:empty") {
            return;
        }
        if let Some(said) = value.get("x_misp_sighting").and_then(Value::as_object) {
            let mut entry = said.clone();
            let whose = entry.remove("attribute_uuid").and_then(|uuid| text_of_value(&uuid));
            put(&mut entry, "uuid", object.id().uuid().to_string());
            if let Some(org) = self.organisation(&text("x_misp_author_ref")) {
                put(&mut entry, "Organisation", org);
            }
            self.say("Sighting", Value::Object(entry), &about, whose.as_deref());
            return;
        }
        let modified = object.head().modified.map(jiff::Timestamp::as_second).unwrap_or_default();
        if labels.iter().any(|label| label == "misp:data-layer=\"Event Report\"") {
            self.reports.push(json!({
                "uuid": object.id().uuid().to_string(), "name": text("abstract"),
                "content": text("content"), "timestamp": modified.to_string(),
                "distribution": "5", "deleted": object.head().revoked,
            }));
            return;
        }
        let mut entry = Map::new();
        put(&mut entry, "uuid", object.id().uuid().to_string());
        put(&mut entry, "authors", texts(value.get("authors")).join(", "));
        put(&mut entry, "created", day_and_time(&text("created")));
        put(&mut entry, "modified", day_and_time(&text("modified")));
        let member = if object.object_type() == "note" {
            put(&mut entry, "note", text("content"));
            let language =
                if text("lang").is_empty() { text("x_misp_language") } else { text("lang") };
            put(&mut entry, "language", language);
            "Note"
        } else {
            put(&mut entry, "opinion", degree(&text("opinion"), value.get("x_misp_opinion")));
            put(&mut entry, "comment", text("explanation"));
            "Opinion"
        };
        let whose = value.get("x_misp_object_uuid").and_then(Value::as_str);
        self.say(member, Value::Object(entry), &about, whose);
    }

    /// Puts a remark where it belongs: to the value it was made about, the entry, a report, or the event.
    fn say(
        &mut self,
        member: &'static str,
        mut remark: Value,
        about: &[String],
        whose: Option<&str>,
    ) {
        let found = about.iter().find_map(|id| self.stands.get(id)?.first().copied());
        let report = self
            .reports
            .iter_mut()
            .find(|report| whose.is_some() && report.get("uuid").and_then(Value::as_str) == whose);
        if let Some(report) = report.and_then(Value::as_object_mut) {
            finish_remark(&mut remark, whose.unwrap_or_default(), "EventReport");
            let list = report.entry(member).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(remark);
            }
            return;
        }
        let Some(unit) = found.and_then(|at| self.units.get_mut(at)) else {
            let uuid = self.event_uuid().to_string();
            if member != "Sighting" {
                finish_remark(&mut remark, &uuid, "Event");
                self.remarks.push((member, remark));
            }
            return;
        };
        let kind = if unit.is_object() { "Object" } else { "Attribute" };
        let own = unit.uuid.to_string();
        if let Some(uuid) = whose.filter(|uuid| *uuid != own && unit.is_own()) {
            finish_remark(&mut remark, uuid, "Attribute");
            unit.inner.push((uuid.to_owned(), member, remark));
        } else {
            finish_remark(&mut remark, &own, kind);
            unit.remarks.push((member, remark));
        }
    }

    fn event_uuid(&self) -> Uuid {
        let held = self.container.and_then(|at| self.bundle.objects.get(at));
        held.map_or_else(
            || {
                let names: Vec<&str> =
                    self.each().iter().map(|(object, _)| object.id().as_str()).collect();
                derived(Uuid::nil(), &names.join(" "))
            },
            |(object, _)| object.id().uuid(),
        )
    }

    fn tags(&self, value: &Value) -> Vec<String> {
        let mut tags: Vec<String> = texts(value.get("object_marking_refs"))
            .iter()
            .filter_map(|id| tag_of(id, self.bundle.value(id)))
            .collect();
        let labels = texts(value.get("labels"));
        tags.extend(labels.into_iter().filter(|label| !is_technical(label)));
        tags
    }

    /// Knowledge by its galaxies.
    fn galaxies_of(&self, ids: &BTreeSet<String>) -> Vec<Value> {
        galaxies(&self.clusters, ids)
    }

    fn write(self) -> (Value, Vec<Problem>) {
        let mut members = self.head();
        let (mut attributes, mut objects) = (Vec::new(), Vec::new());
        for unit in &self.units {
            unit.write(|ids| self.galaxies_of(ids), &mut attributes, &mut objects);
        }
        put(&mut members, "Attribute", attributes);
        put(&mut members, "Object", objects);
        let own: BTreeSet<String> = self
            .record()
            .map(|record| texts(record.get("clusters")))
            .into_iter()
            .flatten()
            .collect();
        let of_event = self.clusters.iter().filter(|(id, cluster)| {
            let uuid = cluster.members.get("uuid").and_then(Value::as_str).unwrap_or_default();
            own.contains(uuid) || !self.hung.contains(*id)
        });
        let ids: BTreeSet<String> = of_event.map(|(id, _)| id.clone()).collect();
        put(&mut members, "Galaxy", self.galaxies_of(&ids));
        put(&mut members, "EventReport", self.reports.clone());
        for (member, remark) in self.remarks {
            let list = members.entry(member).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(remark);
            }
        }
        (json!({ "Event": members }), self.problems)
    }

    fn record(&self) -> Option<&Properties> {
        let (_, value) = self.bundle.objects.get(self.container?)?;
        value.get("x_misp_event")?.as_object()
    }

    /// The members of the event itself.
    fn head(&self) -> Properties {
        let uuid = self.event_uuid();
        let mut members = Map::new();
        put(&mut members, "uuid", uuid.to_string());
        let Some((object, value)) = self.container.and_then(|at| self.bundle.objects.get(at))
        else {
            let latest = self.each().iter().filter_map(|(object, _)| object.head().modified).max();
            let latest = latest.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            put(&mut members, "info", "STIX 2.1");
            plain_head(&mut members, latest);
            return members;
        };
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        put(&mut members, "info", text("name").unwrap_or("STIX 2.1"));
        if let Some(record) = self.record() {
            let mut record = record.clone();
            let tags = texts(record.remove("tags").as_ref());
            record.remove("clusters");
            members.extend(record);
            if !tags.is_empty() {
                put(&mut members, "Tag", tag_list(&tags));
            }
            return members;
        }
        plain_head(&mut members, object.head().modified.unwrap_or(jiff::Timestamp::UNIX_EPOCH));
        let maker = text("created_by_ref").and_then(|id| self.organisation(id));
        let mut tags = self.tags(value);
        if let Some(maker) = maker {
            let name = maker.get("name").and_then(Value::as_str).unwrap_or_default();
            tags.push(format!("misp-galaxy:producer=\"{name}\""));
            put(&mut members, "Orgc", maker);
        }
        if !tags.is_empty() {
            put(&mut members, "Tag", tag_list(&tags));
        }
        members
    }
}

fn plain_head(members: &mut Properties, at: jiff::Timestamp) {
    let day: String = at.to_string().chars().take("2026-10-01".len()).collect();
    put(members, "date", day);
    put(members, "timestamp", at.as_second().to_string());
    put(members, "published", false);
    put(members, "distribution", "0");
    put(members, "analysis", "0");
    put(members, "threat_level_id", "4");
}

fn galaxies(clusters: &BTreeMap<String, Cluster>, ids: &BTreeSet<String>) -> Vec<Value> {
    let mut by_kind: BTreeMap<&str, Properties> = BTreeMap::new();
    for cluster in ids.iter().filter_map(|id| clusters.get(id)) {
        let galaxy = by_kind.entry(&cluster.kind).or_insert_with(|| cluster.galaxy.clone());
        let list = galaxy.entry("GalaxyCluster").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(Value::Object(cluster.members.clone()));
        }
    }
    by_kind.into_values().map(Value::Object).collect()
}

fn uuid_in(record: &Properties) -> Option<Uuid> {
    Uuid::try_parse(record.get("uuid")?.as_str()?).ok()
}

fn finish_remark(remark: &mut Value, uuid: &str, kind: &str) {
    if let Some(remark) = remark.as_object_mut()
        && !remark.contains_key("date_sighting")
    {
        put(remark, "object_uuid", uuid);
        put(remark, "object_type", kind);
    }
}

/// A time as MISP writes it where it means UTC without saying so.
fn day_and_time(text: &str) -> String {
    text.chars().take("2026-10-01T00:00:00".len()).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// A word of the standard's scale as a number of a hundred.
fn degree(word: &str, exact: Option<&Value>) -> String {
    let number = match word {
        "strongly-disagree" => "0",
        "disagree" => "25",
        "agree" => "75",
        "strongly-agree" => "100",
        _ => "50",
    };
    exact.and_then(text_of_value).unwrap_or_else(|| number.to_owned())
}

/// The tag a marking is in MISP.
fn tag_of(id: &str, value: Option<&Value>) -> Option<String> {
    let known = id.parse().ok().and_then(|id| Tlp::from_marking_id(&id));
    if let Some(tlp) = known {
        let first = id == "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9";
        let label = if first { "TLP:WHITE" } else { tlp.label() };
        return Some(label.to_ascii_lowercase());
    }
    let colour = value?.pointer("/definition/tlp")?.as_str()?;
    Some(format!("tlp:{}", colour.to_ascii_lowercase()))
}

/// Labels that say what kind of entry an object stands for.
fn is_technical(label: &str) -> bool {
    const NAMES: &[&str] = &[
        "misp:type=",
        "misp:category=",
        "misp:name=",
        "misp:meta-category=",
        "misp:tool=",
        "misp:galaxy-",
        "misp:context-layer=",
        "misp:data-layer=",
        "misp:to_ids=",
    ];
    label == "Threat-Report" || NAMES.iter().any(|name| label.starts_with(name))
}
