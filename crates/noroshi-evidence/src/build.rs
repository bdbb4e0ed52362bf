//! The objects the house itself makes.
//!
//! Identity and time are arguments; the text is canonical (RFC 8785), so the same input gives the same
//! bytes. What is built is read back before it is handed out: no object leaves here that the house
//! would refuse from a stranger.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::id::StixId;
use crate::object::{ParseObject, StixObject, format_timestamp};
use crate::observable::Observable;
use crate::pattern;

/// What every object with versions carries (STIX 2.1 section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// The UUID part of the id.
    pub uuid: Uuid,
    /// When the first version was made; written in milliseconds.
    pub created: Timestamp,
    /// When this version was made; written in milliseconds.
    pub modified: Timestamp,
    /// The identity that makes it.
    pub created_by_ref: Option<StixId>,
    /// Markings of the whole object, for example [`crate::marking::Tlp::marking_id`].
    pub object_marking_refs: Vec<StixId>,
    /// Free words.
    pub labels: Vec<String>,
    /// Whether this version withdraws the object.
    pub revoked: bool,
}

impl Common {
    /// A first version without creator, markings and labels.
    pub const fn first(uuid: Uuid, created: Timestamp) -> Self {
        Self {
            uuid,
            created,
            modified: created,
            created_by_ref: None,
            object_marking_refs: Vec::new(),
            labels: Vec::new(),
            revoked: false,
        }
    }
}

/// An indicator: the observables that betray something (section 4.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator<'a> {
    /// Display name.
    pub name: &'a str,
    /// What it is good for.
    pub description: Option<&'a str>,
    /// `malicious-activity`, `anomalous-activity`, …
    pub indicator_types: &'a [&'a str],
    /// One of these being seen is a match; must not be empty.
    pub observables: &'a BTreeSet<Observable>,
    /// From when it holds.
    pub valid_from: Timestamp,
    /// Until when; must lie after `valid_from`.
    pub valid_until: Option<Timestamp>,
}

/// Makes an indicator.
///
/// ```
/// use noroshi_evidence::build::{Common, Indicator, indicator};
/// let start: jiff::Timestamp = "2026-11-23T00:00:00Z".parse()?;
/// let observables = ["203.0.113.9".parse()?].into();
/// let made = indicator(&Common::first(uuid::Uuid::from_u128(1), start), &Indicator {
///     name: "Command and control", description: None, indicator_types: &["malicious-activity"],
///     observables: &observables, valid_from: start, valid_until: None,
/// })?;
/// assert_eq!(made.head().indicator.as_ref().unwrap().pattern.as_ref(), "[ipv4-addr:value = '203.0.113.9']");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn indicator(common: &Common, what: &Indicator<'_>) -> Result<StixObject, ParseObject> {
    let mut object = versioned("indicator", common);
    object.text("name", Some(what.name));
    object.text("description", what.description);
    object.list("indicator_types", what.indicator_types);
    let pattern = pattern::write(what.observables).ok_or(ParseObject::Missing("pattern"))?;
    object.text("pattern", Some(&pattern));
    object.text("pattern_type", Some("stix"));
    object.text("pattern_version", Some("2.1"));
    object.time("valid_from", Some(what.valid_from));
    object.time("valid_until", what.valid_until);
    if what.valid_until.is_some_and(|until| until <= what.valid_from) {
        let expected = "later than `valid_from`";
        return Err(ParseObject::Form { property: "valid_until", expected });
    }
    object.finish()
}

/// A belief that something was seen (section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting<'a> {
    /// What was seen, mostly an indicator.
    pub sighting_of_ref: &'a StixId,
    /// Who saw it.
    pub where_sighted_refs: &'a [StixId],
    /// What backs it.
    pub observed_data_refs: &'a [StixId],
    /// First time.
    pub first_seen: Option<Timestamp>,
    /// Last time.
    pub last_seen: Option<Timestamp>,
    /// How often; the standard ends at 999,999,999 and larger counts are written as that.
    pub count: Option<u64>,
}

