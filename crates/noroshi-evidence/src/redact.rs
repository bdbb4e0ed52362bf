//! What is left of an object for somebody who may not see all of it.
//!
//! Parts go for two reasons: a granular marking on them that the reader may not see, or an identifier in them of
//! something the reader may not know of. What is left is valid STIX or nothing is: a member the standard requires, a
//! member whose absence would say something else (`revoked`, `valid_until`), a member from which the identifier is
//! computed, cannot be left out, and then the object stays. Nothing of what is left tells what is gone: selectors are
//! counted anew, entries about parts that are gone go too.
//!
//! ```
//! use noroshi_evidence::object::StixObject;
//! use noroshi_evidence::redact::Parts;
//! let text = r#"{"type":"tool","spec_version":"2.1","id":"tool--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101",
//!   "created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"lantern","description":"for few",
//!   "granular_markings":[{"marking_ref":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","selectors":["description"]}]}"#;
//! let parts = Parts::read(StixObject::parse(text)?);
//! let left = parts.redact(&[0], &|_| false).unwrap();
//! assert!(left.contains("lantern") && !left.contains("for few") && !left.contains("granular_markings"));
//! # Ok::<(), noroshi_evidence::object::ParseObject>(())
//! ```
//!
//! INVARIANT: same object, same hidden markings, same hidden identifiers: same bytes (RFC 8785).
//! INVARIANT: hiding more never brings an object back: [`settle`] relies on it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::id::{StixId, contributes, is_object_type};
use crate::marking::Tlp;
use crate::object::{Family, StixObject};

mod rules;

/// Selectors read in one object; with more, nothing can be said about its parts and it leaves whole or not at all.
pub const SELECTORS_MAX: usize = 65_535;
/// Identifiers followed in one object.
pub const NAMES_MAX: usize = 50_000;
/// The extension that says that parts were left out. It is a property extension, so that the object keeps its type.
pub const REDACTED_EXTENSION: &str = "extension-definition--5f0e7c52-2f7a-4c08-9d43-7b1e6a80c3d4";

/// One step of a selector (STIX 2.1 §7.2.3.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Member(String),
    Element(usize),
}

/// A marking on parts of an object.
#[derive(Debug, Clone)]
pub struct PartMarking {
    /// The marking; absent where the entry only names a language, or none that can be read.
    pub marking: Option<StixId>,
    /// It names a language and restricts nothing.
    pub is_language: bool,
    /// The parts; `None` when they cannot be found, and then the marking is taken to be about the whole object.
    selectors: Option<Vec<Vec<Step>>>,
    /// Its place in the object's own list; absent for one that another version of the object carries.
    place: Option<usize>,
}

/// Why an object cannot leave without what must be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// The standard requires this member, or its absence would say something else.
    Required(String),
    /// What a marking is about cannot be found in the object.
    Unreadable,
    /// It names more than can be followed.
    TooManyNames,
    /// Nothing valid is left.
    Invalid,
}

/// An object with what its parts are marked with and what it names.
#[derive(Debug, Clone)]
pub struct Parts {
    object: StixObject,
    markings: Vec<PartMarking>,
    names: BTreeSet<String>,
    /// Its own identifier, in every reading: it never hides itself.
    own: BTreeSet<String>,
    too_many_names: bool,
}

impl Parts {
    /// Looks at an object. The tree is only built where there is something to see in it.
    pub fn read(object: StixObject) -> Self {
        let text = object.text();
        let mut markings = Vec::new();
        if text.contains('\\') || text.contains("\"granular_markings\"") {
            markings = read_markings(&object.to_value());
        }
        let Named { names, own, too_many_names } = named(&object);
        Self { object, markings, names, own, too_many_names }
    }

    /// The object, for a reader who knows of `known` already: to that name it is no secret.
    #[must_use]
    pub fn knowing(mut self, known: &str) -> Self {
        self.names.remove(known);
        self.own.insert(known.to_owned());
        self
    }

