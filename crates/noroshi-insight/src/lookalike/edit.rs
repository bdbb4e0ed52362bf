//! One or two strokes of the keyboard, or of a faulty memory cell, away: edit distance and an index that finds what is
//! near without comparing.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What one change of a name is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EditKind {
    /// A letter for a letter that differs from it in one bit (bitsquatting, Dinaburg 2011).
    Bit,
    /// A letter for its neighbour on a keyboard, or a neighbour beside it.
    Keyboard,
    /// A letter for one of the same look.
    Visual,
    /// A vowel for another vowel.
    Vowel,
    /// Another letter.
    Replaced,
    /// A letter twice.
    Doubled,
    /// A letter more.
    Added,
    /// A letter less.
    Left,
    /// Two neighbours in each other's place.
    Swapped,
}

impl EditKind {
    /// The word of the kind in files.
    pub fn code(self) -> &'static str {
        match self {
            Self::Bit => "bit",
            Self::Keyboard => "keyboard",
            Self::Visual => "visual",
            Self::Vowel => "vowel",
            Self::Replaced => "replaced",
            Self::Doubled => "doubled",
            Self::Added => "added",
            Self::Left => "left-out",
            Self::Swapped => "swapped",
        }
    }
}

/// One change between a protected label and a candidate's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// What it is.
    pub kind: EditKind,
    /// Which character of the candidate's label (hyphens left out), from 0; of the protected one for what is left out.
    pub at: usize,
    /// The protected name's character, if it has one there.
    pub protected: Option<char>,
    /// The candidate's character, if it has one there.
    pub candidate: Option<char>,
}

/// Rows of letters of the layouts in use where the watched names are read: QWERTY (JIS X 6002 has its letters in the same
/// places), QWERTZ, AZERTY. The row of digits is one.
const LAYOUTS: [[&str; 4]; 3] = [
    ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"],
    ["1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm"],
    ["1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"],
];
/// How far each row stands to the right, in quarters of a key.
const ROW_QUARTERS: [usize; 4] = [0, 2, 3, 5];

/// The keys beside each key in any of the layouts, by their places, built once.
static NEIGHBOURS: LazyLock<HashMap<char, String>> = LazyLock::new(|| {
    let mut beside: HashMap<char, String> = HashMap::new();
    for layout in LAYOUTS {
        let keys: Vec<(char, usize, usize)> = layout
            .iter()
            .zip(ROW_QUARTERS)
            .enumerate()
            .flat_map(|(row, (keys, shift))| {
                keys.chars().enumerate().map(move |(column, key)| (key, row, column * 4 + shift))
            })
            .collect();
        for (key, row, place) in &keys {
            for (other, other_row, other_place) in &keys {
                let apart = place.abs_diff(*other_place);
                let near = match row.abs_diff(*other_row) {
                    0 => apart == 4,
                    1 => apart < 4,
                    _ => false,
                };
                let known = beside.entry(*key).or_default();
                if near && !known.contains(*other) {
                    known.push(*other);
                }
            }
        }
    }
    beside
});

/// The keys beside a key.
pub(super) fn neighbours(key: char) -> &'static str {
    NEIGHBOURS.get(&key).map_or("", String::as_str)
}

/// Characters of names that differ from one in a single bit.
pub(super) fn bits(character: char) -> impl Iterator<Item = char> {
    let byte = u8::try_from(character).unwrap_or(0);
    (0..8)
        .map(move |bit| byte ^ (1 << bit))
        .filter(move |flipped| {
            byte != 0
                && (flipped.is_ascii_lowercase() || flipped.is_ascii_digit() || *flipped == b'-')
        })
        .map(char::from)
}

fn same_look(one: char, other: char) -> bool {
    const LOOKS: [&str; 7] = ["il1j", "o0", "gq9", "e3", "s5", "b86", "uv"];
    LOOKS.iter().any(|look| look.contains(one) && look.contains(other))
}

