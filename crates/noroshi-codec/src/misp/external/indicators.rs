//! What others look for: a pattern's equal values as attributes, and whole where a pattern says more than that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::super::patterns::{Comparison, take_apart};
use super::super::read::{derived, text_of_value};
use super::observables::{entry, hash, part, template};
use super::tables::{Form, PE, REGISTRY_VALUE, REQUEST, Row, SECTION, SOCKET};
use super::unit::{Body, Entry, Unit};

/// What a pattern became.
pub(super) struct Sought {
    /// The first unit is the indicator's own, the others are within it.
    pub(super) units: Vec<Unit>,
    /// The types the pattern looks at.
    pub(super) types: BTreeSet<String>,
}

/// Types whose values say enough by themselves to stand alone in an event.
const ALONE: &[&str] = &[
    "AS",
    "domain",
    "email-dst",
    "email-src",
    "email-subject",
    "filename",
    "hostname",
    "ip-dst",
    "ip-src",
    "mac-address",
    "mutex",
    "regkey",
    "url",
    "user-agent",
    "http-method",
    "email-body",
    "email-message-id",
    "email-x-mailer",
    "email-reply-to",
    "email-header",
    "email-attachment",
];

/// Reads an indicator.
pub(super) fn read(value: &Value, uuid: Uuid) -> Sought {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let (pattern, language) = (text("pattern"), text("pattern_type"));
    if language != "stix" {
        return Sought {
            units: vec![rule(value, language, pattern, uuid)],
            types: BTreeSet::new(),
        };
    }
    let taken = take_apart(pattern);
    let types: BTreeSet<String> = taken.comparisons.iter().map(|c| c.object.clone()).collect();
    let whole = || whole(pattern, uuid);
    let units = if taken.complete && !taken.comparisons.is_empty() {
        let alternatives = taken.alternatives;
        sorted(&taken.comparisons, &types, uuid, alternatives).unwrap_or_else(|| vec![whole()])
    } else {
        vec![whole()]
    };
    let mut units = units;
    for unit in &mut units {
        unit.entries_mut().iter_mut().for_each(|entry| entry.to_ids = true);
    }
    Sought { units, types }
}

/// A pattern that says more than that some values are equal stays one.
fn whole(pattern: &str, uuid: Uuid) -> Unit {
    let mut entry = Entry::within(uuid, "", "stix2-pattern", pattern.to_owned());
    entry.uuid = uuid;
    Unit::new(uuid, "indicator", Body::Attributes(vec![entry]))
}

fn sorted(
    comparisons: &[Comparison],
    types: &BTreeSet<String>,
    uuid: Uuid,
    alternatives: bool,
) -> Option<Vec<Unit>> {
    let names: Vec<&str> = types.iter().map(String::as_str).collect();
    let simple = |name: &&str| {
        matches!(
            *name,
            "domain-name" | "ipv4-addr" | "ipv6-addr" | "email-addr" | "mac-addr" | "mutex" | "url"
        )
    };
    if names.iter().all(simple) {
        return Some(values(comparisons, uuid, alternatives));
    }
    let [object] = names.as_slice() else { return None };
    let units = objects(comparisons, object, uuid)?;
    let [unit] = units.as_slice() else { return (!alternatives).then_some(units) };
    let alone = |entry: &Entry| ALONE.contains(&entry.kind.as_str()) || is_hash(&entry.kind);
    match unit.entries() {
        [one] if alone(one) => {
            let mut one = one.clone();
            one.uuid = uuid;
            Some(vec![Unit::new(uuid, object, Body::Attributes(vec![one]))])
        }
        several if alternatives => several
            .iter()
            .all(alone)
            .then(|| vec![Unit::new(uuid, object, Body::Attributes(several.to_vec()))]),
        _ => Some(units),
    }
}

fn is_hash(kind: &str) -> bool {
    kind.starts_with("x509-fingerprint-")
        || super::tables::HASHES.iter().any(|(_, name)| *name == kind)
}

