//! One value against the kind it must be of.

use serde_json::{Map, Value};

use super::shape::{Kind, Shape, Target};
use super::vocab;
use super::{Check, INNER_DEPTH_MAX, Step, Walk, form, identifier, meta, observable};
use crate::json::shown;
use crate::object::Family;

impl<'a> Walk<'a> {
    pub(super) fn kind(&mut self, value: &'a Value, kind: &'static Kind, section: &'static str) {
        match kind {
            Kind::Any => {
                if value.is_null() {
                    self.find(Check::Form, "2", "null is no value".to_owned());
                }
            }
            Kind::Boolean => {
                if !value.is_boolean() {
                    self.find(Check::Form, "2.2", "not true or false".to_owned());
                }
            }
            Kind::Integer(least, most) => self.integer(value, *least, *most, section),
            Kind::Number(least, most) => match value.as_f64() {
                None => self.find(Check::Form, "2.5", "not a number".to_owned()),
                Some(number) if number < *least || number > *most => {
                    self.find(Check::Range, section, format!("not between {least} and {most}"));
                }
                Some(_) => {}
            },
            Kind::List(of) => self.list(value, of, section),
            Kind::Hashes => self.hashes(value),
            Kind::Dictionary(of) => self.dictionary(value, of, section),
            Kind::Part(shape) => self.part(value, shape),
            Kind::External => self.external(value),
            Kind::Granular => self.granular(value),
            Kind::Extensions => self.extensions(value),
            Kind::Inner => self.inner_objects(value),
            Kind::OneOrMore if value.is_array() => self.list(value, &Kind::Text, section),
            _ => match value.as_str() {
                Some(text) => self.text(text, kind, section),
                None => self.find(Check::Form, "2.15", "not a text".to_owned()),
            },
        }
    }

    fn integer(&mut self, value: &Value, least: i64, most: i64, section: &'static str) {
        // Section 2.11: 1.0 is a number, not an integer, in every reader that tells them apart.
        match value.as_i64() {
            None => self.find(Check::Form, "2.11", "not an integer".to_owned()),
            Some(number) if number < least || number > most => {
                self.find(Check::Range, section, format!("not between {least} and {most}"));
            }
            Some(_) => {}
        }
    }

    fn list(&mut self, value: &'a Value, of: &'static Kind, section: &'static str) {
        let Value::Array(list) = value else {
            self.find(Check::Form, "2.12", "not a list".to_owned());
            return;
        };
        if list.is_empty() {
            self.find(Check::Empty, "2.12", "an empty list must be left out".to_owned());
        }
        for (at, entry) in list.iter().enumerate() {
            self.path.push(Step::Index(at));
            self.kind(entry, of, section);
            self.path.pop();
        }
    }

    fn text(&mut self, text: &'a str, kind: &'static Kind, section: &'static str) {
        let wrong = match kind {
            Kind::Hex if !form::is_hex(text) => "hexadecimal",
            Kind::Binary if !form::is_base64(text) => "base64",
            Kind::Url if !form::is_url(text) => "a locator",
            Kind::Ipv4 if !form::is_ipv4(text) => "an IPv4 address",
            Kind::Ipv6 if !form::is_ipv6(text) => "an IPv6 address",
            Kind::Mac if !form::is_mac(text) => "a MAC address in lower case",
            Kind::Email if !form::is_email(text) => "a mail address",
            Kind::Domain if !form::is_domain(text) => "a domain name",
            Kind::Cpe if !form::is_cpe(text) => "a CPE 2.3 name",
            Kind::Charset if !form::is_charset(text) => "the name of a character set",
            _ => return self.named(text, kind, section),
        };
        self.find(Check::Value, section, format!("`{}` is not {wrong}", shown(text)));
    }