    /// The object.
    pub const fn object(&self) -> &StixObject {
        &self.object
    }

    /// The markings on its parts, its own and those taken over by [`Parts::also`].
    pub fn markings(&self) -> &[PartMarking] {
        &self.markings
    }

    /// Every identifier that stands anywhere in its strings, in every reading of where it begins; without its own and
    /// the markings of the Traffic Light Protocol.
    pub const fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// It names more than can be followed, so nobody knows what it tells.
    pub const fn names_too_much(&self) -> bool {
        self.too_many_names
    }

    /// Takes over what another version of the object says about parts: whatever top-level member it marks is marked
    /// here too, as a whole, because places inside differ between versions.
    pub fn also(&mut self, other: &Self) {
        for marking in other.markings.iter().filter(|one| !one.is_language) {
            let whole = |path: &Vec<Step>| path.first().cloned().map(|step| vec![step]);
            let selectors = marking.selectors.as_ref().map(|all| {
                let mut tops: Vec<Vec<Step>> = all.iter().filter_map(whole).collect();
                tops.sort();
                tops.dedup();
                tops
            });
            self.markings.push(PartMarking { selectors, place: None, ..marking.clone() });
        }
    }

    /// Whether the markings at the places `hidden` cover a part that is there and that none of those at `before` in
    /// `then`, the same object as it was marked before, touches.
    pub fn hides_beyond(&self, hidden: &[usize], then: &Self, before: &[usize]) -> bool {
        let tops = |parts: &Self, place: usize| -> Option<Vec<Step>> {
            let selectors = parts.markings.get(place)?.selectors.as_ref()?;
            Some(selectors.iter().filter_map(|path| path.first()).cloned().collect())
        };
        let covered: Vec<Step> =
            before.iter().filter_map(|place| tops(then, *place)).flatten().collect();
        let tree = self.object.to_value();
        let is_new = |step: &Step| {
            let there = match step {
                Step::Member(name) => tree.get(name).is_some(),
                Step::Element(_) => true,
            };
            there && !covered.contains(step)
        };
        // What cannot be found hides the whole object, which is judged elsewhere.
        hidden.iter().filter_map(|place| tops(self, *place)).flatten().any(|step| is_new(&step))
    }

    /// Whether it can leave at all without these parts and names.
    pub fn survives(&self, hidden: &[usize], hides: &dyn Fn(&str) -> bool) -> Result<(), Stays> {
        self.prune(hidden, hides).map(drop)
    }

    /// What is left without the parts of the markings at these places and without every part that holds a name which
    /// `hides`. The text is new and says so ([`REDACTED_EXTENSION`]).
    pub fn redact(&self, hidden: &[usize], hides: &dyn Fn(&str) -> bool) -> Result<String, Stays> {
        let (mut tree, kept) = self.prune(hidden, hides)?;
        remark(&mut tree, &self.markings, hidden, &kept);
        sign(&mut tree);
        let text = serde_json_canonicalizer::to_string(&tree).map_err(|_| Stays::Invalid)?;
        // The last word has the text itself: what is sent is read again as the reader will read it.
        let left = Self::read(StixObject::parse(&text).map_err(|_| Stays::Invalid)?);
        if left.names.iter().any(|name| hides(name)) {
            return Err(Stays::Invalid);
        }
        Ok(text)
    }

    fn prune(
        &self,
        hidden: &[usize],
        hides: &dyn Fn(&str) -> bool,
    ) -> Result<(Value, Kept), Stays> {
        if self.too_many_names {
            return Err(Stays::TooManyNames);
        }
        let hides = |name: &str| !self.own.contains(name) && !is_tlp(name) && hides(name);
        let tree = self.object.to_value();
        let mut leaving_out = Trie::default();
        for marking in hidden.iter().filter_map(|place| self.markings.get(*place)) {
            for path in marking.selectors.as_ref().ok_or(Stays::Unreadable)? {
                // A part that another version marks may not be here.
                if marking.place.is_none() && !resolves(&tree, path) {
                    continue;
                }
                leaving_out.add(path);
            }
        }
        let Value::Object(members) = tree else { return Err(Stays::Invalid) };
        // A marking that stays on a part may not be one that the reader may not know of.
        let stays = self.markings.iter().enumerate().filter(|(at, _)| !hidden.contains(at));
        let mut named = stays.filter_map(|(_, one)| one.place.and(one.marking.as_ref()));
        if named.any(|marking| hides(marking.as_str())) {
            return Err(Stays::Required("granular_markings".to_owned()));
        }
        Pruning { object_type: self.object.object_type(), hides: &hides }.top(members, &leaving_out)
    }
}

