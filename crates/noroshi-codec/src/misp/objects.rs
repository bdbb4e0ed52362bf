//! What each template becomes. Tables of [`super::shapes`] do most; what spans several observables is in a file each.

mod connection;
mod domain_ip;
mod email;
mod file;
mod process;
mod registry;

use std::collections::{BTreeMap, BTreeSet};

use noroshi_evidence::object::format_timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::attributes::{self, is_hash, is_payload, observable};
use super::emit::{Properties, Shape, put};
use super::model::{Attribute, Event, Object};
use super::patterns::{equals, equals_number, path};
use super::read::time_of;
use super::shapes::{
    CHARSETS, DOMAIN, HARMLESS_SCRIPT, LANGUAGES, MALICIOUS_SCRIPT, OBSERVED, Observed, Put, RULES,
    Row, Rule,
};

/// What the object becomes, and whether any of it is meant for detection.
pub(super) fn shape(object: &Object, event: &Event) -> (Shape, bool) {
    let found = match object.name.as_str() {
        "file" => file::file(object, event),
        "pe" => file::executable(object, event),
        "lnk" => file::shortcut(object),
        "image" => file::image(object),
        "domain-ip" => domain_ip::shape(object),
        "email" => Some(email::shape(object)),
        "process" => process::shape(object),
        "registry-key" => registry::key(object, event),
        "registry-key-value" => registry::value(object),
        "ip-port" | "network-connection" | "network-socket" | "netflow" | "http-request" => {
            connection::shape(object)
        }
        "script" => script(object),
        _ => None,
    };
    let made =
        found.or_else(|| observed(object)).or_else(|| domain(object)).or_else(|| rule(object));
    let to_ids = object.to_ids() || parts(object, event).iter().any(|part| part.to_ids());
    (made.unwrap_or(Shape::Custom), to_ids)
}

/// Objects that are written within another one.
pub(super) fn merged(event: &Event) -> BTreeSet<Uuid> {
    folded(event).into_iter().map(|(_, part)| part).collect()
}

/// Which object is within which: executables in files, sections in executables, values in keys.
pub(super) fn folded(event: &Event) -> BTreeSet<(Uuid, Uuid)> {
    let names: BTreeMap<Uuid, &str> =
        event.objects.iter().map(|object| (object.uuid, object.name.as_str())).collect();
    let mut folded = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for object in &event.objects {
        for reference in &object.references {
            let fits = matches!(
                (object.name.as_str(), names.get(&reference.target).copied()),
                ("file", Some("pe"))
                    | ("pe", Some("pe-section"))
                    | ("registry-key", Some("registry-key-value"))
            );
            let apart = reference.target != object.uuid;
            if fits && apart && taken.insert(reference.target) {
                folded.insert((object.uuid, reference.target));
            }
        }
    }
    folded
}

/// Each object that is within another, with the outermost one.
pub(super) fn hosts(event: &Event) -> BTreeMap<Uuid, Uuid> {
    let inner: BTreeMap<Uuid, Uuid> =
        folded(event).into_iter().map(|(host, part)| (part, host)).collect();
    // Two steps are the most there can be: a section in an executable in a file.
    let outermost = |host: &Uuid| *inner.get(host).unwrap_or(host);
    inner.iter().map(|(part, host)| (*part, outermost(host))).collect()
}

/// The objects that are written within this one, nearest first.
pub(super) fn parts<'a>(object: &Object, event: &'a Event) -> Vec<&'a Object> {
    let folded = folded(event);
    let within = |host: Uuid| {
        let folded = &folded;
        event.objects.iter().filter(move |part| folded.contains(&(host, part.uuid)))
    };
    let mut parts: Vec<&Object> = within(object.uuid).collect();
    let inner: Vec<&Object> = parts.iter().flat_map(|part| within(part.uuid)).collect();
    parts.extend(inner);
    parts
}

/// Properties and comparisons of one object.
#[derive(Default)]
struct Filled {
    properties: Properties,
    comparisons: Vec<String>,
    /// Attributes that found a property.
    used: BTreeSet<usize>,
}

impl Filled {
    /// Puts what the rows name; `prefix` is where the properties are within the pattern's object.
    fn rows(object: &Object, rows: &[Row], kind: &str, prefix: &str) -> Self {
        let mut filled = Self::default();
        for (relation, property, how) in rows {
            for (at, attribute) in object.attributes.iter().enumerate() {
                if attribute.relation != *relation {
                    continue;
                }
                if !filled.set(attribute, property, *how) {
                    continue;
                }
                filled.used.insert(at);
                if attribute.to_ids {
                    filled.compare(attribute, &format!("{prefix}{property}"), *how, kind);
                }
            }
        }
        filled
    }

