//! DSSE v1.0.2 envelopes and the in-toto Statement v1 that the commission's authorisation is.
//!
//! The bytes that were verified are the bytes that are read: [`Envelope::verify`] gives the payload and nobody parses
//! the envelope a second time. Signatures count by public key; key identifiers are hints and decide nothing.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

/// Media type of an in-toto Statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// `_type` of an in-toto Statement v1.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// Bytes of an envelope's payload that are looked at.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Signatures of one envelope that are looked at.
pub const SIGNATURES_MAX: usize = 32;

/// A signed payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The payload in base64.
    pub payload: String,
    /// What the payload is.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Who signed.
    pub signatures: Vec<Signed>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// A hint at the key; never trusted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keyid: String,
    /// The signature over the pre-authentication encoding, in base64.
    pub sig: String,
}

/// Why an envelope is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    /// Payload or signature list beyond the limits.
    #[error("the envelope is too large")]
    TooLarge,
    /// The payload is not base64.
    #[error("the payload is not base64")]
    Payload,
    /// Fewer trusted keys signed than needed.
    #[error("`{found}` trusted keys signed, `{needed}` are needed")]
    Threshold {
        /// Distinct trusted keys with a good signature.
        found: usize,
        /// Keys needed.
        needed: usize,
    },
    /// Signed, but as something else.
    #[error("the payload is of another type")]
    Type,
}

/// `DSSEv1 SP LEN(type) SP type SP LEN(body) SP body` (DSSE protocol, PAE).
pub fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    /// Signs `payload` with the key of this seed.
    pub fn sign(payload_type: &str, payload: &[u8], seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let signature = key.sign(&pre_authentication(payload_type, payload));
        let keyid = public_key_text(seed);
        let sig = STANDARD.encode(signature.to_bytes());
        Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signed { keyid, sig }],
        }
    }

    /// Adds the signature of another key over the same bytes; `None` when the payload is not base64.
    pub fn also_signed(mut self, seed: &[u8; 32]) -> Option<Self> {
        let payload = decode(&self.payload)?;
        let again = Self::sign(&self.payload_type, &payload, seed);
        self.signatures.extend(again.signatures);
        Some(self)
    }

    /// The payload, when at least `threshold` of `keys` signed it as `payload_type`.
    pub fn verify(
        &self,
        payload_type: &str,
        keys: &[[u8; 32]],
        threshold: usize,
    ) -> Result<Vec<u8>, NotBelieved> {
        if self.payload.len() > PAYLOAD_BYTES_MAX || self.signatures.len() > SIGNATURES_MAX {
            return Err(NotBelieved::TooLarge);
        }
        let payload = decode(&self.payload).ok_or(NotBelieved::Payload)?;
        let bytes = pre_authentication(&self.payload_type, &payload);
        let signed_by = |key: &[u8; 32]| {
            let Ok(verifying) = VerifyingKey::from_bytes(key) else { return false };
            self.signatures.iter().any(|signed| {
                let signature =
                    decode(&signed.sig).and_then(|sig| Signature::from_slice(&sig).ok());
                signature
                    .is_some_and(|signature| verifying.verify_strict(&bytes, &signature).is_ok())
            })
        };
        let found = keys.iter().filter(|key| signed_by(key)).collect::<BTreeSet<_>>().len();
        if found < threshold.max(1) {
            return Err(NotBelieved::Threshold { found, needed: threshold.max(1) });
        }
        if self.payload_type == payload_type { Ok(payload) } else { Err(NotBelieved::Type) }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// The public key of a seed, in base64.
pub fn public_key_text(seed: &[u8; 32]) -> String {
    STANDARD.encode(SigningKey::from_bytes(seed).verifying_key().as_bytes())
}

/// Reads a public key in base64.
pub fn parse_public_key(text: &str) -> Option<[u8; 32]> {
    let key = STANDARD.decode(text.trim()).ok()?;
    let key = <[u8; 32]>::try_from(key).ok()?;
    VerifyingKey::from_bytes(&key).ok().map(|_| key)
}

/// An in-toto Statement v1: what is said about things known by their digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement<P> {
    /// Always [`STATEMENT`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// What is said.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// Saying it.
    pub predicate: P,
}

