//! The different texts of a collection, each once, and whether two of them are copies.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

use rapidfuzz::distance::levenshtein::{Args, BatchComparator};
use siphasher::sip::SipHasher13;

use super::Options;
use super::signature::{self, Profile, Signature};

/// Every different normalised text, numbered in the order in which they came.
#[derive(Default)]
pub(super) struct Texts {
    arena: String,
    spans: Vec<Span>,
    keys: Vec<u32>,
    slots: Vec<u8>,
    first_with_hash: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
}

/// Where a text lies, how many letters it has, and the next text with the same hash.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    bytes: u32,
    chars: u32,
    next: u32,
}

const NOTHING: u32 = u32::MAX;

/// A hash is its own hash.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl Texts {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.spans.len()).unwrap_or(NOTHING)
    }

    /// The number of a text, and whether it is new. Equal hashes are told apart by the texts themselves.
    ///
    /// `None` if there are as many texts as can be numbered.
    pub(super) fn number(&mut self, text: &str) -> Option<(u32, bool)> {
        let hash = hashed(text);
        let mut at = self.first_with_hash.get(&hash).copied().unwrap_or(NOTHING);
        while at != NOTHING {
            if self.text(at) == text {
                return Some((at, false));
            }
            at = self.span(at).next;
        }
        let number = self.len();
        if number == NOTHING {
            return None;
        }
        let chars = u32::try_from(text.chars().count()).ok()?;
        let before = self.first_with_hash.insert(hash, number);
        self.spans.push(Span {
            start: self.arena.len(),
            bytes: u32::try_from(text.len()).ok()?,
            chars,
            next: before.unwrap_or(NOTHING),
        });
        self.arena.push_str(text);
        Some((number, true))
    }

    /// Takes the signature of the next text that has none.
    pub(super) fn signed(&mut self, signature: &Signature) {
        self.keys.extend_from_slice(&signature.keys);
        self.slots.extend_from_slice(&signature.slots);
    }

    fn span(&self, number: u32) -> Span {
        let none = Span { start: 0, bytes: 0, chars: 0, next: NOTHING };
        self.spans.get(number as usize).copied().unwrap_or(none)
    }

    pub(super) fn text(&self, number: u32) -> &str {
        let span = self.span(number);
        self.arena.get(span.start..span.start + span.bytes as usize).unwrap_or_default()
    }

    pub(super) fn chars(&self, number: u32) -> u32 {
        self.span(number).chars
    }

    /// The keys of a text, one a band.
    pub(super) fn keys(&self, number: u32, profile: Profile) -> &[u32] {
        let (bands, _) = profile.bands();
        let start = number as usize * bands;
        self.keys.get(start..start + bands).unwrap_or_default()
    }

    pub(super) fn slots(&self, number: u32, profile: Profile) -> &[u8] {
        let slots = profile.slots();
        let start = number as usize * slots;
        self.slots.get(start..start + slots).unwrap_or_default()
    }
}

/// `SipHash` with a fixed key: who makes two texts with the same hash costs one comparison, nothing else.
fn hashed(text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// One text, ready to be compared with many.
pub(super) struct Judge<'a> {
    texts: &'a Texts,
    options: &'a Options,
    one: u32,
    /// Made when first needed: most candidates fail before letters are compared.
    comparator: Option<BatchComparator<char>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(texts: &'a Texts, options: &'a Options, one: u32) -> Self {
        Self { texts, options, one, comparator: None }
    }

    /// Whether the two have enough n-grams in common to be worth comparing letter by letter.
    pub(super) fn is_worthwhile(&self, other: u32) -> bool {
        let profile = self.options.profile;
        let (left, right) = (self.texts.slots(self.one, profile), self.texts.slots(other, profile));
        let agreeing = signature::agreeing(left, right);
        agreeing * 1_000 >= self.options.agreement_permille as usize * profile.slots()
    }

    /// Whether the two are copies: their similarity is above the threshold, or one is the beginning of the other.
    pub(super) fn is_copy(&mut self, other: u32) -> bool {
        self.is_above(other, self.options.similarity_permille) || self.is_beginning(other)
    }

    /// Whether one is the beginning of the other, as of a post that was cut off.
    pub(super) fn is_beginning(&self, other: u32) -> bool {
        let (left, right) = (self.texts.text(self.one), self.texts.text(other));
        let (short, long) = if left.len() <= right.len() { (left, right) } else { (right, left) };
        let (fewer, more) = (self.texts.chars(self.one), self.texts.chars(other));
        let (fewer, more) = (fewer.min(more), fewer.max(more));
        fewer >= self.options.beginning_chars_min && fewer * 2 >= more && long.starts_with(short)
    }

    /// Whether the normalised Levenshtein similarity is above so many thousandths.
    pub(super) fn is_above(&mut self, other: u32, permille: u32) -> bool {
        let longer = self.texts.chars(self.one).max(self.texts.chars(other));
        // 1 - d/longer > permille/1000, in whole numbers.
        let room = longer * 1_000_u32.saturating_sub(permille);
        let Some(distance_max) = room.checked_sub(1).map(|room| room / 1_000) else {
            return false;
        };
        if self.texts.chars(self.one).abs_diff(self.texts.chars(other)) > distance_max {
            return false;
        }
        self.distance(other, Some(distance_max)).is_some()
    }

    /// The normalised Levenshtein similarity, from 0 to 1.
    pub(super) fn similarity(&mut self, other: u32) -> f64 {
        let longer = self.texts.chars(self.one).max(self.texts.chars(other));
        if longer == 0 || self.one == other {
            return 1.0;
        }
        let distance = self.distance(other, None).unwrap_or(longer);
        1.0 - f64::from(distance) / f64::from(longer)
    }

    fn distance(&mut self, other: u32, distance_max: Option<u32>) -> Option<u32> {
        let (texts, one) = (self.texts, self.one);
        let comparator =
            self.comparator.get_or_insert_with(|| BatchComparator::new(texts.text(one).chars()));
        let letters = texts.text(other).chars();
        let distance = match distance_max {
            Some(most) => {
                comparator.distance_with_args(letters, &Args::default().score_cutoff(most as usize))
            }
            None => Some(comparator.distance(letters)),
        };
        distance.and_then(|distance| u32::try_from(distance).ok())
    }
}