fn replaced(protected: char, candidate: char) -> EditKind {
    if same_look(protected, candidate) {
        EditKind::Visual
    } else if neighbours(protected).contains(candidate) {
        // A finger slips more often than a memory cell; a letter that is both is named by the finger.
        EditKind::Keyboard
    } else if bits(protected).any(|flipped| flipped == candidate) {
        EditKind::Bit
    } else if "aiueo".contains(protected) && "aiueo".contains(candidate) {
        EditKind::Vowel
    } else {
        EditKind::Replaced
    }
}

/// Longest label measured, in characters (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;

/// The changes from `protected` to `candidate`, if there are at most `most`: optimal string alignment (a
/// transposition counts one and is not edited again).
pub(super) fn edits(protected: &[char], candidate: &[char], most: usize) -> Option<Vec<Edit>> {
    let (rows, columns) = (protected.len(), candidate.len());
    if rows.abs_diff(columns) > most || rows > LABEL_MAX || columns > LABEL_MAX {
        return None;
    }
    let width = columns + 1;
    let cost = costs(protected, candidate, width);
    let at = |row: usize, column: usize| cost.get(row * width + column).copied().unwrap_or(u8::MAX);
    if usize::from(at(rows, columns)) > most {
        return None;
    }
    let (mut row, mut column) = (rows, columns);
    let mut found = Vec::new();
    while row > 0 || column > 0 {
        let left = row.checked_sub(1).and_then(|above| protected.get(above)).copied();
        let right = column.checked_sub(1).and_then(|before| candidate.get(before)).copied();
        let here = at(row, column);
        if let (Some(a), Some(b)) = (left, right)
            && at(row - 1, column - 1) + u8::from(a != b) == here
        {
            if a != b {
                found.push(Edit {
                    kind: replaced(a, b),
                    at: column - 1,
                    protected: left,
                    candidate: right,
                });
            }
            (row, column) = (row - 1, column - 1);
        } else if swapped(protected, candidate, row, column) && at(row - 2, column - 2) + 1 == here
        {
            found.push(Edit {
                kind: EditKind::Swapped,
                at: column - 2,
                protected: left,
                candidate: right,
            });
            (row, column) = (row - 2, column - 2);
        } else if column > 0 && at(row, column - 1).saturating_add(1) == here {
            let kind = added(candidate, column - 1);
            found.push(Edit { kind, at: column - 1, protected: None, candidate: right });
            column -= 1;
        } else {
            found.push(Edit {
                kind: EditKind::Left,
                at: row.saturating_sub(1),
                protected: left,
                candidate: None,
            });
            row = row.saturating_sub(1);
        }
    }
    found.reverse();
    Some(found)
}

fn added(candidate: &[char], at: usize) -> EditKind {
    let here = candidate.get(at);
    let beside =
        [at.checked_sub(1).and_then(|before| candidate.get(before)), candidate.get(at + 1)];
    let Some(here) = here else { return EditKind::Added };
    if beside.into_iter().flatten().any(|other| other == here) {
        EditKind::Doubled
    } else if beside.into_iter().flatten().any(|other| neighbours(*other).contains(*here)) {
        EditKind::Keyboard
    } else {
        EditKind::Added
    }
}

fn swapped(protected: &[char], candidate: &[char], row: usize, column: usize) -> bool {
    if row < 2 || column < 2 {
        return false;
    }
    protected.get(row - 1) == candidate.get(column - 2)
        && protected.get(row - 2) == candidate.get(column - 1)
        && protected.get(row - 1) != protected.get(row - 2)
}

/// Costs, row by row; labels have at most 63 characters, so a byte holds each.
fn costs(protected: &[char], candidate: &[char], width: usize) -> Vec<u8> {
    let mut cost: Vec<u8> =
        (0..width).map(|column| u8::try_from(column).unwrap_or(u8::MAX)).collect();
    cost.reserve(width * protected.len());
    for (row, letter) in protected.iter().enumerate() {
        cost.push(u8::try_from(row + 1).unwrap_or(u8::MAX));
        for (column, other) in candidate.iter().enumerate() {
            let above = cost.len() - width;
            let get = |at: usize| cost.get(at).copied().unwrap_or(u8::MAX);
            let mut least = get(above - 1).saturating_add(u8::from(letter != other));
            least =
                least.min(get(above).saturating_add(1)).min(get(cost.len() - 1).saturating_add(1));
            if swapped(protected, candidate, row + 1, column + 1) {
                // Two rows up and two columns back: the swap may start at the very first column.
                least = least.min(get(cost.len().saturating_sub(2 * width + 2)).saturating_add(1));
            }
            cost.push(least);
        }
    }
    cost
}

