//! Values of a sent form or a query, and the caller's key for repeats.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use sha2::{Digest as _, Sha256};

use crate::office::commit::Idempotency;
use crate::office::secret::hex;

/// Fields one form may have.
const FIELDS_MAX: usize = 512;

/// What was typed, by field; a repeated field keeps all its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, Vec<String>>);

impl Values {
    /// Reads `application/x-www-form-urlencoded`. Line ends become `\n`; broken escapes are kept as they are.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut values = Self::default();
        for pair in
            bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).take(FIELDS_MAX)
        {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = unescape(halves.next().unwrap_or_default());
            let value = unescape(halves.next().unwrap_or_default()).replace("\r\n", "\n");
            values.0.entry(name).or_default().push(value);
        }
        values
    }

    /// The first value of `field`, trimmed; empty when absent.
    pub fn get(&self, field: &str) -> &str {
        self.0.get(field).and_then(|all| all.first()).map_or("", |value| value.trim())
    }

    /// The value of `field`, `None` when absent or blank.
    pub fn some(&self, field: &str) -> Option<&str> {
        Some(self.get(field)).filter(|value| !value.is_empty())
    }

    /// Every value of `field`, trimmed, without blanks.
    pub fn all(&self, field: &str) -> Vec<&str> {
        let values = self.0.get(field).map(Vec::as_slice).unwrap_or_default();
        values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()).collect()
    }

    /// The name of every field.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Sets a field, for re-showing a form.
    pub fn set(&mut self, field: &str, value: impl Into<String>) {
        self.0.insert(field.to_owned(), vec![value.into()]);
    }

    /// First values by field, for re-showing a form.
    pub fn flat(&self) -> BTreeMap<String, String> {
        let first = |all: &Vec<String>| all.first().cloned().unwrap_or_default();
        self.0.iter().map(|(name, all)| (name.clone(), first(all))).collect()
    }
}

fn unescape(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => plain.push(b' '),
            (b'%', [high, low, after @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    plain.push(high * 16 + low);
                    rest = after;
                }
                _ => plain.push(b'%'),
            },
            (byte, _) => plain.push(*byte),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The `Idempotency-Key` of a request, bound to what was asked.
pub fn idempotency(headers: &HeaderMap, operation: &str, body: &[u8]) -> Option<Idempotency> {
    let key = headers.get("idempotency-key")?.to_str().ok()?.trim();
    if key.is_empty() || key.len() > 128 {
        return None;
    }
    let request =
        Sha256::new().chain_update(operation).chain_update([0]).chain_update(body).finalize();
    Some(Idempotency { key: key.to_owned(), request: hex(&request) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        let values = Values::parse(b"a=1&b=%E7%8B%BC%E7%85%99+x&b=two&c=%zz&d");
        assert_eq!(values.get("a"), "1");
        assert_eq!(values.all("b"), ["狼煙 x", "two"]);
        assert_eq!((values.get("c"), values.some("d")), ("%zz", None));
    }
}
