//! Who says so: Ed25519 keys of sensors and of the platform (RFC 8032).
//!
//! What is signed is always the name of a form, a line feed, and the canonical JSON (RFC 8785) of a document
//! of that form, so that a signature under one form says nothing under another.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature as Raw, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::digest::{from_hex, to_hex};

/// A public key: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

/// The value of a signature: 128 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Value([u8; 64]);

/// A text is not a key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "NRS-SIFT-0043: key or signature is not a point of Ed25519 in lower-case hexadecimal digits"
)]
pub struct NotAKey;

/// Who signed, and with what result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The key that is said to have signed.
    pub key: PublicKey,
    /// The signature.
    pub value: Value,
}

impl Signature {
    /// Whether its key signed this document. That the key is the right one is another question.
    pub fn holds(&self, form: &str, document: &[u8]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.key.0) else { return false };
        key.verify_strict(&framed(form, document), &Raw::from_bytes(&self.value.0)).is_ok()
    }
}

fn framed(form: &str, document: &[u8]) -> Vec<u8> {
    [form.as_bytes(), b"\n", document].concat()
}

/// A key that signs. It cannot be printed, copied or stored by accident:
///
/// ```compile_fail,E0277
/// let key = noroshi_sift::signature::SecretKey::of_seed([1; 32]);
/// println!("{key:?}");
/// ```
/// ```compile_fail,E0599
/// let key = noroshi_sift::signature::SecretKey::of_seed([1; 32]);
/// let copy = key.clone();
/// ```
/// ```compile_fail,E0277
/// let key = noroshi_sift::signature::SecretKey::of_seed([1; 32]);
/// let json = serde_json::to_string(&key);
/// ```
/// ```
/// let key = noroshi_sift::signature::SecretKey::of_seed([1; 32]);
/// assert!(key.sign("form/1", b"{}").holds("form/1", b"{}"));
/// ```
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key whose RFC 8032 secret is `seed`, drawn by the caller from a cryptographic source.
    pub fn of_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The half that may be known.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a document of a form.
    pub fn sign(&self, form: &str, document: &[u8]) -> Signature {
        let value = Value(self.0.sign(&framed(form, document)).to_bytes());
        Signature { key: self.public(), value }
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = from_hex(text).ok_or(NotAKey)?;
        VerifyingKey::from_bytes(&bytes).map(|_| Self(bytes)).map_err(|_| NotAKey)
    }
}

impl FromStr for Value {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        from_hex(text).map(Self).ok_or(NotAKey)
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&to_hex(&self.0))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAKey;

            fn try_from(text: String) -> Result<Self, NotAKey> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(PublicKey);
as_text!(Value);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_for_one_form_one_document_and_one_key() {
        let (one, other) = (SecretKey::of_seed([1; 32]), SecretKey::of_seed([2; 32]));
        let signature = one.sign("a/1", b"text");
        assert!(signature.holds("a/1", b"text"));
        assert!(!signature.holds("a/2", b"text") && !signature.holds("a/1", b"texts"));
        assert!(!Signature { key: other.public(), ..signature }.holds("a/1", b"text"));
        let json = serde_json::to_string(&signature).unwrap();
        assert_eq!(serde_json::from_str::<Signature>(&json).unwrap(), signature);
        assert!("00".repeat(31).parse::<PublicKey>().is_err());
    }
}
