//! The name of a STIX object, and how the name of an observable follows from its value.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Namespace of the deterministic ids of observables (STIX 2.1 section 2.9).
pub const SCO_NAMESPACE: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);

/// Longest object type accepted, in bytes (STIX 2.1 section 3.1: 3 to 250 characters).
pub const TYPE_BYTES_MAX: usize = 250;

/// Length of the textual UUID that ends every id, in bytes.
const UUID_BYTES: usize = 36;

/// Why a text is not the id of a STIX object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseId {
    /// The two hyphens between type and UUID are missing, or one of the two sides is.
    #[error("`{0}` is not of the form type--uuid")]
    Shape(String),
    /// The type has characters other than `a-z`, `0-9` and `-`, or is too short or too long.
    #[error("`{0}` does not begin with an object type")]
    Type(String),
    /// What follows `--` is not a hyphenated RFC 9562 UUID.
    #[error("`{0}` does not end in a uuid")]
    Uuid(String),
}

impl ParseId {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Shape(_) => "NRS-EVID-0050",
            Self::Type(_) => "NRS-EVID-0051",
            Self::Uuid(_) => "NRS-EVID-0052",
        }
    }
}

/// The identifier of a STIX object, `type--uuid`, kept exactly as it was written.
///
/// STIX 2.1 section 2.9. Equality is equality of the text; the UUID part is accepted in either case
/// but never rewritten, so that an object's bytes and its name agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StixId(Box<str>);

impl StixId {
    /// Joins a type and a UUID.
    pub fn new(object_type: &str, uuid: Uuid) -> Result<Self, ParseId> {
        let text = format!("{object_type}--{}", uuid.hyphenated());
        if is_object_type(object_type) { Ok(Self(text.into())) } else { Err(ParseId::Type(text)) }
    }

    /// `object_type` is known to be one, because it stands in the source.
    pub(crate) fn trusted(object_type: &'static str, uuid: Uuid) -> Self {
        Self(format!("{object_type}--{}", uuid.hyphenated()).into())
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the two hyphens, for example `ipv4-addr`.
    pub fn object_type(&self) -> &str {
        parts(&self.0).map_or("", |(object_type, _)| object_type)
    }

    /// What stands after the two hyphens.
    pub fn uuid(&self) -> Uuid {
        let text = parts(&self.0).map_or("", |(_, uuid)| uuid);
        Uuid::parse_str(text).unwrap_or_default()
    }
}

/// Type and UUID, told apart by the length of the UUID instead of a search.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (object_type, uuid) = text.split_at_checked(text.len().checked_sub(UUID_BYTES + 2)?)?;
    Some((object_type, uuid.strip_prefix("--")?))
}

impl FromStr for StixId {
    type Err = ParseId;

