//! Which posts say the same: exact copies, near copies, and copies that hide.
//!
//! A text is put into a form in which copies are the same ([`normalise`]); equal forms are exact copies. Near copies are
//! found by one-permutation `MinHash` with bands and confirmed letter by letter (normalised Levenshtein similarity above
//! 0.693, the threshold that Richard and others fitted for copy-pasta, arXiv 2312.17338). What hangs together becomes a
//! cluster if at least two accounts are in it and it is not held together by chains only.
//!
//! A cluster says that posts have the same text and nothing about why: press agencies, petitions, quotations and
//! greetings make copies too.
//!
//! ```
//! use noroshi_insight::copies::{Label, Options, Post, cluster};
//! let post = |id, account, text| Post { id, account, time_ms: 0, text };
//! let posts = [
//!     post("1", "a", "The lamp oil of the old harbour is said to run out on Monday"),
//!     post("2", "b", "the lamp oil of the old harb\u{43e}ur is said to run out on Monday!! #lamps"),
//!     post("3", "c", "A recipe for plum cake that does not need any butter at all"),
//! ];
//! let copies = cluster(&posts, &Options::default());
//! let labels: Vec<Label> = copies.clusters[0].members.iter().map(|one| one.label).collect();
//! assert_eq!((copies.clusters.len(), labels), (1, vec![Label::Copypasta, Label::Exact]));
//! ```

mod collection;
pub mod diff;
pub mod export;
mod fold;
mod forest;
mod guard;
mod join;
mod normal;
mod signature;
mod stream;
pub mod template;
mod texts;
mod tokens;
mod workers;

use core::num::NonZeroUsize;

pub use normal::{Normal, Tricks, normalise};
pub use signature::Profile;
pub use stream::Stream;

use collection::Collection;

/// A post, as far as its text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Post<'a> {
    /// Names the post; of two with the same name the second is counted and left out.
    pub id: &'a str,
    /// Who posted, in whatever form the caller keeps accounts.
    pub account: &'a str,
    /// Milliseconds since 1970 in UTC; any one value where the time is not known.
    pub time_ms: i64,
    /// The text as it was posted.
    pub text: &'a str,
}

/// What counts as a copy, and how much work is done. The defaults are those of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How thoroughly near copies are looked for.
    pub profile: Profile,
    /// Two texts are copies if their normalised Levenshtein similarity is above so many thousandths.
    pub similarity_permille: u32,
    /// A member must be more similar than this to the medoid of its cluster, in thousandths.
    pub guard_permille: u32,
    /// Pairs are not compared if fewer thousandths of their signatures agree.
    pub agreement_permille: u32,
    /// Texts with fewer bytes in their normalised form are not clustered.
    pub text_bytes_min: usize,
    /// So many letters and digits of a text are read; at most [`TEXT_CHARS_MAX`].
    pub text_chars_max: usize,
    /// A text that is the beginning of another, and at least half as long, is a copy if it has so many letters.
    pub beginning_chars_min: u32,
    /// With how many texts of a bucket a text is compared.
    pub bucket_max: usize,
    /// How many accounts a cluster has at least.
    pub accounts_min: usize,
    /// How many threads work. The result is the same for any number.
    pub workers: NonZeroUsize,
}

/// More of a text is never read.
pub const TEXT_CHARS_MAX: usize = 100_000;

/// Below this mean length of a cluster's normalised texts related sentences collide by chance: on Japanese captions
/// that people scored as merely related, one pair in eight is above the threshold at 22 letters.
pub const SHORT_CHARS: u32 = 30;
/// From this mean length on a cluster says something by itself.
pub const LONG_CHARS: u32 = 60;

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            similarity_permille: 693,
            guard_permille: 550,
            agreement_permille: 80,
            text_bytes_min: 30,
            text_chars_max: 4_000,
            beginning_chars_min: 60,
            bucket_max: 200,
            accounts_min: 2,
            workers: NonZeroUsize::MIN,
        }
    }
}

impl Options {
    fn normalise(&self, text: &str) -> Normal {
        normalise(text, self.text_chars_max.min(TEXT_CHARS_MAX))
    }
}

/// How a post is a copy of its cluster's medoid, the text that has most in common with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The same text.
    Exact,
    /// A near copy.
    Copypasta,
    /// The same or nearly the same to the reader, written so that it is not found; [`Member::tricks`] says how.
    Obfuscated,
    /// One of the two texts is the beginning of the other.
    Truncated,
}

