//! Markings (STIX 2.1 section 7.2): what they say, and whether what they select is there.

use serde_json::{Map, Value};

use super::{Check, SELECTORS_MAX, Step, Walk, form, identifier, meta};
use crate::json::shown;

impl<'a> Walk<'a> {
    /// Section 7.2.3.
    pub(super) fn granular(&mut self, value: &'a Value) {
        let Value::Object(map) = value else {
            self.find(Check::Form, "7.2.3", "not an object".to_owned());
            return;
        };
        match (map.get("lang"), map.get("marking_ref")) {
            (None, None) => {
                self.find(
                    Check::MissingAll,
                    "7.2.3",
                    "one of `lang`, `marking_ref` is required".to_owned(),
                );
            }
            (Some(_), Some(_)) => {
                let message = "only one of `lang`, `marking_ref` may be there".to_owned();
                self.find(Check::Together, "7.2.3", message);
            }
            (Some(lang), None) => {
                if !lang.as_str().is_some_and(form::is_language) {
                    self.find_at("lang", Check::Language, "7.2.3", "not a language tag".to_owned());
                }
            }
            (None, Some(reference)) => self.marking_ref(reference),
        }
        self.path.push(Step::Name("selectors"));
        match map.get("selectors") {
            None => self.find(
                Check::Missing,
                "7.2.3",
                "the required property `selectors` is missing".to_owned(),
            ),
            Some(Value::Array(list)) if !list.is_empty() => self.selectors(list),
            Some(Value::Array(_)) => {
                self.find(Check::Empty, "2.12", "an empty list must be left out".to_owned());
            }
            Some(_) => self.find(Check::Form, "2.12", "not a list".to_owned()),
        }
        self.path.pop();
    }

    fn marking_ref(&mut self, reference: &'a Value) {
        let kind = reference.as_str().and_then(identifier).map(|(kind, _)| kind);
        if kind != Some("marking-definition") {
            let message = "must point to a marking definition".to_owned();
            self.find_at("marking_ref", Check::RefTarget, "7.2.3", message);
        }
        let marked = self
            .root
            .filter(|root| root.get("type").and_then(Value::as_str) == Some("marking-definition"));
        if marked.is_some_and(|root| root.get("id") == Some(reference)) {
            self.find(Check::MarkingCircle, "7.2.3", "a marking must not mark itself".to_owned());
        }
    }

    fn selectors(&mut self, list: &'a [Value]) {
        let Some(root) = self.root else { return };
        for (at, selector) in list.iter().enumerate() {
            // INVARIANT: the work for one selector is bounded by its own length, and their number is limited.
            self.selectors += 1;
            if self.selectors > SELECTORS_MAX {
                let message = format!("more than {SELECTORS_MAX} selectors are not looked at");
                self.find(Check::SelectorForm, "7.2.3", message);
                return;
            }
            self.path.push(Step::Index(at));
            match selector.as_str() {
                None => self.find(Check::Form, "7.2.3", "not a text".to_owned()),
                Some(text) if !is_selector(text) => {
                    let message = format!("`{}` is not of the form of a selector", shown(text));
                    self.find(Check::SelectorForm, "7.2.3", message);
                }
                Some(text) if !selects(root, text) => {
                    self.find(
                        Check::SelectorTarget,
                        "7.2.3",
                        format!("`{}` selects nothing", shown(text)),
                    );
                }
                Some(_) => {}
            }
            self.path.pop();
        }
    }

