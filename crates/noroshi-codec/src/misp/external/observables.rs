//! What others observed: each observable as an attribute or an object, whatever it refers to within its reach.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::super::attributes::address_type;
use super::super::read::{derived, text_of_value};
use super::Bundle;
use super::tables::{
    Form, HASHES, PE, REFERENCES, REGISTRY_VALUE, REQUEST, Row, SECTION, SINGLE, SOCKET, TEMPLATES,
    Template,
};
use super::unit::{Body, Entry, Unit};

/// Most values taken from one observable.
const ENTRIES_MAX: usize = 10_000;

/// References to observables that become entries of their own.
const APART: &[&str] = &["image_ref.", "parent_ref.", "parent_directory_ref.", "body_raw_ref."];

/// The template of a type.
pub(super) fn template(object: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.object == object)
}

/// Observables that are told within others and do not stand for themselves.
pub(super) fn within_others(bundle: &Bundle<'_>) -> BTreeSet<String> {
    let mut within = BTreeSet::new();
    for (object, value) in &bundle.objects {
        let paths: &[&str] = match object.object_type() {
            "domain-name" => &["resolves_to_refs"],
            "network-traffic" => &["src_ref", "dst_ref"],
            "email-message" => &["from_ref", "sender_ref", "to_refs", "cc_refs", "bcc_refs"],
            _ => continue,
        };
        for path in paths {
            for id in texts_at(value, path, bundle) {
                if !id.starts_with("domain-name--") && !id.starts_with("mac-addr--") {
                    within.insert(id);
                }
            }
        }
    }
    within
}

/// The entries of the event one observable becomes; nothing if its type has no place.
pub(super) fn units(id: &str, value: &Value, uuid: Uuid, bundle: &Bundle<'_>) -> Vec<Unit> {
    let object = id.split_once("--").map_or(id, |(object, _)| object);
    if let Some(unit) = single(object, value, uuid) {
        return vec![unit];
    }
    let Some(template) = template(object) else { return Vec::new() };
    let mut rows = template.rows;
    let mut name = template.name;
    if object == "network-traffic" {
        let extended = |kind: &str| value.pointer(&format!("/extensions/{kind}")).is_some();
        if extended("socket-ext") {
            (rows, name) = (SOCKET, "network-socket");
        } else if extended("http-request-ext") {
            (rows, name) = (REQUEST, "http-request");
        }
    }
    // What stands for itself in the event is told there, and referred to from here.
    let near = |row: &&Row| !APART.iter().any(|step| row.0.contains(step));
    let rows: Vec<Row> = rows.iter().filter(near).copied().collect();
    let mut entries = by_rows(value, &rows, uuid, bundle);
    entries.extend(hashes(object, value, uuid));
    entries.extend(by_hand(object, value, uuid));
    let mut units = Vec::new();
    let mut unit = Unit::new(uuid, object, Body::Attributes(Vec::new()));
    references(object, value, uuid, bundle, &mut unit);
    parts(object, value, uuid, bundle, &mut entries, &mut unit, &mut units);
    let meta = template.meta.to_owned();
    unit.body = Body::Object { name: name.to_owned(), meta, entries };
    units.insert(0, unit);
    units
}

/// A value that is an attribute by itself.
fn single(object: &str, value: &Value, uuid: Uuid) -> Option<Unit> {
    let (_, property, kind) = SINGLE.iter().find(|(single, _, _)| *single == object)?;
    let text = value.get(property).and_then(text_of_value)?;
    let entry = |kind: &str, value: String| Entry {
        relation: String::new(),
        ..Entry::within(uuid, kind, kind, value)
    };
    let mut one = match object {
        "domain-name" if value.get("resolves_to_refs").is_some() => return None,
        "autonomous-system" if value.get("name").is_some() => return None,
        "autonomous-system" => entry(kind, format!("AS{text}")),
        _ => entry(kind, text),
    };
    let shown =
        value.get("display_name").and_then(Value::as_str).filter(|_| object == "email-addr");
    if let Some(shown) = shown {
        let name = entry("email-dst-display-name", shown.to_owned());
        return Some(Unit::new(uuid, object, Body::Attributes(vec![one, name])));
    }
    one.uuid = uuid;
    Some(Unit::new(uuid, object, Body::Attributes(vec![one])))
}

