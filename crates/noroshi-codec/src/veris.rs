//! VERIS incidents as STIX: the incident, its victim, the country, what was done, and what the record itself names.
//!
//! The whole record stays with the incident under `x_noroshi_veris`, so nothing is lost; beside it stand only objects
//! whose meaning is the same on both sides. An actor becomes a threat actor only where the record gives a name, and
//! nothing is concluded from its country.
//!
//! VERIS publishes its rules as a JSON Schema. [`Schema`] reads the subset of it that those rules use; a keyword it does
//! not know makes the schema unusable, because a rule that is passed over would be a rule that is not kept.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use noroshi_evidence::build::{self, Common, Identity, Indicator};
use noroshi_evidence::id::StixId;
use noroshi_evidence::object::{StixObject, format_timestamp};
use noroshi_evidence::paste;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::tongue::{Converted, Put};

/// Longest input read, in bytes.
pub const INPUT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most incidents of one input.
pub const INCIDENTS_MAX: usize = 1_000_000;
/// Violations told of one incident.
pub const VIOLATIONS_MAX: usize = 50;
/// Letters of a summary that make the name.
const NAME_CHARS_MAX: usize = 120;
/// Most locators of one incident's references.
const REFERENCES_MAX: usize = 64;
/// Namespace of the ids of everything made here.
const NAMESPACE: Uuid = Uuid::from_u128(0x3e0a_91c7_5d42_5f6b_9c1e_77b0_4af2_18d3);

/// Why an incident, or the whole input, was put aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Longer than [`INPUT_BYTES_MAX`] or [`INCIDENTS_MAX`].
    #[error("the input is longer than this program reads")]
    TooLong,
    /// No JSON, or neither an incident nor a list of them.
    #[error("the text is no incident and no list of incidents")]
    Form,
    /// A member that everything hangs on is missing: `incident_id`, `timeline.incident.year`.
    #[error("the member `{0}` is missing or of another form")]
    Member(&'static str),
    /// The rules of the schema are not kept.
    #[error("{}", violations(.0))]
    Rules(Vec<Violation>),
    /// The same incident twice; the first one counts.
    #[error("the incident `{0}` occurs twice")]
    Twice(String),
    /// What was made is no object of the standard.
    #[error("the incident makes no object: {0}")]
    Object(String),
}

impl Problem {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "NRS-CODC-0160",
            Self::Form => "NRS-CODC-0161",
            Self::Member(_) => "NRS-CODC-0162",
            Self::Rules(_) => "NRS-CODC-0163",
            Self::Twice(_) => "NRS-CODC-0164",
            Self::Object(_) => "NRS-CODC-0165",
        }
    }
}

fn violations(all: &[Violation]) -> String {
    let shown: Vec<String> = all.iter().map(ToString::to_string).collect();
    shown.join("; ")
}

/// A rule that an incident does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where, as a path with dots: `action.hacking.variety[0]`.
    pub path: String,
    /// The keyword of the schema, and for a missing or unknown member its name.
    pub rule: String,
}

impl core::fmt::Display for Violation {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "`{}` does not keep `{}`", self.path, self.rule)
    }
}

/// Why a text is no schema whose rules could all be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSchema {
    /// No JSON object.
    #[error("the text is no schema")]
    Form,
    /// A keyword that is not known, or known in another form.
    #[error("the keyword `{0}` of the schema is not understood")]
    Keyword(String),
}

impl NoSchema {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form => "NRS-CODC-0166",
            Self::Keyword(_) => "NRS-CODC-0167",
        }
    }
}

/// One step of the rules: what a value must be.
#[derive(Debug, Default)]
pub struct Schema {
    types: Vec<String>,
    values: Option<BTreeSet<String>>,
    members: Vec<(String, Schema)>,
    required: Vec<String>,
    closed: bool,
    items: Option<Box<Schema>>,
    unique: bool,
    pattern: Option<regex::Regex>,
    /// Smallest and largest: number, letters, entries, members.
    number: (Option<f64>, Option<f64>),
    letters: (Option<u64>, Option<u64>),
    entries: (Option<u64>, Option<u64>),
    properties: (Option<u64>, Option<u64>),
}

