//! STIX 2.1 bundles (section 8) and TAXII 2.1 envelopes (section 3.7): lists of objects.
//!
//! [`stream`] reads lists of any length piece by piece; the functions here hold a whole one. Each object is judged on its own: a bad one costs itself and is named with its
//! place and reason, so that whoever holds the bytes can put it aside; the good ones keep their bytes.
//! Where the text stops being JSON the walk ends, and what was read before stands.

use core::ops::Range;

use noroshi_evidence::id::StixId;
use noroshi_evidence::json::Syntax;
use noroshi_evidence::object::{ParseObject, StixObject};

use self::stream::{Limits, List, Shape};

pub mod stream;

/// Largest list accepted, in bytes.
pub const LIST_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most entries of a list looked at, good and bad together.
pub const ENTRIES_MAX: usize = 1_000_000;
/// Longest id repeated in a problem, in characters.
const ID_CHARS_MAX: usize = 80;

/// Why a part of the input was put aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The entry is no acceptable object.
    #[error(transparent)]
    Object(#[from] ParseObject),
    /// The input is longer than [`LIST_BYTES_MAX`]; nothing was read.
    #[error("the input is longer than {LIST_BYTES_MAX} bytes")]
    TooLong,
    /// The input is not UTF-8 from this place on; what lies before was read.
    #[error("the input is not UTF-8")]
    NotUtf8,
    /// The input is not JSON from this place on; what lies before was read.
    #[error(transparent)]
    Syntax(#[from] Syntax),
    /// The input is a bundle of another kind of thing, or no bundle; nothing was taken.
    #[error("the input is not a bundle of the standard")]
    NotABundle,
    /// A member of the list itself (not of an entry) has another form than the standard's.
    #[error("the member `{0}` of the list has an unknown form")]
    Member(&'static str),
    /// A member of the list occurs twice; the first one counts.
    #[error("the member `{0}` of the list occurs twice")]
    Duplicate(&'static str),
    /// More entries than the limits allow ([`ENTRIES_MAX`] here); the rest was not read.
    #[error("the list has more entries than are read")]
    TooManyEntries,
    /// Whoever takes the objects in refuses this one.
    #[error("{reason}")]
    Refused {
        /// The stable code of the rule.
        code: &'static str,
        /// Why.
        reason: String,
    },
    /// The reader failed; what was read before stands.
    #[error("the input could not be read: {0}")]
    Reading(std::io::ErrorKind),
}

impl Reason {
    /// The stable code shown to a user; those of single objects are the object's.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Object(reason) => reason.code(),
            Self::TooLong => "NRS-CODC-0001",
            Self::NotUtf8 => "NRS-CODC-0002",
            Self::Syntax(_) => "NRS-CODC-0003",
            Self::NotABundle => "NRS-CODC-0004",
            Self::Member(_) => "NRS-CODC-0005",
            Self::Duplicate(_) => "NRS-CODC-0006",
            Self::TooManyEntries => "NRS-CODC-0007",
            Self::Refused { code, .. } => code,
            Self::Reading(_) => "NRS-CODC-0020",
        }
    }
}

/// A part of the input that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which entry of the list, from 0; `None` when the list itself is meant.
    pub entry: Option<usize>,
    /// Where in the input, in bytes: the whole entry, so that it can be kept for a person to look at.
    pub bytes: Range<usize>,
    /// What the entry calls itself, as far as it says so.
    pub id: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// What a list held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// The objects that were taken in, in the order of the list.
    pub objects: Vec<StixObject>,
    /// Of each object: which entry it was, and where in the input.
    pub places: Vec<(usize, Range<usize>)>,
    /// What was put aside, in the order of the input.
    pub problems: Vec<Problem>,
    /// The id of the bundle; envelopes have none.
    pub id: Option<StixId>,
    /// Whether the input was walked to its end.
    pub complete: bool,
    /// Of an envelope: whether the server holds more.
    pub more: bool,
    /// Of an envelope: where to go on.
    pub next: Option<String>,
}

/// Decodes a STIX 2.1 bundle.
///
/// ```
/// use noroshi_codec::stix::decode_bundle;
/// let decoded = decode_bundle(br#"{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[
///   {"type":"domain-name","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","value":"example.com"},
///   {"type":"domain-name","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"} ]}"#);
/// assert_eq!(decoded.objects.len(), 1);
/// assert_eq!(decoded.problems[0].entry, Some(1));
/// assert_eq!(decoded.problems[0].reason.code(), "NRS-EVID-0026");
/// ```
pub fn decode_bundle(bytes: &[u8]) -> Decoded {
    decode(bytes, Shape::Bundle)
}

