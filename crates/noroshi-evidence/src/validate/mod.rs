//! Does an object keep the rules of STIX 2.1?
//!
//! The rules of the standard are tables ([`domain`], [`relation`], [`observable`], [`meta`], [`vocab`]), and one walk
//! over the parsed object compares it with them. What breaks a MUST is an error, what leaves a SHOULD a warning; each
//! finding names its place, a stable code and the section. What the object *means* is no matter here.
//!
//! ```
//! use noroshi_evidence::validate::{self, Check, Options, Severity};
//! let object = serde_json::json!({ "type": "ipv4-addr", "value": "198.51.100.300",
//!     "id": "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4" });
//! let findings = validate::object(&object, Options::default());
//! let broken = findings.iter().find(|one| one.check.severity() == Severity::Error).unwrap();
//! assert_eq!((broken.check, broken.path.as_str()), (Check::Value, "/value"));
//! ```

mod domain;
mod finding;
mod form;
mod kind;
mod marking;
mod meta;
mod observable;
mod relation;
mod shape;
mod special;
mod vocab;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub use self::finding::{Check, Finding, Severity};
use self::shape::Kind::{
    Boolean, External, Granular, Integer, Language, List, Ref, Text, TimeOfVersion,
};
use self::shape::{Kind, Property, Rule, Shape, TEXTS, Target, may, must};
use crate::json::shown;
use crate::object::Family;

/// Most findings kept of one object; one more says that there are others.
pub const FINDINGS_MAX: usize = 200;
/// Most selectors looked at in one object (they are resolved one by one).
pub const SELECTORS_MAX: usize = 100_000;
/// Deepest observables inside observables (`observed-data` of the deprecated form holds one level).
const INNER_DEPTH_MAX: usize = 1;

/// How what the standard does not define is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Custom {
    /// It should come with an extension (section 7.3).
    #[default]
    Extension,
    /// Its name should begin with `x` and the name of its source, as before version 2.1.
    Source,
    /// Its name should begin with `x`.
    Prefix,
    /// As it likes.
    Free,
}

/// What a check looks at beyond the rules that always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// What the standard does not define.
    pub custom: Custom,
    /// Whether each property outside the standard is a finding.
    pub known_properties_only: bool,
    /// Whether the object comes from a list that says it follows version 2.0, so that objects do not say it again.
    pub of_old_list: bool,
}

/// Whether no MUST is broken; with `strict` neither a SHOULD.
pub fn is_valid(findings: &[Finding], strict: bool) -> bool {
    let worst_allowed = if strict { Severity::Note } else { Severity::Warning };
    findings.iter().all(|finding| finding.check.severity() <= worst_allowed)
}

/// Checks one object. The tree comes from text that [`crate::json::Scanner`] has walked, so its depth is bounded.
pub fn object(value: &Value, options: Options) -> Vec<Finding> {
    let mut walk = Walk::new(options);
    match value {
        Value::Object(map) if map.get("type").and_then(Value::as_str) == Some("bundle") => {
            walk.bundle(map);
        }
        Value::Object(map) => walk.object(map),
        _ => walk.find(Check::Form, "3.2", "not an object".to_owned()),
    }
    walk.findings
}

/// The members of a bundle except its objects, which are checked one by one.
const BUNDLE: &[Property] = &[must("type", Text), must("id", Text), may("objects", Kind::Any)];

/// Section 3.2, for everything but observables and marking definitions.
const COMMON: &[Property] = &[
    must("type", Text),
    must("spec_version", Kind::SpecVersion),
    must("id", Text),
    may("created_by_ref", Ref(Target::Identity)),
    must("created", TimeOfVersion),
    must("modified", TimeOfVersion),
    may("revoked", Boolean),
    may("labels", TEXTS),
    may("confidence", Integer(0, 100)),
    may("lang", Language),
    may("external_references", List(&External)),
    may("object_marking_refs", List(&Ref(Target::Only(&["marking-definition"])))),
    may("granular_markings", List(&Granular)),
    may("extensions", Kind::Extensions),
];