/// Makes a sighting.
pub fn sighting(common: &Common, what: &Sighting<'_>) -> Result<StixObject, ParseObject> {
    ordered("last_seen", what.first_seen, what.last_seen)?;
    let mut object = versioned("sighting", common);
    object.text("sighting_of_ref", Some(what.sighting_of_ref.as_str()));
    object.list("where_sighted_refs", what.where_sighted_refs);
    object.list("observed_data_refs", what.observed_data_refs);
    object.time("first_seen", what.first_seen);
    object.time("last_seen", what.last_seen);
    object.count("count", what.count);
    object.finish()
}

/// What was observed how often in an interval (section 4.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedData<'a> {
    /// First time.
    pub first_observed: Timestamp,
    /// Last time.
    pub last_observed: Timestamp,
    /// How often, at least 1; larger counts than 999,999,999 are written as that.
    pub number_observed: u64,
    /// The observables; must not be empty.
    pub object_refs: &'a [StixId],
}

/// Makes an observed-data object.
pub fn observed_data(common: &Common, what: &ObservedData<'_>) -> Result<StixObject, ParseObject> {
    ordered("last_observed", Some(what.first_observed), Some(what.last_observed))?;
    not_empty("object_refs", what.object_refs)?;
    if what.number_observed == 0 {
        let expected = "at least one";
        return Err(ParseObject::Form { property: "number_observed", expected });
    }
    let mut object = versioned("observed-data", common);
    object.time("first_observed", Some(what.first_observed));
    object.time("last_observed", Some(what.last_observed));
    object.count("number_observed", Some(what.number_observed));
    object.list("object_refs", what.object_refs);
    object.finish()
}

/// An organisation, a sector or a system (section 4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Display name.
    pub name: &'a str,
    /// `organization`, `class`, `system`, …
    pub identity_class: &'a str,
    /// Sectors as in `industry-sector-ov` or the house's own list.
    pub sectors: &'a [&'a str],
    /// More about it.
    pub description: Option<&'a str>,
}

/// Makes an identity.
pub fn identity(common: &Common, what: &Identity<'_>) -> Result<StixObject, ParseObject> {
    let mut object = versioned("identity", common);
    object.text("name", Some(what.name));
    object.text("identity_class", Some(what.identity_class));
    object.list("sectors", what.sectors);
    object.text("description", what.description);
    object.finish()
}

/// Makes an incident (section 4.6, a stub in the standard: name and description).
pub fn incident(
    common: &Common,
    name: &str,
    description: Option<&str>,
) -> Result<StixObject, ParseObject> {
    let mut object = versioned("incident", common);
    object.text("name", Some(name));
    object.text("description", description);
    object.finish()
}

/// A set of activities over a period (section 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign<'a> {
    /// Display name.
    pub name: &'a str,
    /// More about it.
    pub description: Option<&'a str>,
    /// First time.
    pub first_seen: Option<Timestamp>,
    /// Last time.
    pub last_seen: Option<Timestamp>,
}

/// Makes a campaign.
pub fn campaign(common: &Common, what: &Campaign<'_>) -> Result<StixObject, ParseObject> {
    ordered("last_seen", what.first_seen, what.last_seen)?;
    let mut object = versioned("campaign", common);
    object.text("name", Some(what.name));
    object.text("description", what.description);
    object.time("first_seen", what.first_seen);
    object.time("last_seen", what.last_seen);
    object.finish()
}

/// Makes a relationship (section 5.1), for example `indicates` from an indicator to a campaign.
pub fn relationship(
    common: &Common,
    relationship_type: &str,
    source_ref: &StixId,
    target_ref: &StixId,
    description: Option<&str>,
) -> Result<StixObject, ParseObject> {
    let mut object = versioned("relationship", common);
    object.text("relationship_type", Some(relationship_type));
    object.text("source_ref", Some(source_ref.as_str()));
    object.text("target_ref", Some(target_ref.as_str()));
    object.text("description", description);
    object.finish()
}