/// Values by the rows of a template.
pub(super) fn by_rows(value: &Value, rows: &[Row], uuid: Uuid, bundle: &Bundle<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (path, relation, kind, form) in rows {
        for text in texts_at(value, path, bundle) {
            if entries.len() >= ENTRIES_MAX {
                return entries;
            }
            entries.extend(entry(uuid, relation, kind, &text, *form));
        }
    }
    entries
}

/// A value as its relation wants it; an address that is none is told as a name, or not at all.
pub(super) fn entry(
    uuid: Uuid,
    relation: &str,
    kind: &str,
    text: &str,
    form: Form,
) -> Option<Entry> {
    let mut kind = kind;
    if matches!(kind, "ip-src" | "ip-dst") && address_type(text).is_none() {
        if relation == "ip" {
            return None;
        }
        kind = "hostname";
    }
    let value = match form {
        Form::Plain => text.to_owned(),
        Form::As => format!("AS{}", text.trim_start_matches("AS")),
        Form::Upper => text.to_uppercase(),
        Form::Time => time(text),
    };
    (!value.is_empty()).then(|| Entry::within(uuid, relation, kind, value))
}

/// A time of the standard as MISP writes it.
pub(super) fn time(text: &str) -> String {
    let read = super::super::read::time_of(text);
    read.map_or_else(
        || text.to_owned(),
        |at| format!("{}+00:00", at.to_string().trim_end_matches('Z')),
    )
}

/// Everything at a path: lists are gone through, references followed.
fn texts_at(value: &Value, path: &str, bundle: &Bundle<'_>) -> Vec<String> {
    let mut found = vec![value];
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let mut next = Vec::new();
        for value in found {
            let Some(inner) = value.get(step) else { continue };
            let all = match inner {
                Value::Array(entries) => entries.iter().collect(),
                other => vec![other],
            };
            let follow =
                steps.peek().is_some() && (step.ends_with("_ref") || step.ends_with("_refs"));
            next.extend(all.into_iter().filter_map(|value| {
                if follow { bundle.value(value.as_str()?) } else { Some(value) }
            }));
            if next.len() > ENTRIES_MAX {
                break;
            }
        }
        found = next;
    }
    found.into_iter().filter_map(text_of_value).collect()
}

/// Hashes of files, artifacts and certificates.
pub(super) fn hashes(object: &str, value: &Value, uuid: Uuid) -> Vec<Entry> {
    let held = value.get("hashes").and_then(Value::as_object);
    let mut entries = Vec::new();
    for (key, digest) in held.into_iter().flatten() {
        let Some(digest) = digest.as_str() else { continue };
        entries.extend(hash(object, key, digest, uuid));
    }
    entries
}

/// One hash; a certificate names its fingerprints in its own way.
pub(super) fn hash(object: &str, key: &str, digest: &str, uuid: Uuid) -> Option<Entry> {
    let (_, kind) = HASHES.iter().find(|(name, _)| *name == key)?;
    let kind = if object == "x509-certificate" {
        format!("x509-fingerprint-{kind}")
    } else {
        (*kind).to_owned()
    };
    Some(Entry::within(uuid, &kind, &kind, digest.to_owned()))
}

