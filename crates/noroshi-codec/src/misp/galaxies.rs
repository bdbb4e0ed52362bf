//! Shared knowledge: techniques, malware, actors, places and sectors that an event names.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_evidence::object::format_timestamp;
use serde_json::{Map, Value, json};

use super::attributes::{is_cve, is_locator};
use super::emit::{Properties, put, versioned};
use super::model::{Cluster, Galaxy};
use super::objects::custom_name;
use super::own;
use super::read::{text_of_value, time_of};

/// Which object a kind of knowledge becomes; the custom kinds `stix-2.0-*` and `stix-2.1-*` say it themselves.
const KINDS: &[(&str, &[&str])] = &[
    (
        "attack-pattern",
        &[
            "cmtmf-attack-pattern",
            "mitre-attack-pattern",
            "mitre-enterprise-attack-attack-pattern",
            "mitre-ics-techniques",
            "mitre-mobile-attack-attack-pattern",
            "mitre-pre-attack-attack-pattern",
        ],
    ),
    (
        "course-of-action",
        &[
            "mitre-course-of-action",
            "mitre-enterprise-attack-course-of-action",
            "mitre-mobile-attack-course-of-action",
        ],
    ),
    ("identity", &["sector"]),
    (
        "intrusion-set",
        &[
            "mitre-enterprise-attack-intrusion-set",
            "mitre-intrusion-set",
            "mitre-mobile-attack-intrusion-set",
            "mitre-pre-attack-intrusion-set",
        ],
    ),
    ("location", &["country", "region"]),
    (
        "malware",
        &[
            "android",
            "backdoor",
            "banker",
            "cryptominers",
            "malpedia",
            "mitre-enterprise-attack-malware",
            "mitre-ics-software",
            "mitre-malware",
            "mitre-mobile-attack-malware",
            "ransomware",
            "stealer",
        ],
    ),
    (
        "threat-actor",
        &["360net-threat-actor", "microsoft-activity-group", "mitre-ics-groups", "threat-actor"],
    ),
    (
        "tool",
        &[
            "botnet",
            "exploit-kit",
            "mitre-enterprise-attack-tool",
            "mitre-mobile-attack-tool",
            "mitre-tool",
            "rat",
            "tds",
            "tool",
        ],
    ),
    ("vulnerability", &["branded-vulnerability"]),
];

/// How a piece of `meta` is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meta {
    Text,
    List,
    Time,
    Bool,
}

/// Pieces of `meta` that have a property: the object, the piece, the property, how.
const METAS: &[(&str, &str, &str, Meta)] = &[
    ("campaign", "first_seen", "first_seen", Meta::Time),
    ("campaign", "last_seen", "last_seen", Meta::Time),
    ("campaign", "objective", "objective", Meta::Text),
    ("intrusion-set", "first_seen", "first_seen", Meta::Time),
    ("intrusion-set", "last_seen", "last_seen", Meta::Time),
    ("intrusion-set", "goals", "goals", Meta::List),
    ("intrusion-set", "resource_level", "resource_level", Meta::Text),
    ("intrusion-set", "primary_motivation", "primary_motivation", Meta::Text),
    ("intrusion-set", "secondary_motivations", "secondary_motivations", Meta::List),
    ("location", "administrative_area", "administrative_area", Meta::Text),
    ("location", "country", "country", Meta::Text),
    ("location", "region", "region", Meta::Text),
    ("malware", "labels", "malware_types", Meta::List),
    ("malware", "malware_types", "malware_types", Meta::List),
    ("malware", "is_family", "is_family", Meta::Bool),
    ("malware", "first_seen", "first_seen", Meta::Time),
    ("malware", "last_seen", "last_seen", Meta::Time),
    ("malware", "architecture_execution_envs", "architecture_execution_envs", Meta::List),
    ("malware", "implementation_languages", "implementation_languages", Meta::List),
    ("malware", "capabilities", "capabilities", Meta::List),
    ("threat-actor", "labels", "threat_actor_types", Meta::List),
    ("threat-actor", "threat_actor_types", "threat_actor_types", Meta::List),
    ("threat-actor", "first_seen", "first_seen", Meta::Time),
    ("threat-actor", "last_seen", "last_seen", Meta::Time),
    ("threat-actor", "roles", "roles", Meta::List),
    ("threat-actor", "goals", "goals", Meta::List),
    ("threat-actor", "sophistication", "sophistication", Meta::Text),
    ("threat-actor", "resource_level", "resource_level", Meta::Text),
    ("threat-actor", "primary_motivation", "primary_motivation", Meta::Text),
    ("threat-actor", "secondary_motivations", "secondary_motivations", Meta::List),
    ("threat-actor", "personal_motivations", "personal_motivations", Meta::List),
    ("tool", "labels", "tool_types", Meta::List),
    ("tool", "tool_types", "tool_types", Meta::List),
    ("tool", "tool_version", "tool_version", Meta::Text),
];