    fn named(&mut self, text: &'a str, kind: &'static Kind, section: &'static str) {
        match kind {
            Kind::Time | Kind::TimeOfVersion | Kind::TimeOfSecond => self.time(text, kind),
            Kind::Closed(values) if !values.contains(&text) => {
                self.find(
                    Check::ClosedVocabulary,
                    section,
                    format!("`{}` is none of the permitted values", shown(text)),
                );
            }
            Kind::SpecVersion if text == "2.0" => {
                self.find(
                    Check::OldVersion,
                    "3.2",
                    "the object follows version 2.0 of the standard".to_owned(),
                );
            }
            Kind::SpecVersion if text != "2.1" => {
                self.find(
                    Check::SpecVersion,
                    "3.2",
                    format!("`{}` is not version 2.1", shown(text)),
                );
            }
            Kind::Open(vocabulary) => self.open(text, vocabulary),
            Kind::Ref(target) => self.reference(text, *target, section),
            Kind::Language if !form::is_language(text) => {
                self.find(
                    Check::Language,
                    "3.2",
                    format!("`{}` is not a language tag", shown(text)),
                );
            }
            Kind::Language if !form::is_known_language(text) => {
                self.find(
                    Check::Registry,
                    section,
                    format!("`{}` is not a usual language", shown(text)),
                );
            }
            Kind::Country
                if !vocab::COUNTRIES.split(' ').any(|code| code.eq_ignore_ascii_case(text)) =>
            {
                self.find(
                    Check::Registry,
                    section,
                    format!("`{}` is not a country code", shown(text)),
                );
            }
            Kind::Media if !is_media(text) => {
                self.find(
                    Check::Registry,
                    section,
                    format!("`{}` is not a media type", shown(text)),
                );
            }
            Kind::Protocol if !vocab::is_protocol(text) => {
                self.find(
                    Check::Registry,
                    section,
                    format!("`{}` is not the name of a protocol", shown(text)),
                );
            }
            _ => {}
        }
    }

    fn time(&mut self, text: &str, kind: &Kind) {
        let digits = form::fraction_digits(text);
        let wrong = match kind {
            _ if form::time(text).is_none() => "is not a timestamp",
            Kind::TimeOfVersion if digits < 3 => "is not precise to the millisecond",
            Kind::TimeOfSecond if text.contains('.') => "has a fraction of a second",
            _ => return,
        };
        self.find(Check::Timestamp, "2.16", format!("`{}` {wrong}", shown(text)));
    }

    fn open(&mut self, text: &str, vocabulary: &vocab::Vocabulary) {
        if vocabulary.values.contains(&text) {
            return;
        }
        let message = format!("`{}` is not in {}", shown(text), vocabulary.name);
        self.find(Check::OpenVocabulary, "10", message);
        if !is_plain(text) {
            let message =
                format!("`{}` should be lower case with hyphens between words", shown(text));
            self.find(Check::VocabularyForm, "2.13", message);
        }
    }

    fn reference(&mut self, text: &str, target: Target, section: &'static str) {
        let kind = match self.inner {
            Some(objects) if !text.contains("--") => {
                let kind =
                    objects.get(text).map(|object| object.get("type").and_then(Value::as_str));
                let Some(kind) = kind else {
                    let message = format!("no object has the key `{}`", shown(text));
                    self.find(Check::Identifier, "4.14", message);
                    return;
                };
                kind.unwrap_or_default()
            }
            _ => {
                let Some((kind, _)) = identifier(text) else {
                    let check =
                        if self.observable { Check::ObservableRef } else { Check::Identifier };
                    self.find(check, "2.9", format!("`{}` is not an identifier", shown(text)));
                    return;
                };
                kind
            }
        };
        if !reaches(target, kind) {
            let message = format!("must not point to an object of type `{}`", shown(kind));
            self.find(Check::RefTarget, section, message);
        }
    }

    pub(super) fn hashes(&mut self, value: &'a Value) {
        let Some(map) = self.filled(value, "2.7") else { return };
        for (name, hash) in map {
            self.path.push(Step::Name(name));
            match hash.as_str() {
                None => self.find(Check::Form, "2.7", "not a text".to_owned()),
                Some(text) => self.hash(name, text),
            }
            self.path.pop();
        }
    }

