//! Signed notes (C2SP signed-note) with Ed25519 keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::digest::Digest;

/// Bytes a note may have: room for a checkpoint and 16 post-quantum signatures of five kilobytes.
pub const NOTE_BYTES_MAX: usize = 131_072;

/// Signature lines a note may have; signed-note asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// signed-note: the signature type of Ed25519.
const TYPE_ED25519: u8 = 0x01;

/// A key that may sign, by the name under which it signs.
pub struct Signer {
    name: String,
    key: SigningKey,
}

/// A key that is trusted to have signed: name, key id and Ed25519 public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

/// Why a name or a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VkeyError {
    /// The text is not `name+hexid+base64`.
    #[error("a verifier key reads `name+8 hex digits+base64`")]
    Shape,
    /// Names are non-empty, without spaces, `+` and control characters.
    #[error("a key name is non-empty and has no space, `+` or control character")]
    Name,
    /// Only Ed25519 is read here.
    #[error("the key is not an Ed25519 key")]
    Type,
    /// The id is not the one its name and key give.
    #[error("the key id does not belong to that name and key")]
    Id,
}

/// Why a note is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than [`NOTE_BYTES_MAX`] or more signatures than [`SIGNATURES_MAX`].
    #[error("the note is too large")]
    TooLarge,
    /// Not text, a blank line, then signature lines.
    #[error("the note is not a text, a blank line and signature lines")]
    Shape,
    /// No trusted key signed it.
    #[error("no trusted key signed the note")]
    NoTrustedSignature,
    /// A trusted key's signature line is there and does not hold.
    #[error("the signature of a trusted key does not hold")]
    BadSignature,
}

/// A note whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The text that was signed, with its final newline.
    pub text: &'a str,
    /// Positions in the given list of the keys that signed, ascending.
    pub signers: Vec<usize>,
}

fn name_is_sound(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

/// signed-note: the first four bytes of `SHA-256(name || 0x0A || type || key)`.
fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest = Digest::of_parts(&[name.as_bytes(), b"\n", &[TYPE_ED25519], key.as_bytes()]);
    digest.0.first_chunk::<4>().copied().unwrap_or_default()
}

impl Signer {
    /// The key whose RFC 8032 secret is `seed`; make the seed from a cryptographic random source.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, VkeyError> {
        if !name_is_sound(name) {
            return Err(VkeyError::Name);
        }
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// The public half.
    pub fn vkey(&self) -> Vkey {
        let key = self.key.verifying_key();
        Vkey { name: self.name.clone(), id: key_id(&self.name, &key), key }
    }

    /// The note of `text` with this key's signature. The text ends in a newline and has no other control character.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        if !text_is_sound(text) || !text.ends_with('\n') {
            return Err(NoteError::Shape);
        }
        let mut signature = self.vkey().id.to_vec();
        signature.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        let note = format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(signature));
        if note.len() > NOTE_BYTES_MAX { Err(NoteError::TooLarge) } else { Ok(note) }
    }
}

impl Vkey {
    /// The name under which the key signs.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![TYPE_ED25519];
        material.extend_from_slice(self.key.as_bytes());
        let id = u32::from_be_bytes(self.id);
        write!(out, "{}+{id:08x}+{}", self.name, STANDARD.encode(material))
    }
}

impl FromStr for Vkey {
    type Err = VkeyError;

    fn from_str(text: &str) -> Result<Self, VkeyError> {
        // Base64 may hold a `+`, a name may not: split from the left.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(VkeyError::Shape);
        };
        if !name_is_sound(name) {
            return Err(VkeyError::Name);
        }
        let lower = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if id.len() != 8 || !id.chars().all(lower) {
            return Err(VkeyError::Shape);
        }
        let id = u32::from_str_radix(id, 16).map_err(|_| VkeyError::Shape)?.to_be_bytes();
        let material = STANDARD.decode(material).map_err(|_| VkeyError::Shape)?;
        let (kind, key) = material.split_first().ok_or(VkeyError::Shape)?;
        let key: &[u8; 32] = key.try_into().map_err(|_| VkeyError::Type)?;
        if *kind != TYPE_ED25519 {
            return Err(VkeyError::Type);
        }
        let key = VerifyingKey::from_bytes(key).map_err(|_| VkeyError::Type)?;
        if key_id(name, &key) != id {
            return Err(VkeyError::Id);
        }
        Ok(Self { name: name.to_owned(), id, key })
    }
}

