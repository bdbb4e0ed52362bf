//! The catalogue of known exploited vulnerabilities (CISA KEV, JSON) as STIX vulnerabilities.
//!
//! One entry is one object; its id follows from the CVE number, so that every catalogue names the same object, and its
//! version is the catalogue's release. Nothing else of the catalogue is in it: an entry that did not change differs from
//! release to release by `modified` alone, so that whoever holds it can leave it as it is. The required action and both dates stay with
//! it under `x_noroshi_kev`, as custom members that a reader who does not know them keeps (STIX 2.1 section 3.1).

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use noroshi_evidence::id::StixId;
use noroshi_evidence::object::{StixObject, format_timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::tongue::{Converted, Put};

/// Longest catalogue read, in bytes.
pub const CATALOGUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most entries.
pub const ENTRIES_MAX: usize = 100_000;
/// Most references taken out of one entry's notes.
const REFERENCES_MAX: usize = 64;
/// Namespace of the ids of vulnerabilities known by a CVE number.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b1f_3c52_9d0e_5c0b_8a51_5b1d_7a2e_90c4);

/// Why an entry, or the whole catalogue, was put aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Longer than [`CATALOGUE_BYTES_MAX`] or [`ENTRIES_MAX`].
    #[error("the catalogue is longer than this program reads")]
    TooLong,
    /// No JSON object with a list `vulnerabilities` and a `dateReleased`.
    #[error("the text is no catalogue of known exploited vulnerabilities")]
    Form,
    /// A member is missing or of another form.
    #[error("the member `{0}` of an entry is missing or of another form")]
    Member(&'static str),
    /// The same number twice; the first one counts.
    #[error("the number `{0}` occurs twice")]
    Twice(String),
    /// What was made is no object of the standard.
    #[error("the entry makes no object: {0}")]
    Object(String),
}

impl Problem {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "NRS-CODC-0154",
            Self::Form => "NRS-CODC-0155",
            Self::Member(_) => "NRS-CODC-0156",
            Self::Twice(_) => "NRS-CODC-0157",
            Self::Object(_) => "NRS-CODC-0158",
        }
    }
}

/// The id of a vulnerability with a CVE number, in any case.
///
/// ```
/// use noroshi_codec::kev::vulnerability_id;
/// assert_eq!(vulnerability_id("cve-2026-0001"), vulnerability_id("CVE-2026-0001"));
/// ```
pub fn vulnerability_id(cve: &str) -> Option<StixId> {
    let uuid = Uuid::new_v5(&NAMESPACE, cve.to_ascii_uppercase().as_bytes());
    StixId::new("vulnerability", uuid).ok()
}

/// Whether a JSON text is a catalogue, by its members.
pub fn recognises(tree: &Value) -> bool {
    tree.get("vulnerabilities").is_some_and(Value::is_array) && tree.get("catalogVersion").is_some()
}

/// Reads a catalogue.
pub fn to_stix(bytes: &[u8]) -> Converted<Problem> {
    let mut made = Converted::default();
    let whole = |problem| Put { entry: None, id: None, bytes: bytes.to_vec(), problem };
    if bytes.len() > CATALOGUE_BYTES_MAX {
        made.aside.push(whole(Problem::TooLong));
        return made;
    }
    let tree: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let released = tree.get("dateReleased").and_then(Value::as_str).and_then(|at| at.parse().ok());
    let entries = tree.get("vulnerabilities").and_then(Value::as_array);
    let (Some(released), Some(entries)) = (released, entries) else {
        made.aside.push(whole(Problem::Form));
        return made;
    };
    let mut seen = std::collections::BTreeSet::new();
    for (entry, one) in entries.iter().enumerate() {
        let cve = one.get("cveID").and_then(Value::as_str).map(str::to_owned);
        let read = if entry >= ENTRIES_MAX {
            Err(Problem::TooLong)
        } else {
            vulnerability(one, released).and_then(|object| {
                let id = object.id().clone();
                if seen.insert(id) {
                    Ok(object)
                } else {
                    Err(Problem::Twice(cve.clone().unwrap_or_default()))
                }
            })
        };
        match read {
            Ok(object) => made.objects.push(object),
            Err(problem) => made.aside.push(Put {
                entry: Some(entry),
                id: cve,
                bytes: one.to_string().into_bytes(),
                problem,
            }),
        }
        if entry >= ENTRIES_MAX {
            return made;
        }
    }
    made.complete = true;
    made
}