    fn hash(&mut self, name: &str, text: &str) {
        if !form::is_key(name) || name.len() < 3 {
            self.find(Check::Key, "2.7", format!("`{}` is not of the form of a key", shown(name)));
            return;
        }
        let sound = match vocab::HASHES.iter().find(|(known, _)| *known == name) {
            None => {
                if !name.starts_with("x_") {
                    let message = format!("`{name}` is not in hash-algorithm-ov");
                    self.find(Check::HashAlgorithm, "10.7", message);
                }
                true
            }
            Some((_, 0)) if name == "TLSH" => {
                let digits = text.strip_prefix("T1").unwrap_or(text);
                digits.len() == 70 && digits.bytes().all(|b| b.is_ascii_alphanumeric())
            }
            Some((_, 0)) => {
                (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
            }
            Some((_, digits)) => {
                text.len() == *digits && text.bytes().all(|b| b.is_ascii_hexdigit())
            }
        };
        if !sound {
            self.find(
                Check::HashValue,
                "2.7",
                format!("`{}` is not a value of {name}", shown(text)),
            );
        }
    }

    /// An object with at least one member.
    fn filled(
        &mut self,
        value: &'a Value,
        section: &'static str,
    ) -> Option<&'a Map<String, Value>> {
        let Value::Object(map) = value else {
            self.find(Check::Form, section, "not an object".to_owned());
            return None;
        };
        if map.is_empty() {
            self.find(Check::Empty, section, "an empty dictionary must be left out".to_owned());
            return None;
        }
        Some(map)
    }

    fn dictionary(&mut self, value: &'a Value, of: &'static Kind, section: &'static str) {
        let Some(map) = self.filled(value, "2.4") else { return };
        for (name, entry) in map {
            self.path.push(Step::Name(name));
            if !form::is_key(name) {
                self.find(
                    Check::Key,
                    "2.4",
                    format!("`{}` is not of the form of a key", shown(name)),
                );
            }
            self.kind(entry, of, section);
            self.path.pop();
        }
    }

    pub(super) fn part(&mut self, value: &'a Value, shape: &'static Shape) {
        let Value::Object(map) = value else {
            self.find(Check::Form, shape.section, "not an object".to_owned());
            return;
        };
        for (name, entry) in map {
            let property = shape.properties.iter().find(|property| property.name == name);
            match property {
                Some(property) => {
                    self.path.push(Step::Name(name));
                    self.kind(entry, &property.kind, shape.section);
                    self.path.pop();
                }
                None if name == "extension_type" => {}
                None => self.custom_property(name, entry, false, shape.section),
            }
        }
        for property in shape.properties.iter().filter(|property| property.required) {
            if !map.contains_key(property.name) {
                let message = format!("the required property `{}` is missing", property.name);
                self.find(Check::Missing, shape.section, message);
            }
        }
        self.rules(map, shape);
        self.special_part(map, shape.name);
    }

    /// Section 2.5.
    fn external(&mut self, value: &'a Value) {
        let Value::Object(map) = value else {
            self.find(Check::Form, "2.5", "not an object".to_owned());
            return;
        };
        for (name, entry) in map {
            match (name.as_str(), entry) {
                ("url", Value::String(text)) if !form::is_url(text) => {
                    self.find_at(
                        name,
                        Check::Value,
                        "2.5",
                        format!("`{}` is not a locator", shown(text)),
                    );
                }
                ("hashes", _) => {
                    self.path.push(Step::Name(name));
                    self.hashes(entry);
                    self.path.pop();
                }
                ("source_name" | "description" | "url" | "external_id", entry)
                    if !entry.is_string() =>
                {
                    self.find_at(name, Check::Form, "2.15", "not a text".to_owned());
                }
                ("source_name" | "description" | "url" | "external_id", _) => {}
                _ => self.property_name(name, entry),
            }
        }
        let text = |name: &str| map.get(name).and_then(Value::as_str);
        let Some(source) = text("source_name") else {
            self.find(
                Check::Missing,
                "2.5",
                "the required property `source_name` is missing".to_owned(),
            );
            return;
        };
        let id = text("external_id");
        let sound = match source {
            "cve" => id.is_some_and(is_cve),
            "capec" => id.is_some_and(is_capec),
            _ => !id.is_some_and(|id| is_cve(id) || is_capec(id)),
        };
        if !sound {
            let message =
                "the identifier and the name of its source do not fit each other".to_owned();
            self.find(Check::ExternalReference, "2.5", message);
        }
        if id.is_none() && text("url").is_none() && text("description").is_none() {
            let message =
                "at least one of `description`, `url`, `external_id` is required".to_owned();
            self.find(Check::ExternalReference, "2.5", message);
        }
        if text("url").is_some() && !map.contains_key("hashes") {
            let message = "a reference with a locator should have hashes".to_owned();
            self.find(Check::ReferenceHashes, "2.5", message);
        }
    }

