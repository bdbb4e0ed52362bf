//! Relationships and sightings (STIX 2.1 section 5), and who usually relates to whom (appendix B).

use super::shape::Kind::{Boolean, Integer, List, Ref, Text, Time};
use super::shape::Rule::{After, NotBefore};
use super::shape::{Kind, Shape, Target, may, must, shape};

const END: Kind = Ref(Target::Not(&[
    "relationship",
    "sighting",
    "bundle",
    "marking-definition",
    "language-content",
]));

pub(super) const SHAPES: &[Shape] = &[
    shape(
        "relationship",
        "5.1",
        &[
            must("relationship_type", Text),
            may("description", Text),
            must("source_ref", END),
            must("target_ref", END),
            may("start_time", Time),
            may("stop_time", Time),
        ],
        &[After("start_time", "stop_time")],
    ),
    shape(
        "sighting",
        "5.2",
        &[
            may("description", Text),
            may("first_seen", Time),
            may("last_seen", Time),
            may("count", Integer(0, 999_999_999)),
            must("sighting_of_ref", Ref(Target::Sighted)),
            may("observed_data_refs", List(&Ref(Target::Only(&["observed-data"])))),
            may("where_sighted_refs", List(&Ref(Target::Only(&["identity", "location"])))),
            may("summary", Boolean),
        ],
        &[NotBefore("first_seen", "last_seen")],
    ),
];

/// Any observable.
const ANY_OBSERVABLE: &str = "*";

/// Source, type of relationship, targets.
const USUAL: &[(&str, &str, &[&str])] = &[
    ("attack-pattern", "delivers", &["malware"]),
    ("attack-pattern", "targets", &["identity", "location", "vulnerability"]),
    ("attack-pattern", "uses", &["malware", "tool"]),
    ("campaign", "attributed-to", &["intrusion-set", "threat-actor"]),
    ("campaign", "compromises", &["infrastructure"]),
    ("campaign", "originates-from", &["location"]),
    ("campaign", "targets", &["identity", "location", "vulnerability"]),
    ("campaign", "uses", &["attack-pattern", "infrastructure", "malware", "tool"]),
    ("course-of-action", "investigates", &["indicator"]),
    (
        "course-of-action",
        "mitigates",
        &["attack-pattern", "indicator", "malware", "tool", "vulnerability"],
    ),
    ("course-of-action", "remediates", &["malware", "vulnerability"]),
    ("domain-name", "resolves-to", &["domain-name", "ipv4-addr", "ipv6-addr"]),
    ("identity", "located-at", &["location"]),
    ("indicator", "based-on", &["observed-data"]),
    (
        "indicator",
        "indicates",
        &[
            "attack-pattern",
            "campaign",
            "infrastructure",
            "intrusion-set",
            "malware",
            "threat-actor",
            "tool",
        ],
    ),
    (
        "infrastructure",
        "communicates-with",
        &["infrastructure", "ipv4-addr", "ipv6-addr", "domain-name", "url"],
    ),
    ("infrastructure", "consists-of", &["infrastructure", "observed-data", ANY_OBSERVABLE]),
    ("infrastructure", "controls", &["infrastructure", "malware"]),
    ("infrastructure", "delivers", &["malware"]),
    ("infrastructure", "has", &["vulnerability"]),
    ("infrastructure", "hosts", &["tool", "malware"]),
    ("infrastructure", "located-at", &["location"]),
    ("infrastructure", "uses", &["infrastructure"]),
    ("intrusion-set", "attributed-to", &["threat-actor"]),
    ("intrusion-set", "compromises", &["infrastructure"]),
    ("intrusion-set", "hosts", &["infrastructure"]),
    ("intrusion-set", "owns", &["infrastructure"]),
    ("intrusion-set", "originates-from", &["location"]),
    ("intrusion-set", "targets", &["identity", "location", "vulnerability"]),
    ("intrusion-set", "uses", &["attack-pattern", "infrastructure", "malware", "tool"]),
    ("ipv4-addr", "belongs-to", &["autonomous-system"]),
    ("ipv4-addr", "resolves-to", &["mac-addr"]),
    ("ipv6-addr", "belongs-to", &["autonomous-system"]),
    ("ipv6-addr", "resolves-to", &["mac-addr"]),
    ("malware", "authored-by", &["threat-actor", "intrusion-set"]),
    ("malware", "beacons-to", &["infrastructure"]),
    ("malware", "exfiltrates-to", &["infrastructure"]),
    ("malware", "communicates-with", &["ipv4-addr", "ipv6-addr", "domain-name", "url"]),
    ("malware", "controls", &["malware"]),
    ("malware", "downloads", &["malware", "tool", "file"]),
    ("malware", "drops", &["malware", "tool", "file"]),
    ("malware", "exploits", &["vulnerability"]),
    ("malware", "originates-from", &["location"]),
    ("malware", "targets", &["identity", "infrastructure", "location", "vulnerability"]),
    ("malware", "uses", &["attack-pattern", "infrastructure", "malware", "tool"]),
    ("malware", "variant-of", &["malware"]),
    ("malware-analysis", "analysis-of", &["malware"]),
    ("malware-analysis", "characterizes", &["malware"]),
    ("malware-analysis", "dynamic-analysis-of", &["malware"]),
    ("malware-analysis", "static-analysis-of", &["malware"]),
    ("threat-actor", "attributed-to", &["identity"]),
    ("threat-actor", "compromises", &["infrastructure"]),
    ("threat-actor", "hosts", &["infrastructure"]),
    ("threat-actor", "owns", &["infrastructure"]),
    ("threat-actor", "impersonates", &["identity"]),
    ("threat-actor", "located-at", &["location"]),
    ("threat-actor", "targets", &["identity", "location", "vulnerability"]),
    ("threat-actor", "uses", &["attack-pattern", "infrastructure", "malware", "tool"]),
    ("tool", "delivers", &["malware"]),
    ("tool", "drops", &["malware"]),
    ("tool", "has", &["vulnerability"]),
    ("tool", "targets", &["identity", "infrastructure", "location", "vulnerability"]),
    ("tool", "uses", &["infrastructure"]),
];

/// What the appendix says about a relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usual {
    /// It is suggested, or the appendix says nothing about such objects.
    Yes,
    /// No relationship of this type starts at such an object.
    NotThisType,
    /// The type is suggested, this target is not.
    NotThisTarget,
}

/// Whether a relationship is one of those which the standard suggests.
pub(super) fn usual(
    source: &str,
    kind: &str,
    target: &str,
    observable: impl Fn(&str) -> bool,
) -> Usual {
    match kind {
        "related-to" | "derived-from" => return Usual::Yes,
        "duplicate-of" if source == target => return Usual::Yes,
        "duplicate-of" => return Usual::NotThisTarget,
        _ => {}
    }
    if crate::object::Family::of_standard_type(source).is_none() {
        return Usual::Yes;
    }
    let Some((_, _, targets)) = USUAL.iter().find(|(from, by, _)| *from == source && *by == kind)
    else {
        return Usual::NotThisType;
    };
    let any = targets.contains(&ANY_OBSERVABLE) && observable(target);
    if any || targets.contains(&target) { Usual::Yes } else { Usual::NotThisTarget }
}