impl Schema {
    /// Reads the published schema (`verisc-merged.json`).
    pub fn parse(bytes: &[u8]) -> Result<Self, NoSchema> {
        let tree: Value = serde_json::from_slice(bytes).map_err(|_| NoSchema::Form)?;
        Self::of(&tree)
    }

    fn of(tree: &Value) -> Result<Self, NoSchema> {
        let mut made = Self::default();
        for (keyword, value) in tree.as_object().ok_or(NoSchema::Form)? {
            made.keyword(keyword, value).ok_or_else(|| NoSchema::Keyword(keyword.clone()))??;
        }
        Ok(made)
    }

    /// `None` when the keyword is unknown or of another form.
    fn keyword(&mut self, keyword: &str, value: &Value) -> Option<Result<(), NoSchema>> {
        let texts = |value: &Value| {
            let list = value.as_array()?.iter();
            list.map(|one| one.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        match keyword {
            "$schema" | "$id" | "id" | "title" | "description" | "definition" | "default" => {}
            "type" => {
                self.types =
                    value.as_str().map(|one| vec![one.to_owned()]).or_else(|| texts(value))?;
            }
            "enum" => self.values = Some(value.as_array()?.iter().map(Value::to_string).collect()),
            "required" => self.required = texts(value)?,
            "additionalProperties" => self.closed = !value.as_bool()?,
            "uniqueItems" => self.unique = value.as_bool()?,
            "pattern" => self.pattern = Some(regex::Regex::new(value.as_str()?).ok()?),
            "minimum" => self.number.0 = Some(value.as_f64()?),
            "maximum" => self.number.1 = Some(value.as_f64()?),
            "minLength" => self.letters.0 = Some(value.as_u64()?),
            "maxLength" => self.letters.1 = Some(value.as_u64()?),
            "minItems" => self.entries.0 = Some(value.as_u64()?),
            "maxItems" => self.entries.1 = Some(value.as_u64()?),
            "minProperties" => self.properties.0 = Some(value.as_u64()?),
            "maxProperties" => self.properties.1 = Some(value.as_u64()?),
            "items" => match Self::of(value) {
                Ok(items) => self.items = Some(Box::new(items)),
                Err(problem) => return Some(Err(problem)),
            },
            "properties" => {
                for (name, rules) in value.as_object()? {
                    match Self::of(rules) {
                        Ok(rules) => self.members.push((name.clone(), rules)),
                        Err(problem) => return Some(Err(problem)),
                    }
                }
            }
            _ => return None,
        }
        Some(Ok(()))
    }

    /// What an incident does not keep, at most [`VIOLATIONS_MAX`].
    pub fn check(&self, incident: &Value) -> Vec<Violation> {
        let mut found = Vec::new();
        self.judge("", incident, &mut found);
        found.truncate(VIOLATIONS_MAX);
        found
    }

    fn judge(&self, path: &str, value: &Value, found: &mut Vec<Violation>) {
        if found.len() >= VIOLATIONS_MAX {
            return;
        }
        let mut tell = |rule: &str, kept: bool| {
            if !kept {
                found.push(violation(path, rule));
            }
        };
        tell("type", self.types.is_empty() || self.types.iter().any(|name| is_a(name, value)));
        tell("enum", self.values.as_ref().is_none_or(|known| known.contains(&value.to_string())));
        match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                tell("minimum", self.number.0.is_none_or(|least| number >= least));
                tell("maximum", self.number.1.is_none_or(|most| number <= most));
            }
            Value::String(text) => {
                bounds(&mut tell, self.letters, text.chars().count(), ("minLength", "maxLength"));
                tell("pattern", self.pattern.as_ref().is_none_or(|form| form.is_match(text)));
            }
            Value::Array(list) => {
                bounds(&mut tell, self.entries, list.len(), ("minItems", "maxItems"));
                let distinct: BTreeSet<String> = list.iter().map(Value::to_string).collect();
                tell("uniqueItems", !self.unique || distinct.len() == list.len());
                for (at, one) in list.iter().enumerate() {
                    if let Some(items) = &self.items {
                        items.judge(&format!("{path}[{at}]"), one, found);
                    }
                }
            }
            Value::Object(object) => self.judge_object(path, object, found),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn judge_object(&self, path: &str, object: &Map<String, Value>, found: &mut Vec<Violation>) {
        let mut tell = |rule: &str, kept: bool| {
            if !kept {
                found.push(violation(path, rule));
            }
        };
        bounds(&mut tell, self.properties, object.len(), ("minProperties", "maxProperties"));
        for name in &self.required {
            tell(&format!("required {name}"), object.contains_key(name));
        }
        let rules_of = |name: &str| self.members.iter().find(|(known, _)| known == name);
        for name in object.keys().filter(|name| rules_of(name).is_none()) {
            let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
            tell(&format!("additionalProperties {shown}"), !self.closed);
        }
        for (name, value) in object {
            if let Some((_, rules)) = rules_of(name) {
                let dot = if path.is_empty() { "" } else { "." };
                rules.judge(&format!("{path}{dot}{name}"), value, found);
            }
        }
    }
}

fn violation(path: &str, rule: &str) -> Violation {
    Violation { path: path.to_owned(), rule: rule.to_owned() }
}

fn bounds(
    tell: &mut impl FnMut(&str, bool),
    (least, most): (Option<u64>, Option<u64>),
    count: usize,
    (at_least, at_most): (&str, &str),
) {
    tell(at_least, least.is_none_or(|least| count as u64 >= least));
    tell(at_most, most.is_none_or(|most| count as u64 <= most));
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        _ => false,
    }
}

/// Whether a JSON text is an incident or a list of them, by its members.
pub fn recognises(tree: &Value) -> bool {
    let first = tree.as_array().and_then(|list| list.first()).unwrap_or(tree);
    let has = |name: &str| first.get(name).is_some();
    has("schema_version") && has("incident_id") && has("actor") && has("action")
}

/// Reads one incident or a list of them. With a `schema` each must keep its rules; without one only what everything
/// hangs on is asked for.
///
/// ```
/// let incident = br#"{"incident_id":"A-1","schema_version":"1.3.7","security_incident":"Confirmed",
///   "summary":"a lost laptop","actor":{"internal":{}},"action":{"error":{"variety":["Loss"]}},
///   "timeline":{"incident":{"year":2025}},"victim":{"victim_id":"Example Hospital","industry":"622110"}}"#;
/// let made = noroshi_codec::veris::to_stix(incident, None);
/// let types: Vec<&str> = made.objects.iter().map(|object| object.object_type()).collect();
/// assert_eq!(types, ["incident", "identity", "relationship", "attack-pattern", "relationship"]);
/// ```
pub fn to_stix(bytes: &[u8], schema: Option<&Schema>) -> Converted<Problem> {
    let mut made = Converted::default();
    let whole = |problem| Put { entry: None, id: None, bytes: bytes.to_vec(), problem };
    if bytes.len() > INPUT_BYTES_MAX {
        made.aside.push(whole(Problem::TooLong));
        return made;
    }
    let incidents = match serde_json::from_slice(bytes) {
        Ok(Value::Array(list)) => list,
        Ok(one @ Value::Object(_)) => vec![one],
        _ => {
            made.aside.push(whole(Problem::Form));
            return made;
        }
    };
    let mut seen = BTreeSet::new();
    for (entry, incident) in incidents.iter().enumerate() {
        let name = incident.get("incident_id").and_then(Value::as_str).map(str::to_owned);
        let read =
            if entry >= INCIDENTS_MAX { Err(Problem::TooLong) } else { one(incident, schema) };
        let problem = match read {
            Ok(objects) => {
                let first = objects.first().map(|object| object.id().clone());
                if seen.insert(first) {
                    // What two incidents share (a country, a kind of action) is one object.
                    made.objects.extend(objects.into_iter().filter(|object| {
                        object.object_type() == "incident" || seen.insert(Some(object.id().clone()))
                    }));
                    continue;
                }
                Problem::Twice(name.clone().unwrap_or_default())
            }
            Err(problem) => problem,
        };
        let stop = problem == Problem::TooLong;
        let bytes = incident.to_string().into_bytes();
        made.aside.push(Put { entry: Some(entry), id: name, bytes, problem });
        if stop {
            return made;
        }
    }
    made.complete = true;
    made
}

fn one(incident: &Value, schema: Option<&Schema>) -> Result<Vec<StixObject>, Problem> {
    if let Some(schema) = schema {
        let broken = schema.check(incident);
        if !broken.is_empty() {
            return Err(Problem::Rules(broken));
        }
    }
    let number = text(incident, "/incident_id").ok_or(Problem::Member("incident_id"))?;
    let begun = begun(incident).ok_or(Problem::Member("timeline.incident.year"))?;
    let time = |path: &str| text(incident, path).and_then(|at| at.parse::<Timestamp>().ok());
    let created = time("/plus/created").unwrap_or(begun);
    let modified = time("/plus/modified").unwrap_or(created).max(created);
    let source = text(incident, "/source_id").unwrap_or_default();
    let mut making =
        Making { incident, created, modified, key: format!("{source}/{number}"), made: Vec::new() };
    let id = making.incident_object(number)?;
    let victim = making.victim(&id)?;
    making.actions(&id)?;
    making.actors(&id)?;
    making.indicators(&id)?;
    if let Some(victim) = victim {
        making.countries(&victim)?;
    }
    Ok(making.made)
}

fn text<'a>(incident: &'a Value, pointer: &str) -> Option<&'a str> {
    let found = incident.pointer(pointer)?.as_str()?.trim();
    (!found.is_empty()).then_some(found)
}

