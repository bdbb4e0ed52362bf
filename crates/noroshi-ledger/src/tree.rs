//! The Merkle tree of RFC 6962 §2.1: hashes, the growing edge, and proofs made and checked.
//!
//! A *node* is named by its level and index: node `(l, i)` is the root of the complete subtree over the leaves
//! `i * 2^l .. (i + 1) * 2^l`. Level 0 holds the leaf hashes.

use crate::digest::Digest;

/// Leaves a tree may hold: an index stays below 2^63, as other readers of such logs expect.
pub const SIZE_MAX: u64 = 1 << 63;

/// Hashes a proof may hold: a tree of [`SIZE_MAX`] leaves is 63 levels high, plus one for the old root.
pub const PROOF_MAX: usize = 64;

/// RFC 6962 §2.1: `SHA-256(0x00 || entry)`.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of_parts(&[&[0x00], entry])
}

/// RFC 6962 §2.1: `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[0x01], &left.0, &right.0])
}

/// RFC 6962 §2.1: the root of the tree without leaves, `SHA-256("")`.
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// A complete subtree and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Height over the leaves.
    pub level: u8,
    /// Position among the nodes of its level.
    pub index: u64,
    /// The root of that subtree.
    pub hash: Digest,
}

/// The tree cannot take another leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree is full")]
pub struct TreeFull;

/// Why bytes are not a frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frontier is eight bytes of size and one digest for each bit set in it")]
pub struct FrontierError;

/// The right edge of a tree: all that is needed to append and to know the root.
///
/// INVARIANT: `peaks` has one hash for each bit set in `size`, the largest subtree first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends the leaf hash and hands every complete node that came to be to `created`, lowest level first.
    pub fn append(&mut self, leaf: Digest, mut created: impl FnMut(Node)) -> Result<(), TreeFull> {
        if self.size >= SIZE_MAX {
            return Err(TreeFull);
        }
        let mut hash = leaf;
        for (level, index) in nodes_created(self.size) {
            if level > 0
                && let Some(left) = self.peaks.pop()
            {
                hash = node_hash(&left, &hash);
            }
            created(Node { level, index, hash });
        }
        self.peaks.push(hash);
        self.size += 1;
        Ok(())
    }

    /// The root hash of the tree as it stands.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(lowest) = peaks.next() else { return empty_root() };
        peaks.fold(*lowest, |right, left| node_hash(left, &right))
    }

    /// Compact form: the size as eight bytes big-endian, then the peaks.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        for peak in &self.peaks {
            bytes.extend_from_slice(&peak.0);
        }
        bytes
    }

    /// Reads what [`Frontier::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, peaks) = bytes.split_first_chunk::<8>().ok_or(FrontierError)?;
        let size = u64::from_be_bytes(*size);
        let (peaks, []) = peaks.as_chunks::<32>() else { return Err(FrontierError) };
        if size > SIZE_MAX || u64::from(size.count_ones()) != peaks.len() as u64 {
            return Err(FrontierError);
        }
        Ok(Self { size, peaks: peaks.iter().copied().map(Digest).collect() })
    }
}

/// The `(level, index)` of each complete node that appending leaf number `leaf_index` creates, lowest first.
pub fn nodes_created(leaf_index: u64) -> impl Iterator<Item = (u8, u64)> {
    (0u8..=63)
        .take_while(move |level| leaf_index.trailing_ones() >= u32::from(*level))
        .map(move |level| (level, leaf_index >> level))
}

/// Why a proof could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofMakingError {
    /// The question makes no sense for a tree of that size.
    #[error("a proof needs 0 <= index < size, and 0 < old <= new")]
    OutOfRange,
    /// The reader did not have a node it must have.
    #[error("the hash of node `{index}` at level `{level}` is not there")]
    NodeMissing {
        /// Level asked for.
        level: u8,
        /// Index asked for.
        index: u64,
    },
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The question makes no sense: size 0, or an index outside the tree.
    #[error("a proof needs 0 <= index < size, and 0 < old <= new")]
    OutOfRange,
    /// The proof has too few or too many hashes for that place in the tree.
    #[error("the proof has the wrong length")]
    WrongLength,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    RootDiffers,
}