/// Decodes a TAXII 2.1 envelope.
pub fn decode_envelope(bytes: &[u8]) -> Decoded {
    decode(bytes, Shape::Envelope)
}

/// Writes a bundle: the objects in the given order, each with its own bytes.
///
/// ```
/// use noroshi_codec::stix::{decode_bundle, encode_bundle};
/// let id = "bundle--5d0092c5-5f74-4287-9642-33f4c354e56d".parse()?;
/// assert_eq!(decode_bundle(encode_bundle(&id, [])?.as_bytes()).id, Some(id));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_bundle<'a>(
    id: &StixId,
    objects: impl IntoIterator<Item = &'a StixObject>,
) -> Result<String, NotABundleId> {
    if id.object_type() != "bundle" {
        return Err(NotABundleId(id.clone()));
    }
    let mut text = format!(r#"{{"type":"bundle","id":"{id}""#);
    write_objects(&mut text, objects);
    text.push_str("}\n");
    Ok(text)
}

/// Writes a TAXII 2.1 envelope; `next` says that more is there and where to go on.
pub fn encode_envelope<'a>(
    objects: impl IntoIterator<Item = &'a StixObject>,
    next: Option<&str>,
) -> String {
    let mut text = format!(r#"{{"more":{}"#, next.is_some());
    if let Some(next) = next {
        text.push_str(r#","next":"#);
        text.push_str(&serde_json::Value::from(next).to_string());
    }
    write_objects(&mut text, objects);
    text.push_str("}\n");
    text
}

/// The id of something other than a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a bundle")]
pub struct NotABundleId(pub StixId);

impl NotABundleId {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        "NRS-CODC-0008"
    }
}

/// Section 8 and TAXII 3.7: the member is left out when there are no objects.
fn write_objects<'a>(text: &mut String, objects: impl IntoIterator<Item = &'a StixObject>) {
    let mut separator = ",\"objects\":[\n";
    let mut any = false;
    for object in objects {
        text.push_str(separator);
        text.push_str(object.text());
        separator = ",\n";
        any = true;
    }
    if any {
        text.push_str("\n]");
    }
}

fn decode(bytes: &[u8], shape: Shape) -> Decoded {
    let mut decoded = Decoded::default();
    if bytes.len() > LIST_BYTES_MAX {
        decoded.blame(0..bytes.len(), Reason::TooLong);
        return decoded;
    }
    // What was put aside is found in the input again, so nothing of it is kept twice.
    let limits = Limits { entries_max: ENTRIES_MAX, kept_bytes_max: 0, ..Limits::default() };
    let mut stream = stream::read(bytes, shape, limits);
    while let Some(item) = stream.next() {
        match item {
            Ok(object) => {
                let end = stream.place();
                let entry = stream.list().entries.saturating_sub(1);
                decoded.places.push((entry, end - object.text().len()..end));
                decoded.objects.push(object);
            }
            Err(aside) => decoded.problems.push(aside.problem),
        }
    }
    let List { id, more, next, complete, .. } = stream.list().clone();
    decoded = Decoded { id, more, next, complete, ..decoded };
    if decoded.problems.last().is_some_and(|problem| problem.reason == Reason::NotABundle) {
        decoded.objects.clear();
        decoded.places.clear();
        decoded.problems.clear();
        decoded.blame(0..bytes.len(), Reason::NotABundle);
    } else if !decoded.complete
        && let Some(last) = decoded.problems.last_mut()
    {
        last.bytes.end = bytes.len();
    }
    decoded
}

