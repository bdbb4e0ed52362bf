//! What was done, and can a stranger prove it?
//!
//! The office writes a [`leaf::Leaf`] for everything it does. The leaves form a Merkle tree (RFC 6962) that is
//! published as static files (C2SP tlog-tiles) under a signed checkpoint. Whoever holds a copy of the files and the
//! key runs [`verify::verify`], or the program `noroshi-verify`, and needs to trust nobody else.
//!
//! ```
//! use noroshi_ledger::{checkpoint::Checkpoint, leaf, note, tile, tree};
//!
//! let signer = note::Signer::new("log.example/one", &[7; 32])?;
//! let mut frontier = tree::Frontier::new();
//! let mut nodes = std::collections::BTreeMap::new();
//! let entry = b"an encoded leaf".to_vec();
//! frontier.append(tree::leaf_hash(&entry), |n| { nodes.insert((n.level, n.index), n.hash); })?;
//!
//! let checkpoint = Checkpoint::new("log.example/one", frontier.size(), frontier.root());
//! let note = signer.sign(&checkpoint.to_string())?;
//! let node = |level, index| nodes.get(&(level, index)).copied();
//! let files = tile::files(0, frontier.size(), &note, |_| Some(entry.clone()), node)?;
//! let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
//! assert_eq!(paths, ["tile/entries/000.p/1", "tile/0/000.p/1", "checkpoint"]);
//! assert!(note::verify(note.as_bytes(), &[signer.vkey()]).is_ok());
//! # let _salted = leaf::commitment(&[0; 32], b"{}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants
//! - The library does no IO, has no clock and no randomness: files come through [`verify::Source`], seeds and salts
//!   are arguments. It depends on no other crate of the house, so that the verifier stays small enough to be read.
//! - Whatever is decoded has exactly one spelling; anything else is refused, never repaired.
//! - Hostile input never panics, and everything read has a named limit.
//! - A leaf holds no personal data: roles, counts, opaque identifiers and salted commitments.
//! - No rule accuses an entry before the tree over it is known to be the one that was signed.

pub mod certificate;
pub mod checkpoint;
pub mod digest;
pub mod leaf;
pub mod note;
pub mod render;
pub mod tile;
pub mod tree;
pub mod verify;
pub mod words;
