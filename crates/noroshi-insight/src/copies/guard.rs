//! What hangs together by a chain of small steps is not one text: the chaining guard.
//!
//! A and B may be near copies, and B and C, while A and C have little in common. Every text of a component is compared
//! with the component's medoid; what is too far from it is grouped again around medoids of its own. The medoid is the
//! text that has most in common with the others by signature. In a large component [`CANDIDATES_MAX`] texts, those with
//! most posts, are judged by [`PROBES_MAX`] texts taken evenly from all, so that the choice depends on what the texts
//! are and not on the order in which they came.

use super::Options;
use super::signature::agreeing;
use super::texts::{Judge, Texts};

/// Texts that are considered as a medoid.
const CANDIDATES_MAX: usize = 64;
/// Texts by which a medoid is chosen.
const PROBES_MAX: usize = 256;
/// How many medoids a component may have; what is left then stands for itself.
const ROUNDS_MAX: usize = 64;

/// A text of a component and how many posts say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighed {
    pub(super) text: u32,
    pub(super) posts: u32,
}

/// Texts around one medoid.
pub(super) struct Piece {
    pub(super) medoid: u32,
    /// Each text, the medoid included, and its similarity to the medoid.
    pub(super) texts: Vec<(u32, f64)>,
}

/// Takes a component apart where it is held together by chains only.
pub(super) fn pieces(all: &[Weighed], texts: &Texts, options: &Options) -> Vec<Piece> {
    let mut left = all.to_vec();
    left.sort_by(|one, other| texts.text(one.text).cmp(texts.text(other.text)));
    let mut pieces = Vec::new();
    while !left.is_empty() && pieces.len() < ROUNDS_MAX {
        // Within the component each text has a neighbour, so being not far from the medoid is enough. What was left
        // over has lost its neighbours and must be a copy of the new medoid itself.
        let permille =
            if pieces.is_empty() { options.guard_permille } else { options.similarity_permille };
        let (piece, rest) = around(medoid(&left, texts, options), &left, permille, texts, options);
        pieces.push(piece);
        left = rest;
    }
    pieces.extend(left.iter().map(|one| Piece { medoid: one.text, texts: vec![(one.text, 1.0)] }));
    pieces
}

fn around(
    medoid: u32,
    all: &[Weighed],
    permille: u32,
    texts: &Texts,
    options: &Options,
) -> (Piece, Vec<Weighed>) {
    let mut judge = Judge::new(texts, options, medoid);
    let mut piece = Piece { medoid, texts: Vec::with_capacity(all.len()) };
    let mut rest = Vec::new();
    for one in all {
        let similarity = judge.similarity(one.text);
        let near = similarity * 1_000.0 > f64::from(permille) || judge.is_beginning(one.text);
        if near {
            piece.texts.push((one.text, similarity));
        } else {
            rest.push(*one);
        }
    }
    (piece, rest)
}

/// The text that has most in common with the others; of equals the one that more posts say, then the first by letters.
/// `all` is ordered by letters.
fn medoid(all: &[Weighed], texts: &Texts, options: &Options) -> u32 {
    let mut candidates: Vec<Weighed> = all.to_vec();
    candidates.sort_by_key(|one| core::cmp::Reverse(one.posts));
    candidates.truncate(CANDIDATES_MAX);
    let step = all.len().div_ceil(PROBES_MAX).max(1);
    let probes: Vec<&[u8]> =
        all.iter().step_by(step).map(|one| texts.slots(one.text, options.profile)).collect();
    let common = |one: &Weighed| -> usize {
        let slots = texts.slots(one.text, options.profile);
        probes.iter().map(|probe| agreeing(slots, probe)).sum()
    };
    let best = candidates.iter().map(|one| (common(one), one)).reduce(|best, next| {
        let better = (next.0, next.1.posts) > (best.0, best.1.posts);
        if better { next } else { best }
    });
    best.map_or(u32::MAX, |(_, one)| one.text)
}
