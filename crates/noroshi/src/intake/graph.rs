//! What a filed report puts into the evidence graph: an incident, its observables, an indicator, and how they belong.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_evidence::build::{self, Common, Indicator};
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::{LegalBits, Tlp};
use noroshi_evidence::object::{ParseObject, StixObject};
use noroshi_evidence::observable::Observable;
use uuid::Uuid;

use crate::evidence::rows::{FROM_REPORTS, NewObject, insert_objects};
use crate::office::commit::Write;
use crate::office::id::random_uuid;

/// The identifiers a report's objects keep through all its stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) incident: Uuid,
    pub(super) indicator: Uuid,
    pub(super) relation: Uuid,
}

impl Ids {
    pub(super) fn fresh() -> Self {
        Self { incident: random_uuid(), indicator: random_uuid(), relation: random_uuid() }
    }
}

/// What the objects say. The incident carries the kind of damage and the report's number, not its text: what the
/// operator wrote stays in the report.
pub(super) struct Told<'a> {
    pub(super) ids: &'a Ids,
    pub(super) name: &'a str,
    pub(super) sector: &'a str,
    pub(super) damage: &'static str,
    pub(super) observables: &'a BTreeSet<Observable>,
    pub(super) seen_at: Timestamp,
    pub(super) first: Timestamp,
    pub(super) now: Timestamp,
}

/// The objects of one stage, in an order in which each refers to earlier ones.
pub(super) fn objects(told: &Told<'_>) -> Result<Vec<StixObject>, ParseObject> {
    // TLP:AMBER unless the operator says otherwise: need to know within organisations.
    let marking = vec![Tlp::Amber.marking_id()];
    let common = |uuid: Uuid, labels: Vec<String>| Common {
        modified: told.now,
        object_marking_refs: marking.clone(),
        labels,
        ..Common::first(uuid, told.first)
    };
    let labels = vec![format!("damage:{}", told.damage), format!("sector:{}", told.sector)];
    let mut objects = vec![build::incident(&common(told.ids.incident, labels), told.name, None)?];
    if told.observables.is_empty() {
        return Ok(objects);
    }
    for observable in told.observables {
        // Observables are the same object whoever reports them, so they carry no marking of one report.
        objects.push(build::observable(observable, &[])?);
    }
    let what = Indicator {
        name: told.name,
        description: None,
        indicator_types: &["malicious-activity"],
        observables: told.observables,
        valid_from: told.seen_at,
        valid_until: None,
    };
    objects.push(build::indicator(&common(told.ids.indicator, Vec::new()), &what)?);
    let (Some(indicator), Some(incident)) = (
        objects.last().map(|object| object.id().clone()),
        objects.first().map(|object| object.id().clone()),
    ) else {
        return Ok(objects);
    };
    objects.push(relation(&common(told.ids.relation, Vec::new()), &indicator, &incident)?);
    Ok(objects)
}

fn relation(
    common: &Common,
    indicator: &StixId,
    incident: &StixId,
) -> Result<StixObject, ParseObject> {
    // Section 4.7 has no word for it between these two types; `related-to` is open to all (section 5.1).
    build::relationship(common, "related-to", indicator, incident, None)
}

/// The writes that put them into the graph: marked TLP:AMBER, owned by the operator, without legal bits, and named as
/// stemming from a report, which hides them from hats that may not read reports.
pub(super) fn writes(
    objects: Vec<StixObject>,
    org: &str,
    report: &str,
    now: Timestamp,
) -> Vec<Write> {
    let new = |object| NewObject {
        object,
        tlp: Tlp::Amber,
        class: LegalBits::default().class(),
        originator: org.to_owned(),
        source: format!("{FROM_REPORTS}{report}"),
    };
    let objects: Vec<NewObject> = objects.into_iter().map(new).collect();
    insert_objects(&objects, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_its_observables_and_an_indicator_that_points_to_it() {
        let observables: BTreeSet<Observable> =
            ["203.0.113.7", "c2.example"].map(|text| Observable::parse(text).unwrap()).into();
        let at: Timestamp = "2026-11-23T05:00:00Z".parse().unwrap();
        let told = Told {
            ids: &Ids::fresh(),
            name: "R20261123-AAAA-BBBB",
            sector: "electricity",
            damage: "intrusion",
            observables: &observables,
            seen_at: at,
            first: at,
            now: at,
        };
        let made = objects(&told).unwrap();
        let types: Vec<&str> = made.iter().map(StixObject::object_type).collect();
        assert_eq!(types, ["incident", "ipv4-addr", "domain-name", "indicator", "relationship"]);
        let edge = made.last().unwrap().head().edge.clone().unwrap();
        assert_eq!((&edge.source_ref, &edge.target_ref), (made[3].id(), made[0].id()));
        assert!(!writes(made, "org-1", "report-1", at).is_empty());
        let none = BTreeSet::new();
        let made = objects(&Told { observables: &none, ..told }).unwrap();
        assert_eq!(made.len(), 1, "no indicator of nothing");
    }
}
