//! What an object of each type cannot do without (STIX 2.1 sections 3 to 7).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Types of the standard, for finding where an identifier begins in a run of letters.
pub(super) const TYPES: &[&str] = &[
    "artifact",
    "attack-pattern",
    "autonomous-system",
    "bundle",
    "campaign",
    "course-of-action",
    "directory",
    "domain-name",
    "email-addr",
    "email-message",
    "extension-definition",
    "file",
    "grouping",
    "identity",
    "incident",
    "indicator",
    "infrastructure",
    "intrusion-set",
    "ipv4-addr",
    "ipv6-addr",
    "language-content",
    "location",
    "mac-addr",
    "malware",
    "malware-analysis",
    "marking-definition",
    "mutex",
    "network-traffic",
    "note",
    "observed-data",
    "opinion",
    "process",
    "relationship",
    "report",
    "sighting",
    "software",
    "threat-actor",
    "tool",
    "url",
    "user-account",
    "vulnerability",
    "windows-registry-key",
    "x509-certificate",
];

/// Members that no object loses: what identifies it, what restricts it, and what would say something else by its
/// absence (a withdrawn object, an indicator that ends, a value that was made harmless).
pub(super) const REQUIRED_ALWAYS: &[&str] = &[
    "type",
    "spec_version",
    "id",
    "created",
    "modified",
    "revoked",
    "valid_until",
    "stop_time",
    "defanged",
    "lang",
    "object_marking_refs",
    "x_mitre_deprecated",
];

/// Members the standard requires of a type.
pub(super) fn required(object_type: &str) -> &'static [&'static str] {
    match object_type {
        "attack-pattern" | "campaign" | "course-of-action" | "identity" | "incident"
        | "infrastructure" | "intrusion-set" | "threat-actor" | "tool" | "vulnerability"
        | "software" | "mutex" => &["name"],
        "grouping" => &["context", "object_refs"],
        "indicator" => &["pattern", "pattern_type", "pattern_version", "valid_from"],
        "malware" => &["is_family"],
        "malware-analysis" => &["product"],
        "note" => &["content", "object_refs"],
        "observed-data" => &["first_observed", "last_observed", "number_observed"],
        "opinion" => &["opinion", "object_refs"],
        "report" => &["name", "published", "object_refs"],
        "relationship" => &["relationship_type", "source_ref", "target_ref"],
        "sighting" => &["sighting_of_ref", "summary", "count"],
        "language-content" => &["object_ref", "object_modified", "contents"],
        "autonomous-system" => &["number"],
        "directory" => &["path"],
        "domain-name" | "email-addr" | "ipv4-addr" | "ipv6-addr" | "mac-addr" | "url" => &["value"],
        "email-message" => &["is_multipart"],
        "network-traffic" => &["protocols"],
        _ => &[],
    }
}

/// Types that leave whole or not at all: definitions others rely on, and observables whose identifier is computed from
/// `extensions`, where the note that parts were left out would stand.
pub(super) fn is_indivisible(object_type: &str) -> bool {
    matches!(
        object_type,
        "marking-definition" | "extension-definition" | "file" | "network-traffic" | "artifact"
    )
}

/// Members that stand whole or not at all: what restricts the object, and the old form of observations, whose parts
/// name each other by keys.
pub(super) fn is_atomic(object_type: &str, member: &str) -> bool {
    member == "object_marking_refs" || (object_type == "observed-data" && member == "objects")
}

/// Whether a choice the standard demands had an answer before and has none now.
pub(super) fn misses_one_of(
    object_type: &str,
    before: &BTreeSet<String>,
    after: &Map<String, Value>,
) -> bool {
    let lost = |names: &[&str]| {
        names.iter().any(|name| before.contains(*name))
            && !names.iter().any(|name| after.contains_key(*name))
    };
    match object_type {
        "location" => {
            let half = after.contains_key("latitude") != after.contains_key("longitude");
            let loose = after.contains_key("precision") && !after.contains_key("latitude");
            half || loose || lost(&["region", "country", "latitude"])
        }
        "malware-analysis" => lost(&["result", "analysis_sco_refs"]),
        "observed-data" => lost(&["objects", "object_refs"]),
        "process" | "user-account" | "windows-registry-key" | "x509-certificate" => {
            let own = |name: &str| {
                !matches!(name, "type" | "spec_version" | "id" | "extensions" | "granular_markings")
            };
            before.iter().any(|name| own(name)) && !after.keys().any(|name| own(name))
        }
        _ => false,
    }
}

/// Whether an object inside an object has lost what it cannot be without; then all of it goes.
pub(super) fn nested_is_void(
    within: &str,
    before: &BTreeSet<String>,
    after: &Map<String, Value>,
) -> bool {
    let required: &[&str] = match within {
        "kill_chain_phases" => &["kill_chain_name", "phase_name"],
        "external_references" => &["source_name"],
        "archive-ext" => &["contains_refs"],
        "alternate_data_streams" | "sections" => &["name"],
        "windows-pebinary-ext" => &["pe_type"],
        "http-request-ext" => &["request_method", "request_value"],
        "icmp-ext" => &["icmp_type_hex", "icmp_code_hex"],
        "socket-ext" => &["address_family"],
        _ => &["extension_type"],
    };
    let lost = |name: &&str| before.contains(*name) && !after.contains_key(*name);
    let void_reference = within == "external_references"
        && after.keys().all(|name| matches!(name.as_str(), "source_name" | "hashes"));
    void_reference || required.iter().any(lost)
}