    /// Sections 7.2.1 and 7.2.1.4.
    pub(super) fn marking_definition(&mut self, map: &'a Map<String, Value>) {
        let id = map.get("id");
        let refs = map.get("object_marking_refs").and_then(Value::as_array);
        if refs.is_some_and(|refs| refs.iter().any(|reference| Some(reference) == id)) {
            let message = "a marking must not mark itself".to_owned();
            self.find_at("object_marking_refs", Check::MarkingCircle, "7.2", message);
        }
        let kind = map.get("definition_type").and_then(Value::as_str);
        let definition = map.get("definition");
        match (kind, definition) {
            (None, None) if map.contains_key("extensions") => self.tlp_2(map),
            (Some(_), None) | (None, _) => {
                let message =
                    "`definition_type` and `definition`, or an extension, are required".to_owned();
                self.find(Check::Marking, "7.2.1", message);
            }
            (Some("statement"), Some(definition)) => {
                if !definition.get("statement").is_some_and(Value::is_string) {
                    let message = "a statement is required".to_owned();
                    self.find_at("definition", Check::Marking, "7.2.1.3", message);
                }
            }
            (Some("tlp"), Some(definition)) => self.tlp_1(map, definition),
            (Some(other), Some(definition)) => {
                if !definition.is_object() {
                    self.find_at("definition", Check::Form, "7.2.1", "not an object".to_owned());
                }
                let message = format!("`{}` is no kind of marking of the standard", shown(other));
                self.find_at("definition_type", Check::MarkingType, "7.2.1", message);
                if self.options.custom == super::Custom::Extension
                    && !map.contains_key("extensions")
                {
                    let message = "a marking of one's own should come with an extension".to_owned();
                    self.find(Check::CustomWithoutExtension, "7.2.1", message);
                }
            }
        }
    }

    fn tlp_1(&mut self, map: &'a Map<String, Value>, definition: &'a Value) {
        let text = |name: &str| map.get(name).and_then(Value::as_str);
        let colour = definition.get("tlp").and_then(Value::as_str);
        let known = meta::TLP.iter().any(|(id, name, prescribed)| {
            text("id") == Some(id)
                && text("name").is_none_or(|given| given == *name)
                && colour == Some(prescribed)
        });
        let lone = definition.as_object().is_some_and(|definition| definition.len() == 1);
        if !known || !lone || text("created") != Some(meta::TLP_CREATED) {
            let message = "a TLP marking must be one of those the standard prescribes".to_owned();
            self.find(Check::Tlp, "7.2.1.4", message);
        }
    }

    /// Version 2.0: the ids are fixed by OASIS, and the colour must be the one of the id.
    fn tlp_2(&mut self, map: &'a Map<String, Value>) {
        let extension =
            map.get("extensions").and_then(|extensions| extensions.get(meta::TLP_2_EXTENSION));
        let Some(colour) =
            extension.map(|extension| extension.get("tlp_2_0").and_then(Value::as_str))
        else {
            return;
        };
        let id = map.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let tlp = id.as_ref().and_then(crate::marking::Tlp::from_marking_id);
        let said = tlp.map(|tlp| tlp.label().trim_start_matches("TLP:").to_ascii_lowercase());
        if said.is_none() || said.as_deref() != colour {
            let message = "a TLP marking must be one of those that OASIS publishes".to_owned();
            self.find(Check::Tlp, "7.2.1.4", message);
        }
    }
}

/// Section 7.2.3.1: names and places in lists, joined by dots.
fn is_selector(text: &str) -> bool {
    let mut parts = text.split('.');
    let word = |part: &str| {
        (1..=250).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let place = |part: &str| {
        part.strip_prefix('[')
            .and_then(|part| part.strip_suffix(']'))
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let first = parts.next().is_some_and(|part| {
        word(part)
            && (part.len() >= 3 || part == "id")
            && !part.bytes().any(|b| b.is_ascii_uppercase())
    });
    first && parts.all(|part| word(part) || place(part))
}

fn selects(root: &Map<String, Value>, selector: &str) -> bool {
    let mut parts = selector.split('.');
    let Some(mut at) = parts.next().and_then(|name| root.get(name)) else { return false };
    for part in parts {
        let next = match part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) {
            Some(index) => index.parse::<usize>().ok().and_then(|index| at.as_array()?.get(index)),
            None => at.as_object().and_then(|map| map.get(part)),
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    true
}