fn texts<'a>(incident: &'a Value, pointer: &str) -> Vec<&'a str> {
    let list = incident.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

/// When it happened, as exactly as the record says.
fn begun(incident: &Value) -> Option<Timestamp> {
    let number = |name: &str| incident.pointer(&format!("/timeline/incident/{name}"))?.as_i64();
    let year = i16::try_from(number("year")?).ok()?;
    let part = |name: &str| number(name).and_then(|part| i8::try_from(part).ok()).unwrap_or(1);
    let date = Date::new(year, part("month"), part("day")).or_else(|_| Date::new(year, 1, 1));
    Offset::UTC.to_timestamp(date.ok()?.at(0, 0, 0, 0)).ok()
}

/// Namespaced by kind, so that a victim and a country of one name differ.
fn uuid(kind: &str, key: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind}/{key}").as_bytes())
}

/// The objects of one incident in the making.
struct Making<'a> {
    incident: &'a Value,
    created: Timestamp,
    modified: Timestamp,
    key: String,
    made: Vec<StixObject>,
}

impl Making<'_> {
    /// What is the same for every record has the same times everywhere, so that two records do not contradict.
    const fn shared(uuid: Uuid) -> Common {
        Common::first(uuid, Timestamp::UNIX_EPOCH)
    }

    fn own(&self, kind: &str, key: &str) -> Common {
        let uuid = uuid(kind, &format!("{}/{key}", self.key));
        Common { modified: self.modified, ..Common::first(uuid, self.created) }
    }

    fn add(
        &mut self,
        object: Result<StixObject, noroshi_evidence::object::ParseObject>,
    ) -> Result<StixId, Problem> {
        let object = object.map_err(|problem| Problem::Object(problem.to_string()))?;
        let id = object.id().clone();
        self.made.push(object);
        Ok(id)
    }

    fn relate(&mut self, kind: &str, from: &StixId, to: &StixId) -> Result<(), Problem> {
        let common = self.own("relationship", &format!("{from}/{kind}/{to}"));
        self.add(build::relationship(&common, kind, from, to, None)).map(drop)
    }

    fn incident_object(&mut self, number: &str) -> Result<StixId, Problem> {
        let incident = self.incident;
        let summary = text(incident, "/summary");
        let name: String = match summary.and_then(|summary| summary.lines().next()) {
            Some(line) => line.chars().take(NAME_CHARS_MAX).collect(),
            None => format!("VERIS incident {number}"),
        };
        let mut references = vec![json!({ "source_name": "veris", "external_id": number })];
        let locators =
            text(incident, "/reference").unwrap_or_default().split([';', ' ', ',', '\n']);
        let locators = locators.map(str::trim).filter(|one| one.starts_with("http"));
        references.extend(
            locators.take(REFERENCES_MAX).map(|url| json!({ "source_name": "veris", "url": url })),
        );
        let mut object = json!({
            "type": "incident", "spec_version": "2.1",
            "id": StixId::new("incident", uuid("incident", &self.key)).ok(),
            "created": format_timestamp(self.created), "modified": format_timestamp(self.modified),
            "name": name, "external_references": references, "labels": labels(incident),
            "x_noroshi_veris": incident,
        });
        if let Some(members) = object.as_object_mut() {
            let mut put = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    members.insert(name.to_owned(), value);
                }
            };
            put("description", summary.map(Value::from));
            put("confidence", text(incident, "/confidence").and_then(confidence).map(Value::from));
        }
        let written = serde_json_canonicalizer::to_string(&object).unwrap_or_default();
        self.add(StixObject::parse(&written))
    }

    fn victim(&mut self, incident: &StixId) -> Result<Option<StixId>, Problem> {
        if self.incident.get("victim").is_none() {
            return Ok(None);
        }
        let name = text(self.incident, "/victim/victim_id");
        let sector = text(self.incident, "/victim/industry").and_then(sector);
        let sectors: Vec<&str> = sector.into_iter().collect();
        let what = Identity {
            name: name.unwrap_or("unnamed victim"),
            identity_class: "organization",
            sectors: &sectors,
            description: None,
        };
        let common = self.own("identity", "victim");
        let victim = self.add(build::identity(&common, &what))?;
        self.relate("related-to", incident, &victim)?;
        Ok(Some(victim))
    }

    fn countries(&mut self, victim: &StixId) -> Result<(), Problem> {
        let codes = texts(self.incident, "/victim/country");
        for code in codes.into_iter().filter(|code| is_country(code)) {
            let written = serde_json_canonicalizer::to_string(&json!({
                "type": "location", "spec_version": "2.1", "country": code, "name": code,
                "id": StixId::new("location", uuid("location", code)).ok(),
                "created": format_timestamp(Timestamp::UNIX_EPOCH),
                "modified": format_timestamp(Timestamp::UNIX_EPOCH),
            }));
            let place = self.add(StixObject::parse(&written.unwrap_or_default()))?;
            self.relate("located-at", victim, &place)?;
        }
        Ok(())
    }

    /// Each kind of action by its own words; no mapping to another catalogue is claimed.
    fn actions(&mut self, incident: &StixId) -> Result<(), Problem> {
        let actions = self.incident.get("action").and_then(Value::as_object);
        for (category, action) in actions.into_iter().flatten() {
            for variety in texts(action, "/variety").into_iter().filter(|one| !is_unsaid(one)) {
                let common = Self::shared(uuid("attack-pattern", &format!("{category}/{variety}")));
                let written = serde_json_canonicalizer::to_string(&json!({
                    "type": "attack-pattern", "spec_version": "2.1",
                    "id": StixId::new("attack-pattern", common.uuid).ok(),
                    "created": format_timestamp(common.created), "modified": format_timestamp(common.modified),
                    "name": format!("{category}: {variety}"),
                    "external_references": [{ "source_name": "veris", "external_id": format!("action.{category}.variety.{variety}") }],
                }));
                let pattern = self.add(StixObject::parse(&written.unwrap_or_default()))?;
                self.relate("related-to", incident, &pattern)?;
            }
        }
        Ok(())
    }

    fn actors(&mut self, incident: &StixId) -> Result<(), Problem> {
        for name in
            texts(self.incident, "/actor/external/name").into_iter().filter(|one| !is_unsaid(one))
        {
            let common = self.own("threat-actor", name);
            let written = serde_json_canonicalizer::to_string(&json!({
                "type": "threat-actor", "spec_version": "2.1", "name": name,
                "id": StixId::new("threat-actor", common.uuid).ok(),
                "created": format_timestamp(common.created), "modified": format_timestamp(common.modified),
            }));
            let actor = self.add(StixObject::parse(&written.unwrap_or_default()))?;
            self.relate("attributed-to", incident, &actor)?;
        }
        Ok(())
    }

    fn indicators(&mut self, incident: &StixId) -> Result<(), Problem> {
        let listed = self.incident.get("ioc").and_then(Value::as_array).into_iter().flatten();
        for text in listed.filter_map(|ioc| ioc.get("indicator")?.as_str()) {
            let observables = paste::read(text).observables();
            if observables.is_empty() {
                continue;
            }
            let common = self.own("indicator", text);
            let what = Indicator {
                name: text,
                description: None,
                indicator_types: &[],
                observables: &observables,
                valid_from: self.created,
                valid_until: None,
            };
            let indicator = self.add(build::indicator(&common, &what))?;
            self.relate("related-to", &indicator, incident)?;
        }
        Ok(())
    }
}

