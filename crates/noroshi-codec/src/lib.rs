//! How do others say it?
//!
//! One file a format, bytes to evidence and back. Pure: nothing is opened, fetched or executed here.
//!
//! ```
//! use noroshi_codec::stix::{decode_bundle, encode_bundle};
//! let text = br#"{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[
//!   {"type":"ipv4-addr","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"198.51.100.3"}]}"#;
//! let decoded = decode_bundle(text);
//! assert!(decoded.complete && decoded.problems.is_empty());
//! let again = encode_bundle(&decoded.id.unwrap(), &decoded.objects)?;
//! assert_eq!(decode_bundle(again.as_bytes()).objects, decoded.objects);
//! # Ok::<(), noroshi_codec::stix::NotABundleId>(())
//! ```
//!
//! Invariants
//! - Hostile bytes are survived: every decoder has named limits and answers with problems, never a panic.
//! - Lists are judged entry by entry; a bad entry is named with its place and costs only itself.
//! - Encoding is deterministic: same input, same bytes.

pub mod attack;
pub mod cacao;
pub mod csv;
pub mod dsse;
pub mod feed;
pub mod kev;
pub mod misp;
pub mod nft;
pub mod openc2;
pub mod posts;
pub mod rpz;
pub mod stix;
pub mod suricata;
pub mod syndication;
pub mod tongue;
pub mod veris;
pub mod warninglist;
pub mod zeek_intel;
