//! The parts of an index that decide quickly: a keyed hash, a filter and a table of positions.

use std::net::IpAddr;

use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use crate::bits::{lower, tops_equal};
use crate::digest::Digest;

/// What a hash is about, so that equal bytes of two kinds do not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    V4 = 1,
    V6 = 2,
    Net = 3,
    Domain = 4,
    Url = 5,
    File = 6,
    Certificate = 7,
    Fingerprint = 8,
    Email = 9,
}

/// A keyed hash: multiply, fold the halves of the product together, go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    start: u64,
    step: u64,
}

impl Key {
    /// The key of a list: nobody who supplies a part of a list can prepare values that fall together.
    pub(crate) fn of(digest: Digest) -> Self {
        let seed =
            Sha256::new().chain_update(b"noroshi-index/1\n").chain_update(digest.0).finalize();
        let word =
            |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        let (start, rest) = seed.split_at(8);
        // Odd, so that multiplication loses nothing.
        Self { start: word(start), step: word(rest.split_at(8).0) | 1 }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "both halves of the product are wanted")]
    const fn mix(self, hash: u64, word: u64) -> u64 {
        let product = (hash ^ word) as u128 * self.step as u128;
        (product as u64 ^ (product >> 64) as u64).wrapping_add(self.start)
    }

    #[inline]
    const fn finish(self, hash: u64, rest: u64, bytes: usize, kind: Kind) -> u64 {
        self.mix(self.mix(hash, rest), (bytes as u64) << 8 | kind as u64)
    }

    #[inline]
    pub(crate) const fn of_v4(self, bits: u32) -> u64 {
        self.finish(self.start, bits as u64, 4, Kind::V4)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
    pub(crate) const fn of_v6(self, bits: u128) -> u64 {
        self.finish(self.mix(self.start, bits as u64), (bits >> 64) as u64, 16, Kind::V6)
    }

    pub(crate) fn of_net(self, net: IpNet) -> u64 {
        let bits = match net.addr() {
            IpAddr::V4(address) => self.of_v4(address.to_bits()),
            IpAddr::V6(address) => self.of_v6(address.to_bits()),
        };
        self.finish(bits, 0, usize::from(net.prefix_len()), Kind::Net)
    }

    /// The bytes from the end to the beginning, eight at a time, as they are.
    pub(crate) fn of_bytes(self, kind: Kind, bytes: &[u8]) -> u64 {
        let (first, words) = bytes.as_rchunks::<8>();
        let hash = words
            .iter()
            .rev()
            .fold(self.start, |hash, word| self.mix(hash, u64::from_le_bytes(*word)));
        self.finish(hash, partial(first), bytes.len(), kind)
    }

    /// Hands over the hash of a name and of each name above it that has two labels or more, nearest to the
    /// root first, and where in `name` it begins. Capital letters count as small ones.
    #[inline]
    pub(crate) fn of_names(self, name: &[u8], mut take: impl FnMut(u64, usize)) {
        let mut hash = self.start;
        let mut rest = name;
        let mut dots = 0_u32;
        loop {
            let (head, word, is_whole) = match rest.split_last_chunk::<8>() {
                Some((head, chunk)) => (head, lower(u64::from_le_bytes(*chunk)), true),
                None => (&[][..], lower(beginning(name, rest)), false),
            };
            let mut marks = tops_equal(word, b'.');
            while marks != 0 {
                let top = marks.ilog2();
                marks ^= 1 << top;
                dots += 1;
                if dots > 1 {
                    let after = word.checked_shr(top + 1).unwrap_or_default();
                    let begin = head.len() + (top as usize + 1) / 8;
                    take(self.finish(hash, after, name.len() - begin, Kind::Domain), begin);
                }
            }
            if !is_whole {
                if dots > 0 {
                    take(self.finish(hash, word, name.len(), Kind::Domain), 0);
                }
                return;
            }
            hash = self.mix(hash, word);
            rest = head;
        }
    }
}

/// Fewer than eight bytes, the first in the lowest place.
#[inline]
fn partial(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// [`partial`] of the first bytes of a name.
#[inline]
fn beginning(name: &[u8], first: &[u8]) -> u64 {
    match name.first_chunk() {
        // All eight are loaded and those behind taken away.
        Some(eight) => u64::from_le_bytes(*eight) & !(u64::MAX << (8 * first.len())),
        None => partial(first),
    }
}

/// A place among `places` for a hash, by its high bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the product is smaller than `places`")]
const fn place(hash: u64, places: usize) -> usize {
    ((hash as u128 * places as u128) >> 64) as usize
}

/// How many bits of filter a value takes.
const FILTER_BITS_PER_VALUE: usize = 12;
const FILTER_BLOCK_BYTES: usize = 64;
/// A filter of so many blocks stays in a cache of the core by itself.
#[cfg(target_arch = "x86_64")]
const FILTER_BLOCKS_NEAR: usize = (128 << 10) / FILTER_BLOCK_BYTES;

/// A Bloom filter whose bits of one value lie in one cache line, three in each of two words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter<'a> {
    blocks: &'a [[u8; FILTER_BLOCK_BYTES]],
}

/// Two words of a block and the bits in them.
#[inline]
fn filter_bits(hash: u64) -> [(usize, u64); 2] {
    let bit = |at: u32| 1_u64 << (hash >> at & 63);
    [
        ((hash & 7) as usize, bit(6) | bit(12) | bit(18)),
        ((hash >> 3 & 7) as usize, bit(24) | bit(30) | bit(36)),
    ]
}