fn vulnerability(entry: &Value, released: Timestamp) -> Result<StixObject, Problem> {
    let text = |name: &'static str| {
        let found = entry.get(name).and_then(Value::as_str).map(str::trim);
        found.filter(|text| !text.is_empty()).ok_or(Problem::Member(name))
    };
    let day = |name: &'static str| {
        let date: Date = text(name)?.parse().map_err(|_| Problem::Member(name))?;
        Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| Problem::Member(name))
    };
    let cve = text("cveID")?;
    if !is_cve(cve) {
        return Err(Problem::Member("cveID"));
    }
    let (added, due) = (day("dateAdded")?, day("dueDate")?);
    let id = vulnerability_id(cve).ok_or(Problem::Member("cveID"))?;
    let mut kev = Map::new();
    for (name, member) in [
        ("vendor_project", "vendorProject"),
        ("product", "product"),
        ("required_action", "requiredAction"),
    ] {
        kev.insert(name.to_owned(), text(member)?.into());
    }
    kev.insert("date_added".to_owned(), text("dateAdded")?.into());
    kev.insert("due_date".to_owned(), text("dueDate")?.into());
    let ransomware = entry.get("knownRansomwareCampaignUse").and_then(Value::as_str);
    kev.insert("known_ransomware_campaign_use".to_owned(), ransomware.unwrap_or("Unknown").into());
    let object = json!({
        "type": "vulnerability", "spec_version": "2.1", "id": id,
        "created": format_timestamp(added),
        // A catalogue cannot have been released before the newest of its entries was added.
        "modified": format_timestamp(released.max(added)),
        "name": cve.to_ascii_uppercase(),
        "description": format!("{}: {}", text("vulnerabilityName")?, text("shortDescription")?),
        "external_references": references(entry, cve),
        "labels": ["known-exploited"],
        "x_noroshi_kev": kev,
        "x_noroshi_due": format_timestamp(due),
    });
    let text = serde_json_canonicalizer::to_string(&object).unwrap_or_default();
    StixObject::parse(&text).map_err(|problem| Problem::Object(problem.to_string()))
}

/// `CVE-` year `-` four digits or more.
fn is_cve(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let Some((year, number)) = upper.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'))
    else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    year.len() == 4 && digits(year) && (4..=19).contains(&number.len()) && digits(number)
}

/// The CVE number, the weaknesses, and the locators of the notes.
fn references(entry: &Value, cve: &str) -> Vec<Value> {
    let mut found = vec![json!({ "source_name": "cve", "external_id": cve.to_ascii_uppercase() })];
    let weaknesses = entry.get("cwes").and_then(Value::as_array).into_iter().flatten();
    for weakness in weaknesses.filter_map(Value::as_str).take(REFERENCES_MAX) {
        found.push(json!({ "source_name": "cwe", "external_id": weakness }));
    }
    let notes = entry.get("notes").and_then(Value::as_str).unwrap_or_default();
    let locators = notes.split([';', ' ', '\n']).map(str::trim);
    let locators =
        locators.filter(|word| word.starts_with("https://") || word.starts_with("http://"));
    for locator in locators.take(REFERENCES_MAX) {
        found.push(json!({ "source_name": "cisa-kev", "url": locator }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> Value {
        json!({
            "cveID": "CVE-2026-12345", "vendorProject": "Kiln", "product": "Oven",
            "vulnerabilityName": "Kiln Oven Command Injection", "dateAdded": "2026-10-01",
            "shortDescription": "an attacker may run commands", "requiredAction": "update",
            "dueDate": "2026-10-22", "knownRansomwareCampaignUse": "Known",
            "notes": "https://kiln.example/a ; https://kiln.example/b", "cwes": ["CWE-78"],
        })
    }

    fn catalogue(entries: &[Value]) -> Vec<u8> {
        json!({ "catalogVersion": "2026.10.01", "dateReleased": "2026-10-01T12:00:00.1234Z",
                "count": entries.len(), "vulnerabilities": entries })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn an_entry_is_one_vulnerability_with_its_dates() {
        let made = to_stix(&catalogue(&[entry()]));
        assert!(made.complete && made.aside.is_empty());
        let tree = made.objects[0].to_value();
        assert_eq!(tree["name"], "CVE-2026-12345");
        assert_eq!(tree["x_noroshi_kev"]["due_date"], "2026-10-22");
        assert_eq!(tree["modified"], "2026-10-01T12:00:00.123Z");
        assert_eq!(tree["external_references"].as_array().unwrap().len(), 4);
        assert_eq!(made.objects[0].id(), &vulnerability_id("cve-2026-12345").unwrap());
    }

    #[test]
    fn a_bad_entry_costs_itself_only() {
        let without = |name: &str| {
            let mut one = entry();
            one.as_object_mut().unwrap().remove(name);
            one
        };
        let mut number = entry();
        number["cveID"] = "CVE-1".into();
        let made = to_stix(&catalogue(&[without("dueDate"), number, json!(7), entry(), entry()]));
        let codes: Vec<_> = made.aside.iter().map(|one| (one.entry, one.problem.code())).collect();
        assert_eq!(made.objects.len(), 1);
        assert_eq!(
            codes,
            [
                (Some(0), "NRS-CODC-0156"),
                (Some(1), "NRS-CODC-0156"),
                (Some(2), "NRS-CODC-0156"),
                (Some(4), "NRS-CODC-0157"),
            ]
        );
        assert_eq!(to_stix(b"{").aside[0].problem.code(), "NRS-CODC-0155");
    }

    #[test]
    fn the_published_catalogue_goes_in_whole() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/corpora/cisa-kev/known_exploited_vulnerabilities.json"
        );
        let Ok(bytes) = std::fs::read(path) else {
            println!("corpora absent: skipped the published catalogue");
            return;
        };
        let made = to_stix(&bytes);
        assert_eq!((made.objects.len(), made.aside.len()), (1404, 0));
        assert_eq!(to_stix(&bytes).objects, made.objects, "the same input, the same objects");
    }

    proptest! {
        #[test]
        fn damage_is_survived(at in 0usize..400, byte: u8) {
            let mut bytes = catalogue(&[entry()]);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let made = to_stix(&bytes);
            prop_assert!(made.objects.len() + made.aside.len() <= 1);
        }
    }
}