    fn set(&mut self, attribute: &Attribute, property: &str, how: Put) -> bool {
        let Some(value) = written(attribute, property, how) else { return false };
        if matches!(how, Put::List | Put::Language) {
            return push(&mut self.properties, property, value);
        }
        place(&mut self.properties, property, value)
    }

    fn compare(&mut self, attribute: &Attribute, property: &str, how: Put, kind: &str) {
        let hashed = attributes::HASHES
            .iter()
            .find(|(_, key, _)| property.ends_with(&format!("hashes.{key}")));
        let property = match (how, hashed) {
            (Put::Hash, Some((_, key, pattern))) => {
                format!("{}{pattern}", property.strip_suffix(key).unwrap_or(property))
            }
            (Put::List | Put::Language, _) => format!("{property}[*]"),
            _ => property.to_owned(),
        };
        let path = path(kind, &property);
        let value = attribute.value.as_str();
        self.comparisons.push(match how {
            Put::Int => equals_number(&path, value.trim().parse().unwrap_or_default()),
            Put::As => {
                equals_number(&path, attributes::as_number(value).unwrap_or_default().into())
            }
            Put::Float => format!("{path} = {}", value.trim()),
            Put::Bool => format!("{path} = {}", truth(value).unwrap_or_default()),
            Put::Time => {
                let at = time_of(value).map(|at| at.to_string()).unwrap_or_default();
                format!("{path} = t'{at}'")
            }
            Put::Key => equals(&path, &attributes::hive(value)),
            Put::Payload => equals(&path, attribute.data.as_deref().unwrap_or(value)),
            _ => equals(&path, value),
        });
    }

    /// Everything that found no property becomes a custom one; `skip` names what is placed elsewhere.
    fn rest(&mut self, object: &Object, kind: &str, prefix: &str, skip: &[&str]) {
        let mut names: Map<String, Value> = Map::new();
        for (at, attribute) in object.attributes.iter().enumerate() {
            if self.used.contains(&at) || skip.contains(&attribute.relation.as_str()) {
                continue;
            }
            let name = custom_name(&attribute.relation);
            add_custom(&mut self.properties, &name, custom_value(attribute));
            let plain = format!("x_misp_{}", attribute.relation);
            if name != plain && name != plain.replace('-', "_") {
                names.insert(name.clone(), attribute.relation.as_str().into());
            }
            if attribute.to_ids && attribute.data.is_none() {
                let path = path(kind, &format!("{prefix}{name}"));
                self.comparisons.push(equals(&path, &attribute.value));
            }
        }
        if !names.is_empty() {
            put(&mut self.properties, "x_misp_original_names", Value::Object(names));
        }
    }
}