/// Objects that know aliases.
const ALIASED: &[&str] =
    &["attack-pattern", "campaign", "intrusion-set", "malware", "threat-actor", "tool"];
/// Objects that know phases of a kill chain.
const PHASED: &[&str] = &["attack-pattern", "malware", "tool"];

/// Relationships the standard has between two kinds of objects (appendix B): source, targets, kind.
const RELATIONS: &[(&str, &[&str], &str)] = &[
    ("attack-pattern", &["malware", "tool"], "uses"),
    ("attack-pattern", &["identity", "location", "vulnerability"], "targets"),
    ("campaign", &["intrusion-set", "threat-actor"], "attributed-to"),
    ("campaign", &["attack-pattern", "malware", "tool"], "uses"),
    ("campaign", &["identity", "location", "vulnerability"], "targets"),
    ("course-of-action", &["attack-pattern", "malware", "tool", "vulnerability"], "mitigates"),
    (
        "indicator",
        &["attack-pattern", "campaign", "intrusion-set", "malware", "threat-actor", "tool"],
        "indicates",
    ),
    ("intrusion-set", &["threat-actor"], "attributed-to"),
    ("intrusion-set", &["attack-pattern", "malware", "tool"], "uses"),
    ("intrusion-set", &["identity", "location", "vulnerability"], "targets"),
    ("malware", &["attack-pattern", "tool"], "uses"),
    ("malware", &["identity", "location", "vulnerability"], "targets"),
    ("threat-actor", &["attack-pattern", "malware", "tool"], "uses"),
    ("threat-actor", &["identity", "location", "vulnerability"], "targets"),
    ("tool", &["identity", "location", "vulnerability"], "targets"),
];

/// The relationship from what carries a piece of knowledge to it.
pub(super) fn relation(source: &str, target: &str) -> &'static str {
    let kind = |id: &str| id.split_once("--").map(|(kind, _)| kind.to_owned()).unwrap_or_default();
    let (source, target) = (kind(source), kind(target));
    RELATIONS
        .iter()
        .find(|(from, to, _)| *from == source && to.contains(&target.as_str()))
        .map_or("related-to", |(_, _, relation)| relation)
}

/// The tags that say no more than the galaxies of the event do.
pub(super) fn tag_names(galaxies: &[Galaxy]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for galaxy in galaxies {
        for cluster in &galaxy.clusters {
            names.insert(format!("misp-galaxy:{}=\"{}\"", galaxy.kind, cluster.value));
            names.extend(cluster.head.get("tag_name").and_then(text_of_value));
        }
    }
    names
}

/// The type of the object a kind of knowledge becomes; `None` for what STIX has no home for.
pub(super) fn object_type(kind: &str) -> Option<&'static str> {
    let named = kind.strip_prefix("stix-2.1-").or_else(|| kind.strip_prefix("stix-2.0-"));
    let own = ALIASED.iter().chain(&["course-of-action", "location", "vulnerability"]);
    own.copied().find(|object| named == Some(object)).or_else(|| {
        KINDS.iter().find(|(_, kinds)| kinds.contains(&kind)).map(|(object, _)| *object)
    })
}