/// Values that no row can say.
fn by_hand(object: &str, value: &Value, uuid: Uuid) -> Vec<Entry> {
    let mut entries = Vec::new();
    match object {
        "artifact" => {
            if let Some(data) = value.get("payload_bin").and_then(Value::as_str) {
                let mut entry = Entry::within(uuid, "payload_bin", "attachment", uuid.to_string());
                entry.data = Some(data.to_owned());
                entries.push(entry);
            }
        }
        "process" => {
            let variables = value.get("environment_variables").and_then(Value::as_object);
            if let Some(variables) = variables {
                let each = variables
                    .iter()
                    .filter_map(|(name, value)| Some(format!("{name}: {}", text_of_value(value)?)));
                let all = each.collect::<Vec<_>>().join(" - ");
                entries.push(Entry::within(uuid, "environment-variables", "text", all));
            }
        }
        "network-traffic" => {
            for (flag, state) in [("is_listening", "listening"), ("is_blocking", "blocking")] {
                let path = format!("/extensions/socket-ext/{flag}");
                if value.pointer(&path) == Some(&Value::Bool(true)) {
                    entries.push(Entry::within(uuid, "state", "text", state.to_owned()));
                }
            }
        }
        _ => {}
    }
    entries
}

fn references(object: &str, value: &Value, uuid: Uuid, bundle: &Bundle<'_>, unit: &mut Unit) {
    for (of, path, kind, _) in REFERENCES.iter().filter(|(_, _, _, backwards)| !backwards) {
        if *of != object {
            continue;
        }
        for id in texts_at(value, path, bundle) {
            let aliased = *kind != "alias-of" || id.starts_with("domain-name--");
            if let Some(target) = bundle.uuid_of(&id).filter(|target| *target != uuid && aliased) {
                unit.references.push((target, (*kind).to_owned()));
            }
        }
    }
    // What refers here in a way MISP tells from this end.
    for (other, held) in bundle.referring(&format!("{object}--{uuid}")) {
        for (of, path, kind, backwards) in REFERENCES {
            let mine = *backwards && *of == other.object_type();
            if mine
                && texts_at(held, path, bundle).iter().any(|id| bundle.uuid_of(id) == Some(uuid))
            {
                unit.references.push((other.id().uuid(), (*kind).to_owned()));
            }
        }
    }
}

/// Objects within this one: executables, sections, registry values.
fn parts(
    object: &str,
    value: &Value,
    uuid: Uuid,
    bundle: &Bundle<'_>,
    entries: &mut Vec<Entry>,
    unit: &mut Unit,
    units: &mut Vec<Unit>,
) {
    if let (Some(comment), "file") = (value.pointer("/extensions/archive-ext/comment"), object) {
        unit.comments.extend(text_of_value(comment));
    }
    if let (Some(extension), "file") = (value.pointer("/extensions/windows-pebinary-ext"), object) {
        let host = derived(uuid, "windows-pebinary-ext");
        unit.references.push((host, "includes".to_owned()));
        let mut pe = part(host, "pe", object, by_rows(extension, PE, host, bundle));
        let sections = extension.get("sections").and_then(Value::as_array);
        let mut inner = Vec::new();
        for (at, section) in sections.into_iter().flatten().enumerate().take(ENTRIES_MAX) {
            let host = derived(host, &format!("section {at}"));
            pe.references.push((host, "includes".to_owned()));
            let mut entries = by_rows(section, SECTION, host, bundle);
            entries.extend(hashes("file", section, host));
            inner.push(part(host, "pe-section", object, entries));
        }
        units.push(pe);
        units.extend(inner);
    }
    let values = value.get("values").and_then(Value::as_array);
    match values.map(Vec::as_slice).filter(|_| object == "windows-registry-key") {
        Some([one]) => entries.extend(by_rows(one, REGISTRY_VALUE, uuid, bundle)),
        Some(several) => {
            for (at, one) in several.iter().enumerate().take(ENTRIES_MAX) {
                let host = derived(uuid, &format!("value {at}"));
                unit.references.push((host, "contains".to_owned()));
                let entries = by_rows(one, REGISTRY_VALUE, host, bundle);
                units.push(part(host, "registry-key-value", object, entries));
            }
        }
        None => {}
    }
}

/// An object within another.
pub(super) fn part(uuid: Uuid, name: &str, of: &str, entries: Vec<Entry>) -> Unit {
    let body = Body::Object { name: name.to_owned(), meta: "file".to_owned(), entries };
    Unit::new(uuid, of, body)
}
