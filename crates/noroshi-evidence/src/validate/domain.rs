//! Domain objects (STIX 2.1 section 4).

use super::shape::Kind::{
    Boolean, Closed, Country, Inner, Integer, List, Number, Open, Part, Ref, Text, Time,
};
use super::shape::Rule::{After, AnyOf, Needs, NotBefore, OneOf};
use super::shape::{ANY_REF, Kind, Shape, TEXTS, Target, may, must, shape};
use super::vocab;

const PHASES: Kind = List(&Part(&PHASE));
const REFS: Kind = List(&ANY_REF);
const SOFTWARE: Kind = Ref(Target::Only(&["software"]));

/// Section 2.11.
pub(super) const PHASE: Shape = shape(
    "kill-chain-phase",
    "2.11",
    &[must("kill_chain_name", Text), must("phase_name", Text)],
    &[],
);

/// All of them, in the order of their names.
pub(super) const SHAPES: &[Shape] = &[
    shape(
        "attack-pattern",
        "4.1",
        &[
            must("name", Text),
            may("description", Text),
            may("aliases", TEXTS),
            may("kill_chain_phases", PHASES),
        ],
        &[],
    ),
    shape(
        "campaign",
        "4.2",
        &[
            must("name", Text),
            may("description", Text),
            may("aliases", TEXTS),
            may("first_seen", Time),
            may("last_seen", Time),
            may("objective", Text),
        ],
        &[NotBefore("first_seen", "last_seen")],
    ),
    shape(
        "course-of-action",
        "4.3",
        &[
            must("name", Text),
            may("description", Text),
            // Reserved by section 4.3.1; ways of writing them are being proposed by other work.
            may("action_type", Text),
            may("os_execution_envs", TEXTS),
            may("action_bin", Kind::Binary),
        ],
        &[],
    ),
    shape(
        "grouping",
        "4.4",
        &[
            may("name", Text),
            may("description", Text),
            must("context", Open(&vocab::GROUPING_CONTEXT)),
            must("object_refs", REFS),
        ],
        &[],
    ),
    shape(
        "identity",
        "4.5",
        &[
            must("name", Text),
            may("description", Text),
            may("roles", TEXTS),
            may("identity_class", Open(&vocab::IDENTITY_CLASS)),
            may("sectors", List(&Open(&vocab::INDUSTRY_SECTOR))),
            may("contact_information", Text),
        ],
        &[],
    ),
    shape("incident", "4.6", &[must("name", Text), may("description", Text)], &[]),
    shape(
        "indicator",
        "4.7",
        &[
            may("name", Text),
            may("description", Text),
            may("indicator_types", List(&Open(&vocab::INDICATOR_TYPE))),
            must("pattern", Text),
            must("pattern_type", Open(&vocab::PATTERN_TYPE)),
            may("pattern_version", Text),
            must("valid_from", Time),
            may("valid_until", Time),
            may("kill_chain_phases", PHASES),
        ],
        &[After("valid_from", "valid_until")],
    ),
    shape(
        "infrastructure",
        "4.8",
        &[
            must("name", Text),
            may("description", Text),
            may("infrastructure_types", List(&Open(&vocab::INFRASTRUCTURE_TYPE))),
            may("aliases", TEXTS),
            may("kill_chain_phases", PHASES),
            may("first_seen", Time),
            may("last_seen", Time),
        ],
        &[NotBefore("first_seen", "last_seen")],
    ),
    shape(
        "intrusion-set",
        "4.9",
        &[
            must("name", Text),
            may("description", Text),
            may("aliases", TEXTS),
            may("first_seen", Time),
            may("last_seen", Time),
            may("goals", TEXTS),
            may("resource_level", Open(&vocab::ATTACK_RESOURCE_LEVEL)),
            may("primary_motivation", Open(&vocab::ATTACK_MOTIVATION)),
            may("secondary_motivations", List(&Open(&vocab::ATTACK_MOTIVATION))),
        ],
        &[NotBefore("first_seen", "last_seen")],
    ),
    shape(
        "location",
        "4.10",
        &[
            may("name", Text),
            may("description", Text),
            may("latitude", Number(-90.0, 90.0)),
            may("longitude", Number(-180.0, 180.0)),
            may("precision", Number(f64::MIN, f64::MAX)),
            may("region", Open(&vocab::REGION)),
            may("country", Country),
            may("administrative_area", Text),
            may("city", Text),
            may("street_address", Text),
            may("postal_code", Text),
        ],
        &[
            AnyOf(&["region", "country", "latitude"]),
            Needs("latitude", &["longitude"]),
            Needs("longitude", &["latitude"]),
            Needs("precision", &["latitude", "longitude"]),
        ],
    ),
    shape(
        "malware",
        "4.11",
        &[
            may("name", Text),
            may("description", Text),
            may("malware_types", List(&Open(&vocab::MALWARE_TYPE))),
            must("is_family", Boolean),
            may("aliases", TEXTS),
            may("kill_chain_phases", PHASES),
            may("first_seen", Time),
            may("last_seen", Time),
            may("operating_system_refs", List(&SOFTWARE)),
            may("architecture_execution_envs", List(&Open(&vocab::PROCESSOR_ARCHITECTURE))),
            may("implementation_languages", List(&Open(&vocab::IMPLEMENTATION_LANGUAGE))),
            may("capabilities", List(&Open(&vocab::MALWARE_CAPABILITIES))),
            may("sample_refs", List(&Ref(Target::Only(&["artifact", "file"])))),
        ],
        &[NotBefore("first_seen", "last_seen")],
    ),
    shape(
        "malware-analysis",
        "4.12",
        &[
            must("product", Text),
            may("version", Text),
            may("host_vm_ref", SOFTWARE),
            may("operating_system_ref", SOFTWARE),
            may("installed_software_refs", List(&SOFTWARE)),
            may("configuration_version", Text),
            may("modules", TEXTS),
            may("analysis_engine_version", Text),
            may("analysis_definition_version", Text),
            may("submitted", Time),
            may("analysis_started", Time),
            may("analysis_ended", Time),
            may("result_name", Text),
            may("result", Open(&vocab::MALWARE_RESULT)),
            may("analysis_sco_refs", List(&Ref(Target::Observable))),
            may("sample_ref", Ref(Target::Only(&["artifact", "file", "network-traffic"]))),
        ],
        &[
            AnyOf(&["result", "analysis_sco_refs"]),
            NotBefore("submitted", "analysis_started"),
            NotBefore("analysis_started", "analysis_ended"),
        ],
    ),
    shape(
        "note",
        "4.13",
        &[
            may("abstract", Text),
            must("content", Text),
            may("authors", TEXTS),
            must("object_refs", REFS),
        ],
        &[],
    ),
    shape(
        "observed-data",
        "4.14",
        &[
            must("first_observed", Time),
            must("last_observed", Time),
            must("number_observed", Integer(1, 999_999_999)),
            may("objects", Inner),
            may("object_refs", List(&Ref(Target::Observed))),
        ],
        &[OneOf(&["objects", "object_refs"]), NotBefore("first_observed", "last_observed")],
    ),
    shape(
        "opinion",
        "4.15",
        &[
            may("explanation", Text),
            may("authors", TEXTS),
            must(
                "opinion",
                Closed(&["strongly-disagree", "disagree", "neutral", "agree", "strongly-agree"]),
            ),
            must("object_refs", REFS),
        ],
        &[],
    ),
    shape(
        "report",
        "4.16",
        &[
            must("name", Text),
            may("description", Text),
            may("report_types", List(&Open(&vocab::REPORT_TYPE))),
            must("published", Time),
            must("object_refs", REFS),
        ],
        &[],
    ),
    shape(
        "threat-actor",
        "4.17",
        &[
            must("name", Text),
            may("description", Text),
            may("threat_actor_types", List(&Open(&vocab::THREAT_ACTOR_TYPE))),
            may("aliases", TEXTS),
            may("first_seen", Time),
            may("last_seen", Time),
            may("roles", List(&Open(&vocab::THREAT_ACTOR_ROLE))),
            may("goals", TEXTS),
            may("sophistication", Open(&vocab::THREAT_ACTOR_SOPHISTICATION)),
            may("resource_level", Open(&vocab::ATTACK_RESOURCE_LEVEL)),
            may("primary_motivation", Open(&vocab::ATTACK_MOTIVATION)),
            may("secondary_motivations", List(&Open(&vocab::ATTACK_MOTIVATION))),
            may("personal_motivations", List(&Open(&vocab::ATTACK_MOTIVATION))),
        ],
        &[NotBefore("first_seen", "last_seen")],
    ),
    shape(
        "tool",
        "4.18",
        &[
            must("name", Text),
            may("description", Text),
            may("tool_types", List(&Open(&vocab::TOOL_TYPE))),
            may("aliases", TEXTS),
            may("kill_chain_phases", PHASES),
            may("tool_version", Text),
        ],
        &[],
    ),
    shape("vulnerability", "4.19", &[must("name", Text), may("description", Text)], &[]),
];
