//! Names that stand for others: de-identification with a key (非識別化).
//!
//! A pseudonym is HMAC-SHA-256 (RFC 2104) over what it stands for, under a key that is drawn for one purpose and one
//! epoch and kept apart from the records. Within both, the same value has the same pseudonym, so that records can
//! be joined; across them nothing can be. Whoever has no key can neither go back nor guess and compare; with the key
//! gone, nobody can.
//!
//! ```
//! use noroshi_sift::pseudonym::{Kind, PseudonymKey};
//! let key = PseudonymKey::new("sift", "2026-11", [7; 32])?;
//! let one = key.pseudonym(Kind::Email, "Taro@Example.JP")?;
//! assert_eq!(one, key.pseudonym(Kind::Email, "taro@example.jp")?);
//! assert!(!one.to_string().contains("example"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A key cannot be printed, copied or stored:
//! ```compile_fail,E0277
//! println!("{:?}", noroshi_sift::pseudonym::PseudonymKey::new("sift", "1", [7; 32]).unwrap());
//! ```
//! ```compile_fail,E0599
//! let copy = noroshi_sift::pseudonym::PseudonymKey::new("sift", "1", [7; 32]).unwrap().clone();
//! ```
//! ```compile_fail,E0277
//! let json = serde_json::to_string(&noroshi_sift::pseudonym::PseudonymKey::new("sift", "1", [7; 32]).ok().unwrap());
//! ```

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::digest::{from_hex, to_hex};

/// The longest value that is given a pseudonym, in bytes (RFC 5321 §4.5.3.1.3 allows 254 for an address).
pub const VALUE_BYTES_MAX: usize = 320;
/// The longest name of a purpose or an epoch, in bytes.
pub const NAME_BYTES_MAX: usize = 32;

/// What a value is; the same text of another kind has another pseudonym.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// An account or telephone number of a person.
    Account,
}

impl Kind {
    /// As it stands in a pseudonym.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Account => "account",
        }
    }

    /// Reads [`Kind::code`].
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Email, Self::Account].into_iter().find(|kind| kind.code() == code)
    }
}

/// Why there is no pseudonym.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPseudonym {
    /// Purpose or epoch is not a short lower-case name.
    #[error("NRS-SIFT-0070: purpose or epoch is not a short name of a-z, 0-9 and -")]
    Name,
    /// The value is empty, too long, or not of its kind.
    #[error("NRS-SIFT-0071: value is empty, too long or not of its kind")]
    Value,
    /// The text is not a pseudonym.
    #[error("NRS-SIFT-0072: text is not a pseudonym")]
    Text,
}

/// A key for one purpose and one epoch.
pub struct PseudonymKey {
    purpose: Box<str>,
    epoch: Box<str>,
    key: [u8; 32],
}

impl PseudonymKey {
    /// A key out of 32 bytes from a cryptographic source.
    pub fn new(purpose: &str, epoch: &str, key: [u8; 32]) -> Result<Self, NoPseudonym> {
        if is_name(purpose) && is_name(epoch) {
            Ok(Self { purpose: purpose.into(), epoch: epoch.into(), key })
        } else {
            Err(NoPseudonym::Name)
        }
    }

    /// What stands for `value`.
    pub fn pseudonym(&self, kind: Kind, value: &str) -> Result<Pseudonym, NoPseudonym> {
        let value = normal(kind, value)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(|_| NoPseudonym::Name)?;
        // None of the parts before the last holds a zero, so that they cannot be cut elsewhere.
        for part in ["noroshi-pseudonym/1", &self.purpose, &self.epoch, kind.code()] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.update(value.as_bytes());
        Ok(Pseudonym {
            kind,
            purpose: self.purpose.clone(),
            epoch: self.epoch.clone(),
            value: mac.finalize().into_bytes().into(),
        })
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_part)
}

/// One spelling for what is one thing. Domains know no case (RFC 4343), and no provider of note tells local parts apart
/// by theirs; two people who differ in case alone would share a pseudonym, which discloses nothing.
fn normal(kind: Kind, value: &str) -> Result<String, NoPseudonym> {
    let value = value.trim().to_lowercase();
    let is_of_kind = match kind {
        Kind::Email => value
            .rsplit_once('@')
            .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty()),
        Kind::Account => !value.is_empty(),
    };
    if is_of_kind && value.len() <= VALUE_BYTES_MAX { Ok(value) } else { Err(NoPseudonym::Value) }
}

