//! What the tables cannot say: rules of single types.

use serde_json::{Map, Value};

use super::kind::is_plain;
use super::{COMMON_OBSERVABLE, Check, Step, Walk, form, identifier, relation, shape_of};
use crate::json::shown;
use crate::object::Family;
use crate::pattern::parse::parse;
use crate::pattern::syntax::Step as PathStep;

impl<'a> Walk<'a> {
    pub(super) fn special(&mut self, map: &'a Map<String, Value>, object_type: &str) {
        match object_type {
            "email-message" => self.email_message(map),
            "extension-definition" => self.extension_definition(map),
            "indicator" => self.indicator(map),
            "language-content" => self.language_content(map),
            "malware" if is_true(map, "is_family") && !map.contains_key("name") => {
                self.find(Check::Together, "4.11", "a family of malware needs a name".to_owned());
            }
            "malware-analysis" => self.malware_analysis(map),
            "marking-definition" => self.marking_definition(map),
            "network-traffic" => self.network_traffic(map),
            "observed-data" if map.contains_key("objects") => {
                self.find_at(
                    "objects",
                    Check::Deprecated,
                    "4.14",
                    "`objects` is deprecated".to_owned(),
                );
            }
            "relationship" => self.relationship(map),
            "windows-registry-key" => self.registry_key(map),
            _ => {}
        }
    }

    pub(super) fn special_part(&mut self, map: &'a Map<String, Value>, part: &str) {
        let text = |name: &str| map.get(name).and_then(Value::as_str);
        match part {
            "kill-chain-phase" => {
                for name in ["kill_chain_name", "phase_name"] {
                    if text(name).is_some_and(|text| !is_plain(text)) {
                        let message = "should be lower case with hyphens between words".to_owned();
                        self.find_at(name, Check::KillChainName, "2.11", message);
                    }
                }
            }
            "windows-process-ext"
                if text("priority").is_some_and(|text| !text.ends_with("_CLASS")) =>
            {
                self.find_at(
                    "priority",
                    Check::Priority,
                    "6.13.2",
                    "should end in `_CLASS`".to_owned(),
                );
            }
            "socket-ext" => {
                self.keys(map, "options", Check::Registry, |key| {
                    let families =
                        ["SO_", "ICMP_", "ICMP6_", "IP_", "IPV6_", "MCAST_", "TCP_", "IRLMP_"];
                    families.iter().any(|family| key.starts_with(family))
                });
            }
            "http-request-ext" => {
                self.keys(map, "request_header", Check::Registry, |key| {
                    key.starts_with(|first: char| first.is_ascii_uppercase()) && !key.contains('_')
                });
            }
            _ => {}
        }
    }

    /// Keys of a dictionary that should be of a form.
    fn keys(
        &mut self,
        map: &'a Map<String, Value>,
        name: &'static str,
        check: Check,
        sound: impl Fn(&str) -> bool,
    ) {
        let Some(dictionary) = map.get(name).and_then(Value::as_object) else { return };
        self.path.push(Step::Name(name));
        for key in dictionary.keys().filter(|key| !sound(key)) {
            self.find_at(key, check, "6", format!("`{}` is not a registered name", shown(key)));
        }
        self.path.pop();
    }

    /// Section 6.6.
    fn email_message(&mut self, map: &'a Map<String, Value>) {
        let wrong = match map.get("is_multipart") {
            Some(Value::Bool(true)) => "body",
            Some(Value::Bool(false)) => "body_multipart",
            _ => return,
        };
        if map.contains_key(wrong) {
            let message = format!("`{wrong}` does not go with this `is_multipart`");
            self.find_at(wrong, Check::Together, "6.6", message);
        }
    }

    /// Section 7.3.
    fn extension_definition(&mut self, map: &'a Map<String, Value>) {
        // Optional elsewhere; here whoever meets an extension must know whose it is.
        if !map.contains_key("created_by_ref") {
            let message = "the required property `created_by_ref` is missing".to_owned();
            self.find(Check::Missing, "7.3", message);
        }
        let version = map.get("version").and_then(Value::as_str);
        if version.is_some_and(|version| !is_semantic(version)) {
            let message = "the version should be MAJOR.MINOR.PATCH".to_owned();
            self.find_at("version", Check::ExtensionWords, "7.3", message);
        }
        if !map.contains_key("description") {
            self.find(Check::ExtensionWords, "7.3", "a description should be there".to_owned());
        }
        let kinds = map.get("extension_types").and_then(Value::as_array);
        let kinds = kinds.map_or(&[][..], Vec::as_slice);
        let toplevel = kinds.iter().any(|kind| kind == "toplevel-property-extension");
        match (toplevel, map.contains_key("extension_properties")) {
            (true, false) => {
                let message = "`extension_properties` should name the properties".to_owned();
                self.find(Check::ExtensionWords, "7.3", message);
            }
            (false, true) => {
                let message =
                    "only extensions of the top level have `extension_properties`".to_owned();
                self.find_at("extension_properties", Check::Together, "7.3", message);
            }
            _ => {}
        }
    }

    /// Section 4.7.
    fn indicator(&mut self, map: &'a Map<String, Value>) {
        if !(map.contains_key("name") && map.contains_key("description")) {
            let message = "both a name and a description should be there".to_owned();
            self.find(Check::IndicatorWords, "4.7", message);
        }
        let text = |name: &str| map.get(name).and_then(Value::as_str);
        if text("pattern_type") != Some("stix") {
            return;
        }
        match text("pattern").map(pattern) {
            Some(Ok(paths)) => {
                for (kind, property) in &paths {
                    self.pattern_path(kind, property);
                }
            }
            Some(Err(why)) => self.find_at("pattern", Check::Pattern, "9", why),
            None => {}
        }
    }

