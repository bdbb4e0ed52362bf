//! A short stand-in for a text: two texts agree in about as many places as they have n-grams in common.
//!
//! One-permutation `MinHash` (Li, Owen, Zhang 2012): each n-gram of code points falls into one slot and the smallest
//! value of a slot counts. A slot that stays empty takes the value of another that is chosen by a fixed sequence of
//! hashes, which has a smaller variance than taking the neighbour's (optimal densification, Shrivastava 2017); posts
//! are short, so many slots are empty.

use super::fold;

/// How thoroughly near copies are looked for: more bands find more pairs and cost more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// 16 bands of 4, n-grams of 5: for a first look and for streams.
    Fast,
    /// 25 bands of 5, n-grams of 4.
    #[default]
    Full,
    /// 32 bands of 4, n-grams of 4: for small sets where no pair may be missed.
    Exhaustive,
}

impl Profile {
    /// How many bands there are, and how many slots each has.
    pub const fn bands(self) -> (usize, usize) {
        match self {
            Self::Fast => (16, 4),
            Self::Full => (25, 5),
            Self::Exhaustive => (32, 4),
        }
    }

    /// How many code points an n-gram has in scripts with spaces.
    pub const fn gram_chars(self) -> usize {
        match self {
            Self::Fast => 5,
            Self::Full | Self::Exhaustive => 4,
        }
    }

    pub(super) const fn slots(self) -> usize {
        let (bands, rows) = self.bands();
        bands * rows
    }
}

/// In text of which at least this many in ten letters are Han, kana or Hangul, n-grams have three letters.
const EAST_ASIAN_IN_TEN: usize = 3;
const EAST_ASIAN_GRAM_CHARS: usize = 3;

/// What is kept of a text to find and to judge pairs.
pub(super) struct Signature {
    /// One key a band: texts with an equal key are compared.
    pub(super) keys: Vec<u32>,
    /// The low byte of each slot: how many agree estimates what the texts have in common.
    pub(super) slots: Vec<u8>,
}

/// The signature of a normalised text.
pub(super) fn sign(text: &str, profile: Profile) -> Signature {
    let letters: Vec<char> = text.chars().collect();
    let east_asian = letters.iter().filter(|c| fold::is_east_asian(**c)).count();
    let gram = if east_asian * 10 >= letters.len() * EAST_ASIAN_IN_TEN {
        EAST_ASIAN_GRAM_CHARS
    } else {
        profile.gram_chars()
    };
    let slots = densified(&smallest(&letters, gram, profile.slots()));
    let (_, rows) = profile.bands();
    let keys = slots
        .chunks(rows)
        .map(|band| {
            let key = band.iter().fold(0, |key, slot| mixed(key ^ u64::from(*slot)));
            high(key)
        })
        .collect();
    Signature { keys, slots: slots.iter().map(|slot| slot.to_le_bytes()[0]).collect() }
}

/// The smallest value of each slot, and `None` where no n-gram fell.
fn smallest(letters: &[char], gram: usize, slots: usize) -> Vec<Option<u32>> {
    let mut least = vec![None; slots];
    let mut put = |letters: &[char]| {
        let value = letters.iter().fold(0x5eed, |hash: u64, c| {
            (hash ^ u64::from(u32::from(*c))).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        });
        let value = mixed(value);
        if let Some(slot) = least.get_mut(below(high(value), slots)) {
            let value = low(value);
            *slot = Some(slot.map_or(value, |other: u32| other.min(value)));
        }
    };
    if letters.len() < gram {
        put(letters);
    }
    for one in letters.windows(gram) {
        put(one);
    }
    least
}

/// Fills what is empty from what is not.
fn densified(least: &[Option<u32>]) -> Vec<u32> {
    if least.iter().all(Option::is_none) {
        return vec![0; least.len()];
    }
    let borrowed = |place: u64| {
        (0_u64..).find_map(|attempt| {
            let other = mixed((place << 32 | attempt) ^ 0xd1b5_4a32_d192_ed03);
            least.get(below(high(other), least.len())).copied().flatten()
        })
    };
    (0_u64..)
        .zip(least)
        .map(|(place, slot)| slot.or_else(|| borrowed(place)).unwrap_or_default())
        .collect()
}

/// How many slots of two signatures agree.
pub(super) fn agreeing(left: &[u8], right: &[u8]) -> usize {
    // Sums of at most 255 in a byte let the compiler compare many slots at once.
    left.chunks(128)
        .zip(right.chunks(128))
        .map(|(left, right)| {
            let agree = left.iter().zip(right).map(|(a, b)| u8::from(a == b)).sum::<u8>();
            usize::from(agree)
        })
        .sum()
}

/// A place below `count`, which is at most a few hundred.
fn below(hash: u32, count: usize) -> usize {
    let place = (u64::from(hash) * u64::try_from(count).unwrap_or(u64::MAX)) >> 32;
    usize::try_from(place).unwrap_or_default()
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
pub(super) const fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

const fn high(value: u64) -> u32 {
    let [.., a, b, c, d] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

const fn low(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_estimates_what_texts_have_in_common() {
        let text = |from: u64| -> String {
            (from..from + 300)
                .map(|at| char::from(b'a' + mixed(at).to_le_bytes()[0] % 26))
                .collect()
        };
        let share = |from: u64, step: u64| {
            let sign = |from| sign(&text(from), Profile::Full);
            let agree = agreeing(&sign(from).slots, &sign(from + step).slots);
            f64::from(u32::try_from(agree).unwrap()) / 125.0
        };
        let mean = |step| (0..40).map(|at| share(at * 100_000, step)).sum::<f64>() / 40.0;
        assert!((mean(0) - 1.0).abs() < 1e-9);
        // Of 297 and 297 n-grams 197 are common, 197 of 397; a slot has one standard error of 0.045.
        assert!((mean(100) - 0.496).abs() < 0.03, "{}", mean(100));
        assert!(mean(10_000) < 0.02, "{}", mean(10_000));
    }

    #[test]
    fn a_text_shorter_than_an_n_gram_has_a_signature() {
        let short = sign("ab", Profile::Full);
        assert_eq!((short.keys.len(), short.slots.len()), (25, 125));
        assert_eq!(short.keys, sign("ab", Profile::Full).keys);
        assert_ne!(short.keys, sign("ac", Profile::Full).keys);
    }

    #[test]
    fn three_letters_are_enough_in_japanese() {
        let (left, right) =
            (sign("明日は投票日です", Profile::Fast), sign("明日は投票日だよ", Profile::Fast));
        assert!(agreeing(&left.slots, &right.slots) > 16);
    }
}