/// A name that stands for another: `pseudonym:KIND:PURPOSE:EPOCH:64 hexadecimal digits`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pseudonym {
    kind: Kind,
    purpose: Box<str>,
    epoch: Box<str>,
    value: [u8; 32],
}

impl Pseudonym {
    /// What it stands for.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// For which purpose its key was drawn.
    pub const fn purpose(&self) -> &str {
        &self.purpose
    }

    /// For which epoch its key was drawn.
    pub const fn epoch(&self) -> &str {
        &self.epoch
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, purpose, epoch, value } = self;
        write!(formatter, "pseudonym:{}:{purpose}:{epoch}:{}", kind.code(), to_hex(value))
    }
}

impl FromStr for Pseudonym {
    type Err = NoPseudonym;

    fn from_str(text: &str) -> Result<Self, NoPseudonym> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["pseudonym", kind, purpose, epoch, value] = *parts.as_slice() else {
            return Err(NoPseudonym::Text);
        };
        let kind = Kind::parse(kind).ok_or(NoPseudonym::Text)?;
        let value = from_hex(value).ok_or(NoPseudonym::Text)?;
        if !is_name(purpose) || !is_name(epoch) {
            return Err(NoPseudonym::Text);
        }
        Ok(Self { kind, purpose: purpose.into(), epoch: epoch.into(), value })
    }
}

impl TryFrom<String> for Pseudonym {
    type Error = NoPseudonym;

    fn try_from(text: String) -> Result<Self, NoPseudonym> {
        text.parse()
    }
}

impl From<Pseudonym> for String {
    fn from(pseudonym: Pseudonym) -> Self {
        pseudonym.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(purpose: &str, epoch: &str, byte: u8) -> PseudonymKey {
        PseudonymKey::new(purpose, epoch, [byte; 32]).ok().unwrap()
    }

    #[test]
    fn nothing_joins_across_key_purpose_epoch_and_kind() {
        let value = "taro@example.jp";
        let one = key("sift", "e-1", 7).pseudonym(Kind::Email, value).unwrap();
        let others = [
            key("sift", "e-1", 8).pseudonym(Kind::Email, value).unwrap(),
            key("share", "e-1", 7).pseudonym(Kind::Email, value).unwrap(),
            key("sift", "e-2", 7).pseudonym(Kind::Email, value).unwrap(),
            key("sift", "e-1", 7).pseudonym(Kind::Account, value).unwrap(),
            key("sift", "e-1", 7).pseudonym(Kind::Email, "hanako@example.jp").unwrap(),
        ];
        assert!(others.iter().all(|other| other.value != one.value));
        // Names that run into each other do not either.
        let (left, right) = (key("ab", "c", 7), key("a", "bc", 7));
        let same = [left, right].map(|key| key.pseudonym(Kind::Email, value).unwrap().value);
        assert_ne!(same[0], same[1]);
        assert_eq!(one.to_string().parse(), Ok(one));
    }

    /// Computed by another program: Python's `hmac` over the layout above.
    #[test]
    fn the_computation_is_fixed() {
        let found = key("sift", "2026-11", 7).pseudonym(Kind::Email, "taro@example.jp").unwrap();
        assert_eq!(
            found.to_string(),
            "pseudonym:email:sift:2026-11:75ba80b668d32e60af59868ed1cededd448561efff398fe81b8593dfa1cb4564"
        );
    }

    #[test]
    fn what_is_no_name_or_value_is_refused() {
        for name in ["", "A", "a b", "a:b", &"a".repeat(33)] {
            assert_eq!(PseudonymKey::new(name, "e", [0; 32]).err(), Some(NoPseudonym::Name));
            assert_eq!(PseudonymKey::new("p", name, [0; 32]).err(), Some(NoPseudonym::Name));
        }
        for value in ["", "x", "@example.jp", "taro@", &format!("{}@x", "x".repeat(320))] {
            let refused = key("sift", "e", 1).pseudonym(Kind::Email, value);
            assert_eq!(refused.err(), Some(NoPseudonym::Value), "{value}");
        }
        for text in ["pseudonym:email:sift:e:00", "x:email:sift:e:00", "pseudonym:name:sift:e:00"] {
            assert_eq!(text.parse::<Pseudonym>(), Err(NoPseudonym::Text));
        }
    }
}
