//! What may be seen?
//!
//! Looks through the records of network sensors for what a list of selectors names, keeps the mechanical
//! fields of what matched, and certifies how much it looked at, kept and let go. It opens nothing itself:
//! inputs and the sink are values, and so are time and identity.
//!
//! ```
//! use noroshi_sift::{digest::Digest, engine::*, index::SelectorIndex, mode::Mode, selector, store};
//! let (selectors, _) = selector::parse_list(b"203.0.113.5\nevil.example\n");
//! let log: &[u8] = b"{\"ts\":1790000000.5,\"id.orig_h\":\"192.0.2.7\",\"id.resp_h\":\"203.0.113.5\",\"uri\":\"/secret\"}\n";
//! let settings = Settings { sensor: "sensor-1".parse()?, own_networks: vec!["192.0.2.0/24".parse()?],
//!     retention_days: 90, program: Digest::of(b"build"), link: Link::FIRST, started_at: "2026-11-23T00:00:00Z".parse()? };
//! let mut engine = Engine::new(Mode::OwnNetwork, SelectorIndex::build(selectors)?, settings, Vec::new())?;
//! engine.read("conn.log", log)?;
//! let outcome = engine.finish("2026-11-23T00:00:09Z".parse()?)?;
//! assert!(outcome.certificate.balances() && outcome.certificate.tally.kept == 1);
//! assert!(!outcome.sink.windows(6).any(|bytes| bytes == b"secret"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is looked at
//!
//! | input | matched against the list |
//! |---|---|
//! | any Zeek log | `id.orig_h`, `id.resp_h`, and columns of type `addr` (in JSON, where types are not written: members named `src`, `dst`, `*_addr`, `*_hosts`, `*.orig_h`, `*.resp_h`, `*.host`, and `host`) |
//! | Zeek dns, http, ssl, quic | `query`, `answers`, `host`, `server_name` |
//! | EVE | `src_ip`, `dest_ip`; every `rrname`, `rdata` and `grouped` value of `dns`; `tls.sni`, `quic.sni`, `http.hostname` |
//!
//! Addresses inside messages (`x_originating_ip` and `path` of mail, `san.*` of certificates) are content and
//! are not looked at. One input record gives one mechanical record for each selector that matched it.
//!
//! # Invariants
//! - Content dies here: a raw line exists as [`sealed::Sealed`] only, and nothing that leaves the crate has a
//!   place for a name, a path or a payload ([`noroshi_evidence::mechanical`]).
//! - A problem carries offset and reason, never a byte of what was wrong. Nothing is logged.
//! - Every record seen is counted in exactly one place ([`certificate::Tally`]).
//! - A statutory mode begins with a verified mandate and in no other way ([`mandate::Mandated`]); what may be
//!   looked at is frozen before the first record (`gate`), and asked before any selector is looked up.
//! - Memory does not grow with the input: kept records are written out in row groups, all else is bounded.
//! - Refusals carry a stable code: `NRS-SIFT-00nn` to begin, `01nn` of a record, `02nn` of a list.

pub mod addresses;
mod bits;
mod bytes;
pub mod capture;
pub mod certificate;
pub mod chain;
pub mod digest;
pub mod engine;
pub mod export;
mod flow;
pub mod follow;
mod gate;
mod host;
pub mod index;
mod json;
pub mod kept;
mod lines;
pub mod mandate;
pub mod mode;
mod packed;
pub mod prefix;
pub mod problem;
pub mod proof;
pub mod pseudonym;
pub mod reading;
pub mod sealed;
pub mod selector;
pub mod sighting;
pub mod signature;
pub mod stix;
pub mod store;
pub mod switches;
pub mod table;
mod text;
mod view;
mod worker;
mod zeek;