/// Who acted, how large the victim is, and how sure the record is that it was an incident: to filter by.
fn labels(incident: &Value) -> Vec<String> {
    let mut labels = Vec::new();
    for side in ["external", "internal", "partner", "unknown"] {
        if incident.pointer(&format!("/actor/{side}")).is_some() {
            labels.push(format!("veris:actor={side}"));
        }
    }
    if let Some(size) = text(incident, "/victim/employee_count").and_then(size) {
        labels.push(format!("veris:victim-size={size}"));
    }
    if let Some(sure) = text(incident, "/security_incident") {
        labels.push(format!("veris:security-incident={}", sure.to_lowercase()));
    }
    labels
}

/// VERIS draws the line at a thousand people.
fn size(count: &str) -> Option<&'static str> {
    match count {
        "1 to 10" | "11 to 100" | "101 to 1000" | "Small" => Some("small"),
        "1001 to 10000" | "10001 to 25000" | "25001 to 50000" | "50001 to 100000"
        | "Over 100000" | "Large" => Some("large"),
        _ => None,
    }
}

/// STIX 2.1 appendix A: None, Low, Medium, High.
fn confidence(word: &str) -> Option<u8> {
    match word {
        "None" => Some(0),
        "Low" => Some(15),
        "Medium" => Some(50),
        "High" => Some(85),
        _ => None,
    }
}

