//! How alike are two objects of one type, and by what?
//!
//! Candidates for merging are proposed by a weighted sum over the properties that tell objects of their type apart; a
//! property that either side lacks does not count. The score comes with its reasons, so that a person decides on what
//! they can see. Nothing here merges anything.
//!
//! ```
//! use noroshi_evidence::similarity::similarity;
//! let left = serde_json::json!({ "type": "tool", "name": "Net Cat", "tool_types": ["remote-access"] });
//! let right = serde_json::json!({ "type": "tool", "name": "cat net", "tool_types": ["remote-access"] });
//! let alike = similarity(&left, &right).unwrap();
//! assert_eq!(alike.percent, 100);
//! assert_eq!(alike.reasons[0].property, "name");
//! ```

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::pattern::normal::equivalent;
use crate::pattern::parse::parse;

/// Longest text compared letter by letter; longer ones are equal or not alike.
pub const TEXT_CHARS_MAX: usize = 512;
/// Most entries of a list compared.
pub const LIST_ENTRIES_MAX: usize = 10_000;
/// From this score on two objects are worth a look as one.
pub const CANDIDATE_PERCENT_MIN: u8 = 70;

/// How the values of a property are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// By their words, in any order, letter by letter.
    Words,
    /// Equal or not.
    Exact,
    /// By what both lists hold.
    Shared,
    /// By their distance, up to one day.
    Day,
    /// By a source and identifier both name.
    References,
    /// By what the patterns say.
    Pattern,
    /// By the distance of the two points on the globe, up to [`PLACE_KILOMETRES_MAX`].
    Place,
}

/// Stands for `latitude` and `longitude`, which are compared as one.
const PLACE: &str = "longitude_latitude";
/// From this distance on two places are not alike.
const PLACE_KILOMETRES_MAX: f64 = 1_000.0;
/// Mean radius of the earth.
const EARTH_KILOMETRES: f64 = 6_371.008_8;