    /// Section 7.3.
    fn extensions(&mut self, value: &'a Value) {
        let Some(map) = self.filled(value, "3.2") else { return };
        for (name, extension) in map {
            self.path.push(Step::Name(name));
            self.extension(name, extension);
            self.path.pop();
        }
    }

    fn extension(&mut self, name: &'a str, value: &'a Value) {
        if let Some(shape) = observable::EXTENSION_SHAPES.iter().find(|shape| shape.name == name) {
            self.part(value, shape);
            return;
        }
        let defined = identifier(name).is_some_and(|(kind, _)| kind == "extension-definition");
        let named = name.ends_with("-ext") && form::is_type(name);
        if !(defined || named) {
            let message = format!("`{}` names no extension", shown(name));
            self.find(Check::Extension, "7.3", message);
            return;
        }
        let Some(map) = self.filled(value, "7.3") else { return };
        for (member, entry) in map {
            self.property_name(member, entry);
        }
        match map.get("extension_type") {
            Some(Value::String(kind)) if meta::EXTENSION_TYPES.contains(&kind.as_str()) => {}
            Some(_) => {
                let message = "`extension_type` is none of the permitted values".to_owned();
                self.find_at("extension_type", Check::Extension, "7.3", message);
            }
            None if defined => {
                let message = "the required property `extension_type` is missing".to_owned();
                self.find(Check::Extension, "7.3", message);
            }
            None => self.custom_extension(name),
        }
    }

    fn custom_extension(&mut self, name: &str) {
        if self.options.custom == super::Custom::Extension {
            let message = "an extension of one's own should have a definition".to_owned();
            self.find(Check::CustomWithoutExtension, "7.3", message);
        }
        if self.prefix_missing(name.strip_suffix("-ext").unwrap_or(name), '-') {
            let message = "should begin with `x-` and its source".to_owned();
            self.find(Check::CustomPrefix, "11.3", message);
        }
    }

    /// Section 4.14: the deprecated form, a dictionary of observables.
    fn inner_objects(&mut self, value: &'a Value) {
        let Some(map) = self.filled(value, "4.14") else { return };
        if self.path.len() > INNER_DEPTH_MAX + 2 {
            return;
        }
        let (outer, observable) = (self.inner.replace(map), self.observable);
        for (name, entry) in map {
            self.path.push(Step::Name(name));
            match entry {
                Value::Object(entry) => self.object(entry),
                _ => self.find(Check::Form, "4.14", "not an object".to_owned()),
            }
            self.path.pop();
        }
        self.inner = outer;
        self.observable = observable;
    }
}

fn reaches(target: Target, kind: &str) -> bool {
    let family = Family::of_standard_type(kind);
    match target {
        Target::Any => kind != "bundle",
        Target::Only(types) => types.contains(&kind),
        Target::Not(types) => !types.contains(&kind),
        Target::Identity => kind == "identity" || family.is_none(),
        Target::Sighted => kind != "bundle" && family.is_none_or(|family| family == Family::Domain),
        Target::Observable => family.is_none_or(|family| family == Family::Observable),
        Target::Observed => {
            family.is_none_or(|family| matches!(family, Family::Observable | Family::Relationship))
        }
    }
}

/// Lower case, with hyphens between words.
pub(super) fn is_plain(text: &str) -> bool {
    !text.chars().any(|letter| letter.is_uppercase() || letter == '_' || letter == ' ')
}

fn is_media(text: &str) -> bool {
    text.split_once('/').is_some_and(|(top, sub)| {
        vocab::MEDIA_TYPES.contains(&top) && !sub.is_empty() && !sub.contains(char::is_whitespace)
    })
}

fn is_cve(id: &str) -> bool {
    let mut parts = id.split('-');
    let digits = |part: Option<&str>, least: usize| {
        part.is_some_and(|part| part.len() >= least && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let number = id.rsplit('-').next().unwrap_or_default();
    parts.next() == Some("CVE")
        && parts
            .next()
            .is_some_and(|year| year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()))
        && digits(parts.next(), 4)
        && parts.next().is_none()
        && (number.len() == 4 || !number.starts_with('0'))
}

fn is_capec(id: &str) -> bool {
    id.strip_prefix("CAPEC-")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