    fn pattern_path(&mut self, kind: &str, property: &str) {
        if !form::is_type(kind) {
            let message = format!("`{}` is not of the form of a type", shown(kind));
            self.find_at("pattern", Check::Pattern, "9.7", message);
        } else if !form::is_property(property) {
            let message = format!("`{}` is not of the form of a property", shown(property));
            self.find_at("pattern", Check::Pattern, "9.7", message);
        }
        let standard = Family::of_standard_type(kind) == Some(Family::Observable);
        if !standard {
            if self.prefix_missing(kind, '-') {
                let message = format!("`{}` should begin with `x-` and its source", shown(kind));
                self.find_at("pattern", Check::CustomPrefix, "11.2", message);
            }
            return;
        }
        if shape_of(kind)
            .is_some_and(|shape| shape.properties.iter().any(|known| known.name == property))
            || COMMON_OBSERVABLE.iter().any(|known| known.name == property)
        {
            return;
        }
        if self.options.known_properties_only {
            let message = format!("`{}` is no property of a `{kind}`", shown(property));
            self.find_at("pattern", Check::UnknownProperty, "9.7", message);
        }
        if self.prefix_missing(property, '_') {
            let message = format!("`{}` should begin with `x_` and its source", shown(property));
            self.find_at("pattern", Check::CustomPrefix, "11.1", message);
        }
    }

    /// Section 7.1.
    fn language_content(&mut self, map: &'a Map<String, Value>) {
        let Some(contents) = map.get("contents").and_then(Value::as_object) else { return };
        self.path.push(Step::Name("contents"));
        for (language, properties) in contents {
            if !form::is_language(language) {
                let message = format!("`{}` is not a language tag", shown(language));
                self.find_at(language, Check::Language, "7.1", message);
            }
            self.path.push(Step::Name(language));
            match properties {
                Value::Object(properties) => {
                    for name in properties.keys().filter(|name| !form::is_property(name)) {
                        let message = format!("`{}` is not of the form of a property", shown(name));
                        self.find_at(name, Check::PropertyName, "7.1", message);
                    }
                }
                _ => self.find(Check::Form, "7.1", "not an object".to_owned()),
            }
            self.path.pop();
        }
        self.path.pop();
    }

    /// Section 4.12.
    fn malware_analysis(&mut self, map: &'a Map<String, Value>) {
        if map.get("product").and_then(Value::as_str).is_some_and(|text| !is_plain(text)) {
            let message = "should be lower case with hyphens between words".to_owned();
            self.find_at("product", Check::Product, "4.12", message);
        }
    }

    /// Section 6.12.
    fn network_traffic(&mut self, map: &'a Map<String, Value>) {
        if is_true(map, "is_active") && map.contains_key("end") {
            self.find_at("end", Check::Together, "6.12", "active traffic has no end".to_owned());
        }
        if !(map.contains_key("src_port") && map.contains_key("dst_port")) {
            self.find(Check::Ports, "6.12", "both ports should be there".to_owned());
        }
    }

    /// Section 5.1 and appendix B.
    fn relationship(&mut self, map: &'a Map<String, Value>) {
        let text = |name: &str| map.get(name).and_then(Value::as_str);
        let Some(kind) = text("relationship_type") else { return };
        if kind.is_empty() || !kind.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            let message =
                format!("`{}` has other characters than a-z, 0-9 and hyphen", shown(kind));
            self.find_at("relationship_type", Check::Value, "5.1", message);
        }
        let end = |name: &str| text(name).and_then(identifier).map(|(kind, _)| kind);
        let (Some(source), Some(target)) = (end("source_ref"), end("target_ref")) else { return };
        let observable = |kind: &str| Family::of_standard_type(kind) == Some(Family::Observable);
        let (name, what) = match relation::usual(source, kind, target, observable) {
            relation::Usual::Yes => return,
            relation::Usual::NotThisType => ("relationship_type", kind),
            relation::Usual::NotThisTarget => ("target_ref", target),
        };
        let message = format!("`{}` is not suggested for `{}`", shown(what), shown(source));
        self.find_at(name, Check::UnusualRelationship, "B", message);
    }

    /// Section 6.17: hives are written out.
    fn registry_key(&mut self, map: &'a Map<String, Value>) {
        let Some(key) = map.get("key").and_then(Value::as_str) else { return };
        let hive = key.split('\\').next().unwrap_or_default().to_ascii_uppercase();
        if ["HKLM", "HKCC", "HKCR", "HKCU", "HKU"].contains(&hive.as_str()) {
            self.find_at(
                "key",
                Check::Value,
                "6.17",
                "the name of the hive must be written out".to_owned(),
            );
        }
    }
}

fn is_true(map: &Map<String, Value>, name: &str) -> bool {
    map.get(name) == Some(&Value::Bool(true))
}

/// The types and first properties that a pattern names, or why it is none; the one place that asks.
fn pattern(text: &str) -> Result<Vec<(String, String)>, String> {
    let read = parse(text).map_err(|fault| fault.to_string())?;
    let mut named: Vec<(String, String)> = Vec::new();
    for path in read.paths() {
        let Some(PathStep::Key(property)) = path.steps.first() else { continue };
        named.push((path.object_type.clone(), property.clone()));
    }
    named.dedup();
    Ok(named)
}

/// Whether a version has the three numbers of semantic versioning, whatever stands behind them.
fn is_semantic(version: &str) -> bool {
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = numbers.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}