/// A type, and its properties with their weights and how they are compared.
type Weighed = (&'static str, &'static [(&'static str, u32, By)]);

/// Weights of properties, by type: those that the OASIS python-stix2 library (3.0.2, `stix2.equivalence.object`) uses
/// for STIX object similarity, so that two programs that compare the same objects count the same properties alike. Where
/// the comparison of a property differs from that library's, docs/stix-similarity.md says how and why.
const WEIGHTS: &[Weighed] = &[
    ("attack-pattern", &[("name", 30, By::Words), ("external_references", 70, By::References)]),
    ("campaign", &[("name", 60, By::Words), ("aliases", 40, By::Shared)]),
    ("course-of-action", &[("name", 60, By::Words), ("external_references", 40, By::References)]),
    (
        "grouping",
        &[("name", 20, By::Words), ("context", 20, By::Words), ("object_refs", 60, By::Shared)],
    ),
    (
        "identity",
        &[("name", 60, By::Words), ("identity_class", 20, By::Exact), ("sectors", 20, By::Shared)],
    ),
    ("incident", &[("name", 30, By::Words), ("external_references", 70, By::References)]),
    (
        "indicator",
        &[
            ("indicator_types", 15, By::Shared),
            ("pattern", 80, By::Pattern),
            ("valid_from", 5, By::Day),
        ],
    ),
    (
        "intrusion-set",
        &[
            ("name", 20, By::Words),
            ("external_references", 60, By::References),
            ("aliases", 20, By::Shared),
        ],
    ),
    ("location", &[(PLACE, 34, By::Place), ("region", 33, By::Exact), ("country", 33, By::Exact)]),
    ("malware", &[("malware_types", 20, By::Shared), ("name", 80, By::Words)]),
    (
        "marking-definition",
        &[
            ("name", 20, By::Exact),
            ("definition", 60, By::Exact),
            ("definition_type", 20, By::Exact),
        ],
    ),
    (
        "relationship",
        &[
            ("relationship_type", 20, By::Exact),
            ("source_ref", 40, By::Exact),
            ("target_ref", 40, By::Exact),
        ],
    ),
    (
        "report",
        &[("name", 30, By::Words), ("published", 10, By::Day), ("object_refs", 60, By::Shared)],
    ),
    (
        "sighting",
        &[
            ("first_seen", 5, By::Day),
            ("last_seen", 5, By::Day),
            ("sighting_of_ref", 40, By::Exact),
            ("observed_data_refs", 20, By::Shared),
            ("where_sighted_refs", 20, By::Shared),
            ("summary", 10, By::Exact),
        ],
    ),
    (
        "threat-actor",
        &[
            ("name", 60, By::Words),
            ("threat_actor_types", 20, By::Shared),
            ("aliases", 20, By::Shared),
        ],
    ),
    ("tool", &[("tool_types", 20, By::Shared), ("name", 80, By::Words)]),
    ("vulnerability", &[("name", 30, By::Words), ("external_references", 70, By::References)]),
];

/// One property of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Which property.
    pub property: &'static str,
    /// How alike its values are, 0 to 100.
    pub percent: u8,
    /// How much it counts.
    pub weight: u32,
}

/// How alike two objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similarity {
    /// 0 to 100.
    pub percent: u8,
    /// By what, the weightiest first.
    pub reasons: Vec<Reason>,
}

impl Similarity {
    /// Whether a person should look at the two.
    pub const fn is_candidate(&self) -> bool {
        self.percent >= CANDIDATE_PERCENT_MIN
    }
}

/// Compares two objects; `None` when they are of different types, of a type without weights, or have nothing to compare.
pub fn similarity(left: &Value, right: &Value) -> Option<Similarity> {
    let object_type = left.get("type")?.as_str()?;
    if right.get("type")?.as_str()? != object_type {
        return None;
    }
    let (_, weights) = WEIGHTS.iter().find(|(known, _)| *known == object_type)?;
    let mut reasons: Vec<Reason> = Vec::new();
    for (property, weight, by) in *weights {
        let percent = if *by == By::Place {
            place(left).zip(place(right)).map(|(left, right)| near(left, right))
        } else {
            let both = left.get(property).zip(right.get(property));
            both.map(|(left, right)| alike(left, right, *by))
        };
        reasons.extend(percent.map(|percent| Reason { property, percent, weight: *weight }));
    }
    let whole: u32 = reasons.iter().map(|reason| reason.weight).sum();
    let sum: u32 = reasons.iter().map(|reason| u32::from(reason.percent) * reason.weight).sum();
    reasons.sort_by_key(|reason| core::cmp::Reverse(reason.weight));
    let percent = u8::try_from(sum.checked_div(whole)?).ok()?;
    Some(Similarity { percent, reasons })
}

fn alike(left: &Value, right: &Value, by: By) -> u8 {
    match (by, left, right) {
        (By::Words, Value::String(left), Value::String(right)) => words(left, right),
        (By::Shared, Value::Array(left), Value::Array(right)) => {
            shared(&texts(left), &texts(right))
        }
        (By::References, Value::Array(left), Value::Array(right)) => references(left, right),
        (By::Day, Value::String(left), Value::String(right)) => day(left, right),
        (By::Pattern, Value::String(left), Value::String(right)) => pattern(left, right),
        _ => {
            if left == right {
                100
            } else {
                0
            }
        }
    }
}

/// 100 when the two say the same, however they are written; patterns of other languages only when they are equal.
fn pattern(left: &str, right: &str) -> u8 {
    let same = || {
        let (left, right) = (parse(left).ok()?, parse(right).ok()?);
        equivalent(&left, &right).ok()
    };
    if left == right || same().unwrap_or(false) { 100 } else { 0 }
}

/// Latitude and longitude, in degrees.
fn place(object: &Value) -> Option<(f64, f64)> {
    Some((object.get("latitude")?.as_f64()?, object.get("longitude")?.as_f64()?))
}

/// By the distance along a great circle (haversine formula).
fn near(left: (f64, f64), right: (f64, f64)) -> u8 {
    let (from, to) = (left.0.to_radians(), right.0.to_radians());
    let (up, along) = ((to - from) / 2.0, (right.1 - left.1).to_radians() / 2.0);
    let chord = up.sin().powi(2) + from.cos() * to.cos() * along.sin().powi(2);
    let kilometres = 2.0 * EARTH_KILOMETRES * chord.clamp(0.0, 1.0).sqrt().asin();
    let part = (1.0 - kilometres / PLACE_KILOMETRES_MAX).clamp(0.0, 1.0);
    // A part of one has at most three digits as a percentage.
    (0..=100_u8).rev().find(|percent| f64::from(*percent) <= part * 100.0).unwrap_or(0)
}

fn texts(list: &[Value]) -> BTreeSet<String> {
    list.iter().take(LIST_ENTRIES_MAX).filter_map(Value::as_str).map(str::to_lowercase).collect()
}

/// Part of the longer list that both hold.
fn shared(left: &BTreeSet<String>, right: &BTreeSet<String>) -> u8 {
    percent(left.intersection(right).count(), left.len().max(right.len()))
}

/// 100 when both name one entry of one source, otherwise 0.
fn references(left: &[Value], right: &[Value]) -> u8 {
    let names = |list: &[Value]| -> BTreeSet<(String, String)> {
        let text = |entry: &Value, name: &str| {
            entry.get(name).and_then(Value::as_str).map(str::to_lowercase)
        };
        let named = |entry: &Value| {
            Some((
                text(entry, "source_name")?,
                text(entry, "external_id").or_else(|| text(entry, "url"))?,
            ))
        };
        list.iter().take(LIST_ENTRIES_MAX).filter_map(named).collect()
    };
    if names(left).is_disjoint(&names(right)) { 0 } else { 100 }
}

fn day(left: &str, right: &str) -> u8 {
    let (Ok(left), Ok(right)) = (left.parse::<Timestamp>(), right.parse::<Timestamp>()) else {
        return 0;
    };
    let apart = left.as_second().abs_diff(right.as_second());
    percent(usize::try_from(86_400_u64.saturating_sub(apart)).unwrap_or(0), 86_400)
}

fn words(left: &str, right: &str) -> u8 {
    let sorted = |text: &str| {
        let lower = text.to_lowercase();
        let mut words: Vec<&str> = lower.split_whitespace().collect();
        words.sort_unstable();
        words.join(" ").chars().collect::<Vec<char>>()
    };
    let (left, right) = (sorted(left), sorted(right));
    if left == right {
        return 100;
    }
    if left.len().max(right.len()) > TEXT_CHARS_MAX {
        return 0;
    }
    percent(2 * common_subsequence(&left, &right), left.len() + right.len())
}

/// Length of the longest common subsequence; its product of lengths is bounded by [`TEXT_CHARS_MAX`].
fn common_subsequence(left: &[char], right: &[char]) -> usize {
    let mut row = vec![0; right.len() + 1];
    for one in left {
        let (mut corner, mut before) = (0, 0);
        for (other, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            *cell = if one == other { corner + 1 } else { above.max(before) };
            corner = above;
            before = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

fn percent(part: usize, whole: usize) -> u8 {
    u8::try_from((part * 100).checked_div(whole).unwrap_or(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_tells_objects_apart_counts_by_its_weight() {
        let check = |left: Value, right: Value, expected: Option<u8>| {
            let both = similarity(&left, &right).map(|alike| alike.percent);
            assert_eq!(both, expected, "{left} {right}");
            assert_eq!(similarity(&right, &left).map(|alike| alike.percent), expected);
        };
        let tool = |name: &str| json!({ "type": "tool", "name": name });
        check(tool("silent kiln"), tool("Kiln Silent"), Some(100));
        check(tool("abcd"), tool("abxy"), Some(50));
        check(tool("a"), json!({ "type": "malware", "name": "a" }), None);
        check(json!({ "type": "tool" }), tool("a"), None);
        let group = |name: &str, aliases: Value| json!({ "type": "campaign", "name": name, "aliases": aliases });
        check(group("a", json!(["x", "y"])), group("a", json!(["Y", "z"])), Some(80));
        let seen =
            |at: &str| json!({ "type": "indicator", "pattern": "[a:b = 1]", "valid_from": at });
        check(seen("2026-10-01T00:00:00Z"), seen("2026-10-01T12:00:00Z"), Some(97));
        let known = |id: &str| json!({ "type": "vulnerability", "external_references": [{ "source_name": "cve", "external_id": id }] });
        check(known("CVE-2026-0001"), known("CVE-2026-0001"), Some(100));
        check(known("CVE-2026-0001"), known("CVE-2026-0002"), Some(0));
        check(tool(&"x".repeat(100_000)), tool(&"y".repeat(100_000)), Some(0));
    }

    /// What python-stix2 3.0.2 gives for the same objects (docs/stix-similarity.md); whole percents, rounded down at each
    /// property, are within two of it.
    #[test]
    fn scores_are_those_of_the_common_library() {
        let of = |kind: &str, more: Value| {
            let mut object = more;
            object["type"] = json!(kind);
            object
        };
        let check = |kind: &str, left: Value, right: Value, expected: f64| {
            let found = similarity(&of(kind, left), &of(kind, right)).unwrap();
            let apart = (f64::from(found.percent) - expected).abs();
            assert!(apart <= 2.0, "{kind}: {found:?}, {expected} there");
        };
        let at =
            |latitude: f64, longitude: f64| json!({ "latitude": latitude, "longitude": longitude });
        let with = |mut place: Value, name: &str, value: &str| {
            place[name] = json!(value);
            place
        };
        check(
            "location",
            with(at(35.68, 139.77), "country", "JP"),
            with(at(34.69, 135.50), "country", "JP"),
            79.53,
        );
        check(
            "location",
            with(at(35.68, 139.77), "region", "a"),
            with(at(35.69, 139.70), "region", "a"),
            99.67,
        );
        check("location", at(0.0, 179.9), at(0.0, -179.9), 97.78);
        let edge = |to: &str| json!({ "relationship_type": "uses", "source_ref": "malware--a", "target_ref": to });
        check("relationship", edge("tool--b"), edge("tool--c"), 60.0);
        let marking = |name: &str| json!({ "name": name, "definition_type": "statement", "definition": { "statement": "x" } });
        check("marking-definition", marking("a"), marking("b"), 80.0);
        check(
            "malware",
            json!({ "name": "silent kiln", "malware_types": ["bot", "rat"] }),
            json!({ "name": "kiln silence", "malware_types": ["rat"] }),
            79.57,
        );
        check(
            "threat-actor",
            json!({ "name": "amber lantern", "aliases": ["a", "b"], "threat_actor_types": ["spy"] }),
            json!({ "name": "amber lanterns", "aliases": ["b", "c"], "threat_actor_types": ["spy"] }),
            87.78,
        );
        check(
            "indicator",
            json!({ "pattern": "[a:b = 1 AND a:c = 2]", "valid_from": "2026-10-01T00:00:00Z", "indicator_types": ["x"] }),
            json!({ "pattern": "[a:c = 2 AND a:b = 1]", "valid_from": "2026-10-01T06:00:00Z", "indicator_types": ["x", "y"] }),
            91.25,
        );
        let group = |name: &str| json!({ "name": name, "external_references": [{ "source_name": "mitre-attack", "external_id": "G0001" }] });
        check("intrusion-set", group("lantern"), group("other"), 87.5);
        // Farther apart than counts; there the score falls below nothing.
        assert_eq!(
            similarity(&of("location", at(35.0, 139.0)), &of("location", at(-35.0, -70.0)))
                .unwrap()
                .percent,
            0
        );
    }
}
