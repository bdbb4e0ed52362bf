//! What of a set of objects leaves to one recipient, and with which bytes.
//!
//! # What it decides
//! [`crate::release`] judges one object as a whole. Here its parts are judged by the same rule, each with the marking it
//! carries; what the objects name decides which of them can leave together; and what leaves is written: the stored bytes
//! where nothing is left out, otherwise the rest of the object with a note that it is not the whole.
//!
//! # Source
//! STIX 2.1 §7.2.3 (granular markings), §3.6 (only its creator makes a new version of an object: `docs/decisions/0012`);
//! FIRST TLP 2.0; 重要電子計算機被害防止法 第37条から第45条.
//!
//! # Refuses when
//! - the release rule refuses the object as a whole;
//! - it belongs to an exercise (`NRS-SHAR-0108`), or holds a secret that needs a managed channel (`NRS-SHAR-0114`);
//! - what must be left out cannot be (`NRS-SHAR-0303`), or cannot be found (`NRS-SHAR-0304`);
//! - it names more than can be followed (`NRS-SHAR-0305`);
//! - it translates an object of which parts stay (`NRS-SHAR-0306`);
//! - it cannot stand without naming what stays (`NRS-SHAR-0109`).
//!
//! # Example
//! A malware object is TLP:GREEN, its description TLP:RED. A partner gets the object without the description, without
//! the entry that marked it, and with the note.
//!
//! ```
//! use jiff::Timestamp;
//! use noroshi_charter::outgoing::{Held, judge};
//! use noroshi_charter::release::{Capacity, Facts, Recipient};
//! use noroshi_evidence::{marking::Tlp, object::StixObject, redact::Parts};
//!
//! let text = r#"{"type":"tool","spec_version":"2.1","id":"tool--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101",
//!   "created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"lantern","description":"for few",
//!   "granular_markings":[{"marking_ref":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","selectors":["description"]}]}"#;
//! let held = Held {
//!     facts: Facts { tlp: Some(Tlp::Green), ..Facts::default() },
//!     exercise: false,
//!     parts: Parts::read(StixObject::parse(text)?),
//! };
//! let council = Recipient::of("org-member", Capacity::Council);
//! let verdict = judge(&held, &council, Tlp::Red, Timestamp::UNIX_EPOCH);
//! assert!(verdict.refusals.is_empty());
//! assert_eq!(verdict.hidden, [0]);
//! # Ok::<(), noroshi_evidence::object::ParseObject>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::redact::{self, Node, Parts, Stays};

use crate::release::{Facts, Recipient, Refusal, decide};

/// One version of one object with everything that decides about it.
#[derive(Debug, Clone)]
pub struct Held {
    /// What the release rule decides on; its bits include those of what it was made from ([`crate::derivation`]).
    pub facts: Facts,
    /// It belongs to an exercise.
    pub exercise: bool,
    /// The object with its parts.
    pub parts: Parts,
}

/// What is to be said about one object and one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Every reason of its own against it; none means it may leave, perhaps without parts.
    pub refusals: Vec<Refusal>,
    /// Places of the markings whose parts stay.
    pub hidden: Vec<usize>,
}

impl Verdict {
    /// Whether it may leave as far as it is concerned itself.
    pub fn allows(&self) -> bool {
        self.refusals.is_empty()
    }
}

const fn house(code: &'static str) -> Refusal {
    Refusal { code, clause: "" }
}

/// Judges one object for one recipient at `now`. Parts above `parts_tlp_max` stay too (a view's own ceiling).
pub fn judge(held: &Held, to: &Recipient, parts_tlp_max: Tlp, now: Timestamp) -> Verdict {
    let mut refusals = decide(&held.facts, to, now);
    if held.exercise {
        refusals.push(house("NRS-SHAR-0108"));
    }
    // A designated secret needs a managed channel; what is read over the network is none, and `noroshi-verify` calls
    // such a release a lie.
    if held.facts.bits.has_secret {
        refusals.push(Refusal { code: "NRS-SHAR-0114", clause: "Act art. 44" });
    }
    if held.parts.names_too_much() {
        refusals.push(house("NRS-SHAR-0305"));
    }
    if !refusals.is_empty() {
        return Verdict { refusals, hidden: Vec::new() };
    }
    let hidden = hidden_parts(held, to, parts_tlp_max, now);
    if !hidden.is_empty() {
        refusals.extend(held.parts.survives(&hidden, &|_| false).err().map(|why| stays(&why)));
    }
    Verdict { refusals, hidden }
}