/// The largest power of two below `size`; `size` is at least 2 (RFC 6962 §2.1).
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The hash over the leaves `start..end`; `start` is a multiple of the smallest power of two `>= end - start`.
fn range_hash(
    start: u64,
    end: u64,
    read: &mut impl FnMut(u8, u64) -> Option<Digest>,
) -> Result<Digest, ProofMakingError> {
    let mut pieces = Vec::new();
    let mut from = start;
    while from < end {
        let level = (end - from).ilog2();
        // `ilog2` of a `u64` is at most 63.
        let level = u8::try_from(level).unwrap_or(63);
        let index = from >> level;
        pieces.push(read(level, index).ok_or(ProofMakingError::NodeMissing { level, index })?);
        from += 1 << level;
    }
    let mut pieces = pieces.into_iter().rev();
    let lowest = pieces.next().ok_or(ProofMakingError::OutOfRange)?;
    Ok(pieces.fold(lowest, |right, left| node_hash(&left, &right)))
}

/// RFC 6962 §2.1.1: the audit path of leaf `index` in the tree of `size` leaves, nearest sibling first.
pub fn prove_inclusion(
    index: u64,
    size: u64,
    mut read: impl FnMut(u8, u64) -> Option<Digest>,
) -> Result<Vec<Digest>, ProofMakingError> {
    if index >= size || size > SIZE_MAX {
        return Err(ProofMakingError::OutOfRange);
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_hash(middle, end, &mut read)?);
            end = middle;
        } else {
            path.push(range_hash(start, middle, &mut read)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// RFC 6962 §2.1.2: the proof that the tree of `new` leaves begins with the tree of `old` leaves.
pub fn prove_consistency(
    old: u64,
    new: u64,
    mut read: impl FnMut(u8, u64) -> Option<Digest>,
) -> Result<Vec<Digest>, ProofMakingError> {
    if old == 0 || old > new || new > SIZE_MAX {
        return Err(ProofMakingError::OutOfRange);
    }
    let (mut start, mut end) = (0, new);
    // True while the old tree is a left-most subtree, whose root the verifier already has.
    let mut known = true;
    let mut path = Vec::new();
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(range_hash(middle, end, &mut read)?);
            end = middle;
        } else {
            path.push(range_hash(start, middle, &mut read)?);
            start = middle;
            known = false;
        }
    }
    if !known {
        path.push(range_hash(start, end, &mut read)?);
    }
    path.reverse();
    Ok(path)
}

/// RFC 9162 §2.1.3.2: does the path lead from the leaf to the root?
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Digest,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size || size > SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::RootDiffers) }
}