/// A value as the property wants it; `None` if it is none of the kind.
fn written(attribute: &Attribute, property: &str, how: Put) -> Option<Value> {
    let text = attribute.value.as_str();
    Some(match how {
        Put::Int => json!(text.trim().parse::<i64>().ok().filter(|number| *number >= 0)?),
        Put::Float => json!(text.trim().parse::<f64>().ok().filter(|number| number.is_finite())?),
        Put::Kilometres => {
            let metres = text.trim().parse::<f64>().ok()? * 1000.0;
            json!(Some(metres).filter(|metres| metres.is_finite() && *metres >= 0.0)?)
        }
        Put::Bool => json!(truth(text)?),
        Put::Time => json!(format_timestamp(time_of(text)?)),
        Put::Hash => {
            let key = property.rsplit_once('.').map_or(property, |(_, key)| key);
            is_hash(key, text).then(|| json!(text))?
        }
        Put::As => json!(attributes::as_number(text)?),
        Put::Key => json!(attributes::hive(text)),
        Put::Language => LANGUAGES.contains(&text).then(|| json!(text))?,
        Put::Charset => {
            let same = |name: &&&str| name.eq_ignore_ascii_case(text);
            json!(CHARSETS.iter().find(same)?)
        }
        Put::Payload => {
            let data = attribute.data.as_deref().filter(|data| is_payload(data))?;
            json!(data)
        }
        _ => json!(text),
    })
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "True" => Some(true),
        "0" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Sets a nested property; the first value stays.
fn place(properties: &mut Properties, property: &str, value: Value) -> bool {
    let Some((first, rest)) = property.split_once('.') else {
        if properties.contains_key(property) {
            return false;
        }
        put(properties, property, value);
        return true;
    };
    let inner = properties.entry(first).or_insert_with(|| json!({}));
    inner.as_object_mut().is_some_and(|inner| place(inner, rest, value))
}

/// Adds to a nested list.
fn push(properties: &mut Properties, property: &str, value: Value) -> bool {
    let Some((first, rest)) = property.split_once('.') else {
        let list = properties.entry(property).or_insert_with(|| json!([]));
        return list.as_array_mut().is_some_and(|list| {
            list.push(value);
            true
        });
    };
    let inner = properties.entry(first).or_insert_with(|| json!({}));
    inner.as_object_mut().is_some_and(|inner| push(inner, rest, value))
}

/// STIX 2.1 section 3.1: names are lower-case letters, digits and underscores.
pub(super) fn custom_name(relation: &str) -> String {
    let name: String = relation
        .chars()
        .take(200)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    format!("x_misp_{name}")
}

fn custom_value(attribute: &Attribute) -> Value {
    match &attribute.data {
        Some(data) => json!({ "value": attribute.value, "data": data }),
        None => match attribute.json {
            Value::Bool(flag) => json!(flag),
            _ => json!(attribute.value),
        },
    }
}

/// One value stands alone; several are a list.
fn add_custom(properties: &mut Properties, name: &str, value: Value) {
    match properties.get_mut(name) {
        None => put(properties, name, value),
        Some(Value::Array(list)) => list.push(value),
        Some(held) => *held = json!([held.clone(), value]),
    }
}

/// What an object without a home carries of its attributes.
pub(super) fn custom_attributes(object: &Object) -> Value {
    let entries = object.attributes.iter().map(|attribute| {
        let mut entry = Map::new();
        put(&mut entry, "type", attribute.kind.as_str());
        put(&mut entry, "object_relation", attribute.relation.as_str());
        put(&mut entry, "value", attribute.value.as_str());
        put(&mut entry, "category", attribute.category.as_str());
        put(&mut entry, "uuid", attribute.uuid.to_string());
        if attribute.to_ids {
            put(&mut entry, "to_ids", true);
        }
        if let Some(data) = &attribute.data {
            put(&mut entry, "data", data.as_str());
        }
        Value::Object(entry)
    });
    Value::Array(entries.collect())
}

/// Templates of one observable.
fn observed(object: &Object) -> Option<Shape> {
    let template = OBSERVED.iter().find(|template| template.name == object.name)?;
    let mut filled = Filled::rows(object, template.rows, template.object, "");
    let fixed = template
        .fixed
        .iter()
        .map(|(property, value)| equals(&path(template.object, property), value));
    let fixed: Vec<String> = fixed.collect();
    filled.rest(object, template.object, "", &[]);
    for (property, value) in template.fixed {
        put(&mut filled.properties, property, *value);
    }
    if !fits(template, &mut filled.properties) {
        return None;
    }
    // What follows from the template alone finds nothing; it only narrows.
    let comparisons = if filled.comparisons.is_empty() { Vec::new() } else { fixed };
    let comparisons = comparisons.into_iter().chain(filled.comparisons).collect();
    let made = observable(template.object, object.uuid, Value::Object(filled.properties));
    Some(Shape::Seen { observables: vec![made], comparisons })
}

/// Whether the standard allows what came together, after moving aside what it does not.
fn fits(template: &Observed, properties: &mut Properties) -> bool {
    if template.object == "artifact" {
        // Section 6.1: content or a locator, not both; a locator needs hashes; keys need an algorithm of the list.
        let known = ["AES-256-GCM", "ChaCha20-Poly1305", "mime-type-indicated"];
        let algorithm = properties.get("encryption_algorithm").and_then(Value::as_str);
        if !algorithm.is_some_and(|algorithm| known.contains(&algorithm)) {
            for name in ["encryption_algorithm", "decryption_key"] {
                aside(properties, name);
            }
        }
        if properties.contains_key("payload_bin") {
            aside(properties, "url");
        } else if !properties.contains_key("hashes") {
            return false;
        }
    }
    if template.object == "url" {
        let value = properties.get("value").and_then(Value::as_str).unwrap_or_default();
        if !attributes::is_locator(value) {
            return false;
        }
    }
    template.needs.iter().any(|name| properties.contains_key(*name))
}

/// Moves a property to its custom name.
fn aside(properties: &mut Properties, name: &str) {
    if let Some(value) = properties.remove(name) {
        put(properties, &custom_name(name), value);
    }
}

/// Templates of other domain objects.
fn domain(object: &Object) -> Option<Shape> {
    let template = DOMAIN.iter().find(|template| template.name == object.name)?;
    let mut properties = domain_rows(object, template.rows);
    for (name, value) in template.fixed {
        put(&mut properties, name, *value);
    }
    let fits = match template.object {
        "location" => is_place(&mut properties),
        _ => properties.contains_key("name"),
    };
    put(&mut properties, "type", template.object);
    fits.then_some(Shape::Domain { properties })
}

/// Section 4.10: a region, a country or a position; a precision only with a position.
fn is_place(properties: &mut Properties) -> bool {
    let within = |name: &str, most: f64| {
        properties.get(name).and_then(Value::as_f64).is_some_and(|degrees| degrees.abs() <= most)
    };
    let position = within("latitude", 90.0) && within("longitude", 180.0);
    if !position {
        for name in ["latitude", "longitude", "precision"] {
            aside(properties, name);
        }
    }
    position || properties.contains_key("country") || properties.contains_key("region")
}

fn domain_rows(object: &Object, rows: &[Row]) -> Properties {
    let mut filled = Filled::default();
    let mut contacts: Vec<(&str, Vec<&str>)> = Vec::new();
    for (relation, property, how) in rows {
        for (at, attribute) in object.attributes.iter().enumerate() {
            if attribute.relation != *relation {
                continue;
            }
            let value = attribute.value.as_str();
            let set = match how {
                Put::Contact => {
                    match contacts.iter_mut().find(|(name, _)| name == relation) {
                        Some((_, values)) => values.push(value),
                        None => contacts.push((relation, vec![value])),
                    }
                    true
                }
                Put::Link => {
                    let link = json!({ "source_name": "url", "url": value });
                    let properties = &mut filled.properties;
                    attributes::is_locator(value) && push(properties, property, link)
                }
                Put::Capec => {
                    let number = value.strip_prefix("CAPEC-").unwrap_or(value);
                    let known = json!({
                        "source_name": "capec", "external_id": format!("CAPEC-{number}"),
                    });
                    let numbered = number.parse::<u32>().is_ok();
                    numbered && push(&mut filled.properties, property, known)
                }
                Put::Cve => {
                    let set = place(&mut filled.properties, "name", json!(value));
                    if set && attributes::is_cve(value) {
                        let known = json!({ "source_name": "cve", "external_id": value });
                        push(&mut filled.properties, "external_references", known);
                    }
                    set
                }
                Put::Name => join_name(&mut filled.properties, property, value),
                _ => filled.set(attribute, property, *how),
            };
            if set {
                filled.used.insert(at);
            }
        }
    }
    if !contacts.is_empty() {
        let each = contacts.iter().map(|(name, values)| format!("{name}: {}", values.join("; ")));
        let all = each.collect::<Vec<_>>().join(" / ");
        put(&mut filled.properties, "contact_information", all);
    }
    filled.rest(object, "", "", &[]);
    filled.properties
}

fn join_name(properties: &mut Properties, property: &str, part: &str) -> bool {
    let joined = match properties.get(property).and_then(Value::as_str) {
        Some(name) => format!("{name} {part}"),
        None => part.to_owned(),
    };
    put(properties, property, joined);
    true
}

fn script(object: &Object) -> Option<Shape> {
    let malicious = object.all("state").any(|state| state.value == "Malicious");
    let rows = if malicious { MALICIOUS_SCRIPT } else { HARMLESS_SCRIPT };
    let mut properties = domain_rows(object, rows);
    if malicious {
        put(&mut properties, "is_family", false);
    }
    put(&mut properties, "type", if malicious { "malware" } else { "tool" });
    properties.contains_key("name").then_some(Shape::Domain { properties })
}

fn rule(object: &Object) -> Option<Shape> {
    let template: &Rule = RULES.iter().find(|template| template.name == object.name)?;
    let rule = object.first(template.relation)?;
    let mut properties = domain_rows(object, template.rows);
    properties.remove(&custom_name(template.relation));
    put(&mut properties, "pattern", rule.value.as_str());
    put(&mut properties, "pattern_type", template.language);
    if !properties.contains_key("pattern_version") {
        put(&mut properties, "pattern_version", "2.1");
    }
    Some(Shape::Rule { properties })
}

/// A note that was kept as an object; `None` if it has no text.
pub(super) fn annotation(
    object: &Object,
    about: Vec<String>,
    container: &str,
) -> Option<Properties> {
    let text = object.first("text")?;
    let mut filled = Filled::default();
    filled.rest(object, "", "", &["text"]);
    put(&mut filled.properties, "content", text.value.as_str());
    let about = if about.is_empty() { vec![container.to_owned()] } else { about };
    put(&mut filled.properties, "object_refs", about);
    Some(filled.properties)
}