    fn from_str(text: &str) -> Result<Self, ParseId> {
        let shown = || text.chars().take(TYPE_BYTES_MAX).collect::<String>();
        let Some((object_type, uuid)) = parts(text).or_else(|| text.rsplit_once("--")) else {
            return Err(ParseId::Shape(shown()));
        };
        if !is_object_type(object_type) {
            return Err(ParseId::Type(shown()));
        }
        if uuid.len() != UUID_BYTES || Uuid::try_parse(uuid).is_err() {
            return Err(ParseId::Uuid(shown()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for StixId {
    type Error = ParseId;

    fn try_from(text: String) -> Result<Self, ParseId> {
        text.parse()
    }
}

impl From<StixId> for String {
    fn from(id: StixId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for StixId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl AsRef<str> for StixId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Whether a text may be an object type: STIX 2.1 section 3.1.
pub fn is_object_type(text: &str) -> bool {
    (3..=TYPE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The id which STIX 2.1 section 2.9 prescribes for an observable, from its id contributing properties.
///
/// `None` when the type has no such rule (`process`), is not an observable, or none of the
/// contributing properties is present; such an object has a random id.
///
/// ```
/// use noroshi_evidence::id::deterministic_id;
/// let address = serde_json::json!({ "value": "198.51.100.3" });
/// let id = deterministic_id("ipv4-addr", address.as_object().unwrap()).unwrap();
/// assert_eq!(id.as_str(), "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
/// ```
pub fn deterministic_id(object_type: &str, properties: &Map<String, Value>) -> Option<StixId> {
    let mut contributing = Map::new();
    for name in contributing_properties(object_type) {
        let Some(value) = properties.get(*name) else { continue };
        let value = if *name == "hashes" { preferred_hash(value)? } else { value.clone() };
        contributing.insert((*name).to_owned(), value);
    }
    (!contributing.is_empty()).then(|| id_of_contribution(object_type, contributing))
}

/// `object_type` is one of the observable types of STIX 2.1 section 6, and `contributing` not empty.
pub(crate) fn id_of_contribution(object_type: &str, contributing: Map<String, Value>) -> StixId {
    // RFC 8785 refuses only numbers that JSON cannot hold; a `Value` never has one.
    let name = serde_json_canonicalizer::to_vec(&Value::Object(contributing)).unwrap_or_default();
    let uuid = Uuid::new_v5(&SCO_NAMESPACE, &name);
    StixId(format!("{object_type}--{}", uuid.hyphenated()).into())
}

/// STIX 2.1 section 6, the "ID Contributing Properties" of each observable type.
fn contributing_properties(object_type: &str) -> &'static [&'static str] {
    match object_type {
        "artifact" => &["hashes", "payload_bin"],
        "autonomous-system" => &["number"],
        "directory" => &["path"],
        "domain-name" | "email-addr" | "ipv4-addr" | "ipv6-addr" | "mac-addr" | "url" => &["value"],
        "email-message" => &["from_ref", "subject", "body"],
        "file" => &["hashes", "name", "extensions", "parent_directory_ref"],
        "mutex" => &["name"],
        "network-traffic" => &[
            "start",
            "end",
            "src_ref",
            "dst_ref",
            "src_port",
            "dst_port",
            "protocols",
            "extensions",
        ],
        "software" => &["name", "cpe", "swid", "vendor", "version"],
        "user-account" => &["account_type", "user_id", "account_login"],
        "windows-registry-key" => &["key", "values"],
        "x509-certificate" => &["hashes", "serial_number"],
        _ => &[],
    }
}

/// Whether the identifier of an observable of this type is computed from the member.
pub(crate) fn contributes(object_type: &str, member: &str) -> bool {
    contributing_properties(object_type).contains(&member)
}

/// STIX 2.1 section 2.9: only one hash contributes, the first present of MD5, SHA-1, SHA-256 and
/// SHA-512, otherwise the first in the order of names.
fn preferred_hash(hashes: &Value) -> Option<Value> {
    let hashes = hashes.as_object()?;
    let preferred = ["MD5", "SHA-1", "SHA-256", "SHA-512"];
    let name = preferred
        .into_iter()
        .find(|name| hashes.contains_key(*name))
        .or_else(|| hashes.keys().map(String::as_str).min())?;
    let mut chosen = Map::new();
    chosen.insert(name.to_owned(), hashes.get(name)?.clone());
    Some(Value::Object(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_as_written_and_taken_apart() {
        let text = "x-house-thing--F81D4FAE-7dec-11d0-a765-00a0c91e6bf6";
        let id: StixId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.object_type(), "x-house-thing");
        assert_eq!(id.uuid().to_string(), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    }

    #[test]
    fn what_is_no_id_is_refused_with_its_reason() {
        for (text, code) in [
            ("", "NRS-EVID-0050"),
            ("indicator", "NRS-EVID-0050"),
            ("Indicator--f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "NRS-EVID-0051"),
            ("--f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "NRS-EVID-0051"),
            ("indicator--", "NRS-EVID-0052"),
            ("indicator--f81d4fae7dec11d0a76500a0c91e6bf6", "NRS-EVID-0052"),
            ("indicator--f81d4fae-7dec-11d0-a765-00a0c91e6bfg", "NRS-EVID-0052"),
            ("indicator--{81d4fae-7dec-11d0-a765-00a0c91e6bf}", "NRS-EVID-0052"),
        ] {
            assert_eq!(text.parse::<StixId>().unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn ids_of_observables_agree_with_the_recorded_vectors() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/corpora/vectors-stix-ids/sco_deterministic_ids.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("corpora absent: skipped the recorded ids of observables");
            return;
        };
        let vectors: Vec<Map<String, Value>> = serde_json::from_str(&text).unwrap();
        let mut agreed = 0;
        for vector in &vectors {
            let object_type = vector["type"].as_str().unwrap();
            let computed = deterministic_id(object_type, vector["input"].as_object().unwrap());
            if vector["deterministic"].as_bool().unwrap() {
                let expected = vector["stix2_lib_id"].as_str().unwrap();
                assert_eq!(computed.unwrap().as_str(), expected, "{}", vector["input"]);
                agreed += 1;
            } else {
                assert_eq!(computed, None);
            }
        }
        assert_eq!((agreed, vectors.len()), (79, 82));
    }
}
