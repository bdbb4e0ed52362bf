//! What a published catalogue (ATT&CK) holds already: an event refers to it instead of carrying a copy.

use std::collections::BTreeMap;

use noroshi_evidence::object::StixObject;
use serde_json::Value;

use super::galaxies;
use super::model::{Cluster, Galaxy};

/// Techniques, mitigations, groups and software that a catalogue holds, by their numbers.
///
/// A cluster of a galaxy of ATT&CK that carries a number the catalogue knows is the catalogue's object: the event's objects
/// name it by its published identifier, and no object of it is made. Whoever reads them must hold the catalogue.
///
/// ```
/// use noroshi_codec::misp::Catalogue;
/// use noroshi_evidence::object::StixObject;
/// let technique = StixObject::parse(r#"{"type":"attack-pattern","spec_version":"2.1","name":"Kiln",
///   "id":"attack-pattern--dcaa092b-7de9-4a21-977f-7fcb77e89c48","created":"2026-01-01T00:00:00Z",
///   "modified":"2026-01-01T00:00:00Z","external_references":[{"source_name":"mitre-attack","external_id":"T0001"}]}"#)?;
/// assert_eq!(Catalogue::of([&technique]).len(), 1);
/// # Ok::<(), noroshi_evidence::object::ParseObject>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<(String, String), String>);

impl Catalogue {
    /// Reads what objects of a catalogue are called by. Of two that bear one number the one that is in use counts, then
    /// the first.
    pub fn of<'o>(objects: impl IntoIterator<Item = &'o StixObject>) -> Self {
        let mut known = BTreeMap::new();
        let mut withdrawn = BTreeMap::new();
        for object in objects {
            let tree = match object.object_type() {
                "attack-pattern" | "course-of-action" | "intrusion-set" | "malware" | "tool" => {
                    object.to_value()
                }
                _ => continue,
            };
            let Some(number) = number_of(&tree) else { continue };
            let key = (object.object_type().to_owned(), number.to_owned());
            let gone =
                object.head().revoked || tree.get("x_mitre_deprecated") == Some(&Value::Bool(true));
            let into = if gone { &mut withdrawn } else { &mut known };
            into.entry(key).or_insert_with(|| object.id().to_string());
        }
        for (key, id) in withdrawn {
            known.entry(key).or_insert(id);
        }
        Self(known)
    }

    /// How many objects it knows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The published identifier of a piece of knowledge.
    pub(super) fn find(&self, galaxy: &Galaxy, cluster: &Cluster) -> Option<&str> {
        if !galaxy.kind.starts_with("mitre-") {
            return None;
        }
        let kind = galaxies::object_type(&galaxy.kind)?;
        let number = match cluster.meta.get("external_id")? {
            Value::Array(several) => several.first()?.as_str()?,
            one => one.as_str()?,
        };
        self.0.get(&(kind.to_owned(), number.to_owned())).map(String::as_str)
    }
}

/// The number under which ATT&CK itself files an object: `T1134`, `S0017`.
fn number_of(tree: &Value) -> Option<&str> {
    let references = tree.get("external_references")?.as_array()?;
    let own = |one: &&Value| {
        one.get("source_name").and_then(Value::as_str).is_some_and(|name| {
            matches!(name, "mitre-attack" | "mitre-mobile-attack" | "mitre-ics-attack")
        })
    };
    references.iter().find(own)?.get("external_id")?.as_str()
}