/// Values that are attributes; a name with an address is an object.
fn values(comparisons: &[Comparison], uuid: Uuid, alternatives: bool) -> Vec<Unit> {
    let mut entries: Vec<Entry> = Vec::new();
    for comparison in comparisons {
        let path = plain(&comparison.path);
        let (relation, kind) = match (comparison.object.as_str(), path.as_str()) {
            ("domain-name", "value") => ("domain", "domain"),
            ("domain-name", "resolves_to_refs.value") | ("ipv4-addr" | "ipv6-addr", "value") => {
                ("ip", "ip-dst")
            }
            ("email-addr", "value") => ("to", "email-dst"),
            ("mac-addr", "value") => ("", "mac-address"),
            ("mutex", "name") => ("", "mutex"),
            ("url", "value") => ("url", "url"),
            _ => continue,
        };
        entries.extend(entry(uuid, relation, kind, &comparison.value, Form::Plain));
    }
    let of = comparisons.first().map(|comparison| comparison.object.as_str()).unwrap_or_default();
    match entries.as_mut_slice() {
        [one] => one.uuid = uuid,
        several => {
            let has = |kind: &str| several.iter().any(|entry| entry.kind == kind);
            if !alternatives && has("domain") && has("ip-dst") {
                let (name, meta) = ("domain-ip".to_owned(), "network".to_owned());
                return vec![Unit::new(uuid, "domain-name", Body::Object { name, meta, entries })];
            }
        }
    }
    vec![Unit::new(uuid, of, Body::Attributes(entries))]
}

/// A path without positions in lists.
fn plain(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// The position in the first list of a path.
fn position(path: &str) -> usize {
    let inner = path.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inner.and_then(|(at, _)| at.parse().ok()).unwrap_or_default()
}

/// An object of the comparisons, and those within it; `None` if none of them has a relation.
fn objects(comparisons: &[Comparison], object: &str, uuid: Uuid) -> Option<Vec<Unit>> {
    let template = template(object)?;
    let (rows, name) = kind_of(comparisons, template.rows, template.name);
    let mut main = Vec::new();
    let mut inner = Inner::default();
    for comparison in comparisons {
        let path = plain(&comparison.path);
        let value = comparison.value.as_str();
        if let Some(rest) = path.strip_prefix("extensions.windows-pebinary-ext.") {
            inner.executable(uuid, rest, position(&comparison.path), value);
        } else if let ("windows-registry-key", Some(rest)) = (object, path.strip_prefix("values."))
        {
            inner.value(uuid, rest, position(&comparison.path), value);
        } else if let Some(key) = path.strip_prefix("hashes.") {
            main.extend(hash(object, key, value, uuid));
        } else if path == "payload_bin" {
            let mut entry = Entry::within(uuid, "payload_bin", "attachment", uuid.to_string());
            entry.data = Some(value.to_owned());
            main.push(entry);
        } else if path == "extensions.socket-ext.is_listening" && value == "true" {
            main.push(Entry::within(uuid, "state", "text", "listening".to_owned()));
        } else {
            main.extend(by_row(rows, &path, value, uuid));
        }
    }
    let mut unit = part(uuid, name, object, Vec::new());
    let units = inner.finish(&mut unit, &mut main);
    if main.is_empty() && units.is_empty() {
        return None;
    }
    let meta = template.meta.to_owned();
    unit.body = Body::Object { name: name.to_owned(), meta, entries: main };
    let mut all = vec![unit];
    all.extend(units);
    Some(all)
}

fn by_row(rows: &[Row], path: &str, value: &str, uuid: Uuid) -> Option<Entry> {
    let (_, relation, kind, form) = rows.iter().find(|(property, _, _, _)| *property == path)?;
    // A pattern compares with the text as it is; only times are written MISP's way.
    let form = if *form == Form::Upper { Form::Plain } else { *form };
    entry(uuid, relation, kind, value, form)
}

/// Connections that are sockets or requests have templates of their own.
fn kind_of<'a>(comparisons: &[Comparison], rows: &'a [Row], name: &'a str) -> (&'a [Row], &'a str) {
    let extended = |kind: &str| comparisons.iter().any(|comparison| comparison.path.contains(kind));
    if name != "network-traffic" {
        (rows, name)
    } else if extended("socket-ext") {
        (SOCKET, "network-socket")
    } else if extended("http-request-ext") {
        (REQUEST, "http-request")
    } else {
        (rows, name)
    }
}

/// Objects within the indicator's own.
#[derive(Default)]
struct Inner {
    executable: Vec<Entry>,
    sections: BTreeMap<usize, Vec<Entry>>,
    values: BTreeMap<usize, Vec<Entry>>,
}

