//! `next`: a place in one list, sealed, so that any process of the house can go on from it, nobody can make one up, and
//! nobody reads from it when something was added that is not for them.
//!
//! It carries its own place, where the walk ends, and when it stops being good. It is bound to the list it came from:
//! collection, kind of list, reader and filter. The server keeps nothing between two pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::office::seal::Sealer;

/// Bytes of a place: version, position, end of the walk, expiry, and the head of the list's digest.
const PLACE_BYTES: usize = 1 + 8 + 8 + 8 + LIST_BYTES;
/// Bytes of the list's digest that a place carries.
const LIST_BYTES: usize = 16;
/// The form of the place.
const FORM: u8 = 1;
/// What the seal is for, so that nothing else made with the key can stand in.
const PURPOSE: &str = "noroshi/taxii/next/v3";

/// Where a walk goes on, and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Everything added up to here was looked at, in microseconds since 1970.
    pub after: i64,
    /// What is added later than this belongs to a later walk.
    pub until: i64,
}

/// Why a `next` is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadNext {
    /// Nobody here made it.
    Forged,
    /// It was made for another list: another collection, another reader or another filter.
    OtherList,
    /// Its time is over.
    Expired,
}

/// Makes and reads the places of one list.
pub struct Marker {
    key: [u8; 32],
    list: [u8; LIST_BYTES],
}

impl Marker {
    /// For the list that `parts` name; the parts are kept apart by their lengths.
    pub fn new<'a>(key: [u8; 32], parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let mut list = [0; LIST_BYTES];
        for (byte, from) in list.iter_mut().zip(digest.finalize()) {
            *byte = from;
        }
        Self { key, list }
    }

    const fn sealer(&self) -> Sealer<'static> {
        Sealer { key: self.key, purpose: PURPOSE, holder: &[] }
    }

    /// The text of a place, good until `expires`.
    pub fn write(&self, place: Place, expires: Timestamp) -> Option<String> {
        let mut bytes = Vec::with_capacity(PLACE_BYTES);
        bytes.push(FORM);
        bytes.extend_from_slice(&place.after.to_be_bytes());
        bytes.extend_from_slice(&place.until.to_be_bytes());
        bytes.extend_from_slice(&expires.as_second().to_be_bytes());
        bytes.extend_from_slice(&self.list);
        Some(URL_SAFE_NO_PAD.encode(self.sealer().seal(&bytes)?))
    }

    /// Reads a place; of what was not sealed here nothing is said.
    pub fn read(&self, next: &str, now: Timestamp) -> Result<Place, BadNext> {
        let bytes = URL_SAFE_NO_PAD.decode(next).map_err(|_| BadNext::Forged)?;
        let place = self.sealer().open(&bytes).ok_or(BadNext::Forged)?;
        if place.len() != PLACE_BYTES || place.first() != Some(&FORM) {
            return Err(BadNext::Forged);
        }
        let mut rest = place.get(1..).unwrap_or_default();
        let mut number = move || {
            let (head, tail) = rest.split_first_chunk::<8>().ok_or(BadNext::Forged)?;
            rest = tail;
            Ok((i64::from_be_bytes(*head), tail))
        };
        let (after, _) = number()?;
        let (until, _) = number()?;
        let (expires, list) = number()?;
        if list != self.list {
            return Err(BadNext::OtherList);
        }
        if now.as_second() > expires {
            return Err(BadNext::Expired);
        }
        Ok(Place { after, until })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::office::seal::SEAL_BYTES;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const PLACE: Place = Place { after: 1_795_000_000_000_001, until: 1_795_000_000_900_000 };

    #[test]
    fn a_place_is_good_for_its_own_list_until_its_time_is_over() {
        let marker = |parts: &[&'static str]| Marker::new([7; 32], parts.iter().copied());
        let next = marker(&["list"]).write(PLACE, at(100)).unwrap();
        assert_eq!(marker(&["list"]).read(&next, at(100)), Ok(PLACE));
        assert_eq!(marker(&["list"]).read(&next, at(101)), Err(BadNext::Expired));
        assert_eq!(marker(&["other"]).read(&next, at(0)), Err(BadNext::OtherList));
        // Parts do not run into each other.
        let glued = marker(&["li", "st"]).write(PLACE, at(100)).unwrap();
        assert_eq!(marker(&["list"]).read(&glued, at(0)), Err(BadNext::OtherList));
        // Another key knows nothing of it, not even whether its time is over.
        let stranger = Marker::new([8; 32], ["list"]);
        assert_eq!(stranger.read(&next, at(1_000)), Err(BadNext::Forged));
        for forged in ["", ".", "a.b", "AAAA", "\u{2603}"] {
            assert_eq!(marker(&["list"]).read(forged, at(0)), Err(BadNext::Forged), "{forged}");
        }
    }

    proptest! {
        #[test]
        fn every_bit_of_a_place_is_sealed(byte in 0..PLACE_BYTES + SEAL_BYTES, bit in 0u8..8) {
            let marker = Marker::new([7; 32], ["list"]);
            let next = marker.write(PLACE, at(100)).unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(&next).unwrap();
            bytes[byte] ^= 1 << bit;
            prop_assert_eq!(marker.read(&URL_SAFE_NO_PAD.encode(bytes), at(0)), Err(BadNext::Forged));
        }

        #[test]
        fn what_is_written_is_read(after in any::<i64>(), until in any::<i64>()) {
            let marker = Marker::new([9; 32], ["a", ""]);
            let next = marker.write(Place { after, until }, at(100)).unwrap();
            prop_assert_eq!(marker.read(&next, at(99)), Ok(Place { after, until }));
            let bytes = URL_SAFE_NO_PAD.decode(&next).unwrap();
            for hidden in [after, until] {
                prop_assert!(!bytes.windows(8).any(|part| part == hidden.to_be_bytes()));
            }
        }
    }
}