/// What an object names, and what it is called.
struct Named {
    names: BTreeSet<String>,
    own: BTreeSet<String>,
    too_many_names: bool,
}

fn named(object: &StixObject) -> Named {
    let mut names = BTreeSet::new();
    let text = object.text();
    // Without a backslash the text holds every string as it will be read; with one, an identifier may be spelt with escapes.
    if text.contains('\\') {
        strings(&object.to_value(), &mut |one| identifiers(one, &mut names));
    } else {
        identifiers(text, &mut names);
    }
    let mut own = BTreeSet::new();
    identifiers(object.id().as_str(), &mut own);
    // Counted before its own and the colours' are taken out: the search ended at the limit, whatever it had found.
    let too_many_names = names.len() > NAMES_MAX;
    names.retain(|name| !own.contains(name) && !is_tlp(name));
    Named { names, own, too_many_names }
}

/// Every identifier that stands anywhere in the strings of an object ([`Parts::names`]), for an index of who names what.
/// What names more than can be followed leaves to nobody, and names nothing here.
pub fn names_of(object: &StixObject) -> BTreeSet<String> {
    let Named { names, too_many_names, .. } = named(object);
    if too_many_names { BTreeSet::new() } else { names }
}

fn is_tlp(name: &str) -> bool {
    name.parse::<StixId>().is_ok_and(|id| Tlp::from_marking_id(&id).is_some())
}

// ---- identifiers ---------------------------------------------------------------------------------------------------

