//! What is said about the entries of an event: sightings, remarks of analysts, reports.

use std::collections::BTreeSet;

use noroshi_evidence::object::format_timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::emit::{Emit, Properties, Stand, put};
use super::model::{Attribute, Remark, Sighting, SightingKind};
use super::shapes::LANGUAGES;

/// What the opinion of a false positive says.
const HARMLESS: &str = "Seen where it is harmless";
/// What the note of an event without content says.
const NOTHING: &str = "The event holds no attribute, object, galaxy or report.";

/// Sightings of an attribute; one that says it is harmless is an opinion, one that says it is over a note.
pub(super) fn sightings(emit: &mut Emit<'_>, attribute: &Attribute, stand: &Stand) {
    for sighting in &attribute.sightings {
        let seen_by = sighting.org.as_ref().map(|org| emit.identity(org));
        match sighting.kind {
            SightingKind::Seen => seen(emit, sighting, attribute, stand, seen_by),
            SightingKind::FalsePositive => {
                let mut properties = remark_of(sighting, "opinion", stand, seen_by.as_deref());
                put(&mut properties, "opinion", "strongly-disagree");
                put(&mut properties, "explanation", HARMLESS);
                finish(emit, properties, sighting, attribute);
            }
            SightingKind::Expired => {
                let mut properties = remark_of(sighting, "note", stand, seen_by.as_deref());
                put(&mut properties, "content", "Expired");
                put(&mut properties, "labels", json!(["misp:sighting-type=\"expiration\""]));
                finish(emit, properties, sighting, attribute);
            }
        }
    }
}

fn seen(
    emit: &mut Emit<'_>,
    sighting: &Sighting,
    attribute: &Attribute,
    stand: &Stand,
    seen_by: Option<String>,
) {
    let about = stand.indicator.as_ref().or(stand.ids.first());
    let Some(about) = about else { return };
    let at = format_timestamp(sighting.at);
    let mut properties = Map::new();
    put(&mut properties, "type", "sighting");
    put(&mut properties, "id", format!("sighting--{}", sighting.uuid));
    put(&mut properties, "created", at.as_str());
    put(&mut properties, "modified", at.as_str());
    put(&mut properties, "first_seen", at.as_str());
    put(&mut properties, "last_seen", at);
    put(&mut properties, "sighting_of_ref", about.as_str());
    if let (Some(observed), true) = (&stand.observed, stand.indicator.is_some()) {
        put(&mut properties, "observed_data_refs", json!([observed]));
    }
    if let Some(seen_by) = seen_by {
        put(&mut properties, "where_sighted_refs", json!([seen_by]));
    }
    finish(emit, properties, sighting, attribute);
}

fn remark_of(sighting: &Sighting, kind: &str, stand: &Stand, seen_by: Option<&str>) -> Properties {
    let at = format_timestamp(sighting.at);
    let mut properties = Map::new();
    put(&mut properties, "type", kind);
    put(&mut properties, "id", format!("{kind}--{}", sighting.uuid));
    put(&mut properties, "created", at.as_str());
    put(&mut properties, "modified", at);
    put(&mut properties, "object_refs", stand.ids.clone());
    if let Some(org) = &sighting.org {
        put(&mut properties, "authors", json!([org.name]));
    }
    if let Some(seen_by) = seen_by {
        put(&mut properties, "x_misp_author_ref", seen_by);
    }
    properties
}

fn finish(
    emit: &mut Emit<'_>,
    mut properties: Properties,
    sighting: &Sighting,
    attribute: &Attribute,
) {
    let said = json!({
        "attribute_uuid": attribute.uuid.to_string(),
        "date_sighting": sighting.at.as_second().to_string(),
        "type": sighting.kind.number(),
    });
    put(&mut properties, "x_misp_sighting", said);
    emit.add(properties);
}

