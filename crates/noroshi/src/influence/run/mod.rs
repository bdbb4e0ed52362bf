//! What an engine found in a collection, kept so that another team can recompute it.
//!
//! A run is asked for with its parameters, which have a digest; a job reads the collection, writes what it read into one
//! table of shares (accounts under pseudonyms, posts under numbers) whose digest is kept, asks the engine of
//! `noroshi-insight`, and writes the answer into a file of its own (`DATA/influence/runs/<run>.db`).

pub mod act;
pub mod api;
mod draw;
pub(super) mod engine;
mod finds;
pub mod pack;
pub mod pages;
pub mod read;
pub(super) mod relabel;
pub mod results;
mod rhythm;
mod sites;
mod spread;
pub mod tables;
mod wording;