impl<'a> Filter<'a> {
    /// What is not whole blocks is not looked at.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { blocks: bytes.as_chunks().0 }
    }

    /// Whether the value may be there; `false` is certain.
    #[inline]
    pub(crate) fn may_hold(self, hash: u64) -> bool {
        let Some(block) = self.blocks.get(place(hash, self.blocks.len())) else { return false };
        let (words, _) = block.as_chunks::<8>();
        let missing = filter_bits(hash).map(|(word, bits)| {
            let word = words.get(word).copied().unwrap_or_default();
            !u64::from_le_bytes(word) & bits
        });
        missing[0] | missing[1] == 0
    }

    /// Asks for the line of a value that will be held against the filter later, so that nobody waits for it then.
    #[inline]
    pub(crate) fn fetch(self, hash: u64) {
        #[cfg(target_arch = "x86_64")]
        if self.blocks.len() > FILTER_BLOCKS_NEAR
            && let Some(block) = self.blocks.get(place(hash, self.blocks.len()))
        {
            safe_arch::prefetch_t0(block);
        }
    }

    /// The bytes of a filter of these values.
    pub(crate) fn build(hashes: &[u64]) -> Vec<u8> {
        let blocks = (hashes.len() * FILTER_BITS_PER_VALUE).div_ceil(8 * FILTER_BLOCK_BYTES).max(1);
        let mut bytes = vec![0; blocks * FILTER_BLOCK_BYTES];
        let (words, _) = bytes.as_chunks_mut::<8>();
        for hash in hashes {
            let first = place(*hash, blocks) * FILTER_BLOCK_BYTES / 8;
            for (word, bits) in filter_bits(*hash) {
                if let Some(word) = words.get_mut(first + word) {
                    *word = (u64::from_le_bytes(*word) | bits).to_le_bytes();
                }
            }
        }
        bytes
    }
}

/// The low bits of an entry hold a position, the high ones a part of the hash.
const POSITION_BITS: u32 = 26;
const POSITION_MASK: u32 = (1 << POSITION_BITS) - 1;
const EMPTY: u32 = u32::MAX;

/// An open-addressed table of positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots<'a> {
    entries: &'a [[u8; 4]],
}

#[expect(clippy::cast_possible_truncation, reason = "six bits of the hash are wanted")]
const fn entry(hash: u64, position: u32) -> u32 {
    (hash as u32 & !POSITION_MASK) | position
}

impl<'a> Slots<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { entries: bytes.as_chunks().0 }
    }

    /// The position for which `equal` holds. A table without an empty slot, which [`Slots::build`] does not
    /// make, is gone through once.
    #[inline]
    pub(crate) fn find(self, hash: u64, equal: impl Fn(u32) -> bool) -> Option<u32> {
        let first = place(hash, self.entries.len());
        let tag = entry(hash, 0);
        let (before, behind) = self.entries.split_at_checked(first)?;
        for slot in behind.iter().chain(before) {
            let slot = u32::from_le_bytes(*slot);
            if slot == EMPTY {
                return None;
            }
            if slot & !POSITION_MASK == tag && equal(slot & POSITION_MASK) {
                return Some(slot & POSITION_MASK);
            }
        }
        None
    }

    /// The bytes of a table of these hashes with their positions; a quarter of the slots stays empty.
    pub(crate) fn build(values: &[(u64, u32)]) -> Vec<u8> {
        if values.is_empty() {
            return Vec::new();
        }
        let places = values.len() + values.len() / 3 + 1;
        let mut entries = vec![EMPTY; places];
        for (hash, position) in values {
            let mut at = place(*hash, places);
            while entries.get(at).is_some_and(|slot| *slot != EMPTY) {
                at = if at + 1 == places { 0 } else { at + 1 };
            }
            if let Some(slot) = entries.get_mut(at) {
                *slot = entry(*hash, *position);
            }
        }
        entries.into_iter().flat_map(u32::to_le_bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_above_has_the_hash_of_its_own(name in "([a-zA-Z0-9-]{1,12}\\.){0,5}[a-z]{1,9}") {
            let key = Key::of(Digest::of(b"list"));
            let mut seen = Vec::new();
            key.of_names(name.as_bytes(), |hash, begin| seen.push((hash, begin)));
            let lower = name.to_ascii_lowercase();
            let mut expected: Vec<(u64, usize)> = (0..lower.len())
                .filter(|at| *at == 0 || lower.as_bytes()[at - 1] == b'.')
                .filter(|at| lower[*at..].contains('.'))
                .map(|at| (key.of_bytes(Kind::Domain, &lower.as_bytes()[at..]), at))
                .collect();
            expected.reverse();
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn what_was_put_in_is_found(values in proptest::collection::hash_set(any::<u64>(), 0..500)) {
            let key = Key::of(Digest::of(b"list"));
            let hashes: Vec<u64> = values.iter().map(|value| key.of_bytes(Kind::File, &value.to_le_bytes())).collect();
            let bytes = Filter::build(&hashes);
            let filter = Filter::new(&bytes);
            prop_assert!(hashes.iter().all(|hash| filter.may_hold(*hash)));
            let numbered: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
            let bytes = Slots::build(&numbered);
            let slots = Slots::new(&bytes);
            for (hash, position) in numbered {
                prop_assert_eq!(slots.find(hash, |at| at == position), Some(position));
                prop_assert_eq!(slots.find(hash, |_| false), None);
            }
        }
    }

    #[test]
    fn the_filter_turns_nearly_everything_away() {
        let key = Key::of(Digest::of(b"list"));
        let hashes: Vec<u64> = (0..100_000).map(|bits| key.of_v4(bits)).collect();
        let bytes = Filter::build(&hashes);
        let filter = Filter::new(&bytes);
        let passed = (100_000..1_100_000).filter(|bits| filter.may_hold(key.of_v4(*bits))).count();
        assert!(passed < 12_000, "{passed} of a million pass");
    }
}