/// Section 3.2, for marking definitions: they have no versions.
const COMMON_MARKING: &[Property] = &[
    must("type", Text),
    must("spec_version", Kind::SpecVersion),
    must("id", Text),
    may("created_by_ref", Ref(Target::Identity)),
    must("created", Kind::Time),
    may("external_references", List(&External)),
    may("object_marking_refs", List(&Ref(Target::Only(&["marking-definition"])))),
    may("granular_markings", List(&Granular)),
    may("extensions", Kind::Extensions),
];

/// Section 3.2, for observables.
const COMMON_OBSERVABLE: &[Property] = &[
    must("type", Text),
    must("id", Text),
    may("spec_version", Kind::SpecVersion),
    may("object_marking_refs", List(&Ref(Target::Only(&["marking-definition"])))),
    may("granular_markings", List(&Granular)),
    may("defanged", Boolean),
    may("extensions", Kind::Extensions),
];

/// Properties and types which sections 3.1 and 11 reserve.
const RESERVED_PROPERTIES: &[&str] = &["severity", "action", "username", "phone_numbers"];
const RESERVED_TYPES: &[&str] = &["action"];

/// One step of a path.
#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// A walk over one object.
struct Walk<'a> {
    findings: Vec<Finding>,
    path: Vec<Step<'a>>,
    options: Options,
    /// The outermost object, whose parts selectors select.
    root: Option<&'a Map<String, Value>>,
    /// Inside an `observed-data` of the deprecated form: the observables which references name by their key.
    inner: Option<&'a Map<String, Value>>,
    selectors: usize,
    observable: bool,
    /// Inside a bundle that says it is of version 2.0, whose objects do not say it again.
    old_bundle: bool,
}

fn shape_of(object_type: &str) -> Option<&'static Shape> {
    let tables = [domain::SHAPES, observable::SHAPES, relation::SHAPES, meta::SHAPES];
    tables.into_iter().flatten().find(|shape| shape.name == object_type)
}

/// Whether an extension of one of these kinds is used.
fn extended(map: &Map<String, Value>, kinds: &[&str]) -> bool {
    let Some(extensions) = map.get("extensions").and_then(Value::as_object) else { return false };
    let kinds_used =
        extensions.values().filter_map(|extension| extension.get("extension_type")?.as_str());
    kinds_used.into_iter().any(|kind| kinds.contains(&kind))
}

impl<'a> Walk<'a> {
    const fn new(options: Options) -> Self {
        Self {
            findings: Vec::new(),
            path: Vec::new(),
            options,
            root: None,
            inner: None,
            selectors: 0,
            observable: false,
            old_bundle: options.of_old_list,
        }
    }

    fn find(&mut self, check: Check, section: &'static str, message: String) {
        if self.findings.len() >= FINDINGS_MAX {
            if self.findings.len() == FINDINGS_MAX {
                let message = "there are more findings than are kept".to_owned();
                self.findings.push(Finding {
                    path: String::new(),
                    check: Check::More,
                    message,
                    section,
                });
            }
            // A broken MUST is never lost among others: each kind of it is kept at least once.
            if check.severity() != Severity::Error
                || self.findings.iter().any(|kept| kept.check == check)
            {
                return;
            }
        }
        let path = self.pointer();
        self.findings.push(Finding { path, check, message, section });
    }

    fn find_at(&mut self, name: &'a str, check: Check, section: &'static str, message: String) {
        self.path.push(Step::Name(name));
        self.find(check, section, message);
        self.path.pop();
    }