/// Every identifier in a text: each place where `--` and a UUID follow letters, digits and hyphens. Where it begins is
/// not told by the text, so unless the run is a type of the standard, each place where one could begin is taken.
fn identifiers(text: &str, found: &mut BTreeSet<String>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("--")).map(|place| from + place)
    {
        // Hyphens may come in threes: the next look begins inside this one.
        from = at + 1;
        let Some(uuid) = text.get(at + 2..at + 38).filter(|uuid| is_uuid(uuid)) else { continue };
        if found.len() > NAMES_MAX {
            return;
        }
        let start = bytes.get(..at).map_or(at, |before| {
            let run = before.iter().rev().take(crate::id::TYPE_BYTES_MAX);
            at - run.take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count()
        });
        let run = text.get(start..at).unwrap_or_default().to_ascii_lowercase();
        let run = run.trim_end_matches('-');
        let starts = if rules::TYPES.contains(&run) { 1 } else { run.len() };
        for kind in (0..starts).filter_map(|start| run.get(start..)) {
            if is_object_type(kind) {
                found.insert(format!("{kind}--{uuid}"));
                if uuid.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    found.insert(format!("{kind}--{}", uuid.to_ascii_lowercase()));
                }
            }
        }
    }
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// Every string of a tree, names of members included.
fn strings(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(list) => list.iter().for_each(|one| strings(one, see)),
        Value::Object(members) => {
            for (name, one) in members {
                see(name);
                strings(one, see);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

// ---- selectors -----------------------------------------------------------------------------------------------------

/// Reads a selector: names joined by dots, places in brackets.
fn read_selector(text: &str) -> Option<Vec<Step>> {
    let step = |part: &str| {
        let inside = part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match inside {
            Some(place) => place.parse().ok().map(Step::Element),
            None if part.is_empty() || part.contains(['[', ']']) => None,
            None => Some(Step::Member(part.to_owned())),
        }
    };
    text.split('.').map(step).collect()
}

fn write_selector(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Member(name) => name.clone(),
        Step::Element(place) => format!("[{place}]"),
    });
    steps.collect::<Vec<_>>().join(".")
}

fn resolves(tree: &Value, path: &[Step]) -> bool {
    let mut at = tree;
    for step in path {
        let next = match step {
            Step::Member(name) => at.get(name),
            Step::Element(place) => at.get(place),
        };
        let Some(next) = next else { return false };
        at = next;
    }
    true
}

fn read_markings(tree: &Value) -> Vec<PartMarking> {
    let Some(listed) = tree.get("granular_markings") else { return Vec::new() };
    let unreadable =
        |place| PartMarking { marking: None, is_language: false, selectors: None, place };
    let Some(entries) = listed.as_array() else { return vec![unreadable(None)] };
    let mut budget = SELECTORS_MAX;
    let entry = |(place, entry): (usize, &Value)| {
        let marking = entry.get("marking_ref").and_then(Value::as_str);
        let marking = marking.and_then(|id| id.to_ascii_lowercase().parse::<StixId>().ok());
        let is_language = entry.get("lang").is_some() && entry.get("marking_ref").is_none();
        let listed = entry.get("selectors").and_then(Value::as_array);
        let selectors = listed.filter(|all| !all.is_empty()).and_then(|all| {
            budget = budget.checked_sub(all.len())?;
            all.iter()
                .map(|one| read_selector(one.as_str()?).filter(|path| resolves(tree, path)))
                .collect()
        });
        PartMarking { marking, is_language, selectors, place: Some(place) }
    };
    entries.iter().enumerate().map(entry).collect()
}

/// The parts that go, as a tree of steps.
#[derive(Default)]
struct Trie {
    hit: bool,
    members: BTreeMap<String, Trie>,
    elements: BTreeMap<usize, Trie>,
}

impl Trie {
    fn add(&mut self, path: &[Step]) {
        let mut at = self;
        for step in path {
            at = match step {
                Step::Member(name) => at.members.entry(name.clone()).or_default(),
                Step::Element(place) => at.elements.entry(*place).or_default(),
            };
        }
        at.hit = true;
    }
}

// ---- leaving out ---------------------------------------------------------------------------------------------------

/// What became of a value: where each part of it is now.
enum Kept {
    /// As it was, with all below it.
    Whole,
    /// Changed inside; a member that is not listed is gone.
    Members(BTreeMap<String, Kept>),
    /// Changed inside; for each former place, the new one.
    Elements(Vec<Option<(usize, Kept)>>),
}

/// A value and what became of its parts; `None` when it is gone.
type Left = Option<(Value, Kept)>;

struct Pruning<'a> {
    object_type: &'a str,
    hides: &'a dyn Fn(&str) -> bool,
}