/// Makes a grouping (section 4.4): objects that share a context, for example `suspicious-activity`.
pub fn grouping(
    common: &Common,
    name: Option<&str>,
    context: &str,
    object_refs: &[StixId],
) -> Result<StixObject, ParseObject> {
    not_empty("object_refs", object_refs)?;
    let mut object = versioned("grouping", common);
    object.text("name", name);
    object.text("context", Some(context));
    object.list("object_refs", object_refs);
    object.finish()
}

/// Makes the observable object of an observable; its id follows from its value.
pub fn observable(what: &Observable, marking: &[StixId]) -> Result<StixObject, ParseObject> {
    let mut object = Draft(what.stix_properties());
    object.text("type", Some(what.stix_type()));
    object.text("spec_version", Some("2.1"));
    object.text("id", Some(what.stix_id().as_str()));
    object.list("object_marking_refs", marking);
    object.finish()
}

/// The largest count the standard allows (sections 4.15 and 5.2).
const COUNT_MAX: u64 = 999_999_999;

fn ordered(
    property: &'static str,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
) -> Result<(), ParseObject> {
    match (first, last) {
        (Some(first), Some(last)) if last < first => {
            Err(ParseObject::Form { property, expected: "later than the first time" })
        }
        _ => Ok(()),
    }
}

const fn not_empty(property: &'static str, refs: &[StixId]) -> Result<(), ParseObject> {
    if refs.is_empty() { Err(ParseObject::Missing(property)) } else { Ok(()) }
}

fn versioned(object_type: &'static str, common: &Common) -> Draft {
    let mut object = Draft(Map::new());
    object.text("type", Some(object_type));
    object.text("spec_version", Some("2.1"));
    object.text("id", Some(StixId::trusted(object_type, common.uuid).as_str()));
    object.time("created", Some(common.created));
    object.time("modified", Some(common.modified));
    object.text("created_by_ref", common.created_by_ref.as_ref().map(StixId::as_str));
    object.list("object_marking_refs", &common.object_marking_refs);
    object.list("labels", &common.labels);
    if common.revoked {
        object.0.insert("revoked".to_owned(), Value::Bool(true));
    }
    object
}

/// The members of an object in the making. The standard forbids empty lists, so none is written.
struct Draft(Map<String, Value>);

