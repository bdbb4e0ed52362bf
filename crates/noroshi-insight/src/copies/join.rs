//! Which texts are near copies: candidates by equal band keys, then a look at the letters.
//!
//! A pair is a candidate if the two texts have an equal key in some band and at most `bucket_max` texts with that key
//! came between them. A text is therefore compared with at most `bucket_max` others in a band, whatever is sent; what
//! that left out is counted. The rule looks back only, so a stream asks the same pairs as a batch.

use super::Options;
use super::forest::Forest;
use super::texts::{Judge, Texts};
use super::workers;

/// The texts of a batch, joined.
pub(super) struct Joined {
    pub(super) forest: Forest,
    /// How many buckets had more texts than are compared with one another.
    pub(super) buckets_capped: usize,
}

/// Joins all texts that are copies of one another.
pub(super) fn join(texts: &Texts, options: &Options) -> Joined {
    let (bands, _) = options.profile.bands();
    let mut joined = Joined { forest: Forest::with_len(texts.len()), buckets_capped: 0 };
    // One bit a band: the text was in a bucket in which not everything was compared.
    let mut capped = vec![0_u32; texts.len() as usize];
    let all: Vec<usize> = (0..bands).collect();
    for round in all.chunks(options.workers.get()) {
        let done = round.first().copied().unwrap_or_default();
        // Each band starts from what is known so far; what they find is put together afterwards.
        let passes = workers::map(options.workers, round, |band| {
            let mut pass =
                Pass { texts, options, done, capped: &capped, forest: joined.forest.clone() };
            let capped = pass.band(*band);
            (pass.forest, capped)
        });
        for ((forest, over), band) in passes.into_iter().zip(round) {
            joined.forest.absorb(forest);
            joined.buckets_capped += over.buckets;
            for text in over.texts {
                if let Some(bits) = capped.get_mut(text as usize) {
                    *bits |= 1 << band;
                }
            }
        }
    }
    joined
}

/// One band.
struct Pass<'a> {
    texts: &'a Texts,
    options: &'a Options,
    /// How many bands are finished.
    done: usize,
    capped: &'a [u32],
    forest: Forest,
}

#[derive(Default)]
struct Capped {
    buckets: usize,
    texts: Vec<u32>,
}

impl Pass<'_> {
    fn band(&mut self, band: usize) -> Capped {
        let profile = self.options.profile;
        let mut keyed: Vec<(u32, u32)> = (0..self.texts.len())
            .filter_map(|text| Some((*self.texts.keys(text, profile).get(band)?, text)))
            .collect();
        keyed.sort_unstable();
        let mut capped = Capped::default();
        for bucket in keyed.chunk_by(|left, right| left.0 == right.0) {
            if bucket.len() > self.options.bucket_max + 1 {
                capped.buckets += 1;
                capped.texts.extend(bucket.iter().map(|(_, text)| *text));
            }
            self.bucket(bucket);
        }
        capped
    }

    fn bucket(&mut self, bucket: &[(u32, u32)]) {
        for (at, (_, one)) in bucket.iter().enumerate().skip(1) {
            let mut judge = Judge::new(self.texts, self.options, *one);
            let before = bucket.get(at.saturating_sub(self.options.bucket_max)..at);
            for (_, other) in before.unwrap_or_default().iter().rev() {
                if self.forest.is_one(*one, *other) || self.was_asked(*one, *other) {
                    continue;
                }
                if judge.is_worthwhile(*other) && judge.is_copy(*other) {
                    self.forest.unite(*one, *other);
                }
            }
        }
    }

    /// Whether an earlier band has compared the two already.
    fn was_asked(&self, one: u32, other: u32) -> bool {
        let profile = self.options.profile;
        let bits = |text: u32| self.capped.get(text as usize).copied().unwrap_or_default();
        let skipped = bits(one) | bits(other);
        let (left, right) = (self.texts.keys(one, profile), self.texts.keys(other, profile));
        left.iter()
            .zip(right)
            .take(self.done)
            .enumerate()
            .any(|(band, (left, right))| left == right && skipped & 1 << band == 0)
    }
}