/// The industries (NAICS) that `industry-sector-ov` has a word for.
fn sector(naics: &str) -> Option<&'static str> {
    let two: String = naics.chars().take(2).collect();
    match two.as_str() {
        "11" => Some("agriculture"),
        "21" => Some("mining"),
        "22" => Some("utilities"),
        "23" => Some("construction"),
        "31" | "32" | "33" => Some("manufacturing"),
        "44" | "45" => Some("retail"),
        "48" | "49" => Some("transportation"),
        "51" if naics.starts_with("517") => Some("telecommunications"),
        "52" if naics.starts_with("524") => Some("insurance"),
        "52" => Some("financial-services"),
        "61" => Some("education"),
        "62" => Some("healthcare"),
        "71" => Some("entertainment"),
        "72" => Some("hospitality-leisure"),
        "92" => Some("government"),
        _ => None,
    }
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Words of the enumerations that say that nothing is said.
fn is_unsaid(word: &str) -> bool {
    matches!(word, "Unknown" | "Other" | "NA" | "unknown" | "Unknown " | "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn corpus(path: &str) -> Option<PathBuf> {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora"))
            .join(path);
        if !path.exists() {
            println!("corpora absent: skipped {}", path.display());
        }
        path.exists().then_some(path)
    }

    fn files(path: &str) -> Vec<(String, Vec<u8>)> {
        let Some(folder) = corpus(path) else { return Vec::new() };
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().path()).collect();
        files.sort();
        files
            .iter()
            .map(|file| (file.display().to_string(), std::fs::read(file).unwrap()))
            .collect()
    }

    fn incident() -> Value {
        json!({
            "incident_id": "A-1", "schema_version": "1.3.7", "security_incident": "Confirmed", "source_id": "own",
            "summary": "mail with a link", "confidence": "High", "reference": "https://news.example/1; not a link",
            "actor": { "external": { "name": ["Silent Kiln"], "variety": ["Unknown"], "country": ["ZZ"] } },
            "action": { "social": { "variety": ["Phishing", "Unknown"], "vector": ["Email"] } },
            "ioc": [{ "indicator": "hxxp://c2[.]evil.example/" }, { "indicator": "a red fox" }],
            "timeline": { "incident": { "year": 2025, "month": 2, "day": 31 } },
            "victim": { "victim_id": "Example Hospital", "industry": "622110", "employee_count": "Over 100000",
                        "country": ["JP", "Unknown"] },
        })
    }

    #[test]
    fn an_incident_says_in_stix_what_it_said_before() {
        let made = to_stix(incident().to_string().as_bytes(), None);
        assert_eq!(made.aside, []);
        let types: Vec<&str> = made.objects.iter().map(StixObject::object_type).collect();
        assert_eq!(
            types,
            [
                "incident",
                "identity",
                "relationship",
                "attack-pattern",
                "relationship",
                "threat-actor",
                "relationship",
                "indicator",
                "relationship",
                "location",
                "relationship",
            ]
        );
        let tree = made.objects[0].to_value();
        assert_eq!(tree["x_noroshi_veris"], incident());
        assert_eq!(
            (tree["created"].as_str(), tree["confidence"].as_u64()),
            (Some("2025-01-01T00:00:00.000Z"), Some(85))
        );
        assert_eq!(
            tree["labels"],
            json!([
                "veris:actor=external",
                "veris:victim-size=large",
                "veris:security-incident=confirmed"
            ])
        );
        assert_eq!(made.objects[1].to_value()["sectors"], json!(["healthcare"]));
        // Nothing is concluded from an actor's country.
        assert!(!made.objects.iter().skip(1).any(|object| object.text().contains("ZZ")));
        assert_eq!(to_stix(incident().to_string().as_bytes(), None), made);
    }

    #[test]
    fn a_bad_incident_costs_itself_only() {
        let mut nameless = incident();
        nameless["incident_id"] = json!(7);
        let mut timeless = incident();
        timeless["timeline"] = json!({});
        let list = json!([nameless, 7, incident(), timeless, incident()]).to_string();
        let made = to_stix(list.as_bytes(), None);
        let codes: Vec<_> = made.aside.iter().map(|one| (one.entry, one.problem.code())).collect();
        assert_eq!(
            codes,
            [
                (Some(0), "NRS-CODC-0162"),
                (Some(1), "NRS-CODC-0162"),
                (Some(3), "NRS-CODC-0162"),
                (Some(4), "NRS-CODC-0164"),
            ]
        );
        assert_eq!(made.objects.len(), 11);
        assert_eq!(to_stix(b"[", None).aside[0].problem.code(), "NRS-CODC-0161");
        assert_eq!(to_stix(&[b'['; 100_000], None).aside[0].problem.code(), "NRS-CODC-0161");
    }

    #[test]
    fn a_schema_with_unknown_words_is_refused() {
        let code = |text: &str| Schema::parse(text.as_bytes()).unwrap_err().code();
        assert_eq!(code("[]"), "NRS-CODC-0166");
        assert_eq!(code(r#"{"oneOf":[]}"#), "NRS-CODC-0167");
        assert_eq!(code(r#"{"properties":{"a":{"not":{}}}}"#), "NRS-CODC-0167");
        let schema = Schema::parse(br#"{"type":"object","additionalProperties":false,"required":["a"],
            "properties":{"a":{"type":"array","minItems":1,"uniqueItems":true,"items":{"enum":["x","y"]}}}}"#).unwrap();
        let told =
            |value: Value| schema.check(&value).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(json!({ "a": ["x"] })), Vec::<String>::new());
        assert_eq!(
            told(json!({ "b": 1 })),
            ["`` does not keep `required a`", "`` does not keep `additionalProperties b`"]
        );
        assert_eq!(
            told(json!({ "a": ["z", "z"] })),
            [
                "`a` does not keep `uniqueItems`",
                "`a[0]` does not keep `enum`",
                "`a[1]` does not keep `enum`",
            ]
        );
    }

    #[test]
    fn the_published_cases_are_judged_as_their_authors_do() {
        let Some(path) = corpus("veris-schema/verisc-merged@0b87018-1.3.json") else { return };
        let schema = Schema::parse(&std::fs::read(path).unwrap()).unwrap();
        let later = corpus("veris-schema/verisc-merged.json").unwrap();
        assert!(Schema::parse(&std::fs::read(later).unwrap()).is_ok());
        let (mut agreed, mut differ) = (0, Vec::new());
        for (name, bytes) in files("veris-schema/tests") {
            let case: Value = serde_json::from_slice(&bytes).unwrap();
            let passes = schema.check(&case["incident"]).is_empty();
            if passes == (case["should"] == "pass") {
                agreed += 1;
            } else {
                differ.push(name);
            }
        }
        assert_eq!(differ, Vec::<String>::new());
        assert_eq!(agreed, 222);
    }

    #[test]
    fn the_published_incidents_keep_their_counts() {
        let all = files("vcdb-sample-verisr/tests/testthat/data");
        if all.is_empty() {
            return;
        }
        let mut counts = std::collections::BTreeMap::new();
        for (name, bytes) in &all {
            let made = to_stix(bytes, None);
            assert!(made.complete && made.aside.is_empty(), "{name}: {:?}", made.aside);
            for label in &made.objects[0].head().labels {
                *counts.entry(label.to_string()).or_insert(0) += 1;
            }
        }
        let count = |label: &str| counts.get(label).copied().unwrap_or(0);
        assert_eq!(all.len(), 100);
        assert_eq!(
            ["external", "internal", "partner", "unknown"]
                .map(|side| count(&format!("veris:actor={side}"))),
            [50, 45, 5, 4]
        );
        assert_eq!(
            ["small", "large"].map(|size| count(&format!("veris:victim-size={size}"))),
            [24, 39]
        );
    }

    proptest! {
        #[test]
        fn damage_is_survived(at in 0usize..1200, byte: u8) {
            let mut bytes = incident().to_string().into_bytes();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let made = to_stix(&bytes, None);
            prop_assert!(!made.objects.is_empty() || made.aside.len() == 1);
        }
    }
}