/// Base of the rolling hash, an odd constant with well-mixed bits (the golden ratio).
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes of every part of a text, so that what is left after taking characters out costs one multiplication.
pub(super) struct Rolling {
    /// `prefix[i]` is the hash of the first `i` characters.
    prefix: Vec<u64>,
    /// `power[i]` is the base to the `i`.
    power: Vec<u64>,
    /// What each character counts.
    values: Vec<u64>,
}

impl Rolling {
    pub(super) fn new(text: &[char]) -> Self {
        let mut prefix = Vec::with_capacity(text.len() + 1);
        let mut power = Vec::with_capacity(text.len() + 1);
        let mut values = Vec::with_capacity(text.len());
        let (mut hash, mut factor) = (0_u64, 1_u64);
        prefix.push(hash);
        power.push(factor);
        for character in text {
            let value = u64::from(*character) + 1;
            values.push(value);
            hash = hash.wrapping_mul(BASE).wrapping_add(value);
            factor = factor.wrapping_mul(BASE);
            prefix.push(hash);
            power.push(factor);
        }
        Self { prefix, power, values }
    }

    /// The hash of the characters from `start` up to `end`.
    pub(super) fn part(&self, start: usize, end: usize) -> u64 {
        let at = |index: usize| self.prefix.get(index).copied().unwrap_or(0);
        let power = self.power.get(end.saturating_sub(start)).copied().unwrap_or(0);
        at(end).wrapping_sub(at(start).wrapping_mul(power))
    }

    fn length(&self) -> usize {
        self.prefix.len().saturating_sub(1)
    }

    /// Calls `with` for the text itself and for every text with one character, or two where `twice`, taken out.
    pub(super) fn deletions(&self, twice: bool, mut with: impl FnMut(u64)) {
        let length = self.length();
        let tails: Vec<u64> = (0..=length).map(|start| self.part(start, length)).collect();
        with(self.part(0, length));
        for first in 0..length {
            let head = self.part(0, first);
            let rest = length - first - 1;
            let join =
                |head: u64, power: u64, tail: u64| head.wrapping_mul(power).wrapping_add(tail);
            let at = |texts: &[u64], place: usize| texts.get(place).copied().unwrap_or(0);
            with(join(head, at(&self.power, rest), at(&tails, first + 1)));
            if !twice {
                continue;
            }
            // What stands between the two that are taken out grows by one character a step.
            let mut middle = head;
            let values = self.values.get(first + 1..).unwrap_or_default();
            let powers = self.power.get(..rest).unwrap_or_default().iter().rev();
            let tails = tails.get(first + 2..).unwrap_or_default();
            for ((value, power), tail) in values.iter().zip(powers).zip(tails) {
                with(join(middle, *power, *tail));
                middle = middle.wrapping_mul(BASE).wrapping_add(*value);
            }
        }
    }
}

/// A set that may say yes too often and never no too often: three bits in one word for each value (a blocked Bloom
/// filter, Putze, Sanders and Singler 2007), so that a question touches memory once.
pub(super) struct Gate {
    words: Vec<u64>,
    mask: u64,
}

impl Gate {
    /// For about `values` values; of others less than one in a hundred passes.
    pub(super) fn new(values: usize) -> Self {
        let words = values.div_ceil(4).next_power_of_two().clamp(64, 1 << 24);
        Self { words: vec![0; words], mask: u64::try_from(words - 1).unwrap_or(0) }
    }

