//! The addresses of a row group as numbers, beside their texts.
//!
//! A file of records has addresses as texts, once each in the dictionary of a column, so that any reader can be used.
//! Who holds millions of them against a list would spend most of the time reading them out of their texts. So behind
//! each row group stands, for each of its two columns of addresses, a table of the same addresses in the same order as
//! numbers. It belongs to no column, and other readers pass over it; where the tables lie is said at the end of the
//! file under [`KEY`]. A file without them is read by its texts.
//!
//! A table is little-endian: how many addresses there are (32 bits); how many of them are IPv6 (32 bits); for each 32
//! bits, the address of IPv4 or the number of the address of IPv6; where there is any of IPv6, a bit for each that says
//! which it is, the lowest first; the addresses of IPv6, 16 bytes each as they are sent.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

/// Under what the places of tables stand among the metadata of a file.
pub const KEY: &str = "noroshi.addresses/1";
/// The longest list of places that is read, in bytes.
const PLACES_BYTES_MAX: usize = 1 << 20;

/// Where a table lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From the beginning of the file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u32,
    /// [`sum`] over it.
    pub sum: u64,
}

/// A checksum against damage: it says nothing of who wrote what it is over.
pub fn sum(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(ODD).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let sum =
        words.iter().fold(bytes.len() as u64, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    mix(sum, rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

/// The places of all tables as one text: two for each row group, of the sources and of the destinations.
pub(crate) fn places_text(places: &[[Place; 2]]) -> String {
    let one = |place: &Place| format!("{}+{}={:x}", place.offset, place.bytes, place.sum);
    places.iter().flatten().map(one).collect::<Vec<_>>().join(" ")
}

/// Reads the places back; nothing where the text is none, or not for so many row groups in a file of so many bytes.
pub fn places_of(text: &str, groups: usize, file_bytes: u64) -> Option<Vec<[Place; 2]>> {
    let one = |word: &str| {
        let (offset, rest) = word.split_once('+')?;
        let (bytes, sum) = rest.split_once('=')?;
        let place = Place {
            offset: offset.parse().ok()?,
            bytes: bytes.parse().ok()?,
            sum: u64::from_str_radix(sum, 16).ok()?,
        };
        let end = place.offset.checked_add(u64::from(place.bytes))?;
        (end <= file_bytes).then_some(place)
    };
    if text.len() > PLACES_BYTES_MAX {
        return None;
    }
    let words = text.split(' ').filter(|word| !word.is_empty());
    let places: Vec<Place> = words.map(one).collect::<Option<_>>()?;
    let (pairs, rest) = places.as_chunks::<2>();
    (rest.is_empty() && pairs.len() == groups).then(|| pairs.to_vec())
}

/// The table of a column, in the order in which the addresses are first met.
pub(crate) fn table_of(addresses: impl Iterator<Item = Option<IpAddr>>) -> Vec<u8> {
    let mut seen = BTreeSet::new();
    let (mut words, mut kinds, mut v6) = (Vec::<u32>::new(), Vec::<u8>::new(), Vec::new());
    for address in addresses.flatten().filter(|address| seen.insert(*address)) {
        let at = words.len();
        if at.is_multiple_of(8) {
            kinds.push(0);
        }
        match address {
            IpAddr::V4(address) => words.push(address.to_bits()),
            IpAddr::V6(address) => {
                // There are no more rows in a file than 32 bits can count.
                words.push(u32::try_from(v6.len()).unwrap_or(u32::MAX));
                v6.push(address.octets());
                if let Some(kinds) = kinds.last_mut() {
                    *kinds |= 1 << (at % 8);
                }
            }
        }
    }
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
    let mut table = Vec::with_capacity(8 + words.len() * 5 + v6.len() * 16);
    table.extend(count(words.len()));
    table.extend(count(v6.len()));
    table.extend(words.into_iter().flat_map(u32::to_le_bytes));
    if !v6.is_empty() {
        table.extend(kinds);
    }
    table.extend(v6.into_iter().flatten());
    table
}

/// The addresses of a column of a row group, each once.
#[derive(Debug, Clone)]
pub struct AddressTable {
    words: Bytes,
    kinds: Bytes,
    v6: Bytes,
}

impl AddressTable {
    /// Reads a table; nothing where it is none.
    pub fn read(bytes: &Bytes) -> Option<Self> {
        let word = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let [count, of_v6] = [word(0)?, word(4)?].map(|word| u32::from_le_bytes(*word) as usize);
        let kinds_bytes = if of_v6 == 0 { 0 } else { count.div_ceil(8) };
        let words_end = count.checked_mul(4)?.checked_add(8)?;
        let kinds_end = words_end.checked_add(kinds_bytes)?;
        if of_v6 > count || kinds_end.checked_add(of_v6.checked_mul(16)?)? != bytes.len() {
            return None;
        }
        Some(Self {
            words: bytes.slice(8..words_end),
            kinds: bytes.slice(words_end..kinds_end),
            v6: bytes.slice(kinds_end..),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.len() / 4
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// All of them in order; nothing in the place of one that contradicts the table.
    pub fn addresses(&self) -> impl Iterator<Item = Option<IpAddr>> {
        let (words, _) = self.words.as_chunks::<4>();
        let (v6, _) = self.v6.as_chunks::<16>();
        words.iter().enumerate().map(move |(at, word)| {
            let word = u32::from_le_bytes(*word);
            let kinds = self.kinds.get(at / 8).copied().unwrap_or_default();
            if kinds >> (at % 8) & 1 == 0 {
                return Some(Ipv4Addr::from_bits(word).into());
            }
            v6.get(word as usize).map(|octets| Ipv6Addr::from_octets(*octets).into())
        })
    }

    /// One of them.
    pub fn get(&self, at: usize) -> Option<IpAddr> {
        let (words, _) = self.words.as_chunks::<4>();
        let word = u32::from_le_bytes(*words.get(at)?);
        let kinds = self.kinds.get(at / 8).copied().unwrap_or_default();
        if kinds >> (at % 8) & 1 == 0 {
            return Some(Ipv4Addr::from_bits(word).into());
        }
        let (v6, _) = self.v6.as_chunks::<16>();
        v6.get(word as usize).map(|octets| Ipv6Addr::from_octets(*octets).into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_table_has_each_address_once_in_the_order_of_its_first_row(
            rows in proptest::collection::vec(proptest::option::of(any::<IpAddr>()), 0..70), twice: bool,
        ) {
            let rows = if twice { [rows.clone(), rows].concat() } else { rows };
            let bytes = Bytes::from(table_of(rows.iter().copied()));
            let table = AddressTable::read(&bytes).unwrap();
            let mut expected: Vec<IpAddr> = Vec::new();
            for address in rows.into_iter().flatten() {
                if !expected.contains(&address) {
                    expected.push(address);
                }
            }
            prop_assert_eq!(table.len(), expected.len());
            prop_assert_eq!(table.is_empty(), expected.is_empty());
            let read: Option<Vec<IpAddr>> = table.addresses().collect();
            prop_assert_eq!(read.as_ref(), Some(&expected));
            let one_by_one: Option<Vec<IpAddr>> = (0..expected.len()).map(|at| table.get(at)).collect();
            prop_assert_eq!(one_by_one, Some(expected));
            prop_assert_eq!(table.get(table.len()), None);
        }

        #[test]
        fn what_is_no_table_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            if let Some(table) = AddressTable::read(&Bytes::from(bytes)) {
                prop_assert_eq!(table.addresses().count(), table.len());
            }
        }

        #[test]
        fn a_changed_byte_changes_the_sum(bytes in proptest::collection::vec(any::<u8>(), 1..90), at: prop::sample::Index, change in 1_u8..) {
            let mut changed = bytes.clone();
            changed[at.index(bytes.len())] ^= change;
            prop_assert_ne!(sum(&changed), sum(&bytes));
        }

        #[test]
        fn places_are_read_back(places in proptest::collection::vec(any::<[(u32, u32, u64); 2]>(), 0..5)) {
            let places: Vec<[Place; 2]> = places.into_iter()
                .map(|pair| pair.map(|(offset, bytes, sum)| Place { offset: offset.into(), bytes, sum })).collect();
            let text = places_text(&places);
            prop_assert_eq!(places_of(&text, places.len(), u64::MAX), Some(places.clone()));
            prop_assert_eq!(places_of(&text, places.len() + 1, u64::MAX), None);
        }
    }

    #[test]
    fn places_outside_of_the_file_and_other_texts_are_none() {
        assert!(places_of("8+8=0 16+8=ff", 1, 24).is_some());
        assert_eq!(places_of("8+8=0 16+8=ff", 1, 23), None);
        for text in ["x", "8+8 8+8", "8+8=0", "8+8=0 8+8=g", "18446744073709551615+8=0 8+8=0"] {
            assert_eq!(places_of(text, 1, u64::MAX), None, "{text}");
        }
    }
}
