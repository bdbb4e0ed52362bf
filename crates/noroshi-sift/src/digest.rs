//! SHA-256 as a value, and the Merkle root of what was kept.

use std::fmt;
use std::str::FromStr;

use noroshi_evidence::mechanical::MechanicalRecord;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// A text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("digest is not 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        from_hex(text).map(Self).ok_or(NotADigest)
    }
}

/// `N` bytes out of `2 N` lower-case hexadecimal digits; one value has one spelling.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// The root over records in their order: RFC 6962 §2.1 over their canonical bytes.
pub fn root_of<'a>(records: impl IntoIterator<Item = &'a MechanicalRecord>) -> Digest {
    let mut tree = Tree::default();
    let mut bytes = Vec::new();
    for record in records {
        bytes.clear();
        record.encode(&mut bytes);
        tree.push(&bytes);
    }
    tree.root()
}

/// A Merkle tree that keeps only the roots of its complete subtrees.
#[derive(Default)]
pub(crate) struct Tree {
    /// INVARIANT: one root for each bit set in `size`, the largest subtree first.
    roots: Vec<[u8; 32]>,
    size: u64,
}

impl Tree {
    /// Appends a leaf.
    pub(crate) fn push(&mut self, leaf: &[u8]) {
        // RFC 6962 §2.1: a leaf is hashed behind 0x00, an inner node behind 0x01.
        let mut hash = self::leaf(leaf);
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// How many leaves there are.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// The root; that of the empty tree is the hash of nothing.
    pub(crate) fn root(&self) -> Digest {
        let root = self.roots.iter().rev().copied().reduce(|right, left| node(&left, &right));
        root.map_or_else(|| Digest::of(b""), Digest)
    }
}

/// RFC 6962 §2.1: the hash of a leaf.
pub(crate) fn leaf(bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// All levels of a tree, from which any number of audit paths can be read.
pub(crate) struct Levels(Vec<Vec<[u8; 32]>>);

impl Levels {
    /// From the hashes of the leaves, in their order.
    pub(crate) fn over(leaves: Vec<[u8; 32]>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            // RFC 6962 §2.1 splits at the largest power of two; from below that is: pair up, carry the odd one.
            let above = below.chunks(2).map(|pair| match pair {
                [left, right] => node(left, right),
                rest => rest.first().copied().unwrap_or_default(),
            });
            let above = above.collect();
            levels.push(above);
        }
        Self(levels)
    }

    /// RFC 6962 §2.1.1: the audit path of one leaf, nearest sibling first; none where there is no such leaf.
    pub(crate) fn path(&self, index: usize) -> Option<Vec<Digest>> {
        self.0.first()?.get(index)?;
        let siblings =
            self.0.iter().enumerate().filter_map(|(height, level)| {
                level.get((index >> height) ^ 1).copied().map(Digest)
            });
        Some(siblings.collect())
    }

    /// The root.
    pub(crate) fn root(&self) -> Digest {
        let top = self.0.last().and_then(|level| level.first());
        top.map_or_else(|| Digest::of(b""), |root| Digest(*root))
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 §2.1, as it stands there.
    fn by_definition(leaves: &[Vec<u8>]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [leaf] => Sha256::new().chain_update([0]).chain_update(leaf).finalize().into(),
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(&by_definition(&leaves[..split]), &by_definition(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_tree_is_that_of_the_definition() {
        let leaves: Vec<Vec<u8>> =
            (0_u8..70).map(|number| vec![number; usize::from(number)]).collect();
        let mut tree = Tree::default();
        for size in 0..=leaves.len() {
            assert_eq!(tree.root().0, by_definition(&leaves[..size]), "size {size}");
            if let Some(leaf) = leaves.get(size) {
                tree.push(leaf);
            }
        }
        assert_eq!(tree.size(), 70);
    }

    /// RFC 9162 §2.1.3.2, written from its text.
    fn leads_to(
        root: &Digest,
        mut hash: [u8; 32],
        index: usize,
        size: usize,
        path: &[Digest],
    ) -> bool {
        let (mut fn_, mut sn) = (index, size - 1);
        for sibling in path {
            if sn == 0 {
                return false;
            }
            if fn_ % 2 == 1 || fn_ == sn {
                hash = node(&sibling.0, &hash);
                while fn_.is_multiple_of(2) && fn_ != 0 {
                    fn_ >>= 1;
                    sn >>= 1;
                }
            } else {
                hash = node(&hash, &sibling.0);
            }
            fn_ >>= 1;
            sn >>= 1;
        }
        sn == 0 && hash == root.0
    }

    #[test]
    fn every_leaf_has_a_path_to_the_root_and_no_other_leaf_fits_it() {
        for size in 1_usize..40 {
            let leaves: Vec<[u8; 32]> = (0..size).map(|number| leaf(&[number as u8])).collect();
            let levels = Levels::over(leaves.clone());
            let mut tree = Tree::default();
            (0..size).for_each(|number| tree.push(&[number as u8]));
            assert_eq!(levels.root(), tree.root(), "size {size}");
            for index in 0..size {
                let path = levels.path(index).unwrap();
                assert!(leads_to(&tree.root(), leaves[index], index, size, &path));
                let other = (index + 1) % size;
                assert!(
                    other == index || !leads_to(&tree.root(), leaves[other], index, size, &path)
                );
            }
            assert_eq!(levels.path(size), None);
        }
        assert_eq!(Levels::over(Vec::new()).root(), Digest::of(b""));
    }

    #[test]
    fn digests_are_read_back_in_one_form_only() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.to_string().to_uppercase().parse::<Digest>(), Err(NotADigest));
        assert_eq!(format!("{digest}0").parse::<Digest>(), Err(NotADigest));
    }
}
