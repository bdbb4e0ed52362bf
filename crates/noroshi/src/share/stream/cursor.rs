//! A place in an organisation's change stream: how far it got in each of its audiences' streams. Sealed, because a
//! stream may end with something its reader may not see and whose time is nothing for it either; and bound to the
//! organisation.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::office::seal::Sealer;

/// The form of the text.
const FORM: u8 = 2;
/// The form of a place that did not say when it was made.
const FORM_BEFORE: u8 = 1;
/// Bytes of an audience's name that a place carries.
const NAME_BYTES: usize = 8;
/// Bytes of the signature of the first form, which was signed and not sealed.
const MAC_BYTES: usize = 16;
/// Audiences one organisation can stand in.
const AUDIENCES_MAX: usize = 32;
/// What the signature of the first form was for.
const PURPOSE_BEFORE: &[u8] = b"noroshi/stream/cursor/v1";
/// What the seal is for.
const PURPOSE: &str = "noroshi/stream/cursor/v2";
/// What the name of a batch is for.
const NAME: &[u8] = b"noroshi/stream/batch/v1";

/// How far a reader got in each stream, by the head of the digest of the audience's label; microseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    streams: BTreeMap<[u8; NAME_BYTES], i64>,
    /// When it was made: each stream that was its reader's then is in it. Absent for places of before this was kept.
    at: Option<i64>,
}

fn name(audience: &str) -> [u8; NAME_BYTES] {
    let mut name = [0; NAME_BYTES];
    for (byte, from) in name.iter_mut().zip(Sha256::digest(audience)) {
        *byte = from;
    }
    name
}

impl Place {
    /// How far it got in the stream of `audience`; absent when it has not seen that stream.
    pub fn get(&self, audience: &str) -> Option<i64> {
        self.streams.get(&name(audience)).copied()
    }

    /// The latest moment at which each of its reader's streams is known to have been in it.
    pub fn made_at(&self) -> Option<i64> {
        self.at.or_else(|| self.streams.values().max().copied())
    }

    /// Each stream of its reader's is in it now.
    pub fn made(&mut self, at: Timestamp) {
        self.at = Some(at.as_microsecond());
    }

    /// Everything of `audience` up to `added` was seen.
    pub fn set(&mut self, audience: &str, added: i64) {
        self.streams.insert(name(audience), added);
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = match self.at {
            Some(_) => vec![FORM],
            None => vec![FORM_BEFORE],
        };
        bytes.extend(self.at.iter().flat_map(|at| at.to_be_bytes()));
        for (name, added) in self.streams.iter().take(AUDIENCES_MAX) {
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(&added.to_be_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        let (at, rest) = match *form {
            FORM => {
                let (at, rest) = rest.split_first_chunk::<8>()?;
                (Some(i64::from_be_bytes(*at)), rest)
            }
            FORM_BEFORE => (None, rest),
            _ => return None,
        };
        if rest.len() % (NAME_BYTES + 8) != 0 {
            return None;
        }
        let mut found = Self { at, ..Self::default() };
        for one in rest.chunks_exact(NAME_BYTES + 8) {
            let (name, added) = one.split_first_chunk::<NAME_BYTES>()?;
            found.streams.insert(*name, i64::from_be_bytes(added.try_into().ok()?));
        }
        Some(found)
    }
}

/// Makes and reads the places of one organisation.
pub struct Marker<'a> {
    /// The house's key.
    pub key: [u8; 32],
    /// The organisation.
    pub org: &'a str,
}

impl Marker<'_> {
    fn sealer(&self) -> Sealer<'_> {
        Sealer { key: self.key, purpose: PURPOSE, holder: self.org.as_bytes() }
    }

    fn mac(&self, purpose: &[u8], bytes: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(purpose);
        mac.update(&(self.org.len() as u64).to_be_bytes());
        mac.update(self.org.as_bytes());
        mac.update(bytes);
        Some(mac)
    }

    /// The text of a place; another one each time.
    pub fn write(&self, place: &Place) -> String {
        URL_SAFE_NO_PAD.encode(self.sealer().seal(&place.bytes()).unwrap_or_default())
    }

    /// A name of what comes before a place: the same each time, and it tells nothing.
    pub fn name(&self, place: &Place) -> String {
        let mac = self.mac(NAME, &place.bytes()).map(|mac| mac.finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(mac.unwrap_or_default())
    }

    /// Reads a place that was made here for this organisation.
    pub fn read(&self, text: &str) -> Option<Place> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        match self.sealer().open(&bytes) {
            Some(place) => Place::parse(&place),
            // Readers and webhooks go on from places that were given before they were sealed.
            None => {
                let (place, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
                self.mac(PURPOSE_BEFORE, place)?.verify_truncated_left(mac).ok()?;
                Place::parse(place)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_good_only_as_it_was_made_and_for_whom(
            streams in prop::collection::btree_map("[a-z:]{1,12}", any::<i64>(), 0..9), flip in any::<prop::sample::Index>(),
            at in prop::option::of(any::<i32>()),
        ) {
            let mut place = Place { at: at.map(i64::from), ..Place::default() };
            for (audience, added) in &streams {
                place.set(audience, *added);
            }
            let marker = Marker { key: [7; 32], org: "org-a" };
            let text = marker.write(&place);
            prop_assert_eq!(marker.read(&text), Some(place.clone()));
            prop_assert_eq!(Marker { key: [7; 32], org: "org-b" }.read(&text), None);
            prop_assert_eq!(Marker { key: [8; 32], org: "org-a" }.read(&text), None);
            let mut bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
            let at = flip.index(bytes.len());
            bytes[at] ^= 1;
            prop_assert_eq!(marker.read(&URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }

    #[test]
    fn a_place_shows_nothing_and_a_signed_one_is_still_good() {
        let marker = Marker { key: [7; 32], org: "org-a" };
        let mut place = Place::default();
        let added = 1_795_000_000_000_001_i64;
        place.set("council", added);
        let text = marker.write(&place);
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        assert!(!bytes.windows(8).any(|part| part == added.to_be_bytes()));
        assert_ne!(marker.write(&place), text, "that nothing changed is not seen either");
        assert_eq!(marker.name(&place), marker.name(&place));
        // As places were written before.
        let mut before = place.bytes();
        let mac = marker.mac(PURPOSE_BEFORE, &before).unwrap().finalize().into_bytes();
        before.extend_from_slice(&mac[..MAC_BYTES]);
        assert_eq!(marker.read(&URL_SAFE_NO_PAD.encode(before)), Some(place));
    }

    #[test]
    fn noise_is_no_place() {
        let marker = Marker { key: [7; 32], org: "org-a" };
        for noise in ["", "AA", "!!", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(marker.read(noise), None, "{noise}");
        }
    }
}