    fn place(&self, value: u64) -> (usize, u64) {
        let mixed = (value ^ (value >> 32)).wrapping_mul(BASE);
        let mixed = mixed ^ (mixed >> 29);
        let word = usize::try_from((mixed >> 24) & self.mask).unwrap_or(0);
        (word, 1 << (mixed & 63) | 1 << ((mixed >> 6) & 63) | 1 << ((mixed >> 12) & 63))
    }

    pub(super) fn add(&mut self, value: u64) {
        let (word, bits) = self.place(value);
        if let Some(word) = self.words.get_mut(word) {
            *word |= bits;
        }
    }

    pub(super) fn may_have(&self, value: u64) -> bool {
        let (word, bits) = self.place(value);
        self.words.get(word).is_some_and(|word| word & bits == bits)
    }
}

/// Labels below one deleted text followed at most, lest a crafted list makes one bucket everything.
const BUCKET_MAX: usize = 256;
/// Shortest label for which one change is looked for, and for which two are.
pub(super) const EDIT1_CHARACTERS_MIN: usize = 5;
pub(super) const EDIT2_CHARACTERS_MIN: usize = 9;

/// Finds labels within one or two changes (Garbe's symmetric deletes: both sides are shortened, and meet).
pub(super) struct Near {
    labels: Vec<(Vec<char>, u32)>,
    buckets: HashMap<u64, Vec<u32>>,
    gate: Gate,
    longest_twice: usize,
}

impl Near {
    /// `labels` are hyphen-free, each with the number of its protected name.
    pub(super) fn new(labels: impl IntoIterator<Item = (String, u32)>) -> Self {
        let labels: Vec<(Vec<char>, u32)> = labels
            .into_iter()
            .map(|(label, entry)| (label.chars().collect(), entry))
            .filter(|(label, _): &(Vec<char>, u32)| {
                (EDIT1_CHARACTERS_MIN..=LABEL_MAX).contains(&label.len())
            })
            .collect();
        let mut buckets: HashMap<u64, Vec<u32>> = HashMap::new();
        for (number, (label, _)) in labels.iter().enumerate() {
            let Ok(number) = u32::try_from(number) else { break };
            Rolling::new(label).deletions(label.len() >= EDIT2_CHARACTERS_MIN, |value| {
                let bucket = buckets.entry(value).or_default();
                if bucket.last() != Some(&number) && bucket.len() < BUCKET_MAX {
                    bucket.push(number);
                }
            });
        }
        let mut gate = Gate::new(buckets.len());
        let values: std::collections::BTreeSet<u64> = buckets.keys().copied().collect();
        for value in values {
            gate.add(value);
        }
        let longest_twice = labels.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        Self { labels, buckets, gate, longest_twice }
    }

    /// The nearest label within two changes with its protected name; ties go to the first protected name.
    pub(super) fn find(&self, label: &[char], rolling: &Rolling) -> Option<(u32, Vec<Edit>)> {
        if label.len() + 1 < EDIT1_CHARACTERS_MIN || label.len() > self.longest_twice + 2 {
            return None;
        }
        let mut candidates: Vec<u32> = Vec::new();
        let twice = label.len() + 2 >= EDIT2_CHARACTERS_MIN;
        rolling.deletions(twice, |value| {
            if self.gate.may_have(value)
                && let Some(bucket) = self.buckets.get(&value)
            {
                candidates.extend(bucket);
            }
        });
        candidates.sort_unstable();
        candidates.dedup();
        let mut best: Option<(usize, u32, Vec<Edit>)> = None;
        for number in candidates {
            let Some((protected, entry)) = self.labels.get(usize::try_from(number).ok()?) else {
                continue;
            };
            let most = if protected.len() >= EDIT2_CHARACTERS_MIN { 2 } else { 1 };
            let most =
                best.as_ref().map_or(most, |(distance, ..)| most.min(distance.saturating_sub(1)));
            if let Some(found) = edits(protected, label, most) {
                best = Some((found.len(), *entry, found));
            }
        }
        best.map(|(_, entry, found)| (entry, found))
    }
}