/// The markings on parts that the recipient may not have: each part is judged as an object of its own would be that
/// carries the marking of the part besides those of the whole.
fn hidden_parts(held: &Held, to: &Recipient, tlp_max: Tlp, now: Timestamp) -> Vec<usize> {
    let stays = |marking: &redact::PartMarking| {
        if marking.is_language {
            return false;
        }
        let mut facts = held.facts.clone();
        let tlp = marking.marking.as_ref().and_then(Tlp::from_marking_id);
        match tlp {
            Some(tlp) => facts.tlp = Some(facts.tlp.unwrap_or(Tlp::Amber).max(tlp)),
            None => facts.unknown_markings += 1,
        }
        tlp.is_some_and(|tlp| tlp > tlp_max) || !decide(&facts, to, now).is_empty()
    };
    let marked = held.parts.markings().iter().enumerate();
    marked.filter(|(_, marking)| stays(marking)).map(|(place, _)| place).collect()
}

/// The strictest colour of what leaves of an object when the parts at `hidden` stay: that of the whole, and that of each
/// marked part which does not stay. It says how carefully a release must be looked at.
pub fn strictest(held: &Held, hidden: &[usize]) -> Tlp {
    let whole = held.facts.tlp.unwrap_or(Tlp::Amber);
    let marked = held.parts.markings().iter().enumerate();
    let leaving = marked.filter(|(place, _)| !hidden.contains(place));
    let colours = leaving.filter_map(|(_, one)| Tlp::from_marking_id(one.marking.as_ref()?));
    colours.fold(whole, Tlp::max)
}

/// Why an object stays that cannot be without what stays.
const fn stays(why: &Stays) -> Refusal {
    match why {
        Stays::Required(_) | Stays::Invalid => {
            Refusal { code: "NRS-SHAR-0303", clause: "STIX 2.1 §7.2.3" }
        }
        Stays::Unreadable => Refusal { code: "NRS-SHAR-0304", clause: "STIX 2.1 §7.2.3" },
        Stays::TooManyNames => house("NRS-SHAR-0305"),
    }
}

/// The bytes of one object as they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The text.
    pub text: String,
    /// Parts were left out; the text says so itself.
    pub redacted: bool,
}

/// A set of objects that was judged for one recipient: which of them leave, and how.
#[derive(Debug, Default)]
pub struct Outgoing {
    nodes: BTreeMap<String, Node>,
    leaving: BTreeSet<String>,
}

impl Outgoing {
    /// Finds the largest set that leaves together. `nodes` are the objects with their verdicts, and everything held
    /// that they name; what is held and may not leave is a node that is not allowed.
    pub fn settle(nodes: BTreeMap<String, Node>) -> Self {
        let mut outgoing = Self { nodes, leaving: BTreeSet::new() };
        outgoing.stop_translations();
        loop {
            outgoing.leaving = redact::settle(&outgoing.nodes);
            // Whatever is sent must be writable; what turns out not to be stays, and everything is settled again.
            let broken: Vec<String> =
                outgoing.leaving.iter().filter(|id| outgoing.is_broken(id)).cloned().collect();
            if broken.is_empty() {
                return outgoing;
            }
            for id in broken {
                if let Some(node) = outgoing.nodes.get_mut(&id) {
                    node.allowed = false;
                }
            }
        }
    }

    fn is_broken(&self, id: &str) -> bool {
        let body = self.nodes.get(id).and_then(|node| node.body.as_ref());
        body.is_none_or(|(parts, hidden)| {
            let touched = !hidden.is_empty() || parts.names().iter().any(|name| self.hides(name));
            touched && self.write(parts, hidden).is_none()
        })
    }