    /// RFC 6901.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            pointer.push('/');
            match step {
                Step::Index(at) => pointer.push_str(&at.to_string()),
                Step::Name(name) => {
                    pointer.push_str(&shown(name).replace('~', "~0").replace('/', "~1"));
                }
            }
        }
        pointer
    }

    fn bundle(&mut self, map: &'a Map<String, Value>) {
        self.id(map, "bundle", false, "8.1");
        for (name, value) in map {
            if BUNDLE.iter().all(|property| property.name != name) {
                self.custom_property(name, value, false, "8.1");
            }
        }
        self.old_bundle = map.get("spec_version").is_some_and(|version| version == "2.0");
        let Some(objects) = map.get("objects") else { return };
        self.path.push(Step::Name("objects"));
        match objects {
            Value::Array(list) if list.is_empty() => {
                self.find(
                    Check::Empty,
                    "8.1",
                    "a list without entries must be left out".to_owned(),
                );
            }
            Value::Array(list) => self.entries(list),
            _ => self.find(Check::Form, "8.1", "not a list".to_owned()),
        }
        self.path.pop();
    }

    fn entries(&mut self, list: &'a [Value]) {
        let mut seen = BTreeSet::new();
        for (at, entry) in list.iter().enumerate() {
            self.path.push(Step::Index(at));
            let text = |name: &str| entry.get(name).and_then(Value::as_str);
            if let (Some(id), Some(modified)) = (text("id"), text("modified"))
                && !seen.insert((id, modified))
            {
                let message = format!("the version of `{}` occurs twice", shown(id));
                self.find(Check::DuplicateVersion, "3.6", message);
            }
            match entry {
                Value::Object(map) => self.object(map),
                _ => self.find(Check::Form, "8.1", "not an object".to_owned()),
            }
            self.path.pop();
        }
    }

    fn object(&mut self, map: &'a Map<String, Value>) {
        let Some(object_type) = map.get("type").and_then(Value::as_str) else {
            self.find(Check::Missing, "3.2", "the required property `type` is missing".to_owned());
            return;
        };
        if !form::is_type(object_type) {
            let message = format!("`{}` is not of the form of a type", shown(object_type));
            self.find_at("type", Check::TypeName, "3.1", message);
        }
        if RESERVED_TYPES.contains(&object_type) {
            self.find_at("type", Check::Reserved, "3.1", format!("`{object_type}` is reserved"));
        }
        if self.inner.is_none() {
            self.root = Some(map);
        }
        let shape = shape_of(object_type);
        self.observable = match Family::of_standard_type(object_type) {
            Some(family) => family == Family::Observable,
            None => {
                extended(map, &["new-sco"])
                    || !(map.contains_key("created")
                        || map.contains_key("modified")
                        || extended(map, &["new-sdo", "new-sro"]))
            }
        };
        let common = match object_type {
            _ if self.observable => COMMON_OBSERVABLE,
            "marking-definition" => COMMON_MARKING,
            _ => COMMON,
        };
        if shape.is_none() {
            self.custom_type(map, object_type);
        }
        self.id(map, object_type, self.observable, shape.map_or("3.2", |shape| shape.section));
        self.members(map, common, shape);
        if let Some(shape) = shape {
            self.rules(map, shape);
            self.special(map, object_type);
        }
        if !self.observable {
            self.order(map, "created", "modified", false, "3.2");
        }
    }

    fn members(
        &mut self,
        map: &'a Map<String, Value>,
        common: &'static [Property],
        shape: Option<&'static Shape>,
    ) {
        let own = shape.map_or(&[][..], |shape| shape.properties);
        let section = shape.map_or("3.2", |shape| shape.section);
        let covered = extended(map, &["toplevel-property-extension"]);
        for (name, value) in map {
            let known =
                |table: &'static [Property]| table.iter().find(|property| property.name == name);
            if let Some(property) = known(own).or_else(|| known(common)) {
                self.path.push(Step::Name(name));
                self.kind(value, &property.kind, section);
                self.path.pop();
                continue;
            }
            if RESERVED_PROPERTIES.contains(&name.as_str()) {
                self.find_at(
                    name,
                    Check::Reserved,
                    "3.1",
                    format!("the property `{name}` is reserved"),
                );
            } else if shape.is_none() {
                self.property_name(name, value);
            } else {
                self.custom_property(name, value, covered, section);
            }
        }
        for property in common.iter().chain(own).filter(|property| property.required) {
            let inner = self.inner.is_some() && property.name == "id";
            if self.old_bundle
                && property.name == "spec_version"
                && !map.contains_key("spec_version")
            {
                self.find(
                    Check::OldVersion,
                    "3.2",
                    "the object follows version 2.0 of the standard".to_owned(),
                );
                continue;
            }
            if !inner && !map.contains_key(property.name) {
                let message = format!("the required property `{}` is missing", property.name);
                self.find(Check::Missing, section, message);
            }
        }
    }

    /// Section 3.1 and 3.2: names, and no `null`.
    fn property_name(&mut self, name: &'a str, value: &'a Value) {
        if !form::is_property(name) {
            let message = format!("`{}` is not of the form of a property", shown(name));
            self.find_at(name, Check::PropertyName, "3.1", message);
        }
        self.free(name, value);
    }

    /// A value the standard says nothing about but that it is not null and no empty list.
    fn free(&mut self, name: &'a str, value: &'a Value) {
        match value {
            Value::Null => self.find_at(name, Check::Form, "2", "null is no value".to_owned()),
            Value::Array(list) if list.is_empty() => {
                self.find_at(
                    name,
                    Check::Empty,
                    "2.12",
                    "an empty list must be left out".to_owned(),
                );
            }
            Value::Object(keys) if self.observable => {
                for key in keys.keys().filter(|key| key.bytes().any(|b| b.is_ascii_uppercase())) {
                    let message = format!("the key `{}` should be lower case", shown(key));
                    self.find_at(name, Check::KeyForm, "2.4", message);
                }
            }
            Value::String(text) if name.ends_with("_hex") && !form::is_hex(text) => {
                self.find_at(name, Check::Value, "2.8", "not hexadecimal".to_owned());
            }
            Value::String(text) if name.ends_with("_bin") && !form::is_base64(text) => {
                self.find_at(name, Check::Value, "2.1", "not base64".to_owned());
            }
            _ => {}
        }
    }

    /// What is wrong with the name of something of one's own, where names have a prefix.
    fn prefix_missing(&self, name: &str, separator: char) -> bool {
        let after_x = name.strip_prefix('x').and_then(|rest| rest.strip_prefix(separator));
        match (self.options.custom, after_x) {
            (Custom::Source, Some(rest)) => !rest
                .char_indices()
                .skip(1)
                .any(|(at, letter)| letter == separator && at + 1 < rest.len()),
            (Custom::Prefix, Some(rest)) => rest.is_empty(),
            (Custom::Source | Custom::Prefix, None) => true,
            (Custom::Extension | Custom::Free, _) => false,
        }
    }

    fn custom_property(
        &mut self,
        name: &'a str,
        value: &'a Value,
        covered: bool,
        section: &'static str,
    ) {
        self.property_name(name, value);
        if self.options.known_properties_only {
            let message = format!("the standard has no property `{}` here", shown(name));
            self.find_at(name, Check::UnknownProperty, section, message);
        }
        if self.options.custom == Custom::Extension && !covered {
            let message = format!("`{}` should come with an extension", shown(name));
            self.find_at(name, Check::CustomWithoutExtension, "7.3", message);
        }
        if self.prefix_missing(name, '_') {
            let message = format!("`{}` should begin with `x_` and its source", shown(name));
            self.find_at(name, Check::CustomPrefix, "11.1", message);
        }
    }

    fn custom_type(&mut self, map: &Map<String, Value>, object_type: &'a str) {
        if RESERVED_TYPES.contains(&object_type) {
            return;
        }
        let covered = extended(map, &["new-sdo", "new-sco", "new-sro"]);
        if self.options.custom == Custom::Extension && !covered {
            let message =
                format!("the type `{}` should come with an extension", shown(object_type));
            self.find_at("type", Check::CustomWithoutExtension, "7.3", message);
        }
        if self.prefix_missing(object_type, '-') {
            let message = format!("`{}` should begin with `x-` and its source", shown(object_type));
            self.find_at("type", Check::CustomPrefix, "11.2", message);
        }
    }

    /// Section 2.9 and 3.4.
    fn id(
        &mut self,
        map: &'a Map<String, Value>,
        object_type: &str,
        observable: bool,
        section: &'static str,
    ) {
        let Some(id) = map.get("id").and_then(Value::as_str) else {
            if object_type == "bundle" {
                self.find(
                    Check::Missing,
                    section,
                    "the required property `id` is missing".to_owned(),
                );
            }
            return;
        };
        if self.inner.is_some() && !id.contains("--") {
            return;
        }
        let Some((prefix, version)) = identifier(id) else {
            self.find_at(
                "id",
                Check::Identifier,
                "2.9",
                format!("`{}` is not an identifier", shown(id)),
            );
            return;
        };
        if prefix != object_type {
            let message = format!("`{}` does not belong to a `{}`", shown(id), shown(object_type));
            self.find_at("id", Check::IdOfOtherType, "2.9", message);
            return;
        }
        self.uuid(map, object_type, observable, version, section);
    }

    fn uuid(
        &mut self,
        map: &'a Map<String, Value>,
        object_type: &str,
        observable: bool,
        version: u8,
        section: &'static str,
    ) {
        if object_type == "process" {
            if version != 4 {
                let message = "a process must have a UUID of version 4".to_owned();
                self.find_at("id", Check::UuidMust, section, message);
            }
            return;
        }
        if !observable {
            if version != 4 {
                self.find_at(
                    "id",
                    Check::UuidVersion,
                    "2.9",
                    "the UUID should be of version 4".to_owned(),
                );
            }
            return;
        }
        if Family::of_standard_type(object_type).is_none() {
            if version != 5 {
                self.find_at(
                    "id",
                    Check::UuidVersion,
                    "2.9",
                    "the UUID should be of version 5".to_owned(),
                );
            }
            return;
        }
        let derived = crate::id::deterministic_id(object_type, map);
        match derived {
            None if version != 4 => {
                let message =
                    "without contributing properties the UUID must be of version 4".to_owned();
                self.find_at("id", Check::UuidMust, "2.9", message);
            }
            Some(_) if version != 5 => {
                self.find_at(
                    "id",
                    Check::UuidVersion,
                    "2.9",
                    "the UUID should be of version 5".to_owned(),
                );
            }
            Some(derived) if Some(derived.as_str()) != map.get("id").and_then(Value::as_str) => {
                let message = format!("the content gives the id `{derived}`");
                self.find_at("id", Check::IdNotDerived, "2.9", message);
            }
            None | Some(_) => {}
        }
    }

    fn rules(&mut self, map: &'a Map<String, Value>, shape: &'static Shape) {
        let has = |name: &str| map.contains_key(name);
        for rule in shape.rules {
            match rule {
                Rule::AnyOf(names) if !names.iter().any(|name| has(name)) => {
                    let message = format!("at least one of {} is required", listed(names));
                    self.find(Check::MissingAll, shape.section, message);
                }
                Rule::OneOf(names) => match names.iter().filter(|name| has(name)).count() {
                    1 => {}
                    0 => {
                        let message = format!("one of {} is required", listed(names));
                        self.find(Check::MissingAll, shape.section, message);
                    }
                    _ => {
                        let message = format!("only one of {} may be there", listed(names));
                        self.find(Check::Together, shape.section, message);
                    }
                },
                Rule::Needs(name, needed) if has(name) && !needed.iter().all(|name| has(name)) => {
                    let message = format!("`{name}` needs {}", listed(needed));
                    self.find(Check::Together, shape.section, message);
                }
                Rule::NotBefore(first, then) => self.order(map, first, then, false, shape.section),
                Rule::After(first, then) => self.order(map, first, then, true, shape.section),
                Rule::NotEmpty if map.is_empty() => {
                    self.find(
                        Check::MissingAll,
                        shape.section,
                        "at least one property is required".to_owned(),
                    );
                }
                Rule::AnyOf(_) | Rule::Needs(..) | Rule::NotEmpty => {}
            }
        }
    }

    fn order(
        &mut self,
        map: &'a Map<String, Value>,
        first: &'static str,
        then: &'static str,
        strictly: bool,
        section: &'static str,
    ) {
        let time = |name: &str| map.get(name).and_then(Value::as_str).and_then(form::time);
        if let (Some(earlier), Some(later)) = (time(first), time(then))
            && (later < earlier || (strictly && later == earlier))
        {
            let how = if strictly { "must lie after" } else { "must not lie before" };
            self.find_at(then, Check::TimeOrder, section, format!("`{then}` {how} `{first}`"));
        }
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The type and the version of the UUID of an identifier.
fn identifier(text: &str) -> Option<(&str, u8)> {
    let (prefix, uuid) = text.rsplit_once("--")?;
    let version = form::uuid_version(uuid)?;
    form::is_type(prefix).then_some((prefix, version))
}

#[cfg(test)]
mod tests;