/// A thing known by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name within the statement.
    pub name: String,
    /// Digest by algorithm, in hexadecimal.
    pub digest: BTreeMap<String, String>,
}

impl<P> Statement<P> {
    /// A statement about `(name, SHA-256)` pairs.
    pub fn new(predicate_type: &str, subjects: &[(&str, &str)], predicate: P) -> Self {
        let subject = |(name, digest): &(&str, &str)| Subject {
            name: (*name).to_owned(),
            digest: BTreeMap::from([("sha256".to_owned(), (*digest).to_owned())]),
        };
        Self {
            kind: STATEMENT.to_owned(),
            subject: subjects.iter().map(subject).collect(),
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// The SHA-256 of the subject of this name.
    pub fn sha256(&self, name: &str) -> Option<&str> {
        let found = self.subject.iter().find(|subject| subject.name == name)?;
        found.digest.get("sha256").map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [7; 32];

    #[test]
    fn what_was_signed_is_what_is_read_and_nothing_else() {
        let key = parse_public_key(&public_key_text(&SEED)).unwrap();
        let envelope = Envelope::sign(IN_TOTO, b"{}", &SEED);
        assert_eq!(envelope.verify(IN_TOTO, &[key], 1).unwrap(), b"{}");
        assert_eq!(envelope.verify("text/plain", &[key], 1), Err(NotBelieved::Type));
        let needs_two = envelope.verify(IN_TOTO, &[key, key], 2);
        assert_eq!(needs_two, Err(NotBelieved::Threshold { found: 1, needed: 2 }));
        let other = Envelope { payload: STANDARD.encode(b"{ }"), ..envelope };
        assert_eq!(
            other.verify(IN_TOTO, &[key], 1),
            Err(NotBelieved::Threshold { found: 0, needed: 1 })
        );
    }

    #[test]
    fn signatures_are_counted_by_key() {
        let seeds = [[1; 32], [2; 32], [3; 32]];
        let keys = seeds.map(|seed| parse_public_key(&public_key_text(&seed)).unwrap());
        let one = Envelope::sign(IN_TOTO, b"{}", &seeds[0]);
        let same = one.clone().also_signed(&seeds[0]).unwrap();
        assert!(same.verify(IN_TOTO, &keys, 2).is_err(), "one key twice is one key");
        let two = same.also_signed(&seeds[2]).unwrap();
        assert_eq!(two.verify(IN_TOTO, &keys, 2).unwrap(), b"{}");
        assert!(two.verify(IN_TOTO, &keys, 3).is_err());
        assert!(two.verify(IN_TOTO, &[], 0).is_err(), "nobody's signature is never enough");
    }

    #[test]
    fn threshold_vectors() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/corpora/specs/dsse/threshold-vectors.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("corpora absent: skipped threshold_vectors");
            return;
        };
        let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<[u8; 32]> = whole["trusted_keys_ed25519_b64"]
            .as_object()
            .unwrap()
            .values()
            .map(|key| parse_public_key(key.as_str().unwrap()).unwrap())
            .collect();
        let threshold = usize::try_from(whole["threshold"].as_u64().unwrap()).unwrap();
        let kind = whole["accepted_payload_types"][0].as_str().unwrap();
        let cases = whole["cases"].as_array().unwrap();
        assert!(cases.len() >= 13);
        for case in cases {
            let envelope = serde_json::from_value::<Envelope>(case["envelope"].clone());
            let accepted =
                envelope.is_ok_and(|envelope| envelope.verify(kind, &keys, threshold).is_ok());
            assert_eq!(accepted, case["accept"].as_bool().unwrap(), "{}", case["desc"]);
        }
    }
}
