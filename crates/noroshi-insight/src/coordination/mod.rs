//! Which accounts act together more often than their activity explains?
//!
//! Accounts that share the same objects within seconds, again and again, may follow one hand. Many do so by chance: the
//! active meet the active, and what is popular is shared by many at once. The engine counts how often two accounts met,
//! says how often they would have met if every account kept its activity and every object its popularity, and calls
//! *edge* only what would be false at most as often as was asked for (Benjamini and Hochberg). Who repeats the same opinion
//! is not looked at: a link, a post or a cluster of texts is a number here.
//!
//! ```
//! use noroshi_insight::coordination::{analyse, Builder, Options, Share, Trace, TraceKind};
//! let mut builder = Builder::default();
//! let links = builder.trace(Trace::of(TraceKind::Url).window(60));
//! for (story, minute) in (0..12).zip((0_i64..).step_by(700)) {
//!     // Four accounts share every story within seconds; four hundred readers do so once in a while.
//!     for (account, second) in ["ash", "elm", "fir", "oak"].into_iter().zip(0..) {
//!         let (object, time_seconds) = (&format!("https://news.example/{story}"), minute * 60 + second);
//!         builder.share(links, &Share { object, account, post: "", time_seconds });
//!     }
//!     for reader in 0..40 {
//!         let (object, account) = (&format!("https://news.example/{story}"), &format!("reader {}", story * 31 + reader));
//!         builder.share(links, &Share { object, account, post: "", time_seconds: (minute + reader) * 60 });
//!     }
//! }
//! let records = builder.finish();
//! let answer = analyse(&records, &Options::default())?;
//! assert_eq!((answer.edges.len(), answer.groups.len()), (6, 1));
//! assert_eq!(records.accounts().name(answer.edges[0].a), "ash");
//! assert_eq!(answer.shuffled_copy.unwrap().edges, 0);
//! # Ok::<(), noroshi_insight::coordination::Refused>(())
//! ```
//!
//! Invariants
//! - The order of the input never matters; equal input, options and seed give equal output, byte for byte. Nor does it matter
//!   how accounts and objects are called (unless their source numbers them: there the numbers are all there is).
//! - Every edge carries what was expected, how unlikely what was seen is, and examples of it. Nothing that was seen was expected
//!   never, and no probability is 0.
//! - Levels end at strong coordination. Whether it is inauthentic, and who is behind it, is for people to say.
//! - Two posts are one meeting, however many objects both carry: a habit of ten tags is repeated once and not ten times.
//! - Memory and time are bounded by the shares, whatever a single object or account does; what is left out is counted.

mod analysis;
mod arithmetic;
mod candidates;
mod chance;
mod circles;
mod companions;
mod edges;
mod engine;
mod events;
pub mod export;
mod gaps;
pub mod generate;
mod groups;
mod leiden;
mod network;
mod options;
mod order;
pub mod peers;
pub mod stream;
pub mod tags;
mod tested;

pub use analysis::{
    Analysis, Companion, EXEMPLARS_MAX, Edge, Exemplar, Group, Leads, Level, Member, ShuffledCopy,
    TraceEvidence, TraceReport, VIRAL_MAX, WATCH_MAX, Watched,
};
pub use engine::analyse;
pub use events::{
    Builder, Event, FAR_SECONDS, Intake, NO_POST, Names, Records, SHARES_MAX, Share,
    TEXT_BYTES_MAX, Texts, TraceNumber, Traced,
};
pub use options::{
    Communities, FirstShare, LOOK_BACK_MAX, Models, Options, Refused, Semantics, Trace,
    TraceFamily, TraceKind, WINDOW_SECONDS_MAX, WINDOWS_MAX,
};

/// The community of each of `nodes` in an undirected network of edges `(node, node, weight)`, by modularity.
pub(crate) fn communities(nodes: usize, edges: &[(u32, u32, f64)]) -> Vec<u32> {
    let network = network::Network::of(nodes, edges);
    leiden::communities(&network, Communities::Modularity { resolution: 1.0 }, 0)
}
