//! Messages, with their correspondents and attachments.

use serde_json::{Map, Value, json};

use super::super::attributes::{id, is_email, observable};
use super::super::emit::{Properties, Shape, put};
use super::super::model::{Attribute, Object};
use super::super::patterns::equals;
use super::super::shapes::EMAIL;
use super::Filled;

/// Lists of correspondents: the relation, the property.
const LISTS: [(&str, &str); 3] = [("to", "to_refs"), ("cc", "cc_refs"), ("bcc", "bcc_refs")];
/// Headers that STIX has no property for.
const HEADERS: [(&str, &str); 2] = [("reply-to", "Reply-To"), ("x-mailer", "X-Mailer")];

pub(super) fn shape(object: &Object) -> Shape {
    let mut message = Message::default();
    for (relation, property) in LISTS {
        message.list(object, relation, property);
    }
    message.sender(object);
    message.headers(object);
    message.parts(object);
    let rows = Filled::rows(object, EMAIL, "email-message", "");
    let mut filled = Filled {
        properties: message.properties,
        comparisons: message.comparisons,
        used: rows.used,
    };
    filled.properties.extend(rows.properties);
    filled.comparisons.extend(rows.comparisons);
    let placed = message.placed;
    let at = |attribute: &Attribute| placed.contains(&attribute.uuid);
    filled
        .used
        .extend(object.attributes.iter().enumerate().filter(|(_, a)| at(a)).map(|(at, _)| at));
    filled.rest(object, "email-message", "", &[]);
    let multipart = filled.properties.contains_key("body_multipart");
    put(&mut filled.properties, "is_multipart", multipart);
    let made = observable("email-message", object.uuid, Value::Object(filled.properties));
    let mut observables = vec![made];
    observables.extend(message.others);
    Shape::Seen { observables, comparisons: filled.comparisons }
}

#[derive(Default)]
struct Message {
    properties: Properties,
    comparisons: Vec<String>,
    others: Vec<Properties>,
    placed: Vec<uuid::Uuid>,
}

impl Message {
    /// An address; its display name only when there is one name for each address.
    fn address(&mut self, attribute: &Attribute, shown: Option<&Attribute>) -> Option<String> {
        if !is_email(&attribute.value) {
            return None;
        }
        let mut made = json!({ "value": attribute.value });
        self.placed.push(attribute.uuid);
        if let (Some(shown), Some(made)) = (shown, made.as_object_mut()) {
            put(made, "display_name", shown.value.as_str());
            self.placed.push(shown.uuid);
        }
        self.others.push(observable("email-addr", attribute.uuid, made));
        Some(id("email-addr", attribute.uuid))
    }

    fn list(&mut self, object: &Object, relation: &str, property: &str) {
        let sent: Vec<&Attribute> = object.all(relation).collect();
        let names: Vec<&Attribute> = match relation {
            "to" => object.all("to-display-name").collect(),
            "cc" => object.all("cc-display-name").collect(),
            _ => object.all("bcc-display-name").collect(),
        };
        let shown = sent.len() == names.len() && whose(&sent, &names);
        let mut refs = Vec::new();
        for (at, attribute) in sent.iter().enumerate() {
            let label = names.get(at).copied().filter(|_| shown);
            let Some(address) = self.address(attribute, label) else { continue };
            if attribute.to_ids {
                let steps = format!("email-message:{property}[{}].value", refs.len());
                self.comparisons.push(equals(&steps, &attribute.value));
            }
            refs.push(json!(address));
        }
        if !refs.is_empty() {
            put(&mut self.properties, property, refs);
        }
    }

    fn sender(&mut self, object: &Object) {
        let Some(from) = object.first("from") else { return };
        let shown = object.first("from-display-name");
        let Some(address) = self.address(from, shown) else { return };
        put(&mut self.properties, "from_ref", address);
        if from.to_ids {
            self.comparisons.push(equals("email-message:from_ref.value", &from.value));
        }
    }

    fn headers(&mut self, object: &Object) {
        let mut headers = Map::new();
        for (relation, name) in HEADERS {
            let mut values = Vec::new();
            for attribute in object.all(relation) {
                values.push(json!(attribute.value));
                self.placed.push(attribute.uuid);
                if attribute.to_ids {
                    let quoted =
                        if name.contains('-') { format!("'{name}'") } else { name.to_owned() };
                    let steps = format!("email-message:additional_header_fields.{quoted}");
                    self.comparisons.push(equals(&steps, &attribute.value));
                }
            }
            // A header that occurs once is a text, one that is repeated a list.
            match values.as_slice() {
                [] => {}
                [one] => put(&mut headers, name, one.clone()),
                _ => put(&mut headers, name, values),
            }
        }
        if !headers.is_empty() {
            put(&mut self.properties, "additional_header_fields", headers);
        }
    }

    /// Attachments are parts; so is the body when there are any.
    fn parts(&mut self, object: &Object) {
        let mut parts = Vec::new();
        for (relation, kind) in [("attachment", "attachment"), ("screenshot", "screenshot")] {
            for attribute in object.all(relation) {
                if attribute.to_ids {
                    let at = format!("email-message:body_multipart[{}]", parts.len());
                    let name = format!("{at}.body_raw_ref.name");
                    self.comparisons.push(equals(&name, &attribute.value));
                    let how = format!("{at}.content_disposition");
                    self.comparisons.push(equals(&how, kind));
                }
                parts.push(self.part(attribute, kind));
            }
        }
        let bodies: Vec<&Attribute> = object.all("email-body").collect();
        if let (true, [body]) = (parts.is_empty(), bodies.as_slice()) {
            put(&mut self.properties, "body", body.value.as_str());
            self.placed.push(body.uuid);
            if body.to_ids {
                self.comparisons.push(equals("email-message:body", &body.value));
            }
            return;
        }
        for body in bodies {
            self.placed.push(body.uuid);
            parts.push(json!({ "body": body.value, "content_type": "text/plain" }));
        }
        if !parts.is_empty() {
            put(&mut self.properties, "body_multipart", parts);
        }
    }

    fn part(&mut self, attribute: &Attribute, kind: &str) -> Value {
        self.placed.push(attribute.uuid);
        let disposition = format!("{kind}; filename='{}'", attribute.value);
        let held = attribute.data.as_deref().filter(|data| super::is_payload(data));
        let (object, made) = match held {
            Some(data) => {
                ("artifact", json!({ "payload_bin": data, "x_misp_filename": attribute.value }))
            }
            None => ("file", json!({ "name": attribute.value })),
        };
        self.others.push(observable(object, attribute.uuid, made));
        json!({
            "body_raw_ref": id(object, attribute.uuid), "content_disposition": disposition,
        })
    }
}

/// One name for one address is taken at its word only if they look alike.
fn whose(addresses: &[&Attribute], names: &[&Attribute]) -> bool {
    match (addresses, names) {
        ([address], [name]) => akin(&address.value, &name.value),
        _ => true,
    }
}

/// Whether some letters of the name's words begin the address.
fn akin(address: &str, name: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default().to_ascii_lowercase();
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    let initials: String = words.iter().filter_map(|word| word.chars().next()).collect();
    let spelt = words.iter().any(|word| word.chars().count() > 1 && local.contains(word.as_str()));
    spelt || local == initials
}
