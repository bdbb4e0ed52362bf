//! Secrets that prove a caller: made once, shown once, stored only as digests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::id::fill_random;

/// A bearer secret of 256 random bits. It has no `Debug` and no `Display`, so that it cannot slip into a log.
pub struct Secret(String);

impl Secret {
    /// A fresh secret with a readable prefix, e.g. `nrs_setup_`.
    pub fn fresh(prefix: &str) -> Self {
        let mut random = [0u8; 32];
        fill_random(&mut random);
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// The text to hand to its owner, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps.
    pub fn digest(&self) -> String {
        digest(&self.0)
    }
}

/// SHA-256 in hexadecimal. The secrets are uniform and long, so no salt and no slow hash is needed, and a lookup
/// by digest leaks no more by its timing than the digest of a guess.
pub fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

/// Equality whose time does not depend on where the texts differ.
pub fn same(left: &str, right: &str) -> bool {
    let (left, right) = (Sha256::digest(left.as_bytes()), Sha256::digest(right.as_bytes()));
    left.iter().zip(right.iter()).fold(0u8, |diff, (a, b)| diff | (a ^ b)) == 0
}
