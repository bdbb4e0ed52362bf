//! What a rule found: a value that names the clause, recorded like any decision.

use std::fmt;

use serde::{Serialize, Serializer};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Worth saying; nothing is held up by it.
    Notes,
    /// The rule refuses.
    Refuses,
}

/// One thing a rule has to say about what was put before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The stable code, e.g. `NRS-RPRT-0004`; the words for the user are found under it.
    pub code: &'static str,
    /// Whether it holds anything up.
    pub weight: Weight,
    /// The clause it rests on, e.g. `Order art. 4(3)(i)`.
    pub clause: &'static str,
    /// Where in what was put before the rule: a JSON pointer, or empty for the whole.
    pub place: String,
    /// What was found, a lowercase fragment for logs and integrators.
    pub message: String,
}

impl Finding {
    /// A finding that refuses.
    pub fn refuses(
        code: &'static str,
        clause: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let (place, message) = (place.into(), message.into());
        Self { code, weight: Weight::Refuses, clause, place, message }
    }

    /// A finding that is only said.
    pub fn notes(
        code: &'static str,
        clause: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { weight: Weight::Notes, ..Self::refuses(code, clause, place, message) }
    }

    /// Whether it holds something up.
    pub fn is_refusal(&self) -> bool {
        self.weight == Weight::Refuses
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, clause, message, .. } = self;
        write!(f, "{code}: {message} ({clause})")
    }
}

/// Whether any of them holds something up.
pub fn any_refusal(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_refusal)
}

/// SHA-256 of something canonical; in text, 64 lower-case hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Of the canonical JSON (RFC 8785) of `value`; `None` when it has none (a map with keys that are not text).
    pub fn of_canonical<T: Serialize>(value: &T) -> Option<Self> {
        serde_json_canonicalizer::to_vec(value).ok().map(|bytes| Self::of(&bytes))
    }

    /// Reads 64 lower-case hexadecimal characters; one text a digest, so that texts may be compared.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0u8; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(bytes))
    }
}

const fn nibble(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not 64 hexadecimal characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_has_one_text() {
        let digest = Digest::of(b"abc");
        let text = digest.to_string();
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::parse(&text), Some(digest));
        assert_eq!(Digest::parse(&text.to_uppercase()), None);
        assert_eq!(Digest::parse(text.trim_start_matches("ba")), None);
        assert_eq!(Digest::parse(&(text.clone() + "0")), None);
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }
}