impl Decoded {
    fn blame(&mut self, bytes: Range<usize>, reason: Reason) {
        self.problems.push(Problem { entry: None, bytes, id: None, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_evidence::version::{Conflict, Relation, Version, relate};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const BUNDLE: &str = "bundle--5d0092c5-5f74-4287-9642-33f4c354e56d";
    const NAME: &str = "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7";

    fn name(value: &str) -> String {
        format!(
            "{{ \"type\":\"domain-name\",\t\"id\":\"{NAME}\", \"value\":\"{value}\", \"x_é\":[1.0, 1e2] }}"
        )
    }

    fn bundle(entries: &[String]) -> String {
        format!(r#"{{"type":"bundle","id":"{BUNDLE}","objects":[{}]}}"#, entries.join(" , "))
    }

    fn codes(decoded: &Decoded) -> Vec<(Option<usize>, &'static str)> {
        decoded.problems.iter().map(|p| (p.entry, p.reason.code())).collect()
    }

    #[test]
    fn each_bad_entry_costs_only_itself_and_can_be_found_again() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        let entries = [
            name("a.example"),
            "7".to_owned(),
            name("b.example").replace("\"x_é\"", "\"id\""),
            deep.clone(),
            name("c.example"),
            name("d.example").replace("domain-name", "Domain"),
            bundle(&[name("e.example")]),
        ];
        let text = bundle(&entries);
        let decoded = decode_bundle(text.as_bytes());
        let kept: Vec<_> = decoded.objects.iter().map(StixObject::text).collect();
        assert_eq!(kept, [entries[0].as_str(), entries[4].as_str()]);
        assert_eq!(
            codes(&decoded),
            [
                (Some(1), "NRS-EVID-0025"),
                (Some(2), "NRS-EVID-0023"),
                (Some(3), "NRS-EVID-0022"),
                (Some(5), "NRS-EVID-0027"),
                (Some(6), "NRS-EVID-0032"),
            ]
        );
        for problem in &decoded.problems {
            let entry = text.get(problem.bytes.clone());
            assert_eq!(entry, Some(entries[problem.entry.unwrap()].as_str()));
        }
        assert_eq!(decoded.problems[1].id.as_deref(), Some(NAME));
        assert!(decoded.complete);
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_reason() {
        let check = |text: &[u8], expected: &[&str]| {
            let decoded = decode_bundle(text);
            let found: Vec<_> = decoded.problems.iter().map(|p| p.reason.code()).collect();
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
        };
        check(b"", &["NRS-CODC-0003"]);
        check(b"[]", &["NRS-CODC-0003"]);
        check(b"{}", &["NRS-CODC-0004"]);
        check(b"{\"type\":\"indicator\",\"objects\":[{}]}", &["NRS-CODC-0004"]);
        check(b"{\"type\":\"bundle\"} x", &["NRS-CODC-0003"]);
        check(b"{\"type\":\"bundle\",}", &["NRS-CODC-0003"]);
        check(b"{\"type\":\"bundle\",\"objects\":[],\"objects\":[{}]}", &["NRS-CODC-0006"]);
        check(b"{\"type\":\"bundle\",\"objects\":{}}", &["NRS-CODC-0005"]);
        check(b"{\"id\":\"indicator--1\",\"type\":\"bundle\"}", &["NRS-CODC-0005"]);
        check(b"\xef\xbb\xbf{\"type\":\"bundle\",\"x\":[{\"objects\":1}]}", &[]);
        check(b"{\"type\":\"bundle\",\"x\":\"\xff\"}", &["NRS-CODC-0002"]);
        check("[".repeat(1_000_000).as_bytes(), &["NRS-CODC-0003"]);
        let brackets = format!("{{\"type\":\"bundle\",\"objects\":{}", "[".repeat(1_000_000));
        check(brackets.as_bytes(), &["NRS-CODC-0003"]);
    }

    #[test]
    fn too_many_entries_end_the_walk() {
        let zeros = vec!["0".to_owned(); ENTRIES_MAX + 1];
        let decoded = decode_bundle(bundle(&zeros).as_bytes());
        assert_eq!(decoded.problems.len(), ENTRIES_MAX + 1);
        assert_eq!(decoded.problems[ENTRIES_MAX].reason, Reason::TooManyEntries);
        assert!(!decoded.complete);
    }

    #[test]
    fn what_stands_before_a_cut_is_kept() {
        let entries = [name("a.example"), name("b.example"), name("c.example")];
        let text = bundle(&entries);
        for end in 0..text.len() {
            let decoded = decode_bundle(&text.as_bytes()[..end]);
            assert!(!decoded.complete && decoded.problems.len() == 1, "cut at {end}");
            let first_end = text.find(" , ").unwrap();
            assert_eq!(!decoded.objects.is_empty(), end >= first_end, "cut at {end}");
            for (object, entry) in decoded.objects.iter().zip(&entries) {
                assert_eq!(object.text(), entry);
            }
        }
    }

    #[test]
    fn envelopes_say_where_to_go_on() {
        let object = StixObject::parse(&name("a.example")).unwrap();
        let text = encode_envelope([&object], Some("a \"cursor\""));
        let decoded = decode_envelope(text.as_bytes());
        assert_eq!((decoded.more, decoded.next.as_deref()), (true, Some("a \"cursor\"")));
        assert_eq!(decoded.objects, [object]);
        let last = decode_envelope(encode_envelope([], None).as_bytes());
        assert_eq!(last, Decoded { complete: true, ..Decoded::default() });
        let wrong = decode_envelope(br#"{"more":"yes","next":1}"#);
        assert_eq!(codes(&wrong), [(None, "NRS-CODC-0005"), (None, "NRS-CODC-0005")]);
    }

    #[test]
    fn only_bundle_ids_name_bundles() {
        assert_eq!(encode_bundle(&NAME.parse().unwrap(), []).unwrap_err().code(), "NRS-CODC-0008");
    }

    fn corpus(path: &str) -> Option<Vec<u8>> {
        let corpora = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/");
        let bytes = std::fs::read(format!("{corpora}{path}")).ok();
        if bytes.is_none() {
            println!("corpora absent: skipped {path}");
        }
        bytes
    }

    /// Decodes, and checks that encoding gives every object back with the bytes it has in the input.
    fn round_trip(path: &str) -> Option<Decoded> {
        let bytes = corpus(path)?;
        let decoded = decode_bundle(&bytes);
        let text = core::str::from_utf8(&bytes).unwrap();
        let mut from = 0;
        for object in &decoded.objects {
            let rest = text.get(from..).unwrap_or_default();
            from += rest.find(object.text()).expect("bytes as they arrived");
        }
        let id = decoded.id.clone().unwrap_or_else(|| BUNDLE.parse().unwrap());
        let encoded = encode_bundle(&id, &decoded.objects).unwrap();
        let again = decode_bundle(encoded.as_bytes());
        assert_eq!(again.objects, decoded.objects, "{path}");
        assert!(again.problems.is_empty() && again.complete, "{path}");
        assert_eq!(encode_bundle(&id, &again.objects).unwrap(), encoded);
        Some(decoded)
    }

    #[test]
    fn published_bundles_go_through_unchanged() {
        for (path, objects) in [
            ("attack-stix21/ics-attack/ics-attack-18.1.json", 1_700..),
            ("attack-stix21/mobile-attack/mobile-attack-17.1.json", 1_700..),
            ("stix-schemas-examples/examples/threat-reports/apt1.json", 30..),
            ("stix-schemas-examples/examples/threat-reports/poisonivy.json", 60..),
            ("stix-schemas-examples/examples/indicators-for-C2-with-COA.json", 2..),
            ("tlp2-stix/tlp2-markings.json", 5..),
        ] {
            let Some(decoded) = round_trip(path) else { return };
            assert_eq!(codes(&decoded), [], "{path}");
            assert!(objects.contains(&decoded.objects.len()), "{path}: {}", decoded.objects.len());
        }
    }

    #[test]
    fn the_largest_published_bundle_is_taken_in_whole() {
        let Some(bytes) = corpus("attack-enterprise-21/enterprise-attack-18.1-derived.json") else {
            return;
        };
        let decoded = decode_bundle(&bytes);
        assert_eq!((decoded.objects.len(), codes(&decoded)), (24_771, vec![]));
    }

    #[test]
    fn publishers_who_break_versioning_are_caught() {
        let mut held: BTreeMap<String, Vec<Version>> = BTreeMap::new();
        let mut broken = BTreeSet::new();
        for release in ["8.2", "16.1", "18.1"] {
            let path = format!("attack-stix21/ics-attack/ics-attack-{release}.json");
            let Some(bytes) = corpus(&path) else { return };
            for object in decode_bundle(&bytes).objects {
                let version = Version::of(&object);
                let versions = held.entry(object.id().to_string()).or_default();
                match relate(&version, versions) {
                    Relation::Conflict(Conflict::Content) => {
                        broken.insert((version.id, version.modified));
                    }
                    Relation::Same => {}
                    _ => versions.push(version),
                }
            }
        }
        // The README of the corpus counts the pairs of id and `modified` whose content differs.
        assert_eq!(broken.len(), 20);
    }

    proptest! {
        #[test]
        fn damage_never_panics_and_never_invents(at in 0_usize..400, byte in any::<u8>()) {
            let entries = [name("a.example"), name("b.example"), name("c.example")];
            let mut bytes = bundle(&entries).into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let decoded = decode_bundle(&bytes);
            prop_assert!(decoded.objects.len() <= entries.len());
            for problem in &decoded.problems {
                prop_assert!(problem.bytes.start <= problem.bytes.end && problem.bytes.end <= bytes.len());
            }
            for object in &decoded.objects {
                prop_assert!(bytes.windows(object.text().len()).any(|w| w == object.text().as_bytes()));
            }
        }
    }
}