impl Label {
    /// The word that stands in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Copypasta => "copypasta",
            Self::Obfuscated => "obfuscated",
            Self::Truncated => "truncated",
        }
    }
}

/// A post of a cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// The place of the post among those that were given.
    pub post: usize,
    /// How it is a copy of the medoid.
    pub label: Label,
    /// Normalised Levenshtein similarity to the medoid, from 0 to 1.
    pub similarity: f64,
    /// What hides it.
    pub tricks: Tricks,
    /// Whether only its beginning was read.
    pub cut: bool,
}

/// How much a cluster says by itself, by the mean length of its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Below [`SHORT_CHARS`]: counts only together with at least two other clusters of the same accounts.
    Short,
    /// Below [`LONG_CHARS`]: counts only together with another cluster of the same accounts.
    Middle,
    /// Says something by itself.
    Long,
}

impl Standing {
    /// The word that stands in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Middle => "middle",
            Self::Long => "long",
        }
    }
}

/// Posts with the same text.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Names the cluster by the text of its medoid: 32 hexadecimal digits, the same wherever this text is a medoid.
    pub key: String,
    /// The members by time, then by place.
    pub members: Vec<Member>,
    /// The place of a post that shows the medoid's text plainly.
    pub exemplar: usize,
    /// How many accounts posted.
    pub accounts: usize,
    /// How many different normalised texts there are.
    pub texts: usize,
    /// When the first member was posted, in milliseconds since 1970 in UTC.
    pub first_ms: i64,
    /// When the last member was posted.
    pub last_ms: i64,
    /// The mean number of letters and digits of the members' normalised texts.
    pub chars_mean: u32,
    /// What hides any member.
    pub tricks: Tricks,
}

impl Cluster {
    /// How much the cluster says by itself.
    pub const fn standing(&self) -> Standing {
        match self.chars_mean {
            0..SHORT_CHARS => Standing::Short,
            SHORT_CHARS..LONG_CHARS => Standing::Middle,
            _ => Standing::Long,
        }
    }
}

/// What became of the posts. `posts = repeated + short + beyond + compared`, and nothing is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many posts there were.
    pub posts: usize,
    /// Posts whose name another had before.
    pub repeated: usize,
    /// Posts whose text is too short to be clustered.
    pub short: usize,
    /// Posts beyond the 2³² that can be numbered.
    pub beyond: usize,
    /// Posts of whose text only the beginning was read.
    pub cut: usize,
    /// Different normalised texts.
    pub texts: usize,
    /// Posts that are in a cluster.
    pub clustered: usize,
    /// Buckets with more texts than are compared with one another.
    pub buckets_capped: usize,
    /// How many pieces the chaining guard took off.
    pub split: usize,
}

/// The clusters of a collection, those with most accounts first, and what became of all posts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Copies {
    /// By accounts and posts (most first), then by time and key.
    pub clusters: Vec<Cluster>,
    /// What became of the posts.
    pub counts: Counts,
}

/// So many posts are in hand at a time.
const CHUNK_POSTS: usize = 16_384;

/// Finds the posts that say the same. The order of `posts` does not matter, except that [`Member::post`] counts in it.
pub fn cluster(posts: &[Post<'_>], options: &Options) -> Copies {
    let mut order: Vec<usize> = (0..posts.len()).collect();
    order.sort_by_key(|place| posts.get(*place).map(|post| (post.time_ms, post.id)));
    let mut collection = Collection::default();
    for chunk in order.chunks(CHUNK_POSTS) {
        let normals = workers::map(options.workers, chunk, |place| {
            Some((*place, posts.get(*place)?, options.normalise(posts.get(*place)?.text)))
        });
        let start = collection.texts.len();
        for (place, post, normal) in normals.into_iter().flatten() {
            collection.take(place, post, &normal, options);
        }
        let new: Vec<u32> = (start..collection.texts.len()).collect();
        let signatures = workers::map(options.workers, &new, |text| {
            signature::sign(collection.texts.text(*text), options.profile)
        });
        for signature in &signatures {
            collection.texts.signed(signature);
        }
    }
    let joined = join::join(&collection.texts, options);
    collection.counts.buckets_capped = joined.buckets_capped;
    collection.clusters(joined.forest, options)
}