/// Notes and opinions of analysts about `about`.
pub(super) fn remarks(emit: &mut Emit<'_>, remarks: &[Remark], whose: Uuid, about: &[String]) {
    if about.is_empty() {
        return;
    }
    for remark in remarks {
        let kind = if remark.opinion.is_some() { "opinion" } else { "note" };
        let mut properties = Map::new();
        put(&mut properties, "type", kind);
        put(&mut properties, "id", format!("{kind}--{}", remark.uuid));
        put(&mut properties, "created", format_timestamp(remark.created));
        put(&mut properties, "modified", format_timestamp(remark.modified));
        put(&mut properties, "object_refs", about.to_vec());
        put(&mut properties, "x_misp_object_uuid", whose.to_string());
        if let Some(authors) = &remark.authors {
            put(&mut properties, "authors", json!([authors]));
        }
        if let Some(language) = remark.language.as_deref() {
            let known = LANGUAGES.contains(&language);
            put(&mut properties, if known { "lang" } else { "x_misp_language" }, language);
        }
        if let Some(creator) = emit.creator() {
            put(&mut properties, "created_by_ref", creator);
        }
        if let Some(degree) = remark.opinion {
            put(&mut properties, "opinion", scale(degree));
            put(&mut properties, "x_misp_opinion", degree);
            if !remark.text.is_empty() {
                put(&mut properties, "explanation", remark.text.as_str());
            }
            put(&mut properties, "labels", json!(["misp:context-layer=\"Analyst Opinion\""]));
        } else {
            put(&mut properties, "content", remark.text.as_str());
            put(&mut properties, "labels", json!(["misp:context-layer=\"Analyst Note\""]));
        }
        emit.add(properties);
    }
}

/// The five steps of the standard (section 10.19) over a hundred.
fn scale(degree: u8) -> &'static str {
    match degree {
        0..=20 => "strongly-disagree",
        21..=40 => "disagree",
        41..=60 => "neutral",
        61..=80 => "agree",
        _ => "strongly-agree",
    }
}

/// Reports are notes about what they mention, or about the event.
pub(super) fn reports(emit: &mut Emit<'_>) {
    let event = emit.event;
    for report in &event.reports {
        let mut about = Vec::new();
        let mut seen = BTreeSet::new();
        for uuid in mentioned(&report.content) {
            let ids = emit.stands.get(&uuid).map(|stand| stand.ids.clone()).unwrap_or_default();
            about.extend(ids.into_iter().filter(|id| seen.insert(id.clone())));
        }
        if about.is_empty() {
            about.push(emit.container.clone());
        }
        let mut properties = Map::new();
        put(&mut properties, "type", "note");
        put(&mut properties, "id", format!("note--{}", report.uuid));
        put(&mut properties, "created", format_timestamp(report.timestamp));
        put(&mut properties, "modified", format_timestamp(report.timestamp));
        put(&mut properties, "abstract", report.name.as_str());
        put(&mut properties, "content", report.content.as_str());
        put(&mut properties, "object_refs", about);
        put(&mut properties, "labels", json!(["misp:data-layer=\"Event Report\""]));
        if report.deleted {
            put(&mut properties, "revoked", true);
        }
        if let Some(creator) = emit.creator() {
            put(&mut properties, "created_by_ref", creator);
        }
        let id = emit.add(properties);
        remarks(emit, &report.remarks, report.uuid, &[id]);
    }
}

/// Uuids a report mentions, as `@[attribute](uuid)` and the like, in their order.
fn mentioned(content: &str) -> Vec<Uuid> {
    let mut found = Vec::new();
    for part in content.split("](").skip(1) {
        let uuid = part.split(')').next().and_then(|text| Uuid::try_parse(text).ok());
        found.extend(uuid.filter(|uuid| !found.contains(uuid)));
    }
    found
}

/// What analysts said about the event as a whole.
pub(super) fn event_remarks(emit: &mut Emit<'_>) {
    let event = emit.event;
    let about = [emit.container.clone()];
    remarks(emit, &event.remarks, event.uuid, &about);
}

/// A container must hold something; that it holds nothing is said in a note.
pub(super) fn nothing_in_it(emit: &mut Emit<'_>) {
    let at = format_timestamp(emit.event.timestamp);
    let mut properties = Map::new();
    put(&mut properties, "type", "note");
    put(&mut properties, "id", format!("note--{}", emit.event.uuid));
    put(&mut properties, "created", at.as_str());
    put(&mut properties, "modified", at);
    put(&mut properties, "content", NOTHING);
    put(&mut properties, "object_refs", json!([emit.container]));
    put(&mut properties, "labels", Value::from(vec!["misp:empty"]));
    if let Some(creator) = emit.creator() {
        put(&mut properties, "created_by_ref", creator);
    }
    emit.add(properties);
}
