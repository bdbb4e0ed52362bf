//! Peers: other TAXII 2.1 servers that this office reads from and hands to.
//!
//! How a peer is reached stands in the configuration (`[[peers]]`, secrets by path); that it *is* read from or handed
//! to, under which marking and how often, is a person's decision and a leaf of the log. A cursor is kept with each
//! page, in the transaction that records it, so a kill at any point loses nothing and brings nothing in twice.

pub mod act;
pub mod api;
pub mod cli;
pub mod client;
pub mod cursor;
pub mod jobs;
pub mod pages;
pub mod push;
pub mod read;
