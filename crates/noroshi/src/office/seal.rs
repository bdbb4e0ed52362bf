//! Sealed texts: what this house gives to somebody to bring back, unread and unchanged.
//!
//! A place in a stream says when something was added that its holder may never see, so a signature is not enough: what
//! is sealed tells its holder nothing but its length, and two seals of the same text differ.
//!
//! Encrypt-then-MAC over one pseudo-random function, HMAC-SHA-256 (RFC 2104): a key stream of its outputs over a fresh
//! nonce and a counter, then its output over everything. The two uses begin with different bytes, and each purpose with
//! its own name, so no output of one stands in for another.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::id::fill_random;

/// Bytes of the nonce.
const NONCE_BYTES: usize = 16;
/// Bytes of the authentication code.
const MAC_BYTES: usize = 32;
/// Bytes by which a seal is longer than what is in it.
pub const SEAL_BYTES: usize = NONCE_BYTES + MAC_BYTES;

/// What a use of the function is for.
#[derive(Clone, Copy)]
enum Use {
    Stream = 1,
    Authenticate = 2,
}

/// Seals and opens texts of one purpose.
#[derive(Clone)]
pub struct Sealer<'a> {
    /// The house's key.
    pub key: [u8; 32],
    /// What it is for, e.g. `noroshi/stream/cursor/v2`.
    pub purpose: &'static str,
    /// To whom it is bound, e.g. an organisation.
    pub holder: &'a [u8],
}

impl Sealer<'_> {
    fn function(&self, way: Use) -> Option<Hmac<Sha256>> {
        let mut function = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        function.update(&[way as u8]);
        for part in [self.purpose.as_bytes(), self.holder] {
            function.update(&(part.len() as u64).to_be_bytes());
            function.update(part);
        }
        Some(function)
    }

    /// Turns a text into its cipher, and back.
    fn mix(&self, nonce: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let mut mixed = Vec::with_capacity(text.len());
        for (counter, block) in (0_u64..).zip(text.chunks(32)) {
            let mut function = self.function(Use::Stream)?;
            function.update(nonce);
            function.update(&counter.to_be_bytes());
            let stream = function.finalize().into_bytes();
            mixed.extend(block.iter().zip(stream).map(|(byte, key)| byte ^ key));
        }
        Some(mixed)
    }

    fn code(&self, sealed: &[u8]) -> Option<Hmac<Sha256>> {
        let mut function = self.function(Use::Authenticate)?;
        function.update(sealed);
        Some(function)
    }

    /// Seals a text.
    pub fn seal(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce);
        let mut sealed = nonce.to_vec();
        sealed.extend(self.mix(&nonce, text)?);
        let code = self.code(&sealed)?.finalize().into_bytes();
        sealed.extend_from_slice(&code);
        Some(sealed)
    }

    /// Opens what was sealed here for the same purpose and holder; `None` for anything else.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (sealed, code) = sealed.split_at_checked(sealed.len().checked_sub(MAC_BYTES)?)?;
        self.code(sealed)?.verify_slice(code).ok()?;
        let (nonce, cipher) = sealed.split_at_checked(NONCE_BYTES)?;
        self.mix(nonce, cipher)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealer(holder: &[u8]) -> Sealer<'_> {
        Sealer { key: [7; 32], purpose: "noroshi/test", holder }
    }

    proptest! {
        #[test]
        fn only_its_own_purpose_and_holder_open_it(
            text in prop::collection::vec(any::<u8>(), 0..100), flip in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let sealed = sealer(b"a").seal(&text).unwrap();
            prop_assert_eq!(sealed.len(), text.len() + SEAL_BYTES);
            prop_assert_eq!(sealer(b"a").open(&sealed), Some(text.clone()));
            prop_assert_eq!(sealer(b"b").open(&sealed), None);
            let other = Sealer { purpose: "noroshi/other", ..sealer(b"a") };
            prop_assert_eq!(other.open(&sealed), None);
            let mut changed = sealed.clone();
            let at = flip.index(changed.len());
            changed[at] ^= 1 << bit;
            prop_assert_eq!(sealer(b"a").open(&changed), None);
            // Two seals of one text are not alike, nor do they show it.
            let again = sealer(b"a").seal(&text).unwrap();
            prop_assert_ne!(&again, &sealed);
            prop_assert!(text.len() < 8 || !sealed.windows(text.len()).any(|part| part == text));
        }
    }

    #[test]
    fn noise_is_no_seal() {
        for noise in [&b""[..], b"x", &[0; SEAL_BYTES], &[0; SEAL_BYTES - 1]] {
            assert_eq!(sealer(b"a").open(noise), None);
        }
    }
}
