//! What others know: techniques, malware, actors, places; and objects that are templates in MISP.

use noroshi_evidence::object::StixObject;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::emit::{Properties, put};
use super::super::own::texts;
use super::super::read::{derived, text_of_value};
use super::Bundle;
use super::observables::by_rows;
use super::tables::{ANALYSIS, IDENTITY, KNOWLEDGE, PLACE};
use super::unit::{Body, Entry, Unit};

/// A piece of knowledge and the galaxy it belongs to.
pub(super) struct Cluster {
    /// What tells galaxies apart.
    pub(super) kind: String,
    pub(super) galaxy: Properties,
    pub(super) members: Properties,
}

/// A domain object as MISP's template; `None` if it is knowledge or has no template.
pub(super) fn unit(object: &StixObject, value: &Value, bundle: &Bundle<'_>) -> Option<Unit> {
    let uuid = object.id().uuid();
    let kind = object.object_type();
    let (name, rows) = match kind {
        "malware-analysis" => ("malware-analysis", ANALYSIS),
        "location" if is_place(value) => ("geolocation", PLACE),
        "identity" if !is_class(value) => ("identity", IDENTITY),
        _ => return None,
    };
    let mut entries = by_rows(value, rows, uuid, bundle);
    if let (Some(metres), "location") = (value.get("precision").and_then(Value::as_f64), kind) {
        let kilometres = json!(metres / 1000.0).to_string();
        entries.push(Entry::within(uuid, "accuracy-radius", "float", kilometres));
    }
    let (name, meta) = (name.to_owned(), "misc".to_owned());
    Some(Unit::new(uuid, kind, Body::Object { name, meta, entries }))
}

fn is_place(value: &Value) -> bool {
    ["city", "latitude", "postal_code", "street_address"]
        .iter()
        .any(|property| value.get(property).is_some())
}

fn is_class(value: &Value) -> bool {
    value.get("identity_class").and_then(Value::as_str) == Some("class")
}

/// A domain object as a piece of knowledge; `None` if it is none.
pub(super) fn cluster(object: &StixObject, value: &Value, source: Option<&str>) -> Option<Cluster> {
    let record = |name: &str| value.get(name).and_then(Value::as_object).cloned();
    if let (Some(galaxy), Some(mut cluster)) = (record("x_misp_galaxy"), record("x_misp_cluster")) {
        let kind = galaxy.get("type").and_then(text_of_value)?;
        if !cluster.contains_key("type") {
            put(&mut cluster, "type", kind.as_str());
        }
        return Some(Cluster { kind, galaxy, members: cluster });
    }
    let kind = object.object_type();
    if kind == "identity" {
        return is_class(value)
            .then(|| written(object, value, "Sector", "sector", "industry", &[], source));
    }
    if kind == "location" && is_place(value) {
        return None;
    }
    let known = KNOWLEDGE.iter().find(|known| known.object == kind)?;
    let name = format!("STIX 2.1 {}", known.name);
    let galaxy = format!("stix-2.1-{kind}");
    Some(written(object, value, &name, &galaxy, known.icon, known.metas, source))
}

fn written(
    object: &StixObject,
    value: &Value,
    name: &str,
    kind: &str,
    icon: &str,
    metas: &[&str],
    source: Option<&str>,
) -> Cluster {
    let mut galaxy = Map::new();
    put(&mut galaxy, "uuid", derived(Uuid::nil(), kind).to_string());
    put(&mut galaxy, "name", name);
    put(&mut galaxy, "type", kind);
    put(&mut galaxy, "description", name);
    put(&mut galaxy, "icon", icon);
    put(&mut galaxy, "namespace", "stix");
    put(&mut galaxy, "version", "21");
    let mut cluster = Map::new();
    let text = |name: &str| value.get(name).and_then(text_of_value).filter(|text| !text.is_empty());
    put(&mut cluster, "uuid", object.id().uuid().to_string());
    put(&mut cluster, "type", kind);
    put(&mut cluster, "value", text("name").unwrap_or_else(|| object.id().to_string()));
    put(&mut cluster, "description", text("description").unwrap_or_default());
    put(&mut cluster, "version", "21");
    put(&mut cluster, "source", source.unwrap_or("STIX"));
    put(&mut cluster, "collection_uuid", derived(Uuid::nil(), kind).to_string());
    put(&mut cluster, "meta", meta(value, metas));
    Cluster { kind: kind.to_owned(), galaxy, members: cluster }
}

fn meta(value: &Value, metas: &[&str]) -> Value {
    let mut meta = Map::new();
    for name in metas {
        match value.get(name) {
            Some(list @ Value::Array(_)) => put(&mut meta, name, texts(Some(list))),
            Some(one) => put(&mut meta, name, text_of_value(one).unwrap_or_default()),
            None => {}
        }
    }
    let aliases = texts(value.get("aliases"));
    if !aliases.is_empty() {
        put(&mut meta, "synonyms", aliases);
    }
    let references = value.get("external_references").and_then(Value::as_array);
    let each = |name: &str| -> Vec<String> {
        let found = references.into_iter().flatten().filter_map(|entry| entry.get(name)?.as_str());
        found.map(str::to_owned).collect()
    };
    let (refs, mut ids) = (each("url"), each("external_id"));
    if !refs.is_empty() {
        put(&mut meta, "refs", refs);
    }
    match ids.len() {
        0 => {}
        1 => put(&mut meta, "external_id", ids.pop().unwrap_or_default()),
        _ => put(&mut meta, "external_id", ids),
    }
    let phases = value.get("kill_chain_phases").and_then(Value::as_array);
    let phases: Vec<String> = phases
        .into_iter()
        .flatten()
        .filter_map(|phase| {
            let text = |name: &str| phase.get(name).and_then(Value::as_str);
            Some(format!("{}:{}", text("kill_chain_name")?, text("phase_name")?))
        })
        .collect();
    if !phases.is_empty() {
        put(&mut meta, "kill_chain", phases);
    }
    Value::Object(meta)
}