impl Draft {
    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), Value::from(value));
        }
    }

    fn list(&mut self, name: &str, values: &[impl AsRef<str>]) {
        if !values.is_empty() {
            let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
            self.0.insert(name.to_owned(), Value::from(values));
        }
    }

    fn time(&mut self, name: &str, value: Option<Timestamp>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), Value::from(format_timestamp(value)));
        }
    }

    fn count(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), Value::from(value.min(COUNT_MAX)));
        }
    }

    fn finish(self) -> Result<StixObject, ParseObject> {
        let text = serde_json_canonicalizer::to_string(&Value::Object(self.0)).unwrap_or_default();
        StixObject::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marking::Tlp;
    use crate::pattern::Reading;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn common(n: u128) -> Common {
        Common::first(Uuid::from_u128(n), time("2026-11-23T01:02:03.456789Z"))
    }

    #[test]
    fn an_indicator_is_canonical_and_its_pattern_reads_back() {
        let observables: BTreeSet<Observable> =
            ["hxxp://c2[.]evil.example/gate", "203.0.113.0/25"].map(|t| t.parse().unwrap()).into();
        let house = StixId::new("identity", Uuid::from_u128(7)).unwrap();
        let common = Common {
            created_by_ref: Some(house),
            object_marking_refs: vec![Tlp::Amber.marking_id()],
            labels: vec!["kiln".to_owned()],
            ..common(1)
        };
        let what = Indicator {
            name: "狼煙 \"quoted\"",
            description: None,
            indicator_types: &["malicious-activity"],
            observables: &observables,
            valid_from: time("2026-11-23T00:00:00Z"),
            valid_until: Some(time("2026-12-23T00:00:00Z")),
        };
        let made = indicator(&common, &what).unwrap();
        assert_eq!(
            made.text(),
            concat!(
                r#"{"created":"2026-11-23T01:02:03.456Z","created_by_ref":"identity--00000000-0000-0000-0000-000000000007","#,
                r#""id":"indicator--00000000-0000-0000-0000-000000000001","indicator_types":["malicious-activity"],"#,
                r#""labels":["kiln"],"modified":"2026-11-23T01:02:03.456Z","name":"狼煙 \"quoted\"","#,
                r#""object_marking_refs":["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"],"#,
                r#""pattern":"[ipv4-addr:value ISSUBSET '203.0.113.0/25' OR url:value = 'http://c2.evil.example/gate']","#,
                r#""pattern_type":"stix","pattern_version":"2.1","spec_version":"2.1","type":"indicator","#,
                r#""valid_from":"2026-11-23T00:00:00.000Z","valid_until":"2026-12-23T00:00:00.000Z"}"#,
            )
        );
        let head = made.head().indicator.as_ref().unwrap();
        assert_eq!(
            pattern::read(&head.pattern),
            Reading::Any(observables.iter().cloned().collect())
        );
        let ended = Indicator { valid_until: Some(what.valid_from), ..what.clone() };
        assert_eq!(indicator(&common, &ended).unwrap_err().code(), "NRS-EVID-0027");
        let nothing = Indicator { observables: &BTreeSet::new(), ..what };
        assert_eq!(indicator(&common, &nothing).unwrap_err().code(), "NRS-EVID-0026");
    }

    #[test]
    fn every_other_object_is_one_the_house_would_take_in() {
        let address: Observable = "203.0.113.9".parse().unwrap();
        let seen = observable(&address, &[Tlp::Green.marking_id()]).unwrap();
        assert_eq!(seen.id(), &address.stix_id());
        let (start, end) = (time("2026-11-20T00:00:00Z"), time("2026-11-21T00:00:00Z"));
        let data = observed_data(
            &common(2),
            &ObservedData {
                first_observed: start,
                last_observed: end,
                number_observed: u64::MAX,
                object_refs: &[seen.id().clone()],
            },
        )
        .unwrap();
        assert_eq!(data.to_value()["number_observed"], COUNT_MAX);
        let operator = identity(
            &common(3),
            &Identity {
                name: "Example Electric",
                identity_class: "organization",
                sectors: &["energy"],
                description: None,
            },
        )
        .unwrap();
        let sighted = sighting(
            &common(4),
            &Sighting {
                sighting_of_ref: seen.id(),
                where_sighted_refs: &[operator.id().clone()],
                observed_data_refs: &[data.id().clone()],
                first_seen: Some(start),
                last_seen: Some(end),
                count: Some(12),
            },
        )
        .unwrap();
        assert_eq!(
            sighted.head().seen.as_ref().unwrap().where_sighted_refs,
            [operator.id().clone()]
        );
        let case = incident(&common(5), "Outage", Some("two substations")).unwrap();
        let what = Campaign {
            name: "Silent Kiln",
            description: None,
            first_seen: Some(end),
            last_seen: Some(start),
        };
        assert_eq!(campaign(&common(6), &what).unwrap_err().code(), "NRS-EVID-0027");
        let what = Campaign { first_seen: Some(start), last_seen: Some(end), ..what };
        let suspected = campaign(&common(6), &what).unwrap();
        let edge =
            relationship(&common(8), "attributed-to", case.id(), suspected.id(), None).unwrap();
        assert_eq!(edge.head().edge.as_ref().unwrap().target_ref, *suspected.id());
        let group =
            grouping(&common(9), None, "suspicious-activity", &[case.id().clone()]).unwrap();
        assert_eq!(group.references().len(), 1);
        assert!(grouping(&common(9), None, "suspicious-activity", &[]).is_err());
    }
}