impl Pruning<'_> {
    fn top(&self, members: Map<String, Value>, trie: &Trie) -> Result<(Value, Kept), Stays> {
        if trie.hit {
            return Err(Stays::Unreadable);
        }
        let before: BTreeSet<String> = members.keys().cloned().collect();
        let mut after = Map::new();
        let mut kept = BTreeMap::new();
        for (name, value) in members {
            // Its entries are written anew afterwards.
            if name == "granular_markings" {
                if trie.members.contains_key(&name) {
                    return Err(Stays::Required(name));
                }
                kept.insert(name.clone(), Kept::Whole);
                after.insert(name, value);
                continue;
            }
            let Some((value, how)) = self.member(&name, value, trie.members.get(&name)) else {
                continue;
            };
            if !matches!(how, Kept::Whole) && rules::is_atomic(self.object_type, &name) {
                return Err(Stays::Required(name));
            }
            kept.insert(name.clone(), how);
            after.insert(name, value);
        }
        let changed =
            after.len() != before.len() || kept.values().any(|how| !matches!(how, Kept::Whole));
        if changed {
            self.valid(&before, &after, &kept)?;
        }
        Ok((Value::Object(after), Kept::Members(kept)))
    }

    /// Whether what is left is still an object of its type that says nothing else.
    fn valid(
        &self,
        before: &BTreeSet<String>,
        after: &Map<String, Value>,
        kept: &BTreeMap<String, Kept>,
    ) -> Result<(), Stays> {
        if Family::of_standard_type(self.object_type).is_none()
            || rules::is_indivisible(self.object_type)
        {
            return Err(Stays::Required("type".to_owned()));
        }
        for name in before {
            let touched = !matches!(kept.get(name), Some(Kept::Whole));
            let gone = !after.contains_key(name);
            let needed = rules::REQUIRED_ALWAYS.contains(&name.as_str())
                || rules::required(self.object_type).contains(&name.as_str());
            // An identifier that is computed from a value tells the value to whoever tries values.
            if (gone && needed) || (touched && contributes(self.object_type, name)) {
                return Err(Stays::Required(name.clone()));
            }
        }
        if rules::misses_one_of(self.object_type, before, after) {
            return Err(Stays::Invalid);
        }
        Ok(())
    }

    fn member(&self, name: &str, value: Value, trie: Option<&Trie>) -> Left {
        if trie.is_some_and(|trie| trie.hit) || self.hidden(name) {
            return None;
        }
        self.value(name, value, trie)
    }

    /// `within` is the name of the member the value stands in, however deep in lists.
    fn value(&self, within: &str, value: Value, trie: Option<&Trie>) -> Left {
        match value {
            Value::String(text) if self.hidden(&text) => None,
            Value::Array(list) => self.list(within, list, trie),
            Value::Object(members) => self.nested(within, members, trie),
            other => Some((other, Kept::Whole)),
        }
    }

    fn list(&self, within: &str, list: Vec<Value>, trie: Option<&Trie>) -> Left {
        let length = list.len();
        let mut after = Vec::with_capacity(length);
        let mut places = Vec::with_capacity(length);
        let mut changed = false;
        for (place, value) in list.into_iter().enumerate() {
            let below = trie.and_then(|trie| trie.elements.get(&place));
            let left = if below.is_some_and(|below| below.hit) {
                None
            } else {
                self.value(within, value, below)
            };
            changed |= !matches!(left, Some((_, Kept::Whole)));
            places.push(left.map(|(value, how)| {
                after.push(value);
                (after.len() - 1, how)
            }));
        }
        if length > 0 && after.is_empty() {
            return None;
        }
        Some((Value::Array(after), if changed { Kept::Elements(places) } else { Kept::Whole }))
    }

    fn nested(&self, within: &str, members: Map<String, Value>, trie: Option<&Trie>) -> Left {
        let before: BTreeSet<String> = members.keys().cloned().collect();
        let mut after = Map::new();
        let mut kept = BTreeMap::new();
        let mut changed = false;
        for (name, value) in members {
            let left = self.member(&name, value, trie.and_then(|trie| trie.members.get(&name)));
            changed |= !matches!(left, Some((_, Kept::Whole)));
            if let Some((value, how)) = left {
                kept.insert(name.clone(), how);
                after.insert(name, value);
            }
        }
        if !changed {
            return Some((Value::Object(after), Kept::Whole));
        }
        if after.is_empty() || rules::nested_is_void(within, &before, &after) {
            return None;
        }
        Some((Value::Object(after), Kept::Members(kept)))
    }

    fn hidden(&self, text: &str) -> bool {
        if !text.contains("--") {
            return false;
        }
        let mut names = BTreeSet::new();
        identifiers(text, &mut names);
        names.iter().any(|name| (self.hides)(name))
    }
}

