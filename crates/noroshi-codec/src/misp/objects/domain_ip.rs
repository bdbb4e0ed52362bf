//! Names and the addresses they resolved to.

use serde_json::{Map, Value, json};

use super::super::attributes::{address_type, id, is_domain, observable};
use super::super::emit::{Properties, Shape, put};
use super::super::model::Object;
use super::super::patterns::equals;
use super::Filled;

pub(super) fn shape(object: &Object) -> Option<Shape> {
    let plain = object
        .attributes
        .iter()
        .all(|attribute| matches!(attribute.relation.as_str(), "domain" | "hostname" | "ip"));
    let only = |relation: &str| object.first(relation).is_none();
    let mut observables = Vec::new();
    let mut refs = Vec::new();
    for address in object.all("ip") {
        let kind = address_type(&address.value)?;
        refs.push(json!(id(kind, address.uuid)));
        observables.push(observable(kind, address.uuid, json!({ "value": address.value })));
    }
    // Several names with nothing else stand for themselves; what has more to say is one thing with its own name.
    let separate = plain && (only("domain") || only("hostname"));
    if separate {
        for name in object.all("domain").chain(object.all("hostname")) {
            let mut made = named(&name.value, &refs)?;
            put(&mut made, "value", name.value.as_str());
            observables.push(observable("domain-name", name.uuid, Value::Object(made)));
        }
    } else {
        observables.insert(0, single(object, &refs)?);
    }
    observables
        .iter()
        .any(|made| made.get("type").is_some_and(|kind| kind == "domain-name"))
        .then(|| Shape::Seen { observables, comparisons: comparisons(object) })
}

fn named(value: &str, refs: &[Value]) -> Option<Properties> {
    let mut made = Map::new();
    if !refs.is_empty() {
        put(&mut made, "resolves_to_refs", refs.to_vec());
    }
    is_domain(value).then_some(made)
}

fn single(object: &Object, refs: &[Value]) -> Option<Properties> {
    let name = object.first("domain").or_else(|| object.first("hostname"))?;
    let mut filled = Filled { properties: named(&name.value, refs)?, ..Filled::default() };
    put(&mut filled.properties, "value", name.value.as_str());
    let at = object.attributes.iter().position(|attribute| attribute.uuid == name.uuid);
    filled.used.extend(at);
    filled.rest(object, "domain-name", "", &["ip"]);
    Some(observable("domain-name", object.uuid, Value::Object(filled.properties)))
}

fn comparisons(object: &Object) -> Vec<String> {
    let domains = object.first("domain").is_some();
    object
        .attributes
        .iter()
        .filter(|attribute| attribute.to_ids)
        .map(|attribute| {
            let path = match attribute.relation.as_str() {
                "domain" => "domain-name:value".to_owned(),
                "hostname" if !domains => "domain-name:value".to_owned(),
                "ip" => "domain-name:resolves_to_refs[*].value".to_owned(),
                other => format!("domain-name:{}", super::custom_name(other)),
            };
            equals(&path, &attribute.value)
        })
        .collect()
}