impl Inner {
    fn executable(&mut self, uuid: Uuid, path: &str, at: usize, value: &str) {
        let host = derived(uuid, "windows-pebinary-ext");
        match path.strip_prefix("sections.") {
            None => self.executable.extend(by_row(PE, path, value, host)),
            Some(rest) => {
                let host = derived(host, &format!("section {at}"));
                let list = self.sections.entry(at).or_default();
                match rest.strip_prefix("hashes.") {
                    Some(key) => list.extend(hash("file", key, value, host)),
                    None => list.extend(by_row(SECTION, rest, value, host)),
                }
            }
        }
    }

    fn value(&mut self, uuid: Uuid, path: &str, at: usize, value: &str) {
        let host = derived(uuid, &format!("value {at}"));
        self.values.entry(at).or_default().extend(by_row(REGISTRY_VALUE, path, value, host));
    }

    /// One registry value is told within its key; several stand for themselves.
    fn finish(self, unit: &mut Unit, main: &mut Vec<Entry>) -> Vec<Unit> {
        let mut units = Vec::new();
        if !self.executable.is_empty() || !self.sections.is_empty() {
            let host = derived(unit.uuid, "windows-pebinary-ext");
            unit.references.push((host, "includes".to_owned()));
            let mut pe = part(host, "pe", "file", self.executable);
            let mut inner = Vec::new();
            for (at, entries) in self.sections {
                let section = derived(host, &format!("section {at}"));
                pe.references.push((section, "includes".to_owned()));
                inner.push(part(section, "pe-section", "file", entries));
            }
            units.push(pe);
            units.extend(inner);
        }
        if self.values.len() == 1 {
            main.extend(self.values.into_values().flatten());
            return units;
        }
        for (at, entries) in self.values {
            let host = derived(unit.uuid, &format!("value {at}"));
            unit.references.push((host, "contains".to_owned()));
            units.push(part(host, "registry-key-value", "windows-registry-key", entries));
        }
        units
    }
}

/// Rules in other languages: the language, the template, the relations of rule, name, comment and reference.
const LANGUAGES: &[(&str, &str, [&str; 4])] = &[
    ("crs", "owasp-crs-rule", ["raw-rule", "rule-id", "", ""]),
    ("nova", "nova-rule", ["raw-rule", "rule-name", "", ""]),
    ("sigma", "sigma", ["sigma", "sigma-rule-name", "comment", "reference"]),
    ("suricata", "suricata", ["suricata", "", "comment", "ref"]),
    ("wazuh", "wazuh-rule", ["wazuh-rule", "rule-id", "", ""]),
    ("yara", "yara", ["yara", "yara-rule-name", "comment", ""]),
];

/// A rule is an attribute; with a name or references it is an object.
fn rule(value: &Value, language: &str, pattern: &str, uuid: Uuid) -> Unit {
    let text = |name: &str| value.get(name).and_then(text_of_value).filter(|text| !text.is_empty());
    let known = LANGUAGES.iter().find(|(name, _, _)| *name == language);
    let links: Vec<(String, Option<String>)> = value
        .get("external_references")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|link| {
            let said = link.get("description").and_then(text_of_value);
            Some((link.get("url").and_then(text_of_value)?, said))
        })
        .collect();
    let told = text("name").is_some() || !links.is_empty();
    let Some((_, template, [rule, name, comment, link])) = known.filter(|_| told) else {
        let kind = match language {
            "sigma" | "snort" | "suricata" | "yara" => language,
            "pcre" => "pattern-in-file",
            _ => "text",
        };
        let mut entry = Entry::within(uuid, "", kind, pattern.to_owned());
        (entry.uuid, entry.to_ids) = (uuid, true);
        return Unit::new(uuid, "indicator", Body::Attributes(vec![entry]));
    };
    let kind = if super::super::types::defaults(rule).to_ids { *rule } else { "text" };
    let mut main = Entry::within(uuid, rule, kind, pattern.to_owned());
    main.to_ids = true;
    let mut entries = vec![main];
    let mut say = |relation: &str, kind: &str, said: Option<String>| {
        if let (false, Some(said)) = (relation.is_empty(), said) {
            entries.push(Entry::within(uuid, relation, kind, said));
        }
    };
    say(comment, "comment", text("description"));
    say(name, "text", text("name"));
    for (url, said) in links.into_iter().filter(|_| !link.is_empty()) {
        let mut entry = Entry::within(uuid, link, "link", url);
        entry.comment = said;
        entries.push(entry);
    }
    let (name, meta) = ((*template).to_owned(), "misc".to_owned());
    Unit::new(uuid, "indicator", Body::Object { name, meta, entries })
}
