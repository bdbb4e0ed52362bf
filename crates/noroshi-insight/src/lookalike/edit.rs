//! One or two strokes of the keyboard, or of a faulty memory cell, away: edit distance and an index that finds what is
//! near without comparing.

use std::collections::HashMap;

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

/// Neighbours on QWERTY and JIS keyboards (JIS X 6002), the hyphen included.
const NEIGHBOURS: [(char, &str); 36] = [
    ('1', "2q"),
    ('2', "13qw"),
    ('3', "24we"),
    ('4', "35er"),
    ('5', "46rt"),
    ('6', "57ty"),
    ('7', "68yu"),
    ('8', "79ui"),
    ('9', "80io"),
    ('0', "9op"),
    ('q', "12wa"),
    ('w', "23qeas"),
    ('e', "34wrsd"),
    ('r', "45etdf"),
    ('t', "56ryfg"),
    ('y', "67tugh"),
    ('u', "78yihj"),
    ('i', "89uojk"),
    ('o', "90ipkl"),
    ('p', "0ol"),
    ('a', "qwsz"),
    ('s', "weadzx"),
    ('d', "ersfxc"),
    ('f', "rtdgcv"),
    ('g', "tyfhvb"),
    ('h', "yugjbn"),
    ('j', "uihknm"),
    ('k', "iojlm"),
    ('l', "opk"),
    ('z', "asx"),
    ('x', "sdzc"),
    ('c', "dfxv"),
    ('v', "fgcb"),
    ('b', "ghvn"),
    ('n', "hjbm"),
    ('m', "jkn"),
];

/// The keys beside a key.
pub(super) fn neighbours(key: char) -> &'static str {
    NEIGHBOURS.iter().find(|(of, _)| *of == key).map_or("", |(_, beside)| beside)
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
}

impl Rolling {
    pub(super) fn new(text: &[char]) -> Self {
        let mut prefix = Vec::with_capacity(text.len() + 1);
        let mut power = Vec::with_capacity(text.len() + 1);
        let (mut hash, mut factor) = (0_u64, 1_u64);
        prefix.push(hash);
        power.push(factor);
        for character in text {
            hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(*character) + 1);
            factor = factor.wrapping_mul(BASE);
            prefix.push(hash);
            power.push(factor);
        }
        Self { prefix, power }
    }

    /// The hash of the characters from `start` up to `end`.
    pub(super) fn part(&self, start: usize, end: usize) -> u64 {
        let at = |index: usize| self.prefix.get(index).copied().unwrap_or(0);
        let power = self.power.get(end.saturating_sub(start)).copied().unwrap_or(0);
        at(end).wrapping_sub(at(start).wrapping_mul(power))
    }

    fn join(&self, head: u64, start: usize, end: usize) -> u64 {
        let power = self.power.get(end.saturating_sub(start)).copied().unwrap_or(0);
        head.wrapping_mul(power).wrapping_add(self.part(start, end))
    }

    fn length(&self) -> usize {
        self.prefix.len().saturating_sub(1)
    }

    /// Calls `with` for the text itself and for every text with one character, or two where `twice`, taken out.
    pub(super) fn deletions(&self, twice: bool, mut with: impl FnMut(u64)) {
        let length = self.length();
        with(self.part(0, length));
        for first in 0..length {
            let head = self.part(0, first);
            with(self.join(head, first + 1, length));
            if twice {
                for second in first + 1..length {
                    let middle = self.join(head, first + 1, second);
                    with(self.join(middle, second + 1, length));
                }
            }
        }
    }
}

/// A set that may say yes too often and never no too often: a bit for each value.
pub(super) struct Gate {
    bits: Vec<u64>,
    mask: u64,
}

impl Gate {
    /// For about `values` values; one in sixteen others passes.
    pub(super) fn new(values: usize) -> Self {
        let bits = (values.saturating_mul(16)).next_power_of_two().clamp(1 << 12, 1 << 30);
        Self { bits: vec![0; bits / 64], mask: u64::try_from(bits - 1).unwrap_or(u64::MAX) }
    }

    fn place(&self, value: u64) -> (usize, u64) {
        let mixed = (value ^ (value >> 32)).wrapping_mul(BASE) >> 20;
        let bit = mixed & self.mask;
        (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    }

    pub(super) fn add(&mut self, value: u64) {
        let (word, bit) = self.place(value);
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
        }
    }

    pub(super) fn may_have(&self, value: u64) -> bool {
        let (word, bit) = self.place(value);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
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
        buckets.keys().for_each(|value| gate.add(*value));
        let longest_twice = labels.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        Self { labels, buckets, gate, longest_twice }
    }

    /// The nearest label within two changes with its protected name; ties go to the first protected name.
    pub(super) fn find(&self, label: &[char]) -> Option<(u32, Vec<Edit>)> {
        if label.len() + 1 < EDIT1_CHARACTERS_MIN || label.len() > self.longest_twice + 2 {
            return None;
        }
        let mut candidates: Vec<u32> = Vec::new();
        let twice = label.len() + 2 >= EDIT2_CHARACTERS_MIN;
        Rolling::new(label).deletions(twice, |value| {
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
