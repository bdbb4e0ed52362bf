//! Clusters that grow with what arrives.

use std::collections::HashMap;

use super::collection::Collection;
use super::forest::Forest;
use super::signature::sign;
use super::texts::Judge;
use super::{Copies, Options, Post};

/// Takes posts one by one and knows the clusters at any time.
///
/// After the same posts the clusters are those of [`super::cluster`], under these conditions:
/// - the posts have different names, or arrive in the order of their times and names (of two posts with the same name
///   the first to arrive counts here, the earlier one there);
/// - no bucket was capped ([`super::Counts::buckets_capped`] is zero), or the posts arrive in the order of their times and
///   names, because a capped bucket compares with what came last.
///
/// Then [`super::Member::post`], which counts arrivals here and places there, and the order of posts of the same
/// millisecond are all that may differ.
///
/// ```
/// use noroshi_insight::copies::{Options, Post, Stream};
/// let mut stream = Stream::new(Options::default());
/// let text = "The lamp oil of the old harbour is said to run out on Monday";
/// assert!(!stream.add(&Post { id: "1", account: "a", time_ms: 1, text }));
/// assert!(stream.add(&Post { id: "2", account: "b", time_ms: 2, text }));
/// assert_eq!(stream.clusters().clusters[0].accounts, 2);
/// ```
pub struct Stream {
    options: Options,
    collection: Collection,
    forest: Forest,
    /// The last texts with a key of a band.
    buckets: HashMap<u64, Bucket>,
    buckets_capped: usize,
    arrivals: usize,
}

#[derive(Default)]
struct Bucket {
    /// The last `bucket_max` texts; once there are more, a ring.
    texts: Vec<u32>,
    seen: usize,
}

impl Bucket {
    /// Adds a text. True when there are now more than are compared with one another.
    fn add(&mut self, text: u32, most: usize) -> bool {
        if self.texts.len() < most {
            self.texts.push(text);
        } else if let Some(oldest) =
            self.seen.checked_rem(most).and_then(|place| self.texts.get_mut(place))
        {
            *oldest = text;
        }
        self.seen += 1;
        self.seen == most.saturating_add(2)
    }
}

impl Stream {
    /// A stream that has seen nothing.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            collection: Collection::default(),
            forest: Forest::default(),
            buckets: HashMap::new(),
            buckets_capped: 0,
            arrivals: 0,
        }
    }

    /// Takes a post. True if a copy of its text came before.
    pub fn add(&mut self, post: &Post<'_>) -> bool {
        let normal = self.options.normalise(post.text);
        let number = self.arrivals;
        self.arrivals += 1;
        let before = self.collection.counts.clone();
        if !self.collection.take(number, post, &normal, &self.options) {
            let now = &self.collection.counts;
            return now.repeated + now.short + now.beyond
                == before.repeated + before.short + before.beyond;
        }
        self.collection.texts.signed(&sign(&normal.text, self.options.profile));
        self.forest.grow();
        self.join(self.collection.texts.len().saturating_sub(1))
    }

    fn join(&mut self, text: u32) -> bool {
        let texts = &self.collection.texts;
        let mut candidates = Vec::new();
        for (band, key) in (0_u64..).zip(texts.keys(text, self.options.profile)) {
            let bucket = self.buckets.entry(band << 32 | u64::from(*key)).or_default();
            candidates.extend_from_slice(&bucket.texts);
            self.buckets_capped += usize::from(bucket.add(text, self.options.bucket_max));
        }
        candidates.sort_unstable_by(|one, other| other.cmp(one));
        candidates.dedup();
        let mut judge = Judge::new(texts, &self.options, text);
        let mut found = false;
        for other in candidates {
            if !self.forest.is_one(text, other)
                && judge.is_worthwhile(other)
                && judge.is_copy(other)
            {
                self.forest.unite(text, other);
                found = true;
            }
        }
        found
    }

    /// The clusters of everything that has arrived. [`super::Member::post`] counts arrivals from 0.
    ///
    /// This reads all that was kept; ask every few minutes, not after each post.
    pub fn clusters(&self) -> Copies {
        let mut copies = self.collection.clusters(self.forest.clone(), &self.options);
        copies.counts.buckets_capped = self.buckets_capped;
        copies
    }
}