/// The object of a piece of knowledge.
pub(super) fn object(galaxy: &Galaxy, cluster: &Cluster, at: Timestamp) -> Properties {
    let found = object_type(&galaxy.kind).and_then(|object| known(object, galaxy, cluster));
    let mut properties = found.unwrap_or_else(|| unknown(galaxy, cluster));
    let kind = properties.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    put(&mut properties, "id", format!("{kind}--{}", cluster.uuid));
    let labels = [
        format!("misp:galaxy-name=\"{}\"", galaxy.name),
        format!("misp:galaxy-type=\"{}\"", galaxy.kind),
    ];
    put(&mut properties, "labels", labels.to_vec());
    put(&mut properties, "x_misp_galaxy", own::galaxy_record(galaxy));
    put(&mut properties, "x_misp_cluster", own::cluster_record(cluster));
    versioned(&mut properties, at);
    properties
}

fn unknown(galaxy: &Galaxy, cluster: &Cluster) -> Properties {
    let mut properties = Map::new();
    put(&mut properties, "type", "x-misp-galaxy-cluster");
    put(&mut properties, "x_misp_name", galaxy.name.as_str());
    put(&mut properties, "x_misp_type", galaxy.kind.as_str());
    put(&mut properties, "x_misp_value", cluster.value.as_str());
    put(&mut properties, "x_misp_description", described(galaxy, cluster));
    properties
}

fn described(galaxy: &Galaxy, cluster: &Cluster) -> String {
    let own = if cluster.description.is_empty() { &cluster.value } else { &cluster.description };
    if galaxy.description.is_empty() {
        own.clone()
    } else {
        format!("{} | {own}", galaxy.description)
    }
}

fn known(object: &'static str, galaxy: &Galaxy, cluster: &Cluster) -> Option<Properties> {
    let mut properties = Map::new();
    put(&mut properties, "type", object);
    let name = name_of(galaxy, cluster);
    put(&mut properties, "name", name.as_str());
    let words =
        if cluster.description.is_empty() { &galaxy.description } else { &cluster.description };
    if !words.is_empty() {
        put(&mut properties, "description", words.as_str());
    }
    let mut references = Vec::new();
    let mut names = Map::new();
    for (key, value) in &cluster.meta {
        if !standard(object, key, value, &name, &mut properties, &mut references) {
            custom(key, value, &mut properties, &mut names);
        }
    }
    if !references.is_empty() {
        put(&mut properties, "external_references", references);
    }
    if !names.is_empty() {
        put(&mut properties, "x_misp_original_names", names);
    }
    match object {
        "identity" => put(&mut properties, "identity_class", "class"),
        "malware" if !properties.contains_key("is_family") => {
            put(&mut properties, "is_family", false);
        }
        "location" if !located(galaxy, cluster, &mut properties) => return None,
        _ => {}
    }
    ordered(&mut properties);
    Some(properties)
}

/// ATT&CK puts the number behind the name; the number is an external reference already.
fn name_of(galaxy: &Galaxy, cluster: &Cluster) -> String {
    let value = cluster.value.as_str();
    match value.rsplit_once(" - ") {
        Some((name, number)) if galaxy.kind.starts_with("mitre-") && is_number(number) => {
            name.to_owned()
        }
        _ => value.to_owned(),
    }
}

