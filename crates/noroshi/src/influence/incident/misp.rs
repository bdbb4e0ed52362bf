//! A case as an event of MISP: techniques as clusters of the galaxy of DISARM, assets as attributes, channels and what is told
//! as text with its kind in the comment, the rest as a report of the event, and its colour as a tag.

use noroshi_evidence::marking::Tlp;
use serde_json::{Value, json};

use super::part::Body;
use super::read::{Part, Whole};
use super::stix::own;
use crate::evidence::rows::tlp_code;
use crate::influence::disarm::{self, Known};

/// The galaxy of MISP that holds the techniques of DISARM.
pub const GALAXY: &str = "disarm-techniques";

fn uuid(text: &str) -> String {
    let id = own("event", text);
    id.strip_prefix("event--").unwrap_or(&id).to_owned()
}

/// TLP as MISP's taxonomy writes it.
fn tag(tlp: Tlp) -> String {
    let code = tlp_code(tlp).replace("amber-strict", "amber+strict");
    format!("tlp:{code}")
}

struct Event<'a> {
    whole: &'a Whole,
    attributes: Vec<Value>,
    clusters: Vec<Value>,
    report: String,
}

impl Event<'_> {
    fn attribute(
        &mut self,
        part: &Part,
        (kind, category): (&str, &str),
        value: &str,
        comment: &str,
    ) {
        self.attributes.push(json!({
            "uuid": uuid(&part.part), "type": kind, "category": category, "value": value, "comment": comment,
            // What belongs to a case is looked at by people before anything blocks it.
            "to_ids": false, "timestamp": part.at.as_second().to_string(), "distribution": "5",
        }));
    }

    fn technique(&mut self, id: &str) {
        let value = id.to_owned();
        if self.clusters.iter().any(|held| held.get("value").and_then(Value::as_str) == Some(id)) {
            return;
        }
        self.clusters.push(json!({
            "uuid": uuid(&format!("{GALAXY} {id}")), "type": GALAXY, "value": value,
            "tag_name": format!("misp-galaxy:{GALAXY}=\"{id}\""), "description": "",
            "meta": { "external_id": [id] },
        }));
    }

    fn say(&mut self, head: &str, text: &str) {
        self.report.push_str(&format!("## {head}\n\n{text}\n\n"));
    }

    fn part(&mut self, part: &Part) {
        const NETWORK: &str = "Network activity";
        const OTHER: &str = "Other";
        match &part.body {
            Body::Behaviour { technique, .. } => match disarm::known(technique) {
                Known::Before(now) => now.iter().for_each(|one| self.technique(one)),
                Known::Now | Known::Unknown => self.technique(technique),
            },
            Body::Asset { asset, value, evidence } => {
                let kind = match asset.as_str() {
                    "domain" => ("domain", NETWORK),
                    "url" | "media" => ("url", NETWORK),
                    _ => ("text", OTHER),
                };
                self.attribute(part, kind, value, evidence);
            }
            Body::Channel { name, channel_type, exposure, .. } => {
                let comment = format!("channel; {channel_type}; {exposure}");
                self.attribute(part, ("text", OTHER), name, &comment);
            }
            Body::Narrative { name, summary } => self.say(&format!("Narrative: {name}"), summary),
            Body::Target { target, name, domestic_person: false } => {
                self.say(&format!("Target ({target})"), name);
            }
            Body::Amplification { summary, .. } => self.say("Amplification", summary),
            Body::Harm { summary } => self.say("Harm", summary),
            Body::Nexus { statement, confidence, .. } if self.whole.is_nexus_stated(&part.part) => {
                self.say("Foreign nexus, reviewed by two", &format!("{statement} ({confidence})"));
            }
            _ => {}
        }
    }
}

/// The event of a case. The same case gives the same event.
pub fn event(whole: &Whole, tlp: Tlp) -> Value {
    let mut event =
        Event { whole, attributes: Vec::new(), clusters: Vec::new(), report: String::new() };
    for part in whole.live() {
        event.part(part);
    }
    let last = whole.parts.iter().map(|part| part.at).chain(whole.steps.iter().map(|one| one.at));
    let last = last.max().unwrap_or(whole.incident.created_at);
    let at = last.as_second().to_string();
    let id = &whole.incident.incident;
    let reports: Vec<Value> = if event.report.is_empty() {
        Vec::new()
    } else {
        vec![json!({
            "uuid": uuid(&format!("report {id}")), "name": whole.incident.title, "content": event.report,
            "timestamp": at, "deleted": false, "distribution": "5",
        })]
    };
    let galaxies: Vec<Value> = if event.clusters.is_empty() {
        Vec::new()
    } else {
        vec![json!({
            "uuid": uuid(GALAXY), "name": "Techniques", "type": GALAXY, "description": "", "namespace": "disarm",
            "GalaxyCluster": event.clusters,
        })]
    };
    json!({ "Event": {
        "uuid": uuid(id), "info": whole.incident.title, "date": whole.incident.created_at.strftime("%Y-%m-%d").to_string(),
        "timestamp": at, "published": false, "threat_level_id": "4", "analysis": "1", "distribution": "0",
        "Tag": [{ "name": tag(tlp) }, { "name": format!("noroshi:fimi=\"{}\"", whole.incident.state.code()) }],
        "Attribute": event.attributes, "Galaxy": galaxies, "EventReport": reports,
    } })
}