/// RFC 9162 §2.1.4.2: does the tree of `new` leaves begin with the tree of `old` leaves?
///
/// Size 0 is refused: every tree begins with the empty one, so a proof from it says nothing.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Digest],
    old_root: &Digest,
    new_root: &Digest,
) -> Result<(), ProofError> {
    if old == 0 || old > new || new > SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    if old == new {
        return match proof {
            [] if old_root == new_root => Ok(()),
            [] => Err(ProofError::RootDiffers),
            _ => Err(ProofError::WrongLength),
        };
    }
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::WrongLength)?
    };
    let trailing = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> trailing, (new - 1) >> trailing);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    if old_hash == *old_root && new_hash == *new_root {
        Ok(())
    } else {
        Err(ProofError::RootDiffers)
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "trees of tests are small")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Nodes = BTreeMap<(u8, u64), Digest>;

    fn leaf(number: u64) -> Digest {
        leaf_hash(&number.to_be_bytes())
    }

    /// RFC 6962 §2.1 word for word, to compare the frontier against.
    fn naive_root(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [only] => *only,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node_hash(&naive_root(left), &naive_root(right))
            }
        }
    }

    fn grow(size: u64) -> (Frontier, Nodes, Vec<Digest>) {
        let (mut frontier, mut nodes, mut roots) = (Frontier::new(), Nodes::new(), vec![]);
        roots.push(frontier.root());
        for number in 0..size {
            frontier
                .append(leaf(number), |node| {
                    assert!(nodes.insert((node.level, node.index), node.hash).is_none());
                })
                .unwrap();
            roots.push(frontier.root());
        }
        (frontier, nodes, roots)
    }

    #[test]
    fn roots_agree_with_the_definition() {
        let leaves: Vec<_> = (0..130).map(leaf).collect();
        let (_, _, roots) = grow(130);
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(*root, naive_root(&leaves[..size]), "size {size}");
        }
    }

    #[test]
    fn every_inclusion_proof_up_to_three_hundred_verifies() {
        let (_, nodes, roots) = grow(300);
        for size in 1..=300u64 {
            for index in 0..size {
                let proof =
                    prove_inclusion(index, size, |l, i| nodes.get(&(l, i)).copied()).unwrap();
                let root = &roots[size as usize];
                assert_eq!(verify_inclusion(index, size, &leaf(index), &proof, root), Ok(()));
            }
        }
    }

    #[test]
    fn every_consistency_proof_up_to_a_hundred_and_fifty_verifies() {
        let (_, nodes, roots) = grow(150);
        for new in 1..=150u64 {
            for old in 1..=new {
                let proof =
                    prove_consistency(old, new, |l, i| nodes.get(&(l, i)).copied()).unwrap();
                let (before, after) = (&roots[old as usize], &roots[new as usize]);
                assert_eq!(verify_consistency(old, new, &proof, before, after), Ok(()));
            }
        }
    }

    #[test]
    fn a_frontier_survives_its_bytes_and_nothing_else_does() {
        for size in [0, 1, 2, 3, 7, 64, 300] {
            let (frontier, ..) = grow(size);
            assert_eq!(Frontier::decode(&frontier.encode()), Ok(frontier.clone()));
            let mut longer = frontier.encode();
            longer.push(0);
            assert_eq!(Frontier::decode(&longer), Err(FrontierError));
        }
        assert_eq!(Frontier::decode(&u64::MAX.to_be_bytes()), Err(FrontierError));
        let mut full = SIZE_MAX.to_be_bytes().to_vec();
        full.extend([0; 32]);
        assert_eq!(Frontier::decode(&full).unwrap().append(leaf(0), |_| ()), Err(TreeFull));
    }

    #[test]
    fn nonsense_is_refused() {
        let some = |_, _| Some(leaf(0));
        assert_eq!(prove_inclusion(0, 0, some), Err(ProofMakingError::OutOfRange));
        assert_eq!(prove_consistency(0, 5, some), Err(ProofMakingError::OutOfRange));
        assert_eq!(prove_consistency(6, 5, some), Err(ProofMakingError::OutOfRange));
        assert_eq!(
            prove_inclusion(1, 2, |_, _| None),
            Err(ProofMakingError::NodeMissing { level: 0, index: 0 })
        );
        let root = leaf(0);
        assert_eq!(verify_consistency(0, 5, &[], &root, &root), Err(ProofError::OutOfRange));
        assert_eq!(verify_consistency(3, 5, &[], &root, &root), Err(ProofError::WrongLength));
        assert_eq!(verify_inclusion(0, u64::MAX, &root, &[], &root), Err(ProofError::OutOfRange));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_breaks_an_inclusion_proof(
            size in 2u64..300, pick in any::<u64>(), place in any::<prop::sample::Index>(), bit in 0usize..256,
        ) {
            let (_, nodes, roots) = grow(size);
            let index = pick % size;
            let mut proof = prove_inclusion(index, size, |l, i| nodes.get(&(l, i)).copied()).unwrap();
            let hit = place.index(proof.len());
            proof[hit].0[bit / 8] ^= 1 << (bit % 8);
            let root = &roots[size as usize];
            prop_assert_eq!(
                verify_inclusion(index, size, &leaf(index), &proof, root),
                Err(ProofError::RootDiffers)
            );
        }

        #[test]
        fn a_flipped_bit_breaks_a_consistency_proof(
            new in 2u64..300, pick in any::<u64>(), place in any::<prop::sample::Index>(), bit in 0usize..256,
        ) {
            let (_, nodes, roots) = grow(new);
            let old = 1 + pick % (new - 1);
            let mut proof = prove_consistency(old, new, |l, i| nodes.get(&(l, i)).copied()).unwrap();
            let hit = place.index(proof.len());
            proof[hit].0[bit / 8] ^= 1 << (bit % 8);
            let (before, after) = (&roots[old as usize], &roots[new as usize]);
            prop_assert_eq!(
                verify_consistency(old, new, &proof, before, after),
                Err(ProofError::RootDiffers)
            );
        }

        #[test]
        fn arbitrary_proofs_never_panic(
            old in any::<u64>(), new in any::<u64>(), proof in prop::collection::vec(any::<[u8; 32]>(), 0..70),
        ) {
            let proof: Vec<_> = proof.into_iter().map(Digest).collect();
            let root = leaf(1);
            prop_assert!(verify_inclusion(old, new, &leaf(2), &proof, &root).is_err());
            let fine = old == new && old > 0 && old <= SIZE_MAX && proof.is_empty();
            prop_assert_eq!(verify_consistency(old, new, &proof, &root, &root).is_ok(), fine);
        }
    }
}