/// signed-note: no ASCII control characters but newline.
fn text_is_sound(text: &str) -> bool {
    !text.bytes().any(|byte| byte < 0x20 && byte != b'\n')
}

/// Which of `keys` signed the note. Signatures of unknown keys are ignored; one broken signature of a known key
/// refuses the whole note.
pub fn verify<'a>(note: &'a [u8], keys: &[Vkey]) -> Result<Verified<'a>, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLarge);
    }
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Shape)?;
    if !text_is_sound(note) {
        return Err(NoteError::Shape);
    }
    // The last empty line separates the text, with its newline, from the signatures.
    let end = note.rfind("\n\n").ok_or(NoteError::Shape)?;
    let (text, lines) = note.split_at_checked(end + 1).ok_or(NoteError::Shape)?;
    let lines = lines.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n'));
    let mut signers = Vec::new();
    for (number, line) in lines.ok_or(NoteError::Shape)?.split('\n').enumerate() {
        if number >= SIGNATURES_MAX {
            return Err(NoteError::TooLarge);
        }
        let (name, id, signature) = signature_line(line).ok_or(NoteError::Shape)?;
        let Some(known) = keys.iter().position(|key| key.name == name && key.id == id) else {
            continue;
        };
        let key = keys.get(known).ok_or(NoteError::BadSignature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| NoteError::BadSignature)?;
        // RFC 8032 §5.1.7 with the cofactorless equation; non-canonical encodings and small-order keys are refused.
        key.key.verify_strict(text.as_bytes(), &signature).map_err(|_| NoteError::BadSignature)?;
        if !signers.contains(&known) {
            signers.push(known);
        }
    }
    signers.sort_unstable();
    if signers.is_empty() {
        Err(NoteError::NoTrustedSignature)
    } else {
        Ok(Verified { text, signers })
    }
}

/// `— name base64(id || signature)`.
fn signature_line(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    (name_is_sound(name) && !signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signer() -> Signer {
        Signer::new("log.example/one", &[7; 32]).unwrap()
    }

    /// The example of the signed-note specification.
    #[test]
    fn the_example_of_the_specification_verifies() {
        let key: Vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
            .parse()
            .unwrap();
        let note = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        let verified = verify(note.as_bytes(), std::slice::from_ref(&key)).unwrap();
        assert_eq!(verified.text, "This is an example message.\n");
        assert_eq!(verified.signers, [0]);
        assert_eq!(
            key.to_string(),
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
        );
    }

    #[test]
    fn keys_are_read_strictly() {
        let text = signer().vkey().to_string();
        assert_eq!(text.parse(), Ok(signer().vkey()));
        let (name, rest) = text.split_once('+').unwrap();
        let (id, material) = rest.split_once('+').unwrap();
        for (wrong, why) in [
            (String::new(), VkeyError::Shape),
            (format!("{name}+{id}"), VkeyError::Shape),
            (format!("+{id}+{material}"), VkeyError::Name),
            (format!("a b+{id}+{material}"), VkeyError::Name),
            (format!("other+{id}+{material}"), VkeyError::Id),
            (format!("{name}+{}+{material}", id.to_uppercase()), VkeyError::Shape),
            (format!("{name}+{id}+AgAA"), VkeyError::Type),
            (format!("{name}+{id}+{material}\n"), VkeyError::Shape),
        ] {
            assert_eq!(wrong.parse::<Vkey>(), Err(why), "{wrong}");
        }
        assert!(Signer::new("a+b", &[0; 32]).is_err());
    }

    #[test]
    fn what_cannot_be_signed() {
        assert_eq!(signer().sign("no newline"), Err(NoteError::Shape));
        assert_eq!(signer().sign("tab\there\n"), Err(NoteError::Shape));
        assert_eq!(signer().sign(&"x\n".repeat(NOTE_BYTES_MAX)), Err(NoteError::TooLarge));
    }

    #[test]
    fn a_text_with_empty_lines_keeps_them() {
        let note = signer().sign("one\n\ntwo\n").unwrap();
        assert_eq!(verify(note.as_bytes(), &[signer().vkey()]).unwrap().text, "one\n\ntwo\n");
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_noticed(place in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut note = signer().sign("log.example/one\n5\nroot\n").unwrap().into_bytes();
            let hit = place.index(note.len());
            note[hit] ^= 1 << bit;
            prop_assert!(verify(&note, &[signer().vkey()]).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(verify(&bytes, &[signer().vkey()]).is_err());
            let _parsed = String::from_utf8_lossy(&bytes).parse::<Vkey>().is_ok();
        }
    }
}
