//! Sealed texts: what this house gives to somebody to bring back, unread and unchanged.
//!
//! A place in a stream says when something was added that its holder may never see, so a signature is not enough: what
//! is sealed tells its holder nothing but its length, and two seals of the same text differ.
//!
//! ChaCha20-Poly1305 (RFC 8439) under a key of its own for each seal, which HMAC-SHA-256 (RFC 2104) makes of the house's
//! key, the purpose, the holder and a fresh salt. A key is used once, so that no nonce is ever used twice.

use hmac::{Hmac, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;

use super::id::fill_random;

/// Bytes of the salt.
const SALT_BYTES: usize = 16;
/// Bytes of the authentication code.
const TAG_BYTES: usize = 16;
/// Bytes by which a seal is longer than what is in it.
pub const SEAL_BYTES: usize = SALT_BYTES + TAG_BYTES;

/// Seals and opens texts of one purpose.
#[derive(Clone)]
pub struct Sealer<'a> {
    /// The house's key.
    pub key: [u8; 32],
    /// What it is for, e.g. `noroshi/stream/cursor/v2`.
    pub purpose: &'static str,
    /// To whom or what it is bound, e.g. an organisation.
    pub holder: &'a [u8],
}

impl Sealer<'_> {
    /// The key of one seal.
    fn once(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let mut function = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        for part in [self.purpose.as_bytes(), self.holder, salt] {
            function.update(&(part.len() as u64).to_be_bytes());
            function.update(part);
        }
        let key = UnboundKey::new(&CHACHA20_POLY1305, &function.finalize().into_bytes()).ok()?;
        Some(LessSafeKey::new(key))
    }

    /// Seals a text.
    pub fn seal(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut salt = [0; SALT_BYTES];
        fill_random(&mut salt);
        let mut cipher = text.to_vec();
        self.once(&salt)?.seal_in_place_append_tag(first(), Aad::empty(), &mut cipher).ok()?;
        Some([salt.as_slice(), &cipher].concat())
    }

    /// Opens what was sealed here for the same purpose and holder; `None` for anything else.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (salt, cipher) = sealed.split_at_checked(SALT_BYTES)?;
        let mut text = cipher.to_vec();
        let plain = self.once(salt)?.open_in_place(first(), Aad::empty(), &mut text).ok()?;
        Some(plain.to_vec())
    }
}

/// The only nonce a key that is used once needs.
fn first() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
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