/// `T1134`, `S0017`, `T1110.001`: letters, then digits.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_uppercase());
    digits.len() < text.len()
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Writes a piece of `meta` where the standard has a property for it.
fn standard(
    object: &str,
    key: &str,
    value: &Value,
    name: &str,
    properties: &mut Properties,
    references: &mut Vec<Value>,
) -> bool {
    let texts = texts(value);
    match key {
        "synonyms" if ALIASED.contains(&object) => {
            let aliases: Vec<String> = texts.into_iter().filter(|alias| alias != name).collect();
            if !aliases.is_empty() {
                put(properties, "aliases", aliases);
            }
        }
        "external_id" => {
            references.splice(0..0, texts.iter().map(|id| numbered(id))).for_each(drop);
        }
        "refs" => {
            let urls = texts.iter().filter(|url| is_locator(url));
            let all = urls.clone().count() == texts.len();
            references.extend(urls.map(|url| json!({ "source_name": "url", "url": url })));
            return all;
        }
        "aliases" if object == "vulnerability" => {
            let known = texts.iter().filter(|alias| is_cve(alias)).map(|alias| numbered(alias));
            references.extend(known);
        }
        "kill_chain" if PHASED.contains(&object) => {
            let phases: Vec<Value> = texts.iter().filter_map(|phase| self::phase(phase)).collect();
            if !phases.is_empty() {
                put(properties, "kill_chain_phases", phases);
            }
        }
        _ => return by_table(object, key, value, properties),
    }
    true
}

fn by_table(object: &str, key: &str, value: &Value, properties: &mut Properties) -> bool {
    let row = METAS.iter().find(|(of, piece, _, _)| *of == object && *piece == key);
    let Some((_, _, property, how)) = row else { return false };
    let texts = texts(value);
    let first = texts.first().cloned().unwrap_or_default();
    let written = match how {
        Meta::List => (!texts.is_empty()).then(|| json!(texts)),
        Meta::Text => (!first.is_empty()).then(|| json!(first)),
        Meta::Time => time_of(&first).map(|at| json!(format_timestamp(at))),
        Meta::Bool => match first.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(json!(true)),
            "false" | "0" => Some(json!(false)),
            _ => None,
        },
    };
    let Some(written) = written.filter(|_| !properties.contains_key(*property)) else {
        return false;
    };
    put(properties, property, written);
    true
}

fn custom(key: &str, value: &Value, properties: &mut Properties, names: &mut Map<String, Value>) {
    let name = custom_name(key);
    let plain = match value {
        Value::Array(_) => json!(texts(value)),
        other => json!(text_of_value(other).unwrap_or_default()),
    };
    if properties.contains_key(&name) || plain == json!("") {
        return;
    }
    if name != format!("x_misp_{key}") {
        put(names, &name, key);
    }
    put(properties, &name, plain);
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(entries) => entries.iter().filter_map(text_of_value).collect(),
        other => text_of_value(other).into_iter().collect(),
    }
}

fn numbered(id: &str) -> Value {
    let source = if id.starts_with("CAPEC-") {
        "capec"
    } else if id.starts_with("CVE-") {
        "cve"
    } else {
        "mitre-attack"
    };
    json!({ "source_name": source, "external_id": id })
}

fn phase(text: &str) -> Option<Value> {
    let (chain, phase) = text.rsplit_once(':')?;
    Some(json!({ "kill_chain_name": chain, "phase_name": phase }))
}

/// Countries and regions have their own ways of saying where they are.
fn located(galaxy: &Galaxy, cluster: &Cluster, properties: &mut Properties) -> bool {
    match galaxy.kind.as_str() {
        "country" => {
            let code = cluster.meta.get("ISO").and_then(Value::as_str);
            let Some(code) = code.filter(|code| code.len() == 2) else { return false };
            put(properties, "country", code);
            if !cluster.description.is_empty() {
                put(properties, "name", cluster.description.as_str());
            }
            put(properties, "description", format!("{} | {}", galaxy.description, cluster.value));
        }
        "region" => {
            let name = cluster.value.split_once(" - ").map_or(cluster.value.as_str(), |(_, n)| n);
            put(properties, "name", name);
            put(properties, "region", name.to_lowercase().replace(' ', "-"));
            put(properties, "description", described(galaxy, cluster));
        }
        _ => {}
    }
    properties.contains_key("country") || properties.contains_key("region")
}

/// The standard wants what was seen last not before what was seen first.
fn ordered(properties: &mut Properties) {
    let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
    if let (Some(first), Some(last)) = (text("first_seen"), text("last_seen"))
        && last < first
    {
        properties.remove("last_seen");
        put(properties, "x_misp_last_seen", last);
    }
}