/// Where a part is now; `None` when it is gone, or when a whole that held it is.
fn moved(kept: &Kept, path: &[Step]) -> Option<Vec<Step>> {
    let mut at = kept;
    let mut now = Vec::with_capacity(path.len());
    let mut rest = path.iter();
    while let Some(step) = rest.next() {
        match (at, step) {
            (Kept::Whole, step) => {
                now.push(step.clone());
                now.extend(rest.cloned());
                return Some(now);
            }
            (Kept::Members(members), Step::Member(name)) => {
                at = members.get(name)?;
                now.push(step.clone());
            }
            (Kept::Elements(places), Step::Element(place)) => {
                let (place, below) = places.get(*place)?.as_ref()?;
                now.push(Step::Element(*place));
                at = below;
            }
            (Kept::Members(_), Step::Element(_)) | (Kept::Elements(_), Step::Member(_)) => {
                return None;
            }
        }
    }
    Some(now)
}

/// Writes the entries of `granular_markings` anew: none of those that were hidden, none about parts that are gone, and
/// places as they are counted now.
fn remark(tree: &mut Value, markings: &[PartMarking], hidden: &[usize], kept: &Kept) {
    let Some(members) = tree.as_object_mut() else { return };
    let Some(Value::Array(entries)) = members.remove("granular_markings") else { return };
    let mut left = Vec::new();
    for (_, marking) in markings.iter().enumerate().filter(|(at, _)| !hidden.contains(at)) {
        let entry = marking.place.and_then(|place| entries.get(place));
        let (Some(entry), Some(paths)) = (entry, &marking.selectors) else { continue };
        let selectors: Vec<Value> = paths
            .iter()
            .filter_map(|path| moved(kept, path))
            .map(|path| Value::String(write_selector(&path)))
            .collect();
        let Some(mut entry) = entry.as_object().cloned() else { continue };
        if !selectors.is_empty() {
            entry.insert("selectors".to_owned(), Value::Array(selectors));
            left.push(Value::Object(entry));
        }
    }
    if !left.is_empty() {
        members.insert("granular_markings".to_owned(), Value::Array(left));
    }
}

/// Says in the object itself that it is not the whole of this version.
fn sign(tree: &mut Value) {
    let Some(members) = tree.as_object_mut() else { return };
    let place = members.entry("extensions").or_insert_with(|| Value::Object(Map::new()));
    if let Some(extensions) = place.as_object_mut() {
        let said = serde_json::json!({ "extension_type": "property-extension", "redacted": true });
        extensions.insert(REDACTED_EXTENSION.to_owned(), said);
    }
}

// ---- a set of objects ----------------------------------------------------------------------------------------------

/// One object among those that would leave together.
#[derive(Debug, Default)]
pub struct Node {
    /// It may leave as far as it is concerned itself.
    pub allowed: bool,
    /// The object with the places of the markings that are hidden; absent for what is held but not looked at.
    pub body: Option<(Parts, Vec<usize>)>,
}

/// Which of `nodes` leave: the largest set in which every object may leave and is still valid without what names
/// something outside the set. Names of anything that is no node are free.
pub fn settle(nodes: &BTreeMap<String, Node>) -> BTreeSet<String> {
    let mut leaving: BTreeSet<String> =
        nodes.iter().filter(|(_, node)| node.allowed).map(|(id, _)| id.clone()).collect();
    let mut named_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, (parts, _)) in nodes.iter().filter_map(|(id, node)| Some((id, node.body.as_ref()?))) {
        for name in parts.names().iter().filter(|name| nodes.contains_key(*name)) {
            named_by.entry(name).or_default().push(id);
        }
    }
    let staying = named_by.iter().filter(|(name, _)| !leaving.contains(**name));
    let mut open: BTreeSet<&str> = staying.flat_map(|(_, by)| by.iter().copied()).collect();
    while let Some(id) = open.pop_first() {
        let Some((parts, hidden)) = nodes.get(id).and_then(|node| node.body.as_ref()) else {
            continue;
        };
        let hides = |name: &str| nodes.contains_key(name) && !leaving.contains(name);
        if leaving.contains(id) && parts.survives(hidden, &hides).is_err() {
            leaving.remove(id);
            open.extend(named_by.get(id).into_iter().flatten());
        }
    }
    leaving
}

#[cfg(test)]
mod tests;