    /// A translation (STIX 2.1 §7.1) repeats what its object says; of an object with hidden parts it stays.
    fn stop_translations(&mut self) {
        let hides_parts: BTreeSet<String> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.body.as_ref().is_none_or(|(_, hidden)| !hidden.is_empty()))
            .map(|(id, _)| id.clone())
            .collect();
        for node in self.nodes.values_mut() {
            if node.body.as_ref().is_some_and(|(parts, _)| translates(parts, &hides_parts)) {
                node.allowed = false;
            }
        }
    }

    /// Whether the reader may not know of this name: it is held and does not leave.
    pub fn hides(&self, name: &str) -> bool {
        self.nodes.contains_key(name) && !self.leaving.contains(name)
    }

    /// Whether it leaves.
    pub fn leaves(&self, id: &str) -> bool {
        self.leaving.contains(id)
    }

    /// The first thing `id` names that stays.
    pub fn stays_for(&self, id: &str) -> Option<&String> {
        let (parts, _) = self.nodes.get(id)?.body.as_ref()?;
        parts.names().iter().find(|name| self.hides(name))
    }

    /// The bytes of one of the set; none when it stays.
    pub fn sent(&self, id: &str) -> Option<Sent> {
        let (parts, hidden) = self.nodes.get(id).filter(|_| self.leaves(id))?.body.as_ref()?;
        self.write(parts, hidden)
    }

    /// The bytes of an object (also of another version of one in the set) beside this set; none when it cannot stand.
    pub fn write(&self, parts: &Parts, hidden: &[usize]) -> Option<Sent> {
        write(parts, hidden, &|name| self.hides(name)).ok()
    }

    /// Whether `parts` translates something of which parts stay.
    pub fn is_stopped_translation(&self, parts: &Parts) -> bool {
        let hides_parts: BTreeSet<String> = parts
            .names()
            .iter()
            .filter(|name| {
                let node = self.nodes.get(*name);
                node.is_some_and(|node| {
                    node.body.as_ref().is_none_or(|(_, hidden)| !hidden.is_empty())
                })
            })
            .cloned()
            .collect();
        translates(parts, &hides_parts)
    }
}

fn translates(parts: &Parts, of: &BTreeSet<String>) -> bool {
    parts.object().object_type() == "language-content"
        && parts.names().iter().any(|name| of.contains(name))
}

/// The stored bytes where nothing is left out, and otherwise what is left.
pub fn write(parts: &Parts, hidden: &[usize], hides: &dyn Fn(&str) -> bool) -> Result<Sent, Stays> {
    if hidden.is_empty() && !parts.names().iter().any(|name| hides(name)) {
        return Ok(Sent { text: parts.object().text().to_owned(), redacted: false });
    }
    parts.redact(hidden, hides).map(|text| Sent { text, redacted: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Capacity;
    use noroshi_evidence::object::StixObject;

    #[test]
    fn the_colour_of_a_release_is_that_of_the_strictest_part_that_leaves() {
        let part = |tlp: Tlp, place: &str| serde_json::json!({ "marking_ref": tlp.marking_id().as_str(), "selectors": [place] });
        let text = serde_json::json!({
            "type": "tool", "spec_version": "2.1", "id": "tool--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101",
            "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", "name": "lantern",
            "description": "for operators", "labels": ["for few"],
            "granular_markings": [part(Tlp::Amber, "description"), part(Tlp::Red, "labels")],
        });
        let held = Held {
            facts: Facts { tlp: Some(Tlp::Green), ..Facts::default() },
            exercise: false,
            parts: Parts::read(StixObject::parse(&text.to_string()).unwrap()),
        };
        for (capacity, wanted) in
            [(Capacity::Operator, Tlp::Amber), (Capacity::Council, Tlp::Green)]
        {
            let to = Recipient::of("org-x", capacity);
            let verdict = judge(&held, &to, Tlp::Red, Timestamp::UNIX_EPOCH);
            assert_eq!(strictest(&held, &verdict.hidden), wanted, "{capacity:?}");
        }
    }
}
